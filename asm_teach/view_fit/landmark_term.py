"""What the landmarks ask of a face in a `Bundle`: to be shown where they were found. Lesson 8."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from asm_teach.geometry.mesh import face_normals
from asm_teach.view_fit.bundle import Demand, Face
from asm_teach.view_fit.camera_numbers import NUMBERS, CameraState
from asm_teach.view_fit.view import Sight


class PointTerm:
    """Reprojection of the landmarks, eq. (8.1), in units of `noise` (mm on the face), robust beyond `outlier` of these.

    A point on the far side of the face is a guess of whoever found it: its weight falls with the angle between the
    surface and the line of sight. `look` measures it and must be called first.
    """

    def __init__(self, face: Face, sights: Sequence[Sight], noise: float, outlier: float) -> None:
        self.noise, self.cut = noise, outlier**2
        ties = [torch.cat([s.embedding.faces[:, None], s.embedding.barycentric], 1).double() for s in sights]
        unique, number = torch.unique(torch.cat(ties), dim=0, return_inverse=True)
        self.corners = face.mesh.faces[unique[:, 0].long()]
        self.places = face.places(self.corners, unique[:, 1:].to(face.mesh.vertices))
        self.numbers = number.split([len(s.pixels) for s in sights])
        self.pixels = [s.pixels.to(face.mesh.vertices) for s in sights]
        self.weights = [torch.ones_like(p[:, 0]) for p in self.pixels]
        self.units = [1.0] * len(sights)

    def look(self, vertices: Tensor, cameras: CameraState, covered: Tensor | None = None, less: float = 1.0) -> None:
        """Measure how squarely each view sees its points: vertices (V, 3).

        covered: (n,) from 0 to 1, how well pictures speak for the samples themselves: there landmarks count `less`.
        """
        normals, middles = face_normals(vertices, self.corners), vertices[self.corners].mean(1)
        share = 1.0 if covered is None else 1 - (1 - less) * covered
        for n, (camera, number) in enumerate(zip(cameras.cameras(), self.numbers, strict=True)):
            towards = camera.centre() - middles[number]
            cosine = (normals[number] * towards).sum(1) / towards.norm(dim=1)
            squarely = torch.sigmoid((cosine - 0.25) / 0.08)
            self.weights[n] = squarely if covered is None else squarely * share[number]
        # The size of a millimetre is a unit here: else a camera could win by making its misses small.
        self.units = (self.noise * cameras.log_size.exp()).tolist()

    def residuals(self, samples: Tensor, cameras: CameraState, n: int) -> Tensor:
        """(L, 2) of view n, in units of the noise."""
        return (cameras.project(samples[self.numbers[n]], n) - self.pixels[n]) / self.units[n]

    def measure(self, samples: Tensor, cameras: CameraState) -> float:
        """The loss."""
        total = 0.0
        for n in range(len(cameras)):
            squared = self.residuals(samples, cameras, n).square().sum(1)
            total += float((self.weights[n] * self.cut * squared / (self.cut + squared)).sum())
        return total

    def demand(self, samples: Tensor, cameras: CameraState, scale: Tensor) -> Demand:
        """The loss and its derivatives."""
        views, m = len(cameras), NUMBERS * len(cameras)
        force, metric = torch.zeros_like(samples), samples.new_zeros(len(samples), 3, 3)
        by, second = samples.new_zeros(m), samples.new_zeros(m, m)
        beside, total = samples.new_zeros(len(samples), 3, m), 0.0
        for n in range(views):
            number, mine = self.numbers[n], slice(NUMBERS * n, NUMBERS * n + NUMBERS)
            away = self.residuals(samples, cameras, n)
            squared = away.square().sum(1)
            total += float((self.weights[n] * self.cut * squared / (self.cut + squared)).sum())
            weight = (self.weights[n] * (self.cut / (self.cut + squared)).square())[:, None, None]
            by_point, by_camera = cameras.slopes(samples[number], n)
            by_point, by_camera = by_point / self.units[n], by_camera * scale / self.units[n]
            force.index_add_(0, number, ((weight * by_point).mT @ away[..., None])[..., 0])
            metric.index_add_(0, number, (weight * by_point).mT @ by_point)
            heavy = weight * by_camera
            by[mine] = (heavy.mT @ away[..., None])[..., 0].sum(0)
            second[mine, mine] = (heavy.mT @ by_camera).sum(0)
            beside[:, :, mine].index_add_(0, number, by_point.mT @ heavy)
        return Demand(total, force, metric, by, second, beside)
