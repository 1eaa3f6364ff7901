"""The playground by keyboard, mouse and fingers: every control is reached, steps are undone, motion stops if asked."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from asm_teach.model.adaptive import AdaptiveSkinningModel

from .playground_page import NEEDS_BROWSER, Page

pytestmark = NEEDS_BROWSER


def test_undo_goes_back_step_by_step_and_redo_forward(page: Page, model: AdaptiveSkinningModel) -> None:
    page.page.click("#reset")
    page.said("press Random person")
    assert page.page.locator("#redo").is_disabled()
    page.page.locator("#s_chin_length").focus()
    for _ in range(4):
        page.page.keyboard.press("ArrowRight")
    page.said("Chin length +2.0 mm")
    page.page.locator("#s_ears").focus()
    page.page.keyboard.press("ArrowRight")
    page.said("Ears, how far out +1°")
    far = page.positions()
    page.page.keyboard.press("Control+z")
    assert "Ears" not in page.said("Chin length +2.0 mm; front")
    page.page.click("#undo")  # four presses in a row are one step
    page.said("press Random person")
    np.testing.assert_array_equal(page.positions(), model.vertices.numpy())
    for forward in ("Control+y", "Control+Shift+Z"):
        page.page.keyboard.press(forward)
    page.said("Ears, how far out +1°")
    np.testing.assert_array_equal(page.positions(), far)
    assert page.page.locator("#redo").is_disabled()
    assert page.page.locator("#s_chin_length").input_value() == "2"
    page.page.click("#undo")
    page.page.click("#undo")
    page.said("press Random person")
    page.page.click("#redo")
    assert "Ears" not in page.said("Chin length +2.0 mm; front")
    page.page.locator("#s_jaw_width").focus()
    page.page.keyboard.press("ArrowRight")  # a change of one's own ends what could be done again
    assert page.page.locator("#redo").is_disabled()
    page.page.keyboard.press("Control+y")
    page.said("Jaw width +1 mm; Chin length +2.0 mm; front")
    page.fits()


def test_the_keyboard_reaches_every_control_and_each_has_a_name(page: Page) -> None:
    page.js("() => document.querySelectorAll('details').forEach((d) => { d.open = true; })")
    nameless = page.js(
        """() => [...document.querySelectorAll('input, select, textarea, button, canvas')]
          .filter((e) => !(e.labels?.[0]?.innerText || e.innerText || e.ariaLabel || '').trim())
          .map((e) => e.outerHTML)"""
    )
    assert nameless == []
    page.js("() => { document.activeElement.blur(); window.scrollTo(0, 0); }")
    reached = set()
    for _ in range(80):
        page.page.keyboard.press("Tab")
        reached.add(page.js("() => document.activeElement.id || document.activeElement.name || ''"))
    wanted = page.js(
        """() => [...document.querySelectorAll('input, select, textarea, button, canvas')]
          .filter((e) => !e.disabled && e.getClientRects().length).map((e) => e.id || e.name)"""
    )
    assert set(wanted) - reached == set()


def test_arrow_keys_turn_the_head_and_change_the_view(page: Page) -> None:
    page.page.click("#reset")
    page.page.locator("#canvas").focus()
    page.page.keyboard.press("Home")
    page.said("front view")
    before = page.picture()
    page.page.keyboard.press("ArrowRight")
    page.said("seen from 10° to the person's left")
    page.page.keyboard.press("+")
    page.said("1.1 times as large")
    assert (np.abs(page.picture() - before).max(axis=2) > 20).mean() > 0.02
    page.page.locator("#views input").first.focus()
    page.page.keyboard.press("ArrowRight")
    page.said("three-quarter view")
    page.page.locator("#canvas").focus()
    page.page.keyboard.press("Home")
    page.said("front view")
    box = page.page.locator("#canvas").bounding_box()
    page.page.mouse.move(box["x"] + 300, box["y"] + 300)
    page.page.mouse.down()
    page.page.mouse.move(box["x"] + 200, box["y"] + 300)
    page.page.mouse.up()
    page.said("seen from 40° to the person's left")
    page.page.mouse.wheel(0, -400)
    page.said("times as large")
    page.page.locator("#canvas").focus()
    page.page.keyboard.press("Home")
    page.fits()


PICTURES = """() => { window.drawn = 0; const face = playground.face, old = face.pose.bind(face);
  face.pose = (...a) => { window.drawn += 1; return old(...a); }; }"""


def test_motion_stops_for_those_who_ask_for_it(browser: Any, file: Path) -> None:
    calm = Page(browser, file, reduced_motion="reduce")
    calm.js(PICTURES)

    def poses(act: str) -> int:
        calm.js("() => { window.drawn = 0; }")
        calm.page.click(act)
        calm.page.wait_for_timeout(700)
        return calm.js("() => window.drawn")

    assert [poses(act) for act in ("#random", "#undo", "#redo", "#reset")] == [1, 1, 1, 1]
    assert poses("#expressions label:nth-of-type(2)") == 1
    calm.page.emulate_media(reduced_motion="no-preference")  # without the wish there is a short flight
    assert poses("#random") > 1
    calm.page.emulate_media(reduced_motion="reduce")  # the wish counts from the moment it is made
    assert poses("#undo") == 1
    calm.fits()
    calm.context.close()


def test_a_phone_shows_all_of_it(browser: Any, file: Path) -> None:
    phone = Page(browser, file, 390, 844, device_scale_factor=2, has_touch=True, color_scheme="dark")
    assert phone.js("() => document.documentElement.scrollWidth") <= 390
    assert phone.page.locator("#canvas").bounding_box()["width"] > 350
    phone.page.locator("#s_jaw_width").scroll_into_view_if_needed()
    face, slider = (phone.page.locator(s).bounding_box() for s in ("#canvas", "#s_jaw_width"))
    assert 0 <= face["y"] < face["y"] + face["height"] <= slider["y"] + 2  # the face stays in sight above its slider
    assert phone.js("() => getComputedStyle(document.body).backgroundColor") == "rgb(20, 24, 30)"
    phone.fits()
    phone.context.close()


class Fingers:
    """Fingers on a screen, as the browser gets them from a touch screen's driver."""

    def __init__(self, page: Page) -> None:
        self.page, self.session = page, page.context.new_cdp_session(page.page)

    def move(self, *paths: tuple[float, float, float, float], steps: int = 6) -> None:
        """Each finger from (x, y) to (x, y)."""
        for step in range(steps + 1):
            share = step / steps
            points = [
                {"x": a + share * (x - a), "y": b + share * (y - b), "id": n} for n, (a, b, x, y) in enumerate(paths)
            ]
            kind = "touchMove" if step else "touchStart"
            self.session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
            self.page.page.wait_for_timeout(20)
        self.session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
        self.page.page.wait_for_timeout(300)


