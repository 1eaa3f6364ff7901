"""Reading glTF by its specification: one small file for each feature, most of them after a Khronos sample asset."""

from __future__ import annotations

import base64
import json
import random
import struct
import sys
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from asm_teach.formats.gltf import container
from asm_teach.formats.pictures import picture_bytes
from asm_teach.geometry.mesh import Mesh, read_mesh

COMPONENTS = {np.int8: 5120, np.uint8: 5121, np.int16: 5122, np.uint16: 5123, np.uint32: 5125, np.float32: 5126}
TYPES = {1: "SCALAR", 2: "VEC2", 3: "VEC3", 4: "VEC4", 16: "MAT4"}

# Four vertices of a roof, in numbers that any kind of component holds, and its two faces.
ROOF = np.array([[0, 0, 0], [4, 0, 1], [4, 2, 0], [0, 2, 1]], np.float32)
FACES = np.array([[0, 1, 2], [0, 2, 3]], np.uint16)
UV = np.array([[0, 0], [1, 0], [1, 1], [0, 0.25]], np.float32)
UP = torch.tensor([[0.0, 1.0], [1.0, 1.0], [1.0, 0.0], [0.0, 0.75]])  # the same with v up


class Asset:
    """A glTF file in the making: its JSON and its one buffer."""

    def __init__(self, **top: Any) -> None:
        self.json: dict[str, Any] = {"asset": {"version": "2.0"}, **top}
        self.bytes = b""

    def add(self, kind: str, item: dict[str, Any]) -> int:
        self.json.setdefault(kind, []).append(item)
        return len(self.json[kind]) - 1

    def view(self, content: bytes, **more: Any) -> int:
        self.bytes += bytes(-len(self.bytes) % 4)
        start, self.bytes = len(self.bytes), self.bytes + content
        return self.add("bufferViews", {"buffer": 0, "byteOffset": start, "byteLength": len(content), **more})

    def accessor(self, values: np.ndarray, **more: Any) -> int:
        rows = values.reshape(len(values), -1)
        kind = {"componentType": COMPONENTS[values.dtype.type], "count": len(rows), "type": TYPES[rows.shape[1]]}
        return self.add("accessors", {"bufferView": self.view(rows.tobytes()), **kind, **more})

    def primitive(self, faces: np.ndarray | None = FACES, **attributes: Any) -> dict[str, Any]:
        """The primitive of some attributes, arrays or numbers of accessors; the roof's positions if not given."""
        attributes = {"POSITION": ROOF, **attributes}
        made = {k: self.accessor(v) if isinstance(v, np.ndarray) else v for k, v in attributes.items()}
        return {"attributes": made, **({} if faces is None else {"indices": self.accessor(faces.reshape(-1))})}

    def mesh(self, *primitives: dict[str, Any], **more: Any) -> int:
        return self.add("meshes", {"primitives": list(primitives or [self.primitive()]), **more})

    def node(self, **node: Any) -> int:
        return self.add("nodes", node)

    def glb(self) -> bytes:
        self.json["buffers"] = [{"byteLength": len(self.bytes)}]
        text = json.dumps(self.json).encode()
        text += b" " * (-len(text) % 4)
        binary = self.bytes + bytes(-len(self.bytes) % 4)
        chunks = struct.pack("<I4s", len(text), b"JSON") + text + struct.pack("<I4s", len(binary), b"BIN\0") + binary
        return b"glTF" + struct.pack("<II", 2, 12 + len(chunks)) + chunks

    def text(self, uri: str) -> str:
        return json.dumps({**self.json, "buffers": [{"byteLength": len(self.bytes), "uri": uri}]})

    def read(self, folder: Path) -> Mesh:
        path = folder / "a.glb"
        path.write_bytes(self.glb())
        return read_mesh(path)


def one_mesh(primitive_of: Any = Asset.primitive, **top: Any) -> Asset:
    """One node with one mesh of one primitive."""
    asset = Asset(**top)
    asset.node(mesh=asset.mesh(primitive_of(asset)))
    return asset


def positions(array: np.ndarray = ROOF) -> torch.Tensor:
    return torch.tensor(array, dtype=torch.float32)


# Accessors


def test_indexed_triangles_without_a_scene(tmp_path) -> None:
    mesh = one_mesh().read(tmp_path)
    assert torch.equal(mesh.vertices, positions()) and mesh.faces.tolist() == FACES.tolist()
    assert mesh.vertices.dtype == torch.float32 and mesh.uv is None and mesh.texture is None and mesh.parts == {}


def test_triangles_without_indices(tmp_path) -> None:
    mesh = one_mesh(lambda asset: asset.primitive(None, POSITION=ROOF[[0, 1, 2, 0, 2, 3]])).read(tmp_path)
    assert mesh.faces.tolist() == [[0, 1, 2], [3, 4, 5]]


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.uint32])
def test_vertex_numbers_of_each_size(tmp_path, kind) -> None:
    mesh = one_mesh(lambda asset: asset.primitive(FACES.astype(kind))).read(tmp_path)
    assert mesh.faces.tolist() == FACES.tolist()


@pytest.mark.parametrize("kind", [np.int8, np.uint8, np.int16, np.uint16])
@pytest.mark.parametrize("normalized", [False, True])
def test_quantised_positions(tmp_path, kind, normalized) -> None:
    """KHR_mesh_quantization; a normalised number is divided by the largest of its kind."""
    stored = ROOF.astype(kind)
    stored[1, 0] = np.iinfo(kind).min  # -128 stands for -1, as -127 does
    asset = one_mesh(
        lambda asset: asset.primitive(POSITION=asset.accessor(stored, normalized=normalized)),
        extensionsUsed=["KHR_mesh_quantization"],
        extensionsRequired=["KHR_mesh_quantization"],
    )
    expected = stored.astype(float)
    if normalized:
        expected = (expected / np.iinfo(kind).max).clip(-1)
    torch.testing.assert_close(asset.read(tmp_path).vertices, positions(expected))


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_normalised_uv(tmp_path, kind) -> None:
    stored = (UV * np.iinfo(kind).max).round().astype(kind)
    asset = one_mesh(lambda asset: asset.primitive(TEXCOORD_0=asset.accessor(stored, normalized=True)))
    torch.testing.assert_close(asset.read(tmp_path).uv, UP, atol=0.51 / np.iinfo(kind).max, rtol=0)


