"""Lesson 8, fitting several views: exercises and quiz."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from asm_teach.course.checks.checking import Function, Right, exercise
from asm_teach.course.checks.comparing import equal, not_finite, not_numbers, numbers, one_number, one_of
from asm_teach.course.checks.confirming import named
from asm_teach.course.checks.diagnoses import compare
from asm_teach.course.checks.draws import draws, varied
from asm_teach.course.quizzes import questions


@exercise(
    "What decides how large the pivot is shown? It takes two numbers, and only their quotient counts.",
    "$f/z_0$ is the size; it has to be the same.",
    "900 / 600 = 2250 / distance; solve for the distance.",
)
def dolly_zoom(distance: float) -> str | None:
    """The distance at which a longer lens shows the same size."""
    given = one_number(distance, "give one number, in mm")
    wrong = {
        "that is nearer: a longer lens has to stand further away": 600 * 900 / 2250,
        "at the same distance it shows the face 2.5 times as large": 600.0,
        "that is in metres; give it in mm": 1.5,
        "that is in cm; give it in mm": 150.0,
        "you add the difference of the focal lengths; what has to stay is the quotient f / z": 600 + 2250 - 900.0,
        "that is how much longer the lens is; the distance is as many times 600 mm": 2.5,
        "that is how much further away it is, from the first camera's place; give the whole distance": 900.0,
        "the square: f / z has to stay, not f / z^2": 600 * 2.5**2,
        "the root: f / z has to stay, not f^2 / z": 600 * 2.5**0.5,
        "f * z is not what has to stay, but f / z: divide by 900": 600 * 2250.0,
        "the first camera's f / z is 1.5 pixels per mm: divide 2250 by it; you multiply": 2250 * 900 / 600,
    }
    if said := one_of(given, wrong, 1e-3):
        return said
    if given <= 0:
        return f"a distance is above 0, found {given:g}"
    return None if abs(given - 1500) < 1 else f"f / z would be {2250 / given:.4g} pixels per mm, not {900 / 600:.2f}"


@exercise(
    "What does the logarithm turn a gain into, and what an exponent?",
    "After the logarithm a gain is a constant that is added, and gamma is a factor. The order matters: which step "
    "takes away which of the two?",
    "`y = stored.log()`, then `y = y - y.mean()`, and then the size.",
)
def immune(function: Function) -> str | None:
    """A function of a row of stored values that neither gain nor gamma changes."""
    light = torch.rand(25, generator=draws(0)) * 0.8 + 0.1
    base = function(light.clone())
    difference = (
        "the mean is taken away before the logarithm, which has no value for negative numbers: first the logarithm"
    )
    given = numbers(base)
    if given is not None and torch.equal(given.isnan(), light < light.mean()) and named(difference):
        return difference
    if said := not_numbers(base) or not_finite(base):
        return said
    if base.shape != light.shape:
        return f"it should give a row of {len(light)} numbers, found the shape {tuple(base.shape)}"
    base = base.to(light)

    def again(stored: Tensor) -> Tensor:
        return torch.as_tensor(function(stored)).to(light)  # whole numbers, such as ranks, too

    if base.std() < 1e-6:
        return "all its numbers are the same: nothing of the skin is left"
    if not torch.allclose(again(varied(1.7) * light), base, atol=1e-4):
        if torch.allclose(again(light ** varied(0.6)), base, atol=1e-4):
            return (
                "it is immune to gamma, but changes with the gain: the order; first take the mean away, then the size"
            )
        brighter = again(varied(1.7) * light)
        if float(torch.cosine_similarity(brighter.flatten(), base.flatten(), dim=0).abs()) > 0.9999:
            return "what you divide by changes with the gain: take the size of the logarithm less its mean"
        return "it changes with the gain: after the logarithm a gain is a constant that is added; take the mean away"
    if not torch.allclose(again(light ** varied(0.6)), base, atol=1e-4):
        if float(torch.corrcoef(torch.stack([base.flatten(), light]))[0, 1]) > 0.999:  # a line through light
            return "it changes with gamma: take the logarithm first"
        return "it changes with gamma: after the logarithm it is a factor; divide by the size"
    y = light.log() - light.log().mean()
    if torch.dot(base, y).abs() >= 0.99 * base.norm() * y.norm():
        return None
    return Right("it is immune; but it keeps less of the skin than the logarithm less its mean, brought to one size")


@exercise(
    "Where is the best common row for a given d? It moves with d: insert it before you differentiate.",
    r"Equation (8.3) with $J_n = g_n$: the second derivative is $\sum b_n \lVert g_n\rVert^2 - \lVert\sum b_n "
    r"g_n\rVert^2 / \sum b_n$.",
    "`c = (b[:, None] * r).sum(0) / b.sum()`, the slope is `(b[:, None] * g * (r - c)).sum()`; divide by the second "
    "derivative, and mind the sign.",
)
def step_of(function: Function) -> str | None:
    """The Gauss-Newton step of one unknown, the common row eliminated."""
    r, g = torch.randn(2, 3, 8, generator=draws(1))
    b = varied(torch.tensor([1.0, 0.3, 0.8]))
    w = b[:, None]
    c, mean_g = (w * r).sum(0) / b.sum(), (w * g).sum(0) / b.sum()
    slope, own = (w * g * (r - c)).sum(), (w * g * g).sum()
    right = _step(r, g, w)
    off = g * (r - r.mean(0))  # from the plain mean
    plain, unweighted = -(w * off).sum() / own, -off.sum() / ((g * g).sum() - 3 * g.mean(0).square().sum())
    wrong = {
        "the sign: a step goes against the slope": -right,
        "the common row was held; it moves with the step, so the second derivative gets smaller": -slope / own,
        "no common row: the rows were drawn to zero": -(w * g * r).sum() / own,
        "the weights b are missing": unweighted,
        "the common row is the mean with the weights b, not the plain one, and it moves with the step": plain,
        "that is the slope alone: divide by the second derivative": -slope,
        "the weights b are squared: they count once": _step(r, g, w**2),
        "the root of b was taken: the weights count as they are": _step(r, g, w.sqrt()),
        "the common row is a mean with the weights b: divide its sum by sum b": (
            -(w * g * (r - (w * r).sum(0))).sum() / (own - b.sum() * mean_g.square().sum())
        ),
        "the common row is a mean with the weights b: its sum is divided by sum b, not by the number of pictures": (
            -(w * g * (r - (w * r).mean(0))).sum() / (own - b.sum() * mean_g.square().sum())
        ),
        "the weights b are missing where the second derivative gets smaller": (
            -slope / (own - g.sum(0).square().sum() / b.sum())
        ),
        "divide by the second derivative; you multiply by it": -slope * (own - b.sum() * mean_g.square().sum()),
        "the factor g is missing in the slope": -(w * (r - c)).sum() / (own - b.sum() * mean_g.square().sum()),
        "the common row is wrong: r - c, with c the mean over the pictures (axis 0), not over the row": (
            -(w * g * (r - r.mean(1, keepdim=True))).sum() / (own - b.sum() * mean_g.square().sum())
        ),
        "the square comes too late: sum b g over the pictures, square that, and then sum over the row": (
            -slope / (own - (w * g).sum().square() / b.sum())
        ),
        "the second derivative gets smaller by the common row: minus, not plus": (
            -slope / (own + b.sum() * mean_g.square().sum())
        ),
        "the sum of the weighted derivatives is squared and then divided by sum b: that division is missing": (
            -slope / (own - (w * g).sum(0).square().sum())
        ),
    }
    found = function(r, g, b)
    if (given := numbers(found)) is not None and given.shape == (len(r),):
        return f"d is one number for all pictures, but you give {len(r)}: sum over all of them before you divide"
    if given is not None and given.shape == (r.shape[1],):
        return f"d is one number for the whole row, but you give {len(given)}: sum over the row before you divide"
    return compare(found, right, wrong)


def _step(r: Tensor, g: Tensor, w: Tensor) -> Tensor:
    """The step for weights w (N, 1)."""
    c, mean_g = (w * r).sum(0) / w.sum(), (w * g).sum(0) / w.sum()
    return -(w * g * (r - c)).sum() / ((w * g * g).sum() - w.sum() * mean_g.square().sum())


@exercise(
    "By how many pixels does each picture move when the point goes 1 mm along the normal, and in which direction?",
    r"A millimetre along the normal is seen from the side as $\sin(\text{angle}/2)$ mm, to the left in one picture "
    "and to the right in the other.",
    "The shift is `2 * size * math.sin(angle / 2)` pixels per mm; how many mm are `precision` pixels? The result for "
    "james is a small part of a millimetre: the fit's error comes from what is *not alike* in both pictures, not from "
    "too few pixels.",
)
def depth_error(function: Function) -> str | None:
    """How exact two pictures show depth, in mm."""
    cases = varied(((0.3, 2.0, 0.5), (0.9, 4.3, 0.2), (2.0, 1.0, 1.0)))
    answers = [float(function(*case)) for case in cases]
    if not all(map(math.isfinite, answers)):
        return f"give a finite number for each input, found {answers}"
    t, s, e = torch.tensor(cases, dtype=torch.float64).T
    half = (t / 2).sin()
    tangent = "the tangent would be right if the cameras stood in a plane and a pixel were measured there"
    wrong = {
        "only one picture was moved: both are, in opposite directions": e / (s * half),
        "take the sine of half the angle": e / (2 * s * t.sin()),
        "take the sine of half the angle; two times that is not the sine of the whole": e / (s * t.sin()),
        "take the sine of half the angle, not half the sine, and both pictures move": 2 * e / (s * t.sin()),
        "the shift is in pixels, so divide by the pixels per mm: the size is missing": e / (2 * half),
        "both pictures move, so the shift is twice as large: 2 belongs below, not above": 2 * e / (s * half),
        "the precision is divided by all of it: here size and sine multiply": 2 * e * s * half,
        tangent: e / (2 * s * (t / 2).tan()),
        "the 2 stands there twice: each of the two pictures moves by the sine of half the angle": e / (4 * s * half),
        "size and sine both divide the precision; you multiply by the sine": e * half / (2 * s),
        "upside down: the precision is divided, by size and sine": s / (2 * e * half),
        "half the angle, not twice the angle": e / (2 * s * (2 * t).sin()),
        "the angle is missing: from the front (angle 0) depth does not show at all": e / s,
        "that is the shift in pixels per mm; divide the precision by it": 2 * s * half,
        "take the sine of half the angle, not the tangent of the whole": e / (s * t.tan()),
        "both pictures move, and each by the sine of half the angle, not by its tangent": e / (s * (t / 2).tan()),
        "divide the pixels by the size; you multiply": e * s / (2 * half),
        "that takes the angle for its sine, which is right for small angles only": e / (s * t),
        "the angle is in radians already": e / (2 * s * (t.deg2rad() / 2).sin()),
        "cosine for sine: seen from the front (angle 0) depth does not show at all": e / (2 * s * (t / 2).cos()),
        "upside down: a shift of that many pixels a mm, so divide the precision by it": 2 * s * half / e,
    }
    if said := one_of(answers, wrong):
        return said
    rights = (e / (2 * s * half)).tolist()
    if not equal([found / right for found, right in zip(answers, rights, strict=True)], [1.0] * 3, 1e-2):
        return f"for {cases[0][0]:.3g} radians you give {answers[0]:.4f} mm, but the projection gives {rights[0]:.4f}"
    return Right(f"a tenth of a pixel would be {float(function(math.radians(50), 4.3, 0.1)):.3f} mm on james")


QUIZ = questions("""
Why do we divide the error of a landmark by the size of a millimetre in the picture, and why do we not differentiate
this size?
[x] So that near and far pictures count the same; else a camera could lower its loss by coming closer
    If the size were differentiated, a camera could lower its loss by making a millimetre larger, that is by coming
    closer than it was.
