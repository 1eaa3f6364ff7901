"""The landmarks of a new head: which are refused, and the unit and axes that they tell."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from asm_teach import load_head
from asm_teach.formats.units import UNITS
from asm_teach.new_head.landmark_check import PAIRS, check_marks, to_convention

HEAD = load_head("soma")
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
