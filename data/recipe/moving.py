"""Train the readers of lesson 15 three times each, and record what they say: `moving.json`.

    python data/recipe/moving.py micro      # micro-expressions, one person left out
    python data/recipe/moving.py amounts    # the same linear reader at smaller and larger motions
    python data/recipe/moving.py courses    # stills that help and harm clips
    python data/recipe/moving.py scenes     # faces, scenes, and both

Each adds its part to the file. Seconds are those of one thread of the processor.
"""

from __future__ import annotations

import copy
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

import asm_teach as asm
from asm_teach.beyond.moving.clips import (
    COURSES,
    FRAMES,
    STILLS,
    Actors,
    Clips,
    CourseReader,
    draw_courses,
    draw_stills,
    train_courses,
)
from asm_teach.beyond.moving.scenes import (
    LABELS,
    SceneReader,
    Scenes,
    draw_scenes,
    learn_captions,
    learn_labels,
    subset,
    swapped,
)
from asm_teach.beyond.moving.small_motions import (
    CLASSES,
    AreaReader,
    Fold,
    MicroSet,
    confusion,
    draw_micro,
    four_areas,
    leave_one_out,
    uf1_uar,
)

FILE = Path(__file__).parents[1] / "moving.json"
SEEDS = (0, 1, 2)
MICRO_PEOPLE = range(400, 415)
AMOUNTS = (0.01, 0.02, 0.03, 0.05, 0.08, 0.12, 0.2)


def linear() -> nn.Module:
    """What a sceptic would try first: one number for each place of the map and each class."""
    return nn.Sequential(nn.Flatten(), nn.Linear(3 * 28 * 28, len(CLASSES)))


def scores(folds: dict[int, Fold]) -> dict[str, Any]:
    """UF1 and UAR in four ways of choosing the epoch: the last, the best on all others, the best on the person."""
    right = {person: (fold.said == fold.true).float().mean(1) for person, fold in folds.items()}
    every = torch.stack(list(right.values()))

    def of(choose: Callable[[int], int]) -> list[float]:
        counts = sum(confusion(fold.true, fold.said[choose(person)]) for person, fold in folds.items())
        assert isinstance(counts, Tensor)
        return [round(x, 4) for x in uf1_uar(counts)]

    return {
        "last": of(lambda _: -1),
        "chosen on others": of(lambda person: int((every.sum(0) - right[person]).argmax())),
        "chosen on the person": of(lambda person: int(right[person].argmax())),
        "counts": sum(confusion(fold.true, fold.said[-1]) for fold in folds.values()).tolist(),  # type: ignore[union-attr]
    }


def micro(head: asm.Head) -> dict[str, Any]:
    """Three readers of the same maps, two tilings, and labels dealt out at random."""
    data = draw_micro(head, MICRO_PEOPLE, 0)
    areas = four_areas(data.flow, data.centres)
    kinds: dict[str, tuple[Tensor, Callable[[], nn.Module], int, float]] = {
        "linear, whole face": (data.flow, linear, 20, 1e-3),
        "linear, four areas": (areas, linear, 20, 1e-3),
        "attention, whole face": (data.flow, lambda: AreaReader(False), 25, 3e-3),
        "local attention, whole face": (data.flow, lambda: AreaReader(True), 25, 3e-3),
        "local attention, four areas": (areas, lambda: AreaReader(True), 25, 3e-3),
    }
    found: dict[str, Any] = {}
    for name, (inputs, make, epochs, rate) in kinds.items():
        for seed in SEEDS:
            started = time.process_time()
            found[f"{name} {seed}"] = scores(leave_one_out(inputs, data, make, seed, epochs, rate))
            found[f"{name} {seed}"]["seconds"] = round(time.process_time() - started, 1)
            print(name, seed, found[f"{name} {seed}"], flush=True)
    for seed in SEEDS:
        order = torch.randperm(len(data.labels), generator=torch.Generator().manual_seed(seed))
        dealt = MicroSet(data.flow, data.labels[order], data.people, data.centres)
        found[f"labels at random {seed}"] = scores(leave_one_out(areas, dealt, linear, seed, 20, 1e-3))
    return found


