"""How a view is looked at, without a browser: colours, several meshes, camera, names, pictures, words."""

from __future__ import annotations

import base64
import math

import ipywidgets
import numpy as np
import pytest
import torch

from asm_teach.data.heads import load_head
from asm_teach.data.skin_tones import CLAY
from asm_teach.drawing import still
from asm_teach.drawing.scales import WEIGHTS
from asm_teach.geometry.mesh import Mesh
from asm_teach.widgets import Viewer
from asm_teach.widgets.base.colours import PALETTE, bone_colours, bone_palette, nice_limits, scalar_colours, scale_bar
from asm_teach.widgets.viewer import stills
from asm_teach.widgets.viewer.colouring import skin_colours
from asm_teach.widgets.viewer.markers import choose_labels
from tests.widgets.parts import ball, close_widgets  # noqa: F401

# -- colours ---------------------------------------------------------------------------------------------


def test_only_colours_with_data_are_offered() -> None:
    assert Viewer(ball())._colouring.modes == ("plain",)
    view = Viewer(ball(uv=True), weights=torch.ones(162, 3) / 3)
    assert view._colouring.modes == ("plain", "uv", "weights", "bones")
    view.colour_by("error", torch.ones(162))
    assert [value for _, value in view._bar.colours.options] == ["plain", "uv", "weights", "bones", "error"]
    assert view._bar.colours.value == "error"
    view._bar.colours.value = "uv"  # as a person does
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
    np.testing.assert_allclose(tint[0], CLAY, atol=3e-3)  # no error: the bare head
    np.testing.assert_allclose(tint[-1], (0.235, 0.067, 0.278), atol=3e-3)  # and the scale's dark end
    assert tint[5, 0] == tint[5, 1] == tint[5, 2]
    assert "distance, mm (mean 2.01, largest 4), 1 vertices without a value are grey" in view.text
    assert "distance, mm, from 0 to 4" in view._stage.scale.value


def test_weights_of_the_selected_bone_alone_or_of_all_mixed() -> None:
    weights = torch.zeros(162, 2)
    weights[:100, 0] = 1
    weights[100:, 1] = 1
    view = Viewer(ball(), weights=weights, bone_names=("jaw", "nose"), colour="weights")
    tint = next(iter(view._surfaces.values()))._tint
    assert len(np.unique(tint.array, axis=0)) == 2
    assert "weights of all bones" in view.text
    assert view._stage.scale.value == ""
    view.select_bone("nose")
    np.testing.assert_allclose(tint.array, scalar_colours(weights[:, 1], (0, 1), WEIGHTS).astype(np.float32), atol=1e-6)
    assert "weights of bone nose" in view.text and "weight of nose" in view._stage.scale.value
    with pytest.raises(ValueError, match="no bone called 'tail'"):
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
    assert "<b>" not in Viewer({"<b>": ball()})._readout.box.value


def test_parts_that_are_no_skin_have_their_own_tone() -> None:
    mesh = ball()
    mesh = Mesh(mesh.vertices, mesh.faces, parts={"teeth": torch.tensor([0, 1]), "face": torch.arange(2, 320)})
    tones = skin_colours(mesh)
    assert len(np.unique(tones, axis=0)) == 2
    np.testing.assert_array_equal(tones[mesh.faces[0, 0]], tones[mesh.faces[1, 2]])


# -- several meshes, camera, pictures --------------------------------------------------------------------


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
    assert "mean 1.5, largest 3" in view.text
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
    assert "turned by hand" in view._readout.box.value


def test_buttons_do_what_they_say() -> None:
    view = Viewer(ball())
    buttons = {one.description: one for one in view._bar.box.children[0].children if isinstance(one, ipywidgets.Button)}
    assert all(button.tooltip for button in buttons.values())
    buttons["Three-quarter"].click()
    assert "three-quarter view" in view.text
    buttons["+"].click()
    assert "1.25 times as large" in view.text
    buttons["Reset"].click()
    assert "front view" in view.text and "large" not in view.text


def test_the_read_out_is_announced_by_screen_readers() -> None:
    view = Viewer(ball())
    said = view._readout.box.value
    assert 'role="status"' in said and 'aria-live="polite"' in said and "front view" in said
    assert "162 vertices, 320 faces" in view._readout.more.value and "<details" in view._readout.more.value


def test_a_page_without_a_kernel_gets_a_picture_and_words() -> None:
    view = Viewer(ball(uv=True), colour="uv", width=200, height=160)
    bundle = view._repr_mimebundle_()
    assert bundle["application/vnd.jupyter.widget-view+json"]["model_id"] == view.model_id
    assert bundle["text/plain"] == view.text
    assert base64.b64decode(bundle["image/png"]).startswith(b"\x89PNG")


