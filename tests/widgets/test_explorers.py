"""The explorers without a browser: what is drawn is what the model holds. tests/browser drags them for real."""

from __future__ import annotations

import math
import re
import time

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from ipywidgets.widgets.widget import _instances as open_widgets

from asm_teach.data.heads import load_head
from asm_teach.geometry.mesh import Mesh
from asm_teach.geometry.mesh_edges import edge_list
from asm_teach.model.adaptive import AdaptiveSkinningModel, StaticSkinningModel
from asm_teach.model.transforms import Rig
from asm_teach.widgets.binding_explorer.binding_explorer import BindingExplorer
from asm_teach.widgets.binding_explorer.facts import along_line, find_place
from asm_teach.widgets.chart.chart import ChartView
from asm_teach.widgets.chart.dial import Dial
from asm_teach.widgets.chart.ellipse import Ellipse
from asm_teach.widgets.weight_explorer.controls import LOG, NAIVE
from asm_teach.widgets.weight_explorer.facts import log_terms, naive_densities, place_facts
from asm_teach.widgets.weight_explorer.weight_explorer import WeightExplorer
from tests.model.mixture_reference import mixture_weights_reference
from tests.widgets.parts import close_widgets  # noqa: F401

HOLE = (0.5, 0.5)


def sheet(side: int = 12) -> Mesh:
    """A bumpy sheet of 200 mm on the chart from 0.05 to 0.95, with a square hole in the middle."""
    v, u = torch.meshgrid(torch.linspace(0.05, 0.95, side + 1), torch.linspace(0.05, 0.95, side + 1), indexing="ij")
    uv = torch.stack([u.flatten(), v.flatten()], 1)
    z = 30 * torch.sin(4 * uv[:, 0]) * torch.cos(3 * uv[:, 1])
    corner = (torch.arange(side)[:, None] * (side + 1) + torch.arange(side)).flatten()
    faces = torch.cat([torch.stack([corner, corner + 1, corner + side + 2], 1),
                       torch.stack([corner, corner + side + 2, corner + side + 1], 1)])  # fmt: skip
    hole = (uv[faces].mean(1) - torch.tensor(HOLE)).abs().amax(1) < 0.07
    return Mesh(torch.cat([200 * (uv - 0.5), z[:, None]], 1), faces[~hole], uv=uv)


RIG = Rig(
    names=("root", "left", "right"),
    parents=torch.tensor([-1, 0, 0]),
    uv=torch.tensor([[0.52, 0.82], [0.7131, 0.3077], [0.2869, 0.3077]]),
)


@pytest.fixture
def model() -> AdaptiveSkinningModel:
    return AdaptiveSkinningModel(sheet(), RIG, components=2)


def drawn(view: ChartView) -> np.ndarray:
    return np.frombuffer(view.values, np.uint8)


def rounded(model: AdaptiveSkinningModel) -> np.ndarray:
    """The weights of the bone "left" in the steps of the chart's colours."""
    return np.round(254 * model.weights()[:, 1].detach().numpy().astype(float))


def drag(explorer: WeightExplorer | BindingExplorer, **items: dict[str, float]) -> None:
    """What the browser sends while a person drags."""
    explorer.chart.edit = {"n": explorer.chart.done + 1, "items": items}


def parameters(model: AdaptiveSkinningModel) -> list[torch.Tensor]:
    return [value.detach().clone() for value in model.parameters()]


# -- ellipses and sliders ----------------------------------------------------------------------------------


@given(st.floats(0.003, 0.8), st.floats(0.003, 0.8), st.floats(-math.pi, math.pi))
def test_an_ellipse_and_its_factor_are_the_same_covariance(s1: float, s2: float, angle: float) -> None:
    a, b, c = Ellipse(s1, s2, angle).factor()
    turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    sigma = turn @ np.diag([s1**2, s2**2]) @ turn.T
    factor = np.array([[math.exp(a), 0], [b, math.exp(c)]])
    np.testing.assert_allclose(factor @ factor.T, sigma, atol=1e-12 * max(s1, s2) ** 2, rtol=1e-9)
    back = Ellipse.of_factor(a, b, c)
    assert sorted([back.s1, back.s2]) == pytest.approx(sorted([s1, s2]), rel=1e-6)
    if abs(math.log(s1 / s2)) > 0.01:
        difference = (back.angle - angle - (0 if s1 > s2 else math.pi / 2) + math.pi / 2) % math.pi - math.pi / 2
        assert abs(difference) < 1e-6


