"""Descent along the slope of a loss, one step size for each kind of number; the best state is kept."""

from __future__ import annotations

import math
from collections.abc import Callable, Container, Iterable, Sequence

import torch
from torch import Tensor

from asm_teach.fitting.result import Record, iterate
from asm_teach.model.adaptive import SkinnedModel


def descend(
    loss: Callable[[int], Tensor],
    groups: Sequence[tuple[Iterable[Tensor], float]],
    steps: int,
    label: str,
    watch: Callable[[Record], None] | None = None,
    progress: bool = True,
    changes: Container[int] = (),
) -> tuple[tuple[Record, ...], bool]:
    """Adam on groups of (parameters, learning rate), rates falling to nothing; the best state is kept.

    loss: iteration -> scalar. watch: called after every iteration, for live views; it may raise KeyboardInterrupt.
    changes: iterations at which the loss becomes another function, so that earlier values no longer compare.
    Returns the history and whether the descent was interrupted. A loss that is no longer finite ends it.
    Raises ValueError for fewer than one step, and for a loss that is not finite from the start.
    """
    groups = [(list(parameters), rate) for parameters, rate in groups]
    parameters = [p for group, _ in groups for p in group]
    optimiser = torch.optim.Adam([{"params": group, "lr": rate} for group, rate in groups], betas=(0.9, 0.98))
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, max(steps, 1), eta_min=0.0)
    best, kept = math.inf, [p.detach().clone() for p in parameters]

    def step(iteration: int) -> tuple[float, float]:
        nonlocal best
        optimiser.zero_grad(set_to_none=True)
        value = loss(iteration)
        number = value.item()
        if not number < math.inf:
            if iteration == 0:
                raise ValueError(
                    f"loss: it is {number} before the first step; look for NaN or huge numbers in the input"
                )
            raise StopIteration
        if number < best or iteration in changes:
            best = number
            for keep, p in zip(kept, parameters, strict=True):
                keep.copy_(p.detach())
        value.backward()
        optimiser.step()
        schedule.step()
        return number, math.nan

    try:
        return iterate(step, steps, label, watch, progress)
    finally:
        with torch.no_grad():
            for keep, p in zip(kept, parameters, strict=True):
                p.copy_(keep)


def snapshot(model: SkinnedModel) -> dict[str, Tensor]:
    """A copy of the parameters as they are now."""
    return {name: parameter.detach().clone() for name, parameter in model.named_parameters()}


RATES = {
    "translation": 0.2, "rotation": 0.01, "log_scale": 0.01, "bone_uv": 0.001,
    "mixture_mean": 0.002, "mixture_factor": 0.02, "mixture_logits": 0.05,
}  # fmt: skip


def parameter_groups(model: SkinnedModel) -> list[tuple[list[Tensor], float]]:
    """Every parameter of a model with a learning rate in its own unit."""
    return [([parameter], RATES[name]) for name, parameter in model.named_parameters()]
