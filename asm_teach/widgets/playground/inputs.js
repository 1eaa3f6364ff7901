// Sliders and chips: each knows how to read its number from the state, and how to set it there. A page that uses them
// says what `value` a slider shows, what to `remember` before a change, and how to `change` the picture after it.

const fillers = [];
function range(home, slider, get, set) {
  const row = document.createElement("div"),
    id = `s_${slider.name}`;
  row.className = "row";
  row.innerHTML = '<label></label><input type="range"><output></output>';
  const [label, input, output] = row.children;
  label.textContent = slider.label;
  label.htmlFor = output.htmlFor = input.id = id;
  Object.assign(input, { min: slider.low, max: slider.high, step: slider.step });
  const tell = () => {
    output.textContent = value(slider, +input.value);
    input.ariaValueText = output.textContent;
  };
  input.addEventListener("input", () => {
    remember(id);
    set(+input.value);
    tell();
    change();
    if (slider.reach) describe("reach");
  });
  fillers.push(() => {
    input.value = get();
    tell();
  });
  home.append(row);
}

function chips(home, name, labels, get, set, when = "change") {
  labels.forEach((text, i) => {
    const label = document.createElement("label"),
      input = document.createElement("input");
    Object.assign(input, { type: "radio", name, value: i, checked: get() === i });
    input.addEventListener(when, () => set(i));
    label.append(input, text);
    home.append(label);
  });
  fillers.push(() =>
    home.querySelectorAll("input").forEach((input, i) => {
      input.checked = get() === i;
    }),
  );
}

function fill() {
  for (const f of fillers) f();
}
