"""Films of mouths that speak, and what a detector of landmarks says of them. Lesson 16.

When each phone is spoken is measured or drawn by lot; what a mouth does at it is the written rule of lesson 17.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from asm_teach.avatar.track import CHANNELS
from asm_teach.beyond.drawn_faces import FRONT, Scene
from asm_teach.beyond.mouth.lip_readers import RATE, LipReader, visemes, windows
from asm_teach.beyond.mouth.mouth_crops import SHAPES, Mouth, View
from asm_teach.beyond.mouth.painting import closing
from asm_teach.beyond.speech.mouth_shapes import amounts
from asm_teach.beyond.speech.sentence import PHONES, SILENCE, Timed
from asm_teach.data.heads import Head
from asm_teach.data.skin_tones import TONES
from asm_teach.rendering.shading import lamp

_COLUMNS = [CHANNELS.index(name) for name in SHAPES]
_VOWELS = frozenset(name for name in PHONES if name[0] in "AEIOU")
_LAZY, _STEADY = 6.0, 100.0  # of the prior: mouths move little, and evenly; found on films of another person
NOISE = 0.63
"""Pixels of a mouth crop: 1.5 pixels of a picture of 224 pixels that shows 200 mm, as a whole head needs."""


class Film(NamedTuple):
    """A mouth that speaks: crops (T, 32, 32), true amounts (T, 16), visemes (T,), who it is, skin (V,), light (9,)."""

    crops: Tensor
    amounts: Tensor
    visemes: Tensor
    view: View
    albedo: Tensor
    light: Tensor


def spoken(phones: Sequence[Timed], times: Tensor) -> Tensor:
    """(T, 16) amounts of `SHAPES` at times in seconds, by the rules of `mouth_shapes`."""
    return amounts(phones, times)[:, _COLUMNS].float()


def phones_by_lot(generator: np.random.Generator, seconds: float, names: Sequence[str] = PHONES) -> list[Timed]:
    """Some phones of these names in any order: consonants of 40 to 120 ms, vowels of 60 to 180 ms, and some silence."""
    found, begin = [], 0.0
    while begin < seconds:
        name = SILENCE if generator.random() < 0.06 else str(generator.choice(names))
        lasts = generator.uniform(0.06, 0.18) if name in _VOWELS else generator.uniform(0.04, 0.12)
        found.append(Timed(name, begin, begin + lasts))
        begin += lasts
    return found


def speaker(generator: np.random.Generator) -> Tensor:
    """(16,) factors of a person's way to speak: some open their jaw more, some speak with one side."""
    style = torch.from_numpy(np.exp(generator.normal(0, 0.25, len(SHAPES)))).float()
    style[SHAPES.index("mouthClose")] = 1  # lips that close do close
    return style


class Looks(NamedTuple):
    """Who is seen, how, and in which skin (V,) and white light (9,)."""

    view: View
    albedo: Tensor
    light: Tensor


def looks_by_lot(head: Head, mouth: Mouth, person: int, generator: np.random.Generator, own_skin: bool = True) -> Looks:
    """A sampled person, turned a little, under one lamp.

    Args:
        person: the number of the person.
        own_skin: a tone, a beard, lips and blotches by lot; False: the head's own skin.
    """
    towards = torch.tensor([generator.normal(0, 0.6), generator.normal(0.4, 0.5), 1.0]).float()
    light = lamp(towards, float(generator.uniform(0.3, 0.7)), float(generator.uniform(0.3, 0.5)))[:, 0]
    turn = (float(generator.normal(0, 0.1)), float(generator.normal(0, 0.08)))
    view = mouth.view(head, person, Scene(turn, float(generator.uniform(700, 1600)), FRONT.light, FRONT.background, 0))
    if not own_skin:
        return Looks(view, mouth.skin(), light)
    spots = view.rest.mean(0) + torch.from_numpy(generator.normal(0, 25, (12, 3))).float()
    near = (-(torch.cdist(view.rest, spots) / 15).square()).exp()
    blotches = near @ torch.from_numpy(generator.normal(0, 0.15, 12)).float()
    beard = float(generator.uniform(0.1, 0.6)) if generator.random() < 0.4 else 0.0
    tone, lips = int(generator.integers(len(TONES))), float(generator.uniform(-0.2, 0.4))
    return Looks(view, mouth.skin(tone, beard, lips, blotches), light)


def draw_film(
    mouth: Mouth, looks: Looks, phones: Sequence[Timed], times: Tensor, generator: np.random.Generator
) -> Film:
    """A mouth that says phones, in a way of its own, at times (T,) in seconds; with noise as a camera makes it."""
    true = spoken(phones, times) * speaker(generator)
    true[:, 1] = torch.minimum(true[:, 1], true[:, 0])
    true = true.clamp(0, 1)
    crops = mouth.draw(true, *looks)
    crops = (crops + torch.from_numpy(generator.normal(0, 0.015, crops.shape)).float()).clamp(0, 1)
    return Film(crops, true, visemes(phones, times), *looks)


