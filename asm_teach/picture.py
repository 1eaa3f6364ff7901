"""Pictures: files in, tensors (H, W, 3) from 0 to 1 out, and back."""

from __future__ import annotations

import io
from os import PathLike
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor


def read_picture(path: str | PathLike[str]) -> Tensor:
    """Read a picture file (PNG, JPEG, ...) as (H, W, 3) float32 in [0, 1]; row 0 is the top.

    Raises:
        ValueError: the file is no picture, or is cut off.
    """
    try:
        with Image.open(path) as picture:
            return picture_tensor(picture)
    except (UnidentifiedImageError, ValueError) as error:
        raise ValueError(
            f"{Path(path).name}: this cannot be read as a picture ({error}); give a whole PNG or JPEG file"
        ) from None


def picture_tensor(picture: Image.Image) -> Tensor:
    """A pillow picture as (H, W, 3) float32 in [0, 1], turned the way its camera says it was held.

    Raises:
        ValueError: the picture is cut off or damaged.
    """
    try:
        upright = ImageOps.exif_transpose(picture).convert("RGB")
    except (OSError, SyntaxError) as error:  # pillow decodes only now
        raise ValueError(f"the picture is damaged or cut off: {error}") from None
    return torch.from_numpy(np.asarray(upright, dtype=np.float32) / 255.0)


def picture_bytes(image: Tensor) -> bytes:
    """An image (H, W, 3) in [0, 1] as the bytes of a PNG file, eight bits for each colour."""
    buffer = io.BytesIO()
    to_pillow(image).save(buffer, format="PNG", compress_level=3)
    return buffer.getvalue()


def to_pillow(image: Tensor) -> Image.Image:
    """An image (H, W, 3) in [0, 1] as a pillow picture."""
    return Image.fromarray((image.detach().cpu().clamp(0, 1) * 255).round().to(torch.uint8).numpy())
