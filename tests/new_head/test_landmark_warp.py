"""Carrying points over: units and axes, the warp, places on a surface, and the plane between the two sides."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh
from scipy.spatial.transform import Rotation

from asm_teach import load_head
from asm_teach.geometry.units import UNITS
from asm_teach.new_head.landmark_warp import (
    PAIRS,
    Mirror,
    Skin,
    Warp,
    barycentric,
    check_marks,
    find_mirror,
    to_convention,
)

HEAD = load_head("soma")
VERTICES, FACES = HEAD.mesh.vertices.double().numpy(), HEAD.mesh.faces.numpy()
MARKS = HEAD.landmarks.points(HEAD.mesh.vertices, HEAD.mesh.faces).double().numpy()
FEW = [36, 39, 42, 45, 30, 48, 54]


def only(marks: np.ndarray, chosen: list[int]) -> np.ndarray:
    found = np.full_like(marks, np.nan)
    found[chosen] = marks[chosen]
    return found


def test_pairs_are_mirror_images() -> None:
    assert len(PAIRS) == 29 and len(np.unique(PAIRS)) == 58  # the other ten lie in the middle
    mirrored = MARKS[PAIRS[:, 1]] * [-1, 1, 1]
    assert np.linalg.norm(mirrored - MARKS[PAIRS[:, 0]], axis=1).max() < 2.0  # mm: picked by hand, nearly symmetric


# --- landmarks and conventions


@pytest.mark.parametrize("chosen", [FEW, list(range(68))])
def test_faces_of_other_people_pass(chosen: list[int]) -> None:
    turn = Rotation.from_rotvec([0.5, -2.0, 1.0]).as_matrix()
    for seed in range(4):
        person = HEAD.sample(seed)
        marks = HEAD.landmarks.points(person.vertices, person.faces).double().numpy()
        check_marks(MARKS, only(0.01 * marks @ turn.T + 5, chosen))


@pytest.mark.parametrize("chosen", [FEW, list(range(68))])
def test_swapped_sides_and_wrong_numbers_are_told(chosen: list[int]) -> None:
    swapped = MARKS.copy()
    swapped[PAIRS] = swapped[PAIRS[:, ::-1]]
    for wrong in (swapped, MARKS * [-1, 1, 1]):
        with pytest.raises(ValueError, match="right and left are swapped, or the mesh is a mirror image"):
            check_marks(MARKS, only(wrong, chosen))
    astray = MARKS.copy()
    astray[48] = astray[36]
    with pytest.raises(ValueError, match=r"point 48 lies \d+% of the distance between the eyes from where the others"):
        check_marks(MARKS, only(astray, chosen))


@pytest.mark.parametrize("unit", UNITS)
def test_units_are_told_by_size(unit: str) -> None:
    there = MARKS / UNITS[unit] * 1.1  # somewhat larger than the source
    placement, notes = to_convention(MARKS, there)
    np.testing.assert_allclose(placement.forward(there), 1.1 * MARKS, rtol=0, atol=1e-9)
    assert bool(notes) == (unit != "millimetres") and all(unit in note for note in notes)


def test_a_head_without_a_unit_takes_the_size_of_the_source() -> None:
    placement, (note,) = to_convention(MARKS, 3.3 * MARKS)
    np.testing.assert_allclose(placement.forward(3.3 * MARKS), MARKS, rtol=0, atol=1e-9)
    assert note.startswith("no unit fits its size")


def test_a_head_turned_away_is_turned_back_and_a_slight_turn_stays() -> None:
    for degrees, stays in ((15.0, True), (90.0, False)):
        turn = Rotation.from_rotvec([0, np.radians(degrees), 0]).as_matrix()
        there = MARKS @ turn.T + [10, 20, 30]
        placement, notes = to_convention(MARKS, there)
        assert np.array_equal(placement.rotation, np.eye(3)) is stays
        if not stays:
            np.testing.assert_allclose(placement.forward(there), MARKS, rtol=0, atol=1e-9)
            assert notes == ["axes: turned by 90 degrees, so that it faces +z with +y up"]


# --- the warp


def test_a_similarity_is_carried_over_exactly() -> None:
    turn = Rotation.from_rotvec([0.2, 0.1, -0.3]).as_matrix()
    warp = Warp(MARKS, only(1.3 * MARKS @ turn.T + 7, FEW))
    np.testing.assert_allclose(warp(VERTICES), 1.3 * VERTICES @ turn.T + 7, rtol=0, atol=1e-8)
    up = np.tile([0.0, 1.0, 0.0], (5, 1))
    np.testing.assert_allclose(warp.directions(VERTICES[:5], up), up @ turn.T, rtol=0, atol=1e-8)


def test_landmarks_come_to_lie_on_landmarks_and_back() -> None:
    person = HEAD.sample(3)
    marks = HEAD.landmarks.points(person.vertices, person.faces).double().numpy()
    there, back = Warp(MARKS, marks), Warp(marks, MARKS)
    # The slack of a hundredth of a millimetre times coefficients that are small where the warp is smooth.
    assert np.linalg.norm(there(MARKS) - marks, axis=1).max() < 0.1
    assert np.linalg.norm(back(marks) - MARKS, axis=1).max() < 0.1


def test_two_landmarks_in_one_place_do_no_harm() -> None:
    """Closed lips: on the target the inner ones coincide."""
    closed = MARKS.copy()
    closed[62] = closed[66]
    assert np.isfinite(Warp(closed, MARKS)(VERTICES)).all()


# --- places on a surface


def test_barycentric_coordinates() -> None:
    random = np.random.default_rng(0)
    corners, beta = random.normal(size=(50, 3, 3)), random.dirichlet(np.ones(3), 50)
    points = (beta[..., None] * corners).sum(1)
    np.testing.assert_allclose(barycentric(points, corners), beta, rtol=0, atol=1e-9)
    flat = np.repeat(corners[:, :1], 3, 1)
    flat[:, 2] = corners[:, 1]
    found = barycentric(corners[:, 1], flat)
    np.testing.assert_allclose((found[..., None] * flat).sum(1), corners[:, 1], rtol=0, atol=1e-12)


def test_points_go_to_the_side_that_faces_their_way() -> None:
    """Two sheets 2 mm apart, back to back: the nearest point lies on one, the one that agrees on the other."""
    sheet = np.array([[-5.0, -5, 0], [5, -5, 0], [5, 5, 0], [-5, 5, 0]])
    up, down = np.array([[0, 1, 2], [0, 2, 3]]), np.array([[2, 1, 0], [3, 2, 0]])
    skin = Skin(np.concatenate([sheet + [0, 0, 1], sheet - [0, 0, 1]]), np.concatenate([up, down + 4]))
    points = np.array([[1.0, 2, 0.4], [1.0, 2, 0.4], [1.0, 2, 0.4]])
    on = skin.put(points, np.array([[0, 0, 1.0], [0, 0, -1.0], [1.0, 0, 0]]))
    np.testing.assert_allclose(on.position[:, 2], [1, -1, 1], atol=1e-12)  # none agrees with the third: the nearest
    np.testing.assert_allclose(on.distance, [0.6, 1.4, 0.6], atol=1e-12)
    np.testing.assert_allclose((on.barycentric[..., None] * skin.corners[on.face]).sum(1), on.position, atol=1e-12)


def test_putting_agrees_with_looking_at_every_face() -> None:
    ball = trimesh.creation.icosphere(2, 50.0)
    skin = Skin(np.array(ball.vertices), np.array(ball.faces))
    random = np.random.default_rng(1)
    points, facing = random.normal(size=(30, 3)) * 30, random.normal(size=(30, 3))
    facing /= np.linalg.norm(facing, axis=1, keepdims=True)
    on = skin.put(points, facing)
    for point, way, distance in zip(points, facing, on.distance, strict=True):
        agrees = skin.looks @ way > 0.3
        alone = Skin(skin.vertices, skin.faces[agrees])
        # The search looks at the 200 nearest faces of 320 only: it may find a nearest one that does not agree.
        assert distance <= alone.put(point[None]).distance[0] + 1e-9


def test_the_free_place_is_the_nearest_one_that_is_free() -> None:
    ball = trimesh.creation.icosphere(3, 50.0)
    skin = Skin(np.array(ball.vertices), np.array(ball.faces))
    point = skin.vertices[0]
    way = point / 50
    taken = np.stack([point, point + [0, 0, 1.0]])
    place = skin.free_place(point, way, taken, 5.0)
    assert np.linalg.norm(taken - place, axis=1).min() >= 5.0 and np.linalg.norm(place - point) < 9.0
    assert np.array_equal(skin.free_place(point, way, taken, 1000.0), point)


def test_the_section_lies_on_the_surface_and_in_the_plane() -> None:
    mirror = Mirror(np.array([1.0, 0, 0]), 0.3)
    skin = Skin(VERTICES, FACES)
    line = skin.section(mirror)
    assert len(line) > 100
    np.testing.assert_allclose(line.vertices @ mirror.normal, 0.3, atol=1e-9)
    assert skin.put(line.vertices).distance.max() < 1e-9
    np.testing.assert_allclose(np.linalg.norm(line.looks, axis=1), 1)
    with pytest.raises(ValueError, match="nothing of it lies in the middle"):
        skin.section(Mirror(np.array([1.0, 0, 0]), 1e4))


def test_the_rim_is_where_the_surface_ends() -> None:
    square = np.array([[-5.0, -5, 0], [5, -5, 0], [5, 5, 0], [-5, 5, 0]])
    skin = Skin(square, np.array([[0, 1, 2], [0, 2, 3]]))
    points = np.array([[9.0, 1, 2], [9.0, 9, 2], [1.0, 1, 2], [1.0, 2, 0], [-9.0, 0, 0]])
    assert skin.on_rim(skin.put(points)).tolist() == [True, True, False, False, True]


# --- the plane between the two sides


def test_the_mirror_of_a_turned_head_is_found() -> None:
    turn = Rotation.from_rotvec([0.1, 0.25, -0.2]).as_matrix()
    shift = np.array([10.0, -3, 5])
    skin = Skin(VERTICES @ turn.T + shift, FACES)
    noise = np.random.default_rng(0).normal(scale=1.5, size=MARKS.shape)  # mm: a hand that clicks
    found = find_mirror(skin, MARKS @ turn.T + shift + noise)
    normal = turn @ [1.0, 0, 0]
    # The template is symmetric to a few hundredths of a millimetre; the clicks are not, and do not matter.
    assert np.degrees(np.arccos(found.normal @ normal)) < 0.1
    assert abs(found.offset - normal @ shift) < 0.1
    points = VERTICES[:10]
    np.testing.assert_allclose(found.reflect(found.reflect(points)), points, atol=1e-12)
    np.testing.assert_allclose((points + found.reflect(points)) / 2, found.onto(points), atol=1e-12)
