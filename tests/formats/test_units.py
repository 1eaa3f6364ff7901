"""The unit of a file is the one in which its face has a likely size."""

from __future__ import annotations

import pytest

from asm_teach.data.heads import load_head
from asm_teach.formats.units import UNITS, unit_of
from asm_teach.geometry.alignment import align_points


@pytest.mark.parametrize("name", UNITS)
@pytest.mark.parametrize("larger", [0.75, 1.0, 1.3])
def test_a_face_of_likely_size_names_its_unit(name: str, larger: float) -> None:
    assert unit_of(larger / UNITS[name]) == (name, UNITS[name])


@pytest.mark.parametrize("size", [0.7, 1.4, 1 / 50, 1e-6, 1e6])
def test_no_unit_makes_a_likely_face_of_another_size(size: float) -> None:
    assert unit_of(size) is None


def test_people_are_far_within_what_is_likely() -> None:
    head = load_head()
    template = head.landmarks.points(head.mesh.vertices, head.mesh.faces)
    for seed in range(20):
        person = head.sample(seed)
        scale, _, _ = align_points(template, head.landmarks.points(person.vertices, person.faces), scale=True)
        assert 1 / 1.15 < float(scale) < 1.15