def test_interleaved_attributes(tmp_path) -> None:
    """BoxInterleaved: several attributes in one bufferView with a stride; accessors begin inside it."""
    asset = Asset()
    rows = np.concatenate([UV, ROOF], 1)
    view = asset.view(b"skip" + rows.tobytes(), byteStride=20)
    kind = {"bufferView": view, "componentType": 5126, "count": 4}
    uv = asset.add("accessors", {**kind, "byteOffset": 4, "type": "VEC2"})
    position = asset.add("accessors", {**kind, "byteOffset": 12, "type": "VEC3"})
    asset.node(mesh=asset.mesh(asset.primitive(POSITION=position, TEXCOORD_0=uv)))
    mesh = asset.read(tmp_path)
    assert torch.equal(mesh.vertices, positions()) and torch.equal(mesh.uv, UP)


def sparse(asset: Asset, where: np.ndarray, values: np.ndarray) -> dict[str, Any]:
    indices = {"bufferView": asset.view(where.tobytes()), "componentType": COMPONENTS[where.dtype.type]}
    return {"count": len(where), "indices": indices, "values": {"bufferView": asset.view(values.tobytes())}}


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.uint32])
def test_sparse_values_replace_some(tmp_path, kind) -> None:
    """SimpleSparseAccessor."""
    new = np.array([[7, 8, 9], [-1, -2, -3]], np.float32)
    asset = Asset()
    where = sparse(asset, np.array([1, 3], kind), new)
    asset.node(mesh=asset.mesh(asset.primitive(POSITION=asset.accessor(ROOF, sparse=where))))
    expected = positions()
    expected[[1, 3]] = torch.tensor(new)
    assert torch.equal(asset.read(tmp_path).vertices, expected)


def test_sparse_values_stand_among_zeros(tmp_path) -> None:
    asset = Asset()
    where = sparse(asset, np.array([1, 2, 3], np.uint8), ROOF[1:])
    accessor = {"componentType": 5126, "type": "VEC3", "count": 4, "sparse": where}
    asset.node(mesh=asset.mesh(asset.primitive(POSITION=asset.add("accessors", accessor))))
    assert torch.equal(asset.read(tmp_path).vertices, positions())


def test_sparse_values_are_normalised_with_the_rest(tmp_path) -> None:
    asset = Asset()
    where = sparse(asset, np.array([0], np.uint8), np.array([[-127, 0, 127]], np.int8))
    stored = asset.accessor(ROOF.astype(np.int8), normalized=True, sparse=where)
    asset.node(mesh=asset.mesh(asset.primitive(POSITION=stored)))
    vertices = asset.read(tmp_path).vertices
    torch.testing.assert_close(vertices[0], torch.tensor([-1.0, 0.0, 1.0]))
    torch.testing.assert_close(vertices[1:], positions()[1:] / 127)


def test_min_and_max_are_not_believed(tmp_path) -> None:
    asset = one_mesh(lambda asset: asset.primitive(POSITION=asset.accessor(ROOF, min=[9, 9, 9], max=[-9])))
    assert torch.equal(asset.read(tmp_path).vertices, positions())


# Primitives


@pytest.mark.parametrize(
    ("mode", "corners", "expected"),
    [
        (4, [0, 1, 2, 0, 2, 3], [[0, 1, 2], [0, 2, 3]]),
        (4, [0, 1, 2, 0, 2], [[0, 1, 2]]),  # graphics cards leave such corners out
        (5, [0, 1, 2, 3], [[0, 1, 2], [1, 3, 2]]),
        (5, [0, 1, 2, 2, 2, 3, 0], [[0, 1, 2], [2, 3, 0]]),  # tied together by flat triangles
        (6, [0, 1, 2, 3], [[1, 2, 0], [2, 3, 0]]),
    ],
)
def test_triangles_strips_and_fans(tmp_path, mode, corners, expected) -> None:
    """MeshPrimitiveModes."""
    mesh = one_mesh(lambda asset: {**asset.primitive(np.array(corners, np.uint8)), "mode": mode}).read(tmp_path)
    assert mesh.faces.tolist() == expected


def test_points_and_lines_are_left_out_with_a_note(tmp_path) -> None:
    asset = Asset()
    asset.node(mesh=asset.mesh({**asset.primitive(), "mode": 0}, {**asset.primitive(), "mode": 3}, asset.primitive()))
    mesh = asset.read(tmp_path)
    assert mesh.notes == ("a.glb: left out 2 pieces of points or lines, or without positions.",)
    assert len(mesh.vertices) == 4 and len(mesh.faces) == 2
    with pytest.raises(ValueError, match="a.glb: found no faces in it"):
        one_mesh(lambda asset: {**asset.primitive(), "mode": 1}).read(tmp_path)


def test_uv_without_a_material(tmp_path) -> None:
    mesh = one_mesh(lambda asset: asset.primitive(TEXCOORD_0=UV)).read(tmp_path)
    assert torch.equal(mesh.uv, UP)


def material(asset: Asset, **info: Any) -> int:
    picture = asset.view(picture_bytes(torch.full((2, 2, 3), 0.2)))
    image = asset.add("images", {"bufferView": picture, "mimeType": "image/png"})
    texture = {"index": asset.add("textures", {"source": image}), **info}
    return asset.add("materials", {"pbrMetallicRoughness": {"baseColorTexture": texture}})


def test_the_material_chooses_the_set_of_uv(tmp_path) -> None:
    """MultiUVTest."""
    asset = Asset()
    piece = asset.primitive(TEXCOORD_0=1 - UV, TEXCOORD_1=UV)
    asset.node(mesh=asset.mesh({**piece, "material": material(asset, texCoord=1)}))
    mesh = asset.read(tmp_path)
    assert torch.equal(mesh.uv, UP)
    torch.testing.assert_close(mesh.texture, torch.full((2, 2, 3), 0.2))


