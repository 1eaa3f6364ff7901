"""What the viewer puts into three.js: a surface and a set of dots. Only this and `orbit` know pythreejs' ways."""

from __future__ import annotations

import numpy as np
import pythreejs as three
import torch
from numpy.typing import NDArray

from asm_teach.mesh import Mesh, vertex_normals
from asm_teach.widgets.shaders import DOTS_FRAGMENT, DOTS_VERTEX, SURFACE_FRAGMENT, SURFACE_VERTEX
from asm_teach.zbuffer import to_numpy

STREAMED_NORMALS = 8000  # up to here new normals are sent with new positions; above, facets are shaded instead


def float32(values: object) -> NDArray[np.float32]:
    """A fresh float32 array: pythreejs takes no other kind, and sends nothing for an array changed in place."""
    return np.array(to_numpy(values), dtype=np.float32, order="C")


def _attribute(values: object) -> three.BufferAttribute:
    return three.BufferAttribute(float32(values), normalized=False)


def split_at_seams(
    faces: NDArray[np.int64], uv_faces: NDArray[np.int64] | None
) -> tuple[NDArray[np.int64], NDArray[np.int64] | None, NDArray[np.int64]]:
    """Give every vertex on a UV seam one copy for each of its UV places.

    Args:
        faces: (F, 3) vertex of each corner.
        uv_faces: (F, 3) UV place of each corner, or None when it is the vertex's own.

    Returns:
        vertex (R,), UV place (R,) or None, and faces (F, 3) into those R copies.
    """
    if uv_faces is None:
        return np.arange(int(faces.max()) + 1), None, faces
    pairs = np.stack([faces.ravel(), uv_faces.ravel()], axis=1)
    copies, corner = np.unique(pairs, axis=0, return_inverse=True)
    return copies[:, 0], copies[:, 1], corner.reshape(faces.shape)


