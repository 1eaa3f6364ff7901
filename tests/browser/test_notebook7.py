"""The widgets in Notebook 7, which many courses use in place of JupyterLab."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from .harness import NO_BROWSER, LabPage, LabServer, chromium, write_notebook
from .test_notebooks import SMALL, move_a_bone_by_keyboard

pytestmark = [
    pytest.mark.browser,
    pytest.mark.timeout(300),
    pytest.mark.skipif(chromium() is None, reason=NO_BROWSER),
    pytest.mark.skipif(importlib.util.find_spec("notebook") is None, reason="Notebook 7 comes with the test extra"),
]

# Notebook 7.6.5 says this of every notebook, an empty one too: it is about its own settings.
OWN = "page: Cannot read properties of undefined (reading 'schema')"


def problems(page: LabPage) -> list[str]:
    return [found for found in page.problems() if found != OWN]


def test_a_bone_panel_and_a_viewer(tmp_path: Path) -> None:
    write_notebook(tmp_path / "small.ipynb", (SMALL[0], SMALL[2]))
    with LabServer(tmp_path, "notebook") as server, LabPage(server) as page:
        page.open("small.ipynb")
        assert "/notebooks/" in page.page.url
        page.run_all()
        assert problems(page) == []
        for index in (0, 1):
            assert len(page.colours_in_view(index)) > 100, f"the 3D view number {index} looks blank"
        move_a_bone_by_keyboard(page)
        assert problems(page) == []
