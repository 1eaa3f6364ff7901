"""The bone panel without a browser: sliders, clicks, undo, mirror, poses as text."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from asm_teach.model import StaticSkinningModel
from asm_teach.widgets import BonePanel, Viewer

from .widget_parts import ball, close_widgets, sent_normals, sent_positions, three_bones  # noqa: F401


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
    assert not panel.viewer._marks.visible
    assert "image/png" in panel._repr_mimebundle_()


def test_a_bone_that_is_not_there_is_refused(model: StaticSkinningModel) -> None:
    with pytest.raises(ValueError, match="the rig has no bone called 'tail'"):
        BonePanel(model, Viewer(model.mesh), bone="tail")
    with pytest.raises(ValueError, match="this rig has 0 to 2"):
        BonePanel(model, Viewer(model.mesh), bone=3)
