"""Slips with crops of faces and what a network needs in them: the frame of a crop, and what a covered square takes."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

Table = dict[str, object]


def frames(z: Tensor, w: Tensor) -> tuple[tuple[object, Table], tuple[object, Table]]:
    """The similarity a z + b nearest to w, both numbers as pairs of plain ones, each with its table of mistakes."""
    x, y = z - z.mean(), w - w.mean()
    size = x.abs().square().sum()
    a = (x.conj() * y).sum() / size
    b = w.mean() - a * z.mean()
    turned = {
        "conj is missing: the sum is that of conj(z) w": (x * y).sum() / size,
        "conj stands at w: it belongs to z, and so this turns the other way": (x * y.conj()).sum() / size,
        "the means were not subtracted first: 500 pixels of place would count as size": (
            (z.conj() * w).sum() / z.abs().square().sum()
        ),
        "this takes the square to the picture: sum |z|^2 belongs below, and conj(z) above": (
            (y.conj() * x).sum() / y.abs().square().sum()
        ),
        "only the size is left; a complex number turns too": a.abs() + 0j,
        "the sum over |z|^2 is missing below": (x.conj() * y).sum(),
        "the root of sum |z|^2 stands below: divide by the sum itself": (x.conj() * y).sum() / size.sqrt(),
    }
    shifted = {
        "a moves the mean of z too: b = mean(w) - a mean(z)": w.mean() - z.mean(),
        "this is the mean of w; a z has a mean of its own": w.mean(),
        "the sign: b = mean(w) - a mean(z)": a * z.mean() - w.mean(),
        "plus for minus: b = mean(w) - a mean(z)": w.mean() + a * z.mean(),
    }
    return (plain(a), _plains(turned)), (plain(b), _plains(shifted))


def plain(x: object) -> object:
    """Complex numbers as pairs of plain ones, so that they can be compared."""
    if isinstance(x, complex):
        x = torch.tensor(x, dtype=torch.complex128)
    return torch.view_as_real(x.to(torch.complex128).resolve_conj()) if isinstance(x, Tensor) and x.is_complex() else x


def _plains(wrong: dict[str, Tensor]) -> dict[str, object]:
    return {words: plain(value) for words, value in wrong.items()}


def occlusions(score: Callable[[Tensor], Tensor], crop: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
    """The occlusion map (3, 3) of a crop (12, 12), and its table of mistakes."""

    def by(value: Tensor, again: bool = True, sign: float = 1.0) -> Tensor:
        covered, found = crop.clone(), torch.zeros(3, 3, dtype=torch.float64)
        for r in range(3):
            for c in range(3):
                covered = crop.clone() if again else covered
                covered[4 * r : 4 * r + 4, 4 * c : 4 * c + 4] = value
                found[r, c] = sign * (score(crop) - score(covered))
        return found

    right = by(crop.mean())
    wrong = {
        "the sign: what is lost is the score of the whole crop less that of the covered one": by(crop.mean(), sign=-1),
        "the squares stay covered: begin each time with the crop as it was": by(crop.mean(), again=False),
        "the square was made black, which can look like an open mouth: use the mean of the crop": by(
            crop.new_zeros(())
        ),
        "the square was made white: use the mean of the crop": by(crop.new_ones(())),
        "these are the scores of the covered crops: subtract them from that of the whole crop": score(crop) - right,
        "rows and columns are exchanged: map[r, c] belongs to row r": right.T,
        "each square was filled with its own mean, which hides only its details: use the mean of the crop": torch.stack(
            [torch.stack([_own_mean(score, crop, r, c) for c in range(3)]) for r in range(3)]
        ),
    }
    return right, wrong


def _own_mean(score: Callable[[Tensor], Tensor], crop: Tensor, r: int, c: int) -> Tensor:
    covered = crop.clone()
    covered[4 * r : 4 * r + 4, 4 * c : 4 * c + 4] = covered[4 * r : 4 * r + 4, 4 * c : 4 * c + 4].mean()
    return score(crop) - score(covered)
