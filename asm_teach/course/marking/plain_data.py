"""Values as plain JSON, for the two processes of marking: the judge reads nothing of a student's but this.

A value becomes null, true, false, text, or a dictionary whose one key names its kind: {"int": "0x3"}, {"float":
"0x1.8p+0"}, {"tensor": ["float32", [2], "<base64>", false]}, {"list": [...]}. What has no such form becomes the name
of its type, so nothing but data can arrive. Reading is strict: every part is checked before it is used.
"""

from __future__ import annotations

import base64
import math
import re
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

Json = Any
DTYPES = {str(dtype).removeprefix("torch."): dtype for dtype in (
    torch.bool, torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64,
    torch.float16, torch.bfloat16, torch.float32, torch.float64, torch.complex64, torch.complex128,
)}  # fmt: skip
ARRAYS = [name for name in DTYPES if name != "bfloat16"]
DEEPEST = 12  # levels of lists in lists
MOST = 20_000  # values in one
LONGEST = 2_000  # letters of a text, digits of a whole number


class NotPlain(ValueError):
    """What arrived is not what `to_plain` writes."""


def to_plain(value: Any, function: Callable[[Any], Json] | None = None, asking: list[Tensor] | None = None) -> Json:
    """A value as JSON.

    Args:
        function: gives the form of what can be called; by default its type is named, as of anything else.
        asking: takes the tensors that ask for a gradient, in the order in which they stand in the JSON.

    Raises:
        NotPlain: for more than `MOST` values, or lists nested deeper than `DEEPEST`.
    """
    left = MOST

    def form(value: Any, depth: int) -> Json:
        nonlocal left
        left -= 1
        if left < 0 or depth > DEEPEST:
            raise NotPlain(f"it is nested deeper than {DEEPEST} levels, or has more than {MOST:,} values")
        if value is None or isinstance(value, bool):
            return value
        if value is ...:
            return {"dots": ""}
        if isinstance(value, Tensor):
            written = _tensor(value)
            if asking is not None and "tensor" in written and value.requires_grad:
                asking.append(value)
            return written
        if isinstance(value, (np.ndarray, np.generic)):
            return _array(np.asarray(value))
        if isinstance(value, str):
            return value[:LONGEST].encode("utf-8", "replace").decode()
        if isinstance(value, int):
            return {"int": hex(value)} if value.bit_length() < 4 * LONGEST else _kind(value)
        if isinstance(value, float):
            return {"float": float(value).hex()}
        if isinstance(value, complex):
            return {"complex": [value.real.hex(), value.imag.hex()]}
        if isinstance(value, Mapping):
            return {"dict": [[form(key, depth + 1), form(one, depth + 1)] for key, one in value.items()]}
        if isinstance(value, (tuple, list)):
            kind = "tuple" if isinstance(value, tuple) else "list"
            return {kind: [form(one, depth + 1) for one in value]}
        return function(value) if function and callable(value) else _kind(value)

    return form(value, 0)


def _kind(value: Any) -> Json:
    return {"other": type(value).__name__[:80]}


def _tensor(value: Tensor) -> Json:
    name = str(value.dtype).removeprefix("torch.")
    if name not in DTYPES or value.is_meta:
        return _kind(value)
    plain = value.detach()
    plain = (
        (plain if plain.layout is torch.strided else plain.to_dense()).cpu().resolve_conj().resolve_neg().contiguous()
    )
    raw = plain.reshape(-1).view(torch.uint8) if plain.numel() else plain.new_zeros(0, dtype=torch.uint8)
    return {"tensor": [name, list(plain.shape), base64.b64encode(raw.numpy().tobytes()).decode(), value.requires_grad]}


def _array(value: np.ndarray) -> Json:
    plain = value.astype(value.dtype.newbyteorder("="))
    if plain.dtype.name not in ARRAYS:
        return _kind(value)
    return {"array": [plain.dtype.name, list(plain.shape), base64.b64encode(plain.tobytes()).decode()]}


