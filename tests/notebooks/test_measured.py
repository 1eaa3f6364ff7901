"""The script that measures how long notebooks take cleans up behind one that fails."""

from __future__ import annotations

import importlib.util
import os
import threading
from pathlib import Path

import nbformat
import pytest
from nbclient.exceptions import CellExecutionError
from nbformat.v4 import new_code_cell, new_notebook

_file = Path(__file__).parents[1] / "benchmarks" / "notebooks.py"
_spec = importlib.util.spec_from_file_location("measured_notebooks", _file)
assert _spec and _spec.loader
measured = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(measured)


def test_a_notebook_that_fails_leaves_no_watch_and_no_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASM_TEACH_PROGRESS", "mine")
    path = tmp_path / "a.ipynb"
    source = "import os; assert os.environ['ASM_TEACH_PROGRESS'].endswith('progress.json'), 'mine'\nraise ValueError(7)"
    nbformat.write(new_notebook(cells=[new_code_cell(source)]), path)
    with pytest.raises(CellExecutionError, match=r"ValueError.*: 7"):
        measured.run(path)
    assert os.environ["ASM_TEACH_PROGRESS"] == "mine"
    assert not any(isinstance(thread, measured.Watch) for thread in threading.enumerate())
