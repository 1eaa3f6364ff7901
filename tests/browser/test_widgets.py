"""Each widget in a real page: walked by keyboard alone, clicked, dragged, and what arrives on the screen read back.

With ASM_TEACH_PICTURES=FOLDER the run writes the pictures of the documentation there (docs/images).
"""

from __future__ import annotations

import io
import json
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from .harness import NO_BROWSER, LabPage, LabServer, chromium, write_notebook

pytestmark = [
    pytest.mark.browser,
    pytest.mark.timeout(240),
    pytest.mark.skipif(chromium() is None, reason=NO_BROWSER),
]

CELLS = [
    """
import torch
import asm_teach as asm
from asm_teach.transforms import Rig
from asm_teach.widgets import BonePanel, FitWatcher, Viewer
head = asm.load_head("makehuman")
model = asm.AdaptiveSkinningModel(head.mesh, head.rig)
some = [0, *range(2, 84, 3)]
rig = Rig(tuple(head.rig.names[b] for b in some), torch.tensor([-1] + [0] * (len(some) - 1)), uv=head.rig.uv[some])
""",
    """
view = Viewer.overlay({"mean head": head.mesh, "person 3": head.sample(3)}, weights={
    name: model.weights().detach() for name in ("mean head", "person 3")}, width=560, height=420)
view
""",
    """
weights = model.weights().detach()
panel = BonePanel(model, Viewer(head.mesh, weights=weights, width=560, height=460), bone="lip_corner_L")
panel
""",
    """
few = asm.AdaptiveSkinningModel(head.mesh, rig, 1)
watcher = FitWatcher(asm.fit_scan, few, head.sample(5), start=False, steps=4000, device="cpu")
watcher
""",
]
VIEW, PANEL, FIT = (
    ".asm-viewer:not(.asm-panel .asm-viewer)",
    ".asm-panel:has(.asm-controls)",
    ".asm-panel:has(.asm-fit)",
)
FOCUSED = """() => { const e = document.activeElement;
  const own = (e.innerText || e.getAttribute('aria-label') || '').trim();
  const label = e.closest('.widget-slider, .widget-dropdown, .widget-textarea, .widget-checkbox');
  return own && e.tagName === 'BUTTON' ? own : label ? label.innerText.split('\\n')[0].trim() || own : own; }"""


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabPage]:
    """One page with all widgets, run once."""
    from playwright.sync_api import TimeoutError as Hung

    folder = tmp_path_factory.mktemp("widgets") / "notebooks"
    folder.mkdir()
    write_notebook(folder / "widgets.ipynb", CELLS)
    with LabServer(folder) as server, LabPage(server) as opened:
        for attempt in (1, 2):
            try:
                opened.open("widgets.ipynb")
                opened.run_all()
                break
            except Hung:  # a headless start hangs about once in a hundred
                server.end_kernels()
                if attempt == 2:
                    raise
        assert opened.problems() == []
        yield opened


def tab_stops(page: LabPage, count: int) -> list[str]:
    """The names of the controls that Tab visits, beginning with the one that has the focus."""
    names = [page.page.evaluate(FOCUSED)]
    for _ in range(count - 1):
        page.page.keyboard.press("Tab")
        names.append(page.page.evaluate(FOCUSED))
    return names


def wait_for(page: LabPage, selector: str, words: str) -> str:
    page.page.wait_for_function(
        "([selector, words]) => document.querySelector(selector).innerText.includes(words)", arg=[selector, words]
    )
    return page.page.locator(selector).first.inner_text()


def pixels(page: LabPage, selector: str) -> np.ndarray:
    shot = page.show(selector).screenshot()
    return np.asarray(Image.open(io.BytesIO(shot)).convert("RGB")).astype(int)


def changed(page: LabPage, selector: str, before: np.ndarray) -> float:
    """The share of pixels that look different from before, once any does."""
    for _ in range(40):
        share = float((np.abs(pixels(page, selector) - before).max(axis=2) > 20).mean())
        if share > 0:
            return share
        page.page.wait_for_timeout(50)
    return 0.0


