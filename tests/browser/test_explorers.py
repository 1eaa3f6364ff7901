"""A person drags Gaussians and places bones, by mouse and by keyboard alone, in JupyterLab on the whole head.

With ASM_TEACH_PICTURES=docs/images the run also renews weight_explorer.webp and binding_explorer.webp there.
"""

from __future__ import annotations

import io
import json
import math
from typing import Any

import numpy as np
import pytest
from PIL import Image

from asm_teach.data.heads import load_head
from asm_teach.drawing import still

from .conftest import Opener
from .harness import NO_BROWSER, LabPage, chromium, keep_picture

pytestmark = [
    pytest.mark.browser,
    pytest.mark.timeout(240),
    pytest.mark.skipif(chromium() is None, reason=NO_BROWSER),
]

CELLS = [
    """
import asm_teach as asm
from asm_teach.widgets import BindingExplorer, WeightExplorer

head = asm.load_head("makehuman")
model = asm.AdaptiveSkinningModel(head.mesh, head.rig, components=2)
weight = WeightExplorer(model, bone="jaw_L")
weight
""",
    """
placed = asm.AdaptiveSkinningModel(head.mesh, head.rig, components=2)
binding = BindingExplorer(placed, bone="cheek_L")
binding
""",
]
# What the kernel holds.
TELL = """
import json
def _tell(explorer):
    m, j = explorer.model, explorer.bone
    print(json.dumps({
        "bone": j, "zeta": m.bone_uv[j].tolist(), "mean": m.mixture_mean[j].tolist(),
        "factor": m.mixture_factor[j].tolist(), "palette": explorer.chart.palette,
        "weights": m.weights()[::5, j].tolist(), "uv": m.uv[::5].tolist(),
        "done": explorer.chart.done, "text": explorer.text, "pivot": m.bind_points()[j].tolist()}))
"""


@pytest.fixture(scope="module")
def lab(open_cells: Opener) -> LabPage:
    """One page with both explorers in it."""
    page = open_cells("explorers.ipynb", CELLS, size=(1400, 1250))
    page.evaluate(TELL)
    return page


def tell(page: LabPage, name: str) -> dict[str, Any]:
    return json.loads(page.evaluate(f"_tell({name})"))


def handle(page: LabPage, index: int, name: str) -> Any:
    return page.page.locator(".asm-chart").nth(index).locator(f'[data-id="{name}"]')


def middle(element: Any) -> tuple[float, float]:
    # the transparent circle of a grip; the group's own box would hold its label too
    box = element.locator(".asm-touch").bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def drag(page: LabPage, element: Any, right: float, down: float) -> tuple[np.ndarray, np.ndarray]:
    """Drag by pixels, quickly, in 12 moves; where it began and ended, with y upwards."""
    x, y = middle(element)
    page.page.mouse.move(x, y)
    page.page.mouse.down()
    for step in range(1, 13):
        page.page.mouse.move(x + right * step / 12, y + down * step / 12)
    page.page.mouse.up()
    return np.array([x, -y]), np.array([x + right, -y - down])


def settle(page: LabPage, index: int) -> None:
    """Until the kernel has answered all that was dragged, and the browser has drawn the answer."""
    page.page.wait_for_function(
        "(i) => document.querySelectorAll('.asm-chart svg')[i].getAttribute('aria-busy') !== 'true'", arg=index
    )
    page.page.evaluate("() => new Promise((f) => requestAnimationFrame(() => requestAnimationFrame(f)))")


def hears(page: LabPage, index: int, words: str) -> None:
    """Wait until the read-out of an explorer says these words."""
    page.page.wait_for_function(
        "([i, words]) => document.querySelectorAll('.asm-explorer')[i].innerText.includes(words)", arg=[index, words]
    )


def ellipse(page: LabPage, k: int) -> dict[str, float]:
    """An ellipse as it is drawn, in pixels of the chart."""
    return page.page.evaluate(
        """(k) => { const g = document.querySelectorAll('.asm-chart')[0].querySelectorAll('.asm-ellipse')[k];
          const line = g.querySelector('.asm-line'), turn = /translate\\((.*) (.*)\\) rotate\\((.*)\\)/;
          const [, x, y, degrees] = turn.exec(line.parentNode.getAttribute('transform'));
          return {x: +x, y: +y, degrees: +degrees, rx: +line.getAttribute('rx'), ry: +line.getAttribute('ry')}; }""",
        k,
    )


