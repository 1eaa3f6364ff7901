"""The sliders: each moves what its name says, by as many millimetres, alike on both sides, and nothing beyond."""

from __future__ import annotations

import functools
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from asm_teach.avatar.editing import edit, has_bones, slider_motions, slider_of
from asm_teach.avatar.export import export_gltf
from asm_teach.avatar.import_gltf import import_gltf
from asm_teach.avatar.inside import face_of
from asm_teach.avatar.sliders import SLIDERS, Slider
from asm_teach.model.adaptive import AdaptiveSkinningModel, SkinnedModel, StaticSkinningModel
from asm_teach.model.binding import Chart
from asm_teach.model.transforms import rotation_matrix
from asm_teach.scan_fit.fit import fit_scan, narrow
from tests.avatar.models import HEAD, moved, static
from tests.formats.fuzz_files import small_model

# Of the 68 landmarks: what the name of a slider says, and the parts of the face that may go along.
GROUPS = {"jaw": range(17), "brow": range(17, 27), "nose": range(27, 36), "eye": range(36, 48), "mouth": range(48, 68)}
Measure = Callable[[Tensor], Tensor]


def apart(left: int, right: int) -> Measure:
    """How far two landmarks are apart from side to side."""
    return lambda x: x[left, 0] - x[right, 0]


def mean(axis: int, sign: int, *landmarks: int) -> Measure:
    """How far landmarks are up (axis 1) or out of the face (axis 2), on average."""
    return lambda x: sign * x[list(landmarks), axis].mean()


def higher(one: tuple[int, ...], other: tuple[int, ...]) -> Measure:
    """How much higher landmarks are than others."""
    return lambda x: x[list(one), 1].mean() - x[list(other), 1].mean()


MEANT: dict[str, tuple[set[str], Measure | None]] = {
    "nose_width": ({"nose"}, apart(35, 31)),
    "nose_length": ({"nose"}, mean(1, -1, 30)),
    "nose_depth": ({"nose"}, mean(2, 1, 30)),
    "nose_tip": ({"nose", "mouth"}, mean(1, 1, 30)),
    "nose_bridge": ({"nose"}, mean(2, 1, 27)),
    "mouth_width": ({"mouth"}, apart(54, 48)),
    "mouth_height": ({"mouth"}, mean(1, 1, 51, 62, 66)),
    "lips": ({"mouth"}, mean(2, 1, 51, 57)),
    "cheeks": ({"jaw"}, None),  # no landmark lies there
    "cheekbones": ({"jaw"}, None),
    "jaw_width": ({"jaw"}, apart(12, 4)),
    "chin_length": ({"jaw", "mouth"}, mean(1, -1, 8)),
    "chin_depth": ({"jaw", "mouth"}, mean(2, 1, 8)),
    "chin_width": ({"jaw", "mouth"}, apart(9, 7)),
    "face_length": ({"jaw", "mouth", "nose"}, mean(1, -1, 8)),
    "brow_height": ({"brow"}, mean(1, 1, 19, 24)),
    "brow_tilt": ({"brow"}, higher((17, 26), (21, 22))),
    "eye_size": ({"eye", "brow"}, lambda x: (apart(45, 42)(x) + apart(39, 36)(x)) / 2),
    "eye_distance": ({"eye", "brow"}, apart(42, 39)),
    "eye_height": ({"eye", "brow"}, mean(1, 1, 39, 42)),
    "eye_tilt": ({"eye", "brow"}, higher((36, 45), (39, 42))),
    "forehead": ({"brow"}, None),
}


@functools.cache
def fresh() -> SkinnedModel:
    """The embedded head with the Gaussians that a fit starts from."""
    model = AdaptiveSkinningModel(HEAD.mesh, HEAD.rig).requires_grad_(False)
    narrow(model)
    return model


@functools.cache
def uneven() -> SkinnedModel:
    """The same as if it were fitted: each bone reaches otherwise, sits elsewhere, and has moved."""
    model, generator = (
        AdaptiveSkinningModel(HEAD.mesh, HEAD.rig).requires_grad_(False),
        torch.Generator().manual_seed(0),
    )
    narrow(model)
    model.mixture_factor[..., ::2] += 0.25 * torch.randn(len(HEAD.rig), 2, 2, generator=generator)  # logs of widths
    model.bone_uv += 0.002 * torch.randn(len(HEAD.rig), 2, generator=generator)
    return moved(model, 0.25)


def way(before: SkinnedModel, after: SkinnedModel) -> Tensor:
    """(V, 3) mm by which the skin has moved, in the axes of the head."""
    return ((after() - before()) @ rotation_matrix(before.rotation[0])).detach()


