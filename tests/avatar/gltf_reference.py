"""What an engine does with a skin, plainly and by the letter of the specification (glTF 2.0, sections 3.5, 3.7.3).

It knows nothing of the package's models, and reads the file by the package's own reader of accessors.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from asm_teach.formats.gltf.container import Gltf

Move = tuple[Sequence[float], Sequence[float], Sequence[float]]  # translation, quaternion x y z w, scale


class Played:
    """A skinned GLB file with one mesh, in metres as it is stored."""

    def __init__(self, path: Path) -> None:
        gltf = Gltf(path)
        self.json = gltf.json
        self.nodes: list[dict[str, Any]] = self.json["nodes"]
        (mesh_node,) = [node for node in self.nodes if "mesh" in node]
        mesh = gltf.item("meshes", mesh_node["mesh"])
        (primitive,) = mesh["primitives"]
        skin = gltf.item("skins", mesh_node["skin"])
        attributes = primitive["attributes"]
        self.joints: list[int] = skin["joints"]
        self.inverse = gltf.values(skin["inverseBindMatrices"], "MAT4").reshape(-1, 4, 4).swapaxes(1, 2)
        self.positions = gltf.values(attributes["POSITION"], "VEC3")
        self.normals = gltf.values(attributes["NORMAL"], "VEC3")
        self.faces = gltf.indices(primitive["indices"]).reshape(-1, 3)
        sets = range(sum(name.startswith("JOINTS_") for name in attributes))
        self.indices = np.concatenate([gltf.values(attributes[f"JOINTS_{k}"], "VEC4") for k in sets], 1).astype(int)
        self.weights = np.concatenate([gltf.values(attributes[f"WEIGHTS_{k}"], "VEC4") for k in sets], 1)
        self.names: list[str] = mesh.get("extras", {}).get("targetNames", [])
        self.targets = [gltf.values(target["POSITION"], "VEC3") for target in primitive.get("targets", [])]
        self.turns = [gltf.values(target["NORMAL"], "VEC3") for target in primitive.get("targets", [])]

    def moves(self) -> list[Move]:
        """Of each joint the translation, rotation and scale that the file gives."""
        still = {"translation": [0, 0, 0], "rotation": [0, 0, 0, 1], "scale": [1, 1, 1]}
        found = [{**still, **self.nodes[joint]} for joint in self.joints]
        return [(node["translation"], node["rotation"], node["scale"]) for node in found]

    def vertices(self, moves: Sequence[Move] | None = None, amounts: Mapping[str, float] | None = None) -> np.ndarray:
        """(V, 3) with the joints moved and the shapes added, in metres."""
        points = self.positions.copy()
        for name, amount in (amounts or {}).items():
            points += amount * self.targets[self.names.index(name)]
        own = dict(zip(self.joints, self.moves() if moves is None else moves, strict=True))
        parent = {child: k for k, node in enumerate(self.nodes) for child in node.get("children", [])}

        def world(node: int) -> np.ndarray:
            local = _matrix(*own[node]) if node in own else np.eye(4)
            return world(parent[node]) @ local if node in parent else local

        matrices = np.array([world(k) @ inverse for k, inverse in zip(self.joints, self.inverse, strict=True)])
        each = matrices[self.indices] @ np.pad(points, ((0, 0), (0, 1)), constant_values=1.0)[:, None, :, None]
        return (self.weights[..., None] * each[..., :3, 0]).sum(1)  # the places where each bone would have the vertex


def _matrix(translation: Sequence[float], rotation: Sequence[float], scale: Sequence[float]) -> np.ndarray:
    """T . R . S of section 3.5.3."""
    x, y, z, w = rotation
    turn = np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )
    matrix = np.eye(4)
    matrix[:3, :3] = turn @ np.diag(scale)
    matrix[:3, 3] = translation
    return matrix
