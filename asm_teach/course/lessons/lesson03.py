"""Exercises and quiz of lesson 3, dynamic bone binding."""

from __future__ import annotations

import torch
from torch import Tensor

from asm_teach.course.checks.checking import Function, Right, exercise
from asm_teach.course.checks.comparing import equal, numbers, one_of
from asm_teach.course.checks.diagnoses import compare
from asm_teach.course.checks.draws import draws, varied
from asm_teach.course.checks.shapes import wrong_shape
from asm_teach.course.checks.slips import result_of, rows_not_one
from asm_teach.course.checks.topics.binding import branches, coordinates, edges_of, seats, wrong_pivots
from asm_teach.course.quizzes import questions


@exercise(
    "Replace one corner by the point, keep the other two, and compare the areas.",
    "Twice the signed area of (a, b, c) is (b - a)_u (c - a)_v - (b - a)_v (c - a)_u. beta_0 = area(point, b, c) / "
    "area(a, b, c), and so on; keep the order of the corners.",
    "Write a helper `area(a, b, c)` whose arguments may be (N, 2) or (2,). The first part is `area(points, b, c)`; "
    "what are the other two, and along which axis do you stack the three?",
)
def barycentric(function: Function) -> str | None:
    """Points (N, 2) and corners (3, 2) to coordinates (N, 3)."""
    corners = varied(torch.tensor([[0.1, 0.2], [0.9, 0.3], [0.3, 0.8]]))
    points = varied(torch.tensor([[0.3, 0.4], [0.5, 0.35], [0.4, 0.6], [0.85, 0.7], [0.1, 0.2]]))
    found, right = function(points, corners), coordinates(points, corners)
    if equal(found, right):
        turned = corners.flip(0)
        if equal(function(points, turned), coordinates(points, turned)):
            return None
        return (
            "right only for corners that go round anticlockwise; clockwise, both areas change sign, so the share stays"
        )
    area = right * torch.linalg.det((corners[1:] - corners[:1]).T)
    next_corner, half = right.roll(-1, 1), area / 2
    wrong = {
        "the point at [3] lies outside: its areas need their signs, so no absolute value": right.abs(),
        "the point at [3] lies outside; there a coordinate is negative, so do not clamp it": right.clamp(min=0),
        "divide the areas by that of the whole triangle": area,
        "divide the areas by that of the whole triangle (and mind the factor 1/2)": half,
        "a factor 1/2 stands in only one of the two areas": right / 2,
        "a factor 2 stands in only one of the two areas": right * 2,
        "the signs are the wrong way round: the corners go round anticlockwise, so keep their order": -right,
        "the order: beta_0 belongs to the first corner, so to the triangle of the point and the other two": next_corner,
        "the order: beta_0 belongs to the first corner, the area over the edge opposite to it": right.roll(1, 1),
        "the order of the coordinates is reversed: beta_0 belongs to the first corner": right.flip(1),
    }
    if said := one_of(found, wrong) or wrong_shape(found, right):
        return said
    near = 1 / torch.cdist(points, corners)  # infinite at a corner, where the last point lies
    by_distance = near / near.sum(1, keepdim=True)
    if (given := numbers(found)) is not None and equal(given[:-1], by_distance[:-1]):
        return "these are shares by one over the distance; each share is an area divided by that of the whole triangle"
    return rows_not_one(found) or compare(found, right)


@exercise(
    "For each place: the coordinates in all triangles, then the triangle, then the mean of its corners in space.",
    "beta (F, 3) holds the coordinates of one place in all F triangles. The triangle f is the one whose smallest "
    "coordinate is largest; psi = sum_c beta[f, c] v_{f, c}.",
    "`beta = barycentric_by_hand(place.expand(len(faces), 2), uv[faces])`, and `beta.amin(1)` is the smallest "
    "coordinate in each triangle. Which triangle do you take, and which rows of `vertices` are its corners?",
)
def bind_by_hand(function: Function) -> str | None:
    """Places (N, 2), chart (V, 2), triangles (F, 3) and vertices (V, 3) to pivots (N, 3), eq. (3)."""
    generator, n = draws(0), 5
    steps = torch.linspace(0.1, 0.9, n)
    uv = torch.cartesian_prod(steps, steps) + 0.03 * torch.rand(n * n, 2, generator=generator)
    corner = torch.cartesian_prod(torch.arange(n - 1), torch.arange(n - 1)) @ torch.tensor([n, 1])
    faces = torch.cat([corner[:, None] + torch.tensor(one) for one in ((0, n, n + 1), (0, n + 1, 1))])
    faces = faces[torch.randperm(len(faces), generator=generator)]
    vertices = torch.cat([80 * uv, 9 * torch.randn(n * n, 1, generator=generator)], 1)
    at = torch.arange(6)
    shares = 0.1 + torch.rand(6, 3, generator=generator)
    shares = shares / shares.sum(1, keepdim=True)
    places, right = ((shares[..., None] * one[faces[at]]).sum(1) for one in (uv, vertices))
    given = {"places": places, "uv": uv, "faces": faces, "vertices": vertices}
    found = result_of(function, **given)
    if isinstance(found, (list, tuple)):
        return "a list came back: make one tensor (N, 3) out of it, torch.stack(...)"
    if said := compare(found, right, wrong_pivots(places, uv, faces, vertices, shares, at)):
        return said
    if not equal(function(uv[7:9], uv, faces, vertices), vertices[7:9]):
        return "a place at a vertex of the chart should lead to that vertex: take the best triangle, do not ask for > 0"
    return None


