"""Slips of this subject: weights, rotations and pivots, gradients, precision, side effects."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from asm_teach.course.checks.comparing import Mistake, differs, equal, mistaken, numbers


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


def negative_weights(given: Any) -> str | None:
    """Weights below zero."""
    a = numbers(given)
    if a is not None and (a < -1e-9).any():
        return f"{int((a < -1e-9).sum())} weights are negative, the lowest is {float(a.min()):.4g}"
    return None


def underflow(given: Any, right: Any) -> str | None:
    """0, or 0/0, where the right answer is a proper number: exp went below what floats can hold."""
    a, b = numbers(given), numbers(right)
    if a is None or b is None or a.shape != b.shape:
        return None
    if (a.isnan() & b.isfinite()).any():
        return (
            f"{int(a.isnan().sum())} numbers are nan: every exp was 0 there and 0/0 is nan; "
            "stay with logarithms and subtract the largest first (logsumexp, softmax)"
        )
    if (a.isinf() & b.isfinite()).any():
        return f"{int(a.isinf().sum())} numbers are infinite: the logarithm of a sum that was 0; use logsumexp"
    lost = (a == 0) & (b.abs() > 1e-3 * b.abs().max())
    return f"{int(lost.sum())} numbers are 0 that should not be: exp underflowed" if lost.any() else None


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


def scale_after_rotation(given: Any, rotation: Tensor, scale: Tensor) -> str | None:
    """S R for R S: T = translate . rotate . scale, so the scale acts first; rotation (3, 3), scale (3,)."""
    words = "the scale was applied after the rotation: T = translate . rotate . scale, so R @ diag(s)"
    return mistaken(given, rotation * scale, {words: scale[:, None] * rotation})


def wrong_order(given: Any, one: Tensor, other: Tensor) -> str | None:
    """other @ one where one @ other is asked for."""
    words = "the product is in the wrong order: what acts first stands on the right"
    return mistaken(given, one @ other, {words: other @ one})


def not_inverted(given: Any, matrix: Tensor) -> str | None:
    """The matrix, or its transpose, where its inverse is asked for."""
    wrong = {
        "the inverse was not taken": matrix,
        "a transpose is the inverse of a rotation only: here use torch.linalg.inv": matrix.mT,
    }
    return mistaken(given, torch.linalg.inv(matrix), wrong)


def gradient_cut(given: Any) -> str | None:
    """A result that no gradient flows through, although an input asked for one."""
    if isinstance(given, Tensor) and given.requires_grad:
        return None
    how = "a plain number or an array (.item(), float(), .numpy())" if not isinstance(given, Tensor) else "a tensor"
    return (
        f"the gradient is cut: the result is {how} that does not depend on the input for autograd; "
        "look for detach, .data, no_grad, round or torch.tensor(...) of a tensor"
    )


def gradient_missing(gradient: Tensor | None, name: str) -> str | None:
    """An input whose gradient is None, zero everywhere or not finite after a backward pass."""
    if gradient is None:
        return f"no gradient arrives at {name}: the result does not depend on it"
    if not gradient.isfinite().all():
        return f"the gradient by {name} is not finite: a root or a division at 0?"
    return f"the gradient by {name} is zero everywhere" if not gradient.abs().sum() > 0 else None


def low_precision(given: Any, right: Any) -> str | None:
    """The input was float64, and the result is float32 or passed through float32."""
    if not isinstance(right, Tensor) or right.dtype != torch.float64 or not isinstance(given, Tensor):
        return None
    if given.dtype in (torch.float32, torch.float16, torch.bfloat16):
        return f"the result is {given.dtype}, the input was float64: digits are lost; take dtype=x.dtype"
    if equal(given, right) and not equal(given, right, 1e-10):
        return "the result is float64 but only good to float32: somewhere on the way it was float32"
    return None


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


def only_the_example(
    function: Callable[..., Any], reference: Callable[..., Any], cases: Sequence[tuple[Any, ...]]
) -> str | None:
    """Right for the first case, which is the one in the text, and wrong for another one."""
    if not equal(function(*cases[0]), reference(*cases[0])):
        return None
    for case in cases[1:]:
        found = function(*case)
        if not equal(found, reference(*case)):
            return f"it is right for the example, but not for other inputs: {differs(found, reference(*case))}"
    return None


def ignores(function: Callable[..., Any], one: tuple[Any, ...], other: tuple[Any, ...], name: str) -> str | None:
    """The same result for two inputs that differ in the argument `name` only."""
    if equal(function(*one), function(*other)):
        return f"the result does not depend on {name}"
    return None
