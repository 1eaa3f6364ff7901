"""The page of many heads: what it shows of each, and what it draws again."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from asm_teach.many_heads.fit_many import fit_many
from asm_teach.many_heads.report import TILE, draw_head, write_report
from tests.command import one_line, run
from tests.formats.fuzz_files import small_model

from .heads import STEPS, Inline, raises, saved_model, small_heads


@pytest.fixture
def fits(tmp_path: Path) -> Path:
    small_heads(tmp_path / "in", 2)
    small_heads(tmp_path / "in", 1, "deep/a & b.ply")
    (tmp_path / "in/no.obj").write_text("v 0 0 0\n")
    failing = Inline({"head1": raises(RuntimeError("<b>no memory</b>"))})
    fit_many(tmp_path / "in", failing, tmp_path / "out", model=saved_model(tmp_path), options=STEPS)
    return tmp_path / "out"


def test_each_head_has_a_row_with_its_picture_or_its_fault(fits: Path) -> None:
    result = run("report", fits)
    assert result.exit_code == 0 and "report.html; open it in a browser" in result.output
    page = (fits / "report.html").read_text("utf-8")
    rows = re.findall(r'<li class="(\w+)".+?</li>(?=\n)', page, re.DOTALL)
    assert sorted(rows) == ["failed", "fitted", "fitted", "refused"]
    assert 'src="report/deep/a%20%26%20b.webp"' in page and 'href="deep/a%20%26%20b.npz">deep/a &amp; b<' in page
    assert "&lt;b&gt;no memory" in page and "<b>" not in page
    assert "no.obj" in page and re.search(r"Mean distance to the scan: \d\.\d\d mm", page)
    with Image.open(fits / "report/head0.webp") as picture:
        assert picture.size == (3 * TILE[0], TILE[1])
        assert len(picture.convert("L").getcolors(256) or []) > 20


def test_only_what_is_new_is_drawn_again(fits: Path) -> None:
    write_report(fits)
    pictures = {path: path.stat().st_mtime_ns for path in (fits / "report").rglob("*.webp")}
    assert len(pictures) == 2
    later = time.time() + 5
    os.utime(fits / "head0.npz", (later, later))
    write_report(fits)
    changed = {path.name for path, before in pictures.items() if path.stat().st_mtime_ns != before}
    assert changed == {"head0.webp"}
    (fits / "report.html").write_text("mine")
    assert "is there already" in one_line(run("report", fits))
    assert (fits / "report.html").read_text() == "mine"


def test_the_error_is_drawn_in_colours_and_grey() -> None:
    mesh = small_model().mesh
    errors = np.zeros(len(mesh.vertices), np.float16)
    whole, tiles = mesh.vertices.numpy(), []
    for value in (0.0, 9.0, np.nan):
        errors[:] = value
        tiles.append(np.asarray(draw_head(whole, mesh.faces.numpy(), errors)).astype(int)[:, -TILE[0] :])
    near, far, unknown = (tile[tile[..., 3] == 255][:, :3].mean(0) for tile in tiles)
    assert near.sum() > far.sum() + 100  # from clay to dark
    assert np.ptp(unknown) < 0.5 * np.ptp(near)
    views = np.asarray(draw_head(whole, mesh.faces.numpy(), None)).astype(int)
    assert (views[:, : TILE[0]] != views[:, -TILE[0] :]).any()


def test_a_folder_without_a_manifest_is_told(tmp_path: Path) -> None:
    assert "holds no manifest.jsonl" in one_line(run("report", tmp_path))
