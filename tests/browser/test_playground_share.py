"""What a person takes away from the playground, what holds it back, and the same on a phone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from .playground_page import NEEDS_BROWSER, Page

pytestmark = NEEDS_BROWSER


def test_a_link_brings_the_same_face_back(page: Page, browser: Any, file: Path) -> None:
    page.page.click("#reset")
    page.page.click("#random")
    page.page.locator("#expressions label", has_text="Smile").click()
    page.page.locator("#s_nose_depth").focus()
    page.page.keyboard.press("ArrowRight")
    page.page.locator("#views label", has_text="Three-quarter").click()
    page.js("() => { document.getElementById('one').open = true; }")
    page.said("Smile 100 %")
    plain = page.js("() => fragment().toString()")
    assert "person=" in plain and "nose_depth=0.5" in plain and "pose=" not in plain and len(plain) < 120
    page.page.locator("#s_one_translation_2").focus()
    page.page.keyboard.press("ArrowRight")  # a bone of its own: now the link holds the pose
    page.page.wait_for_timeout(900)
    link = page.js("() => fragment().toString()")
    assert "pose=" in link
    for fragment in (plain, link):
        page.js("(text) => { follow(text); change(); }", fragment)
        wanted, camera = page.positions(), page.js("() => [playground.camera.azimuth, playground.camera.elevation]")
        other = Page(browser, file, fragment=fragment)
        assert np.abs(other.positions() - wanted).max() < 1e-3  # mm
        assert other.js("() => [playground.camera.azimuth, playground.camera.elevation]") == camera
        assert other.js("() => playground.state().tone") == page.js("() => playground.state().tone")
        assert other.trouble == []
        other.context.close()
    page.page.click("#reset")


@pytest.mark.parametrize("fragment", ["person=-3", "nose_depth=1e99&tone=99", "strength=NaN&view=a,b", "pose={", "%%%"])
def test_a_wrong_link_opens_the_page_all_the_same(browser: Any, file: Path, fragment: str) -> None:
    other = Page(browser, file, fragment=fragment)
    places = other.positions()
    assert np.isfinite(places).all() and np.abs(places).max() < 300
    assert other.page.locator("#trouble").is_visible() == (fragment == "pose={")
    assert other.trouble == []
    other.context.close()


def test_the_picture_is_saved_as_it_is_shown(page: Page) -> None:
    page.page.click("#reset")
    page.page.wait_for_timeout(900)
    with page.page.expect_download() as download:
        page.page.click("#picture")
    assert download.value.suggested_filename == "face.png"
    saved = Image.open(download.value.path()).convert("RGB")
    shown = page.picture()
    small = np.asarray(saved.resize(shown.shape[1::-1], Image.Resampling.BOX)).astype(int)
    middle = tuple(slice(size // 4, -size // 4) for size in shown.shape[:2])
    assert np.abs(small[middle] - shown[middle]).mean() < 12
    assert page.said("The picture is saved as face.png.")


@pytest.mark.parametrize(
    ("part", "numbers"),
    [("translation", [0, 900, 0]), ("rotation", [40, 0, 0]), ("log_scale", [9, 0, 0]), ("bone_uv", [7, 0.5])],
)
def test_a_pose_beyond_all_faces_is_refused(page: Page, part: str, numbers: list[float]) -> None:
    before = page.js("() => JSON.stringify(playground.state())")
    told = page.paste(f'{{"format": "asm_teach pose", "bones": {{"chin": {{"{part}": {numbers}}}}}}}')
    assert told.startswith("Nothing was changed.") and "further from the first face than a face can be" in told
    assert page.js("() => JSON.stringify(playground.state())") == before
    assert "longer than a pose can be" in page.js(
        "() => { try { bones.read(' '.repeat(1e6 + 1)); } catch (e) { return e.message; } }"
    )


def test_sliders_that_are_all_at_their_ends_share_the_way(page: Page) -> None:
    page.page.click("#reset")
    page.js("() => { for (const s of data.sliders) state.amounts[s.name] = s.low; change(); }")
    assert "The sliders share 50 % of their way" in page.said("of their way")
    page.page.click("#reset")
    page.page.locator("#s_nose_depth").focus()
    page.page.keyboard.press("End")
    assert "share" not in page.said("Nose, how far out +7.0 mm")  # one alone has all of its way
    page.page.click("#reset")


def test_on_a_phone_face_and_first_button_are_in_sight_and_fingers_find_room(browser: Any, file: Path) -> None:
    phone = Page(browser, file, 390, 664, has_touch=True, is_mobile=True)
    place = phone.js("() => document.getElementById('random').getBoundingClientRect().bottom")
    assert place <= 664  # px, of the shorter phones
    phone.js("() => document.querySelectorAll('details').forEach((d) => { d.open = true; })")
    narrow = phone.js(
        """() => [...document.querySelectorAll(
            'button, select, summary, .chips label, .checks label, input[type=range]')]
          .filter((e) => e.getClientRects().length).map((e) => [e.id || e.textContent, e.getBoundingClientRect()])
          .filter(([, box]) => box.width < 44 || box.height < 44).map(([name]) => name)"""
    )
    assert narrow == []
    assert phone.js("() => document.documentElement.scrollWidth") == 390
    phone.context.close()


def test_the_page_stays_small(file: Path) -> None:
    assert file.stat().st_size < 700_000
