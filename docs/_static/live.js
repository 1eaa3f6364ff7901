// The playground on the start page would turn the wheel and a finger's stroke into a turn of the head. So it does nothing
// until it is asked to: a click, or Enter on the button, hands it over.
addEventListener("DOMContentLoaded", () => {
  for (const live of document.querySelectorAll(".live")) {
    const [frame, button] = [live.querySelector("iframe"), live.querySelector("button")];
    button.addEventListener("click", () => {
      button.remove();
      frame.focus();
    });
  }
});
