"""Lesson 6, other topologies and raw scans: exercises and quiz."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from asm_teach.course.checks.checking import Function, Right, exercise
from asm_teach.course.checks.comparing import equal, not_finite, not_numbers, numbers, one_of
from asm_teach.course.checks.draws import draws, varied
from asm_teach.course.checks.shapes import wrong_shape
from asm_teach.course.checks.slips import result_of
from asm_teach.course.quizzes import questions
from asm_teach.data.heads import load_head
from asm_teach.geometry.mesh import Mesh
from asm_teach.model.binding import Chart
from asm_teach.new_head.given_landmarks import HANDFUL
from asm_teach.new_head.prepare import prepare_head

RING = np.array([[0.2, 0.1], [0.9, 0.3], [0.8, 0.9], [0.1, 0.6]])  # of the fan, whose middle has number 4
FAN = np.array([[4, 0, 1], [4, 1, 2], [4, 2, 3], [4, 3, 0]])


@exercise(
    "Tutte: every vertex that is not on the rim is a mean of its neighbours.",
    "It has four neighbours, each with weight 1.",
    "Add the four rows of `ring` and divide: `ring.mean(...)`, along which axis?",
)
def tutte_middle(middle: Any) -> str | None:
    """The place of the vertex in the middle of a fan of four."""
    wrong = {
        "this is one number, the mean of all eight: take the mean along axis 0, over the four corners": RING.mean(),
        "this is a mean of u and v for each corner: take the mean along the other axis, over the corners": RING.mean(1),
        "this is the sum of the four corners: divide it by four": RING.sum(0),
        "u and v are swapped": RING.mean(0)[::-1].copy(),
        "this is the middle of the box round the ring; take the mean of the four corners": (
            (RING.min(0) + RING.max(0)) / 2
        ),
        "the vertex is not one of its own neighbours: divide by four, not by five": RING.sum(0) / 5,
        **{
            f"corner {left_out} is missing in the mean: all four are neighbours": np.delete(RING, left_out, 0).mean(0)
            for left_out in range(4)
        },
    }
    if said := one_of(middle, wrong, 1e-6):
        return said
    given = numbers(middle)
    if given is None or given.shape != (2,) or not given.isfinite().all():
        return "give two finite numbers, u and v of the vertex"
    if equal(given, RING.mean(0), 1e-3):
        return None
    a, b, c = np.vstack([RING, given])[FAN].transpose(1, 0, 2)
    (x1, y1), (x2, y2) = (b - a).T, (c - a).T
    area = (x1 * y2 - y1 * x2) / 2
    if (area <= 0).any():
        return f"triangle {int(area.argmin())} is flipped, its area is {area.min():.3f}"
    return "nothing folds, but it is not the mean of its neighbours"


@functools.cache
def _clicked() -> tuple[Mesh, dict[str, list[float]], Tensor]:
    soma = load_head("soma")
    me = soma.sample(8, expression=False)
    clicks = soma.landmarks.points(me.vertices, me.faces)[list(HANDFUL.values())] / 10
    marks = {name: [round(x, 2) for x in p] for name, p in zip(HANDFUL, clicks.tolist(), strict=True)}
    assert soma.rig.uv is not None
    truth = Chart.from_mesh(soma.mesh).bind(soma.rig.uv, me.vertices)
    return Mesh(me.vertices / 10, me.faces, parts=me.parts), marks, truth


def wrong_clicks() -> tuple[Mesh, dict[str, list[float]]]:
    """A head in cm without UV, and landmarks clicked on it, two mistakes among them."""
    mesh, marks, _ = _clicked()
    swapped = {"right_eye_inner": marks["left_eye_inner"], "left_eye_inner": marks["right_eye_inner"]}
    return mesh, {**marks, **swapped, "chin": [10 * x for x in marks["chin"]]}


@exercise(
    "`asm.prepare_head(somebody, wrong)` says in a sentence what it finds. Then look at the numbers.",
    "One point is in millimetres, the file in centimetres. Which inner corner of an eye has the negative x?",
    '`mended = {**wrong, "chin": [x / 10 for x in wrong["chin"]], "right_eye_inner": ...}`',
)
def mended_marks(mended: Mapping[int | str, Any]) -> str | None:
    """Seven clicked landmarks with two mistakes, mended."""
    if not isinstance(mended, Mapping):
        return f"give a dictionary, name -> [x, y, z]; found {type(mended).__name__}"
    mesh, marks, truth = _clicked()
    if unknown := [name for name in mended if name not in marks]:
        return f"there is no landmark {unknown[0]!r} among those you were given; keep the names"
    try:
        ready = prepare_head(mesh, {**mended})
    except (ValueError, TypeError) as error:
        names = {number: name for name, number in HANDFUL.items()}
        said = re.sub(r"point (\d+)", lambda m: f"point {m[1]} ({names.get(int(m[1]), 'unknown')})", str(error))
        return f"prepare_head says: {said}"
    if len(mended) < len(marks):
        return (
            f"it works with {len(mended)} landmarks, but you can mend all {len(marks)}: what is the unit of the chin?"
        )
    off = float((ready.model().bind_points().detach() - truth).norm(dim=1).mean())
    for name, point in marks.items():
        if not equal(mended[name], point, 1e-3):
            return f"it works, but {name} is not where it belongs: the bones are {off:.1f} mm off"
    return Right(f"the bones are {off:.1f} mm off")


@exercise(
    "You need three things: whose partner it is, its mirror image in the plane, and the mean of both.",
    r"The mirror image of $x$ is $x - 2\,(n \cdot x - o)\,n$. Mirror `points[partner]`.",
    "`other = points[partner]`, `other = other - 2 * (other @ normal - offset)[:, None] * normal`, and then ...",
)
def make_alike(function: Function) -> str | None:
    """Points made symmetric by their partners' mirror images."""
    generator = draws(0)
    points = torch.randn(6, 3, generator=generator)
    n = torch.nn.functional.normalize(torch.randn(3, generator=generator), dim=0)
    swap, o = torch.tensor([1, 0, 3, 2, 4, 5]), varied(0.7)

    def flip(p: Tensor, times: float = 2.0, shift: float = o) -> Tensor:
        return p - times * (p @ n - shift)[:, None] * n

    answer = result_of(lambda points: function(points, swap, n, o), points=points)
    other = points[swap]
    right = (points + flip(other)) / 2
    if equal(answer, right):
        return None
    wrong = {
        "you took a point's own mirror image, not its partner's": (points + flip(points)) / 2,
        "the partner was not mirrored": (points + other) / 2,
        "the partner was put onto the plane: mirror it by twice the distance": (points + flip(other, 1.0)) / 2,
        "the offset is missing: the plane does not go through the origin": (points + flip(other, shift=0.0)) / 2,
        "this is the mirror image of the partner alone: take the mean of both": flip(other),
        "this is the sum, not the mean": points + flip(other),
        "this is half the difference; the mean is half the sum": (points - flip(other)) / 2,
        "the sign of the offset: the distance from the plane is n . x - o": (points + flip(other, shift=-o)) / 2,
        "the sign: the mirror image is x minus 2 (n . x - o) n": (points + flip(other, -2.0)) / 2,
        "this mirrors x alone; the plane has the normal n": (points + other * torch.tensor([-1.0, 1.0, 1.0])) / 2,
        "you mirror the point and keep its partner; keep the point and mirror its partner": (other + flip(points)) / 2,
        "only one of the two is halved: brackets": points + flip(other) / 2,
        "only the point is halved: brackets": points / 2 + flip(other),
        "n . x is one number per point, `other @ normal`; `*` gives three": (
            (points + other - 2 * (other * n - o) * n) / 2
        ),
        "the points come back as they were": points,
    }
    if said := not_numbers(answer) or wrong_shape(answer, right) or not_finite(answer) or one_of(answer, wrong):
        return said
    given = torch.as_tensor(answer).float()
    rest = float((given - flip(given[swap])).abs().max())
    if rest < 1e-4:
        return "the sides are alike, but the points are not the means of both: something else moved them"
    return f"the sides still differ by {rest:.2f}"


