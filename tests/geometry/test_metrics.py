from __future__ import annotations

import math
import time

import numpy as np
import pytest
import roma
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from asm_teach.geometry.alignment import align_points, apply_alignment
from asm_teach.geometry.closest_point import closest_points
from asm_teach.geometry.mesh import Mesh
from asm_teach.geometry.metrics import (
    face_region,
    scan_distances,
    scan_error,
    summarise,
    vertex_error,
)

F64 = torch.float64


def face_height(x: Tensor, y: Tensor) -> Tensor:
    """A face-like height field, mm: a dome with a nose, two eye hollows, lips, and nothing symmetric about it."""
    dome = 70 - 45 * (x / 75) ** 2 - 35 * (y / 95) ** 2
    nose = 24 * torch.exp(-(x**2) / 160 - (y + 5) ** 2 / 500)
    eyes = -9 * torch.exp(-((x.abs() - 32) ** 2 + (y - 30) ** 2) / 180)
    lips = 6 * torch.exp(-(x**2) / 500 - (y + 45) ** 2 / 60)
    return dome + nose + eyes + lips + 2 * torch.sin(x / 11 + 1) * torch.cos(y / 13)


def face_mesh(columns: int, rows: int, seed: int, width: float = 75, height: float = 95) -> Mesh:
    """The height field over [-width, width] x [-height, height], its grid shaken."""
    generator = torch.Generator().manual_seed(seed)
    x, y = torch.meshgrid(
        torch.linspace(-width, width, columns, dtype=F64),
        torch.linspace(-height, height, rows, dtype=F64),
        indexing="xy",
    )
    shake = 0.6 * (torch.rand(2, rows, columns, generator=generator, dtype=F64) - 0.5)
    x = x + shake[0] * 2 * width / columns
    y = y + shake[1] * 2 * height / rows
    index = torch.arange(rows * columns).reshape(rows, columns)
    a, b, c, d = (part.flatten() for part in (index[:-1, :-1], index[:-1, 1:], index[1:, 1:], index[1:, :-1]))
    faces = torch.cat([torch.stack([a, b, c], 1), torch.stack([a, c, d], 1)])
    return Mesh(torch.stack([x, y, face_height(x, y)], -1).reshape(-1, 3), faces)


def motion(seed: int, angle: float, shift: float = 25.0) -> tuple[Tensor, Tensor]:
    """A turn by this angle about a random axis, and a random shift."""
    generator = torch.Generator().manual_seed(seed)
    axis, direction = torch.nn.functional.normalize(torch.randn(2, 3, generator=generator, dtype=F64))
    return roma.rotvec_to_rotmat(angle * axis), shift * direction


# --- closest points
# ------------------------------------------------------------------------------------------


def slow_closest(points: Tensor, vertices: Tensor, faces: Tensor) -> tuple[Tensor, Tensor]:
    """Every point against every triangle: (distances (n, F), nearest (n, F, 3)).

    Another way than the package's: the regions round a triangle, tested one after the other (Ericson,
    Real-Time Collision Detection, 5.1.5).
    """

    def one(p: Tensor, a: Tensor, b: Tensor, c: Tensor) -> Tensor:
        ab, ac, ap, bp, cp = b - a, c - a, p - a, p - b, p - c
        d1, d2, d3, d4, d5, d6 = ab @ ap, ac @ ap, ab @ bp, ac @ bp, ab @ cp, ac @ cp
        if d1 <= 0 and d2 <= 0:
            return a
        if d3 >= 0 and d4 <= d3:
            return b
        if d6 >= 0 and d5 <= d6:
            return c
        va, vb, vc = d3 * d6 - d5 * d4, d5 * d2 - d1 * d6, d1 * d4 - d3 * d2
        if vc <= 0 and d1 >= 0 and d3 <= 0:
            return a + d1 / (d1 - d3) * ab
        if vb <= 0 and d2 >= 0 and d6 <= 0:
            return a + d2 / (d2 - d6) * ac
        if va <= 0 and d4 >= d3 and d5 >= d6:
            return b + (d4 - d3) / ((d4 - d3) + (d5 - d6)) * (c - b)
        return a + (vb * ab + vc * ac) / (va + vb + vc)

    nearest = torch.stack([torch.stack([one(p, *vertices[face]) for face in faces]) for p in points])
    return torch.linalg.vector_norm(nearest - points[:, None], dim=2), nearest


