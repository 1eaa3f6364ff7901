"""What a mesh file holds, as plain tensors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from asm_teach.formats.units import far_middle


@dataclass(frozen=True, eq=False)
class MeshRecord:
    """What a mesh file holds, before anybody has checked it; `asm_teach.geometry.mesh.Mesh` says what each field means.

    Attributes:
        vertices: (V, 3) float32, or float64 where they lie so far from the origin that float32 would round them.
        faces: (F, 3) int64.
        uv: (U, 2) float, v up; one per vertex when `uv_faces` is None.
        uv_faces: (F, 3) int64 into `uv`.
        texture: (H, W, 3) float in [0, 1].
        quads: (Q, 4) int64.
        parts: name -> (n,) int64 indices into `faces`.
        notes: what the reader left out, in sentences.
    """

    vertices: Tensor
    faces: Tensor
    uv: Tensor | None = None
    uv_faces: Tensor | None = None
    texture: Tensor | None = None
    quads: Tensor | None = None
    parts: Mapping[str, Tensor] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def vertex_tensor(points: NDArray[Any]) -> Tensor:
    """Vertices (V, 3) of any type as float32, or as float64 where they lie too far from the origin for float32."""
    if points.dtype.itemsize > 4 and far_middle(points.astype(np.float64, copy=False)) is not None:
        return torch.from_numpy(np.array(points, dtype=np.float64))
    return float32_tensor(points)


def float32_tensor(array: NDArray[Any]) -> Tensor:
    """An array of any type as float32; what float32 cannot hold becomes infinite, which `Mesh` refuses."""
    with np.errstate(over="ignore"):
        return torch.from_numpy(np.array(array, dtype=np.float32, order="C"))
