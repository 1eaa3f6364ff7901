"""The viewer without a browser: the shapes it sends, and how it ends. tests/browser shows that it arrives."""

from __future__ import annotations

import asyncio
import math
import time

import ipywidgets
import numpy as np
import pytest
import torch
from ipywidgets.widgets.widget import _instances as open_widgets

from asm_teach.geometry.mesh import Mesh, vertex_normals
from asm_teach.widgets import Viewer
from asm_teach.widgets.viewer import live, stage
from asm_teach.widgets.viewer.scene import STREAMED_NORMALS, pack_normals, split_at_seams
from tests.widgets.parts import ball, close_widgets, sent_normals, sent_positions  # noqa: F401

# -- the shape -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["tensor with gradient", "float64 tensor", "array", "list"])
def test_update_sends_a_new_float32_array_with_normals_that_fit(kind: str) -> None:
    mesh = ball()
    view = Viewer(mesh)
    before = sent_positions(view)
    squeezed = mesh.vertices * torch.tensor([1.0, 0.5, 1.0])
    given = {
        "tensor with gradient": squeezed.clone().requires_grad_(),
        "float64 tensor": squeezed.double(),
        "array": squeezed.numpy(),
        "list": squeezed.tolist(),
    }[kind]
    view.update(given)
    after = sent_positions(view)
    # an array changed in place would be equal to itself and never be sent
    assert after is not before and after.dtype == np.float32
    np.testing.assert_array_equal(after, squeezed.numpy())
    expected = vertex_normals(squeezed, mesh.faces).numpy()
    np.testing.assert_allclose(sent_normals(view), expected, atol=1e-3)  # 12 bits a number
    # the ball's pole moved from 80 to 40 mm
    assert view._readout.displacement == pytest.approx(40, abs=1e-3)
    assert "largest displacement 40.00 mm" in view.text


def test_update_works_on_each_device(device: torch.device) -> None:
    mesh = ball()
    view = Viewer(mesh.to(device))
    view.update(mesh.vertices.to(device) + 1)
    np.testing.assert_array_equal(view.vertices, mesh.vertices.numpy() + 1)


def test_the_caller_may_reuse_its_array() -> None:
    mesh = ball()
    view = Viewer(mesh)
    mine = mesh.vertices.numpy() * 2
    view.update(mine)
    mine[:] = 0
    assert np.abs(view.vertices).max() > 100
    view.vertices[:] = 0
    assert np.abs(view.vertices).max() > 100


def test_numbers_that_are_not_finite_are_told_and_the_last_shape_stays() -> None:
    mesh = ball()
    view = Viewer(mesh)
    view.update(mesh.vertices * 1.1)
    broken = mesh.vertices.clone()
    broken[7, 1] = math.nan
    broken[9, 0] = math.inf
    view.update(broken)
    assert "2 of 162 vertices are not finite numbers" in view.text
    assert "vertex 7" in view.text
    assert "vertex 7" in view._readout.box.value
    np.testing.assert_array_equal(view.vertices, mesh.vertices.numpy() * np.float32(1.1))
    view.update(mesh.vertices)
    assert "finite" not in view.text


@pytest.mark.parametrize("shape", [(161, 3), (162, 2), (162,), (1, 162, 3)])
def test_a_shape_that_is_not_the_meshs_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"162 vertices: give \(162, 3\)"):
        Viewer(ball()).update(torch.zeros(shape))


def test_large_meshes_move_as_facets_and_are_smoothed_at_rest() -> None:
    mesh = ball(subdivisions=5)
    assert len(mesh.vertices) > STREAMED_NORMALS
    view = Viewer.compare({"a": mesh, "b": mesh})
    surfaces = list(view._surfaces.values())
    first = [surface._whole.array[:, 3] for surface in surfaces]

    def facets() -> list[float]:
        return [surface._material.uniforms["facets"]["value"] for surface in surfaces]

    async def move_both_twice() -> None:
        for factor in (0.9, 0.8):
            for name in "ab":
                view.update(mesh.vertices * torch.tensor([1.0, factor, 1.0]), name=name)
        assert facets() == [1, 1]
        for surface, old in zip(surfaces, first, strict=True):
            np.testing.assert_array_equal(surface._whole.array[:, 3], old)
        await asyncio.sleep(stage.SETTLE + 0.2)

    asyncio.run(move_both_twice())
    assert facets() == [0, 0]
    expected = vertex_normals(torch.from_numpy(view.vertices), mesh.faces).numpy()
    for name in "ab":
        np.testing.assert_allclose(sent_normals(view, name), expected, atol=1e-3)


def test_vertices_on_a_seam_are_split_and_all_copies_move() -> None:
    # two triangles that share an edge, but lie apart on the chart
    vertices = torch.tensor([[0.0, 0, 0], [9, 0, 0], [9, 9, 0], [0, 9, 0]])
    faces = torch.tensor([[0, 1, 2], [0, 2, 3]])
    uv = torch.tensor([[0.0, 0], [0.4, 0], [0.4, 0.4], [0.6, 0.6], [1, 1], [0.6, 1]])
    mesh = Mesh(vertices, faces, uv=uv, uv_faces=torch.tensor([[0, 1, 2], [3, 4, 5]]))
    vertex, place, split = split_at_seams(faces.numpy(), mesh.uv_faces.numpy())
    np.testing.assert_array_equal(vertex[split], faces)
    np.testing.assert_array_equal(place[split], mesh.uv_faces)
    assert len(vertex) == 6
    view = Viewer(mesh, colour="uv")
    view.update(vertices + 5)
    np.testing.assert_array_equal(sent_positions(view), vertices.numpy()[vertex] + 5)


