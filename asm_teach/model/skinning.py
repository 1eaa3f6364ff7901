"""Linear blend skinning: every vertex is moved by the weighted mean of the bones' matrices."""

from __future__ import annotations

import numpy as np
from torch import Tensor


def linear_blend_skinning(vertices: Tensor, weights: Tensor, transforms: Tensor) -> Tensor:
    """Move vertices by the weighted mean of the bones' matrices, eq. (1). Derived in lesson 1.

    Nothing is checked here, in the innermost call of every fit; see `check_weights`.

    Args:
        vertices: (V, 3) at rest, mm.
        weights: (V, J), rows sum to 1.
        transforms: (..., J, 3, 4) skinning matrices G_j B_j^-1.

    Returns:
        (..., V, 3), mm.
    """
    # Blending is one matrix product. Its result keeps the vertices in the last dimension, so that applying it
    # is a few passes over long rows instead of V little products.
    blended = transforms.transpose(-3, -1).flatten(-3, -2) @ weights.T  # (..., 12, V)
    x, y, z, t = blended.unflatten(-2, (4, 3)).unbind(-3)  # the columns of the blended matrices, (..., 3, V)
    moved: Tensor = x * vertices[:, 0] + y * vertices[:, 1] + z * vertices[:, 2] + t
    return moved.mT


def check_weights(weights: Tensor, V: int, J: int) -> None:
    """Check skinning weights that come from outside, once, before they are used.

    Raises:
        ValueError: `weights` is no tensor or not (V, J), has a negative entry or NaN, or a row whose sum is off by
            over 1e-4.
    """
    if not isinstance(weights, Tensor):
        found, way = type(weights).__name__, "torch.tensor"
        if isinstance(weights, np.ndarray):
            found, way = "numpy.ndarray", "torch.from_numpy"
        raise ValueError(f"weights: expected a torch tensor, found {found}; use {way}")
    if weights.shape != (V, J):
        raise ValueError(
            f"weights: expected shape ({V}, {J}), a row for each vertex and a column for each bone, "
            f"found {tuple(weights.shape)}"
        )
    bad = (~(weights >= 0)).nonzero()  # not "< 0", which NaN would pass
    if len(bad):
        row, bone = bad[0].tolist()
        raise ValueError(
            f"weights: row {row} holds {weights[row, bone].item():.6g} for bone {bone}; weights are shares, 0 or more"
        )
    sums = weights.sum(1)
    wrong = ((sums - 1).abs() > 1e-4).nonzero()[:, 0]
    if len(wrong):
        row = int(wrong[0])
        raise ValueError(
            f"weights: row {row} sums to {sums[row].item():.6g}, not to 1 "
            f"({len(wrong)} of {V} rows do not): divide by the row sum"
        )
