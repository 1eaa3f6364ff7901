"""How far MediaPipe's face-mesh points are from the truth: draw people whose points are known, and detect.

Needs `mediapipe==0.10.14` beside the package. Every picture shows another person sampled from the embedded head, with
other skin, light, gloss, exposure, lens, distance, pose and background. Writes parts of 100 pictures into a folder;
`detector_noise.py` makes the embedded file of them. A part that is there already is not drawn again.

    python detector_errors.py --to FOLDER --pictures 1000
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
import roma
import torch
from torch import Tensor
from torch.nn.functional import interpolate, normalize

from asm_teach.data.heads import Head, load_head
from asm_teach.geometry.mesh import Mesh, vertex_normals
from asm_teach.rendering.camera import Camera, look_at
from asm_teach.rendering.edges import mesh_edges
from asm_teach.rendering.renderer import render
from asm_teach.studies.view_cases import GAMMA, random_light
from asm_teach.view_fit.face_detector import find_landmarks

SIZE = 384
FIRST = 10_000  # seed of the first person: those below are kept to try a fit with
PART = 100
SIDE = 1.25  # radians: the largest yaw


def main() -> None:
    """Write the parts."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--to", type=Path, required=True)
    parser.add_argument("--pictures", type=int, default=1000)
    options = parser.parse_args()
    torch.set_num_threads(1)
    options.to.mkdir(parents=True, exist_ok=True)
    head = load_head()
    for part in range(options.pictures // PART):
        file = options.to / f"part{part:03d}.npz"
        if file.is_file():
            continue
        rows = [row for k in range(PART) if (row := one(head, FIRST + PART * part + k)) is not None]
        np.savez(file, **{name: np.stack([row[name] for row in rows]) for name in rows[0]})
        print(f"{file.name}: {len(rows)} of {PART} were detected", flush=True)


def one(head: Head, seed: int) -> dict[str, np.ndarray] | None:
    """One picture's camera, true points and detected points; None where no face is found."""
    generator = np.random.default_rng(seed)
    person, camera = someone(head, seed, generator), somewhere(generator)
    picture = photograph(person, camera, generator)
    try:
        found = find_landmarks(picture, say=lambda _: None)
    except ValueError:
        return None
    return {
        "seed": np.array(seed),
        "rotation": camera.rotation.numpy(), "translation": camera.translation.numpy(),
        "focal": camera.focal.numpy(), "principal": camera.principal.numpy(),
        "points": head.dense_landmarks.points(person.vertices, person.faces).numpy(), "found": found.numpy(),
    }  # fmt: skip


def someone(head: Head, seed: int, generator: np.random.Generator) -> Mesh:
    """A person: sampled, then taken further from the mean and stretched, for real people vary more; skin of its own."""
    person = head.sample(seed, expression=bool(generator.random() < 0.5))
    away = float(generator.uniform(0.8, 1.6)) * (person.vertices - head.mesh.vertices)
    stretch = torch.from_numpy(generator.normal(1, 0.025, 3)).float()
    assert head.mesh.texture is not None
    skin = head.mesh.texture**GAMMA
    mean = skin.mean((0, 1))
    contrast, depth = float(generator.uniform(0.6, 1.4)), float(generator.uniform(0.25, 1.15))
    tint = torch.from_numpy(generator.normal(1, 0.08, 3)).float()
    rough = torch.from_numpy(generator.normal(0, 1, (1, 1, 24, 24))).float()
    blotches = interpolate(rough, skin.shape[:2], mode="bicubic")[0, 0, ..., None]
    skin = (mean + contrast * (skin - mean)) * depth * tint * (1 + float(generator.uniform(0, 0.12)) * blotches)
    return replace(head.mesh.with_vertices((head.mesh.vertices + away) * stretch), texture=skin.clamp(0.005, 1))


def somewhere(generator: np.random.Generator) -> Camera:
    """A camera: yaw up to `SIDE`, some pitch and roll, 350 to 1,500 mm away, with any lens."""
    yaw, pitch = generator.uniform(-SIDE, SIDE), float(np.clip(generator.normal(0, 0.22), -0.6, 0.6))
    distance = float(np.exp(generator.uniform(np.log(350), np.log(1500))))
    target = torch.from_numpy(generator.normal([0, 10, 55], [15, 15, 10])).float()
    towards = torch.tensor([np.sin(yaw) * np.cos(pitch), np.sin(pitch), np.cos(yaw) * np.cos(pitch)]).float()
    camera = look_at(target + distance * towards, target, SIZE * distance / generator.uniform(260, 480), (SIZE, SIZE))
    roll = roma.rotvec_to_rotmat(torch.tensor([0.0, 0.0, generator.normal(0, 0.2)]).float())
    turn = roma.rotmat_to_rotvec(roll @ roma.rotvec_to_rotmat(camera.rotation))
    return replace(camera, rotation=turn, translation=roll @ camera.translation)


def photograph(person: Mesh, camera: Camera, generator: np.random.Generator) -> Tensor:
    """The picture (H, W, 3): lamps, on some skins gloss, exposure, a background that is not plain, grain."""
    edges, light = mesh_edges(person.faces, person.vertices), random_light(generator)
    light = light * torch.from_numpy(generator.normal(1, 0.06, 3)).float()
    seen = render(person, camera, texture=person.texture, light=light, samples=2, edges=edges)
    colour, covered = seen[..., :3].clamp_min(0), seen[..., 3:]
    if generator.random() < 0.6:
        lamp = normalize(torch.from_numpy(generator.normal([0, 0.6, 1], [0.7, 0.5, 0.3])).float(), dim=0)
        towards = normalize(camera.centre() - person.vertices, dim=1)
        half = normalize(towards + lamp, dim=1)
        cosine = (vertex_normals(person.vertices, person.faces) * half).sum(1, keepdim=True).clamp_min(0)
        gloss = float(generator.uniform(0.05, 0.5)) * cosine ** float(generator.uniform(8, 40))
        colour = colour + render(person, camera, colours=gloss.expand(-1, 3).contiguous())[..., :3]
    room = torch.from_numpy(generator.uniform(0, 0.7, (1, 3, *generator.integers(1, 12, 2)))).float()
    room = interpolate(room, (SIZE, SIZE), mode="nearest" if generator.random() < 0.3 else "bilinear")
    colour = float(generator.uniform(0.7, 1.6)) * (colour + (1 - covered) * room[0].permute(1, 2, 0))
    grain = torch.from_numpy(generator.normal(0, generator.uniform(0.5, 4) / 255, colour.shape)).float()
    return (colour.clamp(0, 1) ** (1 / GAMMA) + grain).clamp(0, 1)


if __name__ == "__main__":
    main()
