"""Drawn faces that differ as people do."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import asm_teach as asm
from asm_teach.beyond.action_units import UNITS
from asm_teach.beyond.drawn_faces import FRONT, draw_surface, face_camera, person_at_rest
from asm_teach.beyond.varied_faces import (
    Paint,
    draw_paint,
    draw_varied,
    painted_surface,
    varied_amounts,
    varied_person,
    varied_units,
)

BARE = Paint(lips=1.0, fold=0.0, width=2.0, teeth=1.3, inside=0.3, eyes=1.0, line=0.6)


@pytest.fixture(scope="module")
def head():
    return asm.load_head()


def test_the_same_seed_draws_the_same_face_and_another_seed_another(head) -> None:
    first, again, other = (draw_varied(head, 7, {12: 0.5}, np.random.default_rng(seed)).crop for seed in (1, 1, 2))
    assert first.shape == (64, 64) and torch.equal(first, again)
    assert float((first - other).abs().mean()) > 0.02
    with pytest.raises(ValueError, match="no unit 3"):
        draw_varied(head, 7, {3: 0.5}, np.random.default_rng(1))


def test_units_are_half_slight_smiles_and_often_nothing(head) -> None:
    generator = np.random.default_rng(3)
    drawn = [varied_units(generator) for _ in range(600)]
    assert all(set(units) <= set(UNITS) and all(0.1 <= x <= 1 for x in units.values()) for units in drawn)
    assert 0.25 < np.mean([not units for units in drawn]) < 0.35
    smiles = [units[12] for units in drawn if 12 in units]
    assert 0.3 < np.mean(np.array(smiles) < 0.55) < 0.7
    assert 0.2 < np.mean([10 in units for units in drawn if 12 in units]) < 0.7


def test_mouths_at_rest_differ_in_width_as_those_of_adults_do(head) -> None:
    corners = head.landmarks.subset([48, 54])

    def widths(people):
        ends = torch.stack([corners.points(vertices, head.mesh.faces) for vertices in people])
        return (ends[:, 1] - ends[:, 0]).norm(dim=1)

    varied = widths([varied_person(head, person) for person in range(40)])
    plain = widths([person_at_rest(head, person) for person in range(40)])
    assert 0.05 < float(varied.std() / varied.mean()) < 0.12
    assert float(varied.std()) > 1.5 * float(plain.std()) and float(varied.mean()) > float(plain.mean())


def test_a_face_at_rest_moves_a_little_and_a_smile_is_not_quite_alike_on_both_sides(head) -> None:
    generator = np.random.default_rng(4)
    calm = [varied_amounts(head, {}, generator) for _ in range(40)]
    assert 0 < max(abs(x) for amounts in calm for x in amounts.values()) < 0.6
    assert any(amounts.get("mouthSmileLeft", 0.0) < 0 for amounts in calm)
    smile = varied_amounts(head, {12: 0.6}, generator)
    left, right = smile["mouthSmileLeft"], smile["mouthSmileRight"]
    assert left != right and left + right == pytest.approx(1.2)


def test_paint_darkens_what_it_names_and_leaves_the_rest(head) -> None:
    vertices = head.mesh.vertices
    camera = face_camera(head, vertices, FRONT)
    bare = painted_surface(head, vertices, camera, FRONT, BARE).albedo
    torch.testing.assert_close(bare[:12], draw_surface(head, vertices, camera, FRONT).albedo[:12])  # the forehead
    points = head.dense_landmarks.points(vertices, head.mesh.faces)
    for paint, place, off in (
        (BARE._replace(lips=0.5), 17, 199),  # the lower lip, and not the chin
        (BARE._replace(fold=0.5), 206, 1),  # beside the nose, and not its tip
    ):
        ratio = painted_surface(head, vertices, camera, FRONT, paint).albedo / bare.clamp_min(1e-6)
        (x, y), (u, v) = camera.project(points[[place, off]]).long().tolist()
        assert float(ratio[y - 1 : y + 2, x - 1 : x + 2].min()) < 0.75
        assert float(ratio[v, u]) == pytest.approx(1, abs=1e-4)
    bearded = painted_surface(head, vertices, camera, FRONT._replace(beard=0.6), BARE).albedo / bare.clamp_min(1e-6)
    assert float(bearded[56:62, 24:40].mean()) < 0.6 and float(bearded[12:30, 16:48].min()) > 0.999


def test_a_smile_deepens_the_folds() -> None:
    calm, smiling = ([draw_paint(np.random.default_rng(k), units).fold for k in range(60)] for units in ({}, {12: 1.0}))
    assert np.mean(smiling) > np.mean(calm) + 0.15
