"""The Gaussians of a bone, to be dragged on the chart; the weights of eq. (2) follow on the face. Lessons 0, 2 and 4.

Comes in: an adaptive model. Goes out: the same model with other Gaussians, in colours, numbers and words: who holds a
place, whether weights add up to 1, and where plain exponentials fail.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
