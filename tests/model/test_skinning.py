"""Linear blend skinning against a triple loop, and the check of its weights."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from asm_teach.model.mixture import mixture_weights
from asm_teach.model.skinning import check_weights, linear_blend_skinning
from asm_teach.model.transforms import Rig, bind_matrices, bone_transforms, skinning_matrices


def skin_by_loops(vertices: Tensor, weights: Tensor, transforms: Tensor) -> Tensor:
    """Eq. (1) as it is written, for one pose: over vertices, bones and coordinates."""
    moved = torch.zeros_like(vertices)
    for i in range(len(vertices)):
        for j in range(weights.shape[1]):
            for r in range(3):
                rotated = sum(transforms[j, r, c] * vertices[i, c] for c in range(3))
                moved[i, r] += weights[i, j] * (rotated + transforms[j, r, 3])
    return moved


def random_weights(vertices: int, bones: int, **options) -> Tensor:
    return torch.rand(vertices, bones, **options).softmax(1)


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-4), (torch.float64, 1e-12)])
def test_skinning_agrees_with_a_triple_loop(device, dtype, tolerance):
    vertices = 100 * torch.randn(7, 3, dtype=dtype, device=device)
    weights = random_weights(7, 5, dtype=dtype, device=device)
    transforms = torch.randn(5, 3, 4, dtype=dtype, device=device)
    expected = skin_by_loops(vertices.double(), weights.double(), transforms.double())
    moved = linear_blend_skinning(vertices, weights, transforms)
    assert moved.dtype == dtype
    assert moved.shape == (7, 3)
    # Coordinates around 100: float32 keeps seven digits of each of some fifteen products.
    assert (moved - expected).abs().max() < tolerance * 10


@pytest.mark.parametrize("lead", [(), (1,), (4,), (2, 3), (0,)])
def test_any_leading_dimensions_give_one_head_per_pose(lead):
    vertices, weights = torch.randn(6, 3), random_weights(6, 5)
    transforms = torch.randn(*lead, 5, 3, 4)
    moved = linear_blend_skinning(vertices, weights, transforms)
    assert moved.shape == (*lead, 6, 3)
    for one, matrices in zip(moved.reshape(-1, 6, 3), transforms.reshape(-1, 5, 3, 4), strict=True):
        torch.testing.assert_close(one, linear_blend_skinning(vertices, weights, matrices))


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-4), (torch.float64, 1e-10)])
def test_the_rest_head_comes_back_under_identity_motion(device, dtype, tolerance):
    """All the way: motions, hierarchy, mixture weights and skinning, with coordinates up to 150 mm.

    float32 numbers near 150 are 1.5e-5 apart, and a row of weights sums to 1 within 3e-7.
    """
    bone_uv, uv = torch.rand(84, 2), torch.rand(5000, 2)
    factor = torch.tensor([-2.5, 0.0, -2.5]).expand(84, 2, 3)
    weights = mixture_weights(
        *(x.to(device, dtype) for x in (uv, bone_uv, torch.zeros(84, 2), torch.zeros(84, 2, 2), factor))
    )
    rig = Rig(tuple(f"bone{j}" for j in range(84)), (torch.arange(84) - 1) // 4).to(device)  # four levels
    bind = bind_matrices(300 * torch.rand(84, 3, dtype=dtype, device=device) - 150)
    rest = torch.zeros(84, 3, dtype=dtype, device=device)
    matrices = skinning_matrices(bind, bone_transforms(rest, rest, rest + 1), rig)
    vertices = 300 * torch.rand(5000, 3, dtype=dtype, device=device) - 150
    assert (linear_blend_skinning(vertices, weights, matrices) - vertices).abs().max() < tolerance


def test_skinning_passes_gradcheck():
    vertices = torch.randn(4, 3, dtype=torch.float64, requires_grad=True)
    weights = random_weights(4, 3, dtype=torch.float64).requires_grad_()
    transforms = torch.randn(2, 3, 3, 4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(linear_blend_skinning, (vertices, weights, transforms))


def test_good_weights_pass_the_check(device):
    check_weights(random_weights(200, 84, device=device), 200, 84)


def test_weights_of_the_wrong_shape_are_refused():
    with pytest.raises(ValueError, match=r"expected shape \(7, 5\).*found \(5, 7\)"):
        check_weights(random_weights(5, 7), 7, 5)


def test_the_row_that_does_not_sum_to_one_is_named(device):
    weights = random_weights(20, 4, device=device)
    weights[17] *= 1.3
    with pytest.raises(ValueError, match=r"row 17 sums to 1\.3, not to 1 .*: divide by the row sum"):
        check_weights(weights, 20, 4)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (np.eye(3), "weights: expected a torch tensor, found numpy.ndarray; use torch.from_numpy"),
        ([[1.0, 0.0]], "weights: expected a torch tensor, found list; use torch.tensor"),
    ],
)
def test_weights_that_are_no_tensor_are_refused(weights, message):
    with pytest.raises(ValueError, match=message):
        check_weights(weights, 3, 3)


@pytest.mark.parametrize("value", [-0.5, float("nan")])
def test_a_weight_that_is_no_share_is_named(value):
    weights = random_weights(20, 4)
    weights[3, 2] = value
    with pytest.raises(ValueError, match=rf"row 3 holds {value:.6g} for bone 2"):
        check_weights(weights, 20, 4)
