"""A person opens the page of an avatar: it moves as Python says, plays in time, and asks for nothing."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from asm_teach.avatar.animation import HEAD
from asm_teach.avatar.editing import edit
from asm_teach.avatar.performer import Performer
from asm_teach.avatar.track import Track
from asm_teach.model.adaptive import AdaptiveSkinningModel
from asm_teach.widgets.track_player.page import write_page
from tests.avatar.models import adaptive
from tests.avatar.test_animation import SKIN, take

from .playground_page import NEEDS_BROWSER, Page

pytestmark = NEEDS_BROWSER
CLOSE = 0.01  # mm, at every vertex: shapes are stored in steps of a thousandth or less, places in 32 bits


class Player(Page):
    """The page in a browser."""

    STARTED = "() => window.avatar"

    def positions(self) -> np.ndarray:
        """(V, 3) mm, as the graphics card has them."""
        return np.array(self.js("() => [...avatar.face.positions()]")).reshape(-1, 4)[:, :3]

    def state(self) -> tuple[dict[str, float], list[float]]:
        """What the page says that the face does: amounts by name, and the quaternion of the head."""
        names, state = self.js("() => [avatar.performer.shapes.map((s) => s.name), avatar.state()]")
        return dict(zip(names, state["amounts"], strict=True)), state["head"]

    def clock(self) -> float:
        return float(self.js("() => avatar.player.time"))

    def button(self) -> str:
        return str(self.page.locator("#play").inner_text())


@pytest.fixture(scope="module")
def track() -> Track:
    return replace(take(40), name="wild")


@pytest.fixture(scope="module")
def performer() -> Performer:
    return Performer.of(adaptive())


@pytest.fixture(scope="module")
def file(track: Track, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("avatar") / "me.html"
    path.write_text(write_page(adaptive(), track), "utf-8")
    return path


@pytest.fixture(scope="module")
def page(browser: Any, file: Path) -> Iterator[Player]:
    opened = Player(browser, file, 900, 640)  # small, as these draw without a graphics card
    yield opened
    opened.context.close()


def away(found: np.ndarray, expected: torch.Tensor) -> float:
    return float(np.linalg.norm(found - expected.numpy(), axis=1).max())


def test_it_is_small_and_starts_at_once(page: Player, file: Path) -> None:
    size, ready = len(file.read_bytes()) / 1e6, page.js("() => avatar.ready") / 1000
    print(f"the page has {size:.2f} MB and shows the face after {ready:.2f} s")
    assert size < 2 and ready < 5  # 1 s on a machine of its own; tests share theirs
    page.fits()


def test_sliders_move_the_vertices_as_python_says(page: Player, performer: Performer) -> None:
    page.page.click("#reset")
    assert away(page.positions(), performer.vertices) < 1e-4
    for name, presses in (("jawOpen", 9), ("mouthSmileLeft", 12), ("eyeBlinkRight", 20)):
        page.js("(id) => { document.getElementById(id).closest('details').open = true; }", f"s_{name}")
        page.page.locator(f"#s_{name}").focus()
        for _ in range(presses):
            page.page.keyboard.press("PageUp")
    for name, key in (("turn", "End"), ("raise", "PageUp"), ("tilt", "PageDown")):
        page.page.locator(f"#s_{name}").focus()
        page.page.keyboard.press(key)
    amounts, head = page.state()
    assert {name for name, amount in amounts.items() if amount} == {"jawOpen", "mouthSmileLeft", "eyeBlinkRight"}
    assert amounts["eyeBlinkRight"] == 1 and 0.5 < amounts["jawOpen"] < 1
    # Sixty degrees to the left, then up, then to the left shoulder, each in the head's own axes.
    up, tilt = (np.radians(float(page.page.locator(f"#s_{name}").input_value())) for name in ("raise", "tilt"))
    assert up > 0.05 and tilt < -0.05
    turns = [torch.tensor(v, dtype=torch.float64) for v in ([0, np.pi / 3, 0], [-up, 0, 0], [0, 0, tilt])]
    expected = performer.pose(amounts)
    for turn in reversed(turns):  # the last is done first, about axes that the others turn afterwards
        expected = replace(performer, vertices=expected).pose({}, turn)
    assert away(page.positions(), expected) < CLOSE
    assert np.linalg.norm(head) == pytest.approx(1)
    said = page.said("turn to the left 60°")
    assert said.startswith("Eyes blink, right 100 %, ") and "jaw open " in said
    page.fits()


def test_edits_change_the_face_as_in_python_and_the_shapes_come_on_top(page: Player, performer: Performer) -> None:
    page.page.click("#reset")
    page.js("() => { document.getElementById('s_nose_width').closest('details').open = true; }")
    for name in ("nose_width", "chin_length"):
        page.page.locator(f"#s_{name}").focus()
        page.page.keyboard.press("PageUp")
    amounts = {name: float(page.page.locator(f"#s_{name}").input_value()) for name in ("nose_width", "chin_length")}
    assert all(1 <= amount <= 6 for amount in amounts.values())
    face = edit(adaptive(), **amounts)().detach()[SKIN]
    assert away(page.positions()[SKIN], face) < 0.2 < 1.0 < away(face.numpy(), performer.vertices[SKIN].float())
    assert "nose width" in page.said("chin length").lower()
    page.js("() => { document.getElementById('s_jawOpen').closest('details').open = true; }")
    page.page.locator("#s_jawOpen").focus()
    page.page.keyboard.press("End")
    expected = face + performer.offsets[performer.names.index("jawOpen")][SKIN]
    assert away(page.positions()[SKIN], expected) < 0.2
    page.page.click("#reset")
    assert away(page.positions(), performer.vertices) < 1e-4
    page.fits()


def test_every_shape_is_that_of_python(page: Player, performer: Performer) -> None:
    page.page.click("#reset")
    posed = "(k) => { const p = avatar.performer; p.pose(p.shapes.map((_, s) => (s === k ? 0.7 : 0)), [0, 0, 0, 1]); " \
            "return [...p.at]; }"  # fmt: skip
    for number, name in enumerate(performer.names):
        found = np.array(page.js(posed, number)).reshape(-1, 3)
        assert away(found, performer.pose({name: 0.7})) < CLOSE, name


def test_the_track_is_that_of_python_at_any_time(page: Player, performer: Performer, track: Track) -> None:
    for moment in [0.0, *np.random.default_rng(0).uniform(0, track.seconds, 8).tolist(), track.seconds]:
        page.js("(t) => avatar.go(t)", moment)
        assert away(page.positions(), performer.at(track, page.clock())) < CLOSE
        assert page.clock() == pytest.approx(moment, abs=1e-5)
    page.fits()


@pytest.mark.parametrize("speed", ["0.5", "2"])
def test_it_plays_in_time(page: Player, performer: Performer, track: Track, speed: str) -> None:
    page.page.click("#reset")
    page.page.locator("#speeds label", has_text=f"{speed} ×").click()
    page.page.click("#play")
    page.page.wait_for_function("() => avatar.player.time > 0.2")
    assert page.button() == "Pause"
    # After the page has moved the face for a frame of the screen: that frame's time, and the track's.
    read = "() => new Promise((give) => requestAnimationFrame((now) => give([now, avatar.player.time])))"
    (begin, first), _, (end, last) = page.js(read), time.sleep(1.0), page.js(read)
    assert last - first == pytest.approx(float(speed) * (end - begin) / 1000, rel=0.02)
    page.page.click("#play")
    stopped = page.clock()
    time.sleep(0.3)
    assert page.clock() == stopped and page.button() == "Play"
    assert away(page.positions(), performer.at(track, stopped)) < CLOSE
    assert page.said(f"At {stopped:.2f} s: ")


def test_it_ends_at_the_end_and_begins_again(page: Player, track: Track) -> None:
    page.page.locator("#speeds label", has_text="2 ×").click()
    page.js("(t) => avatar.go(t)", track.seconds - 0.3)
    page.page.click("#play")
    page.page.wait_for_function("() => !avatar.player.playing")
    assert page.clock() == pytest.approx(track.seconds, abs=1e-5) and page.button() == "Play"
    page.page.click("#play")
    page.page.wait_for_function("(end) => avatar.player.time < end - 1", arg=track.seconds)
    page.page.check("#repeat")
    page.js("(t) => avatar.go(t)", track.seconds - 0.1)
    page.page.wait_for_function("(end) => avatar.player.playing && avatar.player.time < end - 1", arg=track.seconds)
    page.page.uncheck("#repeat")
    page.page.click("#play")
    page.fits()


def test_by_keyboard(page: Player, track: Track) -> None:
    page.page.click("#reset")
    page.page.locator("#canvas").focus()
    times = track.times.numpy().astype(np.float32).tolist()
    for _ in range(3):
        page.page.keyboard.press(".")
    page.page.keyboard.press(",")
    assert page.clock() == pytest.approx(times[2], abs=1e-6)
    page.page.keyboard.press("Space")
    page.page.wait_for_function("() => avatar.player.playing")
    page.page.keyboard.press(">")
    page.page.keyboard.press("<")
    page.page.keyboard.press("k")
    page.page.wait_for_function("() => !avatar.player.playing")
    page.page.locator("#scrub").focus()
    page.page.keyboard.press("Home")
    assert page.clock() == 0
    page.page.keyboard.press("End")
    assert page.clock() == pytest.approx(track.seconds, abs=0.01)
    assert "s" in page.page.locator("#scrub").evaluate("(e) => e.ariaValueText")
    page.page.keyboard.press("Space")  # on the slider of time too
    page.page.wait_for_function("() => avatar.player.playing")
    page.page.locator("#s_jawOpen").evaluate("(e) => { e.closest('details').open = true; }")
    page.page.locator("#s_jawOpen").focus()
    page.page.keyboard.press("ArrowRight")  # a hand on a slider holds the track
    assert not page.js("() => avatar.player.playing")
    page.page.locator("#find").focus()
    page.page.keyboard.type("k ")
    assert not page.js("() => avatar.player.playing") and page.page.locator("#find").input_value() == "k "
    page.page.fill("#find", "")
    page.fits()


def test_sliders_are_found_by_words_and_by_arkits_names(page: Player) -> None:
    for text, names in (("smile", {"mouthSmileLeft", "mouthSmileRight"}), ("eyes blink LEFT", {"eyeBlinkLeft"}),
                        ("jawOpen", {"jawOpen"}), ("head tilt", {"tilt"}), ("edit lip", {"lips"})):  # fmt: skip
        page.page.fill("#find", text)
        seen = page.page.locator("#sliders input:visible").evaluate_all("(all) => all.map((e) => e.id.slice(2))")
        assert set(seen) == names
        assert page.page.locator("#found").inner_text() == f"{len(names)} of 76 sliders"
    page.page.fill("#find", "nonsense")
    assert page.page.locator("#sliders input:visible").count() == 0
    page.page.fill("#find", "")
    assert page.page.locator("#sliders summary:visible").count() == 8  # six groups of shapes, the head, and the edits
    page.fits()


def test_the_head_is_turned_by_keys_and_by_dragging(page: Player) -> None:
    page.page.locator("#views label", has_text="Front").click()
    box = page.page.locator("#canvas").bounding_box()
    assert box
    page.page.mouse.move(box["x"] + 200, box["y"] + 200)
    page.page.mouse.down()
    page.page.mouse.move(box["x"] + 120, box["y"] + 200)
    page.page.mouse.up()
    assert page.said("seen from 32° to the person's left")
    page.page.locator("#canvas").focus()
    page.page.keyboard.press("Home")
    page.said("front view")
    page.fits()


def test_it_keeps_the_rules_of_wcag(browser: Any, file: Path) -> None:
    from axe_playwright_python.base import AXE_SCRIPT

    for scheme in ("light", "dark"):
        page = Player(browser, file, color_scheme=scheme)
        page.js("() => document.querySelectorAll('details').forEach((d) => { d.open = true; })")
        page.js(AXE_SCRIPT)
        found = page.js("() => axe.run(document, {resultTypes: ['violations']})")
        assert [(rule["id"], rule["nodes"][0]["html"]) for rule in found["violations"]] == []
        page.context.close()


def test_it_fits_on_a_phone(browser: Any, file: Path) -> None:
    page = Player(browser, file, 390, 844, has_touch=True, is_mobile=True)
    assert page.js("() => document.documentElement.scrollWidth") == 390
    small = page.page.locator("button:visible, summary:visible, .chips label:visible, input[type=search]").evaluate_all(
        "(all) => all.filter((e) => e.getBoundingClientRect().height < 43.5).map((e) => e.outerHTML)"
    )
    assert small == []
    play = page.page.locator("#play").bounding_box()
    assert play and play["y"] + play["height"] < 844  # in sight without scrolling
    page.fits()
    page.context.close()


def test_without_a_track_or_a_head_or_with_seams(browser: Any, tmp_path: Path) -> None:
    """Vertices on seams of the texture are drawn twice, with one normal."""
    model = adaptive()
    assert isinstance(model, AdaptiveSkinningModel)
    mesh = model.mesh
    uv = torch.cat([mesh.uv, mesh.uv[:1] * 0.9])  # type: ignore[index]
    torn = mesh.faces.clone()
    torn[(torn == 0).any(1).nonzero()[0, 0]] = torch.where(torn[(torn == 0).any(1).nonzero()[0, 0]] == 0, len(uv) - 1,
                                                           torn[(torn == 0).any(1).nonzero()[0, 0]])  # fmt: skip
    model.mesh = replace(mesh, uv=uv, uv_faces=torn)
    model.rig = replace(model.rig, names=tuple(name.replace(HEAD, "skull") for name in model.rig.names))
    (tmp_path / "me.html").write_text(write_page(model), "utf-8")
    page = Player(browser, tmp_path / "me.html")
    assert not page.page.locator("#player").is_visible() and page.page.locator("#s_turn").count() == 0
    performer = Performer.of(model)
    found = page.positions()
    assert len(found) == len(performer.vertices) + 1 and away(found[:-1], performer.vertices) < 1e-4
    np.testing.assert_array_equal(found[0], found[-1])
    normals = np.array(page.js("() => [...avatar.face.read(avatar.face.normal, 3 * avatar.face.V)]")).reshape(-1, 3)
    np.testing.assert_array_equal(normals[0], normals[-1])
    page.fits()
    page.context.close()
