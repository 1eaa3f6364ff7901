"""Landmarks: named points on a mesh, and readers for points in files.

A landmark on a mesh is a face and three barycentric coordinates, so it moves with the surface. The order of
68 points that most software uses is iBUG's: jaw, brows, nose, eyes, mouth, from the person's right to left.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import NamedTuple

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


class LabelledPoints(NamedTuple):
    """Points (n, 3) or (n, 2) of a file, NaN where a point is not marked, and the indices of each label."""

    points: Tensor
    labels: Mapping[str, Tensor]


def read_ljson(path: str | PathLike[str], group: str | None = None) -> LabelledPoints:
    """Read a menpo landmark file (`.ljson`, version 2 or 3); points as (x, y, z), or (x, y) in a picture.

    Raises:
        ValueError: the file is of another kind or cut off, has no such group, or a label names no point.
    """
    path = Path(path)
    try:
        content = json.loads(path.read_text("utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path.name}: this is no landmark file, or it is cut off ({error}); fetch it again") from None
    try:
        if content["version"] == 3:
            groups = content["groups"]
            if group is None and len(groups) == 1:
                (group,) = groups
            if group not in groups:
                raise ValueError(f"{path.name}: group={group!r} was asked for, but its groups are {sorted(groups)}")
            content = groups[group]
        elif content["version"] != 2:
            raise ValueError(f"{path.name}: version {content['version']} was found; versions 2 and 3 can be read")
        rows = [[float("nan") if x is None else float(x) for x in row] for row in content["landmarks"]["points"]]
        labels = {entry["label"]: torch.tensor(_indices(entry["mask"])) for entry in content["labels"]}
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(
            f"{path.name}: this is JSON, but not a landmark file ({type(error).__name__}: {error})"
        ) from None
    widths = {len(row) for row in rows}
    if len(widths) != 1 or not widths <= {2, 3}:
        raise ValueError(f"{path.name}: {len(rows)} points of {sorted(widths)} numbers were found; 2 or 3 are needed")
    for label, indices in labels.items():
        check_indices(indices, f"{path.name}: label {label!r}", len(rows), "the points")
    points = torch.tensor(rows, dtype=torch.float32)
    # menpo counts rows before columns: a point of a picture is stored as (y, x).
    return LabelledPoints(points.flip(-1) if points.shape[-1] == 2 else points, labels)


def read_tem(path: str | PathLike[str]) -> Tensor:
    """Read a WebMorph or Psychomorph template (`.tem`): points (n, 2) as (x, y) in pixels, origin upper left.

    The lines that join the points are not read.

    Raises:
        ValueError: the file does not begin with a count, or has fewer points than that.
    """
    path = Path(path)
    rows = [line.split() for line in path.read_text("utf-8", errors="replace").splitlines() if line.strip()]
    try:
        (count,) = map(int, rows[0])
    except (IndexError, ValueError):
        raise ValueError(
            f"{path.name}: a template begins with the number of its points; this is another file"
        ) from None
    points = []
    for number, row in enumerate(rows[1 : count + 1], 1):
        try:
            x, y = map(float, row)
        except ValueError:
            raise ValueError(
                f"{path.name}: point {number} of {count} is {' '.join(row)!r}, not two numbers; fetch it again"
            ) from None
        points.append((x, y))
    if count < 1 or len(points) < count:
        raise ValueError(
            f"{path.name}: {count} points are announced and {len(points)} found: it is cut off; fetch it again"
        )
    return torch.tensor(points, dtype=torch.float32)


def ibug68_names() -> tuple[str, ...]:
    """Names of the 68 points in iBUG's order; right and left are the person's own."""
    groups = (
        ("jaw", 17), ("right_brow", 5), ("left_brow", 5), ("nose_bridge", 4), ("nose_base", 5),
        ("right_eye", 6), ("left_eye", 6), ("outer_lip", 12), ("inner_lip", 8),
    )  # fmt: skip
    return tuple(f"{name}_{i}" for name, count in groups for i in range(count))


def ibug68(labelled: LabelledPoints) -> Tensor:
    """Put 68 labelled points (x, y, z), +x the person's left and +y up, into iBUG's order.

    The labels say right and left as a viewer sees the face, so `leye` is the person's right eye. That is
    checked on the points themselves.

    Raises:
        ValueError: labels or counts are others, or the points do not lie as those of a face.
    """
    order = {"chin": 17, "leyebrow": 5, "reyebrow": 5, "nose": 9, "leye": 6, "reye": 6, "mouth": 20}
    found = {label: len(indices) for label, indices in labelled.labels.items()}
    if found != order:
        raise ValueError(f"labelled: labels and counts {found} were found; {order} are needed")
    points = labelled.points[torch.cat([labelled.labels[label] for label in order])]
    require_ibug68(points)
    return points


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


def _indices(mask: list[int] | list[bool]) -> list[int]:
    if mask and isinstance(mask[0], bool):
        return [i for i, there in enumerate(mask) if there]
    return [int(i) for i in mask]
