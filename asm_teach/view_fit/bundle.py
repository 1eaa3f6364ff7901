"""One face and N cameras, moved together until landmarks and pictures agree: Levenberg-Marquardt. Derived in lesson 8.

What is measured is measured in pixels, of samples on the face. How pixels follow the cameras is known in closed form
(`cameras`), how samples follow the face by the equations of lesson 5 (`gaussnewton`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from asm_teach.geometry.mesh import Mesh
from asm_teach.view_fit.camera_numbers import NUMBERS, CameraState

_MOST_TRIES = 6  # dampings tried before a step gives up


@dataclass(frozen=True, eq=False)
class Demand:
    """What some samples of the face ask for: half the derivatives of a loss.

    force: (n, 3) by the samples. metric: (n, 3, 3), each by itself. cameras: (m,) by the m = 7 N numbers of the
    cameras; camera_metric (m, m); beside (n, 3, m), by samples and cameras.
    """

    loss: float
    force: Tensor
    metric: Tensor
    cameras: Tensor
    camera_metric: Tensor
    beside: Tensor


def demand(loss: float, force: Tensor, metric: Tensor, points: Tensor, cameras: CameraState, scale: Tensor) -> Demand:
    """From derivatives by pixels, force (n, N, 2) and metric (n, N, 2, N, 2), to those by samples and cameras.

    points: (n, 3) mm, the samples. scale: (7,) what counts as 1 of a camera's numbers.
    """
    count, views = force.shape[:2]
    pairs = [cameras.slopes(points, n) for n in range(views)]
    by_point = torch.stack([pair[0] for pair in pairs], 1)  # (n, N, 2, 3)
    by_camera = torch.stack([pair[1] for pair in pairs], 1) * scale  # (n, N, 2, 7)
    wide, tall = metric.flatten(3).flatten(1, 2), by_point.flatten(1, 2)  # (n, 2N, 2N), (n, 2N, 3)
    heavy = (wide @ tall).unflatten(1, (views, 2))  # (n, N, 2, 3)
    half = torch.einsum("nicjd,njdk->nicjk", metric, by_camera)  # (n, N, 2, N, 7)
    camera_metric = torch.einsum("nicl,nicjk->iljk", by_camera, half)
    return Demand(
        loss,
        torch.einsum("nicx,nic->nx", by_point, force),
        torch.einsum("nicx,nicy->nxy", by_point, heavy),
        torch.einsum("nick,nic->ik", by_camera, force).flatten(),
        camera_metric.flatten(2).flatten(0, 1),
        torch.einsum("nicx,nick->nxik", heavy, by_camera).flatten(2),
    )


class Face(Protocol):
    """A face that can be moved: of bones, or of modes. adapts: whether its weights may move yet."""

    mesh: Mesh
    adapts: bool

    def places(self, rows: Tensor, barycentric: Tensor | None = None) -> object:
        """Samples at vertices (n,), or inside triangles with corners (n, 3) and barycentric coordinates (n, 3)."""

    def samples(self, places: object) -> Tensor:
        """Where samples are now, (n, 3) mm."""

    def vertices(self) -> Tensor:
        """All vertices as they are now, (V, 3) mm."""

    def cost(self) -> float:
        """What the prior costs now."""

    def system(self, demands: Sequence[tuple[object, Demand]]) -> tuple[Tensor, Tensor, Tensor]:
        """Half the derivatives by the unknowns: (u,), (u, u), and (u, m) by them and the cameras; prior included."""

    def moved(self, step: Tensor) -> Face:
        """The face after a step (u,)."""


class Term(Protocol):
    """Something that was measured in the pictures."""

    places: object  # of its samples on the face

    def measure(self, samples: Tensor, cameras: CameraState) -> float:
        """The loss."""

    def demand(self, samples: Tensor, cameras: CameraState, scale: Tensor) -> Demand:
        """The loss and its derivatives."""


class Bundle:
    """A face and its cameras on their way.

    focal_prior: (median, deviation of the logarithm) of focal / diagonal. one_lens: the pictures were taken with one
    focal length, whatever it is: all change theirs by the same factor.
    """

    def __init__(
        self, face: Face, cameras: CameraState, focal_prior: tuple[float, float], one_lens: bool = False
    ) -> None:
        cameras = cameras.to(face.mesh.vertices)
        self.face, self.cameras, self.damping = face, cameras, 1e-3
        diagonal = cameras.log_focal.new_tensor([math.hypot(*size) for size in cameras.sizes])
        self._expected, self._spread = diagonal.log() + math.log(focal_prior[0]), focal_prior[1]
        free = torch.eye(NUMBERS * len(cameras)).to(cameras.log_focal)
        if one_lens:
            focals = torch.arange(len(free), device=free.device) % NUMBERS == NUMBERS - 1
            free = torch.cat([free[:, ~focals], free[:, focals].sum(1, keepdim=True)], 1)
        self._free = free  # (7 N, n): the numbers of the cameras by those that may be chosen
        self._scale = cameras.log_focal.new_tensor([0.1] * 3 + [0.02] * 2 + [0.05, 0.5])

    def loss(self, terms: Sequence[Term]) -> float:
        """What all terms and the priors cost now."""
        return self._loss(self.face, self.cameras, terms)

    def _loss(self, face: Face, cameras: CameraState, terms: Sequence[Term]) -> float:
        measured = sum(term.measure(face.samples(term.places), cameras) for term in terms)
        return measured + face.cost() + float(self._away(cameras).square().sum())

    def _away(self, cameras: CameraState) -> Tensor:
        return (cameras.log_focal - self._expected) / self._spread

    def step(self, terms: Sequence[Term]) -> float:
        """One step on everything, eq. (5.3), taken only if it makes the loss smaller; returns the loss."""
        face, cameras = self.face, self.cameras
        demands = [(term.places, term.demand(face.samples(term.places), cameras, self._scale)) for term in terms]
        before = sum(d.loss for _, d in demands) + face.cost() + float(self._away(cameras).square().sum())
        first, second, beside = face.system(demands)
        mine = sum(d.cameras for _, d in demands).double()
        metric = sum(d.camera_metric for _, d in demands)
        focals = NUMBERS * torch.arange(len(cameras), device=mine.device) + NUMBERS - 1
        pull = self._scale[-1] / self._spread
        mine[focals] += pull * self._away(cameras)
        metric[focals, focals] += float(pull) ** 2
        free = self._free
        mine, metric, beside = free.T.double() @ mine, free.T @ metric @ free, beside @ free
        first = torch.cat([first, mine])
        second = torch.cat([torch.cat([second, beside], 1), torch.cat([beside.mT, metric], 1)])
        scale = (second.diagonal() + 1e-9).rsqrt()
        second = second * scale[:, None] * scale
        own = second.diagonal().clone()
        for _ in range(_MOST_TRIES):
            second.diagonal().copy_(own * (1 + self.damping) + 1e-6)
            lower, failed = torch.linalg.cholesky_ex(second)
            if not failed:
                step = -(scale * torch.cholesky_solve((first * scale).to(lower)[:, None], lower)[:, 0]).double()
                turn = (free @ step[-len(mine) :].to(free)).view(-1, NUMBERS) * self._scale
                trial = face.moved(step[: -len(mine)]), cameras.moved(turn)
                after = self._loss(*trial, terms)
                if after < before:
                    self.face, self.cameras = trial
                    self.damping = max(0.3 * self.damping, 1e-6)
                    return after
            self.damping = max(5 * self.damping, 1e-5)
        return before
