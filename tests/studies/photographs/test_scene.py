"""A scene in numbers: what a seed decides, what lamps, clothes and room are like, and how light becomes a picture."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from asm_teach.data.heads import load_head
from asm_teach.geometry.mesh import Mesh
from asm_teach.new_head.repair import boundary_loops
from asm_teach.studies.photographs.scene import GREY, ROOM, clothes, develop, room, scene
from asm_teach.studies.view_cases import embedded_sitter

HEAD = load_head()


@pytest.fixture(scope="module")
def sitter():
    return embedded_sitter(HEAD, 3)


@pytest.fixture(scope="module")
def taken(sitter):
    return scene(sitter, 5, 1, 200)


def test_a_seed_tells_everything(sitter, taken):
    again, other = scene(sitter, 5, 1, 200), scene(sitter, 5, 2, 200)
    assert again.lamps == taken.lamps and again.exposure == taken.exposure and again.cloth == taken.cloth
    assert np.array_equal(again.room, taken.room)
    for one, same, different in zip(taken.cameras, again.cameras, other.cameras, strict=True):
        assert torch.equal(one.rotation, same.rotation) and torch.equal(one.focal, same.focal)
        assert not torch.equal(one.focal, different.focal)
    assert other.lamps != taken.lamps and other.cloth != taken.cloth


def test_cameras_look_at_the_face_from_one_side_to_the_other_each_with_a_lens_and_a_roll_of_its_own(taken, sitter):
    yaw, roll = [], []
    for camera in taken.cameras:
        pixels, centre = camera.project(sitter.points), camera.centre() - taken.target
        assert pixels.min() > 0 and pixels.max() < 200 and (camera.depth(sitter.points) > 300).all()
        yaw.append(float(torch.atan2(centre[0], centre[2])))
        up = camera.world_to_camera()[:, :3] @ torch.tensor([0.0, 1.0, 0.0])
        roll.append(float(torch.atan2(up[0], -up[1])))
    assert yaw == sorted(yaw) and yaw[0] < -0.7 and yaw[-1] > 0.7
    assert np.ptp(roll) > 0.1
    assert len({float(camera.focal) for camera in taken.cameras}) == 5


def test_welding_moves_no_vertex_and_keeps_the_chart(taken, sitter):
    drawn = taken.sitter.mesh
    assert torch.equal(drawn.vertices, sitter.mesh.vertices)  # `region` and the truth count these
    assert torch.equal(drawn.vertices[drawn.faces], sitter.mesh.vertices[sitter.mesh.faces])
    assert torch.equal(drawn.uv[drawn.uv_faces], sitter.mesh.uv[sitter.mesh.faces])


def test_a_seam_of_the_chart_is_no_seam_of_the_surface(sitter):
    square = Mesh(
        torch.tensor([[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]]),
        torch.tensor([[0, 1, 2], [3, 4, 5]]),
        uv=torch.rand(6, 2),
        texture=torch.rand(4, 4, 3),
    )
    drawn = scene(replace(sitter, mesh=square), 1).sitter.mesh
    assert len(torch.unique(drawn.faces)) == 4 and torch.equal(drawn.uv[drawn.uv_faces], square.uv[square.faces])


def test_clothes_begin_at_the_neck_stay_below_the_chin_and_hide_the_border(sitter):
    points = sitter.mesh.vertices
    loop = min(boundary_loops(sitter.mesh.faces.numpy()), key=lambda loop: points[loop, 1].mean())
    worn = clothes(sitter.mesh)
    assert worn.vertices[:, 1].max() < sitter.landmarks[8, 1]  # the chin
    assert worn.vertices[:, 1].max() > points[loop, 1].max() and worn.vertices[:, 1].min() < points[:, 1].min() - 200
    middle = points[loop].mean(0)
    away = torch.linalg.vector_norm((points[loop] - middle)[:, [0, 2]], dim=1)
    collar = torch.linalg.vector_norm((worn.vertices - middle)[:, [0, 2]], dim=1)
    assert collar.min() > 0.9 * away.min() and worn.vertices[:, 0].abs().max() > 2 * away.max()


def test_a_head_that_is_closed_below_wears_nothing():
    ball = Mesh(
        torch.tensor([[0.0, 1, 0], [1, -1, 0], [-1, -1, 1], [-1, -1, -1]]),
        torch.tensor([[0, 2, 1], [0, 3, 2], [0, 1, 3], [1, 2, 3]]),
    )
    assert clothes(ball) is None


def test_the_room_is_not_plain_goes_round_and_holds_a_window():
    light = room(np.random.default_rng(0))
    assert light.shape == (*ROOM, 3) and light.dtype == np.float32 and light.min() >= 0
    assert light.max() > 1 > np.median(light) and light.std() > 0.1
    across = np.abs(np.diff(light, axis=1)).max((0, 2))
    assert np.abs(light[:, 0] - light[:, -1]).max() <= across.max()  # no cut behind the head


def test_the_meter_finds_the_same_grey_in_any_light_and_a_stop_doubles_it():
    scenery = np.random.default_rng(1).uniform(0.5, 1.5, (80, 60, 3))
    for strength in (0.01, 1.0, 300.0):
        picture = develop(strength * scenery, 0.0, np.random.default_rng(2))
        assert picture.dtype == np.uint8 and picture.shape == scenery.shape
        linear = (picture / 255 + 0.055) / 1.055
        assert np.median(linear**2.4) == pytest.approx(GREY, rel=0.03)
    brighter = develop(scenery, 1.0, np.random.default_rng(2))
    assert np.median(((brighter / 255 + 0.055) / 1.055) ** 2.4) == pytest.approx(2 * GREY, rel=0.03)
    assert (develop(np.zeros((8, 8, 3)), 0.0, np.random.default_rng(0)) < 10).all()


@pytest.mark.parametrize(
    ("given", "word"), [({"photographs": 0}, "photographs"), ({"seed": -1}, "seed"), ({"size": 10}, "size")]
)
def test_what_cannot_be_is_refused(sitter, given, word):
    with pytest.raises(ValueError, match=f"^{word}:"):
        scene(sitter, **given)


def test_a_person_without_colours_is_refused(sitter):
    with pytest.raises(ValueError, match="^sitter: .* no texture"):
        scene(replace(sitter, mesh=replace(sitter.mesh, texture=None)))
