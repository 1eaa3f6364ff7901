"""Steps on motions, Gaussians and places together: never uphill, only what may move, and a model that agrees."""

from __future__ import annotations

import copy
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from asm_teach.fitting.damped_step import MOST
from asm_teach.fitting.levenberg_marquardt import JointFit
from asm_teach.fitting.normal_equations import Points
from asm_teach.fitting.unknowns import FREE, Unknowns
from asm_teach.fitting.vertex_energy import Bend, Pull
from asm_teach.geometry.mesh import Mesh
from asm_teach.model.adaptive import AdaptiveSkinningModel, SkinnedModel, StaticSkinningModel
from asm_teach.model.transforms import Rig
from asm_teach.scan_fit.fit import DENSE

SIDE = 13
COUNT = SIDE * SIDE
RIG = Rig(
    tuple("abcde"),
    torch.tensor([-1, 0, 1, 0, 3]),
    uv=torch.tensor([[0.5, 0.5], [0.2, 0.3], [0.3, 0.8], [0.8, 0.7], [0.7, 0.2]]),
)
ALL_FREE = [("motion",), ("weights",), ("binding",), ("motion", "weights"), ("motion", "binding"), FREE]
NAMES = {
    "motion": {"translation", "rotation", "log_scale"},
    "weights": {"mixture_mean", "mixture_factor", "mixture_logits"},
    "binding": {"bone_uv", "mixture_mean"},
}


def sheet() -> Mesh:
    """A curved sheet of 13 x 13 vertices, 120 mm wide and 80 mm before the origin."""
    line = torch.linspace(0, 1, SIDE)
    uv = torch.cartesian_prod(line, line)
    vertices = torch.stack([120 * uv[:, 0] - 60, 120 * uv[:, 1], 80 + 20 * (3 * uv[:, 0]).sin()], 1)
    corner = torch.arange(COUNT).view(SIDE, SIDE)
    a, b, c, d = (x.flatten() for x in (corner[:-1, :-1], corner[1:, :-1], corner[1:, 1:], corner[:-1, 1:]))
    return Mesh(vertices, torch.cat([torch.stack([a, b, c], 1), torch.stack([a, c, d], 1)]), uv=uv)


MESH = sheet()
PLAIN = AdaptiveSkinningModel(MESH, RIG, components=2)


def adaptive(posed: bool = False) -> AdaptiveSkinningModel:
    """An adaptive sheet at rest; or in a pose, its bones beside their Gaussians."""
    model = copy.deepcopy(PLAIN)
    if posed:
        generator = torch.Generator().manual_seed(3)
        sizes = {"translation": 3.0, "rotation": 0.2, "log_scale": 0.1, "bone_uv": 0.02, "mixture_mean": 0.03}
        with torch.no_grad():
            for name, size in sizes.items():
                parameter = getattr(model, name)
                parameter += size * torch.randn(parameter.shape, generator=generator)
    return model


def static() -> StaticSkinningModel:
    return StaticSkinningModel(MESH, RIG, PLAIN.weights().detach())


def target(seed: int = 0, size: float = 6.0) -> Tensor:
    """The sheet, bent in a smooth way that no pose of it can follow exactly."""
    waves = torch.randn(4, 3, generator=torch.Generator().manual_seed(seed))
    u, v = MESH.uv.T
    shapes = torch.stack([(5 * u).sin(), (6 * v).cos(), (4 * (u + v)).sin(), 2 * u * v], 1)
    return MESH.vertices + size * shapes @ waves


def make_pull(model: SkinnedModel, seed: int = 0, bends: bool = False, size: float = 6.0) -> tuple[Points, Pull]:
    """Targets are float32, as the points of a fit are in any model."""
    device = model.vertices.device
    every, goal = torch.arange(COUNT, device=device), target(seed, size).to(device)
    bend, rest = (Bend.of(MESH.to(device)), MESH.vertices.to(device)) if bends else (None, None)
    return Points(model, every), Pull(MESH.uv.to(device), every, goal, torch.ones(COUNT, device=device), bend, rest)


