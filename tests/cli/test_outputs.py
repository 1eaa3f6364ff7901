"""What the commands write, where: checked before the work begins, and nothing of the user's destroyed."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from asm_teach.data.heads import load_head
from asm_teach.fitting.result import Fit
from asm_teach.geometry.mesh import read_mesh
from asm_teach.model.adaptive import AdaptiveSkinningModel
from asm_teach.model.storage import save
from asm_teach.rendering.camera import look_at
from asm_teach.scan_fit import fit as scan_fit
from asm_teach.studies import capacity, views
from asm_teach.view_fit import fit as view_fit
from tests.command import one_line, run


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a scan, a photograph with its landmarks, and a model; no work may begin."""

    def begin(*_: object, **__: object) -> None:
        raise AssertionError("the work began")

    for module, name in (
        (scan_fit, "fit_scan"), (view_fit, "fit_views"), (views, "view_evidence"), (capacity, "evidence"),
    ):  # fmt: skip
        monkeypatch.setattr(module, name, begin)
    monkeypatch.setattr("asm_teach.new_head.prepare.prepare_head", begin)
    monkeypatch.setattr("asm_teach.widgets.playground.page.write_page", begin)
    head = load_head()
    (tmp_path / "scan.obj").write_text("v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n")
    (tmp_path / "marks.json").write_text("{}")
    camera = look_at(torch.tensor([0.0, 0.0, 700.0]), torch.zeros(3), focal=600.0, size=(400, 500))
    points = camera.project(head.landmarks.points(head.sample(5).vertices, head.mesh.faces))
    Image.new("RGB", (400, 500)).save(tmp_path / "anna.png")
    np.savez(tmp_path / "anna.npz", landmarks=points.numpy())
    save(AdaptiveSkinningModel(head.mesh, head.rig, components=2), tmp_path / "model.npz")
    monkeypatch.chdir(tmp_path)
    return tmp_path


COMMANDS = {
    "fit-scan": (["fit-scan", "scan.obj", "-o"], "out.obj"),
    "fit-views": (["fit-views", "anna.png", "-o"], "out.ply"),
    "fit-views --save": (["fit-views", "anna.png", "--save"], "out.npz"),
    "prepare": (["prepare", "scan.obj", "marks.json", "-o"], "out.npz"),
    "capacity": (["capacity", "-o"], "out.md"),
    "views": (["views", "--save"], "out.json"),
    "playground": (["playground", "-o"], "out.html"),
}


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_looks_at_its_output_first(folder: Path, command: str) -> None:
    arguments, name = COMMANDS[command]
    assert "there is no folder 'gone'" in one_line(run(*arguments, f"gone/{name}"))
    (folder / "sub" / name).mkdir(parents=True)
    assert run(*arguments, f"sub/{name}").exit_code == 2
    (folder / name).write_text("locked")
    (folder / name).chmod(0o444)
    assert "is read-only" in one_line(run(*arguments, name))
    assert (folder / name).read_text() == "locked"


@pytest.mark.parametrize("command", [name for name in COMMANDS if name != "views"])
def test_other_endings_are_refused_first(folder: Path, command: str) -> None:
    line = one_line(run(*COMMANDS[command][0], "out.jpg"))
    assert "'out.jpg' should end in" in line


@pytest.mark.parametrize(
    ("arguments", "kept"),
    [
        ("fit-scan scan.obj -o scan.obj", "scan.obj"),
        ("fit-scan scan.obj --model model.npz -o ./sub/../scan.obj", "scan.obj"),
        ("fit-views anna.png --save anna.npz", "anna.npz"),  # its landmarks
        ("fit-views anna.png --resume model.npz --save model.npz", "model.npz"),
        ("fit-views anna.png --embedding model.npz --save model.npz", "model.npz"),
        ("prepare scan.obj model.npz -o model.npz", "model.npz"),
        ("playground --model page.html -o page.html", "page.html"),
    ],
)
def test_no_input_is_replaced(folder: Path, arguments: str, kept: str) -> None:
    (folder / "sub").mkdir()
    (folder / "page.html").write_text("a model under another name")
    before = (folder / kept).read_bytes()
    assert "is the input" in one_line(run(*arguments.split()))
    assert (folder / kept).read_bytes() == before


@pytest.mark.parametrize(
    ("arguments", "name"),
    [("fit-scan scan.obj", "fit.obj"), ("fit-views anna.png", "fit.obj"), ("playground", "playground.html")],
)
def test_a_default_name_does_not_replace_what_somebody_else_wrote(folder: Path, arguments: str, name: str) -> None:
    (folder / name).write_text("mine")
    assert f"'{name}' is there already; name it to replace it" in one_line(run(*arguments.split()))
    assert (folder / name).read_text() == "mine"


def test_a_photograph_is_not_replaced_by_a_texture(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fit(model, views, **_) -> Fit:
        camera = look_at(torch.tensor([0.0, 0.0, 700.0]), torch.zeros(3), focal=600.0, size=(400, 500))
        return Fit(model, model().detach(), (camera,))

    monkeypatch.setattr(view_fit, "fit_views", fit)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    for _ in range(2):
        result = run("fit-views", "anna.png", "-o", "anna.obj")
        assert result.exit_code == 0, result.output
        assert "wrote anna.obj, with anna_texture.png and anna.mtl" in result.output
    assert {name: (folder / name).read_bytes() for name in before} == before
    assert {path.name for path in folder.iterdir()} == {*before, "anna.obj", "anna.mtl", "anna_texture.png"}
    assert read_mesh(folder / "anna.obj").texture is not None


STOPPED = """
import sys, time
from pathlib import Path
from asm_teach.base.files import whole
from asm_teach.cli.processes import stopped_tidily
with stopped_tidily(), whole(Path(sys.argv[1])) as part:
    part.write_text("half")
    print("there", flush=True)
    time.sleep(60)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows ends a program at once")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_stopped_command_leaves_no_half_of_a_file(tmp_path: Path, number: int) -> None:
    command = [sys.executable, "-c", STOPPED, str(tmp_path / "a.obj")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None and process.stdout.readline() == b"there\n"
        process.send_signal(number)
        assert process.wait(20) in (128 + number, -number, 1)
    assert list(tmp_path.iterdir()) == []
