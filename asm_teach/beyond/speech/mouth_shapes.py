"""What each phone asks of the mouth, and how neighbours share it: dominance functions.

Each phone has a target for each of seven gestures of the mouth, and a dominance that is highest while it lasts and
falls on both sides. What the mouth does is the mean of all targets, weighted by their dominances: a vowel between two
rounded consonants is spoken with round lips. (M. M. Cohen and D. W. Massaro, "Modeling coarticulation in synthetic
visual speech", 1993.) The rule is written, not learned: the times are real; the amounts are ours, each with its
reason.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from asm_teach.avatar.track import CHANNELS, Track
from asm_teach.beyond.speech.sentence import SILENCE, Sentence, Timed

FRAMES = 100
"""Frames a second of a track: recognisers place phones on this grid, and some last three frames of it."""


class Gesture(NamedTuple):
    """Something that a mouth does.

    Attributes:
        fall: by how much the logarithm of a dominance falls in a second beside its phone. Twenty: to a half in 35 ms.
        shapes: of ARKit's, which move by its amount.
    """

    fall: float
    shapes: tuple[str, ...]


GESTURES: dict[str, Gesture] = {
    # A jaw is heavy: it takes some 100 ms from a closed to an open vowel, so it averages over short phones.
    "jaw": Gesture(20.0, ("jawOpen",)),
    # Lips close and part in 30 to 40 ms, which is why p, b and m sound abrupt. It goes into mouthClose, see `amounts`.
    "closed": Gesture(80.0, ()),
    # Rounding begins earliest of all, before the consonants in front of a rounded vowel ("stew"): it falls slowest.
    "funnel": Gesture(12.0, ("mouthFunnel",)),
    "pucker": Gesture(12.0, ("mouthPucker",)),
    "spread": Gesture(15.0, ("mouthStretchLeft", "mouthStretchRight")),
    # The lower lip goes to the upper teeth and leaves them about as fast as lips close.
    "tucked": Gesture(60.0, ("mouthRollLower",)),
    "raised": Gesture(30.0, ("mouthUpperUpLeft", "mouthUpperUpRight")),
}


class Rule(NamedTuple):
    """What phones that look alike ask for.

    Attributes:
        targets: gesture -> amount; 0 where none is given.
        firm: gesture -> how strongly the phone holds its target; 1 where none is given.
    """

    targets: Mapping[str, float]
    firm: Mapping[str, float] = {}


_ROUND = {"funnel": 4.0, "pucker": 4.0}  # heard only if the lips are round, so neighbours must give way
_TEETH = {"jaw": 4.0}  # a hiss needs the teeth together: of all phones these vary least with their neighbours

RULES: dict[str, Rule] = {
    SILENCE: Rule({}, {"jaw": 0.5}),
    # Consonants, in the groups that lip readers cannot tell apart (C. G. Fisher 1968, "visemes").
    "P B M": Rule({"jaw": 0.06, "closed": 1.0}, {"jaw": 0.5, "closed": 20.0}),  # closed whatever the jaw does
    "F V": Rule({"jaw": 0.06, "closed": 0.6, "tucked": 0.4, "raised": 0.15}, {"closed": 8.0, "tucked": 8.0}),
    "TH DH": Rule({"jaw": 0.10}),  # the tongue between the teeth: ARKit's tongueOut is no shape of this head
    "T D N L": Rule({"jaw": 0.08}),  # the tongue at the ridge, for which the jaw must be near
    "S Z": Rule({"jaw": 0.04, "spread": 0.10}, _TEETH),
    "SH ZH CH JH": Rule({"jaw": 0.05, "funnel": 0.35}, {**_TEETH, "funnel": 4.0}),
    "K G NG": Rule({"jaw": 0.12}, {"jaw": 0.5}),  # the back of the tongue does it, so the jaw is nearly free
    "HH": Rule({}, dict.fromkeys(GESTURES, 0.05)),  # the mouth is already that of the vowel that follows
    "R": Rule({"jaw": 0.10, "funnel": 0.20, "pucker": 0.15}),
    "W": Rule({"jaw": 0.06, "pucker": 0.60, "funnel": 0.10}, _ROUND),
    "Y": Rule({"jaw": 0.08, "spread": 0.15}),
    # Vowels by their height in the chart of the IPA, from close to open. At 0.34 the lips of the
    # embedded head part by 12 mm, about as far as people open them for "father". Front ones spread, round ones round.
    "IY": Rule({"jaw": 0.08, "spread": 0.30}),
    "IH": Rule({"jaw": 0.13, "spread": 0.20}),
    "UW": Rule({"jaw": 0.08, "pucker": 0.60, "funnel": 0.15}, _ROUND),
    "UH": Rule({"jaw": 0.13, "pucker": 0.30, "funnel": 0.15}),
    "ER": Rule({"jaw": 0.13, "funnel": 0.20, "pucker": 0.10}),
    "EH": Rule({"jaw": 0.22, "spread": 0.15}),
    "AH": Rule({"jaw": 0.20}),
    "AO": Rule({"jaw": 0.26, "funnel": 0.25, "pucker": 0.15}, _ROUND),
    "AE": Rule({"jaw": 0.30, "spread": 0.20}),
    "AA": Rule({"jaw": 0.34}),
}
GLIDES = {"AY": ("AA", "IH"), "AW": ("AA", "UH"), "EY": ("EH", "IH"), "OY": ("AO", "IH"), "OW": ("AO", "UW")}
"""Diphthongs: two vowels, half of the time each."""

_RULE_OF = {phone: rule for phones, rule in RULES.items() for phone in phones.split()}


def dominances(phones: Sequence[Timed], times: Tensor) -> dict[str, Tensor]:
    """gesture -> (T, S): the share of each phone in what the mouth does at each time; rows sum to 1.

    The dominance of phone s for gesture g is D = firm[s, g] exp(-fall[g] away[s]), eq. (17.1), with the seconds `away`
    from the middle half of the phone. Cohen and Massaro count from its middle, where a long m would open before it
    ends. The shares D / sum D are the softmax of log firm - fall away, which cannot divide by 0.

    Args:
        phones: S phones without diphthongs, as `halves` makes them.
        times: (T,) seconds.
    """
    begin, end = (torch.tensor([getattr(phone, which) for phone in phones], dtype=torch.float64) for which in
                  ("begin", "end"))  # fmt: skip
    away = ((times[:, None] - (begin + end) / 2).abs() - (end - begin) / 4).clamp(min=0)  # (T, S)
    rules = [_RULE_OF[phone.name] for phone in phones]
    return {
        name: torch.softmax(_column([rule.firm.get(name, 1.0) for rule in rules]).log() - gesture.fall * away, 1)
        for name, gesture in GESTURES.items()
    }


def gestures(phones: Sequence[Timed], times: Tensor) -> dict[str, Tensor]:
    """gesture -> (T,): its amount at each time, the mean of the phones' targets weighted by their `dominances`."""
    parts = halves(phones)
    rules = [_RULE_OF[phone.name] for phone in parts]
    return {
        name: shares @ _column([rule.targets.get(name, 0.0) for rule in rules])
        for name, shares in dominances(parts, times).items()
    }


