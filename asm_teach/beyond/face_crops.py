"""A face, upright and always as large, in a small grey square: what a network reads.

The square is laid by five points round the eyes, which hardly move when a face does: a frame by the mouth would hide
what its width tells. Photographs are cut out, drawn faces are drawn straight into the square. Lesson 13.
"""

from __future__ import annotations

from dataclasses import replace

import roma
import torch
from torch import Tensor

from asm_teach.rendering.camera import Camera
from asm_teach.rendering.interpolation import look_up

SIZE = 64  # pixels
STEADY = (33, 133, 168, 362, 263)  # MediaPipe's: outer and inner corners of both eyes, and the root of the nose
PLACES = ((0.17, 0.22), (0.382, 0.23), (0.50, 0.205), (0.618, 0.23), (0.83, 0.22))
"""Where they come to lie, as shares of the square's side from its left and upper edge."""


def crop_frame(points: Tensor) -> tuple[Tensor, Tensor]:
    """The similarity z -> scale z + shift, in complex numbers, from a picture to the square; eq. (13.2).

    Args:
        points: (..., 5, 2) pixels, the `STEADY` ones.

    Returns:
        scale and shift, (...), complex: of pixels (column + i row) to shares of the square's side.

    Raises:
        ValueError: points of another shape, or points round the eyes that coincide.
    """
    if points.shape[-2:] != (len(STEADY), 2):
        raise ValueError(
            f"points has shape {tuple(points.shape)}: give the five steady ones, `face_mesh[list(STEADY)]`"
        )
    z = torch.view_as_complex(points.double().contiguous())
    goal = torch.view_as_complex(torch.tensor(PLACES, dtype=torch.float64))
    centre = z.mean(-1, keepdim=True)
    spread = (z - centre).abs().square().sum(-1)
    if not bool((spread > 0).all()):
        raise ValueError("points: the corners of the eyes coincide or are NaN: give five different places, pixels")
    scale = ((z - centre).conj() * (goal - goal.mean())).sum(-1) / spread
    return scale, goal.mean() - scale * centre[..., 0]


def crop_photograph(image: Tensor, points: Tensor, size: int = SIZE) -> Tensor:
    """Cut the face out of a photograph: a grey square (size, size) from 0 to 1.

    Args:
        image: (H, W, 3) from 0 to 1, or a grey one (H, W).
        points: (5, 2) pixels, the `STEADY` ones of those that `find_landmarks` gives.
        size: of the square, pixels.

    Raises:
        ValueError: a picture or points of another shape.
    """
    if image.ndim == 2:
        image = image[..., None].expand(*image.shape, 3)
    if image.ndim != 3 or image.shape[2] != 3:
        raise ValueError(f"image has shape {tuple(image.shape)}: give (H, W, 3), red, green and blue, or a grey (H, W)")
    scale, shift = crop_frame(points)
    fine = max(1, round(float(1 / scale.abs()) / size))  # rays across a pixel: none of the photograph is skipped
    at = (torch.arange(size * fine, dtype=torch.float64) + 0.5) / (size * fine)
    z = (torch.complex(*torch.meshgrid(at, at, indexing="xy")) - shift) / scale
    height, width = image.shape[:2]
    uv = torch.stack([z.real / width, 1 - z.imag / height], -1).reshape(-1, 2).to(image)
    grey = look_up(image, uv).mean(1)
    return grey.reshape(size, fine, size, fine).mean((1, 3))


def crop_camera(camera: Camera, points: Tensor, size: int = SIZE) -> Camera:
    """The camera that sees a face as `crop_photograph` would cut it out of `camera`'s picture.

    Args:
        camera: any pinhole camera.
        points: (5, 2) where it sees the `STEADY` points, pixels.
        size: of the square, pixels.

    Raises:
        ValueError: points of another shape.
    """
    scale, shift = (size * number for number in crop_frame(points))
    principal = scale * torch.complex(*camera.principal.double()) + shift
    return replace(
        camera,
        focal=camera.focal * scale.abs().to(camera.focal),
        principal=torch.view_as_real(principal).to(camera.principal),
        rotation=_rolled(camera.rotation, scale.angle()),
        translation=_about_z(scale.angle()).to(camera.translation) @ camera.translation,
        size=(size, size),
    )


def _about_z(angle: Tensor) -> Tensor:
    cos, sin = angle.cos(), angle.sin()
    zero, one = torch.zeros_like(cos), torch.ones_like(cos)
    return torch.stack([cos, -sin, zero, sin, cos, zero, zero, zero, one]).reshape(3, 3)


def _rolled(rotation: Tensor, angle: Tensor) -> Tensor:
    turn = _about_z(angle).to(rotation) @ roma.rotvec_to_rotmat(rotation)
    return roma.rotmat_to_rotvec(turn)
