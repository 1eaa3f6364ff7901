"""Carrying points of one head over to another, by landmarks that both have.

Arrays here are numpy, float64. Landmarks are (68, 3) in iBUG's order, NaN rows for those not known.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.interpolate import RBFInterpolator
from scipy.spatial import cKDTree

from asm_teach.geometry.alignment import Placement, align_points, settle
from asm_teach.geometry.closest_point import Surface, closest_on_triangles
from asm_teach.geometry.mesh_edges import edge_list
from asm_teach.geometry.units import unit_of
from asm_teach.new_head.repair import Faces, Points

_ASKEW = np.radians(20.0)  # a head turned further than this is turned back
# Of the distance between the eyes' outer corners: a landmark this far from where the others expect it is a wrong one.
# On nine real and sampled heads the farthest was at 0.13, on the line of the jaw, which each scheme draws anew, 0.24.
_ASTRAY, _ASTRAY_JAW = 0.25, 0.4
_MIRRORED = 0.7  # of the error with the sides as named: where swapping them leaves less, they are swapped
_AGREE = 0.3  # cosine between two normals that face the same way
_NEAR_FACES = 200
_SLACK = 0.01  # mm that the spline may miss a landmark by, so that two landmarks in one place do no harm

JAW = [number for number in range(17) if number != 8]  # the line of the jaw without the chin
# Right and left points of iBUG's 68 that are each other's mirror image.
PAIRS = np.array(
    [(k, 16 - k) for k in range(8)] + [(k, 43 - k) for k in range(17, 22)] + [(31, 35), (32, 34)]
    + [(36, 45), (37, 44), (38, 43), (39, 42), (40, 47), (41, 46)]
    + [(48, 54), (49, 53), (50, 52), (59, 55), (58, 56), (60, 64), (61, 63), (67, 65)]
)  # fmt: skip


def similarity(source: Points, target: Points) -> Placement:
    """The best similarity from landmarks to landmarks, over those that both have."""
    known = np.isfinite(source).all(1) & np.isfinite(target).all(1)
    return Placement.of(align_points(torch.from_numpy(source[known]), torch.from_numpy(target[known]), scale=True))


def check_marks(source: Points, target: Points) -> None:
    """Raise a ValueError unless the target's landmarks lie like those of a face, each where the others expect it."""
    known = np.flatnonzero(np.isfinite(target).all(1))

    def error(flip: Points) -> float:
        return float(np.square(similarity(source * flip, target).forward(source * flip) - target)[known].sum())

    if error(np.array([-1.0, 1.0, 1.0])) < _MIRRORED**2 * error(np.ones(3)):
        raise ValueError(
            "landmarks: right and left are swapped, or the mesh is a mirror image: right is the person's own right, "
            "which lies on the left of a picture of the face (x is negative there)"
        )
    size = np.linalg.norm(source[36] - source[45])
    away = np.zeros(68)
    for number in known:
        others = target.copy()
        others[number] = np.nan
        found = similarity(source, others)
        away[number] = np.linalg.norm(found.forward(source[number]) - target[number]) / (found.scale * size)
    allowed = np.full(68, _ASTRAY)
    allowed[JAW] = _ASTRAY_JAW
    worst = int((away / allowed).argmax())
    if away[worst] > allowed[worst]:
        raise ValueError(
            f"landmarks: point {worst} lies {away[worst]:.0%} of the distance between the eyes from where the others "
            "expect it: check its number, and that all belong to this mesh"
        )


def to_convention(source: Points, target: Points) -> tuple[Placement, list[str]]:
    """How to bring a head into millimetres and our axes, and what was done in words.

    The unit is the one in which the head comes out nearest to the source in size. A head that looks forward already,
    but for some degrees, keeps its axes and its origin.
    """
    away, notes = similarity(source, target), []
    unit, factor = unit_of(away.scale) or ("", 1 / away.scale)
    if not unit:
        notes.append(f"no unit fits its size, so it was scaled by {factor:.4g} to the size of the source")
    elif factor != 1:
        notes.append(f"unit: by the distance between the eyes it is in {unit}; multiplied by {factor:g}")
    angle = np.arccos(np.clip((np.trace(away.rotation) - 1) / 2, -1, 1))
    if angle <= _ASKEW:
        return Placement(factor), notes
    turn = away.rotation.T
    notes.append(f"axes: turned by {np.degrees(angle):.0f} degrees, so that it faces +z with +y up")
    return Placement(factor, turn, -factor * turn @ away.shift), notes


