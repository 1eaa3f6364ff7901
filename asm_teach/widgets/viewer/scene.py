"""A surface as three.js holds it: its buffers, its shaders, and what is sent when it moves."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from traitlets import CInt

from asm_teach.drawing.portrait import BARE, finish_of
from asm_teach.drawing.still import to_numpy
from asm_teach.geometry.mesh import Mesh, vertex_normals
from asm_teach.widgets.base import three
from asm_teach.widgets.viewer.shaders import EDGES_FRAGMENT, EDGES_VERTEX, SURFACE_FRAGMENT, SURFACE_VERTEX

STREAMED_NORMALS = 8000  # up to here new normals are sent with new positions; above, facets are shaded instead


def float32(values: object) -> NDArray[np.float32]:
    """A fresh float32 array: pythreejs takes no other kind, and sends nothing for an array changed in place."""
    return np.array(to_numpy(values), dtype=np.float32, order="C")


class _Attribute(three.BufferAttribute):
    """A buffer whose version, which the browser reports after each change, is not sent back to the browser again."""

    version = CInt(-1, allow_none=False).tag(sync=True, echo_update=False)


def attribute(values: object) -> three.BufferAttribute:
    """Numbers for each vertex, on the graphics card."""
    return _Attribute(float32(values), normalized=False)


def pack_normals(normals: NDArray[np.float32]) -> NDArray[np.float32]:
    """Unit vectors (n, 3) as one number each, (n,), exact to 0.06 degrees: see `shaders.SURFACE_VERTEX`."""
    size = np.abs(normals).sum(axis=1, keepdims=True)
    folded = normals / np.maximum(size, 1e-12)
    x, y = folded[:, 0], folded[:, 1]
    below = folded[:, 2] < 0
    square = np.stack(
        [np.where(below, np.copysign(1 - np.abs(y), x), x), np.where(below, np.copysign(1 - np.abs(x), y), y)]
    )
    x, y = np.rint((square + 1) * 2047.5)
    return (4096 * x + y).astype(np.float32)


def split_at_seams(
    faces: NDArray[np.int64], uv_faces: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Give every vertex on a UV seam one copy for each of its UV places.

    Args:
        faces: (F, 3) vertex of each corner.
        uv_faces: (F, 3) UV place of each corner.

    Returns:
        vertex (R,), UV place (R,), and faces (F, 3) into those R copies.
    """
    pairs = np.stack([faces.ravel(), uv_faces.ravel()], axis=1)
    copies, corner = np.unique(pairs, axis=0, return_inverse=True)
    return copies[:, 0], copies[:, 1], corner.reshape(faces.shape)


