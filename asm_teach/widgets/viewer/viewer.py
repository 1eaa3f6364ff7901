"""A head in an interactive 3D view that can be used by keyboard and read as text.

The view lives in the browser (three.js, through pythreejs). A saved or printed notebook, and any place without
a kernel, shows a matplotlib picture in its stead.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import wraps
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import ipywidgets
import numpy as np
from numpy.typing import ArrayLike, NDArray

from asm_teach.base.files import whole
from asm_teach.geometry.mesh import Mesh
from asm_teach.widgets.base.shown import Shown, unseen
from asm_teach.widgets.viewer import live
from asm_teach.widgets.viewer.colouring import Colouring
from asm_teach.widgets.viewer.controls import ControlBar
from asm_teach.widgets.viewer.markers import NAMING
from asm_teach.widgets.viewer.orbit import Orbit
from asm_teach.widgets.viewer.readout import Readout
from asm_teach.widgets.viewer.scene import float32
from asm_teach.widgets.viewer.stage import Pick, Stage

if TYPE_CHECKING:
    from asm_teach.drawing.plots import NotebookFigure

CLOSED = "This view is closed. Run its cell again to open a new one."
_Method = TypeVar("_Method", bound=Callable[..., None])


def _while_open(method: _Method) -> _Method:
    """Let a method of a view that is closed print one sentence and do nothing."""

    @wraps(method)
    def call(view: Viewer, *args: Any, **options: Any) -> None:
        if view._closed:
            print(CLOSED)
        else:
            method(view, *args, **options)

    return cast(_Method, call)


class Viewer(Shown, ipywidgets.VBox):
    """One or several meshes in a 3D view, with camera buttons, a choice of colours and a text read-out.

    Beyond 8,000 vertices a moving mesh is drawn as facets until it rests, beyond 50,000 it is also sent at most about
    three times a second, the last shape always; the read-out says so. Once closed, every call is answered by one
    printed sentence and changes nothing.

    Args:
        mesh: a `Mesh`, or name -> `Mesh` to show several (see `compare` and `overlay`).
        width: of the view, in pixels.
        height: of the view, in pixels.
        weights: (V, J) skin weights, for the colours "weights" and "bones".
        bone_names: J names.
        bones: (J, 3) mm, where the bones are: drawn as dots.
        colour: the colours to start with, one of "plain", "texture", "uv", "weights", "bones".
        flat: show the facets instead of a smooth surface.
        over: several meshes in one place, the first solid, the others seen through; else side by side.

    Raises:
        ValueError: no mesh at all, or colours that the mesh has no data for.
    """

    def __init__(
        self,
        mesh: Mesh | Mapping[str, Mesh],
        *,
        width: int = 560,
        height: int = 420,
        weights: ArrayLike | Mapping[str, ArrayLike] | None = None,
        bone_names: tuple[str, ...] = (),
        bones: ArrayLike | None = None,
        colour: str = "plain",
        flat: bool = False,
        over: bool = False,
    ) -> None:
        meshes = dict(mesh) if isinstance(mesh, Mapping) else {"mesh": mesh}
        if not meshes or not all(isinstance(one, Mesh) for one in meshes.values()):
            raise ValueError(f"mesh is {mesh!r:.60}: give a Mesh, or a dictionary of at least one name -> Mesh")
        self._colouring = Colouring(meshes, over)
        if weights is not None:
            self._colouring.store("weights", weights)
        self._colouring.choose(colour)
        size, self._closed = (int(width), int(height)), False
        points = np.concatenate([float32(one.vertices) for one in meshes.values()])
        self._orbit = Orbit(points, size, 1 if over else len(meshes), self._turned)
        self._stage = Stage(meshes, self._orbit, size, overlay=over, flat=flat)
        self._surfaces, self._marks = self._stage.surfaces, self._stage.marks
        self._readout = Readout(self._stage, self._colouring, self._orbit, size[0])
        self._bar = ControlBar(self, size[0], flat=flat)
        self._style = unseen()
        top = [self._style, self._bar.box, self._stage.box]
        super().__init__(children=[*top, *self._stage.below, self._readout.box, self._readout.more])
        self.add_class("asm-viewer")
        self.show_bones(bones, tuple(bone_names))
        self._paint()
        live.enter(self)

    @classmethod
    def compare(cls, meshes: Mapping[str, Mesh], **options: Any) -> Viewer:
        """Show name -> `Mesh` side by side, left to right. One drag turns them all, each about itself."""
        return cls(dict(meshes), **options)

    @classmethod
    def overlay(cls, meshes: Mapping[str, Mesh], **options: Any) -> Viewer:
        """Show name -> `Mesh` in one place: the first solid, the others seen through."""
        return cls(dict(meshes), over=True, **options)

    # -- shape, colours, bones, camera ----------------------------------------------------------------------

    @_while_open
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
        self._readout.note = self._readout.note if note is None else note
        bad = np.flatnonzero(~np.isfinite(moved).all(axis=1))
        trouble = ""
        if len(bad):
            trouble = (
                f"{len(bad)} of {len(moved)} vertices are not finite numbers (NaN or infinite), the first is "
                f"vertex {bad[0]}. The picture still shows the last good shape."
            )
        elif not np.array_equal(moved, surface.vertices):
            self._stage.move(name, moved)
        self.warn(trouble)

    @_while_open
    def colour_by(
        self,
        mode: str,
        values: ArrayLike | Mapping[str, ArrayLike] | None = None,
        limits: tuple[float, float] | None = None,
        label: str | None = None,
        *,
        show: bool = True,
    ) -> None:
        """Choose the colours.

        Args:
            mode: "plain" (clay), "texture", "uv" (place on the chart), "weights" (of the selected bone, or of
                all bones mixed), "bones" (all bones mixed), or "error" (any number per vertex).
            values: for "weights" (V, J) or (V,); for "error" (V,). For several meshes name -> values. Kept
                for later calls. Entries that are not numbers are drawn grey.
            limits: the numbers at the two ends of the scale.
            label: what the numbers are, with their unit.
            show: False keeps the values for when these colours are chosen, and leaves the choice as it is.

        Raises:
            ValueError: an unknown mode, values of the wrong shape, or a mesh without what the mode shows.
        """
        before = self._colouring.mode
        self._colouring.choose(mode, values, limits, label)
        if not show:
            self._colouring.mode = before
        self._paint()

    @property
    def colours(self) -> str:
        """The colours that are chosen."""
        return self._colouring.mode

    @_while_open
    def facets(self, on: bool = True) -> None:
        """Show each triangle flat, or the surface smooth."""
        for surface in self._surfaces.values():
            surface.facets(on)
        self._bar.set(self._bar.flat, on)

    @_while_open
    def wireframe(self, on: bool = True) -> None:
        """Draw the edges of the triangles over the surface, or leave them out."""
        for surface in self._surfaces.values():
            surface.edges.visible = on
        self._bar.set(self._bar.wire, on)
        self._readout.say()

    @_while_open
    def select_bone(self, bone: int | str | None) -> None:
        """Point out one bone by index or name: its dot and name, and in the colours "weights" its weights alone.

        Raises:
            ValueError: a bone that is not there.
        """
        self._marks.select(bone, self._orbit.eye())
        self._colouring.bone = self._marks.selected
        if self._colouring.mode == "weights":
            self._paint()
        self._readout.say()

    @_while_open
    def show_bones(self, points: ArrayLike | None, names: tuple[str, ...] | None = None) -> None:
        """Draw a dot at each of the points (J, 3), mm, seen through the surface; call again to move them.

        None hides them. `names` says what the bones are called.
        """
        if names is not None:
            self._marks.names = self._colouring.bone_names = tuple(names)
        self._marks.put(points, self._orbit.eye())
        self._bar.offer_names(points is not None and bool(self._marks.names))

    @_while_open
    def name_bones(self, which: str) -> None:
        """Write the names of the bones beside their dots: "none", "selected", or "all" that find room.

        Raises:
            ValueError: another word.
        """
        if which not in NAMING:
            raise ValueError(f"which is {which!r}: choose one of {', '.join(NAMING)}")
        self._marks.naming = which
        self._marks.name(self._orbit.eye())
        self._bar.set(self._bar.names, which == "all")
        self._readout.say()

    @_while_open
    def view(self, preset: str | tuple[float, float]) -> None:
        """Turn the camera: "front", "three-quarter", "left", "right", "top", or (azimuth, elevation) degrees.

        Left and right are the person's own. "reset" goes to the front and undoes zoom and shift.

        Raises:
            ValueError: an unknown preset.
        """
        self._orbit.view(preset)
        self._turned()

    @_while_open
    def turn(self, azimuth: float, elevation: float) -> None:
        """Turn the camera further, by degrees towards the person's left and up."""
        left, up = self._orbit.angles()
        self._orbit.view(((left + azimuth + 180) % 360 - 180, min(max(up + elevation, -85.0), 85.0)))
        self._turned()

    @_while_open
    def zoom(self, factor: float) -> None:
        """Come closer by this factor (2: twice as large); below 1 goes back."""
        self._orbit.zoom(factor)
        self._turned()

    @_while_open
    def warn(self, words: str) -> None:
        """Put a sentence about what went wrong into the read-out; "" takes it away."""
        self._readout.trouble = words
        self._readout.say()

    @property
    def single(self) -> bool:
        """Whether one mesh alone is on show."""
        return len(self._surfaces) == 1

    @_while_open
    def on_pick(self, act: Pick) -> None:
        """Call act(face, shares) for each click on the mesh: a face's index, the shares (3,) of its corners.

        Raises:
            ValueError: several meshes are on show.
        """
        if not self.single:
            raise ValueError(f"on_pick: a click can mean any of {len(self._surfaces)} meshes; show one")
        self._stage.on_pick(act, self._orbit)

    # -- as numbers, as text and as a picture --------------------------------------------------------------

    @property
    def vertices(self) -> NDArray[np.float32]:
        """(V, 3) mm, a copy of what the (first) mesh shows now."""
        return next(iter(self._surfaces.values())).vertices.copy()

    @property
    def text(self) -> str:
        """What the view shows, in words."""
        return CLOSED if self._closed else self._readout.text

    def picture(self, *, scale: float = 1.0) -> NotebookFigure:
        """What the view shows as a matplotlib figure, which has `savefig` and `png`.

        It is drawn here: a page answers the kernel only after the running cell has ended, so its own picture could
        never be returned. Camera, colours and light are those of the page; a turn by mouse counts from the moment the
        button is let go.
        """
        from asm_teach.widgets.viewer import stills  # brings matplotlib's figures, which a live view does without

        return stills.draw_view(self._stage, self._colouring, self._orbit, scale)

    def snapshot(self, path: str | PathLike[str] | None = None) -> bytes:
        """The same view as the bytes of a PNG file, which is also written to `path` when one is given."""
        drawn = self.picture().png()
        if path is not None:
            with whole(Path(path)) as part:
                part.write_bytes(drawn)
        return drawn

    def still(self) -> bytes:
        """A smaller picture, for a page without a kernel."""
        return self.picture(scale=0.75).png()

    # -- the end -------------------------------------------------------------------------------------------

    def close(self) -> None:
        """Take the view off the page and free what it holds in the browser."""
        live.leave(self)
        super().close()
        if not getattr(self, "_closed", True):  # a view that was refused while it was made has no parts yet
            self._closed = True
            live.close_tree([*self._parts(), self._readout.box, self._readout.more, self._style, self.layout])

    def retire(self) -> None:
        """Put a still picture in place of the live view: the page has too many."""
        live.leave(self)
        picture = ipywidgets.Image(value=self.still(), format="png", layout={"width": f"{self._stage.width}px"})
        self.warn(
            f"A page shows {live.MOST_LIVE} live views at most. This one is a picture: run its cell again to turn it."
        )
        self.children = [self._style, picture, self._readout.box, self._readout.more]
        live.close_tree(self._parts())

    def _parts(self) -> list[Any]:
        self._stage.forget()
        return [*self._stage.widgets, self._bar.box]

    # -- inside --------------------------------------------------------------------------------------------

    def _name(self, name: str | None) -> str:
        if name is None and len(self._surfaces) == 1:
            return next(iter(self._surfaces))
        if name not in self._surfaces:
            raise ValueError(f"name is {name!r}: choose one of the meshes on show, {', '.join(self._surfaces)}")
        return name

    def _turned(self) -> None:
        self._marks.name(self._orbit.eye())
        self._readout.say()

    def _paint(self) -> None:
        self._stage.paint(self._colouring)
        self._bar.offer(self._colouring.modes, self._colouring.mode)
        self._readout.say()
