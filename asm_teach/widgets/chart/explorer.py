"""What the explorers of lessons 2 and 3 share: a chart beside the face, a bone that is chosen, words, and a picture."""

from __future__ import annotations

from collections.abc import Mapping
from io import BytesIO
from pathlib import Path

import ipywidgets
import numpy as np
from PIL import Image

from asm_teach.drawing import plots
from asm_teach.model.adaptive import AdaptiveSkinningModel
from asm_teach.widgets.base import colours
from asm_teach.widgets.base.shown import Shown, bone_chooser, read_out
from asm_teach.widgets.chart.chart import ChartView, Item, not_finite, require_adaptive
from asm_teach.widgets.viewer import live
from asm_teach.widgets.viewer.viewer import Viewer

_WORDS = 250  # pixels: of the words beside chart and view
STYLE = f"<style>{Path(__file__).with_name('explorer.css').read_text('utf-8')}</style>"


class Explorer(Shown, ipywidgets.VBox):
    """A `chart` and a `viewer` of the same `model`, and words that say what both show of the bone in `chooser`.

    A subclass says what a person's move does (`_edited`) and draws the model as it is now (`_read`). Chart, view and
    words stand in a row `width` pixels wide, so that with the controls below all fits on the screen of a laptop.
    """

    def __init__(self, model: AdaptiveSkinningModel, bone: int | str, width: int, most: int) -> None:
        self.model = require_adaptive(model, type(self).__name__)
        self.names = tuple(model.rig.names)
        self.chooser = bone_chooser(self.names, model.rig.index(bone))
        self._closed, self._trouble, self._words = False, "", ""
        side = min(most, max(280, (int(width) - _WORDS - 32) // 2))
        self.chart = ChartView(model.chart, size=side, on_edit=self._edited)
        self.viewer = Viewer(model.mesh, width=side, height=side, bone_names=self.names)
        self.viewer.layout.width = f"{side}px"
        self.viewer.add_class("asm-compact")
        self._style = ipywidgets.HTML(STYLE, layout={"display": "none"})
        self._status = ipywidgets.HTML().add_class("asm-status")
        self.chooser.observe(lambda _: None if self._closed else self.update(), "value")
        self.chart.observe(lambda change: setattr(self.chooser, "value", change["new"]), "chosen")
        super().__init__()
        self.add_class("asm-explorer")

    @property
    def bone(self) -> int:
        """Index of the bone that is explored."""
        return self.chooser.value

    def select_bone(self, bone: int | str) -> None:
        """Explore another bone.

        Raises:
            ValueError: a bone that is not there, or an explorer that was closed.
        """
        self._require_open()
        self.chooser.value = self.model.rig.index(bone)

    def update(self) -> None:
        """Read the model anew: call it after changing the model elsewhere.

        Parameters that are not finite are told in words, and the last good picture stays.

        Raises:
            ValueError: an explorer that was closed.
        """
        self._require_open()
        bad = not_finite(self.model)
        self._trouble = f"{bad}: the picture shows the last valid state." if bad else ""
        if bad:
            self._status.value = read_out(self._trouble, trouble=True)
        else:
            self._read()

    @property
    def text(self) -> str:
        """What is shown, in words."""
        return " ".join(filter(None, [self._trouble, self._words]))

    def still(self) -> bytes:
        """Chart and face, side by side, for a page without a kernel."""
        figure, axes = plots.new_figure(1, (440, 440))
        self.chart.draw(axes[0, 0])
        pictures = [Image.open(BytesIO(one.png())).convert("RGB") for one in (figure, self.viewer.picture())]
        size = (sum(one.width for one in pictures), max(one.height for one in pictures))
        both = Image.new("RGB", size, pictures[1].getpixel((0, 0)))
        both.paste(pictures[0], (0, 0))
        both.paste(pictures[1], (pictures[0].width, 0))
        return colours.png(np.asarray(both))

    def close(self) -> None:
        """Take the explorer off the page and free what it holds in the browser."""
        self._closed = True
        super().close()
        live.close_tree(list(self.children))

    def _edited(self, items: Mapping[str, Item]) -> None:
        """Put the chart's items that were moved into the model."""
        raise NotImplementedError

    def _read(self) -> None:
        """Draw the model as it is now."""
        raise NotImplementedError

    def _require_open(self) -> None:
        if self._closed:
            raise ValueError("this explorer was closed: run its cell again to make a new one")