def sampled_distance(point: Tensor, corners: Tensor, steps: int = 60) -> float:
    """Distance to the nearest of many points spread over a triangle (3, 3), flat or not: never too small."""
    u, v = torch.meshgrid(*[torch.linspace(0, 1, steps, dtype=F64)] * 2, indexing="ij")
    weights = torch.stack([u, (1 - u) * v, (1 - u) * (1 - v)], -1).reshape(-1, 3)
    return float(torch.linalg.vector_norm(weights @ corners - point, dim=1).min())


@given(seed=st.integers(0, 10_000), far=st.sampled_from([0.1, 1.0, 10.0]))
def test_closest_points_equal_brute_force(seed: int, far: float):
    generator = torch.Generator().manual_seed(seed)
    vertices = torch.randn(12, 3, generator=generator, dtype=F64)
    vertices[6:] *= 0.05  # large triangles among small ones
    faces = torch.stack([torch.randperm(12, generator=generator)[:3] for _ in range(15)])
    points = far * torch.randn(6, 3, generator=generator, dtype=F64)
    nearest, distances, chosen = closest_points(points, vertices, faces)
    expected, at = slow_closest(points, vertices, faces)
    torch.testing.assert_close(distances, expected.min(1).values, atol=1e-9, rtol=1e-9)
    # Two triangles may be equally near, at a shared corner: the one that was named must be as near as the
    # best.
    rows = torch.arange(6)
    torch.testing.assert_close(expected[rows, chosen], distances, atol=1e-9, rtol=1e-9)
    torch.testing.assert_close(at[rows, chosen], nearest, atol=1e-7, rtol=0)


coordinate = st.integers(-3, 3)
corner = st.tuples(coordinate, coordinate, coordinate)


thickness = st.sampled_from([0.0, 1e-12, 1e-7, 1e-3])


@given(corners=st.tuples(corner, corner, corner), point=corner, thin=thickness)
def test_triangles_without_area_and_needles_are_right_too(corners: tuple, point: tuple, thin: float):
    # On a small grid many triangles are lines or points; `thin` moves a corner to make needles of them.
    triangle = torch.tensor(corners, dtype=F64) + thin * torch.tensor([[1.0, 2, 3], [0, 0, 0], [0, 0, 0]])
    p = torch.tensor([point], dtype=F64)
    nearest, distances, _ = closest_points(p, triangle, torch.tensor([[0, 1, 2]]))
    assert float(torch.linalg.vector_norm(nearest - p)) == pytest.approx(float(distances), abs=1e-12)
    # The answer lies on the triangle, and no sample of the triangle is nearer; samples are 0.2 apart at most.
    sampled = sampled_distance(p[0], triangle)
    assert float(distances) <= sampled + 1e-6
    assert float(distances) >= sampled - 0.3
    weights = torch.linalg.lstsq(
        torch.cat([triangle.mT, torch.ones(1, 3, dtype=F64)]),
        torch.cat([nearest[0], torch.ones(1, dtype=F64)])[:, None],
        driver="gelsd",  # the one that allows a triangle without area
    ).solution[:, 0]
    torch.testing.assert_close(weights @ triangle, nearest[0], atol=1e-6, rtol=0)


@pytest.mark.parametrize("height", [1.0, 1e-2, 1e-3])
def test_the_inside_of_a_needle_counts(height: float):
    vertices = torch.tensor([[0.0, 0, 0], [10, 0, 0], [5, height, 0]], dtype=F64)
    inside = torch.tensor([[4.0, 0.3 * height, 0]], dtype=F64)  # its nearest edge is 0.3 heights away
    nearest, distances, _ = closest_points(inside, vertices, torch.tensor([[0, 1, 2]]))
    # Rounding is magnified by the square of length / height, 1e8 for the last one.
    torch.testing.assert_close(nearest, inside, atol=1e-6, rtol=0)
    assert float(distances) < 1e-6


