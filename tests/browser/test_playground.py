"""A person opens the page of the finished model: it is the torch model, it needs nothing else, and a keyboard does."""

from __future__ import annotations

import copy
import importlib.util
import io
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import asm_teach as asm
from asm_teach.mesh import vertex_normals
from asm_teach.model import AdaptiveSkinningModel
from asm_teach.widgets.page import write_page
from asm_teach.widgets.page.people import new_model
from asm_teach.widgets.page.pose import PARAMETERS, pose_text, posed

from ..test_playground import small
from .harness import _FLAGS, NO_BROWSER, ROOT, chromium

pytestmark = [
    pytest.mark.browser,
    pytest.mark.timeout(300),
    pytest.mark.skipif(chromium() is None, reason=NO_BROWSER),
]

CLOSE = 0.05  # mm, at every vertex


def fewer_colours(png: bytes) -> bytes:
    """As the notebooks keep their pictures."""
    spec = importlib.util.spec_from_file_location("render", ROOT / "notebooks" / "render.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.fewer_colours(png)


class Page:
    """The page in a browser, and all that it complained about or asked for."""

    def __init__(self, browser: Any, file: Path, width: int = 1400, height: int = 900, **options: Any) -> None:
        self.context = browser.new_context(viewport={"width": width, "height": height}, **options)
        self.page = self.context.new_page()
        self.trouble: list[str] = []
        self.asked: list[str] = []
        self.page.on("console", lambda m: self.trouble.append(m.text) if m.type == "error" else None)
        self.page.on("pageerror", lambda e: self.trouble.append(str(e)))
        self.page.on("request", lambda r: self.asked.append(r.url))
        self.page.goto(file.as_uri())
        self.page.wait_for_function("() => window.playground && window.playground.ready", timeout=60_000)

    def js(self, code: str, given: Any = None) -> Any:
        return self.page.evaluate(code, given)

    def positions(self) -> np.ndarray:
        """(V, 3) mm, as transform feedback wrote them."""
        return np.array(self.js("() => [...playground.face.positions()]")).reshape(-1, 4)[:, :3]

    def paste(self, text: str) -> str:
        """Give a text to the page as a person does, and what it answers."""
        self.js("() => { document.getElementById('json').open = true; }")
        self.page.fill("#text", text)
        self.page.click("#paste")
        return self.page.locator("#told").inner_text()

    def said(self, words: str) -> str:
        self.page.wait_for_function(
            "(words) => document.getElementById('said').textContent.includes(words)", arg=words, timeout=20_000
        )
        return self.page.locator("#said").inner_text()

    def picture(self) -> np.ndarray:
        return np.asarray(Image.open(io.BytesIO(self.page.locator(".frame").screenshot())).convert("RGB")).astype(int)

    def fits(self) -> None:
        assert self.trouble == []
        assert len(self.asked) == 1 and self.asked[0].startswith("file:")  # the page itself, and nothing after it


@pytest.fixture(scope="module")
def model() -> AdaptiveSkinningModel:
    return new_model(asm.load_head("makehuman"))


@pytest.fixture(scope="module")
def file(model: AdaptiveSkinningModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / "playground.html"
    path.write_text(write_page(model), "utf-8")
    return path


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=chromium(), args=_FLAGS, headless=True, timeout=60_000)
        yield running
        running.close()


@pytest.fixture(scope="module")
def page(browser: Any, file: Path) -> Iterator[Page]:
    opened = Page(browser, file)
    yield opened
    opened.context.close()


def moved(model: AdaptiveSkinningModel, seed: int) -> AdaptiveSkinningModel:
    """Every bone moved, every Gaussian changed, every bone at another place, some of them off the chart."""
    other, generator = copy.deepcopy(model), torch.Generator().manual_seed(seed)
    sizes = dict(zip(PARAMETERS, (4.0, 0.2, 0.15, 0.03, 0.5, 0.02, 0.3), strict=True))
    with torch.no_grad():
        for name, size in sizes.items():
            parameter = getattr(other, name)
            parameter += size * torch.randn(parameter.shape, generator=generator)
        # L's lower left number is a length on the chart, not a logarithm
        other.mixture_factor[..., 1] *= 0.1
    return other


@torch.no_grad()
@pytest.mark.parametrize("seed", [0, 1, 2, 3])
def test_the_page_is_the_torch_model(page: Page, model: AdaptiveSkinningModel, seed: int) -> None:
    wanted = moved(model, seed)
    assert not wanted.chart.locate(wanted.bone_uv).inside.all()
    assert "The face has this pose" in page.paste(pose_text(wanted, model))
    away = np.linalg.norm(page.positions() - wanted().numpy(), axis=1)
    change = np.linalg.norm(wanted().numpy() - model.vertices.numpy(), axis=1)
    print(
        f"state {seed}: moved {change.mean():.1f} mm on average; page and torch differ by {away.max():.2g} mm at most"
    )
    assert away.max() < CLOSE
    # its normals are those of the mesh
    got = np.array(page.js("() => [...playground.face.read(playground.face.normal, 3 * playground.face.V)]"))
    normals = vertex_normals(wanted(), model.mesh.faces).numpy()
    got = got.reshape(-1, 3) / np.linalg.norm(got.reshape(-1, 3), axis=1, keepdims=True)
    assert np.percentile((got * normals).sum(1), 1) > 0.999
    # the pose that the page writes is the one that it was given
    told = page.js("() => playground.bones.text(playground.goal())")
    assert json.loads(told) == json.loads(pose_text(wanted, model))
    page.fits()


@torch.no_grad()
def test_a_small_model_with_three_gaussians_and_no_people(browser: Any, tmp_path: Path) -> None:
    model = small(components=3)
    with torch.no_grad():
        model.translation[0] = torch.tensor([500.0, 200.0, -300.0])  # a fit may put the face anywhere
    (tmp_path / "small.html").write_text(write_page(model), "utf-8")
    page = Page(browser, tmp_path / "small.html")
    page.said("The first face; front view. Nothing has moved.")
    picture = page.picture()
    assert np.abs(picture[len(picture) // 2, picture.shape[1] // 2] - picture[40, 40]).max() > 40  # it is in sight
    assert page.page.locator("#random").is_disabled()
    assert not page.page.locator("#expressions").is_visible()
    wanted = moved(model, 5)
    assert "The face has this pose" in page.paste(pose_text(wanted, model))
    assert np.linalg.norm(page.positions() - wanted().numpy(), axis=1).max() < CLOSE
    page.fits()
    page.context.close()


@torch.no_grad()
def test_sliders_expressions_and_people_are_the_torch_model_too(page: Page, model: AdaptiveSkinningModel) -> None:
    page.page.click("#reset")
    page.said("The first face; front view. Nothing has moved.")
    np.testing.assert_array_equal(page.positions(), model.vertices.numpy())  # at rest the head comes back exactly
    page.page.click("#random")
    page.page.locator("#expressions label", has_text="Smile").click()
    for name in ("nose_depth", "jaw_width", "nose_reach", "brow_height", "brow_place"):
        page.page.locator(f"#s_{name}").focus()
        for _ in range(3):
            page.page.keyboard.press("ArrowRight")
    page.js("() => { document.getElementById('one').open = true; }")
    page.page.select_option("#bone", label="cheek, left")
    for name in ("one_translation_2", "one_rotation_1", "one_reach_0", "one_bone_uv_0"):
        page.page.locator(f"#s_{name}").focus()
        page.page.keyboard.press("PageUp")
    said = page.said("Person 1; Smile 100 %; Nose, how far out +1.5 mm")
    assert "Reach, nose 1.23 ×" in said
    wanted = posed(model, page.js("() => playground.bones.text(playground.goal())"))
    changed = [name for name in PARAMETERS if not torch.equal(getattr(wanted, name), getattr(model, name))]
    assert set(changed) == {"translation", "rotation", "log_scale", "bone_uv", "mixture_factor"}
    left, right = wanted.rig.index("cheek_L"), wanted.rig.index("cheek_R")
    turned = wanted.bone_uv - model.bone_uv
    torch.testing.assert_close(turned[left] * torch.tensor([-1.0, 1.0]), turned[right], atol=1e-6, rtol=0)
    page.js("() => playground.show(playground.goal())")
    away = np.linalg.norm(page.positions() - wanted().numpy(), axis=1).max()
    print(f"a smiling person with eight sliders: page and torch differ by {away:.2g} mm at most")
    assert away < CLOSE
    page.fits()


def test_reach_says_why_it_moves_nothing_at_rest(page: Page, model: AdaptiveSkinningModel) -> None:
    page.page.click("#reset")
    page.said("Nothing has moved")
    page.page.locator("#s_nose_reach").focus()
    page.page.keyboard.press("ArrowRight")
    page.said("How far a bone reaches shows only once it moves")
    page.page.locator("#s_nose_depth").focus()
    page.page.keyboard.press("ArrowRight")
    page.said("Nose, how far out +0.5 mm")
    page.page.locator("#s_nose_reach").focus()
    for _ in range(5):
        page.page.keyboard.press("ArrowRight")
    assert "shows only once" not in page.said("Reach, nose 1.52 ×")
    page.fits()


def test_undo_goes_back_step_by_step(page: Page, model: AdaptiveSkinningModel) -> None:
    page.page.click("#reset")
    page.said("Nothing has moved")
    page.page.locator("#s_chin_length").focus()
    for _ in range(4):
        page.page.keyboard.press("ArrowRight")
    page.said("Chin length +2.0 mm")
    page.page.locator("#s_ears").focus()
    page.page.keyboard.press("ArrowRight")
    page.said("Ears, how far out +1°")
    page.page.keyboard.press("Control+z")
    assert "Ears" not in page.said("Chin length +2.0 mm; front")
    page.page.click("#undo")  # four presses in a row are one step
    page.said("Nothing has moved")
    np.testing.assert_array_equal(page.positions(), model.vertices.numpy())
    page.fits()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"format": "asm_teach pose", "bones": {', "This is no whole JSON"),
        ("[]", "This JSON is no pose"),
        ('{"format": "asm_teach pose", "bones": {"tail": {}}}', "another rig: there is no bone “tail”"),
        ('{"format": "asm_teach pose", "bones": {"chin": {"translation": [0, NaN, 0]}}}', "holds NaN or Infinity"),
        ('{"format": "asm_teach pose", "bones": {"chin": {"translation": [0, 1e999, 0]}}}', "no finite number"),
        ('{"format": "asm_teach pose", "bones": {"chin": {"translation": [0, null, 0]}}}', "no finite number"),
        (
            '{"format": "asm_teach pose", "bones": {"chin": {"mixture_logits": [1, 2, 3]}}}',
            "has 3 numbers; here it has 2",
        ),
        ('{"format": "asm_teach pose 1", "bones": {"chin": {"scale": [1, 0, 1]}}}', "no finite number"),
        ('{"format": "asm_teach pose", "bones": {"chin": {"constructor": [1]}}}', "which no bone has"),
    ],
)
def test_a_wrong_text_changes_nothing_and_is_explained(page: Page, text: str, words: str) -> None:
    before = page.js("() => JSON.stringify(playground.state())")
    told = page.paste(text)
    assert told.startswith("Nothing was changed.") and words in told
    assert page.js("() => JSON.stringify(playground.state())") == before
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


def test_every_look_shows_a_face_and_weights_have_numbers(page: Page) -> None:
    page.page.click("#reset")
    seen = []
    for look in ("Skin", "Clay", "Wireframe", "Weights of the bone"):
        page.page.locator("#looks label", has_text=look).click()
        page.page.wait_for_timeout(700)
        picture = page.picture()
        middle = picture[100:-100, 250:-250]
        assert np.ptp(middle.mean(axis=2)) > 80, f"{look} shows hardly any light and shade"
        assert all((np.abs(picture - other).max(axis=2) > 20).mean() > 0.02 for other in seen)
        seen.append(picture)
    assert "of 4165 vertices" in page.said("Colours: weights of the")
    assert page.page.locator("#legend").is_visible()
    page.page.locator("#looks label", has_text="Skin").click()
    page.fits()


def test_motion_stops_for_those_who_ask_for_it(browser: Any, file: Path) -> None:
    calm = Page(browser, file, reduced_motion="reduce")
    frames = (
        "() => { window.drawn = 0; const f = playground.face, old = f.pose.bind(f);"
        " f.pose = (...a) => { window.drawn += 1; return old(...a); }; }"
    )
    calm.js(frames)
    calm.page.click("#random")
    calm.page.wait_for_timeout(700)
    assert calm.js("() => window.drawn") == 1
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


@pytest.mark.parametrize("slider", ["nose_depth", "nose_reach"])  # one moves bones, one changes weights
def test_a_key_press_soon_shows(page: Page, slider: str, capsys: pytest.CaptureFixture[str]) -> None:
    page.page.click("#reset")
    page.page.wait_for_timeout(600)
    page.page.locator(f"#s_{slider}").focus()
    page.js(
        """(id) => { window.took = {asked: [], shown: []}; let pressed = 0;
          const gl = playground.face.gl, pixel = new Uint8Array(4), slider = document.getElementById(id);
          addEventListener('keydown', () => { pressed = performance.now(); }, true);
          slider.addEventListener('input', () => {  // after the page's own listener, which draws
            took.asked.push(performance.now() - pressed);
            gl.readPixels(0, 0, 1, 1, gl.RGBA, gl.UNSIGNED_BYTE, pixel);  // waits for the picture
            took.shown.push(performance.now() - pressed); }); }""",
        f"s_{slider}",
    )
    for press in range(40):
        page.page.keyboard.press("ArrowRight" if press % 20 < 10 else "ArrowLeft")
    took = page.js("() => took")
    assert len(took["shown"]) == 40
    asked, shown = (float(np.median(took[k])) for k in ("asked", "shown"))
    size = page.js("() => playground.sharp.quick")
    with capsys.disabled():
        print(
            f"\n{slider}: key press to draw call {asked:.1f} ms, to the finished picture {shown:.1f} ms "
            f"(median of 40, best {min(took['shown']):.1f}), {size} of the screen's pixels each way"
        )
    assert asked < 12  # ms
    assert min(took["shown"]) < 40  # without a graphics card, on a busy machine
    page.fits()


def test_the_picture_of_the_page(page: Page) -> None:
    """The picture in docs/images is this one: written anew where ASM_TEACH_PICTURES is set."""
    page.page.click("#reset")
    page.js(
        "() => { document.querySelectorAll('#one, #json').forEach((d) => { d.open = false; }); window.scrollTo(0, 0); }"
    )
    page.page.locator("#views label", has_text="Three-quarter").click()
    page.page.locator("#expressions label", has_text="Smile").click()
    page.said("Smile 100 %")
    page.page.wait_for_timeout(800)
    page.page.mouse.move(5, 5)
    shot = Image.open(io.BytesIO(page.page.screenshot())).convert("RGB").resize((820, 527), Image.LANCZOS)
    shot.save(buffer := io.BytesIO(), "PNG", optimize=True)
    small = fewer_colours(buffer.getvalue())
    assert len(small) < 150_000
    if os.environ.get("ASM_TEACH_PICTURES"):
        (ROOT / "docs" / "images" / "playground.png").write_bytes(small)
    page.fits()
