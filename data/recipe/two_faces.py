"""Train the networks of lesson 18 that drive two faces in one picture, and record what leaks.

    python data/recipe/two_faces.py draw FOLDER         # 200 expressions by eight people each; others; a take
    python data/recipe/two_faces.py train FOLDER SEED   # an encoder, and four networks behind it
    python data/recipe/two_faces.py record FOLDER       # -> two_faces.npz (weights of seed 0), two_faces.json

One thread takes some two minutes a seed.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

import asm_teach as asm
from asm_teach.base.arrays import load_npz
from asm_teach.beyond.action_units import shape_amounts
from asm_teach.beyond.driving.two_faces import (
    ACTING,
    CODE,
    FACE,
    TOKENS,
    ExpressionEncoder,
    TwoFaces,
    draw_face,
    leakage,
)

DATA = Path(__file__).parents[1]
SEEDS = (0, 1, 2)
LEARNT, TESTED = range(400, 440), range(500, 512)  # people
EXPRESSIONS, EACH = 200, 8  # that are learnt from, and by how many people each
READ_STEPS, STEPS, BATCH, RATE = 600, 900, 32, 4e-3
WAYS = {"masked": {}, "shared": {"masked": False}, "mixed": {"mixed": True}, "pixels": {}}
EVERY = 6  # frames of the take that are drawn


class Bank(NamedTuple):
    """Expressions (E) made by several people (S): pictures (E, S, 48, 48) as whole numbers, who they are (E, S),

    all people at rest (P, 48, 48), and the amounts of action units (E, 9); those of the take are not known.
    """

    pictures: Tensor
    people: Tensor
    rest: Tensor
    amounts: Tensor


def draw(folder: Path) -> None:
    """Faces to learn from, faces of other people with other expressions, and these with those of the take."""
    generator = np.random.default_rng(180)
    learnt, tested = (draw_amounts(generator, count) for count in (EXPRESSIONS, 24))
    some = np.stack([generator.permutation(len(LEARNT))[:EACH] for _ in learnt])
    every = np.arange(len(TESTED))
    save(folder, "learnt", LEARNT, learnt, some, [of_units(row) for row in learnt])
    save(folder, "tested", TESTED, tested, np.stack([every] * len(tested)), [of_units(row) for row in tested])
    take = load_take()[::EVERY]
    save(folder, "take", TESTED, np.zeros((len(take), len(ACTING))), np.stack([every] * len(take)), take)


def draw_amounts(generator: np.random.Generator, count: int) -> np.ndarray:
    """(count, 9) amounts: one to three units act in each."""
    found = np.zeros((count, len(ACTING)), np.float32)
    for row in found:
        acts = generator.permutation(len(ACTING))[: generator.integers(1, 4)]
        row[acts] = generator.uniform(0.3, 1, len(acts))
    return found


def of_units(amounts: Sequence[float]) -> dict[str, float]:
    return shape_amounts({number: float(a) for number, a in zip(ACTING, amounts, strict=True) if a})


def load_take() -> list[dict[str, float]]:
    """The frames of the embedded take as amounts of the head's expressions."""
    track = asm.read_track(DATA / "take.csv")
    names = set(asm.load_head().expressions.names)
    return [{n: a for n, a in track.at(float(t))[0].items() if n in names and a} for t in track.times]


def save(
    folder: Path, name: str, people: range, amounts: np.ndarray, who: np.ndarray, shapes: list[dict[str, float]]
) -> None:
    head = asm.load_head()

    def whole(person: int, row: dict[str, float]) -> np.ndarray:
        return (255 * draw_face(head, person, row)).round().byte().numpy()

    np.savez_compressed(
        folder / f"{name}.npz",
        pictures=np.stack([[whole(people[k], row) for k in some] for some, row in zip(who, shapes, strict=True)]),
        people=who,
        rest=np.stack([whole(number, {}) for number in people]),
        amounts=amounts.astype(np.float32),
    )


def load(folder: Path, name: str) -> Bank:
    return Bank(*(torch.from_numpy(x) for x in load_npz(folder / f"{name}.npz").values()))


class Scenes(NamedTuple):
    """Pairs at random: two expressions (N, 2), in which column who is shown and who drives each stand, (N, 2)."""

    expressions: Tensor
    shown: Tensor
    drivers: Tensor

    def rest(self, bank: Bank) -> Tensor:
        """(N, 48, 96) the two faces side by side, at rest."""
        return side_by_side(bank.rest[bank.people[self.expressions, self.shown]])

    def goal(self, bank: Bank) -> Tensor:
        """(N, 48, 96) the two faces with their drivers' expressions."""
        return side_by_side(bank.pictures[self.expressions, self.shown])


