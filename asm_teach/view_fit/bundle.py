"""One face and N cameras, moved together until landmarks and pictures agree: Levenberg-Marquardt. Derived in lesson 8.

What is measured is measured in pixels, of samples on the face. How pixels follow the cameras is known in closed form
(`camera_numbers`), how samples follow the face by the equations of lesson 5 (`normal_equations`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

import torch
from torch import Tensor

from asm_teach.fitting.damped_step import Damping
from asm_teach.geometry.mesh import Mesh
from asm_teach.view_fit.camera_numbers import NUMBERS, CameraNumbers, LensPrior

FaceT = TypeVar("FaceT", bound="Face")


@dataclass(frozen=True, eq=False)
class Demand:
    """What some samples of the face ask for: half the derivatives of a loss.

    force: (n, 3) by the samples. metric: (n, 3, 3), each by itself. cameras: (m,) by the m = 7 N numbers of the
    cameras; camera_metric (m, m); beside (n, 3, m), by samples and cameras.
    shared: (n, 3, k) and shared_cameras (m, k), S by samples and cameras, or None: S S^T is what k nuisance parameters
    explain of the second derivatives. It is still to be taken from metric and beside; camera_metric is without it.
    """

    loss: float
    force: Tensor
    metric: Tensor
    cameras: Tensor
    camera_metric: Tensor
    beside: Tensor
    shared: Tensor | None = None
    shared_cameras: Tensor | None = None


def demand(loss: float, force: Tensor, metric: Tensor, points: Tensor, cameras: CameraNumbers, scale: Tensor) -> Demand:
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
    """A face that can be moved: of bones, or of modes. adapts: whether its weights may move yet.

    Places are opaque to others: each kind of face notes of its samples what it needs.
    """

    adapts: bool

    @property
    def mesh(self) -> Mesh:
        """The template."""

    def places(self, rows: Tensor, barycentric: Tensor | None = None) -> Any:
        """Samples at vertices (n,), or inside triangles with corners (n, 3) and barycentric coordinates (n, 3)."""

    def samples(self, places: Any) -> Tensor:
        """Where samples are now, (n, 3) mm."""

    def vertices(self) -> Tensor:
        """All vertices as they are now, (V, 3) mm."""

    def cost(self) -> float:
        """What the prior costs now."""

    def system(self, demands: Sequence[tuple[Any, Demand]]) -> tuple[Tensor, Tensor, Tensor]:
        """Half the derivatives by the unknowns: (u,), (u, u), and (u, m) by them and the cameras; prior included."""

    def moved(self: FaceT, step: Tensor) -> FaceT:
        """The face after a step (u,)."""


class Term(Protocol):
    """Something that was measured in the pictures."""

    places: Any  # of its samples on the face

    def measure(self, samples: Tensor, cameras: CameraNumbers) -> float:
        """The loss."""

    def demand(self, samples: Tensor, cameras: CameraNumbers, scale: Tensor) -> Demand:
        """The loss and its derivatives."""


class Bundle(Generic[FaceT]):
    """A face and its cameras, and the steps that move both at once.

    lenses: what is believed of focal / diagonal, or median and deviation of its logarithm for all. one_lens: the
    pictures were taken with one focal length, whatever it is: all change theirs by the same factor.
    """

    def __init__(
        self, face: FaceT, cameras: CameraNumbers, lenses: LensPrior | tuple[float, float], one_lens: bool = False
    ) -> None:
        self.face, self.cameras, self.damping = face, cameras.to(face.mesh.vertices), 1e-3
        self._lenses = lenses if isinstance(lenses, LensPrior) else LensPrior(lenses)
        free = torch.eye(NUMBERS * len(cameras)).to(face.mesh.vertices)
        if one_lens:
            focals = torch.arange(len(free), device=free.device) % NUMBERS == NUMBERS - 1
            free = torch.cat([free[:, ~focals], free[:, focals].sum(1, keepdim=True)], 1)
        self._free = free  # (7 N, n): the numbers of the cameras by those that may be chosen
        self._scale = free.new_tensor([0.1] * 3 + [0.02] * 2 + [0.05, 0.5])

    @property
    def lenses_are_told(self) -> bool:
        """Whether a focal length is known of any picture."""
        return any(self._lenses.told)

    def loss(self, terms: Sequence[Term]) -> float:
        """What all terms and the priors cost now."""
        return self._loss(self.face, self.cameras, terms)

    def _loss(self, face: FaceT, cameras: CameraNumbers, terms: Sequence[Term]) -> float:
        measured = sum(term.measure(face.samples(term.places), cameras) for term in terms)
        return measured + face.cost() + float(self._lenses.loss(cameras))

    def step(self, terms: Sequence[Term]) -> float:
        """One step on everything, eq. (5.3), taken only if it makes the loss smaller; returns the loss."""
        face, cameras, free, scale = self.face, self.cameras, self._free, self._scale
        demands = [(term.places, term.demand(face.samples(term.places), cameras, scale)) for term in terms]
        before = sum(asked.loss for _, asked in demands) + face.cost() + float(self._lenses.loss(cameras))
        first, second, beside = face.system(demands)
        mine = torch.stack([asked.cameras for _, asked in demands]).sum(0)
        metric = torch.stack([asked.camera_metric for _, asked in demands]).sum(0)
        pull, stiffness = self._lenses.slopes(cameras)
        mine[NUMBERS - 1 :: NUMBERS] += scale[-1] * pull
        metric.diagonal()[NUMBERS - 1 :: NUMBERS] += scale[-1] ** 2 * stiffness
        mine, metric, beside = free.T.double() @ mine.double(), free.T @ metric @ free, beside @ free

        def attempt(step: Tensor) -> tuple[float, tuple[FaceT, CameraNumbers, Tensor]]:
            turn = (free @ step[len(first) :].to(free)).view(-1, NUMBERS) * scale
            trial = face.moved(step[: len(first)]), cameras.moved(turn)
            return self._loss(*trial, terms), (*trial, step)

        whole = torch.cat([torch.cat([second, beside], 1), torch.cat([beside.mT, metric], 1)])
        damping = Damping(self.damping, lower=0.3)
        found = damping.step(torch.cat([first, mine]), whole, before, attempt)
        self.damping = damping.value
        if found is None:
            return before
        after, (self.face, self.cameras, step) = found
        # Robust losses are flatter than the slopes at a point say: where the step helped, twice the step may help more.
        for further in (2, 4):
            loss, (further_face, further_cameras, _) = attempt(further * step)
            if not loss < after:  # it may be no number
                break
            after, self.face, self.cameras = loss, further_face, further_cameras
        return after
