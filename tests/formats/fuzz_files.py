"""Small good files of every kind that the package reads, and the same damaged: what the fuzz of the readers opens."""

from __future__ import annotations

import functools
import json
import random
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path

import nbformat
import numpy as np
import torch

from asm_teach.avatar.export import export_gltf
from asm_teach.formats.gltf.container import Gltf
from asm_teach.model.adaptive import AdaptiveSkinningModel, StaticSkinningModel
from asm_teach.model.linear import LinearMorphableModel
from asm_teach.model.storage import save
from asm_teach.model.transforms import Rig
from asm_teach.new_head.given_landmarks import HANDFUL
from asm_teach.studies.views import Setting, ViewResult
from asm_teach.widgets.base.pose import parameters, write_pose
from tests.avatar.foreign import head
from tests.formats.fuzz_damage import Files, break_arrays, bytes_file, json_bytes, npy_bytes, npz_bytes, text_file
from tests.formats.fuzz_meshes import gltf, gltf_files, obj, off, ply, small_mesh, stl
from tests.formats.fuzz_pictures import pictures


@functools.cache
def small_model(kind: str = "adaptive") -> AdaptiveSkinningModel | StaticSkinningModel:
    """Two bones on the small mesh."""
    mesh, parents = small_mesh(), torch.tensor([-1, 0])
    if kind == "static":
        weights = torch.full((len(mesh.vertices), 2), 0.5)
        return StaticSkinningModel(mesh, Rig(("root", "jaw"), parents, positions=mesh.vertices[[0, 40]]), weights)
    return AdaptiveSkinningModel(mesh, Rig(("root", "jaw"), parents, uv=torch.tensor([[0.3, 0.3], [0.5, 0.6]])), 2)


@functools.cache
def _saved(kind: str) -> dict[str, np.ndarray]:
    """The arrays of a model as the package writes it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.npz"
        if kind == "linear":
            mesh = small_mesh()
            modes = torch.randn(2, len(mesh.vertices), 3, generator=torch.Generator().manual_seed(0))
            LinearMorphableModel(mesh, modes, torch.tensor([2.0, 1.0])).save(path)
        else:
            save(small_model(kind), path)
        with np.load(path) as arrays:
            return dict(arrays)


# --- heads with bones


@functools.cache
def _skinned(which: str) -> tuple[str, bytes]:
    """JSON and buffer of our own file, or of one as other programs write them."""
    if which == "foreign":
        asset = head()
        return json.dumps({**asset.json, "buffers": [{"byteLength": len(asset.bytes)}]}), asset.bytes
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "head.glb"
        export_gltf(small_model(), path, shapes=False, posed=which == "posed", texture=torch.rand(8, 8, 3))
        gltf, content = Gltf(path), path.read_bytes()
        return json.dumps(gltf.json), content[-gltf.json["buffers"][0]["byteLength"] :]


def avatar(rng: random.Random, damage: int) -> Files:
    """A head with bones, weights and morph targets."""
    text, blob = _skinned(rng.choice(("foreign", "foreign", "posed", "baked")))
    return gltf_files(json.loads(text), blob, rng.random() < 0.7, rng, damage)


# --- arrays


def _arrays(name: str, arrays: dict[str, np.ndarray], rng: random.Random, damage: int) -> Files:
    broken = rng.choice(("arrays", "arrays", "arrays", "members", "whole"))
    for _ in range(damage if broken == "arrays" else 0):
        if arrays:
            arrays = break_arrays(rng, arrays)
    data = npz_bytes(rng, arrays, damage if broken == "members" else 0)
    return bytes_file(name, data, rng, damage if broken == "whole" else 0)


def model(rng: random.Random, damage: int) -> Files:
    """A model as `save` writes it."""
    return _model(rng.choice(("adaptive", "static")), rng, damage)


def linear(rng: random.Random, damage: int) -> Files:
    """A linear model."""
    return _model("linear", rng, damage)


def _model(kind: str, rng: random.Random, damage: int) -> Files:
    arrays = dict(_saved(kind))
    if damage and rng.random() < 0.3:
        about = json_bytes(rng, json.loads(arrays["about"].tobytes()), damage)
        arrays["about"], damage = np.frombuffer(about, np.uint8), 0
    return _arrays("model.npz", arrays, rng, damage)


def embedding(rng: random.Random, damage: int) -> Files:
    """Where a set of landmarks lies on a mesh, by vertices or by faces."""
    if rng.random() < 0.5:
        return _arrays("set.npz", {"vertices": np.arange(10, 20)}, rng, damage)
    arrays = {"faces": np.arange(10), "barycentric": np.full((10, 3), 1 / 3, np.float32)}
    return _arrays("set.npz", arrays, rng, damage)


def _points(rng: random.Random, count: int = 0, width: int = 2) -> np.ndarray:
    """Landmarks that lie in a picture, or on no line."""
    count = count or rng.choice((68, 68, 51))
    chance = np.random.default_rng(rng.randrange(99))
    return np.round(5 + 90 * chance.random((count, width)), 3)


def landmarks_npz(rng: random.Random, damage: int) -> Files:
    """Landmarks of a picture."""
    return _arrays("face.npz", {"landmarks": _points(rng)}, rng, damage)


def landmarks_npy(rng: random.Random, damage: int) -> Files:
    """The same as one array, or those of a scan."""
    array = _points(rng, width=rng.choice((2, 3)))
    for _ in range(damage):
        array = break_arrays(rng, {"a": array}).get("a", array) if rng.random() < 0.6 else array
    return bytes_file("face.npy", npy_bytes(array), rng, damage, 0.5)


# --- landmarks as text


def pts(rng: random.Random, damage: int) -> Files:
    """iBUG's."""
    points = _points(rng, width=rng.choice((2, 3)))
    rows = "\n".join(" ".join(map(str, row)) for row in points.tolist())
    return text_file("face.pts", f"version: 1\nn_points: {len(points)}\n{{\n{rows}\n}}\n", rng, damage)


