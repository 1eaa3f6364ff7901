"""Natural wrong answers to the exercises of lesson 12, and a part of the words that each should get."""

from __future__ import annotations

import torch

PART = torch.tensor([0] * 6 + [1] * 2)


def hats(level, centres):
    t = ((level[:, None] - centres[:-1]) / centres.diff()).clamp(0, 1)
    return torch.cat([torch.ones_like(t[:, :1]), t], 1) - torch.cat([t, torch.zeros_like(t[:, :1])], 1)


def unclamped(level, centres):
    t = (level[:, None] - centres[:-1]) / centres.diff()
    return torch.cat([torch.ones_like(t[:, :1]), t], 1) - torch.cat([t, torch.zeros_like(t[:, :1])], 1)


def nearest(level, centres):
    near = (level[:, None] - centres).abs().argmin(1)
    return torch.nn.functional.one_hot(near, len(centres)).double()


def by_distance(level, centres):
    near = 1 / (level[:, None] - centres).abs()
    return near / near.sum(1, keepdim=True)


def alone(places, turns):
    return torch.cat([turns, places[..., None] - turns @ places[..., None]], -1)


def along(places, turns, parent_first=True, pivot=True):
    A, t, found = torch.eye(3).double(), torch.zeros(3).double(), []
    for p, R in zip(places, turns, strict=True):
        own = p - R @ p if pivot else 0 * p
        A, t = (A @ R, A @ own + t) if parent_first else (R @ A, R @ t + own)
        found.append(torch.cat([A, t[:, None]], 1))
    return torch.stack(found)


def squared(uv, place, precision):
    d = uv - place
    return ((d @ precision) * d).sum(1)


WRONG = [
    ("shared_out", lambda x, reach, shares: x * reach[PART] * shares, "these are degrees"),
    ("shared_out", lambda x, reach, shares: torch.deg2rad(x * reach.sum() * shares), "the whole neck went to every"),
    ("shared_out", lambda x, reach, shares: torch.deg2rad(x * reach[1 - PART] * shares), "parts are exchanged"),
    ("shared_out", lambda x, reach, shares: torch.deg2rad(reach[PART] * shares), "x is missing"),
    ("shared_out", lambda x, reach, shares: torch.deg2rad(x * reach[PART] * shares / 2), "do not halve it"),
    ("shared_out", lambda x, reach, shares: torch.deg2rad(x * reach[PART] * shares).cumsum(0), "sums from the trunk"),
    ("hat_weights", unclamped, "was not clamped"),
    ("hat_weights", nearest, "the nearest bone alone"),
    ("hat_weights", by_distance, "one over the distance"),
    ("hat_weights", lambda level, centres: hats(level, centres).T, "the axes are the wrong way round"),
    ("hat_weights", lambda level, centres: hats(level, centres)[:, :-1], "these are the first 3 of 4 along axis 1"),
    ("chain_by_hand", alone, "each joint moves alone"),
    ("chain_by_hand", lambda p, R: along(p, R, parent_first=False), "the order: the joint itself"),
    ("chain_by_hand", lambda p, R: along(p, R, pivot=False), "about the origin"),
    ("chain_by_hand", lambda p, R: along(p, R.mT), "turn the other way"),
    ("chain_by_hand", lambda p, R: along(p, R)[-1], "this is the last"),
    ("bump", lambda uv, place, P: (-squared(uv, place, P)).exp(), "the factor 1/2"),
    ("bump", lambda uv, place, P: squared(uv, place, P), "the squared distance alone"),
    ("bump", lambda uv, place, P: (-squared(uv, place, torch.linalg.inv(P)) / 2).exp(), "do not invert it"),
    ("bump", lambda uv, place, P: (-squared(uv, 0 * place, P) / 2).exp(), "the place was not subtracted"),
    ("bump", lambda uv, place, P: (-squared(uv, place, P) / 2).softmax(0), "sum to one"),
]
