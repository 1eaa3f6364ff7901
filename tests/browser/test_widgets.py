"""Each widget in a real page: walked by keyboard alone, clicked, dragged, and what arrives on the screen read back.

With ASM_TEACH_PICTURES=FOLDER the run writes the pictures of the documentation there (docs/images).
"""

from __future__ import annotations

import base64
import io
import json
import os
import time
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image, ImageColor

from asm_teach.drawing.plots import BACKGROUND

from .conftest import Opener
from .harness import NO_BROWSER, LabPage, chromium, decoded, keep_picture

pytestmark = [
    pytest.mark.browser,
    pytest.mark.timeout(240),
    pytest.mark.skipif(chromium() is None, reason=NO_BROWSER),
]

CELLS = [
    """
import torch
import asm_teach as asm
from asm_teach.model.transforms import Rig
from asm_teach.studies import view_cases
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
skin = Viewer(head.mesh, weights=weights, colour="texture", width=560, height=420)
panel = BonePanel(model, skin, bone="lip_corner_L")
panel
""",
    """
few = asm.AdaptiveSkinningModel(head.mesh, rig, 1)
watcher = FitWatcher(asm.fit_scan, few, head.sample(5), start=False, steps=4000, device="cpu")
watcher
""",
    """
photographs = view_cases.embedded_pictures(head, seed=5, views=3, size=256).views
seen = FitWatcher(asm.fit_views, few, photographs, truth=head.sample(5), start=False, steps=4000, width=400, height=300)
seen
""",
    """
names = head.rig.names
single = Viewer(head.mesh, weights=weights, bones=model.bind_points().detach(), bone_names=names, width=320, height=280)
single
""",
    """
other = head.sample(3)
away = (other.vertices - head.mesh.vertices).norm(dim=1)
away[:800] = torch.nan
pair = Viewer.compare({"mean head": head.mesh, "person 3": other}, width=360, height=260)
pair.colour_by("error", {"mean head": away, "person 3": away / 2}, label="mm")
pair
""",
    "seen",
]
VIEW, PANEL, FIT, SEEN, SINGLE, PAIR, AGAIN = (
    f'.jp-Notebook .jp-Cell[data-windowed-list-index="{cell}"] {widget}'
    for cell, widget in enumerate([".asm-viewer", *[".asm-panel"] * 3, *[".asm-viewer"] * 2, ".asm-panel"], 1)
)
FOCUSED = """() => { const e = document.activeElement;
  const own = (e.innerText || e.getAttribute('aria-label') || '').trim();
  const label = e.closest('.widget-slider, .widget-dropdown, .widget-textarea, .widget-checkbox');
  return own && e.tagName === 'BUTTON' ? own : label ? label.innerText.split('\\n')[0].trim() || own : own; }"""


