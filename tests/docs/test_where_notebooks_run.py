"""The page on other places to run notebooks, which cannot be run here: its cells, links and settings are read."""

from __future__ import annotations

import json
import os
import re
import shlex
import sys
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import parse_qs, urlsplit

import click
import pytest
from IPython.core.inputtransformer2 import TransformerManager
from packaging.requirements import Requirement

from asm_teach.cli.kernel import SPEC
from asm_teach.cli.main import main
from asm_teach.course import record

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "where_notebooks_run.md").read_text("utf-8")
CELLS = re.findall(r"```python\n(.+?)```", PAGE, re.DOTALL)


class Notebook:
    """What a cell asks of the notebook that it runs in: `%pip`, and nothing else."""

    def __init__(self) -> None:
        self.installed: list[str] = []

    def run_line_magic(self, name: str, line: str) -> None:
        assert name == "pip"
        self.installed += [word for word in shlex.split(line)[1:] if not word.startswith("-")]


@pytest.fixture
def colab(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A stand-in for Colab's own package; what it was asked for."""
    asked: list[str] = []
    google, package = ModuleType("google"), ModuleType("google.colab")
    package.output, package.drive = ModuleType("output"), ModuleType("drive")  # type: ignore[attr-defined]
    package.output.enable_custom_widget_manager = lambda: asked.append("widgets")
    package.drive.mount = asked.append
    google.colab = package  # type: ignore[attr-defined]
    for module in (google, package):
        monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setenv("ASM_TEACH_PROGRESS", os.environ["ASM_TEACH_PROGRESS"])  # the cell sets another
    return asked


def run_cell(cell: str) -> list[str]:
    """Run a cell as a notebook would; what it installs."""
    notebook = Notebook()
    names: dict[str, Any] = {"get_ipython": lambda: notebook}
    exec(TransformerManager().transform_cell(cell), names)
    return notebook.installed


def test_the_cells_install_the_package_and_switch_the_widgets_on(colab: list[str]) -> None:
    first, progress, kaggle = CELLS
    assert colab == []
    for cell in (first, kaggle):
        (address,) = run_cell(cell)
        assert Requirement(f"asm_teach @ {address}").url == "git+https://github.com/OWNER/asm_teach"
    assert colab == ["widgets"]
    run_cell(progress)
    assert colab == ["widgets", "/content/drive"]
    assert record.path() == Path("/content/drive/MyDrive/asm_teach_progress.json")


def test_the_page_says_what_was_not_tried() -> None:
    row = next(line for line in PAGE.splitlines() if "Colab" in line and line.startswith("|"))
    assert "**no**" in row and all(name in row for name in ("VS Code", "Codespaces", "Kaggle"))


def test_the_kernel_of_vs_code_is_that_of_the_lab() -> None:
    (spec,) = SPEC.rglob("kernel.json")
    own = json.loads(spec.read_text("utf-8"))["argv"]
    told = json.loads(re.findall(r"`(\[.+?\])`", PAGE, re.DOTALL)[0])
    assert told[1:] == own[1:]


def test_the_link_of_a_hub_leads_to_the_first_notebook() -> None:
    link = re.findall(r"https://HUB\S+", PAGE)[0]
    query = parse_qs(urlsplit(link).query, strict_parsing=True)
    assert urlsplit(link).path == "/hub/user-redirect/git-pull" and set(query) == {"repo", "branch", "urlpath"}
    assert query["repo"] == ["https://github.com/OWNER/COPIES"]  # whose last part is the folder on the hub
    folder, notebook = query["urlpath"][0].removeprefix("lab/tree/").split("/")
    assert folder == "COPIES" and (ROOT / "notebooks" / notebook).is_file()


def test_the_container_runs_commands_that_are_there() -> None:
    container = json.loads((ROOT / ".devcontainer" / "devcontainer.json").read_text("utf-8"))
    commands = re.findall(r"asm-teach ([\w-]+)", container["postCreateCommand"] + PAGE)
    assert {"course", "doctor", "student", "lab"} <= set(commands)
    assert isinstance(main, click.Group) and set(commands) <= set(main.commands)
    assert re.search(r"python:3\.1[0-3]", container["image"])
