"""Every widget fits on the screen of a laptop, 1366 x 768, beside JupyterLab's file list; the keys turn a 3D view."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .harness import NO_BROWSER, LabPage, LabServer, chromium, write_notebook

pytestmark = [
    pytest.mark.browser,
    pytest.mark.timeout(400),
    pytest.mark.skipif(chromium() is None, reason=NO_BROWSER),
]

SCREEN = (1366, 768)
HIGH = 645  # pixels: of a notebook between JupyterLab's bars
BEGIN = """
import json

import asm_teach as asm
from asm_teach.data.assets import data_dir
from asm_teach.widgets import (
    BindingExplorer, BonePanel, FitWatcher, PinholeView, ShortcutExplorer, Viewer, WeightExplorer,
)
head = asm.load_head()
model = asm.AdaptiveSkinningModel(head.mesh, head.rig)
"""
WIDGETS = {
    "Viewer": 'Viewer(head.mesh, colour="texture")',
    "BonePanel": 'BonePanel(model, Viewer(head.mesh, weights=model.weights(), width=520, height=420), bone="chin")',
    "WeightExplorer": 'WeightExplorer(model, bone="chin")',
    "BindingExplorer": 'BindingExplorer(model, bone="nose_tip")',
    "FitWatcher": "FitWatcher(asm.fit_scan, model, head.sample(1), start=False)",
    "PinholeView": "PinholeView(head)",
    "ShortcutExplorer": "ShortcutExplorer(json.loads((data_dir() / 'shortcuts.json').read_text()))",
}


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabPage]:
    folder = tmp_path_factory.mktemp("sizes")
    write_notebook(folder / "widgets.ipynb", [BEGIN, *WIDGETS.values()])
    with LabServer(folder) as server, LabPage(server, SCREEN) as opened:
        opened.open("widgets.ipynb")
        opened.run_all()
        opened.page.wait_for_timeout(3000)
        yield opened


def shown(page: LabPage, name: str) -> dict[str, float]:
    """The box of a widget's output, in pixels, and how far its contents reach."""
    number = 1 + list(WIDGETS).index(name)
    page.scroll_to_cell(number)
    page.page.wait_for_timeout(500)
    return page.page.evaluate(
        """(n) => { const cell = document.querySelectorAll('.jp-Notebook .jp-Cell')[n];
          const out = cell.querySelector('.jp-OutputArea-output .jupyter-widgets'), box = out.getBoundingClientRect();
          const inner = [...out.querySelectorAll('canvas, button, svg, select, input, .noUi-base, .asm-said')]
            .filter((e) => e.getClientRects().length).map((e) => e.getBoundingClientRect());
          const room = cell.querySelector('.jp-OutputArea').getBoundingClientRect();
          const right = Math.max(...inner.map((b) => b.right)) - room.left;
          return {height: box.height, right, room: room.width}; }""",
        number,
    )


@pytest.mark.parametrize("name", WIDGETS)
def test_a_widget_fits_a_laptop_beside_the_file_list(page: LabPage, name: str) -> None:
    found = shown(page, name)
    print(f"{name}: {found['height']:.0f} px high, reaches {found['right']:.0f} of {found['room']:.0f} px")
    assert 200 < found["height"] <= HIGH
    assert found["right"] <= found["room"]


def test_the_keys_turn_a_view_and_a_slider_is_one_tab_stop(page: LabPage) -> None:
    page.scroll_to_cell(1)
    canvas = page.page.locator(".asm-stage canvas").first
    canvas.focus()
    said = page.page.locator(".asm-status").first
    page.page.keyboard.press("ArrowRight")
    page.page.wait_for_function(
        "() => document.querySelector('.asm-status').innerText.includes('seen from 10°')", timeout=20_000
    )
    page.page.keyboard.press("Home")
    page.page.wait_for_function("() => document.querySelector('.asm-status').innerText.includes('front view')")
    assert "front view" in said.inner_text()
    stops = page.page.evaluate(
        """() => [...document.querySelectorAll('.asm-controls .widget-hslider')]
          .map((row) => [...row.querySelectorAll('*')].filter((e) => e.tabIndex >= 0).length)"""
    )
    assert stops and set(stops) == {1}
    assert page.problems() == []
