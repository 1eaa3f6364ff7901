"""Faces that a bundle moves: their systems against a dense Jacobian by finite differences, in float64."""

from __future__ import annotations

import copy
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from asm_teach.data.face_prior import FacePrior, parameters_of
from asm_teach.fitting.priors import Asymmetry, Prior
from asm_teach.geometry.mesh import Mesh
from asm_teach.model.adaptive import AdaptiveSkinningModel, StaticSkinningModel
from asm_teach.model.linear import LinearMorphableModel
from asm_teach.model.transforms import Rig
from asm_teach.view_fit.bundle import Demand
from asm_teach.view_fit.movable_face import LinearFace, SkinnedFace

SIDE = 7
COUNT = SIDE * SIDE
RIG = Rig(
    ("head", "cheek_L", "cheek_R", "nose", "brow.L", "brow.R"),
    torch.tensor([-1, 0, 0, 0, 1, 2]),
    uv=torch.tensor([[0.5, 0.5], [0.75, 0.3], [0.25, 0.3], [0.5, 0.35], [0.7, 0.8], [0.3, 0.8]]),
)
BONES, CAMERAS = len(RIG), 14
PRIOR = Prior(bending=0.5, asymmetry=0.3)
BARE = Prior(bending=None, asymmetry=None)


def noise(*shape: int, seed: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def sheet() -> Mesh:
    """A curved sheet, alike on both sides of x = 0, 120 mm wide and 80 mm before the origin."""
    line = torch.linspace(0, 1, SIDE)
    uv = torch.cartesian_prod(line, line)
    vertices = torch.stack([120 * uv[:, 0] - 60, 120 * uv[:, 1], 80 - 60 * (uv[:, 0] - 0.5).square()], 1)
    corner = torch.arange(COUNT).view(SIDE, SIDE)
    a, b, c, d = (x.flatten() for x in (corner[:-1, :-1], corner[1:, :-1], corner[1:, 1:], corner[:-1, 1:]))
    return Mesh(vertices, torch.cat([torch.stack([a, b, c], 1), torch.stack([a, c, d], 1)]), uv=uv)


MESH = sheet()


def adaptive() -> AdaptiveSkinningModel:
    """In some pose, with weights of its own."""
    model = AdaptiveSkinningModel(MESH, RIG, components=2)
    sizes = {"translation": 2.0, "rotation": 0.1, "log_scale": 0.1, "mixture_factor": 0.1, "mixture_logits": 0.3}
    with torch.no_grad():
        for number, (name, size) in enumerate(sizes.items()):
            parameter = getattr(model, name)
            parameter += size * noise(*parameter.shape, seed=number).float()
    return model


def static() -> StaticSkinningModel:
    like = adaptive()
    model = StaticSkinningModel(MESH, RIG, like.weights().detach())
    with torch.no_grad():
        for name in ("translation", "rotation", "log_scale"):
            getattr(model, name).copy_(getattr(like, name))
    return model


MODELS = {"adaptive": adaptive, "static": static}
ROWS = torch.arange(0, COUNT, 2)
INSIDE = noise(7, 3, seed=30).abs()
INSIDE = (INSIDE / INSIDE.sum(1, keepdim=True)).float()
CORNERS = MESH.faces[::10][:7]


def places_of(face: SkinnedFace | LinearFace) -> list[object]:
    """Some vertices, and some points inside triangles."""
    return [face.places(ROWS), face.places(CORNERS, INSIDE.to(face.mesh.vertices))]


def demands_of(face: SkinnedFace | LinearFace, seed: int = 40) -> list[tuple[object, Demand]]:
    """Whatever derivatives by samples and cameras."""
    found = []
    for number, places in enumerate(places_of(face)):
        count, one = len(face.samples(places)), seed + 10 * number
        root = noise(count, 3, 3, seed=one)
        parts = (3 * noise(count, 3, seed=one + 1), root @ root.mT, noise(CAMERAS, seed=one + 2))
        parts += (torch.eye(CAMERAS).double(), noise(count, 3, CAMERAS, seed=one + 3))
        like = face.samples(places)
        found.append((places, Demand(1.0, *(part.to(like) for part in parts))))
    return found


def size_of(face: SkinnedFace | LinearFace) -> int:
    return len(face.system(demands_of(face))[0])


def jacobians(face: SkinnedFace | LinearFace, columns: Tensor, small: float) -> list[Tensor]:
    """For each set of samples (n, 3, c), by central differences: float32 leaves some 1e-5 mm to divide by `small`."""
    ways = small * torch.eye(size_of(face)).double()[columns]
    sets = []
    for places in places_of(face):
        found = [
            (face.moved(way).samples(places).double() - face.moved(-way).samples(places).double()) / (2 * small)
            for way in ways
        ]
        sets.append(torch.stack(found, -1))
    return sets


def close(found: Tensor, expected: Tensor, share: float) -> None:
    """Equal but for a share of the largest number."""
    assert found.shape == expected.shape
    assert (found.double() - expected.double()).abs().max() <= share * expected.double().abs().max()


# --- samples


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("double", [False, True])
def test_samples_are_points_of_the_model(name, double):
    model = MODELS[name]()
    model = model.double() if double else model
    face = SkinnedFace(model, PRIOR)
    vertices = model().detach().float()
    assert face.vertices().dtype == torch.float32 == face.mesh.vertices.dtype
    torch.testing.assert_close(face.vertices(), vertices, atol=2e-4, rtol=0)
    torch.testing.assert_close(face.samples(face.places(ROWS)), vertices[ROWS], atol=2e-4, rtol=0)
    # A point inside a triangle has weights of its own: near the plane of its corners, not on it.
    inside = face.samples(face.places(CORNERS, INSIDE))
    flat = (INSIDE[..., None] * vertices[CORNERS]).sum(1)
    assert (inside - flat).norm(dim=1).max() < (1.0 if name == "adaptive" else 2.0)
    corner = torch.tensor([[1.0, 0, 0]]).expand(7, 3)
    torch.testing.assert_close(face.samples(face.places(CORNERS, corner)), vertices[CORNERS[:, 0]], atol=2e-4, rtol=0)


def test_points_inside_triangles_follow_eq_1_with_the_weights_there():
    """Of a static model: the corners' weights, mixed; of an adaptive one the mixture's own at that place."""
    model = static()
    weights = (INSIDE[..., None] * model.weights()[CORNERS]).sum(1)
    rest = (INSIDE[..., None] * MESH.vertices[CORNERS]).sum(1)
    moved = torch.einsum("nj,jrc,nc->nr", weights, model.transforms(), torch.cat([rest, torch.ones(7, 1)], 1))
    face = SkinnedFace(model, PRIOR)
    torch.testing.assert_close(face.samples(face.places(CORNERS, INSIDE)), moved.detach(), atol=2e-4, rtol=0)


# --- systems


@pytest.mark.parametrize(("name", "adapts"), [("static", False), ("adaptive", False), ("adaptive", True)])
def test_a_system_without_priors_but_its_own_is_that_of_the_jacobian(monkeypatch, name, adapts):
    """First and second derivatives, and those shared with the cameras: J' f, J' M J and J' B."""
    monkeypatch.setattr("asm_teach.view_fit.movable_face._LEAST", 0.0)
    monkeypatch.setattr("asm_teach.fitting.normal_equations._LEAST_SHARE", 0.0)
    face = SkinnedFace(MODELS[name](), BARE)
    face.adapts = adapts
    first, second, beside = face.system(demands_of(face))
    width = 9 * BONES + (12 * BONES if face.adapts else 0)
    assert first.shape == (width,) and first.dtype == torch.float64 and beside.shape == (width, CAMERAS)
    # every seventh unknown, and with them all kinds of numbers
    some = torch.arange(0, width, 7)
    some = some[~torch.isin(some, face._held)]
    away = face._joint.deviations()
    ways = 1e-4 * torch.eye(width).double()[some]  # shares that are made to sum to 1 stray less than their numbers
    slope = torch.stack([(face.moved(w)._joint.deviations() - face.moved(-w)._joint.deviations()) / 2e-4 for w in ways])
    expected = [slope @ away, torch.eye(len(some)).double(), torch.zeros(len(some), CAMERAS).double()]
    for (_, asked), slopes in zip(demands_of(face), jacobians(face, some, 0.02), strict=True):
        expected[0] += torch.einsum("nxu,nx->u", slopes, asked.force.double())
        expected[1] += torch.einsum("nxu,nxy,nyw->uw", slopes, asked.metric.double(), slopes)
        expected[2] += torch.einsum("nxu,nxm->um", slopes, asked.beside.double())
    # what the second order of a step of 0.02 deviations leaves, and float32
    for found, slow in zip((first[some], second[some[:, None], some], beside[some]), expected, strict=True):
        close(found, slow, 4e-3)


@pytest.mark.parametrize("name", MODELS)
def test_the_root_stays_where_cameras_may_move(name):
    """Nothing asks for its nine numbers, and a step on all others leaves them."""
    face = SkinnedFace(MODELS[name](), PRIOR)
    first, second, beside = face.system(demands_of(face))
    assert len(face._held) == 9 and first.any() and not first[face._held].any() and not beside[face._held].any()
    step = torch.linalg.solve(second.double() + torch.eye(len(first)), first)
    torch.testing.assert_close(step[face._held], torch.zeros(9).double())
    root = face.model.rig.parents.tolist().index(-1)
    before, after = face._joint.motion.numbers()[root], face.moved(-step)._joint.motion.numbers()[root]
    torch.testing.assert_close(after, before)


@pytest.mark.parametrize("name", MODELS)
def test_second_derivatives_leave_out_little(name):
    """Gaussians with small shares of a patch: of the curvature at most a few hundredths of its largest number."""
    face = SkinnedFace(MODELS[name](), BARE)
    face.adapts = name == "adaptive"
    first, second, _ = face.system(demands_of(face))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("asm_teach.view_fit.movable_face._LEAST", 0.0)
        whole = face.system(demands_of(face))
    close(first, whole[0], 1e-6)
    close(second, whole[1], 0.03)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("prior", [PRIOR, BARE])
def test_the_priors_part_is_the_slope_of_what_they_cost(name, prior):
    """Half of it, along random ways, from a place that is off: deviations, bending and the mirror."""
    face = SkinnedFace(MODELS[name](), prior)
    face.adapts = name == "adaptive"
    face = face.moved(0.3 * noise(size_of(face), seed=60))
    silent = [(places, Demand(0.0, *(0 * part for part in vars(asked).values() if isinstance(part, Tensor))))
              for places, asked in demands_of(face)]  # fmt: skip
    first, second, beside = face.system(silent)
    assert not beside.any()
    torch.testing.assert_close(second, second.mT, atol=1e-3 * float(second.abs().max()), rtol=0)
    for seed in range(3):
        way = 0.02 * noise(len(first), seed=70 + seed)
        way[face._held] = 0
        slope = (face.moved(way).cost() - face.moved(-way).cost()) / 4
        expected = float(first @ way)
        # rotations turn about where they are: the prior is of the rotation vector, 1 % else at 0.1 rad
        assert slope == pytest.approx(expected, rel=0.05, abs=0.02 * float(first.norm() * way.norm()))


def test_the_mirror_costs_what_the_descent_says_it_costs():
    """`Asymmetry`, which the first half of a fit uses, against the matrix of the second; motions alone."""
    model = static()
    face = SkinnedFace(model, Prior(bending=None, asymmetry=0.3))
    plain = SkinnedFace(model, BARE)
    expected = 2 * float(Asymmetry(model, PRIOR, 0.3).loss().detach())  # that one is half a sum of squares
    assert face.cost() - plain.cost() == pytest.approx(expected, rel=1e-4)
    assert expected > 1


def test_a_face_that_is_alike_on_both_sides_pays_nothing_for_it():
    model = AdaptiveSkinningModel(MESH, RIG, components=2)
    with torch.no_grad():
        model.translation[1] = torch.tensor([3.0, 2.0, 1.0])
        model.translation[2] = torch.tensor([-3.0, 2.0, 1.0])
        model.rotation[1] = torch.tensor([0.1, 0.2, 0.3])
        model.rotation[2] = torch.tensor([0.1, -0.2, -0.3])
        model.translation[3, 1:] = 4.0  # the nose: up and out, not aside
        model.translation[0] = 5.0  # the root is free
    faces = [SkinnedFace(model, prior) for prior in (Prior(bending=None), BARE)]
    assert faces[0].cost() == pytest.approx(faces[1].cost(), rel=1e-5)
    with torch.no_grad():
        model.translation[3, 0] = 1.0
    assert SkinnedFace(model, Prior(bending=None)).cost() > faces[0].cost() + 0.2


def test_moving_the_head_as_a_whole_bends_nothing():
    model = AdaptiveSkinningModel(MESH, RIG, components=2)
    with torch.no_grad():
        model.translation[0] = 7.0
    faces = [SkinnedFace(model, prior) for prior in (Prior(asymmetry=None), BARE)]
    assert faces[0].cost() == pytest.approx(faces[1].cost(), abs=1e-3)
    with torch.no_grad():
        model.translation[3] = 7.0
    assert SkinnedFace(model, Prior(asymmetry=None)).cost() > SkinnedFace(model, BARE).cost() + 1


# --- steps


@pytest.mark.parametrize("name", MODELS)
def test_a_step_leaves_the_face_it_started_from(name):
    model = MODELS[name]()
    before = copy.deepcopy(model)
    face = SkinnedFace(model, PRIOR)
    vertices = face.vertices()
    face.adapts = name == "adaptive"
    other = face.moved(0.1 * noise(size_of(face), seed=80))
    assert torch.equal(face.vertices(), vertices) and not torch.equal(other.vertices(), vertices)
    assert other.adapts == face.adapts
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), before.parameters(), strict=True))
    assert other.finish() is model
    torch.testing.assert_close(model().detach(), other.vertices(), atol=5e-4, rtol=0)


