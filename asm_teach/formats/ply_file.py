"""PLY, read with polygons of mixed size, triangle strips and UV of vertices or of corners; written as triangles.

The reader is the project's own (the tables: ply_tables). `plyfile` 1.1 is as strict, but it reads lists row by row and
takes 10 s for a binary scan of 2 million vertices, for which this one needs less than one; it refuses blank lines, too.
`trimesh` reads neither mixed polygons nor strips.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from asm_teach.base.arrays import Ints
from asm_teach.formats.mesh_record import MeshRecord, float32_tensor
from asm_teach.formats.pictures import texture_or_note
from asm_teach.formats.ply_tables import Table, read_header, read_tables
from asm_teach.formats.polygons import counted, fans, of_triangles, weld, whole_numbers

_UV = (("texture_u", "texture_v"), ("u", "v"), ("s", "t"), ("texcoord_u", "texcoord_v"))


def read_ply(path: Path) -> MeshRecord:
    """Read a PLY file; polygons are cut into fans, quads are kept as well; colours and normals are not kept.

    Raises:
        ValueError: a header that is none, counts that the data do not meet, no vertices or no faces.
    """
    content = path.read_bytes()
    header = read_header(content)
    tables = read_tables(content, header)
    vertex = tables.get("vertex", {})
    if not {"x", "y", "z"} <= vertex.keys():
        raise ValueError("found no vertices with x, y and z in it; export it again")
    points = np.stack([_column(vertex, name) for name in "xyz"], -1)
    notes: list[str] = []
    sides, corners, corner_uv = _polygons(tables, notes)
    if not (sides > 2).any():
        raise ValueError(
            f"found {len(points)} vertices and no faces in it: it is a point cloud or empty; a mesh needs triangles"
        )
    if short := int((sides < 3).sum()):
        notes.append(f"left out {counted(short, 'face')} of fewer than three corners")
    rows, four = fans(sides)
    uv, uv_faces = _vertex_uv(vertex), None
    if corner_uv is not None:
        uv, inverse = weld(corner_uv)
        uv_faces = torch.from_numpy(of_triangles(inverse, rows))
    return MeshRecord(
        vertices=torch.from_numpy(points),
        faces=torch.from_numpy(of_triangles(corners, rows)),
        uv=None if uv is None else float32_tensor(uv),
        uv_faces=uv_faces,
        texture=None if header.picture is None else texture_or_note(path.parent / header.picture, notes),
        quads=torch.from_numpy(corners[four]) if len(four) else None,
        notes=tuple(notes),
    )


def ply_bytes(mesh: MeshRecord, picture: str | None = None) -> bytes:
    """A mesh with one UV for each vertex as a binary PLY file, in the precision of its vertices."""
    double = mesh.vertices.dtype == torch.float64
    kind, word = ("<f8", "double") if double else ("<f4", "float")
    columns = mesh.vertices if mesh.uv is None else torch.cat([mesh.vertices, mesh.uv.to(mesh.vertices)], 1)
    lines = ["ply", "format binary_little_endian 1.0"]
    if picture is not None:
        lines.append(f"comment TextureFile {picture}")
    lines.append(f"element vertex {len(mesh.vertices)}")
    lines += [f"property {word} {name}" for name in "xyzst"[: columns.shape[1]]]
    lines += [f"element face {len(mesh.faces)}", "property list uchar int vertex_indices", "end_header\n"]
    faces = np.empty(len(mesh.faces), [("sides", "u1"), ("corners", "<i4", 3)])
    faces["sides"], faces["corners"] = 3, mesh.faces.numpy()
    return "\n".join(lines).encode() + columns.numpy().astype(kind).tobytes() + faces.tobytes()


def _column(table: Table, name: str) -> NDArray[Any]:
    column = table[name]
    if isinstance(column, tuple):
        raise ValueError(f"{name} of its vertices is a list, where one number is needed; export it again")
    return column


def _vertex_uv(vertex: Table) -> NDArray[Any] | None:
    """UV (n, 2) of the vertices, by one of the names in use."""
    pair = next((pair for pair in _UV if vertex.keys() >= {*pair}), None)
    return None if pair is None else np.stack([_column(vertex, name) for name in pair], -1)


def _polygons(tables: dict[str, Table], notes: list[str]) -> tuple[Ints, Ints, NDArray[np.float32] | None]:
    """Sides of all polygons (P,), their corners one after the other (C,), and UV of those (C, 2) if there are."""
    faces, strips = tables.get("face", {}), tables.get("tristrips", {})
    sides, corners = np.empty(0, np.int64), np.empty(0, np.int64)
    if (found := _corner_list(faces)) is not None:
        sides, corners = found[0], whole_numbers(found[1], "the vertex number")
    uv = None
    if isinstance(texcoord := faces.get("texcoord"), tuple) and len(texcoord[1]):
        if (texcoord[0] == 2 * sides).all() and _corner_list(strips) is None:
            with np.errstate(over="ignore"):
                uv = texcoord[1].astype(np.float32).reshape(-1, 2)
        else:
            notes.append("left out the UV: some corners have none")
    if (found := _corner_list(strips)) is not None:
        triangles = _strip_triangles(found[0], whole_numbers(found[1], "the vertex number"))
        sides = np.concatenate([sides, np.full(len(triangles), 3)])
        corners = np.concatenate([corners, triangles.reshape(-1)])
    return sides, corners, uv


def _corner_list(faces: Table) -> tuple[Ints, NDArray[Any]] | None:
    """The list of vertex numbers of faces or strips: by its usual names, else the first list that is no UV."""
    names = ["vertex_indices", "vertex_index", *(name for name in faces if not name.startswith("tex"))]
    return next((column for name in names if isinstance(column := faces.get(name), tuple)), None)


def _strip_triangles(lengths: Ints, corners: Ints) -> Ints:
    """Triangles (T, 3) of strips, where -1 ends one too and every second triangle turns the other way round."""
    every = np.arange(len(corners))
    new = np.isin(every, lengths.cumsum() - lengths)
    new[1:] |= corners[:-1] < 0
    begin = np.maximum.accumulate(np.where(new, every, 0))  # the first corner of the strip of each
    first = np.flatnonzero((begin[:-2] == begin[2:]) & (corners[2:] >= 0))
    odd = (first - begin[first]) % 2
    triangles = np.stack([corners[first], corners[first + 1 + odd], corners[first + 2 - odd]], -1)
    a, b, c = triangles.T
    kept: Ints = triangles[(a != b) & (b != c) & (c != a)]  # a strip turns a corner by triangles without area
    return kept
