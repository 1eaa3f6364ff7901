"""Exercises and quiz of lesson 2, Gaussian-mixture weights."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from asm_teach.course.checks.checking import Function, Right, exercise
from asm_teach.course.checks.comparing import differs, equal, not_numbers, numbers, one_of
from asm_teach.course.checks.diagnoses import compare
from asm_teach.course.checks.draws import draws, varied
from asm_teach.course.checks.shapes import wrong_shape
from asm_teach.course.checks.slips import result_of, rows_not_one
from asm_teach.course.quizzes import questions


@exercise(
    "Every vertex, so every row, is shared out by itself.",
    "w_ij = g_ij divided by the sum of g_ij' over all bones j'; bones are the columns.",
    "`total = g.sum(1, keepdim=True)` is (V, 1) and divides (V, J) row by row.",
)
def share_out(function: Function) -> str | None:
    """g (V, J), all above 0, to shares (V, J)."""
    g = 0.1 + torch.rand(5, 3, generator=draws(0))
    found, right = result_of(function, g=g), g / g.sum(1, keepdim=True)
    if equal(found, right):
        square = torch.rand(3, 3, generator=draws(1)) + 0.1
        return differs(function(square), square / square.sum(1, keepdim=True))
    wrong = {
        "this is normalised over the wrong axis: the columns sum to 1, the rows should": g / g.sum(0),
        "this divides by the sum of the whole table: each row has to sum to 1 by itself": g / g.sum(),
        "softmax takes exp first; g itself is to be shared out, g / sum": g.softmax(1),
        "this divides by the largest of each row, not by the sum": g / g.amax(1, keepdim=True),
        "this makes the row's length 1 (a norm); the plain sum should be 1": g / g.norm(dim=1, keepdim=True),
        "g comes back as it was: divide it": g,
    }
    return one_of(found, wrong) or wrong_shape(found, right) or rows_not_one(found) or differs(found, right)


@exercise(
    "Take the largest number of each row out before exp, and give it back after the logarithm.",
    "log sum_k exp(z_k) = c + log sum_k exp(z_k - c), with c the largest z_k of the row.",
    "`c = z.amax(1)`; inside exp stands `z - c[:, None]`; do not forget to add ...",
)
def log_sum(function: Function) -> str | None:
    """z (N, K) to log sum exp over K, (N,)."""
    z = varied(torch.tensor([[0.3, -1.2, 0.8], [2.0, 1.5, -0.5], [-3.0, -2.0, -2.5]]))
    found, right, largest = result_of(function, z=z), z.logsumexp(1), z.amax(1)
    crossed = largest + (z - largest).exp().sum(1).log()
    wrong = {
        "the largest was taken out and not added again after the logarithm": right - largest,
        "this sums over the rows: k is the last axis": z.logsumexp(0),
        "this is the largest alone: the others count too": largest,
        "this is the sum; its logarithm is asked for": z.exp().sum(1),
        "this is the log of the mean: sum, not mean": z.exp().mean(1).log(),
        "this is the sum of the logarithms of exp, so just the sum of z": z.sum(1),
        "the largest of each row was taken from the columns: give it a second axis, `c[:, None]`": crossed,
        "the largest was subtracted twice: add c to the logarithm": right - 2 * largest,
    }
    if said := compare(found, right, wrong):
        return said
    high = function(torch.tensor([[2000.0, 1999.0, 0.0]]))
    low = function(torch.tensor([[-2000.0, -1999.0, -2001.0]]))
    if not equal(high, [2000.3133], 1e-6) or not equal(low, [-1998.5924], 1e-6):
        return (
            f"right for small numbers, but for z near 2000 it gives {torch.as_tensor(high).tolist()} and near -2000 "
            f"{torch.as_tensor(low).tolist()}: exp left the range of float32; take the largest of the row out first"
        )
    mixed = varied(torch.tensor([[2000.0, 1999.0, 0.0], [-2000.0, -1999.0, -2001.0]]), 1e-3)
    if not equal(function(mixed), mixed.logsumexp(1)):
        return "rows that differ much fail together: take the largest of each row, not of the whole table"
    return None


def _factor(long: float, short: float, angle: float, invert: bool = False) -> list[float]:
    """(a, b, c) of an ellipse, or of the inverse of its Sigma."""
    Sigma = _covariance(long, short, angle)
    L = torch.linalg.cholesky(torch.linalg.inv(Sigma) if invert else Sigma)
    return [float(L[0, 0].log()), float(L[1, 0]), float(L[1, 1].log())]


def _covariance(long: float, short: float, angle: float) -> Tensor:
    c, s = math.cos(angle), math.sin(angle)
    R = torch.tensor([[c, -s], [s, c]], dtype=torch.float64)
    return R @ torch.diag(torch.tensor([long**2, short**2], dtype=torch.float64)) @ R.T


@exercise(
    "First make Sigma for the ellipse that lies along u, then turn it, then take its factor.",
    "Sigma = R diag(long^2, short^2) R^T; L = `torch.linalg.cholesky(Sigma)`; a, c are the logs of its diagonal.",
    "`Sigma = R @ torch.diag(torch.tensor([long**2, short**2])) @ R.T`, `L = torch.linalg.cholesky(Sigma)`, and "
    "return `L[0, 0].log(), L[1, 0], ...`.",
)
def factor_of(function: Function) -> str | None:
    """Widths and angle of an ellipse to (a, b, c)."""
    for case in (*varied(((0.2, 0.05, 0.6), (0.3, 0.02, -1.1))), (0.1, 0.1, 0.3)):
        found, right = function(*case), _factor(*case)
        if not equal(found, right, 1e-3):
            return _wrong_factor(found, *case) or differs(found, right)
    return Right("for a round one the angle does not matter, and b = 0")


def _wrong_factor(found: Any, long: float, short: float, angle: float) -> str | None:
    Sigma = _covariance(long, short, angle)
    a, b, c = _factor(long, short, angle)
    if equal(found, torch.linalg.cholesky(Sigma), 1e-3):
        return "this is L itself: return its three numbers, (log L[0, 0], L[1, 0], log L[1, 1])"
    entries = [float(Sigma[0, 0]), float(Sigma[0, 1]), float(Sigma[1, 1])]
    turned_back, degrees = _factor(long, short, -angle), _factor(long, short, math.radians(angle))
    wrong = {
        "a and c are the logarithms of the diagonal of L": [math.exp(a), b, math.exp(c)],
        "b is an entry of L as it is, no logarithm": [a, math.log(abs(b)) if b else 0.0, c],
        "these are entries of Sigma: take its Cholesky factor, and the logarithms of its diagonal": entries,
        "long and short are widths; Sigma holds their squares": _factor(math.sqrt(long), math.sqrt(short), angle),
        "it is turned the wrong way: from u towards v is anticlockwise, R = [[cos, -sin], [sin, cos]]": turned_back,
        "the angle was taken for degrees: it is in radians": degrees,
        "long and short are exchanged: long lies along the direction of the angle": _factor(short, long, angle),
        "it is not turned at all": [math.log(long), 0.0, math.log(short)],
        "this is the factor of the inverse of Sigma": _factor(long, short, angle, invert=True),
        "this is the upper factor: `cholesky(..., upper=True)` or its transpose holds 0 where b should be": [a, 0.0, c],
    }
    return not_numbers(found) or one_of(found, wrong, 1e-3)


def _height(x: float, width: float) -> float:
    """The logarithm of a hill at the distance x."""
    return -x * x / (2 * width * width) - 2 * math.log(width)


def _border(apart: float, s0: float, s1: float, power: int = 2) -> float:
    """Where the hills of two bones are equally high, between them."""
    p, q, r = 1 / s0**2 - 1 / s1**2, apart / s1**2, -(apart**2) / s1**2 - 2 * power * math.log(s1 / s0)
    return -r / (q + math.sqrt(q * q - p * r))


@exercise(
    "The shares are equal where the two hills are equally high, or their logarithms are. Write that down.",
    "x^2 / (2 s0^2) + 2 log s0 = (apart - x)^2 / (2 s1^2) + 2 log s1: a quadratic equation in x.",
    "p x^2 + 2 q x + r = 0 with p = 1/s0^2 - 1/s1^2, q = apart/s1^2, r = -apart^2/s1^2 - 4 log(s1/s0). x = -r / (q + "
    "sqrt(q^2 - p r)) is the root between the bones, for p = 0 too.",
)
def border(function: Function) -> str | None:
    """Distance of two bones and their widths to the place of equal shares."""
    narrow, wide, alike = varied((0.03, 0.06, 0.04))
    for apart, s0, s1 in ((0.2, narrow, wide), (0.2, wide, narrow), (0.3, 0.05, 0.045), (0.1, alike, alike)):
        try:
            found = function(apart, s0, s1)
        except ZeroDivisionError:
            return f"for s0 = {s0}, s1 = {s1} it divides by 0: where the widths are equal the x^2 drops out"
        right = _border(apart, s0, s1)
        number = numbers(found)
        if number is None or number.numel() != 1:
            return differs(found, right)
        x = float(number)
        if abs(x - right) < 1e-4 * apart:
            continue
        if not math.isfinite(x):
            return f"for s0 = {s0}, s1 = {s1} it gives {x}: where the widths are equal the x^2 drops out"
        return _wrong_border(x, apart, s0, s1) or (
            f"for apart = {apart}, s0 = {s0}, s1 = {s1} it gives {x:.4f}; there bone 0's hill is "
            f"{math.exp(min(_height(x, s0) - _height(apart - x, s1), 700)):.3g} times as high as bone 1's"
        )
    return None


def _wrong_border(x: float, apart: float, s0: float, s1: float) -> str | None:
    same_height, one_log, lower = (_border(apart, s0, s1, power) for power in (0, 1, -2))
    wrong = {
        "this is the middle; it would be right for equal widths": apart / 2,
        "this is measured from bone 1: the distance from bone 0 is asked for": apart - _border(apart, s0, s1),
        "the fraction in front is missing: the wider hill is lower, by the square of the widths": same_height,
        "the chart has two dimensions: the fraction is 1 / (2 pi s^2), so log s counts twice": one_log,
        "the 2 log s should be on the other side: the wider hill is lower, not higher": lower,
    }
    said = one_of(x, wrong)
    if said is None and not 0 <= x <= apart and abs(_height(x, s0) - _height(apart - x, s1)) < 1e-3:
        return f"{x:.4f} is the other root, beyond the narrow bone; the one between 0 and {apart} is asked for"
    return said


QUIZ = questions("""
A mesh gets four times as many vertices. How many numbers do Gaussian-mixture weights with K = 2 then have?
[ ] Four times as many
    A painted table would: it has V rows. Gaussians are described on the chart.
