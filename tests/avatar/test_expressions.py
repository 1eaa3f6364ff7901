"""The 51 expressions of a fitted face: whose they are, and what they must not do."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from asm_teach.avatar.expressions import expression_shapes
from asm_teach.avatar.inside import face_of
from asm_teach.avatar.openings import EYES, MOUTH, lids, lips, sides
from asm_teach.avatar.transfer import template_shapes
from asm_teach.fitting.result import Fit
from asm_teach.geometry.mesh import Mesh
from asm_teach.model.adaptive import AdaptiveSkinningModel, StaticSkinningModel
from tests.avatar.models import HEAD, adaptive, moved, static
from tests.formats.fuzz_files import small_model

TEMPLATE = template_shapes(HEAD.mesh)
AMOUNTS = {"jawOpen": 1.0, "browInnerUp": 1.0}


def test_a_face_at_rest_has_the_shapes_of_its_template() -> None:
    shapes = expression_shapes(AdaptiveSkinningModel(HEAD.mesh, HEAD.rig))
    assert shapes.names == HEAD.expressions.names and shapes.offsets.shape == (51, len(HEAD.mesh.vertices), 3)
    off = (shapes.offsets - TEMPLATE.offsets).norm(dim=-1).amax(1)
    mended = {name for name, change in zip(shapes.names, off.tolist(), strict=True) if change > 0.2}
    assert {"eyeBlinkLeft", "eyeBlinkRight", "mouthShrugLower"} < mended
    assert len(mended) < 20 and all(name.startswith(("eyeBlink", "mouth")) for name in mended)


@pytest.mark.parametrize("kind", [adaptive, static])
def test_lids_meet_lips_stay_apart_and_the_scalp_stays(kind) -> None:
    model = kind()
    shapes = expression_shapes(model)
    face = HEAD.mesh.to(dtype=torch.float64).with_vertices(face_of(model))
    for name in EYES:
        eye = lids(face, name, TEMPLATE.margins[name])
        assert eye.gap(face.vertices + shapes.moved({f"eyeBlink{name}": 1.0})).max() < 0.3
    mouth = lips(face)
    at_rest = mouth.through(face.vertices).norm(dim=1).max()
    for name in shapes.names:
        amounts = {name: 1.0, "jawOpen": 1.0} if name == "mouthClose" else {name: 1.0}
        assert mouth.through(face.vertices + shapes.moved(amounts)).norm(dim=1).max() < at_rest + 0.11, name
    assert TEMPLATE.scalp.sum() > 100 and not shapes.offsets[:, TEMPLATE.scalp].any()
    higher = face.vertices[TEMPLATE.scalp, 1].min() > face.vertices[HEAD.mesh.part_vertices("teeth"), 1].max()
    assert higher


def test_eyes_that_were_scanned_closed_stay_closed_and_a_note_names_them() -> None:
    opened = expression_shapes(StaticSkinningModel(HEAD.mesh, HEAD.hand_rig, HEAD.hand_weights), TEMPLATE)
    assert opened.notes == ()
    shut = HEAD.mesh.vertices.double() + opened.moved({"eyeBlinkLeft": 1.0})
    model = StaticSkinningModel(HEAD.mesh.with_vertices(shut.float()), HEAD.hand_rig, HEAD.hand_weights)
    shapes = expression_shapes(model, TEMPLATE._replace(vertices=shut))
    (note,) = shapes.notes
    assert note.startswith("left eye: its lids are closed at rest") and "eyeBlinkLeft moves nothing" in note
    assert not shapes.offsets[:, TEMPLATE.scalp].any()
    assert not shapes.moved({"eyeBlinkLeft": 1.0}).any() and shapes.moved({"eyeBlinkRight": 1.0}).any()
    eye = lids(HEAD.mesh, "Left", TEMPLATE.margins["Left"])  # which lid is which the open eye says
    for name in shapes.names:
        assert eye.gap(shut + shapes.moved({name: 1.0})).max() < 0.7, name
    assert eye.gap(shut + opened.moved({"eyeWideLeft": 1.0})).max() > 1.5  # the lids would come apart


def sewn() -> tuple[Mesh, torch.Tensor]:
    """The embedded head with triangles from lip to lip, and the ends of the threads (n, 2)."""
    exact = HEAD.mesh.to(dtype=torch.float64)
    upper, lower = (rows.nonzero()[:, 0] for rows in sides(exact, MOUTH).near(20.0))
    apart, other = torch.cdist(exact.vertices[upper], exact.vertices[lower]).topk(2, largest=False)
    touch = apart[:, 0] < 4
    thread = torch.cat([upper[touch, None], lower[other[touch]]], 1)
    return replace(HEAD.mesh, faces=torch.cat([HEAD.mesh.faces, thread]), parts={}, quads=None), thread[:, :2]


def test_lips_that_are_one_surface_move_together_and_a_note_says_so() -> None:
    mesh, thread = sewn()
    assert len(thread) > 20
    model = StaticSkinningModel(mesh, HEAD.hand_rig, HEAD.hand_weights)
    shapes = expression_shapes(model, TEMPLATE)
    (note,) = shapes.notes
    assert note.startswith("mouth: its lips are one surface") and "mouthClose moves nothing" in note
    assert not shapes.moved({"mouthClose": 1.0}).any()

    def pulled(offset: torch.Tensor) -> torch.Tensor:
        return (offset[thread[:, 0]] - offset[thread[:, 1]]).norm(dim=1).max()

    for name in shapes.names:
        assert pulled(shapes.moved({name: 1.0})) < 2, name
    assert pulled(TEMPLATE.offsets[TEMPLATE.names.index("jawOpen")]) > 20
    chin = HEAD.landmarks.nearest_vertices(HEAD.mesh.faces)[8]
    jaw = shapes.moved({"jawOpen": 1.0})
    assert jaw[chin].norm() > 15 and jaw[thread].norm(dim=-1).mean() < 10  # the jaw goes down, the lips stay


def test_a_larger_head_turned_aside_makes_the_same_face_larger_and_turned() -> None:
    """The displacements of the template alone would do neither."""
    model = AdaptiveSkinningModel(HEAD.mesh, HEAD.rig)
    calm = expression_shapes(model).moved(AMOUNTS)
    turn = torch.tensor([[0.0, 0, 1], [0, 1, 0], [-1, 0, 0]], dtype=torch.float64)  # to the person's left
    with torch.no_grad():
        (root,) = (model.rig.parents < 0).nonzero()[:, 0].tolist()
        model.rotation[root, 1] = torch.pi / 2
        model.log_scale[root] = torch.log(torch.tensor(1.3))
    found = expression_shapes(model).moved(AMOUNTS)
    assert (found - 1.3 * calm @ turn.T).norm(dim=1).max() < 0.001
    assert calm.norm(dim=1).max() > 10


def test_a_fit_is_taken_for_its_model_and_a_template_is_used_again() -> None:
    model = adaptive()
    first, second = expression_shapes(model, TEMPLATE), expression_shapes(Fit(model, model().detach()))
    torch.testing.assert_close(first.offsets, second.offsets, atol=1e-6, rtol=0)


def test_amounts_add_up_and_have_names() -> None:
    shapes = expression_shapes(adaptive(), TEMPLATE)
    both = shapes.moved({"jawOpen": 1.0, "browInnerUp": 0.5})
    jaw, brow = (shapes.offsets[shapes.names.index(name)] for name in ("jawOpen", "browInnerUp"))
    torch.testing.assert_close(both, jaw + 0.5 * brow)
    assert not shapes.moved({}).any()
    with pytest.raises(ValueError, match=r"amounts: no shape is called 'smile'"):
        shapes.moved({"smile": 1.0})


def test_models_without_landmarks_or_numbers_are_refused() -> None:
    with pytest.raises(ValueError, match=r"mesh: it is none of the embedded heads and has no landmarks 'ibug68'"):
        expression_shapes(small_model())
    model = moved(AdaptiveSkinningModel(HEAD.mesh, HEAD.rig))
    with torch.no_grad():
        model.translation[3] = torch.nan
    with pytest.raises(ValueError, match="model: its numbers are NaN or infinite"):
        expression_shapes(model)
