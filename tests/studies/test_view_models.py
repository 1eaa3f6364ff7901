"""The models of lesson 9 and how they are fitted to pictures."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from asm_teach.data.heads import load_head
from asm_teach.geometry.metrics import summarise
from asm_teach.model.linear import LinearMorphableModel
from asm_teach.studies.cases import measure
from asm_teach.studies.scan_models import sampled_shapes
from asm_teach.studies.view_cases import rendered_case
from asm_teach.studies.view_models import fit_linear, view_contenders

HEAD = load_head()


@pytest.fixture(scope="module")
def linear():
    return LinearMorphableModel.from_samples(HEAD.mesh, sampled_shapes(HEAD, 12), 6)


@pytest.fixture(scope="module")
def case(linear):
    """A person that the linear model holds: one deviation along each of its modes, this way or that."""
    person = HEAD.mesh.with_vertices(linear(torch.tensor([1.0, -1.0, 1.0, -1.0, 1.0, -1.0])))
    ibug = HEAD.landmarks.points(person.vertices, person.faces)
    return rendered_case(person, ibug, ibug, person.part_vertices("face"), views=3, size=128, noise=0.5)


def rmse(case, vertices):
    return summarise(measure(case, HEAD, vertices).distances)["rmse"]


def test_a_linear_model_finds_a_person_that_it_holds(linear, case):
    vertices, cameras = fit_linear(linear, case.views, progress=False)
    assert len(cameras) == 3 and vertices.shape == HEAD.mesh.vertices.shape
    start = rmse(case, linear.mean)
    assert start > 1.0, "the person must differ from the mean, else there is nothing to find"
    # Six numbers against a hundred landmarks half a pixel off: a third of what the mean leaves is far on the safe side.
    assert rmse(case, vertices) < start / 3


def test_pictures_add_to_what_landmarks_tell(linear, case):
    blind = [replace(view, image=None) for view in case.views]
    by_landmarks, _ = fit_linear(linear, blind, progress=False)
    by_pictures, _ = fit_linear(linear, case.views, progress=False)
    assert not torch.equal(by_landmarks, by_pictures)


def test_outlines_of_a_single_picture_move_the_face(linear, case):
    one, blind = case.views[:1], [replace(case.views[0], image=None)]
    plain, _ = fit_linear(linear, one, progress=False)
    outlined, _ = fit_linear(linear, one, progress=False, outlines=True)
    assert not torch.equal(plain, outlined)
    without, _ = fit_linear(linear, blind, progress=False, outlines=True)  # there is nothing to look for them in
    assert torch.equal(plain, without)


@pytest.mark.long
def test_every_model_that_bones_move_takes_outlines_too(case):
    one, blind = case.views[:1], [replace(case.views[0], image=None)]
    plain, outlined = (view_contenders(HEAD, ["static, painted"], outlines)[0] for outlines in (False, True))
    by_landmarks = plain.fit(one, True).vertices
    assert not torch.equal(outlined.fit(one, True).vertices, by_landmarks)
    assert torch.equal(outlined.fit(blind, True).vertices, by_landmarks)


def test_a_short_reach_keeps_near_the_mean(linear, case):
    near, _ = fit_linear(linear, case.views[:1], reach=0.01, progress=False)
    far, _ = fit_linear(linear, case.views[:1], reach=1.0, progress=False)
    assert (near - linear.mean).abs().max() < 0.1 * (far - linear.mean).abs().max()
    with pytest.raises(ValueError, match="^reach: found 0"):
        fit_linear(linear, case.views, reach=0.0)


def test_the_contenders_and_their_numbers():
    models = {model.name: model.numbers for model in view_contenders(HEAD, None)}
    assert models["mean template"] == 0 and models["linear, 80 modes"] == 80 and models["linear, 199 modes"] == 199
    assert models["static, painted"] == 9 * 32 and models["static, 84 bones"] == 9 * 84
    assert models["adaptive"] == 84 * (11 + 6 * 2)  # J (11 + 6 K)
    with pytest.raises(ValueError, match="^models: there is no 'flame'; choose from mean template, "):
        view_contenders(HEAD, ["flame"])


@pytest.mark.long
@pytest.mark.parametrize("name", ["static, painted", "mean template"])
def test_skinned_models_go_through_the_same_stages(case, name):
    (model,) = view_contenders(HEAD, [name])
    fit = model.fit(case.views, False)
    assert fit.vertices.shape == HEAD.mesh.vertices.shape and fit.vertices.isfinite().all()
    if name == "mean template":
        assert fit.seconds == 0 and torch.equal(fit.vertices, HEAD.mesh.vertices)
    else:
        assert fit.seconds > 0 and len(fit.cameras) == 3
        # Outlines help in 128 pixels too (0.97 mm, 1.29 without), since they are known to a pixel there: 2.4 mm.
        assert rmse(case, fit.vertices) < 0.85 * rmse(case, HEAD.mesh.vertices)
