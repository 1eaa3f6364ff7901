"""A damped step: the equation it solves, never uphill, the same in all units, and a damping that learns."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from asm_teach.fitting.damped_step import MOST, Damping


def bowl(dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor]:
    """Gradient and second derivative of a quadratic energy of four unknowns, its minimum elsewhere."""
    generator = torch.Generator().manual_seed(0)
    root = torch.randn(4, 4, generator=generator, dtype=torch.float64)
    return torch.randn(4, generator=generator, dtype=torch.float64), (root @ root.T + torch.eye(4)).to(dtype)


def first_try(first: Tensor, second: Tensor, damping: float) -> Tensor:
    """The step that is tried first."""
    found = Damping(damping).step(first, second.clone(), 1.0, lambda step: (0.0, step))
    assert found is not None
    return found[1]


@pytest.mark.parametrize("damping", [1e-6, 1.0, 100.0])
def test_the_step_solves_the_damped_equation(damping):
    first, second = bowl()
    expected = torch.linalg.solve(second + damping * second.diagonal().diag(), -first)
    torch.testing.assert_close(first_try(first, second, damping), expected, rtol=1e-9, atol=0)
    single = first_try(first, second.float(), damping)
    assert single.dtype == torch.float64
    torch.testing.assert_close(single, expected, rtol=1e-4, atol=1e-6)


def test_a_step_is_the_same_in_all_units():
    """In metres instead of millimetres a derivative is 1000 times as large, and the step 1000 times as short."""
    first, second = bowl()
    units = torch.tensor([1000.0, 1.0, 1e-3, 1.0], dtype=torch.float64)
    scaled = first_try(units * first, units[:, None] * second * units, 0.1)
    torch.testing.assert_close(units * scaled, first_try(first, second, 0.1), rtol=1e-5, atol=0)


def test_a_bent_valley_is_followed_to_its_lowest_point():
    """Rosenbrock's valley, where full Gauss-Newton steps go uphill: 10 (y - x^2) and 1 - x are to be zero."""

    def residuals(at: Tensor) -> Tensor:
        return torch.stack([10 * (at[1] - at[0] ** 2), 1 - at[0]])

    at, damping, energies, dampings = torch.tensor([-1.2, 1.0], dtype=torch.float64), Damping(), [], []
    for _ in range(60):
        left, jacobian = residuals(at), torch.autograd.functional.jacobian(residuals, at)
        energies.append(float(left @ left))

        def attempt(step: Tensor, at: Tensor = at) -> tuple[float, Tensor]:
            return float(residuals(at + step).square().sum()), at + step

        found = damping.step(jacobian.T @ left, jacobian.T @ jacobian, energies[-1], attempt)
        dampings.append(damping.value)
        if found is None:
            break
        at = found[1]
    torch.testing.assert_close(at, torch.ones_like(at), rtol=0, atol=1e-6)
    assert all(after < before for before, after in zip(energies, energies[1:], strict=False))
    assert max(dampings) > 1e-3 > min(dampings)  # it was raised in the bend and is low at the end


@pytest.mark.parametrize("energy", [2.0, math.inf, math.nan])
def test_damping_rises_and_steps_shorten_until_it_gives_up(energy):
    """Where nothing helps, or the energy is not even a number."""
    first, second = bowl()
    lengths = []

    def attempt(step: Tensor) -> tuple[float, None]:
        lengths.append(float(step.norm()))
        return energy, None

    damping = Damping(1.0, tries=8)
    assert damping.step(first, second, 1.0, attempt) is None
    assert len(lengths) == 8 and lengths == sorted(lengths, reverse=True)
    assert damping.value == MOST


def test_a_matrix_that_is_not_positive_is_damped_until_it_is():
    first, second = torch.tensor([1.0, 1.0]).double(), torch.tensor([[1.0, 1.5], [1.5, 1.0]]).double()
    damping = Damping(1e-3)
    found = damping.step(first, second, 1.0, lambda step: (0.0, step))
    assert found is not None and found[1].isfinite().all() and (found[1] < 0).all()
    assert damping.value > 0.1


def test_an_unknown_that_the_energy_does_not_know_stays():
    first, second = torch.tensor([1.0, 0.0]).double(), torch.diag(torch.tensor([2.0, 0.0])).double()
    step = first_try(first, second, 1e-7)
    assert step.tolist() == pytest.approx([-0.5, 0.0], abs=1e-6)