def pp(rng: random.Random, damage: int) -> Files:
    """MeshLab's picked points, all 68 or a handful by name."""
    names = list(HANDFUL) if rng.random() < 0.5 else [str(n) for n in range(68)]
    rows = [
        f' <point x="{x}" y="{y}" z="{z}" active="1" name="{name}"/>'
        for name, (x, y, z) in zip(names, _points(rng, len(names), 3).tolist(), strict=True)
    ]
    text = "\n".join(["<!DOCTYPE PickedPoints>", "<PickedPoints>", *rows, "</PickedPoints>", ""])
    if damage and rng.random() < 0.1:
        text = text.replace("PickedPoints>", 'PickedPoints [<!ENTITY b "&a;&a;"><!ENTITY a "lol">]>', 1)
    return text_file("face.pp", text, rng, damage)


def dlib(rng: random.Random, damage: int) -> Files:
    """A data set of dlib with one picture."""
    parts = [f"   <part name='{n:02}' x='{x:.0f}' y='{y:.0f}'/>" for n, (x, y) in enumerate(_points(rng, 68).tolist())]
    head = ["<?xml version='1.0' encoding='ISO-8859-1'?>", "<dataset>", "<images>", " <image file='face.png'>"]
    text = [*head, "  <box top='1' left='2' width='3' height='4'>", *parts, "  </box>", " </image>", "</images>"]
    return text_file("face.xml", "\n".join([*text, "</dataset>", ""]), rng, damage)


def tem(rng: random.Random, damage: int) -> Files:
    """WebMorph's template."""
    points = _points(rng)
    rows = "\n".join(f"{x}\t{y}" for x, y in points.tolist())
    return text_file("face.tem", f"{len(points)}\n{rows}\n1\n0\n2\n0 1\n", rng, damage)


def csv(rng: random.Random, damage: int) -> Files:
    """A table of x and y."""
    rows = "\n".join(f"{x},{y}" for x, y in _points(rng).tolist())
    if damage and rng.random() < 0.05:
        rows = '"' + "1" * 200_000 + rows
    return text_file("face.csv", rng.choice(("x,y\n", "")) + rows + "\n", rng, damage)


def marks_txt(rng: random.Random, damage: int) -> Files:
    """Landmarks of a scan as a table, or as vertices."""
    rows = [[n] for n in range(68)] if rng.random() < 0.5 else _points(rng, width=3).tolist()
    return text_file("face.txt", "\n".join(" ".join(map(str, row)) for row in rows) + "\n", rng, damage)


# --- JSON


def _json(name: str, value: object, rng: random.Random, damage: int) -> Files:
    whole = rng.random() < 0.2
    return bytes_file(name, json_bytes(rng, value, 0 if whole else damage), rng, damage if whole else 0)


