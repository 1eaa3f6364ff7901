"""Train the networks of lesson 16 on drawn mouths, and record what they find.

    python data/recipe/mouths.py readers FOLDER      # three lip readers A and one other, B -> FOLDER
    python data/recipe/mouths.py fits FOLDER         # films fitted with each loss, scored by A and by B
    python data/recipe/mouths.py encoders FOLDER SEED  # encoders that learn through a painter, by pixels shown
    python data/recipe/mouths.py photographs FOLDER  # what the encoders say about the 98 photographs of `london-smiles`
    python data/recipe/mouths.py record FOLDER       # -> mouths.npz (weights) and mouths.json (numbers)

The phones are those of the asset `librivox-speech`. No photograph is stored.
One thread takes two minutes for the readers, one for the fits, and three and a half for the encoders of a seed.
"""

from __future__ import annotations

import json
import sys
import time
from copy import deepcopy
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

import asm_teach as asm
from asm_teach.base.arrays import load_npz
from asm_teach.beyond.drawn_faces import FRONT, face_camera
from asm_teach.beyond.face_crops import crop_frame, crop_photograph
from asm_teach.beyond.mouth.films import (
    NOISE,
    Film,
    Weights,
    detected,
    draw_film,
    film_times,
    fit_film,
    looks_by_lot,
    phones_by_lot,
    spoken,
)
from asm_teach.beyond.mouth.lip_readers import LipReader, OtherLipReader, windows
from asm_teach.beyond.mouth.mouth_crops import LEFT, SHAPES, SIDE, TOP, load_mouth
from asm_teach.beyond.mouth.painting import (
    Encoder,
    Painter,
    carried,
    closing,
    cycle_loss,
    geometry,
    obedience,
    other_amounts,
)
from asm_teach.beyond.speech.sentence import SILENCE, Timed, read_phones
from asm_teach.data.assets import asset_path
from asm_teach.formats.pictures import read_picture
from asm_teach.rendering.shading import harmonics

DATA = Path(__file__).parents[1]
SEEDS = (0, 1, 2)
SENTENCES = ("0890", "0880", "0930")  # one for each seed, and how often phones come is learned from two others:
OTHERS = ("0870", "0920")
CORNERS = [61, 291]  # of the mouth, MediaPipe's
COUNT = 34  # crops of a film that is fitted: 30 that lip readers read, and two at each end


def sentence(number: str) -> list[Timed]:
    name = f"sense_and_sensibility_01_austen_64kb-{number}.phone.json"
    return read_phones(asset_path("librivox-speech", name, progress=False))[1]


# -- lip readers


def lesson_films(people: range, count: int, seed: int) -> tuple[Tensor, Tensor]:
    """Films of five crops (N, 5, 32, 32), and what is spoken in the middle of each (N,)."""
    head, generator = asm.load_head(), np.random.default_rng(seed)
    mouth, films, truth = load_mouth(head), [], []
    names = [phone.name for number in OTHERS for phone in sentence(number) if phone.name != SILENCE]
    for _ in range(count):
        person = int(generator.integers(people.start, people.stop))
        looks = looks_by_lot(head, mouth, person, generator, bool(generator.random() < 0.8))
        film = draw_film(mouth, looks, phones_by_lot(generator, 0.9, names), film_times(0.05, 20), generator)
        films.append(windows(film.crops))
        truth.append(film.visemes[2:-2])
    return torch.cat(films), torch.cat(truth)


def shaken(films: Tensor, generator: torch.Generator) -> Tensor:
    """Films placed a little differently, mirrored, with another contrast and noise."""
    n = len(films)
    place = torch.eye(2, 3).repeat(n, 1, 1) * (1 + 0.06 * torch.randn(n, 1, 1, generator=generator))
    place[:, :, 2] = 0.06 * torch.randn(n, 2, generator=generator)
    place[torch.rand(n, generator=generator) < 0.5, 0] *= -1
    grid = F.affine_grid(place, list(films.shape), align_corners=False)
    films = F.grid_sample(films, grid, padding_mode="border", align_corners=False).clamp_min(1e-3)
    films = films ** (0.3 * torch.randn(n, 1, 1, 1, generator=generator)).exp()
    return films + 0.02 * torch.randn(films.shape, generator=generator)


