"""The pose of a camera from landmarks, numerically: a start in closed form, then Levenberg-Marquardt.

The inner part of `camera.pose_from_landmarks`, which checks the input and says what is assumed. Derived in
lesson 7.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import roma
import torch
from torch import Tensor

from asm_teach.base.damped_step import Damping

_LEAST_NOISE = 0.1  # pixels; nobody marks a landmark better, so the focal prior never quite vanishes
_MOST_STEPS = 100
_NEAREST = 0.02  # no landmark comes closer to the lens than this fraction of the distance of their middle


class _Problem(NamedTuple):
    shape: Tensor  # (L, 3) landmarks about their middle, mm
    seen: Tensor  # (L, 2) pixels from the principal point
    focal: float  # pixels; known, or the median of its prior
    focal_sigma: float  # of log focal; 0 where it is known
    robust: float | None  # scale of the Cauchy loss, pixels


class _Pose(NamedTuple):
    """With the middle of the landmarks at depth Z: scale = focal / Z, pixels per mm there, and k = 1 / Z;

        pixel = (scale (x, y) + shift) / (1 + k z),     k = scale / focal

    which stays well behaved as the camera moves off to infinity: size and place in the picture are told apart
    from the strength of the perspective.
    """

    rotation: Tensor  # (3, 3)
    numbers: Tensor  # (4,) log scale, shift (2), log focal


@torch.no_grad()
def solve_pose(
    points: Tensor, pixels: Tensor, focal: float, focal_sigma: float, robust: float | None
) -> tuple[Tensor, Tensor, float]:
    """The pose, and the focal length where it is not known, that bring the points closest to their pixels.

    Args:
        points: (L, 3) mm, float64, L >= 4, not all on one line.
        pixels: (L, 2) measured from the principal point, float64.
        focal: pixels; known, or the median of its log-normal prior.
        focal_sigma: sigma of the logarithm of the focal length; 0 where it is known.
        robust: scale of the Cauchy loss in pixels, None for least squares.

    Returns:
        rotation (3, 3) and translation (3,), world to camera, and the focal length.
    """
    middle = points.mean(0)
    problem = _Problem(points - middle, pixels, focal, focal_sigma, robust)
    fits = [_refine(problem, start) for start in _starts(problem)]
    _, (rotation, numbers) = min(fits, key=lambda fit: fit[0])
    scale = float(numbers[0].exp())
    focal = float(numbers[3].exp()) if focal_sigma else focal
    centre = torch.stack([numbers[1] / scale, numbers[2] / scale, middle.new_tensor(focal / scale)])
    return rotation, centre - rotation @ middle, focal


def _starts(problem: _Problem) -> list[_Pose]:
    """Scaled orthography in closed form.

    Without perspective, seen = scale (x, y) + shift with (x, y) the first two rows of rotation . shape. The
    best affine map, its rows made orthonormal by SVD, gives one candidate. A flat object seen so has two
    mirrored poses that look the same; they are further candidates, the right ones for landmarks in a plane.
    """
    shape, seen = problem.shape, problem.seen
    shift = seen.mean(0)
    _, spread, axes = torch.linalg.svd(shape, full_matrices=False)
    candidates = []
    if spread[2] > 1e-3 * spread[0]:
        affine = torch.linalg.lstsq(shape, seen - shift).solution.mT
        u, s, vh = torch.linalg.svd(affine, full_matrices=False)
        rows = u @ vh
        candidates.append((torch.stack([*rows, torch.linalg.cross(*rows)]), float(s.mean())))
    # In the plane: depths (p, q) complete the columns (a, b) of the 2x2 map to two vectors of equal length at
    # right angles: p^2 - q^2 = |b|^2 - |a|^2 and p q = -a.b, which is one complex square root, (p + iq)^2.
    a, b = torch.linalg.lstsq(shape @ axes[:2].mT, seen - shift).solution
    root = complex(float(b @ b - a @ a), -2 * float(a @ b)) ** 0.5
    plane = torch.stack([*axes[:2], torch.linalg.cross(axes[0], axes[1])])
    for sign in (1, -1):
        depths = shape.new_tensor([sign * root.real, sign * root.imag])
        columns = torch.cat([torch.stack([a, b]), depths[:, None]], dim=1)
        scale = float(torch.linalg.vector_norm(columns, dim=1).mean())
        unit = columns / max(scale, 1e-12)
        turned = torch.stack([*unit, torch.linalg.cross(*unit)])
        candidates.append((roma.special_procrustes(turned.mT @ plane), scale))
    return [_in_front(problem, rotation, max(scale, 1e-9), shift) for rotation, scale in candidates]


def _in_front(problem: _Problem, rotation: Tensor, scale: float, shift: Tensor) -> _Pose:
    """A start at the expected focal length, moved away until every landmark is well in front of the lens."""
    nearest = -float((problem.shape @ rotation[2]).min())  # mm from the middle towards the camera
    focal = problem.focal
    if scale * 1.25 * nearest > focal:
        if problem.focal_sigma:
            focal = scale * 1.25 * nearest
        else:
            scale = focal / (1.25 * nearest)
    numbers = [math.log(scale), float(shift[0]), float(shift[1]), math.log(focal)]
    return _Pose(rotation, shift.new_tensor(numbers))


def _refine(problem: _Problem, pose: _Pose) -> tuple[float, _Pose]:
    """Levenberg-Marquardt from a start: (cost, pose)."""
    cost, gradient, normal = _evaluate(problem, pose)
    damping = Damping(lower=1 / 8, tries=16)

    def attempt(step: Tensor) -> tuple[float, tuple[_Pose, Tensor, Tensor]]:
        trial = _moved(pose, step)
        after, first, second = _evaluate(problem, trial)
        return after, (trial, first, second)

    for _ in range(_MOST_STEPS):
        found = damping.step(gradient, normal, cost, attempt)
        if found is None:
            break
        gain = cost - found[0]
        cost, (pose, gradient, normal) = found
        if gain < 1e-12 * (1 + abs(cost)):
            break
    return cost, pose


def _moved(pose: _Pose, step: Tensor) -> _Pose:
    numbers = pose.numbers.clone()
    numbers[: len(step) - 3] += step[3:]  # log focal moves only where it is not known
    return _Pose(roma.rotvec_to_rotmat(step[:3]) @ pose.rotation, numbers)


def _evaluate(problem: _Problem, pose: _Pose) -> tuple[float, Tensor, Tensor]:
    """Cost, gradient and Gauss-Newton matrix of a pose.

    The cost is infinite where a landmark is not in front of the lens, else twice the negative log posterior; the
    variance of the landmarks is the one that fits them best, which leaves count * log(sum of squares).
    """
    turned = problem.shape @ pose.rotation.mT
    closeness = 1 + (pose.numbers[0] - pose.numbers[3]).exp() * turned[:, 2]
    in_front = bool((closeness > _NEAREST).all())
    pixel = _pixels(turned, pose.numbers)
    error = pixel - problem.seen
    loss = error.square().sum(1)
    weight = torch.ones_like(loss)
    if problem.robust is not None:
        relative = loss / problem.robust**2
        loss, weight = problem.robust**2 * torch.log1p(relative), 1 / (1 + relative)
    free = 7 if problem.focal_sigma else 6
    count = max(2 * len(error) - free, 1)
    variance = float(loss.sum()) / count + _LEAST_NOISE**2
    cost = count * math.log(variance)
    jacobian = _jacobian(turned, pixel, pose.numbers)[..., :free]
    weighted = jacobian * (weight / variance)[:, None, None]
    normal = torch.einsum("lcp,lcq->pq", weighted, jacobian)
    gradient = torch.einsum("lcp,lc->p", weighted, error)
    if problem.focal_sigma:
        off = (float(pose.numbers[3]) - math.log(problem.focal)) / problem.focal_sigma
        cost += off**2
        normal[6, 6] += 1 / problem.focal_sigma**2
        gradient[6] += off / problem.focal_sigma
    return cost if in_front else math.inf, gradient, normal


def _pixels(turned: Tensor, numbers: Tensor) -> Tensor:
    """(L, 3) landmarks about their middle in camera axes -> (L, 2) pixels from the principal point."""
    closeness = 1 + (numbers[0] - numbers[3]).exp() * turned[:, 2:]
    return (numbers[0].exp() * turned[:, :2] + numbers[1:3]) / closeness


def _jacobian(turned: Tensor, pixel: Tensor, numbers: Tensor) -> Tensor:
    """(L, 2, 7) derivative of the pixels in a small turn (3), log scale, shift (2) and log focal."""
    scale, k = numbers[0].exp(), (numbers[0] - numbers[3]).exp()
    x, y, z = turned.unbind(1)
    zero = torch.zeros_like(x)
    turn = torch.stack([zero, z, -y, -z, zero, x, y, -x, zero], 1).reshape(-1, 3, 3)  # of (x, y, z)
    by_turn = scale * turn[:, :2] - k * pixel[:, :, None] * turn[:, None, 2]
    by_focal = k * pixel * z[:, None]
    by_scale = scale * turned[:, :2] - by_focal
    by_shift = torch.eye(2).to(pixel).expand(len(x), 2, 2)
    closeness = 1 + k * turned[:, 2:, None]
    return torch.cat([by_turn, by_scale[..., None], by_shift, by_focal[..., None]], 2) / closeness
