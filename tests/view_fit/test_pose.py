"""A camera found from landmarks: exact without noise, as good as the truth with it, and what it refuses."""

from __future__ import annotations

import math

import pytest
import roma
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from torch import Tensor

from asm_teach.rendering.camera import look_at
from asm_teach.view_fit.pose import _evaluate, _jacobian, _pixels, _Pose, _Problem, pose_from_landmarks
from tests.rendering.cameras import F64, camera_for, head_points, off, vec

# --- pose from landmarks --------------------------------------------------------------------------------


poses = {
    "seed": st.integers(0, 10_000),
    "size": st.floats(100, 200),
    "distance": st.floats(300, 2000),
    "focal_ratio": st.floats(0.8, 6),
}


@given(**poses)
def test_pose_and_focal_length_come_back(seed: int, size: float, distance: float, focal_ratio: float):
    points = head_points(seed, size)
    true = camera_for(points, seed, distance, focal_ratio)
    pixels = true.project(points)
    found = pose_from_landmarks(points, pixels, true.size)
    # The prior of the focal length, weighed against a noise of at least 0.1 pixels, pulls a little where the
    # perspective is weakest: these are its bounds, not those of the solver (next test).
    assert float(off(found, points, pixels).max()) < 0.02
    assert float(found.focal) == pytest.approx(float(true.focal), rel=0.01)
    assert float(torch.linalg.vector_norm(found.centre() - true.centre())) < 0.01 * distance


@given(**poses)
def test_a_known_focal_length_gives_the_pose_exactly(seed: int, size: float, distance: float, focal_ratio: float):
    points = head_points(seed, size)
    true = camera_for(points, seed, distance, focal_ratio)
    pixels = true.project(points)
    found = pose_from_landmarks(points, pixels, true.size, focal=float(true.focal))
    assert float(off(found, points, pixels).max()) < 1e-5
    torch.testing.assert_close(found.centre(), true.centre(), atol=1e-4, rtol=0)
    assert float(found.focal) == float(true.focal)


@given(seed=st.integers(0, 10_000), known=st.booleans())
def test_with_noise_the_fit_is_as_good_as_the_truth(seed: int, known: bool):
    points = head_points(seed)
    true = camera_for(points, seed, distance=600, focal_ratio=1.5)
    noise = torch.randn(68, 2, generator=torch.Generator().manual_seed(seed), dtype=F64)
    pixels = true.project(points) + noise
    found = pose_from_landmarks(points, pixels, true.size, focal=float(true.focal) if known else None)
    # The best fit has no larger residuals than the true camera; the prior may cost a fraction of a per cent.
    slack = 1.0 if known else 1.005
    assert float(off(found, points, pixels).square().sum()) <= slack * float(noise.square().sum())
    # One pixel of 136 numbers is 0.4 mm at this distance: it moves the camera a few mm, more along its axis.
    assert float(torch.linalg.vector_norm(found.centre() - true.centre())) < 60
    assert float(found.focal) == pytest.approx(float(true.focal), rel=0.1)


@given(seed=st.integers(0, 10_000), depth=st.floats(0, 30))
def test_of_two_mirrored_poses_of_a_flat_face_the_right_one_is_taken(seed: int, depth: float):
    # Flat, or nearly so: without perspective a mask turned left and one turned right look the same.
    points = head_points(seed) * vec(1, 1, depth / 150)
    true = camera_for(points, seed, distance=450, focal_ratio=1.2)
    normal = roma.rotvec_to_rotmat(true.rotation)[2, 2]
    pixels = true.project(points)
    found = pose_from_landmarks(points, pixels, true.size, focal=float(true.focal))
    assert bool((found.depth(points) > 0).all())
    assert float(torch.linalg.det(roma.rotvec_to_rotmat(found.rotation))) == pytest.approx(1)
    if abs(float(normal)) > 0.1:  # seen from the edge a flat face is a line and says nothing
        assert float(off(found, points, pixels).max()) < 1e-3


def test_no_landmark_ends_up_behind_the_camera_when_the_focal_length_is_far_too_short():
    points = head_points(3, size=200)
    true = camera_for(points, 3, distance=300, focal_ratio=1.0)
    found = pose_from_landmarks(points, true.project(points), true.size, focal=0.3 * float(true.focal))
    assert bool((found.depth(points) > 0).all())


