"""How well and how fast a performance is followed: python tests/benchmarks/tracking.py. Takes some minutes.

Three embedded people, each fitted to a registered scan first, play the second half of the recorded take `llv-capture`
in pictures of 640 x 480 pixels; 468 landmarks are off by 1 mm. The walk is measured in the first half. Errors are those
of the face in mm, without the head's turns; jitter is how they change from frame to frame. Mean and range of people:

    60 frames a second   shape error mm      jitter mm a frame   turn, degrees   frames/s on one core
      each by itself    0.62 (0.54 to 0.73)   0.42 (0.39 to 0.46)   0.34 (0.32 to 0.35)   10
      lag 0             0.62 (0.53 to 0.75)   0.16 (0.15 to 0.16)   0.29 (0.27 to 0.31)   76
      lag 2             0.58 (0.49 to 0.72)   0.12 (0.12 to 0.13)   0.26 (0.23 to 0.28)   90
      lag 6             0.59 (0.49 to 0.72)   0.12 (0.12 to 0.12)   0.26 (0.23 to 0.28)   110
      lag 15            0.61 (0.52 to 0.73)   0.12 (0.11 to 0.12)   0.26 (0.23 to 0.27)   83
      lag all           0.62 (0.52 to 0.75)   0.11 (0.11 to 0.12)   0.25 (0.23 to 0.27)   108
    30 frames a second
      each by itself    0.61 (0.54 to 0.73)   0.43 (0.41 to 0.46)   0.31 (0.30 to 0.33)   12
      lag 0             0.73 (0.66 to 0.84)   0.24 (0.23 to 0.25)   0.34 (0.30 to 0.38)   87
      lag 2             0.69 (0.63 to 0.81)   0.21 (0.21 to 0.22)   0.30 (0.26 to 0.34)   71
      lag 6             0.74 (0.67 to 0.85)   0.22 (0.21 to 0.22)   0.30 (0.25 to 0.34)   65
      lag 15            0.78 (0.71 to 0.88)   0.21 (0.21 to 0.21)   0.29 (0.25 to 0.33)   62
      lag all           0.79 (0.72 to 0.89)   0.21 (0.20 to 0.21)   0.29 (0.25 to 0.33)   65

The prior over time takes two thirds of the jitter away without waiting, and more with a lag of two frames; a longer
lag adds little. It brings the shape no nearer: at 30 frames a second it costs 0.1 to 0.2 mm. There the face changes
1.4 times as fast as in the first half.

With pictures, on a second and a half of the embedded take (`python tests/benchmarks/tracking.py pictures`, on a busy
machine, so frames a second are CPU time of one core):

    468 landmarks              shape error mm        jitter mm a frame     turn, degrees         frames/s
      landmarks, lag 0         0.48 (0.40 to 0.59)   0.18 (0.18 to 0.19)   0.27 (0.25 to 0.28)   39
      landmarks, lag all       0.45 (0.38 to 0.51)   0.13 (0.12 to 0.14)   0.24 (0.23 to 0.26)   40
      and pictures, lag 0      0.47 (0.39 to 0.58)   0.16 (0.16 to 0.17)   0.24 (0.22 to 0.26)   13
      and pictures, lag all    0.44 (0.37 to 0.51)   0.12 (0.11 to 0.13)   0.22 (0.20 to 0.24)   13
    68 landmarks
      landmarks, lag 0         0.72 (0.64 to 0.80)   0.24 (0.23 to 0.27)   0.54 (0.53 to 0.56)   50
      landmarks, lag all       0.72 (0.54 to 0.86)   0.16 (0.16 to 0.17)   0.46 (0.42 to 0.48)   51
      and pictures, lag 0      0.65 (0.59 to 0.74)   0.17 (0.16 to 0.19)   0.30 (0.27 to 0.34)   15
      and pictures, lag all    0.61 (0.57 to 0.69)   0.14 (0.13 to 0.15)   0.28 (0.25 to 0.33)   13

Beside 468 landmarks with errors of their own, pictures bring a few per cent, for three times the work: they are off
unless they are asked for. Beside 68 they take 15 % of the shape's error away, and 40 % of the turn's.
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

import asm_teach as asm
from asm_teach.avatar.expressions import Expressions, expression_shapes
from asm_teach.avatar.performer import Performer
from asm_teach.avatar.track import Track, read_track
from asm_teach.data.assets import asset_path, data_dir
from asm_teach.rendering.camera import Camera
from asm_teach.rendering.edges import mesh_edges
from asm_teach.rendering.renderer import render
from asm_teach.studies.view_cases import GAMMA, SENSOR, random_light
from asm_teach.tracking.follow import track
from asm_teach.tracking.one_frame import Frame
from asm_teach.tracking.walk import Walk

SIZE, FOCAL, AWAY, NOISE = (640, 480), 900.0, 650.0, 1.0  # NOISE: mm on the face
SEEDS, LAGS = (0, 1, 2), (0, 2, 6, 15, None)
WAYS = {"each by itself": {"temporal": False}} | {f"lag {'all' if k is None else k}": {"lag": k} for k in LAGS}


def part(take: Track, first: int, last: int, every: int = 1) -> Track:
    """Some frames of a take."""
    names = ("times", "amounts", "head", "eyes")
    cut = {name: getattr(take, name)[first:last:every] for name in names}
    return replace(take, **{**cut, "times": cut["times"] - cut["times"][0]})


def camera(like: Tensor) -> Camera:
    """The camera, which stands still."""
    middle, straight = like.new_tensor(SIZE) / 2, like.new_tensor([math.pi, 0, 0])
    return Camera(like.new_tensor(FOCAL), middle, straight, like.new_tensor([5, 3, AWAY]), SIZE)


def landmarks(faces: Tensor, head: asm.Head, take: Track, seed: int, count: int = 468) -> list[Frame]:
    """What a detector would find of faces (T, V, 3): 468 or 68 points."""
    points = head.dense_landmarks.subset(torch.arange(468)) if count == 468 else head.landmarks
    draw, found = torch.Generator().manual_seed(seed), []
    for now, face in zip(take.times.tolist(), faces, strict=True):
        pixels = camera(faces).project(points.points(face, head.mesh.faces).to(face))
        off = torch.randn(pixels.shape, generator=draw, dtype=pixels.dtype)
        found.append(Frame(now, pixels + NOISE * FOCAL / AWAY * off))
    return found


def photographed(faces: Tensor, head: asm.Head, seed: int) -> list[Tensor]:
    """The pictures (480, 640, 3) of the same camera, by the head's own skin, in light and with grain of a seed."""
    draw, taken = np.random.default_rng(seed), []
    assert head.mesh.texture is not None
    albedo, edges, light = head.mesh.texture**GAMMA, mesh_edges(head.mesh.faces, head.mesh.vertices), random_light(draw)
    for face in faces.float():
        seen = render(head.mesh, camera(face), vertices=face, texture=albedo, light=light, samples=2, edges=edges)
        grain = torch.from_numpy(draw.normal(0, SENSOR, (*SIZE[::-1], 3))).float()
        taken.append((255 * seen[..., :3].clamp(0, 1) ** (1 / GAMMA) + grain).round().clamp(0, 255) / 255)
    return taken


