"""Hand-ins that want to deceive, or that would end the marking: each costs its own points and no others."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell

from asm_teach.course.checks.checking import NOTHING
from asm_teach.course.marking import grading, students
from asm_teach.course.marking.grading import grade
from asm_teach.course.marking.marks import Mark, write_marks
from tests.course.tiny_course import SOLUTIONS, handed_in

RIGHT = "largest_K = 8"
EMPTY = "def nme(p, q, a, b):\n    raise NotImplementedError  # your code here"
PATCH_JUDGE = """import asm_teach.course.checks.checking as k
k.Exercise.judge = k.Exercise.__call__ = lambda self, *answers: k.Verdict(True, "right")
"""
PATCH_COMPARING = """import asm_teach.course.checks.comparing as k, asm_teach.course.lessons.lesson05 as l
k.equal = l.equal = lambda *given, **more: True
l.compare = lambda *given: None
"""
PATCH_HERE = """import asm_teach.course.marking.desk as s, asm_teach.course.marking.plain_data as p
s.to_plain = p.to_plain = lambda *given: {"ok": True, "message": "right"}
s.Desk.call = s.Desk.take = lambda *given: {"ok": True, "message": "right", "values": [True], "result": True}
"""
FORGED = """import asm_teach.course.checks.checking as k
import IPython
from IPython.display import display
class V:
    def _repr_mimebundle_(self, **_): return {k.VERDICT: %s}
IPython.get_ipython().events.register("post_run_cell", lambda *_: display(V()))
"""
BY_HEART = """import asm_teach.course.lessons.lesson05 as l, torch
right = []
class Stop(Exception): pass
def spy(given, value, *more):
    right.append(value)
    raise Stop
l.compare = spy
l.check = None
from asm_teach.course.checks.checking import find
find("nme").judge(lambda *given: 0.0)
def nme(p, q, a, b):
    return right[0]
