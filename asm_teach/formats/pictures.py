"""Pictures: files in, tensors (H, W, 3) from 0 to 1 out, and back.

Only the formats of `FORMATS` are opened: others, such as EPS, start programs of their own. What decoding will take is
worked out from the header, so no file costs more than `MOST_MEMORY`, whatever it claims.
"""

from __future__ import annotations

import io
import warnings
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from os import PathLike
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
import torch
from PIL import ExifTags, Image, JpegImagePlugin, PngImagePlugin, TiffImagePlugin, UnidentifiedImageError
from torch import Tensor

from asm_teach.formats.checks.outputs import MARK, signed

FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF", "TGA")  # of several frames the first is read
LONGEST = 4096  # pixels: what a texture is scaled down to; as a tensor it takes 0.2 GB then
MOST_MEMORY = 480_000_000  # bytes for decoding: with those of torch and of the tensor less than 1 GB
LARGE = 20_000_000  # pixels: a picture of more is reduced in strips, which need no second copy of it

_DEEP = ("I", "F")  # modes with one channel of more than eight bits; so are all that begin with "I;16"
_BYTES = {"1": 1, "L": 1, "P": 1}  # that pillow takes for a pixel; 2 for "I;16", 4 for all others
_ORIENTATION = 0x0112
_FLIPS = {1: (1, 1), 2: (1, -1), 3: (-1, -1), 4: (-1, 1), 5: (1, 1), 6: (1, -1), 7: (-1, -1), 8: (-1, 1)}
"""EXIF orientation -> the steps down and across that make it upright; from 5 on rows and columns change first."""


def read_picture(path: str | PathLike[str], longest: int | None = LONGEST, ground: float | None = None) -> Tensor:
    """Read a picture file (see `FORMATS`) as (H, W, 3) float32 in [0, 1]; row 0 is the top.

    Args:
        path: the file.
        longest: scale the picture down to this many pixels on its longer side, or to at least half as many where it is
            large; a smaller one stays as it is. None: its own size.
        ground: grey from 0 to 1 that shows where the picture is transparent; None: the colours that stand there.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is no picture, is cut off, holds NaN, or is too large to decode.
    """
    with Path(path).open("rb") as file, _opened(file, Path(path).name) as picture:
        return picture_tensor(picture, longest, ground)


def picture_of_bytes(content: bytes, name: str, longest: int | None = LONGEST) -> Tensor:
    """The content of a picture file as (H, W, 3) float32 in [0, 1]; `name` is what an error calls it."""
    with _opened(io.BytesIO(content), name) as picture:
        return picture_tensor(picture, longest)


def picture_size(path: str | PathLike[str]) -> tuple[int, int]:
    """(width, height) of a picture file in pixels, held as its camera was; raises as `read_picture`."""
    with Path(path).open("rb") as file, _opened(file, Path(path).name) as picture:
        if not isinstance(picture, JpegImagePlugin.JpegImageFile):
            _check_memory(picture)  # a PNG may have its orientation after its pixels, so they are decoded
        return picture.size[::-1] if _orientation(picture) >= 5 else picture.size


class Photograph(NamedTuple):
    """A picture file with what a camera wrote into it.

    Attributes:
        pixels: (H, W, 3) float32 in [0, 1], upright, perhaps scaled down.
        size: (width, height) of the upright picture in the file.
        stored: the same as its pixels are stored, which may lie on their side.
        tags: the EXIF data about how it was taken, by their numbers; empty where there are none, or damaged ones.
    """

    pixels: Tensor
    size: tuple[int, int]
    stored: tuple[int, int]
    tags: Mapping[int, Any]


def read_photograph(
    path: str | PathLike[str], longest: int | None = LONGEST, ground: float | None = None
) -> Photograph:
    """Read a picture file and its EXIF data, opening it once. Arguments and errors are those of `read_picture`."""
    with Path(path).open("rb") as file, _opened(file, Path(path).name) as picture:
        if not isinstance(picture, JpegImagePlugin.JpegImageFile):
            _check_memory(picture)  # see `picture_size`
        stored = picture.size
        size = stored[::-1] if _orientation(picture) >= 5 else stored
        try:
            tags = dict(picture.getexif().get_ifd(ExifTags.IFD.Exif))
        except Exception:  # pillow raises a dozen kinds
            tags = {}
        return Photograph(picture_tensor(picture, longest, ground), size, stored, tags)


