"""What every fit shares: a descent that keeps its best state, and the priors."""

from __future__ import annotations

import math
import signal
import time
from collections.abc import Callable
from dataclasses import fields, replace

import pytest
import torch
from torch import Tensor

from asm_teach.data.heads import load_head
from asm_teach.fitting.descent import RATES, descend, parameter_groups, snapshot
from asm_teach.fitting.priors import Asymmetry, Bending, Prior, prior_loss
from asm_teach.fitting.result import Fit, Record, Watcher, iterate, watching
from asm_teach.model.adaptive import AdaptiveSkinningModel, SkinnedModel, StaticSkinningModel
from asm_teach.model.transforms import Rig


class Watched:
    """A loss |x - goal|^2 of one parameter (3,) that notes every state it saw; `spoil` may change its value."""

    def __init__(self, spoil: Callable[[int, Tensor], Tensor] | None = None) -> None:
        self.x = torch.tensor([1.0, -2.0, 0.5], requires_grad=True)
        self.goal = torch.tensor([3.0, 1.0, 0.0])
        self.spoil = spoil
        self.states: list[Tensor] = []
        self.losses: list[float] = []

    def __call__(self, iteration: int) -> Tensor:
        assert iteration == len(self.states)
        value = (self.x - self.goal).square().sum()
        if self.spoil is not None:
            value = self.spoil(iteration, value)
        self.states.append(self.x.detach().clone())
        self.losses.append(value.item())
        return value

    def descend(self, steps: int = 10, rate: float = 0.1, **options) -> tuple[tuple[Record, ...], bool]:
        return descend(self, [([self.x], rate)], steps, "test", progress=False, **options)

    def best(self) -> Tensor:
        finite = [x if math.isfinite(x) else math.inf for x in self.losses]
        return self.states[finite.index(min(finite))]


# --- the descent


def test_a_descent_finds_the_minimum(device):
    goal = torch.tensor([3.0, 1.0, -5.0], device=device)
    x, y = torch.zeros(3, device=device, requires_grad=True), torch.ones(2, device=device, requires_grad=True)
    loss = lambda _: (x - goal).square().sum() + y.square().sum()  # noqa: E731
    history, interrupted = descend(loss, [([x], 0.3), ([y], 0.03)], 300, "test", progress=False)
    assert not interrupted
    torch.testing.assert_close(x.detach(), goal, atol=1e-2, rtol=0)
    torch.testing.assert_close(y.detach(), torch.zeros_like(y), atol=1e-2, rtol=0)
    assert history[-1].loss < 1e-3 * history[0].loss


def test_history_has_every_iteration_and_growing_seconds():
    watched = Watched()
    history, _ = watched.descend(steps=12)
    assert [record.iteration for record in history] == list(range(12))
    assert [record.loss for record in history] == watched.losses
    seconds = [record.seconds for record in history]
    assert seconds[0] > 0 and all(a < b for a, b in zip(seconds, seconds[1:], strict=False))
    fit = Fit(model=None, vertices=torch.zeros(1, 3), history=history)  # type: ignore[arg-type]
    assert fit.seconds == seconds[-1]
    assert replace(fit, history=()).seconds == 0


@pytest.mark.parametrize("best", [0, 4, 9])
def test_the_best_state_is_kept(best):
    """The loss falls until iteration `best` and then jumps up while the parameters move on."""
    watched = Watched(lambda i, value: value if i <= best else value + 100)
    watched.descend()
    assert watched.losses.index(min(watched.losses)) == best
    assert torch.equal(watched.x.detach(), watched.states[best])
    if best:
        assert not torch.equal(watched.states[best], watched.states[0])


def test_an_interruption_by_the_watcher_keeps_the_best():
    def stop(record: Record) -> None:
        if record.iteration == 4:
            raise KeyboardInterrupt

    watched = Watched(lambda i, value: value if i <= 2 else value + 100)
    history, interrupted = watched.descend(watch=stop)
    assert interrupted
    assert len(history) == 5
    assert torch.equal(watched.x.detach(), watched.states[2])


def test_ctrl_c_in_the_middle_of_an_iteration_keeps_the_best():
    """The signal that the stop button of a notebook sends."""

    def press(iteration: int, value: Tensor) -> Tensor:
        if iteration == 6:
            signal.raise_signal(signal.SIGINT)
        return value

    watched = Watched(press)
    history, interrupted = watched.descend()
    assert interrupted
    assert len(history) == 6
    assert torch.equal(watched.x.detach(), watched.best())
    assert torch.equal(watched.x.detach(), watched.states[5])


