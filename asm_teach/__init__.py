"""asm_teach: how a face is modelled with bones, step by step (Adaptive Skinning Model, ICCV 2023).

The public names are listed in `__init__.pyi`, where editors and type checkers read them. They are loaded when first
used (Scientific Python's SPEC 1), so `import asm_teach` is quick and needs neither a notebook nor a display.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

import lazy_loader

from asm_teach.course import old_names

__version__ = "0.2.0"

_public, _, __all__ = lazy_loader.attach_stub(__name__, __file__)
__all__ = sorted([*__all__, "__version__"])

old_names.install()


def __getattr__(name: str) -> Any:
    # notebooks from before the rooms also wrote `asm.transforms.bind_matrices`
    return import_module(f"asm_teach.{name}") if name in old_names.MODULES else _public(name)


def __dir__() -> list[str]:
    return __all__
