"""Scenes whose label needs face and cards, and the reader that compares them with prompts."""

from __future__ import annotations

import pytest
import torch

import asm_teach as asm
from asm_teach.beyond.moving.clips import NUMBERS, Actors
from asm_teach.beyond.moving.scenes import (
    CARDS,
    COLUMNS,
    FACES,
    LABELS,
    ROWS,
    SceneReader,
    draw_scenes,
    learn_captions,
    learn_labels,
    prompt_logits,
    rule,
    subset,
    swapped,
)

ACTORS = Actors(asm.load_head(), range(400, 402))


def test_captions_and_labels_agree_with_the_rule() -> None:
    scenes = draw_scenes(ACTORS, 40, 0)
    looked = scenes.captions[:, 1] - len(FACES)
    assert torch.equal(scenes.labels, rule(scenes.captions[:, 0], looked))
    assert rule(torch.tensor([1, 1]), torch.tensor([0, 2])).tolist() == [1, LABELS.index("distracted")]
    assert scenes.pictures.shape == (40, ROWS, COLUMNS) and scenes.faces.shape == (40, 4, NUMBERS + 2)


def test_the_gaze_meets_the_card_of_the_caption() -> None:
    scenes = draw_scenes(ACTORS, 60, 1, phone_right=1.0)
    right = scenes.faces[..., NUMBERS].mean(1) > 0
    assert torch.equal(right, scenes.captions[:, 1] == len(FACES) + CARDS.index("phone"))


def test_a_swap_keeps_the_face_and_takes_its_label_from_the_new_cards() -> None:
    scenes = draw_scenes(ACTORS, 60, 2, phone_right=1.0)
    new = swapped(scenes, 0)
    assert torch.equal(new.faces, scenes.faces) and not torch.equal(new.pictures, scenes.pictures)
    assert torch.equal(new.labels, scenes.labels.where(scenes.labels == 4, new.captions[:, 0]))  # phones stay right
    mixed = draw_scenes(ACTORS, 60, 3)
    assert not torch.equal(swapped(mixed, 0).labels, mixed.labels)
    order = torch.randperm(60, generator=torch.Generator().manual_seed(0))
    looks = mixed.faces[..., NUMBERS].mean(1) > 0
    same_side = looks == looks[order]  # then it looks at what the other one looked at
    assert torch.equal(swapped(mixed, 0).captions[same_side, 1], mixed.captions[order][same_side, 1])


def test_only_directions_count_for_prompts() -> None:
    seen, prompts = torch.randn(3, 8), torch.randn(5, 8)
    logits = prompt_logits(seen, prompts)
    assert torch.allclose(logits, prompt_logits(7 * seen, 2 * prompts), atol=1e-3)
    assert prompt_logits(prompts, prompts).diagonal().tolist() == pytest.approx([100.0] * 5, rel=1e-4)
    seen = seen.double().requires_grad_()
    assert torch.autograd.gradcheck(lambda x: prompt_logits(x, prompts.double(), 0.5), seen)


def test_a_reader_does_not_see_what_it_does_not_use() -> None:
    scenes = draw_scenes(ACTORS, 6, 3)
    other = draw_scenes(ACTORS, 6, 4)
    face, scene = SceneReader("face").eval(), SceneReader("scene").eval()
    assert torch.equal(face.see(scenes), face.see(scenes._replace(pictures=other.pictures)))
    assert torch.equal(scene.see(scenes), scene.see(scenes._replace(faces=other.faces)))


def test_captions_teach_both_towers_and_labels_only_what_they_may() -> None:
    scenes = draw_scenes(ACTORS, 48, 5)
    torch.manual_seed(0)
    reader = learn_captions(SceneReader(), scenes, 0, steps=60)
    with torch.no_grad():
        own = prompt_logits(reader.see(scenes), reader.say(reader.words(scenes.captions)), 1.0)
    same = (scenes.captions[:, None] == scenes.captions).all(-1)
    assert own[same].mean() > own[~same].mean() + 0.5
    before = reader.join[0].weight.clone()
    prompts = reader.prompts.detach().clone()
    learn_labels(reader, subset(scenes, torch.arange(10)), 0, steps=3, only=("prompts",))
    assert torch.equal(before, reader.join[0].weight) and not torch.equal(prompts, reader.prompts)