def learn_to_read(net: nn.Module, films: Tensor, truth: Tensor, seed: int, steps: int = 450) -> None:
    generator = torch.Generator().manual_seed(seed)
    optimiser = torch.optim.AdamW(net.parameters(), weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 5e-3, steps)
    net.train()
    for _ in range(steps):
        rows = torch.randint(len(films), (64,), generator=generator)
        loss = F.cross_entropy(net(shaken(films[rows], generator)), truth[rows])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
    net.eval()


def readers(folder: Path) -> None:
    """Three readers A that differ by their seeds, and B, which knows other people and is built otherwise."""
    folder.mkdir(exist_ok=True)
    seen = {"a": lesson_films(range(150), 200, 0), "b": lesson_films(range(150, 300), 200, 99)}
    shares: dict[str, float] = {}
    print(f"films drawn: {time.process_time():.0f} s", flush=True)
    for name, seed in (("a0", 0), ("b", 99), ("a1", 1), ("a2", 2)):
        begin = time.process_time()
        torch.manual_seed(seed)
        net = OtherLipReader() if name == "b" else LipReader()
        learn_to_read(net, *seen[name[0]], seed)
        torch.save(net.state_dict(), folder / f"{name}.pt")
        shares[name] = test_share(net)
        (folder / "readers.json").write_text(json.dumps(shares))
        print(shares, f"{time.process_time() - begin:.0f} s", flush=True)


@torch.no_grad()
def test_share(net: nn.Module) -> float:
    """The share of visemes that a reader gets right in three real sentences, of people whom no reader knows."""
    films = [test_film(seed, 450, True, 60)[0] for seed in SEEDS]
    right = torch.cat([net(windows(film.crops)).argmax(1) == film.visemes[2:-2] for film in films])
    return round(float(right.double().mean()), 3)


def reader(folder: Path, name: str) -> nn.Module:
    net = OtherLipReader() if name == "b" else LipReader()
    net.load_state_dict(torch.load(folder / f"{name}.pt", weights_only=True))
    return net.eval()


# -- films, fitted


def test_film(seed: int, person: int, own_skin: bool, count: int = COUNT) -> tuple[Film, Tensor]:
    """A film of a person whom no reader knows, and what a detector says of it; real times of phones."""
    head, generator = asm.load_head(), np.random.default_rng(1000 + 10 * seed + person)
    mouth, phones = load_mouth(head), sentence(SENTENCES[seed])
    latest = phones[-1].end - count / 25 - 0.2
    begin = float(generator.uniform(0.2, max(latest, 0.21)))
    looks = looks_by_lot(head, mouth, person, generator, own_skin)
    film = draw_film(mouth, looks, phones, film_times(begin, count), generator)
    points = mouth.marks(mouth.vertices(film.amounts, film.view.rest), film.view.matrix)
    return film, detected(points, generator)


LOSSES = {
    "landmarks": Weights(1),
    "and distances": Weights(1, 1),
    "and photometric": Weights(1, 1, 60),
    "and lip reader": Weights(1, 1, 0, 20),
}


def fits(folder: Path) -> None:
    """Two films a seed, one in the head's own skin and one in another, fitted with each sum of losses."""
    head, other, found = asm.load_head(), reader(folder, "b"), {}
    mouth = load_mouth(head)
    for own_skin in (False, True):
        for seed in SEEDS:
            film, points = test_film(seed, 400 + seed, own_skin)
            own = reader(folder, f"a{seed}")
            for name, weights in {"rest": None, **LOSSES, "truth": None}.items():
                begin = time.process_time()
                if weights is None:
                    amounts = film.amounts * (name == "truth")
                else:
                    amounts = fit_film(mouth, film, points, weights, own, 25)
                row = scores(film, amounts, own, other) | {"seconds": round(time.process_time() - begin, 1)}
                found[f"{'another' if own_skin else 'own'} skin, {name}, {seed}"] = row
                print(own_skin, seed, name, row, flush=True)
    (folder / "fits.json").write_text(json.dumps(found))