def film_times(begin: float, count: int) -> Tensor:
    """(count,) seconds from `begin`, at 25 crops a second."""
    return begin + torch.arange(count, dtype=torch.float64) / RATE


def detected(points: Tensor, generator: np.random.Generator, noise: float = NOISE) -> Tensor:
    """(T, 20, 2): points as a detector gives them in a film, pixels of the crop.

    Half of the variance stays through the film, since a detector's errors belong to the face: one shift of all points
    and one of each. The other half is new in each crop.
    """
    parts = (0.3, (1, 1, 2)), (0.2, (1, *points.shape[1:])), (0.5, tuple(points.shape))
    for share, shape in parts:
        points = points + noise * share**0.5 * torch.from_numpy(generator.normal(0, 1, shape)).to(points)
    return points


class Weights(NamedTuple):
    """What each term of the energy (16.3) counts, all of them in the units of `fit_film`."""

    landmarks: float = 1.0
    distances: float = 0.0
    photometric: float = 0.0
    reader: float = 0.0


def lip_distances(points: Tensor) -> Tensor:
    """(..., 4) pixels: how far the inner lips are apart at three places, and the corners, from points (..., 20, 2)."""
    above, below = points[..., [13, 14, 15, 0], :], points[..., [19, 18, 17, 6], :]
    return torch.linalg.vector_norm(above - below, dim=-1)


def photometric_loss(drawn: Tensor, crops: Tensor) -> Tensor:
    """The mean difference of drawn (T, 32, 32) and given crops, after the one gain that suits the film; eq. (16.1)."""
    gain = (drawn * crops).sum() / drawn.square().sum()
    return (gain * drawn - crops).abs().mean()


def lipread_loss(features: Tensor, target: Tensor) -> Tensor:
    """1 - the cosine of a lip reader's features (N, 24) and those of the given film, their mean; eq. (16.2)."""
    return (1 - torch.cosine_similarity(features, target, dim=1)).mean()


def fit_film(
    mouth: Mouth,
    film: Film,
    points: Tensor,
    weights: Weights,
    reader: LipReader | None = None,
    steps: int = 40,
    albedo: Tensor | None = None,
) -> Tensor:
    """Find the amounts (T, 16) that a film (crops (T, 32, 32)) shows, by the sum of weighted losses, eq. (16.3).

    The person's face at rest, camera and light are given; the skin is not: the mouth is drawn in the head's own one.
    A first descent uses the landmarks alone, which needs no picture.

    Args:
        film: only its crops, view and light are looked at.
        points: (T, 20, 2) pixels of the crop, from a detector.
        weights: at least one above zero.
        reader: whose features count, if its weight is above zero; a film of five crops at least.
        steps: of the descent through the renderer.
        albedo: (V,) to draw in, if not the head's own.
    """
    read = reader if weights.reader else None
    if weights.reader and reader is None:
        raise ValueError("weights: the lip reader counts, but there is no reader: give `load_network('reader')`")
    skin = mouth.skin() if albedo is None else albedo
    with torch.no_grad():
        wanted = read.features(windows(film.crops)) if read is not None else None
    hidden = torch.full((len(film.crops), len(SHAPES)), -2.5, requires_grad=True)
    looks = bool(weights.photometric or weights.reader)
    first = 100 if weights.landmarks or weights.distances else 0
    for count, pictures in ((first, False), (steps, True)):
        if pictures and not looks:
            break
        optimiser = torch.optim.Adam([hidden], 0.12 if pictures else 0.2)
        for _ in range(count):
            numbers = hidden.sigmoid()
            vertices = mouth.vertices(closing(numbers), film.view.rest)
            marks = mouth.marks(vertices, film.view.matrix)
            bends = numbers[2:] - 2 * numbers[1:-1] + numbers[:-2]
            loss = _LAZY * numbers.mean() + _STEADY * bends.square().mean()
            loss = loss + weights.landmarks * (marks - points).square().sum(-1).mean()
            loss = loss + weights.distances * (lip_distances(marks) - lip_distances(points)).square().mean()
            if pictures:
                drawn = mouth.paint(vertices, film.view.matrix, mouth.lit(vertices, skin, film.light))[:, 0]
                loss = loss + weights.photometric * photometric_loss(drawn, film.crops)
                if read is not None and wanted is not None:
                    loss = loss + weights.reader * lipread_loss(read.features(windows(drawn)), wanted)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
    return closing(hidden.detach().sigmoid())