def at_places(slider: Slider, moved_by: Tensor) -> list[float]:
    """The measured mm, of the left and of the right where there are two, at the vertices where the bones sit."""
    skin = Chart.from_mesh(HEAD.mesh).bind(HEAD.rig.uv, HEAD.mesh.vertices)

    def one(end: str, sign: float) -> float:
        total = 0.0
        for place in slider.places:
            bone = HEAD.rig.index(place.bone.removesuffix("_L") + end if place.bone.endswith("_L") else place.bone)
            vertex = (HEAD.mesh.vertices - skin[bone]).norm(dim=1).argmin()
            total += float(moved_by[vertex] @ (torch.tensor(place.along) * torch.tensor([sign, 1.0, 1.0])))
        return total

    return [one("_L", 1.0), one("_R", -1.0)] if slider.is_paired else [one("_L", 1.0)]


# --- the table


def test_the_table_knows_its_bones_and_its_names() -> None:
    assert len({s.name for s in SLIDERS} | {s.label for s in SLIDERS}) == 2 * len(SLIDERS)
    assert {s.name for s in SLIDERS} == MEANT.keys()
    for slider in SLIDERS:
        assert has_bones(HEAD.rig, slider) and slider.low < 0 < slider.high
        assert {place.bone.endswith("_L") for place in slider.places} == {slider.is_paired}
    assert slider_of("nose width") is slider_of("nose_width") is SLIDERS[0]


# --- millimetres


def check(model: SkinnedModel, name: str, beyond: float) -> None:
    """A slider by the millimetres at its places, by landmarks that it does not know, and by all others."""
    slider, (allowed, measure) = slider_of(name), MEANT[name]
    amount = 0.6 * slider.high
    skin = way(model, edit(model, **{name: amount}))
    assert at_places(slider, skin) == pytest.approx([amount] * (1 + slider.is_paired), abs=0.01)
    landmarks = (skin[HEAD.mesh.faces[HEAD.landmarks.faces]] * HEAD.landmarks.barycentric[..., None]).sum(1)
    largest = float(skin.norm(dim=1).max())
    assert 0.4 * amount < largest < 1.8 * amount
    if measure is not None:
        assert 0.5 * amount < float(measure(landmarks)) < 1.5 * amount
    for group, rows in GROUPS.items():
        if group not in allowed:
            far = float(landmarks[list(rows)].norm(dim=1).max())
            assert far < beyond * largest, f"{name} moves the {group} by {far:.2f} of {largest:.2f} mm"


@pytest.mark.parametrize("name", MEANT)
def test_a_slider_moves_what_its_name_says_and_nothing_beyond(name) -> None:
    check(fresh(), name, 0.2)


@pytest.mark.parametrize("name", ["nose_width", "brow_height", "jaw_width", "eye_distance", "chin_length"])
def test_so_it_does_where_bones_reach_unevenly(name) -> None:
    check(uneven(), name, 0.35)


def test_equal_motions_are_not_equal_millimetres_on_a_fitted_face() -> None:
    """What `edit` is for: without it the brows rise unequally."""
    model, slider = uneven(), slider_of("brow_height")
    naive = edit(model)
    for bone in ("eyebrow_L", "eyebrow_R"):
        naive.translation[HEAD.rig.index(bone), 1] += 3
    left, right = at_places(slider, way(model, naive))
    assert abs(left - right) > 0.1
    left, right = at_places(slider, way(model, edit(model, brow_height=3)))
    assert abs(left - right) < 0.001


@pytest.mark.long
def test_sliders_are_exact_on_people_that_were_fitted() -> None:
    for seed in (0, 2):
        person = HEAD.sample(seed, expression=False)
        model = fit_scan(AdaptiveSkinningModel(HEAD.mesh, HEAD.rig), person, steps=10, progress=False).model
        for name in ("brow_height", "nose_width", "jaw_width", "eye_distance", "chin_length"):
            skin, slider = way(model, edit(model, **{name: 3.0})), slider_of(name)
            assert at_places(slider, skin) == pytest.approx([3.0] * (1 + slider.is_paired), abs=0.01)
            assert skin.norm(dim=1).max() < 6


def test_one_side_alone() -> None:
    model = uneven()
    skin = way(model, edit(model, side="left", brow_height=3))
    assert at_places(slider_of("brow_height"), skin) == pytest.approx([3.0, 0.0], abs=0.01)
    skin = way(model, edit(model, side="right", nose_width=2))
    assert at_places(slider_of("nose_width"), skin) == pytest.approx([0.0, 2.0], abs=0.01)


