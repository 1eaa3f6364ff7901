"""Points carried on a surface, as a face and barycentric coordinates. Used by lesson 6.

A point goes to the nearest place, or to the nearest that faces its way: the inside of a lip lies nearer to a point
before it than the outside does. Arrays here are numpy, float64.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import numpy as np
import torch

from asm_teach.base.arrays import Bools, Floats, Ints
from asm_teach.geometry.closest_point import Surface, closest_on_triangles
from asm_teach.geometry.mesh_edges import edge_list

Faces: TypeAlias = Ints
Points: TypeAlias = Floats

AGREE = 0.3  # cosine between two normals that face the same way
_NEAR_FACES = 200


class OnSurface(NamedTuple):
    """Points of a surface: position (n, 3), face (n,), barycentric (n, 3), distance (n,) from where they came."""

    position: Points
    face: Ints
    barycentric: Points
    distance: Floats


class Skin:
    """A surface to put points on, where it faces the way the point expects.

    vertices (V, 3), faces (F, 3), and the way each face looks (F, 3), its normal if None.
    """

    def __init__(self, vertices: Points, faces: Faces, looks: Points | None = None) -> None:
        self.vertices, self.faces = vertices, faces
        self.surface = Surface(torch.from_numpy(vertices), torch.from_numpy(faces))
        self.corners = self.surface.corners
        self.looks = self.surface.normals(np.arange(len(faces))) if looks is None else looks

    def put(self, points: Points, facing: Points | None = None) -> OnSurface:
        """The nearest points (n, 3) to points (n, 3): on faces that look the way of `facing` (n, 3), where some do."""
        position, _, face = self.surface.closest(points)
        if facing is not None:
            near = self.surface.tree.query(points, min(_NEAR_FACES, len(self.faces)))[1].reshape(len(points), -1)
            row, column = np.nonzero((self.looks[near] * facing[:, None]).sum(2) > AGREE)
            candidate = near[row, column]
            foot = closest_on_triangles(points[row], self.corners[candidate])
            away = np.linalg.norm(foot - points[row], axis=1)
            order = np.lexsort((away, row))
            best = order[np.diff(row[order], prepend=-1) > 0]  # the first of each row, its nearest
            position[row[best]], face[row[best]] = foot[best], candidate[best]
        beta = barycentric(position, self.corners[face])
        return OnSurface(position, face, beta, np.linalg.norm(position - points, axis=1))

    def on_rim(self, on: OnSurface) -> Bools:
        """(n,) whether points lie on an edge that only one face has, where the surface ends."""
        # Corner k of a face lies opposite to the edge that begins at the next corner.
        edges = edge_list(torch.from_numpy(self.faces))
        rim = np.roll(edges.on_rim.numpy(), -1, axis=1)
        # A point at a corner of the rim lies on it too, whichever face of that corner it was found in.
        at_rim = np.isin(self.faces, edges.ends[edges.uses == 1].numpy())
        corner = on.barycentric > 1 - 1e-6
        on_side = rim[on.face] & (on.barycentric < 1e-6)
        on_rim: Bools = np.any(on_side | (at_rim[on.face] & corner), axis=1)
        return on_rim


def barycentric(points: Points, corners: Points) -> Points:
    """Coordinates (n, 3) of points on triangles (n, 3, 3), none below 0; one without area takes its nearest corner."""
    p, q, offset = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0], points - corners[:, 0]
    pp, qq, pq = (p * p).sum(1), (q * q).sum(1), (p * q).sum(1)
    op, oq = (offset * p).sum(1), (offset * q).sum(1)
    area = pp * qq - pq * pq
    flat = area <= 1e-15 * pp * qq
    v, w = (qq * op - pq * oq) / np.where(flat, 1, area), (pp * oq - pq * op) / np.where(flat, 1, area)
    beta: Points = np.clip(np.stack([1 - v - w, v, w], 1), 0, 1)
    nearest = np.linalg.norm(corners - points[:, None], axis=2).argmin(1)
    beta[flat] = np.eye(3)[nearest[flat]]
    beta /= beta.sum(1, keepdims=True)
    return beta
