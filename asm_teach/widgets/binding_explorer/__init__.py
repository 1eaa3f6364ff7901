"""A bone to be slid over the chart; its pivot follows over the skin by eq. (3). Lesson 3.

Comes in: an adaptive model. Goes out: the same model with the bone at another place, the triangle that binds it, and
how the derivative jumps at the edges of triangles, as a plot and in words.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