@pytest.mark.parametrize(
    ("transform", "expected"),
    [
        ({"offset": [0.5, 0.25]}, UV + [0.5, 0.25]),
        ({"scale": [2, 0.5]}, UV * [2, 0.5]),
        # Counter-clockwise to the eye, v down: right becomes up.
        ({"rotation": np.pi / 2}, np.stack([UV[:, 1], -UV[:, 0]], 1)),
        # The example of the extension's text: the lower left quarter of the picture, turned.
        (
            {"offset": [0, 1], "rotation": np.pi / 2, "scale": [0.5, 0.5]},
            np.stack([UV[:, 1] / 2, 1 - UV[:, 0] / 2], 1),
        ),
        ({"texCoord": 1}, 1 - UV),
    ],
)
def test_texture_transform(tmp_path, transform, expected) -> None:
    """TextureTransformTest."""
    asset = Asset(extensionsRequired=["KHR_texture_transform"])
    piece = asset.primitive(TEXCOORD_0=UV, TEXCOORD_1=1 - UV)
    extensions = {"KHR_texture_transform": transform}
    asset.node(mesh=asset.mesh({**piece, "material": material(asset, extensions=extensions)}))
    expected = torch.tensor(np.stack([expected[:, 0], 1 - expected[:, 1]], 1), dtype=torch.float32)
    torch.testing.assert_close(asset.read(tmp_path).uv, expected)


def test_glossy_materials_and_webp_have_textures_too(tmp_path) -> None:
    asset = Asset(extensionsRequired=["KHR_materials_pbrSpecularGlossiness", "EXT_texture_webp"])
    material(asset)
    texture = asset.add("textures", {"extensions": {"EXT_texture_webp": {"source": 0}}})
    glossy = {"KHR_materials_pbrSpecularGlossiness": {"diffuseTexture": {"index": texture}}}
    piece = {**asset.primitive(TEXCOORD_0=UV), "material": asset.add("materials", {"extensions": glossy})}
    asset.node(mesh=asset.mesh(piece))
    torch.testing.assert_close(asset.read(tmp_path).texture, torch.full((2, 2, 3), 0.2))


def test_only_the_first_of_several_textures(tmp_path) -> None:
    asset = Asset()
    first, second = material(asset), material(asset)
    piece = asset.primitive(TEXCOORD_0=UV)
    asset.node(mesh=asset.mesh({**piece, "material": first}, {**piece, "material": second}))
    mesh = asset.read(tmp_path)
    assert mesh.texture is not None and mesh.notes == ("a.glb: left out 1 texture: one is kept, the first.",)


def test_uv_of_some_pieces_only_is_left_out(tmp_path) -> None:
    asset = Asset()
    asset.node(mesh=asset.mesh(asset.primitive(TEXCOORD_0=UV), asset.primitive()))
    mesh = asset.read(tmp_path)
    assert mesh.uv is None and mesh.notes == ("a.glb: left out the UV: some pieces have none.",)


def test_pieces_of_one_mesh_share_its_vertices(tmp_path) -> None:
    """Programs split a mesh by its materials; its vertices keep their numbers."""
    asset = Asset()
    skin, eyes = asset.add("materials", {"name": "skin"}), asset.add("materials", {"name": "eyes"})
    both = asset.primitive(FACES[:1])
    other = {"attributes": both["attributes"], "indices": asset.accessor(FACES[1])}
    asset.node(mesh=asset.mesh({**both, "material": skin}, {**other, "material": eyes}, name="head"))
    mesh = asset.read(tmp_path)
    assert torch.equal(mesh.vertices, positions()) and mesh.faces.tolist() == FACES.tolist()
    assert {name: faces.tolist() for name, faces in mesh.parts.items()} == {"head_skin": [0], "head_eyes": [1]}


def test_morph_targets_stay_at_rest(tmp_path) -> None:
    """SimpleMorph, AnimatedMorphCube: targets are not applied, and weights that ask for it are named."""
    asset = Asset()
    target = {"POSITION": asset.accessor(ROOF)}
    asset.mesh({**asset.primitive(), "targets": [target]}, weights=[0.5])
    asset.node(mesh=0, weights=[0])
    mesh = asset.read(tmp_path)
    assert torch.equal(mesh.vertices, positions()) and mesh.notes == ()
    del asset.json["nodes"][0]["weights"]
    mesh = asset.read(tmp_path)
    assert torch.equal(mesh.vertices, positions())
    assert mesh.notes == ("a.glb: left out the weights of morph targets of 1 piece: it is read at rest.",)


def test_animations_do_not_run(tmp_path) -> None:
    """InterpolationTest: whatever moves a node in time, the mesh stands where the node says."""
    asset = Asset()
    asset.node(mesh=asset.mesh(), translation=[1, 2, 3])
    times, places = asset.accessor(np.array([0, 1], np.float32)), asset.accessor(ROOF[:2])
    channel = {"sampler": 0, "target": {"node": 0, "path": "translation"}}
    asset.add("animations", {"channels": [channel], "samplers": [{"input": times, "output": places}]})
    assert torch.equal(asset.read(tmp_path).vertices, positions() + torch.tensor([1.0, 2, 3]))


# Nodes


def test_one_mesh_at_two_nodes(tmp_path) -> None:
    """SimpleMeshes."""
    asset = Asset(scene=0, scenes=[{"nodes": [0, 1]}])
    asset.mesh()
    asset.node(mesh=0, name="left")
    asset.node(mesh=0, translation=[10, 0, 0])
    mesh = asset.read(tmp_path)
    assert torch.equal(mesh.vertices, torch.cat([positions(), positions() + torch.tensor([10.0, 0, 0])]))
    assert mesh.faces.tolist() == [[0, 1, 2], [0, 2, 3], [4, 5, 6], [4, 6, 7]]
    assert {name: faces.tolist() for name, faces in mesh.parts.items()} == {"left": [0, 1], "mesh_0": [2, 3]}


