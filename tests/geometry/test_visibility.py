"""Which points of a mesh can be seen from outside."""

from __future__ import annotations

import pytest
import torch

from asm_teach.data.heads import load_head
from asm_teach.geometry.mesh import Mesh
from asm_teach.geometry.visibility import BEFORE, occluding_contour, seen_from

HEAD = load_head()


def a_square_before_another() -> Mesh:
    """A square of 100 mm, and 30 mm behind it one of 40 mm; both face +z."""
    square = torch.tensor([[-1.0, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0]])
    faces = torch.tensor([[0, 1, 2], [0, 2, 3]])
    return Mesh(torch.cat([50 * square, 20 * square + torch.tensor([0, 0, -30.0])]), torch.cat([faces, faces + 4]))


def test_what_lies_behind_is_not_seen():
    mesh = a_square_before_another()
    front, side = torch.tensor([[0.0, 0, 1]]), torch.tensor([[5.0, 0, 1]])
    assert seen_from(mesh.vertices, mesh, front).tolist() == [True] * 4 + [False] * 4
    assert seen_from(mesh.vertices, mesh, -front).tolist() == [True] * 4 + [True] * 4  # nothing beyond hides the rim
    # from far aside the one looks past the other
    assert seen_from(mesh.vertices, mesh, torch.cat([front, side])).tolist() == [True] * 8
    with pytest.raises(ValueError, match="directions: one of them is"):
        seen_from(mesh.vertices, mesh, torch.zeros(1, 3))


def test_the_skin_of_a_head_is_seen_and_its_teeth_are_not():
    front = torch.tensor([[0.0, 0, 1]])
    vertices = HEAD.mesh.vertices

    def share(name: str) -> float:
        return float(seen_from(vertices[HEAD.mesh.part_vertices(name)], HEAD.mesh, front).double().mean())

    assert share("face") > 0.9 and share("teeth") == 0 and share("mouth_interior") < 0.2  # its rim is the lips


def test_a_surface_does_not_hide_itself():
    """Nor does what lies less than a millimetre before a point."""
    mesh = a_square_before_another()
    inside = torch.tensor([[10.0, 20, 0], [-30, 5, 0]])
    front = torch.tensor([[0.0, 0, 1]])
    assert seen_from(inside, mesh, front).all()
    below = inside - torch.tensor([0, 0, 0.9 * BEFORE])
    assert seen_from(below, mesh, front).all() and not seen_from(below - 0.2 * BEFORE, mesh, front).any()


def test_a_ray_at_a_time_says_the_same():
    """The slow form: solve for each point and triangle where the ray meets the plane, and look whether it is inside."""
    points = HEAD.mesh.vertices[::200].double()
    direction = torch.tensor([0.3, 0.2, 1.0]).double()
    direction = direction / direction.norm()
    corners = HEAD.mesh.vertices.double()[HEAD.mesh.faces]
    origin, first, second = corners[:, 0], corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    matrix = torch.stack([first, second, -direction.expand_as(first)], -1)
    sound = torch.linalg.det(matrix).abs() > 1e-9
    seen = []
    for point in points:
        a, b, along = torch.linalg.solve(matrix[sound], (point - origin[sound])).unbind(-1)
        seen.append(not bool(((a >= 0) & (b >= 0) & (a + b <= 1) & (along > BEFORE)).any()))
    assert 0 < sum(seen) < len(seen)
    assert seen_from(points, HEAD.mesh, direction[None]).tolist() == seen


def test_bad_input():
    with pytest.raises(ValueError, match=r"directions has shape \(3,\): give \(n, 3\)"):
        seen_from(HEAD.mesh.vertices, HEAD.mesh, torch.ones(3))
    with pytest.raises(ValueError, match="points: row 0 is .* NaN"):
        seen_from(torch.full((1, 3), torch.nan), HEAD.mesh, torch.ones(1, 3))


def test_the_contour_of_a_ball_is_the_circle_that_a_camera_sees():
    radius, far = 50.0, 200.0
    up, round_ = torch.meshgrid(
        torch.linspace(0.02, torch.pi - 0.02, 60, dtype=torch.float64),
        torch.arange(120, dtype=torch.float64) * torch.pi / 60,
        indexing="ij",
    )
    normals = torch.stack([up.sin() * round_.cos(), up.cos(), up.sin() * round_.sin()], 2).view(-1, 3)
    row, column = (x.flatten() for x in torch.meshgrid(torch.arange(59), torch.arange(120), indexing="ij"))
    a, b = 120 * row + column, 120 * row + (column + 1) % 120
    faces = torch.cat([torch.stack([a, a + 120, b], 1), torch.stack([b, a + 120, b + 120], 1)])
    # It stands in no plane of symmetry, so that no vertex lies on the contour.
    centre = far * torch.nn.functional.normalize(torch.tensor([0.31, 0.52, 0.8], dtype=torch.float64), dim=0)
    contour = occluding_contour(radius * normals, normals, faces, centre)
    points = (contour.barycentric[..., None] * (radius * normals)[contour.corners]).sum(1)
    # The tangents from the camera touch the ball in a circle.
    depth, wide = radius**2 / far, radius * (1 - (radius / far) ** 2) ** 0.5
    along = points @ centre / far
    assert (along - depth).abs().max() < 0.1
    assert (torch.linalg.vector_norm(points - along[:, None] * centre / far, dim=1) - wide).abs().max() < 0.1
    assert float(contour.length.sum()) == pytest.approx(2 * torch.pi * wide, rel=3e-3)
    assert torch.allclose(contour.barycentric.sum(1), torch.ones(len(points), dtype=torch.float64))


def test_a_surface_that_faces_the_camera_has_no_contour():
    mesh = a_square_before_another()
    normals = torch.tensor([[0.0, 0, 1]]).expand(8, 3)
    assert len(occluding_contour(mesh.vertices, normals, mesh.faces, torch.tensor([0.0, 0, 900])).length) == 0
