"""The playground without a browser: its pose as JSON, its sliders, the people in it, what it refuses, the command."""

from __future__ import annotations

import copy
import html
import json
import math
import os
import re
import socket
from pathlib import Path
from typing import Any

import pytest
import torch

import asm_teach as asm
from asm_teach.cli import playground
from asm_teach.formats.checks.outputs import check_output
from asm_teach.geometry.mesh import vertex_normals
from asm_teach.model.adaptive import AdaptiveSkinningModel, StaticSkinningModel
from asm_teach.model.transforms import Rig
from asm_teach.scan_fit.motion_solver import MotionSolver
from asm_teach.widgets import Playground
from asm_teach.widgets.playground import people
from asm_teach.widgets.playground.page import write_page
from asm_teach.widgets.playground.people import EXPRESSIONS, new_model, solve_shapes, symmetric
from asm_teach.widgets.playground.sliders import ROOM, SHOWN, sliders_for
from tests.command import one_line, run
from tests.formats.fuzz_files import small_model


@pytest.fixture(scope="module")
def head() -> asm.Head:
    return asm.load_head("makehuman")


@pytest.fixture(scope="module")
def model(head: asm.Head) -> AdaptiveSkinningModel:
    return new_model(head)


@pytest.fixture
def few_people(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(people, "PEOPLE", 3)


# ---- sliders


@pytest.fixture(scope="module")
def sliders(model: AdaptiveSkinningModel) -> list[dict[str, Any]]:
    return sliders_for(model)


def test_every_slider_finds_its_bones(sliders: list[dict[str, Any]]) -> None:
    shaping = [s for s in sliders if s["shapes"]]
    assert [s["name"] for s in shaping] == [*SHOWN, "ears"] and len(sliders) == 17
    assert all(2 <= len(s["moves"]) <= 12 for s in shaping)  # a short list of bones, where nothing was fitted


def test_the_mirror_image_of_a_bone(head: asm.Head) -> None:
    names, images = head.rig.names, head.rig.mirror_images()
    assert names[images[names.index("jaw_L")]] == "jaw_R"
    assert names[images[names.index("chin")]] == "chin"
    assert [images[j] for j in images] == list(range(len(names)))


@pytest.mark.parametrize("slider", [*SHOWN, "ears"])
def test_a_slider_moves_both_sides_of_the_face_alike(
    sliders: list[dict[str, Any]], model: AdaptiveSkinningModel, slider: str
) -> None:
    (about,) = (s for s in sliders if s["name"] == slider)
    other = copy.deepcopy(model)
    with torch.no_grad():
        for bone, part, numbers in about["moves"]:
            getattr(other, part)[bone] += about["high"] * torch.tensor(numbers)
        change, middle = other() - model(), model.vertices * torch.tensor([-1.0, 1.0, 1.0])
    assert change.norm(dim=1).max() > 1.0  # mm: the slider does something
    assert change.norm(dim=1).max() < 25.0
    distance, image = torch.cdist(middle, model.vertices).min(1)
    flipped = model.uv * torch.tensor([-1.0, 1.0]) + torch.tensor([1.0, 0.0])
    # the chart has teeth on one side only, and lips that touch have two images
    pairs = (distance < 1e-3) & ((flipped - model.uv[image]).norm(dim=1) < 0.003)
    assert pairs.sum() > 3000
    asymmetry = change[image[pairs]] * torch.tensor([-1.0, 1.0, 1.0]) - change[pairs]
    assert asymmetry.norm(dim=1).max() < 0.1 * change.norm(dim=1).max()


def test_no_corner_of_the_sliders_folds_or_crushes_the_face(
    head: asm.Head, model: AdaptiveSkinningModel, sliders: list[dict[str, Any]]
) -> None:
    """All at an end and 40 corners by chance, held back as the page does it; without that the low corner fails."""
    faces = head.mesh.faces[head.mesh.parts["face"]]
    rest, generator = head.mesh.vertices, torch.Generator().manual_seed(0)

    @torch.no_grad()
    def faults(ends: list[int], room: float) -> int:
        """Triangles of the face that turn over, or keep less than a tenth of their size."""
        share = min(
            1.0, math.sqrt(room / max(sum(e * e for s, e in zip(sliders, ends, strict=True) if s["shapes"]), 1))
        )
        other = copy.deepcopy(model)
        for about, end in zip(sliders, ends, strict=True):
            amount = (share if about["shapes"] else 1.0) * (about["high"] if end > 0 else -about["low"]) * end
            for bone, part, numbers in about["moves"]:
                if part == "reach":
                    grown = amount * math.log(2)
                    other.mixture_factor[bone] *= torch.tensor([1.0, math.exp(grown), 1.0])
                    other.mixture_factor[bone] += torch.tensor([grown, 0.0, grown])
                else:
                    getattr(other, part)[bone] += amount * torch.tensor(numbers)
        a, b = (
            torch.linalg.cross(v[faces[:, 1]] - v[faces[:, 0]], v[faces[:, 2]] - v[faces[:, 0]])
            for v in (rest, other())
        )
        turned = (a * b).sum(1) < 0
        return int((turned | (b.norm(dim=1) < 0.1 * a.norm(dim=1))).sum())

    shapes = [-1 if s["shapes"] else 0 for s in sliders]
    assert faults(shapes, room=1e9) > 0
    corners = [shapes, [-e for e in shapes], [-1] * len(sliders), [1] * len(sliders)]
    corners += (2 * torch.randint(0, 2, (40, len(sliders)), generator=generator) - 1).tolist()
    assert [faults(ends, ROOM) for ends in corners] == [0] * len(corners)


def test_a_rig_without_those_bones_has_no_such_sliders() -> None:
    names = ("root", "nose_wing_L", "nose_wing_R", "nose_hole_L", "nose_hole_R", "nose_bottom_L", "nose_bottom_R")
    mesh, places = small_model().mesh, torch.linspace(0.2, 0.8, 14).view(7, 2)
    model = AdaptiveSkinningModel(mesh, Rig(names, torch.tensor([-1, 0, 0, 0, 0, 0, 0]), uv=places))
    assert {s["name"] for s in sliders_for(model)} == {"nose_width", "nose_reach"}


# ---- people and expressions


def test_bones_come_close_to_another_person(head: asm.Head, model: AdaptiveSkinningModel) -> None:
    target = head.sample(50, expression=False).vertices
    motion = MotionSolver(model).solve(target).float()
    other = copy.deepcopy(model)
    with torch.no_grad():
        other.translation += motion[:, :3]
        other.rotation += motion[:, 3:6]
        other.log_scale += motion[:, 6:]
    face = head.mesh.part_vertices("face")
    before, after = ((x - target)[face].norm(dim=1).mean() for x in (model.vertices, other()))
    assert before > 2.0
    assert after < 0.25 * before


def test_people_are_symmetric_and_expressions_move_the_face(
    head: asm.Head, model: AdaptiveSkinningModel, few_people: None
) -> None:
    mean, directions, expressions = solve_shapes(model)
    images = head.rig.mirror_images()
    torch.testing.assert_close(symmetric(mean, images), mean)
    torch.testing.assert_close(symmetric(directions, images), directions, atol=1e-4, rtol=0)
    assert len(expressions) == len(EXPRESSIONS)
    assert (expressions[:, :, :3].norm(dim=2).amax(1) > 1.0).all()  # mm
    assert (mean[head.rig.parents < 0].abs() < 1e-6).all()  # the root stays


@pytest.mark.long
def test_another_topology_takes_over_motions_by_name(head: asm.Head, few_people: None) -> None:
    keep = torch.arange(len(head.mesh.faces) - 1)  # one face fewer: no embedded head's topology
    mesh = asm.Mesh(head.mesh.vertices, head.mesh.faces[keep], head.mesh.uv)
    names = ("bottom", *head.rig.names[1:])
    carried = AdaptiveSkinningModel(mesh, Rig(names, head.rig.parents, head.rig.uv))
    mean, directions, expressions = solve_shapes(carried)
    own = solve_shapes(new_model(head))
    for part, wanted in zip((mean, directions, expressions), own, strict=True):
        torch.testing.assert_close(part[..., 1:, :], wanted[..., 1:, :])
        assert not part[..., 0, :].any()


# ---- the page


def small(components: int = 2) -> AdaptiveSkinningModel:
    """A square with two bones whose names no slider knows."""
    u, v = torch.meshgrid(torch.linspace(0, 1, 5), torch.linspace(0, 1, 5), indexing="ij")
    uv = torch.stack([u, v], -1).reshape(-1, 2)
    corner = (torch.arange(4)[:, None] * 5 + torch.arange(4)).flatten()
    faces = torch.cat(
        [torch.stack([corner, corner + 5, corner + 6], 1), torch.stack([corner, corner + 6, corner + 1], 1)]
    )
    vertices = torch.cat([100 * uv, torch.zeros(25, 1)], 1)
    assert vertex_normals(vertices, faces)[0, 2] > 0
    rig = Rig(("base", "</script>"), torch.tensor([-1, 0]), torch.tensor([[0.3, 0.3], [0.7, 0.7]]))
    return AdaptiveSkinningModel(asm.Mesh(vertices, faces, uv), rig, components)


def data_of(page: str) -> dict:
    (found,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    return json.loads(found)


def test_a_page_asks_for_nothing_outside_and_survives_any_bone_name() -> None:
    page = write_page(small())
    data = data_of(page)
    assert data["bones"] == ["base", "</script>"]
    assert data["sliders"] == [] and data["people"]["count"] == 0 and data["expressions"] == []
    assert re.findall(r"""(?:src|href)=["']?(?!data:)[^"'>]+|https?://|@import|fetch\(|XMLHttp""", page) == []
    assert "{{" not in page


def test_models_that_do_not_fit_are_refused(head: asm.Head) -> None:
    with pytest.raises(ValueError, match="adaptive model, found a StaticSkinningModel"):
        write_page(StaticSkinningModel(head.mesh, head.rig, head.static_weights))
    names, uv = tuple(f"bone {j}" for j in range(171)), torch.full((171, 2), 0.5)
    with pytest.raises(ValueError, match="171 bones do not fit"):
        write_page(AdaptiveSkinningModel(small().mesh, Rig(names, torch.arange(171) - 1, uv), components=2))


def test_the_widget_shows_the_page_in_a_frame(tmp_path: Path) -> None:
    play = Playground(small(), height=500)
    (inside,) = re.findall(r'srcdoc="(.*?)"', play.value, re.DOTALL)
    assert html.unescape(inside) == play.page
    assert "height: 500px" in play.value and 'title="Playground' in play.value
    text = json.dumps({"format": "asm_teach pose", "bones": {"base": {"translation": [0, 0, 5]}}})
    assert torch.allclose(play.model_of(text)()[:, 2], torch.tensor(5.0))
    play.save(tmp_path / "page.html")
    assert (tmp_path / "page.html").read_text("utf-8") == play.page
    play.save(tmp_path / "playground.html")
    check_output(tmp_path / "playground.html", given=False)  # the command may replace it without being told


# ---- the command


def test_the_command_writes_a_fitted_model(tmp_path: Path) -> None:
    model = small()
    model.set_motion("base", translation=torch.tensor([1.0, 2.0, 3.0]))
    asm.save(model, tmp_path / "me.npz")
    result = run("playground", "--model", tmp_path / "me.npz", "-o", tmp_path / "page.html")
    assert result.exit_code == 0, result.output
    assert "page.html" in result.output
    assert (
        data_of((tmp_path / "page.html").read_text("utf-8"))["start"]["translation"]
        == data_of(write_page(model))["start"]["translation"]
    )


def test_the_command_refuses_a_static_model_in_one_line(tmp_path: Path) -> None:
    model = small()
    asm.save(StaticSkinningModel(model.mesh, model.rig, model.weights().detach()), tmp_path / "static.npz")
    assert "adaptive model" in one_line(
        run("playground", "--model", tmp_path / "static.npz", "-o", tmp_path / "p.html")
    )
    assert not (tmp_path / "p.html").exists()


def test_serving_starts_voila_on_the_notebook(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JUPYTER_PATH", "")  # to be put back afterwards
    started: list[list[str]] = []
    monkeypatch.setattr(playground.importlib.util, "find_spec", lambda name: name == "voila")
    monkeypatch.setattr("asm_teach.cli.playground.run_to_its_end", lambda command: started.append(list(command)) or 0)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        taken.listen()
        assert f"{port} is in use" in one_line(run("playground", "--serve", "--port", port))
    result = run("playground", "--serve", "--port", port)
    assert result.exit_code == 0, result.output
    assert f"http://localhost:{port}" in result.output
    (command,) = started
    assert command[1:4] == ["-m", "voila", str(playground.NOTEBOOK)] and playground.NOTEBOOK.is_file()
    assert {"--no-browser", "--Voila.ip=127.0.0.1", f"--Voila.port={port}"} <= set(command)
    assert "--VoilaConfiguration.template=alone" in command
    template = Path(os.environ["JUPYTER_PATH"].split(os.pathsep)[0]) / "voila" / "templates" / "alone"
    assert "replace('https://cdn" in (template / "index.html.j2").read_text("utf-8")


def test_serving_without_voila_or_with_a_model_is_explained(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(playground.importlib.util, "find_spec", lambda name: None)
    assert "Voila is not installed" in one_line(run("playground", "--serve"))
    asm.save(small(), tmp_path / "me.npz")
    assert "leave one of the two out" in one_line(run("playground", "--serve", "--model", tmp_path / "me.npz"))
