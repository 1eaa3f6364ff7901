"""The nearest point of a surface, exactly, by trees of triangles.

Not differentiable: computed in float64 on the CPU, whatever the input, and given back in the precision and on
the device of the points.
"""

from __future__ import annotations

from itertools import chain

import numpy as np
import torch
from torch import Tensor

from asm_teach.base.arrays import Floats, Ints
from asm_teach.base.checks import check_points, check_polygons

_PAIRS_AT_ONCE = 100_000  # point-triangle pairs looked at together: bounds the memory, and fits a cache
_SIZE_CLASSES = 10  # each class of triangles is half the size of the one before


def closest_points(points: Tensor, vertices: Tensor, faces: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The nearest point of a surface to each point; a triangle without area counts as the line it is.

    Args:
        points: (n, 3) mm.
        vertices: (V, 3) mm.
        faces: (F, 3) int64.

    Returns:
        points (n, 3) on the surface, distances (n,) in mm, faces (n,) int64 on which they lie.

    Raises:
        ValueError: NaN, wrong shapes, no faces, faces out of range.
    """
    check_points(points, "points", 3)
    nearest, distance, face = Surface(vertices, faces).closest(to_array(points))
    return to_tensor(nearest, points), to_tensor(distance, points), torch.from_numpy(face).to(points.device)


class Surface:
    """Triangles in trees, to ask for closest points many times.

    A triangle reaches at most `reach` from its centre. So once some triangle is known to lie within `bound`
    of a point, any nearer one has its centre within bound + reach: these are all looked at, and the answer is
    exact. One tree for each size of triangle keeps a few large ones from making that ball large for all.
    """

    def __init__(self, vertices: Tensor, faces: Tensor) -> None:
        from scipy.spatial import cKDTree  # half a second, which a first 3D view does without

        check_points(vertices, "vertices", 3)
        check_polygons(faces, "faces", 3, len(vertices), "vertices")
        if len(faces) == 0:
            raise ValueError("faces is empty: a surface needs at least one triangle")
        self.corners = to_array(vertices)[faces.cpu().numpy()]
        self.centre = self.corners.mean(1)
        self.reach = np.linalg.norm(self.corners - self.centre[:, None], axis=2).max(1)
        self.tree = cKDTree(self.centre)
        halvings = np.log2(max(self.reach.max(), 1e-300) / np.maximum(self.reach, 1e-300))
        size = np.clip(halvings, 0, _SIZE_CLASSES - 1).astype(int)
        members = [np.flatnonzero(size == k) for k in np.unique(size)]
        self._classes = [(ids, cKDTree(self.centre[ids]), self.reach[ids].max()) for ids in members]

    def closest(self, points: Floats) -> tuple[Floats, Floats, Ints]:
        """(n, 3) -> nearest points (n, 3), distances (n,), faces (n,)."""
        face = self.tree.query(points)[1]
        nearest = closest_on_triangles(points, self.corners[face])
        distance = np.linalg.norm(points - nearest, axis=1)
        for ids, tree, reach in self._classes:
            radius = (distance + reach) * (1 + 1e-12)  # rounding must not lose a triangle at the rim
            first, batch = 0, 256
            while first < len(points):
                rows = np.arange(first, min(first + batch, len(points)))
                lists = tree.query_ball_point(points[rows], radius[rows])
                counts = np.fromiter(map(len, lists), dtype=np.int64, count=len(lists))
                pairs = int(counts.sum())
                inside = np.fromiter(chain.from_iterable(lists), dtype=np.int64, count=pairs)
                self._improve(points, np.repeat(rows, counts), ids[inside], nearest, distance, face)
                first += batch
                batch = int(np.clip(_PAIRS_AT_ONCE * len(rows) / max(pairs, 1), 1, 4 * batch))
        return nearest, distance, face

    def _improve(
        self, points: Floats, row: Ints, triangle: Ints, nearest: Floats, distance: Floats, face: Ints
    ) -> None:
        """Where a pair (row, triangle) is nearer than what that row has so far, take it, in place."""
        gap = np.linalg.norm(points[row] - self.centre[triangle], axis=1) - self.reach[triangle]
        near = gap < distance[row]
        row, triangle = row[near], triangle[near]
        if len(row) == 0:
            return
        candidate = closest_on_triangles(points[row], self.corners[triangle])
        away = np.linalg.norm(points[row] - candidate, axis=1)
        order = np.lexsort((away, row))
        best = order[np.r_[True, np.diff(row[order]) > 0]]  # the first of each row, its nearest
        best = best[away[best] < distance[row[best]]]
        rows = row[best]
        nearest[rows], distance[rows], face[rows] = candidate[best], away[best], triangle[best]

    def normals(self, faces: Ints) -> Floats:
        """(n,) faces -> (n, 3) unit normals; zero for a triangle without area."""
        a, b, c = self.corners[faces].transpose(1, 0, 2)
        normal: Floats = np.cross(b - a, c - a)
        normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-300)
        return normal


def closest_on_triangles(points: Floats, corners: Floats) -> Floats:
    """The point of triangle corners[i] that is nearest to points[i]. (m, 3), (m, 3, 3) -> (m, 3).

    The foot of the perpendicular where it falls inside, else the nearest point of an edge. Every answer lies
    on its triangle, however thin that is.
    """
    edge = np.roll(corners, -1, axis=1) - corners
    length = np.einsum("mex,mex->me", edge, edge)
    along = np.einsum("mex,mex->me", points[:, None] - corners, edge) / np.where(length > 0, length, 1)
    on_edge = corners + np.clip(along, 0, 1)[..., None] * edge
    which = np.argmin(np.square(points[:, None] - on_edge).sum(2), axis=1)
    nearest = np.take_along_axis(on_edge, which[:, None, None], axis=1)[:, 0]

    p, q, offset = edge[:, 0], -edge[:, 2], points - corners[:, 0]  # foot = corner 0 + v p + w q
    pp, qq, pq = length[:, 0], length[:, 2], np.einsum("mx,mx->m", p, q)
    op, oq = np.einsum("mx,mx->m", offset, p), np.einsum("mx,mx->m", offset, q)
    area = pp * qq - pq * pq  # squared, four times over
    flat = area <= 1e-15 * pp * qq  # nothing but rounding: the edges are the whole triangle
    safe = np.where(flat, 1, area)
    v, w = (qq * op - pq * oq) / safe, (pp * oq - pq * op) / safe
    inside = ~flat & (v > 0) & (w > 0) & (v + w < 1)
    foot = corners[:, 0] + v[:, None] * p + w[:, None] * q
    nearer = np.square(points - foot).sum(1) < np.square(points - nearest).sum(1)
    return np.where((inside & nearer)[:, None], foot, nearest)


def to_array(x: Tensor) -> Floats:
    """A tensor as a float64 array, cut off from any graph."""
    return x.detach().cpu().double().numpy()


def to_tensor(x: Floats, like: Tensor) -> Tensor:
    """An array in the precision and on the device of a tensor."""
    return torch.from_numpy(np.asarray(x, dtype=np.float64)).to(like.device, like.dtype)
