"""The scalar filter of lesson 19, and the slips that it invites."""

from __future__ import annotations

import torch
from torch import Tensor


def filters(z: Tensor, q: float, r: float, p: float) -> tuple[Tensor, dict[str, Tensor]]:
    """The guesses (T,) of measurements z (T,), and a table: sentence -> what the slip in it makes of them."""

    def run(order: str = "usual", q: float = q, r: float = r) -> Tensor:
        now, a, found = p, torch.zeros_like(z[0]), []
        for measured in z:
            now = now + q if order != "late q" else now
            k = now / (now + r)
            k = 1 - k if order == "other gain" else k
            a = measured + k * (a - measured) if order == "other way" else a + k * (measured - a)
            now = now if order == "no shrinking" else (1 - k) * now
            now = now + q if order == "late q" else now
            found.append(a)
        return torch.stack(found)

    first = (p + q) / (p + q + r)
    powers = (1 - first) ** torch.arange(len(z)).to(z)
    fixed = torch.stack([first * (powers[: t + 1].flip(0) * z[: t + 1]).sum() for t in range(len(z))])
    return run(), {
        "q is added after the measurement; the number wanders before it": run("late q"),
        "p does not shrink: after a measurement it is (1 - k) p": run("no shrinking"),
        "q is missing: the variance grows in each frame": run(q=0.0),
        "the gain is p / (p + r): this is r / (p + r)": run("other gain"),
        "the guess moves by k times the difference: here 1 - k stands in its place": run("other way"),
        "the gain of the first frame is used for all: p changes in each": fixed,
        "q and r are exchanged": run(q=r, r=q),
        "r is a variance already: do not square it": run(r=r**2),
        "q is a variance already: do not square it": run(q=q**2),
        "these are the measurements: the filter has to weigh them": z,
    }
