"""The Gaussians of a bone on the chart, to be dragged, and the weights they make, on the chart and on the face."""

from __future__ import annotations

from collections.abc import Mapping

import ipywidgets
import torch
from torch import Tensor, nn

from asm_teach.model.adaptive import AdaptiveSkinningModel
from asm_teach.widgets.base import colours
from asm_teach.widgets.chart.chart import ChartView, Item, places, require_adaptive, uv_of
from asm_teach.widgets.chart.ellipse import Ellipse
from asm_teach.widgets.chart.explorer import Explorer
from asm_teach.widgets.chart.style import STYLE, read_out
from asm_teach.widgets.viewer.viewer import Viewer
from asm_teach.widgets.weight_explorer.controls import LOG, NAIVE, Controls
from asm_teach.widgets.weight_explorer.facts import (
    gaussian_words,
    naive_densities,
    place_facts,
    place_table,
    place_words,
    sum_words,
)
from asm_teach.widgets.weight_explorer.state import MOST_COMPONENTS, BoneMixture


class WeightExplorer(Explorer):
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
        self._trouble = ""
        self._words = self._sums = self._place_words = ""
        side = max(280, (int(width) - 20) // 2)
        self.chart = ChartView(model.chart, size=side, label="", on_edit=self._edited)
        self.chart.moves_on_click, self.chart.hovers = "probe", True
        u, v = self.mixture.zeta
        self._probe = (u, v + (0.09 if v < 0.5 else -0.09))  # beside the bone, clear of its grips
        self.viewer = Viewer(model.mesh, width=side, height=side, bone_names=self.names, bones=self._pivots())
        self.viewer.layout.width = f"{side}px"
        self.controls = Controls(self, self.names, lambda: self._draw())
        self._status, self._place = ipywidgets.HTML().add_class("asm-status"), ipywidgets.HTML()
        self._scale = ipywidgets.HTML().add_class("asm-below")
        self.chart.observe(lambda change: setattr(self.controls.component, "value", change["new"]), "selected")
        self.chart.observe(lambda change: setattr(self.controls.bone, "value", change["new"]), "chosen")
        self.chart.observe(lambda _: self._say_place(), "hover")
        self.viewer.on_pick(lambda face, shares: self._ask(uv_of(model.chart, face, shares)))
        left = ipywidgets.VBox([self.chart, self._scale])
        views = ipywidgets.HBox([left, self.viewer]).add_class("asm-explorer-views")
        style = ipywidgets.HTML(STYLE, layout={"display": "none"})
        super().__init__(children=[style, views, self._status, self._place, self.controls])
        self.add_class("asm-explorer")
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
        self.controls.bone.value = self.model.rig.index(bone)

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
        self.mixture.choose(self.controls.bone.value)
        self._draw(moved=True)

    @property
    def text(self) -> str:
        """What is shown, in words."""
        return f"{self._words} {self._place_words} {self._trouble}".strip()

    # -- what a person does --------------------------------------------------------------------------------

    def _edited(self, items: Mapping[str, Item]) -> None:
        """The chart's items were moved: put them into the model."""
        if "bone" in items:
            self.mixture.place((items["bone"]["u"], items["bone"]["v"]))
        zeta = self.mixture.zeta
        for k in range(self.model.components):
            if e := items.get(f"e{k}"):
                self.mixture.set(k, (e["u"] - zeta[0], e["v"] - zeta[1]), Ellipse(e["s1"], e["s2"], e["angle"]))
        if items.keys() - {"probe"}:
            self._draw(moved="bone" in items)
        if "probe" in items:
            self._ask((items["probe"]["u"], items["probe"]["v"]))

    def _ask(self, place: tuple[float, float]) -> None:
        """Put the cross at a place, and list who holds it."""
        self._probe = place
        self._place_items()
        self._say_place()

    # -- what is shown -------------------------------------------------------------------------------------

    @torch.no_grad()
    def _draw(self, moved: bool = False) -> None:
        """Bring colours, ellipses, sliders and words in line with the model."""
        weights, naive = self.model.weights(), naive_densities(self.model, self.model.uv)
        shown, limits = weights[:, self.bone], (0.0, 1.0)
        if self.controls.shows.value == LOG:
            shown, limits = shown.log10(), (-12.0, 0.0)
        elif self.controls.shows.value == NAIVE:
            shown = naive[:, self.bone] / naive.sum(1)
        self._sums = sum_words(weights, naive, self.bone)
        self.chart.colour(shown, limits)
        self.viewer.colour_by("weights", shown, limits, label=self.controls.shows.value)
        if moved:
            self.viewer.show_bones(self._pivots())
            self.viewer.select_bone(self.bone)
        if any(one.any() for one in (self.model.translation, self.model.rotation, self.model.log_scale)):
            self.viewer.update(self.model())
        label = f"{self.controls.shows.value} of {self.names[self.bone]}"
        self._scale.value = colours.scale_bar(limits, colours.SCALAR_MAPS["weights"], label)
        self.controls.load()
        self._place_items()
        self._say()

    def _place_items(self) -> None:
        name, zeta, ellipses = self.names[self.bone], self.mixture.zeta, self.mixture.items()
        u, v = self._probe
        with self.chart.hold_sync():
            self.chart.label = f"UV chart of the face with the {len(ellipses)} Gaussians of bone {name}"
            self.chart.selected, self.chart.chosen = self.controls.k, self.bone
            self.chart.ellipses = ellipses
            self.chart.points = [
                {"id": "probe", "name": "place whose weights are listed", "u": u, "v": v},
                {"id": "bone", "name": f"bone {name}, with all its Gaussians", "u": zeta[0], "v": zeta[1], "pin": True},
            ]
            self.chart.dots = [[u, v, one] for (u, v), one in zip(places(self.model.bone_uv), self.names, strict=True)]

    def _say(self) -> None:
        self._words = gaussian_words(self.mixture, self.controls.k, self.names) + " " + self._sums
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
