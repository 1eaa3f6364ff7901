"""The noise model of the detector: what the embedded file says, and that faces are symmetric to it."""

from __future__ import annotations

import pytest
import torch

from asm_teach.data.assets import data_dir
from asm_teach.data.detector_noise import MOST, POINTS, mediapipe_noise
from asm_teach.data.heads import load_head

NOISE = mediapipe_noise()


def spread(yaw: float, pitch: float = 0.0) -> torch.Tensor:
    """(468,) deviation of each point, mm."""
    _, modes, rest = NOISE.at(yaw, pitch)
    return (modes.square().sum((1, 2)) + 2 * rest.square()).sqrt()


def test_the_detector_errs_more_the_further_it_looks_from_the_side():
    sizes = [float(NOISE.at(yaw, 0.0)[0].norm(dim=1).median()) for yaw in (0.0, 0.5, 1.0)]
    assert 0.5 < sizes[0] < sizes[1] < sizes[2] and sizes[2] > 2 * sizes[0]
    wide = [float(spread(yaw).median()) for yaw in (0.0, 0.5, 1.0)]
    assert 1 < wide[0] < wide[1] < wide[2] < 6


def test_the_other_side_is_the_mirror_image():
    order = NOISE.mirror
    assert torch.equal(order[order], torch.arange(POINTS))
    flip = torch.tensor([-1.0, 1.0])
    for one, other, axis in zip(NOISE.at(0.6, 0.2)[:2], NOISE.at(-0.6, 0.2)[:2], (flip, flip[:, None]), strict=True):
        torch.testing.assert_close(other, one[order] * axis)
    head = load_head()
    skin = head.dense_landmarks.points(head.mesh.vertices, head.mesh.faces)[:POINTS]
    away = (skin[order] * torch.tensor([-1.0, 1.0, 1.0]) - skin).norm(dim=1)
    assert away.max() < 4 and away.median() < 1


def test_covariances_between_measured_yaws_are_the_means_of_theirs():
    between = float(NOISE.yaws[1:3].mean())

    def covariance(yaw: float) -> torch.Tensor:
        _, modes, rest = NOISE.at(yaw, 0.1)
        flat = modes.flatten(0, 1)
        return flat @ flat.T + torch.diag(rest.square().repeat_interleave(2))

    ends = [covariance(yaw) for yaw in NOISE.yaws[1:3].tolist()]
    torch.testing.assert_close(covariance(between), (ends[0] + ends[1]) / 2, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize(("yaw", "pitch"), [(1.4, 0.0), (-2.0, 0.0), (0.3, 1.2)])
def test_beyond_what_was_measured_it_is_as_at_the_edge(yaw, pitch):
    """The bias was found from pictures to 1.25 rad, modes and rest stand for those about the last yaw."""
    near = NOISE.at(max(min(yaw, MOST), -MOST), min(pitch, 0.6))
    for one, other in zip(NOISE.at(yaw, pitch), near, strict=True):
        torch.testing.assert_close(one, other)


def test_the_file_is_small():
    assert (data_dir() / "detector_noise.npz").stat().st_size < 200_000
