// Says how old what is shown is, while the controller cannot be heard.

import { clock, span } from "./text.js";
import { say } from "./dom.js";

/** The banner: tell it of each sign of life, of each loss, and for how long the cluster has said nothing. */
export function connection(banner = document.querySelector("[data-connection]")) {
  let alive = null;
  let lost = null;
  let silent = null; // since when the controller hears nothing

  function draw() {
    banner.hidden = lost === null && silent === null;
    if (lost !== null) {
      const age = alive ? ` What you see is from ${clock(alive)}, ${span(Date.now() - alive)} old.` : "";
      say(banner, `${lost}${age} Trying again.`);
    } else if (silent !== null) {
      const age = span(Date.now() - silent);
      say(banner, `The controller has heard nothing from the cluster for ${age}: what you see is as old as that.`);
    }
  }

  setInterval(draw, 1000);
  return {
    alive: () => {
      alive = Date.now();
      if (lost !== null) ((lost = null), draw());
    },
    lost: (sentence) => ((lost = sentence), draw()),
    silent: (seconds) => ((silent = seconds === null ? null : Date.now() - seconds * 1000), draw()),
  };
}
