"""Exercises and quiz of lesson 2, Gaussian-mixture weights."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from asm_teach.course.checks.checking import Function, Right, exercise
from asm_teach.course.checks.comparing import differs, equal, not_finite, not_numbers, numbers, one_of
from asm_teach.course.checks.diagnoses import compare
from asm_teach.course.checks.draws import draws, varied
from asm_teach.course.checks.shapes import wrong_shape
from asm_teach.course.checks.slips import CallsOf, result_of, rows_not_one
from asm_teach.course.checks.topics.rebuilding import weights_by_slip, wrong_weights
from asm_teach.course.quizzes import questions


@exercise(
    "Each vertex has a row of its own: treat the rows one by one.",
    "w_ij is g_ij divided by the sum of g_ij' over all bones j'. The bones are the columns.",
    "The totals of the rows have to be (V, 1), not (V,), so that they divide (V, J) row by row. Which option of "
    "`g.sum(1, ...)` keeps the axis?",
)
def share_out(function: Function) -> str | None:
    """g (V, J), all above 0, to shares (V, J)."""
    g = 0.1 + torch.rand(5, 3, generator=draws(0))
    found, right = result_of(function, g=g), g / g.sum(1, keepdim=True)
    if equal(found, right):
        square = torch.rand(3, 3, generator=draws(1)) + 0.1
        return differs(function(square), square / square.sum(1, keepdim=True))
    wrong = {
        "this is normalised over the wrong axis: the columns sum to 1, and the rows should": g / g.sum(0),
        "this divides by the sum of the whole table: each row has to sum to 1 by itself": g / g.sum(),
        "softmax takes exp first; divide g itself by its sum": g.softmax(1),
        "this divides by the largest of each row, not by the sum": g / g.amax(1, keepdim=True),
        "this divides by the mean of each row, not by the sum": g / g.mean(1, keepdim=True),
        "this is the logarithm of a softmax; divide g itself by its sum": g.log_softmax(1),
        "this gives each row the length 1 (a norm); its plain sum should be 1": g / g.norm(dim=1, keepdim=True),
        "g comes back unchanged: divide it": g,
    }
    if said := one_of(found, wrong) or wrong_shape(found, right):
        return said
    if (given := numbers(found)) is not None:
        extra = float((g / given - g.sum(1, keepdim=True)).mean())
        if equal(given, g / (g.sum(1, keepdim=True) + extra)):
            return f"{extra:.3g} was added to the sum, so each row sums to less than 1: divide by the sum alone"
    return rows_not_one(found) or differs(found, right)


@exercise(
    "Subtract the largest number of each row before exp, and add it again after the logarithm.",
    "log sum_k exp(z_k) = c + log sum_k exp(z_k - c), with c the largest z_k of the row.",
    "`c = z.amax(1)` is (N,). Which shape must it have to be subtracted from z (N, K), and which when you add "
    "it again?",
)
def log_sum(function: Function) -> str | None:
    """z (N, K) to log sum exp over K, (N,)."""
    z = varied(torch.tensor([[0.3, -1.2, 0.8], [2.0, 1.5, -0.5], [-3.0, -2.0, -2.5]]))
    with CallsOf(torch.logsumexp, Tensor.logsumexp, torch.special.logsumexp) as ready_made:
        found = result_of(function, z=z)
    right, largest = z.logsumexp(1), z.amax(1)
    crossed = largest + (z - largest).exp().sum(1).log()
    wrong = {
        "the largest was subtracted and not added again after the logarithm": right - largest,
        "this sums over the rows: k is the last axis": z.logsumexp(0),
        "this is the largest alone: the others count as well": largest,
        "this is the sum; take its logarithm": z.exp().sum(1),
        "this is the log of the mean: sum, not mean": z.exp().mean(1).log(),
        "this is the sum of the logarithms of exp, so just the sum of z": z.sum(1),
        "the largest of each row was subtracted along the columns: give it a second axis, `c[:, None]`": crossed,
        "the largest was subtracted twice: add c to the logarithm": right - 2 * largest,
        "this sums over the whole table: each row has a sum of its own, `.sum(1)`": z.flatten().logsumexp(0),
        "the logarithm comes after the sum; before it, it only undoes exp": (largest + (z - largest[:, None]).sum(1)),
    }
    if not_finite(found):  # these z are small, so only the logarithm of a negative number gives that
        return "z may be negative, and has no logarithm then: exp comes first, then the sum, then the logarithm"
    if said := compare(found, right, wrong):
        return said
    if ready_made:
        return "the numbers are right, but logsumexp is what you build here: use amax, exp, sum and log alone"
    high = function(torch.tensor([[2000.0, 1999.0, 0.0]]))
    low = function(torch.tensor([[-2000.0, -1999.0, -2001.0]]))
    if not equal(high, [2000.3133], 1e-6) or not equal(low, [-1998.5924], 1e-6):
        return (
            f"right for small numbers, but for z near 2000 it gives {torch.as_tensor(high).tolist()} and near -2000 "
            f"{torch.as_tensor(low).tolist()}: exp left the range of float32; subtract the largest of the row first"
        )
    mixed = varied(torch.tensor([[2000.0, 1999.0, 0.0], [-2000.0, -1999.0, -2001.0]]), 1e-3)
    if not equal(function(mixed), mixed.logsumexp(1)):
        return "it fails for rows that differ much: subtract the largest of each row, not of the whole table"
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
    "First build Sigma for the ellipse that lies along u, then turn it, then take its factor.",
    "Sigma = R diag(long^2, short^2) R^T; L = `torch.linalg.cholesky(Sigma)`; a, c are the logs of its diagonal.",
    "`torch.diag(torch.tensor([long**2, short**2]))` is Sigma for the angle 0. R is [[cos, -sin], [sin, cos]] of the "
    "angle; on which side does its transpose stand? Which of the three entries of L are logarithms?",
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
        "b is the entry of L itself, not its logarithm": [a, math.log(abs(b)) if b else 0.0, c],
        "b is not the angle: it is L[1, 0], and all three numbers change when the ellipse turns": (
            [math.log(long), angle, math.log(short)]
        ),
        "R diag(long, short) is a root of Sigma, but has no 0 above its diagonal: take the Cholesky factor of Sigma": (
            [math.log(long * math.cos(angle)), long * math.sin(angle), math.log(short * math.cos(angle))]
        ),
        "the order is a, b, c, where b, L[1, 0], stands in the middle": [a, c, b],
        "these are entries of Sigma: take its Cholesky factor, and the logarithms of its diagonal": entries,
        "long and short are widths; Sigma holds their squares": _factor(math.sqrt(long), math.sqrt(short), angle),
        "it is turned the wrong way: from u towards v is anticlockwise, R = [[cos, -sin], [sin, cos]]": turned_back,
        "the angle was taken for degrees: it is in radians": degrees,
        "long and short are swapped: long lies along the direction of the angle": _factor(short, long, angle),
        "it is not turned at all": [math.log(long), 0.0, math.log(short)],
        "this is the factor of the inverse of Sigma": _factor(long, short, angle, invert=True),
        "this is the upper factor: `cholesky(..., upper=True)` or its transpose holds 0 where b should be": [a, 0.0, c],
    }
    return not_numbers(found) or one_of(found, wrong, 1e-3)


@exercise(
    "Three steps: the logarithm of pi N for each vertex, bone and Gaussian, (V, J, K); then the Gaussians of a bone "
    "together, (V, J); then the shares.",
    "z = log pi_jk + log N(u_i; zeta_j + mu_jk, Sigma_jk); log g is logsumexp over k; w is softmax over j. pi is the "
    "softmax of the logits over k.",
    "`a, b, c = factor.unbind(-1)` and `d = uv[:, None, None] - (bone_uv[:, None] + mean)`, which is (V, J, K, 2). "
    "Over which axis does each of `log_softmax`, `logsumexp` and `softmax` run?",
)
def weights_by_hand(function: Function) -> str | None:
    """Places (V, 2) and (J, 2) and the numbers of a mixture to the weights (V, J), eq. (2)."""
    generator = draws(0)
    for V, J, K in ((7, 3, 3), (4, 5, 2)):  # at first J = K: an axis that is missing gives numbers that can be told
        uv, bone_uv = torch.rand(V, 2, generator=generator), torch.rand(J, 2, generator=generator)
        logits, mean = torch.randn(J, K, generator=generator), 0.2 * torch.randn(J, K, 2, generator=generator)
        factor = 0.4 * torch.randn(J, K, 3, generator=generator) - torch.tensor([1.2, 0.0, 1.2])
        given = {"uv": uv, "bone_uv": bone_uv, "logits": logits, "mean": mean, "factor": factor}
        names = {"bone_uv": bone_uv, "mixture_logits": logits, "mixture_mean": mean, "mixture_factor": factor}
        right, found = weights_by_slip(uv, names), result_of(function, **given)
        if not equal(found, right):
            if (J, K) == (3, 3) and (said := one_of(found, wrong_weights(uv, bone_uv, logits, mean, factor))):
                return said
            return not_numbers(found) or wrong_shape(found, right) or rows_not_one(found) or differs(found, right)
    given["factor"] = torch.tensor([-6.0, 0.0, -6.0]).expand(J, K, 3)
    if not torch.as_tensor(function(*given.values())).isfinite().all():
        return "it is right, until the Gaussians get narrow: then g is 0 / 0; stay with logarithms up to the softmax"
    return None


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
    "Sort it by powers, p x^2 + 2 q x + r = 0, with p = 1/s0^2 - 1/s1^2; find q and r. The usual root divides by p, "
    "which is 0 for equal widths: the same root can be written as x = -r / (q + ...).",
)
def border(function: Function) -> str | None:
    """Distance of two bones and their widths to the place of equal shares."""
    narrow, wide, alike = varied((0.03, 0.06, 0.04))
    for apart, s0, s1 in ((0.2, narrow, wide), (0.2, wide, narrow), (0.3, 0.05, 0.045), (0.1, alike, alike)):
        try:
            found = function(apart, s0, s1)
        except ZeroDivisionError:
            return f"for s0 = {s0}, s1 = {s1} it divides by 0: where the widths are equal, the x^2 drops out"
        right = _border(apart, s0, s1)
        number = numbers(found)
        if number is None or number.numel() != 1:
            return differs(found, right)
        x = float(number)
        if abs(x - right) < 1e-4 * apart:
            continue
        if not math.isfinite(x):
            return f"for s0 = {s0}, s1 = {s1} it gives {x}: where the widths are equal, the x^2 drops out"
        return _wrong_border(x, apart, s0, s1) or (
            f"for apart = {apart}, s0 = {s0}, s1 = {s1} it gives {x:.4f}; there bone 0's hill is "
            f"{math.exp(min(_height(x, s0) - _height(apart - x, s1), 700)):.3g} times as high as bone 1's"
        )
    return None


def _wrong_border(x: float, apart: float, s0: float, s1: float) -> str | None:
    same_height, one_log, lower = (_border(apart, s0, s1, power) for power in (0, 1, -2))
    wrong = {
        "this is the middle; it would be right for equal widths": apart / 2,
        "this is measured from bone 1: return the distance from bone 0": apart - _border(apart, s0, s1),
        "the fraction in front is missing: the wider hill is lower, by the square of the widths": same_height,
        "the chart has two dimensions: the fraction is 1 / (2 pi s^2), so log s counts twice": one_log,
        "the 2 log s stands on the wrong side: the wider hill is lower, not higher": lower,
        "this divides the distance in the ratio of the widths: set the two logarithms equal": apart * s1 / (s0 + s1),
        "this divides the distance in the ratio of the squared widths: set the two logarithms equal": (
            apart * s0**2 / (s0**2 + s1**2)
        ),
        "this divides the distance in the ratio of the squared widths, and the wrong way round": (
            apart * s1**2 / (s0**2 + s1**2)
        ),
    }
    said = one_of(x, wrong)
    if said is None and not 0 <= x <= apart and abs(_height(x, s0) - _height(apart - x, s1)) < 1e-3:
        return f"{x:.4f} is the other root, beyond the narrow bone; return the one between 0 and {apart}"
    return said


QUIZ = questions("""
A mesh gets four times as many vertices. How many numbers do Gaussian-mixture weights with K = 2 then have?
[ ] Four times as many
    A painted table would: it has V rows. Gaussians are described on the chart.
