"""Landmarks: named points on a mesh.

A landmark on a mesh is a face and three barycentric coordinates, so it moves with the surface. The order of
68 points that most software uses is iBUG's: jaw, brows, nose, eyes, mouth, from the person's right to left.
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
        if not isinstance(self.faces, Tensor) or self.faces.shape != self.barycentric.shape[:1]:
            found = tuple(getattr(self.faces, "shape", ()))
            raise ValueError(
                f"faces has shape {found} for {len(self.barycentric)} rows of barycentric: give one face each"
            )
        _check_numbers(self.faces, "faces")
        total = self.barycentric.sum(-1)
        wrong = (total - 1).abs() > 1e-4
        if wrong.any():
            where = int(wrong.nonzero()[0])
            raise ValueError(
                f"barycentric: row {where} sums to {float(total[where]):.4g}, not 1: divide each row by it"
            )
        if self.names and len(self.names) != len(self.faces):
            raise ValueError(f"names has {len(self.names)} entries for {len(self.faces)} landmarks: name all or none")

    def __len__(self) -> int:
        return len(self.faces)

    @classmethod
    def from_vertices(cls, indices: Tensor, faces: Tensor, names: Sequence[str] = ()) -> LandmarkSet:
        """Landmarks that are vertices (L,) of the mesh: a corner of the first face that has each of them."""
        _check_numbers(indices, "indices")
        flat = faces.reshape(-1)
        never = len(flat)
        first = flat.new_full((int(max(faces.max(), indices.max())) + 1,), never)
        first = first.scatter_reduce(0, flat, torch.arange(never, device=flat.device), "amin")[indices]
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


def ibug68_names() -> tuple[str, ...]:
    """Names of the 68 points in iBUG's order; right and left are the person's own."""
    groups = (
        ("jaw", 17), ("right_brow", 5), ("left_brow", 5), ("nose_bridge", 4), ("nose_base", 5),
        ("right_eye", 6), ("left_eye", 6), ("outer_lip", 12), ("inner_lip", 8),
    )  # fmt: skip
    return tuple(f"{name}_{i}" for name, count in groups for i in range(count))


def require_ibug68(points: Tensor) -> None:
    """Raise a ValueError unless points (68, 3), x to the person's left, y up, are a face in iBUG's order."""
    check_points(points, "points", 3)
    if len(points) != 68:
        raise ValueError(f"points has {len(points)} rows: iBUG's order has 68 points")
    x, y, z = points.unbind(-1)
    facts = {
        "the jaw runs from the person's right to the left": x[0] < x[4] < x[8] < x[12] < x[16],
        "the right brow and eye lie on the person's right": max(x[17:22].max(), x[36:42].max()) < x[27],
        "the left brow and eye lie on the person's left": min(x[22:27].min(), x[42:48].min()) > x[27],
        "each brow lies above its eye": y[17:22].mean() > y[36:42].max() and y[22:27].mean() > y[42:48].max(),
        "the corners of the eyes come first and fourth": x[36] < x[39] < x[42] < x[45],
        "the bridge of the nose runs down to its tip": y[27] > y[28] > y[29] > y[30],
        "the tip of the nose lies in front of the jaw": z[30] > z[:17].max(),
        "the corners of the mouth come first and seventh": x[48] < x[51] < x[54] and x[60] < x[62] < x[64],
        "nose, lips and chin follow from top to bottom": y[33] > y[51] > y[57] > y[8],
    }
    wrong = [fact for fact, true in facts.items() if not true]
    if wrong:
        raise ValueError(f"points: not a face in iBUG's order, it is not true that {wrong[0]}; reorder them")


def _check_numbers(x: Tensor, name: str) -> None:
    if x.dtype != torch.int64 or (x < 0).any():
        raise ValueError(f"{name}: found {x.dtype} from {x.min().item()}: give int64 numbers, counted from 0")
