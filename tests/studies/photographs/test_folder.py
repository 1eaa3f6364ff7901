"""A folder of photographs: whole or not at all, read back as it was, and some of its photographs spread evenly."""

from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from asm_teach.cli.main import main
from asm_teach.data.heads import load_head
from asm_teach.studies.photographs import folder
from asm_teach.studies.photographs.cycles import blender, draw
from asm_teach.studies.photographs.folder import photographed_case, spread, take_photographs, write_photographs
from asm_teach.studies.photographs.scene import scene
from asm_teach.studies.view_cases import embedded_sitter

HEAD = load_head()
SIZE = 160
PATTERN = np.concatenate([[[0, 0], [1, 1]], np.random.default_rng(0).random((476, 2))])  # of points in a square


@pytest.fixture(scope="module")
def taken():
    found = scene(embedded_sitter(HEAD, 3), 3, 1, SIZE)
    return replace(found, exposure=(0.0, 0.0, 0.0))


def light(box=None):
    """Grey light with, in `box`, a red square: what `red_square` takes for a face."""
    made = np.full((SIZE, SIZE, 3), 0.5)
    if box:
        x, y, side = box
        made[y : y + side, x : x + side] = [0.9, 0.02, 0.02]
    return made


def red_square(image, name="picture", say=print):
    """Stands in for MediaPipe, which is too large for these tests."""
    rows, columns = torch.nonzero(image[..., 0] > image[..., 1] + 0.4, as_tuple=True)
    if not len(rows):
        raise ValueError(f"{name}: no face was found in it")
    corner = torch.tensor([columns.min(), rows.min()])
    return corner + torch.from_numpy(PATTERN).float() * (torch.tensor([columns.max(), rows.max()]) + 1 - corner)


@pytest.fixture
def detector(monkeypatch):
    monkeypatch.setattr(folder, "find_landmarks", red_square)


BOXES = [(20, 30, 70), (40, 20, 80), (64, 48, 64)]


@pytest.mark.usefixtures("detector")
def test_what_was_written_is_read_back(taken, tmp_path):
    said = []
    write_photographs(taken, map(light, BOXES), tmp_path / "set", said.append)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["set"] and len(said) == 3
    case = photographed_case(tmp_path / "set")
    assert case.name == "embedded person 3" and case.licence == HEAD.licence
    for view, box, focal, camera in zip(case.views, BOXES, case.focal, taken.cameras, strict=True):
        assert view.size == (SIZE, SIZE) and focal == pytest.approx(float(camera.focal))
        expected = np.array(box[:2]) + PATTERN * box[2]
        assert np.abs(view.landmarks.numpy() - expected).max() < 2
    assert torch.equal(case.truth.vertices, taken.sitter.mesh.vertices)
    assert torch.equal(case.region, taken.sitter.region) and torch.equal(case.landmarks, taken.sitter.landmarks)


@pytest.mark.usefixtures("detector")
def test_a_photograph_without_a_face_is_left_out_and_its_camera_too(taken, tmp_path):
    said = []
    write_photographs(taken, [light(BOXES[0]), light(), light(BOXES[2])], tmp_path / "set", said.append)
    assert "photograph 2 of 3: MediaPipe finds no face" in said[1]
    case = photographed_case(tmp_path / "set")
    assert case.focal == pytest.approx([float(taken.cameras[n].focal) for n in (0, 2)])
    assert sorted(p.name for p in (tmp_path / "set").iterdir()) == [
        "truth.npz", "view0.jpg", "view0.npz", "view1.jpg", "view1.npz",
    ]  # fmt: skip


@pytest.mark.usefixtures("detector")
def test_nothing_is_left_where_it_fails(taken, tmp_path):
    with pytest.raises(ValueError, match="no face in any photograph"):
        write_photographs(taken, [light(), light(), light()], tmp_path / "set", lambda _: None)

    def broken():
        yield light(BOXES[0])
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_photographs(taken, broken(), tmp_path / "set", lambda _: None)
    assert not list(tmp_path.iterdir())


def test_a_folder_that_is_there_or_cannot_be_is_refused_before_anything_is_drawn(taken, tmp_path):
    (tmp_path / "old").mkdir()
    with pytest.raises(ValueError, match="^folder: .*old' is there already"):
        take_photographs(taken, tmp_path / "old")
    with pytest.raises(ValueError, match="^folder: there is no folder"):
        take_photographs(taken, tmp_path / "none" / "set")
    with pytest.raises(ValueError, match=r"^folder: .* holds no truth\.npz"):
        photographed_case(tmp_path / "old")


@pytest.mark.parametrize(
    ("total", "count", "expected"),
    [(8, 1, [3]), (8, 2, [2, 5]), (8, 3, [1, 3, 6]), (8, 4, [1, 3, 4, 6]), (8, 8, list(range(8))), (7, 3, [1, 3, 5])],
)
def test_some_photographs_are_spread_evenly_round_the_middle(total, count, expected):
    assert spread(total, count) == expected


@pytest.mark.parametrize("count", [0, 9])
def test_more_photographs_than_there_are_are_refused(count):
    with pytest.raises(ValueError, match="^count:"):
        spread(8, count)


@pytest.mark.parametrize("given", [{"samples": 0}, {"threads": 0}])
def test_a_renderer_without_rays_or_threads_is_refused(taken, given):
    with pytest.raises(ValueError, match=f"^{next(iter(given))}:"):
        draw(taken, **given)


@pytest.fixture
def no_blender(monkeypatch):
    """Whether or not it is installed here, `import bpy` fails."""
    monkeypatch.setitem(sys.modules, "bpy", None)


@pytest.mark.usefixtures("no_blender")
def test_without_blender_the_remedy_is_said(tmp_path):
    with pytest.raises(ModuleNotFoundError, match="pip install"):
        blender()
    found = CliRunner().invoke(main, ["photographs", str(tmp_path / "set"), "--person", "3"])
    assert found.exit_code == 2 and "pip install" in found.output and found.output.count("\n") == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("given", [[], ["--person", "1", "--scan", "lee-perry-smith"]])
def test_the_command_wants_one_person(tmp_path, given):
    found = CliRunner().invoke(main, ["photographs", str(tmp_path / "set"), *given])
    assert found.exit_code == 2 and "--person and --scan" in found.output
