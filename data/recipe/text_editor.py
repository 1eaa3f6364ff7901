"""Train the encoders and the editors of lesson 18, and record what an edit by words gains and loses.

    python data/recipe/text_editor.py draw FOLDER           # 1,600 heads with what is measured on them, 200 others
    python data/recipe/text_editor.py encode FOLDER SEED    # the two encoders
    python data/recipe/text_editor.py edit FOLDER SEED      # one editor for six sentences, six editors, and variants
    python data/recipe/text_editor.py record FOLDER         # -> text_editor.npz (seed 0), text_editor.json

One thread takes some three minutes a seed.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

import asm_teach as asm
from asm_teach.base.arrays import load_npz
from asm_teach.beyond.captions import (
    ATTRIBUTES,
    PLAIN,
    PictureEncoder,
    TextEncoder,
    caption,
    contrast_loss,
    directional_loss,
    match_loss,
    sentence,
)
from asm_teach.beyond.driving.text_editor import KEEP, NAMES, SELF, STRENGTH, HeadSpace, Person, TextEditor, steer

DATA = Path(__file__).parents[1]
COLUMNS = list(ATTRIBUTES)
SEEDS = (0, 1, 2)
LEARNT, HELD = range(1000, 2600), range(3000, 3200)  # people that the encoders learn from, and others
STEPS, BATCH, RATE = 600, 64, 3e-3  # of the encoders
EDITS = ("smile", "open mouth", "raised brows", "wide jaw", "wide nose", "full lips")
UNSEEN = ("closed eyes", "long nose")  # attributes that no editor learns
NEVER = frozenset(("smile", "raised brows"))  # named together in no caption
PEOPLE, EDIT_STEPS, EDIT_RATE = 2, 60, 1.5e-2  # people in a step of the editor, each with all six edits
TURNED, SIDES = 0.7, (-0.7, 0.0, 0.7)  # radians to either side
TRIED = range(4000, 4012)  # people who are edited


class Heads(NamedTuple):
    """Drawn heads: pictures (N, 64, 64) as whole numbers, w (N, 37), attributes (N, 8) in mm."""

    pictures: Tensor
    w: Tensor
    measures: Tensor


def draw(folder: Path) -> None:
    """Heads of many people with some action units, each seen from somewhere in front."""
    space = HeadSpace(asm.load_head())
    for name, people in (("heads", LEARNT), ("held", HELD)):
        rows = []
        for number in people:
            generator, person = np.random.default_rng(10_000 + number), space.person(number)
            w = acting(person, generator)
            yaw = float(generator.uniform(-TURNED, TURNED))
            picture = space.picture(person.base, w, person.tone, yaw)
            rows.append((255 * picture, w, space.measures(person.base, w)))
        pictures, w, measures = (torch.stack(column) for column in zip(*rows, strict=True))
        np.savez_compressed(
            folder / f"{name}.npz", pictures=pictures.round().byte().numpy(), w=w.numpy(), measures=measures.numpy()
        )


def acting(person: Person, generator: np.random.Generator) -> Tensor:
    """A person's numbers with each action unit there by one in six."""
    w = person.w.clone()
    there = generator.random(len(NAMES) - SELF) < 1 / 6
    w[SELF:] = torch.from_numpy(there * generator.uniform(0.5, 2, len(there))).float()
    return w


def load(folder: Path, name: str) -> Heads:
    return Heads(*(torch.from_numpy(x) for x in load_npz(folder / f"{name}.npz").values()))


def unusual(measures: Tensor, folder: Path) -> Tensor:
    """Standard deviations above the mean of the heads that are learnt from."""
    known = load(folder, "heads").measures
    return (measures - known.mean(0)) / known.std(0)


def captions(z: Tensor, generator: np.random.Generator) -> list[str]:
    """A caption for each row of z (N, 8), none of which names a smile and raised brows together."""
    both = [COLUMNS.index(name) for name in NEVER]
    found = []
    for row in z:
        row = row.clone()
        if bool((row[both].abs() > 0.8).all()):
            row[both[int(generator.integers(2))]] = 0.0
        found.append(caption(row, generator))
    return found


