"""The face chart as an interactive picture: colours on its triangles, and ellipses and points that can be moved.

What the browser does is in `chart.js` and the `chart_*.js` beside it: text that travels with the widget, so
that nothing is fetched.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import anywidget
import matplotlib
import numpy as np
import torch
import traitlets
from matplotlib.axes import Axes
from matplotlib.patches import Ellipse as Outline
from matplotlib.tri import Triangulation
from numpy.typing import ArrayLike

from asm_teach.drawing.still import to_numpy
from asm_teach.model.adaptive import AdaptiveSkinningModel, SkinnedModel
from asm_teach.model.binding import Chart
from asm_teach.widgets.base import colours

NONE = 255  # the byte of a value that is no number; 0 to 254 run along the colour map
LOWEST, HIGHEST = -0.02, 1.02  # where a point may be dragged: what the whole chart shows
NARROWEST, WIDEST = 0.002, 1.0  # the widths that an ellipse may be dragged to, in chart units

Item = dict[str, float]  # u, v of a point; for an ellipse also s1, s2 in chart units and angle in radians


def _text(name: str) -> str:
    return Path(__file__).with_name(name).read_text(encoding="utf-8")


class ChartView(anywidget.AnyWidget):
    """The triangles of a chart, coloured by one number a vertex, under ellipses and points.

    Args:
        chart: the face chart, V places and F triangles.
        size: of the picture, pixels; u runs to the right, v upwards.
        on_edit: called with name -> `Item` for each item that a person moved: "e0" is the first ellipse, a point
            goes by its own id. Values are finite and within the limits of this module.

    The traits `ellipses`, `points`, `dots`, `triangle` and `segment` say what lies on the triangles; `selected` and
    `chosen` are the ellipse and the dot picked by a person, `hover` is the place under the pointer.
    """

    _esm = "".join(map(_text, ("chart_paint.js", "chart_grips.js", "chart_picture.js", "chart.js")))
    _css = _text("chart.css")

    size = traitlets.Int(420).tag(sync=True)
    label = traitlets.Unicode().tag(sync=True)
    uv = traitlets.Bytes().tag(sync=True)  # (V, 2) float32
    faces = traitlets.Bytes().tag(sync=True)  # (F, 3) uint32
    values = traitlets.Bytes().tag(sync=True)  # (V,) uint8
    palette: traitlets.List[Any] = traitlets.List().tag(sync=True)  # 255 colours
    ellipses: traitlets.List[Any] = traitlets.List().tag(sync=True)
    points: traitlets.List[Any] = traitlets.List().tag(sync=True)  # id, name, u, v; pin: held beside its place
    dots: traitlets.List[Any] = traitlets.List().tag(sync=True)  # [u, v, name]
    triangle: traitlets.List[Any] = traitlets.List().tag(sync=True)
    segment: traitlets.List[Any] = traitlets.List().tag(sync=True)
    selected = traitlets.Int(0).tag(sync=True)
    chosen = traitlets.Int(-1).tag(sync=True)
    moves_on_click = traitlets.Unicode().tag(sync=True)  # id of the point that goes where a person clicks
    step = traitlets.Float(0.005).tag(sync=True)  # of one arrow key, chart units
    span = traitlets.Float(1.04).tag(sync=True)  # of the chart that is seen at first, chart units
    hovers = traitlets.Bool(False).tag(sync=True)  # whether `hover` is wanted
    hover: traitlets.List[Any] = traitlets.List().tag(sync=True)
    edit: traitlets.Dict[str, Any] = traitlets.Dict().tag(sync=True)
    done = traitlets.Int(0).tag(sync=True)

    def __init__(self, chart: Chart, *, size: int, on_edit: Callable[[dict[str, Item]], None]) -> None:
        self._on_edit = on_edit
        self._shown = np.zeros(len(chart.uv))
        self._limits, self._map = (0.0, 1.0), colours.SCALAR_MAPS["weights"]
        self._chart = (to_numpy(chart.uv), to_numpy(chart.faces).astype(np.int64))
        table = matplotlib.colormaps[self._map](np.linspace(0, 1, NONE))[:, :3]
        super().__init__(
            size=int(size),
            uv=self._chart[0].astype("<f4").tobytes(),
            faces=self._chart[1].astype("<u4").tobytes(),
            values=bytes(len(chart.uv)),
            palette=np.round(255 * table).astype(int).tolist(),
        )
        self.observe(self._edited, "edit")

    def colour(self, values: ArrayLike, limits: tuple[float, float] = (0.0, 1.0)) -> None:
        """Colour the vertices by (V,) numbers; grey where one is not finite."""
        numbers = to_numpy(values)
        low, high = limits
        share = np.clip((np.nan_to_num(numbers, posinf=high, neginf=low) - low) / (high - low), 0, 1)
        self._shown, self._limits = numbers, limits
        self.values = np.where(np.isfinite(numbers), np.round(share * (NONE - 1)), NONE).astype(np.uint8).tobytes()

    def _edited(self, change: Mapping[str, Any]) -> None:
        edit = change["new"]
        good = {name: item for name, sent in edit.get("items", {}).items() if (item := _checked(name, sent))}
        try:
            self._on_edit(good)
        finally:
            self.done = int(edit.get("n", 0))  # the answer: the browser now draws what the kernel holds

    def draw(self, ax: Axes) -> None:
        """The same picture in matplotlib, for a page without a kernel."""
        uv, faces = self._chart
        known, shown = np.isfinite(self._shown)[faces].all(axis=1), np.nan_to_num(self._shown)
        grey = np.zeros(len(uv)), "Greys_r", (-1.0, 1.0)
        for chosen, (numbers, name, (low, high)) in ((known, (shown, self._map, self._limits)), (~known, grey)):
            if chosen.any():
                triangles = Triangulation(uv[:, 0], uv[:, 1], faces[chosen])
                ax.tripcolor(triangles, numbers, shading="gouraud", cmap=name, vmin=low, vmax=high)
        ax.triplot(*uv.T, faces, lw=0.15, color="#19233240")
        for i, e in enumerate(self.ellipses):
            colour, turned = "#d55e00" if i == self.selected else "#1b2a41", math.degrees(e["angle"])
            for times, style in ((1, "-"), (2, ":")):
                size = (2 * times * e["s1"], 2 * times * e["s2"])
                ax.add_patch(Outline((e["u"], e["v"]), *size, angle=turned, fill=False, ec=colour, ls=style, lw=1.4))
        if self.segment:
            ax.plot(*np.transpose(self.segment), "--", color="#5b2a86", lw=1.4)
        if self.triangle:
            ax.fill(*np.transpose(self.triangle), color="#d55e00", alpha=0.6)
        for point in self.points:
            ax.plot(point["u"], point["v"], "D" if point.get("pin") else "+", color="#5b2a86", ms=7)
        ax.set(aspect="equal", xlabel="u", ylabel="v", xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))


def _checked(name: str, sent: Mapping[str, Any]) -> Item | None:
    """An item as the browser sent it, brought within its limits; None unless all its numbers are there and finite."""
    limits = {"u": (LOWEST, HIGHEST), "v": (LOWEST, HIGHEST)}
    if name[:1] == "e" and name[1:].isdigit():
        limits |= {"s1": (NARROWEST, WIDEST), "s2": (NARROWEST, WIDEST), "angle": (-math.inf, math.inf)}
    if not all(isinstance(sent.get(key), (int, float)) and math.isfinite(sent[key]) for key in limits):
        return None
    return {key: min(max(sent[key], low), high) for key, (low, high) in limits.items()}


def require_adaptive(model: SkinnedModel, who: str) -> AdaptiveSkinningModel:
    """The model, if it is an adaptive one with finite parameters.

    Raises:
        ValueError: another kind of model (it has no places on a UV chart to move), or parameters that are NaN.
    """
    if not isinstance(model, AdaptiveSkinningModel):
        raise ValueError(
            f"model is a {type(model).__name__}: {who} moves bones and Gaussians on the UV chart, which an "
            "AdaptiveSkinningModel has; make one from a mesh with UV and a rig"
        )
    if bad := not_finite(model):
        raise ValueError(f"model: {bad}; create the model again")
    return model


def not_finite(model: AdaptiveSkinningModel) -> str:
    """Which parameters hold NaN or infinite numbers, in words; empty when all are finite."""
    bad = [name for name, value in model.named_parameters() if not value.isfinite().all()]
    return f"{', '.join(bad)} holds numbers that are not finite (NaN)" if bad else ""


@torch.no_grad()
def place_bone(model: AdaptiveSkinningModel, bone: int, uv: tuple[float, float]) -> None:
    """Put a bone, and with it all its Gaussians, at a place of the chart.

    Raises:
        ValueError: not two finite numbers.
    """
    if len(uv) != 2 or not all(map(math.isfinite, uv)):
        raise ValueError(f"uv is {uv}: give two finite numbers, u and v")
    model.bone_uv[bone] = model.uv.new_tensor(uv)


def places(uv: ArrayLike) -> list[list[float]]:
    """(n, 2) to lists, as traits carry them."""
    return to_numpy(uv).tolist()


def uv_of(chart: Chart, face: int, shares: ArrayLike) -> tuple[float, float]:
    """The place of the chart for the shares (3,) of a face's corners, such as a click on the face gives."""
    u, v = to_numpy(shares) @ to_numpy(chart.uv[chart.faces[face]])
    return float(u), float(v)
