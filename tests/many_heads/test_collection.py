"""A collection has the mean and the modes that its heads were made of, and a prior that knows them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from asm_teach.data.face_prior import FacePrior, parameters_of
from asm_teach.geometry.alignment import align_points, apply_alignment
from asm_teach.geometry.mesh import Mesh
from asm_teach.many_heads.collection import Collection, read_collection
from asm_teach.many_heads.fit_many import fit_many
from asm_teach.model.adaptive import AdaptiveSkinningModel
from asm_teach.model.linear import LinearMorphableModel
from asm_teach.model.storage import load_model, save
from asm_teach.scan_fit.fit import fit_scan
from tests.command import one_line, run
from tests.formats.fuzz_files import small_model

from .heads import Inline, saved_model

COUNT = 9


def family(model: AdaptiveSkinningModel, seed: int) -> AdaptiveSkinningModel:
    """A model moved in two ways, and turned as a whole."""
    a, b, turn = torch.randn(3, generator=torch.Generator().manual_seed(seed))
    made = small_model().__class__(model.mesh, model.rig, model.components)
    with torch.no_grad():
        made.log_scale[1] = torch.tensor([0.2, 0.0, 0.1]) * a
        made.translation[1] = torch.tensor([0.0, 4.0, -2.0]) * b
        made.rotation[0] = torch.tensor([0.0, 0.3, 0.1]) * turn
    return made


@pytest.fixture(scope="module")
def fits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Nine heads of the family, fitted."""
    folder = tmp_path_factory.mktemp("collection")
    model = load_model(saved_model(folder))
    (folder / "in").mkdir()
    for n in range(COUNT):
        Mesh(family(model, n)().detach(), model.mesh.faces).write(folder / f"in/head{n}.ply")
    batch = fit_many(
        folder / "in", Inline(), folder / "out", model=folder / "small.npz", options={"steps": 12, "device": "cpu"}
    )
    assert len(batch.names("fitted")) == COUNT
    return folder / "out"


@pytest.fixture
def collection(fits: Path) -> Collection:
    return read_collection(fits)


def test_heads_are_brought_to_one_place(fits, collection) -> None:
    assert collection.shapes.shape == (COUNT, len(small_model().mesh.vertices), 3)
    fitted = load_model(fits / "head4.npz")().detach()
    moved = apply_alignment(fitted, align_points(fitted, collection.shapes[4]))
    assert torch.allclose(moved, collection.shapes[4], atol=1e-3)
    assert (collection.shapes - collection.template.mesh.vertices).norm(dim=2).mean() < 3
    # the turn of the whole head is no part of theta, which is otherwise that of the fit
    theta = parameters_of(load_model(fits / "head4.npz"))
    assert torch.equal(theta, collection.theta[4])
    assert len(theta) == sum(p.numel() for p in small_model().parameters()) - 6


def test_the_mean_is_a_head_to_fit(fits, collection, tmp_path) -> None:
    save(collection.mean_head(), tmp_path / "mean.npz")
    mean = load_model(tmp_path / "mean.npz")
    assert torch.allclose(mean(), collection.shapes.mean(0), atol=1e-4)
    scan = Mesh(collection.shapes[2], mean.mesh.faces)
    fit = fit_scan(mean, scan, steps=6, progress=False, device="cpu")
    assert fit.history[-1].error < (mean() - scan.vertices).norm(dim=1).mean()


def test_the_modes_are_those_of_the_family(collection, tmp_path) -> None:
    modes = collection.modes(0.9)
    assert 1 <= len(modes) <= 3  # two ways, and a little that the rigid motion leaves
    modes.save(tmp_path / "linear.npz")
    again = LinearMorphableModel.load(tmp_path / "linear.npz")
    left = (again(again.project(collection.shapes[5])) - collection.shapes[5]).norm(dim=1).mean()
    assert left < 0.5 * (again.mean - collection.shapes[5]).norm(dim=1).mean()
    assert len(collection.modes(1.0)) == COUNT - 1
    twice = replace(collection, shapes=torch.cat([collection.shapes, collection.shapes]))
    assert len(twice.modes(1.0)) == COUNT - 1


def test_the_prior_is_the_normal_distribution_that_it_says(collection) -> None:
    """Against the density of torch, with the whole covariance."""
    prior = collection.prior()
    size = len(prior.centre)
    whole = prior.directions.T * prior.deviations.square() @ prior.directions + prior.noise**2 * torch.eye(size)
    reference = torch.distributions.MultivariateNormal(torch.zeros(size).double(), whole.double())
    models = [family(small_model(), seed) for seed in (20, 21, 22)]
    away = [((parameters_of(model) - prior.centre) / prior.scale).detach() for model in models]
    mine = torch.stack([prior(model) for model in models]).detach().double()
    theirs = -torch.stack([reference.log_prob(one.double()) for one in away])
    assert torch.allclose(mine - mine[0], theirs - theirs[0], rtol=1e-3, atol=1e-2 * float(mine.max()))


def test_the_prior_knows_the_family_and_has_gradients(collection) -> None:
    prior = collection.prior()
    own = torch.stack([prior(family(small_model(), seed)) for seed in range(30, 36)])
    other = family(small_model(), 30)
    with torch.no_grad():
        other.log_scale[1] = torch.tensor([-0.3, 0.4, -0.2])
    assert prior(other) > own.max()
    prior(other).backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in other.parameters())
    assert other.rotation.grad[0].eq(0).all() and other.log_scale.grad[1].ne(0).all()


def test_a_face_can_be_drawn_from_the_prior(collection, tmp_path) -> None:
    prior = collection.prior()
    prior.save(tmp_path / "prior.npz")
    again = FacePrior.load(tmp_path / "prior.npz")
    template = collection.template
    faces = [again.sample(template, seed) for seed in (1, 2)]
    assert not torch.allclose(faces[0](), faces[1]())
    assert torch.equal(faces[0]().detach(), prior.sample(template, 1)().detach())
    assert again(faces[0]) == prior(faces[0])
    assert faces[0].rotation[0].eq(0).all()
    spread = (faces[0]() - template()).norm(dim=1).mean()
    assert 0.01 < spread < 4 * (collection.shapes - template.mesh.vertices).norm(dim=2).mean()


def test_the_command_writes_all_three(fits, tmp_path) -> None:
    result = run("collect", fits, "-o", tmp_path / "people")
    assert result.exit_code == 0, result.output
    assert f"{COUNT} heads; " in result.output and "modes hold 95% of the variance" in result.output
    assert {path.name for path in (tmp_path / "people").iterdir()} == {"mean.npz", "linear.npz", "prior.npz"}
    assert "0 fitted heads" in one_line(run("collect", fits, "-o", tmp_path / "none", "--most", 0))
    assert not (tmp_path / "none").exists()
    with pytest.raises(ValueError, match="is no prior, or not a whole one"):
        FacePrior.load(tmp_path / "people/mean.npz")


def test_heads_of_two_models_are_no_collection(fits, tmp_path) -> None:
    for file in fits.iterdir():
        if file.is_file():
            (tmp_path / file.name).write_bytes(file.read_bytes())
    with np.load(tmp_path / "head3.npz") as arrays:
        changed = {**arrays, "vertices": arrays["vertices"] + 1}
    np.savez(tmp_path / "head3.npz", **changed)
    with pytest.raises(ValueError, match="head3 was fitted with another model than head0"):
        read_collection(tmp_path)
