"""The camera of the 3D view: presets, zoom, and where the mouse has turned it to."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import roma
import torch
from numpy.typing import ArrayLike, NDArray

from asm_teach.drawing import still
from asm_teach.widgets.base import three

_NEAREST, _FARTHEST = 1 / 8, 4.0  # of the first distance


class Orbit:
    """A camera that turns about a point.

    Args:
        points: (n, 3) mm, what the camera must see.
        size: (width, height) of the whole view in pixels.
        columns: how many meshes share its width.
        on_turn: called when the mouse has turned the camera (the browser reports the end of each drag).

    Attributes:
        camera: the three.js camera.
        controls: the three.js mouse controls.
        turned_at: when the mouse last turned the camera, seconds of `time.monotonic`.
    """

    def __init__(self, points: ArrayLike, size: tuple[int, int], columns: int, on_turn: Callable[[], None]) -> None:
        self._view = "front view"
        self.column = (size[0] // columns, size[1])
        self._on_turn, self._own_move = on_turn, False
        self.turned_at = -math.inf
        self._centre, self._first = still.framing(points, self.column[0] / self.column[1])
        self.camera = three.PerspectiveCamera(
            fov=still.FIELD_OF_VIEW, aspect=size[0] / size[1], near=self._first / 50, far=self._first * 10
        )
        self.controls = three.OrbitControls(
            controlling=self.camera,
            target=tuple(self._centre),
            minDistance=self._first * _NEAREST,
            maxDistance=self._first * _FARTHEST,
        )
        self._place(still.view_rotation(0, 0), self._first)
        self.camera.observe(self._turned, "position")

    def view(self, preset: str | tuple[float, float]) -> None:
        """Turn to a preset or to (azimuth, elevation) degrees; "reset" also undoes zoom and shift.

        Raises:
            ValueError: an unknown preset.
        """
        distance = self._distance()
        if preset == "reset":
            preset, distance = "front", self._first
            self.controls.target = tuple(self._centre)
        angles = still.view_angles(preset)
        self._view = f"{preset} view" if isinstance(preset, str) else f"seen from {_direction(*angles)}"
        self._place(still.view_rotation(*angles), distance)

    def zoom(self, factor: float) -> None:
        """Come closer by this factor; below 1 goes back."""
        distance = np.clip(self._distance() / factor, self._first * _NEAREST, self._first * _FARTHEST)
        self._place(still.view_rotation(*self.angles()), float(distance))

    @property
    def words(self) -> str:
        """Which view this is."""
        closer = self._first / self._distance()
        return self._view + (f", {closer:.3g} times as large" if abs(closer - 1) > 0.01 else "")

    def angles(self) -> tuple[float, float]:
        """(azimuth, elevation) in degrees."""
        x, y, z = self._offset()
        return float(np.degrees(np.arctan2(x, z))), float(np.degrees(np.arctan2(y, np.hypot(x, z))))

    def eye(self, scale: float = 1.0) -> still.Eye:
        """The same camera for `asm_teach.drawing.still`: one column of the view, its pixels scaled."""
        size = (round(self.column[0] * scale), round(self.column[1] * scale))
        focal = float(size[1] / 2 / np.tan(np.radians(still.FIELD_OF_VIEW / 2)))
        rotation, target = still.view_rotation(*self.angles()), np.array(self.controls.target)
        return still.Eye(rotation, target, self._distance(), focal, size)

    def _offset(self) -> NDArray[np.float64]:
        return np.subtract(self.camera.position, self.controls.target)

    def _distance(self) -> float:
        return float(np.linalg.norm(self._offset()))

    def _place(self, rotation: NDArray[np.float64], distance: float) -> None:
        self._own_move = True
        with self.camera.hold_sync():
            # the mouse controls aim the camera only when dragged, so its orientation is sent along;
            # three.js ignores `.rotation` here, it wants the quaternion
            self.camera.quaternion = tuple(roma.rotmat_to_unitquat(torch.from_numpy(rotation.T)).tolist())
            self.camera.position = tuple(np.add(self.controls.target, rotation[2] * distance))
        self._own_move = False

    def _turned(self, _: Mapping[str, Any]) -> None:
        if not self._own_move:
            self.turned_at = time.monotonic()
            self._view = f"turned by hand, seen from {_direction(*self.angles())}"
            self._on_turn()


def _direction(azimuth: float, elevation: float) -> str:
    side = "the person's left" if azimuth > 0 else "the person's right"
    return f"{abs(azimuth):.0f}° to {side}, {abs(elevation):.0f}° {'up' if elevation >= 0 else 'down'}"