@pytest.mark.parametrize(
    ("value", "low", "high", "log"),
    [(0.12345, 0, 1, False), (-0.7771, -0.5, 0.5, False), (0.0417, 0.002, 1, True)],
)
def test_a_slider_that_rounds_what_it_shows_changes_nothing(value: float, low: float, high: float, log: bool) -> None:
    asked: list[float] = []
    dial = Dial("u, chart", "", low, high, 0.02 if log else 0.001, asked.append, log=log)
    dial.load(value)
    shown = dial.widget.value
    assert dial.widget.min <= (math.log10(value) if log else value) <= dial.widget.max
    steps = ((math.log10(shown) if log else shown) - dial.widget.min) / dial.widget.step
    assert steps == pytest.approx(round(steps), abs=1e-9)  # on the grid, so that the browser has nothing to round
    assert shown == pytest.approx(value, rel=0.03 if log else 1e-9, abs=0 if log else 0.0005)
    dial.widget.value = shown + 1e-12  # the browser's own rounding of the rounded number
    assert asked == []
    moved = shown * 10**0.02 if log else shown + 0.001
    dial.widget.value = moved
    assert asked == [pytest.approx(moved)]


# -- weights -----------------------------------------------------------------------------------------------


def test_looking_at_a_model_leaves_it_as_it_is(model: AdaptiveSkinningModel) -> None:
    before = parameters(model)
    explorer, binding = WeightExplorer(model, bone="left"), BindingExplorer(model, bone="left")
    explorer.select_bone("right")
    explorer.controls.shows.value = NAIVE
    binding.angle.widget.value = 30
    for one, old in zip(model.parameters(), before, strict=True):
        assert torch.equal(one, old)


def test_a_drag_changes_the_model_and_both_pictures_at_once(model: AdaptiveSkinningModel) -> None:
    explorer = WeightExplorer(model, bone="left")
    shown: list[np.ndarray] = []
    paint = explorer.viewer.colour_by
    explorer.viewer.colour_by = lambda mode, values, *rest, **more: (
        shown.append(np.asarray(values)),
        paint(mode, values, *rest, **more),
    )
    before = parameters(model)
    drag(explorer, e1={"u": 0.8, "v": 0.25, "s1": 0.3, "s2": 0.05, "angle": 0.6})
    assert explorer.chart.done == 1
    zeta, mean = model.bone_uv[1].detach(), model.mixture_mean[1, 1].detach()
    torch.testing.assert_close(zeta + mean, torch.tensor([0.8, 0.25]))
    a, b, c = model.mixture_factor[1, 1].tolist()
    turn = np.array([[math.cos(0.6), -math.sin(0.6)], [math.sin(0.6), math.cos(0.6)]])
    np.testing.assert_allclose(
        [[math.exp(2 * a), b * math.exp(a)], [b * math.exp(a), b * b + math.exp(2 * c)]],
        turn @ np.diag([0.09, 0.0025]) @ turn.T,
        atol=1e-7,
    )
    np.testing.assert_array_equal(drawn(explorer.chart), rounded(model))
    np.testing.assert_array_equal(shown[-1], model.weights()[:, 1].detach().numpy())
    item = explorer.chart.ellipses[1]
    assert [item["u"], item["v"]] == pytest.approx([0.8, 0.25])
    # the other bones and the other Gaussian are as they were
    for new, old in zip(model.parameters(), before, strict=True):
        changed = (new != old).flatten(1).any(1).nonzero()[:, 0].tolist()
        assert changed in ([], [1])
    assert torch.equal(model.mixture_mean[:, 0], torch.zeros(3, 2))


