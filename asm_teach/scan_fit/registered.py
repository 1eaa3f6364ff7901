"""A scan that is registered to the template: the same vertices in the same order. Checked before a fit believes it."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from asm_teach.geometry.alignment import align_points, apply_alignment
from asm_teach.geometry.mesh import Mesh
from asm_teach.scan_fit.place import guess_unit

_STRAY = 20.0  # times the median distance from the middle: a vertex beyond is no part of a head
_BESIDE = 0.25  # how much a vertex counts that is not in the part "face"
_MIRRORED = 0.5  # of what a rotation leaves: a mirror image that leaves less is the better explanation
_UNLIKE = 0.25  # of the template's size: a mesh that a rigid motion leaves further away is no face


@dataclass(frozen=True, eq=False)
class RegisteredScan:
    """Where each vertex is to go.

    target: (V, 3) mm. weight: (V,) how much each vertex counts. mesh: the scan in mm. notes: what was guessed.
    unit: mm for each unit of the file.
    """

    target: Tensor
    weight: Tensor
    mesh: Mesh
    notes: tuple[str, ...]
    unit: float


def is_registered(template: Mesh, scan: Mesh, landmarks: Tensor | None, steps: int | None) -> bool:
    """Whether a scan has the template's own vertices and faces: then vertex i is the same point of the face on both.

    Raises ValueError for what no fit to a scan takes: no mesh, landmarks on a registered scan, fewer than one step.
    """
    if not isinstance(scan, Mesh):
        raise ValueError(f"scan: expected a Mesh, found a {type(scan).__name__}; mesh.with_vertices makes one")
    if steps is not None and steps < 1:
        raise ValueError(f"steps: a fit needs at least one step, found {steps}")
    faces = scan.faces.to(template.faces.device)
    registered = scan.vertices.shape == template.vertices.shape and torch.equal(faces, template.faces)
    if registered and landmarks is not None:
        raise ValueError("landmarks: this scan is registered to the template, vertex by vertex; leave them out")
    return registered


def register(template: Mesh, scan: Mesh, mask: Tensor | None) -> RegisteredScan:
    """Find the unit of a registered scan and which of its vertices to believe.

    mask: (V,) how much each vertex counts, bool or 0 to 1; None for 1 in the part "face" and 0.25 elsewhere.
    Raises ValueError for a mask of the wrong shape, and for a scan that is mirrored or nothing like the template.
    """
    rest = template.vertices.double()
    target, weight, notes = scan.vertices.to(rest), vertex_weights(template, mask).to(template.vertices.device), []
    away = torch.linalg.vector_norm(target - target.median(0).values, dim=1)
    stray = away > _STRAY * away.median()
    if stray.any():
        notes.append(f"Left out {int(stray.sum())} vertices that lie far away from all others.")
    use = ~stray & (weight > 0)
    if int(use.sum()) < 3:
        raise ValueError("scan: fewer than three of its vertices count; check the mask and the coordinates")
    extent, size = (_extent(points[use]) for points in (rest, target))
    if not size > 0:
        raise ValueError("scan: all its vertices lie in one place")
    unit, note = guess_unit(size / extent)
    if unit != 1.0:
        notes.append(note)
    target = unit * target
    left, mirrored = (_misfit(rest[use] * rest.new_tensor([x, 1.0, 1.0]), target[use]) for x in (1.0, -1.0))
    if mirrored < _MIRRORED * left and left > 0.05 * extent:
        raise ValueError(
            f"scan: it is a mirror image: a face fits it to {left:.1f} mm, its mirror image to {mirrored:.1f} mm; "
            "change the sign of its x"
        )
    if left > _UNLIKE * extent:
        raise ValueError(
            f"scan: it has the template's faces, but placed as well as can be its vertices are {left:.0f} mm away on "
            "average: they are in another order, or this is no face"
        )
    target = torch.where(stray[:, None], target[use].mean(0), target).to(template.vertices)
    mesh = scan if unit == 1.0 and not stray.any() else scan.with_vertices(target.to(scan.vertices))
    return RegisteredScan(target, torch.where(stray, 0.0, weight), mesh, tuple(notes), unit)


def _extent(points: Tensor) -> float:
    return (points - points.mean(0)).square().sum(1).mean().sqrt().item()


def _misfit(source: Tensor, target: Tensor) -> float:
    away = apply_alignment(source, align_points(source, target)) - target
    return torch.linalg.vector_norm(away, dim=1).mean().item()


def part_weights(mesh: Mesh, beside: float) -> Tensor:
    """(V,) 1 in the part "face" of a template and `beside` elsewhere; 1 everywhere if it has no such part."""
    weight = torch.ones(len(mesh.vertices), device=mesh.vertices.device)
    if "face" in mesh.parts:
        weight *= beside
        weight[mesh.part_vertices("face")] = 1.0
    return weight


def vertex_weights(mesh: Mesh, mask: Tensor | None) -> Tensor:
    """How much each vertex of a registered mesh counts, (V,). Raises ValueError for a mask of another shape."""
    if mask is None:
        return part_weights(mesh, _BESIDE)
    if not isinstance(mask, Tensor) or mask.shape != mesh.vertices.shape[:1]:
        found = tuple(mask.shape) if isinstance(mask, Tensor) else type(mask).__name__
        raise ValueError(f"mask: found {found}; a registered scan needs one number a vertex, ({len(mesh.vertices)},)")
    weight = mask.to(torch.float32)
    if not ((weight >= 0) & (weight <= 1)).all() or not weight.any():
        raise ValueError("mask: give each vertex a number from 0 (leave it out) to 1, and not 0 for all")
    return weight
