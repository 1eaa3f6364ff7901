"""Poses as text: what is written is read back to the last bit, old files still load, what is wrong is told in words."""

from __future__ import annotations

import copy
import json
import math
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import asm_teach as asm
from asm_teach.model.adaptive import AdaptiveSkinningModel
from asm_teach.widgets import BonePanel, Viewer
from asm_teach.widgets.base.pose import FORMATS, Parameters, parameters, read_pose, set_parameters, write_pose
from asm_teach.widgets.playground.people import new_model
from tests.widgets.parts import close_widgets, moved, three_bones  # noqa: F401

BEFORE = Path(__file__).parents[1] / "data" / "before_the_move"  # poses as the code wrote them before it had one format
NAMES = ("root", "jaw", 'the "odd" one')


@pytest.fixture(name="face", scope="module")
def the_head_at_rest() -> AdaptiveSkinningModel:
    return new_model(asm.load_head("makehuman"))


class Posed:
    """As much of a model as a pose needs."""

    def __init__(self, values: Parameters) -> None:
        self.rig = asm.Rig(NAMES, torch.tensor([-1, 0, 0]))
        for name, value in values.items():
            setattr(self, name, value)


def at_rest(dtype: torch.dtype = torch.float32) -> Parameters:
    return {name: torch.zeros(3, 3, dtype=dtype) for name in ("translation", "rotation", "log_scale")}


def with_pose(model: AdaptiveSkinningModel, text: str) -> AdaptiveSkinningModel:
    other = copy.deepcopy(model)
    set_parameters(other, read_pose(text, model.rig.names, parameters(model)))
    return other


# -- what is written ---------------------------------------------------------------------------------------


def test_the_format_is_the_one_that_is_promised() -> None:
    values = at_rest(torch.float64)
    values["translation"][1] = torch.tensor([0.0, -6.0, 2.1])
    values["rotation"][1, 0] = 0.2
    told = json.loads(write_pose(Posed(values), at_rest(torch.float64)))
    assert told == {
        "format": "asm_teach pose",
        "bones": {"jaw": {"translation": pytest.approx([0, -6, 2.1]), "rotation": [0.2, 0, 0]}},
    }
    assert json.loads(write_pose(Posed(at_rest()), at_rest())) == {"format": FORMATS[0], "bones": {}}


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@given(seed=st.integers(0, 10**6), size=st.sampled_from([1e-6, 1.0, 1e6]))
def test_every_number_comes_back(dtype: torch.dtype, seed: int, size: float) -> None:
    generator = torch.Generator().manual_seed(seed)
    values = {name: size * torch.randn(3, 3, dtype=dtype, generator=generator) for name in at_rest()}
    back = read_pose(write_pose(Posed(values), at_rest(dtype)), NAMES, at_rest(dtype))
    for name, value in values.items():
        assert torch.equal(back[name], value)


@pytest.mark.parametrize("seed", [0, 1])
def test_a_pose_comes_back_to_the_last_bit(face: AdaptiveSkinningModel, seed: int) -> None:
    wanted = moved(face, seed)
    got = with_pose(face, write_pose(wanted, parameters(face)))
    for name, values in parameters(wanted).items():
        torch.testing.assert_close(getattr(got, name), values, rtol=0, atol=0, check_device=False)
    torch.testing.assert_close(got(), wanted(), rtol=0, atol=0)


def test_a_pose_names_only_what_moved(face: AdaptiveSkinningModel) -> None:
    other = copy.deepcopy(face)
    other.set_motion("chin", translation=torch.tensor([0.0, -3.0, 0.0]))
    told = json.loads(write_pose(other, parameters(face)))
    assert told["bones"] == {"chin": {"translation": [0.0, -3.0, 0.0]}}
    assert json.loads(write_pose(face, parameters(face)))["bones"] == {}


def test_what_is_not_named_stays_as_it_starts() -> None:
    start = at_rest()
    start["translation"][2, 0] = 4.0
    back = read_pose(f'{{"format": "{FORMATS[0]}", "bones": {{"jaw": {{"rotation": [1, 0, 0]}}}}}}', NAMES, start)
    assert back["rotation"][1].tolist() == [1, 0, 0] and back["rotation"][[0, 2]].abs().sum() == 0
    assert torch.equal(back["translation"], start["translation"]) and back["log_scale"].abs().sum() == 0
    assert start["rotation"].abs().sum() == 0  # the start itself is left alone


def test_a_pose_that_is_none_is_not_written() -> None:
    values = at_rest()
    values["rotation"][1, 2] = math.nan
    with pytest.raises(ValueError, match="rotation of bone 'jaw'"):
        write_pose(Posed(values), at_rest())


# -- files from before -------------------------------------------------------------------------------------


def wanted_motion(face: AdaptiveSkinningModel) -> AdaptiveSkinningModel:
    wanted = copy.deepcopy(face)
    wanted.set_motion("chin", translation=[1.0, -6.0, 2.5], rotation=[0.2, 0.1, 0.0], scale=[1.2, 0.9, 1.1])
    wanted.set_motion("lip_corner_L", translation=[3.0, 2.0, -1.0])
    return wanted


