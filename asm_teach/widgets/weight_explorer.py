"""The Gaussians of a bone on the chart, to be dragged, and the weights they make, on the chart and on the face."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import ipywidgets
import torch
from torch import Tensor, nn

from asm_teach.model import AdaptiveSkinningModel
from asm_teach.widgets import colours
from asm_teach.widgets.chart import ChartView, Item, places, require_adaptive
from asm_teach.widgets.chart_ellipse import Ellipse
from asm_teach.widgets.chart_style import STYLE, button, gaussian_sliders, read_out, still
from asm_teach.widgets.viewer import Viewer
from asm_teach.widgets.weight_explorer_facts import (
    gaussian_words,
    naive_densities,
    place_facts,
    place_table,
    place_words,
    sum_words,
)
from asm_teach.widgets.weight_explorer_state import MOST_COMPONENTS, BoneMixture

_LOG, _NAIVE = "log10 of the weight", "weight, plain exponentials in float32"
_SHOWS = ("weight", _LOG, _NAIVE)


class WeightExplorer(ipywidgets.VBox):
    """One bone's Gaussians, eq. (2), on the UV chart beside the face: drag them, and the weights follow.

    An ellipse is one standard deviation (dotted: two). Its grips move, stretch and turn it; the diamond moves the
    bone with all its Gaussians. Arrow keys do the same on the grip that has the focus, and so do the sliders.
    The model itself is changed: `model.weights()` is what is drawn. Derived in lesson 2.

        explorer = WeightExplorer(asm.AdaptiveSkinningModel(head.mesh, head.rig), bone="nose_tip")
        explorer

    Args:
        model: an adaptive model; changing K in the widget gives it new mixture parameters.
        bone: index or name of the bone to start with.
        width: of the whole widget, pixels.

    Raises:
        ValueError: a model without Gaussians on a chart, NaN in its parameters, a bone that is not there.
    """

    def __init__(self, model: AdaptiveSkinningModel, *, bone: int | str = 0, width: int = 940) -> None:
        self.model = require_adaptive(model, "WeightExplorer")
        self.names = tuple(model.rig.names)
        start = model.rig.index(bone)
        if model.components > MOST_COMPONENTS:
            raise ValueError(f"model has K = {model.components}: the explorer takes up to {MOST_COMPONENTS} a bone")
        self.mixture = BoneMixture(model, start)
        self._loading, self._closed, self._trouble = True, False, ""
        self._words = self._sums = self._place_words = ""
        side = max(280, (int(width) - 20) // 2)
        self.chart = ChartView(model.chart, size=side, label="", on_edit=self._edited)
        self.chart.moves_on_click = "probe"
        u, v = self.mixture.zeta
        self._probe = (u, v + (0.09 if v < 0.5 else -0.09))  # beside the bone, clear of its grips
        self.viewer = Viewer(model.mesh, width=side, height=side, bone_names=self.names, bones=self._pivots())
        self.viewer.layout.width = f"{side}px"
        self._make_controls(start)
        left = ipywidgets.VBox([self.chart, self._scale])
        super().__init__(
            children=[
                self._style,
                ipywidgets.HBox([left, self.viewer]).add_class("asm-explorer-views"),
                self._status,
                self._place,
                self._controls,
            ]
        )
        self.add_class("asm-explorer")
        self._loading = False
        self.update()

    # -- from outside --------------------------------------------------------------------------------------

    @property
    def bone(self) -> int:
        """Index of the bone whose Gaussians are drawn."""
        return self.mixture.bone

    def select_bone(self, bone: int | str) -> None:
        """Draw another bone's Gaussians.

        Raises:
            ValueError: a bone that is not there, or an explorer that was closed.
        """
        self._require_open()
        self.chooser.value = self.model.rig.index(bone)

    def set_gaussian(
        self,
        k: int,
        *,
        mean: tuple[float, float] | None = None,
        shape: Ellipse | None = None,
        share: float | None = None,
    ) -> None:
        """Set one Gaussian of the bone; what is not given stays.

        Args:
            k: which one, counted from 0.
            mean: mu, its offset from the bone, chart units.
            shape: its widths and angle.
            share: pi, above 0 and below 1; the bone's other shares keep their proportions.

        Raises:
            ValueError: a Gaussian that is not there, numbers that are not finite, widths that are not positive, or
                an explorer that was closed.
        """
        self._require_open()
        self.mixture.set(k, mean, shape, share)
        self._draw()

    def set_bone_uv(self, uv: tuple[float, float]) -> None:
        """Move the bone, and with it all its Gaussians, to a place of the chart.

        Raises:
            ValueError: numbers that are not finite, or an explorer that was closed.
        """
        self._require_open()
        self.mixture.place(uv)
        self._draw(moved=True)

    def set_components(self, count: int) -> None:
        """Give every bone K = count Gaussians: the last ones go, or wider ones come as a new model has them.

        Raises:
            ValueError: fewer than 1 or more than `MOST_COMPONENTS`, or an explorer that was closed.
        """
        self._require_open()
        self.mixture.resize(count)
        self.update()

    def scale_widths(self, times: float) -> None:
        """Make the Gaussians of all bones wider (above 1) or narrower (below 1)."""
        self._require_open()
        self.mixture.scale(times)
        self.update()

    def reset(self, *, all_bones: bool = False) -> None:
        """Bring back the bone, or all bones and K, as they were when the explorer was made."""
        self._require_open()
        self.mixture.reset(all_bones)
        self.update()

    def update(self) -> None:
        """Read the model anew: call it after changing the model elsewhere.

        Parameters that are not finite are told in words, and the last good picture stays.

        Raises:
            ValueError: an explorer that was closed.
        """
        self._require_open()
        bad = [name for name, value in self.model.named_parameters() if not value.isfinite().all()]
        self._trouble = ""
        if bad:
            self._trouble = f"{', '.join(bad)} holds numbers that are not finite (NaN): this is the last good picture."
            self._status.value = read_out("", self._trouble)
            return
        self.mixture.choose(self.chooser.value)
        self._offer_components()
        self._draw(moved=True)

    @property
    def text(self) -> str:
        """What is shown, in words."""
        return f"{self._words} {self._place_words} {self._trouble}".strip()

    def close(self) -> None:
        """Take the explorer off the page and free what it holds in the browser."""
        self._closed = True
        if hasattr(self, "viewer"):  # one that was refused while it was made has no parts yet
            self.viewer.close()
            self.chart.close()
        super().close()

    # -- how it is put together ----------------------------------------------------------------------------

    def _make_controls(self, start: int) -> None:
        self.chooser = ipywidgets.Dropdown(
            options=[(name, j) for j, name in enumerate(self.names)], value=start, description="bone"
        )
        self.shows = ipywidgets.Dropdown(options=_SHOWS, description="colours")
        self.count = ipywidgets.BoundedIntText(
            value=self.model.components, min=1, max=MOST_COMPONENTS, description="K, Gaussians a bone"
        )
        self.count.style.description_width, self.count.layout.width = "130px", "200px"
        self.component = ipywidgets.ToggleButtons(description="Gaussian", layout={"width": "auto"})
        self.component.style.button_width = "38px"
        self.sliders = gaussian_sliders()
        buttons = [
            button("Reset bone", "bring back this bone's Gaussians", lambda: self.reset()),
            button("Reset all", "bring back all bones' Gaussians, and K", lambda: self.reset(all_bones=True)),
            button("All widths × ½", "halve the widths of all bones' Gaussians", lambda: self.scale_widths(0.5)),
            button("All widths × 2", "double the widths of all bones' Gaussians", lambda: self.scale_widths(2.0)),
        ]
        top = ipywidgets.HBox([self.chooser, self.component, self.count, self.shows]).add_class("asm-row")
        grid = ipywidgets.HBox(list(self.sliders.values())).add_class("asm-sliders")
        self._controls = ipywidgets.VBox([top, grid, ipywidgets.HBox(buttons).add_class("asm-row")])
        self._style, self._scale = ipywidgets.HTML(STYLE, layout={"display": "none"}), ipywidgets.HTML()
        self._scale.add_class("asm-below")
        self._status, self._place = ipywidgets.HTML().add_class("asm-status"), ipywidgets.HTML()
        self._offer_components()
        self.chooser.observe(lambda _: self.update(), "value")
        self.shows.observe(lambda _: self._draw(), "value")
        self.count.observe(lambda c: self._loading or self.set_components(c["new"]), "value")
        self.component.observe(self._component_chosen, "value")
        for one in self.sliders.values():
            one.observe(self._slid, "value")
        self.chart.observe(lambda c: setattr(self.component, "value", c["new"]), "selected")
        self.chart.observe(lambda c: setattr(self.chooser, "value", c["new"]), "chosen")
        self.chart.observe(lambda _: self._say_place(), "hover")

    def _offer_components(self) -> None:
        was, self._loading = self._loading, True
        if len(self.component.options) != self.model.components:
            chosen = self.component.index or 0
            self.component.options = [(str(k + 1), k) for k in range(self.model.components)]
            self.component.value = min(chosen, self.model.components - 1)
        self.count.value = self.model.components
        self.sliders["share"].disabled = self.model.components == 1
        self._loading = was

    # -- what a person does --------------------------------------------------------------------------------

    def _edited(self, items: Mapping[str, Item]) -> None:
        """The chart's items were moved: put them into the model."""
        if "bone" in items:
            self.mixture.place((items["bone"]["u"], items["bone"]["v"]))
        if "probe" in items:
            self._probe = (items["probe"]["u"], items["probe"]["v"])
        zeta = self.mixture.zeta
        for k in range(self.model.components):
            if e := items.get(f"e{k}"):
                self.mixture.set(k, (e["u"] - zeta[0], e["v"] - zeta[1]), Ellipse(e["s1"], e["s2"], e["angle"]))
        if items.keys() - {"probe"}:
            self._draw(moved="bone" in items)
        else:
            self._place_items()
            self._say_place()

    def _slid(self, change: Mapping[str, Any]) -> None:
        if self._loading:
            return
        name = next(name for name, one in self.sliders.items() if one is change["owner"])
        value = {key: one.value for key, one in self.sliders.items()}
        k, old = self.component.value, self.mixture.shapes[self.component.value]
        if name.startswith("zeta"):
            self.set_bone_uv((value["zeta u"], value["zeta v"]))
        elif name.startswith("mean"):
            self.set_gaussian(k, mean=(value["mean u"], value["mean v"]))
        elif name == "share":
            self.set_gaussian(k, share=value["share"])
        else:
            new = {"s1": old.s1, "s2": old.s2, "angle": old.angle}
            new[name] = math.radians(value["angle"]) if name == "angle" else value[name]
            self.set_gaussian(k, shape=Ellipse(**new))

    def _component_chosen(self, _: Mapping[str, Any]) -> None:
        if not self._loading and self.component.value is not None:
            self._load()
            self._place_items()
            self._say()

    # -- what is shown -------------------------------------------------------------------------------------

    @torch.no_grad()
    def _draw(self, moved: bool = False) -> None:
        """Bring colours, ellipses, sliders and words in line with the model."""
        if self._loading or self._closed:
            return
        weights, naive = self.model.weights(), naive_densities(self.model, self.model.uv)
        shown, limits = weights[:, self.bone], (0.0, 1.0)
        if self.shows.value == _LOG:
            shown, limits = shown.log10(), (-12.0, 0.0)
        elif self.shows.value == _NAIVE:
            shown = naive[:, self.bone] / naive.sum(1)
        self._sums = sum_words(weights, naive, self.bone)
        self.chart.colour(shown, limits)
        self.viewer.colour_by("weights", shown, limits, label=self.shows.value)
        if moved:
            self.viewer.show_bones(self._pivots())
            self.viewer.select_bone(self.bone)
        if any(one.any() for one in (self.model.translation, self.model.rotation, self.model.log_scale)):
            self.viewer.update(self.model())
        label = f"{self.shows.value} of {self.names[self.bone]}"
        self._scale.value = colours.scale_bar(limits, colours.SCALAR_MAPS["weights"], label)
        self._load()
        self._place_items()
        self._say()

    def _load(self) -> None:
        """Set the sliders to the model."""
        was, self._loading = self._loading, True
        k = self.component.value
        shape = self.mixture.shapes[k]
        values = [*self.mixture.zeta, *self.mixture.mean(k), shape.s1, shape.s2, math.degrees(shape.angle)]
        values.append(self.mixture.share(k))
        for one, value in zip(self.sliders.values(), values, strict=True):
            if not isinstance(one, ipywidgets.FloatLogSlider):
                # what was dragged or fitted beyond the slider's end: the slider grows rather than cut it off
                one.min, one.max = min(one.min, value), max(one.max, value)
            one.value = value
        self._loading = was

    def _place_items(self) -> None:
        name, zeta, ellipses = self.names[self.bone], self.mixture.zeta, self.mixture.items()
        u, v = self._probe
        with self.chart.hold_sync():
            self.chart.label = f"UV chart of the face with the {len(ellipses)} Gaussians of bone {name}"
            self.chart.selected, self.chart.chosen = self.component.value, self.bone
            self.chart.ellipses = ellipses
            self.chart.points = [
                {"id": "probe", "name": "place whose weights are listed", "u": u, "v": v},
                {"id": "bone", "name": f"bone {name}, with all its Gaussians", "u": zeta[0], "v": zeta[1], "pin": True},
            ]
            self.chart.dots = [[u, v, one] for (u, v), one in zip(places(self.model.bone_uv), self.names, strict=True)]

    def _say(self) -> None:
        self._words = gaussian_words(self.mixture, self.component.value, self.names) + " " + self._sums
        self._status.value = read_out(self._words, self._trouble)
        self._say_place()

    def _say_place(self) -> None:
        if self._closed:
            return
        place = tuple(self.chart.hover) if len(self.chart.hover) == 2 else self._probe
        facts = place_facts(self.model, place)
        self._place_words = place_words(facts, place, self.names)
        self._place.value = (
            f'<div class="asm-place">{place_table(facts, self.names)}{read_out(self._place_words)}</div>'
        )

    @torch.no_grad()
    def _pivots(self) -> Tensor:
        # a pivot goes where its bone's matrix G_j B_j^-1 takes it
        points = nn.functional.pad(self.model.bind_points(), (0, 1), value=1.0)
        return torch.einsum("jab,jb->ja", self.model.transforms(), points)

    def _require_open(self) -> None:
        if self._closed:
            raise ValueError("this explorer was closed: run its cell again to make a new one")

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, Any]:
        bundle = super()._repr_mimebundle_(**kwargs)
        return {**bundle, "text/plain": self.text, "image/png": still(self.chart, self.viewer)}
