"""The fit watcher without a browser, with real small fits: pause, resume, stop, failure; the notebook stays free."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable
from functools import cache

import numpy as np
import pytest
import torch

from asm_teach.camera import look_at
from asm_teach.data import load_head
from asm_teach.fitting import Fit
from asm_teach.mesh import Mesh
from asm_teach.model import AdaptiveSkinningModel
from asm_teach.scanfit import fit_scan
from asm_teach.transforms import Rig
from asm_teach.widgets import FitWatcher
from asm_teach.widgets.fit_watcher import camera_words
from asm_teach.widgets.loss_curve import loss_curve

from .widget_parts import close_widgets  # noqa: F401

FEW = [0, *range(2, 84, 6)]  # some of the bones, all on the root: a fit takes a second


@cache
def few() -> tuple[AdaptiveSkinningModel, Mesh]:
    head = load_head()
    rig = Rig(
        tuple(head.rig.names[bone] for bone in FEW), torch.tensor([-1] + [0] * (len(FEW) - 1)), uv=head.rig.uv[FEW]
    )
    return AdaptiveSkinningModel(head.mesh, rig, 1), head.sample(3)


def watch(**options) -> FitWatcher:
    model, scan = few()
    return FitWatcher(fit_scan, model, scan, width=160, height=120, **{"device": "cpu", "steps": 8, **options})


def until(true: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.01)


def test_a_fit_is_shown_and_its_result_is_the_fits_own() -> None:
    watcher = watch()
    assert watcher.wait(120) and watcher.state == "done"
    model, scan = few()
    alone = fit_scan(model, scan, steps=8, device="cpu", progress=False)
    torch.testing.assert_close(watcher.fit.vertices, alone.vertices)
    assert "fit is done" in watcher._state.value and "iteration 7" in watcher.text
    # the colours are the distances, and the face is turned back to the template's place, not squeezed
    left = torch.linalg.vector_norm(alone.vertices - scan.vertices, dim=1)
    np.testing.assert_allclose(watcher.viewer._colouring._values["error"]["mesh"], left, atol=1e-3)
    shown, fitted = watcher.viewer.vertices, alone.vertices.numpy()
    for one in (shown, fitted):
        one -= one.mean(axis=0)
    np.testing.assert_allclose(np.linalg.norm(shown, axis=1), np.linalg.norm(fitted, axis=1), atol=1e-2)
    assert "distance from the scan, mm" in watcher.viewer.text
    assert 'aria-label="loss against iteration' in watcher._curve.value
    assert watcher.go.disabled and watcher.stop_button.disabled


def test_pause_holds_and_resume_goes_on() -> None:
    watcher = watch(start=False)
    assert watcher.state == "ready" and watcher.fit is None and watcher.go.description == "Start"
    watcher.go.click()
    until(lambda: len(watcher._run.history) >= 2)
    watcher.go.click()
    assert watcher.state == "paused" and watcher.go.description == "Resume"
    time.sleep(0.3)  # the step under way
    held = len(watcher._run.history)
    time.sleep(0.5)
    assert len(watcher._run.history) == held < 8
    assert watcher.fit is None and "Paused" in watcher._state.value
    watcher.go.click()
    assert watcher.wait(120) and watcher.state == "done" and len(watcher.fit.history) == 8


@pytest.mark.parametrize("paused", [False, True])
def test_stop_keeps_the_best_so_far(paused: bool) -> None:
    watcher = watch(steps=500)
    until(lambda: len(watcher._run.history) >= 3)
    if paused:
        watcher.pause()
    watcher.stop_button.click()
    assert watcher.wait(60) and watcher.state == "stopped"
    assert watcher.fit.interrupted and 3 <= len(watcher.fit.history) < 500
    assert "best so far" in watcher._state.value
    assert torch.isfinite(watcher.fit.vertices).all()


def test_a_raw_scan_is_compared_with_its_surface_and_far_vertices_are_grey() -> None:
    model, scan = few()
    raw = Mesh(1 + scan.vertices, scan.faces.flip(0)[: len(scan.faces) * 9 // 10])  # other faces: no vertex by vertex
    watcher = watch()
    watcher.stop()
    watcher.wait(60)
    run = watcher._run
    run.begin(raw)
    far = scan.vertices.clone()
    far[7] += 500
    error = run._distance(far + 1)
    assert torch.isnan(error[7]) and error[torch.isfinite(error)].max() <= 20
    used = torch.unique(raw.faces)
    used = used[used != 7]
    assert error[used].max() < 1e-3


def test_what_a_fit_raises_becomes_words() -> None:
    model, scan = few()
    watcher = watch(mask=torch.ones(3))
    assert watcher.wait(60) and watcher.state == "failed"
    assert watcher.fit is None and isinstance(watcher.failure, ValueError)
    assert "mask: found (3,)" in watcher._state.value and "asm-trouble" in watcher._state.value

    def broken(*_: object, **__: object) -> Fit:
        raise KeyError("<jaw>")

    watcher = FitWatcher(broken, model, scan, width=160, height=120)
    assert watcher.wait(60)
    assert "KeyError" in watcher._state.value and "&lt;jaw&gt;" in watcher._state.value
    with pytest.raises(ValueError, match="watch: this widget watches"):
        watch(watch=print)


def test_the_notebook_is_never_blocked_and_drawing_happens_on_its_loop() -> None:
    import threading

    async def notebook() -> None:
        watcher, drawers, waits = watch(steps=12), set(), []
        draw = watcher._draw
        watcher._draw = lambda: (drawers.add(threading.current_thread()), draw())
        while watcher.state not in ("done", "failed"):
            before = time.monotonic()
            await asyncio.sleep(0.005)
            waits.append(time.monotonic() - before)
        await asyncio.sleep(0.1)
        assert watcher.state == "done" and drawers == {threading.current_thread()}
        assert "fit is done" in watcher._state.value
        assert np.median(waits) < 0.2  # a cell that a person runs meanwhile is answered

    asyncio.run(notebook())


def test_a_closed_watcher_ends_its_fit() -> None:
    watcher = watch(steps=500)
    until(lambda: len(watcher._run.history) >= 1)
    watcher.close()
    assert watcher._run.wait(60) and watcher.state == "stopped"


def test_cameras_in_words() -> None:
    front = look_at(torch.tensor([0.0, 0, 600]), torch.zeros(3), 1000.0, (640, 480))
    left = look_at(torch.tensor([500.0, 0, 500]), torch.zeros(3), 900.0, (640, 480))
    words = camera_words((front, left), torch.zeros(3))
    assert words[0].startswith("view 1: focal length 1000 px, 600 mm away, 0° to ")
    assert words[1] == "view 2: focal length 900 px, 707 mm away, 45° to the person's left, 0° up"


def test_the_loss_curve_falls_where_the_loss_falls() -> None:
    drawn = loss_curve([100.0, 10.0, float("nan"), 1.0])
    points = [tuple(map(float, pair.split(","))) for pair in re.search(r'points="([^"]*)"', drawn)[1].split()]
    assert len(points) == 3
    (x0, y0), (x1, y1), (x2, y2) = points
    assert x0 < x1 < x2
    assert y1 - y0 == pytest.approx(y2 - y1)  # one decade each
    assert x2 - x1 == pytest.approx(2 * (x1 - x0), abs=0.2)  # the one that is no number keeps its place
    assert ">1<" in drawn and ">100<" in drawn and "1 at iteration 3" in drawn
    assert "no loss yet" in loss_curve([]) and "no loss yet" in loss_curve([float("nan")])
    assert "polyline" in loss_curve([0.0]) and "polyline" in loss_curve([3.0, -1.0])
    assert len(loss_curve(list(np.linspace(9, 1, 5000)))) < 8000
