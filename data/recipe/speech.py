"""Cut out what lesson 17 takes from five read sentences, train its talkers, and record how well all ways do.

    python data/recipe/speech.py words
    python data/recipe/speech.py train FOLDER SEED     # seeds 0, 1 and 2; some two minutes each
    python data/recipe/speech.py measure FOLDER SEED
    python data/recipe/speech.py record FOLDER

`words` writes `words.json`, the phones of all words (name, the middle of a stressed vowel, phones and their seconds),
and copies the last sentence, which is embedded. `record` writes `speech.json` and `talker.npz`.
Source: `asm-teach data librivox-speech`
(BSD-2-Clause; LibriVox recordings, in the public domain; `licences/pocketsphinx_BSD-2-Clause.md`).
"""

from __future__ import annotations

import json
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from asm_teach.beyond.speech.performance import (
    CHANNELS,
    FACE,
    HEAD,
    Script,
    Speaker,
    Word,
    heard,
    loudest_vowel,
    made_up,
    perform,
    read_words,
    strengths,
)
from asm_teach.beyond.speech.sentence import Timed, read_sentence
from asm_teach.beyond.speech.talkers import (
    EVERY,
    EXCHANGE,
    STEPS,
    WINDOW,
    Plan,
    Talker,
    draw,
    draw_windows,
    flow_loss,
    jerk,
    learn,
    takes,
    windows_at,
    windows_of,
)
from asm_teach.data.assets import fetch

DATA = Path(__file__).parents[1]
NAMES = [f"sense_and_sensibility_01_austen_64kb-0{number}" for number in (870, 880, 890, 920, 930)]
EMBEDDED = "sentence"
SEEDS = (0, 1, 2)
TRAINED, FRAMES, LEARN = 240, 96, 700
KINDS = {"one": (EVERY, 48, False), "apart": ((FACE, HEAD), 36, False), "exchange": EXCHANGE}
NEW = Speaker(mouth=(0.6, 0.08), brows=0.5, nod=-0.14, late=0.0, sway=0.07)
ADAPT, FEW, RANK = 100, 4, 3
TAKES, LONG = 12, 10 * WINDOW


def words() -> None:
    """The embedded files."""
    folder, found = fetch("librivox-speech", progress=False), []
    for name in NAMES:
        sentence = read_sentence(folder / f"{name}.wav", folder / f"{name}.phone.json")
        vowels = [loudest_vowel(sentence, word) for word in sentence.words]
        middle = float(torch.tensor([one[1] for one in vowels if one]).median())
        for word, vowel in zip(sentence.words, vowels, strict=True):
            found.append(_row(word, vowel, middle, sentence.phones))
    (DATA / "words.json").write_text("[\n" + ",\n".join(map(json.dumps, found)) + "\n]\n", "utf-8")
    for end in ("wav", "phone.json"):
        shutil.copyfile(folder / f"{NAMES[-1]}.{end}", DATA / f"{EMBEDDED}.{end}")


def _row(
    word: Timed, vowel: tuple[float, float] | None, middle: float, phones: tuple[Timed, ...]
) -> tuple[str, float | None, list[tuple[str, float]]]:
    stress = round(vowel[0] - word.begin, 3) if vowel and vowel[1] > middle else None
    inside = [one for one in phones if one.begin >= word.begin - 1e-3 and one.end <= word.end + 1e-3]
    return word.name, stress, [(one.name, round(one.end - one.begin, 3)) for one in inside]


