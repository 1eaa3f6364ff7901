"""The normal equations of motions and Gaussians, against those of a dense Jacobian by autograd."""

from __future__ import annotations

import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.distributions import MultivariateNormal

from asm_teach.fitting import normal_equations
from asm_teach.fitting.bone_motion import Motion
from asm_teach.fitting.normal_equations import Points, Posed, equations, gaussians_of
from asm_teach.fitting.vertex_energy import Bend, Patch, Pull
from asm_teach.geometry.mesh import Mesh
from asm_teach.model.adaptive import AdaptiveSkinningModel, SkinnedModel, StaticSkinningModel
from asm_teach.model.skinning import linear_blend_skinning
from asm_teach.model.transforms import Rig
from tests.model.mixture_reference import mixture_weights_reference

BONES, COMPONENTS, SIDE = 5, 2, 13
COUNT = SIDE * SIDE
RIG = Rig(
    tuple("abcde"),
    torch.tensor([-1, 0, 1, 0, -1]),
    uv=torch.tensor([[0.5, 0.5], [0.2, 0.3], [0.3, 0.8], [0.8, 0.7], [0.7, 0.2]]),
)


def sheet() -> Mesh:
    """A curved sheet of 13 x 13 vertices, 120 mm wide and 80 mm before the origin."""
    line = torch.linspace(0, 1, SIDE)
    uv = torch.cartesian_prod(line, line)
    vertices = torch.stack([120 * uv[:, 0] - 60, 120 * uv[:, 1], 80 + 20 * (3 * uv[:, 0]).sin()], 1)
    corner = torch.arange(COUNT).view(SIDE, SIDE)
    a, b, c, d = (x.flatten() for x in (corner[:-1, :-1], corner[1:, :-1], corner[1:, 1:], corner[:-1, 1:]))
    return Mesh(vertices, torch.cat([torch.stack([a, b, c], 1), torch.stack([a, c, d], 1)]), uv=uv)


MESH = sheet()


