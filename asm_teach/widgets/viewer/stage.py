"""The stage of a view: all that the browser draws, and the pace at which new shapes are sent to it."""

from __future__ import annotations

import html
import time
from collections.abc import Callable, Mapping
from typing import Any

import ipywidgets
import numpy as np
from numpy.typing import NDArray

from asm_teach.geometry.mesh import Mesh
from asm_teach.geometry.surface_points import barycentric
from asm_teach.widgets.base import three
from asm_teach.widgets.base.later import Later
from asm_teach.widgets.viewer.colouring import Colouring
from asm_teach.widgets.viewer.markers import Marks
from asm_teach.widgets.viewer.orbit import Orbit
from asm_teach.widgets.viewer.scene import STREAMED_NORMALS, Surface, texture_widget

SETTLE = 0.25  # seconds without a new shape after which a large mesh gets smooth normals again
HUGE, BREATH = 50_000, 0.3  # vertices from which on a moving mesh is sent only so often, seconds
_WIDE = 560  # pixels from which on the scale has room beside a head
_OPACITY = 0.5  # of a mesh that lies over the first
_DRAG = 0.35  # seconds: a click that follows a turn of the camera so closely is the end of the drag

Pick = Callable[[int, NDArray[np.float64]], None]


class Stage:
    """The scene, its renderer, and the box they stand in.

    Args:
        meshes: name -> `Mesh`.
        orbit: the camera.
        size: (width, height) in pixels.
        overlay: all in one place, the first solid and the others seen through; else side by side.
        flat: show facets.

    Attributes:
        surfaces: name -> `Surface`.
        marks: the bones.
        box: the widget.
        below: widgets to stand under it: captions, and the scale where it has no room on the stage.
    """

    def __init__(
        self, meshes: Mapping[str, Mesh], orbit: Orbit, size: tuple[int, int], *, overlay: bool, flat: bool
    ) -> None:
        columns = 1 if overlay else len(meshes)
        self.surfaces = {
            name: Surface(mesh, 0 if overlay else i, columns, flat, _OPACITY if overlay and i else 1.0)
            for i, (name, mesh) in enumerate(meshes.items())
        }
        self.overlay, self._later, self._sent = overlay, Later(), dict.fromkeys(meshes, 0.0)
        self._textures: dict[str, three.DataTexture] = {}
        self._picker: three.Picker | None = None
        objects = [one for surface in self.surfaces.values() for one in surface.objects]
        self.scene = three.Scene(children=[orbit.camera, *objects], background=None)
        self.marks = Marks(self.scene, size, columns)
        self.width, height = size
        width = self.width
        self.renderer = three.Renderer(
            scene=self.scene,
            camera=orbit.camera,
            controls=[orbit.controls],
            width=width,
            height=height,
            antialias=True,
            alpha=True,
            background_opacity=0,
            clearOpacity=0,
        )
        over = columns == 1 and width >= _WIDE  # else the scale would cover a face
        self.scale = ipywidgets.HTML().add_class("asm-overlay" if over else "asm-below")
        self.captions = ipywidgets.HTML(layout={"width": f"{width}px"})
        self.below = [*([self.captions] if len(meshes) > 1 else []), *([] if over else [self.scale])]
        stage = {"width": f"{width}px", "height": f"{height}px"}
        self.box = ipywidgets.Box([self.renderer, *([self.scale] if over else [])], layout=stage)
        self.box.add_class("asm-stage")

    # -- shape ---------------------------------------------------------------------------------------------

    def move(self, name: str, vertices: NDArray[np.float32]) -> None:
        """Show new positions (V, 3). A huge mesh is sent only so often; its last shape always arrives."""
        surface = self.surfaces[name]
        surface.vertices = vertices
        if surface.sent > HUGE:
            wait = max(self._sent[name] + BREATH - time.monotonic(), 0.0)
            self._later.call(f"send {name}", wait, lambda: self._send(name))
        else:
            self._send(name)

    def _send(self, name: str) -> None:
        surface = self.surfaces[name]
        small = surface.send()
        self._sent[name] = time.monotonic()
        if not small:
            self._later.call(f"settle {name}", SETTLE, surface.smooth)
        if self._picker is not None:
            self._later.call(f"bounds {name}", SETTLE, surface.refresh_bounds)

    # -- colours -------------------------------------------------------------------------------------------

    def paint(self, chosen: Colouring) -> None:
        """Dress every surface in the chosen colours, and explain them."""
        for name, surface in self.surfaces.items():
            if chosen.textured:
                key = "uv" if chosen.mode == "uv" else f"texture of {name}"
                if key not in self._textures:
                    self._textures[key] = texture_widget(chosen.texture(name))
                surface.wrap(self._textures[key], chosen.contrast)
            else:
                surface.paint(chosen.vertex_colours(name), chosen.contrast)
        self.scale.value = chosen.key
        names = [f"<span>{self._swatch(i, chosen)}{html.escape(name)}</span>" for i, name in enumerate(self.surfaces)]
        self.captions.value = f'<div class="asm-names">{"".join(names)}</div>'

    def _swatch(self, index: int, chosen: Colouring) -> str:
        """HTML before a mesh's name, where meshes lie one over the other: its tone if it wears that, and its kind."""
        if not self.overlay:
            return ""
        kind = "see-through" if index else "solid"
        if chosen.mode != "plain":
            return f"{kind}: "
        colour = ", ".join(str(round(255 * c)) for c in chosen.tone(index))
        return f'<i class="asm-swatch" style="background: rgb({colour})"></i>{kind}: '

    @property
    def words(self) -> str:
        """How large meshes are shown, in words; empty for small ones."""
        largest = max(surface.sent for surface in self.surfaces.values())
        if largest <= STREAMED_NORMALS:
            return ""
        often = f" and at most every {BREATH:g} s" if largest > HUGE else ""
        return f"large mesh: drawn with flat facets while it moves{often}"

    # -- clicks --------------------------------------------------------------------------------------------

    def on_pick(self, act: Pick, orbit: Orbit) -> None:
        """Call act(face, shares (3,) of its corners) for each click on the one mesh. A drag is no click."""
        (surface,) = self.surfaces.values()
        picker = self._picker or three.Picker(controlling=surface.object, event="click")
        if self._picker is None:
            self._picker = picker
            self.renderer.controls = [*self.renderer.controls, picker]

        def picked(change: Mapping[str, Any]) -> None:
            if (
                picker.faceIndex is None
                or picker.faceIndex >= len(surface.faces)
                or time.monotonic() - orbit.turned_at < _DRAG
            ):
                return
            face = int(picker.faceIndex)
            corners = surface.vertices[surface.faces[face]].astype(np.float64)
            act(face, barycentric(np.array([change["new"]]), corners[None])[0])

        picker.observe(picked, "point")

    # -- the end -------------------------------------------------------------------------------------------

    @property
    def widgets(self) -> list[ipywidgets.Widget]:
        """All that it holds in the browser, each with what hangs on it."""
        return [self.box, self.renderer, self.scale, self.captions, *([self._picker] if self._picker else [])]

    def forget(self) -> None:
        """Send nothing more."""
        self._later.forget()
