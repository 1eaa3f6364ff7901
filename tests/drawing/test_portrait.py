"""How a head is lit: what is known of the embedded heads, and what the formula makes of it."""

from __future__ import annotations

import dataclasses

import matplotlib
import numpy as np
import pytest

import asm_teach as asm
from asm_teach.data.skin_tones import CLAY
from asm_teach.drawing import portrait, scales, still
from asm_teach.geometry.mesh import Mesh

HEAD = asm.load_head("makehuman")
VERTICES, FACES = HEAD.mesh.vertices.numpy(), HEAD.mesh.faces.numpy()


def values() -> np.ndarray:
    found = portrait.finish_of(len(VERTICES), FACES)
    assert found is not None
    return found.values


def picture(expressions: dict[str, float] | None = None, **options) -> np.ndarray:
    """(300, 300, 4) of the head from the front, by default in its skin."""
    moved = HEAD.mesh.vertices + HEAD.offsets(expressions=expressions or {})
    options = options or {"texture": HEAD.mesh.texture, "uv": HEAD.mesh.uv}
    return still.draw(moved, FACES, still.look(moved, "front", (300, 300)), **options)


@pytest.mark.parametrize("name", ["makehuman", "soma"])
def test_the_embedded_heads_are_known_and_no_other_mesh_is(name: str) -> None:
    mesh = asm.load_head(name).mesh
    found = portrait.finish_of(len(mesh.vertices), mesh.faces.numpy())
    assert found is not None and found.values.shape == (len(mesh.vertices), 4)
    other = mesh.faces.numpy()[:, [1, 2, 0]]
    assert portrait.finish_of(len(mesh.vertices), other) is None
    assert portrait.finish_of(len(mesh.vertices), mesh.faces.numpy()[:-1]) is None


def test_folds_see_less_of_the_sky_than_what_stands_out() -> None:
    points = HEAD.landmarks.nearest_vertices(HEAD.mesh.faces).numpy()
    open_to_sky = values()[:, 0]
    assert open_to_sky.min() >= 0 and open_to_sky.max() <= 1
    assert open_to_sky[points[30]] > 0.8  # the tip of the nose
    assert open_to_sky[points[[39, 42]]].max() < 0.75  # the inner corners of the eyes
    mouth = HEAD.mesh.part_vertices("mouth_interior").numpy()
    assert np.median(open_to_sky[mouth]) < 0.3


def test_the_neck_fades_out_where_it_is_cut_and_nothing_else_does() -> None:
    shown = values()[:, 1]
    edges = np.sort(np.concatenate([FACES[:, [0, 1]], FACES[:, [1, 2]], FACES[:, [2, 0]]]), 1)
    ends, uses = np.unique(edges, axis=0, return_counts=True)
    rim = np.unique(ends[uses == 1])
    assert shown[rim[VERTICES[rim, 1] < -100]].max() == 0
    chin = HEAD.landmarks.points(HEAD.mesh.vertices, HEAD.mesh.faces)[8, 1].item()
    assert shown[(VERTICES[:, 1] > chin) & (VERTICES[:, 2] > 20)].min() == 1
    drawn = picture()
    column = drawn[:, 150, 3]
    below = column[np.argmax(column > 0) :]
    assert (np.diff(below) <= 1e-9)[30:].all()  # from the forehead down it never grows
    assert ((below > 0.05) & (below < 0.95)).sum() > 8  # and goes in many steps, not at an edge


def test_lids_close_the_mouth_and_the_eyes_as_the_skin_is_turned() -> None:
    found = portrait.finish_of(len(VERTICES), FACES)
    assert found is not None and len(found.lids) > 50
    halves = {(int(a), int(b)) for f in (*FACES, *found.lids) for a, b in (f[[0, 1]], f[[1, 2]], f[[2, 0]])}
    assert len(halves) == 3 * (len(FACES) + len(found.lids))  # each edge is used once in each direction


