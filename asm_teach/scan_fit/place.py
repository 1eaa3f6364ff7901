"""A raw scan of any unit, pose and topology, made ready for a fit: cleaned, in millimetres, and placed.

The template is put where the face of the scan is, by landmarks or by a search of the whole scan. Whatever had to be
guessed is said in plain sentences.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from asm_teach.formats.units import far_middle, unit_of
from asm_teach.geometry.alignment import align_points, on_one_line
from asm_teach.geometry.closest_point import to_array, to_tensor
from asm_teach.geometry.mesh import Mesh
from asm_teach.geometry.metrics import face_region
from asm_teach.geometry.visibility import seen_from
from asm_teach.scan_fit.clean import clean, keep_faces, round_points, simplify
from asm_teach.scan_fit.face_relief import Cloud, Found, Poses, Samples, measure, relief_of
from asm_teach.scan_fit.face_search import draw, find_faces, move
from asm_teach.scan_fit.face_shapes import FaceShapes
from asm_teach.scan_fit.open_mouth import CLOSED, Amounts, Mouth, by_name

FACE_RELIEF = 0.4
"""The share of the template's relief that passes for a face: faces have 0.5 to 0.9, other shapes up to 0.25."""

_RADIUS = 95.0  # mm round the tip of the nose: the face, where no landmarks say how large it is
_MISFIT, _OFF = 15.0, 15.0  # mm that landmarks may be from the template's, and from the scan
_MARGIN, _REACH = 40.0, 15.0  # mm from the template: what is farther, or a loose piece that is, is not of this head
_MOST_FACES = 200_000
_PIT = 15.0  # mm: points of the template that lie deeper are in an empty eye socket or a mouth; scans have none there
_POINTS, _SAMPLES = 500, 60_000  # drawn from the template's face and from the scan


@dataclass(frozen=True, eq=False)
class PlacedScan:
    """A scan ready for a fit, and where the template lies on it.

    Attributes:
        mesh: the cleaned scan in mm, in its own orientation and position.
        unit: mm for each unit of the file.
        rotation: (3, 3) from the template to the scan: x_scan ~ rotation @ x_template + shift, closest at the face.
        shift: (3,) mm.
        scale: how many times larger the scanned face is than the template's.
        notes: what was guessed and what was dropped.
        start: the template, its mouth open as far as the scan's.
        shapes: what may be added to the template; None where that is not known.
        likely: amounts of expressions with which a fit may begin; `start` has the first of them.
    """

    mesh: Mesh
    unit: float
    rotation: Tensor
    shift: Tensor
    scale: float
    notes: tuple[str, ...]
    start: Mesh
    shapes: FaceShapes | None
    likely: tuple[dict[str, float], ...]


