"""Mixture weights: the fast form against the equation, far away, narrow, and without subnormal numbers."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.distributions import Categorical, MixtureSameFamily, MultivariateNormal

from asm_teach.model.mixture import mixture_weights
from tests.model.mixture_reference import mixture_weights_reference


def make_mixtures(
    bones: int, components: int, sigma: tuple[float, float] = (0.03, 0.3), seed: int = 0, dtype=torch.float64
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """bone_uv, logits, mean and factor of random mixtures with standard deviations in the range `sigma`."""
    generator = torch.Generator().manual_seed(seed)

    def uniform(*shape: int) -> Tensor:
        return torch.rand(*shape, generator=generator, dtype=torch.float64)

    low, high = (math.log(s) for s in sigma)
    a, c = low + (high - low) * uniform(2, bones, components)
    b = (uniform(bones, components) - 0.5) * (a.exp() + c.exp()) / 2
    parts = (
        uniform(bones, 2),
        4 * uniform(bones, components) - 2,
        0.1 * uniform(bones, components, 2) - 0.05,
        torch.stack([a, b, c], dim=-1),
    )
    # Through float32 and back: both precisions then describe exactly the same mixtures.
    return tuple(part.float().to(dtype) for part in parts)


def chart_points(count: int, dtype=torch.float64) -> Tensor:
    return torch.rand(count, 2, generator=torch.Generator().manual_seed(1)).to(dtype)


def gradients(function, uv: Tensor, mixtures, upstream: Tensor) -> tuple[Tensor, ...]:
    inputs = [part.clone().requires_grad_() for part in (uv, *mixtures)]
    return torch.autograd.grad(function(*inputs), inputs, upstream)


def subnormal(x: Tensor) -> Tensor:
    return (x != 0) & (x.abs() < torch.finfo(x.dtype).tiny)


def test_the_reference_is_the_ratio_of_mixture_densities():
    """Eq. (2) with torch's own Gaussians: no formula shared with the module."""
    uv, (bone_uv, logits, mean, factor) = chart_points(20), make_mixtures(6, 3)
    a, b, c = factor.unbind(-1)
    lower = torch.stack([a.exp(), torch.zeros_like(a), b, c.exp()], dim=-1).unflatten(-1, (2, 2))
    normal = MultivariateNormal(bone_uv[:, None] + mean, scale_tril=lower)
    density = MixtureSameFamily(Categorical(logits=logits), normal).log_prob(uv[:, None]).exp()
    expected = density / density.sum(1, keepdim=True)
    torch.testing.assert_close(mixture_weights_reference(uv, bone_uv, logits, mean, factor), expected)


@pytest.mark.parametrize("components", [1, 2, 5])
@pytest.mark.parametrize("count", [3, 1200])  # less than one block of rows, and more than two
def test_values_and_gradients_agree_with_the_reference(device, components, count):
    mixtures = [part.to(device) for part in make_mixtures(9, components)]
    uv, upstream = chart_points(count).to(device), torch.randn(count, 9, dtype=torch.float64, device=device)
    # The cut drops shares under 1e-13; everything else is the same sum in another order.
    torch.testing.assert_close(
        mixture_weights(uv, *mixtures), mixture_weights_reference(uv, *mixtures), atol=2e-12, rtol=1e-10
    )
    ours = gradients(mixture_weights, uv, mixtures, upstream)
    theirs = gradients(mixture_weights_reference, uv, mixtures, upstream)
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other, atol=1e-9 * float(other.abs().max()), rtol=1e-8)


@pytest.mark.parametrize("sigma", [(0.03, 0.3), (0.005, 0.5), (0.005, 0.005)])
def test_float32_is_accurate_also_for_narrow_gaussians(device, sigma):
    """Only the last steps are float32: 5e-7 at any sigma, where the equation in float32 is off by 2e-4."""
    uv, mixtures = chart_points(1000).to(device), [x.to(device) for x in make_mixtures(84, 2, sigma)]
    upstream = torch.randn(1000, 84, dtype=torch.float64, device=device).float().double()
    expected = mixture_weights_reference(uv, *mixtures)
    single = [part.float() for part in mixtures]
    weights = mixture_weights(uv.float(), *single)
    assert weights.dtype == torch.float32
    assert (weights - expected).abs().max() < 5e-7
    ours = gradients(mixture_weights, uv.float(), single, upstream.float())
    for one, other in zip(ours, gradients(mixture_weights_reference, uv, mixtures, upstream), strict=True):
        assert one.dtype == torch.float32
        # Sums over 1000 vertices of both signs: relative to the largest entry.
        assert (one - other).abs().max() < 5e-6 * other.abs().max()


