"""Do these views belong together? What can be said of them before a fit, and of how far to trust it afterwards.

Mistakes that would spoil a fit without a sign (left and right swapped, landmarks of something else) are errors; what a
fit survives (one picture only, the same one twice, another person's among them) is said in sentences.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import combinations
from typing import NamedTuple

import torch
from torch import Tensor

from asm_teach.formats.jpeg_blocks import block_edges
from asm_teach.geometry.mesh import Mesh, face_normals
from asm_teach.rendering.camera import Camera
from asm_teach.view_fit.bundle import Bundle, FaceT
from asm_teach.view_fit.landmark_term import all_misses, beyond_known, misses, shared_misses
from asm_teach.view_fit.skin_term import SkinTerm
from asm_teach.view_fit.view import View, landmark_view, same_picture, view_names

# Where measured: on 12 photographs of four people with MediaPipe's points, on embedded people, and on both spoilt.
WILD = 20.0  # mm: further from where the template has it than a point of a closed mouth ever is
MOST_WILD = 0.25  # share of wild landmarks. Neutral: none. A jaw that drops too far: 0.17. Another order: 0.35 and more
BEHIND = -0.25  # cosine of front and line of sight. Faces, to a profile: above -0.21. Mirrored, to 60 degrees: below
ONE_SIDE = 10.0  # degrees between lines of sight: depth hardly shows
# Shared misses, mm, with landmarks of `find_landmarks`: of all views together (one person: 0.41 of two views,
# 0.45 of more; two people in two pictures: 0.51 and more, but for one pair of 37 at 0.46), and of an odd one (one
# person: 0.63; a view of another: 0.74, and 1.33 times the others). Landmarks of one framing: to 0.57 of two.
MOST_PAIR, MOST_ALL, MOST_ODD, ODD = 0.48, 0.55, 0.7, 1.2
# The same of what a view's errors share where a detector's are expected, in their deviations (one person: 1.4 times the
# others, on photographs; a view of another: 1.1 to 2.0, for the detector makes people alike).
ODD_DETECTED = 1.6
NOISY = 2.0  # times the others' RMS of all misses
# Correlation of skin in one picture and the others, in grids of `COARSE` mm that count `ENOUGH` in all, after a fit to
# pictures. One person: 0.75 to 0.94; another: below 0.2. From further aside (radians) a good one may miss its place.
COARSE, ENOUGH, UNLIKE, TRUSTED, ASIDE = 3.0, 20.0, 0.4, 0.6, 0.8
# The same of the skin round one place. One person: 0.52 and more. Under a hand, glasses, or smiling: below 0.05.
COVERED = 0.3
# The same in grids of `DETAIL` mm, as a share of the others': one person 0.84 and more, a mirrored picture
# 0.68, a painting 0.4 to 0.5. Below `FINEST` pixels between the points of a grid, a picture cannot show them.
DETAIL, FAINT, FINEST = 1.5, 0.74, 1.1
# How high the steps between JPEG blocks are against those inside (`block_edges`): quality 15: 2.6 to 3.3; 5: 5.2 to 8.
BLOCKS = 3.3


class Look(NamedTuple):
    """A view by its name, the template's pose in it, and the template's points (L, 3) that its landmarks are."""

    name: str
    camera: Camera
    points: Tensor

    def sees_from(self) -> Tensor:
        """Unit vector (3,) from the face to the camera."""
        return torch.nn.functional.normalize(self.camera.centre() - self.points.mean(0), dim=0)


@torch.no_grad()
def looks_of(mesh: Mesh, views: Sequence[View]) -> list[Look]:
    """Place the template in each view as it is.

    Seen without perspective, a face with its left and right landmarks swapped is exactly a face seen from behind,
    through the head: this is how swapped landmarks are told.

    Raises ValueError, with the view's name, for landmarks that fit no set of the mesh, that are not a face's, or that
    are mirrored.
    """
    return [_look(name, view, mesh) for name, view in zip(view_names(views), views, strict=True)]


@torch.no_grad()
def before(mesh: Mesh, views: Sequence[View], looks: Sequence[Look] | None = None) -> list[str]:
    """What is to be said of views before a fit, in sentences; empty when all is well. Derived in lesson 8.

    looks: what `looks_of` gave. Raises ValueError as that does.
    """
    looks = looks_of(mesh, views) if looks is None else looks
    notes = []
    if len(views) == 1:
        notes.append(
            "There is one picture only: how far nose, chin and cheeks stand out is what the model expects of a face, "
            "not a measurement. Add a picture from another side."
        )
    for (a, first), (b, second) in combinations(zip(looks, views, strict=True), 2):
        if same_picture(first, second):
            notes.append(f"{a.name} and {b.name} show the same picture, or nearly: the second adds nothing.")
    if len(views) > 1 and not notes:
        cosine = min(float(a.sees_from() @ b.sees_from()) for a, b in combinations(looks, 2))
        angle = float(torch.rad2deg(torch.acos(torch.tensor(cosine).clamp(-1, 1))))
        if angle < ONE_SIDE:
            notes.append(
                f"All pictures show the face from nearly the same side, {angle:.0f} degrees apart at most: depth is "
                "little more than what the model expects of a face. Add a picture from another side."
            )
    return notes + [note for note in map(_compressed, views, view_names(views)) if note]


def _compressed(view: View, name: str) -> str:
    """What is to be said of a picture whose face shows the blocks of a JPEG file; nothing if it does not."""
    if view.image is None:
        return ""
    found = view.landmarks[view.landmarks.isfinite().all(1)].to(view.image)
    (left, top), (right, bottom) = found.amin(0).long().clamp_min(0).tolist(), found.amax(0).long().tolist()
    edges = block_edges(view.image[top : bottom + 1, left : right + 1])
    if edges < BLOCKS:
        return ""
    return (
        f"{name} was compressed so strongly that the skin's detail is lost: the blocks of its JPEG file stand out, "
        f"with edges {edges:.1f} times as high as the steps inside. Give the original, or save it in higher quality."
    )


def _look(name: str, view: View, mesh: Mesh) -> Look:
    try:
        seen = landmark_view(view, mesh)
        points = seen.embedding.points(mesh.vertices, mesh.faces)
        camera = seen.first_camera(points)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None
    wild = float((misses(points, seen, camera).norm(dim=1) > WILD).double().mean())
    if wild > MOST_WILD:
        raise ValueError(
            f"{name}: landmarks: {wild:.0%} of them lie more than {WILD:.0f} mm from where a face has them; they are "
            "not those of a face, or stand in another order than the mesh's"
        )
    look = Look(name, camera, points)
    normals = face_normals(mesh.vertices, mesh.faces[seen.embedding.faces])
    front = torch.nn.functional.normalize(normals.mean(0), dim=0)
    if float(front @ look.sees_from()) < BEHIND:
        # The template's x axis in the picture tells which mistake mirrored them.
        across, down = camera.world_to_camera()[:2, 0].tolist()
        if abs(across) < abs(down):
            cause = "rows and columns are exchanged; give (x, y), x right and y down"
        elif across > 0:
            cause = "y is counted upwards; count it down from the upper edge"
        else:
            cause = (
                "left and right are swapped; right and left are the person's own, and a picture that was flipped "
                "needs landmarks found in the flipped picture"
            )
        raise ValueError(f"{name}: landmarks: they are those of a mirrored face: {cause}")
    return look


@torch.no_grad()
def after(
    mesh: Mesh,
    vertices: Tensor,
    views: Sequence[View],
    cameras: Sequence[Camera],
    expected: bool = False,
    alike: Collection[int] = (),
) -> list[str]:
    """What is to be said of a fit: which views do not agree with the others. Empty when all is well.

    vertices: (V, 3) mm, of the head that was fitted to landmarks. cameras: those of this fit, one for each view.
    expected: the landmarks are a detector's, whose known errors are shared and grow with the angle: misses are compared
    with those. alike: views that show the skin of the others (`unlike_skin`). Where their landmarks are missed
    together, the model cannot take the person's form.
    """
    names = view_names(views)
    if len(views) < 2:
        return []
    if expected:
        return _unexpected(mesh, vertices, views, cameras, alike)
    shared = shared_misses(mesh, vertices, views, cameras)
    notes = []
    single = all_misses(mesh, vertices, views, cameras)
    for n, name in enumerate(names):
        others = torch.arange(len(views)) != n
        usual, usual_single = float(shared[others].quantile(0.5)), float(single[others].quantile(0.5))
        if len(views) > 2 and n not in alike and shared[n] > max(MOST_ODD, ODD * usual):
            notes.append(
                f"{name} does not agree with the other pictures: its neighbouring landmarks are missed together by "
                f"{float(shared[n]):.1f} mm, theirs by {usual:.1f}. It may show another person or expression, or its "
                "landmarks are wrong; the result is drawn towards it. Fit again without it and compare."
            )
        elif single[n] > NOISY * usual_single:
            notes.append(
                f"The landmarks of {name} are much less exact than the others: they are missed by "
                f"{float(single[n]):.1f} mm (RMS), the others by {usual_single:.1f}. They add little; set them again."
            )
    doubted = shared[[n for n in range(len(views)) if n not in alike]]
    together, most = float(doubted.square().mean().sqrt()), MOST_PAIR if len(views) == 2 else MOST_ALL
    if together > most and not notes:  # the mean of none is no number, and above nothing
        which = " and ".join(names) if len(names) == 2 else "The pictures"
        notes.append(
            f"{which} do not agree well: neighbouring landmarks are missed together by {together:.2f} mm, and by less "
            f"than {most} in pictures of one person. They may show several people, or one with several expressions; "
            "the result is then a mixture, not a measurement."
        )
    return notes


def _unexpected(
    mesh: Mesh, vertices: Tensor, views: Sequence[View], cameras: Sequence[Camera], alike: Collection[int]
) -> list[str]:
    """Which views' misses are not those of a detector, of which it is known how they are shared. In sentences."""
    seen = [landmark_view(view, mesh) for view in views]
    which = [n for n, view in enumerate(seen) if view.detected]
    sizes = [beyond_known(mesh, vertices, seen[n], cameras[n]) for n in which]
    notes = []
    for k, (shared, alone) in enumerate(sizes):
        others = vertices.new_tensor([size for j, size in enumerate(sizes) if j != k]).quantile(0.5, dim=0)
        usual, usual_alone = others.tolist()
        name = view_names(views)[which[k]]
        if shared > ODD_DETECTED * usual and which[k] not in alike:
            notes.append(
                f"{name} does not agree with the other pictures: its landmarks are off together by {shared:.1f} times "
                f"what a detector's are, theirs by {usual:.1f}. It may show another person or expression; the result "
                "is drawn towards it. Fit again without it and compare."
            )
        elif alone > NOISY * usual_alone:
            notes.append(
                f"The landmarks of {name} are much less exact than the others: each by itself is off by {alone:.1f} "
                f"times what a detector's is, theirs by {usual_alone:.1f}. They add little; set them again."
            )
    return notes


