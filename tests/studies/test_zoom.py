"""Photographs of one face from several distances."""

from __future__ import annotations

import pytest
import torch

from asm_teach.data.assets import AssetUnavailable
from asm_teach.data.heads import load_head
from asm_teach.rendering.camera import look_at
from asm_teach.studies.zoom import compare_distances, shape_change, zoom_views
from asm_teach.view_fit.view import View

HEAD = load_head()


def test_a_change_of_shape_is_what_size_place_and_turn_do_not_explain():
    one = HEAD.mesh.vertices
    turn = torch.linalg.matrix_exp(torch.tensor([[0.0, 0.3, 0.0], [-0.3, 0.0, 0.2], [0.0, -0.2, 0.0]]))
    assert shape_change(HEAD, one, 1.3 * one @ turn + 5.0) < 1e-3
    away = torch.randn(one.shape, generator=torch.Generator().manual_seed(0))
    # Independent noise of 1 mm in each coordinate: sqrt(3), of which seven numbers take next to nothing.
    assert shape_change(HEAD, one, one + away) == pytest.approx(3**0.5, rel=0.03)


@pytest.mark.long
def test_distances_come_out_in_order():
    person = HEAD.sample(3, expression=False)
    points = HEAD.dense_landmarks.points(person.vertices, person.faces)[:468]
    target = points.mean(0)
    views = []
    for distance in (220.0, 800.0):
        camera = look_at(target + torch.tensor([20.0, 10.0, distance]), target, 1000.0, (1000, 1000))
        views.append(View(None, camera.project(points), size=(1000, 1000), name=f"{distance:.0f} mm"))
    found = compare_distances(HEAD, views, progress=False)
    assert found.names == ("220 mm", "800 mm")
    assert (found.alone.diff() > 0).all() and (found.together.diff() > 0).all()
    # One lens for both: how large the face is seen tells how many times further away the second camera stood, to the
    # little that its nose is nearer than its middle. Their depth as such hangs on the shape.
    nose = points[1]
    true = [float((target + torch.tensor([20.0, 10.0, d]) - nose).norm()) for d in (220.0, 800.0)]
    assert float(found.together[1] / found.together[0]) == pytest.approx(true[1] / true[0], rel=0.15)
    assert float(found.fit.cameras[0].focal) == pytest.approx(float(found.fit.cameras[1].focal), rel=1e-5)
    text = found.text()
    assert "220 mm" in text and f"{float(found.change[0]):.2f}" in text


def test_the_photographs_are_there_from_near_to_far():
    try:
        views = zoom_views(progress=False)
    except AssetUnavailable as missing:
        pytest.skip(f"no fetched files: {missing}")
    assert [view.name for view in views] == ["15cm", "30cm", "45cm", "60cm"]
    assert all(view.landmarks.shape == (478, 2) for view in views)
