"""An answer that is a function, under watch: what it was given, what it gave, and what it does not look at."""

from __future__ import annotations

import dis
import functools
import inspect
import types
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor

from asm_teach.course.checks.comparing import Mistake, equal
from asm_teach.course.checks.stopping import NOTHING

NO_RESULT = "your function gives None: did you forget `return`, or is it missing in one branch?"
_SMALL = 6  # numbers that are shown one by one
_LARGEST = 2**17  # numbers of a tensor that is kept as it was


@dataclass(frozen=True)
class Call:
    """One call of an answer: its arguments as they were before it, and its result."""

    given: tuple[Any, ...]
    result: Any = None


def is_function(answer: Any) -> bool:
    """Whether an answer is a function that was written with `def` or `lambda`."""
    return isinstance(answer, (types.FunctionType, types.MethodType))


def is_empty(answer: Any) -> bool:
    """Whether an answer is None or dots, or holds nothing else."""
    if isinstance(answer, (tuple, list)):
        return bool(answer) and all(map(is_empty, answer))
    return answer is None or answer is ...


def watched(answer: Any, calls: list[Call]) -> Any:
    """Wrap an answer that is a function: its calls are noted, and a result of None is a mistake. Leave others alone."""
    if not is_function(answer):
        return answer

    @functools.wraps(answer)
    def call(*args: Any, **kwargs: Any) -> Any:
        given = tuple(map(_kept, args))
        calls.append(Call(given))
        result = answer(*args, **kwargs)
        if is_empty(result):
            raise Mistake(NO_RESULT if result is None and not _does_nothing(answer) else NOTHING)
        calls[-1] = Call(given, result)
        return result

    return call


def _kept(value: Any) -> Any:
    return value.detach().clone() if isinstance(value, Tensor) and value.numel() <= _LARGEST else value


def _does_nothing(answer: Callable[..., Any]) -> bool:
    """Whether a function has no more in it than `pass`."""
    code = getattr(answer, "__code__", None)
    return code is not None and len(list(dis.get_instructions(code))) <= len(list(dis.get_instructions(lambda: None)))


def told(name: str, answer: Any, call: Call) -> str:
    """A call in one line: what the function was given, and what it gave."""
    names = _names(answer, len(call.given))
    given = ", ".join(f"{one} = {_short(value)}" for one, value in zip(names, call.given, strict=True))
    result = "" if call.result is None else f" gave {_short(call.result)}"
    return f"{name}({given}){result}"


def _names(answer: Any, count: int) -> list[str]:
    try:
        names = [
            one.name for one in inspect.signature(answer).parameters.values() if one.kind is not one.VAR_POSITIONAL
        ]
    except (TypeError, ValueError):
        names = []
    return names if len(names) == count else [f"argument {number}" for number in range(1, count + 1)]


def _short(value: Any) -> str:
    if isinstance(value, (Tensor, np.ndarray)):
        values = value.tolist()
        few = value.size if isinstance(value, np.ndarray) else value.numel()
        return _short(values) if few <= _SMALL else f"a tensor {tuple(value.shape)}"
    if isinstance(value, bool) or value is None:
        return str(value)
    if isinstance(value, (int, float)):
        return f"{value:.4g}" if isinstance(value, float) else str(value)
    if isinstance(value, (list, tuple)) and len(value) <= _SMALL:
        inside = ", ".join(map(_short, value))
        return f"[{inside}]" if isinstance(value, list) else f"({inside})"
    return type(value).__name__


def ignored(answer: Callable[..., Any], calls: Sequence[Call], others: Sequence[Call]) -> list[str]:
    """The arguments that a function does not look at: its result stays whenever such a one alone changes.

    Args:
        calls: calls with the usual inputs; the first of them is repeated with one argument changed.
        others: calls with other inputs, of which the changed argument is taken.
    """
    if not calls or calls[0].result is None:
        return []
    first = calls[0]
    if all(equal(other.result, first.result) for other in others):  # as where a comparison lets nothing through
        return []
    names = _names(answer, len(first.given))
    return [name for place, name in enumerate(names) if _stays(answer, first, place, others)]


def _stays(answer: Callable[..., Any], first: Call, place: int, others: Sequence[Call]) -> bool:
    """Whether the result of a call stays when the argument in one place is taken from other calls."""
    tried, value = False, first.given[place]
    changed = [other.given[place] for other in others if len(other.given) == len(first.given)]
    if isinstance(value, float) or (isinstance(value, Tensor) and value.is_floating_point()):
        changed += [3 * value, value / 3, 1 - value]  # far enough for a comparison or a rounding to change its mind
    for new in changed:
        if equal(value, new, 1e-3):
            continue
        given = [_kept(new if at == place else one) for at, one in enumerate(first.given)]
        try:
            if not equal(answer(*given), first.result, 1e-9):
                return False
        except Exception:  # so it does look at it
            return False
        tried = True
    return tried
