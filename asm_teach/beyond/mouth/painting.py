"""An encoder that finds what a mouth does, and a painter that draws it from geometry and a few pixels. Lesson 16."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from asm_teach.beyond.mouth.mouth_crops import SHAPES, SIDE, Mouth
from asm_teach.beyond.reader import standard
from asm_teach.data.weights import weights_of


class Encoder(nn.Module):
    """Grey crops (N, 32, 32) to amounts (N, 16) of `SHAPES`, each from 0 to 1: E of eq. (16.5)."""

    def __init__(self) -> None:
        super().__init__()
        last = nn.Linear(8 * 64, len(SHAPES))
        nn.init.constant_(last.bias, -2.0)  # a mouth moves little
        self.body = nn.Sequential(
            nn.Conv2d(1, 12, 3, 2, 1), nn.GroupNorm(3, 12), nn.ReLU(), nn.Conv2d(12, 24, 3, 2, 1),
            nn.GroupNorm(4, 24), nn.ReLU(), nn.Conv2d(24, 24, 3, 1, 1), nn.ReLU(), nn.Conv2d(24, 8, 1), nn.ReLU(),
            nn.Flatten(), last,
        )  # fmt: skip

    def forward(self, crops: Tensor) -> Tensor:
        return closing(self.body(standard(crops)[:, None]).sigmoid())


class Painter(nn.Module):
    """Geometry and a few pixels of a picture to the whole picture: T of eq. (16.4).

    Takes geometry (N, C, 32, 32), shown pixels (N, 32, 32), 0 where nothing is shown, and the mask (N, 32, 32) that
    tells which ones are; gives grey crops (N, 32, 32). A small U-net: details pass by the middle, where each place
    sees the whole crop.
    """

    def __init__(self, channels: int = 3, width: int = 10) -> None:
        super().__init__()
        self.first = nn.Sequential(nn.Conv2d(channels + 2, width, 3, 1, 1), nn.ReLU())
        self.down = nn.Sequential(nn.Conv2d(width, 2 * width, 3, 2, 1), nn.ReLU())
        self.deep = nn.Sequential(nn.Conv2d(2 * width, 3 * width, 3, 2, 1), nn.ReLU())
        self.whole = nn.Linear(3 * width, 3 * width)
        self.up = nn.Sequential(nn.Conv2d(5 * width, 2 * width, 3, 1, 1), nn.ReLU())
        self.last = nn.Sequential(nn.Conv2d(3 * width, width, 3, 1, 1), nn.ReLU(), nn.Conv2d(width, 1, 3, 1, 1))

    def forward(self, geometry: Tensor, shown: Tensor, mask: Tensor) -> Tensor:
        one = self.first(torch.cat([geometry, shown[:, None], mask[:, None].to(shown)], 1))
        two = self.down(one)
        three = self.deep(two)
        three = (three + self.whole(three.mean((2, 3)))[..., None, None]).relu()
        two = self.up(torch.cat([_doubled(three), two], 1))
        return self.last(torch.cat([_doubled(two), one], 1))[:, 0].sigmoid()


def closing(numbers: Tensor) -> Tensor:
    """Amounts (N, 16) of numbers (N, 16) from 0 to 1: the lips close by a share of what the jaw opens, as in ARKit."""
    jaw, close, rest = numbers.split((1, 1, len(SHAPES) - 2), 1)
    return torch.cat([jaw, close * jaw, rest], 1)


def load_encoder(name: str = "cycle") -> Encoder:
    """An encoder that learned from a detector's `landmarks`, or through a painter and the `cycle` besides.

    Raises:
        ValueError: another name.
    """
    encoder = Encoder()
    encoder.load_state_dict(_weights("encoder", name, ("landmarks", "cycle")))
    return encoder.eval()


def load_painter(name: str = "cycle") -> Painter:
    """A painter that learned without the cycle (`plain`) or with it. Raises ValueError for another name."""
    painter = Painter()
    painter.load_state_dict(_weights("painter", name, ("plain", "cycle")))
    return painter.eval()


def _weights(kind: str, name: str, names: tuple[str, ...]) -> dict[str, Tensor]:
    if name not in names:
        raise ValueError(f"name: there is no {kind} {name!r}; choose from {', '.join(names)}")
    return weights_of("mouths.npz", f"{kind} {name}")


def geometry(mouth: Mouth, vertices: Tensor, matrices: Tensor) -> Tensor:
    """(N, 3, 32, 32) normals of the skin, 0 on what lies behind the lips."""
    return mouth.paint(vertices, matrices, mouth.normals(vertices) * mouth.outside[:, None])


@torch.no_grad()
def carried(
    mouth: Mouth, crops: Tensor, now: Tensor, then: Tensor, matrices: Tensor, count: int, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Some pixels of crops, carried along with the skin from one face (N, V, 3) to another.

    Returns:
        what eq. (16.4) shows the painter: the pixels (N, 32, 32), 0 elsewhere, and the mask (N, 32, 32).
    """
    n = len(crops)
    cells = torch.rand(n, SIDE * SIDE, generator=generator).topk(count, 1).indices
    places = torch.stack([cells % SIDE, cells // SIDE], -1) + 0.5
    before, after = mouth.pixels(now, matrices), mouth.pixels(then, matrices)
    usable = (mouth.outside > 0) & (mouth.normals(now)[..., 2] > 0.1)
    away, nearest = torch.cdist(places, torch.where(usable[..., None], before, 1e4)).min(-1)
    shift = (after - before).gather(1, nearest[..., None].expand(-1, -1, 2))
    column, row = (places + shift).floor().long().unbind(-1)
    inside = (away < 1.5) & (column >= 0) & (column < SIDE) & (row >= 0) & (row < SIDE)
    shown, mask = torch.zeros(n, SIDE * SIDE), torch.zeros(n, SIDE * SIDE)
    picture, where = torch.arange(n)[:, None].expand_as(cells)[inside], (SIDE * row + column)[inside]
    shown[picture, where] = crops.flatten(1)[picture, cells[inside]]
    mask[picture, where] = 1
    return shown.reshape(n, SIDE, SIDE), mask.reshape(n, SIDE, SIDE)


def other_amounts(amounts: Tensor, generator: torch.Generator) -> Tensor:
    """Changed expressions: those of other pictures, some shapes at random, weaker ones; a quarter each, and rest."""
    n = len(amounts)
    random = torch.rand(amounts.shape, generator=generator) * (torch.rand(amounts.shape, generator=generator) < 0.2)
    mixed = (amounts[torch.randperm(n, generator=generator)] + closing(random)).clamp(0, 1)
    choices = torch.stack([mixed, closing(random), amounts * torch.rand(n, 1, generator=generator), 0 * amounts])
    return choices[torch.multinomial(torch.tensor([0.4, 0.4, 0.1, 0.1]), n, True, generator=generator), torch.arange(n)]


def cycle_loss(found: Tensor, asked: Tensor) -> Tensor:
    """What the encoder finds in a painted picture, less what was asked of the painter, (N, 16) each; eq. (16.5)."""
    return (found - asked).square().sum(1).mean()


def obedience(asked: Tensor, seen: Tensor) -> Tensor:
    """Which part of the changes that were asked for (N, 16) is seen in the pictures (N, 16): a slope, eq. (16.6)."""
    return (asked * seen).sum() / asked.square().sum()


def _doubled(x: Tensor) -> Tensor:
    return nn.functional.interpolate(x, scale_factor=2.0, mode="nearest")
