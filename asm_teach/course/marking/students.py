"""Student copies: the notebooks of the course without solutions and outputs.

A copy lacks what stands between `### BEGIN SOLUTION` and `### END SOLUTION`. The cells carry nbgrader's metadata and
markers, so nbgrader can work with them too; the course does not need it.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode

from asm_teach.base.files import NOTEBOOKS

BEGIN, END = "### BEGIN SOLUTION", "### END SOLUTION"
_ABOUT_SOLUTIONS = re.compile(rf"\s*\([^()]*{BEGIN}[^()]*\)")  # a sentence to readers of a master
STUB = "raise NotImplementedError  # your code here"
SETUP = "exercise-setup"  # the tag of the cells that exercises need to have run


def nbgrader_of(cell: NotebookNode) -> dict[str, Any]:
    """nbgrader's metadata of a cell; empty if it has none."""
    found = cell.get("metadata", {}).get("nbgrader", {})
    return dict(found) if isinstance(found, dict) else {}


def is_solution(cell: NotebookNode) -> bool:
    """Whether a learner writes into this cell."""
    return cell.cell_type == "code" and nbgrader_of(cell).get("solution") is True


def is_check(cell: NotebookNode) -> bool:
    """Whether this cell checks an exercise."""
    return cell.cell_type == "code" and nbgrader_of(cell).get("grade") is True


def exercise_of(cell: NotebookNode) -> str:
    """The name of the exercise that a solution or check cell belongs to."""
    return str(nbgrader_of(cell).get("grade_id", "")).removesuffix("-check")


def clear_solution(source: str) -> str:
    """The source of a cell with each marked region replaced.

    Inside a function a line that raises NotImplementedError takes its place. At the left margin such a line would stop
    the notebook, so there the assigned names become None.

    Raises:
        ValueError: if the markers do not come in pairs.
    """
    kept: list[str] = []
    region: list[str] | None = None
    for line in source.split("\n"):
        if line.strip() == BEGIN:
            if region is not None:
                raise ValueError(f"a solution begins inside another one: {line.strip()}")
            region, indent = [], line[: len(line) - len(line.lstrip())]
        elif line.strip() == END:
            if region is None:
                raise ValueError("a solution ends that did not begin")
            kept += [indent + STUB] if indent else [f"{name} = None  # your code here" for name in _assigned(region)]
            region = None
        elif region is None:
            kept.append(line)
        else:
            region.append(line)
    if region is not None:
        raise ValueError(f"a solution begins and does not end: {END} is missing")
    return "\n".join(kept)


def _assigned(lines: Sequence[str]) -> Iterable[str]:
    """The names that a piece of code at the left margin gives a value to, in order."""
    names: dict[str, None] = {}
    for statement in ast.parse("\n".join(lines)).body:
        if isinstance(statement, (ast.FunctionDef, ast.ClassDef)):
            names[statement.name] = None
        targets = statement.targets if isinstance(statement, ast.Assign) else [getattr(statement, "target", None)]
        for node in (node for target in targets if target is not None for node in ast.walk(target)):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                names[node.id] = None
    return names


def student_copy(notebook: NotebookNode) -> NotebookNode:
    """A copy of a master without solutions and outputs; the master stays as it is.

    Its check cells cannot be edited, and its exercise cells cannot be deleted by mistake.

    Raises:
        ValueError: if its solutions are not marked properly.
    """
    copy = nbformat.from_dict(notebook)
    for cell in copy.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    for index, cell in enumerate(copy.cells):
        if cell.cell_type == "code" and BEGIN in cell.source:
            cell.source = clear_solution(cell.source)
        elif is_solution(cell):
            raise ValueError(f"cell {index}, {exercise_of(cell)}: a solution cell without {BEGIN}")
        elif cell.cell_type == "markdown":
            cell.source = _ABOUT_SOLUTIONS.sub("", cell.source)
        if nbgrader_of(cell):
            cell.metadata["deletable"] = False
        if nbgrader_of(cell).get("locked") is True:
            cell.metadata["editable"] = False
    return copy


def number_of(path: Path) -> str:
    """The number of a lesson, as the name of its notebook begins: "05", or "00b" for the tensors."""
    return path.name.partition("_")[0]


def notebooks() -> list[Path]:
    """All notebooks of the course, as their authors keep them.

    Raises:
        ValueError: if they are not here.
    """
    found = sorted(NOTEBOOKS.glob("*.ipynb"))
    if not found:
        raise ValueError(f"the notebooks of the course are not in {NOTEBOOKS}: install asm_teach again")
    return found


def masters() -> list[Path]:
    """Those of them that have exercises.

    Raises:
        ValueError: if the notebooks are not here.
    """
    return [path for path in notebooks() if _has_exercises(path)]


def without_exercises() -> list[Path]:
    """Those of them that have none, such as the playground."""
    return [path for path in notebooks() if not _has_exercises(path)]


def _has_exercises(path: Path) -> bool:
    return re.search(r'"solution":\s*true', path.read_text(encoding="utf-8")) is not None
