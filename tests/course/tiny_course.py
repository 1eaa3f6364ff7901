"""A course of one short lesson, for the tests of marking."""

from __future__ import annotations

from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell

from asm_teach.course.marking import students

SOLUTIONS = {
    "nme": "def nme(p, q, a, b):\n    ### BEGIN SOLUTION\n"
    "    return 100 * (p - q).norm(dim=1).mean() / (a - b).norm()\n    ### END SOLUTION",
    "largest_K": "### BEGIN SOLUTION\nlargest_K = 8\n### END SOLUTION",
}


def cells(name: str, source: str, points: int) -> list[nbformat.NotebookNode]:
    common = {"schema_version": 3, "task": False}
    answer = {"grade": False, "solution": True, "locked": False, "grade_id": name, **common}
    judged = {"grade": True, "solution": False, "locked": True, "grade_id": f"{name}-check", "points": points, **common}
    return [
        new_code_cell(source, metadata={"nbgrader": answer}),
        new_code_cell(f"check.{name}({name})", metadata={"nbgrader": judged}),
    ]


def handed_in(tiny: nbformat.NotebookNode, path: Path, nme: str = "", largest_K: str = "") -> nbformat.NotebookNode:
    copy = students.student_copy(tiny)
    for cell in copy.cells:
        source = {"nme": nme, "largest_K": largest_K}.get(students.exercise_of(cell), "")
        if students.is_solution(cell) and source:
            cell.source = source
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(copy, path)
    return copy
