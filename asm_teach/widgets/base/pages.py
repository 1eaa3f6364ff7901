"""Pages that are one file and ask for nothing: HTML with its style, its scripts and its numbers inside."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Iterable, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import torch
from PIL import Image
from torch import Tensor

from asm_teach.base.files import whole
from asm_teach.data.heads import load_head
from asm_teach.data.skin_tones import CLAY
from asm_teach.drawing import portrait, still
from asm_teach.formats.checks.outputs import MARK, check_output, signed
from asm_teach.geometry.mesh import Mesh
from asm_teach.widgets.base.colours import SCALAR_MAPS

WIDGETS = "asm_teach.widgets"


def one_file(html: str, styles: Iterable[str], scripts: Iterable[str], data: Mapping[str, Any], name: str) -> str:
    """A page as a text: `html` with {{style}}, {{scripts}} and {{data}} filled in, signed as the file `name`.

    Args:
        html: a file, by its place in `asm_teach/widgets`, such as "playground/page.html".
        styles: files of CSS.
        scripts: files of JavaScript, in the order in which they run.
        data: what the scripts read from the element `data`.
        name: of the file that the page becomes where the user gives none.
    """
    # "</" would end the script that carries the data, whatever stands in a bone's name
    text = json.dumps(data, allow_nan=False).replace("</", "<\\/")
    page = _read(html).replace("{{style}}", "\n".join(map(_read, styles)))
    page = page.replace("{{scripts}}", "\n".join(map(_read, scripts))).replace("{{data}}", text)
    return signed(f"{page}<!-- {MARK} -->\n".encode(), name).decode()


def _read(file: str) -> str:
    return files(WIDGETS).joinpath(file).read_text("utf-8")


def save_page(page: str, path: Path) -> None:
    """Write a page to a file, whole or not at all. Raises ValueError for a place that cannot be written to."""
    check_output(path, name="path")
    with whole(path) as part:
        part.write_bytes(page.encode())


def surface_data(mesh: Mesh, uv: Tensor) -> dict[str, Any]:
    """What `surface.js` and `view.js` need to draw a mesh whose vertices lie at `uv` (V, 2): skin, light, colours."""
    count = len(mesh.vertices)
    known = portrait.finish_of(count, mesh.faces.cpu().numpy())
    finish = portrait.BARE[None].repeat(count, 0) if known is None else known.values
    lids = np.zeros((0, 3)) if known is None else known.lids
    ramp = matplotlib.colormaps[SCALAR_MAPS["weights"]](np.linspace(0, 1, 16))[:, :3]
    return {
        "uv": pack(uv),
        "faces": pack(mesh.faces, "<u2"),
        "views": {name: list(angles) for name, angles in still.VIEWS.items()},
        "fov": still.FIELD_OF_VIEW,
        "margin": still.MARGIN,
        "skin": _jpeg(skin_of(mesh)),
        "light": portrait.FUNCTIONS,
        "clay": list(CLAY),
        "inside": list(portrait.INSIDE),
        "finish": pack(torch.as_tensor(finish)),
        "lids": pack(torch.as_tensor(lids), "<u2"),
        "ramp": ramp.round(4).tolist(),
    }


def pack(values: Tensor, kind: str = "<f4") -> str:
    """An array as base64: little-endian, C order."""
    return base64.b64encode(values.detach().cpu().numpy().astype(kind).tobytes()).decode()


def skin_of(mesh: Mesh) -> Tensor | None:
    """The picture (H, W, 3) on a mesh: its own, or the embedded head's for a mesh on its chart, as saved models are."""
    head = load_head().mesh
    if mesh.texture is not None or mesh.uv is None or head.uv is None or mesh.uv.shape != head.uv.shape:
        return mesh.texture
    return head.texture if (head.uv - mesh.uv.cpu()).abs().max() < 1e-4 else None


def _jpeg(picture: Tensor | None) -> str | None:
    """A picture (H, W, 3) as a JPEG in base64."""
    if picture is None:
        return None
    file = io.BytesIO()
    pixels = (255 * picture).round().clamp(0, 255).byte().cpu().numpy()
    Image.fromarray(pixels).save(file, "JPEG", quality=85, optimize=True)
    return base64.b64encode(file.getvalue()).decode()
