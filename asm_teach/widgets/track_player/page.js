// The page of the track player: what the face does, its sliders, and the words under the picture.

const $ = (id) => document.getElementById(id);
const data = JSON.parse($("data").textContent);
const GROUPS = { eye: "Eyes", brow: "Brows", jaw: "Jaw", mouth: "Mouth", cheek: "Cheeks", nose: "Nose" };
const HEAD_SLIDERS = [
  ["turn", "Turn to the left", 60],
  ["raise", "Look up", 40],
  ["tilt", "Tilt to the right", 40],
].map(([name, label, most]) => ({ name, label, unit: "°", low: -most, high: most, step: 1 }));

const rest = () => ({ amounts: data.shapes.map(() => 0), head: [0, 0, 0, 1], edits: data.edits.map(() => 0) });
let state = rest(),
  face = null,
  performer = null;

// ---- from the state to the picture

const manner = () => ({ look: data.skin ? 0 : 1 });

function show() {
  performer.pose(state.amounts, state.head, state.edits);
  face.place(performer.spread(performer.at), performer.spread(performer.normal));
  paint();
}

// What the sliders call: a hand on one of them holds the track.
function remember() {
  pause();
}

function change() {
  show();
  describe();
}

function value({ unit }, x) {
  if (unit === "mm") return `${x} mm`.replace("-", "−");
  return unit === "°" ? `${Math.round(x)}°`.replace("-", "−") : `${Math.round(x)} %`;
}

// ---- words

// mouthSmileLeft of the group Mouth: "Smile, left".
function label(name) {
  const start = Object.keys(GROUPS).find((one) => name.startsWith(one)) ?? "",
    own = name.slice(start.length);
  if (/^(Left|Right)$/.test(own)) return `To the ${own.toLowerCase()}`;
  const words = own
    .replace(/(Left|Right)$/, ", $1")
    .replace(/([a-z])([A-Z])/g, "$1 $2")
    .toLowerCase();
  return words[0].toUpperCase() + words.slice(1);
}

const group = (name) => GROUPS[Object.keys(GROUPS).find((one) => name.startsWith(one))] ?? "Other";

let timer = 0;
function describe() {
  clearTimeout(timer);
  timer = setTimeout(() => {
    const shapes = data.shapes
      .map(({ name }, k) => [state.amounts[k], `${group(name).toLowerCase()} ${label(name).toLowerCase()}`])
      .filter(([amount]) => Math.abs(amount) >= 0.05)
      .sort(([a], [b]) => b - a);
    const parts = shapes.slice(0, 4).map(([amount, words]) => `${words} ${Math.round(100 * amount)} %`);
    if (shapes.length > 4) parts.push(`and ${shapes.length - 4} more shapes`);
    const turns = angles(state.head);
    HEAD_SLIDERS.forEach(({ label: words }, k) => {
      if (Math.abs(turns[k]) >= 1) parts.push(`${words.toLowerCase()} ${value({ unit: "°" }, turns[k])}`);
    });
    data.edits.forEach(({ label: words }, k) => {
      if (state.edits[k]) parts.push(`${words.toLowerCase()} ${value({ unit: "mm" }, state.edits[k])}`);
    });
    const now = player.track && player.time > 0 ? `At ${player.time.toFixed(2)} s: ` : "",
      doing = player.playing ? `Playing at ${player.speed} times the speed; ${seen()}.` : "";
    $("said").textContent =
      doing ||
      `${now}${parts.length ? parts.join(", ") : "the face at rest"}; ${seen()}.`.replace(/^./, (c) => c.toUpperCase());
  }, 300);
}

function trouble(words) {
  $("trouble").hidden = false;
  $("trouble").textContent = words;
}

// ---- sliders

function buildSliders() {
  const homes = {};
  const home = (name) => {
    if (!homes[name]) {
      homes[name] = document.createElement("details");
      homes[name].innerHTML = "<summary></summary>";
      homes[name].firstChild.textContent = name;
      $("sliders").append(homes[name]);
    }
    return homes[name];
  };
  const add = (name, slider, get, set) => {
    range(home(name), slider, get, set);
    home(name).lastChild.dataset.words = `${name} ${slider.label} ${slider.name}`.toLowerCase();
  };
  data.shapes.forEach(({ name }, k) => {
    add(
      group(name),
      { name, label: label(name), unit: "%", low: 0, high: 100, step: 1 },
      () => 100 * state.amounts[k],
      (x) => {
        state.amounts[k] = x / 100;
      },
    );
  });
  if (data.turns)
    HEAD_SLIDERS.forEach((slider, k) => {
      add(
        "Head",
        slider,
        () => angles(state.head)[k],
        (x) => {
          const turns = angles(state.head);
          turns[k] = x;
          state.head = quaternion(turns);
        },
      );
    });
  data.edits.forEach((slider, k) => {
    add(
      "Edit",
      { ...slider, unit: "mm" },
      () => state.edits[k],
      (x) => {
        state.edits[k] = x;
      },
    );
  });
  for (const name of ["Mouth", "Head"]) if (homes[name]) homes[name].open = true;
  $("find").addEventListener("input", () => search($("find").value));
}

function search(text) {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  let found = 0;
  for (const home of document.querySelectorAll("#sliders details")) {
    const rows = [...home.querySelectorAll(".row")];
    for (const row of rows) row.hidden = !words.every((word) => row.dataset.words.includes(word));
    const here = rows.filter((row) => !row.hidden).length;
    home.hidden = !here;
    if (words.length) home.open = here > 0;
    found += here;
  }
  $("found").textContent = words.length
    ? `${found} of ${data.shapes.length + 3 * data.turns + data.edits.length} sliders`
    : "";
}

// ---- begin

async function begin() {
  performer = new Performer(data);
  try {
    face = new Surface($("canvas"), data, performer.drawn, unpack(data.uv, Float32Array));
  } catch (error) {
    trouble(error.message);
    return;
  }
  if (data.track) player.track = new Track(data.track, data.shapes.length);
  const recorded = data.track
    ? ` A ${data.track.sound ? "spoken sentence" : "recorded face"} of ${player.track.seconds.toFixed(1)} s, ${player.track.times.length} frames.`
    : "";
  $("about").textContent =
    `${face.V.toLocaleString("en")} vertices, ${data.shapes.length} shapes.${recorded} Everything is computed in this page.`;
  if (data.skin) await face.dress(data.skin);
  buildSliders();
  buildPlayer();
  $("reset").addEventListener("click", () => {
    pause();
    state = rest();
    player.time = 0;
    fill();
    change();
  });
  buildCamera();
  performer.pose(state.amounts, state.head);
  face.place(performer.spread(performer.at), performer.spread(performer.normal));
  frame(face.positions());
  [camera.azimuth, camera.elevation] = data.views["three-quarter"];
  camera.view = "three-quarter";
  sharp.fine = sharp.quick = 1;
  fill();
  change();
  setTimeout(() => {
    measure(); // after the first picture, which a slow device would wait for
    paint();
  }, 100);
  // for tests, and for whoever likes to try things in the browser's console
  window.avatar = { face, performer, player, go, state: () => state, ready: performance.now() };
}
begin().catch((error) => trouble(`The page could not start: ${error.message}`));
