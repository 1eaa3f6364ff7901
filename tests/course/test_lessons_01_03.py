"""Lessons 1 to 3: the right answer passes, and each slip that a checker lists gets its words.

More wrong answers, as learners write them, are in `wrong_answers`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from asm_teach.course import check
from asm_teach.course.checks.checking import NOTHING, Exercise, exercises, lessons
from asm_teach.model.transforms import rotation_matrix
from tests.course.wrong_answers import lessons_00_03

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


def factor(along: float, across: float, angle: float) -> tuple[float, float, float]:
    """(a, b, c) of the Gaussian with these variances."""
    uu = along * math.cos(angle) ** 2 + across * math.sin(angle) ** 2
    vv = along * math.sin(angle) ** 2 + across * math.cos(angle) ** 2
    uv = (along - across) * math.sin(angle) * math.cos(angle)
    return math.log(uu) / 2, uv / math.sqrt(uu), math.log(vv - uv**2 / uu) / 2


def lower(a: float, b: float, c: float) -> Tensor:
    return torch.tensor([[math.exp(a), 0.0], [b, math.exp(c)]])


def by_halving(apart: float, s0: float, s1: float, power: float = 2.0) -> float:
    low, high = 0.0, apart
    for _ in range(60):
        x = (low + high) / 2
        ahead = -(x**2) / s0**2 / 2 + (apart - x) ** 2 / s1**2 / 2 - power * math.log(s0 / s1)
        low, high = (x, high) if ahead > 0 else (low, x)
    return low


def root(apart: float, s0: float, s1: float, sign: float = 1.0) -> float:
    p, q, r = 1 / s0**2 - 1 / s1**2, apart / s1**2, -(apart**2) / s1**2 - 4 * math.log(s1 / s0)
    return (-q + sign * math.sqrt(q * q - p * r)) / p


def area(a: Tensor, b: Tensor, c: Tensor) -> Tensor:
    p, q = b - a, c - a
    return p[..., 0] * q[..., 1] - p[..., 1] * q[..., 0]


def by_areas(points: Tensor, corners: Tensor) -> Tensor:
    a, b, c = corners
    return torch.stack([area(points, b, c), area(a, points, c), area(a, b, points)], -1) / area(a, b, c)


def two_edges(corners: Tensor) -> Tensor:
    return torch.stack([corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]], -1)


def share(points: Tensor, a: Tensor, b: Tensor) -> Tensor:
    return (points - a) @ (b - a) / ((b - a) @ (b - a))


def on_edge(points: Tensor, a: Tensor, b: Tensor, t: Tensor) -> Tensor:
    return a + t[:, None] * (b - a)


def motion(linear: Tensor, shift: Tensor) -> Tensor:
    """The matrix (4, 4) of a linear part and a translation."""
    return torch.cat([torch.cat([linear, shift[:, None]], 1), torch.tensor([[0.0, 0.0, 0.0, 1.0]])])


def level_by_level(parents: list[int]) -> list[int]:
    order: list[int] = []
    while len(order) < len(parents):
        order += [j for j, parent in enumerate(parents) if j not in order and (parent < 0 or parent in order)]
    return order


def down(B: Tensor, T: Tensor, parents: list[int]) -> Tensor:
    """Eq. (1.2) as it stands, by recursion: S_j = G_j B_j^-1."""

    def G(j: int) -> Tensor:
        return B[j] @ T[j] if parents[j] < 0 else G(parents[j]) @ inv(B[parents[j]]) @ B[j] @ T[j]

    return torch.stack([G(j) @ inv(B[j]) for j in range(len(B))])


def in_turn(B: Tensor, T: Tensor, parents: list[int]) -> Tensor:
    """As `down`, but by a loop in the order of the list, with every bone at rest to begin with."""
    S = [torch.eye(4)] * len(B)
    for j, parent in enumerate(parents):
        own = B[j] @ T[j] @ inv(B[j])
        S[j] = own if parent < 0 else S[parent] @ own
    return torch.stack(S)


def bone_to_world(B: Tensor, T: Tensor, parents: list[int]) -> Tensor:
    return down(B, T, parents) @ B


def child_first(B: Tensor, T: Tensor, parents: list[int]) -> Tensor:
    def S(j: int) -> Tensor:
        own = B[j] @ T[j] @ inv(B[j])
        return own if parents[j] < 0 else own @ S(parents[j])

    return torch.stack([S(j) for j in range(len(B))])


def with_one(x: Tensor) -> Tensor:
    return torch.cat([x, torch.ones(len(x), 1)], 1)


def skinned(x: Tensor, w: Tensor, S: Tensor) -> Tensor:
    """Equation (1), the matrices blended first."""
    return (torch.einsum("ij,jab->iab", w, S) @ with_one(x)[..., None])[:, :3, 0]


def log_mixture(uv: Tensor, bone_uv: Tensor, logits: Tensor, mean: Tensor, factor: Tensor) -> Tensor:
    """log of pi N by the library's normal distribution, (V, J, K)."""
    a, b, c = factor.unbind(-1)
    L = torch.stack([a.exp(), torch.zeros_like(a), b, c.exp()], -1).unflatten(-1, (2, 2))
    normal = torch.distributions.MultivariateNormal(bone_uv[:, None] + mean, scale_tril=L)
    return logits.log_softmax(-1) + normal.log_prob(uv[:, None, None])


