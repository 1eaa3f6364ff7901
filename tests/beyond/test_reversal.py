"""Gradient reversal, the reader that forgets people, and the probe that asks what it still knows."""

from __future__ import annotations

import json

import pytest
import torch
from torch.autograd import gradcheck
from torch.nn.functional import cross_entropy

from asm_teach.beyond.labelled_faces import f1_score
from asm_teach.beyond.reversal import CODE, LAMBDAS, identity_probe, reverse_gradient, train_reader
from asm_teach.data.assets import data_dir


def test_the_reversal_changes_nothing_forwards_and_turns_the_gradient_round() -> None:
    z = torch.randn(4, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64, requires_grad=True)
    out = torch.randn(3, 2, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    assert torch.equal(reverse_gradient(z, 2.0), z)
    (plain,) = torch.autograd.grad((z @ out).sin().sum(), z)
    (turned,) = torch.autograd.grad((reverse_gradient(z, 2.0) @ out).sin().sum(), z)
    assert torch.allclose(turned, -2 * plain)
    # the slope of f(R(z)) is, by its purpose, not that of f(z): gradcheck passes for -lambda f(z) alone
    assert gradcheck(lambda x: -2 * (x @ out).sin(), (z,))
    with pytest.raises(RuntimeError, match="Jacobian mismatch"):
        gradcheck(lambda x: (reverse_gradient(x, 2.0) @ out).sin(), (z,))


@pytest.mark.parametrize("strength", [-1.0, float("nan"), float("inf")])
def test_a_strength_that_is_none_is_refused(strength: float) -> None:
    with pytest.raises(ValueError, match="minus sign is already"):
        reverse_gradient(torch.zeros(2, 2), strength)


@pytest.fixture(scope="module")
def faces() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Four people who lie apart in five numbers, and two units, faint in two others, each the habit of two people."""
    generator = torch.Generator().manual_seed(2)
    who = torch.arange(4).repeat(40)
    often = torch.tensor([[0.9, 0.1], [0.1, 0.9], [0.9, 0.9], [0.1, 0.1]])
    there = torch.rand(160, 2, generator=generator) < often[who]
    places = torch.randn(4, 5, generator=generator)[who]
    x = torch.cat([places, there.float()], 1) + 0.3 * torch.randn(160, 7, generator=generator)
    return x, there, who


def test_a_reader_learns_units_and_the_reversal_fools_its_own_head_for_people(faces) -> None:
    x, there, who = faces
    found = {}
    for strength in (0.0, 0.1):
        net = train_reader(x, there, who, strength, seed=0)
        with torch.no_grad():
            assert float(f1_score(net(x) > 0, there).min()) > 0.9
            assert tuple(net.code(x).shape) == (160, CODE)
            found[strength] = float(cross_entropy(net.people(net.code(x)), who))
    assert found[0.1] > 2 * found[0.0]
    state = torch.random.get_rng_state()
    train_reader(x[:8], there[:8], who[:8], 0.0, seed=1)
    assert torch.equal(torch.random.get_rng_state(), state)


def test_the_probe_tells_people_by_what_differs_and_guesses_otherwise() -> None:
    generator = torch.Generator().manual_seed(3)
    who = torch.arange(10).repeat(40)
    apart = 5 * torch.randn(10, 8, generator=generator)[who] + torch.randn(400, 8, generator=generator)
    assert identity_probe(apart, who + 7) > 0.95  # whatever the people are called
    assert identity_probe(torch.randn(400, 8, generator=generator), who) < 0.25


def test_labels_that_do_not_fit_are_refused(faces) -> None:
    x, there, who = faces
    with pytest.raises(ValueError, match="160, 159, 160 rows"):
        train_reader(x, there[:-1], who, 0.0, seed=0)
    with pytest.raises(ValueError, match="one person only"):
        train_reader(x, there, torch.zeros_like(who), 0.0, seed=0)
    with pytest.raises(ValueError, match="one person only"):
        identity_probe(x, torch.zeros_like(who))
    with pytest.raises(ValueError, match="160 rows, who 3"):
        identity_probe(x, who[:3])


def test_the_recorded_runs_are_whole() -> None:
    record = json.loads((data_dir() / "shortcuts.json").read_text())
    assert tuple(record["lambdas"]) == LAMBDAS
    for seed in record["seeds"]:
        for strength in LAMBDAS:
            run = record[f"{strength:g} {seed}"]
            assert all(0 <= run[name] <= 1 for name in run if name != "own head")
        assert record[f"points {seed}"] > 0.9  # the points themselves tell who it is
        assert record[f"0.05 {seed}"]["probe"] < record[f"0 {seed}"]["probe"]
