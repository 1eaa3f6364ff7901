"""What the two explorers share around their chart: looks, buttons, words, and the picture for a page at rest."""

from __future__ import annotations

import html
from collections.abc import Callable
from io import BytesIO

import ipywidgets
import numpy as np
from PIL import Image

from asm_teach.drawing import plots
from asm_teach.widgets.base import colours
from asm_teach.widgets.chart.chart import ChartView
from asm_teach.widgets.viewer.viewer import Viewer

STYLE = """<style>
.asm-explorer { max-width: 100%; }
.asm-explorer-views { gap: 16px; flex-flow: row wrap; align-items: flex-start; }
.asm-explorer .asm-row { gap: 6px 10px; flex-flow: row wrap; align-items: center; }
.asm-explorer .asm-row > *, .asm-explorer .asm-sliders > * { margin: 0; }
.asm-explorer .asm-sliders { gap: 2px 16px; flex-flow: row wrap; margin: 6px 0; }
.asm-explorer button { border-radius: 6px; }
.asm-explorer .widget-toggle-buttons button { padding: 0; margin: 0 4px 0 0; }
.asm-place { display: flex; flex-flow: row wrap; gap: 4px 20px; align-items: center; min-height: 108px;
  color: var(--jp-ui-font-color1, #333); }
.asm-place .asm-said { flex: 1 1 300px; }
.asm-top { display: grid; grid-template-columns: 130px 46px 164px; font-size: 12px; line-height: 18px;
  min-width: 340px; }
.asm-top b { font-variant-numeric: tabular-nums; }
.asm-top i { background: #0072b2; border-radius: 3px; height: 10px; align-self: center; }
.asm-plot { color: var(--jp-ui-font-color1, #333); }
.asm-plot text { fill: currentColor; font-size: 11px; font-variant-numeric: tabular-nums; }
</style>"""


def button(text: str, tooltip: str, action: Callable[[], None]) -> ipywidgets.Button:
    """A button as wide as its words."""
    one = ipywidgets.Button(description=text, tooltip=tooltip, layout={"width": "auto"})
    one.on_click(lambda _: action())
    return one


def read_out(words: str, trouble: str = "") -> str:
    """HTML of words that a screen reader says when they change; trouble comes first and stands out."""
    kind = "asm-trouble" if trouble else "asm-said"
    return f'<div class="{kind}" role="status" aria-live="polite">{html.escape(f"{trouble} {words}".strip())}</div>'


def side_by_side(chart: ChartView, viewer: Viewer) -> bytes:
    """Chart and face as one PNG."""
    figure, axes = plots.new_figure(1, (440, 440))
    chart.draw(axes[0, 0])
    pictures = [Image.open(BytesIO(one.png())).convert("RGB") for one in (figure, viewer.picture())]
    size = (sum(one.width for one in pictures), max(one.height for one in pictures))
    both = Image.new("RGB", size, pictures[1].getpixel((0, 0)))
    both.paste(pictures[0], (0, 0))
    both.paste(pictures[1], (pictures[0].width, 0))
    return colours.png(np.asarray(both))