[x] As many as before
    Right: 6 K a bone, 12 here. The new vertices read their shares off the same hills.
[ ] Twice as many
    K is the number of Gaussians of a bone and has nothing to do with V.

All Gaussians of ONE bone get twice as wide; the others stay. What happens at the bone's own centre?
[x] Its share falls
    Right: a hill keeps its volume, so it is a quarter as high, and the neighbours win there.
[ ] Its share rises
    Further out it does. In the middle the hill is lower than before.
[ ] Nothing: the bone is as close as before
    Shares compare heights, and the height has changed.

Equation (2) is computed in float64 in place of float32. Is log space then superfluous?
[ ] Yes, float64 holds every exponential of a face
    A Gaussian of width 0.005 and a vertex 0.2 away are 40 widths apart.
[x] No: exp(-x) is 0 from about x = 745, 39 widths away
    Right: it is only put off. A softmax has no such limit.
[ ] Yes, if a small number is added to the denominator
    Then rows sum to less than 1, and the vertex is drawn to the origin.

Somebody adds the same number to log g of all bones at one vertex. How do the shares change?
[x] Not at all
    Right: it is a common factor of numerator and denominator. That is why the largest may be subtracted.
[ ] They all grow
    They sum to 1 before and after.
[ ] The largest grows, the others shrink
    That would be so if the logarithms were multiplied by a number above 1.

Why are (a, b, c) of the factor stored, and not the three entries of Sigma?
[ ] They are fewer numbers
    There are three numbers either way.
[ ] The exponent is then linear in them
    It is not: they enter through exponentials and products.
[x] Any three numbers give a valid Gaussian, so no step of a fit can leave the valid range
    Right: L L^T with a positive diagonal is always positive definite.

K = 1, two bones with tilted Gaussians of different widths. What is the border of equal shares?
[ ] Always a straight line
    Only if both have the same Sigma: then the squares cancel.
[x] A line, an ellipse or another conic
    Right: both logarithms are quadratic in u and v, so their difference is, and its zeros are a conic.
[ ] Any smooth curve
    That takes many Gaussians. One has five numbers, and its logarithm is a quadratic function.
""")