def noise(*shape: int, seed: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def adaptive(seed: int = 0, components: int = COMPONENTS) -> AdaptiveSkinningModel:
    """An adaptive sheet, all of whose numbers are anywhere."""
    model = AdaptiveSkinningModel(MESH, RIG, components)
    sizes = {
        "translation": 4.0, "rotation": 0.3, "log_scale": 0.2, "bone_uv": 0.03,
        "mixture_mean": 0.05, "mixture_factor": 0.1, "mixture_logits": 0.5,
    }  # fmt: skip
    with torch.no_grad():
        for number, (name, parameter) in enumerate(model.named_parameters()):
            parameter += sizes[name] * noise(*parameter.shape, seed=seed + 10 * number).float()
    return model


def static(seed: int = 0) -> StaticSkinningModel:
    """A sheet with the weights of an adaptive one."""
    like = adaptive(seed)
    model = StaticSkinningModel(MESH, RIG, like.weights().detach())
    Motion.of(like).give_to(model)
    return model


def pose(model: SkinnedModel, rows: Tensor | None = None) -> Posed:
    rows = torch.arange(COUNT, device=model.vertices.device) if rows is None else rows
    matrices = Motion.of(model).matrices(model.bind_points().detach().double(), model.rig)
    return Posed(Points(model, rows), matrices, gaussians_of(model))


# --- the slow form: eq. (1) and (2) as they are written, in float64, for any matrices and Gaussians


def plain_vertices(model: SkinnedModel, matrices: Tensor, gaussians: Tensor) -> Tensor:
    """(V, 3) from matrices S (J, 3, 4) and Gaussians (J, K, 6); no share pi needs to be a share here."""
    a, b, c = gaussians[..., 2:5].unbind(-1)
    lower = torch.stack([a.exp(), torch.zeros_like(a), b, c.exp()], -1).unflatten(-1, (2, 2))
    density = MultivariateNormal(gaussians[..., :2], scale_tril=lower)
    uv = model.uv.double()[:, None, None]
    shares = gaussians[..., 5].exp() * density.log_prob(uv).exp()  # (V, J, K)
    weights = shares.sum(-1) / shares.sum((1, 2))[:, None]
    return linear_blend_skinning(model.vertices.double(), weights, matrices)


def dense(model: AdaptiveSkinningModel) -> tuple[Tensor, Tensor]:
    """The Jacobian of the vertices by the entries of S in the units of `Points`, (V, 3, 3, 4 J), and by Gaussians."""
    posed = pose(model)
    unit, gaussians = posed.points.unit, gaussians_of(model)
    entries = posed.matrices @ unit

    def by_entries(entries: Tensor) -> Tensor:
        return plain_vertices(model, entries @ unit.inverse(), gaussians)

    by_matrices = torch.autograd.functional.jacobian(by_entries, entries)  # (V, 3, J, 3, 4)
    by_gaussians = torch.autograd.functional.jacobian(lambda g: plain_vertices(model, posed.matrices, g), gaussians)
    return by_matrices.permute(0, 1, 3, 2, 4).flatten(3), by_gaussians.flatten(2)


def make_pull(model: SkinnedModel, bends: bool, seed: int = 5) -> Pull:
    device = model.vertices.device
    every = torch.arange(COUNT, device=device)
    uv = MESH.uv.to(device)
    target = model.vertices + 5 * noise(COUNT, 3, seed=seed).to(model.vertices)
    weight = noise(COUNT, seed=seed + 1).abs().to(model.vertices)
    bend, rest = (Bend.of(model.mesh), model.vertices) if bends else (None, None)
    pull = Pull(uv, every, target, weight, bend, rest)
    pull.stiffen(3.0)
    return pull


def metric_of(pull: Pull) -> Tensor:
    """(V, V): all patches in one matrix."""
    whole = torch.zeros(COUNT, COUNT, dtype=torch.float64)
    for rows, metric in pull.patches():
        whole[rows[:, None], rows] += (metric if metric.ndim == 2 else metric.diag()).double()
    return whole


def close(found: Tensor, expected: Tensor, share: float) -> None:
    """Equal but for a share of the largest number; what is float32 is summed over some hundred products."""
    assert found.shape == expected.shape
    assert (found.double() - expected).abs().max() <= share * expected.abs().max()


# --- poses


def test_a_pose_is_the_model(device):
    for model in (adaptive().to(device), static().to(device)):
        posed = pose(model)
        # coordinates of some 200 mm in float32, summed in another order
        torch.testing.assert_close(posed.vertices, model().detach(), atol=2e-4, rtol=0)
        torch.testing.assert_close(posed.weights, model.weights().detach(), atol=1e-6, rtol=0)
        rows = torch.tensor([100, 3, 50], device=device)
        torch.testing.assert_close(pose(model, rows).vertices, model(rows).detach(), atol=2e-4, rtol=0)


def test_the_slow_form_is_the_model():
    """The references agree with each other: the density of this file, and the mixture of `mixture.py`."""
    model = adaptive().double()
    parts = (model.uv, model.bone_uv, model.mixture_logits, model.mixture_mean, model.mixture_factor)
    expected = linear_blend_skinning(model.vertices, mixture_weights_reference(*parts), model.transforms())
    found = plain_vertices(model, model.transforms(), gaussians_of(model))
    torch.testing.assert_close(found, expected, atol=1e-9, rtol=0)


def test_gaussians_stand_where_bone_and_offset_put_them():
    model = adaptive()
    gaussians = gaussians_of(model)
    assert gaussians.shape == (BONES, COMPONENTS, 6) and gaussians.dtype == torch.float64
    assert not gaussians.requires_grad
    torch.testing.assert_close(gaussians[3, 1, :2].float(), (model.bone_uv[3] + model.mixture_mean[3, 1]).detach())
    torch.testing.assert_close(gaussians[..., 5].exp().sum(1), torch.ones(BONES, dtype=torch.float64))


def test_the_unit_takes_homogeneous_points_to_millimetres():
    points = Points(adaptive(), torch.arange(COUNT))
    back = points.homogeneous.double() @ points.unit.T
    torch.testing.assert_close(back[:, :3].float(), MESH.vertices, atol=1e-5, rtol=0)
    assert (points.homogeneous[:, 3] == 1).all()
    assert points.homogeneous.abs().max() < 5  # four columns of one size


# --- slopes


def slopes(model: AdaptiveSkinningModel) -> Tensor:
    """How the vertices follow every Gaussian, (V, 3, 6 K J) in the order of (J, K, 6)."""
    posed = pose(model)
    present = torch.arange(BONES * model.components)  # in the order of k, then j
    found = normal_equations._slopes(posed, torch.arange(COUNT), posed.shares, present)
    return found.unflatten(2, (model.components, BONES, 6)).transpose(2, 3).flatten(2)


@given(st.integers(0, 1000))
@settings(max_examples=6)
def test_the_slopes_are_those_of_finite_differences(seed):
    """Central differences along random ways, in float64; the fast form is float32."""
    model = adaptive(seed)
    gaussians, matrices, found = gaussians_of(model), pose(model).matrices, slopes(model).double()
    for number in range(6):
        way = torch.zeros_like(gaussians)
        way[..., number] = noise(BONES, COMPONENTS, seed=seed + number)
        after, before = (plain_vertices(model, matrices, gaussians + sign * 1e-5 * way) for sign in (1, -1))
        close(found @ way.flatten(), (after - before) / 2e-5, 2e-5)


def test_the_slopes_are_those_of_autograd():
    for components in (1, 3):
        model = adaptive(components=components)
        close(slopes(model), dense(model)[1], 2e-5)


# --- the equations


def test_a_block_is_added_where_its_rows_and_columns_meet():
    rows, columns, block = torch.tensor([4, 0, 2]), torch.tensor([3, 1]), noise(3, 2, seed=1)
    found = noise(5, 4, seed=2)
    expected = found.clone()
    expected[rows[:, None], columns] += block
    normal_equations._add_block(found, rows, columns, block)
    assert torch.equal(found, expected)


@pytest.mark.parametrize("bends", [False, True])
def test_first_derivatives_are_those_of_autograd(bends):
    """Of half the energy, through eq. (1) and (2) as they are written."""
    model = adaptive()
    pull, posed = make_pull(model, bends), pose(model)
    gaussians = gaussians_of(model).requires_grad_()
    entries = (posed.matrices @ posed.points.unit).requires_grad_()
    moved = plain_vertices(model, entries @ posed.points.unit.inverse(), gaussians)
    away = moved - pull.target.double()
    energy = (pull.weight.double() * away.square().sum(1)).sum()
    if bends:
        bent = Bend(pull.bend.factor.double(), pull.bend.first, pull.bend.second, pull.bend.valence.double())
        energy = energy + pull.stiff**2 * bent.apply(moved - pull.rest.double()).square().sum()
    by_matrices, by_gaussians = torch.autograd.grad(energy / 2, (entries, gaussians))
    found = equations(posed, pull.gradient(posed.vertices), pull.patches(), gaussians=True)
    close(found.by_matrices, by_matrices.transpose(0, 1).flatten(1), 1e-5)
    close(found.by_gaussians, by_gaussians.flatten(), 1e-5)


@pytest.mark.parametrize("bends", [False, True])
@pytest.mark.parametrize(("least", "share"), [(0.0, 2e-5), (None, 3e-3)])
def test_second_derivatives_are_the_square_of_the_jacobian(monkeypatch, bends, least, share):
    """Exactly, where no Gaussian is left out for its small share of a patch; and nearly, where some are."""
    if least is not None:
        monkeypatch.setattr(normal_equations, "_LEAST_SHARE", least)
    model = adaptive()
    with torch.no_grad():
        model.mixture_factor[..., [0, 2]] -= 1.6  # narrow: not every Gaussian reaches every patch
    pull, posed = make_pull(model, bends), pose(model)
    by_matrices, by_gaussians = dense(model)
    metric = metric_of(pull)
    found = equations(posed, pull.gradient(posed.vertices), pull.patches(), gaussians=True)
    rows = by_matrices[:, 0, 0]  # (V, 4 J): the same factors for x, y and z, and no x by an entry of another row
    torch.testing.assert_close(by_matrices, torch.einsum("xr,ve->vxre", torch.eye(3).double(), rows))
    close(found.gram, rows.T @ metric @ rows, share)
    close(found.mixed, torch.einsum("ve,vw,wxg->xeg", rows, metric, by_gaussians), share)
    close(found.curvature, torch.einsum("vxg,vw,wxh->gh", by_gaussians, metric, by_gaussians), share)
    if not bends:  # patches that bend reach further, by a rim
        assert (found.curvature == 0).any() == (least is None)


def test_left_out_is_only_what_has_a_small_share_all_over_a_patch(monkeypatch):
    model = adaptive()
    pull, posed = make_pull(model, False), pose(model)
    gradient = pull.gradient(posed.vertices)
    usual = equations(posed, gradient, pull.patches(), gaussians=True)
    monkeypatch.setattr(normal_equations, "_LEAST_SHARE", 0.3)
    rough = equations(posed, gradient, pull.patches(), gaussians=True)
    assert torch.equal(rough.by_gaussians, usual.by_gaussians)  # the slope keeps them all: the minimum is the same
    assert torch.equal(rough.by_matrices, usual.by_matrices)
    assert not torch.allclose(rough.curvature, usual.curvature, rtol=1e-3)


def test_equations_of_motions_alone():
    """With fixed weights, or while the Gaussians wait: the same matrices' part, and nothing else."""
    model = adaptive()
    pull, posed = make_pull(model, True), pose(model)
    gradient = pull.gradient(posed.vertices)
    both = equations(posed, gradient, pull.patches(), gaussians=True)
    for one in (posed, pose(static())):
        alone = equations(one, gradient, pull.patches(), gaussians=False)
        assert not (alone.mixed.numel() or alone.curvature.numel() or alone.by_gaussians.numel())
        # Gaussians are dropped by their own shares above, whole bones by their weights here
        torch.testing.assert_close(alone.gram, both.gram, atol=1e-3 * float(both.gram.abs().max()), rtol=0)
        torch.testing.assert_close(alone.by_matrices, both.by_matrices, rtol=1e-4, atol=1e-2)


def test_equations_do_not_depend_on_the_device(device):
    there = adaptive().to(device)
    results = []
    for model in (adaptive(), there):
        pull, posed = make_pull(model, True), pose(model)
        results.append(equations(posed, pull.gradient(posed.vertices), pull.patches(), gaussians=True))
    for name in ("gram", "by_matrices", "mixed", "curvature", "by_gaussians"):
        here, found = (getattr(result, name) for result in results)
        close(found.cpu(), here.double(), 1e-4)


def test_equations_change_neither_model_nor_pose():
    model = adaptive()
    before, (pull, posed) = copy.deepcopy(model), (make_pull(model, True), pose(model))
    vertices = posed.vertices.clone()
    first, second = (equations(posed, pull.gradient(vertices), pull.patches(), gaussians=True) for _ in range(2))
    assert torch.equal(first.curvature, second.curvature) and torch.equal(first.by_gaussians, second.by_gaussians)
    assert torch.equal(posed.vertices, vertices)
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), before.parameters(), strict=True))
    assert all(p.grad is None for p in model.parameters())


