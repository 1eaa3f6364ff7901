"""The page of many heads in a browser: 400 of them scroll, sort and filter, by the keyboard too."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from asm_teach.many_heads.manifest import MANIFEST, Entry
from asm_teach.many_heads.report import TILE, write_report

from .playground_page import NEEDS_BROWSER, launched
from .test_site import check_site

pytestmark = NEEDS_BROWSER


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of 400 heads, whose pictures are plain."""
    folder = tmp_path_factory.mktemp("many") / "fits"
    (folder / "report").mkdir(parents=True)
    entries = []
    for n in range(400):
        status = "refused" if n % 40 == 7 else "fitted"
        entry = Entry(
            name=f"head{n}", source=f"scans/head{n}.ply", key=str(n), status=status, seconds=10 + n % 7,
            mm=0.4 + (n * 37 % 400) / 500 if status == "fitted" else None,
            sentence="" if status == "fitted" else "no face was found in it",
            notes=("The file is taken to be in metres.",) if n % 3 == 0 and status == "fitted" else (),
        )  # fmt: skip
        entries.append(json.dumps(asdict(entry)))
        if status == "fitted":
            (folder / f"head{n}.npz").write_bytes(b"")
            Image.effect_noise((3 * TILE[0], TILE[1]), n % 90 + 10).save(folder / f"report/head{n}.webp")
    (folder / MANIFEST).write_text("\n".join(entries) + "\n")
    write_report(folder)
    return folder


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with launched() as running:
        yield running


def shown(page: Any) -> list[str]:
    return page.evaluate(
        "() => [...document.querySelectorAll('#heads > li:not([hidden]) h2')].map((e) => e.textContent)"
    )


def test_the_page_keeps_the_rules_of_the_site(many: Path) -> None:
    """Those of axe in the light and in the dark, the width of a phone, and nothing from elsewhere."""
    assert check_site.read_links(many) == ([], set())
    assert check_site.open_pages(many, None) == []


def test_a_person_sorts_and_filters_by_keyboard(many: Path, browser: Any) -> None:
    page = browser.new_page(viewport={"width": 1200, "height": 800})
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto((many / "report.html").as_uri())
    page.wait_for_timeout(500)
    pictures = [url for url in asked if url.endswith(".webp")]
    assert 3 <= len(pictures) < 60  # those in sight, and some ahead
    seen = "filter((e) => e.checkVisibility({contentVisibilityAuto: true})).length"
    visible = f"() => [...document.querySelectorAll('#heads img')].{seen}"
    assert page.evaluate(visible) < 60  # the others are not laid out
    page.keyboard.press("Tab")
    page.keyboard.type("metres head1")
    assert shown(page)[0] == "head12" and all(name.startswith("head1") for name in shown(page))
    assert page.locator("output").inner_text() == f"{len(shown(page))} of 400 shown"
    page.keyboard.press("Control+A")
    page.keyboard.press("Delete")
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowDown")
    names = shown(page)
    errors = page.evaluate("() => [...document.querySelectorAll('#heads > li')].map((e) => Number(e.dataset.mm))")
    assert len(names) == 400 and errors == sorted(errors, reverse=True)
    page.keyboard.press("Tab")
    page.keyboard.press("Space")  # hides what is fitted
    assert len(shown(page)) == 10 and "no face was found" in page.locator("#heads").text_content()
    page.close()


@pytest.mark.timing
def test_four_hundred_heads_scroll_and_sort_without_a_stutter(many: Path, browser: Any) -> None:
    page = browser.new_page(viewport={"width": 1200, "height": 800})
    page.goto((many / "report.html").as_uri())
    gaps = page.evaluate(
        """async () => {
          const next = () => new Promise(requestAnimationFrame), gaps = [];
          let before = await next();
          for (let n = 0; n < 120; n++) {
            scrollBy(0, 120);
            const now = await next();
            gaps.push(now - before);
            before = now;
          }
          return gaps;
        }"""
    )
    sorting = page.evaluate(
        """() => {
          const before = performance.now(), order = document.querySelector('select');
          order.value = 'mm';
          order.dispatchEvent(new Event('change'));
          document.body.getBoundingClientRect();
          return performance.now() - before;
        }"""
    )
    print(
        f"frames while scrolling: median {np.median(gaps):.0f} ms, P95 {np.percentile(gaps, 95):.0f} ms; "
        f"sorting {sorting:.0f} ms"
    )
    assert np.median(gaps) < 34 and np.percentile(gaps, 95) < 100 and sorting < 100
    page.close()
