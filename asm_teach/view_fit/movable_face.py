"""Faces that a fit to pictures can move: one of bones, and one of modes. Derived in lesson 8."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from asm_teach.data.face_prior import FacePrior
from asm_teach.fitting.normal_equations import Equations, Points, equations
from asm_teach.fitting.priors import MIRROR, Prior, mirror_pairs
from asm_teach.fitting.unknowns import FREE, Unknowns
from asm_teach.fitting.vertex_energy import Bend, Patch, Pull, patches_of
from asm_teach.geometry.mesh import Mesh
from asm_teach.model.adaptive import AdaptiveSkinningModel, SkinnedModel
from asm_teach.model.linear import LinearMorphableModel
from asm_teach.view_fit.bundle import Demand

_LEAST = 0.02  # of a share: with wide Gaussians, most of the second derivatives are of what hardly acts


@dataclass(frozen=True, eq=False)
class SkinnedPlaces:
    """Where samples lie on a skinned face, ready for normal equations, and which of them are close on the chart."""

    points: Points
    patches: list[Tensor]


class SkinnedFace:
    """A model's motions and Gaussians, with the prior on them, as unknowns of a `Bundle`.

    The model as it is gives the start. It is not changed before `finish`. adapts: whether the Gaussians may move yet;
    a static model has none, and whatever it is told moves its bones alone.
    Samples are float32, whatever the model is, as the mesh is that others see.
    learned: speaks of the motions in place of `prior`, which should hardly do so then (`believed_of`).
    """

    def __init__(self, model: SkinnedModel, prior: Prior, learned: FacePrior | None = None) -> None:
        self.model, self.mesh, self.adapts = model, model.mesh.to(dtype=torch.float32), False
        free = FREE if isinstance(model, AdaptiveSkinningModel) else ("motion",)
        self._joint = Unknowns(model, free, prior, rooted=True)
        every = torch.arange(len(model.vertices), device=model.vertices.device)
        self._every = Points(model, every)
        self._bends: Pull | None = None
        self._stiffness: Tensor | None = None
        if prior.bending is not None:
            rest = model.vertices.detach().float()
            # The sum stands for 1,000 vertices, as that of `Bending` does.
            bend = Bend.of(self.mesh, (1000 / len(rest)) ** 0.5 / prior.bending)
            self._bends = Pull(_chart(model), every, rest, torch.zeros_like(rest[:, 0]), bend, rest)
        asked = [] if prior.asymmetry is None else [_mirror(self._joint, prior.asymmetry)]
        if learned is not None:
            asked.append(self._joint.joined(*learned.on_motion(model)))
        # Beliefs that join several unknowns, (r, u) and (r,): they cost |rows @ deviations - aims|^2.
        empty = torch.zeros(0, len(self._joint.deviations())).to(self.mesh.vertices)
        self._rows = torch.cat([empty, *(rows for rows, _ in asked)])
        self._aims = torch.cat([empty[:, 0], *(aims for _, aims in asked)])
        self._joined = self._rows.T @ self._rows
        roots = (model.rig.parents < 0).nonzero()[:, 0]
        self._held = self._joint.motion_columns[roots if len(roots) == 1 else roots[:0]].flatten()

    @property
    def _adapting(self) -> bool:
        return self.adapts and isinstance(self.model, AdaptiveSkinningModel)

    def places(self, rows: Tensor, barycentric: Tensor | None = None) -> SkinnedPlaces:
        """Samples at vertices (n,), or inside triangles with corners (n, 3) and barycentric coordinates (n, 3)."""
        first = rows if rows.ndim == 1 else rows[:, 0]
        inside = patches_of(_chart(self.model)[first], torch.arange(len(rows), device=rows.device))
        return SkinnedPlaces(Points(self.model, rows, barycentric), inside)

    def samples(self, places: SkinnedPlaces) -> Tensor:
        """Where they are now, (n, 3) mm."""
        return self._joint.pose(places.points).vertices

    def vertices(self) -> Tensor:
        """All vertices as they are now, (V, 3) mm."""
        return self._joint.pose(self._every).vertices

    def cost(self) -> float:
        """What the priors cost now."""
        away = self._joint.deviations()
        cost = away.square().sum()
        cost = cost + (self._rows @ away.float() - self._aims).square().sum()
        bent = 0.0 if self._bends is None else self._bends.cost(self.vertices())
        return float(cost) + bent

    def system(self, demands: Sequence[tuple[SkinnedPlaces, Demand]]) -> tuple[Tensor, Tensor, Tensor]:
        """Half the derivatives by the unknowns (u,), (u, u), and by them and the cameras (u, m); priors included."""
        joint, adapts = self._joint, self._adapting
        parts = []
        for places, asked in demands:
            patches = [Patch(rows, asked.metric[rows]) for rows in places.patches]
            parts.append(equations(joint.pose(places.points), asked.force, patches, adapts, _columns(asked), _LEAST))
        if self._bends is not None:
            parts.append(self._bending(self._bends, adapts))
        found = _together(parts, demands[0][1].beside.shape[2])
        first, second, beside = joint.reduce(found, self._every.unit, adapts)
        second, beside = _less_shared(second, beside, demands)
        away = joint.deviations()[: len(first)]
        first = first + away
        if adapts:
            first, beside = joint.through_summed(first), joint.through_summed(beside)
            second = joint.through_summed(joint.through_summed(second).mT)
        second.diagonal().add_(1.0)
        joined = self._joined[: len(first), : len(first)]
        first = first + (joined @ away.float() - self._rows[:, : len(first)].T @ self._aims).double()
        second += joined
        # Moving the whole head and moving all cameras against it look the same: the root stays, the cameras move.
        held = self._held
        first[held], beside[held], second[held], second[:, held] = 0, 0, 0, 0
        second[held, held] = 1
        return first, second, beside

    def _bending(self, bends: Pull, adapts: bool) -> Equations:
        """What bending asks of all vertices. As long as the weights stay, so do its second derivatives."""
        posed = self._joint.pose(self._every)
        slope = bends.gradient(posed.vertices)
        if self._stiffness is None or adapts:
            found = equations(posed, slope, bends.patches(), adapts, None, _LEAST)
            self._stiffness = None if adapts else found.gram
            return found
        return replace(equations(posed, slope, [], adapts), gram=self._stiffness)

    def moved(self, step: Tensor) -> SkinnedFace:
        """The face after a step (u,)."""
        face = copy.copy(self)
        after = self._joint.moved(step, self._adapting)
        face._joint = after.summed() if self._adapting else after
        face._stiffness = None if self._adapting else self._stiffness
        return face

    def finish(self) -> SkinnedModel:
        """The model with these motions and Gaussians."""
        self._joint.give_to_model()
        return self.model


@dataclass(eq=False)
class LinearFace:
    """The coefficients (M,) of a linear model as unknowns of a `Bundle`; their prior is the model's own.

    Their step is eq. (9.2). Derived in lesson 9.
    """

    model: LinearMorphableModel
    coefficients: Tensor
    adapts: bool = True

    @classmethod
    def of(cls, model: LinearMorphableModel) -> LinearFace:
        """The mean face."""
        return cls(model, model.mean.new_zeros(len(model)))

    @property
    def mesh(self) -> Mesh:
        """The template."""
        return self.model.mesh

    def places(self, rows: Tensor, barycentric: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Mean (n, 3) and modes (n, 3, M) at vertices (n,), or inside triangles with corners (n, 3)."""
        model = self.model
        modes = (model.modes * model.deviations[:, None, None]).permute(1, 2, 0)
        if barycentric is None:
            return model.mean[rows], modes[rows]
        mean = (barycentric[..., None] * model.mean[rows]).sum(1)
        return mean, torch.einsum("nc,ncxm->nxm", barycentric, modes[rows])

    def samples(self, places: tuple[Tensor, Tensor]) -> Tensor:
        """Where they are now, (n, 3) mm."""
        return places[0] + places[1] @ self.coefficients

    def vertices(self) -> Tensor:
        """All vertices as they are now, (V, 3) mm."""
        return self.model(self.coefficients)

    def cost(self) -> float:
        """What the prior costs now."""
        return float(self.coefficients.square().sum())

    def system(self, demands: Sequence[tuple[tuple[Tensor, Tensor], Demand]]) -> tuple[Tensor, Tensor, Tensor]:
        """As that of `SkinnedFace`."""
        first, second = self.coefficients.double(), torch.eye(len(self.coefficients)).to(self.coefficients)
        columns = []
        for (_, modes), asked in demands:
            first = first + (asked.force.flatten() @ modes.flatten(0, 1)).double()
            second = second + modes.flatten(0, 1).T @ (asked.metric @ modes).flatten(0, 1)
            columns.append(modes.flatten(0, 1).T @ _columns(asked).flatten(0, 1))
        second, beside = _less_shared(second, _beside(columns, demands[0][1].beside.shape[2]), demands)
        return first, second, beside

    def moved(self, step: Tensor) -> LinearFace:
        """The face after a step (M,)."""
        return replace(self, coefficients=self.coefficients + step.to(self.coefficients))


