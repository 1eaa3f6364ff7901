"""What the landmarks ask of a face: to be shown where they were found, eq. (8.1). Derived in lesson 8."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from asm_teach.data.detector_noise import DetectorNoise, mediapipe_noise
from asm_teach.geometry.mesh import Mesh, face_normals
from asm_teach.rendering.camera import Camera
from asm_teach.view_fit.bundle import Demand, Face
from asm_teach.view_fit.camera_numbers import NUMBERS, CameraNumbers
from asm_teach.view_fit.view import LandmarkView, View, landmark_view

NEIGHBOURS, NEAR = 8, 20.0  # landmarks next to one, and how far off they may be, mm
SEEN = 0.25  # cosine: a point that is seen more from the side is a guess of whoever found it
MANY = 4  # views, from which on a detector's errors may be told from the face. See `believed`.


def believed(views: Sequence[LandmarkView]) -> list[LandmarkView]:
    """Which landmarks' errors are to be taken for a detector's, that are shared: those of `MANY` views or more.

    What they share, "an average face, turned a little too little", is then no evidence, and the other views say what
    the face is like. From fewer views nothing else says it: there the detector's idea of an average face is better than
    none, and its points count like any others.
    """
    if sum(view.detected for view in views) >= MANY:
        return list(views)
    return [replace(view, detected=False) for view in views]


def known_errors(model: DetectorNoise, cameras: CameraNumbers, n: int, like: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """What is known of a detector's errors in picture n, mm: bias (L, 2), shared modes (L, 2, K) and the rest (L,).

    In the axes of the picture, which may be rolled, and in the precision and on the device of a tensor.
    """
    yaw, pitch, upright = cameras.side(n)
    bias, modes, rest = (x.to(like) for x in model.at(yaw, pitch))
    turn = upright.to(like)
    return bias @ turn, torch.einsum("ij,lik->ljk", turn, modes), rest


def beyond_known(mesh: Mesh, vertices: Tensor, view: LandmarkView, camera: Camera) -> tuple[float, float]:
    """RMS of what a view's misses share, and of what is left of each, in deviations of a detector's known errors."""
    points = view.embedding.points(vertices, mesh.faces)
    numbers = CameraNumbers.of([camera], points.mean(0))
    bias, modes, rest = known_errors(mediapipe_noise(), numbers, 0, vertices)
    away = (camera.project(points) - view.pixels) / numbers.log_size.exp() + bias
    away = (away / rest[:, None]).flatten()
    modes = (modes / rest[:, None, None]).flatten(0, 1)
    shared = torch.linalg.solve(torch.eye(modes.shape[1]).to(modes) + modes.T @ modes, modes.T @ away)
    return float(shared.square().mean().sqrt()), float((away - modes @ shared).square().mean().sqrt())


def misses(points: Tensor, seen: LandmarkView, camera: Camera) -> Tensor:
    """(L, 2) mm on the face, from each landmark to where its point is projected."""
    return (camera.project(points) - seen.pixels) * (camera.depth(points) / camera.focal)[:, None]


@torch.no_grad()
def shared_misses(mesh: Mesh, vertices: Tensor, views: Sequence[View], cameras: Sequence[Camera]) -> Tensor:
    """For each view how far its landmarks are missed, in mm on the face, beyond the noise of single points: (N,).

    The mean product of the misses of neighbouring landmarks, as a length. A point that is set wrongly by itself has no
    part in it, as its neighbour is as often off the other way; a jaw that is wider than that of the fitted head has.
    Only points that the view sees count.
    """
    lengths = []
    for view, camera in zip(views, cameras, strict=True):
        points, away = _visible_misses(mesh, vertices, view, camera)
        gaps, which = torch.cdist(points, points).fill_diagonal_(torch.inf).sort(1)
        near, which = gaps[:, :NEIGHBOURS] < NEAR, which[:, :NEIGHBOURS]
        products = (away[:, None] * away[which]).sum(-1)[near]
        lengths.append(products.mean().clamp(min=0).sqrt() if len(products) else vertices.new_zeros(()))
    return torch.stack(lengths)


def all_misses(mesh: Mesh, vertices: Tensor, views: Sequence[View], cameras: Sequence[Camera]) -> Tensor:
    """For each view the RMS distance, mm on the face, of its visible points from their landmarks: (N,)."""
    away = [_visible_misses(mesh, vertices, v, c)[1] for v, c in zip(views, cameras, strict=True)]
    return torch.stack([m.square().sum(1).mean().sqrt() if len(m) else vertices.new_zeros(()) for m in away])


def _visible_misses(mesh: Mesh, vertices: Tensor, view: View, camera: Camera) -> tuple[Tensor, Tensor]:
    """The points (n, 3) that a view sees of the fitted head, and how its landmarks miss them, (n, 2) mm."""
    seen, faces = landmark_view(view, mesh), mesh.faces
    points = seen.embedding.points(vertices, faces)
    normals = face_normals(vertices, faces[seen.embedding.faces])
    towards = torch.nn.functional.normalize(camera.centre() - points, dim=1)
    visible = (normals * towards).sum(1) > SEEN
    return points[visible], misses(points, seen, camera)[visible]


class DemandSum:
    """The `Demand` of what is measured in one picture at a time, added up over the pictures.

    samples: (n, 3) mm. scale: (7,) what counts as 1 of a camera's numbers.
    """

    def __init__(self, samples: Tensor, cameras: CameraNumbers, scale: Tensor) -> None:
        self._samples, self._cameras, self._scale = samples, cameras, scale
        m = NUMBERS * len(cameras)
        self._force, self._metric = torch.zeros_like(samples), samples.new_zeros(len(samples), 3, 3)
        self._by, self._second = samples.new_zeros(m), samples.new_zeros(m, m)
        self._beside = samples.new_zeros(len(samples), 3, m)
        self._shared: list[tuple[Tensor, Tensor]] = []

    def add(
        self, n: int, rows: Tensor, across: Tensor, weight: Tensor, felt: Tensor, modes: Tensor | None = None
    ) -> None:
        """Add k residuals of c numbers each that are measured in picture n.

        rows: (k,) of the samples. across: (k, c, 2) or (c, 2), how a residual follows its pixel. weight: (k,) of a
        residual in the second derivatives. felt: (k, c) half the derivative of the loss by the residuals.
        modes: (k, c, K) S by the residuals, see `Demand.shared`.
        """
        by_point, by_camera = self._cameras.slopes(self._samples[rows], n)
        by_point, by_camera = across @ by_point, across @ by_camera * self._scale
        mine = slice(NUMBERS * n, NUMBERS * n + NUMBERS)
        heavy = weight[:, None, None] * by_camera
        self._force.index_add_(0, rows, (by_point.mT @ felt[..., None])[..., 0])
        self._metric.index_add_(0, rows, (weight[:, None, None] * by_point).mT @ by_point)
        self._by[mine] += (by_camera.mT @ felt[..., None])[..., 0].sum(0)
        self._second[mine, mine] += (heavy.mT @ by_camera).sum(0)
        self._beside[:, :, mine].index_add_(0, rows, by_point.mT @ heavy)
        if modes is not None:
            by_samples = self._samples.new_zeros(*self._samples.shape, modes.shape[2])
            by_samples.index_add_(0, rows, by_point.mT @ modes)
            by_cameras = self._by.new_zeros(len(self._by), modes.shape[2])
            by_cameras[mine] = (by_camera.mT @ modes).sum(0)
            self._shared.append((by_samples, by_cameras))

    def demand(self, loss: float) -> Demand:
        """What all of them ask for, with the loss that they have."""
        whole = loss, self._force, self._metric, self._by
        if not self._shared:
            return Demand(*whole, self._second, self._beside)
        shared, of_cameras = (torch.cat(parts, -1) for parts in zip(*self._shared, strict=True))
        return Demand(*whole, self._second - of_cameras @ of_cameras.T, self._beside, shared, of_cameras)


class LandmarkLoss:
    """Reprojection of the landmarks, eq. (8.1), in units of `noise` (mm on the face), robust beyond `outlier` of these.

    The detector only guesses where a point on the far side of the face is: its weight falls with the angle between the
    surface and the line of sight. `look` measures it and must be called first.

    Of views whose points a detector guessed all together, it is known how those err together (`DetectorNoise`): their
    bias is taken away, and what remains, r, costs r^T C^-1 r with C = U U^T + W^-1. The modes U are nuisance parameters
    of the view, eliminated: C^-1 = W^1/2 (1 - Q Q^T) W^1/2. `noise` scales U and W.

    Attributes:
        corners: (n, 3) vertices of the triangles in which the n samples lie, each point of the surface once.
        barycentric: (n, 3) where in them.
        numbers: for each view the sample that each of its landmarks is, (L,).
        shared: for each view Q (2 L, K), or None for points that err each by itself.
    """

    def __init__(
        self,
        mesh: Mesh,
        views: Sequence[LandmarkView],
        noise: float,
        outlier: float,
        model: DetectorNoise | None = None,
    ) -> None:
        self.noise, self.cut = noise, outlier**2
        ties = [torch.cat([v.embedding.faces[:, None], v.embedding.barycentric], 1).double() for v in views]
        unique, number = torch.unique(torch.cat(ties), dim=0, return_inverse=True)
        self.corners = mesh.faces[unique[:, 0].long()]
        self.barycentric = unique[:, 1:].to(mesh.vertices)
        self.numbers = number.split([len(v.pixels) for v in views])
        self.found = [v.pixels.to(mesh.vertices) for v in views]
        self.pixels = list(self.found)  # less the bias, where a detector has one
        self.weights = [torch.ones_like(p[:, 0]) for p in self.pixels]
        self.units = [1.0] * len(views)
        self.shared: list[Tensor | None] = [None] * len(views)
        self.modes = [p.new_zeros(p.numel(), 0) for p in self.pixels]
        self.detected = [v.detected for v in views]
        if any(self.detected):
            self.model = mediapipe_noise() if model is None else model

    @torch.no_grad()
    def look(self, vertices: Tensor, cameras: CameraNumbers, covered: Tensor | None = None, less: float = 1.0) -> None:
        """Measure how squarely each view sees its points: vertices (V, 3).

        covered: (n,) from 0 to 1, how well pictures speak for the samples themselves: there landmarks count `less`.
        """
        normals, middles = face_normals(vertices, self.corners), vertices[self.corners].mean(1)
        # The size of a millimetre is a unit here: else a camera could win by making its misses small.
        self.units = (self.noise * cameras.log_size.exp()).tolist()
        for n, (camera, number) in enumerate(zip(cameras.cameras(), self.numbers, strict=True)):
            if self.detected[n]:
                self._expect(vertices, cameras, n)
                if covered is not None:
                    self._weigh(n, self.weights[n] * (1 - (1 - less) * covered[number]))
                continue
            towards = camera.centre() - middles[number]
            cosine = (normals[number] * towards).sum(1) / towards.norm(dim=1)
            self.weights[n] = torch.sigmoid((cosine - 0.25) / 0.08)
            if covered is not None:
                self.weights[n] *= 1 - (1 - less) * covered[number]

    def _expect(self, vertices: Tensor, cameras: CameraNumbers, n: int) -> None:
        """Take from the noise model what it says of a view from this side: bias, weights, and what errs together."""
        bias, modes, rest = known_errors(self.model, cameras, n, vertices)
        self.pixels[n] = self.found[n] - cameras.log_size[n].exp() * bias  # mm, whatever the noise
        samples = (self.barycentric[..., None] * vertices[self.corners]).sum(1)
        away = self.residuals(samples, cameras, n)
        self.modes[n] = modes.flatten(0, 1)
        self._weigh(n, rest.square().reciprocal())
        for _ in range(2):  # a point that is off beyond what all share counts less, as anywhere
            root, shared = self.weights[n].sqrt()[:, None], self.shared[n]
            assert shared is not None
            heavy = (root * away).flatten()
            alone = (heavy - shared @ (shared.T @ heavy)).view(-1, 2)  # the weighted remainder; in its own deviations:
            squared = alone.square().sum(1) / (root[:, 0] * rest).square()
            self._weigh(n, (self.cut / (self.cut + squared) / rest).square())

    def _weigh(self, n: int, weight: Tensor) -> None:
        """Give the points of a view their weights (L,), and find Q for them."""
        self.weights[n], modes = weight, self.modes[n]
        heavy = modes * weight.sqrt()[:, None].expand(-1, 2).reshape(-1, 1)
        inner = torch.eye(heavy.shape[1]).to(heavy) + heavy.T @ heavy
        self.shared[n] = torch.linalg.solve_triangular(torch.linalg.cholesky(inner), heavy.T, upper=False).T

    def residuals(self, samples: Tensor, cameras: CameraNumbers, n: int) -> Tensor:
        """(L, 2) of view n, in units of the noise."""
        return (cameras.project(samples[self.numbers[n]], n) - self.pixels[n]) / self.units[n]

    def loss(self, samples: Tensor, cameras: CameraNumbers) -> Tensor:
        """Eq. (8.1), (): by samples (n, 3) mm and the numbers of the cameras it can be differentiated."""
        total = samples.new_zeros((), dtype=torch.float64)
        for n, (weight, shared) in enumerate(zip(self.weights, self.shared, strict=True)):
            away = self.residuals(samples, cameras, n)
            squared = away.square().sum(1)
            if shared is None:
                total = total + (weight * self.cut * squared / (self.cut + squared)).sum()
            else:
                together = (weight.sqrt()[:, None] * away).flatten() @ shared
                total = total + (weight * squared).sum() - together.square().sum()
        return total


class LandmarkTerm(LandmarkLoss):
    """The same for second-order steps of a `Bundle`: what the landmarks ask of the samples `places` and the cameras."""

    def __init__(
        self,
        face: Face,
        views: Sequence[LandmarkView],
        noise: float,
        outlier: float,
        model: DetectorNoise | None = None,
    ) -> None:
        super().__init__(face.mesh, views, noise, outlier, model)
        self.places = face.places(self.corners, self.barycentric)

    def measure(self, samples: Tensor, cameras: CameraNumbers) -> float:
        """The loss."""
        return float(self.loss(samples, cameras))

    def demand(self, samples: Tensor, cameras: CameraNumbers, scale: Tensor) -> Demand:
        """The loss and its derivatives."""
        asked = DemandSum(samples, cameras, scale)
        for n, number in enumerate(self.numbers):
            away, weight = self.residuals(samples, cameras, n), self.weights[n]
            shared, modes = self.shared[n], None
            if shared is None:
                weight = weight * (self.cut / (self.cut + away.square().sum(1))).square()
            felt = weight[:, None] * away
            if shared is not None:  # what all share explains its part of the misses, and of the second derivatives
                modes = weight.sqrt()[:, None, None] * shared.view(len(number), 2, -1)
                felt = felt - modes @ (modes.flatten(0, 1).T @ away.flatten())
            asked.add(n, number, torch.eye(2).to(samples) / self.units[n], weight, felt, modes)
        return asked.demand(self.measure(samples, cameras))
