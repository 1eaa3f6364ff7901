"""A pinhole camera before a head, by sliders: what it takes, and where it stands seen from above. Used in lesson 7."""

from __future__ import annotations

import math
from typing import Any

import ipywidgets
import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial import ConvexHull

from asm_teach.data.heads import Head
from asm_teach.drawing import plots
from asm_teach.rendering.camera import Camera, look_at
from asm_teach.rendering.edges import mesh_edges
from asm_teach.rendering.renderer import render
from asm_teach.rendering.shading import lamp
from asm_teach.widgets.base.colours import png
from asm_teach.widgets.base.shown import Shown, read_out, unseen

_SIZE = (240, 300)  # of the picture, pixels
_PLAN = (360, 260)  # of the plan, pixels
_NEAREST, _FARTHEST = 200.0, 4000.0  # mm from the eyes
_SHORTEST, _LONGEST = 120.0, 4000.0  # pixels of focal length
_STEP = 0.02  # of the sliders, in powers of ten: some 5 per cent
_FILM = 36.0  # mm: how wide the film is for which lenses are named


class PinholeView(Shown, ipywidgets.VBox):
    """Sliders for distance, focal length and side of a camera that looks at the eyes of a head.

    While `keep` is on, the focal length follows the distance, and the distance the focal length, so that the eyes keep
    their size: the dolly zoom. Where one of them is at its end the other stops too. The picture is drawn by `render`,
    the plan shows camera, field of view and head from above, and the text says the same in numbers.

    Attributes:
        distance: slider, mm from the camera to the middle between the eyes.
        focal: slider, pixels.
        turn: slider, degrees to the person's left.
        keep: switch of the dolly zoom.
    """

    def __init__(self, head: Head, *, distance: float = 450.0, focal: float = 450.0) -> None:
        """Raises ValueError for a start beyond the sliders' ends."""
        ends = ("distance", distance, _NEAREST, _FARTHEST), ("focal", focal, _SHORTEST, _LONGEST)
        for name, value, low, high in ends:
            if not low <= value <= high:
                raise ValueError(f"{name} is {value}: give a number from {low:g} to {high:g}")
        mesh = head.mesh
        points = head.landmarks.points(mesh.vertices, mesh.faces)
        self._mesh, self._edges = mesh, mesh_edges(mesh.faces, mesh.vertices)
        self._eyes, self._corners = points[[36, 45]].mean(0), points[[36, 45]]
        self._tip, self._side = points[30], points[0]
        self._light = lamp(torch.tensor([-0.4, 0.6, 1.0]), strength=0.75, ambient=0.3)
        flat = mesh.vertices[:, [0, 2]].numpy().astype(float)
        self._outline = flat[ConvexHull(flat).vertices]  # (n, 2): x and z, mm
        self.distance = _slider("distance, mm", distance, _NEAREST, _FARTHEST)
        self.focal = _slider("focal length, pixels", focal, _SHORTEST, _LONGEST)
        self.turn = ipywidgets.FloatSlider(
            0.0, min=-70.0, max=70.0, step=5.0, description="turn, degrees", readout_format=".0f", **_WIDE
        )
        self.keep = ipywidgets.Checkbox(False, description="keep the size of the eyes (dolly zoom)", indent=False)
        self._shown = ipywidgets.Image(format="png", width=_SIZE[0], height=_SIZE[1])
        self._above, self._said = ipywidgets.HTML(), ipywidgets.HTML()
        self._moving, self._ratio = False, self.focal.value / self.distance.value
        self._style = unseen()
        controls = ipywidgets.VBox([self.distance, self.focal, self.turn, self.keep])
        pictures = ipywidgets.HBox([self._shown, self._above], layout={"flex_flow": "row wrap"})
        super().__init__(children=[self._style, controls, pictures, self._said])
        self.add_class("asm-viewer")
        for slider in (self.distance, self.focal, self.turn):
            slider.observe(self._moved, "value")
        self.draw()

    @property
    def camera(self) -> Camera:
        """The camera as the sliders say."""
        side = math.radians(self.turn.value)
        stands = self._eyes + self.distance.value * torch.tensor([math.sin(side), 0.0, math.cos(side)])
        return look_at(stands, self._eyes, self.focal.value, _SIZE)

    @property
    def text(self) -> str:
        """What is shown, in words."""
        camera, f, z = self.camera, self.focal.value, self.distance.value
        apart = float((camera.project(self._corners)[0] - camera.project(self._corners)[1]).norm())
        larger = float(camera.depth(self._side) / camera.depth(self._tip))
        angle = 2 * math.degrees(math.atan(_SIZE[0] / 2 / f))
        turned = f", {abs(self.turn.value):.0f}° to the person's {'left' if self.turn.value > 0 else 'right'}"
        return (
            f"Camera {z / 10:.0f} cm from the eyes{turned if self.turn.value else ''}; focal length {f:.0f} pixels "
            f"(a {f / _SIZE[0] * _FILM:.0f} mm lens), the picture is {angle:.0f}° wide. Focal length over distance: "
            f"{f / z:.2f} pixels per mm; outer corners of the eyes {apart:.0f} pixels apart; the tip of the nose is "
            f"drawn {larger:.2f} times as large as the side of the face."
        )

    def draw(self) -> None:
        """Bring picture, plan and words in line with the sliders."""
        self._shown.value = png(np.round(255 * self._taken()).astype(np.uint8))
        self._above.value = self._plan_svg()
        self._said.value = read_out(self.text)

    def still(self) -> bytes:
        """Picture and plan as the bytes of a PNG file, for where there is no live page."""
        figure, axes = plots.new_figure(2, _SIZE)
        camera, ends = self._plan()
        axes[0, 0].imshow(self._taken())
        axes[0, 0].set_title("what the camera takes", fontsize=9)
        axes[0, 0].set(xticks=[], yticks=[])
        axes[0, 1].fill(*self._outline.T, color="#deb399")
        for end in ends:
            axes[0, 1].plot(*np.stack([camera, end]).T, color="#2166ac", linewidth=1)
        axes[0, 1].plot(*camera, "o", color="#2166ac")
        axes[0, 1].set(xlabel="x, mm", ylabel="z, mm", aspect="equal")
        axes[0, 1].invert_yaxis()  # the camera below, as one stands before a mirror
        axes[0, 1].set_title("from above", fontsize=9)
        return figure.png()

    def _moved(self, change: dict[str, Any]) -> None:
        if self._moving:
            return
        if not self.keep.value:
            self._ratio = self.focal.value / self.distance.value
        elif change["owner"] is not self.turn:
            self._moving = True
            moved, other, ratio = self.distance, self.focal, self._ratio
            if change["owner"] is self.focal:
                moved, other, ratio = other, moved, 1 / ratio
            other.value = ratio * moved.value
            if not math.isclose(other.value, ratio * moved.value):  # it is at its end
                moved.value = other.value / ratio
            self._moving = False
        self.draw()

    def _taken(self) -> NDArray[np.float64]:
        picture = render(
            self._mesh, self.camera, light=self._light, edges=self._edges, background=torch.full((3,), 0.93)
        )
        return picture[..., :3].clamp(0, 1).numpy()

    def _plan(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Camera (2,) and the far ends (2, 2) of both edges of its picture, x and z in mm."""
        side, half = math.radians(self.turn.value), math.atan(_SIZE[0] / 2 / self.focal.value)
        eyes = self._eyes[[0, 2]].numpy().astype(float)
        camera = eyes + self.distance.value * np.array([math.sin(side), math.cos(side)])
        angles = side + math.pi + np.array([-half, half])
        return camera, camera + (self.distance.value + 150) * np.stack([np.sin(angles), np.cos(angles)], 1)

    def _plan_svg(self) -> str:
        camera, ends = self._plan()
        width, height = _PLAN
        # pixels per mm: the farther, the smaller all is drawn, so that the camera is in sight also from the side
        scale = min(0.8 * height, width / 2 - 12) / (self.distance.value + 200)
        origin = np.array([width / 2, 0.08 * height - scale * self._outline[:, 1].min()])
        outline, (cx, cy), ends = (origin + scale * x for x in (self._outline, camera, ends))
        length, low = (100 if self.distance.value < 1000 else 1000), height - 10  # of the scale's bar
        rays = "".join(f'<line x1="{cx:.1f}" y1="{cy:.1f}" x2="{x:.1f}" y2="{y:.1f}"/>' for x, y in ends)
        shape = " ".join(f"{x:.1f},{y:.1f}" for x, y in outline)
        return (
            f'<svg class="asm-cameras" width="{width}" height="{height}" role="img" aria-label="Plan from above">'
            f'<polygon class="asm-head" points="{shape}"/><g class="asm-sight">{rays}</g>'
            f'<circle cx="{cx:.1f}" cy="{cy:.1f}" r="6"/>'
            f'<g class="asm-sight"><line x1="12" y1="{low}" x2="{12 + length * scale:.1f}" y2="{low}"/></g>'
            f'<text x="12" y="{low - 6}">{length // 10} cm, seen from above</text></svg>'
        )


_WIDE: dict[str, Any] = {
    "layout": {"width": "440px"},
    "style": {"description_width": "130px"},
    "continuous_update": True,
}


def _slider(name: str, value: float, low: float, high: float) -> ipywidgets.FloatLogSlider:
    # A page draws a value to the nearest step above the lower end: let the first value be one, or it would be changed.
    # The upper end is one too, so that a slider which stops the other one leaves it on its steps.
    down = math.floor((math.log10(value) - math.log10(low)) / _STEP)
    up = math.floor((math.log10(high) - math.log10(value)) / _STEP)
    return ipywidgets.FloatLogSlider(
        value,
        min=math.log10(value) - down * _STEP,
        max=math.log10(value) + up * _STEP,
        step=_STEP,
        description=name,
        readout_format=".0f",
        **_WIDE,
    )
