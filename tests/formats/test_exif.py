"""Lenses by EXIF data: both ways of telling them, and pictures that were turned, scaled or cropped since."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import ExifTags, Image
from PIL.TiffImagePlugin import IFDRational

from asm_teach.formats.exif import FILM, exif_lens
from asm_teach.formats.pictures import read_photograph

ON_FILM = {0xA405: 52}
BY_PITCH = {0x920A: IFDRational(26, 1), 0xA20E: IFDRational(6000 * 100, 225), 0xA210: 3}  # a sensor 22.5 mm wide
SIZE = {0xA002: 600, 0xA003: 400}


def picture(folder: Path, tags: dict, size: tuple[int, int] = (600, 400), ending: str = ".jpg", turn: int = 1) -> Path:
    exif = Image.Exif()
    exif[0x0112] = turn
    exif.get_ifd(ExifTags.IFD.Exif).update(tags)
    Image.new("RGB", size).save(path := folder / f"a{ending}", exif=exif)
    return path


def lens_of(path: Path, say: Callable[[str], None]) -> float | None:
    photo = read_photograph(path)
    return exif_lens(photo.tags, photo.stored, path.name, say)


def silent(note: str) -> None:
    raise AssertionError(f"nothing was to be said, but: {note}")


@pytest.mark.parametrize("ending", [".jpg", ".png", ".webp"])
def test_a_lens_that_is_told_by_its_equivalent_on_film(tmp_path: Path, ending: str) -> None:
    lens = lens_of(picture(tmp_path, ON_FILM | SIZE, ending=ending), silent)
    assert lens == pytest.approx(52 / math.hypot(36, 24))
    assert lens_of(picture(tmp_path, ON_FILM, ending=ending), silent) == lens  # without the sides, as it is


@pytest.mark.parametrize(("unit", "factor"), [(3, 1.0), (2, 2.54), (4, 0.1), (5, 1e-4), (None, 2.54)])
def test_a_lens_that_is_told_in_mm_and_pixels_of_the_sensor(tmp_path: Path, unit: int | None, factor: float) -> None:
    tags = BY_PITCH | {0xA20E: IFDRational(round(26_666_667 * factor), 10_000), 0xA002: 6000, 0xA003: 4000}
    tags = {key: value for key, value in (tags | {0xA210: unit}).items() if value is not None}
    lens = lens_of(picture(tmp_path, tags), silent)  # of 22.5 x 15 mm, and the picture was scaled down since
    assert lens == pytest.approx(26 / math.hypot(22.5, 15), rel=1e-3)


def test_the_first_way_goes_before_the_second_and_digital_zoom_leaves_the_first_alone(tmp_path: Path) -> None:
    both = BY_PITCH | ON_FILM | SIZE
    assert lens_of(picture(tmp_path, both), silent) == pytest.approx(52 / FILM)
    zoomed = {0xA404: IFDRational(2, 1)}
    assert lens_of(picture(tmp_path, both | zoomed), silent) == pytest.approx(52 / FILM)
    assert lens_of(picture(tmp_path, BY_PITCH | SIZE | zoomed), silent) is None
    assert lens_of(picture(tmp_path, BY_PITCH | SIZE | {0xA404: IFDRational(0, 1)}), silent) is not None


@pytest.mark.parametrize(
    "tags",
    [{}, SIZE, {0xA405: 0}, {0x920A: IFDRational(50, 1)}, {0x920A: IFDRational(5, 0), 0xA20E: IFDRational(1, 0)}],
)
def test_data_that_do_not_tell(tmp_path: Path, tags: dict) -> None:
    assert lens_of(picture(tmp_path, tags), silent) is None


def test_no_data_and_damaged_data(tmp_path: Path) -> None:
    Image.new("RGB", (60, 40)).save(tmp_path / "a.jpg")
    Image.new("RGB", (60, 40)).save(tmp_path / "b.jpg", exif=b"Exif\x00\x00MM\x00*\x00\x00\x00\x08\x00\x02garbage")
    assert lens_of(tmp_path / "a.jpg", silent) is None
    assert lens_of(tmp_path / "b.jpg", silent) is None


@pytest.mark.parametrize("millimetres", [1, 3000])
def test_what_no_lens_has_is_ignored_and_that_is_said(tmp_path: Path, millimetres: int) -> None:
    said: list[str] = []
    assert lens_of(picture(tmp_path, {0xA405: millimetres}), said.append) is None
    (note,) = said
    assert note.startswith(f"a.jpg: by its EXIF data it was taken with {millimetres} mm on film, which cannot be")


@pytest.mark.parametrize("size", [(300, 200), (1200, 800), (400, 267), (200, 300), (400, 600)])
def test_a_picture_that_was_scaled_or_turned_keeps_its_lens(tmp_path: Path, size: tuple[int, int]) -> None:
    """Whether the orientation is still to be followed or the pixels were turned."""
    for turn in (1, 6):
        assert lens_of(picture(tmp_path, ON_FILM | SIZE, size, turn=turn), silent) == pytest.approx(52 / FILM)


@pytest.mark.parametrize("size", [(400, 400), (600, 300), (300, 600)])
def test_a_picture_that_was_cut_on_one_side_has_the_same_focal_length_in_pixels(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    said: list[str] = []
    lens = lens_of(picture(tmp_path, ON_FILM | SIZE, size), said.append)
    assert lens is not None
    assert lens * math.hypot(*size) == pytest.approx(52 / FILM * math.hypot(600, 400))
    was = "400 x 600" if size[0] < size[1] else "600 x 400"
    assert said == [
        f"a.jpg: it had {was} pixels by its EXIF data, and is {size[0]} x {size[1]} now: cropped, which its focal "
        "length is corrected for"
    ]


@pytest.mark.parametrize("size", [(300, 300), (500, 399), (600, 700)])
def test_a_picture_that_was_cropped_who_knows_how_has_no_lens(tmp_path: Path, size: tuple[int, int]) -> None:
    said: list[str] = []
    assert lens_of(picture(tmp_path, ON_FILM | SIZE, size), said.append) is None
    (note,) = said
    assert note.startswith("a.jpg: it had ") and "the focal length in them is ignored" in note
