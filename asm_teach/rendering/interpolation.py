"""From the corners of triangles to pixels, and gradients all the way back. Derived in lesson 7.

In homogeneous pixels p = (column z, row z, z) a pixel's ray is t (column, row, 1), and it meets the triangle
p_1, p_2, p_3 where t d = b_1 p_1 + b_2 p_2 + b_3 p_3 with b_1 + b_2 + b_3 = 1. With the reciprocal corners
r_i = p_j x p_k / det(p_1, p_2, p_3), for which r_i . p_j is 1 if i = j and else 0, this says

    b_i = t r_i . d,    1 / t = (r_1 + r_2 + r_3) . d                                                (7.2)

so b are the perspective-correct barycentric coordinates and t the depth. When the corners move, by D = sum b_i dp_i
where the ray meets the triangle, both sides of t d = sum b_i p_i change, and with n = r_1 + r_2 + r_3

    dt = t n . D,    db_i = b_i n . D - r_i . D                                                    (7.3)
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from asm_teach.base.checks import check_points


class _Locate(torch.autograd.Function):
    """Eq. (7.2), and its derivative by eq. (7.3). Arrays are (3, n), a row for each corner."""

    @staticmethod
    def forward(
        ctx: Any, points: Tensor, faces: Tensor, corners: Tensor, hits: Tensor, pixels: Tensor, width: int
    ) -> tuple[Tensor, Tensor]:
        row = torch.div(pixels, width, rounding_mode="floor")
        column = (pixels - row * width).to(points).add_(0.5)
        row = row.to(points).add_(0.5)
        x, y, z = corners.index_select(1, hits).view(3, 3, -1)
        # Seen from the pixel the ray is (0, 0, 1), and numbers as well as their rounding errors are small.
        x, y = x.addcmul_(z, column, value=-1), y.addcmul_(z, row, value=-1)
        weights = cross(x, y)
        total = weights.sum(0)
        weights /= total
        depths = (weights * z).sum(0)
        ctx.save_for_backward(faces, hits, x, y, z, weights, total, depths, column, row)
        ctx.count = len(points)
        return weights.T, depths

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, weight_gradient: Tensor, depth_gradient: Tensor) -> tuple[Tensor | None, ...]:
        faces, hits, x, y, z, weights, total, depths, column, row = ctx.saved_tensors
        upstream = by_channel(weight_gradient)
        mean = torch.addcmul(depth_gradient * depths, upstream[0], weights[0])
        mean.addcmul_(upstream[1], weights[1]).addcmul_(upstream[2], weights[2])
        # r_i where the ray is (0, 0, 1): its first two parts are cross products over det = t total, its third b_i / t.
        factor = (mean - upstream) / (total * depths)
        a, b, c = _dot(factor, cross(y, z)), _dot(factor, cross(z, x)), _dot(factor, weights) * total
        c -= a * column + b * row  # back to the picture's own coordinates
        gradient = torch.stack([a, b, c])[:, None] * weights  # (3, 3, n)
        return _gather(gradient, faces, hits, ctx.count).T, None, None, None, None, None


def locate(
    points: Tensor, faces: Tensor, corners: Tensor, hits: Tensor, pixels: Tensor, width: int
) -> tuple[Tensor, Tensor]:
    """Barycentric coordinates (n, 3) and depth (n,) of the points that n pixels show, differentiable in `points`.

    Eq. (7.2), and eq. (7.3) backwards.

    Args:
        points: (V, 3) vertices in homogeneous pixels (column z, row z, z).
        faces: (F, 3).
        corners: (9, F) those points face by face: the x of its three corners, their y, their z.
        hits: (n,) the face that each pixel shows.
        pixels: (n,) row times width plus column.
        width: of the picture, pixels.
    """
    return _Locate.apply(points, faces, corners, hits, pixels, width)


def _gather(gradient: Tensor, faces: Tensor, hits: Tensor, count: int) -> Tensor:
    """What (C, 3, n) the corners of the faces `hits` receive, added up for each of `count` vertices: (C, count)."""
    corner = faces.T.contiguous().gather(1, hits.expand(3, -1)).view(-1)
    return gradient.new_zeros(len(gradient), count).index_add_(1, corner, gradient.view(len(gradient), -1))


def by_channel(values: Tensor) -> Tensor:
    """(n, C) -> (C, n), each channel in one piece of memory; torch computes several times as fast on such rows."""
    return values.T if values.T.is_contiguous() else torch.stack(values.unbind(1))


def cross(a: Tensor, b: Tensor) -> Tensor:
    """a_j b_k - a_k b_j of the corners j and k that follow each of three corners, (3, n)."""
    result = torch.empty_like(a)
    for i, j, k in ((0, 1, 2), (1, 2, 0), (2, 0, 1)):
        torch.mul(a[j], b[k], out=result[i]).addcmul_(a[k], b[j], value=-1)
    return result


def _dot(a: Tensor, b: Tensor) -> Tensor:
    return torch.addcmul(torch.addcmul(a[0] * b[0], a[1], b[1]), a[2], b[2])


class _Blend(torch.autograd.Function):
    """Sums of three rows of a table with the weights of each pixel, and their derivative."""

    @staticmethod
    def forward(ctx: Any, weights: Tensor, table: Tensor, faces: Tensor, hits: Tensor) -> Tensor:
        corners = table.T.contiguous().index_select(1, faces.T.reshape(-1)).view(3 * table.shape[1], -1)
        values = corners.index_select(1, hits).view(-1, 3, len(hits))  # (C, 3, n)
        ctx.save_for_backward(weights, values, faces, hits)
        ctx.count = len(table)
        a, b, c = weights.T[:, None]
        return torch.addcmul(torch.addcmul(a * values[:, 0], b, values[:, 1]), c, values[:, 2]).T

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor | None, ...]:
        weights, values, faces, hits = ctx.saved_tensors
        upstream = by_channel(upstream)
        weight_gradient = table_gradient = None
        if ctx.needs_input_grad[0]:
            weight_gradient = torch.zeros_like(values[0])
            for value, received in zip(values, upstream, strict=True):
                weight_gradient.addcmul_(value, received)
            weight_gradient = weight_gradient.T
        if ctx.needs_input_grad[1]:
            table_gradient = _gather(upstream[:, None] * weights.T, faces, hits, ctx.count).T
        return weight_gradient, table_gradient, None, None


def place(values: Tensor, places: Tensor, count: int, empty: float = 0.0) -> Tensor:
    """Values (n, C) at the rows `places` (n,) of (count, C), with `empty` in the others; differentiable."""
    channels = by_channel(values)
    whole = channels.new_full((len(channels), count), empty)
    return whole.scatter(1, places.expand(len(channels), -1), channels).T


def blend(weights: Tensor, table: Tensor, faces: Tensor, hits: Tensor) -> Tensor:
    """A table (V, C) of what the corners have, at the points that n pixels show: (n, C).

    Differentiable in the weights and in the table.

    Args:
        weights: (n, 3) barycentric coordinates.
        table: (V, C) colours, normals, coordinates in a chart, ...
        faces: (F, 3) rows of the table: the faces of the mesh, or its `uv_faces`.
        hits: (n,) the face that each pixel shows.

    Raises:
        ValueError: a table that is not (V, C) or holds NaN.
    """
    if table.ndim != 2:
        raise ValueError(f"table has shape {tuple(table.shape)}: give (V, C), one row for each vertex")
    check_points(table, "table", table.shape[1])
    return _Blend.apply(weights, table, faces, hits)


def look_up(texture: Tensor, uv: Tensor) -> Tensor:
    """The colours (n, C) of a texture (H, W, C) at uv (n, 2), bilinear; differentiable in both.

    The origin of uv is the lower left corner of the texture, whose first row is the top, v = 1. Beyond the border
    its last pixels go on.

    Raises:
        ValueError: shapes that are not (H, W, C) and (n, 2).
    """
    if texture.ndim != 3:
        raise ValueError(f"texture has shape {tuple(texture.shape)}: give (H, W, C), row 0 at the top")
    if uv.ndim != 2 or uv.shape[1] != 2:
        raise ValueError(f"uv has shape {tuple(uv.shape)}: give (n, 2)")
    grid = torch.stack([2 * uv[:, 0] - 1, 1 - 2 * uv[:, 1]], dim=1)
    found = torch.nn.functional.grid_sample(
        texture.permute(2, 0, 1)[None], grid[None, None], padding_mode="border", align_corners=False
    )
    return found[0, :, 0].T
