// Notebook 7 looks at every key before the page does (JupyterLab after it), and takes the arrow keys of a slider for its
// own in command mode. Both pass over an element with this attribute. The handle of a slider is what takes the focus,
// and ipywidgets writes its description beside it without telling a screen reader whose it is.
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
export default {
  render() {
    if (!window.asmKeysKept) document.addEventListener("focusin", keep, true);
    window.asmKeysKept = true;
    // of the sliders around this view, which are put on the page together with it
    setTimeout(() => document.querySelectorAll(".jupyter-widgets [role=slider]").forEach(name), 500);
  },
};
