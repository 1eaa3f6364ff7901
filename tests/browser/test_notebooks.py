"""A person opens a notebook in JupyterLab, looks at the head, and moves a bone by keyboard."""

from __future__ import annotations

import base64
import io
import json
import shutil
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from PIL import Image

from .harness import NO_BROWSER, ROOT, LabPage, LabServer, again_if_hung, chromium, write_notebook

START = ROOT / "notebooks" / "00_start_here.ipynb"

pytestmark = [
    pytest.mark.browser,
    pytest.mark.timeout(400),  # twice a slow start
    pytest.mark.skipif(chromium() is None, reason=NO_BROWSER),
]

# A ball with a root and two bones below it; small, so that its test asks about the widgets and nothing else.
SMALL = [
    """
import torch
import trimesh
from asm_teach.geometry.mesh import Mesh
from asm_teach.model.adaptive import StaticSkinningModel
from asm_teach.model.transforms import Rig
from asm_teach.widgets import BonePanel, Viewer

sphere = trimesh.creation.icosphere(subdivisions=3, radius=80)
vertices = torch.tensor(sphere.vertices, dtype=torch.float32)
mesh = Mesh(vertices, torch.tensor(sphere.faces), uv=(vertices[:, :2] + 90) / 180)
points = torch.tensor([[0.0, 0.0, 0.0], [50.0, 30.0, 40.0], [-50.0, 30.0, 40.0]])
weights = torch.softmax(-((torch.cdist(vertices, points) / 40) ** 2), dim=1)
rig = Rig(names=("root", "eye_L", "eye_R"), parents=torch.tensor([-1, 0, 0]), positions=points)
panel = BonePanel(StaticSkinningModel(mesh, rig, weights), Viewer(mesh, weights=weights), bone="eye_L")
panel
""",
    """
both = Viewer.compare({"ball": mesh, "egg": mesh.with_vertices(mesh.vertices * torch.tensor([1.0, 1.2, 1.0]))})
both.colour_by("error", {"ball": torch.zeros(642), "egg": vertices[:, 1].abs() * 0.2}, label="distance, mm")
both
""",
    "Viewer(mesh, colour='uv', width=300, height=300)",
    "flat = Viewer(mesh, flat=True, width=300, height=300)\nflat",
]

# What the kernel knows about the (first) bone panel.
PANEL = """
import base64, json
import numpy as np
from ipywidgets.widgets.widget import _instances
from asm_teach.widgets import BonePanel

def _tell():
    pack = lambda x: base64.b64encode(np.ascontiguousarray(x, dtype=np.float32).tobytes()).decode()
    panel = next(one for one in _instances.values() if isinstance(one, BonePanel))
    model, surface = panel.model, next(iter(panel.viewer._surfaces.values()))
    print(json.dumps({
        "bone": panel.bone, "parents": model.rig.parents.tolist(), "text": panel.viewer.text,
        "copy_of": surface._copy_of.tolist(), "weights": pack(model.weights().detach()),
        "model": pack(model().detach()), "shown": pack(panel.viewer.vertices), "rest": pack(model.mesh.vertices)}))
_tell()
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabServer]:
    """JupyterLab over the project's notebooks and the small one."""
    folder = tmp_path_factory.mktemp("books") / "notebooks"
    shutil.copytree(ROOT / "notebooks", folder)
    write_notebook(folder / "small.ipynb", SMALL)
    with LabServer(folder) as running:
        yield running


def drive(server: LabServer, notebook: str, act: Callable[[LabPage], None]) -> None:
    """Open and run the notebook and act on it; once more if the browser or the kernel hung."""

    def trial() -> None:
        with LabPage(server) as page:
            page.open(notebook)
            page.run_all()
            act(page)

    again_if_hung(trial)


def panel_state(page: LabPage) -> dict:
    told = json.loads(page.evaluate(PANEL))
    for name in ("model", "shown", "rest", "weights"):
        told[name] = np.frombuffer(base64.b64decode(told[name]), np.float32)
    for name in ("model", "shown", "rest"):
        told[name] = told[name].reshape(-1, 3)
    told["weights"] = told["weights"].reshape(len(told["rest"]), -1)
    return told


def photograph(page: LabPage) -> np.ndarray:
    shot = page.show(".asm-panel .jupyter-threejs canvas").screenshot()
    return np.asarray(Image.open(io.BytesIO(shot)).convert("RGB")).astype(int)


def wait_for_words(page: LabPage, words: str) -> str:
    page.page.wait_for_function(
        "(words) => document.querySelector('.asm-panel .asm-status').innerText.includes(words)", arg=words
    )
    return page.page.locator(".asm-panel [role=status]").first.inner_text()


