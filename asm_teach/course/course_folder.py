"""A folder with the course in it: laid out once, brought up to date later, and no word of its owner lost.

    lay_out(Path("asm-course"))

A second time, a notebook that its owner has not typed into becomes that of the package's version. One that they have
typed into stays, as does every file that was not written here. To begin a lesson afresh, rename or delete its notebook.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from asm_teach.base.files import DOCS, NOTEBOOKS, whole
from asm_teach.course import pages
from asm_teach.course.marking import students

START = "00_start_here.ipynb"


@dataclass(frozen=True)
class LaidOut:
    """What was done in a folder, as names of files."""

    folder: Path
    written: tuple[str, ...]  # were not there
    updated: tuple[str, ...]  # were there as given, and the course has changed
    kept: tuple[str, ...]  # hold somebody's work, and the course has another text now

    def __str__(self) -> str:
        lines = (
            [f"{self.folder}: the course, {len(self.written)} notebooks written: {', '.join(self.written)}"]
            if self.written
            else []
        )
        if self.updated:
            lines.append(f"{self.folder}: brought up to date, nothing was typed into them: {', '.join(self.updated)}")
        if self.kept:
            lines.append(
                f"{self.folder}: kept as they are, since they may hold your work: {', '.join(self.kept)}. The course "
                "has another text of each now: to get it, rename yours and do this again."
            )
        return "\n".join(lines) or f"{self.folder}: the course is there, and up to date"


def is_course(folder: Path) -> bool:
    """Whether the course was laid out in this folder."""
    return bool(pages.prints_of(folder / START)[1])


def lay_out(folder: Path, masters: bool = False) -> LaidOut:
    """Write the course into a folder, or bring the course in it up to date.

    Args:
        masters: write the notebooks with solutions and outputs, for teachers, not the copies for students.

    Raises:
        ValueError: the folder is a file, is where the masters lie, or cannot be written.
    """
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"{folder} is a file: give a folder, or the name of one that is not there yet")
    if folder.resolve() in (NOTEBOOKS, DOCS):
        raise ValueError(f"{folder} holds the sources of the course: give another folder")
    written, updated, kept = [], [], []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, page in course(masters).items():
            file, wanted = folder / name, page.metadata["asm_teach"]["given"]
            found, before = pages.prints_of(file)
            if not (file.exists() or file.is_symlink()):
                written.append(name)
            elif wanted in (found, before):  # as it should be, or this text with somebody's work in it
                continue
            elif file.is_symlink() or not found or found != before:
                kept.append(name)
                continue
            else:
                updated.append(name)
            _write(page, file)
    except OSError as error:
        raise ValueError(f"{folder} cannot be written ({error.strerror or error}): give a folder of your own") from None
    return LaidOut(folder, tuple(written), tuple(updated), tuple(kept))


def course(masters: bool = False) -> dict[str, NotebookNode]:
    """All that a course folder holds, by the names of the files."""
    return {path.name: _page(path, masters) for path in students.notebooks()} | pages.documents()


def beside() -> set[str]:
    """The names of what lies beside the lessons and has no exercises: the playground and the documents."""
    return {path.name for path in students.without_exercises()} | {f"{name}.ipynb" for name in pages.DOCUMENTS}


def write_copies(folder: Path, lesson: str | None = None) -> list[Path]:
    """Write fresh student copies of all lessons, or of one, into a folder; give the files written.

    What the lessons link to, the playground and the documents, is written beside them where it is not there yet.

    Raises:
        ValueError: if there is no such lesson, or a file of that name is there already: it may hold somebody's work.
    """
    sources = students.masters()
    if lesson is not None:
        wanted = lesson.zfill(2)
        numbers = [students.number_of(path) for path in sources]
        if wanted not in numbers:
            raise ValueError(f"lesson {lesson!r} has no exercises; lessons with exercises are {', '.join(numbers)}")
        sources = [path for path in sources if students.number_of(path) == wanted]
    there = [str(folder / path.name) for path in sources if (folder / path.name).exists()]
    if there:
        raise ValueError(f"{there[0]} is there already and may hold somebody's work: choose another folder")
    copies = {path.name: _page(path) for path in sources}
    companions = {path.name: _page(path) for path in students.without_exercises()} | pages.documents()
    folder.mkdir(parents=True, exist_ok=True)
    for name, page in (copies | companions).items():
        if not (folder / name).exists():
            _write(page, folder / name)
    return [folder / name for name in copies]


def _page(path: Path, masters: bool = False) -> NotebookNode:
    notebook = nbformat.read(path, as_version=4)
    return pages.given(notebook if masters else students.student_copy(notebook))


def _write(page: NotebookNode, file: Path) -> None:
    with whole(file) as part:
        nbformat.write(page, part)
