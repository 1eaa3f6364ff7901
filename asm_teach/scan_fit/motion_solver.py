"""Which motions of the bones bring a face to given vertices, with the weights as they are: for many faces, one model.

`fit_scan` moves weights too. Here they stay, so that what one step costs most is done once for all faces: a face takes
a tenth of a second.
"""

from __future__ import annotations

import torch
from torch import Tensor

from asm_teach.fitting.bone_motion import Motion
from asm_teach.model.adaptive import SkinnedModel

_PRIOR = (10.0, 0.3, 0.25)  # mm, rad, of a log scale: how far bones are expected to move
_NOISE = 1.5  # mm: how closely the shape is asked for, against that


class MotionSolver:
    """Motions of a model's bones that come closest to given vertices, with its weights and binding as they are.

    Roots stay. The scalp counts a quarter; what lies in the mouth counts fully, or it would poke through the lips.
    """

    def __init__(self, model: SkinnedModel) -> None:
        with torch.no_grad():
            self.rig, self.start = model.rig, Motion.of(model)
            self.points = model.bind_points().double()
            self.rest = model().double()
            vertices = model.vertices.double()
            homogeneous = torch.cat([vertices, torch.ones_like(vertices[:, :1])], 1)
            self.design = (model.weights().double()[:, :, None] * homogeneous[:, None]).flatten(1)  # (V, 4 J)
        self.counts = vertices.new_ones(len(vertices))
        if "scalp" in model.mesh.parts:
            self.counts[model.mesh.part_vertices("scalp")] = 0.25
        self.gram = self.design.T @ (self.design * self.counts[:, None])
        self.precision = vertices.new_tensor(_PRIOR).repeat_interleave(3).pow(-2).repeat(len(self.rig), 1) * _NOISE**2
        self.precision[self.rig.parents < 0] = 1e9
        self.first = self._linear(self.start)

    def _linear(self, motion: Motion) -> tuple[Tensor, Tensor]:
        """How the matrices S follow the motion, (3, 4 J, 9 J), and the factor of the curvature (9 J, 9 J) there."""
        jacobian = motion.jacobian(self.points, self.rig).transpose(0, 1).reshape(3, self.gram.shape[0], -1)
        curvature = sum(side.T @ (self.gram @ side) for side in jacobian)
        return jacobian, torch.linalg.cholesky(curvature + self.precision.flatten().diag())

    def solve(self, target: Tensor, steps: int = 2) -> Tensor:
        """What to add to the motion, (J, 9), to bring the face to `target` (V, 3) mm; two steps do."""
        motion, start, (jacobian, factor) = self.start, self.start.numbers(), self.first
        for k in range(steps):
            if k:
                jacobian, factor = self._linear(motion)
            matrices = motion.matrices(self.points, self.rig).permute(1, 0, 2).flatten(1)
            force = ((matrices @ self.design.T - target.T.double()) * self.counts) @ self.design
            slope = (force[:, None] @ jacobian).sum(0)[0] + ((motion.numbers() - start) * self.precision).flatten()
            motion = motion.moved(-torch.cholesky_solve(slope[:, None], factor).view(-1, 9))
        return motion.numbers() - start
