"""Start here: exercises and quiz of the first notebook."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from asm_teach.course.checks.checking import Function, exercise
from asm_teach.course.checks.comparing import numbers
from asm_teach.course.checks.diagnoses import compare
from asm_teach.course.checks.draws import draws, varied
from asm_teach.course.checks.slips import ignores
from asm_teach.course.quizzes import questions


@exercise(
    "A scale is a factor in each of the three directions. Which factor changes nothing?",
    "A scale tells you what is left of the size: 20 % smaller leaves 80 %.",
    "It is a list of three factors, for x, y and z: `smaller_nose = [..., ..., ...]`. Are they above 1 or below?",
)
def smaller_nose(answer: Sequence[float]) -> str | None:
    """The three scales of a bone that makes its part of the face a fifth smaller."""
    wrong = {
        "that is the part that goes away; a scale tells what is left": [0.2] * 3,
        "that is larger: factors above 1 stretch": [1.2] * 3,
        "give the share as a factor, not in per cent": [80.0] * 3,
        "a scale multiplies: minus would turn the nose inside out": [-0.2] * 3,
        "dividing by 1.2 makes it 17 % smaller; 20 % smaller is a different factor": [1 / 1.2] * 3,
        "that leaves everything as it is": [1.0] * 3,
        "that is 25 % larger: 0.8 itself is the factor, not one over it": [1.25] * 3,
        "that is what is taken away, in per cent; a scale is a factor and gives what is left": [20.0] * 3,
        "only x gets smaller; the nose shrinks in all three directions": [0.8, 1.0, 1.0],
        "only y gets smaller; the nose shrinks in all three directions": [1.0, 0.8, 1.0],
        "only z gets smaller; the nose shrinks in all three directions": [1.0, 1.0, 0.8],
        "the product of the three is 0.8; here each direction shrinks by 20 %": [0.8 ** (1 / 3)] * 3,
    }
    given = numbers(answer)
    if given is not None and given.ndim == 0:
        return "give three numbers, one for each of x, y and z"
    return compare(answer, [0.8] * 3, wrong)


@exercise(
    "How far has each vertex moved? That is one number per vertex. Then count those above the limit.",
    "The distance of a vertex is the length of the difference, sqrt(dx^2 + dy^2 + dz^2). A share is a mean of ones and "
    "zeros.",
    "`torch.linalg.vector_norm(after - before, dim=1)` holds the distances. Comparing them with the limit gives True "
    "and False; how do you take their mean?",
)
def moved_share(function: Function) -> str | None:
    """The share of the vertices that move by more than a limit."""
    generator = draws(0)
    before, step = torch.randn(2, 40, 3, generator=generator)
    after, limit = before + step, varied(1.5)
    far = step.norm(dim=1)

    def share(above: Tensor) -> Tensor:
        return above.double().mean()

    right = share(far > limit)
    wrong = {
        "this counts them; divide by the number of vertices to get a share": (far > limit).sum(),
        "that is per cent; a share lies between 0 and 1": 100 * right,
        "this is the share of the vertices that move less": 1 - right,
        "this is the mean distance; how many lie above the limit?": far.mean(),
        "this counts single coordinates; the distance of a vertex is the length of all three": share(
            step.abs() > limit
        ),
        "you compared a sum of squares: take its root first": share(far**2 > limit),
        "this takes the largest of the three coordinates; the distance is the length of all three": (
            share(step.abs().amax(1) > limit)
        ),
        "every length is above the limit, so this is 1: is there one length per vertex, along dim=1?": 1.0,
        "this adds the three differences; the distance is the root of the sum of their squares": (
            share(step.sum(1) > limit)
        ),
        "this adds the sizes of the three differences; the distance is the root of the sum of squares": (
            share(step.abs().sum(1) > limit)
        ),
        "`before` was not subtracted: how far did each vertex move?": share(after.norm(dim=1) > limit),
        "this is the share of the coordinates; divide by the number of vertices, not by three times that": right / 3,
    }
    found = function(before, after, limit)
    return compare(found, right, wrong) or ignores(function, (before, after, limit), (before, after, 2.5), "limit")


@exercise(
    "What does a single bone have? Count its motion, its place and its Gaussians; then there are J bones.",
    "9 numbers for the motion, 2 for the place, and for each Gaussian 1 share, 2 for its centre, 3 for its shape.",
    "Which of these numbers come once per bone, and which K times? Add them up for one bone before you multiply by J.",
)
def face_numbers(function: Function) -> str | None:
    """How many numbers one adaptive face has."""
    for J, K in (*varied(((84, 3), (84, 2)), 0.5), (varied(10, 0.5), 1)):
        wrong = {
            "these are the numbers of the Gaussians; motion and place of the bones are missing": 6 * K * J,
            "these are the numbers of a single bone": 11 + 6 * K,
            "the place of each bone, two numbers on the chart, is missing": J * (9 + 6 * K),
            "the motion of each bone, nine numbers, is missing": J * (2 + 6 * K),
            "a Gaussian has six numbers: its share, two for its centre, three for its shape": J * (11 + 5 * K),
            "motion and place come once per bone, not once for each of its Gaussians": J * K * 17,
            "the place of a bone has two numbers: it lies on the flat chart": J * (12 + 6 * K),
            "the Gaussians belong to each bone: J times 6 K": J * 11 + 6 * K,
            "these are the numbers of a single bone, and J was added; multiply by J": J + 11 + 6 * K,
            "the shape of a Gaussian has three numbers, not four": J * (11 + 7 * K),
            "the centre of a Gaussian, two numbers on the chart, is missing": J * (11 + 4 * K),
            "a Gaussian has three numbers for its shape, and three more for its share and its centre": J * (11 + 3 * K),
            "a bone has nine numbers for its motion and two for its place, 11 in all": J * (10 + 6 * K),
            "the Gaussians are missing": J * 11,
        }
        if said := compare(function(J, K), J * (11 + 6 * K), wrong):
            return f"for J = {J} and K = {K}: {said}"
    return None


@exercise(
    "The panel uses degrees, `set_motion` radians. And a turn has three numbers: about x, y and z.",
    "180 degrees are pi radians. By the right-hand rule, a turn about +x (the person's left) takes +y (up) to +z "
    "(forward). Where does it take the chin, which lies below?",
    "Only the first of the three numbers is not 0, and `math.radians` converts it. Which sign takes -y to -z?",
)
def chin_turn(answer: Sequence[float]) -> str | None:
    """The rotation vector of 30 degrees about x that takes what lies below the pivot backwards."""
    angle, forward = math.radians(30), [-30.0, 0.0, 0.0]
    wrong = {
        "these are degrees: `set_motion` wants radians, math.radians(30)": [30.0, 0.0, 0.0],
        "these are degrees, not radians, and the turn goes the other way: it takes the chin forward": forward,
        "the size is right, but this takes the chin forward: try the other sign": [-angle, 0.0, 0.0],
        "this turns about y, the axis that points up: the face would look to the side": [0.0, angle, 0.0],
        "this turns about z, the axis that points out of the face: the head would tilt": [0.0, 0.0, angle],
        "30 degrees are pi / 6, a twelfth of the full circle 2 pi": [math.pi / 3, 0.0, 0.0],
        "30 degrees are pi / 6, a twelfth of 2 pi, not of pi": [math.pi / 12, 0.0, 0.0],
        "this turns about the diagonal of all three axes; a turn about x has 0 for y and z": [angle] * 3,
        "0.5 is the sine of 30 degrees, or the angle with one digit; give math.radians(30)": [0.5, 0.0, 0.0],
        "math.degrees goes from radians to degrees; you need math.radians": [math.degrees(30), 0.0, 0.0],
        "this turns round y, and the other way": [0.0, -angle, 0.0],
        "this turns round z, and the other way: the head would tilt": [0.0, 0.0, -angle],
    }
    given = numbers(answer)
    if given is not None and given.ndim == 0:
        return "give three numbers: the parts of the turn about x, y and z"
    return compare(answer, [angle, 0.0, 0.0], wrong)


QUIZ = questions("""
Which bone moves a vertex that lies between two bones?
[ ] The nearer of the two
    If so, the skin would tear where one bone's part ends and the next begins.
