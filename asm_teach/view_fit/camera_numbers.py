"""N unknown cameras as numbers that hardly depend on each other, and how pixels follow them. Derived in lesson 8.

A photograph's camera comes as a `Camera`, is moved as these numbers, and goes as a `Camera`. Each turns about a pivot
in the face. Its numbers are a turn (3), where the pivot is seen, x / z and y / z (2), how large the face is seen,
log(focal / depth) (1), which a picture determines well, and log focal (1), which it determines poorly.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import roma
import torch
from torch import Tensor

from asm_teach.rendering.camera import Camera
from asm_teach.view_fit.view import LandmarkView

NUMBERS = 7  # of a camera
LIES = 3.0  # deviations from what a file tells of a lens, beyond which it is believed less and less


@dataclass(frozen=True, eq=False)
class CameraNumbers:
    """N cameras about a pivot.

    rotation: (N, 3, 3) world to camera. shift: (N, 2). log_size: (N,) of pixels a mm at the pivot. log_focal: (N,) of
    pixels. principal: (N, 2) pixels. pivot: (3,) mm. sizes: of the pictures.
    """

    rotation: Tensor
    shift: Tensor
    log_size: Tensor
    log_focal: Tensor
    principal: Tensor
    pivot: Tensor
    sizes: tuple[tuple[int, int], ...]

    @classmethod
    def of(cls, cameras: Sequence[Camera], pivot: Tensor) -> CameraNumbers:
        """Of cameras, turning about `pivot` (3,) mm."""
        rotation = roma.rotvec_to_rotmat(torch.stack([c.rotation for c in cameras]))
        seen = rotation @ pivot + torch.stack([c.translation for c in cameras])
        focal = torch.stack([c.focal for c in cameras])
        return cls(
            rotation,
            seen[:, :2] / seen[:, 2:],
            (focal / seen[:, 2]).log(),
            focal.log(),
            torch.stack([c.principal for c in cameras]),
            pivot.clone(),
            tuple(c.size for c in cameras),
        )

    def __len__(self) -> int:
        """N."""
        return len(self.rotation)

    def to(self, like: Tensor) -> CameraNumbers:
        """The same in the precision and on the device of a tensor."""
        rotation, shift, log_size, log_focal, principal, pivot = (
            part.to(like)
            for part in (self.rotation, self.shift, self.log_size, self.log_focal, self.principal, self.pivot)
        )
        return CameraNumbers(rotation, shift, log_size, log_focal, principal, pivot, self.sizes)

    @property
    def depth(self) -> Tensor:
        """(N,) mm, of the pivot."""
        return (self.log_focal - self.log_size).exp()

    def log_lens(self) -> Tensor:
        """(N,) log(focal / image diagonal)."""
        return self.log_focal - self.log_focal.new_tensor([math.hypot(*size) for size in self.sizes]).log()

    def with_one_lens(self) -> CameraNumbers:
        """The same with one focal length for all, whatever the size of the picture: the median one."""
        log_lens = self.log_lens()
        return replace(self, log_focal=self.log_focal - log_lens + log_lens.median())

    @torch.no_grad()
    def cameras(self) -> tuple[Camera, ...]:
        """As `Camera` objects."""
        seen = torch.cat([self.shift, torch.ones_like(self.depth)[:, None]], 1) * self.depth[:, None]
        translation = seen - self.rotation @ self.pivot
        rotation, focal = roma.rotmat_to_rotvec(self.rotation), self.log_focal.exp()
        return tuple(
            Camera(focal[n], self.principal[n], rotation[n], translation[n], size) for n, size in enumerate(self.sizes)
        )

    @torch.no_grad()
    def side(self, n: int) -> tuple[float, float, Tensor]:
        """From which side camera n sees the pivot: yaw and pitch, radians, and what turns pictures upright, (2, 2).

        Above zero is a camera at the person's left, and above. Upright, the head's y axis points up in the picture.
        """
        towards = torch.cat([self.shift[n], torch.ones_like(self.shift[n, :1])])
        x, y, z = (-self.rotation[n].mT @ torch.nn.functional.normalize(towards, dim=0)).tolist()
        up = self.rotation[n, :, 1]
        sine, cosine = torch.nn.functional.normalize(up[:2] - self.shift[n] * up[2], dim=0)
        return math.atan2(x, z), math.asin(y), torch.stack([-cosine, sine, -sine, -cosine]).view(2, 2)

    def moved(self, step: Tensor) -> CameraNumbers:
        """After a step (N, 7); the turn comes after the one there is."""
        return replace(
            self,
            rotation=roma.rotvec_to_rotmat(step[:, :3]) @ self.rotation,
            shift=self.shift + step[:, 3:5],
            log_size=self.log_size + step[:, 5],
            log_focal=self.log_focal + step[:, 6],
        )

    def seen(self, points: Tensor, n: int) -> Tensor:
        """Points (..., 3) mm in the axes of camera n."""
        ahead = torch.cat([self.shift[n], torch.ones_like(self.depth[n : n + 1])]) * self.depth[n]
        return (points - self.pivot) @ self.rotation[n].mT + ahead

    def project(self, points: Tensor, n: int) -> Tensor:
        """(..., 3) mm to pixels (..., 2) of camera n."""
        seen = self.seen(points, n)
        return self.log_focal[n].exp() * seen[..., :2] / seen[..., 2:] + self.principal[n]

    def slopes(self, points: Tensor, n: int) -> tuple[Tensor, Tensor]:
        """How the pixels of points (m, 3) follow the points, (m, 2, 3), and a step of camera n, (m, 2, 7)."""
        seen, focal, depth = self.seen(points, n), self.log_focal[n].exp(), self.depth[n]
        x, y, z = seen.unbind(1)
        zero = torch.zeros_like(z)
        flat = torch.stack([focal / z, zero, -focal * x / z**2, zero, focal / z, -focal * y / z**2], 1)
        flat = flat.view(-1, 2, 3)  # by the point in the camera's axes
        about = (points - self.pivot) @ self.rotation[n].mT
        turns = torch.linalg.cross(torch.eye(3).to(points)[None], about[:, None]).mT  # (m, 3, 3): columns e x about
        ahead = torch.cat([self.shift[n], torch.ones_like(depth)[None]]) * depth
        shifts = depth * torch.eye(3, 2).to(points)
        moves = torch.cat([turns, torch.cat([shifts, -ahead[:, None], ahead[:, None]], 1).expand(len(points), 3, 4)], 2)
        by_camera = flat @ moves
        by_camera[:, :, 6] += focal * seen[:, :2] / seen[:, 2:]
        return flat @ self.rotation[n], by_camera


class LensPrior:
    """What is believed of the lenses of N pictures before they are looked at: of log(focal / image diagonal).

    It is normal about that of all lenses. Where a picture's file tells its focal length, it is near that one besides,
    robustly: beyond `LIES` deviations of it the file is believed less and less, for pictures are cropped and zoomed.

    any_lens: (median, deviation of the logarithm). told: the same for each picture, or None where nothing is told.
    """

    def __init__(self, any_lens: tuple[float, float], told: Sequence[tuple[float, float] | None] = ()) -> None:
        self.any_lens, self.told = any_lens, tuple(told)

    def first_camera(self, view: LandmarkView, points: Tensor, n: int) -> Camera:
        """The camera that view n is begun with, with the lens that is told of it; points: (L, 3) mm."""
        told = self.told[n] if self.told else None
        return view.first_camera(points, self.any_lens, None if told is None else told[0] * math.hypot(*view.size))

    def _own(self, log_lens: Tensor) -> tuple[Tensor, Tensor]:
        """How far each lens (N,) is from what is told of it, in deviations, and such a deviation; infinite if none."""
        told = [given or (1.0, math.inf) for given in self.told or [None] * len(log_lens)]
        median, spread = log_lens.new_tensor(told).unbind(1)
        return (log_lens - median.log()) / spread, spread

    def contradicted(self, names: Sequence[str], cameras: Sequence[Camera]) -> list[str]:
        """Which focal lengths that were told cannot be right, by the fitted cameras: in sentences."""
        notes = []
        for name, camera, told in zip(names, cameras, self.told, strict=False):
            if told is None:
                continue
            found, given = float(camera.focal), told[0] * math.hypot(*camera.size)
            if abs(math.log(found / given)) > LIES * told[1]:
                notes.append(
                    f"The focal length that came with {name} (EXIF), {given:.0f} px, disagrees with the pictures by a "
                    f"factor of {max(found / given, given / found):.1f}: by them it is {found:.0f} px. The picture may "
                    "have been cropped or zoomed since; give the original, or leave it out (--ignore-exif)."
                )
        return notes

    def loss(self, cameras: CameraNumbers) -> Tensor:
        """Minus twice the logarithm of the prior, (), but for a constant."""
        log_lens, (median, spread) = cameras.log_lens(), self.any_lens
        usual, (own, _) = (log_lens - math.log(median)) / spread, self._own(log_lens)
        return usual.square().sum() + (LIES**2 * own.square() / (LIES**2 + own.square())).sum()

    def slopes(self, cameras: CameraNumbers) -> tuple[Tensor, Tensor]:
        """Half the first and half the second derivatives of the loss by log focal, (N,) each, for Gauss-Newton."""
        log_lens, (median, spread) = cameras.log_lens(), self.any_lens
        own, own_spread = self._own(log_lens)
        weight = (LIES**2 / (LIES**2 + own.square())).square()
        first = (log_lens - math.log(median)) / spread**2 + weight * own / own_spread
        return first, spread**-2 + weight / own_spread.square()


def first_cameras(
    views: Sequence[LandmarkView],
    vertices: Tensor,
    faces: Tensor,
    lenses: LensPrior,
    known: Sequence[Camera] | None = None,
) -> CameraNumbers:
    """The cameras that see a face as it is: where a fit begins.

    vertices: (V, 3) mm. faces: (F, 3). known: those that see it by the prior on any lens, if they were found before;
    only where a picture tells more of its lens are they found again.
    """
    points = [view.embedding.points(vertices, faces) for view in views]
    cameras = [
        known[n].to(vertices.device, vertices.dtype)
        if known is not None and not (lenses.told and lenses.told[n])
        else lenses.first_camera(view, points[n], n)
        for n, view in enumerate(views)
    ]
    return CameraNumbers.of(cameras, torch.cat(points).mean(0))
