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
PARTS = r"(?:%|per cent\b|percent\b|in a hundred\b)"
UNITS = (
    r"(?:(?:mm|cm|ms|s|seconds?|times|MB|kB|GB|degrees|numbers|vertices|triangles|points|megapixels?)\b|" + PARTS + ")"
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
PER_CENT = rf"(?:(?: to|,? and|,? or|,| against) \d[\d.]*)*\s?{PARTS}"  # of several numbers, after the last
NO_FIGURE = (
    r"\b(?:figsize|dpi|alpha|linewidth|fontsize|seed)=(?:\([^)]*\)|[\d.]+)",  # how it looks, by which draw
    r"\b(?:manual_seed|subplots|seed)\([^)]*\)",
    r"0x[0-9a-f]+|\b[0-9a-f]{32}\b",  # where a thing lies, names of widgets
)


def value(text: str) -> Decimal:
    return Decimal(text.replace(",", ""))


def quoted(markdown: str) -> list[tuple[str, bool]]:
    """The numbers of a text that look measured, with decimals, with thousands or a unit; and which are per cent."""
    for pattern in NOT_MEASURED:
        markdown = re.sub(pattern, " ", markdown, flags=re.DOTALL)
    found = []
    for match in re.finditer(NUMBER, markdown):
        bare, after = match[0].isdigit() and len(match[0]) < 3, markdown[match.end() :]
        if not bare or re.match(rf"\s{UNITS}|{PARTS}", after):
            found.append((match[0], re.match(PER_CENT, after) is not None))
    return found


def told(notebook: NotebookNode) -> list[Decimal]:
    """Every number that stands in the lesson's code or in what its cells print."""
    texts = []
    for cell in notebook.cells:
        if cell.cell_type == "code":
            texts.append(cell.source)
            for output in cell.outputs:
                texts.append(output.get("text", ""))
                said = {kind: str(text) for kind, text in output.get("data", {}).items() if kind.startswith("text/")}
                texts += [re.sub("<[^>]*>", " ", text) if kind == "text/html" else text for kind, text in said.items()]
    text = re.sub("|".join(NO_FIGURE), " ", "\n".join(texts))
    every = r"(?<![A-Za-z_])(?:\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?(?:e[+-]?\d+)?)"
    return [value(found) for found in re.findall(every, text)]


def backed(number: str, known: list[Decimal], per_cent: bool) -> bool:
    """Whether a number is one of the known ones, written with as many decimals; per cent, also of a share."""
    said = value(number)
    step = Decimal(1).scaleb(said.as_tuple().exponent)
    return any(abs(scale * figure - said) <= step / 2 for figure in known for scale in ((1, 100) if per_cent else (1,)))


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_numbers_in_the_text_are_those_of_a_cell(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    known = told(notebook)
    loose = [
        f"cell {i}: {number}"
        for i, cell in enumerate(notebook.cells)
        if cell.cell_type == "markdown"
        for number, per_cent in quoted(cell.source)
        if not backed(number, known, per_cent)
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
    assert [number for number, _ in quoted(text)] == ["0.29", "12,345", "0.31", "7", "0.3"]
    assert [number for number, per_cent in quoted(text) if not backed(number, known, per_cent)] == ["0.31", "7"]


def test_only_per_cent_is_a_hundred_times_a_share_and_a_figures_size_is_no_figure() -> None:
    notebook = nbformat.v4.new_notebook()
    stream = nbformat.v4.new_output("stream", text="0.2871 of them, 0.42, <torch at 0x731 of 0x9>, x9")
    notebook.cells = [nbformat.v4.new_code_cell("plt.figure(figsize=(7, 3)); torch.manual_seed(5)", outputs=[stream])]
    known = told(notebook)
    for text, right in (
        ("29 % of them", True),
        ("29% of them", True),
        ("29 per cent", True),
        ("42 in a hundred", True),
        ("29 to 42 %", True),
        ("42 mm", False),
        ("29 s", False),
        ("28.7 mm, which is much", False),
        ("7 mm", False),
        ("3 s", False),
        ("5 times", False),
        ("9 mm", False),
        ("31 mm", False),
    ):
        found = quoted(text)
        assert found and all(backed(number, known, per_cent) == right for number, per_cent in found), text
