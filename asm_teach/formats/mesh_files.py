"""Reading mesh files (OBJ, PLY, glTF, STL, OFF: each has its own module) and writing OBJ, PLY and GLB.

In memory v always points up. glTF lets it point down: its reader turns it over, and so does trimesh, which writes GLB.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import replace
from os import PathLike
from pathlib import Path

import numpy as np
import torch
import trimesh
from torch import Tensor
from trimesh.visual.material import PBRMaterial
from trimesh.visual.texture import TextureVisuals

from asm_teach.base.files import whole
from asm_teach.formats.checks.file_kind import check_file
from asm_teach.formats.checks.outputs import MARK, check_output, side_file, signed
from asm_teach.formats.gltf.scene import read_gltf
from asm_teach.formats.mesh_record import MeshRecord, vertex_tensor
from asm_teach.formats.obj_file import obj_text, read_obj
from asm_teach.formats.pictures import picture_bytes, to_pillow
from asm_teach.formats.ply_file import ply_bytes, read_ply
from asm_teach.formats.polygons import without_broken
from asm_teach.formats.stl_off import read_off, read_stl
from asm_teach.formats.units import far_middle

WRITTEN = (".obj", ".ply", ".glb")
_READ = (*WRITTEN, ".gltf", ".stl", ".off")


def read_mesh_file(path: str | PathLike[str]) -> MeshRecord:
    """Read an OBJ, PLY, glTF, STL or OFF file as it is: no vertex is merged, moved or renumbered, no unit is changed.

    UV and texture are kept; quads where the file has them, and the groups of an OBJ file. The pieces of a glTF file
    are placed as its scene says, and become parts. Only in STL, which has no numbers of vertices, equal corners become
    one. What is broken and needed by nothing is left out, and `notes` say so. Vertices are float32, but float64 where
    they lie so far from the origin that float32 would round them.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: an unknown ending, a file that is cut off, empty or of another type.
    """
    path = Path(path)
    ending = _ending(path, _READ)
    check_file(path)
    readers = {".obj": read_obj, ".ply": read_ply, ".stl": read_stl, ".off": read_off}
    try:
        mesh = readers.get(ending, read_gltf)(path)
        mesh = without_broken(replace(mesh, vertices=vertex_tensor(mesh.vertices.numpy())))
    except ValueError as error:
        if str(error).startswith(path.name):
            raise
        raise ValueError(f"{path.name}: {str(error)[:500]}") from None
    return replace(mesh, notes=tuple(f"{path.name}: {note}." for note in mesh.notes))


def write_mesh_file(mesh: MeshRecord, path: str | PathLike[str], keep: Iterable[Path] = ()) -> list[Path]:
    """Write an OBJ, PLY or GLB file, whole or not at all: when writing fails, an older file stays as it was.

    OBJ keeps everything; its texture goes into `name_texture.png` beside it, named by `name.mtl`. PLY and GLB hold
    triangles (GLB in float32) with one UV for each vertex: along a UV seam, copies of the vertices are added after the
    last one. The texture of a PLY file lies beside it too. Such a file beside never replaces one that the program did
    not write for this mesh: then it gets a number. Files in `keep` are not replaced at all.

    Returns:
        The files written, the mesh last.

    Raises:
        ValueError: an unknown ending, or a place that cannot be written to.
        OSError: the disk is full.
    """
    path, kept = Path(path), list(keep)
    ending = _ending(path, WRITTEN)
    check_output(path, inputs=kept, name="path")
    picture = material = None
    files: dict[Path, bytes] = {}
    if mesh.texture is not None and mesh.uv is not None and ending != ".glb":
        picture = side_file(path.with_name(f"{path.stem}_texture.png"), path, kept)
        files[picture] = picture_bytes(mesh.texture, owner=path.name)
    if ending == ".obj":
        if picture is not None:
            material = side_file(path.with_suffix(".mtl"), path, kept)
            text = f"# {MARK}\nnewmtl skin\nKd 1 1 1\nmap_Kd {picture.name}\n"
            files[material] = signed(text.encode(), path.name)
        text = f"# {MARK}\n" + obj_text(mesh, None if material is None else material.name)
        files[path] = signed(text.encode(), path.name)
    elif ending == ".ply":
        files[path] = ply_bytes(one_uv_per_vertex(mesh), None if picture is None else picture.name)
    else:
        files[path] = _glb_bytes(mesh)
    replace_files(files)
    return list(files)


def replace_files(files: dict[Path, bytes]) -> None:
    """Write all files or none: each takes its own name only when all are complete."""
    with ExitStack() as stack:
        for path, content in reversed(files.items()):  # the stack is undone from its end: the mesh comes last
            stack.enter_context(whole(path)).write_bytes(content)


def _ending(path: Path, known: tuple[str, ...]) -> str:
    if path.suffix.lower() not in known:
        raise ValueError(f"{path.name}: the ending {path.suffix!r} is not one of {', '.join(known)}")
    return path.suffix.lower()


def one_uv_per_vertex(mesh: MeshRecord) -> MeshRecord:
    """The same surface with one UV for each vertex: vertices on a seam are doubled, the copies come last."""
    if mesh.uv is None or mesh.uv_faces is None:
        return mesh
    rows, faces, uv = doubled_on_seams(mesh.faces, mesh.uv, mesh.uv_faces, len(mesh.vertices))
    return MeshRecord(mesh.vertices[rows], faces, uv, texture=mesh.texture, parts=mesh.parts)


def doubled_on_seams(faces: Tensor, uv: Tensor, uv_faces: Tensor, count: int) -> tuple[Tensor, Tensor, Tensor]:
    """What doubles the vertices on a seam, so that each vertex has one UV; the copies come last.

    Args:
        faces: (F, 3) vertex numbers.
        uv: (U, 2).
        uv_faces: (F, 3) numbers of UV.
        count: V, the vertices there are.

    Returns:
        which vertex each of the V' is (V',), the faces (F, 3) among them, and their UV (V', 2).
    """
    pairs, inverse = torch.unique(
        torch.stack([faces.reshape(-1), uv_faces.reshape(-1)], -1), dim=0, return_inverse=True
    )
    first = torch.ones(len(pairs), dtype=torch.bool)  # the pairs are sorted by vertex
    first[1:] = pairs[1:, 0] != pairs[:-1, 0]
    number = torch.where(first, pairs[:, 0], count - 1 + (~first).cumsum(0))
    rows = torch.cat([torch.arange(count), pairs[~first, 0]])
    placed = uv.new_zeros((len(rows), 2)).index_copy(0, number, uv[pairs[:, 1]])
    return rows, number[inverse].reshape(-1, 3), placed


def _glb_bytes(mesh: MeshRecord) -> bytes:
    """GLB holds float32: what lies far from the origin is stored near it, in a node that moves it there."""
    mesh, visual = one_uv_per_vertex(mesh), None
    vertices, place = mesh.vertices.double().numpy(), np.eye(4)
    if mesh.vertices.dtype == torch.float64 and (middle := far_middle(vertices)) is not None:
        vertices, place[:3, 3] = vertices - middle, middle
    if mesh.uv is not None:
        picture = None if mesh.texture is None else to_pillow(mesh.texture)
        visual = TextureVisuals(uv=mesh.uv.double().numpy(), material=PBRMaterial(baseColorTexture=picture))
    scene = trimesh.Scene()
    piece = trimesh.Trimesh(vertices, mesh.faces.numpy(), visual=visual, process=False)
    scene.add_geometry(piece, "mesh", "mesh", transform=place)
    content: bytes = scene.export(file_type="glb")
    return content
