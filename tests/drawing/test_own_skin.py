"""The skin of a face from its photographs: found again where it is known, under another light in each of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.ndimage import binary_erosion
from torch import Tensor

import asm_teach as asm
from asm_teach.drawing.own_skin import BAND, CARD, _in_one_colour, _own_share, draw_in_own_skin, own_skin
from asm_teach.geometry.mesh import Mesh
from asm_teach.rendering.camera import Camera
from asm_teach.rendering.raster import rasterise
from asm_teach.rendering.renderer import render
from asm_teach.rendering.shading import lamp
from asm_teach.view_fit.view import View

GROUND = torch.tensor([0.1, 0.6, 0.2])  # no skin has this colour


@pytest.fixture(scope="module")
def taken() -> tuple[Mesh, list[Camera], list[Tensor]]:
    """A head with its own texture, from the left, the front and the right, each time with the lamp elsewhere."""
    mesh = asm.load_head().mesh
    target = mesh.vertices[mesh.part_vertices("face")].mean(0)
    cameras, images = [], []
    for side, towards in ((-0.7, (-1.0, 0.3, 0.6)), (0.0, (0.2, 0.6, 1.0)), (0.7, (1.0, 0.2, 0.6))):
        away = torch.tensor([np.sin(side), 0.1, np.cos(side)]).float()
        camera = asm.look_at(target + 700 * away, target, 500.0, (200, 200))
        light = lamp(torch.tensor(towards), strength=0.6, ambient=0.4)
        images.append(render(mesh, camera, light=light, background=GROUND, samples=2)[..., :3].clamp(0, 1))
        cameras.append(camera)
    return mesh, cameras, images


def face_off(mesh: Mesh, camera: Camera, image: Tensor, texture: Tensor, light: Tensor) -> Tensor:
    """How far the face in this skin and light is from the picture, (n,), at the pixels that show the face."""
    again = render(mesh, camera, texture=texture, light=light, background=GROUND, samples=2)[..., :3]
    shown = torch.isin(rasterise(mesh.vertices, mesh.faces, camera).face, mesh.parts["face"])
    return (again - image).abs().mean(2)[shown]


def test_the_skin_and_the_lights_give_the_pictures_back(taken: tuple[Mesh, list[Camera], list[Tensor]]) -> None:
    mesh, cameras, images = taken
    texture, lights = own_skin(mesh, cameras, images, size=256)
    assert texture.shape == (256, 256, 3) and [light.shape for light in lights] == [(9, 3)] * 3
    off = [float(face_off(mesh, *one).mean()) for one in zip(cameras, images, [texture] * 3, lights, strict=True)]
    assert max(off) < 0.015  # of the range from black to white; a texel is larger than a pixel
    mixed = float(face_off(mesh, cameras[0], images[0], texture, lights[2]).mean())
    assert mixed > 3 * max(off)  # by another picture's light it is another picture


def test_a_face_in_the_wrong_place_does_not_give_the_pictures_back(
    taken: tuple[Mesh, list[Camera], list[Tensor]],
) -> None:
    mesh, cameras, images = taken
    moved = mesh.with_vertices(mesh.vertices + torch.tensor([6.0, 4.0, 0.0]))
    texture, lights = own_skin(moved, cameras, images, size=256)
    right, right_lights = own_skin(mesh, cameras, images, size=256)
    wrong = face_off(moved, cameras[1], images[1], texture, lights[1]).mean()
    assert wrong > 1.3 * face_off(mesh, cameras[1], images[1], right, right_lights[1]).mean()


def test_what_no_picture_sees_takes_the_nearest_colour_and_never_the_grounds(
    taken: tuple[Mesh, list[Camera], list[Tensor]],
) -> None:
    mesh, cameras, images = taken
    texture, _ = own_skin(mesh, cameras[1:2], images[1:2], size=128)
    assert texture.isfinite().all() and float(texture.min()) >= 0 and float(texture.max()) <= 1
    u, v = mesh.vertex_uv()[mesh.part_vertices("face")].unbind(1)
    skin = texture[(128 * (1 - v)).long(), (128 * u).long()]
    assert ((skin[:, 1] > skin[:, 0] + 0.1).double().mean()) < 0.01  # green


def test_the_figure_has_a_column_for_each_photograph(taken: tuple[Mesh, list[Camera], list[Tensor]]) -> None:
    mesh, cameras, images = taken
    points = asm.load_head().landmarks.points(mesh.vertices, mesh.faces)
    views = [View(image, camera.project(points)) for camera, image in zip(cameras, images, strict=True)]
    figure = draw_in_own_skin(mesh, views, cameras, height=50)
    photograph, over, alone = (np.asarray(ax.images[0].get_array()) for ax in figure.axes[1::3])
    assert photograph.shape == over.shape == alone.shape == (100, 100, 3)  # every second pixel
    np.testing.assert_array_equal(photograph, images[1][::2, ::2].numpy())
    green = photograph[..., 1] > photograph[..., 0] + 0.2
    assert (np.abs(over - photograph)[green] < 0.02).mean() > 0.98  # but for the face's own border
    assert (alone[green] > 0.9).mean() > 0.98
    assert np.abs(over - photograph).mean() < 0.02 < np.abs(alone - photograph).mean()


def test_the_own_skin_ends_softly_where_the_scalp_begins(taken: tuple[Mesh, list[Camera], list[Tensor]]) -> None:
    mesh = taken[0]
    share, face, scalp = _own_share(mesh)[:, 0], mesh.part_vertices("face"), mesh.part_vertices("scalp")
    assert float(share[scalp].max()) == 0 and float(share[mesh.part_vertices("eyes")].min()) == 1
    assert 0.6 < float((share[face] == 1).double().mean()) < 0.95
    a, b = mesh.faces[torch.cat([mesh.parts["face"], mesh.parts["scalp"]])][:, :2].unbind(1)
    length = (mesh.vertices[a] - mesh.vertices[b]).norm(dim=1)
    assert ((share[a] - share[b]).abs() <= 1.5 * length / BAND + 1e-5).all()  # the steepest slope of a smooth step


def test_outside_of_the_face_one_picture_keeps_its_photograph_and_the_other_has_one_colour(
    taken: tuple[Mesh, list[Camera], list[Tensor]],
) -> None:
    mesh, cameras, images = taken
    points = asm.load_head().landmarks.points(mesh.vertices, mesh.faces)
    views = [View(image, camera.project(points)) for camera, image in zip(cameras, images, strict=True)]
    photograph, over, alone = (
        np.asarray(ax.images[0].get_array())
        for ax in draw_in_own_skin(mesh, views, cameras, height=100, whole_head=False).axes[1::3]
    )
    scalp = torch.isin(rasterise(mesh.vertices, mesh.faces, cameras[1]).face, mesh.parts["scalp"]).numpy()
    inside = binary_erosion(scalp, iterations=2)  # no part of these pixels shows anything else
    assert inside.sum() > 300
    np.testing.assert_allclose(over[inside], photograph[inside], atol=1e-6)
    np.testing.assert_allclose(alone[inside], CARD, atol=1e-6)
    texture, _ = own_skin(mesh, cameras, images, size=128)
    whole = _in_one_colour(mesh, texture, _own_share(mesh))
    u, v = mesh.vertex_uv()[mesh.part_vertices("scalp")].unbind(1)
    worn = whole[(128 * (1 - v)).long().clamp_max(127), (128 * u).long().clamp_max(127)]
    assert float((worn - worn.median(0).values).abs().amax(1).quantile(0.9)) < 0.02


def test_pictures_that_do_not_fit_are_refused_in_words(taken: tuple[Mesh, list[Camera], list[Tensor]]) -> None:
    mesh, cameras, images = taken
    with pytest.raises(ValueError, match="images: found 2 for 3 cameras"):
        own_skin(mesh, cameras, images[:2])
    with pytest.raises(ValueError, match="number 1 has shape"):
        own_skin(mesh, cameras, [images[0], images[1][:50], images[2]])
    behind = [replace(camera, translation=camera.translation - 2000) for camera in cameras]
    with pytest.raises(ValueError, match="no picture sees a point of the mesh"):
        own_skin(mesh, behind, images)
    view = View(None, cameras[0].project(mesh.vertices[:68]), size=(200, 200))
    with pytest.raises(ValueError, match="views: one of them has no picture"):
        draw_in_own_skin(mesh, [view], cameras[:1])
    view = View(images[0], cameras[0].project(mesh.vertices[:68]))
    with pytest.raises(ValueError, match="cameras: found 3 for 1 views"):
        draw_in_own_skin(mesh, [view], cameras)
