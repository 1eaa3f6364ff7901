"""A pinhole camera, and its pose from a handful of landmarks. Derived in lesson 7.

Conventions as in OpenCV: x right, y down, z forward. Pixel coordinates are (column, row) with pixel centres
at half integers: the picture covers [0, width] x [0, height], the centre of its first pixel is (0.5, 0.5).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import roma
import torch
from torch import Tensor

_LEAST_NOISE = 0.1  # pixels; nobody marks a landmark better, so the focal prior never quite vanishes
_MOST_STEPS = 100
_NEAREST = 0.02  # no landmark comes closer to the lens than this fraction of the distance of their middle


@dataclass(frozen=True, eq=False)
class Camera:
    """A pinhole camera with square pixels and no lens distortion.

    Attributes:
        focal: () focal length, pixels.
        principal: (2,) where the optical axis meets the picture, pixels (column, row).
        rotation: (3,) rotation vector, world to camera, radians. A camera that looks straight at a face has
            one of length pi (half a turn about x), where opposite vectors mean the same: never average them.
        translation: (3,) world to camera, mm.
        size: (width, height), pixels.

    Raises:
        ValueError: a part of the wrong shape or type, NaN, a focal length or a size that is not above zero.
    """

    focal: Tensor
    principal: Tensor
    rotation: Tensor
    translation: Tensor
    size: tuple[int, int]

    def __post_init__(self) -> None:
        for name, shape in {"focal": (), "principal": (2,), "rotation": (3,), "translation": (3,)}.items():
            value = getattr(self, name)
            if not isinstance(value, Tensor) or not value.is_floating_point() or tuple(value.shape) != shape:
                raise ValueError(f"{name} is {_describe(value)}: give a float tensor of shape {shape}")
            if not bool(torch.isfinite(value).all()):
                raise ValueError(f"{name} holds NaN or infinity: {value.tolist()}")
        if float(self.focal) <= 0:
            raise ValueError(f"focal is {float(self.focal):g} pixels: a focal length is above zero")
        object.__setattr__(self, "size", _check_size(self.size))

    def world_to_camera(self) -> Tensor:
        """(3, 4) affine matrix that takes world points (mm) to camera axes."""
        return torch.cat([roma.rotvec_to_rotmat(self.rotation), self.translation[:, None]], dim=1)

    def project(self, points: Tensor) -> Tensor:
        """(..., 3) world points, mm -> (..., 2) pixels; see `project`."""
        return project(points, self.rotation, self.translation, self.focal, self.principal)

    def depth(self, points: Tensor) -> Tensor:
        """(..., 3) world points -> (...) depth along the optical axis, mm; below zero: behind."""
        matrix = self.world_to_camera()
        return points @ matrix[2, :3] + matrix[2, 3]

    def centre(self) -> Tensor:
        """(3,) where the camera stands in the world, mm."""
        matrix = self.world_to_camera()
        return -matrix[:, :3].mT @ matrix[:, 3]

    def to(self, device: torch.device | str | None = None, dtype: torch.dtype | None = None) -> Camera:
        """The same camera on another device or in another precision."""
        parts = (self.focal, self.principal, self.rotation, self.translation)
        return Camera(*(part.to(device=device, dtype=dtype) for part in parts), size=self.size)


def project(
    points: Tensor, rotation: Tensor, translation: Tensor, focal: Tensor, principal: Tensor
) -> Tensor:
    """Project world points to pixels: principal + focal (x, y) / z in camera axes. Derived in lesson 7.

    Differentiable in every argument. The leading dimensions are those of the cameras (say N views); they
    broadcast, so one face (V, 3) in N cameras gives (N, V, 2).

    Args:
        points: (..., V, 3) or (3,), mm. A point with depth <= 0 is behind the camera and its pixel means
            nothing: ask `Camera.depth`.
        rotation: (..., 3) rotation vector, world to camera, radians.
        translation: (..., 3) world to camera, mm.
        focal: (...) pixels.
        principal: (..., 2) pixels.

    Returns:
        (..., V, 2) pixels, (column, row).

    Raises:
        ValueError: a last dimension of the wrong length.
    """
    for name, value, length in (
        ("points", points, 3),
        ("rotation", rotation, 3),
        ("translation", translation, 3),
        ("principal", principal, 2),
    ):
        if value.ndim == 0 or value.shape[-1] != length:
            raise ValueError(f"{name} has shape {tuple(value.shape)}: its last dimension must be {length}")
    if points.ndim == 1:
        return project(points[None], rotation, translation, focal, principal)[..., 0, :]
    in_camera = points @ roma.rotvec_to_rotmat(rotation).mT + translation[..., None, :]
    flat = in_camera[..., :2] / in_camera[..., 2:]
    return focal[..., None, None] * flat + principal[..., None, :]


def look_at(eye: Tensor, target: Tensor, focal: float | Tensor, size: tuple[int, int]) -> Camera:
    """A camera at `eye` with `target` in the middle of its picture and +y (up) towards the upper edge.

    When it looks straight up or down, +z (out of the face) takes the place of up.

    Args:
        eye: (3,) mm.
        target: (3,) mm.
        focal: pixels.
        size: (width, height), pixels.

    Raises:
        ValueError: eye and target are the same point, or of the wrong shape; a size or focal not above zero.
    """
    width, height = _check_size(size)
    for name, value in (("eye", eye), ("target", target)):
        if not isinstance(value, Tensor) or tuple(value.shape) != (3,):
            raise ValueError(f"{name} is {_describe(value)}: give one point, a tensor of shape (3,)")
    distance = torch.linalg.vector_norm(target - eye)
    if not float(distance) > 0:
        raise ValueError("eye and target are the same point: move the eye away from what it looks at")
    forward = (target - eye) / distance
    right = torch.linalg.cross(forward, forward.new_tensor([0.0, 1.0, 0.0]))
    if float(torch.linalg.vector_norm(right)) < 1e-4:
        right = torch.linalg.cross(forward, forward.new_tensor([0.0, 0.0, 1.0]))
    right = right / torch.linalg.vector_norm(right)
    rotation = torch.stack([right, torch.linalg.cross(forward, right), forward])
    return Camera(
        focal=torch.as_tensor(focal, dtype=eye.dtype, device=eye.device),
        principal=eye.new_tensor([width / 2, height / 2]),
        rotation=roma.rotmat_to_rotvec(rotation),
        translation=-rotation @ eye,
        size=size,
    )


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
    width, height = _check_size(size)
    _check_landmarks(points, pixels, width, height)
    median, sigma = focal_prior
    given = {"focal": focal, "median of focal_prior": median, "sigma of focal_prior": sigma, "robust": robust}
    for name, value in given.items():
        if value is not None and not (math.isfinite(value) and value > 0):
            raise ValueError(f"{name} is {value}: give a number above zero")

    with torch.no_grad():
        middle = points.detach().double().cpu().mean(0)
        shape = points.detach().double().cpu() - middle
        principal = torch.tensor([width / 2, height / 2], dtype=torch.float64)
        seen = pixels.detach().double().cpu() - principal
        if focal is None:
            prior = (math.log(median * math.hypot(width, height)), sigma)
        else:
            prior = (math.log(focal), 0.0)
        fits = [_refine(shape, seen, *start, prior, robust) for start in _starts(shape, seen)]
        _, rotation, (log_scale, shift_x, shift_y, log_focal) = min(fits, key=lambda fit: fit[0])
        # From the numbers that were fitted (see _refine) back to where the middle of the landmarks is.
        scale, focal_length = math.exp(log_scale), math.exp(log_focal)
        at = middle.new_tensor([shift_x / scale, shift_y / scale, focal_length / scale])
        camera = Camera(
            focal=middle.new_tensor(focal_length),
            principal=principal,
            rotation=roma.rotmat_to_rotvec(rotation),
            translation=at - rotation @ middle,
            size=(width, height),
        )
        return camera.to(points.device, points.dtype)


def _starts(shape: Tensor, seen: Tensor) -> list[tuple[Tensor, float, Tensor]]:
    """Scaled orthography in closed form: (rotation, log scale, shift) of each candidate.

    Without perspective, seen = scale (x, y) + shift with (x, y) the first two rows of rotation . shape. The
    best affine map, its rows made orthonormal by SVD, gives one candidate. A flat object seen so has two
    mirrored poses that look the same; they are further candidates, the right ones for landmarks in a plane.
    """
    shift = seen.mean(0)
    _, spread, axes = torch.linalg.svd(shape, full_matrices=False)
    if spread[1] < 1e-6 * spread[0]:
        raise ValueError(
            "points all lie on one line (or in one place): the turn about it cannot be seen, choose others"
        )
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
    return [(rotation, math.log(max(scale, 1e-9)), shift) for rotation, scale in candidates]


def _refine(
    shape: Tensor,
    seen: Tensor,
    rotation: Tensor,
    log_scale: float,
    shift: Tensor,
    prior: tuple[float, float],
    robust: float | None,
) -> tuple[float, Tensor, list[float]]:
    """Levenberg-Marquardt on the rotation and (log scale, shift, log focal); gives (cost, rotation, numbers).

    With the middle of the landmarks at depth Z, scale = focal / Z (pixels per mm there) and k = 1 / Z:

        pixel = (scale (x, y) + shift) / (1 + k z),     k = scale / focal

    which stays well behaved as the camera moves off to infinity: size and place in the picture are told apart
    from the strength of the perspective. The cost is twice the negative log posterior, with the noise taken
    from the residuals themselves.
    """
    goal, sigma = prior
    free = 7 if sigma else 6
    numbers = torch.cat([torch.tensor([log_scale]).to(shape), shift, torch.tensor([goal]).to(shape)])
    behind = -float((shape @ rotation[2]).min()) * 1.25  # start with every landmark in front
    if behind > 0 and math.exp(log_scale - goal) * behind > 1:
        numbers[3 if sigma else 0] = log_scale + math.log(behind) if sigma else goal - math.log(behind)

    def evaluate(rotation: Tensor, numbers: Tensor) -> tuple[float, float, Tensor, Tensor] | None:
        turned = shape @ rotation.mT
        scale, k = float(numbers[0].exp()), float((numbers[0] - numbers[3]).exp())
        closeness = 1 + k * turned[:, 2:]
        if not bool((closeness > _NEAREST).all()):
            return None
        pixel = (scale * turned[:, :2] + numbers[1:3]) / closeness
        error = pixel - seen
        squared = error.square().sum(1)
        weight = torch.ones_like(squared) if robust is None else 1 / (1 + squared / robust**2)
        loss = squared if robust is None else robust**2 * torch.log1p(squared / robust**2)
        count = max(2 * len(shape) - free, 1)
        variance = float(loss.sum()) / count + _LEAST_NOISE**2
        cost = count * math.log(variance) + (((float(numbers[3]) - goal) / sigma) ** 2 if sigma else 0.0)
        jacobian = _jacobian(turned, pixel, closeness, scale, k)[..., :free]
        weighted = jacobian * (weight / variance)[:, None, None]
        normal = torch.einsum("lcp,lcq->pq", weighted, jacobian)
        gradient = torch.einsum("lcp,lc->p", weighted, error)
        if sigma:
            normal[6, 6] += 1 / sigma**2
            gradient[6] += (numbers[3] - goal) / sigma**2
        return cost, variance, normal, gradient

    state = evaluate(rotation, numbers)
    damping = 1e-3
    for _ in range(_MOST_STEPS):
        if state is None or damping > 1e10:
            break
        cost, _, normal, gradient = state
        diagonal = torch.diag(normal.diagonal() * damping + 1e-12 * normal.diagonal().max())
        step = -torch.linalg.solve(normal + diagonal, gradient)
        trial_rotation = roma.rotvec_to_rotmat(step[:3]) @ rotation
        trial_numbers = numbers.clone()
        trial_numbers[: free - 3] += step[3:]
        trial = evaluate(trial_rotation, trial_numbers)
        if trial is None or not trial[0] < cost:
            damping *= 8
            continue
        rotation, numbers, state, damping = trial_rotation, trial_numbers, trial, max(damping / 8, 1e-9)
        if cost - trial[0] < 1e-12 * (1 + abs(cost)):
            break
    return (math.inf if state is None else state[0]), rotation, numbers.tolist()


def _jacobian(turned: Tensor, pixel: Tensor, closeness: Tensor, scale: float, k: float) -> Tensor:
    """(L, 2, 7) derivative of the pixels in a small turn (3), log scale, shift (2) and log focal."""
    x, y, z = turned.unbind(1)
    zero = torch.zeros_like(x)
    turn = torch.stack([zero, z, -y, -z, zero, x, y, -x, zero], 1).reshape(-1, 3, 3)  # of x, y, z in the turn
    perspective = k * pixel  # how a pixel moves towards the middle as its point moves back
    by_turn = scale * turn[:, :2] - perspective[:, :, None] * turn[:, None, 2]
    by_focal = perspective * z[:, None]
    by_scale = scale * turned[:, :2] - by_focal
    by_shift = torch.eye(2).to(pixel).expand(len(x), 2, 2)
    return torch.cat([by_turn, by_scale[..., None], by_shift, by_focal[..., None]], 2) / closeness[:, None]


def _check_size(size: object) -> tuple[int, int]:
    if (
        not isinstance(size, (tuple, list))
        or len(size) != 2
        or not all(isinstance(side, int) and not isinstance(side, bool) and side > 0 for side in size)
    ):
        raise ValueError(f"size is {size!r}: give (width, height), two whole numbers above zero")
    return (size[0], size[1])


def _check_landmarks(points: Tensor, pixels: Tensor, width: int, height: int) -> None:
    for name, value, length in (("points", points, 3), ("pixels", pixels, 2)):
        if not isinstance(value, Tensor) or value.ndim != 2 or value.shape[1] != length:
            raise ValueError(f"{name} is {_describe(value)}: give shape (L, {length}), a landmark a row")
        if bad := (~torch.isfinite(value).all(1)).nonzero().flatten().tolist():
            raise ValueError(f"{name} of landmark {bad[0]} is NaN or infinite: leave such landmarks out")
    if len(points) != len(pixels):
        raise ValueError(
            f"points has {len(points)} landmarks and pixels has {len(pixels)}: give the same ones, in order"
        )
    if len(points) < 4:
        raise ValueError(f"only {len(points)} landmarks: four or more are needed to find a camera")
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


def _describe(value: object) -> str:
    return f"of shape {tuple(value.shape)}" if isinstance(value, Tensor) else f"a {type(value).__name__}"
