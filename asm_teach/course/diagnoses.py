"""Diagnoses of wrong numbers: each a small function that gives a sentence, or None where it does not apply.

A checker puts those that make sense for its exercise in a row and takes the first that speaks:

    return first(wrong_shape(given, right), wrong_sign(given, right), differs(given, right))

Arguments called `given` and `right` are the answer and what it should be: tensors, arrays, numbers or lists of them.
Two
values count as equal when they differ by less than `RELATIVE` of the largest of them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

RELATIVE = 1e-4  # float32 with some arithmetic behind it


def first(*sentences: str | None) -> str | None:
    """The first sentence that was found, None if there is none."""
    return next((sentence for sentence in sentences if sentence), None)


def numbers(value: Any) -> Tensor | None:
    """A value as a float64 tensor without a gradient; None if it does not consist of numbers."""
    if isinstance(value, (tuple, list)) and any(isinstance(one, Tensor) for one in value):
        parts = [numbers(one) for one in value]
        if any(part is None or part.shape != parts[0].shape for part in parts):
            return None
        return torch.stack(parts)
    try:
        return torch.as_tensor(value).detach().to("cpu", torch.float64)
    except (TypeError, ValueError, RuntimeError):
        return None


def equal(given: Any, right: Any, relative: float = RELATIVE) -> bool:
    """Whether two values have one shape and the same finite numbers."""
    a, b = numbers(given), numbers(right)
    if a is None or b is None or a.shape != b.shape or not a.isfinite().all() or not b.isfinite().all():
        return False
    if not a.numel():
        return True
    return bool((a - b).abs().max() <= relative * max(float(a.abs().max()), float(b.abs().max())) + 1e-12)


def one_of(given: Any, wrong: Mapping[str, Any], relative: float = RELATIVE) -> str | None:
    """The sentence whose wrong value was given: a table of the mistakes that an exercise invites."""
    return next((sentence for sentence, value in wrong.items() if equal(given, value, relative)), None)


def differs(given: Any, right: Any, relative: float = RELATIVE) -> str | None:
    """The last resort: where the largest difference is."""
    if equal(given, right, relative):
        return None
    if sentence := first(not_numbers(given), wrong_shape(given, right), not_finite(given)):
        return sentence
    a, b = numbers(given), numbers(right)
    assert a is not None and b is not None
    if a.numel() == 1:
        return f"found {float(a):.6g}, expected {float(b):.6g}"
    at = np.unravel_index(int((a - b).abs().argmax()), tuple(a.shape))
    index = ", ".join(map(str, map(int, at)))
    return f"the largest difference is at [{index}]: found {float(a[at]):.6g}, expected {float(b[at]):.6g}"


# Form: kind, shape, axes


def not_numbers(given: Any) -> str | None:
    """Something else than numbers."""
    if numbers(given) is None:
        return f"numbers are asked for (a tensor, an array or a list), found {type(given).__name__}"
    return None


def wrong_shape(given: Any, right: Any) -> str | None:
    """Other axes than asked for; says which slip of broadcasting or transposing makes such a shape."""
    a, b = numbers(given), numbers(right)
    if a is None or b is None or a.shape == b.shape:
        return None
    found = f"the shape is {tuple(a.shape)}, expected {tuple(b.shape)}"
    if a.ndim == 2 and b.ndim == 1 and a.shape == (len(b), len(b)):
        return f"{found}: (n,) and (n, 1) broadcast to (n, n); give both the same shape"
    if a.numel() == b.numel() and a.shape == b.shape[::-1]:
        return f"{found}: the axes are the wrong way round"
    if a.squeeze().shape == b.squeeze().shape:
        return f"{found}: an axis of length 1 is too many or missing (keepdim, squeeze, [:, None])"
    if a.ndim == b.ndim - 1 and any(a.shape == b.shape[:axis] + b.shape[axis + 1 :] for axis in range(b.ndim)):
        return f"{found}: one axis was summed away that should stay"
    return found


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


# Values: sign, factor, offset, powers


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


# Weights and probabilities


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


def not_finite(given: Any) -> str | None:
    """nan or infinite numbers, for whatever reason."""
    a = numbers(given)
    if a is None or a.isfinite().all():
        return None
    kind = "nan" if a.isnan().any() else "infinite"
    return f"{int((~a.isfinite()).sum())} of {a.numel()} numbers are {kind}: was something divided by zero?"


# Rotations, scales, pivots, products


def degrees_for_radians(given: Any, reference: Callable[[Any], Any], angle: Any) -> str | None:
    """What the reference gives when the angle is taken for degrees, or turned into degrees."""
    if equal(given, reference(angle)):
        return None
    if equal(given, reference(angle * math.pi / 180)):
        return "the angle was taken for degrees: it is in radians already"
    if equal(given, reference(angle * 180 / math.pi)):
        return "the angle was turned into degrees: sine and cosine want radians"
    return None


def pivot_ignored(given: Any, matrix: Tensor, points: Tensor, pivot: Tensor) -> str | None:
    """A turn about the origin, or one whose pivot is not put back; points (n, 3), pivot (3,)."""
    turned = (points - pivot) @ matrix.mT
    if equal(given, turned + pivot):
        return None
    return one_of(
        given,
        {
            "the pivot was not subtracted: this turns about the origin": points @ matrix.mT,
            "the pivot was subtracted and not added again afterwards": turned,
            "the pivot was not subtracted before, but added afterwards": points @ matrix.mT + pivot,
        },
    )


def scale_after_rotation(given: Any, rotation: Tensor, scale: Tensor) -> str | None:
    """S R for R S: T = translate . rotate . scale, so the scale acts first; rotation (3, 3), scale (3,)."""
    right, wrong = rotation * scale, scale[:, None] * rotation
    if equal(given, wrong) and not equal(right, wrong):
        return "the scale was applied after the rotation: T = translate . rotate . scale, so R @ diag(s)"
    return None


def wrong_order(given: Any, one: Tensor, other: Tensor) -> str | None:
    """other @ one where one @ other is asked for."""
    if equal(given, other @ one) and not equal(given, one @ other):
        return "the product is in the wrong order: what acts first stands on the right"
    return None


def not_inverted(given: Any, matrix: Tensor) -> str | None:
    """The matrix, or its transpose, where its inverse is asked for."""
    if equal(given, torch.linalg.inv(matrix)):
        return None
    if equal(given, matrix):
        return "the inverse was not taken"
    return (
        "a transpose is the inverse of a rotation only: here use torch.linalg.inv" if equal(given, matrix.mT) else None
    )


# Programs: gradients, precision, side effects, generality


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
    """float64 went in, and float32 came out or was gone through."""
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
