"""A page with sound: what the face shows is what is heard at that moment.

The sound of the page is led through an audio worklet, which tells at which sample it hears each click, and the audio
system's own time stamps tell when that sample is put out. This way delays the sound a little, which counts as a face
that is early. `python -m tests.browser.test_talking_page` prints the
offsets.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from asm_teach.avatar.track import CHANNELS, Track
from asm_teach.beyond.speech.sound import RATE, Sound
from asm_teach.widgets.track_player.page import write_page
from tests.avatar.models import adaptive

from .playground_page import NEEDS_BROWSER, launched
from .test_track_player import Player

pytestmark = NEEDS_BROWSER
SECONDS, CLICKS, OPEN = 4.0, np.arange(0.5, 3.6, 0.5), 0.2  # s: the mouth opens at each click, and stays open so long
MOST = (
    40.0  # ms between sound and mouth: what people begin to notice is 45 ms of sound that comes early (ITU-R BT.1359)
)

LISTEN = """async () => {
  const code = `registerProcessor("ear", class extends AudioWorkletProcessor {
    constructor() { super(); this.quiet = 0; }
    process([[left]], [[out]]) {
      if (left) for (let k = 0; k < left.length; k += 1) {
        out[k] = left[k];
        const loud = Math.abs(left[k]) > 0.3;
        if (loud && this.quiet > sampleRate / 10) this.port.postMessage((currentFrame + k) / sampleRate);
        this.quiet = loud ? 0 : this.quiet + 1;
      }
      return true;
    }
  });`;
  const context = new AudioContext();
  await context.audioWorklet.addModule(`data:text/javascript,${encodeURIComponent(code)}`);
  const ear = new AudioWorkletNode(context, "ear");
  window.heard = { clicks: [], stamps: [], frames: [], context };
  ear.port.onmessage = ({ data }) => heard.clicks.push(data);
  context.createMediaElementSource(avatar.player.sound).connect(ear).connect(context.destination);
  await context.resume();
  const jaw = avatar.performer.shapes.findIndex((shape) => shape.name === "jawOpen");
  const watch = (now) => {
    const { contextTime, performanceTime } = context.getOutputTimestamp();
    heard.stamps.push([contextTime, performanceTime]);
    heard.frames.push([now, avatar.player.playing ? avatar.player.time : NaN, avatar.state().amounts[jaw]]);
    requestAnimationFrame(watch);
  };
  requestAnimationFrame(watch);
}"""


def clicking() -> Track:
    """A track whose mouth opens at each click of its sound."""
    times = torch.linspace(0, SECONDS, round(100 * SECONDS) + 1, dtype=torch.float64)
    amounts = torch.zeros(len(times), len(CHANNELS), dtype=torch.float64)
    samples = torch.zeros(round(RATE * SECONDS), dtype=torch.float64)
    for click in CLICKS:
        amounts[(times > click - 0.001) & (times < click + OPEN), CHANNELS.index("jawOpen")] = 1.0
        samples[round(RATE * click) :][:80] = torch.tensor([0.9, -0.9]).repeat(40)
    still = torch.zeros(len(times), 3, dtype=torch.float64)
    return Track("clicks", times, amounts, still, still[:, None].expand(-1, 2, -1), sound=Sound("", samples).wav())


def offsets(page: Player) -> tuple[np.ndarray, np.ndarray]:
    """ms, each positive if the face is late: of each picture from the first click to the last, and of each mouth."""
    page.page.locator("#play").click()  # a person's click is what lets a page make sounds
    page.page.wait_for_function("() => avatar.player.time > 0.1")
    page.page.locator("#play").click()
    page.js(LISTEN)
    page.js("() => { avatar.go(0); }")
    page.page.locator("#play").click()
    page.page.wait_for_function("() => !avatar.player.playing && avatar.player.time > 1", timeout=60_000)
    told = page.js("() => ({clicks: heard.clicks, stamps: heard.stamps, frames: heard.frames})")
    stamps = np.array(told["stamps"], dtype=float)
    stamps = stamps[stamps[:, 1] > 0]
    shift = np.median(stamps[:, 1] - 1000 * stamps[:, 0])  # from the context's seconds to the page's milliseconds
    heard = 1000 * np.array(told["clicks"]) + shift
    assert len(heard) == len(CLICKS)
    frames = np.array(told["frames"], dtype=float)
    frames = frames[(frames[:, 0] >= heard[0]) & (frames[:, 0] <= heard[-1]) & np.isfinite(frames[:, 1])]
    now_heard = np.interp(frames[:, 0], heard, 1000 * CLICKS)  # the place in the sound that is put out at each picture
    opened = []
    for click in heard[1:-1]:
        after = frames[(frames[:, 0] > click - 150) & (frames[:, 2] > 0.5), 0].min()
        opened.append(after - click)
    return now_heard - 1000 * frames[:, 1], np.array(opened)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("talk") / "talk.html"
    path.write_text(write_page(adaptive(), clicking()), "utf-8")
    return path


@pytest.fixture
def page(browser: Any, file: Path) -> Iterator[Player]:
    opened = Player(browser, file, 500, 500)  # small, as these draw without a graphics card
    yield opened
    opened.context.close()


@pytest.mark.timing
def test_the_face_shows_what_is_heard(page: Player) -> None:
    pictures, opened = offsets(page)
    assert len(pictures) > 20
    assert np.quantile(np.abs(pictures), 0.9) < MOST
    assert np.median(np.abs(opened)) < MOST + 1000 / 60  # a mouth that opens between two pictures is seen in the second
    assert page.trouble == []


def test_the_sound_follows_the_buttons(page: Player) -> None:
    assert "A spoken sentence of 4.0 s" in page.page.locator("#about").inner_text()
    sound = "avatar.player.sound"
    page.js("() => avatar.go(1.5)")
    page.page.locator("#speeds label", has_text="2 ×").click()
    page.page.locator("#play").click()
    page.page.wait_for_function(f"() => {sound}.currentTime > 1.7")
    assert page.js(f"() => [{sound}.paused, {sound}.playbackRate]") == [False, 2]
    page.page.locator("#play").click()
    assert page.js(f"() => [{sound}.paused, avatar.player.playing]") == [True, False]
    assert abs(page.clock() - page.js(f"() => {sound}.currentTime")) < 0.5
    page.page.locator("#repeat").check()
    page.js("() => avatar.go(3.8)")
    page.page.locator("#play").click()
    page.page.wait_for_function("() => avatar.player.playing && avatar.player.time < 1")
    page.page.locator("#repeat").uncheck()
    page.page.wait_for_function("() => !avatar.player.playing", timeout=20_000)
    assert page.clock() == pytest.approx(SECONDS, abs=0.02) and page.button() == "Play"
    assert page.trouble == []
    assert [address[:5] for address in page.asked if not address.startswith("data:")] == ["file:"]


def main() -> None:
    (path := Path(sys.argv[1])).write_text(write_page(adaptive(), clicking()), "utf-8")
    with launched() as browser:
        page = Player(browser, path, 500, 500)
        pictures, opened = offsets(page)
        own = 1000 * page.js("() => heard.context.baseLatency")
    print(f"{len(pictures)} pictures, late by {np.median(pictures):.1f} ms (median); 10 to 90 in 100: "
          f"{np.quantile(pictures, 0.1):.1f} to {np.quantile(pictures, 0.9):.1f} ms; "
          f"the worklet's way takes {own:.0f} ms of it")  # fmt: skip
    print("the mouth opens after the click by", ", ".join(f"{late:.0f}" for late in opened), "ms")


if __name__ == "__main__":
    main()