# --- directions that differ, points inside triangles, others beside


def shuffled(seed: int = 20, size: int = 40) -> tuple[list[Patch], Tensor, Tensor]:
    """A metric (V, 3, 3) for every vertex, in patches; and further unknowns (V, 3, 4) beside."""
    root = noise(COUNT, 3, 3, seed=seed)
    metric = root @ root.mT
    order = torch.randperm(COUNT, generator=torch.Generator().manual_seed(seed))
    return [Patch(rows, metric[rows].float()) for rows in order.split(size)], metric, noise(COUNT, 3, 4, seed=seed + 1)


@pytest.mark.parametrize("gaussians", [True, False])
def test_a_metric_of_each_vertex_mixes_the_rows_of_the_matrices(monkeypatch, gaussians):
    """Against the dense Jacobian, with the part that other unknowns share."""
    monkeypatch.setattr(normal_equations, "_LEAST_SHARE", 0.0)
    model = adaptive()
    posed, (patches, metric, beside) = pose(model), shuffled()
    by_matrices, by_gaussians = dense(model)
    force = noise(COUNT, 3, seed=30)
    found = equations(posed, force.float(), patches, gaussians, beside.float())
    close(found.gram, torch.einsum("vxre,vxy,vysf->resf", by_matrices, metric, by_matrices), 2e-5)
    close(found.by_matrices, torch.einsum("vxre,vx->re", by_matrices, force), 2e-5)
    close(found.beside_matrices, torch.einsum("vxre,vxm->rem", by_matrices, beside), 2e-5)
    if not gaussians:
        assert not (found.mixed.numel() or found.curvature.numel() or found.beside_gaussians.numel())
        return
    close(found.mixed, torch.einsum("vxre,vxy,vyg->reg", by_matrices, metric, by_gaussians), 2e-5)
    close(found.curvature, torch.einsum("vxg,vxy,vyh->gh", by_gaussians, metric, by_gaussians), 2e-5)
    close(found.beside_gaussians, torch.einsum("vxg,vxm->gm", by_gaussians, beside), 2e-5)


