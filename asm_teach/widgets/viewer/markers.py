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
        points: (J, 3) mm, or None while none are drawn.
        names: J names, or nothing.
        naming: whose names are drawn: "none", "selected" or "all" (as many as find room).
        selected: the index of the selected bone, or None.
        shown: the indices of the names that are drawn now.
    """

    def __init__(self, scene: three.Scene, size: tuple[int, int], columns: int) -> None:
        self.points: NDArray[np.float64] | None = None
        self.names: tuple[str, ...] = ()
        self.naming = "selected"
        self.selected: int | None = None
        self.shown = np.zeros(0, dtype=np.int64)
        self._scene, self._size, self._columns = scene, size, columns
        self._dots: Dots | None = None
        self._labels: Labels | None = None

    def put(self, points: ArrayLike | None, eye: Eye) -> None:
        """Show the bones at points (J, 3), mm, or hide them (None)."""
        self.points = None if points is None else to_numpy(points)
        if self.points is not None:
            if self._dots is None or self._dots.count != len(self.points):
                if self._dots is not None:
                    self._scene.remove(self._dots.object)
                self._dots = Dots(len(self.points), self._columns)
                self._scene.add(self._dots.object)
            self._dots.show(self.points, self.selected)
        if self._dots is not None:
            self._dots.object.visible = self.points is not None
        self.name(eye)

    def select(self, bone: int | str | None, eye: Eye) -> None:
        """Point out one bone, by index or name, or none. Raises ValueError for one that is not there."""
        if isinstance(bone, str) or (bone is not None and self.names):
            bone = bone_index(self.names, bone)
        self.selected = bone
        if self._dots is not None and self.points is not None:
            self._dots.show(self.points, bone)
        self.name(eye)

    def name(self, eye: Eye) -> None:
        """Draw the names that are wanted and find room, as seen by the camera."""
        names, points, chosen = self.names, self.points, self.selected
        if points is None or len(names) != len(points) or self.naming == "none":
            names = ()
        elif self.naming == "selected":
            if chosen is None or not np.isfinite(points[chosen]).all():
                names = ()
            else:
                names, points = (names[chosen],), points[chosen][None]
        if self._labels is not None and self._labels.names != names:
            self._scene.remove(self._labels.object)
            self._labels = None
        self.shown = np.zeros(0, dtype=np.int64)
        if not names or points is None:
            return
        if self._labels is None:
            self._labels = Labels(names, self._size, self._columns)
            self._scene.add(self._labels.object)
        if self.naming == "all":
            self.shown = choose_labels(eye, points, self._labels.widths, chosen)
            self._labels.place(points, self.shown)
        else:
            self.shown = np.array([chosen])
            self._labels.place(points, np.zeros(1, dtype=np.int64))

    @property
    def words(self) -> str:
        """The names in words, where they need any."""
        if self.naming != "all" or self.points is None or not self.names:
            return ""
        more = ": come closer for more" if len(self.shown) < len(self.names) else ""
        return f"{len(self.shown)} of {len(self.names)} bone names find room{more}"


class Dots:
    """Round markers that are seen through the surface, such as the bones of a rig."""

    def __init__(self, count: int, columns: int) -> None:
        self.count = count
        self._position, self._tint = attribute(np.zeros((count, 3))), attribute(np.zeros((count, 3)))
        self._size = attribute(np.zeros(count))
        material = three.ShaderMaterial(
            vertexShader=DOTS_VERTEX,
            fragmentShader=DOTS_FRAGMENT,
            uniforms={"shift": {"value": 1 / columns - 1}, "columns": {"value": float(columns)}},
            depthTest=False,
            transparent=True,
        )
        geometry = three.BufferGeometry(attributes={"position": self._position, "tint": self._tint, "size": self._size})
        self.object = three.Points(geometry, material, frustumCulled=False, renderOrder=4)

    def show(self, points: NDArray[np.float64], selected: int | None) -> None:
        """Put the markers at (n, 3) mm, one as a large orange ring; those that are not finite are left out."""
        chosen = np.arange(self.count) == selected
        sizes = np.where(np.isfinite(points).all(axis=1), np.where(chosen, 17, 8), 0)
        tints = np.where(chosen[:, None], CHOSEN, OTHER)
        for buffer, values in ((self._position, np.nan_to_num(points)), (self._tint, tints), (self._size, sizes)):
            if not np.array_equal(new := float32(values), buffer.array):
                buffer.array = new
