"""Checks of tensors that come from outside: each says what was found and what to do."""

from __future__ import annotations

import torch
from torch import Tensor


def check_points(x: Tensor, name: str, width: int) -> None:
    """Raise a ValueError unless x is (n, width), floating point and finite."""
    if not isinstance(x, Tensor):
        raise ValueError(f"{name} is a {type(x).__name__}: give a torch tensor, for example torch.as_tensor({name})")
    if x.ndim != 2 or x.shape[-1] != width:
        raise ValueError(f"{name} has shape {tuple(x.shape)}: give (n, {width})")
    if not x.is_floating_point():
        raise ValueError(f"{name} is of type {x.dtype}: give floating-point numbers, for example {name}.float()")
    bad = ~torch.isfinite(x.detach()).all(-1)
    if bad.any():
        where = int(bad.nonzero()[0])
        raise ValueError(
            f"{name}: row {where} is {x[where].tolist()}, and {int(bad.sum())} of {len(x)} rows hold NaN or "
            "infinite numbers; remove or repair them first"
        )


def check_polygons(x: Tensor, name: str, width: int, count: int, into: str) -> None:
    """Raise a ValueError unless x is (n, width) int64 and names rows that are there, 0 to count - 1."""
    if not isinstance(x, Tensor):
        raise ValueError(f"{name} is a {type(x).__name__}: give a torch tensor of int64")
    if x.ndim != 2 or x.shape[-1] != width:
        raise ValueError(f"{name} has shape {tuple(x.shape)}: give (n, {width})")
    check_indices(x, name, count, into)


def check_indices(x: Tensor, name: str, count: int, into: str) -> None:
    """Raise a ValueError unless x is int64 with entries 0 to count - 1; `into` is what they point into."""
    if x.dtype != torch.int64:
        raise ValueError(f"{name} is of type {x.dtype}: indices are int64, for example {name}.long()")
    bad = (x < 0) | (x >= count)
    if bad.any():
        where = bad.nonzero()[0].tolist()
        raise ValueError(
            f"{name}: row {where[0]} names {into}[{int(x[tuple(where)])}], but {into} has {count} rows, "
            "numbered from 0; the file or the array is damaged, or it counts from 1"
        )
