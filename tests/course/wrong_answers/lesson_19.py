"""Natural wrong answers to the exercises of lesson 19, and a part of the words that each should get."""

from __future__ import annotations

import torch


def act(matrix, x):
    return torch.einsum("jcd,vjd->vjc", matrix[..., :3], x) + matrix[..., 3]


def posed(v, weights, places, person, moment, around=True, again=True, first="moment", weigh=True):
    x = v[:, None].expand(-1, len(places), -1)
    if first == "person":
        x = act(moment, act(person, x) - places) + places
    else:
        x = act(moment, x - places if around else x)
        x = act(person, x + places if again and around else x)
    return torch.einsum("vj,vjc->vc", weights, x) if weigh else x.sum(1)


def in_turns(x, mean, basis, normals, trust, price, rounds, square=True, signed=True, less=True):
    prior = trust**2 if square else trust
    t = torch.zeros_like(x[:, 0])
    for _ in range(rounds):
        away = (x - t[:, None] * normals if less else x) - mean
        c = torch.linalg.solve(basis @ basis.T + prior * torch.eye(len(basis)), basis @ away.flatten())
        t = ((x - mean - (c @ basis).view_as(mean)) * normals).sum(1) - price
        t = t.clamp(min=0) if signed else t
    return c, t


def price(away, modes, deviations, noise, seen=1.0, rest=1.0, both=True, half=0.5):
    along = modes @ away
    variance = deviations**2 + noise**2 if both else deviations**2
    outside = (away @ away - along @ along) / noise**2
    return half * (seen * (along**2 / variance).sum() + rest * outside)


def kalman(z, q, r, p, late=False, shrink=True, turned=False):
    a, found = torch.zeros_like(z[0]), []
    for measured in z:
        p = p if late else p + q
        k = r / (p + r) if turned else p / (p + r)
        a = a + k * (measured - a)
        p = (1 - k) * p if shrink else p
        p = p + q if late else p
        found.append(a)
    return torch.stack(found)


WRONG = [
    ("by_means", lambda ann, bob: bob.mean(0) + ann[0] - ann.mean(0), "not her first"),
    ("by_means", lambda ann, bob: bob.mean(0) + ann[-1], "subtract her mean"),
    ("by_means", lambda ann, bob: bob.mean(0) + ann.mean(0) - ann[-1], "the scan minus the mean"),
    ("by_means", lambda ann, bob: bob[-1] + ann[-1] - ann.mean(0), "take his mean"),
    ("by_means", lambda ann, bob: ann.mean(0) + bob[-1] - bob.mean(0), "exchange the two"),
    ("by_means", lambda ann, bob: ann[-1] - ann.mean(0), "Bob's mean is missing"),
    ("persons_part", lambda away, a, e, n: away * a / (a + e), "has the variance e_var / n"),
    ("persons_part", lambda away, a, e, n: away * e / n / (a + e / n), "this is the part of the moment"),
    ("persons_part", lambda away, a, e, n: a / (a + e / n), "this is the share alone"),
    ("persons_part", lambda away, a, e, n: away * a**0.5 / (a**0.5 + (e / n) ** 0.5), "shares of variances"),
    ("persons_part", lambda away, a, e, n: away * a / (a + e / n**2), "not e_var / n^2"),
    ("persons_part", lambda away, a, e, n: away, "the usual moment is in it"),
    ("pose_by_design", lambda *given: posed(*given, around=False), "about the bone's place"),
    ("pose_by_design", lambda *given: posed(*given, again=False), "not added again"),
    ("pose_by_design", lambda *given: posed(*given, first="person"), "the order: the moment acts first"),
    ("pose_by_design", lambda *given: posed(*given, weigh=False), "the plain sum"),
    (
        "pose_by_design",
        lambda v, w, b, P, M: posed(v, w, b, P, torch.eye(3, 4).double().expand_as(M)),
        "moment is missing",
    ),
    ("layer_of", lambda r, price: r - price, "kept from becoming negative"),
    ("layer_of", lambda r, price: r.clamp(min=0), "the price is missing"),
    ("layer_of", lambda r, price: torch.where(r > price, r, 0.0), "keeps or drops"),
    ("layer_of", lambda r, price: torch.nn.functional.softshrink(r, price), "both signs are kept"),
    ("layer_of", lambda r, price: (r.abs() - price).clamp(min=0), "the size is taken"),
    ("layer_of", lambda r, price: (r - 2 * price).clamp(min=0), "twice the price"),
    ("face_and_layer", lambda *given: in_turns(*given, square=False), "trust is squared"),
    ("face_and_layer", lambda *given: in_turns(*given, signed=False), "may not be negative"),
    ("face_and_layer", lambda *given: in_turns(*given, less=False), "take the layer off before"),
    ("face_and_layer", lambda *given: in_turns(*given[:-1], 1), "this is what one round gives"),
    ("face_and_layer", lambda *given: in_turns(*given[:5], 0.0, given[6]), "the price is missing"),
    ("face_and_layer", lambda *given: in_turns(*given)[::-1], "the two are exchanged"),
    ("face_and_layer", lambda *given: in_turns(*given)[0], "return two things"),
    ("price_of_face", lambda *given: price(*given, half=1.0), "the factor 1/2"),
    ("price_of_face", lambda *given: price(*given, both=False), "the noise acts too"),
    ("price_of_face", lambda *given: price(*given, rest=0.0), "outside the modes is missing"),
    ("price_of_face", lambda *given: price(*given, seen=0.0), "along the modes is missing"),
    ("price_of_face", lambda away, modes, deviations, noise: away @ away / noise**2 / 2, "the noise alone"),
    ("filtered", lambda *given: kalman(*given, late=True), "after the measurement"),
    ("filtered", lambda *given: kalman(*given, shrink=False), "p does not shrink"),
    ("filtered", lambda *given: kalman(*given, turned=True), "this is r / (p + r)"),
    ("filtered", lambda z, q, r, p: kalman(z, 0.0, r, p), "q is missing"),
    ("filtered", lambda z, q, r, p: kalman(z, q**2, r, p), "q is a variance already"),
    ("filtered", lambda z, q, r, p: kalman(z, q, r, p)[-1], "this is the last"),
]
