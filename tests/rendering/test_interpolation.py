"""From corners to pixels: values against plain autograd, gradients against finite differences."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from asm_teach.rendering.camera import Camera, look_at
from asm_teach.rendering.interpolation import blend, locate, look_up, place
from asm_teach.rendering.raster import homogeneous_pixels, rasterise

SIZE = (12, 9)


def scene(dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor, Camera]:
    """Five triangles that cut through each other, at all depths."""
    random = np.random.default_rng(5)
    vertices = torch.tensor(random.uniform(-60, 60, (9, 3)), dtype=dtype)
    faces = torch.tensor([[0, 1, 2], [3, 4, 5], [6, 7, 8], [0, 4, 8], [2, 3, 7]])
    eye = torch.tensor([20.0, 30, 250], dtype=dtype)
    return vertices, faces, look_at(eye, torch.zeros(3, dtype=dtype), 20.0, SIZE)


def located(vertices: Tensor, faces: Tensor, camera: Camera, hits: Tensor, pixels: Tensor) -> tuple[Tensor, Tensor]:
    """`locate` for pixels whose faces are known, so that nothing jumps."""
    points = homogeneous_pixels(vertices, camera, camera.size)
    corners = points.detach().T.contiguous().index_select(1, faces.T.reshape(-1)).view(9, -1)
    return locate(points, faces, corners, hits, pixels, camera.size[0])


def by_solving(vertices: Tensor, faces: Tensor, camera: Camera, hits: Tensor, pixels: Tensor) -> tuple[Tensor, Tensor]:
    """The plain form, which autograd differentiates by itself: solve for the weights in every pixel."""
    points = homogeneous_pixels(vertices, camera, camera.size)[faces[hits]]
    row, column = pixels // camera.size[0], pixels % camera.size[0]
    ray = torch.stack([column + 0.5, row + 0.5, torch.ones_like(row)], 1).to(points)
    weights = torch.linalg.solve(points.mT, ray)
    return weights / weights.sum(1, keepdim=True), 1 / weights.sum(1)


def test_weights_depths_and_their_gradients_are_those_of_the_plain_form() -> None:
    vertices, faces, camera = scene()
    raster = rasterise(vertices, faces, camera)
    assert len(raster.hits.unique()) >= 3
    results = []
    for form in (located, by_solving):
        free = [x.clone().requires_grad_() for x in (vertices, camera.focal, camera.rotation, camera.translation)]
        moved = Camera(free[1], camera.principal, free[2], free[3], camera.size)
        weights, depths = form(free[0], faces, moved, raster.hits, raster.pixels)
        upstream = torch.linspace(-1, 1, len(depths), dtype=torch.float64)
        total = (weights * torch.outer(upstream, torch.tensor([3.0, -1, 2]).double())).sum() + (depths * upstream).sum()
        results.append([weights, depths, *torch.autograd.grad(total, free)])
    for ours, plain in zip(*results, strict=True):
        torch.testing.assert_close(ours, plain, rtol=1e-8, atol=1e-9)


def test_gradcheck() -> None:
    vertices, faces, camera = scene()
    raster = rasterise(vertices, faces, camera)
    table = torch.rand(9, 4, dtype=torch.float64).requires_grad_()

    def whole(vertices: Tensor, focal: Tensor, table: Tensor) -> tuple[Tensor, Tensor]:
        moved = Camera(focal, camera.principal, camera.rotation, camera.translation, camera.size)
        weights, depths = located(vertices, faces, moved, raster.hits, raster.pixels)
        values = blend(weights, table, faces, raster.hits)
        return place(values, raster.pixels, SIZE[0] * SIZE[1], -1.0), depths

    inputs = (vertices.requires_grad_(), camera.focal.clone().requires_grad_(), table)
    assert torch.autograd.gradcheck(whole, inputs)


def test_differentiating_twice_says_that_it_cannot() -> None:
    vertices, faces, camera = scene()
    weights = rasterise(vertices.requires_grad_(), faces, camera).weights
    (gradient,) = torch.autograd.grad(weights.square().sum(), vertices, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        gradient.sum().backward()


@pytest.mark.parametrize("channels", [1, 2, 3, 7])
def test_blend_is_the_sum_of_three_rows(device: torch.device, channels: int) -> None:
    vertices, faces, camera = scene(torch.float32)
    raster = rasterise(vertices.to(device), faces.to(device), camera.to(device))
    table = torch.rand(9, channels, device=device)
    plain = (raster.weights[..., None] * table[raster.faces[raster.hits]]).sum(1)
    torch.testing.assert_close(blend(raster.weights, table, raster.faces, raster.hits), plain)
    picture = raster.spread(plain, empty=7.0)
    assert picture.shape == (9, 12, channels)
    torch.testing.assert_close(picture[raster.mask], plain)
    assert (picture[~raster.mask] == 7).all()


def test_a_straight_line_in_space_stays_straight_through_perspective() -> None:
    """A table that is linear in space comes out as that function of the point which the pixel sees."""
    vertices, faces, camera = scene()
    raster = rasterise(vertices, faces, camera)
    plane = torch.tensor([0.3, -0.2, 0.7], dtype=torch.float64)
    points = blend(raster.weights, vertices, faces, raster.hits)
    values = blend(raster.weights, (vertices @ plane)[:, None], faces, raster.hits)[:, 0]
    torch.testing.assert_close(values, points @ plane)
    torch.testing.assert_close(camera.depth(points), raster.depths)


# --- textures


def bilinear_reference(texture: np.ndarray, uv: np.ndarray) -> np.ndarray:
    """The four nearest texels (n, C), each weighed by how near it is; row 0 is at v = 1."""
    height, width = texture.shape[:2]
    x = np.clip(uv[:, 0] * width - 0.5, 0, width - 1)
    y = np.clip((1 - uv[:, 1]) * height - 0.5, 0, height - 1)
    x0, y0 = np.floor(x).astype(int), np.floor(y).astype(int)
    x1, y1 = np.minimum(x0 + 1, width - 1), np.minimum(y0 + 1, height - 1)
    fx, fy = (x - x0)[:, None], (y - y0)[:, None]
    top = texture[y0, x0] * (1 - fx) + texture[y0, x1] * fx
    bottom = texture[y1, x0] * (1 - fx) + texture[y1, x1] * fx
    return top * (1 - fy) + bottom * fy


def test_the_first_row_of_a_texture_is_at_the_top() -> None:
    texture = torch.zeros(4, 6, 3)
    texture[0, :, 0] = texture[-1, :, 2] = texture[:, -1, 1] = 1
    found = look_up(texture, torch.tensor([[0.3, 0.99], [0.3, 0.01], [0.99, 0.5]]))
    torch.testing.assert_close(found, torch.eye(3)[[0, 2, 1]])


@given(st.integers(0, 2**31))
def test_bilinear_as_weighed_by_hand(seed: int) -> None:
    random = np.random.default_rng(seed)
    texture, uv = random.uniform(0, 1, (5, 7, 3)), random.uniform(-0.2, 1.2, (30, 2))
    found = look_up(torch.tensor(texture), torch.tensor(uv))
    np.testing.assert_allclose(found.numpy(), bilinear_reference(texture, uv), atol=1e-12)


def test_gradcheck_of_a_texture() -> None:
    # Inside the texture, where bilinear look-up has one slope between two lines of texel centres.
    uv = (0.15 + 0.7 * torch.rand(8, 2, dtype=torch.float64)).requires_grad_()
    texture = torch.rand(5, 6, 3, dtype=torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(look_up, (texture, uv))


def test_bad_input_is_named() -> None:
    vertices, faces, camera = scene()
    raster = rasterise(vertices, faces, camera)
    with pytest.raises(ValueError, match=r"table has shape \(9,\): give \(V, C\)"):
        blend(raster.weights, vertices[:, 0], faces, raster.hits)
    with pytest.raises(ValueError, match="table: row 4 is"):
        blend(raster.weights, vertices.index_fill(0, torch.tensor([4]), torch.nan), faces, raster.hits)
    with pytest.raises(ValueError, match=r"texture has shape \(4, 4\): give \(H, W, C\)"):
        look_up(torch.zeros(4, 4), torch.zeros(1, 2))
    with pytest.raises(ValueError, match=r"uv has shape \(2,\): give \(n, 2\)"):
        look_up(torch.zeros(4, 4, 3), torch.zeros(2))
