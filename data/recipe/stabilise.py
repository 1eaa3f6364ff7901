"""Train the small network of lesson 12 that takes head motion out of a moving face, and record how well all ways do.

    python data/recipe/stabilise.py

Writes `stabilise.npz`, the weights of the first seed, and `stabilise.json`, the errors of three seeds in mm at the
skull. Training pairs come from the embedded head; the tests too, and from ICT-FaceKit and the recorded face
`llv-capture`, which `asm-teach data` fetches. It takes some minutes.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import roma
import torch
from torch import Tensor, nn

import asm_teach as asm
from asm_teach.avatar.track import CHANNELS, read_track
from asm_teach.data.assets import asset_path
from asm_teach.data.heads import Head, sample_identity
from asm_teach.data.scans import load_facekit
from asm_teach.geometry.closest_point import Surface
from asm_teach.geometry.landmark_warp import Warp
from asm_teach.geometry.surface_points import barycentric

DATA = Path(__file__).parents[1]
TRAINED, PEOPLE, PAIRS, STEPS, BATCH, WIDTH = 200, 300, 4000, 1200, 128, 96
NOISE = 0.3  # mm, of a scanner, at each point
UNITS_OF_INPUT, UNITS_OF_SHIFT, UNITS_OF_TURN = 5.0, 5.0, 0.1  # so that the network's numbers are about 1
FACEKIT68 = (
    1225, 1888, 1052, 367, 1719, 1722, 2199, 1447, 966, 3661, 4390, 3927, 3924, 2608, 3272, 4088, 3443, 268, 493, 1914,
    2044, 1401, 3615, 4240, 4114, 2734, 2509, 978, 4527, 4942, 4857, 1140, 2075, 1147, 4269, 3360, 1507, 1542, 1537,
    1528, 1518, 1511, 3742, 3751, 3756, 3721, 3725, 3732, 5708, 5695, 2081, 0, 4275, 6200, 6213, 6346, 6461, 5518, 5957,
    5841, 5702, 5711, 5533, 6216, 6207, 6470, 5517, 5966,
)  # fmt: skip


class Pairs(NamedTuple):
    """Two shapes of one person as points: calm (N, P, 3), moving (N, P, 3), and how the skull went, turn and shift."""

    calm: Tensor
    moving: Tensor
    turn: Tensor
    shift: Tensor


Motion = tuple[Tensor, Tensor]  # (N, 3, 3) and (N, 3)


class Face:
    """What pairs are made of: the points of people and how expressions move them."""

    def __init__(self, people: Tensor, shapes: Tensor) -> None:
        self.people, self.shapes = people, shapes

    def pairs(
        self, who: Tensor, amounts: Tensor, generator: torch.Generator, own_way: bool = True, turn: Tensor | None = None
    ) -> Pairs:
        """Pairs of these people with amounts (N, E), scanned with noise, the head moved at random or by `turn`."""
        calm = self.people[who]
        moved = torch.einsum("ne,epc->npc", amounts, self.shapes)
        if own_way:
            moved = moved * self.gains(len(self.people), generator)[who, :, None]
        noise = NOISE * torch.randn(2, *calm.shape, generator=generator, dtype=torch.float64)
        shift = 15 * torch.randn(len(who), 3, generator=generator, dtype=torch.float64)
        if turn is None:
            turn = roma.rotvec_to_rotmat(0.35 * torch.randn(len(who), 3, generator=generator, dtype=torch.float64))
        return Pairs(calm + noise[0], (calm + moved + noise[1]) @ turn.mT + shift[:, None], turn, shift)

    def gains(self, count: int, generator: torch.Generator) -> Tensor:
        """(count, P) factors around 1, smooth over the face: each person moves in a way of their own."""
        mean = self.people.mean(0)
        middle = torch.randint(len(mean), (count, 12), generator=generator)
        reach = (-(torch.cdist(mean.expand(count, -1, -1), mean[middle]) / 35).square()).exp()
        height = torch.randn(count, 1, 12, generator=generator, dtype=torch.float64)
        return (0.3 * (reach * height).sum(-1)).exp()


def draw_amounts(count: int, shapes: int, generator: torch.Generator) -> Tensor:
    """One to eight of the shapes at once, each between 0 and 1."""
    rank = torch.rand(count, shapes, generator=generator).argsort(1).argsort(1)
    chosen = rank < torch.randint(1, 9, (count, 1), generator=generator)
    return torch.rand(count, shapes, generator=generator).double() * chosen


def procrustes(calm: Tensor, moving: Tensor, weights: Tensor) -> Motion:
    """The rigid motion of weighted least squares, for each of the pairs."""
    w = (weights / weights.sum())[:, None]
    x, y = ((w * points).sum(-2, keepdim=True) for points in (calm, moving))
    u, _, vh = torch.linalg.svd((moving - y).mT @ (w * (calm - x)))
    sign = torch.ones(*u.shape[:-1], dtype=u.dtype)
    sign[..., 2] = torch.linalg.det(u @ vh).sign()
    turn = (u * sign[..., None, :]) @ vh
    return turn, (y.mT - turn @ x.mT)[..., 0]


def aligned(weights: Tensor, pairs: Pairs) -> Motion:
    """Procrustes of pairs, with these weights."""
    return procrustes(pairs.calm, pairs.moving, weights)


def left_over(pairs: Pairs, start: Motion) -> Tensor:
    """(N, 3 P): where the points of the moving face are off the calm one, once the motion `start` is undone."""
    return ((pairs.moving - start[1][:, None]) @ start[0] - pairs.calm).flatten(1)


def correction(pairs: Pairs, start: Motion) -> Motion:
    """What is missing after `start`: the true motion is start . correction."""
    turn, shift = start
    return turn.mT @ pairs.turn, (turn.mT @ (pairs.shift - shift)[..., None])[..., 0]


def combined(start: Motion, more: Motion) -> Motion:
    """start . more."""
    return start[0] @ more[0], (start[0] @ more[1][..., None])[..., 0] + start[1]


def rotation_from_six(six: Tensor) -> Tensor:
    """(N, 6) to rotations (N, 3, 3): the first two columns, made orthonormal; 0 is the identity."""
    x, y, _ = torch.eye(3, dtype=six.dtype)
    x = nn.functional.normalize(x + six[:, :3], dim=1)
    y = y + six[:, 3:]
    y = nn.functional.normalize(y - (x * y).sum(1, keepdim=True) * x, dim=1)
    return torch.stack([x, y, torch.linalg.cross(x, y)], -1)


def read_out(numbers: Tensor) -> Motion:
    """The network's nine numbers as a motion."""
    return rotation_from_six(UNITS_OF_TURN * numbers[:, :6]), UNITS_OF_SHIFT * numbers[:, 6:]


