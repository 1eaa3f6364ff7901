"""The course: exercises that say what is wrong, hints, quizzes, progress, student copies and their grading.

    from asm_teach.course import check, hint, quiz, progress

The names are loaded when first used; all of it works without a browser.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_HOMES = {
    "checking": ("Right", "Verdict", "check", "exercise", "hint"),
    "overview": ("progress",),
    "quizzes": ("Question", "quiz"),
    "students": ("student_copy", "write_copies"),
    "grading": ("grade", "write_marks"),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}

__all__ = sorted(_HOME_OF)


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module 'asm_teach.course' has no attribute {name!r}")
    return getattr(import_module(f"asm_teach.course.{_HOME_OF[name]}"), name)


def __dir__() -> list[str]:
    return __all__
