"""Fitting to raw scans: which closest points are trusted, and how close a face comes in any unit, pose and topology."""

from __future__ import annotations

from functools import cache

import pytest
import roma
import torch
from torch import Tensor

from asm_teach.data.assets import AssetUnavailable
from asm_teach.data.heads import load_head
from asm_teach.data.scans import Scan, load_scan
from asm_teach.fitting.result import Fit, Record
from asm_teach.fitting.vertex_energy import chart_places
from asm_teach.geometry.alignment import align_points
from asm_teach.geometry.closest_point import Surface, to_array
from asm_teach.geometry.mesh import Mesh, face_normals
from asm_teach.geometry.mesh_edges import edge_list
from asm_teach.geometry.visibility import exposed
from asm_teach.model.adaptive import AdaptiveSkinningModel, SkinnedModel, StaticSkinningModel
from asm_teach.model.transforms import Rig
from asm_teach.scan_fit.fit import fit_scan
from asm_teach.scan_fit.surface_targets import SurfacePull

HEAD = load_head()
PERSON = HEAD.sample(11)
FACE = HEAD.mesh.part_vertices("face")
FEW = [0, *range(2, 84, 4)]  # every fourth bone, all on the root
TURN = roma.rotvec_to_rotmat(torch.tensor([0.3, -0.6, 0.4]))
SHIFT = torch.tensor([200.0, -300.0, 50.0])


def few() -> AdaptiveSkinningModel:
    """A model with a quarter of the bones, which is fitted in a fraction of the time."""
    names = tuple(HEAD.rig.names[bone] for bone in FEW)
    rig = Rig(names, torch.tensor([-1] + [0] * (len(FEW) - 1)), uv=HEAD.rig.uv[FEW])
    return AdaptiveSkinningModel(HEAD.mesh, rig, components=1)


def subdivided(mesh: Mesh) -> Mesh:
    """Each triangle cut in four: other vertices, other faces, the same surface, and nothing else of the mesh."""
    edges = edge_list(mesh.faces)
    ab, bc, ca = (edges.of_face + len(mesh.vertices)).T
    a, b, c = mesh.faces.T
    corners = ((a, ab, ca), (ab, b, bc), (ca, bc, c), (ab, bc, ca))
    faces = torch.cat([torch.stack(triangle, 1) for triangle in corners])
    return Mesh(torch.cat([mesh.vertices, mesh.vertices[edges.ends].mean(1)]), faces)


def elsewhere(points: Tensor) -> Tensor:
    return points @ TURN.T + SHIFT


def raw(mesh: Mesh = PERSON, unit: float = 1.0) -> Mesh:
    """The face as a scanner gives it, which sees no teeth: turned, shifted, in any unit."""
    scan = subdivided(mesh.part("face"))
    return scan.with_vertices(elsewhere(scan.vertices) / unit)


def quick(scan: Mesh, steps: int = 10, model: SkinnedModel | None = None, **options) -> Fit:
    return fit_scan(model or few(), scan, steps=steps, **{"progress": False, "device": "cpu", **options})


def pull_of(model: SkinnedModel, scan: Mesh, points: Tensor | None, unit: float) -> SurfacePull:
    return SurfacePull(model.mesh, model(), chart_places(model), scan, None, points, unit)


def landmarks(mesh: Mesh = PERSON) -> Tensor:
    return elsewhere(HEAD.landmarks.points(mesh.vertices, mesh.faces))


@cache
def in_metres() -> Fit:
    return quick(raw(unit=1000.0), steps=16)


def seen_vertices() -> Tensor:
    """Vertices of the face that nothing covers."""
    return FACE[exposed(HEAD.mesh.vertices, HEAD.mesh.faces)[FACE] > 0.9]


def off_surface(fit: Fit) -> Tensor:
    """Distances in mm of the exposed vertices of the face from the scan."""
    surface = Surface(fit.scan.vertices, fit.scan.faces)
    return torch.from_numpy(surface.closest(to_array(fit.vertices[seen_vertices()]))[1])


def turned_over(fit: Fit) -> int:
    """Exposed triangles of the face that look the other way than at rest, the head's own turn taken out."""
    rest, faces = HEAD.mesh.vertices, HEAD.mesh.faces
    open_ = (exposed(rest, faces)[faces] > 0.5).all(1)
    open_ &= torch.isin(torch.arange(len(faces)), HEAD.mesh.parts["face"])
    assert open_.sum() > 2500
    _, turn, _ = align_points(rest[FACE], fit.vertices[FACE])
    cosine = ((face_normals(rest, faces) @ turn.T.to(rest)) * face_normals(fit.vertices, faces)).sum(1)
    return int((cosine[open_] < 0).sum())