class Warp:
    """A smooth map of space that takes landmarks to landmarks: their similarity, then a spline of what is left.

    The spline is the biharmonic one of three dimensions, whose kernel is the distance itself; far from the landmarks
    it grows no faster than that.
    """

    def __init__(self, source: Points, target: Points) -> None:
        known = np.isfinite(source).all(1) & np.isfinite(target).all(1)
        self.placement = similarity(source, target)
        start = self.placement.forward(source[known])
        self._rest = RBFInterpolator(start, target[known] - start, kernel="linear", degree=0, smoothing=_SLACK)

    def __call__(self, points: Points) -> Points:
        """(n, 3) points of the source's space to the target's."""
        start = self.placement.forward(points)
        return start + self._rest(start)

    def directions(self, points: Points, directions: Points) -> Points:
        """Unit directions (n, 3) at points (n, 3), turned as the map turns them."""
        there = self(points + directions) - self(points)
        return there / np.maximum(np.linalg.norm(there, axis=1, keepdims=True), 1e-12)


class OnSurface(NamedTuple):
    """Points of a surface: position (n, 3), face (n,), barycentric (n, 3), distance (n,) from where they came."""

    position: Points
    face: NDArray[np.int64]
    barycentric: Points
    distance: NDArray[np.float64]


class Skin:
    """A surface to put points on, where it faces the way the point expects.

    vertices (V, 3), faces (F, 3), and the way each face looks (F, 3), its normal if None.
    """

    def __init__(self, vertices: Points, faces: Faces, looks: Points | None = None) -> None:
        self.vertices, self.faces, self.corners = vertices, faces, vertices[faces]
        self.surface = Surface(torch.from_numpy(vertices), torch.from_numpy(faces))
        self.looks = self.surface.normals(np.arange(len(faces))) if looks is None else looks
        self._tree = cKDTree(self.corners.mean(1))

    def __len__(self) -> int:
        return len(self.faces)

    def put(self, points: Points, facing: Points | None = None) -> OnSurface:
        """The nearest points (n, 3) to points (n, 3): on faces that look the way of `facing` (n, 3), where some do."""
        position, _, face = self.surface.closest(points)
        if facing is not None:
            near = self._tree.query(points, min(_NEAR_FACES, len(self)))[1].reshape(len(points), -1)
            row, column = np.nonzero((self.looks[near] * facing[:, None]).sum(2) > _AGREE)
            candidate = near[row, column]
            foot = closest_on_triangles(points[row], self.corners[candidate])
            away = np.linalg.norm(foot - points[row], axis=1)
            order = np.lexsort((away, row))
            best = order[np.diff(row[order], prepend=-1) > 0]  # the first of each row, its nearest
            position[row[best]], face[row[best]] = foot[best], candidate[best]
        beta = barycentric(position, self.corners[face])
        return OnSurface(position, face, beta, np.linalg.norm(position - points, axis=1))

    def free_place(self, point: Points, facing: Points, taken: Points, apart: float) -> Points:
        """The place (3,) nearest to a point (3,) among corners, edges' middles and centres of the faces that look its
        way and are not nearer than `apart` to those taken (n, 3); the point itself where there is none.
        """
        corners = self.corners[self.looks @ facing > _AGREE]
        middles = (corners + np.roll(corners, -1, 1)) / 2
        places = np.concatenate([corners, middles, corners.mean(1, keepdims=True)], 1).reshape(-1, 3)
        places = places[np.linalg.norm(places - point, axis=1).argsort(kind="stable")]
        free = cKDTree(taken).query(places)[0] >= apart
        return places[free.argmax()] if free.any() else point

    def section(self, mirror: Mirror) -> Skin:
        """The line where a plane cuts the surface, its pieces as triangles without area that look as their faces do.

        Raises ValueError where the plane does not cut it.
        """
        height = self.vertices @ mirror.normal - mirror.offset
        above = (height >= 0)[self.faces]
        cut = above != np.roll(above, -1, 1)  # (F, 3) the edge from corner k to the next
        face = np.flatnonzero(cut.any(1))
        if len(face) == 0:
            raise ValueError("mesh: nothing of it lies in the middle between left and right: give the whole face")
        edge = np.stack([cut[face].argmax(1), 2 - cut[face][:, ::-1].argmax(1)], 1)  # each such face has two
        start, end = self.faces[face[:, None], edge], self.faces[face[:, None], (edge + 1) % 3]
        share = (height[start] / (height[start] - height[end]))[..., None]
        ends = (1 - share) * self.vertices[start] + share * self.vertices[end]
        pieces = 2 * np.arange(len(face))[:, None] + [0, 1, 1]
        return Skin(ends.reshape(-1, 3), pieces, self.looks[face])

    def on_rim(self, on: OnSurface) -> NDArray[np.bool_]:
        """(n,) whether points lie on an edge that only one face has, where the surface ends."""
        # Corner k of a face lies opposite to the edge that begins at the next corner.
        edges = edge_list(torch.from_numpy(self.faces))
        rim = np.roll(edges.on_rim.numpy(), -1, axis=1)
        # A point at a corner of the rim lies on it too, whichever face of that corner it was found in.
        at_rim = np.isin(self.faces, edges.ends[edges.uses == 1].numpy())
        corner = on.barycentric > 1 - 1e-6
        return (rim[on.face] & (on.barycentric < 1e-6)).any(1) | (at_rim[on.face] & corner).any(1)


