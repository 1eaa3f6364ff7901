"""The few bones that an engine counts for each vertex: the heaviest, with shares that sum to 1 to the last bit."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from asm_teach.base.arrays import Floats

WHOLE = 65535  # the shares are stored in 16 bits: so many make 1


class Influences(NamedTuple):
    """Which bones move each vertex, heaviest first.

    Attributes:
        joints: (V, k) uint8, 0 where the share is 0.
        shares: (V, k) uint16 of `WHOLE`; each row sums to it.
        left_out: the mean weight of the bones that were left out, 0 to 1.
    """

    joints: NDArray[np.uint8]
    shares: NDArray[np.uint16]
    left_out: float


def heaviest(weights: Floats, count: int) -> Influences:
    """The `count` heaviest bones of each vertex, their weights divided by their sum, as shares of 16 bits.

    Each row is rounded by largest remainders, eq. (10.2), as seats in a parliament: all shares are rounded down, and
    what is missing to the whole goes to those that lost most. Rounded one by one they would miss the whole, and engines
    would pull the vertex towards the origin.

    Args:
        weights: (V, J), rows sum to 1, J at most 256.
        count: k, bones for each vertex; where it exceeds J, bone 0 without a share fills the rest.
    """
    order = np.argsort(-weights, axis=1, kind="stable")[:, :count]
    kept = np.take_along_axis(weights, order, 1)
    total = kept.sum(1, keepdims=True)
    exact = kept / total * WHOLE
    shares = np.floor(exact).astype(np.int64)
    missing = WHOLE - shares.sum(1, keepdims=True)
    rank = np.argsort(np.argsort(shares - exact, axis=1, kind="stable"), axis=1)  # 0: lost most
    shares += rank < missing
    # One more for a smaller share may bring it above its neighbour, where both were equal but for the remainder.
    again = np.argsort(-shares, axis=1, kind="stable")
    shares, joints = np.take_along_axis(shares, again, 1), np.take_along_axis(order, again, 1)
    joints = np.where(shares > 0, joints, 0)  # as the specification asks of bones that do not count
    filled = ((0, 0), (0, max(count - weights.shape[1], 0)))
    left_out = max(0.0, float(np.mean(1 - total / weights.sum(1, keepdims=True))))
    return Influences(np.pad(joints, filled).astype(np.uint8), np.pad(shares, filled).astype(np.uint16), left_out)
