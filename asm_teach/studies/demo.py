"""The main job, end to end: a person in photographs with unknown cameras becomes a head, measured in millimetres.

Two cases. An embedded person, whose shape is known because it was sampled, in five pictures; and `james`, a real man in
two photographs, measured against his scan. Neither the cameras nor the scan is shown to the fit.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from scipy.spatial import cKDTree
from torch import Tensor

from asm_teach.base.arrays import load_npz
from asm_teach.data.assets import AssetUnavailable, data_dir
from asm_teach.data.heads import Head, load_head
from asm_teach.data.scans import load_scan
from asm_teach.fitting.descent import Fit
from asm_teach.geometry.mesh import Mesh, face_normals
from asm_teach.geometry.metrics import ScanDistances, face_region, scan_distances, summarise
from asm_teach.model.adaptive import AdaptiveSkinningModel, SkinnedModel, StaticSkinningModel
from asm_teach.rendering.camera import Camera, look_at
from asm_teach.view_fit.fit import fit_views
from asm_teach.view_fit.view import View

REACH = 8.0  # mm: a vertex further than this from every measured point has no error to show


@dataclass(frozen=True, eq=False)
class Case:
    """Photographs of one person, and what the fit never sees: the true surface.

    views: the photographs with their landmarks. truth: the person's mesh or scan, mm. region: the vertices of `truth`
    on the face area. landmarks: (68, 3) on `truth`, from which the measurement is aligned. focal: the true focal length
    of each view in pixels, to compare with. licence: to be shown.
    """

    name: str
    about: str
    views: tuple[View, ...]
    truth: Mesh
    region: Tensor
    landmarks: Tensor
    focal: tuple[float, ...]
    licence: str


@dataclass(frozen=True, eq=False)
class Outcome:
    """One method on one case: its head (V, 3), the error at each point of the region, and its fit if there was one."""

    case: str
    method: str
    vertices: Tensor
    seen: ScanDistances
    fit: Fit | None = None

    @property
    def seconds(self) -> float:
        """That the fit took, watched or not."""
        return self.fit.seconds if self.fit else 0.0

    @property
    def figures(self) -> dict[str, float]:
        """Point-to-surface error in mm: mean, median, rmse, p95, and the number of points n."""
        return summarise(self.seen.distances)


def embedded_case(head: Head, seed: int = 0, views: int = 5, noise: float = 1.0) -> Case:
    """A sampled person, seen by cameras of various poses and lenses, landmarks `noise` px off."""
    truth = head.sample(seed)
    generator = np.random.default_rng([seed, views])
    on_face = torch.arange(468)
    embedding = head.dense_landmarks.subset(on_face)
    points = embedding.points(truth.vertices, truth.faces)
    normals = face_normals(truth.vertices, truth.faces[embedding.faces])
    taken = []
    cameras = list(unknown_cameras(generator, views, truth))
    for camera in cameras:
        jitter = torch.from_numpy(generator.normal(0, noise, points[:, :2].shape)).to(points)
        pixels = camera.project(points) + jitter
        hidden = (normals * (camera.centre() - points)).sum(1) <= 0
        taken.append(View(None, torch.where(hidden[:, None], torch.nan, pixels), size=camera.size))
    return Case(
        name=f"embedded person {seed}",
        about=f"{views} pictures, landmarks with {noise:g} px of noise",
        views=tuple(taken),
        truth=truth,
        region=truth.part_vertices("face"),
        landmarks=head.landmarks.points(truth.vertices, truth.faces),
        focal=tuple(float(camera.focal) for camera in cameras),
        licence=head.licence,
    )


def unknown_cameras(generator: np.random.Generator, count: int, face: Mesh, size: int = 768) -> Iterator[Camera]:
    """Cameras spread from the person's one side to the other, each with its own height, distance and lens."""
    target = face.vertices[face.part_vertices("face")].mean(0)
    for yaw in np.linspace(-0.8, 0.8, count) if count > 1 else [0.0]:
        yaw, pitch = yaw + generator.normal(0, 0.07), generator.normal(0, 0.14)
        distance = generator.uniform(450, 1200)
        focal = size * generator.uniform(0.9, 1.3) * distance / 320
        direction = [np.sin(yaw) * np.cos(pitch), np.sin(pitch), np.cos(yaw) * np.cos(pitch)]
        yield look_at(target + distance * torch.tensor(direction).to(target), target, float(focal), (size, size))


def james_case(progress: bool = True) -> Case:
    """The two photographs of `james` with MediaPipe's face-mesh points; his scan is only the measure.

    Raises AssetUnavailable when the files are neither here nor to be had.
    """
    scan = load_scan("james", progress=progress)
    found = load_npz(data_dir() / "facemesh478.npz")
    views = tuple(
        View(image, torch.from_numpy(found[f"james_view{n}.jpg"][:, :2])) for n, image in enumerate(scan.photographs)
    )
    assert scan.landmarks is not None  # load_scan always reads those of james
    ibug = scan.landmarks
    region = face_region(scan.mesh.vertices, ibug[30], ibug[[36, 45]], ibug[27])
    about = "two photographs of a real man, MediaPipe's face mesh"
    measured = json.loads((data_dir() / "james_cameras.json").read_text())
    focal = tuple(float(camera["K"][0][0]) for camera in measured)
    return Case("james", about, views, scan.mesh, region, ibug, focal, scan.licence)


