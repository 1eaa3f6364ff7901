"""The normal equations of a Gauss-Newton step on everything an adaptive face has: motions and Gaussians together.

A vertex moves to v = sum_j w_j S_j x. By the entries of the matrices S it is linear, with the same factors w_j x for
all three coordinates; by a number q of Gaussian k of bone j it moves along dv/dq = p_jk (S_j x - v) de_jk/dq, where
p_jk is that Gaussian's share of the vertex and e_jk its exponent. Products of these are summed over small patches of
the chart, each with only those bones that act there. Derived in lesson 5.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from asm_teach.fitting.vertex_energy import Patch
from asm_teach.model.adaptive import AdaptiveSkinningModel, SkinnedModel
from asm_teach.model.mixture import chart_powers, exponent_coefficients, mixture_shares, shares_backward

NUMBERS = 6  # of a Gaussian: its centre (2), the factor a, b, c of its covariance, the logarithm of its share pi
_LENGTH = 20.0  # mm that count as 1 in the homogeneous vertices, so that their four columns are of one size
_LEAST_SHARE = 1e-3  # a bone whose Gaussians' shares stay below this all over a patch is left out there


class Points:
    """Some vertices of a model, with what of them never changes in a fit.

    model: whose vertices. rows: (n,) which; or (n, 3) with barycentric (n, 3), points inside triangles, each taken for
    a vertex of its own. `homogeneous` (n, 4) are they in units of 20 mm about the middle of all vertices.
    """

    def __init__(self, model: SkinnedModel, rows: Tensor, barycentric: Tensor | None = None) -> None:
        vertices = model.vertices.detach().float()
        middle = vertices.mean(0)
        near = (_mixed(vertices, rows, barycentric) - middle) / _LENGTH
        self.homogeneous = torch.cat([near, torch.ones_like(near[:, :1])], 1)
        self.unit = torch.eye(4, dtype=torch.float64, device=near.device)  # homogeneous to mm
        self.unit[:3, :3] *= _LENGTH
        self.unit[:3, 3] = middle.double()
        self.uv = self.powers = self.weights = near.new_zeros(0)  # the first two of adaptive models, else the last
        if isinstance(model, AdaptiveSkinningModel):
            uv = _mixed(model.uv, rows, barycentric)
            self.uv, self.powers = uv.float(), chart_powers(uv)
        elif barycentric is None:
            self.weights = model.weights(rows).float()
        else:
            corners = model.weights(rows.flatten()).unflatten(0, rows.shape)
            self.weights = (barycentric[..., None] * corners).sum(1).float()


def _mixed(values: Tensor, rows: Tensor, barycentric: Tensor | None) -> Tensor:
    return values[rows] if barycentric is None else (barycentric[..., None] * values[rows]).sum(1)


def gaussians_of(model: SkinnedModel) -> Tensor:
    """The Gaussians of a model by their own places on the chart, (J, K, 6) float64: centre, factor, log pi.

    K = 0 for a model of fixed weights.
    """
    if not isinstance(model, AdaptiveSkinningModel):
        return model.vertices.new_zeros(len(model.rig), 0, NUMBERS, dtype=torch.float64)
    centre = model.bone_uv[:, None] + model.mixture_mean
    parts = [centre, model.mixture_factor, model.mixture_logits.log_softmax(-1)[..., None]]
    return torch.cat(parts, -1).detach().double()


class Posed:
    """Points of a face for given matrices S (J, 3, 4) and Gaussians (J, K, 6); K = 0 for weights that are fixed."""

    def __init__(self, points: Points, matrices: Tensor, gaussians: Tensor) -> None:
        self.points, self.matrices = points, matrices
        if not gaussians.numel():
            self.shares, self.weights = points.weights[:, :0], points.weights
        else:
            with torch.enable_grad():
                self.leaf = gaussians.detach().clone().requires_grad_()
                self.coefficients = exponent_coefficients(self.leaf[..., :2], self.leaf[..., 5], self.leaf[..., 2:5])
            self.shares, self.weights = mixture_shares(
                points.powers, self.coefficients.detach(), len(matrices), torch.float32
            )

    @cached_property
    def by_column(self) -> Tensor:
        """The matrices for homogeneous points, (J, 4, 3)."""
        return (self.matrices @ self.points.unit).float().mT.contiguous()

    @cached_property
    def vertices(self) -> Tensor:
        """(n, 3) mm, eq. (1)."""
        blended = self.weights @ self.by_column.flatten(1)  # (n, 12)
        return (blended.unflatten(1, (4, 3)) * self.points.homogeneous[..., None]).sum(1)


@dataclass(frozen=True, eq=False)
class Equations:
    """Second derivatives by the entries of S, by Gaussians, and mixed, and the first ones; for half the energy.

    gram: (4 J, 4 J), the same for each row of S; or (3, 4 J, 3, 4 J) where they are mixed. by_matrices: (3, 4 J).
    mixed: (3, 4 J, 6 K J). curvature: (6 K J, 6 K J). by_gaussians: (6 K J,), in the order of (J, K, 6). K = 0 in these
    three for fixed weights. beside_matrices: (3, 4 J, m) and beside_gaussians: (6 K J, m), by m further unknowns and
    these.
    """

    gram: Tensor
    by_matrices: Tensor
    mixed: Tensor
    curvature: Tensor
    by_gaussians: Tensor
    beside_matrices: Tensor
    beside_gaussians: Tensor


def equations(
    posed: Posed,
    gradient: Tensor,
    patches: list[Patch],
    gaussians: bool,
    beside: Tensor | None = None,
    least: float | None = None,
) -> Equations:
    """The normal equations at a pose, where the vertices feel `gradient` (n, 3) and the metric of the patches.

    Without Gaussians those of eq. (5.2); with them the left and right side of eq. (5.3). Derived in lesson 5.

    beside: (n, 3, m) second derivatives by the vertices and m further unknowns. least: a Gaussian whose share stays
    below this all over a patch is left out of the second derivatives there; the first ones know them all.
    """
    points, weights = posed.points, posed.weights
    bones, device = len(posed.matrices), weights.device
    if beside is None:
        beside = gradient.new_zeros(*gradient.shape, 0)
    force = (points.homogeneous[:, :, None] * gradient[:, None]).flatten(1)  # (n, 12)
    by_matrices = (weights.T @ force).view(bones, 4, 3).permute(2, 0, 1).flatten(1)
    together = any(metric.ndim == 3 for _, metric in patches)  # the rows of S are mixed
    gram = torch.zeros(4 * bones, 4 * bones * (6 if together else 1), device=device)
    components = posed.shares.shape[1] // bones if gaussians else 0
    size = NUMBERS * bones * components
    curvature = torch.zeros(size, size, device=device)
    mixed = torch.zeros(4 * bones, 3, size, device=device)
    beside_matrices = torch.zeros(3, 4 * bones, beside.shape[2], device=device)
    beside_gaussians = torch.zeros(size, beside.shape[2], device=device)
    for rows, metric in patches:
        shares = (posed.shares if gaussians else weights).index_select(0, rows)
        most = shares.amax(0)
        acting = (most.view(-1, bones).amax(0) > _LEAST_SHARE).nonzero()[:, 0]
        design, entries, near = _design(posed, rows, acting), _spread(acting, 4), beside.index_select(0, rows)
        if together:  # xx, xy, xz, yy, yz, zz: the others are the same
            heavy = metric[:, (0, 0, 0, 1, 1, 2), (0, 1, 2, 1, 2, 2), None] * design[:, None]
            six = torch.cat([entries + 4 * bones * k for k in range(6)])
            _add_block(gram, entries, six, design.T @ heavy.flatten(1))
        else:
            _add_block(gram, entries, entries, design.T @ _weighed(metric, design))
        beside_matrices[:, entries] += design.T @ near.transpose(0, 1)
        if gaussians:
            present = (most > (_LEAST_SHARE if least is None else least)).nonzero()[:, 0]
            slopes = _slopes(posed, rows, shares.index_select(1, present), present)  # (n, 3, 6 c)
            heavy = _weighed(metric, slopes)
            columns = _spread((present % bones) * components + present // bones, NUMBERS)
            _add_block(curvature, columns, columns, slopes.flatten(0, 1).T @ heavy.flatten(0, 1))
            _add_block(mixed.flatten(0, 1), _spread(entries, 3), columns, design.T @ heavy.flatten(1))
            beside_gaussians[columns] += slopes.flatten(0, 1).T @ near.flatten(0, 1)
    mixed = mixed.transpose(0, 1)
    if together:
        six = torch.tensor([[0, 1, 2], [1, 3, 4], [2, 4, 5]], device=device)
        gram = gram.unflatten(1, (6, -1))[:, six].transpose(0, 1)
    if not gaussians:
        return Equations(gram, by_matrices, mixed, curvature, force.new_zeros(0), beside_matrices, beside_gaussians)
    flow = force @ posed.by_column.flatten(1).T  # (n, J): the derivative by the weights
    by_coefficients = shares_backward(points.powers, posed.coefficients.detach(), posed.shares, flow)
    with torch.enable_grad():  # of a sum, because handing on a gradient imports half a second of symbolic algebra
        along = (posed.coefficients * by_coefficients).sum()
    (by_gaussians,) = torch.autograd.grad(along, posed.leaf, retain_graph=True)
    return Equations(gram, by_matrices, mixed, curvature, by_gaussians.flatten(), beside_matrices, beside_gaussians)


def _add_block(total: Tensor, rows: Tensor, columns: Tensor, block: Tensor) -> None:
    """Add to a matrix where some rows and columns meet: by one index for each entry, three times as fast as by two."""
    total.view(-1).index_add_(0, (rows[:, None] * total.shape[1] + columns).flatten(), block.flatten())


def _weighed(metric: Tensor, fields: Tensor) -> Tensor:
    """The metric of a patch times fields (n, k), the same for x, y and z, or (n, 3, k)."""
    if metric.ndim == 1:
        return metric.view(-1, *[1] * (fields.ndim - 1)) * fields
    return metric @ fields if metric.ndim == 3 else (metric @ fields.flatten(1)).view_as(fields)


def _design(posed: Posed, rows: Tensor, acting: Tensor) -> Tensor:
    """(n, 4 b): the weights of the acting bones times the homogeneous points; v is linear in S with these factors."""
    return (posed.weights[rows][:, acting, None] * posed.points.homogeneous[rows, None]).flatten(1)


def _slopes(posed: Posed, rows: Tensor, shares: Tensor, present: Tensor) -> Tensor:
    """(n, 3, 6 c): how the vertices move with the six numbers of the Gaussians that are present, eq. (5.4)."""
    bones = len(posed.matrices)
    centre_u, centre_v, a, b, c, _ = posed.leaf.detach().float()[present % bones, present // bones].unbind(1)
    u, v = posed.points.uv.index_select(0, rows).T[..., None]
    p, s = (-a).exp(), (-c).exp()
    x = p * (u - centre_u)
    y = s * (v - centre_v - b * x)
    steep = s * y
    exponent = [(x - b * steep) * p, steep, x * x - 1 - b * steep * x, steep * x, y * y - 1, torch.ones_like(x)]
    change = torch.stack(exponent, -1) * shares[..., None]  # (n, c, 6)
    columns = posed.by_column.index_select(0, present % bones).permute(1, 2, 0).flatten(1)  # (4, 3 c)
    carried = (posed.points.homogeneous.index_select(0, rows) @ columns).unflatten(1, (3, -1))
    apart = carried - posed.vertices.index_select(0, rows)[..., None]
    return (apart[..., None] * change[:, None]).flatten(2)


def _spread(indices: Tensor, width: int) -> Tensor:
    """Indices of blocks to those of their entries: (n,) to (n width,)."""
    return (indices[:, None] * width + torch.arange(width, device=indices.device)).flatten()
