"""The Gaussians of a bone on the chart, to be dragged, and the weights they make, on the chart and on the face."""

from __future__ import annotations

from collections.abc import Mapping

import ipywidgets
import torch

from asm_teach.model.adaptive import AdaptiveSkinningModel
from asm_teach.widgets.base import colours
from asm_teach.widgets.base.shown import read_out
from asm_teach.widgets.chart.chart import Item, places, uv_of
from asm_teach.widgets.chart.ellipse import Ellipse
from asm_teach.widgets.chart.explorer import Explorer
from asm_teach.widgets.weight_explorer.controls import LOG, NAIVE, Controls
from asm_teach.widgets.weight_explorer.facts import (
    gaussian_words,
    naive_densities,
    place_facts,
    place_table,
    place_words,
    sum_words,
)
from asm_teach.widgets.weight_explorer.mixture import MOST_COMPONENTS, BoneMixture


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
        width: of the whole widget, pixels; 930 is what a laptop's 1366 leave beside the file list.

    Attributes:
        mixture: what the controls change; call it to change a Gaussian from code.

    Raises:
        ValueError: a model without Gaussians on a chart, NaN in its parameters, a bone that is not there.
    """

    def __init__(self, model: AdaptiveSkinningModel, *, bone: int | str = 0, width: int = 930) -> None:
        super().__init__(model, bone, width, most=308)
        if model.components > MOST_COMPONENTS:
            raise ValueError(f"model has K = {model.components}: the explorer takes up to {MOST_COMPONENTS} per bone")
        self.mixture = BoneMixture(model, self.bone, self._draw)
        self._gaussian_words = ""
        self.chart.moves_on_click, self.chart.hovers = "probe", True
        u, v = self.mixture.zeta
        self._probe = (u, v + (0.09 if v < 0.5 else -0.09))  # beside the bone, clear of its grips
        self.controls = Controls(self.mixture, self.chooser, self._draw)
        self._place = ipywidgets.HTML()
        self._scale = ipywidgets.HTML().add_class("asm-below")
        self.chart.observe(lambda change: setattr(self.controls.component, "value", change["new"]), "selected")
        self.chart.observe(lambda _: self._say(), "hover")
        self.viewer.on_pick(lambda face, shares: self._ask(uv_of(model.chart, face, shares)))
        left = ipywidgets.VBox([self.chart, self._scale])
        words = ipywidgets.VBox([self._status, self._place]).add_class("asm-explorer-words")
        views = ipywidgets.HBox([left, self.viewer, words]).add_class("asm-explorer-views")
        self.children = [self._style, views, self.controls]
        self.update()

    def _edited(self, items: Mapping[str, Item]) -> None:
        if self._closed:
            return
        if "bone" in items:
            self.mixture.set_bone_uv((items["bone"]["u"], items["bone"]["v"]))
        zeta = self.mixture.zeta
        for k in range(self.model.components):
            if e := items.get(f"e{k}"):
                shape = Ellipse(e["s1"], e["s2"], e["angle"])
                self.mixture.set_gaussian(k, mean=(e["u"] - zeta[0], e["v"] - zeta[1]), shape=shape)
        if "probe" in items:
            self._ask((items["probe"]["u"], items["probe"]["v"]))

    def _ask(self, place: tuple[float, float]) -> None:
        """Put the cross at a place, and list who holds it."""
        self._probe = place
        self._place_items()
        self._say()

    # -- what is shown -------------------------------------------------------------------------------------

    def _read(self) -> None:
        self.mixture.choose(self.bone)
        self._draw(moved=True)

    @torch.no_grad()
    def _draw(self, moved: bool = False) -> None:
        """Bring colours, ellipses, sliders and words in line with the model; `moved`: the bone may have moved too."""
        self._require_open()
        model, bone, kind = self.model, self.mixture.bone, self.controls.shows.value
        weights, naive = model.weights(), naive_densities(model, model.uv)
        shown, limits = weights[:, bone], (0.0, 1.0)
        if kind == LOG:
            shown, limits = shown.log10(), (-12.0, 0.0)
        elif kind == NAIVE:
            shown = naive[:, bone] / naive.sum(1)
        self.chart.colour(shown, limits)
        self.viewer.colour_by("weights", shown, limits, label=kind)
        if moved:
            # a pivot goes where its bone's matrix G_j B_j^-1 takes it
            points = torch.nn.functional.pad(model.bind_points(), (0, 1), value=1.0)
            self.viewer.show_bones(torch.einsum("jab,jb->ja", model.transforms(), points))
            self.viewer.select_bone(bone)
        if any(one.any() for one in (model.translation, model.rotation, model.log_scale)):
            self.viewer.update(model())
        label = f"{kind} of {self.names[bone]}"
        self._scale.value = colours.scale_bar(limits, colours.SCALAR_MAPS["weights"], label)
        self.controls.load()
        self._place_items()
        words = gaussian_words(self.mixture, self.controls.k, self.names)
        self._gaussian_words = f"{words} {sum_words(weights, naive, bone)}"
        self._status.value = read_out(self._gaussian_words)
        self._say()

    def _place_items(self) -> None:
        name, zeta, ellipses = self.names[self.mixture.bone], self.mixture.zeta, self.mixture.items()
        u, v = self._probe
        with self.chart.hold_sync():
            self.chart.label = f"UV chart of the face with the {len(ellipses)} Gaussians of bone {name}"
            self.chart.selected, self.chart.chosen = self.controls.k, self.mixture.bone
            self.chart.ellipses = ellipses
            self.chart.points = [
                {"id": "probe", "name": "place whose weights are listed", "u": u, "v": v},
                {"id": "bone", "name": f"bone {name}, with all its Gaussians", "u": zeta[0], "v": zeta[1], "pin": True},
            ]
            self.chart.dots = [[*at, one] for at, one in zip(places(self.model.bone_uv), self.names, strict=True)]

    def _say(self) -> None:
        """Say who holds the place under the pointer, else the cross."""
        if self._closed:
            return
        u, v = self.chart.hover or self._probe
        facts = place_facts(self.model, (u, v))
        said = place_words(facts, (u, v), self.names)
        self._words = f"{self._gaussian_words} {said}"
        self._place.value = f'<div class="asm-place">{place_table(facts, self.names)}{read_out(said)}</div>'
