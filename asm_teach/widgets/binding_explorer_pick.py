"""A click on the face as a place of the chart."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pythreejs as three

from asm_teach.binding import Chart
from asm_teach.widgets.viewer import Viewer
from asm_teach.zbuffer import to_numpy

_DRAG = 0.4  # seconds: a click that follows a turn of the camera so closely is the end of that drag


def pick_uv(viewer: Viewer, chart: Chart, act: Callable[[tuple[float, float]], None]) -> None:
    """Call act((u, v)) for each click on the viewer's one mesh, which must be at rest. A drag is no click."""
    (surface,) = viewer._surfaces.values()
    picker = three.Picker(controlling=surface.object, event="click")
    viewer._renderer.controls = [*viewer._renderer.controls, picker]
    turned = [0.0]
    uv, faces = to_numpy(chart.uv), to_numpy(chart.faces).astype(np.int64)

    def camera_moved(_: Mapping[str, Any]) -> None:
        turned[0] = time.monotonic()

    def clicked(change: Mapping[str, Any]) -> None:
        if picker.faceIndex is None or time.monotonic() - turned[0] < _DRAG:
            return
        corners = faces[int(picker.faceIndex)]
        a, b, c = surface.vertices[corners].astype(np.float64)
        second, third = np.linalg.lstsq(np.stack([b - a, c - a], 1), np.array(change["new"]) - a, rcond=None)[0]
        shares = np.clip([1 - second - third, second, third], 0, 1)
        u, v = shares / shares.sum() @ uv[corners]
        act((float(u), float(v)))

    viewer._orbit.camera.observe(camera_moved, "position")
    picker.observe(clicked, "point")
