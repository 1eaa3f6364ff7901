"""A written speaker: what lips, brows, head and smile do while words are said, by rules with chance in them.

No openly licensed recording has sound, phones and a whole moving face, so the networks of lesson 17 learn from this
speaker. The lips follow `mouth_shapes`. Brows rise and the head nods at stressed words, both by the same strength,
which is drawn by lot and cannot be heard. The way the head is turned, and the smile, are drawn once for a take. All of
that is written.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from asm_teach.avatar.track import CHANNELS as SHAPES
from asm_teach.avatar.track import Track
from asm_teach.beyond.speech.mouth_shapes import FRAMES, GESTURES, gestures, shapes_of
from asm_teach.beyond.speech.sentence import PHONES, SILENCE, Sentence, Timed
from asm_teach.beyond.speech.sound import LEVELS
from asm_teach.data.assets import data_dir

RATE = 25
"""Frames a second of a performance: as many as the published systems have."""
CHANNELS = (*GESTURES, "brows", "nod", "turn", "tilt", "smile")
"""What a performance consists of: seven gestures of the mouth, three angles in radians, two amounts."""
FACE, HEAD = (*range(len(GESTURES) + 1), CHANNELS.index("smile")), tuple(map(CHANNELS.index, ("nod", "turn", "tilt")))
HEARD = (SILENCE, *PHONES)
"""The first columns of what a network hears; the last one is the stress."""
VOWELS = tuple(phone for phone in PHONES if phone[0] in "AEIOU")
STRESSED = 0.12  # s: half the width of what brows and head do at a stressed word
_SLOW = 0.4  # s that a swaying head keeps its way for
_PAUSE, _BETWEEN = (0.15, 0.45), 0.15  # s of a pause between made-up words, and how often there is one


@dataclass(frozen=True)
class Speaker:
    """How a speaker moves while speaking. Angles are in radians.

    Attributes:
        mouth: what all gestures of the mouth are multiplied by, and how much that differs between takes.
        brows: amount at the strongest stress.
        nod: angle at the strongest stress, positive downwards.
        late: seconds by which the head follows the brows.
        sway: how far the head sways.
    """

    mouth: tuple[float, float] = (0.9, 0.12)
    brows: float = 0.8
    nod: float = 0.14
    late: float = 0.08
    sway: float = 0.04


class Script(NamedTuple):
    """The words to say: the phones, and in the middle of which vowels the stresses lie, (K,) seconds."""

    phones: list[Timed]
    stresses: Tensor

    @property
    def frames(self) -> int:
        """Whole frames in it."""
        return int(self.phones[-1].end * RATE + 1e-6)


class Word(NamedTuple):
    """A word that was read: its phones, from 0 on, and the middle of its vowel if that is a loud one."""

    name: str
    phones: list[Timed]
    stress: float | None


def script_of(sentence: Sentence) -> Script:
    """The script of a sentence: a word is stressed if its loudest vowel is louder than those of most words."""
    found = [loudest_vowel(sentence, word) for word in sentence.words]
    vowels = [one for one in found if one is not None]
    middle = float(torch.tensor([level for _, level in vowels]).median()) if vowels else 0.0
    stresses = [time for time, level in vowels if level > middle]
    return Script(list(sentence.phones), torch.tensor(stresses, dtype=torch.float64))


def loudest_vowel(sentence: Sentence, word: Timed) -> tuple[float, float] | None:
    """The middle of a word's loudest vowel in seconds, and its loudness; None for a word without a vowel."""
    levels, found = sentence.sound.levels(), []
    for name, begin, end in sentence.phones:
        if name in VOWELS and begin >= word.begin - 1e-3 and end <= word.end + 1e-3:
            heard = levels[round(begin * LEVELS) : max(round(end * LEVELS), round(begin * LEVELS) + 1)]
            found.append(((begin + end) / 2, float(heard.square().mean().sqrt())))
    return max(found, key=lambda one: one[1], default=None)


def read_words() -> list[Word]:
    """The words of five read sentences, with their measured times, from the embedded `words.json`."""
    found = []
    for name, stress, parts in json.loads((data_dir() / "words.json").read_text("utf-8")):
        ends = torch.tensor([0.0, *(lasts for _, lasts in parts)], dtype=torch.float64).cumsum(0).tolist()
        phones = [Timed(part[0], begin, end) for part, begin, end in zip(parts, ends[:-1], ends[1:], strict=True)]
        found.append(Word(name, phones, stress))
    return found


def made_up(words: Sequence[Word], frames: int, generator: torch.Generator) -> Script:
    """A script of words in any order, at a pace of its own, some 0.3 s of silence before and after.

    Args:
        frames: how long it is; the last word may be cut off.
    """
    pace = 0.85 + 0.35 * float(torch.rand((), generator=generator))
    phones, stresses, now, end = [Timed(SILENCE, 0.0, 0.3)], [], 0.3, frames / RATE
    while now < end - 0.3:
        word = words[int(torch.randint(len(words), (), generator=generator))]
        phones += [Timed(name, now + pace * begin, now + pace * until) for name, begin, until in word.phones]
        if word.stress is not None:
            stresses.append(now + pace * word.stress)
        now = phones[-1].end
        if float(torch.rand((), generator=generator)) < _BETWEEN:
            lasts = _PAUSE[0] + (_PAUSE[1] - _PAUSE[0]) * float(torch.rand((), generator=generator))
            phones.append(Timed(SILENCE, now, now + lasts))
            now += lasts
    phones = [Timed(name, begin, min(until, end)) for name, begin, until in phones if begin < end]
    if phones[-1].end < end:
        phones.append(Timed(SILENCE, phones[-1].end, end))
    return Script(phones, torch.tensor([time for time in stresses if time < end], dtype=torch.float64))


