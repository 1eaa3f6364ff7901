"""A person makes a micro-expression larger by keyboard alone, in JupyterLab, and reads how large it is.

With ASM_TEACH_PICTURES=docs/images the run also renews motion_magnifier.webp there.
"""

from __future__ import annotations

import pytest

from .conftest import Opener
from .harness import NO_BROWSER, LabPage, chromium, keep_picture

pytestmark = [
    pytest.mark.browser,
    pytest.mark.timeout(240),
    pytest.mark.skipif(chromium() is None, reason=NO_BROWSER),
]

CELLS = [
    """
import asm_teach as asm
from asm_teach.widgets import MotionMagnifier

magnifier = MotionMagnifier(asm.load_head())
magnifier.show("smile", 0.1, 14)
magnifier
"""
]


@pytest.fixture(scope="module")
def lab(open_cells: Opener) -> LabPage:
    return open_cells("magnifier.ipynb", CELLS, size=(1366, 768))


def test_the_arrow_keys_make_it_larger_and_the_words_follow(lab: LabPage) -> None:
    said = lab.page.get_by_role("status").filter(has_text="shown 14 times as large")
    assert "smile (6 cheek raiser + 12 lip corner puller) at 10%" in said.inner_text()
    arrows = lab.page.locator(".jp-OutputArea img").last
    before = arrows.get_attribute("src")
    lab.page.locator(".noUi-handle").last.focus()
    lab.page.keyboard.press("ArrowRight")
    larger = lab.page.get_by_role("status").filter(has_text="shown 15 times as large")
    larger.wait_for(timeout=20_000)
    lab.page.wait_for_function(
        "old => [...document.querySelectorAll('.jp-OutputArea img')].at(-1).src !== old", arg=before
    )
    assert lab.problems() == []


def test_heads_and_arrows_fit_on_the_screen_of_a_laptop(lab: LabPage) -> None:
    widget = lab.show(".jp-OutputArea-output .widget-vbox")
    keep_picture(widget.screenshot(), "motion_magnifier.webp")
    box = widget.bounding_box()
    assert box and box["height"] <= 640
    places = [lab.page.locator(name).last.bounding_box() for name in (".jupyter-threejs", ".jp-OutputArea img")]
    assert places[0] and places[1] and places[1]["x"] > places[0]["x"] + 500  # beside, not below