def test_a_pose_with_a_landmark_behind_the_lens_is_no_candidate():
    # Its pixel would be that of the mirrored point; within 2 % of the distance in front it is refused as well.
    points = vec(0, 0, -100) + torch.zeros(4, 3, dtype=F64)
    problem = _Problem(points, torch.zeros(4, 2, dtype=F64), focal=1000.0, focal_sigma=0.0, robust=None)
    for distance, fits in ((150.0, True), (101.0, False), (50.0, False)):
        pose = _Pose(torch.eye(3, dtype=F64), vec(math.log(1000 / distance), 0, 0, math.log(1000)))
        assert math.isfinite(_evaluate(problem, pose)[0]) == fits


@pytest.mark.parametrize("flat", [True, False])
def test_four_landmarks_are_enough(flat: bool):
    points = torch.tensor([[-45.0, 35, 0], [45, 35, 0], [25, -35, 0], [-25, -35, 0]], dtype=F64)
    if not flat:
        points[:, 2] = vec(0, 0, 12, 30)
    true = look_at(vec(250, 80, 500), vec(0, 0, 0), focal=1000.0, size=(800, 800))
    found = pose_from_landmarks(points, true.project(points), true.size, focal=1000.0)
    torch.testing.assert_close(found.centre(), true.centre(), atol=1e-2, rtol=0)


def test_a_robust_loss_ignores_landmarks_that_are_far_off():
    points = head_points(4)
    true = camera_for(points, 4, distance=600, focal_ratio=1.5)
    pixels = true.project(points) + 0.5 * torch.randn(68, 2, dtype=F64)
    wrong = torch.arange(0, 68, 10)
    right = torch.ones(68, dtype=torch.bool).index_fill(0, wrong, False)
    pixels[wrong] += 60
    robust = pose_from_landmarks(points, pixels, true.size, robust=2.0)
    plain = pose_from_landmarks(points, pixels, true.size)
    assert float(off(robust, points, pixels)[right].mean()) < 1
    assert float(off(plain, points, pixels)[right].mean()) > 5


def test_where_the_perspective_drowns_in_noise_the_focal_length_is_the_priors():
    points = head_points(5)
    # A face 40 pixels wide from 200 m: its perspective is a hundredth of a pixel, and even at the prior's
    # median of 7 m it would be a fifth of one. Landmarks with a pixel of noise leave it open.
    true = camera_for(points, 5, distance=200_000, focal_ratio=50.0)
    pixels = true.project(points) + torch.randn(68, 2, dtype=F64)

    def found(median: float, sigma: float) -> float:
        camera = pose_from_landmarks(points, pixels, true.size, focal_prior=(median, sigma))
        return float(camera.focal) / math.hypot(*true.size)

    assert found(1.2, 0.1) == pytest.approx(1.2, rel=0.3)  # three sigma
    assert found(3.0, 0.1) == pytest.approx(3.0, rel=0.3)
    assert abs(math.log(found(1.2, 0.7) / 1.2)) < 3 * 0.7


def test_with_strong_perspective_the_prior_hardly_matters():
    points = head_points(6, size=200)
    true = camera_for(points, 6, distance=300, focal_ratio=1.0)
    pixels = true.project(points) + 0.5 * torch.randn(68, 2, dtype=F64)
    focals = [float(pose_from_landmarks(points, pixels, true.size, focal_prior=(m, 0.7)).focal) for m in (0.6, 6.0)]
    assert focals[0] == pytest.approx(focals[1], rel=0.01)
    assert focals[0] == pytest.approx(float(true.focal), rel=0.03)


@pytest.mark.parametrize("median", [0.6, 1.2, 6.0])
def test_prior_and_picture_are_weighed_as_stated(median: float):
    # The most likely focal length, found by trying many: the residuals of the best pose for each, with their
    # variance taken from themselves (136 numbers less 7), against a prior of sigma 0.15.
    points = head_points(11)
    true = camera_for(points, 11, distance=1500, focal_ratio=3.0)
    pixels = true.project(points) + torch.randn(68, 2, dtype=F64)
    diagonal = math.hypot(*true.size)

    def cost(log_focal: float) -> float:
        camera = pose_from_landmarks(points, pixels, true.size, focal=math.exp(log_focal))
        misfit = float(off(camera, points, pixels).square().sum())
        surprise = (log_focal - math.log(median * diagonal)) / 0.15
        return 129 * math.log(misfit / 129 + 0.01) + surprise**2

    found = pose_from_landmarks(points, pixels, true.size, focal_prior=(median, 0.15))
    best = minimize_scalar(cost, bracket=(math.log(true.focal), math.log(median * diagonal) + 0.01))
    assert math.log(found.focal) == pytest.approx(float(best.x), abs=1e-4)
    if median == 6:  # neither the picture nor the prior has it all its own way
        assert 1.02 * float(true.focal) < float(found.focal) < 0.95 * median * diagonal


