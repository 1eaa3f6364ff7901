"""What a small error hides is said: gaps on both sides, landmarks that were missed, a fit that was stopped."""

from __future__ import annotations

import torch

from asm_teach.data.heads import load_head
from asm_teach.geometry.mesh import Mesh
from asm_teach.scan_fit.clean import keep_faces
from asm_teach.scan_fit.coverage import Gaps, missed_landmarks, stopped_note, vertex_note

HEAD = load_head()
FACE = HEAD.mesh.part("face")
OPEN = HEAD.mesh.vertices + HEAD.offsets(expressions={"jawOpen": 0.6})


def gaps(vertices: torch.Tensor, scan: Mesh) -> list[str]:
    return Gaps.between(HEAD.mesh, vertices, scan).notes()


def test_a_face_that_lies_on_its_scan_says_nothing() -> None:
    assert gaps(HEAD.mesh.vertices, FACE) == []
    assert Gaps.between(HEAD.mesh, HEAD.mesh.vertices, FACE).misfit < 0.1


def test_a_closed_face_on_an_open_mouth_is_told_on_both_sides() -> None:
    scan = HEAD.mesh.with_vertices(OPEN).part("face")
    uncovered, alone = gaps(HEAD.mesh.vertices, scan)
    assert "of the scan near the face is more than 3 mm from the fitted surface" in uncovered
    assert "of the template's face has no surface of the scan within 3 mm" in alone
    assert gaps(OPEN, scan) == []
    right, wrong = (Gaps.between(HEAD.mesh, x, scan).misfit for x in (OPEN, HEAD.mesh.vertices))
    assert right < 0.1 < wrong


def test_half_a_scan_leaves_half_a_template_alone() -> None:
    half = keep_faces(FACE, (FACE.vertices[:, 0] > 0)[FACE.faces].all(1))
    (note,) = gaps(HEAD.mesh.vertices, half)
    share = int(note.split("%")[0])
    assert "no surface of the scan" in note and 40 < share < 55


def test_a_surface_that_looks_the_other_way_is_no_counterpart() -> None:
    """It is near, and is the other side of something thin."""
    (note,) = gaps(HEAD.mesh.vertices, Mesh(FACE.vertices, FACE.faces.flip(1)))
    assert note.startswith("100% of the template's face")


def test_a_template_without_landmarks_and_parts_is_measured_too() -> None:
    plain = Mesh(FACE.vertices, FACE.faces)
    assert Gaps.between(plain, FACE.vertices, FACE).notes() == []
    assert len(Gaps.between(plain, FACE.vertices + torch.tensor([0.0, 0.0, 8.0]), FACE).notes()) == 2


def test_landmarks_that_are_missed_are_named_the_worst_first() -> None:
    points = HEAD.landmarks.points(HEAD.mesh.vertices, HEAD.mesh.faces)
    assert missed_landmarks(HEAD.mesh, HEAD.mesh.vertices, None) == []
    assert missed_landmarks(HEAD.mesh, HEAD.mesh.vertices, points) == []
    points[30, 1] += 4.0
    points[8, 0] += 20.0
    points[17, 0] += 3.5
    points[5] = torch.nan
    (note,) = missed_landmarks(HEAD.mesh, HEAD.mesh.vertices, points)
    assert "chin (8) by 20.0 mm, nose_tip (30) by 4.0 mm, right_brow_0 (17) by 3.5 mm" in note


def test_a_registered_fit_tells_of_vertices_that_are_far_off() -> None:
    weight = torch.full((100,), 0.25)
    weight[:50] = 1.0
    target = torch.zeros(100, 3)
    vertices = target.clone()
    vertices[50:, 0] = 10.0  # of vertices that count little
    assert vertex_note(vertices, target, weight) == []
    vertices[:5, 0] = 4.0
    (note,) = vertex_note(vertices, target, weight)
    assert note.startswith("10% of the vertices that count are more than 3 mm")


def test_a_fit_that_was_stopped_says_so() -> None:
    assert stopped_note(False, 9, 9) == []
    (note,) = stopped_note(True, 4, 50)
    assert "stopped after 4 of 50 steps" in note
