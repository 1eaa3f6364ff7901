"""The fit watcher without a browser, with real small fits: pause, resume, stop, failure; the notebook stays free."""

from __future__ import annotations

import asyncio
import re
import threading
import time
from collections.abc import Callable, Sequence
from functools import cache
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from asm_teach.data.heads import load_head
from asm_teach.fitting.result import Fit, Record
from asm_teach.geometry.closest_point import Surface, to_array
from asm_teach.geometry.mesh import Mesh
from asm_teach.model.adaptive import AdaptiveSkinningModel
from asm_teach.model.linear import LinearMorphableModel
from asm_teach.model.transforms import Rig
from asm_teach.rendering.camera import Camera, look_at
from asm_teach.scan_fit.clean import keep_faces
from asm_teach.scan_fit.fit import fit_scan
from asm_teach.scan_fit.linear_fit import fit_morphable
from asm_teach.studies.view_cases import embedded_pictures
from asm_teach.view_fit.fit import fit_views
from asm_teach.widgets import FitWatcher
from asm_teach.widgets.fit_watcher.told import camera_plan, camera_words, loss_curve, numbers, seats, state_words
from tests.widgets.parts import close_widgets  # noqa: F401

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


@cache
def pictures() -> tuple:
    """Three small pictures of a known person."""
    return embedded_pictures(load_head(), seed=3, views=3, size=256).views


def watch_views(**options) -> FitWatcher:
    return FitWatcher(fit_views, few()[0], pictures(), width=160, height=120, **{"device": "cpu", **options})


def with_a_hole(mesh: Mesh, where: int, radius: float) -> tuple[Mesh, torch.Tensor]:
    """A raw scan: the mesh without what is nearer than `radius` mm to a vertex, and which of its vertices are lost."""
    away = torch.linalg.vector_norm(mesh.vertices - mesh.vertices[where], dim=1)
    return keep_faces(mesh, (away[mesh.faces] >= radius).all(1)), away < radius


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
    assert "fit is finished" in watcher._state.value and "iteration 7" in watcher.text
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
    assert "best result so far" in watcher._state.value
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


@pytest.mark.long
def test_a_raw_scan_with_a_hole_is_fitted_and_the_hole_is_grey() -> None:
    model, person = few()
    tip = int(model.mesh.landmarks["ibug68"].nearest_vertices(model.mesh.faces)[30])
    cheek = int(
        torch.linalg.vector_norm(person.vertices - person.vertices[tip] - torch.tensor([45.0, 0, 0]), dim=1).argmin()
    )
    scan, lost = with_a_hole(person, cheek, 20.0)
    landmarks = load_head().landmarks.points(person.vertices, person.faces)
    watcher = FitWatcher(fit_scan, model, scan, width=160, height=120, device="cpu", steps=6, landmarks=landmarks)
    assert watcher.wait(120) and watcher.state == "done", watcher.text
    # measured from the scan as the fit used it, not from the one that was given
    fit, error = watcher.fit, watcher._run.error
    nearest = Surface(fit.scan.vertices, fit.scan.faces).closest(to_array(fit.vertices))[1]
    known = torch.isfinite(error)
    np.testing.assert_allclose(error[known], nearest[known], atol=1e-6)
    middle = torch.linalg.vector_norm(person.vertices - person.vertices[cheek], dim=1) < 12
    inside = middle & lost & (fit.vertices[:, 2] > 40)
    assert inside.sum() > 3 and torch.isnan(error[inside]).float().mean() > 0.9
    front = torch.unique(model.mesh.faces[model.mesh.parts["face"]])
    assert known[front][~lost[front]].float().mean() > 0.9
    assert "vertices without a value are grey" in watcher.text and "distance from the scan" in watcher.viewer.text
    assert all(note in watcher.text for note in fit.notes)


