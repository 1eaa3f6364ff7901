"""The camera by sliders of lesson 7: what it draws and says is what the camera model says."""

from __future__ import annotations

import io

import pytest
import torch
from PIL import Image

import asm_teach as asm
from asm_teach.widgets.pinhole import PinholeView


@pytest.fixture(scope="module")
def head():
    return asm.load_head()


def test_the_dolly_zoom_keeps_the_eyes_and_changes_the_nose(head):
    view = PinholeView(head, distance=450, focal=450)
    view.keep.value = True
    apart, noses = [], []
    for distance in (300.0, 900.0):
        view.distance.value = distance
        assert view.focal.value == pytest.approx(distance, rel=1e-6)
        corners = view.camera.project(view._corners)
        apart.append(float((corners[0] - corners[1]).norm()))
        noses.append(float(view.camera.depth(view._side) / view.camera.depth(view._tip)))
    assert apart[0] == pytest.approx(apart[1], rel=0.05)
    assert noses[0] > noses[1] + 0.1
    view.focal.value = 450.0  # and the other way round
    assert view.distance.value == pytest.approx(450, rel=1e-6)


def test_without_it_only_one_of_them_moves_and_ends_hold(head):
    view = PinholeView(head)
    view.distance.value = 900.0
    assert view.focal.value == 450.0
    view.keep.value = True
    view.distance.value = 4000.0
    assert view.focal.value <= 4000.0 * (1 + 1e-9)
    view.focal.value = 120.0
    assert view.distance.value >= 200.0 * (1 - 1e-9)


def test_picture_plan_and_words_follow(head):
    view = PinholeView(head)
    before = view._shown.value, view._above.value, view._said.value
    view.turn.value = 40.0
    assert all(a != b for a, b in zip(before, (view._shown.value, view._above.value, view._said.value), strict=True))
    assert "40° to the person's left" in view.text and view.text.split(";")[1] in view._said.value
    assert Image.open(io.BytesIO(view._shown.value)).size == (240, 300)
    # the camera is on the person's left, +x: the plan has it on the right, the picture shows the head turned
    assert float(view.camera.centre()[0]) > 0 and view._plan()[0][0] > 0
    bundle = view._repr_mimebundle_()
    assert bundle["text/plain"] == view.text and bundle["image/png"]
    slopes = view._plan()[1] - view._plan()[0]
    middle = torch.tensor(slopes).mean(0)
    assert float(middle[0]) < 0  # both edges go back towards the head
    for slider in (view.distance, view.focal, view.turn):
        assert slider.description  # a name for whoever hears the page


def test_a_start_that_no_slider_has_is_refused(head):
    with pytest.raises(ValueError, match="distance is 50: give a number from 200"):
        PinholeView(head, distance=50)
    with pytest.raises(ValueError, match="focal"):
        PinholeView(head, focal=float("nan"))
