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

from asm_teach.base.arrays import unroll
from asm_teach.base.checks import check_polygons
from asm_teach.geometry.mesh_edges import edge_list
from asm_teach.rendering.raster import Raster

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
    count = len(vertices) if vertices is not None else int(faces.max()) + 1 if faces.numel() else 1
    check_polygons(faces, "faces", 3, count, "vertices")
    place = faces if vertices is None else torch.unique(vertices.detach(), dim=0, return_inverse=True)[1][faces]
    edges = edge_list(place)
    number, order = edges.of_face.T.flatten().sort(stable=True)
    proper, shared = edges.ends[number, 0] != edges.ends[number, 1], edges.uses[number] == 2
    corners = torch.cat(
        [faces[:, turn] for turn in ([0, 1, 2], [1, 2, 0], [2, 0, 1])]
    )  # (3 F, 3): two ends and the corner across
    first, second = corners[order[proper & shared]].view(-1, 2, 3).unbind(1)
    border = corners[order[proper & ~shared]]
    ends = torch.cat([first[:, :2], border[:, :2]])
    across = torch.cat([torch.stack([first[:, 2], second[:, 2]], 1), border[:, 2:].repeat(1, 2)])
    across[len(first) :, 1] = -1
    return Edges(ends, across)


def antialias(picture: Tensor, raster: Raster, edges: Edges) -> Tensor:
    """A picture (H, W, C) of what a raster shows, with its outlines drawn smoothly, eq. (7.5): (H, W, C).

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
    with torch.no_grad():
        points = raster.points.detach().contiguous()  # rows that lie in one piece are gathered ten times as fast
        ends = _outlines(points, edges)
        parts = [_passages(points[ends], raster, steep) for steep in (True, False)]
        found = _Passages(*(torch.cat(values) for values in zip(*parts, strict=True)))
        nearest = _nearest_of_each(
            2 * torch.minimum(found.pixel, found.beyond) + found.steep, found.depth, 2 * width * height
        )
        pixel, beyond, steep, edge, line, own, _ = (values[nearest] for values in found)
    # What depends on the vertices, for the few passages that are left.
    corners = raster.points.index_select(0, ends[edge].T.reshape(-1))
    screen = (corners[:, :2] / corners[:, 2:]).view(2, -1, 2)
    a, b = torch.where(steep[:, None], screen, screen.flip(2)).unbind(0)
    share = (_crossing(a, b, line) - own).abs()
    # Along rows an outline moves steadily when it is steep, along columns when it is flat. Both count, the better one
    # far more: a sharp choice would jump from edge to edge where an outline of many short edges turns.
    trust = _trust(a, b)
    spills = share > 0.5
    target, source = torch.where(spills, beyond, pixel), torch.where(spills, pixel, beyond)
    part = trust * torch.where(spills, share - 0.5, 0.5 - share)  # not abs, whose derivative at zero is none
    at, there = ((torch.div(p, width, rounding_mode="floor"), p % width) for p in (target, source))
    return picture.index_put(at, part[:, None] * (picture[there] - picture[at]), accumulate=True)


class _Passages(NamedTuple):
    """Where n outlines pass between two pixels; (n,) each.

    The pixel on the surface's own side and the one beyond; whether they lie side by side, which suits a steep outline;
    the edge; the row (steep) or column of both, and the column or row of the own one; the outline's depth, mm.
    """

    pixel: Tensor
    beyond: Tensor
    steep: Tensor
    edge: Tensor
    line: Tensor
    own: Tensor
    depth: Tensor


def _passages(corners: Tensor, raster: Raster, steep: bool) -> _Passages:
    """Where outlines (S, 2, 3) pass between pixels side by side (steep), or one above the other, and are seen."""
    height, width = raster.face.shape
    wide, tall = (width, height) if steep else (height, width)
    near = 1 / corners[..., 2]
    a, b = (corners[..., :2] * near[..., None])[..., [0, 1] if steep else [1, 0]].unbind(1)
    # From here on as for a steep outline: a column for each row.
    first = (torch.minimum(a[:, 1], b[:, 1]) - 0.5).ceil().clamp(0, tall)
    count = ((torch.maximum(a[:, 1], b[:, 1]) - 0.5).ceil().clamp(0, tall) - first).long()
    edge, number = unroll(torch.where(_trust(a, b) > _LEAST, count, 0))
    line = first.long()[edge] + number
    left = _crossing(a[edge], b[edge], line).floor()
    edge, line, left = (x[(left >= 0) & (left < wide - 1)] for x in (edge, line, left))
    a, b, near = a[edge], b[edge], near[edge]
    left, to_right = left.long(), ((a[:, 1] > b[:, 1]) == steep).long()
    own, beyond = left + to_right, left + 1 - to_right
    way = (line + 0.5 - a[:, 1]) / (b[:, 1] - a[:, 1])
    at = 1 / (near[:, 0] + way * (near[:, 1] - near[:, 0]))
    pixel, next_pixel = ((line * width + n) if steep else (n * width + line) for n in (own, beyond))
    # It is seen where its own surface shows on the one side and something farther off on the other.
    depth = raster.depth.detach().view(-1)
    seen = (depth[next_pixel] > at) & ((depth[pixel] - at).abs() < depth[next_pixel] - at)
    everything = (pixel, next_pixel, torch.full_like(seen, steep), edge, line, own, at)
    return _Passages(*(values[seen] for values in everything))


def _crossing(a: Tensor, b: Tensor, row: Tensor) -> Tensor:
    """The column, a pixel's centre being whole, where the lines from a to b (n, 2) cross the centres of rows (n,)."""
    return a[:, 0] + (row + 0.5 - a[:, 1]) / (b[:, 1] - a[:, 1]) * (b[:, 0] - a[:, 0]) - 0.5


def _trust(a: Tensor, b: Tensor) -> Tensor:
    """How well lines from a to b (n, 2) are followed from row to row: 1 if they run downwards, 0 if level."""
    fourth = (b - a).square().square()
    return fourth[:, 1] / fourth.sum(1)


def _outlines(points: Tensor, edges: Edges) -> Tensor:
    """Ends (S, 2) of the outlines, turned so that their faces lie on the left seen along them (rows count downwards).

    An edge is an outline if both its faces lie on one side of it on the screen, or if it has but one.
    """
    a, b, c, d = (points.index_select(0, rows) for rows in (*edges.ends.T, *edges.across.T.clamp_min(0)))
    normal = torch.linalg.cross(a, b)
    side, side2 = (normal * c).sum(1), (normal * d).sum(1)
    border = edges.across[:, 1] < 0
    kept = (torch.where(border, side.abs(), side * side2) > 0) & (a[:, 2] > 0) & (b[:, 2] > 0)
    ends = edges.ends[kept]
    return torch.where((side[kept] > 0)[:, None], ends, ends.flip(1))


def _nearest_of_each(pair: Tensor, depth: Tensor, count: int) -> Tensor:
    """Of outlines between the same two pixels the one nearest to the camera, and of equal ones the first."""
    key = (depth.float().view(torch.int32).long() << 32) + torch.arange(len(pair), device=pair.device)
    best = torch.full((count,), torch.iinfo(torch.int64).max, device=pair.device)
    best.scatter_reduce_(0, pair, key, "amin")
    return (best[pair] == key).nonzero().squeeze(1)
