"""Reading and writing mesh files: OBJ (see obj_file), PLY and glTF (see gltf_scene).

In memory v always points up. glTF lets it point down: its reader turns it over, and so does trimesh, which writes GLB.
"""

from __future__ import annotations

import io
import re
from contextlib import ExitStack
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import torch
import trimesh
from torch import Tensor
from trimesh.visual.material import PBRMaterial
from trimesh.visual.texture import TextureVisuals

from asm_teach.base.files import whole
from asm_teach.formats.gltf_scene import read_gltf
from asm_teach.formats.mesh_record import MeshRecord
from asm_teach.formats.obj_file import obj_text, read_obj
from asm_teach.formats.pictures import picture_bytes, read_picture, to_pillow

_WRITTEN = (".obj", ".ply", ".glb")
_READ = (*_WRITTEN, ".gltf")


def read_mesh_file(path: str | PathLike[str]) -> MeshRecord:
    """Read an OBJ, PLY, GLB or glTF file as it is: no vertex is merged, moved or renumbered, no unit is changed.

    UV and texture are kept; quads and groups too where an OBJ file has them. The pieces of a glTF file are placed as
    its scene says, and become parts.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: an unknown ending, a file that is cut off, empty or of another type.
    """
    path = Path(path)
    ending = _ending(path, _READ)
    if not path.is_file():
        raise FileNotFoundError(f"path: there is no file {str(path)!r}; check the name and the folder")
    _check_start(path, ending)
    try:
        return {".obj": read_obj, ".ply": _read_ply, ".glb": _read_gltf, ".gltf": _read_gltf}[ending](path)
    except ValueError as error:
        if str(error).startswith(path.name):
            raise
        raise ValueError(f"{path.name}: {error}") from None


def write_mesh_file(mesh: MeshRecord, path: str | PathLike[str]) -> None:
    """Write an OBJ, PLY or GLB file, whole or not at all: when writing fails, an older file stays as it was.

    OBJ keeps everything; its texture goes into a PNG file beside it. PLY and GLB hold float32 triangles with
    one UV for each vertex: along a UV seam, copies of the vertices are added after the last one.

    Raises:
        ValueError: an unknown ending.
        OSError: the folder is not there, or the disk is full.
    """
    path = Path(path)
    ending = _ending(path, _WRITTEN)
    has_texture = mesh.texture is not None and mesh.uv is not None
    files: dict[Path, bytes] = {}
    if mesh.texture is not None and has_texture and ending != ".glb":
        files[path.with_suffix(".png")] = picture_bytes(mesh.texture)
    if ending == ".obj":
        if has_texture:
            material = f"newmtl skin\nKd 1 1 1\nmap_Kd {path.stem}.png\n"
            files[path.with_suffix(".mtl")] = material.encode()
        files[path] = obj_text(mesh, f"{path.stem}.mtl" if has_texture else None).encode()
    elif ending == ".ply":
        files[path] = _ply_bytes(mesh, f"{path.stem}.png" if has_texture else None)
    else:
        files[path] = _glb_bytes(mesh)
    replace_files(files)


def replace_files(files: dict[Path, bytes]) -> None:
    """Write all files or none: each takes its own name only when all are complete."""
    with ExitStack() as stack:
        for path, content in reversed(files.items()):  # the stack is undone from its end: the mesh comes last
            stack.enter_context(whole(path)).write_bytes(content)


def _ending(path: Path, known: tuple[str, ...]) -> str:
    if path.suffix.lower() not in known:
        raise ValueError(f"{path.name}: the ending {path.suffix!r} is not one of {', '.join(known)}")
    return path.suffix.lower()


def _check_start(path: Path, ending: str) -> None:
    size = path.stat().st_size
    if size == 0:
        raise ValueError(f"{path.name}: the file is empty; fetch or export it again")
    with path.open("rb") as file:
        start = file.read(64)
    start = start.removeprefix(b"\xef\xbb\xbf").lstrip() if ending == ".gltf" else start
    expected = {".glb": b"glTF", ".ply": b"ply", ".obj": b"", ".gltf": b"{"}[ending]
    if start.lstrip()[:1] == b"<":
        raise ValueError(f"{path.name}: this is a web page, not a mesh: open its address in a browser to see why")
    if not start.startswith(expected):
        raise ValueError(
            f"{path.name}: a {ending[1:].upper()} file begins with {expected.decode()!r}, this one with "
            f"{start[:12].decode('latin-1')!r}: it is another kind of file; give it its right ending"
        )


