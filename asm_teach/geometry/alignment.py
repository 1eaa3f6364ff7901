"""Bringing one shape to another: from pairs of points in closed form, or from closest points in steps."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import roma
import torch
from torch import Tensor

from asm_teach.base.arrays import Floats
from asm_teach.base.checks import check_points
from asm_teach.geometry.closest_point import Surface, to_array

Alignment = tuple[Tensor, Tensor, Tensor]  # scale (), rotation (3, 3), translation (3,)

_TRIM = 0.1  # share of the points, the furthest, that do not steer: hair, ears, the rims of holes
_MOST_STEPS = 60
_STILL = 1e-6  # of the points' extent: an alignment that moves less than this has come to rest
_TRIAL_POINTS, _TRIAL_STEPS, _TRIAL_STILL = 200, 20, 1e-4  # the same, to choose between several starts


def align_points(source: Tensor, target: Tensor, scale: bool = False) -> Alignment:
    """The rigid or similarity transform of least squares (Umeyama's closed form), eq. (9.1): target ~ s R source + t.

    Args:
        source: (n, 3) mm, at least three points that are not on one line.
        target: (n, 3) mm, the same points in the same order.
        scale: also estimate the scale; else it is 1.

    Returns:
        (s (), R (3, 3), t (3,)) for `apply_alignment`; R is a rotation, never a reflection.

    Raises:
        ValueError: fewer than three points, different numbers, NaN, points on one line.
    """
    check_points(source, "source", 3)
    check_points(target, "target", 3)
    if len(source) != len(target):
        raise ValueError(f"source has {len(source)} points and target has {len(target)}: give pairs")
    if len(source) < 3:
        raise ValueError(f"source has only {len(source)} points: three or more are needed to align")
    for name, value in (("source", source), ("target", target)):
        if on_one_line(value):
            raise ValueError(f"{name}: all points lie on one line, so the turn about it is open; add others")
    x, y = source.double(), target.double()
    x_mean, y_mean = x.mean(0), y.mean(0)
    x, y = x - x_mean, y - y_mean
    u, spread, vh = torch.linalg.svd(y.mT @ x)
    sign = torch.ones_like(spread)
    sign[2] = torch.linalg.det(u @ vh).sign()  # the nearest rotation where the best map is a reflection
    rotation = (u * sign) @ vh
    s = (spread * sign).sum() / x.square().sum() if scale else torch.ones_like(spread[0])
    shift = y_mean - s * (rotation @ x_mean)
    return s.to(source.dtype), rotation.to(source.dtype), shift.to(source.dtype)


def apply_alignment(points: Tensor, alignment: Alignment) -> Tensor:
    """s R p + t of each point. (..., 3) mm -> (..., 3) mm."""
    s, rotation, shift = alignment
    return s * (points @ rotation.mT) + shift


def on_one_line(points: Tensor) -> bool:
    """Whether points (n, 3) lie on one line, or in one place, but for rounding."""
    points = points.detach().double()
    spread = torch.linalg.svdvals(points - points.mean(0))
    # Of coincident points nothing is left but the rounding of their mean, some 1e-16 of their size.
    return bool(spread[1] <= 1e-6 * spread[0]) or bool(spread[0] <= 1e-9 * points.abs().max())


class Placement(NamedTuple):
    """Where a surface has been put: its points p are at scale rotation p + shift (float64)."""

    scale: float = 1.0
    rotation: Floats = np.eye(3)
    shift: Floats = np.zeros(3)

    @classmethod
    def of(cls, alignment: Alignment) -> Placement:
        """The placement of an alignment by `align_points`."""
        scale, rotation, shift = (to_array(x) for x in alignment)
        return cls(float(scale), rotation, shift)

    def forward(self, points: Floats) -> Floats:
        """Points of the surface, (n, 3), to where they have been put."""
        return self.scale * points @ self.rotation.T + self.shift

    def backward(self, points: Floats) -> Floats:
        """Points of space, (n, 3), in the surface's own coordinates: what is nearest stays so."""
        return (points - self.shift) @ self.rotation / self.scale


def settle(surface: Surface, points: Floats, starts: list[Placement], similarity: bool) -> tuple[Placement, bool]:
    """Move a surface to points (n, 3) by iterated closest points: (placement, whether it came to rest).

    Minimises the sum of squared distances from the points to the surface, less the furthest tenth. The
    derivative of such a distance is along the line to the closest point, so each step is Gauss-Newton on all
    of them, damped (Levenberg-Marquardt) and taken only if it makes the sum smaller. The surface's points
    move and the distances stay those of the points: a surface that shrinks leaves points behind, so the scale
    cannot collapse.

    Of several starts, each is tried with some 200 of the points, and the one that ends closest is finished with
    all. The trials hold the scale, let it go, and (for a rigid alignment) hold it again: a scale that is free
    too early settles in a wrong place, and one that is never free lets fewer ways lead out of one.
    """
    if len(starts) > 1:
        few = points[:: max(1, len(points) // _TRIAL_POINTS)]
        trials = []
        for start in starts:
            held = _descend(surface, few, start, False, _TRIAL_STEPS, _TRIAL_STILL)
            free = _descend(surface, few, held.placement, True, _TRIAL_STEPS, _TRIAL_STILL)
            if similarity:
                trials.append(free)
            else:
                again = _unscaled(free.placement, few)
                trials += [held, _descend(surface, few, again, False, _TRIAL_STEPS, _TRIAL_STILL)]
        starts = [min(trials, key=lambda trial: trial.cost).placement]
    rest = _descend(surface, points, starts[0], similarity, _MOST_STEPS, _STILL)
    return rest.placement, rest.converged


def _unscaled(placement: Placement, points: Floats) -> Placement:
    """The same placement with a scale of 1, changed about the middle of the points."""
    middle = points.mean(0)
    return Placement(1.0, placement.rotation, middle - placement.rotation @ placement.backward(middle))


class _Rest(NamedTuple):
    placement: Placement
    cost: float
    converged: bool


def _descend(
    surface: Surface, points: Floats, placement: Placement, similarity: bool, steps: int, still: float
) -> _Rest:
    """From one start to the next minimum."""
    seen = _look(surface, points, placement)
    extent = float(np.linalg.norm(np.ptp(points, axis=0)))
    damping = 1e-4
    for _ in range(steps):
        middle = seen.foot.mean(0)
        arm = seen.foot - middle
        size = np.sqrt(np.square(arm).sum(1).mean()) + 1e-12 * extent
        # Unknowns in mm of movement: a turn about the middle, a shift, and growth about the middle.
        columns = [np.cross(arm, seen.direction) / size, seen.direction]
        if similarity:
            columns.append(np.einsum("nx,nx->n", arm, seen.direction)[:, None] / size)
        jacobian = np.concatenate(columns, axis=1)
        normal = jacobian.T @ jacobian
        step = np.linalg.solve(normal + damping * len(jacobian) * np.eye(len(normal)), jacobian.T @ seen.distance)
        turn = roma.rotvec_to_rotmat(torch.from_numpy(step[:3] / size)).numpy()
        grow = float(np.exp(step[6] / size)) if similarity else 1.0
        trial = Placement(
            grow * placement.scale,
            turn @ placement.rotation,
            grow * turn @ (placement.shift - middle) + middle + step[3:6],
        )
        found = _look(surface, points, trial)
        if found.cost < seen.cost:
            placement, seen, damping = trial, found, max(damping / 10, 1e-12)
        else:
            damping = max(damping * 10, 1e-8)
        if np.abs(step).max() < still * extent:
            return _Rest(placement, seen.cost, True)
    return _Rest(placement, seen.cost, False)


class _Seen(NamedTuple):
    cost: float
    foot: Floats  # (kept, 3) closest points, where they have been put
    distance: Floats  # (kept,)
    direction: Floats  # (kept, 3) unit, from the foot to the point


def _look(surface: Surface, points: Floats, placement: Placement) -> _Seen:
    """Closest points of a placed surface, without the furthest share of them."""
    nearest, distance, face = surface.closest(placement.backward(points))
    kept = max(int(np.ceil((1 - _TRIM) * len(points))), min(3, len(points)))
    keep = np.argpartition(distance, kept - 1)[:kept]
    foot, distance = placement.forward(nearest[keep]), distance[keep] * placement.scale
    direction = points[keep] - foot
    length = np.linalg.norm(direction, axis=1, keepdims=True)
    touching = length[:, 0] < 1e-12 * np.abs(points).max()  # no direction is left: it is the normal
    direction = direction / np.where(touching[:, None], 1, length)
    direction[touching] = surface.normals(face[keep][touching]) @ placement.rotation.T
    return _Seen(float(distance @ distance), foot, distance, direction)
