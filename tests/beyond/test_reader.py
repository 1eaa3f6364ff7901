"""The small network that reads units, its attention, and what it needs."""

from __future__ import annotations

import json

import pytest
import torch

import asm_teach as asm
from asm_teach.beyond.action_units import PROTOTYPES
from asm_teach.beyond.drawn_faces import NUMBERS
from asm_teach.beyond.reader import Reader, attention, attention_loss, load_reader, occlusion_maps, standard
from asm_teach.data.assets import data_dir
from tests.beyond.test_drawn_faces import crop_of


def test_light_that_changes_slowly_is_taken_away() -> None:
    generator = torch.Generator().manual_seed(0)
    crop = 0.3 + 0.1 * torch.rand(1, 64, 64, generator=generator)
    light = torch.linspace(0.8, 1.6, 64)
    before, after = standard(crop), standard(crop * light)
    assert float((before - after).abs().mean()) < 0.1 * float(before.abs().mean())
    window = crop[0, 20:31, 30:41]  # the 11 x 11 pixels around (25, 35)
    assert float(crop[0, 25, 35] - window.mean()) * float(before[0, 25, 35]) > 0


def test_the_loss_is_zero_for_the_same_shape_and_has_the_right_gradient() -> None:
    target = torch.rand(2, 8, 8, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    same = 3 * target[:, None].expand(-1, 5, -1, -1)
    assert float(attention_loss(same, target)) == pytest.approx(0, abs=1e-12)
    empty = torch.cat([target, torch.zeros(1, 8, 8, dtype=torch.float64)])
    features = torch.rand(3, 5, 8, 8, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: attention_loss(x, empty), (features,))
    assert float(attention_loss(features, empty).detach()) == pytest.approx(
        float(attention_loss(features[:2], target).detach())
    )


def test_the_map_finds_the_only_square_that_counts() -> None:
    class Looks(torch.nn.Module):
        def forward(self, crops):
            patch = crops[:, 16:24, 40:48].mean((1, 2))
            return torch.stack([0 * patch, patch], 1)

    crop = torch.zeros(1, 64, 64)
    crop[:, 16:24, 40:48] = 1
    found = occlusion_maps(Looks(), crop, [1])[0]
    assert found[2, 5] == pytest.approx(1 - 1 / 64) and int((found.abs() > 1e-6).sum()) == 1
    assert not occlusion_maps(Looks(), crop, [0]).any()
    assert occlusion_maps(Looks(), crop, [0, 1], side=16).shape == (1, 4, 4)


def test_a_stored_reader_reads_drawn_faces_of_an_unseen_person() -> None:
    head = asm.load_head()
    for name in ("plain", "taught"):
        reader, found = load_reader(name), 0
        for units in PROTOTYPES.values():
            with torch.no_grad():
                score = reader(crop_of(head, dict.fromkeys(units, 1.0), person=390)[None])[0]
            acts = torch.tensor([number in units for number in NUMBERS])
            found += int(((score > 0) == acts).sum())
        assert found > 0.85 * 7 * 17
    assert attention(reader.feature_map(torch.rand(2, 64, 64))).shape == (2, 8, 8)


def test_the_record_is_of_the_readers_that_are_stored() -> None:
    record = json.loads((data_dir() / "reader.json").read_text())
    assert {len(record[f"drawn 0 {seed}"]["scores"]) for seed in (0, 1, 2)} == {49}
    assert all(len(record["published"][0][kind]) == 7 for kind in (0, 1))


def test_bad_input_is_refused() -> None:
    with pytest.raises(ValueError, match="there is no reader 'mine'; choose from plain, taught"):
        load_reader("mine")
    with pytest.raises(ValueError, match=r"crops has shape \(2, 32, 32\)"):
        Reader()(torch.rand(2, 32, 32))
    with pytest.raises(ValueError, match="side is 7"):
        occlusion_maps(Reader(), torch.rand(1, 64, 64), [0], side=7)
    with pytest.raises(ValueError, match="units is empty"):
        occlusion_maps(Reader(), torch.rand(1, 64, 64), [])
