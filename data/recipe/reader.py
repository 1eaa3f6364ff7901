"""Train the readers of lesson 13 on drawn faces, and record what they say about photographs.

    python data/recipe/reader.py points              # MediaPipe's points of the 98 photographs -> smiles.npz
    python data/recipe/reader.py draw FOLDER         # 2,800 and 400 drawn faces, before light falls on them
    python data/recipe/reader.py train FOLDER SEED   # a reader on them alone; then the same, taught where to look
    python data/recipe/reader.py rivals FOLDER       # the mouth's width, photographs alone, the published network
    python data/recipe/reader.py record FOLDER       # what all readers say -> reader.npz (weights), reader.json

The photographs are those of the asset `london-smiles`; `points` needs `mediapipe==0.10.14`. No photograph is stored:
seven points of each face, and the numbers that readers gave. One thread takes some four minutes a seed.

The rows `plain drawings` of `reader.json` are what this recipe recorded in release 0.2.0: drawn faces differed in their
units, identities and scenes alone, and training took 1,200 steps. `record` carries them over.
"""

from __future__ import annotations

import json
import sys
from functools import lru_cache
from itertools import product
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

import asm_teach as asm
from asm_teach.base.arrays import load_npz
from asm_teach.beyond.action_units import PROTOTYPES, union_map
from asm_teach.beyond.drawn_faces import NUMBERS, facing, on_skin, unit_maps
from asm_teach.beyond.face_crops import SIZE, STEADY, crop_photograph
from asm_teach.beyond.published_reader import SIDE, Weights, read_expression, read_weights
from asm_teach.beyond.reader import Reader, attention_loss, occlusion_maps, standard
from asm_teach.beyond.varied_faces import draw_varied, varied_units
from asm_teach.data.assets import asset_path
from asm_teach.formats.pictures import read_picture
from asm_teach.rendering.camera import Camera
from asm_teach.rendering.shading import harmonics, lamp

DATA = Path(__file__).parents[1]
MOUTH = (61, 291)  # MediaPipe's corners of the mouth
TRAINED, HELD = range(1000), range(1000, 1100)  # people
STEPS, BATCH, RATE = 2400, 48, 4e-3
SMILES_COUNT = 3.0  # times another unit in the loss: the photographs show smiles
LIGHTS = 3  # in how many each drawn face is shown
MORE_STEPS, MORE_RATE = 150, 1e-3  # with the attention loss, or without it for comparison
LAMBDAS = (0.0, 5.0)
STORED = {0.0: "plain", 5.0: "taught"}
SEEDS = (0, 1, 2)
NINE = (-3, 0, 3)  # pixels: a face is read in nine placements
MARKED = 0.3  # a place belongs to a unit where the skin moves by this share of its largest motion
ENDS = ("-weights_manifest.json", ".bin")  # of the published network's files
SMILE = NUMBERS.index(12)


class Drawn(NamedTuple):
    """Drawn faces before light falls on them: amounts (N, 17), and as whole numbers what `Surface` has."""

    amounts: Tensor
    albedo: Tensor
    normals: Tensor
    covered: Tensor


def points() -> None:
    """Seven points of each photograph: five round the eyes, and the corners of the mouth."""
    from asm_teach.view_fit.face_detector import find_landmarks

    rows = []
    for person in people():
        for kind in ("03", "08"):
            image = read_picture(photograph(person, kind))
            rows.append(find_landmarks(image, f"{person}_{kind}")[list((*STEADY, *MOUTH))])
    found = torch.stack(rows).reshape(-1, 2, 7, 2)
    np.savez_compressed(DATA / "smiles.npz", people=np.array(people()), points=(10 * found).round().short().numpy())


def people() -> list[str]:
    """The numbers of the 49 people."""
    sources = json.loads((DATA / "sources.json").read_text("utf-8"))
    names = [file["name"] for file in sources["assets"]["london-smiles"]["files"]]
    return sorted(name[:3] for name in names if name.endswith("_08.jpg"))


