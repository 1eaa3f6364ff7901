"""The nine sliders of one bone, in units that people think in: millimetres, degrees, factors."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import ipywidgets
import torch
from torch import Tensor

_AXES = "xyz"


class BoneSliders:
    """Three sliders each to move, turn and scale a bone.

    A turn is a rotation vector: its three numbers, here in degrees, are the axis times the angle.

    Args:
        changed: called with the slider that a person has moved.

    Attributes:
        translation, rotation, scale: the sliders, three each.
        box: all of them under headings.
    """

    def __init__(self, changed: Callable[[ipywidgets.FloatSlider], None]) -> None:
        self.translation = _three("move", "mm", 0.0, 30.0, 0.5, ".1f")
        self.rotation = _three("turn", "°", 0.0, 60.0, 1.0, ".0f")
        self.scale = _three("scale", "×", 1.0, 0.5, 0.01, ".2f")
        self.all = (*self.translation, *self.rotation, *self.scale)
        self._loading, self._changed = False, changed
        for slider in self.all:
            slider.observe(self._moved, "value")
        self.box = ipywidgets.VBox(
            [
                _heading("Move, in millimetres"),
                *self.translation,
                _heading("Turn, in degrees"),
                *self.rotation,
                _heading("Scale, as a factor"),
                *self.scale,
            ]
        )

    def motion(self) -> tuple[Tensor, Tensor, Tensor]:
        """Translation in mm, rotation vector in radians, and scale, (3,) each.

        Raises:
            ValueError: a slider that stands at no finite number.
        """
        for slider in self.all:
            if not math.isfinite(slider.value):
                what = slider.description.split(",")[0]
                raise ValueError(f"{what} is not a finite number ({slider.value}): the bone stays as it was.")
        move, turn, scale = (
            torch.tensor([slider.value for slider in three]) for three in (self.translation, self.rotation, self.scale)
        )
        return move, torch.deg2rad(turn), scale

    def load(self, translation: Tensor, rotation: Tensor, scale: Tensor) -> None:
        """Set the sliders to a motion, (3,) each; nobody is told."""
        self._loading = True
        for slider, value in zip(
            self.all, torch.cat([translation, torch.rad2deg(rotation), scale]).tolist(), strict=True
        ):
            if not math.isfinite(value):
                continue
            # a fitted bone may stand beyond the slider's end: the slider grows rather than cut it off
            slider.min, slider.max = min(slider.min, value), max(slider.max, value)
            slider.value = value
        self._loading = False

    def words(self, slider: ipywidgets.FloatSlider) -> str:
        """What a slider says now, such as "move x 4 mm"."""
        what, unit = slider.description.split(", ")
        return f"{what} {slider.value:g} {unit}"

    def _moved(self, change: Mapping[str, Any]) -> None:
        if not self._loading:
            self._changed(change["owner"])


def _three(
    verb: str, unit: str, rest: float, reach: float, step: float, form: str
) -> tuple[ipywidgets.FloatSlider, ...]:
    """Sliders for x, y and z."""
    return tuple(
        ipywidgets.FloatSlider(
            value=rest,
            min=rest - reach,
            max=rest + reach,
            step=step,
            description=f"{verb} {axis}, {unit}",
            tooltip=f"{verb} the bone, {axis} axis, {unit}",
            readout_format=form,
            continuous_update=True,
            layout={"width": "296px"},
            style={"description_width": "84px"},
        )
        for axis in _AXES
    )


def _heading(words: str) -> ipywidgets.HTML:
    return ipywidgets.HTML(f'<div class="asm-group">{words}</div>')