def place_scan(
    template: Mesh, scan: Mesh, landmarks: Tensor | None = None, mask: Tensor | None = None, seed: int = 0
) -> PlacedScan:
    """Clean a raw scan, find its face and its unit.

    Args:
        template: a head or a face in mm, +y up, +z out of the face. Landmarks "ibug68" and a part "face" help.
        scan: any mesh that has a face: upside down, in metres, with holes, with shoulders, of millions of points.
        landmarks: (68, 3) where the template's "ibug68" lie on the scan, in its own unit; NaN rows are unknown, four
            or more are needed. Without them the whole scan is searched.
        mask: (V,) or (F,) bool of the scan, what of it counts.
        seed: which random points of the two surfaces are looked at.

    Raises:
        ValueError: no face in the scan, or several; triangles that face inwards; landmarks that are mirrored, that
            are not a face's or do not lie on the scan; wrong types and shapes.
    """
    for name, mesh in (("template", template), ("scan", scan)):
        if not isinstance(mesh, Mesh):
            raise ValueError(f"{name}: expected a Mesh, found a {type(mesh).__name__}; asm_teach.read_mesh makes one")
    generator = np.random.default_rng(seed)
    face, middle = _template_face(template, generator)
    cleaned, notes = clean(scan, mask)
    vertices, faces = to_array(cleaned.vertices), cleaned.faces.cpu().numpy()
    mouth, likely = Mouth.of(template, face, middle), [CLOSED]
    if landmarks is None:
        poses, likely, note = _search(face, mouth, Samples(draw(vertices, faces, _SAMPLES, generator)))
    else:
        known, pairs = _pairs(template, landmarks, middle)
        if mouth is not None and (amounts := mouth.of_landmarks(landmarks)) != CLOSED:
            known, pairs = _pairs(mouth.mesh(amounts), landmarks, middle)
            face, likely = mouth.points(amounts), [amounts]
        at = pairs[1].mean(0)
        reach = 4 * np.linalg.norm(pairs[1] - at, axis=1).max()
        near = (np.linalg.norm(vertices - at, axis=1) < reach)[faces].all(1)
        samples = draw(vertices, faces[near] if near.any() else faces, _SAMPLES, generator)
        poses, note = _by_landmarks(face, samples, known, *pairs)
    size, rotation, at = float(poses.scale[0]), poses.rotation[0], poses.shift[0]
    unit, unit_note = guess_unit(size)
    scale = size * unit
    metric = cleaned.with_vertices(unit * cleaned.vertices)
    far = far_middle(vertices) is not None  # from the origin, where the template's float32 would round the shift
    start = template if mouth is None or likely[0] == CLOSED else mouth.mesh(likely[0])
    mesh, crop_notes = _crop(metric, start, scale, rotation, unit * at - scale * rotation @ middle)
    return PlacedScan(
        mesh=mesh,
        unit=unit,
        rotation=to_tensor(rotation, template.vertices),
        shift=to_tensor(unit * at - rotation @ middle, metric.vertices if far else template.vertices),
        scale=scale,
        notes=(unit_note, note, *notes, *crop_notes),
        start=start,
        shapes=None if mouth is None else mouth.shapes,
        likely=tuple(map(by_name, likely)),
    )


def _template_face(template: Mesh, generator: np.random.Generator) -> tuple[Cloud, np.ndarray]:
    """Points spread over the template's face, counted from their middle, and where that is."""
    vertices, faces = template.vertices, template.faces
    if "ibug68" in template.landmarks:
        points = template.landmarks["ibug68"].points(vertices, faces)
        inside = face_region(vertices, points[30], points[[36, 45]], points[27])
    else:  # of a face that looks along +z the tip of the nose is farthest in front
        inside = torch.linalg.vector_norm(vertices - vertices[vertices[:, 2].argmax()], dim=1) < _RADIUS
    if "face" in template.parts:
        faces = faces[template.parts["face"]]
    elif inside.any():  # of an unmarked mesh, what is seen from the front: not the mouth's inside or the eyes' pockets
        views = torch.tensor([[0.0, 0.0, 1.0], [1.0, 0.0, 1.0], [-1.0, 0.0, 1.0]], dtype=vertices.dtype)
        rows = inside.nonzero()[:, 0]
        inside[rows] = seen_from(vertices[rows], template, views.to(vertices.device)).to(inside.device)
    faces = faces[inside[faces].all(1)]
    if len(faces) == 0:
        raise ValueError("template: it has no triangle within its face; give it in mm, +y up, +z out of the face")
    cloud = draw(to_array(vertices), faces.cpu().numpy(), 2 * _POINTS, generator)
    middle = cloud.points.mean(0)
    outer = Cloud(cloud.points - middle, cloud.normals).take(cloud.normals[:, 2] > 0)
    for _ in range(4):  # the more of a pit is gone, the nearer the bow comes to the skin
        outer = outer.take(relief_of(outer.points) > -_PIT)
    if len(outer.points) < _POINTS // 2:
        raise ValueError(
            "template: most of its face looks away from +z; give it +y up, +z out of the face, and outwards"
        )
    some = outer.take(np.linspace(0, len(outer.points) - 1, min(_POINTS, len(outer.points))).astype(int))
    return Cloud(some.points, some.normals), middle


