"""Keys pressed in a widget, kept from the notebook around it."""

from __future__ import annotations

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
