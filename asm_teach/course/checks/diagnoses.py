"""Diagnoses of wrong numbers: each a small function that gives a sentence, or None where it does not apply.

`compare` tries the exercise's own table of mistakes, then all of these, and gives the first sentence it finds.

    return compare(given, right, {"divide by the depth": f * x[:2] + c, "row and column are swapped": right.flip(0)})

Diagnoses of this subject are in `slips`, those of form in `comparing`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from asm_teach.course.checks.comparing import (
    RELATIVE,
    differs,
    equal,
    mistaken,
    not_finite,
    not_numbers,
    numbers,
    one_of,
    wrong_shape,
)
from asm_teach.course.checks.slips import underflow


def transposed(given: Any, right: Any) -> str | None:
    """Square matrices with rows and columns exchanged."""
    b = numbers(right)
    if b is None or b.ndim < 2:
        return None
    return mistaken(given, b, {"the matrix is transposed: rows and columns are exchanged": b.mT})


def row_vectors(given: Any, matrix: Tensor, points: Tensor) -> str | None:
    """`points @ A` where matrices act on columns, `points @ A.T`."""
    words = "the matrix is transposed: it acts on column vectors, so points that are rows need `points @ A.T`"
    return mistaken(given, points @ matrix.mT, {words: points @ matrix})


def swapped(given: Any, right: Any) -> str | None:
    """The last axis backwards: row for column, u for v."""
    b = numbers(right)
    if b is None or not b.ndim:
        return None
    words = "the order along the last axis is reversed: row and column, or u and v, are swapped"
    return mistaken(given, b, {words: b.flip(-1)})


def uv_flipped(given: Any, right: Any) -> str | None:
    """v counted from above; `right` (..., 2) in [0, 1]."""
    b = numbers(right)
    if b is None or b.ndim == 0 or b.shape[-1] != 2:
        return None
    words = "v is upside down: the UV origin is the lower left corner here, so it is v and not 1 - v"
    return mistaken(given, b, {words: torch.stack([b[..., 0], 1 - b[..., 1]], -1)})


def wrong_sign(given: Any, right: Any) -> str | None:
    """Minus the right answer."""
    b = numbers(right)
    return None if b is None else mistaken(given, b, {"the sign is wrong": -b})


def absolute(given: Any, right: Any) -> str | None:
    """The sizes are right, the signs are lost."""
    b = numbers(right)
    words = "the size is right but the sign is lost: no absolute value, and no square root of a square"
    return None if b is None else mistaken(given, b, {words: b.abs()})


def wrong_factor(given: Any, right: Any) -> str | None:
    """The right answer times one number."""
    a, b = numbers(given), numbers(right)
    if a is None or b is None or a.shape != b.shape or not a.isfinite().all() or not b.abs().sum() > 0:
        return None
    ratio = float((a * b).sum() / (b * b).sum())
    if ratio <= 0 or abs(ratio - 1) < 10 * RELATIVE or not equal(a, ratio * b):
        return None
    named = {100: "a share is asked for, not per cent", 0.01: "per cent are asked for, not a share"}
    for factor, words in named.items():
        if abs(ratio / factor - 1) < RELATIVE:
            return f"it is {ratio:.4g} times the right answer: {words}"
    if b.numel() == 1:
        whole = [f for f in (2, 3, 4, 8) if min(abs(ratio - f), abs(ratio - 1 / f)) < RELATIVE]
        if not whole:
            return None  # any number is a multiple of another one
    return f"it is {ratio:.4g} times the right answer: a factor is missing or too many"


def sum_for_mean(given: Any, right: Any, count: int) -> str | None:
    """A sum over `count` things where the mean is asked for, or the mean for the sum."""
    b = numbers(right)
    if b is None or count < 2 or not b.abs().sum() > 0:
        return None
    if equal(given, b * count):
        return f"this is the sum; the mean is asked for, {count} times smaller"
    return f"this is the mean; the sum is asked for, {count} times larger" if equal(given, b / count) else None


def wrong_offset(given: Any, right: Any) -> str | None:
    """The right answer plus one number, for several numbers."""
    a, b = numbers(given), numbers(right)
    if a is None or b is None or a.shape != b.shape or a.numel() < 3 or not a.isfinite().all():
        return None
    off = float((a - b).mean())
    if abs(off) > 10 * RELATIVE * float(b.abs().max()) and equal(a, b + off):
        half = ": pixel centres lie at half integers" if abs(abs(off) - 0.5) < 1e-3 else ""
        return f"every number is {off:+.4g} off{half or ': a constant is missing or too many'}"
    return None


def root_missing(given: Any, right: Any) -> str | None:
    """The square, or the square root, of the answer."""
    b = numbers(right)
    if b is None or equal(b, b.square()):
        return None
    table = {"this is the square of it: take the root": b.square()}
    return one_of(given, table | {"this is the root of it: leave the root away": b.sqrt()})


def log_for_value(given: Any, right: Any) -> str | None:
    """A logarithm for the value, or the value for its logarithm."""
    b = numbers(right)
    if b is None:
        return None
    table = {"this is its logarithm: take exp": b.log()}
    return one_of(given, table | {"this is the value; its logarithm is asked for": b.exp()})


def compare(given: Any, right: Any, wrong: Mapping[str, Any] | None = None, relative: float = RELATIVE) -> str | None:
    """None for the right answer, else what is wrong with it, from the likeliest to the last resort.

    Args:
        wrong: sentence -> the value that it is about: the mistakes that this exercise invites.
        relative: up to which part of the largest number two values count as equal.
    """
    if equal(given, right, relative):
        return None
    looks = (wrong_sign, absolute, transposed, swapped, wrong_factor, root_missing, wrong_offset)
    return (
        one_of(given, wrong or {}, relative)
        or not_numbers(given)
        or wrong_shape(given, right)
        or underflow(given, right)
        or not_finite(given)
        or next(filter(None, (look(given, right) for look in looks)), None)
        or differs(given, right)
    )