def test_a_pose_that_a_bone_panel_wrote_before_still_loads(face: AdaptiveSkinningModel) -> None:
    text = (BEFORE / "bone_panel_pose.json").read_text("utf-8")
    assert json.loads(text)["format"] == "asm_teach pose 1"
    torch.testing.assert_close(with_pose(face, text)(), wanted_motion(face)())
    panel = BonePanel(copy.deepcopy(face), Viewer(face.mesh))
    panel.pose.value = text
    panel.apply.click()
    torch.testing.assert_close(panel.model(), wanted_motion(face)())


def test_a_pose_that_the_playground_wrote_before_still_loads(face: AdaptiveSkinningModel) -> None:
    text = (BEFORE / "playground_pose.json").read_text("utf-8")
    told = json.loads(text)["bones"]
    got, wanted, tip = with_pose(face, text), wanted_motion(face), face.rig.index("nose_tip")
    for name in ("translation", "rotation", "log_scale"):
        assert torch.equal(getattr(got, name), getattr(wanted, name))
    for name, numbers in told["nose_tip"].items():
        assert torch.equal(getattr(got, name)[tip], torch.tensor(numbers))
    panel = BonePanel(copy.deepcopy(face), Viewer(face.mesh))
    panel.pose.value = text
    panel.apply.click()
    torch.testing.assert_close(panel.model(), got())
    panel.undo.click()
    torch.testing.assert_close(panel.model(), face())


# -- what is refused ---------------------------------------------------------------------------------------


def bones(inner: str) -> str:
    return f'{{"format": "{FORMATS[1]}", "bones": {{{inner}}}}}'


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "there is no text"),
        ('{"format": "asm_teach pose 1", "bones": {', "this is no JSON, or it is cut off .* at line 1, column"),
        ("[1, 2]", '"format" has to be "asm_teach pose", but it names none'),
        ('{"bones": {}}', '"format" has to be "asm_teach pose", but it names none'),
        ('{"format": "asm_teach pose 2", "bones": {}}', "but its format is 'asm_teach pose 2'"),
        (f'{{"format": "{"x" * 999}", "bones": {{}}}}', "but its format is '" + "x" * 40 + "'$"),
        ('{"format": "asm_teach pose 1", "bones": [1]}', r"found \[1\]"),
        (
            bones('"tail": {}, "wing": {}, "jaw": {}'),
            "another rig: this one has no 'tail', 'wing' .of 3 bones .*, 1 are",
        ),
        (bones('"jaw": {"bend": [0, 0, 0]}'), "takes translation, rotation, log_scale or scale; found bend"),
        (bones('"jaw": {"bone_uv": [0, 0]}'), "takes translation, rotation, log_scale or scale; found bone_uv"),
        (bones('"jaw": 3'), "takes translation, rotation, log_scale or scale; found 3"),
        (bones('"jaw": {"rotation": [0, 0]}'), "rotation of bone 'jaw' has to be 3 numbers"),
        (bones('"jaw": {"rotation": "up"}'), "rotation of bone 'jaw' has to be 3 numbers"),
        (bones('"jaw": {"rotation": null}'), "rotation of bone 'jaw' has to be 3 numbers"),
        (bones('"jaw": {"rotation": [0, "a", 0]}'), "has to be 3 numbers"),
        (bones('"jaw": {"rotation": [0, [1], 0]}'), "has to be 3 numbers"),
        (bones('"jaw": {"rotation": [0, true, 0]}'), "has to be 3 numbers"),
        (bones(f'"jaw": {{"rotation": [0, 1{400 * "0"}, 0]}}'), "is too large"),
        (bones('"jaw": {"rotation": ' + 5000 * "[" + 5000 * "]" + "}"), "nested too deeply"),
        (bones('"jaw": {"translation": [0, NaN, 0]}'), "NaN stands in it"),
        (bones('"jaw": {"translation": [1e999, 0, 0]}'), "1e999 is too large"),
        (bones('"jaw": {"translation": [1e300, 0, 0]}'), "finite numbers"),
        (bones('"jaw": {"scale": [1, 0, 1]}'), "above 0"),
        (bones('"jaw": {"scale": [1, -1, 1]}'), "above 0"),
        (bones('"jaw": {}, "jaw": {}'), "'jaw' is given twice"),
    ],
)
def test_what_is_wrong_is_told(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        read_pose(text, NAMES, at_rest())


def test_a_pose_for_another_number_of_gaussians_is_refused(face: AdaptiveSkinningModel) -> None:
    with pytest.raises(ValueError, match="mixture_logits of bone 'chin' has to be 2 numbers, as in this rig"):
        with_pose(face, bones('"chin": {"mixture_logits": [0, 1, 2]}'))
    with pytest.raises(ValueError, match="mixture_mean of bone 'chin' has to be 2 x 2 numbers"):
        with_pose(face, bones('"chin": {"mixture_mean": [0, 1, 2, 3]}'))
