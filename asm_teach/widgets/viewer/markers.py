"""Marks on a face that are seen through it: a dot for each bone, and names beside them."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from asm_teach.drawing.still import Eye, to_numpy
from asm_teach.model.transforms import bone_index
from asm_teach.widgets.base import three
from asm_teach.widgets.viewer.labels import Labels, choose_labels
from asm_teach.widgets.viewer.scene import attribute, float32
from asm_teach.widgets.viewer.shaders import DOTS_FRAGMENT, DOTS_VERTEX

CHOSEN, OTHER = (0.90, 0.38, 0.0), (0.15, 0.25, 0.36)  # colours of the dots
NAMING = ("none", "selected", "all")


class Marks:
    """The bones of a view: where they are, what they are called, which is selected, which are named.

    Attributes:
        points: (J, 3) mm, or None before any were given.
        visible: whether they are drawn.
        names: J names, or nothing.
        naming: whose names are drawn: "none", "selected" or "all" (as many as find room).
        selected: the index of the selected bone, or None.
        shown: the indices of the names that are drawn now.
    """

    def __init__(self, scene: three.Scene, size: tuple[int, int], columns: int) -> None:
        self.points: NDArray[np.float64] | None = None
        self.visible = False
        self.names: tuple[str, ...] = ()
        self.naming = "selected"
        self.selected: int | None = None
        self.shown = np.zeros(0, dtype=np.int64)
        self._scene, self._size, self._columns = scene, size, columns
        self._dots: Dots | None = None
        self._labels: Labels | None = None

    def put(self, points: ArrayLike | None, eye: Eye) -> None:
        """Show the bones at points (J, 3), mm, or hide them (None)."""
        self.visible = points is not None
        if points is not None:
            self.points = to_numpy(points)
            if self._dots is None or len(self._dots.points) != len(self.points):
                if self._dots is not None:
                    self._scene.remove(self._dots.object)
                self._dots = Dots(self.points, self._columns)
                self._dots.mark(self.selected)
                self._scene.add(self._dots.object)
            self._dots.move(self.points)
        if self._dots is not None:
            self._dots.object.visible = self.visible
        self.name(eye)

    def select(self, bone: int | str | None, eye: Eye) -> None:
        """Point out one bone, by index or name, or none. Raises ValueError for one that is not there."""
        if isinstance(bone, str) or (bone is not None and self.names):
            bone = bone_index(self.names, bone)
        self.selected = bone
        if self._dots is not None:
            self._dots.mark(bone)
        self.name(eye)

    def name(self, eye: Eye) -> None:
        """Draw the names that are wanted and find room, as seen by the camera."""
        names = self._wanted()
        if not names:
            self.shown = np.zeros(0, dtype=np.int64)
            if self._labels is not None:
                self._labels.object.visible = False
            return
        if self._labels is None or self._labels.names != names:
            if self._labels is not None:
                self._scene.remove(self._labels.object)
            self._labels = Labels(names, self._size, self._columns)
            self._scene.add(self._labels.object)
        points = self.points
        if self.naming == "all":
            self.shown = choose_labels(eye, points, self._labels.widths, self.selected)
            self._labels.place(points, self.shown)
        else:
            self.shown = np.array([self.selected])
            self._labels.place(points[self.selected][None], np.zeros(1, dtype=np.int64))
        self._labels.object.visible = True

    def _wanted(self) -> tuple[str, ...]:
        if not self.visible or self.points is None or len(self.names) != len(self.points) or self.naming == "none":
            return ()
        if self.naming == "all":
            return self.names
        chosen = self.selected
        return () if chosen is None or not np.isfinite(self.points[chosen]).all() else (self.names[chosen],)

    @property
    def words(self) -> str:
        """The names in words, where they need any."""
        if self.naming != "all" or not self.visible or not self.names:
            return ""
        more = ": come closer for more" if len(self.shown) < len(self.names) else ""
        return f"{len(self.shown)} of {len(self.names)} bone names find room{more}"


class Dots:
    """Round markers that are seen through the surface, such as the bones of a rig."""

    def __init__(self, points: NDArray[np.float64], columns: int) -> None:
        self.points, self._selected = points, None
        self._position = attribute(np.nan_to_num(points))
        self._tint = attribute(np.zeros((len(points), 3)))
        self._size = three.BufferAttribute(np.ones(len(points), dtype=np.float32), normalized=False)
        material = three.ShaderMaterial(
            vertexShader=DOTS_VERTEX,
            fragmentShader=DOTS_FRAGMENT,
            uniforms={"shift": {"value": 1 / columns - 1}, "columns": {"value": float(columns)}},
            depthTest=False,
            transparent=True,
        )
        geometry = three.BufferGeometry(attributes={"position": self._position, "tint": self._tint, "size": self._size})
        self.object = three.Points(geometry, material, frustumCulled=False, renderOrder=4)
        self.mark(None)

    def move(self, points: NDArray[np.float64]) -> None:
        """Show the markers at new places (n, 3), mm; one that is not finite is left out."""
        if not np.array_equal(points, self.points):
            lost_before, self.points = ~np.isfinite(self.points).all(axis=1), points
            self._position.array = float32(np.nan_to_num(points))
            if not np.array_equal(lost_before, ~np.isfinite(points).all(axis=1)):
                self.mark(self._selected)

    def mark(self, selected: int | None) -> None:
        """Make one marker a large orange ring, the others small and dark."""
        self._selected = selected
        chosen = np.arange(len(self.points)) == selected
        self._tint.array = float32(np.where(chosen[:, None], CHOSEN, OTHER))
        self._size.array = np.where(np.isfinite(self.points).all(axis=1), np.where(chosen, 17, 8), 0).astype(np.float32)
