"""Student copies and marks: `asm-teach student`, `asm-teach check`."""

from __future__ import annotations

import base64
import csv
from pathlib import Path

import nbformat
import pytest
from click.testing import CliRunner
from nbformat.v4 import new_code_cell, new_notebook

from asm_teach.cli.main import main
from asm_teach.course.marking import grading, hand_ins, running, students
from asm_teach.course.marking.grading import grade
from asm_teach.course.marking.marks import Mark, total, write_marks
from tests.course.tiny_course import SOLUTIONS, cells, handed_in


@pytest.mark.long
def test_a_class_is_marked(tiny: nbformat.NotebookNode, tmp_path: Path) -> None:
    folder = tmp_path / "class"
    cheat = handed_in(
        tiny, folder / "bob" / "05_tiny.ipynb", "def nme(p, q, a, b):\n    while True:\n        pass", "largest_K = 7"
    )
    for cell in cheat.cells:
        if students.is_check(cell):
            cell.source = "from asm_teach.course import Verdict\nVerdict(True, 'right')"
            cell.metadata.nbgrader.points = 99
    nbformat.write(cheat, folder / "bob" / "05_tiny.ipynb")
    helped = handed_in(
        tiny, folder / "ann" / "05_tiny.ipynb", "def nme(*given):\n    return own(*given)", "largest_K = 8"
    )
    helped.cells.insert(
        3, new_code_cell("def own(p, q, a, b):\n    return hundred * (p - q).norm(dim=1).mean() / (a - b).norm()")
    )
    nbformat.write(helped, folder / "ann" / "05_tiny.ipynb")
    (folder / "erik").mkdir()
    (folder / "erik" / "05_tiny.ipynb").write_text('{"cells": [')
    nbformat.write(new_notebook(), folder / "fred.ipynb")
    dead = handed_in(tiny, folder / "gina.ipynb", "import os\nos._exit(1)")
    assert dead
    handed_in(tiny, folder / "hugo" / "05_tiny.ipynb", "def (", "largest_K = 8")
    (folder / "ida").mkdir()
    (folder / "ida" / "05_tiny.pdf").write_bytes(b"%PDF")
    (folder / "jon").mkdir()
    (folder / "ann" / ".ipynb_checkpoints").mkdir()
    handed_in(tiny, folder / "ann" / ".ipynb_checkpoints" / "05_tiny-checkpoint.ipynb")

    told: list[tuple[str, int, int]] = []
    marks = grade(folder, limit=3, say=lambda *one: told.append(one))
    assert len(told) == 6
    assert [number for _, number, _ in told] == sorted({number for _, number, _ in told}) and told[0][2] >= 6
    rows = {(mark.student, mark.exercise): mark for mark in marks}
    # with what the lesson defines, and a cell of her own
    assert rows["ann", "nme"] == Mark("ann", "05", "nme", 2, 2, "right") and rows["ann", "largest_K"].points == 1
    assert rows["bob", "nme"].points == 0 and "longer than 3 seconds" in rows["bob", "nme"].message
    assert rows["bob", "nme"].of == 2 and "one more Gaussian" in rows["bob", "largest_K"].message
    assert "is not a notebook" in rows["erik", ""].message and rows["erik", ""].lesson == "05"
    assert (rows["erik", ""].points, rows["erik", ""].of) == (0, 3)
    assert "stops: SyntaxError" in rows["hugo", "nme"].message and "(line 1)" in rows["hugo", "nme"].message
    assert rows["hugo", "largest_K"].points == 1
    assert "it holds 05_tiny.pdf" in rows["ida", ""].message and "it holds nothing" in rows["jon", ""].message
    assert "no exercises of this course" in rows["fred", ""].message
    assert {rows["gina", name].points for name in SOLUTIONS} == {0}
    assert "does not run" in rows["gina", "nme"].message
    assert len(marks) == 4 * 2 + 4 and [mark.student for mark in marks] == sorted(mark.student for mark in marks)


