"""A raw scan is cleaned, its face found, its unit guessed, and what cannot be a face is refused."""

from __future__ import annotations

import math
import re
import time
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation
from torch import Tensor

from asm_teach.data.assets import AssetUnavailable
from asm_teach.data.heads import Head, load_head
from asm_teach.data.scans import load_facekit, load_scan
from asm_teach.geometry.alignment import align_points
from asm_teach.geometry.mesh import Mesh, face_areas
from asm_teach.scan_fit import face_relief, face_search, place
from asm_teach.scan_fit.clean import clean, keep_faces, repeated, round_points, simplify
from asm_teach.scan_fit.face_search import draw
from asm_teach.scan_fit.place import FACE_RELIEF, PlacedScan, place_scan

UNITS = {"millimetres": 1.0, "centimetres": 10.0, "inches": 25.4, "metres": 1000.0}
UPSIDE_DOWN = torch.tensor([[-1.0, 0, 0], [0, -1, 0], [0, 0, 1]])


@pytest.fixture(scope="module")
def head() -> Head:
    return load_head("makehuman")


@pytest.fixture
def quick(monkeypatch) -> None:
    """A search with fewer starts, of three sizes: enough for the heads here, in a tenth of the time."""
    few = {"_SPARSE": 4000, "_MOST_PLACES": 120, "_KEPT": 150, "_LEFT": 40, "_FINALISTS": 8, "_AT_ONE_PLACE": 3}
    for name, value in {**few, "_SIZES": np.array([70, 95, 130.0])}.items():
        monkeypatch.setattr(face_search, name, value)
    monkeypatch.setattr(place, "_SAMPLES", 12_000)


def person(head: Head, seed: int = 1) -> Mesh:
    """Somebody else's head without UV or parts, in mm, where the template is."""
    return Mesh(head.sample(seed).vertices, head.mesh.faces)


def put(mesh: Mesh, rotation: Tensor, unit: float = 1.0, shift: tuple[float, ...] = (0.0, 0.0, 0.0)) -> Mesh:
    """The mesh turned, moved (mm) and written in units of so many mm."""
    return mesh.with_vertices((mesh.vertices @ rotation.T.to(mesh.vertices) + torch.tensor(shift)) / unit)


def turn(seed: int) -> Tensor:
    return torch.from_numpy(Rotation.random(random_state=seed).as_matrix()).float()


def join(*meshes: Mesh) -> Mesh:
    starts = np.cumsum([0] + [len(m.vertices) for m in meshes[:-1]])
    faces = [m.faces + int(start) for m, start in zip(meshes, starts, strict=True)]
    return Mesh(torch.cat([m.vertices for m in meshes]), torch.cat(faces))


def face_landmarks(head: Head, mesh: Mesh) -> Tensor:
    return head.landmarks.points(mesh.vertices, head.mesh.faces)


def lathe(profile: list[tuple[float, float]], around: int = 48) -> Mesh:
    """A surface of revolution about y of (radius, height), outwards when the heights grow."""
    knots, along = np.linspace(0, 1, len(profile)), np.linspace(0, 1, 60)
    outline = np.stack([np.interp(along, knots, x) for x in np.transpose(profile)])
    return tube(lambda a: np.stack([np.sin(a) * outline[0], outline[1] + 0 * a, np.cos(a) * outline[0]]), 60, around)


def bent(path: np.ndarray, radius: np.ndarray, around: int = 16) -> Mesh:
    """A tube round a path (n, 2) in the plane z = 0."""
    along = np.gradient(path, axis=0)
    side = np.stack([-along[:, 1], along[:, 0]]) / np.linalg.norm(along, axis=1)

    def ring(a: np.ndarray) -> np.ndarray:
        out = radius * np.cos(a)
        return np.stack([path[:, 0] + out * side[0], path[:, 1] + out * side[1], radius * np.sin(a)])

    return tube(ring, len(path), around)


