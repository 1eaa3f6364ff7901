"""Exercises and quiz of lesson 1, linear blend skinning."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from asm_teach.course.checks.checking import Function, Right, exercise
from asm_teach.course.checks.comparing import differs, equal, not_finite, not_numbers, numbers, one_of
from asm_teach.course.checks.diagnoses import compare
from asm_teach.course.checks.draws import draws, varied
from asm_teach.course.checks.shapes import wrong_shape
from asm_teach.course.checks.slips import degrees_for_radians, gradient_cut, pivot_ignored, result_of
from asm_teach.course.checks.topics.rotations import not_a_rotation, wrong_rotations
from asm_teach.course.checks.topics.skinning import (
    TREE_SLIPS,
    affine,
    inv,
    matrices_down,
    random_tree,
    shuffled_rows,
    waist_factor,
    wrong_motions,
    wrong_order_of_bones,
    wrong_skins,
    wrong_still,
    wrong_waists,
)
from asm_teach.course.quizzes import questions
from asm_teach.model.transforms import rotation_matrix


def _affine(rotvec: Tensor, shift: Tensor) -> Tensor:
    return affine(rotation_matrix(varied(rotvec)), varied(shift))


@exercise(
    "Move the pivot to the origin, turn, and move it back.",
    "x' = p + A (x - p). For points stored as rows, A x is `points @ A.T`.",
    "`centred = points - pivot`, then turn the rows of `centred`. What is still missing after that?",
)
def turn_about(function: Function) -> str | None:
    """Points (N, 3), R (3, 3), pivot (3,) to points (N, 3)."""
    points = 30 * torch.randn(5, 3, generator=draws(0))
    pivot, R = varied(torch.tensor([40.0, -10.0, 5.0])), rotation_matrix(varied(torch.tensor([0.4, -0.7, 0.9])))
    found, right = result_of(function, points=points, R=R, pivot=pivot), pivot + (points - pivot) @ R.T
    if equal(found, right):
        return None
    wrong = {
        "the signs of the pivot are swapped: subtract it first, add it at the end": (points + pivot) @ R.T - pivot,
        "it turns the other way round: points are rows here, so A x is `points @ R.T`": pivot + (points - pivot) @ R,
        "it turns the other way round, and the pivot was not subtracted: x' = p + A (x - p), A x is `points @ R.T`": (
            points @ R
        ),
        "it turns the other way round, and the pivot was not subtracted before": points @ R + pivot,
        "at the end add the pivot, do not subtract it": (points - pivot) @ R.T - pivot,
        "add the turned part to the pivot, do not subtract it": pivot - (points - pivot) @ R.T,
        "the points come back unchanged: nothing has turned yet": points,
    }
    if said := pivot_ignored(found, R, points, pivot) or one_of(found, wrong) or wrong_shape(found, right):
        return said
    return f"a point at the pivot should stay there, and yours moves; {differs(found, right)}"


@exercise(
    "Each step of the lesson's `rodrigues` works for many vectors if you name the dimension: the last one.",
    "R = I + sin(t)/t [r]x + (1 - cos t)/t^2 [r]x^2, with t = `r.norm(dim=-1)`; give t two more dimensions at the "
    "end, so that it multiplies matrices.",
    "`x, y, z = r.unbind(-1)` and `o = torch.zeros_like(x)` give the nine entries of [r]x; stack them along the last "
    "dimension and shape them with `.unflatten(-1, (3, 3))`. Which shape must theta have, so that it multiplies a "
    "(..., 3, 3)?",
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
        return "for r = 0 it gives nan, because the axis r / |r| is 0 / 0; use fractions that have a value at 0 (sinc)"
    if not equal(at_rest, torch.eye(3).expand(2, 3, 3)):
        return "for r = 0 it should give the identity, and it does not"
    if cut := gradient_cut(at_rest):
        return cut
    at_rest[0, 1, 0].backward()  # sin t for a turn about z: its derivative at rest is 1
    if zero.grad is None or zero.grad.isnan().any():
        return (
            "its value at r = 0 is right, but its derivative there is nan: autograd differentiates both branches of "
            "torch.where; compute sin(t)/t without dividing by 0 (torch.sinc)"
        )
    if not equal(zero.grad[0], [0.0, 0.0, 1.0], 1e-3):
        return f"its derivative at r = 0 is wrong: dR[1,0]/dr should be (0, 0, 1), yours is {zero.grad[0].tolist()}"
    return None


@exercise(
    "Three matrices in a row, and the one that acts first stands on the right.",
    "T = [R diag(s) | t]: R from the rotation vector, `torch.diag(s)` for the scales, and t as the last column.",
    "`affine(A, t)` builds the matrix. Its A is a product of `rodrigues(r)` and `torch.diag(s)`: which of them comes "
    "first?",
)
def nine_numbers(function: Function) -> str | None:
    """Translation, rotation vector and scales, (3,) each, to T (4, 4)."""
    t, r, s = varied((torch.tensor([4.0, -2.0, 7.0]), torch.tensor([0.3, -0.5, 0.8]), torch.tensor([1.3, 0.8, 1.1])))

    def motion(r: Tensor) -> Tensor:
        return affine(rotation_matrix(r) @ torch.diag(s), t)

    found = result_of(function, t=t, r=r, s=s)
    if equal(found, motion(r)):
        return None
    return degrees_for_radians(found, motion, r) or compare(found, motion(r), wrong_motions(t, r, s))


@exercise(
    "The roots have no parent, so they can come first. Which bones are ready after them?",
    "A bone is ready as soon as its parent stands in the order. Begin with the roots, and append the bones whose "
    "parents are there already, until none is left.",
    "`order = [j for j, parent in enumerate(parents) if parent < 0]` holds the roots. A `for` loop over `order` goes "
    "on while the list grows: what do you append for each bone of it?",
)
def parents_first(function: Function) -> str | None:
    """Parents (a list of J indices, -1 for a root) to an order of all bones."""
    for usual, bones in ((0, 6), (1, 9)):
        parents = random_tree(draws(usual), bones)
        given = list(parents)
        found = function(given)
        if given != parents:
            return "your function changes its argument parents: copy the list first, `list(parents)`"
        if said := wrong_order_of_bones(found, parents):
            return f"for parents = {parents}: {said}"
    return None


@exercise(
    "Go through the bones in the order of `parents_first`. When you come to a bone, the matrix of its parent is there.",
    "S_j = S_p (B_j T_j B_j^-1); for a root S_j = B_j T_j B_j^-1. Keep the result for bone j at place j.",
    "`S = [None] * len(parents)`, then in the loop `own = B[j] @ T[j] @ torch.linalg.inv(B[j])`. If the bone has a "
    "parent, on which side of `own` does `S[parents[j]]` stand?",
)
def down_the_tree(function: Function) -> str | None:
    """B and T (J, 4, 4) and the parents to S (J, 4, 4)."""
    generator = draws(0)
    parents = random_tree(generator)
    places, steps, turns = torch.randn(3, len(parents), 3, generator=generator)
    scales = 1 + 0.2 * torch.rand(len(parents), 3, generator=generator)
    B = torch.stack([affine(rotation_matrix(0.3 * one), 20 * place) for one, place in zip(turns, places, strict=True)])
    A = rotation_matrix(turns.flip(0)) * scales[:, None]
    T = torch.stack([affine(linear, 3 * step) for linear, step in zip(A, steps, strict=True)])
    found = result_of(lambda B, T: function(B, T, list(parents)), B=B, T=T)
    right = matrices_down(B, T, parents)
    if isinstance(found, (list, tuple)):
        return "a list came back: make one tensor (J, 4, 4) out of it, torch.stack(S)"
    if equal(found, right):
        return None
    if shuffled_rows(found, right):
        return "the matrices are right, but not in the order of the list: the one of bone j belongs at place j"
    wrong = {words: matrices_down(B, T, parents, slip) for slip, words in TREE_SLIPS.items()}
    wrong["the matrices are transposed: rows and columns are exchanged"] = right.mT
    wrong["each bone moves as if it were alone, and the matrices are transposed"] = (B @ T @ inv(B)).mT
    return compare(found, right, wrong)


@exercise(
    "What does one bone alone do to all vertices? That is one line; then add up over the bones.",
    "v'_i = sum_j w_ij S_j (v_i, 1). For vertices that are rows, S_j v is `v @ S[j].T`, where v has a column of ones.",
    "`v = torch.cat([vertices, torch.ones(len(vertices), 1)], 1)`; in a loop over j, `weights[:, j, None]` is the "
    "column of bone j, ready to multiply a (V, 4). What do you return of the sum?",
)
def skin_by_hand(function: Function) -> str | None:
    """Vertices (V, 3), weights (V, J) and S (J, 4, 4) to the moved vertices (V, 3), eq. (1)."""
    generator = draws(0)
    for count, bones in ((4, 4), (6, 3)):  # as many vertices as bones: a wrong axis gives numbers that can be told
        vertices, turns = 20 * torch.randn(count, 3, generator=generator), torch.randn(bones, 3, generator=generator)
        weights = (0.2 + torch.rand(count, bones, generator=generator)).square()
        weights = weights / weights.sum(1, keepdim=True)
        shifts = 5 * torch.randn(bones, 3, generator=generator)
        S = torch.stack([affine(rotation_matrix(r), t) for r, t in zip(turns, shifts, strict=True)])
        found = result_of(function, vertices=vertices, weights=weights, S=S)
        ones = torch.ones(count, 1)
        right = torch.einsum("ij,jab,ib->ia", weights, S, torch.cat([vertices, ones], 1))[:, :3]
        if said := compare(found, right, wrong_skins(vertices, weights, S) if count == bones else None):
            return said if count == bones else f"it works for {bones + 1} bones and {bones + 1} vertices only: {said}"
    return None


@exercise(
    "Look along the tube's axis: a point of the circle is (1, 0), and bone 1 takes it to (cos a, sin a).",
    "The blended point is (1 - w) (1, 0) + w (cos a, sin a). The factor is its length.",
    "`across = 1 - w + w * torch.cos(angle)` is its first coordinate. What is the second, and how long is the arrow?",
)
def waist(function: Function) -> str | None:
    """Angle (N,) in radians and share w (N,) to the factor of the radius (N,)."""
    angle = varied(torch.tensor([0.0, 0.7, 1.6, 2.9, math.pi, 4.0]))
    w = varied(torch.tensor([0.5, 0.3, 0.8, 0.5, 0.25, 0.6]))

    def factor(angle: Tensor) -> Tensor:
        return waist_factor(angle, w)

    found, right = function(angle, w), factor(angle)
    if equal(found, right):
        return Right("its square is 1 - 2 w (1 - w) (1 - cos a)")
    if (
        said := degrees_for_radians(found, factor, angle)
        or one_of(found, wrong_waists(angle, w))
        or wrong_shape(found, right)
    ):
        return said
    given = numbers(found)
    at = int((given - right).abs().nan_to_num(math.inf).argmax()) if given is not None else 0
    return f"{compare(found, right)}; there the angle is {angle[at]:.2f} and w is {w[at]:.2f}"


@exercise(
    "Where would the child be if it had no motion of its own? Undo that first.",
    "With F = G_p (B_p^-1 B) the equation is G_wanted = F T. Solve it for T, and mind that F stands on the left.",
    "`carried = G_parent @ torch.linalg.inv(B_parent) @ B` is F. On which side of `G_wanted` does its inverse stand?",
)
def hold_still(function: Function) -> str | None:
    """G_parent, B_parent, B, G_wanted, each (4, 4), to T (4, 4)."""
    B_parent = _affine(torch.tensor([0.1, 0.2, 0.0]), torch.tensor([0.0, 10.0, -20.0]))
    B = _affine(torch.tensor([0.0, -0.3, 0.2]), torch.tensor([30.0, 20.0, 60.0]))
    G_parent = _affine(torch.tensor([0.5, 0.9, -0.4]), torch.tensor([5.0, 0.0, -12.0]))
    wanted = _affine(torch.tensor([0.0, 1.0, 0.0]), torch.tensor([33.0, 21.0, 60.0]))
    carried, wrong = G_parent @ inv(B_parent) @ B, wrong_still(G_parent, B_parent, B, wanted)
    found, right = function(G_parent, B_parent, B, wanted), inv(carried) @ wanted
    if equal(found, right, 1e-3):
        return None
    if said := not_numbers(found) or wrong_shape(found, right) or one_of(found, wrong, 1e-3):
        return said
    if not_finite(found):  # the inputs have inverses, so only one over an entry that is 0 gives that
        return (
            "`M ** -1` is one over each entry, and some of them are 0; the inverse of a matrix is torch.linalg.inv(M)"
        )
    gap = float((carried @ found - wanted)[:3, 3].norm())
    return (
        f"with your T the child's joint ends up {gap:.1f} mm from where it should be: compute G_parent B_parent^-1 B T "
        "and compare it with G_wanted"
    )


QUIZ = questions("""
All bones are at rest. The weights of one vertex are 0.6 and 0.6. Where is the vertex after skinning?
[ ] Where it was
    Only if its weights summed to 1. Each bone leaves it where it is, and 0.6 v + 0.6 v = 1.2 v.
