"""Lesson 9, views and capacity: exercises and quiz."""

from __future__ import annotations

import torch

from asm_teach.course.checks.checking import Function, Right, exercise
from asm_teach.course.checks.comparing import equal, mistaken, not_numbers, one_number, one_of, pair
from asm_teach.course.checks.diagnoses import compare
from asm_teach.course.checks.draws import draws, factor, varied
from asm_teach.course.checks.shapes import wrong_shape
from asm_teach.course.quizzes import questions


@exercise(
    "There are two equations and two unknowns. Which of the two do you not want?",
    "$a^2 = f^2 + c^2/2$ and $b^2 = f^2 + c^2/8$: take $c$ away.",
    "Four times the second less the first: $4 b^2 - a^2 = 3 f^2$.",
)
def error_floor(function: Function) -> str | None:
    """The floor of an error from its values at 2 and 8 pictures."""
    for f, c in varied(((0.6, 2.0), (1.1, 0.7)), 0.05):
        a, b = (f**2 + c**2 / 2) ** 0.5, (f**2 + c**2 / 8) ** 0.5
        answer = function(a, b)
        wrong = {
            "that is its square": f**2,
            "that is c, the part that views take away": c,
            "errors do not add, their squares do: square both before you subtract": (4 * b - a) / 3,
            "errors do not add, their squares do; and c falls with the root of N": 2 * b - a,
            "a and b are exchanged: 8 pictures have the smaller part of c, so take four times b^2": (
                abs(4 * a**2 - b**2) / 3
            )
            ** 0.5,
            "a and b are exchanged, and the root is missing: take four times b^2": (4 * a**2 - b**2) / 3,
            "1/8 is a quarter of 1/2, so c is gone; but of f^2 three quarters are left: divide by them": (
                abs(b**2 - a**2 / 4) ** 0.5
            ),
            "1/8 is a quarter of 1/2, so c is gone; three quarters of f^2 are left: divide by them, take the root": (
                b**2 - a**2 / 4
            ),
            "the difference of both squares still holds c, and f is gone: multiply one of them first": (a**2 - b**2)
            / 3,
            "c^2 is divided by N: with more pictures its part gets smaller, not larger": (abs(4 * a**2 - b**2) / 3)
            ** 0.5,
            "that is the error with 8 pictures; the floor lies below": b,
            "that is three of its squares: divide by 3 before you take the root": 3**0.5 * f,
            "c^2/8 is a quarter of c^2/2, so take four times b^2, not two times": abs(2 * b**2 - a**2) ** 0.5,
            "that is six of its squares: divide by 6 before you take the root": 6**0.5 * f,
            "that is the mean of the two errors; the floor lies below both": (a + b) / 2,
            "c^2 is divided by N, not by its square": (abs(16 * b**2 - a**2) / 15) ** 0.5,
            "the difference of the squares is a part of c^2: it tells c, not the floor": (a**2 - b**2) ** 0.5,
        }
        if said := not_numbers(answer) or mistaken(answer, f, wrong):
            return said
        if not equal(answer, f, 1e-6):
            return f"found {float(answer):.6g}, expected {f:.3f}; write both equations with squares and take c away"
    return None


@exercise(
    "At the crossing both errors are equal, and so are their squares.",
    "Set the squares equal: $f_1^2 + c_1^2/N = f_2^2 + c_2^2/N$.",
    r"Bring N to one side: $N\,(f_1^2 - f_2^2) = c_2^2 - c_1^2$.",
)
def crossing(function: Function) -> str | None:
    """The number of pictures at which two models are equally good."""
    floors, parts = factor(), factor()
    for f1, c1, f2, c2 in ((2.0, 0.5, 1.9, 1.0), (1.5, 1.0, 0.5, 3.0)):
        f1, c1, f2, c2 = floors * f1, parts * c1, floors * f2, parts * c2
        N = function(f1, c1, f2, c2)
        right = (c2**2 - c1**2) / (f1**2 - f2**2)
        wrong = {
            "upside down: the difference of the slopes stands above, that of the floors below": 1 / right,
            "the squares are missing": (c2 - c1) / (f1 - f2),
            "the sign: it is the second slope minus the first, over the first floor minus the second": -right,
            "that is its root: c^2 is divided by N itself": right**0.5,
            "that is its square: c^2 is divided by N itself": right**2,
            "square each number before you subtract, not the differences": (c2 - c1) ** 2 / (f1 - f2) ** 2,
            "the floors count by their squares, too": (c2**2 - c1**2) / (f1 - f2),
            "the slopes count by their squares, too": (c2 - c1) / (f1**2 - f2**2),
            "the two models stand on different sides of the equation: differences, not sums": (
                (c1**2 + c2**2) / (f1**2 + f2**2)
            ),
            "divide the difference of the squared slopes by that of the squared floors; you subtract": (
                (c2**2 - c1**2) - (f1**2 - f2**2)
            ),
            "the squared slopes stand on different sides of the equation: their difference, not their sum": (
                (c2**2 + c1**2) / (f1**2 - f2**2)
            ),
            "which model is which: the second has the larger slope and the lower floor": (
                (c2**2 - c1**2) / (f2**2 + f1**2)
            ),
        }
        if said := not_numbers(N) or mistaken(N, right, wrong):
            return said
        N = float(N)
        if right != round(right) and N in (int(right), int(right) + 1):
            return f"do not round: give the real number, here between {int(right)} and {int(right) + 1}"
        if not N > 0:
            return f"a number of pictures is above 0, found {N:g}"
        one, two = (f1**2 + c1**2 / N) ** 0.5, (f2**2 + c2**2 / N) ** 0.5
        if abs(one - two) > 1e-6:
            return f"at N = {N:.2f} the first has {one:.3f} mm and the second {two:.3f} mm"
    return None


