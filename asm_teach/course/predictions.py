"""Predictions: a learner writes down what will happen, and sees it again beside what did.

    predict("01.hinge")                                     # below the question: a line to write into
    predict("01.hinge", ["it stays", "a little", "far"])    # or choices

    happened("01.hinge", f"it moves by {away:.1f} mm")      # in the cell that shows it

A prediction is kept in the learner's record under its key: the lesson, a dot and a name. No prediction is right or
wrong, and none is marked.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from IPython.display import display

from asm_teach.course import record
from asm_teach.course.question import QuestionForm, marked_up

LONGEST = 400  # letters of a prediction


@dataclass(frozen=True)
class Outcome:
    """What happened, beside what the learner had predicted ("" for nothing); a notebook shows it as two lines."""

    predicted: str
    happened: str

    def __repr__(self) -> str:
        return "\n".join(f"{title}: {text}" for title, text in self._lines())

    def _repr_html_(self) -> str:
        style = "border-left: 4px solid #8a8f98; padding: 2px 8px; margin: 2px 0"
        return f'<div style="{style}">{self.marked_up}</div>'

    @property
    def marked_up(self) -> str:
        """The lines as HTML."""
        return "<br>".join(f"<b>{title}:</b> {marked_up(text)}" for title, text in self._lines())

    def _lines(self) -> list[tuple[str, str]]:
        before = [("You predicted", self.predicted)] if self.predicted else []
        return [*before, ("What happened", self.happened)]


class PredictionBox(QuestionForm):
    """Where a learner writes or chooses what will happen; what was kept before stands in it again."""

    def __init__(self, key: str, choices: Sequence[str] = ()) -> None:
        super().__init__(legend="<b>Your prediction</b>", choices=[marked_up(one) for one in choices], button="Keep")
        self.key, self.texts = key, tuple(choices)
        found = record.prediction(key)
        if text := found.get("said", ""):
            self.chosen = self.texts.index(text) if text in self.texts else -1
            self.written = text
            self.state = "kept"
            self.said = (
                Outcome(text, found["happened"]).marked_up if "happened" in found else f"Kept: {marked_up(text)}"
            )
        self.observe(self.keep, "presses")

    def keep(self, _: Any = None) -> None:
        """Note what is chosen or written, in place of what was kept before."""
        if self.texts:
            text = self.texts[self.chosen] if 0 <= self.chosen < len(self.texts) else ""
        else:
            text = " ".join(self.written.split())[:LONGEST]
        if not text:
            self.said = "Choose one of them first." if self.texts else "Write a few words first; a guess will do."
            return
        record.note_prediction(self.key, text)
        self.state, self.said = "kept", "Kept. Now run the next cells, and see."

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        bundle = super()._repr_mimebundle_(**kwargs)
        data = bundle[0] if isinstance(bundle, tuple) else bundle
        if data:  # for a page without a kernel
            data["text/plain"] = "\n".join(["Your prediction:", *(f"( ) {one}" for one in self.texts)])
            items = "".join(f"<li>{marked_up(one)}</li>" for one in self.texts)
            data["text/html"] = f"<p>Your prediction:</p><ul>{items}</ul>" if items else "<p>Your prediction: …</p>"
        return bundle


def predict(key: str, choices: Sequence[str] = ()) -> PredictionBox:
    """Ask for a prediction, in a cell below the question and before the cell that answers it.

    Args:
        key: the lesson and a name, such as "01.hinge"; `happened` has the same.
        choices: what to choose among, two or more; by default a line to write into.

    Raises:
        ValueError: a key of another form, or choices that are not two or more that differ.
    """
    _check(key)
    if isinstance(choices, str) or len(choices) == 1 or len(set(choices)) < len(choices):
        raise ValueError(f"choices of {key}: {choices!r}; give a list of two or more that differ, or none for a line")
    return PredictionBox(key, choices)


def happened(key: str, what: str) -> None:
    """Show what happened beside what the learner had predicted, and note it with the prediction.

    It is shown at once, so the call may stand anywhere in a cell.

    Args:
        key: that of `predict`.
        what: what happened, in a few words, with the figures that the cell has computed.

    Raises:
        ValueError: a key of another form.
    """
    _check(key)
    display(Outcome(record.note_outcome(key, what), what))


def _check(key: str) -> None:
    if not re.fullmatch(r"[a-z0-9_]+\.[a-z0-9_]+", key):
        raise ValueError(f"key: {key!r}; give the lesson, a dot and a name in small letters, such as '01.hinge'")
