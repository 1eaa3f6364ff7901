"""Lesson 7, cameras and the renderer: exercises and quiz."""

from __future__ import annotations

import torch
from torch import Tensor

from asm_teach.course.checks.checking import Function, Right, exercise
from asm_teach.course.checks.comparing import equal, numbers, one_of, pair
from asm_teach.course.checks.diagnoses import compare
from asm_teach.course.checks.draws import draws, varied
from asm_teach.course.checks.shapes import wrong_shape
from asm_teach.course.checks.slips import rows_not_one
from asm_teach.course.quizzes import questions


@exercise(
    "Think of similar triangles: what happens to the picture of a point when it is twice as far away?",
    r"$p = f\,(x_1, x_2) / x_3 + c$.",
    "`x[:2] / x[2]` is the direction; turn it into pixels, and then move it.",
)
def pixel_of(function: Function) -> str | None:
    """A point in camera axes to its pixel."""
    f, c = varied((800.0, torch.tensor([160.0, 120.0])))
    for x in varied((torch.tensor([30.0, -20.0, 500.0]), torch.tensor([-41.0, 12.0, 260.0]))):
        off = f * x[:2] / x[2]  # from the principal point
        half = off + c + 0.5
        wrong = {
            "the principal point is missing: this is measured from the optical axis": off,
            "the principal point was subtracted: add it": off - c,
            "a pixel's place is counted from the corner of the picture, as c is: add no half": half,
            "the depth divides, and the focal length multiplies: here it is the other way round": x[:2] * x[2] / f + c,
            "you divided by the square of the depth": off / x[2] + c,
            "x is measured from the optical axis, in mm: do not subtract c, which is in pixels": f * (x[:2] - c) / x[2]
            + c,
            "the principal point is in pixels: add it after the division by the depth": f * (x[:2] + c) / x[2],
            "the depth is the last of the three, x[2]; you divided by the first": f * x[1:] / x[0] + c,
            "the depth is x[2]; you divided by x[1]": f * x[:2] / x[1] + c,
            "you did not divide by the depth": f * x[:2] + c,
            "you divided by the distance, not by the depth x[2]": f * x[:2] / x.norm() + c,
            "the focal length is missing: this is the direction, not yet in pixels": off / f + c,
            "row and column are swapped": (off + c).flip(0),
            "the signs: a point to the right of the axis is seen to the right of c": c - off,
            "do not round: a pixel's place is a real number": (off + c).round(),
            "the focal length multiplies, it does not divide": off / f**2 + c,
            "in OpenCV's axes y points down already: do not turn it over": off * torch.tensor([1.0, -1.0]) + c,
        }
        if said := compare(function(x, f, c), off + c, wrong):
            return said
    return None


@exercise(
    "First turn the lens into pixels: 36 mm of film are as wide as all the columns.",
    "In pixels the focal length is `lens / 36 * columns`. Then `pixels = f * wide / distance`.",
    "`f = lens / 36 * columns`, and solve the second equation for the distance: `return f * ... / ...`.",
)
def distance_of(function: Function) -> str | None:
    """How far away a photographer stood, from the size of a face."""
    example = (150.0, 400.0, 50.0, 1200.0)
    for wide, pixels, lens, columns in (varied(example), varied((140.0, 200.0, 85.0, 3000.0))):
        f = lens / 36 * columns
        right = f * wide / pixels
        wrong = {
            "that takes the lens's millimetres for pixels: 36 mm of film are all the columns": lens * wide / pixels,
            "upside down: a face that is seen larger is nearer": f * pixels / wide,
            "film and lens the wrong way round: the focal length is lens / 36 * columns": 36
            / lens
            * columns
            * wide
            / pixels,
            "that is in metres; give millimetres": right / 1000,
            "that is in centimetres; give millimetres": right / 10,
            "that is the focal length in pixels; now solve pixels = f * wide / distance": f,
            "the film's 36 mm are missing: in pixels the focal length is lens / 36 * columns": 36 * right,
            "the columns are missing: in pixels the focal length is lens / 36 * columns": right / columns,
            "solve for the distance: it is f * wide / pixels, and here f divides": pixels * wide / f,
            "half the face was taken, but all of its pixels": right / 2,
            "do not round on the way": round(f) * wide / pixels,
            "do not round": float(round(right)),
            "columns and pixels are both missing: how large is the face in the picture?": lens * wide / 36,
        }
        if said := compare(function(wide, pixels, lens, columns), right, wrong):
            what = "" if columns == example[3] else " (it is right for the first example, but not for another lens)"
            return said + what
    return Right("at 62 cm noses are still a little large")


