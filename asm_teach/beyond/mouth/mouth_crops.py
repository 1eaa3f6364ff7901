"""Many mouths in one picture: crops of 32 x 32 pixels, drawn all at once by the renderer of lesson 7.

A mouth crop is the lower middle quarter of the square of `face_crops`, some 2.1 mm a pixel. All mouths of a call lie
side by side in one large picture, so the renderer runs once. Differentiable in the amounts of the shapes. Lesson 16.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from asm_teach.beyond.drawn_faces import FRONT, Scene, face_camera, make_up, person_at_rest
from asm_teach.data.heads import Head
from asm_teach.data.skin_tones import TONES
from asm_teach.geometry.landmarks import LandmarkSet
from asm_teach.geometry.mesh import vertex_normals
from asm_teach.rendering.camera import Camera
from asm_teach.rendering.edges import Edges, antialias, mesh_edges
from asm_teach.rendering.interpolation import blend, look_up
from asm_teach.rendering.raster import rasterise
from asm_teach.rendering.shading import harmonics

SIDE = 32  # pixels
LEFT, TOP = 16, 32  # where the crop begins in the square of 64 pixels
SHAPES = (
    "jawOpen", "mouthClose", "mouthFunnel", "mouthPucker", "mouthLeft", "mouthRight", "mouthSmileLeft",
    "mouthSmileRight", "mouthStretchLeft", "mouthStretchRight", "mouthUpperUpLeft", "mouthUpperUpRight",
    "mouthLowerDownLeft", "mouthLowerDownRight", "mouthRollLower", "mouthRollUpper",
)  # fmt: skip
"""Shapes of the head that move the mouth; the columns of amounts (N, 16)."""

_ACROSS, _WIDE, _TALL = 8, 48, 72  # mouths in a row of the large picture, and the pixels that each may take
_MARGIN = 8  # pixels of them to the left of a crop and above it; skin that moves far ends there


class View(NamedTuple):
    """Whose mouth it is, and who looks at it.

    Attributes:
        rest: (V, 3) mm, the mouth's part of a face at rest.
        matrix: (3, 4) from mm to homogeneous pixels of the crop (column z, row z, z).
    """

    rest: Tensor
    matrix: Tensor


@dataclass(frozen=True, eq=False)
class Mouth:
    """The part of a head that mouth crops show: V vertices, F faces.

    Attributes:
        rows: (V,) which vertices of the head these are.
        faces: (F, 3).
        edges: of these faces.
        basis: (16, V, 3) mm, the motion of each of `SHAPES`.
        landmarks: the twenty iBUG points of the lips, 48 to 67.
        albedo: (V,) grey, of the head's own skin, from 0 to 1.
        bearded: (V,) where a beard grows, 0 to 1.
        lips: (V,) 1 on the red of the lips.
        outside: (V,) 1 on skin, 0 on teeth and on the mouth's inside.
    """

    rows: Tensor
    faces: Tensor
    edges: Edges
    basis: Tensor
    landmarks: LandmarkSet
    albedo: Tensor
    bearded: Tensor
    lips: Tensor
    outside: Tensor

    def view(self, head: Head, person: int | None = None, scene: Scene = FRONT) -> View:
        """A sampled person, or the template (None), as a scene's camera sees it."""
        rest = head.mesh.vertices if person is None else person_at_rest(head, person)
        camera = face_camera(head, rest, scene)
        turned = camera.world_to_camera()
        pixels = torch.tensor(
            [[float(camera.focal), 0, float(camera.principal[0]) - LEFT],
             [0, float(camera.focal), float(camera.principal[1]) - TOP], [0, 0, 1]]
        )  # fmt: skip
        return View(rest[self.rows], pixels @ turned)

    def skin(self, tone: int = 0, beard: float = 0.0, lips: float = 0.0, blotches: Tensor | None = None) -> Tensor:
        """(V,) grey albedo of a skin.

        Args:
            tone: one of the eight `skin_tones`.
            beard: how dark a beard is, 0 to 1.
            lips: by which part the lips are darker than the head's own.
            blotches: (V,) logarithms of factors.
        """
        factor = float(np.mean(TONES[tone]) / np.mean(TONES[0]))
        skin = self.albedo * factor * (1 - beard * self.bearded) * (1 - lips * self.lips)
        return skin if blotches is None else skin * blotches.exp()

    def vertices(self, amounts: Tensor, rest: Tensor) -> Tensor:
        """(N, V, 3) mm: the mouth with amounts (N, 16) of the shapes; rest is (V, 3) or (N, V, 3)."""
        return rest + torch.einsum("ns,svx->nvx", amounts, self.basis)

    def marks(self, vertices: Tensor, matrices: Tensor) -> Tensor:
        """(N, 20, 2) pixels of the crop: where cameras (N, 3, 4) or (3, 4) see the points of the lips (N, V, 3)."""
        return self.pixels(self.landmarks.points(vertices, self.faces), matrices)

    def pixels(self, points: Tensor, matrices: Tensor) -> Tensor:
        """(N, n, 2) pixels of the crop: where cameras (N, 3, 4) or (3, 4) see points (N, n, 3), mm."""
        seen = _homogeneous(points, matrices)
        return seen[..., :2] / seen[..., 2:]

    def normals(self, vertices: Tensor) -> Tensor:
        """(N, V, 3) unit normals of vertices (N, V, 3)."""
        n, count = vertices.shape[:2]
        return vertex_normals(vertices.reshape(-1, 3), _copies(self, n)[0]).reshape(n, count, 3)

    def lit(self, vertices: Tensor, albedo: Tensor, lights: Tensor) -> Tensor:
        """(N, V, 1) grey values of vertices (N, V, 3) of an albedo (V,) or (N, V), in white light (9,) or (N, 9)."""
        shading = harmonics(self.normals(vertices)) @ lights.expand(len(vertices), 9)[..., None]
        return albedo.expand(vertices.shape[:2])[..., None] * shading.clamp_min(0.02)

    def paint(self, vertices: Tensor, matrices: Tensor, values: Tensor) -> Tensor:
        """Pictures (N, C, 32, 32) of vertices (N, V, 3) with values (N, V, C), seen by cameras (N, 3, 4) or (3, 4).

        Where no skin is seen, they are 0. Differentiable in vertices and values, outlines included.
        """
        n, channels = len(vertices), values.shape[2]
        faces, edges = _copies(self, n)
        down, place = -(-n // _ACROSS), torch.arange(n)
        shift = torch.stack([_WIDE * (place % _ACROSS) + _MARGIN, _TALL * (place // _ACROSS) + _MARGIN, 0 * place], 1)
        points = _homogeneous(vertices, matrices)
        points = points + points[..., 2:] * shift[:, None].to(points)
        size = (_WIDE * _ACROSS, _TALL * down)
        zero = torch.zeros(3, dtype=points.dtype)
        eye = Camera(torch.ones((), dtype=points.dtype), zero[:2], zero, zero, size)  # the points are pixels already
        raster = rasterise(points.reshape(-1, 3), faces, eye)
        large = raster.spread(blend(raster.weights, values.reshape(-1, channels), faces, raster.hits))
        large = antialias(large, raster, edges).reshape(down, _TALL, _ACROSS, _WIDE, channels)
        crops = large[:, _MARGIN : _MARGIN + SIDE, :, _MARGIN : _MARGIN + SIDE].permute(0, 2, 4, 1, 3)
        return crops.reshape(-1, channels, SIDE, SIDE)[:n]

    def draw(self, amounts: Tensor, view: View, albedo: Tensor, light: Tensor) -> Tensor:
        """Grey crops (N, 32, 32) of one person with amounts (N, 16), in a skin (V,) and white light (9,)."""
        vertices = self.vertices(amounts, view.rest)
        return self.paint(vertices, view.matrix, self.lit(vertices, albedo, light))[:, 0]


def _homogeneous(points: Tensor, matrices: Tensor) -> Tensor:
    if matrices.ndim == 2:
        matrices = matrices[None]
    return points @ matrices[..., :3].mT + matrices[:, None, :, 3]


@lru_cache(maxsize=2)
def load_mouth(head: Head) -> Mouth:
    """The mouth of an embedded head with texture and teeth, `makehuman`.

    Raises:
        ValueError: a head without a texture, or without one of `SHAPES`.
    """
    mesh = head.mesh
    if mesh.texture is None:
        raise ValueError("head has no texture, and so its mouth has no teeth to see: give `asm.load_head()`")
    places = face_camera(head, mesh.vertices, FRONT).project(mesh.vertices) - torch.tensor([LEFT, TOP])
    near = ((places > -6) & (places < SIDE + 6)).all(1) & (mesh.vertices[:, 2] > 0)
    kept = near[mesh.faces].all(1)
    points = head.landmarks.subset(list(range(48, 68)))
    kept[points.faces] = True
    rows, faces = torch.unique(mesh.faces[kept], return_inverse=True)
    number = torch.full((len(mesh.faces),), -1)
    number[kept] = torch.arange(int(kept.sum()))
    basis = torch.stack([head.offsets(expressions={name: 1.0})[rows] for name in SHAPES])
    brightness, bearded = make_up(head)
    albedo = look_up(mesh.texture, mesh.vertex_uv()).mean(1) * brightness
    points = LandmarkSet(number[points.faces], points.barycentric)
    outline = points.points(mesh.vertices[rows], faces)
    outside = torch.zeros(len(mesh.vertices))
    outside[mesh.part_vertices("face")] = 1
    return Mouth(
        rows, faces, mesh_edges(faces, mesh.vertices[rows]), basis, points, albedo[rows], bearded[rows],
        _red(mesh.vertices[rows], outline), outside[rows],
    )  # fmt: skip


def _red(vertices: Tensor, outline: Tensor) -> Tensor:
    """(V,) 1 between the outer and the inner outline of the lips (20, 3), seen from the front."""
    outer, inner = (_inside(vertices[:, :2], outline[piece, :2]) for piece in (slice(0, 12), slice(12, 20)))
    return (outer & ~inner & (vertices[:, 2] > outline[:, 2].min() - 4)).to(vertices)


def _inside(points: Tensor, corners: Tensor) -> Tensor:
    """(n,) whether points (n, 2) lie in a polygon (k, 2): an odd number of its sides lies to their right."""
    a, b = corners, corners.roll(-1, 0)
    x, y = points[:, None].unbind(-1)
    spans = (a[:, 1] > y) != (b[:, 1] > y)
    cut = a[:, 0] + (y - a[:, 1]) / (b[:, 1] - a[:, 1]) * (b[:, 0] - a[:, 0])
    return (spans & (x < cut)).sum(1) % 2 == 1


@lru_cache(maxsize=8)
def _copies(mouth: Mouth, n: int) -> tuple[Tensor, Edges]:
    """The faces and edges of n mouths, the vertices of each after those of the one before."""
    shift = len(mouth.rows) * torch.arange(n)[:, None, None]
    across = mouth.edges.across
    faces = (mouth.faces + shift).reshape(-1, 3)
    ends = (mouth.edges.ends + shift).reshape(-1, 2)
    return faces, Edges(ends, torch.where(across < 0, across, across + shift).reshape(-1, 2))
