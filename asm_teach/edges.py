"""Edges that a picture can be differentiated by: antialiasing of silhouettes. Derived in lesson 7.

A pixel shows one triangle or another, so a picture jumps where an outline passes a pixel's centre, and its derivative
knows nothing of it. The repair follows Laine et al., "Modular primitives for high-performance differentiable
rendering", ACM Transactions on Graphics 39(6), 2020: where an outline passes between two neighbouring pixels, at a
share t of the way from the one it bounds to the other, it covers t - 1/2 of the other one (t > 1/2), or leaves
1/2 - t of its own one to what lies behind. The picture then changes evenly as the outline moves, at the rate of the
difference between the two colours, and t is differentiable in the vertices.

They look for the outline among the sides of the triangle that a pixel shows. Here each outline looks for its pixels:
seen nearly edge on, the triangles along the rim of a head are too thin to be shown by any pixel.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from asm_teach.checks import check_polygons
from asm_teach.raster import Raster, unroll

_LEAST = 0.01  # of the trust in a direction; below, it is not followed


class Edges(NamedTuple):
    """The edges of a mesh: ends (E, 2), the vertices of each; across (E, 2), the third corners of its two faces.

    At the border of a mesh the second is -1. An edge of three faces or more stands there once for each, as a border.
    """

    ends: Tensor
    across: Tensor


def mesh_edges(faces: Tensor, vertices: Tensor | None = None) -> Edges:
    """Find the edges of faces (F, 3); they depend on the topology alone, so do it once for many pictures.

    With `vertices` (V, 3), those at the same place count as one: a mesh that was cut open along the seams of its
    texture has no border there.

    Raises:
        ValueError: wrong shapes or types.
    """
    count = int(faces.max()) + 1 if faces.numel() else 1
    check_polygons(faces, "faces", 3, count if vertices is None else len(vertices), "vertices")
    place = faces
    if vertices is not None:
        same, count = torch.unique(vertices.detach(), dim=0, return_inverse=True)[1], len(vertices)
        place = same[faces]
    turns = [(0, 1, 2), (1, 2, 0), (2, 0, 1)]
    corners = torch.cat([faces[:, turn] for turn in turns])  # (3 F, 3): two ends and the corner across
    places = torch.cat([place[:, turn[:2]] for turn in turns])
    key, order = (places.amin(1) * count + places.amax(1)).sort()
    corners = corners[order[places[order, 0] != places[order, 1]]]
    key = key[places[order, 0] != places[order, 1]]
    _, number, faces_there = torch.unique_consecutive(key, return_inverse=True, return_counts=True)
    shared = faces_there[number] == 2
    first, second = corners[shared].view(-1, 2, 3).unbind(1)
    border = corners[~shared]
    ends = torch.cat([first[:, :2], border[:, :2]])
    across = torch.cat([torch.stack([first[:, 2], second[:, 2]], 1), border[:, 2:].repeat(1, 2)])
    across[len(first) :, 1] = -1
    return Edges(ends, across)


def antialias(picture: Tensor, raster: Raster, edges: Edges) -> Tensor:
    """A picture (H, W, C) of what a raster shows, with its outlines drawn smoothly: (H, W, C).

    Differentiable in the picture and, through the outlines, in the vertices and the camera. Outlines that
    reach behind the camera stay as they are.

    Raises:
        ValueError: a picture of another size than the raster.
    """
    height, width = raster.face.shape
    if picture.ndim != 3 or picture.shape[:2] != raster.face.shape:
        raise ValueError(
            f"picture has shape {tuple(picture.shape)}: this raster is ({height}, {width}), give (H, W, C)"
        )
    start, end = _outlines(raster.points, edges)
    depth = raster.depth.detach().view(-1)
    # Along rows an outline moves steadily when it is steep, along columns when it is flat. Both count, the better one
    # far more: a sharp choice would jump from edge to edge where an outline of many short edges turns.
    steepness = (end - start)[:, :2].square().square()
    steepness = steepness / steepness.sum(1, keepdim=True)
    parts = []
    for steep, (wide, tall) in ((True, (width, height)), (False, (height, width))):
        trust = steepness[:, 1 if steep else 0]
        chosen = (trust > _LEAST).nonzero().squeeze(1)
        axes = [0, 1, 2] if steep else [1, 0, 2]
        line, own, other, crossing, nearness, owner = _crossings(
            start[chosen][:, axes], end[chosen][:, axes], steep, wide, tall
        )
        # The outline is seen where its own surface shows on the one side and something farther off on the other.
        pixel, beyond = ((line * width + n) if steep else (n * width + line) for n in (own, other))
        at, behind = 1 / nearness.detach(), depth[beyond]
        seen = (behind > at) & ((depth[pixel] - at).abs() < behind - at)
        pair = 2 * torch.minimum(pixel, beyond) + steep
        share = (crossing - own).abs()
        parts.append([values[seen] for values in (pixel, beyond, pair, at, share, trust[chosen][owner])])
    pixel, beyond, pair, at, share, trust = (torch.cat(values) for values in zip(*parts, strict=True))
    nearest = _nearest_of_each(pair, at, 2 * height * width)
    mixed = _mix(picture.reshape(height * width, -1), *(x[nearest] for x in (pixel, beyond, share, trust)))
    return mixed.view(picture.shape)


def _mix(colours: Tensor, pixel: Tensor, beyond: Tensor, share: Tensor, trust: Tensor) -> Tensor:
    """Colours (H W, C) with outlines between n pixels and those beyond them, at a share (n,) of the way."""
    spills = share > 0.5
    target, source = torch.where(spills, beyond, pixel), torch.where(spills, pixel, beyond)
    difference = colours.index_select(0, source) - colours.index_select(0, target)
    part = torch.where(spills, share - 0.5, 0.5 - share)  # not abs, whose derivative at zero is none
    return colours.index_add(0, target, (trust * part)[:, None] * difference)


def _nearest_of_each(pair: Tensor, at: Tensor, count: int) -> Tensor:
    """Of outlines between the same two pixels the one nearest to the camera, and of equal ones the first."""
    key = (at.float().view(torch.int32).long() << 32) + torch.arange(len(pair), device=pair.device)
    best = torch.full((count,), torch.iinfo(torch.int64).max, device=pair.device)
    best.scatter_reduce_(0, pair, key, "amin")
    return (best[pair] == key).nonzero().squeeze(1)


def _outlines(points: Tensor, edges: Edges) -> tuple[Tensor, Tensor]:
    """Start and end (S, 3) of the outlines as column, row and 1 / depth, with their faces on the left seen from there.

    An edge is an outline if both its faces lie on one side of it on the screen, or if it has but one.
    """
    with torch.no_grad():
        a, b = (points[edges.ends[:, k]] for k in (0, 1))
        normal = torch.linalg.cross(a, b)
        side, side2 = ((normal * points[edges.across[:, k]]).sum(1) for k in (0, 1))
        border = edges.across[:, 1] < 0
        kept = (torch.where(border, side.abs(), side * side2) > 0) & (a[:, 2] > 0) & (b[:, 2] > 0)
        ends = edges.ends[kept]
        ends = torch.where((side[kept] > 0)[:, None], ends, ends.flip(1))
    corners = points[ends]  # (S, 2, 3)
    near = 1 / corners[..., 2:]
    return torch.cat([corners[..., :2] * near, near], 2).unbind(1)


def _crossings(
    start: Tensor, end: Tensor, steep: bool, width: int, height: int
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Where outlines (S, 3) cross the rows of pixel centres: row, the pixel on their face's side and the one beyond,
    the column of the crossing (a pixel's centre being whole), 1 / depth there, and which outline it is; (n,) each.
    """
    with torch.no_grad():
        low, high = torch.minimum(start[:, 1], end[:, 1]), torch.maximum(start[:, 1], end[:, 1])
        first = (low - 0.5).ceil().clamp(0, height)
        count = ((high - 0.5).ceil().clamp(0, height) - first).long()
        owner, number = unroll(count)
        row = first.long()[owner] + number
    a, b = start[owner], end[owner]
    way = (row + 0.5 - a[:, 1]) / (b[:, 1] - a[:, 1])
    column, nearness = (a[:, k] + way * (b[:, k] - a[:, k]) for k in (0, 2))
    column = column - 0.5
    left = column.detach().floor()
    kept = ((left >= 0) & (left < width - 1)).nonzero().squeeze(1)
    left, to_right = left[kept].long(), ((a[:, 1] > b[:, 1]) == steep)[kept].long()
    return row[kept], left + to_right, left + 1 - to_right, column[kept], nearness[kept], owner[kept]