def tube(ring, along: int, around: int) -> Mesh:
    """Triangles of a grid that closes in one direction; ring: angle -> (3, along)."""
    angles = np.arange(around) * 2 * np.pi / around
    points = np.stack([ring(a).T for a in angles]).reshape(-1, 3)
    i, j = (x.reshape(-1) for x in np.meshgrid(np.arange(around), np.arange(along - 1), indexing="ij"))
    a, b = i * along + j, (i + 1) % around * along + j
    faces = np.concatenate([np.stack([a, b, b + 1], 1), np.stack([a, b + 1, a + 1], 1)])
    return Mesh(torch.from_numpy(points).float(), torch.from_numpy(faces))


def teapot() -> Mesh:
    body = lathe([(0, 0), (60, 0), (78, 18), (86, 45), (80, 75), (60, 98), (50, 108), (20, 118), (8, 122), (13, 131),
                  (8, 139), (0, 141)])  # fmt: skip
    t = np.linspace(0, 1, 24)
    spout = bent(np.stack([70 + 65 * t, 35 + 70 * t**2], 1), 22 - 13 * t)
    angle = np.linspace(-0.45 * np.pi, 0.45 * np.pi, 24)
    handle = bent(np.stack([-70 - 45 * np.cos(angle), 55 + 38 * np.sin(angle)], 1), np.full(24, 8.0))
    return join(body, spout, handle)


def ball(rough: float = 0.0, seed: int = 0) -> Mesh:
    """A sphere of 100 mm, or with waves on it a random blob."""
    polar = np.linspace(0, np.pi, 60)
    mesh = lathe([(100 * math.sin(p), -100 * math.cos(p)) for p in polar])
    random = np.random.default_rng(seed)
    waves, phase = 3 * random.normal(size=(30, 3)), random.uniform(0, 6, 30)
    height = np.sin(mesh.vertices.numpy() / 100 @ waves.T + phase).mean(1) * math.sqrt(60)
    return mesh.with_vertices(mesh.vertices * torch.from_numpy(1 + rough * height).float()[:, None])


def box() -> Mesh:
    """A cube of 200 mm, of 1,200 triangles."""
    i, j = np.meshgrid(np.arange(10), np.arange(10), indexing="ij")
    a = (11 * i + j).reshape(-1)
    faces = torch.from_numpy(np.concatenate([np.stack([a, a + 11, a + 12], 1), np.stack([a, a + 12, a + 1], 1)]))
    u, v = torch.meshgrid(torch.linspace(-100, 100, 11), torch.linspace(-100, 100, 11), indexing="ij")
    plane = torch.stack([u, v, torch.full_like(u, 100)], -1).reshape(-1, 3)
    quarter = [Rotation.from_euler("xyz", e, degrees=True).as_matrix() for e in
               ((0, 0, 0), (90, 0, 0), (180, 0, 0), (270, 0, 0), (0, 90, 0), (0, 270, 0))]  # fmt: skip
    return join(*(Mesh(plane @ torch.from_numpy(q).float().T, faces) for q in quarter))


def ring_shape() -> Mesh:
    angle = np.linspace(0, 2 * np.pi, 61)
    return bent(90 * np.stack([np.cos(angle), np.sin(angle)], 1), np.full(61, 40.0))


def angle_between(a: Tensor, b: Tensor) -> float:
    return math.degrees(Rotation.from_matrix((a.double().T @ b.double()).numpy()).magnitude())


def check_placed(placed: PlacedScan, head: Head, original: Mesh, rotation: Tensor, unit: float, within: float) -> None:
    """The template must be where a fit of corresponding vertices puts it, to some degrees and mm at the face."""
    landmarks = face_landmarks(head, head.mesh)[17:]  # without the outline of the jaw
    there = face_landmarks(head, original)[17:] @ rotation.T / unit * placed.unit
    _, best, _ = align_points(landmarks, there, scale=True)
    assert angle_between(best, placed.rotation) < 6
    moved = landmarks @ placed.rotation.T + placed.shift
    assert (moved.mean(0) - there.mean(0)).norm() < within


# --- what is found


@pytest.mark.parametrize(("unit", "seed"), [("metres", 1), ("inches", 2), ("centimetres", 3)])
def test_a_turned_head_in_another_unit_is_found(head, quick, unit, seed) -> None:
    original, rotation = person(head, seed), turn(seed)
    placed = place_scan(head.mesh, put(original, rotation, UNITS[unit]))
    assert placed.unit == UNITS[unit] and any(f"in {unit}" in note for note in placed.notes)
    assert any("found by search" in note for note in placed.notes)
    # Where a nose is longer, surface and corresponding points disagree by some mm about where the face is.
    check_placed(placed, head, original, rotation, UNITS[unit], within=6)
    assert torch.allclose(placed.mesh.vertices, original.vertices @ rotation.T, atol=0.01)
    assert torch.equal(placed.mesh.faces, original.faces)


