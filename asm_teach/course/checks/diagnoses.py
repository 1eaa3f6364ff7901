"""Diagnoses of wrong numbers: each gives a sentence, or None where it does not apply.

`compare` tries the exercise's own table of mistakes, then all of these, and gives the first sentence it finds.

    return compare(given, right, {"divide by the depth": f * x[:2] + c, "row and column are swapped": right.flip(0)})

Diagnoses of this subject are in `slips`, those of form in `comparing` and `shapes`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import permutations
from typing import Any

import torch

from asm_teach.course.checks.comparing import RELATIVE, differs, equal, not_finite, not_numbers, numbers, one_of
from asm_teach.course.checks.confirming import named
from asm_teach.course.checks.shapes import wrong_shape

_FACTORS = {
    100.0: "was it multiplied by 100, as for per cent?",
    1000.0: "is the unit right?",
    0.001: "is the unit right?",
    180 / math.pi: "this is in degrees, and radians are expected",
    math.pi / 180: "was an angle in radians taken for degrees?",
}
_PLAIN = [n**sign for n in (2.0, 3.0, 4.0, 6.0, 8.0, 10.0, 2**0.5, 3**0.5, math.pi) for sign in (1, -1)]


def simple_slip(given: Any, right: Any) -> str | None:
    """One simple step too many or too few: a sign, a root, a logarithm, an inverse, rows for columns."""
    b = numbers(right)
    if b is None:
        return None
    table = {
        "the sign is wrong": -b,
        "the size is right but the sign is lost: no absolute value, and no square root of a square": b.abs(),
        "negative numbers were cut off at 0, but they count": b.clamp(min=0),
        "upside down: this is one over the right answer": 1 / b,
        "this is one minus the right answer": 1 - b,
        "this is the square of it: take the root": b.square(),
        "this is the root of it: leave the root away": b.sqrt(),
        "this is its logarithm: take exp": b.log(),
        "this is the value; its logarithm is expected": b.exp(),
    }
    if b.ndim >= 2:
        table["the matrix is transposed: rows and columns are exchanged"] = b.mT
    return one_of(given, table)


def wrong_order(given: Any, right: Any) -> str | None:
    """The right numbers, in another order along the last axis."""
    a, b = numbers(given), numbers(right)
    if a is None or b is None or a.shape != b.shape or not b.ndim or equal(a, b):
        return None
    n = b.shape[-1]
    if equal(a, b.flip(-1)):
        swapped = ": row and column, or u and v, are swapped" if n == 2 else ""
        return named(f"the order along the last axis is reversed{swapped}")
    for order in permutations(range(n)) if 2 < n <= 4 else ():
        if equal(a, b[..., list(order)]):
            return named(f"the right numbers stand in another order along the last axis: yours is {order}")
    return None


def wrong_factor(given: Any, right: Any) -> str | None:
    """The right answer times one number."""
    a, b = numbers(given), numbers(right)
    if a is None or b is None or a.shape != b.shape or not a.isfinite().all() or not b.abs().sum() > 0:
        return None
    ratio = float((a * b).sum() / (b * b).sum())
    if ratio <= 0 or abs(ratio - 1) < 10 * RELATIVE or not equal(a, ratio * b):
        return None
    for factor, words in _FACTORS.items():
        if abs(ratio / factor - 1) < RELATIVE and (
            sentence := named(f"it is {ratio:.4g} times the right answer: {words}")
        ):
            return sentence
    different = len(b[b != 0].abs().unique()) > 1  # else any answer is a multiple of the right one
    if different or any(abs(ratio / factor - 1) < RELATIVE for factor in _PLAIN):
        sentence = named(f"it is {ratio:.4g} times the right answer: a factor is missing or too many")
        if sentence or not different:
            return sentence
        return named(
            "it is the right answer times a number that changes with the inputs: look at what you divide or multiply by"
        )
    return None


def rounded(given: Any, right: Any) -> str | None:
    """The right numbers with few digits."""
    a, b = numbers(given), numbers(right)
    if a is None or b is None or a.shape != b.shape or not a.isfinite().all():
        return None
    for digits in range(5):
        near = torch.round(b, decimals=digits)
        if near.abs().sum() > 0 and (a - near).abs().max() < 1e-7 * near.abs().max() and not equal(near, b):
            return named("the answer is rounded: let Python compute it with all digits")
    return None


def by_rows(given: Any, right: Any) -> str | None:
    """Each row is a multiple of the right row, by a number of its own."""
    a, b = numbers(given), numbers(right)
    if a is None or b is None or a.shape != b.shape or b.ndim < 2 or b.shape[-1] < 2 or not a.isfinite().all():
        return None
    ratio = (a * b).sum(-1, keepdim=True) / (b * b).sum(-1, keepdim=True)
    if not equal(a, ratio * b):
        return None
    return named("each row is the right row times a number of its own: look at what each row is divided by")


def wrong_offset(given: Any, right: Any) -> str | None:
    """The right answer plus one number, for several numbers."""
    a, b = numbers(given), numbers(right)
    if a is None or b is None or a.shape != b.shape or a.numel() < 2 or not a.isfinite().all():
        return None
    off = float((a - b).mean())
    if abs(off) <= 10 * RELATIVE * float(b.abs().max()) or not equal(a, b + off, RELATIVE / 10):
        return None
    half = " (pixel centres lie at half integers)" if abs(abs(off) - 0.5) < 1e-3 else ""
    return named(f"every number is {off:+.4g} off{half}: a constant is missing or too many")


def compare(given: Any, right: Any, wrong: Mapping[str, Any] | None = None, relative: float = RELATIVE) -> str | None:
    """None for the right answer, else what is wrong with it, from the likeliest to the last resort.

    Args:
        wrong: sentence -> the value that it is about: the mistakes that this exercise invites.
        relative: up to which part of the largest number two values count as equal.
    """
    if equal(given, right, relative):
        return None
    looks = (simple_slip, wrong_order, wrong_factor, rounded, by_rows, wrong_offset)
    return (
        one_of(given, wrong or {}, relative)
        or not_numbers(given)
        or wrong_shape(given, right)
        or not_finite(given)
        or next(filter(None, (look(given, right) for look in looks)), None)
        or differs(given, right, relative)
    )
