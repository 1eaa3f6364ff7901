"""What the pictures of a video add to its landmarks: the person's own skin, as the first frames show it. Lesson 19.

Round each of some hundred vertices lies a small grid of skin. Its grey values, without what light does to them, are
remembered from the first frames; in later frames the face moves until it shows the same there. They are the grids that
`fit_views` compares between photographs, eqs. (8.2) and (8.3).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import roma
import torch
from torch import Tensor
from torch.nn.functional import normalize

from asm_teach.avatar.performer import Performer
from asm_teach.base.arrays import Floats
from asm_teach.geometry.mesh import Mesh
from asm_teach.geometry.visibility import exposed
from asm_teach.rendering.camera import Camera
from asm_teach.tracking.held_face import HeldFace
from asm_teach.view_fit.camera_numbers import CameraNumbers
from asm_teach.view_fit.skin_patches import Agreement

SAMPLES = 500  # vertices with a grid
SPACING = 2.0  # mm between the points of a grid
WEIGHT = 5.0  # of a grid against a landmark that is off by its noise
_FINEST = 1.1  # pixels between the points of a grid, at least
_OPEN = 0.5  # of `exposed`: skin inside lips and nostrils takes no part
_GRAZING, _SQUARE = 0.3, 0.7  # cosines of normal and line of sight: none, and all of the trust


def samples_of(performer: Performer, mesh: Mesh) -> HeldFace:
    """The vertices of a person that get a grid: spread over the face, but for what is hidden in folds."""
    every = torch.arange(len(mesh.vertices))
    rows = mesh.part_vertices("face") if "face" in mesh.parts else every
    rows = rows[exposed(performer.vertices.float(), mesh.faces)[rows] > _OPEN]
    chosen = torch.randperm(len(rows), generator=torch.Generator().manual_seed(0))[:SAMPLES]
    return HeldFace.vertices(performer, rows[chosen], mesh.faces)


@dataclass(frozen=True, eq=False)
class HeldSkin:
    """A person's skin as pictures showed it.

    face: the M samples. focal: pixels. size: (width, height) of the pictures. spacing: mm between the points of a grid.
    rows: (M, K) what was seen on each grid, and worth: (M,) from 0 to 1 how much there was to see.
    """

    face: HeldFace
    focal: float
    size: tuple[int, int]
    spacing: float
    rows: Tensor
    worth: Tensor

    @classmethod
    @torch.no_grad()
    def of(
        cls, face: HeldFace, focal: float, size: tuple[int, int], images: Sequence[Tensor], numbers: Floats
    ) -> HeldSkin:
        """Remember the skin from pictures in which the numbers (T, n) of the face are known already."""
        depth = float(face.seen(numbers[0], focal, size).depth.mean())
        held = cls(face, focal, size, max(SPACING, _FINEST * depth / focal), torch.zeros(0), torch.zeros(0))
        looks = [held.look(image, now) for image, now in zip(images, numbers, strict=True)]
        found = [look.found() for look in looks]
        rows = torch.stack([worth[:, None] * row for row, worth in found]).sum(0)
        trust = torch.stack([look.trust for look in looks]).sum(0)
        worth = torch.stack([worth for _, worth in found]).sum(0) / trust.clamp_min(1.0)
        return replace(held, rows=normalize(rows, dim=1), worth=worth)

    def look(self, image: Tensor, numbers: Floats) -> Look:
        """Cut the face out of a picture (H, W, 3) in which it is seen about where the numbers (n,) say."""
        seen = self.face.seen(numbers, self.focal, self.size)
        pixels = torch.from_numpy(seen.pixels).float()
        box = torch.stack([pixels.amin(0), pixels.amax(0)])
        sizes = torch.tensor([self.focal / float(seen.depth.mean())])
        trust = ((torch.from_numpy(seen.facing).float() - _GRAZING) / (_SQUARE - _GRAZING)).clamp(0, 1)
        inside = ((pixels > 2) & (pixels < torch.tensor(self.size) - 2)).all(1)
        return Look(self, Agreement([image.float()], [box], sizes, self.spacing), numbers, trust * inside)


@dataclass(frozen=True, eq=False)
class Look:
    """The face in one picture: agreement reads its grids. trust: (M,) how well each sample is seen from there."""

    skin: HeldSkin
    agreement: Agreement
    numbers: Floats
    trust: Tensor

    def found(self) -> tuple[Tensor, Tensor]:
        """Rows (M, K) as the picture shows them, and what each is worth (M,)."""
        where = self._where(self.numbers)
        seen = self.trust[:, None] > 0
        worth = self.trust * self.agreement.worth(*where, seen)[:, 0]
        return self.agreement.rows(*where, seen)[:, 0], worth

    @torch.no_grad()
    def pull(self, numbers: Floats) -> tuple[Floats, Floats]:
        """Half the first (n,) and second (n, n) derivative of how much the picture disagrees with the skin."""
        skin = self.skin
        found = self.agreement.measure(
            *self._where(numbers), self.trust[:, None], skin.worth[:, None], common=skin.rows
        )  # fmt: skip
        slopes = skin.face.seen(numbers, skin.focal, skin.size).slopes  # (M, 2, n)
        force, metric = found.force[:, 0].double().numpy(), found.metric[:, 0, :, 0].double().numpy()
        flat = slopes.reshape(-1, slopes.shape[2])
        return WEIGHT * flat.T @ force.ravel(), WEIGHT * flat.T @ (metric @ slopes).reshape(flat.shape)

    def _where(self, numbers: Floats) -> tuple[Tensor, Tensor, CameraNumbers]:
        """Samples, normals and the camera, all in the axes of the head: there a grid turns with the skin."""
        skin = self.skin
        points, rotation, shift = (torch.from_numpy(x).float() for x in skin.face.shown(numbers))
        middle = torch.tensor(skin.size) / 2
        camera = Camera(torch.tensor(skin.focal), middle, roma.rotmat_to_rotvec(rotation), shift, skin.size)
        return points, torch.from_numpy(skin.face.normals).float(), CameraNumbers.of([camera], torch.zeros(3))
