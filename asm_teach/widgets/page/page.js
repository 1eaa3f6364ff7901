// The page: controls that change the parameters, the camera, and the words that say what is shown.

const $ = (id) => document.getElementById(id);
const data = JSON.parse($('data').textContent);
const bones = new Bones(data);
const calm = matchMedia('(prefers-reduced-motion: reduce)');
const LOOKS = ['Skin', 'Clay', 'Wireframe', 'Weights of the bone'];
const readable = (name) => name.replace(/_/g, ' ').replace(/ L$/, ', left').replace(/ R$/, ', right');
const signed = (x, digits) => (x > 0 ? '+' : '') + x.toFixed(digits).replace(/^-/, '−');

// What the person has set. `base` holds all parameters; sliders and the expression come on top of it.
let state = {base: bones.copy(bones.start), amounts: {}, expression: -1, strength: 1, person: 0};
const past = [];
let look = data.skin ? 0 : 1, chosen = Math.max(0, data.bones.indexOf('nose_tip')), drawn = null, flight = 0, face = null;

// ---- from the state to the picture

function goal() {
  const theta = bones.copy(state.base);
  for (const slider of data.sliders) bones.add(theta, slider.moves, state.amounts[slider.name] ?? 0);
  if (state.expression >= 0) bones.addMotion(theta, data.expressions[state.expression].motion, state.strength);
  return theta;
}

function show(theta) {
  drawn = theta;
  face.pose(bones.blocks(theta), chosen);
  paint();
}

function change(smoothly = false) {  // the state was changed: draw it, at once or in a short flight
  cancelAnimationFrame(flight);
  const to = goal(), from = drawn, begin = performance.now();
  if (!smoothly || calm.matches) {
    show(to);
    describe();
  } else {
    const step = (now) => {
      const t = Math.min(1, Math.max(0, now - begin) / 450);
      show(t < 1 ? bones.between(from, to, t * t * (3 - 2 * t)) : to);
      if (t < 1) flight = requestAnimationFrame(step); else describe();
    };
    flight = requestAnimationFrame(step);
  }
}

// ---- words

let timer = 0, first = null, before = null, note = '';
function describe(words = '') {
  note = words || note;
  clearTimeout(timer);
  timer = setTimeout(() => {
    const now = face.positions(), to = goal(), parts = [state.person ? `Person ${state.person}` : 'The first face'];
    if (state.expression >= 0) parts.push(`${data.expressions[state.expression].label} ${Math.round(100 * state.strength)} %`);
    for (const s of data.sliders) if (state.amounts[s.name]) parts.push(`${s.label} ${value(s, state.amounts[s.name])}`);
    let far = 0, at = 0, moved = 0;
    for (let i = 0; i < now.length; i += 4) {
      const d = Math.hypot(now[i] - first[i], now[i + 1] - first[i + 1], now[i + 2] - first[i + 2]);
      if (d > far) [far, at] = [d, i];
      moved = Math.max(moved, Math.hypot(now[i] - before[i], now[i + 1] - before[i + 1], now[i + 2] - before[i + 2]));
    }
    before = now;
    const {view} = camera;
    const side = (x, plus, minus) => `${Math.abs(Math.round(x))}° ${x < 0 ? minus : plus}`;
    parts.push((view ? `${view} view` : `seen from ${side(camera.azimuth, "to the person's left", "to the person's right")}, `
      + side(camera.elevation, 'up', 'down')) + (Math.abs(camera.zoom - 1) > 0.01 ? `, ${camera.zoom.toFixed(1)} times as large` : ''));
    let text = parts.join('; ') + '. ';
    text += far < 0.05 ? 'Nothing has moved.' : `Most moved: ${far.toFixed(1)} mm, near the ${readable(data.bones[nearest(first, at)])}.`;
    if (look === 3) text += ` Colours: weights of the ${readable(data.bones[chosen])}, ${weightWords(now)}.`;
    if (note === 'reach' && moved < 0.05) text += ' How far a bone reaches shows only once it moves: pull it with another slider.';
    note = '';
    $('said').textContent = text;
    if (drawn !== null && $('json').open && document.activeElement !== $('text')) $('text').value = bones.text(to);
  }, 300);
}

