"""Inputs of exercises: the same in every notebook, and others when marks are given.

A checker takes its random numbers from `draws(0)` and passes the numbers that stand in its code through `varied`. Both
always give the same, until marking asks for `other_inputs`: then an answer that knows the usual inputs by heart fails.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

import torch
from torch import Tensor

T = TypeVar("T")
_SOURCE: ContextVar[torch.Generator | None] = ContextVar("source of other inputs", default=None)


@contextmanager
def other_inputs(seed: int) -> Iterator[None]:
    """In this block checkers draw their inputs from `seed`."""
    token = _SOURCE.set(torch.Generator().manual_seed(seed))
    try:
        yield
    finally:
        _SOURCE.reset(token)


def seed_of(usual: int) -> int:
    """The seed of a checker: the usual one, or another one."""
    source = _SOURCE.get()
    return usual if source is None else int(torch.randint(2**40, (), generator=source))


def draws(usual: int) -> torch.Generator:
    """The random numbers of a checker, by its usual seed."""
    return torch.Generator().manual_seed(seed_of(usual))


def factor(by: float = 0.1) -> float:
    """1, or a random factor between 1 - by and 1 + by."""
    source = _SOURCE.get()
    return 1.0 if source is None else 1 + by * (2 * float(torch.rand((), generator=source, dtype=torch.float64)) - 1)


def varied(value: T, by: float = 0.1) -> T:
    """Numbers as they are, or each times a random factor between 1 - by and 1 + by; whole ones stay whole, above 0.

    Args:
        value: a number, a tensor, or a tuple or list of them.
    """
    source = _SOURCE.get()
    if source is None:
        return value
    if isinstance(value, (tuple, list)):
        return type(value)(varied(one, by) for one in value)
    if isinstance(value, Tensor):
        noise = torch.rand(value.shape, generator=source, dtype=torch.float64)
        return value * (1 + by * (2 * noise - 1)).to(value.dtype)  # type: ignore[return-value]
    if isinstance(value, int):
        low, high = max(1, round(value * (1 - by))), round(value * (1 + by)) + 1
        return int(torch.randint(low, high + 1, (), generator=source))  # type: ignore[return-value]
    return value * factor(by)  # type: ignore[operator, return-value]
