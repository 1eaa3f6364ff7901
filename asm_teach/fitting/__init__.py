"""What every fit shares: its result and history, priors, unknowns, energies and second-order steps.

Comes in: a model and what its vertices should come to. Goes out: the model moved, with a history. Lesson 5 builds the
steps by hand; lessons 6 and 8 use them.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
