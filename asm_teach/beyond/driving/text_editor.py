"""A head as 37 numbers that a sentence changes; the renderer is the generator. Lesson 18.

Twenty numbers are the person, seventeen what the face does. A direction in them changes the head, and so all pictures
of it from all sides. Which direction a sentence means, a network learns from pictures and captions alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from asm_teach.beyond.action_units import UNITS, shape_amounts
from asm_teach.beyond.captions import (
    PLAIN,
    SIDE,
    SPACE,
    PictureEncoder,
    TextEncoder,
    directional_loss,
    measure,
    understood,
)
from asm_teach.beyond.drawn_faces import FRONT, draw_surface
from asm_teach.data.heads import Head, sample_identity
from asm_teach.data.skin_tones import TONES
from asm_teach.data.weights import weights_of
from asm_teach.rendering.camera import Camera, look_at
from asm_teach.rendering.shading import lamp


def _pair(stem: str, less: str = "decr", more: str = "incr", sides: tuple[str, ...] = ("",)) -> tuple[list[str], ...]:
    return [f"{side}{stem}-{less}" for side in sides], [f"{side}{stem}-{more}" for side in sides]


_SIDES = ("l-", "r-")
IDENTITY: dict[str, tuple[list[str], ...]] = {
    "jaw width": _pair("chin-width"),
    "chin height": _pair("chin-height"),
    "cheeks": _pair("cheek-volume", sides=_SIDES),
    "fat": _pair("head-fat"),
    "nose width": _pair("nose-scale-horiz"),
    "nose length": _pair("nose-scale-vert"),
    "nose depth": _pair("nose-scale-depth"),
    "nose tip": _pair("nose-point", "down", "up"),
    "nostrils": _pair("nose-flaring"),
    "mouth width": _pair("mouth-scale-horiz"),
    "mouth height": _pair("mouth-trans", "down", "up"),
    "upper lip": _pair("mouth-upperlip-volume"),
    "lower lip": _pair("mouth-lowerlip-volume"),
    "eye size": _pair("eye-scale", sides=_SIDES),
    "brow height": _pair("eyebrows-trans", "down", "up"),
    "ear size": _pair("ear-scale", sides=_SIDES),
    "ears out": _pair("ear-wing", sides=_SIDES),
    "head height": _pair("head-scale-vert"),
    "head width": _pair("head-scale-horiz"),
    "forehead": _pair("forehead-scale-vert"),
}
"""Twenty numbers of a person by name: the shapes for less and for more."""
NAMES = (*IDENTITY, *(f"unit {number}" for number in UNITS))
SELF = len(IDENTITY)  # the first numbers are the person
PER_NUMBER, PER_UNIT = 0.35, 0.5  # amounts of the shapes for 1 in w; people differ by about 1 in each number
LIGHT = lamp(torch.tensor([0.3, 0.5, 1.0]), 0.7, 0.45)[:, 0]
STRENGTH = 2.5  # the length of a whole edit in w
KEEP = 0.03  # what a mm^2 of lost identity costs beside the directional loss


class Person(NamedTuple):
    """A person: the vertices (V, 3) that no edit touches, the 37 numbers, and the tone of the skin."""

    base: Tensor
    w: Tensor
    tone: int


class HeadSpace:
    """From the 37 numbers w of a person to vertices, landmarks and pictures. All of it is differentiable.

    Args:
        head: the embedded head `makehuman`, with a texture.
    """

    def __init__(self, head: Head) -> None:
        self.head = head
        less, more = (
            torch.stack([head.identities.offsets(dict.fromkeys(pair[k], PER_NUMBER)) for pair in IDENTITY.values()])
            for k in (0, 1)
        )
        units = torch.stack([head.offsets(expressions=shape_amounts({number: 1.0})) for number in UNITS])
        self.less, self.more, self.units = less.flatten(1), more.flatten(1), units.flatten(1)
        self.face = head.mesh.part_vertices("face")

    def person(self, number: int) -> Person:
        """A person at rest, drawn by lot; the same number is the same person."""
        generator = np.random.default_rng(number)
        amounts = sample_identity(self.head.identities, generator)
        kept = {name: amount for name, amount in amounts.items() if name.split("-")[-1] in ("young", "old")}
        w = torch.zeros(len(NAMES))
        w[:SELF] = torch.from_numpy(generator.normal(size=SELF).clip(-2, 2)).float()
        return Person(self.head.mesh.vertices + self.head.offsets(kept), w, number % len(TONES))

    def rest(self, base: Tensor, w: Tensor) -> Tensor:
        """(V, 3) vertices without the expression: the person alone."""
        own = w[:SELF]
        return base + (own.clamp_min(0) @ self.more + (-own).clamp_min(0) @ self.less).reshape(-1, 3)

    def vertices(self, base: Tensor, w: Tensor) -> Tensor:
        """(V, 3) mm. Amounts of action units stay between 0 and 1."""
        return self.rest(base, w) + ((PER_UNIT * w[SELF:]).clamp(0, 1) @ self.units).reshape(-1, 3)

    def measures(self, base: Tensor, w: Tensor) -> Tensor:
        """(8,) the attributes in mm, see `captions.measure`."""
        return measure(self.head.landmarks.points(self.vertices(base, w), self.head.mesh.faces))

    def identity_lost(self, base: Tensor, before: Tensor, after: Tensor) -> Tensor:
        """How far the face at rest has moved between two w, the root mean square over its skin, mm."""
        moved = (self.rest(base, after) - self.rest(base, before))[self.face]
        return moved.square().sum(1).mean().sqrt()

    def picture(self, base: Tensor, w: Tensor, tone: int = 0, yaw: float = 0.0, size: int = SIDE) -> Tensor:
        """A grey picture (size, size) from 0 to 1 of the head, seen from `yaw` radians to its left."""
        scene = FRONT._replace(tone=tone)
        surface = draw_surface(self.head, self.vertices(base, w), side_camera(yaw, size), scene)
        return surface.lit(LIGHT, float(scene.background[0]))


def side_camera(yaw: float, size: int = SIDE) -> Camera:
    """A camera a metre away that sees a whole head, `yaw` radians to its left."""
    centre = torch.tensor([0.0, -15.0, 20.0])
    towards = torch.tensor([np.sin(yaw), 0.0, np.cos(yaw)]).float()
    return look_at(centre + 1000 * towards, centre, 1000 * size / 230, (size, size))


class TextEditor(nn.Module):
    """From where a sentence points, (N, 32), and heads w (N, 37) to steps in w of length `strength`, (N, 37).

    The loss tells a direction and not how far to go, so the network gives a direction and the strength is yours. Most
    of it is one matrix, from directions of sentences to directions of heads; a small network adds what depends on the
    person. Some 12,000 weights. Without `text` it knows one edit alone.
    """

    def __init__(self, width: int = 64, text: bool = True) -> None:
        super().__init__()
        self.text = text
        self.direct = nn.Linear(SPACE if text else 1, len(NAMES), bias=False)
        nn.init.normal_(self.direct.weight, std=0.1)
        self.net = nn.Sequential(
            nn.Linear(SPACE * text + len(NAMES), width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(),
            last := nn.Linear(width, len(NAMES)),
        )  # fmt: skip
        nn.init.zeros_(last.weight)

    def forward(self, moves: Tensor, w: Tensor, strength: float = STRENGTH) -> Tensor:
        said = nn.functional.normalize(moves, dim=1) if self.text else w.new_ones(len(w), 1)
        seen = torch.cat([said, w], 1) if self.text else w
        return strength * nn.functional.normalize(self.direct(said) + self.net(seen), dim=1)


class Edited(NamedTuple):
    """A head after an edit: w (37,), what was understood, mm gained of each attribute (8,), mm of identity lost."""

    w: Tensor
    understood: dict[str, int]
    gained: Tensor
    lost: float


class Editing(NamedTuple):
    """All that edits a head by a sentence: the space of heads, the two encoders, and the editor."""

    space: HeadSpace
    texts: TextEncoder
    pictures: PictureEncoder
    editor: TextEditor

    @torch.no_grad()
    def edit(self, person: Person, sentence: str, strength: float = STRENGTH) -> Edited:
        """Change a person as a sentence says, such as `a face with a smile and full lips`.

        Raises:
            ValueError: an empty sentence, or words that the encoder does not know: they are named.
        """
        said = understood(sentence)
        to, start = self.texts([sentence, PLAIN])
        after = person.w + (self.editor((to - start)[None], person.w[None], strength)[0] if said else 0.0)
        measures = [self.space.measures(person.base, w) for w in (person.w, after)]
        lost = float(self.space.identity_lost(person.base, person.w, after))
        return Edited(after, said, measures[1] - measures[0], lost)


def steer(
    space: HeadSpace, pictures: PictureEncoder, move: Tensor, person: Person,
    yaws: Sequence[float] = (0.0,), keep: float = KEEP, steps: int = 25, rate: float = 0.08,
) -> Tensor:  # fmt: skip
    """The step in w (37,) for one person without an editor: descent on the pictures from some sides.

    Args:
        move: (32,) where the sentence points, from the plain caption.
        yaws: radians to the person's left, one for each side that is looked at.
        keep: what a mm^2 of lost identity costs beside the directional loss, eq. (18.4).
    """
    way = torch.randn(len(NAMES), generator=torch.Generator().manual_seed(0)).mul_(0.1).requires_grad_()
    optimiser = torch.optim.Adam([way], rate)

    def seen(w: Tensor) -> Tensor:
        return pictures(torch.stack([space.picture(person.base, w, person.tone, yaw) for yaw in yaws]))

    with torch.no_grad():
        before = seen(person.w)
    for _ in range(steps):
        after = person.w + STRENGTH * nn.functional.normalize(way, dim=0)
        lost = space.identity_lost(person.base, person.w, after)
        loss = directional_loss(seen(after) - before, move.expand(len(yaws), -1)) + keep * lost.square()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return STRENGTH * nn.functional.normalize(way.detach(), dim=0)


def load_editing(head: Head) -> Editing:
    """The encoders and the editor that `data/recipe/text_editor.py` trained, for the head `makehuman`."""
    nets = TextEncoder(), PictureEncoder(), TextEditor()
    for name, net in zip(("texts", "pictures", "editor"), nets, strict=True):
        net.load_state_dict(weights_of("text_editor.npz", name))
        net.eval().requires_grad_(False)
    return Editing(HeadSpace(head), *nets)