function weightWords(now) {
  let top = 0, many = 0;
  for (let i = 3; i < now.length; i += 4) { top = Math.max(top, now[i]); many += now[i] > 0.1; }
  return `at most ${top.toFixed(2)}, above 0.1 at ${many} of ${now.length / 4} vertices`;
}

function nearest(places, i) {  // the bone whose pivot is nearest to a vertex
  const pivots = face.read(face.uniforms.Moves, 16 * bones.names.length);
  let best = [Infinity, 0];
  bones.names.forEach((_, j) => {
    const d = Math.hypot(...[0, 1, 2].map((k) => pivots[16 * j + 12 + k] - places[i + k]));
    if (d < best[0]) best = [d, j];
  });
  return best[1];
}

// ---- undo

let last = {key: '', at: 0};
function remember(key) {  // called before a change; a row of changes by one control is one step
  const now = performance.now();
  if (key !== last.key || now - last.at > 1200) {
    past.push({...state, base: bones.copy(state.base), amounts: {...state.amounts}});
    if (past.length > 200) past.shift();
  }
  last = {key, at: now};
  $('undo').disabled = false;
}

function undo() {
  if (!past.length) return;
  state = past.pop();
  last.key = '';
  $('undo').disabled = !past.length;
  fill(); change(true);
}

// ---- controls

function value(slider, x) {
  if (slider.unit === '×') return `${(2 ** x).toFixed(2)} ×`;
  if (slider.name === 'strength') return `${Math.round(x)} %`;
  return `${signed(x, slider.step < 0.5 ? 2 : slider.step < 1 ? 1 : 0)}${slider.unit === '°' ? '' : ' '}${slider.unit.split(' ')[0]}`;
}

const fillers = [];
function range(home, slider, get, set) {
  const row = document.createElement('div'), id = `s_${slider.name}`;
  row.className = 'row';
  row.innerHTML = '<label></label><input type="range"><output></output>';
  const [label, input, output] = row.children;
  label.textContent = slider.label; label.htmlFor = output.htmlFor = input.id = id;
  Object.assign(input, {min: slider.low, max: slider.high, step: slider.step});
  const tell = () => { output.textContent = value(slider, +input.value); input.ariaValueText = output.textContent; };
  input.addEventListener('input', () => {
    remember(id);
    set(+input.value); tell(); change();
    if (slider.reach) describe('reach');
  });
  fillers.push(() => { input.value = get(); tell(); });
  home.append(row);
}

function chips(home, name, labels, get, set) {
  labels.forEach((text, i) => {
    const label = document.createElement('label'), input = document.createElement('input');
    Object.assign(input, {type: 'radio', name, value: i, checked: get() === i});
    input.addEventListener('change', () => set(i));
    label.append(input, text);
    home.append(label);
  });
  fillers.push(() => home.querySelectorAll('input').forEach((input, i) => { input.checked = get() === i; }));
}

function fill() { fillers.forEach((f) => f()); }

function buildSliders() {
  const homes = {};
  for (const slider of data.sliders) {
    if (!homes[slider.group]) {
      const home = homes[slider.group] = document.createElement('details');
      home.open = true;
      home.innerHTML = '<summary></summary>';
      home.firstChild.textContent = slider.group;
      if (slider.group === 'Reach and place') {
        home.insertAdjacentHTML('beforeend', '<p class="hint">Not a motion: how far bones reach, and where on the face they sit. '
          + 'It shows once those bones are moved.</p>');
      }
      $('sliders').append(home);
    }
    slider.reach = ['×', '% of the chart'].includes(slider.unit);
    range(homes[slider.group], slider, () => state.amounts[slider.name] ?? 0, (x) => { state.amounts[slider.name] = x; });
  }
  range($('strength'), {name: 'strength', label: 'Strength', unit: '%', low: 0, high: 120, step: 5},
    () => 100 * state.strength, (x) => { state.strength = x / 100; });
  $('strength').querySelector('.row').hidden = !data.expressions.length;
}

