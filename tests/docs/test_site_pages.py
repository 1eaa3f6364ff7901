"""What the site makes of a notebook before Sphinx reads it."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest
from nbformat.v4 import new_code_cell, new_notebook

CONF = Path(__file__).parents[2] / "docs" / "conf.py"


def test_what_jupyterlab_folds_the_site_folds_and_says_what_it_is():
    pytest.importorskip("myst_nb", reason="Sphinx is not installed: `make site` installs it")
    spec = importlib.util.spec_from_file_location("site_conf", CONF)
    assert spec and spec.loader
    conf = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(conf)
    cells = [
        new_code_cell("def sheet(): ...", metadata={"jupyter": {"source_hidden": True}}),
        new_code_cell("### BEGIN SOLUTION\nx = 1\n### END SOLUTION", metadata={"nbgrader": {"solution": True}}),
        new_code_cell("sheet()"),
    ]
    helper, solution, plain = json.loads(conf.readable(json.dumps(new_notebook(cells=cells))))["cells"]
    assert helper["metadata"]["tags"] == solution["metadata"]["tags"] == ["hide-input"]
    assert helper["metadata"]["mystnb"]["code_prompt_show"] == "Show the code"
    assert "mystnb" not in solution["metadata"] and solution["source"] == "x = 1"
    assert plain["metadata"] == {}