def test_closest_points_agree_with_trimesh():
    trimesh = pytest.importorskip("trimesh")
    mesh = face_mesh(25, 30, seed=1)
    points = face_mesh(31, 17, seed=2).vertices + 5 * torch.randn(31 * 17, 3, dtype=F64)
    nearest, distances, _ = closest_points(points, mesh.vertices, mesh.faces)
    theirs = trimesh.proximity.closest_point(
        trimesh.Trimesh(mesh.vertices.numpy(), mesh.faces.numpy(), process=False), points.numpy()
    )
    # trimesh decides on which triangle a point lies with a tolerance of 1e-8.
    np.testing.assert_allclose(distances.numpy(), theirs[1], atol=1e-7)
    np.testing.assert_allclose(nearest.numpy(), theirs[0], atol=1e-5)


def test_points_on_the_surface_and_above_it():
    vertices = torch.tensor([[0.0, 0, 0], [10, 0, 0], [0, 10, 0], [50, 50, 0], [60, 50, 0], [50, 60, 0]])
    faces = torch.tensor([[0, 1, 2], [3, 4, 5]])
    points = torch.tensor([[2.0, 3, 0], [2, 3, 7], [-3, -4, 0], [52, 51, -2], [10, 10, 0]])
    nearest, distances, chosen = closest_points(points, vertices, faces)
    torch.testing.assert_close(distances, torch.tensor([0, 7, 5, 2, math.sqrt(50)]))
    expected = torch.tensor([[2.0, 3, 0], [2, 3, 0], [0, 0, 0], [52, 51, 0], [5, 5, 0]])
    torch.testing.assert_close(nearest, expected)
    assert chosen.tolist() == [0, 0, 0, 1, 0]


def test_from_the_middle_of_a_ball_every_triangle_is_a_candidate():
    # Nothing can be ruled out by distance here: it must still be right, in bounded memory.
    trimesh = pytest.importorskip("trimesh")
    ball = trimesh.creation.icosphere(subdivisions=4, radius=100)
    vertices, faces = torch.from_numpy(np.array(ball.vertices)), torch.from_numpy(np.array(ball.faces)).long()
    points = 1e-3 * torch.randn(40, 3, dtype=F64)
    distances = closest_points(points, vertices, faces)[1]
    centres = vertices[faces].mean(1)
    normals = torch.nn.functional.normalize(
        torch.linalg.cross(vertices[faces[:, 1]] - vertices[faces[:, 0]], vertices[faces[:, 2]] - centres)
    )
    planes = ((centres - points[:, None]) * normals).sum(2).abs().min(1).values
    # From the middle the foot on each plane is the centre of the triangle's circle, inside it.
    torch.testing.assert_close(distances, planes, atol=1e-9, rtol=0)


def test_closest_points_are_fast():
    mesh, cloud = face_mesh(101, 101, seed=3), face_mesh(100, 100, seed=4)
    points = cloud.vertices + torch.tensor([0, 0, 2.0])
    assert len(mesh.faces) == 20_000 and len(points) == 10_000
    seconds = []
    for _ in range(2):
        start = time.perf_counter()
        closest_points(points, mesh.vertices, mesh.faces)
        seconds.append(time.perf_counter() - start)
    # About 0.2 s on one core; brute force takes minutes. The rest is for slow and busy machines.
    assert min(seconds) < 3


def test_closest_points_keep_precision_and_device(device: torch.device):
    mesh = face_mesh(20, 20, seed=5)
    points = mesh.vertices + 1
    exact = closest_points(points, mesh.vertices, mesh.faces)
    rough = closest_points(points.float().to(device), mesh.vertices.float().to(device), mesh.faces.to(device))
    assert [x.dtype for x in rough] == [torch.float32, torch.float32, torch.int64]
    assert all(x.device.type == device.type for x in rough)
    # Coordinates of 100 mm are held to 4e-6 in float32.
    torch.testing.assert_close(rough[1].cpu().double(), exact[1], atol=5e-5, rtol=0)


# --- alignment
# -----------------------------------------------------------------------------------------------