def run(joint: JointFit, points: Points, pull: Pull, steps: int, **options) -> list[float]:
    return [joint.step(points, pull, **{"noise": 0.2, **options}) for _ in range(steps)]


def changed(model: SkinnedModel, before: SkinnedModel) -> set[str]:
    pairs = zip(model.named_parameters(), before.parameters(), strict=True)
    return {name for (name, now), then in pairs if not torch.equal(now, then)}


# --- downhill


@given(st.integers(0, 1000), st.sampled_from(ALL_FREE), st.booleans())
@settings(max_examples=12)
def test_with_next_to_no_prior_no_step_goes_uphill(seed, free, bends):
    """The energy that a step returns is that of the vertices it leaves, and no more than before."""
    model = adaptive(posed=True)
    points, pull = make_pull(model, seed, bends)
    joint = JointFit(model, free, DENSE)
    energies = [pull.cost(joint.pose(points).vertices), *run(joint, points, pull, 5, noise=0.02)]
    assert energies[-1] == pytest.approx(pull.cost(joint.pose(points).vertices), rel=1e-6)
    # a number that goes to its own standard deviation costs 0.02^2 = 0.0004 mm^2, of thousands to begin with
    assert all(after <= before + 0.5 for before, after in zip(energies, energies[1:], strict=False))
    assert energies[-1] < energies[0]


@pytest.mark.parametrize("noise", [0.2, 3.0, 30.0])
def test_with_a_prior_the_sum_of_both_falls(noise):
    """Energy and prior together, by the equation in `JointFit.step`: the motions' part as numbers of nine."""
    model = static()
    points, pull = make_pull(model)
    joint = JointFit(model, ("motion",), DENSE)
    width = torch.tensor([DENSE.translation] * 3 + [DENSE.rotation] * 3 + [DENSE.log_scale] * 3).double()

    def whole() -> float:
        numbers = joint.face.motion.numbers() / width
        numbers[0, :6] = 0  # where the head is as a whole costs nothing
        return pull.cost(joint.pose(points).vertices) + noise**2 * numbers.square().sum().item()

    values = [whole()]
    for _ in range(8):
        joint.step(points, pull, noise)
        values.append(whole())
    assert all(after <= before for before, after in zip(values, values[1:], strict=False))
    assert values[-1] < values[0]


def test_a_belief_about_all_motions_together_is_a_prior_like_another():
    """Told as rows of a matrix, the deviations of a prior lead where the prior itself does."""
    model = static()
    points, pull = make_pull(model)
    widths = torch.tensor([DENSE.translation] * 3 + [DENSE.rotation] * 3 + [DENSE.log_scale] * 3).double().repeat(5)
    vague = replace(DENSE, translation=1e3, rotation=50.0, log_scale=50.0)
    own, told = (
        JointFit(model, ("motion",), DENSE),
        JointFit(model, ("motion",), vague, (widths.pow(-1).diag(), 0 * widths)),
    )
    for joint in (own, told):
        run(joint, points, pull, 25, noise=8.0)
    assert (own.pose(points).vertices - told.pose(points).vertices).norm(dim=1).mean() < 0.05
    elsewhere = JointFit(model, ("motion",), vague, (widths.pow(-1).diag(), 0.5 * widths))
    run(elsewhere, points, pull, 6, noise=100.0)
    assert (elsewhere.face.motion.numbers()[1:] - 0.5 * widths.view(5, 9)[1:]).abs().max() < 0.1 * widths.max()


def test_a_strong_prior_leaves_the_bones_and_lets_the_head_go():
    """The root may move the whole as it likes: no prior knows where a head is."""
    moved = {}
    for noise in (0.2, 100.0):
        joint = JointFit(static(), ("motion",), DENSE)
        points, pull = make_pull(joint.face.model)
        pull.aim(pull.target + torch.tensor([30.0, 0.0, 0.0]), pull.weight)
        run(joint, points, pull, 15, noise=noise)
        moved[noise] = joint.face.motion.numbers()
    assert moved[100.0][1:].abs().max() < 0.05 * moved[0.2][1:].abs().max()
    assert moved[100.0][0, 0] > 25


