"""The named expressions of any head: the embedded head's 51 shapes (ARKit's names), as its own face makes them.

What the skin does is carried over (`transfer`), not the bones' numbers, which two faces share out differently (lesson
11, question 14). Then what must meet is made to meet: lids close, lips do not pass through each other, the scalp stays.
A head scanned with closed eyes, or with lips that are one surface, cannot open them: there both sides move together.
"""

from __future__ import annotations

import copy
from typing import NamedTuple

import torch
from torch import Tensor

from asm_teach.avatar.inside import hard_pieces, place_inside
from asm_teach.avatar.openings import (
    EYES,
    MOUTH,
    Lips,
    close_lids,
    is_sealed,
    is_shut,
    lids,
    lips,
    part_lips,
    together,
)
from asm_teach.avatar.rest_pose import NOT_FINITE
from asm_teach.avatar.transfer import TemplateShapes, carried, template_shapes
from asm_teach.fitting.result import Fit
from asm_teach.geometry.alignment import align_points
from asm_teach.model.adaptive import SkinnedModel

_TOLERANCE = 0.1  # mm by which lips may pass through each other, beyond what they do at rest
TOGETHER = {"mouthClose": "jawOpen"}
"""Shapes that are meant to come with another one: by ARKit's definition the first closes the lips of an open jaw."""


class Expressions(NamedTuple):
    """Named shapes of one face.

    Attributes:
        names: E names.
        offsets: (E, V, 3) mm, float64: what each shape of amount 1 adds to the vertices of the face, whose inside
            `face_of` placed.
        notes: what this face cannot open, one sentence each.
    """

    names: tuple[str, ...]
    offsets: Tensor
    notes: tuple[str, ...] = ()

    def by_name(self) -> dict[str, Tensor]:
        """name -> (V, 3) mm."""
        return dict(zip(self.names, self.offsets, strict=True))

    def moved(self, amounts: dict[str, float]) -> Tensor:
        """(V, 3) mm that shapes of these amounts add together. Raises ValueError for a name that is not there."""
        if unknown := sorted(set(amounts) - set(self.names)):
            raise ValueError(
                f"amounts: no shape is called {unknown[0]!r}; `names` lists the {len(self.names)} there are"
            )
        rows = [self.names.index(name) for name in amounts]
        share = torch.tensor(list(amounts.values()), dtype=self.offsets.dtype)
        return torch.einsum("e,evx->vx", share, self.offsets[rows])


@torch.no_grad()
def expression_shapes(model: SkinnedModel | Fit, template: TemplateShapes | None = None) -> Expressions:
    """The 51 expressions of a fitted face, to be added to its vertices `face_of(model)`.

    Args:
        model: an adaptive or a static model, or a fit, whose model is taken. If its mesh is none of the embedded
            heads, the embedded head is fitted to its template first, which takes half a minute.
        template: what `template_shapes` found for this mesh, to spare that for a second face.

    Returns:
        The shapes, with a note on each eye that is closed and on lips that are one surface: these cannot open.

    Raises:
        ValueError: a mesh without landmarks that is no embedded head; a model that is not finite.
    """
    skinned = model.model if isinstance(model, Fit) else model
    exact = copy.deepcopy(skinned).cpu().double().requires_grad_(False)
    fitted = exact()
    vertices = place_inside(exact.mesh, fitted)
    if not vertices.isfinite().all():
        raise ValueError(NOT_FINITE)
    template = template_shapes(skinned.mesh) if template is None else template
    offsets = carried(template.offsets, template.vertices, fitted)
    face, names = exact.mesh.with_vertices(vertices), template.names
    for rows in hard_pieces(face):  # the one similarity that placed them keeps their form in every expression
        scale, rotation, _ = align_points(template.vertices[rows], vertices[rows], scale=True)
        offsets[:, rows] = scale * template.offsets[:, rows] @ rotation.T
    notes: list[str] = []
    for name, margin in template.margins.items():
        shape = names.index(f"eyeBlink{name}")
        if is_shut(face, name):
            offsets[shape] = 0.0
            offsets = together(face, EYES[name], offsets)
            notes.append(
                f"{name.lower()} eye: its lids are closed at rest, so they cannot open; they move together, and "
                f"eyeBlink{name} moves nothing"
            )
        else:
            offsets[shape] = close_lids(lids(face, name, margin), vertices, offsets[shape])
    if is_sealed(face, MOUTH):
        for close, opened in TOGETHER.items():
            offsets[names.index(opened)] += offsets[names.index(close)]
            offsets[names.index(close)] = 0.0
        offsets = together(face, MOUTH, offsets)
        notes.append(
            "mouth: its lips are one surface, so they cannot open; they move together, and mouthClose moves nothing"
        )
    else:
        _part_lips(lips(face), vertices, Expressions(names, offsets))
    offsets[:, template.scalp] = 0.0
    return Expressions(names, offsets, tuple(notes))


def _part_lips(mouth: Lips, start: Tensor, shapes: Expressions) -> None:
    """Change, in place, the shapes that bring one lip through the other by more than at rest."""
    allowed = _TOLERANCE + float(mouth.through(start).norm(dim=1).max())
    lip = torch.cat([mouth.upper, mouth.lower])
    for row, name in enumerate(shapes.names):
        together = shapes.offsets[shapes.names.index(TOGETHER[name])] if name in TOGETHER else 0.0
        if shapes.offsets[row, lip].norm(dim=1).max() > _TOLERANCE:
            shapes.offsets[row] += part_lips(mouth, start, start + together + shapes.offsets[row], allowed)