@given(
    seed=st.integers(0, 10_000),
    components=st.integers(1, 4),
    sigma=st.floats(0.005, 0.5),
    away=st.floats(0, 60),
    angle=st.floats(0, 2 * math.pi),
    dtype=st.sampled_from([torch.float32, torch.float64]),
)
def test_weights_are_shares_however_far_the_point(seed, components, sigma, away, angle, dtype):
    """Rows sum to 1; nothing is negative, infinite or subnormal, up to 60 sigmas outside the chart."""
    mixtures = make_mixtures(12, components, (sigma, sigma), seed, dtype)
    towards = torch.tensor([math.cos(angle), math.sin(angle)], dtype=dtype)
    uv = chart_points(40, dtype) + away * sigma * towards
    weights = mixture_weights(uv, *mixtures)
    assert ((weights.sum(1) - 1).abs() < 1e-6).all()
    assert (weights >= 0).all()
    assert not subnormal(weights).any()
    for gradient in gradients(mixture_weights, uv, mixtures, torch.randn(40, 12, dtype=dtype)):
        assert gradient.isfinite().all()
        assert not subnormal(gradient).any()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_point_fifty_sigmas_from_every_bone_goes_to_the_nearest(device, dtype):
    """Every density underflows there; the ratio does not."""
    bone_uv = torch.tensor([[0.1, 0.5], [0.2, 0.5]], dtype=dtype, device=device)
    factor = torch.tensor([math.log(0.01), 0.0, math.log(0.01)], dtype=dtype, device=device).expand(2, 1, 3)
    zeros = torch.zeros(2, 1, 2, dtype=dtype, device=device)
    uv = torch.tensor([[0.7, 0.5], [0.15, 2.0]], dtype=dtype, device=device)  # 50 sigmas; as far from both bones
    weights = mixture_weights(uv, bone_uv, zeros[..., 0], zeros, factor)
    expected = torch.tensor([[0.0, 1.0], [0.5, 0.5]], dtype=dtype, device=device)
    # Bone 0.1 is not representable: float32 rounds it by 1e-9 sigma, times 150 sigmas.
    torch.testing.assert_close(weights, expected, atol=1e-3 if dtype == torch.float32 else 1e-9, rtol=0)


def test_what_is_below_the_cut_is_exactly_zero(device):
    """Two bones of equal width, seen from points where the second has exp(-29) and exp(-31) of the first."""
    bone_uv = torch.tensor([[0.0, 0.0], [1.0, 0.0]], device=device)
    zeros = torch.zeros(2, 1, 2, device=device)
    factor = torch.tensor([math.log(0.1), 0.0, math.log(0.1)], device=device).expand(2, 1, 3)
    uv = torch.tensor([[0.21, 0.0], [0.19, 0.0]], device=device)  # log ratio: (2 u - 1) / (2 sigma^2)
    second = mixture_weights(uv, bone_uv, zeros[..., 0], zeros, factor)[:, 1].tolist()
    assert second == [pytest.approx(math.exp(-29), rel=1e-5), 0.0]


def test_weights_pass_gradcheck():
    inputs = [part.requires_grad_() for part in (chart_points(7), *make_mixtures(4, 2))]
    assert torch.autograd.gradcheck(mixture_weights, inputs)


def test_a_bone_takes_its_weights_along():
    """Moving bones and vertices together changes nothing: the means are offsets from the bone."""
    uv, (bone_uv, *rest) = chart_points(30), make_mixtures(5, 2)
    shift = torch.tensor([0.3, -0.2], dtype=torch.float64)
    torch.testing.assert_close(mixture_weights(uv + shift, bone_uv + shift, *rest), mixture_weights(uv, bone_uv, *rest))


@pytest.mark.parametrize("wrong", range(5), ids=["uv", "bone_uv", "logits", "mean", "factor"])
def test_shapes_that_do_not_fit_are_refused(wrong):
    inputs = [chart_points(7), *make_mixtures(4, 2)]
    for change in (lambda x: x[..., :1], lambda x: x[:-1, None], lambda x: x[..., 0]):
        changed = [*inputs[:wrong], change(inputs[wrong]), *inputs[wrong + 1 :]]
        with pytest.raises(ValueError, match=r"expected shapes \(V, 2\).*found"):
            mixture_weights(*changed)
