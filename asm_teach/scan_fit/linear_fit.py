"""Fit a linear morphable model to a scan: coefficients and a rigid motion, solved for together. Derived in lesson 5."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import roma
import torch
from torch import Tensor

from asm_teach.data.landmark_files import with_jaw
from asm_teach.fitting.result import Course, LiveFace, Record, Watcher, iterate, watching
from asm_teach.geometry.alignment import Alignment, align_points, apply_alignment
from asm_teach.geometry.mesh import Mesh
from asm_teach.model.linear import LinearMorphableModel, solve_ridge
from asm_teach.scan_fit.coverage import Gaps, missed_landmarks, stopped_note, vertex_note
from asm_teach.scan_fit.far_scan import anywhere
from asm_teach.scan_fit.fit import LIKE, noise_at
from asm_teach.scan_fit.likely_face import likely_face, placed_start
from asm_teach.scan_fit.place import place_scan
from asm_teach.scan_fit.registered import is_registered, vertex_weights
from asm_teach.scan_fit.surface_targets import SurfacePull

REGISTERED_STEPS, RAW_STEPS = 30, 50
_START_STEPS = 3  # in which a model comes to the likely face that a raw fit begins with
_STILL = 1e-7  # mm: a step that moves the face less than this is the last


@dataclass(frozen=True, eq=False)
class MorphableFit(Course):
    """A linear model fitted to a scan, and how the fit went.

    model: as given. coefficients: (M,) standard deviations. alignment: (s, R, t) of the face in space. vertices: (V, 3)
    mm, where the scan lies.
    """

    model: LinearMorphableModel
    coefficients: Tensor
    alignment: Alignment
    vertices: Tensor


@anywhere
def fit_morphable(
    model: LinearMorphableModel,
    scan: Mesh,
    *,
    landmarks: Tensor | None = None,
    mask: Tensor | None = None,
    scale: bool = True,
    noise: float = 0.2,
    steps: int | None = None,
    watch: Watcher | Callable[[Record, LiveFace], None] | None = None,
    progress: bool = True,
) -> MorphableFit:
    """Fit a linear model to a scan anywhere in space, as `fit_scan` fits a skinned one.

    Minimises sum_i a_i |s R x_i(c) + t - target_i|^2 + s^2 noise^2 |c|^2 over the coefficients c, the rotation R, the
    shift t and, if `scale`, the scale s. Each Gauss-Newton step solves for all of them together. The targets of a
    registered mesh are its own vertices, and a few steps from the closest rigid motion are enough. On a raw scan they
    are the closest points of its surface, found and trusted as in `fit_scan` (`SurfacePull`), with its course of noise.

    Args:
        scan: a mesh with the model's own faces is taken as registered, any other as a raw scan.
        landmarks: (68, 3) where the model's "ibug68" lie on a raw scan, in its unit; NaN rows are unknown.
            (51, 3): without the line of the jaw.
        mask: of a registered mesh, (V,) how much each vertex counts, 1 by default; of a raw scan, (V,) or (F,) bool.
        scale: whether the face may grow as a whole, as that of a skinned model may.
        noise: mm of a vertex that weigh as much as one standard deviation of a coefficient; 0 for no prior.
        steps: at most 30 for a registered mesh and 50 for a raw one where none is given.
        watch: a `Watcher`, or a function that is called after each iteration with its `Record` and the face, to be
            called for its vertices; it may raise KeyboardInterrupt.

    Raises:
        ValueError: a scan that is no mesh, has no face to be found in it or NaN; a mask or landmarks of the wrong
            shape; a noise below zero; fewer than one step.
    """
    landmarks = None if landmarks is None else with_jaw(landmarks)
    registered = is_registered(model.mesh, scan, landmarks, steps)
    if not 0 <= noise < math.inf:
        raise ValueError(f"noise: give millimetres, 0 or above, found {noise}")
    weight: Tensor | None = None
    notes: tuple[str, ...] = ()
    used, unit, first = scan, 1.0, 0.0
    if registered:
        model.check_target(scan.vertices)
        weight = None if mask is None else vertex_weights(model.mesh, mask).double()
        goal, steps = scan.vertices.double(), steps or REGISTERED_STEPS
        face = PlacedFace(model, align_points(model.mean.double(), goal, scale), scale)
    else:
        placed = place_scan(model.mesh, scan, landmarks, mask)
        placed = likely_face(model.mesh, placed, landmarks)
        goal, steps = placed_start(model.mesh, placed).double(), steps or RAW_STEPS
        face = PlacedFace(model, align_points(model.mean.double(), goal, scale=True), scale)
        if placed.shapes is not None:
            first = LIKE
            for _ in range(_START_STEPS):
                face.step(goal, noise)
        used, notes, unit = placed.mesh, placed.notes, placed.unit
        uv = face.vertices[:, :2]
        pull = SurfacePull(model.mesh, face.vertices, uv, placed.mesh, None, landmarks, placed.unit)
    watcher = Watcher.of(watch)
    if watcher:
        watcher.begin(used)
    moved = math.inf

    def step_registered(iteration: int) -> tuple[float, float]:
        nonlocal moved
        if moved < _STILL:
            raise StopIteration
        moved = face.step(goal, noise, weight)
        away = (face.vertices - goal).square().sum(1)
        loss = float(away.mean() if weight is None else (weight * away).sum() / weight.sum())
        return loss, float(away.sqrt().mean())

    def step_raw(iteration: int) -> tuple[float, float]:
        done = first + (1 - first) * iteration / steps
        pull.look(face.vertices.float(), done)
        face.step(pull.target.double(), noise_at(done, max(noise, 1e-3)), pull.weight.double())
        now = face.vertices.float()
        loss = (pull.weight * (now - pull.target).square().sum(1)).sum() / pull.weight.sum().clamp_min(1e-9)
        return float(loss), pull.error(now)

    step = step_registered if registered else step_raw
    history, interrupted = iterate(step, steps, "fit linear model", watching(watcher, face), progress)
    told = stopped_note(interrupted, len(history), steps)
    if registered:
        told += vertex_note(face.vertices, goal, torch.ones(len(goal)) if weight is None else weight)
    else:
        told += missed_landmarks(model.mesh, face.vertices, None if landmarks is None else placed.unit * landmarks)
        told += Gaps.between(model.mesh, face.vertices.float(), placed.mesh).notes()
    coefficients, vertices, s, rotation, shift = (
        x.to(model.modes.dtype) for x in (face.coefficients, face.vertices, *face.alignment)
    )
    return MorphableFit(
        model, coefficients, (s, rotation, shift), vertices,
        history=history, interrupted=interrupted, scan=used, notes=(*notes, *told), unit=unit,
    )  # fmt: skip


class PlacedFace:
    """A face of a linear model somewhere in space, moved by Gauss-Newton steps; float64.

    alignment: (s, R, t) where it starts, with coefficients of zero. scale: whether s may change.
    """

    def __init__(self, model: LinearMorphableModel, alignment: Alignment, scale: bool) -> None:
        self.model, self.mesh, self.alignment, self.scale = model, model.mesh, alignment, scale
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

    def __call__(self) -> Tensor:
        """Its vertices, by the name that a skinned model has for them."""
        return self.vertices

    def step(self, target: Tensor, noise: float, weight: Tensor | None = None) -> float:
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
        right = torch.cat([heavy @ away - noise**2 * self.coefficients, heavy_moves @ away])
        step = solve_ridge(normal, right, noise**2, modes)
        self.coefficients = self.coefficients + step[:modes]
        self.alignment = compose_move(self.alignment, face, step[modes:])
        return float((step[:modes] @ basis).abs().max() + step[modes:].abs().max())


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
