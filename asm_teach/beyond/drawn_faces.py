"""Faces drawn with known action units: many people, lights, angles and tones of skin, as crops of 64 x 64 pixels.

The renderer of lesson 7 is the generator here. What a picture shows is known exactly, because it was put in. Lesson 13.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from asm_teach.beyond.action_units import UNITS, moved_skin
from asm_teach.beyond.face_crops import SIZE, STEADY, crop_camera
from asm_teach.data.heads import Head, sample_identity
from asm_teach.data.skin_tones import TONES, in_tone
from asm_teach.geometry.mesh import Mesh, vertex_normals
from asm_teach.rendering.camera import Camera, look_at
from asm_teach.rendering.interpolation import blend, look_up
from asm_teach.rendering.raster import Raster, rasterise
from asm_teach.rendering.renderer import surface_colours, surface_normals
from asm_teach.rendering.shading import even_light, harmonics, lamp

NUMBERS = tuple(UNITS)  # the columns of amounts


class Scene(NamedTuple):
    """How a face is photographed: yaw, pitch in radians, distance in mm, light (9, 3), wall (3,), tone, beard."""

    turn: tuple[float, float]
    distance: float
    light: Tensor
    background: Tensor
    tone: int
    beard: float = 0.0


FRONT = Scene((0.0, 0.0), 1000.0, even_light(), torch.full((3,), 0.8), 0)  # from the front, in even light


def draw_scene(generator: np.random.Generator) -> Scene:
    """A scene at random: nearly from the front, under one or two lamps, before a plain wall."""
    light = torch.zeros(9, 3)
    for _ in range(generator.integers(1, 3)):
        direction = torch.tensor(
            [generator.normal(), generator.normal(0.4, 0.7), abs(generator.normal(1.0, 0.6)) + 0.2]
        )
        light = light + lamp(
            direction.float(), float(generator.uniform(0.15, 0.7)), float(generator.uniform(0.1, 0.35))
        )
    return Scene(
        (float(generator.normal(0, 0.12)), float(generator.normal(0, 0.10))),
        float(generator.uniform(600, 2000)),
        light,
        torch.full((3,), float(generator.uniform(0, 1))),
        int(generator.integers(len(TONES))),
        float(generator.uniform(0.1, 0.6)) if generator.random() < 0.3 else 0.0,
    )


class Surface(NamedTuple):
    """What a picture shows before light falls on it: grey albedo (S, S), normals (S, S, 3), covered (S, S) 0 to 1."""

    albedo: Tensor
    normals: Tensor
    covered: Tensor

    def lit(self, light: Tensor, background: float) -> Tensor:
        """The grey picture (S, S) from 0 to 1 in white light (9,), before a wall of one grey."""
        shown = self.albedo * (harmonics(self.normals) @ light)
        return (shown * self.covered + background * (1 - self.covered)).clamp(0, 1)


def draw_surface(head: Head, vertices: Tensor, camera: Camera, scene: Scene) -> Surface:
    """What a camera sees of a head with these vertices (V, 3), in a scene's tone and beard; two by two rays a pixel."""
    mesh = toned(head, scene.tone)
    raster = rasterise(vertices, mesh.faces, camera, (2 * camera.size[0], 2 * camera.size[1]))
    brightness, bearded = make_up(head)
    brightness = (brightness * (1 - scene.beard * bearded))[:, None]
    albedo = surface_colours(raster, mesh).mean(1, keepdim=True)
    return seen_surface(raster, vertices, albedo * blend(raster.weights, brightness, mesh.faces, raster.hits))