def encode(folder: Path, seed: int) -> None:
    """Two encoders, on pictures in one light with noise, mirrored half of the time; into the folder."""
    torch.manual_seed(seed)
    heads, held, generator = load(folder, "heads"), load(folder, "held"), np.random.default_rng(seed)
    z, begun = unusual(heads.measures, folder), time.process_time()
    texts, pictures = TextEncoder(), PictureEncoder()
    optimiser = torch.optim.AdamW([*texts.parameters(), *pictures.parameters()], weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, STEPS)
    for step in range(1, STEPS + 1):
        rows = torch.from_numpy(generator.permutation(len(z))[:BATCH])
        shown = heads.pictures[rows].float() / 255
        shown = shown.flip(-1) if step % 2 else shown
        shown = torch.roll(shown, tuple(generator.integers(-2, 3, 2).tolist()), (1, 2))
        loss = match_loss(pictures(shown + 0.02 * torch.randn_like(shown)), texts(captions(z[rows], generator)))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        if step % 100 == 0:
            print(f"seed {seed}, step {step}: loss {loss.detach():.2f}", flush=True)
    seconds = time.process_time() - begun
    row = {"pairs": found_pairs(texts, pictures, held, folder), "seconds": seconds}
    row["told"] = told_apart(texts, pictures, held, folder)
    print(row, flush=True)
    torch.save((texts.state_dict(), pictures.state_dict(), row), folder / f"encoders{seed}.pt")


@torch.no_grad()
def found_pairs(texts: TextEncoder, pictures: PictureEncoder, held: Heads, folder: Path) -> float:
    """How often a picture of someone else finds its caption among ten that differ. Chance is 0.1."""
    said = captions(unusual(held.measures, folder), np.random.default_rng(7))
    shown, right, count = pictures(held.pictures.float() / 255), 0, 0
    for k in range(len(said)):
        others = [one for one in dict.fromkeys(said[k + 1 :] + said[:k]) if one != said[k]][:9]
        right += int((texts([said[k], *others]) @ shown[k]).argmax()) == 0
        count += 1
    return right / count


@torch.no_grad()
def told_apart(texts: TextEncoder, pictures: PictureEncoder, held: Heads, folder: Path) -> dict[str, float]:
    """For each attribute, how often of two heads the one with clearly more of it is nearer to its sentence."""
    z, shown = unusual(held.measures, folder), pictures(held.pictures.float() / 255)
    found = {}
    for k, (name, one) in enumerate(ATTRIBUTES.items()):
        move = texts([sentence([one.more[0]])])[0] - texts([PLAIN])[0]
        score = shown @ move
        much, little = score[z[:, k] > 0.8], score[z[:, k] < 0.0]
        found[name] = float((much[:, None] > little).float().mean())
    return found


class Trained(NamedTuple):
    """The two encoders of a seed, frozen."""

    texts: TextEncoder
    pictures: PictureEncoder

    def move(self, phrases: list[list[str]]) -> Tensor:
        """Where sentences of these phrases point, (N, 32), from the plain caption."""
        with torch.no_grad():
            return self.texts([sentence(some) for some in phrases]) - self.texts([PLAIN])


def encoders(folder: Path, seed: int) -> Trained:
    texts, pictures = TextEncoder(), PictureEncoder()
    first, second, _ = torch.load(folder / f"encoders{seed}.pt")
    texts.load_state_dict(first)
    pictures.load_state_dict(second)
    return Trained(texts.eval().requires_grad_(False), pictures.eval().requires_grad_(False))


def phrase(name: str) -> str:
    return ATTRIBUTES[name].more[0]


def learn(
    space: HeadSpace, known: Trained, names: tuple[str, ...], seed: int, steps: int, people: int,
    keep: float = KEEP, contrast: float = 0.5, text: bool = True,
) -> tuple[TextEditor, float]:  # fmt: skip
    """Train an editor on some edits of many people, each seen from one side at random. Returns it and CPU seconds."""
    torch.manual_seed(seed)
    generator, begun = np.random.default_rng(seed), time.process_time()
    editor, moves = TextEditor(text=text), known.move([[phrase(name)] for name in names])
    optimiser = torch.optim.Adam(editor.parameters(), EDIT_RATE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, EDIT_RATE, steps)
    for step in range(1, steps + 1):
        loss = torch.zeros(())
        for _ in range(people):
            person, yaw = space.person(int(generator.integers(10_000, 90_000))), generator.uniform(-TURNED, TURNED)
            w = acting(person, generator) if generator.random() < 0.5 else person.w
            after = w + editor(moves, w.expand(len(names), -1))
            with torch.no_grad():
                start = known.pictures(space.picture(person.base, w, person.tone, yaw)[None])
            shown = torch.stack([space.picture(person.base, one, person.tone, yaw) for one in after])
            moved = known.pictures(shown) - start
            lost = torch.stack([space.identity_lost(person.base, w, one).square() for one in after]).mean()
            loss = loss + directional_loss(moved, moves) + keep * lost
            if len(names) > 1 and contrast:
                loss = loss + contrast * contrast_loss(moved, moves)
        optimiser.zero_grad()
        (loss / people).backward()
        optimiser.step()
        schedule.step()
        if step % 15 == 0:
            print(f"{names}, seed {seed}, step {step}: loss {float(loss.detach()) / people:.2f}", flush=True)
    return editor.eval().requires_grad_(False), time.process_time() - begun