@torch.no_grad()
def scores(film: Film, amounts: Tensor, own: LipReader, other: nn.Module) -> dict[str, float]:
    """What a fit is worth: by the true amounts, and by what two lip readers see in it, drawn in the head's own skin."""
    mouth = load_mouth(asm.load_head())
    fitted, true = (windows(mouth.draw(x, film.view, mouth.skin(), film.light)) for x in (amounts, film.amounts))
    spoken_there = film.visemes[2:-2]
    moved = mouth.vertices(amounts - film.amounts, torch.zeros_like(film.view.rest))
    target = own.features(windows(film.crops))
    row = {
        "error": 100 * (amounts - film.amounts).abs().mean(),
        "mm": mouth.landmarks.points(moved, mouth.faces).norm(dim=-1).mean(),
        "distance": (1 - torch.cosine_similarity(own.features(fitted), target, dim=1)).mean(),
    }
    for name, net in (("A", own), ("B", other)):
        said, ideal, seen = (net(x).argmax(1) for x in (fitted, true, windows(film.crops)))
        row[f"{name} right"] = (said == spoken_there).double().mean()
        row[f"{name} as film"] = (said == seen).double().mean()
        row[f"{name} as truth"] = (said == ideal).double().mean()
    return {key: round(float(value), 4) for key, value in row.items()}


# -- encoders that learn through a painter


KINDS = ("everyday", "one-sided", "rare")
SHOWN = (100, 500, 10, 300)  # pixels of 1,024; first what the lesson needs most, should a run be cut short
BATCH, WARM, STEPS = 16, 20, 80
KEPT = 0.2  # of the loss by landmarks of everyday pictures, which stays beside all others
FEW = 100  # of the encoder and the painter that are stored; beside them a painter that was shown most, without a cycle
EVEN = (0.34, 0.33, 0.33)


class Wild(NamedTuple):
    """Pictures (N, 32, 32) of unknown skin and light, true amounts (N, 16), kinds (N,), who it is and who looks."""

    crops: Tensor
    amounts: Tensor
    kinds: Tensor
    rest: Tensor
    matrices: Tensor


def expression(kind: int, generator: np.random.Generator) -> Tensor:
    """(16,) amounts: both sides alike (speech, or a smile), one side alone, or three shapes that seldom meet."""
    numbers = torch.zeros(16)
    if kind == 0 and generator.random() < 0.5:
        return spoken(phones_by_lot(generator, 1.0), torch.tensor([0.5]))[0]
    if kind == 0:
        numbers[6:8] = generator.uniform(0.1, 0.9)
        numbers[10:12] = generator.uniform(0, 0.4)
        numbers[12:14] = generator.uniform(0, 0.4)
        numbers[0] = max(0.0, generator.uniform(-0.2, 0.3))
    elif kind == 1:
        for k in generator.choice([4, 6, 8, 10, 12], 2, replace=False):
            numbers[k + generator.integers(2)] = generator.uniform(0.3, 1)
        numbers[0] = max(0.0, generator.uniform(-0.2, 0.3))
    else:
        numbers[generator.choice(16, 3, replace=False)] = torch.from_numpy(generator.uniform(0.4, 1, 3)).float()
    return closing(numbers[None])[0]


