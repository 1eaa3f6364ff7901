"""Exercises: a checker says that an answer is right, or what is wrong with it and where to look.

A module `lessonNN.py` registers its checkers:

    @exercise("the direction", "the formula", "half of the code")
    def nme(function) -> str | None:
        return None if ... else "that is a share; in per cent it is 100 times as much"

and the notebook calls `check.nme(nme)`. This module turns an exception of the answer, or an answer that is still empty,
into words, so a checker deals with its subject alone.
"""

from __future__ import annotations

import html
import pkgutil
import types
import weakref
from collections.abc import Callable
from dataclasses import dataclass, replace
from difflib import get_close_matches
from importlib import import_module
from typing import Any

from asm_teach.base.files import PACKAGE
from asm_teach.course import record
from asm_teach.course.checks.comparing import Mistake
from asm_teach.course.checks.confirming import listening
from asm_teach.course.checks.draws import other_inputs
from asm_teach.course.checks.stopping import NOTHING, in_words
from asm_teach.course.checks.watching import Call, ignored, is_empty, is_function, told, watched

VERDICT = "application/vnd.asm-teach.verdict+json"  # by this a marking program finds a verdict among a cell's outputs
_TODO = "write your answer, run your cell, then run this check"
_SEEDS = (1, 2, 3)  # of the other inputs that a diagnosis has to hold for as well
_PATIENCE = 3  # tries before a hint is offered
Checker = Callable[..., "str | None"]
Function = Callable[..., Any]  # an answer that a checker calls


class Right(str):
    """A checker may return this instead of None: the answer is right, and here is something worth adding."""


@dataclass(frozen=True)
class Verdict:
    """Whether an answer is right, and a sentence about it. A notebook shows it as one line, with a note below.

    Attributes:
        note: what may help: the input that was tried last, a hint that is offered.
    """

    ok: bool
    message: str
    note: str = ""

    def __bool__(self) -> bool:
        return self.ok

    @property
    def _line(self) -> str:
        if self.message == NOTHING:
            return f"{NOTHING}: {_TODO}"
        return self.message if self.ok else f"not yet: {self.message}"

    def __repr__(self) -> str:
        return "\n".join(filter(None, (self._line, self.note)))

    def _repr_html_(self) -> str:
        colour, mark = ("#2166ac", "✓") if self.ok else ("#b35806", "…" if self.message == NOTHING else "✗")
        style = f"border-left: 4px solid {colour}; padding: 2px 8px; margin: 2px 0"
        note = f"<br><small>{html.escape(self.note)}</small>" if self.note else ""
        return f'<div role="status" style="{style}">{mark} {html.escape(self._line)}{note}</div>'

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        return {VERDICT: {"ok": self.ok, "message": self.message}}


@dataclass(frozen=True)
class Hint:
    """One of the hints of an exercise, counted from 1."""

    exercise: str
    number: int
    of: int
    text: str

    def __repr__(self) -> str:
        return f"Hint {self.number} of {self.of}: {self.text}"

    def _repr_markdown_(self) -> str:
        more = "" if self.number < self.of else " That was the last one."
        return f"**Hint {self.number} of {self.of}.** {self.text}{more}"


@dataclass(frozen=True)
class Exercise:
    """One registered exercise."""

    name: str
    lesson: str
    hints: tuple[str, ...]
    checker: Checker

    def __call__(self, *answers: Any) -> Verdict:
        """Judge an answer and record the try. Whatever the answer is or does, this raises nothing."""
        verdict = self.judge(*answers)
        if verdict.message == NOTHING:
            return verdict
        tries, hints = record.note_try(self.name, verdict.ok)
        if verdict.ok:
            return verdict
        notes = [verdict.note]
        if _same_as_before(self.name, answers):
            notes.append(
                "This is the function that was checked last. If you changed it: run your cell, then the check."
            )
        if tries >= _PATIENCE and hints < len(self.hints):
            notes.append(f'Stuck? hint("{self.name}") gives you a hint.')
        return replace(verdict, note=" ".join(filter(None, notes)))

    def judge(self, *answers: Any) -> Verdict:
        """Judge an answer without recording the try. A diagnosis is given only if it holds for other inputs as well."""
        if all(map(is_empty, answers)):
            return Verdict(False, NOTHING)
        if self._wants_function and not any(map(callable, answers)):
            found = type(answers[0]).__name__
            return Verdict(
                False, f"a function is expected, found {found}: give the function itself, without calling it"
            )
        calls: list[Call] = []
        verdict, names = self._ask(answers, calls)
        function = next(filter(is_function, answers), None)
        if verdict.ok or verdict.message == NOTHING or function is None:
            return verdict
        struck: frozenset[str] = frozenset()
        while names and not self._holds(names[-1], answers):
            struck |= {names[-1]}
            calls = []
            verdict, names = self._ask(answers, calls, struck)
        if not names and (unused := ignored(function, calls, self._other_calls(answers))):
            verdict = Verdict(False, f"{verdict.message}; your answer does not depend on {' and '.join(unused)}")
        return replace(verdict, note=f"Tried last: {told(self.name, function, calls[-1])}." if calls else "")

    @property
    def _wants_function(self) -> bool:
        return next(iter(self.checker.__annotations__.values()), "") in ("Function", "Face")

    def _ask(
        self,
        answers: tuple[Any, ...],
        calls: list[Call],
        struck: frozenset[str] = frozenset(),
        only: str | None = None,
    ) -> tuple[Verdict, list[str]]:
        """What the checker says, and which of the mistakes that it recognised are in the verdict."""
        with listening(struck, only) as names:
            try:
                said = self.checker(*(watched(answer, calls) for answer in answers))
            except Mistake as mistake:
                said = str(mistake)
            except Exception as error:  # whatever an answer can do wrong
                said = in_words(error)
        if said is None or isinstance(said, Right):
            return Verdict(True, f"right: {said}" if said else "right"), []
        return Verdict(False, said), [name for name in names if name in said]

    def _holds(self, name: str, answers: tuple[Any, ...]) -> bool:
        """Whether the same mistake is recognised with other inputs."""
        for seed in _SEEDS:
            with other_inputs(seed):
                if name not in self._ask(answers, [], only=name)[1]:
                    return False
        return True

    def _other_calls(self, answers: tuple[Any, ...]) -> list[Call]:
        """The first call of the answer with each of the other inputs."""
        found = []
        for seed in _SEEDS:
            with other_inputs(seed):
                calls: list[Call] = []
                self._ask(answers, calls)
                found += calls[:1]
        return found


