"""Rotations and rigid motions by hand, as lessons 1 and 12 write them, and the slips that they invite."""

from __future__ import annotations

import torch
from torch import Tensor

from asm_teach.model.transforms import affine_compose, rotation_matrix


def cross_matrix(r: Tensor) -> Tensor:
    """[r]x (..., 3, 3) of vectors (..., 3): [r]x v is the cross product of r and v."""
    x, y, z = r.unbind(-1)
    o = torch.zeros_like(x)
    return torch.stack([o, -z, y, z, o, -x, -y, x, o], -1).unflatten(-1, (3, 3))


def wrong_rotations(r: Tensor) -> dict[str, Tensor]:
    """What slips in Rodrigues' formula give for rotation vectors (..., 3): sentence -> matrices (..., 3, 3)."""
    theta, whole = r.norm(dim=-1)[..., None, None], r.norm()
    K = cross_matrix(r)
    axis, one = K / theta, torch.eye(3)
    sine, rest = theta.sin(), 1 - theta.cos()
    return {
        "this is the inverse turn: the signs of the cross product matrix are exchanged, or it is transposed": (
            rotation_matrix(-r)
        ),
        "the last term, with [r]x^2, is missing": one + sine * axis,
        "I + [r]x is right only for tiny angles: [r]x gets the factor sin(t) / t, and [r]x^2 is missing": one + K,
        "I is missing": sine * axis + rest * axis @ axis,
        "sin and 1 - cos belong to the axis of length 1: divide [r]x by the angle, and [r]x^2 by its square": (
            one + sine * K + rest * K @ K
        ),
        "the last term is (1 - cos t) / t^2 [r]x^2; yours has cos t": one + sine * axis + theta.cos() * axis @ axis,
        "the last fraction is (1 - cos t) / t^2, with the square": one + sine * axis + rest / theta * K @ K,
        "[r]x^2 is a matrix product, `K @ K`; `K * K` squares each entry": one + sine * axis + rest * axis**2,
        "the last term is positive: + (1 - cos t) / t^2 [r]x^2": one + sine * axis - rest * axis @ axis,
        "the lengths of all vectors together were taken for the angle: use `r.norm(dim=-1)`": (
            one + whole.sin() / whole * K + (1 - whole.cos()) / whole**2 * K @ K
        ),
    }


def not_a_rotation(found: Tensor) -> str:
    """What is wrong with matrices (..., 3, 3) that no slip explains."""
    if found.isnan().any():
        return "it gives nan"
    off = float((found.mT @ found - torch.eye(3)).abs().max())
    if off > 1e-3:
        return f"these are no rotations: R^T R differs from I by up to {off:.2g}, so lengths change"
    return "these are rotations, but not by r: check that the axis stays, R r = r, and that the angle is |r|"


