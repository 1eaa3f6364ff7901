"""The edges of a mesh, each listed once: what lies on its rim, which faces are neighbours, which pieces it falls into.

They depend on the faces alone, so one list serves every pose.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor


class EdgeList(NamedTuple):
    """The E edges of F faces.

    Attributes:
        ends: (E, 2) int64, the two vertices of each edge, the lower one first; rows are sorted.
        of_face: (F, 3) int64, the edge from corner k of each face to its next corner, a row of `ends`.
        uses: (E,) int64, how many times faces have this edge: 2 inside a surface, 1 on its rim.
    """

    ends: Tensor
    of_face: Tensor
    uses: Tensor

    @property
    def on_rim(self) -> Tensor:
        """(F, 3) bool, which sides of the faces no other face shares."""
        return (self.uses == 1)[self.of_face]

    @property
    def directed(self) -> Tensor:
        """(2 E, 2) int64, every edge once in each direction; rows are sorted."""
        both = torch.cat([self.ends.flip(1), self.ends])
        return both[both[:, 0].argsort(stable=True)]


def edge_list(faces: Tensor) -> EdgeList:
    """List the edges of faces (F, 3) int64. A side between two equal corners is listed as well."""
    low, high = torch.stack([faces, faces.roll(-1, 1)], -1).sort(-1).values.unbind(-1)
    count = int(faces.max()) + 1 if len(faces) else 1
    key, of_face, uses = torch.unique(low * count + high, return_inverse=True, return_counts=True)
    ends = torch.stack([torch.div(key, count, rounding_mode="floor"), key % count], -1)
    return EdgeList(ends, of_face, uses)


def rim_sides(faces: Tensor) -> tuple[Tensor, Tensor]:
    """The sides that only one of the faces (F, 3) has: their ends (n, 2) in its direction, and that face (n,)."""
    face, corner = edge_list(faces).on_rim.nonzero().unbind(1)
    return torch.stack([faces[face, corner], faces[face, (corner + 1) % 3]], 1), face


def connected_pieces(faces: Tensor) -> Tensor:
    """(F,) int64, the connected piece that each of the faces (F, 3) belongs to, counted from 0."""
    from scipy.sparse import coo_matrix  # a first 3D view does without
    from scipy.sparse.csgraph import connected_components

    used, local = torch.unique(faces, return_inverse=True)
    a, b = edge_list(local).ends.cpu().numpy().T
    graph = coo_matrix((np.ones(len(a)), (a, b)), (len(used), len(used)))
    piece = connected_components(graph, directed=False)[1]
    return torch.from_numpy(piece.astype(np.int64)).to(faces.device)[local[:, 0]]
