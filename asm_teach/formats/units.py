"""The unit of a mesh file, which names none, by the size of its face; files far from the origin. Lesson 6."""

from __future__ import annotations

import math

import numpy as np

from asm_teach.base.arrays import Floats

UNITS = {"millimetres": 1.0, "centimetres": 10.0, "decimetres": 100.0, "metres": 1000.0, "inches": 25.4}
_LIKELY = 1.35  # times larger or smaller than the template's: faces are within 1.15, and units 2.5 times apart
_FAR = 100.0  # times its own size from the origin: float32 then rounds a head to 1 / 100,000 of its size
_ENOUGH = 20_000  # vertices that tell where all are


def unit_of(size: float) -> tuple[str, float] | None:
    """The unit in which a face has a likely size.

    Args:
        size: how many times larger its numbers are than those of the template, which is in mm.

    Returns:
        The unit's name and its length in mm, or None where the face has no likely size in any unit.
    """
    name, length = min(UNITS.items(), key=lambda unit: abs(math.log(unit[1] * size)))
    return (name, length) if abs(math.log(length * size)) <= math.log(_LIKELY) else None


def far_middle(points: Floats) -> Floats | None:
    """The middle (3,) of points (n, 3) that lie far from the origin for their size; None where float32 is enough.

    Photogrammetry with map coordinates lies 4.6e6 m away, where float32 has steps of half a metre. The middle is whole
    numbers, so that taking it away in float64 costs no digit; medians, so that a stray vertex does not count.
    """
    some = points[:: max(1, len(points) // _ENOUGH)]
    some = some[np.isfinite(some).all(1)]
    if len(some) == 0:
        return None
    middle: Floats = np.median(some, axis=0)
    spread = float(np.median(np.abs(some - middle).max(1)))
    return np.round(middle) if 0 < _FAR * spread < np.abs(middle).max() else None
