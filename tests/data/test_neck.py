"""The table of the neck agrees with its two sources, and the recipe makes it from them."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from asm_teach.data.assets import AssetUnavailable, data_dir, fetch

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