@pytest.mark.long
def test_an_answer_that_leans_on_the_lesson_keeps_its_points(tiny: nbformat.NotebookNode, tmp_path: Path) -> None:
    lesson = "from pathlib import Path\nPath('hundred').write_text('100')\nextra = [100]"
    course = students.masters()[0]
    tiny.cells[1].source = f"{lesson}\nassert 'slow' == 'not run for marks'"
    tiny.cells[1:3] = tiny.cells[2:0:-1]  # the lesson binds anew what stands before it
    nbformat.write(tiny, course)
    folder = tmp_path / "class"
    answer = SOLUTIONS["nme"].replace("100 *", "hundred *")
    handed_in(tiny, folder / "ann.ipynb", f"hundred = int(open('hundred').read())\n{answer}", "largest_K = 8")
    handed_in(tiny, folder / "bea.ipynb", f"hundred = extra[0]\n{answer}", "largest_K = 8")
    handed_in(tiny, folder / "cy.ipynb", SOLUTIONS["nme"].replace("100 *", "extra[0] *"), "largest_K = 8")
    assert [mark.points for mark in grade(folder, limit=20)] == [2, 1] * 3


def test_the_second_run_takes_no_points_and_is_left_out_where_it_cannot_help(
    tiny: nbformat.NotebookNode, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = []

    def run(steps, limit, inside, process=None, instead=None) -> running.Found:
        runs.append(len(steps))
        if len(runs) == 2 and dies:
            return instead
        return first if len(runs) == 1 else {"nme": (True, "right"), "largest_K": (False, "the lesson took it away")}

    class Process:
        def __init__(self, inside):
            pass

        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

        def allow(self, seconds):
            pass

        def cells(self, notebook):
            return hand_ins.code_cells(base64.b64decode(notebook))

    monkeypatch.setattr(grading, "run", run)
    monkeypatch.setattr(grading, "StudentProcess", Process)
    handed_in(tiny, tmp_path / "ann.ipynb", "x = 1")
    for words, points, times, death in (
        (f"{grading.STOPS}ValueError: 3", [2, 1], 2, False),
        (f"{grading.STOPS}ValueError: 3", [0, 1], 2, True),
        ("your code stops at line 2, with TypeError: 3", [2, 1], 2, False),
        (f"{grading.STOPS}SyntaxError: invalid syntax", [0, 1], 1, False),
        ("all numbers are 2 too large", [0, 1], 1, False),
    ):
        runs.clear()
        dies = death
        first = {"nme": (False, words), "largest_K": (True, "right")}
        found = grading.mark_notebook(tmp_path / "ann.ipynb", "ann", 3)
        assert [mark.points for mark in found] == points and len(runs) == times, words


@pytest.mark.long
def test_a_systems_own_files_are_no_students(tiny: nbformat.NotebookNode, tmp_path: Path) -> None:
    folder = tmp_path / "class"
    handed_in(tiny, folder / "__MACOSX" / "05_tiny.ipynb")
    handed_in(tiny, folder / "ann" / "__MACOSX" / "._05_tiny.ipynb")
    (folder / "ann" / ".DS_Store").write_bytes(b"")
    with pytest.raises(ValueError, match="no notebooks"):
        grade(folder)
    handed_in(tiny, folder / "bea.ipynb")
    marks = grade(folder, limit=20)
    assert {mark.student for mark in marks} == {"ann", "bea"}
    assert "it holds nothing" in next(mark.message for mark in marks if mark.student == "ann")


def test_of_what_was_handed_in_twice_the_better_counts() -> None:
    once, again = Mark("ann", "05", "nme", 0, 2, ""), Mark("ann", "05", "nme", 2, 2, "right")
    broken, other = Mark("ann", "05", "", 0, 3, "is not a notebook"), Mark("ann", "06", "", 0, 4, "does not run")
    assert total([once, again]) == total([again, once, broken]) == (2, 2)
    assert total([broken]) == (0, 3) and total([again, other]) == (2, 6)


def test_marks_are_written_whole_and_are_no_formulas(tmp_path: Path) -> None:
    file = tmp_path / "marks.csv"
    write_marks([Mark("=änn", "05", "nme", 0, 2, '-1, "two"\nlines')], file)
    with file.open(newline="", encoding="utf-8-sig") as stream:
        rows = list(csv.DictReader(stream))
    assert rows == [
        {
            "student": "'=änn",
            "lesson": "05",
            "exercise": "nme",
            "points": "0",
            "of": "2",
            "message": '\'-1, "two"\nlines',
        }
    ]


def test_a_check_that_was_taken_out_is_run_all_the_same(tiny: nbformat.NotebookNode) -> None:
    copy = students.student_copy(tiny)
    copy.cells = [cell for cell in copy.cells if not students.is_check(cell)]
    cells = hand_ins.code_cells(nbformat.writes(copy).encode())
    slim = running.exercises_only(cells, running.tasks_of_course())
    assert [step.answers for step in slim if isinstance(step, running.Task)] == [("nme",), ("largest_K",)]
    code = [step.source for step in slim if isinstance(step, hand_ins.Cell)]
    assert not any("slow" in source for source in code) and any("extra" in source for source in code)


def test_a_check_cell_of_a_master_is_one_call(tiny: nbformat.NotebookNode) -> None:
    tiny.cells[4].source = "answer = nme\ncheck.nme(answer)"
    nbformat.write(tiny, students.masters()[0])
    running.tasks_of_course.cache_clear()
    with pytest.raises(ValueError, match="05_tiny.ipynb: the check cell of nme should be one line"):
        running.tasks_of_course()


@pytest.mark.long
def test_the_commands(tiny: nbformat.NotebookNode, tmp_path: Path) -> None:
    run, out, marks = CliRunner(), tmp_path / "out", tmp_path / "m.csv"
    done = run.invoke(main, ["student", str(out), "--lesson", "5"])
    assert done.exit_code == 0 and done.output.strip() == str(out / "05_tiny.ipynb")
    beside = {"conventions.ipynb", "glossary.ipynb", "method.ipynb", "playground.ipynb"}
    assert {path.name for path in out.iterdir()} == {"05_tiny.ipynb", *beside}
    again = run.invoke(main, ["student", str(out)])
    assert again.exit_code == 2 and "may hold somebody's work" in again.output
    none = run.invoke(main, ["student", str(tmp_path / "other"), "--lesson", "12"])
    assert none.exit_code == 2 and "lessons with exercises are 05" in none.output and not (tmp_path / "other").exists()
    checked = run.invoke(main, ["check", str(out), "--out", str(marks)])
    assert checked.exit_code == 0 and "05_tiny: 0 of 3 points" in checked.output
    assert [line.rpartition(",")[2] for line in marks.read_text().splitlines()[1:]] == ["nothing here yet"] * 2
    for folder, words in ((tmp_path / "not there", "is not a folder"), (tmp_path / "course" / "x", "is not a folder")):
        refused = run.invoke(main, ["check", str(folder)])
        assert refused.exit_code == 2 and words in refused.output
    (tmp_path / "bare").mkdir()
    assert "no notebooks" in run.invoke(main, ["check", str(tmp_path / "bare")]).output


@pytest.mark.parametrize(
    ("source", "cleared"),
    [
        ("def f(x):\n    ### BEGIN SOLUTION\n    return x\n    ### END SOLUTION", "def f(x):\n    " + students.STUB),
        ("### BEGIN SOLUTION\na = [i for i in (1, 2)]\nb, c = 2, 3\n### END SOLUTION\nprint(a)",
         "a = None  # your code here\nb = None  # your code here\nc = None  # your code here\nprint(a)"),
        ("### BEGIN SOLUTION\ndef f():\n    return 1\n### END SOLUTION", "f = None  # your code here"),
        ("x = 1", "x = 1"),
    ],
)  # fmt: skip
def test_a_solution_is_cleared(source: str, cleared: str) -> None:
    assert students.clear_solution(source) == cleared


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("### BEGIN SOLUTION\nx = 1", "does not end"),
        ("x = 1\n### END SOLUTION", "did not begin"),
        ("### BEGIN SOLUTION\n### BEGIN SOLUTION", "inside another"),
    ],
)
def test_markers_come_in_pairs(source: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        students.clear_solution(source)


def test_a_solution_cell_without_markers_is_an_error_of_the_master() -> None:
    with pytest.raises(ValueError, match="cell 0, nme: a solution cell without"):
        students.student_copy(new_notebook(cells=cells("nme", "def nme():\n    return 1", 1)))
