"""One frame of a video: where the landmarks of a face that is held are seen, and what they tell of it. Lesson 19.

A landmark of the face at rest, p, with what the shapes add, is turned by the head about a middle m and seen by a camera
that stands still but for a shift: X = R0 (m + H (p + sum_e a_e d_e - m)) + t, pixel = principal + focal (x, y) / z.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import roma
import torch
from torch import Tensor

from asm_teach.avatar.expressions import Expressions
from asm_teach.avatar.performer import Performer
from asm_teach.base.arrays import Floats
from asm_teach.fitting.result import Fit
from asm_teach.geometry.landmarks import LandmarkSet
from asm_teach.geometry.mesh import Mesh, face_normals
from asm_teach.model.adaptive import SkinnedModel
from asm_teach.rendering.camera import Camera
from asm_teach.tracking.walk import Belief
from asm_teach.view_fit.pose import pose_from_landmarks

STEPS = 3  # of Gauss-Newton in each frame
CUT = 4.0  # deviations beyond which a landmark counts less and less
FEWEST = 12  # landmarks, below which a frame shows no face
_LOOSE = 0.015  # of the landmarks' extent, beyond which one hardly steers the first pose: the face is not at rest
_FACING = (0.25, 0.08)  # of the cosine to the line of sight: where a point begins to count, and how softly
_STRAIGHT = np.diag([1.0, -1.0, -1.0])  # how a camera looks at a face: y down, z into the picture


class Frame(NamedTuple):
    """What was found in a picture of a video.

    time: seconds. landmarks: (L, 2) pixels, NaN where a point was not found; None where no face was.
    """

    time: float
    landmarks: Tensor | None

    @property
    def is_seen(self) -> bool:
        """Whether it shows a face."""
        return self.landmarks is not None and int(self.landmarks.isfinite().all(1).sum()) >= FEWEST


@dataclass(frozen=True, eq=False)
class HeldFace:
    """A person's landmarks about the middle that the head turns round: at rest (L, 3), by shapes (E, L, 3), normals."""

    names: tuple[str, ...]
    middle: Floats
    rest: Floats
    moves: Floats
    normals: Floats

    @classmethod
    def of(cls, person: SkinnedModel | Fit, shapes: Expressions | None, count: int) -> HeldFace:
        """That of a person, with the landmark set of so many points. Raises ValueError where there is none."""
        performer = Performer.of(person, shapes)
        mesh = (person.model if isinstance(person, Fit) else person).mesh.to("cpu")
        points = _landmarks(mesh, count)
        corners, share = mesh.faces[points.faces], points.barycentric.double()[..., None]
        rest = (share * performer.vertices[corners]).sum(1) - performer.middle
        moves = (share * performer.offsets[:, corners]).sum(2)
        normals = face_normals(performer.vertices, corners)
        return cls(performer.names, *(x.numpy() for x in (performer.middle, rest, moves, normals)))

    def pose(self, frame: Frame, size: tuple[int, int], focal: float | None) -> Camera:
        """The camera that sees the face at rest as a frame does; its focal length too where none is given."""
        assert frame.landmarks is not None
        kept = frame.landmarks.isfinite().all(1)
        points, pixels = torch.from_numpy(self.rest)[kept], frame.landmarks[kept].double()
        extent = float(torch.linalg.vector_norm(pixels.amax(0) - pixels.amin(0)))
        return pose_from_landmarks(points, pixels, size, focal, robust=max(_LOOSE * extent, 1e-6))


def _landmarks(mesh: Mesh, count: int) -> LandmarkSet:
    for points in mesh.landmarks.values():
        if len(points) == count:
            return points
    for points in mesh.landmarks.values():
        if len(points) == 478 and count == 468:
            return points.subset(torch.arange(468))
    sizes = ", ".join(f"{len(points)} ({name})" for name, points in mesh.landmarks.items()) or "none"
    raise ValueError(f"landmarks: {count} points fit no landmark set of this mesh, which has {sizes}")