@exercise(
    "Set the derivative by c to zero. Both terms pull, each with the inverse of its squared width.",
    r"$(c - d)/s^2 + c/p^2 = 0$, so $c = d\,p^2/(p^2 + s^2)$.",
    "`return d * ... / (p**2 + s**2)`. Too narrow costs much (strangers!), too wide costs little when the noise is "
    "small: compare section 4.",
)
def estimate(function: Function) -> str | None:
    """The estimate of coefficients under a prior, from noisy ones."""
    r, s, p = 3.0, 1.0, 2.5
    c, noise = torch.randn(2, 20000, generator=draws(0))
    c = r * c
    d = c + s * noise
    width = varied(1.2)  # not 1, whose powers are all alike
    both = p**2 + width**2
    answer, right = function(d, width, p), d * p**2 / both
    wrong = {
        "noise and prior are exchanged: a wide prior should change little": d * width**2 / both,
        "noise and prior are exchanged, and the squares are missing": d * width / (p + width),
        "the squares are missing: widths count by their squares": d * p / (p + width),
        "that is the data as they are: the prior is not used": d,
        "it should be divided by p^2 + s^2": d * p**2,
        "divide by the sum p^2 + s^2, not by s^2 alone": d * p**2 / width**2,
        "the prior is not used: the data are only divided by their own width": d / width**2,
        "upside down: a prior draws the estimate towards 0, so it is smaller than d": d * both / p**2,
        "p^2 + s^2 is not (p + s)^2": d * p**2 / (p + width) ** 2,
        "both terms pull towards each other, so below stands a sum, not a difference": d * p**2 / (p**2 - width**2),
        "the sign: the estimate lies between 0 and d": -right,
        "p^2 is missing above: a wide prior should change little": d / both,
        "d is divided by s^2 in the first term: that is missing": d / (1 / p**2 + 1 / width**2),
        "s counts by its square, as p does": d * p**2 / (p**2 + width),
        "p counts by its square, as s does": d * p / (p + width**2),
        "that is d times the root of the share: no root is needed": d * p / both**0.5,
        "that is right only where prior and noise have the same width": d / 2,
        "a prior of this kind is no wall: it makes each d smaller by the same share": d.clamp(-p, p),
        "multiply by the share p^2 / (p^2 + s^2), not by p": d * p,
        "that is the loss at c = 0 and d; give the c for which it is least": d**2 / width**2 + d**2 / p**2,
    }
    if said := wrong_shape(answer, right) or one_of(answer, wrong):
        return said
    if not torch.allclose(function(d, s, 1e6), d, rtol=1e-3):
        return "a prior of endless width should change nothing"
    if not torch.allclose(function(d, s, s), d / 2, rtol=1e-4):
        return "with prior and noise of the same width, the estimate is halfway between 0 and d"
    if said := compare(answer, right):
        return said
    misses = {p: float((function(d, s, p) - c).square().mean().sqrt()) for p in (0.5, 1.0, 3.0, 9.0)}
    told = ", ".join(f"p = {p:g}: {miss:.2f}" for p, miss in misses.items())
    return Right(f"mean errors for {told}") if min(misses.values()) == misses[r] else f"not least at p = r = 3: {told}"


