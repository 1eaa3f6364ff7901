"""Fit a linear morphable model: coefficients and a rigid motion, solved for together. Derived in lesson 5."""

from __future__ import annotations

import time
from dataclasses import dataclass

import roma
import torch
from torch import Tensor

from asm_teach.alignment import Alignment, align_points, apply_alignment
from asm_teach.morphable import LinearMorphableModel, solve_ridge

STILL = 1e-7  # mm: a step that moves the face less than this is the last


@dataclass(frozen=True, eq=False)
class MorphableFit:
    """A linear model fitted to a face.

    model: as given. coefficients: (M,) standard deviations. alignment: (s, R, t) of the face in space. vertices: (V, 3)
    mm, where the target lies. seconds: how long it took.
    """

    model: LinearMorphableModel
    coefficients: Tensor
    alignment: Alignment
    vertices: Tensor
    seconds: float


def fit_morphable(
    model: LinearMorphableModel, target: Tensor, *, prior: float = 0.01, scale: bool = False, steps: int = 30
) -> MorphableFit:
    """Fit a linear model to a registered face `target` (V, 3) mm that may lie anywhere.

    Minimises sum_i |s R x_i(c) + t - target_i|^2 + s^2 prior |c|^2 over the coefficients c, the rotation R, the shift t
    and, if `scale`, the scale s (else 1). The start is the rigid motion that brings the mean face closest; each
    Gauss-Newton step solves for all of them together, and a few are enough. The prior is in mm^2, the squared noise of
    a coordinate; its default stands for 0.1 mm.

    Raises ValueError for a target of another size, NaN, a prior below zero and fewer than one step.
    """
    model.check_target(target, prior)
    if steps < 1:
        raise ValueError(f"steps: a fit needs at least one step, found {steps}")
    begin = time.perf_counter()
    goal = target.double()
    face = PlacedFace(model, align_points(model.mean.double(), goal, scale), scale)
    for _ in range(steps):
        if face.step(goal, prior) < STILL:
            break
    return face.finish(target.dtype, time.perf_counter() - begin)


class PlacedFace:
    """A face of a linear model somewhere in space, moved by Gauss-Newton steps; float64.

    alignment: (s, R, t) where it starts, with coefficients of zero. scale: whether s may change.
    """

    def __init__(self, model: LinearMorphableModel, alignment: Alignment, scale: bool) -> None:
        self.model, self.alignment, self.scale = model, alignment, scale
        self.coefficients = model.modes.new_zeros(len(model), dtype=torch.float64)
        self._basis, self._mean = model.basis(), model.mean.double()
        self._gram: Tensor | None = None  # of the basis, for points that all weigh the same

    @property
    def face(self) -> Tensor:
        """(V, 3) mm, before it is placed."""
        return self._mean + (self.coefficients @ self._basis).view(-1, 3)

    @property
    def vertices(self) -> Tensor:
        """(V, 3) mm, where it has been placed."""
        return apply_alignment(self.face, self.alignment)

    def step(self, target: Tensor, prior: float, weight: Tensor | None = None) -> float:
        """Move towards targets (V, 3) mm, each with a weight (V,), 1 if None; returns how far the face moved, mm."""
        face, basis, modes = self.face, self._basis, len(self.model)
        away = (undo_alignment(target, self.alignment) - face).flatten()
        moves = rigid_moves(face, self.scale)
        if weight is None:
            heavy, heavy_moves = basis, moves
            self._gram = basis @ basis.T if self._gram is None else self._gram
            gram = self._gram
        else:
            each = weight.double().repeat_interleave(3)
            heavy, heavy_moves = basis * each, moves * each
            gram = heavy @ basis.T
        cross = heavy @ moves.T
        normal = torch.cat([torch.cat([gram, cross], 1), torch.cat([cross.T, heavy_moves @ moves.T], 1)])
        right = torch.cat([heavy @ away - prior * self.coefficients, heavy_moves @ away])
        step = solve_ridge(normal, right, prior, modes)
        self.coefficients = self.coefficients + step[:modes]
        self.alignment = compose_move(self.alignment, face, step[modes:])
        return float((step[:modes] @ basis).abs().max() + step[modes:].abs().max())

    def finish(self, dtype: torch.dtype, seconds: float) -> MorphableFit:
        """What the fit gives back."""
        placed = tuple(part.to(dtype) for part in self.alignment)
        return MorphableFit(self.model, self.coefficients.to(dtype), placed, self.vertices.to(dtype), seconds)


def rigid_moves(points: Tensor, scale: bool) -> Tensor:
    """How small motions move points (n, 3): (6 or 7, 3 n), turns about the middle, shifts, growth, in mm each."""
    arm = points - points.mean(0)
    arm = arm / arm.square().sum(1).mean().sqrt()
    axes = torch.eye(3).to(points)
    turns = [torch.linalg.cross(axis.expand_as(arm), arm).flatten() for axis in axes]
    shifts = [axis.expand_as(arm).flatten() for axis in axes]
    return torch.stack([*turns, *shifts, *([arm.flatten()] if scale else [])])


def compose_move(alignment: Alignment, points: Tensor, move: Tensor) -> Alignment:
    """The alignment after a motion (6 or 7,) of points (n, 3), in the units of `rigid_moves`."""
    s, rotation, shift = alignment
    middle = points.mean(0)
    size = (points - middle).square().sum(1).mean().sqrt()
    grow = (move[6] / size).exp() if len(move) == 7 else torch.ones_like(s)
    turn = roma.rotvec_to_rotmat(move[:3] / size)
    own = middle + move[3:6] - grow * (turn @ middle)
    return s * grow, rotation @ turn, s * (rotation @ own) + shift


def undo_alignment(points: Tensor, alignment: Alignment) -> Tensor:
    """Where points (..., 3) mm were before `apply_alignment`."""
    s, rotation, shift = alignment
    return (points - shift) @ rotation / s
