"""The widgets without a browser: what they send, say and refuse. tests/browser shows that it arrives."""

from __future__ import annotations

import asyncio
import base64
import math
from collections.abc import Iterator

import ipywidgets
import numpy as np
import pytest
import torch
import trimesh
from ipywidgets.widgets.widget import _instances as open_widgets

from asm_teach.mesh import Mesh, vertex_normals
from asm_teach.model import StaticSkinningModel
from asm_teach.transforms import Rig
from asm_teach.widgets import BonePanel, Viewer, live, viewer
from asm_teach.widgets.colouring import skin_colours
from asm_teach.widgets.colours import PALETTE, bone_colours, bone_palette, nice_limits, scalar_colours, scale_bar
from asm_teach.widgets.scene import STREAMED_NORMALS, split_at_seams


@pytest.fixture(autouse=True)
def _close_widgets() -> Iterator[None]:
    yield
    live.live.clear()
    for widget in list(open_widgets.values()):
        widget.close()


def ball(subdivisions: int = 2, uv: bool = False, shift: float = 0.0) -> Mesh:
    sphere = trimesh.creation.icosphere(subdivisions=subdivisions, radius=80)
    vertices = torch.tensor(np.asarray(sphere.vertices) + np.array([shift, 0, 0]), dtype=torch.float32)
    chart = (vertices[:, :2] - vertices[:, :2].min(0).values) / 170 if uv else None
    return Mesh(vertices, torch.tensor(np.asarray(sphere.faces)), uv=chart)


@pytest.fixture
def model() -> StaticSkinningModel:
    """A ball with three bones: a root, and a left and a right one below it."""
    mesh = ball()
    points = torch.tensor([[0.0, 0.0, 0.0], [50.0, 30.0, 40.0], [-50.0, 30.0, 40.0]])
    weights = torch.softmax(-((torch.cdist(mesh.vertices, points) / 40) ** 2), dim=1)
    rig = Rig(names=("root", "eye_L", "eye_R"), parents=torch.tensor([-1, 0, 0]), positions=points)
    return StaticSkinningModel(mesh, rig, weights)


def sent_positions(view: Viewer) -> np.ndarray:
    """What the browser was last sent."""
    return next(iter(view._surfaces.values()))._position.array


# -- the shape ---------------------------------------------------------------------------------------------


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
    surface = next(iter(view._surfaces.values()))
    expected = vertex_normals(squeezed, mesh.faces).numpy()
    np.testing.assert_allclose(surface._normal.array, expected, atol=1e-6)
    # the ball's pole moved from 80 to 40 mm
    assert view.displacement == pytest.approx(40, abs=1e-3)
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
    assert "vertex 7" in view._status.value
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
    first = [surface._normal.array for surface in surfaces]

    def facets() -> list[float]:
        return [surface._material.uniforms["facets"]["value"] for surface in surfaces]

    async def move_both_twice() -> None:
        for factor in (0.9, 0.8):
            for name in "ab":
                view.update(mesh.vertices * torch.tensor([1.0, factor, 1.0]), name=name)
        assert facets() == [1, 1]
        assert all(surface._normal.array is old for surface, old in zip(surfaces, first, strict=True))
        await asyncio.sleep(viewer._SETTLE + 0.2)

    asyncio.run(move_both_twice())
    assert facets() == [0, 0]
    expected = vertex_normals(torch.from_numpy(view.vertices), mesh.faces).numpy()
    for surface in surfaces:
        np.testing.assert_allclose(surface._normal.array, expected, atol=1e-6)


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


# -- colours -----------------------------------------------------------------------------------------------


def test_only_colours_with_data_are_offered() -> None:
    assert Viewer(ball()).modes == ("plain",)
    view = Viewer(ball(uv=True), weights=torch.ones(162, 3) / 3)
    assert view.modes == ("plain", "uv", "weights")
    view.colour_by("error", torch.ones(162))
    assert [value for _, value in view._chooser.options] == ["plain", "uv", "weights", "error"]
    assert view._chooser.value == "error"
    view._chooser.value = "uv"  # as a person does
    assert "UV colours" in view.text


