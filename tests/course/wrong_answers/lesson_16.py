"""Natural wrong answers to the exercises of lesson 16, and a part of the words that each should get."""

from __future__ import annotations

import torch
from torch.nn.functional import cosine_similarity

FIRST, SECOND = [13, 14, 15, 0], [19, 18, 17, 6]


def away(points):
    return points[:, FIRST] - points[:, SECOND]


def gain(drawn, crops):
    return (drawn * crops).sum() / drawn.square().sum()


def carry(crop, places, shift, half=0.5, way=1, swap=False, fresh=False, wrap=False):
    shown, mask = torch.zeros_like(crop), torch.zeros_like(crop)
    new = (places + half + way * shift).floor().long()
    for (column, row), (c, r) in zip(places.tolist(), new.tolist(), strict=True):
        if not wrap and not (0 <= c < len(crop) and 0 <= r < len(crop)):
            continue
        c, r = c % len(crop), r % len(crop)
        at = (c, r) if swap else (r, c)
        shown[at], mask[at] = crop[r, c] if fresh else crop[row, column], 1
    return shown, mask


def turns(encoder_learns, painter_learns):
    def function(count, encoder, painter):
        encoder.requires_grad_(encoder_learns(count % 2))
        painter.requires_grad_(painter_learns(count % 2))
        return encoder if count % 2 else painter

    return function


def freeze_only(count, encoder, painter):
    (painter if count % 2 else encoder).requires_grad_(False)
    return encoder if count % 2 else painter


def other_one(count, encoder, painter):
    encoder.requires_grad_(bool(count % 2))
    painter.requires_grad_(not count % 2)
    return painter if count % 2 else encoder


WRONG = [
    ("lip_gaps", lambda p: away(p), "these are differences"),
    ("lip_gaps", lambda p: away(p)[..., 1].abs(), "the height alone"),
    ("lip_gaps", lambda p: away(p).abs().sum(-1), "the way of a taxi"),
    ("lip_gaps", lambda p: away(p).norm(dim=-1).mean(1), "one number for each crop"),
    ("lip_gaps", lambda p: away(p).square().sum(-1), "the square of it"),
    ("photo_loss", lambda d, c: (d - c).abs().mean(), "the gain is missing"),
    ("photo_loss", lambda d, c: (gain(d, c) * d - c).square().mean(), "squared difference"),
    ("photo_loss", lambda d, c: (gain(c, d) * d - c).abs().mean(), "sum(drawn^2) stands below"),
    ("photo_loss", lambda d, c: (gain(d, c) * d - c).abs().sum(), "the sum over all pixels"),
    ("photo_loss", lambda d, c: (c.mean() / d.mean() * d - c).abs().mean(), "the ratio of the means"),
    ("lipread_loss", lambda f, t: cosine_similarity(f, t).mean(), "this is the cosine"),
    ("lipread_loss", lambda f, t: 1 - cosine_similarity(f, t), "one number for each film"),
    ("lipread_loss", lambda f, t: (1 - cosine_similarity(f, t, dim=0)).mean(), "along the films"),
    ("lipread_loss", lambda f, t: 1 - (f * t).sum(1).mean(), "the lengths are missing"),
    ("lipread_loss", lambda f, t: (f - t).square().sum(1).mean(), "the squared distance"),
    ("carry_pixels", lambda *x: carry(*x, way=0), "the pixels stay"),
    ("carry_pixels", lambda *x: carry(*x, way=-1), "the wrong way"),
    ("carry_pixels", lambda *x: carry(*x, swap=True), "row and column are exchanged"),
    ("carry_pixels", lambda *x: carry(*x, fresh=True), "read at the new place"),
    ("carry_pixels", lambda *x: carry(*x, half=0), "half a pixel further"),
    ("carry_pixels", lambda *x: carry(*x, wrap=True), "comes in at the other side"),
    ("carry_pixels", lambda *x: carry(*x)[0], "return two pictures"),
    ("cycle_loss", lambda e, p, a: (e(p(a)) - a).square().mean(), "the mean over the shapes too"),
    ("cycle_loss", lambda e, p, a: (e(p(a)) - a).square().sum(), "the sum over all pictures"),
    ("cycle_loss", lambda e, p, a: (e(p(a)) - a).norm(dim=1).mean(), "the length of the difference"),
    ("cycle_loss", lambda e, p, a: (e(p(a)).detach() - a).square().sum(1).mean(), "the gradient is cut"),
    ("take_turns", other_one, "the other network was returned"),
    ("take_turns", turns(lambda odd: not odd, bool), "the other way round"),
    ("take_turns", turns(lambda odd: True, lambda odd: True), "both learn in every step"),
    ("take_turns", turns(lambda odd: bool(odd), lambda odd: True), "the painter never rests"),
    ("take_turns", freeze_only, "nothing learns any more"),
    ("obeyed", lambda a, s: (a * s).sum() / a.norm() / s.norm(), "this is the cosine"),
    ("obeyed", lambda a, s: (a * s).sum() / s.square().sum(), "what was seen stands below"),
    ("obeyed", lambda a, s: (s / a).mean(), "the mean of the single ratios"),
    ("obeyed", lambda a, s: s.norm() / a.norm(), "the sizes alone"),
]
