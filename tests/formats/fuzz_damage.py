"""Ways to break a file: its bytes, its words, its JSON, its arrays. All chance comes from the generator given."""

from __future__ import annotations

import copy
import gzip
import io
import json
import random
import struct
import zipfile
from typing import Any, TypeAlias

import numpy as np

Files: TypeAlias = dict[str, bytes]
WORDS = (
    "nan", "inf", "-inf", "1e999", "1e39", "-1e300", "1e-320", "-1", "0", "-0", "1", "2", "3", "1.5", "65536",
    "2147483648", "4294967295", "-9223372036854775809", "99999999999", "1" + "0" * 400, "0x10", "1_000", "1,5", "",
    "é", "\0", "//", "1/2/3/4", "1/", "/1", "#", "\\", "{", "}", "x" * 3000, "<a>", "&b;", "end_header", "property",
    "element", "solid", "COFF",
)  # fmt: skip
JSON_VALUES: tuple[Any, ...] = (
    None, True, False, -1, 0, 1, 2, 3, 0.5, -0.5, 1e300, float("nan"), float("inf"), 10**9, 2**31, 2**63, 10**400, "",
    "x", "0", "é" * 50, "x" * 3000, [], {}, [[]], [0], [None], [0, 0, 0], {"x": 0}, [[[[[[]]]]]], ["x"] * 3, 5120, 5126,
    65536,
)  # fmt: skip
FLOATS = (np.nan, np.inf, -np.inf, 3e38, -3e38, 1e-45, 0.0, 1e20, -1.0)
PAGE = b"<!DOCTYPE html><html><body>Not found</body></html>"
POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 12345\n"


