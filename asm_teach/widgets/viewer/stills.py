"""A view as a picture, drawn by `asm_teach.drawing.still` without a browser, pixel for pixel as large as the view."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.cm import ScalarMappable
from matplotlib.collections import LineCollection
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from numpy.typing import NDArray

from asm_teach.drawing import plots, still
from asm_teach.drawing.still import Eye
from asm_teach.geometry.mesh_edges import edge_list
from asm_teach.widgets.base import colours
from asm_teach.widgets.viewer.colouring import Colouring
from asm_teach.widgets.viewer.markers import AWAY, CHOSEN, HEIGHT, OTHER, SHARP, draw_labels, label_width
from asm_teach.widgets.viewer.orbit import Orbit
from asm_teach.widgets.viewer.scene import Surface
from asm_teach.widgets.viewer.shaders import FORWARD
from asm_teach.widgets.viewer.stage import Stage

_DPI = 100
_PX = 72 / _DPI  # points, in which matplotlib measures lines and dots, to a pixel
_TITLE, _BAR = 28, 92  # pixels: above several meshes for their names, and beside them for the scale
# The browser draws an edge once for each of its two triangles: half see-through twice is a quarter. Its lines are one
# pixel wide along a row or column, across a slanted line that is less.
_EDGE, _EDGE_OPACITY, _EDGE_WIDTH = (0.07, 0.13, 0.20), 0.5, 0.85


def draw_view(stage: Stage, chosen: Colouring, orbit: Orbit, scale: float = 1.0) -> plots.NotebookFigure:
    """What a view shows as a matplotlib figure; `scale` times as large."""
    eye, names = orbit.eye(scale), list(stage.surfaces)
    figure, axes = _lay_out(1 if stage.overlay else len(names), eye.size, len(names) > 1)
    for ax, shown in zip(axes, [names] if stage.overlay else [[name] for name in names], strict=True):
        here = [stage.surfaces[name] for name in shown]
        picture = _overlaid(stage, chosen, eye) if stage.overlay else _drawn(shown[0], here[0], chosen, eye)
        ax.imshow(picture, interpolation="nearest", aspect="auto", zorder=0)
        for surface, edges in zip(here, _seen_edges(here, eye), strict=True):
            if surface.edges.visible:
                lines = list(eye.project(surface.vertices)[edges])
                inks = [(*_EDGE, alpha) for alpha in _edge_alphas(surface, edges)]
                ax.add_collection(
                    LineCollection(lines, colors=inks, linewidths=_EDGE_WIDTH * _PX * scale), autolim=False
                )
        if stage.overlay and len(names) > 1:
            ax.set_title(", ".join(f"{name} ({'see-through' if i else 'solid'})" for i, name in enumerate(names)))
        elif len(names) > 1:
            ax.set_title(shown[0], fontsize=11)
    _draw_marks(axes[0], stage, eye, scale)
    if chosen.scalar:
        _add_scale(figure, eye.size[1], chosen)
    return figure


def _lay_out(columns: int, size: tuple[int, int], titled: bool) -> tuple[plots.NotebookFigure, list[Axes]]:
    """A figure whose axes have (width, height) pixels each, side by side."""
    width, height = size
    top = _TITLE if titled else 0
    # a hundredth of a pixel more: matplotlib cuts off what rounding has made a little less than a whole one
    inches = ((columns * width + 0.01) / _DPI, (height + top + 0.01) / _DPI)
    figure = plots.NotebookFigure(inches, dpi=_DPI, facecolor=plots.BACKGROUND)
    FigureCanvasAgg(figure)
    axes = [
        figure.add_axes((i / columns, 0, 1 / columns, height / (height + top)), frameon=False) for i in range(columns)
    ]
    for ax in axes:
        ax.set_axis_off()
    return figure, axes


def _add_scale(figure: Figure, height: int, chosen: Colouring) -> None:
    """Make room on the right for a colour bar."""
    width, tall = figure.get_size_inches() * _DPI
    wider = width + _BAR
    for ax in figure.axes:
        x, y, w, h = ax.get_position().bounds
        ax.set_position((x * width / wider, y, w * width / wider, h))
    figure.set_size_inches(wider / _DPI, tall / _DPI)
    room = figure.add_axes(((width + 10) / wider, 0.15 * height / tall, 14 / wider, 0.7 * height / tall))
    bar = figure.colorbar(ScalarMappable(Normalize(*chosen.limits), colours.SCALAR_MAPS[chosen.mode]), cax=room)
    bar.set_label(chosen.label, fontsize=9)
    bar.ax.tick_params(labelsize=9)
    bar.outline.set_visible(False)


def _drawn(name: str, surface: Surface, chosen: Colouring, eye: Eye) -> NDArray[np.float64]:
    """One mesh as a picture (H, W, 4) of its own."""
    vertices, faces, tints = surface.vertices, surface.faces, chosen.vertex_colours(name)
    chart = faces if surface.uv_faces is None else surface.uv_faces
    finish = None
    if surface.flat:  # each triangle with corners of its own has its own normal
        tints = np.broadcast_to(tints, vertices.shape)[faces].reshape(-1, 3)
        finish = None if surface.finish is None else surface.finish[faces].reshape(-1, 4)
        vertices, faces = vertices[faces].reshape(-1, 3), np.arange(faces.size).reshape(-1, 3)
    texture = chosen.texture(name) if chosen.textured else None
    return still.draw(vertices, faces, eye, tints, texture, surface.uv, chart, chosen.contrast, finish)


def _overlaid(stage: Stage, chosen: Colouring, eye: Eye) -> NDArray[np.float64]:
    """The picture (H, W, 4) of meshes one over the other: each is mixed in where it is nearest of those so far."""
    (width, height), mixed = eye.size, np.zeros((*eye.size[::-1], 4))
    vertices, faces, points, triangles = [], [], 0, 0
    for name, surface in stage.surfaces.items():
        vertices.append(surface.vertices)
        faces.append(surface.faces + points)
        layer = _drawn(name, surface, chosen, eye)
        share = layer[..., 3:]
        if points:
            nearest = still.rasterise(np.concatenate(vertices), np.concatenate(faces), eye, samples=2).face.numpy()
            samples = (nearest >= triangles).reshape(height, 2, width, 2)
            # no more than the layer itself, which fades out at the neck
            share = surface.opacity * np.minimum(share, samples.mean(axis=(1, 3))[..., None])
        points, triangles = points + len(surface.vertices), triangles + len(surface.faces)
        mixed[..., :3] = (1 - share) * mixed[..., :3] + share * layer[..., :3]
        mixed[..., 3:] = (1 - share) * mixed[..., 3:] + share
    mixed[..., :3] /= np.maximum(mixed[..., 3:], 1e-9)
    return mixed


def _seen_edges(surfaces: Sequence[Surface], eye: Eye) -> list[NDArray[np.int64]]:
    """Of each surface the edges (n, 2) of the triangles that at least one pixel sees, where all are solid."""
    if not any(surface.edges.visible for surface in surfaces):
        return [np.zeros((0, 2), dtype=np.int64) for _ in surfaces]
    first = np.cumsum([0, *(len(surface.vertices) for surface in surfaces)])
    points = np.concatenate([surface.vertices for surface in surfaces])
    faces = np.concatenate([surface.faces + start for surface, start in zip(surfaces, first, strict=False)])
    corners = faces[still.rasterise(points, faces, eye).hits.unique()]
    found = []
    for start, end in zip(first, first[1:], strict=False):
        own = corners[(corners[:, 0] >= start) & (corners[:, 0] < end)] - start
        found.append(edge_list(torch.from_numpy(own)).ends.numpy())
    return found


def _edge_alphas(surface: Surface, edges: NDArray[np.int64]) -> NDArray[np.float64]:
    """How opaque each of the edges (n, 2) is, (n,): drawn twice, and fading out where the surface does."""
    shown = np.ones(len(edges)) if surface.finish is None else surface.finish[edges, 1].mean(axis=1)
    return 1 - (1 - _EDGE_OPACITY * shown) ** 2


def _hidden(points: NDArray[np.float64], surface: Surface, eye: Eye) -> NDArray[np.bool_]:
    """(n,): which of the points (n, 3) lie more than `FORWARD` mm behind the surface, as the eye sees it."""
    nearest = still.rasterise(surface.vertices, surface.faces, eye).depth.numpy()
    x, y, away = eye.screen(points).T
    column, row = (np.clip(np.rint(k).astype(int), 0, size - 1) for k, size in zip((x, y), eye.size, strict=True))
    return away - FORWARD > nearest[row, column]


def _draw_marks(ax: Axes, stage: Stage, eye: Eye, scale: float) -> None:
    """Dots, the ring of the selected one, and the names that the view shows, as large as there."""
    marks = stage.marks
    if marks.points is None:
        return
    px = scale * _PX
    there = np.all(np.isfinite(marks.points), axis=1)
    x, y = eye.project(np.nan_to_num(marks.points)).T
    rest, chosen = there & (np.arange(len(there)) != marks.selected), marks.selected
    hidden = rest & _hidden(np.nan_to_num(marks.points), next(iter(stage.surfaces.values())), eye)
    ring: dict[str, Any] = {"facecolors": "none", "edgecolors": [(*OTHER, 0.4)], "linewidths": 1.8 * px}
    ax.scatter(x[hidden], y[hidden], s=(6.2 * px) ** 2, zorder=4, **ring)
    # of 8 pixels the outermost fifth is a white rim, which matplotlib draws half inside and half outside
    dots: dict[str, Any] = {"color": OTHER, "edgecolors": "white", "linewidths": 0.8 * px}
    ax.scatter(x[rest & ~hidden], y[rest & ~hidden], s=(7.2 * px) ** 2, zorder=4, **dots)
    if chosen is not None and there[chosen]:
        for radius, wide, colour in ((6.0, 4.9, "white"), (5.7, 2.2, CHOSEN)):  # an orange ring with white rims
            ring = {"facecolors": "none", "edgecolors": [colour], "linewidths": wide * px}
            ax.scatter(x[[chosen]], y[[chosen]], s=(2 * radius * px) ** 2, zorder=4.5, **ring)
    if len(marks.shown):
        names = [marks.names[bone] for bone in marks.shown]
        rows = draw_labels(names).reshape(len(names), HEIGHT * SHARP, -1, 4)
        for name, bone, row in zip(names, marks.shown, rows, strict=True):
            right, wide, high = x[bone] + AWAY * scale, label_width(name) * scale, HEIGHT * scale / 2
            place = (right, right + wide, y[bone] + high, y[bone] - high)
            row = row[:, : round(label_width(name) * SHARP)]
            ax.imshow(row, extent=place, interpolation="bilinear", aspect="auto", zorder=5)
    width, height = eye.size
    ax.set(xlim=(-0.5, width - 0.5), ylim=(height - 0.5, -0.5))