def side_by_side(faces: Tensor) -> Tensor:
    """(N, 2, 48, 48) whole numbers to pictures (N, 48, 96) from 0 to 1."""
    return torch.cat((faces.float() / 255).unbind(1), 2)


def scenes(bank: Bank, count: int, generator: torch.Generator) -> Scenes:
    """No face is driven by its own picture."""
    rows, columns = bank.pictures.shape[:2]
    order = torch.rand(count, 2, columns, generator=generator).argsort(2)
    return Scenes(torch.randint(rows, (count, 2), generator=generator), order[..., 0], order[..., 1])


def learn_to_read(bank: Bank, seed: int, steps: int = READ_STEPS) -> tuple[ExpressionEncoder, float]:
    """An encoder that reads the amounts of units from a face; and CPU seconds."""
    torch.manual_seed(seed)
    generator, begun = torch.Generator().manual_seed(seed), time.process_time()
    net, (rows, columns) = ExpressionEncoder(), bank.pictures.shape[:2]
    optimiser = torch.optim.AdamW(net.parameters(), weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, steps)
    for step in range(1, steps + 1):
        row, column = (torch.randint(n, (64,), generator=generator) for n in (rows, columns))
        shown = bank.pictures[row, column].float() / 255
        shift = torch.randint(-1, 2, (2,), generator=generator).tolist()
        shown = torch.roll(shown, shift, (1, 2)) + 0.03 * torch.randn(shown.shape, generator=generator)
        loss = (net.amounts(net(shown)) - bank.amounts[row]).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        if step % 200 == 0:
            print(f"encoder {seed}, step {step}: loss {loss.detach():.4f}", flush=True)
    return net.eval().requires_grad_(False), time.process_time() - begun


class Pixels(NamedTuple):
    """The naive code: where a picture lies among all pictures, by their 32 main directions; no unit was named."""

    mean: Tensor
    directions: Tensor

    @classmethod
    def of(cls, bank: Bank) -> Pixels:
        flat = bank.pictures.flatten(0, 1).flatten(1).float() / 255
        sizes, directions = torch.linalg.eigh(torch.cov(flat.T))
        return cls(flat.mean(0), (directions / sizes.clamp_min(1e-9).sqrt())[:, -TOKENS * CODE :])

    def __call__(self, drivers: Tensor) -> Tensor:
        return ((drivers.flatten(1) - self.mean) @ self.directions).reshape(-1, TOKENS, CODE)


def codes_of(encoder: ExpressionEncoder | Pixels, bank: Bank) -> Tensor:
    """(E, S, 4, 8) of all pictures."""
    with torch.no_grad():
        codes = [encoder(some.float() / 255) for some in bank.pictures.flatten(0, 1).split(256)]
    return torch.cat(codes).reshape(*bank.pictures.shape[:2], TOKENS, CODE)


def learn(net: TwoFaces, bank: Bank, codes: Tensor, seed: int, steps: int = STEPS) -> float:
    """Train a network behind frozen codes. Returns CPU seconds."""
    generator, begun = torch.Generator().manual_seed(seed), time.process_time()
    optimiser = torch.optim.AdamW(net.parameters(), weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, steps)
    for step in range(1, steps + 1):
        some = scenes(bank, BATCH, generator)
        made = net(some.rest(bank), codes[some.expressions, some.drivers])
        loss = (made - some.goal(bank)).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        if step % 300 == 0:
            print(f"seed {seed}, step {step}: {255 * loss.detach().sqrt():.2f} grey levels", flush=True)
    return time.process_time() - begun


def train(folder: Path, seed: int) -> None:
    """The encoder and the four networks of a seed, into the folder; what lies there already is not trained again."""
    bank = load(folder, "learnt")
    if not (kept := folder / f"encoder{seed}.pt").exists():
        encoder, seconds = learn_to_read(bank, seed)
        torch.save((encoder.state_dict(), seconds), kept)
    encoder = stored_encoder(kept)[0]
    for way, options in WAYS.items():
        if (folder / f"{way}{seed}.pt").exists():
            continue
        torch.manual_seed(seed)
        net, code = TwoFaces(**options), Pixels.of(bank) if way == "pixels" else encoder
        seconds = learn(net, bank, codes_of(code, bank), seed)
        torch.save((net.state_dict(), seconds), folder / f"{way}{seed}.pt")
        row = measured(net, code, load(folder, "tested"), seed)
        print(way, seed, f"{seconds:.0f} s", {k: round(x, 3) for k, x in row.items()}, flush=True)


