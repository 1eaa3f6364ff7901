"""Drawn faces that differ as people do: in their mouths, smiles, folds, lips and beards. Lesson 13.

`drawn_faces` draws the units that it is given and nothing else. In its pictures a raised corner of the mouth always
means unit 12; in photographs it may be the mouth that this person has at rest. So these faces vary in what is *not*
asked about, and a reader that learns from them has to tell the two apart. All of it is drawn at random, none of it
measured from photographs.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from asm_teach.beyond.action_units import PROTOTYPES, shape_amounts
from asm_teach.beyond.drawn_faces import (
    NUMBERS,
    Scene,
    Surface,
    draw_scene,
    face_camera,
    person_at_rest,
    seen_surface,
    toned,
)
from asm_teach.beyond.face_crops import SIZE
from asm_teach.data.heads import Head
from asm_teach.rendering.camera import Camera
from asm_teach.rendering.interpolation import blend
from asm_teach.rendering.raster import rasterise
from asm_teach.rendering.renderer import surface_colours

FOLDS = ((129, 203, 206, 216, 212), (358, 423, 426, 436, 432))
"""MediaPipe's points along the folds from the wings of the nose past the corners of the mouth, right and left."""
CLOSED = {6: (0.7, 0.3, 1.2), 7: (0.3, 0.2, 0.8), 14: (0.3, 0.2, 0.8), 20: (0.25, 0.2, 0.7),
          24: (0.15, 0.2, 0.7), 17: (0.1, 0.2, 0.5)}  # fmt: skip
TOOTHY = {6: (0.7, 0.3, 1.2), 7: (0.3, 0.2, 0.8), 14: (0.2, 0.2, 0.7), 20: (0.3, 0.2, 0.8),
          10: (0.8, 0.3, 1.1), 16: (0.7, 0.2, 1.0), 26: (0.4, 0.1, 0.5)}  # fmt: skip
"""What goes along with unit 12 in two kinds of smile: how often, and with which least and largest share of it."""
LEAST = 0.12  # amounts below are left out: they would not show
MOUTHS = (  # local shapes of a mouth: stem, one way, the other way, mean and deviation of the amount
    ("mouth-scale-horiz", "incr", "decr", 0.4, 0.4), ("mouth-scale-vert", "incr", "decr", 0.0, 0.35),
    ("mouth-angles", "up", "down", -0.05, 0.3), ("mouth-trans", "up", "down", 0.1, 0.3),
    ("mouth-upperlip-volume", "incr", "decr", 0.0, 0.35), ("mouth-lowerlip-volume", "incr", "decr", 0.0, 0.35),
    ("mouth-upperlip-height", "incr", "decr", 0.0, 0.35), ("mouth-lowerlip-height", "incr", "decr", 0.0, 0.35),
    ("mouth-cupidsbow", "incr", "decr", 0.0, 0.35), ("mouth-upperlip-middle", "up", "down", 0.0, 0.25),
    ("mouth-lowerlip-middle", "up", "down", 0.0, 0.25), ("mouth-upperlip-ext", "up", "down", 0.0, 0.25),
    ("mouth-lowerlip-ext", "up", "down", 0.0, 0.25), ("mouth-laugh-lines", "out", "in", 0.2, 0.4),
    ("mouth-dimples", "in", "out", 0.0, 0.3), ("chin-jaw-drop", "incr", "decr", 0.0, 0.3),
)  # fmt: skip
"""The sampled people's mouths are a seventh narrower than adults', and differ less: by 4 %, adults by 7 %."""
CHEEKS = (("volume", "incr", "decr"), ("bones", "incr", "decr"), ("inner", "incr", "decr"), ("trans", "up", "down"))
BOTH_WAYS = ("mouthSmile", "mouthFrown", "mouthStretch", "browDown", "browInnerUp")  # a face at rest may have less


class Paint(NamedTuple):
    """Factors of the albedo, and depth from 0 to 1: of lips, folds, teeth, the open mouth, eyes and the mouth's line.

    `width` is that of a fold, mm.
    """

    lips: float
    fold: float
    width: float
    teeth: float
    inside: float
    eyes: float
    line: float


class Drawing(NamedTuple):
    """A drawn face: vertices (V, 3) mm, its camera and scene, and what shows of it before light falls on it."""

    vertices: Tensor
    camera: Camera
    scene: Scene
    surface: Surface

    @property
    def crop(self) -> Tensor:
        """The grey picture (S, S) from 0 to 1 in the light of its scene."""
        return self.surface.lit(self.scene.light.mean(1), float(self.scene.background[0]))


