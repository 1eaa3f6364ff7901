// The sliders of the playground: those for the whole face, and those of one bone.

function buildSliders() {
  const homes = {};
  for (const slider of data.sliders) {
    if (!homes[slider.group]) {
      const home = document.createElement("details");
      homes[slider.group] = home;
      home.open = true;
      home.innerHTML = "<summary></summary>";
      home.firstChild.textContent = slider.group;
      if (slider.group === "Reach and place") {
        home.insertAdjacentHTML(
          "beforeend",
          '<p class="hint">Not a motion: how far bones reach, and where on the face they sit. ' +
            "You see it once those bones have moved.</p>",
        );
      }
      $("sliders").append(home);
    }
    slider.reach = ["×", "% of the chart"].includes(slider.unit);
    range(
      homes[slider.group],
      slider,
      () => state.amounts[slider.name] ?? 0,
      (x) => {
        state.amounts[slider.name] = x;
      },
    );
  }
  range(
    $("strength"),
    { name: "strength", label: "Strength", unit: "%", low: 0, high: 120, step: 5 },
    () => 100 * state.strength,
    (x) => {
      state.strength = x / 100;
    },
  );
  $("strength").querySelector(".row").hidden = !data.expressions.length;
}

// One bone: its sliders hold what `base` has more than the first face, and write both sides where asked.
function buildBone() {
  for (const [j, name] of bones.names.entries()) $("bone").add(new Option(readable(name), j));
  const move = { part: "translation", unit: "mm", low: -20, high: 20, step: 0.5, by: 1 };
  const turn = { part: "rotation", unit: "°", low: -45, high: 45, step: 1, by: Math.PI / 180 };
  const place = { part: "bone_uv", unit: "% of the chart", low: -8, high: 8, step: 0.25, by: 0.01, reach: true };
  const kinds = [
    ...["Move to the left", "Move up", "Move out"].map((label, i) => ({ ...move, i, label, flip: i === 0 })),
    ...["Turn about x", "Turn about y", "Turn about z"].map((label, i) => ({ ...turn, i, label, flip: i > 0 })),
    { part: "log_scale", i: 0, label: "Size", unit: "×", low: -1, high: 1, step: 0.05, by: Math.LN2, reach: false },
    { part: "reach", i: 0, label: "Reach", unit: "×", low: -2, high: 2, step: 0.1, reach: true },
    ...["Place, u", "Place, v"].map((label, i) => ({ ...place, i, label, flip: i === 0 })),
  ];
  for (const kind of kinds) {
    const width = bones.widths[kind.part],
      size = kind.part === "log_scale";
    const get = (j = chosen) => {
      const [part, at] = kind.part === "reach" ? ["mixture_factor", 3 * bones.K * j] : [kind.part, width * j + kind.i];
      return (state.base[part][at] - bones.start[part][at]) / (kind.by ?? Math.LN2);
    };
    const set = (x) => {
      const more = x - get(),
        image = bones.images[chosen],
        step = (kind.by ?? 1) * more;
      const numbers =
        kind.part === "reach" ? [more] : Array.from({ length: width }, (_, i) => (size || i === kind.i ? step : 0));
      const moves = [[chosen, kind.part, numbers]];
      if ($("mirror").checked && image !== chosen)
        moves.push([image, kind.part, numbers.map((n) => (kind.flip ? -n : n))]);
      bones.add(state.base, moves, 1);
      state.own = true;
    };
    range($("numbers"), { ...kind, name: `one_${kind.part}_${kind.i}` }, get, set);
  }
  $("bone").addEventListener("change", () => choose(+$("bone").value));
  fillers.push(() => {
    $("bone").value = chosen;
  });
  $("dots").addEventListener("change", paint);
  $("rest").addEventListener("click", () => {
    remember("rest");
    const both = $("mirror").checked ? [chosen, bones.images[chosen]] : [chosen];
    state.own = true;
    for (const [part, width] of Object.entries(bones.widths)) {
      for (const j of both) state.base[part].set(bones.start[part].subarray(width * j, width * (j + 1)), width * j);
    }
    fill();
    change(true);
  });
}

function choose(j) {
  chosen = j;
  fill();
  show(drawn);
  describe();
}
