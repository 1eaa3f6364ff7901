"""Weights of three losses under sliders, beside the mouths of a film and those that a fit finds. Lesson 16."""

from __future__ import annotations

import ipywidgets
import torch
from torch import Tensor

from asm_teach.beyond.mouth.films import Film, Weights, fit_film, lipread_loss
from asm_teach.beyond.mouth.lip_readers import VISEMES, LipReader, OtherLipReader, windows
from asm_teach.beyond.mouth.mouth_crops import Mouth
from asm_teach.widgets.base.colours import png
from asm_teach.widgets.base.shown import unseen
from asm_teach.widgets.base.told import Told

CROPS, STEPS = 9, 25  # of a fit: it takes about a second
LOSSES = {"landmarks": (1.0, 2.0, 0.1), "photometric": (0.0, 120.0, 10.0), "lip reader": (0.0, 40.0, 5.0)}
"""For each loss its weight at first, the largest one, and a step."""
_ENLARGED = 3  # pixels of the page for one of a crop


class LossMixer(Told):
    """Mix landmarks, grey values and a lip reader's features; nine crops of a film are fitted again each time.

    Above stand the given crops, below the fitted ones, in the head's own skin. The words tell how far the lips are from
    the truth, what the lip reader that judges finds in the five crops that have two neighbours on either side, and the
    loss of the one that was fitted with.

        mixer = LossMixer(mouth, film, points, load_lip_reader("A"), load_lip_reader("B"))
        mixer

    Args:
        mouth: of the head that the film was drawn with.
        film: nine crops or more, with the true amounts.
        points: (T, 20, 2) pixels, a detector's.
        reader: whose features may count.
        judge: another one, which only reads.

    Raises:
        ValueError: a film of fewer crops, or points of another length.
    """

    def __init__(
        self, mouth: Mouth, film: Film, points: Tensor, reader: LipReader, judge: OtherLipReader | LipReader
    ) -> None:
        if len(film.crops) < CROPS:
            raise ValueError(f"film has {len(film.crops)} crops: give {CROPS} or more")
        if len(points) != len(film.crops):
            raise ValueError(f"points has {len(points)} rows for {len(film.crops)} crops: give one for each")
        self.mouth, self.film, self.points, self.reader, self.judge = mouth, film, points, reader, judge
        self.sliders = {name: self._slider(name) for name in LOSSES}
        last = len(film.crops) - CROPS
        self.place = ipywidgets.IntSlider(
            value=last // 2, min=0, max=last, description="first crop", continuous_update=False
        )
        self.place.observe(self._moved, "value")
        size = _ENLARGED * film.crops.shape[-1]
        self.picture = ipywidgets.Image(format="png", width=CROPS * size, height=2 * size)
        self._said = ipywidgets.HTML()
        self.amounts = torch.zeros(CROPS, film.amounts.shape[1])
        super().__init__(children=[unseen(), self.picture, *self.sliders.values(), self.place, self._said])
        self._draw()

    def _slider(self, name: str) -> ipywidgets.FloatSlider:
        value, most, step = LOSSES[name]
        slider = ipywidgets.FloatSlider(
            value=value, min=0, max=most, step=step, description=name, continuous_update=False,
            style={"description_width": "90px"},
        )  # fmt: skip
        slider.observe(self._moved, "value")
        return slider

    def mix(self, landmarks: float, photometric: float, lip_reader: float) -> None:
        """Set the three weights and fit.

        Raises:
            ValueError: a weight below zero or above its slider's end, or all three zero.
        """
        wanted = dict(zip(LOSSES, (landmarks, photometric, lip_reader), strict=True))
        for name, value in wanted.items():
            if not 0 <= value <= LOSSES[name][1]:
                raise ValueError(f"{name} is {value}: give a weight from 0 to {LOSSES[name][1]:g}")
        if not any(wanted.values()):
            raise ValueError("all weights are 0: nothing is left to fit by; give one of them more")
        self._set({self.sliders[name]: value for name, value in wanted.items()})

    def _draw(self) -> None:
        landmarks, photometric, reader = (slider.value for slider in self.sliders.values())
        if not landmarks and not photometric and not reader:
            self._say("all weights are 0: nothing is left to fit by; move one of the sliders", trouble=True)
            return
        rows = slice(self.place.value, self.place.value + CROPS)
        film = self.film._replace(
            crops=self.film.crops[rows], amounts=self.film.amounts[rows], visemes=self.film.visemes[rows]
        )
        weights = Weights(landmarks, landmarks, photometric, reader)
        self.amounts = fit_film(self.mouth, film, self.points[rows], weights, self.reader, STEPS)
        with torch.no_grad():
            drawn = self.mouth.draw(self.amounts, film.view, self.mouth.skin(), film.light)
            moved = self.mouth.vertices(self.amounts - film.amounts, torch.zeros_like(film.view.rest))
            away = self.mouth.landmarks.points(moved, self.mouth.faces).norm(dim=-1).mean()
            loss = lipread_loss(self.reader.features(windows(drawn)), self.reader.features(windows(film.crops)))
            found, given = (self.judge(windows(x)).argmax(1).tolist() for x in (drawn, film.crops))
        self._show(film.crops, drawn)
        names, spoken = list(VISEMES), film.visemes[2:-2].tolist()
        words = [", ".join(names[k] for k in row) for row in (spoken, given, found)]
        right = sum(a == b for a, b in zip(found, spoken, strict=True))
        self._say(
            f"lips {away:.1f} mm off; spoken: {words[0]}; B reads in the film: {words[1]}; in the fit: {words[2]} "
            f"({right} of {len(spoken)} right); A's loss {loss:.2f}"
        )

    def _show(self, given: Tensor, drawn: Tensor) -> None:
        bright = float(given.quantile(0.99)), float(drawn.quantile(0.99))
        rows = [torch.cat(list(x), 1) / top for x, top in zip((given, drawn), bright, strict=True)]
        large = torch.cat(rows).clamp(0, 1).repeat_interleave(_ENLARGED, 0).repeat_interleave(_ENLARGED, 1)
        self.picture.value = png((255 * large).byte().numpy())

    def still(self) -> bytes:
        """Given and fitted crops, for a page without a kernel."""
        return bytes(self.picture.value)
