"""Landmarks found by MediaPipe: what is asked of it and what is made of its answers. A stand-in takes its place."""

from __future__ import annotations

import sys
from types import ModuleType

import numpy as np
import pytest
import torch

from asm_teach.view_fit import face_detector
from asm_teach.view_fit.face_detector import find_landmarks


def grey(height: int = 400, width: int = 600) -> np.ndarray:
    return np.full((height, width, 3), 0.25, np.float32)


def quiet(note: str) -> None:
    raise AssertionError(f"nothing was to be said, but: {note}")


def test_points_are_pixels_of_the_picture_whatever_the_framing(fake_mediapipe: ModuleType) -> None:
    """One framing of the seven is 20 pixels off, as can happen: the median passes over it."""
    picture = grey()
    expected = fake_mediapipe.paint(picture, 250, 90, 140, 190)
    found = find_landmarks(torch.from_numpy(picture), say=quiet)
    assert found.shape == (478, 2) and found.dtype == torch.float32
    assert np.abs(found.numpy() - expected).max() < 1e-3


def test_a_face_at_the_edge_and_one_that_fills_the_picture(fake_mediapipe: ModuleType) -> None:
    picture = grey()
    expected = fake_mediapipe.paint(picture, 0, 240, 120, 160)
    assert np.abs(find_landmarks(torch.from_numpy(picture), say=quiet).numpy() - expected).max() < 1e-3
    picture = grey(200, 160)
    expected = fake_mediapipe.paint(picture, 0, 0, 160, 200)
    assert np.abs(find_landmarks(torch.from_numpy(picture), say=quiet).numpy() - expected).max() < 1e-3


def test_of_several_faces_the_largest_is_taken_and_that_is_said(fake_mediapipe: ModuleType) -> None:
    picture, said = grey(), []
    fake_mediapipe.paint(picture, 40, 100, 100, 120)
    expected = fake_mediapipe.paint(picture, 200, 100, 150, 180, colour=1)
    fake_mediapipe.paint(picture, 400, 100, 100, 120, colour=2)
    found = find_landmarks(torch.from_numpy(picture), "party.jpg", said.append)
    assert np.abs(found.numpy() - expected).max() < 1e-3
    x, y = expected.mean(0)
    assert said == [
        f"party.jpg: 3 faces were found; the one of 150 pixels round ({x:.0f}, {y:.0f}) is used, the largest. If it is "
        "another one that you mean, crop the picture to it"
    ]


@pytest.mark.parametrize("places", [(40, 250), (250, 40)])
def test_of_faces_about_as_large_the_one_in_the_middle_is_taken(
    fake_mediapipe: ModuleType, places: tuple[int, int]
) -> None:
    picture = grey()
    painted = {
        x: fake_mediapipe.paint(picture, x, 120, 120 if x == 250 else 130, 150, colour)
        for colour, x in enumerate(places)
    }
    found = find_landmarks(torch.from_numpy(picture), say=lambda note: None)
    assert np.abs(found.numpy() - painted[250]).max() < 1e-3


@pytest.mark.parametrize("edge", ["left", "upper", "right", "lower"])
def test_a_face_that_the_frame_cuts_off_is_said_and_half_a_face_refused(
    fake_mediapipe: ModuleType, edge: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The stand-in finds no points beyond the picture, so some are moved there at the end."""
    picture, said = grey(300, 300), []
    points = fake_mediapipe.paint(picture, 80, 80, 140, 140)
    beyond = {"left": [-9, 150], "upper": [150, -9], "right": [309, 150], "lower": [150, 309]}[edge]
    moved = points.copy()
    monkeypatch.setattr(face_detector.np, "median", lambda *_, **__: moved)
    for count in (0, 9, 48):
        moved[:count] = beyond
        find_landmarks(torch.from_numpy(picture), "a.jpg", said.append)
    (note,) = said
    assert note.startswith(f"a.jpg: the face is cut off by the picture's {edge} edge: 10% of its points lie beyond it")
    moved[:120] = beyond
    with pytest.raises(ValueError, match=f"^a.jpg: the face is cut off by the picture's {edge} edge, with 25% of its"):
        find_landmarks(torch.from_numpy(picture), "a.jpg", said.append)


def test_a_face_of_few_pixels_is_said(fake_mediapipe: ModuleType) -> None:
    picture, said = grey(200, 200), []
    fake_mediapipe.paint(picture, 60, 60, 70, 80)
    find_landmarks(torch.from_numpy(picture), "far.jpg", said.append)
    (note,) = said
    assert note.startswith("far.jpg: the face is only 70 pixels wide")


def test_a_small_face_is_looked_for_too(fake_mediapipe: ModuleType) -> None:
    """Too small for the face mesh in the whole picture; the detector of distant faces tells it where to look."""
    picture = grey(800, 1200)
    expected = fake_mediapipe.paint(picture, 700, 300, 110, 130)
    assert np.abs(find_landmarks(torch.from_numpy(picture), say=quiet).numpy() - expected).max() < 1e-3


def test_no_face_is_an_error_that_names_the_picture(fake_mediapipe: ModuleType) -> None:
    with pytest.raises(ValueError, match="^wall.jpg: no face was found in it; give a picture in which one face is"):
        find_landmarks(torch.from_numpy(grey()), "wall.jpg")


@pytest.mark.parametrize("image", [np.zeros((4, 4, 3)), torch.zeros(4, 4), torch.zeros(4, 4, 3, dtype=torch.uint8)])
def test_what_is_no_picture_is_refused(fake_mediapipe: ModuleType, image: object) -> None:
    with pytest.raises(ValueError, match=r"image: expected a float tensor \(H, W, 3\)"):
        find_landmarks(image)


def test_without_mediapipe_the_message_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mediapipe", None)  # as if it were not installed
    with pytest.raises(ModuleNotFoundError, match=r"^a.jpg: .*pip install 'asm_teach\[photos\]'"):
        find_landmarks(torch.zeros(9, 9, 3), "a.jpg")
    monkeypatch.setitem(sys.modules, "mediapipe", ModuleType("mediapipe"))  # a later release, without its face mesh
    with pytest.raises(ModuleNotFoundError, match=r"MediaPipe 0.10.14 is needed.*pip install 'asm_teach\[photos\]'"):
        find_landmarks(torch.zeros(9, 9, 3), "a.jpg")