def test_dragging_the_bone_takes_its_gaussians_along(model: AdaptiveSkinningModel) -> None:
    explorer = WeightExplorer(model, bone="left")
    dots: list[torch.Tensor] = []
    explorer.viewer.show_bones = lambda points, *_: dots.append(points)
    drag(explorer, e0={"u": 0.75, "v": 0.3, "s1": 0.1, "s2": 0.1, "angle": 0.0})
    drag(explorer, bone={"u": 0.6, "v": 0.2})
    torch.testing.assert_close(model.bone_uv[1].detach(), torch.tensor([0.6, 0.2]))
    assert explorer.chart.ellipses[0]["u"] == pytest.approx(0.6 + 0.75 - 0.7131, abs=1e-6)
    torch.testing.assert_close(dots[-1], model.bind_points().detach())
    np.testing.assert_array_equal(drawn(explorer.chart), rounded(model))


def test_a_bone_that_was_moved_takes_the_face_along_by_its_new_weights(model: AdaptiveSkinningModel) -> None:
    model.set_motion("left", translation=torch.tensor([0.0, 0.0, 10.0]))
    explorer = WeightExplorer(model, bone="left")
    drag(explorer, e0={"u": 0.6, "v": 0.4, "s1": 0.2, "s2": 0.2, "angle": 0.0})
    np.testing.assert_array_equal(explorer.viewer.vertices, model().detach())


@pytest.mark.parametrize(
    ("name", "value", "parameter", "expected"),
    [
        ("zeta u", 0.65, "bone_uv", lambda p: p[1, 0]),
        ("zeta v", 0.45, "bone_uv", lambda p: p[1, 1]),
        ("mean u", -0.2, "mixture_mean", lambda p: p[1, 0, 0]),
        ("mean v", 0.1, "mixture_mean", lambda p: p[1, 0, 1]),
        ("share", 0.3, "mixture_logits", lambda p: p[1].softmax(-1)[0]),
        ("s1", 0.2, "mixture_factor", lambda p: p[1, 0, 0].exp()),
        ("s2", 0.2, "mixture_factor", lambda p: p[1, 0, 2].exp()),
    ],
)
def test_each_slider_sets_its_parameter(model, name, value, parameter, expected) -> None:
    explorer = WeightExplorer(model, bone="left")
    before = parameters(model)
    explorer.controls.dials[name].widget.value = value
    assert float(expected(getattr(model, parameter).detach())) == pytest.approx(value, rel=1e-5)
    changed = [not torch.equal(new, old) for new, old in zip(model.parameters(), before, strict=True)]
    assert sum(changed) == 1
    assert f"{explorer.controls.dials[name].widget.description}".endswith(("chart", "share"))


def test_the_angle_slider_turns_a_stretched_gaussian(model: AdaptiveSkinningModel) -> None:
    explorer = WeightExplorer(model, bone="left")
    explorer.mixture.set_gaussian(0, shape=Ellipse(0.2, 0.05, 0.0))
    explorer.controls.dials["angle"].widget.value = 40
    a, b, c = model.mixture_factor[1, 0].tolist()
    back = Ellipse.of_factor(a, b, c)
    assert [back.s1, back.s2, math.degrees(back.angle)] == pytest.approx([0.2, 0.05, 40], rel=1e-4)
    assert "turned 40°" in explorer.text


def test_shares_keep_their_proportions(model: AdaptiveSkinningModel) -> None:
    explorer = WeightExplorer(model, bone="left")
    explorer.mixture.set_components(3)
    before = model.mixture_logits[1].softmax(-1).detach()
    explorer.mixture.set_gaussian(1, share=0.5)
    after = model.mixture_logits[1].softmax(-1).detach()
    assert float(after[1]) == pytest.approx(0.5)
    assert float(after[0] / after[2]) == pytest.approx(float(before[0] / before[2]), rel=1e-5)