def edit(folder: Path, seed: int) -> None:
    """One editor for all six, one for each, one that need not keep the person; what lies there is not made again."""
    space, known = HeadSpace(asm.load_head()), encoders(folder, seed)

    def kept(name: str, make: Callable[[], object]) -> None:
        if not (path := folder / f"{name}{seed}.pt").exists():
            torch.save(make(), path)

    def state(names: tuple[str, ...], steps: int, people: int, **how: Any) -> tuple[dict[str, Tensor], float]:
        net, seconds = learn(space, known, names, seed, steps, people, **how)
        return net.state_dict(), seconds

    kept("one", lambda: state(EDITS, EDIT_STEPS, PEOPLE))
    kept("each", lambda: [state((name,), EDIT_STEPS, PEOPLE, text=False) for name in EDITS])
    kept("free", lambda: state(EDITS, EDIT_STEPS, PEOPLE, keep=0.0))


Step = Callable[[str, Person], Tensor]  # of an edit by its attribute


def editors(folder: Path, seed: int, known: Trained) -> dict[str, tuple[Step, float]]:
    """Those that were trained, and a straight line through the measured attributes, as steps; and CPU seconds."""

    def by_text(path: Path) -> tuple[Step, float]:
        state, seconds = torch.load(path)
        net = TextEditor()
        net.load_state_dict(state)
        return lambda name, person: net(known.move([[phrase(name)]]), person.w[None])[0], seconds

    begun = time.process_time()
    heads = load(folder, "heads")
    inputs = torch.cat([heads.w, torch.ones(len(heads.w), 1)], 1)
    slopes = torch.linalg.lstsq(inputs, heads.measures).solution[:-1].T  # (8, 37) mm
    lines = STRENGTH * torch.nn.functional.normalize(slopes, dim=1)
    found: dict[str, tuple[Step, float]] = {
        way: by_text(path) for way in ("one", "free") if (path := folder / f"{way}{seed}.pt").exists()
    }
    found["line"] = (lambda name, person: lines[COLUMNS.index(name)], time.process_time() - begun)
    if (path := folder / f"each{seed}.pt").exists():
        nets: dict[str, TextEditor] = {}
        for name, (state, _) in zip(EDITS, stored := torch.load(path), strict=True):
            nets[name] = TextEditor(text=False)
            nets[name].load_state_dict(state)
        found["each"] = (
            lambda name, person: nets[name](person.w[:0], person.w[None])[0],
            sum(seconds for _, seconds in stored),
        )
    return found


@torch.no_grad()
def tried(space: HeadSpace, step: Step, name: str, spread: Tensor, sign: int = 1) -> dict[str, float]:
    """What an edit does to people at rest: mm gained, the same in standard deviations, others, mm of identity lost."""
    gained, lost = [], []
    for number in TRIED:
        person = space.person(number)
        after = person.w + step(name, person)
        gained.append(space.measures(person.base, after) - space.measures(person.base, person.w))
        lost.append(float(space.identity_lost(person.base, person.w, after)))
    own, mean = COLUMNS.index(name), torch.stack(gained).mean(0)
    others = (mean / spread).abs()[[k for k in range(len(COLUMNS)) if k != own]].mean()
    return {
        "mm": sign * float(mean[own]),
        "deviations": sign * float(mean[own] / spread[own]),
        "others": float(others),
        "lost": float(np.mean(lost)),
    }


