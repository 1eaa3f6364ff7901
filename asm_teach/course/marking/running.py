"""Running one notebook for its marks: which cells, in which order, and what to do when one of them ends the process."""

from __future__ import annotations

import ast
import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TypeAlias

import nbformat

from asm_teach.course.checks import checking
from asm_teach.course.marking import students
from asm_teach.course.marking.hand_ins import Cell
from asm_teach.course.marking.judging import Over, StudentProcess, judge

STOPS = "the cell of the answer stops: "
LESSON = 120.0  # seconds that a cell of the lesson itself may take
STARTS = 6  # how often a notebook is begun: each time without the cells that have ended its process before
BEFORE = """import math
import torch
import asm_teach as asm
from asm_teach.course import check, hint, quiz"""  # for lessons whose exercises need no more
Found = dict[str, tuple[bool, str]]  # name of an exercise -> whether it is right, and a sentence


@dataclass(frozen=True)
class Task:
    """An exercise as the master has it."""

    lesson: str
    name: str
    answers: tuple[str, ...]  # what stands in the brackets of its check cell
    points: int


Step: TypeAlias = Cell | Task


@functools.cache
def tasks_of_course() -> dict[str, Task]:
    """Every exercise of the masters by name."""
    found = {}
    for path in students.masters():
        for cell in nbformat.read(path, as_version=4).cells:
            if students.is_check(cell):
                name, points = students.exercise_of(cell), int(students.nbgrader_of(cell).get("points", 1))
                found[name] = Task(students.number_of(path), name, _answers(cell.source, path, name), points)
    return found


def _answers(source: str, path: Path, name: str) -> tuple[str, ...]:
    """The arguments of the call in a check cell of a master: `check.nme(nme)` has one."""
    statements = ast.parse(source).body
    call = statements[0].value if len(statements) == 1 and isinstance(statements[0], ast.Expr) else None
    if not isinstance(call, ast.Call) or ast.unparse(call.func) != f"check.{name}" or call.keywords:
        raise ValueError(f"{path.name}: the check cell of {name} should be one line, check.{name}(...)")
    return tuple(map(ast.unparse, call.args))


@functools.cache
def _master_cells() -> frozenset[str]:
    """The ids of all cells that come with the course, per lesson number and id."""
    cells = ((path, cell) for path in students.masters() for cell in nbformat.read(path, as_version=4).cells)
    return frozenset(f"{students.number_of(path)} {cell.get('id')}" for path, cell in cells)


def with_checks(cells: Sequence[Cell], tasks: Mapping[str, Task]) -> list[Step]:
    """The cells with the course's own checks for theirs, each once; those that were taken out stand at the end."""
    left = dict(tasks)
    steps: list[Step] = []
    for cell in cells:
        if not cell.check:
            steps.append(cell)
        elif task := left.pop(cell.exercise, None):
            steps.append(task)
    return [*steps, *left.values()]


def exercises_only(cells: Sequence[Cell], tasks: Mapping[str, Task]) -> list[Step]:
    """The cells that exercises need, with the course's own checks, and the cells that the student added."""
    lesson = next(iter(tasks.values())).lesson

    def wanted(cell: Cell) -> bool:
        own = bool(cell.id) and f"{lesson} {cell.id}" not in _master_cells()
        return cell.of_an_exercise or students.SETUP in cell.tags or own

    return with_checks([cell for cell in cells if wanted(cell)], tasks)


def run(
    steps: Sequence[Step],
    limit: float,
    inside: Sequence[str],
    first: StudentProcess | None = None,
    instead: Mapping[str, tuple[bool, str]] = MappingProxyType({}),
) -> Found:
    """Run cells and judge answers in their order; every exercise among the steps is in what is found.

    A cell that ends the process, or that has to be ended, is left out, and the others are run again without it.

    Args:
        limit: seconds that a cell with an exercise may take.
        inside: the command that a student's Python is started by, or nothing.
        first: a process to begin with.
        instead: what holds for an exercise that the run does not come to.
    """
    walk = _Walk(steps, limit)
    for _ in range(STARTS):
        with first or StudentProcess(inside) as process:
            if walk.to_the_end(process):
                break
        first = None
    names = [step.name for step in steps if isinstance(step, Task)]
    return {name: walk.found.get(name) or instead.get(name) or (False, walk.why_ended) for name in names}


class _Walk:
    """The way through a notebook, in one process after the other."""

    def __init__(self, steps: Sequence[Step], limit: float) -> None:
        self.steps, self.limit = steps, limit
        self.found: Found = {}
        self.why_ended = ""
        self._stopped: dict[str, str] = {}  # name of an exercise -> what stopped the cell of its answer
        self._left_out: set[int] = set()  # numbers of the cells that have ended a process
        self._own = ""  # how a cell has ended it that is of no answer

    def to_the_end(self, process: StudentProcess) -> bool:
        """Go on in a new process; whether it lasted to the end."""
        at = -1
        try:
            process.allow(LESSON)
            process.run(BEFORE)
            for at, step in enumerate(self.steps):
                if isinstance(step, Task):
                    self._judge(process, step)
                elif at not in self._left_out:
                    self._run(process, step)
        except Over as over:
            self.why_ended = str(over)
            last = self.steps[at] if at >= 0 else None
            if isinstance(last, Cell):
                self._left_out.add(at)
                if last.answer:
                    self._stopped[last.exercise] = str(over)
                else:
                    self._own = str(over)
            return last is None  # Python itself does not start: another try would end as this one
        return True

    def _run(self, process: StudentProcess, cell: Cell) -> None:
        process.allow(self.limit if cell.of_an_exercise else max(self.limit, LESSON))
        stopped = process.run(cell.source)
        if cell.answer and stopped:
            self._stopped[cell.exercise] = STOPS + stopped

    def _judge(self, process: StudentProcess, task: Task) -> None:
        if task.name in self.found:
            return
        right, words = judge(process, checking.find(task.name), task.answers, self.limit)
        if words.startswith("NameError") and task.name in self._stopped:  # as its answer came to nothing
            words = self._stopped[task.name]
        if self._own and not right:
            words += f" (a cell of the notebook was left out: {self._own})"
        self.found[task.name] = right, words
        if process.over:
            raise Over(process.over)
