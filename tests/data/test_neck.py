"""The table of the neck agrees with its two sources, and the recipe makes it from them."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from asm_teach.data.assets import AssetUnavailable, data_dir, fetch
from asm_teach.data.heads import load_head
from asm_teach.data.neck import VERTEBRAE, neck_reach, with_neck
from asm_teach.model.adaptive import StaticSkinningModel
from asm_teach.model.transforms import rotation_matrix

NECK = json.loads((data_dir() / "neck.json").read_text("utf-8"))


@pytest.mark.parametrize("part", ("lower", "upper"))
@pytest.mark.parametrize("motion", ("nod", "turn", "bend"))
def test_each_part_shares_out_the_whole_of_a_motion(part: str, motion: str) -> None:
    shares = [joint["shares"][motion] for joint in NECK["joints"] if joint["part"] == part]
    assert sum(shares) == pytest.approx(1, abs=3e-3) and min(shares) > 0


def test_joints_go_up_from_the_trunk_and_ranges_are_the_published_ones() -> None:
    up = [joint["up"] for joint in NECK["joints"]]
    assert up == sorted(up) and up[0] == 0
    assert [joint["bone"] for joint in NECK["joints"]] == ["C7", "C6", "C5", "C4", "C3", "C2", "C1", "skull"]
    assert NECK["range"] == {
        "lower": {"bend": 67, "turn": 55, "nod": 82},
        "upper": {"bend": 13, "turn": 77, "nod": 40},
    }


def test_the_recipe_makes_the_table(tmp_path: Path) -> None:
    try:
        fetch("neck", progress=False)
    except AssetUnavailable as error:
        pytest.skip(f"no fetched files: {error}")
    folder = tmp_path / "data" / "recipe"
    folder.mkdir(parents=True)
    recipe = shutil.copy(data_dir() / "recipe" / "neck.py", folder)
    subprocess.run([sys.executable, recipe], check=True)
    assert (tmp_path / "data" / "neck.json").read_text("utf-8") == (data_dir() / "neck.json").read_text("utf-8")


def test_a_head_with_a_neck_is_posed_by_the_chain_of_the_table() -> None:
    """The skull goes where eight turns about eight places carry it, and at rest nothing moves."""
    head = load_head()
    necked = with_neck(head)
    model = StaticSkinningModel(necked.mesh, necked.hand_rig, necked.hand_weights)
    assert torch.equal(model().detach(), head.mesh.vertices)
    assert torch.allclose(necked.hand_weights.sum(1), torch.ones(1)) and necked.hand_weights.min() >= 0
    turns, rig = neck_reach() * torch.tensor([0.4, -0.9, 0.5]), necked.hand_rig
    carried, shift = torch.eye(3), torch.zeros(3)
    for name, turn in zip((*VERTEBRAE, "head"), turns, strict=True):
        model.set_motion(name, rotation=turn)
        place, turned = rig.positions[rig.index(name)], rotation_matrix(turn)
        carried, shift = carried @ turned, carried @ (place - turned @ place) + shift
    moved, skull = model().detach(), head.mesh.part_vertices("face")
    skull = skull[necked.hand_weights[skull, -len(VERTEBRAE) :].sum(1) == 0]  # none of the neck
    skull = skull[head.mesh.vertices[skull, 1] > 0]
    assert len(skull) > 100
    assert torch.allclose(moved[skull], head.mesh.vertices[skull] @ carried.T + shift, atol=1e-3)


@pytest.mark.parametrize("name", ("makehuman", "soma"))
def test_the_neck_hangs_between_trunk_and_skull(name: str) -> None:
    rig = with_neck(load_head(name)).hand_rig
    chain, bone = [], rig.index("head")
    while bone >= 0:
        chain.append(rig.names[bone])
        bone = int(rig.parents[bone])
    assert chain == ["head", *reversed(VERTEBRAE), "spine01"] and len(rig) == 36
    heights = [float(rig.positions[rig.index(one), 1]) for one in (*VERTEBRAE, "head")]
    assert heights == sorted(heights)
    assert neck_reach().rad2deg().sum(0).tolist() == pytest.approx([61.0, 66.0, 40.0], abs=0.2)


def test_a_head_without_a_neck_is_refused() -> None:
    head = load_head()
    with pytest.raises(ValueError, match="head: its rig has no joint 'neck01'"):
        with_neck(with_neck(head))
    with pytest.raises(ValueError, match="head: its rig has no joint 'neck01'"):
        with_neck(replace(head, hand_rig=head.rig, hand_weights=head.static_weights))