def test_the_same_weight_in_all_directions_is_a_weight():
    """Weights (n,) and metrics (n, 3, 3) that are these weights times 1 give the same equations."""
    model = adaptive()
    posed, weight, force = pose(model), noise(COUNT, seed=3).abs().float(), noise(COUNT, 3, seed=4).float()
    rows = torch.arange(COUNT).split(50)
    plain = equations(posed, force, [Patch(r, weight[r]) for r in rows], True)
    full = equations(posed, force, [Patch(r, weight[r, None, None] * torch.eye(3)) for r in rows], True)
    for axis in range(3):
        close(full.gram[axis, :, axis], plain.gram.double(), 1e-6)
    assert full.gram[0, :, 1].abs().max() == 0
    for name in ("mixed", "curvature", "by_gaussians", "by_matrices"):
        close(getattr(full, name), getattr(plain, name).double(), 1e-6)


def test_a_least_share_of_ones_own_leaves_the_slopes():
    model = adaptive()
    posed, (patches, _, _) = pose(model), shuffled()
    force = noise(COUNT, 3, seed=30).float()
    usual, rough = (equations(posed, force, patches, True, None, least) for least in (None, 0.3))
    assert torch.equal(usual.by_gaussians, rough.by_gaussians) and torch.equal(usual.gram, rough.gram)
    assert not torch.allclose(usual.curvature, rough.curvature, rtol=1e-3)