def test_a_step_that_cannot_help_is_not_taken():
    """At the target itself: nothing moves, nothing breaks, and the damping waits."""
    model = adaptive()
    points, pull = make_pull(model, size=0.0)
    joint = JointFit(model, FREE, DENSE)
    assert max(run(joint, points, pull, 3)) < 1e-6
    joint.finish()
    torch.testing.assert_close(model().detach(), MESH.vertices, atol=1e-4, rtol=0)


def test_damping_shortens_steps_of_which_the_scan_says_next_to_nothing(monkeypatch):
    """Where second derivatives are missing and first ones are not: else no damping would ever make a useful step."""
    model = adaptive()
    points, pull = make_pull(model)
    joint = JointFit(model, FREE, DENSE)
    reduce, moved, lengths = joint.face.reduce, joint.face.moved, []

    def flat(*arguments):
        first, second, beside = reduce(*arguments)
        return torch.ones_like(first), torch.zeros_like(second), beside

    def watch(step, adapts):
        lengths.append(float(step.norm()))
        return moved(1e9 * step, adapts)  # nowhere better: the next damping is tried

    monkeypatch.setattr(joint.face, "reduce", flat)
    monkeypatch.setattr(joint.face, "moved", watch)
    joint.damping.value = 5.0
    joint.step(points, pull, 0.2)
    assert len(lengths) == joint.damping.tries
    ratios = [one / other for one, other in zip(lengths[1:], lengths, strict=False)]
    assert max(ratios) < 0.3
    assert joint.damping.value == MOST


def test_a_few_steps_solve_what_can_be_solved():
    """The target is a pose of the model itself: static weights reach it to float32 within 12 steps, from 4 mm."""
    model = static()
    with torch.no_grad():
        for parameter, size in ((model.translation, 4.0), (model.rotation, 0.2), (model.log_scale, 0.1)):
            parameter += size * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(1))
    points, pull = make_pull(model)
    goal = model().detach()
    assert (goal - MESH.vertices).norm(dim=1).mean() > 3
    pull.aim(goal, pull.weight)
    joint = JointFit(static(), ("motion",), DENSE)
    run(joint, points, pull, 12, noise=1e-3)
    assert pull.error(joint.pose(points).vertices) < 0.01


def test_more_freedom_ends_lower():
    """Each word adds something to what the motions alone can do, and all of them the most."""
    ends = {}
    for free in ALL_FREE:
        joint = JointFit(adaptive(), free, DENSE)
        ends[free] = run(joint, *make_pull(joint.face.model), 15)[-1]
    assert ends["motion", "weights"] < 0.7 * ends["motion",]
    assert ends["motion", "binding"] < ends["motion",]
    assert ends["motion", "weights"] < ends["motion", "binding"]
    start = make_pull(adaptive())[1].cost(MESH.vertices)
    assert ends["motion",] < 0.5 * start


def test_gaussians_wait_until_they_may_move():
    joint = JointFit(adaptive(), FREE, DENSE)
    points, pull = make_pull(joint.face.model)
    run(joint, points, pull, 3, adapt=False)
    assert torch.equal(joint.face.gaussians, joint.face.start)
    run(joint, points, pull, 1)
    assert not torch.equal(joint.face.gaussians, joint.face.start)


def test_no_gaussian_takes_a_long_step():
    """Seven tenths of a width, or of a logarithm, at most, however far the target."""
    joint = JointFit(adaptive(), FREE, DENSE)
    points, pull = make_pull(joint.face.model, size=40.0)
    width = joint.face.start[:, :1, 2].exp()
    for _ in range(6):
        before = joint.face.gaussians
        joint.step(points, pull, 1e-3)
        away = (joint.face.gaussians - before).abs()
        away[..., [0, 1, 3]] /= width[..., None]
        assert away.max() <= 0.7 + 1e-9