def stage(page: LabPage, index: int) -> dict[str, float]:
    return page.show(".asm-chart svg", index).bounding_box()


def on_chart(page: LabPage, index: int, uv: list[float], window: tuple[float, float, float]) -> tuple[float, float]:
    """Pixels of the page for a place of the chart, for the window (u, v, span) that is seen."""
    box = stage(page, index)
    u, v, span = window
    return box["x"] + ((uv[0] - u) / span + 0.5) * box["width"], box["y"] + (0.5 - (uv[1] - v) / span) * box["height"]


def painted(page: LabPage, uv: np.ndarray) -> np.ndarray:
    """The colours (n, 4) of the first chart's triangles in the pixels of places (n, 2)."""
    at = np.stack([(uv[:, 0] - 0.5) / 1.04 + 0.5, 0.5 - (uv[:, 1] - 0.5) / 1.04], 1)
    data = page.page.evaluate(
        """(at) => { const c = document.querySelector('.asm-chart-colours'), n = c.width;
          const data = c.getContext('2d').getImageData(0, 0, n, n).data;
          const pixel = (x, y) => 4 * (Math.floor(y * n) * n + Math.floor(x * n));
          return at.map(([x, y]) => [0, 1, 2, 3].map((c) => data[pixel(x, y) + c])); }""",
        at.tolist(),
    )
    return np.array(data)


def photograph(page: LabPage, index: int) -> np.ndarray:
    shot = page.show(".asm-explorer .jupyter-threejs canvas", index).screenshot()
    return np.asarray(Image.open(io.BytesIO(shot)).convert("RGB")).astype(int)


def active_cell(page: LabPage) -> int:
    return page.page.evaluate(
        "() => (window.jupyterapp || window.jupyterlab).shell.currentWidget.content.activeCellIndex"
    )


def check_that_the_drawing_is_the_model(page: LabPage, told: dict[str, Any], k: int) -> None:
    """Ellipse and colours on the screen against the parameters in the kernel."""
    size, seen = stage(page, 0)["width"], ellipse(page, k)
    per_unit = size / 1.04
    a, b, c = told["factor"][k]
    factor = np.array([[math.exp(a), 0], [b, math.exp(c)]])
    angle = -math.radians(seen["degrees"])
    turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    sigma = turn @ np.diag([(seen["rx"] / per_unit) ** 2, (seen["ry"] / per_unit) ** 2]) @ turn.T
    np.testing.assert_allclose(sigma, factor @ factor.T, rtol=1e-3, atol=1e-6)
    centre = np.add(told["zeta"], told["mean"][k])
    expected = size / 2 + (centre - 0.5) * [per_unit, -per_unit]
    np.testing.assert_allclose([seen["x"], seen["y"]], expected, atol=0.05)
    # the pixel over a vertex has the colour of its weight
    drawn = painted(page, np.array(told["uv"]))
    there = drawn[:, 3] == 255
    expected = np.array(told["palette"])[np.round(254 * np.array(told["weights"])).astype(int)]
    error = np.abs(drawn[:, :3] - expected).max(axis=1)[there]
    assert there.mean() > 0.9
    assert np.median(error) <= 2
    assert np.mean(error > 25) < 0.02  # a pixel holds more than its vertex


