"""What a view shows, in words: read by eye, by a screen reader, and on pages without a 3D view."""

from __future__ import annotations

import html

import ipywidgets
import numpy as np

from asm_teach.widgets.base.shown import read_out
from asm_teach.widgets.viewer.colouring import Colouring
from asm_teach.widgets.viewer.orbit import Orbit
from asm_teach.widgets.viewer.stage import Stage


class Readout:
    """The text under a view.

    Attributes:
        box: the widget; a screen reader announces its changes.
        note: words about the last thing that was done; they stay until the next ones.
        trouble: what went wrong, in a sentence; empty when all is well.
    """

    def __init__(self, stage: Stage, colouring: Colouring, orbit: Orbit, width: int) -> None:
        self.note, self.trouble = "", ""
        self.box = ipywidgets.HTML(layout={"width": f"{width}px"}).add_class("asm-status")
        self.more = ipywidgets.HTML(layout={"width": f"{width}px"}).add_class("asm-more")
        self._stage, self._colouring, self._orbit = stage, colouring, orbit
        self._rest = {name: surface.vertices for name, surface in stage.surfaces.items()}

    @property
    def displacement(self) -> float:
        """How far, in mm, the vertex that moved most is from where it was at first."""
        far = 0.0
        for name, surface in self._stage.surfaces.items():
            moved = surface.vertices - self._rest[name]
            far = max(far, float(np.einsum("ij,ij->i", moved, moved).max()))
        return far**0.5

    @property
    def _changed(self) -> list[str]:
        """What a person has done: the bone, the note, how far the mesh moved, and from where it is seen."""
        chosen = self._colouring
        words = [f"bone {chosen.bone_name}"] if chosen.bone is not None and chosen.mode != "weights" else []
        words.append(self.note)
        if chosen.bone is not None or self.displacement > 0:
            words.append(f"largest displacement {self.displacement:.2f} mm")
        edges = "with edges" if any(one.edges.visible for one in self._stage.surfaces.values()) else ""
        return [*words, chosen.words, self._orbit.words, edges, self._stage.marks.words]

    @property
    def _facts(self) -> list[str]:
        """What the view shows at any time: how large the meshes are, and how they are drawn."""
        surfaces = self._stage.surfaces
        several = len(surfaces) > 1
        meshes = [
            f"{f'{name}: ' if several else ''}{len(s.vertices):,} vertices, {len(s.faces):,} faces"
            + ("" if s.uv is not None else ", no UV")
            for name, s in surfaces.items()
        ]
        words = ["; ".join(meshes) + (", one over the other" if self._stage.overlay and several else "")]
        return [*words, self._stage.words]

    @property
    def text(self) -> str:
        """What the view shows, in words."""
        words = _joined([*self._changed, *self._facts])
        return words + (f". {self.trouble}" if self.trouble else "")

    def say(self) -> None:
        """Bring the words on the page up to date: what changed, and the rest folded."""
        told = _joined(self._changed) + (f". {self.trouble}" if self.trouble else "")
        facts = html.escape(_joined(self._facts))
        for widget, value in (
            (self.box, read_out(told, self.trouble)),
            (self.more, f'<details class="asm-said"><summary>The mesh in numbers</summary>{facts}</details>'),
        ):
            if widget.value != value:  # a fold that a person has opened stays open
                widget.value = value


def _joined(words: list[str]) -> str:
    return " · ".join(filter(None, words))
