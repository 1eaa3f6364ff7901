"""Talkers: the loss, the windows, what branches see of each other, adapters, and that one learns."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from asm_teach.beyond.speech.performance import CHANNELS, FACE, HEAD, Speaker, made_up, read_words
from asm_teach.beyond.speech.talkers import (
    EVERY,
    WINDOW,
    Look,
    Talker,
    draw,
    flow_loss,
    jerk,
    learn,
    takes,
    windows_at,
    windows_of,
)


def draws(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture(scope="module")
def material() -> tuple[torch.Tensor, torch.Tensor]:
    generator = draws()
    return takes([made_up(read_words(), 48, generator) for _ in range(12)], Speaker(), generator)


class Knows(nn.Module):
    """Says the direction to a performance that it knows, from wherever it stands."""

    def __init__(self, goal: torch.Tensor) -> None:
        super().__init__()
        self.goal = goal

    def forward(self, x: torch.Tensor, t: torch.Tensor, sounds: torch.Tensor) -> torch.Tensor:
        place = sounds[:, -1].long()  # the number of the frame stands where the stress is heard
        return (self.goal[:, place].transpose(0, 1) - x) / (1 - t)[:, None, None]


@pytest.mark.parametrize(
    "plan", [lambda n, s: windows_at(n, WINDOW, 7 * s), lambda n, s: windows_at(n, WINDOW // 2), lambda n, s:
             torch.arange(n)[None]], ids=["shifted", "overlapping", "whole"])  # fmt: skip
def test_steps_along_the_right_direction_arrive(plan) -> None:
    goal = torch.randn(12, 3 * WINDOW, generator=draws())
    sounds = torch.zeros(41, 3 * WINDOW)
    sounds[-1] = torch.arange(3 * WINDOW)
    found = draw(Knows(goal), sounds, plan, draws(1))
    from asm_teach.beyond.speech.talkers import SCALE

    torch.testing.assert_close(found, (goal * SCALE[:, None]).T, atol=1e-5, rtol=1e-4)


def test_windows_cover_every_frame_and_go_round() -> None:
    assert windows_at(96, 32).flatten().tolist() == list(range(96))
    shifted = windows_at(96, 32, 7)
    assert shifted[0, :8].tolist() == [89, 90, 91, 92, 93, 94, 95, 0]
    assert sorted(shifted.flatten().tolist()) == list(range(96))
    assert torch.bincount(windows_at(96, 16).flatten()).tolist() == [2] * 96


def test_jerk_is_none_on_a_parabola_and_one_where_it_jumps() -> None:
    time = torch.arange(20.0)[:, None]
    smooth = (3 + time - 0.2 * time**2).expand(-1, 12)
    assert float(jerk(smooth, torch.ones(12)).max()) < 1e-4
    jumps = smooth + (time >= 10)
    assert int(jerk(jumps, torch.ones(12)).argmax()) == 8  # differences 1, -2, 1 of the jump: the middle is largest
    assert float(jerk(jumps, torch.ones(12))[8]) == pytest.approx(2, rel=1e-3)


def test_branches_see_each_other_only_where_they_exchange() -> None:
    x, t, sounds = torch.randn(2, 12, WINDOW, generator=draws()), torch.tensor([0.2, 0.7]), torch.zeros(2, 41, WINDOW)
    for exchange in (False, True):
        torch.manual_seed(0)
        net = Talker((FACE, HEAD), 16, exchange)
        for branch in net.branches:
            nn.init.normal_(branch.leave.weight)  # type: ignore[union-attr, arg-type]
        other = x.clone()
        other[:, HEAD] += 1
        change = (net(x, t, sounds) - net(other, t, sounds)).abs().amax((0, 2))
        assert bool((change[list(FACE)] > 1e-4).all()) is exchange and (change[list(HEAD)] > 1e-3).all()


def test_looking_prefers_the_same_time_and_has_the_right_gradient() -> None:
    torch.manual_seed(0)
    look = Look(4).double()
    nn.init.zeros_(look.query.weight)
    with torch.no_grad():
        look.near.fill_(3.0)
    other = torch.zeros(1, 4, 9, dtype=torch.float64)
    other[0, :, 5] = 1
    nothing = torch.zeros_like(other)
    found = (look(nothing, other) - look(nothing, nothing)).detach()
    assert int(found.abs().sum((0, 1)).argmax()) == 5 and float(found[0, :, 0].abs().max()) < 1e-5
    h = torch.randn(1, 4, 5, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(look, (h, h.detach() + 1))


def test_adapters_begin_at_nothing_and_are_few() -> None:
    torch.manual_seed(0)
    net = Talker(EVERY)
    x, t, sounds = torch.randn(2, 12, WINDOW), torch.rand(2), torch.rand(2, 41, WINDOW)
    nn.init.normal_(net.branches[0].leave.weight)  # type: ignore[union-attr, arg-type]
    before, count = net(x, t, sounds), sum(weight.numel() for weight in net.parameters())
    weights = net.add_adapters(3)
    assert torch.equal(net(x, t, sounds), before)
    assert sum(weight.numel() for weight in weights) < 0.05 * count
    net(x, t, sounds).sum().backward()
    assert all(weight.grad is not None for weight in weights)
    assert not any(weight.requires_grad for name, weight in net.named_parameters() if "adapter" not in name)


def test_it_learns(material: tuple[torch.Tensor, torch.Tensor]) -> None:
    x, sounds = material
    assert x.shape == (12, len(CHANNELS), 48) and 0.2 < float(x.std(2).mean()) < 2
    some, heard = windows_of(x, sounds, 5, draws())
    assert some.shape == (5, 12, WINDOW) and heard.shape == (5, 41, WINDOW)
    place = (x[:, :, : 48 - WINDOW + 1, None] == some[0, :, 0][None, :, None, None]).all(1).nonzero()
    assert len(place) == 1  # a window is a piece of a take, and what is heard is of the same piece
    take, first = place[0, :2].tolist()
    assert torch.equal(sounds[take, :, first : first + WINDOW], heard[0])
    torch.manual_seed(0)
    net = Talker(EVERY, width=12)
    with torch.no_grad():
        before = float(flow_loss(net, some, heard, draws()))
    losses = learn(net, x, sounds, 40, draws())
    assert sum(losses[-5:]) < 0.8 * sum(losses[:5])
    with torch.no_grad():
        assert float(flow_loss(net, some, heard, draws())) < 0.9 * before
