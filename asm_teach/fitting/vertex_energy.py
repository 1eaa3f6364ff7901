"""What a fit asks of the vertices: to lie near their targets, and to bend little on the way. A quadratic energy.

Its second derivative is needed patch by patch of the chart: there few bones act, so that the normal equations of a
Gauss-Newton step are sums of small products. Used by lesson 5.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from torch import Tensor

from asm_teach.geometry.mesh import Mesh
from asm_teach.geometry.mesh_edges import edge_list
from asm_teach.model.adaptive import AdaptiveSkinningModel, SkinnedModel

PATCH = 64  # vertices of a patch: fewer make many small products, more have more bones act in each


class Patch(NamedTuple):
    """Some vertices that lie together. rows: (n,) indices.

    metric: (n,) weights; (n, n) where they bend; (n, 3, 3) where directions differ.
    """

    rows: Tensor
    metric: Tensor


def chart_places(model: SkinnedModel) -> Tensor:
    """(V, 2) where vertices that lie together have near numbers: on the chart, if the model has one."""
    return model.uv if isinstance(model, AdaptiveSkinningModel) else model.vertices[:, :2]


def patches_of(uv: Tensor, rows: Tensor, size: int = PATCH) -> list[Tensor]:
    """Divide vertices `rows` (n,) into patches of at most `size` that lie together on the chart uv (V, 2)."""
    if len(rows) <= size:
        return [rows]
    where = uv[rows]
    longer = int((where.amax(0) - where.amin(0)).argmax())
    rows = rows[where[:, longer].argsort(stable=True)]
    half = len(rows) // 2
    return patches_of(uv, rows[:half], size) + patches_of(uv, rows[half:], size)


@dataclass(frozen=True, eq=False)
class Bend:
    """How far a vertex's displacement leaves the mean of its neighbours', in shares of their distance.

    factor: (V,) of each vertex. first, second: (E,) every edge in both directions. valence: (V, 1).
    """

    factor: Tensor
    first: Tensor
    second: Tensor
    valence: Tensor

    @classmethod
    def of(cls, mesh: Mesh, stiffness: Tensor | float = 1.0) -> Bend:
        """Of a mesh: `stiffness` () or (V,) where a displacement differs from its neighbours' by their distance."""
        first, second = edge_list(mesh.faces).directed.T
        length = torch.linalg.vector_norm(mesh.vertices[first] - mesh.vertices[second], dim=1)
        ones = torch.ones_like(length)
        zeros = mesh.vertices.new_zeros(len(mesh.vertices))
        valence = zeros.index_add(0, first, ones).clamp_min(1)
        mean = zeros.index_add(0, first, length) / valence
        used = zeros.index_fill(0, first, 1.0)
        return cls(stiffness * used / mean.clamp_min(1e-3), first, second, valence[:, None])

    def apply(self, away: Tensor) -> Tensor:
        """(V, 3) displacements to (V, 3): what is to be small."""
        return self.factor[:, None] * (away - self.mean(away))

    def mean(self, values: Tensor) -> Tensor:
        """The mean over each vertex's neighbours, (V, 3)."""
        return torch.zeros_like(values).index_add(0, self.first, values[self.second]) / self.valence

    def transposed(self, bent: Tensor) -> Tensor:
        """The transposed map, for the gradient."""
        scaled = self.factor[:, None] * bent
        return scaled.index_add(0, self.second, -(scaled / self.valence)[self.first])

    def patch(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Vertices that take part where `rows` (n,) are the centres, `rows` first, (m,), and the map as (n, m)."""
        number = torch.full((len(self.factor),), -1, dtype=torch.int64, device=rows.device)
        number[rows] = torch.arange(len(rows), device=rows.device)
        near = (number[self.first] >= 0).nonzero()[:, 0]
        first, second = self.first[near], self.second[near]
        rim = torch.unique(second[number[second] < 0])
        number[rim] = torch.arange(len(rows), len(rows) + len(rim), device=rows.device)
        matrix = torch.eye(len(rows), len(rows) + len(rim), device=rows.device, dtype=self.factor.dtype)
        matrix[number[first], number[second]] = -1 / self.valence[first, 0]
        return torch.cat([rows, rim]), self.factor[rows, None] * matrix


class Pull:
    """The energy sum_i a_i |v_i - q_i|^2 + s^2 |bend (v - rest)|^2 of vertices v, with its first and second derivative.

    rows: (n,) the vertices of the model that count; all of them if they bend. target: (n, 3) mm. weight: (n,).
    uv: (V, 2) where the model's vertices lie on the chart. rest: (n, 3) where bending costs nothing. size: of a patch.
    least: the share of a vertex below which its second derivative may leave a Gaussian out; None for the usual one.
    """

    least: float | None = None

    def __init__(
        self,
        uv: Tensor,
        rows: Tensor,
        target: Tensor,
        weight: Tensor,
        bend: Bend | None = None,
        rest: Tensor | None = None,
        size: int = PATCH,
    ) -> None:
        self.rows, self.bend = rows, bend
        self.rest = target if rest is None else rest
        inside = torch.empty(len(uv), dtype=torch.int64, device=uv.device)
        inside[rows] = torch.arange(len(rows), device=uv.device)
        self._own = [inside[patch] for patch in patches_of(uv, rows, size)]
        self._bending = self._bend_patches()
        self.stiff = 1.0
        self.aim(target, weight)

    def _bend_patches(self) -> list[tuple[Tensor, Tensor]] | None:
        if self.bend is None:
            return None
        return [(rows, matrix.T @ matrix) for rows, matrix in map(self.bend.patch, self._own)]

    def strengthen(self, rows: Tensor, times: float) -> None:
        """Make some vertices stiffer for good."""
        if self.bend is not None:
            factor = self.bend.factor.clone()
            factor[rows] *= times
            self.bend = replace(self.bend, factor=factor)
            self._bending = self._bend_patches()

    def stiffen(self, stiff: float) -> None:
        """Let bending cost this many mm where a vertex moves by an edge against its neighbours."""
        self.stiff = stiff

    def error(self, moved: Tensor) -> float:
        """Mean distance from the targets in mm, weighted as the energy is."""
        distance = torch.linalg.vector_norm(moved - self.target, dim=1)
        return (self.weight * distance).sum().item() / max(self.weight.sum().item(), 1e-9)

    def aim(self, target: Tensor, weight: Tensor) -> None:
        """Set other targets (n, 3) and weights (n,)."""
        self.target, self.weight = target, weight

    def cost(self, moved: Tensor) -> float:
        """The energy with the vertices at `moved` (n, 3), mm^2."""
        cost = (self.weight * (moved - self.target).square().sum(1)).double().sum()
        if self.bend is not None:
            cost = cost + self.stiff**2 * self.bend.apply(moved - self.rest).square().double().sum()
        return cost.item()

    def gradient(self, moved: Tensor) -> Tensor:
        """Half its first derivative by the vertices, (n, 3) mm."""
        gradient = self.weight[:, None] * (moved - self.target)
        if self.bend is not None:
            gradient = gradient + self.stiff**2 * self.bend.transposed(self.bend.apply(moved - self.rest))
        return gradient

    def patches(self) -> list[Patch]:
        """Half its second derivative, the same for x, y and z, as a sum over patches of the vertices."""
        if self._bending is None:
            return [Patch(rows, self.weight[rows]) for rows in self._own]
        patches = []
        for own, (rows, bending) in zip(self._own, self._bending, strict=True):
            metric = self.stiff**2 * bending
            metric.diagonal()[: len(own)] += self.weight[own]
            patches.append(Patch(rows, metric))
        return patches