def test_the_number_of_gaussians_and_the_way_back(model: AdaptiveSkinningModel) -> None:
    explorer, before, weights = WeightExplorer(model, bone="left"), parameters(model), model.weights().detach()
    explorer.controls.count.value = 4
    assert model.components == 4 and len(explorer.chart.ellipses) == 4
    assert model.mixture_factor.requires_grad
    np.testing.assert_array_equal(drawn(explorer.chart), rounded(model))
    # what a model made with K = 4 starts from
    fresh = AdaptiveSkinningModel(sheet(), RIG, components=4)
    torch.testing.assert_close(model.weights(), fresh.weights())
    explorer.controls.component.value = 3
    explorer.mixture.set_components(1)
    assert explorer.controls.k == 0 and explorer.controls.dials["share"].widget.disabled
    explorer.mixture.scale_widths(0.5)
    explorer.mixture.reset(all_bones=True)
    assert model.components == 2
    for new, old in zip(model.parameters(), before, strict=True):
        assert torch.equal(new, old)
    explorer.mixture.set_bone_uv((0.3, 0.6))
    explorer.mixture.set_gaussian(0, mean=(0.1, 0.1))
    explorer.mixture.reset()
    torch.testing.assert_close(model.weights().detach(), weights)


def test_plain_exponentials_vanish_where_log_space_does_not(model: AdaptiveSkinningModel) -> None:
    arguments = (model.uv, model.bone_uv, model.mixture_logits, model.mixture_mean, model.mixture_factor)
    naive = naive_densities(model, model.uv)
    shares, reference = naive / naive.sum(1, keepdim=True), mixture_weights_reference(*arguments)
    torch.testing.assert_close(shares, reference, atol=1e-6, rtol=1e-4)
    torch.testing.assert_close(naive.double().log(), log_terms(model, model.uv).logsumexp(1), atol=1e-4, rtol=1e-5)

    explorer = WeightExplorer(model, bone="left")
    assert "keep a sum above 0" in explorer.text
    for _ in range(5):
        explorer.mixture.scale_widths(0.5)
    lost = naive_densities(model, model.uv).sum(1) == 0
    assert 0 < int(lost.sum()) < len(lost)
    assert f"all 0 at {int(lost.sum())} vertices" in explorer.text
    assert log_terms(model, model.uv).logsumexp(1).isfinite().all()
    assert torch.allclose(model.weights().sum(1), torch.ones(len(lost)))
    explorer.controls.shows.value = NAIVE
    np.testing.assert_array_equal(drawn(explorer.chart) == 255, lost.numpy())
    explorer.controls.shows.value = LOG
    np.testing.assert_array_equal(drawn(explorer.chart) == 255, (model.weights()[:, 1] == 0).numpy())
    explorer.controls.shows.value = "weight"
    assert drawn(explorer.chart).max() < 255


def test_the_place_under_the_pointer(model: AdaptiveSkinningModel) -> None:
    explorer = WeightExplorer(model, bone="left")
    explorer.chart.hover = [0.3, 0.3]
    weights = model.weights_at(torch.tensor([[0.3, 0.3]]))[0].detach()
    facts = place_facts(model, (0.3, 0.3))
    assert facts.held[0][0] == int(weights.argmax()) == 2
    largest = weights.sort(descending=True).values.tolist()[: len(facts.held)]
    assert [w for _, w in facts.held] == pytest.approx(largest)
    assert facts.total == pytest.approx(1, abs=1e-6) and facts.inside
    assert math.exp(facts.log_total) == pytest.approx(facts.naive_total, rel=1e-4)
    assert f"At u 0.300, v 0.300: right {float(weights[2]):.3f}" in explorer.text
    explorer.chart.hover = list(HOLE)
    assert "no triangle there" in explorer.text
    explorer.chart.hover = []  # the pointer left: the cross counts
    drag(explorer, probe={"u": 0.1, "v": 0.9})
    assert "At u 0.100, v 0.900: root" in explorer.text


# -- binding -----------------------------------------------------------------------------------------------