def mixture(uv: Tensor, bone_uv: Tensor, logits: Tensor, mean: Tensor, factor: Tensor) -> Tensor:
    return log_mixture(uv, bone_uv, logits, mean, factor).logsumexp(-1).softmax(1)


def plain_mixture(*given: Tensor) -> Tensor:
    g = log_mixture(*given).exp().sum(-1)
    return g / g.sum(1, keepdim=True)


def bound(
    places: Tensor, uv: Tensor, faces: Tensor, vertices: Tensor, best: Callable[[Tensor], Tensor] = torch.argmax
) -> Tensor:
    """Equation (3), place by place; `best` chooses the triangle by its smallest coordinate."""
    found = []
    for place in places:
        beta = torch.stack([by_areas(place, uv[face]) for face in faces])
        f = best(beta.amin(1))
        found.append(beta[f] @ vertices[faces[f]])
    return torch.stack(found)


def strictly_bound(places: Tensor, uv: Tensor, faces: Tensor, vertices: Tensor) -> Tensor:
    """As `bound`, with the place at a vertex left at the origin: no triangle contains it strictly."""
    found = bound(places, uv, faces, vertices)
    return torch.where(torch.cdist(places, uv).amin(1)[:, None] < 1e-6, 0.0, found)


def to_border(x: Tensor, a: Tensor, b: Tensor, clamp: bool = True) -> Tensor:
    shares = [share(x, *ends) for ends in zip(a, b, strict=True)]
    feet = [on_edge(x, p, q, t.clamp(0, 1) if clamp else t) for p, q, t in zip(a, b, shares, strict=True)]
    feet = torch.stack(feet)
    return feet[(feet - x).norm(dim=-1).argmin(0), torch.arange(len(x))]


def by_product_rule(w: Tensor, dw: Tensor, x: Tensor, dx: Tensor, D: Tensor) -> Tensor:
    """d(sum w x) = sum dw x + w dx, a bone after the other."""
    return sum(torch.outer(x[j], dw[j]) + w[j] * dx[j] @ D for j in range(len(w)))  # type: ignore[return-value]


RIGHT: dict[str, Answer] = {
    "turn_about": lambda points, R, pivot: pivot + (points - pivot) @ R.T,
    "rodrigues": lambda r: by_fractions(r, each),
    "nine_numbers": lambda t, r, s: motion(by_fractions(r, each) * s, t),
    "parents_first": lambda parents: level_by_level(parents),
    "down_the_tree": lambda B, T, parents: down(B, T, parents),
    "skin_by_hand": lambda x, w, S: skinned(x, w, S),
    "hold_still": lambda Gp, Bp, B, wanted: inv(Gp @ inv(Bp) @ B) @ wanted,
    "waist": lambda angle, w: torch.hypot(1 - w + w * angle.cos(), w * angle.sin()),
    "share_out": lambda g: g / g.sum(1, keepdim=True),
    "log_sum": lambda z: z.amax(1) + (z - z.amax(1, keepdim=True)).exp().sum(1).log(),
    "factor_of": lambda long, short, angle: factor(long**2, short**2, angle),
    "weights_by_hand": lambda *given: mixture(*given),
    "border": lambda apart, s0, s1: by_halving(apart, s0, s1),
    "barycentric": lambda points, corners: by_areas(points, corners),
    "bind_by_hand": lambda places, uv, faces, vertices: bound(places, uv, faces, vertices),
    "onto_the_chart": lambda x, inside, a, b: torch.where(inside[:, None], x, to_border(x, a, b)),
    "both_branches": lambda w, dw, x, dx, D: by_product_rule(w, dw, x, dx, D),
    "jacobians": lambda v, u: two_edges(v) @ inv(two_edges(u)),
    "nearest_on_edge": lambda x, a, b: on_edge(x, a, b, share(x, a, b).clamp(0, 1)),
    "reach_of_step": lambda D, h: tuple(h * torch.linalg.svdvals(D)),
}

