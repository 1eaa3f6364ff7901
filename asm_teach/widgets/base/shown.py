"""What every widget brings to the page: its looks, its keys, its words, and the picture that stands for it at rest."""

from __future__ import annotations

import base64
import html
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import anywidget
import ipywidgets
from IPython.display import display

# Notebook 7 looks at every key before the page does (JupyterLab after it), and takes the arrow keys of a slider for its
# own in command mode. Both pass over an element with this attribute. The handle of a slider is what takes the focus,
# and ipywidgets writes its description beside it without telling a screen reader whose it is.
_KEYS = """
const name = (handle) => {
  const label = handle.closest(".widget-inline-hbox")?.querySelector(".widget-label");
  if (label && !handle.hasAttribute("aria-label")) handle.setAttribute("aria-label", label.textContent.trim());
};
const keep = (event) => {
  const widget = event.target.closest?.(".jupyter-widgets");
  if (!widget) return;
  event.target.setAttribute("data-lm-suppress-shortcuts", "true");
  if (event.target.getAttribute("role") === "slider") name(event.target);
};
export default { render() {
  if (!window.asmKeysKept) document.addEventListener("focusin", keep, true);
  window.asmKeysKept = true;
  // of the sliders around this view, which are put on the page together with it
  setTimeout(() => document.querySelectorAll(".jupyter-widgets [role=slider]").forEach(name), 500);
} };
"""


STYLE = """<style>
.asm-viewer { width: max-content; max-width: 100%; }
.asm-stage { position: relative; overflow: visible; border-radius: 10px; padding: 0;
  background: radial-gradient(ellipse at 50% 38%, #f7f8fa 0%, #e9ecf0 55%, #d3d8df 100%); }
.asm-stage canvas { display: block; }
.asm-stage > * { margin: 0; }
.asm-bar { flex-flow: row wrap; gap: 4px; margin-bottom: 4px; }
.asm-bar .widget-hbox { flex-flow: row wrap; gap: 4px; }
.asm-bar .asm-looks { flex: 1 1 auto; }
.asm-bar > *, .asm-bar .widget-hbox > * { margin: 0; }
.asm-bar button { border-radius: 6px; padding: 0 10px; }
.asm-bar .widget-dropdown { flex: 1 1 130px; max-width: 190px; margin-left: auto; }
.asm-overlay { position: absolute; top: 12px; right: 12px; margin: 0; pointer-events: none; }
.asm-names { display: flex; }
.asm-swatch { display: inline-block; width: 12px; height: 12px; border-radius: 3px; margin: 0 5px -1px 0; }
.asm-names span { flex: 1; text-align: center; font-weight: 600; color: var(--jp-ui-font-color1, #333); }
.asm-scale { border-radius: 8px; padding: 6px 8px; width: max-content; font-size: 12px; line-height: 1.35; }
.asm-overlay .asm-scale { background: rgba(255, 255, 255, 0.78); color: #2a3440; max-width: 104px; }
.asm-scale-body { display: flex; gap: 6px; margin: 10px 0 6px; }
.asm-scale-bar { width: 14px; height: 150px; border-radius: 3px; background: linear-gradient(to top, var(--stops)); }
.asm-scale-ticks { position: relative; width: 40px; font-variant-numeric: tabular-nums; line-height: 1; }
.asm-scale-ticks span { position: absolute; bottom: var(--at); transform: translateY(50%); }
.asm-below .asm-scale { display: flex; gap: 12px; align-items: flex-start; padding: 2px;
  color: var(--jp-ui-font-color1, #333); }
.asm-below .asm-scale-body { flex-direction: column; gap: 3px; margin: 2px 0 0; }
.asm-below .asm-scale-bar { width: 260px; height: 12px; background: linear-gradient(to right, var(--stops)); }
.asm-below .asm-scale-ticks { width: 260px; height: 14px; }
.asm-below .asm-scale-ticks span { bottom: 0; left: var(--at); transform: translateX(-50%); }
.asm-said, .asm-trouble { line-height: 1.4; padding: 2px 2px 4px; color: var(--jp-ui-font-color1, #333); }
.asm-trouble { border-left: 4px solid #c2410c; padding-left: 8px; }
.asm-panel { gap: 16px; flex-flow: row wrap; align-items: flex-start; }
.asm-controls { width: 304px; }
.asm-hint { font-size: 12px; line-height: 1.35; opacity: 0.75; margin: -4px 0 2px 88px; white-space: normal; }
.asm-fit { width: 336px; gap: 6px; color: var(--jp-ui-font-color1, #333); }
.asm-curve { font-size: 11px; fill: currentColor; overflow: visible; }
.asm-curve polyline { fill: none; stroke: #2166ac; stroke-width: 2; stroke-linejoin: round; }
.asm-curve circle { fill: #2166ac; }
.asm-curve .asm-grid { stroke: currentColor; opacity: 0.18; }
.asm-cameras { font-size: 11px; fill: currentColor; overflow: hidden; }
.asm-cameras .asm-ring { fill: none; stroke: currentColor; opacity: 0.18; }
.asm-cameras .asm-far { text-anchor: middle; opacity: 0.75; }
.asm-cameras .asm-head { fill: #deb399; stroke: currentColor; }
.asm-cameras .asm-sight { fill: none; stroke: #2166ac; stroke-width: 1.5; }
.asm-cameras circle { fill: #2166ac; }
.asm-cameras .asm-seat { fill: #fff; font-weight: 700; text-anchor: middle; }
.asm-facts { border-spacing: 0; line-height: 1.5; font-variant-numeric: tabular-nums; }
.asm-facts th { font-weight: 400; text-align: left; opacity: 0.75; padding: 0 14px 0 2px; }
@media (prefers-reduced-motion: reduce) {
  .asm-viewer *, .asm-panel *, .asm-explorer * { transition: none !important; animation: none !important; }
}
.asm-group { font-weight: 600; margin: 6px 0 0; color: var(--jp-ui-font-color1, #333); }
</style>"""


