"""Faces whose shape is known, in pictures by cameras that a fit is not told: what a fit to pictures is measured on.

The landmarks of a picture are those that a detector would find: points of the face, some pixels off, and none of those
that face away. Used in lessons 0, 8 and 9; `view_cases` adds pictures to the landmarks.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from asm_teach.base.arrays import load_npz
from asm_teach.data.assets import data_dir
from asm_teach.data.heads import Head
from asm_teach.data.scans import load_scan
from asm_teach.geometry.mesh import Mesh, face_normals
from asm_teach.geometry.metrics import ScanDistances, face_region, scan_distances
from asm_teach.model.adaptive import AdaptiveSkinningModel, SkinnedModel, StaticSkinningModel
from asm_teach.rendering.camera import Camera, look_at
from asm_teach.rendering.renderer import render
from asm_teach.rendering.shading import lamp
from asm_teach.view_fit.view import View

SIDE = math.pi / 3  # the outermost cameras stand this far to the side
SWAY = (0.05, math.radians(8))  # standard deviation of a camera's yaw and pitch
FRAME = 320.0  # mm at the face that a picture shows from edge to edge, before the lens is varied


@dataclass(frozen=True, eq=False)
class Case:
    """Photographs of one person, and what the fit never sees: the true surface.

    views: the photographs with their landmarks. truth: the person's mesh or scan, mm. region: the vertices of `truth`
    on the face area. landmarks: (68, 3) on `truth`, from which the measurement is aligned. focal: the true focal length
    of each view in pixels, to compare with. licence: to be shown.
    """

    name: str
    about: str
    views: tuple[View, ...]
    truth: Mesh
    region: Tensor
    landmarks: Tensor
    focal: tuple[float, ...]
    licence: str


def embedded_case(head: Head, seed: int = 0, views: int = 5, noise: float = 1.0, pictures: bool = False) -> Case:
    """A sampled person, seen by cameras of various poses and lenses, landmarks `noise` px off.

    With `pictures` the views are rendered, to be looked at; otherwise they hold landmarks only.
    """
    truth = head.sample(seed)
    generator = np.random.default_rng([seed, views])
    on_face = torch.arange(468)
    embedding = head.dense_landmarks.subset(on_face)
    points = embedding.points(truth.vertices, truth.faces)
    normals = face_normals(truth.vertices, truth.faces[embedding.faces])
    target = truth.vertices[truth.part_vertices("face")].mean(0)
    cameras = list(spread_cameras(generator, views, target, 768, side=0.8, sway=(0.07, 0.14)))
    seen = [_picture(truth, camera) if pictures else None for camera in cameras]
    taken = [
        View(picture, noisy_landmarks(generator, c, points, normals, noise), size=c.size)
        for picture, c in zip(seen, cameras, strict=True)
    ]
    return Case(
        name=f"embedded person {seed}",
        about=f"{views} pictures, landmarks with {noise:g} px of noise",
        views=tuple(taken),
        truth=truth,
        region=truth.part_vertices("face"),
        landmarks=head.landmarks.points(truth.vertices, truth.faces),
        focal=tuple(float(camera.focal) for camera in cameras),
        licence=head.licence,
    )


def _picture(person: Mesh, camera: Camera) -> Tensor:
    """A person with the head's own skin under a lamp, (H, W, 3) in [0, 1], on a light ground."""
    light = lamp(torch.tensor([0.4, 0.5, 0.8]), strength=0.6, ambient=0.5)
    ground = person.vertices.new_full((3,), 0.9)
    return render(person, camera, light=light, background=ground)[..., :3].clamp(0, 1)


def spread_cameras(
    generator: np.random.Generator,
    count: int,
    target: Tensor,
    size: int,
    side: float = SIDE,
    sway: tuple[float, float] = SWAY,
) -> Iterator[Camera]:
    """Cameras that look at a face from one side to the other, 450 to 1,200 mm away, each with a lens of its own.

    Args:
        generator: draws where exactly each stands, and its focal length.
        count: how many; a single one stands in front.
        target: (3,) mm, what they look at.
        size: of the pictures, which are square, in pixels.
        side: yaw of the outermost ones in radians.
        sway: standard deviations of yaw and pitch in radians.
    """
    for yaw in np.linspace(-side, side, count) if count > 1 else [0.0]:
        yaw, pitch = yaw + generator.normal(0, sway[0]), generator.normal(0, sway[1])
        distance = generator.uniform(450, 1200)
        focal = size * generator.uniform(0.9, 1.3) * distance / FRAME
        towards = target.new_tensor([np.sin(yaw) * np.cos(pitch), np.sin(pitch), np.cos(yaw) * np.cos(pitch)])
        yield look_at(target + distance * towards, target, float(focal), (size, size))


def noisy_landmarks(
    generator: np.random.Generator, camera: Camera, points: Tensor, normals: Tensor, noise: float
) -> Tensor:
    """Pixels (n, 2) of points (n, 3) of a surface, each off by `noise`; NaN where the normal (n, 3) faces away."""
    pixels = camera.project(points)
    pixels = pixels + torch.from_numpy(generator.normal(0, noise, pixels.shape)).to(pixels)
    away = (normals * (camera.centre() - points)).sum(1) <= 0
    return torch.where(away[:, None], torch.nan, pixels)


def james_case(progress: bool = True) -> Case:
    """The two photographs of `james` with MediaPipe's face-mesh points; his scan is only the measure.

    Raises AssetUnavailable for files that are neither here nor can be fetched.
    """
    scan = load_scan("james", progress=progress)
    found = load_npz(data_dir() / "facemesh478.npz")
    views = tuple(
        View(image, torch.from_numpy(found[f"james_view{n}.jpg"][:, :2])) for n, image in enumerate(scan.photographs)
    )
    ibug = scan.landmarks
    region = face_region(scan.mesh.vertices, ibug[30], ibug[[36, 45]], ibug[27])
    about = "two photographs of a real man, MediaPipe's face mesh"
    measured = json.loads((data_dir() / "james_cameras.json").read_text())
    focal = tuple(float(camera["K"][0][0]) for camera in measured)
    return Case("james", about, views, scan.mesh, region, ibug, focal, scan.licence)


def measure(case: Case, head: Head, vertices: Tensor) -> ScanDistances:
    """Point-to-surface error over the face area after similarity alignment.

    The scale is aligned because uncalibrated pictures do not show it.
    """
    vertices = vertices.detach().to("cpu", torch.float32)
    pairs = (head.landmarks.points(vertices, head.mesh.faces), case.landmarks)
    return scan_distances(vertices, head.mesh.faces, case.truth, "similarity", case.region, pairs)


def methods(head: Head) -> dict[str, SkinnedModel | None]:
    """The models to compare, each of which adds one thing to the one before.

    The template (None); bones and weights as artists made them; the 84 bones with the weights that the adaptive model
    starts from, fixed; the adaptive model.
    """
    adaptive = AdaptiveSkinningModel(head.mesh, head.rig, components=2)
    with torch.no_grad():
        held = StaticSkinningModel(head.mesh, head.rig, adaptive.weights())
    return {
        "mean template": None,
        "static, painted": StaticSkinningModel(head.mesh, head.hand_rig, head.hand_weights),
        "static, 84 bones": held,
        "adaptive": adaptive,
    }
