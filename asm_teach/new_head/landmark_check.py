"""What the landmarks of a new head must look like, and how they bring it to our unit and axes.

Arrays here are numpy, float64. Landmarks are (68, 3) in iBUG's order, NaN rows for those not known.
"""

from __future__ import annotations

import numpy as np

from asm_teach.formats.units import unit_of
from asm_teach.geometry.alignment import Placement
from asm_teach.geometry.landmark_warp import similarity
from asm_teach.geometry.surface_points import Points

_ASKEW = np.radians(20.0)  # a head turned further than this is turned back
# Of the distance between the eyes' outer corners: a landmark this far from where the others expect it is a wrong one.
# On nine real and sampled heads the farthest was at 0.13, on the line of the jaw, which each scheme draws anew, 0.24.
_ASTRAY, _ASTRAY_JAW = 0.25, 0.4
_MIRRORED = 0.7  # of the error with the sides as named: where swapping them leaves less, they are swapped

JAW = [number for number in range(17) if number != 8]  # the line of the jaw without the chin
# Right and left points of iBUG's 68 that are each other's mirror image.
PAIRS = np.array(
    [(k, 16 - k) for k in range(8)] + [(k, 43 - k) for k in range(17, 22)] + [(31, 35), (32, 34)]
    + [(36, 45), (37, 44), (38, 43), (39, 42), (40, 47), (41, 46)]
    + [(48, 54), (49, 53), (50, 52), (59, 55), (58, 56), (60, 64), (61, 63), (67, 65)]
)  # fmt: skip


def check_marks(source: Points, target: Points) -> None:
    """Raise a ValueError unless the target's landmarks lie like those of a face, each where the others expect it."""
    known = np.flatnonzero(np.isfinite(target).all(1))

    def error(flip: Points) -> float:
        return float(np.square(similarity(source * flip, target).forward(source * flip) - target)[known].sum())

    if error(np.array([-1.0, 1.0, 1.0])) < _MIRRORED**2 * error(np.ones(3)):
        raise ValueError(
            "landmarks: right and left are swapped, or the mesh is a mirror image: right is the person's own right, "
            "which lies on the left of a picture of the face (x is negative there)"
        )
    size = np.linalg.norm(source[36] - source[45])
    away = np.zeros(68)
    for number in known:
        others = target.copy()
        others[number] = np.nan
        found = similarity(source, others)
        away[number] = np.linalg.norm(found.forward(source[number]) - target[number]) / (found.scale * size)
    allowed = np.full(68, _ASTRAY)
    allowed[JAW] = _ASTRAY_JAW
    worst = int((away / allowed).argmax())
    if away[worst] > allowed[worst]:
        raise ValueError(
            f"landmarks: point {worst} lies {away[worst]:.0%} of the distance between the eyes from where the others "
            "expect it: check its number, and that all belong to this mesh"
        )


def to_convention(source: Points, target: Points) -> tuple[Placement, list[str]]:
    """How to bring a head into millimetres and our axes, and what was done in words.

    The unit is the one in which the head comes out nearest to the source in size. A head that looks forward already,
    but for some degrees, keeps its axes and its origin.
    """
    away, notes = similarity(source, target), []
    unit, factor = unit_of(away.scale) or ("", 1 / away.scale)
    if not unit:
        notes.append(f"no unit fits its size, so it was scaled by {factor:.4g} to the size of the source")
    elif factor != 1:
        notes.append(f"unit: by the distance between the eyes it is in {unit}; multiplied by {factor:g}")
    angle = np.arccos(np.clip((np.trace(away.rotation) - 1) / 2, -1, 1))
    if angle <= _ASKEW:
        return Placement(factor), notes
    turn = away.rotation.T
    notes.append(f"axes: turned by {np.degrees(angle):.0f} degrees, so that it faces +z with +y up")
    return Placement(factor, turn, -factor * turn @ away.shift), notes