# --- how open a surface is


def sheet(side: int = 21, width: float = 100.0) -> Mesh:
    """A flat square sheet in z = 0 that looks along +z."""
    line = torch.linspace(0, 1, side)
    uv = torch.cartesian_prod(line, line)
    vertices = torch.cat([width * (uv - 0.5), torch.zeros(len(uv), 1)], 1)
    corner = torch.arange(side * side).view(side, side)
    a, b, c, d = (x.flatten() for x in (corner[:-1, :-1], corner[1:, :-1], corner[1:, 1:], corner[:-1, 1:]))
    return Mesh(vertices, torch.cat([torch.stack([a, b, c], 1), torch.stack([a, c, d], 1)]), uv=uv)


def test_a_sheet_is_open_and_a_slit_is_not():
    """Two sheets 2 mm apart that look at each other; and the same that look away."""
    flat = sheet()
    assert (exposed(flat.vertices, flat.faces) == 1).all()
    above = flat.vertices + torch.tensor([0.0, 0.0, 2.0])
    count = len(above)
    both = torch.cat([flat.vertices, above])
    slit = torch.cat([flat.faces, flat.faces.flip(1) + count])
    assert (exposed(both, slit) < 0.5).all()
    assert (exposed(both, torch.cat([flat.faces.flip(1), flat.faces + count])) == 1).all()


def test_the_inside_of_a_mouth_is_hidden_and_the_skin_is_not():
    open_ = exposed(HEAD.mesh.vertices, HEAD.mesh.faces)
    assert ((open_ >= 0) & (open_ <= 1)).all()
    assert open_[FACE].mean() > 0.8 > 0.5 > open_[HEAD.mesh.part_vertices("teeth")].mean()
    tip = int(HEAD.mesh.vertices[:, 2].argmax())  # nothing is before the tip of the nose
    assert open_[tip] == 1
    stretched = exposed(2 * HEAD.mesh.vertices, HEAD.mesh.faces, height=10.0)  # the same shape, twice as large
    torch.testing.assert_close(stretched, open_, atol=1e-3, rtol=0)


# --- which points are trusted


FLAT = sheet()
FLAT_RIG = Rig(("a", "b"), torch.tensor([-1, 0]), uv=torch.tensor([[0.3, 0.5], [0.7, 0.5]]))


def flat_pull(scan: Mesh, done: float = 1.0) -> SurfacePull:
    model = StaticSkinningModel(FLAT, FLAT_RIG, torch.full((len(FLAT.vertices), 2), 0.5))
    pull = pull_of(model, scan, None, 1.0)
    pull.look(FLAT.vertices, done)
    return pull


def large(height: float, faces: Tensor | None = None) -> Mesh:
    """A sheet three times as large, so that no vertex is near its rim."""
    scan = sheet(31, 300.0)
    return Mesh(scan.vertices + torch.tensor([0.0, 0.0, height]), scan.faces if faces is None else faces)


@pytest.mark.parametrize("done", [0.0, 0.5, 1.0])
def test_vertices_are_drawn_across_to_the_surface(done):
    """By all of the distance across it, and by little of what they would slide along it."""
    pull = flat_pull(large(2.0), done)
    across = pull.target - FLAT.vertices
    torch.testing.assert_close(across[:, 2], torch.full_like(across[:, 2], 2.0), atol=1e-4, rtol=0)
    assert across[:, :2].abs().max() < 2  # a tenth of the way to the scan's own vertices, 10 mm apart, or nothing
    assert pull.error(FLAT.vertices) == pytest.approx(2.0, abs=1e-4)
    assert (pull.weight > 0).all()


def test_far_points_count_less_and_least_at_the_end():
    near, far = flat_pull(large(0.5)), flat_pull(large(8.0))
    assert (far.weight < 0.1 * near.weight).all()
    assert (flat_pull(large(8.0), done=0.3).weight > far.weight).all()


def test_a_surface_that_looks_the_other_way_does_not_count():
    scan = large(1.0)
    assert not flat_pull(large(1.0, scan.faces.flip(1))).weight.any()


