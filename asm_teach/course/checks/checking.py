"""Exercises: a checker says that an answer is right, or what is wrong with it and where to look.

A module `lessonNN.py` registers its checkers:

    @exercise("the direction", "the formula", "half of the code")
    def nme(function) -> str | None:
        return None if ... else "that is a share; in per cent it is 100 times as much"

and the notebook calls `check.nme(nme)`. This module turns an exception of the answer, or an answer that is still empty,
into words, so a checker deals with its subject alone.
"""

from __future__ import annotations

import functools
import html
import linecache
import pkgutil
import sysconfig
import traceback
import types
from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from importlib import import_module
from typing import Any

from asm_teach.base.files import PACKAGE
from asm_teach.course import record
from asm_teach.course.checks.comparing import Mistake

VERDICT = "application/vnd.asm-teach.verdict+json"  # by this a marking program finds a verdict among a cell's outputs
NOTHING = "nothing here yet"
Checker = Callable[..., "str | None"]
Function = Callable[..., Any]  # an answer that a checker calls


class StoppedElsewhere(Exception):
    """What an answer raised in another process, as marking runs them; it carries the sentence that was made there."""

    sentence = ""


class Right(str):
    """A checker may return this instead of None: the answer is right, and here is something worth adding."""


@dataclass(frozen=True)
class Verdict:
    """Whether an answer is right, and a sentence about it; a notebook shows it as one line."""

    ok: bool
    message: str

    def __bool__(self) -> bool:
        return self.ok

    def __repr__(self) -> str:
        return self.message if self.ok or self.message == NOTHING else f"not yet: {self.message}"

    def _repr_html_(self) -> str:
        colour, mark = ("#2166ac", "✓") if self.ok else ("#b35806", "…" if self.message == NOTHING else "✗")
        style = f"border-left: 4px solid {colour}; padding: 2px 8px; margin: 2px 0"
        return f'<div role="status" style="{style}">{mark} {html.escape(repr(self))}</div>'

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
        if verdict.message != NOTHING:
            record.note_try(self.name, verdict.ok)
        return verdict

    def judge(self, *answers: Any) -> Verdict:
        """Judge an answer without recording the try."""
        if all(_empty(answer) for answer in answers):
            return Verdict(False, NOTHING)
        try:
            said = self.checker(*map(_watched, answers))
        except Mistake as mistake:
            return Verdict(False, str(mistake))
        except Exception as error:  # whatever an answer can do wrong
            return Verdict(False, in_words(error))
        if said is None or isinstance(said, Right):
            return Verdict(True, f"right: {said}" if said else "right")
        return Verdict(False, str(said))


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
    found = [m.name for m in pkgutil.iter_modules([str(PACKAGE / "course" / "lessons")])]
    return {name.removeprefix("lesson"): import_module(f"asm_teach.course.lessons.{name}") for name in sorted(found)}


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


def _empty(answer: Any) -> bool:
    if isinstance(answer, (tuple, list)):
        return bool(answer) and all(map(_empty, answer))
    return answer is None or answer is ...


def _watched(answer: Any) -> Any:
    """Wrap an answer that is a function, so that returning nothing counts as unanswered; leave other answers alone."""
    if not isinstance(answer, (types.FunctionType, types.MethodType)):
        return answer

    @functools.wraps(answer)
    def call(*args: Any, **kwargs: Any) -> Any:
        result = answer(*args, **kwargs)
        if _empty(result):
            raise Mistake(NOTHING)
        return result

    return call


@functools.cache
def _libraries() -> tuple[str, ...]:
    paths = sysconfig.get_paths()
    return tuple({str(PACKAGE)} | {paths[key] for key in ("stdlib", "platstdlib", "purelib", "platlib")})


def in_words(error: BaseException) -> str:
    """Say what went wrong, and in which line of the answer."""
    if isinstance(error, StoppedElsewhere):
        return error.sentence
    if isinstance(error, NotImplementedError) and not error.args:  # the stub; torch raises it too, with words
        return NOTHING
    places = [(frame.f_code.co_filename, line) for frame, line in traceback.walk_tb(error.__traceback__)]
    own = [place for place in places if not place[0].startswith(("<frozen", "<__array", *_libraries()))]
    words = (str(error).strip().splitlines() or ["no message"])[0][:240]
    said = f"{type(error).__name__}: {words}"
    if not own:
        return f"the answer is not of the kind that is asked for, comparing it gave {said}"
    line = linecache.getline(*own[-1]).strip()
    return f"your code stops at line {own[-1][1]}" + (f", `{line}`" if line else "") + f", with {said}"
