"""The rows of a table of marks: how they are written, and how a student's points add up."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from dataclasses import asdict, astuple, dataclass, fields
from pathlib import Path

from asm_teach.base.files import whole
from asm_teach.course.marking.hand_ins import shown
from asm_teach.formats.checks.outputs import check_output

ENDINGS = (".csv", ".json")
FORMULA = tuple("=+-@＝＋－＠")


@dataclass(frozen=True)
class Mark:
    """One row of the marks; a notebook that cannot be marked is one row without an exercise."""

    student: str
    lesson: str
    exercise: str
    points: int
    of: int
    message: str


HEADER = [field.name for field in fields(Mark)]


def total(marks: Sequence[Mark]) -> tuple[int, int]:
    """One student's points, and out of how many. If an exercise was handed in twice, the better one counts."""
    best: dict[tuple[str, str], tuple[int, int]] = {}
    for mark in marks:
        key = (mark.lesson, mark.exercise)
        best[key] = max(best.get(key, (0, 0)), (mark.points, mark.of))
    marked = {lesson for lesson, exercise in best if exercise}
    counted = [found for (lesson, exercise), found in best.items() if exercise or lesson not in marked]
    return sum(points for points, _ in counted), sum(of for _, of in counted)


def check_out(file: Path, folder: Path) -> None:
    """See that the marks of a folder can be written to a file, before anything is marked.

    Raises:
        ValueError: as `check_output`; and for a link, a file that is no table of marks, or a place inside a student's
            folder.
    """
    check_output(file, ENDINGS, name="--out")
    if folder.resolve() in file.parent.resolve().parents:
        raise ValueError(f"--out: {str(file)!r} lies in a student's folder, give a place outside {str(folder)!r}")
    if file.is_symlink():
        raise ValueError(f"--out: {str(file)!r} is a link, give another name")
    if file.exists() and not _is_table(file):
        raise ValueError(f"--out: {str(file)!r} is there and is no table of marks, give another name")


def _is_table(file: Path) -> bool:
    """Whether a file is empty or holds marks, as `write_marks` writes them."""
    try:
        text = file.read_text(encoding="utf-8-sig")
        if file.suffix.lower() == ".json":
            rows = json.loads(text or "[]")
            return isinstance(rows, list) and all(isinstance(row, dict) and list(row) == HEADER for row in rows)
    except (OSError, ValueError, RecursionError):
        return False
    return not text or text.splitlines()[0] == ",".join(HEADER)


def write_marks(marks: Sequence[Mark], file: Path) -> None:
    """Write rows as CSV with a header, or as JSON. A spreadsheet reads every letter and takes no text for a formula."""
    with whole(file) as part:
        if file.suffix.lower() == ".json":
            rows = [{name: _clean(value) for name, value in asdict(mark).items()} for mark in marks]
            part.write_text(json.dumps(rows, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
            return
        with part.open("w", newline="", encoding="utf-8-sig") as stream:
            writer = csv.writer(stream)
            writer.writerow(HEADER)
            for mark in marks:
                writer.writerow([_plain(_clean(value)) for value in astuple(mark)])


def _clean(value: str | int) -> str | int:
    """Text without what is no letter, sign, space or end of a line."""
    return "\n".join(map(shown, value.split("\n"))) if isinstance(value, str) else value


def _plain(value: str | int) -> str | int:
    return f"'{value}" if isinstance(value, str) and value.lstrip().startswith(FORMULA) else value
