"""The floors that lesson 9 states without fitting are those that its own cell finds when it is told to fit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nbformat
import pytest

import asm_teach as asm
from asm_teach.data.assets import data_dir
from asm_teach.studies.scan_faces import real_face
from asm_teach.studies.views import SCAN, read_results, summary

LESSON = Path(__file__).parents[2] / "notebooks" / "09_views_and_capacity.ipynb"


@pytest.mark.long
def test_the_stated_floors_are_what_the_fits_give() -> None:
    (source,) = [cell.source for cell in nbformat.read(LESSON, as_version=4).cells if "AGAIN = False" in cell.source]
    head = asm.load_head()
    try:
        real_face(head, SCAN, progress=False)
    except asm.AssetUnavailable as missing:
        pytest.skip(str(missing))
    names: dict[str, Any] = {
        "asm": asm,
        "head": head,
        "faces": head.mesh.faces,
        "SCAN": SCAN,
        "rows": summary(read_results(data_dir() / "views_capacity.json")),
        "happened": lambda *_: None,
    }
    exec(source, stated := dict(names))
    exec(source.replace("AGAIN = False", "AGAIN = True"), names)
    assert names["floors"] == pytest.approx(stated["floors"], abs=0.02)
