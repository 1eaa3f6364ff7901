"""The face that a raw fit begins with: found on the scan, its mouth open as far as the scan's."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
import roma
import torch
from torch import Tensor

from asm_teach.data.heads import load_head
from asm_teach.geometry.mesh import Mesh
from asm_teach.scan_fit.face_shapes import FaceShapes
from asm_teach.scan_fit.likely_face import face_middle, likely_face, placed_start
from asm_teach.scan_fit.place import PlacedScan

from .open_mouths import misses

HEAD = load_head()
FACE = HEAD.mesh.part_vertices("face")
TURN, SHIFT = roma.rotvec_to_rotmat(torch.tensor([0.05, -0.04, 0.03])), torch.tensor([4.0, -3.0, 2.0])


def person(seed: int, **expressions: float) -> Tensor:
    """Where the template's vertices are on the scan: somewhat turned, shifted and larger."""
    vertices = HEAD.sample(seed, expression=False).vertices + HEAD.offsets(expressions=expressions)
    return 1.03 * vertices @ TURN.T + SHIFT


def placed(truth: Tensor, *likely: Mapping[str, float], known: bool = True) -> PlacedScan:
    """The skin of that person, placed as if it stood as the template does."""
    scan = HEAD.mesh.with_vertices(truth).part("face")
    shapes = FaceShapes.of(HEAD.mesh) if known else None
    start = HEAD.mesh
    return PlacedScan(
        Mesh(scan.vertices, scan.faces), 1.0, torch.eye(3), torch.zeros(3), 1.0, (), start, shapes,
        tuple(map(dict, likely)) or ({},),
    )  # fmt: skip


def test_people_and_expressions_are_found() -> None:
    """From 6 mm: an opening that begins a quarter too small, a smile that nobody told of."""
    truth = person(5, jawOpen=0.6, mouthSmileLeft=0.5, mouthSmileRight=0.5)
    found = likely_face(HEAD.mesh, placed(truth, {"jawOpen": 0.45}))
    vertices = placed_start(HEAD.mesh, found)
    assert max(misses(vertices, truth).values()) < 2
    assert (vertices - truth)[FACE].norm(dim=1).mean() < 1
    assert found.scale == pytest.approx(1.03, abs=0.03)


def test_of_two_likely_mouths_the_better_one_is_taken() -> None:
    truth = person(7, jawOpen=0.5)
    found = likely_face(HEAD.mesh, placed(truth, {}, {"jawOpen": 0.5}))
    assert max(misses(placed_start(HEAD.mesh, found), truth).values()) < 2.5
    closed = person(7)
    found = likely_face(HEAD.mesh, placed(closed, {"jawOpen": 0.5}, {}))
    assert max(misses(placed_start(HEAD.mesh, found), closed).values()) < 2.5


def test_landmarks_are_followed_and_a_wrong_one_is_not() -> None:
    truth = person(3, jawOpen=0.4)
    marks = torch.full((68, 3), torch.nan)
    some = [36, 39, 42, 45, 30, 27, 33, 48, 54, 8, 51, 57]
    marks[some] = HEAD.landmarks.points(truth, HEAD.mesh.faces)[some]
    marks[48] += torch.tensor([-20.0, 0.0, 0.0])
    vertices = placed_start(HEAD.mesh, likely_face(HEAD.mesh, placed(truth, {"jawOpen": 0.4}), marks))
    off = (HEAD.landmarks.points(vertices, HEAD.mesh.faces) - HEAD.landmarks.points(truth, HEAD.mesh.faces)).norm(dim=1)
    assert off[some].max() < 2.5


def test_a_template_without_shapes_starts_as_it_is() -> None:
    start = placed(person(1), known=False)
    assert likely_face(HEAD.mesh, start) is start
    torch.testing.assert_close(placed_start(HEAD.mesh, start), HEAD.mesh.vertices, atol=1e-3, rtol=0)


def test_the_middle_of_a_face() -> None:
    marked = face_middle(HEAD.mesh)
    part = face_middle(Mesh(HEAD.mesh.vertices, HEAD.mesh.faces, parts=HEAD.mesh.parts))
    assert (marked - part).norm() < 30
    assert torch.equal(face_middle(Mesh(HEAD.mesh.vertices, HEAD.mesh.faces)), HEAD.mesh.vertices.mean(0))
