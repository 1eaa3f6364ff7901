"""Identity and expression shapes of the head, taken from the MakeHuman targets."""

from __future__ import annotations

import numpy as np
from makehuman import Assets

FOLDERS = ("cheek", "chin", "ears", "eyebrows", "eyes", "forehead", "head", "mouth", "neck", "nose")
PEOPLE = ("african", "asian", "caucasian")
SEXES = ("female", "male")
AGES = ("young", "old")


def macro_identities(assets: Assets, count: int) -> dict[str, np.ndarray]:
    """Twelve grown-up people (three ancestries, two sexes, two ages) as whole-body offsets (count, 3) mm."""
    shapes = {}
    for sex in SEXES:
        for age in AGES:
            body = assets.target(assets.macro(f"universal-{sex}-{age}-averagemuscle-averageweight"), count)
            for people in PEOPLE:
                name = f"{people}-{sex}-{age}"
                shapes[name] = body + assets.target(assets.macro(name), count)
    return shapes


def settle(offsets: np.ndarray, skin: np.ndarray) -> np.ndarray:
    """Offsets with the mean motion of the head's skin taken out: a taller person's head stays where it was."""
    return offsets - offsets[skin].mean(0)


def pack(prefix: str, shapes: dict[str, np.ndarray], source: np.ndarray) -> dict[str, np.ndarray]:
    """Shapes that move the head, as sparse rows in hundredths of a millimetre (the targets carry tenths)."""
    names, start, rows, values = [], [0], [], []
    for name, offsets in shapes.items():
        local = np.round(offsets[source] * 100).astype(np.int64)
        moved = np.flatnonzero(np.abs(local).max(1) > 5)
        if len(moved) and np.abs(local).max() > 30:
            assert np.abs(local).max() < 2**15, name
            names.append(name)
            rows.append(moved.astype(np.uint16))
            values.append(local[moved].astype(np.int16))
            start.append(start[-1] + len(moved))
    # Column-major: the x offsets of all shapes, then y, then z compress better than triples.
    return {
        f"{prefix}_names": np.array(names),
        f"{prefix}_start": np.array(start, np.int32),
        f"{prefix}_rows": np.concatenate(rows),
        f"{prefix}_values": np.concatenate(values).T.copy(),
    }
