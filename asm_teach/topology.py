"""A new head in minutes: from any mesh and a handful of landmarks to an adaptive model, without painting weights.

What the model needs is an injective chart and 84 places on it. The chart is the file's own where that is injective,
else a new one (`unwrap`); the bones are those of an embedded head, carried over (`rigging`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from asm_teach.alignment import Placement
from asm_teach.carry import PAIRS, Points, Skin, check_marks, find_mirror, to_convention
from asm_teach.chartcheck import ChartReport
from asm_teach.data import Head, load_head
from asm_teach.landmarks import LandmarkSet
from asm_teach.manifold import (
    Patch,
    boundary_loops,
    grow_disc,
    handles,
    pieces,
    proper,
    turn_together,
    weld,
    without_knots,
)
from asm_teach.marks import Marks, mark_points
from asm_teach.mesh import Mesh
from asm_teach.model import AdaptiveSkinningModel
from asm_teach.rigging import Guide, place_bones
from asm_teach.transforms import Rig
from asm_teach.unwrap import Attempt, chart_of_file, lay_out

_OFF_MESH = 0.06  # of the distance between the eyes' corners: a landmark farther from the mesh belongs to another
_BUST = 60.0  # mm below the source's neck from which a mesh counts as more than a head
_BELOW = 10.0  # mm of neck that are kept below it
_NEAREST = 0.97  # of a closed surface that nothing else opens, this share of the faces, nearest to the face, is kept


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
    marks = placement.forward(marks)
    guide = Guide(source, source_marks, marks)

    faces = mesh.faces.numpy()
    ids = np.arange(len(faces)) if part is None else _part_faces(mesh, part)
    ids = ids[proper(faces[ids])]
    raw = Patch(placement.forward(mesh.vertices.double().numpy()), faces[ids], ids)
    _check_on_mesh(raw, marks)
    raw = _outside_out(raw, guide, notes)
    main = _main_piece(raw, marks)
    raw, main = _without_body(raw, main, guide, marks, notes)

    tried: list[Attempt] = []
    for patch in [] if new_chart else [raw, main] if len(main.faces) < len(raw.faces) else [raw]:
        tried.append(chart_of_file(_cut_out(mesh, patch)))
        if tried[-1].ok:
            break
    else:
        patch = _with_a_rim(main, marks, notes)
        on = Skin(patch.vertices, patch.faces).put(guide.marks()[0])
        corner = patch.faces[on.face, on.barycentric.argmax(1)]
        flat = lay_out(
            torch.from_numpy(patch.vertices).to(mesh.vertices.dtype),
            torch.from_numpy(patch.faces),
            torch.from_numpy(guide.room(patch)),
            torch.from_numpy(corner[PAIRS]),
        )
        tried += [replace(one, uv=one.uv[patch.used]) for one in flat if one.uv is not None]
        if mesh.texture is not None:
            notes.append("texture: left out, since it belongs to the file's own chart")
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
    prepared, uv = _cut_out(mesh, patch), tried[-1].uv
    assert uv is not None
    kept = torch.from_numpy(patch.used)
    skin = Skin(prepared.vertices.double().numpy(), prepared.faces.numpy())
    given = np.isfinite(marks).all(1)
    carried, facing = guide.marks()
    marks = np.where(given[:, None], marks, carried)
    on, exactly = skin.put(marks, facing), skin.put(marks)
    at = np.where(given, exactly.face, on.face)
    beta = np.where(given[:, None], exactly.barycentric, on.barycentric)
    marks = np.where(given[:, None], exactly.position, on.position)
    landmarks = LandmarkSet(torch.from_numpy(at), torch.from_numpy(beta).to(prepared.vertices.dtype))
    bones = place_bones(guide, skin, find_mirror(skin, marks))
    rig = guide.source.rig
    corner_uv = uv.double()[prepared.faces[torch.from_numpy(bones.on.face)]]
    bone_uv = (torch.from_numpy(bones.on.barycentric)[..., None] * corner_uv).sum(1).to(uv.dtype)
    beyond = tuple(name for name, far in zip(rig.names, bones.beyond, strict=True) if far)
    if beyond:
        notes.append(f"bones: {', '.join(beyond)} lie beyond the mesh and were put at its nearest places")
    if not given.all():
        notes.append(f"landmarks: {int(given.sum())} were given, the other {int((~given).sum())} carried over")
    lost = np.setdiff1d(np.arange(len(mesh.vertices)), patch.used)
    same_chart = tried[-1].how == "from the file"
    texture = mesh.texture if same_chart and torch.equal(uv, mesh.vertex_uv()[kept]) else None
    final = replace(prepared, uv=uv, uv_faces=None, texture=texture, landmarks={"ibug68": landmarks})
    return PreparedHead(
        mesh=final,
        rig=Rig(rig.names, rig.parents, uv=bone_uv),
        landmarks=landmarks,
        given=tuple(np.flatnonzero(given).tolist()),
        tried=tried,
        kept=kept,
        dropped=torch.from_numpy(lost),
        placement=placement,
        beyond=beyond,
        asymmetry=bones.asymmetry,
        notes=tuple(notes),
    )


def _part_faces(mesh: Mesh, part: str) -> NDArray[np.int64]:
    if part not in mesh.parts:
        raise ValueError(
            f"part: this mesh has no part {part!r}; its parts are: {', '.join(sorted(mesh.parts)) or 'none'}"
        )
    return mesh.parts[part].numpy()


def _cut_out(mesh: Mesh, patch: Patch) -> Mesh:
    """The patch as a mesh of its own, with what the file says about those faces; vertex i is vertex `patch.used[i]`."""
    ids = torch.from_numpy(patch.ids)
    whole = Mesh(
        vertices=torch.from_numpy(patch.vertices).to(mesh.vertices.dtype),
        faces=torch.from_numpy(patch.faces),
        uv=mesh.uv,
        uv_faces=None if mesh.uv_faces is None else mesh.uv_faces[ids],
        quads=mesh.quads,
        parts={"patch": torch.arange(len(ids))},
    )
    number = torch.full((len(mesh.faces),), -1).index_copy(0, ids, torch.arange(len(ids)))
    parts = {name: number[faces] for name, faces in mesh.parts.items()}
    return replace(whole.part("patch"), parts={name: n[n >= 0] for name, n in parts.items() if (n >= 0).any()})


def _check_on_mesh(patch: Patch, marks: Points) -> None:
    known = np.flatnonzero(np.isfinite(marks).all(1))
    away = Skin(patch.vertices, patch.faces).put(marks[known]).distance
    worst = int(away.argmax())
    if away[worst] > _OFF_MESH * 90.0:
        raise ValueError(
            f"landmarks: point {known[worst]} lies {away[worst]:.0f} mm off the mesh: give points in the mesh's own "
            "coordinates and unit, as they stand in its file"
        )


def _outside_out(patch: Patch, guide: Guide, notes: list[str]) -> Patch:
    """The patch, turned over if it is inside out: where landmarks lie, its faces look against the source's."""
    points, facing = guide.marks()
    skin = Skin(patch.vertices, patch.faces)
    against = (skin.looks[skin.put(points).face] * facing).sum(1) < 0
    if against.mean() < 0.5:
        return patch
    notes.append("faces: it was inside out, so all faces were turned over")
    return patch._replace(faces=patch.faces[:, ::-1].copy())


