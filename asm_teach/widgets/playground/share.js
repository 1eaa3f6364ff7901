// What a person takes away: a picture of the face, and a link that holds what was set here.

// The state as the fragment of an address, such as #person=3&tone=2&expression=Smile&strength=80&nose_width=4.5&view=35,10,1.2
// A face whose bones were set one by one, or pasted, is written as the pose that the text field holds.
function fragment() {
  const at = new URLSearchParams(),
    { azimuth, elevation, zoom } = camera;
  if (state.person) at.set("person", state.person);
  if (state.tone) at.set("tone", state.tone);
  if (state.own) at.set("pose", bones.text(state.base));
  if (state.expression >= 0) {
    at.set("expression", data.expressions[state.expression].label);
    at.set("strength", Math.round(100 * state.strength));
  }
  for (const { name } of data.sliders) if (state.amounts[name]) at.set(name, state.amounts[name]);
  at.set("view", [azimuth, elevation].map(Math.round).concat(zoom.toFixed(2)).join(","));
  return at;
}

// Set what a fragment says; what it says wrongly is left as it is. True if it says anything.
function follow(text) {
  const at = new URLSearchParams(text.replace(/^#/, "")),
    whole = (name, most) => (/^\d{1,6}$/.test(at.get(name) ?? "") && +at.get(name) < most ? +at.get(name) : 0);
  if (![...at.keys()].length) return false;
  state = rest();
  if (whole("person", 1e6) && data.people.count) person(whole("person", 1e6));
  state.tone = at.has("tone") ? whole("tone", Math.max(1, data.tints.length)) : 0;
  if (at.has("pose")) {
    try {
      Object.assign(state, { base: bones.read(at.get("pose")), own: true });
    } catch (error) {
      trouble(`The link holds a pose that does not fit. ${error.message}`);
    }
  }
  state.expression = data.expressions.findIndex((e) => e.label === at.get("expression"));
  if (at.has("strength")) state.strength = whole("strength", 121) / 100;
  for (const { name, low, high } of data.sliders) {
    const x = Number(at.get(name) ?? 0);
    if (Number.isFinite(x) && x) state.amounts[name] = Math.min(high, Math.max(low, x));
  }
  const [azimuth, elevation, zoom] = (at.get("view") ?? "").split(",").map(Number);
  if ([azimuth, elevation, zoom].every(Number.isFinite)) {
    Object.assign(camera, { azimuth: 0, elevation: 0, zoom: 1, aside: [0, 0] });
    turn(azimuth, elevation, zoom);
  }
  return true;
}

async function copyText(text, field) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    field?.select();
    return field ? document.execCommand("copy") : false;
  }
}

// The picture on its stage, as large as the screen shows it.
function portraitPicture() {
  draw(sharp.fine);
  const { canvas } = face,
    { width, height } = canvas,
    sheet = Object.assign(document.createElement("canvas"), { width, height }),
    pen = sheet.getContext("2d"),
    ground = pen.createRadialGradient(width / 2, 0.38 * height, 0, width / 2, 0.38 * height, 0.75 * width);
  for (const [at, colour] of [
    [0, "#838c98"],
    [0.55, "#4d5661"],
    [1, "#262c34"],
  ])
    ground.addColorStop(at, colour);
  pen.fillStyle = ground;
  pen.fillRect(0, 0, width, height);
  pen.drawImage(canvas, 0, 0);
  return sheet;
}

function buildShare() {
  const linked = /^(https?|file):$/.test(location.protocol); // a frame in a notebook has no address of its own
  $("link").hidden = !linked;
  $("link").addEventListener("click", async () => {
    const address = `${location.href.split("#")[0]}#${fragment()}`;
    if (address.length > 30_000) return describe("This face is too large for a link: copy its pose as JSON, below.");
    history.replaceState(null, "", address);
    const copied = await copyText(address);
    describe(copied ? "The link is copied." : "The link stands in the address bar: copy it from there.");
  });
  $("picture").addEventListener("click", () => {
    const name = state.person ? `person_${state.person}.png` : "face.png";
    portraitPicture().toBlob((file) => {
      const at = URL.createObjectURL(file);
      Object.assign(document.createElement("a"), { href: at, download: name }).click();
      setTimeout(() => URL.revokeObjectURL(at), 10_000);
      describe(`The picture is saved as ${name}.`);
    });
  });
  if (linked) addEventListener("hashchange", () => follow(location.hash) && arrive());
}

function arrive() {
  asked = Math.max(asked, state.person);
  fill();
  change();
}
