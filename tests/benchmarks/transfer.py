"""How well a face's own expressions are found: python tests/benchmarks/transfer.py; ten minutes.

Truth are the expressions that a person's makers gave: of people sampled from the embedded head, fitted at rest; of the
same in SOMA's mesh, which is taken for an unknown one; and of ICT-FaceKit, whose shapes other artists modelled. Three
ways are compared, over the vertices of the skin that truth moves by more than a millimetre:

- skin: `expression_shapes`, by what the skin does;
- same: each vertex moves as the embedded head's nearest vertex does, after a similarity by landmarks;
- bones: the numbers by which the bones of the embedded head make the expression are added to those of the other head.

Beside them, what no expression at all would miss. Sets of shapes add the same displacements to all their people, so on
the embedded people "same" is right by construction; the rows of the head that is turned and made larger say what that
is worth. ICT-FaceKit's jaw opens less far than ours: the last column allows each way the amount that suits it best.
"""

from __future__ import annotations

import copy
import sys
import time
from dataclasses import replace

import roma
import torch
from torch import Tensor

from asm_teach.avatar.expressions import expression_shapes
from asm_teach.data.heads import Head, load_head
from asm_teach.data.scans import load_facekit
from asm_teach.geometry.alignment import align_points
from asm_teach.geometry.closest_point import closest_points
from asm_teach.geometry.mesh import Mesh
from asm_teach.model.adaptive import AdaptiveSkinningModel, SkinnedModel
from asm_teach.new_head.given_landmarks import HANDFUL
from asm_teach.new_head.prepare import PreparedHead, prepare_head
from asm_teach.scan_fit.fit import fit_scan
from asm_teach.studies.new_heads import ICT_FACEKIT

SHAPES = ("jawOpen", "mouthSmileLeft", "browInnerUp", "cheekPuff", "noseSneerRight", "mouthFunnel")
THEIRS = {"jawOpen": "jawOpen", "mouthSmileLeft": "mouthSmile_L"}  # ours -> ICT-FaceKit's
SEEDS = (0, 1)
TURN, LARGER = torch.tensor([[0.8, 0.0, 0.6], [0.0, 1.0, 0.0], [-0.6, 0.0, 0.8]]), 1.25


class Ways:
    """The three ways from the embedded head to others."""

    def __init__(self, head: Head) -> None:
        self.head, self.rest = head, AdaptiveSkinningModel(head.mesh, head.rig)
        self.offsets = {name: head.offsets(expressions={name: 1.0}) for name in SHAPES}
        self.numbers = {name: self._numbers(offset) for name, offset in self.offsets.items()}

    def _numbers(self, offset: Tensor) -> SkinnedModel:
        shown = self.head.mesh.with_vertices(self.head.mesh.vertices + offset)
        return fit_scan(self.rest, shown, free=("motion",), warm_start=True, steps=10, progress=False).model

    def found(self, model: SkinnedModel) -> dict[str, dict[str, Tensor]]:
        """way -> shape -> (V, 3) mm that are added to the face of a model."""
        shapes, face = expression_shapes(model).by_name(), model().detach()
        return {
            "skin": {name: shapes[name].float() for name in SHAPES},
            "same": self._same(model.mesh.with_vertices(face)),
            "bones": {name: self._handed_on(model, face, name) for name in SHAPES},
        }

    def _same(self, face: Mesh) -> dict[str, Tensor]:
        ours = self.head.mesh
        if torch.equal(face.faces, ours.faces):
            return dict(self.offsets)
        marks = [mesh.landmarks["ibug68"].points(mesh.vertices, mesh.faces) for mesh in (ours, face)]
        scale, rotation, shift = align_points(*marks, scale=True)
        there = ours.vertices @ (scale * rotation).T + shift
        foot, _, near = closest_points(face.vertices, there, ours.faces)
        corner = (there[ours.faces[near]] - foot[:, None]).norm(dim=-1).argmin(1)
        rows = ours.faces[near, corner]
        return {name: offset[rows] for name, offset in self.offsets.items()}

    @torch.no_grad()
    def _handed_on(self, model: SkinnedModel, face: Tensor, name: str) -> Tensor:
        other = copy.deepcopy(model)
        for number in ("translation", "rotation", "log_scale"):
            getattr(other, number).add_(getattr(self.numbers[name], number) - getattr(self.rest, number))
        return other() - face


