"""A head that performs: its vertices for any amounts of the named shapes, any turn, any time of a recorded face.

It says in Python what engines make of the GLB file (with all influences), and what the page for a browser shows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import roma
import torch
from torch import Tensor

from asm_teach.avatar.animation import below, turning
from asm_teach.avatar.expressions import Expressions, expression_shapes
from asm_teach.avatar.rest_pose import baked
from asm_teach.avatar.track import Track
from asm_teach.fitting.result import Fit
from asm_teach.model.adaptive import SkinnedModel


@dataclass(frozen=True, eq=False)
class Performer:
    """A head at rest, and what moves it; float64, mm.

    Attributes:
        vertices: (V, 3) at rest.
        names: E shapes.
        offsets: (E, V, 3) what each adds.
        share: (V,) how far each vertex follows the turns of the head: the sum of the weights of the bones that turn.
        middle: (3,) what the head turns about.
    """

    vertices: Tensor
    names: tuple[str, ...]
    offsets: Tensor
    share: Tensor
    middle: Tensor

    @staticmethod
    @torch.no_grad()
    def of(model: SkinnedModel | Fit, shapes: Expressions | None = None) -> Performer:
        """The performer of a model, fitted or not. Raises ValueError as `expression_shapes` does.

        `shapes` are what that function found for this model, to spare the time.
        """
        skinned = model.model if isinstance(model, Fit) else model
        rest, shapes = baked(skinned, {}), expression_shapes(skinned) if shapes is None else shapes
        turned = turning(skinned.rig, rest.points)
        share, middle = torch.zeros(len(rest.vertices), dtype=torch.float64), torch.zeros(3, dtype=torch.float64)
        if turned is not None:
            share, middle = rest.weights[:, below(skinned.rig, turned.bone)].sum(1), turned.middle
        return Performer(rest.vertices, shapes.names, shapes.offsets, share, middle)

    def pose(self, amounts: Mapping[str, float], head: Tensor | None = None) -> Tensor:
        """(V, 3) mm with the shapes added, and the head turned by a rotation vector (3,): eq. (1).

        The bones that turn have one matrix and the others none, so the weights come together as `share`.
        Shapes that this head does not have, such as tongueOut, count for nothing.
        """
        row = torch.tensor([amounts.get(name, 0.0) for name in self.names], dtype=torch.float64)
        moved = self.vertices + torch.tensordot(row, self.offsets, 1)
        if head is None or not head.any():
            return moved
        turned = (moved - self.middle) @ roma.rotvec_to_rotmat(head.double()).T + self.middle
        return torch.lerp(moved, turned, self.share[:, None])

    def at(self, track: Track, time: float) -> Tensor:
        """(V, 3) mm at a time of a track, in seconds."""
        return self.pose(*track.at(time))
