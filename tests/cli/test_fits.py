"""The commands that fit one's own files: what they read, print and write, and one line for bad input."""

from __future__ import annotations

import json
import re
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from PIL import ExifTags, Image

from asm_teach.base.arrays import load_npz
from asm_teach.data.assets import data_dir
from asm_teach.data.heads import load_head
from asm_teach.data.scans import load_photographs, load_scan
from asm_teach.fitting.result import Fit, Record
from asm_teach.geometry.mesh import read_mesh
from asm_teach.model.storage import load_model
from asm_teach.rendering.camera import look_at
from asm_teach.scan_fit import fit as scan_fit
from asm_teach.view_fit import fit as view_fit
from tests.command import one_line, run

# ---- photographs


@pytest.fixture(autouse=True)
def no_mediapipe(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether it is installed or not; a test that wants it puts a stand-in there."""
    monkeypatch.setitem(sys.modules, "mediapipe", None)


@pytest.fixture
def photographs(tmp_path: Path) -> list[Path]:
    """Two pictures of one embedded person with the 68 points beside each, as a user would have them."""
    head = load_head("makehuman")
    points = head.landmarks.points(head.sample(5).vertices, head.mesh.faces)
    paths = []
    for n, x in enumerate((-200.0, 250.0)):
        camera = look_at(torch.tensor([x, 0.0, 700.0]), torch.zeros(3), focal=600.0, size=(400, 500))
        paths.append(tmp_path / f"view{n}.png")
        Image.new("RGB", (400, 500)).save(paths[-1])
        np.savez(paths[-1].with_suffix(".npz"), landmarks=camera.project(points).numpy())
    return paths


@pytest.fixture
def spied(monkeypatch: pytest.MonkeyPatch) -> list[dict]:
    """What the command hands to `fit_views`, which takes a few steps only."""
    calls: list[dict] = []
    real = view_fit.fit_views

    def fit(model, views, **options) -> Fit:
        calls.append({"model": model, "views": views, **options})
        return real(model, views, **{**options, "steps": min(options.get("steps") or 20, 20)})

    monkeypatch.setattr(view_fit, "fit_views", fit)
    return calls


def test_fit_views_writes_a_mesh_of_the_template(photographs: list[Path], tmp_path: Path, spied: list[dict]) -> None:
    output = tmp_path / "fit.ply"
    result = run("fit-views", *photographs, "-o", output, "--device", "cpu")
    assert result.exit_code == 0, result.output
    for photograph in photographs:
        assert f"{photograph.name}: focal length" in result.output
    assert f"wrote {output}" in result.output
    template = load_head("makehuman").mesh
    fitted = read_mesh(output)
    assert torch.equal(fitted.faces, template.faces)
    assert (fitted.vertices - template.vertices).norm(dim=1).max() > 0.1
    assert spied[0]["warm_start"] is False


def test_fit_views_believes_exif_data_unless_told_not_to(
    photographs: list[Path], tmp_path: Path, spied: list[dict]
) -> None:
    exif = Image.Exif()
    exif[0x0112] = 1  # without it Pillow takes the rest for nothing
    exif.get_ifd(ExifTags.IFD.Exif).update({0xA405: 43})
    Image.new("RGB", (400, 500)).save(photographs[0], exif=exif)
    for option in ("", "--ignore-exif"):
        result = run(*filter(None, ("fit-views", *photographs, option)), "-o", tmp_path / "fit.ply", "--device", "cpu")
        assert result.exit_code == 0, result.output
        assert ("(636 by EXIF)" in result.output) is (not option)
    assert [[view.focal_prior is None for view in call["views"]] for call in spied] == [[False, True], [True, True]]


def test_fit_views_can_be_saved_and_gone_on_with(photographs: list[Path], tmp_path: Path, spied: list[dict]) -> None:
    saved = tmp_path / "person.npz"
    first = run("fit-views", *photographs, "--save", saved, "-o", tmp_path / "a.obj", "--steps", 15, "--device", "cpu")
    assert first.exit_code == 0, first.output
    assert f"wrote {saved}; --resume {saved} continues from there" in first.output
    assert spied[0]["steps"] == 15
    second = run("fit-views", *photographs, "--resume", saved, "-o", tmp_path / "b.obj", "--device", "cpu")
    assert second.exit_code == 0, second.output
    assert spied[1]["warm_start"] is True
    begun = load_model(saved)
    assert all(torch.equal(a, b) for a, b in zip(spied[1]["model"].parameters(), begun.parameters(), strict=True))
    assert (read_mesh(tmp_path / "b.obj").vertices - read_mesh(tmp_path / "a.obj").vertices).norm(dim=1).max() > 0.01


@pytest.mark.long
def test_fit_views_takes_a_model_of_ones_own(photographs: list[Path], tmp_path: Path, spied: list[dict]) -> None:
    """Of a prepared head; it starts at rest, whatever motion the file holds."""
    saved = tmp_path / "m.npz"
    run("fit-views", *photographs, "--save", saved, "-o", tmp_path / "a.obj", "--head", "soma", "--device", "cpu")
    result = run("fit-views", *photographs, "--model", saved, "-o", tmp_path / "b.obj", "--device", "cpu")
    assert result.exit_code == 0, result.output
    assert spied[1]["warm_start"] is False
    assert len(read_mesh(tmp_path / "b.obj").vertices) == len(load_head("soma").mesh.vertices)
    line = one_line(run("fit-views", *photographs, "--model", saved, "--resume", saved))
    assert "--model and --resume both name the model to begin with" in line
    scan = photographs[0].with_suffix(".npz")  # arrays, but no model
    assert "holds arrays, but no asm_teach model" in one_line(run("fit-views", *photographs, "--resume", scan))


def test_fit_views_takes_a_set_of_ones_own(photographs: list[Path], tmp_path: Path, spied: list[dict]) -> None:
    head = load_head("makehuman")
    chosen = head.landmarks.subset([8, 27, 30, 33, 36, 39, 42, 45, 48, 51, 54, 57])
    for path in photographs:
        points = load_npz(path.with_suffix(".npz"))["landmarks"]
        np.savez(path.with_suffix(".npz"), landmarks=points[[8, 27, 30, 33, 36, 39, 42, 45, 48, 51, 54, 57]])
    own = tmp_path / "set.npz"
    np.savez(own, faces=chosen.faces.numpy(), barycentric=chosen.barycentric.numpy())
    result = run("fit-views", *photographs, "--embedding", own, "-o", tmp_path / "a.obj", "--device", "cpu")
    assert result.exit_code == 0, result.output
    assert all(torch.equal(view.embedding.faces, chosen.faces) for view in spied[0]["views"])


def test_fit_views_says_what_is_to_be_said_once(
    photographs: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before the fit what the views show, after it what the fit adds."""
    one = "There is one picture only"

    def fit(model, views, **options) -> Fit:
        from asm_teach.view_fit.checks import before

        camera = look_at(torch.tensor([0.0, 0.0, 700.0]), torch.zeros(3), focal=600.0, size=(400, 500))
        return Fit(model, model(), (camera,), interrupted=True, notes=(*before(model.mesh, views), "And this."))

    monkeypatch.setattr(view_fit, "fit_views", fit)
    result = run("fit-views", photographs[0], "-o", tmp_path / "a.obj")
    assert result.exit_code == 0, result.output
    assert result.output.count(one) == 1 and result.output.count("And this.") == 1
    assert result.output.index(one) < result.output.index("focal length") < result.output.index("And this.")
    assert "stopped early: this is the best result so far" in result.output


def test_fit_views_of_swapped_landmarks_names_the_picture(photographs: list[Path]) -> None:
    beside = photographs[1].with_suffix(".npz")
    points = load_npz(beside)["landmarks"]
    np.savez(beside, landmarks=np.stack([400 - points[:, 0], points[:, 1]], 1))
    line = one_line(run("fit-views", *photographs))
    assert "view1.png: landmarks: they are those of a mirrored face: left and right are swapped" in line


def test_fit_views_without_landmarks_says_what_is_missing(photographs: list[Path]) -> None:
    photographs[1].with_suffix(".npz").unlink()
    line = one_line(run("fit-views", *photographs))
    assert "view1.png: to find its landmarks MediaPipe 0.10.14 is needed" in line
    assert "pip install 'asm_teach[photos]'" in line and "into a file beside the picture" in line


def test_fit_views_of_a_picture_without_a_face_names_it(photographs: list[Path], fake_mediapipe: ModuleType) -> None:
    photographs[1].with_suffix(".npz").unlink()
    assert "view1.png: no face was found in it; give a picture" in one_line(run("fit-views", *photographs))
    line = one_line(run("fit-views", "--find", *photographs))  # the files that stand there are not read
    assert "view0.png: no face was found in it" in line


def test_fit_views_needs_the_array_by_its_name(photographs: list[Path]) -> None:
    np.savez(photographs[0].with_suffix(".npz"), points=np.zeros((68, 2)))
    assert "view0.npz: no array `landmarks` in it, but points" in one_line(run("fit-views", photographs[0]))


def test_fit_views_of_a_text_file_called_npz(photographs: list[Path]) -> None:
    photographs[0].with_suffix(".npz").write_text("68 points\n")
    assert "this is not a whole .npz file" in one_line(run("fit-views", photographs[0]))


def test_fit_views_of_a_file_that_is_no_picture(photographs: list[Path]) -> None:
    photographs[0].write_text("not a picture")
    assert "cannot be read as a picture" in one_line(run("fit-views", photographs[0]))


def _as_files(folder: Path, name: str) -> list[Path]:
    """Fetched photographs as the files of a user, with MediaPipe's points, which the package stores, beside them."""
    if name == "james":
        pictures = {f"james_view{n}": image for n, image in enumerate(load_scan("james").photographs)}
    else:
        pictures = {photograph.name: photograph.image for photograph in load_photographs(name)}
    stored, paths = load_npz(data_dir() / "facemesh478.npz"), []
    for stem, image in pictures.items():
        if f"{stem}.jpg" in stored:
            paths.append(folder / f"{stem}.jpg")
            Image.fromarray((image * 255).round().to(torch.uint8).numpy()).save(paths[-1], quality=95)
            np.savez(paths[-1].with_suffix(".npz"), landmarks=stored[f"{stem}.jpg"][:, :2])
    return paths


@pytest.mark.long
@pytest.mark.parametrize(
    ("name", "count", "note"),
    [
        ("james", 2, None),
        ("lisa", 4, "All pictures show the face from nearly the same side"),
        ("zoom", 4, "All pictures show the face from nearly the same side"),
        ("london", 1, "There is one picture only"),
    ],
)
def test_fit_views_of_real_photographs(
    tmp_path: Path, spied: list[dict], name: str, count: int, note: str | None
) -> None:
    paths = _as_files(tmp_path, name)
    assert len(paths) == count
    result = run("fit-views", *paths, "-o", tmp_path / "fit.glb", "--device", "cpu")
    assert result.exit_code == 0, result.output
    assert [view.name for view in spied[0]["views"]] == [path.name for path in paths]
    if note is None:
        assert "picture only" not in result.output and "same side" not in result.output
    else:
        assert note in result.output
    assert len(read_mesh(tmp_path / "fit.glb").vertices) > 4000


# ---- scans


def _distances(output: str) -> tuple[float, float]:
    (line,) = [line for line in output.splitlines() if line.startswith("mean distance")]
    first, last = re.findall(r"([0-9.]+) mm", line)
    return float(first), float(last)


@pytest.mark.long
def test_fit_scan_prints_errors_and_writes_the_mesh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same vertices in the same faces, but in metres: taken as registered, and the unit is said."""
    monkeypatch.setattr(scan_fit, "fit_scan", partial(scan_fit.fit_scan, steps=12))
    scan, output = tmp_path / "scan.obj", tmp_path / "fit.obj"
    person = load_head("makehuman").sample(5)
    person.with_vertices(person.vertices / 1000).write(scan)
    result = run("fit-scan", str(scan), "-o", str(output), "--device", "cpu")
    assert result.exit_code == 0, result.output
    first, last = _distances(result.output)
    assert last < first / 2 and "taken to be in metres" in result.output
    assert len(read_mesh(output).vertices) == len(load_head("makehuman").mesh.vertices)


@pytest.mark.long
def test_a_new_head_is_prepared_and_fitted_to_a_raw_scan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scan_fit, "fit_scan", partial(scan_fit.fit_scan, steps=6))
    soma = load_head("soma")
    mesh, marks, model, scan = (tmp_path / name for name in ("soma.obj", "marks.json", "soma.npz", "scan.obj"))
    replace(soma.mesh, uv=None).write(mesh)
    corners = soma.landmarks.nearest_vertices(soma.mesh.faces).tolist()
    marks.write_text(json.dumps({str(k): corners[k] for k in (8, 27, 30, 33, 36, 39, 42, 45, 48, 51, 54, 57)}))
    result = run("prepare", str(mesh), str(marks), "-o", str(model))
    assert result.exit_code == 0, result.output
    assert "84 bones" in result.output and model.is_file()
    load_head("makehuman").sample(5).write(scan)
    result = run("fit-scan", str(scan), "--model", str(model), "-o", str(tmp_path / "fit.ply"), "--device", "cpu")
    assert result.exit_code == 0, result.output
    first, last = _distances(result.output)
    assert last < first


def test_fit_scan_says_that_it_was_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a fit is not printed as if it were whole; nor is one that was stopped before its first step."""

    def stopped_after(steps: int) -> None:
        def watch(record: Record, model: object) -> None:
            if record.iteration == steps - 1:
                raise KeyboardInterrupt

        monkeypatch.setattr(scan_fit, "fit_scan", partial(real, steps=9, watch=watch))

    real, scan = scan_fit.fit_scan, tmp_path / "scan.obj"
    load_head().sample(5).write(scan)
    stopped_after(2)
    result = run("fit-scan", scan, "-o", tmp_path / "fit.ply", "--device", "cpu")
    assert result.exit_code == 0, result.output
    assert "The fit was stopped after 2 of 9 steps: this is an unfinished face." in result.output
    assert "mm when it was stopped" in result.output and "mm fitted" not in result.output
    monkeypatch.setattr(scan_fit, "iterate", lambda *_: ((), True))
    result = run("fit-scan", scan, "-o", tmp_path / "fit2.ply", "--device", "cpu")
    assert result.exit_code == 0, result.output
    assert "stopped after 0 of 9 steps" in result.output and "mean distance" not in result.output


@pytest.fixture
def scan_calls(monkeypatch: pytest.MonkeyPatch) -> list[dict]:
    """What the command hands to `fit_scan`, which is not run."""
    calls: list[dict] = []

    def fit(model, scan, **options) -> Fit:
        calls.append({"scan": scan, **options})
        return Fit(model, model(), history=[Record(0, 1.0, 1.0, 1.0)])

    monkeypatch.setattr(scan_fit, "fit_scan", fit)
    return calls


def _picked(points: dict[str, list[float]]) -> str:
    rows = "".join(f'<point x="{x}" y="{y}" z="{z}" active="1" name="{name}"/>' for name, (x, y, z) in points.items())
    return f"<!DOCTYPE PickedPoints>\n<PickedPoints>{rows}</PickedPoints>"


def test_fit_scan_takes_points_that_meshlab_picked(tmp_path: Path, scan_calls: list[dict]) -> None:
    head, scan, picked = load_head(), tmp_path / "scan.obj", tmp_path / "scan_picked_points.pp"
    head.sample(5).write(scan)
    points = head.landmarks.points(head.sample(5).vertices, head.mesh.faces)
    numbers = (8, 30, 36, 39, 42, 45, 48, 54)
    picked.write_text(_picked({str(n): points[n].tolist() for n in numbers}))
    result = run("fit-scan", scan, "-o", tmp_path / "fit.ply")
    assert result.exit_code == 0, result.output  # a file that is not named is not read, and that is said
    assert "scan_picked_points.pp may hold landmarks of scan.obj, and was not read: --landmarks" in result.output
    result = run("fit-scan", scan, "--landmarks", picked, "-o", tmp_path / "fit.ply")
    assert result.exit_code == 0 and "may hold" not in result.output, result.output
    without, given = (call["landmarks"] for call in scan_calls)
    assert without is None and given.dtype == scan_calls[1]["scan"].vertices.dtype
    assert given.isfinite().all(1).nonzero()[:, 0].tolist() == list(numbers)
    assert (given[8] - points[8]).abs().max() < 1e-3


def test_landmarks_that_cannot_be_used_name_their_file(tmp_path: Path, scan_calls: list[dict]) -> None:
    scan, marks = tmp_path / "scan.obj", tmp_path / "marks.json"
    load_head().sample(5).write(scan)
    marks.write_text('{"ear": 3}')
    line = one_line(run("fit-scan", scan, "--landmarks", marks))
    assert "marks.json: landmarks: there is no point called 'ear'" in line
    assert line.endswith(one_line(run("prepare", scan, marks)).split("marks.json")[1])
    groups = {name: {"labels": [], "landmarks": {"points": [[0, 0, 0]] * 68}} for name in "ab"}
    (tmp_path / "marks.ljson").write_text(json.dumps({"version": 3, "groups": groups}))
    line = one_line(run("fit-scan", scan, "--landmarks", tmp_path / "marks.ljson"))
    assert "name the group (--landmark-group" in line
    line = one_line(run("fit-scan", scan, "--landmarks", tmp_path / "marks.ljson", "--landmark-group", "a"))
    assert "all points lie on one line" in line


def test_fit_views_reads_what_others_wrote(photographs: list[Path], tmp_path: Path, spied: list[dict]) -> None:
    """The one group of 68 points of a menpo file, and iBUG's 51 counted from 1."""
    points = []
    for path in photographs:
        points.append(load_npz(path.with_suffix(".npz"))["landmarks"])
        path.with_suffix(".npz").unlink()
    groups = {
        name: {"labels": [], "landmarks": {"points": rows[:, ::-1].tolist()}}
        for name, rows in (("face", points[0]), ("pupils", points[0][:2]))
    }
    photographs[0].with_suffix(".ljson").write_text(json.dumps({"version": 3, "groups": groups}))
    rows = "\n".join(f"{x + 0.5} {y + 0.5}" for x, y in points[1][17:])
    photographs[1].with_suffix(".pts").write_text(f"version: 1\nn_points: 51\n{{\n{rows}\n}}\n")
    result = run("fit-views", *photographs, "-o", tmp_path / "fit.ply", "--device", "cpu")
    assert result.exit_code == 0, result.output
    for view, expected in zip(spied[0]["views"], (points[0], points[1][17:]), strict=True):
        assert np.abs(view.landmarks.numpy() - expected).max() < 1e-3


def test_fit_scan_of_a_truncated_file(tmp_path: Path) -> None:
    scan = tmp_path / "scan.obj"
    scan.write_text("v 0 0 0\nv 1 0 0\nf 1 2 3\n")
    one_line(run("fit-scan", str(scan)))


def test_fit_scan_says_what_was_left_out_and_names_the_file_that_it_refuses(tmp_path: Path) -> None:
    scan = tmp_path / "scan.obj"
    scan.write_text("v 0 0 0\nv 1 0 0\nv 1 1 0\nv 0 1 0\nf 1 2 3\nf 1 3 4\nf 1 2\n")
    result = run("fit-scan", str(scan), "-o", str(tmp_path / "fit.obj"))
    assert result.stdout == "scan.obj: left out 1 face of fewer than three corners.\n"
    assert result.exit_code == 2 and "scan.obj: scan: no face was found in it" in result.stderr


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    result = run("fit-scan", str(tmp_path / "none.obj"))
    assert result.exit_code == 2
    assert "does not exist" in result.stderr


def test_a_prior_is_named_or_comes_from_a_file(photographs: list[Path], tmp_path: Path, spied: list[dict]) -> None:
    output = tmp_path / "a.obj"
    result = run("fit-views", photographs[0], "--prior", "learned", "-o", output, "--steps", 2, "--device", "cpu")
    assert result.exit_code == 0, result.output
    assert spied[-1]["prior"] == "learned"
    line = one_line(run("fit-views", photographs[0], "--prior", "lerned", "-o", tmp_path / "b.obj"))
    assert "--prior: there is no file 'lerned'" in line
    line = one_line(run("fit-views", photographs[0], "--prior", photographs[0], "-o", tmp_path / "b.obj"))
    assert "whole .npz file" in line


def test_fit_scan_takes_a_prior_too(tmp_path: Path, scan_calls: list[dict]) -> None:
    head, scan = load_head(), tmp_path / "scan.obj"
    head.mesh.write(scan)
    assert run("fit-scan", scan, "--prior", "learned", "-o", tmp_path / "fit.ply").exit_code == 0
    assert scan_calls[-1]["prior"] == "learned"
    assert "--prior: there is no file 'lerned'" in one_line(run("fit-scan", scan, "--prior", "lerned"))
