"""A head in an interactive 3D view that can be used by keyboard and read as text.

The view lives in the browser (three.js, through pythreejs). A saved or printed notebook, and any place without
a kernel, shows a matplotlib picture in its stead.
"""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ipywidgets
import numpy as np
from numpy.typing import ArrayLike, NDArray

from asm_teach.geometry.mesh import Mesh
from asm_teach.widgets.base.shown import Shown, unseen
from asm_teach.widgets.viewer import live
from asm_teach.widgets.viewer.colouring import Colouring
from asm_teach.widgets.viewer.controls import ControlBar
from asm_teach.widgets.viewer.looks import CLOSED, Looks
from asm_teach.widgets.viewer.orbit import Orbit
from asm_teach.widgets.viewer.readout import Readout
from asm_teach.widgets.viewer.scene import float32
from asm_teach.widgets.viewer.stage import Stage

if TYPE_CHECKING:
    from asm_teach.drawing.plots import NotebookFigure


class Viewer(Looks, Shown, ipywidgets.VBox):
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
        width: int = 640,
        height: int = 480,
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
        super().__init__(children=[*top, *self._stage.below, self._readout.box])
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
        if self._gone():
            return
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
        return self._readout.displacement

    @property
    def text(self) -> str:
        """What the view shows, in words."""
        return CLOSED if self._closed else self._readout.text

    def picture(self, path: str | PathLike[str] | None = None, *, scale: float = 1.0) -> NotebookFigure:
        """The same view as a matplotlib figure, drawn without a browser; saved when a path is given."""
        from asm_teach.widgets.viewer import (
            stills,  # brings matplotlib's figures, which the first live picture does without
        )

        figure = stills.draw_view(self._stage, self._colouring, self._orbit, scale)
        if path is not None:
            figure.savefig(path)
        return figure

    def snapshot(self, path: str | PathLike[str] | None = None) -> bytes:
        """What the view shows as the bytes of a PNG file; written to `path` when one is given.

        It is always drawn here, by `picture`: a page answers the kernel only after the running cell has ended, so its
        own picture could never be returned. Camera, colours and light are those of the page; a turn by mouse counts
        from the moment the button is let go.
        """
        drawn = self.picture().png()
        if path is not None:
            Path(path).write_bytes(drawn)
        return drawn

    def still(self) -> bytes:
        """A smaller `snapshot`, for a page without a kernel."""
        return self.picture(scale=0.75).png()

    # -- the end -------------------------------------------------------------------------------------------

    def close(self) -> None:
        """Take the view off the page and free what it holds in the browser."""
        live.leave(self)
        super().close()
        if not getattr(self, "_closed", True):  # a view that was refused while it was made has no parts yet
            self._closed = True
            live.close_tree([*self._parts(), self._readout.box, self._style, self.layout])

    def retire(self) -> None:
        """Put a still picture in place of the live view: the page has too many."""
        live.leave(self)
        picture = ipywidgets.Image(value=self.still(), format="png", layout={"width": f"{self._stage.width}px"})
        self.warn(
            f"A page shows {live.MOST_LIVE} live views at most. This is a picture: run its cell again to turn it."
        )
        self.children = [self._style, picture, self._readout.box]
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
