"""How far a learner has come: the exercises and quizzes of each lesson, as a table and in words."""

from __future__ import annotations

from dataclasses import dataclass

from asm_teach.course import record
from asm_teach.course.checks import checking


@dataclass(frozen=True)
class Row:
    """One lesson: how much the learner has done, and how much there is."""

    lesson: str
    right: int
    exercises: int
    tries: int
    hints: int
    answered: int
    questions: int


@dataclass(frozen=True)
class Progress:
    """The record by lessons; a notebook shows it as a table."""

    rows: tuple[Row, ...]

    def __repr__(self) -> str:
        return "\n".join(
            f"lesson {r.lesson}: {r.right} of {r.exercises} exercises right ({r.tries} tries, {r.hints} hints), "
            f"{r.answered} of {r.questions} questions right"
            for r in self.rows
        )

    def _repr_html_(self) -> str:
        head = "".join(f'<th scope="col">{title}</th>' for title in ("Exercises", "Tries", "Hints", "Quiz"))
        body = "".join(
            f'<tr><th scope="row">Lesson {r.lesson}</th><td>{r.right} of {r.exercises}</td><td>{r.tries}</td>'
            f"<td>{r.hints}</td><td>{r.answered} of {r.questions}</td></tr>"
            for r in self.rows
        )
        table = f"<thead><tr><td></td>{head}</tr></thead><tbody>{body}</tbody>"
        return f"<table><caption>Right so far</caption>{table}</table>"


def progress() -> Progress:
    """What the learner has done so far, one row per lesson."""
    found, known = record.read(), checking.exercises().values()
    rows = []
    for lesson, module in checking.lessons().items():
        names = [one.name for one in known if one.lesson == lesson]
        given = [found["exercises"][name] for name in names if name in found["exercises"]]
        right, tries, hints = (sum(entry[part] for entry in given) for part in ("ok", "tries", "hints"))
        answered = sum(entry["ok"] for entry in found["quizzes"].get(lesson, {}).values())
        rows.append(Row(lesson, right, len(names), tries, hints, answered, len(module.QUIZ)))
    return Progress(tuple(rows))
