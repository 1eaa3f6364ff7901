"""How MediaPipe's face-mesh points are off, measured on renderings of people whose points are known.

The errors of one picture are not independent: the detector draws a face that is turned a little too little and looks
a little too much like everybody's. Derived in lesson 8; `data/recipe/detector_noise.py` measured it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor

from asm_teach.base.arrays import load_npz
from asm_teach.data.assets import data_dir

POINTS = 468
MOST = 1.25  # radians, the largest yaw of a picture that the bias was found from
POWERS = ((0, 0), (1, 0), (0, 1), (2, 0), (1, 1), (0, 2), (3, 0), (2, 1), (1, 2), (4, 0))  # of yaw and pitch


@dataclass(frozen=True, eq=False)
class DetectorNoise:
    """The errors of MediaPipe's 468 points in a picture: found minus true, mm in the plane of the face.

    Axes are those of an upright picture, x right and y down: the picture is turned until the head's up points up. Yaw
    and pitch (radians) say where the camera stands, in the head's axes: above zero at the person's left, and above.
    The face is symmetric: for a yaw below zero everything is mirrored.

    Attributes:
        bias: (468, 2, T) mm, by the products `POWERS` of yaw and pitch.
        yaws: (B,) radians, from 0 up, where the others were measured.
        modes: (B, 468, 2, K) mm, what the errors of one picture have in common: a mode times its deviation.
        rest: (B, 468) mm, deviation of what is left of each point.
        mirror: (468,) for each point its mirror image.
    """

    bias: Tensor
    yaws: Tensor
    modes: Tensor
    rest: Tensor
    mirror: Tensor

    def at(self, yaw: float, pitch: float) -> tuple[Tensor, Tensor, Tensor]:
        """Bias (468, 2), modes (468, 2, 2 K) and rest (468,) for a camera at this yaw and pitch.

        Between two measured yaws the covariance of the errors is the mean of theirs, weighted by nearness.
        """
        side = min(abs(yaw), float(self.yaws[-1]))
        tilt = min(max(pitch, -0.6), 0.6)
        powers = torch.tensor([min(abs(yaw), MOST) ** a * tilt**b for a, b in POWERS]).to(self.bias)
        after = int(torch.searchsorted(self.yaws, torch.tensor(side).to(self.yaws)).clamp(1, len(self.yaws) - 1))
        low, high = self.yaws[after - 1 : after + 1].tolist()
        share = min(max((side - low) / (high - low), 0.0), 1.0)
        bias = self.bias @ powers
        modes = torch.cat([(1 - share) ** 0.5 * self.modes[after - 1], share**0.5 * self.modes[after]], -1)
        rest = ((1 - share) * self.rest[after - 1].square() + share * self.rest[after].square()).sqrt()
        if yaw < 0:
            flip = bias.new_tensor([-1.0, 1.0])
            bias, modes, rest = bias[self.mirror] * flip, modes[self.mirror] * flip[:, None], rest[self.mirror]
        return bias, modes, rest


@cache
def mediapipe_noise() -> DetectorNoise:
    """What was measured of MediaPipe 0.10.14, embedded in the package."""
    raw = load_npz(data_dir() / "detector_noise.npz")
    modes = torch.from_numpy(raw["modes"].astype("float32")) * torch.from_numpy(raw["mode_unit"])[:, None, None]
    return DetectorNoise(
        torch.from_numpy(raw["bias"].astype("float32")),
        torch.from_numpy(raw["yaws"]),
        modes,
        torch.from_numpy(raw["rest"].astype("float32")),
        torch.from_numpy(raw["mirror"].astype("int64")),
    )
