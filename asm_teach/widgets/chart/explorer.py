"""What the explorers of lessons 2 and 3 share: a chart beside the face, an end, and a picture where no widget shows."""

from __future__ import annotations

import ipywidgets

from asm_teach.model.adaptive import AdaptiveSkinningModel
from asm_teach.widgets.base.shown import Shown
from asm_teach.widgets.chart.chart import ChartView
from asm_teach.widgets.chart.style import side_by_side
from asm_teach.widgets.viewer import live
from asm_teach.widgets.viewer.viewer import Viewer


class Explorer(Shown, ipywidgets.VBox):
    """A `chart` and a `viewer` of the same `model`, and a `text` that says what both show."""

    model: AdaptiveSkinningModel
    chart: ChartView
    viewer: Viewer
    _closed = False

    def close(self) -> None:
        """Take the explorer off the page and free what it holds in the browser."""
        self._closed = True
        super().close()
        live.close_tree(list(self.children))

    def _require_open(self) -> None:
        if self._closed:
            raise ValueError("this explorer was closed: run its cell again to make a new one")

    def still(self) -> bytes:
        """Chart and face, for a page without a kernel."""
        return side_by_side(self.chart, self.viewer)
