"""Natural wrong answers: what a learner is told, and how often the words name the true fault.

`python -m tests.course.test_wrong_answers` prints how many answers are named, only called wrong, told
another fault, or shown a raw error, per lesson.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from asm_teach.course.checks.checking import exercises, find
from tests.course.wrong_answers import (
    lesson_10,
    lesson_12,
    lesson_13,
    lesson_14,
    lesson_15,
    lesson_16,
    lesson_17,
    lesson_18,
    lesson_19,
    lessons_00_03,
    lessons_04_06,
    lessons_07_11,
)

WRONG = [
    *lessons_00_03.WRONG,
    *lessons_04_06.WRONG,
    *lessons_07_11.WRONG,
    *lesson_10.WRONG,
    *lesson_12.WRONG,
    *lesson_13.WRONG,
    *lesson_14.WRONG,
    *lesson_15.WRONG,
    *lesson_16.WRONG,
    *lesson_17.WRONG,
    *lesson_18.WRONG,
    *lesson_19.WRONG,
]
SLOW = {"next_damping", "whole_face", "tame", "best_width", "mended_marks"}
ONLY_WRONG = (  # sentences that measure the answer, and claim nothing about the slip
    r"the largest difference is at",
    r"found \S+, expected",
    r"the shape is \([^)]*\), expected \([^)]*\)(: an axis is missing|: there is an axis too many|)$",
    r"numbers are (nan|infinite)",
    r"mm from where it should be",
    r"these are no rotations",
    r"times as high as bone 1's",
    r"row \d+ sums to [^;]*$",
    r"the derivative at your S is not zero",
)


@pytest.fixture(autouse=True)
def _file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASM_TEACH_PROGRESS", str(tmp_path / "progress.json"))


def rank(name: str, answer: Any, words: str) -> tuple[str, str]:
    """How good what a learner is told is: "named", "only wrong", "false" or "raw"; and the message."""
    verdict = find(name).judge(answer)
    message = verdict.message
    if words and words in message and not verdict.ok:
        return "named", message
    if re.search(r"\w+Error\b|Traceback", message):
        return "raw", message
    only = not verdict.ok and any(re.search(pattern, message) for pattern in ONLY_WRONG)
    return ("only wrong" if only else "false"), message


def cases(slow: bool) -> Iterator[Any]:
    """The rows of the table, as parameters of a test."""
    for number, (name, answer, words) in enumerate(WRONG):
        if (name in SLOW) is slow:
            yield pytest.param(name, answer, words, id=f"{number} {name} {words[:30]}")


def told_well(name: str, answer: Any, words: str) -> None:
    found, message = rank(name, answer, words)
    assert found == ("named" if words else "only wrong"), message


@pytest.mark.parametrize(("name", "answer", "words"), list(cases(slow=False)))
def test_a_wrong_answer_is_told_its_fault_and_no_other(name: str, answer: Any, words: str) -> None:
    told_well(name, answer, words)


@pytest.mark.long
@pytest.mark.parametrize(("name", "answer", "words"), list(cases(slow=True)))
def test_a_wrong_answer_to_a_slow_exercise_is_told_its_fault(name: str, answer: Any, words: str) -> None:
    told_well(name, answer, words)


def test_every_exercise_has_two_wrong_answers_and_nine_of_ten_are_named() -> None:
    count = Counter(name for name, _, _ in WRONG)
    assert {name for name in exercises() if count[name] < 2} == set()
    assert sum(bool(words) for _, _, words in WRONG) >= 0.9 * len(WRONG)


def main() -> None:
    """Print the summary, and each answer that is not named."""
    ranks: dict[str, Counter[str]] = {}
    for name, answer, words in WRONG:
        found, message = rank(name, answer, words)
        ranks.setdefault(find(name).lesson, Counter())[found] += 1
        if found != "named":
            print(f"{found}: {name}: {message}")
    for lesson, counts in (*ranks.items(), ("all", sum(ranks.values(), Counter()))):
        whole = counts.total()
        told = ", ".join(f"{counts[kind]} {kind}" for kind in ("named", "only wrong", "false", "raw"))
        print(f"lesson {lesson}: {whole} wrong answers, {told}; {counts['named'] / whole:.0%} named")


if __name__ == "__main__":
    main()
