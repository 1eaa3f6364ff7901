"""Exercises and quiz of the notebook on tensors, which comes before lesson 1."""

from __future__ import annotations

import torch

from asm_teach.course.checks.checking import Function, exercise
from asm_teach.course.checks.diagnoses import compare
from asm_teach.course.checks.draws import draws, factor, varied
from asm_teach.course.checks.slips import ignores, result_of
from asm_teach.course.quizzes import questions


@exercise(
    "Section 2 turns all rows with one product. What does it take to add the same three numbers to every row?",
    "For points kept as rows, A x is `points @ A.T`. A (3,) beside an (N, 3) is repeated for each row.",
    "`return points @ ... + t`",
)
def turn_and_shift(function: Function) -> str | None:
    """Points (N, 3), A (3, 3) and t (3,) to points (N, 3)."""
    points, A = torch.randn(6, 3, generator=draws(0)), torch.randn(3, 3, generator=draws(1))
    t = varied(torch.tensor([4.0, -7.0, 11.0]))
    right = points @ A.T + t
    wrong = {
        "the transpose is missing: points are rows, so A x is `points @ A.T`": points @ A + t,
        "the shift is missing": points @ A.T,
        "the transpose and the shift are missing": points @ A,
        "the points are shifted before they are turned; A x + t turns first": (points + t) @ A.T,
        "the shift was subtracted": points @ A.T - t,
        "`*` multiplies number by number; the product of matrices is `@`": points * A.diagonal() + t,
    }
    return compare(result_of(function, points=points, A=A, t=t), right, wrong)


@exercise(
    "Along which axis do you add so that one number per row is left? And what shape must it have to divide a (V, J)?",
    "The row sums are `table.sum(dim=1)`, of the shape (V,). Next to (V, J) they need to be (V, 1).",
    "`return table / table.sum(dim=1)[...]`, with a new axis of length 1 at the end",
)
def row_shares(function: Function) -> str | None:
    """A positive table (V, J) to one whose rows sum to one."""
    table = 0.2 + torch.rand(5, 5, generator=draws(0))  # square, so that a sum without its axis gives no error
    right = table / table.sum(1, keepdim=True)
    wrong = {
        "now each column sums to one: dim=0 goes along the points, dim=1 along the bones": table / table.sum(0),
        "the sums lie along the wrong axis: (V,) is compared with the last axis of (V, J); write sum(...)[:, None]": (
            table / table.sum(1)
        ),
        "now the whole table sums to one: add along one axis only, dim=1": table / table.sum(),
        "this divides by the largest number of each row; divide by its sum": table / table.amax(1, keepdim=True),
        "this divides by the mean of each row, so the rows sum to J": table / table.mean(1, keepdim=True),
    }
    said = compare(result_of(function, table=table), right, wrong)
    if said:
        return said
    wide = 0.2 + torch.rand(3, 7, generator=draws(1))
    said = compare(function(wide), wide / wide.sum(1, keepdim=True))
    return f"for a table of the shape (3, 7): {said}" if said else None


@exercise(
    "Section 4 compares every point with every bone. Which of the two tensors gets a new axis, and where?",
    "`points[:, None] - others` has the shape (N, M, 3); the length of its last axis is the distance.",
    "`return (points[:, None] - others).norm(dim=...)`",
)
def distance_table(function: Function) -> str | None:
    """Points (N, 3) and others (M, 3) to distances (N, M)."""
    points, others = torch.randn(5, 3, generator=draws(0)), torch.randn(4, 3, generator=draws(1))
    difference = points[:, None] - others
    right = difference.norm(dim=2)
    wrong = {
        "the axes are the wrong way round: a row per point, a column per other point": right.T,
        "these are squared distances: take the root": right.square(),
        "the sum of the three differences is not the distance: use norm": difference.sum(2),
        "these are sums of absolute differences: a distance is the root of a sum of squares": difference.abs().sum(2),
        "this is the largest of the three differences": difference.abs().amax(2),
        "this is the distance to the nearest only; keep all of them": right.amin(1),
    }
    return compare(result_of(function, points=points, others=others), right, wrong)