def barycentric(points: Points, corners: Points) -> Points:
    """Coordinates (n, 3) of points on triangles (n, 3, 3), none below 0; one without area takes its nearest corner."""
    p, q, offset = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0], points - corners[:, 0]
    pp, qq, pq = (p * p).sum(1), (q * q).sum(1), (p * q).sum(1)
    op, oq = (offset * p).sum(1), (offset * q).sum(1)
    area = pp * qq - pq * pq
    flat = area <= 1e-15 * pp * qq
    v, w = (qq * op - pq * oq) / np.where(flat, 1, area), (pp * oq - pq * op) / np.where(flat, 1, area)
    beta = np.clip(np.stack([1 - v - w, v, w], 1), 0, 1)
    nearest = np.linalg.norm(corners - points[:, None], axis=2).argmin(1)
    beta[flat] = np.eye(3)[nearest[flat]]
    return beta / beta.sum(1, keepdims=True)


class Mirror(NamedTuple):
    """The plane between the two sides of a face: unit normal (3,) towards the person's left, offset along it."""

    normal: Points
    offset: float

    def reflect(self, points: Points) -> Points:
        """Points (n, 3) on the other side."""
        return points - 2 * ((points @ self.normal) - self.offset)[:, None] * self.normal

    def onto(self, points: Points) -> Points:
        """The nearest points (n, 3) of the plane."""
        return points - ((points @ self.normal) - self.offset)[:, None] * self.normal


def find_mirror(skin: Skin, marks: Points, sample: int = 600) -> Mirror:
    """The plane across which a head is most like itself: from pairs of landmarks (68, 3), then from the whole surface.

    The head's mirror image is brought to the head by closest points; the plane is what is left of the two together.
    """
    left, right = marks[PAIRS[:, 1]], marks[PAIRS[:, 0]]
    normal = (left - right).sum(0)
    normal /= np.linalg.norm(normal)
    plane = Mirror(normal, float(((left + right) / 2 @ normal).mean()))
    used = skin.vertices[np.unique(skin.faces)]
    reach = 1.2 * np.linalg.norm(marks - marks.mean(0), axis=1).max()
    face = used[np.linalg.norm(used - marks.mean(0), axis=1) < reach]
    face = face[:: max(1, len(face) // sample)]
    image = plane.reflect(face)
    placement, _ = settle(skin.surface, image, [Placement()], similarity=False)
    other = placement.backward(image)  # where each point's partner lies, to the best of the whole surface
    apart = other - face
    # Of a reflection all differences lie along the normal, those of points near the plane being short.
    normal = np.linalg.svd(apart, full_matrices=False)[2][0]
    normal = normal * np.sign(normal @ plane.normal)
    return Mirror(normal, float(((face + other) / 2 @ normal).mean()))
