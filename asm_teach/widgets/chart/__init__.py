"""The chart: triangles in UV space with Gaussians and points to drag, beside the face they belong to. Lessons 2, 3."""
