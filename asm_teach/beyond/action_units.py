"""Action units: what Ekman and Friesen's coding system calls the single motions of a face, as shapes of a head.

The table is our own, put together from maps that agree with each other; where public maps disagree (17, 23, 24, 25),
the unit has the shape that moves the skin as the manual describes it, or is left out. A code says which muscle moved.
It does not say what somebody feels. Lesson 13.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import torch
from torch import Tensor

from asm_teach.data.heads import Head


class Unit(NamedTuple):
    """An action unit: what it does, and the shapes of the face, by ARKit's names, that do it."""

    does: str
    shapes: tuple[str, ...]


def _both(stem: str) -> tuple[str, ...]:
    return f"{stem}Left", f"{stem}Right"


UNITS: dict[int, Unit] = {
    1: Unit("inner brow raiser", ("browInnerUp",)),
    2: Unit("outer brow raiser", _both("browOuterUp")),
    4: Unit("brow lowerer", _both("browDown")),
    5: Unit("upper lid raiser", _both("eyeWide")),
    6: Unit("cheek raiser", _both("cheekSquint")),
    7: Unit("lid tightener", _both("eyeSquint")),
    9: Unit("nose wrinkler", _both("noseSneer")),
    10: Unit("upper lip raiser", _both("mouthUpperUp")),
    12: Unit("lip corner puller", _both("mouthSmile")),
    14: Unit("dimpler", _both("mouthDimple")),
    15: Unit("lip corner depressor", _both("mouthFrown")),
    16: Unit("lower lip depressor", _both("mouthLowerDown")),
    17: Unit("chin raiser", ("mouthShrugLower",)),
    20: Unit("lip stretcher", _both("mouthStretch")),
    24: Unit("lip pressor", _both("mouthPress")),
    26: Unit("jaw drop", ("jawOpen",)),
    45: Unit("blink", _both("eyeBlink")),
}
"""Seventeen action units by their number."""

PROTOTYPES: dict[str, tuple[int, ...]] = {
    "neutral": (),
    "joy": (6, 12),
    "sadness": (1, 4, 15),
    "surprise": (1, 2, 5, 26),
    "fear": (1, 2, 4, 5, 20, 26),
    "anger": (4, 5, 7, 24),
    "disgust": (9, 15, 16),
}
"""The units that Ekman's prototypes of six emotions consist of; in anger 24 stands for 23, which has no shape."""


def shape_amounts(units: Mapping[int, float]) -> dict[str, float]:
    """Amounts of a head's expressions, for `Head.offsets`, from amounts of action units.

    Raises:
        ValueError: a unit that is not in the table, an amount that is not between 0 and 1.
    """
    amounts: dict[str, float] = {}
    for number, amount in units.items():
        if number not in UNITS:
            raise ValueError(f"units: no unit {number!r}; give one of {', '.join(map(str, UNITS))}")
        if not 0 <= amount <= 1:
            raise ValueError(f"units: action unit {number} has the amount {amount!r}: give one from 0 to 1")
        amounts |= dict.fromkeys(UNITS[number].shapes, float(amount))
    return amounts


def moved_skin(head: Head, units: Mapping[int, float]) -> Tensor:
    """How far each vertex really moves, (V,) mm, when a head makes these action units. Raises as `shape_amounts`."""
    return torch.linalg.vector_norm(head.offsets(expressions=shape_amounts(units)), dim=1)


def union_map(head: Head, units: Iterable[int]) -> Tensor:
    """Where the skin moves when units act together, (V,) from 0 to 1, the most of maps of height 1, eq. (13.1).

    Without a unit the map is 0. Raises ValueError for a unit that is not in the table.
    """
    moved = [moved_skin(head, {number: 1.0}) for number in units]
    if not moved:
        return torch.zeros(len(head.mesh.vertices))
    return torch.stack([one / one.max() for one in moved]).amax(0)
