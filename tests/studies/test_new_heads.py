"""The table of new heads: what is measured, and on which points."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from asm_teach import load_head
from asm_teach.data.assets import AssetUnavailable
from asm_teach.geometry.closest_point import closest_points
from asm_teach.geometry.mesh import Mesh
from asm_teach.new_head.given_landmarks import HANDFUL
from asm_teach.studies.new_heads import (
    ICT_FACEKIT,
    MEDIAPIPE,
    NewHead,
    NewHeadRow,
    compare_heads,
    format_heads,
    new_heads,
)

SOMA = load_head("soma")


@pytest.mark.long
def test_a_head_is_prepared_fitted_and_measured() -> None:
    """A face mask cut out of SOMA, on a person of another topology: near at once, and nearer after some steps."""
    points = SOMA.landmarks.points(SOMA.mesh.vertices, SOMA.mesh.faces)
    near = (SOMA.mesh.vertices[SOMA.mesh.faces].mean(1) - points[30]).norm(dim=1) < 70
    mask = NewHead(
        "mask", Mesh(SOMA.mesh.vertices, SOMA.mesh.faces[near]), {k: points[k] for k in HANDFUL.values()}, ""
    )
    person, own = load_head().sample(2), load_head()
    face = replace(person, landmarks={}), own.landmarks.points(person.vertices, person.faces)
    torch.set_num_threads(1)
    (short,) = compare_heads([mask], *face, steps=1, device="cpu", progress=False)
    (row,) = compare_heads([mask], *face, steps=10, device="cpu", progress=False)
    # A fit begins near; what is left is mostly what lies beyond the mask.
    assert row.mean < short.mean < 0.7 and row.mean < row.p95
    assert row.file_vertices == len(SOMA.mesh.vertices) > row.vertices > 1500
    assert 0.5 < row.covered < 0.98  # the forehead and the sides of the face lie beyond the mask
    assert row.flipped == row.overlapping == 0 and row.parameters == 84 * 23
    assert 10_000 < row.bytes < 1_000_000 and 0 < row.preparation < 60 and row.seconds > 0
    assert row.chart == "mean value map with its stretch relieved"


def test_the_table_as_text() -> None:
    row = NewHeadRow("mask", 500, 400, "from the file", 0, 0, 0.01, 1.5, 1932, 123_456, 0.25, 0.75, 0.9, 12.0)
    head, line = format_heads([row]).splitlines()
    assert len(head.split("  chart")[0]) == len(line.split("  from")[0])
    assert " ".join(line.split()) == "mask 500 400 1.50 0 0 1932 0.12 0.250 0.750 90% 12.0 from the file"


def test_the_five_heads_and_their_handfuls() -> None:
    try:
        heads = new_heads(progress=False)
    except AssetUnavailable as error:
        pytest.skip(f"no fetched files: {error}")
    assert [len(head.mesh.vertices) for head in heads] == [9409, 5274, 468, 9279, 4165]
    for head in heads:
        assert set(head.landmarks) == set(HANDFUL.values()) and head.licence
    for marks in (ICT_FACEKIT, MEDIAPIPE):
        assert sorted(marks) == sorted(HANDFUL.values())
    assert heads[1].mesh.uv is None
    scan = heads[3].mesh
    places = torch.tensor(list(heads[3].landmarks.values()))
    assert closest_points(places, scan.vertices, scan.faces)[1].max() < 1.5  # mm: they lie on the scan
