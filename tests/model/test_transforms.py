"""Rigs, bone motions and the hierarchy walk."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from asm_teach.model.transforms import (
    Rig,
    affine_compose,
    affine_inverse,
    bind_matrices,
    bone_transforms,
    rotation_matrix,
    skinning_matrices,
    world_matrices,
)


def make_rig(parents: list[int], **places: Tensor) -> Rig:
    return Rig(tuple(f"bone{j}" for j in range(len(parents))), torch.tensor(parents), **places)


def random_rig(bones: int, seed: int, depth: int = 4) -> Rig:
    """A random forest whose bones come in no particular order, at most `depth` levels deep."""
    generator = torch.Generator().manual_seed(seed)
    order = torch.randperm(bones, generator=generator).tolist()
    parents, depths = [-1] * bones, [0] * bones
    for place, bone in enumerate(order[1:], start=1):
        parent = order[int(torch.randint(place, (), generator=generator))]
        if depths[parent] + 1 < depth:
            parents[bone], depths[bone] = parent, depths[parent] + 1
    return make_rig(parents)


def random_motion(*shape: int, device: torch.device | None = None) -> Tensor:
    translation, rotation, scale = torch.randn(3, *shape, 3, dtype=torch.float64, device=device)
    return bone_transforms(5 * translation, rotation, (0.3 * scale).exp())


def homogeneous(a: Tensor) -> Tensor:
    return torch.cat([a, a.new_tensor([[0.0, 0.0, 0.0, 1.0]])])


def naive_world(bind: Tensor, motion: Tensor, parents: list[int], bone: int) -> Tensor:
    """G_j = G_p (B_p^-1 B_j) T_j by recursion, as the equation is written, in (4, 4) matrices."""
    bone_bind, own = homogeneous(bind[bone]), homogeneous(motion[bone])
    if parents[bone] < 0:
        return bone_bind @ own
    parent_bind = homogeneous(bind[parents[bone]])
    return naive_world(bind, motion, parents, parents[bone]) @ parent_bind.inverse() @ bone_bind @ own


# --- one bone


def test_rotation_is_by_the_angle_in_radians_about_the_axis(device):
    quarter = rotation_matrix(torch.tensor([0.0, 0.0, torch.pi / 2], device=device))
    expected = torch.tensor([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]], device=device)
    torch.testing.assert_close(quarter, expected, atol=1e-6, rtol=0)


@given(st.lists(st.floats(-3, 3), min_size=9, max_size=9))
def test_a_motion_scales_then_rotates_then_translates(numbers):
    translation, rotation, log_scale = torch.tensor(numbers, dtype=torch.float64).view(3, 1, 3)
    (matrix,) = bone_transforms(translation, rotation, log_scale.exp())
    point = torch.tensor([0.3, -0.7, 1.1], dtype=torch.float64)
    cross = torch.linalg.cross(rotation.expand(3, 3), torch.eye(3, dtype=torch.float64)).T
    by_hand = cross.matrix_exp() @ (log_scale.exp()[0] * point) + translation[0]
    torch.testing.assert_close(matrix[:, :3] @ point + matrix[:, 3], by_hand, atol=1e-9, rtol=1e-9)


@pytest.mark.parametrize("at", ["rest", "moved"])
def test_each_bone_has_nine_degrees_of_freedom(at):
    """The matrix can change in nine independent ways, also at rest."""
    rest = torch.tensor([0.0] * 6 + [1.0] * 3, dtype=torch.float64)
    numbers = rest if at == "rest" else rest + 0.3 * torch.rand(9, dtype=torch.float64)

    def matrix(numbers: Tensor) -> Tensor:
        return bone_transforms(*numbers.view(3, 1, 3)).flatten()

    singular = torch.linalg.svdvals(torch.autograd.functional.jacobian(matrix, numbers))
    assert singular.shape == (9,)
    assert singular.min() > 0.1


def test_motions_pass_gradcheck():
    parts = torch.rand(3, 2, 4, 3, dtype=torch.float64) + 0.5
    parts[1, 0, 0] = 0  # no rotation: where a careless norm has no gradient
    assert torch.autograd.gradcheck(bone_transforms, tuple(part.requires_grad_() for part in parts.unbind()))


@pytest.mark.parametrize("value", [0.0, -0.25, float("nan")])
def test_a_scale_that_is_not_positive_is_named(value):
    scale = torch.ones(2, 6, 3)
    scale[1, 4, 2] = value
    with pytest.raises(ValueError, match=rf"scale: bone 4 has {value:.6g} along z"):
        bone_transforms(torch.zeros(2, 6, 3), torch.zeros(2, 6, 3), scale)


def test_parts_of_different_shape_are_refused():
    with pytest.raises(ValueError, match=r"same shape.*\(6, 3\), \(6, 3\), \(6, 1\)"):
        bone_transforms(torch.zeros(6, 3), torch.zeros(6, 3), torch.ones(6, 1))


def test_compose_and_inverse_agree_with_four_by_four_matrices(device):
    a, b = random_motion(2, device=device)
    product = homogeneous(a) @ homogeneous(b)
    torch.testing.assert_close(homogeneous(affine_compose(a, b)), product)
    torch.testing.assert_close(homogeneous(affine_inverse(a)), homogeneous(a).inverse())


def test_compose_broadcasts_over_leading_dimensions():
    a, b = random_motion(5, 1, 3), random_motion(4, 3)
    assert affine_compose(a, b).shape == (5, 4, 3, 3, 4)


def test_bind_matrices_put_the_origin_of_the_bone_on_its_point(device):
    points = torch.randn(2, 5, 3, device=device)
    turned = rotation_matrix(torch.randn(5, 3, device=device))
    for rotations in (None, turned):
        bind = bind_matrices(points, rotations)
        axes = torch.eye(3, device=device) if rotations is None else rotations
        assert torch.equal(bind[..., 3], points)
        assert torch.equal(bind[..., :3], axes.expand(2, 5, 3, 3))


# --- the walk


@given(st.integers(1, 30), st.integers(0, 10_000))
def test_world_matrices_agree_with_a_recursive_walk(bones, seed):
    rig = random_rig(bones, seed)
    bind = bind_matrices(50 * torch.randn(bones, 3).double(), rotation_matrix(torch.randn(bones, 3).double()))
    motion = random_motion(bones)
    parents = rig.parents.tolist()
    expected = torch.stack([naive_world(bind, motion, parents, j)[:3] for j in range(bones)])
    # Both are float64 sums of some ten products of numbers around 100; chains of scales reach about 10.
    torch.testing.assert_close(world_matrices(bind, motion, rig), expected, atol=1e-8, rtol=1e-8)
    skinning = affine_compose(expected, affine_inverse(bind))
    torch.testing.assert_close(skinning_matrices(bind, motion, rig), skinning, atol=1e-8, rtol=1e-8)


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-4), (torch.float64, 1e-10)])
@pytest.mark.parametrize("turned", [False, True], ids=["world-axes", "own-axes"])
def test_identity_motion_gives_back_the_rest_head(device, dtype, tolerance, turned):
    """84 bones in four levels, points up to 150 mm from the origin, every vertex moved by every bone."""
    rig = random_rig(84, seed=1).to(device)
    assert len(rig.levels) == 4
    rotations = rotation_matrix(torch.randn(84, 3, dtype=dtype, device=device)) if turned else None
    bind = bind_matrices(300 * torch.rand(84, 3, dtype=dtype, device=device) - 150, rotations)
    zeros = torch.zeros(84, 3, dtype=dtype, device=device)
    vertices = 300 * torch.rand(500, 3, dtype=dtype, device=device) - 150
    matrices = skinning_matrices(bind, bone_transforms(zeros, zeros, zeros + 1), rig)
    moved = torch.einsum("jrc,vc->jvr", matrices[..., :3], vertices) + matrices[:, None, :, 3]
    assert (moved - vertices).abs().max() < tolerance
    if not turned:  # nothing is lost at all when the bones' axes are the world's
        assert torch.equal(matrices[..., :3], torch.eye(3, dtype=dtype, device=device).expand(84, 3, 3))
        assert (matrices[..., 3] == 0).all()


def test_a_batch_of_poses_is_walked_like_each_pose_alone(device):
    rig = random_rig(12, seed=2).to(device)
    bind = bind_matrices(torch.randn(3, 1, 12, 3, dtype=torch.float64, device=device))
    motion = random_motion(5, 12, device=device)
    together = skinning_matrices(bind, motion, rig)
    assert together.shape == (3, 5, 12, 3, 4)
    for i in range(3):
        for k in range(5):
            torch.testing.assert_close(together[i, k], skinning_matrices(bind[i, 0], motion[k], rig))


def test_the_walk_passes_gradcheck():
    rig = make_rig([1, -1, 0, 0, 2])
    points = torch.randn(5, 3, dtype=torch.float64, requires_grad=True)
    rotations = rotation_matrix(torch.randn(5, 3, dtype=torch.float64))
    motion = random_motion(5).requires_grad_()

    def both(points: Tensor, motion: Tensor) -> tuple[Tensor, Tensor]:
        bind = bind_matrices(points, rotations)
        return world_matrices(bind, motion, rig), skinning_matrices(bind, motion, rig)

    assert torch.autograd.gradcheck(both, (points, motion))


# --- the rig


def test_mirror_images_are_told_by_the_ends_of_names():
    names = ("jaw", "jawAB", "eye_L", "eye_R", "x", "ear.L", "ear.R", "nose_L")
    assert Rig(names, torch.full((8,), -1)).mirror_images() == [0, 1, 3, 2, 4, 6, 5, 7]


def test_levels_list_parents_before_children():
    rig = make_rig([3, 0, 3, -1, 1, -1])
    assert [level.tolist() for level in rig.levels] == [[3, 5], [0, 2], [1], [4]]


def test_a_bone_is_found_by_name():
    rig = make_rig([-1, 0])
    assert len(rig) == 2
    assert rig.index("bone1") == 1
    with pytest.raises(ValueError, match=r"no bone called 'jaw'; it has bone0, bone1"):
        rig.index("jaw")


def test_moving_a_rig_to_another_precision_keeps_its_parents(device):
    rig = make_rig([-1, 0], uv=torch.rand(2, 2)).to(device, torch.float64)
    assert rig.uv is not None and rig.uv.dtype == torch.float64 and rig.uv.device.type == device.type
    assert rig.parents.dtype == torch.int64 and rig.parents.device.type == device.type
    assert rig.positions is None


@pytest.mark.parametrize("parent", [2, -2])
def test_a_parent_that_does_not_exist_is_named(parent):
    with pytest.raises(ValueError, match=rf"bone 'bone1' \(1\) has parent {parent}, which does not exist"):
        make_rig([-1, parent])


@pytest.mark.parametrize(
    ("parents", "chain"),
    [([-1, 1], "bone1 -> bone1"), ([-1, 3, 1, 2, 1], "bone1 -> bone3 -> bone2 -> bone1")],
)
def test_a_cycle_is_named_bone_by_bone(parents, chain):
    with pytest.raises(ValueError, match=f"parents: {chain} is a cycle"):
        make_rig(parents)


def test_repeated_names_are_refused():
    with pytest.raises(ValueError, match="names: jaw occurs twice"):
        Rig(("jaw", "nose", "jaw"), torch.tensor([-1, 0, 0]))


@pytest.mark.parametrize(
    ("parents", "places", "message"),
    [
        ([-1, 0, 0], {}, r"parents: expected one int64 index for each of the 2 bones.*shape \(3,\)"),
        ([-1.0, 0.0], {}, "parents: .* found torch.float32"),
        ([-1, 0], {"uv": torch.zeros(2, 3)}, r"uv has shape \(2, 3\): give \(n, 2\)"),
        ([-1, 0], {"uv": torch.zeros(3, 2)}, "uv has 3 rows for 2 bones"),
        ([-1, 0], {"positions": torch.full((2, 3), torch.nan)}, "positions: row 0 is .* NaN"),
    ],
)
def test_wrong_shapes_are_refused(parents, places, message):
    with pytest.raises(ValueError, match=message):
        Rig(("root", "head"), torch.tensor(parents), **places)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"parents": [-1, 0]}, r"parents is a list: give a torch tensor of int64, .*torch\.tensor\(parents\)"),
        ({"parents": np.array([-1, 0])}, "parents is a ndarray: give a torch tensor"),
        ({"uv": [[0.0, 0.0], [1.0, 1.0]]}, "uv is a list: give a torch tensor"),
        ({"positions": np.zeros((2, 3))}, "positions is a ndarray: give a torch tensor"),
    ],
)
def test_what_is_no_tensor_is_refused(fields, message):
    with pytest.raises(ValueError, match=message):
        Rig(**{"names": ("root", "head"), "parents": torch.tensor([-1, 0]), **fields})


def test_a_rig_without_bones_is_refused():
    with pytest.raises(ValueError, match="at least one"):
        Rig((), torch.zeros(0, dtype=torch.int64))
