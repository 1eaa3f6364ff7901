"""The sliders of the playground: what each does to named bones, in words, millimetres and degrees."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from asm_teach.fitting.priors import MIRROR
from asm_teach.model.transforms import Rig

DEGREE = math.pi / 180
PERCENT = 0.01  # of the logarithm of a scale: 10 of them are a factor of 1.105
_MIRROR = MIRROR | {"bone_uv": (-1.0, 1.0), "reach": (1.0,)}
ROOM = 3.5
"""The squares of all sliders that shape the face, each as a share of its end, add up to this much at most.

Beyond it the page holds all of them back by one factor, so that the skin neither folds nor tears at their corners.
"""
Move = tuple[str, str, tuple[float, ...]]


@dataclass(frozen=True)
class Slider:
    """A slider, and what one unit of it adds to parameters of bones.

    moves: (bone, parameter, numbers a unit). The parameter is one of the model's, or "reach", which widens all
    Gaussians of a bone by a factor of 2 a unit. A bone whose name ends in _L brings its mirror image along.
    """

    name: str
    label: str
    group: str
    unit: str
    low: float
    high: float
    moves: tuple[Move, ...]
    step: float = 0.5

    def for_rig(self, rig: Rig) -> dict[str, Any] | None:
        """The slider as the page reads it, with bones by index; None if the rig has none of its bones."""
        moves = []
        for bone, parameter, numbers in self.moves:
            if bone in rig.names:
                moves.append([rig.index(bone), parameter, list(numbers)])
            image = bone[:-2] + "_R"
            if bone.endswith("_L") and image in rig.names:
                flipped = [sign * x for sign, x in zip(_MIRROR[parameter], numbers, strict=True)]
                moves.append([rig.index(image), parameter, flipped])
        about = {k: getattr(self, k) for k in ("name", "label", "group", "unit", "low", "high", "step")}
        shapes = not self.group.startswith("Reach")
        return {**about, "shapes": shapes, "moves": moves} if moves else None


def _shift(bones: str, x: float = 0.0, y: float = 0.0, z: float = 0.0) -> tuple[Move, ...]:
    """Move bones by so many millimetres a unit."""
    return tuple((bone, "translation", (x, y, z)) for bone in bones.split())


def _turn(bones: str, x: float = 0.0, y: float = 0.0, z: float = 0.0) -> tuple[Move, ...]:
    """Turn bones by so many degrees a unit."""
    return tuple((bone, "rotation", (x * DEGREE, y * DEGREE, z * DEGREE)) for bone in bones.split())


def _reach(bones: str) -> tuple[Move, ...]:
    return tuple((bone, "reach", (1.0,)) for bone in bones.split())


_TIP = "nose_tip nose_mid nose_bottom_L nose_hole_L nose_wing_L"
_CHIN = "chin chin_low chin_side_L chin_side_low_L"
_BROW = "eyebrow_inner_L eyebrow_mid_L eyebrow_outer_L"

SLIDERS = (
    Slider("nose_width", "Nose width", "Nose", "mm", -8, 10,
           _shift("nose_wing_L", x=0.5) + _shift("nose_hole_L", x=0.35) + _shift("nose_bottom_L", x=0.25)),
    Slider("nose_length", "Nose length", "Nose", "mm", -6, 8,
           _shift("nose_tip nose_bottom_L nose_hole_L", y=-1) + _shift("nose_wing_L", y=-0.8)
           + _shift("nose_mid", y=-0.5) + _shift("nose", y=-0.1)),
    Slider("nose_depth", "Nose, how far out", "Nose", "mm", -8, 10,
           _shift("nose_tip", z=1) + _shift("nose_mid nose_bottom_L", z=0.75) + _shift("nose_hole_L", z=0.6)
           + _shift("nose_bridge", z=0.45) + _shift("nose_wing_L", z=0.35) + _shift("nose_bridge_upper", z=0.15)),
    Slider("nose_tip", "Nose tip, up", "Nose", "°", -25, 25,
           _turn("nose_tip nose_bottom_L nose_hole_L", x=-1) + _shift("nose_tip nose_bottom_L", y=0.12), step=1),
    Slider("mouth_width", "Mouth width", "Mouth and cheeks", "mm", -12, 14,
           _shift("lip_corner_L", x=0.5) + _shift("lip_upper_side_L lip_lower_side_L", x=0.3), step=1),
    Slider("lips", "Lip fullness", "Mouth and cheeks", "mm", -3, 5,
           _shift("lip_upper_mid", y=0.35, z=0.7) + _shift("lip_upper_side_L", y=0.3, z=0.55)
           + _shift("lip_lower_mid", y=-0.45, z=0.7) + _shift("lip_lower_side_L", y=-0.35, z=0.55), step=0.25),
    Slider("cheeks", "Cheek fullness", "Mouth and cheeks", "mm", -8, 10,
           _shift("cheek_L apple_center_L apple_lower_L", x=0.7, z=0.6) + _shift("apple_outer_L", x=0.35, z=0.3)),
    Slider("jaw_width", "Jaw width", "Jaw and chin", "mm", -20, 24,
           _shift("jaw_L jaw_corner_L", x=0.5) + _shift("chin_side_low_L", x=0.35) + _shift("cheek_L", x=0.12), step=1),
    Slider("chin_length", "Chin length", "Jaw and chin", "mm", -10, 14,
           _shift("chin_low", y=-1) + _shift("chin", y=-0.75) + _shift("chin_side_low_L", y=-0.9)
           + _shift("chin_side_L", y=-0.65) + _shift("jaw_L", y=-0.4)),
    Slider("chin_depth", "Chin, how far out", "Jaw and chin", "mm", -10, 10,
           _shift("chin chin_low", z=1) + _shift("chin_side_L", z=0.7) + _shift("chin_side_low_L", z=0.5)),
    Slider("brow_height", "Brow height", "Eyes, brows, ears", "mm", -6, 9, _shift("eyebrow_L", y=1)),
    Slider("brow_tilt", "Brow tilt", "Eyes, brows, ears", "°", -20, 20, _turn("eyebrow_L", z=1), step=1),
    Slider("eye_size", "Eye size", "Eyes, brows, ears", "%", -20, 25,
           # the bone sits above the eye: what is scaled about it is moved back up
           (("eye_L", "log_scale", (PERCENT,) * 3), *_shift("eye_L", x=0.064, y=0.147, z=0.05)), step=1),
    Slider("ears", "Ears, how far out", "Eyes, brows, ears", "°", -12, 25, _turn("ear_L", y=-1), step=1),
    Slider("nose_reach", "Reach, nose", "Reach and place", "×", -0.4, 1.5, _reach(_TIP), step=0.1),
    Slider("chin_reach", "Reach, chin", "Reach and place", "×", -0.4, 1.5, _reach(_CHIN), step=0.1),
    Slider("brow_place", "Place, brows", "Reach and place", "% of the chart", -4, 6,
           tuple((bone, "bone_uv", (0.0, 0.01)) for bone in _BROW.split()), step=0.25),
)  # fmt: skip
"""Fourteen sliders that move bones, three that change how far bones reach or where they sit."""


def sliders_for(rig: Rig) -> list[dict[str, Any]]:
    """Those sliders whose bones, or some of them, a rig has."""
    return [found for slider in SLIDERS if (found := slider.for_rig(rig)) is not None]
