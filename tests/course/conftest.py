"""Fixtures of several tests of the course."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from asm_teach.course.marking import running, students
from tests.course.tiny_course import SOLUTIONS, cells


@pytest.fixture
def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[nbformat.NotebookNode]:
    """A course of one short lesson."""
    notebook = new_notebook(
        cells=[
            new_markdown_cell("A lesson."),
            new_code_cell("hundred = 100\nassert 'slow' == 'not run for marks'"),
            new_code_cell("extra = 1", metadata={"tags": [students.SETUP]}),
            *cells("nme", SOLUTIONS["nme"], 2),
            *cells("largest_K", SOLUTIONS["largest_K"], 1),
        ]
    )
    path = tmp_path / "course" / "05_tiny.ipynb"
    path.parent.mkdir()
    nbformat.write(notebook, path)
    monkeypatch.setattr(students, "masters", lambda: [path])
    for known in (running.tasks_of_course, running._master_cells):
        known.cache_clear()
    yield notebook
    for known in (running.tasks_of_course, running._master_cells):
        known.cache_clear()
