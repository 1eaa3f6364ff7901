"""Natural wrong answers to the exercises of lesson 18, and a part of the words that each should get."""

from __future__ import annotations

import torch
from torch.nn.functional import cosine_similarity, cross_entropy


def attend(queries, keys, values, scale=None, axis=-1):
    scale = queries.shape[-1] ** 0.5 if scale is None else scale
    return (queries @ keys.mT / scale).softmax(axis) @ values


def halves(picture):
    return picture[..., picture.shape[-1] // 2 :]


def both(queries, keys, values):
    return attend(queries, keys.flatten(0, 1), values.flatten(0, 1))


def shares_masked(queries, keys, values, masks):
    scores = queries @ keys.flatten(0, 1).T / queries.shape[-1] ** 0.5
    return (masks.T.repeat_interleave(keys.shape[1], 1) * scores.softmax(1)) @ values.flatten(0, 1)


def rising(columns, border, width):
    return torch.sigmoid((columns - border) / width)


def two_ways(scores):
    right = torch.arange(len(scores))
    return cross_entropy(scores, right), cross_entropy(scores.T, right)


def away(before, after, skin):
    return (after - before)[skin].square().sum(1)


WRONG = [
    ("listen", lambda q, k, v: attend(q, k, v, 1.0), "not divided by sqrt(d)"),
    ("listen", lambda q, k, v: attend(q, k, v, q.shape[1]), "it is the root of d"),
    ("listen", lambda q, k, v: attend(q, k, v, axis=0), "runs over the positions"),
    ("listen", lambda q, k, v: q @ k.T / q.shape[1] ** 0.5 @ v, "the softmax is missing"),
    ("listen", lambda q, k, v: (q @ k.T / q.shape[1] ** 0.5).softmax(-1), "these are the shares"),
    ("listen", lambda q, k, v: v[(q @ k.T).argmax(1)], "highest score alone"),
    ("leaked", lambda made, other, own: (other - made).abs().mean() / (own - made).abs().mean(), "the whole picture"),
    ("leaked", lambda made, other, own: halves(other - made).abs().mean(), "in grey levels"),
    ("leaked", lambda made, other, own: halves(other - made).mean() / halves(own - made).mean(), "cancel"),
    (
        "leaked",
        lambda made, other, own: halves(own - made).abs().mean() / halves(other - made).abs().mean(),
        "upside down",
    ),
    (
        "leaked",
        lambda made, other, own: halves(other - own).abs().mean() / halves(own - made).abs().mean(),
        "compared with own",
    ),
    (
        "leaked",
        lambda made, other, own: halves(other - made).square().mean() / halves(own - made).square().mean(),
        "squares were compared",
    ),
    ("masked_attention", lambda q, k, v, m: both(q, k, v), "this is what leaks"),
    ("masked_attention", shares_masked, "masked afterwards"),
    ("masked_attention", lambda q, k, v, m: attend(m[..., None] * q, k, v).sum(0), "multiply the scores"),
    ("masked_attention", lambda q, k, v, m: attend(q, k, v).sum(0), "the masks are missing"),
    ("masked_attention", lambda q, k, v, m: (m.flip(0)[..., None] * attend(q, k, v)).sum(0), "are exchanged"),
    ("masked_attention", lambda q, k, v, m: (m[..., None] * attend(q, k, v)).mean(0), "mean over the drivers"),
    ("masked_attention", lambda q, k, v, m: m[..., None] * attend(q, k, v), "sum over them"),
    ("soft_masks", lambda c, b, w: torch.stack([rising(c, b, w), 1 - rising(c, b, w)]), "the order"),
    ("soft_masks", lambda c, b, w: torch.stack([1 - rising(c, b, 1 / w), rising(c, b, 1 / w)]), "the width multiplies"),
    ("soft_masks", rising, "right mask alone"),
    ("soft_masks", lambda c, b, w: torch.stack([c < b, c >= b]).double(), "a hard border"),
    ("soft_masks", lambda c, b, w: torch.stack([rising(c, b, w)] * 2), "both masks are the same"),
    ("match_loss", lambda p, t, heat: two_ways(p @ t.T / heat)[0], "only pictures look"),
    ("match_loss", lambda p, t, heat: sum(two_ways(p @ t.T / heat)), "were added"),
    ("match_loss", lambda p, t, heat: sum(two_ways(p @ t.T * heat)) / 2, "multiplied by the temperature"),
    ("match_loss", lambda p, t, heat: sum(two_ways(p @ t.T)) / 2, "the temperature is missing"),
    ("match_loss", lambda p, t, heat: (1 - (p * t).sum(1)).mean(), "only pulls right pairs together"),
    ("match_loss", lambda p, t, heat: (p @ t.T / heat).diagonal().mean(), "the mean score of the right pairs"),
    ("directional_loss", lambda b, a, plain, said: (1 - cosine_similarity(a, said)).mean(), "where the picture is"),
    (
        "directional_loss",
        lambda b, a, plain, said: (1 - cosine_similarity(a - b, said)).mean(),
        "plain caption is not subtracted",
    ),
    (
        "directional_loss",
        lambda b, a, plain, said: (1 - cosine_similarity(b - a, said - plain)).mean(),
        "the other way round",
    ),
    ("directional_loss", lambda b, a, plain, said: cosine_similarity(a - b, said - plain).mean(), "this is the cosine"),
    ("directional_loss", lambda b, a, plain, said: 1 - cosine_similarity(a - b, said - plain), "for each edit"),
    (
        "directional_loss",
        lambda b, a, plain, said: 1 - ((a - b) * (said - plain)).sum(1).mean(),
        "the lengths are missing",
    ),
    (
        "directional_loss",
        lambda b, a, plain, said: (1 - cosine_similarity(a - b, said - plain, dim=0)).mean(),
        "taken over the edits",
    ),
    ("identity_lost", lambda b, a, skin: (a - b).square().sum(1).mean().sqrt(), "all vertices are in it"),
    ("identity_lost", lambda b, a, skin: (a - b)[skin].square().mean().sqrt(), "over x, y and z too"),
    ("identity_lost", lambda b, a, skin: away(b, a, skin).sqrt().mean(), "the mean of the distances"),
    ("identity_lost", lambda b, a, skin: away(b, a, skin).mean(), "the root is missing"),
    ("identity_lost", lambda b, a, skin: away(b, a, skin).sqrt(), "one distance for each vertex"),
]