def show(kind: str, found: dict[str, dict[str, Tensor]], truth: dict[str, Tensor], rows: Tensor) -> None:
    """A line of mean distances in mm for each shape of `truth`, over its vertices `rows`."""
    for name, right in truth.items():
        moved = rows[right[rows].norm(dim=1) > 1]
        cells = []
        for shapes in found.values():
            guess = shapes[name][moved]
            best = (guess * right[moved]).sum() / guess.square().sum()
            off, suited = ((amount * guess - right[moved]).norm(dim=1).mean() for amount in (1.0, best))
            cells.append(f"{off:6.2f} ({suited:5.2f})")
        print(f"{kind:24}{name:16}{right[moved].norm(dim=1).mean():6.2f}  " + "  ".join(cells), flush=True)


def unknown(person: Mesh, landmarks: Tensor) -> PreparedHead:
    """A head prepared of a mesh whose maker is not known: its first face comes last."""
    bare = Mesh(person.vertices, person.faces.roll(1, 0), person.uv)
    return prepare_head(bare, {number: landmarks[number].tolist() for number in HANDFUL.values()})


@torch.no_grad()
def _with_root(model: SkinnedModel, turn: Tensor, size: float) -> SkinnedModel:
    """The model with its whole face turned about the origin and made larger, by its root bone alone."""
    (root,) = (model.rig.parents < 0).nonzero()[:, 0].tolist()
    pivot, own = model.bind_points()[root], roma.rotvec_to_rotmat(model.rotation[root])
    place = size * turn @ (pivot + model.translation[root]) - pivot
    model.set_motion(root, translation=place, rotation=roma.rotmat_to_rotvec(turn @ own),
                     scale=size * model.log_scale[root].exp())  # fmt: skip
    return model


def main() -> None:
    """Print the table."""
    ours, soma = load_head(), load_head("soma")
    ways = Ways(ours)
    print(f"{'':40}{'truth':>6}  {'skin':>14}  {'same':>14}  {'bones':>14}   mean mm (with the best amount)")
    for seed in SEEDS:
        person = ours.sample(seed, expression=False)
        for kind, turn, size in (("embedded", torch.eye(3), 1.0), ("embedded, turned", TURN, LARGER)):
            there = person.with_vertices(size * person.vertices @ turn.T)
            model = _with_root(fit_scan(ways.rest, person, progress=False).model, turn, size)
            assert (model() - there.vertices).norm(dim=1).mean() < 1
            truth = {name: size * offset @ turn.T for name, offset in ways.offsets.items()}
            show(f"{kind} {seed}", ways.found(model), truth, ours.mesh.part_vertices("face"))
    for seed in SEEDS:
        person = soma.sample(seed, expression=False)
        head = unknown(person, soma.landmarks.points(person.vertices, person.faces))
        begin = time.perf_counter()
        found = ways.found(head.model())
        print(f"SOMA {seed}: {time.perf_counter() - begin:.0f} s")
        truth = {name: soma.offsets(expressions={name: 1.0})[head.kept] for name in SHAPES}
        back = torch.full((len(person.vertices),), -1)
        back[head.kept] = torch.arange(len(head.kept))
        skin = back[soma.mesh.part_vertices("face")]
        show(f"SOMA {seed}", found, truth, skin[skin >= 0])
    kit = load_facekit(progress=False)
    for name in ("", "identity000"):
        vertices = kit.mesh.vertices + (kit.modes[name] if name else 0.0)
        head = prepare_head(replace(kit.mesh, vertices=vertices), ICT_FACEKIT)
        truth = {
            mine: head.take(vertices + kit.modes[theirs]).vertices - head.mesh.vertices
            for mine, theirs in THEIRS.items()
        }
        show(f"ICT-FaceKit {name}", ways.found(head.model()), truth, torch.arange(len(head.kept)))


if __name__ == "__main__":
    sys.exit(main())