def test_the_line_is_the_derivative_of_the_binding(model: AdaptiveSkinningModel) -> None:
    chart, vertices, uv, angle = model.chart, model.vertices.double(), torch.tensor([0.31, 0.24]), 0.4
    line = along_line(chart, edge_list(chart.faces).ends, uv, angle, 0.25, vertices)
    direction = torch.tensor([math.cos(angle), math.sin(angle)], dtype=torch.float64)
    assert len(line.faces) > 8 and bool((line.ends.diff() > 0).all())
    eps = 1e-5
    for piece, (start, end) in enumerate(zip(line.ends[:-1], line.ends[1:], strict=True)):
        for t in (start + 3 * eps, (start + end) / 2, end - 3 * eps):  # the same everywhere between two edges
            if end - start < 10 * eps:
                continue
            steps = torch.stack([t - eps, t + eps])[:, None] * direction + uv.double()
            before, after = chart.bind(steps, vertices)
            torch.testing.assert_close((after - before) / (2 * eps), line.slopes[piece], atol=1e-4, rtol=1e-6)
            assert int(chart.locate(steps[0]).face) == int(line.faces[piece])
    assert int(chart.locate(uv.double()).face) == int(line.faces[line.here])


def test_the_line_is_unknown_off_the_chart(model: AdaptiveSkinningModel) -> None:
    explorer = BindingExplorer(model, bone="left")
    explorer.set_uv((0.3, 0.5))
    explorer.half.widget.value = 0.4
    off = explorer.line.faces < 0
    assert bool(off.any()) and torch.equal(explorer.line.slopes.isnan().all(1), off)
    assert "off the chart" in explorer._plot.value


def test_the_jump_at_an_edge_is_that_of_the_two_triangles(model: AdaptiveSkinningModel) -> None:
    explorer = BindingExplorer(model, bone="left")
    explorer.set_uv((0.31, 0.24))
    jump, chart = explorer.jump, model.chart
    u, v = model.bone_uv[1].tolist()

    def derivative(t: float) -> torch.Tensor:
        at = torch.tensor([u + t, v], dtype=torch.float64)
        return torch.autograd.functional.jacobian(lambda x: chart.bind(x, model.vertices.double()), at)[:, 0]

    before, behind = derivative(jump.t - 1e-5), derivative(jump.t + 1e-5)
    torch.testing.assert_close(jump.before, before, atol=1e-3, rtol=1e-5)
    torch.testing.assert_close(jump.behind, behind, atol=1e-3, rtol=1e-5)
    assert jump.size == pytest.approx(float((behind - before).norm()), rel=1e-3) and jump.size > 1
    assert jump.along_edge < 1e-3 * jump.size and jump.gap < 1e-3  # float32 chart and vertices
    assert abs(jump.t) == float(explorer.line.ends[1:-1].abs().min())
    assert f"by {jump.size:.0f}" in explorer.text


def test_a_drag_across_an_edge_tells_the_jump(model: AdaptiveSkinningModel) -> None:
    explorer = BindingExplorer(model, bone="left")
    before = explorer.place
    explorer.step(1)
    after = explorer.place
    assert after.face != before.face
    assert after.face == int(explorer.line.faces[explorer.line.here])
    change = float((after.jacobian - before.jacobian).norm())
    assert f"from triangle {before.face} to {after.face}" in explorer.text
    assert f"changed by {change:.0f} mm per chart unit" in explorer.text
    u, v = after.uv.tolist()
    drag(explorer, bone={"u": u + 1e-4, "v": v})
    assert explorer.place.face == after.face and "The move went" not in explorer.text


