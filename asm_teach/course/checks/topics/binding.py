"""Barycentric coordinates, pivots and their derivatives, as lesson 3 asks for them, and the slips that they invite.

Functions that give a table give sentence -> what the slip in the sentence makes of the inputs.
"""

from __future__ import annotations

import torch
from torch import Tensor


def coordinates(points: Tensor, corners: Tensor) -> Tensor:
    """Barycentric coordinates (N, 3) of points (N, 2) in one triangle (3, 2)."""
    edges = (corners[1:] - corners[:1]).T
    rest = (points - corners[0]) @ torch.linalg.inv(edges).T
    return torch.cat([1 - rest.sum(1, keepdim=True), rest], 1)


def edges_of(corners: Tensor) -> Tensor:
    """Corners (F, 3, n) to the two edges from the first corner as columns, (F, n, 2)."""
    return (corners[:, 1:] - corners[:, :1]).mT


def wrong_pivots(
    places: Tensor, uv: Tensor, faces: Tensor, vertices: Tensor, shares: Tensor, at: Tensor
) -> dict[str, Tensor]:
    """What slips in equation (3) give; each place has these `shares` (N, 3) in the triangle `at` (N,)."""
    corners, flat = vertices[faces], uv[faces]
    beta = torch.stack([coordinates(places, one) for one in flat], 1)  # (N, F, 3)
    n = torch.arange(len(places))

    def in_space(beta: Tensor, f: Tensor) -> Tensor:
        return (beta[n, f][..., None] * corners[f]).sum(1)

    U = edges_of(flat)
    turned = ((places[:, None] - flat[:, 0])[..., None, :] @ torch.linalg.inv(U))[..., 0, :]
    turned = torch.cat([1 - turned.sum(-1, keepdim=True), turned], -1)
    return {
        "the places come back on the chart: the corners in space are rows of `vertices`": places,
        "this is the nearest vertex; equation (3) takes the mean of three corners, by beta": (
            vertices[torch.cdist(places, uv).argmin(1)]
        ),
        "this is the middle of the triangle: each corner counts by its beta": corners[at].mean(1),
        "the order of beta: beta_0 belongs to the first corner": (shares.roll(1, 1)[..., None] * corners[at]).sum(1),
        "the order of beta: beta_0 belongs to the first corner, so it stands first": (
            (shares.roll(-1, 1)[..., None] * corners[at]).sum(1)
        ),
        "beta is reversed: beta_0 belongs to the first corner": (shares.flip(1)[..., None] * corners[at]).sum(1),
        "the wrong triangle: it is the smallest coordinate that has to be largest, so amin before argmax": (
            in_space(beta, beta.amax(2).argmax(1))
        ),
        "the wrong triangle: the smallest coordinate has to be as LARGE as possible, argmax": (
            in_space(beta, beta.amin(2).argmin(1))
        ),
        "the wrong triangle: outside one, its largest coordinate is above 1; take the largest smallest one": (
            in_space(beta, beta.amax(2).argmin(1))
        ),
        "always the first triangle: look for the one that contains the place": in_space(beta, 0 * at),
        "the edges are the columns of U: yours are its rows": in_space(turned, turned.amin(2).argmax(1)),
        "one corner is missing: beta_0 = 1 - beta_1 - beta_2 belongs to the first one": (
            (shares[:, 1:, None] * corners[at][:, 1:]).sum(1)
        ),
    }


def seats(places: Tensor, inside: Tensor, starts: Tensor, ends: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
    """Where on the chart places (N, 2) are bound whose border has edges (E, 2) to (E, 2), and what slips give."""
    rim = starts
    along = ends - starts
    share = ((places - starts[:, None]) * along[:, None]).sum(-1) / along.square().sum(1, keepdim=True)  # (E, N)

    def nearest(t: Tensor, pick: str = "argmin") -> Tensor:
        feet = starts[:, None] + t[..., None] * along[:, None]
        far = (feet - places).norm(dim=-1)
        return feet[getattr(far, pick)(0), torch.arange(len(places))]

    def outside_only(there: Tensor) -> Tensor:
        return torch.where(inside[:, None], places, there)

    t = share.clamp(0, 1)
    corner, first = rim[torch.cdist(places, rim).argmin(1)], starts[0] + t[0][:, None] * along[0]
    wrong = {
        "a place on the chart stays where it is: only the others go to the border": nearest(t),
        "the rule is the wrong way round: the places inside stay, the others go to the border": (
            torch.where(inside[:, None], nearest(t), places)
        ),
        "the nearest point may lie beyond the end of an edge: clamp t to 0 and 1": outside_only(nearest(share)),
        "this takes the nearest corner of the border; the nearest point may lie within an edge": outside_only(corner),
        "this looks at the first edge only: take the nearest of all E": outside_only(first),
        "this takes the furthest of the nearest points: argmin, not argmax": outside_only(nearest(t, "argmax")),
        "nothing has moved: a place that is not inside goes to the border": places,
    }
    return outside_only(nearest(t)), wrong


def branches(w: Tensor, dw: Tensor, moved: Tensor, dmoved: Tensor, D: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
    """The derivative of a vertex by zeta through weights and pivot, (3, 2), and what slips give."""
    J = len(w)
    weights, turned = moved.T @ dw, torch.einsum("j,jab->ba", w, dmoved) @ D
    pivot, even = torch.einsum("j,jab->ab", w, dmoved) @ D, dmoved.sum(0) @ D
    wrong = {
        "this is the part through the weights alone; the pivot moves too": weights,
        "this is the part through the pivot alone; the weights change too": pivot,
        "the two parts are added, not subtracted": weights - pivot,
        "the two parts are added, not subtracted: sign": pivot - weights,
        "in the second part each bone counts by its weight w": weights + even,
        "in the second part the bones are averaged; each counts by its weight w": weights + even / J,
        "dmoved is transposed: its last axis belongs to the pivot, and meets D": weights + turned,
        "this is the mean of the two parts: a sum has no factor 1/2": (weights + pivot) / 2,
        "this is transposed: rows are x, y, z and columns u, v": (weights + pivot).T,
    }
    return weights + pivot, wrong