[x] Both, in shares that sum to one
    Equation (1): a vertex goes to the mean of where its bones take it, with the shares w. That is why the tip of the
    nose moved only part of the bone's 10 mm.
[ ] Neither: it follows its neighbours
    No vertex depends on another one: equation (1) holds for each vertex on its own.

All bones are at rest. You change the shares w of all vertices. What does the face do?
[x] Nothing
    At rest every bone leaves every vertex where it is, and the mean of equal places is that same place, whatever the
    shares are. Lesson 4 returns to this.
[ ] It gets smoother
    Shares determine how motion spreads, and there is no motion.
[ ] Each part goes to its nearest bone
    Bones do not attract anything: they carry what they hold, and they are at rest.

What can the adaptive model change from face to face that a static one cannot?
[ ] How far its bones move
    The static one can do that too: it is the motion T.
[ ] How many bones it has
    Both keep their bones: to add one, you change the rig by hand.
[x] How far each bone reaches, and where on the face it sits
    The fit finds the Gaussians and the places on the chart for each face, together with the motion.

The mesh gets four times as many vertices. How many numbers does one face then have?
[ ] Four times as many
    A painted table would have: it has a row for each vertex.
[x] As many as before
    The Gaussians lie on the chart, not at the vertices: it stays J (11 + 6K).
[ ] Sixteen times as many
    J (11 + 6K) does not depend on the mesh at all.

The fitted focal lengths are far from the true ones, and the face is close to the true face. How can that be?
[ ] The error is measured wrongly
    The error is the distance from the points of a scan that the fit never saw.
[ ] The lenses are unusual
    If the face depended on them as strongly, it would be wrong too.
[x] Focal length and distance nearly compensate each other in a picture
    A longer lens from further away shows nearly the same picture. Lesson 7 measures how nearly.
""")
