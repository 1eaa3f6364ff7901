"""What looks after the site and the slides: a page with a fault is found out, and a slide that does not fit.

They are built and checked by `make site` and `make slides`, which need more than the tests do.
"""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from PIL import Image

from .harness import NO_BROWSER, ROOT, chromium

GOOD = (
    '<!doctype html><html lang="en"><head><meta charset="utf-8"><link rel="icon" href="data:,">'
    '<meta name="viewport" content="width=device-width"><title>A page</title></head><body>'
    '<h1 id="top">A page</h1><a href="other.html#there">on</a> <a href="https://example.org">out</a></body></html>'
)


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / "docs" / f"{name}.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


check_site, make_slides = load("check_site"), load("make_slides")


def site(folder: Path, more: str = "") -> Path:
    (folder / "index.html").write_text(GOOD.replace("</body>", f"{more}</body>"), "utf-8")
    (folder / "other.html").write_text(GOOD.replace("top", "there").replace("other.html", ""), "utf-8")
    return folder


# --- what is read


def test_a_whole_site_has_no_faults(tmp_path):
    assert check_site.read_links(site(tmp_path)) == ([], {"https://example.org"})


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ('<a href="nowhere.html">x</a>', "nowhere.html is not there"),
        ('<a href="other.html#elsewhere">x</a>', "no such place"),
        ('<a href="#elsewhere">x</a>', "no such place"),
        ('<img src="missing.png">', "missing.png is not there"),
        ('<script src="https://example.org/a.js"></script>', "loads https://example.org/a.js"),
        ('<link rel="stylesheet" href="//example.org/a.css">', "loads //example.org/a.css"),
    ],
)
def test_a_fault_that_can_be_read_is_found(tmp_path, more, words):
    faults, _ = check_site.read_links(site(tmp_path, more))
    assert len(faults) >= 1
    assert words in faults[0]


def test_a_style_sheet_that_fetches_a_font_is_found(tmp_path):
    (site(tmp_path) / "a.css").write_text("@font-face { src: url('https://example.org/font.woff') }", "utf-8")
    assert check_site.read_links(tmp_path)[0] == ["a.css: loads https://example.org/font.woff"]


# --- what is seen


@pytest.mark.browser
@pytest.mark.timeout(300)
@pytest.mark.skipif(chromium() is None, reason=NO_BROWSER)
def test_what_a_browser_sees(tmp_path):
    """Each fault on a page of its own, and one page without."""
    faults = {
        "good": ("", None),
        "wide": ('<div style="width:900px">wide</div>', "px wide in a window of 390"),
        "outside": ('<img src="http://example.org/a.png" alt="">', "asks for http://example.org/a.png"),
        "script": ("<script>throw new Error('broken script')</script>", "broken script"),
        "missing": ("<script>fetch('nowhere.json')</script>", "404"),
        "unset": ('<span class="math">x^2</span>', "equation that is not set"),
        "nameless": ('<img src="data:," alt="" hidden><button></button>', "axe: button-name in 1 places"),
        "pale": ('<p style="color:#aaa;background:#fff">pale</p>', "axe: color-contrast"),
        "stuck": (
            '<pre style="overflow:auto;width:200px">' + "wide " * 60 + "</pre>",
            "axe: scrollable-region-focusable",
        ),
        "dark": (
            "<style>p {background:#fff} @media (prefers-color-scheme: light) {p {color:#000}}"
            "@media (prefers-color-scheme: dark) {p {color:#bbb}}</style><p>only pale in the dark</p>",
            "axe: color-contrast",
        ),
        "cut": (
            '<article><pre tabindex="0" style="overflow:auto;width:200px">' + "wide " * 60 + "</pre></article>",
            "is cut off in print",
        ),
    }
    site(tmp_path)
    for name, (more, _) in faults.items():
        (tmp_path / f"{name}.html").write_text(GOOD.replace("</body>", f"{more}</body>"), "utf-8")
    found = check_site.open_pages(tmp_path, None)
    for name, (_, words) in faults.items():
        own = [fault for fault in found if fault.startswith(f"{name}.html")]
        assert (own == []) == (words is None), own
        assert words is None or any(words in fault for fault in own), own
    assert not any(fault.startswith("other.html") for fault in found)


@pytest.mark.browser
@pytest.mark.timeout(120)
@pytest.mark.skipif(chromium() is None, reason=NO_BROWSER)
def test_first_faces_are_timed_and_first_pictures_placed(tmp_path, capsys):
    """The start page, with a picture and a playground that is ready at once, and a lesson whose picture is far down."""
    site(tmp_path)
    for folder in ("docs", "notebooks"):
        (tmp_path / folder).mkdir()
    Image.effect_noise((300, 300), 60).save(tmp_path / "docs" / "face.png")
    face = '<article><img src="../docs/face.png" alt="a face" width="300" height="300"></article>'
    pages = {
        "docs/index.html": face + '<div class="live"><iframe src="../playground.html" title="live"></iframe></div>',
        "notebooks/03_far.html": f'<div style="height: 1688px"></div>{face}',
        "playground.html": "<script>window.playground = {ready: true};</script>",
    }
    for name, more in pages.items():
        body = GOOD.replace("other.html#there", "#top").replace("</body>", f"{more}</body>")
        (tmp_path / name).write_text(body, "utf-8")
    assert check_site.open_pages(tmp_path, None) == []
    told = capsys.readouterr().out
    for width in (390, 1366):
        seconds = re.findall(rf"at {width} px: the first face after (\d\.\d) s, that of the playground \d\.\d s", told)
        assert len(seconds) == 1, told
    assert re.search(r"lesson 03: the first picture is 2\.[234] screens down at 1366 px, 2\.[01] screens down", told), (
        told
    )


@pytest.mark.browser
@pytest.mark.timeout(120)
@pytest.mark.skipif(chromium() is None, reason=NO_BROWSER)
def test_slides_that_cannot_be_shown_are_found(tmp_path):
    pytest.importorskip("sphinx_revealjs", reason="reveal.js is not installed: `make slides` installs it")
    printed = [new_output("stream", text="shown\n" * 12)]
    cells = [
        new_markdown_cell("# Good\n\n$x^2$"),
        new_code_cell("short = 1\n" * 16, outputs=printed),  # fits when it is made a little smaller
        new_markdown_cell("high\n\n" * 60),
        new_markdown_cell("small\n\n" * 18),
        new_code_cell("long = 1\n" * 17),
        new_markdown_cell("|" + " wide |" * 60 + "\n|" + "---|" * 60),
    ]
    for number, cell in enumerate(cells):
        cell.id, cell.metadata = (
            f"cell-{number:02d}",
            {"slideshow": {"slide_type": "slide" if number % 2 else "subslide"}},
        )
    make_slides.copy_scripts(tmp_path)
    assert make_slides.write_slides(new_notebook(cells=cells), tmp_path / "deck.html") == len(cells)
    faults = check_site.open_pages(tmp_path, None)
    for number, words in ((2, "do not fit"), (3, "fits only at"), (4, "is empty"), (5, "wider than the slide")):
        own = [fault for fault in faults if f"cell {number:02d}" in fault]
        assert len(own) == 1 and words in own[0], faults
    assert len(faults) == 4
