"""Which triangle each pixel of a picture shows, and where in it: visibility in plain torch. Derived in lesson 7.

A pixel's ray meets a triangle exactly when three edge functions are not negative. In homogeneous pixels
(column z, row z, z) they are linear in the pixel, for triangles that reach behind the camera too, which therefore
need no clipping (Olano and Greer, "Triangle scan conversion using 2D homogeneous coordinates", 1997).

Triangles are sorted by the size of their bounding box and evaluated on small square stencils, all triangles of a
size at once. What falls inside competes for its pixel with one number that holds depth and face together.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from asm_teach.camera import Camera
from asm_teach.checks import check_points, check_polygons
from asm_teach.interpolation import locate

_STENCILS = (2, 4, 8, 16)  # pixels; a larger triangle is cut into tiles of the last size
_PAD = _STENCILS[-1]  # stencils reach over the right and the lower border, into pixels that are dropped
_LOW = 0xFFFFFFFF


@dataclass(frozen=True, eq=False)
class Raster:
    """What each pixel of a picture of H x W shows; n of its pixels show something.

    Attributes:
        face: (H, W) int64, -1 where the picture is empty.
        pixels: (n,) int64, the covered pixels: row times W plus column.
        hits: (n,) int64, the face each of them shows.
        weights: (n, 3) perspective-correct barycentric coordinates of the point it shows. Differentiable in the
            vertices and the camera.
        depths: (n,) its depth along the optical axis, mm; differentiable too.
        points: (V, 3) the vertices in homogeneous pixels (column z, row z, z).
        faces: (F, 3).
    """

    face: Tensor
    pixels: Tensor
    hits: Tensor
    weights: Tensor
    depths: Tensor
    points: Tensor
    faces: Tensor

    @property
    def barycentric(self) -> Tensor:
        """(H, W, 3) perspective-correct barycentric coordinates, zero where the picture is empty."""
        return self.spread(self.weights)

    @property
    def depth(self) -> Tensor:
        """(H, W) depth along the optical axis in mm, infinite where the picture is empty."""
        return self.spread(self.depths[:, None], torch.inf)[..., 0]

    @property
    def mask(self) -> Tensor:
        """(H, W) bool: which pixels show something."""
        return self.face >= 0

    def spread(self, values: Tensor, empty: float = 0.0) -> Tensor:
        """Values (n, C) of the covered pixels as a picture (H, W, C), with `empty` elsewhere."""
        height, width = self.face.shape
        picture = values.new_full((height * width, values.shape[1]), empty)
        return picture.index_copy(0, self.pixels, values).view(height, width, -1)


def rasterise(vertices: Tensor, faces: Tensor, camera: Camera, size: tuple[int, int] | None = None) -> Raster:
    """Find what each pixel's central ray meets first, from either side, as a ray cast would.

    Triangles behind the camera, off the picture and without area (edge on too) show nowhere; the part of a
    triangle that lies before the camera shows where it should. Of two surfaces at the same depth to single
    precision the face with the lower number shows. Memory grows with triangles plus pixels. The result is
    differentiable inside the triangles: its weights and depths, not which face is seen (see `edges.antialias`).

    Args:
        vertices: (V, 3) mm.
        faces: (F, 3) int64.
        camera: in the precision and on the device of the vertices.
        size: (width, height) in pixels of the picture, if not the camera's own: the same view, stretched.

    Raises:
        ValueError: wrong shapes or types, NaN, a size below one pixel, a camera of another precision or device.
    """
    check_points(vertices, "vertices", 3)
    check_polygons(faces, "faces", 3, len(vertices), "vertices")
    if camera.translation.dtype != vertices.dtype or camera.translation.device != vertices.device:
        raise ValueError(
            f"camera is {camera.translation.dtype} on {camera.translation.device}, vertices are {vertices.dtype} "
            f"on {vertices.device}: bring the camera there with camera.to(vertices.device, vertices.dtype)"
        )
    width, height = _size(size, camera)
    points = homogeneous_pixels(vertices, camera, (width, height))
    with torch.no_grad():
        face = _nearest(points.detach(), faces, width, height)
        pixels = (face >= 0).view(-1).nonzero().squeeze(1)
        hits = face.view(-1).index_select(0, pixels)
    weights, depths = locate(points, faces, hits, pixels, width)
    return Raster(face, pixels, hits, weights, depths, points, faces)


def _size(size: tuple[int, int] | None, camera: Camera) -> tuple[int, int]:
    if size is None:
        return camera.size
    if len(size) != 2 or not all(isinstance(side, int) and side > 0 for side in size):
        raise ValueError(f"size is {size!r}: give (width, height), two whole numbers above zero")
    return size


def homogeneous_pixels(vertices: Tensor, camera: Camera, size: tuple[int, int]) -> Tensor:
    """(V, 3) world points -> (column z, row z, z) with z the depth in mm, for a picture of `size`."""
    matrix = camera.world_to_camera()
    zero, one = torch.zeros_like(camera.focal), torch.ones_like(camera.focal)
    lens = torch.stack(
        [
            torch.stack([camera.focal, zero, camera.principal[0]]),
            torch.stack([zero, camera.focal, camera.principal[1]]),
            torch.stack([zero, zero, one]),
        ]
    )
    stretch = lens.new_tensor([size[0] / camera.size[0], size[1] / camera.size[1], 1.0])
    projection = stretch[:, None] * (lens @ matrix)
    return vertices @ projection[:, :3].mT + projection[:, 3]


def _nearest(points: Tensor, faces: Tensor, width: int, height: int) -> Tensor:
    """(H, W) int64: the nearest face of each pixel, or -1."""
    slack = 2e-4 if points.dtype == torch.float32 else 1e-9  # pixels: rounding must not open cracks between faces
    stride = width + _PAD
    # Depth above, face below in one integer, so that one maximum decides both. 0 is an empty pixel.
    buffer = torch.zeros((height + _PAD) * stride, dtype=torch.int64, device=points.device)
    seen, corner, extent = _boxes(points, faces, width, height, slack)
    table, seen, corner, extent = _edge_functions(points, faces, seen, corner, extent, slack)
    start = corner[1] * stride + corner[0]
    name = _LOW - seen
    longest = extent.amax(0)
    at_once = 1 << (24 if points.is_cuda else 18)  # cells; few enough for a processor's cache
    smaller = 0
    for side in _STENCILS:
        chosen = ((longest > smaller) & (longest <= side)).nonzero().squeeze(1)
        for part in chosen.split(at_once // side**2):
            _stamp(table.index_select(2, part), start[part], name[part], side, stride, slack, buffer)
        smaller = side
    large = (longest > _PAD).nonzero().squeeze(1)
    for owner, column, row in _tiles(extent[:, large], at_once // _PAD):
        owner = large[owner]
        part = table.index_select(2, owner)
        part[2] += part[0] * column + part[1] * row
        # The best that an edge function reaches in a tile, at one of its four corners.
        best = part[2] + (_PAD - 1) * (part[0].clamp_min(0) + part[1].clamp_min(0))
        kept = (best[:3].amin(0) >= -slack).nonzero().squeeze(1)
        first = start[owner] + row * stride + column
        for tile in kept.split(at_once // _PAD**2):
            _stamp(part.index_select(2, tile), first[tile], name[owner[tile]], _PAD, stride, slack, buffer)
    buffer = buffer.view(height + _PAD, stride)[:height, :width]
    return torch.where(buffer > 0, _LOW - (buffer & _LOW), -1)


def _boxes(points: Tensor, faces: Tensor, width: int, height: int, slack: float) -> tuple[Tensor, Tensor, Tensor]:
    """Faces (K,) that may show, the first pixel (2, K) of their bounding boxes, and columns and rows (2, K) of those.

    A face that reaches behind the camera may show anywhere, as far as its box tells.
    """
    before = points[:, 2] > 0
    screen = (points[:, :2] / torch.where(before, points[:, 2], 1.0)[:, None]).T
    corners = screen.index_select(1, faces.T.reshape(-1)).view(2, 3, -1)
    low, high = corners.amin(1), corners.amax(1)
    if not before.all():
        there = before[faces]
        crossing = there.any(1) & ~there.all(1)
        low = torch.where(crossing, -torch.inf, low)
        high = torch.where(there.any(1), torch.where(crossing, torch.inf, high), -torch.inf)
    last = points.new_tensor([[width - 1], [height - 1]])
    first = (low - (0.5 + slack)).ceil_().clamp_min_(0)
    count = torch.minimum((high - (0.5 - slack)).floor_(), last) - first + 1
    seen = (count.amin(0) > 0).nonzero().squeeze(1)
    return seen, first.index_select(1, seen).long(), count.index_select(1, seen).long()


def _edge_functions(
    points: Tensor, faces: Tensor, seen: Tensor, corner: Tensor, extent: Tensor, slack: float
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """(3, 4, K): growth per column, per row, and value at the box's first pixel, of three edges and of 1 / depth.

    The edges are scaled to say how many pixels inside a place lies. Faces without area on the screen are left out.
    """
    x, y, z = points.T.contiguous().index_select(1, faces.index_select(0, seen).T.reshape(-1)).view(3, 3, -1)
    # From the first pixel of its box on, a triangle's numbers are small, and so are their rounding errors.
    x = x - z * (corner[0] + 0.5).to(z)
    y = y - z * (corner[1] + 0.5).to(z)
    x1, y1, z1 = (q[[1, 2, 0]] for q in (x, y, z))
    ex, ey, ez = (q[[2, 0, 1]] - p for q, p in ((x, x1), (y, y1), (z, z1)))
    across, down, here = y1 * ez - z1 * ey, z1 * ex - x1 * ez, x1 * ey - y1 * ex  # corner j x corner k, (3, K)
    volume = x[0] * across[0] + y[0] * down[0] + z[0] * here[0]
    scale = volume.sign() / (across.square() + down.square()).sqrt_()
    high = (volume * scale / z.abs()).amin(0) > slack  # every corner lies off its opposite side; NaN does not
    slopes = torch.stack([across, down, here])  # (3, 3, K)
    table = torch.cat([slopes * scale, slopes.sum(1, keepdim=True) / volume], dim=1)
    if high.all():
        return table, seen, corner, extent
    kept = high.nonzero().squeeze(1)
    return table[..., kept], seen[kept], corner[:, kept], extent[:, kept]


def _tiles(extent: Tensor, at_once: int) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Boxes of columns and rows (2, L) cut into tiles, some at a time: the box of each, its first column and row."""
    across = (extent[0] + _PAD - 1) // _PAD
    count = across * ((extent[1] + _PAD - 1) // _PAD)
    end = count.cumsum(0)
    total = int(end[-1]) if len(end) else 0
    for begin in range(0, total, at_once):
        number = torch.arange(begin, min(begin + at_once, total), device=extent.device)
        owner = torch.searchsorted(end, number, right=True)
        within = number - (end - count)[owner]
        row = torch.div(within, across[owner], rounding_mode="floor")
        yield owner, _PAD * (within - row * across[owner]), _PAD * row


def _stamp(table: Tensor, start: Tensor, name: Tensor, side: int, stride: int, slack: float, buffer: Tensor) -> None:
    """Evaluate m triangles on a stencil of side x side pixels each, and enter what is inside."""
    number = torch.arange(side, device=table.device)[:, None]
    step, offset = number.to(table), (number * stride + number.T).view(-1)
    inside: Tensor | None = None
    for edge in range(3):
        value = _plane(table[:, edge], step)
        inside = value if inside is None else torch.minimum(inside, value, out=inside)
    assert inside is not None
    count = table.shape[2]
    cell = (inside.view(-1) >= -slack).nonzero().squeeze(1)
    nearness = _plane(table[:, 3], step).view(-1).index_select(0, cell).float()
    place = torch.div(cell, count, rounding_mode="floor")
    which = cell - place * count
    pixel = start.index_select(0, which) + offset.index_select(0, place)
    key = (nearness.view(torch.int32).long() << 32) | name.index_select(0, which)
    buffer.scatter_reduce_(0, pixel, key, "amax")


def _plane(function: Tensor, step: Tensor) -> Tensor:
    """A linear function (3, m) on a stencil: (side, side, m), rows first."""
    across, down, here = function
    return (here + down * step)[:, None] + (across * step)[None]
