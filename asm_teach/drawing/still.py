"""A small z-buffer renderer in numpy: where the eye stands, which triangle each pixel sees, and the light on it.

The angles and the light are those of the live 3D view in notebooks, so that its pictures and these look alike.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from asm_teach.geometry.mesh import vertex_normals

VIEWS: Mapping[str, tuple[float, float]] = {
    "front": (0.0, 0.0),
    "three-quarter": (35.0, 10.0),
    "left": (90.0, 0.0),
    "right": (-90.0, 0.0),
    "top": (0.0, 80.0),
}
"""Name -> (azimuth, elevation) in degrees; azimuth grows towards the person's left (+x)."""

FIELD_OF_VIEW = 22.0  # degrees: a portrait lens; a wider one makes noses look large
MARGIN = 1.05  # air around the head
SKIN = (0.87, 0.70, 0.60)

# The light hangs on the camera (x right, y up, z towards the viewer), so no view is ever dark.
KEY = np.array([-0.46, 0.58, 0.67])
FILL = np.array([0.82, 0.05, 0.57])
KEY_POWER, FILL_POWER, SKY_POWER, GROUND_POWER = 0.80, 0.16, 0.34, 0.14
WRAP = np.array([0.34, 0.20, 0.15])  # red light travels furthest under the skin
GLOSS, SHINE = 0.10, 24.0
GAMMA = 2.2
_FRAGMENTS_AT_ONCE = 3_000_000  # bounds the memory of one pass


@dataclass(frozen=True)
class Eye:
    """The camera of a picture: where it stands and how millimetres become pixels.

    Attributes:
        rotation: (3, 3) world to camera; camera x right, y up, z towards the viewer.
        target: (3,) mm, the point in the middle of the picture.
        distance: mm from the target.
        focal: pixels.
        size: (width, height) in pixels.
    """

    rotation: NDArray[np.float64]
    target: NDArray[np.float64]
    distance: float
    focal: float
    size: tuple[int, int]

    def camera_points(self, points: ArrayLike) -> NDArray[np.float64]:
        """World points (n, 3) in mm seen from the target: x right, y up, z towards the viewer."""
        return (to_numpy(points) - self.target) @ self.rotation.T

    def project(self, points: ArrayLike) -> NDArray[np.float64]:
        """Pixels (n, 2) of world points (n, 3), to draw over the picture: `ax.plot(*eye.project(p).T, ".")`."""
        return self.screen(points)[:, :2]

    def screen(self, points: ArrayLike) -> NDArray[np.float64]:
        """(n, 3): pixel x, pixel y (down) and distance from the eye in mm."""
        seen = self.camera_points(points)
        depth = self.distance - seen[:, 2]
        scale = self.focal / np.maximum(depth, 1e-6)
        width, height = self.size
        x = width / 2 - 0.5 + seen[:, 0] * scale
        y = height / 2 - 0.5 - seen[:, 1] * scale
        return np.stack([x, y, depth], axis=1)


def to_numpy(values: Any) -> NDArray[np.float64]:
    """A tensor (any device, with or without gradient) or array as float64 numpy."""
    if isinstance(values, torch.Tensor):
        values = values.detach().cpu().numpy()
    return np.asarray(values, dtype=np.float64)


def view_angles(view: str | tuple[float, float]) -> tuple[float, float]:
    """(azimuth, elevation) in degrees of a view's name, or of the pair itself.

    Raises:
        ValueError: a name that is not in `VIEWS`.
    """
    if not isinstance(view, str):
        azimuth, elevation = view
        return float(azimuth), float(elevation)
    if view not in VIEWS:
        raise ValueError(f"view is {view!r}: choose one of {', '.join(VIEWS)}, or give (azimuth, elevation) degrees")
    return VIEWS[view]


def view_rotation(azimuth: float, elevation: float) -> NDArray[np.float64]:
    """(3, 3) world to camera for a camera that orbits by these degrees and looks back at the target."""
    a, e = np.radians([azimuth, elevation])
    towards = np.array([np.sin(a) * np.cos(e), np.sin(e), np.cos(a) * np.cos(e)])
    right = np.array([np.cos(a), 0.0, -np.sin(a)])
    return np.stack([right, np.cross(towards, right), towards])


