"""The bones of one head put on another: carried over by landmarks, made alike on both sides, kept apart."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from asm_teach.data.heads import Head
from asm_teach.geometry.landmark_warp import Warp
from asm_teach.geometry.mesh import face_normals
from asm_teach.geometry.surface_points import AGREE, OnSurface, Points, Skin
from asm_teach.model.binding import Chart
from asm_teach.model.transforms import Rig
from asm_teach.new_head.repair import Patch
from asm_teach.new_head.symmetry import Mirror, middle_line

ROOM = {"face": 1.0, "scalp": 0.4}
"""Part of the source -> how large its triangles would like to be on a chart; what no picture shows gets 0.2."""
_HIDDEN_ROOM = 0.2
_SKIN_DEPTH = 5.0  # mm: what lies so near to the source's skin is skin
_NEAR_FACES = 16

_BEYOND = 12.0  # mm: a bone that has to come this far to the surface has no place of its own on it
_APART = 2.5  # mm between any two bones
_APART_BEYOND = 8.0  # mm from the others for a bone that has no place of its own


class PlacedBones(NamedTuple):
    """Bones on a surface: where (J), which lie beyond it (J,), and the largest distance from the mirror image, mm."""

    on: OnSurface
    beyond: NDArray[np.bool_]
    asymmetry: float


class Guide:
    """What a source head says about another one whose landmarks (68, 3) are known, at least some of them."""

    def __init__(self, source: Head, source_marks: Points, marks: Points) -> None:
        self.source, self.source_marks = source, source_marks
        self.vertices = source.mesh.vertices.double().numpy()
        self.normals = face_normals(source.mesh.vertices.double(), source.mesh.faces).numpy()
        self.warp, self.back = Warp(source_marks, marks), Warp(marks, source_marks)

    def marks(self) -> tuple[Points, Points]:
        """The source's 68 landmarks carried over: points (68, 3) and the way they face (68, 3)."""
        normals = self.normals[self.source.landmarks.faces.numpy()]
        return self.warp(self.source_marks), self.warp.directions(self.source_marks, normals)

    def bones(self) -> tuple[Points, Points]:
        """The source's bones carried over: points (J, 3) and the way they face (J, 3)."""
        mesh, rig = self.source.mesh, self.source.rig
        if rig.uv is None:
            raise ValueError("source: its bones have no places on a chart (rig.uv), so there is nothing to carry over")
        chart = Chart.from_mesh(mesh, check=False)
        points = chart.bind(rig.uv.double(), mesh.vertices.double()).numpy()
        normals = self.normals[chart.locate(rig.uv.double()).face.numpy()]
        return self.warp(points), self.warp.directions(points, normals)

    def room(self, patch: Patch) -> NDArray[np.float64]:
        """(F,) how large each face would like to be on a chart: as the nearest place of the source that faces alike.

        What is nearer to the inside of the source's mouth or eyes than to its skin is hidden.
        """
        parts = {name: faces.numpy() for name, faces in self.source.mesh.parts.items()}
        if not set(ROOM) <= set(parts):
            return np.ones(len(patch.faces))
        wish = np.concatenate([np.full(len(parts[name]), amount) for name, amount in ROOM.items()])
        skin = np.concatenate([parts[name] for name in ROOM])
        rest = np.setdiff1d(np.arange(len(self.normals)), skin)
        corners = patch.vertices[patch.faces]
        centre, normal = corners.mean(1), np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        there, facing = self.back(centre), self.back.directions(centre, _unit(normal))
        outside, nearest = self._alike(there, facing, skin)
        inside, _ = self._alike(there, facing, rest)
        return np.where((inside < outside) & (outside > _SKIN_DEPTH), _HIDDEN_ROOM, wish[nearest])

    def _alike(
        self, points: Points, facing: Points, faces: NDArray[np.int64]
    ) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Distance (n,) to the nearest of some faces of the source that face alike, and which it is."""
        if len(faces) == 0:
            return np.full(len(points), np.inf), np.zeros(len(points), np.int64)
        tree = cKDTree(self.vertices[self.source.mesh.faces.numpy()[faces]].mean(1))
        distance, near = tree.query(points, min(_NEAR_FACES, len(faces)))
        distance = np.where((self.normals[faces[near]] * facing[:, None]).sum(2) > 0, distance, np.inf)
        best = distance.argmin(1)[:, None]
        return np.take_along_axis(distance, best, 1)[:, 0], np.take_along_axis(near, best, 1)[:, 0]


def place_bones(guide: Guide, skin: Skin, mirror: Mirror) -> PlacedBones:
    """Put the source's bones on a surface: at the nearest places that face the same way, alike on both sides, apart.

    Bones in the middle lie on the line where the mirror plane cuts the surface. One that would come too near to
    another goes to the nearest place that is free; those that lie beyond the surface come last.
    """
    sides = _Sides(guide.source.rig, mirror)
    wanted, facing = guide.bones()
    wanted, facing = sides.alike(wanted), _unit(sides.alike(facing, direction=True))
    nearest = skin.put(wanted)
    beyond = (nearest.distance > _BEYOND) & skin.on_rim(nearest)
    beyond |= beyond[sides.partner]
    facing = np.where(beyond[:, None], skin.looks[nearest.face], facing)
    middle = sides.partner == np.arange(len(wanted))
    line = middle_line(skin, mirror)

    at = wanted
    for _ in range(3):  # to where being on the surface and being alike agree, as far as the surface lets them
        at = skin.put(sides.alike(at), facing).position
    at[middle] = line.put(wanted[middle], facing[middle]).position
    placed: list[int] = []
    for j in np.argsort(beyond, kind="stable").tolist():
        partner = int(sides.partner[j])
        places, apart = line if middle[j] else skin, _APART_BEYOND if beyond[j] else _APART
        if placed and np.linalg.norm(at[placed] - at[j], axis=1).min() < apart:
            at[j] = _free_place(places, at[j], facing[j], at[placed], apart)
            if partner not in placed and partner != j:
                at[partner] = skin.put(mirror.reflect(at[[j]]), facing[[partner]]).position[0]
        placed.append(j)
    return PlacedBones(skin.put(at, facing), beyond, sides.error(at))


def _free_place(skin: Skin, point: Points, facing: Points, taken: Points, apart: float) -> Points:
    """The place (3,) nearest to a point (3,) among corners, edges' middles and centres of the faces that look its
    way and are not nearer than `apart` to those taken (n, 3); the point itself where there is none.
    """
    corners = skin.corners[skin.looks @ facing > AGREE]
    middles = (corners + np.roll(corners, -1, 1)) / 2
    places = np.concatenate([corners, middles, corners.mean(1, keepdims=True)], 1).reshape(-1, 3)
    places = places[np.linalg.norm(places - point, axis=1).argsort(kind="stable")]
    free = cKDTree(taken).query(places)[0] >= apart
    return places[free.argmax()] if free.any() else point


class _Sides:
    """Which bone is whose partner on the other side; a bone in the middle is its own."""

    def __init__(self, rig: Rig, mirror: Mirror) -> None:
        self.partner = np.array(rig.mirror_images())
        self.mirror = mirror

    def alike(self, points: Points, direction: bool = False) -> Points:
        """The mean of points (J, 3) and the mirror images of their partners."""
        mirror = Mirror(self.mirror.normal, 0.0) if direction else self.mirror
        return (points + mirror.reflect(points[self.partner])) / 2

    def error(self, points: Points) -> float:
        """The largest distance of a bone from its partner's mirror image."""
        return float(np.linalg.norm(points - self.mirror.reflect(points[self.partner]), axis=1).max())


def _unit(x: Points) -> Points:
    return x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-12)
