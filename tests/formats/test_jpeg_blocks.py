"""The steps between a JPEG file's blocks are found where there are blocks, wherever they begin, and nowhere else."""

from __future__ import annotations

import io

import pytest
import torch
from PIL import Image
from torch import Tensor
from torch.nn.functional import avg_pool2d

from asm_teach.data.heads import load_head
from asm_teach.formats.jpeg_blocks import block_edges
from asm_teach.formats.pictures import picture_tensor, to_pillow


def skin() -> Tensor:
    """Skin with its pores, (256, 256, 3); halved, which hides the blocks of its own file."""
    texture = load_head().mesh.texture
    assert texture is not None
    return halved(texture[200:712, 300:812])


def halved(picture: Tensor) -> Tensor:
    return avg_pool2d(picture.permute(2, 0, 1), 2).permute(1, 2, 0).contiguous()


def compressed(picture: Tensor, quality: int) -> Tensor:
    buffer = io.BytesIO()
    to_pillow(picture).save(buffer, format="JPEG", quality=quality)
    return picture_tensor(Image.open(buffer), None)


def test_blocks_stand_out_the_more_the_stronger_the_compression() -> None:
    edges = [block_edges(compressed(skin(), quality)) for quality in (95, 30, 10, 5)]
    assert edges == sorted(edges)
    assert edges[0] < 1.3 and edges[-1] > 3.5


def test_without_compression_nothing_stands_out() -> None:
    generator = torch.Generator().manual_seed(0)
    assert block_edges(skin()) < 1.3
    assert block_edges(torch.rand(200, 200, 3, generator=generator)) == pytest.approx(1.0, abs=0.1)
    assert block_edges(torch.full((64, 64, 3), 0.5)) < 1


@pytest.mark.parametrize("corner", [(0, 0), (3, 5), (7, 1)])
def test_a_cropped_picture_shows_its_blocks_all_the_same(corner: tuple[int, int]) -> None:
    down, across = corner
    assert block_edges(compressed(skin(), 5)[down:, across:]) > 3.5


def test_stripes_in_one_direction_are_no_blocks() -> None:
    stripes = torch.arange(128).div(8, rounding_mode="floor").remainder(2).float()[None, :, None].expand(128, 128, 3)
    generator = torch.Generator().manual_seed(0)
    noisy = stripes + 0.02 * torch.randn(128, 128, 3, generator=generator)
    assert block_edges(noisy) < 1.3


def test_scaling_hides_the_blocks_and_small_pictures_have_none() -> None:
    assert block_edges(halved(compressed(skin(), 5))) < 0.7 * block_edges(compressed(skin(), 5))
    assert block_edges(torch.rand(12, 12, 3)) == 1.0
