// Keys work wherever nobody is typing and no dialog is open.

const help = document.querySelector("#help");

/** Call `bindings[key]` when that key is pressed. */
export function keys(bindings) {
  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest("input, textarea, select, [contenteditable]");
    if (typing || event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    const action = { "?": () => help.showModal(), ...bindings }[event.key];
    if (action) (event.preventDefault(), action());
  });
  document.querySelector("[data-help]").addEventListener("click", () => help.showModal());
}
