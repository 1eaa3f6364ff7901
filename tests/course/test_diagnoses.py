"""Every diagnosis: the wrong answer that it is for, the words expected, and silence on the right answer."""

from __future__ import annotations

import math

import pytest
import torch

from asm_teach.course.checks import comparing, diagnoses, slips
from asm_teach.model.transforms import rotation_matrix

R = rotation_matrix(torch.tensor([0.4, -0.7, 0.9], dtype=torch.float64))
M = torch.eye(3).double() + 0.3 * torch.randn(3, 3, generator=torch.Generator().manual_seed(0)).double()
POINTS = torch.randn(7, 3, generator=torch.Generator().manual_seed(1)).double()
PIVOT, SCALE = torch.tensor([4.0, -1.0, 2.0]).double(), torch.tensor([2.0, 1.0, 0.5]).double()
TURNED, RIGHT = POINTS @ R.T, (POINTS - PIVOT) @ R.T + PIVOT
X = torch.tensor([1.0, -2.0, 3.5, 0.25])
UV = torch.tensor([[0.2, 0.9], [0.5, 0.3]])
WEIGHTS = torch.tensor([[0.5, 0.5, 0.0], [0.2, 0.3, 0.5]])
TALL = torch.rand(4, 3, generator=torch.Generator().manual_seed(2)) + 0.1


def turn(angle):
    return torch.stack([torch.cos(angle), torch.sin(angle)])


ANGLE = torch.tensor(0.7)
SIGHT = turn(ANGLE)
W64 = torch.rand(5, dtype=torch.float64, generator=torch.Generator().manual_seed(3))


