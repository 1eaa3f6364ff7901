"""What browser tests share: one JupyterLab for all, and pages that have run the cells they are given."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from .harness import LabPage, LabServer, again_if_hung, write_notebook
from .playground_page import browser, file, model, page  # noqa: F401 (fixtures, one of each for all modules)

Opener = Callable[..., LabPage]


@pytest.fixture(scope="session")
def lab_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabServer]:
    """JupyterLab over a folder that tests write their notebooks to."""
    folder = tmp_path_factory.mktemp("lab") / "notebooks"
    folder.mkdir()
    with LabServer(folder) as server:
        yield server


@pytest.fixture(scope="module")
def open_cells(lab_server: LabServer) -> Iterator[Opener]:
    """A function (name, cells, size of the window) -> page that has run them; once more if browser or kernel hung.

    For one page in a module: Playwright has room for one at a time, and a page that goes ends all kernels.
    """
    with ExitStack() as pages:

        def opened(name: str, cells: list[str], size: tuple[int, int] = (1400, 1000)) -> LabPage:
            write_notebook(lab_server.folder / name, cells)

            def trial() -> LabPage:
                with ExitStack() as until_it_runs:
                    page = until_it_runs.enter_context(LabPage(lab_server, size=size))
                    page.open(name)
                    page.run_all()
                    assert page.problems() == []
                    pages.push(until_it_runs.pop_all())
                    return page

            return again_if_hung(trial)

        yield opened
