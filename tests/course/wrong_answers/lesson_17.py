"""Natural wrong answers to the exercises of lesson 17, and a part of the words that each should get."""

from __future__ import annotations

import torch
from torch.nn.functional import cross_entropy, silu


def mix(power, targets, axis=1):
    return (power / power.sum(axis, keepdim=True)) @ targets


def power(firm, fall, away):
    return firm * (-fall * away).exp()


def windows(frames, width, shift):
    return torch.arange(0, frames, width)[:, None] - shift + torch.arange(width)


def ratio(values, seams, before=3, over=True):
    at = torch.zeros(len(values), dtype=torch.bool)
    for seam in seams:
        at[seam - before : seam] = True
    return values[at].mean() / (values[~at] if over else values).mean()


def cues(logits, codes):
    return sum(cross_entropy(one, codes[:, k]) for k, one in enumerate(logits))


def correlations(x, rate, low, high, first=None):
    lags = range(round(rate / high) if first is None else first, round(rate / low) + 1)
    return list(lags), torch.stack([(x[: len(x) - d] * x[d:]).sum() for d in lags])


def best_lag(x, rate, low, high, first=None):
    lags, r = correlations(x, rate, low, high, first)
    return lags[int(r.argmax())]


WRONG = [
    ("lip_mix", lambda firm, fall, away, targets: power(firm, fall, away) @ targets, "divide by the sum of D"),
    ("lip_mix", lambda firm, fall, away, targets: mix(power(firm, -fall, away), targets), "the exponent is negative"),
    ("lip_mix", lambda firm, fall, away, targets: mix(power(1, fall, away), targets), "firm is missing"),
    ("lip_mix", lambda firm, fall, away, targets: torch.softmax(firm - fall * away, 1) @ targets, "firm.log()"),
    ("lip_mix", lambda firm, fall, away, targets: mix(power(firm, fall, away), targets, 0), "over the phones"),
    ("lip_mix", lambda firm, fall, away, targets: targets[power(firm, fall, away).argmax(1)], "strongest phone alone"),
    ("lip_mix", lambda firm, fall, away, targets: mix(power(firm, fall, away), targets), "0 / 0 is nan"),
    ("flow_step", lambda x, d, t, steps: (x - d / steps, x + (1 - t) * d), "noise is at t = 0"),
    ("flow_step", lambda x, d, t, steps: (x + d, x + (1 - t) * d), "divide the direction by the number of steps"),
    ("flow_step", lambda x, d, t, steps: (x + t * d, x + (1 - t) * d), "every step is equally long"),
    ("flow_step", lambda x, d, t, steps: (x + d / steps, x + t * d), "what is left is 1 - t"),
    ("flow_step", lambda x, d, t, steps: (x + d / steps, x + d), "one step too far"),
    ("flow_step", lambda x, d, t, steps: x + d / steps, "return two tensors"),
    ("shifted_windows", lambda frames, width, shift: windows(frames, width, -shift) % frames, "moves the windows back"),
    ("shifted_windows", windows, "numbers below 0 are no frames"),
    ("shifted_windows", lambda frames, width, shift: windows(frames, width, 0), "the shift is missing"),
    ("shifted_windows", lambda frames, width, shift: windows(frames, width, shift) % width, "modulo width"),
    (
        "shifted_windows",
        lambda frames, width, shift: windows(frames, width, shift)[:, 0] % frames,
        "these are the starts",
    ),
    ("seam_ratio", lambda x, seams: ratio(x.diff().abs(), seams, 1), "first differences"),
    ("seam_ratio", lambda x, seams: ratio(x.diff(n=2).abs(), seams, 2), "jerk is the third"),
    ("seam_ratio", lambda x, seams: ratio(x.diff(n=3), seams), "cancel out"),
    ("seam_ratio", lambda x, seams: ratio(x.diff(n=3).abs(), seams, 1), "three of them reach over it"),
    ("seam_ratio", lambda x, seams: ratio(x.diff(n=3).abs(), seams, over=False), "the mean of all jerks"),
    ("joint_loss", lambda c, codes, m, moods, w: cues(c, codes), "the mood is missing"),
    ("joint_loss", lambda c, codes, m, moods, w: cues(c, codes) + cross_entropy(m, moods), "weight is missing"),
    ("joint_loss", lambda c, codes, m, moods, w: cues(c, codes) / 3 + w * cross_entropy(m, moods), "add them"),
    ("joint_loss", lambda c, codes, m, moods, w: cues(c, codes) - w * cross_entropy(m, moods), "was subtracted"),
    (
        "joint_loss",
        lambda c, codes, m, moods, w: (
            cues([one.softmax(1) for one in c], codes) + w * cross_entropy(m.softmax(1), moods)
        ),
        "softmax was taken twice",
    ),
    ("look_across", lambda q, k, v: (q @ k.T).softmax(1) @ v, "the root of C is missing"),
    ("look_across", lambda q, k, v: (q @ k.T / 2).softmax(0) @ v, "goes over the frames that ask"),
    ("look_across", lambda q, k, v: (q @ k.T / q.shape[1]).softmax(1) @ v, "divided by C"),
    ("look_across", lambda q, k, v: q @ k.T / 2 @ v, "there is no softmax"),
    ("look_across", lambda q, k, v: (q @ k.T / 2).softmax(1), "these are the shares"),
    ("narrow_passage", lambda h, w, down, up: w @ h + up @ silu(down @ (w @ h)), "behind the old layer"),
    ("narrow_passage", lambda h, w, down, up: up @ silu(down @ h), "the old layer is missing"),
    ("narrow_passage", lambda h, w, down, up: w @ h + up @ (down @ h), "silu is missing"),
    ("narrow_passage", lambda h, w, down, up: h + up @ silu(down @ h), "add W h, and not h"),
    ("voice_pitch", lambda x, rate, low, high: best_lag(x, rate, low, high), "the period in samples"),
    ("voice_pitch", lambda x, rate, low, high: best_lag(x, rate, low, high) / rate, "the period in seconds"),
    (
        "voice_pitch",
        lambda x, rate, low, high: rate / (int(correlations(x, rate, low, high)[1].argmax()) + 1e-9),
        "within the list of lags",
    ),
    (
        "voice_pitch",
        lambda x, rate, low, high: int(torch.fft.rfft(x, 8 * len(x)).abs().argmax()) / (8 * len(x)) * rate,
        "the strongest tone",
    ),
]
