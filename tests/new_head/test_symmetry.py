"""The plane between the two sides of a head, and the line where it cuts the surface."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from asm_teach import load_head
from asm_teach.geometry.surface_points import Skin
from asm_teach.new_head.symmetry import Mirror, find_mirror, middle_line

HEAD = load_head("soma")
VERTICES, FACES = HEAD.mesh.vertices.double().numpy(), HEAD.mesh.faces.numpy()
MARKS = HEAD.landmarks.points(HEAD.mesh.vertices, HEAD.mesh.faces).double().numpy()


def test_the_section_lies_on_the_surface_and_in_the_plane() -> None:
    mirror = Mirror(np.array([1.0, 0, 0]), 0.3)
    skin = Skin(VERTICES, FACES)
    line = middle_line(skin, mirror)
    assert len(line.faces) > 100
    np.testing.assert_allclose(line.vertices @ mirror.normal, 0.3, atol=1e-9)
    assert skin.put(line.vertices).distance.max() < 1e-9
    np.testing.assert_allclose(np.linalg.norm(line.looks, axis=1), 1)
    with pytest.raises(ValueError, match="nothing of it lies in the middle"):
        middle_line(skin, Mirror(np.array([1.0, 0, 0]), 1e4))


def test_the_mirror_of_a_turned_head_is_found() -> None:
    turn = Rotation.from_rotvec([0.1, 0.25, -0.2]).as_matrix()
    shift = np.array([10.0, -3, 5])
    skin = Skin(VERTICES @ turn.T + shift, FACES)
    noise = np.random.default_rng(0).normal(scale=1.5, size=MARKS.shape)  # mm: a hand that clicks
    found = find_mirror(skin, MARKS @ turn.T + shift + noise)
    normal = turn @ [1.0, 0, 0]
    # The template is symmetric to a few hundredths of a millimetre; the clicks are not, and do not matter.
    assert np.degrees(np.arccos(found.normal @ normal)) < 0.1
    assert abs(found.offset - normal @ shift) < 0.1
    points = VERTICES[:10]
    np.testing.assert_allclose(found.reflect(found.reflect(points)), points, atol=1e-12)
    middle = (points + found.reflect(points)) / 2
    np.testing.assert_allclose(middle @ found.normal, found.offset, atol=1e-12)
