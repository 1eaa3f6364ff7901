"""A head in an interactive 3D view that can be used by keyboard and read as text.

The view lives in the browser (three.js, through pythreejs). A saved or printed notebook, and any place without
a kernel, shows a matplotlib picture in its stead.
"""

from __future__ import annotations

import asyncio
import base64
import html
from collections.abc import Callable, Mapping
from io import BytesIO
from os import PathLike
from typing import TYPE_CHECKING, Any

import ipywidgets
import numpy as np
import pythreejs as three
from numpy.typing import ArrayLike, NDArray

from asm_teach import plots, zbuffer
from asm_teach.mesh import Mesh
from asm_teach.widgets import colours, live
from asm_teach.widgets.colouring import Colouring
from asm_teach.widgets.orbit import Orbit
from asm_teach.widgets.scene import Dots, Surface, float32, texture_widget
from asm_teach.widgets.style import STYLE

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_WIDE = 560  # pixels from which on the scale has room beside a head
_SETTLE = 0.25  # seconds without a new shape after which a large mesh gets smooth normals again


class Viewer(ipywidgets.VBox):
    """One or several meshes in a 3D view, with camera buttons, a choice of colours and a text read-out.

    Args:
        mesh: a `Mesh`, or name -> `Mesh` to show several side by side (see `compare`).
        width: of the view, in pixels.
        height: of the view, in pixels.
        weights: (V, J) skin weights, for the colours "weights".
        bone_names: J names.
        bones: (J, 3) mm, where the bones are: drawn as dots.
        colour: the colours to start with, one of "plain", "texture", "uv", "weights".
        flat: show the facets instead of a smooth surface.

    Raises:
        ValueError: no mesh at all, or colours that the mesh has no data for.
    """

    def __init__(
        self,
        mesh: Mesh | Mapping[str, Mesh],
        *,
        width: int = 640,
        height: int = 480,
        weights: ArrayLike | Mapping[str, ArrayLike] | None = None,
        bone_names: tuple[str, ...] = (),
        bones: ArrayLike | None = None,
        colour: str = "plain",
        flat: bool = False,
    ) -> None:
        meshes = dict(mesh) if isinstance(mesh, Mapping) else {"mesh": mesh}
        if not meshes or not all(isinstance(one, Mesh) for one in meshes.values()):
            raise ValueError(f"mesh is {mesh!r:.60}: give a Mesh, or a dictionary of at least one name -> Mesh")
        self._colouring = Colouring(meshes)
        self._colouring.bone_names = tuple(bone_names)
        if weights is not None:
            self._colouring.store("weights", weights)
        self._colouring.choose(colour)
        self._size = (int(width), int(height))
        self._surfaces = {name: Surface(one, i, len(meshes), flat) for i, (name, one) in enumerate(meshes.items())}
        self._rest = {name: surface.vertices for name, surface in self._surfaces.items()}
        self._textures: dict[str, three.DataTexture] = {}
        self._dots: Dots | None = None
        self._settling: dict[str, asyncio.TimerHandle] = {}
        self._trouble, self._note, self._offering = "", "", False
        self._orbit = Orbit(np.concatenate(list(self._rest.values())), self._size, len(meshes), self._say)
        self._build()
        super().__init__(children=[self._style, self._bar, self._stage, *self._below, self._status])
        self.add_class("asm-viewer")
        if bones is not None:
            self.show_bones(bones)
        self._paint()
        live.enter(self)

    @classmethod
    def compare(cls, meshes: Mapping[str, Mesh], **options: Any) -> Viewer:
        """Show name -> `Mesh` side by side, left to right. One drag turns them all, each about itself."""
        return cls(dict(meshes), **options)

    # -- what is shown -------------------------------------------------------------------------------------

    def update(self, vertices: ArrayLike, name: str | None = None, *, note: str | None = None) -> None:
        """Move the mesh to new vertices: a tensor (any device, with or without gradient) or an array.

        Where a number is not finite nothing is drawn: the read-out says so, and the last good picture stays.

        Args:
            vertices: (V, 3) mm.
            name: which mesh, when there are several.
            note: a few words for the read-out, such as which control was moved; they stay until the next note.

        Raises:
            ValueError: an unknown name, or a shape that is not the mesh's.
        """
        name = self._name(name)
        surface = self._surfaces[name]
        moved = float32(vertices)
        if moved.shape != surface.vertices.shape:
            raise ValueError(
                f"vertices has shape {moved.shape}, but the mesh on show has {len(surface.vertices)} vertices: "
                f"give {surface.vertices.shape}"
            )
        self._note = self._note if note is None else note
        bad = np.flatnonzero(~np.isfinite(moved).all(axis=1))
        if len(bad):
            self._trouble = (
                f"{len(bad)} of {len(moved)} vertices are not finite numbers (NaN or infinite), the first is "
                f"vertex {bad[0]}. The picture still shows the last good shape."
            )
        else:
            self._trouble = ""
            if not np.array_equal(moved, surface.vertices) and not surface.move(moved):
                self._settle(name)
        self._say()

    def colour_by(
        self,
        mode: str,
        values: ArrayLike | Mapping[str, ArrayLike] | None = None,
        limits: tuple[float, float] | None = None,
        label: str | None = None,
    ) -> None:
        """Choose the colours.

        Args:
            mode: "plain" (skin), "texture", "uv" (place on the chart), "weights" (of the selected bone, or of
                all bones mixed), or "error" (any number per vertex).
            values: for "weights" (V, J) or (V,); for "error" (V,). For several meshes name -> values. Kept
                for later calls. Entries that are not numbers are drawn grey.
            limits: the numbers at the two ends of the scale.
            label: what the numbers are, with their unit.

        Raises:
            ValueError: an unknown mode, values of the wrong shape, or a mesh without what the mode shows.
        """
        self._colouring.choose(mode, values, limits, label)
        self._paint()

    def select_bone(self, bone: int | str | None) -> None:
        """Point out one bone by index or name: its dot, and in the colours "weights" its weights alone.

        Raises:
            ValueError: a name that no bone has.
        """
        names = self._colouring.bone_names
        if isinstance(bone, str):
            if bone not in names:
                raise ValueError(f"bone is {bone!r}: no bone has this name")
            bone = names.index(bone)
        self._colouring.bone = bone
        if self._dots is not None:
            self._dots.mark(bone)
        if self._colouring.mode == "weights":
            self._paint()
        self._say()

    def show_bones(self, points: ArrayLike | None, names: tuple[str, ...] | None = None) -> None:
        """Draw a dot at each of the points (J, 3), mm, seen through the surface; call again to move them.

        None hides them. `names` says what the bones are called.
        """
        if names is not None:
            self._colouring.bone_names = tuple(names)
        if points is None:
            if self._dots is not None:
                self._dots.object.visible = False
            return
        points = zbuffer.to_numpy(points)
        if self._dots is None or self._dots.points.shape != points.shape:
            if self._dots is not None:
                self._scene.remove(self._dots.object)
            self._dots = Dots(points, 0, len(self._surfaces))
            self._dots.mark(self._colouring.bone)
            self._scene.add(self._dots.object)
        self._dots.move(points)
        self._dots.object.visible = True

    def view(self, preset: str | tuple[float, float]) -> None:
        """Turn the camera: "front", "three-quarter", "left", "right", "top", or (azimuth, elevation) degrees.

        Left and right are the person's own. "reset" goes to the front and undoes zoom and shift.

        Raises:
            ValueError: an unknown preset.
        """
        self._orbit.view(preset)
        self._say()

    def zoom(self, factor: float) -> None:
        """Come closer by this factor (2: twice as large); below 1 goes back."""
        self._orbit.zoom(factor)
        self._say()

    # -- as numbers, as text and as a picture --------------------------------------------------------------

    @property
    def vertices(self) -> NDArray[np.float32]:
        """(V, 3) mm, a copy of what the (first) mesh shows now."""
        return next(iter(self._surfaces.values())).vertices.copy()

    @property
    def modes(self) -> tuple[str, ...]:
        """The colours that these meshes have data for."""
        return self._colouring.modes

    @property
    def displacement(self) -> float:
        """How far, in mm, the vertex that moved most is from where it was at first."""
        moved = [np.linalg.norm(s.vertices - self._rest[name], axis=1).max() for name, s in self._surfaces.items()]
        return float(max(moved))

    @property
    def text(self) -> str:
        """What the view shows, in words."""
        several = len(self._surfaces) > 1
        meshes = [
            f"{f'{name}: ' if several else ''}{len(s.vertices):,} vertices, {len(s.faces):,} faces"
            for name, s in self._surfaces.items()
        ]
        words = ["; ".join(meshes), self._colouring.words, self._orbit.words]
        if self._colouring.bone is not None and self._colouring.mode != "weights":
            words.append(f"bone {self._colouring.bone_name}")
        if self._note:
            words.append(self._note)
        if self._colouring.bone is not None or self.displacement > 0:
            words.append(f"largest displacement {self.displacement:.2f} mm")
        return " · ".join(words) + (f". {self._trouble}" if self._trouble else "")

    def picture(self, path: str | PathLike[str] | None = None, *, scale: float = 1.0) -> Figure:
        """The same view as a matplotlib figure, drawn without a browser; saved when a path is given."""
        eye, chosen = self._orbit.eye(scale), self._colouring
        figure, axes = plots.new_figure(len(self._surfaces), eye.size)
        for ax, (name, surface) in zip(axes[0], self._surfaces.items(), strict=True):
            plots.render_mesh(
                ax,
                surface.vertices,
                surface.faces,
                chosen.vertex_colours(name),
                texture=chosen.texture(name) if chosen.textured else None,
                uv=surface.uv,
                uv_faces=surface.uv_faces,
                eye=eye,
                contrast=chosen.contrast,
            )
            if len(self._surfaces) > 1:
                ax.set_title(name, fontsize=11)
        if chosen.scalar:
            plots.add_scale(figure, axes, chosen.limits, colours.SCALAR_MAPS[chosen.mode], chosen.label)
        if path is not None:
            figure.savefig(path)
        return figure

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, Any]:
        bundle = super()._repr_mimebundle_(**kwargs)
        # A live page prefers the widget; a page without a kernel takes the picture, a terminal the text.
        still = base64.b64encode(self._still()).decode()
        return {**bundle, "text/plain": self.text, "image/png": still}

    def _still(self) -> bytes:
        buffer = BytesIO()
        self.picture(scale=0.75).savefig(buffer, format="png")
        return buffer.getvalue()

    # -- the end -------------------------------------------------------------------------------------------

    def close(self) -> None:
        """Take the view off the page and free what it holds in the browser."""
        live.leave(self)
        super().close()
        parts = ("_stage", "_renderer", "_bar", "_scale", "_captions", "_status", "_style", "layout")
        # a view that was refused while it was made has no parts yet
        live.close_tree([getattr(self, part) for part in parts if hasattr(self, part)])

    def retire(self) -> None:
        """Put a still picture in place of the live view: the page has too many."""
        live.leave(self)
        picture = ipywidgets.Image(value=self._still(), format="png", layout={"width": f"{self._size[0]}px"})
        self._trouble = (
            f"A page shows {live.MOST_LIVE} live views at most. This is a picture: run its cell again to turn it."
        )
        self._say()
        self.children = [self._style, picture, self._status]
        live.close_tree([self._stage, self._renderer, self._bar, self._scale, self._captions])

    # -- how it is put together ----------------------------------------------------------------------------

    def _build(self) -> None:
        self._scene = three.Scene(
            children=[self._orbit.camera, *(surface.object for surface in self._surfaces.values())], background=None
        )
        width, height = self._size
        self._renderer = three.Renderer(
            scene=self._scene,
            camera=self._orbit.camera,
            controls=[self._orbit.controls],
            width=width,
            height=height,
            antialias=True,
            alpha=True,
            background_opacity=0,
            clearOpacity=0,
        )
        buttons = [_button(name.capitalize(), f"{name} view", lambda n=name: self.view(n)) for name in zbuffer.VIEWS]
        buttons += [
            _button("−", "zoom out", lambda: self.zoom(1 / 1.25)),
            _button("+", "zoom in", lambda: self.zoom(1.25)),
            _button("Reset", "front view in its first size", lambda: self.view("reset")),
        ]
        self._chooser = ipywidgets.Dropdown(
            description="colours", layout={"width": "auto"}, style={"description_width": "52px"}
        )
        self._chooser.observe(self._chosen, "value")
        self._bar = ipywidgets.HBox([*buttons, self._chooser]).add_class("asm-bar")
        over = len(self._surfaces) == 1 and width >= _WIDE  # else the scale would cover a face
        self._scale = ipywidgets.HTML().add_class("asm-overlay" if over else "asm-below")
        names = "".join(f"<span>{html.escape(name)}</span>" for name in self._surfaces)
        self._captions = ipywidgets.HTML(f'<div class="asm-names">{names}</div>', layout={"width": f"{width}px"})
        several = [self._captions] if len(self._surfaces) > 1 else []
        self._below = [*several, *([] if over else [self._scale])]
        stage = {"width": f"{width}px", "height": f"{height}px"}
        self._stage = ipywidgets.Box([self._renderer, *([self._scale] if over else [])], layout=stage)
        self._stage.add_class("asm-stage")
        self._status = ipywidgets.HTML(layout={"width": f"{width}px"}).add_class("asm-status")
        self._style = ipywidgets.HTML(STYLE, layout={"display": "none"})

    def _paint(self) -> None:
        chosen = self._colouring
        for name, surface in self._surfaces.items():
            if chosen.textured:
                key = "uv" if chosen.mode == "uv" else f"texture of {name}"
                if key not in self._textures:
                    self._textures[key] = texture_widget(chosen.texture(name))
                surface.wrap(self._textures[key], chosen.contrast)
            else:
                surface.paint(chosen.vertex_colours(name), chosen.contrast)
        self._scale.value = chosen.key
        self._offering = True
        self._chooser.options = [("UV" if mode == "uv" else mode, mode) for mode in chosen.modes]
        self._chooser.value = chosen.mode
        self._offering = False
        self._say()

    def _chosen(self, change: Mapping[str, Any]) -> None:
        if not self._offering and change["new"] is not None:
            self.colour_by(change["new"])

    def _settle(self, name: str) -> None:
        """Send a large mesh's normals once it has come to rest."""
        smooth = self._surfaces[name].smooth
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            smooth()  # no notebook around us: nothing to wait for
            return
        if name in self._settling:
            self._settling[name].cancel()
        self._settling[name] = loop.call_later(_SETTLE, smooth)

    def _name(self, name: str | None) -> str:
        if name is None and len(self._surfaces) == 1:
            return next(iter(self._surfaces))
        if name not in self._surfaces:
            raise ValueError(f"name is {name!r}: choose one of the meshes on show, {', '.join(self._surfaces)}")
        return name

    def _say(self) -> None:
        kind = "asm-trouble" if self._trouble else "asm-said"
        self._status.value = f'<div class="{kind}" role="status" aria-live="polite">{html.escape(self.text)}</div>'


def _button(text: str, tooltip: str, action: Callable[[], None]) -> ipywidgets.Button:
    button = ipywidgets.Button(description=text, tooltip=tooltip, layout={"width": "auto"})
    button.on_click(lambda _: action())
    return button
