"""How far a fitted face is from a scan, in millimetres.

An error is measured from the scan to the fitted surface: each scan point to the nearest point of any
triangle. Nothing here is differentiable.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import torch
from torch import Tensor

from asm_teach.base.checks import check_indices, check_points
from asm_teach.geometry.alignment import Alignment, Placement, align_points, settle
from asm_teach.geometry.closest_point import Surface, to_array, to_tensor
from asm_teach.geometry.mesh import Mesh

Align: TypeAlias = Literal["rigid", "similarity"] | None

_STEERING = 3000  # scan points, spread evenly, that steer the alignment; all of them are measured


@dataclass(frozen=True, eq=False)
class ScanDistances:
    """Distances of scan points to a fitted surface, and where the surface was put for it.

    Attributes:
        distances: (n,) mm, one for each measured scan point.
        indices: (n,) int64, which scan vertices these are.
        vertices: (V, 3) mm, the fitted surface brought to the scan.
        alignment: (s, R, t) that brought it there.
        converged: whether the alignment came to rest (True where none was asked for).
    """

    distances: Tensor
    indices: Tensor
    vertices: Tensor
    alignment: Alignment
    converged: bool


def scan_distances(
    vertices: Tensor,
    faces: Tensor,
    scan: Mesh,
    align: Align = "rigid",
    region: Tensor | None = None,
    landmarks: tuple[Tensor, Tensor] | None = None,
) -> ScanDistances:
    """Bring a fitted surface to a scan and measure each scan point's distance to it.

    The alignment minimises the very distances that are reported, in the scan's millimetres, less the furthest
    tenth of them (hair, ears, the rims of holes). The surface moves and the scan stays. At most 3,000 scan
    points, spread evenly, steer the alignment; all points of the region are measured.

    It starts at the landmarks where they are given. Without them it tries three starts and takes the one that
    ends closest: the surface where it is; its middle brought to the middle of the scan points; its size brought
    to theirs as well. That is enough for a turn of some 20 degrees; beyond it give landmarks.

    Args:
        vertices: (V, 3) the fitted surface, mm.
        faces: (F, 3) int64.
        scan: the scan; its vertices are measured.
        align: "rigid" for a fit in millimetres, "similarity" where its scale is unknown, None to leave it in
            place.
        region: which scan vertices count, (scan V,) bool or (n,) int64; None for all.
        landmarks: (L, 3) on the fitted surface and (L, 3) on the scan, L >= 3, a start for the alignment.
            Unused when align is None.

    Raises:
        ValueError: NaN, wrong shapes, another word for align, a region that is empty or does not fit the
            scan.
    """
    if align not in ("rigid", "similarity", None):
        raise ValueError(f'align is {align!r}: give "rigid", "similarity" or None')
    surface = Surface(vertices, faces)
    indices = _region_indices(region, len(scan.vertices)).to(scan.vertices.device)
    if align is not None and len(indices) < 3:
        raise ValueError(f"region holds only {len(indices)} scan points: three or more are needed to align")
    points = to_array(scan.vertices[indices])
    placement, converged = Placement(), True
    if align is not None:
        steering = points[np.linspace(0, len(points) - 1, min(len(points), _STEERING)).astype(int)]
        starts = _starts(surface, steering, landmarks, similarity=align == "similarity")
        placement, converged = settle(surface, steering, starts, similarity=align == "similarity")
    distances = surface.closest(placement.backward(points))[1] * placement.scale
    scale, rotation, shift = (to_tensor(np.asarray(x), vertices) for x in placement)
    return ScanDistances(
        distances=to_tensor(distances, scan.vertices),
        indices=indices,
        vertices=to_tensor(placement.forward(to_array(vertices)), vertices),
        alignment=(scale, rotation, shift),
        converged=converged,
    )


def scan_error(
    vertices: Tensor, faces: Tensor, scan: Mesh, align: Align = "rigid", region: Tensor | None = None,
    landmarks: tuple[Tensor, Tensor] | None = None,
) -> dict[str, float]:  # fmt: skip
    """Scan-to-surface error in mm: `mean`, `median`, `rmse`, `p95` of `n` points; arguments as for `scan_distances`."""
    return summarise(scan_distances(vertices, faces, scan, align, region, landmarks).distances)


def vertex_error(a: Tensor, b: Tensor) -> dict[str, float]:
    """Vertex-to-vertex error of two meshes in correspondence, as they lie: the figures of `scan_error`.

    The two may lie on different devices.

    Args:
        a: (V, 3) mm.
        b: (V, 3) mm, the same vertices in the same order.

    Raises:
        ValueError: NaN, different numbers of vertices, none at all.
    """
    check_points(a, "a", 3)
    check_points(b, "b", 3)
    if len(a) != len(b):
        raise ValueError(
            f"a has {len(a)} vertices and b has {len(b)}: not in correspondence; compare them by scan_error"
        )
    return summarise(torch.from_numpy(np.linalg.norm(to_array(a) - to_array(b), axis=1)))


def summarise(distances: Tensor) -> dict[str, float]:
    """`mean`, `median`, `rmse`, `p95` and the number `n` of some distances (n,)."""
    if distances.ndim != 1 or len(distances) == 0:
        raise ValueError(f"distances has shape {tuple(distances.shape)}: give (n,), at least one")
    d = to_array(distances)
    return {
        "mean": float(d.mean()),
        "median": float(np.median(d)),
        "rmse": float(np.sqrt(np.mean(d**2))),
        "p95": float(np.quantile(d, 0.95)),
        "n": len(d),
    }


def face_region(points: Tensor, nose_tip: Tensor, outer_eyes: Tensor, nose_bridge: Tensor) -> Tensor:
    """The face area of the NoW challenge: within 0.7 (eye distance + nose length) of the tip of the nose.

    Args:
        points: (n, 3) mm.
        nose_tip: (3,) mm.
        outer_eyes: (2, 3) the outer corners of the eyes, mm.
        nose_bridge: (3,) between the eyes, where the nose begins, mm.

    Returns:
        (n,) bool.

    Raises:
        ValueError: NaN, wrong shapes, or landmarks that all lie in one place.
    """
    check_points(points, "points", 3)
    check_points(nose_tip.reshape(1, -1), "nose_tip", 3)
    check_points(nose_bridge.reshape(1, -1), "nose_bridge", 3)
    check_points(outer_eyes, "outer_eyes", 3)
    if len(outer_eyes) != 2:
        raise ValueError(f"outer_eyes has {len(outer_eyes)} points: give two, the outer corners of the eyes")
    eyes = torch.linalg.vector_norm(outer_eyes[0] - outer_eyes[1])
    nose = torch.linalg.vector_norm(nose_bridge - nose_tip)
    if not eyes + nose > 0:
        raise ValueError("outer_eyes and nose_tip all lie in one place: the face has no size")
    inside: Tensor = torch.linalg.vector_norm(points - nose_tip, dim=1) <= 0.7 * (eyes + nose)
    return inside


def _starts(
    surface: Surface, points: np.ndarray, landmarks: tuple[Tensor, Tensor] | None, similarity: bool
) -> list[Placement]:
    """Where the alignment may start; see `scan_distances`."""
    if landmarks is not None:
        on_surface, on_scan = landmarks
        check_points(on_surface, "landmarks[0] (on the surface)", 3)
        check_points(on_scan, "landmarks[1] (on the scan)", 3)
        return [Placement.of(align_points(on_surface.double(), on_scan.double(), scale=similarity))]
    corners = surface.corners.reshape(-1, 3)
    there, here = points.mean(0), corners.mean(0)
    size, other = (float(np.linalg.norm(x - x.mean(0)) / len(x) ** 0.5) for x in (corners, points))
    grow = other / size if size > 0 < other else 1.0
    return [Placement(), Placement(shift=there - here), Placement(grow, shift=there - grow * here)]


def _region_indices(region: Tensor | None, count: int) -> Tensor:
    if region is None:
        return torch.arange(count)
    if not isinstance(region, Tensor) or region.ndim != 1:
        raise ValueError(f"region is not a one-dimensional tensor: give ({count},) bool or (n,) int64")
    if region.dtype == torch.bool:
        if len(region) != count:
            raise ValueError(f"region has {len(region)} entries for a scan of {count} vertices: give one for each")
        region = region.nonzero().flatten()
    check_indices(region, "region", count, "the scan's vertices")
    if len(region) == 0:
        raise ValueError("region is empty: no scan vertex is left to measure")
    return region
