"""What the toolkit learns and is measured from: embedded heads, sampled people, scans and photographs to fetch.

Comes in: a name. Goes out: a `Head`, a scan or photographs, in millimetres, with their licence. Every lesson uses it.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
