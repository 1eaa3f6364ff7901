"""Picture files of every kind a camera or a program writes, and what is said of those that cannot be read."""

from __future__ import annotations

import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from asm_teach.formats import pictures
from asm_teach.formats.pictures import picture_bytes, picture_of_bytes, picture_size, read_photograph, read_picture


def coloured(height: int = 40, width: int = 60) -> np.ndarray:
    """A picture whose four corners differ, (H, W, 3) uint8."""
    down, across = np.meshgrid(np.linspace(0, 255, height), np.linspace(0, 255, width), indexing="ij")
    return np.stack([down, across, 255 - down], -1).round().astype(np.uint8)


def saved(path: Path, pixels: np.ndarray, **options) -> Path:
    Image.fromarray(pixels).save(path, **options)
    return path


def test_a_png_comes_back_to_the_last_bit(tmp_path: Path) -> None:
    image = read_picture(saved(tmp_path / "a.png", coloured()))
    assert image.dtype == torch.float32 and image.shape == (40, 60, 3)
    assert torch.equal(image, torch.from_numpy(coloured()).float() / 255)


# What a camera writes for each way of holding it: the stored picture is the upright one, turned or mirrored like this.
STORED = {
    1: lambda x: x, 2: lambda x: x[:, ::-1], 3: lambda x: x[::-1, ::-1], 4: lambda x: x[::-1],
    5: lambda x: x.swapaxes(0, 1), 6: lambda x: np.rot90(x, 1), 7: lambda x: x[::-1, ::-1].swapaxes(0, 1),
    8: lambda x: np.rot90(x, -1),
}  # fmt: skip


@pytest.mark.parametrize("orientation", STORED)
@pytest.mark.parametrize("longest", [None, 30])
def test_a_picture_is_turned_the_way_the_camera_was_held(tmp_path: Path, orientation: int, longest: int | None) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    turned = np.ascontiguousarray(STORED[orientation](coloured()))
    path = saved(tmp_path / "a.png", turned, exif=exif)
    assert picture_size(path) == (60, 40)  # of the upright picture
    plain = read_picture(saved(tmp_path / "plain.png", coloured()), longest)
    assert torch.allclose(read_picture(path, longest), plain, atol=1.5 / 255)  # two roundings of a scaled byte
    photo = read_photograph(path, longest)
    assert torch.equal(photo.pixels, read_picture(path, longest))
    assert photo.size == (60, 40) and photo.stored == turned.shape[1::-1]


def test_grey_sixteen_bit_and_palette_pictures(tmp_path: Path) -> None:
    ramp = np.linspace(0, 1, 60 * 40).reshape(40, 60)
    grey = torch.from_numpy(ramp).float()[..., None].expand(-1, -1, 3)
    eight = read_picture(saved(tmp_path / "g.png", (255 * ramp).round().astype(np.uint8)))
    deep = read_picture(saved(tmp_path / "d.png", (65535 * ramp).round().astype(np.uint16)))
    real = read_picture(saved(tmp_path / "f.tiff", ramp.astype(np.float32)))
    assert (eight - grey).abs().max() <= 0.5 / 255 + 1e-6
    assert (deep - grey).abs().max() <= 0.5 / 65535 + 1e-6  # nothing of the sixteen bits is lost
    assert (real - grey).abs().max() <= 1e-6
    Image.fromarray(coloured()).convert("P", palette=Image.Palette.ADAPTIVE).save(tmp_path / "p.png")
    assert (read_picture(tmp_path / "p.png") - torch.from_numpy(coloured()) / 255).abs().mean() < 0.05  # 256 colours
    Image.fromarray(coloured()).convert("CMYK").save(tmp_path / "c.jpg", quality=95)
    assert (read_picture(tmp_path / "c.jpg") - torch.from_numpy(coloured()) / 255).abs().mean() < 0.03


def test_a_sixteen_bit_picture_is_scaled_down_too(tmp_path: Path) -> None:
    path = saved(tmp_path / "d.png", np.full((400, 200), 20000, np.uint16))
    image = read_picture(path, longest=100)
    assert image.shape == (100, 50, 3)
    assert torch.allclose(image, torch.tensor(20000 / 65535), atol=1e-5)


def test_what_is_transparent_shows_the_ground(tmp_path: Path) -> None:
    pixels = np.dstack([coloured(), np.full((40, 60), 255, np.uint8)])
    pixels[:, 30:, 3] = 0
    pixels[:, :10, 3] = 51  # a fifth
    path = saved(tmp_path / "a.png", pixels)
    colours = torch.from_numpy(coloured()).float() / 255
    assert torch.equal(read_picture(path), colours)  # as a texture: the colours that stand there
    image = read_picture(path, ground=0.5)
    assert torch.allclose(image[:, 30:], torch.tensor(0.5))
    assert torch.allclose(image[:, 10:30], colours[:, 10:30])
    assert torch.allclose(image[:, :10], 0.2 * colours[:, :10] + 0.4, atol=1e-6)


