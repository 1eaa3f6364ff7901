"""Bones put on another surface: facing the right way, alike on both sides, apart; and the room a chart should give."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
import trimesh

from asm_teach import load_head
from asm_teach.geometry.surface_points import Skin
from asm_teach.model.transforms import Rig
from asm_teach.new_head.place_bones import ROOM, Guide, _free_place, place_bones
from asm_teach.new_head.repair import Patch
from asm_teach.new_head.symmetry import Mirror

SOMA = load_head("soma")
VERTICES, FACES = SOMA.mesh.vertices.double().numpy(), SOMA.mesh.faces.numpy()
MARKS = SOMA.landmarks.points(SOMA.mesh.vertices, SOMA.mesh.faces).double().numpy()
MIDDLE = Mirror(np.array([1.0, 0.0, 0.0]), 0.0)


def places(points: list[tuple[float, float, float]]) -> torch.Tensor:
    """UV of the nearest places of SOMA to points in mm."""
    on = Skin(VERTICES, FACES).put(np.array(points))
    corner = SOMA.mesh.uv.double().numpy()[FACES[on.face]]
    return torch.from_numpy((on.barycentric[..., None] * corner).sum(1)).float()


def head_with(names: list[str], points: list[tuple[float, float, float]]):
    parents = torch.tensor([-1] + [0] * (len(names) - 1))
    return replace(SOMA, rig=Rig(tuple(names), parents, uv=places(points)))


def test_bones_in_the_middle_lie_on_the_mirror_plane_and_pairs_are_alike() -> None:
    names = ["root", "tip", "cheek.L", "cheek.R", "odd_L"]
    points = [(2.0, 100, 60), (-1.5, 0, 130), (40.0, 0, 80), (-43.0, 2, 80), (30.0, -40, 80)]
    bones = place_bones(Guide(head_with(names, points), MARKS, MARKS), Skin(VERTICES, FACES), MIDDLE)
    at = bones.on.position
    # "odd_L" has no partner, so it counts as one in the middle.
    np.testing.assert_allclose(at[[0, 1, 4], 0], 0, atol=1e-9)
    np.testing.assert_allclose(at[3] * [-1, 1, 1], at[2], atol=0.05)  # mm: the template's own asymmetry
    assert bones.asymmetry < 0.05 and not bones.beyond.any()
    assert Skin(VERTICES, FACES).put(at).distance.max() < 1e-9


def test_bones_that_would_meet_are_kept_apart() -> None:
    names = ["root", "a", "b", "c_L", "c_R", "d_L", "d_R"]
    tip, side = (0.0, 0, 130), (40.0, 0, 80)
    points = [(0.0, 100, 60), tip, tip, side, (-40.0, 0, 80), side, (-40.0, 0, 80)]
    bones = place_bones(Guide(head_with(names, points), MARKS, MARKS), Skin(VERTICES, FACES), MIDDLE)
    at = bones.on.position
    apart = np.linalg.norm(at[:, None] - at, axis=2) + 1e3 * np.eye(len(at))
    assert 2.4 < apart.min() < 10  # no nearer than asked for, and no farther than the next free place
    np.testing.assert_allclose(at[[1, 2], 0], 0, atol=1e-9)
    assert bones.asymmetry < 0.5


def test_a_bone_goes_to_the_side_that_faces_its_way() -> None:
    """A bone outside the lower lip must not slip onto the inside of the mouth, which lies nearer to where it falls."""
    guide = Guide(SOMA, MARKS, MARKS)
    points, facing = guide.bones()
    pushed = Guide(SOMA, MARKS, MARKS - [0, 0, 4.0])  # the whole head stands 4 mm behind its landmarks
    bones = place_bones(pushed, Skin(VERTICES, FACES), MIDDLE)
    agree = (Skin(VERTICES, FACES).looks[bones.on.face] * facing).sum(1)
    assert (agree > 0.3).mean() > 0.97  # a bone on the rim of an eye may find no face that agrees
    lips = [j for j, name in enumerate(SOMA.rig.names) if name.startswith("lip")]
    assert (agree[lips] > 0.3).all()


def test_room_follows_the_parts_of_the_source() -> None:
    own = load_head()
    marks = own.landmarks.points(own.mesh.vertices, own.mesh.faces).double().numpy()
    patch = Patch(VERTICES, FACES, np.arange(len(FACES)))
    room = Guide(own, marks, MARKS).room(patch)
    for name, amount in ROOM.items():  # SOMA's parts of the same names lie where those of the source do
        faces = SOMA.mesh.parts[name].numpy()
        assert (room[faces] == amount).mean() > 0.85
    deep = SOMA.mesh.parts["interior"].numpy()
    assert (room[deep] < 0.3).mean() > 0.7
    plain = replace(SOMA, mesh=replace(SOMA.mesh, parts={}))
    assert (Guide(plain, MARKS, MARKS).room(patch) == 1).all()


def test_a_source_needs_bones_on_its_chart() -> None:
    hand_made = replace(SOMA, rig=SOMA.hand_rig)
    with pytest.raises(ValueError, match="source: its bones have no places on a chart"):
        place_bones(Guide(hand_made, MARKS, MARKS), Skin(VERTICES, FACES), MIDDLE)


def test_the_free_place_is_the_nearest_one_that_is_free() -> None:
    ball = trimesh.creation.icosphere(3, 50.0)
    skin = Skin(np.array(ball.vertices), np.array(ball.faces))
    point = skin.vertices[0]
    way = point / 50
    taken = np.stack([point, point + [0, 0, 1.0]])
    place = _free_place(skin, point, way, taken, 5.0)
    assert np.linalg.norm(taken - place, axis=1).min() >= 5.0 and np.linalg.norm(place - point) < 9.0
    assert np.array_equal(_free_place(skin, point, way, taken, 1000.0), point)
