"""The exercises of lesson 11: the right answer passes, and typical slips are told what they are."""

from __future__ import annotations

import pytest
import torch

from asm_teach.course import check
from asm_teach.course.lessons.lesson11 import QUIZ


def share(difference, basis):
    return (basis.T @ difference.flatten()).square().sum() / difference.square().sum()


RIGHT = {
    "hand_on": lambda calm, expressive, other: other + expressive - calm,
    "sizes": lambda J, K, V, M: (4 * J * (11 + 6 * K), 4 * (3 * V * (M + 1) + M)),
    "jitter": lambda f: (f[2:] - 2 * f[1:-1] + f[:-2]).square().sum(-1).mean().sqrt(),
    "at_home": lambda face, mean, modes: share(face - mean, torch.linalg.qr(modes.flatten(1).T)[0]),
}
WRONG = {
    ("hand_on", "alone"): lambda calm, expressive, other: expressive - calm,
    ("hand_on", "backwards"): lambda calm, expressive, other: other + calm - expressive,
    ("hand_on", "calm"): lambda calm, expressive, other: calm.sub_(1) + expressive,
    ("sizes", "6 in all"): lambda J, K, V, M: (4 * J * (11 + 5 * K), 4 * (3 * V * (M + 1) + M)),
    ("sizes", "a bone's place, two numbers"): lambda J, K, V, M: (4 * J * (9 + 6 * K), 4 * (3 * V * (M + 1) + M)),
    ("sizes", "Gaussians of its own"): lambda J, K, V, M: (4 * (11 * J + 6 * K), 4 * (3 * V * (M + 1) + M)),
    ("sizes", "the mean is missing"): lambda J, K, V, M: (4 * J * (11 + 6 * K), 4 * (3 * V * M + M)),
    ("sizes", "return two numbers"): lambda J, K, V, M: 4 * J * (11 + 6 * K),
    ("jitter", "the speed"): lambda f: (f[1:] - f[:-1]).square().sum(-1).mean().sqrt(),
    ("jitter", "over x, y and z too"): lambda f: (f[2:] - 2 * f[1:-1] + f[:-2]).square().mean().sqrt(),
    ("jitter", "root is missing"): lambda f: (f[2:] - 2 * f[1:-1] + f[:-2]).square().sum(-1).mean(),
    ("jitter", "counts twice"): lambda f: (f[2:] - f[1:-1] + f[:-2]).square().sum(-1).mean().sqrt(),
    ("jitter", "time is the first axis"): lambda f: f.diff(n=2, dim=1).square().sum(-1).mean().sqrt(),
    ("at_home", "squares of coefficients"): lambda face, mean, modes: (
        (torch.linalg.pinv(modes.flatten(1).T) @ (face - mean).flatten()).square().sum() / (face - mean).square().sum()
    ),
    ("at_home", "mean was not subtracted"): lambda face, mean, modes: share(
        face, torch.linalg.qr(modes.flatten(1).T)[0]
    ),
    ("at_home", "counts twice"): lambda face, mean, modes: share(
        face - mean, torch.nn.functional.normalize(modes.flatten(1), dim=1).T
    ),
    ("at_home", "left over"): lambda face, mean, modes: 1 - share(face - mean, torch.linalg.qr(modes.flatten(1).T)[0]),
}


@pytest.fixture(autouse=True)
def _own_record(tmp_path, monkeypatch):
    monkeypatch.setenv("ASM_TEACH_PROGRESS", str(tmp_path / "progress.json"))


@pytest.mark.parametrize("name", RIGHT)
def test_the_right_answer_is_right(name):
    assert getattr(check, name)(RIGHT[name])


@pytest.mark.parametrize(("name", "words"), WRONG)
def test_a_slip_is_told_what_it_is(name, words):
    verdict = getattr(check, name)(WRONG[name, words])
    assert not verdict and words in verdict.message


def test_the_quiz_has_reasons_for_every_choice():
    assert len(QUIZ) >= 5
    for question in QUIZ:
        assert len(question.why) == len(question.choices)