WRONG: list[tuple[str, Answer, str]] = [
    ("turn_about", lambda x, R, p: x @ R.T, "not subtracted"),
    ("turn_about", lambda x, R, p: (x - p) @ R.T, "not added again"),
    ("turn_about", lambda x, R, p: x @ R.T + p, "not subtracted before"),
    ("turn_about", in_place, "changes its argument points"),
    ("turn_about", lambda x, R, p: p + R @ (x - p).T, "your code stops at line"),
    ("turn_about", lambda x, R, p: p[:, None] + R @ (x - p).T, "wrong way round"),
    ("turn_about", lambda x, R, p: x @ R + p, "other way round, and the pivot was not subtracted before"),
    ("turn_about", lambda x, R, p: (x - p) @ R.T - p, "do not subtract it"),
    ("rodrigues", lambda r: rotation_matrix(torch.deg2rad(r)), "degrees"),
    ("rodrigues", lambda r: torch.eye(3) + torch.sinc(each(r) / math.pi) * cross(r), "is missing"),
    ("rodrigues", lambda r: by_fractions(r, lambda x: x.norm()), "all vectors together"),
    ("rodrigues", divided, "for r = 0 it gives nan"),
    ("rodrigues", patched, "derivative there is nan"),
    ("rodrigues", lambda r: by_fractions(r.detach(), each), "gradient is cut"),
    ("rodrigues", lambda r: by_fractions(r, each)[..., 0, :], "first along axis 2 only"),
    ("nine_numbers", lambda t, r, s: motion(rotation_matrix(-r) * s, t), "the other way round"),
    ("nine_numbers", lambda t, r, s: motion(torch.diag(s), t), "the turn is missing"),
    ("nine_numbers", lambda t, r, s: motion(rotation_matrix(r) * s, rotation_matrix(r) @ t), "was turned too"),
    ("nine_numbers", lambda t, r, s: motion(rotation_matrix(r) * s.exp(), t), "leave exp out"),
    ("nine_numbers", lambda t, r, s: motion(rotation_matrix(torch.deg2rad(r)) * s, t), "degrees"),
    ("nine_numbers", lambda t, r, s: motion(rotation_matrix(r) * s, t)[:3], "the last row, 0, 0, 0, 1, is missing"),
    ("nine_numbers", lambda t, r, s: motion(rotation_matrix(r) * s, t).T, "transposed"),
    ("parents_first", lambda parents: level_by_level(parents)[::-1], "turned round"),
    ("parents_first", lambda parents: level_by_level(parents)[:-1], "is missing"),
    ("parents_first", lambda parents: [-1, *level_by_level(parents)], "-1 is not a bone"),
    ("parents_first", lambda parents: [[j] for j in level_by_level(parents)], "one flat list"),
    ("parents_first", lambda parents: [parents.pop() for _ in range(3)], "changes its argument parents"),
    ("down_the_tree", child_first, "the order of the product"),
    ("down_the_tree", bone_to_world, "these are the G_j"),
    ("down_the_tree", in_turn, "parents come first"),
    ("down_the_tree", lambda B, T, parents: down(B, T, parents).mT, "transposed"),
    ("down_the_tree", lambda B, T, parents: list(down(B, T, parents)), "make one tensor"),
    ("down_the_tree", lambda B, T, parents: down(B, T, parents)[level_by_level(parents)], "not in the order"),
    ("skin_by_hand", lambda x, w, S: skinned(x, w, S.mT), "the matrices act on columns"),
    ("skin_by_hand", lambda x, w, S: skinned(x, w.T, S), "along the wrong axis"),
    ("skin_by_hand", lambda x, w, S: skinned(x, torch.ones_like(w), S), "the weights are missing"),
    ("skin_by_hand", lambda x, w, S: w[:, -1:] * (with_one(x) @ S[-1].T)[:, :3], "only the last bone counts"),
    ("skin_by_hand", lambda x, w, S: with_one(skinned(x, w, S)), "return the first three columns"),
    (
        "skin_by_hand",
        lambda x, w, S: w.T[..., None] * (with_one(x) @ S.mT)[..., :3],
        "the sum over the bones is missing",
    ),
    ("skin_by_hand", lambda x, w, S: skinned(x, w, S) if len(S) == 4 else x, "it works for 4 bones"),
    ("hold_still", lambda Gp, Bp, B, wanted: Gp @ inv(Bp) @ B @ wanted, "the inverse is missing"),
    ("hold_still", lambda Gp, Bp, B, wanted: wanted @ inv(Gp @ inv(Bp) @ B), "order of the product"),
    ("hold_still", lambda Gp, Bp, B, wanted: inv(Gp) @ wanted, "B_parent^-1 B is missing"),
    ("hold_still", lambda Gp, Bp, B, wanted: inv(Gp @ inv(Bp) @ B) @ B, "an argument of its own"),
    ("hold_still", lambda Gp, Bp, B, wanted: inv(Gp) @ wanted @ B, "mm from where it should be"),
    ("hold_still", lambda Gp, Bp, B, wanted: inv(Bp) @ B @ inv(Gp) @ wanted, "wrong order"),
    ("waist", lambda angle, w: (w * angle).cos(), "you blended the angles"),
    ("waist", lambda angle, w: 1 - w * angle.sin(), "there the angle is"),
    ("waist", lambda angle, w: (angle / 2).cos().abs(), "should follow w"),
    ("waist", lambda angle, w: 1 - w + w * angle.cos(), "the sine is missing"),
    ("waist", lambda angle, w: torch.hypot(1 - w + w * angle.deg2rad().cos(), w * angle.deg2rad().sin()), "degrees"),
    ("share_out", lambda g: g / g.sum(0), "over the wrong axis"),
    ("share_out", lambda g: g / g.sum(), "the whole table"),
    ("share_out", lambda g: g.softmax(1), "softmax takes exp first"),
    ("share_out", lambda g: g.div_(g.sum(1, keepdim=True)), "changes its argument g"),
    ("share_out", lambda g: g**2 / g.sum(1, keepdim=True), "sums to"),
    ("log_sum", lambda z: z.exp().sum(1).log(), "left the range of float32"),
    ("log_sum", lambda z: z.max() + (z - z.max()).exp().sum(1).log(), "rows that differ much"),
    ("log_sum", lambda z: (z - z.amax(1, keepdim=True)).exp().sum(1).log(), "not added again"),
    ("log_sum", lambda z: z.amax(1) + (z - z.amax(1)).exp().sum(1).log(), "c[:, None]"),
    ("log_sum", lambda z: z.logsumexp(0), "k is the last axis"),
    ("log_sum", lambda z: z.logsumexp(1, keepdim=True), "axis of length 1"),
    ("factor_of", lambda long, short, angle: factor(long, short, angle), "Sigma holds their squares"),
    ("factor_of", lambda long, short, angle: factor(long**2, short**2, math.radians(angle)), "degrees"),
    ("factor_of", lambda long, short, angle: factor(short**2, long**2, angle), "swapped"),
    ("factor_of", lambda long, short, angle: lower(*factor(long**2, short**2, angle)), "this is L itself"),
    (
        "factor_of",
        lambda long, short, angle: tuple(
            f(x) for f, x in zip((math.exp, float, math.exp), factor(long**2, short**2, angle), strict=True)
        ),
        "logarithms of the diagonal",
    ),
    ("weights_by_hand", lambda *given: log_mixture(*given).logsumexp(-1).softmax(0), "over the vertices"),
    ("weights_by_hand", lambda *given: log_mixture(*given).logsumexp(-1), "softmax over the bones is still missing"),
    ("weights_by_hand", lambda *given: log_mixture(*given).logsumexp(-1).exp(), "the division by the sum"),
    ("weights_by_hand", lambda *given: log_mixture(*given).sum(-1).softmax(1), "logsumexp, not sum"),
    ("weights_by_hand", lambda u, z, p, m, f: mixture(u, 0 * z, p, m + z, f), "along the wrong axis"),
    ("weights_by_hand", lambda u, z, p, m, f: mixture(u, z, p, -m, f), "the sign"),
    ("weights_by_hand", lambda u, z, p, m, f: mixture(u, z, p, 0 * m, f), "their offsets"),
    ("weights_by_hand", lambda u, z, p, m, f: mixture(u, z, 0 * p, m, f), "count alike"),
    (
        "weights_by_hand",
        lambda *given: log_mixture(*given).softmax(1).mean(-1),
        "each Gaussian was normalised by itself",
    ),
    ("weights_by_hand", lambda *given: mixture(*given)[:, :1], "expected (7, 3)"),
    ("weights_by_hand", plain_mixture, "until the Gaussians get narrow"),
    ("border", lambda apart, s0, s1: apart / 2, "this is the middle"),
    ("border", lambda apart, s0, s1: apart * s0 / (s0 + s1), "fraction in front is missing"),
    ("border", lambda apart, s0, s1: by_halving(apart, s0, s1, 1.0), "two dimensions"),
    ("border", lambda apart, s0, s1: apart - by_halving(apart, s0, s1), "measured from bone 1"),
    ("border", root, "divides by 0"),
    ("border", lambda apart, s0, s1: root(apart, s0, s1, -1.0), "other root"),
    ("border", lambda apart, s0, s1: 0.3 * apart, "times as high"),
    ("barycentric", lambda x, c: by_areas(x, c) * area(*c), "divide the areas"),
    ("barycentric", lambda x, c: by_areas(x, c).roll(1, 1), "the order"),
    ("barycentric", lambda x, c: by_areas(x, c) * area(*c).sign(), "only for corners that go round anticlockwise"),
    ("barycentric", lambda x, c: by_areas(x, c)[:, 1:], "expected (5, 3)"),
    ("bind_by_hand", lambda x, u, f, v: bound(x, u, f, v, torch.argmin), "as LARGE as possible"),
    ("bind_by_hand", lambda x, u, f, v: list(bound(x, u, f, v)), "make one tensor"),
    (
        "bind_by_hand",
        lambda x, u, f, v: torch.stack([v[f[k]].mean(0) for k in range(len(x))]),
        "the middle of the triangle",
    ),
    ("bind_by_hand", strictly_bound, "a place at a vertex"),
    ("onto_the_chart", lambda x, inside, a, b: to_border(x, a, b), "a place on the chart stays"),
    ("onto_the_chart", lambda x, inside, a, b: torch.where(inside[:, None], to_border(x, a, b), x), "wrong way round"),
    (
        "onto_the_chart",
        lambda x, inside, a, b: torch.where(inside[:, None], x, to_border(x, a, b, False)),
        "beyond the end of an edge",
    ),
    ("both_branches", lambda w, dw, x, dx, D: by_product_rule(w, dw, x, dx.mT, D), "dmoved is transposed"),
    ("both_branches", lambda w, dw, x, dx, D: by_product_rule(0 * w + 1, dw, x, dx, D), "counts by its weight"),
    ("both_branches", lambda w, dw, x, dx, D: by_product_rule(w, dw, x, dx, D).T, "transposed"),
    ("jacobians", lambda v, u: two_edges(v) @ two_edges(u), "the inverse of U is missing"),
    ("jacobians", lambda v, u: two_edges(v) @ inv(u[:, 1:].mT), "u_0 was not subtracted"),
    ("jacobians", lambda v, u: -two_edges(v) @ inv(two_edges(u)), "the wrong way round"),
    ("jacobians", lambda v, u: inv(two_edges(u)) @ two_edges(v), "your code stops at line"),
    ("nearest_on_edge", lambda x, a, b: on_edge(x, a, b, share(x, a, b)), "was not clamped"),
    ("nearest_on_edge", lambda x, a, b: share(x, a, b).clamp(0, 1), "this is t, the share"),
    ("nearest_on_edge", lambda x, a, b: on_edge(x, a, b, share(x, a, b).clamp(0, 1)) - a, "a was not added again"),
    ("nearest_on_edge", lambda x, a, b: on_edge(x, a, b, share(x, 0 * a, b - a).clamp(0, 1)), "a was not subtracted"),
    (
        "nearest_on_edge",
        lambda x, a, b: on_edge(x, a, b, (share(x, a, b) * (b - a).norm()).clamp(0, 1)),
        "not by the length",
    ),
    ("nearest_on_edge", lambda x, a, b: torch.clamp(x, a, b), "you clamped each coordinate by itself"),
    ("reach_of_step", lambda D, h: torch.linalg.svdvals(D), "factor h is missing"),
    ("reach_of_step", lambda D, h: h * torch.linalg.svdvals(D).flip(0), "swapped"),
    ("reach_of_step", lambda D, h: h * D.norm(dim=0), "along u and along v only"),
    ("reach_of_step", lambda D, h: h * torch.linalg.eigvalsh(D.T @ D).flip(0), "take the root"),
]


def test_every_exercise_of_these_lessons_is_tested() -> None:
    names = [one.name for one in exercises().values() if one.lesson in ("01", "02", "03")]
    assert set(names) == set(RIGHT)
    for name in names:
        assert len({said for exercise, _, said in (*WRONG, *lessons_00_03.WRONG) if exercise == name}) >= 3, name


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
        assert all(len(why) > 20 and not why.startswith("Right") for why in question.why), "the box says so already"
