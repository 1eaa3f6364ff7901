"""The linear morphable model: PCA against numpy's, fits against what is known, files, and what it refuses."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import roma
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.autograd import gradcheck

from asm_teach.data.heads import load_head
from asm_teach.geometry.alignment import align_points, apply_alignment
from asm_teach.geometry.closest_point import closest_points
from asm_teach.geometry.mesh import Mesh
from asm_teach.geometry.metrics import vertex_error
from asm_teach.model.linear import LinearMorphableModel, principal_axes
from asm_teach.scan_fit.linear_fit import (
    MorphableFit,
    PlacedFace,
    compose_move,
    fit_morphable,
    rigid_moves,
    undo_alignment,
)

HEAD = load_head()
PEOPLE = torch.stack([HEAD.sample(1000 + seed).vertices for seed in range(30)])
MODEL = LinearMorphableModel.from_samples(HEAD.mesh, PEOPLE)
STRANGER = HEAD.sample(11).vertices


def small(vertices: int = 12, modes: int = 4, dtype: torch.dtype = torch.float64) -> LinearMorphableModel:
    """A random model of a strip of triangles."""
    points = torch.randn(vertices, 3, dtype=dtype)
    faces = torch.stack([torch.arange(vertices - 2) + k for k in range(3)], 1)
    return LinearMorphableModel(
        Mesh(points, faces), torch.randn(modes, vertices, 3, dtype=dtype), torch.rand(modes, dtype=dtype) + 0.5
    )


def placed(points: torch.Tensor, angle: float = 1.0) -> torch.Tensor:
    """The points turned about a slant axis, and shifted."""
    rotation = roma.rotvec_to_rotmat(angle * torch.tensor([1.0, -2.0, 2.0]).to(points) / 3)
    return points @ rotation.T + torch.tensor([100.0, -200.0, 50.0]).to(points)


def fit_to(model: LinearMorphableModel, points: torch.Tensor, **options) -> MorphableFit:
    """Fit to points in the model's own topology."""
    return fit_morphable(model, Mesh(points, model.mesh.faces), **{"noise": 0.0, "scale": False, **options})


def mean_error(a: torch.Tensor, b: torch.Tensor) -> float:
    return vertex_error(a, b)["mean"]


# --- learning


def test_principal_components_are_those_of_numpy():
    model = LinearMorphableModel.from_samples(HEAD.mesh.to(dtype=torch.float64), PEOPLE.double())
    samples = PEOPLE.double().flatten(1).numpy()
    _, spread, rows = np.linalg.svd(samples - samples.mean(0), full_matrices=False)
    assert len(model) == 29
    np.testing.assert_allclose(model.mean.flatten(), samples.mean(0), atol=1e-10)
    np.testing.assert_allclose(model.deviations, spread[:29] / 29**0.5, rtol=1e-8)
    modes = model.modes.flatten(1).numpy()
    signs = np.sign((modes * rows[:29]).sum(1))[:, None]
    # eigenvectors of a product of matrices, where spread 400 to 10 squares to 1600: 1e-16 becomes some 1e-12
    np.testing.assert_allclose(modes, signs * rows[:29], atol=1e-9)
    largest = np.take_along_axis(modes, np.abs(modes).argmax(1)[:, None], 1)
    assert (largest > 0).all()


@given(st.integers(2, 9), st.integers(2, 9), st.integers(0, 1000))
def test_principal_axes_of_wide_and_of_tall_matrices(n, d, seed):
    away = torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    spread, rows = principal_axes(away)
    assert len(spread) == len(rows) == min(n, d)
    # from the eigenvalues of the square: half the digits, of the largest
    torch.testing.assert_close(spread, torch.linalg.svdvals(away), atol=1e-7, rtol=0)
    strong = rows[spread > 1e-3 * spread[0]]
    torch.testing.assert_close(strong @ strong.T, torch.eye(len(strong), dtype=torch.float64), atol=1e-8, rtol=0)
    # what the rows span holds the whole matrix
    torch.testing.assert_close(away @ strong.T @ strong, away, atol=2e-3 * float(spread[0]), rtol=0)


