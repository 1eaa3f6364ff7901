"""glTF 2.0, the scene: nodes, skins and primitives become one mesh. The bytes are read by `container`.

The mesh is what a viewer shows when nothing moves: nodes are placed by their transforms, skinned meshes by their
joints, and animations do not run. Only morph targets stay at rest, whatever weights the file gives
them: a face comes without the expression that it was saved with, and a note says so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from asm_teach.base.arrays import Floats
from asm_teach.formats.gltf.container import Gltf, Json
from asm_teach.formats.gltf.nodes import Nodes
from asm_teach.formats.gltf.pieces import Pieces
from asm_teach.formats.gltf.primitive import Primitive
from asm_teach.formats.mesh_record import MeshRecord


def read_gltf(path: Path) -> MeshRecord:
    """Read a GLB or `.gltf` file as one mesh: all triangles of its scene, in the order of the file.

    Each primitive of each node becomes a part. Primitives of one node that use the same numbers of the file as vertices
    share them; otherwise no vertex is merged, left out or renumbered. The texture is the first base colour.

    Returns:
        The mesh in the unit of the file, metres where it follows the specification. The vertices are float64, since a
        node may put them far from the origin.

    Raises:
        ValueError: damaged or cut off, an extension is required that is not read, no triangles.
    """
    with damage_told():
        gltf = Gltf(path)
        nodes, pieces = Nodes(gltf), Pieces(gltf)
        for index, node in nodes.shown():
            pieces.add(node, _matrices(nodes, index, node))
        return pieces.record()


def _matrices(nodes: Nodes, index: int, node: Json) -> Callable[[Primitive], Floats]:
    """What places the vertices of a primitive of a node, where nothing moves."""

    def matrices(piece: Primitive) -> Floats:
        influences = piece.influences() if "skin" in node else []
        return nodes.blended(node["skin"], influences) if influences else nodes.place(index)

    return matrices


@contextmanager
def damage_told() -> Iterator[None]:
    """Say of a glTF file whose JSON lacks something, or has it of another type, that it is damaged.

    What overflows becomes infinite, which a mesh and a rig refuse.
    """
    try:
        with np.errstate(all="ignore"):
            yield
    except (KeyError, TypeError, IndexError, AttributeError, OverflowError) as error:
        raise ValueError(
            f"the file is damaged or cut off ({type(error).__name__}: {error}); fetch or export it again"
        ) from None
