"""The words and phones of a sentence by its sound alone, and what is refused."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import torch

from asm_teach.beyond.speech.listening import listen
from asm_teach.beyond.speech.sentence import read_sentence
from asm_teach.beyond.speech.sound import RATE, Sound
from tests.beyond.speech.spoken import files, sound

SHORT = 4  # the sentence that is quickest to hear


def test_words_that_are_given_get_the_times_of_the_file() -> None:
    """The file was made by the same program, from the same words."""
    known = read_sentence(*files(SHORT))
    found = listen(known.sound, "He might even, have been made amiable himself!")
    assert found.text == known.text
    assert [phone.name for phone in found.phones] == [phone.name for phone in known.phones]
    off = [abs(ours.begin - theirs.begin) for ours, theirs in zip(found.phones, known.phones, strict=True)]
    assert max(off) < 0.05 and np.median(off) < 0.005


def test_words_are_guessed() -> None:
    known = read_sentence(*files(SHORT))
    found = listen(known.sound)
    assert len(set(found.text.split()) & set(known.text.split())) >= 5  # of eight
    assert found.phones[-1].end == pytest.approx(known.sound.seconds)


def test_what_cannot_be_heard_is_said() -> None:
    known = read_sentence(*files(SHORT)).sound
    for words, told in (
        ("", "there is no word in them"),
        ("he might zzgrx", "the dictionary does not know 'zzgrx'"),
        ("the quick brown fox jumps over the lazy dog and runs away to the mountain", "do not fit the sound"),
    ):
        with pytest.raises(ValueError, match=f"^words: .*{told}"):
            listen(known, words)
    noise = torch.from_numpy(0.1 * np.random.default_rng(0).standard_normal(RATE))
    for mute in (sound(1.0), Sound("noise", noise)):
        with pytest.raises(ValueError, match=f"^{mute.name}: no word was heard in it"):
            listen(mute)


def test_a_missing_package_is_named_with_its_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pocketsphinx", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'asm_teach\[speech\]'"):
        listen(sound(1.0), "yes")
