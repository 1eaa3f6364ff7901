"""A fit that runs beside the notebook: it can be watched, paused, resumed and stopped. No widgets here."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from asm_teach.closest import Surface, to_array
from asm_teach.fitting import Fit, Record
from asm_teach.mesh import Mesh
from asm_teach.model import SkinnedModel

_OFTEN = 0.25  # seconds between two looks at the face: each costs the fit a little time
_FAR = 20.0  # mm: further from the scan than this a vertex has no counterpart on it


class FitThread:
    """Run fit(model, data, watch=..., progress=False, **options) in a thread.

    Args:
        fit: `fit_scan`, `fit_views`, or a function that takes the same.
        model: what is to be fitted.
        data: a scan, or views.
        changed: called in the thread whenever there is something new to look at.

    Attributes:
        state: "ready", "running", "paused", "stopping", "done", "stopped" or "failed".
        history: the records so far.
        vertices: (V, 3) mm, the face at the last look, or None.
        error: (V,) mm from the scan at the last look, NaN where the scan has nothing near; None without a scan.
        fit: the result once it has ended, be it by `stop` with the best so far; None before, and when it failed.
        failure: what a failed fit raised.
    """

    def __init__(
        self, fit: Callable[..., Fit], model: SkinnedModel, data: Any, changed: Callable[[], None], **options: Any
    ) -> None:
        self.state = "ready"
        self.history: list[Record] = []
        self.vertices: Tensor | None = None
        self.error: Tensor | None = None
        self.fit: Fit | None = None
        self.failure: BaseException | None = None
        self._call = lambda: fit(model, data, watch=_Watch(self), **{"progress": False, **options})
        self._template, self._changed, self._looked = model.mesh, changed, -_OFTEN
        self._going, self._stop = threading.Event(), threading.Event()
        self._scan: Mesh | None = None
        self._surface: Surface | None = None
        self._thread = threading.Thread(target=self._run, name="fit", daemon=True)

    # -- from outside --------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin; a second call does nothing."""
        if self.state == "ready":
            self.state = "running"
            self._going.set()
            self._thread.start()

    def pause(self) -> None:
        """Hold after the step that is under way."""
        if self.state == "running":
            self.state = "paused"
            self._going.clear()

    def resume(self) -> None:
        """Go on after a pause."""
        if self.state == "paused":
            self.state = "running"
            self._going.set()

    def stop(self) -> None:
        """End after the step that is under way, and keep the best so far."""
        if self.state in ("running", "paused"):
            self.state = "stopping"
            self._stop.set()
            self._going.set()

    def wait(self, seconds: float | None = None) -> bool:
        """Wait for the end; False when it did not come in time. A notebook need not wait."""
        if self.state != "ready":
            self._thread.join(seconds)
        return not self._thread.is_alive()

    # -- in the thread -------------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            self.fit = self._call()
            self.history = list(self.fit.history)
            self._look(self.fit.vertices)
            self.state = "stopped" if self.fit.interrupted else "done"
        except BaseException as failure:  # a page shows words, and the thread ends either way
            self.failure, self.state = failure, "failed"
        self._changed()

    def begin(self, scan: Mesh) -> None:
        """The fit tells which scan it uses."""
        self._scan = scan

    def step(self, record: Record, model: SkinnedModel) -> None:
        """The fit has made a step."""
        self.history.append(record)
        if self._stop.is_set():
            raise KeyboardInterrupt
        if time.monotonic() - self._looked >= _OFTEN or not self._going.is_set():
            with torch.no_grad():
                self._look(model())
            self._changed()
        self._going.wait()
        if self._stop.is_set():
            raise KeyboardInterrupt

    def _look(self, vertices: Tensor) -> None:
        self.vertices = vertices.detach().cpu()
        if self._scan is not None:
            self.error = self._distance(self.vertices)
        self._looked = time.monotonic()

    def _distance(self, vertices: Tensor) -> Tensor:
        """(V,) mm: to the same vertex of a registered scan, to the surface of another."""
        scan, faces = self._scan, self._template.faces.cpu()
        if scan.faces.shape == faces.shape and torch.equal(scan.faces.cpu(), faces):
            distance = torch.linalg.vector_norm(vertices - scan.vertices.cpu().to(vertices), dim=1)
        else:
            if self._surface is None:
                self._surface = Surface(scan.vertices.cpu(), scan.faces.cpu())
            distance = torch.from_numpy(self._surface.closest(to_array(vertices))[1])
        return torch.where(distance > _FAR, torch.nan, distance)


class _Watch:
    """What a fit is given as its watcher."""

    def __init__(self, run: FitThread) -> None:
        self._run = run

    def begin(self, scan: Mesh) -> None:
        self._run.begin(scan)

    def __call__(self, record: Record, model: SkinnedModel) -> None:
        self._run.step(record, model)
