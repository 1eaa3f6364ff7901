"""Skinning weights as Gaussian mixtures on the face chart."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

_CUT = -30.0  # log of the smallest share kept: exp(-30) is 1e-13, far below what float32 can add to 1
_ROWS = 512  # vertices handled at a time, so that their exponents stay in the processor's cache


def mixture_weights(uv: Tensor, bone_uv: Tensor, logits: Tensor, mean: Tensor, factor: Tensor) -> Tensor:
    """Skinning weights from Gaussian mixtures around the bones, eq. (2). Derived in lesson 2.

    By eq. (2.2) they are a softmax over all J K components at once, summed over those of a bone. The exponents are one
    matrix product, of the powers of u and v with six coefficients for each component. It is done in float64:
    terms of the size of (u / sigma)^2 cancel in it, which in float32 leaves two digits at sigma = 0.005.

    Args:
        uv: (V, 2) the vertices on the chart.
        bone_uv: (J, 2) the bones on the chart.
        logits: (J, K), pi = softmax(logits).
        mean: (J, K, 2) the offsets mu from the bone.
        factor: (J, K, 3), (a, b, c) of the Cholesky factor L = [[exp(a), 0], [b, exp(c)]] of Sigma = L L^T.

    Returns:
        (V, J) in the precision of `uv`; rows sum to 1. A component that gives a vertex less than exp(-30) of
        what the largest one gives is cut to exactly 0.

    Raises:
        ValueError: shapes that do not fit together.
    """
    J, K = len(bone_uv), logits.shape[-1]
    found = [tuple(part.shape) for part in (uv, bone_uv, logits, mean, factor)]
    if found != [(len(uv), 2), (J, 2), (J, K), (J, K, 2), (J, K, 3)]:
        raise ValueError(
            "uv, bone_uv, logits, mean, factor: expected shapes (V, 2), (J, 2), (J, K), (J, K, 2), (J, K, 3), "
            f"found {', '.join(map(str, found))}"
        )
    centre, log_share = bone_uv[:, None].double() + mean, logits.double().log_softmax(-1)
    coefficients = exponent_coefficients(centre, log_share, factor.double())
    weights: Tensor = _SummedShares.apply(  # type: ignore[no-untyped-call]
        chart_powers(uv), coefficients, J, uv.dtype
    )
    return weights


def chart_powers(uv: Tensor) -> Tensor:
    """(V, 2) to (V, 6), float64: u^2, uv, v^2, u, v, 1, the powers of eq. (5.1)."""
    u, v = uv.double().unbind(-1)
    return torch.stack([u * u, u * v, v * v, u, v, torch.ones_like(u)], dim=1)


def exponent_coefficients(centre: Tensor, log_share: Tensor, factor: Tensor) -> Tensor:
    """(6, K J): the factors of u^2, uv, v^2, u, v, 1 in log(pi N(u; centre, L L^T)), less -log(2 pi).

    The coefficients of eq. (5.1), of Gaussians with the factors of eq. (2.1).

    centre: (J, K, 2). log_share: (J, K), log pi. factor: (J, K, 3). The columns are in the order of k, then j.
    """
    a, b, c = factor.unbind(-1)
    # L^-1 (u - centre) is (x, y) = (p u + r, q u + s v + t), and the exponent is -(x^2 + y^2) / 2.
    p, s = (-a).exp(), (-c).exp()
    q = -b * p * s
    r = -p * centre[..., 0]
    t = -q * centre[..., 0] - s * centre[..., 1]
    constant = log_share - a - c - (r * r + t * t) / 2
    terms = [-(p * p + q * q) / 2, -q * s, -s * s / 2, -p * r - q * t, -s * t, constant]
    return torch.stack(terms).mT.flatten(1)


def mixture_shares(powers: Tensor, coefficients: Tensor, bones: int, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Every component's share of every vertex, (V, K J), and their sums over K, the weights (V, J); eq. (2.2)."""
    shares = powers.new_empty(len(powers), coefficients.shape[1], dtype=dtype)
    weights = powers.new_empty(len(powers), bones, dtype=dtype)
    for rows in _blocks(len(powers)):
        exponents = powers[rows] @ coefficients
        exponents = (exponents - exponents.amax(1, keepdim=True)).to(dtype)
        # Cut before exp: what is smaller becomes a subnormal number, which slows a CPU tenfold.
        torch.softmax(torch.threshold_(exponents, _CUT, -math.inf), dim=1, out=shares[rows])
        weights[rows] = sum(torch.split(shares[rows], bones, dim=1))
    return shares, weights


class _SummedShares(torch.autograd.Function):
    """Powers (V, 6) and coefficients (6, K J) to weights (V, J): each component's share, summed over K."""

    @staticmethod
    def forward(ctx: Any, powers: Tensor, coefficients: Tensor, bones: int, dtype: torch.dtype) -> Tensor:
        shares, weights = mixture_shares(powers, coefficients, bones, dtype)
        ctx.save_for_backward(powers, coefficients, shares)
        return weights

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, Tensor, None, None]:
        powers, coefficients, shares = ctx.saved_tensors
        by_power = torch.empty_like(powers) if ctx.needs_input_grad[0] else None
        return by_power, shares_backward(powers, coefficients, shares, grad, by_power), None, None


def shares_backward(
    powers: Tensor, coefficients: Tensor, shares: Tensor, grad: Tensor, by_power: Tensor | None = None
) -> Tensor:
    """The derivative by the coefficients, (6, K J), where that by the weights is `grad` (V, J).

    The derivative by the powers is written to `by_power` (V, 6) where one is given.
    """
    components = shares.shape[1] // grad.shape[1]
    by_coefficient = torch.zeros_like(coefficients)
    for rows in _blocks(len(powers)):
        # The derivative of a softmax: share * (grad - the mean of grad under the shares).
        flow = shares[rows] * torch.cat([grad[rows]] * components, dim=1)
        flow = flow.addcmul_(shares[rows], flow.sum(1, keepdim=True), value=-1).double()
        by_coefficient.addmm_(powers[rows].T, flow)
        if by_power is not None:
            by_power[rows] = flow @ coefficients.T
    return by_coefficient


def _blocks(count: int) -> Iterator[slice]:
    return (slice(start, start + _ROWS) for start in range(0, count, _ROWS))
