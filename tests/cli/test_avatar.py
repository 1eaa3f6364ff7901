"""`asm-teach avatar`: what it writes and prints, and one line for bad input."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from asm_teach.avatar.import_gltf import import_gltf
from asm_teach.fitting.result import Fit
from asm_teach.formats.checks.outputs import is_ours
from asm_teach.geometry.mesh import read_mesh
from asm_teach.model.storage import save
from asm_teach.rendering.camera import look_at
from asm_teach.view_fit.view import View
from asm_teach.widgets.track_player.page import NAME
from tests.avatar.gltf_reference import Played
from tests.avatar.models import HEAD, adaptive
from tests.command import one_line, run
from tests.formats.fuzz_files import small_model


@pytest.fixture
def face(tmp_path: Path) -> Path:
    save(adaptive(), tmp_path / "me.npz")
    return tmp_path / "me.npz"


def test_a_saved_model_becomes_an_avatar(face) -> None:
    output = face.with_name("me.glb")
    result = run("avatar", face, "-o", output)
    assert result.exit_code == 0, result.output
    assert "4165 vertices, 84 bones, 51 named shapes, with its texture" in result.output
    assert f"wrote {output}, 1.8 MB" in result.output and "leave out" not in result.output
    played = Played(output)
    assert played.weights.shape[1] == 4 and len(played.names) == 51
    other = face.with_name("other.glb")
    result = run("avatar", face, "-o", other, "--influences", 8, "--posed", "--no-shapes")
    assert "no named shapes" in result.output and "8 bones for each vertex leave out" in result.output
    played = Played(other)
    assert played.weights.shape[1] == 8 and not played.names
    assert any("scale" in node for node in played.nodes)


def test_sliders_change_the_face_first(face, tmp_path) -> None:
    output = tmp_path / "other.glb"
    words = ("--set", "nose width=+2", "--set", "jaw_width=-4.5")
    assert run("avatar", face, "-o", output, "--no-shapes", *words).exit_code == 0
    assert import_gltf(output).edits == {"nose_width": 2.0, "jaw_width": -4.5}
    for wrong, told in (
        ("nose size=2", "no slider is called 'nose size'; there are nose_width"),
        ("nose width", "write a name and millimetres"),
        ("nose width=wide", "could not convert string to float: 'wide'"),
    ):
        line = one_line(run("avatar", face, "-o", tmp_path / "no.glb", "--set", wrong))
        assert f"--set: found {wrong!r}, expected such as 'nose width=2': {told}" in line
    line = one_line(run("avatar", face, "-o", tmp_path / "no.glb", "--no-shapes", "--set", "nose width=20"))
    assert "nose_width is 20.0 mm; it goes from -6 to 7" in line


def test_a_track_and_a_page(face, tmp_path) -> None:
    (take := tmp_path / "take.csv").write_text("time,jawOpen,mood\n0,0,1\n0.5,1,1\n")
    output, page = tmp_path / "me.glb", tmp_path / "me.html"
    result = run("avatar", face, "-o", output, "--track", take, "--page", page)
    assert result.exit_code == 0, result.output
    assert "take.csv: 0.5 s, 2 frames\nnot known and left out: mood\n" in result.output
    assert "51 named shapes, with its texture, 0.5 s of animation" in result.output
    assert f"wrote {page}, 1.2 MB; open it in a browser" in result.output
    (animation,) = Played(output).json["animations"]
    assert animation["name"] == "take"
    assert '"track": {' in page.read_text("utf-8") and is_ours(page, NAME)


def test_a_page_alone(face, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert run("avatar", face, "--page", "me.html").exit_code == 0
    assert not list(tmp_path.glob("*.glb")) and '"track": null' in (tmp_path / "me.html").read_text("utf-8")


def test_a_scan_is_fitted_on_the_way(tmp_path, monkeypatch) -> None:
    """As fit-scan does: the notes of the scan, the fit, and what it came to."""
    HEAD.mesh.write(tmp_path / "scan.ply")
    asked = []

    def fit_scan(model, scan, **given) -> Fit:
        asked.append((len(scan.vertices), given))
        return Fit(adaptive(), adaptive()().detach(), notes=(*scan.notes, "a note of the fit"))

    monkeypatch.setattr("asm_teach.scan_fit.fit.fit_scan", fit_scan)
    result = run("avatar", tmp_path / "scan.ply", "-o", tmp_path / "me.glb", "--device", "cpu")
    assert result.exit_code == 0, result.output
    assert asked == [(len(HEAD.mesh.vertices), {"landmarks": None, "prior": None, "device": "cpu"})]
    assert "a note of the fit" in result.output and "51 named shapes" in result.output
    assert (tmp_path / "me.glb").is_file()


def test_a_folder_of_photographs_is_fitted_on_the_way(tmp_path, monkeypatch) -> None:
    (folder := tmp_path / "anna").mkdir()
    for name in ("b.JPG", "a.png", "a.npz", "notes.txt"):
        (folder / name).write_bytes(b"")
    asked = []

    vertices = adaptive()().detach()
    target = vertices[HEAD.mesh.part_vertices("face")].mean(0)
    camera = look_at(target + torch.tensor([0.0, 0.0, 600.0]), target, 300.0, (120, 120))
    green = torch.tensor([0.2, 0.6, 0.3]).expand(120, 120, 3)

    def fit_to_views(pictures, model, device) -> tuple[Fit, list[View]]:
        asked.append([picture.name for picture in pictures])
        return Fit(adaptive(), vertices, cameras=(camera,)), [View(green, torch.rand(68, 2) * 100)]

    monkeypatch.setattr("asm_teach.cli.avatar.fit_to_views", fit_to_views)
    assert run("avatar", folder, "-o", tmp_path / "me.glb").exit_code == 0
    assert asked == [["a.png", "b.JPG"]]
    skin, painted = read_mesh(tmp_path / "me.glb").texture, HEAD.mesh.texture
    assert skin is not None and painted is not None and skin.shape == painted.shape == (1024, 1024, 3)
    forehead, mouth = (slice(300, 340), slice(500, 540)), (slice(710, 720), slice(505, 520))
    assert (skin[forehead] - green[0, 0]).abs().max() < 0.1 < (painted[forehead] - green[0, 0]).abs().max()
    assert (skin[mouth] - painted[mouth]).abs().max() < 0.1  # no photograph shows what lies inside
    for file in folder.glob("*.*"):
        file.unlink()
    assert "there is no photograph in this folder" in one_line(run("avatar", folder, "-o", tmp_path / "you.glb"))
    (tmp_path / "me.jpg").write_bytes(b"")
    assert "is one photograph; give the folder" in one_line(
        run("avatar", tmp_path / "me.jpg", "--page", tmp_path / "p.html")
    )


def test_bad_input_is_one_line_and_no_file(face, tmp_path, monkeypatch) -> None:
    save(small_model(), small := tmp_path / "small.npz")
    assert "--no-shapes" in one_line(run("avatar", small, "-o", tmp_path / "small.glb"))
    assert "should end in .glb" in one_line(run("avatar", face, "-o", tmp_path / "me.fbx"))
    (other := tmp_path / "other.npz").write_bytes(b"nothing of ours")
    assert "other.npz" in one_line(run("avatar", other, "-o", tmp_path / "other.glb"))
    assert not list(tmp_path.glob("*.glb"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "avatar.glb").write_bytes(b"mine")
    assert "output: 'avatar.glb' is there already; give another name" in one_line(run("avatar", face))
    assert "output: 'avatar.glb' is there" in one_line(run("avatar", face, "-o", "avatar.glb"))
    assert (tmp_path / "avatar.glb").read_bytes() == b"mine"
    (tmp_path / "me.html").write_bytes(b"mine")
    assert "--page: 'me.html' is there already" in one_line(run("avatar", face, "--page", "me.html"))
    assert "--page: 'me.txt' should end in .html or .htm" in one_line(run("avatar", face, "--page", "me.txt"))
    (tmp_path / "take.csv").write_text("time,jawOpen\n0,nan\n1,1\n")
    assert "take.csv: jawOpen is nan in line 2" in one_line(run("avatar", face, "-o", "me.glb", "--track", "take.csv"))
    words = one_line(run("avatar", face, "-o", "me.glb", "--track", "take.csv", "--no-shapes"))
    assert "--no-shapes: a page and a track need the shapes" in words
    assert not (tmp_path / "me.glb").exists()
