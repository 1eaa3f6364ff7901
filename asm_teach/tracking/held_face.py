"""The face that is followed: points of a person that shapes move, the head turns and a camera sees. Lesson 19.

A point of the face at rest, p, with what the shapes add, is turned by the head about a middle m and seen by a camera
that stands still but for a shift, eq. (19.2): X = R0 (m + H (p + sum_e a_e d_e - m)) + t. Its pixel is principal +
focal (x, y) / z.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import roma
import torch
from torch import Tensor

from asm_teach.avatar.performer import Performer
from asm_teach.base.arrays import Floats
from asm_teach.geometry.landmarks import LandmarkSet
from asm_teach.geometry.mesh import face_normals, vertex_normals

STRAIGHT = np.diag([1.0, -1.0, -1.0])
"""How a camera looks at a face: y down, z into the picture."""


class Seen(NamedTuple):
    """Points of a face in a frame: pixels (L, 2) and how they follow the numbers (L, 2, n), depth mm, facing (L,)."""

    pixels: Floats
    slopes: Floats
    depth: Floats
    facing: Floats


@dataclass(frozen=True, eq=False)
class HeldFace:
    """L points of a person about the middle that the head turns round: at rest (L, 3), by shapes (E, L, 3), normals."""

    names: tuple[str, ...]
    middle: Floats
    rest: Floats
    moves: Floats
    normals: Floats

    @classmethod
    def landmarks(cls, performer: Performer, points: LandmarkSet, faces: Tensor) -> HeldFace:
        """Points on the triangles `faces` (F, 3) of a person."""
        corners, share = faces[points.faces], points.barycentric.double()[..., None]
        rest = (share * performer.vertices[corners]).sum(1)
        moves = (share * performer.offsets[:, corners]).sum(2)
        return cls._about(performer, rest, moves, face_normals(performer.vertices, corners))

    @classmethod
    def vertices(cls, performer: Performer, rows: Tensor, faces: Tensor) -> HeldFace:
        """Some vertices (L,) of a person with the triangles `faces` (F, 3)."""
        normals = vertex_normals(performer.vertices, faces)[rows]
        return cls._about(performer, performer.vertices[rows], performer.offsets[:, rows], normals)

    @classmethod
    def _about(cls, performer: Performer, rest: Tensor, moves: Tensor, normals: Tensor) -> HeldFace:
        middle = performer.middle
        return cls(performer.names, *(x.numpy() for x in (middle, rest - middle, moves, normals)))

    def shown(self, numbers: Floats) -> tuple[Floats, Floats, Floats]:
        """The points (L, 3) about the middle, before the head turns; and what turns and shifts them to a camera."""
        count = len(self.names)
        turn = torch.from_numpy(numbers[count : count + 3])
        points: Floats = self.rest + np.tensordot(numbers[:count], self.moves, 1)
        return points, STRAIGHT @ roma.rotvec_to_rotmat(turn).numpy(), STRAIGHT @ self.middle + numbers[count + 3 :]

    def seen(self, numbers: Floats, focal: float, size: tuple[int, int]) -> Seen:
        """Where a camera of a focal length (pixels) sees the points in pictures of a size."""
        count = len(self.names)
        shown, rotation, shift = self.shown(numbers)
        arm = shown @ rotation.T
        points = arm + shift
        depth = np.maximum(points[:, 2:], 1.0)
        flat = points[:, :2] / depth
        by_point = np.zeros((len(points), 2, 3))
        by_point[:, [0, 1], [0, 1]] = 1.0
        by_point[:, :, 2] = -flat
        # The rotation vector's own slopes: a small change of it turns what is turned already by J_l times that.
        by_turn = -_cross(arm) @ (STRAIGHT @ _left_jacobian(numbers[count : count + 3]))
        by_amount = (self.moves @ rotation.T).transpose(1, 2, 0)  # (L, 3, E)
        by_shift = np.broadcast_to(np.eye(3), (len(points), 3, 3))
        slopes = by_point @ np.concatenate([by_amount, by_turn, by_shift], 2) * (focal / depth[..., None])
        sight = -points / np.linalg.norm(points, axis=1, keepdims=True)
        facing = ((self.normals @ rotation.T) * sight).sum(1)
        return Seen(focal * flat + np.array(size) / 2, slopes, depth[:, 0], facing)


def _cross(vectors: Floats) -> Floats:
    """The matrices (..., 3, 3) whose products are the cross products with vectors (..., 3)."""
    return np.cross(vectors[..., None, :], np.eye(3)).swapaxes(-1, -2)


def _left_jacobian(turn: Floats) -> Floats:
    """(3, 3) of a rotation vector: exp(v + d) = exp(J d) exp(v) for a small d."""
    angle = float(np.linalg.norm(turn))
    cross = _cross(turn)
    if angle < 1e-4:
        return np.eye(3) + cross / 2
    return np.eye(3) + (1 - math.cos(angle)) / angle**2 * cross + (angle - math.sin(angle)) / angle**3 * cross @ cross