def _main_piece(patch: Patch, marks: Points) -> Patch:
    """The welded piece that holds the landmarks, without knots, its faces all turned the same way."""
    faces = weld(patch.vertices, patch.faces)[patch.faces]
    patch = Patch(patch.vertices, faces, patch.ids).keep(proper(faces))
    known = marks[np.isfinite(marks).all(1)]
    while True:
        piece = pieces(patch.faces)
        if piece.any():
            held = piece[Skin(patch.vertices, patch.faces).put(known).face]
            patch = patch.keep(piece == np.bincount(held).argmax())
        keep = without_knots(patch.faces)
        if keep.all():
            return patch._replace(faces=turn_together(patch.faces))
        patch = patch.keep(keep)


def _without_body(raw: Patch, main: Patch, guide: Guide, marks: Points, notes: list[str]) -> tuple[Patch, Patch]:
    """Both patches cut off at the source's neck, where the mesh goes on below it or is closed."""
    height = _above_neck(guide, main.vertices)
    if height is None or (height[main.used].min() > -_BUST and boundary_loops(main.faces)):
        return raw, main
    cut_raw, cut = (patch.keep((height[patch.faces] > -_BELOW).all(1)) for patch in (raw, main))
    if len(cut.faces) == len(main.faces):
        return raw, main
    cut = _main_piece(cut, marks)
    notes.append(f"neck: cut off there, {len(main.used) - len(cut.used)} vertices below it are left out")
    return cut_raw, cut


def _above_neck(guide: Guide, points: Points) -> NDArray[np.float64] | None:
    """(n,) mm above the plane through the rim of the source's neck; None for a source without a rim."""
    faces = guide.source.mesh.faces.numpy()
    piece = pieces(faces)
    skin = piece == np.bincount(piece[guide.source.landmarks.faces.numpy()]).argmax()
    loops = boundary_loops(faces[skin])
    if not loops:
        return None
    rim = guide.vertices[min(loops, key=lambda loop: guide.vertices[loop, 1].mean())]
    normal = np.linalg.svd(rim - rim.mean(0), full_matrices=False)[2][2]
    normal = normal * np.sign(normal[1])
    return (guide.warp.placement.backward(points) - rim.mean(0)) @ normal * guide.warp.placement.scale


def _with_a_rim(patch: Patch, marks: Points, notes: list[str]) -> Patch:
    """A patch that can be laid out: a closed one opened behind, one with handles cut along seams."""
    centre = np.nanmean(marks, 0)
    away = np.linalg.norm(patch.vertices[patch.faces].mean(1) - centre, axis=1)
    if not boundary_loops(patch.faces):
        patch = _main_piece(patch.keep(away <= np.quantile(away, _NEAREST)), marks)
        notes.append("surface: it was closed, so the faces farthest from the face were left out")
    if handles(patch.faces):
        grown = _main_piece(patch.keep(grow_disc(patch.vertices, patch.faces, int(away.argmin()))), marks)
        notes.append(
            f"surface: it has handles like a ring, so {len(patch.faces) - len(grown.faces)} faces along seams were left "
            "out to open it; repair the mesh for a whole surface"
        )
        patch = grown
    return patch
