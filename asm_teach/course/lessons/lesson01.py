"""Exercises and quiz of lesson 1, linear blend skinning."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from asm_teach.course.checks.checking import Function, Right, exercise
from asm_teach.course.checks.comparing import differs, equal, not_numbers, numbers, one_of
from asm_teach.course.checks.diagnoses import compare
from asm_teach.course.checks.draws import draws, varied
from asm_teach.course.checks.rotations import not_a_rotation, wrong_rotations
from asm_teach.course.checks.shapes import wrong_shape
from asm_teach.course.checks.slips import degrees_for_radians, gradient_cut, pivot_ignored, result_of
from asm_teach.course.quizzes import questions
from asm_teach.model.transforms import rotation_matrix


def _affine(rotvec: Tensor, shift: Tensor) -> Tensor:
    matrix = torch.eye(4)
    matrix[:3, :3], matrix[:3, 3] = rotation_matrix(varied(rotvec)), varied(shift)
    return matrix


@exercise(
    "Bring the pivot to the origin, turn, and bring it back.",
    "x' = p + A (x - p); for points kept as rows, A x is `points @ A.T`.",
    "`centred = points - pivot`, then turn the rows of `centred`, then ...",
)
def turn_about(function: Function) -> str | None:
    """Points (N, 3), R (3, 3), pivot (3,) to points (N, 3)."""
    points = 30 * torch.randn(5, 3, generator=draws(0))
    pivot, R = varied(torch.tensor([40.0, -10.0, 5.0])), rotation_matrix(varied(torch.tensor([0.4, -0.7, 0.9])))
    found, right = result_of(function, points=points, R=R, pivot=pivot), pivot + (points - pivot) @ R.T
    if equal(found, right):
        return None
    wrong = {
        "the signs of the pivot are exchanged: subtract it first, add it at the end": (points + pivot) @ R.T - pivot,
        "it turns the other way round: points are rows here, so A x is `points @ R.T`": pivot + (points - pivot) @ R,
        "it turns the other way round, and the pivot was not subtracted: x' = p + A (x - p), A x is `points @ R.T`": (
            points @ R
        ),
        "it turns the other way round, and the pivot was not subtracted before": points @ R + pivot,
        "at the end the pivot is added, not subtracted": (points - pivot) @ R.T - pivot,
        "the turned part is added to the pivot, not subtracted from it": pivot - (points - pivot) @ R.T,
        "the points come back as they were: nothing is turned yet": points,
    }
    if said := pivot_ignored(found, R, points, pivot) or one_of(found, wrong) or wrong_shape(found, right):
        return said
    return f"a point that sits on the pivot should stay there, yours does not; and {differs(found, right)}"


@exercise(
    "Everything in the lesson's `rodrigues` works for many vectors if you say along which dimension: the last.",
    "R = I + sin(t)/t [r]x + (1 - cos t)/t^2 [r]x^2, with t = `r.norm(dim=-1)`; give t two more dimensions at the "
    "end, so that it multiplies matrices.",
    "`x, y, z = r.unbind(-1)`; `K = torch.stack([o, -z, y, z, o, -x, -y, x, o], -1).unflatten(-1, (3, 3))` with `o = "
    "torch.zeros_like(x)`; `theta = r.norm(dim=-1)[..., None, None]`.",
)
def rodrigues(function: Function) -> str | None:
    """Rotation vectors (..., 3) to matrices (..., 3, 3)."""
    r = torch.randn(4, 2, 3, generator=draws(1))
    found, right = function(r), rotation_matrix(r)
    if not equal(found, right):
        said = not_numbers(found) or wrong_shape(found, right) or degrees_for_radians(found, rotation_matrix, r)
        return said or one_of(found, wrong_rotations(r)) or not_a_rotation(found)
    if shape := wrong_shape(function(r[0, 0]), right[0, 0]):
        return f"for a single vector (3,): {shape}"
    zero = torch.zeros(2, 3, requires_grad=True)
    at_rest = function(zero)
    if at_rest.isnan().any():
        return "for r = 0 it gives nan: the axis r / |r| is 0 / 0 there; use fractions that have a value at 0 (sinc)"
    if not equal(at_rest, torch.eye(3).expand(2, 3, 3)):
        return "for r = 0 it should give the identity, and does not"
    if cut := gradient_cut(at_rest):
        return cut
    at_rest[0, 1, 0].backward()  # sin t for a turn about z: its derivative at rest is 1
    if zero.grad is None or zero.grad.isnan().any():
        return (
            "its value at r = 0 is right, its derivative there is nan: a branch by torch.where is differentiated on "
            "both sides; compute sin(t)/t without dividing by 0 (torch.sinc)"
        )
    if not equal(zero.grad[0], [0.0, 0.0, 1.0], 1e-3):
        return f"its derivative at r = 0 is wrong: dR[1,0]/dr should be (0, 0, 1), yours is {zero.grad[0].tolist()}"
    return None


@exercise(
    "Where would the child be if it did nothing of its own? Then take that back.",
    "With F = G_p (B_p^-1 B) the equation is G_wanted = F T. Solve it for T; F stands on the left.",
    "`carried = G_parent @ torch.linalg.inv(B_parent) @ B`, and T is the inverse of `carried` times ...",
)
def hold_still(function: Function) -> str | None:
    """G_parent, B_parent, B, G_wanted, each (4, 4), to T (4, 4)."""
    B_parent = _affine(torch.tensor([0.1, 0.2, 0.0]), torch.tensor([0.0, 10.0, -20.0]))
    B = _affine(torch.tensor([0.0, -0.3, 0.2]), torch.tensor([30.0, 20.0, 60.0]))
    G_parent = _affine(torch.tensor([0.5, 0.9, -0.4]), torch.tensor([5.0, 0.0, -12.0]))
    wanted = _affine(torch.tensor([0.0, 1.0, 0.0]), torch.tensor([33.0, 21.0, 60.0]))
    inv = torch.linalg.inv
    back, turned = inv(B_parent) @ B, inv(G_parent @ B @ inv(B_parent)) @ wanted
    carried = G_parent @ back
    found, right = function(G_parent, B_parent, B, wanted), inv(carried) @ wanted
    if equal(found, right, 1e-3):
        return None
    alike = inv(carried) @ B
    wrong = {
        "the inverse is missing: T takes back what the parent does": carried @ wanted,
        "the order of the product: in G = F T the F stands left of T, so its inverse does too": wanted @ inv(carried),
        "B_parent^-1 B is missing: where the child sits in its parent's coordinates": inv(G_parent) @ wanted,
        "B_parent was not inverted": inv(G_parent @ B_parent @ B) @ wanted,
        "the product is turned round: B_parent^-1 B, first from the bone to the world, then to the parent": turned,
        "the inverses stand in the wrong order: with F = G_parent B_parent^-1 B it is F^-1 that takes G_wanted to T": (
            back @ inv(G_parent) @ wanted
        ),
        "an inverse of a product reverses the order, (M N)^-1 = N^-1 M^-1": inv(G_parent) @ inv(back) @ wanted,
        "a transpose is the inverse of a rotation only, not of a matrix that also shifts": carried.T @ wanted,
        "this is the identity: then the child goes along with its parent": torch.eye(4),
        "right only for a child that is to stay as it was at rest: G_wanted is an argument of its own": alike,
    }
    if said := not_numbers(found) or wrong_shape(found, right) or one_of(found, wrong, 1e-3):
        return said
    gap = float((carried @ found - wanted)[:3, 3].norm())
    return (
        f"with your T the child's joint ends {gap:.1f} mm from where it should be: put T into G_parent B_parent^-1 B T "
        "and compare with G_wanted"
    )


@exercise(
    "Look along the tube's axis: a point of the circle is (1, 0), and bone 1 takes it to (cos a, sin a).",
    "The blended point is (1 - w) (1, 0) + w (cos a, sin a). The factor is its length.",
    "`across = 1 - w + w * torch.cos(angle)`, `aside = w * torch.sin(angle)`, and by Pythagoras ...",
)
def waist(function: Function) -> str | None:
    """Angle (N,) in radians and share w (N,) to the factor of the radius (N,)."""
    angle = varied(torch.tensor([0.0, 0.7, 1.6, 2.9, math.pi, 4.0]))
    w = varied(torch.tensor([0.5, 0.3, 0.8, 0.5, 0.25, 0.6]))

    def factor(angle: Tensor, twice: int = 2) -> Tensor:
        return (1 - twice * w * (1 - w) * (1 - angle.cos())).clamp(min=0).sqrt()

    found, right = function(angle, w), factor(angle)
    if equal(found, right):
        return Right("its square is 1 - 2 w (1 - w) (1 - cos a)")
    across = 1 - w + w * angle.cos()
    wrong = {
        "this is the factor in the middle, w = 1/2; it should follow w": (angle / 2).cos().abs(),
        "this is the factor in the middle, w = 1/2, and it may be negative": (angle / 2).cos(),
        "the sine is missing: the blended point has moved aside as well": across,
        "the sine is missing: the blended point has moved aside too (and taking the size does not help)": across.abs(),
        "this is a bone that turns by w times the angle, and the radius stays; here two points are blended": w * 0 + 1,
        "the angle was shared out; it is two points that are, (1 - w) (1, 0) + w (cos a, sin a)": (w * angle).cos(),
        "the angle was shared out; it is two points that are: start from the lesson's ½ and put w there": (
            (w * angle / 2).cos().abs()
        ),
        "a factor of 2 is missing: the mixed term of the square counts twice": factor(angle, 1),
    }
    if said := degrees_for_radians(found, factor, angle) or one_of(found, wrong) or wrong_shape(found, right):
        return said
    given = numbers(found)
    at = int((given - right).abs().nan_to_num(math.inf).argmax()) if given is not None else 0
    return f"{compare(found, right)}; there the angle is {angle[at]:.2f} and w is {w[at]:.2f}"


QUIZ = questions("""
All bones are at rest. The weights of one vertex are 0.6 and 0.6. Where is the vertex after skinning?
[ ] Where it was
    Only if its weights summed to 1. Each bone leaves it where it is, and 0.6 v + 0.6 v = 1.2 v.