def _search(face: Cloud, mouth: Mouth | None, scan: Samples) -> tuple[Poses, list[Amounts], str]:
    """Where the one face of the scan is, what its mouth may do, and a note."""
    found = find_faces(face, scan)
    poses, likely, best = found.poses, [CLOSED], found.relief[0]
    if mouth is not None:
        likely, here = mouth.find(scan, poses)
        if likely[0] != CLOSED:
            poses, best = here.poses, here.relief[0]
    if best < FACE_RELIEF:
        if find_faces(face, scan.turned_round()).relief[0] >= FACE_RELIEF:
            raise _inside_out()
        raise ValueError(
            f"scan: no face was found in it. At the most likely place it has {max(best, 0):.0%} of the relief of the "
            f"template's face (eyes, nose, mouth), where {FACE_RELIEF:.0%} is the least for a face; the rest, "
            f"{found.missing[0]:.1f} mm on average in the template's size, is missing. If there is a face, give "
            "`landmarks` on it or a `mask` of its triangles; if it is mostly holes or noise, repair it first"
        )
    away = np.linalg.norm(found.poses.shift - poses.shift[0], axis=1) / poses.scale[0]
    other = np.flatnonzero((away > _RADIUS) & (found.relief >= FACE_RELIEF))
    if len(other):
        shifts = (poses.shift[0], found.poses.shift[other[0]])
        places = " and ".join(str([float(f"{x:.3g}") for x in shift]) for shift in shifts)
        raise ValueError(
            f"scan: several faces fit, at {places}, with {best:.0%} and {found.relief[other[0]]:.0%} of "
            "the template's relief. Choose one: give `landmarks` on it, or a `mask` of its triangles"
        )
    return poses, likely, f"The face was found by search: the scan has {best:.0%} of the template's relief there."


def _pairs(template: Mesh, landmarks: Tensor, middle: np.ndarray) -> tuple[np.ndarray, tuple[np.ndarray, np.ndarray]]:
    """Numbers of the landmarks that are known, and where they are on the template (from `middle`) and on the scan."""
    if "ibug68" not in template.landmarks:
        raise ValueError('landmarks: the template has none called "ibug68" to compare them with; leave them out')
    if not isinstance(landmarks, Tensor) or landmarks.shape != (68, 3) or not landmarks.is_floating_point():
        found = tuple(landmarks.shape) if isinstance(landmarks, Tensor) else type(landmarks).__name__
        raise ValueError(f"landmarks: found {found}; give (68, 3) floating-point numbers, NaN for an unknown point")
    points = to_array(landmarks)
    known = np.flatnonzero(np.isfinite(points).all(1))
    if len(known) < 4 or on_one_line(torch.from_numpy(points[known])):
        raise ValueError(f"landmarks: {len(known)} are known; four or more are needed, not all on one line")
    there = to_array(template.landmarks["ibug68"].points(template.vertices, template.faces))
    return known, (there[known] - middle, points[known])


