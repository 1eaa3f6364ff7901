"""How much reversal, against what a reader reads and whom it still knows: recorded runs under a slider. Lesson 14."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import ipywidgets
import torch
from torch import Tensor

from asm_teach.drawing.plots import NotebookFigure, new_figure
from asm_teach.widgets.base.shown import Shown, read_out, unseen

READS, KNOWS = "F1, new people", "probe"
_COLOURS = {READS: "#2166ac", KNOWS: "#b2182b"}
_WORDS = {READS: "F1 on new people", KNOWS: "people that a fresh probe names"}


class ShortcutExplorer(Shown, ipywidgets.VBox):
    """Move lambda, the strength of the gradient reversal, along runs that were recorded.

    Two curves, each the mean of the seeds with their spread: F1 of the units on new people, and the share of people
    that a fresh linear probe names. A mark stands at the chosen lambda, and the text says its numbers.

        explorer = ShortcutExplorer(record)
        explorer

    Args:
        record: what `data/recipe/shortcuts.py` wrote: the keys `lambdas` and `seeds`, and a run "lambda seed" for each
            pair of them.

    Raises:
        ValueError: a record in which a run is missing.
    """

    def __init__(self, record: Mapping[str, Any]) -> None:
        if missing := [key for key in ("lambdas", "seeds") if not record.get(key)]:
            raise ValueError(f"record has no {missing[0]}: give what stands in `shortcuts.json`")
        self.lambdas = [float(x) for x in record["lambdas"]]
        names = [[f"{x:g} {seed}" for seed in record["seeds"]] for x in self.lambdas]
        if lost := [name for row in names for name in row if not {READS, KNOWS} <= set(record.get(name, ()))]:
            raise ValueError(f"record has no whole run {lost[0]!r}: record every lambda with every seed")
        self.runs = {
            kind: torch.tensor([[record[name][kind] for name in row] for row in names]) for kind in (READS, KNOWS)
        }
        self.slider = ipywidgets.SelectionSlider(
            options=[(f"{x:g}", k) for k, x in enumerate(self.lambdas)], value=0, description="λ",
            layout={"width": "400px"},
        )  # fmt: skip
        self.slider.observe(lambda _: self._draw(), "value")
        self._shown, self._said = ipywidgets.Image(format="png"), ipywidgets.HTML()
        super().__init__(children=[unseen(), self.slider, self._shown, self._said])
        self._draw()

    def at(self, strength: float) -> None:
        """Put the slider to a lambda that was recorded. Raises ValueError for another one."""
        if strength not in self.lambdas:
            raise ValueError(f"strength {strength} was not recorded: choose from {', '.join(map(str, self.lambdas))}")
        self.slider.value = self.lambdas.index(strength)

    @property
    def text(self) -> str:
        """What is shown, in words."""
        k = self.slider.value
        f1, probe = (self._spread(self.runs[kind][k]) for kind in (READS, KNOWS))
        return f"λ = {self.lambdas[k]:g}: F1 on new people {f1}; a fresh probe names {probe} of the people"

    @staticmethod
    def _spread(values: Tensor) -> str:
        return f"{values.mean():.2f}" + (f" ± {values.std():.2f}" if len(values) > 1 else "")

    def _figure(self) -> NotebookFigure:
        figure, axes = new_figure(1, (560, 280))
        ax, places = axes[0, 0], range(len(self.lambdas))
        for kind, colour in _COLOURS.items():
            runs = self.runs[kind]
            middle, off = runs.mean(1), runs.std(1) if runs.shape[1] > 1 else torch.zeros(len(runs))
            ax.fill_between(places, middle - off, middle + off, color=colour, alpha=0.2, linewidth=0)
            ax.plot(places, middle, "o-" if kind == READS else "s--", color=colour, label=_WORDS[kind], markersize=4)
            ax.plot(self.slider.value, middle[self.slider.value], "o", color=colour, markersize=10)
        ax.axvline(self.slider.value, color="#888888", linewidth=0.8)
        ax.set_xticks(list(places), [f"{x:g}" for x in self.lambdas])
        ax.set(xlabel="λ, strength of the reversal", ylim=(0, 1))
        ax.legend(fontsize=8, frameon=False)
        return figure

    def _draw(self) -> None:
        self._shown.value = self.still()
        self._said.value = read_out(self.text)

    def still(self) -> bytes:
        """The two curves and the mark, as the bytes of a PNG file."""
        return self._figure().png()
