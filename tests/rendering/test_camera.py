from __future__ import annotations

import math

import pytest
import roma
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from torch import Tensor

from asm_teach.rendering.camera import Camera, look_at, pose_from_landmarks, project
from asm_teach.rendering.pose import _evaluate, _jacobian, _pixels, _Pose, _Problem

F64 = torch.float64


def vec(*numbers: float) -> Tensor:
    return torch.tensor(numbers, dtype=F64)


def head_points(seed: int, size: float = 150.0, count: int = 68) -> Tensor:
    """(count, 3) landmarks all round a head of this size, not in a plane."""
    generator = torch.Generator().manual_seed(seed)
    return (torch.rand(count, 3, generator=generator, dtype=F64) - 0.5) * size


def camera_for(points: Tensor, seed: int, distance: float, focal_ratio: float, width: int = 1000) -> Camera:
    """A camera anywhere round the points, turned any way about its axis, with the points in its picture."""
    generator = torch.Generator().manual_seed(seed + 1000)
    quaternion = torch.randn(4, generator=generator, dtype=F64)
    rotation = roma.unitquat_to_rotvec(quaternion / quaternion.norm())
    middle = roma.rotvec_to_rotmat(rotation) @ points.mean(0)
    focal = vec(focal_ratio * width)[0]
    camera = Camera(focal, vec(width / 2, width / 2), rotation, vec(0, 0, distance) - middle, (width, width))
    # A long lens close by overfills the picture: then take a larger sensor, the same lens.
    reach = float((camera.project(points) - width / 2).abs().max())
    side = max(width, 2 * math.ceil(reach))
    return Camera(focal, vec(side / 2, side / 2), rotation, camera.translation, (side, side))


def off(camera: Camera, points: Tensor, pixels: Tensor) -> Tensor:
    """(L,) pixels by which the camera misses each landmark."""
    return torch.linalg.vector_norm(camera.project(points) - pixels, dim=1)


# --- conventions ----------------------------------------------------------------------------------------


def test_a_camera_in_front_of_the_face_sees_the_persons_left_on_its_right_and_up_at_the_top():
    camera = look_at(vec(0, 0, 1000), vec(0, 0, 0), focal=1000.0, size=(200, 100))
    # One mm is one pixel at this distance, and the target is in the middle of the picture.
    expected = {(0, 0, 0): (100, 50), (10, 0, 0): (110, 50), (0, 20, 0): (100, 30), (-7, -3, 0): (93, 53)}
    for point, pixel in expected.items():
        torch.testing.assert_close(camera.project(vec(*point)), vec(*pixel))


def test_axes_are_those_of_opencv():
    camera = Camera(vec(8.0)[0], vec(50, 40), torch.zeros(3, dtype=F64), torch.zeros(3, dtype=F64), (100, 80))
    torch.testing.assert_close(camera.project(vec(1, 2, 4)), vec(50 + 8 / 4, 40 + 16 / 4))


def test_pixel_centres_are_at_half_integers():
    # Seen from the middle of a picture of four columns and two rows, the first pixel's centre is 1.5 columns
    # to the left and half a row up; its left edge, two columns to the left, is at coordinate 0 and not -0.5.
    camera = look_at(vec(0, 0, 10), vec(0, 0, 0), focal=10.0, size=(4, 2))
    torch.testing.assert_close(camera.project(vec(-1.5, 0.5, 0)), vec(0.5, 0.5))
    torch.testing.assert_close(camera.project(vec(-2, 1, 0)), vec(0, 0))
    torch.testing.assert_close(camera.project(vec(2, -1, 0)), vec(4, 2))


def test_nearer_points_are_larger_and_depth_is_measured_along_the_axis():
    camera = look_at(vec(0, 0, 500), vec(0, 0, 0), focal=500.0, size=(100, 100))
    torch.testing.assert_close(camera.depth(torch.stack([vec(30, 0, 100), vec(0, 0, 600)])), vec(400, -100))
    torch.testing.assert_close(camera.project(vec(40, 0, 100)), vec(50 + 50, 50))


def test_centre_is_where_the_camera_stands():
    eye = vec(200, 50, 700)
    camera = look_at(eye, vec(10, -20, 30), focal=900.0, size=(640, 480))
    torch.testing.assert_close(camera.centre(), eye)
    matrix = camera.world_to_camera()
    torch.testing.assert_close(matrix[:, :3] @ eye + matrix[:, 3], vec(0, 0, 0), atol=1e-9, rtol=0)
    torch.testing.assert_close(camera.project(vec(10, -20, 30)), vec(320, 240))


@pytest.mark.parametrize(("height", "column"), [(1000, 40), (-1000, 60)])
def test_looking_straight_down_or_up_keeps_the_face_towards_the_upper_edge(height: float, column: float):
    camera = look_at(vec(0, height, 0), vec(0, 0, 0), focal=1000.0, size=(100, 100))
    torch.testing.assert_close(camera.project(vec(0, 0, 10)), vec(50, 40))  # out of the face: up in the picture
    # Whoever looks down on a person that faces the top of the picture has that person's left on the left.
    torch.testing.assert_close(camera.project(vec(10, 0, 0)), vec(column, 50))


