"""The tables of a PLY file, text or binary: its header, and every element that the header counts.

Every count must be met by the data, and is held against the size of the file before memory is taken.
"""

from __future__ import annotations

import re
import struct
import warnings
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from asm_teach.base.arrays import Ints

_TYPES = {
    "char": "i1", "uchar": "u1", "short": "i2", "ushort": "u2", "int": "i4", "uint": "u4", "float": "f4",
    "double": "f8", "int8": "i1", "uint8": "u1", "int16": "i2", "uint16": "u2", "int32": "i4", "uint32": "u4",
    "float32": "f4", "float64": "f8", "int64": "i8", "uint64": "u8",
}  # fmt: skip
_STRUCTS = {"i1": "b", "u1": "B", "i2": "h", "u2": "H", "i4": "i", "u4": "I", "i8": "q", "u8": "Q", "f8": "d"}
_ORDERS = {"ascii": "=", "binary_little_endian": "<", "binary_big_endian": ">"}
AGAIN = "the file is damaged or cut off; fetch or export it again"

Table: TypeAlias = "dict[str, NDArray[Any] | tuple[Ints, NDArray[Any]]]"
"""Property -> its values (n,), or of a list the lengths (n,) and all values one after the other."""


class _Property(NamedTuple):
    name: str
    kind: str
    counted: str | None = None  # of a list: the type of its length


@dataclass
class _Element:
    name: str
    count: int
    properties: list[_Property] = field(default_factory=list)


class Header(NamedTuple):
    """What the first lines of a PLY file say."""

    order: str  # of the bytes; "=" for text
    elements: list[_Element]
    picture: str | None
    end: int  # where the data begin


def read_header(content: bytes) -> Header:
    """The lines up to `end_header`, whatever ends them; comments and blank lines may stand anywhere."""
    order, picture, elements = "", None, list[_Element]()
    first_end = re.search(rb"\r\n|\n|\r", content)
    for line in re.finditer(rb"([^\r\n]*)(\r\n|\n|\r)", content):
        key, *words = line[1].decode("utf-8", "replace").split() or ["comment"]
        if key == "end_header":
            # After a lone CR a binary file may begin with the byte of LF: the first line tells how lines end.
            lone = first_end is not None and first_end[0] == b"\r" and line[2] == b"\r\n"
            if not order:
                raise ValueError(f"its header has no line that begins with 'format': {AGAIN}")
            return Header(order, elements, picture, line.end() - lone)
        try:
            if key == "format":
                order = _ORDERS[words[0]]
            elif key == "element":
                elements.append(_Element(words[0], int(words[1])))
                if elements[-1].count < 0 or words[0] in [element.name for element in elements[:-1]]:
                    raise ValueError
            elif key == "property":
                elements[-1].properties.append(_property(words))
            elif key == "comment" and words[:1] == ["TextureFile"]:
                picture = line[1].decode("utf-8", "replace").split("TextureFile", 1)[1].strip().replace("\\", "/")
            elif key not in ("ply", "comment", "obj_info", "\ufeffply"):
                raise ValueError
        except (ValueError, KeyError, IndexError):
            said = line[1][:60].decode("utf-8", "replace").strip()
            raise ValueError(f"its header has the line {said!r}, which cannot be understood: {AGAIN}") from None
    raise ValueError(f"its header has no line 'end_header': {AGAIN}")


def _property(words: list[str]) -> _Property:
    if words[0] != "list":
        return _Property(words[1], _TYPES[words[0]])
    if _TYPES[words[1]][0] == "f":
        raise ValueError
    return _Property(words[3], _TYPES[words[2]], _TYPES[words[1]])


def read_tables(content: bytes, header: Header) -> dict[str, Table]:
    """All elements of the file; those that a mesh does not need are passed over, but must be there."""
    tables: dict[str, Table] = {}
    elements, at = header.elements, header.end
    if text := header.order == "=":  # numbers of text are a binary file in which each number has eight bytes
        content, at = _numbers(content[at:]).tobytes(), 0
        kinds = ([_Property(p.name, "f8", p.counted and "f8") for p in e.properties] for e in elements)
        elements = [_Element(e.name, e.count, kind) for e, kind in zip(elements, kinds, strict=True)]
    for element in elements:
        least = sum(np.dtype(prop.counted or prop.kind).itemsize for prop in element.properties)
        if least * element.count > len(content) - at:
            raise ValueError(
                f"its header promises {element.count} of element {element.name!r}, and there are not that many: {AGAIN}"
            )
        tables[element.name], at = _read_table(element, content, at, header.order)
    if rest := content[at:].strip(b"\0\r\n\t "):
        left = f"{len(content[at:]) // 8} numbers" if text else f"{len(rest)} bytes"
        raise ValueError(f"{left} are left after everything that its header counts: the counts are wrong, or {AGAIN}")
    return tables


