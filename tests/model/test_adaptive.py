"""The two skinned models: at rest, moved, against a naive reading of the equations, and with bad input."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation
from torch import Tensor

from asm_teach.data.heads import Head, load_head
from asm_teach.geometry.mesh import Mesh
from asm_teach.model.adaptive import AdaptiveSkinningModel, SkinnedModel, StaticSkinningModel, start_widths
from asm_teach.model.transforms import Rig


@pytest.fixture(scope="module", params=["makehuman", "soma"])
def head(request: pytest.FixtureRequest) -> Head:
    return load_head(request.param)


def patch(rows: int = 4) -> Mesh:
    """An uneven curved patch of `rows` x `rows` quads, 100 mm wide, float64, one UV per vertex."""
    generator = torch.Generator().manual_seed(3)
    line = torch.linspace(0.1, 0.9, rows + 1, dtype=torch.float64)
    uv = torch.cartesian_prod(line, line)
    uv = uv + 0.15 / rows * (torch.rand(uv.shape, generator=generator, dtype=torch.float64) - 0.5)
    corner = torch.arange((rows + 1) ** 2).view(rows + 1, rows + 1)
    a, b, c, d = (x.flatten() for x in (corner[:-1, :-1], corner[1:, :-1], corner[1:, 1:], corner[:-1, 1:]))
    faces = torch.cat([torch.stack([a, b, c], 1), torch.stack([a, c, d], 1)])
    height = 20 * torch.sin(4 * uv[:, 0]) + 10 * torch.rand(len(uv), generator=generator, dtype=torch.float64)
    return Mesh(torch.stack([100 * uv[:, 0], 100 * uv[:, 1], height], 1), faces, uv)


def small_rig(mesh: Mesh) -> Rig:
    """Three bones in a chain and a fork, each well inside a triangle, the root not the first."""
    inside = torch.tensor([[0.5, 0.2, 0.3], [0.3, 0.3, 0.4], [0.25, 0.6, 0.15]], dtype=torch.float64)
    faces = mesh.faces[torch.tensor([9, 2, 25])]
    return Rig(("jaw", "root", "lip"), torch.tensor([1, -1, 0]), uv=(inside[..., None] * mesh.uv[faces]).sum(1))


def jumble(model: SkinnedModel, seed: int = 0, motion: float = 1.0) -> SkinnedModel:
    """Give every parameter a random offset of the size a fit gives it; `motion` 0 leaves the bones at rest."""
    generator = torch.Generator().manual_seed(seed)
    size = {
        "translation": 5 * motion, "rotation": 0.4 * motion, "log_scale": 0.2 * motion,
        "bone_uv": 0.01, "mixture_mean": 0.02, "mixture_factor": 0.2, "mixture_logits": 0.5,
    }  # fmt: skip
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            noise = torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
            parameter += size[name] * noise.to(parameter)
    return model


def small_adaptive(components: int = 2) -> AdaptiveSkinningModel:
    mesh = patch()
    return AdaptiveSkinningModel(mesh, small_rig(mesh), components)


def small_static() -> StaticSkinningModel:
    mesh = patch()
    weights = torch.rand(len(mesh.vertices), 3, dtype=torch.float64)
    positions = torch.tensor([[50.0, 40, 10], [45, 10, 0], [50, 30, 30]], dtype=torch.float64)
    rig = replace(small_rig(mesh), positions=positions)
    return StaticSkinningModel(mesh, rig, weights / weights.sum(1, keepdim=True))


SMALL = {"adaptive": small_adaptive, "static": small_static}


def of_head(head: Head, kind: str) -> SkinnedModel:
    if kind == "adaptive":
        return AdaptiveSkinningModel(head.mesh, head.rig, components=2)
    return StaticSkinningModel(head.mesh, head.rig, head.static_weights)


# --- at rest


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-4), (torch.float64, 1e-10)])
@pytest.mark.parametrize("kind", ["adaptive", "static"])
def test_identity_motion_gives_back_the_rest_head(head, kind, dtype, tolerance, device):
    """Whatever the weights and wherever the bones sit, and again after a motion has been taken back."""
    model = of_head(head, kind).to(device, dtype)
    rest = head.mesh.vertices.to(device, dtype)
    with torch.no_grad():
        assert (model() - rest).abs().max() < tolerance
        jumble(model, motion=0.0)
        assert (model() - rest).abs().max() < tolerance
        jumble(model)
        assert (model() - rest).norm(dim=1).mean() > 1.0  # it does move, so the next line says something
        model.reset_motion()
        assert (model() - rest).abs().max() < tolerance


@pytest.mark.parametrize("kind", ["adaptive", "static"])
def test_weights_are_shares(head, kind):
    """Rows sum to 1 in float32, at the start and after the mixtures have been changed."""
    model = of_head(head, kind)
    with torch.no_grad():
        for weights in (model.weights(), jumble(model).weights()):
            assert weights.shape == (len(head.mesh.vertices), 84)
            assert weights.isfinite().all() and (weights >= 0).all()
            # The sum itself is taken in float64: what is asked is how exact the shares are.
            assert (weights.double().sum(1) - 1).abs().max() < 1e-6


def test_bones_sit_on_the_surface_and_follow_their_uv(head):
    """psi at the UV of a vertex is that vertex, so a bone put there has its pivot there."""
    model = of_head(head, "adaptive").double()
    chosen = head.mesh.part_vertices("face")[:84]
    with torch.no_grad():
        model.bone_uv.copy_(model.uv[chosen])
    # 1e-9 mm: float64 keeps about 1e-13 of coordinates around 100 mm, times the stretch of small triangles
    torch.testing.assert_close(model.bind_points(), model.vertices[chosen], atol=1e-9, rtol=0)


# --- how many numbers


@pytest.mark.parametrize("components", [1, 2, 5])
def test_an_adaptive_face_is_eleven_plus_six_k_numbers_a_bone(components):
    model = small_adaptive(components)
    assert model.components == components
    assert sum(p.numel() for p in model.parameters()) == 3 * (11 + 6 * components)
    motion = (model.translation, model.rotation, model.log_scale)
    assert [p.shape for p in motion] == [(3, 3)] * 3  # nine a bone
    assert all(p.requires_grad for p in model.parameters())


def test_a_static_face_is_nine_numbers_a_bone():
    model = small_static()
    assert sum(p.numel() for p in model.parameters()) == 3 * 9


@pytest.mark.parametrize("kind", SMALL)
def test_each_of_the_nine_moves_the_face_in_its_own_way(kind):
    model = SMALL[kind]()

    def face(numbers: Tensor) -> Tensor:
        parts = {k: p.detach().clone() for k, p in model.named_parameters()}
        for name, value in zip(("translation", "rotation", "log_scale"), numbers.view(3, 3), strict=True):
            parts[name][0] = value
        return torch.func.functional_call(model, parts).flatten()

    jacobian = torch.autograd.functional.jacobian(face, torch.zeros(9, dtype=torch.float64))
    jacobian = jacobian / jacobian.norm(dim=0)
    # Columns of length 1 that were dependent would leave a singular value of 0 (to 1e-15).
    assert torch.linalg.svdvals(jacobian).min() > 0.01


# --- moved


def naive_face(model: SkinnedModel) -> np.ndarray:
    """Equations (1) to (3) as they are written, one number after another, in numpy."""
    p = {k: v.detach().numpy() for k, v in model.named_parameters()}
    vertices, faces = model.mesh.vertices.numpy(), model.mesh.faces.numpy()
    parents, bones = model.rig.parents.tolist(), len(model.rig)

    def bind_point(j: int) -> np.ndarray:
        if model.rig.positions is not None:
            return model.rig.positions[j].numpy()
        uv = model.mesh.uv.numpy()
        for face in faces:
            beta = np.linalg.solve(np.vstack([uv[face].T, np.ones(3)]), [*p["bone_uv"][j], 1.0])
            if (beta >= 0).all():
                return beta @ vertices[face]
        raise AssertionError("the bone lies outside the chart")

    def bind(j: int) -> np.ndarray:
        matrix = np.eye(4)
        matrix[:3, 3] = bind_point(j)
        return matrix

    def own(j: int) -> np.ndarray:
        matrix = np.eye(4)
        turn = Rotation.from_rotvec(p["rotation"][j]).as_matrix()
        matrix[:3, :3] = turn @ np.diag(np.exp(p["log_scale"][j]))
        matrix[:3, 3] = p["translation"][j]
        return matrix

    def world(j: int) -> np.ndarray:
        if parents[j] < 0:
            return bind(j) @ own(j)
        up = parents[j]
        return world(up) @ np.linalg.inv(bind(up)) @ bind(j) @ own(j)

    def influence(i: int, j: int) -> float:
        if isinstance(model, StaticSkinningModel):
            return float(model.weights()[i, j])
        total, logits = 0.0, p["mixture_logits"][j]
        for k in range(len(logits)):
            a, b, c = p["mixture_factor"][j, k]
            lower = np.array([[math.exp(a), 0.0], [b, math.exp(c)]])
            sigma = lower @ lower.T
            off = model.mesh.uv[i].numpy() - p["bone_uv"][j] - p["mixture_mean"][j, k]
            density = math.exp(-off @ np.linalg.inv(sigma) @ off / 2) / (2 * math.pi * math.sqrt(np.linalg.det(sigma)))
            total += math.exp(logits[k]) / sum(math.exp(x) for x in logits) * density
        return total

    moved = np.zeros_like(vertices)
    for i, vertex in enumerate(vertices):
        g = [influence(i, j) for j in range(bones)]
        for j in range(bones):
            carried = world(j) @ np.linalg.inv(bind(j)) @ [*vertex, 1.0]
            moved[i] += g[j] / sum(g) * carried[:3]
    return moved


@pytest.mark.parametrize("kind", SMALL)
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_model_is_the_equations(kind, seed):
    model = jumble(SMALL[kind](), seed)
    # Both are float64; weights below exp(-30) of the largest, 1e-13, are cut, times some 100 mm.
    torch.testing.assert_close(model().detach(), torch.from_numpy(naive_face(model)), atol=1e-9, rtol=0)


@pytest.mark.parametrize("kind", SMALL)
def test_the_model_passes_gradcheck_in_all_its_parameters(kind):
    model = jumble(SMALL[kind](), seed=4)
    if isinstance(model, AdaptiveSkinningModel):  # on an edge of the mesh there is no derivative to check
        assert model.chart.locate(model.bone_uv.detach()).barycentric.min() > 0.01
    names = [name for name, _ in model.named_parameters()]

    def face(*parts: Tensor) -> Tensor:
        return torch.func.functional_call(model, dict(zip(names, parts, strict=True)))

    parts = tuple(p.detach().clone().requires_grad_() for p in model.parameters())
    assert torch.autograd.gradcheck(face, parts)
    assert len(parts) == (7 if kind == "adaptive" else 3)


@given(st.integers(0, 1000))
def test_what_the_root_does_the_whole_face_does(seed):
    """Weights sum to 1 and the other bones hang on the root: its motion is that of a rigid body, about its pivot."""
    model = small_adaptive()
    generator = torch.Generator().manual_seed(seed)
    shift, turn, log_scale = torch.randn(3, 3, generator=generator, dtype=torch.float64)
    model.set_motion("root", 10 * shift, turn, (0.3 * log_scale).exp())
    pivot = model.bind_points()[1].detach()
    linear = torch.from_numpy(Rotation.from_rotvec(turn.numpy()).as_matrix()) * (0.3 * log_scale).exp()
    expected = (model.vertices - pivot) @ linear.T + pivot + 10 * shift
    torch.testing.assert_close(model().detach(), expected, atol=1e-9, rtol=0)


@pytest.mark.parametrize("kind", SMALL)
def test_some_vertices_alone_are_those_of_the_whole(kind, device):
    model = jumble(SMALL[kind](), seed=5).to(device)
    rows = torch.tensor([7, 0, 24, 7], device=device)
    # to rounding: a matrix product of other size may add in another order
    torch.testing.assert_close(model(rows), model()[rows], atol=1e-11, rtol=0)
    torch.testing.assert_close(model.weights(rows), model.weights()[rows], atol=1e-14, rtol=0)


def test_weights_anywhere_on_the_chart():
    model = jumble(small_adaptive(), seed=6)
    torch.testing.assert_close(model.weights_at(model.uv), model.weights())
    between = model.weights_at(torch.rand(50, 2, dtype=torch.float64))
    assert between.shape == (50, 3)
    torch.testing.assert_close(between.sum(1), torch.ones(50, dtype=torch.float64))


# --- precision and device


@pytest.mark.parametrize("kind", SMALL)
def test_a_model_moves_as_a_whole(kind, device):
    """Mesh, rig and chart go where the parameters go, and the face is the same there."""
    model = jumble(SMALL[kind](), seed=7)
    here = model().detach()
    for dtype, tolerance in ((torch.float32, 1e-3), (torch.float64, 1e-3)):  # once rounded, float64 stays so
        model = model.to(device, dtype)
        moved = model()
        assert moved.dtype == dtype and moved.device.type == device.type
        assert model.mesh.vertices.dtype == dtype and model.mesh.faces.device.type == device.type
        assert model.rig.uv.dtype == dtype and model.rig.parents.device.type == device.type
        assert model.bind_points().device.type == device.type
        torch.testing.assert_close(moved.detach().cpu().double(), here, atol=tolerance, rtol=0)


def test_double_precision_is_not_lost_on_the_way(device):
    model = jumble(small_adaptive(), seed=8)
    here = model().detach()
    torch.testing.assert_close(model.to(device)().detach().cpu(), here, atol=1e-10, rtol=0)


def test_gradients_reach_every_parameter_on_the_head(head, device):
    model = jumble(of_head(head, "adaptive").to(device))
    model().square().mean().backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad.isfinite().all(), name
        assert (parameter.grad != 0).any(), name


# --- setting motions


def test_a_bone_is_set_by_name_or_number_and_the_rest_stays():
    model = small_adaptive()
    model.set_motion("lip", rotation=torch.tensor([0.1, 0.2, 0.3]))
    model.set_motion(2, translation=[1, 2, 3], scale=torch.tensor([1.0, 2.0, 0.5]))
    expected = torch.zeros(3, 3, dtype=torch.float64)
    for parameter, row in (
        (model.translation, [1.0, 2.0, 3.0]),
        (model.rotation, [0.1, 0.2, 0.3]),
        (model.log_scale, [0.0, math.log(2), -math.log(2)]),
    ):
        expected[2] = torch.tensor(row)
        torch.testing.assert_close(parameter.detach(), expected, atol=1e-7, rtol=0)  # the row was given in float32
    model.reset_motion()
    assert not any(p.any() for p in (model.translation, model.rotation, model.log_scale))


@pytest.mark.parametrize(
    ("bone", "motion", "message"),
    [
        ("tongue", {"translation": torch.zeros(3)}, "no bone called 'tongue'; it has jaw, root, lip"),
        (3, {"translation": torch.zeros(3)}, "no bone 3; this rig has 0 to 2"),
        (-1, {"translation": torch.zeros(3)}, "no bone -1; this rig has 0 to 2"),
        ("jaw", {"translation": torch.zeros(2)}, r"translation: expected three finite numbers, found \[0.0, 0.0\]"),
        ("jaw", {"rotation": torch.eye(3)}, "rotation: expected three finite numbers"),
        ("jaw", {"rotation": torch.tensor([0.0, torch.nan, 0.0])}, "rotation: .* nan"),
        ("jaw", {"scale": torch.tensor([1.0, torch.inf, 1.0])}, "scale: expected three finite numbers"),
        ("jaw", {"scale": torch.tensor([1.0, 0.0, 1.0])}, "scale: every factor must be above 0"),
        ("jaw", {"scale": torch.tensor([1.0, 1.0, -0.5])}, "scale: every factor must be above 0, .*-0.5"),
    ],
)
def test_a_motion_that_cannot_be_is_refused_and_nothing_moves(bone, motion, message):
    model = small_adaptive()
    with pytest.raises(ValueError, match=message):
        model.set_motion(bone, **{"translation": torch.ones(3), **motion})
    assert not model.translation.any() and not model.log_scale.any()


# --- bad input


def test_a_mesh_without_uv_is_refused():
    mesh = patch()
    with pytest.raises(ValueError, match="no UV"):
        AdaptiveSkinningModel(replace(mesh, uv=None), small_rig(mesh))


def test_an_overlapping_chart_is_refused():
    mesh = patch()
    uv = mesh.uv.clone()
    uv[12] = uv[0]  # the middle of the patch, folded over to its corner
    with pytest.raises(ValueError, match="not injective.*pairs of faces overlap"):
        AdaptiveSkinningModel(replace(mesh, uv=uv), small_rig(mesh))


def test_a_rig_without_places_on_the_chart_is_refused():
    mesh = patch()
    with pytest.raises(ValueError, match="rig.uv.*found none"):
        AdaptiveSkinningModel(mesh, replace(small_rig(mesh), uv=None))


@pytest.mark.parametrize("components", [0, -1, 1.5])
def test_a_bone_needs_a_gaussian(components):
    mesh = patch()
    with pytest.raises(ValueError, match=f"components: .* found {components}"):
        AdaptiveSkinningModel(mesh, small_rig(mesh), components)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda w: w[:-1], r"weights: expected shape \(25, 3\).* found \(24, 3\)"),
        (lambda w: w[:, :2], r"weights: expected shape \(25, 3\).* found \(25, 2\)"),
        (lambda w: 0.9 * w, r"weights: row 0 sums to 0.9, not to 1 \(25 of 25 rows do not\)"),
        (lambda w: w - torch.tensor([2.0, -2.0, 0.0]), "weights: row 0 holds -.* for bone 0"),
        (lambda w: w * torch.nan, "weights: row 0 holds nan for bone 0"),
    ],
)
def test_weights_that_are_no_shares_are_refused(change, message):
    mesh = patch()
    weights = torch.full((25, 3), 1 / 3, dtype=torch.float64)
    with pytest.raises(ValueError, match=message):
        StaticSkinningModel(mesh, small_rig(mesh), change(weights))


def test_a_static_rig_without_any_place_is_refused():
    mesh = patch()
    with pytest.raises(ValueError, match="neither positions nor UV"):
        StaticSkinningModel(mesh, replace(small_rig(mesh), uv=None), torch.full((25, 3), 1 / 3).double())


def test_a_static_rig_is_bound_where_its_uv_says_unless_it_has_positions():
    mesh = patch()
    rig, weights = small_rig(mesh), torch.full((25, 3), 1 / 3, dtype=torch.float64)
    torch.testing.assert_close(
        StaticSkinningModel(mesh, rig, weights).bind_points(),
        AdaptiveSkinningModel(mesh, rig).bind_points().detach(),
    )
    positions = torch.rand(3, 3, dtype=torch.float64)
    assert torch.equal(StaticSkinningModel(mesh, replace(rig, positions=positions), weights).bind_points(), positions)


# --- the start


def test_gaussians_start_as_wide_as_the_neighbours_are_far():
    bones = torch.tensor([[0.0, 0.0], [0.4, 0.0], [0.0, 0.6], [0.0, 0.8], [0.4, 0.02], [0.41, 0.0]])
    widths = start_widths(bones, 3)
    assert widths.shape == (6, 3)
    near = (bones[0] - bones).norm(dim=1).sort().values[1:4]  # the nearest three
    assert widths[0, 0] == pytest.approx(0.75 * float(near.mean()))
    assert widths[0, 1] == pytest.approx(2 * float(widths[0, 0]))
    assert widths[0, 2] == pytest.approx(4 * float(widths[0, 0]))
    close = start_widths(bones[[1, 4, 5, 1]], 2)  # two of them in one place
    assert (close[:, 0] < 0.02).all() and (close[:, 0] > 0).all()
    assert torch.equal(close[:, 1], torch.full((4,), 0.1))  # however near, the second reaches over the gaps
    assert start_widths(bones[:1], 2).tolist() == [[0.25, 0.5]]


def test_at_the_start_each_vertex_follows_bones_near_it(head):
    """The bone with the greatest say lies near the vertex, in 3D as on the chart."""
    model = of_head(head, "adaptive")
    face = head.mesh.part_vertices("face")
    with torch.no_grad():
        strongest = model.weights(face).argmax(1)
        away = (model.vertices[face] - model.bind_points()[strongest]).norm(dim=1)
    # the bones are 3 to 20 mm apart on the face; only the upper forehead is the crown's
    assert away.median() < 12 and away.quantile(0.95) < 45


def test_components_may_be_any_whole_number():
    head = load_head()
    assert AdaptiveSkinningModel(head.mesh, head.rig, components=np.int64(2)).components == 2
    with pytest.raises(ValueError, match="components: each bone needs a whole number of Gaussians"):
        AdaptiveSkinningModel(head.mesh, head.rig, components=1.5)
