"""Small text files and JSON of others, read without trusting them: their size, encoding, depth and numbers."""

from __future__ import annotations

import codecs
import json
import math
from os import PathLike
from pathlib import Path
from typing import Any

MOST_BYTES = 16_000_000  # a landmark file has some thousands; JSON of this size takes up to 0.4 GB as Python's objects
DEEPEST = 32  # lists and objects within each other


def read_text(path: str | PathLike[str], strict: bool = True, *, most: int = MOST_BYTES) -> str:
    """The text of a small file: UTF-8, or UTF-16 with its mark, as some programs of Windows write it.

    Args:
        path: the file.
        strict: refuse bytes that are no UTF-8; otherwise they become a replacement character.
        most: the largest size that a file of this kind has, in bytes.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is larger than `most`, or is no text.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"path: there is no file {str(path)!r}; check the name and the folder")
    with path.open("rb") as file:
        content = file.read(most + 1)
    if len(content) > most:
        raise ValueError(f"{path.name}: larger than {most / 1e6:.0f} MB, which no file of this kind is; check it")
    wide = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        return content.decode("utf-16" if wide else "utf-8-sig", "strict" if strict else "replace")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path.name}: this is no text, or it is damaged ({error}); fetch or write it again") from None


def parse_json(text: str | bytes, name: str, kind: str = "JSON", *, nan: bool = False) -> Any:
    """What a JSON text says, as dicts, lists, strings and numbers that no computation stumbles over.

    Args:
        text: the text, or its bytes.
        name: begins the message of an error: the name of the file.
        kind: what the text should be, for that message.
        nan: whether `NaN` may stand for a number that is not known.

    Raises:
        ValueError: it is no JSON or cut off, has more than `DEEPEST` lists within each other, a name twice in one
            object, a whole number of more than 64 bits, an infinite number, or NaN where that is not allowed.
    """

    def constant(word: str) -> float:
        if word == "NaN" and nan:
            return math.nan
        raise ValueError(f"{word} stands in it, which is no number of use")

    try:
        found = json.loads(
            text, parse_int=_whole, parse_float=_real, parse_constant=constant, object_pairs_hook=_each_name_once
        )
        if _depth(found) > DEEPEST:
            raise RecursionError
        return found
    except json.JSONDecodeError as error:
        at = f"{error.msg.lower()} at line {error.lineno}, column {error.colno}"
        raise ValueError(f"{name}: this is no {kind}, or it is cut off ({at}); fetch or write it again") from None
    except (ValueError, RecursionError) as error:  # of the functions above, or bytes that are no text
        reason = "it is nested too deeply" if isinstance(error, RecursionError) else error
        raise ValueError(f"{name}: this {kind} cannot be read ({reason}); fetch or write it again") from None


def _whole(digits: str) -> int:
    if len(digits) > 20 or not -(2**63) <= int(digits) < 2**63:
        raise ValueError(f"the number {_short(digits)} is too large")
    return int(digits)


def _real(digits: str) -> float:
    if not math.isfinite(value := float(digits)):
        raise ValueError(f"the number {_short(digits)} is too large")
    return value


def _each_name_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise ValueError(f"{_short(name)!r} is given twice")
        found[name] = value
    return found


def _depth(value: Any) -> int:
    """How many lists or objects stand within each other; without a call within a call."""
    depth, level = 0, [value]
    while level := [one for one in level if isinstance(one, (list, dict))]:
        depth += 1
        level = [inner for one in level for inner in (one.values() if isinstance(one, dict) else one)]
    return depth


def _short(text: str) -> str:
    return text if len(text) <= 24 else text[:20] + "..."
