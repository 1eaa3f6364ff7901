"""Find the words and the phones of a sentence by its sound alone, or the phones of words that you give.

PocketSphinx does it, an extra: `pip install 'asm_teach[speech]'`. Its English model lies inside the package, so nothing
is fetched. It hears many words wrongly; what it takes for them sounds alike, so the mouth hardly differs.
"""

from __future__ import annotations

import re
from typing import Any

from asm_teach.beyond.speech.sentence import Sentence, Timed, sentence_of
from asm_teach.beyond.speech.sound import RATE, Sound

_FRAME = 0.01  # s of PocketSphinx


def listen(sound: Sound, words: str | None = None) -> Sentence:
    """The words and phones of an English sentence, and when each is spoken.

    Args:
        sound: the sentence.
        words: what is said; without it the words are recognised first, which takes longer than the sentence.

    Raises:
        ModuleNotFoundError: PocketSphinx is not installed.
        ValueError: no word was heard; no word was given, or one that the dictionary does not know; words that do not
            fit the sound.
    """
    decoder = _decoder(recognise=words is None)
    samples = sound.pcm()
    text = _spoken(decoder, words) if words is not None else _heard(decoder, samples, sound.name)
    decoder.set_align_text(text)
    _run(decoder, samples)
    if decoder.hyp() is None:
        raise ValueError(f"words: {text[:60]!r} do not fit the sound {sound.name!r}; give what is said in it")
    decoder.set_alignment()  # a second pass, for the phones; its hyp() must not be called, it ends the program
    _run(decoder, samples)
    alignment = decoder.get_alignment()  # kept by this name: its entries point into its memory
    entries = [(_timed(word), [_timed(phone) for phone in word]) for word in alignment]
    return sentence_of(
        sound, [word for word, _ in entries], [one for _, phones in entries for one in phones], sound.name
    )


def _decoder(recognise: bool) -> Any:
    try:
        from pocketsphinx import Decoder
    except ImportError as error:
        raise ModuleNotFoundError(
            "phones: without a file of phones the sentence is aligned by PocketSphinx, which is not installed; type: "
            "pip install 'asm_teach[speech]'"
        ) from error
    return Decoder(samprate=RATE, loglevel="FATAL", **({} if recognise else {"lm": None}))


def _run(decoder: Any, samples: bytes) -> None:
    """Let the decoder hear the whole sound."""
    decoder.start_utt()
    decoder.process_raw(samples, full_utt=True)
    decoder.end_utt()


def _heard(decoder: Any, samples: bytes, name: str) -> str:
    _run(decoder, samples)
    found = decoder.hyp()
    text = re.sub(r"\(\d+\)", "", found.hypstr if found is not None else "").strip()
    if not text:
        raise ValueError(f"{name}: no word was heard in it; record it louder or closer, or say what is spoken")
    return text


def _spoken(decoder: Any, words: str) -> str:
    """Words as the dictionary spells them."""
    found = re.findall(r"[\w']+", words.lower().replace("\N{RIGHT SINGLE QUOTATION MARK}", "'"))
    if not found:
        raise ValueError("words: there is no word in them; write what is said in the sound")
    if unknown := [word for word in found if decoder.lookup_word(word) is None]:
        raise ValueError(
            f"words: the dictionary does not know {unknown[0]!r}; write it as it is spoken, in words that it knows"
        )
    return " ".join(found)


def _timed(entry: Any) -> Timed:
    return Timed(entry.name, entry.start * _FRAME, (entry.start + entry.duration) * _FRAME)
