"""The camera by sliders of lesson 7: what it draws and says is what the camera model says."""

from __future__ import annotations

import io
import itertools
import math
import re

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


def apart(view):
    corners = view.camera.project(view._corners)
    return float((corners[0] - corners[1]).norm())


def test_the_dolly_zoom_keeps_the_eyes_from_end_to_end_and_back(head):
    view = PinholeView(head, distance=450, focal=385)  # as lesson 7 begins
    view.keep.value = True
    before = apart(view)
    for slider in (view.focal, view.distance):
        for value in (120.0, 385.0, 4000.0, 200.0, 450.0):
            slider.value = value
            assert view.focal.value / view.distance.value == pytest.approx(385 / 450, rel=1e-9)
            assert apart(view) == pytest.approx(before, rel=0.05)  # the corners lie behind the middle of the eyes
    assert apart(view) == pytest.approx(before, rel=1e-6)


def test_the_camera_stays_on_the_plan(head):
    for turn, distance in itertools.product((-70.0, 0.0, 70.0), (200.0, 2300.0, 4000.0)):
        view = PinholeView(head, distance=distance)
        view.turn.value = turn
        x, y = map(float, re.search(r'<circle cx="([^"]*)" cy="([^"]*)" r="6"', view._above.value).groups())
        assert 6 <= x <= 354 and 6 <= y <= 254, (turn, distance)


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


def test_all_that_a_slider_stops_at_is_one_of_its_steps(head):
    view = PinholeView(head, distance=450, focal=385)
    view.keep.value = True
    for slider, end in ((view.focal, "min"), (view.distance, "max"), (view.focal, "max"), (view.distance, "min")):
        slider.value = 10 ** getattr(slider, end)
        steps = [(math.log10(one.value) - one.min) / one.step for one in (view.distance, view.focal)]
        assert steps == pytest.approx([round(n) for n in steps], abs=1e-6)


def test_a_start_that_no_slider_has_is_refused(head):
    with pytest.raises(ValueError, match="distance is 50: give a number from 200"):
        PinholeView(head, distance=50)
    with pytest.raises(ValueError, match="focal"):
        PinholeView(head, focal=float("nan"))
