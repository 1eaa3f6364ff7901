"""A new head in minutes: from any mesh and a handful of landmarks to an adaptive model, without painting weights.

What the model needs is an injective chart and 84 places on it. The chart is the file's own where that is injective,
else a new one (`chart_layout`); the bones are those of an embedded head, carried over (`place_bones`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from asm_teach.data.heads import Head, load_head
from asm_teach.formats.units import far_middle
from asm_teach.geometry.alignment import Placement
from asm_teach.geometry.chart_check import ChartReport
from asm_teach.geometry.landmarks import LandmarkSet
from asm_teach.geometry.mesh import Mesh
from asm_teach.geometry.surface_points import OnSurface, Points, Skin
from asm_teach.model.adaptive import AdaptiveSkinningModel
from asm_teach.model.transforms import Rig
from asm_teach.new_head.chart_layout import FROM_FILE, Attempt, chart_of_file, lay_out
from asm_teach.new_head.crop import cut_out, main_piece, outside_out, with_a_rim, without_body
from asm_teach.new_head.given_landmarks import Marks, mark_points
from asm_teach.new_head.landmark_check import PAIRS, check_marks, to_convention
from asm_teach.new_head.place_bones import Guide, place_bones
from asm_teach.new_head.repair import Patch, once, proper
from asm_teach.new_head.symmetry import find_mirror

_OFF_MESH = 8.0  # mm: a landmark farther from the mesh belongs to another


@dataclass(frozen=True, eq=False)
class PreparedHead:
    """A head ready for the model.

    Attributes:
        mesh: V vertices in mm with an injective chart, one UV for each vertex, and "ibug68" among its landmarks.
        rig: the bones of the source, placed on the chart.
        landmarks: the 68 iBUG points; those that were not given are carried over from the source.
        given: the numbers of the landmarks that were given.
        tried: every attempt at a chart with what the check found; the last one is in use.
        kept: (V,) int64, for each vertex its number in the file.
        dropped: (n,) int64, vertices of the file that have no part in the model.
        placement: from the file's coordinates to those of `mesh`.
        beyond: names of bones that lie beyond the mesh and sit at its nearest place.
        asymmetry: mm, the largest distance of a bone from the mirror image of its partner.
        notes: what was guessed and done, one sentence each.
    """

    mesh: Mesh
    rig: Rig
    landmarks: LandmarkSet
    given: tuple[int, ...]
    tried: tuple[Attempt, ...]
    kept: Tensor
    dropped: Tensor
    placement: Placement
    beyond: tuple[str, ...]
    asymmetry: float
    notes: tuple[str, ...]

    @property
    def chart(self) -> str:
        """Where the chart comes from, in words."""
        return self.tried[-1].how

    @property
    def report(self) -> ChartReport:
        """What `chart_problems` finds in the chart: nothing."""
        report = self.tried[-1].report
        assert report is not None
        return report

    def model(self, components: int = 2) -> AdaptiveSkinningModel:
        """The adaptive model of this head, at rest, with K Gaussians a bone."""
        return AdaptiveSkinningModel(self.mesh, self.rig, components)

    def take(self, vertices: Tensor) -> Mesh:
        """Another shape in the file's topology, (V_file, 3) in the file's unit and axes, as a mesh of this head.

        Raises ValueError for another number of vertices.
        """
        count = len(self.kept) + len(self.dropped)
        if vertices.shape != (count, 3):
            raise ValueError(f"vertices has shape {tuple(vertices.shape)}: the file of this head needs ({count}, 3)")
        there = self.placement.forward(vertices[self.kept].double().cpu().numpy())
        return self.mesh.with_vertices(torch.from_numpy(there).to(self.mesh.vertices))


def prepare_head(
    mesh: Mesh, landmarks: Marks, *, source: Head | None = None, part: str | None = None, new_chart: bool = False
) -> PreparedHead:
    """Make a head for the adaptive model of any mesh with a face.

    Args:
        mesh: in any unit, facing anywhere, with or without UV.
        landmarks: seven or more points of the face, as `mark_points` takes them: the corners of eyes and mouth, the
            tip of the nose, and best the chin. `read_marks` reads them from a file.
        source: the head whose bones are carried over; `load_head("makehuman")` if None.
        part: use only this part of the mesh; the numbers of vertices stay those of the whole mesh.
        new_chart: lay the surface out anew even where the file's chart is injective.

    Raises:
        ValueError: landmarks too few, off the mesh, out of place or mirrored; a part that is not there; a surface of
            one side, or one that cannot be laid out.
    """
    source = load_head() if source is None else source
    mesh = mesh.to("cpu")
    marks = mark_points(mesh, landmarks).numpy()
    source_marks = source.landmarks.points(source.mesh.vertices, source.mesh.faces).double().numpy()
    check_marks(source_marks, marks)
    placement, notes = to_convention(source_marks, marks)
    notes = [*mesh.notes, *notes]
    vertices = placement.forward(mesh.vertices.double().numpy())
    if (middle := far_middle(vertices)) is not None:  # float32, in which models compute, would round it
        placement, vertices = placement._replace(shift=placement.shift - middle), vertices - middle
        mesh = mesh.to(dtype=torch.float32)
        notes.append(f"place: the head lies far from the origin and was moved by {(-middle).tolist()} mm")
    marks = placement.forward(marks)
    guide = Guide(source, source_marks, marks)

    faces = mesh.faces.numpy()
    ids = np.arange(len(faces)) if part is None else _part_faces(mesh, part)
    raw = Patch(vertices, faces[ids], ids)
    raw = raw.keep(proper(raw.faces))
    raw = raw.keep(once(raw.vertices, raw.faces))
    _check_on_mesh(raw, marks)
    raw = outside_out(raw, guide, notes)
    main = main_piece(raw, marks)
    raw, main = without_body(raw, main, guide, marks, notes)

    tried: list[Attempt] = []
    for patch in [] if new_chart else [raw, main] if len(main.faces) < len(raw.faces) else [raw]:
        tried.append(chart_of_file(cut_out(mesh, patch)))
        if tried[-1].ok:
            break
    else:
        patch = with_a_rim(main, marks, notes)
        on = Skin(patch.vertices, patch.faces).put(guide.marks()[0])
        corner = patch.faces[on.face, on.barycentric.argmax(1)]
        flat = lay_out(
            torch.from_numpy(patch.vertices).to(mesh.vertices.dtype),
            torch.from_numpy(patch.faces),
            torch.from_numpy(guide.room(patch)),
            torch.from_numpy(corner[PAIRS]),
        )
        tried += [replace(one, uv=one.uv[patch.used]) for one in flat if one.uv is not None]
    return _finish(mesh, patch, tuple(tried), guide, marks, placement, notes)


def _finish(
    mesh: Mesh,
    patch: Patch,
    tried: tuple[Attempt, ...],
    guide: Guide,
    marks: Points,
    placement: Placement,
    notes: list[str],
) -> PreparedHead:
    """The record of a head whose surface and chart are decided: its landmarks and its bones."""
    prepared, uv, rig = cut_out(mesh, patch), tried[-1].uv, guide.source.rig
    assert uv is not None
    skin = Skin(prepared.vertices.double().numpy(), prepared.faces.numpy())
    given = np.isfinite(marks).all(1)
    on = _put_marks(skin, guide, marks)
    landmarks = LandmarkSet(torch.from_numpy(on.face), torch.from_numpy(on.barycentric).to(prepared.vertices.dtype))
    bones = place_bones(guide, skin, find_mirror(skin, on.position))
    corner_uv = uv.double()[prepared.faces[torch.from_numpy(bones.on.face)]]
    bone_uv = (torch.from_numpy(bones.on.barycentric)[..., None] * corner_uv).sum(1).to(uv.dtype)
    beyond = tuple(name for name, far in zip(rig.names, bones.beyond, strict=True) if far)
    dropped = np.setdiff1d(np.arange(len(mesh.vertices)), patch.used)
    if len(dropped):
        notes.append(
            f"vertices: {len(dropped)} of the file's {len(mesh.vertices)} have no part in the model: other pieces, "
            "copies along seams, what was cut off, or unused ones"
        )
    if not given.all():
        notes.append(f"landmarks: {given.sum()} were given, the other {(~given).sum()} carried over from the source")
    if beyond:
        notes.append(f"bones: {', '.join(beyond)} lie beyond the mesh and were put at its nearest places")
    as_in_file = prepared.uv is not None and tried[-1].how == FROM_FILE and torch.equal(uv, prepared.vertex_uv())
    if mesh.texture is not None and not as_in_file:
        notes.append("texture: left out, since it belongs to the file's own chart")
    final = replace(
        prepared,
        uv=uv,
        uv_faces=None,
        texture=mesh.texture if as_in_file else None,
        landmarks={"ibug68": landmarks},
    )
    return PreparedHead(
        mesh=final,
        rig=Rig(rig.names, rig.parents, uv=bone_uv),
        landmarks=landmarks,
        given=tuple(np.flatnonzero(given).tolist()),
        tried=tried,
        kept=torch.from_numpy(patch.used),
        dropped=torch.from_numpy(dropped),
        placement=placement,
        beyond=beyond,
        asymmetry=bones.asymmetry,
        notes=tuple(notes),
    )


def _put_marks(skin: Skin, guide: Guide, marks: Points) -> OnSurface:
    """All 68 landmarks on a surface: those given where they are, the others where the source's come to lie."""
    carried, facing = guide.marks()
    given: NDArray[np.bool_] = np.all(np.isfinite(marks), axis=1)
    exactly, alike = skin.put(np.where(given[:, None], marks, carried)), skin.put(carried, facing)
    pairs = zip(exactly, alike, strict=True)
    return OnSurface(*(np.where(given.reshape(-1, *[1] * (a.ndim - 1)), a, b) for a, b in pairs))


def _part_faces(mesh: Mesh, part: str) -> NDArray[np.int64]:
    if part not in mesh.parts:
        raise ValueError(
            f"part: this mesh has no part {part!r}; its parts are: {', '.join(sorted(mesh.parts)) or 'none'}"
        )
    return mesh.parts[part].numpy()


def _check_on_mesh(patch: Patch, marks: Points) -> None:
    known = np.flatnonzero(np.isfinite(marks).all(1))
    away = Skin(patch.vertices, patch.faces).put(marks[known]).distance
    worst = int(away.argmax())
    if away[worst] > _OFF_MESH:
        raise ValueError(
            f"landmarks: point {known[worst]} lies {away[worst]:.0f} mm off the mesh: give points in the mesh's own "
            "coordinates and unit, as they stand in its file"
        )
