"""The course in a student's folder: complete, with links that lead somewhere, and no work of theirs is lost."""

from __future__ import annotations

import json
import re
from pathlib import Path
from urllib.parse import urlsplit

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from asm_teach.course import course_folder, lay_out, pages, record, write_copies
from asm_teach.course.course_folder import LaidOut, beside, is_course
from asm_teach.course.marking import students

LESSON = "05_tiny.ipynb"


@pytest.fixture
def master(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A course of one lesson, whose file can be changed as a new version of the package changes it."""
    path = tmp_path / "sources" / LESSON
    path.parent.mkdir()
    monkeypatch.setattr(students, "NOTEBOOKS", path.parent)
    edit(path, "A lesson, with a [glossary](../docs/glossary.md#bone) and a [plan](../docs/teaching.md).")
    return path


def edit(path: Path, text: str, code: str = "1 + 1") -> None:
    """Write a notebook with a solution, an output and two cells."""
    marked = {"nbgrader": {"solution": True, "grade": False, "grade_id": "nme", "locked": False}}
    answer = "### BEGIN SOLUTION\nnme = 7\n### END SOLUTION"
    output = nbformat.v4.new_output("stream", text="2\n")
    cells = [new_markdown_cell(text), new_code_cell(code, outputs=[output]), new_code_cell(answer, metadata=marked)]
    nbformat.write(new_notebook(cells=cells), path)


def sources(path: Path) -> list[str]:
    return [cell.source for cell in nbformat.read(path, as_version=4).cells]


def change(path: Path, cell: int, **to: object) -> None:
    """Save a notebook as JupyterLab does after its reader has changed a cell."""
    notebook = nbformat.read(path, as_version=4)
    notebook.cells[cell].update(to)
    notebook.metadata["language_info"] = {"name": "python"}
    nbformat.write(notebook, path)


# --- what lies there


def test_the_course_is_complete_and_every_link_in_it_leads_somewhere(tmp_path: Path) -> None:
    done = lay_out(tmp_path / "course")
    names = {path.name for path in (tmp_path / "course").iterdir()}
    assert set(done.written) == names and not done.updated and not done.kept
    assert {path.name for path in students.notebooks()} | {
        "glossary.ipynb",
        "conventions.ipynb",
        "method.ipynb",
    } == names
    assert is_course(tmp_path / "course") and not is_course(tmp_path)
    followed = set()
    for name in names:
        notebook = nbformat.read(tmp_path / "course" / name, as_version=4)
        nbformat.validate(notebook)
        for cell in notebook.cells:
            assert not cell.get("outputs") and (cell.cell_type == "markdown" or students.BEGIN not in cell.source)
            for target in re.findall(r"\]\(([^)\s]+)\)", cell.source) if cell.cell_type == "markdown" else []:
                if not urlsplit(target).scheme:
                    assert target.partition("#")[0] in names, f"{name}: {target}"
                    followed.add((name, target))
    assert {("01_linear_blend_skinning.ipynb", "glossary.ipynb"), ("glossary.ipynb", "method.ipynb")} <= followed
    assert ("glossary.ipynb", "01_linear_blend_skinning.ipynb") in followed
    assert ("00_start_here.ipynb", "playground.ipynb") in followed


def test_the_glossary_has_every_entry_under_its_heading(tmp_path: Path) -> None:
    text = (pages.DOCS / "glossary.md").read_text("utf-8")
    cells = pages.documents()["glossary.ipynb"].cells
    assert len(cells) == text.count("\n## ") + 1 > 60
    assert [c.source.splitlines()[0] for c in cells] == re.findall(r"(?m)^##? .+$", text)


def test_a_copy_has_no_solution_and_a_teachers_has_it(master: Path, tmp_path: Path) -> None:
    lay_out(tmp_path / "a")
    lay_out(tmp_path / "b", masters=True)
    text = "A lesson, with a [glossary](glossary.ipynb#bone) and a plan."
    assert sources(tmp_path / "a" / LESSON) == [text, "1 + 1", "nme = None  # your code here"]
    assert sources(tmp_path / "b" / LESSON)[2].count("nme = 7") == 1
    assert nbformat.read(tmp_path / "b" / LESSON, as_version=4).cells[1].outputs[0].text == "2\n"


# --- a second time


def test_what_nobody_typed_into_is_brought_up_to_date(master: Path, tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    lay_out(folder)
    change(folder / LESSON, 1, outputs=[nbformat.v4.new_output("stream", text="3\n")], execution_count=4)
    run = (folder / LESSON).read_bytes()
    assert lay_out(folder) == LaidOut(folder, (), (), ())
    assert (folder / LESSON).read_bytes() == run  # the course has not changed: outputs stay
    edit(master, "A better lesson.")
    assert lay_out(folder) == LaidOut(folder, (), (LESSON,), ())
    assert sources(folder / LESSON)[0] == "A better lesson."
    assert lay_out(folder) == LaidOut(folder, (), (), ())


def test_what_a_student_typed_stays(master: Path, tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    lay_out(folder)
    change(folder / LESSON, 2, source="nme = 8")
    mine = (folder / LESSON).read_bytes()
    assert lay_out(folder) == LaidOut(folder, (), (), ())  # nothing to say: the lesson is the one they work on
    edit(master, "A better lesson.")
    done = lay_out(folder)
    assert done == LaidOut(folder, (), (), (LESSON,)) and (folder / LESSON).read_bytes() == mine
    assert "kept as they are" in str(done) and "rename yours" in str(done) and LESSON in str(done)
    (folder / LESSON).rename(folder / "mine.ipynb")
    assert lay_out(folder).written == (LESSON,) and (folder / "mine.ipynb").read_bytes() == mine


def test_copies_of_an_earlier_version_and_other_files_stay(master: Path, tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    for name, content in (
        (LESSON, json.dumps(students.student_copy(nbformat.read(master, as_version=4)))),  # it has no fingerprint
        ("glossary.ipynb", "my own words"), ("method.ipynb", "[" * 50_000), ("scan.obj", "v 0 0 0"),
    ):  # fmt: skip
        (folder / name).write_text(content)
    (folder / "conventions.ipynb").mkdir()
    before = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    assert set(lay_out(folder).kept) == {LESSON, "glossary.ipynb", "conventions.ipynb", "method.ipynb"}
    assert {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()} == before
    (tmp_path / "else").mkdir()
    (tmp_path / "else" / LESSON).symlink_to(master)
    held = master.read_bytes()
    assert LESSON in lay_out(tmp_path / "else").kept and master.read_bytes() == held


def test_the_progress_is_never_touched(master: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "mine"
    lay_out(folder)
    monkeypatch.setenv("ASM_TEACH_PROGRESS", str(folder / "progress.json"))
    record.note_prediction("05.a", "far")
    held = (folder / "progress.json").read_bytes(), (folder / "progress.json").stat().st_mtime_ns
    edit(master, "A better lesson.")
    lay_out(folder)
    assert held == ((folder / "progress.json").read_bytes(), (folder / "progress.json").stat().st_mtime_ns)


# --- where it cannot


def test_a_place_that_cannot_be_used_is_named_with_a_remedy(
    master: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("mine")
    for folder, words in (
        (tmp_path / "file", "is a file: give a folder"),
        (tmp_path / "file" / "below", "cannot be written"),
        (Path("/proc/course"), "cannot be written"),
        (pages.NOTEBOOKS, "holds the sources"),
    ):
        with pytest.raises(ValueError, match=words):
            lay_out(folder)
    assert (tmp_path / "file").read_text() == "mine"

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(course_folder.nbformat, "write", full)
    with pytest.raises(ValueError, match="No space left on device"):
        lay_out(tmp_path / "new")
    assert list((tmp_path / "new").iterdir()) == []  # no half of a file


# --- copies to hand out


def test_week_by_week_the_copies_go_into_one_folder(tmp_path: Path) -> None:
    for lesson in ("01", "2"):
        (path,) = write_copies(tmp_path / "out", lesson)
    assert path.name == "02_gaussian_weights.ipynb"
    there = {path.name for path in (tmp_path / "out").iterdir()}
    assert there == {"01_linear_blend_skinning.ipynb", path.name, *beside()} and "playground.ipynb" in there
    with pytest.raises(ValueError, match="may hold somebody's work"):
        write_copies(tmp_path / "out", "01")