def test_views_show_their_cameras_while_they_are_found_and_the_distance_from_a_known_face() -> None:
    person = few()[1]
    watcher = watch_views(truth=person, steps=3000, photometric=False)
    until(lambda: len(watcher._run.history) >= 3 and "view 3" in watcher.text)
    early = [float(camera.focal) for camera in watcher._run.cameras]
    assert watcher.fit is None and "cameras from above" in watcher._cameras.value
    until(lambda: len(watcher._run.history) >= 40)
    watcher.stop()
    assert watcher.wait(60) and watcher.state == "stopped" and watcher.fit.interrupted
    found = watcher.fit.cameras
    assert [float(camera.focal) for camera in found] != early
    assert f"view 1: focal length {float(found[0].focal):.0f} px" in watcher.text
    # the face of the pictures has no place and no size: it is laid on the true one before it is measured
    rows = person.part_vertices("face")
    a, b = watcher.fit.vertices.double(), person.vertices.double()
    x, y = a[rows] - a[rows].mean(0), b[rows] - b[rows].mean(0)
    u, spread, vh = torch.linalg.svd(y.mT @ x)
    laid = spread.sum() / x.square().sum() * (a - a[rows].mean(0)) @ (u @ vh).mT + b[rows].mean(0)
    expected = torch.linalg.vector_norm(laid - b, dim=1)
    error = watcher._run.error
    near = expected < 20
    np.testing.assert_allclose(error[near], expected[near], atol=1e-2)
    assert "distance from the true face, mm" in watcher.viewer.text
    with pytest.raises(ValueError, match="truth: found a Mesh of .* faces, give .*own 8088 faces"):
        watch_views(truth=with_a_hole(person, 5, 10.0)[0])


@pytest.mark.long
def test_a_pause_holds_among_the_pictures_too_and_is_not_counted() -> None:
    watcher = watch_views(steps=5)
    until(lambda: len(watcher._run.history) >= 6 and "view 3" in watcher.text)
    watcher.pause()
    landmarks = [camera.focal for camera in watcher._run.cameras]
    time.sleep(1.0)  # the step under way
    held, seconds = len(watcher._run.history), watcher._run.history[-1].seconds
    time.sleep(1.0)
    assert len(watcher._run.history) == held
    assert f"iteration {held - 1}" in watcher.text and f"seconds {seconds:.1f}" in watcher.text
    watcher.resume()
    until(lambda: len(watcher._run.history) > held)
    watcher.stop()
    assert watcher.wait(60) and watcher.state == "stopped"
    assert watcher.fit.history[held].seconds - seconds < 0.5
    assert [camera.focal for camera in watcher.fit.cameras] != landmarks


@pytest.mark.parametrize("raw", [False, True])
def test_a_linear_model_is_watched_too(raw: bool) -> None:
    head = load_head()
    shapes = torch.stack([head.sample(seed).vertices for seed in range(10, 16)])
    model, person = LinearMorphableModel.from_samples(head.mesh, shapes), head.sample(3)
    options = {"steps": 500, "landmarks": head.landmarks.points(person.vertices, person.faces)} if raw else {}
    scan = with_a_hole(person, 700, 15.0)[0] if raw else person
    watcher = FitWatcher(fit_morphable, model, scan, width=160, height=120, **options)
    if raw:
        until(lambda: len(watcher._run.history) >= 3)
        watcher.stop()
    assert watcher.wait(120) and watcher.state == ("stopped" if raw else "done"), watcher.text
    fit = watcher.fit
    assert fit.interrupted is raw and len(fit.history) >= 3
    if not raw:
        alone = fit_morphable(model, person, progress=False)
        torch.testing.assert_close(fit.vertices, alone.vertices)
        left = torch.linalg.vector_norm(fit.vertices - person.vertices, dim=1)
        np.testing.assert_allclose(watcher._run.error, left, atol=1e-5)
    assert "distance from the scan, mm" in watcher.text and "cameras" not in watcher._cameras.value


def fitted_by_hand(
    model: AdaptiveSkinningModel, shapes: Sequence[torch.Tensor], *, watch: Callable, progress: bool
) -> Fit:
    """A fit of somebody's own: it goes through shapes, and fails where one is None."""
    for iteration, shape in enumerate(shapes):
        if shape is None:
            raise ValueError("shapes: there is no shape 3; give one")
        watch(Record(iteration, 1.0 / (iteration + 1), float(iteration)), lambda shape=shape: shape)
    return Fit(model, shapes[-1], history=(Record(0, 1.0, 0.0),))