@pytest.mark.parametrize("value", [math.nan, math.inf])
@pytest.mark.parametrize("when", [1, 4])
def test_a_loss_that_is_no_longer_finite_ends_with_the_best(value, when):
    watched = Watched(lambda i, loss: loss * value if i == when else loss)
    start = watched.x.detach().clone()
    history, interrupted = watched.descend()
    assert not interrupted
    assert len(history) == when and len(watched.states) == when + 1  # and it stopped there
    assert all(math.isfinite(record.loss) for record in history)
    assert torch.equal(watched.x.detach(), watched.states[when - 1] if when else start)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_loss_that_is_not_finite_from_the_start_is_refused(value):
    with pytest.raises(ValueError, match="loss: it is (nan|inf) before the first step"):
        Watched(lambda i, loss: loss * value).descend()


def test_a_fit_needs_a_step():
    x = torch.zeros(1, requires_grad=True)
    with pytest.raises(ValueError, match="steps: a fit needs at least one step, found 0"):
        descend(lambda _: x.square().sum(), [([x], 0.1)], 0, "none", progress=False)


def test_values_from_before_a_change_of_the_loss_do_not_count():
    """The loss jumps up at iteration 5: what was lowest before is not what is best now."""
    x = torch.full((1,), 3.0, requires_grad=True)

    def loss(i):
        return x.square().sum() if i < 5 else (x - 3).square().sum() + 100

    descend(loss, [([x], 0.5)], 60, "jump", progress=False, changes=(5,))
    assert x.item() == pytest.approx(3, abs=0.2)


def test_a_gradient_that_is_no_longer_finite_ends_with_the_best():
    """The loss is still a number while its derivative is none: the parameters are spoilt one step later."""
    watched = Watched(lambda i, loss: loss + (0 * loss).sqrt() if i == 3 else loss)
    history, interrupted = watched.descend()
    assert not interrupted
    assert len(history) == 4
    assert watched.states[4].isnan().all()
    assert torch.equal(watched.x.detach(), watched.states[3])


def test_another_error_is_not_swallowed_but_the_best_is_kept():
    def broken(record: Record) -> None:
        if record.iteration == 5:
            raise ZeroDivisionError

    watched = Watched()
    with pytest.raises(ZeroDivisionError):
        watched.descend(watch=broken)
    assert torch.equal(watched.x.detach(), watched.best())


def test_the_watcher_sees_each_iteration_and_the_model():
    seen: list[tuple[Record, object]] = []
    model = object()
    history, _ = Watched().descend(watch=watching(Watcher.of(lambda *both: seen.append(both)), model))
    assert seen == [(record, model) for record in history]
    assert watching(None, model) is None


def test_rates_fall_from_their_own_start_to_nothing():
    """Where the gradient is always 1, Adam's steps are the learning rates themselves."""
    slow, fast = torch.zeros(1, requires_grad=True), torch.zeros(1, requires_grad=True)
    states = []

    def loss(_: int) -> Tensor:
        states.append(torch.cat([slow, fast]).detach().clone())
        return (slow + fast).sum()

    descend(loss, [([slow], 0.01), ([fast], 0.1)], 50, "test", progress=False)
    steps = -torch.stack(states).diff(dim=0)
    torch.testing.assert_close(steps[0], torch.tensor([0.01, 0.1]), atol=1e-4, rtol=0)
    assert (steps.diff(dim=0) < 1e-6).all()
    assert (steps[-1] < 0.02 * steps[0]).all()


