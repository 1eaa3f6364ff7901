"""Faces whose shape is known: what their pictures tell, what is kept back, and how a fit is measured."""

from __future__ import annotations

import numpy as np
import pytest
import roma
import torch
from torch import Tensor

from asm_teach.data.assets import AssetUnavailable
from asm_teach.data.heads import load_head
from asm_teach.geometry.metrics import summarise
from asm_teach.model.adaptive import AdaptiveSkinningModel, StaticSkinningModel
from asm_teach.studies.cases import Case, embedded_case, james_case, measure, methods, spread_cameras
from asm_teach.view_fit.pose import pose_from_landmarks

HEAD = load_head()
CASE = embedded_case(HEAD, seed=1)


# --- the embedded person


def test_a_seed_is_a_case():
    again, other, more = embedded_case(HEAD, 1), embedded_case(HEAD, 2), embedded_case(HEAD, 1, views=3)
    assert len(CASE.views) == 5 and len(more.views) == 3
    assert torch.equal(again.truth.vertices, CASE.truth.vertices)
    for a, b in zip(again.views, CASE.views, strict=True):
        assert torch.equal(a.landmarks.nan_to_num(-1), b.landmarks.nan_to_num(-1)) and a.size == b.size
    assert not torch.equal(other.views[0].landmarks.nan_to_num(), CASE.views[0].landmarks.nan_to_num())
    assert "1" in CASE.name and "1 px" in CASE.about and CASE.licence == HEAD.licence


def test_pictures_show_the_face_where_its_landmarks_are_and_change_none_of_them():
    (seen,), (bare,) = (embedded_case(HEAD, 1, views=1, pictures=pictures).views for pictures in (True, False))
    assert bare.image is None and seen.image is not None and seen.image.shape == (768, 768, 3)
    torch.testing.assert_close(seen.landmarks, bare.landmarks, rtol=0, atol=0, equal_nan=True)
    ground = seen.image[0, 0]
    column, row = seen.landmarks[seen.landmarks.isfinite().all(1)].round().long().clamp(0, 767).T
    on_face = (seen.image[row, column] - ground).abs().amax(1) > 0.1
    assert on_face.float().mean() > 0.9 and seen.image.min() >= 0 and seen.image.max() <= 1


def true_pixels(view: int, case: Case) -> tuple[Tensor, Tensor]:
    """Landmarks (n, 2) of a view that are seen, and where the best camera for the true points puts them."""
    seen = case.views[view].landmarks.isfinite().all(1)
    points = HEAD.dense_landmarks.subset(torch.arange(468)).points(case.truth.vertices, case.truth.faces)[seen]
    pixels = case.views[view].landmarks[seen]
    camera = pose_from_landmarks(points.double(), pixels.double(), case.views[view].size)
    return pixels, camera.project(points.double())


def test_landmarks_are_off_by_a_pixel_of_noise():
    clean = embedded_case(HEAD, 1, noise=0.0)
    for view in range(5):
        pixels, expected = true_pixels(view, CASE)
        off = (pixels - expected).std()
        assert off == pytest.approx(1.0, abs=0.15)  # some 700 numbers: 0.03 is one standard deviation
        pixels, expected = true_pixels(view, clean)
        assert (pixels - expected).abs().max() < 0.1  # the prior on the focal length pulls it a little
        assert ((pixels >= 0) & (pixels <= 768)).all()  # the face is in the picture


def test_what_a_camera_cannot_see_has_no_landmarks():
    side = HEAD.dense_landmarks.subset(torch.arange(468)).points(HEAD.mesh.vertices, HEAD.mesh.faces)[:, 0]
    hidden = [view.landmarks.isnan().any(1) for view in CASE.views]
    assert side[hidden[0]].mean() > 20  # the first camera stands on the person's right and misses the left
    assert side[hidden[4]].mean() < -20
    assert all(30 < int(h.sum()) < 234 for h in (hidden[0], hidden[4]))
    assert hidden[2].sum() < hidden[0].sum() and hidden[2].sum() < hidden[4].sum()


