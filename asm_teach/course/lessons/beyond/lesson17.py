"""Exercises and quiz of lesson 17: faces that speak."""

from __future__ import annotations

import torch
from torch import Tensor

from asm_teach.course.checks.checking import Function, exercise
from asm_teach.course.checks.comparing import numbers, pair
from asm_teach.course.checks.diagnoses import compare
from asm_teach.course.checks.draws import draws, factor, varied
from asm_teach.course.checks.slips import result_of
from asm_teach.course.quizzes import questions


def _random(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(shape, generator=draws(seed), dtype=torch.float64)


@exercise(
    "How strongly does each phone pull at each moment? Give these numbers shares that sum to one, and mix the targets.",
    "D = firm exp(-fall away), divided by its sum over the phones; then the mean of the targets with these shares. "
    "Far from all phones D is 0 for the computer: which function of torch makes shares of logarithms?",
    "`shares = torch.softmax(firm.log() - fall * away, 1)` is (T, S). What is multiplied with it to get (T,)?",
)
def lip_mix(function: Function) -> str | None:
    """firm (S,), fall, away (T, S) s and targets (S,) to what the mouth does, (T,)."""
    firm, fall, targets = 0.5 + 4 * _random(4), varied(20.0), _random(4, seed=1)
    away = 0.2 * _random(6, 4, seed=2)

    def mix(power: Tensor, axis: int = 1) -> Tensor:
        return (power / power.sum(axis, keepdim=True)) @ targets

    power = firm * (-fall * away).exp()
    right = mix(power)
    wrong = {
        "this is the sum of D times target: divide by the sum of D, so that the shares of all phones are one": (
            power @ targets
        ),
        "D falls with the distance: the exponent is negative": mix(firm * (fall * away).exp()),
        "firm belongs in front of exp, and not into the exponent": mix((-firm * fall * away).exp()),
        "firm is missing: some phones hold their targets harder": mix((-fall * away).exp()),
        "softmax takes logarithms: firm.log(), and not firm": mix((firm - fall * away).exp()),
        "the shares are those of each phone over time; at each time they must sum to one over the phones": (
            mix(power, 0)
        ),
        "this is the target of the strongest phone alone: without a mean the mouth would jump": (
            targets[power.argmax(1)]
        ),
    }
    found = result_of(lambda a, b, c: function(a, fall, b, c), firm=firm, away=away, targets=targets)
    if verdict := compare(found, right, wrong):
        return verdict
    far = numbers(function(firm, fall, away + 200, targets))
    if far is not None and not far.isfinite().all():
        return (
            "right near the phones; in a long silence all D are 0 for the computer and 0 / 0 is nan: take the softmax "
            "of the logarithms, log firm - fall away"
        )
    return None


@exercise(
    "The network says in which direction the performance lies, from noise at t = 0 to the end at t = 1.",
    "A step of 1 / steps along the direction; and for the guess, all the way that is left: 1 - t.",
    "`x + direction / steps` is the next x. What is the factor of the direction in the guess?",
)
def flow_step(function: Function) -> str | None:
    """x (C, N), direction (C, N), t, steps to the next x and the guess of the end."""
    x, direction, t, steps = _random(3, 5), _random(3, 5, seed=1) - 0.3, varied(0.35), 20
    words = "return two tensors: the next x, and the guess of where it ends"
    first, second = pair(function(x.clone(), direction.clone(), t, steps), words)
    after = {
        "the sign: noise is at t = 0, and the direction leads away from it": x - direction / steps,
        "this is a whole step of length 1: divide the direction by the number of steps": x + direction,
        "the direction was multiplied by t: every step is equally long, 1 / steps": x + t * direction,
    }
    ends = {
        "t of the way is behind you: what is left is 1 - t": x + t * direction,
        "one step too far: from where you are, 1 - t of the way is left, and not all of it": x + direction,
        "the sign: continue along the direction": x - (1 - t) * direction,
    }
    return compare(first, x + direction / steps, after) or compare(second, x + (1 - t) * direction, ends)


@exercise(
    "A seam is a sudden change. Which derivative of a smooth motion is small, and jumps where two pieces were glued?",
    "j_n = x_{n+3} - 3 x_{n+2} + 3 x_{n+1} - x_n. A seam before frame s lies in j_{s-3}, j_{s-2} and j_{s-1}.",
    "`j = x.diff(n=3).abs()`; `at = torch.zeros(len(j), dtype=bool)`; for each s: `at[s - 3 : s] = True`. "
    "Which two means do you divide?",
)
def seam_ratio(function: Function) -> str | None:
    """x (N,) and a list of seams to the mean jerk at the seams over that elsewhere."""
    x = (_random(24) - 0.5).cumsum(0).cumsum(0)
    seams = [8, 16]
    for seam in seams:
        x[seam:] += varied(1.5)

    def ratio(values: Tensor, before: int = 3, after: int = 0, over: bool = True) -> Tensor:
        at = torch.zeros(len(values), dtype=torch.bool)
        for seam in seams:
            at[seam - before : seam + after] = True
        return values[at].mean() / (values[~at] if over else values).mean()

    third = x.diff(n=3).abs()
    wrong = {
        "these are first differences: how fast it moves, and not how suddenly that changes": ratio(x.diff().abs(), 1),
        "these are second differences; jerk is the third": ratio(x.diff(n=2).abs(), 2),
        "the sizes are missing: jerks of both signs cancel out": ratio(x.diff(n=3)),
        "one jerk for each seam: three of them reach over it, j_{s-3} to j_{s-1}": ratio(third, 1),
        "divided by the mean of all jerks: compare with those elsewhere": ratio(third, over=False),
        "this is the mean at the seams; divide it by the mean elsewhere": (
            third[[s - k for s in seams for k in (1, 2, 3)]].mean()
        ),
    }
    return compare(result_of(lambda x: function(x, seams), x=x), ratio(third), wrong)


@exercise(
    "Where does each window begin? And which frames does it have, if the end is glued to the start?",
    "Starts k width - shift for k = 0, 1, ...; each has the frames start, start + 1, ..., all modulo `frames`.",
    "`starts = torch.arange(0, frames, width) - shift`. Which shape has `starts[:, None] + torch.arange(width)`, and "
    "what makes -3 the last but two?",
)
def shifted_windows(function: Function) -> str | None:
    """frames, width, shift to the frames of all windows, (frames / width, width) whole numbers."""
    width, shift = 5, 5 * varied(60, 0.9) + 2  # never a whole number of windows
    frames = varied(8, 0.5) * width
    starts, inside = torch.arange(0, frames, width), torch.arange(width)

    def windows(by: int) -> Tensor:
        return (starts[:, None] + by + inside) % frames

    wrong = {
        "the shift moves the windows back: k width - shift": windows(shift),
        "the shift is missing": windows(0),
        "numbers below 0 are no frames: count them round from the end, with % frames": (
            starts[:, None] - shift + inside
        ),
        "modulo width puts all windows over one another: count round the whole, with % frames": (
            (starts[:, None] - shift + inside) % width
        ),
        "only the starts are counted round: a window that begins at the end continues at the start": (
            (starts[:, None] - shift) % frames + inside
        ),
        "these are the starts; each window has `width` frames": (starts - shift) % frames,
    }
    return compare(function(frames, width, shift), windows(-shift), wrong)


@exercise(
    "Four questions are asked at once: the next code of each of three cues, and the mood. Each has a cross entropy.",
    "Cross entropy = the mean of -log softmax(logits) at the right class. Add the three of the codes, and weight times "
    "that of the mood.",
    "`torch.nn.functional.cross_entropy(logits, right)` takes (n, classes), (n,). Which mean does `weight` multiply?",
)
def joint_loss(function: Function) -> str | None:
    """code_logits: three (N, K), codes (N, 3), mood_logits (N, M), moods (N,), weight to one number."""
    generator = draws(0)
    code_logits = [2 * torch.randn(6, 5, generator=generator, dtype=torch.float64) for _ in range(3)]
    codes, moods = torch.randint(5, (6, 3), generator=generator), torch.randint(4, (6,), generator=generator)
    mood_logits, weight = 2 * torch.randn(6, 4, generator=generator, dtype=torch.float64), varied(0.7)
    ce = torch.nn.functional.cross_entropy
    cues = torch.stack([ce(logits, codes[:, k]) for k, logits in enumerate(code_logits)])
    mood = ce(mood_logits, moods)
    shares = [ce(logits.softmax(1), codes[:, k]) for k, logits in enumerate(code_logits)]
    wrong = {
        "the mood is missing: without it nothing holds the cues together": cues.sum(),
        "weight belongs to the mood, and not to the cues": weight * cues.sum() + mood,
        "weight is missing": cues.sum() + mood,
        "the cues were averaged: add them": cues.mean() + weight * mood,
        "the mood was subtracted: a loss must fall when the mood is told": cues.sum() - weight * mood,
        "softmax was taken twice: cross_entropy wants logits": (
            torch.stack(shares).sum() + weight * ce(mood_logits.softmax(1), moods)
        ),
    }
    return compare(function(code_logits, codes, mood_logits, moods, weight), cues.sum() + weight * mood, wrong)


@exercise(
    "Each frame of the head asks all frames of the face. Who asks, who answers, and what is the answer made of?",
    "scores = q k^T / sqrt(C); their softmax over the frames of the face; then the mean of v with these shares.",
    "`scores = q @ k.T / q.shape[1] ** 0.5` is (N, M). Over which axis must shares sum to one, and what do they mix?",
)
def look_across(function: Function) -> str | None:
    """q (N, C) of the head, k (M, C) and v (M, D) of the face to what each frame of the head gets, (N, D)."""
    q, k, v = 3 * _random(5, 4), 3 * _random(7, 4, seed=1), _random(7, 3, seed=2)
    scores = q @ k.T
    wrong = {
        "the root of C is missing: with long vectors one frame would take all": scores.softmax(1) @ v,
        "divided by C: by its root": (scores / 4).softmax(1) @ v,
        "the softmax goes over the frames that ask: the answers to one frame must sum to one": (
            (scores / 2).softmax(0) @ v
        ),
        "there is no softmax: these shares do not sum to one": scores / 2 @ v,
        "these are the shares; mix v with them": (scores / 2).softmax(1),
        "only the best frame answers: softmax shares": v[scores.argmax(1)],
    }
    return compare(result_of(function, q=q, k=k, v=v), (scores / 2).softmax(1) @ v, wrong)


@exercise(
    "The old network stays as it is; a narrow passage lies beside it, and what comes through is added.",
    "out = W h + U silu(D h). W, D and U are matrices; silu is torch.nn.functional.silu.",
    "`torch.nn.functional.silu(down @ h)` is (r, N). What brings it back to (C, N), and what is it added to?",
)
def narrow_passage(function: Function) -> str | None:
    """h (C, N), weight (C, C), down (r, C), up (C, r) to (C, N)."""
    shapes = (4, 6), (4, 4), (2, 4), (4, 2)
    h, weight, down, up = (_random(*shape, seed=seed) - 0.4 for seed, shape in enumerate(shapes))
    silu, old = torch.nn.functional.silu, weight @ h
    wrong = {
        "the passage was laid behind the old layer, and not beside it: it begins at h": old + up @ silu(down @ old),
        "the old layer is missing": up @ silu(down @ h),
        "silu is missing: without it the passage only changes the matrix": old + up @ (down @ h),
        "silu belongs into the narrow part, between down and up": old + silu(up @ (down @ h)),
        "the passage replaces the old layer; add W h, and not h": h + up @ silu(down @ h),
        "relu was taken for silu": old + up @ torch.relu(down @ h),
    }
    return compare(result_of(function, h=h, weight=weight, down=down, up=up), old + up @ silu(down @ h), wrong)


@exercise(
    "A voiced sound repeats itself. After how many samples is it most like itself, and how often a second is that?",
    "r(d) = sum x_n x_{n+d}, for d from rate / high to rate / low; the d with the largest r is the period.",
    "`r = torch.stack([(x[: len(x) - d] * x[d:]).sum() for d in lags])`. Which lag is at `r.argmax()`, and how do "
    "samples become Hz?",
)
def voice_pitch(function: Function) -> str | None:
    """x (n,), rate, low and high Hz to the pitch in Hz."""
    rate, low, high = 8000, 70.0, 300.0
    period = varied(50, 0.2)
    time = torch.arange(480, dtype=torch.float64)
    tones = [torch.cos(2 * torch.pi * k * time / period) * a for k, a in ((1, 0.2), (2, 1.0), (3, 0.6))]
    x = factor() * torch.stack(tones).sum(0)
    strongest = int(torch.fft.rfft(x, 8 * len(x)).abs().argmax()) / (8 * len(x)) * rate
    lags = torch.arange(round(rate / high), round(rate / low) + 1)
    wrong = {
        "this is the period in samples: divide the rate by it": float(period),
        "this is the period in seconds: its inverse is the pitch": period / rate,
        "this is the highest pitch allowed: the lags must not begin at 0, where every sound is like itself": high,
        "this is the number within the list of lags: look up the lag there": rate / (period - int(lags[0])),
        "this is the strongest tone, and not the pitch: overtones are often louder": strongest,
        "this is the octave below: of two lags that fit, take the shorter, which has more samples to agree": (
            rate / period / 2
        ),
    }
    return compare(result_of(lambda x: function(x, rate, low, high), x=x), rate / period, wrong, 0.02)


QUIZ = questions("""
Which part of the mouth's motion in this lesson is measured?
[x] when each phone is spoken
    The times come from a recording. What the mouth does at them is a rule that people wrote.
[ ] how far the jaw opens at each vowel
    The amounts are ours, each with its reason.
[ ] all of it
    This face was never measured.

Why does a jaw go less far at a short vowel between two consonants than at a long one?
[ ] the rules have a smaller target for it
    The target is the same.
[x] the neighbours' dominances have not yet fallen, and take their share
    That is coarticulation.
[ ] the frames are too few
    At a hundred frames a second there are enough.

Why do glued windows have seams, although each of them is a good performance?
[ ] the steps are too few
    More steps make each window better, and not more like its neighbour.
[x] each draws its own chance, such as where the head looks
    Nothing tells a window what its neighbour chose.
[ ] the phones change there
    Windows are cut by the clock.

A filter takes the jerk at the seams away. What does it not mend?
[ ] nothing is left to mend
    Look at the column with the aim.
[x] that the windows chose different ways to hold the head
    The change is slower now, and it is still there.
[ ] the number of calls
    It stays the same, too; but viewers do not see that.

Brows and head are drawn by two networks, each with the same sound. When do they move by the same strength?
[ ] always, for both hear the same
    The strength cannot be heard.
[x] only by chance, unless one sees what the other draws
    What the sound does not tell must be exchanged.
[ ] when both have enough weights
    No number of weights finds what is not in the input.

What must be said beside a film in which the face of a real person says a sentence that this person never said?
[ ] nothing, if it is well made
    The better it is made, the more it must be said.
[x] that it is made, by whom, and that the person agreed; without consent it is not made
    A voice and a face belong to a person.
[ ] which network made it
    That helps specialists, and not the person.
""")
