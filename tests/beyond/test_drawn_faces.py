"""Faces drawn with known action units."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import asm_teach as asm
from asm_teach.beyond.action_units import shape_amounts
from asm_teach.beyond.drawn_faces import (
    FRONT,
    NUMBERS,
    draw_scene,
    draw_surface,
    face_camera,
    facing,
    on_skin,
    person_at_rest,
    unit_maps,
)


@pytest.fixture(scope="module")
def head():
    return asm.load_head()


def crop_of(head, units, scene=FRONT, person=3):
    vertices = person_at_rest(head, person) + head.offsets(expressions=shape_amounts(units))
    surface = draw_surface(head, vertices, face_camera(head, vertices, scene), scene)
    return surface.lit(scene.light.mean(1), float(scene.background[0]))


def test_a_unit_changes_the_picture_where_it_moves_the_skin(head) -> None:
    changed = (crop_of(head, {12: 1.0}) - crop_of(head, {})).abs()
    assert float(changed[38:].mean()) > 4 * float(changed[:24].mean())
    raised = (crop_of(head, {1: 1.0, 2: 1.0}) - crop_of(head, {})).abs()
    assert float(raised[:24].mean()) > 4 * float(raised[38:].mean())


def test_scenes_are_drawn_by_lot(head) -> None:
    generator = np.random.default_rng(2)
    crops = [crop_of(head, {}, draw_scene(generator)) for _ in range(2)]
    assert float((crops[0] - crops[1]).abs().mean()) > 0.02
    assert all(bool(((crop >= 0) & (crop <= 1)).all()) for crop in crops)


def test_teeth_are_brighter_than_the_skin_and_a_beard_is_darker(head) -> None:
    laughing = {10: 1.0, 12: 0.8, 16: 1.0}
    assert float(crop_of(head, laughing)[44:56].amax()) > 1.15 * float(crop_of(head, {})[34:40, 20:44].amax())
    bearded = crop_of(head, {}, FRONT._replace(beard=0.6))
    assert float(bearded[54:].mean()) < 0.8 * float(crop_of(head, {})[54:].mean())
    torch.testing.assert_close(bearded[:24], crop_of(head, {})[:24])


def test_the_maps_of_units_lie_where_their_skin_is(head) -> None:
    maps = unit_maps(head)
    assert maps.shape == (17, 8, 8) and bool((maps.amax((1, 2)) == 1).all()) and float(maps.min()) >= 0
    rows = (maps.sum(2) * torch.arange(8)).sum(1) / maps.sum((1, 2))
    brows, lips = (float(rows[NUMBERS.index(number)]) for number in (4, 12))
    assert brows < 2.5 and 4 < lips < 6


def test_a_map_is_carried_to_the_skin_that_the_camera_sees(head) -> None:
    vertices = head.mesh.vertices
    camera = face_camera(head, vertices, FRONT)
    ramp = ((torch.arange(8) + 0.5) / 8)[:, None].expand(8, 8)  # from the upper edge down
    carried = on_skin(ramp, vertices, camera)
    rows = camera.project(vertices)[:, 1] / 64
    seen = facing(head) & (rows > 0.1) & (rows < 0.9)
    torch.testing.assert_close(carried[seen], rows[seen], atol=1e-3, rtol=0)
    assert float(carried[rows < 0].abs().max()) == 0