def train(face: Face, skull: Tensor, weights: Tensor, seed: int) -> nn.Sequential:
    """A network from what Procrustes leaves over to what it missed, by the loss at the skull."""
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    count = 3 * face.people.shape[1]
    net = nn.Sequential(nn.Linear(count, WIDTH), nn.ReLU(), nn.Linear(WIDTH, WIDTH), nn.ReLU(), nn.Linear(WIDTH, 9))
    nn.init.zeros_(net[-1].weight)  # it begins with no correction
    nn.init.zeros_(net[-1].bias)
    pairs = training_pairs(face, generator)
    start = procrustes(pairs.calm, pairs.moving, weights)
    x = left_over(pairs, start).float() / UNITS_OF_INPUT
    turn, shift = (part.float() for part in correction(pairs, start))
    goal = skull.float() @ turn.mT + shift[:, None]
    optimiser = torch.optim.Adam(net.parameters())
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 4e-3, STEPS)
    for _ in range(STEPS):
        rows = torch.randint(0, PAIRS, (BATCH,), generator=generator)
        turn, shift = read_out(net(x[rows]))
        loss = (skull.float() @ turn.mT + shift[:, None] - goal[rows]).norm(dim=-1).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
    return net


def training_pairs(face: Face, generator: torch.Generator) -> Pairs:
    """Pairs of the people that are trained on."""
    who = torch.randint(0, TRAINED, (PAIRS,), generator=generator)
    return face.pairs(who, draw_amounts(PAIRS, len(face.shapes), generator), generator)


def ridge(face: Face, weights: Tensor, seed: int) -> Callable[[Pairs], Motion]:
    """The same correction, linear in what is left over."""
    pairs = training_pairs(face, torch.Generator().manual_seed(seed))

    def columns(pairs: Pairs) -> tuple[Motion, Tensor]:
        start = procrustes(pairs.calm, pairs.moving, weights)
        x = left_over(pairs, start)
        return start, torch.cat([x, torch.ones_like(x[:, :1])], 1)

    start, x = columns(pairs)
    turn, shift = correction(pairs, start)
    goal = torch.cat([roma.rotmat_to_rotvec(turn), shift], 1)
    matrix = torch.linalg.solve(x.mT @ x + 30 * torch.eye(x.shape[1], dtype=x.dtype), x.mT @ goal)

    def apply(pairs: Pairs) -> Motion:
        start, x = columns(pairs)
        found = x @ matrix
        return combined(start, (roma.rotvec_to_rotmat(found[:, :3]), found[:, 3:]))

    return apply


def learned(net: nn.Sequential, weights: Tensor) -> Callable[[Pairs], Motion]:
    """Procrustes with these weights, then the correction of a network."""

    def apply(pairs: Pairs) -> Motion:
        start = procrustes(pairs.calm, pairs.moving, weights)
        with torch.no_grad():
            turn, shift = read_out(net(left_over(pairs, start).float() / UNITS_OF_INPUT))
        return combined(start, (turn.double(), shift.double()))

    return apply


def still_scalp(head: Head) -> Tensor:
    """Points of the scalp, (n, 3) mm, that no expression moves: where the skull is known."""
    rows = head.mesh.part_vertices("scalp")
    moves = [head.offsets(expressions={name: 1.0})[rows].norm(dim=1) for name in head.expressions.names]
    return head.mesh.vertices[rows[torch.stack(moves).amax(0) < 0.05]].double()[::5]