def test_a_head_that_lies_askew_is_changed_in_its_own_axes() -> None:
    turned = edit(uneven())
    turned.rotation[0] = torch.tensor([0.3, 1.2, -0.4])
    skin = way(turned, edit(turned, nose_depth=4))
    assert at_places(slider_of("nose_depth"), skin) == pytest.approx([4.0], abs=0.01)


# --- what is added up


def test_amounts_add_up_in_any_order_and_nothing_else_changes() -> None:
    model = uneven()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    both = edit(model, **{"nose width": 2, "brow_height": -1, "jaw_width": 0})
    other = edit(model, brow_height=-1, nose_width=2.0)
    assert (both() - other()).norm(dim=1).max() < 1e-3  # a rounding
    alone = [edit(model, nose_width=2), edit(model, brow_height=-1)]
    torch.testing.assert_close(
        both.translation - model.translation, sum(x.translation - model.translation for x in alone)
    )
    changed = {name for name, value in both.state_dict().items() if not torch.equal(value, before[name])}
    assert changed == {"translation", "rotation", "log_scale"}
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert type(both) is AdaptiveSkinningModel and both.translation.dtype == torch.float32


def test_on_a_fresh_head_a_slider_is_its_short_list_of_bones() -> None:
    changed = (edit(fresh(), nose_width=2).translation != 0).any(1).nonzero()[:, 0].tolist()
    assert {HEAD.rig.names[bone] for bone in changed} == {
        f"nose_{part}_{end}" for part in ("wing", "hole", "bottom") for end in "LR"
    }


def test_motions_for_pages_are_those_of_a_millimetre() -> None:
    model = uneven()
    motions = slider_motions(model)
    assert motions.keys() == MEANT.keys()
    exact = edit(model, cheeks=1)
    torch.testing.assert_close(
        exact.translation - model.translation, motions["cheeks"][:, :3].float(), atol=1e-4, rtol=0
    )


def test_edits_are_written_and_come_back(tmp_path) -> None:
    export_gltf(uneven(), tmp_path / "me.glb", shapes=False, edits={"nose width": 2, "jaw_width": -3.5})
    read = import_gltf(tmp_path / "me.glb")
    assert read.edits == {"nose_width": 2.0, "jaw_width": -3.5}
    expected = face_of(edit(uneven(), nose_width=2, jaw_width=-3.5))
    assert (read.model() - expected).norm(dim=1).max() < 1e-3 < (uneven()() - expected).norm(dim=1).max()
    with pytest.raises(ValueError, match=r"amounts: nose_width is 20.0 mm"):
        export_gltf(uneven(), tmp_path / "no.glb", edits={"nose_width": 20})
    assert not (tmp_path / "no.glb").exists()


def test_a_head_that_was_written_and_read_can_be_changed(tmp_path) -> None:
    export_gltf(uneven(), tmp_path / "me.glb", shapes=False)
    model = import_gltf(tmp_path / "me.glb").model.requires_grad_(False)
    skin = edit(model, mouth_width=4)() - model()
    assert 3 < float(skin[:, 0].max() - skin[:, 0].min()) < 6
    assert skin[HEAD.mesh.part_vertices("eyes")].norm(dim=1).max() < 0.2


# --- what cannot be done


def test_sliders_amounts_and_models_that_do_not_do() -> None:
    model = fresh()
    with pytest.raises(
        ValueError, match=r"amounts: no slider is called 'nose_size'; there are nose_width, nose_length"
    ):
        edit(model, nose_size=1)
    with pytest.raises(ValueError, match=r"amounts: nose_width is 70 mm; it goes from -6 to 7"):
        edit(model, nose_width=70)
    with pytest.raises(ValueError, match=r"amounts: nose_width is nan mm"):
        edit(model, nose_width=float("nan"))
    with pytest.raises(ValueError, match=r"side: found 'top'; give 'both', 'left' or 'right'"):
        edit(model, "top", nose_width=1)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"side: nose_length lies in the middle of the face and has no left side"):
        edit(model, "left", nose_length=1)
    for other in (small_model(), static()):
        with pytest.raises(
            ValueError, match=r"amounts: this model lacks bones that nose_width moves, such as 'nose_wing_L'"
        ):
            edit(other, nose_width=1)
        assert not slider_motions(other)


def test_bones_that_do_not_reach_the_skin_are_told() -> None:
    """All skin hangs on the root alone."""
    weights = torch.zeros(len(HEAD.mesh.vertices), 84)
    weights[:, 0] = 1
    model = StaticSkinningModel(HEAD.mesh, HEAD.rig, weights).requires_grad_(False)
    with pytest.raises(ValueError, match=r"amounts: nose_width: the bones of this model"):
        edit(model, nose_width=1)
    assert not slider_motions(model)