@given(seed=st.integers(0, 10_000), s=st.floats(0.01, 100), count=st.integers(3, 20), angle=st.floats(0, 3))
def test_alignment_recovers_a_similarity(seed: int, s: float, count: int, angle: float):
    source = 50 * torch.randn(count, 3, generator=torch.Generator().manual_seed(seed), dtype=F64)
    rotation, shift = motion(seed + 1, angle)
    target = s * (source @ rotation.mT) + shift
    found = align_points(source, target, scale=True)
    assert float(found[0]) == pytest.approx(s)
    torch.testing.assert_close(found[1], rotation, atol=1e-6, rtol=0)
    torch.testing.assert_close(apply_alignment(source, found), target, atol=1e-6 * max(s, 1), rtol=0)
    rigid = align_points(source, source @ rotation.mT + shift)
    assert float(rigid[0]) == 1
    torch.testing.assert_close(rigid[1], rotation, atol=1e-6, rtol=0)


@given(seed=st.integers(0, 10_000), scale=st.booleans())
def test_alignment_is_the_best_there_is_and_no_reflection(seed: int, scale: bool):
    generator = torch.Generator().manual_seed(seed)
    source = torch.randn(6, 3, generator=generator, dtype=F64)
    # A mirror image: the best linear map is a reflection, and must not be taken.
    target = source * torch.tensor([-1.0, 1, 1]) + 0.1 * torch.randn(6, 3, generator=generator, dtype=F64)
    s, rotation, shift = align_points(source, target, scale=scale)
    assert float(torch.linalg.det(rotation)) == pytest.approx(1)
    torch.testing.assert_close(rotation @ rotation.mT, torch.eye(3, dtype=F64))

    def cost(s: Tensor, rotation: Tensor, shift: Tensor) -> float:
        return float((s * (source @ rotation.mT) + shift - target).square().sum())

    best = cost(s, rotation, shift)
    for trial in range(10):  # no small change makes it better
        turn, push = motion(seed + trial, angle=0.05, shift=0.05)
        assert cost(s, turn @ rotation, shift) > best
        assert cost(s, rotation, shift + push) > best
    if scale:
        assert min(cost(s * 1.02, rotation, shift), cost(s * 0.98, rotation, shift)) > best


def test_alignment_keeps_precision_and_device(device: torch.device):
    source = 50 * torch.randn(10, 3, device=device)
    s, rotation, shift = align_points(source, source + 3, scale=True)
    assert rotation.dtype == torch.float32 and rotation.device.type == device.type
    torch.testing.assert_close(shift.cpu(), torch.full((3,), 3.0), atol=1e-4, rtol=0)
    assert float(s) == pytest.approx(1, abs=1e-5)


# --- scan error
# ----------------------------------------------------------------------------------------------


def scan_of(mesh: Mesh, count: int, seed: int, margin: float = 12.0) -> Mesh:
    """Points spread over a mesh (none near its rim), as a scan: its triangles do not matter for the error."""
    generator = torch.Generator().manual_seed(seed)
    face = torch.randint(len(mesh.faces), (count,), generator=generator)
    weights = torch.rand(count, 3, generator=generator, dtype=F64)
    weights = weights / weights.sum(1, keepdim=True)
    points = (mesh.vertices[mesh.faces[face]] * weights[..., None]).sum(1)
    inner = (points[:, 0].abs() < 75 - margin) & (points[:, 1].abs() < 95 - margin)
    return Mesh(points[inner], torch.tensor([[0, 1, 2]]))


@settings(max_examples=10)  # each aligns a mesh
@given(seed=st.integers(0, 10_000), s=st.floats(0.7, 1.4), angle=st.floats(0, 0.3))
def test_a_known_similarity_is_recovered(seed: int, s: float, angle: float):
    surface = face_mesh(30, 36, seed=6)
    scan = scan_of(surface, count=1500, seed=seed)
    rotation, shift = motion(seed, angle)
    moved = scan.with_vertices(s * (scan.vertices @ rotation.mT) + shift)
    out = scan_distances(surface.vertices, surface.faces, moved, align="similarity")
    assert out.converged
    found = out.alignment
    assert float(found[0]) == pytest.approx(s, rel=1e-3)
    torch.testing.assert_close(found[1], rotation, atol=1e-3, rtol=0)
    torch.testing.assert_close(found[2], shift, atol=0.05, rtol=0)
    assert float(out.distances.max()) < 1e-2
    torch.testing.assert_close(apply_alignment(surface.vertices, found), out.vertices)


