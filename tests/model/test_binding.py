"""Binding: the chart's look-up against brute force, its inverse, its continuity and its derivatives."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from torch import Tensor

from asm_teach.geometry.mesh import Mesh
from asm_teach.model.binding import Chart, surface_jacobian


def square(rows: int) -> tuple[Tensor, Tensor]:
    """A triangulated unit square of `rows` x `rows` quads: uv and faces, counter-clockwise."""
    line = torch.linspace(0, 1, rows + 1, dtype=torch.float64)
    uv = torch.cartesian_prod(line, line)
    corner = torch.arange((rows + 1) ** 2).view(rows + 1, rows + 1)
    a, b, c, d = (x.flatten() for x in (corner[:-1, :-1], corner[1:, :-1], corner[1:, 1:], corner[:-1, 1:]))
    return uv, torch.cat([torch.stack([a, b, c], 1), torch.stack([a, c, d], 1)])


def make_chart() -> Chart:
    """An uneven face with a bay and a hole in it, a fine island in the hole and a coarse one beside it."""
    uv, faces = square(9)
    middle = uv[faces].mean(1)
    hole = (middle - 0.5).abs().amax(1) < 0.17
    bay = (middle[:, 0] > 0.66) & (middle[:, 1] > 0.77)
    faces = faces[~(hole | bay)]
    generator = torch.Generator().manual_seed(5)
    uv = uv + 0.03 * torch.rand(uv.shape, generator=generator, dtype=torch.float64)
    uv = 0.7 * uv**1.5 + 0.05  # triangles of very different size
    island, island_faces = square(6)
    beside = torch.tensor([[0.9, 0.1], [0.98, 0.15], [0.92, 0.6]], dtype=torch.float64)
    return Chart(
        torch.cat([uv, 0.28 + 0.02 * island, beside]),
        torch.cat([faces, island_faces + len(uv), torch.tensor([[0, 1, 2]]) + len(uv) + len(island)]),
    )


def make_surface(chart: Chart) -> Tensor:
    u, v = chart.uv.unbind(1)
    bumps = torch.rand(len(u), generator=torch.Generator().manual_seed(6), dtype=torch.float64)
    return torch.stack([200 * u - 100, 200 * v - 100, 60 * torch.sin(3 * u) + 10 * bumps], dim=1)


def nearest_by_brute_force(chart: Chart, point: Tensor) -> tuple[Tensor, float]:
    """The point of all triangles that is nearest to `point`, and its distance, one triangle after another."""
    best, best_distance = point, math.inf
    for face in chart.faces.tolist():
        corners = chart.uv[face]
        columns = torch.cat([corners.T, torch.ones(1, 3, dtype=torch.float64)])
        if (torch.linalg.solve(columns, torch.cat([point, point.new_ones(1)])) >= -1e-12).all():
            return point, 0.0
        for k in range(3):
            a, b = corners[k], corners[(k + 1) % 3]
            t = ((point - a) @ (b - a) / ((b - a) @ (b - a))).clamp(0, 1)
            on_edge = a + t * (b - a)
            if (distance := float((point - on_edge).norm())) < best_distance:
                best, best_distance = on_edge, distance
    return best, best_distance


def points_inside(chart: Chart, count: int) -> tuple[Tensor, Tensor]:
    """Random faces, and a random point well inside each."""
    face = torch.randint(len(chart.faces), (count,))
    barycentric = 0.1 + torch.rand(count, 3, dtype=torch.float64)
    barycentric = barycentric / barycentric.sum(1, keepdim=True)
    return face, (barycentric[..., None] * chart.uv[chart.faces[face]]).sum(1)


# --- look-up


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_surface_point_of_a_vertexs_uv_is_that_vertex(device, dtype):
    chart = make_chart()
    used = chart.faces.unique()
    vertices = make_surface(chart).to(device, dtype)
    chart = Chart(chart.uv.to(device, dtype), chart.faces.to(device))
    # Exactly, in either precision: barycentric coordinates come out as 0 and 1 at the corners.
    assert torch.equal(chart.bind(chart.uv[used], vertices), vertices[used])
    assert chart.locate(chart.uv[used]).inside.all()


def test_a_point_made_from_a_triangle_is_found_in_it(device):
    chart = make_chart()
    face, points = points_inside(chart, 500)
    at = chart.to(device).locate(points.to(device))
    assert torch.equal(at.face.cpu(), face)
    assert at.inside.all()
    rebuilt = (at.barycentric.cpu()[..., None] * chart.uv[chart.faces[face]]).sum(1)
    torch.testing.assert_close(rebuilt, points, atol=1e-14, rtol=0)


@pytest.mark.long
@given(st.lists(st.tuples(st.floats(-0.5, 1.5), st.floats(-0.5, 1.5)), min_size=1, max_size=6))
def test_any_point_goes_to_the_nearest_point_of_the_chart(places):
    """Also in the hole, in the bay and between the islands, in one call for all of them."""
    chart, points = make_chart(), torch.tensor(places, dtype=torch.float64)
    at = chart.locate(points)
    # Barycentric coordinates of narrow triangles lose some digits.
    assert (at.barycentric > -1e-9).all()
    found = (at.barycentric[..., None] * chart.uv[chart.faces[at.face]]).sum(1)
    for point, here, inside in zip(points, found, at.inside.tolist(), strict=True):
        _, distance = nearest_by_brute_force(chart, point)
        # Distances are compared, not places: two places can be equally near. 2e-8 is the root of what float64
        # leaves of a squared distance, and a hundred-thousandth of a millimetre on a face.
        assert abs(float((point - here).norm()) - distance) < 2e-8
        assert inside == (distance == 0)


def test_a_point_far_outside_goes_to_the_nearest_corner():
    chart = make_chart()
    points = torch.tensor([[1e3, 0.1], [-1e3, -1e3], [0.3, 1e4]], dtype=torch.float64)
    found = chart.bind(points, torch.nn.functional.pad(chart.uv, (0, 1)))[:, :2]
    expected = torch.stack([nearest_by_brute_force(chart, point)[0] for point in points])
    torch.testing.assert_close(found, expected, atol=1e-9, rtol=0)


@given(st.integers(0, 10_000), st.floats(0, 1), st.floats(1e-12, 1e-3), st.floats(0, 2 * math.pi))
def test_binding_is_continuous_across_triangle_edges(pick, along, step, angle):
    """A short step from an edge's point moves the surface point by at most the step times the steepest slope."""
    chart = make_chart()
    vertices = make_surface(chart)
    a, b, _ = chart.faces[pick % len(chart.faces)].tolist()
    on_edge = chart.uv[a] + along * (chart.uv[b] - chart.uv[a])
    steps = step * torch.tensor([[math.cos(angle), math.sin(angle)], [0, 0]], dtype=torch.float64)
    assume(chart.locate(on_edge + steps).inside.all())  # the nearest point of a chart with a bay can jump
    here, there = chart.bind(on_edge + steps, vertices).unbind()
    middles = chart.uv[chart.faces].mean(1)
    steepest = torch.linalg.matrix_norm(surface_jacobian(chart, middles, vertices), 2).max()
    assert (here - there).norm() <= steepest * step * 1.001 + 1e-9


