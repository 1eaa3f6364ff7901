"""A view as a picture, drawn without a browser by `asm_teach.zbuffer` with the same camera, colours and light."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from numpy.typing import NDArray

from asm_teach import plots, zbuffer
from asm_teach.widgets import colours
from asm_teach.widgets.colouring import Colouring
from asm_teach.widgets.labels import choose_labels, label_width
from asm_teach.widgets.markers import CHOSEN, OTHER, Marks
from asm_teach.widgets.orbit import Orbit
from asm_teach.widgets.scene import Surface
from asm_teach.widgets.stage import Stage
from asm_teach.zbuffer import Eye


def draw_view(stage: Stage, chosen: Colouring, orbit: Orbit, scale: float = 1.0) -> Figure:
    """What a view shows as a matplotlib figure; `scale` times as large."""
    eye, names = orbit.eye(scale), list(stage.surfaces)
    figure, axes = plots.new_figure(1 if stage.overlay else len(names), eye.size)
    if stage.overlay:
        axes[0, 0].imshow(_overlaid(stage, chosen, eye), interpolation="antialiased")
        axes[0, 0].set_axis_off()
        axes[0, 0].set_title(", ".join(f"{name} ({'see-through' if i else 'solid'})" for i, name in enumerate(names)))
    for i, (name, surface) in enumerate(stage.surfaces.items()):
        ax = axes[0, 0 if stage.overlay else i]
        if not stage.overlay:
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
            if len(names) > 1:
                ax.set_title(name, fontsize=11)
        if surface.wired:
            lines = eye.project(surface.vertices)[_seen_edges(surface, eye)]
            ax.add_collection(LineCollection(lines, colors=[(0.07, 0.13, 0.20, 0.5)], linewidths=0.5))
    _draw_marks(axes[0, 0], stage.marks, eye, scale)
    if chosen.scalar:
        plots.add_scale(figure, axes, chosen.limits, colours.SCALAR_MAPS[chosen.mode], chosen.label)
    return figure


def _overlaid(stage: Stage, chosen: Colouring, eye: Eye) -> NDArray[np.float64]:
    """The picture (H, W, 4) of meshes one over the other.

    Drawn together, a pixel has the colour of what is nearest. Mixed with the picture of all but the last mesh, it
    changes exactly where the last is nearest: that is what a see-through layer does.
    """
    mixed: NDArray[np.float64] | None = None
    vertices, faces, tints, first = [], [], [], 0
    for name, surface in stage.surfaces.items():
        vertices.append(surface.vertices)
        faces.append(surface.faces + first)
        tints.append(_tints(name, surface, chosen))
        first += len(surface.vertices)
        together = [np.concatenate(part) for part in (vertices, faces, tints)]
        drawn = zbuffer.draw(together[0], together[1], eye, together[2], contrast=chosen.contrast)
        drawn[..., :3] *= drawn[..., 3:]
        mixed = drawn if mixed is None else surface.opacity * drawn + (1 - surface.opacity) * mixed
    mixed[..., :3] /= np.maximum(mixed[..., 3:], 1e-9)
    return mixed


def _tints(name: str, surface: Surface, chosen: Colouring) -> NDArray[np.float64]:
    if not chosen.textured:
        return np.broadcast_to(chosen.vertex_colours(name), surface.vertices.shape)
    table = np.zeros(surface.vertices.shape)
    chart = surface.faces if surface.uv_faces is None else surface.uv_faces
    table[surface.faces.ravel()] = zbuffer.sample_texture(chosen.texture(name), surface.uv[chart.ravel()])
    return table


def _seen_edges(surface: Surface, eye: Eye) -> NDArray[np.int64]:
    """The edges (n, 2) of the triangles that at least one pixel sees."""
    seen = np.unique(zbuffer.rasterise(eye.screen(surface.vertices), surface.faces, eye.size)[0])
    corners = surface.faces[seen[seen >= 0]]
    return np.unique(np.sort(corners[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), axis=1), axis=0)


def _draw_marks(ax: Axes, marks: Marks, eye: Eye, scale: float) -> None:
    if marks.points is None or not marks.visible:
        return
    there = np.isfinite(marks.points).all(axis=1)
    x, y = eye.project(np.nan_to_num(marks.points)).T
    rest = there & (np.arange(len(there)) != marks.selected)
    ax.scatter(x[rest], y[rest], s=16 * scale**2, color=OTHER, edgecolors="white", linewidths=0.6, zorder=3)
    chosen = marks.selected
    if chosen is not None and there[chosen]:
        ring = {"facecolors": "none", "edgecolors": [CHOSEN], "linewidths": 2.4 * scale}
        ax.scatter(x[chosen], y[chosen], s=110 * scale**2, zorder=4, **ring)
    for bone in _named(marks, eye):
        box = {"boxstyle": "round,pad=0.25", "facecolor": "white", "edgecolor": "none", "alpha": 0.88}
        ax.annotate(
            marks.names[bone],
            (x[bone], y[bone]),
            xytext=(9 * scale, 0),
            textcoords="offset points",
            fontsize=8 * scale,
            va="center",
            color=(0.11, 0.16, 0.21),
            bbox=box,
            zorder=5,
        )


def _named(marks: Marks, eye: Eye) -> NDArray[np.int64]:
    """Whose names find room in the picture, which may be smaller than the view."""
    if marks.naming != "all" or not len(marks.shown):
        return marks.shown
    return choose_labels(eye, marks.points, [label_width(name) for name in marks.names], marks.selected)