def test_beyond_the_rim_of_a_scan_nothing_is_known():
    """A scan that covers the middle: what lies outside is not drawn to its rim."""
    scan = sheet(21, 50.0)
    pull = flat_pull(Mesh(scan.vertices + torch.tensor([0.0, 0.0, 1.0]), scan.faces))
    inside = (FLAT.vertices[:, :2].abs() < 22).all(1)
    outside = (FLAT.vertices[:, :2].abs() > 28).any(1)
    assert (pull.weight[inside] > 0).all() and not pull.weight[outside].any()


def marked() -> tuple[SurfacePull, Tensor, Tensor]:
    """A pull with landmarks, one of them not known; the rows of the vertices round the known ones; their places."""
    points = HEAD.landmarks.points(PERSON.vertices, PERSON.faces) / 1000
    points[5] = torch.nan
    pull = pull_of(few(), Mesh(PERSON.vertices, PERSON.faces), points, 1000.0)
    known = torch.arange(68) != 5
    return pull, HEAD.mesh.faces[HEAD.landmarks.faces[known]], 1000 * points[known]


def test_landmarks_speak_from_first_to_last() -> None:
    pull, corners, places = marked()
    vertices, counts = PERSON.vertices + torch.tensor([1.5, 0.0, 0.0]), []
    for done in (0.0, 0.5, 1.0):
        pull.look(vertices, done)
        assert pull.target.isfinite().all()
        counts.append(pull.weight[corners].sum(1) - pull.trust[corners].sum(1))
    line = torch.arange(67) < 16
    line[7] = False  # the chin: without number 5, row 7 is number 8
    assert (counts[0][~line] > 10).all()
    # In the end they still count for some vertices; the line of the jaw for less.
    assert (counts[2][~line] > 1).all()
    assert (counts[2] <= counts[0]).all() and counts[2][line].max() < 1.6
    # A face that has reached its landmarks is left where it is by them.
    there = HEAD.landmarks.points(PERSON.vertices, PERSON.faces)
    assert (places - there[torch.arange(68) != 5]).norm(dim=1).max() < 0.1
    pull.look(PERSON.vertices, 1.0)
    rows = corners[pull.weight[corners] > 0.01]  # of those that count
    assert (pull.target - PERSON.vertices)[rows].norm(dim=1).max() < 0.5


def test_a_landmark_that_stays_far_away_is_heard_less_and_less() -> None:
    points = HEAD.landmarks.points(PERSON.vertices, PERSON.faces)
    points[30] += torch.tensor([0.0, 20.0, 0.0])
    pull = pull_of(few(), Mesh(PERSON.vertices, PERSON.faces), points, 1.0)
    say = []
    for done in (0.0, 0.5, 1.0):
        pull.look(PERSON.vertices, done)
        say.append(pull.marks.say[30].item())
    assert say[0] > 8 > 1 > say[1] > 0.1 > say[2]
    assert pull.marks.say[33] > 2.5


# --- whole fits


@pytest.mark.long
def test_a_raw_scan_in_metres_is_found_and_followed():
    """Turned, shifted, of other triangles: the skin comes to 0.3 mm in 16 steps with a quarter of the bones."""
    fit = in_metres()
    assert off_surface(fit).mean() < 0.4
    assert fit.history[-1].error < 0.25 and fit.history[-1].error < fit.history[0].error  # it begins near
    # and each vertex is not far from where it belongs, though no one told: 5 mm at first
    assert (fit.vertices - elsewhere(PERSON.vertices))[FACE].norm(dim=1).mean() < 3
    assert any("metres" in note for note in fit.notes) and any("found by search" in note for note in fit.notes)
    assert len(fit.scan.vertices) == len(raw().vertices)
    torch.testing.assert_close(fit.scan.vertices, raw().vertices, atol=1e-2, rtol=0)  # in mm, where it was


@pytest.mark.long
def test_a_raw_fit_tells_its_course():
    fit = in_metres()
    assert len(fit.history) == 16 and not fit.interrupted and fit.cameras == ()
    assert all(record.error >= 0 for record in fit.history)
    assert torch.equal(fit.vertices, fit.model().detach())
    assert (fit.model.log_scale.exp() > 0.1).all() and (fit.model.log_scale.exp() < 10).all()
    assert turned_over(fit) == 0


