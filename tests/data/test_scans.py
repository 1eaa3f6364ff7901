"""The fetched heads and photographs: right way round, right unit, right order. Facts of the things themselves."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from asm_teach.data import scans
from asm_teach.data.assets import AssetUnavailable
from asm_teach.data.landmark_files import require_ibug68
from asm_teach.data.scans import load_facekit, load_photographs, load_scan
from asm_teach.geometry.chart_check import chart_problems
from asm_teach.geometry.mesh import Mesh


def here(loader, *args, **options):
    try:
        return loader(*args, progress=False, **options)
    except AssetUnavailable as error:
        pytest.skip(f"no fetched files: {error}")


def corner_pixels(mesh: Mesh) -> tuple[torch.Tensor, torch.Tensor]:
    """Position (n, 3) of each corner and where it lies (n, 2) in the texture, x right, y down, in pixels."""
    height, width = mesh.texture.shape[:2]
    uv = mesh.uv[(mesh.uv_faces if mesh.uv_faces is not None else mesh.faces).reshape(-1)]
    pixels = torch.stack([uv[:, 0] * width, (1 - uv[:, 1]) * height], -1)
    return mesh.vertices[mesh.faces.reshape(-1)].double(), pixels.double()


def best_camera(points: torch.Tensor, pixels: torch.Tensor) -> tuple[float, bool]:
    """Median error in pixels of the best pinhole camera (direct linear), and whether it is no mirror."""
    points = (points - points.mean(0)) / points.std()
    scale, shift = pixels.std(), pixels.mean(0)
    x, y = ((pixels - shift) / scale).unbind(-1)
    one = torch.cat([points, torch.ones(len(points), 1, dtype=points.dtype)], -1)
    none = torch.zeros_like(one)
    rows = [torch.cat([one, none, -x[:, None] * one], -1), torch.cat([none, one, -y[:, None] * one], -1)]
    camera = torch.linalg.svd(torch.cat(rows).T @ torch.cat(rows))[2][-1].reshape(3, 4)
    seen = one @ camera.T
    error = float((seen[:, :2] / seen[:, 2:] * scale + shift - pixels).norm(dim=-1).median())
    # With all points in front of it, a camera with x right and y down has a positive determinant.
    return error, bool((torch.linalg.det(camera[:, :3]) * seen[:, 2] > 0).all())


def test_james_is_in_millimetres_and_faces_forward() -> None:
    scan = here(load_scan, "james")
    assert scan.metric and scan.landmarks.shape == (68, 3)
    require_ibug68(scan.landmarks)
    # the outer corners of the eyes of grown people are 80 to 105 mm apart
    assert 80 < (scan.landmarks[36] - scan.landmarks[45]).norm() < 105
    # the landmarks lie on the surface: the next vertex is no farther than the edges are long
    assert torch.cdist(scan.landmarks, scan.mesh.vertices).min(1).values.max() < 8
    assert "BSD-3-Clause" in scan.licence and "menpo3d" in scan.licence


def test_james_photographs_are_the_two_halves_of_the_texture() -> None:
    """The UVs are what two cameras saw, so one pinhole camera must explain all of them in each half."""
    scan = here(load_scan, "james")
    assert [tuple(image.shape) for image in scan.photographs] == [(1600, 1200, 3)] * 2
    points, pixels = corner_pixels(scan.mesh)
    for image, left in zip(scan.photographs, (0, 1200), strict=True):
        inside = (pixels[:, 0] >= left) & (pixels[:, 0] < left + 1200)
        assert inside.sum() > 10_000
        seen = pixels[inside] - torch.tensor([left, 0])
        error, upright = best_camera(points[inside], seen)
        assert error < 1.0 and upright  # the rig placed them to a fraction of a pixel
        over = torch.stack([seen[:, 0], 1600 - seen[:, 1]], -1)
        assert best_camera(points[inside], over)[1] is False  # so the test can tell v up from v down
        assert torch.equal(image, scan.mesh.texture[:, left : left + 1200])


def redness(mesh: Mesh, chosen: torch.Tensor) -> float:
    """Mean of red minus green over vertices (n,): lips are redder than skin."""
    height, width = mesh.texture.shape[:2]
    uv = mesh.vertex_uv()[chosen]
    colour = mesh.texture[((1 - uv[:, 1]) * height).long(), (uv[:, 0] * width).long()]
    return float((colour[:, 0] - colour[:, 1]).mean())


def test_lee_perry_smith_has_a_likely_size_and_red_lips() -> None:
    scan = here(load_scan, "lee-perry-smith")
    assert not scan.metric and int(scan.landmarks.isfinite().all(1).sum()) == 12 and scan.photographs == ()
    assert scan.mesh.texture.shape == (1024, 1024, 3) and "CC BY 3.0" in scan.licence
    vertices = scan.mesh.vertices
    tip = int(vertices[:, 2].argmax())  # nothing reaches farther forward than the nose
    below = vertices - vertices[tip]
    front = below[:, 2] > -30
    lips = front & (below[:, 0].abs() < 15) & (below[:, 1] < -32) & (below[:, 1] > -48)
    cheeks = (below[:, 0].abs() > 30) & (below[:, 0].abs() < 55) & (below[:, 1].abs() < 20) & (below[:, 2] > -60)
    assert lips.sum() > 30 and cheeks.sum() > 30
    assert redness(scan.mesh, lips) > redness(scan.mesh, cheeks) + 0.05
    wrong = Mesh(vertices, scan.mesh.faces, scan.mesh.uv * torch.tensor([1.0, -1]) + torch.tensor([0.0, 1]),
                 texture=scan.mesh.texture)  # fmt: skip
    assert redness(wrong, lips) < redness(wrong, cheeks) + 0.05  # so the test can tell v up from v down
    head = vertices[vertices[:, 1] > vertices[tip, 1] - 80]
    assert 150 < np.ptp(head[:, 0].numpy()) < 210  # across the ears


@pytest.mark.parametrize(
    ("name", "names", "size", "count", "licence"),
    [
        ("lisa", ["lisa1", "lisa2", "lisa3", "lisa4"], (800, 600, 3), 106, "CC0"),
        ("zoom", ["15cm", "30cm", "45cm", "60cm"], (1536, 1152, 3), 83, "CC0"),
        ("london", ["001_03", "004_03"], (1350, 1350, 3), 189, '"consent covers lab-based and web-based studies'),
    ],
)
def test_photographs(name, names, size, count, licence) -> None:
    photographs = here(load_photographs, name)
    assert [photograph.name for photograph in photographs] == names
    for photograph in photographs:
        assert photograph.image.shape == size and photograph.points.shape == (count, 2)
        assert photograph.image.min() >= 0 and photograph.image.max() <= 1
        limit = torch.tensor([size[1], size[0]])
        assert (photograph.points >= 0).all() and (photograph.points <= limit).all()
        assert licence in photograph.licence
        if name != "zoom":  # whose points have an order of their own
            # the first two points are the pupils: black, in a face that is not
            pupils = photograph.points[:2].long()
            assert photograph.image[pupils[:, 1], pupils[:, 0]].mean() < 0.35


def test_facekit_in_millimetres_with_one_uv_per_vertex() -> None:
    kit = here(load_facekit, names=("identity001", "jawOpen"))
    assert kit.mesh.vertices.shape == (9409, 3) and kit.mesh.quads.shape == (9230, 4)
    assert kit.mesh.uv.shape == (9409, 2) and kit.mesh.uv_faces is None
    assert chart_problems(kit.mesh.uv, kit.mesh.faces).ok  # one injective chart once the cut is closed
    extent = np.ptp(kit.mesh.vertices.numpy(), axis=0)
    assert 150 < extent[0] < 250 and 200 < extent[1] < 320  # mm, the face and the neck
    assert set(kit.modes) == {"identity001", "jawOpen"} and kit.modes["jawOpen"].shape == (9409, 3)
    opened = kit.modes["jawOpen"]
    lowest = opened[:, 1].argmin()
    # an open jaw moves the chin down by centimetres and leaves the forehead where it is
    assert -60 < opened[lowest, 1] < -20 and kit.mesh.vertices[lowest, 1] < kit.mesh.vertices[:, 1].mean()
    assert opened[kit.mesh.vertices[:, 1].argmax()].norm() < 0.1
    assert "MIT" in kit.licence


def test_facekit_says_which_shape_it_does_not_know() -> None:
    here(load_facekit, names=())
    with pytest.raises(ValueError, match="has no file 'identity100.obj'"):
        load_facekit(["identity100"])


def test_unknown_names() -> None:
    with pytest.raises(ValueError, match="no scan 'jim'; the scans are james, lee-perry-smith"):
        load_scan("jim")
    with pytest.raises(ValueError, match="no photographs 'jim'; choose from lisa, zoom, london"):
        load_photographs("jim")


def test_no_network_is_said_by_the_loaders(tmp_path, monkeypatch) -> None:
    monkeypatch.delenv("ASM_TEACH_MIRROR", raising=False)
    monkeypatch.setenv("ASM_TEACH_CACHE", str(tmp_path))

    def nothing(*args, **options):
        raise ConnectionError("no route")

    monkeypatch.setattr("pooch.retrieve", nothing)
    for call in (lambda: load_scan("james"), lambda: load_photographs("lisa"), lambda: scans.load_facekit()):
        with pytest.raises(AssetUnavailable, match="run `asm-teach data"):
            call()
