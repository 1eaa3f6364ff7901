"""A triangle mesh, its normals and its areas.

The mesh is a frozen record of tensors: a new pose is a new `Mesh` that shares everything but the vertices.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from os import PathLike
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from asm_teach.base.checks import check_indices, check_points, check_polygons
from asm_teach.formats.mesh_record import MeshRecord
from asm_teach.geometry.landmarks import LandmarkSet


@dataclass(frozen=True, eq=False)
class Mesh:
    """A triangle mesh in millimetres: +x the person's left, +y up, +z out of the face.

    Attributes:
        vertices: (V, 3) float, mm.
        faces: (F, 3) int64, counter-clockwise seen from outside.
        uv: (U, 2) float, origin at the lower left, v up. One per vertex (U == V) when `uv_faces` is None,
            else each corner of a face has its own through `uv_faces`.
        uv_faces: (F, 3) int64 into `uv`.
        texture: (H, W, 3) float in [0, 1]; row 0 is the top of the picture, v = 1.
        quads: (Q, 4) int64, the modeller's own four-sided polygons where the source had them. Each is also
            in `faces`, as two triangles.
        parts: name -> (n,) int64 indices into `faces`.
        landmarks: name -> points that stay on the surface, such as "ibug68" and "facemesh478".
        notes: what the reader of its file left out, in sentences.

    Raises:
        ValueError: wrong shape or dtype, no faces, a face that names a vertex that is not there, a vertex
            that is NaN or infinite, UV of the wrong number.
    """

    vertices: Tensor
    faces: Tensor
    uv: Tensor | None = None
    uv_faces: Tensor | None = None
    texture: Tensor | None = None
    quads: Tensor | None = None
    parts: Mapping[str, Tensor] = field(default_factory=dict)
    landmarks: Mapping[str, LandmarkSet] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_points(self.vertices, "vertices", 3)
        check_polygons(self.faces, "faces", 3, len(self.vertices), "vertices")
        if len(self.faces) == 0:
            raise ValueError("faces is empty: a mesh needs at least one triangle; a point cloud is not a mesh")
        if self.quads is not None:
            check_polygons(self.quads, "quads", 4, len(self.vertices), "vertices")
        self._check_uv()
        if self.texture is not None and (self.texture.ndim != 3 or self.texture.shape[-1] != 3):
            raise ValueError(
                f"texture has shape {tuple(self.texture.shape)}: give (H, W, 3), a picture with values from 0 to 1"
            )
        for name, indices in self.parts.items():
            check_indices(indices, f"parts[{name!r}]", len(self.faces), "faces")

    def _check_uv(self) -> None:
        if self.uv is not None:
            check_points(self.uv, "uv", 2)
        if self.uv_faces is not None:
            if self.uv is None:
                raise ValueError("uv_faces is given without uv: give both, or neither")
            check_polygons(self.uv_faces, "uv_faces", 3, len(self.uv), "uv")
            if len(self.uv_faces) != len(self.faces):
                raise ValueError(f"uv_faces has {len(self.uv_faces)} rows for {len(self.faces)} faces: give one each")
        elif self.uv is not None and len(self.uv) != len(self.vertices):
            raise ValueError(
                f"uv has {len(self.uv)} rows for {len(self.vertices)} vertices: give one row for each vertex, or "
                "uv_faces to say which row each corner of a face takes"
            )

    def with_vertices(self, vertices: Tensor) -> Mesh:
        """The same topology, UV and texture with other vertices (V, 3)."""
        if not isinstance(vertices, Tensor) or vertices.shape != self.vertices.shape:
            found = tuple(vertices.shape) if isinstance(vertices, Tensor) else type(vertices).__name__
            raise ValueError(
                f"vertices: found {found}, but this mesh needs shape {tuple(self.vertices.shape)}; "
                "with_vertices keeps the topology, so the number of vertices cannot change"
            )
        return replace(self, vertices=vertices)

    def to(self, device: torch.device | str | None = None, dtype: torch.dtype | None = None) -> Mesh:
        """The mesh on another device or with another floating-point type; indices stay int64."""

        def move(x: Tensor) -> Tensor:
            return x.to(device=device, dtype=dtype if x.is_floating_point() else None)

        moved: dict[str, Any] = {name: move(x) for name, x in vars(self).items() if isinstance(x, Tensor)}
        return replace(
            self,
            **moved,
            parts={name: move(indices) for name, indices in self.parts.items()},
            landmarks={name: points.to(device, dtype) for name, points in self.landmarks.items()},
        )

    def vertex_uv(self) -> Tensor:
        """One UV for each vertex, (V, 2): what the mixture weights and the bone binding need.

        Raises:
            ValueError: there is no UV, a vertex lies on a seam and has several, or a vertex has none.
        """
        if self.uv is None:
            raise ValueError(
                "this mesh has no UV, which says where each vertex lies on the flat chart: load a mesh with "
                "texture coordinates, or unwrap this one first (for example in Blender)"
            )
        if self.uv_faces is None:
            return self.uv
        corner, corner_uv = self.faces.reshape(-1), self.uv_faces.reshape(-1)
        chosen = torch.full((len(self.vertices),), -1, dtype=torch.int64, device=self.faces.device)
        chosen[corner] = corner_uv
        seam = (self.uv[chosen[corner]] != self.uv[corner_uv]).any(-1)
        if seam.any():
            torn = torch.unique(corner[seam])
            raise ValueError(
                f"{len(torn)} vertices lie on a UV seam and have several UVs (first: vertex {int(torn[0])}): "
                "take a part without a seam (mesh.part(name)), or double the vertices along the seam"
            )
        if (chosen < 0).any():
            lost = int((chosen < 0).nonzero()[0])
            raise ValueError(f"vertex {lost} belongs to no face, so it has no UV: remove the unused vertices")
        return self.uv[chosen]

    def part_vertices(self, name: str) -> Tensor:
        """Sorted indices (n,) of the vertices that the faces of a part use."""
        vertices: Tensor = torch.unique(self.faces[self._part_faces(name)])
        return vertices

    def part(self, name: str) -> Mesh:
        """One part as a mesh of its own; vertex i of it is vertex `part_vertices(name)[i]` of this mesh."""
        chosen = self._part_faces(name)
        kept, faces = torch.unique(self.faces[chosen], return_inverse=True)
        kept_uv, uv_faces = kept, None
        if self.uv_faces is not None:
            kept_uv, uv_faces = torch.unique(self.uv_faces[chosen], return_inverse=True)
        uv = None if self.uv is None else self.uv[kept_uv]
        return Mesh(self.vertices[kept], faces, uv, uv_faces, self.texture, self._part_quads(chosen, kept))

    def write(self, path: str | PathLike[str], keep: Iterable[Path] = ()) -> list[Path]:
        """Write to an OBJ, PLY or GLB file, whole or not at all; the ending of the name decides.

        The texture of an OBJ or PLY file goes into one of its own, which replaces no file of yours, nor one of `keep`.
        Returns the files written, the mesh last.

        Raises:
            ValueError: another ending, or a place that cannot be written to.
        """
        from asm_teach.formats.mesh_files import write_mesh_file  # a file format is not needed to do geometry

        mesh = self.to("cpu")
        fields = (mesh.faces, mesh.uv, mesh.uv_faces, mesh.texture, mesh.quads, mesh.parts)
        return write_mesh_file(MeshRecord(mesh.vertices.detach(), *fields), path, keep)

    def _part_faces(self, name: str) -> Tensor:
        if name not in self.parts:
            known = ", ".join(sorted(self.parts)) or "none"
            raise ValueError(f"name: this mesh has no part {name!r}; its parts are: {known}")
        return self.parts[name]

    def _part_quads(self, chosen: Tensor, kept: Tensor) -> Tensor | None:
        if self.quads is None:
            return None
        # A quad belongs to the part when both its triangles do, whichever diagonal it was cut along.
        there = _keys(self.faces[chosen], len(self.vertices))
        triangles = self.quads[:, [[0, 1, 2], [0, 2, 3], [0, 1, 3], [1, 2, 3]]]  # (Q, 4, 3)
        found = torch.isin(_keys(triangles, len(self.vertices)), there)
        inside = found[:, :2].all(-1) | found[:, 2:].all(-1)
        return torch.searchsorted(kept, self.quads[inside]) if inside.any() else None


def read_mesh(path: str | PathLike[str]) -> Mesh:
    """Read an OBJ, PLY, glTF, STL or OFF file as it is: no vertex is merged, moved or renumbered, no unit is changed.

    UV and texture are kept; quads where the file has them, and the groups of an OBJ file. The pieces of a glTF file
    are placed as its scene says, and become parts. Only in STL, which has no numbers of vertices, equal corners become
    one. What is broken and needed by nothing is left out, and `notes` say so. Vertices are float32, but float64 where
    they lie so far from the origin that float32 would round them.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: an unknown ending, a file that is cut off, empty or of another type, or a broken mesh.
    """
    from asm_teach.formats.mesh_files import read_mesh_file  # a file format is not needed to do geometry

    record = read_mesh_file(path)
    try:
        mesh = Mesh(**vars(record))
    except ValueError as error:
        raise ValueError(f"{Path(path).name}: {error}") from None
    try:
        return mesh if mesh.uv_faces is None else replace(mesh, uv=mesh.vertex_uv(), uv_faces=None)
    except ValueError:  # a vertex on a seam has several UVs
        return mesh


def face_normals(vertices: Tensor, faces: Tensor) -> Tensor:
    """Unit normals (..., F, 3) of the triangles of (..., V, 3); zero for a triangle without area."""
    return _unit(_face_cross(vertices, faces))


def face_areas(vertices: Tensor, faces: Tensor) -> Tensor:
    """Areas (..., F) in mm^2 of the triangles of (..., V, 3)."""
    twice: Tensor = torch.linalg.vector_norm(_face_cross(vertices, faces), dim=-1)
    return twice / 2


def vertex_normals(vertices: Tensor, faces: Tensor) -> Tensor:
    """Unit normals (..., V, 3): the normals of the faces round each vertex, weighted by their areas.

    Zero at a vertex that no face with area uses. The gradient is finite everywhere.
    """
    cross = _face_cross(vertices, faces)  # its length is twice the area: the weights come for free
    total = torch.zeros_like(vertices)
    for corner in range(3):
        total = total.index_add(-2, faces[:, corner], cross)
    return _unit(total)


def _face_cross(vertices: Tensor, faces: Tensor) -> Tensor:
    a, b, c = (vertices[..., faces[:, k], :] for k in range(3))
    return torch.cross(b - a, c - a, dim=-1)


def _unit(x: Tensor) -> Tensor:
    # Where the length is zero both value and gradient are zero: the division never sees the zero.
    square = x.square().sum(-1, keepdim=True)
    there = square > 0
    return x * torch.where(there, torch.where(there, square, 1.0).rsqrt(), 0.0)


def _keys(triangles: Tensor, count: int) -> Tensor:
    a, b, c = triangles.sort(-1).values.unbind(-1)
    return (a * count + b) * count + c