def draw_wild(count: int, people: range, shares: tuple[float, float, float], seed: int) -> Wild:
    """Mouths of everyday, one-sided and rare expressions in these shares; people, skins and lights by lot."""
    head, generator = asm.load_head(), np.random.default_rng(seed)
    mouth, seen, rows = load_mouth(head), [], []
    for _ in range(count):
        kind = int(generator.choice(3, p=shares))
        person = int(generator.integers(people.start, people.stop))
        rows.append((kind, expression(kind, generator)))
        seen.append(looks_by_lot(head, mouth, person, generator))
    amounts = torch.stack([row[1] for row in rows])
    rest, matrices = torch.stack([one.view.rest for one in seen]), torch.stack([one.view.matrix for one in seen])
    albedo, light = torch.stack([one.albedo for one in seen]), torch.stack([one.light for one in seen])
    pieces = []
    for part in torch.arange(count).split(BATCH):
        vertices = mouth.vertices(amounts[part], rest[part])
        pieces.append(mouth.paint(vertices, matrices[part], mouth.lit(vertices, albedo[part], light[part]))[:, 0])
    crops = torch.cat(pieces)
    crops = crops + 0.015 * torch.randn(crops.shape, generator=torch.Generator().manual_seed(seed))
    return Wild(crops.clamp(0, 1), amounts, torch.tensor([row[0] for row in rows]), rest, matrices)


def by_landmarks(wild: Wild, points: Tensor, seed: int, steps: int = 500) -> Encoder:
    """An encoder that learned from a detector's landmarks of the everyday pictures alone."""
    torch.manual_seed(seed)
    mouth, net, generator = load_mouth(asm.load_head()), Encoder(), torch.Generator().manual_seed(seed)
    everyday = (wild.kinds == 0).nonzero()[:, 0]
    optimiser = torch.optim.AdamW(net.parameters(), weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 3e-3, steps)
    for _ in range(steps):
        rows = everyday[torch.randint(len(everyday), (32,), generator=generator)]
        amounts = net(wild.crops[rows])
        marks = mouth.marks(mouth.vertices(amounts, wild.rest[rows]), wild.matrices[rows])
        step(optimiser, (marks - points[rows]).square().sum(-1).mean() + 0.3 * amounts.mean())
        schedule.step()
    return net


def by_points(vertices: Tensor, wild: Wild, points: Tensor, rows: Tensor) -> Tensor:
    """What a detector's landmarks say of the everyday pictures among some rows."""
    mouth, everyday = load_mouth(asm.load_head()), (wild.kinds[rows] == 0).float()
    away = (mouth.marks(vertices, wild.matrices[rows]) - points[rows]).square().sum(-1).mean(1)
    return KEPT * (away * everyday).mean()


def by_truth(wild: Wild, seed: int, steps: int = 1000) -> Encoder:
    """An encoder that was told the true amounts of all pictures: what is possible here."""
    torch.manual_seed(seed)
    net, generator = Encoder(), torch.Generator().manual_seed(seed)
    optimiser = torch.optim.AdamW(net.parameters(), weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 3e-3, steps)
    for _ in range(steps):
        rows = torch.randint(len(wild.crops), (32,), generator=generator)
        step(optimiser, (net(wild.crops[rows]) - wild.amounts[rows]).square().mean())
        schedule.step()
    return net


def by_rendering(net: Encoder, wild: Wild, points: Tensor, seed: int) -> Encoder:
    """Go on by pictures, drawn in the head's own skin; the light that suits best is solved for in closed form."""
    mouth, generator = load_mouth(asm.load_head()), torch.Generator().manual_seed(seed)
    optimiser = torch.optim.Adam(net.parameters(), 1e-3)
    for _ in range(STEPS):
        rows = torch.randint(len(wild.crops), (BATCH,), generator=generator)
        crops = wild.crops[rows]
        amounts = net(crops)
        vertices = mouth.vertices(amounts, wild.rest[rows])
        parts = mouth.skin()[:, None] * harmonics(mouth.normals(vertices))
        columns = mouth.paint(vertices, wild.matrices[rows], parts).flatten(2).mT  # (N, 1024, 9)
        gram = columns.mT @ columns + 0.05 * torch.eye(9)
        light = torch.linalg.solve(gram, columns.mT @ crops.flatten(1)[..., None])
        drawn = (columns @ light)[..., 0]
        kept = by_points(vertices, wild, points, rows)
        step(optimiser, 10 * (drawn - crops.flatten(1)).abs().mean() + 0.05 * amounts.mean() + kept)
    return net


