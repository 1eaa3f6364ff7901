"""Train the neural contender of lesson 5's table and of lesson 11, question 11, and measure it beside a linear model.

    python data/recipe/neural_contender.py

Writes `neural_contender.json`: rows of the table, one for each of three trainings. The auto-encoder is that of lesson
19, section 9: it begins as the linear model of as many numbers and learns to bend away from it, from the same 200
people. It takes a minute.
"""

from __future__ import annotations

import time
from pathlib import Path

import roma
import torch
from torch import Tensor
from torch.nn import ELU, Linear, Module, Sequential, init

from asm_teach.data.heads import Head, load_head
from asm_teach.geometry.metrics import summarise
from asm_teach.model.linear import LinearMorphableModel, principal_axes
from asm_teach.studies.record_files import write_records
from asm_teach.studies.scan_faces import Subject, embedded_people
from asm_teach.studies.scan_models import Contender, file_size, sampled_shapes
from asm_teach.studies.scan_table import ScanRow

RECORD = Path(__file__).parents[1] / "neural_contender.json"
PEOPLE, NUMBERS, HIDDEN, SEEDS, STEPS = 200, 69, 96, (1, 2, 3), 300


class AutoEncoder(Module):
    """Coordinates (n, 199) mm along the modes of people, squeezed through 69 numbers."""

    def __init__(self, spreads: Tensor) -> None:
        super().__init__()
        self.spreads, size = spreads[:NUMBERS], len(spreads)
        self.encode_more = Sequential(Linear(size, HIDDEN), ELU(), Linear(HIDDEN, NUMBERS))
        self.decode_more = Sequential(Linear(NUMBERS, HIDDEN), ELU(), Linear(HIDDEN, size))
        for part in (self.encode_more, self.decode_more):
            init.zeros_(part[-1].weight)  # begin as the linear model
            init.zeros_(part[-1].bias)
        self.rest = size - NUMBERS

    def encode(self, x: Tensor) -> Tensor:
        """(n, 69) standard deviations."""
        return x[:, :NUMBERS] / self.spreads + self.encode_more(x / 10)

    def decode(self, z: Tensor) -> Tensor:
        """(n, 199) mm."""
        return torch.nn.functional.pad(z * self.spreads, (0, self.rest)) + 10 * self.decode_more(z)


def trained(coordinates: Tensor, seed: int) -> AutoEncoder:
    """An auto-encoder of coordinates (n, 199), three people of which are mixed at a time to see more."""
    torch.manual_seed(seed)
    model = AutoEncoder(coordinates.std(0))
    optimiser = torch.optim.Adam(model.parameters())
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 3e-3, STEPS)
    for _ in range(STEPS):
        share = torch.rand(256, 3, 1).square()
        rows = torch.randint(len(coordinates), (256, 3))
        x = (share / share.sum(1, keepdim=True) * coordinates[rows]).sum(1)
        loss = (model.decode(model.encode(x)) - x).square().sum(1).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
    return model.requires_grad_(False)


def fitted(model: AutoEncoder, middle: Tensor, modes: Tensor, subject: Subject) -> Tensor:
    """The vertices (V, 3) mm nearest to a registered face: its 69 numbers and a similarity, by LBFGS."""
    target, count = subject.mesh.vertices, subject.mask
    assert count is not None
    z = model.encode((target - middle).flatten()[None] @ modes.T)[0].requires_grad_()
    placed = torch.zeros(7, requires_grad=True)  # turn, shift in cm, growth

    def face() -> Tensor:
        shape = middle + (model.decode(z[None])[0] @ modes).view(-1, 3)
        return placed[6].exp() * shape @ roma.rotvec_to_rotmat(placed[:3]).T + 10 * placed[3:6]

    search = torch.optim.LBFGS([z, placed], max_iter=60, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        search.zero_grad()
        value = (count[:, None] * (face() - target).square()).sum() / count.sum()
        value.backward()
        return value

    search.step(loss)
    return face().detach()


def faces_of(head: Head) -> list[list[Subject]]:
    """Those of lesson 5's table, and the new people and the stranger of lesson 11."""
    (one, *_), people = embedded_people(head, 15), embedded_people(head, 15)[11:]
    named = [Subject("", "new people", p.mesh, p.area, p.eyes, p.mask) for p in people]
    bent = head.mesh.with_vertices(waves(people[0].mesh.vertices))
    return [[one], named, [Subject("", "the stranger", bent, one.area, people[0].eyes, one.mask)]]


def waves(vertices: Tensor, length: float = 70.0, height: float = 3.0) -> Tensor:
    """Vertices bent as lesson 11 bends them: smoothly, and as no person is."""
    draw = torch.Generator().manual_seed(0)
    ways, moves = (torch.nn.functional.normalize(torch.randn(6, 3, generator=draw), dim=1) for _ in range(2))
    phase = 2 * torch.pi * torch.rand(6, generator=draw)
    return vertices + height * 3**-0.5 * torch.sin(vertices @ ways.T * (2 * torch.pi / length) + phase) @ moves


def main() -> None:
    """Train, fit, write the rows, and print them."""
    torch.set_num_threads(1)
    head = load_head()
    shapes = sampled_shapes(head, PEOPLE)
    linear = LinearMorphableModel.from_samples(head.mesh, shapes)
    middle = shapes.mean(0)
    modes = principal_axes((shapes - middle).flatten(1))[1][: PEOPLE - 1]
    networks = [trained((shapes - middle).flatten(1) @ modes.T, seed) for seed in SEEDS]
    weights = sum(4 * p.numel() for p in networks[0].parameters())
    few = Contender("", (), linear.first(NUMBERS)).parameters
    rows = []
    for subjects in faces_of(head):
        for seed, network in zip(SEEDS, networks, strict=True):
            begin = time.process_time()
            found = [fitted(network, middle, modes, s) for s in subjects]
            seconds = (time.process_time() - begin) / len(subjects)
            away = [
                torch.linalg.vector_norm((x - s.mesh.vertices)[s.area], dim=1)
                for x, s in zip(found, subjects, strict=True)
            ]
            figures = summarise(torch.cat(away))
            nme = sum(100 * float(d.mean()) / s.eyes for d, s in zip(away, subjects, strict=True)) / len(subjects)
            rows.append(
                ScanRow(
                    group="neural", model=f"auto-encoder of {PEOPLE} people, training {seed}", where=subjects[0].where,
                    faces=len(subjects), parameters=few, bytes=file_size(linear) + weights,
                    **{name: round(figures[name], 3) for name in ("mean", "median", "rmse", "p95")},
                    nme=round(nme, 3), seconds=round(seconds, 2),
                )
            )  # fmt: skip
            print(rows[-1], flush=True)
    write_records(rows, RECORD, "rows")


if __name__ == "__main__":
    main()
