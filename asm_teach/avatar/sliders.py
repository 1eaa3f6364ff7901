"""The sliders that makers of avatars have, such as the width of the nose: which bones each moves, measured where.

One table for all who show them: `edit` in Python, `asm-teach avatar --set`, the playground and the page of an avatar.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

DEGREE = math.pi / 180
PERCENT = 0.01  # of the logarithm of a scale: 10 of them are a factor of 1.105
Vector = tuple[float, float, float]
Move = tuple[str, str, tuple[float, ...]]


@dataclass(frozen=True)
class Place:
    """A point of the skin, and the direction in which its way is measured.

    bone: the point is where this bone sits on the template. along: its way counts as so many mm for one in x, y and z.
    """

    bone: str
    along: Vector

    def across(self) -> Place:
        """The same on the other side of the face."""
        x, y, z = self.along
        return Place(self.bone[:-2] + "_R", (-x, y, z))

    def backwards(self) -> Place:
        """The same, counted the other way round."""
        x, y, z = self.along
        return Place(self.bone, (-x, -y, -z))


@dataclass(frozen=True)
class Slider:
    """A slider in millimetres: what its bones do to each other's measure, and where the millimetres are measured.

    low and high: mm, as far as faces stay faces. moves: (bone, parameter, numbers), a pattern that is scaled until the
    places have moved by the amount; mm, radians and logarithms of scales. places: their measured ways are added up. A
    bone whose name ends in _L brings its mirror image along.
    """

    name: str
    label: str
    group: str
    low: float
    high: float
    moves: tuple[Move, ...]
    places: tuple[Place, ...]
    step: float = 0.5

    @property
    def is_paired(self) -> bool:
        """Whether it measures each side of the face for itself, so that one side can be moved alone."""
        return any(place.bone.endswith("_L") for place in self.places)


def _shift(bones: str, x: float = 0.0, y: float = 0.0, z: float = 0.0) -> tuple[Move, ...]:
    """Move bones by so many millimetres a unit."""
    return tuple((bone, "translation", (x, y, z)) for bone in bones.split())


def _turn(bones: str, x: float = 0.0, y: float = 0.0, z: float = 0.0) -> tuple[Move, ...]:
    """Turn bones by so many degrees a unit."""
    return tuple((bone, "rotation", (x * DEGREE, y * DEGREE, z * DEGREE)) for bone in bones.split())


_WIDER, _UP, _DOWN, _OUT = (2.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, -1.0, 0.0), (0.0, 0.0, 1.0)  # wider: both sides
_ASIDE = (1.0, 0.0, 0.0)
_LOWER_LIP = "lip_lower_mid lip_lower_side_L"  # held where the chin would draw it along, and part the lips

SLIDERS = (
    Slider("nose_width", "Nose width", "Nose", -6, 7,
           _shift("nose_wing_L", x=0.5) + _shift("nose_hole_L", x=0.35) + _shift("nose_bottom_L", x=0.25),
           (Place("nose_wing_L", _WIDER),)),
    Slider("nose_length", "Nose length", "Nose", -5, 6,
           _shift("nose_tip nose_bottom_L nose_hole_L", y=-1) + _shift("nose_wing_L", y=-0.8)
           + _shift("nose_mid", y=-0.5) + _shift("nose", y=-0.1),
           (Place("nose_tip", _DOWN),)),
    Slider("nose_depth", "Nose, how far out", "Nose", -6, 7,
           _shift("nose_tip", z=1) + _shift("nose_mid nose_bottom_L", z=0.75) + _shift("nose_hole_L", z=0.6)
           + _shift("nose_bridge", z=0.45) + _shift("nose_wing_L", z=0.35) + _shift("nose_bridge_upper", z=0.15),
           (Place("nose_tip", _OUT),)),
    Slider("nose_tip", "Nose tip, up", "Nose", -2.5, 2.5,
           _turn("nose_tip nose_bottom_L nose_hole_L", x=-1) + _shift("nose_tip nose_bottom_L", y=0.12),
           (Place("nose_tip", _UP),), step=0.25),
    Slider("nose_bridge", "Nose bridge, how far out", "Nose", -5, 5,
           _shift("nose_bridge_upper nose_bridge", z=1) + _shift("nose_mid", z=0.35),
           (Place("nose_bridge_upper", _OUT),)),
    Slider("mouth_width", "Mouth width", "Mouth and cheeks", -9, 11,
           _shift("lip_corner_L", x=0.5) + _shift("lip_upper_side_L lip_lower_side_L", x=0.3),
           (Place("lip_corner_L", _WIDER),), step=1),
    Slider("mouth_height", "Mouth, up", "Mouth and cheeks", -4, 4,
           _shift("lip_corner_L lip_upper_side_L lip_upper_mid", y=1)
           + _shift(_LOWER_LIP, y=1.2), (Place("lip_upper_mid", _UP),)),
    Slider("lips", "Lip fullness", "Mouth and cheeks", -1.5, 2.5,
           _shift("lip_upper_mid", y=0.2, z=0.7) + _shift("lip_upper_side_L", y=0.2, z=0.55)
           + _shift("lip_lower_mid", y=-0.25, z=0.7) + _shift("lip_lower_side_L", y=-0.2, z=0.55),
           (Place("lip_upper_mid", (0.0, 0.0, 0.5)), Place("lip_lower_mid", (0.0, 0.0, 0.5))), step=0.25),
    Slider("cheeks", "Cheek fullness", "Mouth and cheeks", -7, 8,
           _shift("cheek_L apple_center_L apple_lower_L", x=0.7, z=0.6) + _shift("apple_outer_L", x=0.35, z=0.3),
           (Place("cheek_L", (0.76, 0.0, 0.65)),)),
    Slider("cheekbones", "Width at the cheekbones", "Mouth and cheeks", -8, 8,
           _shift("apple_outer_L", x=0.5) + _shift("apple_center_L", x=0.15) + _shift("temple_L", x=0.1),
           (Place("apple_outer_L", _WIDER),)),
    Slider("jaw_width", "Jaw width", "Jaw and chin", -18, 22,
           _shift("jaw_L jaw_corner_L", x=0.5) + _shift("chin_side_low_L", x=0.35) + _shift("cheek_L", x=0.12),
           (Place("jaw_L", _WIDER),), step=1),
    Slider("chin_length", "Chin length", "Jaw and chin", -8, 11,
           _shift("chin_low", y=-1) + _shift("chin", y=-0.75) + _shift("chin_side_low_L", y=-0.9)
           + _shift("chin_side_L", y=-0.65) + _shift("jaw_L", y=-0.4) + _shift(_LOWER_LIP, y=0.2),
           (Place("chin_low", _DOWN),)),
    Slider("chin_depth", "Chin, how far out", "Jaw and chin", -7, 7,
           _shift("chin chin_low", z=1) + _shift("chin_side_L", z=0.7) + _shift("chin_side_low_L", z=0.5)
           + _shift(_LOWER_LIP, z=-0.2),
           (Place("chin", _OUT),)),
    Slider("chin_width", "Chin width", "Jaw and chin", -6, 6,
           _shift("chin_side_L chin_side_low_L", x=0.5), (Place("chin_side_L", _WIDER),)),
    Slider("face_length", "Face length", "Jaw and chin", -6, 6,
           _shift("mouth", y=-0.6) + _shift("chin chin_low chin_side_L chin_side_low_L", y=-1)
           + _shift("jaw_L", y=-0.8) + _shift("jaw_corner_L cheek_L", y=-0.5) + _shift("apple_lower_L", y=-0.4)
           + _shift("nose", y=-0.25) + _shift("apple_center_L", y=-0.2) + _shift(_LOWER_LIP, y=0.12),
           (Place("chin", _DOWN),)),
    Slider("brow_height", "Brow height", "Eyes, brows, ears", -4.5, 6.5, _shift("eyebrow_L", y=1),
           (Place("eyebrow_mid_L", _UP),)),
    Slider("brow_tilt", "Brow tilt", "Eyes, brows, ears", -7, 7, _turn("eyebrow_L", z=1),
           (Place("eyebrow_outer_L", _UP), Place("eyebrow_inner_L", _DOWN))),
    Slider("eye_size", "Eye size", "Eyes, brows, ears", -4, 6.5,
           # the bone sits above the eye: what is scaled about it is moved back up
           (("eye_L", "log_scale", (PERCENT,) * 3), *_shift("eye_L", x=0.064, y=0.147, z=0.05)),
           (Place("eye_outer_corner_L", _ASIDE), Place("eye_inner_corner_L", (-1.0, 0.0, 0.0)))),
    Slider("eye_distance", "Eye distance", "Eyes, brows, ears", -6, 6,
           _shift("eye_L", x=0.5) + _shift("eyebrow_L", x=0.15), (Place("eye_inner_corner_L", _WIDER),)),
    Slider("eye_height", "Eyes, up", "Eyes, brows, ears", -4, 4,
           _shift("eye_L", y=1) + _shift("eyebrow_L", y=0.6), (Place("eye_inner_corner_L", _UP),)),
    Slider("eye_tilt", "Eye tilt", "Eyes, brows, ears", -3.5, 3.5,
           _turn("eye_L", z=1) + _shift("eye_L", x=-0.28),
           (Place("eye_outer_corner_L", _UP), Place("eye_inner_corner_L", _DOWN))),
    Slider("forehead", "Forehead, how far out", "Eyes, brows, ears", -7, 7,
           _shift("forehead", z=1) + _shift("forehead_L", x=0.2, z=0.7) + _shift("eyebrow_center_up", z=0.4),
           (Place("forehead", _OUT),)),
)  # fmt: skip
"""Twenty-two sliders. None is for the ears: each hangs on one bone, which holds the side of the neck as well."""