def by_painting(net: Encoder, painter: Painter, wild: Wild, points: Tensor, shown: int, cycle: bool, seed: int) -> None:
    """Go on by pictures that a painter makes of geometry and some pixels; with the cycle, or without it."""
    mouth, generator = load_mouth(asm.load_head()), torch.Generator().manual_seed(seed)
    own, its = torch.optim.Adam(net.parameters(), 1e-3), torch.optim.Adam(painter.parameters(), 4e-3)
    for count in range(WARM + STEPS):
        rows = torch.randint(len(wild.crops), (BATCH,), generator=generator)
        crops, seen = wild.crops[rows], (wild.rest[rows], wild.matrices[rows])
        amounts = net(crops)
        if count < WARM:
            amounts = amounts.detach()
        now = mouth.vertices(amounts, seen[0])
        painted = painter(geometry(mouth, now, seen[1]), *carried(mouth, crops, now, now, seen[1], shown, generator))
        loss = 10 * (painted - crops).abs().mean() + 0.05 * amounts.mean() + by_points(now, wild, points, rows)
        step((own, its) if count >= WARM else its, loss, (own, its))
        if cycle and count >= WARM:
            with torch.no_grad():
                wanted = other_amounts(amounts, generator)
                then = mouth.vertices(wanted, seen[0])
                picture = geometry(mouth, then, seen[1])
                moved = carried(mouth, crops, now, then, seen[1], shown, generator)
            loss = 10 * cycle_loss(net(painter(picture, *moved)), wanted)
            step(own if count % 2 else its, loss, (own, its))


def step(
    optimisers: torch.optim.Optimizer | tuple[torch.optim.Optimizer, ...],
    loss: Tensor,
    cleared: tuple[torch.optim.Optimizer, ...] = (),
) -> None:
    """One step of some optimisers; the gradients of those in `cleared` are thrown away too."""
    chosen = optimisers if isinstance(optimisers, tuple) else (optimisers,)
    for one in (*chosen, *cleared):
        one.zero_grad()
    loss.backward()
    for one in chosen:
        one.step()


@torch.no_grad()
def errors(amounts: Tensor, wild: Wild) -> list[float]:
    """How far the twenty points of the lips are off, mm, for each of `KINDS`."""
    mouth = load_mouth(asm.load_head())
    moved = mouth.vertices(amounts - wild.amounts, torch.zeros_like(wild.rest))
    away = mouth.landmarks.points(moved, mouth.faces).norm(dim=-1).mean(1)
    return [round(float(away[wild.kinds == kind].mean()), 3) for kind in range(3)]


@torch.no_grad()
def obeys(painter: Painter, judge: Encoder, wild: Wild, shown: int) -> float:
    """How much of a change that is asked of the painter a judge sees in its pictures, 0 to 1: a slope."""
    mouth, generator = load_mouth(asm.load_head()), torch.Generator().manual_seed(5)
    rows = torch.arange(64)
    now = mouth.vertices(wild.amounts[rows], wild.rest[rows])
    asked = wild.amounts[rows].roll(1, 0)
    then = mouth.vertices(asked, wild.rest[rows])
    pixels = carried(mouth, wild.crops[rows], now, now, wild.matrices[rows], shown, generator)
    said = [judge(painter(geometry(mouth, v, wild.matrices[rows]), *pixels)) for v in (now, then)]
    change, seen = asked - wild.amounts[rows], said[1] - said[0]
    return round(float(obedience(change, seen)), 3)


def pictures_of(folder: Path) -> tuple[Wild, Wild]:
    """The pictures to learn from and those to test with; drawn once, for all seeds."""
    kept = folder / "wild.pt"
    if not kept.exists():
        drawn = draw_wild(1200, range(300), (0.7, 0.15, 0.15), 11), draw_wild(300, range(300, 400), EVEN, 12)
        torch.save([tuple(one) for one in drawn], kept)
    learnt, test = torch.load(kept, weights_only=True)
    return Wild(*learnt), Wild(*test)


