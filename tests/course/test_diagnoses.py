"""Every diagnosis: the wrong answer that it is for, the words expected, and silence on the right answer."""

from __future__ import annotations

import math

import pytest
import torch

from asm_teach.course.checks import comparing, diagnoses, slips
from asm_teach.course.checks.shapes import wrong_shape
from asm_teach.model.transforms import rotation_matrix

R = rotation_matrix(torch.tensor([0.4, -0.7, 0.9], dtype=torch.float64))
M = torch.eye(3).double() + 0.3 * torch.randn(3, 3, generator=torch.Generator().manual_seed(0)).double()
POINTS = torch.randn(7, 3, generator=torch.Generator().manual_seed(1)).double()
PIVOT = torch.tensor([4.0, -1.0, 2.0]).double()
TURNED, RIGHT = POINTS @ R.T, (POINTS - PIVOT) @ R.T + PIVOT
X = torch.tensor([1.0, -2.0, 3.5, 0.25])
UV = torch.tensor([[0.2, 0.9], [0.5, 0.3]])
WEIGHTS = torch.tensor([[0.5, 0.5, 0.0], [0.2, 0.3, 0.5]])
TALL = torch.rand(4, 3, generator=torch.Generator().manual_seed(2)) + 0.1


def turn(angle):
    return torch.stack([torch.cos(angle), torch.sin(angle)])


ANGLE = torch.tensor(0.7)
SIGHT = turn(ANGLE)