@pytest.mark.parametrize("align", ["rigid", "similarity"])
def test_another_tessellation_of_the_same_face_aligns_without_bias(align: str):
    # The same height field with other triangles: what is left is the sagitta of triangles 5 mm wide, and the
    # scale must not creep towards a smaller surface although no point has an exact partner.
    surface, scan = face_mesh(31, 37, seed=7), face_mesh(53, 47, seed=8, width=62, height=82)
    s = 1.15 if align == "similarity" else 1.0
    rotation, shift = motion(3, angle=0.25)
    moved = scan.with_vertices(s * (scan.vertices @ rotation.mT) + shift)
    out = scan_distances(surface.vertices, surface.faces, moved, align=align)
    assert float(out.alignment[0]) == pytest.approx(s, rel=2e-3)
    torch.testing.assert_close(out.alignment[1], rotation, atol=2e-3, rtol=0)
    still = scan_error(surface.vertices, surface.faces, scan, align=None)
    assert summarise(out.distances)["mean"] <= 1.02 * s * still["mean"]


def whole_head() -> Mesh:
    """The face with what a head has besides: a skull behind it, a neck, and balls for the mouth and the eyes."""
    trimesh = pytest.importorskip("trimesh")
    face = face_mesh(30, 36, seed=6)
    vertices, faces = [face.vertices], [face.faces]
    for x, y, z, radius in ((0, 0, -40, 85), (0, -170, -60, 60), (0, -40, 20, 22), (32, 30, 25, 14), (-32, 30, 25, 14)):
        ball = trimesh.creation.icosphere(subdivisions=3, radius=radius)
        faces.append(torch.from_numpy(np.array(ball.faces)).long() + sum(map(len, vertices)))
        vertices.append(torch.from_numpy(np.array(ball.vertices)) + torch.tensor([x, y, z]))
    return Mesh(torch.cat(vertices), torch.cat(faces))


@pytest.mark.parametrize("align", ["rigid", "similarity"])
def test_a_whole_head_finds_its_place_on_a_scan_of_the_face(align: str):
    # Nothing to go by in the middle or the size of a head with skull and neck, and there are wrong places where a
    # ball of the inside lies close: straight from the nearest start, about half of these end there.
    surface = whole_head()
    for seed in (3, 5):
        scan = face_mesh(25, 31, seed=seed, width=50, height=65)
        rotation, shift = motion(seed, angle=0.1)
        moved = scan.with_vertices(scan.vertices @ rotation.mT + shift)
        out = scan_distances(surface.vertices, surface.faces, moved, align=align)
        assert float(out.alignment[0]) == pytest.approx(1, abs=0.01)
        assert summarise(out.distances)["rmse"] < 0.25  # other triangles of the same surface


def test_landmarks_bridge_a_turn_that_closest_points_cannot():
    surface = face_mesh(30, 36, seed=6)
    scan = scan_of(surface, count=1500, seed=1)
    rotation, shift = motion(5, angle=2.8, shift=400)
    moved = scan.with_vertices(1.3 * (scan.vertices @ rotation.mT) + shift)
    picks = torch.tensor([100, 300, 500, 700, 900])
    marks = surface.vertices[picks] + 2 * torch.randn(5, 3, dtype=F64)  # marked by hand, 2 mm off
    pairs = (marks, 1.3 * (surface.vertices[picks] @ rotation.mT) + shift)
    found = scan_error(surface.vertices, surface.faces, moved, align="similarity", landmarks=pairs)
    assert found["rmse"] < 1e-3
    assert scan_error(surface.vertices, surface.faces, moved, align="similarity")["rmse"] > 1


