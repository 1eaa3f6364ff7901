"""Faces that are far from their templates, without a fit."""

from __future__ import annotations

import pytest
import torch

from asm_teach.avatar.track import Track, read_track
from asm_teach.data.assets import AssetUnavailable, asset_path
from asm_teach.data.heads import load_head
from asm_teach.model.adaptive import AdaptiveSkinningModel, SkinnedModel, StaticSkinningModel

HEAD = load_head()


def moved(model: SkinnedModel, size: float = 1.0, seed: int = 0) -> SkinnedModel:
    """Every bone by some 2 mm, 3 degrees and 5 per cent, unequal along its axes."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter, spread in ((model.translation, 2.0), (model.rotation, 0.05), (model.log_scale, 0.05)):
            parameter.copy_(size * spread * torch.randn(parameter.shape, generator=generator))
    return model


def adaptive() -> SkinnedModel:
    return moved(AdaptiveSkinningModel(HEAD.mesh, HEAD.rig, 2))


def static() -> SkinnedModel:
    """The artists' rig: 32 joints inside the head."""
    return moved(StaticSkinningModel(HEAD.mesh, HEAD.hand_rig, HEAD.hand_weights))


def recorded() -> Track:
    """The take of `llv-capture`: 180 frames in three seconds; a test without it is skipped."""
    try:
        return read_track(asset_path("llv-capture", "dao.gesichter", progress=False))
    except AssetUnavailable as error:
        pytest.skip(f"no fetched files: {error}")
