"""Visibility: the rasteriser against a ray cast by Embree, and against asking every triangle at every pixel."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import torch
import trimesh
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from asm_teach.base.arrays import unroll
from asm_teach.data.heads import load_head
from asm_teach.rendering.camera import Camera, look_at
from asm_teach.rendering.raster import Raster, rasterise

SIZE = (96, 64)


def camera(eye: tuple[float, float, float] = (60, 90, 430), size: tuple[int, int] = SIZE, focal: float = 1.8) -> Camera:
    """Looks at the origin; `focal` in heights of the picture."""
    return look_at(torch.tensor(eye).float(), torch.zeros(3), focal * size[1], size)


def tensors(mesh: trimesh.Trimesh) -> tuple[Tensor, Tensor]:
    return torch.tensor(np.asarray(mesh.vertices)).float(), torch.tensor(np.asarray(mesh.faces)).long()


def bowl(steps: int = 20) -> tuple[Tensor, Tensor]:
    """An open surface, seen from inside and from outside in the same picture."""
    line = torch.linspace(-1, 1, steps)
    y, x = torch.meshgrid(line, line, indexing="ij")
    vertices = torch.stack([80 * x, 80 * y, 70 * (x.square() + y.square())], -1).view(-1, 3)
    corner = torch.arange(steps * steps).view(steps, steps)
    a, b, c, d = (q.flatten() for q in (corner[:-1, :-1], corner[:-1, 1:], corner[1:, 1:], corner[1:, :-1]))
    return vertices, torch.cat([torch.stack([a, b, c], 1), torch.stack([a, c, d], 1)])


def soup(seed: int, count: int = 40, spread: float = 120.0) -> tuple[Tensor, Tensor]:
    """Triangles at random; among them some without area: a corner twice, three corners on a line, a point."""
    random = np.random.default_rng(seed)
    corners = random.normal(0, 1, (count, 1, 3)) * spread + random.normal(0, 1, (count, 3, 3)) * 40
    corners[0, 1] = corners[0, 0]
    corners[1, 2] = 0.3 * corners[1, 0] + 0.7 * corners[1, 1]
    corners[2] = corners[2, 0]
    return torch.tensor(corners).float().view(-1, 3), torch.arange(3 * count).view(-1, 3)


def cast(vertices: Tensor, faces: Tensor, camera: Camera) -> tuple[Tensor, Tensor, Tensor]:
    """Face (H, W), barycentric coordinates (H, W, 3) and depth (H, W) as Embree finds them, in single precision."""
    scene_module = pytest.importorskip("embreex.rtcore_scene", reason="embreex has no wheel for this platform")
    from embreex.mesh_construction import TriangleMesh

    scene = scene_module.EmbreeScene()
    TriangleMesh(scene=scene, vertices=vertices.numpy().astype(np.float32), indices=faces.numpy().astype(np.int32))
    width, height = camera.size
    matrix = camera.world_to_camera().double().numpy()
    row, column = np.mgrid[:height, :width] + 0.5
    (x, y), focal = camera.principal.tolist(), float(camera.focal)
    # A direction whose part along the optical axis is 1, so that distances along the ray are depths.
    towards = np.stack([(column - x) / focal, (row - y) / focal, np.ones_like(row)], -1).reshape(-1, 3) @ matrix[:, :3]
    eye = np.broadcast_to(camera.centre().numpy().astype(np.float32), towards.shape).copy()
    found = scene.run(eye, towards.astype(np.float32), output=1)
    face = torch.tensor(found["primID"]).long().view(height, width)
    u, v, depth = (torch.tensor(found[name]).view(height, width) for name in ("u", "v", "tfar"))
    return face, torch.stack([1 - u - v, u, v], -1), depth


def agreement(raster: Raster, vertices: Tensor, faces: Tensor, camera: Camera) -> float:
    """The share of covered pixels where Embree sees the same face, or another one at the same depth."""
    face, _, depth = cast(vertices, faces, camera)
    covered = (face >= 0) | raster.mask
    # Where triangles meet or lie on each other either may show. Embree computes with eps 6e-8 of the distances.
    tied = raster.mask & (face >= 0) & ((raster.depth - depth).abs() < 1e-5 * depth.abs())
    same = (face == raster.face) | tied
    return float(same[covered].double().mean()) if covered.any() else 1.0


HEAD = load_head().mesh
MESHES = {
    "ball": tensors(trimesh.creation.icosphere(5, radius=90)),
    "box": tensors(trimesh.creation.box([100, 120, 90])),
    "poles": tensors(trimesh.creation.uv_sphere(radius=90, count=[72, 72])),  # slivers at the poles
    "ring": tensors(trimesh.creation.torus(80, 30)),
    "bowl": bowl(),
    "head": (HEAD.vertices - HEAD.vertices.mean(0), HEAD.faces),  # with the inside of its mouth, eyes and teeth
    "soup": soup(0, 300),
}
EYES = {
    "aside": (60, 90, 430),
    "straight": (0, 0, 500),  # edges that run along rows and columns of pixels
    "close": (10, 20, 130),
    "inside": (0, 0, 15),
}


@pytest.mark.parametrize("eye", EYES)
@pytest.mark.parametrize("name", MESHES)
def test_embree_sees_the_same(name: str, eye: str) -> None:
    vertices, faces = MESHES[name]
    view = camera(EYES[eye], (256, 256), focal=0.4 if eye == "inside" else 1.8)
    raster = rasterise(vertices, faces, view)
    assert raster.mask.any()
    assert agreement(raster, vertices, faces, view) >= 0.999


@given(st.integers(0, 2**31), st.sampled_from([20.0, 120.0]))
def test_embree_sees_the_same_of_triangles_at_random(seed: int, spread: float) -> None:
    """All around the camera too: behind it, through its plane, off the picture."""
    vertices, faces = soup(seed, 60, spread)
    view = camera((5, 8, 60), focal=0.7)
    raster = rasterise(vertices, faces, view)
    # 6,144 pixels: one or two whose centre lies within rounding of an edge may be one side or the other.
    assert agreement(raster, vertices, faces, view) >= 0.999


def test_barycentrics_and_depth_are_embrees() -> None:
    vertices, faces = MESHES["ring"]
    view = camera(size=(256, 256))
    raster = rasterise(vertices, faces, view)
    face, barycentric, depth = cast(vertices, faces, view)
    same = raster.mask & (face == raster.face)
    assert same.sum() > 10_000
    # Seen nearly edge on, a step of rounding in the direction moves the point in the triangle by much more.
    apart = (raster.barycentric - barycentric)[same].abs().amax(1)
    assert apart.median() < 1e-4 and apart.quantile(0.99) < 2e-3
    assert ((raster.depth - depth)[same].abs() / depth[same]).max() < 1e-4


def ask_everyone(vertices: Tensor, faces: Tensor, camera: Camera) -> tuple[Tensor, Tensor, Tensor]:
    """The slow form: solve t d = b_1 p_1 + b_2 p_2 + b_3 p_3 with sum(b) = 1 for each pixel and face."""
    matrix = camera.world_to_camera()
    seen = vertices @ matrix[:, :3].mT + matrix[:, 3]
    width, height = camera.size
    row, column = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    pixel = torch.stack([column + 0.5, row + 0.5], -1).to(vertices)
    ray = torch.cat([(pixel - camera.principal) / camera.focal, torch.ones_like(pixel[..., :1])], -1).view(-1, 3)
    best = torch.full((len(ray),), torch.inf, dtype=vertices.dtype)
    face, barycentric = torch.full((len(ray),), -1), torch.zeros_like(ray)
    for number, corners in enumerate(seen[faces]):
        if torch.linalg.matrix_rank(corners) < 3:
            continue
        weights = torch.linalg.solve(corners.mT, ray.mT).mT  # sum is 1 / t
        depth = 1 / weights.sum(1)
        hit = (weights * depth[:, None] >= 0).all(1) & (depth > 0) & (depth < best)
        best, face = torch.where(hit, depth, best), torch.where(hit, number, face)
        barycentric = torch.where(hit[:, None], weights * depth[:, None], barycentric)
    return face.view(height, width), barycentric.view(height, width, 3), best.view(height, width)


@given(st.integers(0, 2**31), st.sampled_from([torch.float32, torch.float64]))
def test_asking_every_triangle_at_every_pixel_says_the_same(seed: int, dtype: torch.dtype) -> None:
    vertices, faces = (x.to(dtype) if x.is_floating_point() else x for x in soup(seed, 12, 60.0))
    view = camera((5, 8, 150), (13, 9), focal=0.8).to(dtype=dtype)
    raster = rasterise(vertices, faces, view)
    face, barycentric, depth = ask_everyone(vertices.double(), faces, view.to(dtype=torch.float64))
    same = raster.face == face
    assert (~same).sum() <= (1 if dtype == torch.float32 else 0)  # one centre on an edge, by rounding
    hit = same & raster.mask
    # float64 is limited by its conditioning alone: triangles seen nearly edge on lose up to eight digits.
    loose = 1e-3 if dtype == torch.float32 else 1e-7
    torch.testing.assert_close(raster.depth[hit].double(), depth[hit], rtol=loose, atol=0)
    torch.testing.assert_close(raster.barycentric[hit].double(), barycentric[hit], rtol=0, atol=10 * loose)


def test_what_a_pixel_shows_projects_onto_its_centre(device: torch.device) -> None:
    """Ties weights, perspective, pixel centres and the camera together in one statement."""
    vertices, faces = (x.to(device) for x in MESHES["ball"])
    view = camera().to(device)
    raster = rasterise(vertices, faces, view)
    points = (raster.weights[..., None] * vertices[faces[raster.hits]]).sum(1)
    row, column = raster.mask.nonzero().unbind(1)
    centres = torch.stack([column, row], 1) + 0.5
    torch.testing.assert_close(view.project(points), centres, atol=1e-3, rtol=0)  # pixels, single precision
    torch.testing.assert_close(view.depth(points), raster.depths, atol=1e-3, rtol=0)
    assert raster.depth[~raster.mask].isinf().all() and (raster.barycentric[~raster.mask] == 0).all()
    torch.testing.assert_close(raster.barycentric[raster.mask].sum(1), torch.ones(len(row), device=device))


def test_the_gpu_sees_what_the_cpu_sees(device: torch.device) -> None:
    vertices, faces = MESHES["head"]
    here = rasterise(vertices, faces, camera(size=(256, 256)))
    there = rasterise(vertices.to(device), faces.to(device), camera(size=(256, 256)).to(device))
    assert (there.face.cpu() == here.face).double().mean() >= 0.999


def test_another_size_is_the_same_view() -> None:
    vertices, faces = MESHES["ball"]
    once, twice = (rasterise(vertices, faces, camera(), size) for size in (None, (2 * SIZE[0], 2 * SIZE[1])))
    assert twice.face.shape == (128, 192)
    assert abs(float(once.mask.double().mean() - twice.mask.double().mean())) < 0.01  # the rim counts in pixels


def test_no_pixel_falls_between_two_triangles() -> None:
    """A wall of slivers and large triangles that fills the picture has no hole in it, wherever the edges run."""
    for seed in range(20):
        random = np.random.default_rng(seed)
        flat = np.concatenate(
            [[(-400, -400), (400, -400), (400, 400), (-400, 400)], random.uniform(-150, 150, (200, 2))]
        )
        flat[50:100] = flat[50:100].round()  # many on the same rows and columns
        from scipy.spatial import Delaunay

        faces = torch.from_numpy(Delaunay(flat).simplices).long()
        vertices = torch.tensor(np.column_stack([flat, np.zeros(len(flat))])).float()
        assert rasterise(vertices, faces, camera((0, 0, 300), (128, 128), 1.0)).mask.all()


@pytest.mark.parametrize("what", ["behind", "aside", "flat", "edge on"])
def test_what_cannot_be_seen_shows_nowhere(what: str) -> None:
    triangle = torch.tensor([[-50.0, -50, 0], [50, -50, 0], [0, 50, 0]])
    vertices = {
        "behind": triangle + torch.tensor([0.0, 0, 600]),
        "aside": triangle + torch.tensor([900.0, 0, 0]),
        "flat": triangle * torch.tensor([1.0, 0, 0]),
        "edge on": triangle[:, [2, 1, 0]],
    }[what]
    raster = rasterise(vertices, torch.tensor([[0, 1, 2]]), camera((0, 0, 500)))
    assert not raster.mask.any() and len(raster.pixels) == 0
    assert (raster.face == -1).all() and raster.depth.isinf().all() and (raster.barycentric == 0).all()


def test_a_floor_that_passes_under_the_camera_reaches_from_the_horizon_to_the_lower_border() -> None:
    floor = torch.tensor([[-1e4, -100, 1e4], [1e4, -100, 1e4], [1e4, -100, -1e4], [-1e4, -100, -1e4]])
    raster = rasterise(floor, torch.tensor([[0, 1, 2], [0, 2, 3]]), look_at(
        torch.tensor([0.0, 0, 0]), torch.tensor([0.0, 0, -1]), 50.0, (60, 40)))  # fmt: skip
    # 100 mm below the eye: row r is at the depth 50 * 100 / (r - 20), and the floor ends 10,000 mm away.
    rows = torch.arange(40) + 0.5
    depth = 5000 / (rows - 20)
    seen = (depth > 0) & (depth < 1e4)
    assert (raster.mask == seen[:, None]).all()
    torch.testing.assert_close(raster.depth[seen], depth[seen, None].expand(-1, 60), rtol=1e-4, atol=0)


def test_the_nearer_of_two_shows_whatever_the_order() -> None:
    wall = torch.tensor([[-90.0, -90, 0], [90, -90, 0], [0, 90, 0]])
    both = torch.cat([wall, wall + torch.tensor([0.0, 0, 20])])
    for order in ([[0, 1, 2], [3, 4, 5]], [[3, 4, 5], [0, 1, 2]]):
        raster = rasterise(both, torch.tensor(order), camera((0, 0, 500)))
        assert (raster.faces[raster.hits] >= 3).all(1)[raster.depths < 490].all() and (raster.depths < 490).any()
    tied = rasterise(wall, torch.tensor([[0, 1, 2]] * 3), camera((0, 0, 500)))
    assert set(tied.face.unique().tolist()) == {-1, 0}  # of equal ones the first


@pytest.mark.long
def test_memory_does_not_grow_with_triangles_times_pixels() -> None:
    """400 triangles over all of 256 x 256 pixels are 26 million fragments, 200 MB for each of their numbers."""
    code = """