def unseen(space: HeadSpace, folder: Path, seed: int, known: Trained, spread: Tensor) -> dict[str, object]:
    """What the one editor does with sentences that it, or the encoder, never met."""
    state, _ = torch.load(folder / f"one{seed}.pt")
    net = TextEditor()
    net.load_state_dict(state)

    def by(some: list[str]) -> Step:
        return lambda name, person: net(known.move([some]), person.w[None])[0]

    found: dict[str, object] = {}
    for name, one in ATTRIBUTES.items():
        if name in UNSEEN:
            found[one.more[0]] = tried(space, by([one.more[0]]), name, spread)
        if name not in UNSEEN and one.less:
            found[one.less[0]] = tried(space, by([one.less[0]]), name, spread, -1)
    for pair in (("smile", "raised brows"), ("smile", "full lips")):
        some = [phrase(name) for name in pair]
        found[" and ".join(some)] = [tried(space, by(some), name, spread) for name in pair]
    return found


def views(space: HeadSpace, known: Trained) -> dict[str, float]:
    """How far heads disagree that were edited for each of three sides alone; mm of the skin, one person, two edits."""
    apart = []
    for number in TRIED[:1]:
        person = space.person(number)
        for name in ("smile", "wide nose"):
            move = known.move([[phrase(name)]])[0]
            steps = [steer(space, known.pictures, move, person, (yaw,)) for yaw in SIDES]
            skins = torch.stack([space.vertices(person.base, person.w + one)[space.face] for one in steps])
            pairs = [(0, 1), (0, 2), (1, 2)]
            apart.append(np.mean([float((skins[a] - skins[b]).square().sum(1).mean().sqrt()) for a, b in pairs]))
    return {"apart": float(np.mean(apart))}


@torch.no_grad()
def agreement(space: HeadSpace, known: Trained, step: Step) -> dict[str, list[float]]:
    """The cosine of what a picture and its sentence say, from three sides, for each edit of the one editor."""
    found: dict[str, list[float]] = {}
    for name in EDITS:
        move, rows = known.move([[phrase(name)]])[0], []
        for number in TRIED[:4]:
            person = space.person(number)
            pair = [person.w, person.w + step(name, person)]
            shown = [[space.picture(person.base, w, person.tone, yaw) for w in pair] for yaw in SIDES]
            moved = [known.pictures(torch.stack(some)).diff(dim=0)[0] for some in shown]
            rows.append(torch.nn.functional.cosine_similarity(torch.stack(moved), move[None], dim=1))
        found[name] = torch.stack(rows).mean(0).tolist()
    return found


def packed(x: Tensor) -> np.ndarray:
    """A weight in half precision with 7 of its 10 digits, so that the file packs well."""
    return ((x.half().view(torch.int16) + 4) & ~7).view(torch.float16).numpy()


def record(folder: Path) -> None:
    """All that the lesson prints of the seeds that lie in the folder, and the weights of the first."""
    space, spread = HeadSpace(asm.load_head()), load(folder, "heads").measures.std(0)
    found: dict[str, Any] = {}
    for seed in SEEDS:
        if not (folder / f"one{seed}.pt").exists():
            continue
        known, row = encoders(folder, seed), torch.load(folder / f"encoders{seed}.pt")[2]
        found.setdefault("encoders", []).append(row)
        ways = editors(folder, seed, known)
        for way, (step, seconds) in ways.items():
            edits = {name: tried(space, step, name, spread) for name in EDITS}
            found.setdefault(way, []).append({"edits": edits, "seconds": seconds})
        found.setdefault("unseen", []).append(unseen(space, folder, seed, known, spread))
        found.setdefault("agreement", []).append(agreement(space, known, ways["one"][0]))
        found.setdefault("views", []).append(views(space, known))
        print(seed, found["views"][-1], flush=True)
    found["heads"] = len(load(folder, "heads").w)
    found["spread"] = dict(zip(COLUMNS, spread.tolist(), strict=True))
    rounded = json.loads(json.dumps(found), parse_float=lambda text: round(float(text), 4))
    (DATA / "text_editor.json").write_text(json.dumps(rounded, indent=1) + "\n", "utf-8")
    known = encoders(folder, 0)
    state, _ = torch.load(folder / "one0.pt")
    nets = {"texts": known.texts.state_dict(), "pictures": known.pictures.state_dict(), "editor": state}
    weights = {f"{name}/{k}": packed(x) for name, net in nets.items() for k, x in net.items()}
    np.savez_compressed(DATA / "text_editor.npz", **weights)


if __name__ == "__main__":
    torch.set_num_threads(1)
    what, folder, *rest = sys.argv[1:]
    Path(folder).mkdir(exist_ok=True)
    {"draw": draw, "encode": encode, "edit": edit, "record": record}[what](Path(folder), *map(int, rest))