# name, the diagnosis of an answer, a wrong answer, words, the right answer
CASES = [
    ("not_numbers", comparing.not_numbers, "text", "found str", X),
    ("not_numbers", comparing.not_numbers, X * 1j, "complex", X),
    ("not_numbers", comparing.not_numbers, [X, UV], "different shapes, (4,), (2, 2)", X),
    ("wrong_shape", lambda a: wrong_shape(a, X), X - X[:, None], "(4, 4), expected (4,): there is an axis too many", X),
    ("wrong_shape", lambda a: wrong_shape(a, 0 * X), X - X[:, None], "broadcast to (n, n)", 0 * X),
    ("wrong_shape", lambda a: wrong_shape(a, X), X[:3], "these are the first 3 of 4 along axis 0", X),
    ("wrong_shape", lambda a: wrong_shape(a, X), X[1:] + 1, "(3,), expected (4,)", X),
    ("wrong_shape", lambda a: wrong_shape(a, X[:3]), X, "the first 3 along axis 0 are right", X[:3]),
    ("wrong_shape", lambda a: wrong_shape(a, TALL), TALL.T, "the numbers are right, but the axes", TALL),
    ("wrong_shape", lambda a: wrong_shape(a, TALL), TALL.T + 1, ": the axes are the wrong way round", TALL),
    ("wrong_shape", lambda a: wrong_shape(a, X), X[:, None], "the numbers are right, but an axis of length 1", X),
    ("wrong_shape", lambda a: wrong_shape(a, TALL), TALL.sum(1), "the sum over axis 1, which should stay", TALL),
    ("wrong_shape", lambda a: wrong_shape(a, TALL), TALL[0], "first along axis 0 only", TALL),
    ("wrong_shape", lambda a: wrong_shape(a, TALL), TALL[-1], "does a loop overwrite its result", TALL),
    ("wrong_shape", lambda a: wrong_shape(a, TALL.mean(1)), TALL, "the mean over axis 1 is still", TALL.mean(1)),
    ("wrong_shape", lambda a: wrong_shape(a, X.norm()), X, "the root of the sum of squares", X.norm()),
    ("wrong_order", lambda a: diagnoses.wrong_order(a, UV), UV.flip(-1), "swapped", UV),
    ("wrong_order", lambda a: diagnoses.wrong_order(a, TALL), TALL[:, [1, 2, 0]], "yours is (1, 2, 0)", TALL),
    ("wrong_order", lambda a: diagnoses.wrong_order(a, TALL), TALL.flip(1), "reversed", TALL),
    ("transposed", lambda a: diagnoses.simple_slip(a, M), M.T, "transposed", M),
    ("sign", lambda a: diagnoses.compare(a, X), -X, "sign is wrong", X),
    ("absolute", lambda a: diagnoses.compare(a, X), X.abs(), "sign is lost", X),
    ("cut_off", lambda a: diagnoses.compare(a, X), X.clamp(min=0), "cut off at 0", X),
    ("upside_down", lambda a: diagnoses.compare(a, X), 1 / X, "upside down", X),
    ("left_over", lambda a: diagnoses.compare(a, X), 1 - X, "one minus", X),
    ("wrong_factor", lambda a: diagnoses.wrong_factor(a, X), 2 * X, "2 times the right answer", X),
    ("wrong_factor", lambda a: diagnoses.wrong_factor(a, X), 100 * X, "multiplied by 100", X),
    ("wrong_factor", lambda a: diagnoses.wrong_factor(a, X), X * 180 / math.pi, "in degrees", X),
    ("wrong_factor", lambda a: diagnoses.wrong_factor(a, 7.0), 3.5, "0.5 times", 7.0),
    ("rounded", lambda a: diagnoses.compare(a, [0.0, math.pi / 6]), [0.0, 0.52], "rounded", [0.0, math.pi / 6]),
    ("by_rows", lambda a: diagnoses.compare(a, TALL), TALL * torch.arange(1.0, 5.0)[:, None], "each row", TALL),
    ("wrong_offset", lambda a: diagnoses.wrong_offset(a, X), X + 0.5, "half integers", X),
    ("wrong_offset", lambda a: diagnoses.wrong_offset(a, X), X - 3, "-3 off", X),
    ("root_missing", lambda a: diagnoses.compare(a, 3.0), 9.0, "take the root", 3.0),
    ("root_missing", lambda a: diagnoses.compare(a, 9.0), 3.0, "leave the root away", 9.0),
    ("logarithm", lambda a: diagnoses.compare(a, TALL), TALL.log(), "take exp", TALL),
    ("logarithm", lambda a: diagnoses.compare(a, X), X.exp(), "its logarithm is expected", X),
    ("rows_not_one", slips.rows_not_one, torch.tensor([[0.5, 0.5], [0.5, 0.7]]), "row 1 sums to 1.2", WEIGHTS),
    ("rows_not_one", slips.rows_not_one, TALL / TALL.sum(0), "wrong axis", TALL / TALL.sum(1, keepdim=True)),
    ("not_finite", comparing.not_finite, torch.tensor([1.0, math.inf]), "1 of 2 numbers are infinite", X),
    ("not_finite", comparing.not_finite, torch.tensor([1.0, math.nan]), "root or logarithm of a negative number", X),
    ("degrees", lambda a: slips.degrees_for_radians(a, turn, ANGLE), turn(ANGLE.deg2rad()), "radians already", SIGHT),
    ("degrees", lambda a: slips.degrees_for_radians(a, turn, ANGLE), turn(ANGLE.rad2deg()),
     "turned into degrees", SIGHT),
    ("pivot", lambda a: slips.pivot_ignored(a, R, POINTS, PIVOT), TURNED, "not subtracted", RIGHT),
    ("pivot", lambda a: slips.pivot_ignored(a, R, POINTS, PIVOT), RIGHT - PIVOT, "not added again", RIGHT),
    ("gradient_cut", slips.gradient_cut, 3.0, ".item()", X.clone().requires_grad_(True)),
    ("gradient_cut", slips.gradient_cut, X, "detach", X.clone().requires_grad_(True) * 2),
    ("changed_inputs", lambda a: slips.changed_inputs([X], [a], ["x"]), X + 1, "argument x in place", X),
    ("one_of", lambda a: comparing.one_of(a, {"the pivot is missing": POINTS}), POINTS, "pivot is missing", X),
    ("one_of", lambda a: comparing.one_of(a, {"far": X + 1e-4, "near": X}), X + 1e-6, "near", X + 1),
    ("differs", lambda a: comparing.differs(a, X), torch.tensor([1.0, -2.0, 9.0, 0.25]),
     "at [2]: found 9, expected 3.5; 3 of the 4 numbers are right", X),
    ("differs", lambda a: comparing.differs(a, 2.0), 3.0, "found 3, expected 2", 2.0),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "look", "wrong", "words", "right"), CASES, ids=lambda one: one if isinstance(one, str) else ""
)
def test_a_diagnosis_speaks_of_its_mistake_only(name, look, wrong, words, right):  # fmt: skip
    sentence = look(wrong)
    assert sentence is not None and words in sentence
    assert look(right) is None


def test_there_are_twenty_kinds_at_least():
    assert len({case[0] for case in CASES}) >= 20


def test_an_argument_that_is_not_used():
    assert "depend on y" in (slips.ignores(lambda x, y: x, (1.0, 2.0), (1.0, 3.0), "y") or "")
    assert slips.ignores(lambda x, y: x * y, (1.0, 2.0), (1.0, 3.0), "y") is None


@pytest.mark.parametrize(
    ("wrong", "words"),
    [(-X, "sign"), (X * math.nan, "nan"), ("x", "found str"), (X[:2], "shape"), (X * 2, "2 times"), (X + 1, "+1 off")],
)
def test_compare_finds_the_likeliest(wrong, words):
    assert words in (diagnoses.compare(wrong, X) or "")
    assert diagnoses.compare(X.tolist(), X) is None and diagnoses.compare(X.numpy(), X) is None


def test_every_sentence_is_one_line_without_a_path():
    for _, look, wrong, _, _ in CASES:
        sentence = look(wrong)
        assert "\n" not in sentence and "/" not in sentence.replace("0 / 0", "")
