"""The bone panel without a browser: sliders, clicks, undo, mirror, poses as text."""

from __future__ import annotations

import copy
import json
import math

import ipywidgets
import numpy as np
import pytest
import torch

from asm_teach.data.heads import load_head
from asm_teach.model.adaptive import AdaptiveSkinningModel, StaticSkinningModel
from asm_teach.widgets import BonePanel, Viewer
from asm_teach.widgets.bone_panel.mover import Mover
from tests.widgets.parts import close_widgets, three_bones  # noqa: F401


def test_the_sliders_move_the_bone_as_the_model_says(model: StaticSkinningModel) -> None:
    panel = BonePanel(model, Viewer(model.mesh), bone="eye_L")
    panel.translation[1].value = 6
    panel.rotation[2].value = 30
    panel.scale[0].value = 1.25
    torch.testing.assert_close(model.translation[1], torch.tensor([0.0, 6.0, 0.0]))
    torch.testing.assert_close(model.rotation[1], torch.tensor([0.0, 0.0, math.pi / 6]))
    torch.testing.assert_close(model.log_scale[1].exp(), torch.tensor([1.25, 1.0, 1.0]))
    # eq. (1) by hand for the one bone that moves: v + w (p + R S (v - p) + t - v)
    vertices, pivot = model.mesh.vertices.double().numpy(), np.array([50.0, 30, 40])
    cos, sin = math.cos(math.pi / 6), 0.5
    turned = (vertices - pivot) * [1.25, 1, 1] @ np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]]).T
    weight = model.weights()[:, 1:2].double().numpy()
    expected = vertices + weight * (pivot + turned + [0, 6, 0] - vertices)
    # 1e-4 mm: float32 numbers of about 100 mm
    np.testing.assert_allclose(panel.viewer.vertices, expected, atol=1e-4)
    assert "bone eye_L · scale x 1.25 ×" in panel.viewer.text
    far = np.linalg.norm(expected - vertices, axis=1).max()
    assert f"largest displacement {far:.2f} mm" in panel.viewer.text
    # the dot goes with the bone
    np.testing.assert_allclose(panel.viewer._marks.points[1], pivot + np.array([0, 6, 0]), atol=1e-4)


def test_choosing_a_bone_loads_its_motion_and_changes_nothing(model: StaticSkinningModel) -> None:
    model.set_motion(2, torch.tensor([1.0, 2.0, 45.0]), torch.tensor([0.1, 0.0, -0.2]), torch.tensor([1.0, 0.9, 1.1]))
    panel = BonePanel(model, Viewer(model.mesh))
    assert [one.value for one in panel.translation] == [0, 0, 0]
    panel.chooser.value = 2
    assert [one.value for one in panel.translation] == pytest.approx([1, 2, 45])
    assert panel.translation[2].max == pytest.approx(45)  # beyond the slider's usual end of 30 mm
    assert [one.value for one in panel.rotation] == pytest.approx([math.degrees(0.1), 0, math.degrees(-0.2)], rel=1e-5)
    assert [one.value for one in panel.scale] == pytest.approx([1, 0.9, 1.1])
    torch.testing.assert_close(model.rotation[2], torch.tensor([0.1, 0.0, -0.2]))
    np.testing.assert_array_equal(panel.viewer.vertices, model().detach())


def test_mirror_moves_the_other_side_as_its_mirror_image(model: StaticSkinningModel) -> None:
    panel = BonePanel(model, Viewer(model.mesh), bone="root")
    assert panel.mirror.disabled
    panel.chooser.value = 1
    assert not panel.mirror.disabled
    panel.mirror.value = True
    panel.translation[0].value = 5
    panel.rotation[1].value = 20
    panel.rotation[0].value = 10
    panel.scale[1].value = 0.8
    # the ball, its bones and its weights are symmetric, so the moved ball must be too
    moved = panel.viewer.vertices
    flipped = moved * [-1, 1, 1]
    order, mirror = (np.lexsort(np.round(one, 2).T) for one in (moved, flipped))
    np.testing.assert_allclose(moved[order], flipped[mirror], atol=2e-2)  # sorted after rounding to 0.01 mm
    assert np.abs(moved - model.mesh.vertices.numpy()).max() > 2