@exercise(
    "Which derivative does the loss have by the shift? Make a copy of the shift of which PyTorch keeps track.",
    "The new shift is shift - rate * gradient; by hand the gradient is 2 times the mean of points + shift - goal.",
    "`unknown = shift.clone().requires_grad_()`, then the loss with `unknown` in it, `loss.backward()`, and return "
    "`shift - rate * ...`",
)
def one_step(function: Function) -> str | None:
    """Points (N, 3), goal (N, 3), shift (3,) and a rate to the shift (3,) after one step."""
    points, goal = torch.randn(2, 7, 3, generator=draws(0))
    shift, rate = varied(torch.tensor([2.0, -1.0, 3.0])), 0.3 * factor()
    apart = points + shift - goal
    slope = 2 * apart.mean(0)

    def stepped(gradient: torch.Tensor) -> torch.Tensor:
        return shift - rate * gradient

    wrong = {
        "this goes uphill: a step goes against the gradient": stepped(-slope),
        "this is the gradient; the step and the old shift are missing": slope,
        "this is the step; add it to the old shift": -rate * slope,
        "the rate is missing": shift - slope,
        "the shift comes back as it was": shift,
        "the loss is the mean over the points of a sum over x, y and z; yours is a third of it": stepped(slope / 3),
        "the loss is a mean over the points; yours is the sum": stepped(slope * len(points)),
        "the square is lost: its derivative is 2 times what is squared": stepped(slope / 2),
        "the old shift is missing in the loss: derive it at `points + shift`": stepped(2 * (points - goal).mean(0)),
        "each point got a step of its own; the loss is one number, and the shift has three": stepped(2 * apart),
        "the loss is the mean of the *squared* distance; this is that of the distance": stepped(
            torch.nn.functional.normalize(apart).mean(0)
        ),
    }
    kept = [x.clone() for x in (points, goal, shift)]

    def answer(*given: torch.Tensor) -> object:
        return function(*given, rate)

    found = result_of(answer, points=points, goal=goal, shift=shift)
    return compare(found, stepped(slope), wrong) or ignores(function, (*kept, rate), (*kept, 2 * rate), "the rate")


QUIZ = questions("""
`points` has the shape (100, 3). Which shape has `points.mean(dim=0)`?
[ ] (100,)
    That is `mean(dim=1)`: `dim=` names the axis that disappears, and axis 0 has the 100 points.
[x] (3,)
    Axis 0 disappears. What is left is one point, the centre.
[ ] (1, 3)
    That is what you get with `keepdim=True`.

`a` has the shape (100, 3) and `b` the shape (100,). What does `a * b` do?
[ ] It multiplies each row of `a` by one number of `b`
    That is `a * b[:, None]`. Shapes are compared from the right, and 3 is not 100.
[x] It stops with a size error
    The last axes are compared first: 3 and 100 differ, and neither is 1.
[ ] It gives a table of the shape (100, 100)
    That would be `b[:, None] * b`.

You write `points @ A` where `points @ A.T` is right, and A is a turn. What happens?
[ ] An error, as the shapes do not fit
    (N, 3) times (3, 3) fits, with or without the transpose.
[ ] Nothing: a turn is its own transpose
    Its transpose is its inverse. Only turns by 0 or 180 degrees are their own inverse.
[x] The points turn the other way
    The transpose of a turn is the turn back, and nothing warns you.

The derivative of the loss by x is -2. What does a step of gradient descent do?
[x] It makes x larger
    The loss falls as x grows. A step goes against the gradient, and minus times minus is plus.
[ ] It makes x smaller
    That way the loss grows.
[ ] It leaves x alone, as the derivative must not be negative
    A derivative may have either sign; only where it is 0 a step does nothing.

A fit has ended: more steps do not lower the loss, and it is not zero. What can be the reason?
[ ] The rate was too small
    Then more steps would still lower it, only slowly.
[ ] The gradient was wrong
    It was 0 where the fit ended, as it has to be.
[x] The model cannot represent the face any better
    No choice of its numbers gives that face. A better model has numbers for what was left over.
""")
