"""Interactive views for the notebooks: meshes in 3D, bones, weights, charts, fits, heads that perform, speak, are read.

    from asm_teach.widgets import Viewer

Comes in: meshes, models and fits. Goes out: widgets, each with a text read-out and a still picture for a saved
notebook. The names are loaded when first used; `import asm_teach` needs no browser. Lessons 0 to 17 use them.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

import lazy_loader

_WITHOUT_3D = (
    "PinholeView",
    "Playground",
    "SentenceEditor",
    "ShortcutExplorer",
    "SpeechTimeline",
    "TrackPlayer",
)  # they need no library that `early` opens on the page

_load, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)


def __getattr__(name: str) -> Any:
    if name in __all__ and name not in _WITHOUT_3D:
        import_module("asm_teach.widgets.base.early")
    return _load(name)