@pytest.fixture(scope="module")
def page(open_cells: Opener) -> LabPage:
    """One page with all widgets, run once."""
    return open_cells("widgets.ipynb", CELLS)


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
    """Write the picture of a widget for the documentation, where that is asked for."""
    page.page.mouse.move(2, 2)  # or a button lights up
    keep_picture(page.show(selector).screenshot(), name)


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
    keep(page, VIEW, "viewer.webp")
    before = pixels(page, f"{VIEW} canvas")
    page.page.locator(f"{VIEW} .asm-bar button", has_text="Edges").focus()
    page.page.keyboard.press("Space")
    wait_for(page, f"{VIEW} .asm-status", "with edges")
    assert changed(page, f"{VIEW} canvas", before) > 0.02
    page.page.keyboard.press("Tab")
    for key in ("Space", "ArrowDown", "Enter"):  # JupyterLab takes the arrows of a list that is not open
        page.page.keyboard.press(key)
    wait_for(page, f"{VIEW} .asm-status", "texture ·")
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
    assert tab_stops(page, 12) == ["bone", *sliders, "mirror to the other side", "show the bones as dots"]
    for name in sliders:  # what a screen reader says
        assert page.page.get_by_role("slider", name=name, exact=True).count(), name

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
    wait_for(page, status, "bone names fit")
    page.page.wait_for_timeout(400)
    keep(page, PANEL, "bone_panel.webp")

    # undo, and a pose that is pasted, by keyboard
    page.page.locator(".asm-controls button", has_text="Undo").focus()
    page.page.keyboard.press("Enter")
    wait_for(page, status, "the last change is undone")
    page.page.wait_for_timeout(600)  # the pose of now is written into the box once the bones rest
    pose = {"format": "asm_teach pose 1", "bones": {"chin": {"rotation": [0.2, 0, 0]}}}
    page.page.locator(".asm-controls button", has_text="Reset all").focus()
    assert tab_stops(page, 2) == ["Reset all", "Pose as JSON"]
    page.page.keyboard.press("Space")
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
    """Start, pause, resume and stop by Tab, Space and Enter; the kernel answers; the last face is on the screen."""
    state = f"{FIT} [role=status]:not(.asm-status *)"
    page.scroll_to_cell(3)
    page.show(FIT)
    page.page.locator(f"{FIT} .asm-bar button").nth(7).focus()
    view = "3D view. Arrow keys turn it, plus and minus zoom, Home shows the front."
    stops = ["Reset", "Facets", "Edges", "colours", view, "The mesh in numbers", "Start"]
    assert tab_stops(page, 7) == stops  # Stop has nothing to do yet
    page.page.keyboard.press("Space")
    wait_for(page, state, "The fit is running")
    assert page.evaluate("print(6 * 7)", timeout=5).strip() == "42"
    page.page.wait_for_function("document.querySelectorAll('.asm-fit polyline').length > 0")
    if os.environ.get("ASM_TEACH_PICTURES"):
        page.page.wait_for_timeout(1500)
        keep(page, FIT, "fit_watcher.webp")
    assert tab_stops(page, 1) == ["Pause"]
    page.page.keyboard.press("Space")
    wait_for(page, state, "Paused")
    page.page.keyboard.press("Enter")
    wait_for(page, state, "The fit is running")
    page.page.keyboard.press("Tab")
    assert tab_stops(page, 1) == ["Stop"]
    page.page.keyboard.press("Space")
    wait_for(page, state, "Stopped: watcher.fit holds the best result so far")
    assert page.evaluate(
        "print(watcher.fit.interrupted, watcher.fit.history[-1].loss < watcher.fit.history[0].loss)"
    ).split() == ["True", "True"]
    is_drawn(page, "watcher")
    assert page.problems() == []


def is_drawn(page: LabPage, watcher: str) -> None:
    """Wait until the graphics card holds the face of a watcher."""
    shown = np.array(json.loads(page.evaluate(f"import json; print(json.dumps({watcher}.viewer.vertices.tolist()))")))
    eventually(lambda: float(np.abs(page.drawn_positions(len(shown)) - shown).max()), 1e-4)


def eventually(measure: Callable[[], float], limit: float, seconds: float = 6.0) -> None:
    """Measure again until it is below a limit."""
    end = time.monotonic() + seconds
    while (found := measure()) > limit:
        assert time.monotonic() < end, f"{found:.4g} did not come below {limit:g}"
        time.sleep(0.1)


def test_a_fit_to_pictures_shows_its_cameras_in_two_places_at_once(page: LabPage) -> None:
    """While it runs, paused, and shown a second time; what it draws is what the kernel has."""
    page.scroll_to_cell(4)
    page.show(SEEN)
    page.page.locator(f"{SEEN} .asm-fit button").first.click()
    page.page.wait_for_selector(f"{SEEN} .asm-cameras", state="attached")
    assert page.evaluate("print(6 * 7)", timeout=5).strip() == "42"
    page.page.locator(f"{SEEN} .asm-fit button").first.click()
    wait_for(page, f"{SEEN} .asm-fit", "Paused")
    page.page.wait_for_timeout(500)  # the step under way
    told = page.page.locator(f"{SEEN} .asm-fit").inner_text()
    page.page.wait_for_timeout(500)
    assert page.page.locator(f"{SEEN} .asm-fit").inner_text() == told
    words = page.evaluate("print(seen.text)")
    rows = page.page.locator(f"{SEEN} .asm-facts tr").all_inner_texts()
    assert len(rows) >= 3 and all(row.replace("\t", " ") in words for row in rows)
    for number in (1, 2, 3):
        line = next(line for line in told.splitlines() if line.startswith(f"view {number}: focal length"))
        assert line in words
    plan = page.page.locator(f"{SEEN} .asm-cameras")
    assert plan.locator(".asm-seat").all_text_contents() == ["1", "2", "3"]
    assert "view 2: focal length" in plan.get_attribute("aria-label")
    assert "distance from the true face, mm" in page.page.locator(f"{SEEN} .asm-status").inner_text()
    is_drawn(page, "seen")
    page.scroll_to_cell(7)
    page.show(f"{AGAIN} canvas")
    assert page.page.locator(f"{AGAIN} .asm-cameras .asm-seat").count() == 3
    eventually(lambda: -float((page.canvas(AGAIN)[..., 3] > 0).mean()), -0.1)
    page.page.locator(f"{AGAIN} .asm-fit button").first.click()  # resume, from the second place
    wait_for(page, f"{AGAIN} .asm-fit", "The fit is running")
    page.page.locator(f"{AGAIN} .asm-fit button").nth(1).click()
    wait_for(page, f"{AGAIN} .asm-fit", "Stopped: watcher.fit holds the best result so far")
    is_drawn(page, "seen")
    assert page.problems() == []