def test_a_file_of_no_known_unit_is_made_as_large_as_the_template(head, quick) -> None:
    original = person(head)
    placed = place_scan(head.mesh, put(original, UPSIDE_DOWN, 47.0))
    assert placed.scale == pytest.approx(1) and "no known unit" in placed.notes[0]
    eyes = [(p[36] - p[45]).norm() for p in (face_landmarks(head, original) / 47 * placed.unit,
                                            face_landmarks(head, head.mesh))]  # fmt: skip
    assert eyes[0] == pytest.approx(float(eyes[1]), rel=0.06)  # by the whole face, not by the eyes alone
    again = place_scan(head.mesh, put(original, UPSIDE_DOWN, 47.0))  # the same seed, the same placement
    assert torch.equal(again.rotation, placed.rotation) and again.unit == placed.unit and again.notes == placed.notes


def test_a_mask_with_holes_is_found_by_a_face_without_landmarks_or_parts(head, quick) -> None:
    """Only the front of a face, an eye, the chin and a cheek missing; and a template that has neither."""
    original, rotation = person(head, 2), turn(5)
    landmarks, middles = face_landmarks(head, original), original.vertices[original.faces].mean(1)
    hole = (torch.cdist(middles, landmarks[[39, 8, 3]]) < 16).any(1)
    kept = (middles[:, 2] > 40) & ~hole
    assert hole[middles[:, 2] > 40].float().mean() > 0.08
    template = Mesh(head.mesh.vertices, head.mesh.faces)
    placed = place_scan(template, put(keep_faces(original, kept), rotation))
    assert placed.unit == 1 and len(placed.mesh.faces) == int(kept.sum())
    check_placed(placed, head, original, rotation, 1.0, within=6)


def test_one_vertex_far_away_and_other_dirt(head, quick) -> None:
    """A vertex at 1e30, one nobody uses, a triangle without area and one twice: dropped, said, and harmless."""
    original = person(head)
    vertices = torch.cat([original.vertices, torch.zeros(1, 3)])
    vertices[5] = 1e30
    faces = torch.cat([original.faces, original.faces[[7]].roll(1, 1), original.faces[[9]][:, [0, 0, 1]]])
    placed = place_scan(head.mesh, Mesh(vertices, faces))
    for what in ("far from all others: 1", "without area: 1", "stood there twice: 1", "no triangle uses: 1"):
        assert any(what in note for note in placed.notes), what
    lost = int((original.faces == 5).any(1).sum())
    assert len(placed.mesh.faces) == len(original.faces) - lost
    check_placed(placed, head, original, torch.eye(3), 1.0, within=6)


@pytest.mark.long
def test_half_a_face_is_found(head) -> None:
    """The right half is missing, cut off beside the nose. With the search as it is."""
    original, rotation = person(head, 2), turn(9)
    landmarks, middles = face_landmarks(head, original), original.vertices[original.faces].mean(1)
    half = keep_faces(original, middles[:, 0] > landmarks[30, 0] - 15)
    check_placed(place_scan(head.mesh, put(half, rotation)), head, original, rotation, 1.0, within=8)


def test_a_face_with_noise_is_found(head, quick) -> None:
    """0.7 mm on each vertex, a poor scanner's."""
    original = person(head, 4)
    noise = 0.7 * torch.randn(original.vertices.shape, generator=torch.Generator().manual_seed(0))
    check_placed(place_scan(head.mesh, original.with_vertices(original.vertices + noise)), head, original, torch.eye(3),
                 1.0, within=6)  # fmt: skip


# --- what is refused

SHAPES = {"teapot": teapot, "ball": ball, "blob": lambda: ball(0.15), "bumps": lambda: ball(0.15, 2), "box": box,
          "ring": ring_shape}  # fmt: skip


