"""Slides are cut where a lesson's cells are marked, and every lesson's marks make slides that can be shown.

Whether all fits on the screen is seen in a browser: `make slides`.
"""

from __future__ import annotations

import importlib.util
import itertools
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

ROOT = Path(__file__).parents[2]
_spec = importlib.util.spec_from_file_location("make_slides", ROOT / "docs" / "make_slides.py")
assert _spec and _spec.loader
make_slides = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(make_slides)

LESSONS = sorted((ROOT / "notebooks").glob("[0-9][0-9]*_*.ipynb"))
KINDS = ("slide", "subslide", "fragment", "skip", "notes", "-")
MARK = "in JupyterLab: property inspector (right), Common Tools, Slide Type"


def marked(kind: str, cell: nbformat.NotebookNode) -> nbformat.NotebookNode:
    cell.metadata["slideshow"] = {"slide_type": kind}
    return cell


@pytest.fixture
def notebook() -> nbformat.NotebookNode:
    printed = [new_output("stream", text="shown\n")]
    folded = "Question? [A word](../docs/glossary.md)\n\n<details><summary>Answer</summary>\n\nsecret\n</details>"
    return new_notebook(
        cells=[
            marked("slide", new_markdown_cell("# A lesson")),
            marked("notes", new_markdown_cell("for the speaker")),
            marked("skip", new_markdown_cell("skipped")),
            marked("subslide", new_markdown_cell(folded)),
            marked("fragment", new_code_cell("long = 1\n" * 17, outputs=printed)),
            marked("slide", new_code_cell("short = 1", outputs=printed)),
        ]
    )


@pytest.mark.parametrize("lines", (1, 17))
def test_a_tag_leaves_code_out(lines, tmp_path):
    output = new_output("stream", text="shown\n")
    cell = new_code_cell("hidden = 1\n" * lines, outputs=[output], metadata={"tags": ["no-input"]})
    make_slides.write_slides(new_notebook(cells=[marked("slide", cell)]), tmp_path / "a.html")
    page = (tmp_path / "a.html").read_text("utf-8").partition("<main>")[2]
    assert "shown" in page and "hidden" not in page


def test_slides_hold_what_is_marked(notebook, tmp_path):
    assert make_slides.write_slides(notebook, tmp_path / "a.html") == 3
    page = (tmp_path / "a.html").read_text("utf-8").partition("<main>")[2]
    assert page.count("<section") == 2 + 3  # two columns, three slides
    assert page.count('<aside class="notes">') == 1 and page.count('class="fragment"') == 1
    assert "for the speaker" in page and page.count("shown") == 2 and "short" in page and "A word" in page
    assert not any(word in page for word in ("skipped", "secret", "long", "glossary.md"))
    assert "https://" not in page


def test_the_notebook_stays_as_it_is(notebook, tmp_path):
    before = nbformat.writes(notebook)
    make_slides.write_slides(notebook, tmp_path / "a.html")
    make_slides.slides_of(notebook)
    assert nbformat.writes(notebook) == before


def test_only_slides_are_written_over(notebook, tmp_path, monkeypatch):
    course, work, out = tmp_path / "course", tmp_path / "work", tmp_path / "out"
    notebook.cells[0].source = "# Bones <in> 3 & 4"
    for folder in (course, work):
        folder.mkdir()
    (work / "thesis.md").write_text("years")
    nbformat.write(notebook, course / "04_bones.ipynb")
    monkeypatch.setattr(make_slides, "NOTEBOOKS", course)
    # what marks a folder of slides; the real scripts come with packages that only the site needs
    monkeypatch.setattr(make_slides, "copy_scripts", lambda folder: (folder / "_static" / "reveal").mkdir(parents=True))
    for target in (work, work / "thesis.md"):
        with pytest.raises(SystemExit, match="give an empty folder"):
            make_slides.main([str(target), "04"])
    assert (work / "thesis.md").read_text() == "years"
    make_slides.main([str(out)])
    (out / "old.html").write_text("of yesterday")
    assert "Bones &lt;in&gt; 3 &amp; 4" in (out / "index.html").read_text("utf-8")
    with pytest.raises(SystemExit, match="no lesson 4 99"):
        make_slides.main([str(out), "99", "4"])
    assert (out / "old.html").exists()
    make_slides.main([str(out), "04"])
    assert sorted(path.name for path in out.iterdir()) == ["04_bones.html", "_static", "index.html"]


# --- the lessons


def empty(slide: list[nbformat.NotebookNode]) -> bool:
    """Whether an audience would see nothing."""
    return not any(
        cell.get("outputs") or (cell.source.strip() and "no-input" not in cell.metadata.get("tags", []))
        for cell in slide
        if make_slides.mark_of(cell) != "notes"
    )


@pytest.mark.parametrize("path", LESSONS, ids=[path.stem for path in LESSONS])
def test_a_lesson_can_be_shown(path):
    lesson = nbformat.read(path, as_version=4)
    kinds = [make_slides.mark_of(cell) for cell in lesson.cells]
    unmarked = [number for number, kind in enumerate(kinds) if kind not in KINDS]
    assert not unmarked, f"give cells {unmarked} of {path.name} a slide type, one of {KINDS} ({MARK})"
    assert kinds[0] == "slide", f"the first cell of {path.name} has to be a slide: it bears the title"
    answers = [
        number
        for number, cell in enumerate(lesson.cells)
        if "### BEGIN SOLUTION" in cell.source and kinds[number] != "skip"
    ]
    assert not answers, f"cells {answers} of {path.name} hold solutions: mark them skip ({MARK})"
    slides = make_slides.slides_of(lesson)
    assert 10 <= len(slides) <= 40, f"{path.name} has {len(slides)} slides; 12 to 25 can be shown in a lesson"
    bare = [(slide[0].source.splitlines() or ["?"])[0] for slide in slides if empty(slide)]
    assert not bare, (
        f"slides of {path.name} on which nothing would be seen, as code of more than {make_slides.LINES} lines is left "
        f"out and only its output is shown: {bare}. Mark the cell skip, or shorten it"
    )


def unhidden_answers(notebook: nbformat.NotebookNode) -> list[str]:
    """Questions whose answer would stand on the same slide."""
    shown = [cell for cell in notebook.cells if make_slides.mark_of(cell) not in ("skip", "notes")]
    return [
        cell.source
        for cell, after in itertools.pairwise(shown)
        if "Predict first" in cell.source and make_slides.mark_of(after) not in ("slide", "subslide")
    ]


def test_what_follows_a_question_begins_a_slide():
    cells = [marked("slide", new_markdown_cell("**Predict first.** What?")), marked("skip", new_code_cell("x"))]
    for kind, found in (("subslide", 0), ("slide", 0), ("fragment", 1), ("-", 1)):
        notebook = new_notebook(cells=[*cells, marked(kind, new_code_cell("print(1)"))])
        assert len(unhidden_answers(notebook)) == found, kind
    asked = 0
    for path in LESSONS:
        lesson = nbformat.read(path, as_version=4)
        asked += sum("Predict first" in cell.source for cell in lesson.cells)
        assert not unhidden_answers(lesson), f"{path.name}: mark the cell after as a slide or subslide ({MARK})"
    assert asked > 0
