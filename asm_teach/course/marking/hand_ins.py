"""What was handed in: which files belong to whom, read without following a link, and the code cells of a notebook.

Nothing here trusts a file: one that cannot be marked gets the reason why not, and the others go on.
"""

from __future__ import annotations

import json
import os
import stat
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

LARGEST = 64 * 2**20  # bytes of a notebook; those of the course have some 5 MB with all pictures
MOST_CODE = 2 * 2**20  # letters in its code cells
MOST_CELLS = 5_000
NOT_FOLLOWED = "links are not followed into the marks, ask for the file itself"
SHARED = (
    "is one file under several names (a hard link), which may be anybody's: ask for the file itself, or mark a copy of "
    "the folder, made with `cp -r`"
)


@dataclass(frozen=True)
class HandIn:
    """A notebook of a student, or a folder without one; `why_not` says why it cannot be marked."""

    student: str
    path: Path
    place: str  # the path below the folder of the class, as it is shown
    why_not: str = ""


@dataclass(frozen=True)
class Cell:
    """A code cell as the student's process reads it from a notebook."""

    id: str = ""
    source: str = ""
    tags: tuple[str, ...] = ()
    exercise: str = ""  # the name in nbgrader's metadata, without "-check"; "" without such metadata
    answer: bool = False
    check: bool = False

    @property
    def of_an_exercise(self) -> bool:
        """Whether the cell belongs to an exercise, whichever."""
        return bool(self.exercise or self.answer or self.check)


def shown(text: str) -> str:
    """A name as it may stand in a terminal and a table: what is no letter, sign or space is written as its code."""
    kept = text.encode("utf-8", "backslashreplace").decode()  # names of files need not be UTF-8
    return "".join(
        sign if sign.isprintable() or sign in "\u200c\u200d" else sign.encode("unicode_escape").decode()
        for sign in kept
    )


def find(folder: Path, beside: Collection[str] = ()) -> list[HandIn]:
    """Everything that was handed in under a folder: a sub folder per student, or single files, in the order of paths.

    Args:
        beside: names of notebooks that come with the lessons and have nothing to mark; they are passed over.

    Raises:
        ValueError: if there is no such folder, or no notebook in it.
    """
    if not folder.is_dir():
        raise ValueError(f"{folder} is not a folder: give the folder that holds the students' notebooks")
    notebooks, others = [], []
    for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
        if _passed_over(entry.name) or entry.name in beside:
            continue
        path = Path(entry.path)
        if entry.is_symlink():
            notebooks.append(
                HandIn(path.stem if _is_notebook(path) else path.name, path, "", f"is a link: {NOT_FOLLOWED}")
            )
        elif entry.is_dir():
            found = [(one, why_not) for one, why_not in _below(path) if one.name not in beside]
            notebooks += [HandIn(entry.name, one, "", why_not) for one, why_not in found]
            if not found:
                others.append(
                    HandIn(
                        entry.name,
                        path,
                        "",
                        f"no notebook with exercises (*.ipynb) in this folder; it holds {_held(path)}",
                    )
                )
        elif _is_notebook(path):
            notebooks.append(HandIn(path.stem, path, ""))
    if not notebooks:
        raise ValueError(f"there are no notebooks (*.ipynb) in {folder}")
    top = Counter(
        one for one, _ in {(hand.student, hand.path.relative_to(folder).parts[0]) for hand in notebooks + others}
    )
    return [_named(hand, folder, top) for hand in [*sorted(notebooks, key=lambda hand: hand.path), *others]]


def _named(hand: HandIn, folder: Path, top: Counter[str]) -> HandIn:
    """With names that can be shown, and the whole name of a single file where a folder or file has the same one."""
    place = hand.path.relative_to(folder)
    student = place.parts[0] if top[hand.student] > 1 else hand.student
    return replace(hand, student=shown(student), place=shown(str(place)))


def _passed_over(name: str) -> bool:
    """Whether a file or folder is a system's own: `.DS_Store`, `.ipynb_checkpoints`, `__MACOSX`."""
    return name.startswith((".", "__"))


def _is_notebook(path: Path) -> bool:
    return path.suffix.lower() == ".ipynb"


