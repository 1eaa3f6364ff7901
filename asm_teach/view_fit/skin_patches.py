"""Do the pictures agree on a face? Small pieces of skin, seen by several cameras, compared where they should be alike.

Round every sample of the surface lies a small flat grid of points. Each picture that sees it gives one row of grey
values. What light, exposure and gloss do to a piece of skin is, nearly, to add a shallow bowl to the logarithms of its
values and to stretch them; the bowl (a quadratic) is taken away and the rest is brought to one size. What is left
should be the same in all pictures. It is if the sample lies where the skin is and the cameras stand where they stood.
Derived in lesson 8.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, grid_sample, normalize, pad

from asm_teach.view_fit.camera_numbers import CameraNumbers

SIDE = 5  # points along a side of a piece of skin
_DARK = 0.03  # added to grey values before the logarithm: below it a camera sees noise
_FAINT = 0.02  # of a logarithm: contrast at which a piece of skin counts half of what it would with much
_NOTHING = 1e-4  # of a logarithm: rows of this contrast have half the length of others; none of a camera is so even
_ALIKE = 0.45  # root of the mean squared difference between two rows beyond which a picture is believed less and less
_BLUR = 0.5  # of the grid's spacing: what is finer than the grid would only be noise to it
_MARGIN = 0.25  # of the extent of the face: how much of the picture round it is kept


class Plate(NamedTuple):
    """A picture made ready for one size of grid: log grey values and their slopes, (3, h, w), cut out and shrunk.

    Pixel (x, y) of the photograph lies at ((x, y) - origin) / factor.
    """

    layers: Tensor
    origin: Tensor
    factor: int


def plate(image: Tensor, low: Tensor, high: Tensor, blur: float) -> Plate:
    """Cut the box from `low` to `high` (2,) px out of a picture (H, W, 3), blur it by `blur` px, and shrink it.

    Of a box that lies beyond the picture what is nearest to it is kept: a plate is never empty.
    """
    extent = float((high - low).max())
    height, width = image.shape[:2]
    left, top = (
        int(min(max(0.0, float(x) - _MARGIN * extent), s - 1)) for x, s in zip(low, (width, height), strict=True)
    )
    right, bottom = (
        int(max(first + 1, min(s, float(x) + _MARGIN * extent)))
        for x, first, s in zip(high, (left, top), (width, height), strict=True)
    )
    factor = min(max(1, int(blur / 1.2)), right - left, bottom - top)
    cut = image[top:bottom, left:right].mean(2)[None, None]
    grey = avg_pool2d((cut + _DARK).log(), factor) if factor > 1 else (cut + _DARK).log()
    # Shrinking is a blur of its own, by a box.
    rest = math.sqrt(max(blur**2 - (factor**2 - 1) / 12, 0.09)) / factor
    grey = blurred(grey, rest)
    slopes = pad(grey, (1, 1, 1, 1), mode="replicate")
    by_x = (slopes[..., 1:-1, 2:] - slopes[..., 1:-1, :-2]) / (2 * factor)
    by_y = (slopes[..., 2:, 1:-1] - slopes[..., :-2, 1:-1]) / (2 * factor)
    origin = torch.tensor([left, top]).to(grey)
    return Plate(torch.cat([grey, by_x, by_y], 1)[0], origin, factor)


def blurred(layers: Tensor, deviation: float) -> Tensor:
    """Pictures (N, C, h, w) blurred by a Gaussian of so many pixels.

    As sums of shifted pictures: `conv2d` takes two to ten times as long for a single line of a single layer.
    """
    reach = max(1, math.ceil(3 * deviation))
    kernel = torch.exp(-(torch.arange(-reach, reach + 1).double() ** 2) / (2 * deviation**2))
    kernel = kernel / kernel.sum()
    height, width = layers.shape[2:]
    layers = pad(layers, (reach, reach, reach, reach), mode="replicate")
    rows = _weighted([layers[..., n : n + width] for n in range(len(kernel))], kernel)
    return _weighted([rows[..., n : n + height, :] for n in range(len(kernel))], kernel)


def _weighted(shifted: Sequence[Tensor], kernel: Tensor) -> Tensor:
    total = torch.zeros_like(shifted[0])
    for layers, weight in zip(shifted, kernel.tolist(), strict=True):
        total.add_(layers, alpha=weight)
    return total


def tangents(normals: Tensor) -> tuple[Tensor, Tensor]:
    """Unit vectors to the side and upwards along the surface, (M, 3) each, at unit normals (M, 3)."""
    up = normals.new_tensor([0.0, 1.0, 0.0]).expand_as(normals)
    side = normalize(torch.linalg.cross(up, normals), dim=1)
    return side, torch.linalg.cross(normals, side)


@dataclass(frozen=True, eq=False)
class Disagreement:
    """How much N pictures disagree on M samples, to second order in the pixels (x, y) where they see them.

    loss: scalar. force: (M, N, 2) half the first derivative, metric: (M, N, 2, N, 2) half the second; both empty where
    none were asked for.
    """

    loss: float
    force: Tensor = torch.zeros(0)
    metric: Tensor = torch.zeros(0)


class Agreement:
    """The comparison of N pictures on the surface, at one size of grid.

    images: N of (H, W, 3), or None where there is no picture. boxes: N of (2, 2), the lowest and the highest pixel of
    the face. sizes: (N,) pixels of a mm. spacing: mm between the points of a grid.
    """

    def __init__(self, images: Sequence[Tensor | None], boxes: Sequence[Tensor], sizes: Tensor, spacing: float) -> None:
        self.plates = [
            None if image is None else plate(image, box[0], box[1], _BLUR * spacing * float(size))
            for image, box, size in zip(images, boxes, sizes, strict=True)
        ]
        steps = spacing * (torch.arange(SIDE, dtype=torch.float64) - (SIDE - 1) / 2)
        a, b = (x.flatten() for x in torch.meshgrid(steps, steps, indexing="ij"))
        bowls = torch.stack([torch.ones_like(a), a, b, a * a, a * b, b * b], 1)
        bowls = torch.linalg.qr(bowls / bowls.norm(dim=0))[0]  # orthonormal (K, 6)
        like = next(image for image in images if image is not None)
        self.grid, self.bowls = torch.stack([a, b], 1).to(like), bowls.to(like)

    def worth(self, points: Tensor, normals: Tensor, cameras: CameraNumbers, seen: Tensor) -> Tensor:
        """(M, N) from 0 to 1: how much there is to compare, by the contrast of each grid; 0 where not `seen` (M, N).

        To be found out once and held while the face moves: else a face gains by moving to where there is nothing.
        """
        contrast = self._read(points, normals, cameras, seen, False)[..., 0].square().mean(2)
        return contrast / (contrast + _FAINT**2)

    def measure(
        self,
        points: Tensor,
        normals: Tensor,
        cameras: CameraNumbers,
        trust: Tensor,
        worth: Tensor | None = None,
        derivatives: bool = True,
        common: Tensor | None = None,
    ) -> Disagreement:
        """Compare samples at `points` (M, 3) mm with unit `normals` (M, 3) by eq. (8.2), derivatives by eq. (8.3).

        trust: (M, N), 0 for what is not seen and where a view has no picture. worth: (M, N) from 0 to 1, as `worth`
        finds it; 1 if None. It is the inverse of a variance: rows of little worth count less, and may differ more
        before they are disbelieved. common: (M, K), what `rows` found before and pictures are now compared with; by
        default with each other.
        """
        worth = torch.ones_like(trust) if worth is None else worth
        values = self._even(points, normals, cameras, trust > 0, derivatives)
        rows, slopes = values[..., 0], values[..., 1:]  # (M, N, K), (M, N, K, 2)
        # A row keeps its size: what would only stretch it is no change.
        slopes = slopes - rows[..., None] * (rows[..., None, :] @ slopes)
        weight = trust * worth
        for _ in range(3):
            weight, apart, away = self._believe(rows, trust, worth, weight, common)
        cut = _ALIKE**2
        loss = float((trust * cut * away / (cut + away)).sum(dtype=torch.float64))
        if not derivatives:
            return Disagreement(loss)
        # The common row answers to every change of a picture's own, unless it is given: half the second derivative is
        # a_n J_n' J_n on the diagonal, less a_n a_m / sum(a) J_n' J_m everywhere.
        flat = (weight[..., None, None] * slopes).transpose(2, 3).flatten(1, 2)  # (M, 2 N, K)
        total = weight.sum(1).clamp_min(1e-6)[:, None, None]
        metric = -(flat @ flat.mT) / total if common is None else torch.zeros_like(flat @ flat.mT)
        views = trust.shape[1]
        metric = metric.unflatten(2, (views, 2)).unflatten(1, (views, 2))
        own = (weight[..., None, None] * slopes.mT) @ slopes  # (M, N, 2, 2)
        each = torch.arange(views, device=points.device)
        metric[:, each, :, each] += own.transpose(0, 1)
        force = weight[..., None] * (slopes.mT @ apart[..., None])[..., 0]
        return Disagreement(loss, force, metric)

    def rows(self, points: Tensor, normals: Tensor, cameras: CameraNumbers, seen: Tensor) -> Tensor:
        """(M, N, K) what `measure` compares: the grids without their bowls, of one size; 0 where not `seen` (M, N)."""
        return self._even(points, normals, cameras, seen, False)[..., 0]

    def alike(
        self, points: Tensor, normals: Tensor, cameras: CameraNumbers, trust: Tensor, worth: Tensor
    ) -> tuple[Tensor, Tensor]:
        """How each picture's row correlates with the common row of the others, (M, N) from -1 to 1; and what it counts.

        Arguments as for `measure`. Rows have no mean, so a correlation is a cosine.
        """
        rows = normalize(self._read(points, normals, cameras, trust > 0, False)[..., 0], dim=2)
        weight = trust * worth
        heavy = weight[..., None] * rows
        others = normalize(heavy.sum(1, keepdim=True) - heavy, dim=2)
        counts = weight * (weight.sum(1, keepdim=True) - weight).clamp_max(1)
        return (rows * others).sum(2), counts

    def _even(self, points: Tensor, normals: Tensor, cameras: CameraNumbers, seen: Tensor, derivatives: bool) -> Tensor:
        """What `_read` finds, (M, N, K, 3), with rows of values brought to one size."""
        values = self._read(points, normals, cameras, seen, derivatives)
        size = (values[..., 0].square().mean(2) + _NOTHING**2).sqrt()
        return values / (size[..., None, None] * SIDE)  # sums over a grid become means

    def _read(self, points: Tensor, normals: Tensor, cameras: CameraNumbers, seen: Tensor, derivatives: bool) -> Tensor:
        """Grey values and slopes (M, N, K, 3) of the grids, without their bowls; 0 where not `seen` (M, N)."""
        side, above = tangents(normals)
        grid = points[:, None] + self.grid[:, :1] * side[:, None] + self.grid[:, 1:] * above[:, None]  # (M, K, 3)
        values = points.new_zeros(*seen.shape, len(self.grid), 3)
        for n, plate_ in enumerate(self.plates):
            if plate_ is not None:
                visible = seen[:, n]
                values[visible, n] = _look_up(plate_, cameras.project(grid[visible], n), derivatives)
        return values - torch.einsum("mnkc,ki,li->mnlc", values, self.bowls, self.bowls)

    @staticmethod
    def _believe(
        rows: Tensor, trust: Tensor, worth: Tensor, weight: Tensor, common: Tensor | None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """How much pictures are believed (M, N), and how far from the common row: (M, N, K), squared (M, N)."""
        if common is None:
            common = (weight[..., None] * rows).sum(1) / weight.sum(1).clamp_min(1e-6)[:, None]
        apart = rows - common[:, None]
        away = worth * apart.square().sum(2)
        return trust * worth / (1 + away / _ALIKE**2).square(), apart, away


def _look_up(plate_: Plate, pixels: Tensor, derivatives: bool) -> Tensor:
    """Value and slopes (m, K, 3) of a plate at pixels (m, K, 2) of the photograph; slopes 0 if not asked for."""
    layers = plate_.layers if derivatives else plate_.layers[:1]
    size = pixels.new_tensor([layers.shape[2], layers.shape[1]])
    where = 2 * (pixels - plate_.origin) / (plate_.factor * size) - 1
    found = grid_sample(layers[None], where[None], align_corners=False, padding_mode="border")[0]
    found = found.permute(1, 2, 0)
    return found if derivatives else pad(found, (0, 2))
