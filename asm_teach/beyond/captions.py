"""Captions of heads: a small grammar, and two encoders that learn which caption belongs to which picture. Lesson 18.

A caption says what is measured on the head: each attribute is a difference between landmarks in millimetres, and is
named where it is unusual. The encoders put pictures and captions into one space, where a direction has a meaning.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

SIDE = 64  # pixels of a picture of a head
SPACE = 32  # numbers of an embedding
LONGEST = 24  # words of a sentence
_CODE = ("x", "y")


class Attribute(NamedTuple):
    """What may be said of a head: the mean of some of the 68 landmarks less that of others along an axis, in mm.

    more, less: phrases for a head that has much of it, or little; without the second, little is not worth a word.
    """

    more: tuple[str, ...]
    less: tuple[str, ...]
    first: tuple[int, ...]
    second: tuple[int, ...]
    axis: str


ATTRIBUTES: dict[str, Attribute] = {
    "smile": Attribute(("a smile", "raised mouth corners"), ("lowered mouth corners",), (48, 54), (51, 51, 57), "y"),
    "open mouth": Attribute(("an open mouth", "a dropped jaw"), (), (62,), (66,), "y"),
    "raised brows": Attribute(
        ("raised brows", "high brows"), ("lowered brows", "low brows"), (18, 19, 20, 23, 24, 25), (36, 39, 42, 45), "y"
    ),
    "closed eyes": Attribute(
        ("closed eyes", "shut eyes"), ("wide open eyes",), (40, 41, 46, 47), (37, 38, 43, 44), "y"
    ),
    "wide jaw": Attribute(("a wide jaw", "a broad jaw"), ("a narrow jaw",), (12,), (4,), "x"),
    "long nose": Attribute(("a long nose",), ("a short nose",), (27,), (33,), "y"),
    "wide nose": Attribute(("a wide nose", "a broad nose"), ("a narrow nose",), (35,), (31,), "x"),
    "full lips": Attribute(("full lips", "thick lips"), ("thin lips",), (51, 66), (62, 57), "y"),
}
"""Eight attributes by the phrase that stands for them. In a smile 57 counts less than 51: a dropped jaw takes it."""

OPENINGS = ("a face", "the face", "a head", "a person")
PLAIN = "a face"
"""The caption that says nothing: where an edit begins."""
WORDS = tuple(
    sorted(
        {"with", "and"}
        | {word for phrase in OPENINGS for word in phrase.split()}
        | {word for one in ATTRIBUTES.values() for phrase in (*one.more, *one.less) for word in phrase.split()}
    )
)
"""All words of the grammar."""


def measure(points: Tensor) -> Tensor:
    """Attributes in mm, (..., 8) in the order of `ATTRIBUTES`, of landmarks (..., 68, 3).

    Raises:
        ValueError: points of another shape.
    """
    if points.shape[-2:] != (68, 3):
        raise ValueError(f"points has shape {tuple(points.shape)}: give the 68 landmarks, (..., 68, 3)")
    found = []
    for one in ATTRIBUTES.values():
        along = points[..., _CODE.index(one.axis)]
        found.append(along[..., list(one.first)].mean(-1) - along[..., list(one.second)].mean(-1))
    return torch.stack(found, -1)


def caption(unusual: Tensor, generator: np.random.Generator, threshold: float = 0.8, most: int = 3) -> str:
    """A sentence that names up to `most` unusual attributes, in an order and in words that are drawn by lot.

    Args:
        unusual: (8,) how many standard deviations each attribute lies above the mean of all heads.
        threshold: from how many on it is worth a word.
    """
    phrases = []
    for value, one in zip(unusual.tolist(), ATTRIBUTES.values(), strict=True):
        said = one.more if value > threshold else one.less if value < -threshold else ()
        if said:
            phrases.append(str(generator.choice(said)))
    chosen = generator.permutation(len(phrases))[:most]
    return sentence([phrases[k] for k in chosen], str(generator.choice(OPENINGS)))


def sentence(phrases: Iterable[str], opening: str = PLAIN) -> str:
    """`a face with full lips, a wide jaw and a smile` from its three phrases; the opening alone without any."""
    *most, last = list(phrases) or [""]
    if not last:
        return opening
    return f"{opening} with {', '.join(most)} and {last}" if most else f"{opening} with {last}"


def words_of(text: str) -> list[int]:
    """The numbers of a sentence's words in `WORDS`; capitals, commas and full stops do not count.

    Raises:
        ValueError: an empty sentence, one that is too long, or words that are not in the grammar: they are named.
    """
    words = re.findall(r"[^\W_]+", text.lower())
    if not words:
        raise ValueError(f"sentence: there is no word in {text!r}; write one such as 'a face with a smile'")
    if unknown := list(dict.fromkeys(word for word in words if word not in WORDS)):
        raise ValueError(
            f"sentence: unknown {'word' if len(unknown) == 1 else 'words'} {', '.join(map(repr, unknown))}; "
            f"the encoder learned these {len(WORDS)} words alone: {', '.join(WORDS)}"
        )
    if len(words) > LONGEST:
        raise ValueError(f"sentence: it has {len(words)} words; up to {LONGEST} can be read, so say it in fewer")
    return [WORDS.index(word) for word in words]


def understood(text: str) -> dict[str, int]:
    """Which attributes a sentence names, 1 for much of it and -1 for little. Raises as `words_of`."""
    said = " ".join(WORDS[k] for k in words_of(text))
    found = {}
    for name, one in ATTRIBUTES.items():
        for sign, phrases in ((1, one.more), (-1, one.less)):
            if any(re.search(rf"\b{re.sub('^an? ', '', phrase)}\b", said) for phrase in phrases):
                found[name] = sign
    return found


class TextEncoder(nn.Module):
    """Sentences to embeddings of length 1, (N, 32): a vector per word, one look at its neighbours, the most of each.

    The neighbours tell a wide jaw from a wide nose. Some 7,000 weights.
    """

    def __init__(self) -> None:
        super().__init__()
        self.words = nn.Embedding(len(WORDS) + 1, 32, padding_idx=len(WORDS))
        self.near = nn.Conv1d(32, 48, 3, padding=1)
        self.out = nn.Linear(48, SPACE)

    def forward(self, sentences: Iterable[str]) -> Tensor:
        rows = [words_of(one) for one in sentences]
        longest = max(map(len, rows))
        numbers = torch.tensor([row + [len(WORDS)] * (longest - len(row)) for row in rows])
        features = self.near(self.words(numbers).mT).relu()
        features = features * (numbers < len(WORDS))[:, None]  # a gap is no word
        return nn.functional.normalize(self.out(features.amax(2)), dim=1)


class PictureEncoder(nn.Module):
    """Grey pictures (N, 64, 64) from 0 to 1 to embeddings of length 1, (N, 32), by four convolutions."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 12, 5, 2, 2), nn.GroupNorm(3, 12), nn.ReLU(),
            nn.Conv2d(12, 20, 3, 2, 1), nn.GroupNorm(4, 20), nn.ReLU(),
            nn.Conv2d(20, 28, 3, 2, 1), nn.GroupNorm(4, 28), nn.ReLU(),
            nn.Conv2d(28, 16, 3, 1, 1), nn.ReLU(),
        )  # fmt: skip
        self.features.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # faster on a CPU
        self.out = nn.Linear(16 * 64, SPACE)

    def forward(self, pictures: Tensor) -> Tensor:
        if pictures.ndim != 3 or tuple(pictures.shape[1:]) != (SIDE, SIDE):
            raise ValueError(f"pictures has shape {tuple(pictures.shape)}: give (N, {SIDE}, {SIDE}), grey from 0 to 1")
        grey = (2 * pictures - 1)[:, None].contiguous(memory_format=torch.channels_last)
        return nn.functional.normalize(self.out(self.features(grey).flatten(1)), dim=1)


def match_loss(pictures: Tensor, texts: Tensor, temperature: float = 0.1) -> Tensor:
    """How poorly pictures (N, d) and their captions (N, d) find each other among all N, eq. (18.3).

    The cross entropy of the right partner, once over the captions and once over the pictures; embeddings have length 1.
    """
    scores = pictures @ texts.T / temperature
    right = torch.arange(len(scores), device=scores.device)
    cross_entropy = nn.functional.cross_entropy
    return (cross_entropy(scores, right) + cross_entropy(scores.T, right)) / 2


def directional_loss(pictures: Tensor, texts: Tensor) -> Tensor:
    """1 - cos of how pictures and texts have moved, (N, d) each, the mean over the edits; eq. (18.4)."""
    return (1 - nn.functional.cosine_similarity(pictures, texts, dim=1)).mean()


def contrast_loss(pictures: Tensor, texts: Tensor, temperature: float = 0.2) -> Tensor:
    """How poorly each edit is told from the others by its direction, (N, d) each; eq. (18.5)."""
    scores = nn.functional.normalize(pictures, dim=1) @ nn.functional.normalize(texts, dim=1).T / temperature
    return nn.functional.cross_entropy(scores, torch.arange(len(scores), device=scores.device))
