"""The hot paths against their plain forms, in one run and on one thread.

Each ratio is of the best of several rounds in which the forms take turns, so that other work on the machine,
which can only lengthen a round, meets all of them alike.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from asm_teach.geometry.mesh import Mesh
from asm_teach.model.adaptive import AdaptiveSkinningModel
from asm_teach.model.binding import Chart
from asm_teach.model.mixture import mixture_weights
from asm_teach.model.skinning import linear_blend_skinning
from asm_teach.model.transforms import Rig
from tests.model.mixture_reference import mixture_weights_reference

pytestmark = [pytest.mark.timing, pytest.mark.usefixtures("one_thread")]


def best_times(functions: dict[str, Callable[[], object]], device: torch.device, rounds: int) -> dict[str, float]:
    """Name to the shortest time of each function in seconds, after one call to warm up."""
    times = {name: [] for name in functions}
    for _ in range(rounds + 1):
        for name, function in functions.items():
            start = time.perf_counter()
            function()
            if device.type == "cuda":
                torch.cuda.synchronize()
            times[name].append(time.perf_counter() - start)
    return {name: min(all_times[1:]) for name, all_times in times.items()}


def report(what: str, times: dict[str, float]) -> None:
    print(f"\n{what}: " + ", ".join(f"{name} {1e3 * seconds:.2f} ms" for name, seconds in times.items()), end=" ")


def skin_by_einsum(vertices: Tensor, weights: Tensor, transforms: Tensor) -> Tensor:
    """Eq. (1) in two einsums: blend the matrices, apply them to homogeneous vertices."""
    blended = torch.einsum("vj,bjrc->bvrc", weights, transforms)
    homogeneous = torch.cat([vertices, torch.ones_like(vertices[:, :1])], dim=1)
    return torch.einsum("bvrc,vc->bvr", blended, homogeneous)


@pytest.mark.parametrize("backward", [False, True], ids=["forward", "forward and backward"])
def test_lbs_ratio(benchmark, device, backward):
    """V = 25,000, J = 84, batch 1: at most 0.9 of the time of the plain einsums."""
    vertices = 100 * torch.randn(25_000, 3, device=device)
    weights = torch.rand(25_000, 84, device=device).softmax(1).requires_grad_(backward)
    transforms = torch.randn(1, 84, 3, 4, device=device, requires_grad=backward)
    upstream = torch.randn(1, 25_000, 3, device=device)

    def run(skin: Callable[..., Tensor]) -> Tensor:
        moved = skin(vertices, weights, transforms)
        if backward:
            torch.autograd.grad(moved, [weights, transforms], upstream)
        return moved

    # Sums of 84 products of numbers around 100, in another order.
    torch.testing.assert_close(run(linear_blend_skinning), run(skin_by_einsum), atol=1e-3, rtol=1e-4)
    forms = {"einsum": lambda: run(skin_by_einsum), "ours": lambda: run(linear_blend_skinning)}
    times = best_times(forms, device, rounds=60)
    report("skinning" + " with gradients" * backward, times)
    benchmark.extra_info["ratio"] = ratio = times["ours"] / times["einsum"]
    print(f"ratio {ratio:.2f}")
    benchmark(run, linear_blend_skinning)
    if device.type == "cpu":  # the bar is set for one thread of a CPU
        assert ratio <= 0.9


def test_mixture_ratio(benchmark, device):
    """V = 9,409, J = 84, K = 2, forward and backward: at least 4 times as fast as naive broadcasting."""
    line = torch.linspace(0, 1, 97, device=device)
    uv, bone_uv = torch.cartesian_prod(line, line), torch.rand(84, 2, device=device)
    logits, mean = torch.randn(84, 2, device=device), 0.02 * torch.randn(84, 2, 2, device=device)
    factor = torch.tensor([-2.5, 0.0, -2.5], device=device) + 0.02 * torch.randn(84, 2, 3, device=device)
    mixtures = [part.requires_grad_() for part in (bone_uv, logits, mean, factor)]
    upstream = torch.randn(9_409, 84, device=device)

    def run(weigh: Callable[..., Tensor]) -> Tensor:
        weights = weigh(uv, *mixtures)
        torch.autograd.grad(weights, mixtures, upstream)
        return weights

    torch.testing.assert_close(run(mixture_weights), run(mixture_weights_reference), atol=1e-5, rtol=0)
    forms = {"naive": lambda: run(mixture_weights_reference), "ours": lambda: run(mixture_weights)}
    times = best_times(forms, device, rounds=20)
    report("mixture weights with gradients", times)
    benchmark.extra_info["ratio"] = ratio = times["naive"] / times["ours"]
    print(f"{ratio:.1f} times as fast")
    benchmark(run, mixture_weights)
    if device.type == "cpu":  # the bar is set for one thread of a CPU
        assert ratio >= 4


def plain_forward(model: AdaptiveSkinningModel) -> Tensor:
    """Eq. (1) to (3) as they are written: densities with inverse covariances, two einsums, autograd for the rest."""
    a, b, c = model.mixture_factor.unbind(-1)
    lower = torch.stack([torch.stack([a.exp(), torch.zeros_like(a)], -1), torch.stack([b, c.exp()], -1)], -2)
    offset = model.uv[:, None, None] - (model.bone_uv[:, None] + model.mixture_mean)  # (V, J, K, 2)
    distance = torch.einsum("vjkc,jkcd,vjkd->vjk", offset, torch.linalg.inv(lower @ lower.mT), offset)
    log_g = (model.mixture_logits.log_softmax(-1) - a - c - distance / 2).logsumexp(-1)
    return skin_by_einsum(model.vertices, log_g.softmax(-1), model.transforms()[None])[0]


def test_step_ratio(benchmark, device):
    """V = 9,409, J = 84, K = 2: one step of descent on all parameters, at least 5 times as fast as plain autograd."""
    line = torch.linspace(0, 1, 97)
    corner = torch.arange(97 * 97).view(97, 97)
    a, b, c, d = (x.flatten() for x in (corner[:-1, :-1], corner[1:, :-1], corner[1:, 1:], corner[:-1, 1:]))
    uv = torch.cartesian_prod(line, line)
    vertices = torch.cat([100 * uv, 10 * torch.sin(6 * uv[:, :1])], 1)
    mesh = Mesh(vertices, torch.cat([torch.stack([a, b, c], 1), torch.stack([a, c, d], 1)]), uv)
    places = torch.rand(84, 2, generator=torch.Generator().manual_seed(0))
    rig = Rig(tuple(f"bone{j}" for j in range(84)), torch.arange(-1, 83).clamp_max(0), uv=places)
    target = vertices.to(device) + 1.0
    models = [AdaptiveSkinningModel(mesh, rig, 2).to(device) for _ in range(2)]
    steps = [torch.optim.Adam(model.parameters(), 1e-3) for model in models]
    # Sums of products of numbers around 100, in another order.
    torch.testing.assert_close(plain_forward(models[0]), models[1](), atol=1e-3, rtol=1e-5)

    def run(forward: Callable[[AdaptiveSkinningModel], Tensor], which: int) -> None:
        steps[which].zero_grad(set_to_none=True)
        (forward(models[which]) - target).square().sum().backward()
        steps[which].step()

    forms = {"plain": lambda: run(plain_forward, 0), "ours": lambda: run(AdaptiveSkinningModel.forward, 1)}
    times = best_times(forms, device, rounds=15)
    report("one step", times)
    benchmark.extra_info["ratio"] = ratio = times["plain"] / times["ours"]
    print(f"{ratio:.1f} times as fast")
    benchmark(forms["ours"])
    if device.type == "cpu":  # the bar is set for one thread of a CPU
        assert ratio >= 5


@pytest.mark.parametrize(("count", "bar"), [(84, 2e-3), (10_000, 0.3)])
@pytest.mark.parametrize("shift", [0.0, 1.5], ids=["inside", "outside"])
def test_locating_points_takes_little(benchmark, count, bar, shift):
    """On 9,000 triangles: 84 bones in 2 ms, 10,000 points in well under a second."""
    line = torch.linspace(0, 1, 68)
    corner = torch.arange(68 * 68).view(68, 68)
    a, b, c, d = (x.flatten() for x in (corner[:-1, :-1], corner[1:, :-1], corner[1:, 1:], corner[:-1, 1:]))
    faces = torch.cat([torch.stack([a, b, c], 1), torch.stack([a, c, d], 1)])
    chart = Chart(torch.cartesian_prod(line, line), faces)
    points = torch.rand(count, 2) + shift
    times = best_times({"locate": lambda: chart.locate(points)}, points.device, rounds=10)
    report(f"{count} points on {len(faces)} triangles", times)
    benchmark(chart.locate, points)
    assert times["locate"] <= bar
