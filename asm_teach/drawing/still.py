"""Still pictures of meshes: where the eye stands, and what the renderer of lesson 7 says it sees, lit as a portrait.

The angles are those of the live 3D view in notebooks and the light is `portrait`'s, so that both look alike.
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
from torch.nn.functional import normalize

from asm_teach.data.skin_tones import CLAY
from asm_teach.drawing import portrait
from asm_teach.geometry.mesh import vertex_normals
from asm_teach.rendering import raster
from asm_teach.rendering.camera import Camera
from asm_teach.rendering.interpolation import blend, look_up
from asm_teach.rendering.raster import Raster

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


def draw(
    vertices: ArrayLike,
    faces: ArrayLike,
    eye: Eye,
    colours: ArrayLike | None = None,
    texture: ArrayLike | None = None,
    uv: ArrayLike | None = None,
    uv_faces: ArrayLike | None = None,
    contrast: float = 1.0,
    finish: ArrayLike | None = None,
) -> NDArray[np.float64]:
    """The mesh as a picture (H, W, 4) in [0, 1], transparent where it is not; see `plots.render_mesh`.

    `finish` is (V, 4), by default what `portrait.finish_of` knows of these triangles.
    """
    points, triangles = _tensor(vertices), _indices(faces)
    known, skin = None if finish is None else to_numpy(finish), triangles
    if finish is None and (found := portrait.finish_of(len(points), triangles.numpy())) is not None:
        known, triangles = found.values, torch.cat([skin, torch.from_numpy(found.lids)])
    seen = rasterise(points, triangles, eye, samples=2)

    def blended(table: Tensor, corners: Tensor = triangles) -> Tensor:
        return blend(seen.weights, table, corners, seen.hits)

    normals = normalize(blended(vertex_normals(points, skin) @ _tensor(eye.rotation.T)), dim=1).numpy()
    dressed = texture is not None and uv is not None and contrast == 1
    if texture is not None and uv is not None:
        chart = triangles
        if uv_faces is not None:  # a lid wears what its first corner wears: it is dark anyway
            chart = torch.cat([_indices(uv_faces), torch.zeros_like(triangles[len(skin) :])])
        own = look_up(_tensor(texture), blended(_tensor(uv), chart))
    elif colours is None:
        own = _tensor(CLAY).expand(len(normals), 3)
    else:
        own = blended(_tensor(colours).expand_as(points))
    albedo = own.clamp(0, 1).numpy()
    if known is None:
        lit = portrait.shade(np.where(normals[:, 2:] < 0, -normals, normals), albedo, None, False, contrast)
        shown = np.ones((len(lit), 1))
    else:
        here = blended(_tensor(known)).numpy()
        back = _seen_from_behind(eye, points, triangles[seen.hits])
        deep = back & (normals[:, 2] < -0.25)  # at an outline a back shows by less than a pixel
        albedo = np.where(deep[:, None], portrait.BACK * albedo, albedo)
        here[deep, 3] = 0.0  # neither iris nor teeth
        lit = portrait.shade(np.where(back[:, None], -normals, normals), albedo, here, dressed, contrast)
        shown = here[:, 1:2]
    picture = seen.spread(torch.from_numpy(np.concatenate([lit * shown, shown], axis=1))).numpy()
    # Four samples a pixel: colours count by how much of the pixel they cover.
    width, height = eye.size
    total = picture.reshape(height, 2, width, 2, 4).sum(axis=(1, 3))
    return np.clip(np.concatenate([total[..., :3] / np.maximum(total[..., 3:], 1e-9), total[..., 3:] / 4], -1), 0, 1)


def _seen_from_behind(eye: Eye, points: Tensor, corners: Tensor) -> NDArray[np.bool_]:
    """Of triangles (n, 3) of points (V, 3) mm: does the eye see the back of each?"""
    stands = _tensor(eye.target + eye.distance * eye.rotation[2])
    a, b, c = (points[corners[:, k]] for k in range(3))
    normal = torch.linalg.cross(b - a, c - a)
    return ((normal * (stands - a)).sum(1) < 0).numpy()


def _tensor(values: ArrayLike) -> Tensor:
    return torch.tensor(to_numpy(values))  # a copy: the array may be one that torch must not write to


def _indices(faces: ArrayLike) -> Tensor:
    return _tensor(faces).long()
