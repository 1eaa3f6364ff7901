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

from asm_teach.course.checks.confirming import named, struck

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
        found = torch.as_tensor(value).detach().to("cpu")
        return None if found.is_complex() else found.to(torch.float64)
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
    return _apart(given, right) <= relative


def _apart(given: Any, right: Any) -> float:
    """The largest difference as a part of the largest number; infinite where two values cannot be compared."""
    a, b = numbers(given), numbers(right)
    if a is None or b is None or a.shape != b.shape or not a.isfinite().all() or not b.isfinite().all():
        return float("inf")
    if not a.numel():
        return 0.0
    off = float((a - b).abs().max()) - 1e-12
    return max(off, 0.0) / max(float(a.abs().max()), float(b.abs().max()), 1e-300)


def one_of(given: Any, wrong: Mapping[str, Any], relative: float = RELATIVE) -> str | None:
    """Look a wrong answer up in a table of expected mistakes, sentence -> value; give the nearest one's sentence.

    A value that takes long may be a function without arguments, which is called only where it is needed.
    """
    apart = {
        sentence: _apart(given, value() if callable(value) else value)
        for sentence, value in wrong.items()
        if not struck(sentence)
    }
    nearest = min(apart, key=apart.__getitem__, default=None)
    return None if nearest is None or apart[nearest] > relative else named(nearest)


def mistaken(given: Any, right: Any, wrong: Mapping[str, Any]) -> str | None:
    """As `one_of`, and None for the right answer, which a mistake may give by chance."""
    return None if equal(given, right) else one_of(given, wrong)


def not_numbers(given: Any) -> str | None:
    """The answer is not made of numbers."""
    if numbers(given) is not None:
        return None
    if isinstance(given, Tensor) and given.is_complex():
        return "the numbers are complex, but real ones are expected"
    if isinstance(given, (tuple, list)) and given and all(isinstance(one, Tensor) for one in given):
        shapes = ", ".join(str(tuple(one.shape)) for one in given)
        return f"the parts of your answer have different shapes, {shapes}"
    return f"the answer should be numbers (a tensor, an array or a list), found {type(given).__name__}"


def not_finite(given: Any) -> str | None:
    """The answer holds nan or infinite numbers."""
    a = numbers(given)
    if a is None or a.isfinite().all():
        return None
    if a.isnan().any():
        kind, reason = "nan", "0 / 0, or a root or logarithm of a negative number, gives that"
    else:
        kind, reason = "infinite", "a division by 0, the logarithm of 0 or exp of a large number gives that"
    return f"{int((~a.isfinite()).sum())} of {a.numel()} numbers are {kind}: {reason}"


def differs(given: Any, right: Any, relative: float = RELATIVE) -> str | None:
    """The last resort: say where the largest difference is."""
    if equal(given, right, relative):
        return None
    if sentence := not_numbers(given) or not_finite(given):
        return sentence
    a, b = numbers(given), numbers(right)
    assert a is not None and b is not None
    if a.shape != b.shape:
        return f"the shape is {tuple(a.shape)}, expected {tuple(b.shape)}"
    if a.numel() == 1:
        return f"found {float(a):.6g}, expected {float(b):.6g}"
    off = (a - b).abs()
    at = np.unravel_index(int(off.argmax()), tuple(a.shape))
    index = ", ".join(map(str, map(int, at)))
    same = int((off <= relative * float(b.abs().max())).sum())
    others = f"; {same} of the {a.numel()} numbers are right" if same else ""
    return f"the largest difference is at [{index}]: found {float(a[at]):.6g}, expected {float(b[at]):.6g}{others}"
