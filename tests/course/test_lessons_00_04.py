"""Start here, tensors and lesson 4: wrong answers and the words they get; the model put together."""

from __future__ import annotations

import copy
import math
from pathlib import Path

import pytest
import torch

from asm_teach.course import check
from asm_teach.course.checks.topics.rebuilding import SLIPS, case, face_by_slip, judge
from asm_teach.model.adaptive import AdaptiveSkinningModel


@pytest.fixture(autouse=True)
def _file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASM_TEACH_PROGRESS", str(tmp_path / "progress.json"))


def distance(before, after):
    return (after - before).norm(dim=1)


WRONG = [
    ("smaller_nose", [0.2, 0.2, 0.2], "what is left"),
    ("smaller_nose", [80, 80, 80], "not in per cent"),
    ("smaller_nose", [1.2, 1.2, 1.2], "factors above 1 stretch"),
    ("smaller_nose", 0.8, "three numbers"),
    ("smaller_nose", [1, 1, 0.8], "only z gets smaller"),
    ("chin_turn", [30.0, 0.0, 0.0], "degrees"),
    ("chin_turn", [-math.pi / 6, 0.0, 0.0], "the other sign"),
    ("chin_turn", [0.0, math.pi / 6, 0.0], "about y"),
    ("chin_turn", [math.pi / 6], "the shape is (1,), expected (3,)"),
    ("moved_share", lambda a, b, limit: (distance(a, b) > limit).sum(), "this counts them"),
    ("moved_share", lambda a, b, limit: 100 * (distance(a, b) > limit).float().mean(), "per cent"),
    ("moved_share", lambda a, b, limit: ((b - a).abs() > limit).float().mean(), "single coordinates"),
    ("moved_share", lambda a, b, limit: (distance(a, b) > 1.5).float().mean(), "limit"),
    ("moved_share", lambda a, b, limit: (distance(a, b) ** 2 > limit).float().mean(), "take its root"),
    ("face_numbers", lambda J, K: 6 * K * J, "motion and place of the bones are missing"),
    ("face_numbers", lambda J, K: J * (9 + 6 * K), "the place of each bone"),
    ("face_numbers", lambda J, K: 1932, "for J = 84 and K = 3"),
    ("turn_and_shift", lambda points, A, t: points.add_(t), "changes its argument points in place"),
    ("row_shares", lambda table: table.view(5, 5) / table.sum(1, keepdim=True), "your code stops"),
    ("row_shares", lambda table: table.div_(table.sum(1, keepdim=True)), "in place"),
    ("distance_table", lambda points, others: (points[:, None] - others).sum(2), "not the distance"),
    ("distance_table", lambda points, others: (points - others).norm(dim=1), "size of tensor a (5)"),
    ("one_step", lambda p, g, s, rate: s - rate * 2 / 3 * (p + s - g).mean(0), "a third of it"),
    ("one_step", lambda p, g, s, rate: s - 0.3 * 2 * (p + s - g).mean(0), "the rate"),
    ("one_step", lambda p, g, s, rate: s.sub_(rate * 2 * (p + s - g).mean(0)), "changes its argument shift in place"),
]


@pytest.mark.parametrize(("name", "answer", "words"), WRONG)
def test_what_is_wrong_is_said(name: str, answer: object, words: str) -> None:
    verdict = getattr(check, name)(answer)
    assert not verdict and words in verdict.message


def test_the_chin_swings_backwards() -> None:
    model = copy.deepcopy(case())  # it is kept for others
    model.reset_motion()
    model.set_motion(0, rotation=[math.radians(30), 0.0, 0.0])
    below = model.bind_points()[0] - torch.tensor([0.0, 10.0, 0.0])
    there = model.transforms()[0] @ torch.cat([below, torch.ones(1)]).to(below)
    assert there[2] < below[2]


# --- the model put together


