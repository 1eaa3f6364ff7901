"""The choices, sliders and buttons of the weight explorer: each changes the mixture of the chosen bone."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import ipywidgets

from asm_teach.widgets.base.shown import button
from asm_teach.widgets.chart.dial import Dial
from asm_teach.widgets.weight_explorer.mixture import MOST_COMPONENTS, BoneMixture

LOG, NAIVE = "log10 of the weight", "weight, plain exponentials in float32"
SHOWS = ("weight", LOG, NAIVE)


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
        self.count = ipywidgets.BoundedIntText(min=1, max=MOST_COMPONENTS, description="K, Gaussians a bone")
        self.count.style.description_width, self.count.layout.width = "140px", "200px"
        self.component = ipywidgets.ToggleButtons(layout={"width": "max-content"})
        self.component.style.button_width = "88px"
        self.dials = {
            "zeta u": self._dial("ζ u, chart", "place of the bone along u", (0, 1), self._shift("zeta", 0)),
            "zeta v": self._dial("ζ v, chart", "place of the bone along v", (0, 1), self._shift("zeta", 1)),
            "share": Dial("π, share", "share of the bone, 0 to 1", 0.01, 0.99, 0.01, self._share, form=".2f"),
            "mean u": self._dial("μ u, chart", "offset from the bone along u", (-0.5, 0.5), self._shift("mean", 0)),
            "mean v": self._dial("μ v, chart", "offset from the bone along v", (-0.5, 0.5), self._shift("mean", 1)),
            "angle": Dial("angle, °", "degrees from the u axis", -180, 180, 1, self._turn, form=".0f"),
            "s1": self._dial("σ₁, chart", "width along its direction", (0.002, 1), self._widen("s1"), 0.02),
            "s2": self._dial("σ₂, chart", "width across its direction", (0.002, 1), self._widen("s2"), 0.02),
        }
        self.buttons = (
            button("Reset bone", "bring back this bone's Gaussians", mixture.reset),
            button("Reset all", "bring back all bones' Gaussians, and K", lambda: mixture.reset(all_bones=True)),
            button("All widths × ½", "halve the widths of all bones' Gaussians", lambda: mixture.scale_widths(0.5)),
            button("All widths × 2", "double the widths of all bones' Gaussians", lambda: mixture.scale_widths(2.0)),
        )
        for one in (self.bone, self.shows):
            one.style.description_width, one.layout.width = "54px", "260px"
        super().__init__(
            children=[
                ipywidgets.HBox([self.bone, self.shows, self.count, self.component]).add_class("asm-row"),
                ipywidgets.HBox([dial.widget for dial in self.dials.values()]).add_class("asm-sliders"),
                ipywidgets.HBox(self.buttons).add_class("asm-row"),
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
        (zu, zv), (u, v), shape = mixture.zeta, mixture.mean(self.k), mixture.shapes[self.k]
        values = {"zeta u": zu, "zeta v": zv, "mean u": u, "mean v": v, "s1": shape.s1, "s2": shape.s2}
        values |= {"angle": math.degrees(shape.angle), "share": mixture.share(self.k)}
        for name, value in values.items():
            self.dials[name].load(value)
        self._loading = False

    def _asked(self, act: Callable[[], None]) -> None:
        if not self._loading:
            act()

    # -- what the sliders ask for --------------------------------------------------------------------------

    def _dial(
        self, name: str, words: str, ends: tuple[float, float], act: Callable[[float], None], step: float = 0.001
    ) -> Dial:
        log = ends[0] > 0
        return Dial(name, f"{words}, chart units", *ends, step, act, log=log, form=".4f" if log else ".3f")

    def _shift(self, what: str, axis: int) -> Callable[[float], None]:
        """Sets one coordinate of the bone or of the chosen Gaussian; the other stays as the model has it."""

        def act(value: float) -> None:
            old = self._mixture.zeta if what == "zeta" else self._mixture.mean(self.k)
            place = (value, old[1]) if axis == 0 else (old[0], value)
            if what == "zeta":
                self._mixture.set_bone_uv(place)
            else:
                self._mixture.set_gaussian(self.k, mean=place)

        return act

    def _widen(self, which: str) -> Callable[[float], None]:
        def act(value: float) -> None:
            self._mixture.set_gaussian(self.k, shape=replace(self._mixture.shapes[self.k], **{which: value}))

        return act

    def _turn(self, degrees: float) -> None:
        shape = replace(self._mixture.shapes[self.k], angle=math.radians(degrees))
        self._mixture.set_gaussian(self.k, shape=shape)

    def _share(self, share: float) -> None:
        self._mixture.set_gaussian(self.k, share=share)
