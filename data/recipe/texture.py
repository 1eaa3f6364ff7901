"""Paint the head's skin texture, `skin.jpg`: our own work, from the geometry alone, released as CC0.

    python data/recipe/texture.py

paints it again from `makehuman.npz`; `build.py` does the same together with all else.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from geometry import PARTS
from PIL import Image
from scipy.ndimage import distance_transform_edt, gaussian_filter, map_coordinates
from scipy.spatial import cKDTree
from scipy.special import expit

SKIN, LIPS, BROW = np.array([0.80, 0.585, 0.475]), np.array([0.69, 0.37, 0.34]), np.array([0.25, 0.165, 0.115])
BLUSH, BLUE = np.array([0.035, -0.045, -0.04]), np.array([-0.03, -0.02, 0.012])


def texels(uv: np.ndarray, faces: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Triangle under every texel centre (size, size), -1 outside the chart, and barycentric coordinates."""
    index, weights = np.full((size, size), -1), np.zeros((size, size, 3))
    for k, corners in enumerate(uv[faces]):
        low = np.clip(np.floor(corners.min(0) * size).astype(int), 0, size - 1)
        high = np.clip(np.ceil(corners.max(0) * size).astype(int), 0, size)
        x, y = np.meshgrid((np.arange(low[0], high[0]) + 0.5) / size, (np.arange(low[1], high[1]) + 0.5) / size)
        basis = np.stack([corners[1] - corners[0], corners[2] - corners[0]], -1)
        st = (np.stack([x, y], -1) - corners[0]) @ np.linalg.inv(basis).T
        beta = np.concatenate([1 - st.sum(-1, keepdims=True), st], -1)
        inside = (beta >= -1e-9).all(-1)
        rows, columns = np.nonzero(inside)
        row = size - 1 - (rows + low[1])  # row 0 of the picture is v = 1
        index[row, columns + low[0]] = k
        weights[row, columns + low[0]] = beta[inside]
    return index, weights


def paint(vertices: np.ndarray, uv: np.ndarray, faces: np.ndarray, part: np.ndarray, size: int = 512) -> np.ndarray:
    """(size, size, 3) in [0, 1]."""
    rng = np.random.default_rng(7)
    index, beta = texels(uv, faces, size)
    covered = index >= 0
    point = np.einsum("...c,...cd->...d", beta, vertices[faces[index]])
    where = np.where(covered, part[index], -1)
    eyes = np.stack([vertices[np.unique(faces[part == 2])]] * 2)
    centre = np.stack([eyes[k][eyes[k][:, 0] * s > 0].mean(0) for k, s in enumerate((1, -1))])  # left, right
    skin = np.isin(where, (0, 1))
    tip = vertices[np.argmax(vertices[:, 2])]

    image = np.broadcast_to(SKIN, (size, size, 3)).copy()
    for grain, strength in ((0.8, 0.014), (2.5, 0.012), (11.0, 0.012)):
        # of the place on the head, not on the chart: what is even here is drawn out to grain where the chart is narrow
        noise = _noise(point / grain, rng)
        image += (strength * noise)[..., None] * [1.0, 0.95, 0.9]
    cheeks = [centre[k] + [s * 14, -38, 0] for k, s in enumerate((1, -1))]
    ears = [np.array([s * 78, centre[0][1] - 12, tip[2] - 105]) for s in (1, -1)]
    for spot, radius, amount in [(c, 17, 1.0) for c in cheeks] + [(tip, 13, 1.1)] + [(e, 22, 1.0) for e in ears]:
        image += (amount * np.exp(-((point - spot) ** 2).sum(-1) / (2 * radius**2)))[..., None] * BLUSH
    for c in centre:  # the thin skin below the eyes
        image += 1.3 * np.exp(-((point - c - [0, -14, 12]) ** 2 / [120, 40, 200]).sum(-1))[..., None] * BLUE
    moles = point[skin & (where == 0)][rng.integers(0, (where == 0).sum(), 24)]
    distance, nearest = cKDTree(moles).query(point)
    image *= (1 - np.exp(-((distance / rng.uniform(0.5, 1.1, 24)[nearest]) ** 2)) * 0.20)[..., None]

    lips = _lips(where, size)
    image = _mix(image, LIPS + 0.03 * gaussian_filter(rng.normal(size=(size, size)), (3, 0.7))[..., None], lips * skin)
    image = _mix(image, BROW, _brows(point, centre, rng) * (where == 0))
    image = np.where(np.isin(where, (4, 5))[..., None], [0.45, 0.20, 0.19], image)
    image = np.where((where == 3)[..., None], [0.70, 0.65, 0.57], image)
    image = np.where((where == 2)[..., None], _eyes(point, centre), image)
    return np.clip(_bleed(image, covered), 0, 1)