def ljson(rng: random.Random, damage: int) -> Files:
    """menpo's, of every version, of a picture or a scan."""
    version, points = rng.choice((1, 2, 3)), _points(rng, 68, rng.choice((2, 3))).tolist()
    if version == 1:
        pieces = [{"label": f"p{n}", "landmarks": [{"point": p}], "connectivity": []} for n, p in enumerate(points)]
        return _json("face.ljson", {"version": 1, "groups": pieces}, rng, damage)
    points[3] = [None] * len(points[3])
    labels = [{"label": "all", "mask": list(range(68))}, {"label": "nose", "mask": [n == 30 for n in range(68)]}]
    group = {"labels": labels, "landmarks": {"points": points, "connectivity": [[0, 1]]}}
    pupils = {"labels": [], "landmarks": {"points": points[4:6]}}
    value = {"version": 2, **group} if version == 2 else {"version": 3, "groups": {"face": group, "pupils": pupils}}
    return _json("face.ljson", value, rng, damage)


def mediapipe(rng: random.Random, damage: int) -> Files:
    """MediaPipe's points of a picture beside it."""
    points = [{"x": x / 100, "y": y / 100, "z": 0.0} for x, y in _points(rng, 468).tolist()]
    return _json("face.json", rng.choice((points, {"faceLandmarks": [points]})), rng, damage)


def marks_json(rng: random.Random, damage: int) -> Files:
    """Landmarks of a scan by name or number, at vertices or points."""
    places = [place if n % 2 else 7 * n for n, place in enumerate(_points(rng, len(HANDFUL), 3).tolist())]
    return _json(
        "marks.json", dict(zip(map(str, rng.choice((HANDFUL, HANDFUL.values()))), places, strict=True)), rng, damage
    )


def pose(rng: random.Random, damage: int) -> Files:
    """A pose as the bone panel writes it."""
    posed = parameters(small_model())
    for part, row in (("translation", [1.0, 2.0, 3.0]), ("rotation", [0.1, 0.0, 0.0]), ("bone_uv", [0.4, 0.4])):
        posed[part][1] = torch.tensor(row)
    fresh, moved = small_model(), AdaptiveSkinningModel(small_mesh(), small_model().rig, 2)
    with torch.no_grad():
        for part, value in posed.items():
            getattr(moved, part).copy_(value)
    return _json("pose.json", json.loads(write_pose(moved, parameters(fresh))), rng, damage)


def results(rng: random.Random, damage: int) -> Files:
    """What `asm-teach views --save` writes."""
    rows = [asdict(ViewResult(Setting("james", n, 0), "asm", 100, 1.0, 0.8, 1.2, 2.0, 3.5)) for n in (1, 2)]
    return _json("views.json", {"results": rows}, rng, damage)


def progress(rng: random.Random, damage: int) -> Files:
    """A learner's progress."""
    exercises = {"weights": {"tries": 2, "ok": True, "first": "2026-01-01T10:00:00", "hints": 1}}
    return _json(
        "progress.json",
        {"exercises": exercises, "quizzes": {"lesson_1": {"q1": {"tries": 1, "ok": False}}}},
        rng,
        damage,
    )


def notebook(rng: random.Random, damage: int) -> Files:
    """A hand-in whose exercises this course does not have, so that nothing of it is run."""
    about = {"nbgrader": {"grade_id": "other", "solution": True, "points": 1}}
    cells = [
        nbformat.v4.new_markdown_cell("# Title", id="a"),
        nbformat.v4.new_code_cell("1 + 1", id="b", metadata=about),
    ]
    value = nbformat.v4.new_notebook(cells=cells)
    return _json("01_linear_blend_skinning.ipynb", value, rng, damage)


KINDS: Mapping[str, Callable[[random.Random, int], Files]] = {
    kind.__name__: kind
    for kind in (
        obj, ply, gltf, avatar, stl, off, model, linear, embedding, landmarks_npz, landmarks_npy, pts, pp, dlib, tem,
        csv, marks_txt, ljson, mediapipe, marks_json, pose, results, progress, notebook, pictures,
    )
}  # fmt: skip


def case(kind: str, number: int, seed: int) -> tuple[Files, int]:
    """The files of one case, the first the one to read, and how often they were damaged; every tenth is whole."""
    rng = random.Random(f"{seed}/{kind}/{number}")
    damage = 0 if number % 10 == 0 else rng.choice((1, 1, 1, 2, 3))
    files = KINDS[kind](rng, damage)
    if damage and rng.random() < 0.03:  # an ending of another kind
        first, *others = files
        other = rng.choice((".obj", ".ply", ".glb", ".npz", ".json", ".png", ".PLY", ".txt", ".pts", ""))
        files = {Path(first).stem + other: files[first], **{name: files[name] for name in others}}
    return files, damage
