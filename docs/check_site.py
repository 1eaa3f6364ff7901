"""Is the built site whole? Reads every page for links that point nowhere, then opens the pages without a network.

    python docs/check_site.py [build/site] [--shots FOLDER]
    python docs/check_site.py build/slides

The browser (Chromium, headless) can reach this machine alone. A page fails when it asks for anything else or for
something that is not there, complains in the console, is wider than the window, shows a broken picture or an equation
that is not set, breaks a rule of WCAG 2.2 AA that axe can check, or would be cut off in print. All pages are opened as
on a phone (390 px), and a few, one of each kind, as on a desk too; their contrast is checked in the light and in the
dark. Slides are opened as on a projector and gone through, and fail where one is empty or does not fit. Links to other
sites are listed, not fetched.
"""

from __future__ import annotations

import argparse
import re
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from html.parser import HTMLParser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urldefrag, urlsplit

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "browser"))

from axe_playwright_python.base import AXE_SCRIPT  # noqa: E402
from harness import _FLAGS, _LOCAL, NO_BROWSER, chromium  # noqa: E402

PHONE, DESK, PROJECTOR = (390, 844), (1366, 768), (1280, 720)
BROWSERS = 2  # as many as a small machine has cores
LEAST = 0.7  # smaller than this, nobody reads it from the last row
LIVE = "playground.html"  # a page that Sphinx did not write
START = "docs/index.html"  # which shows a face first, then the playground
LESSON = re.compile(r"notebooks/(\d\d\w?)_")
LOADS = {"script": "src", "img": "src", "iframe": "src", "source": "src", "video": "src", "audio": "src"}
OUTSIDE = re.compile(r"^(https?:)?//")
PAPER = (680, 960)  # what a browser leaves of A4, in px
WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]

_FAULTS = """() => {
  const found = [];
  const wide = document.scrollingElement.scrollWidth;
  if (wide > innerWidth + 1) {
    const most = [...document.querySelectorAll('body *')].map((e) => [e.getBoundingClientRect().right, e])
      .sort((a, b) => b[0] - a[0])[0][1];
    found.push(`is ${wide} px wide in a window of ${innerWidth}: ${most.outerHTML.slice(0, 120)}`);
  }
  for (const image of document.images) {
    const broken = image.complete && !image.naturalWidth && image.offsetParent;
    if (broken) found.push('broken picture: ' + image.src.slice(0, 80));
  }
  for (const e of document.querySelectorAll('mjx-merror, [data-mjx-error]')) {
    found.push('equation: ' + (e.getAttribute('data-mjx-error') || e.textContent).slice(0, 120));
  }
  for (const e of document.querySelectorAll('.math')) {
    if (!e.querySelector('mjx-container')) found.push('equation that is not set: ' + e.textContent.slice(0, 80));
  }
  return found;
}"""

# seconds from the start of the page until its largest picture so far is on the screen; null where none is
_FIRST_FACE = """() => new Promise((done) => {
  new PerformanceObserver((list) => {
    const face = list.getEntries().findLast((entry) => entry.element?.tagName === 'IMG');
    done(face ? face.startTime / 1000 : null);
  }).observe({type: 'largest-contentful-paint', buffered: true});
  setTimeout(() => done(null), 2000);
})"""

# how many screens down the first picture begins; null where there is none
_FIRST_PICTURE = """() => {
  const first = [...document.querySelectorAll('article img, article svg')]
    .map((e) => e.getBoundingClientRect()).find((box) => box.width > 150);
  return first ? (first.top + scrollY) / innerHeight : null;
}"""

# One line per rule of axe that is broken: its name, how often, and the first place. Contrast is slow to measure, so of
# all text with the same colours and size only the first is looked at.
_AXE = """async ([tags, contrast]) => {
  const seen = new Map();
  if (contrast) {
    for (const e of document.querySelectorAll('body *')) {
      if (![...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim()) || !e.checkVisibility()) continue;
      const style = getComputedStyle(e);
      let behind = e;
      while (behind && getComputedStyle(behind).backgroundColor === 'rgba(0, 0, 0, 0)') behind = behind.parentElement;
      const ground = behind && getComputedStyle(behind).backgroundColor;
      const looks = [style.color, style.fontSize, style.fontWeight, style.opacity, ground].join();
      if (!seen.has(looks)) seen.set(looks, e);
    }
  }
  const rules = {'color-contrast': {enabled: contrast}};
  const only = contrast ? {runOnly: ['color-contrast']} : {runOnly: tags, rules};
  const where = contrast ? {include: [...seen.values()]} : document;
  const found = await axe.run(where, {...only, resultTypes: ['violations']});
  return found.violations.map(
    (rule) => `axe: ${rule.id} in ${rule.nodes.length} places, first ${rule.nodes[0].html.slice(0, 160)}`
  );
}"""

