"""Marks on a face that are seen through it: a dot for each bone, and names beside those in front that find room."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import matplotlib
import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image, ImageDraw, ImageFont

from asm_teach.drawing.still import Eye, to_numpy
from asm_teach.model.transforms import bone_index
from asm_teach.widgets.base import three
from asm_teach.widgets.viewer.scene import attribute, float32
from asm_teach.widgets.viewer.shaders import DOTS_FRAGMENT, DOTS_VERTEX, LABELS_FRAGMENT, LABELS_VERTEX

CHOSEN, OTHER = (0.90, 0.38, 0.0), (0.15, 0.25, 0.36)  # colours of the dots
NAMING = ("none", "selected", "all")
HEIGHT, AWAY = 17, 10  # pixels: of a label, and from the point to its label
SHARP = 2  # drawn at twice the size, for screens with fine pixels
MOST_NAMED = 14  # more names than these hide the face that they explain
_BEHIND = 1.015  # of the distance to the middle: points further away than that are on the far side of a head


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
        more = ": zoom in for more" if len(self.shown) < len(self.names) else ""
        return f"{len(self.shown)} of {len(self.names)} bone names fit{more}"


class Dots:
    """Round markers such as the bones of a rig; those that the surface hides are hollow."""

    def __init__(self, count: int, columns: int) -> None:
        self.count = count
        self._position, self._tint = attribute(np.zeros((count, 3))), attribute(np.zeros((count, 3)))
        self._size = attribute(np.zeros(count))
        geometry = three.BufferGeometry(attributes={"position": self._position, "tint": self._tint, "size": self._size})
        across = {"shift": {"value": 1 / columns - 1}, "columns": {"value": float(columns)}}
        passes = []
        for hollow, meets in ((0.0, "LessEqualDepth"), (1.0, "GreaterDepth")):
            material = three.ShaderMaterial(
                vertexShader=DOTS_VERTEX,
                fragmentShader=DOTS_FRAGMENT,
                uniforms={**across, "hollow": {"value": hollow}},
                depthFunc=meets,
                depthWrite=False,
                transparent=True,
            )
            passes.append(three.Points(geometry, material, frustumCulled=False, renderOrder=4))
        self.object = three.Object3D(children=passes)

    def show(self, points: NDArray[np.float64], selected: int | None) -> None:
        """Put the markers at (n, 3) mm, one as a large orange ring; those that are not finite are left out."""
        chosen = np.arange(self.count) == selected
        sizes = np.where(np.isfinite(points).all(axis=1), np.where(chosen, 17, 8), 0)
        tints = np.where(chosen[:, None], CHOSEN, OTHER)
        for buffer, values in ((self._position, np.nan_to_num(points)), (self._tint, tints), (self._size, sizes)):
            if not np.array_equal(new := float32(values), buffer.array):
                buffer.array = new


def choose_labels(
    eye: Eye, points: NDArray[np.float64], widths: Sequence[float], first: int | None = None
) -> NDArray[np.int64]:
    """Which labels find room: none covers another, those nearest to the eye go first, those behind are left out.

    Args:
        eye: the camera.
        points: (n, 3) mm; a point that is not finite gets no label.
        widths: of the n labels, pixels.
        first: the one that is shown in any case.

    Returns:
        Indices into the points, in the order in which they were placed.
    """
    chosen: list[int] = []
    boxes = np.zeros((0, 4))
    finite = np.all(np.isfinite(points), axis=1)
    screen = eye.screen(np.where(finite[:, None], points, 0.0))
    depth = screen[:, 2]
    front = depth <= _BEHIND * eye.distance
    order = np.argsort(depth, kind="stable")
    if first is not None and first < len(points):
        order = np.concatenate([[first], order[order != first]])
    width, height = eye.size
    for one in order:
        if len(chosen) == MOST_NAMED:
            break
        x, y = screen[one, :2]
        box = np.array([x + AWAY, y - HEIGHT / 2, x + AWAY + widths[one], y + HEIGHT / 2])
        inside = box[0] >= 0 and box[1] >= 0 and box[2] <= width and box[3] <= height
        free = not ((boxes[:, :2] < box[2:] + 1) & (boxes[:, 2:] > box[:2] - 1)).all(axis=1).any()
        if finite[one] and (one == first or (front[one] and inside and free)):
            chosen.append(int(one))
            boxes = np.concatenate([boxes, box[None]])
    return np.array(chosen, dtype=np.int64)


@cache
def _font() -> ImageFont.FreeTypeFont:
    path = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"
    return ImageFont.truetype(str(path), 11 * SHARP)


def label_width(name: str) -> float:
    """Pixels that a name needs."""
    return _font().getlength(name) / SHARP + 10


def draw_labels(names: Sequence[str]) -> NDArray[np.uint8]:
    """The names, one under the other, as a picture (n rows, W, 4): dark on a light ground with round ends."""
    row = HEIGHT * SHARP
    width = max(int(np.ceil(label_width(name))) for name in names) * SHARP
    picture = Image.new("RGBA", (width, row * len(names)), (255, 255, 255, 0))
    pen = ImageDraw.Draw(picture)
    for i, name in enumerate(names):
        end = label_width(name) * SHARP - 1
        pen.rounded_rectangle((0, i * row + 2, end, (i + 1) * row - 3), radius=7 * SHARP, fill=(255, 255, 255, 225))
        pen.text((5 * SHARP, i * row + row / 2), name, fill=(28, 40, 54, 255), font=_font(), anchor="lm")
    return np.asarray(picture)


class Labels:
    """Names in the scene, each beside its point."""

    def __init__(self, names: Sequence[str], size: tuple[int, int], columns: int) -> None:
        count, self.names = len(names), tuple(names)
        self.widths = [label_width(name) for name in names]
        picture = draw_labels(names)
        picture_width = picture.shape[1] / SHARP
        # four corners a label: of the quad in pixels, and of its row of the picture
        right = np.repeat([[0, 1, 1, 0]], count, axis=0)
        up = np.repeat([[0, 0, 1, 1]], count, axis=0)
        wide = np.array(self.widths)[:, None]
        self._corners = np.stack([AWAY + right * wide, (up - 0.5) * HEIGHT], axis=-1).reshape(-1, 2)
        place = np.stack([right * wide / picture_width, (np.arange(count)[:, None] + 1 - up) / count], axis=-1)
        quads = 4 * np.arange(count)[:, None, None] + np.array([[0, 1, 2], [0, 2, 3]])
        self._position = attribute(np.zeros((4 * count, 3)))
        self._corner = attribute(np.zeros((4 * count, 2)))
        texture = three.DataTexture(
            picture, format="RGBAFormat", magFilter="LinearFilter", minFilter="LinearFilter", generateMipmaps=False
        )
        uniforms: dict[str, object] = {"shift": 1 / columns - 1, "columns": float(columns), "map": None}
        material = three.ShaderMaterial(
            vertexShader=LABELS_VERTEX.replace("PIXELS", f"{size[0]:.1f}, {size[1]:.1f}"),
            fragmentShader=LABELS_FRAGMENT,
            uniforms={name: {"value": value} for name, value in uniforms.items()},
            depthTest=False,
            transparent=True,
            side="DoubleSide",
        )
        # the texture goes in afterwards, as `Surface.wrap` does it, in dictionaries of its own
        material.uniforms = {name: {"value": value} for name, value in (uniforms | {"map": texture}).items()}
        geometry = three.BufferGeometry(
            attributes={
                "position": self._position,
                "corner": self._corner,
                "uv": attribute(place.reshape(-1, 2)),
                "index": three.BufferAttribute(quads.astype(np.uint32).ravel(), normalized=False),
            }
        )
        self.object = three.Mesh(geometry, material, frustumCulled=False, renderOrder=5)

    def place(self, points: NDArray[np.float64], shown: NDArray[np.int64]) -> None:
        """Put the names beside the points (n, 3), mm, and show those of the indices `shown`."""
        positions = float32(np.repeat(np.nan_to_num(points), 4, axis=0))
        if not np.array_equal(positions, self._position.array):
            self._position.array = positions
        seen = np.isin(np.repeat(np.arange(len(self.names)), 4), shown)
        corners = float32(np.where(seen[:, None], self._corners, 0.0))  # a quad without size is not drawn
        if not np.array_equal(corners, self._corner.array):
            self._corner.array = corners
