"""Results of a study in a JSON file, one line for each, so that a later run goes on from it. Lessons 6 and 9."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, TypeVar

from asm_teach.base.files import whole

T = TypeVar("T")  # a dataclass


def write_records(records: Iterable[Any], path: Path, key: str) -> None:
    """Write dataclasses as a list under a key, whole or not at all."""
    lines = ",\n".join(json.dumps(asdict(record)) for record in records)
    with whole(path) as part:
        part.write_text(f'{{"{key}": [\n{lines}\n]}}\n', encoding="utf-8")


def checked(record: T) -> T:
    """The record itself. Raises ValueError where a field is of another type than it should be."""
    for field in fields(record):  # type: ignore[arg-type]
        value: Any = getattr(record, field.name)
        if type(value).__name__ not in (field.type, "int" if field.type == "float" else field.type):
            raise ValueError(f"{field.name} is {str(value)[:40]!r}, which is no {field.type}")
    return record
