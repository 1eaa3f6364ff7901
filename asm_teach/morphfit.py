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
    basis, mean, goal = model.basis(), model.mean.double(), target.double()
    gram, modes = basis @ basis.T, len(model)
    alignment = align_points(mean, goal, scale)
    c, face = basis.new_zeros(modes), mean
    for _ in range(steps):
        away = (undo_alignment(goal, alignment) - face).flatten()
        moves = rigid_moves(face, scale)
        cross = basis @ moves.T
        normal = torch.cat([torch.cat([gram, cross], 1), torch.cat([cross.T, moves @ moves.T], 1)])
        step = solve_ridge(normal, torch.cat([basis @ away - prior * c, moves @ away]), prior, modes)
        c = c + step[:modes]
        alignment = compose_move(alignment, face, step[modes:])
        face = mean + (c @ basis).view(-1, 3)
        if (step[:modes] @ basis).abs().max() + step[modes:].abs().max() < STILL:
            break
    vertices = apply_alignment(face, alignment)
    placed = tuple(part.to(target.dtype) for part in alignment)
    return MorphableFit(model, c.to(target.dtype), placed, vertices.to(target.dtype), time.perf_counter() - begin)


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
