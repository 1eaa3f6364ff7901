"""Lessons 4 to 9: each slip that a checker lists gets its words.

More wrong answers, as learners write them, are in `wrong_answers`.
"""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch

from asm_teach.course import check
from asm_teach.course.lessons.lesson04 import left_over


@pytest.fixture(autouse=True)
def _file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASM_TEACH_PROGRESS", str(tmp_path / "progress.json"))


HALF = math.log(2) / 2


def in_place(A, d):
    A -= torch.eye(3)
    return A @ d


def nme(vertices, goal, one, other):
    return 100 * (vertices - goal).norm(dim=1).mean() / (one - other).norm()


def slope_c(u, c, a):
    return (u - c) / (2 * a).exp()


def slope_a(u, c, a):
    return (u - c) ** 2 / (2 * a).exp() - 1


def damped(N, rho):
    return N + rho * N.diagonal().mean() * torch.eye(len(N))


def tame(N, right, rho, identity):
    return torch.linalg.solve(damped(N, rho), right + rho * N.diagonal().mean() * identity)


def spoiled(N, right, rho, identity):
    found = tame(N, right, rho, identity)
    N += 1
    return found


def fall(d, cosine, c, power=2.0):
    return (1 + (d / c) ** 2) ** -power * (cosine > 0.5)


def mirrored(x, n, o):
    return x - 2 * (x @ n - o)[:, None] * n


def space(share, z):
    b = share / z
    return b / b.sum(1, keepdim=True), 1 / b.sum(1)


def outline(t, own, beyond):
    return (own, beyond + (t - 0.5) * (own - beyond)) if t > 0.5 else (own + (0.5 - t) * (beyond - own), beyond)


def step(r, g, b):
    b = b[:, None]
    c, mean_g = (b * r).sum(0) / b.sum(), (b * g).sum(0) / b.sum()
    return -(b * g * (r - c)).sum() / ((b * g * g).sum() - b.sum() * mean_g.square().sum())


def weighted_step(r, g, b):
    b = b[:, None]
    return -(b * g * (r - r.mean(0))).sum() / (b * g * g).sum()


def pairs(mine, other):
    return torch.tensor([other[key] - mine[key] for key in mine if key in other])


