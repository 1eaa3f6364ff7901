"""The mesh record, normals and areas, and the check that a chart is injective."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial import Delaunay
from torch import Tensor

from asm_teach.geometry.chart_check import chart_problems, require_injective_chart
from asm_teach.geometry.mesh import Mesh, face_areas, face_normals, vertex_normals

SQUARE = torch.tensor([[0.0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]])
TWO = torch.tensor([[0, 1, 2], [0, 2, 3]])


def square(**changes) -> Mesh:
    fields = {"vertices": SQUARE, "faces": TWO, "uv": SQUARE[:, :2], **changes}
    return Mesh(**fields)


def delaunay_chart(seed: int, count: int, dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor]:
    """A valid chart: a Delaunay triangulation of random points, all triangles turned the same way."""
    points = np.random.default_rng(seed).random((count, 2))
    faces = torch.from_numpy(Delaunay(points).simplices.astype(np.int64))
    uv = torch.from_numpy(points).to(dtype)
    a, b, c = uv[faces].unbind(1)
    clockwise = (b - a)[:, 0] * (c - a)[:, 1] < (b - a)[:, 1] * (c - a)[:, 0]
    faces[clockwise] = faces[clockwise].flip(-1)
    # Triangles along the hull of random points can be thinner than float32 can say.
    a, b, c = uv[faces].double().unbind(1)
    area = (b - a)[:, 0] * (c - a)[:, 1] - (b - a)[:, 1] * (c - a)[:, 0]
    return uv, faces[area > 1e-5]


# What a broken mesh says


def test_accepts_a_square() -> None:
    mesh = square()
    assert mesh.vertex_uv() is mesh.uv
    assert mesh.parts == {}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"vertices": SQUARE.numpy()}, "vertices is a ndarray"),
        ({"vertices": SQUARE[:, :2]}, r"vertices has shape \(4, 2\)"),
        ({"vertices": SQUARE.long()}, "vertices is of type torch.int64"),
        (
            {"vertices": SQUARE.index_fill(0, torch.tensor([2]), math.nan)},
            r"vertices: row 2 .* 1 of 4 rows hold NaN",
        ),
        ({"vertices": SQUARE.index_fill(0, torch.tensor([1]), math.inf)}, "vertices: row 1"),
        ({"faces": TWO[:0]}, "faces is empty"),
        ({"faces": torch.tensor([[0, 1, 2], [0, 2, 7]])}, r"faces: row 1 names vertices\[7\], .* has 4 rows"),
        ({"faces": torch.tensor([[0, -1, 2]])}, r"vertices\[-1\]"),
        ({"faces": TWO.int()}, "faces is of type torch.int32"),
        ({"faces": torch.tensor([[0, 1, 2, 3]])}, r"faces has shape \(1, 4\)"),
        ({"uv": SQUARE[:3, :2]}, "uv has 3 rows for 4 vertices"),
        ({"uv": SQUARE[:, :2] * math.nan}, "uv: row 0"),
        ({"uv": None, "uv_faces": TWO}, "uv_faces is given without uv"),
        ({"uv_faces": TWO[:1]}, "uv_faces has 1 rows for 2 faces"),
        ({"uv_faces": TWO + 1}, r"uv_faces: row 1 names uv\[4\]"),
        ({"texture": torch.zeros(4, 4)}, r"texture has shape \(4, 4\)"),
        ({"quads": torch.tensor([[0, 1, 2, 4]])}, r"quads: row 0 names vertices\[4\]"),
        ({"parts": {"chin": torch.tensor([2])}}, r"parts\['chin'\]: row 0 names faces\[2\]"),
    ],
)
def test_broken_mesh_says_what_is_wrong(changes, message) -> None:
    with pytest.raises(ValueError, match=message):
        square(**changes)


def test_without_uv_says_what_to_do() -> None:
    with pytest.raises(ValueError, match="has no UV.*unwrap"):
        square(uv=None).vertex_uv()


def test_new_vertices_keep_the_topology() -> None:
    mesh = square()
    moved = mesh.with_vertices(SQUARE + 1)
    assert moved.faces is mesh.faces and moved.uv is mesh.uv
    assert torch.equal(moved.vertices, SQUARE + 1)
    with pytest.raises(ValueError, match=r"found \(3, 3\).*shape \(4, 3\)"):
        mesh.with_vertices(SQUARE[:3])


def test_to_changes_floats_and_device(device) -> None:
    mesh = square(texture=torch.rand(2, 2, 3), parts={"low": torch.tensor([0])}, quads=torch.tensor([[0, 1, 2, 3]]))
    assert mesh.part("low").quads is None  # half a quad is none
    moved = mesh.to(device, torch.float64)
    assert moved.vertices.dtype == moved.uv.dtype == moved.texture.dtype == torch.float64
    assert moved.faces.dtype == moved.quads.dtype == torch.int64
    assert {t.device.type for t in (moved.vertices, moved.faces, moved.quads, moved.parts["low"])} == {device.type}
    assert torch.equal(moved.part("low").faces.cpu(), torch.tensor([[0, 1, 2]]))


# UV by corner, and parts


def test_corner_uv_without_a_seam_is_vertex_uv() -> None:
    shuffled = square(uv=SQUARE[[2, 0, 3, 1], :2], uv_faces=torch.tensor([[1, 3, 0], [1, 0, 2]]))
    assert torch.equal(shuffled.vertex_uv(), SQUARE[:, :2])


def test_doubled_uv_of_equal_value_is_no_seam() -> None:
    doubled = square(uv=SQUARE[[0, 1, 2, 0, 2, 3], :2], uv_faces=torch.tensor([[0, 1, 2], [3, 4, 5]]))
    assert torch.equal(doubled.vertex_uv(), SQUARE[:, :2])


def test_a_seam_is_named() -> None:
    torn = square(uv=torch.rand(6, 2), uv_faces=torch.tensor([[0, 1, 2], [3, 4, 5]]))
    with pytest.raises(ValueError, match="2 vertices lie on a UV seam.*first: vertex 0"):
        torn.vertex_uv()


def test_an_unused_vertex_has_no_corner_uv() -> None:
    mesh = Mesh(torch.cat([SQUARE, SQUARE[:1]]), TWO, SQUARE[:, :2], TWO)
    with pytest.raises(ValueError, match="vertex 4 belongs to no face"):
        mesh.vertex_uv()


def test_part_keeps_its_own_vertices_uv_and_quads() -> None:
    # Two squares in a row; the second one is cut along its other diagonal.
    vertices = torch.tensor([[0.0, 0, 0], [1, 0, 0], [2, 0, 0], [0, 1, 0], [1, 1, 0], [2, 1, 0]])
    faces = torch.tensor([[0, 1, 4], [0, 4, 3], [1, 2, 4], [2, 5, 4]])
    quads = torch.tensor([[0, 1, 4, 3], [1, 2, 5, 4]])
    parts = {"left": torch.tensor([0, 1]), "right": torch.tensor([2, 3])}
    for uv, uv_faces in (
        (vertices[:, :2] / 2, None),
        (vertices[faces.reshape(-1), :2] / 2, torch.arange(12).view(4, 3)),
    ):
        mesh = Mesh(vertices, faces, uv, uv_faces, quads=quads, parts=parts)
        right = mesh.part("right")
        kept = mesh.part_vertices("right")
        assert kept.tolist() == [1, 2, 4, 5]
        assert torch.equal(right.vertices, vertices[kept])
        assert torch.equal(right.vertices[right.faces], vertices[faces[2:]])
        assert torch.equal(right.vertex_uv(), vertices[kept, :2] / 2)
        assert torch.equal(kept[right.quads], quads[1:])
    with pytest.raises(ValueError, match="no part 'middle'; its parts are: left, right"):
        mesh.part("middle")


# Normals and areas


def test_normals_and_areas_of_known_triangles(device) -> None:
    vertices = torch.tensor([[0.0, 0, 0], [2, 0, 0], [0, 3, 0], [5, 5, 5]], device=device)
    faces = torch.tensor([[0, 1, 2], [3, 3, 3]], device=device)
    assert torch.equal(face_areas(vertices, faces).cpu(), torch.tensor([3.0, 0.0]))
    assert torch.equal(face_normals(vertices, faces).cpu(), torch.tensor([[0.0, 0, 1], [0, 0, 0]]))
    assert torch.equal(vertex_normals(vertices, faces)[3].cpu(), torch.zeros(3))


def slow_vertex_normals(vertices: Tensor, faces: Tensor) -> Tensor:
    """The definition: add up area times normal over the faces round each vertex, then make the length one."""
    total = torch.zeros_like(vertices)
    for a, b, c in faces.tolist():
        cross = torch.linalg.cross(vertices[b] - vertices[a], vertices[c] - vertices[a])
        for corner in (a, b, c):
            total[corner] += 0.5 * cross
    return torch.stack([row / row.norm() if row.norm() > 0 else row for row in total])


@given(st.integers(0, 10**6))
def test_vertex_normals_match_the_definition(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    vertices = torch.randn(3, 12, 3, generator=generator, dtype=torch.float64)
    faces = torch.randint(0, 12, (15, 3), generator=generator)
    normals = vertex_normals(vertices, faces)
    assert normals.shape == vertices.shape
    for batch in range(3):
        # both add the same numbers, in another order
        torch.testing.assert_close(normals[batch], slow_vertex_normals(vertices[batch], faces), atol=1e-12, rtol=0)


def test_normals_turn_with_the_mesh() -> None:
    vertices = torch.randn(10, 3, dtype=torch.float64)
    faces = torch.tensor([[0, 1, 2], [0, 2, 3], [4, 5, 6], [6, 5, 7], [7, 8, 9]])
    turn = torch.linalg.qr(torch.randn(3, 3, dtype=torch.float64))[0]
    turn = turn * torch.linalg.det(turn)
    for normals in (vertex_normals, face_normals):
        torch.testing.assert_close(normals(vertices @ turn.T, faces), normals(vertices, faces) @ turn.T)


def test_gradients_of_normals() -> None:
    vertices = torch.randn(2, 5, 3, dtype=torch.float64, requires_grad=True)
    faces = torch.tensor([[0, 1, 2], [0, 2, 3], [1, 4, 2]])
    assert torch.autograd.gradcheck(lambda v: vertex_normals(v, faces), vertices)
    assert torch.autograd.gradcheck(lambda v: face_normals(v, faces), vertices)
    assert torch.autograd.gradcheck(lambda v: face_areas(v, faces), vertices)


def test_gradient_stays_finite_at_a_triangle_without_area() -> None:
    vertices = SQUARE.clone().requires_grad_()
    faces = torch.tensor([[0, 1, 1], [2, 2, 2]])
    (vertex_normals(vertices, faces).sum() + face_normals(vertices, faces).sum()).backward()
    assert torch.isfinite(vertices.grad).all()


# Charts


def slow_overlaps(uv: Tensor, faces: Tensor, least: float) -> set[tuple[int, int]]:
    """All pairs that share more than an area, by cutting one triangle with the half planes of the other."""
    pairs = set()
    corners = uv.double()[faces].tolist()
    for i in range(len(corners)):
        for j in range(i + 1, len(corners)):
            if clipped_area(corners[i], corners[j]) > least:
                pairs.add((i, j))
    return pairs


def clipped_area(one, other) -> float:
    def twice_area(p):
        return sum(a[0] * b[1] - a[1] * b[0] for a, b in zip(p, p[1:] + p[:1], strict=True))

    if twice_area(other) < 0:
        other = other[::-1]
    polygon = list(one)
    for a, b in zip(other, other[1:] + other[:1], strict=True):
        side = [(b[0] - a[0]) * (p[1] - a[1]) - (b[1] - a[1]) * (p[0] - a[0]) for p in polygon]
        cut = []
        for k, p in enumerate(polygon):
            q, here, there = polygon[k - 1], side[k], side[k - 1]
            if here * there < 0:
                t = there / (there - here)
                cut.append([q[0] + t * (p[0] - q[0]), q[1] + t * (p[1] - q[1])])
            if here >= 0:
                cut.append(p)
        polygon = cut
        if not polygon:
            return 0.0
    return abs(twice_area(polygon)) / 2


@given(st.integers(0, 10**6), st.integers(4, 200), st.sampled_from([torch.float32, torch.float64]))
def test_a_triangulation_is_injective(seed: int, count: int, dtype: torch.dtype) -> None:
    uv, faces = delaunay_chart(seed, count, dtype)
    if len(faces):
        require_injective_chart(uv, faces)
        assert chart_problems(uv, faces).ok


@given(st.integers(0, 10**6))
def test_overlaps_are_those_of_the_definition(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    uv = torch.rand(18, 2, generator=generator, dtype=torch.float64)
    faces = torch.randint(0, 18, (12, 3), generator=generator)
    faces = faces[(faces != faces.roll(1, -1)).all(-1)]  # three different corners
    found = {tuple(pair) for pair in chart_problems(uv, faces).overlapping.tolist()}
    # What two triangles share may be a sliver, and then rounding decides whether it counts.
    assert slow_overlaps(uv, faces, 1e-9) <= found <= slow_overlaps(uv, faces, 1e-18)


@given(st.integers(0, 10**6), st.data())
def test_a_fold_is_found(seed: int, data) -> None:
    uv, faces = delaunay_chart(seed, 60)
    inner = sorted(set(range(60)) - set(np.unique(Delaunay(uv.numpy()).convex_hull).tolist()))
    moved = data.draw(st.sampled_from(inner))
    uv[moved] = uv[moved] + torch.tensor([3.0, 0.0])  # pulled across its neighbours and out of the square
    report = chart_problems(uv, faces)
    assert moved in report.outside.tolist()
    assert len(report.flipped) and len(report.overlapping)
    assert (faces[report.flipped] == moved).any(-1).all()


@given(st.integers(0, 10**6), st.data())
def test_a_face_that_is_there_twice_is_found(seed: int, data) -> None:
    uv, faces = delaunay_chart(seed, 50)
    twice = data.draw(st.integers(0, len(faces) - 1))
    turned = faces[twice].roll(data.draw(st.integers(0, 2)))
    report = chart_problems(uv, torch.cat([faces, turned[None]]))
    assert report.overlapping.tolist() == [[twice, len(faces)]]
    assert len(report.flipped) == 0


@given(st.integers(0, 10**6))
def test_an_island_moved_onto_another_is_found(seed: int) -> None:
    uv, faces = delaunay_chart(seed, 40)
    side_by_side = torch.cat([uv * torch.tensor([0.5, 1.0]), uv * torch.tensor([0.5, 1.0]) + torch.tensor([0.5, 0.0])])
    both = torch.cat([faces, faces + len(uv)])
    assert chart_problems(side_by_side, both).ok
    shifted = side_by_side.clone()
    shifted[len(uv) :, 0] -= 0.3
    report = chart_problems(shifted, both)
    assert len(report.overlapping) and len(report.flipped) == len(report.outside) == 0
    first, second = report.overlapping.unbind(-1)
    assert (first < len(faces)).all() and (second >= len(faces)).all()


def test_neighbours_do_not_overlap_but_a_folded_neighbour_does() -> None:
    uv = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.5, 0.9], [0.5, 0.1]])
    apart = torch.tensor([[0, 1, 3], [1, 2, 3], [2, 0, 3]])
    assert chart_problems(uv, apart).ok
    folded = torch.tensor([[0, 1, 3], [0, 1, 2]])  # both on the same side of the edge they share
    assert chart_problems(uv, folded).overlapping.tolist() == [[0, 1]]


def test_a_mirrored_chart_says_so() -> None:
    with pytest.raises(ValueError, match="mirror image, replace u by 1 - u"):
        require_injective_chart(SQUARE[:, :2], TWO.flip(-1))


def test_message_names_the_faces() -> None:
    faces = torch.cat([TWO, TWO[1:], TWO[1:].flip(-1)])
    with pytest.raises(ValueError, match=r"1 faces are flipped .*\(3\); 3 pairs .*faces 1 and 2, 1 and 3, 2 and 3"):
        require_injective_chart(SQUARE[:, :2], faces)
    with pytest.raises(ValueError, match=r"2 UV vertices lie outside the unit square \(1, 2\)"):
        require_injective_chart(SQUARE[:, :2] * torch.tensor([1.5, 1.0]), TWO)


def test_a_triangle_without_area_counts_as_flipped() -> None:
    uv = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.5, 0.0]])
    report = chart_problems(uv, torch.tensor([[0, 1, 2]]))
    assert report.flipped.tolist() == report.flat.tolist() == [0] and not report.ok


def test_only_a_mirror_image_is_told_to_mirror() -> None:
    """The advice is given exactly where it helps: followed, it leaves no flipped face."""
    uv = SQUARE[:, :2]
    line = uv * torch.tensor([1.0, 0.0])
    for chart, faces, found in (
        (line, TWO, r"2 faces have no area in UV \(0, 1\)"),  # every face is flat
        (uv, torch.cat([TWO.flip(-1), TWO.new_tensor([[0, 1, 1]])]), r"2 faces are flipped \(0, 1\); 1 faces .*\(2\)"),
        (uv, torch.stack([TWO[0], TWO[1].flip(-1)]), r"1 faces are flipped \(1\)"),
    ):
        with pytest.raises(ValueError, match=found) as error:
            require_injective_chart(chart, faces)
        assert "mirror" not in str(error.value)
        mirrored = chart * torch.tensor([-1.0, 1.0]) + torch.tensor([1.0, 0.0])
        assert len(chart_problems(mirrored, faces).flipped)
    require_injective_chart(uv * torch.tensor([-1.0, 1.0]) + torch.tensor([1.0, 0.0]), TWO.flip(-1))


def test_a_chart_without_faces_is_not_called_a_mirror_image() -> None:
    with pytest.raises(ValueError, match="1 UV vertices lie outside the unit square") as error:
        require_injective_chart(torch.tensor([[2.0, 0.5]]), TWO[:0])
    assert "flipped" not in str(error.value)


def test_ten_thousand_triangles(device) -> None:
    uv, faces = delaunay_chart(7, 5200)
    assert len(faces) > 10_000
    assert chart_problems(uv.to(device), faces.to(device)).ok
    report = chart_problems(uv.to(device), torch.cat([faces, faces[123:124]]).to(device))
    assert report.overlapping.tolist() == [[123, len(faces)]]


def test_a_hopeless_chart_ends_soon() -> None:
    report = chart_problems(torch.rand(3000, 2), torch.arange(3000).reshape(-1, 3))
    assert len(report.overlapping) == 100_000