def photograph(person: str, kind: str) -> Path:
    return asset_path("london-smiles", f"{person}_{kind}.jpg", progress=False)


def draw(folder: Path) -> None:
    """2,800 faces of the people that are trained on and 400 of others, into two files."""
    head = asm.load_head()
    for name, seed, count, who in (("held", 51, 400, HELD), ("trained", 1, 2800, TRAINED)):
        generator = np.random.default_rng(seed)
        rows = []
        for _ in range(count):
            person, units = int(generator.integers(who.start, who.stop)), varied_units(generator)
            surface = draw_varied(head, person, units, generator).surface
            rows.append(
                (
                    np.array([units.get(number, 0.0) for number in NUMBERS], np.float32),
                    (255 * surface.albedo).clamp(0, 255).round().byte().numpy(),
                    (127 * surface.normals).round().char().numpy(),
                    (255 * surface.covered).round().byte().numpy(),
                )
            )
        columns = (np.stack(column) for column in zip(*rows, strict=True))
        np.savez(folder / f"{name}.npz", **dict(zip(("amounts", "albedo", "normals", "covered"), columns, strict=True)))


def load(folder: Path, name: str) -> Drawn:
    """What `draw` wrote."""
    return Drawn(*(torch.from_numpy(x) for x in load_npz(folder / f"{name}.npz").values()))


def lights(count: int, seed: int) -> Tensor:
    """(count, 9) lights at random, of one or two lamps, white."""
    generator, found = np.random.default_rng(seed), []
    for _ in range(count):
        light = torch.zeros(9, 3)
        for _ in range(generator.integers(1, 3)):
            towards = [generator.normal(), generator.normal(0.4, 0.7), abs(generator.normal(1, 0.6)) + 0.2]
            strength, ambient = float(generator.uniform(0.15, 0.7)), float(generator.uniform(0.15, 0.45))
            light = light + lamp(torch.tensor(towards).float(), strength, ambient)
        found.append(light[:, 0])
    return torch.stack(found)


def lit(drawn: Drawn, rows: Tensor, generator: torch.Generator, bank: Tensor) -> Tensor:
    """Pictures (n, 64, 64) of some faces in new light, before new walls, with shine and blotches that are not drawn."""
    n = len(rows)
    light, normals = bank[torch.randint(len(bank), (n,), generator=generator)], drawn.normals[rows].float() / 127
    shading = (harmonics(normals) @ light[:, None, :, None])[..., 0].clamp_min(0.02)
    blotches = torch.randn(n, 1, 6, 6, generator=generator), torch.randn(n, 1, 16, 16, generator=generator)
    field = F.interpolate(blotches[0], size=SIZE, mode="bicubic")[:, 0]
    field = field + 0.6 * F.interpolate(blotches[1], size=SIZE, mode="bilinear")[:, 0]
    strength = 0.25 * torch.rand(n, 1, 1, generator=generator)
    skin = drawn.albedo[rows].float() / 255 * shading * (strength * field).exp()
    lamps = torch.randn(n, 3, generator=generator) * torch.tensor([0.5, 0.4, 0.0]) + torch.tensor([0.0, 0.3, 1.0])
    half = F.normalize(F.normalize(lamps, dim=1) + torch.tensor([0.0, 0.0, 1.0]), dim=1)  # between lamp and camera
    shine = (0.5 * torch.rand(n, 1, 1, generator=generator) - 0.2).clamp_min(0)
    sharp = 8 * (2 * torch.rand(n, 1, 1, generator=generator)).exp()
    skin = skin + shine * (normals @ half[:, None, :, None])[..., 0].clamp_min(0) ** sharp
    wall, covered = torch.rand(n, 1, 1, generator=generator), drawn.covered[rows].float() / 255
    return skin * covered + wall * (1 - covered)


