"""Which triangle each pixel of a picture shows, and where in it: visibility in plain torch. Derived in lesson 7.

A pixel's ray meets a triangle exactly when three edge functions are not negative. In homogeneous pixels
(column z, row z, z) they are linear in the pixel, for triangles that reach behind the camera too, which therefore
need no clipping (Olano and Greer, "Triangle scan conversion using 2D homogeneous coordinates", 1997).

In each row of pixels the three lines bound one run of covered pixels. All triangles of about the same height find
their runs together; the runs become fragments, one for each pixel, and fragments compete for their pixel with one
number that holds depth and face.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from asm_teach.camera import Camera
from asm_teach.checks import check_points, check_polygons
from asm_teach.interpolation import cross, locate

_LOW = 0xFFFFFFFF
_FAR = 1e9  # pixels: beyond any picture


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
        # By coordinate, corner and face: rows of equal meaning are what torch computes fastest on.
        corners = points.T.contiguous().index_select(1, faces.T.reshape(-1)).view(9, -1)
        nearest = _nearest(corners, width, height)
        pixels = nearest.nonzero().squeeze(1)
        hits = _LOW - (nearest.index_select(0, pixels) & _LOW)
        face = torch.full_like(nearest, -1).scatter_(0, pixels, hits).view(height, width)
    weights, depths = locate(points, faces, corners, hits, pixels, width)
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
    seen = matrix[:, :3].contiguous() @ vertices.T + matrix[:, 3:]  # (3, V)
    focal, principal = camera.focal, camera.principal
    if size != camera.size:
        stretch = principal.new_tensor([size[0] / camera.size[0], size[1] / camera.size[1]])
        focal, principal = focal * stretch, principal * stretch
    flat = focal.expand(2)[:, None] * seen[:2] + principal[:, None] * seen[2]
    return torch.cat([flat, seen[2:]]).T


def _nearest(corners: Tensor, width: int, height: int) -> Tensor:
    """(H W,) int64: 1 / depth of what each pixel shows in the upper half, its face in the lower; 0 if it is empty.

    One maximum then decides both. corners: (9, F) of the faces, three x, three y, three z.
    """
    buffer = torch.zeros(height * width, dtype=torch.int64, device=corners.device)
    boxes = _set_up(corners, width, height)
    at_once = 1 << (24 if corners.is_cuda else 20)  # fragments
    end = (boxes.columns * boxes.rows).cumsum(0)
    if len(end) and int(end[-1]) <= at_once:
        parts = [boxes]
    else:
        sizes = (end // at_once).bincount().tolist()
        parts = [_Boxes(*part) for part in zip(*(values.split(sizes, -1) for values in boxes), strict=True)]
    for part in parts:
        pixel, key = _fragments(part, width)
        buffer.scatter_reduce_(0, pixel, key, "amax")
    return buffer


class _Boxes(NamedTuple):
    """K triangles that may show, as seen from the first pixel of their bounding boxes.

    face: (K,). first: (K,) that pixel, row times width plus column. columns, rows: (K,) of the box.
    table: (16, K). 0 to 2: for each edge, if it bounds the rows on the left, the column where it crosses the first
    one, else -_FAR. 3 to 5: for the right, negated. 6 to 11: how far these move from row to row. 12 to 14: 1 / depth
    at the first pixel, its growth per row and per column. 15: the last column of the box.
    """

    face: Tensor
    first: Tensor
    columns: Tensor
    rows: Tensor
    table: Tensor


def _set_up(corners: Tensor, width: int, height: int) -> _Boxes:
    slack = 2e-4 if corners.dtype == torch.float32 else 1e-9  # pixels: rounding must not open cracks between faces
    face, corner, extent = _boxes(corners, width, height, slack)
    if len(face) < corners.shape[1]:
        corners = corners.index_select(1, face)
    x, y, z = corners.view(3, 3, -1)
    # From the first pixel of its box on, a triangle's numbers are small, and so are their rounding errors.
    x, y = torch.addcmul(x, z, corner[0] + 0.5, value=-1), torch.addcmul(y, z, corner[1] + 0.5, value=-1)
    across, down, here = cross(y, z), cross(z, x), cross(x, y)  # (3, K); edge functions, not yet scaled
    volume = x[0] * across[0] + y[0] * down[0] + z[0] * here[0]
    # Scaled they say how many pixels inside a place lies. A triangle without area on the screen is left out: its
    # corners do not lie off the opposite sides (nor do they if the answer is NaN).
    scale = volume.sign() * (across.square() + down.square()).rsqrt_()
    nearness = torch.stack([here.sum(0), down.sum(0), across.sum(0)]) / volume
    across, down, here = across * scale, down * scale, here * scale
    kept = (volume * scale / z.abs()).amin(0) > slack
    across = torch.where(across.abs() < 1e-12, -1e-12, across)  # a level edge lets a whole row in or keeps it out
    end, shift = -(here + slack) / across, -down / across
    left = across > 0
    bounds = [torch.where(left, end, -_FAR), torch.where(left, -_FAR, -end)]
    shifts = [torch.where(left, shift, 0.0), torch.where(left, 0.0, -shift)]
    table = torch.cat([*bounds, *shifts, nearness, extent[:1] - 1])
    column, row = corner.long()
    boxes = _Boxes(face, row * width + column, *extent.long(), table)
    if kept.all():
        return boxes
    kept = kept.nonzero().squeeze(1)
    return _Boxes(*(part.index_select(-1, kept) for part in boxes))


def _boxes(corners: Tensor, width: int, height: int, slack: float) -> tuple[Tensor, Tensor, Tensor]:
    """Faces (K,) that may show; the first pixel (2, K) of their bounding boxes; how many columns and rows (2, K).

    A face that reaches behind the camera may show anywhere, as far as its box tells.
    """
    x, y, z = corners.view(3, 3, -1)
    near = 1 / z
    screen = torch.stack([x * near, y * near])
    low, high = screen.amin(1), screen.amax(1)
    before = z > 0
    if not before.all():
        crossing = before.any(0) & ~before.all(0)
        low = torch.where(crossing, -torch.inf, low)
        high = torch.where(before.any(0), torch.where(crossing, torch.inf, high), -torch.inf)
    last = corners.new_tensor([[width - 1], [height - 1]])
    first = (low - (0.5 + slack)).ceil_().clamp_min_(0)
    count = torch.minimum((high - (0.5 - slack)).floor_(), last) - first + 1
    seen = (count.amin(0) > 0).nonzero().squeeze(1)
    if len(seen) < count.shape[1]:
        first, count = first.index_select(1, seen), count.index_select(1, seen)
    return seen, first, count


def _fragments(boxes: _Boxes, width: int) -> tuple[Tensor, Tensor]:
    """The pixels (n,) that the triangles cover, and their keys (n,)."""
    # From triangles to their rows of pixels, (R,) ...
    owner, row = _spread(boxes.rows)
    table = boxes.table.index_select(1, owner)
    bounds = torch.addcmul(table[:6], table[6:12], row.to(table)).view(2, 3, -1).amax(1).ceil_()
    left = bounds[0].clamp_min_(0)
    right = torch.minimum(bounds[1].neg_(), table[15])
    count = (right - left).add_(1).clamp_min_(0).long()
    near = torch.addcmul(table[12], table[13], row.to(table)).addcmul_(table[14], left)
    first = (boxes.first.index_select(0, owner) + width * row).add_(left.long())
    # ... and from rows to pixels, (n,).
    run, column = _spread(count)
    near = torch.addcmul(near.index_select(0, run), table[14].index_select(0, run), column.to(near)).float()
    pixel = first.index_select(0, run).add_(column)
    name = (_LOW - boxes.face).index_select(0, owner).index_select(0, run)
    return pixel, (near.view(torch.int32).long() << 32).bitwise_or_(name)


def _spread(count: Tensor) -> tuple[Tensor, Tensor]:
    """Counts (k,) -> whose each place is and its number there: [2, 0, 1] -> [0, 0, 2], [0, 1, 0]."""
    end = count.cumsum(0)
    begin = end - count
    total = int(end[-1]) if len(end) else 0
    # At each place, how many have begun by then; those with a count of zero begin where the next one does.
    owner = torch.zeros(total + 1, dtype=torch.int64, device=count.device)
    owner = owner.scatter_add_(0, begin, torch.ones_like(begin))[:total].cumsum_(0).sub_(1)
    return owner, torch.arange(total, device=count.device).sub_(begin.index_select(0, owner))
