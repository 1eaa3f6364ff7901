"""The sliders of the playground: those of `avatar/sliders.py` that fit on a page, and some that belong to it alone."""

from __future__ import annotations

import math
from typing import Any

from torch import Tensor

from asm_teach.avatar.editing import PARTS, slider_motions
from asm_teach.avatar.sliders import SLIDERS
from asm_teach.model.adaptive import SkinnedModel
from asm_teach.model.transforms import Rig

SHOWN = (
    "nose_width", "nose_length", "nose_depth", "nose_tip", "mouth_width", "lips", "cheeks", "jaw_width", "chin_length",
    "chin_depth", "brow_height", "brow_tilt", "eye_size",
)  # fmt: skip
ROOM = 3.5
"""The squares of all sliders that shape the face, each as a share of its end, add up to this much at most.

Beyond it the page holds all of them back by one factor, so that the skin neither folds nor tears at their corners.
"""
_TINY = {"translation": 1e-3, "rotation": 1e-5, "log_scale": 1e-5}  # of a motion per mm: not worth a line
_TIP = "nose_tip nose_mid nose_bottom nose_hole nose_wing"
_CHIN = "chin chin_low chin_side chin_side_low"
_BROW = "eyebrow_inner eyebrow_mid eyebrow_outer"


def sliders_for(model: SkinnedModel) -> list[dict[str, Any]]:
    """The sliders as the page reads them; those are left out whose bones the model does not have.

    moves: [bone, parameter, numbers a unit]. The parameter is one of the model's, or "reach", which widens all
    Gaussians of a bone by a factor of 2 a unit.
    """
    motions = slider_motions(model)
    found = []
    for slider in SLIDERS:
        if slider.name in SHOWN and slider.name in motions:
            about = {k: getattr(slider, k) for k in ("name", "label", "group", "low", "high", "step")}
            found.append({**about, "unit": "mm", "shapes": True, "moves": _moves(motions[slider.name])})
    return [*found, *(one for one in _own(model.rig) if one["moves"])]


def _moves(motion: Tensor) -> list[list[Any]]:
    """A motion (J, 9) as a list, without the bones that hardly take part."""
    return [
        [bone, part, row[columns].tolist()]
        for bone, row in enumerate(motion)
        for part, columns in PARTS.items()
        if row[columns].abs().max() > _TINY[part]
    ]


def _own(rig: Rig) -> list[dict[str, Any]]:
    """What changes how far bones reach and where they sit, and the ears, whose bones hold the sides of the neck too."""

    def each(names: str, part: str, numbers: list[float]) -> list[list[Any]]:
        every = [name + end for name in names.split() for end in ("", "_L", "_R")]
        return [[rig.index(name), part, numbers] for name in every if name in rig.names]

    def slider(name: str, label: str, unit: str, low: float, high: float, step: float, moves: Any) -> dict[str, Any]:
        about = {"name": name, "label": label, "group": "Reach and place", "unit": unit, "low": low, "high": high}
        return {**about, "step": step, "shapes": False, "moves": moves}

    degree = math.pi / 180
    ears = each("ear_L", "rotation", [0.0, -degree, 0.0]) + each("ear_R", "rotation", [0.0, degree, 0.0])
    return [
        slider("ears", "Ears, how far out", "°", -12, 25, 1, ears) | {"group": "Eyes, brows, ears", "shapes": True},
        slider("nose_reach", "Reach, nose", "×", -0.4, 1.5, 0.1, each(_TIP, "reach", [1.0])),
        slider("chin_reach", "Reach, chin", "×", -0.4, 1.5, 0.1, each(_CHIN, "reach", [1.0])),
        slider("brow_place", "Place, brows", "% of the chart", -4, 6, 0.25, each(_BROW, "bone_uv", [0.0, 0.01])),
    ]
