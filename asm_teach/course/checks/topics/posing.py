"""A pose in two motions for each bone, as lesson 19 splits it by design, and the slips that it invites."""

from __future__ import annotations

import torch
from torch import Tensor


def posed(
    v: Tensor, weights: Tensor, places: Tensor, person: Tensor, moment: Tensor
) -> tuple[Tensor, dict[str, Tensor]]:
    """The vertices (V, 3) that moments about the bones' places and then persons make, and a table of slips."""
    P, M = person, moment

    def act(matrix: Tensor, x: Tensor) -> Tensor:
        return torch.einsum("jcd,vjd->vjc", matrix[..., :3], x) + matrix[..., 3]

    def blend(x: Tensor) -> Tensor:
        return torch.einsum("vj,vjc->vc", weights, x)

    all_v, d = v[:, None].expand(-1, len(places), -1), v[:, None] - places
    right = blend(act(P, act(M, d) + places))
    return right, {
        "the moment must turn about the bone's place: subtract places before it and add them after it": (
            blend(act(P, act(M, all_v)))
        ),
        "places were subtracted and not added again before the person acts": blend(act(P, act(M, d))),
        "places were added after the person; they come back before it, so that P carries them": (
            blend(act(P, act(M, d)) + places)
        ),
        "the order: the moment acts first, in the bone's own frame, and the person carries all of it": (
            blend(act(M, act(P, all_v) - places) + places)
        ),
        "the moment is missing": blend(act(P, all_v)),
        "the person is missing": blend(act(M, d) + places),
        "the matrices are transposed: a row of A goes with the coordinates of x": blend(
            torch.einsum("jdc,vjd->vjc", P[..., :3], torch.einsum("jdc,vjd->vjc", M[..., :3], d) + M[..., 3] + places)
            + P[..., 3]
        ),
        "the translation of the moment is missing": (
            blend(act(P, torch.einsum("jcd,vjd->vjc", M[..., :3], d) + places))
        ),
        "the translation of the person is missing": (
            blend(torch.einsum("jcd,vjd->vjc", P[..., :3], act(M, d) + places))
        ),
        "the weights are missing: this is the plain sum over the bones": act(P, act(M, d) + places).sum(1),
        "the weights are missing: this is the mean over the bones": act(P, act(M, d) + places).mean(1),
        "this is each bone on its own: sum over the bones with the weights": act(P, act(M, d) + places),
    }
