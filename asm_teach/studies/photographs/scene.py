"""What a photographer sets up, in numbers: cameras, lamps, the room around and the clothes, all from one seed.

Nothing here needs Blender: `cycles` takes a scene to it, and `develop` makes the picture of the light that comes back.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import roma
import torch
from scipy.ndimage import gaussian_filter
from torch import Tensor

from asm_teach.geometry.mesh import Mesh
from asm_teach.new_head.repair import boundary_loops, weld
from asm_teach.rendering.camera import Camera
from asm_teach.studies.cases import spread_cameras
from asm_teach.studies.view_cases import BEHIND, SENSOR, Sitter

WIDER = 0.9  # of the lenses of `spread_cameras`: a photograph shows some room round the head
AIM = (0.03, 0.03, 0.12)  # standard deviation of a camera's tilt, pan and roll in radians
STOP = 1 / 3  # standard deviation of the exposure, in stops
GREY = 0.33  # light that the meter brings the middle of a picture to; white is 1
ROOM = (512, 1024)  # pixels of the room around, down and across
ROUND = 64  # corners of each ring of the clothes


@dataclass(frozen=True)
class Lamp:
    """A square lamp that shines at the face: where (3,) mm, its side in mm, its power in W and its colour (3,)."""

    place: tuple[float, float, float]
    side: float
    power: float
    colour: tuple[float, float, float]


@dataclass(frozen=True, eq=False)
class Scene:
    """A person before several cameras in one room.

    target: (3,) mm, what lamps and cameras turn to. room: (h, 2h, 3) light that comes from all around, by longitude
    and latitude. exposure: how many stops each photograph is off. clothes: None where the person's mesh has shoulders;
    cloth: their colour. seed: what all of it came from.
    """

    sitter: Sitter
    seed: int
    cameras: tuple[Camera, ...]
    target: Tensor
    lamps: tuple[Lamp, ...]
    room: np.ndarray
    exposure: tuple[float, ...]
    clothes: Mesh | None
    cloth: tuple[float, float, float]


def scene(sitter: Sitter, photographs: int = 8, seed: int = 0, size: int = 700) -> Scene:
    """A scene with as many cameras as `photographs`, square pictures of `size` pixels; all else follows from `seed`.

    Raises ValueError for fewer than one photograph, a seed below 0, a size below 64, a person without a texture.
    """
    if photographs < 1:
        raise ValueError(f"photographs: found {photographs}; give one or more")
    if seed < 0:
        raise ValueError(f"seed: found {seed}; give 0 or more, each another room with other cameras")
    if size < 64:
        raise ValueError(f"size: no detector finds a face in {size} pixels; give 64 or more")
    if sitter.mesh.texture is None or sitter.mesh.uv is None:
        raise ValueError(
            f"sitter: {sitter.name} has no texture or no uv; a face of one colour is no face to a detector"
        )
    generator = np.random.default_rng([seed, photographs])
    target = sitter.landmarks.mean(0) - torch.tensor([0.0, 0.0, BEHIND])
    cameras = spread_cameras(generator, photographs, target, size, sway=(0.06, 0.13))
    sitter = replace(sitter, mesh=_welded(sitter.mesh))
    return Scene(
        sitter,
        seed,
        tuple(_held(camera, generator) for camera in cameras),
        target,
        lamps(generator, target),
        room(generator),
        tuple(float(stops) for stops in generator.normal(0, STOP, photographs)),
        clothes(sitter.mesh),
        _three(generator.uniform(0.03, 0.5, 3)),
    )


def _three(values: np.ndarray) -> tuple[float, float, float]:
    red, green, blue = values.tolist()
    return red, green, blue


def _held(camera: Camera, generator: np.random.Generator) -> Camera:
    """The camera in a hand: turned a little about itself, with a wider lens."""
    turn = roma.rotvec_to_rotmat(torch.from_numpy(generator.normal(0, AIM)).float())
    rotation = turn @ roma.rotvec_to_rotmat(camera.rotation)
    return replace(
        camera, focal=WIDER * camera.focal, rotation=roma.rotmat_to_rotvec(rotation),
        translation=turn @ camera.translation,
    )  # fmt: skip


def lamps(generator: np.random.Generator, target: Tensor) -> tuple[Lamp, ...]:
    """Three: the main one to one side, a weaker one to the other, and one from above and beside the head."""
    hand = generator.choice([-1.0, 1.0])
    places = (
        (hand * generator.uniform(0.2, 0.9), generator.uniform(0.25, 0.8), generator.uniform(1.6, 2.6)),
        (-hand * generator.uniform(0.4, 1.1), generator.uniform(0.0, 0.5), generator.uniform(0.4, 1.1)),
        (-hand * generator.uniform(1.6, 2.4), generator.uniform(0.4, 0.9), generator.uniform(0.8, 2.0)),
    )
    found = []
    for yaw, pitch, strength in places:
        distance = generator.uniform(1100, 2000)
        towards = np.array([np.sin(yaw) * np.cos(pitch), np.sin(pitch), np.cos(yaw) * np.cos(pitch)])
        warm = generator.normal(0, 0.08)
        found.append(
            Lamp(
                _three(target.numpy() + distance * towards),
                float(generator.uniform(250, 900)),
                float(strength * np.pi * (distance / 1000) ** 2),  # so that `strength` W a square metre reach the face
                (1.0 + warm, 1.0, 1.0 - warm),
            )
        )
    return tuple(found)


def room(generator: np.random.Generator) -> np.ndarray:
    """A room out of focus (h, 2h, 3), linear light: walls, floor and ceiling, windows, and things along the walls."""
    high, wide = ROOM
    light = np.empty((high, wide, 3))
    light[:] = generator.uniform(0.15, 0.5) * generator.uniform(0.7, 1.1, 3)
    floor = int(high * generator.uniform(0.6, 0.68))
    light[floor:] = generator.uniform(0.05, 0.25) * generator.uniform(0.6, 1.1, 3)
    light[: int(high * 0.3)] *= 1.4
    for _ in range(generator.integers(25, 45)):
        across, down = generator.integers(0, wide), int(generator.normal(floor - 30, 60))
        breadth, height = generator.integers(8, 80), generator.integers(8, 110)
        _paint(light, (across, down, breadth, height), generator.uniform(0.02, 0.6) * generator.uniform(0.4, 1.2, 3))
    for _ in range(generator.integers(1, 4)):
        bright = generator.uniform(1.5, 4) * np.array([0.9, 1.0, 1.15])
        _paint(light, (generator.integers(0, wide), high * 0.36, generator.integers(40, 110), 90), bright)
    return gaussian_filter(light, (2.5, 2.5, 0), mode=("nearest", "wrap", "nearest")).astype(np.float32)


def _paint(light: np.ndarray, box: tuple[Any, Any, Any, Any], colour: np.ndarray) -> None:
    across, down, breadth, height = map(int, box)
    columns = np.arange(across, across + breadth) % light.shape[1]
    rows = np.arange(max(down, 0), min(down + height, len(light)))
    light[rows[:, None], columns] = colour


def _welded(mesh: Mesh) -> Mesh:
    """The mesh with one vertex in each place, so that light does not break where its chart is cut."""
    which = torch.from_numpy(weld(mesh.vertices.numpy(), mesh.faces.numpy()))
    return replace(
        mesh, faces=which[mesh.faces], uv_faces=mesh.faces if mesh.uv_faces is None else mesh.uv_faces,
        quads=None, landmarks={},
    )  # fmt: skip


def clothes(mesh: Mesh) -> Mesh | None:
    """A pullover round the open lower border of a head, rings from its collar over the shoulders down; None without."""
    points = mesh.vertices.double().numpy()
    loops = [points[loop] for loop in boundary_loops(mesh.faces.numpy())]
    edge = min(loops, key=lambda loop: loop[:, 1].mean(), default=np.empty((0, 3)))
    if not len(edge) or edge[:, 1].max() > points[:, 1].mean():
        return None
    middle = (edge.min(0) + edge.max(0)) / 2
    flat = edge - middle
    angle = np.arctan2(flat[:, 2], flat[:, 0])
    order = np.argsort(angle)
    turns = np.linspace(-np.pi, np.pi, ROUND, endpoint=False)
    neck = np.stack([np.interp(turns, angle[order], flat[order, k], period=2 * np.pi) for k in range(3)], 1)
    out = np.stack([np.cos(turns), 0 * turns, np.sin(turns)], 1)
    shoulders = out * np.array([215.0, 0.0, 95.0])
    # share of the shoulders' outline, mm outwards of it, mm up
    course = [(0, 1, 5), (0, 5, 11), (0, 10, 9), (0, 11, -6), (0.25, 12, -22), (0.6, 10, -42), (0.9, 0, -75),
              (1, 0, -130), (1.02, 0, -420)]  # fmt: skip
    rings = [(1 - s) * neck + s * shoulders + away * out + np.array([0.0, up, 0.0]) for s, away, up in course]
    k = np.arange(ROUND)
    faces = []
    for ring in range(len(rings) - 1):
        a, b = ring * ROUND + k, ring * ROUND + (k + 1) % ROUND
        faces += [np.stack([a, b, a + ROUND], 1), np.stack([b, b + ROUND, a + ROUND], 1)]
    vertices = torch.from_numpy(np.concatenate(rings) + middle).float()
    return Mesh(vertices, torch.from_numpy(np.concatenate(faces)))


def develop(light: np.ndarray, stops: float, generator: np.random.Generator) -> np.ndarray:
    """The picture (H, W, 3) uint8 of linear light (H, W, 3): metered in its middle, `stops` off, with sensor noise."""
    high, wide = light.shape[:2]
    middle = light[high // 4 : -(high // 4), wide // 4 : -(wide // 4)].mean(-1)
    exposed = np.clip(light * (GREY / max(float(np.median(middle)), 1e-6) * 2.0**stops), 0, 1)
    stored = np.where(exposed <= 0.0031308, 12.92 * exposed, 1.055 * exposed ** (1 / 2.4) - 0.055)  # sRGB
    noisy = 255 * stored + generator.normal(0, SENSOR, stored.shape)
    return np.clip(np.round(noisy), 0, 255).astype(np.uint8)