def framing(points: ArrayLike, aspect: float) -> tuple[NDArray[np.float64], float]:
    """Where to look, (3,) mm, and from how far, mm, so that a level camera sees all points (n, 3) from any side.

    A point at height y and at r from the axis is largest on the screen when it comes nearest, where it needs
    the distance |y| / tan(half the view) + r; sideways it needs r / sin(half the view's width).
    """
    cloud = to_numpy(points)
    centre = (cloud.min(axis=0) + cloud.max(axis=0)) / 2
    x, y, z = (cloud - centre).T
    tangent = np.tan(np.radians(FIELD_OF_VIEW / 2))
    r = np.hypot(x, z)
    sideways = r.max() / np.sin(np.arctan(tangent * aspect))
    return centre, max(float((np.abs(y) / tangent + r).max()), float(sideways), 1e-6) * MARGIN


def look(vertices: ArrayLike, view: str | tuple[float, float], size: tuple[int, int], zoom: float = 1.0) -> Eye:
    """The `Eye` that shows all vertices (V, 3) from a view, in a picture of (width, height) pixels."""
    width, height = size
    centre, distance = framing(vertices, width / height)
    focal = height / 2 / np.tan(np.radians(FIELD_OF_VIEW / 2))
    return Eye(view_rotation(*view_angles(view)), centre, distance / zoom, float(focal), (width, height))


