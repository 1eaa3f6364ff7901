"""The landmarks that someone gives for a head of their own: a handful of points by number or name, or all 68."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import TypeAlias

import numpy as np
import torch
from torch import Tensor

from asm_teach.data.landmark_files import ibug68, ibug68_names, read_ljson
from asm_teach.formats.text_files import parse_json, read_text
from asm_teach.geometry.alignment import on_one_line
from asm_teach.geometry.landmarks import LandmarkSet
from asm_teach.geometry.mesh import Mesh

HANDFUL: Mapping[str, int] = {
    "right_eye_outer": 36, "right_eye_inner": 39, "left_eye_inner": 42, "left_eye_outer": 45, "nose_tip": 30,
    "mouth_right": 48, "mouth_left": 54, "chin": 8, "nose_root": 27, "nose_base": 33, "lip_top": 51, "lip_bottom": 57,
}  # fmt: skip
"""Name -> number in iBUG's order of points that are easy to click. Right and left are the person's own."""

FEWEST = 7  # the corners of eyes and mouth, and the tip of the nose

Place: TypeAlias = "int | Sequence[float] | Tensor"
Marks: TypeAlias = "Mapping[int | str, Place] | Tensor | LandmarkSet"


def mark_points(mesh: Mesh, landmarks: Marks) -> Tensor:
    """Where the 68 points of iBUG lie on a mesh, (68, 3) float64 in the mesh's own unit; NaN where not given.

    Args:
        mesh: the mesh as it was read.
        landmarks: a mapping from a number (0 to 67) or a name (`HANDFUL`, or iBUG's as `ibug68_names` has them) to a
            vertex or to a point (x, y, z); or the 68 vertices (68,), the 68 points (68, 3) with NaN rows for unknown
            ones, or a `LandmarkSet` of 68.

    Raises:
        ValueError: fewer than seven points, names, numbers or vertices that are not there, a point twice,
            points on one line.
    """
    vertices = mesh.vertices.detach().double().cpu()
    points = torch.full((68, 3), float("nan"), dtype=torch.float64)
    if isinstance(landmarks, LandmarkSet):
        _expect_68(len(landmarks))
        points = landmarks.to("cpu").points(vertices, mesh.faces.cpu())
    elif isinstance(landmarks, (Tensor, np.ndarray)):
        given = torch.as_tensor(landmarks).cpu()
        _expect_68(len(given))
        if given.ndim == 2 and given.shape[1] == 3 and given.is_floating_point():
            points = given.double()
        elif given.ndim == 1 and not given.is_floating_point():
            points = torch.stack([_place(vertices, int(v), str(n)) for n, v in enumerate(given)])
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


def read_marks(path: str | PathLike[str]) -> Marks:
    """Read landmarks from a file, for `prepare_head`.

    - `.json`: one object, from number or name to vertex or [x, y, z], such as {"36": 5179, "chin": [0, -19.8, 110]}.
    - `.ljson`: a menpo file with the 68 points, in iBUG's order or under the labels that `ibug68` knows.
    - `.txt`: 68 lines, of one vertex or of x y z each; `nan nan nan` for an unknown point.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: another ending, a file that is cut off or of another kind.
    """
    path = Path(path)
    if path.suffix not in (".json", ".ljson", ".txt"):
        raise ValueError(f"{path.name}: the ending {path.suffix!r} is not one of .json, .ljson, .txt")
    if not path.is_file():
        raise FileNotFoundError(f"path: there is no file {str(path)!r}; check the name and the folder")
    if path.suffix == ".ljson":
        labelled = read_ljson(path)
        return labelled.points.double() if len(labelled.labels) <= 1 else ibug68(labelled).double()
    if path.suffix == ".json":
        content = parse_json(read_text(path), path.name, nan=True)
        if not isinstance(content, dict):
            raise ValueError(f"{path.name}: holds a {type(content).__name__}; an object from name to place is needed")
        return content
    try:
        rows = [[float(word) for word in line.split()] for line in path.read_text("utf-8").splitlines() if line.strip()]
        table = torch.tensor(rows, dtype=torch.float64)
    except (ValueError, UnicodeDecodeError) as error:
        raise ValueError(f"{path.name}: not rows of numbers, all of one length ({error})") from None
    if table.ndim != 2 or table.shape[0] != 68 or table.shape[1] not in (1, 3):
        raise ValueError(f"{path.name}: found {tuple(table.shape)} numbers: give 68 lines, each a vertex or x y z")
    return table if table.shape[1] == 3 else table[:, 0].long()


def _expect_68(count: int) -> None:
    if count != 68:
        raise ValueError(f"landmarks has {count} points: iBUG has 68; give fewer as a mapping from their numbers")


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
    except (TypeError, ValueError, RuntimeError):
        point = torch.empty(0)
    if point.shape != (3,):
        raise ValueError(f"landmarks: {name} is {place!r}: give a vertex, a whole number, or a point (x, y, z)")
    return point