def amounts(head: asm.Head) -> dict[str, Any]:
    """How many of 300 a linear reader of the four areas names at one amount, balanced, for each of three draws."""
    found = {}
    for amount in AMOUNTS:
        runs = []
        for seed in SEEDS:
            data = draw_micro(head, MICRO_PEOPLE, seed, amount, amount)
            folds = leave_one_out(four_areas(data.flow, data.centres), data, linear, seed, 20, 1e-3)
            runs.append(scores(folds)["last"][1])
        found[str(amount)] = runs
        print(amount, runs, flush=True)
    return found


def as_clips(clips: Clips, stills: Clips) -> Clips:
    """The naive way: a still of a smile repeated eight times, as a clip in which a smile comes; calm ones go."""
    shown = stills.labels > 0
    return Clips(
        torch.cat([clips.frames, stills.frames[shown].expand(-1, FRAMES, -1)]),
        torch.cat([clips.labels, 2 * (stills.labels[shown] - 1)]),
    )


def course_scores(reader: CourseReader, test: Clips) -> list[float]:
    """Share of clips named rightly, of those whose expression is right, and of those whose direction is."""
    with torch.no_grad():
        said = reader(test.frames, "clip").argmax(1)
    pairs = ((said, test.labels), (said // 2, test.labels // 2), (said % 2, test.labels % 2))
    return [round(float((a == b).float().mean()), 4) for a, b in pairs]


def courses(head: asm.Head) -> dict[str, Any]:
    """150 clips of 12 people and 1,500 stills of 100 others; 600 clips of 60 people to test on."""
    few, many, new = (Actors(head, people) for people in (range(400, 412), range(500, 600), range(420, 480)))
    clips, stills, test = draw_courses(few, 150, 1), draw_stills(many, 1500, 2), draw_courses(new, 600, 3)
    plain, together = {"adapters": "none"}, as_clips(clips, stills)
    ways: dict[str, tuple[dict[str, Any], Clips, Clips | None, int]] = {
        "clips alone": (plain, clips, None, 32),
        "stills as clips, one head": (plain, together, None, 160),
        "two heads": (plain, clips, stills, 32),
        "two heads, wider": ({"wide": 2}, clips, stills, 32),
        "an adapter for each task": ({"adapters": "by task"}, clips, stills, 32),
        "adapters with a router": ({"adapters": "router"}, clips, stills, 32),
    }
    found: dict[str, Any] = {}
    for name, (options, own, others, batch) in ways.items():
        for seed in SEEDS:
            torch.manual_seed(seed)
            started = time.process_time()
            reader = train_courses(CourseReader(**options), own, others, seed, batch=batch)
            line = {"right": course_scores(reader, test), "seconds": round(time.process_time() - started, 1)}
            line["weights"] = sum(p.numel() for p in reader.parameters())
            if reader.route is not None:
                line["gates"] = gates(reader, test, draw_stills(new, 300, 4))
            found[f"{name} {seed}"] = line
            print(name, seed, line, flush=True)
    return found


def gates(reader: CourseReader, clips: Clips, stills: Clips) -> dict[str, Any]:
    """The mean gates of the four adapters for stills of each label, and for each frame of each course."""
    with torch.no_grad():
        reader(stills.frames, "still")
        of_stills = reader.gates
        reader(clips.frames, "clip")
        of_clips = reader.gates.reshape(-1, FRAMES, 4)
    table = {name: of_stills[stills.labels == k].mean(0) for k, name in enumerate(STILLS)}
    table |= {name: of_clips[clips.labels == k].mean(0) for k, name in enumerate(COURSES)}
    return {name: [[round(float(x), 3) for x in row] for row in rows.reshape(-1, 4)] for name, rows in table.items()}


def shares(said: Tensor, true: Tensor) -> list[float]:
    """Weighted and unweighted average recall: of all scenes, and the mean over the labels."""
    right = (said == true).float()
    each = torch.stack([right[true == k].mean() for k in range(len(LABELS))])
    return [round(float(right.mean()), 4), round(float(each.mean()), 4)]


def answers(reader: SceneReader, scenes: Scenes) -> list[float]:
    """Both shares of a reader."""
    with torch.no_grad():
        return shares(reader(scenes).argmax(1), scenes.labels)


def linear_head(reader: SceneReader, few: Scenes, test: Scenes, seed: int) -> list[float]:
    """The sceptic's rival of prompts: one layer on what the frozen towers see."""
    torch.manual_seed(seed)
    with torch.no_grad():
        seen, unseen = (nn.functional.normalize(reader.see(one), dim=1) for one in (few, test))
    head = nn.Linear(seen.shape[1], len(LABELS))
    steps = torch.optim.AdamW(head.parameters(), 3e-2, weight_decay=0.01)
    for _ in range(200):
        steps.zero_grad()
        nn.functional.cross_entropy(10 * head(seen), few.labels).backward()
        steps.step()
    return shares(head(unseen).argmax(1), test.labels)


def scenes(head: asm.Head) -> dict[str, Any]:
    """2,000 captioned scenes, some labelled ones, 500 of new people to test on; and phones that always lie right."""
    actors, new = Actors(head, range(500, 560)), Actors(head, range(420, 450))
    captioned, labelled = draw_scenes(actors, 2000, 1), draw_scenes(actors, 400, 2)
    test, right, right_test = draw_scenes(new, 500, 3), draw_scenes(actors, 400, 5, 1.0), draw_scenes(new, 500, 6, 1.0)
    found: dict[str, Any] = {}
    for seed in SEEDS:
        for uses in ("face", "scene", "both"):
            torch.manual_seed(seed)
            started = time.process_time()
            first = learn_captions(SceneReader(uses), captioned, seed)
            reader = learn_labels(copy.deepcopy(first), labelled, seed, 150, rate=5e-4)
            line: dict[str, Any] = {"test": answers(reader, test), "swapped": answers(reader, swapped(test, seed))}
            line["seconds"] = round(time.process_time() - started, 1)
            reader = learn_labels(copy.deepcopy(first), right, seed, 150, rate=5e-4)
            line["phone right"] = [answers(reader, one) for one in (right_test, swapped(right_test, seed), test)]
            found[f"{uses} {seed}"] = line
            print(uses, seed, line, flush=True)
        written = copy.deepcopy(first)
        written.prompts.data = first.written().detach()
        shots: dict[str, Any] = {"written": answers(written, test)}
        for count in (2, 5, 20):
            rows = torch.cat([(labelled.labels == k).nonzero()[:count, 0] for k in range(len(LABELS))])
            few = subset(labelled, rows)
            shots[f"{count} prompts from words"] = answers(
                learn_labels(copy.deepcopy(written), few, seed, 100, ("prompts",)), test
            )
            shots[f"{count} prompts from noise"] = answers(
                learn_labels(copy.deepcopy(first), few, seed, 150, ("prompts",), 2e-2), test
            )
            shots[f"{count} linear"] = linear_head(first, few, test, seed)
        found[f"shots {seed}"] = shots
        print(shots, flush=True)
    return found


def in_lines(recorded: dict[str, Any]) -> str:
    """The record as JSON with one line for each run."""
    parts = []
    for name, runs in recorded.items():
        lines = ",\n".join(f"  {json.dumps(run)}: {json.dumps(line)}" for run, line in runs.items())
        parts.append(f" {json.dumps(name)}: {{\n{lines}\n }}")
    return "{\n" + ",\n".join(parts) + "\n}\n"


if __name__ == "__main__":
    torch.set_num_threads(1)
    parts = {"micro": micro, "amounts": amounts, "courses": courses, "scenes": scenes}
    if len(sys.argv) != 2 or sys.argv[1] not in parts:
        sys.exit(__doc__)
    part = parts[sys.argv[1]](asm.load_head())
    recorded = json.loads(FILE.read_text(encoding="utf-8")) if FILE.exists() else {}
    recorded[sys.argv[1]] = part
    FILE.write_text(in_lines(recorded), encoding="utf-8")
