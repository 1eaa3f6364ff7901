"""Still pictures of meshes: where the eye stands, and the light on what the renderer of lesson 7 says it sees.

The angles and the light are those of the live 3D view in notebooks, so that its pictures and these look alike.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import roma
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor
from torch.nn.functional import normalize, pad

from asm_teach.geometry.mesh import vertex_normals
from asm_teach.rendering import raster
from asm_teach.rendering.camera import Camera
from asm_teach.rendering.interpolation import blend, look_up
from asm_teach.rendering.raster import Raster
from asm_teach.rendering.renderer import SKIN

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

# The light hangs on the camera (x right, y up, z towards the viewer), so no view is ever dark.
KEY = np.array([-0.46, 0.58, 0.67])
FILL = np.array([0.82, 0.05, 0.57])
KEY_POWER, FILL_POWER, SKY_POWER, GROUND_POWER = 0.80, 0.16, 0.34, 0.14
WRAP = np.array([0.34, 0.20, 0.15])  # red light travels furthest under the skin
GLOSS, SHINE = 0.10, 24.0
GAMMA = 2.2


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

    def camera(self) -> Camera:
        """The same as a camera of lesson 7: y down, z away from the viewer, pixel centres at half integers."""
        rotation = torch.from_numpy(self.rotation * [[1.0], [-1.0], [-1.0]])
        away = rotation.new_tensor([0.0, 0.0, self.distance])
        return Camera(
            focal=rotation.new_tensor(self.focal),
            principal=rotation.new_tensor(self.size) / 2,
            rotation=roma.rotmat_to_rotvec(rotation),
            translation=away - rotation @ torch.from_numpy(self.target),
            size=self.size,
        )


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


def rasterise(vertices: ArrayLike, faces: ArrayLike, eye: Eye, samples: int = 1) -> Raster:
    """Which triangle each pixel of the eye's picture sees, or each of its samples x samples parts."""
    width, height = eye.size
    return raster.rasterise(_tensor(vertices), _indices(faces), eye.camera(), (samples * width, samples * height))


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
    points, triangles = _tensor(vertices), _indices(faces)
    seen = rasterise(points, triangles, eye, samples=2)

    def blended(table: Tensor, corners: Tensor = triangles) -> Tensor:
        return blend(seen.weights, table, corners, seen.hits)

    normals = normalize(blended(vertex_normals(points, triangles) @ _tensor(eye.rotation.T)), dim=1)
    if texture is not None and uv is not None:
        chart = triangles if uv_faces is None else _indices(uv_faces)
        albedo = look_up(_tensor(texture), blended(_tensor(uv), chart))
    elif colours is None:
        albedo = _tensor(SKIN).expand_as(normals)
    else:
        albedo = blended(_tensor(colours).expand_as(points))
    lit = shade(normals.numpy(), albedo.clamp(0, 1).numpy(), contrast)
    picture = seen.spread(pad(torch.from_numpy(lit), (0, 1), value=1.0)).numpy()
    # Four samples a pixel: colours count by how much of the pixel they cover.
    width, height = eye.size
    total = picture.reshape(height, 2, width, 2, 4).sum(axis=(1, 3))
    return np.concatenate([total[..., :3] / np.maximum(total[..., 3:], 1e-9), total[..., 3:] / 4], axis=-1)


def _tensor(values: ArrayLike) -> Tensor:
    return torch.tensor(to_numpy(values))  # a copy: the array may be one that torch must not write to


def _indices(faces: ArrayLike) -> Tensor:
    return _tensor(faces).long()