@exercise(
    "One over depth is linear on the screen, and so is b over depth.",
    "`over = screen_weights / corner_depths` is b / depth; b sums to 1, so the sum of `over` is 1 / depth.",
    "`b = over / over.sum(..., keepdim=True)`: along which axis? And since the sum of `over` is one over the depth, "
    "the depth is ...",
)
def into_space(function: Function) -> str | None:
    """The weights of the screen to those of space, and the depth."""
    generator = draws(0)
    share = torch.rand(50, 3, generator=generator).double()
    share = share / share.sum(1, keepdim=True)
    z = 300 + 500 * torch.rand(50, 3, generator=generator).double()
    words = "return two tensors: b (n, 3) and the depth (n,)"
    b, depth = map(numbers, pair(function(share, z), words))
    if b is None or depth is None:
        return words
    if b.ndim == 1 and depth.ndim == 2:
        return "these are in the wrong order: first the weights b (n, 3), then the depth (n,)"
    over = share / z
    right, t = over / over.sum(1, keepdim=True), 1 / over.sum(1)
    if said := wrong_shape(b, right) or wrong_shape(depth, t):
        return said
    back = share * z
    to_screen = back / back.sum(1, keepdim=True)
    wrong = {
        "these are still the weights of the screen": share,
        "b has to sum to 1: divide by its sum": over,
        "that goes from space to the screen: divide by the depth where you multiplied": to_screen,
        "b is divided by its sum; softmax takes exp first": over.softmax(1),
        "these are the weights times the depths: divide by the depth, and then by the sum": back,
    }
    if not equal(b, right):
        return one_of(b, wrong) or rows_not_one(b) or compare(b, right)
    blended = "the depth is blended with the weights of the screen; one over depth is what is linear there"
    wrong = {
        blended: back.sum(1),
        "this is one over the depth": over.sum(1),
        "this is the mean of the three corners, which have different weights": z.mean(1),
        "this is one over the mean depth of the corners, which have different weights": 1 / z.mean(1),
        "this is the depth of the nearest corner; blend all three": z.amin(1),
    }
    return compare(depth, t, wrong)


def _wrong_pair(both: list[float], t: float, own: float, beyond: float) -> str | None:
    """The slip that makes these two colours, or None."""
    x, gap = t - 0.5, own - beyond
    twice = [own, beyond + 2 * x * gap] if x > 0 else [own + 2 * x * gap, beyond]
    right = [own, beyond + x * gap] if x > 0 else [own + x * gap, beyond]
    wrong = {
        "the two are in the wrong order: first the own pixel, then the one beyond": right[::-1],
        "both pixels change at once; the outline cuts only one of them at a time": [own + x * gap, beyond + x * gap],
        "the change is twice too much: over t from 1/2 to 1 half of the pixel is covered": twice,
        "this is a mix of both colours in both pixels; the outline cuts only one of them at a time": (
            [t * own + (1 - t) * beyond, (1 - t) * own + t * beyond]
        ),
        "each colour is only made darker; what is missing of one is filled by the other": [t * own, (1 - t) * beyond],
    }
    return None if equal(both, right) else one_of(both, wrong, 1e-6)


