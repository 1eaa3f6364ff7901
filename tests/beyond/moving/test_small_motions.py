"""Maps of flow, their four areas, and readers that are tested on a person left out."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import asm_teach as asm
from asm_teach.beyond.drawn_faces import person_at_rest
from asm_teach.beyond.moving.small_motions import (
    CLASSES,
    AreaReader,
    Block,
    MicroSet,
    confusion,
    draw_micro,
    flow_map,
    four_areas,
    leave_one_out,
    uf1_uar,
    video_camera,
)

HEAD = asm.load_head()


def test_flow_is_the_difference_of_two_projections() -> None:
    camera, rest = video_camera(), person_at_rest(HEAD, 400)
    shift = torch.tensor([2.0, -1.0, 0.0])  # mm: to the right and down
    flow = flow_map(rest, rest + shift, HEAD.mesh.faces, camera)
    seen = flow[2] > 0
    assert seen.float().mean() > 0.4
    depth = camera.depth(rest).mean()
    assert flow[0][seen].mean() == pytest.approx(float(2 * camera.focal / depth), rel=0.05)
    assert flow[1][seen].mean() == pytest.approx(float(1 * camera.focal / depth), rel=0.05)  # rows go down
    assert torch.allclose(flow[2], flow[:2].norm(dim=0))
    assert not flow_map(rest, rest, HEAD.mesh.faces, camera).any()


def test_a_smile_moves_the_lips_and_leaves_the_brows() -> None:
    camera, rest = video_camera(), person_at_rest(HEAD, 400)
    smile = HEAD.offsets(expressions={"mouthSmileLeft": 0.1, "mouthSmileRight": 0.1})
    flow = flow_map(rest, rest + smile, HEAD.mesh.faces, camera)
    assert 0.5 < flow[2, 14:].max() < 5  # pixels: a tenth of a smile
    assert flow[2, :7].max() < 0.1


def test_the_four_areas_lie_where_they_belong() -> None:
    columns = torch.arange(28.0).expand(28, 28)
    flow = torch.stack([columns, columns.T, columns])[None]  # channel 0 is the column, channel 1 the row
    tiled = four_areas(flow, torch.tensor([[[9.0, 8], [20, 7], [11, 19], [26, 20]]]))[0]
    assert tiled.shape == (3, 28, 28)
    assert tiled[:2, 7, 7].tolist() == [9, 8] and tiled[:2, 7, 21].tolist() == [20, 7]
    assert tiled[:2, 21, 7].tolist() == [11, 19]
    assert tiled[0, 21, 14:].tolist() == list(range(14, 28))  # moved inside


def test_draws_have_the_counts_and_repeat() -> None:
    one, same = (draw_micro(HEAD, range(400, 402), 3) for _ in range(2))
    assert one.flow.shape == (40, 3, 28, 28) and one.labels.bincount().tolist() == [20, 12, 8]
    assert torch.equal(one.flow, same.flow) and one.people.unique().tolist() == [400, 401]
    calm = draw_micro(HEAD, range(400, 401), 3, 0.0, 0.0, 0.0)
    assert calm.flow[:, 2].mean() < one.flow[:, 2].mean()


def test_attention_mixes_only_the_tokens_of_a_row() -> None:
    block = Block(8)
    tokens = torch.randn(3, 4, 8)
    changed = tokens.clone()
    changed[1, 2, 0] += 3
    off = (block(changed) - block(tokens)).abs().amax(-1)
    assert (off[1] > 1e-6).all() and not off[[0, 2]].any()
    one = torch.randn(5, 1, 8)  # among one token the weights are 1
    value = block.queries_keys_values(one)[..., 16:]
    assert torch.allclose(block.attend(one), block.out(value), atol=1e-6)


def test_attention_has_the_right_gradient() -> None:
    block = Block(4).double()
    assert torch.autograd.gradcheck(block, torch.randn(2, 3, 4, dtype=torch.float64, requires_grad=True))


def test_a_local_reader_sees_each_patch_where_it_lies() -> None:
    torch.manual_seed(0)
    reader = AreaReader(local=True).eval()
    flow, found = torch.randn(1, 3, 28, 28), []
    reader.near.register_forward_pre_hook(lambda _, inputs: found.append(inputs[0]))
    changed = flow.clone()
    changed[0, :, 3, 20] += 1  # upper right quarter, its left patch of the upper row
    reader(flow), reader(changed)
    quarter, patch, _ = (found[0] != found[1]).nonzero().T
    assert quarter.unique().tolist() == [1] and patch.unique().tolist() == [0]
    assert reader(flow).shape == (1, len(CLASSES)) == AreaReader(local=False)(flow).shape


def test_one_person_is_left_out_and_the_others_teach() -> None:
    generator = torch.Generator().manual_seed(0)
    labels, people = torch.arange(120) % 3, torch.arange(120) // 20
    inputs = nn.functional.one_hot(labels).float() + 0.1 * torch.randn(120, 3, generator=generator)
    inputs[people == 5] = inputs[people == 5].roll(1, 1)  # the last person does everything differently
    data = MicroSet(torch.zeros(120, 3, 28, 28), labels, people, torch.zeros(120, 4, 2))
    folds = leave_one_out(inputs, data, lambda: nn.Linear(3, 3), 0, epochs=10, rate=0.1)
    right = {person: float((fold.said[-1] == fold.true).float().mean()) for person, fold in folds.items()}
    assert sorted(folds) == [0, 1, 2, 3, 4, 5] and folds[0].said.shape == (10, 20)
    assert min(right[person] for person in range(5)) > 0.8 and right[5] < 0.1


def test_scores_count_each_class_alike() -> None:
    counts = confusion(torch.tensor([0] * 8 + [1, 2]), torch.tensor([0] * 8 + [0, 2]))
    f1, recall = uf1_uar(counts)
    assert recall == pytest.approx((1 + 0 + 1) / 3)
    assert f1 == pytest.approx((16 / 17 + 0 + 1) / 3)
    with pytest.raises(ValueError, match="class 1 has no example"):
        uf1_uar(confusion(torch.tensor([0, 2]), torch.tensor([0, 2])))
