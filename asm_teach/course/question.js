// One question: a field set of radio buttons (native ones, so that Tab and arrow keys work as everywhere), a button, and
// a live region that is there from the start: a screen reader reads out what changes in it.
let made = 0;

export default {
  render({ model, el }) {
    made += 1;
    const name = `asm-question-${made}`;
    const form = document.createElement("form");
    const fieldset = document.createElement("fieldset");
    const legend = document.createElement("legend");
    const said = document.createElement("div");
    const button = document.createElement("button");
    form.className = "asm-question";
    legend.innerHTML = model.get("legend");
    fieldset.append(legend);
    model.get("choices").forEach((choice, index) => {
      const label = document.createElement("label");
      const radio = document.createElement("input");
      const text = document.createElement("span");
      radio.type = "radio";
      radio.name = name;
      radio.value = String(index);
      radio.addEventListener("change", () => {
        model.set("chosen", index);
        model.save_changes();
      });
      text.innerHTML = choice;
      label.append(radio, text);
      fieldset.append(label);
    });
    button.type = "submit";
    button.textContent = "Answer";
    said.className = "asm-question-said";
    said.setAttribute("role", "status");
    said.setAttribute("aria-live", "polite");
    form.append(fieldset, button, said);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      model.set("presses", model.get("presses") + 1);
      model.save_changes();
    });
    // The notebook has keys of its own (arrows leave the cell) and looks at the focused element: here they are the question's.
    for (const node of form.querySelectorAll("input, button")) node.setAttribute("data-lm-suppress-shortcuts", "true");

    const show = () => {
      const chosen = model.get("chosen");
      fieldset.querySelectorAll("input").forEach((radio, index) => {
        radio.checked = index === chosen;
      });
      form.dataset.state = model.get("state");
      if (said.innerHTML !== model.get("said")) said.innerHTML = model.get("said");
    };
    model.on("change", show);
    show();
    el.append(form);
    return () => model.off("change", show);
  },
};