@exercise(
    "Where does the outline run at t = 0, at t = 1/2 and at t = 1? It cuts only one of the two pixels at a time.",
    "For t > 1/2 the outline is in the pixel beyond, which gets the share t - 1/2 of the surface's colour; for t < "
    "1/2 it is in the own one.",
    "`if t > 0.5: return own, beyond + (t - 0.5) * (...)`, and below 1/2 the own pixel changes, in the same way.",
)
def repair(function: Function) -> str | None:
    """The colours of the two pixels at an outline, continuous as it moves on."""
    slopes, (own, beyond) = [], varied((0.9, 0.2))
    for at in varied((0.1, 0.4, 0.6, 0.9)):
        t, *colours = (torch.tensor(x, dtype=torch.float64) for x in (at, own, beyond))
        given = function(t.requires_grad_(), *colours)
        new_own, new_beyond = pair(given, "return two colours: the new own and the new beyond")
        both = [float(torch.as_tensor(x).detach()) for x in (new_own, new_beyond)]
        if said := _wrong_pair(both, at, own, beyond):
            return said
        total = new_own + new_beyond
        if not isinstance(total, Tensor) or not total.requires_grad:
            return f"at t = {at:g} the result does not depend on t: did you round it?"
        slopes.append(float(torch.autograd.grad(total, t)[0]))
        if min(both) < beyond - 1e-9 or max(both) > own + 1e-9:
            return f"at t = {at:g}: {both[0]:.2f} and {both[1]:.2f} do not both lie between the two colours"
    gap = own - beyond
    if any(abs(s + gap) < 1e-6 for s in slopes):
        return "the sign: as t grows, the surface covers more, and the sum goes towards its colour"
    if any(abs(s - gap) > 1e-6 for s in slopes):
        found = [round(s, 3) for s in slopes]
        return f"the sum of both should change by own - beyond = {gap:.2g} for each pixel of way; found {found}"
    if not equal(function(*map(torch.tensor, (0.5, own, beyond))), [own, beyond], 1e-6):
        return "at t = 1/2 the outline runs along the border of the two pixels: neither has a part of the other"
    end, start_again = function(torch.tensor(1.0), own, beyond), function(torch.tensor(0.0), own, beyond)
    # What was beyond at t = 1 is the surface's own pixel at t = 0 of the next pair.
    jump = abs(float(end[1]) - float(start_again[0]))
    return None if jump < 1e-6 else f"from t = 1 of one pair to t = 0 of the next the pixel jumps by {jump:.2f}"


QUIZ = questions("""
You crop the left half off a photograph and fit a camera to the rest. What happens to the principal point?
[ ] It stays in the middle of the picture
    If you put it into the middle of the crop, you get a camera that looks sideways, and a face that is turned.
[x] It is now at the left border
    The optical axis still meets the same place of the scene. If you put the point into the middle of the crop, you get
    a camera that looks sideways, and a face that is turned.
[ ] It is lost
    The axis still meets the same place of the scene, and that is still in the picture, at its left border.

Why is 1/depth compared in the z-buffer, and not depth?
[x] It is linear on the screen
    It takes one multiplication and one addition per pixel along a row, and its fine steps are near the camera, where
    you need them. An empty pixel is 0, infinitely far away. Depth itself would need a division for each fragment.
[ ] It is always below 1
    That depends on the unit, and you gain nothing by it.
[ ] It sorts the triangles by size
    The z-buffer knows only depths. It finds the order of the triangles pixel by pixel.

Which vertices get a gradient from a pixel in the middle of the cheek? And which from one at the outline, once it is
repaired?
[x] The three corners of its triangle; at the outline also the two ends of the edge that passes there
    In the middle the corners' neighbours get one too, through smooth normals, if there is light. At the outline the two
    ends of the edge need not belong to that triangle, and no pixel may show them.
[ ] The three corners of its triangle in both cases
    At the outline the coverage depends on where the edge runs, and that on its two ends.
[ ] All vertices of the cheek; at the outline none
    A pixel sees one triangle only. And at the outline there is no gradient only as long as coverage is yes or no.

The nose hides a part of the cheek. Does its outline get a gradient, although there is skin on both sides?
[ ] No: it is not a border of the mesh
    It is a fold: both triangles at the edge lie on the same side of it on the screen. That counts as an outline.
[x] Yes, as large as the two colours differ
    It is no border of the mesh but a fold: both triangles at the edge lie on the same side of it on the screen, and
    behind it you see something farther away.
[ ] Yes, but only if the colours are the same
    With equal colours nothing changes as the outline moves, and the gradient is 0.

You render a picture with four times as many rays per pixel and without the repair. Is it differentiable at outlines
then?
[ ] Yes: the stairs are smooth now
    They are lower and there are more of them. A stair of any height has no slope.
[ ] A little: the slope is a quarter
    Each step has a quarter of the height; between the steps the derivative is still zero.
[x] No
    The stairs have a quarter of the height and there are four times as many of them; between them the derivative is
    still zero. Averaging yes and no more finely does not make a slope that autograd can see.
""")
