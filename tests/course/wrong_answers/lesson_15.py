"""Natural wrong answers to the exercises of lesson 15, and a part of the words that each should get."""

from __future__ import annotations

import torch
from torch.nn.functional import normalize


def flow(before, after, focal, near=None):
    depth = after[:, 2:] if near is None else near
    moved = focal * (after[:, :2] / depth - before[:, :2] / before[:, 2:])
    return torch.cat([moved, moved.norm(dim=1, keepdim=True)], 1).T


def cut(flow, centres, half=7, swap=False):
    places = centres.flip(1) if swap else centres
    return [flow[:, r - half : r - half + 14, c - half : c - half + 14] for c, r in places.tolist()]


def tiled(a, b, c, d):
    return torch.cat([torch.cat([a, b], 2), torch.cat([c, d], 2)], 1)


def parts(counts):
    return counts.diagonal().double(), counts.sum(1).double(), counts.sum(0).double()


def scored(f1=None, uar=None):
    def answer(counts):
        hits, true, said = parts(counts)
        good_f1, good_uar = (2 * hits / (true + said)).mean(), (hits / true).mean()
        return (good_f1 if f1 is None else f1(hits, true, said)), (good_uar if uar is None else uar(hits, true, said))

    return answer


def first_clear(times):
    def answer(amounts, mean, spread, chance):
        clear = (mean - times * spread > chance).nonzero()
        return float(amounts[clear[0, 0]]) if len(clear) else torch.inf

    return answer


def last_run(amounts, mean, spread, chance, times=2.0):
    clear = mean - times * spread > chance
    if not clear[-1]:
        return torch.inf
    bad = (~clear).nonzero()
    return float(amounts[int(bad[-1]) + 1 if len(bad) else 0])


def number_anyway(amounts, mean, spread, chance):
    found = last_run(amounts, mean, spread, chance)
    return min(found, float(amounts[-1]))


def kept(noisy):
    return torch.zeros_like(noisy).scatter(-1, noisy.topk(2, dim=-1).indices, 1.0)


def load(gates):
    return gates.sum(0)


WRONG = [
    ("flow_by_projection", lambda b, a, f: flow(a, b, f), "the sign of u and v"),
    ("flow_by_projection", lambda b, a, f: flow(b, a, f, b[:, 2:]), "the depth before"),
    ("flow_by_projection", lambda b, a, f: flow(b, a, 1.0), "the focal length is missing"),
    ("flow_by_projection", lambda b, a, f: flow(b, a, f)[:2], "the third row, their length, is missing"),
    ("flow_by_projection", lambda b, a, f: flow(b, a, f).T, "so (3, n)"),
    ("four_areas", lambda f, c: tiled(*cut(f, c, swap=True)), "column and row are exchanged"),
    ("four_areas", lambda f, c: torch.stack(cut(f, c)), "tile them"),
    ("four_areas", lambda f, c: torch.cat(cut(f, c), 2), "in one row"),
    ("four_areas", lambda f, c: tiled(*(cut(f, c)[k] for k in (2, 3, 0, 1))), "lips lie above"),
    ("four_areas", lambda f, c: tiled(*cut(f, c, 6)), "one too late"),
    ("attend", lambda q, k, v: (q @ k.mT).softmax(-1) @ v, "the root of D is missing"),
    ("attend", lambda q, k, v: (q @ k.mT / 4).softmax(-1) @ v, "its root is wanted"),
    ("attend", lambda q, k, v: (q @ k.mT / 2).softmax(0) @ v, "over the queries"),
    ("attend", lambda q, k, v: (q @ k.mT / 2) @ v, "the softmax is missing"),
    ("attend", lambda q, k, v: (q @ k.mT / 2).softmax(-1), "these are the weights"),
    ("uf1_uar", scored(f1=lambda h, t, s: (h / (t + s)).mean()), "the 2 is missing"),
    ("uf1_uar", scored(f1=lambda h, t, s: h.sum() / t.sum()), "plain accuracy"),
    ("uf1_uar", scored(f1=lambda h, t, s: (2 * h / (t + s) * t / t.sum()).sum()), "how frequent"),
    ("uf1_uar", scored(uar=lambda h, t, s: (h / s).mean()), "that is precision"),
    ("uf1_uar", scored(uar=lambda h, t, s: h / t), "take their mean"),
    ("uf1_uar", lambda counts: scored()(counts)[0], "return two numbers"),
    ("smallest_readable", first_clear(2.0), "that was luck"),
    ("smallest_readable", lambda a, m, s, c: last_run(a, m, s, c, 1.0), "less than twice the spread"),
    ("smallest_readable", lambda a, m, s, c: last_run(a, m, s, 0.5), "chance is one third"),
    ("smallest_readable", number_anyway, "return infinity"),
    ("noisy_top2", lambda s, n: (s + n).softmax(-1) * kept(s + n), "came before the choice"),
    ("noisy_top2", lambda s, n: ((s + n) * kept(s + n)).softmax(-1), "exp(0) is 1"),
    ("noisy_top2", lambda s, n: (s + n).softmax(-1), "all four adapters"),
    ("noisy_top2", lambda s, n: (s + n).topk(2, dim=-1).values.softmax(-1), "back at their places"),
    ("noisy_top2", lambda s, n: s.masked_fill(kept(s) == 0, -torch.inf).softmax(-1), "the noise is missing"),
    ("balance_loss", lambda g: load(g).std(correction=0) / load(g).mean(), "square it"),
    ("balance_loss", lambda g: load(g).var() / load(g).mean().square(), "E - 1"),
    ("balance_loss", lambda g: load(g).var(correction=0), "this is the variance alone"),
    ("balance_loss", lambda g: g.var(correction=0) / g.mean().square(), "at once"),
    ("balance_loss", lambda g: g.sum(1).var(correction=0) / g.sum(1).mean().square(), "sum over the batch"),
    ("prompt_logits", lambda x, p, t: x @ p.mT / t, "the lengths count"),
    ("prompt_logits", lambda x, p, t: normalize(x, dim=-1) @ normalize(p, dim=-1).mT * t, "multiplied by"),
    ("prompt_logits", lambda x, p, t: normalize(x, dim=-1) @ normalize(p, dim=-1).mT, "these are the cosines"),
    ("prompt_logits", lambda x, p, t: normalize(x, dim=0) @ normalize(p, dim=0).mT / t, "along the batch"),
    ("prompt_logits", lambda x, p, t: normalize(x, dim=-1) @ p.mT / t, "the prompts are not normalised"),
]
