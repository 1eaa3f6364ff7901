"""Pictures in matplotlib axes, and figures that show themselves in a notebook."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest
import torch
import trimesh

from asm_teach.drawing import plots


def ball(radius: float = 50.0) -> tuple[np.ndarray, np.ndarray]:
    sphere = trimesh.creation.icosphere(subdivisions=4, radius=radius)
    return np.asarray(sphere.vertices), np.asarray(sphere.faces)


def test_render_mesh_draws_into_axes_and_returns_where_points_fall(tmp_path) -> None:
    vertices, faces = ball()
    figure, axes = plots.new_figure(2, (120, 100))
    eye = plots.render_mesh(axes[0, 0], torch.tensor(vertices), torch.tensor(faces), view="left", size=(120, 100))
    again = plots.render_mesh(axes[0, 1], vertices, faces, colours=(0.2, 0.4, 0.9), eye=eye)
    assert again is eye
    np.testing.assert_allclose(eye.project([(0, 0, 0)]), [[59.5, 49.5]], atol=1e-9)
    skin, blue = (np.asarray(ax.images[0].get_array()) for ax in axes[0])
    assert skin.shape == (100, 120, 4)
    assert skin[50, 60, 0] > skin[50, 60, 2] and blue[50, 60, 2] > blue[50, 60, 0]
    assert skin[0, 0, 3] == 0  # transparent beside the mesh
    plots.add_scale(figure, axes, (0, 2), "viridis", "error, mm")
    figure.savefig(tmp_path / "picture.png")
    assert (tmp_path / "picture.png").stat().st_size > 1000


def test_bad_input_is_refused_in_words() -> None:
    vertices, faces = ball()
    _, axes = plots.new_figure(1, (50, 50))
    with pytest.raises(ValueError, match="choose one of front, three-quarter"):
        plots.render_mesh(axes[0, 0], vertices, faces, view="sideways")
    vertices[7, 1] = np.nan
    with pytest.raises(ValueError, match="not finite"):
        plots.render_mesh(axes[0, 0], vertices, faces)


NOTEBOOK = """
import base64, io, json, sys
from unittest import mock
from PIL import Image
from IPython.core.interactiveshell import InteractiveShell

shell = InteractiveShell.instance()
{before}
from asm_teach.drawing.plots import new_figure
figure, axes = new_figure(1, (60, 50))
axes[0, 0].set_axis_off()
bundle, _ = shell.display_formatter.format(figure)
png = bundle.get("image/png", b"")  # the formatter of the inline backend has it in base 64 already
png = base64.b64decode(png) if isinstance(png, str) else png
shown = []
with mock.patch("matplotlib_inline.backend_inline.display", lambda *args, **options: shown.append(args)):
    shell.events.trigger("post_execute")  # the end of a cell
size = Image.open(io.BytesIO(png)).size if png else None
pyplot = "matplotlib.pyplot" in sys.modules
print(json.dumps({{"kinds": sorted(bundle), "size": size, "again": len(shown), "pyplot": pyplot}}))
"""


@pytest.mark.long
@pytest.mark.parametrize(
    ("before", "pyplot"),
    [
        ("", False),
        ("import matplotlib.pyplot", True),
        ("shell.enable_gui = lambda *_: None; shell.run_line_magic('matplotlib', 'inline')", True),
    ],
    ids=["without pyplot", "with pyplot", "inline backend"],
)
def test_a_figure_shows_itself_once_in_any_notebook(before: str, pyplot: bool) -> None:
    code = [sys.executable, "-c", NOTEBOOK.format(before=before)]
    done = subprocess.run(code, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    shown = json.loads(done.stdout.splitlines()[-1])
    assert "image/png" in shown["kinds"] and "text/plain" in shown["kinds"]
    assert shown["pyplot"] is pyplot
    assert shown["again"] == 0  # nothing is drawn a second time when the cell ends
    assert 50 < shown["size"][0] < 80 and 40 < shown["size"][1] < 70
