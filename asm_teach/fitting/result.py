"""What every fit shares: its result, its history, who looks on, and a loop that can be watched and stopped.

An interrupted fit (Ctrl-C, or the stop button of a notebook) keeps what it has reached.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
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


@dataclass(frozen=True, eq=False, kw_only=True)
class Course:
    """How a fit went.

    history: loss and seconds of every iteration. interrupted: whether it was stopped before its end.
    scan: the scan as it was used, cleaned and in mm; None for views. notes: what had to be guessed, in sentences.
    unit: mm for each unit of the scan's file.
    """

    history: tuple[Record, ...] = field(default=(), repr=False)
    interrupted: bool = False
    scan: Mesh | None = field(default=None, repr=False)
    notes: tuple[str, ...] = ()
    unit: float = 1.0

    @property
    def seconds(self) -> float:
        """How long the fit took, without its watcher."""
        return self.history[-1].seconds if self.history else 0.0


@dataclass(frozen=True, eq=False)
class Fit(Course):
    """The result of a fit: the fitted model, and how the fit went.

    model: the fitted model. vertices: (V, 3) mm, its moved vertices. cameras: one for each view (none for a scan).
    """

    model: SkinnedModel
    vertices: Tensor
    cameras: tuple[Camera, ...] = ()


LiveFace = Callable[[], Tensor]
"""A face that is being fitted, to be called for its vertices as they are now, (V, 3) mm: a model, for instance."""


class Watcher:
    """What looks on while a fit runs. Its three methods do nothing; a subclass writes those that it needs."""

    @staticmethod
    def of(watch: Watcher | Callable[[Record, LiveFace], None] | None) -> Watcher | None:
        """A watcher as it is; a plain function as one that is called after every iteration; None for nobody."""
        return watch if watch is None or isinstance(watch, Watcher) else _Calls(watch)

    def begin(self, scan: Mesh) -> None:
        """A fit to a scan tells which scan it uses, in mm, before the first step."""

    def see(self, cameras: Callable[[], tuple[Camera, ...]]) -> None:
        """A fit to views tells how to ask for its cameras: `cameras()` are those of that moment."""

    def __call__(self, record: Record, model: LiveFace) -> None:
        """Called after every iteration with its record and the model; may raise KeyboardInterrupt to end the fit."""


class _Calls(Watcher):
    def __init__(self, function: Callable[[Record, LiveFace], None]) -> None:
        self._function = function

    def __call__(self, record: Record, model: LiveFace) -> None:
        self._function(record, model)


def watching(watch: Watcher | None, model: LiveFace) -> Callable[[Record], None] | None:
    """A watcher of this model, for `iterate`."""
    return None if watch is None else lambda record: watch(record, model)


def iterate(
    step: Callable[[int], tuple[float, float]],
    steps: int,
    label: str,
    watch: Callable[[Record], None] | None = None,
    progress: bool = True,
) -> tuple[tuple[Record, ...], bool]:
    """Call step(iteration) -> (loss, error in mm or NaN) again and again.

    Args:
        step: raises StopIteration when nothing is left to do.
        steps: at most.
        label: what a progress bar says.
        watch: called after every iteration; may raise KeyboardInterrupt.
        progress: whether to show the bar.

    Returns:
        the history, and whether it was interrupted: what the steps have reached by then stands.

    Raises:
        ValueError: fewer than one step.
    """
    if steps < 1:
        raise ValueError(f"steps: a fit needs at least one step, found {steps}")
    history: list[Record] = []
    interrupted, start, threads = False, time.perf_counter(), torch.get_num_threads()
    bar = tqdm(range(steps), desc=label, leave=False, disable=not progress, mininterval=0.2)
    try:
        # Tensors of a fit are small: a second thread gains little, and on a busy machine waits for its turn every step.
        torch.set_num_threads(1)
        for iteration in bar:
            try:
                loss, error = step(iteration)
            except StopIteration:
                break
            history.append(Record(iteration, loss, time.perf_counter() - start, error))
            told = f"loss={loss:.4g}" if math.isnan(error) else f"error={error:.3f} mm"
            bar.set_postfix_str(told, refresh=False)
            before = time.perf_counter()
            if watch is not None:
                watch(history[-1])
            start += time.perf_counter() - before  # the seconds of a watcher are not the fit's
    except KeyboardInterrupt:
        interrupted = True
    finally:
        torch.set_num_threads(threads)
        bar.close()
    return tuple(history), interrupted
