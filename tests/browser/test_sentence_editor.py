"""A person writes a sentence by keyboard alone, hears what became of it, and meets a word it does not know."""

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
import asm_teach as asm
from asm_teach.beyond.driving.text_editor import load_editing
from asm_teach.widgets import SentenceEditor

editor = SentenceEditor(load_editing(asm.load_head()))
editor
"""


def test_a_sentence_is_written_and_its_words_are_heard(open_cells: Opener) -> None:
    page = open_cells("sentence.ipynb", [CELL])
    said = page.page.locator(".asm-said")
    said.wait_for()
    assert said.inner_text().startswith("understood: much: smile") and said.get_attribute("aria-live") == "polite"
    field = page.page.locator(".widget-text input")
    field.fill("a face with an open mouth")
    field.press("Enter")
    page.page.wait_for_function("() => document.querySelector('.asm-said')?.innerText.includes('much: open mouth')")
    field.fill("a face with a beard")
    field.press("Enter")
    trouble = page.page.locator(".asm-trouble")
    trouble.wait_for()
    assert trouble.inner_text().startswith("unknown word 'beard'")
    assert page.evaluate("print(editor.sentence.value)").strip() == "a face with a beard"
