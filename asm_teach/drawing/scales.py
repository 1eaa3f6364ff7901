"""Scales of colours for numbers on a face, which begin at the clay of a bare head, so that its shape stays in sight.

Both grow steadily darker: they survive colour blindness and a grey print. matplotlib knows them by their names.
"""

from __future__ import annotations

import matplotlib
from matplotlib.colors import LinearSegmentedColormap, to_hex

from asm_teach.data.skin_tones import CLAY

WEIGHTS, ERROR = "asm_weights", "asm_error"
_STOPS = {
    WEIGHTS: ["#8fbccb", "#4f93bd", "#2166a4", "#173f7d", "#0d1d4a"],
    ERROR: ["#e0a062", "#d97842", "#c04545", "#842758", "#3c1147"],
}
for _name, _stops in _STOPS.items():
    matplotlib.colormaps.register(LinearSegmentedColormap.from_list(_name, [to_hex(CLAY), *_stops]), force=True)