def test_more_samples_than_coordinates():
    faces = torch.tensor([[0, 1, 2]])
    shapes = torch.randn(50, 3, 3, dtype=torch.float64)
    model = LinearMorphableModel.from_samples(Mesh(shapes[0], faces), shapes)
    assert len(model) == 9
    torch.testing.assert_close(model(model.project(shapes[7])), shapes[7])


def test_coefficients_of_the_samples_have_the_deviation_one():
    model = MODEL.first(20)
    coefficients = torch.stack([model.project(person) for person in PEOPLE])
    torch.testing.assert_close(coefficients.mean(0), torch.zeros(20), atol=1e-3, rtol=0)
    torch.testing.assert_close(coefficients.std(0), torch.ones(20), atol=1e-3, rtol=0)


def test_the_modes_given_need_not_be_orthogonal():
    """Two modes that are nearly the same, and one that is the sum of both."""
    a = torch.randn(12, 3, dtype=torch.float64)
    b = a + 1e-3 * torch.randn(12, 3, dtype=torch.float64)
    model = LinearMorphableModel.from_modes(small().mesh, torch.stack([a, b, a + b]))
    assert torch.equal(model.deviations, torch.ones(3, dtype=torch.float64))
    face = model(torch.tensor([0.5, -2.0, 1.0], dtype=torch.float64))
    torch.testing.assert_close(model(model.project(face)), face, atol=1e-5, rtol=0)


# --- fitting


@given(st.integers(0, 29), st.floats(-3, 3))
def test_a_sample_is_reproduced_wherever_it_lies(person, angle):
    """29 modes hold all 30 samples. float32 at 200 mm keeps 1e-5; the fit itself is done in float64."""
    goal = placed(PEOPLE[person], angle)
    fit = fit_to(MODEL, goal)
    assert mean_error(fit.vertices, goal) < 1e-3
    torch.testing.assert_close(apply_alignment(MODEL(fit.coefficients), fit.alignment), fit.vertices, atol=2e-3, rtol=0)


def test_the_fit_finds_coefficients_and_motion():
    model = small()
    truth = torch.tensor([0.3, -1.0, 2.0, 0.1], dtype=torch.float64)
    for scale in (1.0, 1.7):
        fit = fit_to(model, scale * placed(model(truth)), scale=scale != 1)
        torch.testing.assert_close(fit.vertices, scale * placed(model(truth)), atol=1e-6, rtol=0)
        torch.testing.assert_close(fit.coefficients, truth, atol=1e-5, rtol=0)
        assert float(fit.alignment[0]) == pytest.approx(scale, abs=1e-5)


def test_a_fit_is_the_least_of_all():
    """Nothing near the solution is better: the gradient of what is minimised is zero in all its unknowns."""
    goal = placed(STRANGER.double())
    model = LinearMorphableModel.from_samples(HEAD.mesh.to(dtype=torch.float64), PEOPLE.double(), 10)
    noise = 1.5
    fit = fit_to(model, goal, noise=noise)
    unknowns = [fit.coefficients.clone(), torch.zeros(3).double(), torch.zeros(3).double()]
    for unknown in unknowns:
        unknown.requires_grad_()
    c, turn, shift = unknowns
    _, rotation, start = fit.alignment
    vertices = model(c) @ (roma.rotvec_to_rotmat(turn) @ rotation).T + start + shift
    loss = (vertices - goal).square().sum() + noise**2 * c.square().sum()
    loss.backward()
    # the loss is some 1e5 mm^2, of deviations of up to 400 mm: 1e-3 is a millionth of its slope a step away
    assert all(unknown.grad.abs().max() < 1e-3 * loss.item() ** 0.5 for unknown in unknowns)


