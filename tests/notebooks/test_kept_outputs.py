"""What the repository keeps of a notebook: small, clean, and in the form every lesson has."""

from __future__ import annotations

import base64
import importlib.util
import io
import json
import re
from pathlib import Path
from types import ModuleType

import nbformat
import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
PARTS = ("What you will do", "What you will learn", "What you need", "Time", "## Recap", "## Try it", "## Read next")


@pytest.fixture(scope="module")
def render() -> ModuleType:
    spec = importlib.util.spec_from_file_location("render", ROOT / "notebooks" / "render.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_there_are_notebooks() -> None:
    assert NOTEBOOKS and NOTEBOOKS[0].stem == "00_start_here"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_outputs_are_small_and_clean(path: Path, render: ModuleType) -> None:
    notebook = nbformat.read(path, as_version=4)
    before = json.dumps(notebook, sort_keys=True)
    render.clean(notebook)
    assert json.dumps(notebook, sort_keys=True) == before, f"keep it clean: python notebooks/render.py {path.stem}"
    assert path.stat().st_size < 1_000_000
    assert not re.search(r"/(home|root|tmp|Users|work)/", before), "an output names a path of one machine"
    shown = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    assert shown, "it was never run"
    assert not [output for output in shown if output.output_type == "error"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_every_notebook_has_the_same_head_and_tail(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    text = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    missing = [part for part in PARTS if part not in text]
    assert not missing
    assert text.count("**Predict first.**") >= 2


def png(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def drawing(height: int = 90, width: int = 120) -> np.ndarray:
    """(H, W, 4) uint8: a background, a surface with the grain of skin, and a narrow colour bar."""
    y, x = np.mgrid[:height, :width] / [[[height]], [[width]]]
    rng, pixels = np.random.default_rng(0), np.full((height, width, 4), 255, np.uint8)
    face = (x - 0.4) ** 2 + (y - 0.5) ** 2 < 0.1
    shade = np.stack([200 - 90 * y, 150 - 60 * x, 120 - 90 * x * y], -1) + rng.normal(0, 3, (height, width, 1))
    pixels[face, :3] = shade[face].astype(np.uint8)
    pixels[:, -6:-2, :3] = (255 * np.stack([y, 1 - y, y**2], -1)[:, -6:-2]).astype(np.uint8)
    return pixels


def test_pictures_are_kept_in_fewer_colours_that_look_the_same(render: ModuleType) -> None:
    before = drawing()
    kept = render.fewer_colours(png(before))
    after = Image.open(io.BytesIO(kept))
    assert after.mode == "P" and len(kept) < 0.7 * len(png(before))
    off = np.abs(np.asarray(after.convert("RGB")).astype(int) - before[..., :3]).max(-1)
    assert (off[0, :-6] == 0).all()  # the background to the last bit
    assert off.mean() < 1 and off.max() < 16  # of 255 levels; the largest in the colour bar
    assert render.fewer_colours(kept) == kept  # cleaning twice changes nothing
    plain = png(np.zeros((4, 4, 3), np.uint8))
    assert render.fewer_colours(plain) == plain  # a palette would be larger


def test_a_see_through_picture_is_left_as_it_is(render: ModuleType) -> None:
    pixels = drawing()
    pixels[:10, :10, 3] = 100
    assert render.fewer_colours(png(pixels)) == png(pixels)


def test_clean_takes_out_what_shows_nothing_without_a_kernel(render: ModuleType) -> None:
    view = {render.WIDGET: {"model_id": "1"}, "text/plain": "Viewer()"}
    picture = base64.b64encode(png(drawing())).decode()
    outputs = [
        nbformat.v4.new_output("display_data", data=view | {"image/png": picture}),
        nbformat.v4.new_output("display_data", data=view),
        nbformat.v4.new_output("stream", name="stderr", text="  0%|"),
        nbformat.v4.new_output("stream", name="stdout", text="1.72 mm\n"),
    ]
    photograph = nbformat.v4.new_output("display_data", data={"image/png": picture})
    kept = nbformat.v4.new_code_cell("show", outputs=outputs, execution_count=3)
    private = nbformat.v4.new_code_cell("photo", outputs=[photograph], metadata={"tags": ["keep-out"]})
    notebook = nbformat.v4.new_notebook(cells=[kept, private], metadata={"widgets": {"state": {}}})
    render.clean(notebook)
    assert "widgets" not in notebook.metadata
    assert [sorted(output.get("data", {"text": 0})) for output in notebook.cells[0].outputs] == [
        ["image/png", "text/plain"],
        ["text"],
    ]
    assert [cell.execution_count for cell in notebook.cells] == [1, 2]
    assert notebook.cells[1].outputs == []


def test_a_cell_that_warns_stops_the_rendering(render: ModuleType) -> None:
    def notebook(text: str) -> nbformat.NotebookNode:
        output = nbformat.v4.new_output("stream", name="stderr", text=text)
        return nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("float(loss)", outputs=[output])])

    render.no_warnings(notebook("100%|#####| 3/3"))
    with pytest.raises(ValueError, match="cell 0 warns: .*requires_grad"):
        render.no_warnings(notebook("UserWarning: Converting a tensor with requires_grad=True to a scalar"))
