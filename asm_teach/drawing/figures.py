"""Figures of the course that are more than one mesh: photographs with their landmarks, a rig on its head."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import torch
from matplotlib import colormaps
from torch import Tensor

from asm_teach.drawing.plots import BACKGROUND, NotebookFigure, add_scale, new_figure, render_mesh
from asm_teach.drawing.still import look
from asm_teach.model.binding import Chart

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from asm_teach.data.heads import Head
    from asm_teach.view_fit.fit import View

SIDE = {"_L": "#d55e00", "_R": "#0072b2", "": "#222222"}  # colour-safe: left, right, middle


def draw_views(views: Sequence[View], height: int = 420) -> Figure:
    """The photographs side by side with their landmarks; a grey card where a view has no picture."""
    width = max(1, round(height * max(view.size[0] / view.size[1] for view in views)))
    figure, axes = new_figure(len(views), (width, height))
    for number, (ax, view) in enumerate(zip(axes[0], views, strict=True)):
        columns, rows = view.size
        step = max(1, rows // (2 * height))
        if view.image is None:
            ax.set_facecolor(BACKGROUND)
        else:
            ax.imshow(view.image[::step, ::step].numpy(), extent=(0, columns, rows, 0))
        ax.scatter(*view.landmarks.T.numpy(), s=2.5, color="#56b4e9", linewidths=0)
        ax.set(xlim=(0, columns), ylim=(rows, 0), xticks=[], yticks=[], aspect="equal")
        ax.set_title(f"view {number + 1}: {len(view.landmarks)} points\n{columns} x {rows} pixels", fontsize=9)
    return figure


def draw_errors(
    heads: Mapping[str, tuple[Tensor, Tensor]], faces: Tensor, centre: Tensor, limit: float = 4.0
) -> NotebookFigure:
    """Heads side by side, coloured by an error: from white for 0 to red for `limit` mm and more, grey where it is NaN.

    Args:
        heads: title -> vertices (V, 3) in mm and the error (V,) of each vertex in mm.
        faces: (F, 3), of all heads.
        centre: points (n, 3) that the picture is centred on, for example landmarks.
    """
    size = (360, 420)
    figure, axes = new_figure(len(heads), size)
    eye = look(centre, "front", size, zoom=0.85)
    for ax, (title, (vertices, error)) in zip(axes[0], heads.items(), strict=True):
        colours = torch.as_tensor(colormaps["YlOrRd"]((error / limit).clamp(0, 1).nan_to_num().numpy()))[:, :3]
        colours[error.isnan()] = 0.72
        render_mesh(ax, vertices, faces, colours, eye=eye, contrast=0.55)
        ax.set_title(title, fontsize=10)
    add_scale(figure, axes, (0.0, limit), "YlOrRd", "distance to the true face, mm")
    return figure


def draw_rig(head: Head, size: tuple[int, int] = (520, 640)) -> Figure:
    """The bones on the head from the front and from the person's left, and on the chart; left and right in colours."""
    figure, axes = new_figure(3, size)
    chart = Chart.from_mesh(head.mesh)
    assert head.rig.uv is not None  # embedded heads place their bones on the chart
    points = chart.bind(head.rig.uv, head.mesh.vertices)
    colours = [SIDE.get(name[-2:], SIDE[""]) for name in head.rig.names]
    for ax, view in zip(axes[0], ("front", "left"), strict=False):
        eye = render_mesh(ax, head.mesh.vertices, head.mesh.faces, view=view, size=size)
        flat = torch.as_tensor(eye.project(points))
        near = torch.as_tensor(eye.camera_points(points))[:, 2] >= -60 if view == "front" else points[:, 0] >= -1
        ax.scatter(*flat[near].T, s=9, c=[c for c, n in zip(colours, near.tolist(), strict=True) if n], linewidths=0)
        ax.set_title(f"{len(points)} bones, {view}", fontsize=9)
    ax = axes[0, 2]
    u, v = head.mesh.vertex_uv().T
    ax.triplot(u, v, head.mesh.faces, color="#c4c8ce", linewidth=0.25)
    ax.scatter(*head.rig.uv.T, s=9, c=colours, linewidths=0)
    ax.set(aspect="equal", xlabel="u", ylabel="v", title="on the chart: left orange, right blue, middle black")
    ax.title.set_fontsize(9)
    return figure