def keep(page: LabPage, selector: str, name: str) -> None:
    """Write the picture of a widget for the documentation, at most 120 kB, where that is asked for."""
    folder = os.environ.get("ASM_TEACH_PICTURES")
    shot = page.show(selector).screenshot()
    if not folder:
        return
    picture = Image.open(io.BytesIO(shot)).convert("RGB")
    for colours in (256, 128, 64):
        picture.quantize(colours, dither=Image.Dither.NONE).save(Path(folder) / name, optimize=True)
        if (Path(folder) / name).stat().st_size <= 120_000:
            return
    raise AssertionError(f"{name} is larger than 120 kB")


def test_the_viewer_by_keyboard(page: LabPage) -> None:
    """The camera, the switches and the colours, all by Tab, Enter, Space and arrows."""
    page.scroll_to_cell(1)
    page.show(f"{VIEW} canvas")
    page.page.locator(f"{VIEW} .asm-bar button").first.focus()
    stops = tab_stops(page, 11)
    assert stops == ["Front", "Three-quarter", "Left", "Right", "Top", "−", "+", "Reset", "Facets", "Edges", "colours"]
    before = pixels(page, f"{VIEW} canvas")
    page.page.locator(f"{VIEW} .asm-bar button", has_text="Three-quarter").focus()
    page.page.keyboard.press("Enter")
    wait_for(page, f"{VIEW} .asm-status", "three-quarter view")
    assert changed(page, f"{VIEW} canvas", before) > 0.01
    keep(page, VIEW, "viewer.png")
    before = pixels(page, f"{VIEW} canvas")
    page.page.locator(f"{VIEW} .asm-bar button", has_text="Edges").focus()
    page.page.keyboard.press("Space")
    wait_for(page, f"{VIEW} .asm-status", "with edges")
    assert changed(page, f"{VIEW} canvas", before) > 0.02
    page.page.keyboard.press("Tab")
    for key in ("Space", "ArrowDown", "Enter"):  # JupyterLab takes the arrows of a list that is not open
        page.page.keyboard.press(key)
    wait_for(page, f"{VIEW} .asm-status", "· texture ·")
    assert page.problems() == []


