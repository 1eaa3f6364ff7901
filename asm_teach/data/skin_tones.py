"""The colours of heads: clay where there is no texture, and eight tones of skin for people who are sampled.

The colours are our own choice (CC0), spread over the range of the medians of MakeHuman's skins; no picture is copied.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from PIL import Image, ImageDraw

from asm_teach.geometry.mesh import Mesh

CLAY = (0.80, 0.735, 0.675)  # of a head without a texture, and where each scale of colours begins; as screens show it
PAINTED = (0.800, 0.569, 0.463)  # the median of the embedded texture: the tone that it is painted in
TONES: tuple[tuple[float, float, float], ...] = (
    PAINTED,
    (0.900, 0.715, 0.600),
    (0.845, 0.640, 0.510),
    (0.760, 0.535, 0.390),
    (0.655, 0.460, 0.345),
    (0.550, 0.385, 0.295),
    (0.440, 0.310, 0.245),
    (0.345, 0.252, 0.208),
)
"""Red, green, blue in [0, 1]; the first is that of the texture itself."""


def tint(tone: int) -> tuple[float, float, float]:
    """What the embedded texture is multiplied by to be of a tone, 0 to 7. Raises ValueError for another number."""
    if tone not in range(len(TONES)):
        raise ValueError(
            f"tone is {tone!r}: give a whole number from 0, as the texture is painted, to {len(TONES) - 1}"
        )
    red, green, blue = (wanted / painted for wanted, painted in zip(TONES[tone], PAINTED, strict=True))
    return red, green, blue


def in_tone(mesh: Mesh, tone: int) -> Mesh:
    """An embedded head with its skin in a tone, 0 to 7: eyes and teeth keep their colours.

    Raises:
        ValueError: another number, or a mesh without a texture.
    """
    factor = torch.tensor(tint(tone))
    if mesh.texture is None:
        raise ValueError("mesh has no texture to be toned: give the head `makehuman`, or a person sampled from it")
    rows, columns = mesh.texture.shape[:2]
    kept = Image.new("1", (columns, rows))
    pen, uv = ImageDraw.Draw(kept), mesh.vertex_uv().cpu().numpy()
    for name in {"eyes", "teeth"} & mesh.parts.keys():
        for corners in mesh.faces[mesh.parts[name]].tolist():
            pen.polygon([(columns * uv[k, 0], rows * (1 - uv[k, 1])) for k in corners], fill=1)
    keep = torch.from_numpy(np.array(kept))[..., None]
    return replace(mesh, texture=torch.where(keep, mesh.texture, (mesh.texture * factor.to(mesh.texture)).clamp(0, 1)))