def test_a_descent_runs_on_one_thread_and_gives_the_others_back():
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        within = []
        Watched().descend(steps=2, watch=lambda _: within.append(torch.get_num_threads()))
        assert within == [1, 1]
        assert torch.get_num_threads() == 2
        with pytest.raises(ZeroDivisionError):
            Watched().descend(watch=lambda _: 1 // 0)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("progress", [True, False])
def test_the_bar_is_shown_only_when_asked_for(progress, capsys):
    descend(Watched(), [([torch.zeros(1, requires_grad=True)], 0.1)], 3, "fit the nose", progress=progress)
    out, err = capsys.readouterr()
    assert out == ""
    assert ("fit the nose" in err) == progress


# --- steps that never make things worse


def test_iterate_keeps_what_each_step_says(capsys):
    history, interrupted = iterate(lambda i: (10.0 - i, 1.0 / (i + 1)), 4, "step on", progress=False)
    assert not interrupted
    assert [(r.iteration, r.loss, r.error) for r in history] == [(i, 10.0 - i, 1.0 / (i + 1)) for i in range(4)]
    seconds = [record.seconds for record in history]
    assert seconds[0] >= 0 and all(a < b for a, b in zip(seconds, seconds[1:], strict=False))
    assert capsys.readouterr().err == ""
    iterate(lambda i: (0.0, 0.5), 2, "step on")
    assert "step on" in capsys.readouterr().err


def test_what_a_watcher_takes_is_not_counted():
    for history, _ in (
        Watched().descend(steps=4, watch=lambda _: time.sleep(0.2)),
        iterate(lambda i: (1.0, 1.0), 4, "step on", watch=lambda _: time.sleep(0.2), progress=False),
    ):
        assert history[-1].seconds < 0.2


def test_a_descent_knows_no_error_in_millimetres():
    history, _ = Watched().descend(steps=2)
    assert all(math.isnan(record.error) for record in history)


def test_iterate_stops_where_it_is_interrupted():
    """By the watcher after a step, which then counts, or by Ctrl-C in the middle of one, which then does not."""

    def stop(record: Record) -> None:
        if record.iteration == 2:
            raise KeyboardInterrupt

    history, interrupted = iterate(lambda i: (1.0, 1.0), 9, "test", watch=stop, progress=False)
    assert interrupted and len(history) == 3

    def press(iteration: int) -> tuple[float, float]:
        if iteration == 2:
            signal.raise_signal(signal.SIGINT)
        return 1.0, 1.0

    history, interrupted = iterate(press, 9, "test", progress=False)
    assert interrupted and len(history) == 2


def test_iterate_runs_on_one_thread_and_lets_errors_through():
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        within = []
        iterate(lambda i: (float(within.append(torch.get_num_threads()) or 0), 0.0), 2, "test", progress=False)
        assert within == [1, 1] and torch.get_num_threads() == 2
        with pytest.raises(ZeroDivisionError):
            iterate(lambda i: (1 // 0, 0.0), 2, "test", progress=False)
        assert torch.get_num_threads() == 2
        with pytest.raises(ValueError, match="steps: a fit needs at least one step, found 0"):
            iterate(lambda i: (0.0, 0.0), 0, "test", progress=False)
    finally:
        torch.set_num_threads(before)


# --- priors


HEAD = load_head()


def adaptive() -> SkinnedModel:
    return AdaptiveSkinningModel(HEAD.mesh, HEAD.rig, components=2)


def static() -> SkinnedModel:
    return StaticSkinningModel(HEAD.mesh, HEAD.rig, HEAD.static_weights)


@pytest.mark.parametrize("make", [adaptive, static])
def test_the_prior_is_zero_at_the_start_and_least_there(make):
    model = make()
    value = prior_loss(model, snapshot(model), Prior())
    assert value.item() == 0
    value.backward()
    assert all((p.grad == 0).all() for p in model.parameters())


@pytest.mark.parametrize("name", RATES)
def test_each_parameter_is_measured_in_its_own_unit(name):
    """One number off by one standard deviation costs a half, by two of them two."""
    model, prior = adaptive(), Prior()
    start = snapshot(model)
    unit = getattr(prior, name)
    if name == "mixture_mean":  # in widths of the bone's first Gaussian
        unit *= float(start["mixture_factor"][3, 0, 0].exp())
    parameter = getattr(model, name)
    for count, cost in ((1, 0.5), (2, 2.0)):
        with torch.no_grad():
            parameter[3].view(-1)[-1] = start[name][3].view(-1)[-1] + count * unit
        # bone_uv near 0.5 keeps 6e-8 in float32, against a unit of 0.01
        assert prior_loss(model, start, prior).item() == pytest.approx(cost, rel=1e-4)


def test_every_parameter_has_a_prior_and_a_rate():
    model = adaptive()
    names = [name for name, _ in model.named_parameters()]
    assert set(names) == set(RATES) and set(names) <= {field.name for field in fields(Prior)}
    groups = parameter_groups(model)
    assert [group for group, _ in groups] == [[p] for p in model.parameters()]
    assert [rate for _, rate in groups] == [RATES[name] for name in names]


def test_a_snapshot_does_not_follow_the_model():
    model = static()
    before = snapshot(model)
    model.set_motion("chin", translation=torch.ones(3))
    assert not before["translation"].any() and not before["translation"].requires_grad


def test_bending_leaves_the_whole_head_alone():
    """Moving the head as a whole bends nothing, stretching it little; a rough skin much, on any sample."""
    model = adaptive()
    bending = Bending(model, 0.25)
    assert bending.loss().item() == 0
    model.set_motion("root", torch.tensor([30.0, -20.0, 10.0]))
    assert bending.loss().item() < 1e-3  # the rounding of coordinates around 100 mm, against edges of some mm
    model.reset_motion()
    model.set_motion("root", scale=torch.full((3,), 1.1))
    stretched = bending.loss().item()
    model.reset_motion()
    rough = model.vertices + torch.randn_like(model.vertices)  # every vertex for itself, by a millimetre or so
    costs = []
    for sample in (400, 2000, 10**6):
        sampled = Bending(model, 0.25, sample)
        costs.append(sampled.loss(rough[sampled.rows]).item())
    assert min(costs) > 20 * stretched > 0
    assert max(costs) < 1.5 * min(costs)  # the sum stands for 1,000 vertices however many are sampled
    halved = Bending(model, 0.125)
    assert halved.loss(rough[halved.rows]).item() == pytest.approx(4 * costs[0], rel=1e-3)


def test_asymmetry_is_none_for_mirrored_motion():
    model, prior = adaptive(), Prior()
    asymmetry = Asymmetry(model, prior, 0.125)
    assert asymmetry.loss().item() == 0
    move, turn, scale = torch.tensor([2.0, 1.0, -3.0]), torch.tensor([0.1, 0.2, -0.3]), torch.tensor([1.1, 0.9, 1.2])
    model.set_motion("cheek_L", move, turn, scale)
    assert asymmetry.loss().item() > 1
    model.set_motion("cheek_R", move * torch.tensor([-1.0, 1, 1]), turn * torch.tensor([1.0, -1, -1]), scale)
    assert asymmetry.loss().item() == pytest.approx(0, abs=1e-9)
    moved = model()
    # Mirrored motion moves the left pivot to the mirror image of where it moves the right one.
    left, right = (
        moved[(model.bind_points()[model.rig.index(n)] - model.vertices).norm(dim=1).argmin()]
        for n in ("cheek_L", "cheek_R")
    )
    torch.testing.assert_close(left, right * torch.tensor([-1.0, 1, 1]), atol=0.6, rtol=0)
    model.set_motion("nose_tip", translation=torch.tensor([0.0, 2.0, 3.0]))
    assert asymmetry.loss().item() == pytest.approx(0, abs=1e-9)
    model.set_motion("nose_tip", translation=torch.tensor([2.0, 0.0, 0.0]))
    assert asymmetry.loss().item() == pytest.approx((2 * 2.0 / (0.125 * prior.translation)) ** 2 / 2, rel=1e-4)


def test_asymmetry_works_for_a_rig_without_sides():
    model = StaticSkinningModel(HEAD.mesh, HEAD.hand_rig, HEAD.hand_weights)
    assert Asymmetry(model, Prior(), 0.125).pairs.shape[0] == 2
    rig = Rig(("a", "b"), torch.tensor([-1, -1]), positions=torch.zeros(2, 3))
    weights = torch.full((len(HEAD.mesh.vertices), 2), 0.5)
    assert Asymmetry(StaticSkinningModel(HEAD.mesh, rig, weights), Prior(), 0.125).loss().item() == 0


@pytest.mark.parametrize("name", ["translation", "bending", "asymmetry"])
def test_a_prior_that_is_not_above_zero_is_refused(name):
    with pytest.raises(ValueError, match=f"{name}: a standard deviation must be above 0"):
        Prior(**{name: 0.0})
    if name == "translation":
        with pytest.raises(ValueError, match="translation: give a standard deviation"):
            Prior(translation=None)


def test_a_watcher_writes_only_the_methods_that_it_needs():
    """The others do nothing; a plain function is called after every iteration; nobody stays nobody."""

    class Counts(Watcher):
        scans = 0

        def begin(self, scan):
            self.scans += 1

    counts, seen = Counts(), []
    assert Watcher.of(counts) is counts and Watcher.of(None) is None
    for watcher in (counts, Watcher.of(lambda *both: seen.append(both))):
        watcher.begin(HEAD.mesh)
        watcher.see(tuple)
        watcher(Record(0, 1.0, 0.1), HEAD.mesh)
    assert counts.scans == 1 and seen == [(Record(0, 1.0, 0.1), HEAD.mesh)]
