"""Interactive views for the notebooks. Not imported by `import asm_teach`: the core runs without a browser."""

from __future__ import annotations

from asm_teach.widgets.bone_panel import BonePanel
from asm_teach.widgets.viewer import Viewer

__all__ = ["BonePanel", "Viewer"]
