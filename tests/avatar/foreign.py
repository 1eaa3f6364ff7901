"""A head as other programs write it: z up, in centimetres, joints with axes of their own, several meshes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import roma
import torch

from tests.formats.fuzz_meshes import small_mesh
from tests.formats.test_gltf import Asset

# parent, place in the head in metres, a rotation vector of the joint's axes
JOINTS: dict[str, tuple[str | None, list[float], list[float]]] = {
    "neck": (None, [0.0, -0.09, -0.02], [0.3, 0.0, 0.1]),
    "skull": ("neck", [0.0, 0.01, -0.01], [-0.2, 0.5, 0.0]),
    "jaw": ("skull", [0.0, -0.02, 0.01], [1.2, 0.0, 0.4]),
    "eye": ("skull", [0.03, 0.03, 0.02], [0.0, -0.7, 0.0]),
}
NAMES = tuple(JOINTS)
# The armature stands in the scene turned by a quarter from z up to y up, and a hundred times smaller.
ARMATURE = np.diag([0.01, 0.01, 0.01, 1.0]) @ np.array([[1, 0, 0, 0], [0, 0, 1, 0], [0, -1, 0, 0], [0, 0, 0, 1.0]])


def frame(place: list[float], turn: list[float], scale: list[float] | None = None) -> np.ndarray:
    """Translate . rotate . scale, (4, 4)."""
    matrix = np.eye(4)
    matrix[:3, :3] = roma.rotvec_to_rotmat(torch.tensor(turn, dtype=torch.float64)).numpy() @ np.diag(
        scale or [1.0] * 3
    )
    matrix[:3, 3] = place
    return matrix


def bind(name: str) -> np.ndarray:
    """(4, 4) where a joint is bound, in the armature's centimetres: a rotation and a place."""
    _, place, turn = JOINTS[name]
    bound: np.ndarray = np.linalg.inv(ARMATURE) @ frame(place, turn) @ np.diag([0.01, 0.01, 0.01, 1.0])
    return bound


# What moves three joints from where they are bound, in their own axes and centimetres.
POSES = {
    "jaw": frame([0.3, 0.1, -0.2], [0.2, -0.1, 0.3]),
    "skull": frame([0.0, 0.5, 0.0], [0.0, 0.2, 0.1], [1.1, 1.1, 1.1]),
    "neck": frame([1.0, 0.0, 0.0], [0.1, 0.0, 0.0]),
}


def head(
    poses: dict[str, np.ndarray] | None = None,
    *,
    again: np.ndarray | None = None,
    names: tuple[str, ...] = NAMES,
    **more: Any,
) -> Asset:
    """Two skinned meshes with a skin each, an eye that hangs on its joint, and a hat that hangs on none.

    Args:
        poses: name -> (4, 4) what a joint's own matrix is multiplied with, from the right.
        again: (4, 4), from the left onto the inverse bind matrices of the second skin.
        names: of the joints, empty for none.
        more: at the top of the JSON.
    """
    asset = Asset(scenes=[{"nodes": [0, 1, 2, 7]}], **more)
    mesh = small_mesh()
    # from the scene's metres to where the armature has them
    inside = np.linalg.inv(ARMATURE)
    points = np.pad(mesh.vertices.double().numpy() / 1000, ((0, 0), (0, 1)), constant_values=1.0) @ inside.T
    points = points[:, :3].astype(np.float32)
    generator = np.random.default_rng(0)
    joints = np.array([generator.permutation(4) for _ in points], np.uint8)
    shares = np.sort(generator.integers(0, 60, (len(points), 3)), 1).astype(np.uint8)
    weights = np.concatenate([shares, 255 - shares.sum(1, keepdims=True, dtype=np.uint8)], 1)  # sum to 255
    faces = mesh.faces.numpy().astype(np.uint16)
    uv = mesh.uv.numpy()

    def piece(rows: slice, **attributes: Any) -> dict[str, Any]:
        return asset.primitive(
            faces[rows], POSITION=points, TEXCOORD_0=uv, JOINTS_0=joints,
            WEIGHTS_0=asset.accessor(weights, normalized=True), **attributes,
        )  # fmt: skip

    def target(seed: int) -> dict[str, int]:
        return {"POSITION": asset.accessor(np.random.default_rng(seed).normal(0, 0.5, points.shape).astype(np.float32))}

    skin = {**piece(slice(0, 80)), "targets": [target(1), target(2)]}
    teeth = {**piece(slice(80, None)), "targets": [target(3)]}
    face = asset.mesh(skin, name="face", extras={"targetNames": ["jawOpen", "smile"]}, weights=[0.5, 0])
    mouth = asset.mesh(teeth, name="teeth", extras={"targetNames": ["jawOpen"]})
    eye = asset.mesh(asset.primitive(POSITION=points / 30), name="ball")
    asset.node(mesh=face, skin=0, name="Face", scale=[3, 3, 3])  # which does not count
    asset.node(mesh=mouth, skin=1, name="Teeth")
    asset.node(name="Armature", matrix=ARMATURE.T.reshape(-1).tolist(), children=[3])
    for number, name in enumerate(NAMES):
        parent = JOINTS[name][0]
        local = bind(name) if parent is None else np.linalg.inv(bind(parent)) @ bind(name)
        local = local @ (poses or {}).get(name, np.eye(4))
        children = [3 + NAMES.index(other) for other in NAMES if JOINTS[other][0] == name]
        called = {"name": names[number]} if names[number] else {}
        kept = {"children": children} if children else {}
        if name == "eye":
            kept["mesh"] = eye
        asset.node(matrix=local.T.reshape(-1).tolist(), **called, **kept)
    asset.node(mesh=eye, name="Hat", translation=[0, 0.2, 0])
    inverse = np.linalg.inv(np.array([bind(name) for name in NAMES]))
    order = [2, 0, 3, 1]  # the second skin counts its joints otherwise
    for chosen, left in ((range(4), np.eye(4)), (order, np.eye(4) if again is None else again)):
        stored = (left @ inverse[list(chosen)]).swapaxes(1, 2).astype(np.float32)
        asset.add("skins", {"joints": [3 + k for k in chosen], "inverseBindMatrices": asset.accessor(stored)})
    return asset


def written(asset: Asset, path: Path) -> Path:
    """The file of it, which is a GLB."""
    path.write_bytes(asset.glb())
    return path