def texture_widget(picture: object) -> three.DataTexture:
    """A texture (H, W, 3) in [0, 1], row 0 at v = 1, for the graphics card."""
    values = to_numpy(picture)
    step = max(1, -(-max(values.shape[:2]) // 1024))  # a picture larger than 1024 is thinned: it travels as raw bytes
    values = values[::-step, ::step]
    bytes_ = np.full((*values.shape[:2], 4), 255, dtype=np.uint8)
    bytes_[..., :3] = np.round(255 * np.clip(values, 0, 1))
    return three.DataTexture(
        bytes_,
        format="RGBAFormat",
        magFilter="LinearFilter",
        minFilter="LinearMipMapLinearFilter",
        generateMipmaps=True,
    )


class Surface:
    """One mesh in the scene.

    Attributes:
        vertices: (V, 3) float32, mm, as shown now.
        faces: (F, 3) int64.
        object: the three.js mesh.
    """

    def __init__(self, mesh: Mesh, column: int, columns: int, flat: bool) -> None:
        self.faces = to_numpy(mesh.faces).astype(np.int64)
        self.vertices = float32(mesh.vertices)
        self.uv = None if mesh.uv is None else to_numpy(mesh.uv)
        self.uv_faces = None if mesh.uv_faces is None else to_numpy(mesh.uv_faces).astype(np.int64)
        self._triangles = torch.from_numpy(self.faces)
        self._copy_of, place, split = split_at_seams(self.faces, self.uv_faces)
        # vertices that no face uses are never drawn, but keep their numbers when there is no seam
        if self.uv_faces is None:
            self._copy_of, place = np.arange(len(self.vertices)), np.arange(len(self.vertices))
        uv = np.zeros((len(self._copy_of), 2)) if self.uv is None else self.uv[place]
        self._uniforms = {"shift": (2 * column + 1) / columns - 1, "columns": float(columns), "contrast": 1.0}
        self._flat = float(flat)
        self._uniforms |= {"facets": self._flat, "textured": 0.0, "map": None}
        self._position = _attribute(self.vertices[self._copy_of])
        self._normal = _attribute(self._normals())
        self._tint = _attribute(np.ones((len(self._copy_of), 3)))
        self._material = three.ShaderMaterial(
            vertexShader=SURFACE_VERTEX,
            fragmentShader=SURFACE_FRAGMENT,
            uniforms=self._wrapped(),
            extensions={"derivatives": True},
            side="DoubleSide",
        )
        geometry = three.BufferGeometry(
            attributes={
                "position": self._position,
                "normal": self._normal,
                "tint": self._tint,
                "uv": _attribute(uv),
                "index": three.BufferAttribute(split.astype(np.uint32).ravel(), normalized=False),
            }
        )
        self.object = three.Mesh(geometry, self._material, frustumCulled=False)

    def _wrapped(self) -> dict[str, dict[str, object]]:
        return {name: {"value": value} for name, value in self._uniforms.items()}

    def _normals(self) -> NDArray[np.float32]:
        return vertex_normals(torch.from_numpy(self.vertices), self._triangles).numpy()[self._copy_of]

    def _set(self, **uniforms: object) -> None:
        if any(self._uniforms[name] != value for name, value in uniforms.items()):
            self._uniforms.update(uniforms)
            self._material.uniforms = self._wrapped()

    def move(self, vertices: NDArray[np.float32]) -> bool:
        """Show new positions (V, 3); True when the normals went along, False when `smooth` must follow."""
        self.vertices = vertices
        small = len(self._copy_of) <= STREAMED_NORMALS
        if small:
            self._normal.array = self._normals()
        else:
            self._set(facets=1.0)
        self._position.array = vertices[self._copy_of]
        return small

    def smooth(self) -> None:
        """Shade the shape of now by its own normals."""
        self._normal.array = self._normals()
        self._set(facets=self._flat)

    def paint(self, colours: NDArray[np.float64], contrast: float) -> None:
        """Colour the vertices: (V, 3) in [0, 1]."""
        self._tint.array = float32(np.broadcast_to(colours, self.vertices.shape)[self._copy_of])
        self._set(textured=0.0, contrast=contrast)

    def wrap(self, texture: three.DataTexture, contrast: float) -> None:
        """Dress the surface in a texture, by its UV."""
        self._set(map=texture, textured=1.0, contrast=contrast)


class Dots:
    """Round markers that are seen through the surface, such as the bones of a rig."""

    def __init__(self, points: NDArray[np.float64], column: int, columns: int) -> None:
        self.points = np.asarray(points, dtype=np.float64)
        self._position = _attribute(self.points)
        self._tint = _attribute(np.zeros((len(points), 3)))
        self._size = three.BufferAttribute(np.ones(len(points), dtype=np.float32), normalized=False)
        shift = (2 * column + 1) / columns - 1
        material = three.ShaderMaterial(
            vertexShader=DOTS_VERTEX,
            fragmentShader=DOTS_FRAGMENT,
            uniforms={"shift": {"value": shift}, "columns": {"value": float(columns)}},
            depthTest=False,
            transparent=True,
        )
        geometry = three.BufferGeometry(attributes={"position": self._position, "tint": self._tint, "size": self._size})
        self.object = three.Points(geometry, material, frustumCulled=False, renderOrder=1)
        self.mark(None)

    def move(self, points: NDArray[np.float64]) -> None:
        """Show the markers at new places (n, 3), mm."""
        if not np.array_equal(points, self.points):
            self.points = np.asarray(points, dtype=np.float64)
            self._position.array = float32(self.points)

    def mark(self, selected: int | None) -> None:
        """Make one marker a large orange ring, the others small and dark."""
        chosen = np.arange(len(self.points)) == selected
        self._tint.array = float32(np.where(chosen[:, None], (0.90, 0.38, 0.0), (0.15, 0.25, 0.36)))
        self._size.array = np.where(chosen, 17, 8).astype(np.float32)
