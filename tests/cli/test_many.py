"""`asm-teach fit-scan FOLDER` and `fit-views FOLDER...`: what they print, their exit codes, and Ctrl-C."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from asm_teach.cli.many import exit_code, pace
from asm_teach.many_heads import executors, worker
from asm_teach.many_heads.manifest import Entry, read_manifest
from asm_teach.many_heads.run import Batch
from asm_teach.model.storage import load_model
from tests.command import one_line, run
from tests.many_heads.heads import Inline, opened, saved_model, small_heads


@pytest.fixture
def scans(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """The arguments of a command on three scans, fitted in this process."""
    monkeypatch.setattr(executors, "executor_of", lambda words: lambda: opened(Inline()))
    small_heads(tmp_path / "scans", 3)
    return [tmp_path / "scans", "--model", saved_model(tmp_path), "--device", "cpu", "-o", tmp_path / "fits"]


def test_a_folder_of_scans_is_fitted_and_the_same_command_continues(scans, tmp_path) -> None:
    result = run("fit-scan", *scans, "--dry-run")
    assert result.exit_code == 0 and "would fit head0" in result.output and "nothing was fitted" in result.output
    assert not (tmp_path / "fits").exists()
    result = run("fit-scan", *scans)
    assert result.exit_code == 0, result.output
    assert f"3 fitted; {tmp_path / 'fits/manifest.csv'} lists them" in result.output
    (tmp_path / "scans/bad.obj").write_text("v 0 0 0\n")
    result = run("fit-scan", *scans)
    assert result.exit_code == 1 and "bad: refused: bad.obj" in result.output
    assert "3 fitted, 1 refused" in result.output
    result = run("fit-scan", *scans)  # it is named again, and not tried again
    assert result.exit_code == 1 and "bad: refused before: bad.obj" in result.output
    assert len(list(read_manifest(tmp_path / "fits"))) == 4
    for scan in (tmp_path / "scans").glob("*.ply"):
        scan.write_text("no mesh")
    assert run("fit-scan", *scans).exit_code == 2


def test_a_folder_of_people_is_fitted(scans, tmp_path, monkeypatch) -> None:
    from PIL import Image

    called = []

    def fit(job: worker.Job, model: object, told: list[str]) -> object:
        called.append((job.source.name, len(job.source.files), dict(job.options)))
        raise ValueError("no face was found in it")

    monkeypatch.setattr(worker, "_fit_views", fit)
    for name in ("anna/1.jpg", "anna/2.jpg", "bo/1.jpg"):
        (tmp_path / "people" / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8)).save(tmp_path / "people" / name)
    result = run("fit-views", tmp_path / "people", *scans[1:], "--steps", 5, "--ignore-exif")
    assert result.exit_code == 2 and "anna: refused: no face was found in it" in result.output
    options = {"device": "cpu", "find": False, "group": None, "exif": False, "steps": 5}
    assert called == [("anna", 2, options), ("bo", 1, options)]


def test_options_for_one_head_and_for_many_are_not_mixed(scans, tmp_path) -> None:
    folder, file = scans[0], tmp_path / "scans/head0.ply"
    assert "output: name the folder of results with -o" in one_line(run("fit-scan", folder))
    assert "--landmarks is for one head" in one_line(run("fit-scan", *scans, "--landmarks", file))
    assert "--executor is for folders" in one_line(run("fit-scan", file, "--executor", "processes"))
    assert "--dry-run is for folders" in one_line(run("fit-scan", file, "--dry-run"))
    assert "--save is for one head" in one_line(run("fit-views", *scans, "--save", "me.npz"))
    assert "head0.ply is a file, beside a folder" in one_line(run("fit-views", folder, file, "-o", "x"))
    (tmp_path / "empty").mkdir()
    assert "it is empty" in one_line(run("fit-scan", tmp_path / "empty", *scans[1:]))
    assert "holds no photograph" in one_line(run("fit-views", *scans))


@pytest.mark.long
@pytest.mark.timeout(400)
@pytest.mark.skipif(sys.platform == "win32", reason="sends the signals of Linux and macOS")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_run_that_is_stopped_leaves_no_process_and_no_half_a_file(tmp_path, number) -> None:
    """A terminal sends Ctrl-C to all processes of the command; `kill` and a crash reach the parent alone."""
    small_heads(tmp_path / "scans", 6)
    command = [
        sys.executable,
        "-c",
        "from asm_teach.cli.main import main; main()",
        "fit-scan",
        tmp_path / "scans",
        "-o",
        tmp_path / "fits",
    ]
    command += ["--model", saved_model(tmp_path), "--executor", "processes:1", "--device", "cpu"]
    process = subprocess.Popen(
        list(map(str, command)), stdout=subprocess.PIPE, text=True, start_new_session=True, env=os.environ
    )
    end = time.monotonic() + 200
    while not list(read_manifest(tmp_path / "fits")) and time.monotonic() < end and process.poll() is None:
        time.sleep(0.05)
    (os.killpg if number == signal.SIGINT else os.kill)(process.pid, number)
    said, _ = process.communicate(timeout=100)
    if number == signal.SIGINT:
        assert process.returncode == 130
        assert "heads are being finished; Ctrl-C again leaves them" in said
        assert "ended early: stopped. The same command continues from there" in said
    else:
        assert process.returncode == (-9 if number == signal.SIGKILL else 143)
    end = time.monotonic() + 30
    while _alive(process.pid) and time.monotonic() < end:
        time.sleep(0.1)
    assert not _alive(process.pid)
    fitted = [entry.name for entry in read_manifest(tmp_path / "fits")]
    assert 1 <= len(fitted) < 6 and len(set(fitted)) == len(fitted)
    for path in (tmp_path / "fits").glob("*.npz"):
        load_model(path)
    continued = subprocess.run([*map(str, command)], capture_output=True, text=True)
    assert continued.returncode == 0 and "6 fitted" in continued.stdout, continued.stderr
    names = [entry.name for entry in read_manifest(tmp_path / "fits")]
    assert sorted(names) == [f"head{n}" for n in range(6)]
    assert not list((tmp_path / "fits").glob(".*.part"))


def _alive(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def test_the_exit_code_says_how_it_went() -> None:
    def batch(*statuses: str, left: int = 0, stopped: str = "") -> Batch:
        entries = {str(n): Entry(name=str(n), source="", key="", status=s) for n, s in enumerate(statuses)}  # type: ignore[arg-type]
        return Batch(entries, left=["x"] * left, stopped=stopped)

    assert exit_code(batch("fitted", "fitted")) == 0
    assert exit_code(batch("fitted", "refused")) == exit_code(batch("fitted", left=1)) == 1
    assert exit_code(batch("lost", "failed")) == exit_code(batch(left=1)) == 2
    assert exit_code(batch("fitted", left=1, stopped="stopped")) == 130


def test_the_pace_is_told_in_words() -> None:
    assert pace(0, 400, 12.0) == "0 of 400 heads, 12 s"
    assert pace(120, 280, 1200.0) == "120 of 400 heads, 6 per minute, 47 min left"
    assert pace(10, 2, 100.0) == "10 of 12 heads, 6 per minute, 20 s left"
    assert pace(100, 9900, 600.0) == "100 of 10000 heads, 10 per minute, 16 h 30 min left"