import resource, sys, torch
from asm_teach.rendering.camera import look_at
from asm_teach.rendering.raster import rasterise
corners = torch.tensor([[-900.0, -900, 0], [900, -900, 0], [0, 1800, 0]])
camera = look_at(torch.tensor([0.0, 0, 500]), torch.zeros(3), 256.0, (256, 256))
for count in (1, 400):
    vertices = torch.cat([corners + torch.tensor([0.0, 0, 0.1 * n]) for n in range(count)])
    assert (rasterise(vertices, torch.arange(3 * count).view(-1, 3), camera).face == count - 1).all()
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // (1 if sys.platform == "linux" else 1024))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    one, many = map(int, done.stdout.split())
    assert many - one < 100_000  # kB


@given(st.lists(st.integers(0, 5), max_size=12))
def test_unroll_counts(counts: list[int]) -> None:
    owner, number = unroll(torch.tensor(counts, dtype=torch.int64))
    assert owner.tolist() == [k for k, count in enumerate(counts) for _ in range(count)]
    assert number.tolist() == [n for count in counts for n in range(count)]


# --- bad input


def test_bad_input_is_named() -> None:
    vertices, faces = MESHES["box"]
    view = camera()
    with pytest.raises(ValueError, match="vertices: row 3 is"):
        rasterise(vertices.index_fill(0, torch.tensor([3]), torch.nan), faces, view)
    with pytest.raises(ValueError, match=r"faces: row 0 names vertices\[8\], but vertices has 8 rows"):
        rasterise(vertices, torch.tensor([[0, 1, 8]]), view)
    with pytest.raises(ValueError, match="faces is of type torch.int32"):
        rasterise(vertices, faces.int(), view)
    with pytest.raises(ValueError, match=r"camera is torch.float32 on cpu, vertices are torch.float64 on cpu: bring"):
        rasterise(vertices.double(), faces, view)
    for size in ((0, 4), (4,), (4.5, 4)):
        with pytest.raises(ValueError, match=r"size is \(.*: give \(width, height\)"):
            rasterise(vertices, faces, view, size)


def test_a_mesh_without_faces_is_an_empty_picture() -> None:
    raster = rasterise(torch.zeros(0, 3), torch.zeros(0, 3, dtype=torch.int64), camera())
    assert not raster.mask.any()
