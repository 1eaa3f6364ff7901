"""Contours against outlines: their derivatives, and what is taken for an outline and what is not."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass

import pytest
import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from asm_teach.data.heads import load_head
from asm_teach.geometry.mesh import Mesh
from asm_teach.rendering.camera import Camera, look_at
from asm_teach.rendering.renderer import render
from asm_teach.rendering.shading import even_light, lamp
from asm_teach.view_fit.camera_numbers import NUMBERS, CameraNumbers
from asm_teach.view_fit.outline_term import OutlineTerm, find_outline

HEAD = load_head()
PERSON = HEAD.sample(3)
MIDDLE = torch.tensor([0.0, 0.0, 60.0])
YAWS = (-1.1, 0.05, 0.8)


SCALE = torch.tensor([0.1] * 3 + [0.02] * 2 + [0.05, 0.5], dtype=torch.float64)


def noise(*shape: int, seed: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@dataclass(eq=False)
class Held:
    """A face that stays where its mesh is."""

    mesh: Mesh
    adapts: bool = True

    def places(self, rows: Tensor, barycentric: Tensor) -> tuple[Tensor, Tensor]:
        return rows, barycentric

    def samples(self, places: tuple[Tensor, Tensor]) -> Tensor:
        return (places[1][..., None] * self.mesh.vertices[places[0]]).sum(1)


def cameras() -> CameraNumbers:
    eyes = [MIDDLE + 700 * torch.tensor([math.sin(a), 0.1, math.cos(a)]) for a in YAWS]
    return CameraNumbers.of([look_at(eye, MIDDLE, 1100, (440, 480)) for eye in eyes], MIDDLE)


@functools.cache
def photographs() -> tuple[Tensor, ...]:
    """Before a wall of stripes that are stronger than any outline."""
    pictures = []
    light = even_light(0.5) + 0.4 * lamp(torch.tensor([0.3, 0.3, 0.9]))
    for camera in cameras().cameras():
        shot = render(PERSON, camera, texture=HEAD.mesh.texture, light=light, samples=2)
        stripes = ((torch.arange(440) // 40) % 2 * 0.5 + 0.05).expand(480, 440)[..., None] * torch.tensor([0.5, 0.8, 1])
        pictures.append(shot[..., :3] + (1 - shot[..., 3:]) * stripes)
    return tuple(pictures)


def disc(hair: bool = False) -> tuple[Tensor, Tensor, Tensor]:
    """A round skin 40 pixels wide, its contour 4.3 pixels too far out, and the unit vectors across."""
    row, column = torch.meshgrid(torch.arange(160) + 0.5, torch.arange(160) + 0.5, indexing="ij")
    far = ((row - 80) ** 2 + (column - 80) ** 2).sqrt()
    skin, wall = torch.tensor([0.8, 0.6, 0.5]), torch.tensor([0.3, 0.4, 0.5])
    image = torch.lerp(skin, wall, (far - 40 + 0.5).clamp(0, 1)[..., None])
    image[(far - 30).abs() < 0.7] *= 0.75  # a crease, nearer to the contour of some than the outline is
    image[(far - 51).abs() < 2] = 0.02  # a black line beyond it
    if hair:
        image[far > 20] = 0.05
    angle = torch.arange(90) * 2 * math.pi / 90
    across = torch.stack([angle.cos(), angle.sin()], 1)
    return image, 80 + 44.3 * across, across


def test_the_outline_is_found_between_a_crease_and_a_black_line():
    offset, belief = find_outline(*disc(), size=1.0, reach=12.0)
    assert (offset + 4.3).abs().max() < 0.7
    assert belief.min() > 0.25


def test_skin_under_hair_has_no_outline_where_the_hair_ends():
    """Inside the line the colour is that of hair; 8 mm further inside too: nothing there is known to be skin."""
    _, believed = find_outline(*disc(), size=1.0, reach=12.0)
    _, belief = find_outline(*disc(hair=True), size=1.0, reach=12.0)
    assert belief.max() < 0.1 * believed.min()


def test_an_even_picture_has_no_outline():
    _, pixels, across = disc()
    _, belief = find_outline(torch.full((160, 160, 3), 0.5), pixels, across, size=1.0, reach=12.0)
    assert belief.max() < 1e-3


def looked(face: Held, reach: float = 8.0, state: CameraNumbers | None = None) -> OutlineTerm:
    term = OutlineTerm(photographs(), face, weight=10.0)
    assert term.look(face.mesh.vertices, (state or cameras()).to(face.mesh.vertices), reach)
    return term


def test_the_true_face_lies_on_its_outlines():
    term = looked(Held(PERSON))
    samples, state = term.face.samples(term.places), cameras()
    assert [outline.view for outline in term.outlines] == [0, 1, 2]
    for outline in (term.outlines[0], term.outlines[2]):  # from the side: nose, chin, cheek, forehead
        away = term.residuals(samples, state, outline).abs()
        sure = outline.weight > 0.2 * outline.weight.max()
        assert sure.sum() > 40
        assert away[sure].median() < 0.6


def test_a_face_beside_its_outlines_is_told_how_far():
    moved = PERSON.with_vertices(PERSON.vertices + torch.tensor([0.0, 0.0, 4.0]))
    term = looked(Held(moved))
    outline = term.outlines[0]
    away = term.residuals(term.face.samples(term.places), cameras(), outline)
    expected = 4 * math.sin(-YAWS[0]) * outline.across[:, 0].sign() * outline.across[:, 0].abs()
    sure = outline.weight > 0.2 * outline.weight.max()
    assert (away - expected)[sure].abs().median() < 0.8


def test_in_a_small_picture_an_edge_is_known_to_a_pixel_not_to_the_noise():
    """A quarter of the size: 0.4 pixels a mm. What is off by 4 mm is off by four times the noise, or by 1.7 pixels."""
    moved = Held(PERSON.with_vertices(PERSON.vertices + torch.tensor([0.0, 0.0, 4.0])))
    small = [avg_pool2d(picture.permute(2, 0, 1), 4).permute(1, 2, 0) for picture in photographs()]
    shots = [
        Camera(c.focal / 4, c.principal / 4, c.rotation, c.translation, (110, 120)) for c in cameras().cameras()
    ]  # fmt: skip
    state = CameraNumbers.of(shots, MIDDLE)
    term = OutlineTerm(small, moved, weight=10.0)
    assert term.look(moved.mesh.vertices, state, 8.0)
    samples, whole = moved.samples(term.places), looked(moved)
    off = []
    for found, pictures, points in ((term, state, samples), (whole, cameras(), moved.samples(whole.places))):
        outline = found.outlines[0]
        sure = outline.weight > 0.2 * outline.weight.max()
        off.append(float(found.residuals(points, pictures, outline)[sure].abs().median()))
    assert off[1] > 2.5
    assert off[0] == pytest.approx(off[1] * float(state.log_size[0].exp()), rel=0.25)


def test_derivatives_are_those_of_the_loss():
    face = Held(PERSON.to(dtype=torch.float64))
    state = cameras().to(face.mesh.vertices)
    term = looked(face)
    samples = term.face.samples(term.places) + noise(len(term.places[0]), 3, seed=3)
    step = (0.02 * noise(3, NUMBERS, seed=4)).requires_grad_()
    samples.requires_grad_()
    loss = term.loss(samples, state.moved(step * SCALE))
    found = torch.autograd.grad(loss, [samples, step])
    asked = term.demand(samples.detach(), state.moved(step.detach() * SCALE), SCALE)
    assert asked.loss == pytest.approx(float(loss.detach()))
    assert torch.allclose(2 * asked.force, found[0], atol=1e-9)
    # A step after another one is not quite the sum of both.
    here = torch.zeros(3, NUMBERS, dtype=torch.float64, requires_grad=True)
    now = state.moved(step.detach() * SCALE)
    (by,) = torch.autograd.grad(term.loss(samples.detach(), now.moved(here * SCALE)), [here])
    assert torch.allclose(2 * asked.cameras, by.flatten(), atol=1e-9)
    # To second order in what is small: the loss is that of weighted squares where nothing is an outlier.
    term.cut = 1e12
    asked = term.demand(samples.detach(), now, SCALE)
    push, turn = 1e-4 * noise(*samples.shape, seed=5), 1e-4 * noise(3, NUMBERS, seed=6)
    whole = torch.einsum("nx,nxy,ny", push, asked.metric, push)
    whole = whole + turn.flatten() @ asked.camera_metric @ turn.flatten()
    whole = whole + 2 * torch.einsum("nx,nxm,m", push, asked.beside, turn.flatten())
    rows = torch.cat([term.residuals(samples.detach(), now, o) * o.weight.sqrt() for o in term.outlines])
    moved = now.moved(turn * SCALE)
    after = torch.cat([term.residuals(samples.detach() + push, moved, o) * o.weight.sqrt() for o in term.outlines])
    assert float(whole) == pytest.approx(float((after - rows).square().sum()), rel=1e-2)


def test_without_a_picture_there_is_nothing_to_look_at():
    term = OutlineTerm([None, None, None], Held(PERSON), weight=10.0)
    assert not term.look(PERSON.vertices, cameras(), 8.0)