def _below(folder: Path) -> Iterator[tuple[Path, str]]:
    """The notebooks of a student's folder, each with why it cannot be marked, and the folders that cannot be read."""
    unread: list[OSError] = []
    for place, folders, files in os.walk(folder, onerror=unread.append):
        folders[:] = sorted(name for name in folders if not _passed_over(name))
        for name in sorted(files + [name for name in folders if _is_notebook(Path(name))]):
            path = Path(place, name)
            if not _passed_over(name) and _is_notebook(path):
                yield path, f"is a link: {NOT_FOLLOWED}" if path.is_symlink() else ""
    for error in unread:
        yield Path(error.filename), f"cannot be read: {error.strerror}"


def _held(folder: Path) -> str:
    names = sorted(
        shown(one.name) + " (a link)" * one.is_symlink() for one in folder.iterdir() if not _passed_over(one.name)
    )
    return ", ".join(names[:10]) + f" and {len(names) - 10} more" * (len(names) > 10) or "nothing"


def contents(path: Path) -> bytes:
    """The bytes of a file that was handed in.

    Raises:
        ValueError: if it is a link, no file, too large or cannot be read; the words follow the name of the file.
    """
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    try:
        if not stat.S_ISREG(path.lstat().st_mode):
            raise ValueError("is a folder, a link or a device, not a file")
        with open(os.open(path, flags), "rb") as file:
            found = os.fstat(file.fileno())
            if found.st_nlink > 1:
                raise ValueError(SHARED)
            if found.st_size > LARGEST:
                size = f"has {found.st_size / 2**20:,.0f} MB, and {LARGEST / 2**20:.0f} MB are the most"
                raise ValueError(f"{size}: clear its outputs and hand it in again")
            return file.read(LARGEST + 1)[:LARGEST]
    except OSError as error:
        raise ValueError(f"cannot be read: {error.strerror or error}") from None


def code_cells(data: bytes) -> list[Cell]:
    """The code cells of a notebook file.

    Raises:
        ValueError: if it is no notebook, or too odd to be written by hand; the words follow the name of the file.
    """
    try:
        found = json.loads(data.decode("utf-8-sig"))
    except RecursionError:
        raise ValueError("is not a notebook: its lists are nested too deep") from None
    except ValueError as error:
        raise ValueError(f"is not a notebook: {error}") from None
    cells = found.get("cells") if isinstance(found, dict) else None
    form = found.get("nbformat") if isinstance(found, dict) else None
    if isinstance(form, int) and form != 4:
        raise ValueError(
            f"is a notebook of format {form}, and 4 is needed: open it in JupyterLab, save it, hand it in again"
        )
    if form != 4 or not isinstance(cells, list) or not all(isinstance(cell, dict) for cell in cells):
        raise ValueError("is not a notebook: it has no cells, or does not say its format")
    if len(cells) > MOST_CELLS:
        raise ValueError(f"has {len(cells):,} cells, and {MOST_CELLS:,} are the most")
    code = [_cell(cell) for cell in cells if cell.get("cell_type") == "code"]
    if (letters := sum(len(cell.source) for cell in code)) > MOST_CODE:
        raise ValueError(f"has {letters:,} letters of code, and {MOST_CODE:,} are the most")
    return code


def _cell(cell: dict[str, Any]) -> Cell:
    source = cell.get("source", "")
    if isinstance(source, list) and all(isinstance(line, str) for line in source):
        source = "".join(source)
    if not isinstance(source, str):
        raise ValueError("is not a notebook: it has a cell whose code is no text")
    more = cell.get("metadata")
    more = more if isinstance(more, dict) else {}
    graded, tags = more.get("nbgrader"), more.get("tags")
    graded = graded if isinstance(graded, dict) else {}
    return Cell(
        str(cell.get("id", ""))[:200],
        source,
        tuple(tag[:200] for tag in tags[:20] if isinstance(tag, str)) if isinstance(tags, list) else (),
        str(graded.get("grade_id", ""))[:200].removesuffix("-check"),
        graded.get("solution") is True,
        graded.get("grade") is True,
    )
