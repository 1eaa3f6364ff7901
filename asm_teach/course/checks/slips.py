"""Slips of this subject: weights, rotations and pivots, gradients, precision, side effects."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from asm_teach.course.checks.comparing import Mistake, equal, mistaken, numbers


def rows_not_one(given: Any, axis: int = -1) -> str | None:
    """Weights that do not sum to one along `axis`; names the first row that does not."""
    a = numbers(given)
    if a is None or a.ndim == 0 or not a.isfinite().all():
        return None
    sums = a.sum(axis)
    off = (sums - 1).abs() > 1e-4
    if not off.any():
        return None
    row = int(off.flatten().nonzero()[0])
    found = (
        f"row {row} sums to {float(sums.flatten()[row]):.4g}, not to 1 ({int(off.sum())} of {off.numel()} rows do so)"
    )
    if a.ndim == 2 and ((a.sum(1 - axis % 2) - 1).abs() < 1e-4).all():
        return f"{found}; the columns do: it was normalised over the wrong axis"
    return found


def degrees_for_radians(given: Any, reference: Callable[[Any], Any], angle: Any) -> str | None:
    """What the reference gives when the angle is taken for degrees, or turned into degrees."""
    wrong = {
        "the angle was taken for degrees: it is in radians already": reference(angle * math.pi / 180),
        "the angle was turned into degrees: sine and cosine want radians": reference(angle * 180 / math.pi),
    }
    return mistaken(given, reference(angle), wrong)


def pivot_ignored(given: Any, matrix: Tensor, points: Tensor, pivot: Tensor) -> str | None:
    """A turn about the origin, or one whose pivot is not put back; points (n, 3), pivot (3,)."""
    turned = (points - pivot) @ matrix.mT
    wrong = {
        "the pivot was not subtracted: this turns about the origin": points @ matrix.mT,
        "the pivot was subtracted and not added again afterwards": turned,
        "the pivot was not subtracted before, but added afterwards": points @ matrix.mT + pivot,
    }
    return mistaken(given, turned + pivot, wrong)


def gradient_cut(given: Any) -> str | None:
    """A result that no gradient flows through, although an input asked for one."""
    if isinstance(given, Tensor) and given.requires_grad:
        return None
    how = "a plain number or an array (.item(), float(), .numpy())" if not isinstance(given, Tensor) else "a tensor"
    return (
        f"the gradient is cut: the result is {how} that does not depend on the input for autograd; "
        "look for detach, .data, no_grad, round or torch.tensor(...) of a tensor"
    )


def changed_inputs(before: Sequence[Tensor], after: Sequence[Tensor], names: Sequence[str]) -> str | None:
    """An argument that the function changed in place; `before` are clones made before the call."""
    for old, new, name in zip(before, after, names, strict=True):
        if old.shape != new.shape or not torch.equal(old, new):
            return (
                f"your function changes its argument {name} in place (+=, [...] = or a method with _): clone it first"
            )
    return None


def result_of(function: Callable[..., Any], **inputs: Tensor) -> Any:
    """Call an answer's function with these inputs, which it may not change.

    Raises:
        Mistake: if it changes one in place.
    """
    before = [x.clone() for x in inputs.values()]
    found = function(*inputs.values())
    if sentence := changed_inputs(before, list(inputs.values()), list(inputs)):
        raise Mistake(sentence)
    return found


class CallsOf(TorchFunctionMode):
    """In this block it notes whether one of these functions of torch was called: true if the answer used it."""

    def __init__(self, *functions: Callable[..., Any]) -> None:
        super().__init__()
        self.functions, self.called = functions, False

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.called |= any(func is one for one in self.functions)
        return func(*args, **(kwargs or {}))

    def __bool__(self) -> bool:
        return self.called


def ignores(function: Callable[..., Any], one: tuple[Any, ...], other: tuple[Any, ...], name: str) -> str | None:
    """The same result for two inputs that differ in the argument `name` only."""
    if equal(function(*one), function(*other)):
        return f"the result does not depend on {name}"
    return None
