"""Which part of a file's mesh the model gets: one piece, outside out, down to the neck, with a rim."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from asm_teach.geometry.mesh import Mesh
from asm_teach.geometry.mesh_edges import connected_pieces
from asm_teach.geometry.surface_points import Points, Skin
from asm_teach.new_head.place_bones import Guide
from asm_teach.new_head.repair import (
    Patch,
    boundary_loops,
    grow_disc,
    handles,
    proper,
    turn_together,
    weld,
    without_knots,
)

_BUST = 60.0  # mm below the source's neck from which a mesh counts as more than a head
_BELOW = 10.0  # mm of neck that are kept below it
_NEAREST = 0.97  # of a closed surface that nothing else opens, this share of the faces, nearest to the face, is kept


def main_piece(patch: Patch, marks: Points) -> Patch:
    """The welded piece that holds the landmarks, without knots, its faces all turned the same way."""
    faces = weld(patch.vertices, patch.faces)[patch.faces]
    patch = Patch(patch.vertices, faces, patch.ids).keep(proper(faces))
    known = marks[np.isfinite(marks).all(1)]
    while True:
        if len(patch.faces) == 0:
            raise ValueError("mesh: its faces hang together in no surface (more than two at most edges): repair it")
        piece = connected_pieces(torch.from_numpy(patch.faces)).numpy()
        if piece.any():
            held = piece[Skin(patch.vertices, patch.faces).put(known).face]
            patch = patch.keep(piece == np.bincount(held).argmax())
        keep = without_knots(patch.faces)
        if keep.all():
            return patch._replace(faces=turn_together(patch.faces))
        patch = patch.keep(keep)


def outside_out(patch: Patch, guide: Guide, notes: list[str]) -> Patch:
    """The patch, turned over if it is inside out: where landmarks lie, its faces look against the source's."""
    points, facing = guide.marks()
    skin = Skin(patch.vertices, patch.faces)
    against = (skin.looks[skin.put(points).face] * facing).sum(1) < 0
    if against.mean() < 0.5:
        return patch
    notes.append("faces: it was inside out, so all faces were turned over")
    return patch._replace(faces=patch.faces[:, ::-1].copy())


def without_body(raw: Patch, main: Patch, guide: Guide, marks: Points, notes: list[str]) -> tuple[Patch, Patch]:
    """Both patches cut off at the source's neck, where the mesh goes on below it or is closed."""
    height = _above_neck(guide, main.vertices)
    if height is None or (height[main.used].min() > -_BUST and boundary_loops(main.faces)):
        return raw, main
    cut_raw, cut = (patch.keep(np.all(height[patch.faces] > -_BELOW, axis=1)) for patch in (raw, main))
    if len(cut.faces) == len(main.faces):
        return raw, main
    cut = main_piece(cut, marks)
    notes.append(f"neck: cut off there, {len(main.used) - len(cut.used)} vertices below it are left out")
    return cut_raw, cut


def _above_neck(guide: Guide, points: Points) -> NDArray[np.float64] | None:
    """(n,) mm above the plane through the rim of the source's neck; None for a source without a rim."""
    faces = guide.source.mesh.faces.numpy()
    loops = boundary_loops(main_piece(Patch(guide.vertices, faces, np.arange(len(faces))), guide.source_marks).faces)
    if not loops:
        return None
    rim = guide.vertices[min(loops, key=lambda loop: guide.vertices[loop, 1].mean())]
    normal = np.linalg.svd(rim - rim.mean(0), full_matrices=False)[2][2]
    normal = normal * np.sign(normal[1])
    return (guide.warp.placement.backward(points) - rim.mean(0)) @ normal * guide.warp.placement.scale


def with_a_rim(patch: Patch, marks: Points, notes: list[str]) -> Patch:
    """A patch that can be laid out: a closed one opened behind, one with handles cut along seams."""
    centre = np.nanmean(marks, 0)
    away = np.linalg.norm(patch.vertices[patch.faces].mean(1) - centre, axis=1)
    if not boundary_loops(patch.faces):
        patch = main_piece(patch.keep(away <= np.quantile(away, _NEAREST)), marks)
        notes.append("surface: it was closed, so the faces farthest from the face were left out")
    if handles(patch.faces):
        grown = main_piece(patch.keep(grow_disc(patch.vertices, patch.faces, int(away.argmin()))), marks)
        notes.append(
            f"surface: it has handles like a ring; {len(patch.faces) - len(grown.faces)} faces along seams were left "
            "out to open it; repair the mesh for a whole surface"
        )
        patch = grown
    return patch


def cut_out(mesh: Mesh, patch: Patch) -> Mesh:
    """The patch as a mesh of its own, with what the file says about those faces; vertex i is vertex `patch.used[i]`."""
    ids = torch.from_numpy(patch.ids)
    whole = Mesh(
        vertices=torch.from_numpy(patch.vertices).to(mesh.vertices.dtype),
        faces=torch.from_numpy(patch.faces),
        uv=mesh.uv,
        uv_faces=None if mesh.uv_faces is None else mesh.uv_faces[ids],
        quads=mesh.quads if np.array_equal(patch.faces, mesh.faces.numpy()[patch.ids]) else None,
        parts={"patch": torch.arange(len(ids))},
    )
    number = torch.full((len(mesh.faces),), -1).index_copy(0, ids, torch.arange(len(ids)))
    parts = {name: number[faces] for name, faces in mesh.parts.items()}
    return replace(whole.part("patch"), parts={name: n[n >= 0] for name, n in parts.items() if (n >= 0).any()})