def test_parts_of_the_same_name_are_told_apart(tmp_path) -> None:
    asset = Asset()
    for name in ("eye_1", "eye_1_", "eye", "eye_2_3"):
        asset.mesh(name=name)
    for mesh in (0, 1, 2, 2, 2, 3, 3):
        asset.node(mesh=mesh)
    found = asset.read(tmp_path)
    assert list(found.parts) == ["eye_1", "eye_1_", "eye", "eye_1__", "eye_2", "eye_2_3", "eye_2_3_1"]
    assert torch.cat(list(found.parts.values())).tolist() == list(range(14))


def test_the_scene_that_is_shown(tmp_path) -> None:
    """MultipleScenes: the one that `scene` names, else the first; without scenes all nodes, else all meshes."""
    asset = Asset(scene=1, scenes=[{"nodes": [0]}, {"nodes": [1]}])
    asset.mesh()
    for x in (10, 20):
        asset.node(mesh=0, translation=[x, 0, 0])

    def places() -> list[float]:
        return asset.read(tmp_path).vertices[::4, 0].tolist()

    assert places() == [20]
    del asset.json["scene"]
    assert places() == [10]
    del asset.json["scenes"]
    assert places() == [10, 20]
    del asset.json["nodes"]
    assert places() == [0]


def turned(axis: int, angle: float) -> list[float]:
    """The quaternion (x, y, z, w) of a turn about one axis."""
    return [*(np.sin(angle / 2) * np.eye(3)[axis]), np.cos(angle / 2)]


def test_transforms_down_the_tree(tmp_path) -> None:
    """A matrix, by columns, and translation, rotation and scale: the parent's acts last."""
    asset = Asset(scenes=[{"nodes": [0]}])
    asset.mesh()
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = [[0, -1, 0], [1, 0, 0], [0, 0, 1]], [100, 0, 0]
    asset.node(children=[1], matrix=matrix.T.reshape(-1).tolist())
    asset.node(children=[2], translation=[0, 10, 0], rotation=turned(0, np.pi / 2), scale=[1, 2, 3])
    asset.node(mesh=0, scale=[2, 2, 2])
    x, y, z = 2 * ROOF.T
    x, y, z = x, 2 * y, 3 * z  # scaled,
    x, y, z = x, 10 - z, y  # turned about x and moved by the second node,
    x, y, z = 100 - y, x, z  # turned about z and moved by the first
    torch.testing.assert_close(asset.read(tmp_path).vertices, positions(np.stack([x, y, z], 1)))


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_rotation_agrees_with_another_program(tmp_path, axis) -> None:
    from scipy.spatial.transform import Rotation

    quaternion = [0.1, -0.2, 0.3, 0.9]
    quaternion[axis] += 0.4
    asset = Asset()
    asset.node(mesh=asset.mesh(), rotation=quaternion)  # it is not of length 1
    expected = Rotation.from_quat(quaternion).apply(ROOF)
    torch.testing.assert_close(asset.read(tmp_path).vertices, positions(expected))


def test_a_mirror_turns_the_faces_over(tmp_path) -> None:
    """NegativeScaleTest: faces stay counter-clockwise seen from outside."""
    for scale, order in (([-1, 1, 1], [0, 2, 1]), ([-1, -1, 1], [0, 1, 2]), ([-1, -1, -1], [0, 2, 1])):
        asset = Asset()
        asset.node(mesh=asset.mesh(), scale=scale)
        mesh = asset.read(tmp_path)
        assert torch.equal(mesh.vertices, positions(ROOF * scale))
        assert mesh.faces.tolist() == FACES[:, order].tolist()


def test_far_from_the_origin_digits_are_kept(tmp_path) -> None:
    asset = Asset()
    asset.node(mesh=asset.mesh(), translation=[4.6e6, 0, 0])
    vertices = asset.read(tmp_path).vertices
    assert vertices.dtype == torch.float64
    assert torch.equal(vertices[:, 0] - 4.6e6, torch.tensor(ROOF[:, 0], dtype=torch.float64))


def test_nodes_in_a_circle_or_with_two_parents_are_refused(tmp_path) -> None:
    for children in ([[1], [0]], [[0], []], [[], [2], [1]]):
        asset = Asset(scenes=[{"nodes": [0]}])
        asset.mesh()
        for names in children:
            asset.node(mesh=0, children=names)
        with pytest.raises(ValueError, match=r"a.glb: some of its nodes hang on each other in a circle"):
            asset.read(tmp_path)
    asset.json["nodes"] = [{"mesh": 0, "children": [2]}, {"children": [2]}, {}]
    with pytest.raises(ValueError, match=r"a.glb: node 2 hangs on node 0 and on node 1"):
        asset.read(tmp_path)


def test_a_deep_tree(tmp_path) -> None:
    asset = Asset(scenes=[{"nodes": [0]}])
    asset.mesh()
    asset.json["nodes"] = [{"children": [k + 1], "translation": [1, 0, 0]} for k in range(5000)] + [{"mesh": 0}]
    assert torch.equal(asset.read(tmp_path).vertices[:, 0], positions()[:, 0] + 5000)


# Skins


def skinned(bind: np.ndarray | None, joints: list[dict[str, Any]], **attributes: np.ndarray) -> Asset:
    """The roof on some joints; its own node is moved away, which must not matter."""
    asset = Asset(scenes=[{"nodes": [0, 1]}])
    asset.node(mesh=asset.mesh(asset.primitive(**attributes)), skin=0, scale=[0.01, 0.01, 0.01], translation=[5, 0, 0])
    for joint in joints:
        asset.node(**joint)
    inverse = {} if bind is None else {"inverseBindMatrices": asset.accessor(bind.swapaxes(1, 2).astype(np.float32))}
    asset.add("skins", {"joints": list(range(1, 1 + len(joints))), **inverse})
    return asset


def moved(x: float = 0, y: float = 0, z: float = 0) -> np.ndarray:
    matrix = np.eye(4)
    matrix[:3, 3] = x, y, z
    return matrix


