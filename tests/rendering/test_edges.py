"""Outlines: what they cover, against many rays a pixel, and how pixels change as they move."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
import torch
import trimesh
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from asm_teach.rendering.camera import Camera, look_at
from asm_teach.rendering.edges import antialias, mesh_edges
from asm_teach.rendering.raster import rasterise

TRIANGLE = torch.tensor([[-37.0, -41, 3], [44, -28, -8], [9, 47, 5]], dtype=torch.float64)
ONE = torch.tensor([[0, 1, 2]])


def camera(size: tuple[int, int] = (40, 32), eye: tuple[float, float, float] = (13, 7, 300)) -> Camera:
    here = torch.tensor(eye, dtype=torch.float64)
    return look_at(here, torch.zeros(3, dtype=torch.float64), 2.2 * size[1], size)


def coverage(vertices: Tensor, faces: Tensor, camera: Camera, smooth: bool = True) -> Tensor:
    """(H, W) how much of each pixel the mesh covers."""
    raster = rasterise(vertices, faces, camera)
    picture = raster.mask[..., None].to(vertices)
    return (antialias(picture, raster, mesh_edges(faces)) if smooth else picture)[..., 0]


def by_many_rays(vertices: Tensor, faces: Tensor, camera: Camera, rays: int = 16) -> Tensor:
    """(H, W) the share of rays x rays rays of each pixel that meet the mesh."""
    width, height = camera.size
    fine = rasterise(vertices, faces, camera, (rays * width, rays * height)).mask.double()
    return fine.view(height, rays, width, rays).mean((1, 3))


def solid(mesh: trimesh.Trimesh) -> tuple[Tensor, Tensor]:
    return torch.tensor(np.asarray(mesh.vertices)).double(), torch.tensor(np.asarray(mesh.faces)).long()


SOLIDS = {
    "triangle": (TRIANGLE, ONE),
    "ball": solid(trimesh.creation.icosphere(4, radius=45)),  # its rim is of slivers that no pixel shows
    "box": solid(trimesh.creation.box([50, 60, 45])),
    "ring": solid(trimesh.creation.torus(35, 13)),
}


@pytest.mark.parametrize("name", SOLIDS)
def test_an_outline_covers_about_what_many_rays_say(name: str) -> None:
    vertices, faces = SOLIDS[name]
    view = camera((80, 64))
    truth = by_many_rays(vertices, faces, view)
    rough, smooth = (coverage(vertices, faces, view, smooth) for smooth in (False, True))
    assert smooth.min() >= 0 and smooth.max() <= 1 + 1e-12
    # What is left are corners, where two outlines share a pixel.
    assert (smooth - truth).abs().sum() < 0.15 * (rough - truth).abs().sum()
    assert abs(float(smooth.sum() / truth.sum()) - 1) < 1e-3


# --- gradients


def test_without_the_repair_there_is_no_gradient() -> None:
    vertices = TRIANGLE.clone().requires_grad_()
    raster = rasterise(vertices, ONE, camera())
    picture = raster.spread(torch.ones_like(raster.weights[:, :1]))
    assert not picture.requires_grad  # a triangle of one colour does not depend on where it is ...
    shifted = rasterise(TRIANGLE + 2.0, ONE, camera())
    assert (shifted.mask != raster.mask).any()  # ... but its picture does


@pytest.mark.parametrize("name", SOLIDS)
def test_the_gradient_of_a_pixel_sum_is_its_finite_difference(name: str) -> None:
    """Each vertex moved by itself, in each direction; weights tell the pixels apart."""
    vertices, faces = SOLIDS[name]
    view = camera()
    weight = torch.rand(32, 40, dtype=torch.float64)

    def total(moved: Tensor) -> Tensor:
        return (coverage(moved, faces, view) * weight).sum()

    free = vertices.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(total(free), free)
    step = 1e-6  # mm; float64 leaves eight digits of the difference
    strongest = gradient.flatten().abs().topk(min(12, gradient.numel())).indices
    some = torch.cat([strongest, torch.arange(0, gradient.numel(), max(1, gradient.numel() // 12))])
    for which in some.tolist():
        ahead, back = vertices.flatten().clone(), vertices.flatten().clone()
        ahead[which] += step
        back[which] -= step
        difference = (total(ahead.view(-1, 3)) - total(back.view(-1, 3))) / (2 * step)
        torch.testing.assert_close(gradient.flatten()[which], difference, rtol=1e-5, atol=1e-6)


@given(st.floats(-60, 60), st.floats(0, 6.28), st.integers(0, 2))
def test_the_position_of_an_edge(offset: float, angle: float, axis: int) -> None:
    """A pixel sum against the position of a straight edge across the picture, for any slope: the difference over a
    tenth of a pixel too, since the sum has no jumps where the edge passes pixel centres."""
    turn = torch.tensor([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]]).double()
    half = torch.tensor([[0.0, -900, 0], [0, 900, 0], [-900, 0, 0]]).double()
    view = camera((40, 40), (0, 0, 300))

    def total(x: Tensor) -> Tensor:
        vertices = (half + x * torch.eye(3, dtype=torch.float64)[0]) @ turn.mT
        return coverage(vertices, ONE, view).sum()

    at = torch.tensor(0.5 * offset, dtype=torch.float64, requires_grad=True)
    (gradient,) = torch.autograd.grad(total(at), at)
    near = (total(at + 1e-6) - total(at - 1e-6)) / 2e-6
    torch.testing.assert_close(gradient, near, rtol=1e-4, atol=1e-4)
    pixel = 300 / float(view.focal)  # mm
    far = (total(at + 0.05 * pixel) - total(at - 0.05 * pixel)) / (0.1 * pixel)
    # Over that way the line may change by two pixels the rows it crosses at the picture's border.
    torch.testing.assert_close(gradient, far, rtol=0.1, atol=1.0)


def test_gradcheck_of_colours_on_both_sides() -> None:
    raster = rasterise(TRIANGLE, ONE, camera())
    edges = mesh_edges(ONE)
    picture = torch.rand(32, 40, 3, dtype=torch.float64).requires_grad_()
    mixed = antialias(picture, raster, edges)
    assert (mixed != picture).any(2).sum() > 20
    upstream = torch.rand_like(picture)
    (gradient,) = torch.autograd.grad((mixed * upstream).sum(), picture)
    # It is linear in the picture, so one direction and any step will do.
    direction = torch.rand_like(picture)
    change = ((antialias(picture.detach() + direction, raster, edges) - mixed.detach()) * upstream).sum()
    torch.testing.assert_close((gradient * direction).sum(), change)


def test_a_nearer_square_is_drawn_over_a_farther_one_and_a_hidden_one_leaves_no_trace() -> None:
    square = torch.tensor([[-30.0, -30, 0], [31, -30, 0], [31, 32, 0], [-30, 32, 0]], dtype=torch.float64)
    two = torch.tensor([[0, 1, 2], [0, 2, 3]])
    near, far, hidden = (s * square + torch.tensor([0.0, 0, z]).double() for s, z in ((1, 20), (2, -50), (0.5, -100)))
    vertices, faces = torch.cat([near, far, hidden]), torch.cat([two, two + 4, two + 8])
    view = camera()
    for shown in (slice(0, 6), slice(0, 4)):
        raster = rasterise(vertices, faces[shown], view)
        colour = torch.tensor([0.9, 0.4, 0.1]).double()[raster.hits // 2][:, None]
        picture = antialias(raster.spread(colour), raster, mesh_edges(faces[shown]))
        if shown.stop == 6:
            with_hidden = picture
    torch.testing.assert_close(picture, with_hidden, rtol=0, atol=0)
    inner = picture[..., 0][8:24, 10:30]
    between = (inner > 0.41) & (inner < 0.89)  # outlines of the near square over the far one
    assert between.sum() > 20 and inner.min() > 0.3


def test_on_the_gpu_too(device: torch.device) -> None:
    vertices, faces = SOLIDS["ring"]
    here = coverage(vertices, faces, camera())
    there = coverage(vertices.to(device), faces.to(device), camera().to(device))
    torch.testing.assert_close(there.cpu(), here, rtol=0, atol=1e-9)


def test_outlines_behind_the_camera_do_no_harm() -> None:
    vertices = (50 * torch.randn(18, 3, dtype=torch.float64)).requires_grad_()
    view = camera(eye=(5, 5, 20))
    assert not (view.depth(vertices) > 0).all()
    picture = coverage(vertices, torch.arange(18).view(-1, 3), view)
    (gradient,) = torch.autograd.grad(picture.sum(), vertices)
    assert torch.isfinite(picture).all() and torch.isfinite(gradient).all() and gradient.any()


# --- the edges of a mesh


def test_a_closed_mesh_has_no_border() -> None:
    _, faces = SOLIDS["box"]
    edges = mesh_edges(faces)
    assert edges.ends.shape == (18, 2) and (edges.across >= 0).all()
    for (a, b), third in zip(edges.ends.tolist(), edges.across.tolist(), strict=True):
        rows = {tuple(sorted(face)) for face in faces.tolist()}
        assert all(tuple(sorted((a, b, c))) in rows for c in third)


def test_borders_and_edges_of_three_faces() -> None:
    edges = mesh_edges(torch.tensor([[0, 1, 2], [0, 2, 3]]))
    assert edges.ends.shape == (5, 2) and int((edges.across[:, 1] < 0).sum()) == 4
    book = mesh_edges(torch.tensor([[0, 1, 2], [0, 1, 3], [1, 0, 4]]))  # three pages on one back
    back = (book.ends.sort(1).values == torch.tensor([0, 1])).all(1)
    assert int(back.sum()) == 3 and (book.across[back, 1] == -1).all()


def test_a_seam_is_no_border_where_places_are_given() -> None:
    vertices = torch.tensor([[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [1, 0, 0], [0, 1, 0], [1, 1, 0]])
    faces = torch.tensor([[0, 1, 2], [3, 5, 4]])
    assert int((mesh_edges(faces).across[:, 1] < 0).sum()) == 6
    edges = mesh_edges(faces, vertices)
    assert len(edges.ends) == 5 and int((edges.across[:, 1] < 0).sum()) == 4
    assert mesh_edges(torch.tensor([[0, 1, 3]]), vertices).ends.tolist() == [[0, 1]]  # a side of no length is none


def test_bad_input_is_named() -> None:
    raster = rasterise(TRIANGLE, ONE, camera())
    refuse = partial(pytest.raises, ValueError)
    with refuse(match=r"picture has shape \(40, 32, 1\): this raster is \(32, 40\)"):
        antialias(torch.zeros(40, 32, 1), raster, mesh_edges(ONE))
    with refuse(match="faces is of type torch.int32"):
        mesh_edges(ONE.int())
    with refuse(match=r"faces: row 0 names vertices\[2\], but vertices has 2 rows"):
        mesh_edges(ONE, TRIANGLE[:2])