@pytest.mark.parametrize(
    ("template", "shape"),
    [
        *(("makehuman", shape) for shape in SHAPES),
        ("makehuman, unmarked", "bumps"),
        ("soma", "bumps"),
        ("soma", "teapot"),
    ],
)
def test_what_has_no_face_is_refused_with_a_figure(head, quick, template, shape) -> None:
    mesh = load_head(template.split(",")[0]).mesh
    mesh = Mesh(mesh.vertices, mesh.faces) if "," in template else mesh
    with pytest.raises(
        ValueError, match=r"no face was found in it.*has \d+% of the relief.* mm .*landmarks"
    ) as refused:
        place_scan(mesh, SHAPES[shape]())
    share = re.search(r"(\d+)% of the relief", str(refused.value))
    assert share is not None and int(share[1]) < 100 * FACE_RELIEF - 12  # not by a hair: the worst blob has 20 %


@pytest.mark.long
@pytest.mark.parametrize(("unmarked", "size"), [(False, 1.0), (True, 1.3)])
def test_two_people_need_a_choice(head, unmarked, size) -> None:
    """Side by side, one of them perhaps a child; landmarks or a mask say who is meant. With the search as it is."""
    template = Mesh(head.mesh.vertices, head.mesh.faces) if unmarked else head.mesh
    first, second = person(head, 1), put(person(head, 2), torch.eye(3), size, (270.0, 0, 0))
    both = join(first, second)
    with pytest.raises(ValueError, match=r"several faces fit, at \[.*\] and \[.*`landmarks` on it, or a `mask`"):
        place_scan(template, both)


def test_a_mask_chooses_one_of_two_people(head, quick) -> None:
    first, second = person(head, 1), put(person(head, 2), torch.eye(3), 1.0, (270.0, 0, 0))
    both = join(first, second)
    placed = place_scan(head.mesh, both, mask=torch.arange(len(both.vertices)) >= len(first.vertices))
    check_placed(placed, head, second, torch.eye(3), 1.0, within=6)


def test_landmarks_choose_one_of_two_people(head) -> None:
    first, second = person(head, 1), put(person(head, 2), torch.eye(3), 1.0, (270.0, 0, 0))
    placed = place_scan(head.mesh, join(first, second), landmarks=face_landmarks(head, second))
    check_placed(placed, head, second, torch.eye(3), 1.0, within=6)
    assert placed.mesh.vertices[:, 0].min() > second.vertices[:, 0].min() - 1  # nothing of the other is left


def test_one_face_may_not_crowd_out_another() -> None:
    """Of 40 good placements at one place and a poorer one elsewhere, the latter is looked at too."""
    generator = np.random.default_rng(0)
    rotation = Rotation.random(41, random_state=1).as_matrix()
    shift = np.concatenate([generator.normal(scale=10, size=(40, 3)), [[300.0, 0, 0]]])
    chosen = face_search._distinct(face_relief.Poses(np.ones(41), rotation, shift), np.arange(41))
    assert 40 in chosen and (chosen < 40).sum() == face_search._AT_ONE_PLACE


def test_the_shapes_look_outwards() -> None:
    """Else they would be refused for another reason than their shape."""
    spout = bent(np.array([[0.0, 0], [10, 0]]), np.full(2, 5.0))
    for mesh in (spout, teapot(), ball(), ball(0.15), box(), ring_shape()):
        a, b, c = (mesh.vertices[mesh.faces[:, k]].double() for k in range(3))
        assert (a * torch.linalg.cross(b, c)).sum() > 0  # the volume


def test_triangles_that_face_inwards_are_refused(head, quick) -> None:
    original = person(head)
    mirrored = original.with_vertices(original.vertices * torch.tensor([-1.0, 1, 1]))
    with pytest.raises(ValueError, match=r"face inwards.*faces.flip\(1\).*mirrored"):
        place_scan(head.mesh, mirrored)


# --- landmarks