class Change(NamedTuple):
    """How far crops are turned, scaled and shifted, how often they are blurred, and by what range of widths, pixels."""

    jitter: float
    blurred: float
    widths: float


AS_LAID = Change(0.03, 0.5, 0.7)  # photographs are laid by the same five points, which a detector finds to about 1 mm
FOR_FEW = Change(0.05, 0.6, 1.0)  # what photographs alone do best with: they are few


def changed(crops: Tensor, generator: torch.Generator, by: Change = AS_LAID) -> Tensor:
    """The same faces placed a little differently, mirrored, blurred, with another contrast and noise."""
    n = len(crops)
    angle, scale = (by.jitter * torch.randn(n, generator=generator) for _ in range(2))
    scale = 1 + scale
    cos, sin = scale * angle.cos(), scale * angle.sin()
    shift = by.jitter * torch.randn(n, 2, generator=generator)
    place = torch.stack([cos, -sin, shift[:, 0], sin, cos, shift[:, 1]], 1).reshape(n, 2, 3)
    place[torch.rand(n, generator=generator) < 0.5, :, 0] *= -1
    grid = F.affine_grid(place, [n, 1, SIZE, SIZE], align_corners=False)
    crops = F.grid_sample(crops[:, None], grid, padding_mode="border", align_corners=False)
    if float(torch.rand(1, generator=generator)) < by.blurred:
        width = by.widths * float(torch.rand(1, generator=generator)) + 0.3
        kernel = (-torch.arange(-2.0, 3).square() / (2 * width**2)).softmax(0)
        crops = F.conv2d(
            F.conv2d(crops, kernel.view(1, 1, 1, 5), padding=(0, 2)), kernel.view(1, 1, 5, 1), padding=(2, 0)
        )
    crops = (crops[:, 0] / crops.amax((2, 3))[..., None]).clamp(1e-3, 1)
    crops = crops ** (0.35 * torch.randn(n, 1, 1, generator=generator)).exp()
    noise = 0.04 * torch.rand(n, 1, 1, generator=generator)
    return crops + noise * torch.randn(crops.shape, generator=generator)


class Lit(NamedTuple):
    """Drawn faces in light: crops (N, 64, 64) as whole numbers, 160 for white, and which units there are (N, 17)."""

    crops: Tensor
    there: Tensor


def in_light(drawn: Drawn, seed: int) -> Lit:
    """Each drawn face in `LIGHTS` lights."""
    generator, bank = torch.Generator().manual_seed(seed), lights(500, 9)
    order = torch.arange(len(drawn.amounts)).repeat(LIGHTS)
    crops = torch.cat([(160 * lit(drawn, rows, generator, bank).clamp(0, 1.59)).byte() for rows in order.split(100)])
    return Lit(crops, (drawn.amounts > 0).float()[order])


def learn(net: Reader, faces: Lit, seed: int, steps: int, rate: float, weight: float = 0.0) -> None:
    """Train a reader to tell which action units there are, with `weight` times the attention loss beside it."""
    generator, maps = torch.Generator().manual_seed(seed), unit_maps(asm.load_head())
    optimiser = torch.optim.AdamW(net.parameters(), weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, rate, steps)
    count = torch.ones(len(NUMBERS))
    count[SMILE] = SMILES_COUNT
    net.train()
    for step in range(1, steps + 1):
        rows = torch.randint(len(faces.crops), (BATCH,), generator=generator)
        features = net.feature_map(changed(faces.crops[rows].float() / 160, generator))
        truth = faces.there[rows]
        loss = F.binary_cross_entropy_with_logits(net.read_out(features), truth, weight=count)
        if weight:
            loss = loss + weight * attention_loss(features, (truth[:, :, None, None] * maps).amax(1))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        if step % 300 == 0 or step == steps:
            print(f"seed {seed}, lambda {weight:g}, step {step}: loss {loss.detach():.3f}", flush=True)
    net.eval()


