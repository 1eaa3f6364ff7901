// Notebook 7 looks at every key before the page does (JupyterLab after it), and takes the arrow keys of a slider for its
// own in command mode. Both pass over an element with this attribute. The handle of a slider is what takes the focus,
// and ipywidgets writes its description beside it without telling a screen reader whose it is; the number beside the
// slider would be a second tab stop, and takes a click all the same.
const name = (handle) => {
  const row = handle.closest(".widget-inline-hbox"),
    label = row?.querySelector(".widget-label");
  if (label && !handle.hasAttribute("aria-label")) handle.setAttribute("aria-label", label.textContent.trim());
  const number = row?.querySelector(".widget-readout");
  if (number) number.tabIndex = -1;
};
// The canvas of a 3D view takes the focus; its keys press the buttons of its view, some of which are not shown.
const TURNS = ["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", "+", "-", "Home"];
const open = (canvas) => {
  if (canvas.tabIndex === 0) return;
  canvas.tabIndex = 0;
  canvas.setAttribute("role", "application");
  canvas.setAttribute("aria-label", "3D view. Arrow keys turn it, plus and minus zoom, Home shows the front.");
};
const press = (event) => {
  const view = event.target.closest?.(".asm-stage canvas")?.closest(".asm-viewer"),
    key = event.key === "=" ? "+" : event.key;
  if (!view || !TURNS.includes(key) || event.ctrlKey || event.metaKey || event.altKey) return;
  view.querySelector(`.asm-key-${TURNS.indexOf(key)}`)?.click();
  event.preventDefault();
  event.stopPropagation();
};
const keep = (event) => {
  const widget = event.target.closest?.(".jupyter-widgets");
  if (!widget) return;
  event.target.setAttribute("data-lm-suppress-shortcuts", "true");
  if (event.target.getAttribute("role") === "slider") name(event.target);
};
export default {
  render() {
    if (!window.asmKeysKept) {
      document.addEventListener("focusin", keep, true);
      document.addEventListener("keydown", press, true);
    }
    window.asmKeysKept = true;
    // of the sliders and views around this one, which are put on the page together with it
    for (const wait of [500, 2000])
      setTimeout(() => {
        document.querySelectorAll(".jupyter-widgets [role=slider]").forEach(name);
        document.querySelectorAll(".asm-stage canvas").forEach(open);
      }, wait);
  },
};
