"""The readers of the package, by the kind of file, each with what has to hold of what it gives."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from torch import Tensor

from asm_teach.avatar.import_gltf import import_gltf
from asm_teach.course import record
from asm_teach.course.marking.grading import mark_notebook
from asm_teach.formats.text_files import read_text
from asm_teach.geometry.landmarks import LandmarkSet
from asm_teach.geometry.mesh import Mesh, read_mesh
from asm_teach.model.linear import LinearMorphableModel
from asm_teach.model.storage import load_model
from asm_teach.new_head.given_landmarks import points_of_file
from asm_teach.studies.views import read_results
from asm_teach.view_fit.photos import read_embedding, read_landmarks, read_photo
from asm_teach.widgets.base.pose import parameters, read_pose
from tests.formats.fuzz_files import small_model
from tests.formats.fuzz_meshes import small_mesh


class Wrong(Exception):
    """A result that is not whole."""


def _require(fact: bool | Tensor, what: str) -> None:
    if not bool(fact):
        raise Wrong(what)


def _check_mesh(mesh: Mesh) -> None:
    _require(mesh.vertices.isfinite().all(), "vertices that are not finite")
    _require((mesh.faces >= 0).all() and (mesh.faces < len(mesh.vertices)).all(), "faces out of range")
    if mesh.uv is not None:
        _require(mesh.uv.isfinite().all(), "uv that are not finite")
        count = len(mesh.uv) if mesh.uv_faces is not None else len(mesh.vertices)
        corners = mesh.faces if mesh.uv_faces is None else mesh.uv_faces
        _require(len(mesh.uv) == count and (corners < count).all() and (corners >= 0).all(), "uv out of range")
    for part in mesh.parts.values():
        _require((part >= 0).all() and (part < len(mesh.faces)).all(), "parts out of range")
    if mesh.texture is not None:
        _check_picture(mesh.texture)


def _check_picture(picture: Tensor) -> None:
    _require(picture.ndim == 3 and picture.shape[2] == 3 and picture.numel() > 0, "no picture")
    _require(picture.isfinite().all() and picture.min() >= 0 and picture.max() <= 1, "values outside 0 to 1")


def _check_points(points: Tensor) -> None:
    _require(not points.isinf().any() and points.nan_to_num().abs().max() <= 1e12, "points that are no places")


def _check_set(found: LandmarkSet) -> None:
    _require(found.barycentric.isfinite().all(), "weights that are not finite")
    _require((found.faces >= 0).all() and (found.faces < len(small_mesh().faces)).all(), "faces out of range")


@torch.no_grad()
def _read_model(path: Path) -> None:
    found = load_model(path)
    _check_mesh(found.mesh)
    _require(found().isfinite().all(), "a face that is not finite")


@torch.no_grad()
def _read_avatar(path: Path) -> None:
    found = import_gltf(path)
    _check_mesh(found.model.mesh)
    _require(found.vertices(dict.fromkeys(found.shapes, 1.0)).isfinite().all(), "a face that is not finite")
    _require(found.model.bind_points().isfinite().all(), "bones that are not finite")


def _read_linear(path: Path) -> None:
    found = LinearMorphableModel.load(path)
    _check_mesh(found.mesh)
    _require(found(torch.zeros(len(found))).isfinite().all(), "a face that is not finite")


def _read_landmarks(path: Path) -> None:
    """As landmarks of a picture and, where the ending is one of those too, of a scan; one of the two has to do."""
    try:
        _check_points(read_landmarks(path, picture=path.with_name("beside.png")))
    except ValueError:
        if path.suffix.lower() not in (".ljson", ".pts", ".npy"):
            raise
        _check_points(points_of_file(small_mesh(), path))


def _read_marks(path: Path) -> None:
    _check_points(points_of_file(small_mesh(), path))


def _read_pose(path: Path) -> None:
    model, text = small_model(), read_text(path)
    try:
        found = read_pose(text, model.rig.names, parameters(model))
    except ValueError as error:
        _require(str(error).startswith("pose: "), f"a message that does not begin with pose: {error}")
        raise ValueError(f"{path.name}: {error}") from None  # a pose is pasted: it has no file
    for values in found.values():
        _require(values.isfinite().all(), "a pose that is not finite")


def _read_results(path: Path) -> None:
    _require(isinstance(read_results(path), list), "no list of results")


def _read_progress(path: Path) -> None:
    os.environ["ASM_TEACH_PROGRESS"] = str(path)
    found = record.read()
    _require(found.keys() == {"exercises", "quizzes"}, "no record")


def _read_notebook(path: Path) -> None:
    (row,) = mark_notebook(path, "student", 5.0)
    _require(path.name in row.message and row.points == 0, "points, or a row that does not name the notebook")


READERS: Mapping[str, Callable[[Path], None]] = {
    **dict.fromkeys(("obj", "ply", "gltf", "stl", "off"), lambda path: _check_mesh(read_mesh(path))),
    "avatar": _read_avatar, "model": _read_model, "linear": _read_linear,
    "embedding": lambda path: _check_set(read_embedding(path, small_mesh().faces)),
    **dict.fromkeys(
        ("landmarks_npz", "landmarks_npy", "pts", "dlib", "tem", "csv", "ljson", "mediapipe"), _read_landmarks
    ),
    **dict.fromkeys(("pp", "marks_txt", "marks_json"), _read_marks),
    "pose": _read_pose, "results": _read_results, "progress": _read_progress, "notebook": _read_notebook,
    "pictures": lambda path: _check_picture(read_photo(path, lambda note: None).pixels),
}  # fmt: skip