_CHECKED: dict[str, weakref.ref[Any]] = {}  # exercise -> the function that was checked last


def _same_as_before(name: str, answers: tuple[Any, ...]) -> bool:
    """Whether the very function was checked before, so that its cell has not been run since."""
    function = next(filter(is_function, answers), None)
    if function is None:
        return False
    before = _CHECKED.get(name)
    _CHECKED[name] = weakref.ref(function)
    return before is not None and before() is function


_EXERCISES: dict[str, Exercise] = {}  # filled as the modules lessonNN are imported


def exercise(*hints: str) -> Callable[[Checker], Checker]:
    """Register the decorated checker under its own name, for `check.NAME` and `hint("NAME")`.

    Args:
        hints: three: the direction, the formula, half of the code. The checker's module tells the lesson.

    Raises:
        ValueError: if there are not three hints, or another lesson has an exercise of that name.
    """

    def register(checker: Checker) -> Checker:
        name = checker.__name__
        if len(hints) != 3:
            raise ValueError(f"hints of {name}: three are expected (direction, formula, half of the code)")
        if name in _EXERCISES and _EXERCISES[name].checker.__module__ != checker.__module__:
            raise ValueError(f"exercise {name}: lesson {_EXERCISES[name].lesson} has one of that name; choose another")
        lesson = checker.__module__.rpartition(".lesson")[2]
        _EXERCISES[name] = Exercise(name, lesson, hints, checker)
        return checker

    return register


def lessons() -> dict[str, types.ModuleType]:
    """Import the modules of the lessons; the result maps a number, such as "05" or "00b", to a module."""
    room = "asm_teach.course.lessons."
    found = [m.name for m in pkgutil.walk_packages([str(PACKAGE / "course" / "lessons")], room) if not m.ispkg]
    return {name.rpartition(".lesson")[2]: import_module(name) for name in sorted(found, key=_name_of_module)}


def _name_of_module(name: str) -> str:
    return name.rpartition(".")[2]


def exercises() -> dict[str, Exercise]:
    """All exercises by name, in the order of the lessons."""
    lessons()
    return dict(sorted(_EXERCISES.items(), key=lambda item: item[1].lesson))


def find(name: str) -> Exercise:
    """The exercise of that name; if there is none, a ValueError suggests similar names."""
    if name in _EXERCISES:
        return _EXERCISES[name]
    known = exercises()
    if name not in known:
        near = get_close_matches(name, known, n=3, cutoff=0.5)
        raise ValueError(f"there is no exercise {name!r}" + (f"; did you mean {' or '.join(near)}?" if near else ""))
    return known[name]


class _Check:
    """The exercises as functions: `check.NAME(answer)`."""

    def __getattr__(self, name: str) -> Exercise:
        if name.startswith("_"):
            raise AttributeError(name)
        try:
            return find(name)
        except ValueError as error:
            raise AttributeError(str(error)) from None

    def __dir__(self) -> list[str]:
        return list(exercises())

    def __repr__(self) -> str:
        by_lesson: dict[str, list[str]] = {}
        for one in exercises().values():
            by_lesson.setdefault(one.lesson, []).append(one.name)
        return "\n".join(f"lesson {number}: {', '.join(names)}" for number, names in by_lesson.items())


check = _Check()


def hint(name: str, again: bool = False) -> Hint:
    """Show the next hint of an exercise, or with `again` the last one once more. After the third it stays the third.

    Raises:
        ValueError: if there is no such exercise.
    """
    one = find(name)
    given = record.hints_given(name)
    number = min(max(given, 1) if again else given + 1, len(one.hints))
    if number > given:
        record.note_hint(name)
    return Hint(name, number, len(one.hints), one.hints[number - 1])
