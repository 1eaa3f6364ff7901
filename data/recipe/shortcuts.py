"""Record what gradient reversal does in lesson 14, on drawn people and on photographs.

    python data/recipe/shortcuts.py points   # 68 of MediaPipe's points of the 98 photographs -> smile_points.npz
    python data/recipe/shortcuts.py record   # every lambda, three seeds, and two rivals -> shortcuts.json

The photographs are those of the asset `london-smiles`; `points` needs `mediapipe==0.10.14`, and `record` only the
points. No photograph is stored. `record` takes about a minute of one thread.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

import asm_teach as asm
from asm_teach.base.arrays import load_npz
from asm_teach.beyond.action_units import UNITS
from asm_teach.beyond.labelled_faces import POINTS, PointFaces, balanced_accuracy, f1_score, framed
from asm_teach.beyond.reversal import LAMBDAS, UnitReader, identity_probe, train_reader

DATA = Path(__file__).parents[1]
READ = (1, 2, 4, 6, 7, 10, 12, 14, 15, 17, 24, 26)  # the units that are read
OFTEN, SELDOM = 0.7, 0.15  # how often a person makes each of four favourite units, and each of the other eight
PEOPLE, FACES, FEW = 20, 60, 20  # trained on, faces of each, faces of each that are tested
SEEDS = (0, 1, 2)


def points() -> None:
    """The points of each photograph, in tenths of a pixel."""
    from reader import people, photograph, read_picture

    from asm_teach.view_fit.face_detector import find_landmarks

    rows = [find_landmarks(read_picture(photograph(p, kind)), p) for p in people() for kind in ("03", "08")]
    found = torch.stack(rows)[:, list(POINTS)].reshape(-1, 2, len(POINTS), 2)
    store(found)


def store(found: Tensor) -> None:
    """Points (49, 2, 68, 2) of the calm and the smiling photographs, pixels, into `smile_points.npz`."""
    np.savez_compressed(DATA / "smile_points.npz", points=(10 * found).round().short().numpy())


def some_faces(faces: PointFaces, who: Tensor, chance: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Points (N, 136) of people who make each unit by a chance (N, 12) of their own, and which units there are."""
    there = torch.rand(chance.shape, generator=generator) < chance
    amounts = torch.zeros(len(who), len(UNITS))
    strength = 0.2 + 0.6 * torch.rand(chance.shape, generator=generator)
    amounts[:, [list(UNITS).index(unit) for unit in READ]] = there * strength
    return faces.draw(who, amounts, generator), there


def habits(generator: torch.Generator) -> Tensor:
    """(20, 12) how often each person makes each unit."""
    chance = torch.full((PEOPLE, len(READ)), SELDOM)
    for row in chance:
        row[torch.randperm(len(READ), generator=generator)[:4]] = OFTEN
    return chance


def even(people: int, count: int) -> tuple[Tensor, Tensor]:
    """People, each `count` times, who make every unit in a third of their faces."""
    who = torch.arange(people).repeat_interleave(count)
    return who, torch.full((len(who), len(READ)), 1 / 3)


def evened(there: Tensor, who: Tensor) -> Tensor:
    """Weights (N, 12) by which each person's faces with and without a unit count as in an even world."""
    one = F.one_hot(who).float()
    often = ((one.T @ there.float() + 0.5) / (one.sum(0)[:, None] + 1))[who]
    return torch.where(there, 1 / often / 3, 2 / (1 - often) / 3)


def judged(net: UnitReader, tests: dict[str, tuple[Tensor, Tensor, Tensor]], photos: Tensor) -> dict[str, float]:
    """What a reader reads on people it saw, on new people, and on photographs (49, 2, 136), and whom it still tells."""
    found = {}
    with torch.no_grad():
        for name, (x, there, _) in tests.items():
            found[f"F1, {name}"] = float(f1_score(net(x) > 0, there).mean())
        x, _, who = tests["people trained on"]
        found["probe"] = identity_probe(net.code(x), who)
        code = F.normalize(net.code(photos.flatten(0, 1)), dim=1).reshape(*photos.shape[:2], -1)
        found["photographs matched"] = float(
            ((code[:, 1] @ code[:, 0].T).argmax(1) == torch.arange(len(code))).double().mean()
        )
        said = net(photos.flatten(0, 1)).reshape(*photos.shape[:2], -1)[..., READ.index(12)]
        smile = torch.tensor([0, 1]).expand(len(said), 2)
        found["smiles, balanced accuracy"] = balanced_accuracy((said > 0).long().flatten(), smile.flatten())
        found["smiles, F1"] = float(f1_score((said > 0).reshape(-1, 1), smile.reshape(-1, 1) > 0)[0])
        found["smiles, pairs"] = float((said[:, 1] > said[:, 0]).double().mean())
    return {name: round(number, 4) for name, number in found.items()}


def record() -> None:
    """Every lambda and three seeds; beside them weights that even the habits out, and the points without a network."""
    head = asm.load_head()
    found: dict[str, object] = {"lambdas": list(LAMBDAS), "seeds": list(SEEDS)}
    stored = torch.from_numpy(load_npz(DATA / "smile_points.npz")["points"].astype(np.float32)) / 10
    photos = framed(stored.flatten(0, 1)).reshape(len(stored), 2, -1)
    new = PointFaces.of(head, range(100, 150))
    for seed in SEEDS:
        generator = torch.Generator().manual_seed(seed)
        faces = PointFaces.of(head, range(PEOPLE * seed, PEOPLE * (seed + 1)))
        who = torch.arange(PEOPLE).repeat_interleave(FACES)
        x, there = some_faces(faces, who, habits(generator)[who], generator)
        tests = {}
        for name, some, count in (("people trained on", faces, PEOPLE), ("new people", new, 50)):
            persons, chance = even(count, FEW)
            tests[name] = (*some_faces(some, persons, chance, generator), persons)
        own = PointFaces.of(head, range(200 + PEOPLE * seed, 220 + PEOPLE * seed))  # chooses lambda, habits as they are
        tests["people for choosing"] = (*some_faces(own, who, habits(generator)[who], generator), who)
        for strength in LAMBDAS:
            net = train_reader(x, there, who, strength, seed)
            with torch.no_grad():
                own_head = float(F.cross_entropy(net.people(net.code(x)), who))
            found[f"{strength:g} {seed}"] = {**judged(net, tests, photos), "own head": round(own_head, 3)}
            print(seed, strength, found[f"{strength:g} {seed}"], flush=True)
        found[f"weights {seed}"] = judged(train_reader(x, there, who, 0.0, seed, evened(there, who)), tests, photos)
        yes = torch.ones_like(tests["new people"][1])
        found[f"always yes {seed}"] = round(float(f1_score(yes, tests["new people"][1]).mean()), 4)
        found[f"points {seed}"] = round(identity_probe(tests["people trained on"][0], tests["people trained on"][2]), 4)
        print(seed, found[f"weights {seed}"], found[f"always yes {seed}"], found[f"points {seed}"], flush=True)
    (DATA / "shortcuts.json").write_text(json.dumps(found, indent=0) + "\n")


if __name__ == "__main__":
    torch.set_num_threads(1)
    {"points": points, "record": record}[sys.argv[1]]()