@dataclass(frozen=True, eq=False)
class Watched:
    """A held face before a camera of known focal length (pixels), in pictures of a size; noise: mm on the face.

    Its n = E + 6 numbers are the amounts of the shapes, the rotation vector of the head, and its shift in mm.
    """

    face: HeldFace
    focal: float
    size: tuple[int, int]
    noise: float

    def placed(self, frame: Frame) -> Floats:
        """The head's turn and the shift (6,), as the face at rest is seen in a frame, whatever was before."""
        camera = self.face.pose(frame, self.size, self.focal)
        rotation = roma.rotvec_to_rotmat(camera.rotation).numpy()
        turn = roma.rotmat_to_rotvec(torch.from_numpy(_STRAIGHT @ rotation)).numpy()
        return np.concatenate([turn, camera.translation.numpy() - _STRAIGHT @ self.face.middle])

    def measured(self, frame: Frame, expected: Belief, numbers: Floats) -> tuple[Belief, float]:
        """What is believed of the numbers after a frame, from a start (n,); and the median miss of landmarks in mm."""
        assert frame.landmarks is not None
        before, count = np.linalg.inv(expected.covariance), len(self.face.names)
        least, most = np.full(len(numbers), -np.inf), np.full(len(numbers), np.inf)
        least[:count], most[:count] = 0.0, 1.0
        pixels = frame.landmarks.double().numpy()
        for _ in range(STEPS):
            away, slopes, weight = self._residuals(pixels, numbers)
            heavy = slopes * weight[:, None]
            second = heavy.T @ slopes + before
            first = heavy.T @ away + before @ (numbers - expected.mean)
            numbers = _within(numbers, first, second, least, most)
        away, _, weight = self._residuals(pixels, numbers)
        seen = weight > 0
        miss = float(np.median(np.hypot(*away[seen].reshape(-1, 2).T))) * self.noise if seen.any() else math.nan
        return Belief(numbers, np.linalg.inv(second)), miss

    def _residuals(self, pixels: Floats, numbers: Floats) -> tuple[Floats, Floats, Floats]:
        """Residuals (2 L,) in deviations, how they follow the numbers (2 L, n), and their weights (2 L,)."""
        face, count = self.face, len(self.face.names)
        turn = torch.from_numpy(numbers[count : count + 3])
        rotation = _STRAIGHT @ roma.rotvec_to_rotmat(turn).numpy()
        shown = face.rest + np.tensordot(numbers[:count], face.moves, 1)  # (L, 3)
        arm = shown @ rotation.T
        points = arm + _STRAIGHT @ face.middle + numbers[count + 3 :]
        depth = np.maximum(points[:, 2:], 1.0)
        unit = self.noise * self.focal / depth  # pixels
        flat = points[:, :2] / depth
        away = (self.focal * flat + np.array(self.size) / 2 - pixels) / unit
        by_point = np.zeros((len(points), 2, 3))
        by_point[:, [0, 1], [0, 1]] = 1.0
        by_point[:, :, 2] = -flat
        by_point /= self.noise
        # The rotation vector's own slopes: a small change of it turns what is turned already by J_l times that.
        by_turn = -_cross(arm) @ (_STRAIGHT @ _left_jacobian(numbers[count : count + 3]))
        by_amount = (face.moves @ rotation.T).transpose(1, 2, 0)  # (L, 3, E)
        by_shift = np.broadcast_to(np.eye(3), (len(points), 3, 3))
        slopes = by_point @ np.concatenate([by_amount, by_turn, by_shift], 2)
        known = np.isfinite(away).all(1)
        away[~known] = 0.0
        sight = -points / np.linalg.norm(points, axis=1, keepdims=True)
        cosine = ((face.normals @ rotation.T) * sight).sum(1)
        facing = 1 / (1 + np.exp((_FACING[0] - cosine) / _FACING[1]))
        weight = known * facing * (CUT**2 / (CUT**2 + (away**2).sum(1))) ** 2
        return away.reshape(-1), slopes.reshape(-1, slopes.shape[2]), weight.repeat(2)


def _within(numbers: Floats, first: Floats, second: Floats, least: Floats, most: Floats) -> Floats:
    """The minimum of a quadratic energy that a step from `numbers` reaches, held between two limits.

    What passes a limit is put on it, and the others are sought again with that.
    """
    free, moved = np.ones(len(numbers), bool), numbers.copy()
    for _ in range(3):
        moved = np.clip(moved, least, most)
        slope = first + second @ (moved - numbers)
        moved[free] -= np.linalg.solve(second[np.ix_(free, free)], slope[free])
        beyond = free & ((moved < least) | (moved > most))
        if not beyond.any():
            break
        free &= ~beyond
    return np.clip(moved, least, most)


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
