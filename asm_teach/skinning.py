"""Linear blend skinning: every vertex follows the weighted mean of the bones' matrices."""

from __future__ import annotations

from torch import Tensor


def linear_blend_skinning(vertices: Tensor, weights: Tensor, transforms: Tensor) -> Tensor:
    """Move vertices by the weighted mean of the bones' matrices, eq. (1). Derived in lesson 1.

    vertices: (V, 3) at rest, in mm.  weights: (V, J), rows sum to 1 (see `check_weights`).
    transforms: (..., J, 3, 4) skinning matrices G_j B_j^-1.
    Returns (..., V, 3). Nothing is checked here: this is the innermost call of every fit.
    """
    # Vertices run along the last, contiguous dimension, so that each step below is one pass over long rows;
    # V separate little (3, 4) products would take about twice as long.
    rows = transforms.flatten(-2).mT @ weights.T  # (..., 12, V)
    x, y, z, t = rows.unflatten(-2, (3, 4)).unbind(-2)  # columns of the blended matrices, (..., 3, V)
    return (x * vertices[:, 0] + y * vertices[:, 1] + z * vertices[:, 2] + t).mT


def check_weights(weights: Tensor, V: int, J: int) -> None:
    """Raise ValueError unless `weights` is (V, J), not negative, and its rows sum to 1 within 1e-4."""
    if weights.shape != (V, J):
        raise ValueError(
            f"weights: expected shape ({V}, {J}), a row for each vertex and a column for each bone, "
            f"found {tuple(weights.shape)}"
        )
    low = (~(weights >= 0)).nonzero()  # written so that NaN is caught too
    if len(low):
        row, bone = low[0].tolist()
        raise ValueError(
            f"weights: row {row} holds {weights[row, bone].item():.6g} for bone {bone}; "
            "weights are shares, 0 or more"
        )
    sums = weights.sum(1)
    wrong = (~((sums - 1).abs() <= 1e-4)).nonzero()[:, 0]
    if len(wrong):
        row = int(wrong[0])
        raise ValueError(
            f"weights: row {row} sums to {sums[row].item():.6g}, not to 1 "
            f"({len(wrong)} of {V} rows do not): divide by the row sum"
        )
