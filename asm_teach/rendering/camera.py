"""A pinhole camera. Derived in lesson 7.

Conventions as in OpenCV: x right, y down, z forward. Pixel coordinates are (column, row) with pixel centres
at half integers: the picture covers [0, width] x [0, height], the centre of its first pixel is (0.5, 0.5).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import roma
import torch
from torch import Tensor


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
        object.__setattr__(self, "size", check_size(self.size))

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
    width, height = check_size(size)
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


def check_size(size: object) -> tuple[int, int]:
    """(width, height) of a picture, or a ValueError."""
    sides = size if isinstance(size, (tuple, list)) else ()
    if len(sides) != 2 or not all(isinstance(side, (int, np.integer)) and side > 0 for side in sides):
        raise ValueError(f"size is {size!r}: give (width, height), two whole numbers above zero")
    return (int(sides[0]), int(sides[1]))


def _describe(value: object) -> str:
    return f"of shape {tuple(value.shape)}" if isinstance(value, Tensor) else f"a {type(value).__name__}"
