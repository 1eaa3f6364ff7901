"""Imported before everything else a widget needs: lets the page load its 3D library while the kernel loads PyTorch.

A page fetches a library when the first widget of it is opened, which would otherwise be after all imports.
"""

from __future__ import annotations

from asm_teach.widgets.base import three
from asm_teach.widgets.base.shown import keys

OPENED = (keys(), three.Object3D())  # in no scene: opening them is all they are for