def calm(performer: Performer, take: Track, area: Tensor) -> Tensor:
    """(T, n, 3) mm, the face without the turns of the head."""
    return torch.stack([performer.pose(take.at(now)[0])[area] for now in take.times.tolist()])


People = list[tuple[asm.AdaptiveSkinningModel, Expressions, Performer]]


def main(ways: Sequence[str]) -> None:
    """Print the tables: mean and range of three people and noises."""
    torch.set_num_threads(1)
    head = asm.load_head()
    people: People = []
    for seed in SEEDS:
        person = head.sample(seed, expression=False)
        truth = Performer(person.vertices.double(), head.expressions.names, _offsets(head), *_turning(head))
        model = asm.AdaptiveSkinningModel(head.mesh, head.rig)
        fitted = asm.fit_scan(model, person, steps=16, progress=False, device="cpu").model
        people.append((fitted, expression_shapes(fitted), truth))
    if not ways or "time" in ways:
        over_time(head, people)
    if not ways or "pictures" in ways:
        with_pictures(head, people)


def over_time(head: asm.Head, people: People) -> None:
    """By landmarks, at 60 and 30 frames a second, with and without a prior over time."""
    whole = read_track(asset_path("llv-capture", "dao.gesichter"))
    walk = Walk.of(part(whole, 0, 90))  # what is followed comes after it
    for every in (1, 2):
        take = part(whole, 90, 180, every)
        seen = [(landmarks(played(truth, take), head, take, seed), take) for seed, (*_, truth) in enumerate(people)]
        title(f"{60 / every:.0f} frames a second")
        for name, options in WAYS.items():
            row(name, head, people, seen, walk=walk, **options)


