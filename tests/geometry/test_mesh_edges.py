"""The one edge list, on surfaces small enough to count by hand."""

from __future__ import annotations

import torch

from asm_teach.geometry.mesh_edges import connected_pieces, edge_list, rim_sides

SQUARE = torch.tensor([[0, 1, 2], [0, 2, 3]])


def test_each_edge_is_listed_once() -> None:
    edges = edge_list(SQUARE)
    assert edges.ends.tolist() == [[0, 1], [0, 2], [0, 3], [1, 2], [2, 3]]
    assert edges.uses.tolist() == [1, 2, 1, 1, 1]
    assert edges.of_face.tolist() == [[0, 3, 1], [1, 4, 2]]
    assert edges.on_rim.tolist() == [[True, True, False], [False, True, True]]
    assert edge_list(torch.cat([SQUARE, torch.tensor([[0, 2, 4]])])).uses.max() == 3


def test_both_directions_are_sorted() -> None:
    directed = edge_list(SQUARE[[1, 0]]).directed.tolist()
    ends = edge_list(SQUARE).ends.tolist()
    assert directed == sorted(ends + [[b, a] for a, b in ends])


def test_the_rim_runs_along_its_faces() -> None:
    ends, face = rim_sides(SQUARE)
    assert ends.tolist() == [[0, 1], [1, 2], [2, 3], [3, 0]] and face.tolist() == [0, 0, 1, 1]


def test_pieces_hang_together_by_a_vertex() -> None:
    faces = torch.cat([SQUARE + 10, SQUARE, torch.tensor([[3, 7, 8]])])
    piece = connected_pieces(faces)
    assert piece.dtype == torch.int64 and (piece[2:] == piece[2]).all() and piece[0] == piece[1] == 1 - piece[2]


def test_no_faces_have_no_edges() -> None:
    none = torch.zeros(0, 3, dtype=torch.int64)
    assert len(edge_list(none).ends) == len(connected_pieces(none)) == 0
