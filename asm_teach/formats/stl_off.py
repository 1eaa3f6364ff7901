"""STL, binary or text, and OFF, the text form: meshes without UV, groups or colours that are kept."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from asm_teach.base.arrays import Floats, Ints
from asm_teach.formats.mesh_record import MeshRecord
from asm_teach.formats.polygons import counted, fans, of_triangles, weld

_AGAIN = "the file is damaged or cut off; fetch or export it again"
_HEAD = 84  # bytes before the triangles of a binary file: 80 of anything, and how many triangles
_TRIANGLE = np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("attribute", "<u2")])


def read_stl(path: Path) -> MeshRecord:
    """Read an STL file; corners with exactly the same numbers become one vertex, in the order of the file.

    Raises:
        ValueError: a file that is cut off or holds no triangles.
    """
    content = path.read_bytes()
    count = int.from_bytes(content[80:_HEAD], "little") if len(content) >= _HEAD else -1
    corners: NDArray[Any]
    if len(content) == _HEAD + count * _TRIANGLE.itemsize:  # some binary files begin with "solid" as well
        corners = np.frombuffer(content, _TRIANGLE, count, _HEAD)["corners"]
    elif re.match(rb"\s*solid\b", content, re.IGNORECASE) and re.search(rb"\bfacet\b", content[:4096], re.IGNORECASE):
        corners = _text_corners(content.lower())
    else:
        raise ValueError(
            f"it has {len(content):,} bytes, but a binary STL file of the {max(count, 0):,} triangles that it promises "
            f"has {_HEAD + max(count, 0) * _TRIANGLE.itemsize:,}: {_AGAIN}"
        )
    if len(corners) == 0:
        raise ValueError("found no triangles in it; export it again")
    vertices, faces = weld(corners.reshape(-1, 3))
    return MeshRecord(torch.from_numpy(vertices), torch.from_numpy(faces.reshape(-1, 3)))


def _text_corners(content: bytes) -> NDArray[np.float64]:
    """Corners (F, 3, 3) of a text file in small letters."""
    found = re.findall(rb"\bvertex\s+(\S+)\s+(\S+)\s+(\S+)", content)
    facets, ends = len(re.findall(rb"\bfacet\s+normal\b", content)), len(re.findall(rb"\bendfacet\b", content))
    if not len(found) == 3 * facets == 3 * ends or not re.search(rb"endsolid[^\n\r]*\s*$", content):
        raise ValueError(f"it has {facets} triangles with {len(found)} corners, and {ends} of them end: {_AGAIN}")
    try:
        return np.array(found, dtype=np.float64).reshape(-1, 3, 3)
    except ValueError as error:
        raise ValueError(f"a corner of it is no number ({error}): {_AGAIN}") from None


def read_off(path: Path) -> MeshRecord:
    """Read an OFF file (OFF, COFF, NOFF, CNOFF, STOFF); polygons are cut into fans, quads are kept as well.

    Raises:
        ValueError: a binary file, four dimensions, counts that the lines do not meet, no faces.
    """
    content = path.read_bytes()
    keyword = re.match(rb"\s*((?:ST)?C?N?4?n?OFF)?(?:[ \t]+BINARY\b)?", content)
    assert keyword is not None
    if b"BINARY" in keyword[0]:
        raise ValueError("this is a binary OFF file, which is not read: export it as text, or as PLY")
    if re.search(rb"4|n", keyword[0]):
        raise ValueError("this is an OFF file of another number of dimensions than three; export the mesh as PLY")
    rest = re.sub(rb"#[^\r\n]*", b"", content[keyword.end() :])
    lines = [line for line in re.split(rb"[\r\n]+", rest) if line.strip()]
    try:
        vertex_count, face_count = (int(word) for word in lines[0].split()[:2])
    except (IndexError, ValueError):
        raise ValueError(f"it does not begin with the numbers of its vertices and faces: {_AGAIN}") from None
    if not 0 <= vertex_count <= vertex_count + face_count <= len(lines) - 1:
        raise ValueError(
            f"it promises {vertex_count} vertices and {face_count} faces, one a line, and has {len(lines) - 1} lines: "
            f"{_AGAIN}"
        )
    if vertex_count + face_count < len(lines) - 1:
        raise ValueError(f"{len(lines) - 1 - vertex_count - face_count} lines are left after its faces: {_AGAIN}")
    points = _points(lines[1 : vertex_count + 1])
    sides, corners = _polygons(lines[vertex_count + 1 :])
    if not (sides > 2).any():
        raise ValueError(f"found {vertex_count} vertices and no faces in it; a mesh needs triangles")
    short = int((sides < 3).sum())
    rows, four = fans(sides)
    return MeshRecord(
        vertices=torch.from_numpy(points),
        faces=torch.from_numpy(of_triangles(corners, rows)),
        quads=torch.from_numpy(corners[four]) if len(four) else None,
        notes=(f"left out {counted(short, 'face')} of fewer than three corners",) if short else (),
    )


def _points(lines: list[bytes]) -> Floats:
    try:
        return np.array([line.split(None, 3)[:3] for line in lines], dtype=np.float64).reshape(-1, 3)
    except ValueError as error:
        raise ValueError(f"one of its vertices is not three numbers ({error}): {_AGAIN}") from None


def _polygons(lines: list[bytes]) -> tuple[Ints, Ints]:
    """Sides (P,) of all faces and their corners one after the other; numbers behind them are a colour."""
    sides, corners = [], list[bytes]()
    for line in lines:
        words = line.split()
        count = int(words[0]) if words[0].isdigit() else -1
        if not 0 <= count < len(words):
            told = line[:60].decode("utf-8", "replace").strip()
            raise ValueError(f"the line {told!r} is no face, a number of corners and these: {_AGAIN}")
        sides.append(count)
        corners += words[1 : count + 1]
    try:
        return np.array(sides, dtype=np.int64), np.array(corners, dtype=np.int64)
    except (ValueError, OverflowError) as error:
        raise ValueError(f"a corner of one of its faces is no number of a vertex ({error}): {_AGAIN}") from None
