"""Natural wrong answers to the exercises of lessons 0 to 3, and a part of the words that each should get."""

from __future__ import annotations

import math

import torch

inv = torch.linalg.inv
cholesky = torch.linalg.cholesky


def cross(r):
    x, y, z = r.unbind(-1)
    o = torch.zeros_like(x)
    return torch.stack([o, -z, y, z, o, -x, -y, x, o], -1).unflatten(-1, (3, 3))


def one_turn(r):
    theta = r.norm()
    x, y, z = r
    K = torch.tensor([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return torch.eye(3) + theta.sin() / theta * K + (1 - theta.cos()) / theta**2 * K @ K


def by_series(r):
    return torch.linalg.matrix_exp(cross(r))


def bone(linear, shift):
    return torch.cat([torch.cat([linear, shift[:, None]], 1), torch.tensor([[0.0, 0.0, 0.0, 1.0]])])


def turn(angle):
    return torch.tensor([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])


def logs(L):
    return L[0, 0].log(), L[1, 0], L[1, 1].log()


def forgotten(g):
    total = g.sum(1, keepdim=True)
    shares = g / total  # noqa: F841


def no_keepdim(theta_of):
    def rotations(r):
        theta = theta_of(r)
        K = cross(r) / theta
        return torch.eye(3) + theta.sin() * K + (1 - theta.cos()) * K @ K

    return rotations


def edges(corners):
    return torch.stack([corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]], -1)


def edge_rows(corners):
    return torch.stack([corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]], 1)


def area(a, b, c):
    p, q = b - a, c - a
    return p[..., 0] * q[..., 1] - p[..., 1] * q[..., 0]


def parts(points, corners):
    a, b, c = corners
    return [area(points, b, c), area(a, points, c), area(a, b, points)]


def share(points, a, b):
    return (points - a) @ (b - a) / ((b - a) @ (b - a))


def first_row(g):
    for row in g:
        return row / row.sum()


def by_distance(points, corners):
    near = 1 / (points[:, None] - corners).norm(dim=2)
    return near / near.sum(1, keepdim=True)


def columns_as_corners(points, corners):
    a, b, c = corners.T
    return torch.stack([area(points, b, c), area(a, points, c), area(a, b, points)], -1) / area(a, b, c)


def max_pair(z):
    c = z.max(1)
    return c + (z - c[:, None]).exp().sum(1).log()


def keep_the_axis(z):
    c = z.amax(1, keepdim=True)
    return c + (z - c).exp().sum(1).log()


def mean_out(z):
    c = z.mean(1)
    return c + (z - c[:, None]).exp().sum(1).log()


def undone(Gp, Bp, B, wanted):
    return inv(Gp) @ Bp @ inv(B) @ wanted


def two_points(points, R, pivot):
    for p in points:
        turned = R @ (p - pivot) + pivot
    return turned


