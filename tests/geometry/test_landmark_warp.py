"""Carrying points of one head over to another."""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

from asm_teach import load_head
from asm_teach.geometry.landmark_warp import Warp

HEAD = load_head("soma")
VERTICES, FACES = HEAD.mesh.vertices.double().numpy(), HEAD.mesh.faces.numpy()
MARKS = HEAD.landmarks.points(HEAD.mesh.vertices, HEAD.mesh.faces).double().numpy()
FEW = [36, 39, 42, 45, 30, 48, 54]


def only(marks: np.ndarray, chosen: list[int]) -> np.ndarray:
    found = np.full_like(marks, np.nan)
    found[chosen] = marks[chosen]
    return found


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