def test_a_tenth_of_wild_points_does_not_steer_the_alignment():
    surface = face_mesh(30, 36, seed=6)
    scan = scan_of(surface, count=1500, seed=1)
    vertices = scan.vertices.clone()
    vertices[::12, 2] += 40  # hair
    rotation, shift = motion(5, angle=0.2)
    out = scan_distances(
        surface.vertices, surface.faces, scan.with_vertices(vertices @ rotation.mT + shift), align="rigid"
    )
    torch.testing.assert_close(out.alignment[1], rotation, atol=1e-3, rtol=0)
    assert float(out.distances.max()) > 20  # and yet it is measured
    assert float(out.distances.median()) < 1e-2


def test_distances_are_in_the_scans_millimetres():
    surface = face_mesh(30, 36, seed=6)
    scan = scan_of(surface, count=1500, seed=1)
    small = surface.vertices / 100  # a fit without a scale, as from uncalibrated photographs
    bumps = torch.tensor([0, 0, 0.5]) * torch.randn(len(scan.vertices), 1, dtype=F64)
    bumped = scan.with_vertices(scan.vertices + bumps)
    by_similarity = scan_error(small, surface.faces, bumped, align="similarity")
    by_rigid = scan_error(surface.vertices, surface.faces, bumped, align="rigid")
    assert by_similarity["rmse"] == pytest.approx(by_rigid["rmse"], rel=0.02)
    assert 0.2 < by_rigid["mean"] < 0.5  # half a mm up and down, seen along the normal


def test_without_alignment_nothing_moves():
    surface = Mesh(torch.tensor([[-50.0, -50, 0], [50, -50, 0], [0, 80, 0]]), torch.tensor([[0, 1, 2]]))
    scan = Mesh(torch.tensor([[0.0, 0, 3], [1, 0, -4], [2, 0, 0]]), torch.tensor([[0, 1, 2]]))
    out = scan_distances(surface.vertices, surface.faces, scan, align=None)
    torch.testing.assert_close(out.distances, torch.tensor([3.0, 4, 0]))
    torch.testing.assert_close(out.vertices, surface.vertices)
    error = scan_error(surface.vertices, surface.faces, scan, align=None)
    assert error == pytest.approx({"mean": 7 / 3, "median": 3, "rmse": math.sqrt(25 / 3), "p95": 3.9, "n": 3}, rel=1e-6)


def test_a_region_limits_what_is_measured_and_what_steers():
    surface = face_mesh(30, 36, seed=6)
    scan = scan_of(surface, count=1500, seed=1)
    vertices = scan.vertices.clone()
    lower = vertices[:, 1] < 0
    vertices[lower, 2] += 15  # an open jaw; the upper half still fits
    scan = scan.with_vertices(vertices)
    by_mask = scan_distances(surface.vertices, surface.faces, scan, region=~lower)
    by_index = scan_distances(surface.vertices, surface.faces, scan, region=(~lower).nonzero().flatten())
    torch.testing.assert_close(by_mask.distances, by_index.distances)
    assert len(by_mask.distances) == int((~lower).sum()) == len(by_mask.indices)
    assert bool((by_mask.indices == (~lower).nonzero().flatten()).all())
    assert float(by_mask.distances.max()) < 1e-2
    assert scan_error(surface.vertices, surface.faces, scan)["rmse"] > 1


def test_a_fit_that_still_has_a_graph_is_measured(device: torch.device):
    surface = face_mesh(12, 12, seed=6).to(device, torch.float32)
    vertices = surface.vertices.clone().requires_grad_()
    out = scan_distances(vertices, surface.faces, surface, align="similarity")
    assert not out.distances.requires_grad and out.distances.dtype == torch.float32
    assert out.vertices.device.type == device.type == out.distances.device.type
    assert float(out.distances.max()) < 1e-3


# --- figures
# -------------------------------------------------------------------------------------------------


def test_vertex_error_by_hand():
    a = torch.zeros(5, 3)
    b = torch.tensor([[3.0, 4, 0], [0, 0, 1], [0, 2, 0], [0, 0, 0], [3, 0, 0]])  # 5, 1, 2, 0, 3
    found = vertex_error(a, b)
    expected = {"mean": 11 / 5, "median": 2, "rmse": math.sqrt(39 / 5), "p95": 3 + 0.8 * 2, "n": 5}
    assert found == pytest.approx(expected)


