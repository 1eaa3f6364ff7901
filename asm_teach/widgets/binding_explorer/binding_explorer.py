"""A bone's place on the chart and on the face: which triangle binds it, and how the derivative jumps at its edges."""

from __future__ import annotations

import math
from collections.abc import Mapping

import ipywidgets
import torch

from asm_teach.geometry.mesh_edges import edge_list
from asm_teach.model.adaptive import AdaptiveSkinningModel
from asm_teach.widgets.base.shown import button, read_out
from asm_teach.widgets.binding_explorer.facts import (
    Jump,
    Line,
    Place,
    along_line,
    crossing_words,
    find_place,
    jump_words,
    nearest_jump,
    place_words,
)
from asm_teach.widgets.binding_explorer.plot import line_plot
from asm_teach.widgets.chart.chart import Item, place_bone, places, uv_of
from asm_teach.widgets.chart.dial import Dial
from asm_teach.widgets.chart.explorer import Explorer


class BindingExplorer(Explorer):
    """Place a bone by a click on the chart or on the face; see what eq. (3) makes of it. Derived in lesson 3.

    Shown are the triangle, the barycentrics (as colours of its corners), the pivot, and d pivot / dt along a line
    through the place, which jumps wherever the line crosses an edge. The cross on the chart follows the arrow keys
    too, in steps that a slider sets. The model itself is changed: its `bone_uv` is the place that is drawn.

        explorer = BindingExplorer(asm.AdaptiveSkinningModel(head.mesh, head.rig), bone="nose_tip")
        explorer

    Args:
        model: an adaptive model, whose mesh has an injective UV chart.
        bone: index or name of the bone to start with.
        width: of the whole widget, pixels.

    Attributes:
        place: what eq. (3) makes of the bone's place.
        line: the derivative along the line that is drawn.

    Raises:
        ValueError: a model without a chart, NaN in its parameters, a bone that is not there.
    """

    place: Place
    line: Line

    def __init__(self, model: AdaptiveSkinningModel, *, bone: int | str = 0, width: int = 930) -> None:
        super().__init__(model, bone, width, most=308)
        self._first, self._edges = model.bone_uv.detach().clone(), edge_list(model.chart.faces).ends
        self._width = max(int(width), 560)
        self.chart.moves_on_click, self.chart.selected, self.chart.span = "bone", -1, 0.3
        self.viewer.on_pick(lambda face, shares: self.set_uv(uv_of(model.chart, face, shares)))
        self._plot = ipywidgets.HTML()
        words = ipywidgets.VBox([self._status]).add_class("asm-explorer-words")
        views = ipywidgets.HBox([self.chart, self.viewer, words]).add_class("asm-explorer-views")
        self.children = [self._style, views, self._make_controls(), self._plot]
        self.update()

    # -- from outside --------------------------------------------------------------------------------------

    def set_uv(self, uv: tuple[float, float]) -> None:
        """Put the bone at a place of the chart; one off the chart is bound to the nearest of it, and said to be.

        Raises:
            ValueError: not two finite numbers, or an explorer that was closed.
        """
        self._require_open()
        place_bone(self.model, self.bone, uv)
        self._draw(moved=True)

    def step(self, triangles: int) -> None:
        """Go along the line into the middle of the next piece (1), or of the one before (-1)."""
        self._require_open()
        piece = min(max(self.line.here + triangles, 0), len(self.line.faces) - 1)
        t, angle = self.line.middle(piece), math.radians(self.angle.value)
        u, v = self.place.uv.tolist()
        self.set_uv((u + t * math.cos(angle), v + t * math.sin(angle)))

    def reset(self) -> None:
        """Bring the bone back to where it was when the explorer was made."""
        self.set_uv(tuple(self._first[self.bone].tolist()))

    @property
    def jump(self) -> Jump | None:
        """The jump of the derivative at the nearest edge of the line."""
        angle = math.radians(self.angle.value)
        return nearest_jump(self.model.chart, self.line, self.place.uv, angle, self.model.vertices)

    # -- how it is put together ----------------------------------------------------------------------------

    def _make_controls(self) -> ipywidgets.VBox:
        words = "the bone's place, chart units"

        def redraw(_: float) -> None:
            self._draw()

        self.u = Dial("ζ u, chart", words, 0, 1, 0.001, lambda u: self.set_uv((u, float(self.place.uv[1]))), form=".4f")
        self.v = Dial("ζ v, chart", words, 0, 1, 0.001, lambda v: self.set_uv((float(self.place.uv[0]), v)), form=".4f")
        self.angle = Dial("line, °", "direction of the line, degrees from the u axis", 0, 180, 1, redraw, form=".0f")
        self.half = Dial(
            "reach, chart", "length of the line to each side, chart units", 0.005, 0.5, 0.05, redraw, log=True
        )
        self.stride = Dial(
            "step, chart", "of one arrow key, chart units", 1e-4, 0.05, 0.05, redraw, log=True, form=".4f"
        )
        self.half.load(0.04)
        self.stride.load(0.002)
        buttons = [
            button("◀ Previous triangle", "move along the line to the previous triangle", lambda: self.step(-1)),
            button("Next triangle ▶", "move along the line to the next triangle", lambda: self.step(1)),
            button("Reset bone", "reset the bone to its first place", self.reset),
        ]
        top = ipywidgets.HBox([self.chooser, *buttons]).add_class("asm-row")
        sliders = [dial.widget for dial in (self.u, self.v, self.stride, self.angle, self.half)]
        return ipywidgets.VBox([top, ipywidgets.HBox(sliders).add_class("asm-sliders")])

    def _edited(self, items: Mapping[str, Item]) -> None:
        if "bone" in items and not self._closed:
            self.set_uv((items["bone"]["u"], items["bone"]["v"]))

    def _read(self) -> None:
        self._draw()

    @torch.no_grad()
    def _draw(self, moved: bool = False) -> None:
        """Bring pictures, plot, sliders and words in line with the model; `moved`: say what a move has crossed."""
        model, chart, j = self.model, self.model.chart, self.bone
        place = find_place(chart, model.bone_uv[j].detach().clone(), model.vertices)
        crossed = crossing_words(self.place, place) if moved else ""
        self.place = place
        angle, half = math.radians(self.angle.value), self.half.value
        self.line = along_line(chart, self._edges, place.uv, angle, half, model.vertices)
        (u, v), shift = place.uv.tolist(), (half * math.cos(angle), half * math.sin(angle))
        shares = torch.zeros(len(model.uv)).to(model.uv)
        shares[place.corners] = place.barycentric.to(shares)
        self.chart.colour(shares)
        with self.chart.hold_sync():
            self.chart.step, self.chart.chosen = self.stride.value, j
            self.chart.label = f"UV chart of the face with bone {self.names[j]}"
            self.chart.points = [{"id": "bone", "name": f"bone {self.names[j]}", "u": u, "v": v}]
            self.chart.dots = [[*at, name] for at, name in zip(places(model.bone_uv), self.names, strict=True)]
            self.chart.triangle = places(chart.uv[place.corners + place.corners[:1]])
            self.chart.segment = [[u - shift[0], v - shift[1]], [u + shift[0], v + shift[1]]]
        self.viewer.colour_by("weights", shares, (0.0, 1.0), label="barycentric β")
        self.viewer.show_bones(model.bind_points())
        self.viewer.select_bone(j)
        self._plot.value = line_plot(self.line, self._width)
        self.u.load(u)
        self.v.load(v)
        self._words = " ".join(filter(None, [place_words(place, self.names[j]), crossed, jump_words(self.jump)]))
        self._status.value = read_out(self._words)
