"""The page of the finished model inside a notebook: the same file as `asm-teach playground` writes, in a frame."""

from __future__ import annotations

import copy
import html
import os
from pathlib import Path
from typing import cast

import ipywidgets

from asm_teach.drawing.plots import new_figure, render_mesh
from asm_teach.model.adaptive import AdaptiveSkinningModel, SkinnedModel
from asm_teach.widgets.base.pages import save_page
from asm_teach.widgets.base.pose import parameters, read_pose, set_parameters
from asm_teach.widgets.base.shown import Shown
from asm_teach.widgets.playground.page import write_page

_FRAME = (
    '<iframe title="Playground: the adaptive model" srcdoc="{page}" '
    'style="width: 100%; height: {height}px; border: 0; border-radius: 12px" allow="clipboard-write"></iframe>'
)


class Playground(Shown, ipywidgets.HTML):
    """Sliders, other people and expressions for the whole model, evaluated in the browser alone.

    The kernel is needed once, to write the page (some ten seconds); after that nothing passes between the two. To get a
    face back, copy its pose in the page and give the text to `model_of`.

    Args:
        model: an adaptive model, by default the embedded head at rest. A fitted one keeps its face: what the page
            changes is added to it.
        height: of the frame, in pixels.

    Raises:
        ValueError: a static model, or one that is too large for the page.
    """

    def __init__(self, model: SkinnedModel | None = None, *, height: int = 820) -> None:
        if model is None:
            from asm_teach.data.heads import load_head
            from asm_teach.widgets.playground.people import new_model

            model = new_model(load_head())
        self.page = write_page(model)
        self.model = cast(AdaptiveSkinningModel, model)  # or `write_page` would have refused it
        super().__init__(_FRAME.format(page=html.escape(self.page), height=int(height)))

    def model_of(self, text: str) -> AdaptiveSkinningModel:
        """A model in the pose that the page's JSON tells. Raises ValueError for text that is no pose of this rig."""
        model = copy.deepcopy(self.model)
        set_parameters(model, read_pose(text, model.rig.names, parameters(model)))
        return model

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the page as a file that opens in any browser, without this notebook."""
        save_page(self.page, Path(path))

    @property
    def text(self) -> str:
        """What the page shows, in words."""
        return f"a playground: {len(self.model.mesh.vertices)} vertices, {len(self.model.rig)} bones"

    def still(self) -> bytes:
        """The head from two sides, for a page without a kernel."""
        figure, axes = new_figure(2, (360, 400))
        mesh, vertices = self.model.mesh, self.model().detach()
        for ax, view in zip(axes[0], ("front", "three-quarter"), strict=True):
            render_mesh(ax, vertices, mesh.faces, view=view, texture=mesh.texture, uv=mesh.uv, uv_faces=mesh.uv_faces)
        return figure.png()
