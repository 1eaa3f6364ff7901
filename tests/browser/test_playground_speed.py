"""How soon a key press shows in the playground, and what is left out of the picture while something moves."""

from __future__ import annotations

import numpy as np
import pytest

from .playground_page import NEEDS_BROWSER, Page

pytestmark = [*NEEDS_BROWSER, pytest.mark.timing]


@pytest.mark.parametrize("slider", ["nose_depth", "nose_reach"])  # one moves bones, one changes weights
def test_a_key_press_soon_shows(page: Page, slider: str, capsys: pytest.CaptureFixture[str]) -> None:
    took = page.press_times(slider, presses=40)
    assert len(took["shown"]) == 40
    asked, shown = (float(np.median(took[k])) for k in ("asked", "shown"))
    size = page.js("() => playground.sharp.quick")
    with capsys.disabled():
        print(
            f"\n{slider}: key press to draw call {asked:.1f} ms, to the finished picture {shown:.1f} ms "
            f"(median of 40, best {min(took['shown']):.1f}), {size} of the screen's pixels each way"
        )
    assert asked < 12  # ms
    assert min(took["shown"]) < 24  # without a graphics card, on a busy machine
    page.fits()


def test_a_fine_picture_follows_as_soon_as_all_rests(page: Page) -> None:
    """However coarse the moving one is. The time is that of the page's own clock, until it asks for the fine one."""
    page.page.click("#reset")
    page.page.wait_for_timeout(900)
    took = page.js(
        """() => new Promise((done) => {
          const {canvas} = playground.face, {sharp} = playground, was = sharp.quick;
          const wide = () => canvas.width / canvas.clientWidth;
          sharp.quick = 0.4;
          const begin = performance.now();
          playground.show(playground.goal());
          const moving = wide();
          const look = () => {
            if (Math.abs(wide() - sharp.fine) > 0.01 && performance.now() - begin < 3000) return setTimeout(look, 5);
            sharp.quick = was;
            done({moving, fine: sharp.fine, rest: wide(), ms: performance.now() - begin}); };
          setTimeout(look, 5); })"""
    )
    print(
        f"{took['moving']:.2f} of the screen's pixels each way while moving, "
        f"{took['rest']:.2f} after {took['ms']:.0f} ms"
    )
    assert took["moving"] == pytest.approx(0.4, abs=0.01)
    assert took["rest"] == pytest.approx(took["fine"], abs=0.01) and took["fine"] >= 1.5
    assert took["ms"] < 400  # 110, and what a busy machine adds
    page.fits()


VIEWS = [(0, 0), (35, 10), (-90, 0), (0, 80), (180, 0), (120, -20), (180, -60), (20, -80), (60, 40)]


def test_the_moving_picture_covers_what_the_fine_one_covers(page: Page) -> None:
    """Backs of triangles are left out while something moves: nowhere does the background shine through the face."""
    page.page.click("#reset")
    page.page.wait_for_timeout(900)
    inside = 0
    for expression in (-1, 1, 5):  # none, surprise, open jaw
        for azimuth, elevation in VIEWS:
            found = page.js(
                """([expression, azimuth, elevation]) => {
                  const {face, bones, camera} = playground, {gl, canvas} = face, theta = bones.copy(bones.start);
                  if (expression >= 0) bones.addMotion(theta, data.expressions[expression].motion, 1.2);
                  face.pose(bones.blocks(theta), 0);
                  Object.assign(camera, {azimuth, elevation});
                  const draw = face.draw.bind(face);
                  const picture = (quick) => {
                    face.draw = (eye, _, options) => draw(eye, quick, options);
                    playground.draw(1);
                    const bytes = new Uint8Array(4 * canvas.width * canvas.height);
                    gl.readPixels(0, 0, canvas.width, canvas.height, gl.RGBA, gl.UNSIGNED_BYTE, bytes);
                    return bytes; };
                  const [fine, quick] = [picture(false), picture(true)], found = {covered: 0, holes: 0, other: 0};
                  delete face.draw;
                  for (let i = 0; i < fine.length; i += 4) {
                    found.covered += fine[i + 3] > 0;
                    found.holes += (fine[i + 3] > 0) !== (quick[i + 3] > 0);
                    found.other += [0, 1, 2].some((k) => Math.abs(fine[i + k] - quick[i + k]) > 8);
                  }
                  return found; }""",
                [expression, azimuth, elevation],
            )
            assert found["covered"] > 50_000
            assert found["holes"] == 0
            if abs(azimuth) < 100 and elevation >= 0:  # from here the head shows hardly any of its inside
                assert found["other"] < 0.01 * found["covered"]
            inside = max(inside, found["other"] / found["covered"])
    assert inside > 0.05  # and in some it does, so that there was something to cover
    page.page.click("#reset")
    page.fits()
