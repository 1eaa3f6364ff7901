"""`asm-teach check`: where marks are written, and what is kept when it is stopped."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from asm_teach.cli import course
from asm_teach.cli.main import main
from asm_teach.course.marking import grading, marks
from asm_teach.course.marking.marks import Mark, write_marks

ROW = Mark("ann", "05", "nme", 2, 2, "right")


@pytest.fixture
def class_of_two(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two hand-ins, which are marked at once."""
    folder = tmp_path / "class"
    for name in ("ann", "ben"):
        (folder / name).mkdir(parents=True)
        (folder / name / "05.ipynb").write_text("{}")

    def mark(hand_in: grading.HandIn, *_: object) -> list[Mark]:
        return [Mark(hand_in.student, "05", "nme", 2, 2, "right")]

    monkeypatch.setattr(grading, "_mark", mark)
    return folder


def check(*arguments: object) -> tuple[int, str]:
    done = CliRunner().invoke(main, ["check", *map(str, arguments)])
    return done.exit_code, done.output


def rows(file: Path) -> list[dict[str, str]]:
    with file.open(newline="", encoding="utf-8-sig") as stream:
        return list(csv.DictReader(stream))


def test_where_marks_cannot_be_written_nothing_is_marked(class_of_two: Path, tmp_path: Path) -> None:
    (tmp_path / "notes.csv").write_text("my,own\n")
    (tmp_path / "notes.json").write_text('{"my": "own"}')
    (tmp_path / "linked.csv").symlink_to(tmp_path / "notes.csv")
    (tmp_path / "folder.csv").mkdir()
    before = sorted(tmp_path.rglob("*"))
    for out, words in (
        (tmp_path / "nowhere" / "marks.csv", "there is no folder"),
        (tmp_path / "marks.xlsx", "should end in .csv or .json"),
        (tmp_path / "marks", "should end in .csv or .json"),
        (class_of_two / "ann" / "05.ipynb", "should end in"),
        (class_of_two / "ann" / "marks.csv", "lies in a student's folder"),
        (tmp_path / "notes.csv", "is no table of marks"),
        (tmp_path / "notes.json", "is no table of marks"),
        (tmp_path / "linked.csv", "is a link"),
        (tmp_path / "folder.csv", "is a directory"),
        (Path("/proc/marks.csv"), "cannot be written"),
    ):
        code, said = check(class_of_two, "--out", out)
        assert code == 2 and words in " ".join(said.split()), said
    assert sorted(tmp_path.rglob("*")) == before and (tmp_path / "notes.csv").read_text() == "my,own\n"


def test_a_read_only_table_stays(class_of_two: Path, tmp_path: Path) -> None:
    write_marks([ROW], tmp_path / "marks.csv")
    (tmp_path / "marks.csv").chmod(0o444)
    code, said = check(class_of_two, "--out", tmp_path / "marks.csv")
    assert code == 2 and "read-only" in said and len(rows(tmp_path / "marks.csv")) == 1


def test_a_table_of_marks_is_replaced_and_json_is_written_too(class_of_two: Path, tmp_path: Path) -> None:
    for name in ("marks.csv", "marks.json"):
        write_marks([ROW] * 5, tmp_path / name)
        code, said = check(class_of_two, "--out", tmp_path / name)
        assert code == 0 and "ann: 2 of 2 points\nben: 2 of 2 points\n2 rows in" in said
        assert said.startswith("1 of 2: ann/05.ipynb\n2 of 2: ben/05.ipynb\n")
    assert [row["student"] for row in rows(tmp_path / "marks.csv")] == ["ann", "ben"]
    assert json.loads((tmp_path / "marks.json").read_text())[1] == {
        "student": "ben", "lesson": "05", "exercise": "nme", "points": 2, "of": 2, "message": "right"
    }  # fmt: skip


def test_a_disk_that_fills_up_loses_no_marks(
    class_of_two: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(found: list[Mark], file: Path) -> None:
        if file.parent == tmp_path:
            raise OSError(28, "No space left on device")
        write_marks(found, file)

    monkeypatch.setattr(marks, "write_marks", full)
    code, said = check(class_of_two, "--out", tmp_path / "marks.csv")
    said = " ".join(said.split())
    assert code == 2 and said.count("cannot be written now") == 1 and "the 2 rows are in " in said
    elsewhere = Path(said.rpartition("rows are in ")[2])
    assert [row["student"] for row in rows(elsewhere)] == ["ann", "ben"]


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_keeps_what_is_marked_and_says_so(
    class_of_two: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stop: signal.Signals
) -> None:
    first = grading._mark

    def mark(hand_in: grading.HandIn, *more: object) -> list[Mark]:
        if hand_in.student == "ben":
            assert [row["student"] for row in rows(tmp_path / "marks.csv")] == ["ann"]  # written by now
            os.kill(os.getpid(), stop)
            time.sleep(5)
        return first(hand_in, *more)

    monkeypatch.setattr(grading, "_mark", mark)
    before = signal.getsignal(signal.SIGTERM)
    code, said = check(class_of_two, "--out", tmp_path / "marks.csv")
    assert (
        code == (130 if stop is signal.SIGINT else 143)
        and "Stopped at ben/05.ipynb; the marks before it are kept." in said
    )
    assert "1 rows in" in said and [row["student"] for row in rows(tmp_path / "marks.csv")] == ["ann"]
    assert signal.getsignal(signal.SIGTERM) == before


@pytest.mark.long
def test_ctrl_c_ends_the_students_process_too(tmp_path: Path) -> None:
    folder = tmp_path / "class"
    (folder / "ann").mkdir(parents=True)
    cell = {"cell_type": "code", "id": "a", "metadata": {"nbgrader": {"grade_id": "nme", "solution": True}},
            "source": f"open({str(tmp_path / 'begun')!r}, 'w').write('x')\nwhile True: pass"}  # fmt: skip
    (folder / "ann" / "05.ipynb").write_text(json.dumps({"nbformat": 4, "nbformat_minor": 5, "cells": [cell]}))
    command = [sys.executable, "-c", "from asm_teach.cli.main import main; main()", "check", str(folder), "--out"]
    with subprocess.Popen([*command, str(tmp_path / "m.csv")], stdout=subprocess.PIPE, text=True) as process:
        for _ in range(1000):
            if (tmp_path / "begun").exists():
                break
            time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        said, _ = process.communicate(timeout=30)
    assert process.returncode == 130 and "Stopped at ann/05.ipynb" in said and "no rows, nothing was written" in said
    assert not (tmp_path / "m.csv").exists() and not list(tmp_path.glob(".*"))


def test_a_command_that_starts_no_python_is_refused(class_of_two: Path, tmp_path: Path) -> None:
    for inside, words in (("no-such-command -x", "No such file"), ("'unclosed", "quotation")):
        code, said = check(class_of_two, "--out", tmp_path / "marks.csv", "--inside", inside)
        assert code == 2 and words in said and not (tmp_path / "marks.csv").exists()


def test_names_are_written_as_they_can_be_shown(class_of_two: Path, tmp_path: Path) -> None:
    (class_of_two / "ben").rename(class_of_two / "b\x1b[31m\nen")
    code, said = check(class_of_two, "--out", tmp_path / "marks.csv")
    assert code == 0 and "\x1b" not in said and rows(tmp_path / "marks.csv")[1]["student"] == "b\\x1b[31m\\nen"
    assert course.check_command.help and "Ctrl+C" in course.check_command.help