def break_bytes(rng: random.Random, data: bytes) -> bytes:
    """Bytes cut, changed, doubled, moved, packed, or replaced by what downloads leave behind."""
    size = len(data)
    at, length = rng.randrange(size + 1), rng.choice((1, 2, 4, 16, 100, 1000))
    way = rng.randrange(16)
    if way < 3:
        return data[:at]
    if way < 7:
        changed = bytearray(data)
        for _ in range(rng.choice((1, 1, 2, 8, 64)) if size else 0):
            changed[rng.randrange(size)] = rng.randrange(256)
        return bytes(changed)
    if way == 7:
        return data[:at] + data[at + length :]
    if way == 8:
        return data[:at] + rng.randbytes(length) + data[at:]
    if way == 9:
        return data[:at] + data[at : at + length] * 2 + data[at + length :]
    if way == 10:
        return data[:at] + b"\0" * min(length, size - at) + data[at + length :]
    if way == 11:
        return data + rng.choice((b"\0", b"\n", b"trash", data, rng.randbytes(50)))
    if way == 12:
        return rng.choice((b"", b"\0", b"\n", PAGE, POINTER, gzip.compress(data, mtime=0), b"\xef\xbb\xbf" + data))
    if way == 13 and size >= 4:
        at = rng.randrange(size // 4) * 4
        return data[:at] + rng.choice(_fours(rng)) + data[at + 4 :]
    if way == 14:
        return data.replace(b"\n", rng.choice((b"\r\n", b"\r", b"\n\n", b" ", b"")))
    return data[at:] + data[:at]


def _fours(rng: random.Random) -> list[bytes]:
    order = rng.choice("<>")
    return [struct.pack(order + "f", x) for x in FLOATS if not 0 < abs(x) < 1e-40] + [
        struct.pack(order + "I", x) for x in (0, 1, 2**31, 2**32 - 1, 10**9, 65535)
    ]


def break_text(rng: random.Random, text: str) -> str:
    """Words replaced, exchanged, doubled or lost; lines doubled, lost, moved or joined; other encodings of the ends."""
    lines = text.split("\n")
    row = rng.randrange(len(lines))
    words = lines[row].split(" ")
    way = rng.randrange(12)
    if way < 4:
        words[rng.randrange(len(words))] = rng.choice(WORDS)
        lines[row] = " ".join(words)
    elif way == 4:
        words.insert(rng.randrange(len(words) + 1), rng.choice(WORDS))
        lines[row] = " ".join(words)
    elif way == 5:
        del words[rng.randrange(len(words))]
        lines[row] = " ".join(words)
    elif way == 6:
        other = rng.randrange(len(lines))
        lines[row], lines[other] = lines[other], lines[row]
    elif way == 7:
        lines[row : row + 1] = [lines[row]] * rng.choice((0, 2, 3, 50))
    elif way == 8:
        lines = lines[:row] + lines[row + rng.choice((1, 5, 50)) :]
    elif way == 9:
        lines.insert(row, rng.choice(("", " ", "\t", "# é", "\\", "\0", "1 2 3", "x" * 5000)))
    elif way == 10:
        return rng.choice(("\r\n", "\r", "\n\n", "\t", "\x0b", "\u2028")).join(lines)
    else:
        return "\n".join(lines).replace(rng.choice("0123456789. "), rng.choice(WORDS))
    return "\n".join(lines)


def text_file(name: str, text: str, rng: random.Random, damage: int) -> Files:
    """A text, broken as text or as bytes."""
    for _ in range(damage):
        if rng.random() < 0.8:
            text = break_text(rng, text)
    data = text.encode("utf-8", "surrogatepass")
    if damage and rng.random() < 0.25:
        data = (
            break_bytes(rng, data) if rng.random() < 0.8 else text.encode(rng.choice(("utf-16", "latin-1")), "replace")
        )
    return {name: data}


def bytes_file(name: str, data: bytes, rng: random.Random, damage: int, share: float = 1.0) -> Files:
    for _ in range(damage):
        if rng.random() < share:
            data = break_bytes(rng, data)
    return {name: data}


def break_json(rng: random.Random, value: Any) -> Any:
    """A copy of a JSON value in which one or a few nodes are replaced, lost, doubled, renamed or exchanged."""
    whole = [copy.deepcopy(value)]
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        places = list(_places(whole))
        inside, key = rng.choice(places)
        found, way = inside[key], rng.randrange(9)
        if way < 4:
            inside[key] = copy.deepcopy(rng.choice(JSON_VALUES))
        elif way == 4:
            inside[key] = rng.choice((str(found)[:99], [found], {"value": found}, _retyped(found)))
        elif way == 5 and inside is not whole:
            del inside[key]
        elif way == 6 and isinstance(inside, list) and inside is not whole:
            inside[key:key] = [found] * rng.choice((1, 3, 70))
        elif way == 7 and isinstance(inside, dict):
            inside[rng.choice(("", "x", key + "s", key.upper()))] = inside.pop(key)
        else:
            other, there = rng.choice(places)
            if other is not whole and inside is not whole:
                inside[key] = copy.deepcopy(other[there]) if there in _keys(other) else None
    return whole[0]


def _keys(inside: Any) -> Any:
    return inside.keys() if isinstance(inside, dict) else range(len(inside))


def _retyped(value: Any) -> Any:
    if isinstance(value, bool) or value is None:
        return int(bool(value))
    if isinstance(value, (int, float)):
        return value * 1000 + 0.25 if abs(value) < 1e300 else str(value)
    return len(value) if isinstance(value, (str, list, dict)) else value


def _places(value: Any) -> Any:
    """(list or dict, key) of every node below a value."""
    inside = [value]
    while inside:
        one = inside.pop()
        for key in _keys(one):
            yield one, key
            if isinstance(one[key], (list, dict)):
                inside.append(one[key])


def json_bytes(rng: random.Random, value: Any, damage: int) -> bytes:
    """A JSON value as bytes, broken on the way so many times."""
    for _ in range(damage):
        value = break_json(rng, value)
    text = json.dumps(value)
    if damage and rng.random() < 0.1:
        deep = rng.choice((30, 40, 500, 50_000))
        text = rng.choice(
            (text[: rng.randrange(len(text) + 1)] + "[" * deep, '{"a":' * deep, text.replace("0", "9" * 30, 1))
        )
    return text.encode("utf-8", "surrogatepass")


def break_arrays(rng: random.Random, arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Named arrays with one of them lost, renamed, of another type or shape, or with other numbers in it."""
    arrays = dict(arrays)
    name = rng.choice(sorted(arrays))
    found, way = arrays[name], rng.randrange(11)
    if way == 0:
        del arrays[name]
    elif way == 1:
        arrays[rng.choice((name + "s", "x", "../" + name, "é", "part:" + name))] = arrays.pop(name)
    elif way == 2 and found.dtype.kind in "biuf":
        kind = rng.choice(("f2", ">f4", "f8", "i1", "u1", "i4", ">i8", "u8", "c16", "?", "U3", "S3", "M8[s]"))
        with np.errstate(all="ignore"):
            arrays[name] = found.astype(kind) if kind != "M8[s]" else found.astype("i8").astype(kind)
    elif way == 3:
        arrays[name] = rng.choice((found[..., None], found[None], found.reshape(-1), found.T, np.array(5.0)))
    elif way == 4:
        arrays[name] = found[: rng.randrange(len(found) + 1)] if found.ndim else found
    elif way == 5:
        arrays[name] = np.concatenate([found, found[:1]]) if found.ndim else found
    elif way == 6:
        arrays[name] = np.array(rng.choice(("text", None, {}, [1, "x"], [])), dtype=rng.choice((object, None)))
    elif way == 7:
        arrays[name] = arrays[rng.choice(sorted(arrays))]
    elif found.size and found.dtype.kind in "iuf":
        changed, at = found.copy().reshape(-1), rng.randrange(found.size)
        whole = (-1, 10**9, 2**31 - 1, found.size, 255, 0)
        with np.errstate(all="ignore"):
            value = np.array(rng.choice(FLOATS if found.dtype.kind == "f" else whole)).astype(found.dtype)
        changed[at if rng.random() < 0.7 else slice(None)] = value
        arrays[name] = changed.reshape(found.shape)
    return arrays


def npy_bytes(array: np.ndarray) -> bytes:
    """An array as `numpy.save` writes it, objects as pickles."""
    file = io.BytesIO()
    np.lib.format.write_array(file, np.asarray(array), allow_pickle=True)
    return file.getvalue()


def npz_bytes(rng: random.Random, arrays: dict[str, np.ndarray], damage: int) -> bytes:
    """Arrays as an `.npz`, with tricks of its zip members where it is to be damaged."""
    members = {f"{name}.npy": npy_bytes(array) for name, array in arrays.items()}
    trick = rng.randrange(20) if damage else 99
    name = rng.choice(sorted(members)) if members else "x.npy"
    if trick == 0:
        members[rng.choice(("readme.txt", "../../x.npy", "a/b.npy", ".npy", ""))] = b"hello"
    elif trick == 1 and members:
        members[name] = break_bytes(rng, members[name])
    elif trick == 2 and members:  # a header that claims another shape, of the same length
        shape = rng.choice((b"(9000000000000,)", b"(2, 3)", b"(-5,)", b"(0,)", b"()", b"(1e9,)"))
        start, _, rest = members[name].partition(b"'shape': ")
        members[name] = start + b"'shape': " + shape + rest[rest.find(b")") + 1 :]
    file = io.BytesIO()
    method = zipfile.ZIP_DEFLATED if rng.random() < 0.5 else zipfile.ZIP_STORED
    with zipfile.ZipFile(
        file, "w", zipfile.ZIP_LZMA if trick == 3 else zipfile.ZIP_BZIP2 if trick == 4 else method
    ) as archive:
        for key, content in members.items():
            archive.writestr(zipfile.ZipInfo(key), content, archive.compression)
        if trick == 5:  # a bomb
            archive.writestr("bomb.npy", bytes(100_000_000), zipfile.ZIP_DEFLATED, 1)
    data = bytearray(file.getvalue())
    at = data.rfind(b"PK\x01\x02")
    if trick in (6, 7, 8) and at >= 0:  # the central directory says something else than the member
        offset, value = {6: (8, 1), 7: (10, 99), 8: (24, rng.choice((0, 13, 2**31, 2**32 - 1)))}[trick]
        data[at + offset : at + offset + (4 if trick == 8 else 2)] = struct.pack("<I" if trick == 8 else "<H", value)
    return bytes(data)