def draw_varied(
    head: Head, person: int, units: dict[int, float], generator: np.random.Generator, size: int = SIZE
) -> Drawing:
    """Draw a person with these action units; scene, skin and what else a face does are drawn at random.

    Raises:
        ValueError: a unit that is not in the table, an amount that is not between 0 and 1.
    """
    scene = draw_scene(generator)
    scene = scene._replace(beard=float(generator.uniform(0.1, 0.6)) if generator.random() < 0.35 else 0.0)
    paint = draw_paint(generator, units)
    vertices = varied_person(head, person) + head.offsets(expressions=varied_amounts(head, units, generator))
    camera = face_camera(head, vertices, scene, size)
    return Drawing(vertices, camera, scene, painted_surface(head, vertices, camera, scene, paint))


def varied_units(generator: np.random.Generator) -> dict[int, float]:
    """Amounts of action units at random: at rest (0.3), a smile (0.35), another prototype (0.2), or some units.

    Half of the smiles are slight. Some show teeth, others do not.
    """
    kind = generator.random()
    if kind < 0.3:
        return {}
    if kind < 0.65:
        whole = float(generator.uniform(0.2, 0.55) if generator.random() < 0.5 else generator.uniform(0.5, 1))
        found = {12: whole}
        for number, (chance, least, largest) in (CLOSED if generator.random() < 0.45 else TOOTHY).items():
            if generator.random() < chance and (amount := whole * generator.uniform(least, largest)) >= LEAST:
                found[number] = float(min(amount, 1))
        return found
    if kind < 0.85:
        emotion, whole = str(generator.choice(list(PROTOTYPES)[2:])), generator.uniform(0.25, 1)
        return {number: float(np.clip(whole * generator.uniform(0.6, 1.2), 0.15, 1)) for number in PROTOTYPES[emotion]}
    some = generator.choice(NUMBERS, generator.integers(1, 5), replace=False)
    return {int(number): float(generator.uniform(0.15, 1)) for number in some}


def varied_amounts(head: Head, units: dict[int, float], generator: np.random.Generator) -> dict[str, float]:
    """Amounts of a head's expressions: the units', not quite alike on both sides, and a little of other shapes."""
    tilts: dict[str, float] = {}
    amounts: dict[str, float] = {}
    for name, amount in shape_amounts(units).items():
        stem = _stem(name)
        tilt = tilts.setdefault(stem, float(np.clip(generator.normal(0, 0.12), -0.3, 0.3)))
        amounts[name] = amount * (1 + tilt if name.endswith("Left") else 1 - tilt if name.endswith("Right") else 1)
    present = set(head.expressions.names)
    for stem in sorted({_stem(name) for name in present}):
        if generator.random() < 0.3:
            little = float(generator.normal(0, 0.05)) if stem in BOTH_WAYS else abs(float(generator.normal(0, 0.07)))
            if stem in ("jawOpen", "mouthFunnel"):  # these open the mouth
                little *= 0.5
            if stem == "mouthSmile" and 12 in units:
                continue
            for name in (stem, f"{stem}Left", f"{stem}Right"):
                if name in present:
                    amounts[name] = amounts.get(name, 0.0) + little * (1 + float(generator.normal(0, 0.3)))
    return amounts


@lru_cache(maxsize=128)
def varied_person(head: Head, person: int) -> Tensor:
    """(V, 3) mm: a sampled person at rest with a mouth and cheeks of their own; a whole number names the person."""
    generator = np.random.default_rng(90000 + person)
    amounts: dict[str, float] = {}
    for stem, one, other, mean, deviation in MOUTHS:
        amount = float(np.clip(generator.normal(mean, deviation), -1, 1))
        name = f"{stem}-{one if amount > 0 else other}"
        if name in head.identities.names:
            amounts[name] = abs(amount)
    for stem, one, other in CHEEKS:
        amount = float(generator.normal(0, 0.3))
        amounts |= {f"{side}-cheek-{stem}-{one if amount > 0 else other}": abs(amount) for side in "lr"}
    return person_at_rest(head, person) + head.offsets(amounts)


def draw_paint(generator: np.random.Generator, units: dict[int, float]) -> Paint:
    """Paint at random. Everybody has folds beside the mouth, some deep ones at rest; units 9, 10 and 12 deepen them."""
    pulled = max(units.get(number, 0.0) for number in (9, 10, 12))
    own = abs(generator.normal(0, 0.12))
    lips, fold = float(generator.uniform(0.55, 1.05)), float(own + pulled * generator.uniform(0, 0.5))
    width, teeth = float(generator.uniform(1.5, 3.5)), float(generator.uniform(0.8, 1.9))
    inside, eyes = float(generator.uniform(0.1, 0.5)), float(generator.uniform(0.5, 1.0))
    return Paint(lips, fold, width, teeth, inside, eyes, float(generator.uniform(0.3, 0.8)))