def stored_encoder(path: Path) -> tuple[ExpressionEncoder, float]:
    """An encoder that was trained, and CPU seconds."""
    encoder = ExpressionEncoder()
    state, seconds = torch.load(path)
    encoder.load_state_dict(state)
    return encoder.eval().requires_grad_(False), seconds


@torch.no_grad()
def measured(
    net: TwoFaces, code: ExpressionEncoder | Pixels, bank: Bank, seed: int, count: int = 200
) -> dict[str, float]:
    """What a network does with people that it has not seen.

    follows: the share of the motion that is right, 1 - squared error over that of a face that does not move.
    leak, own: grey levels of 255 that the second face changes by when the first driver moves, and when its own does.
    border, middle: the leak of its four columns of positions next to the first face, and of the others.
    driver: by how many grey levels a face changes when another person drives it with the same expression.
    person: the share of the codes' variance that tells who drives, and not what they do.
    """
    some, codes = scenes(bank, count, torch.Generator().manual_seed(100 + seed)), codes_of(code, bank)
    rest, goal = some.rest(bank), some.goal(bank)
    drivers = codes[some.expressions, some.drivers]
    moved = codes[(some.expressions + 7) % len(codes), some.drivers]
    made = net(rest, drivers)
    first, second = drivers.clone(), drivers.clone()
    first[:, 0], second[:, 1] = moved[:, 0], moved[:, 1]
    by_first, by_second = (255 * (net(rest, one) - made)[..., FACE:] for one in (first, second))
    others = net(rest, codes[some.expressions, some.drivers.roll(1, 0)])
    of_person = codes.mean(0) - codes.mean((0, 1))
    return {
        "follows": 1 - float((made - goal).square().sum() / (rest - goal).square().sum()),
        "leak": float(by_first.abs().mean()),
        "own": float(by_second.abs().mean()),
        "leakage": leakage(by_first, by_second),
        "border": float(by_first[..., :24].abs().mean()),
        "middle": float(by_first[..., 24:].abs().mean()),
        "driver": float(255 * (others - made).abs().mean()),
        "motion": float(255 * (goal - rest).abs().mean()),
        "person": float(len(codes) * of_person.square().sum() / (codes - codes.mean((0, 1))).square().sum()),
    }


def packed(x: Tensor) -> np.ndarray:
    """A weight in half precision with 7 of its 10 digits, so that the file packs well."""
    return ((x.half().view(torch.int16) + 4) & ~7).view(torch.float16).numpy()


def record(folder: Path) -> None:
    """All that the lesson prints of the seeds that lie in the folder, and the weights of the first."""
    found: dict[str, list[dict[str, float]]] = {way: [] for way in WAYS}
    weights, bank = {}, load(folder, "learnt")
    tests = {"": load(folder, "tested"), "take ": load(folder, "take")}
    for seed in SEEDS:
        if not (path := folder / f"encoder{seed}.pt").exists():
            continue
        encoder, reading = stored_encoder(path)
        if seed == 0:
            weights |= {f"encoder/{k}": packed(x) for k, x in encoder.state_dict().items()}
        for way, options in WAYS.items():
            net, code = TwoFaces(**options), Pixels.of(bank) if way == "pixels" else encoder
            if not (path := folder / f"{way}{seed}.pt").exists():
                continue
            state, seconds = torch.load(path)
            net.load_state_dict(state)
            row = {k + name: x for k, test in tests.items() for name, x in measured(net, code, test, seed).items()}
            row |= {"seconds": seconds + (reading if way != "pixels" else 0)}
            found[way].append({k: round(x, 4) for k, x in row.items()})
            if seed == 0 and way in ("masked", "shared"):
                weights |= {f"{way}/{k}": packed(x) for k, x in state.items()}
    (DATA / "two_faces.json").write_text(json.dumps(found, indent=1) + "\n", "utf-8")
    np.savez_compressed(DATA / "two_faces.npz", **weights)


if __name__ == "__main__":
    torch.set_num_threads(1)
    what, folder, *rest = sys.argv[1:]
    Path(folder).mkdir(exist_ok=True)
    {"draw": draw, "train": train, "record": record}[what](Path(folder), *map(int, rest))
