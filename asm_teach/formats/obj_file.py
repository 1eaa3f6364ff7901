"""Wavefront OBJ, read and written so that nothing moves: vertex order, face order, quads, UV and groups stay.

General readers renumber vertices where the UV has a seam and cut quads away. A morphable model or a rig is
tied to vertex numbers, so this reader keeps them.
"""

from __future__ import annotations

import codecs
import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import numpy as np
import torch
from torch import Tensor

from asm_teach.base.arrays import Ints
from asm_teach.formats.mesh_record import MeshRecord, float32_tensor
from asm_teach.formats.pictures import texture_or_note
from asm_teach.formats.polygons import MOST_BROKEN, counted, fans, of_triangles

_MOST = 1 << 62  # no number of a vertex is as large
_BEFORE = -2  # where a UV is named that comes before the first one; -1 says that none is named


def read_obj(path: Path) -> MeshRecord:
    """Read an OBJ file; n-gons are cut into fans, four-sided polygons are kept in `quads` as well.

    Parts come from its groups (`g`), else from its objects (`o`), else from its materials (`usemtl`). The
    texture is the `map_Kd` of the first material that has one, where that picture is there. Faces of fewer than three
    corners and vertices that are no numbers are left out with a note, if nothing depends on them.

    Raises:
        ValueError: a line that is cut off, a face that names a vertex that is not there (both with the
            number of the line), no faces.
    """
    data = _Lines(path)
    if not data.polygons:
        data.fail_at_broken()
        raise ValueError(
            f"{path.name}: found {len(data.vertices)} vertices and no faces: the file is cut off, or it is "
            "not a mesh; fetch or export it again"
        )
    sides = np.array([len(corners) for corners in data.polygons])
    rows, four = fans(sides)
    polygon = np.repeat(np.arange(len(sides)), sides - 2)
    corners = np.array([corner for corners in data.polygons for corner in corners], dtype=np.int64)
    data.check_corners(sides, corners)
    faces = of_triangles(corners[:, 0], rows)
    data.check_broken(faces)
    uv_faces = _uv_faces(of_triangles(corners[:, 1], rows), data.notes)
    return MeshRecord(
        vertices=torch.tensor(data.vertices, dtype=torch.float64),
        faces=torch.from_numpy(faces),
        uv=None if uv_faces is None else float32_tensor(np.array(data.uv, dtype=np.float64)),
        uv_faces=uv_faces,
        texture=_texture(path, data),
        quads=torch.from_numpy(corners[four, 0]) if len(four) else None,
        parts=data.parts(polygon),
        notes=tuple(data.notes),
    )


def obj_text(mesh: MeshRecord, material_file: str | None = None) -> str:
    """The mesh as OBJ text, with enough digits to give back the same numbers in the same order.

    A quad whose two triangles do not follow each other in `faces` is written as two triangles: the order of
    the faces counts for more, since landmarks are tied to face numbers.
    """
    digits = ".17g" if mesh.vertices.dtype == torch.float64 else ".9g"
    lines = [] if material_file is None else [f"mtllib {material_file}"]
    lines += [f"v {x:{digits}} {y:{digits}} {z:{digits}}" for x, y, z in mesh.vertices.tolist()]
    if mesh.uv is not None:
        lines += [f"vt {u:{digits}} {v:{digits}}" for u, v in mesh.uv.tolist()]
    if material_file is not None:
        lines.append("usemtl skin")
    names = _names_of_faces(mesh)
    group: tuple[str, ...] = ()
    for face, polygon, polygon_uv in _polygons(mesh):
        if names[face] != group:
            group = names[face]
            lines.append(" ".join(["g", *group]) if group else "g default")
        if mesh.uv is None:
            lines.append("f " + " ".join(str(v + 1) for v in polygon))
        else:
            lines.append("f " + " ".join(f"{v + 1}/{t + 1}" for v, t in zip(polygon, polygon_uv, strict=True)))
    return "\n".join(lines) + "\n"


