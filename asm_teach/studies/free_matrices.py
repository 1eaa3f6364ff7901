"""Bones with twelve free numbers each, their whole matrix S: not a face one can pose, but a bound for those one can.

Kept for comparison: for fixed weights the best matrices are a linear least-squares problem. Derived in lesson 5.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from asm_teach.fitting.bone_motion import motion_of
from asm_teach.fitting.priors import Prior
from asm_teach.model.adaptive import AdaptiveSkinningModel
from asm_teach.model.transforms import Rig, affine_compose, affine_inverse, bind_matrices, bone_transforms


class FreeMatrixModel(AdaptiveSkinningModel):
    """An adaptive model whose bones have no parents and no nine degrees of freedom, only matrices.

    matrices: (J, 3, 4), the S of eq. (1), from rest points to posed ones; 12 numbers a bone, shear and reflection
    among them. The other parameters are those of `AdaptiveSkinningModel`. `fit_scan` fits it as it fits that.
    """

    placed: Tensor  # (3, 4), where the head is as a whole

    def __init__(self, model: AdaptiveSkinningModel) -> None:
        super().__init__(model.mesh, model.rig, model.components)
        self.load_state_dict(model.state_dict())
        del self.translation, self.rotation, self.log_scale
        self.matrices = nn.Parameter(model.transforms().detach().clone())
        self.register_buffer("placed", torch.eye(3, 4).to(self.vertices))

    def transforms(self) -> Tensor:
        """The matrices S, (J, 3, 4)."""
        return self.matrices

    @torch.no_grad()
    def reset_motion(self) -> None:
        """Bring every bone back to its rest pose."""
        self.placed.copy_(torch.eye(3, 4))
        self.matrices.copy_(self.placed.expand_as(self.matrices))

    @torch.no_grad()
    def set_motion(
        self,
        bone: int | str,
        translation: Tensor | None = None,
        rotation: Tensor | None = None,
        scale: Tensor | None = None,
    ) -> None:
        """Put the head somewhere as a whole, by the motion of a root. Raises ValueError for any other bone."""
        j = self.rig.index(bone)
        if self.rig.parents[j] >= 0:
            raise ValueError("bone: only roots have nine numbers here, to place the head; set the matrices of others")
        zero, one = self.vertices.new_zeros(3), self.vertices.new_ones(3)
        given = ((translation, zero), (rotation, zero), (scale, one))
        t, r, s = (default if part is None else part.to(default) for part, default in given)
        bind = bind_matrices(self.bind_points()[j])
        self.placed.copy_(affine_compose(bind, affine_compose(bone_transforms(t, r, s), affine_inverse(bind))))
        self.matrices.copy_(self.placed.expand_as(self.matrices))


@dataclass(frozen=True, eq=False)
class FreeMatrices:
    """Bones that each move by S = placed X, X = [A | p + t - A p]: any A, no parents. In float64.

    translation: (J, 3), the t, in mm. linear: (J, 3, 3), the A. placed: (3, 4), where the head is as a whole.
    """

    translation: Tensor
    linear: Tensor
    placed: Tensor

    @classmethod
    def of(cls, model: FreeMatrixModel) -> FreeMatrices:
        """The motion that a model has now."""
        points, placed = model.bind_points().detach().double(), model.placed.double()
        own = affine_compose(affine_inverse(placed), model.matrices.detach().double())
        linear = own[..., :3]
        return cls(own[..., 3] - points + (linear @ points[..., None])[..., 0], linear, placed)

    def numbers(self) -> Tensor:
        """(J, 12): t in mm and A less the identity, zero at rest."""
        rest = torch.eye(3).to(self.linear)
        return torch.cat([self.translation, (self.linear - rest).flatten(1)], 1)

    def widths(self, prior: Prior) -> list[float]:
        """What the prior expects of the twelve numbers."""
        return [prior.translation] * 3 + [prior.log_scale] * 9

    def belief(self, rig: Rig) -> Tensor:
        """(J, 12), all ones: the head as a whole is not among the numbers."""
        return torch.ones_like(self.numbers())

    def moved(self, step: Tensor) -> FreeMatrices:
        """The motion after a step (J, 12)."""
        return FreeMatrices(self.translation + step[:, :3], self.linear + step[:, 3:].unflatten(1, (3, 3)), self.placed)

    def matrices(self, points: Tensor, rig: Rig) -> Tensor:
        """The matrices S, (J, 3, 4)."""
        shift = points + self.translation - (self.linear @ points[..., None])[..., 0]
        return affine_compose(self.placed, torch.cat([self.linear, shift[..., None]], 2))

    def jacobian(self, points: Tensor, rig: Rig) -> Tensor:
        """How the matrices follow a step, (J, 3, 4, J, 12); each bone only its own."""
        own = points.new_zeros(len(rig), 3, 4, 12)
        axes = torch.eye(3, dtype=points.dtype, device=points.device)
        own[:, :, 3, :3] = axes
        own[:, :, :3, 3:] = torch.einsum("rs,ct->rcst", axes, axes).flatten(2)
        own[:, :, 3, 3:] = -torch.einsum("rs,jt->jrst", axes, points).flatten(2)
        own = torch.einsum("rs,jscn->jrcn", self.placed[:, :3], own)
        jacobian = points.new_zeros(len(rig), 3, 4, len(rig), 12)
        every = torch.arange(len(rig), device=points.device)
        jacobian[every, :, :, every] = own
        return jacobian

    def about(self, old: Tensor, new: Tensor) -> FreeMatrices:
        """The motion that does the same with the bones bound at points `new` (J, 3) instead of `old`."""
        away = old - new
        return FreeMatrices(self.translation + away - (self.linear @ away[..., None])[..., 0], self.linear, self.placed)

    @torch.no_grad()
    def give_to(self, model: FreeMatrixModel) -> None:
        """Give the matrices to a model."""
        model.matrices.copy_(self.matrices(model.bind_points().double(), model.rig))


motion_of.register(FreeMatrixModel, FreeMatrices.of)
