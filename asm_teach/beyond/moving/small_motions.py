"""Micro-expressions as flow: drawn by projection, cut into four areas, and read one person left out. Lesson 15.

A camera sees a face at its onset and at its apex. How each visible point has moved between the two is known exactly,
because the vertices are; what an estimator of flow would add as errors is drawn by lot.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import roma
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from asm_teach.beyond.action_units import UNITS
from asm_teach.beyond.drawn_faces import person_at_rest
from asm_teach.data.heads import Head
from asm_teach.rendering.camera import Camera, look_at
from asm_teach.rendering.interpolation import blend
from asm_teach.rendering.raster import rasterise

GRID, AREA = 28, 14  # places along a side of a map of flow, and of one of its four areas
VIDEO = 280  # pixels along a side of the picture that the flow is measured in
CLASSES = ("negative", "positive", "surprise")
KINDS: dict[str, tuple[tuple[int, ...], ...]] = {
    "negative": ((4,), (4, 7), (9,), (10,), (15,), (14,), (20,), (24,)),
    "positive": ((12,), (6, 12)),
    "surprise": ((1, 2), (1, 2, 5), (1, 2, 26)),
}
"""Which units a micro-expression of each class consists of. The names are rows of a table, and name no feeling."""
COUNTS = (10, 6, 4)  # how many of each class a person makes
NOISE = 0.35  # pixels of the video: errors of an estimator of flow
HEAD_TURN, HEAD_SHIFT = 0.003, 0.3  # radians and mm: how far a head moves meanwhile
HABIT = 0.06  # up to which amount a person's two habits move along
BATCH = 56
CORNERS = (36, 45, 48, 54)  # of the 68 landmarks: outer corners of the eyes, corners of the mouth


class MicroSet(NamedTuple):
    """Micro-expressions: flow (N, 3, 28, 28) in pixels of the video, labels (N,), people (N,), centres (N, 4, 2)."""

    flow: Tensor
    labels: Tensor
    people: Tensor
    centres: Tensor


def video_camera() -> Camera:
    """A camera before the face, 280 x 280 pixels, of which one shows some 0.65 mm of skin."""
    middle = torch.tensor([0.0, -25.0, 40.0])
    return look_at(middle + torch.tensor([0.0, 0.0, 1000.0]), middle, 1540.0, (VIDEO, VIDEO))


def flow_map(before: Tensor, after: Tensor, faces: Tensor, camera: Camera, grid: int = GRID) -> Tensor:
    """How the skin that a camera sees moves, as u, v and magnitude, (3, grid, grid) pixels of the camera; eq. (15.1).

    Each place of the grid shows a point of a triangle. The point is projected before and after; the map is 0 where
    the camera sees no skin.

    Args:
        before, after: (V, 3) vertices at the two moments, mm.
        faces: (F, 3).
        camera: sees both moments.
        grid: places along a side.
    """
    raster = rasterise(before, faces, camera, (grid, grid))
    moved = camera.project(after) - camera.project(before)  # (V, 2)
    seen = raster.spread(blend(raster.weights, moved, faces, raster.hits)).permute(2, 0, 1)
    return torch.cat([seen, torch.linalg.vector_norm(seen, dim=0, keepdim=True)])


def four_areas(flow: Tensor, centres: Tensor) -> Tensor:
    """The surroundings of both eyes and both corners of the lips, tiled: maps (N, C, 28, 28) again.

    Args:
        flow: (N, C, 28, 28).
        centres: (N, 4, 2) column and row of the middle of each area; an area that would reach beyond the map is
            moved inside.
    """
    first = (centres.round().long() - AREA // 2).clamp(0, GRID - AREA)
    cut = [
        torch.stack([one[:, r : r + AREA, c : c + AREA] for c, r in corner.tolist()])
        for one, corner in zip(flow, first, strict=True)
    ]
    upper_left, upper_right, lower_left, lower_right = torch.stack(cut).unbind(1)
    return torch.cat([torch.cat([upper_left, upper_right], 3), torch.cat([lower_left, lower_right], 3)], 2)


def estimated(flow: Tensor, noise: float, generator: np.random.Generator) -> Tensor:
    """What an estimator of flow might find: (3, G, G) with errors of `noise` pixels that neighbours share."""
    rough = torch.from_numpy(generator.normal(size=(2, GRID + 4, GRID + 4))).float()
    kernel = torch.ones(1, 1, 5, 5) / 5  # keeps the variance
    moved = flow[:2] + noise * F.conv2d(rough[:, None], kernel)[:, 0]
    return torch.cat([moved, torch.linalg.vector_norm(moved, dim=0, keepdim=True)])


def draw_units(kind: str, low: float, high: float, generator: np.random.Generator) -> dict[str, float]:
    """Amounts of shapes for one micro-expression of a class; the two sides of a face differ."""
    chosen = KINDS[kind][int(generator.integers(len(KINDS[kind])))]
    lean = {"Left": float(generator.uniform(0.5, 1)), "Right": 1.0}
    if generator.random() < 0.5:
        lean = {"Left": 1.0, "Right": lean["Left"]}
    amounts: dict[str, float] = {}
    for number in chosen:
        amount = float(generator.uniform(low, high))
        for shape in UNITS[number].shapes:
            amounts[shape] = amount * next((part for side, part in lean.items() if shape.endswith(side)), 1.0)
    return amounts


def draw_micro(
    head: Head, people: range, seed: int, low: float = 0.05, high: float = 0.15, noise: float = NOISE
) -> MicroSet:
    """Micro-expressions of some people, twenty of each, with a moving head, habits and an estimator's errors.

    Args:
        head: the embedded head.
        people: each a whole number, as for `person_at_rest`.
        seed: of everything else.
        low, high: between which amounts the units act; 1 is the full expression.
        noise: of the estimator, pixels.
    """
    generator, camera, found = np.random.default_rng(seed), video_camera(), []
    for person in people:
        rest = person_at_rest(head, person)
        habits = [UNITS[int(n)].shapes for n in generator.choice(list(UNITS), 2, replace=False)]
        corners = camera.project(head.landmarks.points(rest, head.mesh.faces)[list(CORNERS)]) * GRID / VIDEO
        centres = corners + torch.tensor([[2.0, 0.0], [-2.0, 0.0], [1.0, 0.0], [-1.0, 0.0]])  # towards the middle
        for label, count in enumerate(COUNTS):
            for _ in range(count):
                amounts = draw_units(CLASSES[label], low, high, generator)
                for shapes in habits:
                    amount = float(generator.uniform(0, HABIT))
                    amounts |= {shape: amounts.get(shape, 0.0) + amount for shape in shapes}
                turn = torch.from_numpy(generator.normal(0, HEAD_TURN, 3)).float()
                shift = torch.from_numpy(generator.normal(0, HEAD_SHIFT, 3)).float()
                apex = (rest + head.offsets(expressions=amounts)) @ roma.rotvec_to_rotmat(turn).mT + shift
                flow = estimated(flow_map(rest, apex, head.mesh.faces, camera), noise, generator)
                found.append((flow, label, person, centres))
    flows, labels, of, places = zip(*found, strict=True)
    return MicroSet(torch.stack(flows), torch.tensor(labels), torch.tensor(of), torch.stack(places))


class Block(nn.Module):
    """Attention among the tokens of each row, then a small network for each token: (..., T, D) to (..., T, D)."""

    def __init__(self, dim: int, heads: int = 2) -> None:
        super().__init__()
        self.first, self.second = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.queries_keys_values = nn.Linear(dim, 3 * dim, bias=False)
        self.out = nn.Linear(dim, dim)
        self.mlp = nn.Sequential(nn.Linear(dim, 2 * dim), nn.GELU(), nn.Linear(2 * dim, dim))
        self.heads = heads

    def attend(self, tokens: Tensor) -> Tensor:
        """Each token's mean of the values of its row, weighted by how well query and key agree; eq. (15.2)."""
        n, length, dim = tokens.shape
        parts = self.queries_keys_values(tokens).reshape(n, length, 3, self.heads, dim // self.heads)
        query, key, value = parts.permute(2, 0, 3, 1, 4)  # each (n, heads, T, D / heads)
        weights = (query @ key.mT / (dim // self.heads) ** 0.5).softmax(-1)
        return self.out((weights @ value).transpose(1, 2).reshape(n, length, dim))

    def forward(self, tokens: Tensor) -> Tensor:
        tokens = tokens + self.attend(self.first(tokens))
        return tokens + self.mlp(self.second(tokens))


class AreaReader(nn.Module):
    """Maps of flow (N, 3, 28, 28) to logits of three classes (N, 3), by attention among patches of 7 x 7.

    Local: the four patches of each quarter of the map look at each other, then the four quarters do. With `four_areas`
    a quarter is an eye or a corner of the lips. Otherwise all 16 patches look at all, twice.
    """

    def __init__(self, local: bool, dim: int = 32) -> None:
        super().__init__()
        self.local = local
        self.embed = nn.Linear(3 * 49, dim)
        self.place = nn.Parameter(0.02 * torch.randn(4, 4, dim))
        self.near, self.far = Block(dim), Block(dim)
        self.narrow = nn.Linear(dim, dim)
        self.read = nn.Sequential(nn.LayerNorm(dim), nn.Dropout(0.2), nn.Linear(dim, len(CLASSES)))

    def forward(self, flow: Tensor) -> Tensor:
        n = len(flow)
        patches = flow.reshape(n, 3, 2, 2, 7, 2, 2, 7).permute(0, 2, 5, 3, 6, 1, 4, 7)  # quarter, patch, channel, place
        tokens = self.embed(patches.reshape(n, 4, 4, 3 * 49)) + self.place
        if self.local:
            near = self.near(tokens.reshape(4 * n, 4, -1)).reshape(n, 4, 4, -1)
            return self.read(self.far(self.narrow(near).mean(2)).mean(1))
        return self.read(self.far(self.narrow(self.near(tokens.reshape(n, 16, -1)))).mean(1))


class Fold(NamedTuple):
    """One person left out: labels (n,), and what was said after each epoch (E, n)."""

    true: Tensor
    said: Tensor


def leave_one_out(
    inputs: Tensor, data: MicroSet, reader: Callable[[], nn.Module], seed: int, epochs: int = 60, rate: float = 3e-3
) -> dict[int, Fold]:
    """Train a fresh reader for each person on all others, and let it name this person's after every epoch.

    Returns:
        person -> fold. The last row of `said` is the honest answer: no other was chosen by looking at this person.
    """
    folds = {}
    for person in data.people.unique().tolist():
        torch.manual_seed(1000 * seed + person)
        out = data.people == person
        scale = inputs[~out].std((0, 2, 3), keepdim=True) if inputs.ndim == 4 else inputs[~out].std(0)
        train, test, labels = inputs[~out] / scale, inputs[out] / scale, data.labels[~out]
        weights = 1 / labels.bincount(minlength=len(CLASSES)).float()
        net = reader()
        steps = torch.optim.AdamW(net.parameters(), rate, weight_decay=0.05)
        said = []
        for _ in range(epochs):
            net.train()
            for some in torch.randperm(len(train)).split(BATCH):
                steps.zero_grad()
                F.cross_entropy(net(train[some]), labels[some], weights / weights.mean()).backward()
                steps.step()
            net.eval()
            with torch.no_grad():
                said.append(net(test).argmax(1))
        folds[person] = Fold(data.labels[out], torch.stack(said))
    return folds


def confusion(true: Tensor, said: Tensor, classes: int = len(CLASSES)) -> Tensor:
    """(C, C) counts, a row for each true class."""
    return (true * classes + said).bincount(minlength=classes**2).reshape(classes, classes)


def uf1_uar(counts: Tensor) -> tuple[float, float]:
    """Unweighted mean over the classes of F1, and of recall, from counts (C, C) with rows of true classes; eq. (15.3).

    Raises:
        ValueError: a class without an example, of which neither is known.
    """
    hits, true, said = counts.diagonal().double(), counts.sum(1), counts.sum(0)
    if not bool((true > 0).all()):
        missing = int((true == 0).nonzero()[0])
        raise ValueError(f"counts: class {missing} has no example; add the counts of all folds before you score them")
    return float((2 * hits / (true + said)).mean()), float((hits / true).mean())
