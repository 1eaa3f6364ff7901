"""Natural wrong answers to the exercises of lessons 4 to 6, and a part of the words that each should get."""

from __future__ import annotations

import math

import numpy as np
import torch

from asm_teach.course.checks.topics.rebuilding import face_by_slip
from asm_teach.course.lessons.lesson06 import RING, wrong_clicks

half = math.log(2) / 2
CLICKS = wrong_clicks()[1]


def face(vertices, faces, uv, parents, theta, **instead):
    return face_by_slip(vertices, faces, uv, parents, {**theta, **instead})


def lengths(vertices, goal):
    return (vertices - goal).norm(dim=1)


def slopes(u, c, s):
    return (u - c) / s**2, (u - c) ** 2 / s**2 - 1


def m(N, rho):
    return rho * N.diagonal().mean()


def eye(N):
    return torch.eye(len(N))


def mirrored(x, n, o):
    return x - 2 * (x @ n - o)[:, None] * n


def near(d, c):
    return 1 / (1 + (d / c) ** 2) ** 2


def by_if(d, cosine, c):
    return near(d, c) if cosine > 0.5 else 0 * d


def unread(damping, gain):
    if gain > 0.75:
        return damping / 3
    if gain < 0.25:
        return damping * 4


WRONG = [
    ("largest_K", 59, "25,660 too many"),
    ("largest_K", 5000 / 84, "K counts Gaussians, so it is a whole number from 1 on"),
    ("largest_K", 3, "one more Gaussian per bone costs 504, and 2,564 are left"),
    ("largest_K", 0, "K counts Gaussians, so it is a whole number from 1 on"),
    ("extra_translation", lambda A, d: A * d - d, "`*` multiplies number by number; the product of a matrix"),
    (
        "extra_translation",
        lambda A, d: (torch.eye(3) - A) * d,
        "`*` multiplies number by number; the product of a matrix",
    ),
    ("extra_translation", lambda A, d: d @ A - d, "A is transposed: matrices act on column vectors, A @ d"),
    (
        "extra_translation",
        lambda A, d: torch.linalg.inv(A) @ d - d,
        "A was inverted: the vertex moves by d - A d, with A itself",
    ),
    ("extra_translation", lambda A, d: (A - 1) @ d, "I is the identity matrix, torch.eye(3); `A - 1` subtracts 1"),
    ("extra_translation", lambda A, d: A @ d[:, None] - d, "(n,) and (n, 1) broadcast to (n, n); give both the same"),
    ("extra_translation", lambda A, d: A @ d + d, "both terms have the same sign: one of them takes the other"),
    ("flat_reach", lambda a, b, c: (2 * a, b, c / 2), "a and c are logarithms: to make a width twice as large, add"),
    (
        "flat_reach",
        lambda a, b, c: (a * math.sqrt(2), b, c / math.sqrt(2)),
        "a and c are logarithms: to make a width twice as large, add",
    ),
    ("flat_reach", lambda a, b, c: (a + half, b, c), "a is right, but c stays: then the volume grows, and it is"),
    (
        "flat_reach",
        lambda a, b, c: (a + math.sqrt(2), b, c - math.sqrt(2)),
        "a and c are logarithms: to make a width twice as large, add",
    ),
    ("flat_reach", lambda a, b, c: (a + 1, b, c - 1), "a and c are logarithms: to make a width twice as large, add"),
    (
        "flat_reach",
        lambda a, b, c: (a + half, b, c + half),
        "it is larger, but still round: c has to fall by what a gains",
    ),
    (
        "flat_reach",
        lambda a, b, c: (math.exp(a) * 2, b, math.exp(c)),
        "these are widths; return their logarithms, and keep the",
    ),
    ("flat_reach", lambda a, b, c: (a + half, c - half), "return three finite numbers: the new a, b and c"),
    ("flat_reach", lambda a, b, c: (a.exp(), b, c), "a plain number has no .exp: use a function of math"),
    (
        "whole_face",
        lambda v, f, u, p, t: face(v, f, u, p, t, mixture_mean=t["mixture_mean"] - t["bone_uv"][:, None]),
        "the Gaussians sit at ζ + μ: `mixture_mean` is measured from",
    ),
    (
        "whole_face",
        lambda v, f, u, p, t: face_by_slip(v, f, u, p, t, "over_bones"),
        "π is the softmax over the K Gaussians of one bone; yours",
    ),
    (
        "whole_face",
        lambda v, f, u, p, t: face(v, f, u, p, t, log_scale=t["log_scale"].log1p()),
        "the scale of a bone is exp(`log_scale`), not 1 + `log_scale`",
    ),
    (
        "whole_face",
        lambda v, f, u, p, t: face(v, f, u, p, t, rotation=t["rotation"].deg2rad()),
        "`rotation` is in radians already",
    ),
    (
        "whole_face",
        lambda v, f, u, p, t: face(
            v,
            f,
            u,
            p,
            t,
            mixture_factor=t["mixture_factor"] * torch.tensor([1, 0.5**0.5, 1]) - torch.tensor([half, 0, half]),
        ),
        "the exponent is -(x² + y²) / 2: the half is missing",
    ),
    (
        "whole_face",
        lambda v, f, u, p, t: face(v, f, u, p, t, translation=-t["translation"]),
        "the translations go backwards: t has the wrong sign",
    ),
    (
        "whole_face",
        lambda v, f, u, p, t: face(v, f, u, p, t)[None],
        "the numbers are right, but an axis of length 1 is too many",
    ),
    (
        "whole_face",
        lambda v, f, u, p, t: torch.cat([face(v, f, u, p, t), torch.ones(len(v), 1)], 1),
        "the first 3 along axis 1 are right: leave out the rest",
    ),
    ("whole_face", lambda v, f, u, p, t: v, "the template comes back as it was: nothing moves yet"),
    ("best_width", 0.5, "a wider start leaves less"),
    ("best_width", 10, "a narrower start leaves less"),
    ("best_width", "3", "the answer should be one number above 0 and below 50"),
    ("best_width", [2.0, 2.5], "the answer should be one number above 0 and below 50"),
    (
        "nme",
        lambda v, g, a, b: 100 * (v - g).norm(dim=0).mean() / (a - b).norm(),
        "the lengths are taken along the vertices: the three",
    ),
    ("nme", lambda v, g, a, b: 100 * (v - g).norm(dim=1) / (a - b).norm(), "the mean is still missing"),
    ("nme", lambda v, g, a, b: 100 * lengths(v, g).median() / (a - b).norm(), "that is the median; take the mean"),
    (
        "nme",
        lambda v, g, a, b: 100 * lengths(v, g).square().mean() / (a - b).norm(),
        "that is the mean of the squared distances; take the plain",
    ),
    (
        "nme",
        lambda v, g, a, b: 100 * lengths(v, g).mean() / (a - b).square().sum(),
        "you divide by the square of the distance of the two points:",
    ),
    (
        "nme",
        lambda v, g, a, b: 100 * lengths(v, g).mean() / (a - b).abs().sum(),
        "it is right while the two points lie along x; their",
    ),
    (
        "nme",
        lambda v, g, a, b: 100 * lengths(v, g).mean() / (a - b),
        "you divide by a vector: the distance of the two points is",
    ),
    (
        "nme",
        lambda v, g, a, b: 100 * lengths(v, g).mean() * (a - b).norm(),
        "you multiply by the distance of the two points: divide by it",
    ),
    ("exponent_slopes", lambda u, c, a: slopes(u, c, a), "s is e^a, not a"),
    (
        "exponent_slopes",
        lambda u, c, a: (slopes(u, c, a.exp())[0], (u - c) ** 2 / a.exp() ** 3 - 1),
        "the derivative by s has a factor ds/da = s left",
    ),
    (
        "exponent_slopes",
        lambda u, c, a: (2 * slopes(u, c, a.exp())[0], slopes(u, c, a.exp())[1]),
        "the 2 of the square and the 2 below cancel",
    ),
    (
        "exponent_slopes",
        lambda u, c, a: (slopes(u, c, a.exp())[0], -slopes(u, c, a.exp())[1] - 2),
        "the fraction's sign; s^2 stands below, so minus times minus",
    ),
    ("exponent_slopes", lambda u, c, a: slopes(u, c, math.e ** (2 * a)), "s^2 is e^(2a), so you divide by s^4"),
    (
        "exponent_slopes",
        lambda u, c, a: (u - c) / a.exp() ** 2,
        "return two numbers: the derivative by c and the one by a",
    ),
    (
        "exponent_slopes",
        lambda u, c, a: (slopes(u, c, a.exp())[0], 2 * (u - c) ** 2 / a.exp() ** 2 - 1),
        "the 2 that comes down and the 2 below cancel",
    ),
    (
        "exponent_slopes",
        lambda u, c, a: ((u - c) / a.exp() ** 2, (u - c) / a.exp() ** 2 - 1),
        "u - c has to be squared",
    ),
    (
        "tame",
        lambda N, r, rho, i: torch.linalg.solve(N + m(N, rho), r + m(N, rho) * i),
        "`N + m` adds to every entry; the new term adds m to the",
    ),
    (
        "tame",
        lambda N, r, rho, i: torch.linalg.solve(N + m(N, rho) * eye(N), r + rho * i),
        "on the right side, too, rho is a multiple of the mean",
    ),
    (
        "tame",
        lambda N, r, rho, i: torch.linalg.solve(N - m(N, rho) * eye(N), r - m(N, rho) * i),
        "the sign of rho: the new term adds on both sides",
    ),
    (
        "tame",
        lambda N, r, rho, i: torch.linalg.solve(N + rho * N.mean() * eye(N), r + rho * N.mean() * i),
        "rho is a multiple of the mean *diagonal*,",
    ),
    (
        "tame",
        lambda N, r, rho, i: torch.linalg.solve(N + m(N, rho) * i, r),
        "axes are compared from the last one; is a transpose, a [...,",
    ),
    (
        "tame",
        lambda N, r, rho, i: torch.linalg.solve(r, N + m(N, rho) * eye(N)),
        "a square matrix is needed there, yours is 336 by 3",
    ),
    (
        "tame",
        lambda N, r, rho, i: torch.linalg.solve(N + m(N, rho) * eye(N), r - m(N, rho) * i),
        "the sign of rho S_0 on the right side: it is added there",
    ),
    (
        "tame",
        lambda N, r, rho, i: torch.linalg.solve(N, r + m(N, rho) * i),
        "the new term stands on the right side only: rho I is",
    ),
    (
        "tame",
        lambda N, r, rho, i: torch.linalg.solve(N + torch.diag(rho * N.diagonal()), r + m(N, rho) * i),
        "each entry of the diagonal got its own rho on the left;",
    ),
    ("next_damping", lambda damping, gain: damping * 2, "few failed, but they are short: go lower"),
    (
        "next_damping",
        lambda damping, gain: damping * 3 if gain > 0.75 else damping / 4,
        "after a step that made things worse, the damping has to grow",
    ),
    ("next_damping", unread, "your function gives None: did you forget `return`, or is it"),
    ("next_damping", lambda damping, gain: damping, "after a step that made things worse, the damping has to grow"),
    ("next_damping", lambda damping, gain: damping - gain, "the damping became -0.354"),
    ("tutte_middle", RING.mean(), "this is one number, the mean of all eight: take the mean"),
    ("tutte_middle", RING.mean(1), "this is a mean of u and v for each corner: take the mean"),
    ("tutte_middle", [0.5, 0.5], "this is the middle of the box round the ring; take the mean"),
    ("tutte_middle", RING.sum(0), "this is the sum of the four corners: divide it by four"),
    ("tutte_middle", RING[:3].mean(0), "corner 3 is missing in the mean: all four are neighbours"),
    ("tutte_middle", RING.mean(0)[::-1].copy(), "u and v are swapped"),
    ("tutte_middle", np.vstack([RING, [0, 0]]).mean(0), "the vertex is not one of its own neighbours: divide by"),
    ("mended_marks", CLICKS, "point 8 (chin)"),
    ("mended_marks", {**CLICKS, "chin": [x / 10 for x in CLICKS["chin"]]}, "point 42 (left_eye_inner)"),
    ("mended_marks", {name: [x / 10 for x in p] for name, p in CLICKS.items()}, "point 8 (chin)"),
    (
        "mended_marks",
        {**CLICKS, "right_eye_inner": CLICKS["left_eye_inner"], "left_eye_inner": CLICKS["right_eye_inner"]},
        "point 8 (chin)",
    ),
    ("mended_marks", list(CLICKS.values()), "give a dictionary, name -> [x, y, z]; found list"),
    (
        "make_alike",
        lambda p, q, n, o: (p + mirrored(p[q], n, -o)) / 2,
        "the sign of the offset: the distance from the plane is n .",
    ),
    (
        "make_alike",
        lambda p, q, n, o: p[q] - 2 * (p[q] @ n - o) * n,
        "axes are compared from the last one; is a transpose, a [...,",
    ),
    (
        "make_alike",
        lambda p, q, n, o: (p + p[q] * torch.tensor([-1.0, 1.0, 1.0])) / 2,
        "this mirrors x alone; the plane has the normal n",
    ),
    (
        "make_alike",
        lambda p, q, n, o: (p - mirrored(p[q], n, o)) / 2,
        "this is half the difference; the mean is half the sum",
    ),
    (
        "make_alike",
        lambda p, q, n, o: (p + p[q] + 2 * (p[q] @ n - o)[:, None] * n) / 2,
        "the sign: the mirror image is x minus 2 (n . x - o) n",
    ),
    (
        "make_alike",
        lambda p, q, n, o: (p[q] + mirrored(p, n, o)) / 2,
        "you mirror the point and keep its partner; keep the point",
    ),
    ("make_alike", lambda p, q, n, o: p + mirrored(p[q], n, o) / 2, "only one of the two is halved: brackets"),
    (
        "make_alike",
        lambda p, q, n, o: (p + p[q] - 2 * (p[q] * n - o) * n) / 2,
        "n . x is one number per point, `other @ normal`; `*` gives",
    ),
    (
        "trust",
        lambda d, cosine, c: torch.exp(-((d / c) ** 2)) * (cosine > 0.5),
        "this is exp(-(d/c)^2), which is not 1/4 at the reach; a",
    ),
    ("trust", by_if, "`if`, `and` and `or` take one yes or no: for a whole tensor"),
    (
        "trust",
        lambda d, cosine, c: (d < c).float() * (cosine > 0.5),
        "this is a step: full up to the reach, and nothing beyond",
    ),
    (
        "trust",
        lambda d, cosine, c: near(d, c) * d * (cosine > 0.5),
        "this is the pull, weight times distance; return the weight",
    ),
    (
        "trust",
        lambda d, cosine, c: near(d, c) * (cosine < 0.5),
        "the comparison of the cosine is the wrong way round: what",
    ),
    ("trust", lambda d, cosine, c: near(d, c), "a surface that faces elsewhere (cosine 0.3) should not"),
    (
        "trust",
        lambda d, cosine, c: (1 - d / c).clamp(min=0) * (cosine > 0.5),
        "this falls in a straight line to 0 at the reach, where it",
    ),
    (
        "trust",
        lambda d, cosine, c: near(d, c) and cosine > 0.5,
        "`if`, `and` and `or` take one yes or no: for a whole tensor",
    ),
    (
        "trust",
        lambda d, cosine, c: near(d, c) * cosine.clamp(min=0.5),
        "a surface that faces elsewhere (cosine 0.3) should not",
    ),
]
