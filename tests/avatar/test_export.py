"""The head as a GLB file: played by the letter of the specification it is the model's face."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from asm_teach.avatar.export import export_gltf
from asm_teach.avatar.expressions import Expressions, expression_shapes
from asm_teach.avatar.inside import face_of, walls
from asm_teach.data.heads import load_head
from asm_teach.fitting.result import Fit
from asm_teach.geometry.mesh import Mesh, read_mesh, vertex_normals
from asm_teach.model.adaptive import AdaptiveSkinningModel, SkinnedModel, StaticSkinningModel
from asm_teach.model.storage import load_model, save
from asm_teach.model.transforms import Rig
from tests.avatar.gltf_reference import Played
from tests.avatar.models import HEAD, adaptive, moved, static
from tests.formats.fuzz_files import small_model

SKIN = HEAD.mesh.part_vertices("face")
MODELS = {"adaptive": adaptive, "static": static}


def away(played: np.ndarray, vertices: torch.Tensor) -> float:
    """The largest distance in mm of vertices in metres from those in mm."""
    return float(np.linalg.norm(1000 * played - vertices.detach().double().numpy(), axis=1).max())


# --- the face


@pytest.mark.parametrize("kind", MODELS)
def test_a_baked_face_rests_exactly_with_four_influences(tmp_path, kind) -> None:
    model = MODELS[kind]()
    assert (model() - model.vertices).norm(dim=1).max() > 5
    export_gltf(model, tmp_path / "me.glb", shapes=False)
    played = Played(tmp_path / "me.glb")
    assert played.weights.shape[1] == 4
    assert away(played.vertices(), face_of(model)) < 0.001
    assert away(played.vertices()[SKIN], model()[SKIN]) < 0.001
    assert all(rotation == [0, 0, 0, 1] and scale == [1, 1, 1] for _, rotation, scale in played.moves())


@pytest.mark.parametrize("kind", MODELS)
def test_a_posed_face_with_all_influences_is_the_model(tmp_path, kind) -> None:
    """Shares of 16 bits leave some thousandths of a millimetre."""
    model = MODELS[kind]()
    export_gltf(model, tmp_path / "me.glb", posed=True, influences=None, shapes=False)
    played = Played(tmp_path / "me.glb")
    assert away(played.positions, model.vertices) < 0.001
    assert away(played.vertices(), model()) < 0.005


def test_fewer_influences_change_a_posed_face_and_eight_less_than_four(tmp_path) -> None:
    model = adaptive()
    off = []
    for influences in (4, 8):
        export_gltf(model, tmp_path / "me.glb", posed=True, influences=influences, shapes=False, overwrite=True)
        off.append(away(Played(tmp_path / "me.glb").vertices(), model()))
    assert off[0] > 1.2 * off[1] > 0.5


def test_a_moved_joint_moves_the_baked_face_about_its_place_on_the_skin(tmp_path) -> None:
    model = adaptive()
    export_gltf(model, tmp_path / "me.glb", influences=None, shapes=False)
    played, bone = Played(tmp_path / "me.glb"), model.rig.index("chin")
    place = model.chart.bind(model.bone_uv, model())[bone].detach().numpy() / 1000
    np.testing.assert_allclose(-played.inverse[bone, :3, 3], place, atol=1e-6)
    moves = played.moves()
    moves[bone] = (moves[bone][0], moves[bone][1], (1.1, 1.1, 1.1))
    weight = model.weights()[:, bone, None].detach().numpy()
    expected = played.positions + weight * 0.1 * (played.positions - place)  # the chin is a leaf
    assert not (model.rig.parents == bone).any() and weight.max() > 0.2
    assert away(played.vertices(moves), torch.from_numpy(1000 * expected)) < 0.001


def test_the_normals_are_those_of_the_bound_face(tmp_path) -> None:
    model = adaptive()
    for posed in (False, True):
        export_gltf(model, tmp_path / "me.glb", posed=posed, shapes=False, overwrite=True)
        played = Played(tmp_path / "me.glb")
        expected = vertex_normals(model.vertices if posed else face_of(model), model.mesh.faces)
        cosine = (played.normals * expected.detach().numpy()).sum(1)
        assert cosine.min() > 0.9999


# --- the shapes


def test_the_shapes_are_those_of_the_face(tmp_path) -> None:
    model, amounts = adaptive(), {"jawOpen": 1.0, "eyeLookInLeft": 0.5}
    shown = export_gltf(model, tmp_path / "me.glb")
    played = Played(tmp_path / "me.glb")
    assert tuple(played.names) == shown.shapes == HEAD.expressions.names and len(played.names) == 51
    expected = face_of(model) + expression_shapes(model).moved(amounts)
    assert (expected - face_of(model)).norm(dim=1).max() > 5
    assert away(played.vertices(amounts=amounts), expected) < 0.001


def test_a_posed_face_makes_the_same_shapes_as_a_baked_one(tmp_path) -> None:
    model, amounts = adaptive(), {"eyeBlinkLeft": 1.0, "mouthSmileRight": 0.5}
    shapes = expression_shapes(model)
    export_gltf(model, tmp_path / "posed.glb", posed=True, influences=None, shapes=shapes)
    expected = face_of(model) + shapes.moved(amounts)  # posed, bones move what lies inside
    assert away(Played(tmp_path / "posed.glb").vertices(amounts=amounts)[SKIN], expected[SKIN]) < 0.005
    export_gltf(model, tmp_path / "baked.glb", shapes=shapes)
    assert away(Played(tmp_path / "baked.glb").vertices(amounts=amounts), expected) < 0.001


def test_the_light_follows_the_shapes(tmp_path) -> None:
    """The normals of a laugh, by the sum of what its shapes add, in degrees."""
    model = AdaptiveSkinningModel(HEAD.mesh, HEAD.rig)
    shapes = expression_shapes(model)
    export_gltf(model, tmp_path / "me.glb", shapes=shapes)
    played = Played(tmp_path / "me.glb")
    for amounts in (
        {"jawOpen": 0.6, "mouthSmileLeft": 0.8, "mouthSmileRight": 0.8},
        {"jawOpen": 1.0, "mouthClose": 1.0},
    ):
        moved = shapes.moved(amounts)
        right = vertex_normals(model().detach().double() + moved, HEAD.mesh.faces).numpy()
        found = played.normals + sum(a * played.turns[played.names.index(name)] for name, a in amounts.items())
        found = found / np.linalg.norm(found, axis=1, keepdims=True)
        off, without = (np.degrees(np.arccos(np.clip((n * right).sum(1), -1, 1))) for n in (found, played.normals))
        seen = moved.norm(dim=1).numpy() > 1
        assert off[seen].mean() < 0.5 * without[seen].mean() > 2


def test_shapes_of_another_mesh_are_refused(tmp_path) -> None:
    wrong = Expressions(("a",), torch.zeros(1, 7, 3))
    with pytest.raises(ValueError, match=r"shapes: 1 names with offsets of shape \(1, 7, 3\)"):
        export_gltf(adaptive(), tmp_path / "me.glb", shapes=wrong)


def test_the_other_embedded_head_has_the_shapes_too(tmp_path) -> None:
    head = load_head("soma")
    model = moved(AdaptiveSkinningModel(head.mesh, head.rig))
    shown = export_gltf(model, tmp_path / "me.glb")
    assert shown.shapes == HEAD.expressions.names and not shown.textured
    played = Played(tmp_path / "me.glb")
    assert "baseColorFactor" in played.json["materials"][0]["pbrMetallicRoughness"]
    assert played.json["asset"]["copyright"] == head.licence
    jaw = played.targets[played.names.index("jawOpen")]
    assert np.linalg.norm(jaw, axis=1).max() > 0.005


def test_a_mesh_of_its_own_has_no_shapes(tmp_path) -> None:
    with pytest.raises(ValueError, match=r"mesh: it is none of the embedded heads and has no landmarks.*shapes=False"):
        export_gltf(small_model(), tmp_path / "me.glb")
    assert not list(tmp_path.iterdir())
    shown = export_gltf(small_model(), tmp_path / "me.glb", shapes=False)
    played = Played(tmp_path / "me.glb")
    assert not shown.shapes and not played.targets and "copyright" not in played.json["asset"]
    assert away(played.vertices(), small_model()()) < 0.001


# --- the skin


def test_a_saved_model_gets_its_skin_back(tmp_path) -> None:
    save(adaptive(), tmp_path / "me.npz")
    model = load_model(tmp_path / "me.npz")
    assert model.mesh.texture is None
    assert export_gltf(model, tmp_path / "me.glb", shapes=False).textured
    mesh = read_mesh(tmp_path / "me.glb")
    assert HEAD.mesh.texture is not None and (mesh.texture - HEAD.mesh.texture).abs().mean() < 0.02
    torch.testing.assert_close(mesh.uv, HEAD.mesh.uv, atol=1e-6, rtol=0)
    assert torch.equal(mesh.faces, torch.cat([HEAD.mesh.faces, walls(HEAD.mesh)]))


def test_a_picture_of_ones_own_and_clay(tmp_path) -> None:
    red = torch.tensor([1.0, 0.0, 0.0]).expand(8, 8, 3)
    export_gltf(adaptive(), tmp_path / "red.glb", shapes=False, texture=red)
    assert (read_mesh(tmp_path / "red.glb").texture - red).abs().max() < 0.05
    assert not export_gltf(adaptive(), tmp_path / "clay.glb", shapes=False, texture=False).textured
    assert read_mesh(tmp_path / "clay.glb").texture is None
    with pytest.raises(ValueError, match=r"texture has shape \(8, 8\)"):
        export_gltf(adaptive(), tmp_path / "flat.glb", texture=red[..., 0])
    with pytest.raises(ValueError, match=r"texture is a str: give a tensor"):
        export_gltf(adaptive(), tmp_path / "path.glb", texture="skin.png")  # type: ignore[arg-type]
    bare = Mesh(HEAD.mesh.vertices, HEAD.mesh.faces)
    with pytest.raises(ValueError, match=r"texture: this mesh has no UV"):
        export_gltf(StaticSkinningModel(bare, HEAD.hand_rig, HEAD.hand_weights), tmp_path / "no.glb", texture=red)


def test_vertices_on_a_seam_are_doubled_with_all_that_they_have(tmp_path) -> None:
    """A roof of two triangles, torn apart along its ridge in the picture."""
    vertices = torch.tensor([[0.0, 0, 0], [40, 0, 10], [40, 20, 0], [0, 20, 10]])
    uv = torch.tensor([[0.0, 0], [0.4, 0], [0.4, 0.4], [0.6, 0.6], [1, 1], [0.6, 1]])
    mesh = Mesh(vertices, torch.tensor([[0, 1, 2], [0, 2, 3]]), uv, torch.tensor([[0, 1, 2], [3, 4, 5]]))
    rig = Rig(("a", "b"), torch.tensor([-1, -1]), positions=vertices[[0, 2]])
    weights = torch.tensor([[1.0, 0], [0.5, 0.5], [0, 1], [0.25, 0.75]])
    model = moved(StaticSkinningModel(mesh, rig, weights))
    shown = export_gltf(model, tmp_path / "roof.glb", posed=True, shapes=False)
    played = Played(tmp_path / "roof.glb")
    assert shown.vertices == 6
    assert away(played.vertices(), model()[[0, 1, 2, 3, 0, 2]]) < 0.001
    assert away(played.vertices()[played.faces.reshape(-1)], model()[mesh.faces.reshape(-1)]) < 0.001
    np.testing.assert_allclose(played.normals[[0, 2]], played.normals[[4, 5]])  # smooth across the seam
    (scene,) = played.json["scenes"]
    assert [played.nodes[node]["name"] for node in scene["nodes"]] == ["face", "bones"]  # the two roots hang on one


# --- the bones


def test_the_bones_keep_their_names_and_parents(tmp_path) -> None:
    model = adaptive()
    export_gltf(model, tmp_path / "me.glb", shapes=False)
    played = Played(tmp_path / "me.glb")
    assert [played.nodes[joint]["name"] for joint in played.joints] == list(model.rig.names)
    for bone, parent in enumerate(model.rig.parents.tolist()):
        above = [k for k, node in enumerate(played.nodes) if played.joints[bone] in node.get("children", [])]
        assert above == ([played.joints[parent]] if parent >= 0 else [])
    assert len({node["name"] for node in played.nodes}) == len(played.nodes)


def test_a_fit_is_taken_for_its_model(tmp_path) -> None:
    model = adaptive()
    export_gltf(Fit(model, model().detach()), tmp_path / "fit.glb", shapes=False)
    export_gltf(model, tmp_path / "model.glb", shapes=False)
    assert (tmp_path / "fit.glb").read_bytes() == (tmp_path / "model.glb").read_bytes()


def test_exporting_leaves_the_model_as_it_was(tmp_path) -> None:
    model = adaptive()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    export_gltf(model, tmp_path / "me.glb")
    assert all(torch.equal(value, before[name]) and value.dtype == torch.float32 for name, value in before.items())
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


# --- what cannot be written


def test_a_file_that_is_there_stays_unless_it_may_go(tmp_path) -> None:
    path = tmp_path / "me.glb"
    path.write_bytes(b"mine")
    with pytest.raises(ValueError, match=r"path: .*me.glb' is there already.*overwrite=True"):
        export_gltf(adaptive(), path)
    assert path.read_bytes() == b"mine"
    export_gltf(adaptive(), path, shapes=False, overwrite=True)
    assert path.read_bytes().startswith(b"glTF") and list(tmp_path.iterdir()) == [path]


def many_bones(count: int) -> SkinnedModel:
    mesh = replace(HEAD.mesh, texture=None)
    rig = Rig(tuple(f"b{k}" for k in range(count)), torch.arange(count) - 1, positions=mesh.vertices[:count])
    weights = torch.full((len(mesh.vertices), count), 1.0 / count)
    return StaticSkinningModel(mesh, rig, weights)


def test_255_bones_are_the_most(tmp_path) -> None:
    with pytest.raises(ValueError, match=r"model: it has 256 bones.*at most 255"):
        export_gltf(many_bones(256), tmp_path / "me.glb")
    assert export_gltf(many_bones(255), tmp_path / "me.glb", shapes=False).bones == 255


@pytest.mark.parametrize("influences", [0, 3, -4, 4.0, True, "4"])
def test_influences_come_in_fours(tmp_path, influences) -> None:
    with pytest.raises(ValueError, match=r"influences: found .*give 4 or 8"):
        export_gltf(adaptive(), tmp_path / "me.glb", influences=influences)


def test_other_endings_models_and_faces_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"path: 'me.fbx' should end in .glb"):
        export_gltf(adaptive(), tmp_path / "me.fbx")
    with pytest.raises(ValueError, match=r"model: expected an adaptive or a static model, or a fit, found Mesh"):
        export_gltf(HEAD.mesh, tmp_path / "me.glb")  # type: ignore[arg-type]
    model = adaptive()
    with torch.no_grad():
        model.translation[3] = torch.nan
    for posed in (False, True):
        with pytest.raises(ValueError, match=r"model: its numbers are NaN or infinite"):
            export_gltf(model, tmp_path / "me.glb", posed=posed)
    assert not list(tmp_path.iterdir())
