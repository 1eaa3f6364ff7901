// What is wider than its box scrolls in it. So that the keyboard can scroll it too, Tab stops there; at what fits it does not.
const BOXES = { pre: "Code or output", "div.math": "Equation", ".table-wrapper": "Table", ".cell_output": "Output" };

function mark(box, name) {
  const scrolls = getComputedStyle(box).overflowX !== "visible" && box.scrollWidth > box.clientWidth;
  if (scrolls) {
    box.tabIndex = 0;
    box.setAttribute("role", "group");
    box.setAttribute("aria-label", `${name}, scrolls sideways`);
  } else if (box.tabIndex === 0) {
    for (const attribute of ["tabindex", "role", "aria-label"]) box.removeAttribute(attribute);
  }
}

addEventListener("DOMContentLoaded", () => {
  for (const [boxes, name] of Object.entries(BOXES)) {
    const watch = new ResizeObserver((seen) => {
      for (const { target } of seen) mark(target, name);
    });
    for (const box of document.querySelectorAll(boxes)) watch.observe(box);
  }
});