class _Lines:
    """What the lines of an OBJ file say; indices count from 0, -1 stands for a corner without UV."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.vertices: list[tuple[float, ...]] = []
        self.uv: list[tuple[float, ...]] = []
        self.polygons: list[list[tuple[int, int]]] = []
        self.numbers: list[int] = []  # the line of each polygon, for messages
        self.broken: dict[int, int] = {}  # vertices that are no numbers, and their lines
        self.libraries: list[str] = []
        # from which polygon on which names count
        self.names: dict[str, list[tuple[int, tuple[str, ...]]]] = {"g": [], "o": [], "usemtl": []}
        self.notes: list[str] = []
        self.lines = _text(path).replace("\r\n", "\n").replace("\r", "\n").split("\n")
        self._read()

    def _read(self) -> None:
        short = 0
        for number, key, words in self._words():
            if key == "v":
                self._vertex(number, words)
            elif key == "vt":
                self.uv.append(self._floats(words, 2) or self._no_numbers(number, 2))
            elif key == "f":
                if len(words) > 2:
                    self.polygons.append([self._corner(number, word) for word in words])
                    self.numbers.append(number)
                elif number == len(self.lines):
                    self._fail(number, "a face needs at least three corners")
                else:
                    short += 1
            elif key == "g":
                self._name(key, tuple(word for word in words if word != "default"))
            elif key in ("o", "usemtl"):
                self._name(key, (" ".join(words),) if words else ())
            elif key == "mtllib":
                self.libraries.append(self.lines[number - 1].split(maxsplit=1)[1].strip() if words else "")
        if short:
            self.notes.append(f"left out {counted(short, 'face')} of fewer than three corners")

    def _words(self) -> Iterator[tuple[int, str, list[str]]]:
        """The number of each line that says something, its first word and the others; a backslash joins two lines."""
        begun: list[str] = []
        for number, line in enumerate(self.lines, 1):
            if not begun and "\\" not in line and "#" not in line:
                if words := line.split():
                    yield number, words[0], words[1:]
                continue
            line = line.rstrip()
            if line.endswith("\\"):
                begun += line[:-1].split()
                continue
            words, begun = begun + line.split(), []
            if words and words[0] in ("v", "vt", "f"):  # a comment; but names may have this sign
                words = " ".join(words).split("#", 1)[0].split()
            if words:
                yield number, words[0], words[1:]

    def _name(self, kind: str, names: tuple[str, ...]) -> None:
        self.names[kind].append((len(self.polygons), names))

    def _vertex(self, number: int, words: list[str]) -> None:
        values = self._floats(words, 3)
        if values is None:
            if number == len(self.lines):
                self._no_numbers(number, 3)
            self.broken[len(self.vertices)] = number
            values = (math.nan,) * 3
        self.vertices.append(values)

    def _floats(self, words: list[str], count: int) -> tuple[float, ...] | None:
        try:
            values = tuple([float(word) for word in words[:count]])
        except ValueError:
            return None
        return values if len(values) == count else None

    def _no_numbers(self, number: int, count: int) -> NoReturn:
        self._fail(number, f"{count} numbers are needed")

    def _corner(self, number: int, word: str) -> tuple[int, int]:
        fields = word.split("/")
        try:
            vertex = int(fields[0])
            uv = int(fields[1]) if len(fields) > 1 and fields[1] else None
        except ValueError:
            self._fail(number, f"the corner {word[:40]!r} is not a vertex number")
        if vertex == 0 or uv == 0:
            self._fail(number, "an OBJ file counts from 1, so there is no number 0")
        if not -_MOST < vertex < _MOST or (uv is not None and not -_MOST < uv < _MOST):
            self._fail(number, f"it names number {word[:40]}, and no file has as many")
        # A negative number counts back from the last one so far; one before the first is no number either.
        vertex = vertex - 1 if vertex > 0 else len(self.vertices) + vertex
        if uv is None:
            return vertex, -1
        uv = uv - 1 if uv > 0 else len(self.uv) + uv
        return vertex, uv if uv >= 0 else _BEFORE

    def check_corners(self, sides: Ints, corners: Ints) -> None:
        """Every corner must name a vertex and a UV of this file; a face has UV at all corners or at none."""
        owner = np.repeat(np.arange(len(sides)), sides)
        if len(self.uv) == 0 and (corners[:, 1] != -1).any():
            corners[:, 1] = -1
            self.notes.append("left out the UV: its faces name some, and there are none")
        for column, lowest, count, what in ((0, 0, len(self.vertices), "v"), (1, -1, len(self.uv), "vt")):
            bad = (corners[:, column] < lowest) | (corners[:, column] >= count)
            if bad.any():
                number = self.numbers[owner[bad.argmax()]]
                self._fail(number, f"it names '{what}' number {corners[bad.argmax(), column] + 1} of {count}")
        missing = np.bincount(owner, corners[:, 1] < 0, len(sides))
        mixed = (missing > 0) & (missing < sides)
        if mixed.any():
            self._fail(self.numbers[mixed.argmax()], "some of its corners have a UV number and some have none")

    def check_broken(self, faces: Ints) -> None:
        """Many triangles (F, 3) with vertices that are no numbers: the first line of these is named."""
        if self.broken and np.isin(faces, list(self.broken)).any(1).sum() > MOST_BROKEN * len(faces):
            self.fail_at_broken()

    def fail_at_broken(self) -> None:
        """Raise a ValueError for the first vertex that is no numbers, if there is one."""
        for number in self.broken.values():
            self._no_numbers(number, 3)

    def parts(self, polygon: Ints) -> dict[str, Tensor]:
        """Face indices of each group, else of each object, else of each material; polygon: (F,) of each triangle."""
        for kind, runs in self.names.items():
            begins = np.searchsorted(polygon, [begin for begin, _ in runs])
            ends = [*begins[1:], len(polygon)] if runs else []
            inside: dict[str, list[Ints]] = {}
            for (_, names), begin, end in zip(runs, begins, ends, strict=True):
                for name in dict.fromkeys(names) if end > begin else ():
                    inside.setdefault(name, []).append(np.arange(begin, end))
            if len(inside) > (kind == "usemtl"):  # one material for the whole mesh is no part
                return {name: torch.from_numpy(np.concatenate(inside[name])) for name in sorted(inside)}
        return {}

    def used_materials(self) -> list[str]:
        """The names after `usemtl`, in the order of the file."""
        return list(dict.fromkeys(name for _, names in self.names["usemtl"] for name in names))

    def _fail(self, number: int, what: str) -> NoReturn:
        last = " It is the last line: the file looks cut off." if number == len(self.lines) else ""
        line = self.lines[number - 1].strip()
        line = line if len(line) < 60 else line[:57] + "..."
        raise ValueError(
            f"{self.path.name}: line {number} is {line!r}, but {what}.{last} Fetch or export the file again"
        )


def _text(path: Path) -> str:
    """The text of a file in UTF-8, in UTF-16 with its mark, else in Latin-1, which old programs write."""
    content = path.read_bytes()
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return content.decode("utf-16", errors="replace")
    if b"\0" in content:
        raise ValueError(f"{path.name}: this is a binary file, an OBJ file is text: damaged, or of another kind")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("latin-1")


def _uv_faces(corner_uv: Ints, notes: list[str]) -> Tensor | None:
    """The UV of each corner (F, 3), None where some have none."""
    without = np.any(corner_uv < 0, axis=-1)
    if without.any() and not without.all():
        notes.append(f"left out the UV: {without.sum()} of {len(without)} triangles have none")
    return None if without.any() else torch.from_numpy(corner_uv)


def _texture(path: Path, data: _Lines) -> Tensor | None:
    """The `map_Kd` of the first material used that has one; None where a file is missing."""
    pictures: dict[str, str] = {}
    for library in data.libraries:
        material, file = "", path.parent / library.replace("\\", "/")
        for line in _text(file).splitlines() if os.path.isfile(file) else []:
            words = line.split(maxsplit=1)
            if len(words) == 2 and words[0] == "newmtl":
                material = words[1].strip()
            elif len(words) == 2 and words[0] == "map_Kd":
                pictures.setdefault(material, words[1].strip().replace("\\", "/"))
    for material in data.used_materials() or pictures:
        name = pictures.get(material, "")
        # Options may stand before the name of the file; a path of another computer says nothing here.
        for candidate in (name, name.split(" ")[-1], name.split("/")[-1]):
            if candidate and os.path.isfile(path.parent / candidate):  # no file has a name of 300 letters
                return texture_or_note(path.parent / candidate, data.notes)
    return None


def _names_of_faces(mesh: MeshRecord) -> list[tuple[str, ...]]:
    names: list[tuple[str, ...]] = [()] * len(mesh.faces)
    for name, indices in mesh.parts.items():
        word = "_".join(name.split())
        for face in indices.tolist():
            names[face] = (*names[face], word)
    return names


def _polygons(mesh: MeshRecord) -> list[tuple[int, list[int], list[int]]]:
    """(first face, corners, their UV) of each polygon: a quad where there is one, else a triangle."""
    faces = mesh.faces.tolist()
    uv_faces = faces if mesh.uv_faces is None else mesh.uv_faces.tolist()
    quad_of: dict[frozenset[int], list[int]] = {}
    for quad in mesh.quads.tolist() if mesh.quads is not None else []:
        for missing in range(4):
            quad_of[frozenset(quad[:missing] + quad[missing + 1 :])] = quad
    polygons, face = [], 0
    while face < len(faces):
        polygon, step = faces[face], 1
        uv_of = dict(zip(polygon, uv_faces[face], strict=True))
        quad = quad_of.get(frozenset(polygon), [])
        # Two triangles in a row that fill one quad are written as that quad, from a corner on its diagonal:
        # then the fan of a reader cuts it the same way.
        if face + 1 < len(faces) and {*polygon, *faces[face + 1]} == set(quad):
            begin = next(k for k, corner in enumerate(quad) if corner in polygon and corner in faces[face + 1])
            uv_of |= dict(zip(faces[face + 1], uv_faces[face + 1], strict=True))
            polygon, step = quad[begin:] + quad[:begin], 2
        polygons.append((face, polygon, [uv_of[corner] for corner in polygon]))
        face += step
    return polygons
