"""The table of lesson 5: as text on the screen, and in a file as Markdown, CSV or JSON."""

from __future__ import annotations

import csv
import io
import json
import textwrap
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from itertools import groupby
from pathlib import Path

from asm_teach.base.files import whole
from asm_teach.data.assets import data_dir
from asm_teach.formats.checks.outputs import check_output
from asm_teach.studies.record_files import checked
from asm_teach.studies.scan_models import GROUPS


@dataclass(frozen=True)
class ScanRow:
    """One line of the table: a model on one kind of face.

    where: the kind, faces: how many of them. parameters: numbers for one face. bytes: size of the model's file.
    mean, median, rmse, p95: mm, over the face areas of all of them together. nme: a face's mean error divided by the
    distance of the outer corners of its eyes, in per cent, mean over faces. seconds: of a fit, mean over faces.
    """

    group: str
    model: str
    where: str
    faces: int
    parameters: int
    bytes: int
    mean: float
    median: float
    rmse: float
    p95: float
    nme: float
    seconds: float


CAPTION = (
    "Distances in mm over the face area: on embedded people from each vertex of the part `face` to its own vertex of "
    "the fitted head; on scans from each point that can be seen within 0.7 (outer eye distance + nose length) of the "
    "tip of the nose to the nearest point of the fitted surface. NME is a face's mean distance divided by the distance "
    "of the outer corners of its eyes, in per cent, mean over faces; the paper's own is not defined, so the two do not "
    "compare. Numbers: what a fit may change for one face. File: the model on disk, compressed, with its template. "
    "Seconds: of one fit. Embedded people are sums of shapes that the linear models learned from, their home ground: "
    "enough modes reproduce them. The scans are of people that none of the models was built from."
)
HEADINGS = ("model", "numbers", "file MB", "mean", "median", "RMSE", "95 %", "NME %", "seconds")
WIDTH = 46  # of the first column; the others take 9 each


def format_table(rows: Sequence[ScanRow], caption: bool = True) -> str:
    """The rows as text in columns, one block for each kind of face, under the caption."""
    lines = textwrap.wrap(CAPTION, WIDTH + 9 * (len(HEADINGS) - 1)) if caption else []
    for where, block in groupby(rows, key=lambda row: row.where):
        listed = list(block)
        title = where if listed[0].faces == 1 else f"{where} ({listed[0].faces})"
        lines += ["", _line((title, *HEADINGS[1:]))]
        for group, part in groupby(listed, key=lambda row: row.group):
            lines += [f"  {GROUPS[group]}", *(_line(("    " + name, *values)) for name, *values in map(_cells, part))]
    return "\n".join(lines).lstrip("\n")


def neural_rows() -> list[ScanRow]:
    """The rows of the neural contender, three trainings on each kind of face: `data/recipe/neural_contender.py`."""
    rows = json.loads((data_dir() / "neural_contender.json").read_text(encoding="utf-8"))["rows"]
    return [checked(ScanRow(**row)) for row in rows]


def write_table(rows: Sequence[ScanRow], path: Path) -> None:
    """Write the rows to a file, whole or not at all; `.md`, `.csv` or `.json` by the ending of its name.

    Raises ValueError for another ending.
    """
    kind, given = check_ending(path), [asdict(row) for row in rows]
    text = io.StringIO()
    if kind == ".json":
        json.dump({"caption": CAPTION, "rows": given}, text, indent=1)
    elif kind == ".csv":
        writer = csv.DictWriter(text, [field.name for field in fields(ScanRow)], lineterminator="\n")
        writer.writeheader()
        writer.writerows(given)
    else:
        lines = [("face", "part", *HEADINGS), ("---",) * 3 + ("--:",) * (len(HEADINGS) - 1)]
        lines += [(row.where, GROUPS[row.group], *_cells(row)) for row in rows]
        print(CAPTION, "", *(f"| {' | '.join(cells)} |" for cells in lines), sep="\n", file=text)
    with whole(path) as part:
        part.write_text(text.getvalue(), encoding="utf-8")


def check_ending(path: Path) -> str:
    """The ending of a table's file name. Raises ValueError for one that is not known or cannot be written."""
    check_output(path, (".md", ".csv", ".json"))
    return path.suffix.lower()


def _cells(row: ScanRow) -> tuple[str, ...]:
    figures = (f"{value:.3f}" for value in (row.mean, row.median, row.rmse, row.p95, row.nme))
    return row.model, str(row.parameters), f"{row.bytes / 1e6:.2f}", *figures, f"{row.seconds:.2f}"


def _line(cells: Sequence[str]) -> str:
    return f"{cells[0]:<{WIDTH}}" + "".join(f"{cell:>9}" for cell in cells[1:])