def train(folder: Path, seed: int) -> None:
    """A reader by drawn faces alone, and what becomes of it with each lambda; into the folder."""
    torch.manual_seed(seed)
    faces, net = in_light(load(folder, "trained"), seed), Reader()
    learn(net, faces, seed, STEPS, RATE)
    torch.save(net.state_dict(), folder / f"reader{seed}.pt")
    for weight in LAMBDAS:
        taught = Reader()
        taught.load_state_dict(net.state_dict())
        learn(taught, faces, 10 + seed, MORE_STEPS, MORE_RATE, weight)
        torch.save(taught.state_dict(), folder / f"reader{seed}_{weight:g}.pt")


def smile_scores(net: Reader, crops: Tensor, steps: tuple[int, ...] = (0,)) -> Tensor:
    """(...) how much unit 12 a reader finds in crops (..., 64, 64): the mean of placements and of mirror images.

    A crop is placed by all pairs of `steps`, pixels down and to the right.
    """
    flat, total = crops.flatten(0, -3), torch.zeros(crops.shape[:-2].numel())
    with torch.no_grad():
        for place in product(steps, steps):
            placed = torch.roll(flat, place, (1, 2))
            total += net(placed)[:, SMILE] + net(placed.flip(-1))[:, SMILE]
    return (total / (2 * len(steps) ** 2)).reshape(crops.shape[:-2])


def share_right(calm: Tensor, smiling: Tensor, threshold: float | Tensor) -> float:
    """Balanced accuracy of calling a smile what scores above a threshold."""
    return float(((smiling > threshold).double().mean() + (calm <= threshold).double().mean()) / 2)


def best_threshold(calm: Tensor, smiling: Tensor) -> float:
    """The threshold with the highest balanced accuracy, half way between two scores."""
    order = torch.cat([calm, smiling]).sort().values
    between = (order[1:] + order[:-1]) / 2
    return float(max(between, key=lambda t: share_right(calm, smiling, t)))


def by_photographs(crops: Tensor, learnt: list[int], seed: int, steps: int) -> Reader:
    """The same network, trained on the photographs of these people alone."""
    torch.manual_seed(seed)
    net, generator = Reader(), torch.Generator().manual_seed(seed)
    pictures, truth = crops[learnt].flatten(0, 1), torch.tensor([0.0, 1.0]).repeat(len(learnt))
    optimiser = torch.optim.AdamW(net.parameters(), weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 2e-3, steps)
    for _ in range(steps):
        rows = torch.randint(len(pictures), (32,), generator=generator)
        score = net(changed(pictures[rows], generator, FOR_FEW))[:, SMILE]
        loss = F.binary_cross_entropy_with_logits(score, truth[rows])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
    return net.eval()


def photograph_crops() -> tuple[Tensor, Tensor]:
    """The photographs' crops (49, 2, 64, 64), and what the published network says of them (49, 2, 7)."""
    places, names = steady_and_mouth(), people()
    weights = read_weights(*(asset_path("face-api-expression", f"face_expression_model{end}") for end in ENDS))
    crops, opinions = torch.zeros(len(names), 2, SIZE, SIZE), torch.zeros(len(names), 2, 7)
    for k, name in enumerate(names):
        for i, kind in enumerate(("03", "08")):
            image = read_picture(photograph(name, kind))
            crops[k, i] = crop_photograph(image, places[k, i, :5])
            colours = [crop_photograph(image[..., c], places[k, i, :5], SIDE) for c in range(3)]
            opinions[k, i] = read_expression(weights, torch.stack(colours)[None])[0]
    return crops, opinions


def steady_and_mouth() -> Tensor:
    """(49, 2, 7, 2) pixels, as `points` found them."""
    return torch.from_numpy(load_npz(DATA / "smiles.npz")["points"].astype(np.float32)) / 10


