"""Small networks that draw a performance from noise, window by window, given what is heard. Lesson 17.

They are flow models: a performance x and noise z lie on a straight line, x_t = (1 - t) z + t x, and the network learns
its direction x - z, eq. (17.2). Starting from noise, small steps along what it says end at a performance that was
not there before. One branch moves all channels, or several branches share them and may look at each other, eq. (17.5).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from asm_teach.base.arrays import load_npz
from asm_teach.beyond.speech.performance import CHANNELS, FACE, HEAD, HEARD, Script, Speaker, heard, perform
from asm_teach.data.assets import data_dir

WINDOW = 32
"""Frames that a talker sees at once: 1.28 s."""
STEPS = 20
"""Steps from noise to a performance."""
SCALE = torch.tensor([0.08, 0.3, 0.1, 0.12, 0.07, 0.08, 0.05, 0.2, 0.06, 0.15, 0.07, 0.12])
"""About the standard deviation of each channel, so that the network's numbers are about 1."""
EVERY = (tuple(range(len(CHANNELS))),)
EXCHANGE = ((FACE, HEAD), 34, True)
"""Groups, width and exchange of the talker that is embedded."""
BATCH, RATE_OF_LEARNING = 64, 4e-3
_DILATIONS = (1, 2, 4, 8)  # with three taps each and five at the entrance: every frame of a window sees all others
_WAVES = 4  # sines and cosines that tell the network its t

Plan = Callable[[int, int], Tensor]
"""(N frames, step) -> (n, WINDOW) the frames of the windows of that step."""


class Adapter(nn.Module):
    """A narrow passage beside a block: width -> rank -> width. It begins at 0, so it changes nothing at first."""

    def __init__(self, width: int, rank: int) -> None:
        super().__init__()
        self.down, self.up = nn.Conv1d(width, rank, 1), nn.Conv1d(rank, width, 1)
        for weight in self.up.parameters():
            nn.init.zeros_(weight)

    def forward(self, h: Tensor) -> Tensor:
        return self.up(nn.functional.silu(self.down(h)))


class Block(nn.Module):
    """Three frames at a distance, added to what is there."""

    def __init__(self, width: int, dilation: int) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(1, width)
        self.conv = nn.Conv1d(width, width, 3, padding=dilation, dilation=dilation)
        self.adapter: Adapter | None = None

    def forward(self, h: Tensor) -> Tensor:
        out = h + nn.functional.silu(self.conv(self.norm(h)))
        return out if self.adapter is None else out + self.adapter(h)


class Look(nn.Module):
    """One branch looks at another: cross-attention, which prefers frames of about the same time."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.query, self.key, self.value = (nn.Conv1d(width, width, 1) for _ in range(3))
        self.near = nn.Parameter(torch.zeros(()))

    def forward(self, h: Tensor, other: Tensor) -> Tensor:
        q, k, v = self.query(h), self.key(other), self.value(other)  # (B, C, N)
        place = torch.arange(h.shape[-1], dtype=h.dtype, device=h.device)
        away = (place[:, None] - place).abs()
        scores = q.mT @ k / math.sqrt(q.shape[1]) - nn.functional.softplus(self.near) * away
        return (v @ scores.softmax(-1).mT).to(h)


class Branch(nn.Module):
    """The part of a talker that moves some of the channels."""

    def __init__(self, channels: Sequence[int], width: int) -> None:
        super().__init__()
        self.channels = list(channels)
        self.enter = nn.Conv1d(len(channels) + len(HEARD) + 1, width, 5, padding=2)
        self.clock = nn.Linear(2 * _WAVES, width)
        self.blocks = nn.ModuleList(Block(width, dilation) for dilation in _DILATIONS)
        self.leave = nn.Conv1d(width, len(channels), 1)
        nn.init.zeros_(self.leave.weight)


class Talker(nn.Module):
    """Predicts the direction x - z from x_t, t and what is heard.

    Args:
        groups: the channels of each branch.
        width: numbers that a branch keeps for each frame.
        exchange: whether branches look at each other half way through.
    """

    def __init__(self, groups: Sequence[Sequence[int]] = EVERY, width: int = 48, exchange: bool = False) -> None:
        super().__init__()
        self.branches = nn.ModuleList(Branch(channels, width) for channels in groups)
        self.looks = nn.ModuleList(Look(width) for _ in groups) if exchange else None

    def forward(self, x: Tensor, t: Tensor, sounds: Tensor) -> Tensor:
        """(B, 12, N) from x_t (B, 12, N), t (B,) and what is heard (B, 41, N)."""
        turns = t[:, None] * math.pi * 2.0 ** torch.arange(_WAVES, dtype=x.dtype, device=x.device)
        clock = torch.cat([turns.sin(), turns.cos()], 1)
        branches: list[Branch] = list(self.branches)  # type: ignore[arg-type]
        states = [
            one.enter(torch.cat([x[:, one.channels], sounds], 1)) + one.clock(clock)[:, :, None] for one in branches
        ]
        for number in range(len(_DILATIONS)):
            if number == len(_DILATIONS) // 2 and self.looks is not None:
                states = [
                    h + look(h, torch.stack([o for o in states if o is not h]).mean(0))
                    for h, look in zip(states, self.looks, strict=True)
                ]
            states = [one.blocks[number](h) for one, h in zip(branches, states, strict=True)]
        out = torch.empty_like(x)
        for one, h in zip(branches, states, strict=True):
            out[:, one.channels] = one.leave(h)
        return out

    def add_adapters(self, rank: int) -> list[nn.Parameter]:
        """Freeze all weights, put an adapter beside each block, and return the adapters' weights."""
        self.requires_grad_(False)
        for branch in self.branches:
            for block in branch.blocks:  # type: ignore[union-attr]
                block.adapter = Adapter(block.conv.out_channels, rank)
        return [weight for weight in self.parameters() if weight.requires_grad]