@pytest.mark.parametrize(("error", "words"), [(0.00123456, "0.00123 mm"), (1.23456, "1.23 mm"), (12.3456, "12.3 mm")])
def test_a_small_distance_is_not_told_as_zero(error: float, words: str) -> None:
    run = SimpleNamespace(history=[Record(3, 0.5, 1.0, error)])
    assert ("mean distance, as weighted by the fit", words) in numbers(run)


def test_a_failure_half_way_keeps_what_was_seen_and_numbers_that_are_none_are_told() -> None:
    model, person = few()
    failed = FitWatcher(fitted_by_hand, model, [person.vertices, person.vertices, None], width=160, height=120)
    assert failed.wait(60) and failed.state == "failed" and failed.fit is None
    assert "The fit failed. shapes: there is no shape 3; give one" in failed._state.value
    assert "iteration 1" in failed.text and failed.go.disabled and failed.stop_button.disabled
    lost = person.vertices.clone()
    lost[7] = torch.nan
    watcher = FitWatcher(fitted_by_hand, model, [person.vertices, lost], truth=person, width=160, height=120)
    assert watcher.wait(60) and watcher.state == "done", watcher.text
    assert "1 of 4165 vertices are not finite numbers" in watcher.text
    assert np.isfinite(watcher.viewer.vertices).all()


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


@pytest.mark.parametrize("begun", [False, True])
def test_a_cell_that_waits_lets_a_fit_that_is_paused_or_not_begun_go_on(begun: bool) -> None:
    watcher = watch(start=begun)
    watcher.pause()
    assert watcher.state == ("paused" if begun else "ready")
    assert watcher.wait(60) and watcher.state == "done" and not watcher.fit.interrupted


def test_what_only_shows_a_fit_does_not_end_it() -> None:
    watcher = watch(start=False)
    watcher._run._distance = lambda _: 1 / 0
    assert watcher.wait(60) and watcher.state == "done", watcher.text
    assert "cannot be shown" in watcher._notes.value and "ZeroDivisionError" in watcher.text
    torch.testing.assert_close(watcher.fit.vertices, watched_alone(8))

    async def notebook() -> FitWatcher:
        return watch()

    watcher = asyncio.run(notebook())  # its loop is closed now
    assert watcher._run.wait(60) and watcher.state == "done", watcher.failure
    assert watcher.fit is not None


def test_a_fit_that_fails_as_its_words_are_asked_for() -> None:
    run = watch(steps=1)._run
    run.wait(60)

    class Failing:
        """Between reading what was raised and reading the state the fit's thread fails."""

        history, asked = (), 0

        @property
        def failure(self) -> Exception | None:
            self.asked += 1
            return KeyError("x") if self.asked > 1 else None

        @property
        def state(self) -> str:
            now = "failed" if self.asked else "running"
            self.asked += 1
            return now

    assert "running" in state_words(Failing())
    assert "KeyError" in state_words(type("Failed", (), {"state": "failed", "failure": KeyError("x"), "history": ()}))


def test_far_from_the_truth_is_not_grey_and_colours_wait_for_numbers() -> None:
    model, person = few()
    far = person.vertices.clone()
    far[7] += 300
    lost = torch.full_like(far, torch.nan)
    watcher = FitWatcher(fitted_by_hand, model, [lost, far], truth=person, width=160, height=120)
    assert watcher.wait(60) and watcher.state == "done", watcher.text
    assert float(watcher._run.error[7]) > 100
    watcher._limits, watcher._drawn, watcher._run.error = None, None, torch.full((len(far),), torch.nan)
    watcher.refresh()
    assert watcher._limits is None


def test_the_notebook_is_never_blocked_and_drawing_happens_on_its_loop() -> None:
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
        assert "fit is finished" in watcher._state.value
        assert np.median(waits) < 0.2  # a cell that a person runs meanwhile is answered

    asyncio.run(notebook())


