"""A scan with map coordinates, 4.6e6 m from the origin, is fitted as well as one near it and put back where it lies."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from asm_teach.data.heads import Head, load_head
from asm_teach.fitting.result import Fit
from asm_teach.geometry.mesh import Mesh, read_mesh
from asm_teach.geometry.metrics import scan_error
from asm_teach.model.adaptive import AdaptiveSkinningModel
from asm_teach.model.linear import LinearMorphableModel
from asm_teach.scan_fit.far_scan import put_back
from asm_teach.scan_fit.fit import fit_scan
from asm_teach.scan_fit.linear_fit import fit_morphable
from asm_teach.scan_fit.place import place_scan

METRES = torch.tensor([4.6e6, -5.1e6, 312.0], dtype=torch.float64)


@pytest.fixture(scope="module")
def head() -> Head:
    return load_head("makehuman")


def model_of(head: Head) -> AdaptiveSkinningModel:
    return AdaptiveSkinningModel(head.mesh, head.rig, components=2)


def far(mesh: Mesh, unit: float = 1000.0) -> Mesh:
    """A mesh in mm, in metres (or another unit of so many mm) with map coordinates."""
    return mesh.with_vertices(mesh.vertices.double() / unit + METRES)


def raw(mesh: Mesh) -> Mesh:
    """The same surface with its faces in another order, so that it is no registered scan."""
    return Mesh(mesh.vertices, mesh.faces.flip(0))


@pytest.fixture(scope="module")
def near(head: Head) -> Fit:
    return fit_scan(model_of(head), head.sample(3), steps=2, progress=False, device="cpu")


@pytest.mark.parametrize("unit", [1.0, 1000.0])
def test_a_registered_scan_far_off_is_fitted_as_near(head: Head, near: Fit, unit: float) -> None:
    person, model = head.sample(3), model_of(head)
    scan = replace(far(person, unit), notes=("scan.obj: left out 1 face.",))
    fit = fit_scan(model, scan, steps=2, progress=False, device="cpu")
    assert fit.unit == unit and fit.vertices.dtype == torch.float64
    away = (fit.vertices - unit * METRES - near.vertices).norm(dim=1)  # mm
    assert away.quantile(0.99) < 0.01 and away.max() < 0.05
    assert (fit.scan.vertices - unit * scan.vertices).abs().max() < 1e-5
    assert fit.history[-1].error == pytest.approx(near.history[-1].error, abs=1e-3)
    assert fit.notes[0] == "scan.obj: left out 1 face." and "[4600000.0, -51000" in fit.notes[1]
    assert near.vertices.dtype == torch.float32 and near.notes == ()
    assert fit.model().norm(dim=1).max() < 1000  # float32 holds the model near the origin


@pytest.mark.long
def test_a_raw_scan_far_off_is_fitted_and_written_as_near(head: Head, tmp_path: Path) -> None:
    person, model = raw(head.sample(3)), model_of(head)
    landmarks = head.landmarks.points(person.vertices, head.mesh.faces)
    errors = []
    for scan, marks in ((person, landmarks), (far(person), landmarks.double() / 1000 + METRES)):
        fit = fit_scan(model, scan, landmarks=marks, steps=15, progress=False, device="cpu")
        errors.append(scan_error(fit.vertices, model.mesh.faces, fit.scan, align=None)["median"])
    assert errors[1] < 1.2 * errors[0] and errors[0] < 1
    for ending in (".obj", ".ply", ".glb"):
        model.mesh.with_vertices(fit.vertices).write(tmp_path / f"fit{ending}")
        again = read_mesh(tmp_path / f"fit{ending}").vertices[: len(fit.vertices)]
        assert (again - fit.vertices).abs().max() < 1e-3


@pytest.mark.long
def test_the_place_of_a_raw_scan_far_off_has_all_its_digits(head: Head) -> None:
    person = raw(head.sample(3))
    landmarks = head.landmarks.points(person.vertices, head.mesh.faces)
    near = place_scan(head.mesh, person, landmarks)
    placed = place_scan(head.mesh, far(person), landmarks.double() / 1000 + METRES)
    assert (placed.shift - 1000 * METRES - near.shift).abs().max() < 1.0
    assert (placed.mesh.vertices - 1000 * METRES).abs().max() < 500


def test_a_linear_model_far_off(head: Head) -> None:
    person = head.sample(3)
    modes = torch.stack([head.sample(k).vertices - head.mesh.vertices for k in (3, 4)])
    model = LinearMorphableModel(head.mesh, modes, torch.ones(2))
    near = fit_morphable(model, person, progress=False)
    fit = fit_morphable(model, far(person, 1.0), progress=False)
    assert (fit.vertices - METRES - near.vertices).abs().max() < 1e-3
    s, rotation, shift = fit.alignment
    face = model.mean + (fit.coefficients @ model.basis().to(fit.coefficients)).view(-1, 3)
    assert (s * face.double() @ rotation.T + shift - fit.vertices).abs().max() < 1e-2


def test_what_is_refused_tells_where_places_are_counted_from(head: Head) -> None:
    person = far(raw(head.sample(3)))
    with pytest.raises(ValueError, match=r"landmarks: .* \(places are counted from \[4600000.0, -5100000.0, 312.0\]"):
        fit_scan(model_of(head), person, landmarks=METRES.repeat(68, 1), progress=False)
    with pytest.raises(ValueError, match="scan: expected a Mesh, found a str"):
        fit_scan(model_of(head), "scan.obj")


def test_put_back_adds_the_middle_in_millimetres(head: Head) -> None:
    vertices = torch.rand(4, 3)
    found = Fit(model_of(head), vertices, scan=Mesh(vertices, torch.tensor([[0, 1, 2]])), unit=10.0)
    moved = put_back(found, METRES)
    assert torch.equal(moved.vertices, vertices.double() + 10 * METRES)
    assert torch.equal(moved.scan.vertices, moved.vertices)
