"""The square that every face comes to lie in."""

from __future__ import annotations

import cmath

import numpy as np
import pytest
import torch

import asm_teach as asm
from asm_teach.beyond.drawn_faces import FRONT, face_camera
from asm_teach.beyond.face_crops import PLACES, STEADY, crop_camera, crop_frame, crop_photograph
from asm_teach.rendering.camera import look_at
from asm_teach.rendering.renderer import render


def moved(turn: float, size: float, shift: tuple[float, float]) -> torch.Tensor:
    """Points that the similarity back to the square takes to their places exactly."""
    z = size * cmath.exp(1j * turn) * np.array([complex(*place) for place in PLACES]) + complex(*shift)
    return torch.tensor(np.stack([z.real, z.imag], 1))


def test_the_frame_undoes_a_similarity() -> None:
    points = moved(0.3, 410, (90, 35))
    scale, shift = crop_frame(points)
    z = torch.view_as_complex(points.contiguous())
    expected = torch.view_as_complex(torch.tensor(PLACES).double())
    torch.testing.assert_close(scale * z + shift, expected)
    both = crop_frame(torch.stack([points, points + 5]))
    assert both[0].shape == (2,) and both[0][0] == pytest.approx(complex(scale))


def test_a_photograph_is_cut_out_turned_and_scaled() -> None:
    """A picture that tells in each pixel where it is shows the frame's own grid in the crop."""
    points, size = moved(0.2, 300, (150, 60)), 16
    rows, columns = torch.meshgrid(torch.arange(600.0) + 0.5, torch.arange(700.0) + 0.5, indexing="ij")
    scale, shift = crop_frame(points)
    at = torch.complex(columns, rows).to(torch.complex128) * scale + shift
    found = crop_photograph(at.real.float()[..., None].expand(-1, -1, 3), points, size)
    expected = ((torch.arange(size) + 0.5) / size).expand(size, size)
    torch.testing.assert_close(found, expected, atol=2e-3, rtol=0)
    grey = crop_photograph(at.real.float(), points, size)
    torch.testing.assert_close(grey, found)


def test_a_camera_draws_what_would_be_cut_out() -> None:
    head = asm.load_head()
    camera = look_at(torch.tensor([120.0, 30.0, 900.0]), torch.tensor([0.0, 10.0, 40.0]), 1500.0, (640, 640))
    steady = head.dense_landmarks.subset(list(STEADY)).points(head.mesh.vertices, head.mesh.faces)
    points = camera.project(steady)
    large = render(head.mesh, camera, background=torch.full((3,), 0.5), samples=2)[..., :3]
    cut = crop_photograph(large, points)
    drawn = render(head.mesh, crop_camera(camera, points), background=torch.full((3,), 0.5), samples=4)[..., :3].mean(
        -1
    )
    assert float((cut - drawn).abs().mean()) < 0.01
    eyes = face_camera(head, head.mesh.vertices, FRONT).project(steady) / 64
    assert float((eyes - torch.tensor(PLACES)).abs().max()) < 0.03


def test_what_is_no_face_is_refused() -> None:
    with pytest.raises(ValueError, match=r"points has shape \(468, 2\): give the five steady ones"):
        crop_frame(torch.rand(468, 2))
    with pytest.raises(ValueError, match="the corners of the eyes coincide"):
        crop_frame(torch.ones(5, 2))
    with pytest.raises(ValueError, match="the corners of the eyes coincide or are NaN"):
        crop_frame(torch.full((5, 2), torch.nan))
    with pytest.raises(ValueError, match=r"image has shape \(9, 9, 4\)"):
        crop_photograph(torch.rand(9, 9, 4), moved(0, 5, (1, 1)))
