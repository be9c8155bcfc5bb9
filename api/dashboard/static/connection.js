// Says how old what is shown is, while the controller cannot be heard.

import { clock, span } from "./text.js";
import { say } from "./dom.js";

/** The banner: tell it of each sign of life and of each loss. */
export function connection(banner = document.querySelector("[data-connection]")) {
  let alive = null;
  let lost = null;

  function draw() {
    banner.hidden = lost === null;
    if (lost === null) return;
    const age = alive ? ` What you see is from ${clock(alive)}, ${span(Date.now() - alive)} old.` : "";
    say(banner, `${lost}${age} Trying again.`);
  }

  setInterval(draw, 1000);
  return {
    alive: () => {
      alive = Date.now();
      if (lost !== null) ((lost = null), draw());
    },
    lost: (sentence) => ((lost = sentence), draw()),
  };
}
