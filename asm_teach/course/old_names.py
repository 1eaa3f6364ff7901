"""Keeps `from asm_teach.plots import look` working in notebooks written before the modules moved into rooms.

The package was once a flat list of modules. An import of an old name gives the same functions and classes, with a
DeprecationWarning that says where they are now. `asm_teach/__init__.py` calls `install`, which costs next to nothing:
the new module is imported when one of its names is first asked for.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Sequence
from importlib import import_module
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

# Where the modules that the lessons imported lie now: "old=new", or one word where the name stayed.
_ROOMS = {
    "base": "npz=arrays",
    "geometry": "alignment closest=closest_point mesh metrics sight=visibility",
    "model": "binding mixture morphable=linear transforms",
    "rendering": "camera edges interpolation raster renderer shading",
    "data": "assets",
    "fitting": "priors",
    "scan_fit": "scanclean=clean scanfit=fit",
    "view_fit": "agreement=skin_patches bundle cameras=camera_numbers photofit=refine phototerm=skin_term "
    "pointterm=landmark_term unknowns=movable_face views=view",
    "new_head": "marks=given_landmarks unwrap=chart_layout",
    "studies": "budget=bone_budget capacity contenders=scan_models demo newheads=new_heads subjects=scan_faces "
    "tables=scan_table viewcapacity=views viewmodels=view_models viewsets=view_cases zoomset=zoom",
    "drawing": "figures plots",
    "widgets.base": "widgets.colours=colours",
    "course.lessons": "course.lesson04=lesson04 course.lesson06=lesson06",
}
MODULES = {
    old: f"{room}.{new or old}"
    for room, names in _ROOMS.items()
    for old, _, new in (name.partition("=") for name in names.split())
}
# Names that are not in the module that `MODULES` gives; after a colon what a name has become.
NAMES = {
    "cameras.CameraState": "view_fit.camera_numbers:CameraNumbers",
    "metrics.align_points": "geometry.alignment",
    "metrics.closest_points": "geometry.closest_point",
    "mesh.chart_problems": "geometry.chart_check",
    "phototerm.PhotoTerm": "view_fit.skin_term:SkinTerm",
    "pointterm.PointTerm": "view_fit.landmark_term:LandmarkTerm",
    "views.sight": "view_fit.view:landmark_view",
}


class _OldModules:
    """A finder and loader of modules that hold nothing themselves and ask the moved ones."""

    @staticmethod
    def find_spec(name: str, path: Sequence[str] | None = None, target: ModuleType | None = None) -> ModuleSpec | None:
        package, _, old = name.partition(".")
        if package != "asm_teach" or old not in MODULES:
            return None
        return ModuleSpec(name, _OldModules)  # type: ignore[arg-type]  # a loader by its methods; its class imports much

    @staticmethod
    def create_module(spec: ModuleSpec) -> None:
        return None

    @staticmethod
    def exec_module(module: ModuleType) -> None:
        old = module.__name__.partition(".")[2]

        def get(name: str) -> Any:
            new, _, now = NAMES.get(f"{old}.{name}", MODULES[old]).partition(":")
            now = now or name
            found = {} if name.startswith("__") else vars(import_module(f"asm_teach.{new}"))
            if now not in found:
                raise AttributeError(f"module 'asm_teach.{old}' has no attribute {name!r}")
            words = f"asm_teach.{old} has moved: write `from asm_teach.{new} import {now}`"
            warnings.warn(words, DeprecationWarning, stacklevel=2)
            return found[now]

        vars(module)["__getattr__"] = get


def install() -> None:
    """Let Python ask here for a module of asm_teach that it does not find otherwise."""
    if _OldModules not in sys.meta_path:
        sys.meta_path.append(_OldModules)
