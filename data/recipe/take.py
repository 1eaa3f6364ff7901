"""Write `take.csv`: three seconds of a recorded face, which lesson 10 plays without a network.

    python data/recipe/take.py

Source: the take of the program LLV (`asm-teach data llv-capture`; BSD-2-Clause, `licences/LLV_BSD-2-Clause.md`). Kept
are every second frame, 30 a second, three decimals, and the channels that move.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from asm_teach.avatar.track import ANGLES, CHANNELS
from asm_teach.avatar.track_files import read_packets
from asm_teach.data.assets import asset_path

DATA = Path(__file__).parents[1]
EVERY, MOVES = 2, 0.02


def table() -> str:
    """The text of the table."""
    take = read_packets(asset_path("llv-capture", "dao.gesichter"), (*CHANNELS, *ANGLES))
    kept = {name: column[::EVERY] for name, column in take.values.items() if np.ptp(column) > MOVES}
    times = take.times[::EVERY] - take.times[0]
    lines = [",".join(["time", *kept])]
    for row, time in enumerate(times):
        numbers = (f"{column[row]:.3f}".rstrip("0").rstrip(".") for column in kept.values())
        lines.append(",".join([f"{time:.3f}", *numbers]))
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    (DATA / "take.csv").write_text(table(), encoding="utf-8")
