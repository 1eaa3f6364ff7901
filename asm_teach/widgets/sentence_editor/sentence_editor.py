"""A sentence, and a head before and after it from three sides, with what it gained and lost in mm. Lesson 18."""

from __future__ import annotations

import ipywidgets
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from asm_teach.beyond.captions import ATTRIBUTES
from asm_teach.beyond.driving.text_editor import STRENGTH, Editing, Person
from asm_teach.widgets.base.colours import png
from asm_teach.widgets.base.told import Told

SIDES = (-0.7, 0.0, 0.7)  # radians
_SIZE = 192  # pixels of each picture
_MOST = 100  # people to choose from
_WORTH = 0.3  # mm that an attribute has to change by to be named


class SentenceEditor(Told):
    """Write a sentence and press Enter: the upper row shows a head before it, the lower row after it, from three sides.

    Below stands what was understood, by how many millimetres each attribute changed, and how far the face at rest
    moved: the identity lost. A word that is not in the grammar is named, and nothing changes.

        editor = SentenceEditor(load_editing(head))
        editor

    Args:
        editing: what `load_editing` gives.
        sentence: to begin with.
        person: the number of a person, 0 to 99.
        strength: how far to go, 0 to 4.

    Raises:
        ValueError: a person or a strength beyond these.
    """

    def __init__(
        self, editing: Editing, *, sentence: str = "a face with a smile", person: int = 3, strength: float = STRENGTH
    ) -> None:
        self.editing = editing
        wide = {"style": {"description_width": "70px"}, "layout": {"width": "min(576px, 95%)"}}
        self.sentence = ipywidgets.Text(description="sentence", continuous_update=False, **wide)
        self.person = ipywidgets.IntSlider(min=0, max=_MOST - 1, description="person", continuous_update=False, **wide)
        self.strength = ipywidgets.FloatSlider(
            min=0, max=4, step=0.25, description="strength", continuous_update=False, **wide
        )
        self.picture = ipywidgets.Image(format="png", layout={"width": "min(576px, 95%)"})
        self._said = ipywidgets.HTML()
        super().__init__(children=[self.sentence, self.strength, self.person, self.picture, self._said])
        self.show(sentence, person, strength)
        for control in (self.sentence, self.person, self.strength):
            control.observe(self._moved, "value")

    def show(self, sentence: str, person: int | None = None, strength: float | None = None) -> None:
        """Set what is written, and who is edited how far; what is left out stays. Raises ValueError as the class."""
        person = self.person.value if person is None else person
        strength = self.strength.value if strength is None else strength
        if person not in range(_MOST):
            raise ValueError(f"person is {person!r}: give a whole number from 0 to {_MOST - 1}")
        if not 0 <= strength <= self.strength.max:
            raise ValueError(f"strength is {strength!r}: give a number from 0 to {self.strength.max:g}")
        self._set({self.sentence: sentence, self.person: person, self.strength: strength})

    def _draw(self) -> None:
        person, trouble = self.editing.space.person(self.person.value), ""
        after = person.w
        try:
            edited = self.editing.edit(person, self.sentence.value, self.strength.value)
        except ValueError as error:
            trouble = words = str(error).removeprefix("sentence: ")
        else:
            after, names = edited.w, list(ATTRIBUTES)
            said = ", ".join(f"{'much' if sign > 0 else 'little'}: {name}" for name, sign in edited.understood.items())
            order = edited.gained.abs().argsort(descending=True).tolist()
            gained = [f"{names[k]} {edited.gained[k]:+.1f} mm" for k in order if abs(edited.gained[k]) > _WORTH]
            words = (
                f"understood: {said or 'nothing to change'}; changed: {', '.join(gained) or 'nothing'}; "
                f"identity lost: {edited.lost:.2f} mm"
            )
        self.picture.value = png(self._drawn(person, after))
        self._say(words, trouble)

    @torch.no_grad()
    def _drawn(self, person: Person, after: Tensor) -> NDArray[np.uint8]:
        rows = []
        for w in (person.w, after):
            row = [self.editing.space.picture(person.base, w, person.tone, yaw, _SIZE) for yaw in SIDES]
            rows.append(torch.cat(row, 1))
        return (255 * torch.cat(rows)).round().byte().numpy()

    @property
    def text(self) -> str:
        """What is shown, in words."""
        return f"{self.sentence.value!r}; {self._words}; above before, below after, from three sides"

    def still(self) -> bytes:
        """The six pictures, for a page without a kernel."""
        return self.picture.value