def rivals(folder: Path) -> None:
    """What is compared with the readers of drawn faces: the mouth's width, photographs alone, the published network."""
    crops, opinions = photograph_crops()
    torch.save(crops, folder / "crops.pt")
    points = steady_and_mouth()
    eyes, mouth = points[:, :, 0] - points[:, :, 4], points[:, :, 5] - points[:, :, 6]
    weights = read_weights(*(asset_path("face-api-expression", f"face_expression_model{end}") for end in ENDS))
    found: dict[str, object] = {
        "width of the mouth": _rounded(mouth.norm(dim=-1) / eyes.norm(dim=-1)),
        "published": _rounded(opinions),
        "published on drawn faces": opinions_of_drawn(weights),
        "linear, one person left out": _rounded(linear_scores(crops)),
    }
    for seed in SEEDS:
        order = torch.randperm(len(crops), generator=torch.Generator().manual_seed(seed)).tolist()
        rest = smile_scores(by_photographs(crops, order[:10], seed, 150), crops[order[10:]])
        found[f"ten pairs {seed}"] = round(share_right(rest[:, 0], rest[:, 1], 0.0), 4)
        print(seed, found[f"ten pairs {seed}"], flush=True)
    every = torch.zeros(len(crops), 2)
    for fold in range(7):
        away = list(range(fold, len(crops), 7))
        net = by_photographs(crops, [k for k in range(len(crops)) if k not in away], fold, 150)
        every[away] = smile_scores(net, crops[away])
    print(share_right(every[:, 0], every[:, 1], 0.0), flush=True)
    found["all pairs, seven people left out"] = _rounded(every)
    (folder / "rivals.json").write_text(json.dumps(found))


def record(folder: Path) -> None:
    """What all readers say about the photographs, and what they look at, into `reader.npz` and `reader.json`."""
    before = json.loads((DATA / "reader.json").read_text())
    found: dict[str, object] = {key: value for key, value in before.items() if key.startswith("plain drawings")}
    found |= json.loads((folder / "rivals.json").read_text())
    crops = torch.load(folder / "crops.pt", weights_only=True)
    held, generator = load(folder, "held"), torch.Generator().manual_seed(7)
    shown = changed(lit(held, torch.arange(len(held.amounts)), generator, lights(500, 9)), generator)
    there = held.amounts > 0
    calm, smiling = ~there.any(1), there[:, SMILE]  # the two kinds of face that the photographs have
    target = (there[:, :, None, None] * unit_maps(asm.load_head())).amax(1)
    arrays = {}
    for seed in SEEDS:
        for weight in LAMBDAS:
            net = Reader()
            net.load_state_dict(torch.load(folder / f"reader{seed}_{weight:g}.pt", weights_only=True))
            net.eval()
            with torch.no_grad():
                features = net.feature_map(shown)
                scores = net.read_out(features)
                cosine = 1 - float(attention_loss(features, target))
            right = [
                share_right(s[~t], s[t], best_threshold(s[~t], s[t])) for s, t in zip(scores.T, there.T, strict=True)
            ]
            drawn = smile_scores(net, shown, NINE)
            found[f"drawn {weight:g} {seed}"] = {
                "threshold": round(best_threshold(drawn[calm], drawn[smiling]), 3),
                "drawn smiles": round(
                    share_right(drawn[calm], drawn[smiling], best_threshold(drawn[calm], drawn[smiling])), 4
                ),
                "units": round(float(np.mean(right)), 4),
                "cosine": round(cosine, 4),
                "overlap": overlaps(net, seed),
                "scores": _rounded(smile_scores(net, crops, NINE)),
            }
            print(seed, weight, found[f"drawn {weight:g} {seed}"]["overlap"], flush=True)
            if seed == 0 and weight in STORED:
                arrays |= {f"{STORED[weight]}/{name}": x.half().numpy() for name, x in net.state_dict().items()}
    np.savez_compressed(DATA / "reader.npz", **arrays)
    (DATA / "reader.json").write_text(json.dumps(found) + "\n")


