"""The sentence editor without a browser: its words, its pictures, and words that it does not know."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

import asm_teach as asm
from asm_teach.beyond.driving.text_editor import load_editing
from asm_teach.widgets import SentenceEditor
from tests.widgets.parts import close_widgets  # noqa: F401


@pytest.fixture
def editor() -> SentenceEditor:
    return SentenceEditor(load_editing(asm.load_head()))


def rows(editor: SentenceEditor) -> tuple[np.ndarray, np.ndarray]:
    picture = np.asarray(Image.open(io.BytesIO(editor.still()))).astype(int)
    assert picture.shape == (384, 576)
    return picture[:192], picture[192:]


def test_a_sentence_changes_the_lower_row_and_the_words(editor) -> None:
    before, after = rows(editor)
    assert np.abs(before - after).mean() > 0.3
    assert "understood: much: smile; changed: " in editor.text and "identity lost: " in editor.text
    editor.sentence.value = "a face with lowered brows and an open mouth"
    assert "little: raised brows" in editor.text and "much: open mouth" in editor.text
    assert np.array_equal(rows(editor)[0], before) and not np.array_equal(rows(editor)[1], after)
    editor.strength.value = 0.0
    assert "changed: nothing; identity lost: 0.00 mm" in editor.text
    editor.show("a head", person=8)
    assert editor.person.value == 8 and "understood: nothing to change" in editor.text


def test_an_unknown_word_or_none_is_named_and_changes_nothing(editor) -> None:
    editor.sentence.value = "a face with a beard"
    assert "unknown word 'beard'; the encoder learned" in editor.text
    assert "asm-trouble" in editor._said.value
    before, after = rows(editor)
    assert np.array_equal(before, after)
    editor.sentence.value = ""
    assert "there is no word in ''" in editor.text


def test_bad_input_is_refused(editor) -> None:
    with pytest.raises(ValueError, match="person is 100"):
        editor.show("a face", person=100)
    with pytest.raises(ValueError, match="strength is 9"):
        SentenceEditor(editor.editing, strength=9)