@contextmanager
def _opened(file: BinaryIO, name: str) -> Iterator[Image.Image]:
    """The picture of a file; whatever its decoder raises, then or later, becomes a sentence with the file's name."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of many pixels (twice as many raise an error), of a damaged EXIF block
        try:
            with Image.open(file, formats=FORMATS) as picture:
                yield picture
        except Exception as error:  # the decoders of pillow raise a dozen kinds
            apple = " (save HEIC pictures of a telephone as JPEG)" if name.lower().endswith((".heic", ".heif")) else ""
            unknown = f"of no format that is known: {', '.join(FORMATS)}"
            reason = unknown if isinstance(error, UnidentifiedImageError) else error
            raise ValueError(
                f"{name}: this cannot be read as a picture ({reason}); give a whole PNG or JPEG file{apple}"
            ) from None


def picture_tensor(picture: Image.Image, longest: int | None = LONGEST, ground: float | None = None) -> Tensor:
    """A pillow picture as (H, W, 3) float32 in [0, 1], turned the way its camera says it was held.

    `longest` and `ground` as for `read_picture`. The picture is closed.

    Raises:
        ValueError: the picture is cut off, damaged, holds NaN, or is too large to decode.
    """
    try:
        size = picture.size
        if longest is not None:
            _draft(picture, longest)
        _check_memory(picture, size)
        orientation = _orientation(picture)  # before the picture becomes another one
        pixels = _pixels(picture, longest, ground)
    except ValueError:
        raise
    except Exception as error:  # pillow decodes only now, and its decoders raise a dozen kinds
        raise ValueError(f"the picture is damaged or cut off: {error}") from None
    return torch.from_numpy(np.ascontiguousarray(_turned(pixels, orientation)))


def _orientation(picture: Image.Image) -> int:
    found = picture.getexif().get(_ORIENTATION, 1)
    return int(found) if found in _FLIPS else 1


def _check_memory(picture: Image.Image, whole: tuple[int, int] | None = None) -> None:
    """Raise a ValueError if decoding a picture takes too much; `whole` is its size before a JPEG's reduction."""
    width, height = picture.size
    area, each = width * height, _BYTES.get(picture.mode, 2 if picture.mode.startswith("I;16") else 4)
    if picture.format == "WEBP":
        each = 16  # its decoder keeps two canvases, and pillow two copies
    needed = each * area
    if isinstance(picture, TiffImagePlugin.TiffImageFile):
        rows, *tile = (int(picture.tag_v2.get(tag, default)) for tag, default in ((278, height), (322, 0), (323, 0)))
        needed += each * max(width * min(rows, height), tile[0] * tile[1]) + _length(picture)  # one piece, the file
    elif isinstance(picture, JpegImagePlugin.JpegImageFile) and _several_scans(picture):
        full, shares = whole or picture.size, [across * down for _, across, down, _ in picture.layer]
        needed += 2 * full[0] * full[1] * sum(shares) // max(shares)  # its coefficients, however small it comes out
    if needed > MOST_MEMORY:
        raise ValueError(
            f"{width} x {height} pixels would take {needed / 1e6:.0f} MB to decode, more than "
            f"{MOST_MEMORY / 1e6:.0f}: scale it down"
        )