# -- the end ---------------------------------------------------------------------------------------------


def test_the_ninth_view_turns_the_first_into_a_picture() -> None:
    views = [Viewer(ball(1), width=120, height=90) for _ in range(live.MOST_LIVE)]
    assert not any("picture" in one.text for one in views)
    ninth = Viewer(ball(1))
    assert "Run" not in views[1].text
    assert "run its cell again" in views[0].text
    assert any(isinstance(child, ipywidgets.Image) for child in views[0].children)
    assert views[0]._stage.renderer.comm is None  # freed in the browser
    assert len(live.live) == live.MOST_LIVE
    views[0].update(ball(1).vertices * 2)  # a cell that goes on updating it does no harm
    views[0].colour_by("plain")
    ninth.close()


def test_close_frees_every_widget() -> None:
    before = set(open_widgets)
    view = Viewer(ball(uv=True), weights=torch.ones(162, 2) / 2, bones=torch.zeros(2, 3), colour="uv")
    assert len(set(open_widgets) - before) > 20
    view.close()
    assert set(open_widgets) - before == set()
    assert view not in live.live.values()


def test_the_package_itself_imports_no_widgets() -> None:
    import subprocess
    import sys

    code = "import sys, asm_teach.model.adaptive; sys.exit(bool({'pythreejs', 'ipywidgets'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0


def test_a_huge_mesh_is_sent_only_so_often_and_its_last_shape_arrives() -> None:
    mesh = ball(subdivisions=7)
    assert len(mesh.vertices) > stage.HUGE
    view = Viewer(mesh, width=120, height=90)
    assert "drawn with flat facets while it moves and at most every 0.3 s" in view.text
    (surface,) = view._surfaces.values()
    sent: list[float] = []
    send = surface.send
    surface.send = lambda: (sent.append(time.monotonic()), send())[1]

    async def drag() -> None:
        end = time.monotonic() + 0.8
        factor = 1.0
        while time.monotonic() < end:
            factor *= 0.99
            view.update(mesh.vertices * factor)
            await asyncio.sleep(0.01)
        last = mesh.vertices * factor
        await asyncio.sleep(stage.BREATH + 0.1)
        np.testing.assert_array_equal(sent_positions(view), last)

    asyncio.run(drag())
    assert 3 <= len(sent) <= 6 and np.diff(sent).min() > 0.9 * stage.BREATH


def test_a_closed_view_answers_with_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    mesh = ball(uv=True)
    view = Viewer(mesh, weights=torch.ones(162, 2) / 2, bones=torch.zeros(2, 3))
    view.close()
    view.close()
    calls = [
        lambda: view.update(2 * mesh.vertices),
        lambda: view.colour_by("uv"),
        lambda: view.select_bone(1),
        lambda: view.show_bones(torch.zeros(2, 3)),
        lambda: view.view("left"),
        lambda: view.zoom(2),
        lambda: view.wireframe(),
        lambda: view.facets(),
        lambda: view.name_bones("all"),
        lambda: view.on_pick(print),
    ]
    for call in calls:
        call()
        assert capsys.readouterr().out == "This view is closed. Run its cell again to open a new one.\n"
    assert "closed" in view.text
    assert view.still().startswith(b"\x89PNG")


def test_normals_survive_their_packing() -> None:
    normals = np.random.default_rng(0).normal(size=(5000, 3)).astype(np.float32)
    normals = np.concatenate([normals, np.eye(3, dtype=np.float32), -np.eye(3, dtype=np.float32), [[0, 0, 0]]])
    codes = pack_normals(normals)
    assert codes.dtype == np.float32 and codes.min() >= 0 and codes.max() < 2**24  # whole numbers in float32
    square = np.stack([np.floor(codes / 4096), codes % 4096], axis=1).astype(np.float64) / 2047.5 - 1
    back = np.concatenate([square, 1 - np.abs(square).sum(axis=1, keepdims=True)], axis=1)
    below = np.maximum(-back[:, 2:], 0)
    back[:, :2] -= np.where(back[:, :2] >= 0, below, -below)
    back /= np.linalg.norm(back, axis=1, keepdims=True)
    unit = normals[:-1] / np.linalg.norm(normals[:-1], axis=1, keepdims=True)
    angle = np.degrees(np.arccos(np.clip((back[:-1] * unit).sum(axis=1), -1, 1)))
    assert angle.max() < 0.06  # degrees
    np.testing.assert_allclose(back[-1], [0, 0, 1], atol=1e-3)  # a vertex of no face


def test_a_click_tells_the_face_and_where_on_it_but_the_end_of_a_drag_does_not() -> None:
    view = Viewer(ball())
    found: list[tuple[int, np.ndarray]] = []
    view.on_pick(lambda face, shares: found.append((face, shares)))
    picker = view._stage._picker
    corners = view.vertices[view._surfaces["mesh"].faces[11]].astype(float)
    picker.faceIndex = 11
    picker.point = tuple(np.array([0.5, 0.3, 0.2]) @ corners)  # as the browser sends it
    assert found[0][0] == 11
    np.testing.assert_allclose(found[0][1], [0.5, 0.3, 0.2], atol=1e-4)
    view._orbit.camera.position = (10.0, 0.0, 400.0)  # a drag ends, and the click that goes with it
    picker.point = (1.0, 2.0, 3.0)
    assert len(found) == 1
    with pytest.raises(ValueError, match="any of 2 meshes"):
        Viewer.compare({"a": ball(), "b": ball()}).on_pick(print)
