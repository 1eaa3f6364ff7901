"""Natural wrong answers to the exercises of lesson 13, and a part of the words that each should get."""

from __future__ import annotations

import torch
from torch.nn.functional import cosine_similarity


def frame(z, w, centred=True, conjugate=True, carried=True):
    x, y = (z - z.mean(), w - w.mean()) if centred else (z, w)
    a = ((x.conj() if conjugate else x) * y).sum() / x.abs().square().sum()
    return a, w.mean() - (a * z.mean() if carried else z.mean())


def shares(said, true):
    return said[true].double().mean(), (~said[~true]).double().mean()


def steps(numbers, scale, lowest, shape):
    return (numbers.float() * scale + lowest).reshape(shape)


def covered(score, crop, side, value=None, again=True, less=True):
    left, found = crop.clone(), []
    for r in range(0, len(crop), side):
        for c in range(0, len(crop), side):
            left = crop.clone() if again else left
            left[r : r + side, c : c + side] = crop.mean() if value is None else value
            found.append(score(crop) - score(left) if less else score(left))
    n = len(crop) // side
    return torch.stack(found).reshape(n, n)


def in_place(score, crop, side):
    whole, n = score(crop), len(crop) // side
    found = torch.zeros(n, n, dtype=crop.dtype)
    for r in range(n):
        for c in range(n):
            crop[r * side : (r + 1) * side, c * side : (c + 1) * side] = crop.mean()
            found[r, c] = whole - score(crop)
    return found


def middle_of(scores, cost):
    s = scores.sort().values
    k = min(range(1, len(s)), key=lambda k: cost(s[:k], s[k:]))
    return s[:k], s[k:]


def squares(x):
    return (x - x.mean()).square()


def least(scores):
    return middle_of(scores, lambda a, b: squares(a).sum() + squares(b).sum())


def between(groups):
    return (groups[0][-1] + groups[1][0]) / 2


def gap(scores):
    s = scores.sort().values
    k = (s[1:] - s[:-1]).argmax()
    return (s[k] + s[k + 1]) / 2


def marks(heat, mask):
    marked = torch.zeros_like(mask)
    marked[heat.topk(int(mask.sum())).indices] = True
    return marked


def alone(moved):
    return moved / moved.amax(1, keepdim=True)


def maps(features, target):
    return features.mean(1).flatten(1), target.flatten(1)


