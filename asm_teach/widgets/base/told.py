"""Widgets whose picture follows their controls, with a sentence below that says what is seen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import ipywidgets

from asm_teach.widgets.base.shown import Shown, read_out


class Told(Shown, ipywidgets.VBox):
    """Controls, what they draw, and a sentence that says it. A subclass makes `_said`, and draws and says in `_draw`.

    A `viewer` that it has is closed with it.
    """

    _said: ipywidgets.HTML
    _words = ""
    _held = False

    def _draw(self) -> None:
        raise NotImplementedError

    def _moved(self, _: object = None) -> None:
        if not self._held:
            self._draw()

    def _set(self, values: Mapping[ipywidgets.Widget, Any]) -> None:
        """Set several controls, and draw once."""
        self._held = True
        for control, value in values.items():
            control.value = value
        self._held = False
        self._draw()

    def _say(self, words: str, trouble: object = "") -> None:
        self._words = words
        self._said.value = read_out(words, trouble)

    @property
    def text(self) -> str:
        """What is shown, in words."""
        return self._words

    def close(self) -> None:
        """Close the widget with its view."""
        if hasattr(self, "viewer"):  # one that was refused while it was made has none
            self.viewer.close()
        super().close()
