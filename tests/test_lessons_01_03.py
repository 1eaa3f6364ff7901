"""Lessons 1 to 3: the right answer passes, and each typical wrong one is told what is wrong with it."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from asm_teach.course import check
from asm_teach.course.checking import NOTHING, Exercise, exercises, lessons
from asm_teach.transforms import rotation_matrix

Answer = Callable[..., Any]
inv = torch.linalg.inv


@pytest.fixture(autouse=True)
def _own_progress(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASM_TEACH_PROGRESS", str(tmp_path / "progress.json"))


def cross(r: Tensor) -> Tensor:
    x, y, z = r.unbind(-1)
    o = torch.zeros_like(x)
    return torch.stack([o, -z, y, z, o, -x, -y, x, o], -1).unflatten(-1, (3, 3))


def by_fractions(r: Tensor, length: Callable[[Tensor], Tensor], sign: float = 1.0) -> Tensor:
    theta, K = length(r), sign * cross(r)
    second = torch.sinc(theta / (2 * math.pi)) ** 2 / 2
    return torch.eye(3) + torch.sinc(theta / math.pi) * K + second * K @ K


def each(r: Tensor) -> Tensor:
    return r.norm(dim=-1)[..., None, None]


def divided(r: Tensor) -> Tensor:
    theta = each(r)
    K = cross(r) / theta
    return torch.eye(3) + theta.sin() * K + (1 - theta.cos()) * K @ K


def patched(r: Tensor) -> Tensor:
    return torch.where(each(r) == 0, torch.eye(3), divided(r))


def in_place(points: Tensor, R: Tensor, pivot: Tensor) -> Tensor:
    points -= pivot
    return points @ R.T + pivot


RIGHT: dict[str, Answer] = {
    "turn_about": lambda points, R, pivot: pivot + (points - pivot) @ R.T,
    "rodrigues": lambda r: by_fractions(r, each),
    "hold_still": lambda Gp, Bp, B, wanted: inv(Gp @ inv(Bp) @ B) @ wanted,
    "waist": lambda angle, w: torch.hypot(1 - w + w * angle.cos(), w * angle.sin()),
}

WRONG: list[tuple[str, Answer, str]] = [
    ("turn_about", lambda x, R, p: x @ R.T, "not subtracted"),
    ("turn_about", lambda x, R, p: (x - p) @ R.T, "not added again"),
    ("turn_about", lambda x, R, p: x @ R.T + p, "not subtracted before"),
    ("turn_about", lambda x, R, p: p + (x - p) @ R, "other way round"),
    ("turn_about", in_place, "changes its argument points"),
    ("turn_about", lambda x, R, p: p + R @ (x - p).T, "line"),
    ("turn_about", lambda x, R, p: p[:, None] + R @ (x - p).T, "wrong way round"),
    ("rodrigues", lambda r: by_fractions(r, each, -1.0), "inverse turn"),
    ("rodrigues", lambda r: rotation_matrix(torch.deg2rad(r)), "degrees"),
    ("rodrigues", lambda r: torch.eye(3) + torch.sinc(each(r) / math.pi) * cross(r), "is missing"),
    ("rodrigues", lambda r: by_fractions(r, lambda x: x.norm()), "all vectors together"),
    ("rodrigues", divided, "for r = 0 it gives nan"),
    ("rodrigues", patched, "derivative there is nan"),
    ("rodrigues", lambda r: by_fractions(r.detach(), each), "gradient is cut"),
    ("rodrigues", lambda r: by_fractions(r, each)[..., 0, :], "axis was summed away"),
    ("hold_still", lambda Gp, Bp, B, wanted: Gp @ inv(Bp) @ B @ wanted, "the inverse is missing"),
    ("hold_still", lambda Gp, Bp, B, wanted: wanted @ inv(Gp @ inv(Bp) @ B), "order of the product"),
    ("hold_still", lambda Gp, Bp, B, wanted: inv(Gp) @ wanted, "B_parent^-1 B is missing"),
    ("hold_still", lambda Gp, Bp, B, wanted: inv(Gp @ inv(Bp) @ B) @ B, "an argument of its own"),
    ("hold_still", lambda Gp, Bp, B, wanted: inv(Gp) @ wanted @ B, "mm from where it should be"),
    ("waist", lambda angle, w: (angle / 2).cos().abs(), "should follow w"),
    ("waist", lambda angle, w: 1 - w + w * angle.cos(), "the sine is missing"),
    ("waist", lambda angle, w: 1 - 2 * w * (1 - w) * (1 - angle.cos()), "take the root"),
    ("waist", lambda angle, w: torch.hypot(1 - w + w * angle.deg2rad().cos(), w * angle.deg2rad().sin()), "degrees"),
]


def test_every_exercise_of_these_lessons_is_tested() -> None:
    names = [one.name for one in exercises().values() if one.lesson in ("01", "02", "03")]
    assert set(names) == set(RIGHT)
    for name in names:
        assert len({said for exercise, _, said in WRONG if exercise == name}) >= 3, name


@pytest.mark.parametrize("name", RIGHT)
def test_the_right_answer_passes(name: str) -> None:
    verdict = getattr(check, name)(RIGHT[name])
    assert verdict, verdict.message


@pytest.mark.parametrize(("name", "answer", "said"), WRONG, ids=[f"{w[0]}: {w[2]}" for w in WRONG])
def test_a_wrong_answer_gets_the_right_words(name: str, answer: Answer, said: str) -> None:
    verdict = getattr(check, name)(answer)
    assert not verdict and said in verdict.message, verdict.message


@pytest.mark.parametrize("name", RIGHT)
def test_an_empty_answer_is_no_mistake(name: str) -> None:
    one: Exercise = getattr(check, name)
    assert one(None).message == NOTHING
    assert one(lambda *_: None).message == NOTHING


@pytest.mark.parametrize("number", [number for number in ("01", "02", "03") if number in lessons()])
def test_the_quiz_explains_every_choice(number: str) -> None:
    quiz = lessons()[number].QUIZ
    assert len(quiz) >= 5
    assert len({question.right for question in quiz}) > 1, "the right choice is not always at the same place"
    for question in quiz:
        assert len(question.choices) >= 3 and len(question.why) == len(question.choices)
        assert all(len(why) > 20 for why in question.why)
