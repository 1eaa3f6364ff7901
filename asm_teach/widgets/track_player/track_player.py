"""A head that performs in a notebook: the same page as `asm-teach avatar --page` writes, in a frame."""

from __future__ import annotations

import html
import os
from collections.abc import Sequence
from pathlib import Path

import ipywidgets
from torch import Tensor

from asm_teach.avatar.expressions import Expressions, expression_shapes
from asm_teach.avatar.performer import Performer
from asm_teach.avatar.track import Track
from asm_teach.drawing.plots import NotebookFigure, new_figure, render_mesh
from asm_teach.drawing.still import look
from asm_teach.fitting.result import Fit
from asm_teach.model.adaptive import SkinnedModel
from asm_teach.widgets.base.pages import save_page, skin_of
from asm_teach.widgets.base.shown import Shown
from asm_teach.widgets.track_player.page import write_page

_FRAME = (
    '<iframe title="Track player: a head that performs" srcdoc="{page}" '
    'style="width: 100%; height: {height}px; border: 0; border-radius: 12px"></iframe>'
)
_STILLS = 4  # moments of a take that the still picture shows


class TrackPlayer(Shown, ipywidgets.HTML):
    """Play a recorded face on a head: play, pause, go to any time, change the speed, or move the shapes by hand.

    The page in the frame has the 51 shapes and the take in it and needs no kernel, so it plays as smoothly as the
    browser draws, also on a page of the site. Space plays and pauses; comma and full stop go by one frame, < and >
    change the speed.

    Args:
        model: an adaptive or a static model, or a fit, whose model is taken. The expressions of a mesh that is none of
            the embedded heads take half a minute.
        track: what `asm.read_track` read, or a spoken sentence, whose sound is played too; without one there are the
            sliders alone.
        height: of the frame, in pixels.

    Raises:
        ValueError: a mesh without landmarks that is no embedded head.
    """

    def __init__(self, model: SkinnedModel | Fit, track: Track | None = None, *, height: int = 640) -> None:
        self.model = model.model if isinstance(model, Fit) else model
        shapes = expression_shapes(self.model)
        self.track, self.performer = track, Performer.of(self.model, shapes)
        self.page = self._written(shapes)
        super().__init__(_FRAME.format(page=html.escape(self.page), height=int(height)))

    def _written(self, shapes: Expressions) -> str:
        """The page."""
        return write_page(self.model, self.track, shapes)

    def vertices(self, time: float = 0.0) -> Tensor:
        """(V, 3) mm, float64: what the page shows at a time of the track; without a track the face at rest."""
        return self.performer.vertices if self.track is None else self.performer.at(self.track, time)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the page as a file that opens in any browser, without this notebook."""
        save_page(self.page, Path(path))

    @property
    def text(self) -> str:
        """What the page shows, in words."""
        shown = f"a head of {len(self.performer.vertices)} vertices with {len(self.performer.names)} named shapes"
        if self.track is None:
            return f"{shown}, at rest"
        what = "a recorded face" if self.track.sound is None else "a spoken sentence"
        return f"{shown}; {what}, {self.track.seconds:.1f} s in {len(self.track.times)} frames"

    def picture(self, times: Sequence[float] | None = None, *, width: int = 240) -> NotebookFigure:
        """The face at some times of the track as a matplotlib figure, which has `savefig` and `png`.

        Args:
            times: seconds; by default four that are spread over the track.
            width: of the picture of each time, in pixels.
        """
        if times is None:
            seconds = 0.0 if self.track is None else self.track.seconds
            times = [seconds * k / _STILLS for k in range(_STILLS if seconds else 1)]
        size = (width, round(1.15 * width))
        figure, axes = new_figure(len(times), size)
        mesh = self.model.mesh.to("cpu")
        eye = look(self.performer.vertices.float(), "front", size)  # one for all, so that a turned head is seen to turn
        for ax, time in zip(axes[0], times, strict=True):
            render_mesh(
                ax, self.vertices(time).float(), mesh.faces, texture=skin_of(mesh), uv=mesh.uv, uv_faces=mesh.uv_faces,
                size=size, eye=eye,
            )  # fmt: skip
            if self.track is not None:
                ax.set_title(f"{time:.1f} s", fontsize=8)
        return figure

    def still(self) -> bytes:
        """The face at four times, for a page without a kernel."""
        return self.picture().png()
