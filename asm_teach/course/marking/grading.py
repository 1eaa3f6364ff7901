"""Marking a folder of student copies: run the exercises of each notebook and judge the answers.

The notebooks are programs and are run as such, each in a process of its own: mark only what you would run yourself.
The answers are judged in this process, which runs none of the students' code (`judging`). The check cells and points
are the course's own, whatever the student did to theirs. Whatever a hand-in does costs only its own points.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Sequence
from pathlib import Path

from asm_teach.course.checks import checking
from asm_teach.course.checks.stopping import STOPPED
from asm_teach.course.course_folder import beside
from asm_teach.course.marking import hand_ins
from asm_teach.course.marking.hand_ins import HandIn
from asm_teach.course.marking.judging import Over, StudentProcess
from asm_teach.course.marking.marks import Mark
from asm_teach.course.marking.running import BEFORE, LESSON, STOPS, exercises_only, run, tasks_of_course, with_checks


def grade(
    folder: Path,
    limit: float = 60.0,
    say: Callable[[str, int, int], None] = lambda *_: None,
    keep: Callable[[Sequence[Mark]], None] = lambda _: None,
    inside: Sequence[str] = (),
) -> list[Mark]:
    """Mark every notebook under a folder, one sub folder per student, or single files.

    Args:
        limit: seconds that a cell with an exercise may take.
        say: gets the name of each notebook before it runs, its number and how many there are.
        keep: gets all marks so far, after each notebook.
        inside: a command that each student's Python is started by, such as one that shuts it in.

    Raises:
        ValueError: if there is no such folder or no notebook in it, or the command `inside` starts no Python.
    """
    found = hand_ins.find(folder, beside())
    checking.exercises()  # all of the course is loaded before a student's code runs
    tasks_of_course()
    if inside:
        _try(inside)
    marks: list[Mark] = []
    for number, hand_in in enumerate(found, 1):
        if not hand_in.path.is_dir() or hand_in.path.is_symlink():
            say(hand_in.place, number, len(found))
        try:
            marks += _mark(hand_in, limit, inside)
        except Exception as error:  # an unforeseen error costs one notebook its marks, not the whole class
            marks.append(_unmarked(hand_in, f"cannot be marked: {type(error).__name__}: {_line(error)}"))
        keep(_in_order(marks))
    return _in_order(marks)


def _in_order(marks: Sequence[Mark]) -> list[Mark]:
    return sorted(marks, key=lambda mark: mark.student)


def _try(inside: Sequence[str]) -> None:
    """Raise a ValueError if a command does not start a student's Python."""
    try:
        with StudentProcess(inside) as process:
            process.allow(LESSON)
            process.run(BEFORE)
    except (OSError, Over) as error:
        raise ValueError(
            f"inside: {' '.join(inside)} does not start Python for a student ({error}); try it by hand"
        ) from None


def mark_notebook(path: Path, student: str, limit: float) -> list[Mark]:
    """The rows of one notebook."""
    return _mark(HandIn(hand_ins.shown(student), path, path.name), limit)


def _mark(hand_in: HandIn, limit: float, inside: Sequence[str] = ()) -> list[Mark]:
    if hand_in.why_not:
        return [_unmarked(hand_in, hand_in.why_not)]
    try:
        notebook = hand_ins.contents(hand_in.path)
        with StudentProcess(inside) as process:
            return _mark_cells(hand_in, process, notebook, limit, inside)
    except (ValueError, Over) as error:
        return [_unmarked(hand_in, str(error))]


def _mark_cells(
    hand_in: HandIn, process: StudentProcess, notebook: bytes, limit: float, inside: Sequence[str]
) -> list[Mark]:
    process.allow(LESSON)
    cells = process.cells(base64.b64encode(notebook).decode())  # there, as a file may be made to fill the memory
    lessons = {
        known.lesson for name, known in tasks_of_course().items() if any(cell.exercise == name for cell in cells)
    }
    if not lessons:
        lost = "they were deleted, or lost what marks them when another program saved the notebook"
        raise ValueError(f"has no exercises of this course, or no longer: {lost}")
    tasks = {name: task for name, task in tasks_of_course().items() if task.lesson in lessons}
    found = run(exercises_only(cells, tasks), limit, inside, process)
    if any(_may_need_lesson(message) for ok, message in found.values() if not ok):
        whole = run(with_checks(cells, tasks), limit, inside, instead=found)
        found = {name: found[name] if found[name][0] else whole[name] for name in tasks}  # what was right stays so
    return [
        Mark(hand_in.student, task.lesson, name, task.points if found[name][0] else 0, task.points, found[name][1])
        for name, task in tasks.items()
    ]


def _may_need_lesson(message: str) -> bool:
    """Whether an answer may have failed only because cells of the lesson did not run."""
    if re.search(r"(Syntax|Indentation|Tab)Error: ", message):
        return False
    return message.startswith((STOPS, STOPPED)) or re.search(r"\w+Error\b", message) is not None


def _unmarked(hand_in: HandIn, why: str) -> Mark:
    """The single row of a notebook that cannot be marked: no points, out of those of the lesson in its name."""
    number = re.match(r"\d\d(?:[a-z](?=_))?", hand_in.path.name)
    lesson = number.group() if number and hand_in.path.suffix else ""
    of = sum(task.points for task in tasks_of_course().values() if task.lesson == lesson)
    name = "" if why.startswith("no notebook") else f"{hand_ins.shown(hand_in.path.name)} "
    return Mark(hand_in.student, lesson, "", 0, of, f"{name}{why}")


def _line(error: BaseException) -> str:
    return hand_ins.shown((str(error).strip().splitlines() or [""])[0][:200]) or type(error).__name__
