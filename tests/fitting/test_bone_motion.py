"""The bones' motion as nine numbers: the matrices it gives, how they follow a step, the way into a model and back."""

from __future__ import annotations

import copy
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from asm_teach.data.heads import load_head
from asm_teach.fitting.bone_motion import Motion
from asm_teach.model.adaptive import AdaptiveSkinningModel, SkinnedModel, StaticSkinningModel
from asm_teach.model.transforms import Rig

HEAD = load_head()
STATIC = StaticSkinningModel(HEAD.mesh, HEAD.rig, HEAD.static_weights)
PARENTS = [4, 0, 1, -1, 3, 0, -1, 2]  # 3 -> 4 -> 0 -> (1 -> 2 -> 7, 5), and 6 alone: in no particular order
RIG = Rig(tuple("abcdefgh"), torch.tensor(PARENTS))


def ancestors(bone: int) -> list[int]:
    """The bone and all above it."""
    return [bone, *ancestors(PARENTS[bone])] if PARENTS[bone] >= 0 else [bone]


def draw(bones: int, seed: int = 0) -> Tensor:
    """Random numbers of a motion, (J, 9) float64: mm, radians, logarithms."""
    numbers = torch.randn(bones, 9, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    return numbers * torch.tensor([5.0] * 3 + [0.5] * 3 + [0.3] * 3, dtype=torch.float64)


def still(bones: int) -> Motion:
    eye = torch.eye(3, dtype=torch.float64).repeat(bones, 1, 1)
    nothing = torch.zeros(bones, 3, dtype=torch.float64)
    return Motion(nothing, eye, nothing)


def random_motion(bones: int, seed: int = 0) -> Motion:
    return still(bones).moved(draw(bones, seed))


def places(bones: int, seed: int = 7) -> Tensor:
    return 60 * torch.randn(bones, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def pose(model: SkinnedModel, seed: int = 0) -> None:
    """Give a model's bones a random motion."""
    with torch.no_grad():
        translation, rotation, log_scale = draw(len(model.rig), seed).to(model.translation).split(3, dim=1)
        model.translation.copy_(translation)
        model.rotation.copy_(rotation)
        model.log_scale.copy_(log_scale)


def adaptive() -> SkinnedModel:
    return AdaptiveSkinningModel(HEAD.mesh, HEAD.rig)


def static() -> SkinnedModel:
    return copy.deepcopy(STATIC)


# --- the matrices


@pytest.mark.parametrize("make", [adaptive, static])
def test_the_matrices_are_those_of_the_model(make):
    """Both in float64: the same products in the same order."""
    model = make().double()
    pose(model)
    points = model.bind_points().detach()
    matrices = Motion.of(model).matrices(points, model.rig)
    assert matrices.dtype == torch.float64
    torch.testing.assert_close(matrices, model.transforms().detach(), atol=1e-9, rtol=1e-12)


def test_no_motion_is_the_identity():
    matrices = still(8).matrices(places(8), RIG)
    torch.testing.assert_close(matrices, torch.eye(3, 4, dtype=torch.float64).repeat(8, 1, 1), atol=0, rtol=0)
    assert not still(8).numbers().any()


def test_the_scale_stays_positive_whatever_the_step():
    motion = still(2).moved(torch.full((2, 9), -30.0, dtype=torch.float64))
    assert (torch.linalg.det(motion.own()[..., :3]) > 0).all()


# --- how they follow a step


def moved_matrices(motion: Motion, points: Tensor, rig: Rig):
    return lambda step: motion.moved(step).matrices(points, rig)


@given(st.integers(0, 1000))
@settings(max_examples=8)
def test_the_jacobian_is_that_of_autograd(seed):
    """At any pose of a hierarchy five deep; the step's turn comes after the rotation there is."""
    motion, points = random_motion(8, seed), places(8, seed)
    found = motion.jacobian(points, RIG)
    step = torch.zeros(8, 9, dtype=torch.float64)
    expected = torch.autograd.functional.jacobian(moved_matrices(motion, points, RIG), step)
    assert found.shape == (8, 3, 4, 8, 9)
    # entries of up to some 1e4 mm, with eight products of rounded numbers on the way
    torch.testing.assert_close(found, expected, atol=1e-9 * float(expected.abs().max()), rtol=1e-9)


def test_the_jacobian_is_that_of_finite_differences():
    """No autograd of roma is asked here. Central differences of 1e-5 are off by 1e-10 of the third derivative."""
    motion, points = random_motion(8), places(8)
    found = motion.jacobian(points, RIG)
    after, size = moved_matrices(motion, points, RIG), 1e-5
    for bone in range(8):
        for number in range(9):
            step = torch.zeros(8, 9, dtype=torch.float64)
            step[bone, number] = size
            expected = (after(step) - after(-step)) / (2 * size)
            torch.testing.assert_close(found[..., bone, number], expected, atol=1e-5, rtol=1e-6)


def test_a_bone_moves_itself_and_what_hangs_on_it():
    jacobian = random_motion(8).jacobian(places(8), RIG).flatten(1, 2).flatten(2)  # (J, 12, 72)
    follows = jacobian.unflatten(2, (8, 9)).abs().amax((1, 3)) > 0
    for moved in range(8):
        assert follows[moved].nonzero()[:, 0].tolist() == sorted(ancestors(moved))


def test_the_jacobian_of_the_heads_own_rig():
    """One direction of it, by autograd, for all 84 bones."""
    model = AdaptiveSkinningModel(HEAD.mesh, HEAD.rig).double()
    pose(model)
    motion, points = Motion.of(model), model.bind_points().detach()
    assert len(model.rig.levels) >= 3
    way = draw(len(model.rig), seed=3)
    after = moved_matrices(motion, points, model.rig)
    _, expected = torch.autograd.functional.jvp(after, torch.zeros_like(way), way)
    found = torch.einsum("lrajk,jk->lra", motion.jacobian(points, model.rig), way)
    torch.testing.assert_close(found, expected, atol=1e-9 * float(expected.abs().max()), rtol=1e-9)


# --- another pivot


@given(st.integers(0, 1000))
def test_another_pivot_leaves_what_the_bones_do(seed):
    motion, old, new = random_motion(8, seed), places(8, seed), places(8, seed + 1)
    there = motion.about(old, new)
    before, after = motion.matrices(old, RIG), there.matrices(new, RIG)
    torch.testing.assert_close(after, before, atol=1e-9 * float(before.abs().max()), rtol=1e-10)
    assert not torch.allclose(there.matrices(old, RIG), before)  # and the pivot does matter
    back = there.about(new, old)
    torch.testing.assert_close(back.translation, motion.translation, atol=1e-9, rtol=0)


def test_bones_at_rest_do_not_mind_where_they_are_bound():
    there = still(8).about(places(8, 1), places(8, 2))
    assert not there.numbers().any()


# --- into a model and back


@pytest.mark.parametrize("precise", [True, False])
def test_a_motion_goes_into_a_model_and_back(precise):
    model = static().double() if precise else static()
    motion = random_motion(len(model.rig))
    motion.give_to(model)
    back = Motion.of(model)
    bound = 1e-12 if precise else 1e-5  # float32 keeps 24 bits of numbers up to 20
    for part in ("translation", "rotation", "log_scale"):
        assert getattr(back, part).dtype == torch.float64
        torch.testing.assert_close(getattr(back, part), getattr(motion, part), atol=bound, rtol=0)
    assert all(p.requires_grad for p in model.parameters())


def test_taking_the_motion_of_a_model_does_not_tie_it_to_the_model():
    for model in (static(), static().double()):  # of which the second needs no conversion
        motion = Motion.of(model)
        model.set_motion("chin", translation=torch.ones(3))
        assert not motion.translation.any() and not motion.translation.requires_grad


def test_the_numbers_are_what_was_set():
    model = static()
    model.set_motion(
        "chin", torch.tensor([1.0, -2.0, 3.0]), torch.tensor([0.3, -0.2, 0.1]), torch.tensor([1.2, 0.8, 1.0])
    )
    numbers = Motion.of(model).numbers()
    expected = torch.tensor([1, -2, 3, 0.3, -0.2, 0.1, math.log(1.2), math.log(0.8), 0], dtype=torch.float64)
    torch.testing.assert_close(numbers[HEAD.rig.index("chin")], expected, atol=1e-6, rtol=0)
    assert numbers.shape == (len(HEAD.rig), 9) and numbers.count_nonzero() <= 9


def test_a_step_is_added_and_its_turn_comes_after():
    motion, step = random_motion(8), draw(8, seed=5)
    after = motion.moved(step)
    torch.testing.assert_close(after.translation, motion.translation + step[:, :3])
    torch.testing.assert_close(after.log_scale, motion.log_scale + step[:, 6:])
    axes = torch.eye(3, dtype=torch.float64).expand(8, 3, 3)
    turn = torch.linalg.matrix_exp(torch.linalg.cross(step[:, None, 3:6].expand(8, 3, 3), axes).mT)
    torch.testing.assert_close(after.rotation, turn @ motion.rotation)


@pytest.mark.parametrize("angle", [0.0, 1e-9, 1.0, math.pi - 1e-7, math.pi, math.pi + 0.5, 7.0])
def test_any_turn_is_told_as_the_shortest(angle):
    """Beyond half a turn the same rotation is a shorter one the other way; the model turns as it did."""
    model = static().double()
    axis = torch.tensor([2.0, -1.0, 2.0], dtype=torch.float64) / 3
    model.set_motion("chin", rotation=angle * axis)
    before = model.transforms().detach()
    motion, chin = Motion.of(model), HEAD.rig.index("chin")
    assert torch.linalg.vector_norm(motion.numbers()[chin, 3:6]) <= math.pi + 1e-9
    motion.give_to(model)
    # near half a turn the axis is known to some 1e-8, the root of float64's rounding
    torch.testing.assert_close(model.transforms().detach(), before, atol=1e-5, rtol=0)
    assert torch.linalg.vector_norm(model.rotation[chin]).item() == pytest.approx(
        min(angle % (2 * math.pi), 2 * math.pi - angle % (2 * math.pi)), abs=1e-6
    )


def test_small_turns_add_up_beyond_half_a_turn():
    motion = still(1)
    step = torch.tensor([[0.0, 0, 0, 0, 0.1, 0, 0, 0, 0]], dtype=torch.float64)
    for _ in range(40):
        motion = motion.moved(step)
    torch.testing.assert_close(motion.numbers()[0, 4].item(), 4.0 - 2 * math.pi, atol=1e-9, rtol=0)
    assert motion.numbers().isfinite().all()