[x] At 1.2 times its coordinates
    Right: 0.6 v + 0.6 v = 1.2 v, pushed away from the origin of the coordinates. Divide by the sum.
[ ] It cannot be computed
    It can, without any warning. That is why weights from outside are checked once, before they are used.

Why does the skinning matrix hold the inverse of the bind matrix?
[ ] To undo the motion of the parent
    The parent's motion is not undone, it is passed on. The bind matrix knows nothing of any motion.
[x] Because vertices are given in world coordinates, and the bone's present matrix expects the bone's own
    Right: it takes the rest vertex into the bone's coordinates. Then G takes it to where the bone is now.
[ ] To make the blend a rotation
    A blend of rotations is none, with or without it; that is the candy wrapper.

A bone has T = [R diag(s) | t] with s = (2, 1, 1). Along which direction does the face stretch?
[ ] Along the world's x axis
    That would be diag(s) R, scaling after the turn, and would shear.
[ ] Along the axis that R turns about
    Only if that happens to be x. The axis of the turn has nothing to do with the scale.
[x] Along the bone's x axis, turned by R
    Right: read the product from the right, scale first. In the world the stretch points along R e_x.

A bone without a parent turns about its own joint. Which point of the world does not move with it?
[ ] The origin of the world
    The origin moves, unless the joint lies there: S = [A | p - A p] takes 0 to p - A p.
[x] The joint
    Right: S p = A p + p - A p = p. In fact the whole line through the joint along the axis stays.
[ ] None
    A turn leaves its axis where it is, and the axis runs through the joint.

In a rig a bone's index is lower than its parent's. What is to be done?
[ ] Nothing: the sum over bones has no order
    The blend has no order, but S_j = S_p (...) needs the parent's matrix before the child's.
[x] Compute the parents' matrices first, whatever the order of the list
    Right: level by level from the roots, as `rig.levels` lists them.
[ ] Use the parent's bind matrix until its G is there
    That would leave out the parent's motion.

A tube is twisted by 60 degrees between two bones. How much of its radius is left in the middle of the blend?
[ ] All of it
    A mean of two different rotations always shortens what lies across the axis.
[x] About 87 %
    Right: cos(60° / 2) = 0.866.
[ ] Half of it
    cos(60°) is a half; the formula takes half of the angle.
[ ] A third of it
    A third is what is left of the volume of the blended part at 180°.
""")
