"""glTF 2.0, the tree of nodes: which are shown and where, and how a skin's joints place its vertices."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from asm_teach.base.arrays import Floats, Ints
from asm_teach.formats.gltf.container import Gltf, Json, members, numbers, whole_number


class Nodes:
    """The tree of nodes: which are shown, and where (section 3.5).

    Attributes:
        world: (N, 4, 4) each node's own matrix after those of its parents.
    """

    def __init__(self, gltf: Gltf) -> None:
        self._gltf = gltf
        self._nodes: list[Json] = members(gltf.json, "nodes")
        self._children = [[self._number(child) for child in members(node, "children")] for node in self._nodes]
        self._parent = self._find_parents()
        self._roots = [index for index in range(len(self._nodes)) if index not in self._parent]
        self.world = self._world_matrices()
        self._skins: dict[int, Floats] = {}

    def shown(self) -> Iterator[tuple[int, Json]]:
        """Each node with a mesh, and its number, parents first, in the order of the file."""
        if not self._nodes:  # a library of meshes
            for index in range(len(members(self._gltf.json, "meshes"))):
                yield -1, {"mesh": index}
        waiting, seen = self._scene()[::-1], set()
        while waiting:
            index = waiting.pop()
            if index not in seen and "mesh" in self._nodes[index]:
                yield index, self._nodes[index]
            waiting += [] if index in seen else self._children[index][::-1]
            seen.add(index)

    def place(self, index: int) -> Floats:
        """The matrix (1, 3, 4) of a shown node: what moves its vertices where they have no skin."""
        return np.eye(4)[None, :3] if index < 0 else self.world[None, index, :3]

    def blended(self, skin: object, influences: list[tuple[Ints, Floats]]) -> Floats:
        """The matrix of each vertex (V, 3, 4): the weighted mean of its joints' (section 3.7.3.3; lesson 1).

        The transform of the node that carries the mesh has no part in it.
        """
        joints = self._joint_matrices(skin)
        total = np.zeros(len(influences[0][0]))
        blend = np.zeros((len(total), 3, 4))
        for joint, weight in influences_of(influences, len(joints)):
            total += weight
            blend += weight[:, None, None] * joints[joint]
        free = total == 0  # as if it hung on the first joint alone
        blend[free], total[free] = joints[0], 1
        return blend / total[:, None, None]

    def joints(self, index: object) -> tuple[list[int], Floats]:
        """The nodes that are the joints of a skin, and their inverse bind matrices (J, 4, 4)."""
        skin = self._gltf.item("skins", index)
        joints = [self._number(joint) for joint in members(skin, "joints")]
        inverse = np.eye(4)[None].repeat(len(joints), 0)
        if "inverseBindMatrices" in skin:  # by columns, as all matrices of glTF
            inverse = self._gltf.values(skin["inverseBindMatrices"], "MAT4").reshape(-1, 4, 4).swapaxes(1, 2)
            inverse = inverse[: len(joints)]
        if not joints or len(inverse) < len(joints):
            raise ValueError(f"skin {index} has {len(inverse)} inverse bind matrices for {len(joints)} joints: damaged")
        return joints, inverse

    def name(self, index: int) -> str:
        """What the file calls a node; empty where it has no name."""
        return str(self._nodes[index].get("name") or "")

    def above(self, index: int) -> Iterator[int]:
        """The node's parent, the parent of that, and so on."""
        while index in self._parent:
            index = self._parent[index]
            yield index

    def _joint_matrices(self, index: object) -> Floats:
        """(J, 3, 4): what moves a vertex of the bind pose along with each joint."""
        key = id(self._gltf.item("skins", index))
        if key not in self._skins:
            joints, inverse = self.joints(index)
            self._skins[key] = (self.world[joints] @ inverse)[:, :3]
        return self._skins[key]

    def _number(self, index: object) -> int:
        self._gltf.item("nodes", index)  # it is there
        return whole_number({"nodes": index}, "nodes")

    def _scene(self) -> list[int]:
        """The nodes at the top of the scene that is shown; without scenes all at the top."""
        if not members(self._gltf.json, "scenes"):
            return self._roots
        scene = self._gltf.item("scenes", self._gltf.json.get("scene", 0))
        return [self._number(index) for index in members(scene, "nodes")]

    def _find_parents(self) -> dict[int, int]:
        parent: dict[int, int] = {}
        for index, children in enumerate(self._children):
            for child in children:
                if child in parent:
                    raise ValueError(
                        f"node {child} hangs on node {parent[child]} and on node {index}, where one is allowed: the "
                        "file is damaged; export it again"
                    )
                parent[child] = index
        return parent

    def _world_matrices(self) -> Floats:
        """(N, 4, 4): each node's own matrix after those of its parents."""
        world = np.array([_local_matrix(node) for node in self._nodes]).reshape(-1, 4, 4)
        waiting, seen = list(self._roots), 0
        while waiting:
            index = waiting.pop()
            seen += 1
            for child in self._children[index]:
                world[child] = world[index] @ world[child]
                waiting.append(child)
        if seen < len(self._nodes):
            raise ValueError("some of its nodes hang on each other in a circle: the file is damaged; export it again")
        return world


def influences_of(influences: list[tuple[Ints, Floats]], joints: int) -> Iterator[tuple[Ints, Floats]]:
    """A joint and its weight for each vertex, (V,) and (V,), as often as there are influences.

    Args:
        influences: sets of joints (V, 4) and weights (V, 4).
        joints: how many the skin has. A joint without weight may be any number in the file, and becomes 0.

    Raises:
        ValueError: a joint that the skin does not have.
    """
    for numbers_of_set, weights_of_set in influences:
        for joint, weight in zip(numbers_of_set.T, weights_of_set.T, strict=True):
            used = np.where(weight == 0, 0, joint)
            if len(used) and not 0 <= used.min() <= used.max() < joints:
                raise ValueError(
                    f"a vertex names joint {used.max()} of the {joints} of its skin: the file is damaged; fetch or "
                    "export it again"
                )
            yield used, weight


def _local_matrix(node: Json) -> Floats:
    """The matrix (4, 4) of a node: its own, or translation, rotation and scale (section 3.5.3)."""
    if "matrix" in node:
        return numbers(node, "matrix", (0.0,) * 16).reshape(4, 4).T
    x, y, z, w = numbers(node, "rotation", (0.0, 0.0, 0.0, 1.0))
    length = x * x + y * y + z * z + w * w
    twice = 2 / length if length > 0 else 0.0
    turn = np.eye(3) - twice * np.array(
        [
            [y * y + z * z, w * z - x * y, -w * y - x * z],
            [-w * z - x * y, x * x + z * z, w * x - y * z],
            [w * y - x * z, -w * x - y * z, x * x + y * y],
        ]
    )
    matrix = np.eye(4)
    matrix[:3, :3] = turn * numbers(node, "scale", (1.0, 1.0, 1.0))
    matrix[:3, 3] = numbers(node, "translation", (0.0, 0.0, 0.0))
    return matrix
