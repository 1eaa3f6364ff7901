"""How a view is looked at: its colours, its bones, its camera, and the words about it."""

from __future__ import annotations

from collections.abc import Mapping

from numpy.typing import ArrayLike

from asm_teach.widgets.viewer.colouring import Colouring
from asm_teach.widgets.viewer.controls import ControlBar
from asm_teach.widgets.viewer.markers import NAMING, Marks
from asm_teach.widgets.viewer.orbit import Orbit
from asm_teach.widgets.viewer.readout import Readout
from asm_teach.widgets.viewer.scene import Surface
from asm_teach.widgets.viewer.stage import Pick, Stage

CLOSED = "This view is closed. Run its cell again to open a new one."


class Looks:
    """The part of a `Viewer` that changes how its meshes are seen, and leaves their shape alone."""

    _colouring: Colouring
    _orbit: Orbit
    _stage: Stage
    _surfaces: dict[str, Surface]
    _marks: Marks
    _readout: Readout
    _bar: ControlBar
    _closed: bool

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
            mode: "plain" (skin), "texture", "uv" (place on the chart), "weights" (of the selected bone, or of
                all bones mixed), "bones" (all bones mixed), or "error" (any number per vertex).
            values: for "weights" (V, J) or (V,); for "error" (V,). For several meshes name -> values. Kept
                for later calls. Entries that are not numbers are drawn grey.
            limits: the numbers at the two ends of the scale.
            label: what the numbers are, with their unit.
            show: False keeps the values for when these colours are chosen, and leaves the choice as it is.

        Raises:
            ValueError: an unknown mode, values of the wrong shape, or a mesh without what the mode shows.
        """
        if not self._gone():
            before = self._colouring.mode
            self._colouring.choose(mode, values, limits, label)
            if not show:
                self._colouring.mode = before
            self._paint()

    @property
    def colours(self) -> str:
        """The colours that are chosen."""
        return self._colouring.mode

    def facets(self, on: bool = True) -> None:
        """Show each triangle flat, or the surface smooth."""
        if not self._gone():
            for surface in self._surfaces.values():
                surface.facets(on)
            self._bar.set(self._bar.flat, on)

    def wireframe(self, on: bool = True) -> None:
        """Draw the edges of the triangles over the surface, or leave them out."""
        if not self._gone():
            for surface in self._surfaces.values():
                surface.wire(on)
            self._bar.set(self._bar.wire, on)
            self._readout.say()

    def select_bone(self, bone: int | str | None) -> None:
        """Point out one bone by index or name: its dot and name, and in the colours "weights" its weights alone.

        Raises:
            ValueError: a bone that is not there.
        """
        if self._gone():
            return
        self._marks.select(bone, self._orbit.eye())
        self._colouring.bone = self._marks.selected
        if self._colouring.mode == "weights":
            self._paint()
        self._readout.say()

    def show_bones(self, points: ArrayLike | None, names: tuple[str, ...] | None = None) -> None:
        """Draw a dot at each of the points (J, 3), mm, seen through the surface; call again to move them.

        None hides them. `names` says what the bones are called.
        """
        if self._gone():
            return
        if names is not None:
            self._marks.names = self._colouring.bone_names = tuple(names)
        self._marks.put(points, self._orbit.eye())
        self._bar.offer_names(bool(self._marks.visible and self._marks.names))

    def name_bones(self, which: str) -> None:
        """Write the names of the bones beside their dots: "none", "selected", or "all" that find room.

        Raises:
            ValueError: another word.
        """
        if which not in NAMING:
            raise ValueError(f"which is {which!r}: choose one of {', '.join(NAMING)}")
        if not self._gone():
            self._marks.naming = which
            self._marks.name(self._orbit.eye())
            self._bar.set(self._bar.names, which == "all")
            self._readout.say()

    def view(self, preset: str | tuple[float, float]) -> None:
        """Turn the camera: "front", "three-quarter", "left", "right", "top", or (azimuth, elevation) degrees.

        Left and right are the person's own. "reset" goes to the front and undoes zoom and shift.

        Raises:
            ValueError: an unknown preset.
        """
        if not self._gone():
            self._orbit.view(preset)
            self._turned()

    def zoom(self, factor: float) -> None:
        """Come closer by this factor (2: twice as large); below 1 goes back."""
        if not self._gone():
            self._orbit.zoom(factor)
            self._turned()

    def warn(self, words: str) -> None:
        """Put a sentence about what went wrong into the read-out; "" takes it away."""
        if not self._gone():
            self._readout.trouble = words
            self._readout.say()

    @property
    def single(self) -> bool:
        """Whether one mesh alone is on show."""
        return len(self._surfaces) == 1

    def on_pick(self, act: Pick) -> None:
        """Call act(face, shares) for each click on the mesh: a face's index, the shares (3,) of its corners.

        Raises:
            ValueError: several meshes are on show.
        """
        if not self.single:
            raise ValueError(f"on_pick: a click can mean any of {len(self._surfaces)} meshes; show one")
        if not self._gone():
            self._stage.on_pick(act, self._orbit)

    # -- inside --------------------------------------------------------------------------------------------

    def _gone(self) -> bool:
        if self._closed:
            print(CLOSED)
        return self._closed

    def _turned(self) -> None:
        self._marks.name(self._orbit.eye())
        self._readout.say()

    def _paint(self) -> None:
        self._stage.paint(self._colouring)
        self._bar.offer(self._colouring.modes, self._colouring.mode)
        self._readout.say()
