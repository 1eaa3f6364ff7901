"""Stills, clips, the gates of a router, and a reader with adapters."""

from __future__ import annotations

import pytest
import torch

import asm_teach as asm
from asm_teach.beyond.moving.clips import (
    COURSES,
    FRAMES,
    NUMBERS,
    Actors,
    Clips,
    CourseReader,
    balance,
    draw_courses,
    draw_stills,
    noisy_top2,
    train_courses,
)

ACTORS = Actors(asm.load_head(), range(400, 403))


def test_a_smile_that_comes_ends_wider_than_it_began() -> None:
    clips = draw_courses(ACTORS, 80, 0)
    corners = clips.frames[..., 2 * 54] - clips.frames[..., 2 * 48]  # columns of the corners of the mouth
    wider = corners[:, -2:].mean(1) - corners[:, :2].mean(1)
    comes, goes = (wider[clips.labels == COURSES.index(f"smile {way}")] for way in ("comes", "goes"))
    assert comes.mean() > 0.5 and goes.mean() < -0.5
    assert clips.frames.shape == (80, FRAMES, NUMBERS)


def test_stills_show_one_frame_and_repeat() -> None:
    one, same = (draw_stills(ACTORS, 12, 5) for _ in range(2))
    assert one.frames.shape == (12, 1, NUMBERS) and torch.equal(one.frames, same.frames)
    assert set(one.labels.tolist()) <= {0, 1, 2}


def test_two_gates_of_each_row_share_one() -> None:
    scores = torch.tensor([[1.0, 3.0, 2.0, 0.0]])
    gates = noisy_top2(scores, torch.zeros_like(scores))
    assert torch.allclose(gates[0, [1, 2]], torch.tensor([1.0, 0.0]).softmax(0)) and not gates[0, [0, 3]].any()
    assert noisy_top2(scores, torch.tensor([[9.0, 0, 0, 0]]))[0].nonzero().flatten().tolist() == [0, 1]


def test_the_balance_is_0_for_equal_loads_whatever_the_batch() -> None:
    gates = torch.tensor([[0.5, 0.5, 0, 0], [0, 0, 0.5, 0.5]])
    assert balance(gates) == 0
    uneven = torch.tensor([[1.0, 0, 0, 0]])
    assert balance(uneven) == pytest.approx(3.0) == balance(uneven.expand(7, 4))


def test_the_router_and_its_balance_have_the_right_gradient() -> None:
    scores = torch.randn(5, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(1), requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: noisy_top2(x, torch.zeros_like(x)), scores)
    assert torch.autograd.gradcheck(lambda x: balance(x.softmax(-1)), scores)


@pytest.mark.parametrize("adapters", ["none", "by task", "router"])
def test_stills_and_clips_go_through_one_trunk(adapters) -> None:
    reader = CourseReader(adapters).eval()
    assert reader(torch.randn(5, 1, NUMBERS), "still").shape == (5, 3)
    assert reader(torch.randn(5, FRAMES, NUMBERS), "clip").shape == (5, 4)
    if adapters == "router":
        assert reader.gates.shape == (5 * FRAMES, 4) and torch.allclose(reader.gates.sum(1), torch.ones(5 * FRAMES))


def test_the_gates_weigh_what_the_adapters_add() -> None:
    torch.manual_seed(0)
    reader, plain = CourseReader("router").eval(), CourseReader("none").eval()
    plain.load_state_dict(reader.state_dict(), strict=False)
    frames, pooled = torch.randn(2, FRAMES, NUMBERS), []
    for one in (reader, plain):
        one.heads["clip"].register_forward_pre_hook(lambda _, inputs: pooled.append(inputs[0]))
        one(frames, "clip")
    x = reader.embed(frames) + reader.when
    normal = reader.block.second(x + reader.block.attend(reader.block.first(x)))
    gates = reader.gates.reshape(2, FRAMES, 4)
    added = sum(gates[..., i : i + 1] * one(normal) for i, one in enumerate(reader.experts))
    assert torch.allclose(pooled[0] - pooled[1], added.mean(1), atol=1e-5)


def test_a_reader_learns_the_clips_it_is_shown() -> None:
    clips = draw_courses(ACTORS, 24, 2)
    torch.manual_seed(0)
    reader = train_courses(CourseReader("router"), clips, draw_stills(ACTORS, 12, 3), 0, steps=40)
    with torch.no_grad():
        said = reader(clips.frames, "clip").argmax(1)
    assert (said == clips.labels).float().mean() > 0.6
    assert isinstance(clips, Clips) and not reader.training
