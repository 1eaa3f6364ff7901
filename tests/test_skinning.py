"""Linear blend skinning against a triple loop, and the check of its weights."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from asm_teach.skinning import check_weights, linear_blend_skinning


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


@pytest.mark.parametrize("value", [-0.5, float("nan")])
def test_a_weight_that_is_no_share_is_named(value):
    weights = random_weights(20, 4)
    weights[3, 2] = value
    with pytest.raises(ValueError, match=rf"row 3 holds {value:.6g} for bone 2"):
        check_weights(weights, 20, 4)
