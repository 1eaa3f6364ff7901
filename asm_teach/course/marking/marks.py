"""The rows of a table of marks: how they are written, and how a student's points add up."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path

from asm_teach.base.files import whole


@dataclass(frozen=True)
class Mark:
    """One row of the marks; a notebook that cannot be marked is one row without an exercise."""

    student: str
    lesson: str
    exercise: str
    points: int
    of: int
    message: str


def total(marks: Sequence[Mark]) -> tuple[int, int]:
    """One student's points, and out of how many. If an exercise was handed in twice, the better one counts."""
    best: dict[tuple[str, str], tuple[int, int]] = {}
    for mark in marks:
        key = (mark.lesson, mark.exercise)
        best[key] = max(best.get(key, (0, 0)), (mark.points, mark.of))
    marked = {lesson for lesson, exercise in best if exercise}
    counted = [found for (lesson, exercise), found in best.items() if exercise or lesson not in marked]
    return sum(points for points, _ in counted), sum(of for _, of in counted)


def write_marks(marks: Sequence[Mark], file: Path) -> None:
    """Write rows as CSV with a header. A spreadsheet reads every letter, and takes no message for a formula."""
    with whole(file) as part, part.open("w", newline="", encoding="utf-8-sig") as stream:
        writer = csv.writer(stream)
        writer.writerow([field.name for field in fields(Mark)])
        for mark in marks:
            writer.writerow([_plain(value) if isinstance(value, str) else value for value in astuple(mark)])


def _plain(text: str) -> str:
    return "'" + text if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text