def encoders(folder: Path, seed: int) -> None:
    """Each way to continue from the landmarks, with one seed; what becomes of them into two files."""
    mouth = load_mouth(asm.load_head())
    wild, test = pictures_of(folder)
    points = mouth.marks(mouth.vertices(wild.amounts, wild.rest), wild.matrices)
    points = points + NOISE * torch.randn(points.shape, generator=torch.Generator().manual_seed(1))
    told = by_truth(wild, seed)
    start = by_landmarks(wild, points, seed)
    found: dict[str, dict[str, object]] = {
        "rest": {"errors": errors(0 * test.amounts, test)},
        "told": {"errors": errors(told(test.crops), test)},
        "landmarks": {"errors": errors(start(test.crops), test)},
    }
    print(seed, found, f"{time.process_time():.0f} s", flush=True)
    nets: dict[str, nn.Module] = {"encoder told": told, "encoder landmarks": start}
    begin = time.process_time()
    photometric = nets["encoder photometric"] = by_rendering(deepcopy(start), wild, points, seed)
    found["photometric"] = {"errors": errors(photometric(test.crops), test), "seconds": time.process_time() - begin}
    print(found["photometric"], flush=True)
    for shown in SHOWN:
        for cycle, name in enumerate(both_ways(shown)):
            begin = time.process_time()
            torch.manual_seed(seed)
            net, painter = deepcopy(start), Painter()
            by_painting(net, painter, wild, points, shown, bool(cycle), seed)
            found[name] = {
                "errors": errors(net(test.crops), test), "seconds": time.process_time() - begin,
                "obedience": obeys(painter, told, test, shown),
            }  # fmt: skip
            nets |= {f"encoder {name}": net, f"painter {name}": painter}
            print(seed, name, found[name], flush=True)
            torch.save({name: net.state_dict() for name, net in nets.items()}, folder / f"encoders{seed}.pt")
            (folder / f"encoders{seed}.json").write_text(json.dumps(found))


# -- photographs


def photographs(folder: Path) -> None:
    """How well encoders find the motion of the mouth's corners from a calm to a smiling photograph, millimetres."""
    head = asm.load_head()
    camera = face_camera(head, head.mesh.vertices, FRONT)
    lips = head.dense_landmarks.subset(CORNERS)
    scale = float(camera.depth(lips.points(head.mesh.vertices, head.mesh.faces)).mean() / camera.focal)  # mm a pixel
    pictures, places = corners_of_photographs(folder)
    moved = scale * (places[:, 1] - places[:, 0])  # (49, L, 2)
    others = (moved.sum(0) - moved) / (len(moved) - 1)
    away = {"rest": moved, "the others' mean": moved - others}
    for seed in SEEDS:
        kept = torch.load(folder / f"encoders{seed}.pt", weights_only=True)
        for name in ("landmarks", "told", "photometric", *both_ways(FEW)):
            net = Encoder()
            net.load_state_dict(kept[f"encoder {name}"])
            with torch.no_grad():
                amounts = net.eval()(pictures)
            seen = [
                camera.project(
                    lips.points(head.mesh.vertices + head.offsets(expressions=dict(zip(SHAPES, row, strict=True))),
                                head.mesh.faces)
                )
                for row in amounts.tolist()
            ]  # fmt: skip
            motion = torch.stack(seen).reshape(moved.shape[0], 2, len(CORNERS), 2)
            away[f"{name}, {seed}"] = moved - scale * (motion[:, 1] - motion[:, 0])
    found = {name: round(float(x.norm(dim=-1).mean()), 3) for name, x in away.items()}
    print(found)
    (folder / "photographs.json").write_text(json.dumps(found))