def main_case(head: Head, say: Callable[[str], None] = print) -> Case:
    """`james` when his photographs are here or can be fetched, else an embedded person; says which, and why."""
    try:
        case = james_case()
    except AssetUnavailable as missing:
        case = embedded_case(head)
        say(f"The photographs of james are not here: {missing}")
    say(f"{case.name}: {case.about}. Licence: {case.licence}")
    return case


def measure(case: Case, head: Head, vertices: Tensor) -> ScanDistances:
    """Point-to-surface error over the face area after similarity alignment.

    The scale is aligned because uncalibrated pictures do not show it.
    """
    vertices = vertices.detach().to("cpu", torch.float32)
    pairs = (head.landmarks.points(vertices, head.mesh.faces), case.landmarks)
    return scan_distances(vertices, head.mesh.faces, case.truth, "similarity", case.region, pairs)


def error_on_head(case: Case, head: Head, outcome: Outcome) -> Tensor:
    """An outcome's errors carried over to the head's vertices, (V,) mm: that of the nearest measured point.

    NaN beyond the face area and on what no picture shows (eyes, teeth, interiors).
    """
    seen, errors = outcome.seen, torch.full((len(outcome.vertices),), torch.nan)
    face = head.mesh.part_vertices("face")
    gap, nearest = cKDTree(case.truth.vertices[seen.indices]).query(seen.vertices[face])
    near = torch.from_numpy(gap < REACH)
    errors[face[near]] = seen.distances.float()[torch.from_numpy(nearest)[near]]
    return errors


def methods(head: Head) -> dict[str, SkinnedModel | None]:
    """What is compared, so that each row adds one thing to the one before.

    The template as it is; bones and weights as artists made them; the 84 bones with the weights the adaptive model
    starts from, held as they are; the adaptive model.
    """
    adaptive = AdaptiveSkinningModel(head.mesh, head.rig, components=2)
    with torch.no_grad():
        held = StaticSkinningModel(head.mesh, head.rig, adaptive.weights())
    return {
        "mean template": None,
        "static, painted": StaticSkinningModel(head.mesh, head.hand_rig, head.hand_weights),
        "static, 84 bones": held,
        "adaptive": adaptive,
    }


def compare(
    case: Case, head: Head, device: str = "auto", progress: bool = True, fits: Mapping[str, Fit] | None = None
) -> list[Outcome]:
    """Fit every method to a case and measure it. `fits` are there already, by the method's name: not made again.

    Raises ValueError for a name in `fits` that is none of those methods that are fitted.
    """
    compared, fits, outcomes = methods(head), fits or {}, []
    fitted = [name for name, model in compared.items() if model]
    if unknown := set(fits) - set(fitted):
        raise ValueError(f"fits: found {', '.join(map(repr, sorted(unknown)))}; the methods that are fitted: {fitted}")
    for name, model in compared.items():
        fit = fits.get(name)
        if model and fit is None:
            fit = fit_views(model, case.views, device=device, progress=progress)
        vertices = fit.vertices.cpu() if fit else head.mesh.vertices
        outcomes.append(Outcome(case.name, name, vertices, measure(case, head, vertices), fit))
    return outcomes


def table(outcomes: list[Outcome]) -> str:
    """The outcomes as text, a row for each method on each case."""
    rows = [f"{'case':<20}{'method':<20}{'mean':>8}{'median':>8}{'RMSE':>8}{'seconds':>9}   (mm)"]
    for o in outcomes:
        f = o.figures
        rows.append(f"{o.case:<20}{o.method:<20}{f['mean']:8.3f}{f['median']:8.3f}{f['rmse']:8.3f}{o.seconds:9.1f}")
    return "\n".join(rows)


def run_demo(
    only: str | None = None,
    device: str = "auto",
    seed: int = 0,
    progress: bool = True,
    say: Callable[[str], None] = print,
) -> list[Outcome]:
    """The main job without a browser: (a) an embedded person, (b) james; prints one table.

    Raises ValueError when `only` is neither "a" nor "b".
    """
    if only not in (None, "a", "b"):
        raise ValueError(f"only: give 'a' (embedded person) or 'b' (james), found {only!r}")
    head = load_head()
    outcomes: list[Outcome] = []
    if only != "b":
        outcomes += compare(embedded_case(head, seed), head, device, progress)
    if only != "a":
        try:
            case = james_case(progress)
        except AssetUnavailable as missing:
            say(f"case (b) is left out: {missing}")
        else:
            outcomes += compare(case, head, device, progress)
            say(case.licence)
    say(table(outcomes))
    return outcomes
