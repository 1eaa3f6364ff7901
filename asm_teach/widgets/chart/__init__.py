"""The chart: the face's triangles in UV space, with Gaussians and points to drag, beside the face. Lessons 2 and 3.

Comes in: an adaptive model. Goes out: a `ChartView` that reports each item a person moves, and `Explorer`, the base of
both explorers. What the browser does is in the `chart*.js` files.
"""