def test_points_keep_their_shape_and_precision():
    chart = make_chart()
    vertices = make_surface(chart)
    _, points = points_inside(chart, 12)
    points = points.view(2, 3, 2, 2)
    at = chart.locate(points)
    assert (at.face.shape, at.barycentric.shape, at.inside.shape) == ((2, 3, 2), (2, 3, 2, 3), (2, 3, 2))
    bound = chart.bind(points, vertices)
    assert bound.shape == (2, 3, 2, 3)
    single = chart.bind(points.float(), vertices.float())
    assert single.dtype == torch.float32
    # float32 rounds a UV by 6e-8, times a slope of up to some 1000 mm per unit.
    assert (single - bound).abs().max() < 1e-3
    assert chart.bind(points[0, 0, 0], vertices).shape == (3,)
    assert chart.bind(points[:0], vertices).shape == (0, 3, 2, 3)


def test_a_chart_of_one_triangle_and_one_with_crowded_cells():
    uv = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    one = Chart(uv, torch.tensor([[0, 1, 2]]))
    assert one.locate(torch.tensor([[0.2, 0.2], [0.9, 0.9]])).inside.tolist() == [True, False]
    fine, faces = square(20)  # 800 triangles that share one cell of the grid with a large one
    crowded = Chart(torch.cat([0.001 * fine, uv.double() + 0.01]), torch.cat([faces, torch.tensor([[441, 442, 443]])]))
    middles = crowded.uv[crowded.faces].mean(1)
    assert torch.equal(crowded.locate(middles).face, torch.arange(801))


