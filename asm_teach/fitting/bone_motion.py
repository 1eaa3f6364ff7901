"""The motion of all bones as numbers that a second-order step can move: nine per bone, and how the face follows them.

Derived in lesson 5.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import singledispatch
from typing import Any, Protocol

import roma
import torch
from torch import Tensor

from asm_teach.fitting.priors import Prior
from asm_teach.model.adaptive import SkinnedModel
from asm_teach.model.transforms import Rig, affine_compose, affine_inverse, bind_matrices, skinning_matrices

_MOST = 6.0  # of the logarithm of a scale: a bone that shrinks its part 400 times has no inverse left to speak of


class BoneMotion(Protocol):
    """What a second-order step asks of the motion of J bones, of n numbers each: nine, see `Motion`."""

    def numbers(self) -> Tensor:
        """(J, n), all zero at rest."""

    def widths(self, prior: Prior) -> list[float]:
        """What a prior expects of the n numbers: standard deviations."""

    def belief(self, rig: Rig) -> Tensor:
        """(J, n): 1 for the numbers a prior speaks of, 0 for others."""

    def moved(self, step: Tensor) -> BoneMotion:
        """The motion after a step (J, n)."""

    def matrices(self, points: Tensor, rig: Rig) -> Tensor:
        """The matrices S of eq. (1), (J, 3, 4), for bones bound at `points` (J, 3)."""

    def jacobian(self, points: Tensor, rig: Rig) -> Tensor:
        """How these matrices follow a step, (J, 3, 4, J, n)."""

    def about(self, old: Tensor, new: Tensor) -> BoneMotion:
        """The motion that does the same with the bones bound at points `new` (J, 3) instead of `old`."""

    def give_to(self, model: Any) -> None:
        """Move the bones of a model like this."""


@singledispatch
def motion_of(model: SkinnedModel) -> BoneMotion:
    """The motion that a model has now. A model whose bones have other numbers registers its own kind of motion."""
    return Motion.of(model)


@dataclass(frozen=True, eq=False)
class Motion:
    """The bones' own motions T = translate . rotate . scale of eq. (1), in float64.

    translation: (J, 3) mm. rotation: (J, 3, 3). log_scale: (J, 3): whatever it is, the scale stays positive.
    """

    translation: Tensor
    rotation: Tensor
    log_scale: Tensor

    @classmethod
    def of(cls, model: SkinnedModel) -> Motion:
        """The motion that a model has now."""
        translation, rotation, log_scale = (
            part.detach().double().clone() for part in (model.translation, model.rotation, model.log_scale)
        )
        return cls(translation, roma.rotvec_to_rotmat(rotation), log_scale)

    @torch.no_grad()
    def give_to(self, model: SkinnedModel) -> None:
        """Move the bones of a model like this."""
        numbers = self.numbers().to(model.translation)
        for part, values in zip(
            (model.translation, model.rotation, model.log_scale), numbers.split(3, dim=1), strict=True
        ):
            part.copy_(values)

    def numbers(self) -> Tensor:
        """(J, 9): translation in mm, rotation vector in radians, logarithm of the scale."""
        return torch.cat([self.translation, roma.rotmat_to_rotvec(self.rotation), self.log_scale], 1)

    def moved(self, step: Tensor) -> Motion:
        """The motion after a step (J, 9); its rotation is a turn that comes after the one there is."""
        turn = roma.rotvec_to_rotmat(step[:, 3:6])
        log_scale = (self.log_scale + step[:, 6:]).clamp(-_MOST, _MOST)
        return Motion(self.translation + step[:, :3], turn @ self.rotation, log_scale)

    def own(self) -> Tensor:
        """The matrices T, (J, 3, 4)."""
        return torch.cat([self.rotation * self.log_scale.exp()[:, None, :], self.translation[..., None]], 2)

    def matrices(self, points: Tensor, rig: Rig) -> Tensor:
        """The matrices S = G B^-1, eq. (1.2), (J, 3, 4), for bones bound at `points` (J, 3)."""
        return skinning_matrices(bind_matrices(points), self.own(), rig)

    def jacobian(self, points: Tensor, rig: Rig) -> Tensor:
        """How these matrices follow a step, (J, 3, 4, J, 9): [l, :, :, j, k] is dS_l / d step_jk.

        A bone moves its descendants: dS_l = dS_j (S_j^-1 S_l) where j is l or an ancestor of it, else nothing. And
        S_j = S_p X_j with X_j = B T B^-1 = [A | p + t - A p], so that dX = [dA | dt - dA p]; a turn after the rotation
        gives dA = [e]x A, a growing scale dA = A e e^T.
        """
        own, bones = self.own(), len(rig)
        linear = own[..., :3]
        axes = torch.eye(3, dtype=own.dtype, device=own.device)
        crosses = torch.linalg.cross(axes[:, None, :].expand(3, 3, 3), axes.expand(3, 3, 3)).mT  # [k] is [e_k]x
        change = own.new_zeros(bones, 9, 3, 4)
        change[:, 0:3, :, 3] = axes
        change[:, 3:6, :, :3] = crosses @ linear[:, None]
        change[:, 6:9, :, :3] = (linear[..., None] * axes).permute(0, 3, 1, 2)
        change[:, 3:, :, 3] = -(change[:, 3:, :, :3] @ points[:, None, :, None])[..., 0]

        matrices = self.matrices(points, rig)
        above = matrices[rig.parents.clamp_min(0), :, :3]
        above = torch.where((rig.parents < 0)[:, None, None], axes, above)
        change = above[:, None] @ change  # dS_j by its own nine numbers
        mover, moved = _descents(rig)
        rest = affine_compose(affine_inverse(matrices)[mover], matrices[moved])
        handed_down = change[mover][..., :3] @ rest[:, None]  # of an affine matrix with nothing in its last row
        handed_down[..., 3] += change[mover][..., 3]
        jacobian = own.new_zeros(bones, bones, 9, 3, 4)
        jacobian[moved, mover] = handed_down
        return jacobian.permute(0, 3, 4, 1, 2)

    def widths(self, prior: Prior) -> list[float]:
        """What a prior expects of the nine numbers: standard deviations."""
        return [prior.translation] * 3 + [prior.rotation] * 3 + [prior.log_scale] * 3

    def belief(self, rig: Rig) -> Tensor:
        """(J, 9): 1 for the numbers a prior speaks of, 0 for the place of a root: where the head is no prior knows."""
        belief = torch.ones_like(self.numbers())
        belief[rig.parents < 0, :6] = 0
        return belief

    def about(self, old: Tensor, new: Tensor) -> Motion:
        """The motion that does the same with the bones bound at points `new` (J, 3) instead of `old`.

        B T B^-1 moves a point by p + t - A p, where T = [A | t]: another p asks for another t, and nothing else.
        """
        linear, away = self.own()[..., :3], old - new
        shift = away - (linear @ away[..., None])[..., 0]
        return Motion(self.translation + shift, self.rotation, self.log_scale)


def _descents(rig: Rig) -> tuple[Tensor, Tensor]:
    """All pairs of a bone and itself or one of its descendants, as (n,) and (n,)."""
    moved = torch.arange(len(rig), device=rig.parents.device)
    mover, pairs = moved, []
    while len(mover):
        pairs.append(torch.stack([mover, moved]))
        above = rig.parents[mover]
        mover, moved = above[above >= 0], moved[above >= 0]
    return tuple(torch.cat(pairs, 1))