@exercise(
    "Start from a function of d/c that falls from 1. Then make sure that weight times distance falls in the end, too.",
    r"$1/(1 + (d/c)^2)^2$, times `cosine > 0.5`. It is the derivative of the loss $\frac{c^2}{2}\,\frac{d^2}{c^2 + "
    "d^2}$ by $d$, divided by $d$.",
    "`weight = 1 / (1 + (distance / reach) ** 2) ** 2`, and then the cosine decides which of them count.",
)
def trust(function: Function) -> str | None:
    """How much a closest point counts."""
    c = varied(6.0)
    d = c / 6 * torch.tensor([0.0, 3.0, 6.0, 12.0, 100.0])
    order = torch.randperm(5, generator=draws(0))
    w = function(d[order], torch.ones(5), c)
    if sentence := wrong_shape(w, d) or not_finite(w):
        return sentence
    w = torch.as_tensor(w).detach().float()[order.argsort()]
    ratio = d / c
    square = 1 / (1 + ratio**2)
    wrong = {
        "this is the pull, weight times distance; return the weight": square**2 * d,
        "square once more: at the reach it should be 1/4": square,
        "this is exp(-(d/c)^2), which is not 1/4 at the reach; a fraction of d/c is": (-(ratio**2)).exp(),
        "this is exp(-d/c), which is not 1/4 at the reach; a fraction of d/c is": (-ratio).exp(),
        "this is a step: full up to the reach, and nothing beyond": (ratio < 1).float(),
        "this is a step: full up to the reach, and nothing beyond it": (ratio <= 1).float(),
        "this falls in a straight line to 0 at the reach, where it should be 1/4": (1 - ratio).clamp(min=0),
        "this becomes negative beyond the reach": 1 - ratio,
        "a distance is divided by the reach, d/c; here it is the other way round": 1 / (1 + 1 / ratio**2) ** 2,
    }
    if said := one_of(w, wrong):
        return said
    if not w.any() and torch.as_tensor(function(d, torch.full((5,), 0.2), c)).any():
        return "the comparison of the cosine is the wrong way round: what faces the same way has a cosine near 1"
    if abs(w[0] - 1) > 1e-6:
        return f"at distance 0 it should be 1, but it is {w[0]:.2f}"
    if (w[1:] > w[:-1]).any():
        return "it should fall with the distance"
    far, near = w[4] * d[4], w[2] * d[2]
    if far >= near > 0:
        return f"a point at {d[4]:.0f} mm pulls with {far:.2f}, one at the reach with {near:.2f}: a collar would win"
    if abs(w[2] - 0.25) > 1e-6:
        return f"at the reach it should be 1/4, but it is {w[2]:.3f}"
    if abs(function(2 * d, torch.ones(5), 2 * c) - w).max() > 1e-5:
        return "twice the distance at twice the reach should count the same: only d / c matters"
    for cosine, sentence in (
        (0.3, "a surface that faces elsewhere (cosine 0.3) should not count at all"),
        (0.5, "a cosine of exactly 0.5 should not count at all: > and not >="),
        (-1.0, "the cosine has a sign: -1 is the other side of the surface"),
    ):
        if function(d, torch.full((5,), cosine), c).abs().max() > 0:
            return sentence
    return None if equal(function(d, torch.full((5,), 0.9), c)[0], 1.0) else "a cosine of 0.9 should count in full"