def test_a_static_face_that_is_told_to_adapt_moves_its_bones():
    """A bundle tells every face so."""
    face = SkinnedFace(static(), PRIOR)
    before = face.system(demands_of(face))
    face.adapts = True
    for found, expected in zip(face.system(demands_of(face)), before, strict=True):
        assert torch.equal(found, expected)
    step = 0.1 * noise(9 * BONES, seed=1)
    assert not torch.equal(face.moved(step).vertices(), face.vertices())


def test_shares_sum_to_one_after_every_step():
    face = SkinnedFace(adaptive(), PRIOR)
    face.adapts = True
    for seed in range(3):
        face = face.moved(noise(size_of(face), seed=seed))
        sums = face._joint.gaussians[..., 5].logsumexp(1)
        torch.testing.assert_close(sums, torch.zeros_like(sums), atol=1e-9, rtol=0)


def test_until_they_may_gaussians_do_not_move():
    face = SkinnedFace(adaptive(), PRIOR)
    assert not face.adapts and size_of(face) == 9 * BONES
    moved = face.moved(noise(9 * BONES, seed=1))
    assert torch.equal(moved._joint.gaussians, face._joint.gaussians)
    face.adapts = True
    assert size_of(face) == 21 * BONES


# --- modes


def linear(double: bool = True) -> LinearFace:
    shapes = MESH.vertices + 5 * noise(6, COUNT, 3, seed=90).float()
    model = LinearMorphableModel.from_samples(MESH, shapes.double() if double else shapes)
    mesh = MESH.to(dtype=torch.float64) if double else MESH
    return LinearFace.of(LinearMorphableModel(mesh, model.modes, model.deviations))


