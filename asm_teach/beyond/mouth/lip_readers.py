"""Two small networks that read visemes from films of a mouth: one to fit with, the other to judge by. Lesson 16."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from asm_teach.beyond.mouth.mouth_crops import SIDE
from asm_teach.beyond.reader import standard
from asm_teach.beyond.speech.mouth_shapes import halves
from asm_teach.beyond.speech.sentence import SILENCE, Timed
from asm_teach.data.weights import weights_of

VISEMES: dict[str, str] = {
    "closed": "P B M", "tucked": "F V", "round": "W UW UH ER R AO SH ZH CH JH", "wide": "IY IH Y S Z",
    "open": "AA AE AH EH", "other": f"T D N L K G NG TH DH HH {SILENCE}",
}  # fmt: skip
"""What a lip reader can tell apart: a name, and the phones that look like it (diphthongs count as their halves)."""

WINDOW = 5  # crops that a lip reader sees at once
RATE = 25  # crops a second
_OF_PHONE = {phone: k for k, phones in enumerate(VISEMES.values()) for phone in phones.split()}


def visemes(phones: Sequence[Timed], times: Tensor) -> Tensor:
    """(T,) which of `VISEMES` is spoken at each time, in seconds."""
    parts = halves(phones)
    ends = torch.tensor([part.end for part in parts], dtype=torch.float64)
    at = torch.searchsorted(ends, times.double(), right=True).clamp(max=len(parts) - 1)
    return torch.tensor([_OF_PHONE[part.name] for part in parts])[at]


def windows(crops: Tensor) -> Tensor:
    """(T - 4, 5, 32, 32): each crop of a film (T, 32, 32) with the two before and the two after it."""
    return crops.unfold(0, WINDOW, 1).permute(0, 3, 1, 2)


class LipReader(nn.Module):
    """Films of five grey crops (N, 5, 32, 32) to a number (logit) for each of the six `VISEMES`, (N, 6).

    Five crops are five channels of one picture here: the first layer sees motion at once.
    """

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(WINDOW, 16, 3, 2, 1), nn.GroupNorm(4, 16), nn.ReLU(),
            nn.Conv2d(16, 24, 3, 2, 1), nn.GroupNorm(4, 24), nn.ReLU(),
            nn.Conv2d(24, 24, 3, 2, 1), nn.ReLU(), nn.Flatten(),
        )  # fmt: skip
        self.drop = nn.Dropout(0.2)
        self.narrow = nn.Linear(24 * 16, 24)
        self.classes = nn.Linear(24, len(VISEMES))

    def features(self, films: Tensor) -> Tensor:
        """(N, 24) features: what the last layer decides by."""
        return self.narrow(self.drop(self.body(_even(films)))).tanh()

    def forward(self, films: Tensor) -> Tensor:
        return self.classes(self.features(films))


class OtherLipReader(nn.Module):
    """As `LipReader`, built otherwise: large filters, and of each four places the one that answers most."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(WINDOW, 20, 5, 2, 2), nn.ReLU(), nn.Conv2d(20, 24, 3, 1, 1), nn.GroupNorm(6, 24), nn.ReLU(),
            nn.MaxPool2d(2), nn.Conv2d(24, 24, 3, 1, 1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Dropout(0.2),
            nn.Linear(24 * 16, 32), nn.ReLU(), nn.Linear(32, len(VISEMES)),
        )  # fmt: skip

    def forward(self, films: Tensor) -> Tensor:
        return self.body(_even(films))


def load_lip_reader(name: str = "A") -> LipReader | OtherLipReader:
    """The lip reader `A`, which fits may use, or `B`, which knows other people and only judges.

    Raises:
        ValueError: another name.
    """
    kinds: dict[str, type[LipReader] | type[OtherLipReader]] = {"A": LipReader, "B": OtherLipReader}
    if name not in kinds:
        raise ValueError(f"name: there is no lip reader {name!r}; choose A or B")
    reader = kinds[name]()
    reader.load_state_dict(weights_of("mouths.npz", name))
    return reader.eval()


def _even(films: Tensor) -> Tensor:
    """Films without light, exposure and tone of skin, by `standard`."""
    if films.ndim != 4 or tuple(films.shape[1:]) != (WINDOW, SIDE, SIDE):
        raise ValueError(f"films has shape {tuple(films.shape)}: give (N, {WINDOW}, {SIDE}, {SIDE}), grey from 0 to 1")
    return standard(films.reshape(-1, SIDE, SIDE)).reshape(films.shape)
