"""The page of the track player: a head with its named shapes, a recorded face and sliders that edit it, in one file.

`performer.js` moves the vertices, `player.js` keeps the time, `page.js` has the sliders and the words; the camera, the
light and the inputs are those of the playground's files. Here they meet a head's numbers.
"""

from __future__ import annotations

import copy
from typing import Any

import roma
import torch
from torch import Tensor

from asm_teach.avatar.editing import PARTS, slider_motions
from asm_teach.avatar.expressions import Expressions
from asm_teach.avatar.performer import Performer
from asm_teach.avatar.sliders import SLIDERS
from asm_teach.avatar.track import CHANNELS, Track
from asm_teach.fitting.result import Fit
from asm_teach.formats.mesh_files import doubled_on_seams
from asm_teach.model.adaptive import SkinnedModel
from asm_teach.widgets.base.pages import one_file, pack, surface_data

NAME = "avatar.html"  # of the file, where the user gives none
STYLES = ("playground/page.css", "track_player/page.css")
SCRIPTS = (
    *(f"playground/{name}.js" for name in ("mesh", "surface", "programs", "view", "inputs", "hands")),
    *(f"track_player/{name}.js" for name in ("performer", "player", "page")),
)
_COARSE = 127  # the same of a slider, of which a vertex far from it moves by less than one
_STEPS = 32_000  # the whole numbers that a shape's largest offset, or a track's largest amount, is stored as
_MOST = 65_535  # vertices that 16 bits can count


def write_page(model: SkinnedModel | Fit, track: Track | None = None, shapes: Expressions | None = None) -> str:
    """The page as a text: HTML with all that it needs in it, some 1.3 MB for the embedded head.

    Args:
        model: an adaptive or a static model, or a fit, whose model is taken.
        track: what the page plays; without one it has sliders alone.
        shapes: what `expression_shapes` found for this model, to spare the time.

    Raises:
        ValueError: a mesh without landmarks that is no embedded head, or one with too many vertices.
    """
    data = page_data(model, Performer.of(model, shapes), track)
    return one_file("track_player/page.html", STYLES, SCRIPTS, data, NAME)


def page_data(
    model: SkinnedModel | Fit, performer: Performer, track: Track | None = None, edits: bool = True
) -> dict[str, Any]:
    """All numbers of the page, the long ones in base64; without `edits` it has no sliders that change the face."""
    skinned = model.model if isinstance(model, Fit) else model
    mesh = skinned.mesh.to("cpu")
    count = len(mesh.vertices)
    rows, faces, uv = torch.arange(count), mesh.faces, mesh.uv
    if uv is None:
        uv = torch.zeros(count, 2)
    elif mesh.uv_faces is not None:
        rows, faces, uv = doubled_on_seams(faces, uv, mesh.uv_faces, count)
    if len(rows) > _MOST:
        raise ValueError(f"model: {len(rows)} vertices; the page has room for {_MOST:,}")
    seams = len(rows) > count
    drawn = mesh if not seams else type(mesh)(mesh.vertices[rows], faces, uv, texture=mesh.texture)
    return {
        **surface_data(drawn, uv),
        "rest": pack(performer.vertices),
        "rows": pack(rows, "<u2") if seams else None,
        "shapes": [_shape(name, offset) for name, offset in zip(performer.names, performer.offsets, strict=True)],
        "edits": _edits(skinned) if edits else [],
        "share": pack(performer.share),
        "middle": performer.middle.tolist(),
        "turns": int(performer.share.any()),
        "track": None if track is None else _track(track, performer.names),
    }


def _shape(name: str, offset: Tensor) -> dict[str, Any]:
    """A shape (V, 3) mm as the vertices that it moves and whole numbers, of which one is `size` mm."""
    return {"name": name, **_sparse(offset, _STEPS, "<i2")}


def _sparse(offset: Tensor, most: int, kind: str) -> dict[str, Any]:
    size = float(offset.abs().max()) / most or 1.0
    steps = (offset / size).round()
    (rows,) = steps.any(1).nonzero(as_tuple=True)
    return {"rows": pack(rows, "<u2"), "values": pack(steps[rows], kind), "size": size}


@torch.no_grad()
def _edits(model: SkinnedModel) -> list[dict[str, Any]]:
    """The sliders that change the face, each with what a millimetre of it adds to the vertices."""
    face, known, found = model().detach(), {slider.name: slider for slider in SLIDERS}, []
    moved, start = copy.deepcopy(model), {part: getattr(model, part).detach() for part in PARTS}
    for name, motion in slider_motions(model).items():
        for part, columns in PARTS.items():
            getattr(moved, part).copy_(start[part] + motion[:, columns].to(start[part]))
        about = {key: getattr(known[name], key) for key in ("name", "label", "low", "high", "step")}
        found.append({**about, **_sparse((moved() - face).cpu(), _COARSE, "<i1")})
    return found


def _track(track: Track, names: tuple[str, ...]) -> dict[str, Any]:
    """A track as whole numbers, of which one is `size`, of the shapes that it moves."""
    moved = [k for k, name in enumerate(CHANNELS) if name in names and track.amounts[:, k].any()]
    size = max(float(track.amounts.abs().max()), 1e-6) / _STEPS
    return {
        "times": pack(track.times),
        "amounts": pack((track.amounts[:, moved] / size).round(), "<i2"),
        "size": size,
        "columns": [names.index(CHANNELS[k]) for k in moved],
        "heads": pack(roma.rotvec_to_unitquat(track.head)),
        "sound": None
        if track.sound is None
        else pack(torch.frombuffer(bytearray(track.sound), dtype=torch.uint8), "u1"),
    }