@pytest.mark.parametrize(
    ("mode", "options", "words"),
    [
        ("rainbow", {}, "choose one of plain, texture, uv"),
        ("uv", {}, "has no UV"),
        ("texture", {}, "no texture"),
        ("error", {}, "pass them as values="),
        ("error", {"values": torch.ones(100)}, r"the mesh has 162 vertices, give \(162,\)"),
        ("error", {"values": torch.ones(162, 2)}, r"give \(162,\)"),
        ("error", {"values": torch.ones(162), "limits": (2, 1)}, "must be smaller"),
        ("weights", {"values": torch.ones(3, 162)}, "bones"),
        ("plain", {"values": torch.ones(162)}, "use 'weights' or 'error'"),
    ],
)
def test_colours_that_cannot_be_are_refused_in_words(mode: str, options: dict, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Viewer(ball()).colour_by(mode, **options)


def test_error_colours_follow_their_scale_and_are_told() -> None:
    view = Viewer(ball())
    values = torch.linspace(0, 4, 162)
    values[5] = math.nan
    view.colour_by("error", values, limits=(0, 4), label="distance, mm")
    surface = next(iter(view._surfaces.values()))
    tint = surface._tint.array
    np.testing.assert_allclose(tint[0], (0.267, 0.005, 0.329), atol=1e-3)  # viridis begins so
    np.testing.assert_allclose(tint[-1], (0.993, 0.906, 0.144), atol=1e-3)  # and ends so
    assert tint[5, 0] == tint[5, 1] == tint[5, 2]
    assert "distance, mm (mean 2.01, largest 4.00), 1 vertices without a number are grey" in view.text
    assert "distance, mm, from 0 to 4" in view._scale.value


def test_weights_of_the_selected_bone_alone_or_of_all_mixed() -> None:
    weights = torch.zeros(162, 2)
    weights[:100, 0] = 1
    weights[100:, 1] = 1
    view = Viewer(ball(), weights=weights, bone_names=("jaw", "nose"), colour="weights")
    tint = next(iter(view._surfaces.values()))._tint
    assert len(np.unique(tint.array, axis=0)) == 2
    assert "weights of all bones" in view.text
    assert view._scale.value == ""
    view.select_bone("nose")
    np.testing.assert_allclose(
        tint.array, scalar_colours(weights[:, 1], (0, 1), "YlGnBu").astype(np.float32), atol=1e-6
    )
    assert "weights of bone nose" in view.text and "weight of nose" in view._scale.value
    with pytest.raises(ValueError, match="no bone has this name"):
        view.select_bone("tail")


def test_bones_that_share_vertices_get_different_colours() -> None:
    # a chain: each bone shares vertices with the two next to it
    bones = 40
    centre = torch.linspace(0, 1, bones)
    place = torch.linspace(0, 1, 400)
    weights = torch.softmax(-(((place[:, None] - centre) * bones) ** 2), dim=1)
    palette = bone_palette(weights)
    assert (np.abs(np.diff(palette, axis=0)).sum(axis=1) > 0).all()
    assert (np.abs(palette[2:] - palette[:-2]).sum(axis=1) > 0).all()
    assert len(np.unique(palette, axis=0)) == len(PALETTE)
    # a vertex that belongs to one bone wears that bone's colour
    alone = torch.eye(5)
    np.testing.assert_allclose(bone_colours(alone), bone_palette(alone))


@pytest.mark.parametrize(
    ("values", "limits"),
    [([0.0, 4.2], (0, 5)), ([-3.0, 7.0], (-4, 8)), ([0.0, 0.0], (0, 1)), ([np.nan], (0, 1)), ([5.0, 5.0], (0, 5))],
)
def test_limits_are_round_and_hold_zero(values: list[float], limits: tuple[float, float]) -> None:
    assert nice_limits(np.array(values)) == pytest.approx(limits)


def test_the_label_of_a_scale_cannot_break_the_page() -> None:
    assert "<script>" not in scale_bar((0, 1), "viridis", "<script>alert(1)</script>")
    assert "<b>" not in Viewer({"<b>": ball()})._status.value


def test_parts_that_are_no_skin_have_their_own_tone() -> None:
    mesh = ball()
    mesh = Mesh(mesh.vertices, mesh.faces, parts={"teeth": torch.tensor([0, 1]), "face": torch.arange(2, 320)})
    tones = skin_colours(mesh)
    assert len(np.unique(tones, axis=0)) == 2
    np.testing.assert_array_equal(tones[mesh.faces[0, 0]], tones[mesh.faces[1, 2]])


# -- several meshes, camera, pictures ----------------------------------------------------------------------


def test_compare_shows_each_mesh_in_its_column_and_updates_by_name() -> None:
    view = Viewer.compare({"template": ball(), "fit": ball()})
    shifts = [surface._material.uniforms["shift"]["value"] for surface in view._surfaces.values()]
    assert shifts == [-0.5, 0.5]  # the middles of the two halves, in [-1, 1] across
    view.update(ball().vertices * 2, name="fit")
    np.testing.assert_array_equal(view._surfaces["fit"].vertices, ball().vertices * 2)
    np.testing.assert_array_equal(view._surfaces["template"].vertices, ball().vertices)
    with pytest.raises(ValueError, match="choose one of the meshes on show, template, fit"):
        view.update(ball().vertices)
    with pytest.raises(ValueError, match="give name -> values for each"):
        view.colour_by("error", torch.ones(162))
    view.colour_by("error", {"template": torch.zeros(162), "fit": torch.ones(162) * 3})
    assert "mean 1.50" in view.text
    for nothing in ({}, {"a": None}):
        with pytest.raises(ValueError, match="at least one name -> Mesh"):
            Viewer.compare(nothing)


def test_camera_presets_look_where_they_say() -> None:
    view = Viewer(ball(shift=30))
    camera, target = view._orbit.camera, np.array([30.0, 0, 0])
    distance = np.linalg.norm(np.array(camera.position) - target)
    for preset, direction in {"front": (0, 0, 1), "left": (1, 0, 0), "right": (-1, 0, 0)}.items():
        view.view(preset)
        np.testing.assert_allclose(camera.position, target + distance * np.array(direction), atol=1e-6)
        assert f"{preset} view" in view.text
    x, y, z, w = camera.quaternion
    # three.js cameras look along -z: from the person's right that is +x
    looks = -np.array([2 * (x * z + w * y), 2 * (y * z - w * x), 1 - 2 * (x * x + y * y)])
    np.testing.assert_allclose(looks, (1, 0, 0), atol=1e-9)
    view.zoom(2)
    assert np.linalg.norm(np.array(camera.position) - target) == pytest.approx(distance / 2)
    assert "2 times as large" in view.text
    view.view("reset")
    np.testing.assert_allclose(camera.position, target + np.array([0, 0, distance]), atol=1e-6)
    with pytest.raises(ValueError, match="choose one of front"):
        view.view("below")


def test_a_drag_in_the_browser_is_told() -> None:
    view = Viewer(ball())
    distance = np.linalg.norm(view._orbit.camera.position)
    view._orbit.camera.position = (distance * math.sin(0.5), 0.0, distance * math.cos(0.5))  # as the browser sends it
    assert "turned by hand, seen from 29° to the person's left, 0° up" in view.text
    assert "turned by hand" in view._status.value


def test_buttons_do_what_they_say() -> None:
    view = Viewer(ball())
    buttons = {one.description: one for one in view._bar.children if isinstance(one, ipywidgets.Button)}
    assert all(button.tooltip for button in buttons.values())
    buttons["Three-quarter"].click()
    assert "three-quarter view" in view.text
    buttons["+"].click()
    assert "1.25 times as large" in view.text
    buttons["Reset"].click()
    assert "front view" in view.text and "large" not in view.text


def test_the_read_out_is_announced_by_screen_readers() -> None:
    said = Viewer(ball())._status.value
    assert 'role="status"' in said and 'aria-live="polite"' in said and "162 vertices, 320 faces" in said


def test_a_page_without_a_kernel_gets_a_picture_and_words(tmp_path) -> None:
    view = Viewer(ball(uv=True), colour="uv", width=200, height=160)
    bundle = view._repr_mimebundle_()
    assert bundle["application/vnd.jupyter.widget-view+json"]["model_id"] == view.model_id
    assert bundle["text/plain"] == view.text
    assert base64.b64decode(bundle["image/png"]).startswith(b"\x89PNG")
    view.picture(tmp_path / "view.png")
    assert (tmp_path / "view.png").read_bytes().startswith(b"\x89PNG")


def test_the_picture_of_several_meshes_names_them_and_shows_the_scale() -> None:
    view = Viewer.compare({"a": ball(), "b": ball()}, width=300, height=150)
    view.colour_by("error", {"a": torch.zeros(162), "b": torch.ones(162)}, label="distance, mm")
    axes = view.picture().axes
    assert [ax.get_title() for ax in axes[:2]] == ["a", "b"]
    assert axes[2].get_ylabel() == "distance, mm"


# -- the end -----------------------------------------------------------------------------------------------


def test_the_ninth_view_turns_the_first_into_a_picture() -> None:
    views = [Viewer(ball(1), width=120, height=90) for _ in range(live.MOST_LIVE)]
    assert not any("picture" in one.text for one in views)
    ninth = Viewer(ball(1))
    assert "Run" not in views[1].text
    assert "run its cell again" in views[0].text
    assert any(isinstance(child, ipywidgets.Image) for child in views[0].children)
    assert views[0]._renderer.comm is None  # freed in the browser
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


# -- the bone panel ----------------------------------------------------------------------------------------


def test_the_sliders_move_the_bone_as_the_model_says(model: StaticSkinningModel) -> None:
    panel = BonePanel(model, Viewer(model.mesh), bone="eye_L")
    panel.translation[1].value = 6
    panel.rotation[2].value = 30
    panel.scale[0].value = 1.25
    torch.testing.assert_close(model.translation[1], torch.tensor([0.0, 6.0, 0.0]))
    torch.testing.assert_close(model.rotation[1], torch.tensor([0.0, 0.0, math.pi / 6]))
    torch.testing.assert_close(model.log_scale[1].exp(), torch.tensor([1.25, 1.0, 1.0]))
    # eq. (1) by hand for the one bone that moves: v + w (p + R S (v - p) + t - v)
    vertices, pivot = model.mesh.vertices.double().numpy(), np.array([50.0, 30, 40])
    cos, sin = math.cos(math.pi / 6), 0.5
    turned = (vertices - pivot) * [1.25, 1, 1] @ np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]]).T
    weight = model.weights()[:, 1:2].double().numpy()
    expected = vertices + weight * (pivot + turned + [0, 6, 0] - vertices)
    # 1e-4 mm: float32 numbers of about 100 mm
    np.testing.assert_allclose(panel.viewer.vertices, expected, atol=1e-4)
    assert "bone eye_L · scale x 1.25 ×" in panel.viewer.text
    far = np.linalg.norm(expected - vertices, axis=1).max()
    assert f"largest displacement {far:.2f} mm" in panel.viewer.text
    # the dot goes with the bone
    np.testing.assert_allclose(panel.viewer._dots.points[1], pivot + np.array([0, 6, 0]), atol=1e-4)


