"""What every widget brings to the page: its looks, its keys, its words, and the picture that stands for it at rest."""

from __future__ import annotations

import base64
import html
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import anywidget
import ipywidgets
from IPython.display import display

_HERE = Path(__file__).parent
STYLE = f"<style>{(_HERE / 'shown.css').read_text('utf-8')}</style>"


class Keys(anywidget.AnyWidget):
    """Shows nothing: from then on the keys pressed in any widget of the page stay there."""

    _esm = (_HERE / "keys.js").read_text("utf-8")

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