def test_the_scales_stay_positive():
    """A sheet that is to be folded through itself wants mirrored bones; they get thin instead."""
    model = static()
    points, pull = make_pull(model)
    pull.aim(MESH.vertices * torch.tensor([-1.0, 1.0, 1.0]), pull.weight)
    joint = JointFit(model, ("motion",), DENSE)
    run(joint, points, pull, 15)
    joint.finish()
    determinants = torch.linalg.det(model.transforms()[..., :3])
    assert model.log_scale.isfinite().all() and (determinants > 0).all()


# --- what may move


@pytest.mark.parametrize("free", ALL_FREE, ids="-".join)
def test_only_what_is_free_moves(free):
    """In a model that was in some pose before; `finish` alone changes nothing that was not free either."""
    model = adaptive(posed=True)
    before = copy.deepcopy(model)
    joint = JointFit(model, free, DENSE)
    run(joint, *make_pull(model), 4)
    joint.finish()
    may = set().union(*(NAMES[word] for word in free))
    if "binding" in free:
        may |= NAMES["motion"]  # its numbers are told about a bone's new pivot
    moved = changed(model, before)
    # rounding: numbers go to float64 and back, rotations through matrices and logits through shares
    for name in set(dict(model.named_parameters())) - may:
        found, then = getattr(model, name).detach(), getattr(before, name).detach()
        if name == "mixture_logits":
            found, then = found.softmax(1), then.softmax(1)
        torch.testing.assert_close(found, then, atol=2e-6, rtol=2e-6)
    for word in free:
        assert NAMES[word] & moved


def test_binding_alone_moves_the_gaussians_of_a_bone_together():
    """Their shapes and shares stay, and so do their offsets from the bone: the bone takes them along."""
    model = adaptive(posed=True)
    before = copy.deepcopy(model)
    joint = JointFit(model, ("motion", "binding"), DENSE)
    run(joint, *make_pull(model), 6)
    shift = joint.face.gaussians - joint.face.start
    torch.testing.assert_close(shift[:, 0], shift[:, 1], atol=1e-12, rtol=0)
    assert not shift[..., 2:].any() and shift[..., :2].abs().max() > 1e-3
    joint.finish()
    place = before.bone_uv.detach() + shift[:, 0, :2].float()
    inside = ((place > 0) & (place < 1)).all(1)
    assert inside.sum() >= 3
    # the chart is the unit square: its nearest point is no further than the rim
    torch.testing.assert_close(model.bone_uv.detach(), place.clamp(0, 1), atol=1e-6, rtol=0)
    torch.testing.assert_close(model.mixture_mean[inside], before.mixture_mean[inside], atol=1e-6, rtol=0)


def test_with_weights_alone_free_the_bones_stay_where_they_are():
    model = adaptive(posed=True)
    before = copy.deepcopy(model)
    joint = JointFit(model, ("motion", "weights"), DENSE)
    run(joint, *make_pull(model), 6)
    joint.finish()
    assert torch.equal(model.bone_uv, before.bone_uv)
    assert not torch.allclose(model.mixture_mean, before.mixture_mean)


def test_a_bone_that_may_move_sits_amid_its_gaussians():
    model = adaptive(posed=True)
    before = copy.deepcopy(model)
    joint = JointFit(model, FREE, DENSE)
    run(joint, *make_pull(model), 6)
    joint.finish()
    share = model.mixture_logits.softmax(1)[..., None]
    shift = (share * (model.mixture_mean - before.mixture_mean)).sum(1)
    torch.testing.assert_close(shift, torch.zeros_like(shift), atol=1e-5, rtol=0)
    assert (model.bone_uv - before.bone_uv).abs().max() > 1e-3


@pytest.mark.parametrize("free", ALL_FREE, ids="-".join)
def test_a_static_model_has_motion_only(free):
    model = static()
    before = copy.deepcopy(model)
    if "motion" not in free:
        return
    joint = JointFit(model, free, DENSE)
    energies = run(joint, *make_pull(model), 5)
    joint.finish()
    assert energies[-1] < 0.7 * energies[0] and not joint.face.gaussians.numel()
    assert changed(model, before) == NAMES["motion"]
    assert torch.equal(model.weights(), before.weights())


