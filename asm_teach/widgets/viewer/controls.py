"""The row of buttons and choices above a 3D view. Each has a name, a tab stop and works by keyboard."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import ipywidgets

from asm_teach.drawing import still
from asm_teach.widgets.base.shown import button

if TYPE_CHECKING:
    from asm_teach.widgets.viewer.viewer import Viewer

_TURNS = ((-10, 0), (10, 0), (0, 10), (0, -10))  # degrees to the person's left and up, for each press of an arrow key
_NAMES = {"uv": "UV", "bones": "all bones"}


class ControlBar:
    """Buttons for the camera, switches for the surface and the names, and the choice of colours.

    Attributes:
        box: the widget.
        colours: the choice of colours.
        flat, wire, names: the switches.
    """

    def __init__(self, view: Viewer, width: int, *, flat: bool) -> None:
        buttons = [button(name.capitalize(), f"{name} view", partial(view.view, name)) for name in still.VIEWS]
        buttons += [
            button("−", "zoom out", lambda: view.zoom(1 / 1.25)).add_class("asm-key-5"),
            button("+", "zoom in", lambda: view.zoom(1.25)).add_class("asm-key-4"),
            button("Reset", "front view at the original size", lambda: view.view("reset")).add_class("asm-key-6"),
        ]
        # what the arrow keys on the canvas press, in the order of `keys.js`: left, right, up, down
        turns = [button("turn", "turn the view", partial(view.turn, *by)) for by in _TURNS]
        for number, one in enumerate(turns):
            one.add_class(f"asm-key-{number}").layout.display = "none"
        self._offering = False
        self.flat = self._switch("Facets", "shade each triangle flat", view.facets, flat)
        self.wire = self._switch("Edges", "draw the edges of the triangles", view.wireframe, False)
        self.names = self._switch(
            "Names", "label every bone that fits", lambda on: view.name_bones("all" if on else "selected"), False
        )
        self.names.layout.display = "none"
        self.colours = ipywidgets.Dropdown(
            description="colours", layout={"width": "auto"}, style={"description_width": "52px"}
        )
        self.colours.observe(lambda change: self._chosen(change, view.colour_by), "value")
        looks = ipywidgets.HBox([self.flat, self.wire, self.names, self.colours]).add_class("asm-looks")
        self.box = ipywidgets.HBox([ipywidgets.HBox([*buttons, *turns]), looks], layout={"width": f"{width}px"})
        self.box.add_class("asm-bar")

    def offer(self, modes: Sequence[str], mode: str) -> None:
        """List these colours, with `mode` chosen."""
        self._offering = True
        options = tuple((_NAMES.get(one, one), one) for one in modes)
        if self.colours.options != options:
            self.colours.options = options
        self.colours.value = mode
        self._offering = False

    def offer_names(self, there: bool) -> None:
        """Show the switch for names only where bones have any."""
        self.names.layout.display = "" if there else "none"

    def set(self, switch: ipywidgets.ToggleButton, on: bool) -> None:
        """Let a switch show what code has chosen."""
        self._offering = True
        switch.value = bool(on)
        self._offering = False

    def _switch(self, text: str, tooltip: str, action: Callable[[bool], None], on: bool) -> ipywidgets.ToggleButton:
        switch = ipywidgets.ToggleButton(value=on, description=text, tooltip=tooltip, layout={"width": "auto"})
        switch.observe(lambda change: self._chosen(change, action), "value")
        return switch

    def _chosen(self, change: Mapping[str, Any], action: Callable[[Any], None]) -> None:
        if not self._offering and change["new"] is not None:
            action(change["new"])
