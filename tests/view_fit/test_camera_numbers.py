"""Cameras as numbers: the same pictures as `Camera`, and slopes that are those of autograd."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from asm_teach.rendering.camera import Camera, look_at
from asm_teach.view_fit.camera_numbers import NUMBERS, CameraNumbers, LensPrior

PIVOT = torch.tensor([3.0, -5.0, 90.0], dtype=torch.float64)


def noise(*shape: int, seed: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def shots(seed: int = 0, count: int = 3) -> list[Camera]:
    """Cameras round a face, each with its own distance, lens, principal point, tilt and picture size."""
    found = []
    for n in range(count):
        yaw, pitch, tilt, away, lens, *off = noise(7, seed=100 * seed + n).tolist()
        distance = 700 * math.exp(0.3 * away)
        direction = PIVOT.new_tensor([math.sin(0.6 * yaw), 0.3 * pitch, math.cos(0.6 * yaw)])
        size = (640 + 100 * n, 480)
        one = look_at(PIVOT + distance * direction, PIVOT + 10 * tilt, 900 * math.exp(0.3 * lens), size)
        principal = one.principal + 20 * one.principal.new_tensor(off)
        found.append(Camera(one.focal, principal, one.rotation, one.translation, size))
    return found


def points(count: int = 6, seed: int = 50) -> Tensor:
    """Round the pivot, as far as a face reaches."""
    return PIVOT + 70 * noise(count, 3, seed=seed)


@given(st.integers(0, 1000))
def test_cameras_come_back_as_they_went_in(seed):
    given_ = shots(seed)
    state = CameraNumbers.of(given_, PIVOT)
    assert len(state) == 3
    for found, camera in zip(state.cameras(), given_, strict=True):
        assert found.size == camera.size
        for name in ("focal", "principal", "translation"):
            torch.testing.assert_close(getattr(found, name), getattr(camera, name), rtol=1e-9, atol=1e-9)
        # as matrices: of a half turn there are two rotation vectors
        torch.testing.assert_close(found.world_to_camera(), camera.world_to_camera(), rtol=1e-9, atol=1e-8)


@given(st.integers(0, 1000))
def test_points_are_seen_where_the_camera_sees_them(seed):
    given_ = shots(seed)
    state = CameraNumbers.of(given_, PIVOT)
    grid = points(12).view(3, 4, 3)  # samples, and the points of a grid round each
    for n, camera in enumerate(given_):
        torch.testing.assert_close(state.project(grid, n), camera.project(grid), rtol=1e-9, atol=1e-7)
        torch.testing.assert_close(state.seen(grid, n)[..., 2], camera.depth(grid), rtol=1e-9, atol=1e-7)
        torch.testing.assert_close(state.depth[n], camera.depth(PIVOT), rtol=1e-9, atol=1e-7)


@given(st.integers(0, 1000))
def test_slopes_are_those_of_autograd(seed):
    """By the points, and by a step of each of the seven numbers from where the cameras stand."""
    state, where = CameraNumbers.of(shots(seed), PIVOT), points(seed=seed)
    for n in range(len(state)):

        def pixels(step: Tensor, n: int = n) -> Tensor:
            whole = torch.cat([step[None] if k == n else torch.zeros_like(step)[None] for k in range(len(state))])
            return state.moved(whole).project(where, n)

        by_point, by_camera = state.slopes(where, n)
        each = torch.autograd.functional.jacobian(lambda x, n=n: state.project(x, n), where)  # (m, 2, m, 3)
        rows = torch.arange(len(where))
        torch.testing.assert_close(by_point, each[rows, :, rows], rtol=1e-8, atol=1e-8)
        assert each.transpose(1, 2)[~torch.eye(len(where), dtype=torch.bool)].abs().max() == 0
        torch.testing.assert_close(by_camera, central(pixels, NUMBERS), rtol=1e-6, atol=1e-4)


def central(function, count: int) -> Tensor:
    """(..., count): central differences at 0; the slope of a turn of none is one where autograd of roma has a 0 / 0."""
    ways = 1e-5 * torch.eye(count, dtype=torch.float64)
    return torch.stack([(function(way) - function(-way)) / 2e-5 for way in ways], -1)


def test_each_number_does_what_its_name_says():
    """Of the pivot: turns leave it where it is, a shift moves it, the size and the focal length leave it."""
    state = CameraNumbers.of(shots(), PIVOT)
    before = torch.stack([state.project(PIVOT, n) for n in range(3)])

    def moved(number: int, by: float) -> CameraNumbers:
        step = torch.zeros(3, NUMBERS, dtype=torch.float64)
        step[:, number] = by
        return state.moved(step)

    for number in (0, 1, 2, 5, 6):
        after = torch.stack([moved(number, 0.1).project(PIVOT, n) for n in range(3)])
        if number < 6:
            torch.testing.assert_close(after, before)
        else:  # further from the middle of the picture by the focal length, where the pivot is not in it
            torch.testing.assert_close(after - state.principal, math.exp(0.1) * (before - state.principal))
    by = torch.stack([moved(3, 0.01).project(PIVOT, n) for n in range(3)]) - before
    torch.testing.assert_close(by, torch.stack([0.01 * state.log_focal.exp(), torch.zeros(3).double()], 1))
    torch.testing.assert_close(moved(5, 0.1).depth, state.depth * math.exp(-0.1))  # nearer: larger
    torch.testing.assert_close(moved(6, 0.1).depth, state.depth * math.exp(0.1))  # a longer lens from further away
    # and the face keeps its size: what is 10 mm beside the pivot is as many pixels from it
    beside = PIVOT + state.rotation[0].mT @ PIVOT.new_tensor([10.0, 0, 0])
    spans = [float((s.project(beside, 0) - s.project(PIVOT, 0)).norm()) for s in (state, moved(6, 0.1), moved(5, 0.1))]
    assert spans[1] == pytest.approx(spans[0], rel=1e-9)
    assert spans[2] == pytest.approx(spans[0] * math.exp(0.1), rel=1e-9)


def test_no_step_is_no_step():
    state = CameraNumbers.of(shots(), PIVOT)
    same = state.moved(torch.zeros(3, NUMBERS, dtype=torch.float64))
    for n in range(3):
        assert torch.equal(same.project(points(), n), state.project(points(), n))
    assert same.sizes == state.sizes


def test_turns_stay_turns():
    """A hundred steps in float32: rounding must not make the matrices stretch the face."""
    state = CameraNumbers.of([c.to(dtype=torch.float32) for c in shots()], PIVOT.float())
    for seed in range(100):
        step = torch.zeros(3, NUMBERS)
        step[:, :3] = 0.1 * noise(3, 3, seed=seed).float()
        state = state.moved(step)
    torch.testing.assert_close(state.rotation @ state.rotation.mT, torch.eye(3).expand(3, 3, 3), atol=2e-5, rtol=0)


def test_another_precision_and_device(device):
    state = CameraNumbers.of(shots(), PIVOT)
    there = state.to(torch.zeros((), dtype=torch.float32, device=device))
    assert there.depth.dtype == torch.float32 and there.depth.device.type == device.type
    where = points().to(there.pivot)
    for n in range(3):  # thousands of pixels in float32
        seen = there.project(where, n).cpu().double()
        torch.testing.assert_close(seen, state.project(points(), n), rtol=0, atol=2e-2)
        assert all(part.dtype == torch.float32 for part in there.slopes(where, n))
    assert there.cameras()[0].focal.device.type == device.type


def test_the_focal_length_hardly_changes_the_size_of_the_face():
    """That is why focal / depth and focal are the numbers, and not depth and focal."""
    state, where = CameraNumbers.of(shots(), PIVOT), points(40)

    def spread(number: int | None) -> Tensor:
        step = torch.zeros(3, NUMBERS, dtype=torch.float64)
        if number is not None:
            step[:, number] = 0.2  # 22 %
        return torch.stack([state.moved(step).project(where, n).std(0).norm() for n in range(3)])

    torch.testing.assert_close(spread(6), spread(None), rtol=0.04, atol=0)
    assert (spread(5) > 1.15 * spread(None)).all()


def test_one_lens_is_the_median_share_of_the_diagonals():
    state = CameraNumbers.of(shots(), PIVOT)
    one = state.with_one_lens()
    torch.testing.assert_close(one.log_lens(), state.log_lens().median().expand(3))


def test_what_is_believed_of_lenses_is_counted_in_shares_of_the_diagonal():
    """Of all lenses by a normal prior; of one whose file tells it besides, in full nearby and not much far off."""
    state = CameraNumbers.of(shots(), PIVOT)
    away = (state.log_focal - torch.tensor([math.hypot(*s) for s in state.sizes]).log() - math.log(1.1)) / 0.4
    usual = LensPrior((1.1, 0.4)).loss(state)
    torch.testing.assert_close(usual, away.square().sum(), check_dtype=False, rtol=1e-5, atol=1e-5)
    lens = float(state.log_lens()[1].exp())
    for factor, cost in ((1.0, 0.0), (1.01, 0.04), (1.05, 0.96), (2.0, 8.6)):
        told = LensPrior((1.1, 0.4), [None, (factor * lens, 0.05), None])
        assert float(told.loss(state) - usual) == pytest.approx(cost, abs=0.1)


@pytest.mark.parametrize("factor", [1.02, 1.3, 2.0])
def test_the_slopes_of_what_is_believed_of_lenses(factor):
    state = CameraNumbers.of(shots(), PIVOT)
    state = state.to(state.log_focal.double())
    lenses = LensPrior((1.1, 0.4), [None, (factor * float(state.log_lens()[1].exp()), 0.05), None])
    log_focal = state.log_focal.clone().requires_grad_()
    lenses.loss(replace(state, log_focal=log_focal)).backward()
    first, second = lenses.slopes(state)
    torch.testing.assert_close(first, log_focal.grad / 2)
    assert (second >= 1 / 0.4**2).all() and torch.equal(second > 1.001 / 0.4**2, torch.tensor([False, True, False]))


def test_a_lens_that_a_file_tells_and_the_fit_does_not_find_is_named():
    state = CameraNumbers.of(shots(), PIVOT)
    names, (first, second, third) = ("0.jpg", "1.jpg", "2.jpg"), state.log_lens().exp().tolist()
    assert LensPrior((1.2, 0.7)).contradicted(names, state.cameras()) == []
    assert LensPrior((1.2, 0.7), [(first, 0.07), (1.2 * second, 0.07), None]).contradicted(names, state.cameras()) == []
    (note,) = LensPrior((1.2, 0.7), [None, (2 * second, 0.07), (third, 0.07)]).contradicted(names, state.cameras())
    focal = float(state.cameras()[1].focal)
    assert note.startswith(f"The focal length that came with 1.jpg (EXIF), {2 * focal:.0f} px, disagrees")
    assert f"by a factor of 2.0: by them it is {focal:.0f} px" in note


def test_the_side_that_a_camera_sees_is_told_in_the_heads_axes():
    """Yaw towards the person's left, pitch upwards; turned upright, the head's up points up in the picture."""
    for yaw, pitch, roll in ((0.5, 0.2, 0.0), (-0.8, -0.1, 0.6), (0.1, 0.3, -1.0)):
        way = PIVOT.new_tensor([math.sin(yaw) * math.cos(pitch), math.sin(pitch), math.cos(yaw) * math.cos(pitch)])
        numbers = CameraNumbers.of([look_at(PIVOT + 800 * way, PIVOT, 1200.0, (600, 600))], PIVOT)
        turn = torch.zeros(1, NUMBERS, dtype=torch.float64)
        turn[0, 2] = roll
        numbers = numbers.moved(turn)
        found_yaw, found_pitch, upright = numbers.side(0)
        assert (found_yaw, found_pitch) == pytest.approx((yaw, pitch), abs=1e-6)
        up = numbers.project(torch.stack([PIVOT, PIVOT + PIVOT.new_tensor([0.0, 1e-3, 0.0])]), 0).diff(dim=0)[0]
        turned = upright @ (up / up.norm())
        torch.testing.assert_close(turned, turned.new_tensor([0.0, -1.0]), atol=1e-5, rtol=0)
        torch.testing.assert_close(upright @ upright.mT, torch.eye(2).double())
        assert float(torch.linalg.det(upright)) == pytest.approx(1.0)