def test_the_bone_panel_by_keyboard_click_and_drag(page: LabPage) -> None:
    """Every control is reached; a click picks the bone, a drag does not; what was moved is what is drawn."""
    canvas, status = f"{PANEL} canvas", f"{PANEL} .asm-status"
    page.scroll_to_cell(2)
    page.show(PANEL)
    page.page.locator(".asm-controls select").first.focus()
    sliders = [
        f"{what} {axis}, {unit}" for what, unit in (("move", "mm"), ("turn", "°"), ("scale", "×")) for axis in "xyz"
    ]
    stops = list(dict.fromkeys(tab_stops(page, 21)))  # of a slider its handle and its number
    assert stops == ["bone", *sliders, "mirror to the other side", "show the bones as dots"]

    # a click where the kernel sees the tip of the nose
    where = "p = panel.viewer._orbit.eye().project(panel._mover()[1][[head.rig.index('nose_tip')]])[0]; print(*p)"
    x, y = map(float, page.evaluate(where).split())
    page.show(canvas).click(position={"x": x, "y": y})
    said = wait_for(page, status, "has the largest weight")
    bone = int(page.evaluate("print(panel.bone)"))
    name = page.evaluate("print(panel.names[panel.bone])").strip()
    assert f"clicked where {name} has" in said
    expected = "v = (model.mesh.vertices - panel._mover()[1][head.rig.index('nose_tip')]).norm(dim=1).argmin()"
    assert bone == int(page.evaluate(f"{expected}; print(int(model.weights()[v].argmax()))"))

    # a drag of the mouse turns the camera and picks nothing
    box = page.show(canvas).bounding_box()
    page.page.mouse.move(box["x"] + 200, box["y"] + 200)
    page.page.mouse.down()
    page.page.mouse.move(box["x"] + 260, box["y"] + 210, steps=4)
    page.page.mouse.up()
    wait_for(page, status, "turned by hand")
    assert int(page.evaluate("print(panel.bone)")) == bone

    # a drag of a slider: the last value arrives, and is drawn
    page.page.locator(f"{PANEL} .asm-bar button", has_text="Three-quarter").click()
    handle = page.show(".asm-controls [role=slider]", 1)
    box = handle.bounding_box()
    page.page.mouse.move(box["x"] + 6, box["y"] + 6)
    page.page.mouse.down()
    page.page.mouse.move(box["x"] + 40, box["y"] + 6, steps=12)
    page.page.mouse.up()
    page.page.wait_for_timeout(600)
    value = float(handle.get_attribute("aria-valuenow"))
    assert value > 3
    kernel = json.loads(page.evaluate("import json; print(json.dumps([panel.translation[1].value, model().tolist()]))"))
    assert kernel[0] == pytest.approx(value)
    np.testing.assert_allclose(page.drawn_positions(len(kernel[1])), kernel[1], atol=1e-4)
    page.page.locator(f"{PANEL} .asm-bar button", has_text="Names").click()
    wait_for(page, status, "bone names find room")
    page.page.wait_for_timeout(400)
    keep(page, PANEL, "bone_panel.png")

    # undo, and a pose that is pasted, by keyboard
    page.page.locator(".asm-controls button", has_text="Undo").focus()
    page.page.keyboard.press("Enter")
    wait_for(page, status, "the last change is taken back")
    page.page.wait_for_timeout(600)  # the pose of now is written into the box once the bones rest
    pose = {"format": "asm_teach pose 1", "bones": {"chin": {"rotation": [0.2, 0, 0]}}}
    box = page.page.locator(".asm-controls textarea")
    for text, words in (("{", "this is no JSON"), (json.dumps(pose), "the pose is applied")):
        box.fill(text)
        page.page.keyboard.press("Tab")
        assert page.page.evaluate(FOCUSED) == "Apply pose"
        page.page.keyboard.press("Enter")
        wait_for(page, status, words)
    assert float(page.evaluate("print(model.rotation[head.rig.index('chin'), 0].item())")) == pytest.approx(0.2)
    assert page.problems() == []


def test_the_fit_watcher_by_keyboard(page: LabPage) -> None:
    """Start, pause, resume and stop; the kernel answers all the while; the last face is the one on the screen."""
    state = ".asm-fit [role=status]"
    page.scroll_to_cell(3)
    page.show(".asm-fit")
    button = page.page.locator(".asm-fit button").first
    button.focus()
    page.page.keyboard.press("Enter")
    wait_for(page, state, "The fit is running")
    assert page.evaluate("print(6 * 7)", timeout=5).strip() == "42"
    page.page.wait_for_function("document.querySelectorAll('.asm-fit polyline').length > 0")
    page.page.wait_for_timeout(1500)
    keep(page, FIT, "fit_watcher.png")
    page.page.keyboard.press("Enter")
    wait_for(page, state, "Paused")
    page.page.keyboard.press("Enter")
    wait_for(page, state, "The fit is running")
    page.page.keyboard.press("Tab")
    page.page.keyboard.press("Enter")
    wait_for(page, state, "Stopped: watcher.fit holds the best so far")
    assert page.evaluate(
        "print(watcher.fit.interrupted, watcher.fit.history[-1].loss < watcher.fit.history[0].loss)"
    ).split() == ["True", "True"]
    shown = np.array(json.loads(page.evaluate("print(json.dumps(watcher.viewer.vertices.tolist()))")))
    page.page.wait_for_timeout(300)
    np.testing.assert_allclose(page.drawn_positions(len(shown)), shown, atol=1e-4)
    assert page.problems() == []
