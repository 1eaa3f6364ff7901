"""The motion of a bone, the hierarchy and equation (1), as lesson 1 asks for them, and the slips that they invite.

Each function with `wrong_` in its name gives a table: sentence -> what the slip in the sentence makes of the inputs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from asm_teach.course.checks.comparing import equal, numbers
from asm_teach.model.transforms import rotation_matrix

inv = torch.linalg.inv


def affine(linear: Tensor, shift: Tensor) -> Tensor:
    """The matrix (4, 4) of a linear part (3, 3) and a translation (3,)."""
    matrix = torch.eye(4).to(linear)
    matrix[:3, :3], matrix[:3, 3] = linear, shift
    return matrix


def wrong_motions(t: Tensor, r: Tensor, s: Tensor) -> dict[str, Tensor]:
    """What slips in T = translate . rotate . scale give, each (4, 4), or (3, 4) where the last row is missing."""
    R, back, D = rotation_matrix(r), rotation_matrix(-r), torch.diag(s)
    right = affine(R @ D, t)
    open_end = right.clone()
    open_end[3, 3] = 0.0
    return {
        "the scale has to act first, so it stands on the right: R @ torch.diag(s), not torch.diag(s) @ R": (
            affine(D @ R, t)
        ),
        "the turn goes the other way round: R is transposed": affine(back @ D, t),
        "the scale is missing": affine(R, t),
        "the turn is missing": affine(D, t),
        "the translation is missing": affine(R @ D, 0 * t),
        "the translation was turned and scaled too: it acts last, so t is the last column as it is": (
            affine(R @ D, R @ D @ t)
        ),
        "the translation was turned too: it acts last, so t is the last column as it is": affine(R @ D, R @ t),
        "the translation was scaled too: it acts last, so t is the last column as it is": affine(R @ D, s * t),
        "s holds factors already, not their logarithms: leave exp out": affine(R @ torch.diag(s.exp()), t),
        "the whole matrix is transposed: t is its last column": right.T,
        "the last row, 0, 0, 0, 1, is missing": right[:3],
        "the last row is 0, 0, 0, 1: without the 1 nothing is shifted in a product": open_end,
    }


def random_tree(generator: torch.Generator, bones: int = 7) -> list[int]:
    """Parents of bones in a shuffled list with two roots; some bones stand before their parents."""
    while True:
        above = [-1, -1] + [int(torch.randint(j, (), generator=generator)) for j in range(2, bones)]
        place = torch.randperm(bones, generator=generator).tolist()
        parents = [-1] * bones
        for j, parent in enumerate(above):
            parents[place[j]] = -1 if parent < 0 else place[parent]
        if sum(parent > j for j, parent in enumerate(parents)) >= 2 and max(depths(parents)) >= 2:
            return parents


def depths(parents: Sequence[int]) -> list[int]:
    """How many ancestors each bone has."""
    found = []
    for parent in parents:
        depth = 0
        while parent >= 0:
            depth, parent = depth + 1, parents[parent]
        found.append(depth)
    return found


def wrong_order_of_bones(answer: Any, parents: Sequence[int]) -> str | None:
    """What is wrong with an order in which parents should come before their children, or None."""
    if isinstance(answer, (list, tuple)) and any(isinstance(one, (list, tuple)) for one in answer):
        return "one flat list is expected, without a list inside it for each level"
    given = numbers(answer)
    if given is None or given.ndim != 1 or not equal(given, given.round()):
        return f"a list of the {len(parents)} indices is expected, found {answer!r}"[:200]
    order, every = [int(one) for one in given.tolist()], range(len(parents))
    if -1 in order:
        return "-1 is not a bone: it marks the roots, which have no parent"
    for j in every:
        if order.count(j) != 1:
            return f"bone {j} " + ("is missing" if j not in order else "stands in the order more than once")
    if len(order) != len(parents):
        return f"there are {len(parents)} bones, from 0 to {len(parents) - 1}, and the order holds other numbers too"
    early = [j for j in every if parents[j] >= 0 and order.index(j) < order.index(parents[j])]
    if not early:
        return None
    where = f"bone {early[0]} comes before its parent, bone {parents[early[0]]}"
    if order == list(every):
        return f"this is the order of the list: {where}"
    if all(parents[j] < 0 or order.index(j) < order.index(parents[j]) for j in every):
        return f"the order is turned round, children come before their parents: {where}"
    if order == sorted(every, key=lambda j: parents[j]):
        return f"sorting by the number of the parent is not enough: {where}"
    return where


def matrices_down(B: Tensor, T: Tensor, parents: Sequence[int], slip: str = "") -> Tensor:
    """S (J, 4, 4) by eq. (1.2), with one of the slips below or with none."""
    count, depth = len(parents), depths(parents)
    own = {
        "side": inv(B) @ T @ B,
        "frame": T,
        "half": B @ T,
    }.get(slip, B @ T @ inv(B))
    order = range(count) if slip == "as listed" else sorted(range(count), key=depth.__getitem__)
    S = [torch.eye(4).to(B) for _ in parents]
    for j in order:
        parent = parents[j]
        if parent < 0 or slip == "alone":
            S[j] = own[j]
        elif slip == "product":
            S[j] = own[j] @ S[parent]
        elif slip == "one level":
            S[j] = own[parent] @ own[j]
        elif slip == "stacked":
            S[j] = S[parent] @ B[parent] @ own[j]
        else:
            S[j] = S[parent] @ own[j]
    return torch.stack(S) @ B if slip == "bone to world" else torch.stack(S)


TREE_SLIPS = {
    "alone": "each bone moves as if it were alone: the matrix of the parent is missing",
    "product": "the order of the product: S_p of the parent stands on the left, B_j T_j B_j^-1 on the right",
    "one level": "only the parent's own motion arrives: S_p has to hold what its ancestors do, too",
    "bone to world": "these are the G_j, from bone to world: S_j = G_j B_j^-1",
    "stacked": "B_p^-1 is missing: G_j = G_p (B_p^-1 B_j) T_j",
    "side": "the inverse stands on the wrong side: B_j^-1 acts first, so it is B_j T_j B_j^-1",
    "frame": "T_j is given in the bone's own coordinates: in the world it is B_j T_j B_j^-1",
    "half": "B_j^-1 is missing: B_j T_j expects the bone's own coordinates, and the vertices are in those of the world",
    "as listed": "a bone that stands before its parent was computed first, with a parent at rest: parents come first",
}


def shuffled_rows(given: Any, right: Tensor) -> bool:
    """Whether an answer (J, ...) holds the right matrices in another order."""
    found = numbers(given)
    if found is None or found.shape != right.shape:
        return False
    return all(any(equal(one, other) for other in right) for one in found)


def wrong_skins(vertices: Tensor, weights: Tensor, S: Tensor) -> dict[str, Tensor]:
    """What slips in equation (1) give, most of them (V, 3); with V = J a wrong axis gives numbers, too."""
    v = torch.cat([vertices, torch.ones_like(vertices[:, :1])], 1)
    each, unmoved = torch.einsum("jab,ib->jia", S, v), torch.einsum("jab,ib->jia", S[:, :3, :3], vertices)
    shift, share = S[:, None, :3, 3], weights.T[..., None]
    moved = (share * each).sum(0)
    return {
        "the 1 behind the coordinates is missing: without it no bone can shift a vertex": (share * unmoved).sum(0),
        "the matrices act on columns; vertices are rows here, so S_j v is `v @ S[j].T`": (
            torch.einsum("ij,jab,ia->ib", weights, S, v)[:, :3]
        ),
        "the weights are taken along the wrong axis: a row for each vertex, a column for each bone": (
            (weights[..., None] * each).sum(0)[:, :3]
        ),
        "the weights are missing: each place counts by the share of its bone": each.sum(0)[:, :3],
        "this is a plain mean over the bones: each place counts by the share of its bone": each.mean(0)[:, :3],
        "only the last bone counts: add up what the bones do, `moved += ...` or a sum": (share * each)[-1, :, :3],
        "the sum is divided by the number of bones: the weights sum to 1 already": moved[:, :3] / len(S),
        "the translations are not weighted: w_ij multiplies all of S_j v_i": (share * unmoved + shift).sum(0),
        "S_j takes points from rest to pose already: leave the inverse out": (
            torch.einsum("ij,jab,ib->ia", weights, inv(S), v)[:, :3]
        ),
        "this is how far the vertices move; their new places are wanted": moved[:, :3] - vertices,
        "the vertices come back as they were: no bone has moved them": vertices,
        "the 1 still stands behind the coordinates: return the first three columns": moved,
        "the sum over the bones is missing": (share * each)[..., :3],
        "the sum over the bones is missing (and the 1 still stands behind the coordinates)": share * each,
    }


def wrong_still(G_parent: Tensor, B_parent: Tensor, B: Tensor, wanted: Tensor) -> dict[str, Tensor]:
    """What slips give that solve G_parent B_parent^-1 B T = G_wanted for T; all are (4, 4)."""
    back = inv(B_parent) @ B
    carried = G_parent @ back
    return {
        "the inverse is missing: T has to undo what the parent does": carried @ wanted,
        "the order of the product: in G = F T the F stands left of T, so its inverse does too": wanted @ inv(carried),
        "B_parent^-1 B is missing: where the child sits in its parent's coordinates": inv(G_parent) @ wanted,
        "B_parent was not inverted": inv(G_parent @ B_parent @ B) @ wanted,
        "the product is the wrong way round: B_parent^-1 B, first from the bone to the world, then to the parent": (
            inv(G_parent @ B @ inv(B_parent)) @ wanted
        ),
        "the inverses stand in the wrong order: with F = G_parent B_parent^-1 B it is F^-1 that takes G_wanted to T": (
            back @ inv(G_parent) @ wanted
        ),
        "the inverse of a product reverses the order, (M N)^-1 = N^-1 M^-1": inv(G_parent) @ inv(back) @ wanted,
        "each factor is inverted, but they stand in their old order: (L M N)^-1 = N^-1 M^-1 L^-1": (
            inv(G_parent) @ B_parent @ inv(B) @ wanted
        ),
        "a transpose is the inverse of a rotation only, not of a matrix that also shifts": carried.T @ wanted,
        "B_parent was transposed: that is the inverse of a rotation only, not of a matrix that also shifts": (
            inv(G_parent @ B_parent.T @ B) @ wanted
        ),
        "a motion is undone by its inverse, not by a difference": wanted - carried,
        "this is the identity: then the child goes along with its parent": torch.eye(4),
        "right only for a child that should stay as it was at rest: G_wanted is an argument of its own": (
            inv(carried) @ B
        ),
    }


def waist_factor(angle: Tensor, w: Tensor, twice: int = 2) -> Tensor:
    """How many times its radius a tube keeps where a bone that turns by `angle` has the share w, all (N,)."""
    return (1 - twice * w * (1 - w) * (1 - angle.cos())).clamp(min=0).sqrt()


def wrong_waists(angle: Tensor, w: Tensor) -> dict[str, Tensor]:
    """What slips in that factor give."""
    across = 1 - w + w * angle.cos()
    return {
        "this is the factor in the middle, w = 1/2; it should follow w": (angle / 2).cos().abs(),
        "this is the factor in the middle, w = 1/2, and it may be negative": (angle / 2).cos(),
        "the sine is missing: the blended point has moved sideways as well": across,
        "the sine is missing: the blended point has moved sideways too (abs does not help)": across.abs(),
        "this is a bone that turns by w times the angle, so the radius stays; here you blend two points": w * 0 + 1,
        "you blended the angles; blend the two points, (1 - w) (1, 0) + w (cos a, sin a)": (w * angle).cos(),
        "you blended the angles; blend the two points: start from the lesson's ½ and put w there": (
            (w * angle / 2).cos().abs()
        ),
        "you blended the angles, and took the absolute value; blend the two points": (w * angle).cos().abs(),
        "the length is the root of the sum of the squares; you added the two coordinates": (
            (across + w * angle.sin()).abs().sqrt()
        ),
        "a factor of 2 is missing: the mixed term of the square counts twice": waist_factor(angle, w, 1),
    }
