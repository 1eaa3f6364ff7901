"""Wavefront OBJ, read and written so that nothing moves: vertex order, face order, quads, UV and groups stay.

General readers renumber vertices where the UV has a seam and cut quads away. A morphable model or a rig is
tied to vertex numbers, so this reader keeps them.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import numpy as np
import torch
from torch import Tensor

from asm_teach.base.arrays import Ints
from asm_teach.formats.mesh_record import MeshRecord
from asm_teach.formats.pictures import read_picture


def read_obj(path: Path) -> MeshRecord:
    """Read an OBJ file; float32, n-gons are cut into fans, four-sided polygons are kept in `quads` as well.

    Parts come from its groups (`g`), else from its objects (`o`), else from its materials (`usemtl`). The
    texture is the `map_Kd` of the first material that has one, where that picture is there.

    Raises:
        ValueError: a line that is cut off, a face that names a vertex that is not there (both with the
            number of the line), no faces.
    """
    data = _Lines(path)
    if not data.polygons:
        raise ValueError(
            f"{path.name}: found {len(data.vertices)} vertices and no faces: the file is cut off, or it is "
            "not a mesh; fetch or export it again"
        )
    sides = np.array([len(corners) for corners in data.polygons])
    polygon, first, second = _fans(sides)
    start = sides.cumsum() - sides
    corners = np.array([corner for corners in data.polygons for corner in corners], dtype=np.int64)
    data.check_corners(corners)
    rows = np.stack([start[polygon], start[polygon] + first, start[polygon] + second], -1)
    four = start[sides == 4][:, None] + np.arange(4)
    uv_faces = _uv_faces(path, corners[rows, 1])
    return MeshRecord(
        vertices=torch.tensor(data.vertices, dtype=torch.float32),
        faces=torch.from_numpy(corners[rows, 0]),
        uv=None if uv_faces is None else torch.tensor(data.uv, dtype=torch.float32),
        uv_faces=uv_faces,
        texture=_texture(path, data),
        quads=torch.from_numpy(corners[four, 0]) if len(four) else None,
        parts=data.parts(polygon),
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
        self.libraries: list[str] = []
        self.names: dict[str, list[tuple[str, ...]]] = {"g": [], "o": [], "usemtl": []}  # for each polygon
        text = path.read_bytes()
        if b"\0" in text:
            raise ValueError(f"{path.name}: this is a binary file, an OBJ file is text: damaged, or of another kind")
        lines = text.decode("utf-8-sig", errors="replace").replace("\r\n", "\n").replace("\r", "\n")
        self.lines = lines.replace("\\\n", " ").split("\n")
        self._read()

    def _read(self) -> None:
        current: dict[str, tuple[str, ...]] = {"g": (), "o": (), "usemtl": ()}
        for number, line in enumerate(self.lines, 1):
            key, *words = line.split() or ["#"]
            if key == "v":
                self.vertices.append(self._floats(number, words, 3))
            elif key == "vt":
                self.uv.append(self._floats(number, words, 2))
            elif key == "f":
                if len(words) < 3:
                    self._fail(number, "a face needs at least three corners")
                self.polygons.append([self._corner(number, word) for word in words])
                self.numbers.append(number)
                for kind, name in current.items():
                    self.names[kind].append(name)
            elif key == "g":
                current["g"] = tuple(word for word in words if word != "default")
            elif key in ("o", "usemtl"):
                current[key] = (" ".join(words),) if words else ()
            elif key == "mtllib":
                self.libraries.append(line.split(maxsplit=1)[1].strip() if words else "")

    def _floats(self, number: int, words: Sequence[str], count: int) -> tuple[float, ...]:
        try:
            values = tuple(float(word) for word in words[:count])
        except ValueError:
            values = ()
        if len(values) < count:
            self._fail(number, f"{count} numbers are needed")
        return values

    def _corner(self, number: int, word: str) -> tuple[int, int]:
        fields = word.split("/")
        try:
            vertex = int(fields[0])
            uv = int(fields[1]) if len(fields) > 1 and fields[1] else None
        except ValueError:
            self._fail(number, f"the corner {word!r} is not a vertex number")
        if vertex == 0 or uv == 0:
            self._fail(number, "an OBJ file counts from 1, so there is no number 0")
        # A negative number counts back from the last one so far.
        vertex = vertex - 1 if vertex > 0 else len(self.vertices) + vertex
        if uv is None:
            return vertex, -1
        return vertex, uv - 1 if uv > 0 else len(self.uv) + uv

    def check_corners(self, corners: Ints) -> None:
        """Every corner must name a vertex and a UV of this file; a face has UV at all corners or at none."""
        owner = np.repeat(np.arange(len(self.polygons)), [len(polygon) for polygon in self.polygons])
        for column, lowest, count, what in ((0, 0, len(self.vertices), "v"), (1, -1, len(self.uv), "vt")):
            bad = (corners[:, column] < lowest) | (corners[:, column] >= count)
            if bad.any():
                number = self.numbers[owner[bad.argmax()]]
                self._fail(number, f"it names '{what}' number {corners[bad.argmax(), column] + 1} of {count}")
        without = corners[:, 1] < 0
        missing = np.bincount(owner, without)
        mixed = (missing > 0) & (missing < np.bincount(owner))
        if mixed.any():
            self._fail(self.numbers[mixed.argmax()], "some of its corners have a UV number and some have none")

    def parts(self, polygon: Ints) -> dict[str, Tensor]:
        """Face indices of each group, else of each object, else of each material."""
        for kind in ("g", "o", "usemtl"):
            names = sorted({name for group in self.names[kind] for name in group})
            if len(names) > (kind == "usemtl"):  # one material for the whole mesh is no part
                inside = {name: np.array([name in group for group in self.names[kind]]) for name in names}
                return {name: torch.from_numpy(np.flatnonzero(inside[name][polygon])) for name in names}
        return {}

    def _fail(self, number: int, what: str) -> NoReturn:
        last = " It is the last line: the file looks cut off." if number == len(self.lines) else ""
        line = self.lines[number - 1].strip()
        line = line if len(line) < 60 else line[:57] + "..."
        raise ValueError(
            f"{self.path.name}: line {number} is {line!r}, but {what}.{last} Fetch or export the file again"
        )


def _fans(sides: Ints) -> tuple[Ints, Ints, Ints]:
    """For each triangle its polygon, and which corners of that are its second and third (0 is the first)."""
    count = sides - 2
    polygon = np.repeat(np.arange(len(count)), count)
    step = np.arange(len(polygon)) - np.repeat(np.cumsum(count) - count, count)
    return polygon, step + 1, step + 2


def _uv_faces(path: Path, corner_uv: Ints) -> Tensor | None:
    """The UV of each corner (F, 3), None where some have none."""
    without = np.any(corner_uv < 0, axis=-1)
    if without.any() and not without.all():
        warnings.warn(
            f"{path.name}: {without.sum()} of {len(without)} triangles have no UV, so the others' is left out too",
            stacklevel=5,
        )
    return None if without.any() else torch.from_numpy(corner_uv)


def _texture(path: Path, data: _Lines) -> Tensor | None:
    """The `map_Kd` of the first material used that has one; None where a file is missing."""
    pictures: dict[str, str] = {}
    for library in data.libraries:
        material, file = "", path.parent / library.replace("\\", "/")
        for line in file.read_text("utf-8", errors="replace").splitlines() if file.is_file() else []:
            words = line.split(maxsplit=1)
            if len(words) == 2 and words[0] == "newmtl":
                material = words[1].strip()
            elif len(words) == 2 and words[0] == "map_Kd":
                pictures.setdefault(material, words[1].strip().replace("\\", "/"))
    used = [name for group in dict.fromkeys(data.names["usemtl"]) for name in group]
    for material in [*used, *(pictures if not used else [])]:
        name = pictures.get(material, "")
        for candidate in (name, name.split(" ")[-1]):  # options may stand before the file name
            if candidate and (path.parent / candidate).is_file():
                return read_picture(path.parent / candidate)
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
