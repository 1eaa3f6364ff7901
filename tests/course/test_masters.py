"""The notebooks' exercises, taken by somebody who types the solutions and by somebody who types nothing."""

from __future__ import annotations

import ast
import functools
from pathlib import Path
from typing import Any

import nbformat
import pytest

from asm_teach.course import write_copies
from asm_teach.course.checks.checking import NOTHING, Verdict, exercises
from asm_teach.course.marking import students
from asm_teach.course.marking.grading import grade
from asm_teach.course.marking.running import BEFORE

MASTERS = students.masters()
IDS = [path.stem for path in MASTERS]


@pytest.fixture(autouse=True)
def _file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASM_TEACH_PROGRESS", str(tmp_path / "progress.json"))


@functools.cache
def master(path: Path) -> nbformat.NotebookNode:
    return nbformat.read(path, as_version=4)


def shown(source: str, names: dict[str, Any]) -> Any:
    """Run a cell; its last expression."""
    *before, last = ast.parse(source).body
    exec(compile(ast.Module(before, []), "cell", "exec"), names)
    if isinstance(last, ast.Expr):
        return eval(compile(ast.Expression(last.value), "cell", "eval"), names)
    exec(compile(ast.Module([last], []), "cell", "exec"), names)
    return None


def verdicts(notebook: nbformat.NotebookNode) -> dict[str, Verdict]:
    """What the check cells show when only the cells of the exercises are run."""
    names: dict[str, Any] = {}
    exec(BEFORE, names)
    found = {}
    for cell in notebook.cells:
        if students.SETUP in cell.metadata.get("tags", []) or students.is_solution(cell):
            shown(cell.source, names)
        elif students.is_check(cell):
            found[students.exercise_of(cell)] = shown(cell.source, names)
    return found


@pytest.mark.parametrize("path", MASTERS, ids=IDS)
def test_the_solutions_are_right(path: Path) -> None:
    found = verdicts(master(path))
    assert len(found) >= 4 and all(isinstance(verdict, Verdict) for verdict in found.values())
    assert {name: verdict.message for name, verdict in found.items() if not verdict.ok} == {}


def test_a_lesson_with_a_letter_is_a_lesson_of_its_own(tmp_path: Path) -> None:
    for number, name in (("00", "00_start_here"), ("0", "00_start_here"), ("00b", "00b_tensors")):
        written = write_copies(tmp_path / number, number)
        assert [path.stem for path in written] == [name]
    (tmp_path / "hand in").mkdir()
    for name in ("00b_tensors", "00 before"):
        (tmp_path / "hand in" / f"{name}.ipynb").write_text("no notebook")
    assert {mark.lesson: mark.of for mark in grade(tmp_path / "hand in")} == {"00": 5, "00b": 5}


@pytest.mark.parametrize("path", MASTERS, ids=IDS)
def test_who_types_nothing_has_nothing_yet(path: Path) -> None:
    found = verdicts(students.student_copy(master(path)))
    assert {verdict.message for verdict in found.values()} == {NOTHING}


@pytest.mark.parametrize("path", MASTERS, ids=IDS)
def test_every_exercise_stands_in_its_notebook_once(path: Path) -> None:
    cells = [cell for cell in master(path).cells if students.nbgrader_of(cell)]
    solutions, checks = (
        [students.exercise_of(c) for c in cells if is_(c)] for is_ in (students.is_solution, students.is_check)
    )
    assert solutions == checks == [name for name, one in exercises().items() if one.lesson == students.number_of(path)]
    for cell in cells:
        found = students.nbgrader_of(cell)
        assert {"grade", "solution", "grade_id", "schema_version", "locked", "task"} <= set(found)
        assert found["schema_version"] == 3 and found["task"] is False
        assert found["locked"] is found["grade"] and found["grade"] is not found["solution"]
        assert not found["grade"] or 1 <= found["points"] <= 3
    by_id = [students.nbgrader_of(cell)["grade_id"] for cell in cells]
    assert len(set(by_id)) == len(by_id)


@pytest.mark.parametrize("path", MASTERS, ids=IDS)
def test_the_kept_outputs_say_right(path: Path) -> None:
    for cell in master(path).cells:
        if students.is_check(cell):
            (output,) = cell.outputs
            assert output.data["text/plain"].startswith("right")


@pytest.mark.parametrize("path", MASTERS, ids=IDS)
def test_a_student_copy_holds_no_solution_and_no_output(path: Path) -> None:
    original = master(path)
    before = nbformat.writes(original)
    copy = students.student_copy(original)
    assert nbformat.writes(original) == before
    nbformat.validate(copy)
    assert not any(cell.get("outputs") or cell.get("execution_count") for cell in copy.cells)
    for given, copied in zip(original.cells, copy.cells, strict=True):
        if given.cell_type == "markdown" and students.BEGIN in given.source:  # a sentence for readers of the master
            assert students.BEGIN not in copied.source and len(copied.source) > len(given.source) - 250
        elif not students.is_solution(given):
            assert copied.source == given.source
    searched = 0
    for solved, cleared in zip(original.cells, copy.cells, strict=True):
        if not students.is_solution(solved):
            continue
        assert students.BEGIN not in cleared.source and students.END not in cleared.source
        _, *parts = solved.source.split(students.BEGIN)
        for line in "".join(part.split(students.END)[0] for part in parts).splitlines():
            if len(line.strip()) > 8:
                assert line.strip() not in cleared.source
                searched += 1
    assert searched >= 4
    locked = [cell for cell in copy.cells if students.is_check(cell)]
    assert locked and all(cell.metadata["editable"] is False for cell in locked)