CASES = [
    ("largest_K", 9, "460 too many"),
    ("largest_K", 7, "one more Gaussian per bone costs 504, and 548 are left"),
    ("largest_K", 8.08, "a whole number"),
    ("largest_K", "8", "one number"),
    ("extra_translation", lambda A, d: d - A @ d, "the sign"),
    ("extra_translation", lambda A, d: A @ d, "the I of I - A is missing"),
    ("extra_translation", lambda A, d: -d, "the A of I - A is missing"),
    ("extra_translation", lambda A, d: d[:, None] - A, "(3, 3), expected (3,)"),
    ("extra_translation", in_place, "changes its argument A in place"),
    ("extra_translation", lambda A, d: 2 * (A @ d - d), "but wrong for other A"),
    ("flat_reach", lambda a, b, c: (a, b, c), "nothing has changed yet"),
    ("flat_reach", lambda a, b, c: (a + HALF, 0.1, c - HALF), "tilts"),
    ("flat_reach", lambda a, b, c: (a - HALF, b, c + HALF), "a belongs to u"),
    ("flat_reach", lambda a, b, c: (2 * a, b, c), "logarithms"),
    ("flat_reach", lambda a, b, c: (a + 2 * HALF, b, c - 2 * HALF), "four times"),
    ("flat_reach", lambda a, b, c: (a + 2 * HALF, b, c), "det L is twice what it was"),
    ("best_width", 1.0, "0.701 mm at 1.0; a wider start leaves less"),
    ("best_width", 3.5, "a narrower start leaves less"),
    ("best_width", -1.0, "one number above 0"),
    ("nme", lambda v, g, a, b: nme(v, g, a, b) / 100, "that is a share"),
    ("nme", lambda v, g, a, b: (v - g).norm(dim=1).mean(), "that is in mm"),
    ("nme", lambda v, g, a, b: 100 * (v - g).square().sum(1).mean().sqrt() / (a - b).norm(), "root of the mean square"),
    ("nme", lambda v, g, a, b: 100 * (v - g).abs().mean() / (a - b).norm(), "mean over coordinates"),
    ("exponent_slopes", lambda u, c, a: (-slope_c(u, c, a), slope_a(u, c, a)), "by c: the sign"),
    ("exponent_slopes", lambda u, c, a: (slope_c(u, c, a), slope_a(u, c, a) + 1), "height of the Gaussian"),
    ("exponent_slopes", lambda u, c, a: (slope_c(u, c, a), (slope_a(u, c, a) + 1) / 2 - 1), "a factor of 2"),
    ("exponent_slopes", lambda u, c, a: (slope_c(u, c, a) * a.exp(), 0), "it is s squared"),
    ("exponent_slopes", lambda u, c, a: (slope_c(u, c, a), None), "by a is still missing"),
    ("tame", lambda N, b, rho, i: torch.linalg.solve(damped(N, rho), b), "prefers S near 0"),
    ("tame", lambda N, b, rho, i: torch.linalg.solve(N + rho * torch.eye(len(N)), b + rho * i), "multiple of the mean"),
    ("tame", lambda N, b, rho, i: b[:3], "expected (336, 3)"),
    ("tame", spoiled, "changes N in place"),
    ("next_damping", lambda damping, gain: 1e9 if gain < 0 else damping, "section 5 reaches"),
    ("next_damping", lambda damping, gain: math.inf, "keep it above 0 and finite"),
    ("tutte_middle", [0.5, 0.99], "is flipped"),
    ("tutte_middle", [0.45, 0.45], "not the mean of its neighbours"),
    ("tutte_middle", [1.0], "two finite numbers"),
    ("mended_marks", {"chins": [0, 0, 0]}, "no landmark 'chins'"),
    ("make_alike", lambda p, q, n, o: (p + mirrored(p, n, o)) / 2, "own mirror image"),
    ("make_alike", lambda p, q, n, o: (p + p[q]) / 2, "not mirrored"),
    ("make_alike", lambda p, q, n, o: (p + p[q] - (p[q] @ n - o)[:, None] * n) / 2, "twice the distance"),
    ("make_alike", lambda p, q, n, o: (p + mirrored(p[q], n, 0.0)) / 2, "the offset is missing"),
    ("make_alike", lambda p, q, n, o: mirrored(p[q], n, o), "the mean of both"),
    ("make_alike", lambda p, q, n, o: p + mirrored(p[q], n, o), "the sum, not the mean"),
    ("make_alike", lambda p, q, n, o: p * 2, "still differ by"),
    ("trust", lambda d, cosine, c: fall(d, cosine, c, 1.0), "square once more"),
    ("trust", lambda d, cosine, c: 1 / (1 + d / c) * (cosine > 0.5), "a collar would win"),
    ("trust", lambda d, cosine, c: fall(d, cosine.abs(), c), "-1 is the other side"),
    ("trust", lambda d, cosine, c: fall(d, cosine + 0.001, c), "> and not >="),
    ("trust", lambda d, cosine, c: fall(d, cosine, 6.0), "only d / c matters"),
    ("trust", lambda d, cosine, c: fall(d, cosine, c) * cosine, "count in full"),
    ("pixel_of", lambda x, f, c: f * x[:2] / x[2], "principal point is missing"),
    ("pixel_of", lambda x, f, c: f * x[:2] + c, "did not divide by the depth"),
    ("pixel_of", lambda x, f, c: f * x[:2] / x.norm() + c, "not by the depth"),
    ("pixel_of", lambda x, f, c: x[:2] / x[2] + c, "focal length is missing"),
    ("pixel_of", lambda x, f, c: (f * x[:2] / x[2] + c).flip(0), "swapped"),
    ("pixel_of", lambda x, f, c: f * x[:2] / x[2] * torch.tensor([1.0, -1.0]) + c, "do not turn it over"),
    ("distance_of", lambda w, p, lens, n: lens * w / p, "36 mm of film"),
    ("distance_of", lambda w, p, lens, n: lens / 36 * n * p / w, "upside down"),
    ("distance_of", lambda w, p, lens, n: 625.0, "not for another lens"),
    ("into_space", lambda s, z: (s, (s * z).sum(1)), "still the weights of the screen"),
    ("into_space", lambda s, z: (s / z, z[:, 0]), "divide by its sum"),
    ("into_space", lambda s, z: (s * z / (s * z).sum(1, keepdim=True), z[:, 0]), "from space to the screen"),
    ("into_space", lambda s, z: (space(s, z)[0], 1 / space(s, z)[1]), "one over the depth"),
    ("into_space", lambda s, z: space(s, z)[0], "two tensors"),
    ("into_space", lambda s, z: (space(s, z)[0] + 0.1, z[:, 0]), "row 0 sums to 1.3"),
    ("repair", lambda t, own, beyond: outline(t.round(), own, beyond), "sum of both should change by own - beyond"),
    ("repair", lambda t, own, beyond: (own - t * (own - beyond), beyond), "the sign"),
    ("repair", lambda t, own, beyond: (own + t, beyond), "both lie between the two colours"),
    ("repair", lambda t, own, beyond: (own, beyond + t * (own - beyond)), "neither has a part"),
    ("dolly_zoom", 240, "further away"),
    ("dolly_zoom", 600, "2.5 times as large"),
    ("dolly_zoom", 1.5, "in metres"),
    ("dolly_zoom", 1000, "2.25 pixels per mm, not 1.50"),
    ("immune", lambda x: x / x.mean() * 0 + 1, "all its numbers are the same"),
    ("immune", lambda x: x.log().mean(), "a row of 25 numbers"),
    ("step_of", lambda r, g, b: -step(r, g, b), "the sign"),
    ("step_of", lambda r, g, b: step(r, g, torch.ones(3)), "weights b are missing"),
    ("step_of", lambda r, g, b: -(b[:, None] * g * r).sum() / (b[:, None] * g * g).sum(), "drawn to zero"),
    ("depth_error", lambda t, s, e: e / (s * math.sin(t / 2)), "only one picture"),
    ("depth_error", lambda t, s, e: e / (2 * s * math.sin(t)), "half the angle"),
    ("depth_error", lambda t, s, e: e / (2 * s * math.tan(t / 2)), "tangent"),
    ("depth_error", lambda t, s, e: e * s / (2 * math.sin(t / 2)), "divide the pixels by the size"),
    ("depth_error", lambda t, s, e: e, "the projection gives"),
    ("error_floor", lambda a, b: (4 * b**2 - a**2) / 3, "its square"),
    ("error_floor", lambda a, b: (4 * b - a) / 3, "square both"),
    ("error_floor", lambda a, b: 0.6, "expected 1.100"),
    ("crossing", lambda f1, c1, f2, c2: (c2 - c1) / (f1 - f2), "squares are missing"),
    ("crossing", lambda f1, c1, f2, c2: (f1**2 - f2**2) / (c2**2 - c1**2), "upside down"),
    ("crossing", lambda f1, c1, f2, c2: 7.0, "at N = 7.00 the first has"),
    ("estimate", lambda d, s, p: d * s**2 / (p**2 + s**2), "exchanged"),
    ("estimate", lambda d, s, p: d * p / (p + s), "squares are missing"),
    ("estimate", lambda d, s, p: d, "prior is not used"),
    ("fair", lambda mine, other: (-pairs(mine, other).mean(), 0.0), "other minus mine"),
    ("fair", lambda mine, other: (pairs(mine, other).mean(), pairs(mine, other).std()), "root of n"),
    ("fair", lambda mine, other: (pairs(mine, other).mean(), pairs(mine, other).std() / 10), "you divide by n"),
    ("fair", lambda mine, other: (pairs(mine, other).sum() / 12, 0), "settings that both have"),
    ("pixel_of", lambda x, f, c: (f * x[:2] / x[2] + c).round(), "do not round"),
    ("pixel_of", lambda x, f, c: x[:2] / (f * x[2]) + c, "multiplies"),
    ("distance_of", lambda w, p, lens, n: lens / 36 * n * w / p / 10, "centimetres"),
    ("distance_of", lambda w, p, lens, n: lens / 36 * n, "focal length in pixels"),
    ("into_space", lambda s, z: (1 / (s / z).sum(1), s / z / (s / z).sum(1, keepdim=True)), "in the wrong order"),
    ("repair", lambda t, own, beyond: (t * own + (1 - t) * beyond, beyond), "border of the two pixels"),
    ("dolly_zoom", 1501.5, "1.499"),
    ("step_of", weighted_step, "mean with the weights b"),
    ("depth_error", lambda angle, size, precision: precision / (size * angle), "small angles"),
    ("error_floor", lambda a, b: math.sqrt(4 * b * b - a * a), "divide by 3"),
    ("error_floor", lambda a, b: math.sqrt(a * a - b * b), "tells c"),
    ("error_floor", lambda a, b: math.sqrt(abs(16 * b * b - a * a) / 15), "not by its square"),
    ("crossing", lambda f1, c1, f2, c2: ((c2**2 - c1**2) / (f1**2 - f2**2)) ** 0.5, "root"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "answer", "words"), CASES, ids=[f"{name} {words[:24]}" for name, _, words in CASES])
