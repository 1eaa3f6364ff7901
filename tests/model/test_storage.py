"""A model written to a file and read back: the same to the last bit, or refused."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from asm_teach.base.files import whole
from asm_teach.data.heads import load_head
from asm_teach.geometry.mesh import Mesh
from asm_teach.model.adaptive import AdaptiveSkinningModel, SkinnedModel, StaticSkinningModel
from asm_teach.model.storage import load_model, save
from asm_teach.scan_fit.fit import fit_scan

HEAD = load_head()


def adaptive(components: int = 2) -> AdaptiveSkinningModel:
    return AdaptiveSkinningModel(HEAD.mesh, HEAD.rig, components)


def static() -> StaticSkinningModel:
    return StaticSkinningModel(HEAD.mesh, HEAD.rig, HEAD.static_weights)


def hand_made() -> StaticSkinningModel:
    return StaticSkinningModel(HEAD.mesh, HEAD.hand_rig, HEAD.hand_weights)


def jumble(model: SkinnedModel) -> SkinnedModel:
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.01 * torch.randn(parameter.shape).to(parameter)
    return model


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    """An adaptive model in a file."""
    save(jumble(adaptive()), path := tmp_path / "face.npz")
    return path


def rewrite(path: Path, **changes: np.ndarray | None) -> None:
    """Change arrays of a file, or leave them out (None); ":" is "__" in a keyword."""
    with np.load(path) as file:
        arrays = dict(file)
    for name, array in changes.items():
        name = name.replace("__", ":")
        assert name in arrays
        if array is None:
            del arrays[name]
        else:
            arrays[name] = array
    np.savez(path, **arrays)


def about(**changes: object) -> np.ndarray:
    plain = {"format": 1, "kind": "adaptive", "bones": HEAD.rig.names, "landmarks": list(HEAD.mesh.landmarks)}
    return np.frombuffer(json.dumps({**plain, **changes}).encode(), np.uint8)


# --- there and back


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(
    "make", [adaptive, lambda: adaptive(3), static, hand_made], ids=["adaptive", "three", "static", "hand-made"]
)
def test_what_comes_back_is_equal_to_the_last_bit(make, dtype, tmp_path, device):
    model = jumble(make()).to(device, dtype)
    save(model, tmp_path / "face.npz")
    back = load_model(tmp_path / "face.npz")
    assert type(back) is type(model)
    for name, parameter in model.named_parameters():
        assert torch.equal(back.get_parameter(name), parameter.cpu()), name
        assert back.get_parameter(name).dtype == dtype and back.get_parameter(name).requires_grad
    back = back.to(device)
    with torch.no_grad():
        assert torch.equal(back.weights(), model.weights())
        assert torch.equal(back.bind_points(), model.bind_points())
        assert torch.equal(back(), model())


def test_mesh_rig_parts_and_landmarks_come_back(tmp_path):
    model = adaptive()
    save(model, tmp_path / "face.npz")
    back = load_model(tmp_path / "face.npz")
    for name in ("vertices", "faces", "uv"):
        assert torch.equal(getattr(back.mesh, name), getattr(HEAD.mesh, name))
    assert back.rig.names == HEAD.rig.names
    assert torch.equal(back.rig.parents, HEAD.rig.parents) and torch.equal(back.rig.uv, HEAD.rig.uv)
    assert list(back.mesh.parts) == list(HEAD.mesh.parts)
    assert all(torch.equal(back.mesh.parts[name], faces) for name, faces in HEAD.mesh.parts.items())
    assert list(back.mesh.landmarks) == list(HEAD.mesh.landmarks)
    for name, points in HEAD.mesh.landmarks.items():
        there = back.mesh.landmarks[name]
        assert torch.equal(there.faces, points.faces) and torch.equal(there.barycentric, points.barycentric)


def test_a_chart_with_its_own_vertices_comes_back(tmp_path):
    """UV for each corner through uv_faces, in another order than the vertices."""
    order = torch.randperm(len(HEAD.mesh.vertices))
    mesh = Mesh(HEAD.mesh.vertices, HEAD.mesh.faces, HEAD.mesh.uv[order], order.argsort()[HEAD.mesh.faces])
    model = jumble(AdaptiveSkinningModel(mesh, HEAD.rig, 1))
    save(model, tmp_path / "face.npz")
    back = load_model(tmp_path / "face.npz")
    assert torch.equal(back.mesh.uv_faces, mesh.uv_faces)
    assert torch.equal(back(), model())


@pytest.mark.parametrize("make", [adaptive, static])
def test_a_fitted_model_comes_back(make, tmp_path, device):
    fit = fit_scan(make(), HEAD.sample(3), steps=5, progress=False, device=device)
    save(fit.model, tmp_path / "face.npz")
    back = load_model(tmp_path / "face.npz").to(device)
    assert torch.equal(back().detach(), fit.vertices)
    assert (fit.vertices.cpu() - HEAD.mesh.vertices).norm(dim=1).mean() > 1  # it is not the template


def test_a_file_is_written_over(saved):
    save(static(), saved)
    assert isinstance(load_model(saved), StaticSkinningModel)
    assert [path.name for path in saved.parent.iterdir()] == [saved.name]


# --- whole or not at all


@pytest.mark.parametrize("old", [True, False])
def test_a_write_that_fails_leaves_what_was_there(old, tmp_path, monkeypatch):
    path = tmp_path / "face.npz"
    if old:
        save(static(), path)
        before = path.read_bytes()

    def full(file, **arrays):
        file.write(b"PK" * 1000)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez_compressed", full)
    with pytest.raises(OSError, match="No space left"):
        save(adaptive(), path)
    assert [p.name for p in tmp_path.iterdir()] == (["face.npz"] if old else [])
    if old:
        assert path.read_bytes() == before


def test_a_block_that_fails_before_it_writes_leaves_nothing(tmp_path):
    with pytest.raises(RuntimeError, match="too early"), whole(tmp_path / "face.npz"):
        raise RuntimeError("too early")
    assert list(tmp_path.iterdir()) == []


def test_nothing_stands_under_the_name_until_all_is_written(tmp_path):
    path = tmp_path / "face.npz"
    path.write_text("old")
    with whole(path) as part:
        part.write_text("new")
        assert path.read_text() == "old" and part.parent == tmp_path and str(os.getpid()) in part.name
    assert path.read_text() == "new" and list(tmp_path.iterdir()) == [path]


def test_the_new_file_takes_the_place_of_the_old_one_at_once(tmp_path, monkeypatch):
    """Until the last step, which is a renaming, the old file is whole."""
    path = tmp_path / "face.npz"
    save(static(), path)
    before = path.read_bytes()

    def stopped(source, target):
        assert path.read_bytes() == before
        assert isinstance(load_model(source), AdaptiveSkinningModel)
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", stopped)
    with pytest.raises(KeyboardInterrupt):
        save(adaptive(), path)
    assert [p.name for p in tmp_path.iterdir()] == ["face.npz"] and path.read_bytes() == before


def test_the_name_is_the_one_given(tmp_path):
    save(static(), os.fspath(tmp_path / "a face"))  # a plain string, with no ending
    assert [path.name for path in tmp_path.iterdir()] == ["a face"]
    assert isinstance(load_model(os.fspath(tmp_path / "a face")), StaticSkinningModel)


def test_another_kind_of_model_is_refused(tmp_path):
    with pytest.raises(ValueError, match="expected an adaptive or a static model, found Linear"):
        save(nn.Linear(2, 2), tmp_path / "face.npz")
    assert list(tmp_path.iterdir()) == []


# --- what is no model


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.99, 0.999999])
def test_a_file_cut_off_is_refused(saved, share):
    content = saved.read_bytes()
    saved.write_bytes(content[: int(share * len(content))])
    with pytest.raises(ValueError, match=r"face\.npz: this is not a whole \.npz file"):
        load_model(saved)


def test_a_file_with_a_wrong_byte_is_refused(saved):
    content = bytearray(saved.read_bytes())
    content[len(content) // 2] ^= 0xFF
    saved.write_bytes(content)
    with pytest.raises(ValueError, match="not a whole"):
        load_model(saved)


def test_a_text_file_called_npz_is_refused(tmp_path):
    (tmp_path / "face.npz").write_text("v 1 2 3\n")
    with pytest.raises(ValueError, match=r"face\.npz: this is not a whole \.npz file"):
        load_model(tmp_path / "face.npz")


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no file .*face\.npz'; check the name"):
        load_model(tmp_path / "face.npz")


@pytest.mark.parametrize(
    "arrays",
    [
        {"landmarks": np.zeros((68, 2))},
        {"about": np.frombuffer(b"a holiday in Spain", np.uint8)},
        {"about": np.frombuffer(b"[1, 2]", np.uint8)},
        {"about": np.frombuffer(b'"face"', np.uint8)},
        {"about": np.frombuffer(b"\xff\xfe", np.uint8)},
        {"about": np.frombuffer(b'{"kind": "adaptive"}', np.uint8)},
        {"about": np.zeros((2, 2))},
        {"about": np.frombuffer(b"[" * 50_000, np.uint8)},
    ],
    ids=["landmarks", "no-json", "a-list", "a-word", "no-text", "no-format", "numbers", "deep"],
)
def test_arrays_of_something_else_are_refused(arrays, tmp_path):
    np.savez(tmp_path / "face.npz", **arrays)
    with pytest.raises(ValueError, match="no asm_teach model; was it written by save?"):
        load_model(tmp_path / "face.npz")


def test_nothing_in_a_file_is_executed(saved, tmp_path):
    class Trap:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "sprung",))

    rewrite(saved, parents=np.array([Trap()], dtype=object))
    with pytest.raises(ValueError, match="not a whole .npz file of plain arrays"):
        load_model(saved)
    assert not (tmp_path / "sprung").exists()
    with np.load(saved, allow_pickle=True) as arrays:  # the trap does work, where someone lets it
        arrays["parents"]
    assert (tmp_path / "sprung").exists()


@pytest.mark.parametrize(
    ("changes", "found"), [({"format": 2}, "format 2"), ({"kind": "muscles"}, "muscles"), ({"kind": "x" * 9999}, "xxx")]
)
def test_a_file_of_another_version_is_refused(saved, changes, found):
    rewrite(saved, about=about(**changes))
    with pytest.raises(ValueError, match=f"another version .*{found}") as caught:
        load_model(saved)
    assert len(str(caught.value)) < 1000  # a file can hold anything; a message stays readable


@pytest.mark.parametrize(
    "changes",
    [
        {"vertices": None},
        {"parents": None},
        {"landmark_faces__1": None},
        {"parameter__translation": None},
        {"parameter__mixture_logits": None},
        {"parameter__rotation": np.zeros((83, 3), np.float32)},
        {"parameter__mixture_mean": np.zeros((84, 3, 2), np.float32)},
        {"parameter__bone_uv": np.full((84, 2), np.nan, np.float32)},
        {"vertices": np.zeros((10, 3), np.float32)},
        {"parents": np.arange(84)},
        {"about": about(bones=["jaw"])},
        {"about": about(kind="static")},
        {"about": about(landmarks=["ibug68", "facemesh478", "another"])},
        {"about": np.frombuffer(b'{"format": 1, "kind": "adaptive"}', np.uint8)},
        {"about": about(bones=list(range(84)))},
        {"about": about(bones=[[]] * 84)},
        {"about": about(bones=None)},
        {"about": about(landmarks={"ibug68": 1, "facemesh478": None})},
        {"vertices": np.array(["a", "b"])},
        {"parents": np.zeros(84)},
        {"parameter__mixture_logits": np.zeros((84, 60_000, 0), np.float32)},
        {"parameter__mixture_logits": np.float32(1)},
        {"parameter__log_scale": np.full((84, 3), 100, np.float32)},
    ],
    ids=lambda changes: "-".join(f"{k}-{'less' if v is None else v.shape}" for k, v in changes.items()),
)
def test_a_model_with_a_missing_or_a_wrong_part_is_refused(saved, changes):
    rewrite(saved, **changes)
    with pytest.raises(ValueError, match=r"face\.npz is a model that is not whole \(.+\); write it again with save"):
        load_model(saved)
