"""Landmarks: named points on a mesh.

A landmark on a mesh is a face and three barycentric coordinates, so it moves with the surface.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from asm_teach.base.checks import check_indices, check_points


@dataclass(frozen=True, eq=False)
class LandmarkSet:
    """Points that stay on a surface while it moves.

    Attributes:
        faces: (L,) int64, the face each point lies in.
        barycentric: (L, 3) float, its weights for the three corners; rows sum to 1.
        names: L names, or none.
    """

    faces: Tensor
    barycentric: Tensor
    names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_points(self.barycentric, "barycentric", 3)
        found, count = tuple(getattr(self.faces, "shape", ())), len(self.barycentric)
        if found != (count,):
            raise ValueError(f"faces has shape {found} for {count} rows of barycentric: give one face each")
        _check_numbers(self.faces, "faces")
        total = self.barycentric.sum(-1)
        wrong = (total - 1).abs() > 1e-4
        if wrong.any():
            where = int(wrong.nonzero()[0])
            raise ValueError(f"barycentric: row {where} sums to {total[where].item():.4g}, not 1: divide it by that")
        if self.names and len(self.names) != len(self.faces):
            raise ValueError(f"names has {len(self.names)} entries for {len(self.faces)} landmarks: name all or none")

    def __len__(self) -> int:
        return len(self.faces)

    @classmethod
    def from_vertices(cls, indices: Tensor, faces: Tensor, names: Sequence[str] = ()) -> LandmarkSet:
        """Landmarks that are vertices (L,) of the mesh: a corner of the first face that has each of them."""
        _check_numbers(indices, "indices")
        flat = faces.reshape(-1)
        never, count = len(flat), int(faces.max()) + 1  # what lies beyond is in no face, however large its number
        first = flat.new_full((count + 1,), never)
        first = first.scatter_reduce(0, flat, torch.arange(never, device=flat.device), "amin")[indices.clamp(max=count)]
        if (first == never).any():
            lost = int(indices[first == never][0])
            raise ValueError(f"indices: vertex {lost} belongs to no face of this mesh; choose another")
        return cls(first // 3, torch.eye(3, device=flat.device)[first % 3], tuple(names))

    def points(self, vertices: Tensor, mesh_faces: Tensor) -> Tensor:
        """Positions (..., L, 3) on a mesh with vertices (..., V, 3) and faces (F, 3); differentiable."""
        if len(self.faces) and int(self.faces.max()) >= len(mesh_faces):
            raise ValueError(
                f"mesh_faces has {len(mesh_faces)} faces, but a landmark lies in {int(self.faces.max())}: "
                "these landmarks belong to another mesh"
            )
        corners = vertices[..., mesh_faces[self.faces], :]  # (..., L, 3, 3)
        weights = self.barycentric.to(vertices)
        return (weights[..., None] * corners).sum(-2)

    def nearest_vertices(self, mesh_faces: Tensor) -> Tensor:
        """For each landmark the corner (L,) of its face with the greatest weight."""
        return mesh_faces[self.faces, self.barycentric.argmax(-1)]

    def subset(self, indices: Sequence[int] | Tensor) -> LandmarkSet:
        """The landmarks with these numbers, in this order."""
        chosen = torch.as_tensor(indices, dtype=torch.int64, device=self.faces.device)
        check_indices(chosen, "indices", len(self), "the landmarks")
        names = tuple(self.names[i] for i in chosen.tolist()) if self.names else ()
        return LandmarkSet(self.faces[chosen], self.barycentric[chosen], names)

    def to(self, device: torch.device | str | None = None, dtype: torch.dtype | None = None) -> LandmarkSet:
        """The same landmarks on another device or with another floating-point type."""
        return LandmarkSet(self.faces.to(device), self.barycentric.to(device=device, dtype=dtype), self.names)


def _check_numbers(x: Tensor, name: str) -> None:
    if x.ndim != 1 or not len(x):
        raise ValueError(f"{name}: found shape {tuple(x.shape)}: give (L,) numbers, one or more")
    if x.dtype != torch.int64 or (x < 0).any():
        raise ValueError(f"{name}: found {x.dtype} from {x.min().item()}: give int64 numbers, counted from 0")
