"""Colours for data on a face, told apart by colour-blind eyes too, and the scale bar that explains them."""

from __future__ import annotations

import base64
import html
from io import BytesIO
from typing import Any

import matplotlib
import numpy as np
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike, NDArray
from PIL import Image

from asm_teach.drawing import scales
from asm_teach.drawing.still import to_numpy

SCALAR_MAPS = {"weights": scales.WEIGHTS, "error": scales.ERROR}
NO_VALUE = (0.62, 0.62, 0.62)  # grey: a vertex without a number
# Paul Tol's "muted" set: nine hues that keep apart for the common kinds of colour blindness.
_MUTED = "#CC6677 #332288 #DDCC77 #117733 #88CCEE #882255 #44AA99 #999933 #AA4499"
PALETTE = np.array([matplotlib.colors.to_rgb(name) for name in _MUTED.split()])
_LOCATOR = MaxNLocator(nbins=5, steps=[1, 2, 2.5, 5, 10])
# Along u from blue over green to orange; along v from dark to light.
_UV_HUES = np.array([(0.16, 0.42, 0.85), (0.24, 0.68, 0.56), (0.96, 0.56, 0.14)])


def nice_limits(values: ArrayLike, percentile: float = 98) -> tuple[float, float]:
    """Round numbers that hold zero and so many in 100 of the values: limits a reader can keep in mind."""
    finite = to_numpy(values)
    finite = finite[np.isfinite(finite)]
    if finite.size == 0:
        return 0.0, 1.0
    low, high = min(0.0, float(finite.min())), float(np.percentile(finite, percentile))
    high = high if high > low else float(finite.max())
    if high <= low:
        return low, low + 1.0
    ticks = _LOCATOR.tick_values(low, high)
    return float(ticks[0]), float(ticks[-1])


def scalar_colours(values: ArrayLike, limits: tuple[float, float], name: str = scales.ERROR) -> NDArray[np.float64]:
    """(V,) numbers -> (V, 3) colours; a value that is not a number becomes grey."""
    numbers = to_numpy(values)
    low, high = limits
    colours = matplotlib.colormaps[name](np.clip((np.nan_to_num(numbers) - low) / (high - low), 0, 1))[:, :3]
    return np.where(np.isfinite(numbers)[:, None], colours, NO_VALUE)


def bone_palette(weights: ArrayLike) -> NDArray[np.float64]:
    """(V, J) weights -> (J, 3), one colour a bone, such that bones that share vertices get different ones."""
    table = to_numpy(weights)
    shared = table.T @ table
    np.fill_diagonal(shared, 0)
    chosen = np.full(len(shared), -1)
    for bone in np.argsort(-shared.sum(axis=1), kind="stable"):
        # how much of each colour already stands around this bone; ties go to the least used colour
        taken = [shared[bone, chosen == c].sum() + 1e-9 * (chosen == c).sum() for c in range(len(PALETTE))]
        chosen[bone] = int(np.argmin(taken))
    return PALETTE[chosen]


def bone_colours(weights: ArrayLike) -> NDArray[np.float64]:
    """(V, J) weights -> (V, 3): every vertex wears its bones' colours, mixed by its weights; grey without numbers."""
    table = to_numpy(weights)
    there = np.isfinite(table).all(axis=1, keepdims=True)
    table = np.where(there, table, 0.0)
    return np.where(there, table @ bone_palette(table), NO_VALUE)


def uv_picture(size: int = 512, lines: int = 10) -> NDArray[np.float64]:
    """(size, size, 3) texture, row 0 at v = 1, that shows where on the chart a point of the face lies."""
    v, u = np.meshgrid(1 - (np.arange(size) + 0.5) / size, (np.arange(size) + 0.5) / size, indexing="ij")
    square = (np.floor(u * lines) + np.floor(v * lines)) % 2  # a chequer-board
    near = np.minimum(np.abs((u * lines + 0.5) % 1 - 0.5), np.abs((v * lines + 0.5) % 1 - 0.5))  # to a line, in squares
    u, v, square, near = u[..., None], v[..., None], square[..., None], near[..., None]
    left, middle, right = _UV_HUES
    hue = np.where(u < 0.5, left + (middle - left) * 2 * u, middle + (right - middle) * (2 * u - 1))
    picture = hue * (0.62 + 0.38 * np.minimum(2 * v, 1)) * (1 - 0.12 * square)
    picture += (1 - picture) * 0.45 * np.maximum(2 * v - 1, 0)
    return np.where(near < 0.02, 0.4 * picture + 0.6, picture)


def scale_bar(limits: tuple[float, float], name: str, label: str) -> str:
    """HTML of a colour bar with round numbers beside it and its label above."""
    low, high = limits
    stops = matplotlib.colormaps[name](np.linspace(0, 1, 16))[:, :3]
    gradient = ", ".join(f"rgb({', '.join(str(round(255 * c)) for c in stop)})" for stop in stops)
    slack = 1e-9 * (high - low)
    ticks = [tick for tick in _LOCATOR.tick_values(low, high) if low - slack <= tick <= high + slack]
    spans = "".join(f'<span style="--at:{100 * (tick - low) / (high - low):.1f}%">{tick:.4g}</span>' for tick in ticks)
    words = html.escape(f"colour scale: {label}, from {low:.4g} to {high:.4g}")
    return (
        f'<div class="asm-scale" role="img" aria-label="{words}">'
        f'<div class="asm-scale-label">{html.escape(label)}</div><div class="asm-scale-body">'
        f'<div class="asm-scale-bar" style="--stops:{gradient}"></div>'
        f'<div class="asm-scale-ticks">{spans}</div></div></div>'
    )


def uv_key(picture: NDArray[Any]) -> str:
    """HTML of the UV square, drawn small, with its axes."""
    small = np.ascontiguousarray(np.round(255 * picture[::4, ::4]).astype(np.uint8))
    return (
        '<div class="asm-scale" role="img" aria-label="the UV square: u grows to the right, v upwards">'
        '<div class="asm-scale-label">UV square</div>'
        f'<img alt="" width="84" height="84" src="data:image/png;base64,{base64.b64encode(png(small)).decode()}">'
        '<div class="asm-scale-label">u →, v ↑</div></div>'
    )


def png(picture: NDArray[np.uint8]) -> bytes:
    """A picture (H, W, 3 or 4) as the bytes of a PNG file."""
    buffer = BytesIO()
    Image.fromarray(picture).save(buffer, "png", optimize=True)
    return buffer.getvalue()
