"""`asm-teach doctor`: it says what works, and what to do about what does not."""

from __future__ import annotations

import socket
import sys
from pathlib import Path

import pytest

from asm_teach.cli import doctor
from asm_teach.cli.doctor import Finding, findings, memory, page
from tests.browser.harness import NO_BROWSER, chromium
from tests.browser.playground_page import launched
from tests.command import one_line, run

NAMES = [
    "Python", "PyTorch", "JupyterLab", "Widgets", "Memory", "Threads", "Files", "Scans and photographs", "Network",
    "Extras", "Browser",
]  # fmt: skip


@pytest.fixture(autouse=True)
def _offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test waits for a network."""

    def refuse(*arguments: object, **options: object) -> None:
        raise TimeoutError("timed out")

    monkeypatch.setattr(socket, "create_connection", refuse)


def found() -> dict[str, Finding]:
    return {one.name: one for one in findings()}


def test_everything_is_looked_at_here() -> None:
    looked = found()
    assert list(looked) == NAMES
    assert not [one for one in looked.values() if one.state == "problem"]
    assert "PyTorch 2." in looked["PyTorch"].found and "anywidget" in looked["Widgets"].found
    assert looked["Network"].state == "note" and "ASM_TEACH_MIRROR" in looked["Network"].remedy


def test_the_command_prints_a_line_and_a_remedy_for_each(tmp_path: Path) -> None:
    result = run("doctor", "-o", tmp_path / "doctor.html")
    assert result.exit_code == 0, result.output
    assert all(name in result.output for name in NAMES)
    assert "note    Network" in result.output and "-> no lesson needs it" in result.output
    assert f"wrote {tmp_path / 'doctor.html'}" in result.output
    assert "should end in .html" in one_line(run("doctor", "-o", tmp_path / "doctor.txt"))


def test_what_does_not_work_is_a_problem_with_a_remedy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import jupyter_core.paths

    monkeypatch.setattr(jupyter_core.paths, "jupyter_path", lambda: [str(tmp_path)])
    monkeypatch.setattr(doctor, "memory", lambda: 0.4e9)
    monkeypatch.setattr(sys, "version_info", (3, 9, 1))
    monkeypatch.setenv("ASM_TEACH_MIRROR", str(tmp_path / "nowhere"))
    looked = found()
    problems = {name for name, one in looked.items() if one.state == "problem"}
    assert problems == {"Python", "Widgets", "Memory", "mirror"}
    assert all(looked[name].remedy for name in problems)
    assert "pip install --force-reinstall --no-deps jupyterlab_widgets pythreejs anywidget" in looked["Widgets"].remedy
    assert "is no folder" in looked["mirror"].found
    assert run("doctor").exit_code == 1


def test_the_memory_that_can_be_used_is_known_here() -> None:
    import psutil

    assert 0 < (memory() or 0) <= psutil.virtual_memory().total


@pytest.mark.browser
@pytest.mark.skipif(chromium() is None, reason=NO_BROWSER)
def test_the_page_tests_the_browser_that_shows_it(tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text(page([Finding("A & B", "problem", "<found>", "do > this")]), "utf-8")
    with launched() as browser:
        shown, trouble = browser.new_page(viewport={"width": 800, "height": 600}), []
        shown.on("console", lambda message: trouble.append(message.text) if message.type == "error" else None)
        shown.on("pageerror", lambda error: trouble.append(str(error)))
        shown.goto((tmp_path / "page.html").as_uri())
        shown.wait_for_selector("body[data-ready=yes]")
        rows = shown.locator("tbody tr").all_inner_texts()
    assert trouble == []
    assert [row.split("\t")[0] for row in rows] == ["A & B", "3D views (WebGL 2)", "Window"]
    assert "<found>" in rows[0] and "do > this" in rows[0]
    assert "note" in rows[1] and "The processor draws" in rows[1]  # no graphics card in these tests
    assert "800 x 600 pixels" in rows[2] and "wider" in rows[2]