def _draft(picture: Image.Image, longest: int) -> None:
    """Let a JPEG come smaller out of its decoder, and faster: still of `longest`, or a little less if it is large."""
    width, height = picture.size
    by = max(scale for scale in (1, 2, 4, 8) if scale * longest <= max(width, height) or scale == 1)
    if width * height > LARGE * by**2:
        by *= 2
    picture.draft("RGB", (max(1, width // by), max(1, height // by)))


def _several_scans(picture: JpegImagePlugin.JpegImageFile) -> bool:
    """Whether the decoder has to keep the coefficients of the whole picture: progressive, or one colour a scan."""
    if picture.info.get("progressive"):
        return True
    file, scan = picture.fp, 6 + 2 * picture.layers  # the length of a scan's header that names all colours
    assert file is not None
    file.seek(0)
    JpegImagePlugin.JpegImageFile(file)  # reads up to the end of the first scan's header
    file.seek(-scan, io.SEEK_CUR)
    return bool(int.from_bytes(file.read(2), "big") != scan)


def _length(picture: Image.Image) -> int:
    file = picture.fp  # type: ignore[attr-defined]
    at, length = file.tell(), file.seek(0, io.SEEK_END)
    file.seek(at)
    return int(length)


def _pixels(picture: Image.Image, longest: int | None, ground: float | None) -> np.ndarray:
    """(H, W, 3) float32 in [0, 1], as the camera held it; closes the picture."""
    deep = picture.mode in _DEEP or picture.mode.startswith("I;16")  # pillow would cut such values off at 255
    clear = "A" in picture.getbands() or "transparency" in picture.info
    most = 1.0 if picture.mode == "F" else 65535.0
    small = _reduced(picture, "F" if deep else "RGBA" if clear else "RGB", longest)
    values = np.asarray(small)
    picture.close()  # its memory is needed now
    if deep:
        values = values / max(most, float(values.max()))
        return np.repeat(np.clip(values, 0, 1)[..., None], 3, 2)
    if ground is None:
        values = values[..., :3]
    pixels = values.astype(np.float32)
    pixels /= 255.0
    if values.shape[-1] == 4:
        cover = pixels[..., 3:]
        pixels = (cover * pixels + (1 - cover) * np.float32(ground or 0))[..., :3]
    return pixels


def _reduced(picture: Image.Image, mode: str, longest: int | None) -> Image.Image:
    """The picture in another mode, scaled down to `longest`."""
    (width, height), side = picture.size, max(picture.size)
    if longest is None or side <= longest:
        if width * height > LARGE:
            raise ValueError(f"{width} x {height} pixels are too many to be kept as they are: give longest=4096, say")
        return _converted(picture, mode)
    scale, by = longest / side, 1
    if width * height > LARGE:
        by = side // longest  # and the rest below, but where that would leave too many
        if width * height > LARGE * by**2:
            by = -(-side // longest)
            scale = 1 / by
        picture = _strips(picture, mode, by)
    else:
        picture = _converted(picture, mode)
    size = (round(scale * width) or 1, round(scale * height) or 1)
    inside = (0, 0, width / by, height / by)  # the last mean of a row may be of fewer pixels
    return picture if inside[2:] == size else picture.resize(size, Image.Resampling.LANCZOS, inside)


def _strips(picture: Image.Image, mode: str, by: int) -> Image.Image:
    """Means over squares of `by` x `by` pixels, a strip at a time, so that nothing else of the full size is needed."""
    width, height = picture.size
    out = Image.new(mode, (-(-width // by), -(-height // by)))
    rows = by * max(1, 1_000_000 // (width * by))
    for top in range(0, height, rows):
        strip = picture.crop((0, top, width, min(top + rows, height)))
        out.paste(_converted(strip, mode).reduce(by), (0, top // by))
    return out


def _converted(picture: Image.Image, mode: str) -> Image.Image:
    """The picture in another mode. Raises ValueError for NaN and infinite pixels."""
    if mode != "F":
        return picture if picture.mode == mode else picture.convert(mode)
    values = np.asarray(picture, dtype=np.float32)
    if not np.isfinite(values).all():
        raise ValueError("it holds NaN or infinite pixels; write it again without them")
    return Image.fromarray(values)


def _turned(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """The upright picture (H, W, 3) of one that a camera stored in an EXIF orientation."""
    if orientation >= 5:
        pixels = pixels.swapaxes(0, 1)
    down, across = _FLIPS[orientation]
    return pixels[::down, ::across]


def picture_bytes(image: Tensor, owner: str | None = None) -> bytes:
    """An image (H, W, 3) in [0, 1] as the bytes of a PNG file, eight bits for each colour.

    owner: the file that it belongs to; then it is signed, see `asm_teach.formats.checks.outputs`.
    """
    buffer, about = io.BytesIO(), PngImagePlugin.PngInfo()
    if owner is not None:
        about.add_text("Software", MARK.strip())
    to_pillow(image).save(buffer, format="PNG", compress_level=3, pnginfo=about)
    if owner is None:
        return buffer.getvalue()
    content = signed(buffer.getvalue(), owner)
    begin, end = content.index(b"tEXtSoftware"), content.index(MARK.encode()[:20]) + len(MARK.strip())
    return content[:end] + zlib.crc32(content[begin:end]).to_bytes(4, "big") + content[end + 4 :]


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