def test_reset_puts_one_bone_or_all_back(model: StaticSkinningModel) -> None:
    panel = BonePanel(model, Viewer(model.mesh), bone=1)
    panel.translation[0].value = 5
    panel.chooser.value = 2
    panel.scale[0].value = 0.7
    reset_bone, reset_all = panel.reset_bone, panel.reset_all
    reset_bone.click()
    assert panel.scale[0].value == 1
    assert model.translation[1, 0] == 5
    reset_all.click()
    assert model.translation.abs().max() == 0
    # 1e-4 mm is what the identity is promised to keep in float32
    np.testing.assert_allclose(panel.viewer.vertices, model.mesh.vertices, atol=1e-4)


def test_every_control_has_a_name_with_its_unit(model: StaticSkinningModel) -> None:
    panel = BonePanel(model, Viewer(model.mesh))
    names = [one.description for one in (*panel.translation, *panel.rotation, *panel.scale)]
    assert names == [
        f"{what} {axis}, {unit}" for what, unit in (("move", "mm"), ("turn", "°"), ("scale", "×")) for axis in "xyz"
    ]
    assert panel.chooser.description and panel.mirror.description and panel.dots.description
    panel.dots.value = False
    assert panel.viewer._marks.points is None
    assert "image/png" in panel._repr_mimebundle_()


def test_a_bone_that_is_not_there_is_refused(model: StaticSkinningModel) -> None:
    with pytest.raises(ValueError, match="the rig has no bone called 'tail'"):
        BonePanel(model, Viewer(model.mesh), bone="tail")
    with pytest.raises(ValueError, match="this rig has 0 to 2"):
        BonePanel(model, Viewer(model.mesh), bone=3)


def test_a_click_chooses_the_bone_with_the_largest_weight_there(model: StaticSkinningModel) -> None:
    panel = BonePanel(model, Viewer(model.mesh))
    faces, weights = model.mesh.faces, model.weights()
    for face in (0, 100, 250):
        shares = np.array([0.2, 0.5, 0.3])
        expected = int((torch.tensor(shares, dtype=torch.float32) @ weights[faces[face]]).argmax())
        panel._picked(face, shares)
        assert panel.bone == expected
        assert f"clicked where {panel.names[expected]} has the largest weight, 0." in panel.viewer.text
    assert len({int(weights[faces[face]].mean(0).argmax()) for face in (0, 100, 250)}) > 1


def test_undo_takes_back_whole_strokes(model: StaticSkinningModel) -> None:
    panel = BonePanel(model, Viewer(model.mesh), bone=1)
    assert panel.undo.disabled
    for value in (1.0, 2.0, 3.0):  # one drag
        panel.translation[0].value = value
    panel.rotation[0].value = 20
    panel.reset_all.click()
    assert not panel.undo.disabled
    panel.undo.click()
    assert panel.translation[0].value == 3 and panel.rotation[0].value == pytest.approx(20, rel=1e-5)
    panel.undo.click()
    assert panel.translation[0].value == 3 and panel.rotation[0].value == 0
    panel.undo.click()
    assert panel.translation[0].value == 0 and panel.undo.disabled
    np.testing.assert_allclose(panel.viewer.vertices, model.mesh.vertices, atol=1e-4)
    panel.take_back()
    assert "nothing to undo" in panel.viewer.text