def material(
    all_words: list[Word], speaker: Speaker, count: int, frames: int, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    return takes([made_up(all_words, frames, generator) for _ in range(count)], speaker, generator)


def train(folder: Path, seed: int) -> None:
    """The talkers of one seed, and what becomes of the first with a new speaker, into the folder."""
    torch.manual_seed(seed)
    generator, all_words = torch.Generator().manual_seed(100 + seed), read_words()
    x, sounds = material(all_words, Speaker(), TRAINED, FRAMES, generator)
    for kind, (groups, width, exchange) in KINDS.items():
        net, began = Talker(groups, width, exchange), time.process_time()
        losses = learn(net, x, sounds, LEARN, generator)
        spent, count = time.process_time() - began, sum(w.numel() for w in net.parameters())
        print(f"{seed} {kind}: {count} weights, loss {sum(losses[-50:]) / 50:.4f}, {spent:.1f} s", flush=True)
        torch.save({"net": net.state_dict(), "seconds": spent, "weights": count}, folder / f"{kind}{seed}.pt")


def load(folder: Path, kind: str, seed: int) -> Talker:
    net = Talker(*KINDS[kind])
    net.load_state_dict(torch.load(folder / f"{kind}{seed}.pt", weights_only=True)["net"])
    return net.eval()


PLANS: dict[str, Plan] = {
    "glued": lambda frames, step: windows_at(frames, WINDOW),
    "overlap a quarter": lambda frames, step: windows_at(frames, 3 * WINDOW // 4),
    "overlap half": lambda frames, step: windows_at(frames, WINDOW // 2),
    "shifted by 7": lambda frames, step: windows_at(frames, WINDOW, 7 * step),
    "whole": lambda frames, step: torch.arange(frames)[None],
}


def seams(folder: Path, seed: int) -> dict[str, dict[str, float]]:
    """What each plan does to the performances of the talker with one branch, and how often it calls the network."""
    net, all_words = load(folder, "one", seed), read_words()
    generator = torch.Generator().manual_seed(200 + seed)
    scripts = [made_up(all_words, LONG, generator) for _ in range(TAKES)]
    true = [perform(script, generator).float() for script in scripts]
    found = {"true": scores(true, 0)}
    for name, plan in PLANS.items():
        last = 7 * (STEPS - 1) if name.startswith("shifted") else 0
        drawn = [draw(net, heard(script).T.float(), plan, generator) for script in scripts]
        found[name] = scores(drawn, last)
        found[name]["calls"] = sum(plan(LONG, step).numel() for step in range(STEPS)) / LONG / STEPS
        if name == "glued":
            found["glued, smoothed"] = scores([smoothed(take) for take in drawn], 0)
    return found


def scores(performances: list[Tensor], last: int) -> dict[str, float]:
    """Jerk at places that are k WINDOW - last and elsewhere, the share of them that is seen, and how the aim wanders.

    A seam is seen where the jerk is above that of 99 of 100 frames elsewhere.
    """
    every = torch.stack([jerk(one) for one in performances])
    rows = (torch.arange(WINDOW, LONG, WINDOW) - last) % LONG
    reach = torch.stack([rows - k for k in (1, 2, 3)])[:, (rows >= 3) & (rows < LONG)]
    at = torch.zeros(every.shape[1], dtype=torch.bool)
    at[reach.flatten()] = True
    seen = every[:, reach].amax(1) > every[:, ~at].quantile(0.99)
    turn = torch.stack([one[:, CHANNELS.index("turn")] for one in performances]).reshape(len(every), -1, WINDOW).mean(2)
    return {
        "jerk at seams": round(float(every[:, at].mean()), 4),
        "elsewhere": round(float(every[:, ~at].mean()), 4),
        "seams seen": round(float(seen.double().mean()), 4),
        "aim wanders": round(float(turn.std(1).mean()), 4),
    }


def smoothed(take: Tensor) -> Tensor:
    """The mean of five frames wherever a seam is at most three frames away."""
    near = torch.nn.functional.pad(take.T[None], (2, 2), mode="replicate")
    mean = torch.nn.functional.avg_pool1d(near, 5, 1)[0].T
    away = (torch.arange(len(take)) + WINDOW // 2) % WINDOW - WINDOW // 2
    return torch.where((away.abs() <= 3)[:, None], mean, take)


def together(folder: Path, seed: int) -> dict[str, dict[str, float]]:
    """Whether brows and head move by the same strength at stressed words, for the written speaker and each talker."""
    all_words, generator = read_words(), torch.Generator().manual_seed(300 + seed)
    scripts = [made_up(all_words, WINDOW, generator) for _ in range(400)]
    ways: dict[str, Callable[[], list[Tensor]]] = {"true": lambda: [perform(s, generator).float() for s in scripts]}
    for kind in KINDS:
        net = load(folder, kind, seed)
        ways[kind] = lambda net=net: list(
            draw_windows(net, torch.stack([heard(s).T.float() for s in scripts]), generator)
        )
    found = {}
    for name, way in ways.items():
        found[name] = coupling(way(), scripts)
    return found


def coupling(performances: list[Tensor], scripts: list[Script]) -> dict[str, float]:
    """Over stressed words: the correlation of how far brows and nod go, and their means."""
    pairs = strengths(performances, scripts).T
    return {
        "correlation": round(float(torch.corrcoef(pairs)[0, 1]), 4),
        "brows": round(float(pairs[0].mean()), 4),
        "nod": round(float(pairs[1].mean()), 4),
        "stresses": pairs.shape[1],
    }


def adapted(folder: Path, seed: int) -> dict[str, dict[str, float]]:
    """What a new speaker costs: error of the direction on him and on the first speaker, and his nod."""
    all_words, generator = read_words(), torch.Generator().manual_seed(400 + seed)
    tests = {name: material(all_words, who, 200, FRAMES, generator) for name, who in (("new", NEW), ("old", Speaker()))}
    scripts = [made_up(all_words, WINDOW, generator) for _ in range(200)]
    sounds = torch.stack([heard(s).T.float() for s in scripts])
    found = {"true": coupling([perform(s, generator, NEW).float() for s in scripts], scripts)}
    for amount, count in (("little", FEW), ("much", TRAINED)):
        x, given = material(all_words, NEW, count, FRAMES, generator)
        for way in ("none", "adapter", "full"):
            torch.manual_seed(seed)
            net = load(folder, "one", seed)
            before = sum(w.numel() for w in net.parameters())
            weights = net.add_adapters(RANK) if way == "adapter" else list(net.parameters())
            began = time.process_time()
            if way != "none":
                learn(net.train(), x, given, ADAPT, generator, 1e-2 if way == "adapter" else 2e-3)
            spent = time.process_time() - began
            net.eval()
            errors = {}
            for name, test in tests.items():
                fixed = torch.Generator().manual_seed(7)
                with torch.no_grad():
                    errors[name] = round(float(flow_loss(net, *windows_of(*test, 2000, fixed), fixed)), 4)
            share = 0.0 if way == "none" else sum(w.numel() for w in weights) / before
            made = coupling(list(draw_windows(net, sounds, generator)), scripts)
            found[f"{way}, {amount}"] = {**errors, "weights": round(share, 4), "seconds": round(spent, 1), **made}
            print(seed, way, amount, found[f"{way}, {amount}"], flush=True)
    return found


def measure(folder: Path, seed: int) -> None:
    """All figures of one seed, into the folder."""
    saved = {kind: torch.load(folder / f"{kind}{seed}.pt", weights_only=True) for kind in KINDS}
    found = {
        "talkers": {k: {"weights": s["weights"], "seconds": round(s["seconds"], 1)} for k, s in saved.items()},
        "seams": seams(folder, seed),
        "together": together(folder, seed),
        "adapted": adapted(folder, seed),
    }
    print(json.dumps(found, indent=1), flush=True)
    (folder / f"figures{seed}.json").write_text(json.dumps(found))


def record(folder: Path) -> None:
    """What was measured, into `speech.json`, and the talker whose branches exchange, into `talker.npz`."""
    found = {str(seed): json.loads((folder / f"figures{seed}.json").read_text()) for seed in SEEDS}
    weights = load(folder, "exchange", 0).state_dict()
    np.savez_compressed(DATA / "talker.npz", **{name: x.half().numpy() for name, x in weights.items()})
    (DATA / "speech.json").write_text(json.dumps(found) + "\n")


if __name__ == "__main__":
    torch.set_num_threads(1)
    command, *rest = sys.argv[1:]
    if command == "words":
        words()
    elif command == "train":
        train(Path(rest[0]), int(rest[1]))
    elif command == "measure":
        measure(Path(rest[0]), int(rest[1]))
    elif command == "record":
        record(Path(rest[0]))