QUIZ = questions("""
Two meshes have the same V, but different faces. Can you use the painted weights of one for the other?
[ ] Yes, the table has the right shape
    It has, so nothing raises an error. That is worse than a refusal.
[x] No: row 17 belongs to another place of the face
    Each row belongs to another place. Nothing raises an error, and that is worse than a refusal.
[ ] Yes, after sorting
    By what? Nothing in the table tells where a row lies on the face.

All signed areas of a chart are positive. Is it injective?
[ ] Yes
    Two triangles far apart may still overlap, like the ends of a ribbon that is wound round more than once.
[x] Not necessarily
    Triangles far apart on the skin may overlap, like the ends of a ribbon that is wound round more than once.
[ ] No
    It may be: if the rim does not cross itself, as on Tutte's circle, it is.

A mesh has a hole for each eye. What does Tutte's embedding do with it?
[ ] Each hole gets a circle of its own
    Only one rim can go to the circle. A second fixed rim would take the proof away.
[ ] It fails: the theorem wants a mesh without holes
    The theorem speaks of a net whose faces may have more than three corners; a hole is such a face.
[x] The vertices round it lie at the mean of their neighbours like all others
    The package closes each hole with a fan round a new vertex, and takes the fan away again.

A fit has mean distance 0.1 mm from its surface to the scan. Are you content?
[ ] Yes: a tenth of a millimetre is excellent
    Moving each vertex to its closest point gives 0, and that is worth nothing.
[x] Not before you know more
    You need the other direction, which points counted, and whether triangles have turned over.
[ ] No: it should be 0
    0 is easy to reach, and proves nothing: put each vertex onto its closest point.

Why does a fit begin stiff and with a long reach, and end soft with a short one?
[ ] To save time: stiff steps are cheaper
    A step costs the same. What changes is which points it trusts.
[x] At first the closest points are mostly wrong ones, and a stiff face averages over them
    They lie on other features. As the face comes nearer they become right, and the face may bend to follow them.
[ ] Because soft models are unstable
    A soft model is stable, too; it settles on the wrong features.

Your scan is in millimetres, and `place_scan` reports "inches". What has happened?
[ ] The file's header is wrong
    Mesh files mostly name no unit, so there is nothing to read.
[x] Either the file is scaled, or the search found something other than the face
    `place_scan` guesses the unit from the size of what it found. Look at it, and give `landmarks` or a `mask`.
[ ] Nothing: units do not matter
    The model is in millimetres: at a wrong scale it fits something other than the face.
""")
