"""Inputs that checkers draw: as ever in a notebook, others when marks are given."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from typing import Any

import nbformat
import pytest
import torch

from asm_teach.course.checks import checking
from asm_teach.course.checks.draws import draws, factor, other_inputs, varied
from asm_teach.course.marking import students
from asm_teach.course.marking.plain_data import to_plain
from asm_teach.course.marking.running import BEFORE

SOLVED = students.masters()
VALUES = {"smaller_nose", "chin_turn", "largest_K", "best_width", "tutte_middle", "mended_marks", "dolly_zoom"}
FUNCTIONS = [name for name in checking.exercises() if name not in VALUES]
LATER = {  # their calls begin with the same inputs, or hang on the answers before
    "distance_of": "first the example of the text, then others",
    "next_damping": "damping and gain of later calls follow from the answers",
}


@functools.cache
def answers() -> dict[str, Callable[..., Any]]:
    """The masters' solutions that are functions, by exercise."""
    found = {}
    for path in SOLVED:
        names: dict[str, Any] = {}
        exec(BEFORE, names)
        for cell in nbformat.read(path, as_version=4).cells:
            if students.SETUP in cell.metadata.get("tags", []) or students.is_solution(cell):
                exec(cell.source, names)
        for name, one in checking.exercises().items():
            answer = names.get({"rodrigues": "rotations"}.get(name, name))
            if one.lesson == students.number_of(path) and callable(answer):
                found[name] = answer
    return found


def calls(name: str, answer: Callable[..., Any]) -> tuple[checking.Verdict, list[str]]:
    """The verdict on an answer, and the inputs that it got."""
    got: list[str] = []

    def watched(*given: Any) -> Any:
        got.append(json.dumps(to_plain(given)))
        return answer(*given)

    return checking.find(name).judge(watched), got


@pytest.mark.long
@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_right_answer_is_right_for_other_inputs_and_one_by_heart_is_wrong(name: str) -> None:
    answer = answers()[name]
    verdict, usual = calls(name, answer)
    assert verdict.ok and calls(name, answer)[1] == usual  # a notebook gives the same inputs each time

    def remembered(*given: Any) -> Any:
        if json.dumps(to_plain(given)) not in usual:
            raise KeyError("never seen")
        return answer(*given)

    assert checking.find(name).judge(remembered).ok
    for seed in range(1, 3 if name == "next_damping" else 25):
        with other_inputs(seed):
            verdict, other = calls(name, answer)
            assert verdict.ok, f"{seed}: {verdict.message}"
            assert name in LATER or other[0] != usual[0] or other[1] != usual[1]
        with other_inputs(seed):
            assert not checking.find(name).judge(remembered).ok


def test_numbers_vary_only_where_that_is_asked_for() -> None:
    given = (2.0, [3, torch.tensor([0.0, 4.0])])
    assert varied(given) is given and factor() == 1.0 and draws(3).initial_seed() == 3
    with other_inputs(5):
        number, (whole, tensor) = varied(given, 0.5)
        assert 1 <= number <= 3 and number != 2 and tensor[0] == 0 and 2 <= tensor[1] <= 6
        assert isinstance(whole, int) and whole >= 1 and draws(3).initial_seed() != 3
    with other_inputs(5):
        assert varied(given, 0.5)[0] == number
