"""The model itself: bones that move, weights that are Gaussian mixtures, bones bound to the surface.

Comes in: a mesh with a chart and a rig. Goes out: moved vertices, with gradients for every parameter. Equations (1) to
(3) of the method, built by hand in lessons 1 (transforms, skinning), 2 (mixture), 3 (binding) and 4 (adaptive); the
linear model that it is compared with is lesson 5's.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
