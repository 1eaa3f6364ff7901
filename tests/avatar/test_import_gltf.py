"""A head that was written comes back, and heads of other programs come with their bones, weights and shapes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

import asm_teach as asm
from asm_teach.avatar.export import export_gltf
from asm_teach.avatar.expressions import expression_shapes
from asm_teach.avatar.import_gltf import Avatar, import_gltf
from asm_teach.avatar.rest_pose import baked, template
from asm_teach.data.heads import load_head
from asm_teach.formats.gltf import primitive, skinned
from asm_teach.geometry.mesh import read_mesh
from asm_teach.model.adaptive import AdaptiveSkinningModel
from tests.avatar.foreign import ARMATURE, JOINTS, NAMES, POSES, bind, frame, head, written
from tests.avatar.gltf_reference import Played
from tests.avatar.models import HEAD, adaptive, moved, static
from tests.avatar.test_export import away
from tests.formats.fuzz_files import small_model
from tests.formats.fuzz_meshes import small_mesh
from tests.formats.test_gltf import Asset

MODELS = {"adaptive": adaptive, "static": static}


def off(found: torch.Tensor, exact: torch.Tensor) -> float:
    """The largest difference of two coordinates, in steps of float32 at their size."""
    ulp = np.spacing(np.abs(exact.detach().double().numpy()).astype(np.float32).clip(1))
    return float((np.abs(found.detach().double().numpy() - exact.detach().double().numpy()) / ulp).max())


# --- our own files


@pytest.mark.parametrize("posed", [False, True], ids=["baked", "posed"])
@pytest.mark.parametrize("kind", MODELS)
def test_our_own_file_comes_back(tmp_path, kind, posed) -> None:
    """The nearest millimetres in float32; between 125 and 128 mm the steps of metres are twice as long."""
    model = MODELS[kind]()
    shapes = expression_shapes(model)
    export_gltf(model, tmp_path / "me.glb", posed=posed, shapes=shapes)
    written_pose = (template if posed else baked)(model, shapes.by_name())
    read = asm.import_gltf(tmp_path / "me.glb")
    assert read.model.rig.names == model.rig.names and torch.equal(read.model.rig.parents, model.rig.parents)
    far = (written_pose.vertices.abs() > 124.99) & (written_pose.vertices.abs() < 128)
    assert off(read.model.vertices, written_pose.vertices) <= 1.51
    assert off(read.model.bind_points(), written_pose.points) <= 1.51
    assert off(read.model.translation, written_pose.translation) < 0.51
    torch.testing.assert_close(read.model.rotation.double(), written_pose.rotation, atol=1e-7, rtol=0)
    torch.testing.assert_close(read.model.log_scale.double().exp(), written_pose.scale, atol=1e-6, rtol=0)
    assert tuple(read.shapes) == HEAD.expressions.names
    assert max(off(read.shapes[name], offset) for name, offset in written_pose.shapes.items()) <= 1.51
    apart = (read.model.vertices.double() - written_pose.vertices)[~far].abs().max()
    print(f"{kind}, {'posed' if posed else 'baked'}: {apart:.1e} mm")
    assert apart < 1e-5 and (posed or (read.model() == read.model.vertices).all())
    assert read.generator.startswith("asm_teach") and not read.edits and not read.notes


@pytest.mark.parametrize("influences", [4, 8, None])
def test_the_weights_are_those_of_the_file(tmp_path, influences) -> None:
    export_gltf(adaptive(), tmp_path / "me.glb", influences=influences, shapes=False)
    played, read = Played(tmp_path / "me.glb"), import_gltf(tmp_path / "me.glb")
    expected = np.zeros((len(HEAD.mesh.vertices), 84))
    np.add.at(expected, (np.arange(len(expected))[:, None], played.indices), played.weights)
    np.testing.assert_allclose(read.model.weights().numpy(), expected, atol=1e-7)
    assert not read.shapes


@pytest.mark.parametrize("posed", [False, True], ids=["baked", "posed"])
def test_bones_and_shapes_move_it_as_an_engine_does(tmp_path, posed) -> None:
    export_gltf(adaptive(), tmp_path / "me.glb", posed=posed)
    played, read = Played(tmp_path / "me.glb"), import_gltf(tmp_path / "me.glb")
    amounts = {"jawOpen": 0.8, "mouthSmileLeft": 0.5}
    assert away(played.vertices(amounts=amounts), read.vertices(amounts)) < 0.001
    moves, jaw = played.moves(), read.model.rig.index("jaw_L")
    moves[jaw] = ([x + 0.004 for x in moves[jaw][0]], moves[jaw][1], [1.2, 0.9, 1.0])
    with torch.no_grad():
        read.model.translation[jaw] += 4
        read.model.log_scale[jaw] = torch.tensor([1.2, 0.9, 1.0]).log()
    assert away(played.vertices(moves, amounts), read.vertices(amounts)) < 0.001
    assert away(played.vertices(amounts=amounts), read.vertices(amounts)) > 1


def test_the_skin_and_all_that_belongs_to_the_mesh_come_back(tmp_path) -> None:
    for name in ("makehuman", "soma"):
        known = load_head(name)
        model = moved(AdaptiveSkinningModel(known.mesh, known.rig))
        export_gltf(model, tmp_path / "me.glb", overwrite=True)
        mesh = import_gltf(tmp_path / "me.glb").model.mesh
        assert torch.equal(mesh.faces, known.mesh.faces) and list(mesh.parts) == list(known.mesh.parts)
        assert list(mesh.landmarks) == list(known.mesh.landmarks)
        torch.testing.assert_close(mesh.uv, known.mesh.uv, atol=1e-6, rtol=0)
        if known.mesh.texture is not None:
            assert mesh.texture is not None and (mesh.texture - known.mesh.texture).abs().mean() < 0.02


def test_a_head_that_came_back_can_be_written_again(tmp_path) -> None:
    export_gltf(adaptive(), tmp_path / "first.glb", posed=True)
    export_gltf(import_gltf(tmp_path / "first.glb").model, tmp_path / "again.glb", posed=True)
    first, again = Played(tmp_path / "first.glb"), Played(tmp_path / "again.glb")
    assert 1000 * np.linalg.norm(first.vertices() - again.vertices(), axis=1).max() < 0.001
    weights = [import_gltf(tmp_path / name).model.weights() for name in ("first.glb", "again.glb")]
    torch.testing.assert_close(*weights, atol=1e-7, rtol=0)


def test_a_mesh_of_its_own_comes_back(tmp_path) -> None:
    model = small_model()
    export_gltf(model, tmp_path / "me.glb", shapes=False)
    read = import_gltf(tmp_path / "me.glb")
    assert off(read.model.vertices, model.vertices) <= 1.51 and not read.model.mesh.parts


# --- heads of other programs


def shown(asset: Asset, folder: Path) -> torch.Tensor:
    """(V, 3) mm as the reader of meshes has it, which knows no bones, without the hat."""
    mesh = read_mesh(written(asset, folder / "shown.glb"))
    assert list(mesh.parts) == ["Face", "Teeth", "eye", "Hat"]
    return 1000 * mesh.vertices[:-81].double()


def read_foreign(asset: Asset, folder: Path) -> Avatar:
    return import_gltf(written(asset, folder / "other.glb"))


def test_all_that_bones_move_becomes_one_head(tmp_path) -> None:
    read = read_foreign(head(), tmp_path)
    model = read.model
    assert model.rig.names == NAMES and model.rig.parents.tolist() == [-1, 0, 1, 1]
    assert len(model.vertices) == 3 * 81 and list(model.mesh.parts) == ["Face", "Teeth", "eye"]
    torch.testing.assert_close(model.vertices[:81], small_mesh().vertices, atol=1e-4, rtol=0)  # upright, in mm
    places = torch.tensor([place for _, place, _ in JOINTS.values()]) * 1000
    torch.testing.assert_close(model.bind_points(), places, atol=1e-4, rtol=0)
    assert (model() - model.vertices).norm(dim=1).max() < 1e-4  # it is bound as it rests
    assert away(shown(head(), tmp_path).numpy() / 1000, model()) < 1e-4
    assert model.weights()[-81:].tolist() == [[0, 0, 0, 1]] * 81  # the eye
    assert read.generator == "" and not read.edits
    assert [note.partition(": ")[2] for note in read.notes] == [
        "left out the weights of morph targets of 1 piece: it is read at rest.",
        "left out the UV: some pieces have none.",
        "left out 1 piece that no bone moves.",
    ]


def test_the_shapes_of_several_meshes_go_by_their_names(tmp_path) -> None:
    read = read_foreign(head(), tmp_path)
    assert list(read.shapes) == ["jawOpen", "smile"]
    rows = {"Face": slice(0, 81), "Teeth": slice(81, 162), "eye": slice(162, None)}
    moves = {(name, part): bool(read.shapes[name][at].any()) for name in read.shapes for part, at in rows.items()}
    assert [pair for pair, there in moves.items() if there] == [
        ("jawOpen", "Face"),
        ("jawOpen", "Teeth"),
        ("smile", "Face"),
    ]
    exact = (
        np.random.default_rng(1).normal(0, 0.5, (81, 3)).astype(np.float32) @ ARMATURE[:3, :3].T
    )  # now it is upright
    torch.testing.assert_close(read.shapes["jawOpen"][:81], torch.from_numpy(1000 * exact).float(), atol=1e-4, rtol=0)
    with pytest.raises(ValueError, match=r"amounts: no shape is called 'frown'; `shapes` has the 2 there are"):
        read.vertices({"frown": 1.0})


def test_a_rest_pose_that_is_not_the_bind_pose_becomes_motions(tmp_path) -> None:
    asset = head(POSES)
    read = read_foreign(asset, tmp_path)
    assert (read.model() - read.model.vertices).norm(dim=1).max() > 2
    assert away(shown(asset, tmp_path).numpy() / 1000, read.model()) < 1e-3
    assert not read.model.translation[0].any() and read.model.rotation[0].norm() < 1e-6  # the first root rests
    assert read.model.log_scale[1].exp().tolist() == pytest.approx([1.1] * 3)
    assert not any("took the pose" in note for note in read.notes)


def test_a_bone_moves_in_the_axes_of_the_head_whatever_its_own_are(tmp_path) -> None:
    """The jaw turned about the world's x through its pivot, here by `set_motion`, there by its node's matrix."""
    turn = torch.tensor([0.3, 0.0, 0.0])
    read = read_foreign(head(), tmp_path)
    before = read.model()
    read.model.set_motion("jaw", rotation=turn)
    place = JOINTS["jaw"][1]
    world = frame(place, [0.0] * 3) @ frame([0.0] * 3, turn.tolist()) @ frame([-x for x in place], [0.0] * 3)
    own = ARMATURE @ bind("jaw")
    asset = head({"jaw": np.linalg.inv(own) @ world @ own})
    assert away(shown(asset, tmp_path).numpy() / 1000, read.model()) < 1e-3
    assert (read.model() - before).norm(dim=1).max() > 5


@pytest.mark.parametrize(
    ("poses", "again"),
    [({"skull": frame([0.0] * 3, [0.0] * 3, [1.3, 1.0, 1.0])}, None), ({}, frame([1.0, 0.0, 0.0], [0.0, 0.2, 0.0]))],
    ids=["scaled across its axes", "bound at two places"],
)
def test_what_motions_cannot_say_is_bound_as_it_rests(tmp_path, poses, again) -> None:
    asset = head(poses, again=again)
    read = read_foreign(asset, tmp_path)
    assert read.notes[-1].startswith("other.glb: took the pose at rest for the one in which the bones are bound")
    assert (read.model() == read.model.vertices).all()
    assert away(shown(asset, tmp_path).numpy() / 1000, read.model()) < 1e-3


def test_joints_without_names_or_with_the_same_get_some(tmp_path) -> None:
    read = read_foreign(head(names=("bone", "", "bone", "bone")), tmp_path)
    assert read.model.rig.names == ("bone", "joint_1", "bone_", "bone__")


def test_shapes_without_names_are_numbered_and_equal_names_are_told_apart(tmp_path) -> None:
    asset = head()
    asset.json["meshes"][0]["extras"] = "words"  # it may be anything
    asset.json["meshes"][1]["primitives"][0]["targets"] *= 2
    asset.json["meshes"][1]["extras"] = {"targetNames": ["a", "a"]}
    assert list(read_foreign(asset, tmp_path).shapes) == ["target_0", "target_1", "a", "a_"]
    del asset.json["meshes"][1]["extras"]
    asset.json["meshes"][1]["primitives"][0]["extras"] = {"targetNames": ["b"]}  # where VRM has them
    assert list(read_foreign(asset, tmp_path).shapes) == ["target_0", "target_1", "b"]


def test_quantised_and_sparse_targets(tmp_path) -> None:
    asset = head()
    points = 81
    stored = np.zeros((2, 3), np.int16) + np.array([[32767, 0, 0], [0, -32767, 0]], np.int16)
    where = asset.view(np.array([4, 9], np.uint16).tobytes())
    values = asset.view(stored.tobytes())
    number = asset.add(
        "accessors",
        {
            "componentType": 5122, "normalized": True, "count": points, "type": "VEC3",
            "sparse": {"count": 2, "indices": {"bufferView": where, "componentType": 5123},
                       "values": {"bufferView": values}},
        },
    )  # fmt: skip
    asset.json["meshes"][0]["primitives"][0]["targets"][0] = {"POSITION": number, "NORMAL": 0}
    asset.json["meshes"][0]["primitives"][0]["targets"][1] = {"NORMAL": 0}
    read = read_foreign(asset, tmp_path)
    moved_rows = read.shapes["jawOpen"][:81].any(1).nonzero()[:, 0].tolist()
    assert moved_rows == [4, 9] and not read.shapes["smile"].any()
    torch.testing.assert_close(read.shapes["jawOpen"][4], torch.tensor([10.0, 0, 0]))  # 1 of the armature's
    torch.testing.assert_close(read.shapes["jawOpen"][9], torch.tensor([0.0, 0, 10.0]))  # its y points back


def test_a_text_file_with_its_buffer_beside_it(tmp_path) -> None:
    asset = head()
    (tmp_path / "me.gltf").write_text(asset.text("me.bin"))
    (tmp_path / "me.bin").write_bytes(asset.bytes)
    read = import_gltf(tmp_path / "me.gltf")
    assert torch.equal(read.model(), read_foreign(head(), tmp_path).model())
    (tmp_path / "inside").mkdir()
    (tmp_path / "inside" / "me.gltf").write_text(asset.text("../me.bin"))
    with pytest.raises(ValueError, match=r"me.gltf: it names '../me.bin', which lies outside its folder"):
        import_gltf(tmp_path / "inside" / "me.gltf")


# --- what cannot be read


def changed(folder: Path, **top: object) -> Path:
    """Our own small file with something else in its JSON."""
    export_gltf(small_model(), folder / "me.glb", shapes=False, overwrite=True)
    asset = Asset()
    asset.json = {**json.loads(json.dumps(Played(folder / "me.glb").json)), **top}
    asset.bytes = (folder / "me.glb").read_bytes()[-asset.json["buffers"][0]["byteLength"] :]
    return written(asset, folder / "me.glb")


def test_files_without_a_skin(tmp_path) -> None:
    HEAD.mesh.write(tmp_path / "mesh.glb")
    with pytest.raises(ValueError, match=r"mesh.glb: no mesh in it has a skin.*asm.read_mesh reads it as a mesh"):
        import_gltf(tmp_path / "mesh.glb")
    with pytest.raises(ValueError, match=r"path: 'me.fbx' should end in .glb or .gltf"):
        import_gltf(tmp_path / "me.fbx")
    with pytest.raises(FileNotFoundError):
        import_gltf(tmp_path / "none.glb")
    (tmp_path / "page.glb").write_text("<!DOCTYPE html>")
    with pytest.raises(ValueError, match=r"page.glb"):
        import_gltf(tmp_path / "page.glb")


def test_255_joints_are_the_most(tmp_path) -> None:
    for joints, refused in ((255, False), (256, True)):
        asset = Asset()
        kept = {"JOINTS_0": np.zeros((4, 4), np.uint16), "WEIGHTS_0": np.eye(4, dtype=np.float32)[[0] * 4]}
        asset.node(mesh=asset.mesh(asset.primitive(**kept)), skin=0)
        for _ in range(joints):
            asset.node()
        asset.add("skins", {"joints": list(range(1, 1 + joints))})
        if refused:
            with pytest.raises(ValueError, match=r"other.glb: it has 256 joints, and at most 255 are read"):
                read_foreign(asset, tmp_path)
        else:
            assert len(read_foreign(asset, tmp_path).model.rig) == 255


def test_bones_weights_and_shapes_that_are_damaged(tmp_path) -> None:
    nodes = Played(changed(tmp_path)).nodes
    (root,) = (k for k, node in enumerate(nodes) if node.get("name") == "root")
    squashed = [{**node, "scale": [1, 0, 1]} if k == root else node for k, node in enumerate(nodes)]
    with pytest.raises(ValueError, match=r"me.glb: bone 'root' is scaled to nothing"):
        import_gltf(changed(tmp_path, nodes=squashed))
    far = [{**node, "translation": [1e39, 0, 0]} if k == root else node for k, node in enumerate(nodes)]
    with pytest.raises(ValueError, match=r"me.glb: "):
        import_gltf(changed(tmp_path, nodes=far))
    for weight in (-0.5, np.nan):
        asset = Asset()
        kept = {"JOINTS_0": np.zeros((4, 4), np.uint8), "WEIGHTS_0": np.full((4, 4), weight, np.float32)}
        asset.node(mesh=asset.mesh(asset.primitive(**kept)), skin=0)
        asset.node()
        asset.add("skins", {"joints": [1]})
        with pytest.raises(ValueError, match=r"other.glb: a vertex has a weight below 0, or one that is not finite"):
            read_foreign(asset, tmp_path)
    asset = head()
    short = np.zeros((5, 3), np.float32)
    asset.json["meshes"][0]["primitives"][0]["targets"][0] = {"POSITION": asset.accessor(short)}
    with pytest.raises(ValueError, match=r"other.glb: morph target jawOpen has shape \(5, 3\) for 81 vertices"):
        read_foreign(asset, tmp_path)


def test_a_small_file_does_not_fill_the_memory(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(skinned, "MOST_WEIGHTS", 243 * 4 - 1)
    with pytest.raises(ValueError, match=r"other.glb: it has 243 vertices or more and 4 bones, and at most 971"):
        read_foreign(head(), tmp_path)
    monkeypatch.undo()
    monkeypatch.setitem(primitive.MOST, "elements", 2 * 81 * 3 - 1)
    with pytest.raises(ValueError, match=r"other.glb: 2 morph targets of 81 vertices are more than the 485 numbers"):
        read_foreign(head(), tmp_path)


def test_what_stands_where_edits_would_is_not_believed(tmp_path) -> None:
    nodes = Played(changed(tmp_path)).nodes
    for extras in ({"edits": {"nose_width": "wide", "chin": 2}}, {"edits": 3}, "words"):
        read = import_gltf(changed(tmp_path, nodes=[{**nodes[0], "extras": extras}, *nodes[1:]]))
        assert read.edits == ({"chin": 2.0} if isinstance(extras, dict) and extras["edits"] != 3 else {})
