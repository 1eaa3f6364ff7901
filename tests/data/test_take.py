"""The take that comes with the package is what its recipe makes of the fetched one."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

from asm_teach.data.assets import AssetUnavailable, data_dir

RECIPE = Path(__file__).parents[2] / "data" / "recipe" / "take.py"


def test_the_recipe_makes_the_take_that_lesson_10_plays() -> None:
    try:
        text = runpy.run_path(str(RECIPE))["table"]()
    except AssetUnavailable as error:
        pytest.skip(f"no fetched files: {error}")
    assert text == (data_dir() / "take.csv").read_text(encoding="utf-8")
    assert len(text.splitlines()) == 91 and text.startswith("time,eye")
