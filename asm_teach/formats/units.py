"""The units that mesh files come in. A file names none, so the size of the face in it has to tell. Lesson 6."""

from __future__ import annotations

import math

UNITS = {"millimetres": 1.0, "centimetres": 10.0, "decimetres": 100.0, "metres": 1000.0, "inches": 25.4}
_LIKELY = 1.35  # times larger or smaller than the template's: faces are within 1.15, and units 2.5 times apart


def unit_of(size: float) -> tuple[str, float] | None:
    """The unit in which a face has a likely size.

    Args:
        size: how many times larger its numbers are than those of the template, which is in mm.

    Returns:
        The unit's name and its length in mm, or None where the face has no likely size in any unit.
    """
    name, length = min(UNITS.items(), key=lambda unit: abs(math.log(unit[1] * size)))
    return (name, length) if abs(math.log(length * size)) <= math.log(_LIKELY) else None