def test_the_picture_of_several_meshes_names_them_and_shows_the_scale() -> None:
    view = Viewer.compare({"a": ball(), "b": ball()}, width=300, height=150)
    view.colour_by("error", {"a": torch.zeros(162), "b": torch.ones(162)}, label="distance, mm")
    axes = view.picture().axes
    assert [ax.get_title() for ax in axes[:2]] == ["a", "b"]
    assert axes[2].get_ylabel() == "distance, mm"


# -- edges, facets, names, overlays ------------------------------------------------------------------------


def test_edges_and_facets_are_switched_by_button_and_by_code() -> None:
    view = Viewer(ball(), width=200, height=160)
    (surface,) = view._surfaces.values()
    plain = np.frombuffer(view.picture().png(), np.uint8)
    view._bar.wire.value = True  # as a person does
    assert surface.edges.visible and "with edges" in view.text
    assert surface.edges.geometry is surface.object.geometry  # a moved surface takes its edges along
    assert len(view.picture().png()) != len(plain)
    view.wireframe(False)
    assert not surface.edges.visible and not view._bar.wire.value
    view._bar.flat.value = True
    assert surface._material.uniforms["facets"]["value"] == 1
    view.facets(False)
    assert surface._material.uniforms["facets"]["value"] == 0 and not view._bar.flat.value


def test_the_edges_of_a_picture_are_those_that_are_seen() -> None:
    view = Viewer(ball(), width=200, height=160)
    (surface,) = view._surfaces.values()
    assert len(stills._seen_edges([surface], view._orbit.eye())[0]) == 0
    view.wireframe()
    (edges,) = stills._seen_edges([surface], view._orbit.eye())
    assert surface.vertices[edges].mean(axis=1)[:, 2].min() > -25  # mm: the far half of the ball is hidden
    assert len(edges) > 0.4 * 480  # the ball has 480


def test_one_mesh_over_the_other() -> None:
    small = ball()
    large = small.with_vertices(1.2 * small.vertices)
    view = Viewer.overlay({"fit": small, "scan": large}, width=200, height=160)
    first, second = view._surfaces.values()
    assert first.opacity == 1 and second.opacity == 0.5
    assert [one.renderOrder for one in first.objects] == [0, 3]
    colour, _, depth = second.objects
    assert colour.material.transparent and not depth.material.colorWrite and depth.renderOrder < colour.renderOrder
    assert all(surface._uniforms["shift"] == 0 for surface in (first, second))
    assert "one over the other" in view.text
    assert "solid: </i>" not in view._stage.captions.value and "see-through: scan" in view._stage.captions.value
    # in the picture the middle is half the one and half the other, and the rim is the outer one alone, half there
    drawn = stills._overlaid(view._stage, view._colouring, view._orbit.eye())
    alone = {
        name: still.draw(s.vertices, s.faces, view._orbit.eye(), view._colouring.vertex_colours(name))
        for name, s in view._surfaces.items()
    }
    middle = (80, 100)
    expected = (alone["fit"][middle] + alone["scan"][middle]) / 2
    np.testing.assert_allclose(drawn[middle], expected, atol=1e-6)
    rim = np.argwhere((alone["fit"][..., 3] == 0) & (alone["scan"][..., 3] == 1))[0]
    np.testing.assert_allclose(drawn[tuple(rim)], [*alone["scan"][tuple(rim)][:3], 0.5], atol=1e-6)


def test_what_lies_over_a_head_fades_out_at_the_neck_as_the_head_does() -> None:
    mesh = load_head().mesh
    view = Viewer.overlay({"head": mesh, "wider": mesh.with_vertices(1.1 * mesh.vertices)}, width=160, height=160)
    surface, wider = view._surfaces.values()
    drawn = stills._overlaid(view._stage, view._colouring, view._orbit.eye())
    alone = [stills._drawn(n, s, view._colouring, view._orbit.eye()) for n, s in view._surfaces.items()]
    shown = 1 - (1 - alone[0][..., 3]) * (1 - wider.opacity * alone[1][..., 3])
    assert (drawn[..., 3] <= shown + 1e-9).all()
    assert surface.finish is not None
    cut, whole = np.flatnonzero(surface.finish[:, 1] == 0)[:2], np.flatnonzero(surface.finish[:, 1] == 1)[:2]
    np.testing.assert_allclose(stills._edge_alphas(surface, np.stack([cut, whole])), [0, 0.75])


