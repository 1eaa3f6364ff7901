"""The picture in one call, and its light."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
import trimesh
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from asm_teach.data.heads import load_head
from asm_teach.geometry.mesh import Mesh
from asm_teach.rendering.camera import Camera, look_at
from asm_teach.rendering.edges import mesh_edges
from asm_teach.rendering.raster import rasterise
from asm_teach.rendering.renderer import SKIN, render
from asm_teach.rendering.shading import even_light, harmonics, lamp, shade

HEAD = load_head().mesh
BALL = trimesh.creation.icosphere(3, radius=60)
BALL = Mesh(torch.tensor(np.asarray(BALL.vertices)).float(), torch.tensor(np.asarray(BALL.faces)).long())


def camera(size: tuple[int, int] = (40, 32), target: tuple[float, float, float] = (0, 0, 0)) -> Camera:
    target = torch.tensor(target).float()
    return look_at(target + torch.tensor([30.0, 20, 400]), target, 2.2 * size[1], size)


def square(uv_faces: bool) -> Mesh:
    """100 mm, facing +z, with a texture: red above, blue below, green at the right."""
    vertices = torch.tensor([[-50.0, -50, 0], [50, -50, 0], [50, 50, 0], [-50, 50, 0]])
    uv = torch.tensor([[0.0, 0], [1, 0], [1, 1], [0, 1]])
    faces = torch.tensor([[0, 1, 2], [0, 2, 3]])
    texture = torch.zeros(8, 8, 3)
    texture[:4, :, 0] = texture[4:, :, 2] = texture[:, 6:, 1] = 1
    if uv_faces:  # the same chart with its rows in another order
        return Mesh(vertices, faces, uv.flip(0), 3 - faces, texture)
    return Mesh(vertices, faces, uv, None, texture)


@pytest.mark.parametrize("uv_faces", [False, True])
def test_a_texture_is_the_right_way_round(uv_faces: bool) -> None:
    picture = render(square(uv_faces), look_at(torch.tensor([0.0, 0, 400]), torch.zeros(3), 120.0, (40, 40)))
    assert picture.shape == (40, 40, 4)
    torch.testing.assert_close(picture[10, 12], torch.tensor([1.0, 0, 0, 1]))
    torch.testing.assert_close(picture[28, 12], torch.tensor([0.0, 0, 1, 1]))
    torch.testing.assert_close(picture[10, 33], torch.tensor([1.0, 1, 0, 1]))
    assert (picture[0] == 0).all() and (picture[:, 0] == 0).all()


def test_colours_take_the_place_of_a_texture_and_skin_of_nothing() -> None:
    mesh = square(False)
    view = camera()
    grey = render(mesh, view, colours=torch.full((4, 3), 0.5))
    torch.testing.assert_close(grey[16, 20], torch.tensor([0.5, 0.5, 0.5, 1]))
    skin = render(replace(mesh, texture=None), view)
    torch.testing.assert_close(skin[16, 20, :3], torch.tensor(SKIN))
    white = render(mesh, view, texture=torch.ones(2, 2, 3))
    torch.testing.assert_close(white[16, 20], torch.ones(4))


def test_a_background_is_what_the_picture_lies_over() -> None:
    view = camera()
    plain = render(BALL, view)
    behind = torch.rand(32, 40, 3)
    over = render(BALL, view, background=behind)
    torch.testing.assert_close(over[..., :3], plain[..., :3] + (1 - plain[..., 3:]) * behind)
    torch.testing.assert_close(over[..., 3], plain[..., 3])
    assert 0 < float((plain[..., 3] % 1 > 0).double().mean()) < 0.2  # outlines cover parts of pixels
    blue = torch.tensor([0.0, 0, 1])
    torch.testing.assert_close(
        render(BALL, view, background=blue), render(BALL, view, background=blue.expand(32, 40, 3))
    )


def test_more_rays_a_pixel_and_no_repair() -> None:
    view = camera()
    single, repaired, many = (
        render(BALL, view, antialiased=smooth, samples=rays)[..., 3]
        for smooth, rays in ((False, 1), (True, 1), (False, 8))
    )
    assert set(single.unique().tolist()) == {0.0, 1.0}
    assert many.shape == single.shape
    assert (repaired - many).abs().sum() < 0.15 * (single - many).abs().sum()
    torch.testing.assert_close(repaired, render(BALL, view, edges=mesh_edges(BALL.faces))[..., 3])


def test_everything_is_differentiable() -> None:
    """One directional derivative through vertices, camera, light, texture and background, against a difference."""
    mesh = square(True).to(dtype=torch.float64)
    start = camera().to(dtype=torch.float64)
    inputs = [
        mesh.vertices,
        start.focal,
        start.rotation,
        start.translation,
        lamp(torch.tensor([0.3, 0.5, 1.0]).double()),
        torch.rand(8, 8, 3, dtype=torch.float64),
        torch.rand(3, dtype=torch.float64),
    ]
    weight = torch.rand(32, 40, 4, dtype=torch.float64)

    def total(vertices, focal, rotation, translation, light, texture, background) -> Tensor:
        view = Camera(focal, start.principal, rotation, translation, start.size)
        picture = render(mesh, view, vertices=vertices, texture=texture, light=light, background=background)
        return (picture * weight).sum()

    free = [x.clone().requires_grad_() for x in inputs]
    gradients = torch.autograd.grad(total(*free), free)
    for place, gradient in enumerate(gradients):
        direction = torch.randn_like(gradient)
        ahead, back = ([x + s * direction if k == place else x for k, x in enumerate(inputs)] for s in (1e-7, -1e-7))
        difference = (total(*ahead) - total(*back)) / 2e-7
        # 1e-7 of about 1,000 is left of 16 digits with 6 or 7.
        torch.testing.assert_close((gradient * direction).sum(), difference, rtol=1e-4, atol=1e-4)


def test_the_embedded_head_is_rendered_in_both_precisions_and_on_both_devices(device: torch.device) -> None:
    view = camera((64, 64), tuple(HEAD.vertices.mean(0).tolist()))
    light = lamp(torch.tensor([0.5, 0.5, 1.0]))
    here = render(HEAD, view, light=light)
    there = render(HEAD.to(device, torch.float64), view.to(device, torch.float64), light=light.to(device).double())
    assert there.dtype == torch.float64 and there.device.type == device.type
    # Edge on, single and double precision may take different triangles.
    assert ((there.cpu() - here).abs() < 1e-3).double().mean() > 0.999
    assert 0.2 < float(here[..., 3].mean()) < 0.9 and float(here.min()) >= 0


def test_bad_input_is_named() -> None:
    view = camera()
    with pytest.raises(ValueError, match="samples is 0"):
        render(BALL, view, samples=0)
    with pytest.raises(ValueError, match="texture is given, but the mesh has no uv"):
        render(BALL, view, texture=torch.ones(2, 2, 3))
    with pytest.raises(ValueError, match=r"light has shape \(9,\)"):
        render(BALL, view, light=torch.ones(9))
    with pytest.raises(ValueError, match="vertices: found"):
        render(BALL, view, vertices=BALL.vertices[:-1])
    with pytest.raises(ValueError, match=r"background has shape \(4, 4, 3\): give \(3,\) or \(32, 40, 3\)"):
        render(BALL, view, background=torch.zeros(4, 4, 3))


# --- light


def directions(count: int = 20_000) -> Tensor:
    return torch.nn.functional.normalize(torch.randn(count, 3, dtype=torch.float64), dim=1)


def test_the_nine_functions_are_orthonormal_on_the_sphere() -> None:
    """By Monte Carlo over evenly spread directions: a mean times the sphere's 4 pi."""
    values = harmonics(directions(400_000))
    products = 4 * torch.pi * values.mT @ values / len(values)
    torch.testing.assert_close(products, torch.eye(9, dtype=torch.float64), rtol=0, atol=0.02)