def test_gaussians_are_dragged_and_moved_by_keyboard(lab: LabPage) -> None:
    lab.show(".asm-chart")
    lab.page.wait_for_timeout(500)
    first, face = tell(lab, "weight"), photograph(lab, 0)
    lab.show(".asm-chart")
    # the model was not changed by being shown: sliders round what they are given
    assert first["zeta"] == json.loads(lab.evaluate("print(head.rig.uv[head.rig.index('jaw_L')].tolist())"))
    check_that_the_drawing_is_the_model(lab, first, 0)

    # stretch: the width grows with the distance of the grip from the centre
    centre = np.array(middle(handle(lab, 0, "e0:centre"))) * [1, -1]
    begin, end = drag(lab, handle(lab, 0, "e0:along"), 60, 0)
    settle(lab, 0)
    told = tell(lab, "weight")
    times = (end - centre)[0] / (begin - centre)[0]
    assert math.exp(told["factor"][0][0]) == pytest.approx(times * math.exp(first["factor"][0][0]), rel=0.01)
    check_that_the_drawing_is_the_model(lab, told, 0)
    # turn, and shift
    begin, end = drag(lab, handle(lab, 0, "e0:turn"), -20, -60)
    settle(lab, 0)
    angle = [math.atan2(*(one - centre)[::-1]) for one in (begin, end)]
    assert ellipse(lab, 0)["degrees"] == pytest.approx(-math.degrees(angle[1] - angle[0]), abs=1)
    drag(lab, handle(lab, 0, "e0:centre"), -30, -20)
    settle(lab, 0)
    told, per_unit = tell(lab, "weight"), stage(lab, 0)["width"] / 1.04
    np.testing.assert_allclose(told["mean"][0], [-30 / per_unit, 20 / per_unit], atol=0.5 / per_unit)
    check_that_the_drawing_is_the_model(lab, told, 0)
    assert told["done"] <= 3 * 12, "moves between two answers are sent as one"
    # the bone takes its Gaussians along
    drag(lab, handle(lab, 0, "bone"), 0, 40)
    settle(lab, 0)
    moved = tell(lab, "weight")
    np.testing.assert_allclose(np.subtract(moved["zeta"], told["zeta"]), [0, -40 / per_unit], atol=0.5 / per_unit)
    assert moved["mean"] == told["mean"]
    check_that_the_drawing_is_the_model(lab, moved, 0)
    assert (np.abs(photograph(lab, 0) - face).max(axis=2) > 15).sum() > 300  # the face follows
    lab.page.mouse.move(2, 2)
    keep_picture(lab.show(".asm-explorer", 0).screenshot(), "weight_explorer.webp")

    # by keyboard alone: from the last button of the chart on by Tab
    cell = active_cell(lab)
    lab.page.locator(".asm-chart-bar button").nth(2).focus()
    names = []
    for _ in range(8):
        lab.page.keyboard.press("Tab")
        names.append(lab.page.evaluate("document.activeElement.getAttribute('data-id')"))
        if names[-1] == "e0:centre":
            break
    assert names[-1] == "e0:centre", names
    assert "Arrow keys move" in lab.page.evaluate("document.activeElement.getAttribute('aria-label')")
    for keys in ["ArrowRight"] * 3 + ["ArrowUp"] + ["Shift+ArrowRight"] * 2 + ["Alt+ArrowLeft"]:
        lab.page.keyboard.press(keys)
    settle(lab, 0)
    after = tell(lab, "weight")
    np.testing.assert_allclose(np.subtract(after["mean"][0], moved["mean"][0]), [0.015, 0.005], atol=1e-6)
    old, new = (np.array([[math.exp(a), 0], [b, math.exp(c)]]) for a, b, c in (moved["factor"][0], after["factor"][0]))
    assert np.linalg.det(new) == pytest.approx(np.linalg.det(old) * math.exp(0.1), rel=1e-4)
    check_that_the_drawing_is_the_model(lab, after, 0)
    said = lab.page.evaluate("document.activeElement.getAttribute('aria-valuetext')")
    assert said == f"u {after['zeta'][0] + after['mean'][0][0]:.4f}, v {after['zeta'][1] + after['mean'][0][1]:.4f}"
    assert active_cell(lab) == cell, "JupyterLab took the arrow keys"
    assert "π 0.80" in lab.page.locator(".asm-explorer-words .asm-status").first.inner_text()

    # a click on the other ellipse chooses it; one beside it asks who holds the place
    spot = lab.page.evaluate(
        """() => { const hit = document.querySelectorAll('.asm-chart .asm-hit')[1], box = hit.getBoundingClientRect();
          for (let turn = 0; turn < 6.28; turn += 0.05) {
            const x = box.x + box.width / 2 * (1 + Math.cos(turn)), y = box.y + box.height / 2 * (1 + Math.sin(turn));
            if (document.elementFromPoint(x, y) === hit) return [x, y];
          } }"""
    )
    lab.page.mouse.click(*spot)
    hears(lab, 0, "Gaussian 2 of 2")
    lab.page.mouse.click(*on_chart(lab, 0, [0.3, 0.3], (0.5, 0.5, 1.04)))
    hears(lab, 0, "At u 0.3")
    assert lab.problems() == []


