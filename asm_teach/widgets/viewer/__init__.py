"""Meshes in 3D: one, several side by side, or one over the other. All lessons from 0 on show faces in it.

Comes in: a `Mesh` or name -> `Mesh`, numbers per vertex to colour it by, the places of bones. Goes out: a `Viewer` for
mouse and keyboard, its read-out in words, and a still picture; `on_pick` tells which point of the face was clicked.
"""
