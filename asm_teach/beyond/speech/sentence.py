"""A sentence: its sound, and when each of its words and phones begins and ends.

Phones are ARPAbet's, as in the CMU dictionary: AA to ZH, and SIL where nobody speaks.
"""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from asm_teach.beyond.speech.sound import LEVELS, Sound, read_sound
from asm_teach.data.assets import data_dir

SILENCE = "SIL"
PHONES = (
    "AA", "AE", "AH", "AO", "AW", "AY", "B", "CH", "D", "DH", "EH", "ER", "EY", "F", "G", "HH", "IH", "IY", "JH", "K",
    "L", "M", "N", "NG", "OW", "OY", "P", "R", "S", "SH", "T", "TH", "UH", "UW", "V", "W", "Y", "Z", "ZH",
)  # fmt: skip
"""The 39 phones of the CMU dictionary."""

_ROUNDED = 0.0015  # s: times are written to a thousandth
_BEYOND = 0.05  # s that the last phone may end after the sound: half a frame of a recogniser, and some rounding
_LOUD, _LEFT = 0.1, 0.3  # sound above a tenth of the loudest, for longer than this (s), is speech that has no phone


class Timed(NamedTuple):
    """A word or a phone, and when it begins and ends, in seconds."""

    name: str
    begin: float
    end: float


@dataclass(frozen=True, eq=False)
class Sentence:
    """A spoken sentence.

    Attributes:
        sound: what is heard.
        words: W words.
        phones: S phones from 0 to the end of the sound, each where the one before it ends; SIL fills the gaps.
    """

    sound: Sound
    words: tuple[Timed, ...]
    phones: tuple[Timed, ...]

    @property
    def text(self) -> str:
        """The words with spaces between them."""
        return " ".join(word.name for word in self.words)


def read_sentence(path: str | os.PathLike[str], phones: str | os.PathLike[str]) -> Sentence:
    """Read a sentence whose phones are known.

    Args:
        path: a WAV file, as `read_sound` takes it.
        phones: what `pocketsphinx -phone_align yes` prints: JSON in which each entry has its text t, its begin b and
            duration d in seconds, and its parts w: the sentence has words, and the words have phones.

    Raises:
        FileNotFoundError: a file is not there.
        ValueError: as `read_sound` does; or the phones are no such file, unknown, run backwards, do not fit the sound,
            or there is none.
    """
    return sentence_of(read_sound(path), *read_phones(phones), Path(phones).name)


def embedded_sentence() -> Sentence:
    """The sentence that comes with the package, 3.3 s: "He might even have been made amiable himself"."""
    return read_sentence(data_dir() / "sentence.wav", data_dir() / "sentence.phone.json")


def read_phones(path: str | os.PathLike[str]) -> tuple[list[Timed], list[Timed]]:
    """The words and the phones of a file of pocketsphinx; raises as `read_sentence` does."""
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"phones: there is no file {str(path)!r}; check the name and the folder")
    try:
        content = json.loads(path.read_text("utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path.name}: it is no JSON file of phones ({error}); align the sentence again") from None
    words, phones = [], []
    for word in _parts(content, path):
        words.append(_timed(word, path))
        phones += [_timed(phone, path) for phone in _parts(word, path)]
    return words, phones


def _parts(entry: Any, path: Path) -> list[Any]:
    parts = entry.get("w") if isinstance(entry, dict) else None
    if not isinstance(parts, list):
        raise ValueError(
            f"{path.name}: a sentence or a word in it has no list of parts `w`; give the file with phones, as "
            "`pocketsphinx -phone_align yes` prints it"
        )
    return parts


def _timed(entry: Any, path: Path) -> Timed:
    name, begin, lasts = (entry.get(key) if isinstance(entry, dict) else None for key in "tbd")
    numbers = [one for one in (begin, lasts) if isinstance(one, (int, float)) and math.isfinite(one)]
    if not isinstance(name, str) or len(numbers) != 2:
        raise ValueError(
            f"{path.name}: {json.dumps(entry)[:60]} has no text t, begin b and duration d (numbers, in seconds)"
        )
    return Timed(name, numbers[0], numbers[0] + numbers[1])


def sentence_of(sound: Sound, words: Sequence[Timed], phones: Sequence[Timed], source: str) -> Sentence:
    """Put a sound and its phones together; raises ValueError as `read_sentence` does, with the `source` named."""
    found: list[Timed] = []
    last = 0.0
    for name, begin, end in phones:
        spoken = _known(name, source)
        if begin < last - _ROUNDED or end <= begin:
            raise ValueError(
                f"{source}: the phones run backwards or overlap: {name} goes from {begin:.3f} to {end:.3f} s, after "
                f"one that ends at {last:.3f} s; align the sentence again"
            )
        if end > sound.seconds + _BEYOND:
            raise ValueError(
                f"{source}: {name} ends at {end:.2f} s and the sound {sound.name!r} at {sound.seconds:.2f} s; give the "
                "phones of this sound"
            )
        if begin > last + _ROUNDED:
            found.append(Timed(SILENCE, last, begin))
            last = begin
        end = min(end, sound.seconds)
        if end > last:
            found.append(Timed(spoken, last, end))
        last = end
    if all(name == SILENCE for name, _, _ in found):
        raise ValueError(f"{source}: the sentence is empty, no phone is spoken in it; give one with words")
    levels = sound.levels()
    if (left := int((levels[round(last * LEVELS) :] > _LOUD * levels.max()).sum()) / LEVELS) > _LEFT:
        raise ValueError(
            f"{source}: the last phone ends at {last:.2f} s, and {left:.2f} s of speech follow in {sound.name!r}; give "
            "the phones of this sound"
        )
    if sound.seconds > last:
        found.append(Timed(SILENCE, last, sound.seconds))
    named = [Timed(re.sub(r"\(\d+\)$", "", name), begin, end) for name, begin, end in words]  # read(2): pronounced so
    return Sentence(sound, tuple(word for word in named if not re.match(r"[<\[+]", word.name)), tuple(found))


def _known(name: str, source: str) -> str:
    """The phone without its stress (AH0 is AH); breath and other noise are silence."""
    phone = re.sub(r"\d$", "", name.strip().upper())
    if phone in ("SIL", "SPN", "NSN", "") or phone.startswith(("+", "<", "[")):
        return SILENCE
    if phone not in PHONES:
        raise ValueError(f"{source}: {name!r} is no phone of the CMU dictionary, such as {', '.join(PHONES[:4])}")
    return phone
