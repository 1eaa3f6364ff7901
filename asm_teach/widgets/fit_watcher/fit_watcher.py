"""Watch a fit while it runs: the face, how far it is from the scan, the loss; pause it, or stop it with what it has."""

from __future__ import annotations

import asyncio
import math
import threading
import time
from collections.abc import Callable
from typing import Any

import ipywidgets
import torch

from asm_teach.fitting.result import Fit
from asm_teach.geometry.alignment import align_points, apply_alignment
from asm_teach.geometry.mesh import Mesh
from asm_teach.model.adaptive import SkinnedModel
from asm_teach.widgets.base.shown import Shown, button, read_out
from asm_teach.widgets.fit_watcher.thread import FitThread, same_faces
from asm_teach.widgets.fit_watcher.told import (
    GO,
    Seat,
    camera_plan,
    camera_words,
    lines,
    loss_curve,
    notes,
    numbers,
    seats,
    state_words,
)
from asm_teach.widgets.viewer.viewer import Viewer

_GLANCE = 0.5  # seconds between two refreshes while a cell waits
_ERROR, _FROM_TRUTH = "distance from the scan, mm", "distance from the true face, mm"


class FitWatcher(Shown, ipywidgets.HBox):
    """Run a fit beside the notebook and show it live.

    The fit runs in a thread, so the notebook stays free; cells below run while it goes on. `fit` is the result once it
    has ended, or the best so far after Stop; None before. What the fit raises is told in the widget, and kept in
    `failure`.

    The face is shown turned to where the template looks. With a scan its colours are the distance in mm from the scan
    as it is used, cleaned and in mm: from vertex to vertex where it is registered, else to its surface. Vertices more
    than 20 mm from such a surface, or over a hole of it, are grey: there the scan has nothing. With views the cameras
    found so far are shown from above and in words, and the colours are the distance from `truth`, where that is known.

    Args:
        fit: `fit_scan`, `fit_views`, `fit_morphable`, or a function that takes (model, data, watch=, progress=) too.
        model: what is to be fitted; it is not changed.
        data: the scan, or the views.
        truth: of views of a known face: that face, on the template's mesh. The fit is not told.
        start: begin at once, without the button.
        width: of the view, in pixels.
        height: of the view, in pixels.
        options: for the fit.

    Raises:
        ValueError: a `watch` among the options: the watcher itself watches; a truth that is no face on the template's
            mesh.
    """

    def __init__(
        self,
        fit: Callable[..., Fit],
        model: SkinnedModel,
        data: Any,
        *,
        truth: Mesh | None = None,
        start: bool = True,
        width: int = 460,
        height: int = 420,
        **options: Any,
    ) -> None:
        if "watch" in options:
            raise ValueError(
                "watch: this widget watches the fit itself; leave it out, or call the fit without a widget"
            )
        if truth is not None and not (isinstance(truth, Mesh) and same_faces(truth, model.mesh)):
            found = f"a Mesh of {len(truth.faces)} faces" if isinstance(truth, Mesh) else f"a {type(truth).__name__}"
            raise ValueError(
                f"truth: found {found}, give one with the template's own {len(model.mesh.faces)} faces; else leave it "
                "out, and measure the result with `scan_error`"
            )
        self._template = model.mesh.vertices.detach().cpu()
        self._run = FitThread(fit, model, data, self._news, truth, **options)
        self._drawn: torch.Tensor | None = None
        self._limits: tuple[float, float] | None = None
        self._asked = self._closed = False
        self._one_at_a_time = threading.RLock()
        try:
            self._loop: asyncio.AbstractEventLoop | None = asyncio.get_running_loop()
        except RuntimeError:
            self._loop = None  # no notebook around us, and no page that could be blocked
        self.viewer = Viewer(model.mesh, width=width, height=height)
        self.go = button("Start", "start the fit", self._go)
        self.stop_button = button("Stop", "stop the fit and keep the best result so far", self.stop)
        self._state, self._curve, self._facts, self._cameras, self._notes = (ipywidgets.HTML() for _ in range(5))
        told = [self._state, self._curve, self._facts, self._cameras, self._notes]
        side = ipywidgets.VBox([ipywidgets.HBox([self.go, self.stop_button]), *told]).add_class("asm-fit")
        super().__init__(children=[self.viewer, side])
        self.add_class("asm-panel")
        self.refresh()
        if start:
            self.start()

    # -- what a person can do ------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin the fit."""
        self._run.start()
        self.refresh()

    def pause(self) -> None:
        """Hold after the step that is under way."""
        self._run.pause()
        self.refresh()

    def resume(self) -> None:
        """Go on after a pause."""
        self._run.resume()
        self.refresh()

    def stop(self) -> None:
        """End after the step that is under way; `fit` is then the best so far."""
        self._run.stop()
        self.refresh()

    def wait(self, seconds: float | None = None) -> bool:
        """Wait for the end, and show the fit until then; False when it did not come in time.

        The buttons wait with the page while a cell runs: a fit that is paused or not begun goes on, or nothing would
        ever end it. To end it early interrupt the kernel and press Stop.
        """
        self.start()
        self.resume()
        last = math.inf if seconds is None else time.monotonic() + seconds
        ended = self._run.wait(0)
        while not ended and (left := last - time.monotonic()) > 0:
            ended = self._run.wait(min(_GLANCE, left))
            self.refresh()  # the notebook's loop, which shows the news otherwise, waits with the cell
        return ended

    @property
    def fit(self) -> Fit | None:
        """The result, or the best so far after a stop; None while it runs."""
        return self._run.fit

    @property
    def failure(self) -> BaseException | None:
        """What the fit raised, if it did."""
        return self._run.failure

    @property
    def state(self) -> str:
        """One of "ready", "running", "paused", "stopping", "done", "stopped", "failed"."""
        return self._run.state

    @property
    def text(self) -> str:
        """What the widget shows, in words."""
        words = [state_words(self._run), *(f"{name} {value}" for name, value in numbers(self._run))]
        return " · ".join([*words, *camera_words(self._seats()), *notes(self._run), self.viewer.text])

    def close(self) -> None:
        """Stop the fit, and take the widget off the page."""
        if hasattr(self, "viewer"):
            with self._one_at_a_time:  # the fit's thread may be showing news at this moment
                self._closed = True
            self._run.stop()
            self.viewer.close()
        super().close()

    # -- the picture ---------------------------------------------------------------------------------------

    def refresh(self) -> None:
        """Show the fit as it is now."""
        with self._one_at_a_time:
            self._asked = False
            if not self._closed:  # the last news may come afterwards
                self._show()

    def _show(self) -> None:
        state = self._run.state
        self.go.description, self.go.tooltip = GO.get(state, ("Pause", "pause the fit"))
        self.go.disabled = state not in GO
        self.stop_button.disabled = state not in ("running", "paused")
        told = read_out(state_words(self._run), state == "failed")
        if told != self._state.value:
            self._state.value = told
        self._curve.value = loss_curve([record.loss for record in list(self._run.history)])
        rows = "".join(f"<tr><th>{name}</th><td>{value}</td></tr>" for name, value in numbers(self._run))
        self._facts.value = f'<table class="asm-facts">{rows}</table>' if rows else ""
        where = self._seats()
        self._cameras.value = camera_plan(where) + lines(camera_words(where))
        self._notes.value = lines(notes(self._run))
        self._draw()

    def _draw(self) -> None:
        vertices, error = self._run.vertices, self._run.error
        if vertices is None or vertices is self._drawn:
            return
        self._drawn = vertices
        if torch.isfinite(vertices).all():
            vertices = apply_alignment(vertices, align_points(vertices, self._template.to(vertices)))
        self.viewer.update(vertices)
        if error is not None and torch.isfinite(error).any():
            # one scale for the whole fit: what fades is the error, not the colours
            first, self._limits = self._limits is None, self._limits or _limits(error)
            show = first or self.viewer.colours == "error"  # else a person has chosen other colours
            label = _ERROR if self._run.scanned else _FROM_TRUTH
            self.viewer.colour_by("error", error, self._limits, label=label, show=show)

    def _news(self) -> None:
        """Something new, told in the fit's thread; it is shown from the notebook's loop."""
        if self._closed:
            return
        if self._loop is None:
            self.refresh()
        elif not self._asked:
            self._asked = True
            try:
                self._loop.call_soon_threadsafe(self.refresh)
            except RuntimeError:  # the loop is closed, and nobody watches any more
                self._closed = True

    def _go(self) -> None:
        {"ready": self.start, "running": self.pause, "paused": self.resume}.get(self.state, self.refresh)()

    # -- words ---------------------------------------------------------------------------------------------

    def _seats(self) -> list[Seat]:
        """The cameras about the face as it is shown, turned to where the template looks."""
        vertices, cameras = self._run.vertices, self._run.cameras
        if vertices is None or not cameras or not torch.isfinite(vertices).all():
            return []
        return seats(cameras, vertices.mean(0), align_points(vertices, self._template.to(vertices)))

    def still(self) -> bytes:
        """The view, for a page without a kernel."""
        return self.viewer.still()


def _limits(error: torch.Tensor) -> tuple[float, float]:
    top = float(error[torch.isfinite(error)].quantile(0.9))
    return 0.0, next((step for step in (0.5, 1.0, 2.0, 5.0, 10.0) if top <= step), 20.0)
