"""Interactive views for the notebooks. Not imported by `import asm_teach`: the core runs without a browser.

Each is loaded when it is first used: the page of the playground needs no widgets to be written.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_HOMES = {
    "BindingExplorer": "binding_explorer",
    "BonePanel": "bone_panel",
    "FitWatcher": "fit_watcher",
    "PinholeView": "pinhole",
    "Playground": "playground",
    "Viewer": "viewer",
    "WeightExplorer": "weight_explorer",
}
_WITHOUT_3D = ("PinholeView", "Playground")  # of the library that `early` opens on the page

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'asm_teach.widgets' has no attribute {name!r}")
    if name not in _WITHOUT_3D:
        import_module("asm_teach.widgets.early")
    return getattr(import_module(f"asm_teach.widgets.{_HOMES[name]}"), name)