def with_pictures(head: asm.Head, people: People) -> None:
    """By 468 and by 68 landmarks, without and with the pictures of the frames: a second and a half of the take."""
    take, images = part(read_track(data_dir() / "take.csv"), 0, 45), []
    for seed, (*_, truth) in enumerate(people):
        images.append(photographed(played(truth, take), head, seed))
    for count in (468, 68):
        title(f"{count} landmarks")
        found = [landmarks(played(truth, take), head, take, seed, count) for seed, (*_, truth) in enumerate(people)]
        seen = [
            ([one._replace(image=image) for one, image in zip(frames, taken, strict=True)], take)
            for frames, taken in zip(found, images, strict=True)
        ]
        for name in ("landmarks", "and pictures"):
            for lag in (0, None):
                how = f"{name}, lag {'all' if lag is None else lag}"
                row(how, head, people, seen, lag=lag, pictures=name == "and pictures")


def played(truth: Performer, take: Track) -> Tensor:
    """(T, V, 3) mm, how a person really performs a take."""
    return torch.stack([truth.at(take, now) for now in take.times.tolist()])


def title(name: str) -> None:
    """The head of a table."""
    print(f"    {name:24}   shape error mm        jitter mm a frame     turn, degrees         frames/s", flush=True)


def row(name: str, head: asm.Head, people: People, seen: list[tuple[list[Frame], Track]], **options: Any) -> None:
    """One line of a table: mean and range of the people."""
    area, errors, jitters, turns, speeds = head.mesh.part_vertices("face"), [], [], [], []
    for (fitted, shapes, truth), (frames, take) in zip(people, seen, strict=True):
        begin = time.process_time()
        found = track(fitted, frames, SIZE, focal=FOCAL, noise=NOISE, shapes=shapes, **options).track
        speeds.append(len(frames) / (time.process_time() - begin))
        off = calm(Performer.of(fitted, shapes), found, area) - calm(truth, take, area)
        errors.append(float(off.norm(dim=2).mean()))
        jitters.append(float(off.diff(dim=0).norm(dim=2).mean()))
        turns.append(math.degrees(float((found.head - take.head).norm(dim=1).mean())))
    columns = "   ".join(f"{sum(x) / 3:.2f} ({min(x):.2f} to {max(x):.2f})" for x in (errors, jitters, turns))
    print(f"      {name:22}   {columns}   {sum(speeds) / 3:.0f}", flush=True)


def _offsets(head: asm.Head) -> Tensor:
    return torch.stack([head.expressions.offsets({name: 1.0}) for name in head.expressions.names]).double()


def _turning(head: asm.Head) -> tuple[Tensor, Tensor]:
    """How far each vertex follows the head's turns, and their middle: of the template."""
    still = Performer.of(asm.AdaptiveSkinningModel(head.mesh, head.rig))
    return still.share, still.middle


if __name__ == "__main__":
    main(sys.argv[1:])
