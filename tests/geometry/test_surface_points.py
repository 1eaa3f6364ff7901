"""Points put on a surface: where they lie, which way they face, and whether that is its rim."""

from __future__ import annotations

import numpy as np
import trimesh

from asm_teach.geometry.surface_points import Skin, barycentric


def test_barycentric_coordinates() -> None:
    random = np.random.default_rng(0)
    corners, beta = random.normal(size=(50, 3, 3)), random.dirichlet(np.ones(3), 50)
    points = (beta[..., None] * corners).sum(1)
    np.testing.assert_allclose(barycentric(points, corners), beta, rtol=0, atol=1e-9)
    flat = np.repeat(corners[:, :1], 3, 1)
    flat[:, 2] = corners[:, 1]
    found = barycentric(corners[:, 1], flat)
    np.testing.assert_allclose((found[..., None] * flat).sum(1), corners[:, 1], rtol=0, atol=1e-12)


def test_points_go_to_the_side_that_faces_their_way() -> None:
    """Two sheets 2 mm apart, back to back: the nearest point lies on one, the one that agrees on the other."""
    sheet = np.array([[-5.0, -5, 0], [5, -5, 0], [5, 5, 0], [-5, 5, 0]])
    up, down = np.array([[0, 1, 2], [0, 2, 3]]), np.array([[2, 1, 0], [3, 2, 0]])
    skin = Skin(np.concatenate([sheet + [0, 0, 1], sheet - [0, 0, 1]]), np.concatenate([up, down + 4]))
    points = np.array([[1.0, 2, 0.4], [1.0, 2, 0.4], [1.0, 2, 0.4]])
    on = skin.put(points, np.array([[0, 0, 1.0], [0, 0, -1.0], [1.0, 0, 0]]))
    np.testing.assert_allclose(on.position[:, 2], [1, -1, 1], atol=1e-12)  # none agrees with the third: the nearest
    np.testing.assert_allclose(on.distance, [0.6, 1.4, 0.6], atol=1e-12)
    np.testing.assert_allclose((on.barycentric[..., None] * skin.corners[on.face]).sum(1), on.position, atol=1e-12)


def test_putting_agrees_with_looking_at_every_face() -> None:
    ball = trimesh.creation.icosphere(2, 50.0)
    skin = Skin(np.array(ball.vertices), np.array(ball.faces))
    random = np.random.default_rng(1)
    points, facing = random.normal(size=(30, 3)) * 30, random.normal(size=(30, 3))
    facing /= np.linalg.norm(facing, axis=1, keepdims=True)
    on = skin.put(points, facing)
    for point, way, distance in zip(points, facing, on.distance, strict=True):
        agrees = skin.looks @ way > 0.3
        alone = Skin(skin.vertices, skin.faces[agrees])
        # The search looks at the 200 nearest faces of 320 only: it may find a nearest one that does not agree.
        assert distance <= alone.put(point[None]).distance[0] + 1e-9


def test_the_rim_is_where_the_surface_ends() -> None:
    square = np.array([[-5.0, -5, 0], [5, -5, 0], [5, 5, 0], [-5, 5, 0]])
    skin = Skin(square, np.array([[0, 1, 2], [0, 2, 3]]))
    points = np.array([[9.0, 1, 2], [9.0, 9, 2], [1.0, 1, 2], [1.0, 2, 0], [-9.0, 0, 0]])
    assert skin.on_rim(skin.put(points)).tolist() == [True, True, False, False, True]
