"""Charts: the file's own where it can be used, and the map to a disc, which is injective whatever the surface."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from asm_teach import load_head
from asm_teach.formats.mesh_files import one_uv_per_vertex
from asm_teach.geometry.chart_check import chart_problems
from asm_teach.geometry.mesh import Mesh
from asm_teach.new_head import chart_layout
from asm_teach.new_head.chart_layout import chart_of_file, filling, lay_out
from asm_teach.new_head.repair import boundary_loops


def square(side: int = 9) -> tuple[torch.Tensor, torch.Tensor]:
    """(V, 3) and (F, 3) of a flat square from -1 to 1."""
    line = torch.linspace(-1, 1, side, dtype=torch.float64)
    x, y = torch.meshgrid(line, line, indexing="xy")
    number = torch.arange(side * side).reshape(side, side)
    a, b, c, d = number[:-1, :-1], number[:-1, 1:], number[1:, 1:], number[1:, :-1]
    faces = torch.cat([torch.stack([a, b, c], -1).reshape(-1, 3), torch.stack([a, c, d], -1).reshape(-1, 3)])
    return torch.stack([x.reshape(-1), y.reshape(-1), 0 * x.reshape(-1)], 1), faces


def areas(uv: torch.Tensor, faces: torch.Tensor) -> torch.Tensor:
    a, b, c = uv.double()[faces].unbind(1)
    return ((b - a)[:, 0] * (c - a)[:, 1] - (b - a)[:, 1] * (c - a)[:, 0]) / 2


# --- the file's own chart


@pytest.fixture(scope="module")
def soma() -> Mesh:
    return load_head("soma").mesh


def test_an_injective_chart_is_kept_as_it_is(soma: Mesh) -> None:
    found = chart_of_file(soma)
    assert found.ok and torch.equal(found.uv, soma.uv)
    assert str(found) == "from the file: 0 flipped, 0 overlapping"


def test_a_small_or_mirrored_chart_is_brought_to_the_unit_square(soma: Mesh) -> None:
    small = chart_of_file(replace(soma, uv=0.01 * soma.uv + 3))
    assert small.ok and 0 < small.uv.min() < 0.02 and 0.98 < small.uv.max() < 1
    mirrored = chart_of_file(replace(soma, uv=soma.uv * torch.tensor([-1.0, 1.0]) + torch.tensor([1.0, 0.0])))
    assert mirrored.ok
    # 1 - (1 - u) is u but for the rounding of float32
    torch.testing.assert_close(mirrored.uv, soma.uv, rtol=0, atol=2e-7)


def test_charts_that_cannot_be_used_say_why(soma: Mesh) -> None:
    assert str(chart_of_file(replace(soma, uv=None))).startswith("from the file: this mesh has no UV")
    folded = soma.uv.clone()
    folded[100] += 0.2
    overlapping = chart_of_file(replace(soma, uv=folded))
    assert not overlapping.ok and overlapping.problem == "not injective" and len(overlapping.report.overlapping)
    # Cut the chart along the middle and move one half: injective, but the two sides of the cut come apart.
    left = soma.vertices[soma.faces].mean(1)[:, 0] > 0
    uv_faces = soma.faces + len(soma.vertices) * left[:, None]
    halves = torch.cat([0.5 * soma.uv, 0.5 * soma.uv + torch.tensor([0.5, 0.0])])
    torn = Mesh(**vars(one_uv_per_vertex(replace(soma, uv=halves, uv_faces=uv_faces, landmarks={}, quads=None))))
    assert chart_problems(torn.uv, torn.faces).ok
    found = chart_of_file(torn)
    assert not found.ok and found.problem.startswith("its cuts go through the surface at ")


def test_copies_of_a_vertex_in_one_place_of_the_chart_are_no_cut(soma: Mesh) -> None:
    left = soma.vertices[soma.faces].mean(1)[:, 0] > 0
    doubled = Mesh(
        torch.cat([soma.vertices, soma.vertices]),
        soma.faces + len(soma.vertices) * left[:, None],
        torch.cat([soma.uv, soma.uv]),
    )
    assert chart_of_file(doubled).ok


def test_filling_keeps_shapes() -> None:
    uv = torch.tensor([[5.0, 1.0], [7.0, 1.0], [5.0, 2.0]])
    filled = filling(uv)
    torch.testing.assert_close(filled, torch.tensor([[0.01, 0.255], [0.99, 0.255], [0.01, 0.745]]))
    assert filling(filled) is filled


# --- a chart laid out anew


def test_a_flat_disc_with_its_own_rim_stays_as_it_is() -> None:
    """Mean value coordinates are exact for what is flat: the harmonic oracle of the solver and its weights."""
    vertices, faces = square()
    points, triangles = vertices.numpy().copy(), faces.numpy()
    (rim,) = boundary_loops(triangles)
    inner = np.setdiff1d(np.arange(len(points)), rim)
    points[inner, :2] += np.random.default_rng(0).uniform(-0.06, 0.06, (len(inner), 2))  # no triangle flips
    plane = chart_layout._solve(chart_layout._mean_value(points, triangles), rim, points[rim, :2])
    np.testing.assert_allclose(plane, points[:, :2], rtol=0, atol=1e-12)


def test_the_stretch_is_that_of_the_singular_values() -> None:
    vertices, faces = square(4)
    points = vertices.numpy() + 0.2 * np.random.default_rng(1).normal(size=vertices.shape)
    plane = vertices.numpy()[:, :2] * [1.0, 0.7]
    room = np.random.default_rng(2).uniform(0.3, 1.0, len(faces))
    stretch, total = chart_layout._stretch(points, faces.numpy(), room, np.ones(len(faces)), plane)
    squares, sizes = np.zeros(len(faces)), np.zeros(len(faces))
    for k, (a, b, c) in enumerate(faces.tolist()):
        flat, solid = (
            np.stack([plane[b] - plane[a], plane[c] - plane[a]], 1),
            np.stack([points[b] - points[a], points[c] - points[a]], 1),
        )
        singular = np.linalg.svd(room[k] * solid @ np.linalg.inv(flat), compute_uv=False)
        squares[k] = (singular**2).mean()
        sizes[k] = np.linalg.norm(np.cross(*solid.T)) / 2 * room[k] ** 2
    np.testing.assert_allclose(total, (squares * sizes).sum() / sizes.sum(), rtol=1e-12)
    for vertex in range(len(points)):
        round_it = (faces == vertex).any(1).numpy()
        expected = np.sqrt((squares * sizes)[round_it].sum() / sizes[round_it].sum())
        np.testing.assert_allclose(stretch[vertex], expected, rtol=1e-12)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), rough=st.floats(0, 3), side=st.integers(3, 12), hole=st.booleans())
def test_every_surface_lies_flat_without_flips(seed: int, rough: float, side: int, hole: bool) -> None:
    vertices, faces = square(side)
    generator = torch.Generator().manual_seed(seed)
    vertices = vertices + rough / side * torch.randn(vertices.shape, generator=generator, dtype=torch.float64)
    if hole and side > 4:
        centre = square(side)[0][faces].mean(1)
        faces = faces[centre.norm(dim=1) > 0.4]
        used, faces = torch.unique(faces, return_inverse=True)
        vertices = vertices[used]
    tried = lay_out(vertices, faces)
    assert tried[-1].ok and (areas(tried[-1].uv, faces) > 0).all()
    assert chart_problems(tried[-1].uv, faces).ok
    assert ((tried[-1].uv - 0.5).norm(dim=1) < 0.4901).all()


def test_relief_gives_room_to_a_nose() -> None:
    """A long nose on a flat square comes out tiny in the mean value map, and near its due size after relief."""
    vertices, faces = square(25)
    radius = vertices[:, :2].norm(dim=1)
    vertices[:, 2] = 2.0 * torch.exp(-((radius / 0.25) ** 2))
    flat, relieved = lay_out(vertices, faces)[-2:]
    a, b, c = vertices[faces].unbind(1)
    solid = torch.linalg.cross(b - a, c - a).norm(dim=1) / 2
    nose = vertices[faces].mean(1)[:, :2].norm(dim=1) < 0.3
    due = solid[nose].sum() / solid.sum()
    shares = [areas(one.uv, faces)[nose].sum() / areas(one.uv, faces).sum() for one in (flat, relieved)]
    assert flat.how.startswith("mean value") and relieved.how.endswith("relieved")
    assert shares[0] < 0.4 * due < 0.7 * due < shares[1]


def test_room_and_across() -> None:
    vertices, faces = square(15)
    left = vertices[faces].mean(1)[:, 0] > 0
    uv = lay_out(vertices, faces, torch.where(left, 1.0, 0.3), torch.tensor([[105, 119]]))[-1].uv
    size = areas(uv, faces)
    assert size[left].sum() > 2 * size[~left].sum()
    away = uv[119] - uv[105]
    assert away[0] > 0.5 and abs(away[1]) < 1e-12


def test_the_chart_has_the_type_of_the_vertices() -> None:
    vertices, faces = square(5)
    assert [lay_out(vertices.to(kind), faces)[-1].uv.dtype for kind in (torch.float32, torch.float64)] == [
        torch.float32,
        torch.float64,
    ]


def test_a_single_triangle_and_triangles_without_area() -> None:
    assert lay_out(torch.eye(3), torch.tensor([[0, 1, 2]]))[-1].ok
    vertices, faces = square(9)
    vertices[40] = vertices[41]  # two triangles become lines
    assert lay_out(vertices, faces)[-1].ok


def test_what_cannot_be_laid_out() -> None:
    tetrahedron = torch.tensor([[0, 1, 2], [0, 2, 3], [0, 3, 1], [1, 3, 2]])
    with pytest.raises(ValueError, match="this surface is closed: cut a part away"):
        lay_out(torch.eye(4)[:, :3], tetrahedron)
    # A vertex whose neighbours are all the same three corners of the rim, ever deeper: nothing is left in float32.
    with pytest.raises(ValueError, match="no injective chart was found .*flipped.*float64"):
        lay_out(*nested(200))


def nested(count: int) -> tuple[torch.Tensor, torch.Tensor]:
    """A triangle cut in three round a new vertex, one of the three again, and so on: points at random."""
    faces = [[0, 1, 3], [1, 2, 3], [2, 0, 3]]
    for new in range(4, count):
        a, b, c = faces.pop()
        faces += [[a, b, new], [b, c, new], [c, a, new]]
    return torch.rand(count, 3, generator=torch.Generator().manual_seed(0)), torch.tensor(faces)


def test_relief_can_mend_a_map_that_is_too_fine_for_its_numbers() -> None:
    vertices, faces = nested(40)
    assert [one.ok for one in lay_out(vertices, faces)] == [False, True]
    assert [one.ok for one in lay_out(vertices.double(), faces)] == [True, True]