[x] As many as before
    There are 6 K numbers per bone, 12 here. The new vertices read their shares off the same hills.
[ ] Twice as many
    K is the number of Gaussians per bone and has nothing to do with V.

All Gaussians of ONE bone become twice as wide; the others stay. What happens at the bone's own centre?
[x] Its share falls
    A hill keeps its volume, so it is now a quarter as high, and the neighbours win there.
[ ] Its share rises
    It rises further out. In the middle the hill is lower than before.
[ ] Nothing: the bone is as close as before
    Shares compare heights, and the height has changed.

You compute equation (2) in float64 instead of float32. Are logarithms then unnecessary?
[ ] Yes, float64 can represent every exponential that a face needs
    A Gaussian of width 0.005 and a vertex 0.2 away are 40 widths apart.
[x] No: exp(-x) is 0 from about x = 745, 39 widths away
    Float64 only postpones the problem. A softmax has no such limit.
[ ] Yes, if a small number is added to the denominator
    Then rows sum to less than 1, and the vertex is pulled towards the origin.

You add the same number to log g of all bones at one vertex. How do the shares change?
[x] Not at all
    It becomes a common factor of numerator and denominator. That is why you may subtract the largest.
[ ] They all grow
    They sum to 1 before and after.
[ ] The largest grows, the others shrink
    That would happen if you multiplied the logarithms by a number above 1.

Why does the model store (a, b, c) of the factor, and not the three entries of Sigma?
[ ] They are fewer numbers
    There are three numbers either way.
[ ] The exponent is then linear in them
    It is not linear: they enter through exponentials and products.
[x] Any three numbers give a valid Gaussian, so no step of a fit can leave the valid range
    L L^T with a positive diagonal is always positive definite.

K = 1, two bones with tilted Gaussians of different widths. What is the border of equal shares?
[ ] Always a straight line
    Only if both have the same Sigma: then the squares cancel.
[x] A line, an ellipse or another conic
    Both logarithms are quadratic in u and v, so their difference is as well, and its zeros form a conic.
[ ] Any smooth curve
    That takes many Gaussians. A single one has five numbers, and its logarithm is a quadratic function.
""")
