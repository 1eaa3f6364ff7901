"""From a place on the chart to a point of the surface, and how that point moves with its place."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import torch
from torch import Tensor

from asm_teach.base.arrays import unroll
from asm_teach.base.checks import check_points, check_polygons
from asm_teach.geometry.chart_check import require_injective_chart
from asm_teach.geometry.mesh import Mesh
from asm_teach.geometry.mesh_edges import rim_sides


class ChartPoint(NamedTuple):
    """Where points lie on a chart.

    Attributes:
        face: (...) int64, the triangle.
        barycentric: (..., 3) coordinates in it, sum 1.
        inside: (...) bool, False where the nearest point of the chart was taken instead.
    """

    face: Tensor
    barycentric: Tensor
    inside: Tensor


@dataclass(frozen=True, eq=False)
class Chart:
    """A flat map of the face: the triangles of the surface laid out in UV, on one island or several.

    Attributes:
        uv: (V, 2) where each vertex lies on the chart.
        faces: (F, 3) int64 into `uv`. No two may overlap; `from_mesh` checks that.

    Raises:
        ValueError: wrong shapes, NaN, indices out of range, no faces.
    """

    uv: Tensor
    faces: Tensor

    def __post_init__(self) -> None:
        check_points(self.uv, "uv", 2)
        check_polygons(self.faces, "faces", 3, len(self.uv), "uv")
        if len(self.faces) == 0:
            raise ValueError("faces is empty: a chart needs at least one triangle")

    @classmethod
    def from_mesh(cls, mesh: Mesh, check: bool = True) -> Chart:
        """The chart of a mesh with one UV per vertex; `check=False` only for one known to be injective.

        Raises:
            ValueError: no UV, several UVs at a vertex, flipped or overlapping triangles.
        """
        uv = mesh.vertex_uv()
        if check:
            require_injective_chart(uv, mesh.faces)
        return cls(uv, mesh.faces)

    def to(self, device: torch.device | str) -> Chart:
        """The same chart on another device."""
        return Chart(self.uv.to(device), self.faces.to(device))

    def locate(self, points: Tensor) -> ChartPoint:
        """The triangle under each point, and where in it the point lies. Derived in lesson 3.

        A point outside the chart goes to the nearest point of the chart. It then has a derivative only along
        the boundary, and none where that nearest point is a corner.

        Args:
            points: (..., 2) UV positions.

        Raises:
            ValueError: a position is not a pair of finite numbers.
        """
        check_points(points.reshape(-1, *points.shape[-1:]), "points", 2)
        flat, lead = points.reshape(-1, 2), points.shape[:-1]
        face = self._face_under(flat.detach().double())
        inside = face >= 0
        outside = (~inside).nonzero()[:, 0]
        if len(outside):
            nearest, face_there = self._nearest_on_boundary(flat[outside])
            flat = flat.index_copy(0, outside, nearest)
            face = face.index_copy(0, outside, face_there)
        barycentric = _barycentric(flat, self.uv.to(flat.dtype)[self.faces[face]])
        return ChartPoint(face.view(lead), barycentric.view(*lead, 3), inside.view(lead))

    def bind(self, points: Tensor, vertices: Tensor) -> Tensor:
        """The points of the surface at UV positions, psi of eq. (3). Derived in lesson 3.

        Args:
            points: (..., 2) UV positions; see `locate` for those outside the chart.
            vertices: (V, 3) the surface, mm.

        Returns:
            (..., 3), mm. Linear in `vertices`, and in `points` within each triangle.
        """
        at = self.locate(points)
        return (at.barycentric[..., None] * vertices[self.faces[at.face]]).sum(-2)

    def _face_under(self, points: Tensor) -> Tensor:
        """(N,) the face that contains each point (N, 2), -1 where there is none."""
        point, face = self._grid.candidates(points)
        # The slack is for rounding: no point may fall between two neighbours.
        contains = _barycentric(points[point], self._corners[face]).amin(1) >= -1e-12
        under = torch.full_like(points[:, 0], -1, dtype=torch.int64)
        return under.scatter_reduce_(0, point[contains], face[contains], "amax")

    def _nearest_on_boundary(self, points: Tensor) -> tuple[Tensor, Tensor]:
        """(N, 2) the nearest points of the boundary to points (N, 2), and the face (N,) each belongs to."""
        ends, faces = self._boundary
        blocks = torch.split(points.detach().double(), 256)  # in blocks, because each one meets every edge
        edge = torch.cat([_nearest_segment(block, self.uv.double()[ends]) for block in blocks])
        start, end = self.uv.to(points.dtype)[ends[edge]].unbind(1)
        along = end - start
        share = ((points - start) * along).sum(1) / along.square().sum(1)
        return start + share.clamp(0, 1)[:, None] * along, faces[edge]

    @cached_property
    def _corners(self) -> Tensor:
        """(F, 3, 2), in float64 so that neighbours agree on which side of their common edge a point lies."""
        return self.uv.double()[self.faces]

    @cached_property
    def _grid(self) -> _Grid:
        return _Grid.over(self._corners)

    @cached_property
    def _boundary(self) -> tuple[Tensor, Tensor]:
        """The edges that belong to a single face: their ends (E, 2), and that face (E,)."""
        return rim_sides(self.faces)


def surface_jacobian(chart: Chart, points: Tensor, vertices: Tensor) -> Tensor:
    """The derivative of eq. (3) by the UV position, eq. (3.1): [v1-v0, v2-v0] [u1-u0, u2-u0]^-1. Lesson 3.

    Args:
        chart: the chart of the surface.
        points: (..., 2) UV positions. Outside the chart the nearest point of it counts; of the derivative
            there `Chart.bind` follows only the part along the boundary.
        vertices: (V, 3) the surface, mm.

    Returns:
        (..., 3, 2), mm per unit of UV.
    """
    corners = chart.faces[chart.locate(points).face]

    def edges(x: Tensor) -> Tensor:
        return (x[corners[..., 1:]] - x[corners[..., :1]]).mT

    jacobian: Tensor = edges(vertices) @ torch.linalg.inv(edges(chart.uv.to(vertices.dtype)))
    return jacobian


@dataclass(frozen=True, eq=False)
class _Grid:
    """A uniform grid over the chart that lists for each cell the few triangles that reach into it."""

    low: Tensor  # (2,) the lower left corner
    cells_per_unit: Tensor  # (2,)
    size: int  # cells along each side
    first: Tensor  # (size^2,) where the list of each cell begins in `faces`
    count: Tensor  # (size^2,) how long it is
    faces: Tensor

    @classmethod
    def over(cls, corners: Tensor) -> _Grid:
        """The grid for triangles (F, 3, 2), with about as many cells as triangles."""
        size = math.ceil(math.sqrt(len(corners)))
        low, high = corners.amin((0, 1)), corners.amax((0, 1))
        cells_per_unit = size / (high - low)
        start, end = (_cell(x, low, cells_per_unit, size) for x in (corners.amin(1), corners.amax(1)))
        wide, tall = (end - start + 1).unbind(1)
        face, number = unroll(wide * tall)
        column, row = start[face, 0] + number % wide[face], start[face, 1] + number // wide[face]
        cell = column + size * row
        count = cell.bincount(minlength=size * size)
        return cls(low, cells_per_unit, size, count.cumsum(0) - count, count, face[cell.argsort()])

    def candidates(self, points: Tensor) -> tuple[Tensor, Tensor]:
        """All pairs of a point (N, 2) and a face that may contain it, as indices (P,) and (P,)."""
        column, row = _cell(points, self.low, self.cells_per_unit, self.size).unbind(1)
        cell = column + self.size * row
        point, number = unroll(self.count[cell])
        return point, self.faces[self.first[cell[point]] + number]


def _cell(points: Tensor, low: Tensor, cells_per_unit: Tensor, size: int) -> Tensor:
    """(N, 2) column and row of the cell of each point (N, 2), of the nearest cell for one outside."""
    return ((points - low) * cells_per_unit).clamp(0, size - 1).long()


def _barycentric(points: Tensor, corners: Tensor) -> Tensor:
    """(N, 3) coordinates of points (N, 2) in triangles (N, 3, 2); at a corner exactly 0 and 1."""
    edge1, edge2 = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    offset, area = points - corners[:, 0], _cross(edge1, edge2)
    second, third = _cross(offset, edge2) / area, _cross(edge1, offset) / area
    return torch.stack([1 - second - third, second, third], dim=1)


def _cross(a: Tensor, b: Tensor) -> Tensor:
    return a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]


def _nearest_segment(points: Tensor, ends: Tensor) -> Tensor:
    """(N,) which of the segments (E, 2, 2) is nearest to each of the points (N, 2).

    The squared distance to a + t e is |p - a|^2 - 2 t (p - a).e + t^2 |e|^2: matrix products, for all pairs at
    once. The common |p|^2 is left out.
    """
    start, along = ends[:, 0], ends[:, 1] - ends[:, 0]
    length2 = along.square().sum(1)
    forward = points @ along.T - (start * along).sum(1)  # (p - a).e
    t = (forward / length2).clamp(0, 1)
    return (start.square().sum(1) - 2 * points @ start.T + t * (t * length2 - 2 * forward)).argmin(1)