[x] At 1.2 times its coordinates
    0.6 v + 0.6 v = 1.2 v, so the vertex is pushed away from the origin of the coordinates. Divide by the sum.
[ ] It cannot be computed
    It can, and nothing warns you. That is why the package checks weights once, before it uses them.

Why does the skinning matrix contain the inverse of the bind matrix?
[ ] To undo the motion of the parent
    The parent's motion is passed on, not undone. The bind matrix does not depend on any motion.
[x] Because vertices are given in world coordinates, and the bone's present matrix expects the bone's own
    It takes the rest vertex into the bone's coordinates. Then G takes it to where the bone is now.
[ ] To make the blend a rotation
    A blend of rotations is not a rotation, with or without the inverse; that is the candy wrapper.

A bone has T = [R diag(s) | t] with s = (2, 1, 1). Along which direction does the face stretch?
[ ] Along the world's x axis
    That would be diag(s) R, which scales after the turn and shears.
[ ] Along the axis that R turns about
    Only if that happens to be x. The scale does not depend on the axis of the turn.
[x] Along the bone's x axis, turned by R
    Read the product from the right: scale first. In the world the stretch points along R e_x.

A bone without a parent turns about its own joint. Which point of the world does not move with it?
[ ] The origin of the world
    The origin moves, unless the joint lies there: S = [A | p - A p] takes 0 to p - A p.
[x] The joint
    S p = A p + p - A p = p. In fact the whole line through the joint along the axis stays.
[ ] None
    A turn leaves its axis in place, and the axis runs through the joint.

In a rig, a bone's index is lower than its parent's. What should you do?
[ ] Nothing: the sum over bones has no order
    The blend has no order, but S_j = S_p (...) needs the parent's matrix before the child's.
[x] Compute the parents' matrices first, whatever the order of the list
    Go level by level from the roots, as `rig.levels` lists them.
[ ] Use the parent's bind matrix until its G is there
    That would leave out the parent's motion.

A tube is twisted by 60 degrees between two bones. How much of its radius is left in the middle of the blend?
[ ] All of it
    A mean of two different rotations always shortens what lies across the axis.
[x] About 87 %
    cos(60° / 2) = 0.866.
[ ] Half of it
    cos(60°) is a half; the formula takes half of the angle.
[ ] A third of it
    A third of the volume is left in the blended part, at 180°.
""")