@lru_cache(maxsize=6)
def prototypes(kind: str, count: int, seed: int, size: int = SIZE) -> tuple[Tensor, list[Tensor], list[Camera]]:
    """One expression on people that nobody trained on: pictures (count, size, size), vertices and cameras."""
    head, generator, drawn = asm.load_head(), np.random.default_rng(seed), []
    for _ in range(count):
        units = {number: float(generator.uniform(0.6, 1.0)) for number in PROTOTYPES[kind]}
        drawn.append(draw_varied(head, int(generator.integers(HELD.start, HELD.stop)), units, generator, size))
    return torch.stack([one.crop for one in drawn]), [one.vertices for one in drawn], [one.camera for one in drawn]


def opinions_of_drawn(weights: Weights) -> dict[str, list[int]]:
    """How often the published network gives each of its names to 20 drawn faces of an expression, in light."""
    found = {}
    for kind in PROTOTYPES:
        pictures = prototypes(kind, 20, 60, SIDE)[0]
        bright = (0.8 * pictures / pictures.flatten(1).quantile(0.98, dim=1)[:, None, None]).clamp(0, 1)
        said = read_expression(weights, bright[:, None].expand(-1, 3, -1, -1)).argmax(1)
        found[kind] = torch.bincount(said, minlength=7).tolist()
    return found


def overlaps(net: Reader, seed: int) -> dict[str, list[float]]:
    """For each emotion: IoU of what a reader needs with its own action units, the mean with the others', and chance."""
    head = asm.load_head()
    shown, masks, heats = facing(head), {}, {}
    for kind, numbers in list(PROTOTYPES.items())[1:]:
        masks[kind] = (union_map(head, numbers) > MARKED)[shown]
        pictures, shapes, cameras = prototypes(kind, 8, 70 + seed)
        maps = occlusion_maps(net, pictures, [NUMBERS.index(number) for number in numbers])
        heats[kind] = torch.stack([on_skin(m, v, c) for m, v, c in zip(maps, shapes, cameras, strict=True)]).mean(0)[
            shown
        ]
    found = {}
    for kind, heat in heats.items():
        own = iou(heat, masks[kind])
        other = float(np.mean([iou(heat, mask) for name, mask in masks.items() if name != kind]))
        share = float(masks[kind].double().mean())
        found[kind] = [round(x, 3) for x in (own, other, share / (2 - share))]
    return found


def iou(heat: Tensor, mask: Tensor) -> float:
    """Intersection over union of a mask and as many places of a map, the largest."""
    marked = torch.zeros_like(mask)
    marked[heat.topk(int(mask.sum())).indices] = True
    return float((marked & mask).sum() / (marked | mask).sum())


def linear_scores(crops: Tensor) -> Tensor:
    """(N, 2) scores of a linear reader of 16 x 16 pixels, each person by the pictures of all others."""
    small = F.adaptive_avg_pool2d(standard(crops.flatten(0, 1)), 16).flatten(1).double()
    small = (small - small.mean(0)).reshape(len(crops), 2, -1)
    found = torch.zeros(len(crops), 2, dtype=torch.float64)
    for k in range(len(crops)):
        others = torch.arange(len(crops)) != k
        x, y = small[others].flatten(0, 1), torch.tensor([-1.0, 1.0]).double().repeat(int(others.sum()))
        gram = x @ x.T + 100 * torch.eye(len(x), dtype=torch.float64)
        found[k] = small[k] @ (x.T @ torch.linalg.solve(gram, y))
    return found


def _rounded(x: Tensor) -> list[object]:
    return (1000 * x.double()).round().div(1000).tolist()


if __name__ == "__main__":
    torch.set_num_threads(1)
    command, *rest = sys.argv[1:]
    if command == "points":
        points()
    elif command == "draw":
        draw(Path(rest[0]))
    elif command == "train":
        train(Path(rest[0]), int(rest[1]))
    elif command == "rivals":
        rivals(Path(rest[0]))
    elif command == "record":
        record(Path(rest[0]))
