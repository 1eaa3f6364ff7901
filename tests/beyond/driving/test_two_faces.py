"""Attention with a mask and without, what leaks, and the stored networks."""

from __future__ import annotations

import json

import pytest
import torch

from asm_teach.beyond.driving.two_faces import (
    FACE,
    ExpressionEncoder,
    TwoFaces,
    attend,
    halves,
    leakage,
    load_two_faces,
    masked_attention,
)
from asm_teach.data.assets import data_dir

DRAWS = torch.Generator().manual_seed(0)


def test_attention_is_a_mean_of_the_values_by_shares() -> None:
    queries, keys = torch.randn(3, 4, generator=DRAWS), torch.randn(5, 4, generator=DRAWS)
    values = torch.randn(5, 2, generator=DRAWS)
    for position, query in enumerate(queries):
        scores = torch.tensor([float(query @ key) / 2 for key in keys])
        shares = scores.exp() / scores.exp().sum()
        assert torch.allclose(attend(queries, keys, values)[position], shares @ values, atol=1e-6)


def test_masked_attention_hears_its_own_driver_alone_and_has_the_right_gradient() -> None:
    queries = torch.randn(2, 6, 4, generator=DRAWS, dtype=torch.float64, requires_grad=True)
    keys = torch.randn(2, 2, 3, 4, generator=DRAWS, dtype=torch.float64, requires_grad=True)
    values = torch.randn(2, 2, 3, 5, generator=DRAWS, dtype=torch.float64, requires_grad=True)
    left = torch.tensor([1, 1, 1, 0, 0, 0.25], dtype=torch.float64)
    masks = torch.stack([left, 1 - left])
    heard = masked_attention(queries, keys, values, masks)
    assert torch.allclose(heard[:, :3], attend(queries, keys[:, 0], values[:, 0])[:, :3])
    own, other = (attend(queries, keys[:, c], values[:, c])[:, 5] for c in (1, 0))
    assert torch.allclose(heard[:, 5], 0.75 * own + 0.25 * other)
    assert torch.autograd.gradcheck(lambda *x: masked_attention(*x, masks), (queries, keys, values))


def test_only_a_mask_and_no_layer_behind_it_keeps_drivers_apart() -> None:
    torch.manual_seed(0)
    picture, codes = torch.rand(2, FACE, 2 * FACE), torch.randn(2, 2, 4, 8)
    other = codes.clone()
    other[:, 0] += 1
    for options, leaks in (({}, False), ({"masked": False}, True), ({"mixed": True}, True)):
        net = TwoFaces(**options)
        change = (net(picture, other) - net(picture, codes)).abs()
        assert float(change[..., :FACE].max().detach()) > 1e-3
        assert (float(change[..., FACE:].max().detach()) > 1e-5) == leaks, options
    soft = halves().clamp(0.1, 0.9)
    net = TwoFaces()
    assert float((net(picture, other, soft) - net(picture, codes, soft))[..., FACE:].abs().max().detach()) > 1e-3
    assert torch.equal(halves().sum(0), torch.ones(128))


def test_leakage_is_a_share_of_the_own_motion() -> None:
    assert leakage(torch.tensor([0.1, -0.1]), torch.tensor([1.0, -3.0])) == pytest.approx(0.05)
    with pytest.raises(ValueError, match="when_own: the face does not move"):
        leakage(torch.ones(2), torch.zeros(2))


def test_the_stored_networks_are_those_of_the_record() -> None:
    record = json.loads((data_dir() / "two_faces.json").read_text("utf-8"))
    assert {way: len(rows) for way, rows in record.items()} == dict.fromkeys(record, 3)
    assert all(row["leak"] == 0 for row in record["masked"]) and all(row["leak"] > 0 for row in record["shared"])
    encoder, nets = load_two_faces()
    picture, drivers = torch.rand(1, FACE, 2 * FACE), torch.rand(2, FACE, FACE)
    codes = encoder(drivers)[None]
    other = codes.flip(1)
    other[:, 1] = codes[:, 1]
    for way, leaks in (("masked", False), ("shared", True)):
        change = (nets[way](picture, other) - nets[way](picture, codes))[..., FACE:].abs().max()
        assert (float(change) > 1e-5) == leaks


def test_bad_input_is_refused() -> None:
    with pytest.raises(ValueError, match=r"drivers has shape \(1, 64, 64\)"):
        ExpressionEncoder()(torch.rand(1, 64, 64))
    with pytest.raises(ValueError, match=r"picture has shape \(1, 48, 48\)"):
        TwoFaces()(torch.rand(1, 48, 48), torch.rand(1, 2, 4, 8))
