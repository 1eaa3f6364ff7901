"""Mouths drawn side by side in one picture, against one mouth drawn by itself."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

import asm_teach as asm
from asm_teach.beyond.drawn_faces import FRONT, face_camera, person_at_rest
from asm_teach.beyond.mouth.mouth_crops import LEFT, SHAPES, SIDE, TOP, load_mouth
from asm_teach.rendering.edges import antialias
from asm_teach.rendering.interpolation import blend
from asm_teach.rendering.raster import rasterise
from asm_teach.rendering.shading import lamp

LIGHT = lamp(torch.tensor([0.3, 0.5, 1.0]), 0.6, 0.4)[:, 0]


def test_a_mouth_among_others_is_drawn_as_by_its_own_camera() -> None:
    head = asm.load_head()
    mouth, amounts = load_mouth(head), torch.rand(9, 16, generator=torch.Generator().manual_seed(0)) / 2
    view = mouth.view(head, 7)
    vertices = mouth.vertices(amounts, view.rest)
    values = mouth.lit(vertices, mouth.skin(), LIGHT)
    crops = mouth.paint(vertices, view.matrix, values)
    camera = face_camera(head, person_at_rest(head, 7), FRONT)
    camera = replace(camera, principal=camera.principal - torch.tensor([LEFT, TOP]), size=(SIDE, SIDE))
    for k in (0, 8):  # the first of the first row, and the one of the second
        raster = rasterise(vertices[k], mouth.faces, camera)
        alone = antialias(
            raster.spread(blend(raster.weights, values[k], mouth.faces, raster.hits)), raster, mouth.edges
        )
        assert crops[k].shape == (1, SIDE, SIDE)
        assert torch.allclose(crops[k, 0, 1:-1, 1:-1], alone[1:-1, 1:-1, 0], atol=2e-3)


def test_an_open_jaw_darkens_the_crop_and_parts_the_points_of_the_lips() -> None:
    head = asm.load_head()
    mouth = load_mouth(head)
    view = mouth.view(head)
    amounts = torch.zeros(2, 16)
    amounts[1, SHAPES.index("jawOpen")] = 0.4
    calm, opened = mouth.draw(amounts, view, mouth.skin(), LIGHT)
    lips = mouth.marks(mouth.vertices(amounts, view.rest), view.matrix)
    assert float(opened[14:26, 12:20].mean()) < 0.6 * float(calm[14:26, 12:20].mean())
    gap = lips[:, 18, 1] - lips[:, 14, 1]
    assert float(gap[1] - gap[0]) > 3 and float(lips.min()) > 0 and float(lips.max()) < SIDE


def test_lips_and_beard_are_parts_of_a_skin() -> None:
    mouth = load_mouth(asm.load_head())
    assert 100 < int(mouth.lips.sum()) < 400
    dark = mouth.skin(lips=0.4) / mouth.skin()
    assert torch.allclose(dark, 1 - 0.4 * mouth.lips)
    assert float(mouth.skin(beard=0.5).sum()) < float(mouth.skin().sum())


def test_a_gradient_finds_the_way_of_an_outline() -> None:
    head = asm.load_head()
    mouth = load_mouth(head)
    view = mouth.view(head)
    jaw = torch.tensor(0.2, requires_grad=True)

    def dark(amount: torch.Tensor) -> torch.Tensor:
        amounts = torch.zeros(1, 16).index_put((torch.tensor(0), torch.tensor(0)), amount)
        return mouth.draw(amounts, view, mouth.skin(), LIGHT)[0].mean()

    dark(jaw).backward()
    with torch.no_grad():
        slope = (dark(jaw + 0.05) - dark(jaw - 0.05)) / 0.1
    assert jaw.grad is not None and float(jaw.grad) == pytest.approx(float(slope), rel=0.4)


def test_a_head_without_texture_is_refused() -> None:
    head = asm.load_head()
    with pytest.raises(ValueError, match="head has no texture"):
        load_mouth(replace(head, mesh=replace(head.mesh, texture=None)))
