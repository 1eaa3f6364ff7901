"""Stills and clips of landmarks, drawn with known labels, and a reader with adapters and a router. Lesson 15.

A frame is 68 points as a camera far in front sees them, 136 numbers: how far each is from the average face.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import roma
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from asm_teach.beyond.action_units import UNITS
from asm_teach.beyond.drawn_faces import person_at_rest
from asm_teach.beyond.moving.small_motions import Block
from asm_teach.data.heads import Head

FRAMES, NUMBERS = 8, 136
STILLS = ("calm", "smile", "frown")
COURSES = ("smile comes", "smile goes", "frown comes", "frown goes")
SHOWN = {"calm": (), "smile": (6, 12), "frown": (4,), "sleepy": (45,)}  # units of a face
ASIDE = (1, 10, 14, 16, 17, 20, 26)  # units that move by the way and belong to no label
EVEN = 0.05  # weight of the balance loss
UNIT = 0.3  # cm: about how much people differ, so that a reader gets numbers near 1
ERROR = 0.08  # cm, of a detector of landmarks


class Clips(NamedTuple):
    """Frames (N, T, 136), labels (N,); a still is a clip of one frame."""

    frames: Tensor
    labels: Tensor


class Actors:
    """The landmarks of some people at rest (P, 68, 3) and of the shapes that units move, mm."""

    def __init__(self, head: Head, people: range) -> None:
        self.rest = torch.stack(
            [head.landmarks.points(person_at_rest(head, person), head.mesh.faces) for person in people]
        )
        self.middle = _flat(head.landmarks.points(head.mesh.vertices, head.mesh.faces)[None])
        origin = head.landmarks.points(torch.zeros_like(head.mesh.vertices), head.mesh.faces)
        self.moves = {
            number: head.landmarks.points(head.offsets(expressions=dict.fromkeys(unit.shapes, 1.0)), head.mesh.faces)
            - origin
            for number, unit in UNITS.items()
        }

    def film(self, person: int, amounts: dict[int, Tensor], generator: np.random.Generator) -> Tensor:
        """Frames (T, 136) of a person whose units act by the given amounts (T,), while the head drifts."""
        count = len(next(iter(amounts.values())))
        points = self.rest[person] + sum(
            amount[:, None, None] * self.moves[number] for number, amount in amounts.items()
        )
        drift = generator.normal(0, 0.06, 3) + np.cumsum(generator.normal(0, 0.008, (count, 3)), 0)
        turned = points @ roma.rotvec_to_rotmat(torch.from_numpy(drift).float()).mT
        errors = ERROR * torch.from_numpy(generator.normal(size=(count, NUMBERS))).float()
        return (_flat(turned) - self.middle + errors) / UNIT


def _flat(points: Tensor) -> Tensor:
    """Points (T, 68, 3) in mm as seen from the front, (T, 136) cm from the middle between the eyes."""
    return ((points - points[:, (36, 45)].mean(1, keepdim=True))[..., :2] / 10).flatten(1)


def aside(count: int, generator: np.random.Generator) -> dict[int, Tensor]:
    """Two units that go their own ways: amounts (count,) between 0 and 0.6."""
    ways = {}
    for number in generator.choice(ASIDE, 2, replace=False):
        start, end = generator.uniform(0, 0.6, 2)
        ways[int(number)] = torch.linspace(float(start), float(end), count)
    return ways


def draw_stills(actors: Actors, count: int, seed: int) -> Clips:
    """Single pictures of calm, smiling and frowning people."""
    generator, frames = np.random.default_rng(seed), []
    labels = generator.integers(0, len(STILLS), count)
    for label in labels:
        amounts = aside(1, generator)
        for number in SHOWN[STILLS[label]]:
            amounts[number] = torch.tensor([float(generator.uniform(0.15, 0.8))])
        frames.append(actors.film(int(generator.integers(len(actors.rest))), amounts, generator))
    return Clips(torch.stack(frames), torch.from_numpy(labels))


def draw_courses(actors: Actors, count: int, seed: int) -> Clips:
    """Eight frames each in which a smile or a frown comes or goes."""
    generator, frames = np.random.default_rng(seed), []
    labels = generator.integers(0, len(COURSES), count)
    for label in labels:
        shown, way = COURSES[label].split()
        middle, width = generator.uniform(2, 5), generator.uniform(0.5, 1.5)
        course = torch.sigmoid((torch.arange(FRAMES) - float(middle)) / float(width))
        course = course if way == "comes" else 1 - course
        low, more = generator.uniform(0, 0.25), generator.uniform(0.15, 0.5)
        amounts = aside(FRAMES, generator)
        for number in SHOWN[shown]:
            amounts[number] = float(low) + float(more) * course
        frames.append(actors.film(int(generator.integers(len(actors.rest))), amounts, generator))
    return Clips(torch.stack(frames), torch.from_numpy(labels))


def noisy_top2(scores: Tensor, noise: Tensor) -> Tensor:
    """Gates (..., E): the softmax of the two largest of scores + noise, and 0 for all others; eq. (15.5)."""
    noisy = scores + noise
    best = noisy.topk(2, dim=-1)
    return torch.zeros_like(noisy).scatter(-1, best.indices, best.values.softmax(-1))


def balance(gates: Tensor) -> Tensor:
    """How unevenly gates (N, E) load the experts: the squared ratio of spread and mean of their sums; eq. (15.6)."""
    load = gates.sum(0)
    return load.var(correction=0) / load.mean().square()


class CourseReader(nn.Module):
    """Stills and clips through one trunk, with adapters beside its small network: eq. (15.4).

    Args:
        adapters: "none", "by task" (one for stills, one for clips, chosen by hand) or "router" (two of four for each
            frame, chosen by what the frame looks like).
        width: of the trunk.
        wide: times as many hidden units in the small network, for a trunk as large as one with adapters.
    """

    def __init__(self, adapters: str = "none", width: int = 32, wide: int = 1) -> None:
        super().__init__()
        self.adapters = adapters
        self.embed = nn.Linear(NUMBERS, width)
        self.when = nn.Parameter(0.1 * torch.randn(FRAMES, width))
        self.block = Block(width)
        self.block.mlp = nn.Sequential(
            nn.Linear(width, 2 * width * wide), nn.GELU(), nn.Linear(2 * width * wide, width)
        )
        count = {"none": 0, "by task": 2, "router": 4}[adapters]
        self.experts = nn.ModuleList(
            nn.Sequential(nn.Linear(width, width // 2), nn.GELU(), nn.Linear(width // 2, width)) for _ in range(count)
        )
        self.route = nn.Linear(width, count, bias=False) if adapters == "router" else None
        self.heads = nn.ModuleDict({"still": nn.Linear(width, len(STILLS)), "clip": nn.Linear(width, len(COURSES))})
        self.gates = torch.zeros(0, count)  # of the last frames that were read

    def forward(self, frames: Tensor, task: str) -> Tensor:
        """Logits (N, 3) of stills (N, 1, 136) or (N, 4) of clips (N, 8, 136); `task` is "still" or "clip"."""
        x = self.embed(frames)
        if task == "clip":
            x = x + self.when
        x = x + self.block.attend(self.block.first(x))
        normal = self.block.second(x)
        y = x + self.block.mlp(normal)
        if self.adapters == "by task":
            y = y + self.experts[int(task == "clip")](normal)
        if self.route is not None:
            scores = self.route(normal)
            gates = noisy_top2(scores, 0.3 * torch.randn_like(scores) * self.training)
            y = y + torch.stack([one(normal) for one in self.experts], -1).mul(gates[..., None, :]).sum(-1)
            self.gates = gates.flatten(0, -2)
        return self.heads[task](y.mean(1))


def train_courses(
    reader: CourseReader, clips: Clips, stills: Clips | None, seed: int, steps: int = 400, batch: int = 32
) -> CourseReader:
    """Train on clips, and on four times as many stills if there are any; returns the reader, ready to read."""
    torch.manual_seed(seed)
    optimiser = torch.optim.AdamW(reader.parameters(), 3e-3, weight_decay=0.02)
    reader.train()
    for _ in range(steps):
        optimiser.zero_grad()
        loss = torch.zeros(())
        for task, data, size in (("clip", clips, batch), ("still", stills, 4 * batch)):
            if data is not None:
                some = torch.randint(len(data.labels), (size,))
                loss = loss + F.cross_entropy(reader(data.frames[some], task), data.labels[some])
                if reader.route is not None:
                    loss = loss + EVEN * balance(reader.gates)
        loss.backward()
        optimiser.step()
    return reader.eval()