def test_a_linear_face_starts_at_the_mean():
    face = linear()
    assert torch.equal(face.vertices(), face.model.mean) and face.cost() == 0
    assert face.mesh is face.model.mesh


def test_a_linear_face_in_closed_form():
    """x = mean + sum of c sigma mode: its system is exact, and so is one step of it."""
    face = linear()
    face.coefficients = 0.5 * noise(5, seed=3)
    model = face.model
    expected = model.mean + torch.einsum("m,m,mvx->vx", face.coefficients, model.deviations, model.modes)
    torch.testing.assert_close(face.vertices(), expected)
    torch.testing.assert_close(face.samples(face.places(ROWS)), expected[ROWS])
    inside = INSIDE.double()
    torch.testing.assert_close(
        face.samples(face.places(CORNERS, inside)), (inside[..., None] * expected[CORNERS]).sum(1)
    )
    assert face.cost() == pytest.approx(float(face.coefficients.square().sum()))
    slow = [face.coefficients.clone(), torch.eye(5).double(), torch.zeros(5, CAMERAS).double()]
    modes = (model.modes * model.deviations[:, None, None]).permute(1, 2, 0)
    mixed = [modes[ROWS], (INSIDE.double()[..., None, None] * modes[CORNERS]).sum(1)]
    face_places = [face.places(ROWS), face.places(CORNERS, inside)]
    demands = [(p, asked) for p, (_, asked) in zip(face_places, demands_of(face), strict=True)]
    for (_, asked), slopes in zip(demands, mixed, strict=True):
        slow[0] += torch.einsum("nxu,nx->u", slopes, asked.force)
        slow[1] += torch.einsum("nxu,nxy,nyw->uw", slopes, asked.metric, slopes)
        slow[2] += torch.einsum("nxu,nxm->um", slopes, asked.beside)
    for found, expected in zip(face.system(demands), slow, strict=True):
        torch.testing.assert_close(found, expected)


