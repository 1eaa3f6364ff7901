"""Bones: a rig, the nine numbers that move each bone, and the walk down the hierarchy.

An affine map is a (3, 4) matrix ``[A | t]`` that acts on column vectors: ``x -> A x + t``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import roma
import torch
from torch import Tensor
from torch.nn.functional import pad

from asm_teach.base.checks import check_points


@dataclass(frozen=True, eq=False)
class Rig:
    """The bones of a head: their names, who hangs on whom, and where they sit.

    Attributes:
        names: J different names.
        parents: (J,) int64, the index of each bone's parent, -1 for a root.
        uv: (J, 2) the place of each bone on the face chart, for bones bound to the surface.
        positions: (J, 3) mm, for bones that are not bound to the surface.

    Raises:
        ValueError: repeated names, lists in place of tensors, wrong shapes, NaN, a parent that does not exist, a cycle
            of parents.
    """

    names: tuple[str, ...]
    parents: Tensor
    uv: Tensor | None = None
    positions: Tensor | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "names", tuple(self.names))
        count = len(self.names)
        repeated = [name for name, times in Counter(self.names).items() if times > 1]
        if repeated:
            raise ValueError(f"names: {', '.join(repeated)} occurs twice; give each bone a name of its own")
        if not isinstance(self.parents, Tensor):
            raise ValueError(
                f"parents is a {type(self.parents).__name__}: give a torch tensor of int64, "
                "for example torch.tensor(parents)"
            )
        if self.parents.shape != (count,) or self.parents.dtype != torch.int64 or count == 0:
            raise ValueError(
                f"parents: expected one int64 index for each of the {count} bones (at least one), "
                f"found {self.parents.dtype} of shape {tuple(self.parents.shape)}"
            )
        for name, places, width in (("uv", self.uv, 2), ("positions", self.positions, 3)):
            if places is None:
                continue
            check_points(places, name, width)
            if len(places) != count:
                raise ValueError(f"{name} has {len(places)} rows for {count} bones: give one for each bone")
        parents = self.parents.tolist()
        for bone, parent in enumerate(parents):
            if not -1 <= parent < count:
                raise ValueError(
                    f"parents: bone {self.names[bone]!r} ({bone}) has parent {parent}, which does not exist; "
                    f"use 0 to {count - 1}, or -1 for a root"
                )
        if cycle := _find_cycle(parents):
            chain = " -> ".join(self.names[bone] for bone in [*cycle, cycle[0]])
            raise ValueError(f"parents: {chain} is a cycle; every chain of parents has to end at a root (-1)")

    def __len__(self) -> int:
        return len(self.names)

    def index(self, bone: int | str) -> int:
        """The index of a bone given by name or by index; raises as `bone_index`."""
        return bone_index(self.names, bone)

    def mirror_images(self) -> list[int]:
        """Of each bone the one across the face: _L and _R (or .L and .R) end its name. Without one it is its own."""
        swap = {"_L": "_R", "_R": "_L", ".L": ".R", ".R": ".L"}
        number = {name: bone for bone, name in enumerate(self.names)}
        return [number.get(name[:-2] + swap.get(name[-2:], name[-2:]), bone) for bone, name in enumerate(self.names)]

    @cached_property
    def levels(self) -> tuple[Tensor, ...]:
        """Bone indices by depth: first the roots, then their children, and so on."""
        depth, ancestors = torch.zeros_like(self.parents), self.parents
        while (found := ancestors >= 0).any():
            depth = depth + found
            ancestors = self.parents[ancestors].where(found, -1)
        return tuple((depth == level).nonzero()[:, 0] for level in range(int(depth.max()) + 1))

    def to(self, device: torch.device | str | None = None, dtype: torch.dtype | None = None) -> Rig:
        """The same rig on another device, its places in another precision."""

        places = {"uv": self.uv, "positions": self.positions}
        moved: dict[str, Any] = {name: x.to(device=device, dtype=dtype) for name, x in places.items() if x is not None}
        return replace(self, parents=self.parents.to(device), **moved)


def bone_index(names: Sequence[str], bone: int | str) -> int:
    """The index of the bone, given by name or by index, among names.

    Raises:
        ValueError: there is no such bone.
    """
    if isinstance(bone, str):
        if bone not in names:
            raise ValueError(f"bone: the rig has no bone called {bone!r}; it has {', '.join(names)}")
        return list(names).index(bone)
    if not 0 <= bone < len(names):
        raise ValueError(f"bone: there is no bone {bone}; this rig has 0 to {len(names) - 1}")
    return int(bone)


def _find_cycle(parents: list[int]) -> list[int]:
    """The bones of one cycle in the order in which parents follow each other, empty if there is none."""
    for start in range(len(parents)):
        path = [start]
        while (bone := parents[path[-1]]) >= 0 and bone not in path:
            path.append(bone)
        if bone >= 0:
            return path[path.index(bone) :]
    return []


def rotation_matrix(rotvec: Tensor) -> Tensor:
    """Rotation vectors (..., 3), angle in radians times axis, to (..., 3, 3), eq. (1.1); lesson 1."""
    matrix: Tensor = roma.rotvec_to_rotmat(rotvec)
    return matrix


def bone_transforms(translation: Tensor, rotation: Tensor, scale: Tensor) -> Tensor:
    """The bones' own motions T = translate . rotate . scale, eq. (1.1). Derived in lesson 1.

    Args:
        translation: (..., J, 3) mm.
        rotation: (..., J, 3) rotation vectors, radians.
        scale: (..., J, 3) factors along the bone's axes, above 0.

    Returns:
        (..., J, 3, 4).

    Raises:
        ValueError: different shapes, a scale that is not above 0.
    """
    if not translation.shape == rotation.shape == scale.shape or scale.shape[-1:] != (3,):
        shapes = ", ".join(str(tuple(part.shape)) for part in (translation, rotation, scale))
        raise ValueError(f"translation, rotation, scale: all need the same shape (..., J, 3), found {shapes}")
    bad = (~(scale > 0)).nonzero()
    if len(bad):
        first = tuple(bad[0].tolist())
        bone, axis = first[-2:]
        raise ValueError(
            f"scale: bone {bone} has {scale[first].item():.6g} along {'xyz'[axis]}; a scale must be above 0, "
            "because 0 flattens the face and a negative one turns it inside out (1 leaves it as it is)"
        )
    linear = rotation_matrix(rotation) * scale[..., None, :]
    return torch.cat([linear, translation[..., None]], dim=-1)


def affine_compose(a: Tensor, b: Tensor) -> Tensor:
    """The map "first b, then a" for affine matrices (..., 3, 4); leading dimensions broadcast."""
    return a[..., :3] @ b + pad(a[..., 3:], (3, 0))


def affine_inverse(a: Tensor) -> Tensor:
    """The inverses of affine matrices (..., 3, 4)."""
    inverse = torch.linalg.inv(a[..., :3])
    return torch.cat([inverse, -inverse @ a[..., 3:]], dim=-1)


def bind_matrices(points: Tensor, rotations: Tensor | None = None) -> Tensor:
    """The bind matrices B = [R | p] of eq. (1), bone to world in the rest pose. Derived in lesson 1.

    Args:
        points: (..., J, 3) the bones' places, mm.
        rotations: (J, 3, 3) the bones' axes, None for those of the world.

    Returns:
        (..., J, 3, 4).
    """
    if rotations is None:
        rotations = torch.eye(3, dtype=points.dtype, device=points.device)
    return torch.cat([rotations.expand(*points.shape, 3), points[..., None]], dim=-1)


def skinning_matrices(bind: Tensor, motion: Tensor, rig: Rig) -> Tensor:
    """The matrices S_j = G_j B_j^-1, eq. (1.2), from rest points to posed points. Derived in lesson 1.

    Put G_j = G_p (B_p^-1 B_j) T_j into S_j and the parent's bind matrix cancels: S_j = S_p (B_j T_j B_j^-1).
    So each bone's own motion, in world coordinates, is handed down the tree, level by level. B_j T_j B_j^-1
    moves a point by p + t - A p, where T_j = [A | t] and p is the bone's place (world axes): without a motion
    p - p is exactly 0, so even in float32 the rest head comes back.

    Args:
        bind: (..., J, 3, 4) bone to world at rest.
        motion: (..., J, 3, 4) each bone's own T.
        rig: who hangs on whom.

    Returns:
        (..., J, 3, 4).
    """
    own = affine_compose(affine_compose(bind, motion), affine_inverse(bind))
    posed = own
    for level in rig.levels[1:]:
        moved = affine_compose(posed[..., rig.parents[level], :, :], own[..., level, :, :])
        posed = posed.index_copy(-3, level, moved)
    return posed


def world_matrices(bind: Tensor, motion: Tensor, rig: Rig) -> Tensor:
    """The matrices G_j = G_p (B_p^-1 B_j) T_j, eq. (1.2), bone to world in the pose. Derived in lesson 1.

    Args and shapes as in `skinning_matrices`, of which these are S_j B_j.
    """
    return affine_compose(skinning_matrices(bind, motion, rig), bind)