def _columns(asked: Demand) -> Tensor:
    """(n, 3, m + k): second derivatives by samples and cameras, and the nuisance parameters of a demand."""
    return asked.beside if asked.shared is None else torch.cat([asked.beside, asked.shared], 2)


def _beside(parts: Sequence[Tensor], cameras: int) -> Tensor:
    """The sum of columns (..., m + k) of several demands: the m of cameras are the same, the further ones each its own.

    A part without columns knows nothing of either.
    """
    known = [part for part in parts if part.shape[-1]]
    return torch.cat([torch.stack([p[..., :cameras] for p in known]).sum(0), *(p[..., cameras:] for p in known)], -1)


def _less_shared(second: Tensor, beside: Tensor, demands: Sequence[tuple[Any, Demand]]) -> tuple[Tensor, Tensor]:
    """Derivatives by unknowns (u, u) and (u, m + k) without what the k nuisance parameters of all demands explain."""
    known = [asked.shared_cameras for _, asked in demands if asked.shared_cameras is not None]
    if not known:
        return second, beside
    cameras = torch.cat(known, 1)
    beside, shared = beside.split([len(cameras), cameras.shape[1]], 1)
    return second - shared @ shared.T, beside - shared @ cameras.T


def _together(parts: Sequence[Equations], cameras: int) -> Equations:
    """The sum of equations of several sets of samples, at one pose."""
    names = ("by_matrices", "mixed", "curvature", "by_gaussians")
    sums = {name: torch.stack([getattr(part, name) for part in parts]).sum(0) for name in names}
    gram = torch.stack([part.gram for part in parts if part.gram.ndim == 4]).sum(0)
    for part in parts:
        if part.gram.ndim == 2:  # the same for each row
            gram.diagonal(dim1=0, dim2=2).add_(part.gram[..., None])
    columns = [_beside([getattr(p, name) for p in parts], cameras) for name in ("beside_matrices", "beside_gaussians")]
    return Equations(gram, *sums.values(), *columns)


