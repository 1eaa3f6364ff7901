"""How a widget comes onto the page: itself at once, then the picture that stands for it where none can be shown."""

from __future__ import annotations

import base64
from typing import Any

from IPython.display import display

from asm_teach.widgets.base.keys import keys


class Shown:
    """Before a widget among the bases of a class: its `text` and its `still` are what a page without a kernel shows.

    The still takes longer to draw than the live view needs to appear, so it is sent second, beside a view of a widget
    that shows nothing: a live page prefers the widget in both, a saved page has the picture once.
    """

    text: str

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
