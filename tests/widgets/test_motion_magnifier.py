"""The motion magnifier without a browser: its sliders, its words and its pictures."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

import asm_teach as asm
from asm_teach.widgets import MotionMagnifier
from tests.widgets.parts import close_widgets  # noqa: F401


@pytest.fixture
def magnifier() -> MotionMagnifier:
    return MotionMagnifier(asm.load_head())


def test_the_slider_makes_the_motion_larger_and_the_words_say_so(magnifier) -> None:
    magnifier.show("smile", 0.1, 1)
    real, arrows = magnifier.motion(), magnifier.arrows.value
    assert "shown 1 times" in magnifier.text and magnifier.text.startswith("smile (6 cheek raiser + 12 ")
    assert "real motion, mm" in magnifier.viewer.text and "bone" not in magnifier.viewer.text
    magnifier.times.value = 20
    assert torch.equal(magnifier.motion(), real)  # what really moves stays
    assert "shown 20 times as large" in magnifier.text and magnifier.arrows.value != arrows
    magnifier.chooser.value = "brows down"
    assert magnifier.text.startswith("brows down (4 brow lowerer) at 10%")


def test_the_heads_differ_more_the_larger_the_motion(magnifier) -> None:
    def apart(times: int) -> float:
        magnifier.show("smile", 0.1, times)
        magnifier.viewer.colour_by("texture")
        picture = np.asarray(Image.open(io.BytesIO(magnifier.still())).convert("L")).astype(float)
        half = picture.shape[1] // 2
        return float(np.abs(picture[:, :half] - picture[:, half : 2 * half]).mean())

    assert apart(20) > apart(1)


def test_bad_input_is_refused(magnifier) -> None:
    with pytest.raises(ValueError, match="there is no 'wink'"):
        magnifier.show("wink")
    with pytest.raises(ValueError, match="times is 21: give 1 to 20"):
        magnifier.show("smile", 0.1, 21)
    with pytest.raises(ValueError, match="head has no texture"):
        MotionMagnifier(replace(magnifier.head, mesh=replace(magnifier.head.mesh, texture=None)))
