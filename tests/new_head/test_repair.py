"""Pieces, rims, knots and handles, on surfaces for which they are known."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import trimesh

from asm_teach.geometry.mesh_edges import connected_pieces, edge_list
from asm_teach.new_head.repair import (
    Patch,
    boundary_loops,
    grow_disc,
    handles,
    once,
    proper,
    turn_together,
    weld,
    without_knots,
)


def grid(rows: int = 6, columns: int = 7) -> tuple[np.ndarray, np.ndarray]:
    """A flat square of triangles in the plane z = 0, seen from +z counter-clockwise."""
    x, y = np.meshgrid(np.arange(columns, dtype=float), np.arange(rows, dtype=float))
    number = np.arange(rows * columns).reshape(rows, columns)
    a, b, c, d = number[:-1, :-1], number[:-1, 1:], number[1:, 1:], number[1:, :-1]
    faces = np.concatenate([np.stack([a, b, c], -1).reshape(-1, 3), np.stack([a, c, d], -1).reshape(-1, 3)])
    return np.stack([x.ravel(), y.ravel(), np.zeros(x.size)], 1), faces


def torus() -> tuple[np.ndarray, np.ndarray]:
    solid = trimesh.creation.torus(3.0, 1.0, major_sections=24, minor_sections=12)
    return np.array(solid.vertices), np.array(solid.faces)


def moebius(count: int = 12) -> np.ndarray:
    """A band of triangles round two rows of vertices, closed with its rows swapped."""
    a, b = np.arange(count), np.arange(count) + count
    after_a, after_b = np.append(a[1:], b[0]), np.append(b[1:], a[0])
    return np.concatenate([np.stack([a, after_a, b], 1), np.stack([after_a, after_b, b], 1)])


def edge_uses(faces: np.ndarray) -> dict[tuple[int, int], int]:
    """How many faces have each edge, by hand."""
    uses: dict[tuple[int, int], int] = {}
    for face in faces.tolist():
        for a, b in zip(face, face[1:] + face[:1], strict=True):
            uses[min(a, b), max(a, b)] = uses.get((min(a, b), max(a, b)), 0) + 1
    return uses


def test_the_rim_of_a_square_is_one_loop_along_its_faces() -> None:
    vertices, faces = grid()
    (loop,) = boundary_loops(faces)
    assert set(loop.tolist()) == {v for edge, count in edge_uses(faces).items() if count == 1 for v in edge}
    x, y, _ = vertices[loop].T
    area = (x * np.roll(y, -1) - np.roll(x, -1) * y).sum() / 2
    assert area == 5 * 6  # above zero: counter-clockwise, as the faces


def test_holes_pieces_and_handles() -> None:
    vertices, faces = grid()
    middle = np.abs(vertices[faces].mean(1)[:, :2] - [3, 2.5]).max(1) < 1
    assert [len(boundary_loops(f)) for f in (faces, faces[~middle])] == [1, 2]
    ring, ring_faces = torus()
    ball = np.array(trimesh.creation.icosphere(2).faces)
    assert [handles(f) for f in (faces, faces[~middle], ball, ring_faces)] == [0, 0, 0, 1]
    assert boundary_loops(ball) == []
    both = np.concatenate([faces, ring_faces + len(vertices)])
    piece = connected_pieces(torch.from_numpy(both)).numpy()
    assert (piece[: len(faces)] == piece[0]).all() and (piece[len(faces) :] == 1 - piece[0]).all()


def test_weld_joins_the_two_sides_of_a_cut_and_nothing_else() -> None:
    vertices, faces = grid()
    right = vertices[faces].mean(1)[:, 0] > 3
    cut = np.flatnonzero(vertices[:, 0] == 3)
    copies = np.arange(len(vertices))
    copies[cut] = len(vertices) + np.arange(len(cut))
    torn_vertices = np.concatenate([vertices, vertices[cut] * [1, -1, 1] * [1, -1, 1] + [0, 0, -0.0]])
    torn = np.where(right[:, None], copies[faces], faces)
    assert connected_pieces(torch.from_numpy(torn)).max() == 1
    number = weld(torn_vertices, torn)
    assert (number[torn] == faces).all()
    assert (weld(vertices, faces) == np.arange(len(vertices))).all()
    # Two inner vertices in one place, like closed lips, stay two.
    lips = vertices.copy()
    lips[16], lips[17] = lips[24], lips[24]
    assert (weld(lips, faces) == np.arange(len(lips))).all()


def test_faces_that_are_no_triangles_or_lie_on_others_are_told() -> None:
    faces = np.array([[0, 1, 2], [1, 2, 0], [2, 1, 0], [3, 3, 4], [1, 2, 3]])
    assert proper(faces).tolist() == [True, True, True, False, True]
    vertices = np.random.default_rng(0).normal(size=(5, 3))
    assert once(vertices, faces[[0, 1, 2, 4]]).tolist() == [True, False, False, True]
    # The back of a sheet has vertices of its own in the same places.
    sheet, front = grid()
    both, sides = np.concatenate([sheet, sheet]), np.concatenate([front, front[:, ::-1] + len(sheet)])
    assert once(both, sides).tolist() == [True] * len(front) + [False] * len(front)


def test_fins_and_bow_ties_are_knots() -> None:
    vertices, faces = grid()
    assert without_knots(faces).all()
    fin = np.concatenate([faces, [[faces[20, 0], faces[20, 1], len(vertices)]]])
    kept = fin[without_knots(fin)]
    assert edge_list(torch.from_numpy(kept)).uses.max() == 2 and len(fin) - len(kept) <= 4
    # Two squares that share one corner only: the larger stays.
    small, small_faces = grid(3, 3)
    number = np.concatenate([[len(vertices) - 1], len(vertices) + np.arange(8)])
    tie = np.concatenate([faces, number[small_faces]])
    keep = without_knots(tie)
    assert keep[: len(faces)].all() or keep[len(faces) :].all()
    for loop in boundary_loops(tie[keep]):
        assert len(set(loop.tolist())) == len(loop)


def test_faces_are_turned_together() -> None:
    _, faces = grid()
    mixed = faces.copy()
    turned = np.random.default_rng(0).random(len(faces)) < 0.3
    mixed[turned] = mixed[turned][:, ::-1]
    vertices, _ = grid()
    corners = vertices[turn_together(mixed)]
    up = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])[:, 2]
    assert (up > 0).all()  # the greater share was right and stays
    assert turn_together(faces) is faces
    with pytest.raises(ValueError, match="one side only, like a Moebius strip"):
        turn_together(moebius())


def test_a_disc_grown_on_a_ring_leaves_its_seams_out() -> None:
    vertices, faces = torus()
    inside = grow_disc(vertices, faces, 0)
    disc = faces[inside]
    assert inside[0] and 0.8 < inside.mean() < 1
    assert handles(disc) == 0 and len(boundary_loops(disc)) == 1 and without_knots(disc).all()
    flat, square = grid()
    assert grow_disc(flat, square, 3).all()
    ball = trimesh.creation.icosphere(2)
    assert grow_disc(np.array(ball.vertices), np.array(ball.faces), 5).sum() == len(ball.faces) - 1


def test_a_patch_keeps_numbers_of_the_file() -> None:
    vertices, faces = grid()
    patch = Patch(vertices, faces, 100 + np.arange(len(faces)))
    some = patch.keep(np.arange(len(faces)) < 3)
    assert some.ids.tolist() == [100, 101, 102] and some.used.tolist() == np.unique(faces[:3]).tolist()
    assert some.vertices is vertices
