"""glTF 2.0, a skinned mesh: what `scene` reads of a file, and its bones, weights and named shapes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from asm_teach.base.arrays import Floats, Ints
from asm_teach.formats.gltf.container import Gltf, Json
from asm_teach.formats.gltf.nodes import Nodes, influences_of
from asm_teach.formats.gltf.pieces import Pieces
from asm_teach.formats.gltf.primitive import Primitive
from asm_teach.formats.gltf.scene import damage_told
from asm_teach.formats.gltf.skeleton import Skeleton
from asm_teach.formats.mesh_record import MeshRecord
from asm_teach.formats.polygons import counted

MOST_WEIGHTS = 30_000_000  # vertices times bones: each vertex gets a weight of each bone


@dataclass(frozen=True, eq=False)
class SkinnedRecord:
    """What a file says of a skinned mesh, before anybody has checked it; lengths are in its unit, metres.

    Attributes:
        mesh: the vertices where they are bound, and all else that a mesh file holds.
        skeleton: the bones.
        weights: (V, J) float32; rows sum to 1.
        shapes: name -> (V, 3) what a morph target adds to the vertices before the bones move them.
        generator: the program that wrote the file.
        extras: what the node of the mesh says to programs that know it.
    """

    mesh: MeshRecord
    skeleton: Skeleton
    weights: np.ndarray
    shapes: Mapping[str, Floats]
    generator: str
    extras: Json


def read_skinned(path: Path, maker: str) -> SkinnedRecord:
    """Read all meshes of a file that bones move: those with a skin, and those that hang on a bone, such as eyes.

    Args:
        path: a GLB or `.gltf` file.
        maker: how `generator` begins in files whose bind pose lies where it should. In others what moves the first
            root bone, such as from z up to y up, is taken for the placement of the whole head.

    Raises:
        ValueError: what `read_gltf` raises; no skin; too many bones; a bone that is scaled to nothing; weights that
            are negative or not finite.
    """
    with damage_told():
        return _Reading(Gltf(path), maker).record()


class _Reading:
    """The weights and shapes of the pieces, gathered beside their vertices."""

    def __init__(self, gltf: Gltf, maker: str) -> None:
        self._nodes, self._pieces = Nodes(gltf), Pieces(gltf)
        shown = list(self._nodes.shown())
        skinned = [node for _, node in shown if "skin" in node]
        if not skinned:
            raise ValueError(
                "no mesh in it has a skin, which says how bones move it: asm.read_mesh reads it as a mesh, and "
                "asm.prepare_head gives a head bones"
            )
        self._generator = str(gltf.json["asset"].get("generator", ""))
        extras = skinned[0].get("extras")
        self._extras: Json = extras if isinstance(extras, dict) else {}
        skins = [node["skin"] for node in skinned]
        self._skeleton = Skeleton(self._nodes, skins, placed=not self._generator.startswith(maker))
        self._weights: list[np.ndarray] = []
        self._shapes: list[dict[str, Floats]] = []
        self._left_out = 0
        for index, node in shown:
            if "skin" in node or self._skeleton.carrier(self._nodes, index) >= 0:
                self._pieces.add(node, self._matrices(index, node, gltf.item("meshes", node["mesh"])), shapes=True)
            else:
                self._left_out += 1

    def record(self) -> SkinnedRecord:
        """All that was gathered."""
        mesh = self._pieces.record()
        notes = list(mesh.notes)
        if self._left_out:
            notes.append(f"left out {counted(self._left_out, 'piece')} that no bone moves")
        if self._skeleton.is_baked:
            notes.append(
                "took the pose at rest for the one in which the bones are bound, since the motions of the file's own "
                "are not a translation, a rotation and a scale of each bone: other poses differ from an engine's"
            )
        shapes = {
            name: np.concatenate(
                [
                    piece.get(name, np.zeros((len(weights), 3)))
                    for piece, weights in zip(self._shapes, self._weights, strict=True)
                ]
            )
            for name in dict.fromkeys(name for piece in self._shapes for name in piece)
        }
        weights = np.concatenate(self._weights)
        return SkinnedRecord(
            replace(mesh, notes=tuple(notes)), self._skeleton, weights, shapes, self._generator, self._extras
        )

    def _matrices(self, index: int, node: Json, mesh: Json) -> Callable[[Primitive], Floats]:
        """What places the vertices of a primitive in the bind pose; on the way it keeps their weights and shapes."""

        def matrices(piece: Primitive) -> Floats:
            influences = piece.influences() if "skin" in node else []
            weights = self._no_weights(piece.count())
            if influences:
                self._fill(weights, self._skeleton.columns(self._nodes, node["skin"]), influences)
                is_baked = self._skeleton.is_baked
                placed = self._nodes.blended(node["skin"], influences) if is_baked else self._skeleton.placement[None]
            else:  # it goes with one bone
                bone = max(0, self._skeleton.carrier(self._nodes, index))
                weights[:, bone] = 1
                placed = np.linalg.inv(self._skeleton.moved[bone])[None] @ self._nodes.world[index]
            self._weights.append(weights)
            turn = placed[:, :3, :3]
            targets = piece.targets(mesh).items()
            self._shapes.append({name: (turn @ offset[..., None])[..., 0] for name, offset in targets})
            return placed[:, :3]

        return matrices

    def _no_weights(self, vertices: int) -> np.ndarray:
        total = sum(len(weights) for weights in self._weights) + vertices
        if total * len(self._skeleton) > MOST_WEIGHTS:
            raise ValueError(
                f"it has {total} vertices or more and {len(self._skeleton)} bones, and at most {MOST_WEIGHTS} weights "
                "are read: export the head without the body, or thin the mesh out"
            )
        return np.zeros((vertices, len(self._skeleton)), np.float32)

    def _fill(self, weights: np.ndarray, columns: Ints, influences: list[tuple[Ints, Floats]]) -> None:
        """Put the weights of a skin's joints into the columns of their bones; rows then sum to 1."""
        rows = np.arange(len(weights))
        for joint, weight in influences_of(influences, len(columns)):
            if not (weight >= 0).all():  # NaN too
                raise ValueError(
                    "a vertex has a weight below 0, or one that is not finite: the file is damaged; fetch or export it "
                    "again"
                )
            weights[rows, columns[joint]] += weight
        total = weights.sum(1, keepdims=True)
        weights[total[:, 0] == 0, columns[0]] = 1  # as engines do
        weights /= np.where(total == 0, 1, total)
