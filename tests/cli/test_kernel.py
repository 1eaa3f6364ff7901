"""The kernel that imports ahead: Jupyter finds it, it runs cells like any other, and they meet what it has loaded."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from ipykernel.kernelspec import get_kernel_dict
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import start_new_kernel

from asm_teach.cli import kernel

ROOT = Path(__file__).parents[2]


def test_jupyter_finds_it_under_the_usual_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JUPYTER_PATH", "elsewhere")
    path = kernel.jupyter_path()
    assert path == os.pathsep.join([str(kernel.SPEC), "elsewhere"])
    monkeypatch.setenv("JUPYTER_PATH", path)
    spec = KernelSpecManager().get_kernel_spec("python3")
    assert spec.argv[1:3] == ["-m", "asm_teach.cli.kernel"]


def test_it_runs_cells_and_has_loaded_what_they_need(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JUPYTER_PATH", kernel.jupyter_path())
    manager, client = start_new_kernel()
    try:
        # the cell imports none of them: it waits for what is loaded beside it
        code = f"""
            import sys, time
            end = time.monotonic() + 60
            while time.monotonic() < end and (missing := [n for n in {kernel.AHEAD!r} if n not in sys.modules]):
                time.sleep(0.05)
            assert not missing, missing
        """
        reply = client.execute_interactive(textwrap.dedent(code), timeout=90)
        assert reply["content"]["status"] == "ok", reply["content"]
        reply = client.execute_interactive("import torch; assert torch.ones(2).sum() == 2", timeout=60)
        assert reply["content"]["status"] == "ok"
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def test_files_of_the_reader_beside_the_notebook_do_not_stop_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Whatever their names; and a cell finds them first, as under the usual kernel."""
    for name in ("code", "queue", "random", "token", "zmq", "roma"):
        (tmp_path / f"{name}.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'a').write('{name} ')\n")
    monkeypatch.setenv("JUPYTER_PATH", kernel.jupyter_path())
    manager, client = start_new_kernel(cwd=str(tmp_path), startup_timeout=30)
    try:
        assert not (tmp_path / "ran").exists()
        reply = client.execute_interactive("import roma", timeout=30)
        assert reply["content"]["status"] == "ok", reply["content"]
        assert (tmp_path / "ran").read_text() == "roma "
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def test_a_page_of_text_needs_no_torch(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "colour_of_nothing.py").write_text(f"import pathlib\npathlib.Path({str(tmp_path / 'ran')!r}).touch()")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(kernel, "AHEAD", ("colour_of_nothing",))
    for name, kind in (("glossary", "markdown"), ("lesson", "code")):
        (tmp_path / f"{name}.ipynb").write_text(json.dumps({"cells": [{"cell_type": kind}]}, indent=1))
        monkeypatch.setenv("JPY_SESSION_NAME", str(tmp_path / f"{name}.ipynb"))
        kernel.load_ahead().join(30)
        assert (tmp_path / "ran").exists() is (kind == "code")
    for elsewhere in (tmp_path, tmp_path / "none", ""):
        monkeypatch.setenv("JPY_SESSION_NAME", str(elsewhere))
        assert not kernel.only_text()


def test_matplotlib_says_nothing_in_red_about_its_fonts(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(kernel, "AHEAD", ())
    logger = logging.getLogger("matplotlib.font_manager")
    monkeypatch.setattr(logger, "level", logging.NOTSET)
    logger.warning("building the font cache")
    assert len(caplog.records) == 1
    kernel.load_ahead().join(30)
    logger.warning("building the font cache")
    assert len(caplog.records) == 1


@pytest.mark.parametrize("broken", [None, "raise OSError('libtorch.so: cannot open shared object file')"])
def test_what_is_missing_is_left_to_the_cell(
    broken: str | None, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture, tmp_path: Path
) -> None:
    if broken:
        (tmp_path / "no_such_module_at_all.py").write_text(broken)
        monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(kernel, "AHEAD", ("json", "no_such_module_at_all"))
    thread = kernel.load_ahead()
    thread.join(30)
    assert not thread.is_alive()
    assert capfd.readouterr() == ("", "")


def test_lab_and_binder_start_it() -> None:
    code = "from unittest import mock; from asm_teach.cli.main import main; from click.testing import CliRunner\n"
    code += (
        "with mock.patch('asm_teach.cli.main.run_to_its_end', lambda command, env: print(env['JUPYTER_PATH']) or 0):\n"
    )
    code += "    print(CliRunner().invoke(main, ['lab', '--no-browser']).output)"
    told = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert str(kernel.SPEC) in told
    command = [
        "bash",
        str(ROOT / "binder" / "start"),
        sys.executable,
        "-c",
        "import os; print(os.environ['JUPYTER_PATH'])",
    ]
    env = os.environ | {"PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])}
    told = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=True).stdout
    assert told.split(os.pathsep)[0].strip() == str(kernel.SPEC)


def test_its_description_is_that_of_the_usual_one() -> None:
    ours = json.loads((kernel.SPEC / "kernels" / "python3" / "kernel.json").read_text("utf-8"))
    usual = get_kernel_dict()
    assert [ours[name] for name in ("display_name", "language")] == [usual["display_name"], usual["language"]]
    assert ours["metadata"].items() <= usual["metadata"].items()  # and nothing that this ipykernel could not do