def unlike(page: LabPage, selector: str, snapshot: np.ndarray, shrink: int) -> float:
    """Mean difference (of 255) of live view and snapshot over the face, both `shrink` times smaller."""
    live = page.canvas(selector).astype(float)
    high, wide = live.shape[:2]
    cover = live[..., 3:] / 255
    live = cover * live[..., :3] + (1 - cover) * np.array(ImageColor.getrgb(BACKGROUND))
    small = (wide // shrink, high // shrink)
    a, b = (
        np.asarray(Image.fromarray(one.round().astype(np.uint8)).resize(small, Image.Resampling.BOX)).astype(float)
        for one in (live, snapshot[-high:, :wide])
    )
    face = np.asarray(Image.fromarray((255 * cover[..., 0]).astype(np.uint8)).resize(small, Image.Resampling.BOX)) > 0
    assert face.mean() > 0.15
    return float(np.abs(a - b).max(axis=2)[face].mean())


# What is shown, and how much the snapshot may differ from it. Where lines and letters are one pixel wide, the two are
# smoothed in other ways: there pictures a quarter as large are compared. Without any line they differ by about 1.
STATES = [
    (SINGLE, "single", "v.show_bones(None); v.view('three-quarter'); v.facets(); v.zoom(1.3)", 1, 2.5),
    (SINGLE, "single", "v.facets(False); v.colour_by('texture'); v.view((60, -10))", 1, 2.5),
    (SINGLE, "single", "v.colour_by('plain'); v.wireframe()", 4, 6.0),
    (SINGLE, "single", "v.wireframe(False); v.colour_by('weights'); v.show_bones(model.bind_points().detach()); "
                       "v.select_bone('chin'); v.name_bones('all'); v.view('reset')", 4, 6.0),
    (VIEW, "view", "v.colour_by('plain'); v.wireframe(False); v.view('three-quarter')", 1, 3.0),
    (VIEW, "view", "v.colour_by('uv'); v.view('left')", 1, 3.0),
]  # fmt: skip


def test_a_snapshot_is_what_the_live_view_shows(page: LabPage) -> None:
    """Colours, camera, light, facets, edges, dots and names, meshes over each other and side by side."""
    before, last = None, ""
    for selector, name, act, shrink, limit in STATES:
        if selector != last:
            page.scroll_to_cell({VIEW: 1, SINGLE: 5}[selector])
            page.show(f"{selector} canvas")
        drawn = snapshot(page, name, act)
        eventually(lambda s=selector, d=drawn, k=shrink: unlike(page, s, d, k), limit)
        if before is not None and selector == last:  # the measure can tell one state from another
            assert unlike(page, selector, before, shrink) > 1.5 * limit, act
        before, last = drawn, selector
    # side by side, turned by mouse
    page.scroll_to_cell(6)
    box = page.show(f"{PAIR} canvas").bounding_box()
    page.page.mouse.move(box["x"] + 100, box["y"] + 150)
    page.page.mouse.down()
    page.page.mouse.move(box["x"] + 160, box["y"] + 170, steps=4)
    page.page.mouse.up()
    wait_for(page, f"{PAIR} .asm-status", "turned by hand")
    eventually(lambda: unlike(page, PAIR, snapshot(page, "pair", "None"), 1), 3.0)
    assert page.problems() == []


def snapshot(page: LabPage, name: str, act: str) -> np.ndarray:
    printed = page.evaluate(f"import base64\nv = {name}\n{act}\nprint(base64.b64encode(v.picture().png()).decode())")
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(printed))).convert("RGB")).astype(float)


