"""The loss of a fit against its iterations, as a small drawing for the page, with its numbers in words."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence

_WIDTH, _HEIGHT, _LEFT, _BOTTOM, _TOP = 320, 150, 46, 24, 10
_MOST = 240  # points: more than a screen of this width shows


def loss_curve(losses: Sequence[float]) -> str:
    """An SVG drawing of the losses on a logarithmic scale; where one is not above zero, on a plain one.

    Losses that are not finite are left out.
    """
    pairs = [(i, loss) for i, loss in enumerate(losses) if math.isfinite(loss)]
    if not pairs:
        return '<div class="asm-hint">no loss yet</div>'
    log = min(loss for _, loss in pairs) > 0
    scale = math.log10 if log else float
    step = max(1, len(pairs) // _MOST)
    kept = pairs[::step] if pairs[-1] in pairs[::step] else [*pairs[::step], pairs[-1]]
    last = max(len(losses) - 1, 1)
    values = [scale(loss) for _, loss in kept]
    low, high = min(values), max(values)
    if log:  # whole decades hold a curve that falls a little as steadily as one that falls a lot
        low, high = math.floor(low), max(math.ceil(high), math.floor(low) + 1)
    elif high <= low:
        low, high = low - 0.5, high + 0.5

    def across(iteration: float) -> float:
        return _LEFT + (_WIDTH - _LEFT - 8) * iteration / last

    def down(value: float) -> float:
        return _TOP + (_HEIGHT - _TOP - _BOTTOM) * (high - value) / (high - low)

    marks = []
    for tick in _ticks(low, high, log):
        words = f"{10.0**tick:g}" if log else f"{tick:.3g}"
        y = down(tick)
        marks.append(f'<line x1="{_LEFT}" x2="{_WIDTH - 8}" y1="{y:.1f}" y2="{y:.1f}" class="asm-grid"/>')
        marks.append(f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{words}</text>')
    marks.append(f'<text x="{_WIDTH - 8}" y="{_TOP + 12}" text-anchor="end">loss</text>')
    marks.append(f'<text x="{_LEFT}" y="{_HEIGHT - 6}">0</text>')
    marks.append(f'<text x="{_WIDTH - 8}" y="{_HEIGHT - 6}" text-anchor="end">iteration {len(losses) - 1}</text>')
    line = " ".join(f"{across(i):.1f},{down(v):.1f}" for (i, _), v in zip(kept, values, strict=True))
    x, y = across(kept[-1][0]), down(values[-1])
    words = html.escape(
        f"loss against iteration: {losses[0]:.4g} at first, {kept[-1][1]:.4g} at iteration {len(losses) - 1}"
    )
    return (
        f'<svg class="asm-curve" viewBox="0 0 {_WIDTH} {_HEIGHT}" width="{_WIDTH}" height="{_HEIGHT}" role="img" '
        f'aria-label="{words}">{"".join(marks)}<polyline points="{line}"/>'
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5"/></svg>'
    )


def _ticks(low: float, high: float, log: bool) -> list[float]:
    if not log:
        return [low, (low + high) / 2, high]
    step = max(1, math.ceil((high - low) / 4))
    return [float(decade) for decade in range(int(low), int(high) + 1, step)]
