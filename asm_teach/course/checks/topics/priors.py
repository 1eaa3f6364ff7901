"""A normal distribution of low rank, as lesson 19 learns it, and the slips that its density invites."""

from __future__ import annotations

from torch import Tensor


def prices(away: Tensor, modes: Tensor, deviations: Tensor, noise: float) -> tuple[Tensor, dict[str, Tensor]]:
    """Half the squared distance in deviations, and a table: sentence -> what the slip in it makes of it."""
    along, variance = modes @ away, deviations**2
    outside = (away.square().sum() - along.square().sum()) / noise**2
    inside = (along.square() / (variance + noise**2)).sum()
    right = (inside + outside) / 2
    return right, {
        "half of it: the factor 1/2 is missing": inside + outside,
        "along the modes the noise acts too: the variance there is deviation^2 + noise^2": (
            ((along.square() / variance).sum() + outside) / 2
        ),
        "what lies outside the modes is missing": inside / 2,
        "what lies along the modes is missing: it has a price too": outside / 2,
        "what lies along the modes is counted twice: take it out of the rest": (
            (inside + away.square().sum() / noise**2) / 2
        ),
        "the noise counts squared: the rest is divided by noise^2": (inside + outside * noise) / 2,
        "deviations count squared: the variance is deviation^2 + noise^2": (
            ((along.square() / (deviations + noise**2)).sum() + outside) / 2
        ),
        "the variance of a sum is the sum of the variances: deviation^2 + noise^2, not (deviation + noise)^2": (
            ((along / (deviations + noise)).square().sum() + outside) / 2
        ),
        "every direction was given the noise alone: along the modes faces vary more": away.square().sum()
        / noise**2
        / 2,
        "this is the distance; its square is wanted": (2 * right).sqrt(),
    }
