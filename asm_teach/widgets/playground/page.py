"""The playground: an adaptive model as one HTML file that needs no kernel and no network.

What runs in the page lies beside this file: `bones.js` keeps the parameters, `mesh.js` what follows from the triangles,
`weights.js` evaluates eq. (2), `programs.js` has eqs. (1) and (3) for the graphics card, `face.js` runs them and
`surface.js` draws. `view.js` keeps the camera and `hands.js` turns it; `words.js` says what is shown, `history.js`
undoes it, `inputs.js` and `controls.js` have the sliders, `share.js` saves pictures and makes links, and `page.js`
joins all. Here they meet a model's numbers.
"""

from __future__ import annotations

from typing import Any

from asm_teach.data.heads import load_head
from asm_teach.data.skin_tones import TONES, tint
from asm_teach.model.adaptive import AdaptiveSkinningModel, SkinnedModel
from asm_teach.widgets.base.pages import one_file, pack, surface_data
from asm_teach.widgets.base.pose import parameters
from asm_teach.widgets.playground.people import EXPRESSIONS, new_model, solve_shapes
from asm_teach.widgets.playground.sliders import ROOM, sliders_for

NAME = "playground.html"  # of the file, where the user gives none
BLOCK = 1024  # four-vectors: the 16 kB that a uniform buffer has on every device
SCRIPTS = tuple(
    f"playground/{name}.js"
    for name in (
        "mesh", "surface", "bones", "weights", "programs", "face", "view", "inputs", "hands", "words", "history",
        "controls", "share", "page",
    )
)  # fmt: skip


def write_page(model: SkinnedModel | None = None) -> str:
    """The page as a text: HTML with all that it needs in it, about 500 kB for the embedded head.

    Takes five to ten seconds, in which the motions of other people and of expressions are solved for.

    Args:
        model: an adaptive model, by default the embedded head at rest.

    Raises:
        ValueError: a model that the page cannot show: a static one, or one with too many bones or vertices.
    """
    if model is None:
        model = new_model(load_head())
    if not isinstance(model, AdaptiveSkinningModel):
        raise ValueError(f"model: the page shows an adaptive model, found a {type(model).__name__}")
    if 6 * len(model.rig) > BLOCK:
        raise ValueError(
            f"model: {len(model.rig)} bones do not fit into the 16 kB of a uniform buffer; "
            f"there is room for {BLOCK // 6}, so merge some"
        )
    if len(model.vertices) > 65535:
        raise ValueError(f"model: {len(model.vertices)} vertices; the page has room for 65,535")
    return one_file("playground/page.html", ["playground/page.css"], SCRIPTS, page_data(model), NAME)


def page_data(model: AdaptiveSkinningModel) -> dict[str, Any]:
    """All numbers of the page, the long ones in base64: vertices and chart, parameters, people, colours, lights."""
    mean, directions, expressions = solve_shapes(model)
    surface = surface_data(model.mesh, model.uv)
    return {
        "bones": list(model.rig.names),
        "parents": model.rig.parents.tolist(),
        "images": model.rig.mirror_images(),
        "components": model.components,
        "vertices": pack(model.vertices),
        "start": {name: pack(values) for name, values in parameters(model).items()},
        "sliders": sliders_for(model),
        "room": ROOM,
        "people": {"mean": pack(mean), "directions": pack(directions), "count": len(directions)},
        "expressions": [
            {"label": label, "motion": pack(motion)} for label, motion in zip(EXPRESSIONS, expressions, strict=False)
        ],
        "tone": list(TONES[0]),
        "tints": [tint(tone) for tone in range(len(TONES))] if surface["skin"] else [],
        **surface,
    }