def test_twelve_megapixels_are_scaled_down_and_a_small_picture_is_not(tmp_path: Path) -> None:
    path = saved(tmp_path / "big.jpg", coloured(3000, 4000), quality=90)
    assert picture_size(path) == (4000, 3000)
    image = read_picture(path, longest=1600)
    assert image.shape == (1200, 1600, 3)
    expected = torch.from_numpy(coloured(1200, 1600)).float() / 255
    assert (image - expected).abs().mean() < 0.01  # the same ramp; JPEG's loss
    small = saved(tmp_path / "small.png", coloured())
    assert torch.equal(read_picture(small, longest=1600), read_picture(small))


def test_a_damaged_exif_block_does_not_spoil_the_picture(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.jpg", coloured(), exif=b"Exif\0\0MM\0*\0\0\0\x08\xff\xff\x01")
    assert read_picture(path).shape == (40, 60, 3) and picture_size(path) == (60, 40)


@pytest.mark.parametrize("ending", ["png", "jpg", "tiff", "webp", "gif", "bmp"])
@pytest.mark.parametrize("share", [0.0, 0.02, 0.5, 0.9])
def test_a_file_that_is_cut_off_is_named(tmp_path: Path, ending: str, share: float) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    path = saved(tmp_path / f"face.{ending}", noise)
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    with pytest.raises(ValueError, match=f"face.{ending}: this cannot be read as a picture .*give a whole PNG or JPEG"):
        read_picture(path)


def test_a_file_of_another_kind_is_named(tmp_path: Path) -> None:
    path = tmp_path / "face.jpg"
    for content in (b"not a picture", b"", bytes(1000), picture_bytes(torch.rand(9, 9, 3))[:20]):
        path.write_bytes(content)
        for read in (read_picture, read_photograph, picture_size):
            with pytest.raises(ValueError, match="face.jpg: this cannot be read as a picture"):
                read(path)
    heic = tmp_path / "IMG_1.HEIC"
    heic.write_bytes(b"\0\0\0\x18ftypheic")
    with pytest.raises(ValueError, match="save HEIC pictures of a telephone as JPEG"):
        read_picture(heic)


def test_a_picture_that_is_not_there(tmp_path: Path) -> None:
    for read in (read_picture, read_photograph, picture_size):
        with pytest.raises(FileNotFoundError):
            read(tmp_path / "gone.png")


def test_a_picture_of_far_too_many_pixels_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = saved(tmp_path / "a.png", coloured())
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)  # pillow refuses twice as many; the picture has 2400
    with pytest.raises(ValueError, match="a.png: this cannot be read as a picture .*decompression bomb"):
        read_picture(path)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 2000)  # above this it only warns
    assert read_picture(path).shape == (40, 60, 3)


def test_a_picture_of_bytes_is_that_of_its_file(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.png", coloured())
    assert torch.equal(picture_of_bytes(path.read_bytes(), "image 3"), read_picture(path))
    with pytest.raises(ValueError, match="image 3: this cannot be read as a picture"):
        picture_of_bytes(b"nothing", "image 3")


@pytest.mark.parametrize("ending", ["eps", "ppm", "pcx", "icns", "sgi"])
def test_other_formats_are_not_opened_whatever_the_name(tmp_path: Path, monkeypatch, ending: str) -> None:
    """Pillow hands EPS to Ghostscript, a program of its own."""

    def start(*_: object, **__: object) -> None:
        raise AssertionError("a program was started")

    monkeypatch.setattr(subprocess, "Popen", start)
    saved(tmp_path / f"a.{ending}", coloured(64, 64))
    path = (tmp_path / f"a.{ending}").rename(tmp_path / "face.jpg")
    for read in (read_picture, read_photograph, picture_size):
        with pytest.raises(ValueError, match="face.jpg: .*of no format that is known: JPEG, PNG, WEBP, TIFF, BMP, GIF"):
            read(path)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("longest", [None, 10])
def test_pixels_that_are_no_numbers_are_refused(tmp_path: Path, value: float, longest: int | None) -> None:
    pixels = np.zeros((32, 32), np.float32)
    pixels[5, 7] = value
    with pytest.raises(ValueError, match="f.tif: .*NaN or infinite pixels"):
        read_picture(saved(tmp_path / "f.tif", pixels), longest)


def test_of_several_frames_the_first_is_read(tmp_path: Path) -> None:
    frames = [Image.fromarray(np.full((20, 30, 3), value, np.uint8)) for value in (200, 10)]
    for ending, options in (("gif", {}), ("webp", {"lossless": True}), ("tiff", {}), ("png", {}), ("mpo", {})):
        path = tmp_path / f"a.{ending}"
        frames[0].save(path, save_all=True, append_images=frames[1:], **options)
        assert torch.allclose(read_picture(path), torch.full((20, 30, 3), 200 / 255), atol=0.01), ending
        assert picture_size(path) == (30, 20)


@pytest.mark.parametrize("kind", ["RGB", "L", "P", "LA", "RGBA", "CMYK", "I;16", "F"])
@pytest.mark.parametrize("longest", [100, 33, 29])
def test_a_large_picture_is_reduced_in_strips_to_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, longest: int
) -> None:
    ramp = coloured(360, 250)
    if kind in ("I;16", "F"):
        pixels = 257 * ramp[..., 0].astype(np.uint16) if kind == "I;16" else ramp[..., 0].astype(np.float32) / 255
        path = saved(tmp_path / "a.tif", pixels)
    else:
        path = tmp_path / "a.tif" if kind == "CMYK" else tmp_path / "a.png"
        Image.fromarray(ramp).convert("RGB").convert(kind).save(path)
    whole = read_picture(path, longest)
    monkeypatch.setattr(pictures, "LARGE", 12_000)
    small = read_picture(path, longest)
    assert longest / 2 <= max(small.shape) <= longest
    if longest == 100:  # by 3, and the rest by Lanczos; ramps of a palette have steps
        assert small.shape == whole.shape and (small - whole).abs().max() < (0.25 if kind == "P" else 0.03)
    assert (small.mean((0, 1)) - whole.mean((0, 1))).abs().max() < 0.02