@pytest.mark.long
def test_landmarks_are_taken_and_the_same_scan_gives_the_same_face():
    scan, known = raw(unit=10.0), landmarks() / 10
    known[[0, 16]] = torch.nan
    first, second = (quick(scan, 6, landmarks=known) for _ in range(2))
    assert torch.equal(first.vertices, second.vertices)
    assert any("66 landmarks" in note for note in first.notes)
    assert any("centimetres" in note for note in first.notes)
    assert off_surface(first).mean() < 0.5
    ends = HEAD.landmarks.points(first.vertices, HEAD.mesh.faces) - landmarks()
    assert ends[17:].norm(dim=1).mean() < 4


def test_a_mask_tells_what_of_a_scan_counts():
    """Two people side by side: one of them is meant."""
    one, other = raw(), raw(HEAD.sample(3))
    count = len(one.vertices)
    vertices = torch.cat([one.vertices, other.vertices + torch.tensor([400.0, 0.0, 0.0])])
    both = Mesh(vertices, torch.cat([one.faces, other.faces + count]))
    fit = quick(both, 8, mask=torch.arange(2 * count) < count, landmarks=landmarks())
    assert len(fit.scan.vertices) == count
    assert off_surface(fit).mean() < 0.5


@pytest.mark.long
def test_half_a_face_is_followed_where_it_is():
    """The scan ends at the middle of the face: its rim draws nothing to it, and the rest keeps its shape."""
    scan = raw()
    half = (scan.vertices - SHIFT) @ TURN  # as the template stands
    kept = (half[:, 0] > -5)[scan.faces].all(1)
    fit = quick(scan, 10, mask=kept, landmarks=landmarks())
    side = HEAD.mesh.vertices[FACE][:, 0]
    off = (fit.vertices - elsewhere(PERSON.vertices))[FACE].norm(dim=1)
    assert off[side > 5].mean() < 3
    assert off[side < -5].mean() < 8  # unseen, but still a face: the template itself is 5 mm off


def test_an_interrupted_raw_fit_is_still_a_fit():
    def stop(record: Record, model: SkinnedModel) -> None:
        if record.iteration == 5:
            raise KeyboardInterrupt

    fit = quick(raw(), 30, landmarks=landmarks(), watch=stop)
    assert fit.interrupted and len(fit.history) == 6
    assert torch.equal(fit.vertices, fit.model().detach())
    assert fit.history[-1].error < fit.history[0].error and off_surface(fit).mean() < 1


@pytest.mark.long
def test_a_raw_fit_in_double_precision_and_of_a_static_model():
    static = StaticSkinningModel(HEAD.mesh, HEAD.rig, HEAD.static_weights)
    for model in (few().double(), static):
        fit = quick(raw(), 4, model, landmarks=landmarks())
        assert fit.vertices.dtype == model.vertices.dtype
        assert off_surface(fit).mean() < 1.5


def test_a_raw_fit_runs_where_it_is_told(device):
    fit = quick(raw(), 4, landmarks=landmarks(), device=device)
    assert fit.vertices.device.type == device.type
    assert (fit.vertices.cpu() - elsewhere(PERSON.vertices))[FACE].norm(dim=1).mean() < 4


def test_landmarks_and_masks_of_another_shape_are_refused():
    with pytest.raises(ValueError, match=r"landmarks: found \(5, 3\)"):
        fit_scan(few(), raw(), landmarks=torch.zeros(5, 3), progress=False)
    with pytest.raises(ValueError, match="mask: found"):
        fit_scan(few(), raw(), mask=torch.ones(3, dtype=torch.bool), progress=False)


# --- scans of real people


def fetched(name: str) -> Scan:
    try:
        return load_scan(name, progress=False)
    except AssetUnavailable as error:
        pytest.skip(f"no fetched files: {error}")


@pytest.mark.long
@pytest.mark.parametrize("name", ["james", "lee-perry-smith"])
def test_scans_of_real_people(name):
    """With a quarter of the bones and of the steps: half a millimetre; and no triangle of the skin turns over."""
    scan = fetched(name)
    fit = quick(scan.mesh, 12, landmarks=scan.landmarks)
    assert off_surface(fit).median() < 0.7
    assert fit.history[-1].error < 0.8 and fit.history[-1].error < fit.history[0].error  # it begins near
    assert turned_over(fit) == 0
    assert any("millimetres" in note for note in fit.notes)