def test_fingers_turn_zoom_and_shift_the_face_and_move_sliders(browser: Any, file: Path) -> None:
    phone = Page(browser, file, 390, 844, device_scale_factor=2, has_touch=True, is_mobile=True)
    fingers, scrolled = Fingers(phone), "() => scrollY"
    box = phone.page.locator("#canvas").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    fingers.move((x, y, x - 50, y + 60))
    phone.said("seen from 20° to the person's left, 24° up.")
    fingers.move((x - 40, y, x - 80, y), (x + 40, y, x + 80, y))
    phone.said("24° up, 2.0 times as large")
    fingers.move((x - 40, y, x - 10, y + 30), (x + 40, y, x + 70, y + 30))
    shifted = re.search(r"(\d+) mm to the right and (\d+) mm down", phone.said("2.0 times as large, shifted"))
    assert shifted
    for mm in map(int, shifted.groups()):  # the fingers went 30 pixels each way
        assert mm == pytest.approx(30 * phone.js("() => playground.camera.reach"), rel=0.12)
    assert phone.js(scrolled) == 0  # the face took all of it
    phone.page.locator("#views label", has_text="Front").tap()
    assert "large" not in phone.said("front view")
    words = phone.page.locator("#said").bounding_box()
    fingers.move((x, words["y"] + 100, x, words["y"] - 150))
    assert phone.js(scrolled) > 100
    slider = phone.page.locator("#s_jaw_width")
    slider.scroll_into_view_if_needed()
    phone.page.wait_for_timeout(300)
    at, before = slider.bounding_box(), phone.js(scrolled)
    assert at["height"] >= 40
    y = at["y"] + at["height"] / 2
    fingers.move((at["x"] + 0.45 * at["width"], y, at["x"] + 0.8 * at["width"], y))
    assert 10 <= int(slider.input_value()) <= 20
    phone.said(f"Jaw width +{slider.input_value()} mm")
    assert phone.js(scrolled) == before
    assert phone.js("() => document.documentElement.scrollWidth") <= 390
    phone.fits()
    phone.context.close()


def test_the_face_is_shifted_without_a_touch_screen_too(page: Page) -> None:
    page.page.locator("#canvas").focus()
    page.page.keyboard.press("Home")
    page.said("front view")
    page.page.keyboard.press("Shift+ArrowUp")
    page.said("front view, shifted")
    before = page.picture()
    box = page.page.locator("#canvas").bounding_box()
    page.page.mouse.move(box["x"] + 300, box["y"] + 300)
    page.page.mouse.down(button="right")
    page.page.mouse.move(box["x"] + 400, box["y"] + 300)
    page.page.mouse.up(button="right")
    page.said("mm to the right and")
    assert (np.abs(page.picture() - before).max(axis=2) > 20).mean() > 0.02
    page.page.locator("#canvas").focus()
    page.page.keyboard.press("Home")
    assert "shifted" not in page.said("front view. ")
    page.fits()


def test_the_bone_that_moved_is_the_one_that_is_named(page: Page) -> None:
    page.page.click("#reset")
    for bone in ("nose_tip", "chin"):
        pose = {"format": "asm_teach pose 1", "bones": {bone: {"translation": [0, 0, 20]}}}
        page.js("(text) => { $('json').open = true; $('text').value = text; $('paste').click(); }", json.dumps(pose))
        page.said(f"near the {bone.replace('_', ' ')}.")
    page.page.click("#reset")


def test_a_page_that_may_not_copy_says_so(page: Page) -> None:
    page.js(
        """() => { $('json').open = true;
          Object.defineProperty(navigator, 'clipboard', {configurable: true, value: undefined});
          document.execCommand = () => false; $('copy').click(); }"""
    )
    page.page.wait_for_function("() => $('told').textContent.includes('copy it with Ctrl+C')", timeout=5000)


def test_a_finger_that_is_lost_does_not_stay(page: Page) -> None:
    """Without a word of its end: the next drag turns, and does not zoom."""
    page.js(
        """() => { const canvas = $('canvas'); canvas.setPointerCapture = () => {};
          const send = (type, pointerId, clientX) =>
            canvas.dispatchEvent(new PointerEvent(type, {pointerId, clientX, clientY: 100, bubbles: true}));
          send('pointerdown', 70, 100); send('lostpointercapture', 70, 100);
          window.near = camera.zoom;
          send('pointerdown', 71, 100); send('pointermove', 71, 160); send('pointerup', 71, 160);
          delete canvas.setPointerCapture; }"""
    )
    page.said("seen from")
    assert page.js("() => camera.zoom === near")
