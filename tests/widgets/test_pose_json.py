"""Poses as text: what is written is read back to the last bit, and what is wrong is told in words."""

from __future__ import annotations

import json
import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from asm_teach.widgets.bone_panel.pose_json import FORMAT, pose_from_json, pose_to_json

NAMES = ("root", "jaw", 'the "odd" one')


def at_rest(dtype: torch.dtype = torch.float32) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    return torch.zeros(3, 3, dtype=dtype), torch.zeros(3, 3, dtype=dtype), torch.ones(3, 3, dtype=dtype)


def test_the_format_is_the_one_that_is_promised() -> None:
    translation, rotation, scale = at_rest()
    translation[1] = torch.tensor([0.0, -6.0, 2.1])
    rotation[1, 0] = 0.2
    assert json.loads(pose_to_json(NAMES, translation, rotation, scale)) == {
        "format": "asm_teach pose 1",
        "bones": {"jaw": {"translation": [0, -6, 2.1], "rotation": [0.2, 0, 0], "scale": [1, 1, 1]}},
    }
    assert json.loads(pose_to_json(NAMES, *at_rest())) == {"format": FORMAT, "bones": {}}


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@given(seed=st.integers(0, 10**6), size=st.sampled_from([1e-6, 1.0, 1e6]))
def test_every_number_comes_back(dtype: torch.dtype, seed: int, size: float) -> None:
    generator = torch.Generator().manual_seed(seed)
    parts = [size * torch.randn(3, 3, dtype=dtype, generator=generator) for _ in range(2)]
    parts.append(torch.rand(3, 3, dtype=dtype, generator=generator) + 0.01)
    for given_, back in zip(parts, pose_from_json(pose_to_json(NAMES, *parts), NAMES), strict=True):
        assert torch.equal(back.to(dtype), given_)


def test_what_is_not_named_is_at_rest() -> None:
    text = f'{{"format": "{FORMAT}", "bones": {{"jaw": {{"rotation": [1, 0, 0]}}}}}}'
    translation, rotation, scale = pose_from_json(text, NAMES)
    assert torch.equal(rotation[1], torch.tensor([1.0, 0, 0], dtype=torch.float64))
    assert translation.abs().sum() == 0 and rotation[[0, 2]].abs().sum() == 0 and (scale == 1).all()


def bones(inner: str) -> str:
    return f'{{"format": "{FORMAT}", "bones": {{{inner}}}}}'


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "there is no text"),
        ('{"format": "asm_teach pose 1", "bones": {', "this is no JSON: .* at line 1, column"),
        ("[1, 2]", '"format" has to be "asm_teach pose 1", but it names none'),
        ('{"format": "asm_teach pose 2", "bones": {}}', "but its format is 'asm_teach pose 2'"),
        ('{"format": "asm_teach pose 1", "bones": [1]}', "found a list"),
        (
            bones('"tail": {}, "wing": {}, "jaw": {}'),
            "another rig: this one has no 'tail', 'wing' .of 3 bones .*, 1 are",
        ),
        (bones('"jaw": {"bend": [0, 0, 0]}'), "takes translation, rotation and scale; found bend"),
        (bones('"jaw": 3'), "takes translation, rotation and scale; found 3"),
        (bones('"jaw": {"rotation": [0, 0]}'), "rotation of bone 'jaw' has to be three numbers"),
        (bones('"jaw": {"rotation": [0, "a", 0]}'), "three finite numbers"),
        (bones('"jaw": {"rotation": [0, true, 0]}'), "three finite numbers"),
        (bones('"jaw": {"translation": [0, NaN, 0]}'), "three finite numbers; found .*NaN"),
        (bones('"jaw": {"translation": [1e999, 0, 0]}'), "three finite numbers"),
        (bones('"jaw": {"scale": [1, 0, 1]}'), "above 0"),
        (bones('"jaw": {}, "jaw": {}'), "'jaw' is given twice"),
    ],
)
def test_what_is_wrong_is_told(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        pose_from_json(text, NAMES)


def test_a_pose_that_is_none_is_not_written() -> None:
    translation, rotation, scale = at_rest()
    with pytest.raises(ValueError, match=r"translation: expected shape \(3, 3\)"):
        pose_to_json(NAMES, translation[:2], rotation, scale)
    rotation[1, 2] = math.nan
    with pytest.raises(ValueError, match="rotation of bone 'jaw'"):
        pose_to_json(NAMES, translation, rotation, scale)