def halves(phones: Sequence[Timed]) -> list[Timed]:
    """The phones, with two for each diphthong."""
    found = []
    for name, begin, end in phones:
        parts = GLIDES.get(name, (name,))
        ends = [begin + (end - begin) * k / len(parts) for k in range(len(parts) + 1)]
        found += [Timed(*part) for part in zip(parts, ends[:-1], ends[1:], strict=True)]
    return found


def amounts(phones: Sequence[Timed], times: Tensor) -> Tensor:
    """(T, 52) amounts of ARKit's shapes at each time, as `shapes_of` makes them of the `gestures`."""
    return shapes_of(gestures(phones, times))


def shapes_of(found: Mapping[str, Tensor]) -> Tensor:
    """(T, 52) amounts of ARKit's shapes, in the order of `CHANNELS`, of gesture -> (T,).

    mouthClose closes the lips of a jaw that is as far open, by ARKit's definition; so closed lips are that share of the
    jaw's amount, and what else parts lips (funnel, raised upper lip) gives way to them.
    """
    table = torch.zeros(len(found["jaw"]), len(CHANNELS), dtype=torch.float64)
    for name, gesture in GESTURES.items():
        parting = (1 - found["closed"]) if name in ("funnel", "raised") else 1.0
        for shape in gesture.shapes:
            table[:, CHANNELS.index(shape)] = found[name] * parting
    table[:, CHANNELS.index("mouthClose")] = found["closed"] * found["jaw"]
    return table


def speak(sentence: Sentence) -> Track:
    """The track of a face that says a sentence: 100 frames a second, as long as the sound, which it brings along.

    Only the mouth moves; head and eyes stay as they are.
    """
    seconds = sentence.sound.seconds
    times = torch.linspace(0, seconds, round(seconds * FRAMES) + 1, dtype=torch.float64)
    count = len(times)
    return Track(
        sentence.sound.name, times, amounts(sentence.phones, times),
        torch.zeros(count, 3, dtype=torch.float64), torch.zeros(count, 2, 3, dtype=torch.float64),
        sound=sentence.sound.wav(),
    )  # fmt: skip


def _column(values: Sequence[float]) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)
