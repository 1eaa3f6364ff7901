"""Cameras as parameters, and how far landmarks are from where they see them: for a fit by descent. Lesson 8."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from asm_teach.geometry.mesh import face_normals
from asm_teach.model.adaptive import SkinnedModel
from asm_teach.model.transforms import rotation_matrix
from asm_teach.rendering.camera import Camera, project
from asm_teach.view_fit.view import Sight


class Cameras(nn.Module):
    """N cameras as parameters that hardly depend on each other.

    They turn about `pivot` (3,), a point in the face, wherever the mesh has its origin. rotation (N, 3); shift (N, 2),
    x / z and y / z of the pivot; log_size (N,), log of focal / depth of the pivot, in pixels a millimetre, which the
    picture shows well; log_focal (N,), which it shows badly.
    """

    def __init__(self, cameras: Sequence[Camera], pivot: Tensor, one_lens: bool = False) -> None:
        super().__init__()
        stacked = {
            k: torch.stack([getattr(c, k) for c in cameras]) for k in ("rotation", "translation", "focal", "principal")
        }
        focal = stacked["focal"]
        self.sizes = [c.size for c in cameras]
        self.register_buffer("principal", stacked["principal"])
        self.register_buffer("pivot", pivot.clone())
        translation = rotation_matrix(stacked["rotation"]) @ pivot + stacked["translation"]  # of the pivot
        self.rotation = nn.Parameter(stacked["rotation"].clone())
        self.shift = nn.Parameter(translation[:, :2] / translation[:, 2:])
        self.log_size = nn.Parameter((focal / translation[:, 2]).log())
        # With one lens, one number for all, from which each picture differs by its size alone.
        log_focal = focal.log()
        diagonal = torch.tensor([math.hypot(*size) for size in self.sizes]).to(focal).log()
        common = (log_focal - diagonal).median() if one_lens else None
        self.register_buffer("offset", diagonal if one_lens else torch.zeros_like(diagonal))
        self.focal_number = nn.Parameter(log_focal if common is None else common[None])

    @property
    def log_focal(self) -> Tensor:
        """(N,) of pixels."""
        return self.focal_number + self.offset

    def forward(self) -> tuple[Tensor, Tensor, Tensor]:
        """Rotations (N, 3), translations (N, 3) mm, focal lengths (N,) pixels."""
        focal = self.log_focal.exp()
        depth = focal / self.log_size.exp()
        seen = torch.cat([self.shift, torch.ones_like(depth)[:, None]], 1) * depth[:, None]
        return self.rotation, seen - rotation_matrix(self.rotation) @ self.pivot, focal

    @torch.no_grad()
    def cameras(self) -> tuple[Camera, ...]:
        """Frozen copies."""
        rotation, translation, focal = self()
        return tuple(
            Camera(focal[n].clone(), self.principal[n].clone(), rotation[n].clone(), translation[n].clone(), size)
            for n, size in enumerate(self.sizes)
        )


class LandmarkTerm:
    """Reprojection of the landmarks, eq. (8.1), in millimetres on the face, with Geman and McClure's robust loss.

    A point on the far side of the face is a guess of whoever found it: its weight falls with the angle between the
    surface and the line of sight, and is measured anew from time to time.
    """

    def __init__(self, model: SkinnedModel, sights: Sequence[Sight], noise: float, outlier: float) -> None:
        self.sights, self.noise, self.outlier = sights, noise, outlier
        corners = torch.cat([model.mesh.faces[s.embedding.faces] for s in sights])
        self.rows, local = torch.unique(corners, return_inverse=True)
        self.corners = local.split([len(s.pixels) for s in sights])
        self.weights = [torch.ones_like(s.pixels[:, 0]) for s in sights]

    def loss(self, vertices: Tensor, cameras: Cameras) -> Tensor:
        """Negative log likelihood, up to a constant; `vertices` (n, 3) are the moved vertices `rows`."""
        rotation, translation, focal = cameras()
        total = vertices.new_zeros(())
        for n, (s, corners) in enumerate(zip(self.sights, self.corners, strict=True)):
            points = (s.embedding.barycentric[..., None] * vertices[corners]).sum(1)
            pixels = project(points, rotation[n], translation[n], focal[n], cameras.principal[n])
            # Detached: the size of a millimetre is a unit here. Else a camera could win by making its misses small.
            millimetres = (pixels - s.pixels) / cameras.log_size[n].exp().detach()
            squared = (millimetres / self.noise).square().sum(1)
            cut = self.outlier**2
            total = total + (self.weights[n] * cut * squared / (cut + squared)).sum() / 2
        return total

    @torch.no_grad()
    def look(self, vertices: Tensor, cameras: Cameras) -> None:
        """Measure how squarely each view sees its points; `vertices` (n, 3) are the moved vertices `rows`."""
        for n, (camera, corners) in enumerate(zip(cameras.cameras(), self.corners, strict=True)):
            normals = face_normals(vertices, corners)
            towards = camera.centre() - vertices[corners].mean(1)
            cosine = (normals * towards).sum(1) / towards.norm(dim=1)
            self.weights[n] = torch.sigmoid((cosine - 0.25) / 0.08)
