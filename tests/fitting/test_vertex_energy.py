"""What a fit asks of the vertices: an energy, its slope and its curvature, which must be those of one function."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from asm_teach.fitting.vertex_energy import PATCH, Bend, Pull, patches_of
from asm_teach.geometry.mesh import Mesh

SIDE = 15


def grid(seed: int = 0, side: int = SIDE) -> Mesh:
    """A curved sheet of side^2 vertices some 10 mm apart, float64, with one vertex in no triangle."""
    generator = torch.Generator().manual_seed(seed)
    line = torch.linspace(0, 1, side, dtype=torch.float64)
    uv = torch.cartesian_prod(line, line)
    height = 20 * (3 * uv[:, 0]).sin() * (2 * uv[:, 1]).cos()
    vertices = torch.cat([10 * side * uv, height[:, None]], 1)
    vertices = vertices + torch.randn(vertices.shape, generator=generator, dtype=torch.float64)
    corner = torch.arange(side * side).view(side, side)
    a, b, c, d = (x.flatten() for x in (corner[:-1, :-1], corner[1:, :-1], corner[1:, 1:], corner[:-1, 1:]))
    faces = torch.cat([torch.stack([a, b, c], 1), torch.stack([a, c, d], 1)])
    loose, place = torch.tensor([[0.0, 0.0, 90.0]], dtype=torch.float64), torch.tensor([[0.5, 0.5]]).double()
    return Mesh(torch.cat([vertices, loose]), faces, uv=torch.cat([uv, place]))


MESH = grid()
COUNT = len(MESH.vertices)


def noise(*shape: int, seed: int = 1) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def make_pull(bends: bool, stiff: float = 2.5, stiffness: Tensor | float = 1.0) -> Pull:
    weight = noise(COUNT, seed=2).abs()
    weight[5] = 0  # a vertex that nothing draws
    bend, rest = (Bend.of(MESH, stiffness), MESH.vertices) if bends else (None, None)
    every = torch.arange(COUNT)
    pull = Pull(MESH.vertex_uv(), every, MESH.vertices + 3 * noise(COUNT, 3), weight, bend, rest)
    pull.stiffen(stiff)
    return pull


def cost_as_written(pull: Pull, moved: Tensor) -> Tensor:
    """The energy by its definition, with the neighbours of a vertex read off the triangles one by one."""
    total = (pull.weight * (moved - pull.target).square().sum(1)).sum()
    if pull.bend is None:
        return total
    away = moved - pull.rest
    for vertex in range(COUNT):
        own = MESH.faces[(MESH.faces == vertex).any(1)]
        near = torch.unique(own[own != vertex])
        if len(near):
            bent = pull.bend.factor[vertex] * (away[vertex] - away[near].mean(0))
            total = total + pull.stiff**2 * bent.square().sum()
    return total


# --- patches


@given(st.integers(1, COUNT), st.integers(1, 80), st.integers(0, 100))
def test_patches_divide_the_vertices(count, size, seed):
    rows = torch.randperm(COUNT, generator=torch.Generator().manual_seed(seed))[:count]
    patches = patches_of(MESH.vertex_uv(), rows, size)
    assert torch.equal(torch.cat(patches).sort().values, rows.sort().values)  # each of them in one patch
    assert max(map(len, patches)) <= size and min(map(len, patches)) >= 1
    assert len(patches) <= max(1, 2 * (-(-count // size)))  # none is much smaller than it might be


def test_patches_lie_together():
    """Halves of halves of a square: 256 vertices in 16 patches are 4 x 4 vertices each."""
    line = torch.linspace(0, 1, 16)
    uv = torch.cartesian_prod(line, line)
    for patch in patches_of(uv, torch.arange(256), 16):
        assert len(patch) == 16
        assert (uv[patch].amax(0) - uv[patch].amin(0)).max() < 0.21  # three steps of 1 / 15


# --- bending


@given(st.integers(0, 1000))
def test_the_transposed_bending_is_its_adjoint(seed):
    bend = Bend.of(MESH, 1 + noise(COUNT, seed=seed).abs())
    x, y = noise(COUNT, 3, seed=seed + 1), noise(COUNT, 3, seed=seed + 2)
    there, back = (bend.apply(x) * y).sum(), (x * bend.transposed(y)).sum()
    torch.testing.assert_close(there, back)


def test_bending_is_nothing_where_all_move_alike():
    bend = Bend.of(MESH)
    assert bend.apply(torch.tensor([[3.0, -2.0, 7.0]]).double().expand(COUNT, 3)).abs().max() < 1e-12
    assert not bend.apply(noise(COUNT, 3))[-1].any()  # the vertex without neighbours


def test_bending_is_one_where_a_vertex_moves_by_an_edge():
    """One vertex moves by the mean length of its edges: it leaves the mean of its neighbours by their distance."""
    bend, middle = Bend.of(MESH), COUNT // 2
    own = MESH.faces[(MESH.faces == middle).any(1)]
    near = torch.unique(own[own != middle])
    length = (MESH.vertices[near] - MESH.vertices[middle]).norm(dim=1).mean()
    away = torch.zeros(COUNT, 3, dtype=torch.float64)
    away[middle, 1] = length
    assert bend.apply(away)[middle, 1].item() == pytest.approx(1)
    stiffer = Bend.of(MESH, 3.0)
    torch.testing.assert_close(stiffer.apply(away), 3 * bend.apply(away))


@pytest.mark.parametrize("mesh", [MESH, grid(side=4)], ids=["a large mesh", "less than one patch"])
def test_a_patch_of_the_bending_is_its_rows(mesh):
    bend = Bend.of(mesh)
    x = noise(len(mesh.vertices), 3)
    rows = patches_of(mesh.vertex_uv(), torch.arange(len(mesh.vertices)), 30)[-1]
    part, matrix = bend.patch(rows)
    assert torch.equal(part[: len(rows)], rows) and len(torch.unique(part)) == len(part)
    torch.testing.assert_close(matrix @ x[part], bend.apply(x)[rows])


# --- the energy


@pytest.mark.parametrize("bends", [False, True])
def test_the_cost_is_the_energy_as_written(bends):
    pull, moved = make_pull(bends), MESH.vertices + noise(COUNT, 3, seed=9)
    assert pull.cost(moved) == pytest.approx(cost_as_written(pull, moved).item(), rel=1e-12)


@pytest.mark.parametrize("bends", [False, True])
def test_the_gradient_is_half_the_slope_of_the_cost(bends):
    pull, moved = make_pull(bends), MESH.vertices + noise(COUNT, 3, seed=9)
    leaf = moved.clone().requires_grad_()
    (slope,) = torch.autograd.grad(cost_as_written(pull, leaf), leaf)
    torch.testing.assert_close(pull.gradient(moved), slope / 2)


@pytest.mark.parametrize("bends", [False, True])
@pytest.mark.parametrize("stiff", [0.7, 8.0])
def test_the_patches_add_up_to_the_second_derivative(bends, stiff):
    """The energy is quadratic: cost(v + d) - cost(v) - 2 gradient.d is d^T H d, for any d."""
    pull, moved = make_pull(bends, stiff), MESH.vertices + noise(COUNT, 3, seed=9)
    assert len(pull.patches()) > 3
    assert all((metric.ndim == 2) == bends for _, metric in pull.patches())
    for seed in range(5):
        way = noise(COUNT, 3, seed=seed)
        expected = pull.cost(moved + way) - pull.cost(moved) - 2 * (pull.gradient(moved) * way).sum().item()
        found = 0.0
        for rows, metric in pull.patches():
            d = way[rows]
            found += (d * (metric[:, None] * d if metric.ndim == 1 else metric @ d)).sum().item()
        assert found == pytest.approx(expected, rel=1e-9)


def test_larger_patches_add_up_to_the_same():
    pull = make_pull(True)
    larger = Pull(MESH.vertex_uv(), pull.rows, pull.target, pull.weight, pull.bend, pull.rest, 2 * PATCH)
    larger.stiffen(pull.stiff)
    wholes = []
    for one in (pull, larger):
        whole = torch.zeros(COUNT, COUNT, dtype=torch.float64)
        for rows, metric in one.patches():
            whole[rows[:, None], rows] += metric
        wholes.append(whole)
    assert len(larger.patches()) < len(pull.patches())
    torch.testing.assert_close(*wholes)


def test_one_newton_step_is_the_minimum():
    """H assembled from the patches and the gradient are of the same function: one step, and no slope is left."""
    pull = make_pull(True)
    hessian = torch.zeros(COUNT, COUNT, dtype=torch.float64)
    for rows, metric in pull.patches():
        hessian[rows[:, None], rows] += metric
    hessian += 1e-9 * torch.eye(COUNT)
    moved = MESH.vertices - torch.linalg.solve(hessian, pull.gradient(MESH.vertices))
    assert pull.gradient(moved).abs().max() < 1e-5 * pull.gradient(MESH.vertices).abs().max()
    assert pull.cost(moved) < pull.cost(MESH.vertices)


def test_a_pull_on_some_vertices():
    """Rows may be any, in any order; targets and weights are in their order, and so are the patches."""
    rows = torch.randperm(COUNT)[:100]
    target, weight = noise(100, 3), noise(100, seed=4).abs()
    pull = Pull(MESH.vertex_uv(), rows, target, weight)
    moved = noise(100, 3, seed=5)
    assert pull.cost(moved) == pytest.approx((weight * (moved - target).square().sum(1)).sum().item())
    patches = pull.patches()
    assert torch.equal(torch.cat([patch.rows for patch in patches]).sort().values, torch.arange(100))
    for patch in patches:
        torch.testing.assert_close(patch.metric, weight[patch.rows])
        span = MESH.vertex_uv()[rows[patch.rows]]
        assert (span.amax(0) - span.amin(0)).min() < 0.9  # they lie together on the chart, not in the order of rows


# --- what may change


def test_another_aim_changes_patches_and_cost():
    pull = make_pull(True)
    moved = MESH.vertices
    pull.aim(moved.clone(), torch.ones(COUNT, dtype=torch.float64))
    assert pull.cost(moved) == 0 and not pull.gradient(moved).any() and pull.error(moved) == 0
    own = make_pull(False)
    own.aim(moved.clone(), torch.full((COUNT,), 0.5, dtype=torch.float64))
    assert all((metric == 0.5).all() for _, metric in own.patches())


def test_stiffening_counts_squared_and_can_be_undone():
    pull = make_pull(True, stiff=1.0)
    pull.aim(MESH.vertices, torch.zeros(COUNT, dtype=torch.float64))
    moved = MESH.vertices + noise(COUNT, 3)
    soft, before = pull.cost(moved), [metric.clone() for _, metric in pull.patches()]
    pull.stiffen(3.0)
    assert pull.cost(moved) == pytest.approx(9 * soft)
    pull.stiffen(1.0)
    for metric, (_, after) in zip(before, pull.patches(), strict=True):
        torch.testing.assert_close(after, metric)


def test_asking_for_the_patches_twice_gives_the_same():
    """The weights are added to a diagonal: to that of a copy."""
    pull = make_pull(True, stiff=1.0)
    first = [metric.clone() for _, metric in pull.patches()]
    for metric, (_, again) in zip(first, pull.patches(), strict=True):
        assert torch.equal(again, metric)


def test_strengthened_vertices_bend_less_for_good():
    pull, moved = make_pull(True), MESH.vertices + noise(COUNT, 3, seed=9)
    bend, factor = pull.bend, pull.bend.factor.clone()
    rows = torch.tensor([3, 50, 51, 120])
    pull.strengthen(rows, 4.0)
    assert torch.equal(bend.factor, factor)  # what was handed in is left alone
    assert pull.cost(moved) == pytest.approx(cost_as_written(pull, moved).item(), rel=1e-12)
    ratio = pull.bend.apply(moved - pull.rest).norm(dim=1) / bend.apply(moved - pull.rest).norm(dim=1)
    expected = torch.ones(COUNT, dtype=torch.float64).index_fill(0, rows, 4.0)
    torch.testing.assert_close(ratio[:-1], expected[:-1])
    leaf = moved.clone().requires_grad_()
    (slope,) = torch.autograd.grad(cost_as_written(pull, leaf), leaf)
    torch.testing.assert_close(pull.gradient(moved), slope / 2)
    way = noise(COUNT, 3, seed=3)
    curved = sum((way[r] * (metric @ way[r])).sum().item() for r, metric in pull.patches())
    expected = pull.cost(moved + way) - pull.cost(moved) - 2 * (pull.gradient(moved) * way).sum().item()
    assert curved == pytest.approx(expected, rel=1e-9)


def test_the_error_is_the_weighted_mean_distance():
    pull = make_pull(False)
    way = torch.tensor([2.0, -1.0, 2.0], dtype=torch.float64)
    assert pull.error(pull.target + way) == pytest.approx(3)
    half = torch.arange(COUNT) < COUNT // 2
    pull.aim(pull.target, half.double())
    assert pull.error(torch.where(half[:, None], pull.target, pull.target + 100)) == 0
    pull.aim(pull.target, torch.zeros(COUNT, dtype=torch.float64))
    assert pull.error(pull.target + way) == 0  # nothing counts: nothing is left
