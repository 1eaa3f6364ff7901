"""What the outlines in the pictures ask of a face: that its occluding contour is shown there. Derived in lesson 8.

A point of the contour may slide along its outline, so only its distance across counts, eq. (8.4). The outline is
looked for along the normal of the contour, as the picture shows it. The nearest edge is often a wrong one (a brow, a
crease, hair, a wall), so an outline must have skin like that further inside on its inner side and something else on
its outer one, and neighbours on a contour, which are off by much the same, vote for each other's.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import grid_sample, normalize, pad

from asm_teach.geometry.mesh import vertex_normals
from asm_teach.geometry.visibility import Contour, exposed, occluding_contour
from asm_teach.rendering.camera import Camera
from asm_teach.rendering.raster import rasterise
from asm_teach.view_fit.bundle import Demand, Face
from asm_teach.view_fit.camera_numbers import CameraNumbers
from asm_teach.view_fit.landmark_term import DemandSum
from asm_teach.view_fit.skin_patches import blurred
from asm_teach.view_fit.skin_term import cut_out

_NEAR, _FAR = 80.0, 100.0  # mm from the tip of the nose: all and none of the trust; ears, neck and hair lie beyond
_OPEN = 0.5  # of `exposed`: skin inside lips and nostrils takes no part
_DETAIL = 300  # pixels across the face in which it is found out what a picture sees
_DROP = 8.0  # mm: what lies behind an outline is at least this much farther off, else it is a crease
_RISE = 25.0  # mm: how much nearer a round forehead may be a millimetre inside its contour
_BESIDE = 3.0  # mm beside a contour: meshes are coarse, and reach beyond it a little
_DARK = 0.03  # added to colours before the logarithm: below it a camera sees noise
_DEEP = 8.0  # mm of skin inside the searched range that tell its colour
_LIGHT, _COLOUR = 0.6, 0.12  # of logarithms: how far skin may differ in light and colour from that further inside
_CONTRAST = 0.25  # of a logarithm of colour: the step at which an edge counts half
_TOGETHER = 10.0  # mm: neighbours on a contour within this vote for each other
_PIXELS = 1.0  # how exactly the place of an edge is known at best
_TICKS = 24  # places in which an outline is looked for, to each side


class Outline(NamedTuple):
    """What one picture shows of the contour.

    Attributes:
        view: which picture.
        rows: (k,) which samples.
        pixels: (k, 2) a point of the outline that each sample should lie beside.
        across: (k, 2) the unit normal of the outline there.
        weight: (k,).
    """

    view: int
    rows: Tensor
    pixels: Tensor
    across: Tensor
    weight: Tensor


class OutlineTerm:
    """The distance of a face's contours from the outlines in the pictures, across these, robust: eq. (8.4).

    `look` must be called first, and again when face and cameras have moved.

    Args:
        images: N of (H, W, 3); None for a view without a picture.
        face: what is moved.
        weight: of a centimetre of outline that is off by `noise` against a landmark that is off by its own.
        noise: mm; where a picture shows the face small, it is what a pixel is there.
        outlier: in units of the noise, beyond which an outline counts less and less.
    """

    def __init__(
        self, images: Sequence[Tensor | None], face: Face, weight: float, noise: float = 1.0, outlier: float = 3.0
    ) -> None:
        mesh = face.mesh
        self.images = [None if image is None else image.to(mesh.vertices) for image in images]
        self.face, self.faces, self.weight, self.noise, self.cut = face, mesh.faces, weight, noise, outlier**2
        every = torch.arange(len(mesh.vertices), device=self.faces.device)
        rows = mesh.part_vertices("face") if "face" in mesh.parts else every
        tip = mesh.vertices[rows[mesh.vertices[rows, 2].argmax()]]
        near = (_FAR - torch.linalg.vector_norm(mesh.vertices - tip, dim=1)) / (_FAR - _NEAR)
        self.trust = torch.zeros_like(near)
        self.trust[rows] = near[rows].clamp(0, 1)
        self.trust[exposed(mesh.vertices, self.faces) < _OPEN] = 0
        self._looked_at = self.faces[(self.trust[self.faces] > 0).all(1)]

    @torch.no_grad()
    def look(self, vertices: Tensor, cameras: CameraNumbers, reach: float) -> bool:
        """Find the contours of a face (V, 3) and, up to `reach` mm beside them, the outlines in the pictures.

        Returns whether there are any. If not, the term cannot be used.
        """
        normals = vertex_normals(vertices, self.faces)
        contours, self.outlines, count = [], [], 0
        for n, camera in enumerate(cameras.cameras()):
            image = self.images[n]
            contour = occluding_contour(vertices, normals, self._looked_at, camera.centre())
            if image is None or not len(contour.length):
                continue
            points, normal = (
                (contour.barycentric[..., None] * table[contour.corners]).sum(1) for table in (vertices, normals)
            )
            pixels = camera.project(points)
            across = normalize(camera.project(points + normalize(normal, dim=1)) - pixels, dim=1)
            size = float(cameras.log_size[n].exp())
            seen = _outermost(vertices, self.faces, camera, points, across, size)
            if not seen.any():
                continue
            contour = Contour(*(values[seen] for values in contour))
            offset, belief = find_outline(image, pixels[seen], across[seen], size, reach)
            trust = (contour.barycentric * self.trust[contour.corners]).sum(1)
            weight = self.weight * trust * belief * contour.length / 10
            rows = torch.arange(count, count + len(weight), device=weight.device)
            place = pixels[seen] + offset[:, None] * across[seen]
            self.outlines.append(Outline(n, rows, place, across[seen], weight))
            contours.append(contour)
            count += len(weight)
        if not contours:
            return False
        corners, barycentric, _ = (torch.cat(values) for values in zip(*contours, strict=True))
        self.places = self.face.places(corners, barycentric)
        self.units = (self.noise * cameras.log_size.exp()).clamp_min(_PIXELS).tolist()
        return True

    def residuals(self, samples: Tensor, cameras: CameraNumbers, outline: Outline) -> Tensor:
        """(k,) how far samples (n, 3) mm lie beyond an outline, in units of the noise."""
        pixels = cameras.project(samples[outline.rows], outline.view)
        return ((pixels - outline.pixels) * outline.across).sum(1) / self.units[outline.view]

    def measure(self, samples: Tensor, cameras: CameraNumbers) -> float:
        """The loss."""
        return float(self.loss(samples, cameras))

    def loss(self, samples: Tensor, cameras: CameraNumbers) -> Tensor:
        """Eq. (8.4), (): by samples (n, 3) mm and the numbers of the cameras it can be differentiated."""
        total = samples.new_zeros((), dtype=torch.float64)
        for outline in self.outlines:
            squared = self.residuals(samples, cameras, outline).square()
            total = total + (outline.weight * self.cut * squared / (self.cut + squared)).sum()
        return total

    def demand(self, samples: Tensor, cameras: CameraNumbers, scale: Tensor) -> Demand:
        """The loss and its derivatives."""
        asked = DemandSum(samples, cameras, scale)
        for outline in self.outlines:
            away = self.residuals(samples, cameras, outline)
            weight = outline.weight * (self.cut / (self.cut + away.square())).square()
            across = outline.across[:, None] / self.units[outline.view]
            asked.add(outline.view, outline.rows, across, weight, (weight * away)[:, None])
        return asked.demand(self.measure(samples, cameras))


def find_outline(image: Tensor, pixels: Tensor, across: Tensor, size: float, reach: float) -> tuple[Tensor, Tensor]:
    """Look for the outline of skin along lines across a contour.

    Args:
        image: (H, W, 3).
        pixels: (k, 2) of the contour.
        across: (k, 2) unit vectors out of the skin.
        size: pixels per mm.
        reach: mm to each side.

    Returns:
        (k,) how many pixels along `across` it lies, and (k,) from 0 to 1 how surely.
    """
    step = max(reach / _TICKS, 0.75 / size)  # mm
    half, window, deep = (max(2, round(length / step)) for length in (reach, 0.2 * reach, _DEEP))
    ticks = torch.arange(-half - window - deep, half + window + 1, device=pixels.device).to(pixels)
    where = pixels[:, None] + (ticks * step * size)[:, None] * across[:, None]
    layers, corner = _blurred(image, where, 0.6 * step * size)
    extent = pixels.new_tensor([layers.shape[3], layers.shape[2]])
    tone = grid_sample(layers, (2 * (where - corner) / extent - 1)[None], align_corners=False, padding_mode="border")
    total = pad((tone[0].permute(1, 2, 0) + _DARK).log().cumsum(1), (0, 0, 1, 0))  # (k, T + 1, 3)
    middle = torch.arange(2 * half + 1, device=pixels.device)
    at = middle + window + deep
    inner, outer = (total[:, at] - total[:, at - window]) / window, (total[:, at + window] - total[:, at]) / window
    jump = (inner - outer).square().mean(2).sqrt()
    away = inner - total[:, deep, None] / deep
    light = away.mean(2)
    colour = (away - light[..., None]).square().mean(2)
    alike = torch.exp(-light.square() / (2 * _LIGHT**2) - colour / (2 * _COLOUR**2)).cummin(1).values
    shift = (middle - half - 0.5) * step  # mm; an edge lies between two ticks
    score = jump / (jump + _CONTRAST) * alike * torch.exp(-shift.square() / reach**2)
    near = torch.cdist(pixels, pixels) / size
    together = torch.exp(-near.square() / (2 * _TOGETHER**2)) * (across @ across.T).clamp_min(0) ** 4
    merit = score * (together @ score / together.sum(1, keepdim=True))
    top, best = merit.max(1)
    rival = merit.masked_fill((middle - best[:, None]).abs() <= 2 * window, 0).amax(1)
    belief = top.sqrt() * (1 - (rival / top.clamp_min(1e-9)).square())
    belief = belief * ((best > 0) & (best < 2 * half))  # what is best at the end goes on beyond it
    # The top of the parabola through the best place and the two beside it.
    left, right = (merit.gather(1, (best + d).clamp(0, 2 * half)[:, None])[:, 0] for d in (-1, 1))
    between = ((right - left) / (2 * (2 * top - left - right)).clamp_min(1e-9)).clamp(-0.5, 0.5)
    return (shift[best] + between * step) * size, belief


def _outermost(vertices: Tensor, faces: Tensor, camera: Camera, points: Tensor, across: Tensor, size: float) -> Tensor:
    """(k,) which points of a contour the picture shows with something much farther off beyond them."""
    pixels = camera.project(points)
    low, high = pixels.amin(0) - 2 * _BESIDE * size, pixels.amax(0) + 2 * _BESIDE * size
    cut, scale = cut_out(camera, low, high, _DETAIL)
    width, height = cut.size
    depth = rasterise(vertices, faces, cut).depth

    def farther(beside: float) -> Tensor:
        column, row = ((pixels + beside * size * across - low) * scale).floor().long().unbind(1)
        return depth[row.clamp(0, height - 1), column.clamp(0, width - 1)] - camera.depth(points)

    inside, margin = farther(-1.0), 2 * size
    shown = ((pixels > margin) & (pixels < pixels.new_tensor(camera.size) - margin)).all(1)
    return (inside < _DROP) & (inside > -_RISE) & (farther(_BESIDE) > _DROP) & shown


def _blurred(image: Tensor, where: Tensor, blur: float) -> tuple[Tensor, Tensor]:
    """The part of a picture (H, W, 3) round points (..., 2), blurred by `blur` pixels: (1, 3, h, w), and its corner."""
    reach = max(1, int(3 * blur))
    last = torch.tensor([image.shape[1], image.shape[0]]) - 1
    left, top = (where.flatten(0, -2).amin(0).floor().long().cpu() - reach).clamp_min(0).minimum(last).tolist()
    right, bottom = (where.flatten(0, -2).amax(0).ceil().long().cpu() + reach).clamp_min(0).minimum(last).tolist()
    cut = image[top : bottom + 1, left : right + 1].permute(2, 0, 1)[None]
    return blurred(cut, max(blur, 0.1)), where.new_tensor([left, top])