def test_to_changes_precision_and_keeps_the_rest(device: torch.device):
    camera = look_at(vec(0, 30, 900), vec(0, 0, 0), focal=1200.0, size=(640, 480)).to(device, torch.float32)
    assert camera.focal.dtype == torch.float32 and camera.focal.device.type == device.type
    assert camera.size == (640, 480)
    pixel = camera.project(torch.zeros(3, device=device))
    torch.testing.assert_close(pixel.cpu(), torch.tensor([320.0, 240.0]), atol=1e-3, rtol=0)


# --- projection -----------------------------------------------------------------------------------------


def slow_project(points: Tensor, rotation: Tensor, translation: Tensor, focal: float, principal: Tensor) -> Tensor:
    """One number at a time; the turn by Rodrigues' formula."""
    angle = math.sqrt(sum(float(r) ** 2 for r in rotation))
    axis = [float(r) / angle for r in rotation]
    pixels = []
    for p in points.tolist():
        dot = sum(a * b for a, b in zip(axis, p, strict=True))
        cross = [axis[(i + 1) % 3] * p[(i + 2) % 3] - axis[(i + 2) % 3] * p[(i + 1) % 3] for i in range(3)]
        x, y, z = (
            p[i] * math.cos(angle) + cross[i] * math.sin(angle) + axis[i] * dot * (1 - math.cos(angle))
            + float(translation[i])
            for i in range(3)
        )  # fmt: skip
        pixels.append([focal * x / z + float(principal[0]), focal * y / z + float(principal[1])])
    return torch.tensor(pixels, dtype=F64)


def test_many_cameras_at_once_equal_one_number_at_a_time(device: torch.device):
    points = head_points(0)
    rotation = torch.randn(5, 3, dtype=F64)
    translation = torch.tensor([0.0, 0.0, 800.0], dtype=F64) + 20 * torch.randn(5, 3, dtype=F64)
    focal, principal = 500 + 900 * torch.rand(5, dtype=F64), 300 + 50 * torch.rand(5, 2, dtype=F64)
    arguments = (points, rotation, translation, focal, principal)
    pixels = project(*(x.to(device) for x in arguments))
    assert pixels.shape == (5, 68, 2)
    for n in range(5):
        slow = slow_project(points, rotation[n], translation[n], float(focal[n]), principal[n])
        torch.testing.assert_close(pixels[n].cpu(), slow)
    # A shape for each camera, and float32: a millionth of the picture's 1,000 pixels or so.
    each = points.expand(5, 68, 3) + torch.arange(5, dtype=F64)[:, None, None]
    exact = project(each, *arguments[1:])
    rough = project(*(x.float().to(device) for x in (each, *arguments[1:])))
    torch.testing.assert_close(rough.cpu().double(), exact, atol=5e-3, rtol=0)


def test_project_has_the_right_derivative_in_every_argument():
    arguments = (
        head_points(1, count=4).expand(2, 4, 3).clone(),
        torch.tensor([[0.3, -0.2, 0.5], [3.0, 0.1, -0.3]], dtype=F64),
        torch.tensor([[5.0, -3.0, 600.0], [0.0, 9.0, 450.0]], dtype=F64),
        torch.tensor([700.0, 900.0], dtype=F64),
        torch.tensor([[320.0, 240.0], [300.0, 250.0]], dtype=F64),
    )
    assert torch.autograd.gradcheck(project, [x.requires_grad_() for x in arguments])


def test_the_derivative_at_no_rotation_is_finite_and_right():
    rotation = torch.zeros(3, dtype=F64, requires_grad=True)
    point = vec(30, 20, 0)
    project(point, rotation, vec(0, 0, 500), vec(500.0)[0], vec(0, 0))[0].backward()
    # x/z of (p + r x p + t), by hand: d/dr_y = (z + x^2 / Z), d/dr_x = -x y / Z with z = 0, d/dr_z = -y.
    torch.testing.assert_close(rotation.grad, vec(-30 * 20 / 500, 30 * 30 / 500, -20))


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


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"focal": 800.0}, "focal is a float"),
        ({"focal": torch.tensor(-3.0)}, "focal is -3 pixels"),
        ({"principal": torch.zeros(3)}, r"principal is of shape \(3,\)"),
        ({"rotation": torch.eye(3)}, r"rotation is of shape \(3, 3\)"),
        ({"translation": torch.tensor([0, 0, math.nan])}, "translation holds NaN"),
        ({"size": (640, -480)}, "size is"),
    ],
)
def test_a_bad_camera_is_refused(change: dict, message: str):
    good = {
        "focal": torch.tensor(800.0),
        "principal": torch.zeros(2),
        "rotation": torch.zeros(3),
        "translation": torch.zeros(3),
        "size": (640, 480),
    }
    Camera(**good)
    with pytest.raises(ValueError, match=message):
        Camera(**{**good, **change})


def test_bad_arguments_of_project_and_look_at_are_refused():
    with pytest.raises(ValueError, match=r"points has shape \(68, 2\)"):
        project(SEEN, vec(0, 0, 0), vec(0, 0, 1), vec(1.0)[0], vec(0, 0))
    with pytest.raises(ValueError, match="same point"):
        look_at(vec(0, 0, 0), vec(0, 0, 0), 800.0, (640, 480))
    with pytest.raises(ValueError, match="eye is of shape"):
        look_at(vec(0, 0), vec(0, 0, 0), 800.0, (640, 480))
    with pytest.raises(ValueError, match="focal"):
        look_at(vec(0, 0, 9), vec(0, 0, 0), -800.0, (640, 480))
