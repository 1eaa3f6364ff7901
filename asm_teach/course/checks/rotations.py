"""Rotations by hand, as lesson 1 writes them, and the slips that Rodrigues' formula invites."""

from __future__ import annotations

import torch
from torch import Tensor

from asm_teach.model.transforms import rotation_matrix


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
