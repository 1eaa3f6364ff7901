"""Pictures of faces whose shape is known, taken by cameras that a fit is not told: cases to measure a fit on.

A mesh with a texture is drawn by the renderer of lesson 7, from all sides of the face, each time by another lens, from
another distance, in other light and with another exposure, and stored in 8 bits as a camera would. Used in lessons 8
and 9.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from asm_teach.base.arrays import load_npz
from asm_teach.data.assets import data_dir
from asm_teach.data.heads import Head, load_head
from asm_teach.data.scans import load_scan
from asm_teach.geometry.closest_point import closest_points
from asm_teach.geometry.mesh import Mesh, face_normals
from asm_teach.rendering.edges import mesh_edges
from asm_teach.rendering.renderer import render
from asm_teach.rendering.shading import lamp
from asm_teach.studies.cases import Case, noisy_landmarks, spread_cameras
from asm_teach.studies.scan_faces import real_face, scanned_face
from asm_teach.view_fit.view import View

GAMMA = 2.2  # of a screen: a stored colour is the light to the power of 1 / GAMMA
SENSOR = 1.5  # of 255: standard deviation of a pixel's noise
EYES = 62.0  # mm between the middles of the eyes of a scan that has no unit of its own, as most grown-up people have
BEHIND = 30.0  # mm behind the landmarks' mean lies what the cameras look at
_DARK = 0.01  # light of the room behind


def rendered_case(
    mesh: Mesh,
    points: Tensor,
    landmarks: Tensor,
    region: Tensor,
    *,
    views: int = 8,
    seed: int = 0,
    size: int = 512,
    noise: float = 1.5,
    name: str = "rendered",
    licence: str = "",
) -> Case:
    """Pictures of a textured mesh by `views` cameras, which with light and noise follow from `seed`.

    Args:
        mesh: the person, mm, with texture and uv.
        points: (68, 3) or (468, 3) on it, mm: the landmarks that the pictures come with.
        landmarks: (68, 3) on it, from which a measurement is aligned.
        region: its vertices (n,) that are measured.
        views: how many; seen from yaw -60 to 60 degrees, from the front if there is one only.
        size: of the pictures, which are square, in pixels.
        noise: standard deviation of the landmarks, in pixels in each direction.
        name, licence: of the case.

    Raises:
        ValueError: fewer than one view, a picture smaller than 32 pixels, noise below zero, a mesh without texture,
            another number of points.
    """
    if views < 1:
        raise ValueError(f"views: found {views}; give one or more")
    if size < 32:
        raise ValueError(f"size: a picture of {size} pixels shows no face; give 32 or more")
    if not noise >= 0:
        raise ValueError(f"noise: found {noise}; give pixels, 0 or more")
    if mesh.texture is None or mesh.uv is None:
        raise ValueError("mesh: it has no texture or no uv; a face of one colour has nothing that pictures could share")
    if len(points) not in (68, 468):
        raise ValueError(f"points: found {len(points)}; give the 68 or 468 that heads of this package know")
    generator = np.random.default_rng([seed, views])
    normals = face_normals(mesh.vertices, mesh.faces[closest_points(points, mesh.vertices, mesh.faces)[2]])
    target = points.mean(0) - points.new_tensor([0.0, 0.0, BEHIND])
    albedo, edges = mesh.texture**GAMMA, mesh_edges(mesh.faces, mesh.vertices)
    dark = albedo.new_full((3,), _DARK)
    taken, focal = [], []
    for camera in spread_cameras(generator, views, target, size):
        light = random_light(generator)
        seen = render(mesh, camera, texture=albedo, light=light, background=dark, samples=2, edges=edges)
        grain = torch.from_numpy(generator.normal(0, SENSOR, (size, size, 3))).to(seen)
        stored = (255 * seen[..., :3].clamp(0, 1) ** (1 / GAMMA) + grain).round().clamp(0, 255) / 255
        taken.append(View(stored, noisy_landmarks(generator, camera, points, normals, noise)))
        focal.append(float(camera.focal))
    about = f"{views} pictures of {size} x {size}, {len(points)} landmarks with {noise:g} px of noise"
    return Case(name, about, tuple(taken), mesh, region, landmarks, tuple(focal), licence)


def scan_case(
    name: str = "lee-perry-smith",
    views: int = 8,
    seed: int = 0,
    size: int = 512,
    noise: float = 1.5,
    points: int = 68,
    progress: bool = True,
) -> Case:
    """Pictures of a real head, scanned with its colours: `scanned_sitter`.

    points: 68 or 468, the landmarks that the pictures come with. Raises as `scanned_sitter` and `rendered_case` do.
    """
    return _pictures_of(scanned_sitter(name, progress), views, seed, size, noise, points)


def embedded_pictures(
    head: Head, seed: int = 0, views: int = 8, size: int = 512, noise: float = 1.5, points: int = 68
) -> Case:
    """Pictures of a person sampled from a head with the head's own skin: `embedded_sitter`.

    Raises ValueError for a head without texture and as `rendered_case`.
    """
    return _pictures_of(embedded_sitter(head, seed), views, seed, size, noise, points)


@dataclass(frozen=True, eq=False)
class Sitter:
    """A person who is to be photographed.

    mesh: mm, with texture and uv. points: (468 or 478, 3) mm, where MediaPipe's points lie. landmarks: (68, 3), from
    which a measurement is aligned. region: the vertices (n,) that are measured.
    """

    name: str
    mesh: Mesh
    points: Tensor
    landmarks: Tensor
    region: Tensor
    licence: str


def scanned_sitter(name: str = "lee-perry-smith", progress: bool = True) -> Sitter:
    """A real head, scanned with its colours; brought to `EYES` mm between the eyes where it has no unit.

    Raises ValueError for a scan whose landmarks are not known; AssetUnavailable for a scan that is neither here nor
    can be fetched.
    """
    file = data_dir() / f"{name}468.npz"
    if not file.is_file():
        known = ", ".join(sorted(path.name.removesuffix("468.npz") for path in data_dir().glob("*468.npz")))
        raise ValueError(f"name: the landmarks of a scan {name!r} are not known; those of {known} are")
    scan, dense = load_scan(name, progress), torch.from_numpy(load_npz(file)["points"])
    ibug = dense[ibug_of_dense()]
    area = real_face(load_head(), name, progress).area
    if not scan.metric:
        middles = ibug[36:42].mean(0) - ibug[42:48].mean(0)
        grow = EYES / float(torch.linalg.vector_norm(middles))
        scan = replace(scan, mesh=scan.mesh.with_vertices(grow * scan.mesh.vertices))
        dense, ibug = grow * dense, grow * ibug
    return Sitter(name, scan.mesh, dense, ibug, area, scan.licence)


def embedded_sitter(head: Head, seed: int = 0) -> Sitter:
    """A person sampled from a head (`Head.sample(seed)`), with the head's own skin.

    Measured is the same area as on a scan (`scanned_face`); the head's part `face` reaches under the chin, where no
    picture looks.
    """
    person = head.sample(seed)
    ibug = head.landmarks.points(person.vertices, person.faces)
    dense = head.dense_landmarks.points(person.vertices, person.faces)
    area = scanned_face(head, "", person, ibug).area
    return Sitter(f"embedded person {seed}", person, dense, ibug, area, head.licence)


def _pictures_of(sitter: Sitter, views: int, seed: int, size: int, noise: float, points: int) -> Case:
    return rendered_case(
        sitter.mesh, sitter.landmarks if points == 68 else sitter.points[:points], sitter.landmarks, sitter.region,
        views=views, seed=seed, size=size, noise=noise, name=sitter.name, licence=sitter.licence,
    )  # fmt: skip


def random_light(generator: np.random.Generator) -> Tensor:
    """(9, 3): two lamps before the face over some even light, and an exposure; see `shading`."""
    lamps = torch.zeros(9, 3)
    for _ in range(2):
        side, up = generator.uniform(-1.2, 1.2), generator.uniform(0, 0.9)
        towards = torch.tensor([np.sin(side) * np.cos(up), np.sin(up), np.cos(side) * np.cos(up)]).float()
        lamps = lamps + lamp(towards, strength=generator.uniform(0.3, 0.7), ambient=generator.uniform(0.15, 0.25))
    return generator.uniform(0.7, 1.1) * lamps


def ibug_of_dense() -> Tensor:
    """(68,) which of MediaPipe's face-mesh points stands for each of iBUG's."""
    return torch.from_numpy(load_npz(data_dir() / "makehuman.npz")["landmark68"]).long()
