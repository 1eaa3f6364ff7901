"""Keys pressed in a widget, kept from the notebook around it."""

from __future__ import annotations

from functools import cache

import anywidget

# Notebook 7 looks at every key before the page does (JupyterLab after it), and takes the arrow keys of a slider for its
# own in command mode. Both pass over an element with this attribute. The handle of a slider is what takes the focus,
# and ipywidgets writes its description beside it without telling a screen reader whose it is.
_KEYS = """
const name = (handle) => {
  const label = handle.closest(".widget-inline-hbox")?.querySelector(".widget-label");
  if (label && !handle.hasAttribute("aria-label")) handle.setAttribute("aria-label", label.textContent.trim());
};
const keep = (event) => {
  const widget = event.target.closest?.(".jupyter-widgets");
  if (!widget) return;
  event.target.setAttribute("data-lm-suppress-shortcuts", "true");
  if (event.target.getAttribute("role") === "slider") name(event.target);
};
export default { render() {
  if (!window.asmKeysKept) document.addEventListener("focusin", keep, true);
  window.asmKeysKept = true;
  // of the sliders around this view, which are put on the page together with it
  setTimeout(() => document.querySelectorAll(".jupyter-widgets [role=slider]").forEach(name), 500);
} };
"""


class Keys(anywidget.AnyWidget):
    """Shows nothing: from then on the keys pressed in any widget of the page stay there."""

    _esm = _KEYS

    def close(self) -> None:
        """Do nothing: it serves every view of the page, those to come as well."""


@cache
def keys() -> Keys:
    """The one of this kernel. A view that was closed at once would take one of its own away while the page loads it."""
    return Keys()
