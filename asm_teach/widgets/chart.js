// The face chart: triangles in colour, and on them ellipses and points that a pointer or the keyboard can move.
//
// The kernel owns the state. What a person drags is drawn at once from `local` and sent as the trait `edit`, once a
// frame; ipywidgets keeps one message under way and merges the later ones, and an edit carries every item still
// unanswered, so the last value always arrives. The kernel answers with `done`, the number of the edit it has applied.

const SVG = "http://www.w3.org/2000/svg";
const TICKS = 9; // numbers along each side, at most
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
const STRETCH = "M-4.5 0H4.5M-2.5 -2L-4.5 0L-2.5 2M2.5 -2L4.5 0L2.5 2";
const TURN = "M-3 2.5A3.8 3.8 0 1 0 -2.5 -3M-2.5 -5.5V-2.5H-5.5";
const CROSS = "M-11 0H-4M4 0H11M0 -11V-4M0 4V11";
const MOVE = "Arrow keys move, Shift with arrows stretches, Alt with arrows turns.";

function add(parent, tag, attributes = {}, text = "") {
  const node = ["div", "button", "canvas"].includes(tag) ? document.createElement(tag) : document.createElementNS(SVG, tag);
  set(node, attributes).textContent = text;
  return parent.appendChild(node);
}

function set(node, attributes) {
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  return node;
}

