"""A layer on the skin, as lesson 19 looks for it, and the slips that it invites."""

from __future__ import annotations

import torch
from torch import Tensor


def wrong_layers(r: Tensor, price: float) -> dict[str, Tensor]:
    """What slips in t = max(r - price, 0) give, each (V,)."""
    return {
        "t was not kept from becoming negative: a layer lies outside": r - price,
        "both signs are kept here; a layer has one sign": r.sign() * (r.abs() - price).clamp(min=0),
        "the price is missing: t is what lies outside, less the price": r.clamp(min=0),
        "this keeps or drops whole values; what is kept costs the price too": torch.where(r > price, r, 0.0),
        "the size is taken before the price: where the scan lies inside there is no layer": (
            (r.abs() - price).clamp(min=0)
        ),
        "the price is added here; a price makes a layer thinner": (r + price).clamp(min=0),
        "the price multiplies here; set the derivative to zero: t - r + price = 0": ((1 - price) * r).clamp(min=0),
        "the derivative of (r - t)^2 / 2 is t - r, without a factor of 2": (r - price / 2).clamp(min=0),
        "twice the price: the factor 1/2 before the square cancels the 2 of its derivative": (
            (r - 2 * price).clamp(min=0)
        ),
        "this shrinks everything by a factor, as a squared price would": (r / (1 + price)).clamp(min=0),
    }


def in_turns(
    x: Tensor, mean: Tensor, basis: Tensor, normals: Tensor,
    trust: float, price: float, rounds: int, clamp: bool = True, lagged: bool = False,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """Face (M,) and layer (V,) in turns, perhaps with a slip: no sign, or measured from what is left of the scan."""
    square = basis @ basis.T + trust**2 * torch.eye(len(basis), dtype=basis.dtype)
    t = torch.zeros_like(x[:, 0])
    for _ in range(rounds):
        bare = x - t[:, None] * normals
        c = torch.linalg.solve(square, basis @ (bare - mean).flatten())
        left = (bare if lagged else x) - mean - (c @ basis).view_as(mean)
        t = (left * normals).sum(1) - price
        t = t.clamp(min=0) if clamp else t
    return c, t
