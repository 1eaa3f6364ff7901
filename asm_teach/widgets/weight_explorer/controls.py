"""The choices, sliders and buttons of the weight explorer: each changes the mixture of the chosen bone."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import ipywidgets

from asm_teach.widgets.base.shown import button
from asm_teach.widgets.chart.dial import Dial
from asm_teach.widgets.chart.ellipse import Ellipse
from asm_teach.widgets.weight_explorer.mixture import MOST_COMPONENTS, BoneMixture

LOG, NAIVE = "log10 of the weight", "weight, plain exponentials in float32"
SHOWS = ("weight", LOG, NAIVE)
# Label with its unit, the same in more words, ends, step (logarithmic: of the power of ten), logarithmic, form.
_DIALS = {
    "zeta u": ("ζ u, chart", "place of the bone along u, chart units", 0, 1, 0.001, False, ".3f"),
    "zeta v": ("ζ v, chart", "place of the bone along v, chart units", 0, 1, 0.001, False, ".3f"),
    "share": ("π, share", "share of the bone, 0 to 1", 0.01, 0.99, 0.01, False, ".2f"),
    "mean u": ("μ u, chart", "offset from the bone along u, chart units", -0.5, 0.5, 0.001, False, ".3f"),
    "mean v": ("μ v, chart", "offset from the bone along v, chart units", -0.5, 0.5, 0.001, False, ".3f"),
    "angle": ("angle, °", "degrees from the u axis", -180, 180, 1, False, ".0f"),
    "s1": ("σ₁, chart", "width along its direction, chart units", 0.002, 1, 0.02, True, ".4f"),
    "s2": ("σ₂, chart", "width across its direction, chart units", 0.002, 1, 0.02, True, ".4f"),
}


class Controls(ipywidgets.VBox):
    """Every control has a name with its unit, is reached by Tab and works with the arrow keys.

    Args:
        mixture: what they change.
        bone: the choice of the bone.
        redraw: called when the colours or the chosen Gaussian change.
    """

    def __init__(self, mixture: BoneMixture, bone: ipywidgets.Dropdown, redraw: Callable[[], None]) -> None:
        self._mixture, self._redraw, self._loading = mixture, redraw, True
        self.bone = bone
        self.shows = ipywidgets.Dropdown(options=SHOWS, description="colours")
        self.count = ipywidgets.BoundedIntText(min=1, max=MOST_COMPONENTS, description="K, Gaussians per bone")
        self.count.style.description_width, self.count.layout.width = "140px", "200px"
        self.component = ipywidgets.ToggleButtons(layout={"width": "max-content"})
        self.component.style.button_width = "88px"
        self.dials = {
            name: Dial(label, words, low, high, step, partial(self._set, name), log=log, form=form)
            for name, (label, words, low, high, step, log, form) in _DIALS.items()
        }
        buttons = (
            button("Reset bone", "reset this bone's Gaussians", mixture.reset),
            button("Reset all", "reset the Gaussians of all bones, and K", lambda: mixture.reset(all_bones=True)),
            button("All widths × ½", "halve the widths of all bones' Gaussians", lambda: mixture.scale_widths(0.5)),
            button("All widths × 2", "double the widths of all bones' Gaussians", lambda: mixture.scale_widths(2.0)),
        )
        for one in (self.bone, self.shows):
            one.style.description_width, one.layout.width = "54px", "260px"
        super().__init__(
            children=[
                ipywidgets.HBox([self.bone, self.shows, self.count, self.component]).add_class("asm-row"),
                ipywidgets.HBox([dial.widget for dial in self.dials.values()]).add_class("asm-sliders"),
                ipywidgets.HBox(buttons).add_class("asm-row"),
            ]
        )
        self.load()
        self.shows.observe(lambda _: redraw(), "value")
        self.count.observe(lambda change: self._asked(lambda: mixture.set_components(change["new"])), "value")
        self.component.observe(lambda _: self._asked(redraw), "value")

    @property
    def k(self) -> int:
        """The chosen Gaussian, counted from 0."""
        return self.component.value

    def load(self) -> None:
        """Show what the model holds."""
        self._loading = True
        mixture = self._mixture
        count = len(mixture.shapes)
        if len(self.component.options) != count:
            chosen = self.component.index or 0
            self.component.options = [(f"Gaussian {k + 1}", k) for k in range(count)]
            self.component.value = min(chosen, count - 1)
        self.count.value, self.bone.value = count, mixture.bone
        self.dials["share"].widget.disabled = count == 1
        for name, value in self._numbers().items():
            self.dials[name].load(value)
        self._loading = False

    def _asked(self, act: Callable[[], None]) -> None:
        if not self._loading:
            act()

    def _numbers(self) -> dict[str, float]:
        """What the model holds, by the name of the slider."""
        (zu, zv), (u, v), shape = self._mixture.zeta, self._mixture.mean(self.k), self._mixture.shapes[self.k]
        place = {"zeta u": zu, "zeta v": zv, "share": self._mixture.share(self.k), "mean u": u, "mean v": v}
        return {**place, "angle": math.degrees(shape.angle), "s1": shape.s1, "s2": shape.s2}

    def _set(self, name: str, value: float) -> None:
        """Give the mixture the number of one slider; the others stay as the model has them, not as rounded here."""
        mixture, k, now = self._mixture, self.k, self._numbers() | {name: value}
        if name in ("zeta u", "zeta v"):
            mixture.set_bone_uv((now["zeta u"], now["zeta v"]))
        elif name in ("mean u", "mean v"):
            mixture.set_gaussian(k, mean=(now["mean u"], now["mean v"]))
        elif name == "share":
            mixture.set_gaussian(k, share=value)
        else:
            mixture.set_gaussian(k, shape=Ellipse(now["s1"], now["s2"], math.radians(now["angle"])))