// One bone: its sliders hold what `base` has more than the first face, and write both sides where asked.
function buildBone() {
  bones.names.forEach((name, j) => $('bone').add(new Option(readable(name), j)));
  const degree = Math.PI / 180, kinds = [];
  [['x', 'Move to the left'], ['y', 'Move up'], ['z', 'Move out']].forEach(([, label], i) =>
    kinds.push({part: 'translation', i, label, unit: 'mm', low: -20, high: 20, step: 0.5, by: 1, flip: i === 0}));
  ['Turn about x', 'Turn about y', 'Turn about z'].forEach((label, i) =>
    kinds.push({part: 'rotation', i, label, unit: '°', low: -45, high: 45, step: 1, by: degree, flip: i > 0}));
  kinds.push({part: 'log_scale', i: 0, label: 'Size', unit: '×', low: -1, high: 1, step: 0.05, by: Math.LN2, reach: false});
  kinds.push({part: 'reach', i: 0, label: 'Reach', unit: '×', low: -2, high: 2, step: 0.1, reach: true});
  kinds.push({part: 'bone_uv', i: 0, label: 'Place, u', unit: '% of the chart', low: -8, high: 8, step: 0.25, by: 0.01, flip: true,
    reach: true});
  kinds.push({part: 'bone_uv', i: 1, label: 'Place, v', unit: '% of the chart', low: -8, high: 8, step: 0.25, by: 0.01, reach: true});
  for (const kind of kinds) {
    const width = bones.widths[kind.part], size = kind.part === 'log_scale';
    const get = (j = chosen) => {
      const [part, at] = kind.part === 'reach' ? ['mixture_factor', 3 * bones.K * j] : [kind.part, width * j + kind.i];
      return (state.base[part][at] - bones.start[part][at]) / (kind.by ?? Math.LN2);
    };
    const set = (x) => {
      const more = x - get(), image = bones.images[chosen], step = (kind.by ?? 1) * more;
      const numbers = kind.part === 'reach' ? [more] : Array.from({length: width}, (_, i) => size || i === kind.i ? step : 0);
      const moves = [[chosen, kind.part, numbers]];
      if ($('mirror').checked && image !== chosen) moves.push([image, kind.part, numbers.map((n) => kind.flip ? -n : n)]);
      bones.add(state.base, moves, 1);
    };
    range($('numbers'), {...kind, name: `one_${kind.part}_${kind.i}`}, get, set);
  }
  $('bone').addEventListener('change', () => choose(+$('bone').value));
  fillers.push(() => { $('bone').value = chosen; });
  $('dots').addEventListener('change', paint);
  $('rest').addEventListener('click', () => {
    remember('rest');
    const both = $('mirror').checked ? [chosen, bones.images[chosen]] : [chosen];
    for (const [part, width] of Object.entries(bones.widths)) {
      for (const j of both) state.base[part].set(bones.start[part].subarray(width * j, width * (j + 1)), width * j);
    }
    fill(); change(true);
  });
}

function choose(j) {
  chosen = j;
  fill(); show(drawn); describe();
}

