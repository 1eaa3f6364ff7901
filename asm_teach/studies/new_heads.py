"""Heads of other makers, prepared from a handful of landmarks and fitted to the same person: the table of lesson 6.

The table says what another topology costs: how long its preparation takes, how well it fits a face that none of the
heads was built from, and how large its model is.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from asm_teach.data.assets import asset_licence, asset_path
from asm_teach.data.heads import load_head
from asm_teach.data.scans import load_facekit, load_scan
from asm_teach.fitting.result import Fit
from asm_teach.geometry.closest_point import to_array
from asm_teach.geometry.mesh import Mesh, read_mesh
from asm_teach.geometry.metrics import face_region, summarise
from asm_teach.geometry.surface_points import Skin
from asm_teach.new_head.given_landmarks import HANDFUL, Marks
from asm_teach.new_head.prepare import PreparedHead, prepare_head
from asm_teach.scan_fit.fit import fit_scan
from asm_teach.studies.record_files import checked
from asm_teach.studies.scan_models import file_size, free_numbers

# Landmarks by iBUG's numbers: the vertices that they are.
ICT_FACEKIT: Marks = {36: 1507, 39: 1528, 42: 3742, 45: 3721, 30: 4857, 48: 5708, 54: 6213, 8: 966, 27: 978, 33: 1147,
                      51: 0, 57: 5518}  # fmt: skip
MEDIAPIPE: Marks = {36: 33, 39: 133, 42: 362, 45: 263, 30: 4, 48: 61, 54: 291, 8: 152, 27: 168, 33: 2, 51: 0, 57: 17}


@dataclass(frozen=True, eq=False)
class NewHead:
    """A mesh as its maker gives it, with a handful of landmarks as `prepare_head` takes them, and its licence."""

    name: str
    mesh: Mesh
    landmarks: Marks
    licence: str


@dataclass(frozen=True)
class NewHeadRow:
    """One line of the table.

    file_vertices, vertices: V as read and as prepared. chart: where it comes from. flipped, overlapping: what the
    check found in it. asymmetry: mm, of the worst pair of bones. preparation: seconds. parameters: numbers for one
    face. bytes: of the model's file. mean, p95: mm from the person's points to the fitted surface. covered: share of
    the face area that the mesh reaches; only that is measured. seconds: of the fit, with the search for its start.
    """

    name: str
    file_vertices: int
    vertices: int
    chart: str
    flipped: int
    overlapping: int
    asymmetry: float
    preparation: float
    parameters: int
    bytes: int
    mean: float
    p95: float
    covered: float
    seconds: float


def new_heads(progress: bool = True) -> list[NewHead]:
    """Five heads: ICT-FaceKit's face, SOMA without its chart, MediaPipe's face, a raw scan, and the embedded head.

    Raises AssetUnavailable where the fetched ones are not here and cannot be downloaded.
    """
    canonical = asset_path("mediapipe-canonical", "canonical_face_model.obj", progress)
    scan, soma, ours = load_scan("lee-perry-smith", progress), load_head("soma"), load_head()
    bare = replace(soma.mesh, uv=None, landmarks={})
    return [
        NewHead("ICT-FaceKit", load_facekit((), progress).mesh, ICT_FACEKIT, asset_licence("ict-facekit")),
        NewHead("SOMA, no chart", bare, _handful(soma.landmarks.points(bare.vertices, bare.faces)), soma.licence),
        NewHead("MediaPipe", read_mesh(canonical), MEDIAPIPE, asset_licence("mediapipe-canonical")),
        NewHead("Lee Perry-Smith", scan.mesh, _handful(scan.landmarks), scan.licence),
        NewHead(
            "embedded head",
            ours.mesh,
            _handful(ours.landmarks.points(ours.mesh.vertices, ours.mesh.faces)),
            ours.licence,
        ),
    ]


def compare_heads(
    heads: Sequence[NewHead],
    scan: Mesh,
    landmarks: Tensor,
    steps: int | None = None,
    device: str | torch.device = "auto",
    progress: bool = True,
) -> list[NewHeadRow]:
    """Prepare each head, fit its model to the person, and measure both.

    scan: a raw scan of the person in mm, landmarks: its 68 points (68, 3). Distances are from its points in the face
    area (`face_region`) to the fitted surface. Points whose nearest place is the rim of the surface lie beyond the
    mesh, and do not count: a face mask has no forehead to compare. steps: of each fit, as many as `fit_scan` takes if
    None.
    """
    area = face_region(scan.vertices, landmarks[30], landmarks[[36, 45]], landmarks[27])
    rows = []
    for head in heads:
        start = time.perf_counter()
        prepared = prepare_head(head.mesh, head.landmarks)
        ready = time.perf_counter() - start
        model = prepared.model()
        start = time.perf_counter()
        fit = fit_scan(model, scan, landmarks=landmarks, steps=steps, progress=progress, device=device)
        rows.append(_row(head, prepared, (ready, time.perf_counter() - start), fit, scan.vertices[area]))
    return rows


def format_heads(rows: Sequence[NewHeadRow]) -> str:
    """The table as text in columns."""
    lines = [
        f"{'head':<16}{'V file':>8}{'V':>7}{'ready s':>9}{'flips':>7}{'overlap':>9}{'numbers':>9}{'file MB':>9}"
        f"{'mean mm':>9}{'95 % mm':>9}{'covered':>9}{'fit s':>7}  chart"
    ]
    lines += [
        f"{row.name:<16}{row.file_vertices:>8}{row.vertices:>7}{row.preparation:>9.2f}{row.flipped:>7}"
        f"{row.overlapping:>9}{row.parameters:>9}{row.bytes / 1e6:>9.2f}{row.mean:>9.3f}{row.p95:>9.3f}"
        f"{row.covered:>9.0%}{row.seconds:>7.1f}  {row.chart}"
        for row in rows
    ]
    return "\n".join(lines)


def read_heads(file: Path) -> list[NewHeadRow]:
    """The rows of a file that `asm-teach heads -o` wrote. Raises ValueError where a field is of another type."""
    return [checked(NewHeadRow(**row)) for row in json.loads(file.read_text("utf-8"))["heads"]]


def _row(head: NewHead, prepared: PreparedHead, seconds: tuple[float, float], fit: Fit, points: Tensor) -> NewHeadRow:
    skin = Skin(to_array(fit.vertices), prepared.mesh.faces.numpy())
    on = skin.put(to_array(points))
    reached = ~skin.on_rim(on)
    figures = summarise(torch.from_numpy(on.distance[reached]))
    return NewHeadRow(
        name=head.name,
        file_vertices=len(head.mesh.vertices),
        vertices=len(prepared.mesh.vertices),
        chart=prepared.chart,
        flipped=len(prepared.report.flipped),
        overlapping=len(prepared.report.overlapping),
        asymmetry=prepared.asymmetry,
        preparation=seconds[0],
        parameters=free_numbers(fit.model),
        bytes=file_size(fit.model),
        mean=figures["mean"],
        p95=figures["p95"],
        covered=float(reached.mean()),
        seconds=seconds[1],
    )


def _handful(points: Tensor) -> Marks:
    return {number: points[number].tolist() for number in HANDFUL.values()}
