"""The pose of a camera from landmarks: a start in closed form, then Levenberg-Marquardt. Derived in lesson 7."""

from __future__ import annotations

import math
from typing import NamedTuple

import roma
import torch
from torch import Tensor

from asm_teach.base.checks import check_points
from asm_teach.fitting.damped_step import Damping
from asm_teach.geometry.alignment import on_one_line
from asm_teach.rendering.camera import Camera, check_size

_LEAST_NOISE = 0.1  # pixels; nobody marks a landmark better, so the focal prior never quite vanishes
_MOST_STEPS = 100
_NEAREST = 0.02  # no landmark comes closer to the lens than this fraction of the distance of their middle


def pose_from_landmarks(
    points: Tensor,
    pixels: Tensor,
    size: tuple[int, int],
    focal: float | None = None,
    *,
    focal_prior: tuple[float, float] = (1.2, 0.7),
    robust: float | None = None,
) -> Camera:
    """The camera that sees `points` at `pixels`: scaled orthography in closed form, then Levenberg-Marquardt.

    Without `focal` the focal length is estimated too, with the principal point in the middle of the picture.
    One view of a face hardly tells a long lens far away from a short one close by: only the small difference
    in magnification between nose and ears does. So log(focal / image diagonal) has a weak normal prior,
    weighed against landmarks whose noise is measured from what is left over after the fit. Its default,
    median 1.2 and sigma 0.7, is a 52 mm lens on 35 mm film, and a factor of two either way; phone selfies
    (0.6) and portrait lenses (3) lie within 1.4 sigma.

    That is right for landmarks of this very face. An average face misses by millimetres, all of one side
    together, and the fit takes much of that for perspective: the focal length then comes out too short (a third
    of the true one for a head 1.5 m away), with hardly smaller residuals than the true one leaves. Give `focal`
    or a narrow prior there, or fit the shape along with it.

    Computed in float64 on the CPU (it is a few hundred numbers) and given back in the precision and on the
    device of `points`. Not differentiable. Derived in lesson 7.

    Args:
        points: (L, 3) landmarks on the face, mm; at least four. They may lie in a plane, but not on a line.
        pixels: (L, 2) where they are seen, (column, row).
        size: (width, height) of the picture, pixels.
        focal: focal length in pixels, when it is known.
        focal_prior: (median, sigma of the logarithm) of focal / image diagonal; unused when `focal` is given.
        robust: pixels; a landmark much further off than this hardly counts (Cauchy loss). None: all count.

    Raises:
        ValueError: fewer than four landmarks, a different number of points and pixels, NaN, landmarks on a
            line, pixels that cannot belong to a picture of this size, a nonsensical size, focal or prior.
    """
    width, height = check_size(size)
    _check_landmarks(points, pixels, width, height)
    median, sigma = focal_prior
    given = {"focal": focal, "median of focal_prior": median, "sigma of focal_prior": sigma, "robust": robust}
    for name, value in given.items():
        if value is not None and not (math.isfinite(value) and value > 0):
            raise ValueError(f"{name} is {value}: give a number above zero")

    principal = torch.tensor([width / 2, height / 2], dtype=torch.float64)
    rotation, translation, fitted_focal = solve_pose(
        points.detach().double().cpu(),
        pixels.detach().double().cpu() - principal,
        focal=median * math.hypot(width, height) if focal is None else focal,
        focal_sigma=sigma if focal is None else 0.0,
        robust=robust,
    )
    camera = Camera(
        focal=principal.new_tensor(fitted_focal),
        principal=principal,
        rotation=roma.rotmat_to_rotvec(rotation),
        translation=translation,
        size=(width, height),
    )
    return camera.to(points.device, points.dtype)


def _check_landmarks(points: Tensor, pixels: Tensor, width: int, height: int) -> None:
    for name, value, length in (("points", points, 3), ("pixels", pixels, 2)):
        check_points(value, name, length)
    if len(points) != len(pixels):
        raise ValueError(
            f"points has {len(points)} landmarks and pixels has {len(pixels)}: give the same ones, in order"
        )
    if len(points) < 4:
        raise ValueError(f"only {len(points)} landmarks: four or more are needed to find a camera")
    if on_one_line(points):
        raise ValueError("points all lie on one line, and the turn about it cannot be seen: choose others")
    inside = ((pixels >= 0) & (pixels <= pixels.new_tensor([width, height]))).all(1)
    if 2 * int(inside.sum()) < len(pixels):
        raise ValueError(
            f"pixels: {int((~inside).sum())} of {len(pixels)} landmarks lie outside the picture of {width} x "
            f"{height} pixels: were they marked in a picture of another size? Scale them, or pass that size"
        )
    extent = float((pixels.amax(0) - pixels.amin(0)).max())
    if extent < 2:
        raise ValueError(
            f"pixels: all landmarks lie within {extent:.2g} pixels: are they fractions of the picture's "
            "size? Then multiply them by its width and height"
        )


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