def from_plain(
    form: Json,
    function: Callable[[Json], Any] | None = None,
    tensor: Callable[[Tensor, bool], Tensor] = lambda value, _: value,
) -> Any:
    """The value that `to_plain` wrote.

    Args:
        function: gives a value for what `to_plain` got from its own `function`, under the key "function".
        tensor: gives what stands for a tensor; it gets the tensor and whether it asked for a gradient.

    Raises:
        NotPlain: if it is anything else.
    """
    left = MOST

    def value(form: Json, depth: int) -> Any:
        nonlocal left
        left -= 1
        if left < 0 or depth > DEEPEST:
            raise NotPlain("too many values, or nested too deep")
        if form is None or isinstance(form, bool):
            return form
        if isinstance(form, str):
            return _text(form)
        if not isinstance(form, dict) or len(form) != 1:
            raise NotPlain("neither text nor a value with its kind")
        ((kind, held),) = form.items()
        if kind in ("list", "tuple", "dict"):
            if not isinstance(held, list):
                raise NotPlain(f"a {kind} without its values")
            if kind == "dict":
                return dict(_pair(one, depth) for one in held)
            values = [value(one, depth + 1) for one in held]
            return tuple(values) if kind == "tuple" else values
        if kind == "tensor":
            *numbers, asks = _parts(held, 4)
            return tensor(_numbers(*numbers), asks is True)
        if kind == "function" and function:
            return function(held)
        if kind in _SIMPLE:
            return _SIMPLE[kind](held)
        raise NotPlain("a kind of value that does not exist")

    def _pair(one: Json, depth: int) -> tuple[Any, Any]:
        key, held = (value(part, depth + 1) for part in _parts(one, 2))
        try:
            hash(key)
        except TypeError:
            raise NotPlain("a key that is a list") from None
        return key, held

    return value(form, 0)


def renew(here: Any, there: Any) -> None:
    """Do to arguments here what a student's function has done to their copies there."""
    if isinstance(here, Tensor) and isinstance(there, Tensor):
        here.data = there
    elif isinstance(here, (tuple, list)) and isinstance(there, (tuple, list)):
        for one, other in zip(here, there, strict=False):
            renew(one, other)
        if isinstance(here, list):
            here[:] = [
                one if isinstance(one, Tensor) else other for one, other in zip(here, there, strict=False)
            ] + list(there[len(here) :])
    elif isinstance(here, dict) and isinstance(there, dict):
        for key in here.keys() & there.keys():
            renew(here[key], there[key])
        kept = {key: here[key] if isinstance(here.get(key), (Tensor, dict, list)) else there[key] for key in there}
        here.clear()
        here.update(kept)


def _text(held: Json) -> str:
    if not isinstance(held, str) or len(held) > LONGEST:
        raise NotPlain("a text that is none, or too long")
    return held


def _parts(held: Json, count: int) -> list[Json]:
    if not isinstance(held, list) or len(held) != count:
        raise NotPlain(f"{count} parts are needed")
    return held


def _whole(held: Json) -> int:
    if not re.fullmatch(r"-?0x[0-9a-f]+", _text(held)):
        raise NotPlain("not a whole number")
    return int(held, 16)


def _real(held: Json) -> float:
    try:
        return float.fromhex(_text(held))
    except (ValueError, OverflowError):
        raise NotPlain("not a number") from None


def _numbers(name: Json, shape: Json, raw: Json) -> Tensor:
    if not isinstance(name, str) or name not in DTYPES:
        raise NotPlain("numbers of an unknown type")
    if not isinstance(shape, list) or len(shape) > 8 or not all(type(n) is int and 0 <= n < 2**31 for n in shape):
        raise NotPlain("a shape that is none")
    try:
        held = bytearray(base64.b64decode(raw, validate=True)) if isinstance(raw, str) else None
    except ValueError:
        held = None
    if held is None or len(held) != math.prod(shape) * DTYPES[name].itemsize:
        raise NotPlain("another count of numbers than the shape says")
    if name == "bool" and any(byte > 1 for byte in held):
        raise NotPlain("a truth value that is neither")
    flat = torch.frombuffer(held, dtype=DTYPES[name]) if held else torch.empty(0, dtype=DTYPES[name])
    return flat.reshape(shape)


def _numpy(held: Json) -> Any:
    name, shape, raw = _parts(held, 3)
    if name not in ARRAYS:
        raise NotPlain("an array of an unknown type")
    return _numbers(name, shape, raw).numpy()[()]


def _thing(held: Json) -> Any:
    """Something of which only the name of its type is known."""
    name = re.sub(r"\W", "_", _text(held))[:80]
    return type(name or "_", (), {})()


_SIMPLE: dict[str, Callable[[Json], Any]] = {
    "int": _whole,
    "float": _real,
    "complex": lambda held: complex(*map(_real, _parts(held, 2))),
    "array": _numpy,
    "other": _thing,
    "dots": lambda _: ...,
}