@pytest.mark.parametrize("kind", [adaptive, static])
def test_points_inside_triangles_are_vertices_of_their_own(kind):
    """At a corner they are that vertex; between, they have the weights of their own place on the chart."""
    model = kind()
    corners = MESH.faces[::20]
    matrices = Motion.of(model).matrices(model.bind_points().detach().double(), model.rig)
    gaussians = gaussians_of(model)
    first = torch.tensor([[1.0, 0, 0]]).expand(len(corners), 3)
    at = Posed(Points(model, corners, first), matrices, gaussians).vertices
    torch.testing.assert_close(at, model()[corners[:, 0]].detach(), atol=2e-4, rtol=0)
    inside = torch.tensor([[0.5, 0.2, 0.3]]).expand(len(corners), 3)
    posed = Posed(Points(model, corners, inside), matrices, gaussians)
    rest = torch.einsum("nc,ncx->nx", inside, MESH.vertices[corners]).double()
    if kind is adaptive:
        uv = torch.einsum("nc,ncx->nx", inside, model.uv[corners]).double()
        parts = (model.bone_uv, model.mixture_logits, model.mixture_mean, model.mixture_factor)
        weights = mixture_weights_reference(uv, *(part.detach().double() for part in parts))
    else:
        weights = torch.einsum("nc,ncj->nj", inside, model.weights()[corners]).double()
    expected = linear_blend_skinning(rest, weights, matrices)
    torch.testing.assert_close(posed.vertices.double(), expected, atol=2e-4, rtol=0)
