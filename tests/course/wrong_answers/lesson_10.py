"""Natural wrong answers to the exercises of lesson 10, and a part of the words that each should get."""

from __future__ import annotations

import roma
import torch


def matrix(linear, shift):
    found = torch.eye(4, dtype=linear.dtype)
    found[:3, :3], found[:3, 3] = linear, shift
    return found


def turn(q):
    return roma.unitquat_to_rotmat(q)


def by_formula(t, q, s, first=2.0, second=2.0, square=lambda a: a @ a):
    x, y, z, w = q
    o = torch.zeros_like(x)
    cross = torch.stack([o, -z, y, z, o, -x, -y, x, o]).view(3, 3)
    return matrix((torch.eye(3) + first * w * cross + second * square(cross)) * s, t)


def in_the_last_row(t, q, s):
    found = matrix(turn(q) * s, torch.zeros(3))
    found[3, :3] = t
    return found


def skin(positions, joints, shares, S, last=1.0):
    points = torch.cat([positions, torch.full_like(positions[:, :1], last)], 1)
    return (shares[..., None] * (S[joints] @ points[:, None, :, None])[..., :3, 0]).sum(1)


def bordered(places, target, right=1.0, keep=None):
    D = (places - target[:, None]).transpose(1, 2).flatten(0, 1)
    k = D.shape[1]
    K = torch.ones(k + 1, k + 1, dtype=D.dtype)
    K[:k, :k], K[k, k] = D.T @ D, 0.0
    b = torch.zeros(k + 1, dtype=D.dtype)
    b[k] = right
    return torch.linalg.solve(K, b)[: k if keep is None else keep]


def free(places, target):
    return torch.linalg.lstsq(places.transpose(1, 2).flatten(0, 1), target.flatten()).solution


def rounded_down(shares, whole, order):
    exact = whole * shares
    low = exact.floor()
    missing = whole - low.sum(1, keepdim=True)
    return low + (order(exact, low).argsort(1).argsort(1) < missing)


def without_rank(shares, whole):
    exact = whole * shares
    low = exact.floor()
    return low + ((low - exact).argsort(1) < whole - low.sum(1, keepdim=True))


def all_to_largest(shares, whole):
    low = (whole * shares).floor()
    low[torch.arange(len(low)), shares.argmax(1)] += whole - low.sum(1)
    return low


def unit(x):
    return x / x.norm()


WRONG = [
    ("node_matrix", lambda t, q, s: matrix(s[:, None] * turn(q), t), "the scale acts before the turn: it scales the"),
    ("node_matrix", lambda t, q, s: matrix(turn(q).T * s, t), "it turns the other way round: that is the transpose"),
    ("node_matrix", lambda t, q, s: matrix(turn(q.roll(-1)) * s, t), "q is read as w, x, y, z: glTF puts w last"),
    ("node_matrix", lambda t, q, s: matrix(turn(q) * s, s * t), "the shift is scaled: it acts last"),
    ("node_matrix", lambda t, q, s: matrix(turn(q), t), "the scale is missing"),
    ("node_matrix", in_the_last_row, "the shift stands in the last row: for points as columns"),
    ("node_matrix", lambda t, q, s: by_formula(t, q, s, 1.0, 1.0), "a factor 2 is missing: R = I + 2 w"),
    (
        "node_matrix",
        lambda t, q, s: by_formula(t, q, s, square=torch.square),
        "is a product of matrices, `cross @ cross`",
    ),
    ("node_matrix", lambda t, q, s: turn(q) * s, "the shape is (3, 3), expected (4, 4)"),
    ("node_matrix", lambda t, q, s: matrix(turn(q) @ s, t), ""),
    ("engine_skin", lambda p, j, w, G, B: skin(p, j, w, G), "the inverse bind matrices are left out"),
    ("engine_skin", lambda p, j, w, G, B: skin(p, j, w, B @ G), "the product is the wrong way round: S = G B^-1"),
    (
        "engine_skin",
        lambda p, j, w, G, B: skin(p, j, w, G @ torch.linalg.inv(B)),
        "the inverse bind matrices are inverted already",
    ),
    (
        "engine_skin",
        lambda p, j, w, G, B: skin(p, torch.arange(j.shape[1]).expand_as(j), w, G @ B),
        "`joints` is not used: the first bones move",
    ),
    (
        "engine_skin",
        lambda p, j, w, G, B: skin(p, j, torch.ones_like(w) / w.shape[1], G @ B),
        "the shares are not used: that is the mean",
    ),
    ("engine_skin", lambda p, j, w, G, B: skin(p, j, w, G @ B, 0.0), "the shifts are lost: append a 1 to each point"),
    ("engine_skin", lambda p, j, w, G, B: skin(p, j, w, (G @ B).mT), "the matrices act from the wrong side"),
    (
        "engine_skin",
        lambda p, j, w, G, B: skin(p, j[:, :1], torch.ones_like(w[:, :1]), G @ B),
        "only the first bone of each vertex moves it",
    ),
    ("engine_skin", lambda p, j, w, G, B: (G @ B)[j] @ p, "stopped"),
    ("solve_again", free, "the condition is missing: these weights are free"),
    ("solve_again", lambda x, y: free(x, y) / free(x, y).sum(), "first solved freely, then divided by the sum"),
    ("solve_again", lambda x, y: bordered(x, 0 * y), "the target is not used: D holds the places minus"),
    ("solve_again", lambda x, y: bordered(x, y, right=0.0), "all are zero, as the right side of your equations is"),
    (
        "solve_again",
        lambda x, y: bordered(x, y, keep=x.shape[1] + 1),
        "the last of the k + 1 numbers is the multiplier",
    ),
    ("solve_again", lambda x, y: torch.ones(x.shape[1]) / x.shape[1], "that is the mean: all weights are the same"),
    ("solve_again", lambda x, y: bordered(x, y)[None], "an axis of length 1 is too many or missing"),
    ("seats", lambda x, n: (n * x).round(), "rounded one by one, the rows miss the whole"),
    ("seats", lambda x, n: (n * x).floor(), "rounded down, the rows are below the whole"),
    ("seats", lambda x, n: (n * x).ceil(), "rounded up, the rows are above the whole"),
    ("seats", lambda x, n: n * x, "these are no whole numbers yet"),
    ("seats", lambda x, n: rounded_down(x, n, lambda e, low: -e), "to the largest remainders, and not to the largest"),
    ("seats", lambda x, n: rounded_down(x, n, lambda e, low: e - low), "and yours go to those that lost least"),
    ("seats", without_rank, "argsort gives who is at each rank; its argsort gives"),
    ("seats", all_to_largest, "and not all to the largest share"),
    ("normal_after", lambda A, n: unit(A @ n), "that is how a tangent goes: a normal goes by the inverse"),
    ("normal_after", lambda A, n: torch.linalg.inv(A).T @ n, "the length is not 1: divide by it"),
    ("normal_after", lambda A, n: unit(torch.linalg.inv(A) @ n), "the transpose is missing: A^-T n"),
    ("normal_after", lambda A, n: unit(A.T @ n), "the inverse is missing: A^-T n"),
    ("normal_after", lambda A, n: -unit(torch.linalg.inv(A).T @ n), "the normal points inwards now: the sign"),
    ("normal_after", lambda A, n: n, "the normal has not turned"),
    ("normal_after", lambda A, n: A @ n, "that is how a tangent goes, and its length is not 1"),
]