def move_a_bone_by_keyboard(page: LabPage) -> None:
    page.show(".asm-panel")
    before, picture = panel_state(page), photograph(page)

    # From the list of bones, Tab leads to the first slider, "move x"; each arrow key is half a millimetre.
    page.page.locator(".asm-controls select").first.focus()
    page.page.keyboard.press("Tab")
    focused = "document.activeElement.closest('.widget-slider').querySelector('label').innerText"
    assert page.page.evaluate(focused) == "move x, mm"
    assert page.page.evaluate("document.activeElement.getAttribute('role')") == "slider"
    for _ in range(8):
        page.page.keyboard.press("ArrowRight")
    said = wait_for_words(page, "move x 4 mm")
    assert "largest displacement" in said

    after = panel_state(page)
    moved = after["model"] - before["model"]
    assert np.linalg.norm(moved, axis=1).max() > 0.5
    # The independent word on it: a bone and all below it shift by t, so a vertex shifts by their weights times t.
    bones = {after["bone"]}
    for child, parent in enumerate(after["parents"]):  # parents come before their children
        if parent in bones:
            bones.add(child)
    expected = after["weights"][:, sorted(bones)].sum(axis=1, keepdims=True) * [4.0, 0.0, 0.0]
    np.testing.assert_allclose(moved, expected, atol=1e-3)  # mm; float32 numbers of about 100
    # and what the kernel holds is what the graphics card was given
    np.testing.assert_array_equal(after["shown"], after["model"])
    page.page.wait_for_function(
        "([length, x]) => { const p = window.__gpu.positions[length]; return p && p.data[0] === x; }",
        arg=[3 * len(after["copy_of"]), float(after["model"][after["copy_of"][0], 0])],
    )
    np.testing.assert_array_equal(page.drawn_positions(len(after["copy_of"])), after["model"][after["copy_of"]])
    assert (np.abs(photograph(page) - picture).max(axis=2) > 20).sum() > 50  # pixels that changed visibly


def turn_the_camera_by_keyboard(page: LabPage) -> None:
    picture = photograph(page)
    button = page.page.locator(".asm-panel .asm-bar button", has_text="Left").first
    button.focus()
    page.page.keyboard.press("Enter")
    wait_for_words(page, "left view")
    page.page.wait_for_timeout(300)
    assert (np.abs(photograph(page) - picture).max(axis=2) > 20).mean() > 0.01


def all_views_show_something(page: LabPage) -> None:
    for index in range(page.page.locator(".jupyter-threejs").count()):
        colours = page.colours_in_view(index).astype(int)
        # A blank canvas shows the page's own background: some thirty greys, all between 211 and 250.
        assert len(colours) > 100, f"the 3D view number {index} looks blank"
        assert np.ptp(colours.mean(axis=1)) > 60, f"the 3D view number {index} shows hardly any light and shade"


def the_printed_picture_looks_like_the_live_view(page: LabPage) -> None:
    code = """
import io, base64
from ipywidgets.widgets.widget import _instances
from asm_teach.widgets import BonePanel, Viewer
from asm_teach.drawing import plots
view = next(one for one in _instances.values() if isinstance(one, BonePanel)).viewer
surface, colours = view._surfaces["mesh"], view._colouring.vertex_colours("mesh")
drawn = 255 * plots.draw(surface.vertices, surface.faces, view._orbit.eye(), colours)
print(base64.b64encode(drawn.astype("uint8").tobytes()).decode())
"""
    live = page.canvas().astype(int)
    drawn = np.frombuffer(base64.b64decode(page.evaluate(code)), np.uint8).reshape(*live.shape[:2], 4).astype(int)
    inside = (drawn[..., 3] == 255) & (live[..., 3] == 255)
    assert inside.sum() > 0.98 * (drawn[..., 3] > 127).sum()  # the outlines agree up to their edge pixels
    difference = np.abs(live - drawn)[..., :3].max(axis=2)[inside]
    assert inside.mean() > 0.2
    # the two round differently and smooth edges differently; bone dots cover a few pixels
    assert np.median(difference) <= 2
    assert np.mean(difference > 12) < 0.03


def test_the_widgets_in_a_small_notebook(server: LabServer) -> None:
    def act(page: LabPage) -> None:
        assert page.problems() == []
        all_views_show_something(page)
        the_printed_picture_looks_like_the_live_view(page)
        move_a_bone_by_keyboard(page)
        turn_the_camera_by_keyboard(page)
        # Closing a view, and opening more than a page can show, leaves no error behind either.
        page.evaluate("flat.close()\nmany = [Viewer(mesh, width=90, height=90) for _ in range(8)]")
        page.page.wait_for_timeout(1000)
        assert page.page.locator(".asm-panel .widget-image").count() == 1, "the oldest view became a picture"
        assert page.problems() == []

    drive(server, "small.ipynb", act)


@pytest.mark.skipif(not START.exists(), reason="notebooks/00_start_here.ipynb is not there")
def test_the_start_notebook(server: LabServer) -> None:
    def act(page: LabPage) -> None:
        assert page.problems() == []
        all_views_show_something(page)
        move_a_bone_by_keyboard(page)
        turn_the_camera_by_keyboard(page)
        assert page.problems() == []

    drive(server, START.name, act)
