"""The derivative along a line as a small plot: steps, with a jump at every edge."""

from __future__ import annotations

import math

import numpy as np
from matplotlib.ticker import MaxNLocator

from asm_teach.widgets.binding_explorer.facts import Line

# Okabe and Ito's colours; the pattern of the line tells them apart too.
_SERIES = (("x", "#d55e00", ""), ("y", "#0072b2", "7 3"), ("z", "#009e73", "2 2"))
_HEIGHT, _LEFT, _RIGHT, _TOP, _BOTTOM = 124, 64, 86, 22, 34


def line_plot(line: Line, width: int) -> str:
    """An SVG of d pivot / dt (mm per chart unit) over t (chart units); grey where the line is off the chart."""
    ends, slopes = line.ends.numpy(), line.slopes.numpy()
    known = slopes[np.isfinite(slopes)]
    low, high = (float(known.min()), float(known.max())) if known.size else (-1.0, 1.0)
    ticks = MaxNLocator(nbins=3, steps=[1, 2, 2.5, 5, 10]).tick_values(min(low, 0.0), max(high, 0.0))

    def x(t: float) -> float:
        return _LEFT + (t - ends[0]) / (ends[-1] - ends[0]) * (width - _LEFT - _RIGHT)

    def y(value: float) -> float:
        return _HEIGHT - _BOTTOM - (value - ticks[0]) / (ticks[-1] - ticks[0]) * (_HEIGHT - _BOTTOM - _TOP)

    parts = [f'<text x="{_LEFT}" y="14">dψ/dt along the line, mm per chart unit; each thin line is an edge</text>']
    for left, right, slope in zip(ends[:-1], ends[1:], slopes[:, 0], strict=True):
        if not math.isfinite(slope):
            parts.append(_box(x(left), x(right), "off the chart"))
    for tick in ticks:
        parts.append(_rule(_LEFT, width - _RIGHT, y(tick), y(tick), 0.15))
        parts.append(f'<text x="{_LEFT - 6}" y="{y(tick) + 4:.1f}" text-anchor="end">{tick:g}</text>')
    for t in ends[1:-1]:
        parts.append(_rule(x(t), x(t), _TOP, _HEIGHT - _BOTTOM, 0.3))
    for t in MaxNLocator(nbins=8, steps=[1, 2, 5, 10]).tick_values(ends[0], ends[-1]):
        if ends[0] <= t <= ends[-1]:
            parts.append(f'<text x="{x(t):.1f}" y="{_HEIGHT - 22}" text-anchor="middle">{t:.4g}</text>')
    parts.append(f'<text x="{width - _RIGHT}" y="{_HEIGHT - 6}" text-anchor="end">t along the line, chart units</text>')
    here = slopes[line.here]
    names = _apart([y(value) for value in slopes[-1] if math.isfinite(value)])
    for c, (name, colour, dashes) in enumerate(_SERIES):
        path = ""
        for i, value in enumerate(slopes[:, c]):
            if math.isfinite(value):
                joined = i > 0 and math.isfinite(slopes[i - 1, c])
                path += f"{'V' if joined else f'M{x(ends[i]):.1f} '}{y(value):.1f}H{x(ends[i + 1]):.1f}"
        style = f'fill="none" stroke="{colour}" stroke-width="2.2" stroke-dasharray="{dashes}"'
        parts.append(f'<path d="{path}" {style}/>')
        if math.isfinite(here[c]):
            parts.append(f'<circle cx="{x(0):.1f}" cy="{y(here[c]):.1f}" r="4.5" fill="{colour}" stroke="#fff"/>')
        if names:
            at = names[c]
            parts.append(
                f'<line x1="{width - _RIGHT + 8}" x2="{width - _RIGHT + 30}" y1="{at - 4:.1f}" y2="{at - 4:.1f}" '
                f'stroke="{colour}" stroke-width="2.2" stroke-dasharray="{dashes}"/>'
                f'<text x="{width - _RIGHT + 35}" y="{at:.1f}">{name} {here[c]:.0f}</text>'
            )
    parts.append(_rule(x(0), x(0), _TOP, _HEIGHT - _BOTTOM, 0.9))
    parts.append(f'<text x="{width - _RIGHT + 8}" y="14">at t = 0</text>')
    words = f"derivative of the pivot along the line, {len(ends) - 2} edges; the words above give the nearest jump"
    size = f'viewBox="0 0 {width} {_HEIGHT}" width="{width}" height="{_HEIGHT}"'
    return f'<div class="asm-plot"><svg role="img" aria-label="{words}" {size}>{"".join(parts)}</svg></div>'


def _rule(x1: float, x2: float, y1: float, y2: float, opacity: float) -> str:
    place = f'x1="{x1:.1f}" x2="{x2:.1f}" y1="{y1:.1f}" y2="{y2:.1f}"'
    return f'<line {place} stroke="currentColor" stroke-opacity="{opacity}"/>'


def _box(left: float, right: float, words: str) -> str:
    height = _HEIGHT - _BOTTOM - _TOP
    box = (
        f'<rect x="{left:.1f}" y="{_TOP}" width="{right - left:.1f}" height="{height}" fill="#9e9e9e" opacity="0.35"/>'
    )
    middle = f'x="{(left + right) / 2:.1f}" y="{_TOP + height / 2:.1f}" text-anchor="middle"'
    return box + (f"<text {middle}>{words}</text>" if right - left > 70 else "")


def _apart(places: list[float], gap: float = 14) -> list[float]:
    """The same places, pushed apart so that text of this height does not overlap."""
    order = np.argsort(places)
    out = np.array(places, dtype=float)
    for one, next_ in zip(order[:-1], order[1:], strict=True):
        out[next_] = max(out[next_], out[one] + gap)
    return [float(one) + 4 for one in out]