def test_a_closed_watcher_ends_its_fit_and_says_no_more(capsys: pytest.CaptureFixture[str]) -> None:
    watcher = watch(steps=500)
    until(lambda: len(watcher._run.history) >= 1)
    watcher.close()
    assert watcher._run.wait(60) and watcher.state == "stopped"
    watcher.refresh()
    watcher.close()
    assert capsys.readouterr().out == ""


def test_two_watchers_run_at_once_each_with_its_own_buttons() -> None:
    threads = torch.get_num_threads()
    first, second = watch(steps=10), watch(steps=500)
    until(lambda: min(len(one._run.history) for one in (first, second)) >= 2)
    second.pause()
    assert first.wait(120) and first.state == "done" and second.state == "paused"
    torch.testing.assert_close(first.fit.vertices, watched_alone(10))
    second.stop()
    assert second.wait(60) and second.state == "stopped"
    assert torch.get_num_threads() == threads


@cache
def watched_alone(steps: int) -> torch.Tensor:
    model, scan = few()
    return fit_scan(model, scan, steps=steps, device="cpu", progress=False).vertices


def test_a_button_that_comes_as_the_fit_ends_changes_nothing() -> None:
    watcher = watch(steps=1)
    assert watcher.wait(60)
    for press in (watcher.pause, watcher.resume, watcher.stop, watcher.start):
        press()
        assert watcher.state == "done" and "The fit is finished" in watcher._state.value


UNTURNED = torch.tensor(1.0), torch.eye(3), torch.zeros(3)
FRONT = look_at(torch.tensor([0.0, 0, 600]), torch.zeros(3), 1000.0, (640, 480))
LEFT = look_at(torch.tensor([500.0, 0, 500]), torch.zeros(3), 900.0, (640, 480))


def test_cameras_in_words() -> None:
    words = camera_words(seats((FRONT, LEFT), torch.zeros(3), UNTURNED))
    assert words[0].startswith("view 1: focal length 1000 px, 600 mm away, straight in front")
    assert words[1] == "view 2: focal length 900 px, 707 mm away, 45° to the person's left"
    # seen from a face that has turned by a quarter towards its left, the first stands to its right
    turn = torch.tensor([[0.0, 0, -1], [0, 1, 0], [1, 0, 0]])  # +x to +z
    turned = camera_words(seats((FRONT,), torch.zeros(3), (torch.tensor(1.0), turn, torch.tensor([5.0, 0, 0]))))
    assert turned[0].endswith("600 mm away, 90° to the person's right")


def place(camera: Camera, others: tuple[Camera, ...] = ()) -> tuple[float, float, float]:
    """Of the first camera in the plan: x and y from the middle of the head, and where its field of view opens to."""
    drawn = camera_plan(seats((camera, *others), torch.zeros(3), UNTURNED))
    middle = [
        float(x) for x in re.search(r'<circle cx="([^"]*)" cy="([^"]*)" r="[^"]*" class="asm-ring"', drawn).groups()
    ]
    ends = [[float(x) for x in pair.split(",")] for pair in re.search(r'<polyline points="([^"]*)"', drawn)[1].split()]
    (ax, ay), (x, y), (bx, by) = ends
    return x - middle[0], y - middle[1], np.degrees(np.arctan2((ay + by) / 2 - y, (ax + bx) / 2 - x))


def test_the_plan_of_the_cameras_is_seen_from_above() -> None:
    x, y, heading = place(FRONT)
    assert x == pytest.approx(0, abs=0.1) and y > 50 and heading == pytest.approx(-90, abs=1)  # looks up the page
    x, y, heading = place(LEFT)
    assert x == pytest.approx(y, abs=0.2) and x > 40 and heading == pytest.approx(-135, abs=1)
    drawn = camera_plan(seats((FRONT, LEFT), torch.zeros(3), UNTURNED))
    assert 'role="img"' in drawn and "view 2: focal length 900 px" in drawn and "250 mm<" in drawn
    assert camera_plan([]) == ""


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