def painted_surface(head: Head, vertices: Tensor, camera: Camera, scene: Scene, paint: Paint) -> Surface:
    """What a camera sees of a head with these vertices (V, 3), painted: `draw_surface` with other paint."""
    mesh = toned(head, scene.tone)
    raster = rasterise(vertices, mesh.faces, camera, (2 * camera.size[0], 2 * camera.size[1]))
    plan = _plan(head)
    factor = 1 + sum(
        share * (amount - 1)
        for share, amount in zip(plan.parts, (paint.teeth, paint.eyes, paint.inside, 0.3), strict=True)
    )
    factor = factor * (1 - paint.line * plan.lip_line) * (1 - 0.3 * plan.lid_line)
    table = torch.cat([torch.stack([factor, plan.face], 1), head.mesh.vertices], 1)
    factor, face, x, y, _ = blend(raster.weights, table, mesh.faces, raster.hits).unbind(1)  # x, y: at rest, mm
    fold = sum(
        (-(_distance(x, y, line) / paint.width).square()).exp() * ((y - line[-1, 1] + 2) / 6).clamp(0, 1)
        for line in plan.folds
    )
    lips = _inside(x, y, plan.lips) & (face > 0.5)
    from_lips = torch.where(lips, torch.zeros(()), _distance(x, y, torch.cat([plan.lips, plan.lips[:1]])))
    edge = 3 + 0.6 * (x.abs() - 14).clamp(0, 30)  # mm: a beard begins sharply under the nose and softly on the cheeks
    beard = scene.beard * face * ((plan.under_nose - y) / edge).clamp(0, 1) * ((from_lips - 0.5) / 2).clamp(0, 1)
    factor = factor * (1 - paint.fold * fold * face) * torch.where(lips, torch.tensor(paint.lips), torch.ones(()))
    albedo = surface_colours(raster, mesh).mean(1, keepdim=True) * (factor * (1 - beard))[:, None]
    return seen_surface(raster, vertices, albedo)


class _Plan(NamedTuple):
    """Where the template is painted: parts and lines at its vertices (V,), outlines in the plane, mm."""

    face: Tensor
    parts: tuple[Tensor, ...]
    lip_line: Tensor
    lid_line: Tensor
    folds: tuple[Tensor, ...]
    lips: Tensor
    under_nose: float


@lru_cache(maxsize=4)
def _plan(head: Head) -> _Plan:
    mesh, rest = head.mesh, head.mesh.vertices

    def within(name: str) -> Tensor:
        part = torch.zeros(len(rest))
        part[mesh.part_vertices(name)] = 1.0
        return part

    face = within("face")
    skin, lines = face > 0, []
    for name, reach in (("mouth_interior", 2.5), ("eye_interior", 0.5)):  # mm
        inner = mesh.part_vertices(name)
        rim, line = rest[inner[skin[inner]]], torch.zeros(len(rest))
        line[skin] = (-(torch.cdist(rest[skin], rim).amin(1) / reach).square()).exp()
        lines.append(line)
    inner_parts = tuple(within(name) * (1 - face) for name in ("mouth_interior", "eye_interior"))
    parts = (within("teeth"), within("eyes"), *inner_parts)
    points, dense = head.landmarks.points(rest, mesh.faces), head.dense_landmarks.points(rest, mesh.faces)
    folds = tuple(dense[list(fold), :2] for fold in FOLDS)
    return _Plan(face, parts, lines[0], lines[1], folds, points[48:60, :2], float(points[33, 1]) - 1)


def _distance(x: Tensor, y: Tensor, line: Tensor) -> Tensor:
    """(n,) from points of the plane to a line of pieces (m, 2)."""
    nearest = torch.full_like(x, torch.inf)
    for (ax, ay), (bx, by) in zip(line[:-1].tolist(), line[1:].tolist(), strict=True):
        dx, dy = bx - ax, by - ay
        along = (((x - ax) * dx + (y - ay) * dy) / (dx * dx + dy * dy)).clamp(0, 1)
        nearest = torch.minimum(nearest, (x - ax - along * dx).square() + (y - ay - along * dy).square())
    return nearest.sqrt()


def _inside(x: Tensor, y: Tensor, corners: Tensor) -> Tensor:
    """(n,) whether points lie in a polygon (m, 2): a ray from there crosses its outline an odd number of times."""
    crossed = torch.zeros_like(x, dtype=torch.bool)
    for (ax, ay), (bx, by) in zip(corners.tolist(), corners.roll(-1, 0).tolist(), strict=True):
        if ay != by:
            crossed ^= ((ay > y) != (by > y)) & (x < (bx - ax) * (y - ay) / (by - ay) + ax)
    return crossed


def _stem(name: str) -> str:
    return name.removesuffix("Left").removesuffix("Right")
