"""Photographs of one's own as the views of a fit: pictures of every kind, landmarks from files or from MediaPipe."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import TypeAlias

import torch
from torch import Tensor

from asm_teach.base.arrays import load_npz, numbers
from asm_teach.base.checks import check_indices
from asm_teach.data.landmark_files import KNOWN_COUNTS
from asm_teach.data.sidecars import SIDECARS, files_beside, read_landmarks
from asm_teach.formats.exif import exif_lens
from asm_teach.formats.pictures import Photograph, read_photograph
from asm_teach.geometry.landmarks import LandmarkSet
from asm_teach.view_fit.face_detector import GROUND, Say, find_landmarks
from asm_teach.view_fit.landmark_term import MANY
from asm_teach.view_fit.view import TOLD, View

LONGEST = 1600  # pixels: a face that fills half of it has 4 pixels a millimetre, more than any landmark is exact to
_ALSO_OTHERS = (".xml", ".json")  # endings of files about a picture that need not be landmarks
Path_: TypeAlias = "str | PathLike[str]"


def read_photo(path: Path_, say: Say = print) -> Photograph:
    """Read a photograph, upright, at most `LONGEST` pixels on its longer side.

    Grey, 16-bit and transparent pictures are read too; transparent parts become grey. `say` is told when the picture
    was scaled down: landmarks then belong to the smaller one.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is no picture, or is damaged or cut off.
    """
    photo = read_photograph(path, LONGEST, GROUND)
    height, width = photo.pixels.shape[:2]
    if (width, height) != photo.size:
        say(f"{Path(path).name}: {photo.size[0]} x {photo.size[1]} pixels, scaled down to {width} x {height}")
    return photo


def load_views(
    paths: Sequence[Path_],
    landmarks: Sequence[Tensor | Path_ | None] | None = None,
    *,
    embedding: LandmarkSet | None = None,
    find: bool = False,
    group: str | None = None,
    exif: bool = True,
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
        group: the group of points to take from `.ljson` files with several.
        exif: believe the focal length that a camera wrote into its picture (`exif_lens`), within some 7 %.
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
    views, found = [], 0
    for path, given in zip(map(Path, paths), landmarks or [None] * len(paths), strict=True):
        photo = read_photo(path, say)
        image = photo.pixels
        told = exif_lens(photo.tags, photo.stored, path.name, say) if exif else None
        lens = None if told is None else (told, TOLD)
        expected = KNOWN_COUNTS if embedding is None else (len(embedding),)
        unread: list[str] = []
        points = None if find and given is None else _given(path, given, expected, group, say, unread)
        if points is None:
            points = _found(image, path.name, say, unread)
            views.append(View(image, points, name=path.name, focal_prior=lens))
            found += 1
            continue
        scale = torch.tensor(image.shape[1::-1]) / torch.tensor(photo.size)
        try:
            points = points * scale.to(points)
            views.append(View(image, points, embedding, name=path.name, focal_prior=lens))
        except ValueError as error:
            raise ValueError(f"{path.name}: {error}") from None
    if 1 < len(views) < MANY and found:
        say(
            f"MediaPipe makes everybody look a little like an average face; with {len(views)} pictures that cannot be "
            f"told from the face itself. Add some, to {MANY} or more"
        )
    return views


def _found(image: Tensor, name: str, say: Say, unread: Sequence[str]) -> Tensor:
    """The landmarks that MediaPipe finds; where it does not, the error names the files that were not read."""
    try:
        return find_landmarks(image, name, say)
    except (ModuleNotFoundError, ValueError) as error:
        raise type(error)(f"{error} ({', '.join(unread)}: not read)" if unread else str(error)) from None


def _given(
    path: Path, given: Tensor | Path_ | None, expected: Sequence[int], group: str | None, say: Say, unread: list[str]
) -> Tensor | None:
    """The landmarks of a picture from what was given or stands beside it; None: they are to be found.

    The names of the files that were not read are added to `unread`.
    """
    if given is not None:
        return given if isinstance(given, Tensor) else read_landmarks(given, group, path, expected)
    points, used = None, ""
    for beside in files_beside(path):
        if points is not None:
            say(f"{beside.name}: it may hold landmarks too, and was not read: {used} comes first")
        elif beside.suffix.lower() not in SIDECARS:
            say(f"{beside.name}: it may hold landmarks, and was not read: {', '.join(SIDECARS)} are")
            unread.append(beside.name)
        elif (points := _beside(beside, path, expected, group, say)) is None:
            unread.append(beside.name)
        else:
            used = beside.name
    return points


def _beside(beside: Path, path: Path, expected: Sequence[int], group: str | None, say: Say) -> Tensor | None:
    """The landmarks that the file `beside` a picture holds; None where it holds others, which is said."""
    try:
        points = read_landmarks(beside, group, path, expected)
    except ValueError as error:
        if beside.suffix.lower() in _ALSO_OTHERS:  # any program may have written it about the picture
            say(f"{error}; it was passed over")
            return None
        raise ValueError(f"{error}; with --find (find=True) MediaPipe finds them instead") from None
    if len(points) in expected:
        return points
    say(f"{beside.name}: {len(points)} landmarks, a set that is not known here ({', '.join(map(str, expected))} are)")
    return None


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