def _load(path: Path, **options: Any) -> list[tuple[str, trimesh.Trimesh]]:
    """The triangle meshes of a file with their names, in the order of the file, placed in the scene."""
    try:
        scene = trimesh.load_scene(path, process=False, **options)
        found = []
        for node in scene.graph.nodes_geometry:
            placement, name = scene.graph[node]
            piece = scene.geometry[name]
            if isinstance(piece, trimesh.Trimesh) and len(piece.faces):
                if not np.array_equal(placement, np.eye(4)):
                    piece = piece.copy()
                    piece.apply_transform(placement)
                found.append((str(node), piece))
    except Exception as error:  # a damaged file makes trimesh fail in many ways; all mean the same to the reader
        raise ValueError(
            f"{path.name}: the file is damaged or cut off ({type(error).__name__}: {error}); fetch or export it again"
        ) from error
    if not found:
        raise ValueError(f"{path.name}: found no faces in it: it is a point cloud or empty; a mesh needs triangles")
    return found


def _read_gltf(path: Path) -> MeshRecord:
    record = read_gltf(path)
    return replace(record, vertices=_float32(record.vertices.numpy()))


def _read_ply(path: Path) -> MeshRecord:
    ((_, piece),) = _load(path, fix_texture=False, skip_materials=True)
    faces = torch.from_numpy(np.array(piece.faces, dtype=np.int64))
    uv, uv_faces = getattr(piece.visual, "uv", None), None
    # A PLY file may hold UV by corner; trimesh keeps one for each vertex, its table has them all.
    corner_uv = _texcoord(piece.metadata.get("_ply_raw", {}).get("face", {}).get("data"))
    if corner_uv is not None and corner_uv.shape == (len(faces), 6):
        uv, inverse = np.unique(corner_uv.reshape(-1, 2), axis=0, return_inverse=True)
        uv_faces = torch.from_numpy(inverse.reshape(-1, 3).astype(np.int64))
    head = path.read_bytes().split(b"end_header", 1)[0].decode("latin-1")
    picture = re.search(r"comment TextureFile (.+)", head)
    texture = path.parent / picture[1].strip() if picture else path.parent
    return MeshRecord(
        vertices=_float32(piece.vertices),
        faces=faces,
        uv=None if uv is None else _float32(uv),
        uv_faces=uv_faces,
        texture=read_picture(texture) if texture.is_file() else None,
    )


def _texcoord(table: np.ndarray | dict[str, np.ndarray] | None) -> np.ndarray | None:
    """The `texcoord` column of the faces of a PLY file; the table of a text file is a dictionary."""
    if isinstance(table, np.ndarray) and "texcoord" in (table.dtype.names or ()):
        return table["texcoord"]["f1"]
    return table.get("texcoord") if isinstance(table, dict) else None


def _float32(array: np.ndarray) -> Tensor:
    with np.errstate(over="ignore"):  # what float32 cannot hold becomes infinite, which Mesh refuses
        return torch.from_numpy(np.array(array, dtype=np.float32))


def one_uv_per_vertex(mesh: MeshRecord) -> MeshRecord:
    """The same surface with one UV for each vertex: vertices on a seam are doubled, the copies come last."""
    if mesh.uv is None or mesh.uv_faces is None:
        return mesh
    corners = torch.stack([mesh.faces.reshape(-1), mesh.uv_faces.reshape(-1)], -1)
    pairs, inverse = torch.unique(corners, dim=0, return_inverse=True)  # sorted by vertex
    count = len(mesh.vertices)
    first = torch.ones(len(pairs), dtype=torch.bool)
    first[1:] = pairs[1:, 0] != pairs[:-1, 0]
    number = torch.where(first, pairs[:, 0], count - 1 + (~first).cumsum(0))
    vertices = torch.cat([mesh.vertices, mesh.vertices[pairs[~first, 0]]])
    uv = mesh.uv.new_zeros((len(vertices), 2)).index_copy(0, number, mesh.uv[pairs[:, 1]])
    return MeshRecord(vertices, number[inverse].reshape(-1, 3), uv, texture=mesh.texture, parts=mesh.parts)


def _to_trimesh(mesh: MeshRecord) -> trimesh.Trimesh:
    mesh = one_uv_per_vertex(mesh)
    visual = None
    if mesh.uv is not None:
        picture = None if mesh.texture is None else to_pillow(mesh.texture)
        visual = TextureVisuals(uv=mesh.uv.double().numpy(), material=PBRMaterial(baseColorTexture=picture))
    return trimesh.Trimesh(mesh.vertices.double().numpy(), mesh.faces.numpy(), visual=visual, process=False)


def _glb_bytes(mesh: MeshRecord) -> bytes:
    scene = trimesh.Scene()
    scene.add_geometry(_to_trimesh(mesh), "mesh", "mesh")
    content: bytes = scene.export(file_type="glb")
    return content


def _ply_bytes(mesh: MeshRecord, picture: str | None) -> bytes:
    content: bytes = trimesh.exchange.ply.export_ply(_to_trimesh(mesh))
    if picture is None:
        return content
    out = io.BytesIO()
    head, rest = content.split(b"\nelement vertex", 1)
    out.write(head + b"\ncomment TextureFile " + picture.encode() + b"\nelement vertex" + rest)
    return out.getvalue()