def test_a_click_places_the_bone_of_the_model(model: AdaptiveSkinningModel) -> None:
    explorer = BindingExplorer(model, bone="right")
    drag(explorer, bone={"u": 0.2, "v": 0.7})
    torch.testing.assert_close(model.bone_uv[2].detach(), torch.tensor([0.2, 0.7]))
    place = explorer.place
    torch.testing.assert_close(place.pivot, model.bind_points()[2].detach())
    torch.testing.assert_close(place.barycentric @ model.vertices[place.corners], place.pivot)
    values = drawn(explorer.chart)
    assert values[place.corners].tolist() == torch.round(254 * place.barycentric).tolist()
    assert np.count_nonzero(values) <= 3
    assert explorer.chart.triangle[0] == explorer.chart.triangle[-1]
    assert f"triangle {place.face}" in explorer.text and "mm" in explorer.text
    explorer.reset()
    torch.testing.assert_close(model.bone_uv[2].detach(), RIG.uv[2])


@pytest.mark.parametrize("uv", [HOLE, (1.3, 0.4)])
def test_a_place_off_the_chart_is_said_to_be(model: AdaptiveSkinningModel, uv: tuple[float, float]) -> None:
    explorer = BindingExplorer(model, bone="left")
    explorer.set_uv(uv)
    place = explorer.place
    assert not place.inside and "off the chart" in explorer.text
    torch.testing.assert_close(place.pivot, model.bind_points()[1].detach())
    # no place of the chart is nearer
    boundary = model.chart.uv[model.chart._boundary[0]]
    steps = torch.linspace(0, 1, 200)[:, None, None]
    near = (boundary[:, 0] * steps + boundary[:, 1] * (1 - steps) - place.uv).norm(dim=-1).min()
    assert float((place.nearest - place.uv).norm()) == pytest.approx(float(near), abs=1e-3)


def test_find_place_takes_a_mesh_in_float64() -> None:
    mesh = sheet().to(dtype=torch.float64)
    uv = torch.tensor([0.3, 0.3], dtype=torch.float64)
    place = find_place(AdaptiveSkinningModel(mesh, RIG).chart, uv, mesh.vertices)
    assert place.pivot.dtype == torch.float64 and place.inside


# -- what is refused, what is said -------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [WeightExplorer, BindingExplorer])
def test_what_cannot_be_explored_is_refused_before(kind: type, model: AdaptiveSkinningModel) -> None:
    static = StaticSkinningModel(model.mesh, RIG, model.weights().detach())
    with pytest.raises(ValueError, match="AdaptiveSkinningModel has; make one from a mesh with UV"):
        kind(static)
    with pytest.raises(ValueError, match="no bone called 'tail'"):
        kind(model, bone="tail")
    with pytest.raises(ValueError, match="no bone 3"):
        kind(model, bone=3)
    with torch.no_grad():
        model.bone_uv[0, 0] = math.nan
    with pytest.raises(ValueError, match="bone_uv holds numbers that are not finite"):
        kind(model)


@pytest.mark.parametrize("kind", [WeightExplorer, BindingExplorer])
def test_nan_that_comes_later_is_told_in_words(kind: type, model: AdaptiveSkinningModel) -> None:
    explorer = kind(model, bone="left")
    picture = drawn(explorer.chart).copy()
    with torch.no_grad():
        model.bone_uv[0, 0] = math.nan
    explorer.update()
    assert "not finite (NaN)" in explorer.text and "asm-trouble" in explorer._status.value
    np.testing.assert_array_equal(drawn(explorer.chart), picture)
    with torch.no_grad():
        model.bone_uv[0, 0] = 0.5
    explorer.update()
    assert "NaN" not in explorer.text


@pytest.mark.parametrize("kind", [WeightExplorer, BindingExplorer])
def test_a_closed_explorer_says_so(kind: type, model: AdaptiveSkinningModel) -> None:
    before = len(open_widgets)
    explorer = kind(model)
    explorer.close()
    with pytest.raises(ValueError, match="was closed: run its cell again"):
        explorer.update()
    with pytest.raises(ValueError, match="was closed"):
        explorer.select_bone("left")
    assert explorer.chart.comm is None and explorer.viewer.comm is None
    assert len(open_widgets) - before < 30  # styles and layouts; the widgets themselves are gone