// Someone else: a Gaussian over the motions of all bones, from people whom the bones were fitted to when this page was
// written. The numbers are drawn from the person's own number, so person 7 is the same on every device.
function person(number) {
  let seed = Math.imul(number, 0x9e3779b1);
  const uniform = () => {  // mulberry32
    seed = seed + 0x6d2b79f5 | 0;
    let t = Math.imul(seed ^ seed >>> 15, 1 | seed);
    t = t + Math.imul(t ^ t >>> 7, 61 | t) ^ t;
    return ((t ^ t >>> 14) >>> 0) / 4294967296;
  };
  const normal = () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
  const {mean, directions, count} = data.people, size = mean.length, motion = Float64Array.from(mean);
  for (let k = 0; k < count; k++) {
    const z = Math.min(2, Math.max(-2, normal()));
    for (let i = 0; i < size; i++) motion[i] += z * directions[k * size + i];
  }
  state.base = bones.copy(bones.start);
  bones.addMotion(state.base, motion, 1);
  state.person = number;
}

let asked = 0;
function buildButtons() {
  $('random').disabled = !data.people.count;
  $('random').addEventListener('click', () => { remember(`random${++asked}`); person(asked); fill(); change(true); });
  $('undo').addEventListener('click', undo);
  $('undo').disabled = true;
  $('reset').addEventListener('click', () => {
    remember('reset');
    state = {base: bones.copy(bones.start), amounts: {}, expression: -1, strength: 1, person: 0};
    fill(); change(true);
  });
  $('copy').addEventListener('click', async () => {
    $('text').value = bones.text(goal());
    try { await navigator.clipboard.writeText($('text').value); } catch { $('text').select(); document.execCommand('copy'); }
    $('told').textContent = 'Copied; the text stands above too.';
  });
  $('paste').addEventListener('click', () => {
    try {
      const base = bones.read($('text').value);
      remember('paste');
      state = {base, amounts: {}, expression: -1, strength: 1, person: 0};
      $('told').textContent = 'The face has this pose. The sliders start from it, at 0.';
      fill(); change();
    } catch (error) { $('told').textContent = `Nothing was changed. ${error.message}`; }
  });
  $('json').addEventListener('toggle', () => { if ($('json').open && !$('text').value) $('text').value = bones.text(goal()); });
  addEventListener('keydown', (event) => {
    const writing = event.target === $('text');
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === 'z' && !writing) { event.preventDefault(); undo(); }
  });
}

function trouble(words) { $('trouble').hidden = false; $('trouble').textContent = words; }

// ---- begin

async function begin() {
  try { face = new Face($('canvas'), data, bones); } catch (error) { trouble(error.message); return; }
  for (const e of data.expressions) e.motion = unpack(e.motion, Float32Array);
  for (const key of ['mean', 'directions']) data.people[key] = unpack(data.people[key], Float32Array);
  $('about').textContent = `${face.V.toLocaleString('en')} vertices, ${face.J} bones, ${bones.K} Gaussians a bone. `
    + 'Everything is computed here, in this page.';
  document.querySelector('.ramp i').style.background = `linear-gradient(to top, ${data.ramp.map((c) =>
    `rgb(${c.map((x) => Math.round(255 * x))})`)})`;
  if (data.skin) face.dress(await createImageBitmap(new Blob([unpack(data.skin, Uint8Array)], {type: 'image/jpeg'}),
    {imageOrientation: 'flipY'}));
  const looks = data.skin ? LOOKS : LOOKS.slice(1), shift = LOOKS.length - looks.length;
  chips($('looks'), 'look', looks, () => look - shift, (i) => { look = i + shift; $('legend').hidden = look !== 3; paint(); describe(); });
  chips($('expressions'), 'expression', ['None', ...data.expressions.map((e) => e.label)], () => state.expression + 1,
    (i) => { remember(`expression${i}`); state.expression = i - 1; change(true); });
  $('expressions').hidden = !data.expressions.length;
  buildSliders(); buildBone(); buildButtons(); buildCamera();
  face.pose(bones.blocks(bones.start), chosen);
  first = before = face.positions();
  frame(first);
  measure();
  fill(); change();
  // for tests, and for whoever likes to try things in the browser's console
  window.playground = {bones, face, camera, sharp, goal, show, state: () => state, ready: true};
}
begin();