class Chart {
  constructor(model, root) {
    this.model = model;
    this.size = model.get("size");
    this.window = { u: 0.5, v: 0.5, span: model.get("span") }; // what part of the chart is seen
    this.local = {}; // item -> values not yet answered by the kernel
    this.sent = model.get("done");
    this.frame = 0;
    this.sides = [];
    this.uv = bytes(model.get("uv"), Float32Array);
    this.faces = bytes(model.get("faces"), Uint32Array);
    this.palette = Uint32Array.from(model.get("palette"), ([r, g, b]) => (0xff000000 | (b << 16) | (g << 8) | r) >>> 0);
    root.classList.add("asm-chart");
    root.setAttribute("data-lm-suppress-shortcuts", "true"); // else the notebook takes the arrow keys
    const bar = add(root, "div", { class: "asm-chart-bar", role: "group", "aria-label": "part of the chart that is seen" });
    const button = (text, name, act) => {
      add(bar, "button", { type: "button", "aria-label": name, title: name }, text).addEventListener("click", act);
    };
    button("−", "show more of the chart", () => this.zoom(1.5));
    button("+", "show less of the chart, larger", () => this.zoom(1 / 1.5));
    button("Whole chart", "show the whole chart", () => this.zoom(Infinity));
    const stage = add(root, "div", { class: "asm-chart-stage", style: `width:${this.size}px;height:${this.size}px` });
    const pixels = Math.round(this.size * Math.min(window.devicePixelRatio || 1, 2));
    const square = { width: pixels, height: pixels, "aria-hidden": "true" };
    this.canvases = ["colours", "lines"].map((name) => add(stage, "canvas", { class: `asm-chart-${name}`, ...square }));
    this.svg = add(stage, "svg", { viewBox: `0 0 ${this.size} ${this.size}`, role: "group" });
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

  // -- places --------------------------------------------------------------------------------------------

  x(u) { return ((u - this.window.u) / this.window.span + 0.5) * this.size; }
  y(v) { return (0.5 - (v - this.window.v) / this.window.span) * this.size; }

  place(e) { // of a pointer, on the chart
    const box = this.svg.getBoundingClientRect();
    const [right, up] = [(e.clientX - box.left) / box.width - 0.5, 0.5 - (e.clientY - box.top) / box.height];
    return [this.window.u + right * this.window.span, this.window.v + up * this.window.span];
  }

  zoom(factor, about) {
    const ids = [`e${this.model.get("selected")}`, "bone"];
    const item = about || ids.map((id) => this.item(id)).find(Boolean) || this.window;
    const span = clamp(this.window.span * factor, 0.03, 1.04);
    const half = Math.max(0, (1.04 - span) / 2);
    this.window = { u: clamp(item.u, 0.5 - half, 0.5 + half), v: clamp(item.v, 0.5 - half, 0.5 + half), span };
    this.xy = this.uv.map((value, i) => (i % 2 ? this.y(value) : this.x(value)));
    drawEdges(this.canvases[1], this.size, this.xy, this.faces, this.window.span > 0.5 ? 0.12 : 0.22);
    this.paint();
    this.draw();
  }

  paint() {
    const values = bytes(this.model.get("values"), Uint8Array);
    fillTriangles(this.canvases[0], this.size, this.xy, this.faces, values, this.palette);
  }

  // -- what lies on them ---------------------------------------------------------------------------------

  item(id) { // an ellipse "e0" or a point, as it stands now
    if (this.local[id]) return this.local[id];
    const points = this.model.get("points");
    return /^e\d+$/.test(id) ? this.model.get("ellipses")[+id.slice(1)] : points.find((one) => one.id === id);
  }

  draw() {
    const bone = this.item("bone"), out = (pixels) => pixels < 0 || pixels > this.size;
    const follow = bone && !this.held && this.window.span < 1 && !this.turning;
    if (follow && (out(this.x(bone.u)) || out(this.y(bone.v)))) { // once: a bone far off the chart stays out of sight
      this.turning = true;
      this.zoom(1, bone);
      this.turning = false;
      return;
    }
    const ellipses = this.model.get("ellipses"), points = this.model.get("points"), dots = this.model.get("dots");
    const shape = JSON.stringify([ellipses.length, points.map((one) => one.id), dots.length]);
    if (shape !== this.shape) this.build(ellipses, points, dots); // else the nodes stay, and with them the focus
    this.shape = shape;
    set(this.svg, { "aria-label": this.model.get("label") });
    const path = (places) => places.map(([u, v], i) => `${i ? "L" : "M"}${this.x(u)} ${this.y(v)}`).join("");
    set(this.nodes.triangle, { d: path(this.model.get("triangle")) });
    set(this.nodes.segment, { d: path(this.model.get("segment")) });
    dots.forEach(([u, v], i) => {
      const look = i === this.model.get("chosen") ? "asm-dot asm-on" : "asm-dot";
      set(this.nodes[`dot${i}`], { cx: this.x(u), cy: this.y(v), class: look });
    });
    const step = [0.2, 0.1, 0.05, 0.02, 0.01, 0.005].find((one) => this.window.span / one >= 4) || 0.005;
    for (const axis of ["u", "v"]) {
      const first = Math.ceil((this.window[axis] - 0.46 * this.window.span) / step);
      for (let i = 0; i < TICKS; i++) {
        const at = (first + i) * step, seen = at < this.window[axis] + 0.47 * this.window.span;
        const place = axis === "u" ? { x: this.x(at) } : { y: this.y(at) + 4 };
        const text = `${i ? "" : `${axis} `}${at.toFixed(step < 0.01 ? 3 : step < 0.1 ? 2 : 1)}`;
        set(this.nodes[axis + i], { visibility: seen ? "visible" : "hidden", ...place }).textContent = text;
      }
    }
    ellipses.forEach((_, k) => this.drawEllipse(k));
    points.forEach(({ id }) => this.drawPoint(id));
  }

  drawEllipse(k) {
    const e = this.item(`e${k}`), on = k === this.model.get("selected");
    const n = this.nodes, pixels = this.size / this.window.span;
    const [x, y, degrees] = [this.x(e.u), this.y(e.v), (e.angle * 180) / Math.PI];
    for (const layer of ["g", "h"]) set(n[layer + k], { class: `asm-ellipse${on ? " asm-on" : ""}` });
    set(n[`turned${k}`], { transform: `translate(${x} ${y}) rotate(${-degrees})` });
    for (const [name, times] of [["hit", 1], ["halo", 1], ["line", 1], ["twice", 2]]) {
      set(n[name + k], { rx: times * e.s1 * pixels, ry: times * e.s2 * pixels });
    }
    // a grip that is held stays on its side
    const { parts, sides } = gripPlaces(e, [x, y], pixels, this.size, (this.held && this.sides[k]) || []);
    this.sides[k] = sides;
    set(n[`leads${k}`], { d: `M${parts.turn}L${x} ${y}L${parts.across}` });
    const number = (value) => value.toFixed(4);
    const says = {
      centre: `u ${number(e.u)}, v ${number(e.v)}`, along: `sigma 1 is ${number(e.s1)}`,
      across: `sigma 2 is ${number(e.s2)}`, turn: `${degrees.toFixed(0)} degrees`,
    };
    const now = { centre: e.u, along: e.s1, across: e.s2, turn: degrees };
    for (const [part, [px, py]] of Object.entries(parts)) {
      set(n[`e${k}:${part}`], {
        transform: `translate(${px} ${py})`, "aria-valuetext": says[part], "aria-valuenow": number(now[part]),
        tabindex: on || part === "centre" ? 0 : -1, // of an ellipse that is not selected the centre selects it
      });
    }
    set(n[`mark${k}along`], { transform: `rotate(${-degrees})` });
    set(n[`mark${k}across`], { transform: `rotate(${90 - degrees})` });
    // of centres on the same spot the numbers stand apart, to the lower left
    set(n[`name${k}`], { x: on ? 0 : -13 - 13 * k, y: on ? 4 : 26 });
  }

  drawPoint(id) {
    const point = this.item(id), [x, y] = [this.x(point.u), this.y(point.v)];
    const e = this.item(`e${this.model.get("selected")}`);
    const sides = this.sides[this.model.get("selected")] || [1, 1];
    const [gx, gy] = point.pin && e ? pinPlace([x, y], e, sides, this.size) : [x, y];
    set(this.nodes[`lead-${id}`], { d: `M${x} ${y}L${gx} ${gy}` });
    const [u, v] = [point.u.toFixed(4), point.v.toFixed(4)];
    set(this.nodes[id], { transform: `translate(${gx} ${gy})`, "aria-valuetext": `u ${u}, v ${v}`, "aria-valuenow": u });
  }

  build(ellipses, points, dots) {
    this.svg.textContent = "";
    const n = (this.nodes = {});
    n.triangle = add(this.svg, "path", { class: "asm-triangle" });
    n.segment = add(this.svg, "path", { class: "asm-segment" });
    dots.forEach(([, , name], i) => {
      n[`dot${i}`] = add(this.svg, "circle", { r: 3 });
      add(n[`dot${i}`], "title", {}, name);
      n[`dot${i}`].addEventListener("click", (event) => { event.stopPropagation(); this.save({ chosen: i }); });
    });
    for (let i = 0; i < TICKS; i++) {
      n[`u${i}`] = add(this.svg, "text", { class: "asm-tick", y: this.size - 5, "text-anchor": "middle" });
      n[`v${i}`] = add(this.svg, "text", { class: "asm-tick", x: 4 });
    }
    ellipses.forEach((_, k) => {
      const group = (n[`g${k}`] = add(this.svg, "g"));
      const turned = (n[`turned${k}`] = add(group, "g"));
      for (const name of ["twice", "halo", "line", "hit"]) n[name + k] = add(turned, "ellipse", { class: `asm-${name}` });
      n[`hit${k}`].addEventListener("click", (event) => { event.stopPropagation(); this.save({ selected: k }); });
    });
    ellipses.forEach((_, k) => { // the grips lie above all outlines
      const group = (n[`h${k}`] = add(this.svg, "g"));
      n[`leads${k}`] = add(group, "path", { class: "asm-lead" });
      const what = { centre: "centre", along: "width along, sigma 1", across: "width across, sigma 2", turn: "angle" };
      const most = { centre: [-1, 2], along: [0, 1], across: [0, 1], turn: [-180, 180] };
      for (const part of ["turn", "across", "along", "centre"]) {
        const handle = this.handle(group, `e${k}:${part}`, `Gaussian ${k + 1}, ${what[part]}. ${MOVE}`, most[part]);
        add(handle, "circle", { class: "asm-grip", r: part === "centre" ? 9 : 7 });
        const number = { class: "asm-number", "text-anchor": "middle" };
        if (part === "centre") n[`name${k}`] = add(handle, "text", number, `${k + 1}`);
        else n[`mark${k}${part}`] = add(handle, "path", { class: "asm-mark", d: part === "turn" ? TURN : STRETCH });
      }
    });
    points.forEach(({ id, name, pin }) => {
      n[`lead-${id}`] = add(this.svg, "path", { class: "asm-lead" });
      const handle = this.handle(this.svg, id, `${name}. Arrow keys move it.`, [-1, 2]);
      if (pin) add(handle, "path", { class: "asm-pin", d: "M0 -8L8 0L0 8L-8 0Z" });
      else for (const kind of ["asm-cross-halo", "asm-cross"]) add(handle, "path", { class: kind, d: CROSS });
    });
  }

  handle(parent, id, name, [low, high]) {
    const [item, part] = id.split(":");
    const node = (this.nodes[id] = add(parent, "g", {
      class: `asm-handle asm-part-${part || "point"}`, role: "slider", tabindex: 0, "data-id": id,
      "aria-label": name, "aria-valuemin": low, "aria-valuemax": high,
      "data-lm-suppress-shortcuts": "true", // here too: the notebook looks at the focused element first
    }));
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
      node.addEventListener(end, () => { this.held = null; this.answered(); });
    }
    node.addEventListener("click", (e) => e.stopPropagation());
    node.addEventListener("keydown", (e) => this.key(e, item, part));
    node.addEventListener("focus", () => this.choose(item));
    return node;
  }

