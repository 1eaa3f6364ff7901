"""The track player inside JupyterLab: its frame comes up, plays, and keeps the keys that the notebook would take."""

from __future__ import annotations

import pytest

from .conftest import Opener
from .harness import NO_BROWSER, chromium

pytestmark = [
    pytest.mark.browser,
    pytest.mark.timeout(400),  # twice a slow start
    pytest.mark.skipif(chromium() is None, reason=NO_BROWSER),
]

CELL = """
from asm_teach.widgets import TrackPlayer
from tests.avatar.models import adaptive
from tests.avatar.test_animation import take
player = TrackPlayer(adaptive(), take(40))
player
"""


def test_it_plays_in_jupyterlab(open_cells: Opener) -> None:
    lab = open_cells("track.ipynb", [CELL])
    lab.show("iframe[title^='Track player']")
    inside = next(frame for frame in lab.page.frames if frame.parent_frame is not None)
    inside.wait_for_function("() => window.avatar", timeout=60_000)
    inside.locator("#play").focus()
    lab.page.keyboard.press("Space")
    inside.wait_for_function("() => avatar.player.time > 0.3")
    lab.page.keyboard.press("Space")
    inside.wait_for_function("() => !avatar.player.playing")
    held = inside.evaluate("() => avatar.player.time")
    inside.locator("#scrub").focus()
    lab.page.keyboard.press("ArrowLeft")  # the notebook around it would take the arrows of a slider for itself
    inside.wait_for_function("(held) => avatar.player.time < held", arg=held)
    assert lab.problems() == []