def test_choosing_a_bone_loads_its_motion_and_changes_nothing(model: StaticSkinningModel) -> None:
    model.set_motion(2, torch.tensor([1.0, 2.0, 45.0]), torch.tensor([0.1, 0.0, -0.2]), torch.tensor([1.0, 0.9, 1.1]))
    panel = BonePanel(model, Viewer(model.mesh))
    assert [one.value for one in panel.translation] == [0, 0, 0]
    panel.chooser.value = 2
    assert [one.value for one in panel.translation] == pytest.approx([1, 2, 45])
    assert panel.translation[2].max == pytest.approx(45)  # beyond the slider's usual end of 30 mm
    assert [one.value for one in panel.rotation] == pytest.approx([math.degrees(0.1), 0, math.degrees(-0.2)], rel=1e-5)
    assert [one.value for one in panel.scale] == pytest.approx([1, 0.9, 1.1])
    torch.testing.assert_close(model.rotation[2], torch.tensor([0.1, 0.0, -0.2]))
    np.testing.assert_array_equal(panel.viewer.vertices, model().detach())


def test_mirror_moves_the_other_side_as_its_mirror_image(model: StaticSkinningModel) -> None:
    panel = BonePanel(model, Viewer(model.mesh), bone="root")
    assert panel.mirror.disabled
    panel.chooser.value = 1
    assert not panel.mirror.disabled
    panel.mirror.value = True
    panel.translation[0].value = 5
    panel.rotation[1].value = 20
    panel.rotation[0].value = 10
    panel.scale[1].value = 0.8
    # the ball, its bones and its weights are symmetric, so the moved ball must be too
    moved = panel.viewer.vertices
    flipped = moved * [-1, 1, 1]
    order, mirror = (np.lexsort(np.round(one, 2).T) for one in (moved, flipped))
    np.testing.assert_allclose(moved[order], flipped[mirror], atol=2e-2)  # sorted after rounding to 0.01 mm
    assert np.abs(moved - model.mesh.vertices.numpy()).max() > 2