def test_vertex_error_takes_a_fit_from_another_device(device):
    """The result of a fit lies on its device, with its gradient; the scan lies on the CPU, in another precision."""
    a = torch.zeros(2, 3, device=device, requires_grad=True)
    b = torch.tensor([[3.0, 4, 0], [0, 0, 1]], dtype=F64)
    assert vertex_error(a, b) == vertex_error(b, a)
    assert vertex_error(a, b)["mean"] == pytest.approx(3)


def test_face_region_is_the_ball_of_the_challenge():
    tip, bridge = torch.tensor([0.0, 0, 100]), torch.tensor([0.0, 40, 70])  # a nose of 50 mm
    eyes = torch.tensor([[45.0, 35, 60], [-45, 35, 60]])  # 90 mm apart: radius 0.7 * 140 = 98
    points = tip + torch.tensor([[97.9, 0, 0], [98.1, 0, 0], [0, 0, -97], [0, 70, 70]])
    assert face_region(points, tip, eyes, bridge).tolist() == [True, False, True, False]


# --- bad input
# -----------------------------------------------------------------------------------------------

SURFACE = face_mesh(6, 6, seed=9)
V, F = SURFACE.vertices, SURFACE.faces
NAN = V.clone().index_fill(0, torch.tensor([4]), math.nan)
LINE = torch.arange(36, dtype=F64)[:, None] * torch.tensor([1.0, 2, 3], dtype=F64)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: align_points(V[:2], V[:2]), "only 2 points"),
        (lambda: align_points(V, V[:9]), "source has 36 points and target has 9"),
        (lambda: align_points(V, NAN), "target: row 4"),
        (lambda: align_points(LINE, V), "source: all points lie on one line"),
        (lambda: align_points(V, V * 0 + 3.3), "target: all points lie on one line"),
        (lambda: closest_points(NAN, V, F), "points: row 4"),
        (lambda: closest_points(V, NAN, F), "vertices: row 4"),
        (lambda: closest_points(V[:, :2], V, F), "points has shape"),
        (lambda: closest_points(V, V, F + 1), "faces: row"),
        (lambda: closest_points(V, V, F[:0]), "faces is empty"),
        (lambda: scan_error(V, F, SURFACE, align="affine"), "align is 'affine': give \"rigid\""),
        (lambda: scan_error(NAN, F, SURFACE), "vertices: row 4"),
        (lambda: scan_error(V, F, SURFACE, region=torch.zeros(36, dtype=torch.bool)), "region is empty"),
        (lambda: scan_error(V, F, SURFACE, region=torch.tensor([], dtype=torch.int64)), "region is empty"),
        (lambda: scan_error(V, F, SURFACE, region=torch.ones(35, dtype=torch.bool)), "region has 35 entries"),
        (lambda: scan_error(V, F, SURFACE, region=torch.tensor([0, 1, 36])), "region"),
        (lambda: scan_error(V, F, SURFACE, region=torch.tensor([0.5, 1, 2])), "region is of type"),
        (lambda: scan_error(V, F, SURFACE, region=[1, 2, 3]), "region is not a one-dimensional tensor"),
        (lambda: scan_error(V, F, SURFACE, region=torch.tensor([0, 1])), "only 2 scan points"),
        (lambda: scan_error(V, F, SURFACE, landmarks=(V[:2], V[:2])), "only 2 points"),
        (lambda: scan_error(V, F, SURFACE, landmarks=(V[:5], NAN[:5])), r"landmarks\[1\] .*: row 4"),
        (lambda: vertex_error(V, V[:9]), "a has 36 vertices and b has 9"),
        (lambda: vertex_error(V, NAN), "b: row 4"),
        (lambda: vertex_error(V[:0], V[:0]), "at least one"),
        (lambda: face_region(V, V[0], V[:3], V[1]), "outer_eyes has 3 points"),
        (lambda: face_region(V, NAN[4], V[:2], V[1]), "nose_tip: row 0"),
        (lambda: face_region(V, V[0], V[[0, 0]], V[0]), "the face has no size"),
    ],
)
def test_bad_input_is_refused(call, message: str):
    with pytest.raises(ValueError, match=message):
        call()
