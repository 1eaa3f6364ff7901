"""Which triangle each pixel of a picture shows, and where in it: visibility in plain torch. Derived in lesson 7.

A triangle covers one run of pixels in each row, from its long side to one of its two short ones (counted from top to
bottom). All triangles are cut into rows together, all rows into fragments, one for each pixel, and fragments compete
for their pixel with one number that holds depth and face. Each side is computed from its upper end, alike for both
triangles that share it, so that no pixel falls between them.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from asm_teach.base.arrays import unroll
from asm_teach.base.checks import check_points, check_polygons
from asm_teach.rendering.camera import Camera
from asm_teach.rendering.interpolation import locate, place

_THIN = 1e-4  # pixels: a triangle less high than this on the screen is taken to have no area
_FAR = 16  # a corner this many pictures away is left to double precision


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
        return place(values, self.pixels, height * width, empty).reshape(height, width, -1)


def rasterise(vertices: Tensor, faces: Tensor, camera: Camera, size: tuple[int, int] | None = None) -> Raster:
    """Find what each pixel's central ray meets first, by eq. (7.2), from either side, as a ray cast would.

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
    _check(vertices, faces)
    if camera.translation.dtype != vertices.dtype or camera.translation.device != vertices.device:
        raise ValueError(
            f"camera is {camera.translation.dtype} on {camera.translation.device}, vertices are {vertices.dtype} "
            f"on {vertices.device}: bring the camera there with camera.to(vertices.device, vertices.dtype)"
        )
    width, height = _size(size, camera)
    points = homogeneous_pixels(vertices, camera, (width, height))
    with torch.no_grad():
        # By coordinate, corner and face: rows of equal meaning are what torch computes fastest on.
        corners = points.T.contiguous().index_select(1, faces.T.reshape(-1)).view(9, -1)
        pixels, hits = _nearest(corners, width, height)
        face = torch.full((height * width,), -1, device=faces.device).scatter_(0, pixels, hits).view(height, width)
    weights, depths = locate(points, faces, corners, hits, pixels, width)
    return Raster(face, pixels, hits, weights, depths, points, faces)


def _check(vertices: Tensor, faces: Tensor) -> None:
    # The full checks cost as much as a tenth of a picture: one glance tells that most input passes them.
    fine = vertices.ndim == faces.ndim == 2 and vertices.is_floating_point() and faces.dtype == torch.int64
    fine = fine and vertices.shape[1] == faces.shape[1] == 3 and len(faces) > 0
    if fine and bool(torch.isfinite(vertices.detach().sum())):
        low, high = faces.aminmax()
        if low >= 0 and high < len(vertices):
            return
    check_points(vertices, "vertices", 3)
    check_polygons(faces, "faces", 3, len(vertices), "vertices")


def _size(size: tuple[int, int] | None, camera: Camera) -> tuple[int, int]:
    if size is None:
        return camera.size
    if len(size) != 2 or not all(isinstance(side, int) and side > 0 for side in size):
        raise ValueError(f"size is {size!r}: give (width, height), two whole numbers above zero")
    return size


def homogeneous_pixels(vertices: Tensor, camera: Camera, size: tuple[int, int]) -> Tensor:
    """(V, 3) world points -> (column z, row z, z) with z the depth in mm, for a picture of `size`."""
    matrix = camera.world_to_camera()
    focal, principal = camera.focal, camera.principal[:, None]
    if size != camera.size:
        stretch = principal.new_tensor([[size[0] / camera.size[0]], [size[1] / camera.size[1]]])
        focal, principal = focal * stretch, principal * stretch
    matrix = torch.cat([focal * matrix[:2] + principal * matrix[2], matrix[2:]])
    return torch.addmm(matrix[:, 3:], matrix[:, :3], vertices.T).T


def _nearest(corners: Tensor, width: int, height: int) -> tuple[Tensor, Tensor]:
    """The pixels (n,) that show something, and the face (n,) of each; corners (9, F): three x, three y, three z."""
    columns, rows, table, face = _set_up(corners, width, height)
    # A positive integer for what a pixel shows, the bits of 1 / depth times 2^32 less the triangle's number: its
    # maximum is the nearest triangle, and the first of equally near ones.
    buffer = torch.zeros(height * width, dtype=torch.int64, device=corners.device)
    at_once = 1 << (24 if corners.is_cuda else 19)  # pixels of bounding boxes; what follows takes memory for so many
    end = (columns * rows).cumsum(0)
    sizes = [len(end)]
    if len(end) and int(end[-1]) > at_once:
        sizes = torch.div(end, at_once, rounding_mode="floor").bincount().tolist()
    begin = 0
    for size in sizes:
        pixel, key = _fragments(rows[begin : begin + size], table[:, begin : begin + size], width)
        buffer.scatter_reduce_(0, pixel, key.sub_(begin), "amax")
        begin += size
    pixels = buffer.nonzero().squeeze(1)
    hits = buffer.index_select(0, pixels).neg_().bitwise_and_(0xFFFFFFFF)
    return pixels, hits if face is None else face.index_select(0, hits)