@given(st.integers(0, 100), st.integers(1, 28))
def test_more_modes_are_never_worse(seed, modes):
    goal = HEAD.sample(seed).vertices.double()
    fewer, more = (fit_to(MODEL.first(m), goal).vertices for m in (modes, modes + 1))
    rmse = [vertex_error(vertices, goal)["rmse"] for vertices in (fewer, more)]
    assert rmse[1] <= rmse[0] + 1e-6


def test_projection_is_the_fit_that_stays_in_place():
    """And is the ridge solution that numpy finds with the prior as further rows."""
    got = MODEL.project(STRANGER, noise=3.0**0.5)
    basis = (MODEL.modes * MODEL.deviations[:, None, None]).double().flatten(1).numpy().T
    rows = np.concatenate([basis, np.sqrt(3.0) * np.eye(len(MODEL))])
    right = np.concatenate([(STRANGER - MODEL.mean).double().flatten().numpy(), np.zeros(len(MODEL))])
    np.testing.assert_allclose(got, np.linalg.lstsq(rows, right, rcond=None)[0], atol=1e-5)
    free, moved = MODEL(MODEL.project(STRANGER)), fit_to(MODEL, STRANGER).vertices
    assert vertex_error(moved, STRANGER)["rmse"] <= vertex_error(free, STRANGER)["rmse"]


def test_a_prior_draws_to_the_mean():
    sizes = [float(fit_to(MODEL, STRANGER, noise=n).coefficients.norm()) for n in (0.0, 1.0, 30.0, 1e6)]
    assert sizes == sorted(sizes, reverse=True) and sizes[0] > 1 and sizes[3] < 1e-3


def test_turns_shifts_and_growth_are_what_they_say():
    """The motion that `compose_move` makes moves the points as `rigid_moves` says, to first order."""
    points = torch.randn(20, 3, dtype=torch.float64)
    parts = (torch.tensor(part, dtype=torch.float64) for part in (1.3, [0.2, 0.4, -0.3], [1.0, 2.0, 3.0]))
    scale, turn, shift = parts
    at = (scale, roma.rotvec_to_rotmat(turn), shift)
    torch.testing.assert_close(undo_alignment(apply_alignment(points, at), at), points)
    moves = rigid_moves(points, scale=True)
    for k in range(7):
        move = torch.zeros(7, dtype=torch.float64)
        move[k] = 1e-5
        after = undo_alignment(apply_alignment(points, compose_move(at, points, move)), at)
        torch.testing.assert_close((after - points) / 1e-5, moves[k].view(-1, 3), atol=1e-4, rtol=0)


# --- the faces of coefficients


def test_gradient():
    model = small()
    assert gradcheck(model, torch.randn(2, 4, dtype=torch.float64, requires_grad=True))


def test_faces_by_hand_and_in_batches():
    model = small()
    c = torch.randn(5, 2, 4, dtype=torch.float64)
    by_hand = model.mean + sum(c[3, 1, m] * model.deviations[m] * model.modes[m] for m in range(4))
    torch.testing.assert_close(model(c)[3, 1], by_hand)
    assert model(c).shape == (5, 2, 12, 3)
    assert torch.equal(model(torch.zeros(4, dtype=torch.float64)), model.mean)
    assert (len(model), model.parameters, len(model.first(2))) == (4, 10, 2)


# --- files


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_file_gives_back_the_same_model(tmp_path, dtype):
    model = LinearMorphableModel(MODEL.mesh.to(dtype=dtype), MODEL.modes.to(dtype), MODEL.deviations.to(dtype)).first(3)
    model.save(tmp_path / "linear.npz")
    back = LinearMorphableModel.load(tmp_path / "linear.npz")
    for name in ("modes", "deviations", "mean"):
        assert torch.equal(getattr(back, name), getattr(model, name)) and getattr(back, name).dtype == dtype
    assert torch.equal(back.mesh.faces, model.mesh.faces) and torch.equal(back.mesh.uv, model.mesh.uv)
    assert back.mesh.parts.keys() == model.mesh.parts.keys()
    points = [m.mesh.landmarks["ibug68"].points(m.mean, m.mesh.faces) for m in (model, back)]
    assert torch.equal(*points)


