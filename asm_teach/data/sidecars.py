"""Landmark files beside a photograph or a scan: which there are, and what a photograph's say."""

from __future__ import annotations

import csv
import glob
from collections.abc import Collection, Iterator
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from asm_teach.base.arrays import load_npy, load_npz
from asm_teach.data.landmark_files import KNOWN_COUNTS, points_table, read_ljson, read_pts, read_tem
from asm_teach.data.landmark_xml import read_dlib
from asm_teach.formats.pictures import picture_size
from asm_teach.formats.text_files import parse_json, read_text

SIDECARS = (".npz", ".tem", ".ljson", ".csv", ".pts", ".npy", ".xml", ".json")
"""Endings of the landmark files that are read for a photograph; the first that is there counts."""

LANDMARK_ENDINGS = (
    *SIDECARS, ".pp", ".txt", ".mat", ".asf", ".land", ".landmark", ".landmarks", ".lm", ".lm2", ".lm3", ".lmk", ".lms",
    ".lnd", ".bnd", ".tps", ".fcsv", ".points", ".dat", ".pkl",
)  # fmt: skip
"""Endings under which landmarks are kept, whether they are read here or not."""

_WITHIN = 2.0  # MediaPipe gives shares of the picture's sides: no point of a face lies further out


def files_beside(path: Path, endings: Collection[str] = LANDMARK_ENDINGS) -> list[Path]:
    """The files of a picture's or scan's name that may hold its landmarks, in the order of `endings`.

    MeshLab's `face_picked_points.pp` is one of `face.ply`.
    """
    order = list(endings)
    stem = glob.escape(path.stem)
    found = [file for file in path.parent.glob(f"{stem}.*") if file.stem == path.stem]
    found += path.parent.glob(f"{stem}_picked_points.pp")
    found = [file for file in found if file.suffix.lower() in order and file.is_file() and file != path]
    return sorted(found, key=lambda file: (order.index(file.suffix.lower()), file.name))


def known_ending(path: Path, endings: Collection[str]) -> str:
    """The ending of a landmark file that is there, in small letters.

    Raises:
        ValueError: it is not one of `endings`.
        FileNotFoundError: there is no such file.
    """
    ending = path.suffix.lower()
    if ending not in endings:
        raise ValueError(f"{path.name}: the ending {path.suffix!r} is not one of {', '.join(endings)}")
    if not path.is_file():
        raise FileNotFoundError(f"path: there is no file {str(path)!r}; check the name and the folder")
    return ending


def read_landmarks(
    path: str | PathLike[str],
    group: str | None = None,
    picture: str | PathLike[str] | None = None,
    counts: Collection[int] = KNOWN_COUNTS,
) -> Tensor:
    """Read landmarks (L, 2), pixels x right and y down from the upper left corner; NaN for points that are not seen.

    - `.npz`: its array `landmarks`. - `.npy`: the array.
    - `.tem`: a template of WebMorph. - `.ljson`: a menpo file of a picture.
    - `.csv`: one point a row, x and y; a first row of names is passed over.
    - `.pts`: iBUG's, which counts pixels from 1. - `.xml`: dlib's, which counts them from 0.
    - `.json`: MediaPipe's points, in shares of the picture's sides.

    Args:
        path: the landmark file.
        group: the group of points of an `.ljson` file with several.
        picture: the picture that they belong to: its name tells which of a dlib file, its size what a share is.
        counts: the numbers of points that are looked for among several groups.

    Raises FileNotFoundError, and ValueError for a file of another kind, of three-dimensional points, or cut off.
    """
    path, picture = Path(path), None if picture is None else Path(picture)
    ending = known_ending(path, SIDECARS)
    if ending == ".tem":
        points = read_tem(path)
    elif ending == ".ljson":
        points = read_ljson(path, group, counts).in_ibug_order()
    elif ending == ".pts":
        points = read_pts(path) - 0.5  # the middle of the first pixel is (1, 1) there, and (0.5, 0.5) here
    elif ending == ".xml":
        points = read_dlib(path, picture.name if picture else None) + 0.5  # it is (0, 0) there
    elif ending == ".json":
        points = _read_mediapipe(path, picture)
    elif ending == ".csv":
        points = _read_csv(path)
    else:
        points = points_of_array(load_npy(path) if ending == ".npy" else _array_of_npz(path), path.name)
    if points.ndim != 2 or points.shape[1] != 2 or not len(points):
        raise ValueError(f"{path.name}: {tuple(points.shape)} numbers were found; landmarks of a picture are (L, 2)")
    return points.float()


def _array_of_npz(path: Path) -> np.ndarray:
    arrays = load_npz(path)
    if "landmarks" not in arrays:
        raise ValueError(
            f"{path.name}: no array `landmarks` in it, but {', '.join(arrays) or 'nothing'}; write it with "
            "numpy.savez(name, landmarks=points)"
        )
    return arrays["landmarks"]


def points_of_array(array: np.ndarray, name: str) -> Tensor:
    """An array of a file as a tensor, float64: numbers only, finite or NaN; its shape is not looked at.

    Raises:
        ValueError: text, complex numbers, or infinite or absurdly large ones.
    """
    if array.dtype.kind not in "fiu":
        raise ValueError(f"{name}: its array is of type {array.dtype}; landmarks are floating-point numbers")
    points = torch.from_numpy(np.asarray(array, dtype=np.float64))
    if points.ndim == 2 and points.shape[1] in (2, 3) and len(points):
        return points_table(points.tolist(), name)
    return points


def _read_csv(path: Path) -> Tensor:
    try:
        rows = [row for row in csv.reader(read_text(path, strict=False).splitlines()) if any(c.strip() for c in row)]
        if rows and not _is_number(rows[0][0]):
            rows = rows[1:]
        points = [[float(x), float(y)] for x, y in rows]
    except (ValueError, csv.Error) as error:
        told = f" ({error})" if isinstance(error, csv.Error) else ""
        raise ValueError(f"{path.name}: not a table of two numbers a row, x and y in pixels{told}") from None
    if not points:
        raise ValueError(f"{path.name}: there are no points in it; write one a row, x and y in pixels")
    return points_table(points, path.name)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _read_mediapipe(path: Path, picture: Path | None) -> Tensor:
    """The one list of {"x": ..., "y": ...} in a JSON file, however deep it lies; shares become pixels."""
    found = list(_lists_of_points(parse_json(read_text(path), path.name, nan=True)))
    if len(found) != 1:
        raise ValueError(
            f"{path.name}: {len(found)} lists of points, each with an x and a y, are in it; MediaPipe's landmarks of "
            "one face are needed"
        )
    points = points_table([[point["x"], point.get("y", "nothing")] for point in found[0]], path.name)
    if float(points.nan_to_num().abs().max()) > _WITHIN:
        return points  # pixels
    if picture is None:
        raise ValueError(f"{path.name}: its points are shares of the picture's sides; give the picture too")
    return points * torch.tensor(picture_size(picture), dtype=torch.float64)


def _lists_of_points(content: Any) -> Iterator[list[dict[str, Any]]]:
    inside = [content]
    while inside:
        one = inside.pop()
        if isinstance(one, list) and one and all(isinstance(entry, dict) and "x" in entry for entry in one):
            yield one
        elif isinstance(one, (list, dict)):
            inside += one.values() if isinstance(one, dict) else one