"""


def rows(folder: Path, limit: float = 30) -> dict[tuple[str, str], Mark]:
    return {(mark.student, mark.exercise): mark for mark in grade(folder, limit)}


@pytest.mark.long
@pytest.mark.parametrize(
    "before",
    [PATCH_JUDGE, PATCH_COMPARING, PATCH_HERE, FORGED % '{"ok": True, "message": "right"}', FORGED % '{"x": 1}'],
    ids=["judge", "comparing", "process", "forged", "forged without a verdict"],
)
def test_an_empty_answer_gets_no_points(tiny: nbformat.NotebookNode, tmp_path: Path, before: str) -> None:
    handed_in(tiny, tmp_path / "class" / "ann.ipynb", before + EMPTY)
    marks = grade(tmp_path / "class", 30)
    assert [mark.points for mark in marks] == [0, 0] and sum(mark.of for mark in marks) == 3


@pytest.mark.long
def test_an_answer_that_knows_the_usual_inputs_is_wrong(tiny: nbformat.NotebookNode, tmp_path: Path) -> None:
    handed_in(tiny, tmp_path / "class" / "ann.ipynb", BY_HEART, RIGHT)
    assert [mark.points for mark in grade(tmp_path / "class", 30)] == [0, 1]


@pytest.mark.long
def test_an_output_that_says_right_is_not_read(tiny: nbformat.NotebookNode, tmp_path: Path) -> None:
    copy = handed_in(tiny, tmp_path / "class" / "ann.ipynb")
    for cell in copy.cells:
        if students.is_check(cell):
            verdict = {"application/vnd.asm-teach.verdict+json": {"ok": True, "message": "right"}}
            cell.outputs = [nbformat.v4.new_output("display_data", verdict)]
    nbformat.write(copy, tmp_path / "class" / "ann.ipynb")
    assert {mark.message for mark in grade(tmp_path / "class", 30)} == {NOTHING}


@pytest.mark.long
@pytest.mark.parametrize(
    ("nme", "words"),
    [
        ("import os\nos._exit(0)", "does not run: it ends Python, with exit code 0"),
        ("def nme(*given):\n    import ctypes\n    ctypes.string_at(0)", "Python crashes there (SIGSEGV)"),
        ("def nme(*given):\n    raise SystemExit(3)", "with SystemExit: 3"),
        ("def nme(*given):\n    return bytearray(2**36)", "MemoryError"),
        ("def nme(*given):\n    while True: print('x' * 10**6)", "longer than 5 seconds"),
    ],
)
def test_an_answer_that_ends_the_process_costs_its_own_points(
    tiny: nbformat.NotebookNode, tmp_path: Path, nme: str, words: str
) -> None:
    handed_in(tiny, tmp_path / "class" / "ann.ipynb", nme, RIGHT)
    found = rows(tmp_path / "class", 5)
    assert words in found["ann", "nme"].message and found["ann", "nme"].points == 0
    assert found["ann", "largest_K"].points == 1


@pytest.mark.long
def test_a_cell_of_no_answer_that_ends_the_process_is_named(tiny: nbformat.NotebookNode, tmp_path: Path) -> None:
    copy = handed_in(tiny, tmp_path / "class" / "ann.ipynb", "def nme(*given):\n    return helper(*given)", RIGHT)
    copy.cells.insert(3, new_code_cell("def helper(*given): return 0\nimport os\nos._exit(2)"))
    nbformat.write(copy, tmp_path / "class" / "ann.ipynb")
    found = rows(tmp_path / "class")
    assert "a cell of the notebook was left out: does not run: it ends Python" in found["ann", "nme"].message
    assert found["ann", "largest_K"].points == 1


def test_an_error_of_the_marking_itself_is_a_row(
    tiny: nbformat.NotebookNode, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> list[Mark]:
        raise RecursionError("too\ndeep")

    monkeypatch.setattr(grading, "_mark", broken)
    kept: list[int] = []
    for name in ("ann", "ben"):
        handed_in(tiny, tmp_path / "class" / f"{name}.ipynb")
    marks = grade(tmp_path / "class", keep=lambda marks: kept.append(len(marks)))
    assert [mark.message for mark in marks] == [
        "ann.ipynb cannot be marked: RecursionError: too",
        "ben.ipynb cannot be marked: RecursionError: too",
    ]
    assert kept == [1, 2]


def test_renamed_exercises_are_a_row(tiny: nbformat.NotebookNode, tmp_path: Path) -> None:
    copy = handed_in(tiny, tmp_path / "class" / "05_ann.ipynb", SOLUTIONS["nme"], RIGHT)
    for cell in copy.cells:
        if students.nbgrader_of(cell):
            cell.metadata.nbgrader.grade_id = "my_" + cell.metadata.nbgrader.grade_id
    nbformat.write(copy, tmp_path / "class" / "05_ann.ipynb")
    (mark,) = grade(tmp_path / "class")
    assert (mark.points, mark.of) == (0, 3) and "has no exercises of this course" in mark.message


def test_no_text_of_a_student_is_a_formula_or_breaks_the_table(tmp_path: Path) -> None:
    texts = ["=cmd|' /C calc'!A1", " =1+1", "\n=1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "＝1", 'a","b', "a\nb",
             "\x00\x1b[31m\u202e", "\udcff", "plain"]  # fmt: skip
    marks = [Mark(text, "05", "nme", 0, 2, text) for text in texts]
    write_marks(marks, tmp_path / "marks.csv")
    write_marks(marks, tmp_path / "marks.json")
    with (tmp_path / "marks.csv").open(newline="", encoding="utf-8-sig") as stream:
        table = list(csv.DictReader(stream, strict=True))
    assert len(table) == len(texts) and all(row["points"] == "0" and row["of"] == "2" for row in table)
    for row in table:
        assert not row["message"].lstrip().startswith(tuple("=+-@＝")) and row["message"] == row["student"]
        assert row["message"].replace("\n", "").isprintable()
    listed = json.loads((tmp_path / "marks.json").read_text(encoding="utf-8"))
    assert (
        [row["student"] for row in listed][:2] == texts[:2] and listed[0]["points"] == 0 and len(listed) == len(texts)
    )
