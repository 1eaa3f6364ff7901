"""Quizzes: questions with choices, answered in the notebook, with a reason for each choice afterwards.

A question is a field set of radio buttons: Tab reaches it, the arrow keys choose, and a button (or Enter) answers.
Words say whether the answer is right, in a region that screen readers read. Without a kernel the questions are text.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import ipywidgets

from asm_teach.course import record
from asm_teach.course.checks import checking
from asm_teach.course.question import QuestionForm, marked_up


@dataclass(frozen=True)
class Question:
    """A question of a quiz. Texts are plain; words in `backticks` are shown as code.

    Attributes:
        text: the question.
        choices: two or more.
        right: the index (from 0) of the right choice.
        why: the explanation for somebody who chose it, one for each choice.
    """

    text: str
    choices: tuple[str, ...]
    right: int
    why: tuple[str, ...]

    def __post_init__(self) -> None:
        if len(self.choices) < 2 or len(set(self.choices)) < len(self.choices):
            raise ValueError(f"choices of {self.text!r}: two or more that differ are expected")
        if not 0 <= self.right < len(self.choices):
            raise ValueError(f"right of {self.text!r}: {self.right} is not the index of one of its choices")
        if len(self.why) != len(self.choices):
            found = f"{len(self.why)} explanations for {len(self.choices)} choices"
            raise ValueError(f"why of {self.text!r}: {found}; give one for each")


def questions(text: str) -> tuple[Question, ...]:
    """Read questions as a teacher writes them, with a blank line between two::

        Which number is even?
        [ ] Three
            It leaves 1 when it is halved.
        [x] Four
            It is twice two.

    Raises:
        ValueError: a question without one choice marked as right, or a choice without a reason below it.
    """
    found = []
    for block in text.strip().split("\n\n"):
        asked, *parts = re.split(r"^\[([ x])\] ", block, flags=re.MULTILINE)
        marks, answers = parts[::2], [part.partition("\n") for part in parts[1::2]]
        if marks.count("x") != 1 or not all(why.strip() for _, _, why in answers):
            raise ValueError(f"{asked.strip()!r}: mark one choice as right by [x], and give a reason below each choice")
        why = tuple(_without_verdict(" ".join(why.split())) for _, _, why in answers)
        found.append(Question(" ".join(asked.split()), tuple(c for c, _, _ in answers), marks.index("x"), why))
    return tuple(found)


def _without_verdict(why: str) -> str:
    """A reason without the "Right:" before it: the box says so already."""
    said = why.removeprefix("Right: ")
    return why if said == why else said[:1].upper() + said[1:]


class QuestionBox(QuestionForm):
    """One question of a quiz in the page."""

    def __init__(self, lesson: str, number: int, question: Question) -> None:
        super().__init__(
            legend=f"<b>{number}.</b> {marked_up(question.text)}", choices=[marked_up(c) for c in question.choices]
        )
        self.lesson, self.number, self.question = lesson, number, question
        self.observe(self.answer, "presses")

    def answer(self, _: Any = None) -> None:
        """Judge what is chosen, say why, and note it."""
        if not 0 <= self.chosen < len(self.question.choices):
            self.said = "Choose one of the answers first."
            return
        ok = self.chosen == self.question.right
        verdict = "Right." if ok else "Not right."
        self.said = f"<b>{verdict}</b> {marked_up(self.question.why[self.chosen])}"
        self.state = "right" if ok else "wrong"
        record.note_quiz(self.lesson, self.number, ok)


class Quiz(ipywidgets.VBox):
    """All questions of a lesson, one under the other."""

    def __init__(self, lesson: str, questions: Sequence[Question]) -> None:
        self.questions = tuple(questions)
        self.boxes = tuple(QuestionBox(lesson, number, one) for number, one in enumerate(self.questions, 1))
        super().__init__(self.boxes)

    @property
    def right(self) -> int:
        """How many questions are answered correctly at the moment."""
        return sum(box.state == "right" for box in self.boxes)

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        bundle = super()._repr_mimebundle_(**kwargs)
        data = bundle[0] if isinstance(bundle, tuple) else bundle
        if data:
            data["text/plain"], data["text/html"] = self.text, self.still
        return bundle

    @property
    def text(self) -> str:
        """The questions and choices as plain text."""
        lines = []
        for number, one in enumerate(self.questions, 1):
            lines += [f"{number}. {one.text}", *(f"   ( ) {choice}" for choice in one.choices)]
        return "\n".join(lines)

    @property
    def still(self) -> str:
        """The questions and choices for a page without a kernel."""
        items = (
            f"<li>{marked_up(one.text)}<ul>{''.join(f'<li>{marked_up(c)}</li>' for c in one.choices)}</ul></li>"
            for one in self.questions
        )
        return f"<ol>{''.join(items)}</ol><p>Run the cell to answer.</p>"


def quiz(lesson: str) -> Quiz:
    """The quiz of a lesson, given by its number as its notebook has it: "05", or "00b" for the tensors.

    Raises:
        ValueError: if that lesson has no quiz.
    """
    known = {number: module.QUIZ for number, module in checking.lessons().items()}
    if lesson not in known:
        raise ValueError(f"lesson {lesson!r} has no quiz; there are {', '.join(map(repr, known))}")
    return Quiz(lesson, known[lesson])
