"""A measured number in a lesson's text is printed or computed by a cell of the same lesson, or stands in its code."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode

ROOT = Path(__file__).parents[2]
LESSONS = sorted((ROOT / "notebooks").glob("[01]*.ipynb"))
UNITS = (
    r"(?:mm|cm|ms|s|seconds?|times|%|per cent|percent|MB|kB|GB|degrees|numbers|vertices|triangles|points|megapixels?)"
)
NOT_MEASURED = (
    r"```.*?```",  # code
    r"\$\$.*?\$\$",  # equations
    r"\$[^$\n]+\$",
    r"`[^`\n]*`",
    r"\]\([^)]*\)",  # where links lead
    r"\(\d+\.\d+\)",  # an equation's number
    r"(?i:equation|section|part|lesson|chapter|figure|table)s? \d[\d.]*(?:(?:, | and | to )\d[\d.]*)*",
    r"\d+(?: to \d+)? minutes",
    r"arXiv:?\s*\d+\.\d+",
    r"\b(?:19|20)\d\d\b(?! (?:bones|points|vertices|triangles|steps))",  # years
)
NUMBER = r"(?<![\w.])\d{1,3}(?:,\d{3})+(?:\.\d+)?|(?<![\w.])\d+(?:\.\d+)?(?!\w|\.\d)"


def value(text: str) -> Decimal:
    return Decimal(text.replace(",", ""))


def quoted(markdown: str) -> list[str]:
    """The numbers of a text that look measured: with decimals, with thousands, or before a unit."""
    for pattern in NOT_MEASURED:
        markdown = re.sub(pattern, " ", markdown, flags=re.DOTALL)
    found = []
    for match in re.finditer(NUMBER, markdown):
        bare = match[0].isdigit() and len(match[0]) < 3
        if not bare or re.match(rf"\s{UNITS}\b|%", markdown[match.end() :]):
            found.append(match[0])
    return found


def told(notebook: NotebookNode) -> list[Decimal]:
    """Every number that stands in the lesson's code or in what its cells print."""
    texts = []
    for cell in notebook.cells:
        if cell.cell_type == "code":
            texts.append(cell.source)
            for output in cell.outputs:
                texts.append(output.get("text", ""))
                texts += [text for kind, text in output.get("data", {}).items() if kind.startswith("text/")]
    every = r"\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?(?:e[+-]?\d+)?"
    return [value(found) for found in re.findall(every, "\n".join(map(str, texts)))]


def backed(number: str, known: list[Decimal]) -> bool:
    """Whether a number is one of the known ones, written with as many decimals; a share also as per cent."""
    said = value(number)
    step = Decimal(1).scaleb(said.as_tuple().exponent)
    return any(abs(scale * figure - said) <= step / 2 for figure in known for scale in (1, 100))


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_numbers_in_the_text_are_those_of_a_cell(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    known = told(notebook)
    loose = [
        f"cell {i}: {number}"
        for i, cell in enumerate(notebook.cells)
        if cell.cell_type == "markdown"
        for number in quoted(cell.source)
        if not backed(number, known)
    ]
    assert not loose, f"{path.name}: print or assert these in a cell beside the text: {'; '.join(loose)}"


def test_a_number_that_no_cell_prints_is_found() -> None:
    notebook = nbformat.v4.new_notebook()
    code = nbformat.v4.new_code_cell(
        "print(error)", outputs=[nbformat.v4.new_output("stream", text="error 0.2871 mm, 12,345 left")]
    )
    notebook.cells = [code]
    known = told(notebook)
    text = "In lesson 4 and (2.3), $x = 9.9$: 0.29 mm at 12,345 vertices, 3 bones, 0.31 mm and 7 s; 0.3 is near."
    assert quoted(text) == ["0.29", "12,345", "0.31", "7", "0.3"]
    assert [number for number in quoted(text) if not backed(number, known)] == ["0.31", "7"]
