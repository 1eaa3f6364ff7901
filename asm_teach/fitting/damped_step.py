"""One damped second-order step: what every fit by Levenberg and Marquardt's rule repeats. Derived in lesson 5.

The fit of a face to a scan takes such steps, the fit to photographs and the pose of a camera.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor

State = TypeVar("State")

_HIGHER = 4.0
_LEAST, _SOME = 1e-6, 1e-5  # a step that does not help brings it up to the second at once
MOST = 1e4  # steps are as good as none there, and it takes few good ones to come back


@dataclass
class Damping:
    """How carefully a fit steps, and the rule that learns it from the steps themselves.

    Far from the minimum the quadratic model of the energy is wrong and a full Newton step may lead uphill; much damping
    makes it a short step against the gradient. Near the minimum the model is right, and little damping lets it jump
    there.

    Attributes:
        value: the damping now, as a share of each second derivative.
        lower: what a step that helps multiplies it by; one that does not help multiplies it by 4.
        tries: how many dampings one step tries before it gives up.
    """

    value: float = 1e-3
    lower: float = 0.5
    tries: int = 6

    def step(
        self, first: Tensor, second: Tensor, energy: float, attempt: Callable[[Tensor], tuple[float, State]]
    ) -> tuple[float, State] | None:
        """Solve (H + damping diag H) d = -g, eq. (5.3), and try d; raise the damping until the energy falls.

        Each unknown is scaled so that the diagonal of H is 1. The step is then the same in all units, and float32,
        which halves the time of the solution, is precise enough for H.

        Args:
            first: (n,) the gradient g of the energy.
            second: (n, n) its second derivative H, symmetric and not negative; overwritten.
            energy: what a step has to fall below.
            attempt: from a step d (n,) float64 to the energy after it (infinity where there is none), and what has that
                energy.

        Returns:
            what `attempt` gave for the step to be taken; None if no damping made the energy fall.
        """
        scale = (second.diagonal() + 1e-12).rsqrt()
        second *= scale[:, None]
        second *= scale
        downhill = -(first * scale).to(second)[:, None]
        for _ in range(self.tries):
            second.diagonal().fill_(1 + self.value)
            factor, failed = torch.linalg.cholesky_ex(second)
            if not failed:
                found = attempt((scale * torch.cholesky_solve(downhill, factor)[:, 0]).double())
                if found[0] < energy:
                    self.value = max(self.lower * self.value, _LEAST)
                    return found
            self.value = min(max(_HIGHER * self.value, _SOME), MOST)
        return None