def seen_surface(raster: Raster, vertices: Tensor, albedo: Tensor) -> Surface:
    """What shows of vertices (V, 3), from the grey albedo (n, 1) of the n rays that hit; two by two rays a pixel."""
    shown = raster.spread(torch.cat([albedo, surface_normals(raster, vertices), torch.ones_like(albedo)], 1))
    height, width = shown.shape[:2]
    grey, normals, covered = shown.reshape(height // 2, 2, width // 2, 2, 5).mean((1, 3)).split((1, 3, 1), -1)
    return Surface(
        (grey / covered.clamp_min(1e-6))[..., 0], torch.nn.functional.normalize(normals, dim=-1), covered[..., 0]
    )


def face_camera(head: Head, vertices: Tensor, scene: Scene, size: int = SIZE) -> Camera:
    """The camera that sees these vertices in the square of `face_crops`."""
    (yaw, pitch), away = scene.turn, scene.distance
    centre = torch.tensor([0.0, -20.0, 40.0])
    cos = np.cos(pitch)
    towards = torch.tensor([np.sin(yaw) * cos, np.sin(pitch), np.cos(yaw) * cos]).float()
    camera = look_at(centre + away * towards, centre, 4 * away, (1000, 1000))
    steady = head.dense_landmarks.subset(list(STEADY)).points(vertices, head.mesh.faces)
    return crop_camera(camera, camera.project(steady), size)


def unit_maps(head: Head, size: int = 8) -> Tensor:
    """Where the skin of a face moves with each action unit, in the square of the crops: (17, size, size) from 0 to 1.

    One map for each unit of `UNITS`, of the template seen from the front: the crops are laid by the eyes, so that all
    faces have their parts in nearly the same places. Each map is 1 where its unit moves the skin most.
    """
    moved = torch.stack([moved_skin(head, {number: 1.0}) for number in NUMBERS], 1)
    camera = face_camera(head, head.mesh.vertices, FRONT)
    raster = rasterise(head.mesh.vertices, head.mesh.faces, camera, camera.size)
    shown = raster.spread(blend(raster.weights, moved, head.mesh.faces, raster.hits))
    maps = torch.nn.functional.adaptive_avg_pool2d(shown.permute(2, 0, 1), size)
    return maps / maps.amax((1, 2), keepdim=True)


def on_skin(square: Tensor, vertices: Tensor, camera: Camera) -> Tensor:
    """A map (n, n) over the square of a crop, carried to the vertices (V, 3) that its camera sees there: (V,).

    Vertices outside the square get 0. Those that the face itself hides get what lies in front of them; `facing` tells
    which ones show.
    """
    places = camera.project(vertices) / camera.size[0]
    uv = torch.stack([places[:, 0], 1 - places[:, 1]], 1)
    inside = ((uv >= 0) & (uv <= 1)).all(1)
    return torch.where(inside, look_up(square[..., None].to(vertices), uv)[:, 0], torch.zeros(()).to(vertices))


def facing(head: Head) -> Tensor:
    """(V,) True where the template's skin faces a camera in front and lies in the square of the crops."""
    camera = face_camera(head, head.mesh.vertices, FRONT)
    places = camera.project(head.mesh.vertices)
    inside = ((places > 0) & (places < camera.size[0])).all(1)
    skin = torch.zeros(len(places), dtype=torch.bool)
    skin[head.mesh.part_vertices("face")] = True
    return inside & skin & (vertex_normals(head.mesh.vertices, head.mesh.faces)[:, 2] > 0.2)


@lru_cache(maxsize=512)
def person_at_rest(head: Head, person: int) -> Tensor:
    """(V, 3) mm: the face of a sampled person at rest; a whole number names the person."""
    return head.mesh.vertices + head.offsets(sample_identity(head.identities, np.random.default_rng(person)))


@lru_cache(maxsize=4)
def make_up(head: Head) -> tuple[Tensor, Tensor]:
    """(V,) factors of the albedo, and (V,) where a beard grows, 0 to 1.

    Our light has no cast shadows and the texture's teeth are as grey as skin, so without this a closed mouth had no
    line and a smile no white: teeth get brighter, and the skin dark where lips and lids meet what lies behind them.
    """
    mesh, points = head.mesh, head.landmarks.points(head.mesh.vertices, head.mesh.faces)
    face = torch.zeros(len(mesh.vertices), dtype=torch.bool)
    face[mesh.part_vertices("face")] = True
    brightness = torch.ones(len(mesh.vertices))
    brightness[mesh.part_vertices("teeth")] = 1.3
    for name, dark, reach in (("mouth_interior", 0.6, 2.5), ("eye_interior", 0.3, 0.5)):  # reach in mm
        inner = mesh.part_vertices(name)
        rim = mesh.vertices[inner[face[inner]]]
        near = (-(torch.cdist(mesh.vertices[face], rim).amin(1) / reach).square()).exp()
        brightness[inner[~face[inner]]] = 0.3
        brightness[face] *= 1 - dark * near
    lips = torch.cdist(mesh.vertices, points[48:]).amin(1)
    below = (points[33, 1] - mesh.vertices[:, 1]) / 8
    return brightness, face * below.clamp(0, 1) * ((lips - 4) / 4).clamp(0, 1)


@lru_cache(maxsize=16)
def toned(head: Head, tone: int) -> Mesh:
    """The head's mesh with its skin in a tone, 0 to 7."""
    return in_tone(head.mesh, tone)
