"""Faces as 68 points with labels, and numbers that say how well labels were read: F1, balanced accuracy, concordance.

Points are drawn in microseconds where a picture takes milliseconds, so a lesson can train many readers. They come from
the people and action units of `drawn_faces`, in the frame of `face_crops`, and a photograph's detected points fit in
beside them. Lesson 14.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from asm_teach.base.checks import check_indices
from asm_teach.beyond.action_units import UNITS
from asm_teach.beyond.drawn_faces import person_at_rest
from asm_teach.beyond.face_crops import crop_frame
from asm_teach.data.heads import Head

POINTS = (
    162, 234, 93, 58, 172, 136, 149, 148, 152, 377, 378, 365, 397, 288, 323, 454, 389,
    71, 63, 105, 66, 107, 336, 296, 334, 293, 301, 168, 197, 5, 4, 75, 97, 2, 326, 305,
    33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380,
    61, 39, 37, 0, 267, 269, 291, 405, 314, 17, 84, 181, 78, 82, 13, 312, 308, 317, 14, 87,
)  # fmt: skip
"""MediaPipe's numbers of 68 points, in iBUG's order: jaw, brows, nose, eyes, mouth."""

STEADY_ROWS = (36, 39, 27, 42, 45)  # the `STEADY` ones among them
NOISE, TURN = 0.6, 0.08  # mm of each point, radians of yaw and pitch: deviations


def framed(points: Tensor) -> Tensor:
    """Points (N, 68, 2), pixels with y downwards, laid into the square by the eyes as in eq. (13.2): (N, 136).

    Raises:
        ValueError: points of another shape, or eyes that coincide.
    """
    if points.ndim != 3 or tuple(points.shape[1:]) != (len(POINTS), 2):
        raise ValueError(f"points has shape {tuple(points.shape)}: give (N, {len(POINTS)}, 2), the `POINTS` of N faces")
    scale, shift = crop_frame(points[:, list(STEADY_ROWS)])
    laid = scale[:, None] * torch.view_as_complex(points.double().contiguous()) + shift[:, None]
    return torch.view_as_real(laid).flatten(1).float()


@dataclass(frozen=True)
class PointFaces:
    """What points of some people need: rest (P, 68, 3) mm, and how each of 17 action units moves them (17, 68, 3)."""

    rest: Tensor
    moves: Tensor

    @classmethod
    def of(cls, head: Head, people: Sequence[int]) -> PointFaces:
        """The sampled people with these numbers, as `person_at_rest` has them."""
        marks, faces = head.dense_landmarks.subset(list(POINTS)), head.mesh.faces
        rest = torch.stack([marks.points(person_at_rest(head, person), faces) for person in people])
        calm = marks.points(head.mesh.vertices, faces)
        moved = [head.offsets(expressions=dict.fromkeys(unit.shapes, 1.0)) for unit in UNITS.values()]
        moves = torch.stack([marks.points(head.mesh.vertices + one, faces) - calm for one in moved])
        return cls(rest, moves)

    def draw(self, who: Tensor, amounts: Tensor, generator: torch.Generator, noise: float = NOISE) -> Tensor:
        """Points (N, 136) of faces from nearly in front, as a detector would find them, with errors.

        Args:
            who: (N,) int64, which of the people.
            amounts: (N, 17) of the units, 0 to 1.
            generator: for turns of the head and errors.
            noise: deviation of each coordinate, mm.

        Raises:
            ValueError: people that there are not, or amounts of another shape.
        """
        check_indices(who, "who", len(self.rest), "people")
        if tuple(amounts.shape) != (len(who), len(UNITS)):
            raise ValueError(
                f"amounts has shape {tuple(amounts.shape)}: give ({len(who)}, {len(UNITS)}), a row per face"
            )
        points = self.rest[who] + torch.einsum("nu,ulc->nlc", amounts, self.moves)
        turn = TURN * torch.randn(len(who), 1, 2, generator=generator)
        seen = points[..., :2] + turn * points[..., 2:]
        seen = seen + noise * torch.randn(seen.shape, generator=generator)
        return framed(seen * torch.tensor([1.0, -1.0]))


def f1_score(said: Tensor, true: Tensor) -> Tensor:
    """F1 of each column, 2 both / (said + true): (U,) for said and true (N, U) of True and False; eq. (14.2).

    Raises:
        ValueError: labels of another length or type, or a column that is never true, which has no F1.
    """
    _same(said, true)
    if said.dtype != torch.bool or true.dtype != torch.bool or true.ndim != 2:
        raise ValueError(f"said is {said.dtype}, true {true.dtype} {tuple(true.shape)}: give (N, U) of True and False")
    if len(never := (~true.any(0)).nonzero().flatten()):
        raise ValueError(f"true: column {int(never[0])} is never True, so its F1 does not exist: leave the column out")
    return 2 * (said & true).sum(0).double() / (said.sum(0) + true.sum(0))


def balanced_accuracy(said: Tensor, true: Tensor) -> float:
    """The mean over the classes of `true` of the share that was called so; said and true (N,) int64.

    Raises:
        ValueError: labels of another length, or one class only, at which anybody is right.
    """
    _same(said, true)
    kinds = true.unique()
    if len(kinds) < 2:
        raise ValueError(f"true holds {len(kinds)} class only: a share of right answers needs at least two")
    return float(torch.stack([(said[true == kind] == kind).double().mean() for kind in kinds]).mean())


def concordance(said: Tensor, true: Tensor) -> Tensor:
    """The concordance correlation coefficient of said and true (N,): 1 only where they are equal; eq. (14.3).

    Raises:
        ValueError: labels of another length, fewer than two, or all of one value on both sides.
    """
    _same(said, true)
    if len(true) < 2:
        raise ValueError(f"true holds {len(true)} label: a correlation needs at least two")
    x, y = said - said.mean(), true - true.mean()
    size = x.square().mean() + y.square().mean() + (said.mean() - true.mean()).square()
    if not bool(size > 0):
        raise ValueError("said and true hold one value only, the same: nothing varies that could agree")
    return 2 * (x * y).mean() / size


def people_apart(who: Tensor, share: float, generator: torch.Generator) -> Tensor:
    """(N,) True for the faces of a `share` of the people, drawn at random; nobody is on both sides.

    Raises:
        ValueError: a share that leaves nobody on one side, or one person only.
    """
    people = who.unique()
    count = round(share * len(people))
    if not 0 < count < len(people):
        raise ValueError(
            f"share {share} of {len(people)} people is {count}: there must be somebody on both sides, so give more "
            "people or another share"
        )
    chosen = people[torch.randperm(len(people), generator=generator)[:count]]
    return torch.isin(who, chosen)


def _same(said: Tensor, true: Tensor) -> None:
    if said.shape != true.shape:
        raise ValueError(
            f"said has shape {tuple(said.shape)}, true {tuple(true.shape)}: give one answer for each label"
        )
