"""Is a UV chart injective? No flipped triangle, no two triangles on top of each other."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from asm_teach.base.arrays import unroll
from asm_teach.base.checks import check_points, check_polygons

_PAIRS_AT_ONCE = 2_000_000  # candidate pairs tested in one go: bounds the memory
_MOST_PAIRS = 100_000  # a chart with more overlaps than this is broken beyond listing them


@dataclass(frozen=True, eq=False)
class ChartReport:
    """What keeps a UV chart from being injective.

    Attributes:
        flipped: (n,) faces whose area in UV is negative or nothing.
        flat: (n,) those of them that have no area: a mirror image of the chart would not mend them.
        overlapping: (P, 2) pairs of faces that cover a common area in UV; at most 100,000 are listed.
        outside: (n,) UV vertices outside the unit square.
    """

    flipped: Tensor
    overlapping: Tensor
    outside: Tensor
    flat: Tensor

    @property
    def ok(self) -> bool:
        """True when the chart is injective and lies in the unit square."""
        return not (len(self.flipped) or len(self.overlapping) or len(self.outside))


def chart_problems(uv: Tensor, faces: Tensor) -> ChartReport:
    """Find flipped and overlapping triangles of a chart uv (U, 2) with faces (F, 3) into uv.

    Coordinates are taken as exact up to the rounding of their own type: a triangle flatter than that counts
    as flipped, two triangles that share less than that only touch. Pairs are found by a sweep along u, then
    tested by separating axes: two triangles are apart exactly when an edge of one has the other beyond it.

    Raises:
        ValueError: wrong shapes, NaN, indices out of range.
    """
    check_points(uv, "uv", 2)
    check_polygons(faces, "faces", 3, len(uv), "uv")
    corners = uv.detach().double()[faces]  # (F, 3, 2)
    rounding = 8 * torch.finfo(uv.dtype).eps * max(1.0, float(uv.detach().abs().max()) if len(uv) else 0.0)

    edges = corners.roll(-1, 1) - corners
    double_area = edges[:, 0, 0] * edges[:, 1, 1] - edges[:, 0, 1] * edges[:, 1, 0]
    longest = torch.linalg.vector_norm(edges, dim=-1).amax(-1)
    least = rounding * longest  # the double area of a triangle whose height is the rounding
    flipped = (double_area <= least).nonzero().squeeze(-1)
    flat = (double_area.abs() <= least).nonzero().squeeze(-1)

    outside = ((uv < -rounding) | (uv > 1 + rounding)).any(-1).nonzero().squeeze(-1)
    return ChartReport(flipped, _overlapping_pairs(corners, edges, rounding), outside, flat)


def require_injective_chart(uv: Tensor, faces: Tensor) -> None:
    """Raise a ValueError that names the faces when `chart_problems` finds any."""
    report = chart_problems(uv, faces)
    if report.ok:
        return
    found = []
    turned = report.flipped[~torch.isin(report.flipped, report.flat)]
    if len(turned) == len(faces) > 0:
        found.append("all faces are flipped: the chart is a mirror image, replace u by 1 - u")
    elif len(turned):
        found.append(f"{len(turned)} faces are flipped ({_some(turned)})")
    if len(report.flat):
        found.append(f"{len(report.flat)} faces have no area in UV ({_some(report.flat)})")
    if len(report.overlapping):
        pairs = ", ".join(f"{a} and {b}" for a, b in report.overlapping[:3].tolist())
        found.append(f"{len(report.overlapping)} pairs of faces overlap (faces {pairs})")
    if len(report.outside):
        found.append(f"{len(report.outside)} UV vertices lie outside the unit square ({_some(report.outside)})")
    raise ValueError(
        "uv: this chart is not injective: " + "; ".join(found) + ". Two places of the surface must never share a UV: "
        "take one part of the mesh (mesh.part(name)) or unwrap it anew"
    )


def _overlapping_pairs(corners: Tensor, edges: Tensor, rounding: float) -> Tensor:
    order = corners[..., 0].amin(1).argsort(stable=True)
    corners, edges = corners[order], edges[order]
    low, high = corners.amin(1), corners.amax(1)  # (F, 2)
    count = len(corners)
    # The partners of triangle i in the sweep are i+1 .. last[i]-1: those that begin before it ends.
    last = torch.searchsorted(low[:, 0].contiguous(), high[:, 0].contiguous())
    partners = (last - torch.arange(count, device=last.device) - 1).clamp_min(0)
    ends = partners.cumsum(0)
    found: list[Tensor] = []
    start = total = 0
    while start < count and total < _MOST_PAIRS:
        before = int(ends[start - 1]) if start else 0
        stop = max(start + 1, int(torch.searchsorted(ends, before + _PAIRS_AT_ONCE, right=True)))
        owner, step = unroll(partners[start:stop])
        first, second = start + owner, start + owner + 1 + step
        near = (low[second, 1] < high[first, 1]) & (low[first, 1] < high[second, 1])
        first, second = first[near], second[near]
        hit = ~(_apart(corners, edges, first, second, rounding) | _apart(corners, edges, second, first, rounding))
        found.append(torch.stack([order[first[hit]], order[second[hit]]], -1))
        total += len(found[-1])
        start = stop
    pairs = torch.cat(found)[:_MOST_PAIRS] if found else order.new_zeros((0, 2))
    pairs = pairs.sort(-1).values
    return pairs[(pairs[:, 0] * count + pairs[:, 1]).argsort()]


def _apart(corners: Tensor, edges: Tensor, first: Tensor, second: Tensor, rounding: float) -> Tensor:
    """(P,) bool: an edge of the first triangle has the second one beyond it, up to the rounding."""
    normal = torch.stack([edges[..., 1], -edges[..., 0]], -1)  # (F, 3, 2), outward for either orientation or inward
    normal = normal / torch.linalg.vector_norm(normal, dim=-1, keepdim=True).clamp_min(1e-300)
    own = torch.einsum("fed,fcd->fec", normal, corners)
    other = torch.einsum("ped,pcd->pec", normal[first], corners[second])
    above = other.amin(-1) >= own.amax(-1)[first] - rounding
    below = other.amax(-1) <= own.amin(-1)[first] + rounding
    return (above | below).any(-1)


def _some(indices: Tensor) -> str:
    return ", ".join(str(i) for i in indices[:5].tolist()) + (", ..." if len(indices) > 5 else "")
