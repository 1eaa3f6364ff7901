"""The landmarks that someone gives for a head of their own: a handful of points by number or name, 51, or all 68."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import TypeAlias

import numpy as np
import torch
from torch import Tensor

from asm_teach.base.arrays import load_npy
from asm_teach.data.landmark_files import HANDFUL, JAW, ibug68_names, points_table, read_ljson, read_pts
from asm_teach.data.landmark_xml import NamedPoints, read_pp
from asm_teach.data.sidecars import LANDMARK_ENDINGS, files_beside, known_ending, points_of_array
from asm_teach.formats.text_files import parse_json, read_text
from asm_teach.geometry.alignment import on_one_line
from asm_teach.geometry.landmarks import LandmarkSet
from asm_teach.geometry.mesh import Mesh

MARK_ENDINGS = (".json", ".ljson", ".txt", ".pts", ".pp", ".npy")
"""Endings of the landmark files that are read for a scan or a head."""

FEWEST = 7  # the corners of eyes and mouth, and the tip of the nose

Place: TypeAlias = "int | Sequence[float] | Tensor"
Marks: TypeAlias = "Mapping[int | str, Place] | Tensor | LandmarkSet"


def mark_points(mesh: Mesh, landmarks: Marks) -> Tensor:
    """Where the 68 points of iBUG lie on a mesh, (68, 3) float64 in the mesh's own unit; NaN where not given.

    Args:
        mesh: the mesh as it was read.
        landmarks: a mapping from a number (0 to 67) or a name (`HANDFUL`, or iBUG's as `ibug68_names` has them) to a
            vertex or to a point (x, y, z); or the 68 vertices (68,), the 68 points (68, 3) with NaN rows for unknown
            ones, or a `LandmarkSet` of 68. 51 of any of these are iBUG's 17 to 67: all but the line of the jaw.

    Raises:
        ValueError: fewer than seven points, names, numbers or vertices that are not there, a point twice,
            points on one line.
    """
    vertices = mesh.vertices.detach().double().cpu()
    points = torch.full((68, 3), float("nan"), dtype=torch.float64)
    if isinstance(landmarks, LandmarkSet):
        points[_rows(len(landmarks))] = landmarks.to("cpu").points(vertices, mesh.faces.cpu())
    elif isinstance(landmarks, (Tensor, np.ndarray)):
        given = torch.as_tensor(landmarks).cpu()
        rows = _rows(len(given) if given.ndim else 0)
        if given.ndim == 2 and given.shape[1] == 3 and given.is_floating_point():
            points[rows] = given.double()
        elif given.ndim == 1 and not given.is_floating_point():
            points[rows] = torch.stack([_place(vertices, int(v), str(n)) for n, v in enumerate(given)])
        else:
            raise ValueError(
                f"landmarks has shape {tuple(given.shape)} and type {given.dtype}: give 68 vertices, int64 (68,), or "
                "68 points, float (68, 3)"
            )
    elif isinstance(landmarks, Mapping):
        taken: dict[int, int | str] = {}
        for key, place in landmarks.items():
            number = _number(key)
            if number in taken:
                raise ValueError(f"landmarks: {taken[number]!r} and {key!r} are the same point, number {number}")
            taken[number] = key
            points[number] = _place(vertices, place, repr(key))
    else:
        raise ValueError(
            f"landmarks is a {type(landmarks).__name__}: give a mapping such as {{36: vertex, 'chin': (x, y, z)}}, 68 "
            "vertices (68,), 68 points (68, 3) or a LandmarkSet"
        )
    if points.isinf().any():
        raise ValueError("landmarks: a point is infinite; give NaN for one that is not known")
    known = int(points.isfinite().all(-1).sum())
    if known < FEWEST:
        raise ValueError(
            f"landmarks: {known} points are given, and {FEWEST} or more are needed: the four corners of the eyes, the "
            "tip of the nose and the corners of the mouth, and best the chin; " + ", ".join(HANDFUL)
        )
    if on_one_line(points[points.isfinite().all(-1)]):
        raise ValueError("landmarks: all points lie on one line, or in one place: give points all over the face")
    return points


def points_of_file(mesh: Mesh, path: str | PathLike[str], group: str | None = None) -> Tensor:
    """Where the points of a landmark file lie on a mesh: `mark_points` of `read_marks`; every error names the file."""
    marks = read_marks(path, group)
    try:
        return mark_points(mesh, marks)
    except ValueError as error:
        raise ValueError(f"{Path(path).name}: {error}") from None


def unread_beside(path: Path) -> list[str]:
    """What to say of files beside a scan that may hold its landmarks, where no landmarks were given."""
    notes = []
    for file in files_beside(path, [ending for ending in LANDMARK_ENDINGS if ending != ".npz"]):
        here = file.suffix.lower() in MARK_ENDINGS
        what = f"--landmarks {file.name} uses it" if here else f"files that can be read are {', '.join(MARK_ENDINGS)}"
        notes.append(f"{file.name} may hold landmarks of {path.name}, and was not read: {what}")
    return notes


def read_marks(path: str | PathLike[str], group: str | None = None) -> Marks:
    """Read landmarks from a file, for `prepare_head`.

    - `.json`: one object, from number or name to vertex or [x, y, z], such as {"36": 5179, "chin": [0, -19.8, 110]}.
    - `.ljson`: a menpo file with the 68 points, in iBUG's order or under landmarker.io's labels, or 51; `group`
      names the one to take where it has several groups.
    - `.txt`: 68 lines, or 51, of one vertex or of x y z each; `nan nan nan` for an unknown point.
    - `.pts`: iBUG's, with 68 or 51 points x y z. - `.npy`: the same as an array, or the numbers of 68 or 51 vertices.
    - `.pp`: the points that MeshLab picked, with the names or numbers of `mark_points`, or 68 or 51 in iBUG's order.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: another ending, a file that is cut off or of another kind.
    """
    path = Path(path)
    ending = known_ending(path, MARK_ENDINGS)
    if ending == ".json":
        return _read_json(path)
    if ending == ".pp":
        return _named(read_pp(path), path.name)
    if ending == ".ljson":
        table = read_ljson(path, group, (68, 51)).in_ibug_order()
    elif ending == ".npy":
        array = load_npy(path)
        table = (
            torch.from_numpy(array.astype(np.int64)) if array.dtype.kind in "iu" else points_of_array(array, path.name)
        )
    else:
        table = read_pts(path) if ending == ".pts" else _read_text_table(path)
    if table.ndim not in (1, 2) or len(table) not in (68, 51) or table.shape[1:] not in ((3,), ()):
        raise ValueError(
            f"{path.name}: found {tuple(table.shape)} numbers: give 68 lines, each a vertex or x y z, or 51 without "
            "those of the jaw"
        )
    return table


def _read_json(path: Path) -> Marks:
    content = parse_json(read_text(path), path.name, nan=True)
    if not isinstance(content, dict):
        raise ValueError(f"{path.name}: holds a {type(content).__name__}; an object from name to place is needed")
    return {
        key: points_table([place], f"{path.name}: {key[:40]!r}")[0].tolist() if isinstance(place, list) else place
        for key, place in content.items()
    }


def _read_text_table(path: Path) -> Tensor:
    lines = [line.split() for line in read_text(path).splitlines() if line.strip()]
    try:
        rows = [[float(word) for word in line] for line in lines]
    except ValueError as error:
        raise ValueError(f"{path.name}: not rows of numbers, all of one length ({str(error)[:80]})") from None
    if len(rows) in (68, 51) and {len(row) for row in rows} == {1}:
        numbers = [row[0] for row in rows]
        if not all(abs(number) < 2**53 and number == int(number) for number in numbers):
            raise ValueError(f"{path.name}: one number a line is a vertex, a whole number from 0; found another")
        return torch.tensor([int(number) for number in numbers])
    if not rows or {len(row) for row in rows} == {1}:
        return torch.tensor(rows)
    return points_table(rows, path.name)


def _named(picked: NamedPoints, name: str) -> Marks:
    """Points that were picked by hand: by their names if those are known, or else all 68, or 51, in their order.

    MeshLab itself calls points 0, 1, 2, ... as they are clicked: that says nothing of a handful.
    """
    points, names = picked
    there = points.isfinite().all(1).tolist()
    given = [(label, point) for label, point, is_there in zip(names, points, there, strict=True) if is_there]
    known = {*ibug68_names(), *HANDFUL, *map(str, range(68))}
    strange = next((label for label, _ in given if label not in known), None)
    counted = any(list(names) == [str(n + first) for n in range(len(names))] for first in (0, 1))
    if strange is None and not counted:
        if len(dict(given)) < len(given):
            twice = next(label for n, (label, _) in enumerate(given) if label in dict(given[:n]))
            raise ValueError(f"{name}: two of its points are called {twice!r}; keep one")
        return dict(given)
    if len(points) in (68, 51):
        return points
    why = "they are numbered as they were clicked" if counted else f"among their names is {str(strange)[:40]!r}"
    raise ValueError(
        f"{name}: {len(points)} points, and {why}: which points of a face they are is not said; name them by iBUG's "
        f"numbers, or {', '.join(HANDFUL)}"
    )


def _rows(count: int) -> slice:
    """Which of iBUG's 68 a whole set of so many points is."""
    if count not in (68, 68 - JAW):
        raise ValueError(
            f"landmarks has {count} points: iBUG has 68, or 51 without the jaw; give others as a mapping from numbers"
        )
    return slice(68 - count, 68)


def _number(key: int | str) -> int:
    if isinstance(key, str):
        names = ibug68_names()
        if key in HANDFUL:
            return HANDFUL[key]
        if key in names:
            return names.index(key)
        if not key.isdecimal() or len(key) > 2:
            raise ValueError(f"landmarks: there is no point called {key!r}; use 0 to 67, or {', '.join(HANDFUL)}")
    elif isinstance(key, bool) or not isinstance(key, (int, np.integer)):
        raise ValueError(f"landmarks: {key!r} is neither a number nor a name; use 0 to 67, or {', '.join(HANDFUL)}")
    if not 0 <= int(key) < 68:
        raise ValueError(f"landmarks: there is no point {key}; iBUG's 68 are numbered from 0 to 67")
    return int(key)


def _place(vertices: Tensor, place: Place, name: str) -> Tensor:
    if isinstance(place, (int, np.integer)) and not isinstance(place, bool):
        if not 0 <= place < len(vertices):
            raise ValueError(f"landmarks: {name} is vertex {place}, but the mesh has {len(vertices)}, from 0")
        return vertices[place]
    try:
        point = torch.as_tensor(place, dtype=torch.float64)
    except (TypeError, ValueError, RuntimeError, OverflowError):
        point = torch.empty(0)
    if point.shape != (3,):
        raise ValueError(
            f"landmarks: {name} is {str(place)[:60]!r}: give a vertex, a whole number, or a point (x, y, z)"
        )
    return point
