"""A person reads a sentence on its timeline: the line stands at what is heard, by mouse, keys and clock."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from asm_teach.beyond.speech.sentence import embedded_sentence
from asm_teach.model.adaptive import AdaptiveSkinningModel
from asm_teach.widgets import SpeechTimeline
from tests.avatar.models import HEAD
from tests.widgets.parts import close_widgets  # noqa: F401

from .harness import keep_picture
from .playground_page import NEEDS_BROWSER
from .test_track_player import Player

pytestmark = NEEDS_BROWSER


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("speech") / "talk.html"
    SpeechTimeline(AdaptiveSkinningModel(HEAD.mesh, HEAD.rig, 2), embedded_sentence()).save(path)
    return path


@pytest.fixture(scope="module")
def page(browser: Any, file: Path) -> Iterator[Player]:
    opened = Player(browser, file, 900, 860)
    yield opened
    opened.context.close()


def heard(page: Player) -> str:
    return str(page.page.locator("#phone").inner_text())


def line(page: Player) -> float:
    """Where the line stands, as a share of the drawing."""
    left, width = page.js(
        "() => { const box = (s) => document.querySelector(s).getBoundingClientRect();"
        " return [box('#timeline .line').x - box('#timeline .lanes').x, box('#timeline .lanes').width]; }"
    )
    return float(left) / float(width)


def test_keys_go_by_phones_and_a_line_tells_what_is_heard(page: Player) -> None:
    page.page.keyboard.press("]")
    page.page.keyboard.press("]")
    page.page.keyboard.press("]")
    assert heard(page).startswith("0.43 s, the phone M in “might”: jaw open ") and "lips closed 100 %" in heard(page)
    page.page.keyboard.press("[")
    assert heard(page).startswith("0.34 s, the phone IY in “he”")
    assert page.page.locator("#timeline .now").all_inner_texts() == ["he", "IY"]
    sentence = embedded_sentence()
    assert line(page) == pytest.approx(0.34 / sentence.sound.seconds, abs=0.005)


def test_a_click_goes_there(page: Player) -> None:
    box = page.page.locator("#timeline .lanes").bounding_box()
    assert box
    page.page.mouse.click(box["x"] + 0.5 * box["width"], box["y"] + box["height"] - 20)
    assert page.clock() == pytest.approx(3.29 / 2, abs=0.01)
    assert "the phone D in “made”" in heard(page)  # 1.63 to 1.70 s
    assert page.said("jaw open 12 %") and "jaw open 12 %" in heard(page)  # one number for one thing
    keep_picture(page.page.locator(".stage").screenshot(), "speech_timeline.webp")


def test_the_line_follows_the_sound(page: Player) -> None:
    page.js("() => { avatar.go(0); }")
    page.page.locator("#play").click()
    page.page.wait_for_function("() => avatar.player.sound.currentTime > 0.6")
    page.page.locator("#play").click()
    assert page.js("() => document.getElementById('phone').ariaLive") == "polite"
    assert line(page) == pytest.approx(page.clock() / 3.29, abs=0.005) and page.clock() > 0.5
    assert abs(page.clock() - page.js("() => avatar.player.sound.currentTime")) < 0.2
    assert page.trouble == []
    assert [address[:5] for address in page.asked if not address.startswith("data:")] == ["file:"]


def test_on_a_phone_the_drawing_scrolls_with_the_line(browser: Any, file: Path) -> None:
    page = Player(browser, file, 390, 844, has_touch=True, is_mobile=True)
    assert page.js("() => document.documentElement.scrollWidth") == 390
    page.js("() => { avatar.go(3.0); }")
    scrolled, inside = page.js("() => { const t = document.getElementById('timeline'), l = t.querySelector('.line');"
                               " const a = t.getBoundingClientRect(), b = l.getBoundingClientRect();"
                               " return [t.scrollLeft, b.x > a.x && b.x < a.right]; }")  # fmt: skip
    assert scrolled > 100 and inside
    page.context.close()
