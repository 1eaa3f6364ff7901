"""Natural wrong answers to the exercises of lesson 14, and a part of the words that each should get."""

from __future__ import annotations

import math

import torch


def turned(forward, backward):
    class Turned(torch.autograd.Function):
        @staticmethod
        def forward(ctx, z, strength):
            ctx.strength = strength
            return forward(z, strength)

        @staticmethod
        def backward(ctx, gradient):
            return backward(gradient, ctx.strength), None

    return Turned.apply


def plain(z, strength):
    return z.view_as(z)


def counts(said, true):
    return (said & true).sum(0).double(), said.sum(0), true.sum(0)


def f1(said, true):
    both, says, is_true = counts(said, true)
    return 2 * both / (says + is_true)


def lowest(f1, probe, good):
    return int(torch.where(good, probe, torch.inf).argmin())


def entropy(p):
    return -torch.xlogy(p, p).sum(1)


def weights(related, kinds, least, share, size=True, apart=True, itself=True, divided=1, keeps=None):
    links = ((related.abs() if size else related) >= least).double()
    if apart:
        links[:kinds, :kinds] = 0
    if itself:
        links.fill_diagonal_(0)
    below = links.sum(divided, keepdim=True).clamp_min(1) if divided is not None else 1
    keeps = 1 - share if keeps is None else keeps
    return share * links / below + keeps * torch.eye(len(links))


def moments(said, true):
    x, y = said - said.mean(), true - true.mean()
    return (x * y).mean(), x.square().mean(), y.square().mean(), (said.mean() - true.mean()).square()


def pearson(said, true):
    cov, a, b, _ = moments(said, true)
    return cov / (a * b).sqrt()


WRONG = [
    ("reversed_gradient", turned(plain, lambda g, s: s * g), "the minus sign is missing"),
    ("reversed_gradient", turned(plain, lambda g, s: -g), "the strength is missing"),
    ("reversed_gradient", turned(plain, lambda g, s: g), "passes as it came"),
    ("reversed_gradient", turned(lambda z, s: -s * z, lambda g, s: -s * g), "belongs into backward"),
    ("reversed_gradient", lambda z, s: z.detach(), "the gradient is cut"),
    ("reversed_gradient", lambda z, s: z, "passes as it came"),
    ("mean_f1", f1, "one number per unit"),
    ("mean_f1", lambda said, true: (said == true).double().mean(), "the plain accuracy"),
    ("mean_f1", lambda said, true: (counts(said, true)[0] / counts(said, true)[1]).mean(), "this is the precision"),
    ("mean_f1", lambda said, true: (counts(said, true)[0] / counts(said, true)[2]).mean(), "this is the recall"),
    ("mean_f1", lambda said, true: f1(said.flatten()[:, None], true.flatten()[:, None])[0], "were put together"),
    ("mean_f1", lambda said, true: f1(said, true).mean() / 2, "both belongs twice above"),
    ("chosen", lambda f1, probe, allow: int(f1.argmax()), "the highest F1"),
    ("chosen", lambda f1, probe, allow: int(probe.argmin()), "the lowest probe of all"),
    ("chosen", lambda f1, probe, allow: lowest(f1, probe, f1 >= f1[0] - allow), "from another F1"),
    ("chosen", lambda f1, probe, allow: int((f1 >= f1.max() - allow).nonzero().max()), "the largest lambda"),
    ("chosen", lambda f1, probe, allow: probe[lowest(f1, probe, f1 >= f1.max() - allow)], "return the index"),
    ("confidence", lambda p: entropy(p) / math.log(6), "high when the row is unsure: take"),
    ("confidence", entropy, "not yet between 0 and 1"),
    ("confidence", lambda p: 1 - entropy(p), "divide the entropy by its largest value"),
    ("confidence", lambda p: 1 + (p * p.log()).sum(1) / math.log(6), "use torch.xlogy"),
    ("confidence", lambda p: p.amax(1), "the highest probability"),
    ("confidence", lambda p: 1 - entropy(p) / p.shape[1], "was divided by K"),
    ("anchor_term", lambda a, margin: -torch.pdist(a).square().mean(), "no lower bound"),
    ("anchor_term", lambda a, margin: (margin - torch.pdist(a)).relu().mean(), "the square is missing"),
    ("anchor_term", lambda a, margin: (torch.pdist(a) - margin).relu().square().mean(), "the other way round"),
    ("anchor_term", lambda a, margin: (margin - torch.pdist(a)).square().mean(), "are pulled back"),
    ("anchor_term", lambda a, margin: (margin - torch.cdist(a, a)).relu().square().mean(), "compared with itself"),
    ("anchor_term", lambda a, margin: (margin - torch.pdist(a)).relu().square().mean().detach(), "the gradient is cut"),
    ("adjacency", lambda *x: weights(*x, size=False), "not its sign"),
    ("adjacency", lambda *x: weights(*x, apart=False), "links between two emotions"),
    ("adjacency", lambda *x: weights(*x, itself=False), "a neighbour of itself"),
    ("adjacency", lambda *x: weights(*x, divided=0), "the columns were divided"),
    ("adjacency", lambda *x: weights(*x, divided=None), "not divided"),
    ("adjacency", lambda *x: weights(*x, keeps=1), "not 1"),
    ("adjacency", lambda *x: weights(*x, keeps=0), "the node itself is missing"),
    ("agreement", pearson, "the plain correlation"),
    ("agreement", lambda s, t: 2 * moments(s, t)[0] / sum(moments(s, t)[1:3]), "the difference of the means"),
    ("agreement", lambda s, t: moments(s, t)[0] / sum(moments(s, t)[1:]), "the 2 is missing"),
    ("agreement", lambda s, t: 1 - 2 * moments(s, t)[0] / sum(moments(s, t)[1:]), "this is the loss"),
    ("agreement", lambda s, t: 2 * (s * t).mean() / sum(moments(s, t)[1:]), "were not subtracted"),
]
