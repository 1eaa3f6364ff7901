"""A pinhole camera, and its pose from a handful of landmarks. Derived in lesson 7.

Conventions as in OpenCV: x right, y down, z forward. Pixel coordinates are (column, row) with pixel centres
at half integers: the picture covers [0, width] x [0, height], the centre of its first pixel is (0.5, 0.5).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import roma
import torch
from torch import Tensor

from asm_teach.base.checks import check_points
from asm_teach.geometry.alignment import on_one_line
from asm_teach.rendering.pose import solve_pose


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
        if float(self.focal.detach()) <= 0:
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
        moved: dict[str, Any] = {name: x.to(device, dtype) for name, x in vars(self).items() if isinstance(x, Tensor)}
        return replace(self, **moved)


def project(points: Tensor, rotation: Tensor, translation: Tensor, focal: Tensor, principal: Tensor) -> Tensor:
    """Project world points to pixels, eq. (7.1): principal + focal (x, y) / z in camera axes. Derived in lesson 7.

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
    width, height = _check_size(size)
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


def _check_size(size: object) -> tuple[int, int]:
    sides = size if isinstance(size, (tuple, list)) else ()
    if len(sides) != 2 or not all(isinstance(side, (int, np.integer)) and side > 0 for side in sides):
        raise ValueError(f"size is {size!r}: give (width, height), two whole numbers above zero")
    return (int(sides[0]), int(sides[1]))


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


def _describe(value: object) -> str:
    return f"of shape {tuple(value.shape)}" if isinstance(value, Tensor) else f"a {type(value).__name__}"