def test_one_step_of_a_linear_face_solves_what_is_linear():
    """Least squares with a target for every vertex: the ridge regression on the modes."""
    face = linear()
    target = face.model.mean + 3 * noise(COUNT, 3, seed=7)
    places = face.places(torch.arange(COUNT))
    metric, zero = torch.eye(3).double().expand(COUNT, 3, 3), torch.zeros(1).double()
    asked = Demand(0.0, face.samples(places) - target, metric, zero, zero[None], torch.zeros(COUNT, 3, 1).double())
    first, second, _ = face.system([(places, asked)])
    found = face.moved(-torch.linalg.solve(second, first)).coefficients
    design = places[1].flatten(0, 1)
    rows = torch.cat([design, torch.eye(5).double()])
    goal = torch.cat([(target - face.model.mean).flatten(), torch.zeros(5).double()])
    torch.testing.assert_close(found, torch.linalg.lstsq(rows, goal[:, None]).solution[:, 0])


def test_faces_on_any_device(device):
    for name in MODELS:
        face = SkinnedFace(MODELS[name]().to(device), PRIOR)
        face.adapts = name == "adaptive"
        here = SkinnedFace(MODELS[name](), PRIOR)
        here.adapts = face.adapts
        places = [face.places(ROWS.to(device)), face.places(CORNERS.to(device), INSIDE.to(device))]
        demands = [
            (p, Demand(1.0, *(part.to(device) for part in vars(asked).values() if isinstance(part, Tensor))))
            for p, (_, asked) in zip(places, demands_of(here), strict=True)
        ]
        for found, expected in zip(face.system(demands), here.system(demands_of(here)), strict=True):
            assert found.device.type == device.type
            close(found.cpu(), expected, 1e-3)
        assert face.cost() == pytest.approx(here.cost(), rel=1e-3)


