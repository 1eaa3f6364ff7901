"""The start page and the README: what they promise in code, figures and pictures is so."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest
from PIL import Image

ROOT = Path(__file__).parents[2]
PAGES = {name: (ROOT / name).read_text("utf-8") for name in ("README.md", "docs/index.md")}
EXAMPLE = re.compile(r"```python\n(import asm_teach.+?)```\n\n```text\n(.+?)\n```", re.DOTALL)


@pytest.fixture(scope="module")
def landing() -> ModuleType:
    spec = importlib.util.spec_from_file_location("landing", ROOT / "docs" / "landing.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["landing"] = module  # its dataclass looks itself up there
    spec.loader.exec_module(module)
    return module


def test_both_pages_show_the_same_example() -> None:
    (readme,), (index,) = (EXAMPLE.findall(PAGES[name]) for name in PAGES)
    assert readme == index


@pytest.mark.long
def test_the_example_prints_what_the_pages_say() -> None:
    code, result = EXAMPLE.findall(PAGES["README.md"])[0]
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        exec(code, {})
    assert said.getvalue().strip() == result


def test_the_pages_begin_with_the_same_promise_and_three_ways_in() -> None:
    promises = {re.findall(r"\*\*(.+?)\*\*", text, re.DOTALL)[0] for text in PAGES.values()}
    assert len(promises) == 1
    for text in PAGES.values():
        top = text.partition("\n## ")[0]
        assert re.findall(r"Play|Start|Install", top)[:3] == ["Play", "Start", "Install"]


def test_badges_and_figures_are_those_of_the_repository(landing: ModuleType) -> None:
    readme = PAGES["README.md"]
    for name, badge in landing.badges().items():
        assert (ROOT / "docs" / "images" / name).read_text("utf-8") == badge, "run python docs/landing.py"
        assert f"docs/images/{name}" in readme
        told = re.findall(r"<title>\w+: (.+)</title>", badge)[0]
        assert told in " ".join(re.findall(r"!\[(.+?)\]", readme))
    for text in PAGES.values():
        assert f"about {landing.hours()}" in " ".join(text.split())
        assert landing.bibtex() in text


def test_every_lesson_has_a_card_with_its_picture(landing: ModuleType, tmp_path: Path) -> None:
    landing.write_pictures(tmp_path)
    cards, lessons = landing.cards(), landing.lessons()
    assert len(lessons) == cards.count("<li>") >= 12
    for one in lessons:
        assert f'href="../notebooks/{one.path.stem}.html"' in cards and f"{one.minutes} minutes" in cards
        with Image.open(tmp_path / one.picture) as picture:
            assert picture.size == landing.CARD
            assert len(picture.convert("L").getcolors(256) or []) > 20, f"{one.path.stem}: an empty picture"
        assert (tmp_path / one.picture).stat().st_size < 40_000