class Keys(anywidget.AnyWidget):
    """Shows nothing: from then on the keys pressed in any widget of the page stay there."""

    _esm = _KEYS

    def close(self) -> None:
        """Do nothing: it serves every view of the page, those to come as well."""


@cache
def keys() -> Keys:
    """The one of this kernel. A view that was closed at once would take one of its own away while the page loads it."""
    return Keys()


def unseen() -> ipywidgets.Box:
    """What a view brings onto the page without showing it: the looks, and the keeper of its keys."""
    return ipywidgets.Box([ipywidgets.HTML(STYLE), keys()], layout={"display": "none"})


def button(text: str, tooltip: str, action: Callable[[], None]) -> ipywidgets.Button:
    """A button as wide as its words."""
    one = ipywidgets.Button(description=text, tooltip=tooltip, layout={"width": "auto"})
    one.on_click(lambda _: action())
    return one


def bone_chooser(names: Sequence[str], bone: int, **looks: Any) -> ipywidgets.Dropdown:
    """A choice of one bone: the names, whose values are the indices."""
    options = [(name, index) for index, name in enumerate(names)]
    return ipywidgets.Dropdown(options=options, value=bone, description="bone", **looks)


def read_out(words: str, trouble: object = "") -> str:
    """HTML of words that a screen reader says when they change; with trouble they stand out."""
    kind = "asm-trouble" if trouble else "asm-said"
    return f'<div class="{kind}" role="status" aria-live="polite">{html.escape(words)}</div>'


class Shown:
    """Before a widget among the bases of a class: its `text` and its `still` are what a page without a kernel shows.

    The still takes longer to draw than the live view needs to appear, so it is sent second, beside a view of a widget
    that shows nothing: a live page prefers the widget in both, a saved page has the picture once.
    """

    @property
    def text(self) -> str:
        """What is shown, in words."""
        raise NotImplementedError

    def still(self) -> bytes:
        """The bytes of a PNG file."""
        raise NotImplementedError

    def _stands_for_it(self) -> dict[str, Any]:
        return {"text/plain": self.text, "image/png": base64.b64encode(self.still()).decode()}

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        return {**_view(self), **self._stands_for_it()}

    def _ipython_display_(self) -> None:
        display(_view(self), raw=True)
        display({**_view(keys()), **self._stands_for_it()}, raw=True)


def _view(widget: Any) -> dict[str, Any]:
    return {
        "application/vnd.jupyter.widget-view+json": {
            "version_major": 2,
            "version_minor": 0,
            "model_id": widget.model_id,
        }
    }