def chains(places: Tensor, turns: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
    """Matrices S (n, 3, 4) of a chain of joints at places (n, 3) that turn by turns (n, 3, 3); and what slips give."""
    own = torch.cat([turns, places[..., None] - turns @ places[..., None]], -1)
    right = _products(own)
    to_world = torch.cat([right[..., :3], right @ torch.nn.functional.pad(places, (0, 1), value=1.0)[..., None]], -1)
    origin = torch.cat([turns, torch.zeros_like(places)[..., None]], -1)
    return right, {
        "each joint moves alone: what the joints below do is not handed up": own,
        "the order: the joint itself acts first, then the one below it, S_(j-1) times its own": (
            _products(own, parent_last=False)
        ),
        "these take a bone's own coordinates to the world, G; the skin needs S = G B^-1, from rest to pose": to_world,
        "the places are not used: every joint turns about the origin": _products(origin),
        "the turns are transposed: the joints turn the other way": (
            _products(torch.cat([turns.mT, places[..., None] - turns.mT @ places[..., None]], -1))
        ),
        "the sign of the shift: a turn about p is p + R (x - p), so the shift is p - R p": (
            _products(torch.cat([turns, turns @ places[..., None] - places[..., None]], -1))
        ),
        "the chain runs down from the skull; it begins at the trunk, with places[0]": _products(own.flip(0)).flip(0),
    }


def _products(own: Tensor, parent_last: bool = True) -> Tensor:
    """The products of affine maps (n, 3, 4) from the first on; by default each acts before those in front of it."""
    found = [own[0]]
    for one in own[1:]:
        found.append(affine_compose(found[-1], one) if parent_last else affine_compose(one, found[-1]))
    return torch.stack(found)


Rigid = tuple[Tensor, Tensor]  # turn (3, 3) and shift (3,)


def alignments(x: Tensor, y: Tensor, w: Tensor) -> tuple[Rigid, dict[str, Tensor], dict[str, Tensor]]:
    """The rigid motion of weighted least squares from x to y (n, 3), and what slips give for the turn and the shift."""
    alike = torch.ones_like(w)
    R, t = _rigid(x, y, w, w)
    x_mean, y_mean = (w @ points / w.sum() for points in (x, y))
    u, _, vh = torch.linalg.svd(y.T @ (w[:, None] * x))
    turns = {
        "the turn: the weights are not used at all": _rigid(x, y, alike, alike)[0],
        "the turn: the weights stand in the means only; H is a sum over the points too": _rigid(x, y, w, alike)[0],
        "the turn: the weights stand in H only; the means are weighted too": _rigid(x, y, alike, w)[0],
        "the turn: each difference got its weight, and in H that makes its square": _rigid(x, y, w, w.square())[0],
        "the turn: it is transposed, so it takes y to x": R.mT,
        "the turn: the means were not subtracted in H": u @ vh,
    }
    shifts = {
        "the shift: the turn stands in it too, t = y - R x with the weighted means": y_mean - x_mean,
        "the shift: these means are not weighted": y.mean(0) - R @ x.mean(0),
        "the shift: R was transposed in it": y_mean - R.mT @ x_mean,
        "the shift: this is the mean of y; R times the mean of x has to go": y_mean,
    }
    return (R, t), turns, shifts


def _rigid(x: Tensor, y: Tensor, in_means: Tensor, in_H: Tensor) -> Rigid:
    """Weighted Procrustes, with weights of its own in the means and in H."""
    x_mean, y_mean = (in_means @ points / in_means.sum() for points in (x, y))
    u, _, vh = torch.linalg.svd((y - y_mean).T @ (in_H[:, None] * (x - x_mean)))
    sign = torch.ones(3, dtype=x.dtype)
    sign[2] = torch.linalg.det(u @ vh).sign()
    R = (u * sign) @ vh
    return R, y_mean - R @ x_mean


def six_columns(six: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
    """Rotations (N, 3, 3) whose columns come from six numbers (N, 6), and what slips give."""
    unit = torch.nn.functional.normalize
    a, b = six[:, :3], six[:, 3:]
    x, slanting = unit(a, dim=1), unit(b, dim=1)
    part = (x * b).sum(1, keepdim=True) * x
    y = unit(b - part, dim=1)
    unscaled = unit(b - (a * b).sum(1, keepdim=True) * a, dim=1)

    def columns(x: Tensor, y: Tensor, sign: float = 1.0) -> Tensor:
        return torch.stack([x, y, sign * torch.linalg.cross(x, y)], -1)

    right = columns(x, y)
    return right, {
        "x, y and z are rows here; they should be columns: stack along the last axis": right.mT,
        "the part of b along x has to go before b is made a unit vector: the columns are not at right angles": (
            columns(x, slanting)
        ),
        "y was not made a unit vector after the part along x was gone": columns(x, b - part),
        "a was not made a unit vector": columns(a, y),
        "the sign of z: x cross y, or the matrix is a reflection": columns(x, y, -1.0),
        "x has to be a unit vector before b is projected on it": columns(x, unscaled),
        "a and b are exchanged: the first three numbers make the first column": columns(
            slanting, unit(a - (slanting * a).sum(1, keepdim=True) * slanting, dim=1)
        ),
    }