# what scrolls on a screen has no bar on paper; the copy of an equation for screen readers is never seen
_CUT = """() => {
  const wide = document.scrollingElement.scrollWidth;
  const cut = [...document.querySelectorAll('article *')].filter(
    (e) => e.scrollWidth > e.clientWidth + 1 && e.clientWidth && getComputedStyle(e).overflowX !== 'visible'
      && !e.closest('mjx-assistive-mml')
  ).map((e) => `is cut off in print: ${e.outerHTML.slice(0, 120)}`);
  return wide > innerWidth + 1 ? [...cut, `is ${wide} px wide in print, on paper of ${innerWidth}`] : cut;
}"""

# goes through all slides, with all their fragments; the page itself makes smaller what is too high
_SLIDES = """(least) => Reveal.getSlides().flatMap((slide) => {
  const {h, v} = Reveal.getIndices(slide);
  Reveal.slide(h, v, 99);
  const shown = slide.cloneNode(true);
  shown.querySelectorAll('aside, style, script').forEach((e) => e.remove());
  const words = shown.textContent.trim().replace(/\\s+/g, ' ');
  const cell = slide.querySelector('.jp-Cell')?.id.replace(/cell-id=(cell-)?/, ', cell ') || '';
  const name = `slide ${h + 1}.${v + 1}${cell} (${words.slice(0, 40)})`;
  const over = slide.scrollHeight - slide.clientHeight;
  const wide = [...slide.querySelectorAll('.jp-Cell *')].some((e) => e.scrollWidth > e.clientWidth + 2
    && getComputedStyle(e).overflowX === 'auto');
  return [
    !words && !shown.querySelector('img, svg') && `${name}: is empty`,
    over > 2 && `${name}: ${over} px do not fit`,
    over <= 2 && slide.dataset.scale < least && `${name}: fits only at ${Math.round(100 * slide.dataset.scale)} %`,
    wide && `${name}: something is wider than the slide`,
  ].filter(Boolean);
})"""


@dataclass
class Page(HTMLParser):
    """What one page names: its anchors, its links, and what it loads by itself."""

    path: Path
    anchors: set[str] = field(default_factory=set)
    links: list[str] = field(default_factory=list)
    loads: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()
        self.feed(self.path.read_text("utf-8"))

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        """Called for each tag."""
        given = {name: value or "" for name, value in attributes}
        self.anchors |= {given[name] for name in ("id", "name") if given.get(name)}
        if tag == "link" and given.get("href") and given.get("rel") not in ("canonical",):
            self.loads.append(given["href"])
        if tag == "a" and given.get("href"):
            self.links.append(given["href"])
        if LOADS.get(tag) and given.get(LOADS[tag]):
            self.loads.append(given[LOADS[tag]])


def read_links(site: Path) -> tuple[list[str], set[str]]:
    """What is wrong with links and loaded files, and all links that leave the site."""
    pages = {path.resolve(): Page(path) for path in sorted(site.rglob("*.html"))}
    faults, outside = [], set()
    for page in pages.values():
        here = page.path.relative_to(site)
        for target in page.loads:
            if OUTSIDE.match(target):
                faults.append(f"{here}: loads {target}")
        for target in [*page.links, *page.loads]:
            if OUTSIDE.match(target):
                outside.add(target)
                continue
            if urlsplit(target).scheme:
                continue  # mailto:, data:
            file, anchor = urldefrag(target)
            named = (page.path.parent / unquote(urlsplit(file).path)).resolve() if file else page.path.resolve()
            if named.is_dir():
                named /= "index.html"
            if not named.is_file():
                faults.append(f"{here}: {target} is not there")
            elif anchor and named in pages and unquote(anchor) not in pages[named].anchors:
                faults.append(f"{here}: {target}: the page has no such place")
    for sheet in site.rglob("*.css"):
        for target in re.findall(r"url\(\s*['\"]?((?:https?:)?//[^)'\"]+)", sheet.read_text("utf-8")):
            faults.append(f"{sheet.relative_to(site)}: loads {target}")
    return faults, outside


class Quiet(SimpleHTTPRequestHandler):
    """A server that does not print."""

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