ONE = np.array([[1, 0, 0, 0]] * 4, np.float32)
FIRST = np.zeros((4, 4), np.uint8)


def test_the_transform_of_a_skinned_node_does_not_count(tmp_path) -> None:
    mesh = skinned(moved()[None], [{}], JOINTS_0=FIRST, WEIGHTS_0=ONE).read(tmp_path)
    assert torch.equal(mesh.vertices, positions())


def test_without_inverse_bind_matrices_they_are_the_identity(tmp_path) -> None:
    mesh = skinned(None, [{"translation": [1, 2, 3]}], JOINTS_0=FIRST, WEIGHTS_0=ONE).read(tmp_path)
    assert torch.equal(mesh.vertices, positions() + torch.tensor([1.0, 2, 3]))


def test_in_the_bind_pose_joints_move_nothing(tmp_path) -> None:
    """RiggedSimple: each joint stands where its inverse bind matrix expects it."""
    bind = np.array([moved(-1, -2, -3), moved(-1, -2, -13)])
    joints = [{"translation": [1, 2, 3], "children": [2]}, {"translation": [0, 0, 10]}]
    weights = np.array([[0.25, 0.75, 0, 0], [1, 0, 0, 0], [0, 1, 0, 0], [0.5, 0.5, 0, 0]], np.float32)
    both = np.array([[0, 1, 0, 0]] * 4, np.uint8)
    mesh = skinned(bind, joints, JOINTS_0=both, WEIGHTS_0=weights).read(tmp_path)
    torch.testing.assert_close(mesh.vertices, positions())


def test_a_pose_that_is_not_the_bind_pose_is_shown(tmp_path) -> None:
    """SimpleSkin, and two sets of influences with quantised weights."""
    bind = np.array([moved()] * 6)
    joints = [{"translation": [10 * k, 0, 0]} for k in range(6)]
    first = np.array([[0, 1, 2, 3]] * 4, np.uint16)
    second = np.array([[5, 4, 9, 9]] * 4, np.uint8)  # joints that are not there, without a weight
    asset = skinned(bind, joints, JOINTS_0=first, JOINTS_1=second)
    attributes = asset.json["meshes"][0]["primitives"][0]["attributes"]
    sets = np.array([[[51, 51, 0, 0], [51, 102, 0, 0]]] * 4, np.uint8)
    for k in range(2):
        attributes[f"WEIGHTS_{k}"] = asset.accessor(sets[:, k], normalized=True)
    mean = (0 * 51 + 10 * 51 + 50 * 51 + 40 * 102) / 255
    torch.testing.assert_close(asset.read(tmp_path).vertices, positions() + torch.tensor([mean, 0.0, 0.0]))


def test_weights_count_by_their_share(tmp_path) -> None:
    weights = np.array([[2, 2, 0, 0], [0.1, 0.1, 0, 0], [0, 3, 0, 0], [0, 0, 0, 0]], np.float32)
    both = np.array([[0, 1, 0, 0]] * 4, np.uint8)
    joints = [{}, {"translation": [8, 0, 0]}]
    mesh = skinned(None, joints, JOINTS_0=both, WEIGHTS_0=weights).read(tmp_path)
    torch.testing.assert_close(mesh.vertices[:, 0], positions()[:, 0] + torch.tensor([4.0, 4.0, 8.0, 0.0]))


def test_joints_that_mirror_turn_the_faces_over(tmp_path) -> None:
    mesh = skinned(None, [{"scale": [-1, 1, 1]}], JOINTS_0=FIRST, WEIGHTS_0=ONE).read(tmp_path)
    assert mesh.faces.tolist() == FACES[:, [0, 2, 1]].tolist()


def test_a_joint_that_is_not_there_is_refused(tmp_path) -> None:
    with pytest.raises(ValueError, match=r"a.glb: a vertex names joint 3 of the 1 of its skin"):
        skinned(None, [{}], JOINTS_0=FIRST + np.uint8(3), WEIGHTS_0=ONE).read(tmp_path)
    with pytest.raises(ValueError, match=r"a.glb: skin 0 has 1 inverse bind matrices for 2 joints"):
        skinned(moved()[None], [{}, {}], JOINTS_0=FIRST, WEIGHTS_0=ONE).read(tmp_path)


# Extensions


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("EXT_meshopt_compression", "npx @gltf-transform/cli copy"),
        ("KHR_meshopt_compression", "npx @gltf-transform/cli copy"),
        ("KHR_texture_basisu", "ktxdecompress"),
        ("ACME_folding", "export the file again without it"),
    ],
)
def test_a_required_extension_is_refused_by_its_name(tmp_path, name, remedy) -> None:
    with pytest.raises(ValueError, match=f"a.glb: it requires the extension {name}.*{remedy}"):
        one_mesh(extensionsRequired=[name]).read(tmp_path)
    assert len(one_mesh(extensionsUsed=[name]).read(tmp_path).faces) == 2


def test_packed_bytes_without_a_fallback_are_refused_by_name(tmp_path) -> None:
    """A file that forgot to say that it requires its compression."""
    asset = one_mesh()
    asset.json["bufferViews"][0] |= {"buffer": 1, "extensions": {"EXT_meshopt_compression": {"buffer": 0}}}
    buffers = [{"byteLength": len(asset.bytes), "uri": "a.bin"}, {"byteLength": 999}]
    (tmp_path / "a.bin").write_bytes(asset.bytes)
    (tmp_path / "a.gltf").write_text(json.dumps({**asset.json, "buffers": buffers}))
    with pytest.raises(ValueError, match="a.gltf: it requires the extension EXT_meshopt_compression"):
        read_mesh(tmp_path / "a.gltf")


