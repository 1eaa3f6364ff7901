"""The device is chosen once, by name or by what is there."""

from __future__ import annotations

import pytest
import torch

from asm_teach.base.device import pick_device


@pytest.mark.parametrize(("there", "expected"), [(True, "cuda"), (False, "cpu")])
def test_auto_is_the_gpu_when_there_is_one(there, expected, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: there)
    assert pick_device().type == expected
    assert pick_device("auto").type == expected


def test_a_device_that_is_there_is_taken(device):
    assert pick_device(device) == device
    assert pick_device(str(device)) == device
    assert torch.zeros(1, device=pick_device(device)).device.type == device.type


@pytest.mark.parametrize("name", ["cuda", "cuda:1", torch.device("cuda")])
def test_a_gpu_that_is_not_there_is_said_to_be_missing(name, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ValueError, match="no GPU is available; use 'auto' or 'cpu'"):
        pick_device(name)


@pytest.mark.parametrize("name", ["gpu", "", "cpu:zero"])
def test_a_word_that_is_no_device_is_refused(name):
    with pytest.raises(ValueError, match=f"device: '{name}' is not a device; use 'auto', 'cpu' or 'cuda'"):
        pick_device(name)


def test_a_device_without_double_precision_is_refused():
    with pytest.raises(ValueError, match=r"device: 'mps' is not supported \(weights need float64\); use 'auto'"):
        pick_device("mps")
