"""A slider for a number that need not lie on the slider's grid."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import ipywidgets


class Dial:
    """A named slider that calls `act` with its number when a person moves it, and only then.

    In the browser a slider rounds whatever it is given to its steps and sends the rounded number back. A model must
    not be changed by being looked at, so the slider is given the rounded number, and what comes back unmoved is
    ignored.

    Args:
        name: with the unit.
        tooltip: the same in more words.
        low: lower end; it grows when a smaller number is loaded.
        high: upper end; it grows too.
        step: of the slider; for a logarithmic one of the exponent of 10, and its ends do not grow.
        act: called with the new number.
        form: of the number shown.
    """

    def __init__(
        self,
        name: str,
        tooltip: str,
        low: float,
        high: float,
        step: float,
        act: Callable[[float], None],
        *,
        log: bool = False,
        form: str = ".3f",
    ) -> None:
        self._act, self._log, self._loaded = act, log, math.nan
        kind = ipywidgets.FloatLogSlider if log else ipywidgets.FloatSlider
        ends = [math.log10(low), math.log10(high)] if log else [low, high]
        self.widget = kind(
            value=low,
            min=ends[0],
            max=ends[1],
            step=step,
            description=name,
            tooltip=tooltip,
            readout_format=form,
            layout={"width": "300px"},
            style={"description_width": "88px"},
        )
        self.load(low)
        self.widget.observe(self._changed, "value")

    @property
    def value(self) -> float:
        """The number on the slider."""
        return self.widget.value

    def load(self, value: float) -> None:
        """Show a number, rounded to the slider's steps, without calling `act`."""
        one = self.widget
        place = math.log10(value) if self._log else value
        if not self._log:
            one.min -= math.ceil(max(one.min - place, 0) / one.step) * one.step
            one.max += math.ceil(max(place - one.max, 0) / one.step) * one.step
        place = min(max(one.min + round((place - one.min) / one.step) * one.step, one.min), one.max)
        self._loaded = place
        one.value = 10**place if self._log else place

    def _changed(self, change: Mapping[str, Any]) -> None:
        place = math.log10(change["new"]) if self._log else change["new"]
        if abs(place - self._loaded) > 0.25 * self.widget.step:
            self._loaded = place
            self._act(change["new"])