def draco(asset: Asset) -> dict[str, Any]:
    """The roof, packed; Draco may number its vertices as it likes."""
    DracoPy = pytest.importorskip("DracoPy")
    packed = DracoPy.encode(ROOF, FACES.astype(np.uint32), 14, tex_coord=UV.astype(np.float64), preserve_order=True)
    ids = {one["attribute_type"]: one["unique_id"] for one in DracoPy.decode(packed).attributes}
    attributes = {"POSITION": ids[0], "TEXCOORD_0": ids[3]}
    kind = {"componentType": 5126, "count": 4}
    return {
        "attributes": {
            "POSITION": asset.add("accessors", {**kind, "type": "VEC3"}),
            "TEXCOORD_0": asset.add("accessors", {**kind, "type": "VEC2"}),
        },
        "indices": asset.add("accessors", {"componentType": 5123, "count": 6, "type": "SCALAR"}),
        "extensions": {"KHR_draco_mesh_compression": {"bufferView": asset.view(packed), "attributes": attributes}},
    }


def corners(mesh: Mesh) -> torch.Tensor:
    return torch.cat([mesh.vertices, mesh.uv], -1)[mesh.faces].mean(1).sort(0).values


def test_draco(tmp_path) -> None:
    asset = one_mesh(draco, extensionsRequired=["KHR_draco_mesh_compression"])
    expected = one_mesh(lambda asset: asset.primitive(TEXCOORD_0=UV)).read(tmp_path)
    torch.testing.assert_close(corners(asset.read(tmp_path)), corners(expected), atol=1e-3, rtol=0)
    view = asset.json["meshes"][0]["primitives"][0]["extensions"]["KHR_draco_mesh_compression"]["bufferView"]
    start = asset.json["bufferViews"][view]["byteOffset"]
    asset.bytes = asset.bytes[: start + 11] + b"\xff" * 20 + asset.bytes[start + 31 :]
    with pytest.raises(ValueError, match=r"a.glb: its Draco-packed mesh cannot be unpacked .*damaged"):
        asset.read(tmp_path)


def test_without_dracopy_the_message_says_how_to_get_it(tmp_path, monkeypatch) -> None:
    asset = one_mesh(draco, extensionsRequired=["KHR_draco_mesh_compression"])
    monkeypatch.setitem(sys.modules, "DracoPy", None)
    message = r"a.glb: it requires the extension KHR_draco_mesh_compression: pip install 'asm_teach\[draco\]'"
    with pytest.raises(ValueError, match=message):
        asset.read(tmp_path)


def test_where_draco_is_not_required_the_plain_numbers_are_read(tmp_path, monkeypatch) -> None:
    asset = one_mesh(lambda asset: {**draco(asset), **asset.primitive(TEXCOORD_0=UV)})
    monkeypatch.setitem(sys.modules, "DracoPy", None)
    assert torch.equal(asset.read(tmp_path).vertices, positions())


# Files


@pytest.mark.parametrize(
    "name", ["roof.bin", "far%20away/roof.bin", "far away/roof.bin", "100%.bin", "far away\\roof.bin"]
)
def test_a_gltf_file_and_its_buffer(tmp_path, name) -> None:
    asset = one_mesh(lambda asset: asset.primitive(TEXCOORD_0=UV))
    (tmp_path / "far away").mkdir()
    (tmp_path / name.replace("%20", " ").replace("\\", "/")).write_bytes(asset.bytes + b"more than it says")
    (tmp_path / "a.GLTF").write_text("\ufeff\n" + asset.text(name), "utf-8")
    mesh = read_mesh(tmp_path / "a.GLTF")
    assert torch.equal(mesh.vertices, positions()) and torch.equal(mesh.uv, UP)


def test_a_buffer_inside_the_json(tmp_path) -> None:
    asset = one_mesh()
    for uri in (
        "data:application/octet-stream;base64," + base64.b64encode(asset.bytes).decode(),
        "data:," + "".join(f"%{byte:02x}" for byte in asset.bytes),
    ):
        (tmp_path / "a.gltf").write_text(asset.text(uri))
        assert torch.equal(read_mesh(tmp_path / "a.gltf").vertices, positions())
        (tmp_path / "a.gltf").write_text(asset.text(uri[:-12]))
        with pytest.raises(ValueError, match=r"a.gltf: .*damaged or cut off"):
            read_mesh(tmp_path / "a.gltf")


@pytest.mark.parametrize(
    ("uri", "message"),
    [
        ("https://example.org/roof.bin", "nothing is fetched"),
        ("file:///etc/passwd", "nothing is fetched"),
        ("/etc/passwd", "only files in its own folder"),
        ("C:\\roof.bin", "only files in its own folder"),
        ("../roof.bin", "lies outside its folder"),
        ("%2e%2e/roof.bin", "lies outside its folder"),
        ("..\\roof.bin", "lies outside its folder"),
        ("link.bin", "lies outside its folder"),
        ("gone.bin", "there is no such file"),
        (".", "there is no such file"),
        ("a" * 5000, "there is no such file"),
        ("a\0b", "."),
        ("short.bin", "short.bin has 5 bytes where"),
        ("lfs.bin", "lfs.bin: this is a Git LFS pointer"),
        (7, "neither bytes nor the name"),
    ],
)
def test_only_files_in_its_own_folder_are_read(tmp_path, uri, message) -> None:
    inside = tmp_path / "inside"
    inside.mkdir()
    asset = one_mesh()
    (tmp_path / "roof.bin").write_bytes(asset.bytes)
    (inside / "short.bin").write_bytes(b"short")
    (inside / "lfs.bin").write_bytes(b"version https://git-lfs.github.com/spec/v1\n")
    (inside / "link.bin").symlink_to(tmp_path / "roof.bin")
    (inside / "a.gltf").write_text(asset.text(uri))
    with pytest.raises(ValueError, match=message) as caught:
        read_mesh(inside / "a.gltf")
    assert str(caught.value).startswith("a.gltf: ")


def textured(uri: str) -> Asset:
    asset = Asset(images=[{"uri": uri}], textures=[{"source": 0}])
    asset.add("materials", {"pbrMetallicRoughness": {"baseColorTexture": {"index": 0}}})
    asset.node(mesh=asset.mesh({**asset.primitive(TEXCOORD_0=UV), "material": 0}))
    return asset


