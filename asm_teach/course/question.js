// One question: a field set of radio buttons or a text field (native ones, so that Tab and arrow keys work as everywhere),
// a button, and a live region that is there from the start: a screen reader reads out what changes in it.
let made = 0;

function radios(model, fieldset) {
  made += 1;
  const name = `asm-question-${made}`;
  const found = model.get("choices").map((choice, index) => {
    const label = document.createElement("label");
    const radio = document.createElement("input");
    const text = document.createElement("span");
    radio.type = "radio";
    radio.name = name;
    radio.addEventListener("change", () => {
      model.set("chosen", index);
      model.save_changes();
    });
    text.innerHTML = choice;
    label.append(radio, text);
    fieldset.append(label);
    return radio;
  });
  const show = () => {
    for (const [index, radio] of found.entries()) radio.checked = index === model.get("chosen");
  };
  return { show, read: () => {} };
}

function line(model, fieldset) {
  const field = document.createElement("input");
  field.type = "text";
  field.maxLength = 400;
  field.setAttribute("aria-label", fieldset.textContent);
  fieldset.append(field);
  // JupyterLab keeps Enter in a line of text from answering, as it would everywhere else.
  field.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.isComposing) return;
    event.preventDefault();
    field.form.requestSubmit();
  });
  // Sent with the button and not letter by letter: a kernel that is busy would answer each of them later.
  const read = () => model.set("written", field.value);
  let shown = null;
  const show = () => {
    if (model.get("written") === shown) return; // what is being typed stays
    shown = model.get("written");
    field.value = shown;
  };
  return { show, read };
}

export default {
  render({ model, el }) {
    const form = document.createElement("form");
    const fieldset = document.createElement("fieldset");
    const legend = document.createElement("legend");
    const said = document.createElement("div");
    const button = document.createElement("button");
    form.className = "asm-question";
    legend.innerHTML = model.get("legend");
    fieldset.append(legend);
    const answer = (model.get("choices").length ? radios : line)(model, fieldset);
    button.type = "submit";
    button.textContent = model.get("button");
    said.className = "asm-question-said";
    said.setAttribute("role", "status");
    said.setAttribute("aria-live", "polite");
    form.append(fieldset, button, said);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      answer.read();
      model.set("presses", model.get("presses") + 1);
      model.save_changes();
    });
    // The notebook has keys of its own (arrows leave the cell) and looks at the focused element: here they are the question's.
    for (const node of form.querySelectorAll("input, button")) node.setAttribute("data-lm-suppress-shortcuts", "true");

    const show = () => {
      answer.show();
      form.dataset.state = model.get("state");
      if (said.innerHTML !== model.get("said")) said.innerHTML = model.get("said");
    };
    model.on("change", show);
    show();
    el.append(form);
    return () => model.off("change", show);
  },
};
