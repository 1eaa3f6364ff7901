"""Read a head with bones from a glTF file: one that `export_gltf` wrote, or another program's."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import roma
import torch
from torch import Tensor

from asm_teach.data.heads import embedded_head
from asm_teach.formats.checks.file_kind import check_file
from asm_teach.formats.gltf.skeleton import Skeleton
from asm_teach.formats.gltf.skinned import SkinnedRecord, read_skinned
from asm_teach.formats.mesh_record import float32_tensor
from asm_teach.geometry.mesh import Mesh
from asm_teach.model.adaptive import StaticSkinningModel
from asm_teach.model.skinning import linear_blend_skinning
from asm_teach.model.transforms import Rig

_MAKER = "asm_teach"  # how the generator of our own files begins
_MM = 1000.0  # in a metre, the unit of glTF


@dataclass(frozen=True, eq=False)
class Avatar:
    """A head that was read with its bones and named shapes.

    Attributes:
        model: the mesh where it is bound, the bones, their weights, and the motion that the file gives them:
            `model()` is the face as an engine shows it when nothing is moved. The weights are those of the file, few
            for each vertex, so it is a static model, also of a face that an adaptive one was fitted to.
        shapes: name -> (V, 3) mm that a shape of amount 1 adds to the template, before the bones move it.
        edits: name -> amount, what `export_gltf` was told to change in the face before it wrote it.
        generator: the program that wrote the file, in its own words.
        notes: what was left out, in sentences.
    """

    model: StaticSkinningModel
    shapes: Mapping[str, Tensor]
    edits: Mapping[str, float]
    generator: str
    notes: tuple[str, ...]

    def vertices(self, amounts: Mapping[str, float] | None = None) -> Tensor:
        """The face (V, 3) in mm with named shapes, such as {"jawOpen": 0.5}: they are added, then the bones move it.

        Raises:
            ValueError: a shape that is not there.
        """
        face = self.model.vertices
        for name, amount in (amounts or {}).items():
            if name not in self.shapes:
                raise ValueError(f"amounts: no shape is called {name!r}; `shapes` has the {len(self.shapes)} there are")
            face = face + amount * self.shapes[name]
        return linear_blend_skinning(face, self.model.weights(), self.model.transforms())


def import_gltf(path: str | os.PathLike[str]) -> Avatar:
    """Read a head with bones from a GLB or glTF file, by eq. (1) as engines do.

    Of a file that `export_gltf` wrote, vertices, bones and shapes come back to 1e-5 mm, with the weights that the file
    has: as the nearest millimetres in float32, which is what a model holds. Only from 125 to 128 mm, where metres have
    steps twice as long as millimetres, up to 1.2e-5 mm are lost. Of other programs' files all meshes that bones move
    become one, in millimetres, as the scene places them; the first root bone rests. Animations, and the axes of the
    joints, are left behind.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: another ending; a file that is damaged, needs an extension that is not read, or names files outside
            its folder; no skin; more than 255 joints.
    """
    path = Path(path)
    if path.suffix.lower() not in (".glb", ".gltf"):
        raise ValueError(f"path: {path.name!r} should end in .glb or .gltf")
    check_file(path)
    try:
        return _avatar(read_skinned(path, _MAKER), path.name)
    except ValueError as error:
        if str(error).startswith(path.name):
            raise
        raise ValueError(f"{path.name}: {str(error)[:500]}") from None


def _avatar(read: SkinnedRecord, name: str) -> Avatar:
    mesh = replace(read.mesh, vertices=float32_tensor(_MM * read.mesh.vertices.numpy()), faces=_without_walls(read))
    shapes = {shape: float32_tensor(_MM * offset) for shape, offset in read.shapes.items()}
    if not all(offset.isfinite().all() for offset in shapes.values()):
        raise ValueError("a morph target holds NaN or infinite numbers: the file is damaged; fetch or export it again")
    notes = tuple(f"{name}: {note}." for note in mesh.notes)
    model = _model(_known(Mesh(**vars(replace(mesh, notes=notes)))), read.skeleton, torch.from_numpy(read.weights))
    with torch.no_grad():
        if not model().isfinite().all():
            raise ValueError(
                "its numbers are so large that the face is not finite: the file is damaged; export it again"
            )
    return Avatar(model, shapes, _edits(read), read.generator, notes)


def _model(mesh: Mesh, bones: Skeleton, weights: Tensor) -> StaticSkinningModel:
    rig = Rig(bones.names, torch.from_numpy(bones.parents), positions=float32_tensor(_MM * bones.points))
    model = StaticSkinningModel(mesh, rig, weights)
    with torch.no_grad():
        model.translation.copy_(torch.from_numpy(_MM * bones.move))
        model.rotation.copy_(roma.rotmat_to_rotvec(torch.from_numpy(bones.turn)))
        model.log_scale.copy_(torch.from_numpy(np.log(bones.scale)))
    return model


def _known(mesh: Mesh) -> Mesh:
    """The mesh with the parts, quads and landmarks of the embedded head whose triangles it has, if it has."""
    head = embedded_head(mesh)
    if head is None:
        return mesh
    return replace(mesh, parts=head.mesh.parts, quads=head.mesh.quads, landmarks=head.mesh.landmarks)


def _without_walls(read: SkinnedRecord) -> Tensor:
    """The triangles without those by which `export_gltf` closed eyes and mouth behind; they come last."""
    faces, count = read.mesh.faces, read.extras.get("walls")
    if not read.generator.startswith(_MAKER) or not isinstance(count, int) or not 0 < count < len(faces):
        return faces
    return faces[:-count]


def _edits(read: SkinnedRecord) -> dict[str, float]:
    """The numbers that `export_gltf` noted; nothing where another program wrote something else in their place."""
    found = read.extras.get("edits")
    found = found if isinstance(found, dict) else {}
    return {name: float(x) for name, x in found.items() if isinstance(x, (int, float)) and np.isfinite(x)}
