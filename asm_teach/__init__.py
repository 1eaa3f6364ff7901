"""asm_teach: how a face is modelled with bones, step by step (Adaptive Skinning Model, ICCV 2023).

The names below are the public ones. They are loaded when first used, so that `import asm_teach` is quick and needs
neither a notebook nor a display.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_HOMES = {
    "mesh": ("Mesh",),
    "meshio": ("read_mesh",),
    "landmarks": ("LandmarkSet",),
    "data": ("Head", "load_head"),
    "assets": ("AssetUnavailable", "fetch", "list_assets"),
    "scans": ("load_photographs", "load_scan"),
    "transforms": ("Rig",),
    "skinning": ("linear_blend_skinning",),
    "mixture": ("mixture_weights",),
    "binding": ("Chart",),
    "model": ("AdaptiveSkinningModel", "StaticSkinningModel"),
    "storage": ("load_model", "save"),
    "camera": ("Camera", "look_at", "pose_from_landmarks"),
    "metrics": ("face_region", "scan_error", "vertex_error"),
    "fitting": ("Fit",),
    "priors": ("Prior",),
    "scanfit": ("fit_scan",),
    "placing": ("place_scan",),
    "topology": ("prepare_head",),
    "marks": ("read_marks",),
    "morphable": ("LinearMorphableModel",),
    "morphfit": ("fit_morphable",),
    "viewfit": ("fit_views",),
    "views": ("View",),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}

__all__ = sorted([*_HOME_OF, "__version__"])


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module 'asm_teach' has no attribute {name!r}")
    return getattr(import_module(f"asm_teach.{_HOME_OF[name]}"), name)


def __dir__() -> list[str]:
    return __all__
