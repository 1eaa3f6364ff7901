"""Exercises and quiz of lesson 3, dynamic bone binding."""

from __future__ import annotations

import torch
from torch import Tensor

from asm_teach.course.checks.checking import Function, Right, exercise
from asm_teach.course.checks.comparing import equal, one_of
from asm_teach.course.checks.diagnoses import compare
from asm_teach.course.checks.draws import draws, varied
from asm_teach.course.checks.shapes import wrong_shape
from asm_teach.course.checks.slips import rows_not_one
from asm_teach.course.quizzes import questions


def _solve(points: Tensor, corners: Tensor) -> Tensor:
    """Barycentric coordinates (N, 3) of points (N, 2) in one triangle (3, 2)."""
    edges = (corners[1:] - corners[:1]).T
    rest = (points - corners[0]) @ torch.linalg.inv(edges).T
    return torch.cat([1 - rest.sum(1, keepdim=True), rest], 1)


@exercise(
    "Put the point in the place of one corner, keep the other two, and compare areas.",
    "Twice the signed area of (a, b, c) is (b - a)_u (c - a)_v - (b - a)_v (c - a)_u. beta_0 = area(point, b, c) / "
    "area(a, b, c), and so on; the order of the corners stays.",
    "`parts = torch.stack([area(points, b, c), area(a, points, c), area(a, b, points)], -1)`, then divide by ...",
)
def barycentric(function: Function) -> str | None:
    """Points (N, 2) and corners (3, 2) to coordinates (N, 3)."""
    corners = varied(torch.tensor([[0.1, 0.2], [0.9, 0.3], [0.3, 0.8]]))
    points = varied(torch.tensor([[0.3, 0.4], [0.5, 0.35], [0.4, 0.6], [0.85, 0.7], [0.1, 0.2]]))
    found, right = function(points, corners), _solve(points, corners)
    if equal(found, right):
        turned = corners.flip(0)
        if equal(function(points, turned), _solve(points, turned)):
            return None
        return "right for corners that go round anticlockwise only: both areas change their sign, so the share does not"
    area = right * torch.linalg.det((corners[1:] - corners[:1]).T)
    next_corner, half = right.roll(-1, 1), area / 2
    wrong = {
        "the point at [3] lies outside: its areas need their signs, so no absolute value": right.abs(),
        "the point at [3] lies outside; there a coordinate is negative, do not cut it off": right.clamp(min=0),
        "the areas are not yet divided by that of the whole triangle": area,
        "the areas are not yet divided by that of the whole triangle (and half of them is missing or too much)": half,
        "a factor 1/2 stands in only one of the two areas": right / 2,
        "a factor 2 stands in only one of the two areas": right * 2,
        "the signs are turned round: the corners go round anticlockwise, keep their order": -right,
        "the order: beta_0 belongs to the first corner, so to the triangle of the point and the other two": next_corner,
        "the order: beta_0 belongs to the first corner, the area over the edge opposite to it": right.roll(1, 1),
        "the order of the coordinates is reversed: beta_0 belongs to the first corner": right.flip(1),
    }
    return one_of(found, wrong) or wrong_shape(found, right) or rows_not_one(found) or compare(found, right)


def _edges(corners: Tensor) -> Tensor:
    return (corners[:, 1:] - corners[:, :1]).mT


@exercise(
    "Two matrices of edges for each triangle: in space (3, 2) and on the chart (2, 2). One of them is inverted.",
    "D = E U^-1 with E = [v1 - v0, v2 - v0] and U = [u1 - u0, u2 - u0]; the edges are columns.",
    "`E = torch.stack([corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]], -1)`; U in the same way from "
    "`chart_corners`; then `E @ ...`.",
)
def jacobians(function: Function) -> str | None:
    """Corners (F, 3, 3) and chart corners (F, 3, 2) to derivatives (F, 3, 2)."""
    generator = draws(0)
    corners = 10 * torch.randn(4, 3, 3, generator=generator)
    flat = torch.tensor([[0.2, 0.2], [0.8, 0.3], [0.3, 0.7]]) + 0.05 * torch.randn(4, 3, 2, generator=generator)
    E, U, inv = _edges(corners), _edges(flat), torch.linalg.inv
    right, not_edges, no_edges = E @ inv(U), E @ inv(flat[:, [1, 2]].mT), corners[:, [1, 2]].mT @ inv(U)
    wrong = {
        "the inverse of U was not taken": E @ U,
        "U is transposed: its columns are the edges": E @ inv(U.mT),
        "a transpose is not the inverse": E @ U.mT,
        "only the edges in space: how far u and v go along them is missing, U^-1": E,
        "u_0 was not subtracted: the columns of U are edges, u_1 - u_0 and u_2 - u_0": not_edges,
        "v_0 was not subtracted: the columns of E are edges, v_1 - v_0 and v_2 - v_0": no_edges,
        "the edges are subtracted the wrong way round in one of the two matrices: the sign": -right,
        "the two edges are in another order in E than in U": E.flip(-1) @ inv(U),
        "this is transposed: rows are x, y, z and columns u, v": right.mT,
    }
    return compare(function(corners, flat), right, wrong, 1e-3)


