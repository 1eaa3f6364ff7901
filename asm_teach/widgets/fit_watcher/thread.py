"""A fit that runs beside the notebook: it can be watched, paused, resumed and stopped. No widgets here."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from asm_teach.fitting.result import Fit, LiveFace, Record, Watcher
from asm_teach.geometry.alignment import align_points, apply_alignment
from asm_teach.geometry.closest_point import to_array
from asm_teach.geometry.mesh import Mesh
from asm_teach.geometry.surface_points import Skin
from asm_teach.model.adaptive import SkinnedModel
from asm_teach.rendering.camera import Camera

_OFTEN = 0.25  # seconds between two looks at the face, at least
_SHARE = 4  # a look that took a second is followed by four for the fit
_BESIDE = 1.0  # mm: so far beyond its edge a scan still counts as there
_FAR = 20.0  # mm: further from the scan than this a vertex has no counterpart on it


class FitThread(Watcher):
    """Run fit(model, data, watch=..., progress=False, **options) in a thread.

    Args:
        fit: `fit_scan`, `fit_views`, `fit_morphable`, or a function that takes the same.
        model: what is to be fitted.
        data: a scan, or views.
        changed: called in the thread whenever there is something new to look at.
        truth: a face on the template's mesh, from which the distance is measured where the fit has no scan.

    Attributes:
        state: "ready", "running", "paused", "stopping", "done", "stopped" or "failed".
        history: the records so far.
        vertices: (V, 3) mm, the face at the last look, or None.
        error: (V,) mm from the scan at the last look, NaN where a raw scan has nothing near or has ended; or from the
            true face, to which the fit's is brought by turn, shift and scale; None where there is neither.
        cameras: those of the views at the last look.
        fit: the result once it has ended, be it by `stop` with the best so far; None before, and when it failed.
        failure: what a failed fit raised.
        blind: what looking at the fit, or showing it, raised: it is not looked at any more, and goes on.
    """

    def __init__(
        self,
        fit: Callable[..., Fit],
        model: SkinnedModel,
        data: Any,
        changed: Callable[[], None],
        truth: Mesh | None = None,
        **options: Any,
    ) -> None:
        self.state = "ready"
        self.history: list[Record] = []
        self.vertices: Tensor | None = None
        self.error: Tensor | None = None
        self.cameras: tuple[Camera, ...] = ()
        self.fit: Fit | None = None
        self.failure: BaseException | None = None
        self.blind: Exception | None = None
        self._call = lambda: fit(model, data, watch=self, **{"progress": False, **options})
        self._template, self._changed, self._truth = model.mesh, changed, truth
        self._next_look = self._told = 0.0
        self._going, self._stop, self._turn = threading.Event(), threading.Event(), threading.Lock()
        self._scan: Mesh | None = None
        self._skin: Skin | None = None
        self._see: Callable[[], tuple[Camera, ...]] = tuple
        self._thread = threading.Thread(target=self._run, name="fit", daemon=True)

    # -- from outside --------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin; a second call does nothing."""
        if self._pass("running", "ready"):
            self._going.set()
            self._thread.start()

    def pause(self) -> None:
        """Hold after the step that is under way."""
        with self._turn:
            if self.state == "running":
                self.state = "paused"
                self._going.clear()

    def resume(self) -> None:
        """Go on after a pause."""
        if self._pass("running", "paused"):
            self._going.set()

    def stop(self) -> None:
        """End after the step that is under way, and keep the best so far."""
        if self._pass("stopping", "running", "paused"):
            self._stop.set()
            self._going.set()

    @property
    def scanned(self) -> bool:
        """Whether the fit has told of a scan that it uses."""
        return self._scan is not None

    def wait(self, seconds: float | None = None) -> bool:
        """Wait for the end; False when it did not come in time. A notebook need not wait."""
        if self.state == "ready":
            return False
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def _pass(self, after: str, *before: str) -> bool:
        """Go from one of the states `before` to the next, if it is one of those: the fit may end at any moment."""
        with self._turn:
            if self.state not in before:
                return False
            self.state = after
            return True

    # -- in the thread -------------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            fit = self._call()
            self.history, self.cameras = list(fit.history), tuple(getattr(fit, "cameras", ()))
            self._guarded(lambda: self._look(fit.vertices))
            self.fit, ended = fit, "stopped" if fit.interrupted else "done"
        except BaseException as failure:  # a page shows words, and the thread ends either way
            self.failure, ended = failure, "failed"
        with self._turn:
            self.state = ended
        self._guarded(self._changed)

    def begin(self, scan: Mesh) -> None:
        """The fit tells which scan it uses."""
        self._scan, self._skin = scan, None

    def see(self, cameras: Callable[[], tuple[Camera, ...]]) -> None:
        """The fit tells how to ask for its cameras."""
        self._see = cameras

    def __call__(self, record: Record, model: LiveFace) -> None:
        """The fit has made a step."""
        self.history.append(record)
        if self._stop.is_set():
            raise KeyboardInterrupt
        now, held = time.monotonic(), not self._going.is_set()
        look = held or now >= self._next_look
        if look and self.blind is None:
            self._guarded(lambda: self._look_at(model))
        if look or now >= self._told + _OFTEN:  # the numbers cost nothing
            self._told = now
            self._guarded(self._changed)
        self._going.wait()
        if self._stop.is_set():
            raise KeyboardInterrupt

    def _guarded(self, action: Callable[[], None]) -> None:
        """What only shows the fit must not end it."""
        try:
            action()
        except Exception as failure:
            self.blind = failure

    @torch.no_grad()
    def _look_at(self, model: LiveFace) -> None:
        self.cameras = tuple(self._see())
        self._look(model())

    def _look(self, vertices: Tensor) -> None:
        begin = time.monotonic()
        vertices = vertices.detach().cpu()
        if torch.isfinite(vertices).all():
            self.error = self._distance(vertices)
        self.vertices = vertices
        now = time.monotonic()
        self._next_look = now + max(_OFTEN, _SHARE * (now - begin))

    def _distance(self, vertices: Tensor) -> Tensor | None:
        """(V,) mm: to the same vertex of a registered scan or of the true face, to the surface of a raw scan."""
        target = self._truth if self._scan is None else self._scan
        if target is None:
            return None
        if same_faces(target, self._template):
            goal = target.vertices.cpu().to(vertices)
            if self._scan is None:  # pictures do not show where the face is, nor its size
                rows = self._template.part_vertices("face").cpu() if "face" in self._template.parts else slice(None)
                vertices = apply_alignment(vertices, align_points(vertices[rows], goal[rows], scale=True))
            distance = torch.linalg.vector_norm(vertices - goal, dim=1)
        else:
            if self._skin is None:
                self._skin = Skin(to_array(target.vertices), target.faces.cpu().numpy())
            points = to_array(vertices)
            on = self._skin.put(points)
            # beside an edge where the scan ends: the face goes on over a hole, and nothing is known there
            across = ((points - on.position) * self._skin.looks[on.face]).sum(1)
            beside = self._skin.on_rim(on) & (on.distance**2 - across**2 > _BESIDE**2)
            distance = torch.from_numpy(on.distance).masked_fill(torch.from_numpy(beside), torch.nan)
            distance = torch.where(distance > _FAR, torch.nan, distance)
        return distance


def same_faces(a: Mesh, b: Mesh) -> bool:
    """Whether two meshes have the same triangles of as many vertices."""
    return len(a.vertices) == len(b.vertices) and torch.equal(a.faces.cpu(), b.faces.cpu())