def test_a_slider_that_is_no_number_is_told_and_changes_nothing(model: StaticSkinningModel) -> None:
    panel = BonePanel(model, Viewer(model.mesh), bone=1)
    panel.translation[0].value = 2
    before = panel.viewer.vertices
    panel.translation[0].value = math.nan
    assert "move x is not a finite number (nan): the bone stays as it was." in panel.viewer._readout.box.value
    assert panel.translation[0].value == 2 and model.translation[1, 0] == 2
    np.testing.assert_array_equal(panel.viewer.vertices, before)
    panel.translation[0].value = 3
    assert "not a finite number" not in panel.viewer.text


def test_a_model_whose_motion_is_not_finite_is_told(model: StaticSkinningModel) -> None:
    with torch.no_grad():
        model.translation[2, 0] = math.nan
    panel = BonePanel(model, Viewer(model.mesh), bone=2)
    assert panel.pose.value == "" and "translation of bone 'eye_R'" in panel.viewer.text
    panel.reset_all.click()
    assert '"bones": {}' in panel.pose.value


def test_a_pose_is_copied_from_one_panel_and_pasted_into_another(model: StaticSkinningModel) -> None:
    panel = BonePanel(model, Viewer(model.mesh), bone=1)
    panel.translation[1].value, panel.rotation[2].value, panel.scale[0].value = 6, 30, 1.25
    text = panel.pose.value
    told = json.loads(text)["bones"]
    assert list(told) == ["eye_L"] and told["eye_L"]["translation"] == [0, 6, 0]
    assert told["eye_L"]["rotation"][2] == pytest.approx(math.pi / 6)  # radians
    other = BonePanel(copy.deepcopy(model), Viewer(model.mesh), bone=2)
    other.model.reset_motion()
    other.translation[0].value = -4  # what a pose does not name goes back to rest
    other.pose.value = text
    other.apply.click()
    np.testing.assert_allclose(other.viewer.vertices, panel.viewer.vertices, atol=1e-4)
    assert other.translation[0].value == 0 and "the pose is applied" in other.viewer.text
    other.undo.click()
    assert other.translation[0].value == -4


def test_the_box_for_the_pose_is_folded_until_a_button_with_a_tab_stop_is_pressed(model: StaticSkinningModel) -> None:
    panel = BonePanel(model, Viewer(model.mesh))
    controls = panel.children[1].children
    fold = next(one for one in controls if isinstance(one, ipywidgets.ToggleButton))
    box = next(one for one in controls if panel.pose in getattr(one, "children", ()))
    assert box.layout.display == "none"
    fold.value = True  # as a person does
    assert box.layout.display != "none"
    fold.value = False
    assert box.layout.display == "none"


@pytest.mark.parametrize(
    ("text", "words"),
    [("{", "this is no JSON"), ('{"format": "asm_teach pose 1", "bones": {"tail": {}}}', "another rig")],
)
def test_a_pose_that_is_wrong_is_told_and_changes_nothing(model: StaticSkinningModel, text: str, words: str) -> None:
    panel = BonePanel(model, Viewer(model.mesh), bone=1)
    panel.translation[0].value = 5
    panel.pose.value = text
    panel.apply.click()
    assert words in panel.viewer._readout.box.value and "asm-trouble" in panel.viewer._readout.box.value
    assert model.translation[1, 0] == 5


@pytest.mark.parametrize("kind", ["adaptive", "static"])
def test_the_panel_moves_the_face_exactly_as_the_model_does(kind: str, model: StaticSkinningModel) -> None:
    if kind == "adaptive":
        head = load_head()
        model = AdaptiveSkinningModel(head.mesh, head.rig)
    mover = Mover(model)
    with torch.no_grad():
        for change in ("translation", "bone_uv", "mixture_factor", "rotation"):
            if hasattr(model, change):
                getattr(model, change)[1, 0] += 0.1
            vertices, pivots = mover()
            torch.testing.assert_close(vertices, model(), rtol=0, atol=0)
            bind = torch.nn.functional.pad(model.bind_points(), (0, 1), value=1.0)
            torch.testing.assert_close(pivots, torch.einsum("jab,jb->ja", model.transforms(), bind))