def test_cameras_differ_in_pose_and_lens():
    middle = CASE.truth.vertices[CASE.truth.part_vertices("face")].mean(0)
    cameras = list(spread_cameras(np.random.default_rng(0), 5, middle, 768, 0.8, (0.07, 0.14)))
    away = torch.stack([camera.centre() - middle for camera in cameras])
    assert ((away.norm(dim=1) > 440) & (away.norm(dim=1) < 1210)).all()
    angles = torch.atan2(away[:, 0], away[:, 2])
    assert (angles.diff() > 0.1).all() and angles[-1] - angles[0] > 1.2
    assert len({float(camera.focal) for camera in cameras}) == 5


def test_the_focal_lengths_are_those_that_took_the_pictures():
    middle = CASE.truth.vertices[CASE.truth.part_vertices("face")].mean(0)
    cameras = list(spread_cameras(np.random.default_rng([1, 5]), 5, middle, 768, 0.8, (0.07, 0.14)))
    assert CASE.focal == tuple(float(camera.focal) for camera in cameras)
    clean = embedded_case(HEAD, 1, noise=0.0)
    assert clean.focal == CASE.focal
    points = HEAD.dense_landmarks.subset(torch.arange(468)).points(CASE.truth.vertices, CASE.truth.faces)
    for view, camera, focal in zip(clean.views, cameras, clean.focal, strict=True):
        assert isinstance(focal, float)
        seen = view.landmarks.isfinite().all(1)
        x, y, z = (points[seen] @ roma.rotvec_to_rotmat(camera.rotation).T + camera.translation).T
        by_hand = torch.stack([384 + focal * x / z, 384 + focal * y / z], 1)
        torch.testing.assert_close(view.landmarks[seen], by_hand, rtol=0, atol=0.01)


def test_the_views_hold_landmarks_and_nothing_of_the_truth():
    for view in CASE.views:
        assert view.image is None and view.embedding is None
        assert view.size == (768, 768) and view.landmarks.shape == (468, 2)


# --- james


def test_james_is_two_photographs_as_given_and_a_scan_to_measure() -> None:
    try:
        james = james_case(progress=False)
    except AssetUnavailable as missing:
        pytest.skip(f"no fetched files: {missing}")
    assert james.name == "james" and len(james.views) == 2
    for view in james.views:
        assert view.size == (1200, 1600) and view.image.shape == (1600, 1200, 3)
        assert view.embedding is None and view.landmarks.shape == (478, 2)
        inside = (view.landmarks >= 0) & (view.landmarks <= torch.tensor([1200, 1600]))
        assert inside.all()
    assert james.focal == pytest.approx((6385, 6489), abs=1)  # of view 0 and view 1, as his cameras were measured
    assert james.landmarks.shape == (68, 3)
    face = james.truth.vertices[james.region]
    assert len(face) > 1000
    away = (face - james.landmarks[30]).norm(dim=1)
    assert 80 < away.max() < 130  # the face and not the whole head


# --- methods and measure


def test_each_method_adds_one_thing_to_the_one_before():
    rows = methods(HEAD)
    assert list(rows) == ["mean template", "static, painted", "static, 84 bones", "adaptive"]
    template, painted, held, adaptive = rows.values()
    assert template is None
    assert type(painted) is StaticSkinningModel and type(held) is StaticSkinningModel
    assert torch.equal(painted.weights(), HEAD.hand_weights) and painted.rig.names == HEAD.hand_rig.names
    assert type(adaptive) is AdaptiveSkinningModel
    assert held.rig.names == adaptive.rig.names == HEAD.rig.names
    assert torch.equal(held.weights(), adaptive.weights())
    assert torch.equal(held.bind_points(), adaptive.bind_points())
    assert {name for name, _ in held.named_parameters()} == {"translation", "rotation", "log_scale"}


def test_the_truth_itself_has_no_error():
    seen = measure(CASE, HEAD, CASE.truth.vertices)
    assert summarise(seen.distances)["rmse"] < 1e-3 and seen.distances.shape == CASE.region.shape
    assert torch.equal(seen.indices, CASE.region)
    turned = 0.8 * CASE.truth.vertices[:, [2, 0, 1]] + 50  # turned by 120 degrees, shrunk, shifted
    assert summarise(measure(CASE, HEAD, turned).distances)["rmse"] < 1e-2
    assert summarise(measure(CASE, HEAD, HEAD.mesh.vertices).distances)["mean"] > 0.5