def test_a_bone_is_placed_by_click_and_keyboard(lab: LabPage) -> None:
    lab.show(".asm-chart", 1)
    lab.page.wait_for_timeout(500)
    first = tell(lab, "binding")
    window = (*first["zeta"], 0.3)
    # a click on the chart
    wanted = [first["zeta"][0] - 0.05, first["zeta"][1] + 0.04]
    lab.page.mouse.click(*on_chart(lab, 1, wanted, window))
    settle(lab, 1)
    told = tell(lab, "binding")
    clicked = told["zeta"]
    np.testing.assert_allclose(clicked, wanted, atol=0.3 / 400)
    assert f"triangle {json.loads(lab.evaluate('print(binding.place.face)'))}" in told["text"]
    status = lab.page.locator(".asm-explorer").nth(1).locator(".asm-explorer-words > .asm-status [role=status]")
    hears(lab, 1, f"at ζ ({clicked[0]:.4f}, {clicked[1]:.4f}): triangle")
    assert "pivot" in status.inner_text() and " mm" in status.inner_text()
    # a drag across several edges tells what the last crossing did, and the cross arrives where the pointer let go
    face = lab.evaluate("print(binding.place.face)")
    drag(lab, handle(lab, 1, "bone"), 70, 25)
    settle(lab, 1)
    told, per_unit = tell(lab, "binding"), stage(lab, 1)["width"] / 0.3
    assert lab.evaluate("print(binding.place.face)") != face
    np.testing.assert_allclose(told["zeta"], np.add(clicked, [70 / per_unit, -25 / per_unit]), atol=0.6 / per_unit)
    lab.page.get_by_role("button", name="Next triangle").click()
    hears(lab, 1, "The move went from triangle")
    assert lab.page.locator(".asm-plot svg path").count() == 3
    lab.page.mouse.move(2, 2)
    keep_picture(lab.show(".asm-explorer", 1).screenshot(), "binding_explorer.webp")

    # by keyboard alone
    lab.show(".asm-chart", 1)
    before, cell = tell(lab, "binding"), active_cell(lab)
    lab.page.locator(".asm-chart").nth(1).locator(".asm-chart-bar button").nth(2).focus()
    lab.page.keyboard.press("Tab")
    assert lab.page.evaluate("document.activeElement.getAttribute('data-id')") == "bone"
    for key in ["ArrowLeft"] * 4 + ["ArrowDown"]:
        lab.page.keyboard.press(key)
    settle(lab, 1)
    step = float(lab.evaluate("print(binding.chart.step)"))
    np.testing.assert_allclose(np.subtract(tell(lab, "binding")["zeta"], before["zeta"]), [-4 * step, -step], atol=1e-6)
    assert active_cell(lab) == cell

    # a click on the face: the pivot is where the pointer was
    canvas = lab.show(".asm-explorer .jupyter-threejs canvas", 1).bounding_box()
    x, y = 0.58 * canvas["width"], 0.62 * canvas["height"]
    lab.page.mouse.click(canvas["x"] + x, canvas["y"] + y)
    lab.page.wait_for_timeout(600)
    picked = tell(lab, "binding")
    eye = still.look(load_head("makehuman").mesh.vertices, "front", (round(canvas["width"]), round(canvas["height"])))
    np.testing.assert_allclose(eye.screen([picked["pivot"]])[0, :2], [x, y], atol=2)
    assert picked["zeta"] != before["zeta"]
    # off the chart: outside of its rim
    lab.show(".asm-chart", 1)
    lab.page.locator(".asm-chart").nth(1).locator(".asm-chart-bar button").nth(2).click()
    lab.page.mouse.click(*on_chart(lab, 1, [0.02, 0.02], (0.5, 0.5, 1.04)))
    hears(lab, 1, "off the chart")
    assert lab.problems() == []
    # closed, it leaves the page without a complaint
    lab.evaluate("binding.close()")
    lab.page.wait_for_function("() => document.querySelectorAll('.asm-chart').length === 1")
    assert lab.problems() == []
