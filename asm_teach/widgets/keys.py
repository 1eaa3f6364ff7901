"""Keys pressed in a widget, kept from the notebook around it."""

from __future__ import annotations

from functools import cache

import anywidget

# Notebook 7 looks at every key before the page does (JupyterLab after it), and takes the arrow keys of a slider for its
# own in command mode. Both pass over an element with this attribute.
_KEYS = """
const keep = (event) => {
  if (event.target.closest?.(".jupyter-widgets")) event.target.setAttribute("data-lm-suppress-shortcuts", "true");
};
export default { render() {
  if (!window.asmKeysKept) document.addEventListener("focusin", keep);
  window.asmKeysKept = true;
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