def test_moving_the_world_moves_the_camera_along():
    points = head_points(7)
    true = camera_for(points, 7, distance=700, focal_ratio=2.0)
    pixels = true.project(points) + torch.randn(68, 2, dtype=F64)
    turn, shift = roma.rotvec_to_rotmat(vec(0.4, -1.1, 0.2)), vec(1000, -2000, 500)
    here = pose_from_landmarks(points, pixels, true.size)
    there = pose_from_landmarks(points @ turn.mT + shift, pixels, true.size)
    torch.testing.assert_close(there.centre(), turn @ here.centre() + shift, atol=0.05, rtol=0)


def test_precision_and_device_are_those_of_the_points(device: torch.device):
    points = head_points(8)
    true = camera_for(points, 8, distance=700, focal_ratio=2.0)
    pixels = true.project(points)
    found = pose_from_landmarks(points.float().to(device), pixels.float().to(device), true.size)
    assert found.translation.dtype == torch.float32 and found.translation.device.type == device.type
    # float32 holds a coordinate of 1,000 mm or pixels to 6e-5; a few such roundings meet in a pixel.
    assert float(off(found.to("cpu", F64), points, pixels).max()) < 0.05


def test_the_solvers_derivative_is_that_of_its_projection():
    turned, numbers = head_points(9, count=6), vec(0.4, 12, -7, math.log(900))

    def moved(step: Tensor) -> Tensor:
        return _pixels(turned @ roma.rotvec_to_rotmat(step[:3]).mT, numbers + step[[3, 4, 5, 6]])

    by_autograd = torch.autograd.functional.jacobian(moved, torch.zeros(7, dtype=F64))
    torch.testing.assert_close(_jacobian(turned, _pixels(turned, numbers), numbers), by_autograd)


# --- bad input ------------------------------------------------------------------------------------------

GOOD = head_points(10)
SEEN = camera_for(GOOD, 10, distance=700, focal_ratio=1.2).project(GOOD)
NAN = GOOD.clone().index_fill(0, torch.tensor([7]), math.nan)
LINE = torch.arange(68, dtype=F64)[:, None] * vec(1, 2, 3)


@pytest.mark.parametrize(
    ("points", "pixels", "options", "message"),
    [
        (GOOD[:3], SEEN[:3], {}, "only 3 landmarks: four or more"),
        (GOOD, SEEN[:60], {}, "points has 68 landmarks and pixels has 60"),
        (GOOD[:, :2], SEEN, {}, r"points has shape \(68, 2\)"),
        (GOOD, GOOD, {}, r"pixels has shape \(68, 3\)"),
        (NAN, SEEN, {}, "points: row 7"),
        (GOOD, NAN[:, :2], {}, "pixels: row 7"),
        (GOOD.tolist(), SEEN, {}, "points is a list"),
        (LINE, SEEN, {}, "points all lie on one line"),
        (GOOD * 0 + 3, SEEN, {}, "points all lie on one line"),
        (GOOD, SEEN / 1000, {}, "fractions of the picture's size"),
        (GOOD, SEEN + 2000, {}, "68 of 68 landmarks lie outside the picture of 1000 x 1000"),
        (GOOD, SEEN, {"size": (0, 100)}, "size is"),
        (GOOD, SEEN, {"size": (1000, 1000, 3)}, "size is"),
        (GOOD, SEEN, {"size": (1000.5, 1000)}, "size is"),
        (GOOD, SEEN, {"size": 1000}, "size is"),
        (GOOD, SEEN, {"focal": 0.0}, "focal is 0.0: give a number above zero"),
        (GOOD, SEEN, {"focal": math.nan}, "focal is nan"),
        (GOOD, SEEN, {"focal_prior": (1.2, -1.0)}, "sigma of focal_prior is -1.0"),
        (GOOD, SEEN, {"robust": 0.0}, "robust is 0.0"),
    ],
)
def test_bad_landmarks_are_refused(points: Tensor, pixels: Tensor, options: dict, message: str):
    with pytest.raises(ValueError, match=message):
        pose_from_landmarks(points, pixels, **{"size": (1000, 1000), **options})
