"""The 51 expressions of a fitted face: whose they are, and what they must not do."""

from __future__ import annotations

import pytest
import torch

from asm_teach.avatar.expressions import expression_shapes
from asm_teach.avatar.openings import EYES, lids, lips
from asm_teach.avatar.transfer import template_shapes
from asm_teach.fitting.result import Fit
from asm_teach.model.adaptive import AdaptiveSkinningModel
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
    face = HEAD.mesh.to(dtype=torch.float64).with_vertices(model().detach().double())
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
    assert torch.equal(first.offsets, second.offsets)


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
