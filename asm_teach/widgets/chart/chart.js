// The face chart: triangles in colour, and on them ellipses and points that a pointer or the keyboard can move.
//
// The kernel owns the state. What a person drags is drawn at once from `local` and sent as the trait `edit`, once a
// frame; ipywidgets keeps one message under way and merges the later ones, and an edit carries every item still
// unanswered, so the last value always arrives. The kernel answers with `done`, the number of the edit it has applied.

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };

class Chart extends Picture {
  constructor(model, root) {
    super(model, root);
    this.sent = model.get("done");
    this.frame = 0;
    this.svg.addEventListener("pointermove", (e) => e.buttons || this.hover(this.place(e)));
    this.svg.addEventListener("pointerleave", () => this.hover([]));
    this.svg.addEventListener("click", (e) => this.click(e));
    for (const name of ["ellipses", "points", "dots", "selected", "chosen", "triangle", "segment", "label"]) {
      model.on(`change:${name}`, () => this.soon("draw"));
    }
    model.on("change:values", () => this.soon("paint"));
    model.on("change:done", () => this.answered());
    this.zoom(1);
  }

  handle(parent, id, name, [low, high]) {
    const [item, part] = id.split(":");
    const node = add(parent, "g", {
      class: `asm-handle asm-part-${part || "point"}`,
      role: "slider",
      tabindex: 0,
      "data-id": id,
      "aria-label": name,
      "aria-valuemin": low,
      "aria-valuemax": high,
      "data-lm-suppress-shortcuts": "true", // here too: the notebook looks at the focused element first
    });
    this.nodes[id] = node;
    add(node, "circle", { class: "asm-touch", r: 13 });
    node.addEventListener("pointerdown", (e) => {
      if (e.button) return;
      e.preventDefault();
      node.focus();
      node.setPointerCapture(e.pointerId);
      this.held = { item, part, first: { ...this.item(item) }, from: this.place(e) };
      this.choose(item);
    });
    node.addEventListener("pointermove", (e) => this.held && this.drag(this.place(e)));
    for (const end of ["pointerup", "pointercancel", "lostpointercapture"]) {
      node.addEventListener(end, () => {
        this.held = null;
        this.answered();
      });
    }
    node.addEventListener("click", (e) => e.stopPropagation());
    node.addEventListener("keydown", (e) => this.key(e, item, part));
    node.addEventListener("focus", () => this.choose(item));
    return node;
  }

  // -- what a person does --------------------------------------------------------------------------------

  drag([u, v]) {
    const {
      item,
      part,
      first,
      from: [u0, v0],
    } = this.held;
    const [cos, sin] = [Math.cos(first.angle), Math.sin(first.angle)];
    const along = (a, b) => (a - first.u) * cos + (b - first.v) * sin;
    const across = (a, b) => (b - first.v) * cos - (a - first.u) * sin;
    const angle = (a, b) => Math.atan2(b - first.v, a - first.u);
    if (part === "along") this.edit(item, { s1: (first.s1 * along(u, v)) / along(u0, v0) });
    else if (part === "across") this.edit(item, { s2: (first.s2 * across(u, v)) / across(u0, v0) });
    else if (part === "turn") this.edit(item, { angle: first.angle + angle(u, v) - angle(u0, v0) });
    else this.edit(item, { u: first.u + u - u0, v: first.v + v - v0 });
  }

  key(e, item, part) {
    const arrow = ARROWS[e.key];
    if (!arrow || e.ctrlKey || e.metaKey) return;
    e.preventDefault();
    e.stopPropagation();
    const now = this.item(item),
      step = this.model.get("step"),
      sign = arrow[0] + arrow[1],
      grow = Math.exp(0.05 * sign);
    const ellipse = now.s1 !== undefined;
    if (ellipse && (e.altKey || part === "turn")) this.edit(item, { angle: now.angle + (sign * Math.PI) / 60 });
    else if (part === "along" || (ellipse && e.shiftKey && part === "centre" && arrow[0]))
      this.edit(item, { s1: now.s1 * grow });
    else if (part === "across" || (ellipse && e.shiftKey)) this.edit(item, { s2: now.s2 * grow });
    else this.edit(item, { u: now.u + arrow[0] * step, v: now.v + arrow[1] * step });
  }

  click(e) {
    const id = this.model.get("moves_on_click"),
      [u, v] = this.place(e);
    if (id) this.edit(id, { u, v });
  }

  choose(item) {
    const k = /^e(\d+)$/.exec(item);
    if (k && +k[1] !== this.model.get("selected")) this.save({ selected: +k[1] });
  }

  hover(place) {
    this.pointer = place;
    if (this.model.get("hovers")) this.soon("point");
  }

  point() {
    this.save({ hover: this.pointer });
  }

  // -- to the kernel and back ----------------------------------------------------------------------------

  edit(id, change) {
    const next = { ...this.item(id), ...change };
    for (const [name, low, high] of [
      ["u", -0.02, 1.02],
      ["v", -0.02, 1.02],
      ["s1", 0.002, 1],
      ["s2", 0.002, 1],
    ]) {
      if (name in next) next[name] = clamp(next[name], low, high);
    }
    if ("angle" in next) next.angle -= 2 * Math.PI * Math.round(next.angle / (2 * Math.PI));
    this.local[id] = next;
    this.svg.setAttribute("aria-busy", "true"); // until the kernel has answered
    this.sent = Math.max(this.sent, this.model.get("done")) + 1;
    this.soon("send");
    this.soon("draw");
  }

  send() {
    this.save({ edit: { n: this.sent, items: { ...this.local } } });
  }

  answered() {
    if (this.model.get("done") !== this.sent || this.held) return; // an older state: a newer one is under way
    this.local = {};
    this.svg.setAttribute("aria-busy", "false");
    this.soon("draw");
  }

  save(changes) {
    for (const [name, value] of Object.entries(changes)) this.model.set(name, value);
    this.model.save_changes();
  }

  soon(what) {
    // each kind of work at most once a frame
    this.due ||= new Set();
    this.due.add(what);
    this.frame ||= requestAnimationFrame(() => {
      const due = this.due;
      [this.frame, this.due] = [0, new Set()];
      for (const name of ["send", "point", "paint", "draw"]) if (due.has(name)) this[name]();
    });
  }
}

export default {
  render({ model, el }) {
    const chart = new Chart(model, el);
    return () => cancelAnimationFrame(chart.frame);
  },
};
