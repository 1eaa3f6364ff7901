// The page: its state, the way from there to the picture, and the buttons.

const $ = (id) => document.getElementById(id);
const data = JSON.parse($("data").textContent);
const bones = new Bones(data);
const calm = matchMedia("(prefers-reduced-motion: reduce)");
const LOOKS = ["Skin", "Clay", "Wireframe", "Weights of the bone"];

// What the person has set. `base` holds all parameters; sliders and the expression come on top of it.
const rest = () => ({ base: bones.copy(bones.start), amounts: {}, expression: -1, strength: 1, person: 0, tone: 0 });
let state = rest();
let look = data.skin ? 0 : 1,
  chosen = Math.max(0, data.bones.indexOf("nose_tip")),
  drawn = null,
  flight = 0,
  face = null;

// ---- from the state to the picture

// Sliders that are all at their ends would push the bones through each other: then they share the way that is left.
function held() {
  const load = data.sliders.reduce((sum, { name, shapes, low, high }) => {
    const x = shapes ? (state.amounts[name] ?? 0) : 0;
    return sum + (x / (x < 0 ? low : high)) ** 2;
  }, 0);
  return Math.min(1, Math.sqrt(data.room / Math.max(load, 1e-9)));
}

function goal() {
  const theta = bones.copy(state.base);
  for (const slider of data.sliders)
    bones.add(theta, slider.moves, (slider.shapes ? held() : 1) * (state.amounts[slider.name] ?? 0));
  if (state.expression >= 0) bones.addMotion(theta, data.expressions[state.expression].motion, state.strength);
  return theta;
}

const manner = () => ({ look, chosen, dots: $("dots").checked, tint: data.tints[state.tone] });

function show(theta) {
  drawn = theta;
  face.pose(bones.blocks(theta), chosen);
  paint();
}

function change(smoothly = false) {
  // the state was changed: draw it, at once or in a short flight
  cancelAnimationFrame(flight);
  const to = goal(),
    from = drawn,
    begin = performance.now();
  if (!smoothly || calm.matches) {
    show(to);
    describe();
  } else {
    const step = (now) => {
      const t = Math.min(1, Math.max(0, now - begin) / 450);
      show(t < 1 ? bones.between(from, to, t * t * (3 - 2 * t)) : to);
      if (t < 1) flight = requestAnimationFrame(step);
      else describe();
    };
    flight = requestAnimationFrame(step);
  }
}

// Someone else: a Gaussian over the motions of all bones, from people whom the bones were fitted to when this page was
// written. The numbers are drawn from the person's own number, so person 7 is the same on every device.
function person(number) {
  let seed = Math.imul(number, 0x9e3779b1);
  const uniform = () => {
    // mulberry32
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
  const normal = () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
  const { mean, directions, count } = data.people,
    size = mean.length,
    motion = Float64Array.from(mean);
  for (let k = 0; k < count; k++) {
    const z = Math.min(2, Math.max(-2, normal()));
    for (let i = 0; i < size; i++) motion[i] += z * directions[k * size + i];
  }
  state.base = bones.copy(bones.start);
  bones.addMotion(state.base, motion, 1);
  Object.assign(state, { person: number, tone: Math.floor(uniform() * Math.max(1, data.tints.length)) });
}

let asked = 0;
function buildButtons() {
  $("random").disabled = !data.people.count;
  $("random").addEventListener("click", () => {
    remember(`random${++asked}`);
    person(asked);
    fill();
    change(true);
  });
  buildHistory();
  buildShare();
  $("reset").addEventListener("click", () => {
    remember("reset");
    state = rest();
    fill();
    change(true);
  });
  $("copy").addEventListener("click", async () => {
    $("text").value = bones.text(goal());
    const copied = await copyText($("text").value, $("text"));
    $("told").textContent = copied
      ? "Copied. The text is also shown above."
      : "Your browser does not let a page copy. The text above is selected: copy it with Ctrl+C.";
  });
  $("paste").addEventListener("click", () => {
    try {
      const base = bones.read($("text").value);
      remember("paste");
      state = { ...rest(), base, own: true, tone: state.tone };
      $("told").textContent = "The face has this pose. The sliders start from it, at 0.";
      fill();
      change();
    } catch (error) {
      $("told").textContent = `Nothing was changed. ${error.message}`;
    }
  });
  $("json").addEventListener("toggle", () => {
    if ($("json").open && !$("text").value) $("text").value = bones.text(goal());
  });
}

function trouble(words) {
  $("trouble").hidden = false;
  $("trouble").textContent = words;
}

// ---- begin

async function begin() {
  try {
    face = new Face($("canvas"), data, bones);
  } catch (error) {
    trouble(error.message);
    return;
  }
  for (const e of data.expressions) e.motion = unpack(e.motion, Float32Array);
  for (const key of ["mean", "directions"]) data.people[key] = unpack(data.people[key], Float32Array);
  $("about").textContent =
    `${face.V.toLocaleString("en")} vertices, ${face.J} bones, ${bones.K} Gaussians per bone. ` +
    "Everything is computed here, in this page.";
  document.querySelector(".ramp i").style.background = `linear-gradient(to top, ${data.ramp.map(
    (c) => `rgb(${c.map((x) => Math.round(255 * x))})`,
  )})`;
  if (data.skin) await face.dress(data.skin);
  const looks = data.skin ? LOOKS : LOOKS.slice(1),
    shift = LOOKS.length - looks.length;
  chips(
    $("looks"),
    "look",
    looks,
    () => look - shift,
    (i) => {
      look = i + shift;
      $("legend").hidden = look !== 3;
      paint();
      describe();
    },
  );
  chips(
    $("expressions"),
    "expression",
    ["None", ...data.expressions.map((e) => e.label)],
    () => state.expression + 1,
    (i) => {
      remember(`expression${i}`);
      state.expression = i - 1;
      change(true);
    },
  );
  $("expressions").hidden = !data.expressions.length;
  chips(
    $("tones"),
    "tone",
    data.tints.map((_, i) => `Tone ${i + 1}`),
    () => state.tone,
    (i) => {
      remember("tone");
      state.tone = i;
      change();
    },
  );
  $("tones").hidden = !data.tints.length;
  $("tones")
    .querySelectorAll("label")
    .forEach((label, i) => {
      const colour = data.tints[i].map((x, k) => Math.round(255 * x * data.tone[k]));
      label.style.setProperty("--tone", `rgb(${colour})`);
    });
  buildSliders();
  buildBone();
  buildButtons();
  buildCamera();
  face.pose(bones.blocks(bones.start), chosen);
  first = before = face.positions();
  frame(first);
  measure();
  if (follow(location.hash)) asked = state.person;
  fill();
  change();
  // for tests, and for whoever likes to try things in the browser's console
  window.playground = { bones, face, camera, sharp, goal, show, draw, state: () => state, ready: true };
}
begin().catch((error) => trouble(`The page could not start: ${error.message}`));
