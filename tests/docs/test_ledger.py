"""The ledger holds: every equation has its code, its lesson and its tests, and none of these points nowhere."""

from __future__ import annotations

import importlib.util
import json
import sys
from types import ModuleType

import pytest

from asm_teach.data.assets import data_dir

DOCS = data_dir().parent / "docs"


def _load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_ledger", DOCS / "make_ledger.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


ledger = _load()
TAGS = sorted(ledger.LEDGER)


def test_every_equation_of_the_method_has_an_entry_and_no_other():
    numbers = list(ledger.equations())
    assert len(numbers) == len(set(numbers)) > 20
    assert sorted(numbers) == TAGS


@pytest.mark.parametrize("tag", TAGS)
def test_the_code_is_there_and_says_its_equation(tag):
    entry = ledger.LEDGER[tag]
    assert entry.code
    for name in entry.code:
        *_, words = ledger.code_of(name)
        assert f"eq. ({tag})" in words, f"{name}: its docstring does not name eq. ({tag})"


@pytest.mark.parametrize("tag", TAGS)
def test_one_cell_of_the_lesson_states_it_and_code_follows(tag):
    entry = ledger.LEDGER[tag]
    assert entry.lessons
    for notebook, words in entry.lessons:
        found = ledger.lesson_cells(notebook, words)
        assert found, f"{notebook}: no cell with {words!r}"
        # the text of an exercise may stand between
        cells = json.loads((DOCS.parent / "notebooks" / f"{notebook}.ipynb").read_text(encoding="utf-8"))["cells"]
        assert "code" in {cell["cell_type"] for cell in cells[found[0] + 1 : found[0] + 4]}, (
            f"{notebook}: no code follows"
        )


@pytest.mark.parametrize("tag", TAGS)
def test_its_tests_are_there(tag):
    entry = ledger.LEDGER[tag]
    assert entry.tests
    for name in entry.tests:
        assert ledger.test_line(name) > 0


def test_the_page_is_up_to_date():
    assert (DOCS / "ledger.md").read_text(encoding="utf-8") == ledger.page(), "run python docs/make_ledger.py"
