"""A micro-expression under a magnifying glass: before, after, and the flow between them as arrows. Lesson 15."""

from __future__ import annotations

import ipywidgets
import numpy as np
import torch
from torch import Tensor

from asm_teach.beyond.action_units import UNITS, shape_amounts
from asm_teach.beyond.drawn_faces import person_at_rest
from asm_teach.beyond.moving.small_motions import GRID, VIDEO, flow_map, video_camera
from asm_teach.data.heads import Head
from asm_teach.drawing.plots import new_figure
from asm_teach.widgets.base.told import Told
from asm_teach.widgets.viewer.viewer import Viewer

MOTIONS: dict[str, tuple[int, ...]] = {
    "smile": (6, 12),
    "brows up": (1, 2),
    "brows down": (4,),
    "nose wrinkled": (9,),
    "lip corners down": (15,),
    "lips pressed": (24,),
}
BEFORE, AFTER = "before", "after"
MOST = 20  # times


class MotionMagnifier(Told):
    """See a motion that is too small to be seen, 1 to 20 times as large.

    The heads show a person before and after, the motion multiplied by the slider, and coloured by how far the skin
    really moves. The arrows below are the flow of eq. (15.1), as long as the slider makes them.

        magnifier = MotionMagnifier(head)
        magnifier

    Args:
        head: an embedded head with a texture, `makehuman`.
        person: the number of a sampled person.
        width: of the two heads together, pixels.

    Raises:
        ValueError: a head without texture.
    """

    def __init__(self, head: Head, *, person: int = 400, width: int = 560) -> None:
        if head.mesh.texture is None:
            raise ValueError("head has no texture to be drawn with: give `asm.load_head()`")
        self.head, self.rest = head, person_at_rest(head, person)
        mesh = head.mesh.with_vertices(self.rest)
        self.viewer = Viewer.compare({BEFORE: mesh, AFTER: mesh}, width=width, height=300)
        wide = {"style": {"description_width": "110px"}, "layout": {"width": "290px"}}
        self.chooser = ipywidgets.Dropdown(options=list(MOTIONS), description="motion", **wide)
        self.amount = ipywidgets.FloatSlider(
            0.1, min=0.02, max=0.2, step=0.01, description="amount", continuous_update=False, **wide
        )
        self.times = ipywidgets.IntSlider(
            1, min=1, max=MOST, description="times larger", continuous_update=False, **wide
        )
        self.arrows = ipywidgets.Image(format="png", width=VIDEO, height=VIDEO)
        self._said = ipywidgets.HTML()
        for control in (self.chooser, self.amount, self.times):
            control.observe(self._moved, "value")
        flow = ipywidgets.VBox([self.arrows, self._said], layout={"width": f"{VIDEO + 20}px"})
        wrap = {"flex_flow": "row wrap"}
        controls = ipywidgets.HBox([self.chooser, self.amount, self.times], layout=wrap)
        super().__init__(children=[controls, ipywidgets.HBox([self.viewer, flow], layout=wrap)])
        self._draw()

    def show(self, motion: str, amount: float = 0.1, times: int = 1) -> None:
        """Set all three at once.

        Raises:
            ValueError: a motion that there is not, an amount or a number of times beyond its slider.
        """
        if motion not in MOTIONS:
            raise ValueError(f"motion: there is no {motion!r}; choose from {', '.join(MOTIONS)}")
        for name, value, slider in (("amount", amount, self.amount), ("times", times, self.times)):
            if not slider.min <= value <= slider.max:
                raise ValueError(f"{name} is {value}: give {slider.min} to {slider.max}")
        self._set({self.chooser: motion, self.amount: amount, self.times: times})

    def motion(self) -> Tensor:
        """(V, 3) mm: how the vertices really move, not magnified."""
        units = dict.fromkeys(MOTIONS[self.chooser.value], self.amount.value)
        return self.head.offsets(expressions=shape_amounts(units))

    def _draw(self) -> None:
        moved, times = self.motion(), self.times.value
        size = moved.norm(dim=1)
        self.viewer.update(self.rest + times * moved, AFTER)
        seen = {BEFORE: torch.zeros_like(size), AFTER: size}
        self.viewer.colour_by("weights", seen, (0.0, float(size.max())), "real motion, mm")
        flow = flow_map(self.rest, self.rest + moved, self.head.mesh.faces, video_camera())
        self.arrows.value = _arrows(flow, times)
        units = " + ".join(f"{n} {UNITS[n].does}" for n in MOTIONS[self.chooser.value])
        most = float(flow[2].max())
        self._say(
            f"{self.chooser.value} ({units}) at {self.amount.value:.0%}: the skin moves by up to {size.max():.1f} mm, "
            f"{most:.1f} pixels of the video; shown {times} times as large, {times * most:.1f} pixels"
        )

    def still(self) -> bytes:
        """The two heads, for a page without a kernel."""
        return self.viewer.still()


def _arrows(flow: Tensor, times: int) -> bytes:
    """A flow (3, 28, 28) as arrows on its magnitude, as the bytes of a PNG file."""
    figure, axes = new_figure(1, (VIDEO, VIDEO))
    places = (np.arange(GRID) + 0.5) * VIDEO / GRID
    u, v = times * flow[:2].numpy()
    ax = axes[0, 0]
    ax.imshow(flow[2].numpy(), cmap="Blues", extent=(0, VIDEO, VIDEO, 0), vmin=0, vmax=2)
    ax.quiver(places, places, u, v, angles="xy", scale_units="xy", scale=1, width=0.004, color="#b35806")
    ax.set_axis_off()
    return figure.png()
