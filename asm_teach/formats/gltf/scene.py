"""glTF 2.0, the scene: nodes, skins and primitives become one mesh. The bytes are read by `container`.

The mesh is what a viewer shows when nothing moves: nodes are placed by their transforms, skinned meshes by their
joints, and animations do not run. Only morph targets stay at rest, whatever weights the file gives
them: a face comes without the expression that it was saved with, and a note says so.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from asm_teach.base.arrays import Bools, Floats, Ints
from asm_teach.formats.gltf.container import MOST, WEBP, Gltf, Json, extension, members, numbers, whole_number
from asm_teach.formats.gltf.primitive import Primitive
from asm_teach.formats.mesh_record import MeshRecord
from asm_teach.formats.pictures import picture_of_bytes, read_picture
from asm_teach.formats.polygons import counted


def read_gltf(path: Path) -> MeshRecord:
    """Read a GLB or `.gltf` file as one mesh: all triangles of its scene, in the order of the file.

    Each primitive of each node becomes a part. Primitives of one node that use the same numbers of the file as vertices
    share them; otherwise no vertex is merged, left out or renumbered. The texture is the first base colour.

    Returns:
        The mesh in the unit of the file, metres where it follows the specification. The vertices are float64, since a
        node may put them far from the origin.

    Raises:
        ValueError: damaged or cut off, an extension is required that is not read, no triangles.
    """
    try:
        with np.errstate(all="ignore"):  # what overflows becomes infinite, which `Mesh` refuses
            return _Scene(Gltf(path)).record()
    except (KeyError, TypeError, IndexError, AttributeError, OverflowError) as error:
        raise ValueError(
            f"the file is damaged or cut off ({type(error).__name__}: {error}); fetch or export it again"
        ) from None


class _Scene:
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
        self._left_out = moved = 0
        nodes = _Nodes(gltf)
        for node, world in nodes.shown():
            mesh = gltf.item("meshes", node["mesh"])
            self._add_mesh(node, mesh, world, nodes)
            moved += any(members(node if "weights" in node else mesh, "weights"))
        if moved:
            self._notes.append(
                f"left out the weights of morph targets of {counted(moved, 'piece')}: it is read at rest"
            )
        if self._left_out:
            self._notes.append(f"left out {counted(self._left_out, 'piece')} of points or lines, or without positions")

    def record(self) -> MeshRecord:
        """All that was gathered, as one mesh."""
        if not self._count["triangles"]:
            raise ValueError("found no faces in it: it is a point cloud or empty; a mesh needs triangles")
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

    def _add_mesh(self, node: Json, mesh: Json, world: Floats, nodes: _Nodes) -> None:
        added: dict[str, tuple[int, Bools]] = {}  # where vertices begin, and which of them a mirror has turned over
        primitives = members(mesh, "primitives")
        for data in primitives:
            piece = Primitive(self._gltf, data)
            if not piece.has_surface:
                self._left_out += 1
                continue
            key = piece.vertex_key() or f"alone {len(self._vertices)}"
            if key not in added:
                begin = self._add("vertices", piece.count())
                influences = piece.influences() if "skin" in node else []
                matrix = nodes.blended(node["skin"], influences) if influences else world
                added[key] = begin, self._add_vertices(piece, matrix)
            begin, mirrored = added[key]
            faces = piece.triangles()
            self._add("triangles", len(faces))
            turned = mirrored[faces[:, 0]]
            faces[turned] = faces[turned][:, [0, 2, 1]]
            if len(faces):
                self._faces[self._name(node, mesh, data, len(primitives))] = faces + begin
            self._add_image(piece)

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


class _Nodes:
    """The tree of nodes: which are shown, and where (section 3.5)."""

    def __init__(self, gltf: Gltf) -> None:
        self._gltf = gltf
        self._nodes: list[Json] = members(gltf.json, "nodes")
        self._children = [[self._number(child) for child in members(node, "children")] for node in self._nodes]
        self._roots = self._find_roots()
        self._world = self._world_matrices()
        self._skins: dict[int, Floats] = {}

    def shown(self) -> Iterator[tuple[Json, Floats]]:
        """Each node with a mesh, and its matrix (1, 3, 4), parents first, in the order of the file."""
        if not self._nodes:  # a library of meshes
            for index in range(len(members(self._gltf.json, "meshes"))):
                yield {"mesh": index}, np.eye(4)[None, :3]
        waiting, seen = self._scene()[::-1], set()
        while waiting:
            index = waiting.pop()
            if index not in seen and "mesh" in self._nodes[index]:
                yield self._nodes[index], self._world[None, index, :3]
            waiting += [] if index in seen else self._children[index][::-1]
            seen.add(index)

    def blended(self, skin: object, influences: list[tuple[Ints, Floats]]) -> Floats:
        """The matrix of each vertex (V, 3, 4): the weighted mean of its joints' (section 3.7.3.3; lesson 1).

        The transform of the node that carries the mesh has no part in it.
        """
        joints = self._joint_matrices(skin)
        total = np.zeros(len(influences[0][0]))
        blend = np.zeros((len(total), 3, 4))
        for numbers_of_set, weights_of_set in influences:
            for joint, weight in zip(numbers_of_set.T, weights_of_set.T, strict=True):
                used = np.where(weight == 0, 0, joint)
                if len(used) and not 0 <= used.min() <= used.max() < len(joints):
                    raise ValueError(
                        f"a vertex names joint {used.max()} of the {len(joints)} of skin {skin}: the file is damaged; "
                        "fetch or export it again"
                    )
                total += weight
                blend += weight[:, None, None] * joints[used]
        free = total == 0  # as if it hung on the first joint alone
        blend[free], total[free] = joints[0], 1
        return blend / total[:, None, None]

    def _joint_matrices(self, index: object) -> Floats:
        """(J, 3, 4): what moves a vertex of the bind pose along with each joint."""
        skin = self._gltf.item("skins", index)
        key = id(skin)
        if key not in self._skins:
            joints = [self._number(joint) for joint in members(skin, "joints")]
            inverse = np.eye(4)[None].repeat(len(joints), 0)
            if "inverseBindMatrices" in skin:  # by columns, as all matrices of glTF
                inverse = self._gltf.values(skin["inverseBindMatrices"], "MAT4").reshape(-1, 4, 4).swapaxes(1, 2)
                inverse = inverse[: len(joints)]
            if not joints or len(inverse) < len(joints):
                raise ValueError(
                    f"skin {index} has {len(inverse)} inverse bind matrices for {len(joints)} joints: damaged"
                )
            self._skins[key] = (self._world[joints] @ inverse)[:, :3]
        return self._skins[key]

    def _number(self, index: object) -> int:
        self._gltf.item("nodes", index)  # it is there
        return whole_number({"nodes": index}, "nodes")

    def _scene(self) -> list[int]:
        """The nodes at the top of the scene that is shown; without scenes all at the top."""
        if not members(self._gltf.json, "scenes"):
            return self._roots
        scene = self._gltf.item("scenes", self._gltf.json.get("scene", 0))
        return [self._number(index) for index in members(scene, "nodes")]

    def _find_roots(self) -> list[int]:
        parent: dict[int, int] = {}
        for index, children in enumerate(self._children):
            for child in children:
                if child in parent:
                    raise ValueError(
                        f"node {child} hangs on node {parent[child]} and on node {index}, where one is allowed: the "
                        "file is damaged; export it again"
                    )
                parent[child] = index
        return [index for index in range(len(self._nodes)) if index not in parent]

    def _world_matrices(self) -> Floats:
        """(N, 4, 4): each node's own matrix after those of its parents."""
        world = np.array([_local_matrix(node) for node in self._nodes]).reshape(-1, 4, 4)
        waiting, seen = list(self._roots), 0
        while waiting:
            index = waiting.pop()
            seen += 1
            for child in self._children[index]:
                world[child] = world[index] @ world[child]
                waiting.append(child)
        if seen < len(self._nodes):
            raise ValueError("some of its nodes hang on each other in a circle: the file is damaged; export it again")
        return world


def _local_matrix(node: Json) -> Floats:
    """The matrix (4, 4) of a node: its own, or translation, rotation and scale (section 3.5.3)."""
    if "matrix" in node:
        return numbers(node, "matrix", (0.0,) * 16).reshape(4, 4).T
    x, y, z, w = numbers(node, "rotation", (0.0, 0.0, 0.0, 1.0))
    length = x * x + y * y + z * z + w * w
    twice = 2 / length if length > 0 else 0.0
    turn = np.eye(3) - twice * np.array(
        [
            [y * y + z * z, w * z - x * y, -w * y - x * z],
            [-w * z - x * y, x * x + z * z, w * x - y * z],
            [w * y - x * z, -w * x - y * z, x * x + y * y],
        ]
    )
    matrix = np.eye(4)
    matrix[:3, :3] = turn * numbers(node, "scale", (1.0, 1.0, 1.0))
    matrix[:3, 3] = numbers(node, "translation", (0.0, 0.0, 0.0))
    return matrix
