"""glTF 2.0, many primitives: their vertices, triangles, UV and pictures gathered into one mesh."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from asm_teach.base.arrays import Bools, Floats, Ints
from asm_teach.formats.gltf.container import MOST, WEBP, Gltf, Json, extension, members
from asm_teach.formats.gltf.primitive import Primitive
from asm_teach.formats.mesh_record import MeshRecord
from asm_teach.formats.pictures import picture_of_bytes, read_picture
from asm_teach.formats.polygons import counted


class Pieces:
    """The vertices and triangles of all nodes, gathered one after the other."""

    def __init__(self, gltf: Gltf) -> None:
        self._gltf = gltf
        self._notes: list[str] = []
        self._vertices: list[Floats] = []
        self._uv: list[Floats | None] = []
        self._faces: dict[str, Ints] = {}  # by the name of the part
        self._images: list[object] = []  # their numbers in the file
        self._names: dict[str, int] = {}  # how often a name was met
        self._count = {"vertices": 0, "triangles": 0}
        self._left_out = self._weighted = 0

    def add(self, node: Json, matrices: Callable[[Primitive], Floats], *, shapes: bool = False) -> None:
        """Add the mesh of a node.

        Args:
            node: has the number of a mesh.
            matrices: of a primitive, what places its vertices: one matrix (1, 3, 4), or one for each (V, 3, 4). It is
                called once for vertices that several primitives share, in the order in which they are added.
            shapes: primitives share vertices only where their morph targets are the same too.
        """
        mesh = self._gltf.item("meshes", node["mesh"])
        added: dict[str, tuple[int, Bools]] = {}  # where vertices begin, and which of them a mirror has turned over
        primitives = members(mesh, "primitives")
        for data in primitives:
            piece = Primitive(self._gltf, data)
            if not piece.has_surface:
                self._left_out += 1
                continue
            key = piece.vertex_key(shapes) or f"alone {len(self._vertices)}"
            if key not in added:
                begin = self._add("vertices", piece.count())
                added[key] = begin, self._add_vertices(piece, matrices(piece))
            begin, mirrored = added[key]
            faces = piece.triangles()
            self._add("triangles", len(faces))
            turned = mirrored[faces[:, 0]]
            faces[turned] = faces[turned][:, [0, 2, 1]]
            if len(faces):
                self._faces[self._name(node, mesh, data, len(primitives))] = faces + begin
            self._add_image(piece)
        self._weighted += any(members(node if "weights" in node else mesh, "weights"))

    def record(self) -> MeshRecord:
        """All that was gathered, as one mesh."""
        if not self._count["triangles"]:
            raise ValueError("found no faces in it: it is a point cloud or empty; a mesh needs triangles")
        if self._weighted:
            pieces = counted(self._weighted, "piece")
            self._notes.append(f"left out the weights of morph targets of {pieces}: it is read at rest")
        if self._left_out:
            self._notes.append(f"left out {counted(self._left_out, 'piece')} of points or lines, or without positions")
        uv = [piece for piece in self._uv if piece is not None]
        if 0 < len(uv) < len(self._uv):
            self._notes.append("left out the UV: some pieces have none")
        texture = self._texture()
        numbers_of_faces = torch.arange(self._count["triangles"]).split([len(faces) for faces in self._faces.values()])
        return MeshRecord(
            vertices=torch.from_numpy(np.concatenate(self._vertices)),
            faces=torch.from_numpy(np.concatenate(list(self._faces.values()))),
            uv=torch.from_numpy(np.concatenate(uv)).float() if len(uv) == len(self._uv) else None,
            texture=texture,
            parts=dict(zip(self._faces, numbers_of_faces, strict=True)) if len(self._faces) > 1 else {},
            notes=tuple(self._notes),
        )

    def _add_vertices(self, piece: Primitive, matrix: Floats) -> Bools:
        """Place vertices by one matrix (1, 3, 4), or by one for each, (V, 3, 4); which of them are mirrored."""
        points = piece.positions()
        turn = matrix[..., :3]
        turned = points @ turn[0].T if len(turn) == 1 else (turn @ points[..., None])[..., 0]  # the first is faster
        self._vertices.append(turned + matrix[..., 3])
        self._uv.append(piece.uv())
        return np.broadcast_to(np.linalg.det(turn) < 0, len(points))

    def _add(self, what: str, more: int) -> int:
        """Count vertices or triangles; how many there were before."""
        before = self._count[what]
        self._count[what] += more
        if self._count[what] > MOST[what]:
            raise ValueError(
                f"it has {self._count[what]} {what} or more, and at most {MOST[what]} are read: thin the mesh out first"
            )
        return before

    def _name(self, node: Json, mesh: Json, primitive: Json, pieces: int) -> str:
        name = str(node.get("name") or mesh.get("name") or f"mesh_{node['mesh']}")
        if pieces > 1 and "material" in primitive:
            material = self._gltf.item("materials", primitive["material"])
            name += f"_{material['name']}" if material.get("name") else ""
        before = self._names.get(name, 0)
        self._names[name] = before + 1
        name += f"_{before}" if before else ""
        while name in self._faces:  # of a node that is called so
            name += "_"
        return name

    def _add_image(self, piece: Primitive) -> None:
        if piece.colour is not None:
            texture = self._gltf.item("textures", piece.colour["index"])
            image = texture.get("source", (extension(texture, WEBP) or {}).get("source"))
            if image not in self._images:
                self._images.append(image)

    def _texture(self) -> Tensor | None:
        if len(self._images) > 1:
            self._notes.append(f"left out {counted(len(self._images) - 1, 'texture')}: one is kept, the first")
        if not self._images:
            return None
        if self._images[0] is None:
            self._notes.append("left out the texture: it is of a kind that is not read")
            return None
        image = self._gltf.item("images", self._images[0])
        try:
            inside = "bufferView" in image
            source = bytes(self._gltf.view(image["bufferView"])) if inside else self._gltf.resource(image)
            if isinstance(source, Path):
                return read_picture(source)
            return picture_of_bytes(source, f"image {self._images[0]}")
        except (ValueError, OSError) as error:
            self._notes.append(f"left out the texture: {error}")
            return None