def test_the_form_with_slips_is_the_model_when_there_is_none() -> None:
    for model in (case(), case(3, 7)):
        theta = {name: p.detach() for name, p in model.named_parameters()}
        found = face_by_slip(model.vertices, model.mesh.faces, model.uv, model.rig.parents.tolist(), theta)
        torch.testing.assert_close(found, model(), atol=1e-9, rtol=0)


@pytest.mark.parametrize("slip", SLIPS)
def test_every_slip_is_named(slip: str) -> None:
    assert judge(lambda *given: face_by_slip(*given, slip=slip)) == SLIPS[slip]


def packaged(vertices, faces, uv, parents, theta) -> torch.Tensor:
    """A right answer by other means."""
    model = copy.deepcopy(case(theta["mixture_logits"].shape[1])).to(vertices.dtype)
    return torch.func.functional_call(model, dict(theta), ())


def naive(vertices, faces, uv, parents, theta) -> torch.Tensor:
    a, _, c = theta["mixture_factor"].unbind(-1)
    d = uv[:, None, None] - (theta["bone_uv"][:, None] + theta["mixture_mean"])
    g = (-((d[..., 0] / a.exp()) ** 2 + (d[..., 1] / c.exp()) ** 2) / 2).exp().sum(-1)
    nothing = (g / g.sum(1, keepdim=True)).sum() - len(vertices)  # nan where all of a row's g are 0
    return packaged(vertices, faces, uv, parents, theta) + 0 * nothing


def in_numpy(vertices, faces, uv, parents, theta):
    theta["rotation"].numpy()
    return packaged(vertices, faces, uv, parents, theta).numpy()


def test_a_right_model_is_right() -> None:
    assert judge(packaged) is None and isinstance(case(), AdaptiveSkinningModel)


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (naive, "until the Gaussians get narrow"),
        (lambda *given: packaged(*given).detach(), "no derivative leads back to translation, "),
        (
            lambda v, f, u, p, t: packaged(v, f, u, p, {**t, "bone_uv": t["bone_uv"].detach()}),
            "no derivative leads back to bone_uv:",
        ),
        (
            lambda v, f, u, p, t: (
                packaged(v, f, u, p, {**t, "mixture_logits": t["mixture_logits"][:, :2].repeat(1, 1)})
                if t["mixture_logits"].shape[1] == 2
                else v
            ),
            "not for three",
        ),
        (lambda *given: packaged(*given).T, "the wrong way round"),
        (lambda *given: 1.01 * packaged(*given), "the template does not come back"),
        (
            lambda v, f, u, p, t: packaged(v, f, u, p, {**t, "mixture_factor": 0.9 * t["mixture_factor"]}),
            "the weights, equation (2), are wrong",
        ),
        (
            lambda v, f, u, p, t: packaged(v, f, u, p, {**t, "rotation": t["rotation"] * 0.9}),
            "a motion of turns alone is wrong",
        ),
        (lambda v, f, u, p, t: t["translation"].zero_() @ v.T, "changes its argument translation in place"),
        (lambda v, f, u, p, t: packaged(v.add_(1), f, u, p, t), "changes its argument vertices in place"),
        (lambda v, f, u, p, t: packaged(v, f, u.neg_(), p, t), "changes its argument uv in place"),
        (lambda v, f, u, p, t: packaged(v, f, u, [p.pop()], t), "changes its argument parents in place"),
        (lambda v, f, u, p, t: t.pop("rotation"), "changes its argument rotation in place"),
        (lambda *given: packaged(*given).detach().numpy(), "no numpy, item() or detach()"),
        (in_numpy, "no numpy, item() or detach()"),
    ],
)
def test_other_mistakes_are_placed(function, words: str) -> None:
    before = [case().vertices.clone(), case().uv.clone()]
    assert words in judge(function)
    assert torch.equal(before[0], case().vertices) and torch.equal(before[1], case().uv), "the case is kept for others"