WRONG = [
    ("smaller_nose", [1.25, 1.25, 1.25], "that is 25 % larger: 0.8 itself is the factor, not one over"),
    ("smaller_nose", [0.8, 1.0, 1.0], "only x gets smaller; the nose shrinks in all three"),
    ("smaller_nose", [20, 20, 20], "that is what is taken away, in per cent; a scale is a"),
    ("smaller_nose", [0.8], "these are the first 1 of 3 along axis 0: the rest is missing"),
    ("smaller_nose", "0.8", "the answer should be numbers (a tensor, an array or a list)"),
    ("chin_turn", [0.52, 0, 0], "the answer is rounded: let Python compute it with all digits"),
    ("chin_turn", [math.radians(30)] * 3, "this turns about the diagonal of all three axes; a turn"),
    (
        "chin_turn",
        [math.sin(math.radians(30)), 0.0, 0.0],
        "0.5 is the sine of 30 degrees, or the angle with one digit;",
    ),
    ("chin_turn", [math.degrees(30), 0.0, 0.0], "math.degrees goes from radians to degrees; you need"),
    ("chin_turn", [0.0, 0.0, -math.pi / 6], "this turns round z, and the other way: the head would tilt"),
    ("chin_turn", math.radians(30), "give three numbers: the parts of the turn about x, y and z"),
    (
        "moved_share",
        lambda a, b, limit: ((b - a).norm() > limit).float(),
        "every length is above the limit, so this is 1: is there one",
    ),
    (
        "moved_share",
        lambda a, b, limit: ((b - a).norm(dim=0) > limit).float().mean(),
        "every length is above the limit, so this is 1: is there one",
    ),
    ("moved_share", lambda a, b, limit: (b - a).norm(dim=1) > limit, "the mean is still missing"),
    (
        "moved_share",
        lambda a, b, limit: ((b - a).norm(dim=1) > limit).mean(),
        "yes and no, or whole numbers, have no mean in torch: take",
    ),
    (
        "moved_share",
        lambda a, b, limit: ((b - a).sum(1) > limit).float().mean(),
        "this adds the three differences; the distance is the root",
    ),
    (
        "moved_share",
        lambda a, b, limit: (b.norm(dim=1) > limit).float().mean(),
        "`before` was not subtracted: how far did each vertex move?",
    ),
    (
        "moved_share",
        lambda a, b, limit: ((b - a).norm(dim=1) > limit).sum() / a.numel(),
        "this is the share of the coordinates; divide by the number",
    ),
    ("face_numbers", lambda J, K: J * (11 + 5 * K), "a Gaussian has six numbers: its share, two for its centre,"),
    ("face_numbers", lambda J, K: J * 11 + 6 * K, "the Gaussians belong to each bone: J times 6 K"),
    ("face_numbers", lambda J, K: J * (11 + 6) * K, "motion and place come once per bone, not once for each"),
    ("face_numbers", lambda J, K: J * (11 + 7 * K), "the shape of a Gaussian has three numbers, not four"),
    ("face_numbers", lambda J, K: J * (10 + 6 * K), "a bone has nine numbers for its motion and two for its"),
    ("face_numbers", lambda J, K: J + 11 + 6 * K, "these are the numbers of a single bone, and J was added;"),
    ("turn_and_shift", lambda x, A, t: x @ A + t, "the transpose is missing"),
    ("turn_and_shift", lambda x, A, t: A @ x + t, "the inner two sizes have to be the same"),
    ("turn_and_shift", lambda x, A, t: (x + t) @ A.T, "the points are shifted before they are turned"),
    ("turn_and_shift", lambda x, A, t: x @ A.T - t, "the shift was subtracted"),
    ("row_shares", lambda table: table / table.sum(1), "the sums lie along the wrong axis"),
    ("row_shares", lambda table: table / table.sum(0), "now each column sums to one"),
    ("row_shares", lambda table: table / table.max(1), "return a pair (values, indices)"),
    ("row_shares", first_row, "does `return` stand inside a loop"),
    ("distance_table", lambda a, b: (a - b).norm(dim=1), "axes are compared from the last one"),
    ("distance_table", lambda a, b: (a[:, None] - b).square().sum(2), "squared distances"),
    (
        "distance_table",
        lambda a, b: (a[:, None] - b).norm(dim=2).T,
        "the axes are the wrong way round: a row per point",
    ),
    ("distance_table", lambda a, b: a[:, None] - b, "is still missing"),
    ("one_step", lambda x, goal, shift, rate: shift + rate * 2 * (x + shift - goal).mean(0), "uphill"),
    ("one_step", lambda x, goal, shift, rate: shift - 2 * (x + shift - goal).mean(0), "the rate is missing"),
    ("one_step", lambda x, goal, shift, rate: shift - rate * (x + shift - goal).mean(0), "the square is lost"),
    ("one_step", lambda x, goal, shift, rate: shift - rate * 2 * (x - goal).mean(0), "the old shift is missing in"),
    ("turn_about", lambda x, R, p: R @ (x - p) + p, "a matrix product of 3x3 and 5x3: the inner two sizes have"),
    ("turn_about", lambda x, R, p: R @ (x - p).T + p, "axes are compared from the last one; is a transpose, a [...,"),
    ("turn_about", lambda x, R, p: (x - p) * R + p, "axes are compared from the last one; is a transpose, a [...,"),
    ("turn_about", two_points, "this is the last along axis 0 only: does a loop overwrite"),
    ("turn_about", lambda x, R, p: (x - x.mean(0)) @ R.T + x.mean(0), "does not depend on p"),
    ("turn_about", lambda x, R, p: (x + p) @ R.T - p, "the signs of the pivot are swapped: subtract it first,"),
    (
        "turn_about",
        lambda x, R, p: (x - p) @ inv(R).T + p,
        "it turns the other way round: points are rows here, so A x",
    ),
    ("rodrigues", one_turn, "several names on the left take a tensor apart along its"),
    (
        "rodrigues",
        lambda r: torch.stack([one_turn(v) for v in r]),
        "several names on the left take a tensor apart along its",
    ),
    ("rodrigues", no_keepdim(lambda r: r.norm(dim=-1)), "axes are compared from the last one; is a transpose, a [...,"),
    (
        "rodrigues",
        no_keepdim(lambda r: r.norm(dim=-1, keepdim=True)),
        "axes are compared from the last one; is a transpose, a [...,",
    ),
    (
        "rodrigues",
        no_keepdim(lambda r: r.norm(dim=0)[..., None, None]),
        "axes are compared from the last one; is a transpose, a [...,",
    ),
    ("rodrigues", lambda r: torch.eye(3) + cross(r), "right only for tiny angles"),
    (
        "rodrigues",
        lambda r: no_keepdim(lambda r: r.norm(dim=-1)[..., None, None])(r).mT,
        "this is the inverse turn: the signs of the cross product",
    ),
    (
        "rodrigues",
        lambda r: torch.eye(3) + math.sin(r.norm(dim=-1)) * cross(r),
        "the functions of math take one number; for a whole tensor",
    ),
    ("hold_still", lambda Gp, Bp, B, w: w @ inv(Gp), "does not depend on Bp and B"),
    ("hold_still", undone, "they stand in their old order"),
    ("hold_still", lambda Gp, Bp, B, w: (Gp @ Bp**-1 @ B) ** -1 @ w, "is one over each entry"),
    ("hold_still", lambda Gp, Bp, B, w: inv(Gp @ Bp**-1 @ B) @ w, "is one over each entry"),
    ("hold_still", lambda Gp, Bp, B, w: w - Gp @ inv(Bp) @ B, "not by a difference"),
    ("hold_still", lambda Gp, Bp, B, w: inv(Gp @ Bp.T @ B) @ w, "B_parent was transposed"),
    (
        "hold_still",
        lambda Gp, Bp, B, w: inv(inv(Bp) @ B @ Gp) @ w,
        "the inverse of a product reverses the order, (M N)^-1 = N^-1",
    ),
    ("hold_still", lambda Gp, Bp, B, w: inv(B) @ w, "does not depend on Gp and Bp"),
    ("waist", lambda a, w: (w * a).cos().abs(), "you blended the angles, and took the absolute value"),
    ("waist", lambda a, w: (1 - w + w * a.cos() + w * a.sin()).abs().sqrt(), "you added the two coordinates"),
    ("waist", lambda a, w: 1 - w, "does not depend on a"),
    ("waist", lambda a, w: torch.ones_like(a), "this is a bone that turns by w times the angle, so the"),
    (
        "waist",
        lambda a, w: (1 - w) ** 2 + w**2 + 2 * w * (1 - w) * a.cos(),
        "this is the square of it: take the root; there the angle is",
    ),
    ("waist", lambda a, w: ((1 - w) ** 2 + w**2).sqrt(), "does not depend on a"),
    ("waist", lambda a, w: 1 - w + w * math.cos(a), "the functions of math take one number; for a whole tensor"),
    ("waist", lambda a, w: (a / 2).sin(), "does not depend on w"),
    ("share_out", lambda g: g / g.sum(1), "axes are compared from the last one; is a transpose, a [...,"),
    ("share_out", lambda g: g / g.mean(1, keepdim=True), "by the mean of each row"),
    ("share_out", lambda g: g / g.max(1, keepdim=True), "max, min, sort and topk with an axis return a pair (values,"),
    ("share_out", forgotten, "your function gives None: did you forget `return`, or is it"),
    ("share_out", first_row, "this is the first along axis 0 only: does `return` stand"),
    ("share_out", lambda g: g.log_softmax(1), "the logarithm of a softmax"),
    ("share_out", lambda g: g / (g.sum(1, keepdim=True) + 0.1), "0.1 was added to the sum"),
    ("log_sum", max_pair, "max, min, sort and topk with an axis return a pair (values,"),
    ("log_sum", keep_the_axis, "(n,) and (n, 1) broadcast to (n, n); give both the same"),
    ("log_sum", mean_out, "right for small numbers, but for z near 2000 it gives [inf]"),
    ("log_sum", lambda z: z.exp().sum().log(), "over the whole table"),
    ("log_sum", lambda z: z.logsumexp(1), "logsumexp is what you build here"),
    ("log_sum", lambda z: z.exp().log().sum(1), "this is the sum of the logarithms of exp, so just the sum"),
    ("log_sum", lambda z: z.log().exp().sum(1), "exp comes first, then the sum"),
    ("log_sum", lambda z: z.amax(1) + (z - z.amax(1)[:, None]).exp().log().sum(1), "before it, it only undoes exp"),
    ("factor_of", lambda a, b, t: logs(turn(t) @ torch.diag(torch.tensor([a, b]))), "R diag(long, short) is a root"),
    ("factor_of", lambda a, b, t: (math.log(a), t, math.log(b)), "b is not the angle"),
    ("factor_of", lambda a, b, t: (math.log(a), 0.0, math.log(b)), "it is not turned at all"),
    ("factor_of", lambda a, b, t: (a, 0.0, b), "does not depend on t"),
    (
        "factor_of",
        lambda a, b, t: logs(cholesky(turn(t) @ torch.diag(torch.tensor([a**2, b**2])))),
        "cholesky takes a symmetric matrix with positive",
    ),
    (
        "factor_of",
        lambda a, b, t: logs(cholesky(turn(t).T @ torch.diag(torch.tensor([a**2, b**2])) @ turn(t))),
        "it is turned the wrong way: from u towards v is",
    ),
    (
        "factor_of",
        lambda a, b, t: logs(cholesky(turn(t) @ torch.diag(torch.tensor([a**2, b**2])) @ turn(t).T, upper=True)),
        "this is the upper factor: `cholesky(..., upper=True)` or",
    ),
    (
        "factor_of",
        lambda a, b, t: [
            logs(cholesky(turn(t) @ torch.diag(torch.tensor([a**2, b**2])) @ turn(t).T))[i] for i in (0, 2, 1)
        ],
        "the order is a, b, c",
    ),
    ("border", lambda apart, s0, s1: apart * s1 / (s0 + s1), "in the ratio of the widths"),
    ("border", lambda apart, s0, s1: apart * s0**2 / (s0**2 + s1**2), "in the ratio of the squared widths"),
    ("border", lambda apart, s0, s1: s0 / (s0 + s1), "does not depend on apart"),
    (
        "border",
        lambda apart, s0, s1: apart / 2 if s0 == s1 else None,
        "your function gives None: did you forget `return`, or is it",
    ),
    ("border", lambda apart, s0, s1: apart - s1, "does not depend on s0"),
    (
        "barycentric",
        lambda x, c: torch.stack(parts(x, c)) / area(*c),
        "the numbers are right, but the axes are the wrong way round",
    ),
    ("barycentric", columns_as_corners, "several names on the left take a tensor apart along its"),
    ("barycentric", by_distance, "shares by one over the distance"),
    (
        "barycentric",
        lambda x, c: torch.stack(parts(x, c), -1) / 2,
        "divide the areas by that of the whole triangle",
    ),
    (
        "barycentric",
        lambda x, c: torch.stack(parts(x, c), -1).abs() / area(*c).abs(),
        "the point at [3] lies outside: its areas need their signs,",
    ),
    (
        "barycentric",
        lambda x, c: torch.stack(parts(x, c)[:2], -1) / area(*c),
        "these are the first 2 of 3 along axis 1: the rest is missing",
    ),
    (
        "barycentric",
        lambda x, c: [parts(x, c)[i] / area(*c) for i in range(3)],
        "the numbers are right, but the axes are the wrong way round",
    ),
    (
        "jacobians",
        lambda v, u: edge_rows(v) @ inv(edge_rows(u)),
        "a matrix product with inner sizes 3 and 2, which have to be",
    ),
    (
        "jacobians",
        lambda v, u: torch.linalg.solve(edges(u), edges(v)),
        "solve(A, B) finds X with A X = B, A on the left: is the",
    ),
    ("jacobians", lambda v, u: edges(v) @ edges(u) ** -1, "is one over each entry"),
    ("jacobians", lambda v, u: edge_rows(v).mT @ inv(edge_rows(u)), "U is transposed: its columns are the edges"),
    (
        "jacobians",
        lambda v, u: inv(edge_rows(u)) @ edge_rows(v),
        "this is transposed: rows are x, y, z and columns u, v",
    ),
    ("jacobians", lambda v, u: edges(v.mT) @ inv(edges(u)), "was transposed before"),
    ("jacobians", lambda v, u: torch.cat([edges(v)], -1), "only the edges in space: how far u and v go along them is"),
    ("nearest_on_edge", lambda x, a, b: a + share(x, a, b).clamp(min=0)[:, None] * (b - a), "only the end a holds t"),
    ("nearest_on_edge", lambda x, a, b: a + share(x, a, b).clamp(max=1)[:, None] * (b - a), "only the end b holds t"),
    (
        "nearest_on_edge",
        lambda x, a, b: a + share(x, a, b).clamp(0, 1) * (b - a),
        "axes are compared from the last one; is a transpose, a [...,",
    ),
    (
        "nearest_on_edge",
        lambda x, a, b: a + torch.dot(x - a, b - a) / (b - a).square().sum() * (b - a),
        "torch.dot takes two vectors; for rows use `points @ vector`",
    ),
    ("nearest_on_edge", lambda x, a, b: b + share(x, a, b).clamp(0, 1)[:, None] * (b - a), "this begins at b"),
    (
        "nearest_on_edge",
        lambda x, a, b: a + ((x - a) @ (b - a)).clamp(0, 1)[:, None] * (b - a),
        "divide by the length squared, (b - a) . (b - a)",
    ),
    (
        "nearest_on_edge",
        lambda x, a, b: a + (1 - share(x, a, b).clamp(0, 1))[:, None] * (b - a),
        "the direction is reversed: t = 0 is a and t = 1 is b",
    ),
    (
        "reach_of_step",
        lambda D, h: h * torch.linalg.svd(D),
        "a tuple or list cannot be multiplied by a number: take its",
    ),
    ("reach_of_step", lambda D, h: (h * D.norm(), h * D.norm()), "the root of the sum of all squares"),
    ("reach_of_step", lambda D, h: (h * D.max(), h * D.min()), "the largest and the smallest entry"),
    ("reach_of_step", lambda D, h: h * D.norm(dim=1).sort(descending=True).values[[0, 2]], "lengths of rows of D"),
    (
        "reach_of_step",
        lambda D, h: h**2 * torch.linalg.svdvals(D),
        "h counts once",
    ),
    (
        "reach_of_step",
        lambda D, h: h * torch.linalg.svdvals(D)[0],
        "this is the first along axis 0 only: does `return` stand",
    ),
    (
        "reach_of_step",
        lambda D, h: torch.linalg.svdvals(D) / h,
        "multiply by h",
    ),
    ("reach_of_step", lambda D, h: torch.linalg.eigvals(D) * h, "a square matrix is needed there, yours is 3 by 2"),
    ("nine_numbers", lambda t, r, s: bone(torch.diag(s) @ by_series(r), t), "the scale has to act first"),
    ("nine_numbers", lambda t, r, s: bone(by_series(r), t), "the scale is missing"),
    ("parents_first", lambda parents: list(range(len(parents))), "this is the order of the list"),
    ("parents_first", lambda parents: sorted(range(len(parents)), key=lambda j: parents[j]), "number of the parent"),
    ("down_the_tree", lambda B, T, parents: B @ T @ inv(B), "as if it were alone"),
    ("down_the_tree", lambda B, T, parents: (B @ T @ inv(B)).mT, "alone, and the matrices are transposed"),
    ("skin_by_hand", lambda x, w, S: torch.einsum("ij,jab,ib->ia", w, S[:, :3, :3], x), "the 1 behind the coordinates"),
    ("skin_by_hand", lambda x, w, S: (x @ S[:, :3, :3].mT + S[:, None, :3, 3]).mean(0), "plain mean"),
    (
        "weights_by_hand",
        lambda uv, bone_uv, logits, mean, factor: logits.softmax(-1),
        "does not depend on uv and bone_uv",
    ),
    (
        "weights_by_hand",
        lambda uv, bone_uv, *_: (-torch.cdist(uv, bone_uv)).softmax(1),
        "the softmax of the distances alone",
    ),
    ("bind_by_hand", lambda x, uv, faces, v: v[torch.cdist(x, uv).argmin(1)], "this is the nearest vertex"),
    ("bind_by_hand", lambda x, uv, faces, v: x, "the places come back on the chart"),
    ("onto_the_chart", lambda x, inside, a, b: x, "nothing has moved"),
    (
        "onto_the_chart",
        lambda x, inside, a, b: torch.where(inside[:, None], x, a[torch.cdist(x, a).argmin(1)]),
        "the nearest corner of the border",
    ),
    ("both_branches", lambda w, dw, x, dx, D: x.T @ dw, "through the weights alone"),
    ("both_branches", lambda w, dw, x, dx, D: torch.einsum("j,jab->ab", w, dx) @ D, "through the pivot alone"),
]
