"""Pictures: files in, tensors (H, W, 3) from 0 to 1 out, and back."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from os import PathLike
from pathlib import Path
from typing import BinaryIO

import numpy as np
import torch
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor

_DEEP = ("I", "F")  # modes with one channel of more than eight bits; so are all that begin with "I;16"
_TURNED = (5, 6, 7, 8)  # EXIF orientations that make a picture's width its height
_ORIENTATION = 0x0112


def read_picture(path: str | PathLike[str], longest: int | None = None, ground: float | None = None) -> Tensor:
    """Read a picture file (PNG, JPEG, ...) as (H, W, 3) float32 in [0, 1]; row 0 is the top.

    Args:
        path: the file.
        longest: scale the picture down to this many pixels on its longer side; a smaller one stays as it is.
        ground: grey from 0 to 1 that shows where the picture is transparent; None: the colours that stand there.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is no picture, or is cut off.
    """
    with Path(path).open("rb") as file, _opened(file, Path(path).name) as picture:
        return picture_tensor(picture, longest, ground)


def picture_of_bytes(content: bytes, name: str) -> Tensor:
    """The content of a picture file as (H, W, 3) float32 in [0, 1]; `name` is what an error calls it."""
    with _opened(io.BytesIO(content), name) as picture:
        return picture_tensor(picture)


def picture_size(path: str | PathLike[str]) -> tuple[int, int]:
    """(width, height) of a picture file in pixels, held as its camera was; raises as `read_picture`."""
    with Path(path).open("rb") as file, _opened(file, Path(path).name) as picture:
        turned = picture.getexif().get(_ORIENTATION) in _TURNED
        return picture.size[::-1] if turned else picture.size


@contextmanager
def _opened(file: BinaryIO, name: str) -> Iterator[Image.Image]:
    """The picture of a file; whatever its decoder raises, then or later, becomes a sentence with the file's name."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of many pixels (twice as many raise an error), of a damaged EXIF block
        try:
            with Image.open(file) as picture:
                yield picture
        except Exception as error:  # the decoders of pillow raise a dozen kinds
            apple = " (save HEIC pictures of a telephone as JPEG)" if name.lower().endswith((".heic", ".heif")) else ""
            reason = "of no format that is known" if isinstance(error, UnidentifiedImageError) else error
            raise ValueError(
                f"{name}: this cannot be read as a picture ({reason}); give a whole PNG or JPEG file{apple}"
            ) from None


def picture_tensor(picture: Image.Image, longest: int | None = None, ground: float | None = None) -> Tensor:
    """A pillow picture as (H, W, 3) float32 in [0, 1], turned the way its camera says it was held.

    `longest` and `ground` as for `read_picture`.

    Raises:
        ValueError: the picture is cut off or damaged.
    """
    try:
        if longest is not None:
            picture.draft("RGB", (longest, longest))  # a JPEG comes smaller, and faster, out of its decoder
        return torch.from_numpy(_pixels(ImageOps.exif_transpose(picture), longest, ground))
    except Exception as error:  # pillow decodes only now, and its decoders raise a dozen kinds
        raise ValueError(f"the picture is damaged or cut off: {error}") from None


def _pixels(picture: Image.Image, longest: int | None, ground: float | None) -> np.ndarray:
    """(H, W, 3) float32 in [0, 1] of an upright picture."""
    if picture.mode in _DEEP or picture.mode.startswith("I;16"):
        # Pillow would cut such values off at 255.
        deep = np.asarray(picture, dtype=np.float32)
        most = {"F": 1.0}.get(picture.mode, 65535.0)
        scaled = _reduced(Image.fromarray(deep / max(most, float(deep.max()))), longest)
        return np.repeat(np.clip(np.asarray(scaled, dtype=np.float32), 0, 1)[..., None], 3, 2)
    clear = "A" in picture.getbands() or "transparency" in picture.info
    pixels = np.asarray(_reduced(picture.convert("RGBA" if clear else "RGB"), longest), dtype=np.float32) / 255.0
    if clear and ground is not None:
        cover = pixels[..., 3:]
        pixels = cover * pixels + (1 - cover) * np.float32(ground)
    return np.ascontiguousarray(pixels[..., :3])


def _reduced(picture: Image.Image, longest: int | None) -> Image.Image:
    if longest is None or max(picture.size) <= longest:
        return picture
    factor = longest / max(picture.size)
    return picture.resize([max(1, round(factor * side)) for side in picture.size], Image.Resampling.LANCZOS)


def picture_bytes(image: Tensor) -> bytes:
    """An image (H, W, 3) in [0, 1] as the bytes of a PNG file, eight bits for each colour."""
    buffer = io.BytesIO()
    to_pillow(image).save(buffer, format="PNG", compress_level=3)
    return buffer.getvalue()


def to_pillow(image: Tensor) -> Image.Image:
    """An image (H, W, 3) in [0, 1] as a pillow picture."""
    return Image.fromarray((image.detach().cpu().clamp(0, 1) * 255).round().to(torch.uint8).numpy())


def texture_or_note(path: Path, notes: list[str]) -> Tensor | None:
    """The texture that a mesh file names, None where it is not there; one that cannot be read becomes a note."""
    if not path.is_file():
        return None
    try:
        return read_picture(path)
    except (ValueError, OSError) as error:
        notes.append(f"left out the texture: {error}")
        return None
