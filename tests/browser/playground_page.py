"""The page of the finished model in a browser, as tests handle it."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import asm_teach as asm
from asm_teach.model.adaptive import AdaptiveSkinningModel
from asm_teach.widgets.playground.page import write_page
from asm_teach.widgets.playground.people import new_model

from .harness import _FLAGS, NO_BROWSER, chromium

NEEDS_BROWSER = [
    pytest.mark.browser,
    pytest.mark.timeout(300),
    pytest.mark.skipif(chromium() is None, reason=NO_BROWSER),
]


class Page:
    """The page in a browser, and all that it complained about or asked for."""

    STARTED = "() => window.playground && window.playground.ready"

    def __init__(
        self, browser: Any, file: Path, width: int = 1400, height: int = 900, fragment: str = "", **options: Any
    ) -> None:
        self.context = browser.new_context(viewport={"width": width, "height": height}, **options)
        self.page = self.context.new_page()
        self.trouble: list[str] = []
        self.asked: list[str] = []
        self.page.on("console", lambda m: self.trouble.append(m.text) if m.type == "error" else None)
        self.page.on("pageerror", lambda e: self.trouble.append(str(e)))
        self.page.on("request", lambda r: self.asked.append(r.url))
        self.page.goto(file.as_uri() + (f"#{fragment}" if fragment else ""))
        self.page.wait_for_function(self.STARTED, timeout=60_000)

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

    def press_times(self, slider: str, presses: int) -> dict[str, list[float]]:
        """Milliseconds from each press of a key on a slider: `asked` until the draw call, `shown` until the picture."""
        self.page.click("#reset")
        self.page.wait_for_timeout(600)
        self.page.locator(f"#s_{slider}").focus()
        self.js(
            """(id) => { window.took = {asked: [], shown: []}; let pressed = 0;
              const gl = playground.face.gl, pixel = new Uint8Array(4), slider = document.getElementById(id);
              addEventListener('keydown', () => { pressed = performance.now(); }, true);
              slider.addEventListener('input', () => {  // after the page's own listener, which draws
                took.asked.push(performance.now() - pressed);
                gl.readPixels(0, 0, 1, 1, gl.RGBA, gl.UNSIGNED_BYTE, pixel);  // waits for the picture
                took.shown.push(performance.now() - pressed); }); }""",
            f"s_{slider}",
        )
        for press in range(presses):
            self.page.keyboard.press("ArrowRight" if press % 20 < 10 else "ArrowLeft")
        return self.js("() => took")

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


@pytest.fixture(scope="session")
def model() -> AdaptiveSkinningModel:
    return new_model(asm.load_head("makehuman"))


@pytest.fixture(scope="session")
def file(model: AdaptiveSkinningModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / "playground.html"
    path.write_text(write_page(model), "utf-8")
    return path


@contextmanager
def launched() -> Iterator[Any]:
    """A browser for pages without a kernel."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=chromium(), args=_FLAGS, headless=True, timeout=60_000)
        yield running
        running.close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with launched() as running:
        yield running


@pytest.fixture(scope="module")
def page(browser: Any, file: Path) -> Iterator[Page]:
    opened = Page(browser, file)
    yield opened
    opened.context.close()
