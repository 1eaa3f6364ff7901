"""Still pictures: what each pixel sees, and the way round of views and textures."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh
from hypothesis import given
from hypothesis import strategies as st

from asm_teach.drawing import still


def ball(radius: float = 50.0, centre: tuple[float, float, float] = (0, 0, 0)) -> tuple[np.ndarray, np.ndarray]:
    sphere = trimesh.creation.icosphere(subdivisions=4, radius=radius)
    return np.asarray(sphere.vertices) + centre, np.asarray(sphere.faces)


@given(st.integers(0, 2**31))
def test_a_pixel_sees_the_nearest_triangle_that_a_search_pixel_by_pixel_finds(seed: int) -> None:
    rng = np.random.default_rng(seed)
    vertices, faces = rng.uniform(-40, 40, (15, 3)), rng.integers(0, 15, (8, 3))
    eye = still.look(vertices, (float(rng.uniform(-180, 180)), float(rng.uniform(-80, 80))), (9, 7))
    seen = still.rasterise(vertices, faces, eye)
    wanted, depth = search(eye.screen(vertices), faces, eye.size)
    hit = seen.mask.numpy()
    assert (hit == (wanted >= 0)).all()
    # The same triangle, or one that shares an edge or vertex and so lies at the same depth there.
    np.testing.assert_allclose(seen.depth.numpy()[hit], depth[hit], rtol=1e-6)


def search(screen: np.ndarray, faces: np.ndarray, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Every pixel asks every triangle: are you under me, and how far?"""
    width, height = size
    face_of, depth_of = np.full((height, width), -1), np.full((height, width), np.inf)
    for y in range(height):
        for x in range(width):
            for number, face in enumerate(faces):
                corners = np.column_stack([screen[face][:, :2], np.ones(3)])
                if abs(np.linalg.det(corners)) < 1e-9:
                    continue
                bary = np.linalg.solve(corners.T, [x, y, 1])
                # one over depth is what stays linear on the screen
                depth = 1 / (bary / screen[face][:, 2]).sum()
                if (bary >= -1e-9).all() and depth < depth_of[y, x]:
                    face_of[y, x], depth_of[y, x] = number, depth
    return face_of, depth_of


def test_a_pixel_shows_the_surface_point_that_projects_onto_it() -> None:
    # Ties barycentric interpolation, perspective and pixel centres together in one statement.
    vertices, faces = ball()
    eye = still.look(vertices, (30, 20), (60, 50))
    seen = still.rasterise(vertices, faces, eye)
    y, x = np.divmod(seen.pixels.numpy(), 60)
    points = np.einsum("nc,nci->ni", seen.weights.numpy(), vertices[faces[seen.hits.numpy()]])
    np.testing.assert_allclose(eye.project(points), np.column_stack([x, y]), atol=1e-6)


def test_a_ball_covers_the_disc_it_should() -> None:
    vertices, faces = ball(50)
    eye = still.look(vertices, "front", (200, 200))
    cover = still.draw(vertices, faces, eye)[..., 3].sum()
    # the outline of a ball at distance d is seen under asin(r / d)
    radius = eye.focal * np.tan(np.arcsin(50 / eye.distance))
    # 0.6 per cent: the icosphere's outline is a polygon inside the circle
    assert cover == pytest.approx(np.pi * radius**2, rel=0.006)


@pytest.mark.parametrize("size", [(640, 480), (300, 420)])
def test_a_tall_head_is_framed_whole_and_tightly_from_every_side(size: tuple[int, int]) -> None:
    vertices, _ = ball()
    vertices = vertices * [0.8, 1.4, 1.0] + [10, -40, 5]
    edge = []
    for azimuth in range(0, 360, 15):
        pixels = still.look(vertices, (azimuth, 0), size).project(vertices)
        edge.append(np.abs(pixels - (np.array(size) - 1) / 2).max(axis=0) / (np.array(size) / 2))
    # of the way from the middle to the border: inside, and the tallest or widest view close to it
    assert np.max(edge) < 1
    assert np.max(edge) > 0.9


@pytest.mark.parametrize(
    ("view", "point", "side"),
    [
        ("front", (80, 0, 0), (1, 0)),  # the person's left is on the right of the picture
        ("front", (0, 80, 0), (0, -1)),  # up is up: pixel rows grow downwards
        ("left", (0, 0, 80), (-1, 0)),  # seen from the person's left the nose points to the left
        ("right", (0, 0, 80), (1, 0)),
        ("top", (0, 0, 80), (0, 1)),
        ("three-quarter", (0, 0, 80), (-1, 0)),
    ],
)
def test_views_are_the_right_way_round(view: str, point: tuple[int, ...], side: tuple[int, int]) -> None:
    vertices, _ = ball(100)
    moved = still.look(vertices, view, (400, 400)).project([point, (0, 0, 0)])
    offset = moved[0] - moved[1]
    assert offset @ np.array(side) > 0.5 * np.abs(offset).max()


def test_the_nearer_ball_hides_the_farther_one() -> None:
    near, faces = ball(30, (0, 0, 60))
    far, _ = ball(30, (0, 0, -60))
    vertices, both = np.concatenate([far, near]), np.concatenate([faces, faces + len(far)])
    red, blue = np.array([(0.9, 0.1, 0.1)]), np.array([(0.1, 0.1, 0.9)])
    colours = np.concatenate([np.repeat(red, len(far), axis=0), np.repeat(blue, len(near), axis=0)])
    eye = still.look(vertices, "front", (60, 60))
    middle = still.draw(vertices, both, eye, colours)[25:35, 25:35]
    assert (middle[..., 2] > middle[..., 0] + 0.3).all()


def test_a_texture_with_seams_is_drawn_through_uv_faces() -> None:
    vertices = np.array([(-10, -10, 0), (10, -10, 0), (10, 10, 0), (-10, 10, 0)], dtype=float)
    faces = np.array([(0, 1, 2), (0, 2, 3)])
    texture = np.zeros((2, 2, 3))
    texture[:, 0, 0] = texture[:, 1, 1] = 1  # left half red, right half green
    uv = np.array([(0.1, 0.5), (0.9, 0.5)])
    uv_faces = np.array([(0, 0, 0), (1, 1, 1)])  # the two triangles share vertices, but not a place on the chart
    eye = still.look(vertices, "front", (40, 40))
    picture = still.draw(vertices, faces, eye, texture=texture, uv=uv, uv_faces=uv_faces)
    below, above = picture[26, 20], picture[20, 14]
    assert below[0] > 0.5 > below[1]
    assert above[1] > 0.5 > above[0]