  // -- what a person does --------------------------------------------------------------------------------

  drag([u, v]) {
    const { item, part, first, from: [u0, v0] } = this.held;
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
    const now = this.item(item), step = this.model.get("step"), sign = arrow[0] + arrow[1], grow = Math.exp(0.05 * sign);
    const ellipse = now.s1 !== undefined;
    if (ellipse && (e.altKey || part === "turn")) this.edit(item, { angle: now.angle + (sign * Math.PI) / 60 });
    else if (part === "along" || (ellipse && e.shiftKey && part === "centre" && arrow[0])) this.edit(item, { s1: now.s1 * grow });
    else if (part === "across" || (ellipse && e.shiftKey)) this.edit(item, { s2: now.s2 * grow });
    else this.edit(item, { u: now.u + arrow[0] * step, v: now.v + arrow[1] * step });
  }

  click(e) {
    const id = this.model.get("moves_on_click"), [u, v] = this.place(e);
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

  point() { this.save({ hover: this.pointer }); }

  // -- to the kernel and back ----------------------------------------------------------------------------

  edit(id, change) {
    const next = { ...this.item(id), ...change };
    for (const [name, low, high] of [["u", -0.02, 1.02], ["v", -0.02, 1.02], ["s1", 0.002, 1], ["s2", 0.002, 1]]) {
      if (name in next) next[name] = clamp(next[name], low, high);
    }
    if ("angle" in next) next.angle -= 2 * Math.PI * Math.round(next.angle / (2 * Math.PI));
    this.local[id] = next;
    this.svg.setAttribute("aria-busy", "true"); // until the kernel has answered
    this.sent = Math.max(this.sent, this.model.get("done")) + 1;
    this.soon("send");
    this.soon("draw");
  }

  send() { this.save({ edit: { n: this.sent, items: { ...this.local } } }); }

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

  soon(what) { // each kind of work at most once a frame
    (this.due ||= new Set()).add(what);
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
