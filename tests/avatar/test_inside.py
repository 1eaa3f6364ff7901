"""Eyeballs, teeth and the bag of the mouth: placed by the skin round them, whatever a fit did to them."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from asm_teach.avatar.expressions import expression_shapes
from asm_teach.avatar.inside import face_of, hard_pieces, place_inside, walls
from asm_teach.avatar.transfer import carried, template_shapes
from asm_teach.data.heads import load_head
from asm_teach.geometry.alignment import align_points, apply_alignment
from asm_teach.geometry.mesh_edges import rim_sides
from asm_teach.model.adaptive import AdaptiveSkinningModel
from tests.avatar.models import HEAD, static
from tests.avatar.outside import EXPRESSIONS, Outside

EXACT = HEAD.mesh.to(dtype=torch.float64)
REST = EXACT.vertices
SKIN = torch.zeros(len(REST), dtype=torch.bool)
SKIN[torch.cat([EXACT.part_vertices("face"), EXACT.part_vertices("scalp")])] = True
TEETH = EXACT.part_vertices("teeth")
MIDDLE = HEAD.landmarks.points(REST, EXACT.faces)[60:].mean(0)


def torn(vertices: torch.Tensor) -> torch.Tensor:
    """The same skin and soft bags, and eyeballs and teeth anywhere."""
    noise = 5 * torch.randn(vertices.shape, generator=torch.Generator().manual_seed(1), dtype=vertices.dtype)
    hard = torch.zeros(len(vertices), 1, dtype=torch.bool)
    hard[torch.cat(hard_pieces(EXACT))] = True
    return torch.where(hard, vertices + noise, vertices)


@pytest.mark.parametrize("name", ["makehuman", "soma"])
def test_a_face_at_rest_stays(name: str) -> None:
    mesh = load_head(name).mesh.to(dtype=torch.float64)
    assert (place_inside(mesh, mesh.vertices) - mesh.vertices).abs().max() < 1e-9


def test_all_goes_along_with_a_head_that_is_turned_and_larger_wherever_teeth_were() -> None:
    turn = torch.tensor([[0.8, 0.0, 0.6], [0.0, 1.0, 0.0], [-0.6, 0.0, 0.8]], dtype=torch.float64)
    there = 1.25 * REST @ turn.T + 30
    assert (place_inside(EXACT, torn(there)) - there).norm(dim=1).max() < 0.01


def test_the_skin_is_not_touched_and_what_is_hard_keeps_its_form() -> None:
    fitted = static()().detach().double()
    placed = place_inside(EXACT, fitted)
    assert torch.equal(placed[SKIN], fitted[SKIN])
    pieces = hard_pieces(EXACT)
    assert sorted(map(len, pieces)) == [68, 68, 71, 71]
    for rows in pieces:
        way = align_points(REST[rows], placed[rows], scale=True)
        assert (apply_alignment(REST[rows], way) - placed[rows]).norm(dim=1).max() < 1e-9


def test_lower_teeth_follow_the_jaw_of_the_skin_and_upper_ones_stay() -> None:
    opened = REST + HEAD.offsets(expressions={"jawOpen": 0.7}).double()
    off = (place_inside(EXACT, torch.where(SKIN[:, None], opened, REST)) - opened)[TEETH].norm(dim=1)
    lower = REST[TEETH, 1] < MIDDLE[1]
    way = (opened - REST)[TEETH].norm(dim=1)
    assert way[lower].mean() > 15
    assert off[lower].mean() < 0.3 * way[lower].mean() and off[~lower].mean() < 3.0


def test_the_bag_of_the_mouth_stays_joined_to_the_lips() -> None:
    pucker = HEAD.offsets(expressions={"mouthPucker": 1.0}).double()
    placed = place_inside(EXACT, REST + pucker)
    bag = EXACT.faces[EXACT.parts["mouth_interior"]]
    edges = torch.cat([bag[:, [0, 1]], bag[:, [1, 2]], bag[:, [2, 0]]])
    edges = edges[SKIN[edges].any(1) & ~SKIN[edges].all(1)]
    before, after = ((x[edges[:, 0]] - x[edges[:, 1]]).norm(dim=1) for x in (REST, placed))
    assert len(edges) > 100 and before.max() < 7.0 and after.max() < 8.0 < pucker[SKIN].norm(dim=1).max()


def test_hardly_anything_comes_out_of_a_face_far_from_the_template_at_rest_or_in_expressions() -> None:
    model, template, outside = static(), template_shapes(HEAD.mesh), Outside(EXACT)
    face, shapes = face_of(model), expression_shapes(model, template)
    raw = model().detach().double()
    moved = dict(zip(template.names, carried(template.offsets, template.vertices, raw), strict=True))
    total = {"blended": 0, "placed": 0}
    for amounts in EXPRESSIONS[:4]:
        blended = raw + sum(amount * moved[name] for name, amount in amounts.items())
        for way, vertices in (("blended", blended), ("placed", face + shapes.moved(amounts))):
            total[way] += sum(outside.count(vertices).values())
    inner = 4 * sum(map(len, outside.rows.values()))
    assert total["placed"] < 0.004 * inner < 0.012 * inner < total["blended"]


def test_outside_is_where_it_is_said_to_be() -> None:
    outside = Outside(EXACT)
    assert sum(outside.count(REST).values()) == 0
    forward = REST.clone()
    forward[TEETH, 2] += 40
    assert outside.count(forward)["teeth"] > 100
    left = hard_pieces(EXACT)[0]
    forward = REST.clone()
    forward[left] += forward.new_tensor([0.0, 0.0, 6.0])
    assert outside.count(forward)["eyeballs"] > 5


def test_walls_close_all_but_the_neck_and_what_is_hard() -> None:
    assert len(walls(EXACT)) == 30 + 38 + 30
    loose = torch.cat([EXACT.parts["eyes"], EXACT.parts["teeth"]])
    keep = torch.ones(len(EXACT.faces), dtype=torch.bool)
    keep[loose] = False
    ends, _ = rim_sides(torch.cat([EXACT.faces[keep], walls(EXACT)]))
    assert len(ends) == 46 and REST[ends[:, 0], 1].max() < -100


def test_a_mesh_without_known_parts_stays() -> None:
    bare = replace(EXACT, parts={})
    fitted = torn(REST)
    assert torch.equal(place_inside(bare, fitted), fitted) and hard_pieces(bare) == [] and len(walls(bare)) == 0
    model = AdaptiveSkinningModel(replace(HEAD.mesh, parts={}, quads=None), HEAD.rig, 2)
    torch.testing.assert_close(face_of(model), model().detach().double(), atol=1e-4, rtol=0)
