"""What every fit shares: its result, its history, and a descent that can be watched and stopped.

An interrupted fit (Ctrl-C, or the stop button of a notebook) keeps the best state it has seen.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Container, Iterable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor
from tqdm.auto import tqdm

from asm_teach.geometry.mesh import Mesh
from asm_teach.model.adaptive import SkinnedModel
from asm_teach.rendering.camera import Camera


@dataclass(frozen=True)
class Record:
    """One iteration of a fit: its loss, the seconds the fit has taken so far, and its error.

    seconds: without those that its watcher took, so that they say the same of every fit, watched or not.
    error: the mean distance in mm that is left, where the fit measures one: from vertex to vertex for a registered
    scan, from a vertex to the scan's surface for a raw one; else NaN.
    """

    iteration: int
    loss: float
    seconds: float
    error: float = math.nan


@dataclass(frozen=True, eq=False)
class Fit:
    """The result of a fit.

    model: the fitted model. vertices: (V, 3) mm, its moved vertices. cameras: one for each view (none for a scan).
    history: loss and seconds of every iteration. interrupted: whether it was stopped before its end.
    scan: the scan as it was used, cleaned and in mm; None for views. notes: what had to be guessed, in sentences.
    """

    model: SkinnedModel
    vertices: Tensor
    cameras: tuple[Camera, ...] = ()
    history: tuple[Record, ...] = field(default=(), repr=False)
    interrupted: bool = False
    scan: Mesh | None = field(default=None, repr=False)
    notes: tuple[str, ...] = ()

    @property
    def seconds(self) -> float:
        """How long the fit took, without its watcher."""
        return self.history[-1].seconds if self.history else 0.0


Watcher = Callable[[Record, Callable[[], Tensor]], None]
"""Called after every iteration with the record and the model as it is then: model() is the face, (V, 3) mm.

It may raise KeyboardInterrupt.

A watcher of a fit to a scan that has a method `begin(scan)` is given the scan as it is used, before the first step; one
of a fit to views that has a method `see(ask)` is given a function: `ask()` are the cameras as they are at that moment.
"""


def descend(
    loss: Callable[[int], Tensor],
    groups: Sequence[tuple[Iterable[Tensor], float]],
    steps: int,
    label: str,
    watch: Callable[[Record], None] | None = None,
    progress: bool = True,
    changes: Container[int] = (),
) -> tuple[tuple[Record, ...], bool]:
    """Adam on groups of (parameters, learning rate), rates falling to nothing; the best state is kept.

    loss: iteration -> scalar. watch: called after every iteration, for live views; it may raise KeyboardInterrupt.
    changes: iterations at which the loss becomes another function, so that earlier values no longer compare.
    Returns the history and whether the descent was interrupted. A loss that is no longer finite ends it.
    Raises ValueError for fewer than one step, and for a loss that is not finite from the start.
    """
    if steps < 1:
        raise ValueError(f"steps: a fit needs at least one step, found {steps}")
    groups = [(list(parameters), rate) for parameters, rate in groups]
    parameters = [p for group, _ in groups for p in group]
    optimiser = torch.optim.Adam([{"params": group, "lr": rate} for group, rate in groups], betas=(0.9, 0.98))
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps, eta_min=0.0)
    best, kept = float("inf"), [p.detach().clone() for p in parameters]
    history: list[Record] = []
    interrupted, start = False, time.perf_counter()
    # These tensors are small: a second thread gains little, and on a busy machine it waits for its turn at every step.
    threads = torch.get_num_threads()
    bar = tqdm(range(steps), desc=label, leave=False, disable=not progress, mininterval=0.2)
    try:
        torch.set_num_threads(1)
        for iteration in bar:
            optimiser.zero_grad(set_to_none=True)
            value = loss(iteration)
            number = value.item()
            if not number < float("inf"):
                if not history:
                    raise ValueError(
                        f"loss: it is {number} before the first step; look for NaN or huge numbers in the input"
                    )
                break
            if number < best or iteration in changes:
                best = number
                for keep, p in zip(kept, parameters, strict=True):
                    keep.copy_(p.detach())
            value.backward()
            optimiser.step()
            schedule.step()
            history.append(Record(iteration, number, time.perf_counter() - start))
            if iteration % 20 == 0:
                bar.set_postfix(loss=f"{number:.4g}", refresh=False)
            start += _show(watch, history[-1])
    except KeyboardInterrupt:
        interrupted = True
    finally:
        torch.set_num_threads(threads)
        bar.close()
        with torch.no_grad():
            for keep, p in zip(kept, parameters, strict=True):
                p.copy_(keep)
    return tuple(history), interrupted


def iterate(
    step: Callable[[int], tuple[float, float]],
    steps: int,
    label: str,
    watch: Callable[[Record], None] | None = None,
    progress: bool = True,
) -> tuple[tuple[Record, ...], bool]:
    """Call step(iteration) -> (loss, error in mm) again and again; for methods whose steps never make things worse.

    A step that has nothing left to do raises StopIteration. watch: called after every iteration; it may raise
    KeyboardInterrupt. Returns the history and whether it was interrupted: what the steps have reached by then stands.
    """
    if steps < 1:
        raise ValueError(f"steps: a fit needs at least one step, found {steps}")
    history: list[Record] = []
    interrupted, start, threads = False, time.perf_counter(), torch.get_num_threads()
    bar = tqdm(range(steps), desc=label, leave=False, disable=not progress, mininterval=0.2)
    try:
        torch.set_num_threads(1)  # as in `descend`
        for iteration in bar:
            try:
                loss, error = step(iteration)
            except StopIteration:
                break
            history.append(Record(iteration, loss, time.perf_counter() - start, error))
            bar.set_postfix(error=f"{error:.3f} mm", refresh=False)
            start += _show(watch, history[-1])
    except KeyboardInterrupt:
        interrupted = True
    finally:
        torch.set_num_threads(threads)
        bar.close()
    return tuple(history), interrupted


def _show(watch: Callable[[Record], None] | None, record: Record) -> float:
    """Tell the watcher; the seconds it took, which are not the fit's."""
    before = time.perf_counter()
    if watch is not None:
        watch(record)
    return time.perf_counter() - before


def watching(watch: Watcher | None, model: SkinnedModel) -> Callable[[Record], None] | None:
    """A watcher of this model, for `descend`."""
    return None if watch is None else lambda record: watch(record, model)


def snapshot(model: SkinnedModel) -> dict[str, Tensor]:
    """A copy of the parameters as they are now."""
    return {name: parameter.detach().clone() for name, parameter in model.named_parameters()}


RATES = {
    "translation": 0.2, "rotation": 0.01, "log_scale": 0.01, "bone_uv": 0.001,
    "mixture_mean": 0.002, "mixture_factor": 0.02, "mixture_logits": 0.05,
}  # fmt: skip


def parameter_groups(model: SkinnedModel, faster: float = 1.0) -> list[tuple[list[Tensor], float]]:
    """Every parameter of a model with a learning rate in its own unit."""
    return [([parameter], faster * RATES[name]) for name, parameter in model.named_parameters()]