@exercise(
    "Each triangle has two matrices of edges: in space (3, 2) and on the chart (2, 2). You need the inverse of one.",
    "D = E U^-1 with E = [v1 - v0, v2 - v0] and U = [u1 - u0, u2 - u0]; the edges are columns.",
    "`E = torch.stack([corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]], -1)` is (F, 3, 2). Build U in "
    "the same way. Which of the two do you invert, and on which side does it stand?",
)
def jacobians(function: Function) -> str | None:
    """Corners (F, 3, 3) and chart corners (F, 3, 2) to derivatives (F, 3, 2)."""
    generator = draws(0)
    corners = 10 * torch.randn(4, 3, 3, generator=generator)
    flat = torch.tensor([[0.2, 0.2], [0.8, 0.3], [0.3, 0.7]]) + 0.05 * torch.randn(4, 3, 2, generator=generator)
    E, U, inv = edges_of(corners), edges_of(flat), torch.linalg.inv
    right, not_edges, no_edges = E @ inv(U), E @ inv(flat[:, [1, 2]].mT), corners[:, [1, 2]].mT @ inv(U)
    wrong = {
        "the inverse of U is missing": E @ U,
        "U is transposed: its columns are the edges": E @ inv(U.mT),
        "a transpose is not the inverse": E @ U.mT,
        "`U ** -1` is one over each entry; the inverse of a matrix is torch.linalg.inv(U)": E @ (1 / U),
        "`v` was transposed before: corner c is `corners[:, c]`": edges_of(corners.mT) @ inv(U),
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
    "t = (p - a) . (b - a) / |b - a|^2, clamped to 0 and 1; the point is a + t (b - a).",
    "`along = b - a`; `(points - a) @ along` is (N,). What do you divide it by, and which shape must t have to "
    "multiply `along`?",
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
        "t was not clamped: beyond the ends the nearest point is the end itself, clamp(0, 1)": at(share),
        "only the end a holds t: past b the nearest point is b itself, clamp(0, 1)": at(share.clamp(min=0)),
        "only the end b holds t: before a the nearest point is a itself, clamp(0, 1)": at(share.clamp(max=1)),
        "this is t, the share; the point is a + t (b - a)": t,
        "this begins at b: t counts from a, so the point is a + t (b - a)": at(1 + t),
        "divide by the length squared, (b - a) . (b - a), not by the length": at((share * squared.sqrt()).clamp(0, 1)),
        "divide by the length squared, (b - a) . (b - a)": at((share * squared).clamp(0, 1)),
        "a was not added again: a + t (b - a)": t[:, None] * along,
        "a was not subtracted from the points before the product with b - a": (
            at((points @ along / squared).clamp(0, 1))
        ),
        "the direction is reversed: t = 0 is a and t = 1 is b": b - t[:, None] * along,
        "this is always one of the two ends; between them the nearest point is the foot of the perpendicular": (
            at((t > 0.5).float())
        ),
        "you clamped each coordinate by itself; the nearest point lies on the line from a to b": inside_box,
        "you clamped the points to 0 and 1; it is t that has to stay between 0 and 1": points.clamp(0, 1),
    }
    return compare(function(points, a, b), at(t), wrong)


@exercise(
    "First find the nearest point of each edge, for every place; then the nearest of these. Last, keep what is inside.",
    "Put the nearest points of all edges into a tensor (E, N, 2). The distances are then (E, N), and argmin over the "
    "edges tells you which of the points a place takes.",
    "`torch.stack([nearest_on_edge(places, a, b) for a, b in zip(starts, ends)])` is (E, N, 2). How do you choose one "
    "foot for each place, and what does `torch.where(inside[:, None], ...)` need?",
)
def onto_the_chart(function: Function) -> str | None:
    """Places (N, 2), inside (N,), border edges (E, 2) and (E, 2) to the places where bones are bound (N, 2)."""
    rim = varied(torch.tensor([[0.2, 0.2], [0.8, 0.15], [0.9, 0.8], [0.3, 0.85]]), 0.05)
    starts, ends = rim, rim.roll(-1, 0)
    places = varied(torch.tensor([[0.5, 0.5], [0.5, -0.1], [1.2, 0.5], [0.0, 0.0], [0.6, 1.1], [0.7, 0.6]]), 0.02)
    inside = torch.tensor([True, False, False, False, False, True])
    found = result_of(function, places=places, inside=inside, starts=starts, ends=ends)
    return compare(found, *seats(places, inside, starts, ends))