def test_a_wrong_answer_gets_its_words(name, answer, words):
    verdict = getattr(check, name)(answer)
    assert not verdict.ok and any(part in verdict.message for part in words.split("|")), verdict.message


def test_the_repair_itself_is_right():
    def repair(t, own, beyond):
        if t > 0.5:
            return own, beyond + (t - 0.5) * (own - beyond)
        return own + (0.5 - t) * (beyond - own), beyond

    assert check.repair(repair).ok


def test_left_over_refuses_what_is_no_factor():
    for factor in (0, -1.0, math.nan, None):
        with pytest.raises(ValueError, match="a number above 0"):
            left_over(factor)


def test_the_small_problem_has_the_jacobian_of_autograd():
    from asm_teach.course.checks.topics.damping import SmallFit

    fit = SmallFit.of_lesson_5()
    stir = 0.1 * torch.randn(14 * 12, generator=torch.Generator().manual_seed(1)).double()
    state = fit.moved(fit.beginning, stir)
    zero = torch.zeros(14 * 12, dtype=torch.float64, requires_grad=True)
    energy = (fit.face(fit.moved(state, zero)) - fit.aim).square().sum()
    (by_autograd,) = torch.autograd.grad(energy, zero)
    H, slope = fit.system(state)
    assert torch.allclose(2 * slope, by_autograd, rtol=1e-8, atol=1e-6)
    step, promised = fit.step(H, slope, 1e6)  # so short that the linear picture holds
    fallen = fit.left(state) - fit.left(fit.moved(state, step))
    assert promised > 0 and abs(fallen / promised - 1) < 1e-2