def _by_landmarks(
    face: Cloud, cloud: Cloud, known: np.ndarray, here: np.ndarray, there: np.ndarray
) -> tuple[Poses, str]:
    """Where the face is that the landmarks lie on, and a note. here, there: (n, 3) on the template and the scan."""
    mirror = np.array([-1.0, 1, 1])
    samples = Samples(cloud)
    rest, start = _superpose(here, there, samples, face)
    mirror_face = Cloud(mirror * face.points, mirror * face.normals)
    mirror_rest, mirrored = _superpose(mirror * here, there, samples, mirror_face)
    misfit, mirror_misfit = (float(np.sqrt(np.square(x).mean())) for x in (rest, mirror_rest))
    if min(misfit, mirror_misfit) > _MISFIT:
        raise ValueError(
            f"landmarks: they are not a face's in iBUG's order: {misfit:.0f} mm are left where a face leaves 3 to 9, "
            f"the most at row {known[rest.argmax()]} ({rest.max():.0f} mm); check that row and the order"
        )
    # Landmarks near one plane fit both ways, but one way the face looks into the head.
    if mirror_misfit < 0.6 * misfit or (start.facing[0] < 0.5 < mirrored.facing[0] and mirror_misfit < 1.5 * misfit):
        raise ValueError(
            f"landmarks: left and right are exchanged: a face fits them to {misfit:.1f} mm and looks "
            f"{'out of' if start.facing[0] > 0.5 else 'into'} the head, its mirror image to {mirror_misfit:.1f} mm. "
            "Right and left are the person's own: exchange the rows. If they are right, the scan is mirrored (change "
            "the sign of one axis, its and the landmarks') or its triangles face inwards (flip them: faces.flip(1))"
        )
    off = float(np.median(samples.tree.query(there)[0])) / start.poses.scale[0]
    if off > _OFF:
        raise ValueError(
            f"landmarks: half of them are {off:.0f} mm or more from the scan; give them in its unit and its axes"
        )
    if start.facing[0] < 0:
        raise _inside_out()
    found = measure(samples, face, move(samples, face, start.poses, np.geomspace(12, 5, 15)))
    if np.linalg.norm(found.poses.put(here)[0] - there, axis=1).mean() > (rest.mean() + 3) * start.poses.scale[0]:
        found = measure(samples, face, start.poses)  # the surface leads away from the landmarks: they know better
    note = f"The face was placed by {len(known)} landmarks, which fit the template's to {misfit:.1f} mm"
    if found.relief[0] >= FACE_RELIEF:
        return found.poses, note + "."
    return found.poses, note + f"; the scan has only {max(found.relief[0], 0):.0%} of its relief there: look at it."


def _superpose(here: np.ndarray, there: np.ndarray, samples: Samples, face: Cloud) -> tuple[np.ndarray, Found]:
    """What is left between landmarks (n,) in mm of the template, and the similarity that leaves the least."""
    found = align_points(torch.from_numpy(here), torch.from_numpy(there), scale=True)
    scale, rotation, shift = (x.numpy() for x in found)
    poses = Poses(scale[None], rotation[None], shift[None])
    return np.linalg.norm(poses.put(here)[0] - there, axis=1) / scale, measure(samples, face, poses, steps=0)


def _inside_out() -> ValueError:
    return ValueError(
        "scan: its triangles face inwards: its face fits the template only inside out. Either they are wound the wrong "
        "way (flip them: dataclasses.replace(scan, faces=scan.faces.flip(1))) or the file is mirrored (change the "
        "sign of one axis of its vertices)"
    )


def guess_unit(size: float) -> tuple[float, str]:
    """(mm for each unit of a scan whose face is `size` times as large in its unit as the template's in mm, a note)."""
    if (found := unit_of(size)) is not None:
        name, unit = found
        return unit, f"The file is taken to be in {name}: its face is {size * unit:.2f} times the template's size."
    return 1 / size, (
        f"The file is in no known unit: one of its units is taken as {1 / size:.4g} mm, which makes its face as large "
        "as the template's, so no size measured on it is certain."
    )


def _crop(mesh: Mesh, template: Mesh, scale: float, rotation: np.ndarray, shift: np.ndarray) -> tuple[Mesh, list[str]]:
    """What of a scan in mm lies round the placed template, in at most _MOST_FACES triangles, and notes."""
    notes, total = [], len(mesh.faces)
    head = scale * to_array(template.vertices) @ rotation.T
    there = (to_array(mesh.vertices) - shift) @ rotation  # a box in the template's axes: quick for millions of points
    box, margin = head @ rotation, _MARGIN * scale
    boxed = torch.from_numpy(((there > box.min(0) - margin) & (there < box.max(0) + margin)).all(1))
    mesh = keep_faces(mesh, boxed[mesh.faces.cpu()].all(1))
    if (before := len(mesh.faces)) > _MOST_FACES:
        mesh = simplify(mesh, _MOST_FACES)
        notes.append(f"Simplified {before:,} triangles to {len(mesh.faces):,}; colours and UV are lost.")
        total += len(mesh.faces) - before
    mesh = keep_faces(mesh, round_points(mesh, head + shift, margin, _REACH * scale))
    if dropped := total - len(mesh.faces):
        notes.append(f"Dropped {dropped:,} triangles that are more than {margin:.0f} mm from the placed template.")
    return mesh, notes