def shared_demand(count: int, seed: int = 60) -> Demand:
    """Some demand, three nuisance parameters of which explain a part."""
    metric = torch.eye(3).expand(count, 3, 3).contiguous()
    beside, shared = (0.1 * noise(count, 3, k, seed=seed + k).float() for k in (CAMERAS, 3))
    of_cameras = noise(CAMERAS, 3, seed=seed).float()
    force = noise(count, 3, seed=seed + 1).float()
    return Demand(0.0, force, metric, of_cameras[:, 0], torch.eye(CAMERAS), beside, shared, of_cameras)


def test_what_nuisance_parameters_explain_is_taken_from_the_system():
    """S S^T, with S by the unknowns as a column of `beside` would be."""
    people = LinearMorphableModel(MESH, noise(4, COUNT, 3, seed=70).float(), torch.ones(4))
    for face in (SkinnedFace(adaptive(), PRIOR), SkinnedFace(static(), PRIOR), LinearFace.of(people)):
        face.adapts = True
        places = face.places(ROWS)
        asked = shared_demand(len(ROWS))
        assert asked.shared is not None and asked.shared_cameras is not None
        plain = replace(asked, shared=None, shared_cameras=None)
        as_columns = replace(plain, beside=torch.cat([asked.beside, asked.shared], 2))
        first, second, beside = face.system([(places, asked)])
        bare_first, bare_second, bare_beside = face.system([(places, plain)])
        columns = face.system([(places, as_columns)])[2][:, CAMERAS:]
        torch.testing.assert_close(first, bare_first)
        close = {"rtol": 1e-3, "atol": 1e-4 * float(bare_second.abs().max())}
        torch.testing.assert_close(second, bare_second - columns @ columns.T, **close)
        torch.testing.assert_close(beside, bare_beside - columns @ asked.shared_cameras.T, rtol=1e-3, atol=1e-3)
        assert columns.abs().max() > 0.1