def facekit(head: Head, points: Tensor, mean: Tensor, chosen: slice) -> Face:
    """People and expressions of ICT-FaceKit at the same points, found by landmarks and the nearest skin."""
    kit = load_facekit(progress=False)
    there = kit.mesh.vertices.double().numpy()
    here = head.landmarks.points(head.mesh.vertices, head.mesh.faces).double().numpy()
    guess = Warp(here, there[list(FACEKIT68)])(points.numpy())[chosen]
    near, _, face = Surface(kit.mesh.vertices.double(), kit.mesh.faces).closest(guess)
    corners = kit.mesh.faces[torch.as_tensor(face)]
    share = torch.from_numpy(barycentric(near, there[corners.numpy()]))

    def at(x: Tensor) -> Tensor:
        return (share[..., None] * x.double()[corners]).sum(-2)

    rest = at(kit.mesh.vertices)
    turn, shift = procrustes(rest, mean, torch.ones(len(rest), dtype=torch.float64))
    draws = torch.randn(PEOPLE, 2, generator=torch.Generator().manual_seed(7), dtype=torch.float64)
    identities = torch.stack([at(kit.modes[name]) for name in ("identity000", "identity001")])
    shapes = torch.stack([at(kit.modes[name]) for name in ("jawOpen", "mouthSmile_L")])
    people = rest + torch.einsum("nk,kpc->npc", draws, identities)
    return Face(people @ turn.mT + shift, shapes @ turn.mT)


def main() -> None:
    torch.set_num_threads(1)
    head = asm.load_head()
    rest, faces, dense, chosen = head.mesh.vertices, head.mesh.faces, head.dense_landmarks, slice(0, 468, 4)

    def points_of(x: Tensor) -> Tensor:
        return (dense.barycentric[..., None] * x[faces[dense.faces]]).sum(-2).double()

    names = head.expressions.names
    draws = (sample_identity(head.identities, np.random.default_rng(seed)) for seed in range(PEOPLE))
    people = torch.stack([points_of(rest + head.offsets(draw))[chosen] for draw in draws])
    shapes = torch.stack([points_of(head.offsets(expressions={name: 1.0}))[chosen] for name in names])
    face, skull = Face(people, shapes), still_scalp(head)
    ibug = head.landmarks.points(rest, faces).double()
    mean = people.mean(0)
    still = (mean[:, 1] > ibug[17:27, 1].max()) | ((mean - ibug[27]).norm(dim=1) < 12)

    amounts = draw_amounts(2000, len(names), torch.Generator().manual_seed(0))
    spread = torch.einsum("ne,epc->npc", amounts, shapes).square().sum(-1).mean(0)
    by_spread, alike = 1 / (spread + 3 * NOISE**2), torch.ones_like(spread)

    other = facekit(head, points_of(rest), mean, chosen)
    track = read_track(asset_path("llv-capture", "dao.gesichter", progress=False))
    take = track.amounts[:, [CHANNELS.index(name) for name in names]].double()
    turned = roma.rotvec_to_rotmat(track.head.double())
    record: dict[str, dict[str, list[float]]] = {}
    for seed in (0, 1, 2):
        plain, weighted = train(face, skull, alike, seed), train(face, skull, by_spread, seed)
        if seed == 0:
            arrays = {name.replace(".", "_"): x.half().numpy() for name, x in weighted.state_dict().items()}
            np.savez_compressed(DATA / "stabilise.npz", **arrays, weights=by_spread.float().numpy())

        ways: dict[str, Callable[[Pairs], Motion]] = {
            "Procrustes": partial(aligned, alike),
            "Procrustes, forehead and nose root": partial(aligned, still.double()),
            "Procrustes, weighted": partial(aligned, by_spread),
            "linear, after Procrustes": ridge(face, alike, seed),
            "linear, after weighted": ridge(face, by_spread, seed),
            "network, after Procrustes": learned(plain, alike),
            "network, after weighted": learned(weighted, by_spread),
        }
        generator = torch.Generator().manual_seed(100 + seed)
        unseen = torch.randint(TRAINED, PEOPLE, (300,), generator=generator)
        drawn = draw_amounts(300, len(names), generator)
        tests = {
            "embedded people": face.pairs(unseen, drawn, generator, own_way=False),
            "each in their own way": face.pairs(unseen, drawn, generator),
            "recorded take": face.pairs(unseen[:1].expand(len(take)), take, generator, turn=turned),
            "ICT-FaceKit": other.pairs(
                torch.arange(PEOPLE), torch.rand(PEOPLE, 2, generator=generator).double(), generator, own_way=False
            ),
        }
        for test, pairs in tests.items():
            true = skull @ pairs.turn.mT + pairs.shift[:, None]
            for name, way in ways.items():
                turn, shift = way(pairs)
                error = float((skull @ turn.mT + shift[:, None] - true).norm(dim=-1).mean())
                record.setdefault(test, {}).setdefault(name, []).append(round(error, 3))
                print(f"{seed} {test:24} {name:36} {error:.2f} mm", flush=True)
    (DATA / "stabilise.json").write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
