"""Marking a folder of student copies: run the exercises of each notebook and read the verdicts.

The notebooks are programs and are run as such: mark only what you would run yourself. The check cells
and points of the course's own notebooks replace those of the student. A student who sets out to deceive can do so: the
answers run in the process that judges them.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import os
import re
import subprocess
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, DeadKernelError
from nbformat import NotebookNode

from asm_teach.base.files import PACKAGE
from asm_teach.course.checks import checking
from asm_teach.course.marking import students
from asm_teach.course.marking.marks import Mark

LATE = "TimeLimit"
STOPS = "the cell of the answer stops: "
_STOPPED = (CellExecutionError, DeadKernelError, RuntimeError, TimeoutError)
LESSON = 120.0  # seconds that a cell of the lesson itself may take
BEFORE = """import math
import torch
import asm_teach as asm
from asm_teach.course import check, hint, quiz
from asm_teach.course.checks.checking import exercises
exercises()"""  # for lessons whose exercises need no more; the loading is not part of anybody's time


@dataclass(frozen=True)
class _Task:
    """An exercise as the master has it."""

    lesson: str
    check: NotebookNode
    points: int


def grade(folder: Path, limit: float = 60.0, say: Callable[[str], None] = lambda _: None) -> list[Mark]:
    """Mark every notebook under a folder, one sub folder a student or single files.

    Args:
        limit: seconds that a cell with an exercise may take.
        say: gets the name of each notebook before it runs.

    Raises:
        ValueError: if there is no such folder or no notebook in it.
    """
    if not folder.is_dir():
        raise ValueError(f"{folder} is not a folder: give the folder that holds the students' notebooks")
    paths = [
        path for path in sorted(folder.rglob("*.ipynb")) if not any(map(_passed_over, path.relative_to(folder).parts))
    ]
    if not paths:
        raise ValueError(f"there are no notebooks (*.ipynb) in {folder}")
    marks: list[Mark] = []
    for path in paths:
        place = path.relative_to(folder)
        say(str(place))
        student = place.parts[0] if len(place.parts) > 1 else path.stem
        marks += mark_notebook(path, student, limit)
    known = {mark.student for mark in marks}
    for place in sorted(place for place in folder.iterdir() if place.is_dir() and not _passed_over(place.name)):
        if place.name not in known:
            there = ", ".join(sorted(one.name for one in place.iterdir() if not _passed_over(one.name))) or "nothing"
            marks.append(Mark(place.name, "", "", 0, 0, f"no notebook (*.ipynb) in this folder; it holds {there}"))
    return sorted(marks, key=lambda mark: mark.student)


def _passed_over(name: str) -> bool:
    """Whether a file or folder is a system's own: `.DS_Store`, `.ipynb_checkpoints`, `__MACOSX`."""
    return name.startswith((".", "__"))


def mark_notebook(path: Path, student: str, limit: float) -> list[Mark]:
    """The rows of one notebook."""
    try:
        notebook = nbformat.read(path, as_version=4)
        nbformat.validate(notebook)
    except Exception as error:  # whatever a broken file can raise in nbformat
        return [_unmarked(path, student, f"is not a notebook: {_line(error)}")]
    named = [students.exercise_of(cell) for cell in notebook.cells if students.nbgrader_of(cell)]
    known = _tasks()
    lessons = {known[name].lesson for name in named if name in known}
    if not lessons:
        lost = "they were deleted, or lost what marks them when another program saved the notebook"
        return [_unmarked(path, student, f"has no exercises of this course, or no longer: {lost}")]
    tasks = {name: task for name, task in known.items() if task.lesson in lessons}
    try:
        found = _run(_exercises_only(notebook, tasks), limit)
        if any(_may_need_lesson(message) for ok, message in found.values() if not ok):
            with contextlib.suppress(*_STOPPED):  # what was right without the lesson stays so
                whole = _run(_with_checks(notebook, tasks), limit)
                found = {name: found[name] if found[name][0] else whole[name] for name in tasks}
    except _STOPPED as error:
        found = dict.fromkeys(tasks, (False, f"{path.name} does not run: {_line(error)}"))
    rows = ((name, task, *found[name]) for name, task in tasks.items())
    return [Mark(student, t.lesson, name, t.points if ok else 0, t.points, message) for name, t, ok, message in rows]


def _may_need_lesson(message: str) -> bool:
    """Whether an answer may have failed only because cells of the lesson did not run."""
    if re.search(r"(Syntax|Indentation|Tab)Error: ", message):
        return False
    return message.startswith(STOPS) or re.search(r"\w+Error\b", message) is not None


def _unmarked(path: Path, student: str, why: str) -> Mark:
    """The single row of a notebook that cannot be marked: no points, out of those of the lesson in its name."""
    lesson = _lesson_of(path)
    return Mark(
        student, lesson, "", 0, sum(t.points for t in _tasks().values() if t.lesson == lesson), f"{path.name} {why}"
    )


