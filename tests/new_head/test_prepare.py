"""New heads: what comes out is an adaptive model, whatever went in; and what cannot go in is refused in words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch

from asm_teach import load_head, load_model, save
from asm_teach.data.assets import AssetUnavailable
from asm_teach.formats.mesh_files import one_uv_per_vertex
from asm_teach.geometry.chart_check import chart_problems
from asm_teach.geometry.mesh import Mesh, face_normals, read_mesh
from asm_teach.model.binding import Chart
from asm_teach.model.transforms import rotation_matrix
from asm_teach.new_head.given_landmarks import HANDFUL
from asm_teach.new_head.prepare import PreparedHead, prepare_head
from asm_teach.new_head.repair import boundary_loops
from asm_teach.scan_fit.fit import fit_scan
from asm_teach.studies.new_heads import new_heads

SOMA = load_head("soma")
BARE = replace(SOMA.mesh, uv=None, landmarks={}, parts={}, quads=None)
POINTS = SOMA.landmarks.points(BARE.vertices, BARE.faces)
EIGHT = {number: POINTS[number] for number in (36, 39, 42, 45, 30, 48, 54, 8)}
SWAP = {36: 45, 45: 36, 39: 42, 42: 39, 48: 54, 54: 48}
NAMES = ("ICT-FaceKit", "SOMA, no chart", "MediaPipe", "Lee Perry-Smith", "embedded head")


@pytest.fixture(scope="module")
def prepared() -> Callable[[str], PreparedHead]:
    """The five heads of the table, each made ready once; skips where the fetched ones are not here."""
    done: dict[str, PreparedHead] = {}

    def get(name: str) -> PreparedHead:
        if not done:
            try:
                done.update({head.name: prepare_head(head.mesh, head.landmarks) for head in new_heads(False)})
            except AssetUnavailable as error:
                pytest.skip(f"no fetched files: {error}")
        return done[name]

    return get


@pytest.fixture(scope="module")
def bare() -> PreparedHead:
    return prepare_head(BARE, EIGHT)


def bind_points(head: PreparedHead) -> torch.Tensor:
    return Chart.from_mesh(head.mesh).bind(head.rig.uv, head.mesh.vertices)


# --- what comes out


@pytest.mark.long
@pytest.mark.parametrize("name", NAMES)
def test_each_head_becomes_a_model(prepared: Callable[[str], PreparedHead], name: str) -> None:
    head = prepared(name)
    assert head.report.ok and chart_problems(head.mesh.uv, head.mesh.faces).ok
    model = head.model()
    assert torch.equal(model(), head.mesh.vertices)  # at rest to the last bit
    weights = model.weights().detach()
    # float32 sums of 84 numbers
    torch.testing.assert_close(weights.sum(1), torch.ones(len(weights)), rtol=0, atol=2e-6)
    assert (weights.amax(0) > 0.2).all()  # each bone is the strongest somewhere, or nearly
    assert Chart.from_mesh(head.mesh).locate(head.rig.uv.double()).face.shape == (84,)
    points = bind_points(head)
    apart = torch.cdist(points, points) + 1e3 * torch.eye(84)
    assert apart.min() > 2.0  # mm; 2.5 are asked for, and a partner may be pushed back a little


@pytest.mark.parametrize("name", NAMES)
def test_bones_are_mirror_images(prepared: Callable[[str], PreparedHead], name: str) -> None:
    head = prepared(name)
    # The scan is of a real person, whose ears are not alike; the others are symmetric.
    assert head.asymmetry < (5.0 if name == "Lee Perry-Smith" else 0.05)
    points, names = bind_points(head), head.rig.names
    for j, bone in enumerate(names):
        if bone.endswith("_L"):
            assert points[j, 0] > points[names.index(bone[:-2] + "_R"), 0] + 2


def test_where_the_charts_come_from(prepared: Callable[[str], PreparedHead]) -> None:
    charts = {name: prepared(name).chart for name in NAMES}
    assert [name for name, chart in charts.items() if chart == "from the file"] == [NAMES[0], NAMES[2], NAMES[4]]
    scan = prepared("Lee Perry-Smith")
    assert [attempt.ok for attempt in scan.tried] == [False, True, True]
    assert str(scan.tried[0]).endswith("(its cuts go through the surface at 278 doubled vertices)")
    assert str(scan.tried[-1]) == "mean value map with its stretch relieved: 0 flipped, 0 overlapping"


def test_what_is_kept_of_each_file(prepared: Callable[[str], PreparedHead]) -> None:
    sizes = {name: (len(prepared(name).mesh.vertices), len(prepared(name).dropped)) for name in NAMES}
    whole = {NAMES[0]: 9409, NAMES[1]: 5274, NAMES[2]: 468, NAMES[4]: 4165}
    assert {name: sizes[name] for name in whole} == {name: (count, 0) for name, count in whole.items()}
    # The scan is a bust: its shoulders go, and the copies of vertices along the seams of its chart.
    kept, dropped = sizes["Lee Perry-Smith"]
    assert kept + dropped == 9279 and 7500 < kept < 8500
    scan = prepared("Lee Perry-Smith")
    assert any(note.startswith("neck: cut off there") for note in scan.notes)
    assert np.ptp(scan.mesh.vertices[:, 0].numpy()) < 210  # mm: no shoulders
    mask = prepared("MediaPipe")
    assert {"head", "ear_L", "neck_front"} <= set(mask.beyond) and "nose" not in mask.beyond
    assert mask.notes[0] == "unit: by the distance between the eyes it is in centimetres; multiplied by 10"
    embedded = prepared("embedded head")
    assert torch.equal(embedded.mesh.uv, load_head().mesh.uv) and embedded.mesh.texture is not None
    assert set(embedded.mesh.parts) == set(load_head().mesh.parts)


def test_the_embedded_head_gets_its_own_bones_back(prepared: Callable[[str], PreparedHead]) -> None:
    own = load_head()
    expected = Chart.from_mesh(own.mesh).bind(own.rig.uv, own.mesh.vertices)
    torch.testing.assert_close(bind_points(prepared("embedded head")), expected, rtol=0, atol=0.05)


def test_bones_of_another_mesh_of_the_same_person(bare: PreparedHead) -> None:
    """SOMA wraps the shape of the embedded head, and the recipe put its bones there by dense landmarks."""
    expected = Chart.from_mesh(SOMA.mesh).bind(SOMA.rig.uv, SOMA.mesh.vertices)
    away = (bind_points(bare) - expected).norm(dim=1)
    assert away.median() < 0.5 and away.quantile(0.9) < 2.0
    assert away.max() < 9.0  # mm, at the sides of the neck: the recipe goes by the rim, which is another one


def test_landmarks_stay_where_they_were_given(bare: PreparedHead) -> None:
    points = bare.landmarks.points(bare.mesh.vertices, bare.mesh.faces)
    given = list(bare.given)
    assert given == sorted(EIGHT)
    torch.testing.assert_close(points[given], POINTS[given], rtol=0, atol=1e-3)
    assert (points - POINTS).norm(dim=1).max() < 1.0  # those carried over; the shape is the same
    assert torch.equal(bare.mesh.landmarks["ibug68"].faces, bare.landmarks.faces)
    assert any(note.startswith("landmarks: 8 were given, the other 60") for note in bare.notes)


def test_a_new_chart_gives_the_face_most_of_the_room(bare: PreparedHead) -> None:
    a, b, c = bare.mesh.uv.double()[bare.mesh.faces].unbind(1)
    size = ((b - a)[:, 0] * (c - a)[:, 1] - (b - a)[:, 1] * (c - a)[:, 0]) / 2
    share = {name: float(size[faces].sum() / size.sum()) for name, faces in SOMA.mesh.parts.items()}
    assert share["face"] > 0.5 and share["interior"] < 0.1
    right, left = bare.landmarks.subset([36, 45]).points(bare.mesh.uv, bare.mesh.faces)
    low, high = bare.landmarks.subset([8, 27]).points(bare.mesh.uv, bare.mesh.faces)
    assert left[0] - right[0] > 0.2 and abs(left[1] - right[1]) < 0.01  # upright, not mirrored
    assert high[1] - low[1] > 0.2 and abs(high[0] - low[0]) < 0.01


# --- what goes in


def same_bones(head: PreparedHead, other: PreparedHead, within: float) -> bool:
    """Whether the bones sit in the same places of the head, up to some mm."""
    return bool((bind_points(other) - bind_points(head)).norm(dim=1).max() < within)


def test_unit_and_pose_make_no_difference(bare: PreparedHead) -> None:
    turn = rotation_matrix(torch.tensor([0.3, 2.0, -1.0]))
    moved = BARE.with_vertices(0.001 * (BARE.vertices @ turn.T) + 3)
    found = prepare_head(moved, {k: 0.001 * (p @ turn.T) + 3 for k, p in EIGHT.items()})
    # It is turned back by eight landmarks, which lie within a millimetre of those of the source.
    torch.testing.assert_close(found.mesh.vertices, bare.mesh.vertices, rtol=0, atol=0.3)
    assert same_bones(bare, found, 0.5)
    assert [note.split(":")[0] for note in found.notes[:2]] == ["unit", "axes"]
    there = found.placement.forward(moved.vertices.double().numpy())
    np.testing.assert_allclose(there, found.mesh.vertices, rtol=0, atol=1e-4)


def test_double_precision(bare: PreparedHead) -> None:
    double = prepare_head(BARE.to(dtype=torch.float64), EIGHT)
    assert double.mesh.uv.dtype == double.rig.uv.dtype == torch.float64
    assert same_bones(bare, prepare_head(BARE, EIGHT), 1e-4)  # the same again: nothing is random
    assert torch.equal(double.model()(), double.mesh.vertices)


@pytest.mark.long
def test_a_head_far_from_the_origin_is_brought_near(bare: PreparedHead) -> None:
    """Map coordinates in metres keep their digits in float64; the model computes in float32, near the origin."""
    metres = torch.tensor([4.6e6, -5.1e6, 312.0], dtype=torch.float64)
    far = replace(BARE, vertices=BARE.vertices.double() / 1000 + metres, notes=("mine.obj: left out 1 face.",))
    points = SOMA.landmarks.points(BARE.vertices, BARE.faces).double() / 1000 + metres
    head = prepare_head(far, {number: points[number] for number in HANDFUL.values()})
    assert head.mesh.vertices.dtype == torch.float32 and head.mesh.vertices.norm(dim=1).max() < 1000
    bones, expected = (x - x.mean(0) for x in (bind_points(head), bind_points(bare)))
    assert (bones - expected).norm(dim=1).quantile(0.95) < 0.1
    assert torch.equal(head.take(far.vertices).vertices, head.mesh.vertices)
    assert head.notes[0] == "mine.obj: left out 1 face." and any("far from the origin" in note for note in head.notes)


def closed() -> Mesh:
    (rim,) = boundary_loops(BARE.faces.numpy())
    fan = np.stack([np.roll(rim, -1), rim, np.full(len(rim), len(BARE.vertices))], 1)
    centre = BARE.vertices[torch.from_numpy(rim)].mean(0, keepdim=True)
    return Mesh(torch.cat([BARE.vertices, centre]), torch.cat([BARE.faces, torch.from_numpy(fan)]))


def with_a_handle() -> Mesh:
    """Two faces of the scalp cut out and joined by a tube, as of a badly scanned pair of glasses."""
    middle = BARE.vertices[BARE.faces].mean(1)
    a, b = ((middle - torch.tensor(p)).norm(dim=1).argmin() for p in ([30.0, 100, -40], [-30.0, 100, -40]))
    first, second = BARE.faces[a].tolist(), BARE.faces[b].flip(0).tolist()
    tube = []
    for k in range(3):
        n = (k + 1) % 3
        tube += [[first[k], first[n], second[n]], [first[k], second[n], second[k]]]
    rest = torch.ones(len(BARE.faces), dtype=torch.bool).index_fill(0, torch.stack([a, b]), False)
    return Mesh(BARE.vertices, torch.cat([BARE.faces[rest], torch.tensor(tube)]))


def some_turned() -> Mesh:
    turned = torch.rand(len(BARE.faces), generator=torch.Generator().manual_seed(0)) < 0.3
    return replace(BARE, faces=torch.where(turned[:, None], BARE.faces.flip(1), BARE.faces))


def with_rubbish() -> Mesh:
    """A fin on an edge, faces that are no triangles or occur twice, and vertices that nobody uses."""
    count = len(BARE.vertices)
    fin = [[int(BARE.faces[5000, 0]), int(BARE.faces[5000, 1]), count]]
    more = torch.tensor([*fin, [1, 1, 2], [7, 7, 7]])
    return Mesh(torch.cat([BARE.vertices, BARE.vertices[:4] * 1.1]), torch.cat([BARE.faces, more, BARE.faces[:3]]))


def flattened() -> Mesh:
    """Some vertices moved onto a neighbour: faces without area."""
    vertices, some = BARE.vertices.clone(), BARE.faces[::97]
    vertices[some[:, 0]] = vertices[some[:, 1]]
    return BARE.with_vertices(vertices)


def two_heads() -> Mesh:
    other = BARE.vertices + torch.tensor([300.0, 0, 0])
    return Mesh(torch.cat([other, BARE.vertices]), torch.cat([BARE.faces, BARE.faces + len(other)]))


def two_sided() -> Mesh:
    """Every face again from behind, with vertices of its own, as games draw thin things."""
    count = len(BARE.vertices)
    return Mesh(torch.cat([BARE.vertices, BARE.vertices]), torch.cat([BARE.faces, BARE.faces.flip(1) + count]))


def loose_triangles() -> Mesh:
    """Every face with vertices of its own, as STL files have them."""
    return Mesh(BARE.vertices[BARE.faces].reshape(-1, 3), torch.arange(BARE.faces.numel()).reshape(-1, 3))


@pytest.mark.long
@pytest.mark.parametrize(
    ("mesh", "note", "lost"),
    [
        (closed(), "surface: it was closed, so the faces farthest from the face were left out", 200),
        (with_a_handle(), "surface: it has handles like a ring; ", 60),
        (replace(BARE, faces=BARE.faces.flip(1)), "faces: it was inside out, so all faces were turned over", 0),
        (some_turned(), "", 0),
        (with_rubbish(), "vertices: 4 of the file's 5278 have no part in the model", 6),
        (flattened(), "", 10),
        (two_heads(), "vertices: 5274 of the file's 10548 have no part in the model", 5274),
        (two_sided(), "vertices: 5274 of the file's 10548 have no part in the model", 5274),
        (loose_triangles(), "vertices: 26142 of the file's 31416 have no part in the model", 26142),
    ],
    ids=["closed", "handle", "inside out", "turned", "rubbish", "flat", "two heads", "two-sided", "loose"],
)
def test_meshes_with_faults_are_mended(bare: PreparedHead, mesh: Mesh, note: str, lost: int) -> None:
    head = prepare_head(mesh, EIGHT)
    assert head.report.ok and len(head.dropped) <= lost
    assert any(found.startswith(note) for found in head.notes)
    assert torch.equal(torch.cat([head.kept, head.dropped]).sort().values, torch.arange(len(mesh.vertices)))
    normals = face_normals(head.mesh.vertices, head.mesh.faces)[head.landmarks.faces]
    expected = face_normals(bare.mesh.vertices, bare.mesh.faces)[bare.landmarks.faces]
    assert ((normals * expected).sum(1) > 0).float().mean() > 0.95  # outside out
    away = (bind_points(head) - bind_points(bare)).norm(dim=1)
    assert away.quantile(0.9) < 1.0


@pytest.mark.long
def test_a_chart_with_seams_is_laid_out_anew_on_welded_vertices(bare: PreparedHead) -> None:
    """The file cuts its chart along the middle of the face: each side its own island, the vertices doubled."""
    left = BARE.vertices[BARE.faces].mean(1)[:, 0] > 0
    halves = torch.cat([0.5 * SOMA.mesh.uv, 0.5 * SOMA.mesh.uv + torch.tensor([0.5, 0.0])])
    seam = replace(BARE, uv=halves, uv_faces=BARE.faces + len(BARE.vertices) * left[:, None])
    for mesh in (seam, Mesh(**vars(one_uv_per_vertex(seam)))):
        head = prepare_head(mesh, EIGHT)
        assert not head.tried[0].ok and head.chart.startswith("mean value map")
        assert len(head.mesh.vertices) == len(BARE.vertices)
        assert same_bones(bare, head, 0.1)


def test_islands_of_their_own_stay_with_a_good_chart_and_go_with_a_new_one() -> None:
    own = load_head()
    marks = {number: own.landmarks.points(own.mesh.vertices, own.mesh.faces)[number] for number in EIGHT}
    anew = prepare_head(own.mesh, marks, new_chart=True)
    skin = own.mesh.parts["face"].tolist() + own.mesh.parts["scalp"].tolist()
    assert len(anew.mesh.vertices) == 3887 and set(anew.mesh.parts) == set(own.mesh.parts) - {"eyes", "teeth"}
    assert len(skin) == len(anew.mesh.parts["face"]) + len(anew.mesh.parts["scalp"])
    assert anew.mesh.texture is None and any(note.startswith("texture: left out") for note in anew.notes)
    for quad in anew.mesh.quads[::50]:
        there = (anew.kept[quad][None] == own.mesh.quads).all(1)
        assert there.any()


def test_one_part_of_a_mesh_is_used(bare: PreparedHead) -> None:
    both = two_heads()
    count = len(BARE.faces)
    named = replace(both, parts={"other": torch.arange(count), "mine": count + torch.arange(count)})
    vertices = len(BARE.vertices) + SOMA.landmarks.nearest_vertices(BARE.faces)
    head = prepare_head(named, {number: int(vertices[number]) for number in EIGHT}, part="mine")
    assert torch.equal(head.kept, len(BARE.vertices) + torch.arange(len(BARE.vertices)))
    assert list(head.mesh.parts) == ["mine"]
    with pytest.raises(ValueError, match="part: this mesh has no part 'his'; its parts are: mine, other"):
        prepare_head(named, EIGHT, part="his")


def test_a_face_without_a_head(bare: PreparedHead) -> None:
    near = (BARE.vertices[BARE.faces].mean(1) - POINTS[30]).norm(dim=1) < 75
    mask = prepare_head(Mesh(BARE.vertices, BARE.faces[near]), EIGHT)
    assert {"root", "head", "ear_L", "ear_R", "neck_front"} <= set(mask.beyond)
    points = bind_points(mask)
    apart = torch.cdist(points, points) + 1e3 * torch.eye(84)
    assert apart.min() > 2.0 and torch.equal(mask.model()(), mask.mesh.vertices)
    inner = [j for j, name in enumerate(mask.rig.names) if name.startswith(("nose", "lip", "eyelid"))]
    assert (points[inner] - bind_points(bare)[inner]).norm(dim=1).max() < 1.0


def test_bones_of_another_source(bare: PreparedHead) -> None:
    own = load_head()
    found = prepare_head(own.mesh, own.landmarks, source=SOMA)
    expected = Chart.from_mesh(own.mesh).bind(own.rig.uv, own.mesh.vertices)
    away = (bind_points(found) - expected).norm(dim=1)
    assert found.rig.names == SOMA.rig.names and away.median() < 1.0


@pytest.mark.parametrize(
    ("marks", "message"),
    [
        ({SWAP.get(number, number): point for number, point in EIGHT.items()}, "right and left are swapped"),
        ({**EIGHT, 36: EIGHT[45], 45: EIGHT[36]}, "point .* from where the others expect it"),
        ({**EIGHT, 36: EIGHT[8]}, "point 36 lies .* from where the others expect it: check its number"),
        ({**EIGHT, 8: EIGHT[8] - torch.tensor([0.0, 15.0, 0.0])}, "point 8 lies 13 mm off the mesh"),
        ({k: 10 * p for k, p in EIGHT.items()}, "lies .* mm off the mesh: give points in the mesh's own"),
        ({k: EIGHT[k] for k in list(EIGHT)[:5]}, "5 points are given, and 7 or more are needed"),
    ],
)
def test_landmarks_that_do_not_fit_are_refused(marks: dict, message: str) -> None:
    with pytest.raises(ValueError, match=f"landmarks: .*{message}"):
        prepare_head(BARE, marks)


def test_meshes_that_cannot_be_used_are_refused() -> None:
    with pytest.raises(ValueError, match="landmarks: point .* mm off the mesh"):
        half = BARE.faces[(BARE.vertices[BARE.faces][..., 0] > 1).all(1)]
        prepare_head(Mesh(BARE.vertices, half), EIGHT)
    mirror = torch.tensor([-1.0, 1.0, 1.0])
    with pytest.raises(ValueError, match="or the mesh is a mirror image"):
        prepare_head(BARE.with_vertices(BARE.vertices * mirror), {k: p * mirror for k, p in EIGHT.items()})


# --- what can be done with it


def test_other_shapes_of_the_file_come_along(bare: PreparedHead) -> None:
    mesh, person = two_heads(), SOMA.sample(1).vertices
    head = prepare_head(mesh, EIGHT)
    shape = head.take(torch.cat([person + 300, person]))
    torch.testing.assert_close(shape.vertices, person, rtol=0, atol=1e-4)
    assert torch.equal(shape.faces, head.mesh.faces)
    with pytest.raises(ValueError, match=r"vertices has shape \(5274, 3\): the file of this head needs \(10548, 3\)"):
        head.take(person)


def test_a_fit_brings_the_model_to_another_face(bare: PreparedHead) -> None:
    head = bare
    centre = head.mesh.vertices.mean(0)
    bulge = torch.exp(
        -(((head.mesh.vertices - head.mesh.vertices[head.mesh.vertices[:, 2].argmax()]) / 40) ** 2).sum(1)
    )
    target = head.mesh.with_vertices(centre + (head.mesh.vertices - centre) * (1.03 + 0.1 * bulge[:, None]))
    fit = fit_scan(head.model(), target, steps=4, progress=False, device="cpu")
    before = (head.mesh.vertices - target.vertices).norm(dim=1).mean()
    after = (fit.vertices - target.vertices).norm(dim=1).mean()
    assert after < 0.2 * before


def test_the_model_is_written_and_read(tmp_path, bare: PreparedHead) -> None:
    save(bare.model(), tmp_path / "head.npz")
    back = load_model(tmp_path / "head.npz")
    assert torch.equal(back.weights(), bare.model().weights())
    assert torch.equal(back.mesh.landmarks["ibug68"].faces, bare.landmarks.faces)


def test_from_an_obj_file(tmp_path, bare: PreparedHead) -> None:
    path = tmp_path / "mine.obj"
    BARE.write(path)
    vertices = SOMA.landmarks.nearest_vertices(BARE.faces)
    head = prepare_head(read_mesh(path), {name: int(vertices[number]) for name, number in HANDFUL.items()})
    assert head.given == tuple(sorted(HANDFUL.values()))
    # Vertices lie up to 2 mm from where the landmarks are; and the pupil, which this mesh has not, goes to either lid.
    away = (bind_points(head) - bind_points(bare)).norm(dim=1)
    assert away.median() < 0.6 and away.quantile(0.95) < 2.0
