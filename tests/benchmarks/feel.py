"""How the widgets feel in a browser: python tests/benchmarks/feel.py. Prints one table; takes about three minutes.

All in headless Chromium without a graphics card, through a real JupyterLab and kernel, with the embedded head of 4,165
vertices and 84 bones. The figures depend on what else the machine does: the load at the start is printed with them.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path

import nbformat
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from asm_teach.widgets import Playground
from tests.browser.harness import NO_BROWSER, LabPage, LabServer, chromium, write_notebook
from tests.browser.playground_page import Page, launched

START = Path(__file__).resolve().parents[2] / "notebooks" / "00_start_here.ipynb"
PRESSES, DRAG_SECONDS, ROUNDS = 60, 3.0, 25
HEAD = """
import asm_teach as asm
from asm_teach.widgets import BonePanel, Viewer
head = asm.load_head("makehuman")
model = asm.AdaptiveSkinningModel(head.mesh, head.rig)
weights = model.weights().detach()
"""
PANEL = 'panel = BonePanel(model, Viewer(head.mesh, weights=weights), bone="nose_tip")\npanel'
ROUND = """
import gc, psutil
for _ in range({count}):
    view = Viewer(head.mesh, weights=weights, colour="uv", bones=head.rig.positions)
    view.update(head.mesh.vertices + 1)
    view.close()
del view
print(1)
"""
RESIDENT = "gc.collect(); print(psutil.Process().memory_info().rss / 2**20)"
READING = 3000  # ms between an idle kernel and the first cell that a person runs
SENT = 4000  # ms in which the messages of all rounds have left the kernel


def opening(page: LabPage) -> float:
    """Seconds from running the cells, in an idle kernel that has loaded nothing, to the first picture."""
    page.page.evaluate("window.__gpu.drawn = 0")
    start = page.page.evaluate("performance.now()")
    page.run_all()
    page.show(".asm-panel canvas")
    page.page.wait_for_function("window.__gpu.drawn > 0")
    return (page.page.evaluate("window.__gpu.drawn") - start) / 1000


def lesson(path: Path) -> None:
    """The start notebook up to its first cell of code, which shows a face."""
    notebook = nbformat.read(START, as_version=4)
    first = next(i for i, cell in enumerate(notebook.cells) if cell.cell_type == "code")
    notebook.cells = notebook.cells[: first + 1]
    nbformat.write(notebook, path)


def shader() -> list[tuple[str, str, str]]:
    """Rows for the playground, where no kernel takes part: a bone that moves, and weights that change."""
    rows = []
    with tempfile.TemporaryDirectory() as folder, launched() as browser:
        file = Path(folder) / "page.html"
        Playground().save(file)
        page = Page(browser, file)
        for slider, what in (("nose_depth", "a motion"), ("nose_reach", "a reach")):
            shown = np.median(page.press_times(slider, PRESSES)["shown"])
            rows.append((f"playground: key press to picture, {what}, median", f"{shown:.1f} ms", "12 ms"))
    return rows


def presses(page: LabPage) -> np.ndarray:
    """Milliseconds from each key press on a slider to the first picture of the new shape."""
    page.page.locator(".asm-controls [role=slider]").first.focus()
    page.page.keyboard.press("ArrowRight")  # the first is slow: the browser and the kernel warm up
    page.page.wait_for_timeout(1000)
    found = []
    for i in range(PRESSES):
        page.page.evaluate("window.__gpu.answers.length = 0")
        page.page.keyboard.press("ArrowRight" if i % 20 < 10 else "ArrowLeft")
        page.page.wait_for_function("window.__gpu.answers.length > 0", polling=50)
        found.append(page.page.evaluate("window.__gpu.answers[0][1]"))
        page.page.wait_for_timeout(150)
    return np.array(found)


def drag(page: LabPage) -> tuple[float, float, int]:
    """Drag a slider: the longest time between two pictures, from the last move to the last one, ms; and how many.

    A picture is never older than that longest wait. The last shape on the graphics card is compared with the kernel's.
    """
    handle = page.page.locator(".asm-controls [role=slider]").nth(1)
    box = handle.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.page.evaluate("window.__gpu.answers.length = 0")
    page.page.mouse.move(x, y)
    page.page.mouse.down()
    start, step = time.monotonic(), 0
    began = page.page.evaluate("performance.now()")
    end = began
    while time.monotonic() - start < DRAG_SECONDS:
        step += 1
        end = page.page.evaluate("performance.now()")
        page.page.mouse.move(x + 50 * np.sin(step / 6), y)
        page.page.wait_for_timeout(8)
    page.page.mouse.up()
    page.page.wait_for_timeout(1000)
    times = np.array([began, *(answer[0] for answer in page.page.evaluate("window.__gpu.answers"))])
    told = page.evaluate("print(*panel.viewer.vertices[:2].ravel())").split()
    drawn = page.drawn_positions(len(page_vertices(page)))[:2].ravel()
    np.testing.assert_allclose(drawn, np.array(told, dtype=float), atol=1e-4)
    gaps = np.diff(times[times <= end])
    return float(gaps.max(initial=0)), float(max(0.0, times[-1] - end)), len(times) - 1


def page_vertices(page: LabPage) -> range:
    """The vertices of the head on show."""
    return range(int(page.evaluate("print(len(head.mesh.vertices))")))


def memory(page: LabPage) -> float:
    """MiB by which rounds of opening, moving and closing a view let the kernel grow, after some to warm up."""
    resident = []
    for count in (3, ROUNDS):
        page.evaluate(ROUND.format(count=count), timeout=240)
        page.page.wait_for_timeout(SENT)
        resident.append(float(page.evaluate(RESIDENT, timeout=60)))
    return resident[1] - resident[0]


def main() -> None:
    """Measure, and print the table."""
    if chromium() is None:
        sys.exit(NO_BROWSER)
    rows: list[tuple[str, str, str]] = []
    print(f"load of the machine at the start: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    with tempfile.TemporaryDirectory() as folder:
        write_notebook(Path(folder) / "feel.ipynb", (HEAD, PANEL))
        lesson(Path(folder) / "lesson.ipynb")
        for ahead, how in ((True, "`asm-teach lab`"), (False, "plain JupyterLab")):
            with LabServer(folder, ahead=ahead) as server, LabPage(server) as page:
                page.open("lesson.ipynb")
                page.page.wait_for_timeout(READING)
                rows.append((f"idle kernel to the first face of lesson 0, {how}", f"{opening(page):.1f} s", "3 s"))
        with LabServer(folder) as server, LabPage(server) as page:
            page.open("feel.ipynb")
            page.page.wait_for_timeout(2000)
            opening(page)
            page.page.wait_for_timeout(2000)
            found = presses(page)
            rows.append(("key press on a slider to picture, median", f"{np.median(found):.0f} ms", "45 ms"))
            rows.append(("the same, 90 of 100 are faster", f"{np.percentile(found, 90):.0f} ms", ""))
            longest, after, count = drag(page)
            rows.append((f"drag, {DRAG_SECONDS:.0f} s, {count} pictures: longest wait", f"{longest:.0f} ms", "300 ms"))
            rows.append(("drag: last move to its picture", f"{after:.0f} ms", "300 ms"))
            rows.append((f"{ROUNDS} rounds of open and close", f"{memory(page):+.1f} MiB", "50 MB"))
            problems = page.problems()
    rows += shader()
    for what, figure, bar in rows:
        print(f"{what:60s} {figure:>10s}   bar {bar}" if bar else f"{what:60s} {figure:>10s}")
    if problems:
        sys.exit("problems on the page: " + "; ".join(problems))


if __name__ == "__main__":
    main()