def _line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [""])[0][:200] or type(error).__name__


def _lesson_of(path: Path) -> str:
    found = re.match(r"\d\d", path.name)
    return found.group() if found else ""


@functools.cache
def _tasks() -> dict[str, _Task]:
    """Every exercise of the masters by name."""
    found = {}
    for path in students.masters():
        for cell in nbformat.read(path, as_version=4).cells:
            if students.is_check(cell):
                points = int(students.nbgrader_of(cell).get("points", 1))
                found[students.exercise_of(cell)] = _Task(_lesson_of(path), cell, points)
    return found


@functools.cache
def _master_cells() -> frozenset[str]:
    """The ids of all cells that come with the course, per lesson number and id."""
    cells = ((path, cell) for path in students.masters() for cell in nbformat.read(path, as_version=4).cells)
    return frozenset(f"{_lesson_of(path)} {cell.get('id')}" for path, cell in cells)


def _with_checks(notebook: NotebookNode, tasks: dict[str, _Task]) -> NotebookNode:
    """A copy whose check cells are the course's own, each once; those that the student took out stand at the end."""
    copy = nbformat.from_dict(notebook)
    left = dict(tasks)
    cells = []
    for cell in copy.cells:
        if students.is_check(cell):
            task = left.pop(students.exercise_of(cell), None)
            cells += [nbformat.from_dict(task.check)] if task else []
        else:
            cells.append(cell)
    missing = [nbformat.from_dict(task.check) for task in left.values()]
    copy.cells = [nbformat.v4.new_code_cell(BEFORE), *cells, *missing]
    return copy


def _exercises_only(notebook: NotebookNode, tasks: dict[str, _Task]) -> NotebookNode:
    """A copy with the cells that exercises need, and the cells that the student added."""
    copy = _with_checks(notebook, tasks)
    lesson = next(iter(tasks.values())).lesson
    known = _master_cells()

    def wanted(cell: NotebookNode) -> bool:
        if students.nbgrader_of(cell) or students.SETUP in cell.metadata.get("tags", []):
            return True
        return cell.get("id") is not None and f"{lesson} {cell.id}" not in known

    copy.cells = [cell for cell in copy.cells if cell.cell_type == "code" and wanted(cell)]
    return copy


def _run(notebook: NotebookNode, limit: float) -> dict[str, tuple[bool, str]]:
    """Run a notebook in an empty folder; name of the exercise -> whether it is right, and the words."""
    late = {"ename": LATE, "evalue": f"longer than {limit:g} seconds", "traceback": []}
    with tempfile.TemporaryDirectory() as place:
        client = NotebookClient(
            notebook,
            timeout_func=lambda cell: limit if students.nbgrader_of(cell) else max(limit, LESSON),
            allow_errors=True,
            interrupt_on_timeout=True,
            error_on_timeout=late,
            kernel_name="python3",
            resources={"metadata": {"path": place}},
        )
        package = str(PACKAGE.parent)  # as here, also where it is not installed
        paths = os.pathsep.join(filter(None, (package, os.environ.get("PYTHONPATH", ""))))
        record = str(Path(place) / "progress.json")  # marking is nobody's own progress
        client.log = logging.getLogger(f"{__name__}.kernel")
        client.log.setLevel(logging.CRITICAL + 1)  # what happened is said in the rows
        environment = {**os.environ, "ASM_TEACH_PROGRESS": record, "PYTHONPATH": paths}
        client.execute(env=environment, stderr=subprocess.DEVNULL)  # what a kernel says of itself
    found = {
        students.exercise_of(cell): _verdict(cell.outputs, limit) for cell in notebook.cells if students.is_check(cell)
    }
    for cell in filter(students.is_solution, notebook.cells):
        name, stopped = students.exercise_of(cell), [o for o in cell.outputs if o.output_type == "error"]
        if stopped and found.get(name, (False, ""))[1].startswith("NameError"):  # as its answer came to nothing
            words = re.sub(r"\(\d+\.py, (line \d+)\)", r"(\1)", _verdict(stopped, limit)[1])
            found[name] = (False, STOPS + words)
    return found


def _verdict(outputs: Iterable[NotebookNode], limit: float) -> tuple[bool, str]:
    ok, message = False, "the check cell showed nothing"
    for output in outputs:
        said = output.get("data", {}).get(checking.VERDICT)
        if said:
            ok, message = bool(said["ok"]), str(said["message"])
        elif output.output_type == "error":
            late = output.ename in (LATE, "KeyboardInterrupt")  # a cell is interrupted when its time is up
            ok, message = False, f"longer than {limit:g} seconds" if late else f"{output.ename}: {output.evalue}"
    return ok, message