MOVED = """() => { window.__moved = [];
  for (const kind of ['transitionrun', 'animationstart']) document.addEventListener(kind, (e) => {
    if (e.target.closest('.asm-panel, .asm-viewer')) window.__moved.push(`${e.propertyName || e.animationName} of ` +
      (e.target.getAttribute('class') || e.target.tagName)); }, true); }"""


def test_nothing_moves_by_itself_for_who_asks_for_less_motion(page: LabPage) -> None:
    """Every button of the camera jumps; a click beside a slider's handle moves it at once; at rest nothing is drawn."""
    page.evaluate("panel.viewer.name_bones('none')")  # names that find room follow the camera a moment later
    page.scroll_to_cell(2)
    page.show(PANEL)
    page.page.evaluate(MOVED)
    track = page.page.locator(f"{PANEL} .asm-controls .noUi-base").nth(4)
    moved = {}
    for motion in ("no-preference", "reduce"):
        page.page.emulate_media(reduced_motion=motion)
        page.page.evaluate("() => { window.__moved = []; }")
        box = track.bounding_box()
        for share in (0.2, 0.7):
            page.page.mouse.click(box["x"] + share * box["width"], box["y"] + box["height"] / 2)
            page.page.wait_for_timeout(400)
        for words in ("Left", "Front", "+", "Reset"):
            button = page.page.locator(f"{PANEL} .asm-bar button", has_text=words).first
            button.hover()
            button.click()
        page.page.wait_for_timeout(500)
        moved[motion] = page.page.evaluate("() => window.__moved")
    assert moved["reduce"] == []
    assert any("noUi" in one for one in moved["no-preference"]), "the test sees what moves"
    # one key press, one new picture: the camera is not flown there
    before = page.page.evaluate("() => window.__gpu.drawn")
    page.page.wait_for_timeout(400)
    assert page.page.evaluate("() => window.__gpu.drawn") == before, "drawn again at rest"
    page.page.evaluate(
        """(selector) => { const canvas = document.querySelector(selector + ' canvas'); window.__pictures = [];
          const look = () => { if (!window.__looking) return;
            const now = canvas.toDataURL(), seen = window.__pictures;
            if (now !== seen[seen.length - 1]) seen.push(now);
            requestAnimationFrame(look); };
          window.__looking = true; look(); }""",
        PANEL,
    )
    page.page.locator(f"{PANEL} .asm-bar button", has_text="Left").first.click()
    wait_for(page, f"{PANEL} .asm-status", "left view")
    page.page.wait_for_timeout(500)
    urls = page.page.evaluate("() => { window.__looking = false; return window.__pictures; }")
    page.page.emulate_media(reduced_motion="no-preference")
    pictures = [decoded(url).astype(float) for url in urls]
    # each is the view before or the view after, and none lies between
    steps = [float(np.abs(a - b).mean()) for a, b in zip(pictures, pictures[1:], strict=False)]
    assert sum(step > 0.5 for step in steps) == 1, steps
    assert page.problems() == []


def test_closed_while_it_runs_and_a_kernel_that_starts_anew(page: LabPage) -> None:
    """Neither leaves an error on the page. The last test: it ends the kernel that all share."""
    page.evaluate("late = FitWatcher(asm.fit_scan, few, head.sample(6), steps=4000)")
    page.evaluate("import time\nwhile not late._run.history: time.sleep(0.05)\nwatcher.close(); late.close()")
    page.page.wait_for_function("(s) => document.querySelectorAll(s).length === 0", arg=FIT)
    assert page.evaluate("late.wait(20); print(late.state)").strip() == "stopped"
    assert page.problems() == []
    page.evaluate("seen.start()")
    page.page.evaluate(
        "() => (window.jupyterapp || window.jupyterlab).shell.currentWidget.sessionContext.session.kernel.restart()"
    )
    page.scroll_to_cell(4)
    page.show(SEEN)
    assert page.evaluate("print('late' in globals())").strip() == "False"
    assert (page.canvas(SEEN)[..., 3] > 0).mean() > 0.1, "the last picture stays"
    assert page.problems() == []
