"""What was learned of faces: the marginal of the motions, the embedded file, and which models it refuses."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

import asm_teach as asm
from asm_teach.data.assets import data_dir
from asm_teach.data.face_prior import FacePrior, face_prior, flat, learned_prior, parameters_of
from asm_teach.data.heads import load_head
from asm_teach.model.adaptive import AdaptiveSkinningModel
from asm_teach.model.transforms import Rig
from tests.formats.fuzz_files import small_model


def small_prior() -> FacePrior:
    """Of a small model, with modes that mix motions and weights."""
    model = small_model()
    size, draw = len(parameters_of(model)), torch.Generator().manual_seed(0)
    directions = torch.linalg.qr(torch.randn(size, 4, generator=draw))[0].T
    scale = 0.5 + torch.rand(size, generator=draw)
    centre = parameters_of(model).detach() + torch.randn(size, generator=draw)
    deviations = torch.tensor([3.0, 1.0, 0.5, 0.1])
    return FacePrior(model.mesh, model.rig.names, centre, scale, directions, deviations, 0.2, 2.0)


def test_the_motions_alone_have_the_marginal_distribution() -> None:
    """Against the covariance of all numbers, of which the rows and columns of the motions are taken."""
    prior, model = small_prior(), small_model()
    root, centre = prior.on_motion(model)
    whole = prior.directions.T * prior.deviations.square() @ prior.directions
    whole = prior.scale[:, None] * (whole + prior.noise**2 * torch.eye(len(whole))) * prior.scale
    number = torch.arange(len(prior.centre))
    order = {name: torch.full(p.shape, -1) for name, p in model.named_parameters()}
    begin = 0
    for name, rows in order.items():
        kept = torch.ones_like(rows, dtype=torch.bool)
        if name in ("translation", "rotation"):
            kept[model.rig.parents < 0] = False
        count = int(kept.sum())
        rows[kept] = number[begin : begin + count]
        begin += count
    motion = torch.cat([order[name] for name in ("translation", "rotation", "log_scale")], 1).flatten()
    free = motion >= 0
    inverse = torch.linalg.inv(whole[motion[free]][:, motion[free]].double()) * prior.strength
    assert torch.allclose((root.T @ root)[free][:, free].double(), inverse, rtol=1e-3, atol=1e-3 * float(inverse.max()))
    assert root[:, ~free].eq(0).all() and torch.equal(centre[free], prior.centre[motion[free]])


def test_a_model_begins_with_the_weights_of_the_people() -> None:
    prior, model = small_prior(), small_model()
    before = model.translation.clone()
    prior.begin(model)
    assert torch.equal(model.translation, before)
    parts = {
        name: p if name.startswith(("mix", "bone")) else torch.zeros_like(p) for name, p in model.named_parameters()
    }
    expected = flat(model, parts).detach()
    weights = (
        flat(model, {n: torch.full_like(p, n.startswith(("mix", "bone"))) for n, p in model.named_parameters()}) > 0
    )
    assert torch.equal(expected[weights], prior.centre[weights])


def test_the_embedded_prior_is_small_and_draws_faces() -> None:
    assert (data_dir() / "face_prior.npz").stat().st_size < 300_000
    head, prior = load_head(), learned_prior()
    model = AdaptiveSkinningModel(head.mesh, head.rig)
    prior.check(model)
    face, rest = head.mesh.part_vertices("face"), head.mesh.vertices
    drawn = torch.stack([prior.sample(model, seed)().detach() for seed in range(6)])
    away = (drawn - rest)[:, face].norm(dim=2).mean(1)
    assert away.min() > 1 and away.max() < 9
    spread = (drawn - drawn.mean(0))[:, face].norm(dim=2).mean()
    assert 1 < spread < 5


def test_a_prior_of_another_head_or_rig_is_refused() -> None:
    prior, model = small_prior(), small_model()
    prior.check(model)
    other = small_model()
    other.rig = Rig(tuple(f"b{name}" for name in other.rig.names), other.rig.parents, uv=other.rig.uv)
    with pytest.raises(ValueError, match="another rig .bones of other names"):
        prior.check(other)
    with pytest.raises(ValueError, match=r"another rig .\d+ bones and \d+ numbers"):
        prior.check(AdaptiveSkinningModel(model.mesh, model.rig, components=model.components + 1))
    with pytest.raises(ValueError, match="another head .another shape at rest"):
        replace(prior, mesh=model.mesh.with_vertices(model.mesh.vertices + 1)).check(model)
    head = load_head("soma")
    with pytest.raises(ValueError, match=r"another head .\d+ vertices there, \d+ here"):
        asm.fit_views(AdaptiveSkinningModel(head.mesh, head.rig), _views(head), prior="learned")


def test_a_prior_is_given_as_itself_by_file_or_by_name(tmp_path) -> None:
    prior = small_prior()
    prior.save(tmp_path / "prior.npz")
    again = face_prior(tmp_path / "prior.npz")
    assert (again.bones, again.strength, again.noise) == (prior.bones, prior.strength, prior.noise)
    assert torch.equal(again.directions, prior.directions)
    assert face_prior(prior) is prior and face_prior("learned") is learned_prior()
    with pytest.raises(FileNotFoundError, match="there is no file 'lerned'"):
        face_prior("lerned")


def _views(head: asm.Head) -> list[asm.View]:
    points = head.landmarks.points(head.mesh.vertices, head.mesh.faces)
    return [asm.View(None, 250 + 2 * points[:, :2] * torch.tensor([1.0, -1.0]), size=(500, 500))]