def look(browser: Any, base: str, name: str, size: tuple[int, int], dark: bool, shots: Path | None) -> list[str]:
    """Open one page and say what is wrong with it."""
    context = browser.new_context(
        viewport={"width": size[0], "height": size[1]}, color_scheme="dark" if dark else "light", has_touch=dark
    )
    page, faults = context.new_page(), []
    page.on("console", lambda m: faults.append(f"console: {m.text[:300]}") if m.type == "error" else None)
    page.on("pageerror", lambda e: faults.append(f"error: {str(e)[:300]}"))
    page.on("request", lambda r: None if _LOCAL.match(r.url) else faults.append(f"asks for {r.url}"))
    page.on("response", lambda r: faults.append(f"{r.status} for {r.url}") if r.status >= 400 else None)
    page.goto(f"{base}/{name}", wait_until="load", timeout=60_000)
    if name == LIVE:
        page.wait_for_function("() => window.playground && window.playground.ready", timeout=60_000)
    elif page.evaluate("() => !!(window.MathJax && MathJax.startup)"):
        page.evaluate("() => MathJax.startup.promise")
    faults += page.evaluate(_FAULTS)
    if name == START:
        tell_first_faces(page, size)
    if size == PHONE and (lesson := LESSON.match(name)):
        down = {}
        for screen in (DESK, PHONE):
            page.set_viewport_size({"width": screen[0], "height": screen[1]})
            down[screen[0]] = page.evaluate(_FIRST_PICTURE)
        told = ", ".join(f"{'none' if far is None else f'{far:.1f} screens down'} at {w} px" for w, far in down.items())
        print(f"lesson {lesson[1]}: the first picture is {told}")
    if size != PROJECTOR:
        page.evaluate(AXE_SCRIPT)
        faults += page.evaluate(_AXE, [WCAG, False])
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            faults += [f"{fault} ({scheme})" for fault in page.evaluate(_AXE, [WCAG, True])]
    if size == PROJECTOR:
        page.wait_for_function("() => window.Reveal && Reveal.isReady()", timeout=60_000)
        faults += page.evaluate(_SLIDES, LEAST)
    if shots:
        shots.mkdir(parents=True, exist_ok=True)
        page.emulate_media(color_scheme="dark" if dark else "light")
        page.screenshot(path=shots / f"{name.replace('/', '_').removesuffix('.html')}-{size[0]}.png")
    if size == PHONE and name != LIVE:
        page.set_viewport_size({"width": PAPER[0], "height": PAPER[1]})
        page.emulate_media(media="print", color_scheme="light")
        faults += page.evaluate(_CUT)
    context.close()
    return [f"{name} at {size[0]} px: {fault}" for fault in faults]


def tell_first_faces(page: Any, size: tuple[int, int]) -> None:
    """Print how long the start page takes to show its first face, and then the face of the playground."""
    seconds = page.evaluate(_FIRST_FACE)
    shown = "no picture on the first screen" if seconds is None else f"the first face after {seconds:.1f} s"
    frame = page.locator(".live iframe")
    if frame.count():
        began = time.monotonic()
        frame.scroll_into_view_if_needed()
        inside = frame.element_handle().content_frame()
        inside.wait_for_function("() => window.playground && window.playground.ready", timeout=60_000)
        shown += f", that of the playground {time.monotonic() - began:.1f} s after one scrolls to it"
        page.evaluate("() => scrollTo(0, 0)")
    print(f"{START} at {size[0]} px: {shown}")


def open_pages(site: Path, shots: Path | None) -> list[str]:
    """Open the pages from a server on this machine; all that is wrong with them."""
    from playwright.sync_api import sync_playwright

    if chromium() is None:
        return [NO_BROWSER]
    names = [str(path.relative_to(site).as_posix()) for path in sorted(site.rglob("*.html"))]
    names = [name for name in names if not name.startswith("_static/") and name != "index.html"]
    slides = [name for name in names if "Reveal.initialize" in (site / name).read_text("utf-8")]
    desk = [n for n in names if re.search(r"docs/(index|ledger|api_model|glossary)|notebooks/0[58]_|playground", n)]
    jobs = [(name, PHONE, True) for name in names if name not in slides] + [(name, DESK, False) for name in desk]
    jobs += [(name, PROJECTOR, False) for name in slides]
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(site)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    base = f"http://127.0.0.1:{server.server_port}"

    def work(left: list[tuple[str, tuple[int, int], bool]]) -> list[str]:
        found = []
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium(), args=_FLAGS, headless=True, timeout=60_000)
            with suppress(IndexError):
                while True:
                    found += look(browser, base, *left.pop(0), shots)
            browser.close()
        return found

    try:
        faults = work([job for job in jobs if job[0] == START])  # alone: its seconds are measured
        rest = [job for job in jobs if job[0] != START]
        with ThreadPoolExecutor(BROWSERS) as pool:
            for found in pool.map(work, [rest] * BROWSERS):
                faults += found
    finally:
        server.shutdown()
        server.server_close()
    pages = len(names) - len(slides)
    print(
        f"{pages} pages opened at {PHONE[0]} px, {len(desk)} of them at {DESK[0]} px; slides of {len(slides)} lessons"
    )
    return faults


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("site", nargs="?", type=Path, default=ROOT / "build" / "site")
    parser.add_argument("--shots", type=Path, help="a folder for a picture of each page")
    parser.add_argument("--if-browser", action="store_true", help="where there is none, only read the pages")
    given = parser.parse_args()
    if not (given.site / "index.html").is_file():
        print(f"{given.site} holds no site: run `make site` or `make slides`")
        return 2
    faults, outside = read_links(given.site)
    print(f"{len(outside)} links to other sites, not fetched:", *sorted(outside), sep="\n    ")
    if given.if_browser and chromium() is None:
        print(f"the pages were not opened; {NO_BROWSER}")
    else:
        faults += open_pages(given.site, given.shots)
    print(*faults, f"{len(faults)} faults", sep="\n")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
