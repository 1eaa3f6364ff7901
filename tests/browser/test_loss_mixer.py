"""A person mixes the losses of a mouth's fit by keyboard alone, in JupyterLab, and reads what another reader sees.

With ASM_TEACH_PICTURES=docs/images the run also renews loss_mixer.webp there.
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
import numpy as np
import asm_teach as asm
from asm_teach.beyond.mouth.films import detected, draw_film, film_times, looks_by_lot, phones_by_lot
from asm_teach.beyond.mouth.lip_readers import load_lip_reader
from asm_teach.beyond.mouth.mouth_crops import load_mouth
from asm_teach.widgets import LossMixer

head, generator = asm.load_head(), np.random.default_rng(3)
mouth = load_mouth(head)
looks = looks_by_lot(head, mouth, 410, generator, True)
film = draw_film(mouth, looks, phones_by_lot(generator, 1.0), film_times(0.1, 12), generator)
points = detected(mouth.marks(mouth.vertices(film.amounts, film.view.rest), film.view.matrix), generator)
mixer = LossMixer(mouth, film, points, load_lip_reader("A"), load_lip_reader("B"))
mixer
"""
]
PICTURE = ".jp-OutputArea .widget-image"


@pytest.fixture(scope="module")
def lab(open_cells: Opener) -> LabPage:
    return open_cells("mixer.ipynb", CELLS, size=(1366, 768))


def test_the_arrow_keys_add_a_loss_and_the_mouths_and_words_follow(lab: LabPage) -> None:
    said = lab.page.locator(".asm-said")
    words, picture = said.inner_text(), lab.page.locator(PICTURE).get_attribute("src")
    assert words.startswith("lips ") and "B reads in the film" in words and said.get_attribute("aria-live") == "polite"
    lab.page.locator(".noUi-handle").nth(1).focus()
    lab.page.keyboard.press("ArrowRight")
    lab.page.wait_for_function("old => document.querySelector('.asm-said').innerText !== old", arg=words)
    lab.page.wait_for_function(f"old => document.querySelector('{PICTURE}').src !== old", arg=picture)
    assert lab.evaluate("print(round(mixer.sliders['photometric'].value))").strip() == "10"
    assert lab.problems() == []


def test_mouths_and_sliders_fit_on_the_screen_of_a_laptop(lab: LabPage) -> None:
    lab.evaluate("mixer.mix(1.0, 0.0, 20.0)")
    widget = lab.show(".jp-OutputArea-output .widget-vbox")
    keep_picture(widget.screenshot(), "loss_mixer.webp")
    box, mouths = widget.bounding_box(), lab.page.locator(PICTURE).bounding_box()
    assert box and mouths and box["height"] <= 640 and mouths["width"] == 9 * 96


def test_no_weight_at_all_is_said_in_words_that_stand_out(lab: LabPage) -> None:
    for place in (0, 1, 2):
        lab.page.locator(".noUi-handle").nth(place).focus()
        lab.page.keyboard.press("Home")
    trouble = lab.page.locator(".asm-trouble")
    trouble.wait_for(timeout=20_000)
    assert trouble.inner_text().startswith("all weights are 0")
