"""A person moves lambda by keyboard alone and hears its numbers, in JupyterLab."""

from __future__ import annotations

import pytest

from .conftest import Opener
from .harness import NO_BROWSER, chromium

pytestmark = [
    pytest.mark.browser,
    pytest.mark.timeout(240),
    pytest.mark.skipif(chromium() is None, reason=NO_BROWSER),
]

CELL = """
import json
from asm_teach.data.assets import data_dir
from asm_teach.widgets import ShortcutExplorer

explorer = ShortcutExplorer(json.loads((data_dir() / "shortcuts.json").read_text()))
explorer
"""


def test_an_arrow_key_goes_to_the_next_lambda_and_the_words_follow(open_cells: Opener) -> None:
    page = open_cells("shortcuts.ipynb", [CELL])
    said = page.page.locator(".asm-said")
    said.wait_for()
    assert said.inner_text().startswith("λ = 0: F1 on new people")
    assert said.get_attribute("aria-live") == "polite"
    page.page.locator(".noUi-handle").focus()
    page.page.keyboard.press("ArrowRight")
    page.page.wait_for_function("() => document.querySelector('.asm-said').innerText.startsWith('λ = 0.02:')")
    assert page.evaluate("print(explorer.slider.value)").strip() == "1"
    picture = page.page.locator(".widget-image, .jupyter-widgets img").last.bounding_box()
    assert picture is not None and picture["width"] > 300
