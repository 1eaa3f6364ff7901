"""Answers of a wrong shape: which slip of broadcasting, transposing, summing or looping makes such an answer.

A slip is named only where the numbers show it: what is called the last row is the last row of the right answer.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from asm_teach.course.checks.comparing import equal, numbers
from asm_teach.course.checks.confirming import named


def wrong_shape(given: Any, right: Any) -> str | None:
    """The shape is wrong: the sentence gives both shapes, and the slip that makes this one."""
    a, b = numbers(given), numbers(right)
    if a is None or b is None or a.shape == b.shape:
        return None
    found = f"the shape is {tuple(a.shape)}, expected {tuple(b.shape)}"
    why = next(filter(None, (named(words) for words, value in _slips(a, b) if equal(value, b))), None)
    return f"{found}: {why}" if why else f"{found}{_by_shape(a, b)}"


def _by_shape(a: Tensor, b: Tensor) -> str:
    """What the two shapes alone tell."""
    if a.numel() == b.numel() and a.shape == b.shape[::-1]:
        return ": the axes are the wrong way round"
    if a.squeeze().shape == b.squeeze().shape:
        return ": an axis of length 1 is too many or missing (keepdim, squeeze, [:, None])"
    if a.ndim < b.ndim:
        return ": an axis is missing"
    return ": there is an axis too many" if a.ndim > b.ndim else ""


def _slips(a: Tensor, b: Tensor) -> Iterator[tuple[str, Tensor]]:
    """Sentences, each with a value that equals the right answer if it is true."""
    if a.ndim == b.ndim >= 2 and a.shape == b.shape[::-1]:
        yield (
            "the numbers are right, but the axes are the wrong way round (.T, or another dim in stack)",
            a.permute(*reversed(range(a.ndim))),
        )
    if a.squeeze().shape == b.squeeze().shape:
        words = "the numbers are right, but an axis of length 1 is too many or missing (keepdim, squeeze, [:, None])"
        yield words, a.reshape(b.shape)
    if b.ndim == 1 and a.shape == (len(b), len(b)):
        yield "(n,) and (n, 1) broadcast to (n, n); give both the same shape", a.diagonal()
    if a.ndim == b.ndim + 1 or (b.ndim == 0 and a.ndim):
        yield from _not_reduced(a, b)
    if a.ndim == b.ndim - 1:
        yield from _reduced(a, b)
    if a.ndim == b.ndim:
        yield from _cut(a, b)


def _not_reduced(a: Tensor, b: Tensor) -> Iterator[tuple[str, Tensor]]:
    for axis in range(a.ndim) if b.ndim else [tuple(range(a.ndim)), *range(a.ndim)]:
        over = f" over axis {axis}" if isinstance(axis, int) and a.ndim > 1 else ""
        yield f"the mean{over} is still missing", a.mean(axis)
        yield f"the sum{over} is still missing", a.sum(axis)
        yield f"the root of the mean square{over} is still missing", a.square().mean(axis).sqrt()
        yield f"the length{over}, the root of the sum of squares, is still missing", a.square().sum(axis).sqrt()


def _reduced(a: Tensor, b: Tensor) -> Iterator[tuple[str, Tensor]]:
    for axis in range(b.ndim):
        for words, part in (
            (f"this is the sum over axis {axis}, which should stay", b.sum(axis)),
            (f"this is the mean over axis {axis}, which should stay", b.mean(axis)),
            (f"this is the first along axis {axis} only: does `return` stand inside a loop?", b.select(axis, 0)),
            (f"this is the last along axis {axis} only: does a loop overwrite its result?", b.select(axis, -1)),
        ):
            if equal(a, part):
                yield words, b


def _cut(a: Tensor, b: Tensor) -> Iterator[tuple[str, Tensor]]:
    other = [axis for axis in range(a.ndim) if a.shape[axis] != b.shape[axis]]
    if len(other) != 1:
        return
    axis, n, m = other[0], a.shape[other[0]], b.shape[other[0]]
    if n > m:
        for start, which in ((0, "first"), (n - m, "last")):
            yield f"the {which} {m} along axis {axis} are right: leave out the rest", a.narrow(axis, start, m)
    for start, which in ((0, "first"), (m - n, "last")) if n < m else ():
        if equal(a, b.narrow(axis, start, n)):
            yield f"these are the {which} {n} of {m} along axis {axis}: the rest is missing", b
    if n == 1 and m > 1 and torch.equal(b, b.narrow(axis, 0, 1).expand_as(b)):
        yield f"one number is not enough along axis {axis}: give all {m}", b