@torch.no_grad()
def unlike_skin(bundle: Bundle[FaceT], views: Sequence[View]) -> tuple[list[str], set[int]]:
    """Which pictures, three or more, show other skin than the rest, once the fit has compared them.

    Landmarks can hardly tell: a detector makes two people alike. Coarse grids tell other skin; fine ones tell where the
    detail is missing. Returns sentences, and which pictures surely show the skin of the others.
    """
    face, cameras, names = bundle.face, bundle.cameras, view_names(views)
    skin = SkinTerm([view.image for view in views], face, 1.0)
    samples = face.samples(skin.places)
    frontal = [n for n in range(len(views)) if abs(cameras.side(n)[0]) < ASIDE]

    def compared(spacing: float) -> tuple[list[int], list[int], Tensor, Tensor]:
        """Pictures that show enough, those that can be told, correlations (N,), and those round samples (M, N)."""
        skin.look(face.vertices(), cameras, spacing)
        alike, counts = skin.alike(samples, cameras)
        total = counts.sum(0)
        enough = (cameras.log_size.exp() * spacing > FINEST) & (total > ENOUGH)
        told = [n for n in frontal if enough[n]]
        around = skin.around(samples, alike, counts)
        if len(told) < 3:
            return [], [], total, around
        return enough.nonzero()[:, 0].tolist(), told, (counts * alike).sum(0) / total.clamp_min(1e-6), around

    enough, told, mean, around = compared(COARSE)
    notes, same = {}, set()
    for n in enough:
        others = [m for m in told if m != n]
        usual, there = float(mean[others].quantile(0.5)), around[:, others].nanquantile(0.5, dim=1)
        lowest, place = around[:, n].masked_fill(~(there > TRUSTED), torch.inf).nan_to_num(torch.inf).min(0)
        if min(usual, float(mean[n])) > TRUSTED and lowest > COVERED:
            same.add(n)
        elif n in told and mean[n] < UNLIKE and usual > TRUSTED:
            notes[n] = (
                f"The skin in {names[n]} is not what the other pictures show (correlation {float(mean[n]):.2f}, theirs "
                f"{usual:.2f}): it may show another person, or the face is covered, painted or out of focus. Fit again "
                "without it and compare."
            )
        elif n in told and lowest < COVERED:
            x, y = cameras.project(samples[place], n).tolist()
            notes[n] = (
                f"The skin in {names[n]} round the pixel ({x:.0f}, {y:.0f}) is not what the other pictures show there "
                f"(correlation {float(lowest):.2f}, theirs {float(there[place]):.2f}): a hand, glasses or hair may "
                "cover it, or the face has another expression. Fit again without it and compare."
            )
    _, told, mean, _ = compared(DETAIL)
    for n in told:
        usual = float(mean[[m for m in told if m != n]].quantile(0.5))
        if mean[n] < FAINT * usual and usual > TRUSTED and n not in notes:
            notes[n] = (
                f"The skin in {names[n]} lacks the detail that the other pictures show (correlation in pieces of "
                f"{4 * DETAIL:.0f} mm {float(mean[n]):.2f}, theirs {usual:.2f}): it may be mirrored, painted, "
                "retouched, out of focus or enlarged. Fit again without it and compare."
            )
    return [notes[n] for n in sorted(notes)], same - notes.keys()