@exercise(
    "Compare only settings that both dictionaries have, each with its own partner. Their order means nothing.",
    "The mean of d, and its deviation with n - 1 (what `std` does by default), divided by the root of n.",
    "`d = torch.tensor([other[k] - mine[k] for k in mine if k in other])`, then `d.mean()`, and the standard error.",
)
def fair(function: Function) -> str | None:
    """Mean and standard error of paired differences."""
    generator = draws(2)
    hard = 3 * torch.rand(12, generator=generator)  # how hard the pictures are for everybody
    gap = 0.2 + 0.05 * torch.randn(12, generator=generator)
    gap[5] = -0.1  # mine is not better everywhere
    mine = {("scan", 4, k): float(hard[k]) for k in range(11)}
    other = {("scan", 4, k): float(hard[k] + gap[k]) for k in range(11, 0, -1)}
    words = "return two numbers: the mean and its standard error"
    answer, spread = (one_number(one, words) for one in pair(function(mine, other), words))
    both = gap[1:11]
    mean, deviation = float(both.mean()), float(both.std())
    right = deviation / 10**0.5
    if abs(answer - mean) > 1e-4:
        all_of_both = float((hard + gap)[1:].mean() - hard[:11].mean())
        table = {
            "the sign: other minus mine": -mean,
            "the two are in the wrong order: first the mean, then its standard error": right,
            "this holds settings that only one of the two has: take those that both have": all_of_both,
            "that is the sum of the differences; take their mean": 10 * mean,
            "the differences keep their signs: where mine is worse, it counts against it": float(both.abs().mean()),
            "differences, not ratios": float(((hard + gap)[1:11] / hard[1:11]).mean()),
            "that is the median of the differences; take their mean": float(both.median()),
            "divide by the number of settings that both have, not by that of one": mean * 10 / 11,
            "divide by the number of differences, 10; n - 1 belongs to the deviation only": mean * 10 / 9,
        }
        return (
            one_of(answer, table, 1e-4)
            or f"the mean is {answer:.4f}, expected {mean:.4f}: take the settings that both have, in pairs"
        )
    if abs(spread - right) < 1e-5:
        loose = float((hard.var() + (hard + gap).var()) ** 0.5 / 10**0.5)
        return Right(f"{answer:.2f} +- {spread:.2f}; without pairs it would be +- {loose:.2f}, and nothing decided")
    wrong = {
        "that is the deviation of one difference: the mean of n has it divided by the root of n": deviation,
        "you divide by n; divide by the root of n": deviation / 10,
        "the deviation was taken with n; take it with n - 1": right * 0.9**0.5,
        "that is its square: take the root": right**2,
        "that has the variance, not the deviation, over the root of n": deviation**2 / 10**0.5,
        "n is the number of differences, not that of the settings in one dictionary": deviation / 11**0.5,
        "the deviation is measured from the mean of the differences, not from 0": float(both.square().mean() / 10)
        ** 0.5,
        "n - 1 belongs to the deviation only; divide that by the root of n": deviation / 3,
        "the deviation is multiplied by the root of n; divide by it": deviation * 10**0.5,
        "that is of two models that have nothing to do with each other: take the deviation of the differences": (
            float((hard[1:11].var() + (hard + gap)[1:11].var()) ** 0.5) / 10**0.5
        ),
    }
    return one_of(spread, wrong) or f"the standard error is {spread:.4f}, expected {right:.4f}"


QUIZ = questions("""
Why do all models get the same cameras to start from, and not each the ones it likes best?
[ ] Because the true cameras are known
    We know them, but the models do not. If one model started at the true cameras, you would measure that advantage.
[x] They need the same rule, not the same cameras
    The start is a pose of each model's own template, found from the same landmarks by the same function. If one model
    started at the true cameras, you would measure that advantage.
[ ] To save time
    Finding a start takes next to no time. The question is what you measure.

A model has an error of 1.2 mm with 4 pictures, 1.15 with 8 and 1.14 with 16. What will 32 pictures bring, and what
would help?
[ ] Half the error again; more pictures
    The differences are 0.05 and 0.01 mm: the part that views take away is nearly gone.
[x] Next to nothing; a model that can do more, or a prior that holds it back less
    It is at its floor. Is the floor the model's or the prior's? Section 4 tells them apart.
[ ] Next to nothing; a better optimiser of the cameras
    With 16 pictures cameras are well determined. A floor is what the model, or its prior, cannot do.

The embedded people are the home ground of the linear models. Why is the comparison on them still worth printing?
[x] It shows what a model is worth if its people are the right ones
    It needs far fewer numbers and few pictures, and noise hurts it little. And it keeps the author honest, who would
    otherwise show only where the favourite wins.
[ ] Because the adaptive model wins there
    Linear models are at home there. The lesson tells you so, and prints the comparison all the same.
[ ] It is not: it should be left out
    If you leave out the cases that the favourite loses, you choose the result.

Two fits of the same face differ by a scale of 4 %. Which of the two is better?
[ ] The larger one
    Nothing in the pictures speaks for it: a face twice as large, twice as far away, gives the same pictures.
[ ] The one nearer to the template
    The template suggests that, and not the pictures.
[x] The pictures cannot say
    Without a length in the scene (or a known distance) the template alone decides the size. So the measure takes it
    out.

One of the seeds has a much larger error for all models. What do you do with it?
[ ] Leave it out: it is an outlier
    If you throw a seed away because it is bad, you choose the result.
[x] Keep it, and say why
    Look at it: a profile with a landmark on the wrong side, two cameras at one place? Compare in pairs. If you throw a
    seed away because it is bad, you choose the result.
[ ] Run it again with another seed
    That throws it away as well, and you would run only the bad ones again.
""")