def test_a_learned_prior_costs_what_its_density_says_and_pulls_as_it_rises():
    """Beside the same face without it: the cost against the prior itself, slopes against differences of the cost."""
    model = adaptive()
    size = len(parameters_of(model))
    directions = torch.linalg.qr(noise(size, 3, seed=50))[0].T.float()
    directions[:, 9 * BONES - 6 :] = 0.0  # of the motions alone
    directions = torch.linalg.qr(directions.T)[0].T
    centre = (parameters_of(model) + 0.1 * noise(size, seed=51).float()).detach()
    learned = FacePrior(MESH, RIG.names, centre, torch.full((size,), 0.7), directions, torch.tensor([2.0, 1, 0.5]), 0.3)
    weights = torch.arange(size) >= 9 * BONES - 6
    centre[weights] = parameters_of(model).detach()[weights]
    bare, face = SkinnedFace(model, BARE), SkinnedFace(model, BARE, learned)
    assert face.cost() - bare.cost() == pytest.approx(2 * float(learned(model).detach()), rel=1e-4)
    (one, _, _), (two, second, _) = bare.system(demands_of(bare)), face.system(demands_of(face))
    some = torch.arange(9, 9 * BONES, 5)
    ways = 1e-2 * torch.eye(len(one)).double()[some]

    def cost(way: Tensor) -> float:
        return face.moved(way).cost() - bare.moved(way).cost()

    slope = torch.tensor([(cost(way) - cost(-way)) / 4e-2 for way in ways])
    close((two - one)[some], slope, 2e-2)  # turns that come after a turn are not its own numbers
    assert (torch.linalg.eigvalsh(second[9:, 9:]) > 0).all()