# --- the end


@pytest.mark.parametrize("free", ALL_FREE, ids="-".join)
@pytest.mark.parametrize("precise", [False, True], ids=["float32", "float64"])
def test_the_model_ends_where_the_steps_left_it(free, precise):
    """Also where bones moved on the chart and were told of new pivots; once more changes nothing more."""
    model = adaptive(posed=True)
    model = model.double() if precise else model
    joint = JointFit(model, free, DENSE)
    points, pull = make_pull(model)
    run(joint, points, pull, 5)
    joint.settle(points, pull, 0.2)
    posed = joint.pose(points).vertices
    joint.finish()
    once = copy.deepcopy(model)
    for _ in range(3):
        joint.finish()
        for now, then in zip(model.parameters(), once.parameters(), strict=True):
            torch.testing.assert_close(now, then, atol=1e-5, rtol=1e-5)
        # Points are float32 in either case: coordinates of some 150 mm keep 1e-5, through five bones
        torch.testing.assert_close(model().detach().float(), posed, atol=5e-4, rtol=0)


def test_steps_go_on_after_a_look_at_the_model():
    """A watcher has the model written in the middle of a fit: what comes after is as without it."""
    ends = []
    for looks in (False, True):
        joint = JointFit(adaptive(posed=True), FREE, DENSE)
        points, pull = make_pull(joint.face.model)
        for _ in range(6):
            joint.step(points, pull, 0.2)
            if looks:
                joint.finish()
        ends.append(joint.pose(points).vertices)
    assert torch.equal(*ends)


def test_bones_stay_on_the_chart():
    """Targets that draw everything to one corner push Gaussians over the rim; the bones stop there."""
    model = adaptive()
    joint = JointFit(model, FREE, DENSE)
    points, pull = make_pull(model)
    corner = (MESH.uv - 1).square().sum(1)
    pull.aim(MESH.vertices + 60 * (-corner / 0.02).exp()[:, None], pull.weight)
    run(joint, points, pull, 15, noise=1e-3, unity=1e4)
    joint.settle(points, pull, 1e-3)
    centre = joint.face.gaussians[..., :2]
    assert centre.amax() > 1.02 or centre.amin() < -0.02  # or this test asks nothing
    joint.finish()
    assert model.bone_uv.amin() >= -1e-6 and model.bone_uv.amax() <= 1 + 1e-6
    torch.testing.assert_close(model().detach(), joint.pose(points).vertices, atol=1e-3, rtol=0)


def test_settled_shares_sum_to_one_and_cost_little():
    model = adaptive()
    joint = JointFit(model, FREE, DENSE)
    points, pull = make_pull(model)
    energy = run(joint, points, pull, 10, unity=1.0)[-1]
    assert (joint.face.gaussians[..., 5].exp().sum(1) - 1).abs().max() > 1e-3  # they were let loose
    held = joint.face.gaussians
    joint.settle(points, pull, 0.2)
    torch.testing.assert_close(joint.face.gaussians[..., 5].exp().sum(1), torch.ones(len(RIG)).double())
    assert torch.equal(held[..., :5], joint.face.gaussians[..., :5])
    assert pull.cost(joint.pose(points).vertices) < 2 * energy
    joint.finish()
    torch.testing.assert_close(model().detach(), joint.pose(points).vertices, atol=5e-4, rtol=0)


def test_shares_are_drawn_in_by_what_they_cost():
    """The dearer it is, the closer the shares of a bone sum to 1; in the end settling moves next to nothing."""
    sums = {}
    for unity in (1.0, 1e6):
        joint = JointFit(adaptive(), FREE, DENSE)
        run(joint, *make_pull(joint.face.model), 12, unity=unity)
        sums[unity] = joint.face.gaussians[..., 5].logsumexp(1).abs().max().item()
    assert sums[1e6] < 0.02 < sums[1.0]