def test_landmarks_place_it_on_any_device(head, device) -> None:
    original, rotation = person(head), turn(6)
    scan = put(original, rotation, 25.4).to(device)
    landmarks = face_landmarks(head, scan.to("cpu"))
    landmarks[::2] = torch.nan
    placed = place_scan(head.mesh.to(device), scan, landmarks=landmarks.to(device))
    assert placed.unit == 25.4 and "34 landmarks" in placed.notes[1]
    assert placed.mesh.vertices.device.type == placed.rotation.device.type == device.type
    cpu = replace(placed, rotation=placed.rotation.cpu(), shift=placed.shift.cpu())
    check_placed(cpu, head, original, rotation, 25.4, within=6)


def test_four_landmarks_are_enough(head) -> None:
    original, rotation = person(head, 3), turn(7)
    scan = put(original, rotation)
    landmarks, chosen = torch.full((68, 3), torch.nan), [36, 45, 48, 54]
    landmarks[chosen] = face_landmarks(head, scan)[chosen]
    check_placed(place_scan(head.mesh, scan, landmarks=landmarks), head, original, rotation, 1.0, within=6)
    landmarks[54] = torch.nan
    with pytest.raises(ValueError, match="landmarks: 3 are known; four or more"):
        place_scan(head.mesh, scan, landmarks=landmarks)


def exchanged(landmarks: Tensor, rows: list[int]) -> Tensor:
    """Right for left, of some rows in pairs (first with last, and so on); the others unknown."""
    result = torch.full((68, 3), torch.nan)
    result[rows] = landmarks[rows[::-1]]
    return result