def _chart(model: SkinnedModel) -> Tensor:
    """(V, 2) where vertices that lie together have near numbers."""
    return model.uv if isinstance(model, AdaptiveSkinningModel) else model.vertices[:, :2]


def _mirror(face: Unknowns, asymmetry: float) -> tuple[Tensor, Tensor]:
    """(r, u): the differences between bones and their mirror images, by the unknowns, both in deviations; aims (r,)."""
    left, right = mirror_pairs(face.model.rig)
    motion: tuple[float, ...] = (*MIRROR["translation"], *MIRROR["rotation"], *MIRROR["log_scale"])
    blocks = [(face.motion_columns, motion)]
    if face.adapts:
        blocks.append((face.gaussian_columns[..., 2:5], MIRROR["mixture_factor"]))
    one, other = (torch.cat([columns[side].flatten() for columns, _ in blocks]) for side in (left, right))
    sign = torch.cat([one.new_tensor(signs).expand_as(columns[left]).flatten() for columns, signs in blocks])
    each, rows = torch.arange(len(one)), torch.zeros(len(one), len(face.deviations()))
    rows[each, one] += 1 / asymmetry
    rows[each, other] -= sign / asymmetry
    rows = rows[rows.any(1)].to(face.model.vertices.device)
    return rows, torch.zeros_like(rows[:, 0])
