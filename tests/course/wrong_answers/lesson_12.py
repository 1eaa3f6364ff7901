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


def procrustes(x, y, in_means, in_H):
    x_mean, y_mean = (in_means @ points / in_means.sum() for points in (x, y))
    u, _, vh = torch.linalg.svd((y - y_mean).T @ (in_H[:, None] * (x - x_mean)))
    R = u @ vh
    return R, y_mean - R @ x_mean


def columns(x, y):
    return torch.stack([x, y, torch.linalg.cross(x, y)], -1)


def unit(x):
    return x / x.norm(dim=1, keepdim=True)


def square_only(A, d):
    beta = torch.zeros(A.shape[1]).double()
    beta[: len(d)] = torch.linalg.solve(A[:, : len(d)], d)
    return beta


def last_columns(A, d):
    beta = torch.zeros(A.shape[1]).double()
    beta[-len(d) :] = torch.linalg.solve(A[:, -len(d) :], d)
    return beta


def rotation(six, project=True, last=True):
    x, b = unit(six[:, :3]), six[:, 3:]
    y = b - (x * b).sum(1, keepdim=True) * x if project else b
    return columns(x, unit(y) if last else y)


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
    ("least_change", lambda A, d: A.T @ d, "is not an inverse"),
    ("least_change", lambda A, d: torch.linalg.solve(A @ A.T, d), "this is c; beta = A^T c"),
    ("least_change", square_only, "the first columns alone"),
    ("least_change", last_columns, "a shorter beta does it too"),
    ("least_change", lambda A, d: A.T @ torch.linalg.solve(A @ A.T + torch.eye(len(d)), d), "this is damped"),
    ("weighted_alignment", lambda x, y, w: procrustes(x, y, w * 0 + 1, w * 0 + 1), "weights are not used"),
    ("weighted_alignment", lambda x, y, w: procrustes(x, y, w, w * 0 + 1), "in the means only"),
    ("weighted_alignment", lambda x, y, w: procrustes(x, y, w * 0 + 1, w), "stand in H only"),
    ("weighted_alignment", lambda x, y, w: procrustes(y, x, w, w), "it takes y to x"),
    ("weighted_alignment", lambda x, y, w: procrustes(x, y, w, w), "a reflection comes out"),
    ("weighted_alignment", lambda x, y, w: procrustes(x, y, w, w)[0], "return two things"),
    ("rotation_from_six", lambda six: rotation(six).mT, "are rows here"),
    ("rotation_from_six", lambda six: rotation(six, project=False), "not at right angles"),
    ("rotation_from_six", lambda six: rotation(six, last=False), "y was not made a unit vector"),
    ("rotation_from_six", lambda six: rotation(six) * torch.tensor([1, 1, -1]), "the sign of z"),
]
