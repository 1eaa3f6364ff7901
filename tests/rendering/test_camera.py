from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from asm_teach.rendering.camera import Camera, look_at, project
from tests.rendering.cameras import F64, head_points, vec

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


# --- bad input ----------------------------------------------------------------------------------------


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
        project(torch.zeros(68, 2, dtype=F64), vec(0, 0, 0), vec(0, 0, 1), vec(1.0)[0], vec(0, 0))
    with pytest.raises(ValueError, match="same point"):
        look_at(vec(0, 0, 0), vec(0, 0, 0), 800.0, (640, 480))
    with pytest.raises(ValueError, match="eye is of shape"):
        look_at(vec(0, 0), vec(0, 0, 0), 800.0, (640, 480))
    with pytest.raises(ValueError, match="focal"):
        look_at(vec(0, 0, 9), vec(0, 0, 0), -800.0, (640, 480))
