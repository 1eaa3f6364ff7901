"""Shapes carried to other faces: local frames, places on their own side, and a head of another maker."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from asm_teach.avatar.openings import EYES, MOUTH, sides
from asm_teach.avatar.transfer import carried, places_on, template_shapes
from asm_teach.data.heads import load_head
from asm_teach.geometry.closest_point import to_array
from asm_teach.geometry.surface_points import Skin
from asm_teach.new_head.given_landmarks import HANDFUL
from asm_teach.new_head.prepare import prepare_head
from tests.avatar.models import HEAD

EXACT, SOMA = HEAD.mesh.to(dtype=torch.float64), load_head("soma")
OFFSETS = template_shapes(HEAD.mesh).offsets


def test_a_similar_face_makes_similar_shapes() -> None:
    turn = torch.linalg.matrix_exp(torch.tensor([[0.0, -0.5, 0.2], [0.5, 0, -0.9], [-0.2, 0.9, 0]]).double())
    found = carried(OFFSETS, EXACT.vertices, 1.2 * EXACT.vertices @ turn.T + 100)
    torch.testing.assert_close(found, 1.2 * OFFSETS @ turn.T, atol=1e-6, rtol=0)


def test_a_larger_mouth_moves_more_and_the_brows_as_before() -> None:
    mouth = HEAD.landmarks.points(EXACT.vertices, EXACT.faces)[62]
    share = (EXACT.vertices - mouth).square().sum(1).div(-2 * 30.0**2).exp()[:, None]
    wider = EXACT.vertices + 0.3 * share * (EXACT.vertices - mouth)
    found = carried(OFFSETS, EXACT.vertices, wider).norm(dim=-1).amax(1) / OFFSETS.norm(dim=-1).amax(1)
    names = HEAD.expressions.names
    assert 1.1 < found[names.index("mouthPucker")] < 1.3 and 0.95 < found[names.index("browInnerUp")] < 1.05


@pytest.mark.parametrize("opening", [MOUTH, *EYES.values()], ids=["mouth", *EYES])
def test_a_vertex_finds_its_place_on_its_own_side(opening) -> None:
    soma = SOMA.mesh.to(dtype=torch.float64)
    here = sides(soma, opening).near(8.0)
    there = sides(EXACT, opening).near(opening.reach)
    for mine, other in ((here[0], there[1]), (here[1], there[0])):
        rows = mine.nonzero()[:, 0]
        assert len(rows) > 10
        places = places_on(EXACT, soma, rows)
        assert not other[EXACT.faces[places.faces]].any()
        assert (places.points(EXACT.vertices, EXACT.faces) - soma.vertices[rows]).norm(dim=1).median() < 1


def test_lips_that_come_near_the_teeth_stay_skin() -> None:
    """A fit leaves the lips a little off, and the teeth behind them move otherwise."""
    teeth = torch.zeros(len(EXACT.vertices), dtype=torch.bool)
    teeth[HEAD.mesh.part_vertices("teeth")] = True
    behind = EXACT.with_vertices(EXACT.vertices - torch.tensor([0.0, 0.0, 6.0]))
    lip = torch.minimum(*sides(EXACT, MOUTH)) < 12
    nearest = Skin(to_array(EXACT.vertices), EXACT.faces.numpy()).put(to_array(behind.vertices[lip]))
    assert teeth[EXACT.faces[torch.from_numpy(nearest.face)]].any()
    assert not teeth[EXACT.faces[places_on(EXACT, behind, lip.nonzero()[:, 0]).faces]].any()
    own = places_on(EXACT, EXACT, teeth.nonzero()[:, 0])
    assert teeth[EXACT.faces[own.faces]].all()


@pytest.mark.long
def test_a_head_of_another_maker_gets_its_own_shapes() -> None:
    """SOMA's mesh, with its faces in another order, is a mesh that nothing is known of; its own shapes are known."""
    person = SOMA.sample(1, expression=False)
    points = SOMA.landmarks.points(person.vertices, person.faces)
    bare = replace(person, faces=person.faces.roll(1, 0), parts={}, landmarks={}, quads=None)
    head = prepare_head(bare, {number: points[number].tolist() for number in HANDFUL.values()})
    shapes = template_shapes(head.mesh, steps=12)
    for name in ("jawOpen", "mouthSmileLeft", "browInnerUp"):
        truth = SOMA.offsets(expressions={name: 1.0})[head.kept].double()
        moved = truth.norm(dim=1) > 1
        off = (shapes.offsets[shapes.names.index(name)] - truth).norm(dim=1)[moved].mean()
        assert off < 0.2 * truth.norm(dim=1)[moved].mean(), name