def _numbers(body: bytes) -> NDArray[np.float64]:
    """All numbers of a text, float64, whatever stands between them."""
    body = body.strip()
    if not body:
        return np.empty(0)
    with warnings.catch_warnings():
        warnings.simplefilter("error", DeprecationWarning)  # what numpy says where the text is no number
        try:
            return np.fromstring(body, np.float64, sep=" ")
        except (ValueError, DeprecationWarning):
            body = re.sub(rb"[-+]?(1\.#\w+|nan\(\w*\))", b"nan", body, flags=re.IGNORECASE)
        try:
            return np.fromstring(body, np.float64, sep=" ")
        except (ValueError, DeprecationWarning):
            number = rb"[-+]?(\d+\.?\d*([eE][-+]?\d+)?|\.\d+([eE][-+]?\d+)?|[nN][aA][nN]|[iI][nN][fF](inity)?)"
            words = (word[0] for word in re.finditer(rb"\S+", body))
            wrong = next((word for word in words if not re.fullmatch(number, word)), b"")[:40].decode("latin-1")
            raise ValueError(f"{wrong!r} stands where a number is needed: {AGAIN}") from None


def _read_table(element: _Element, content: bytes, at: int, order: str) -> tuple[Table, int]:
    """One element, and where it ends. Where all rows are alike it is read as a whole, else kind of row by kind."""
    if element.count == 0 or not element.properties:
        empty = np.empty((0, sum(prop.counted is not None for prop in element.properties)), np.int64)
        return _columns(element, empty, []), at
    try:
        _, lengths, _ = _walk(element, content, at, order, 1)
        row = _row_type(element, order, lengths[0])
        if row.itemsize * element.count <= len(content) - at:
            rows = np.frombuffer(content, row, element.count, at)
            if all((rows[f"n{k}"] == n).all() for k, n in enumerate(lengths[0])):
                lengths = np.broadcast_to(lengths, (element.count, lengths.shape[1]))
                return _columns(element, lengths, [(slice(None), rows)]), at + rows.nbytes
        starts, lengths, end = _walk(element, content, at, order, element.count)
    except (struct.error, IndexError):
        raise ValueError(f"the data of element {element.name!r} end before its last row: {AGAIN}") from None
    kinds, inverse = np.unique(lengths[:, 0] if lengths.shape[1] == 1 else lengths, axis=0, return_inverse=True)
    kinds, inverse = kinds.reshape(len(kinds), -1), inverse.reshape(-1)
    by_kind = np.split(np.argsort(inverse, kind="stable"), np.bincount(inverse).cumsum()[:-1])
    every_byte = np.frombuffer(content, np.uint8)
    parts = list[tuple[Ints | slice, NDArray[Any]]]()
    for kind, which in zip(kinds, by_kind, strict=True):
        row = _row_type(element, order, kind)
        windows = np.lib.stride_tricks.sliding_window_view(every_byte, row.itemsize)
        parts.append((which, windows[starts[which]].view(row)[:, 0]))
    return _columns(element, lengths, parts), end


def _walk(element: _Element, content: bytes, at: int, order: str, rows: int) -> tuple[Ints, Ints, int]:
    """Where some rows begin (n,), the lengths of their lists (n, lists), and where the last one ends."""
    steps, gap = list[tuple[int, struct.Struct, int]](), 0  # bytes before a length, how it is stored, bytes of an item
    for prop in element.properties:
        size = np.dtype(prop.kind).itemsize
        if prop.counted is None:
            gap += size
        else:
            steps.append((gap, struct.Struct(order + _STRUCTS[prop.counted]), size))
            gap = 0
    starts, lengths = [], []
    for _ in range(rows):
        starts.append(at)
        for before, stored, size in steps:
            (n,) = stored.unpack_from(content, at + before)
            if not 0 <= n <= len(content) or n != int(n):
                raise ValueError(f"a list of element {element.name!r} has {n:g} entries: {AGAIN}")
            lengths.append(int(n))
            at += before + stored.size + int(n) * size
        at += gap
        if at > len(content):
            raise IndexError
    return np.array(starts), np.array(lengths, np.int64).reshape(rows, len(steps)), at


def _row_type(element: _Element, order: str, lengths: Ints) -> np.dtype[Any]:
    """The type of a row whose lists have these lengths: field nk is the length of list k, field k is property k."""
    fields: list[Any] = []
    left = iter(enumerate(lengths.tolist()))
    for k, prop in enumerate(element.properties):
        if prop.counted is None:
            fields.append((str(k), order + prop.kind))
        else:
            number, n = next(left)
            fields += [(f"n{number}", order + prop.counted), (str(k), order + prop.kind, (n,))]
    return np.dtype(fields)


def _columns(element: _Element, lengths: Ints, parts: list[tuple[Ints | slice, NDArray[Any]]]) -> Table:
    """The properties of all rows, from the lengths of their lists (n, lists), the rows of each kind and which they are.

    A slice stands for all rows.
    """
    table: Table = {}
    lists = iter(lengths.T)
    for k, prop in enumerate(element.properties):
        count = np.ones(len(lengths), np.int64) if prop.counted is None else next(lists)
        if len(parts) == 1 and isinstance(parts[0][0], slice):
            values = parts[0][1][str(k)].astype(prop.kind).reshape(-1)
        else:
            values, start = np.empty(int(count.sum()), prop.kind), count.cumsum() - count
            for which, rows in parts:
                column = rows[str(k)].reshape(len(rows), -1)
                values[start[which][:, None] + np.arange(column.shape[1])] = column
        table[prop.name] = values if prop.counted is None else (count, values)
    return table
