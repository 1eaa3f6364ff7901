"""The problems that lesson 5 poses: the linear one of section 3, and the small one of section 5.

The small one has 12 bones with one Gaussian each and 400 vertices. The lesson derives its Jacobian by hand; here
forward differentiation gives the same.
"""

from __future__ import annotations

import functools
import warnings
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.func import jacfwd

from asm_teach.course.checks.topics.rotations import cross_matrix
from asm_teach.data.heads import load_head
from asm_teach.model.adaptive import AdaptiveSkinningModel
from asm_teach.model.transforms import Rig, bind_matrices, rotation_matrix, skinning_matrices
from asm_teach.scan_fit.fit import move_roots, narrow
from asm_teach.studies.bone_budget import budget_rig

State = tuple[Tensor, Tensor, Tensor, Tensor]  # t (J, 3), R (J, 3, 3), log s (J, 3), c_u c_v a b c (J, 5)


@dataclass(frozen=True, eq=False)
class SmallFit:
    """Energy, linear system and steps of the problem; everything in float64."""

    uv: Tensor  # (n, 2)
    rest: Tensor  # (n, 3) mm
    aim: Tensor  # (n, 3) mm
    pivots: Tensor  # (J, 3) mm
    rig: Rig
    beginning: State

    @classmethod
    @functools.cache
    def of_lesson_5(cls) -> SmallFit:
        """The rig, the rows and the person of the lesson."""
        head = load_head()
        goal, skin = head.sample(0).vertices, head.mesh.part_vertices("face")
        few = AdaptiveSkinningModel(head.mesh, budget_rig(head.mesh, head.rig, 12), components=1)
        few = few.double().requires_grad_(False)
        rows = skin[torch.randperm(len(skin), generator=torch.Generator().manual_seed(0))[:400]]
        turns = rotation_matrix(few.rotation)
        gaussians = torch.cat([few.bone_uv + few.mixture_mean[:, 0], few.mixture_factor[:, 0]], 1)
        return cls(
            few.uv[rows],
            few.vertices[rows],
            goal[rows].double(),
            few.bind_points(),
            few.rig,
            (few.translation.clone(), turns, few.log_scale.clone(), gaussians),
        )

    def moved(self, state: State, step: Tensor) -> State:
        """The state after a step (14 J,): nine for each motion, then five for each Gaussian."""
        t, R, log_s, g = state
        motion, gaussian = step[: 9 * len(t)].view(-1, 9), step[9 * len(t) :].view(-1, 5)
        return (
            t + motion[:, :3],
            rotation_matrix(motion[:, 3:6]) @ R,
            log_s + motion[:, 6:],
            g + gaussian,
        )

    def transforms(self, t: Tensor, R: Tensor, log_s: Tensor) -> Tensor:
        """S_j (J, 3, 4), down the tree."""
        motion = torch.cat([R * log_s.exp()[:, None], t[..., None]], -1)
        return skinning_matrices(bind_matrices(self.pivots), motion, self.rig)

    def weights(self, g: Tensor) -> Tensor:
        """Equation (2) with one Gaussian per bone, (n, J)."""
        cu, cv, a, b, c = g.T
        xi = (self.uv[:, :1] - cu) / a.exp()
        eta = (self.uv[:, 1:] - cv - b * xi) / c.exp()
        return (-a - c - (xi**2 + eta**2) / 2).softmax(1)

    def face(self, state: State) -> Tensor:
        """The vertices of equation (1), (n, 3) mm."""
        t, R, log_s, g = state
        return torch.einsum("ij,ija->ia", self.weights(g), self._alone(self.transforms(t, R, log_s)))

    def _alone(self, S: Tensor) -> Tensor:
        return torch.einsum("jab,ib->ija", S[..., :3], self.rest) + S[..., 3]  # where each bone alone takes a vertex

    def left(self, state: State) -> float:
        """The energy, mm^2."""
        return float((self.face(state) - self.aim).square().sum())

    def mean_error(self, state: State) -> float:
        """The mean distance, mm."""
        return float((self.face(state) - self.aim).norm(dim=1).mean())

    def system(self, state: State) -> tuple[Tensor, Tensor]:
        """D^T D and D^T r at a state."""
        t, R, log_s, g = state
        w, rest = self.weights(g), torch.cat([self.rest, torch.ones_like(self.rest[:, :1])], 1)

        def turned(motion: Tensor) -> Tensor:  # to first order at 0, as `moved`
            step = motion.view(-1, 9)
            return self.transforms(t + step[:, :3], R + cross_matrix(step[:, 3:6]) @ R, log_s + step[:, 6:])

        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of what torch loads for it the first time
            shares = jacfwd(self.weights)(g).flatten(2)  # (n, J, 5 J)
        dS = jacfwd(turned)(torch.zeros(9 * len(t), dtype=torch.float64))  # (J, 3, 4, 9 J)
        columns = (w[:, :, None] * rest[:, None]).flatten(1)  # (n, 4 J)
        by_motion = (columns @ dS.permute(0, 2, 1, 3).flatten(2).flatten(0, 1)).view(len(w), 3, -1)
        alone = self._alone(self.transforms(t, R, log_s))
        by_gaussian = torch.einsum("ijq,ija->iaq", shares, alone)
        D = torch.cat([by_motion, by_gaussian], 2).flatten(0, 1)  # (3n, 14 J)
        return D.T @ D, D.T @ (self.face(state) - self.aim).flatten()

    def step(self, H: Tensor, slope: Tensor, damping: float) -> tuple[Tensor, float]:
        """The damped step, and the fall of the energy that the linear picture promises for it."""
        H = H + torch.diag(1e-9 * H.diagonal().mean().expand(len(H)))
        step = -torch.linalg.solve(H + torch.diag(damping * H.diagonal()), slope)
        return step, -float(2 * slope @ step + step @ H @ step)


@functools.cache
def halve_or_quadruple(fit: SmallFit, steps: int) -> float:
    """The mean error in mm that the lesson's rule reaches: half the damping after a success, else four times it."""
    state, damping = fit.beginning, 1e-3
    for _ in range(steps):
        H, slope = fit.system(state)
        for _ in range(8):
            trial = fit.moved(state, fit.step(H, slope, damping)[0])
            if fit.left(trial) < fit.left(state):
                state, damping = trial, damping / 2
                break
            damping *= 4
    return fit.mean_error(state)


@functools.cache
def solve_case() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The problem of section 3: columns A (V, 4J), weights of the vertices (V,), goal (V, 3), and S_0 (4J, 3)."""
    head = load_head()
    mesh, goal = head.mesh, head.sample(0).vertices
    start = AdaptiveSkinningModel(mesh, head.rig, components=2)
    narrow(start)
    move_roots(start, goal)
    start.requires_grad_(False)
    counts = torch.full((len(mesh.vertices),), 0.25).index_fill(0, mesh.part_vertices("face"), 1.0).double()
    middle = start.vertices.mean(0)
    x = torch.cat([(start.vertices - middle) / 20, torch.ones(len(goal), 1)], 1).double()
    A = (start.weights().double()[:, :, None] * x[:, None]).flatten(1)
    identity = torch.cat([20 * torch.eye(3), middle[None]]).double().repeat(len(head.rig), 1)  # x S_0 = v
    return A, counts, goal.double(), identity
