"""What the landmarks ask of a face: to be shown where they were found, eq. (8.1). Derived in lesson 8."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from asm_teach.geometry.mesh import Mesh, face_normals
from asm_teach.view_fit.bundle import Demand, Face
from asm_teach.view_fit.camera_numbers import NUMBERS, CameraNumbers
from asm_teach.view_fit.view import LandmarkView


class LandmarkLoss:
    """Reprojection of the landmarks, eq. (8.1), in units of `noise` (mm on the face), robust beyond `outlier` of these.

    The detector only guesses where a point on the far side of the face is: its weight falls with the angle between the
    surface and the line of sight. `look` measures it and must be called first.

    Attributes:
        corners: (n, 3) vertices of the triangles in which the n samples lie, each point of the surface once.
        barycentric: (n, 3) where in them.
        numbers: for each view the sample that each of its landmarks is, (L,).
    """

    def __init__(self, mesh: Mesh, views: Sequence[LandmarkView], noise: float, outlier: float) -> None:
        self.noise, self.cut = noise, outlier**2
        ties = [torch.cat([v.embedding.faces[:, None], v.embedding.barycentric], 1).double() for v in views]
        unique, number = torch.unique(torch.cat(ties), dim=0, return_inverse=True)
        self.corners = mesh.faces[unique[:, 0].long()]
        self.barycentric = unique[:, 1:].to(mesh.vertices)
        self.numbers = number.split([len(v.pixels) for v in views])
        self.pixels = [v.pixels.to(mesh.vertices) for v in views]
        self.weights = [torch.ones_like(p[:, 0]) for p in self.pixels]
        self.units = [1.0] * len(views)

    @torch.no_grad()
    def look(self, vertices: Tensor, cameras: CameraNumbers, covered: Tensor | None = None, less: float = 1.0) -> None:
        """Measure how squarely each view sees its points: vertices (V, 3).

        covered: (n,) from 0 to 1, how well pictures speak for the samples themselves: there landmarks count `less`.
        """
        normals, middles = face_normals(vertices, self.corners), vertices[self.corners].mean(1)
        for n, (camera, number) in enumerate(zip(cameras.cameras(), self.numbers, strict=True)):
            towards = camera.centre() - middles[number]
            cosine = (normals[number] * towards).sum(1) / towards.norm(dim=1)
            self.weights[n] = torch.sigmoid((cosine - 0.25) / 0.08)
            if covered is not None:
                self.weights[n] *= 1 - (1 - less) * covered[number]
        # The size of a millimetre is a unit here: else a camera could win by making its misses small.
        self.units = (self.noise * cameras.log_size.exp()).tolist()

    def residuals(self, samples: Tensor, cameras: CameraNumbers, n: int) -> Tensor:
        """(L, 2) of view n, in units of the noise."""
        return (cameras.project(samples[self.numbers[n]], n) - self.pixels[n]) / self.units[n]

    def loss(self, samples: Tensor, cameras: CameraNumbers) -> Tensor:
        """Eq. (8.1), (): by samples (n, 3) mm and the numbers of the cameras it can be differentiated."""
        total = samples.new_zeros((), dtype=torch.float64)
        for n, weight in enumerate(self.weights):
            squared = self.residuals(samples, cameras, n).square().sum(1)
            total = total + (weight * self.cut * squared / (self.cut + squared)).sum()
        return total


class LandmarkTerm(LandmarkLoss):
    """The same for second-order steps of a `Bundle`: what the landmarks ask of the samples `places` and the cameras."""

    def __init__(self, face: Face, views: Sequence[LandmarkView], noise: float, outlier: float) -> None:
        super().__init__(face.mesh, views, noise, outlier)
        self.places = face.places(self.corners, self.barycentric)

    def measure(self, samples: Tensor, cameras: CameraNumbers) -> float:
        """The loss."""
        return float(self.loss(samples, cameras))

    def demand(self, samples: Tensor, cameras: CameraNumbers, scale: Tensor) -> Demand:
        """The loss and its derivatives."""
        m = NUMBERS * len(cameras)
        force, metric = torch.zeros_like(samples), samples.new_zeros(len(samples), 3, 3)
        by, second = samples.new_zeros(m), samples.new_zeros(m, m)
        beside = samples.new_zeros(len(samples), 3, m)
        for n, number in enumerate(self.numbers):
            mine = slice(NUMBERS * n, NUMBERS * n + NUMBERS)
            away = self.residuals(samples, cameras, n)
            squared = away.square().sum(1)
            weight = (self.weights[n] * (self.cut / (self.cut + squared)).square())[:, None, None]
            by_point, by_camera = cameras.slopes(samples[number], n)
            by_point, by_camera = by_point / self.units[n], by_camera * scale / self.units[n]
            force.index_add_(0, number, ((weight * by_point).mT @ away[..., None])[..., 0])
            metric.index_add_(0, number, (weight * by_point).mT @ by_point)
            heavy = weight * by_camera
            by[mine] = (heavy.mT @ away[..., None])[..., 0].sum(0)
            second[mine, mine] = (heavy.mT @ by_camera).sum(0)
            beside[:, :, mine].index_add_(0, number, by_point.mT @ heavy)
        return Demand(self.measure(samples, cameras), force, metric, by, second, beside)
