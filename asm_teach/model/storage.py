"""Save a model to one file and load it back: arrays and plain text, never pickle."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from asm_teach.base.arrays import load_npz
from asm_teach.base.files import whole
from asm_teach.formats.checks.outputs import check_output
from asm_teach.formats.text_files import parse_json
from asm_teach.geometry.landmarks import LandmarkSet
from asm_teach.geometry.mesh import Mesh
from asm_teach.model.adaptive import AdaptiveSkinningModel, SkinnedModel, StaticSkinningModel
from asm_teach.model.transforms import Rig

FORMAT = 1


def save(model: SkinnedModel, path: str | os.PathLike[str]) -> None:
    """Write a model with its template, rig and parameters to one `.npz` file, whole or not at all.

    The texture and the quads stay behind. Raises ValueError for a model of another kind, or a place that cannot be
    written to.
    """
    kinds = {AdaptiveSkinningModel: "adaptive", StaticSkinningModel: "static"}
    if type(model) not in kinds:
        raise ValueError(f"model: expected an adaptive or a static model, found {type(model).__name__}")
    rig = model.rig
    arrays = {"parents": rig.parents, "rig_uv": rig.uv, "rig_positions": rig.positions}
    if isinstance(model, StaticSkinningModel):
        # The points too: worked out again from a chart in another precision, they would differ in the last bits.
        arrays |= {"weights": model.weights(), "bind_points": model.bind_points()}
    arrays |= {f"parameter:{name}": p for name, p in model.named_parameters()}
    write_model(path, {"kind": kinds[type(model)], "bones": rig.names}, model.mesh, arrays)


def write_model(
    path: str | os.PathLike[str], about: dict[str, Any], mesh: Mesh, arrays: Mapping[str, Tensor | None]
) -> None:
    """Write a mesh and what a model adds to it to one `.npz` file, whole or not at all; `mesh_of` reads the mesh back.

    Args:
        path: the file.
        about: what the model is, kept as JSON.
        mesh: without its texture and quads.
        arrays: by name; those that are None are left out.

    Raises:
        ValueError: a place that cannot be written to.
    """
    check_output(Path(path), name="path")
    about = {"format": FORMAT, **about, "landmarks": list(mesh.landmarks)}
    tensors = {"vertices": mesh.vertices, "faces": mesh.faces, "uv": mesh.uv, "uv_faces": mesh.uv_faces, **arrays}
    tensors |= {f"part:{name}": faces for name, faces in mesh.parts.items()}
    for k, points in enumerate(mesh.landmarks.values()):
        tensors |= {f"landmark_faces:{k}": points.faces, f"landmark_barycentric:{k}": points.barycentric}
    plain: dict[str, Any] = {name: x.detach().cpu().numpy() for name, x in tensors.items() if x is not None}
    with whole(Path(path)) as part, part.open("wb") as file:
        np.savez_compressed(file, about=np.frombuffer(json.dumps(about).encode(), np.uint8), **plain)


def mesh_of(about: dict[str, Any], tensors: dict[str, Tensor]) -> Mesh:
    """The mesh of a file that `write_model` wrote; a KeyError names what is missing."""
    landmarks = {
        name: LandmarkSet(tensors[f"landmark_faces:{k}"], tensors[f"landmark_barycentric:{k}"])
        for k, name in enumerate(_names(about, "landmarks"))
    }
    parts = {name.removeprefix("part:"): t for name, t in tensors.items() if name.startswith("part:")}
    uv, uv_faces = tensors.get("uv"), tensors.get("uv_faces")
    return Mesh(tensors["vertices"], tensors["faces"], uv, uv_faces, parts=parts, landmarks=landmarks)


def _names(about: dict[str, Any], key: str) -> tuple[str, ...]:
    found = about[key]
    if not isinstance(found, list) or not all(isinstance(name, str) for name in found):
        raise ValueError(f"{key} is {str(found)[:40]}, not a list of names")
    return tuple(found)


def load_model(path: str | os.PathLike[str]) -> SkinnedModel:
    """Read a model that `save` wrote. Raises ValueError for a file that is something else, cut off or incomplete."""
    arrays, name = load_npz(path), os.fspath(path)
    try:
        about = parse_json(arrays["about"].tobytes(), "about")
        kind, known = about["kind"], about["format"] == FORMAT
    except (KeyError, ValueError, TypeError) as error:
        raise ValueError(f"path: {name} holds arrays, but no asm_teach model; was it written by save?") from error
    if not known or kind not in ("adaptive", "static"):
        raise ValueError(f"path: {name} was written by another version (format {about['format']}, {kind})"[:500])
    try:
        return _build(about, {key: torch.from_numpy(a) for key, a in arrays.items() if key != "about"})
    except (KeyError, IndexError, TypeError, ValueError, AttributeError, RuntimeError) as error:
        reason = f"there is no {error}" if isinstance(error, KeyError) else str(error)[:300]
        raise ValueError(f"path: {name} is a model that is not whole ({reason}); write it again with save") from error


def _build(about: dict[str, Any], tensors: dict[str, Tensor]) -> SkinnedModel:
    """The model of a file's arrays; any error means that the file is not whole."""
    rig = Rig(_names(about, "bones"), tensors["parents"], tensors.get("rig_uv"), tensors.get("rig_positions"))
    state = {k.removeprefix("parameter:"): t for k, t in tensors.items() if k.startswith("parameter:")}
    model: SkinnedModel
    if about["kind"] == "adaptive":
        model = AdaptiveSkinningModel(mesh_of(about, tensors), rig, state["mixture_logits"].shape[1])
    else:
        model = StaticSkinningModel(mesh_of(about, tensors), rig, tensors["weights"])
        state["_points"] = tensors["bind_points"]
    for name, parameter in model.named_parameters():
        if state[name].shape != parameter.shape:
            raise ValueError(f"parameter {name} is {tuple(state[name].shape)}, not {tuple(parameter.shape)}")
        if not state[name].isfinite().all():
            raise ValueError(f"parameter {name} holds NaN or infinite numbers")
    model.load_state_dict(state, strict=False)
    with torch.no_grad():
        if not model().isfinite().all():
            raise ValueError("its numbers are so large that the face is not finite")
    return model