def test_an_open_mouth_is_dark_inside() -> None:
    moved = HEAD.mesh.vertices + HEAD.offsets(expressions={"jawOpen": 1.0})
    points = HEAD.landmarks.points(moved, HEAD.mesh.faces).double().numpy()
    eye = still.look(moved, "front", (300, 300))
    x, y = np.rint(eye.project(points[[62, 66]].mean(0)[None])[0]).astype(int)
    drawn = picture({"jawOpen": 1.0})
    assert drawn[y, x, 3] == 1
    assert drawn[y, x, :3].mean() < 0.5 * drawn[y, x - 40, :3].mean()  # than the cheek beside it


def test_the_iris_is_round_with_a_dark_pupil_and_a_light_in_it() -> None:
    eyes = VERTICES[HEAD.mesh.part_vertices("eyes").numpy()]
    right = eyes[eyes[:, 0] < 0]
    first = still.look(VERTICES, "front", (300, 300), 14.0)
    moved = dataclasses.replace(first, target=(right.min(0) + right.max(0)).astype(float) / 2)
    drawn = still.draw(VERTICES, FACES, moved, texture=HEAD.mesh.texture, uv=HEAD.mesh.uv)[..., :3].mean(-1)
    scale = moved.focal / moved.distance  # pixels a millimetre, near enough
    assert drawn[150, 150] < 0.2  # the pupil
    ring = [int(150 + s * 4.1 * scale) for s in (-1, 1)]
    iris = [drawn[150, x] for x in ring]
    assert min(iris) > 0.15 and max(iris) < 0.55
    assert abs(iris[0] - iris[1]) < 0.12  # as far to the left as to the right
    assert drawn[150, [int(150 + s * 8.6 * scale) for s in (-1, 1)]].min() > max(iris)  # the white beside it
    assert drawn[122:145, 60:120].max() > 1.5 * max(iris)  # the light, on the upper left of the iris


def test_a_bare_head_is_clay_and_shows_its_shape() -> None:
    drawn = picture(colours=None, texture=None)
    seen = drawn[..., :3][drawn[..., 3] == 1]
    assert (np.abs(np.median(seen, 0) - CLAY) < 0.12).all()
    assert seen.mean(-1).std() > 0.05


def test_colours_of_data_stay_close_to_their_scale_and_keep_the_shape() -> None:
    normals = np.random.default_rng(0).normal(size=(500, 3))
    normals[:, 2] = np.abs(normals[:, 2])
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    own = np.full((500, 3), 0.5)
    bright, data = portrait.shade(normals, own), portrait.shade(normals, own, contrast=0.5)
    assert bright.min() > 0.1 and bright.max() < 0.85  # light reaches every side, and nothing burns out
    assert np.abs(data - 0.5).max() < 0.7 * np.abs(bright - 0.5).max()
    assert data.std() > 0.02


def test_the_edge_of_the_shadow_is_warm() -> None:
    """Where the key light just ends, more red than blue is left of it than in its middle."""
    across = np.array([-portrait.KEY[1], portrait.KEY[0], 0.0])
    across /= np.linalg.norm(across)
    lit, edge = (portrait.shade(n[None], np.full((1, 3), 0.6))[0] for n in (portrait.KEY, across))
    assert edge[0] / edge[2] > 1.05 * lit[0] / lit[2]


@pytest.mark.parametrize("name", [scales.WEIGHTS, scales.ERROR])
def test_scales_begin_at_clay_and_grow_steadily_darker(name: str) -> None:
    table = matplotlib.colormaps[name](np.linspace(0, 1, 256))[:, :3]
    np.testing.assert_allclose(table[0], CLAY, atol=0.003)
    lightness = table**2.2 @ [0.2126, 0.7152, 0.0722]
    assert (np.diff(lightness) < 0).all()


def test_a_mesh_that_is_turned_inside_out_is_still_drawn() -> None:
    mesh = Mesh(HEAD.mesh.vertices, HEAD.mesh.faces.flip(1))
    eye = still.look(mesh.vertices, "front", (60, 60))
    one, two = (still.draw(VERTICES, f, eye, colours=(0.5, 0.5, 0.5)) for f in (FACES[:-1], mesh.faces.numpy()[:-1]))
    assert np.abs(one[20:30, 25:35, :3] - two[20:30, 25:35, :3]).max() < 0.05