def test_textures_beside_the_file_and_inside_the_json(tmp_path) -> None:
    picture = picture_bytes(torch.full((2, 3, 3), 0.4))
    (tmp_path / "skin one.png").write_bytes(picture)
    for uri in ("skin%20one.png", "data:image/png;base64," + base64.b64encode(picture).decode()):
        torch.testing.assert_close(textured(uri).read(tmp_path).texture, torch.full((2, 3, 3), 0.4))


@pytest.mark.parametrize(
    ("uri", "reason"),
    [
        ("gone.png", "it names 'gone.png', and there is no such file"),
        ("../skin.png", "it names '../skin.png', which lies outside its folder"),
        ("https://example.org/skin.png", "it names 'https://example.org/skin.png': only files in its own folder"),
        ("data:image/png;base64,AAAA", "image 0: this cannot be read as a picture"),
        ("data:image/png;base64,A", "a buffer or an image in its JSON cannot be read"),
        ("note.png", "note.png: this cannot be read as a picture"),
    ],
)
def test_a_mesh_without_its_picture_is_still_a_mesh(tmp_path, uri, reason) -> None:
    (tmp_path / "note.png").write_text("no picture")
    mesh = textured(uri).read(tmp_path)
    assert mesh.texture is None and torch.equal(mesh.uv, UP)
    (note,) = mesh.notes
    assert note.startswith(f"a.glb: left out the texture: {reason}")


def test_unknown_chunks_are_passed_over_and_padding_is_not_needed(tmp_path) -> None:
    content = one_mesh().glb() + struct.pack("<I4s", 3, b"MORE") + b"abc"
    (tmp_path / "a.glb").write_bytes(content[:8] + struct.pack("<I", len(content)) + content[12:])
    assert torch.equal(read_mesh(tmp_path / "a.glb").vertices, positions())


def test_json_may_be_padded_with_zeros(tmp_path) -> None:
    """The specification asks for spaces; some programs write zeros."""
    asset = one_mesh()
    content = asset.glb()
    while b"} " not in content:
        asset.json["extras"] = asset.json.get("extras", "") + "x"
        content = asset.glb()
    end = 20 + struct.unpack_from("<I", content, 12)[0]
    text = content[20:end].rstrip(b" ").ljust(end - 20, b"\0")
    assert text.endswith(b"\0")
    (tmp_path / "a.glb").write_bytes(content[:20] + text + content[end:])
    assert torch.equal(read_mesh(tmp_path / "a.glb").vertices, positions())


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"glTF" + struct.pack("<5I", 1, 20, 0, 0, 0), "this is glTF 1, and only glTF 2.0 is read"),
        ({"asset": {"version": "1.0"}}, "this is glTF 1.0, and only glTF 2.0 is read.*gltf-pipeline"),
        ({"asset": {"version": "2.1", "minVersion": "2.1"}}, "this is glTF 2.1"),
        (b"[" * 100_000, "begins with|nested too deeply"),
        (b'{"asset": ' + b"[" * 100_000, "a.gltf: .*nested too deeply"),
        (b'{"asset": {"version": "2.0"}, "nodes": [' + b"1" * 5000 + b"]}", "a.gltf: .*is too large"),
        (b'{"a": NaN}', "a.gltf: this glTF cannot be read .NaN stands in it"),
        (b'{"a": "\xff"}', "a.gltf: this glTF cannot be read"),
        (b'{"asset": {"version": "2.0"}', "a.gltf: this is no glTF, or it is cut off"),
        ({}, "found no faces"),
        ({"nodes": 3}, "nodes is not a list"),
        ({"nodes": [3]}, "damaged or cut off"),
        ({"scenes": [{}], "scene": 2}, "number 2 of 1 scenes is named, and is not there"),
        ({"scenes": [{}], "scene": -1}, "scenes is -1 where a whole number is needed"),
        (b'{"nodes": [{"mesh": 1e999}]}', "number 1e999 is too large"),
        ({"nodes": [{"translation": [1, 2]}]}, "translation is not 3 numbers"),
        ({"nodes": [{"rotation": [1, 2, [3], "4"]}]}, "rotation is not 4 numbers"),
    ],
)
def test_a_broken_file_says_what_is_wrong(tmp_path, content, message) -> None:
    path = tmp_path / ("a.glb" if isinstance(content, bytes) and content.startswith(b"glTF") else "a.gltf")
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    with pytest.raises(ValueError, match=message) as caught:
        read_mesh(path)
    assert str(caught.value).startswith(path.name)


@pytest.mark.parametrize(
    ("accessor", "change", "message"),
    [
        (0, {"count": 5}, "5 elements of 12 bytes.*do not fit into the 48 bytes of bufferView 0"),
        (0, {"count": 10**9}, "claims 1000000000 elements"),
        (0, {"count": 4.5}, "count is 4.5 where a whole number is needed"),
        (0, {"count": True}, "count is True"),
        (0, {"byteOffset": 4}, "do not fit"),
        (0, {"byteOffset": -4}, "byteOffset is -4"),
        (0, {"componentType": 5130}, "5130 is no componentType"),
        (0, {"componentType": [5126]}, "is no componentType"),
        (0, {"type": "VEC4"}, "is of type 'VEC4' instead of VEC3"),
        (0, {"type": ["VEC3"]}, "instead of VEC3"),
        (0, {"bufferView": 9}, "number 9 of 2 bufferViews"),
        (1, {"componentType": 5122}, "vertex numbers of type int16"),
        (1, {"count": 5, "byteOffset": 2**62}, "do not fit"),
        (0, {"sparse": {"count": 9, "indices": {"bufferView": 1, "componentType": 5123}}}, "do not fit"),
        (
            0,
            {"sparse": {"count": 1, "indices": {"bufferView": 0, "componentType": 5123, "byteOffset": 14}}},
            "sparse values beyond its 4 elements",
        ),
    ],
)
def test_accessors_are_held_against_their_bytes(tmp_path, accessor, change, message) -> None:
    asset = one_mesh()
    asset.json["accessors"][accessor] |= change
    with pytest.raises(ValueError, match=message):
        asset.read(tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"byteLength": 10**12}, "ends at byte 1000000000000 of a buffer of"),
        ({"byteOffset": 40}, "ends at byte 88 of a buffer of"),
        ({"byteStride": 4}, "4 elements of 12 bytes, one every 4 bytes"),
        ({"byteStride": 0}, "one every 0 bytes"),
        ({"byteStride": 16}, "one every 16 bytes, do not fit"),
        ({"buffer": 1}, "number 1 of 1 buffers"),
    ],
)
def test_buffer_views_are_held_against_their_buffer(tmp_path, change, message) -> None:
    asset = one_mesh()
    asset.json["bufferViews"][0] |= change
    with pytest.raises(ValueError, match=message):
        asset.read(tmp_path)


