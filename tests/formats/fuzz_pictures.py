"""Small good pictures of every kind that the package reads, the same damaged, and large ones in small files."""

from __future__ import annotations

import functools
import io
import random
import struct
import zlib

import numpy as np
from PIL import Image

from tests.formats.fuzz_damage import Files, bytes_file

_FORMS = {
    "PNG": ("RGB", "RGBA", "L", "LA", "P", "I;16", "1"), "JPEG": ("RGB", "L", "CMYK"), "WEBP": ("RGB", "RGBA"),
    "TIFF": ("RGB", "RGBA", "L", "F", "I;16", "CMYK"), "BMP": ("RGB", "L"), "GIF": ("P",),
}  # fmt: skip
READ_FORMS = ("PNG", "JPEG", "WEBP", "TIFF")


_GREY1, _GREY8, _RGB8 = (1, 0), (8, 0), (8, 2)  # bits and colour type of a PNG


@functools.cache
def _black_png(width: int, height: int, form: tuple[int, int]) -> bytes:
    """A whole PNG of a hundred kilobytes and many pixels."""
    row = bytes(1 + -(-width * form[0] * (3 if form[1] == 2 else 1) // 8))
    chunks = [(b"IHDR", struct.pack(">II5B", width, height, *form, 0, 0, 0)), (b"IDAT", zlib.compress(row * height, 1))]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in [*chunks, (b"IEND", b"")]
    )


def picture(rng: random.Random, form: str = "PNG", mode: str = "RGB") -> bytes:
    file = io.BytesIO()
    noise = np.frombuffer(random.Random(rng.randrange(9)).randbytes(24 * 16 * 4), np.uint8).reshape(16, 24, 4)
    if mode == "F":
        picture = Image.fromarray(noise[..., 0].astype(np.float32) / 255)
    elif mode == "I;16":
        picture = Image.fromarray(noise[..., 0].astype(np.uint16) * 257)
    else:
        picture = Image.fromarray(noise, "RGBA").convert(mode)
    picture.save(file, form)
    return file.getvalue()


def pictures(rng: random.Random, damage: int) -> Files:
    """Pictures of every kind that is read, and of some that are not."""
    form = rng.choice(READ_FORMS if not damage else tuple(_FORMS))
    data = picture(rng, form, rng.choice(_FORMS[form]))
    if form == "JPEG" and rng.random() < 0.3:
        exif, file = Image.Exif(), io.BytesIO()
        exif[0x0112] = rng.choice((1, 6, 8))
        Image.open(io.BytesIO(data)).save(file, "JPEG", exif=exif)
        data = file.getvalue()
    if damage and form == "PNG" and rng.random() < 0.4:  # sizes that the picture does not have, with a right checksum
        sides = [rng.choice((0, 1, 24, 4000, 20_000, 2**31 - 1)) for _ in range(2)]
        head = b"IHDR" + struct.pack(">II", *sides) + data[24:29]
        return {"face.png": data[:12] + head + struct.pack(">I", zlib.crc32(head)) + data[33:]}
    if damage and rng.random() < 0.03:
        large = ((20_000, 20_000, _GREY1), (9000, 9000, _GREY8), (5500, 5500, _RGB8), (2, 9_000_000, _GREY8))
        return {"face.png": _black_png(*rng.choice(large))}
    if damage and form == "JPEG" and rng.random() < 0.3 and (at := data.find(b"\xff\xc0")) > 0:
        sides = [rng.choice((0, 1, 24, 4000, 65_500)) for _ in range(2)]
        data = data[: at + 5] + struct.pack(">HH", *sides) + data[at + 9 :]
    ending = {"JPEG": "jpg", "TIFF": "tif"}.get(form, form.lower())
    return bytes_file(f"face.{rng.choice((ending, ending, 'png'))}", data, rng, damage)
