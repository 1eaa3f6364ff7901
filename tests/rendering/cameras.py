"""Points all round a head and cameras that see them, for the tests of cameras and poses."""

from __future__ import annotations

import math

import roma
import torch
from torch import Tensor

from asm_teach.rendering.camera import Camera

F64 = torch.float64


def vec(*numbers: float) -> Tensor:
    return torch.tensor(numbers, dtype=F64)


def head_points(seed: int, size: float = 150.0, count: int = 68) -> Tensor:
    """(count, 3) landmarks all round a head of this size, not in a plane."""
    generator = torch.Generator().manual_seed(seed)
    return (torch.rand(count, 3, generator=generator, dtype=F64) - 0.5) * size


def camera_for(points: Tensor, seed: int, distance: float, focal_ratio: float, width: int = 1000) -> Camera:
    """A camera anywhere round the points, turned any way about its axis, with the points in its picture."""
    generator = torch.Generator().manual_seed(seed + 1000)
    quaternion = torch.randn(4, generator=generator, dtype=F64)
    rotation = roma.unitquat_to_rotvec(quaternion / quaternion.norm())
    middle = roma.rotvec_to_rotmat(rotation) @ points.mean(0)
    focal = vec(focal_ratio * width)[0]
    camera = Camera(focal, vec(width / 2, width / 2), rotation, vec(0, 0, distance) - middle, (width, width))
    # A long lens close by overfills the picture: then take a larger sensor, the same lens.
    reach = float((camera.project(points) - width / 2).abs().max())
    side = max(width, 2 * math.ceil(reach))
    return Camera(focal, vec(side / 2, side / 2), rotation, camera.translation, (side, side))


def off(camera: Camera, points: Tensor, pixels: Tensor) -> Tensor:
    """(L,) pixels by which the camera misses each landmark."""
    return torch.linalg.vector_norm(camera.project(points) - pixels, dim=1)
