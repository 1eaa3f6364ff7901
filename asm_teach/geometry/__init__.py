"""Surfaces: meshes, landmarks on them, distances between them, what of them can be seen.

Comes in: points and triangles in millimetres. Goes out: a `Mesh`, nearest points, alignments, errors in millimetres.
Lesson 5 measures with it; lesson 6 needs the chart to be injective.
"""
