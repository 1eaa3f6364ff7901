"""What a mesh file holds, as plain tensors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from torch import Tensor


@dataclass(frozen=True, eq=False)
class MeshRecord:
    """What a mesh file holds, before anybody has checked it; `asm_teach.geometry.mesh.Mesh` says what each field means.

    Attributes:
        vertices: (V, 3) float.
        faces: (F, 3) int64.
        uv: (U, 2) float, v up; one per vertex when `uv_faces` is None.
        uv_faces: (F, 3) int64 into `uv`.
        texture: (H, W, 3) float in [0, 1].
        quads: (Q, 4) int64.
        parts: name -> (n,) int64 indices into `faces`.
    """

    vertices: Tensor
    faces: Tensor
    uv: Tensor | None = None
    uv_faces: Tensor | None = None
    texture: Tensor | None = None
    quads: Tensor | None = None
    parts: Mapping[str, Tensor] = field(default_factory=dict)