# --- derivatives


def test_binding_passes_gradcheck_inside_and_outside(device):
    chart = make_chart()
    vertices = make_surface(chart).to(device).requires_grad_()
    _, inside = points_inside(chart, 8)
    outside = torch.tensor([[0.4, -0.2], [0.8, 0.3], [0.291, 0.32]], dtype=torch.float64)
    points = torch.cat([inside, outside]).to(device).requires_grad_()
    # Steps of 1e-6 stay in the triangle, where psi is linear in each argument.
    assert torch.autograd.gradcheck(chart.to(device).bind, (points, vertices))


def test_the_surface_jacobian_is_the_derivative_of_bind(device):
    chart = make_chart()
    vertices = make_surface(chart).to(device)
    _, points = points_inside(chart, 20)
    chart, points = chart.to(device), points.to(device).view(4, 5, 2).requires_grad_()
    bound = chart.bind(points, vertices)
    rows = [torch.autograd.grad(bound[..., k].sum(), points, retain_graph=True)[0] for k in range(3)]
    jacobian = surface_jacobian(chart, points.detach(), vertices)
    assert jacobian.shape == (4, 5, 3, 2)
    torch.testing.assert_close(torch.stack(rows, dim=-2), jacobian, atol=1e-8, rtol=1e-10)


def test_outside_only_the_movement_along_the_boundary_counts():
    uv, faces = square(1)
    chart = Chart(uv, faces)
    vertices = torch.tensor([[0, 0, 0], [0, 100, 20], [100, 0, 50], [100, 100, 0]], dtype=torch.float64)
    below, beyond_a_corner = torch.tensor([[0.4, -0.3], [1.2, 1.5]], dtype=torch.float64)

    def jacobian(point: Tensor) -> Tensor:
        return torch.autograd.functional.jacobian(lambda p: chart.bind(p, vertices), point)

    full = surface_jacobian(chart, below, vertices)
    torch.testing.assert_close(jacobian(below), full * torch.tensor([1.0, 0.0], dtype=torch.float64))
    assert (jacobian(beyond_a_corner) == 0).all()


# --- bad input


@pytest.mark.parametrize(
    ("points", "message"),
    [
        (torch.tensor([[0.1, 0.2], [torch.nan, 0.5]]), r"points: row 1 is \[nan, 0.5\]"),
        (torch.zeros(4, 3), r"points has shape \(4, 3\): give \(n, 2\)"),
        (torch.zeros(4, 2, dtype=torch.int64), "points is of type torch.int64"),
    ],
)
def test_points_that_are_no_places_are_refused(points, message):
    with pytest.raises(ValueError, match=message):
        make_chart().locate(points)


def test_the_chart_of_a_mesh_has_to_be_injective():
    uv, faces = square(2)
    vertices = torch.nn.functional.pad(100 * uv, (0, 1))
    Chart.from_mesh(Mesh(vertices, faces, uv=uv))
    folded = uv.clone()
    folded[0] = torch.tensor([0.7, 0.8])  # a corner, pulled across the middle
    with pytest.raises(ValueError, match="not injective"):
        Chart.from_mesh(Mesh(vertices, faces, uv=folded))
    assert isinstance(Chart.from_mesh(Mesh(vertices, faces, uv=folded), check=False), Chart)
    with pytest.raises(ValueError, match="no UV"):
        Chart.from_mesh(Mesh(vertices, faces))


@pytest.mark.parametrize(
    ("uv", "faces", "message"),
    [
        (torch.zeros(3, 3), torch.tensor([[0, 1, 2]]), r"uv has shape \(3, 3\)"),
        (torch.rand(3, 2), torch.tensor([[0, 1, 3]]), r"faces: row 0 names uv\[3\]"),
        (torch.rand(3, 2), torch.zeros(0, 3, dtype=torch.int64), "at least one triangle"),
    ],
)
def test_a_chart_of_the_wrong_shape_is_refused(uv, faces, message):
    with pytest.raises(ValueError, match=message):
        Chart(uv, faces)
