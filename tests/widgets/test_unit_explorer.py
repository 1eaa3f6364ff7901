"""The unit explorer without a browser: its sliders, its maps, its words and its still picture."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

import asm_teach as asm
from asm_teach.beyond.action_units import UNITS, union_map
from asm_teach.beyond.reader import load_reader
from asm_teach.widgets import UnitExplorer
from asm_teach.widgets.unit_explorer.unit_explorer import LOOKS, MOVES, NEEDS
from tests.widgets.parts import close_widgets  # noqa: F401


@pytest.fixture
def explorer() -> UnitExplorer:
    return UnitExplorer(asm.load_head(), load_reader())


def test_sliders_move_the_heads_and_the_words(explorer) -> None:
    explorer.show({12: 1.0, 26: 0.5})
    assert explorer.units == {12: 1.0, 26: 0.5}
    assert explorer.text.startswith("acts: 12 at 100%, 26 at 50%; the reader finds ")
    before = explorer.text
    explorer.sliders[12].value = 0.0
    assert explorer.units == {26: 0.5} and explorer.text != before
    explorer.chooser.value = "anger"
    assert set(explorer.units) == {4, 5, 7, 24}
    assert len(explorer.sliders) == len(UNITS)


def test_the_three_maps_go_from_nothing_to_the_most(explorer) -> None:
    explorer.show({1: 0.9, 2: 0.9})
    crop, maps = explorer.maps()
    assert crop.shape == (64, 64) and set(maps) == {MOVES, LOOKS, NEEDS}
    assert torch.equal(maps[MOVES], union_map(explorer.head, [1, 2]))
    assert all(float(one.min()) >= 0 and float(one.max()) == pytest.approx(1) for one in maps.values())
    explorer.show({})
    assert explorer.text.startswith("acts: no unit;") and not explorer.maps()[1][MOVES].any()


def test_a_saved_notebook_has_a_picture(explorer) -> None:
    explorer.show({12: 1.0})
    picture = np.asarray(Image.open(io.BytesIO(explorer.still())).convert("RGB")).astype(int)
    left, middle, right = (picture[:, k * 200 : (k + 1) * 200] for k in range(3))
    assert np.abs(left - middle).mean() > 1 and np.abs(middle - right).mean() > 1
    assert Image.open(io.BytesIO(explorer.crop.value)).size == (64, 64)


def test_bad_input_is_refused(explorer) -> None:
    with pytest.raises(ValueError, match="head has no texture"):
        UnitExplorer(replace(explorer.head, mesh=replace(explorer.head.mesh, texture=None)), explorer.reader)
    with pytest.raises(ValueError, match="no unit 3"):
        explorer.show({3: 1.0})
