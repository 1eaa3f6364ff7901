"""Comparing an answer with what it should be: as numbers, by shape, and by a table of expected mistakes.

Arguments called `given` and `right` are the answer and what it should be: tensors, arrays, numbers or lists of them.
Two values count as equal when they differ by less than `RELATIVE` of the largest of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

RELATIVE = 1e-4  # float32 with some arithmetic behind it


class Mistake(Exception):
    """A helper of a checker raises this where the answer cannot be judged further; its words become the verdict."""


def numbers(value: Any) -> Tensor | None:
    """A value as a float64 tensor without a gradient; None if it does not consist of numbers."""
    if isinstance(value, (tuple, list)) and any(isinstance(one, Tensor) for one in value):
        parts = [part for part in map(numbers, value) if part is not None]
        same = len(parts) == len(value) and len({part.shape for part in parts}) == 1
        return torch.stack(parts) if same else None
    try:
        return torch.as_tensor(value).detach().to("cpu", torch.float64)
    except (TypeError, ValueError, RuntimeError):
        return None


def one_number(answer: Any, words: str) -> float:
    """Read an answer that must be one finite number; if it is not, the words become the verdict."""
    number = numbers(answer)
    if number is None or number.numel() != 1 or not number.isfinite().all():
        raise Mistake(words)
    return float(number)


def pair(answer: Any, words: str) -> tuple[Any, Any]:
    """Read an answer that must be two things; if it is not, the words become the verdict."""
    if not isinstance(answer, (tuple, list)) or len(answer) != 2:
        raise Mistake(words)
    return answer[0], answer[1]


def equal(given: Any, right: Any, relative: float = RELATIVE) -> bool:
    """Whether two values have one shape and the same finite numbers."""
    a, b = numbers(given), numbers(right)
    if a is None or b is None or a.shape != b.shape or not a.isfinite().all() or not b.isfinite().all():
        return False
    if not a.numel():
        return True
    return bool((a - b).abs().max() <= relative * max(float(a.abs().max()), float(b.abs().max())) + 1e-12)


def one_of(given: Any, wrong: Mapping[str, Any], relative: float = RELATIVE) -> str | None:
    """Look a wrong answer up in a table of expected mistakes, sentence -> value; give the sentence or None."""
    return next((sentence for sentence, value in wrong.items() if equal(given, value, relative)), None)


def mistaken(given: Any, right: Any, wrong: Mapping[str, Any]) -> str | None:
    """As `one_of`, and None for the right answer, which a mistake may give by chance."""
    return None if equal(given, right) else one_of(given, wrong)


def not_numbers(given: Any) -> str | None:
    """The answer is not made of numbers."""
    if numbers(given) is None:
        return f"numbers are asked for (a tensor, an array or a list), found {type(given).__name__}"
    return None


def wrong_shape(given: Any, right: Any) -> str | None:
    """The shape is wrong; the sentence names the slip of broadcasting or transposing that makes such a shape."""
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


def not_finite(given: Any) -> str | None:
    """The answer holds nan or infinite numbers."""
    a = numbers(given)
    if a is None or a.isfinite().all():
        return None
    kind = "nan" if a.isnan().any() else "infinite"
    return f"{int((~a.isfinite()).sum())} of {a.numel()} numbers are {kind}: was something divided by zero?"


def differs(given: Any, right: Any, relative: float = RELATIVE) -> str | None:
    """The last resort: say where the largest difference is."""
    if equal(given, right, relative):
        return None
    if sentence := not_numbers(given) or wrong_shape(given, right) or not_finite(given):
        return sentence
    a, b = numbers(given), numbers(right)
    assert a is not None and b is not None
    if a.numel() == 1:
        return f"found {float(a):.6g}, expected {float(b):.6g}"
    at = np.unravel_index(int((a - b).abs().argmax()), tuple(a.shape))
    index = ", ".join(map(str, map(int, at)))
    return f"the largest difference is at [{index}]: found {float(a[at]):.6g}, expected {float(b[at]):.6g}"
