"""The binding of a bone in numbers: where it sits, and its derivative along a line across the triangles."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from asm_teach.model.binding import Chart, surface_jacobian

_SAME = 1e-9  # crossings closer than this, in chart units, are one: the line runs through a corner


class Place(NamedTuple):
    """A place of the chart and the point of the surface that eq. (3) binds it to.

    Attributes:
        uv: (2,) the place asked for.
        nearest: (2,) the place that is bound: the same, or for one off the chart the nearest of it.
        inside: whether a triangle contains it.
        face: index of the triangle.
        corners: (3,) its vertices.
        barycentric: (3,) the shares of the corners, sum 1.
        pivot: (3,) mm.
        jacobian: (3, 2) d pivot / d uv inside the triangle, mm per chart unit.
    """

    uv: Tensor
    nearest: Tensor
    inside: bool
    face: int
    corners: list[int]
    barycentric: Tensor
    pivot: Tensor
    jacobian: Tensor


@torch.no_grad()
def find_place(chart: Chart, uv: Tensor, vertices: Tensor) -> Place:
    """Bind one place (2,) of the chart to the surface `vertices` (V, 3), mm."""
    at = chart.locate(uv)
    corners = chart.faces[at.face]
    return Place(
        uv,
        at.barycentric @ chart.uv[corners].to(uv),
        bool(at.inside),
        int(at.face),
        corners.tolist(),
        at.barycentric,
        chart.bind(uv, vertices),
        surface_jacobian(chart, uv, vertices),
    )


class Line(NamedTuple):
    """d pivot / dt along a line through a place, in pieces between the edges that it crosses.

    Attributes:
        ends: (n + 1,) where the pieces begin and end: t, chart units from the place.
        faces: (n,) the triangle of each piece, -1 off the chart.
        slopes: (n, 3) mm per chart unit, NaN off the chart.
    """

    ends: Tensor
    faces: Tensor
    slopes: Tensor

    @property
    def here(self) -> int:
        """The piece that holds the place, t = 0."""
        return int(((self.ends[1:-1] <= 0).sum()).clamp(max=len(self.faces) - 1))

    def middle(self, piece: int) -> float:
        """t in the middle of a piece."""
        return float(self.ends[piece : piece + 2].mean())


class Jump(NamedTuple):
    """What happens to d pivot / d uv at an edge between two triangles.

    Attributes:
        t: where on the line, chart units from the place.
        faces: the triangles before and behind.
        before: (3,) d pivot / dt, mm per chart unit.
        behind: (3,) the same on the other side.
        size: length of the difference, mm per chart unit.
        along_edge: the same for the direction of the edge itself: 0 but for rounding, as both triangles hold the edge.
        gap: mm between the pivots that the two triangles give at the edge: 0 but for rounding.
    """

    t: float
    faces: tuple[int, int]
    before: Tensor
    behind: Tensor
    size: float
    along_edge: float
    gap: float


@torch.no_grad()
def along_line(chart: Chart, edges: Tensor, uv: Tensor, angle: float, half: float, vertices: Tensor) -> Line:
    """The derivative of eq. (3) along the line through a place, exact between one edge and the next.

    Args:
        chart: V places, F triangles.
        edges: (E, 2), of its triangles, each once.
        uv: (2,) the place.
        angle: radians from the u axis.
        half: how far the line reaches on both sides, chart units.
        vertices: (V, 3) the surface, mm.
    """
    direction = torch.tensor([math.cos(angle), math.sin(angle)], dtype=torch.float64)
    start, table = uv.double().cpu(), chart.uv.double().cpu()[edges.cpu()] - uv.double().cpu()  # (E, 2, 2)
    side = direction[0] * table[..., 1] - direction[1] * table[..., 0]
    crossed = (side[:, 0] > 0) != (side[:, 1] > 0)
    side, t = side[crossed], table[crossed] @ direction
    share = side[:, 0] / (side[:, 0] - side[:, 1])
    t = (t[:, 0] + share * (t[:, 1] - t[:, 0])).sort().values
    t = t[t.abs() < half]
    t = t[torch.cat([torch.ones_like(t[:1]), t.diff()]) > _SAME]
    ends = torch.cat([t.new_tensor([-half]), t, t.new_tensor([half])])
    middles = (start + (ends[1:] + ends[:-1])[:, None] / 2 * direction).to(vertices.device)
    at = chart.locate(middles)
    slopes = surface_jacobian(chart, middles, vertices.double()).cpu() @ direction
    inside = at.inside.cpu()
    return Line(ends, at.face.cpu().where(inside, torch.tensor(-1)), slopes.where(inside[:, None], torch.nan))


@torch.no_grad()
def nearest_jump(chart: Chart, line: Line, uv: Tensor, angle: float, vertices: Tensor) -> Jump | None:
    """The jump at the nearest edge that the line crosses with the chart on both sides of it; None without one.

    uv, angle: of the line, as given to `along_line`.
    """
    known = (line.faces[1:] >= 0) & (line.faces[:-1] >= 0)
    if not known.any():
        return None
    i = int(line.ends[1:-1].abs().where(known, torch.inf).argmin())
    t, faces = float(line.ends[i + 1]), line.faces[i : i + 2]
    corners = chart.faces[faces.to(chart.faces.device)]
    flat, solid = chart.uv.double(), vertices.double()
    jacobians = surface_jacobian(chart, flat[corners].mean(1), solid)
    at = uv.double() + t * flat.new_tensor([math.cos(angle), math.sin(angle)])
    # both linear maps at the place where the line meets the edge
    pivots = solid[corners[:, 0]] + ((at - flat[corners[:, 0]])[:, None] @ jacobians.mT)[:, 0]
    common = [v for v in corners[0].tolist() if v in corners[1].tolist()]
    along_edge = math.nan  # the line runs through a corner: no common edge
    if len(common) == 2:
        edge = flat[common[1]] - flat[common[0]]
        along_edge = float(((jacobians[1] - jacobians[0]) @ (edge / edge.norm())).norm())
    before, behind = line.slopes[i], line.slopes[i + 1]
    first, second = faces.tolist()
    size, gap = float((behind - before).norm()), float((pivots[1] - pivots[0]).norm())
    return Jump(t, (first, second), before, behind, size, along_edge, gap)


def place_words(place: Place, name: str) -> str:
    """Where a bone sits."""
    u, v = place.uv.tolist()
    x, y, z = place.pivot.tolist()
    shares = ", ".join(f"{b:.3f}" for b in place.barycentric.tolist())
    bound = (
        f"triangle {place.face} with corners {', '.join(map(str, place.corners))}, barycentric coordinates β {shares}; "
        f"pivot ψ(ζ) = ({x:.2f}, {y:.2f}, {z:.2f}) mm."
    )
    if place.inside:
        return f"Bone {name} at ζ ({u:.4f}, {v:.4f}): {bound}"
    nearest = place.nearest.tolist()
    away = float((place.nearest - place.uv).norm())
    return (
        f"Bone {name} at ζ ({u:.4f}, {v:.4f}), which is off the chart: beyond its rim, or in a hole such as an eye. It "
        f"is bound to the nearest place of the chart, ({nearest[0]:.4f}, {nearest[1]:.4f}), {away:.4f} away: {bound} "
        "Here the pivot follows only the part of a move that runs along the boundary."
    )


def jump_words(jump: Jump | None) -> str:
    """The jump of the derivative at the nearest edge."""
    if jump is None:
        return "The line crosses no edge with triangles on both sides: make it longer, or turn it."

    def numbers(x: Tensor) -> str:
        return "(" + ", ".join(f"{value:.0f}" for value in x.tolist()) + ")"

    share = 100 * jump.size / max(float(jump.before.norm()), 1e-12)
    words = (
        f"Nearest edge on the line: at t = {jump.t:+.4f}, between triangles {jump.faces[0]} and {jump.faces[1]}. There "
        f"dψ/dt jumps from {numbers(jump.before)} to {numbers(jump.behind)} mm per chart unit: by {jump.size:.0f}, "
        f"{share:.0f} % of its length; ψ itself has a gap of {jump.gap:.1g} mm."
    )
    if not math.isnan(jump.along_edge):
        words += f" In the direction of the edge it changes by {jump.along_edge:.1g}: both triangles hold that edge."
    return words


def crossing_words(before: Place, after: Place) -> str:
    """What changed when a place was moved into another triangle; empty within one."""
    if before.face == after.face or not (before.inside and after.inside):
        return ""
    change, moved = float((after.jacobian - before.jacobian).norm()), float((after.pivot - before.pivot).norm())
    share = 100 * change / float(before.jacobian.norm())
    return (
        f"The move went from triangle {before.face} to {after.face}: ψ went {moved:.2f} mm, and its derivative "
        f"dψ/dζ (3 × 2) changed by {change:.0f} mm per chart unit, {share:.0f} %."
    )
