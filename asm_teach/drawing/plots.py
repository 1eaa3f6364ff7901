"""Pictures of meshes in matplotlib.

The notebooks show live 3D views; where none can run (a printed page, a README, a saved notebook) these
pictures stand in. They use the camera angles and the light of the live view, so that both look alike.
"""

from __future__ import annotations

from io import BytesIO
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

import asm_teach.drawing.scales  # noqa: F401  matplotlib knows them by name from here on
from asm_teach.drawing.still import Eye, draw, look, to_numpy

BACKGROUND = "#eceef1"


def render_mesh(
    ax: Axes,
    vertices: ArrayLike,
    faces: ArrayLike,
    colours: ArrayLike | None = None,
    view: str | tuple[float, float] = "front",
    *,
    texture: ArrayLike | None = None,
    uv: ArrayLike | None = None,
    uv_faces: ArrayLike | None = None,
    size: tuple[int, int] = (480, 480),
    zoom: float = 1.0,
    eye: Eye | None = None,
    contrast: float = 1.0,
) -> Eye:
    """Draw a shaded mesh into a matplotlib axes.

    Args:
        ax: the axes; its ticks and frame are taken away.
        vertices: (V, 3), mm.
        faces: (F, 3).
        colours: (V, 3) in [0, 1], one (3,) for all, or None for clay.
        view: a name in `still.VIEWS`, or (azimuth, elevation) in degrees.
        texture: (H, W, 3) in [0, 1], used instead of `colours` when `uv` is given too.
        uv: (V, 2), or (U, 2) with `uv_faces`.
        uv_faces: (F, 3) into `uv`.
        size: (width, height) of the picture in pixels.
        zoom: 1 keeps the whole mesh in the picture.
        eye: a camera from an earlier picture, so that two pictures match; replaces view, size and zoom.
        contrast: of the light; below 1 for data colours.

    Returns:
        The `Eye`, whose `project` puts points (n, 3) over the picture.

    Raises:
        ValueError: an unknown view, or vertices that are NaN or infinite.
    """
    if not np.isfinite(to_numpy(vertices)).all():
        raise ValueError("vertices holds numbers that are not finite (NaN): nothing can be drawn")
    eye = eye or look(vertices, view, size, zoom)
    ax.imshow(draw(vertices, faces, eye, colours, texture, uv, uv_faces, contrast), interpolation="antialiased")
    ax.set_axis_off()
    return eye


class NotebookFigure(Figure):
    """A figure that shows itself in a notebook, whether or not pyplot and its inline backend were ever loaded.

    pyplot does not know it, so a cell that returns it shows it once. Where the inline backend is on, IPython asks that
    before it asks the figure, and gets the same picture.
    """

    def png(self, **options: Any) -> bytes:
        """Itself as the bytes of a PNG file."""
        buffer = BytesIO()
        self.savefig(buffer, format="png", **options)
        return buffer.getvalue()

    def _repr_png_(self) -> bytes:
        return self.png(bbox_inches="tight")


def new_figure(columns: int, size: tuple[int, int], rows: int = 1) -> tuple[NotebookFigure, NDArray[Any]]:
    """A figure on the viewer's background and its axes (rows, columns), each of (width, height) pixels."""
    inches = (columns * size[0] / 100, rows * size[1] / 100)
    figure = NotebookFigure(inches, dpi=100, facecolor=BACKGROUND, layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.subplots(rows, columns, squeeze=False)


def add_scale(figure: Figure, axes: NDArray[Any], limits: tuple[float, float], name: str, label: str) -> None:
    """Put a colour bar from limits[0] to limits[1] beside the axes; name is a colour map of `scales` or matplotlib."""
    bar = figure.colorbar(ScalarMappable(Normalize(*limits), name), ax=list(axes.ravel()), shrink=0.7, pad=0.01)
    bar.set_label(label)
    bar.outline.set_visible(False)