def _set_up(corners: Tensor, width: int, height: int) -> tuple[Tensor, Tensor, Tensor, Tensor | None]:
    """What K triangles need: columns and rows (K,) of pixels in their bounding boxes, and a table (11, K) of

    0, 1: column and row of the uppermost corner a, a pixel's centre being whole; 2, 3: of the middle one b;
    4 to 6: columns per row along the sides ac, ab and bc; 7: 1 / depth at a; 8, 9: its growth per column and per row;
    10: the first row. Those that do not show have no rows. Last, their faces (K,), or None if they are all F faces.
    """
    x, y, z = corners.view(3, 3, -1)
    near = 1 / z
    screen = torch.stack([x * near - 0.5, y * near - 0.5, near])  # (3, 3, F) column, row, 1 / depth
    face = None
    reach = float(screen[:2].abs().amax()) if screen.numel() else 0.0
    if not reach < _FAR * (width + height) or not bool((z > 0).all()):
        x, y, z, face = _before(corners.double())
        screen = torch.stack([x / z - 0.5, y / z - 0.5, 1 / z])
    low, high = screen[:2].amin(1), screen[:2].amax(1)
    last = low.new_tensor([[width - 1], [height - 1]])
    first = low.ceil().clamp_min_(0)
    extent = torch.minimum(high.floor(), last).sub_(first).add_(1)
    a, b, c = screen.unbind(1)
    a, b = _by_row(a, b)
    b, c = _by_row(b, c)
    a, b = _by_row(a, b)
    ab, ac, bc = b - a, c - a, c - b
    area = ab[0] * ac[1] - ac[0] * ab[1]
    seen = (extent.amin(0) > 0) & (area.abs() > _THIN * (high - low).sum(0))
    slopes = [torch.where(side[1] > 0, side[0] / side[1], 0.0) for side in (ac, ab, bc)]
    across, down = (ab[2] * ac[1] - ac[2] * ab[1]) / area, (ac[2] * ab[0] - ab[2] * ac[0]) / area
    table = torch.stack([a[0], a[1], b[0], b[1], *slopes, a[2], across, down, first[1]])
    columns, rows = torch.where(seen, extent, 0.0).long()
    return columns, rows, table, face


def _by_row(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """Two corners (3, K) of each triangle, the upper one first."""
    turned = a[1] > b[1]
    return torch.where(turned, b, a), torch.where(turned, a, b)


def _before(corners: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The part of the triangles (9, F) before the camera as x, y, z (3, K) of triangles, and their faces (K,)."""
    corners = corners.view(3, 3, -1)
    nearest = 1e-6 * corners[2].abs().amax()  # mm; nothing is seen so close to the camera
    before = corners[2] > nearest
    count = before.sum(0)
    whole, one, two = ((count == number).nonzero().squeeze(1) for number in (3, 1, 2))

    def from_odd(faces: Tensor, odd: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Their corners, each (3, k), in turn from the one that lies on another side than the two others."""
        order = odd[:, faces].int().argmax(0) + torch.arange(3, device=odd.device)[:, None]
        a, b, c = corners[:, :, faces].gather(1, (order % 3).expand(3, -1, -1)).unbind(1)
        return a, b, c

    def cut(p: Tensor, q: Tensor) -> Tensor:
        """Where the way from p, before, to q, behind, meets the plane."""
        return p + (q - p) * ((p[2] - nearest) / (p[2] - q[2]))

    a, b, c = from_odd(one, before)
    tips = torch.stack([a, cut(a, b), cut(a, c)], 1)
    a, b, c = from_odd(two, ~before)
    far, close = cut(c, a), cut(b, a)
    parts = [corners[:, :, whole], tips, torch.stack([b, c, far], 1), torch.stack([b, far, close], 1)]
    return *torch.cat(parts, 2), torch.cat([whole, one, two, two])


def _fragments(rows: Tensor, table: Tensor, width: int) -> tuple[Tensor, Tensor]:
    """The pixels (n,) that the triangles cover, and their keys (n,)."""
    # From triangles to their rows of pixels, (R,) ...
    owner, number = unroll(rows)
    ax, ay, bx, by, ac, ab, bc, near, across, down, row = table.index_select(1, owner)
    row.add_(number)
    from_a, from_b = row - ay, row - by
    long = torch.addcmul(ax, from_a, ac)
    short = torch.where(from_b < 0, torch.addcmul(ax, from_a, ab), torch.addcmul(bx, from_b, bc))
    left, right = torch.minimum(long, short).ceil_().clamp_min_(0), torch.maximum(long, short).floor_()
    count = right.clamp_max_(width - 1).sub_(left).add_(1).clamp_min_(0).long()
    near.addcmul_(down, from_a).addcmul_(across, left - ax)
    first = row.long().mul_(width).add_(left.long())
    # ... and from rows to pixels, (n,).
    run, column = unroll(count)
    near = torch.addcmul(near.index_select(0, run), across.index_select(0, run), column.to(near)).float()
    pixel = first.index_select(0, run).add_(column)
    return pixel, (near.view(torch.int32).long() << 32).sub_(owner.index_select(0, run))