def texture_widget(picture: object) -> three.DataTexture:
    """A texture (H, W, 3) in [0, 1], row 0 at v = 1, for the graphics card."""
    values = to_numpy(picture)
    step = max(1, -(-max(values.shape[:2]) // 1024))  # a picture larger than 1024 is thinned: it travels as raw bytes
    values = values[::-step, ::step]
    pixels = np.full((*values.shape[:2], 4), 255, dtype=np.uint8)
    pixels[..., :3] = np.round(255 * np.clip(values, 0, 1))
    filters = {"magFilter": "LinearFilter", "minFilter": "LinearMipMapLinearFilter", "generateMipmaps": True}
    return three.DataTexture(pixels, format="RGBAFormat", **filters)


class Surface:
    """One mesh in the scene.

    Args:
        mesh: what to show.
        column: its place among `columns` that stand side by side.
        columns: how many share the view.
        flat: show facets.
        opacity: below 1 the surface is seen through: only its nearest layer is drawn, over what lies behind.

    Attributes:
        vertices: (V, 3) float32, mm, as shown now.
        faces: (F, 3) int64.
        flat: whether facets are wanted; a large mesh shows some while it moves all the same.
        finish: (V, 4) of `portrait.finish_of`, or None for a mesh that is no embedded head.
        edges: the three.js mesh of its edges, not visible at first.
        objects: the three.js meshes: the surface, its edges, and what else it needs.
    """

    def __init__(self, mesh: Mesh, column: int, columns: int, flat: bool, opacity: float = 1.0) -> None:
        self.faces = to_numpy(mesh.faces).astype(np.int64)
        self.vertices = float32(mesh.vertices)
        self.uv = None if mesh.uv is None else to_numpy(mesh.uv)
        self.uv_faces = None if mesh.uv_faces is None else to_numpy(mesh.uv_faces).astype(np.int64)
        self._triangles = torch.from_numpy(self.faces)
        if self.uv_faces is None:
            self._copy_of = place = np.arange(len(self.vertices))
            split = self.faces
        else:
            self._copy_of, place, split = split_at_seams(self.faces, self.uv_faces)
        known = finish_of(len(self.vertices), self.faces)
        self.finish = None if known is None else known.values
        finish = np.broadcast_to(BARE, (len(self.vertices), 4)) if known is None else known.values
        lids = np.zeros((0, 3), np.int64) if known is None or self.uv_faces is not None else known.lids
        uv = np.zeros((len(self._copy_of), 2)) if self.uv is None else self.uv[place]
        across = {"shift": (2 * column + 1) / columns - 1, "columns": float(columns)}
        self.flat, self.opacity = bool(flat), opacity
        self._uniforms: dict[str, object] = {**across, "contrast": 1.0, "opacity": opacity}
        self._uniforms |= {"facets": float(flat), "known": float(known is not None), "dressed": 0.0}
        self._uniforms |= {"textured": 0.0, "map": None}  # a texture must come last: pythreejs loses it elsewhere
        self._codes = self._normals()
        self._whole = attribute(self._packed())
        self._tint = attribute(np.ones((len(self._copy_of), 3)))
        self._geometry = three.BufferGeometry(
            attributes={
                # one buffer under two names: three.js counts and picks by `position`, the shader reads all of it
                "position": self._whole,
                "pointAndNormal": self._whole,
                "tint": self._tint,
                "finish": attribute(finish[self._copy_of]),
                "uv": attribute(uv),
                "index": three.BufferAttribute(
                    np.concatenate([split, lids]).astype(np.uint32).ravel(), normalized=False
                ),
            }
        )
        shared: dict[str, object] = {"vertexShader": SURFACE_VERTEX, "fragmentShader": SURFACE_FRAGMENT}
        shared |= {"side": "DoubleSide", "uniforms": self._wrapped(), "extensions": {"derivatives": True}}
        clear = opacity < 1
        self._material = three.ShaderMaterial(transparent=clear, **shared)
        self.object = three.Mesh(self._geometry, self._material, frustumCulled=False, renderOrder=2 if clear else 0)
        lines = three.ShaderMaterial(
            vertexShader=EDGES_VERTEX,
            fragmentShader=EDGES_FRAGMENT,
            uniforms={name: {"value": value} for name, value in across.items()},
            wireframe=True,
            transparent=True,
        )
        self.edges = three.Mesh(self._geometry, lines, frustumCulled=False, visible=False, renderOrder=3)
        self.objects = [self.object, self.edges]
        if clear:
            # first its depth alone, after what is opaque: then of several layers only the nearest is blended
            depth = three.ShaderMaterial(colorWrite=False, **shared)
            self.objects.append(three.Mesh(self._geometry, depth, frustumCulled=False, renderOrder=1))

    def _wrapped(self) -> dict[str, dict[str, object]]:
        return {name: {"value": value} for name, value in self._uniforms.items()}

    def _normals(self) -> NDArray[np.float32]:
        return pack_normals(vertex_normals(torch.from_numpy(self.vertices), self._triangles).numpy())

    def _packed(self) -> NDArray[np.float32]:
        """(R, 4): what the graphics card gets for each copy of a vertex."""
        packed = np.empty((len(self._copy_of), 4), dtype=np.float32)
        packed[:, :3] = self.vertices[self._copy_of]
        packed[:, 3] = self._codes[self._copy_of]
        return packed

    def _set(self, **uniforms: object) -> None:
        if any(self._uniforms[name] != value for name, value in uniforms.items()):
            self._uniforms.update(uniforms)
            self._material.uniforms = self._wrapped()

    @property
    def sent(self) -> int:
        """How many vertices travel to the browser for each new shape, copies at seams included."""
        return len(self._copy_of)

    def send(self) -> bool:
        """Show the vertices of now; True when new normals went along, False when `smooth` must follow."""
        small = self.sent <= STREAMED_NORMALS
        if small:
            self._codes = self._normals()
        else:
            self._set(facets=1.0)
        self._whole.array = self._packed()
        return small

    def smooth(self) -> None:
        """Shade the shape of now by its own normals."""
        self._codes = self._normals()
        self._whole.array = self._packed()
        self._set(facets=float(self.flat))

    def facets(self, on: bool) -> None:
        """Show facets instead of a smooth surface."""
        self.flat = on
        self._set(facets=float(on))

    def refresh_bounds(self) -> None:
        """Tell the browser that the shape has changed: else a click beside the first shape meets nothing."""
        self._geometry.exec_three_obj_method("computeBoundingSphere")

    def paint(self, colours: NDArray[np.float64], contrast: float) -> None:
        """Colour the vertices: (V, 3) in [0, 1]."""
        self._tint.array = float32(np.broadcast_to(colours, self.vertices.shape)[self._copy_of])
        self._set(textured=0.0, dressed=0.0, contrast=contrast)

    def wrap(self, texture: three.DataTexture, contrast: float) -> None:
        """Dress the surface in a texture, by its UV."""
        self._set(map=texture, textured=1.0, dressed=float(contrast == 1), contrast=contrast)
