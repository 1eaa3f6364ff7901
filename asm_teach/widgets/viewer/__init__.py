"""Meshes in 3D: one, several side by side, or one over the other, with colours, bones, edges and a still picture."""
