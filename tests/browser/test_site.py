"""What looks after the site and the slides: a page with a fault is found out, and lessons are cut where they should be.

The site itself is built and checked by `make site`, the slides by `make slides`: both need more than the tests do.
"""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType

import nbformat
import pytest

from .harness import NO_BROWSER, ROOT, chromium

GOOD = (
    '<!doctype html><html lang="en"><head><meta charset="utf-8"><link rel="icon" href="data:,">'
    '<meta name="viewport" content="width=device-width"></head><body>'
    '<h1 id="top">A page</h1><a href="other.html#there">on</a> <a href="https://example.org">out</a></body></html>'
)
LESSONS = sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb"))


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
@pytest.mark.timeout(120)
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


# --- slides


def test_text_is_cut_at_headings_questions_and_when_a_slide_is_full():
    paragraph = "word " * 100
    text = (
        "## One (5 minutes)\n\nA line.\n\n$$x = y$$\n\n"
        f"**Predict first.** What?\n\n{paragraph}\n\n{paragraph}\n\n### Two\n\n"
        "```python\na = 1\n\nb = 2\n```\n\n<details><summary>Answer</summary>\n\nsecret\n</details>"
    )
    slides = make_slides.cut(text)
    assert [kind for kind, _ in slides] == ["slide", "subslide", "subslide", "subslide"]
    assert slides[0][1] == "## One (5 minutes)\n\nA line.\n\n$$x = y$$"
    assert slides[1][1].startswith("**Predict first.** What?")
    assert slides[3][1] == "### Two\n\n```python\na = 1\n\nb = 2\n```"


@pytest.mark.parametrize("path", LESSONS, ids=[path.name[:2] for path in LESSONS])
def test_a_lesson_as_slides(path):
    notebook = nbformat.read(path, as_version=4)
    deck = make_slides.slides_of(notebook)
    texts = [cell.source for cell in deck.cells if cell.cell_type == "markdown"]
    told = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown").partition("## Try it")[0]
    assert [t for t in texts if "BEGIN SOLUTION" in t or "<details>" in t] == []
    assert sum(t.startswith("**Predict first.**") for t in texts) == len(
        re.findall(r"(?m)^\*\*Predict first\.\*\*", told)
    )
    # nothing of the text is lost: every heading is there, in its order
    assert re.findall(r"(?m)^#+ .+$", "\n".join(texts)) == re.findall(r"(?m)^#+ .+$", told)
    assert not any("### BEGIN SOLUTION" in cell.source for cell in deck.cells)