WRONG = [
    ("union_map", lambda moved, acts: moved[acts].amax(0), "these are millimetres"),
    ("union_map", lambda moved, acts: (moved / moved.max())[acts].amax(0), "one height for all units"),
    ("union_map", lambda moved, acts: alone(moved).amax(0), "all units are in it"),
    ("union_map", lambda moved, acts: alone(moved)[acts].sum(0), "this is their sum"),
    ("union_map", lambda moved, acts: alone(moved)[acts].mean(0), "this is their mean"),
    ("union_map", lambda moved, acts: alone(moved)[acts], "the largest of each column is wanted"),
    ("eye_frame", lambda z, w: frame(z, w, centred=False), "means were not subtracted first"),
    ("eye_frame", lambda z, w: frame(z, w, conjugate=False), "conj is missing"),
    ("eye_frame", lambda z, w: frame(z, w, carried=False), "a moves the mean of z too"),
    ("eye_frame", lambda z, w: (frame(z, w)[0], w.mean()), "a z has a mean of its own"),
    ("eye_frame", lambda z, w: frame(z, w)[0], "return two complex numbers"),
    ("balanced_accuracy", lambda said, true: (said == true).double().mean(), "the plain accuracy"),
    ("balanced_accuracy", lambda said, true: shares(said, true)[0], "alone; who always says yes"),
    ("balanced_accuracy", lambda said, true: sum(shares(said, true)), "were added"),
    ("balanced_accuracy", lambda said, true: true[said].double().mean(), "this is the precision"),
    (
        "balanced_accuracy",
        lambda said, true: (said[true].double().mean() + said[~true].double().mean()) / 2,
        "the other way round",
    ),
    (
        "balanced_accuracy",
        lambda said, true: torch.stack(shares(said, true)).nan_to_num(0).mean(),
        "with one class alone",
    ),
    ("cut", lambda scores: scores.mean(), "the mean of all scores"),
    ("cut", lambda scores: scores.median(), "this is the median"),
    ("cut", lambda scores: (least(scores)[0].mean() + least(scores)[1].mean()) / 2, "half way between the means"),
    ("cut", gap, "the widest gap"),
    ("cut", lambda scores: (scores.min() + scores.max()) / 2, "the lowest and the highest"),
    ("cut", lambda scores: least(scores)[0][-1], "the highest score of the low group"),
    ("cut", lambda scores: least(scores)[1][0], "the lowest score of the high group"),
    (
        "cut",
        lambda scores: between(middle_of(scores, lambda a, b: squares(a).mean() + squares(b).mean())),
        "add up the squares",
    ),
    ("unpacked", lambda n, scale, lowest, shape: (n.float() * scale).reshape(shape), "lowest is missing"),
    ("unpacked", lambda n, scale, lowest, shape: ((n.float() + lowest) * scale).reshape(shape), "multiplies lowest"),
    ("unpacked", lambda n, scale, lowest, shape: steps(n, scale, -lowest, shape), "with its sign"),
    ("unpacked", lambda n, scale, lowest, shape: steps(n, scale / 255, lowest, shape), "divided by 255"),
    ("unpacked", lambda n, scale, lowest, shape: steps(n, scale, lowest, -1), "the shape is missing"),
    ("attention_loss", lambda f, h: cosine_similarity(*maps(f, h)).mean(), "this is the cosine"),
    ("attention_loss", lambda f, h: 1 - cosine_similarity(*maps(f, h)), "one number for each face"),
    ("attention_loss", lambda f, h: 1 - (maps(f, h)[0] * maps(f, h)[1]).sum(1).mean(), "the lengths are missing"),
    ("attention_loss", lambda f, h: (1 - cosine_similarity(f.mean(1), h)).mean(), "along one axis of the map"),
    ("attention_loss", lambda f, h: (1 - cosine_similarity(f.amax(1).flatten(1), h.flatten(1))).mean(), "the largest"),
    (
        "attention_loss",
        lambda f, h: 1 - cosine_similarity(f.mean(1).flatten(), h.flatten(), dim=0),
        "one long vector",
    ),
    ("occlusion_map", lambda score, crop, side: -covered(score, crop, side), "the sign"),
    ("occlusion_map", lambda score, crop, side: covered(score, crop, side, value=0.0), "was made black"),
    ("occlusion_map", lambda score, crop, side: covered(score, crop, side, again=False), "the squares stay covered"),
    ("occlusion_map", lambda score, crop, side: covered(score, crop, side, less=False), "scores of the covered crops"),
    ("occlusion_map", lambda score, crop, side: covered(score, crop, side).T, "rows and columns are exchanged"),
    ("occlusion_map", in_place, "changes the crop in place"),
    ("overlap", lambda heat, mask: (marks(heat, mask) & mask).sum() / mask.sum(), "both over the mask"),
    ("overlap", lambda heat, mask: ((heat > 0) & mask).sum() / ((heat > 0) | mask).sum(), "cut at 0"),
    ("overlap", lambda heat, mask: (marks(heat, mask) == mask).double().mean(), "both agree, marked or not"),
    ("overlap", lambda heat, mask: (marks(-heat, mask) & mask).sum() / (marks(-heat, mask) | mask).sum(), "smallest"),
    (
        "overlap",
        lambda heat, mask: 2 * (marks(heat, mask) & mask).sum() / (marks(heat, mask).sum() + mask.sum()),
        "both over",
    ),
]