def rasterise(
    screen: NDArray[np.float64], faces: NDArray[np.int64], size: tuple[int, int]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Which triangle each pixel sees, and where in it.

    Every triangle lists the pixels of its bounding box; a pixel keeps the nearest triangle that covers it.

    Args:
        screen: (V, 3) pixel x, pixel y, depth, from `Eye.screen`.
        faces: (F, 3).
        size: (width, height).

    Returns:
        face (H, W), -1 where the picture is empty, and barycentric (H, W, 3), perspective-correct.
    """
    width, height = size
    corners = screen[faces]  # (F, 3, 3)
    low = np.ceil(corners[:, :, :2].min(axis=1)).clip(0, [width, height]).astype(np.int64)
    high = np.floor(corners[:, :, :2].max(axis=1)).clip(-1, [width - 1, height - 1]).astype(np.int64)
    box = (high - low + 1).clip(0)
    a, b, c = corners[:, 0], corners[:, 1], corners[:, 2]
    area = (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (c[:, 0] - a[:, 0]) * (b[:, 1] - a[:, 1])
    count = np.where((np.abs(area) > 1e-12) & (corners[:, :, 2].min(axis=1) > 1e-3), box[:, 0] * box[:, 1], 0)

    nearest = np.full(width * height, np.inf)
    face_of = np.full(width * height, -1, dtype=np.int64)
    weights = np.zeros((width * height, 3))
    seen = np.flatnonzero(count)
    parts = np.cumsum(count[seen]) // _FRAGMENTS_AT_ONCE
    for part in range(int(parts[-1]) + 1 if len(seen) else 0):
        f = np.repeat(seen[parts == part], count[seen[parts == part]])
        start = np.cumsum(count[seen[parts == part]]) - count[seen[parts == part]]
        n = np.arange(len(f)) - np.repeat(start, count[seen[parts == part]])
        x = low[f, 0] + n % box[f, 0]
        y = low[f, 1] + n // box[f, 0]
        wb = ((x - a[f, 0]) * (c[f, 1] - a[f, 1]) - (c[f, 0] - a[f, 0]) * (y - a[f, 1])) / area[f]
        wc = ((b[f, 0] - a[f, 0]) * (y - a[f, 1]) - (x - a[f, 0]) * (b[f, 1] - a[f, 1])) / area[f]
        bary = np.stack([1 - wb - wc, wb, wc], axis=1)
        inside = (bary >= -1e-9).all(axis=1)
        f, bary, pixel = f[inside], bary[inside], (y * width + x)[inside]
        bary = bary / corners[f, :, 2]
        depth = 1 / bary.sum(axis=1)
        np.minimum.at(nearest, pixel, depth)
        won = depth == nearest[pixel]
        face_of[pixel[won]] = f[won]
        weights[pixel[won]] = bary[won] * depth[won, None]
    return face_of.reshape(height, width), weights.reshape(height, width, 3)


def shade(normals: NDArray[np.float64], albedo: NDArray[np.float64], contrast: float = 1.0) -> NDArray[np.float64]:
    """Colour (n, 3) of lit points: key light with a soft red edge as on skin, fill, sky, a little gloss.

    Args:
        normals: (n, 3) unit, in camera space.
        albedo: (n, 3) in [0, 1].
        contrast: 1 for a portrait; less keeps data colours close to those of their scale.
    """
    normals = np.where(normals[:, 2:] < 0, -normals, normals)
    key, fill = KEY / np.linalg.norm(KEY), FILL / np.linalg.norm(FILL)
    soft = np.maximum(((normals @ key)[:, None] + WRAP) / (1 + WRAP), 0)
    light = KEY_POWER * soft + FILL_POWER * np.maximum(normals @ fill, 0)[:, None]
    light = light + (GROUND_POWER + (SKY_POWER - GROUND_POWER) * (0.5 + 0.5 * normals[:, 1:2]))
    half = key + np.array([0.0, 0.0, 1.0])
    half /= np.linalg.norm(half)
    gloss = GLOSS * contrast * np.maximum(normals @ half, 0)[:, None] ** SHINE
    light = 1 + contrast * (light - 1)
    return np.clip(albedo**GAMMA * light + gloss, 0, 1) ** (1 / GAMMA)


def sample_texture(texture: ArrayLike, uv: NDArray[np.float64]) -> NDArray[np.float64]:
    """Bilinear look-up (n, 3) in a texture (H, W, 3), row 0 at v = 1, at uv (n, 2)."""
    picture = to_numpy(texture)
    height, width = picture.shape[:2]
    x = np.clip(uv[:, 0] * width - 0.5, 0, width - 1)
    y = np.clip((1 - uv[:, 1]) * height - 0.5, 0, height - 1)
    x0, y0 = np.floor(x).astype(int), np.floor(y).astype(int)
    x1, y1 = np.minimum(x0 + 1, width - 1), np.minimum(y0 + 1, height - 1)
    fx, fy = (x - x0)[:, None], (y - y0)[:, None]
    top = picture[y0, x0] * (1 - fx) + picture[y0, x1] * fx
    bottom = picture[y1, x0] * (1 - fx) + picture[y1, x1] * fx
    return top * (1 - fy) + bottom * fy


def draw(
    vertices: ArrayLike,
    faces: ArrayLike,
    eye: Eye,
    colours: ArrayLike | None = None,
    texture: ArrayLike | None = None,
    uv: ArrayLike | None = None,
    uv_faces: ArrayLike | None = None,
    contrast: float = 1.0,
) -> NDArray[np.float64]:
    """The mesh as a picture (H, W, 4) in [0, 1], transparent where it is not; see `plots.render_mesh`."""
    points, triangles = to_numpy(vertices), to_numpy(faces).astype(np.int64)
    normals = vertex_normals(torch.from_numpy(points), torch.from_numpy(triangles)).numpy() @ eye.rotation.T
    twice = Eye(eye.rotation, eye.target, eye.distance, 2 * eye.focal, (2 * eye.size[0], 2 * eye.size[1]))
    face, bary = rasterise(twice.screen(points), triangles, twice.size)
    hit = face >= 0
    weight, corner = bary[hit], triangles[face[hit]]
    normal = np.einsum("nc,nci->ni", weight, normals[corner])
    normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-12)
    if texture is not None and uv is not None:
        chart = triangles if uv_faces is None else to_numpy(uv_faces).astype(np.int64)
        albedo = sample_texture(texture, np.einsum("nc,nci->ni", weight, to_numpy(uv)[chart[face[hit]]]))
    elif colours is None:
        albedo = np.broadcast_to(np.array(SKIN), normal.shape)
    else:
        table = np.broadcast_to(to_numpy(colours), points.shape)
        albedo = np.einsum("nc,nci->ni", weight, table[corner])
    picture = np.zeros((*face.shape, 4))
    picture[hit] = np.concatenate([shade(normal, np.clip(albedo, 0, 1), contrast), np.ones((hit.sum(), 1))], axis=1)
    # Four samples a pixel: colours count by how much of the pixel they cover.
    height, width = face.shape
    blocks = picture.reshape(height // 2, 2, width // 2, 2, 4)
    cover = blocks[..., 3].mean(axis=(1, 3))
    colour = blocks[..., :3].sum(axis=(1, 3)) / np.maximum(4 * cover, 1e-9)[..., None]
    return np.concatenate([colour, cover[..., None]], axis=-1)