BAD = {
    "mirrored": (lambda p: exchanged(p, [36, 39, 31, 48, 30, 54, 35, 42, 45]), "left and right are exchanged"),
    "mirrored, near a plane": (lambda p: exchanged(p, [36, 48, 54, 45]), "left and right are exchanged"),
    "other unit": (lambda p: p / 25.4, r"half of them are \d+ mm or more from the scan; give them in its unit"),
    "other axes": (lambda p: p[:, [0, 2, 1]] * p.new_tensor([1.0, 1, -1]), r"\d+ mm or more from the scan"),
    "beside it": (lambda p: p + p.new_tensor([0.0, 60, 80]), r"\d+ mm or more from the scan"),
    "another order": (lambda p: p.roll(20, 0), r"not a face's in iBUG's order: \d+ mm are left .* at row \d+"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_landmarks_are_refused(head, name) -> None:
    scan = person(head)
    change, what = BAD[name]
    with pytest.raises(ValueError, match="^landmarks: .*" + what):
        place_scan(head.mesh, scan, landmarks=change(face_landmarks(head, scan)))


def test_a_landmark_on_no_face_is_said(head) -> None:
    """Points of a face's shape on a bowl: they may be meant, so it is placed, and the reader told to look."""
    bowl, landmarks = ball(), face_landmarks(head, head.mesh)
    middle = landmarks.mean(0) - torch.tensor([0.0, 0, 80])
    on = 100 * torch.nn.functional.normalize(landmarks - middle, dim=1)
    placed = place_scan(head.mesh, bowl, landmarks=on)
    assert any(re.search(r"only \d+% of its relief there: look at it", note) for note in placed.notes)
    good = place_scan(head.mesh, person(head), landmarks=face_landmarks(head, person(head)))
    assert not any("look at it" in note for note in good.notes)


def test_arguments_of_other_types_are_refused(head) -> None:
    scan = person(head)
    with pytest.raises(ValueError, match="scan: expected a Mesh, found a Tensor"):
        place_scan(head.mesh, scan.vertices)
    with pytest.raises(ValueError, match="template: expected a Mesh"):
        place_scan("makehuman", scan)
    with pytest.raises(ValueError, match=r"mask: found torch.int64 of shape \(5,\); give \(4165,\) bool"):
        place_scan(head.mesh, scan, mask=torch.arange(5))
    with pytest.raises(ValueError, match="mask: it leaves no triangle"):
        place_scan(head.mesh, scan, mask=torch.zeros(len(scan.faces), dtype=torch.bool))
    with pytest.raises(ValueError, match="template: it has no triangle within its face"):
        place_scan(put(scan, torch.eye(3), 0.001), scan)


# --- the pieces


def test_drawn_points_lie_evenly_on_the_surface(head) -> None:
    mesh = box()
    cloud = draw(mesh.vertices.double().numpy(), mesh.faces.numpy(), 6000, np.random.default_rng(0))
    largest = np.abs(cloud.points).max(1)
    assert np.allclose(largest, 100)  # all on the cube
    side = np.argmax(np.abs(cloud.points), 1) * 2 + (cloud.points.max(1) > 99.9)
    assert (np.abs(np.bincount(side, minlength=6) - 1000) <= 1).all()  # one draw in each of 6,000 parts of equal area
    assert np.allclose((cloud.points * cloud.normals).sum(1), 100)


def test_relief_is_one_for_the_face_itself_and_none_for_a_bowl(head) -> None:
    """Measured on a scan of itself, and on the smooth cubic that fits it best."""
    face, _ = place._template_face(head.mesh, np.random.default_rng(0))
    here = face_relief.Poses(np.ones(1), np.eye(3)[None], np.zeros((1, 3)))
    dense = draw(head.mesh.vertices.double().numpy(), head.mesh.faces.numpy(), 60_000, np.random.default_rng(1))
    middle = place._template_face(head.mesh, np.random.default_rng(0))[1]
    itself = face_relief.Samples(face_relief.Cloud(dense.points - middle, dense.normals))
    assert face_relief.measure(itself, face, here).relief[0] > 0.9  # 32 normals are averaged, over some 3 mm
    depth = face.points[:, 2] - face_relief.relief_of(face.points)
    bowl = face_relief.Cloud(np.column_stack([face.points[:, :2], depth]), face_relief.bow_normals(face.points))
    assert face_relief.measure(face_relief.Samples(bowl, smooth=1), face, here).relief[0] < 0.1


def test_empty_eye_sockets_are_no_part_of_the_template() -> None:
    """SOMA's lie up to 25 mm deep, where scans have eyeballs; the face's own relief is within 15 mm."""
    soma = load_head("soma").mesh
    face, middle = place._template_face(soma, np.random.default_rng(0))
    assert (face_relief.relief_of(face.points) > -15).all() and (face.normals[:, 2] > 0).all()
    inside = draw(soma.vertices.double().numpy(), soma.faces[soma.parts["face"]].numpy(), 1000,
                  np.random.default_rng(0))  # fmt: skip
    eyes = soma.landmarks["ibug68"].points(soma.vertices, soma.faces)[36:48].double().numpy()
    deep = (np.abs(inside.points[:, None, :2] - eyes[:, :2]).max(2).min(1) < 15) & (
        inside.points[:, 2] < eyes[:, 2].min() - 10
    )
    assert deep.sum() > 5  # there are such points to leave out
    left = face.points + middle
    assert not (
        (np.abs(left[:, None, :2] - eyes[:, :2]).max(2).min(1) < 8) & (left[:, 2] < eyes[:, 2].min() - 15)
    ).any()


def test_a_template_that_looks_backwards_is_refused(head) -> None:
    flipped = Mesh(head.mesh.vertices, head.mesh.faces.flip(1))
    with pytest.raises(ValueError, match=r"template: .*"):
        place_scan(flipped, person(head))


def test_a_scan_is_cleaned_without_touching_what_is_good(head) -> None:
    mesh, notes = clean(head.mesh)
    assert mesh is head.mesh and notes == []
    half = torch.arange(len(head.mesh.faces)) < 100
    part = keep_faces(head.mesh, half)
    assert torch.equal(part.vertices[part.faces], head.mesh.vertices[head.mesh.faces[half]])
    assert torch.equal(part.uv[part.faces], head.mesh.uv[head.mesh.faces[half]])
    with pytest.raises(ValueError, match="no triangle with an area is left"):
        clean(Mesh(torch.rand(1, 3).repeat(9, 1), torch.arange(9).reshape(3, 3)))


def test_repeated_triangles_are_those_of_the_same_corners() -> None:
    faces = torch.tensor([[0, 1, 2], [2, 1, 3], [2, 0, 1], [3, 1, 2], [0, 1, 3]])
    assert repeated(faces).tolist() == [False, False, True, True, False]


def test_loose_pieces_go_with_what_they_touch() -> None:
    """Three squares in a row: one near, one that touches it, one 1 mm beyond; a doubled vertex is no gap."""
    square = torch.tensor([[0.0, 0, 0], [10, 0, 0], [10, 10, 0], [0, 10, 0]])
    pieces = torch.cat([square, square + torch.tensor([10.0, 0, 0]), square + torch.tensor([21.0, 0, 0])])
    faces = torch.cat([torch.tensor([[0, 1, 2], [0, 2, 3]]) + 4 * k for k in range(3)])
    near = round_points(Mesh(pieces, faces), np.zeros((1, 3)), margin=100, reach=5)
    assert near.tolist() == [True] * 4 + [False] * 2
    assert round_points(Mesh(pieces, faces), np.zeros((1, 3)), margin=15, reach=5).tolist() == [True] * 2 + [False] * 4


def test_simplifying_keeps_the_shape() -> None:
    fine = tube(lambda a: 100 * np.stack([np.sin(a) * np.sin(np.linspace(0.02, 3.12, 300)),
                                          -np.cos(np.linspace(0.02, 3.12, 300)),
                                          np.cos(a) * np.sin(np.linspace(0.02, 3.12, 300))]), 300, 300)  # fmt: skip
    small = simplify(fine, 20_000)
    assert 5_000 < len(small.faces) <= 20_000 and small.uv is None
    assert (small.vertices.norm(dim=1) - 100).abs().max() < 0.3  # cells of 4 mm: their mean lies 0.1 mm inside
    assert face_areas(small.vertices, small.faces).sum() == pytest.approx(4 * math.pi * 100**2, rel=0.03)


def test_a_million_triangles_take_seconds(head, quick, one_thread) -> None:
    """Each triangle into 144: the search draws points, and the result is simplified."""
    original, rotation = person(head), turn(8)
    n = 12
    steps = [(i, j) for i in range(n + 1) for j in range(n + 1 - i)]
    number = {step: k for k, step in enumerate(steps)}
    small = [(number[i, j], number[i + 1, j], number[i, j + 1]) for i, j in steps if i + j < n]
    small += [(number[i + 1, j], number[i + 1, j + 1], number[i, j + 1]) for i, j in steps if i + j < n - 1]
    weights = torch.tensor([(1 - (i + j) / n, i / n, j / n) for i, j in steps])
    vertices = torch.einsum("pc,fcx->fpx", weights, put(original, rotation, 1000).vertices[original.faces])
    faces = torch.arange(len(original.faces))[:, None, None] * len(steps) + torch.tensor(small)
    scan = Mesh(vertices.reshape(-1, 3), faces.reshape(-1, 3))
    assert len(scan.faces) > 1_100_000
    start = time.perf_counter()
    placed = place_scan(head.mesh, scan)
    assert time.perf_counter() - start < 30  # some 4 s on an idle core
    check_placed(placed, head, original, rotation, 1000.0, within=6)
    assert len(placed.mesh.faces) <= 200_000 and any("Simplified" in note for note in placed.notes)


# --- real scans


def real(loader, *args):
    try:
        return loader(*args, progress=False)
    except AssetUnavailable as error:
        pytest.skip(f"no fetched files: {error}")


def test_the_scan_of_james(head, quick) -> None:
    scan = real(load_scan, "james")
    by_landmarks = place_scan(head.mesh, scan.mesh, landmarks=scan.landmarks)
    turned = scan.mesh.with_vertices(scan.mesh.vertices @ UPSIDE_DOWN.T / 1000)
    found = place_scan(head.mesh, turned)
    assert by_landmarks.unit == 1 and found.unit == 1000
    assert angle_between(UPSIDE_DOWN @ by_landmarks.rotation, found.rotation) < 3
    assert (UPSIDE_DOWN @ by_landmarks.shift - found.shift).norm() < 5
    assert by_landmarks.mesh.texture is scan.mesh.texture


def test_the_scan_of_lee_perry_smith_in_no_unit_and_a_face_as_template(quick) -> None:
    scan, template = real(load_scan, "lee-perry-smith"), real(load_facekit, ())
    placed = place_scan(template.mesh, scan.mesh.with_vertices(scan.mesh.vertices / 50 @ turn(1).T))
    assert "no known unit" in placed.notes[0] and 40 < placed.unit < 60
    assert angle_between(turn(1), placed.rotation) < 8  # he looks straight ahead
    assert FACE_RELIEF < 0.6 and any("found by search" in note for note in placed.notes)