def heard(script: Script, frames: int | None = None) -> Tensor:
    """(N, 41) what a network hears in each frame: which phone, as one column of `HEARD`, and how near a stress is.

    Args:
        frames: how many; beyond the end there is silence.
    """
    count = script.frames if frames is None else frames
    times = _times(count)
    ends = torch.tensor([phone.end for phone in script.phones], dtype=torch.float64)
    which = torch.searchsorted(ends, times, right=True).clamp(max=len(ends) - 1)
    names = torch.tensor([HEARD.index(phone.name) for phone in script.phones])[which]
    names[times > ends[-1]] = 0
    table = torch.nn.functional.one_hot(names, len(HEARD)).double()
    bumps = _bumps(times, script.stresses).amax(1, keepdim=True) if len(script.stresses) else torch.zeros(count, 1)
    return torch.cat([table, bumps.double()], 1)


def perform(script: Script, generator: torch.Generator, speaker: Speaker = Speaker()) -> Tensor:
    """(N, 12) of `CHANNELS`: one of the many ways in which the speaker may say it."""

    def draw(*shape: int) -> Tensor:
        return torch.rand(shape, generator=generator, dtype=torch.float64)

    def normal(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator, dtype=torch.float64)

    times = _times(script.frames)
    mouth = torch.stack(list(gestures(script.phones, times).values()), 1)
    strong = draw(len(script.stresses))  # heard nowhere, and shared by brows and head
    brows = speaker.brows * (_bumps(times, script.stresses) * strong).sum(1)
    nod = speaker.nod * (_bumps(times, script.stresses + speaker.late) * strong).sum(1)
    sway = _smooth(normal(len(times) + 8 * _reach(), 3)) * torch.tensor([0.5, 1.0, 0.7]) * speaker.sway
    aim = normal(3) * torch.tensor([0.03, 0.15, 0.06])  # where the listener stands, drawn once for a take
    head = sway + aim + torch.stack([nod, 0 * nod, 0 * nod], 1)
    size, differs = speaker.mouth
    return torch.cat(
        [
            mouth * (size + differs * normal(1)),
            brows[:, None],
            head,
            (0.4 * draw(1)).expand(len(times))[:, None],
        ],
        1,
    )


def strengths(performances: Sequence[Tensor], scripts: Sequence[Script]) -> Tensor:
    """(K, 2) how far brows and nod go at stressed words, each above what they do 0.28 s before and after.

    Only stresses with 0.4 s to the next one and to the ends of their performance count.
    """
    found, brow, nod = [], CHANNELS.index("brows"), CHANNELS.index("nod")
    for take, script in zip(performances, scripts, strict=True):
        for stress in script.stresses.tolist():
            away = (script.stresses - stress).abs()
            if (away[away > 0] < 0.4).any() or not 0.4 < stress < len(take) / RATE - 0.4:
                continue
            at = int(stress * RATE)
            pairs = ((take[:, brow], at), (take[:, nod], at + 2))
            found.append([float(x[k] - (x[k - 7] + x[k + 7]) / 2) for x, k in pairs])
    return torch.tensor(found).reshape(-1, 2)


def track_of(values: Tensor, sentence: Sentence) -> Track:
    """A performance (N, 12) as the track of an avatar that says the sentence, with its sound; cut to its length."""
    seconds = sentence.sound.seconds
    times = torch.linspace(0, seconds, round(seconds * FRAMES) + 1, dtype=torch.float64)
    at = (times * RATE - 0.5).clamp(0, len(values) - 1)
    first = at.long().clamp(max=len(values) - 2)
    rows = torch.lerp(values[first].double(), values[first + 1].double(), (at - first)[:, None])
    found = dict(zip(CHANNELS, rows.T, strict=True))
    amounts = shapes_of({name: found[name].clamp(0, 1) for name in GESTURES})
    for names, channel in (
        (("browInnerUp", "browOuterUpLeft", "browOuterUpRight"), "brows"),
        (("mouthSmileLeft", "mouthSmileRight"), "smile"),
    ):
        for name in names:
            amounts[:, SHAPES.index(name)] = found[channel].clamp(0, 1)
    head = torch.stack([found[name] for name in ("nod", "turn", "tilt")], 1)
    still = torch.zeros(len(times), 2, 3, dtype=torch.float64)
    return Track(sentence.sound.name, times, amounts, head, still, sound=sentence.sound.wav())


def _times(frames: int) -> Tensor:
    """(N,) seconds: the middle of each frame."""
    return (torch.arange(frames, dtype=torch.float64) + 0.5) / RATE


def _bumps(times: Tensor, middles: Tensor) -> Tensor:
    """(N, K) from 0 to 1, a bell around each of the middles."""
    return (-((times[:, None] - middles) / STRESSED).square()).exp()


def _reach() -> int:
    return math.ceil(_SLOW * RATE / 2)


def _smooth(noise: Tensor) -> Tensor:
    """(N, 3) from (N + 8 reach, 3): noise through a bell of `_SLOW`, of standard deviation 1."""
    reach = 4 * _reach()
    bell = (-(torch.arange(-reach, reach + 1, dtype=torch.float64) / (_SLOW * RATE)).square()).exp()
    return torch.nn.functional.conv1d(noise.T[:, None], (bell / bell.norm())[None, None])[:, 0].T
