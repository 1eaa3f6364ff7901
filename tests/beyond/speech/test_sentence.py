"""Phones and words of a sentence are read as they are, and phones that cannot be are refused with words."""

from __future__ import annotations

from pathlib import Path

import pytest

from asm_teach.beyond.speech.sentence import SILENCE, Timed, read_phones, read_sentence, sentence_of
from tests.beyond.speech.spoken import files, sound, write_hum, write_phones


def test_the_first_sentence() -> None:
    sentence = read_sentence(*files(0))
    assert sentence.text.startswith("and mister john dashwood had then leisure to consider")
    assert sentence.text.split()[-2:] == ["for", "them"]
    expected = (Timed(SILENCE, 0.0, 0.2), Timed("AE", 0.2, 0.31), Timed("N", 0.31, 0.34))
    assert [phone.name for phone in sentence.phones[:3]] == [phone.name for phone in expected]
    assert [phone[1:] for phone in sentence.phones[:3]] == [pytest.approx(phone[1:]) for phone in expected]
    assert sentence.phones[-1].end == pytest.approx(7.1) == sentence.sound.seconds


@pytest.mark.parametrize("number", range(5))
def test_phones_follow_each_other_from_the_beginning_to_the_end(number: int) -> None:
    sentence = read_sentence(*files(number))
    assert sentence.phones[0].begin == 0 and sentence.phones[-1].end == pytest.approx(sentence.sound.seconds, abs=0.02)
    for before, after in zip(sentence.phones[:-1], sentence.phones[1:], strict=True):
        assert after.begin == pytest.approx(before.end, abs=0.0015) and after.end > after.begin


def test_gaps_are_silence_and_stress_and_noise_are_left_out(tmp_path: Path) -> None:
    path = write_phones(tmp_path / "p.json", ("ah0", 0.2, 0.3), ("+NSN+", 0.5, 0.1), ("M", 0.6, 0.3),
                        words=("am(2)", "<sil>"))  # fmt: skip
    sentence = sentence_of(sound(1.0), *read_phones(path), "p.json")
    assert [phone.name for phone in sentence.phones] == [SILENCE, "AH", SILENCE, "M", SILENCE]
    assert sentence.phones[-1].end == 1.0 and sentence.text == "am"


def test_phones_that_cannot_be_are_refused(tmp_path: Path) -> None:
    wav = write_hum(tmp_path / "hum.wav")

    def told(*phones: tuple[str, float, float]) -> str:
        with pytest.raises(ValueError, match=r"^p\.json: ") as error:
            read_sentence(wav, write_phones(tmp_path / "p.json", *phones))
        return str(error.value)

    assert "run backwards or overlap: B goes from 0.100" in told(("AH", 0.0, 0.3), ("B", 0.1, 0.4))
    assert "run backwards" in told(("AH", 0.5, -0.2)) and "run backwards" in told(("AH", 0.5, 0.0))
    assert "AH ends at 1.20 s and the sound 'hum' at 1.00 s" in told(("AH", 0.0, 1.2))
    assert "0.50 s of speech follow in 'hum'" in told(("AH", 0.0, 0.5))
    assert "'XQ' is no phone of the CMU dictionary" in told(("XQ", 0.0, 1.0))
    assert "the sentence is empty" in told(("SIL", 0.0, 1.0))
    assert "the sentence is empty" in told()
    assert "has no text t, begin b and duration d" in told(("AH", 0.0, float("nan")))
    for content, words in (
        ("[]", "no list of parts"),
        ('{"w": [{"t": "he", "b": 0, "d": 1}]}', "no list of parts"),  # words without phones
        ('{"w": [{"t": 3, "b": 0, "d": 1, "w": []}]}', "has no text"),
        ("words", "no JSON file"),
        ("[" * 100_000, "no JSON file"),
    ):
        (tmp_path / "p.json").write_text(content)
        with pytest.raises(ValueError, match=rf"^p\.json: .*{words}"):
            read_sentence(wav, tmp_path / "p.json")
    (tmp_path / "p.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ValueError, match="no JSON file"):
        read_sentence(wav, tmp_path / "p.json")
    with pytest.raises(FileNotFoundError, match="phones: there is no file"):
        read_sentence(wav, tmp_path / "none.json")


def test_the_phones_of_another_sentence_do_not_fit() -> None:
    """A longer one ends too late; a shorter one leaves speech over."""
    with pytest.raises(ValueError, match="give the phones of this sound"):
        read_sentence(files(4)[0], files(0)[1])
    with pytest.raises(ValueError, match="s of speech follow"):
        read_sentence(files(0)[0], files(4)[1])
