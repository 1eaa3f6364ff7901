"""Polygons of a mesh file to triangles, equal corners to one, and what is broken left out, each time with a note."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from asm_teach.base.arrays import Ints
from asm_teach.base.checks import check_polygons
from asm_teach.formats.mesh_record import MeshRecord

MOST_BROKEN = 0.01
"""Share of the triangles that may be broken for the others to be taken."""


def fans(sides: Ints) -> tuple[Ints | None, Ints]:
    """Cut polygons of so many sides each into fans of triangles.

    Args:
        sides: (P,) how many corners each polygon has, all corners one after the other; fewer than three give nothing.

    Returns:
        which three of all corners are those of each triangle (T, 3), None where there are only triangles, and which
        four those of each quad (Q, 4).
    """
    if (sides == 3).all():
        return None, np.empty((0, 4), np.int64)
    start, count = sides.cumsum() - sides, np.maximum(sides - 2, 0)
    first = np.repeat(start, count)
    step = np.arange(len(first)) - np.repeat(count.cumsum() - count, count)
    return np.stack([first, first + step + 1, first + step + 2], -1), start[sides == 4][:, None] + np.arange(4)


def of_triangles(values: NDArray[Any], rows: Ints | None) -> NDArray[Any]:
    """What the corners of triangles have (T, 3), of what all corners have (C,); rows: as `fans` gives them."""
    return values.reshape(-1, 3) if rows is None else values[rows]


def weld(rows: NDArray[Any]) -> tuple[NDArray[Any], Ints]:
    """Different rows of floating-point numbers (n, k), k >= 2, as they come, and which of them each row is (n,)."""
    bits = (rows + rows.dtype.type(0)).view(f"u{rows.itemsize}")  # + 0 makes one zero of two
    if rows.itemsize > 4:  # numbers of 64 bits by their place in order, so that two of them fit in 64 bits
        bits = np.stack([np.unique(column, return_inverse=True)[1] for column in bits.T], 1)
    bits = bits.astype(np.uint64)
    key = bits[:, 0]
    for column in bits.T[1:]:
        _, first, inverse = np.unique(key << np.uint64(32) | column, return_index=True, return_inverse=True)
        key = inverse.astype(np.uint64)
    order = np.argsort(first)
    number = np.empty(len(order), np.int64)
    number[order] = np.arange(len(order))
    return rows[first[order]], number[inverse]


def whole_numbers(values: NDArray[Any], what: str) -> Ints:
    """Numbers of a file as int64. Raises a ValueError if one is no whole number."""
    if values.dtype.kind not in "iu":
        odd = ~(np.abs(values) < 2.0**53) | (values != np.round(values))
        if odd.any():
            raise ValueError(f"{what} {values[odd][0]:g} is no whole number: the file is damaged; export it again")
    return values.astype(np.int64, copy=False)


def without_broken(mesh: MeshRecord) -> MeshRecord:
    """Leave out vertices that are NaN or infinite and the triangles that use them, if those are few, and say so.

    The vertices keep their numbers, which landmarks may name: a broken one, which then nothing uses, is put where a
    good one is. Triangles without area stay, as they do no harm and the numbers of the others would change.

    Raises:
        ValueError: more than a hundredth of the triangles use a broken vertex.
    """
    mesh = _without_broken_uv(mesh)
    good = torch.isfinite(mesh.vertices).all(-1)
    if good.all():
        return mesh
    check_polygons(mesh.faces, "faces", 3, len(good), "vertices")
    kept = good[mesh.faces].all(-1)
    broken = int((~kept).sum())
    if broken > MOST_BROKEN * len(kept):
        corners = mesh.faces[~kept].reshape(-1)
        first = int(corners[~good[corners]][0])
        raise ValueError(
            f"vertices: row {first} is {mesh.vertices[first].tolist()}, and {int((~good).sum())} of {len(good)} rows "
            f"hold NaN or infinite numbers, which {broken} of {len(kept)} triangles use; remove or repair them first"
        )
    also = f" and {counted(broken, 'triangle')} that used them" if broken else ", which no triangle uses"
    note = f"left out {counted(int((~good).sum()), 'vertex')} with NaN or infinite numbers (the first: row "
    note += f"{int((~good).nonzero()[0])}){also}"
    vertices = torch.where(good[:, None], mesh.vertices, mesh.vertices[int(good.nonzero()[0])])
    return replace(_keep_faces(mesh, kept), vertices=vertices, notes=(*mesh.notes, note))


def counted(count: int, word: str) -> str:
    """A number of things in words, for a note."""
    many = "vertices" if word == "vertex" else f"{word}s"
    return f"{count:,} {word if count == 1 else many}"


def _without_broken_uv(mesh: MeshRecord) -> MeshRecord:
    if mesh.uv is None or bool(torch.isfinite(mesh.uv).all()):
        return mesh
    bad = int((~torch.isfinite(mesh.uv).all(-1)).sum())
    note = f"left out the UV: {bad:,} of its {len(mesh.uv):,} rows hold NaN or infinite numbers"
    return replace(mesh, uv=None, uv_faces=None, notes=(*mesh.notes, note))


def _keep_faces(mesh: MeshRecord, kept: Tensor) -> MeshRecord:
    if kept.all():
        return mesh
    number, quads = kept.cumsum(0) - 1, mesh.quads
    if quads is not None:
        quads = quads[torch.isfinite(mesh.vertices[quads]).all(-1).all(-1)]
    left = {name: number[rows[kept[rows]]] for name, rows in mesh.parts.items()}
    return replace(
        mesh,
        faces=mesh.faces[kept],
        uv_faces=None if mesh.uv_faces is None else mesh.uv_faces[kept],
        quads=quads if quads is not None and len(quads) else None,
        parts={name: rows for name, rows in left.items() if len(rows)},
    )
