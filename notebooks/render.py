"""Run the notebooks and keep outputs that are small and clean: text and still pictures.

    python notebooks/render.py                 # all of them
    python notebooks/render.py 00_start_here   # one

Left out are widget views and their state (they show nothing without a kernel), progress bars, and whatever a cell with
the tag `keep-out` shows, such as photographs of people. Pictures are kept in 256 colours, which takes less than
half the room. The picture of a cell with the tag `readme` is also written to `docs/images`. A warning that a reader
would see in red stops the rendering.
"""

from __future__ import annotations

import base64
import io
import os
import sys
import tempfile
from pathlib import Path

import nbformat
import numpy as np
from nbclient import NotebookClient
from PIL import Image
from scipy.spatial import cKDTree

HERE = Path(__file__).parent
IMAGES = HERE.parent / "docs" / "images"
KEPT = ("text/plain", "text/html", "text/markdown", "image/png", "image/svg+xml")
WIDGET = "application/vnd.jupyter.widget-view+json"


def clean(notebook: nbformat.NotebookNode) -> None:
    """Strip a notebook's outputs down to what the repository keeps, in place."""
    notebook.metadata.pop("widgets", None)
    executed = 0
    for number, cell in enumerate(notebook.cells):
        cell.id = f"cell-{number:02d}"
        if cell.cell_type != "code":
            continue
        executed += 1
        folded = cell.metadata.get("jupyter", {}).get("source_hidden", False)
        cell.metadata = {k: v for k, v in cell.metadata.items() if k in ("tags", "nbgrader", "slideshow")}
        if folded:  # a helper that JupyterLab shows as one line, which a click opens
            cell.metadata["jupyter"] = {"source_hidden": True}
        cell.execution_count = executed  # as in one run from top to bottom
        outputs = [] if "keep-out" in cell.metadata.get("tags", []) else cell.outputs
        cell.outputs = [output for output in map(_clean_output, outputs) if output is not None]


def no_warnings(notebook: nbformat.NotebookNode) -> None:
    """Refuse a notebook in which a cell warns its reader: what is written to stderr is not kept, so no author would see it.

    Raises:
        ValueError: with the cell and the warning.
    """
    for number, cell in enumerate(notebook.cells):
        for output in cell.get("outputs", []):
            if output.get("name") == "stderr" and "Warning" in output.text:
                raise ValueError(f"cell {number} warns: {output.text.strip()}\nMend the cell, and render again.")


def _clean_output(output: nbformat.NotebookNode) -> nbformat.NotebookNode | None:
    if output.output_type == "stream":
        return output if output.name == "stdout" else None
    if output.output_type == "error":
        return output
    data = {kind: value for kind, value in output.data.items() if kind in KEPT}
    if WIDGET in output.data and not {"image/png", "text/html"} & set(data):
        return None  # a progress bar or a panel without a still form of its own
    if "image/png" in data:
        data["text/plain"] = "<picture>"
        data["image/png"] = base64.b64encode(fewer_colours(base64.b64decode(data["image/png"]))).decode()
    return nbformat.v4.new_output("display_data", data=data)


def fewer_colours(png: bytes) -> bytes:
    """A PNG in 256 colours, without dithering; as it is when that saves nothing or some of its pixels are see-through.

    Most colours go to what fills the picture, so that smooth skin shows no steps; the others to what is rare, such as the
    bright end of a colour bar.
    """
    picture = Image.open(io.BytesIO(png))
    if picture.mode == "P" or picture.convert("RGBA").getextrema()[3][0] < 255:
        return png
    picture = picture.convert("RGB")
    common = picture.quantize(160, Image.Quantize.MEDIANCUT, kmeans=3).getpalette()
    rare = picture.quantize(96, Image.Quantize.MAXCOVERAGE, kmeans=3).getpalette()
    palette = np.array(common + rare, np.uint8).reshape(-1, 3)
    _, nearest = cKDTree(palette).query(np.asarray(picture).reshape(-1, 3))
    small = Image.fromarray(nearest.astype(np.uint8).reshape(picture.size[::-1]))
    small.putpalette(palette.tobytes())
    buffer = io.BytesIO()
    small.save(buffer, "PNG", optimize=True)
    return min(png, buffer.getvalue(), key=len)


def render(path: Path, timeout: int = 300) -> float:
    """Run one notebook from top to bottom and write it back cleaned; its size in KiB."""
    notebook = nbformat.read(path, as_version=4)
    resources = {"metadata": {"path": str(path.parent)}}
    client = NotebookClient(notebook, timeout=timeout, kernel_name="python3", resources=resources)
    with tempfile.TemporaryDirectory() as folder:  # what a run of the solutions notes is nobody's progress
        client.execute(
            env={
                **os.environ,
                "ASM_TEACH_PROGRESS": str(Path(folder) / "progress.json"),
            }
        )
    no_warnings(notebook)
    clean(notebook)
    for cell in notebook.cells:
        if "readme" in cell.metadata.get("tags", []):
            (picture,) = [o.data["image/png"] for o in cell.outputs if "image/png" in o.get("data", {})]
            IMAGES.mkdir(parents=True, exist_ok=True)
            (IMAGES / f"{path.stem}.png").write_bytes(base64.b64decode(picture))
    partial = path.with_suffix(".part")
    nbformat.write(notebook, partial)
    os.replace(partial, path)
    return path.stat().st_size / 1024


if __name__ == "__main__":
    wanted = [HERE / f"{name}.ipynb" for name in sys.argv[1:]] or sorted(HERE.glob("*.ipynb"))
    for path in wanted:
        print(f"{path.name}: {render(path):.0f} KiB")
