"""What was written before the modules moved into rooms still loads, runs and is marked.

The samples in `tests/data/before_the_move` were made by the version before: models and where they put their vertices,
a progress file, the notebooks of a student, and the marks that they got.
"""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
import sys
import warnings
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

import asm_teach as asm
from asm_teach.course import old_names, progress
from asm_teach.course.marking.grading import grade

SAMPLES = Path(__file__).parents[1] / "data" / "before_the_move"
IMPORTS = [line.split() for line in (SAMPLES / "imports.txt").read_text("utf-8").splitlines()]


@pytest.mark.parametrize(("module", "name"), IMPORTS)
def test_an_import_of_the_old_lessons_still_works(module: str, name: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        exec(f"from {module} import {name}", found := {})
    assert found[name] is not None


def test_an_old_name_gives_the_same_thing_and_says_where_it_is_now() -> None:
    from asm_teach.drawing.plots import look

    with pytest.warns(DeprecationWarning, match="write `from asm_teach.drawing.plots import look`"):
        from asm_teach.plots import look as old
    assert old is look
    from asm_teach.data import load_head  # of an old module whose name is a room's now: the room lists it

    assert load_head is asm.load_head
    with pytest.warns(DeprecationWarning, match="write `from asm_teach.view_fit.landmark_term import LandmarkTerm`"):
        from asm_teach.pointterm import PointTerm
    assert PointTerm.__name__ == "LandmarkTerm"


def test_what_was_never_there_is_an_error_as_ever() -> None:
    for name in ("asm_teach.plotz", "plots", "asm_teach.drawing.mesh"):
        with pytest.raises(ModuleNotFoundError):
            import_module(name)
    with pytest.raises(ImportError, match="cannot import name 'lok' from 'asm_teach.plots'"):
        from asm_teach.plots import lok  # noqa: F401
    with pytest.raises(AttributeError, match="No asm_teach.data attribute load_heads"):
        import_module("asm_teach.data").load_heads  # noqa: B018


def test_every_row_of_the_table_is_needed() -> None:
    modules = {module.removeprefix("asm_teach.") for module, _ in IMPORTS}
    assert set(old_names.MODULES) <= modules
    for old in old_names.NAMES:
        assert old.rpartition(".")[0] in modules


def test_a_notebook_shows_the_warning_at_its_own_line() -> None:
    code = "from asm_teach.alignment import align_points\nfrom asm_teach.transforms import Rig"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.count("DeprecationWarning") == 2 and "<string>:2:" in done.stderr


def test_a_script_from_before_finds_the_command_line() -> None:
    code = "import sys; from asm_teach.cli import main; sys.argv = ['asm-teach', '--version']; main()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == f"asm-teach, version {asm.__version__}\n"


@pytest.mark.parametrize("kind", ["adaptive", "static"])
def test_an_old_model_loads_and_puts_its_vertices_where_it_did(kind: str) -> None:
    model = asm.load_model(SAMPLES / f"{kind}.npz")
    assert type(model).__name__ == f"{kind.title()}SkinningModel"
    with np.load(SAMPLES / "vertices.npz") as before:
        assert np.allclose(model().detach().numpy(), before[kind], rtol=0, atol=1e-4)


def test_an_old_progress_file_is_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = shutil.copy(SAMPLES / "progress.json", tmp_path)
    monkeypatch.setenv("ASM_TEACH_PROGRESS", str(file))
    row = next(row for row in progress().rows if row.lesson == "04")
    assert (row.right, row.tries, row.hints, row.answered) == (1, 2, 1, 1)
    assert json.loads(Path(file).read_text()) == json.loads((SAMPLES / "progress.json").read_text())


@pytest.mark.long
def test_old_notebooks_get_the_marks_that_they_got() -> None:
    """Their set-up cells import from `asm_teach.course.lesson04` and `asm_teach.course.lesson06`."""
    with (SAMPLES / "marks.csv").open(newline="", encoding="utf-8-sig") as stream:
        before = [
            (row["lesson"], row["exercise"], int(row["points"]), row["message"]) for row in csv.DictReader(stream)
        ]
    marks = grade(SAMPLES)
    assert [(mark.lesson, mark.exercise, mark.points, mark.message) for mark in marks] == before
    assert sum(mark.points for mark in marks) == 17
