"""Photographs of one's own as the views of a fit: pictures of every kind, landmarks from files or from MediaPipe."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import TypeAlias

import numpy as np
import torch
from torch import Tensor

from asm_teach.base.arrays import load_npz, numbers
from asm_teach.base.checks import check_indices
from asm_teach.data.landmark_files import read_ljson, read_tem
from asm_teach.formats.pictures import picture_size, read_picture
from asm_teach.geometry.landmarks import LandmarkSet
from asm_teach.view_fit.face_detector import GROUND, Say, find_landmarks
from asm_teach.view_fit.view import View

LONGEST = 1600  # pixels: a face that fills half of it has 4 pixels a millimetre, more than any landmark is exact to
SIDECARS = (".npz", ".tem", ".ljson", ".csv")
KNOWN_COUNTS = (68, 468, 478)
Path_: TypeAlias = "str | PathLike[str]"


def read_photo(path: Path_, say: Say = print) -> Tensor:
    """Read a photograph as (H, W, 3) float32 in [0, 1], upright, at most `LONGEST` pixels on its longer side.

    Grey, 16-bit and transparent pictures are read too; transparent parts become grey. `say` is told when the picture
    was scaled down: landmarks then belong to the smaller one.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is no picture, or is damaged or cut off.
    """
    image = read_picture(path, LONGEST, GROUND)
    size, (height, width) = picture_size(path), image.shape[:2]
    if (width, height) != size:
        say(f"{Path(path).name}: {size[0]} x {size[1]} pixels, scaled down to {width} x {height}")
    return image


def load_views(
    paths: Sequence[Path_],
    landmarks: Sequence[Tensor | Path_ | None] | None = None,
    *,
    embedding: LandmarkSet | None = None,
    find: bool = False,
    say: Say = print,
) -> list[View]:
    """Read photographs with their landmarks, as views for `fit_views`.

    Landmarks are pixels of the picture as its file has it, held upright; where the picture is scaled down, so are they.

    Args:
        paths: the pictures.
        landmarks: for each picture its landmarks (L, 2), the file that holds them (see `read_landmarks`), or None: from
            the file of the picture's name beside it, a.npz for a.jpg, or else found by MediaPipe. None for all.
        embedding: where the landmarks of those files lie on the mesh, for a set of one's own.
        find: let MediaPipe find them, whatever files there are.
        say: told, in sentences, what was done on the way: scaled down, several faces, landmarks that were left aside.

    Raises:
        ModuleNotFoundError: MediaPipe is needed and not installed.
        FileNotFoundError, ValueError: a file is missing or damaged, no face was found, or landmarks that are no
            landmarks of the picture. Every message begins with the name of the file.
    """
    if isinstance(paths, (str, PathLike)):
        paths = [paths]
    if landmarks is not None and len(landmarks) != len(paths):
        raise ValueError(f"landmarks: {len(landmarks)} for {len(paths)} pictures; give one for each, or None")
    views = []
    for path, given in zip(map(Path, paths), landmarks or [None] * len(paths), strict=True):
        image = read_photo(path, say)
        expected = KNOWN_COUNTS if embedding is None else (len(embedding),)
        points = None if find and given is None else _given(path, given, expected, say)
        if points is None:
            views.append(View(image, find_landmarks(image, path.name, say), name=path.name))
            continue
        scale = torch.tensor(image.shape[1::-1]) / torch.tensor(picture_size(path))
        try:
            views.append(View(image, points * scale.to(points), embedding, name=path.name))
        except ValueError as error:
            raise ValueError(f"{path.name}: {error}") from None
    return views


def _given(path: Path, given: Tensor | Path_ | None, expected: Sequence[int], say: Say) -> Tensor | None:
    """The landmarks of a picture from what was given or stands beside it; None: they are to be found."""
    if given is not None:
        return given if isinstance(given, Tensor) else read_landmarks(given)
    beside = next((file for suffix in SIDECARS if (file := path.with_suffix(suffix)).is_file()), None)
    if beside is None:
        return None
    try:
        points = read_landmarks(beside)
    except ValueError as error:
        raise ValueError(f"{error}; with --find (find=True) MediaPipe finds them instead") from None
    if len(points) in expected:
        return points
    say(
        f"{beside.name}: {len(points)} landmarks, a set that is not known here "
        f"({', '.join(map(str, expected))} are); MediaPipe is asked instead"
    )
    return None


def read_landmarks(path: Path_) -> Tensor:
    """Read landmarks (L, 2), pixels x right and y down from the upper left corner; NaN for points that are not seen.

    - `.npz`: its array `landmarks`. - `.tem`: a template of WebMorph. - `.ljson`: a menpo file of a picture.
    - `.csv`: one point a row, x and y; a first row of names is passed over.

    Raises FileNotFoundError, and ValueError for a file of another kind, of three-dimensional points, or cut off.
    """
    path = Path(path)
    if path.suffix not in SIDECARS:
        raise ValueError(f"{path.name}: the ending {path.suffix!r} is not one of {', '.join(SIDECARS)}")
    if not path.is_file():
        raise FileNotFoundError(f"path: there is no file {str(path)!r}; check the name and the folder")
    if path.suffix == ".tem":
        points = read_tem(path)
    elif path.suffix == ".ljson":
        points = read_ljson(path).points
    elif path.suffix == ".csv":
        points = _read_csv(path)
    else:
        arrays = load_npz(path)
        if "landmarks" not in arrays:
            raise ValueError(
                f"{path.name}: no array `landmarks` in it, but {', '.join(arrays) or 'nothing'}; write it with "
                "numpy.savez(name, landmarks=points)"
            )
        points = torch.from_numpy(np.asarray(arrays["landmarks"], dtype=np.float32))
    if points.ndim != 2 or points.shape[1] != 2:
        raise ValueError(f"{path.name}: {tuple(points.shape)} numbers were found; landmarks of a picture are (L, 2)")
    return points.float()


def _read_csv(path: Path) -> Tensor:
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        rows = [row for row in csv.reader(file) if any(cell.strip() for cell in row)]
    if rows and not _is_number(rows[0][0]):
        rows = rows[1:]
    try:
        return torch.tensor([[float(x), float(y)] for x, y in rows]).reshape(-1, 2)
    except ValueError:
        raise ValueError(f"{path.name}: not a table of two numbers a row, x and y in pixels") from None


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def read_embedding(path: Path_, mesh_faces: Tensor) -> LandmarkSet:
    """Where a landmark set of one's own lies on a mesh with faces (F, 3), from an `.npz` file.

    Its arrays: `vertices` (L,), the vertex of each landmark; or `faces` (L,) and `barycentric` (L, 3), the triangle of
    each and its weights there. All count from 0.

    Raises FileNotFoundError, and ValueError for other arrays or for numbers that are not those of the mesh.
    """
    name, found = Path(path).name, load_npz(path)
    try:
        arrays = {key: numbers(array, key) for key, array in found.items()}
        if "vertices" in arrays:
            return LandmarkSet.from_vertices(arrays["vertices"], mesh_faces)
        if {"faces", "barycentric"} <= set(arrays):
            check_indices(arrays["faces"], "faces", len(mesh_faces), "the mesh's faces")
            return LandmarkSet(arrays["faces"], arrays["barycentric"].float())
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None
    raise ValueError(
        f"{name}: holds {', '.join(found) or 'nothing'}; write numpy.savez(name, vertices=...), or faces=... and "
        "barycentric=..."
    )