def test_a_vertex_that_is_not_there_is_refused(tmp_path) -> None:
    with pytest.raises(ValueError, match="a.glb: a triangle names vertex 4 of 4"):
        one_mesh(lambda asset: asset.primitive(FACES + np.uint16(1))).read(tmp_path)


def test_attributes_of_different_length_are_refused(tmp_path) -> None:
    with pytest.raises(ValueError, match=r"a.glb: TEXCOORD_0 has shape \(3, 2\) for 4 vertices"):
        one_mesh(lambda asset: asset.primitive(TEXCOORD_0=UV[:3])).read(tmp_path)


def many_of_one(asset: Asset) -> None:
    asset.json["nodes"] *= 1000


def huge_zeros(asset: Asset) -> None:
    del asset.json["accessors"][0]["bufferView"]
    asset.json["accessors"][0]["count"] = 2_000_000_000


def huge_buffer(asset: Asset) -> None:
    asset.json["buffers"] = [{"byteLength": 2**40, "uri": "a.bin"}]


@pytest.mark.parametrize("claim", [many_of_one, huge_zeros, huge_buffer])
def test_claims_cost_nothing(tmp_path, monkeypatch, claim) -> None:
    """A small file is refused before memory is taken for what it claims."""
    monkeypatch.setitem(container.MOST, "vertices", 300)
    asset = one_mesh()
    (tmp_path / "a.bin").write_bytes(asset.bytes)
    asset.json["buffers"] = [{"byteLength": len(asset.bytes), "uri": "a.bin"}]
    claim(asset)
    (tmp_path / "a.gltf").write_text(json.dumps(asset.json))
    tracemalloc.start()
    with pytest.raises(ValueError, match="at most|are promised"):
        read_mesh(tmp_path / "a.gltf")
    assert tracemalloc.get_traced_memory()[1] < 20e6
    tracemalloc.stop()


def everything() -> Asset:
    """A file with most features, to be damaged."""
    bind = np.array([moved(), moved(1, 2, 3)])
    asset = skinned(bind, [{"rotation": turned(0, 1.0)}, {}], JOINTS_0=FIRST, WEIGHTS_0=ONE, TEXCOORD_0=UV)
    piece = asset.json["meshes"][0]["primitives"][0] | {"material": material(asset, texCoord=0)}
    where = sparse(asset, np.array([1, 3], np.uint8), ROOF[:2])
    other = asset.primitive(POSITION=asset.accessor(ROOF, sparse=where), TEXCOORD_0=UV)
    asset.json["meshes"][0] = {"primitives": [piece, {**other, "mode": 5}], "weights": [0.5], "name": "roof"}
    asset.json["scene"] = 0
    return asset


HOSTILE = [None, True, -1, 0, 1, 3, 255, 1.5, 1e308, 2**31, 2**64, "", "POSITION", [], {}, [[]], [0], {"a": 0}, "\0"]


def places(value: Any) -> list[tuple[Any, Any]]:
    """Each (container, key) below a value of the JSON."""
    found = []
    for key in list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else []:
        found += [(value, key), *places(value[key])]
    return found


def test_any_word_of_the_json_may_be_wrong(tmp_path) -> None:
    """Each place of the JSON with each hostile value: a mesh, or a ValueError that names the file."""
    whole, refused = everything(), 0
    whole.glb()
    found, draw, path = places(whole.json), random.Random(5), tmp_path / "a.glb"
    count = len(found)
    for number in range(count):
        for value in draw.sample(HOSTILE, 2):
            owner, key = found[number]
            kept, owner[key] = owner[key], value
            path.write_bytes(glb_of(whole))
            owner[key] = kept
            try:
                read_mesh(path)
            except ValueError as error:
                assert str(error).startswith("a.glb: ")
                refused += 1
    assert count / 2 < refused < 2 * count


def glb_of(asset: Asset) -> bytes:
    """As `Asset.glb`, with the buffers as they stand in the JSON."""
    text = json.dumps(asset.json).encode()
    chunks = struct.pack("<I4s", len(text), b"JSON") + text
    chunks += struct.pack("<I4s", len(asset.bytes), b"BIN\0") + asset.bytes
    return b"glTF" + struct.pack("<II", 2, 12 + len(chunks)) + chunks


# Another program's opinion


def test_trimesh_agrees(tmp_path) -> None:
    """A scene of trimesh's own, with turned and scaled nodes, read by both."""
    import trimesh

    generator = np.random.default_rng(2)
    scene = trimesh.Scene()
    for name in ("head", "eye"):
        turn = trimesh.transformations.random_rotation_matrix(generator.random(3))
        turn[:3, 3] = generator.random(3) * 100
        shape = trimesh.creation.icosphere(1)
        scene.add_geometry(shape, node_name=name, geom_name=name, transform=turn)
    (tmp_path / "a.glb").write_bytes(scene.export(file_type="glb"))
    mesh, expected = read_mesh(tmp_path / "a.glb"), trimesh.load_scene(tmp_path / "a.glb").to_mesh()
    order = np.lexsort(expected.triangles_center.round(4).T)
    own = mesh.vertices[mesh.faces].mean(1).numpy()
    np.testing.assert_allclose(own[np.lexsort(own.round(4).T)], expected.triangles_center[order], atol=1e-4)
    assert set(mesh.parts) == {"head", "eye"}