def test_a_fit_on_any_device(device):
    """Some vertices first, then all of them, as a fit does."""
    model = adaptive().to(device)
    joint = JointFit(model, FREE, DENSE)
    points, pull = make_pull(model, bends=True)
    some = torch.arange(0, COUNT, 2, device=device)
    coarse = Pull(MESH.uv.to(device), some, pull.target[some], pull.weight[some])
    run(joint, Points(model, some), coarse, 2, unity=1.0)
    energies = run(joint, points, pull, 4, unity=1.0)
    joint.settle(points, pull, 0.2)
    joint.finish()
    assert energies[-1] < energies[0] and model().device.type == device.type
    torch.testing.assert_close(model().detach(), joint.pose(points).vertices, atol=5e-4, rtol=0)


def test_what_a_pull_leaves_out_of_the_second_derivative_changes_the_step():
    ends = []
    for least in (None, 0.3):
        joint = JointFit(adaptive(), FREE, DENSE)
        points, pull = make_pull(joint.face.model)
        pull.least = least
        run(joint, points, pull, 1)
        ends.append(joint.pose(points).vertices)
    assert (ends[0] - ends[1]).abs().max() > 1e-3


# --- as unknowns of something else


def test_a_pose_is_kept_until_the_face_moves():
    face = Unknowns(adaptive(), FREE, DENSE)
    points, others = (Points(face.model, torch.arange(n)) for n in (9, 20))
    posed = face.pose(points)
    assert face.pose(points) is posed and len(face.pose(others).vertices) == 20
    after = face.moved(0.1 * torch.ones_like(face.deviations()), adapts=True)
    assert (after.pose(points).vertices - posed.vertices).abs().max() > 0.1
    assert after.summed().pose(points) is not after.pose(points) and face.pose(points) is posed


def test_a_root_is_believed_in_where_cameras_move():
    """Where the head is no prior knows; where cameras may move about it, it costs as any bone does."""
    model = static()
    with torch.no_grad():
        model.translation[0, 0], model.rotation[0, 1] = 5.0, 0.1
    free, rooted = (Unknowns(model, ("motion",), DENSE, rooted=held).deviations() for held in (False, True))
    assert not free.any()
    expected = torch.zeros(len(RIG), 9).double()
    expected[0, 0], expected[0, 4] = 5.0 / DENSE.translation, 0.1 / DENSE.rotation
    torch.testing.assert_close(rooted.view(len(RIG), 9), expected, atol=1e-7, rtol=1e-6)


@pytest.mark.parametrize("free", [("motion",), ("motion", "weights"), FREE], ids="-".join)
def test_deviations_follow_a_step(free):
    """Of a number by the step itself, in the prior's deviations; the shares but for their sum, which stays 1."""
    face = Unknowns(adaptive(), free, DENSE, rooted=True)
    size = len(face.deviations())
    assert not face.deviations().any()
    step = 0.05 * torch.randn(size, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    other = face.moved(step, adapts=True).summed()
    moved, motions = other.deviations(), 9 * len(RIG)
    torch.testing.assert_close(moved[:motions], step[:motions], atol=1e-9, rtol=1e-6)
    if free == FREE:
        apart = (moved - step)[motions:].view(len(RIG), 2, 6)
        torch.testing.assert_close(apart[..., :5], torch.zeros_like(apart[..., :5]), atol=1e-9, rtol=0)
        torch.testing.assert_close(apart[:, 0, 5], apart[:, 1, 5])  # one shift for all of a bone's
        sums = other.gaussians[..., 5].exp().sum(1)
        torch.testing.assert_close(sums, torch.ones_like(sums))
    assert not face.deviations().any() and other.model is face.model


def test_gaussians_wait_in_such_a_step_too():
    face = Unknowns(adaptive(), FREE, DENSE, rooted=True)
    other = face.moved(0.1 * torch.ones(9 * len(RIG)).double(), adapts=False)
    assert torch.equal(other.gaussians, face.gaussians)
    assert other.motion.numbers().abs().min() > 0