def test_reset_puts_one_bone_or_all_back(model: StaticSkinningModel) -> None:
    panel = BonePanel(model, Viewer(model.mesh), bone=1)
    panel.translation[0].value = 5
    panel.chooser.value = 2
    panel.scale[0].value = 0.7
    reset_bone, reset_all = panel.buttons
    reset_bone.click()
    assert panel.scale[0].value == 1
    assert model.translation[1, 0] == 5
    reset_all.click()
    assert model.translation.abs().max() == 0
    # 1e-4 mm is what the identity is promised to keep in float32
    np.testing.assert_allclose(panel.viewer.vertices, model.mesh.vertices, atol=1e-4)


def test_every_control_has_a_name_with_its_unit(model: StaticSkinningModel) -> None:
    panel = BonePanel(model, Viewer(model.mesh))
    names = [one.description for one in (*panel.translation, *panel.rotation, *panel.scale)]
    assert names == [
        f"{what} {axis}, {unit}" for what, unit in (("move", "mm"), ("turn", "°"), ("scale", "×")) for axis in "xyz"
    ]
    assert panel.chooser.description and panel.mirror.description and panel.dots.description
    panel.dots.value = False
    assert not panel.viewer._dots.object.visible
    assert "image/png" in panel._repr_mimebundle_()


def test_a_bone_that_is_not_there_is_refused(model: StaticSkinningModel) -> None:
    with pytest.raises(ValueError, match="the rig has no bone of this name"):
        BonePanel(model, Viewer(model.mesh), bone="tail")
    with pytest.raises(ValueError, match="bones 0 to 2"):
        BonePanel(model, Viewer(model.mesh), bone=3)


def test_the_package_itself_imports_no_widgets() -> None:
    import subprocess
    import sys

    code = "import asm_teach, asm_teach.model, sys; sys.exit('pythreejs' in sys.modules or 'ipywidgets' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0
