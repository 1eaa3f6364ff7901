// The words under the picture: what was changed, from where the face is seen, and how far it has moved.

const readable = (name) => name.replace(/_/g, " ").replace(/ L$/, ", left").replace(/ R$/, ", right");
const signed = (x, digits) => (x > 0 ? "+" : "") + x.toFixed(digits).replace(/^-/, "−");

function value(slider, x) {
  if (slider.unit === "×") return `${(2 ** x).toFixed(2)} ×`;
  if (slider.name === "strength") return `${Math.round(x)} %`;
  return `${signed(x, slider.step < 0.5 ? 2 : slider.step < 1 ? 1 : 0)}${slider.unit === "°" ? "" : " "}${slider.unit.split(" ")[0]}`;
}

let timer = 0,
  first = null,
  before = null,
  note = "";
function describe(words = "") {
  note = words || note;
  clearTimeout(timer);
  timer = setTimeout(() => {
    const now = face.positions(),
      to = goal(),
      parts = [state.person ? `Person ${state.person}` : "The first face"];
    if (state.expression >= 0)
      parts.push(`${data.expressions[state.expression].label} ${Math.round(100 * state.strength)} %`);
    for (const s of data.sliders)
      if (state.amounts[s.name]) parts.push(`${s.label} ${value(s, state.amounts[s.name])}`);
    let far = 0,
      at = 0,
      moved = 0;
    for (let i = 0; i < now.length; i += 4) {
      const d = Math.hypot(now[i] - first[i], now[i + 1] - first[i + 1], now[i + 2] - first[i + 2]);
      if (d > far) [far, at] = [d, i];
      moved = Math.max(moved, Math.hypot(now[i] - before[i], now[i + 1] - before[i + 1], now[i + 2] - before[i + 2]));
    }
    before = now;
    parts.push(seen());
    let text = `${parts.join("; ")}. `;
    text +=
      far < 0.05
        ? "Drag the face to turn it. Move a slider or press Random person, and it changes."
        : `Moved up to ${far.toFixed(1)} mm, near the ${readable(data.bones[nearest(now, at)])}.`;
    if (look === 3) text += ` Colours: weights of the ${readable(data.bones[chosen])}, ${weightWords(now)}.`;
    if (held() < 0.995)
      text += ` The sliders share ${Math.round(100 * held())} % of their way, so that the skin stays whole.`;
    if (note && note !== "reach") text = note;
    if (note === "reach" && moved < 0.05)
      text += " You see how far a bone reaches only once it moves: move it with another slider.";
    note = "";
    $("said").textContent = text;
    if (drawn !== null && $("json").open && document.activeElement !== $("text")) $("text").value = bones.text(to);
  }, 300);
}

function weightWords(now) {
  let top = 0,
    many = 0;
  for (let i = 3; i < now.length; i += 4) {
    top = Math.max(top, now[i]);
    many += now[i] > 0.1;
  }
  return `at most ${top.toFixed(2)}, above 0.1 at ${many} of ${now.length / 4} vertices`;
}

function nearest(places, i) {
  // the bone whose pivot is nearest to a vertex
  const pivots = face.read(face.uniforms.Moves, 16 * bones.names.length);
  let best = [Infinity, 0];
  bones.names.forEach((_, j) => {
    const d = Math.hypot(...[0, 1, 2].map((k) => pivots[16 * j + 12 + k] - places[i + k]));
    if (d < best[0]) best = [d, j];
  });
  return best[1];
}
