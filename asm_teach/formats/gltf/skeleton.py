"""glTF 2.0, the bones of a file: the joints of its skins, where they are bound, and how they are moved from there."""

from __future__ import annotations

import numpy as np

from asm_teach.base.arrays import Floats, Ints
from asm_teach.formats.gltf.nodes import Nodes

MOST_BONES = 255  # what `export_gltf` writes too
_ROUND = 1e-5  # a motion that leaves a rotation and a scale by more, in numbers of float32, is none


class Skeleton:
    """The joints of all skins as the bones of eq. (1): bound at points in the axes of the world, then moved.

    A skin says S_j = W_j I_j, a node's matrix times an inverse bind matrix. Of it follow a bone's pivot p_j, the origin
    of I_j^-1, and its own motion about it, S_parent^-1 S_j, eq. (1.2). Where that is translate . rotate . scale in the
    axes of the world, nothing is lost, however the joints' own axes are turned. Where it is not, or where two skins
    bind one joint at two places, the pose at rest is taken for the one in which the bones are bound.

    Attributes:
        names: J different ones.
        parents: (J,) int64, -1 for a root.
        placement: (4, 4) what places the bind pose, such as a node that turns z up into y up.
        points: (J, 3) the pivots where the bones are bound, placed.
        move, turn, scale: (J, 3), (J, 3, 3), (J, 3) each bone's own motion from there.
        moved: (J, 4, 4) the matrices S_j of the placed bind pose.
        is_baked: the pose at rest was taken, so vertices are bound where they rest.
    """

    def __init__(self, nodes: Nodes, skins: list[object], placed: bool) -> None:
        """`placed`: take what moves the first root for the placement of the whole, so that this bone rests."""
        bind: dict[int, Floats] = {}  # by node: the inverse bind matrix
        self.is_baked = False
        for skin in skins:
            for joint, matrix in zip(*nodes.joints(skin), strict=True):
                self.is_baked |= not np.allclose(bind.setdefault(joint, matrix), matrix, rtol=0, atol=1e-6)
        if len(bind) > MOST_BONES:
            raise ValueError(
                f"it has {len(bind)} joints, and at most {MOST_BONES} are read: export the head with the bones that "
                "move it, without those of the body"
            )
        self._number = {joint: bone for bone, joint in enumerate(bind)}
        self.names = _names([nodes.name(joint) for joint in bind])
        self.parents: Ints = np.array(
            [next((self._number[k] for k in nodes.above(joint) if k in self._number), -1) for joint in bind]
        )
        inverse, world = np.array([*bind.values()]), nodes.world[list(bind)]
        self.moved = world @ inverse
        root = int(np.argmax(self.parents < 0))
        self.placement = self.moved[root] if placed else np.eye(4)
        self.moved = self.moved @ self._inverse(self.placement[None], (self.names[root],))
        self.points = (self.placement @ self._inverse(inverse, self.names))[:, :3, 3]
        apart = np.concatenate([self._inverse(self.moved, self.names), np.eye(4)[None]])  # a root, -1, has the last
        own = apart[self.parents] @ self.moved
        self.move = np.round((own[:, :3, :3] @ self.points[..., None])[..., 0] + own[:, :3, 3] - self.points, 12)
        self.scale = np.linalg.norm(own[:, :3, :3], axis=1)
        self.turn = own[:, :3, :3] / self.scale[:, None]
        off = np.abs(self.turn.swapaxes(1, 2) @ self.turn - np.eye(3)).max()
        if self.is_baked or off > _ROUND or np.linalg.det(self.turn).min() < 0:
            self._bake(world)

    def __len__(self) -> int:
        return len(self.names)

    def columns(self, nodes: Nodes, skin: object) -> Ints:
        """The numbers of the bones that are the joints of a skin."""
        return np.array([self._number[joint] for joint in nodes.joints(skin)[0]])

    def carrier(self, nodes: Nodes, node: int) -> int:
        """The bone that carries a node: the node itself, or the nearest above it; -1 where there is none."""
        return next((self._number[joint] for joint in (node, *nodes.above(node)) if joint in self._number), -1)

    def _bake(self, world: Floats) -> None:
        self.is_baked = True
        self.points = world[:, :3, 3]
        self.move, self.scale = np.zeros((len(self), 3)), np.ones((len(self), 3))
        self.turn, self.moved = np.eye(3)[None].repeat(len(self), 0), np.eye(4)[None].repeat(len(self), 0)

    @staticmethod
    def _inverse(matrices: Floats, names: tuple[str, ...]) -> Floats:
        flat = ~(np.abs(np.linalg.det(matrices[:, :3, :3])) > 0)  # NaN too
        if flat.any():
            raise ValueError(
                f"bone {names[int(np.argmax(flat))][:80]!r} is scaled to nothing, or its matrix is not finite: the "
                "file is damaged; fetch or export it again"
            )
        return np.linalg.inv(matrices).astype(np.float64)


def _names(given: list[str]) -> tuple[str, ...]:
    """Names of which no two are the same."""
    names: list[str] = []
    for number, name in enumerate(given):
        name = name or f"joint_{number}"
        while name in names:
            name += "_"
        names.append(name)
    return tuple(names)
