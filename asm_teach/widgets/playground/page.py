"""The playground: an adaptive model as one HTML file that needs no kernel and no network.

What runs in the page lies beside this file: `bones.js` keeps the parameters, `mesh.js` what follows from the triangles,
`weights.js` evaluates eq. (2), `programs.js` has eqs. (1) and (3) for the graphics card and `face.js` runs them.
`view.js` keeps the camera and `hands.js` turns it; `words.js` says what is shown, `history.js` undoes it, `controls.js`
has the sliders, `share.js` saves pictures and makes links, and `page.js` joins all. Here they meet a model's numbers.
"""

from __future__ import annotations

import base64
import io
import json
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
from asm_teach.data.skin_tones import TONES, tint
from asm_teach.drawing import portrait, still
from asm_teach.formats.checks.outputs import MARK, check_output, signed
from asm_teach.model.adaptive import AdaptiveSkinningModel, SkinnedModel
from asm_teach.widgets.base.colours import SCALAR_MAPS
from asm_teach.widgets.base.pose import parameters
from asm_teach.widgets.playground.people import EXPRESSIONS, new_model, solve_shapes
from asm_teach.widgets.playground.sliders import ROOM, sliders_for

NAME = "playground.html"  # of the file, where the user gives none
BLOCK = 1024  # four-vectors: the 16 kB that a uniform buffer has on every device
SCRIPTS = (
    "mesh.js", "bones.js", "weights.js", "programs.js", "face.js", "view.js", "hands.js", "words.js", "history.js",
    "controls.js", "share.js", "page.js",
)  # fmt: skip


def write_page(model: SkinnedModel | None = None) -> str:
    """The page as a text: HTML with all that it needs in it, about 500 kB for the embedded head.

    Takes five to ten seconds, in which the motions of other people and of expressions are solved for.

    Args:
        model: an adaptive model, by default the embedded head at rest.

    Raises:
        ValueError: a model that the page cannot show: a static one, or one with too many bones or vertices.
    """
    if model is None:
        model = new_model(load_head())
    if not isinstance(model, AdaptiveSkinningModel):
        raise ValueError(f"model: the page shows an adaptive model, found a {type(model).__name__}")
    if 6 * len(model.rig) > BLOCK:
        raise ValueError(
            f"model: {len(model.rig)} bones do not fit into the 16 kB of a uniform buffer; "
            f"there is room for {BLOCK // 6}, so merge some"
        )
    if len(model.vertices) > 65535:
        raise ValueError(f"model: {len(model.vertices)} vertices; the page has room for 65,535")
    parts = {name: files(__package__).joinpath(name).read_text("utf-8") for name in ("page.html", "page.css", *SCRIPTS)}
    # "</" would end the script that carries the data, whatever stands in a bone's name
    data = json.dumps(page_data(model), allow_nan=False).replace("</", "<\\/")
    page = parts["page.html"].replace("{{style}}", parts["page.css"])
    page = page.replace("{{scripts}}", "\n".join(parts[n] for n in SCRIPTS)).replace("{{data}}", data)
    return signed(f"{page}<!-- {MARK} -->\n".encode(), NAME).decode()


def save_page(page: str, path: Path) -> None:
    """Write a page to a file, whole or not at all. Raises ValueError for a place that cannot be written to."""
    check_output(path, name="path")
    with whole(path) as part:
        part.write_bytes(page.encode())


def page_data(model: AdaptiveSkinningModel) -> dict[str, Any]:
    """All numbers of the page, the long ones in base64: vertices and chart, parameters, people, colours, lights."""
    mean, directions, expressions = solve_shapes(model)
    mesh, picture = model.mesh, texture(model)
    known = portrait.finish_of(len(model.vertices), mesh.faces.cpu().numpy())
    finish = portrait.BARE[None].repeat(len(model.vertices), 0) if known is None else known.values
    lids = np.zeros((0, 3)) if known is None else known.lids
    ramp = matplotlib.colormaps[SCALAR_MAPS["weights"]](np.linspace(0, 1, 16))[:, :3]
    return {
        "bones": list(model.rig.names),
        "parents": model.rig.parents.tolist(),
        "images": model.rig.mirror_images(),
        "components": model.components,
        "vertices": pack(model.vertices),
        "uv": pack(model.uv),
        "faces": pack(mesh.faces, "<u2"),
        "start": {name: pack(values) for name, values in parameters(model).items()},
        "sliders": sliders_for(model.rig),
        "room": ROOM,
        "people": {"mean": pack(mean), "directions": pack(directions), "count": len(directions)},
        "expressions": [
            {"label": label, "motion": pack(motion)} for label, motion in zip(EXPRESSIONS, expressions, strict=False)
        ],
        "views": {name: list(angles) for name, angles in still.VIEWS.items()},
        "fov": still.FIELD_OF_VIEW,
        "margin": still.MARGIN,
        "skin": picture,
        "light": portrait.FUNCTIONS,
        "clay": list(portrait.CLAY),
        "inside": list(portrait.INSIDE),
        "finish": pack(torch.as_tensor(finish)),
        "lids": pack(torch.as_tensor(lids), "<u2"),
        "tone": list(TONES[0]),
        "tints": [tint(tone) for tone in range(len(TONES))] if picture else [],
        "ramp": ramp.round(4).tolist(),
    }


def pack(values: Tensor, kind: str = "<f4") -> str:
    """An array as base64: little-endian, C order."""
    return base64.b64encode(values.detach().cpu().numpy().astype(kind).tobytes()).decode()


def texture(model: AdaptiveSkinningModel) -> str | None:
    """The skin as a JPEG in base64: the mesh's own, or the embedded head's for a model on its chart; else None."""
    picture, head = model.mesh.texture, load_head()
    if picture is None and head.mesh.vertex_uv().shape == model.uv.shape:
        picture = head.mesh.texture if (head.mesh.vertex_uv() - model.uv.cpu()).abs().max() < 1e-4 else None
    if picture is None:
        return None
    file = io.BytesIO()
    pixels = (255 * picture).round().clamp(0, 255).byte().cpu().numpy()
    Image.fromarray(pixels).save(file, "JPEG", quality=85, optimize=True)
    return base64.b64encode(file.getvalue()).decode()