@exercise(
    "A product has two derivatives: the weights change while the places stay, and the places while the weights stay.",
    "The first part is sum_j' (S_j' v) (dw_j')^T, a (3, 2). The second is sum_j' w_j' d(S_j' v)/dpsi, a (3, 3), and "
    "the chain rule multiplies it by D.",
    '`moved.T @ dw` is the first part. `torch.einsum("j,jab->ab", w, dmoved)` is the (3, 3) of the second: on which '
    "side does D stand?",
)
def both_branches(function: Function) -> str | None:
    """w (J,), dw (J, 2), moved (J, 3), dmoved (J, 3, 3) and D (3, 2) to the derivative of a vertex by zeta (3, 2)."""
    generator, J = draws(0), 4
    w, dw = torch.rand(J, generator=generator), torch.randn(J, 2, generator=generator)
    moved, dmoved = torch.randn(J, 3, generator=generator), torch.randn(J, 3, 3, generator=generator)
    w, dw, D = w / w.sum(), dw - dw.mean(0), torch.randn(3, 2, generator=generator)
    found = result_of(function, w=w, dw=dw, moved=moved, dmoved=dmoved, D=D)
    return compare(found, *branches(w, dw, moved, dmoved, D))


@exercise(
    "The derivative takes the circle of all steps of length h to an ellipse in space. You need its half axes.",
    "The largest and smallest |D x| over all |x| = h are h times the singular values of D.",
    "`torch.linalg.svdvals(D)` gives the values for a step of length 1, the largest first. What changes for length h?",
)
def reach_of_step(function: Function) -> str | None:
    """The derivative (3, 2) and a length h to the most and the least mm."""
    D = varied(torch.tensor([[400.0, 150.0], [-100.0, 300.0], [50.0, -220.0]]))
    values, columns, squares = torch.linalg.svdvals(D), D.norm(dim=0), torch.linalg.eigvalsh(D.T @ D)
    slanting = "these are steps along u and along v only; a slanting step may go further, or less far"
    for h in (0.01, 0.003):
        wrong = {
            "the factor h is missing: these are mm for a step of length 1": values,
            "most and least are swapped: the most comes first": h * values.flip(0),
            "h counts once: singular values are lengths already, not squares": h * h * values,
            "multiply by h: a step h times as long reaches h times as far": values / h,
            "this is the root of the sum of all squares; the most and the least are singular values": (
                h * D.norm().expand(2)
            ),
            "these are the largest and the smallest entry of D; a step mixes the entries": (
                h * torch.stack([D.max(), D.min()])
            ),
            "these are lengths of rows of D, which belong to x, y and z; a step mixes its columns": (
                h * D.norm(dim=1).sort(descending=True).values[[0, 2]]
            ),
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
    Inside, no coordinate is negative.
[x] Outside, beyond the edge opposite to corner 2
    Coordinate 2 is 0 on the edge between corners 0 and 1, and negative beyond it.
[ ] Outside, beyond corner 2
    Beyond corner 2, coordinate 2 would be larger than 1.

Finite differences of psi agree with E U^-1 to 13 digits for h = 0.001; for h = 0.03 they are 16 % off: why?
[ ] Rounding: 0.03 is not exact in binary
    Rounding hurts small steps most, not large ones.
[ ] psi is curved, and a larger h sees more of the curve
    Inside a triangle psi is exactly linear: there is no curve to see.
[x] The larger step crosses an edge of the triangle
    Beyond the edge another matrix holds, and the difference mixes both.

A bone slides along the common edge of two triangles. By how much do their two derivatives differ for it?
[x] Not at all
    Both triangles contain the edge, so both move the point along it in the same way.
[ ] By about a fifth, as across the edge
    That is the jump across the edge. Along the edge the two agree.
[ ] That depends on the triangle that the search finds
    Whichever the search finds, the motion along the edge is the same.

In a fit, zeta of a bone has drifted 0.1 beyond the rim of the chart. What can bring it back?
[ ] The derivative of its pivot, which points inward
    Of the pivot's derivative only the part along the rim is left.
[x] Its weights: equation (2) still depends on all of zeta
    The Gaussians move with zeta off the chart as well, and the weights of the vertices change with them.
[ ] Nothing: it has no derivative any more
    The pivot has no derivative outward, but the weights have one.

Why does the package refuse charts whose triangles overlap?
[x] A place in the overlap would have two pivots
    f(zeta) would not be a single triangle. The weights would mix two distant parts of the skin, too.
[ ] The barycentric coordinates would not sum to 1
    They always do, in each triangle.
[ ] The derivative would be zero
    Each of the two triangles has an ordinary derivative; the trouble is that there are two.

A fit has reproduced one pose exactly, with the centres mu free and zeta fixed. Has it found the bone?
[ ] Yes: the face is reproduced exactly
    One pose does not tell you where the pivot is: see the experiment in section 6.
[x] Not for sure: the translation may make up for a wrong pivot, and the next pose will show it
    That pose alone cannot tell you. When the bone turns on, the face is off by millimetres.
[ ] No: with zeta fixed, no pose can be reproduced exactly
    Section 6 reproduced one to within a few millionths of a millimetre.
""")