def test_even_light_shows_the_surface_as_it_is() -> None:
    normals, albedo = directions(50), torch.rand(50, 3, dtype=torch.float64)
    torch.testing.assert_close(shade(albedo, normals, even_light(1.0, albedo)), albedo, rtol=1e-6, atol=0)


@given(st.floats(-3, 3), st.floats(-3, 3), st.floats(0.1, 3))
def test_a_lamp_lights_about_as_the_cosine_law_says(x: float, y: float, z: float) -> None:
    towards = torch.tensor([x, y, z], dtype=torch.float64)
    normals = directions()
    cosine = normals @ towards / towards.norm()
    found = shade(torch.ones_like(normals), normals, lamp(towards, strength=0.8, ambient=0.3))[:, 0]
    # 1/4 + x/2 + 5/16 (3 x^2 - 1)/2 is off max(0, x) by 3/32 at most, where the lamp is at the horizon.
    torch.testing.assert_close(found, 0.3 + 0.8 * cosine.clamp_min(0), rtol=0, atol=0.8 * 3 / 32 + 1e-6)


def test_light_stays_in_the_world_when_the_camera_turns() -> None:
    light = lamp(torch.tensor([1.0, 0, 0]))
    left, right = (
        render(BALL, look_at(torch.tensor([x, 0.0, 300.0]), torch.zeros(3), 80.0, (40, 40)), light=light)
        for x in (-300.0, 300.0)
    )
    assert right[20, 20, 0] > left[20, 20, 0] + 0.2


def test_shading_names_bad_input() -> None:
    with pytest.raises(ValueError, match=r"normals has shape \(4, 2\)"):
        harmonics(torch.zeros(4, 2))
    with pytest.raises(ValueError, match="direction is zero"):
        lamp(torch.zeros(3))


def test_texture_colours_come_from_where_the_chart_says() -> None:
    """Each pixel of the picture, asked the slow way."""
    mesh, view = square(True), camera()
    raster = rasterise(mesh.vertices, mesh.faces, view)
    assert mesh.uv is not None and mesh.uv_faces is not None and mesh.texture is not None
    picture = render(mesh, view, antialiased=False)
    for pixel, hit, weights in list(zip(raster.pixels.tolist(), raster.hits.tolist(), raster.weights, strict=True))[
        ::37
    ]:
        u, v = (weights[:, None] * mesh.uv[mesh.uv_faces[hit]]).sum(0).tolist()
        x, y = u * 8 - 0.5, (1 - v) * 8 - 0.5
        if abs(x - round(x)) + abs(y - round(y)) < 0.98:
            around = mesh.texture[[int(np.clip(round(y), 0, 7))]][0, int(np.clip(round(x), 0, 7))]
            near = (picture[pixel // 40, pixel % 40, :3] - around).abs().max()
            assert near <= abs(x - round(x)) + abs(y - round(y)) + 1e-5
