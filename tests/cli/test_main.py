"""The command line: what it prints, what it hands on, and one line and exit code 2 for bad input."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from traitlets.config import Config

from asm_teach.cli import help, main
from tests.command import one_line, run


@pytest.fixture
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No mirror, and a cache with nothing in it."""
    monkeypatch.delenv("ASM_TEACH_MIRROR", raising=False)
    monkeypatch.setenv("ASM_TEACH_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_help_names_every_command() -> None:
    result = run("--help")
    assert result.exit_code == 0
    for name in main.main.commands:
        assert f"\n  {name} " in result.output
    assert "..." not in result.output.partition("Learn:")[2], "a help is cut off"
    assert "More:" not in result.output, "a command is in no group of asm_teach.cli.help"


@pytest.mark.parametrize("name", sorted(main.main.commands))
def test_every_command_explains_itself_with_an_example(name: str) -> None:
    result = run(name, "--help")
    assert result.exit_code == 0
    assert result.output.startswith(f"Usage: main {name}")
    assert f"\n    asm-teach {name}" in result.output


@pytest.mark.parametrize("name", sorted(main.main.commands))
def test_the_examples_can_be_typed(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    command = main.main.commands[name]
    lines = re.findall(r"(?m)^ +asm-teach (.+)$", command.epilog or "")
    for word in {word for line in lines for word in line.split()[1:] if not word.startswith("-")}:
        if "." in word:
            Path(word).touch()
        else:
            Path(word).mkdir(exist_ok=True)
    typed = [shlex.split(line) for line in lines]
    assert not typed or name in {first for first, *_ in typed}
    for first, *words in typed:
        main.main.commands[first].make_context(first, words)  # parses them, and runs nothing


def test_the_help_of_landmark_files_names_what_can_be_given(tmp_path: Path) -> None:
    from asm_teach.data.heads import load_head
    from asm_teach.data.landmark_files import HANDFUL
    from asm_teach.new_head.given_landmarks import mark_points

    names = re.search(r"Names: (.+?)\. Left", help.MARKS, re.DOTALL)
    assert names and {name.strip() for name in names[1].split(",")} == set(HANDFUL)
    example = json.loads(re.search(r"\{.+, \.\.\.\}", help.MARKS)[0].replace(", ...", ""))
    rest = {number: 100 + number for number in (39, 42, 45, 48, 54)}
    points = mark_points(load_head().mesh, example | rest)
    assert points.isfinite().all(1).nonzero()[:, 0].tolist() == [8, 30, 36, *rest]


def test_help_does_not_wait_for_torch() -> None:
    code = "import sys, asm_teach.cli.main; sys.exit('torch' in sys.modules or 'matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("error", [ValueError, FileNotFoundError, ConnectionError])
def test_an_error_of_the_package_isone_line(error: type[Exception], monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        raise error("the scan has no faces:\n   give a mesh")

    monkeypatch.setattr("asm_teach.data.assets.list_assets", broken)
    assert one_line(run("data")) == "Error: the scan has no faces: give a mesh"


def test_a_mistake_in_the_code_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        raise KeyError("a bug")

    monkeypatch.setattr("asm_teach.data.assets.list_assets", broken)
    assert isinstance(run("data").exception, KeyError)


# ---- lab


def test_lab_starts_on_the_start_notebook(tmp_path: Path) -> None:
    command = main.lab_command(tmp_path, browser=True, superuser=False)
    assert command[:3] == [sys.executable, "-m", "jupyterlab"]
    assert f"--ServerApp.root_dir={tmp_path}" in command
    assert "--LabApp.default_url=/lab/tree/00_start_here.ipynb" in command
    assert not {"--no-browser", "--allow-root"} & set(command)
    assert {"--no-browser", "--allow-root"} <= set(main.lab_command(tmp_path, browser=False, superuser=True))


def test_jupyterlab_asks_for_no_news(tmp_path: Path) -> None:
    from jupyterlab.handlers.announcements import NeverCheckForUpdate
    from jupyterlab.labapp import LabApp

    app = LabApp()
    app.parse_command_line(main.lab_command(tmp_path, browser=False, superuser=False)[3:])
    assert app.news_url is None and app.check_for_updates_class is NeverCheckForUpdate
    binder = json.loads((Path(__file__).parents[2] / "binder" / "jupyter_server_config.json").read_text("utf-8"))
    on_binder = LabApp(config=Config(binder))
    assert on_binder.news_url is None and on_binder.check_for_updates_class is NeverCheckForUpdate


@pytest.mark.long
def test_jupyterlab_accepts_the_command() -> None:
    # --show-config-json reads the options and stops; an unknown one would end with another exit code
    command = [*main.lab_command(Path.cwd(), browser=False, superuser=True), "--show-config-json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "/lab/tree/00_start_here.ipynb" in done.stdout


@pytest.mark.parametrize(
    ("platform", "variables", "expected"),
    [
        ("linux", {}, False),
        ("linux", {"DISPLAY": ":0"}, True),
        ("linux", {"WAYLAND_DISPLAY": "wayland-0"}, True),
        ("darwin", {}, True),
        ("win32", {}, True),
    ],
)
def test_a_display_is_looked_for(
    platform: str, variables: dict[str, str], expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "platform", platform)
    assert main.has_display() is expected


@pytest.fixture
def started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The commands that `lab` would start, in an empty folder without a display."""
    commands: list[list[str]] = []
    monkeypatch.setattr(main, "run_to_its_end", lambda command, env: commands.append(list(command)) or 0)
    monkeypatch.setattr(main, "has_display", lambda: False)
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    return commands


def test_lab_without_a_display_prints_the_address(started: list[list[str]]) -> None:
    result = run("lab", "--port=8890")
    assert result.exit_code == 0, result.output
    assert "Open the address" in result.output
    assert "--no-browser" in started[0]
    assert started[0][-1] == "--port=8890"
    run("lab", "--browser")
    assert "--no-browser" not in started[1]


def test_lab_opens_copies_beside_which_the_work_stays(
    started: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    said = run("lab").output
    folder = Path.cwd() / "asm-course"
    assert "asm-course: the course, " in said and (folder / main.START).is_file()
    assert "# your code here" in (folder / "01_linear_blend_skinning.ipynb").read_text("utf-8")
    assert "asm-course: the course is there, and up to date" in run("lab").output
    monkeypatch.chdir(folder)  # inside of it there is no second one
    assert run("lab").exit_code == 0 and not (folder / "asm-course").exists()
    assert run("lab", "--folder", "../other").exit_code == 0 and (folder.parent / "other" / main.START).is_file()
    roots = [option for command in started for option in command if "root_dir" in option]
    assert roots == [f"--ServerApp.root_dir={path}" for path in [folder] * 3 + [folder.parent / "other"]]
    (folder.parent / "file").write_text("mine")
    assert "is a file: give a folder" in one_line(run("lab", "--folder", "../file"))
    assert len(started) == 4


def test_teachers_open_the_masters(started: list[list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run("lab", "--masters").exit_code == 0
    assert list(Path.cwd().iterdir()) == []  # in a checkout they are edited where they lie
    assert f"--ServerApp.root_dir={main.NOTEBOOKS.parent}" in started[0]
    assert "--LabApp.default_url=/lab/tree/notebooks/00_start_here.ipynb" in started[0]
    monkeypatch.setattr(main, "PACKAGE", tmp_path / "site-packages" / "asm_teach")  # as if installed from a wheel
    assert run("lab", "--masters").exit_code == 0
    assert "# your code here" not in Path("asm-masters/01_linear_blend_skinning.ipynb").read_text("utf-8")
    assert f"--ServerApp.root_dir={Path.cwd() / 'asm-masters'}" in started[1]


def test_lab_hands_on_the_exit_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(main, "lab_command", lambda *_, **__: [sys.executable, "-c", "raise SystemExit(3)"])
    assert run("lab").exit_code == 3


# ---- data


def test_data_lists_every_asset_with_licence_size_and_place(empty_cache: Path) -> None:
    from asm_teach.data.assets import list_assets

    result = run("data")
    assert result.exit_code == 0
    rows = list_assets()
    assert len(rows) > 1
    for row in rows:
        (line,) = [line for line in result.output.splitlines() if line.startswith(f"{row.name} ")]
        assert row.licence in line
        assert f"{row.bytes / 1e6:.1f} MB" in line
        assert f"not here: asm-teach data {row.name}" in line


def test_data_fetches_what_is_named(empty_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fetched: list[str] = []
    monkeypatch.setattr("asm_teach.data.assets.fetch", lambda name: fetched.append(name) or empty_cache / name)
    result = run("data", "james", "london")
    assert result.exit_code == 0
    assert fetched == ["james", "london"]
    assert f"james: {empty_cache / 'james'}" in result.output
    assert "illustrate research" in result.output  # what the people in the pictures agreed to


def test_data_refuses_a_file_with_another_checksum(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from asm_teach.data.assets import _sources

    folder = tmp_path / "mediapipe-canonical"
    folder.mkdir()
    for file in _sources()["assets"]["mediapipe-canonical"]["files"]:
        (folder / file["name"]).write_text("another file")
    monkeypatch.setenv("ASM_TEACH_MIRROR", str(tmp_path))
    assert "checksum" in one_line(run("data", "mediapipe-canonical"))


def test_data_of_an_unknown_name_lists_the_names(empty_cache: Path) -> None:
    assert "james" in one_line(run("data", "jane"))


# ---- tables


def test_capacity_hands_on_its_options(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[dict[str, object]] = []
    monkeypatch.setattr("asm_teach.studies.capacity.run_capacity", lambda **options: calls.append(options))
    assert run("capacity", "--people", "2", "--scan", "james", "--quick").exit_code == 0
    assert (calls[0]["people"], calls[0]["scans"], calls[0]["quick"]) == (2, ("james",), True)


# ---- demo


def test_demo_hands_on_its_options(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    calls: list[dict[str, object]] = []
    monkeypatch.setattr("asm_teach.studies.demo.run_demo", lambda say, done, **options: calls.append(options))
    monkeypatch.chdir(tmp_path)
    result = run("demo")
    assert result.exit_code == 0 and result.output.startswith("This fits three models")
    assert run("demo", "--only", "a", "--device", "cpu", "--seed", "7").exit_code == 0
    assert calls == [{"only": None, "device": "auto", "seed": 0}, {"only": "a", "device": "cpu", "seed": 7}]
    assert run("demo", "--only", "c").exit_code == 2


def test_demo_writes_its_picture_and_its_head_and_loses_neither(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from asm_teach.data.heads import load_head
    from asm_teach.geometry.mesh import read_mesh
    from asm_teach.studies.cases import embedded_case, measure
    from asm_teach.studies.demo import Outcome

    def short(only: str | None, device: str, seed: int, say: Any, done: Any) -> None:
        head = load_head()
        case = embedded_case(head, seed=1, views=2)
        faces = {"mean template": head.mesh.vertices, "adaptive": case.truth.vertices}
        done(case, head, [Outcome(case.name, name, face, measure(case, head, face)) for name, face in faces.items()])

    monkeypatch.setattr("asm_teach.studies.demo.run_demo", short)
    monkeypatch.chdir(tmp_path)
    for number, head_file in ((1, "demo.glb"), (2, "demo-2.glb")):
        result = run("demo")
        assert result.exit_code == 0, result.output
        assert "wrote demo.png" in result.output and f"wrote {head_file}" in result.output
        assert len(list(tmp_path.iterdir())) == number + 1
    assert len(read_mesh(tmp_path / "demo.glb").vertices) >= 4165
    (tmp_path / "demo.png").write_bytes(b"my own")
    assert "is there already" in one_line(run("demo"))
    assert (tmp_path / "demo.png").read_bytes() == b"my own"
