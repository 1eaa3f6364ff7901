"""What the pictures themselves ask of a face: that the skin they share looks the same in all of them. Lesson 8."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import normalize

from asm_teach.geometry.mesh import vertex_normals
from asm_teach.geometry.visibility import exposed
from asm_teach.rendering.camera import Camera
from asm_teach.rendering.raster import rasterise
from asm_teach.view_fit.bundle import Demand, Face, demand
from asm_teach.view_fit.camera_numbers import CameraNumbers
from asm_teach.view_fit.skin_patches import SIDE, Agreement, tangents

_DETAIL = 200  # pixels across the face in which it is found out what a picture sees
_GRAZING, _SQUARE = 0.3, 0.7  # cosines of normal and line of sight: none, and all of the trust
_BEHIND = (1.5, 0.4)  # mm, and shares of the spacing: how far a grid may be from what the picture sees there
_WHOLE = (0.6, 0.9)  # shares of a grid that is seen: none, and all of the trust
_ROUND, _MUCH = 10.0, 8.0  # mm: a place of the face; and how many grids, at least, tell what it is like
_OPEN = 0.5  # of `exposed`: skin inside lips and nostrils takes no part


class SkinTerm:
    """The disagreement of pictures on the skin of a face. weight: of one grid that is fully seen, in units of noise.

    images: N of (H, W, 3), one for each camera; None for a view without a picture, which takes no part.
    `look` must be called first, and again when face and cameras have moved.
    """

    def __init__(self, images: Sequence[Tensor | None], face: Face, weight: float) -> None:
        mesh = face.mesh
        self.images = [None if image is None else image.to(mesh.vertices) for image in images]
        self.faces, self.weight = mesh.faces, weight
        every = torch.arange(len(mesh.vertices), device=self.faces.device)
        rows = mesh.part_vertices("face") if "face" in mesh.parts else every
        self.rows = rows[exposed(mesh.vertices, self.faces)[rows] > _OPEN]
        self.places = face.places(self.rows)
        self.trust = mesh.vertices.new_zeros(len(self.rows), len(images))

    @torch.no_grad()
    def look(self, vertices: Tensor, cameras: CameraNumbers, spacing: float) -> None:
        """Find out which picture sees which samples; grids of `spacing` mm from now on. vertices: (V, 3)."""
        self.normals = vertex_normals(vertices, self.faces)[self.rows]
        points = vertices[self.rows]
        grid = corners(points, self.normals, spacing)
        boxes = []
        for n, camera in enumerate(cameras.cameras()):
            pixels = camera.project(points)
            low, high = pixels.amin(0), pixels.amax(0)
            boxes.append(torch.stack([low, high]))
            if self.images[n] is None:
                continue
            self.trust[:, n] = _seen(vertices, self.faces, camera, points, self.normals, grid, (low, high), spacing)
        self._agreement = Agreement(self.images, boxes, cameras.log_size.exp(), spacing)
        self.worth = self._agreement.worth(points, self.normals, cameras, self.trust > 0)

    def covered(self) -> Tensor:
        """(M,) from 0 to 1: how well the second best picture sees each sample; below two, nothing can be compared."""
        if self.trust.shape[1] < 2:
            return torch.zeros_like(self.trust[:, 0])
        return self.trust.topk(2, dim=1).values[:, 1].clamp_max(1)

    def alike(self, samples: Tensor, cameras: CameraNumbers) -> tuple[Tensor, Tensor]:
        """How each picture agrees with the others: see `Agreement.alike`."""
        return self._agreement.alike(samples, self.normals, cameras, self.trust, self.worth)

    def around(self, samples: Tensor, alike: Tensor, counts: Tensor) -> Tensor:
        """(M, N) the mean of `alike` over the skin some 10 mm round each sample (M, 3); NaN where too little counts."""
        near = torch.exp(-torch.cdist(samples, samples).square() / (2 * _ROUND**2))
        total = near @ counts
        return torch.where(total > _MUCH, near @ (counts * alike) / total.clamp_min(1e-6), torch.nan)

    def measure(self, samples: Tensor, cameras: CameraNumbers) -> float:
        """The loss."""
        found = self._agreement.measure(samples, self.normals, cameras, self.trust, self.worth, derivatives=False)
        return self.weight * found.loss

    def demand(self, samples: Tensor, cameras: CameraNumbers, scale: Tensor) -> Demand:
        """The loss and its derivatives."""
        found = self._agreement.measure(samples, self.normals, cameras, self.trust, self.worth)
        w = self.weight
        return demand(w * found.loss, w * found.force, w * found.metric, samples, cameras, scale)


def cut_out(camera: Camera, low: Tensor, high: Tensor, detail: int) -> tuple[Camera, float]:
    """The camera of the box from `low` to `high` (2,) px alone, `detail` pixels along its longer side.

    Returns it and the factor by which it enlarges: pixel p of the camera lies at factor * (p - low).
    """
    scale = detail / float((high - low).max().clamp_min(1e-3))
    width, height = (max(1, int(x)) for x in ((high - low) * scale).ceil())
    focal, principal = camera.focal * scale, (camera.principal - low) * scale
    return Camera(focal, principal, camera.rotation, camera.translation, (width, height)), scale


def corners(points: Tensor, normals: Tensor, spacing: float) -> Tensor:
    """Middle, corners and middles of the sides of the grids round points (M, 3), (M, 9, 3) mm."""
    side, above = tangents(normals)
    ends = spacing * (SIDE // 2) * points.new_tensor([-1.0, 0.0, 1.0])
    a, b = (x.flatten()[:, None] for x in torch.meshgrid(ends, ends, indexing="ij"))
    return points[:, None] + a * side[:, None] + b * above[:, None]


def _seen(
    vertices: Tensor,
    faces: Tensor,
    camera: Camera,
    points: Tensor,
    normals: Tensor,
    grid: Tensor,
    box: tuple[Tensor, Tensor],
    spacing: float,
) -> Tensor:
    """(M,) from 0 to 1: how far a camera can be trusted on the grids round points (M, 3)."""
    cut, _ = cut_out(camera, *box, _DETAIL)
    width, height = cut.size
    depth = rasterise(vertices, faces, cut).depth
    column, row = cut.project(grid).floor().long().unbind(-1)
    inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
    there = depth[row.clamp(0, height - 1), column.clamp(0, width - 1)]
    near = (cut.depth(grid) - there).abs() < _BEHIND[0] + _BEHIND[1] * spacing
    whole = (near & inside).float().mean(1)
    towards = normalize(camera.centre() - points, dim=1)
    cosine = (normals * towards).sum(1)
    pixels = camera.project(points)
    shown = ((pixels > 2) & (pixels < pixels.new_tensor(camera.size) - 2)).all(1)
    return _ramp(whole, *_WHOLE) * _ramp(cosine, _GRAZING, _SQUARE) * shown


def _ramp(x: Tensor, none: float, all_: float) -> Tensor:
    return ((x - none) / (all_ - none)).clamp(0, 1)
