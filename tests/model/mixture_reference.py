"""The mixture weights as eq. (2) is written: what the quick form is checked against."""

from __future__ import annotations

import math

from torch import Tensor


def mixture_weights_reference(uv: Tensor, bone_uv: Tensor, logits: Tensor, mean: Tensor, factor: Tensor) -> Tensor:
    """The weights as eq. (2) is written, with all (V, J, K) pairs in memory: the slow form that lesson 2 begins with.

    Arguments and result as in `mixture_weights`, but nothing is cut.
    """
    a, b, c = factor.unbind(-1)
    offset = uv[:, None, None] - (bone_uv[:, None] + mean)  # (V, J, K, 2)
    x = offset[..., 0] / a.exp()
    y = (offset[..., 1] - b * x) / c.exp()
    log_normal = -(x**2 + y**2) / 2 - a - c - math.log(2 * math.pi)
    log_g = (logits.log_softmax(-1) + log_normal).logsumexp(-1)  # (V, J)
    return log_g.softmax(-1)