def test_bad_numbers_are_refused(model: AdaptiveSkinningModel) -> None:
    explorer, binding = WeightExplorer(model, bone="left"), BindingExplorer(model, bone="left")
    before = parameters(model)
    for call, words in [
        (lambda: explorer.mixture.set_gaussian(2, share=0.5), "Gaussians 0 to 1"),
        (lambda: explorer.mixture.set_gaussian(0, share=1.0), "above 0 and below 1"),
        (lambda: explorer.mixture.set_gaussian(0, mean=(math.nan, 0)), "two finite numbers"),
        (lambda: explorer.mixture.set_gaussian(0, shape=Ellipse(0.1, 0.0, 0.0)), "widths above 0"),
        (lambda: explorer.mixture.set_bone_uv((math.inf, 0)), "two finite numbers"),
        (lambda: explorer.mixture.set_components(5), "1 to 4 Gaussians"),
        (lambda: explorer.mixture.scale_widths(0.0), "finite factor above 0"),
        (lambda: binding.set_uv((math.nan, 0.5)), "two finite numbers"),
    ]:
        with pytest.raises(ValueError, match=words):
            call()
    # what the browser sends is not trusted either
    drag(explorer, e0={"u": math.nan, "v": 0.3, "s1": 0.1, "s2": 0.1, "angle": 0.0})
    drag(binding, bone={"u": 0.3, "v": math.inf})
    drag(explorer, e0={"u": 0.3, "v": 0.3}, e1={}, bone={"u": "left"})
    assert explorer.chart.done == 2 and binding.chart.done == 1  # answered: the browser draws the model's state again
    for new, old in zip(model.parameters(), before, strict=True):
        assert torch.equal(new, old)
    drag(explorer, e0={"u": 9.0, "v": 0.3, "s1": 1e-9, "s2": 0.1, "angle": 0.0})
    assert explorer.mixture.shapes[0].s1 == 0.002 and explorer.chart.ellipses[0]["u"] == pytest.approx(1.02)


@pytest.mark.parametrize("kind", [WeightExplorer, BindingExplorer])
def test_a_page_without_a_kernel_gets_a_picture_and_words(kind: type, model: AdaptiveSkinningModel) -> None:
    explorer = kind(model, bone="left")
    bundle = explorer._repr_mimebundle_()
    assert bundle["text/plain"] == explorer.text and len(bundle["image/png"]) > 10_000
    assert 'role="status" aria-live="polite"' in explorer._status.value


def test_the_chart_fetches_nothing() -> None:
    for text in (ChartView._esm, ChartView._css):
        addresses = re.findall(r"(?:https?:)?//[\w.]+\.\w+[^\s\"']*", str(text))
        assert set(addresses) <= {"http://www.w3.org/2000/svg"}
        assert "import(" not in str(text) and "@import" not in str(text) and "fetch(" not in str(text)


def test_a_step_of_a_drag_is_quick(one_thread: None, capsys: pytest.CaptureFixture[str]) -> None:
    head = load_head("makehuman")
    model = AdaptiveSkinningModel(head.mesh, head.rig, components=2)
    weight, binding = WeightExplorer(model, bone="nose_tip"), BindingExplorer(model, bone="cheek_L")
    figures = {}
    turned = {"v": 0.4, "s1": 0.05, "s2": 0.03}
    moves = {
        "weight explorer, a Gaussian": lambda i: drag(weight, e0={"u": 0.5 + 1e-3 * i, "angle": 0.1 * i, **turned}),
        "weight explorer, the bone": lambda i: drag(weight, bone={"u": 0.5 + 1e-3 * i, "v": 0.4}),
        "binding explorer, the bone": lambda i: drag(binding, bone={"u": 0.65 + 1e-3 * i, "v": 0.4}),
    }
    for name, move in moves.items():
        times = []
        for i in range(20):
            start = time.thread_time()  # of this thread alone: other work on the machine does not count
            move(i)
            times.append(1000 * (time.thread_time() - start))
        figures[name] = float(np.median(times))
    with capsys.disabled():
        print("\nms a step, V = 4,165, J = 84, K = 2:", {name: round(ms, 1) for name, ms in figures.items()})
    assert max(figures.values()) < 45