[ ] To show the error in millimetres; and because derivatives are slow
    The division balances the pictures. And the derivative would be cheap, but harmful.
[ ] So that large faces count more; and because the size is known
    The division takes the advantage of large pictures away. And the size depends on the camera, which is unknown.

You add a hundred pictures with the same 68 landmarks. What happens to the error on the cheek?
[ ] It falls to a tenth
    The noise of the landmarks does. But no landmark lies on the cheek.
[ ] It falls to the noise of the landmarks
    At the landmarks it does. Between them nothing was measured.
[x] It hardly changes
    The noise of the landmarks averages out, and the cheek between them is still the template's.

A piece of skin without any mark, all of one colour, is seen by four cameras. What is its row, and what does it
contribute to the step?
[ ] Zeros, and nothing
    The row is scaled to length 1 whatever it holds, and here it holds the camera's grain.
[x] Noise of length 1, and next to nothing
    Subtracting the bowl removes the light. The camera's grain is left, scaled to full size. Its worth is next to
    nothing, so bones and prior decide there. The worth has to stay fixed while the face moves; else a sample that moves
    onto the blank would cost less.
[ ] Noise of length 1, and as much as any other
    Its length is that of the others. Its worth, which is found once and then kept, is next to nothing.

Why do we not simply keep the common row at its present value during a step?
[x] The steps would be too short
    The step would draw every picture to the present average, as if the others stood still. With the row eliminated,
    only differences between pictures cost, and a change that all share is free.
[ ] The steps would be too long
    Holding it adds to the second derivative, as if what all share cost something: larger curvature, shorter steps.
[ ] It would have to be stored
    A row is a few numbers. You could store it easily.

A camera sees a point through the nose. Its grey values disagree with the others', and the loss is robust. Why is that
not enough?
[ ] A robust loss has no derivative
    It has one: it still pulls a little, and that is part of the problem.
[x] With two pictures there is no majority, and hidden points come in whole patches
    Even with more pictures a whole side of the cheek may be hidden from several of them. Besides, a robust loss still
    pulls a little, and skin of the nose may resemble skin of the cheek. Do not guess from colours what you can know
    from geometry.
[ ] It is enough with three pictures
    A whole side of the cheek may be hidden from two of the three, and skin of the nose may resemble skin of the cheek.
""")
