"""A small network that reads action units from a crop of a face, and what it looks at. Lesson 13."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from asm_teach.base.arrays import load_npz
from asm_teach.beyond.action_units import UNITS
from asm_teach.beyond.face_crops import SIZE
from asm_teach.data.assets import data_dir
from asm_teach.data.weights import weights_of


def load_reader(name: str = "plain") -> Reader:
    """A reader that `data/recipe/reader.py` trained on drawn faces: `plain`, or `taught` by the attention loss too.

    Raises:
        ValueError: another name.
    """
    if name not in (names := sorted({key.split("/")[0] for key in load_npz(data_dir() / "reader.npz")})):
        raise ValueError(f"name: there is no reader {name!r}; choose from {', '.join(names)}")
    reader = Reader()
    reader.load_state_dict(weights_of("reader.npz", name))
    return reader.eval()


class Reader(nn.Module):
    """Grey crops (N, 64, 64) to one number (logit) for each of the 17 action units, (N, 17).

    Four convolutions make a map of 8 x 8 places with 48 features each; their mean over the features is where the
    network looks, see `attention`. A last layer reads the units off the map. Some 50,000 weights.
    """

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 12, 5, 2, 2), nn.GroupNorm(3, 12), nn.ReLU(),
            nn.Conv2d(12, 24, 3, 2, 1), nn.GroupNorm(4, 24), nn.ReLU(),
            nn.Conv2d(24, 48, 3, 2, 1), nn.GroupNorm(6, 48), nn.ReLU(),
            nn.Conv2d(48, 48, 3, 1, 1), nn.ReLU(),
        )  # fmt: skip
        self.features.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # faster on a CPU
        self.narrow = nn.Conv2d(48, 14, 1)
        self.drop = nn.Dropout(0.3)
        self.units = nn.Linear(14 * 64, len(UNITS))

    def feature_map(self, crops: Tensor) -> Tensor:
        """(N, 48, 8, 8) features, none below zero, of crops (N, 64, 64)."""
        if crops.ndim != 3 or tuple(crops.shape[1:]) != (SIZE, SIZE):
            raise ValueError(f"crops has shape {tuple(crops.shape)}: give (N, {SIZE}, {SIZE}), grey from 0 to 1")
        pictures = standard(crops)[:, None].contiguous(memory_format=torch.channels_last)
        return self.features(pictures)

    def read_out(self, features: Tensor) -> Tensor:
        """(N, 17) logits from a feature map."""
        return self.units(self.drop(self.narrow(features).relu().flatten(1)))

    def forward(self, crops: Tensor) -> Tensor:
        return self.read_out(self.feature_map(crops))


def attention(features: Tensor) -> Tensor:
    """(N, 8, 8): the mean over the features of a map (N, C, 8, 8), where the network looks."""
    return features.mean(1)


def attention_loss(features: Tensor, target: Tensor) -> Tensor:
    """1 - the cosine of attention and target (N, 8, 8), the mean over faces; eq. (13.3).

    A face whose target is 0 everywhere, because nothing moves in it, does not count.
    """
    moved = target.flatten(1).any(1)
    looked = attention(features)[moved].flatten(1)
    return (1 - nn.functional.cosine_similarity(looked, target[moved].flatten(1))).mean()


@torch.no_grad()
def occlusion_maps(reader: nn.Module, crops: Tensor, units: Sequence[int], side: int = 8) -> Tensor:
    """How much each covered square takes from the score of some units, (N, 64 / side, 64 / side); eq. (13.4).

    Args:
        reader: crops (N, 64, 64) to logits of units.
        crops: (N, 64, 64); a square is covered with the mean of its crop.
        units: columns of the logits; their mean is the score.
        side: of a square, pixels; 64 has to be a multiple.

    Raises:
        ValueError: a side that does not divide 64, or no unit.
    """
    if side < 1 or SIZE % side:
        raise ValueError(f"side is {side}: give a whole number that divides {SIZE}, such as 8")
    if not len(units):
        raise ValueError("units is empty: give at least one column of the logits")
    count, columns = SIZE // side, list(units)
    places = torch.eye(count * count, dtype=torch.bool).reshape(-1, count, count)
    squares = places.repeat_interleave(side, 1).repeat_interleave(side, 2)
    found = []
    for crop in crops:
        tries = torch.cat([crop[None], torch.where(squares, crop.mean(), crop)])
        scores = reader(tries)[:, columns].mean(1)
        found.append((scores[0] - scores[1:]).reshape(count, count))
    return torch.stack(found)


def standard(crops: Tensor) -> Tensor:
    """Crops (N, S, S) less what is around each pixel, over how much it varies there.

    Light, exposure and the tone of skin change slowly across a face. They would be shortcuts, and go.
    """
    rough = crops - _around(crops)
    return rough / (_around(rough.square()) + 1e-4).sqrt()


def _around(x: Tensor) -> Tensor:
    """The mean over 11 x 11 pixels, fewer at the border: along columns and along rows, as two products of matrices."""
    place = torch.arange(x.shape[-1], device=x.device)
    near = ((place[:, None] - place).abs() <= 5).to(x)
    near = near / near.sum(1, keepdim=True)
    return near @ x @ near.T