def test_a_large_picture_is_not_read_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = saved(tmp_path / "a.png", coloured())
    monkeypatch.setattr(pictures, "LARGE", 2_000)
    with pytest.raises(ValueError, match="a.png: .*60 x 40 pixels are too many"):
        read_picture(path, None)


@pytest.mark.parametrize(
    ("name", "options", "most"),
    [
        ("a.png", {}, 4 * 2400),
        ("a.webp", {}, 16 * 2400),
        ("a.jpg", {}, 4 * 2400),
        ("a.jpg", {"progressive": True, "subsampling": 0}, 10 * 2400),
        ("a.jpg", {"progressive": True, "subsampling": 2}, 7 * 2400),
        ("a.tif", {"compression": "tiff_adobe_deflate", "tiffinfo": {278: 40}}, 8 * 2400),
        ("a.tif", {"compression": "tiff_adobe_deflate", "tiffinfo": {278: 20}}, 6 * 2400),
    ],
)
def test_what_decoding_takes_is_known_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, options: dict, most: int
) -> None:
    path = saved(tmp_path / name, coloured(), **options)
    file = path.stat().st_size if name == "a.tif" else 0
    monkeypatch.setattr(pictures, "MOST_MEMORY", most + file)
    assert read_picture(path).shape == (40, 60, 3)
    monkeypatch.setattr(pictures, "MOST_MEMORY", most + file - 1)
    with pytest.raises(ValueError, match=f"{name}: .*60 x 40 pixels would take .* MB to decode, .*scale it down"):
        read_picture(path)


def test_a_tile_that_is_larger_than_its_picture_counts(tmp_path: Path) -> None:
    """A TIFF file of 60 x 40 grey pixels, deflated, in one tile of 60,000 x 60,000."""
    packed = zlib.compress(bytes(100))
    tags = [(256, 60), (257, 40), (258, 8), (259, 8), (262, 1), (277, 1), (322, 60_000), (323, 60_000), (324, 8)]
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in [*tags, (325, len(packed))])
    path = tmp_path / "a.tif"
    path.write_bytes(
        b"II*\0" + struct.pack("<I", 8 + len(packed)) + packed + struct.pack("<H", 10) + entries + bytes(4)
    )
    with pytest.raises(ValueError, match="a.tif: .*60 x 40 pixels would take 3600 MB to decode"):
        read_picture(path)


READ = """
import sys
import asm_teach.formats.mesh_files
from asm_teach.formats.pictures import read_picture
try:
    print(tuple(read_picture(sys.argv[1], int(sys.argv[2])).shape))
except ValueError as error:
    print("refused" if "MB to decode" in str(error) or "decompression bomb" in str(error) else error)
print(next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM")) / 1024)
"""


@pytest.mark.long
@pytest.mark.skipif(sys.platform != "linux", reason="read from /proc")
@pytest.mark.parametrize(
    ("mode", "side", "shape"),
    [("RGB", 10_500, (3500, 3500, 3)), ("L", 13_000, (4096, 4096, 3)), ("RGBA", 13_000, None), ("L", 20_000, None)],
)
def test_no_picture_takes_a_gigabyte(tmp_path: Path, mode: str, side: int, shape: tuple[int, ...] | None) -> None:
    path = tmp_path / "a.png"
    Image.new(mode, (side, side)).save(path, compress_level=1)
    command = [sys.executable, "-c", READ, str(path), "4096"]
    found, peak = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    assert found == (str(shape) if shape else "refused")
    assert float(peak) < 1000