# name, the diagnosis of an answer, a wrong answer, words, the right answer
CASES = [
    ("not_numbers", lambda a: comparing.not_numbers(a), "text", "found str", X),
    ("wrong_shape", lambda a: comparing.wrong_shape(a, X), X[:3], "(3,), expected (4,)", X),
    ("wrong_shape", lambda a: comparing.wrong_shape(a, X), X - X[:, None], "broadcast to (n, n)", X),
    ("wrong_shape", lambda a: comparing.wrong_shape(a, TALL), TALL.T, "wrong way round", TALL),
    ("wrong_shape", lambda a: comparing.wrong_shape(a, X), X[:, None], "axis of length 1", X),
    ("wrong_shape", lambda a: comparing.wrong_shape(a, TALL), TALL.sum(1), "summed away", TALL),
    ("transposed", lambda a: diagnoses.transposed(a, M), M.T, "transposed", M),
    ("row_vectors", lambda a: diagnoses.row_vectors(a, M, POINTS), POINTS @ M, "points @ A.T", POINTS @ M.T),
    ("swapped", lambda a: diagnoses.swapped(a, UV), UV.flip(-1), "swapped", UV),
    ("uv_flipped", lambda a: diagnoses.uv_flipped(a, UV), torch.tensor([[0.2, 0.1], [0.5, 0.7]]), "lower left", UV),
    ("wrong_sign", lambda a: diagnoses.wrong_sign(a, X), -X, "sign", X),
    ("absolute", lambda a: diagnoses.absolute(a, X), X.abs(), "sign is lost", X),
    ("wrong_factor", lambda a: diagnoses.wrong_factor(a, X), 2 * X, "2 times the right answer", X),
    ("wrong_factor", lambda a: diagnoses.wrong_factor(a, X), 100 * X, "not per cent", X),
    ("wrong_factor", lambda a: diagnoses.wrong_factor(a, 7.0), 3.5, "0.5 times", 7.0),
    ("sum_for_mean", lambda a: diagnoses.sum_for_mean(a, X.mean(), 4), X.sum(), "this is the sum", X.mean()),
    ("sum_for_mean", lambda a: diagnoses.sum_for_mean(a, X.sum(), 4), X.mean(), "this is the mean", X.sum()),
    ("wrong_offset", lambda a: diagnoses.wrong_offset(a, X), X + 0.5, "half integers", X),
    ("wrong_offset", lambda a: diagnoses.wrong_offset(a, X), X - 3, "-3 off", X),
    ("root_missing", lambda a: diagnoses.root_missing(a, 3.0), 9.0, "take the root", 3.0),
    ("root_missing", lambda a: diagnoses.root_missing(a, 9.0), 3.0, "leave the root away", 9.0),
    ("log_for_value", lambda a: diagnoses.log_for_value(a, TALL), TALL.log(), "take exp", TALL),
    ("log_for_value", lambda a: diagnoses.log_for_value(a, X), X.exp(), "its logarithm is asked for", X),
    ("rows_not_one", slips.rows_not_one, torch.tensor([[0.5, 0.5], [0.5, 0.7]]), "row 1 sums to 1.2", WEIGHTS),
    ("rows_not_one", slips.rows_not_one, TALL / TALL.sum(0), "wrong axis", TALL / TALL.sum(1, keepdim=True)),
    ("negative_weights", slips.negative_weights, torch.tensor([1.2, -0.2]), "1 weights are negative", WEIGHTS),
    ("underflow", lambda a: slips.underflow(a, X), X * math.nan, "logsumexp", X),
    ("underflow", lambda a: slips.underflow(a, X), (0 * X).log(), "infinite", X),
    ("underflow", lambda a: slips.underflow(a, X), torch.tensor([1.0, 0.0, 3.5, 0.25]), "underflowed", X),
    ("not_finite", comparing.not_finite, torch.tensor([1.0, math.inf]), "1 of 2 numbers are infinite", X),
    ("degrees", lambda a: slips.degrees_for_radians(a, turn, ANGLE), turn(ANGLE.deg2rad()), "radians already", SIGHT),
    ("degrees", lambda a: slips.degrees_for_radians(a, turn, ANGLE), turn(ANGLE.rad2deg()),
     "turned into degrees", SIGHT),
    ("pivot", lambda a: slips.pivot_ignored(a, R, POINTS, PIVOT), TURNED, "not subtracted", RIGHT),
    ("pivot", lambda a: slips.pivot_ignored(a, R, POINTS, PIVOT), RIGHT - PIVOT, "not added again", RIGHT),
    ("scale", lambda a: slips.scale_after_rotation(a, R, SCALE), SCALE.diag() @ R, "after the rotation",
     R @ SCALE.diag()),
    ("order", lambda a: slips.wrong_order(a, M, R), R @ M, "wrong order", M @ R),
    ("inverse", lambda a: slips.not_inverted(a, M), M, "inverse was not taken", torch.linalg.inv(M)),
    ("inverse", lambda a: slips.not_inverted(a, M), M.T, "rotation only", torch.linalg.inv(M)),
    ("gradient_cut", slips.gradient_cut, 3.0, ".item()", X.clone().requires_grad_(True)),
    ("gradient_cut", slips.gradient_cut, X, "detach", X.clone().requires_grad_(True) * 2),
    ("gradient_missing", lambda a: slips.gradient_missing(a, "mean"), None, "no gradient arrives at mean", X),
    ("gradient_missing", lambda a: slips.gradient_missing(a, "mean"), 0 * X, "zero everywhere", X),
    ("gradient_missing", lambda a: slips.gradient_missing(a, "mean"), X / 0, "not finite", X),
    ("low_precision", lambda a: slips.low_precision(a, W64), W64.float(), "float32", W64),
    ("low_precision", lambda a: slips.low_precision(a, W64), W64.float().double(), "only good to float32", W64),
    ("changed_inputs", lambda a: slips.changed_inputs([X], [a], ["x"]), X + 1, "argument x in place", X),
    ("one_of", lambda a: comparing.one_of(a, {"the pivot is missing": POINTS}), POINTS, "pivot is missing", X),
    ("differs", lambda a: comparing.differs(a, X), torch.tensor([1.0, -2.0, 9.0, 0.25]),
     "at [2]: found 9, expected 3.5", X),
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


def test_a_function_made_for_the_example():
    cases = [(torch.tensor([1.0, 2.0]),), (torch.tensor([3.0, 5.0]),)]
    assert "not for other inputs" in (
        slips.only_the_example(lambda x: torch.tensor([2.0, 4.0]), lambda x: 2 * x, cases) or ""
    )
    assert slips.only_the_example(lambda x: 2 * x, lambda x: 2 * x, cases) is None


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
        assert "\n" not in sentence and "/" not in sentence.replace("0/0", "")
