"""One frame of a video: what the landmarks of a face that is held tell of it, and its picture. Lesson 19."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import roma
import torch
from torch import Tensor

from asm_teach.base.arrays import Floats
from asm_teach.rendering.camera import Camera
from asm_teach.tracking.held_face import STRAIGHT, HeldFace
from asm_teach.tracking.skin import HeldSkin
from asm_teach.tracking.walk import Belief
from asm_teach.view_fit.pose import pose_from_landmarks

STEPS = 3  # of Gauss-Newton in each frame, on its landmarks
CLOSER = 3  # more of them, on its picture too
CUT = 4.0  # deviations beyond which a landmark counts less and less
FEWEST = 12  # landmarks, below which a frame shows no face
_LOOSE = 0.015  # of the landmarks' extent, beyond which one hardly steers the first pose: the face is not at rest
_FACING = (0.25, 0.08)  # of the cosine to the line of sight: where a point begins to count, and how softly


class Frame(NamedTuple):
    """What was found in a picture of a video.

    time: seconds. landmarks: (L, 2) pixels, NaN where a point was not found; None where no face was. image: (H, W, 3)
    in [0, 1], the picture itself, for `track(..., pictures=True)`.
    """

    time: float
    landmarks: Tensor | None
    image: Tensor | None = None

    @property
    def is_seen(self) -> bool:
        """Whether it shows a face."""
        return self.landmarks is not None and int(self.landmarks.isfinite().all(1).sum()) >= FEWEST


@dataclass(frozen=True, eq=False)
class Watched:
    """A held face before a camera of known focal length (pixels), in pictures of a size; noise: mm on the face.

    Its n = E + 6 numbers are the amounts of the shapes, the rotation vector of the head, and its shift in mm. skin:
    what pictures are compared with; None to follow landmarks alone.
    """

    face: HeldFace
    focal: float
    size: tuple[int, int]
    noise: float
    skin: HeldSkin | None = None

    def pose(self, frame: Frame, focal: float | None) -> Camera:
        """The camera that sees the face at rest as a frame does; its focal length too where none is given."""
        pixels = self._found(frame)
        kept = pixels.isfinite().all(1)
        points, pixels = torch.from_numpy(self.face.rest)[kept], pixels[kept]
        extent = float(torch.linalg.vector_norm(pixels.amax(0) - pixels.amin(0)))
        return pose_from_landmarks(points, pixels, self.size, focal, robust=max(_LOOSE * extent, 1e-6))

    def placed(self, frame: Frame) -> Floats:
        """The head's turn and the shift (6,), as the face at rest is seen in a frame, whatever was before."""
        camera = self.pose(frame, self.focal)
        rotation = roma.rotvec_to_rotmat(camera.rotation).numpy()
        turn = roma.rotmat_to_rotvec(torch.from_numpy(STRAIGHT @ rotation)).numpy()
        return np.concatenate([turn, camera.translation.numpy() - STRAIGHT @ self.face.middle])

    def measured(self, frame: Frame, expected: Belief, numbers: Floats) -> tuple[Belief, float]:
        """What is believed of the numbers after a frame, from a start (n,); and the median miss of landmarks in mm."""
        before, count = np.linalg.inv(expected.covariance), len(self.face.names)
        least, most = np.full(len(numbers), -np.inf), np.full(len(numbers), np.inf)
        least[:count], most[:count] = 0.0, 1.0
        pixels = self._found(frame).numpy()
        pictured = self.skin is not None and frame.image is not None
        look = None
        for step in range(STEPS + CLOSER * pictured):
            away, slopes, weight = self._residuals(pixels, numbers)
            heavy = slopes * weight[:, None]
            second = heavy.T @ slopes + before
            first = heavy.T @ away + before @ (numbers - expected.mean)
            if self.skin is not None and frame.image is not None and step >= STEPS:
                look = look or self.skin.look(frame.image, numbers)
                force, metric = look.pull(numbers)
                first, second = first + force, second + metric
            numbers = _within(numbers, first, second, least, most)
        away, _, weight = self._residuals(pixels, numbers)
        seen = weight > 0
        miss = float(np.median(np.hypot(*away[seen].reshape(-1, 2).T))) * self.noise if seen.any() else math.nan
        return Belief(numbers, np.linalg.inv(second)), miss

    def _found(self, frame: Frame) -> Tensor:
        """The landmarks (L, 2) of a frame that shows the face, without those of the irises."""
        assert frame.landmarks is not None
        return frame.landmarks[: len(self.face.rest)].double()

    def _residuals(self, pixels: Floats, numbers: Floats) -> tuple[Floats, Floats, Floats]:
        """Residuals (2 L,) in deviations, how they follow the numbers (2 L, n), and their weights (2 L,)."""
        seen = self.face.seen(numbers, self.focal, self.size)
        unit = (self.noise * self.focal / seen.depth)[:, None]  # pixels
        away, slopes = (seen.pixels - pixels) / unit, seen.slopes / unit[..., None]
        known = np.isfinite(away).all(1)
        away[~known] = 0.0
        facing = 1 / (1 + np.exp((_FACING[0] - seen.facing) / _FACING[1]))
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