def corners_of_photographs(folder: Path) -> tuple[Tensor, Tensor]:
    """Crops (98, 32, 32), and the corners of the mouth (49, 2, 2, 2) in pixels of the square; cut out once."""
    kept = folder / "photographs.pt"
    if not kept.exists():
        found = torch.from_numpy(load_npz(DATA / "smiles.npz")["points"].astype(np.float64)) / 10
        crops, names = [], load_npz(DATA / "smiles.npz")["people"].tolist()
        for person, points in zip(names, found, strict=True):
            for kind, places in zip(("03", "08"), points, strict=True):
                image = read_picture(asset_path("london-smiles", f"{person}_{kind}.jpg", progress=False))
                crops.append(crop_photograph(image, places[:5])[TOP:, LEFT : LEFT + SIDE])
        turn, shift = crop_frame(found[:, :, :5])
        corners = torch.view_as_complex(found[:, :, 5:].contiguous())
        corners = torch.view_as_real(turn[..., None] * corners + shift[..., None])
        torch.save((torch.stack(crops).float(), 64 * corners), kept)
    pictures, places = torch.load(kept, weights_only=True)
    return pictures, places


def both_ways(level: int) -> tuple[str, str]:
    """Under which names a run keeps what was found without the cycle, and with it."""
    return f"{level}", f"{level}, cycle"


def finished(runs: list[dict[str, dict[str, object]]]) -> list[int]:
    """From few to many, the numbers of shown pixels that the runs of all seeds have reached, in both ways."""
    levels = sorted(level for level in SHOWN if all(name in run for run in runs for name in both_ways(level)))
    if FEW not in levels:
        raise ValueError(f"encoders: not all seeds have finished {FEW} pixels; let `encoders` run on for each seed")
    return levels


def record(folder: Path) -> None:
    """The networks that the lesson loads, and all numbers."""
    runs = [json.loads((folder / f"encoders{seed}.json").read_text()) for seed in SEEDS]
    levels = finished(runs)
    stored = {"A": reader(folder, "a2").state_dict(), "B": reader(folder, "b").state_dict()}
    kept = torch.load(folder / "encoders0.pt", weights_only=True)
    stored["encoder landmarks"] = kept["encoder landmarks"]
    stored["encoder cycle"] = kept[f"encoder {FEW}, cycle"]
    stored |= {"painter plain": kept[f"painter {levels[-1]}"], "painter cycle": kept[f"painter {FEW}, cycle"]}
    arrays = {f"{name}/{key}": x.half().numpy() for name, net in stored.items() for key, x in net.items()}
    np.savez_compressed(DATA / "mouths.npz", **arrays)
    left_out = [name for level in SHOWN if level not in levels for name in both_ways(level)]
    runs = [{name: row for name, row in run.items() if name not in left_out} for run in runs]
    test = pictures_of(folder)[1]
    for seed, run in zip(SEEDS, runs, strict=True):
        told = Encoder().eval()
        told.load_state_dict(torch.load(folder / f"encoders{seed}.pt", weights_only=True)["encoder told"])
        with torch.no_grad():
            said = told(test.crops)
        run["told"]["judge"] = round(float(obedience(*(x - x.mean(0) for x in (test.amounts, said)))), 3)
    found = {
        "phones": [[name, begin, end] for name, begin, end in sentence(SENTENCES[-1])],
        "readers": json.loads((folder / "readers.json").read_text()),
        "fits": json.loads((folder / "fits.json").read_text()),
        "levels": levels,
        "encoders": runs,
        "photographs": json.loads((folder / "photographs.json").read_text()),
    }
    (DATA / "mouths.json").write_text(json.dumps(found) + "\n")


if __name__ == "__main__":
    torch.set_num_threads(1)
    command, folder, *rest = sys.argv[1:]
    if command == "readers":
        readers(Path(folder))
    elif command == "fits":
        fits(Path(folder))
    elif command == "encoders":
        encoders(Path(folder), int(rest[0]))
    elif command == "photographs":
        photographs(Path(folder))
    elif command == "record":
        record(Path(folder))
