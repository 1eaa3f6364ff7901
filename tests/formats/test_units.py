"""The unit of a file is the one in which its face has a likely size."""

from __future__ import annotations

import numpy as np
import pytest

from asm_teach.data.heads import load_head
from asm_teach.formats.units import UNITS, far_middle, unit_of
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


@pytest.mark.parametrize("distance", [0.0, 300.0, 5000.0, 1e5, 4.6e9])
@pytest.mark.parametrize("stray", [False, True])
def test_far_is_where_float32_would_round_a_head(distance: float, stray: bool) -> None:
    points = np.random.default_rng(0).normal(size=(1000, 3)) * 80 + [0, distance, 0]
    points[::7] = np.nan
    points[3] = 1e12 if stray else points[3]
    middle = far_middle(points)
    assert (middle is not None) == (distance > 6000)
    if middle is not None:
        assert np.array_equal(middle, np.round(middle)) and np.abs(middle - [0, distance, 0]).max() < 20
        exact = points[1] - middle + middle
        assert np.array_equal(exact, points[1])


def test_points_in_one_place_or_none_are_not_far() -> None:
    assert far_middle(np.full((5, 3), 1e9)) is None
    assert far_middle(np.full((5, 3), np.nan)) is None and far_middle(np.empty((0, 3))) is None