def takes(scripts: Sequence[Script], speaker: Speaker, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Performances (S, 12, N) in units of `SCALE`, and what is heard (S, 41, N); all scripts equally long."""
    x = torch.stack([perform(script, generator, speaker).T for script in scripts])
    return (x / SCALE[:, None]).float(), torch.stack([heard(script).T for script in scripts]).float()


def flow_loss(net: nn.Module, x: Tensor, sounds: Tensor, generator: torch.Generator) -> Tensor:
    """Mean squared error of the direction, at times drawn evenly, for windows (B, 12, W)."""
    t = torch.rand(len(x), generator=generator)
    z = torch.randn(x.shape, generator=generator)
    between = (1 - t[:, None, None]) * z + t[:, None, None] * x
    return (net(between, t, sounds) - (x - z)).square().mean()


def windows_of(x: Tensor, sounds: Tensor, count: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Windows drawn by lot from takes: (count, 12, WINDOW) and (count, 41, WINDOW)."""
    which = torch.randint(len(x), (count,), generator=generator)
    first = torch.randint(x.shape[-1] - WINDOW + 1, (count,), generator=generator)
    frames = (first[:, None] + torch.arange(WINDOW))[:, None]
    return tuple(  # type: ignore[return-value]
        all_[which].gather(2, frames.expand(-1, all_.shape[1], -1)) for all_ in (x, sounds)
    )


def learn(
    net: nn.Module, x: Tensor, sounds: Tensor, steps: int, generator: torch.Generator, rate: float = RATE_OF_LEARNING
) -> list[float]:
    """Train whatever of the network's weights is not frozen; the loss at each step."""
    weights = [weight for weight in net.parameters() if weight.requires_grad]
    optimiser = torch.optim.AdamW(weights, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, rate, steps)
    losses = []
    for _ in range(steps):
        loss = flow_loss(net, *windows_of(x, sounds, BATCH, generator), generator)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        losses.append(float(loss.detach()))
    return losses


@torch.no_grad()
def draw(net: nn.Module, sounds: Tensor, plan: Plan, generator: torch.Generator, steps: int = STEPS) -> Tensor:
    """A performance (N, 12) of any length, window by window. Where windows of one step overlap, their mean counts.

    Args:
        sounds: (41, N) what is heard.
        plan: which windows there are in each step.
    """
    count = sounds.shape[-1]
    x = torch.randn(len(SCALE), count, generator=generator)
    for step in range(steps):
        windows = plan(count, step)
        t = torch.full((len(windows),), step / steps)
        found = net(x[:, windows].transpose(0, 1), t, sounds[:, windows].transpose(0, 1))  # (n, 12, W)
        total, times = torch.zeros_like(x), torch.zeros(count)
        for window, direction in zip(windows, found, strict=True):
            total[:, window] += direction
            times[window] += 1
        x = x + total / times / steps
    return (x * SCALE[:, None]).T


@torch.no_grad()
def draw_windows(net: nn.Module, sounds: Tensor, generator: torch.Generator, steps: int = STEPS) -> Tensor:
    """(B, WINDOW, 12) performances of one window each, given what is heard in it (B, 41, WINDOW)."""
    x = torch.randn(len(sounds), len(SCALE), WINDOW, generator=generator)
    for step in range(steps):
        x = x + net(x, torch.full((len(x),), step / steps), sounds) / steps
    return (x * SCALE[:, None]).mT


def load_talker() -> Talker:
    """The talker of two branches that exchange, face and head, as `data/recipe/speech.py` trained it."""
    net = Talker(*EXCHANGE)
    state = load_npz(data_dir() / "talker.npz")
    net.load_state_dict({name: torch.from_numpy(value.astype("float32")) for name, value in state.items()})
    return net.eval()


def windows_at(frames: int, every: int, shift: int = 0) -> Tensor:
    """(n, WINDOW) windows that begin at k `every` - `shift`, counted round the end to the start, eq. (17.4)."""
    starts = torch.arange(0, frames, every) - shift
    return (starts[:, None] + torch.arange(WINDOW)) % frames


def jerk(performance: Tensor, scale: Tensor = SCALE) -> Tensor:
    """(N - 3,) how suddenly a performance (N, 12) changes from frame n to n + 3: third differences, eq. (17.3)."""
    return (performance / scale).diff(n=3, dim=0).square().mean(1).sqrt()