def test_files_that_are_no_linear_models(tmp_path):
    from asm_teach.model.adaptive import StaticSkinningModel
    from asm_teach.model.storage import save

    save(StaticSkinningModel(HEAD.mesh, HEAD.rig, HEAD.static_weights), tmp_path / "static.npz")
    np.savez(tmp_path / "other.npz", a=np.zeros(3))
    MODEL.first(2).save(tmp_path / "linear.npz")
    with np.load(tmp_path / "linear.npz") as file:
        arrays = dict(file)
    np.savez(tmp_path / "less.npz", **{k: a for k, a in arrays.items() if k != "modes"})
    np.savez(tmp_path / "nan.npz", **{**arrays, "modes": np.full_like(arrays["modes"], np.nan)})
    (tmp_path / "cut.npz").write_bytes((tmp_path / "linear.npz").read_bytes()[:-500])
    for name, reason in {
        "static": "kind 'static'", "other": "there is no 'about'", "less": "there is no 'modes'", "nan": "hold NaN",
        "cut": "not a whole .npz",
    }.items():  # fmt: skip
        with pytest.raises(ValueError, match=reason):
            LinearMorphableModel.load(tmp_path / f"{name}.npz")


# --- bad input


def test_bad_samples():
    learn = LinearMorphableModel.from_samples
    with pytest.raises(ValueError, match=r"shapes: expected \(n, 4165, 3\), n faces on this mesh, found \(30, 7, 3\)"):
        learn(HEAD.mesh, PEOPLE[:, :7])
    with pytest.raises(ValueError, match="modes: 30 samples about their mean have 1 to 29 modes, found 30"):
        learn(HEAD.mesh, PEOPLE, 30)
    with pytest.raises(ValueError, match="modes: these 6 samples vary in 2 directions only, found 5"):
        learn(HEAD.mesh, torch.cat([PEOPLE[:3], PEOPLE[:3]]))
    with pytest.raises(ValueError, match="1 samples about their mean have 1 to 0 modes"):
        learn(HEAD.mesh, PEOPLE[:1])
    broken = PEOPLE.clone()
    broken[4, 5, 0] = torch.nan
    with pytest.raises(ValueError, match="shapes: row 16665 is .* NaN"):
        learn(HEAD.mesh, broken)


def test_bad_modes():
    mesh, modes = HEAD.mesh, MODEL.modes
    with pytest.raises(ValueError, match=r"modes: expected shape \(M, 4165, 3\) for this mesh, M >= 1, found \(0,"):
        LinearMorphableModel.from_modes(mesh, modes[:0])
    with pytest.raises(ValueError, match=r"deviations: expected shape \(29,\), one for each mode, found \(3,\)"):
        LinearMorphableModel.from_modes(mesh, modes, torch.ones(3))
    with pytest.raises(ValueError, match="deviations: mode 1 has inf"):
        replace(MODEL, deviations=MODEL.deviations.clone().index_fill_(0, torch.tensor(1), float("inf")))
    with pytest.raises(ValueError, match="vertices, modes and deviations have types"):
        replace(MODEL, deviations=MODEL.deviations.double())
    with pytest.raises(ValueError, match="deviations: mode 1 has 0"):
        LinearMorphableModel.from_modes(mesh, modes[:2], torch.tensor([1.0, 0.0]))
    with pytest.raises(ValueError, match="modes: this model has 1 to 29, found 0"):
        MODEL.first(0)


