"""A face and what lies before it: scenes whose label needs both, read by comparing with prompts. Lesson 15.

Two cards lie before a person, one of them a phone. Who looks at the phone is called distracted, whatever the face; who
looks at the book or the screen is called by the face. The rule is ours, and no measurement of a mind.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from asm_teach.beyond.moving.clips import NUMBERS, SHOWN, Actors, aside
from asm_teach.beyond.moving.small_motions import Block

FACES = tuple(SHOWN)  # at a book or a screen they are called by the first four labels, in this order
LABELS = ("neutral", "enjoying", "confused", "tired", "distracted")
CARDS = ("book", "screen", "phone")
WORDS = (*FACES, *CARDS)  # a caption: the face, the card it looks at, the other card
ROWS, COLUMNS = 10, 24  # pixels of a scene
FRAMES = 4
TEMPERATURE = 0.01


class Scenes(NamedTuple):
    """Frames of a face and its gaze (N, T, 138), pictures (N, 10, 24), captions (N, 3) as words, labels (N,)."""

    faces: Tensor
    pictures: Tensor
    captions: Tensor
    labels: Tensor


def rule(face: Tensor, looked_at: Tensor) -> Tensor:
    """The label of a face, a number of `FACES`, and the card it looks at, a number of `CARDS`."""
    return torch.where(looked_at == CARDS.index("phone"), LABELS.index("distracted"), face)


def draw_cards(left: int, right: int, generator: np.random.Generator) -> Tensor:
    """A picture (10, 24) of two cards, numbers of `CARDS`: a book has a spine, a screen is wide, a phone narrow."""
    picture = torch.zeros(ROWS, COLUMNS)
    for side, card in enumerate((left, right)):
        row, column = int(generator.integers(1, 4)), 12 * side + int(generator.integers(1, 3))
        if CARDS[card] == "book":
            picture[row : row + 6, column : column + 9] = 0.8
            picture[row : row + 6, column + 4] = 0.2
        elif CARDS[card] == "screen":
            picture[row : row + 5, column : column + 9] = 0.8
            picture[row + 1 : row + 4, column + 1 : column + 8] = 0.4
        else:
            picture[row : row + 6, column + 3 : column + 6] = 0.8
    return picture + 0.15 * torch.from_numpy(generator.normal(size=(ROWS, COLUMNS))).float()


def draw_scenes(actors: Actors, count: int, seed: int, phone_right: float = 0.5) -> Scenes:
    """People who look at one of two cards, of which one is a phone, with one of four faces.

    Args:
        phone_right: how often the phone lies on the right.
    """
    generator = np.random.default_rng(seed)
    face = torch.from_numpy(generator.integers(0, len(FACES), count))
    work = torch.from_numpy(generator.integers(0, 2, count))
    right = torch.from_numpy(generator.random(count) < phone_right)
    gaze = torch.from_numpy(generator.integers(0, 2, count))  # 1 is to the right
    at_phone = gaze.bool() == right
    looked = torch.where(at_phone, 2, work)
    beside = torch.where(at_phone, work, 2)
    faces, pictures = [], []
    for k in range(count):
        amounts = aside(FRAMES, generator)
        for number in SHOWN[FACES[int(face[k])]]:
            amounts[number] = (
                float(generator.uniform(0.3, 0.7)) + torch.from_numpy(generator.normal(0, 0.05, FRAMES)).float()
            )
        frames = actors.film(int(generator.integers(len(actors.rest))), amounts, generator)
        where = torch.tensor([0.3 * (2 * float(gaze[k]) - 1), -0.3])  # radians to the side, and down
        look = where + torch.from_numpy(generator.normal(0, 0.12, (FRAMES, 2))).float()
        faces.append(torch.cat([frames, look], 1))
        cards = (int(work[k]), 2) if bool(right[k]) else (2, int(work[k]))
        pictures.append(draw_cards(*cards, generator))
    words = torch.stack([face, len(FACES) + looked, len(FACES) + beside], 1)
    return Scenes(torch.stack(faces), torch.stack(pictures), words, rule(face, looked))


def prompt_logits(seen: Tensor, prompts: Tensor, temperature: float = TEMPERATURE) -> Tensor:
    """Cosines of what is seen (N, D) with each prompt (C, D), over the temperature: logits (N, C); eq. (15.7)."""
    return F.normalize(seen, dim=-1) @ F.normalize(prompts, dim=-1).mT / temperature


class SceneReader(nn.Module):
    """Two towers into one space of 32 numbers: faces with scenes, and words.

    Args:
        uses: "both", "face" or "scene"; what it does not use is 0 to it.
    """

    def __init__(self, uses: str = "both", width: int = 48) -> None:
        super().__init__()
        self.uses = uses
        self.face, self.scene = nn.Linear(NUMBERS + 2, width), nn.Linear(ROWS * COLUMNS, width)
        self.time = Block(width)
        self.join = nn.Sequential(nn.Linear(2 * width, 96), nn.GELU(), nn.Linear(96, 96), nn.GELU(), nn.Linear(96, 32))
        self.words = nn.Embedding(len(WORDS), 16)
        self.text = nn.Sequential(nn.Linear(48, 64), nn.GELU(), nn.Linear(64, 32))
        self.prompts = nn.Parameter(0.3 * torch.randn(len(LABELS), 3, 16))  # word vectors that no word has

    def see(self, scenes: Scenes) -> Tensor:
        """(N, 32) of faces and pictures."""
        face = self.time(self.face(scenes.faces)).mean(1) * (self.uses != "scene")
        scene = F.gelu(self.scene(scenes.pictures.flatten(1))) * (self.uses != "face")
        return self.join(torch.cat([face, scene], 1))

    def say(self, vectors: Tensor) -> Tensor:
        """(N, 32) of three word vectors each (N, 3, 16): of captions, or of the prompts."""
        return self.text(vectors.flatten(1))

    def forward(self, scenes: Scenes) -> Tensor:
        """(N, 5) logits of the labels."""
        return prompt_logits(self.see(scenes), self.say(self.prompts))

    def written(self) -> Tensor:
        """Prompts (5, 3, 16) in words: a face at a book or screen with a phone beside it, or any face at the phone."""
        word = self.words.weight
        work, phone = word[[4, 5]].mean(0), word[6]
        rows = [torch.stack([word[face], work, phone]) for face in range(len(FACES))]
        return torch.stack([*rows, torch.stack([word[: len(FACES)].mean(0), phone, work])])


def subset(scenes: Scenes, rows: Tensor) -> Scenes:
    """Some of the scenes."""
    return Scenes(*(part[rows] for part in scenes))


def learn_captions(reader: SceneReader, scenes: Scenes, seed: int, steps: int = 500) -> SceneReader:
    """Bring each scene near to its caption and away from the others of its batch; no label is looked at."""
    torch.manual_seed(seed)
    optimiser = torch.optim.AdamW(reader.parameters(), 2e-3, weight_decay=0.01)
    for _ in range(steps):
        some = subset(scenes, torch.randint(len(scenes.labels), (96,)))
        logits = prompt_logits(reader.see(some), reader.say(reader.words(some.captions)), 0.1)
        same = (some.captions[:, None] == some.captions).all(-1).float()
        same = same / same.sum(1, keepdim=True)
        loss = F.cross_entropy(logits, same) + F.cross_entropy(logits.mT, same)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return reader


def learn_labels(
    reader: SceneReader, scenes: Scenes, seed: int, steps: int = 300, only: tuple[str, ...] = (), rate: float = 2e-3
) -> SceneReader:
    """Learn prompts from labelled scenes; `only` names the parameters that may change, and without it all may."""
    torch.manual_seed(seed)
    chosen = [one for name, one in reader.named_parameters() if not only or name.split(".")[0] in only]
    optimiser = torch.optim.AdamW(chosen, rate, weight_decay=0.01)
    for _ in range(steps):
        some = subset(scenes, torch.randint(len(scenes.labels), (96,)))
        optimiser.zero_grad()
        F.cross_entropy(reader(some), some.labels).backward()
        optimiser.step()
    return reader


def swapped(scenes: Scenes, seed: int) -> Scenes:
    """Each face before the cards of another person, with the label that the rule gives.

    A card lies where it lay, and the face looks where it looked: so it may look at another kind of card now.
    """
    order = torch.randperm(len(scenes.labels), generator=torch.Generator().manual_seed(seed))
    right = scenes.faces[..., NUMBERS].mean(1) > 0  # looks to the right
    old, new = scenes.captions, scenes.captions[order]
    phone_right = (new[:, 1] == 6) == right[order]  # the phone is on the right in the new scene
    at_phone = right == phone_right
    work = new[:, 1:].amin(1)
    looked = torch.where(at_phone, 6, work)
    captions = torch.stack([old[:, 0], looked, torch.where(at_phone, work, 6)], 1)
    return Scenes(scenes.faces, scenes.pictures[order], captions, rule(old[:, 0], looked - len(FACES)))
