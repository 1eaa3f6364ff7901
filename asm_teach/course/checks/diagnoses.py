"""Diagnoses of wrong answers: each a small function that gives a sentence, or None where it does not apply.

A checker puts those that make sense for its exercise in a row and takes the first that speaks:

    return first(wrong_shape(given, right), wrong_sign(given, right), differs(given, right))

Those for wrong numbers are here; those of this subject are in `slips`, those of form in `comparing`. All can be had
from here.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from asm_teach.course.checks.comparing import (
    RELATIVE,
    differs,
    equal,
    first,
    not_finite,
    not_numbers,
    numbers,
    one_of,
    wrong_shape,
)
from asm_teach.course.checks.slips import (
    changed_inputs,
    degrees_for_radians,
    gradient_cut,
    gradient_missing,
    ignores,
    low_precision,
    negative_weights,
    not_inverted,
    only_the_example,
    pivot_ignored,
    rows_not_one,
    scale_after_rotation,
    underflow,
    wrong_order,
)

__all__ = [
    "absolute",
    "changed_inputs",
    "compare",
    "degrees_for_radians",
    "differs",
    "equal",
    "first",
    "gradient_cut",
    "gradient_missing",
    "ignores",
    "log_for_value",
    "low_precision",
    "negative_weights",
    "not_finite",
    "not_inverted",
    "not_numbers",
    "numbers",
    "one_of",
    "only_the_example",
    "pivot_ignored",
    "root_missing",
    "row_vectors",
    "rows_not_one",
    "scale_after_rotation",
    "sum_for_mean",
    "swapped",
    "transposed",
    "underflow",
    "uv_flipped",
    "wrong_factor",
    "wrong_offset",
    "wrong_order",
    "wrong_shape",
    "wrong_sign",
]


def transposed(given: Any, right: Any) -> str | None:
    """Square matrices with rows and columns exchanged."""
    b = numbers(right)
    if b is not None and b.ndim >= 2 and not equal(b.mT, b) and equal(given, b.mT):
        return "the matrix is transposed: rows and columns are exchanged"
    return None


def row_vectors(given: Any, matrix: Tensor, points: Tensor) -> str | None:
    """`points @ A` where matrices act on columns, `points @ A.T`."""
    if equal(given, points @ matrix) and not equal(given, points @ matrix.mT):
        return "the matrix is transposed: it acts on column vectors, so points that are rows need `points @ A.T`"
    return None


def swapped(given: Any, right: Any) -> str | None:
    """The last axis backwards: row for column, u for v."""
    b = numbers(right)
    if b is not None and b.ndim and b.shape[-1] > 1 and not equal(b.flip(-1), b) and equal(given, b.flip(-1)):
        return "the order along the last axis is reversed: row and column, or u and v, are swapped"
    return None


def uv_flipped(given: Any, right: Any) -> str | None:
    """v counted from above; `right` (..., 2) in [0, 1]."""
    b = numbers(right)
    if b is None or b.ndim == 0 or b.shape[-1] != 2:
        return None
    over = torch.stack([b[..., 0], 1 - b[..., 1]], -1)
    if not equal(over, b) and equal(given, over):
        return "v is upside down: the UV origin is the lower left corner here, so it is v and not 1 - v"
    return None


def wrong_sign(given: Any, right: Any) -> str | None:
    """Minus the right answer."""
    b = numbers(right)
    return "the sign is wrong" if b is not None and b.abs().sum() > 0 and equal(given, -b) else None


def absolute(given: Any, right: Any) -> str | None:
    """The sizes are right, the signs are lost."""
    b = numbers(right)
    if b is not None and (b < 0).any() and equal(given, b.abs()):
        return "the size is right but the sign is lost: no absolute value, and no square root of a square"
    return None


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
    if equal(given, b.square()):
        return "this is the square of it: take the root"
    return "this is the root of it: leave the root away" if (b >= 0).all() and equal(given, b.sqrt()) else None


def log_for_value(given: Any, right: Any) -> str | None:
    """A logarithm for the value, or the value for its logarithm."""
    b = numbers(right)
    if b is None:
        return None
    if (b > 0).all() and equal(given, b.log()):
        return "this is its logarithm: take exp"
    return "this is the value; its logarithm is asked for" if equal(given, b.exp()) else None


def compare(given: Any, right: Any) -> str | None:
    """The diagnoses that need nothing but both values, from the likeliest to the last resort."""
    if equal(given, right):
        return None
    return first(
        not_numbers(given),
        wrong_shape(given, right),
        underflow(given, right),
        not_finite(given),
        *(
            look(given, right)
            for look in (wrong_sign, absolute, transposed, swapped, wrong_factor, root_missing, wrong_offset)
        ),
        differs(given, right),
    )