def test_the_key_of_a_tone_is_shown_only_while_it_is_worn() -> None:
    small = ball()
    view = Viewer.overlay({"fit": small, "scan": small.with_vertices(1.2 * small.vertices)}, width=200, height=160)
    assert view._stage.captions.value.count("asm-swatch") == 2
    view.colour_by("error", dict.fromkeys(("fit", "scan"), np.full(len(small.vertices), 0.0012)))
    assert "asm-swatch" not in view._stage.captions.value and "see-through: scan" in view._stage.captions.value
    assert "(mean 0.0012, largest 0.0012)" in view.text  # not 0.00


def test_names_are_drawn_where_they_find_room() -> None:
    eye = still.look(ball().vertices, "front", (400, 300))
    points = np.array([[0.0, 0, 80], [1, 1, 79], [-50, 40, 40], [0, 0, -80], [np.nan, 0, 0]])
    widths = [60.0] * 5
    # the second would cover the first, the fourth is behind, the fifth is nowhere
    assert choose_labels(eye, points, widths).tolist() == [0, 2]
    assert choose_labels(eye, points, widths, first=1).tolist() == [1, 2]
    assert 3 in choose_labels(eye, points, widths, first=3)
    # closer by, two that cover each other are far enough apart
    pair = np.array([[0.0, 0, 80], [0, 6, 79]])
    for zoom, count in ((1.0, 1), (2.0, 2)):
        eye = still.look(ball().vertices, "front", (400, 300), zoom=zoom)
        assert len(choose_labels(eye, pair, widths)) == count


def test_names_of_bones_on_request() -> None:
    rng = np.random.default_rng(0)
    points = 80 * rng.normal(size=(40, 3)) / 3
    names = tuple(f"bone_{i}" for i in range(40))
    view = Viewer(ball(), bones=points, bone_names=names, width=400, height=300)
    assert view._marks.shown.tolist() == []
    view.select_bone("bone_7")
    assert view._marks._labels.names == ("bone_7",)
    view._bar.names.value = True
    assert 1 < len(view._marks.shown) < 40 and 7 in view._marks.shown
    assert f"{len(view._marks.shown)} of 40 bone names fit: zoom in for more" in view.text
    before = len(view._marks.shown)
    view.zoom(3)
    assert len(view._marks.shown) != before
    view.name_bones("none")
    assert view._marks._labels is None and "bone names fit" not in view.text
    with pytest.raises(ValueError, match="choose one of none, selected, all"):
        view.name_bones("some")
    # a mesh without named bones does not offer them
    assert Viewer(ball())._bar.names.layout.display == "none"


def test_a_bone_that_is_nowhere_is_left_out() -> None:
    points = np.array([[0.0, 0, 80], [np.nan, 0, 0]])
    view = Viewer(ball(), bones=points, bone_names=("a", "b"), width=200, height=160)
    view.select_bone("b")
    assert view._marks._dots._size.array.tolist() == [8, 0]
    assert np.isfinite(view._marks._dots._position.array).all()
    view.picture().png()
    view.show_bones(np.array([[0.0, 0, 80], [0, 0, 70]]))
    assert view._marks._dots._size.array.tolist() == [8, 17]


def test_all_bones_have_colours_of_their_own_even_while_one_is_selected() -> None:
    weights = torch.zeros(162, 2)
    weights[:100, 0] = weights[100:, 1] = 1
    weights[3] = math.nan
    view = Viewer(ball(), weights=weights, bone_names=("jaw", "nose"), colour="bones")
    view.select_bone("nose")
    (surface,) = view._surfaces.values()
    tint = surface._tint.array
    np.testing.assert_allclose(tint[3], 0.62, atol=1e-6)  # grey: no number
    assert len(np.unique(np.delete(tint, 3, axis=0), axis=0)) == 2
    assert "one colour per bone" in view.text


def test_values_can_be_kept_for_later() -> None:
    view = Viewer(ball())
    view.colour_by("error", torch.ones(162), show=False)
    assert view.colours == "plain" and "error" in view._colouring.modes
    view.colour_by("error")
    assert view.colours == "error"


def test_what_a_mesh_lacks_and_what_a_large_one_needs_is_told() -> None:
    assert "320 faces, no UV" in Viewer(ball()).text
    assert "no UV" not in Viewer(ball(uv=True)).text


def test_a_picture_is_what_the_view_shows() -> None:
    view = Viewer(ball(uv=True), colour="uv", width=200, height=160)
    front = view.picture().png()
    assert front.startswith(b"\x89PNG")
    view.view("left")
    assert view.picture().png() != front
    view.view("front")
    assert view.picture().png() == front