def _mix(image: np.ndarray, colour: np.ndarray, amount: np.ndarray) -> np.ndarray:
    return image + np.clip(amount, 0, 1)[..., None] * (colour - image)


def _lips(where: np.ndarray, size: int) -> np.ndarray:
    """Vermilion: a band of the chart round the mouth's interior, tapering to the corners."""
    mouth = where == PARTS.index("mouth_interior")
    rows, columns = np.nonzero(mouth)
    reach = distance_transform_edt(~mouth) / size
    across = (np.arange(size) - columns.mean()) / (columns.max() - columns.min()) * 2
    width = 0.021 * np.sqrt(np.clip(1 - (across / 1.08) ** 2, 0, 1))
    return expit((width[None] - reach) / 0.0025) * (width[None] > 0.002)


def _noise(point: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A smooth random function of space, of mean 0 and variance 1, that changes over about a unit; points (..., 3)."""
    grid = rng.normal(size=(48, 48, 48))
    noise = map_coordinates(grid, np.moveaxis(point, -1, 0), order=1, mode="grid-wrap")
    return noise / noise.std()


def _brows(point: np.ndarray, centre: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """How much of a brow's hair covers each place: from the nose outwards to where the brow bone ends."""
    amount = np.zeros(point.shape[:-1])
    for c, side in zip(centre, (1, -1), strict=True):
        along, up = (point[..., 0] - c[0]) * side, point[..., 1] - c[1]  # from the nose outwards
        arch = 23.2 - 0.0075 * (along - 3) ** 2 - 0.05 * np.maximum(along - 17, 0) ** 2
        thick = np.interp(along, [-19, -10, 6, 24], [2.9, 3.5, 2.7, 1.0])
        ends = expit((along + 17.5) / 1.1) * expit((23.5 - along) / 1.4) * (point[..., 2] > c[2] - 20)
        # hair leans outwards, the more the further out, and is longer than it is thick
        lean = np.interp(along, [-18, 20], [0.25, 1.1])
        hair = _noise(np.stack([(along - lean * up) / 0.42, up / 3.2, np.zeros_like(up)], -1), rng)
        amount += ends * np.exp(-(np.abs((up - arch) / thick) ** 3)) * (0.72 + 0.28 * np.tanh(1.6 * hair))
    return 0.88 * amount


def _eyes(point: np.ndarray, centre: np.ndarray) -> np.ndarray:
    eye = np.where(point[..., :1] > 0, centre[0], centre[1])
    radial = np.linalg.norm((point - eye)[..., :2], axis=-1) + 50 * (point[..., 2] < eye[..., 2])
    image = np.broadcast_to([0.93, 0.91, 0.89], point.shape).copy()
    iris = expit((5.9 - radial) / 0.25)
    image = _mix(image, np.array([0.27, 0.36, 0.33]), iris)
    image = _mix(image, np.array([0.13, 0.17, 0.16]), iris * np.exp(-(((radial - 5.7) / 0.6) ** 2)))
    return _mix(image, np.array([0.03, 0.03, 0.03]), expit((2.3 - radial) / 0.2))


def _bleed(image: np.ndarray, covered: np.ndarray) -> np.ndarray:
    """Colour of the nearest covered texel where there is none, so that borders do not darken."""
    row, column = distance_transform_edt(~covered, return_distances=False, return_indices=True)
    return image[row, column]


def write(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """Paint the head of `makehuman.npz` and save the picture."""
    vertices, uv = arrays["vertices"].astype(float), arrays["uv"].astype(float)
    picture = paint(vertices, uv, arrays["faces"].astype(int), arrays["part_of_face"], 1024)
    Image.fromarray((picture * 255).round().astype(np.uint8)).save(path, quality=82)


if __name__ == "__main__":
    data = Path(__file__).parents[1]
    write(data / "skin.jpg", dict(np.load(data / "makehuman.npz")))
