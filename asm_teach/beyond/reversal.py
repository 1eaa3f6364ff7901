"""Gradient reversal: a reader of action units that is trained to forget whose face it reads. Lesson 14."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

CODE, HIDDEN, STEPS = 12, 64, 200
RATE, PEOPLE_RATE = 5e-3, 2e-2  # the head that names people learns faster: a slow one would be fooled too easily
LAMBDAS = (0.0, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)


class ReverseGradient(torch.autograd.Function):
    """The identity forwards; backwards the gradient times -strength, eq. (14.1)."""

    @staticmethod
    def forward(ctx: Any, z: Tensor, strength: float) -> Tensor:
        ctx.strength = strength
        return z.view_as(z)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        return -ctx.strength * grads[0], None


def reverse_gradient(z: Tensor, strength: float) -> Tensor:
    """z itself, with a gradient that is turned round. Raises ValueError for a negative or infinite strength."""
    if not 0 <= strength < float("inf"):
        raise ValueError(f"strength is {strength}: give a number from 0; the minus sign is already in the reversal")
    return ReverseGradient.apply(z, strength)


class UnitReader(nn.Module):
    """Points (N, D) to a code (N, 12), from which one linear layer reads units and another one names people.

    The code has mean 0 and deviation 1 in each column, so that information cannot hide by getting small.
    """

    mean: Tensor
    spread: Tensor

    def __init__(self, points: Tensor, units: int, people: int) -> None:
        super().__init__()
        self.register_buffer("mean", points.mean(0))
        self.register_buffer("spread", points.std(0).clamp_min(1e-6))
        self.encoder = nn.Sequential(
            nn.Linear(points.shape[1], HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, CODE), nn.BatchNorm1d(CODE, affine=False)
        )
        self.units, self.people = nn.Linear(CODE, units), nn.Linear(CODE, people)

    def code(self, points: Tensor) -> Tensor:
        return self.encoder((points - self.mean) / self.spread)

    def forward(self, points: Tensor) -> Tensor:
        return self.units(self.code(points))


def train_reader(
    points: Tensor, there: Tensor, who: Tensor, strength: float, seed: int, weights: Tensor | None = None
) -> UnitReader:
    """Train with cross entropy on units, and on people behind the reversal: L = BCE + CE(people(R(z))), eq. (14.1).

    Args:
        points: (N, D).
        there: (N, U) of True and False, which units there are.
        who: (N,) int64, 0 to P - 1, whose face it is.
        strength: lambda; at 0 the encoder does not notice the head that names people.
        seed: of the weights.
        weights: (N, U) of the units' losses, or none.

    Raises:
        ValueError: labels of another length, or fewer than two people.
    """
    if not len(points) == len(there) == len(who):
        raise ValueError(f"points, there and who have {len(points)}, {len(there)}, {len(who)} rows: give one per face")
    people = int(who.max()) + 1
    if people < 2:
        raise ValueError("who names one person only: there is nothing to tell people apart by")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net = UnitReader(points, there.shape[1], people)
    slow = [*net.encoder.parameters(), *net.units.parameters()]
    groups: list[dict[str, Any]] = [{"params": slow}, {"params": net.people.parameters(), "lr": PEOPLE_RATE}]
    optimiser = torch.optim.AdamW(groups, RATE, betas=(0.5, 0.99), weight_decay=1e-2)
    for _ in range(STEPS):
        code = net.code(points)
        loss = F.binary_cross_entropy_with_logits(net.units(code), there.float(), weight=weights)
        loss = loss + F.cross_entropy(net.people(reverse_gradient(code, strength)), who)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return net.eval()


def identity_probe(code: Tensor, who: Tensor) -> float:
    """The share of faces whose person a fresh linear reader names from a code: fitted on half, asked on the rest.

    Ridge regression on one column per person, by every second face of each; `code` (N, D), `who` (N,) int64.

    Raises:
        ValueError: labels of another length, or fewer than two people.
    """
    if len(code) != len(who):
        raise ValueError(f"code has {len(code)} rows, who {len(who)}: give one label for each face")
    names, who = who.unique(return_inverse=True)
    if len(names) < 2:
        raise ValueError("who names one person only: a probe needs at least two")
    first = torch.zeros(len(who), dtype=torch.bool)
    for person in range(len(names)):
        first[(who == person).nonzero().flatten()[::2]] = True
    code = (code - code[first].mean(0)) / code[first].std(0).clamp_min(1e-6)
    x, goal = code[first], F.one_hot(who[first], len(names)).to(code) - 1 / len(names)
    weights = torch.linalg.solve(x.T @ x + torch.eye(x.shape[1]).to(x), x.T @ goal)
    return float(((code[~first] @ weights).argmax(1) == who[~first]).double().mean())
