"""Action units as shapes of the head."""

from __future__ import annotations

import pytest
import torch

import asm_teach as asm
from asm_teach.beyond.action_units import PROTOTYPES, UNITS, moved_skin, shape_amounts, union_map


@pytest.fixture(scope="module")
def head():
    return asm.load_head()


def test_every_unit_moves_the_head_with_shapes_of_its_own(head) -> None:
    used = [shape for unit in UNITS.values() for shape in unit.shapes]
    assert len(used) == len(set(used)) and set(used) <= set(head.expressions.names)
    for number in UNITS:
        assert moved_skin(head, {number: 1.0}).max() > 1  # mm


def test_prototypes_are_made_of_units(head) -> None:
    assert all(set(units) <= set(UNITS) for units in PROTOTYPES.values())
    assert float(moved_skin(head, dict.fromkeys(PROTOTYPES["neutral"], 1.0)).max()) == 0


def test_unit_12_pulls_the_corners_of_the_lips_up_and_apart(head) -> None:
    moved = head.mesh.vertices + head.offsets(expressions=shape_amounts({12: 1.0}))
    calm, smiling = (head.landmarks.points(v, head.mesh.faces)[[48, 54]] for v in (head.mesh.vertices, moved))
    assert (smiling[:, 1] > calm[:, 1] + 2).all()
    assert torch.linalg.vector_norm(smiling[0] - smiling[1]) > torch.linalg.vector_norm(calm[0] - calm[1]) + 4


def test_the_union_takes_the_most_of_maps_of_one_height(head) -> None:
    jaw, brow = union_map(head, [26]), union_map(head, [4])
    assert float(jaw.max()) == float(brow.max()) == 1  # though a jaw moves further
    torch.testing.assert_close(union_map(head, [4, 26]), torch.maximum(jaw, brow))
    assert not union_map(head, []).any()


@pytest.mark.parametrize(
    ("units", "words"),
    [({3: 1.0}, "no unit 3"), ({12: 1.5}, "unit 12 has the amount 1.5"), ({12: float("nan")}, "nan")],
)
def test_what_is_no_unit_is_refused(units, words) -> None:
    with pytest.raises(ValueError, match=words):
        shape_amounts(units)