def test_bad_targets():
    person = HEAD.mesh.with_vertices(PEOPLE[0])
    with pytest.raises(ValueError, match="target: found 9 vertices; this model has 4165"):
        MODEL.project(PEOPLE[0, :9])
    with pytest.raises(ValueError, match="target: row 0 is .* NaN"):
        MODEL.project(torch.full_like(MODEL.mean, torch.nan))
    with pytest.raises(ValueError, match="scan: expected a Mesh, found a Tensor"):
        fit_morphable(MODEL, PEOPLE[0])
    with pytest.raises(ValueError, match="noise: give millimetres, 0 or above, found -1"):
        fit_morphable(MODEL, person, noise=-1.0)
    with pytest.raises(ValueError, match="steps: a fit needs at least one step, found 0"):
        fit_morphable(MODEL, person, steps=0)
    with pytest.raises(ValueError, match="landmarks: this scan is registered"):
        fit_morphable(MODEL, person, landmarks=torch.zeros(68, 3))
    for mask in (torch.ones(7), torch.zeros(4165), torch.full((4165,), 2.0), torch.full((4165,), torch.nan)):
        with pytest.raises(ValueError, match="mask: "):
            fit_morphable(MODEL, person, mask=mask)
    with pytest.raises(ValueError, match=r"coefficients: expected \(\.\.\., 29\), found \(3,\)"):
        MODEL(torch.zeros(3))


def test_a_weight_counts_a_point_as_often():
    """Weights 0, 1 and 2 are the same as leaving a point out, having it once, or twice."""
    model = small()
    goal = placed(model(torch.ones(4, dtype=torch.float64))) + 0.3 * torch.randn(12, 3, dtype=torch.float64)
    weight = torch.tensor([0.0, 1, 2] * 4, dtype=torch.float64)
    rows = torch.arange(12).repeat_interleave(weight.long())
    repeated = LinearMorphableModel(
        Mesh(model.mean[rows], torch.tensor([[0, 1, 2]])), model.modes[:, rows], model.deviations
    )
    weighed, counted = (PlacedFace(m, align_points(model.mean, goal), scale=True) for m in (model, repeated))
    for _ in range(20):
        weighed.step(goal, 0.5, weight)
        counted.step(goal[rows], 0.5)
    torch.testing.assert_close(weighed.coefficients, counted.coefficients, atol=1e-7, rtol=0)
    torch.testing.assert_close(weighed.vertices[rows], counted.vertices, atol=1e-7, rtol=0)


def test_a_mask_says_what_counts():
    """Half of the face made nonsense and masked out: the other half is fitted as well as before."""
    half = PEOPLE[3].clone()
    left = half[:, 0] > 0
    half[left] += 20 * torch.randn(int(left.sum()), 3)
    masked, plain = (fit_to(MODEL, half, mask=mask) for mask in ((~left).float(), None))
    assert mean_error(masked.vertices[~left], PEOPLE[3][~left]) < 1e-3 < mean_error(plain.vertices, PEOPLE[3])


# --- raw scans


def test_a_raw_scan_of_a_face_in_the_span_is_found_by_closest_points():
    """Another topology of the same surface: its faces without the part inside, each vertex a little elsewhere."""
    person = HEAD.mesh.with_vertices(placed(PEOPLE[5]))
    skin = torch.cat([person.parts["face"], person.parts["scalp"]])
    scan = Mesh(person.vertices, person.faces[skin].flip(0))
    points = HEAD.landmarks.points(person.vertices, person.faces)
    fit = fit_morphable(MODEL, scan, landmarks=points, steps=25, progress=False)
    face = HEAD.mesh.part_vertices("face")
    away = closest_points(person.vertices[face], fit.vertices, HEAD.mesh.faces)[1]
    # from some 5 mm: the prior of 0.2 mm and 25 of 50 steps leave a little
    assert away.mean() < 0.15
    assert len(fit.history) == 25 and fit.history[-1].error < fit.history[0].error
    assert any("landmarks" in note for note in fit.notes) and fit.scan is not None
    torch.testing.assert_close(apply_alignment(MODEL(fit.coefficients), fit.alignment), fit.vertices, atol=5e-3, rtol=0)
