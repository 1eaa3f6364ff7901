"""Landmarks on a mesh."""

from __future__ import annotations

import pytest
import torch

from asm_teach.geometry.landmarks import LandmarkSet

VERTICES = torch.tensor([[0.0, 0, 0], [3, 0, 0], [0, 3, 0], [0, 0, 3]])
FACES = torch.tensor([[0, 1, 2], [0, 2, 3]])


def landmarks(**changes) -> LandmarkSet:
    fields = {
        "faces": torch.tensor([0, 1, 1]),
        "barycentric": torch.tensor([[1 / 3, 1 / 3, 1 / 3], [0.0, 1, 0], [0.25, 0.25, 0.5]]),
        "names": ("middle", "corner", "inside"),
        **changes,
    }
    return LandmarkSet(**fields)


def test_points_of_known_triangles(device) -> None:
    marks = landmarks().to(device)
    points = marks.points(VERTICES.to(device), FACES.to(device)).cpu()
    torch.testing.assert_close(points, torch.tensor([[1.0, 1, 0], [0, 3, 0], [0, 0.75, 1.5]]))
    assert marks.nearest_vertices(FACES.to(device)).tolist() == [0, 2, 3]


def test_points_follow_a_batch_of_meshes() -> None:
    batch = torch.randn(2, 5, 4, 3, dtype=torch.float64)
    points = landmarks().points(batch, FACES)
    assert points.shape == (2, 5, 3, 3) and points.dtype == torch.float64
    for i in range(2):
        for j in range(5):
            torch.testing.assert_close(points[i, j], landmarks().points(batch[i, j], FACES))


def test_points_have_gradients() -> None:
    vertices = VERTICES.double().requires_grad_()
    assert torch.autograd.gradcheck(lambda v: landmarks().points(v, FACES), vertices)


def test_subset_keeps_order_and_names() -> None:
    some = landmarks().subset([2, 0])
    assert some.names == ("inside", "middle") and len(some) == 2
    full = landmarks().points(VERTICES, FACES)
    assert torch.equal(some.points(VERTICES, FACES), full[[2, 0]])
    with pytest.raises(ValueError, match=r"indices: row 0 names the landmarks\[3\]"):
        landmarks().subset([3])


def test_vertices_as_landmarks(device) -> None:
    indices = torch.tensor([3, 0, 2, 1, 2], device=device)
    marks = LandmarkSet.from_vertices(indices, FACES.to(device), "abcde")
    assert torch.equal(marks.points(VERTICES.to(device), FACES.to(device)), VERTICES.to(device)[indices])
    assert torch.equal(marks.nearest_vertices(FACES.to(device)), indices)
    assert marks.faces.tolist() == [1, 0, 0, 0, 0]  # the first face that has the vertex
    assert marks.names == ("a", "b", "c", "d", "e")
    for lost in (1, 9):
        with pytest.raises(ValueError, match=f"vertex {lost} belongs to no face"):
            LandmarkSet.from_vertices(torch.tensor([lost]), FACES[1:])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"faces": torch.tensor([0, 1])}, r"faces has shape \(2,\) for 3 rows of barycentric"),
        ({"faces": torch.tensor([0.0, 1, 1])}, "faces: found torch.float32"),
        ({"faces": torch.tensor([0, -1, 1])}, "faces: found torch.int64 from -1"),
        (
            {"barycentric": torch.tensor([[1.0, 0, 0], [0.5, 0.4, 0.3], [0, 0, 1]])},
            "row 1 sums to 1.2, not 1",
        ),
        ({"barycentric": torch.full((3, 3), float("nan"))}, "barycentric: row 0 is .nan"),
        ({"names": ("only", "two")}, "names has 2 entries for 3 landmarks"),
    ],
)
def test_wrong_landmarks_say_what_is_wrong(changes, message) -> None:
    with pytest.raises(ValueError, match=message):
        landmarks(**changes)


def test_landmarks_of_another_mesh() -> None:
    with pytest.raises(ValueError, match="mesh_faces has 1 faces, but a landmark lies in 1"):
        landmarks().points(VERTICES, FACES[:1])