@exercise(
    "Find how far along the edge the foot of the perpendicular lies, as a share, and stay between the ends.",
    "t = (p - a) . (b - a) / |b - a|^2, cut off at 0 and 1; the point is a + t (b - a).",
    "`along = b - a`; `t = ((points - a) @ along / (along @ along)).clamp(0, 1)`, and then ...",
)
def nearest_on_edge(function: Function) -> str | None:
    """Points (N, 2), ends a (2,) and b (2,) to the nearest points of the edge (N, 2)."""
    a, b = varied((torch.tensor([0.2, 0.1]), torch.tensor([0.6, 0.4])))
    points = varied(torch.tensor([[0.3, 0.5], [0.5, 0.1], [0.9, 0.9], [-0.2, 0.1], [0.4, 0.25]]))
    along = b - a
    squared = along @ along
    share = (points - a) @ along / squared
    t = share.clamp(0, 1)

    def at(t: Tensor) -> Tensor:
        return a + t[:, None] * along

    inside_box = torch.maximum(torch.minimum(points, torch.maximum(a, b)), torch.minimum(a, b))
    wrong = {
        "t was not cut off: beyond the ends the nearest point is the end itself, clamp(0, 1)": at(share),
        "this is t, the share; the point is a + t (b - a)": t,
        "divide by the length squared, (b - a) . (b - a), not by the length": at((share * squared.sqrt()).clamp(0, 1)),
        "divide by the length squared, (b - a) . (b - a)": at((share * squared).clamp(0, 1)),
        "a was not added again: a + t (b - a)": t[:, None] * along,
        "a was not subtracted from the points before the product with b - a": (
            at((points @ along / squared).clamp(0, 1))
        ),
        "the direction is turned round: t = 0 is a and t = 1 is b": b - t[:, None] * along,
        "this is always one of the two ends; between them the nearest point is the foot of the perpendicular": (
            at((t > 0.5).float())
        ),
        "each coordinate was cut off by itself; the nearest point lies on the line from a to b": inside_box,
        "the points were cut off at 0 and 1 themselves; it is t that has to stay between 0 and 1": points.clamp(0, 1),
    }
    return compare(function(points, a, b), at(t), wrong)


@exercise(
    "The derivative takes the circle of all steps of length h to an ellipse in space. Its half axes are asked for.",
    "The largest and smallest |D x| over all |x| = h are h times the singular values of D.",
    "`most, least = torch.linalg.svdvals(D)`; both still need a factor.",
)
def reach_of_step(function: Function) -> str | None:
    """The derivative (3, 2) and a length h to the most and the least mm."""
    D = varied(torch.tensor([[400.0, 150.0], [-100.0, 300.0], [50.0, -220.0]]))
    values, columns, squares = torch.linalg.svdvals(D), D.norm(dim=0), torch.linalg.eigvalsh(D.T @ D)
    slanting = "these are steps along u and along v only; a slanting one may go further or less far"
    for h in (0.01, 0.003):
        wrong = {
            "the factor h is missing: these are mm for a step of length 1": values,
            "most and least are exchanged: the most comes first": h * values.flip(0),
            slanting: h * columns,
            f"{slanting}, the most first": h * columns.sort(descending=True).values,
            "these are squares, the eigenvalues of D^T D: take the root": h * squares.flip(0),
            "these are squares, the eigenvalues of D^T D: take the root, and then times h": h * h * squares.flip(0),
            "these are squares, the eigenvalues of D^T D, in ascending order: take the root": h * squares,
        }
        if said := compare(function(D, h), h * values, wrong):
            return said
    most, least = (0.01 * values).tolist()
    return Right(f"a step of 0.01 on such a triangle moves the pivot by {most:.1f} to {least:.1f} mm")


QUIZ = questions("""
A place has the barycentric coordinates (0.5, 0.7, -0.2). Where does it lie?
[ ] Inside the triangle
    There no coordinate is negative.
[x] Outside, beyond the edge opposite to corner 2
    Right: coordinate 2 is 0 on the edge between corners 0 and 1, and negative beyond it.
[ ] Outside, beyond corner 2
    There coordinate 2 would be larger than 1.

Finite differences of psi agree with E U^-1 to 13 digits for h = 0.001; for h = 0.03 they are 16 % off: why?
[ ] Rounding: 0.03 is not exact in binary
    Rounding hurts small steps most, not large ones.
[ ] psi is curved, and a larger h sees more of the curve
    Inside a triangle psi is exactly linear: there is no curve to see.
[x] The larger step crosses an edge of the triangle
    Right: beyond the edge another matrix holds, and the difference mixes both.

A bone slides along the common edge of two triangles. By how much do their two derivatives differ for it?
[x] Not at all
    Right: both triangles contain the edge, so both move the point along it in the same way.
[ ] By about a fifth, as across the edge
    That is across. Along the edge the two agree.
[ ] That depends on the triangle that the search finds
    Whichever is found, the motion along the edge is the same.

In a fit, zeta of a bone has drifted 0.1 beyond the rim of the chart. What can bring it back?
[ ] The derivative of its pivot, which points inward
    Of the pivot's derivative only the part along the rim is left.
[x] Its weights: equation (2) still depends on all of zeta
    Right: the Gaussians move with zeta off the chart as well, and the vertices feel it.
[ ] Nothing: it has no derivative any more
    The pivot has none outward, the weights have.

Why does binding forbid charts whose triangles overlap?
[x] A place in the overlap would have two pivots
    Right: f(zeta) would not be one triangle. Weights would mix two distant parts of the skin, too.
[ ] The barycentric coordinates would not sum to 1
    In each triangle they always do.
[ ] The derivative would be zero
    Each of the two triangles has an ordinary derivative; the trouble is that there are two.

A fit has met one pose exactly with the centres mu free and zeta held. Is the bone found?
[ ] Yes: the face is met exactly
    One pose does not show where the pivot is: see the experiment of section 6.
[x] Not for sure: the translation may make up for a wrong pivot, and the next pose will show it
    Right: in that pose nothing can tell. When the bone turns on, the face is off by millimetres.
[ ] No: with zeta held no pose can be met exactly
    Section 6 met it to a millionth of a millimetre.
""")
