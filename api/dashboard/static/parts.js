// What the fleet and the page of one Rollout draw alike.

import { h, s } from "./dom.js";
import { percent } from "./text.js";

/** The shares of the traffic as a bar: stable plain, canary hatched as well as coloured. */
export function bar(view, { tall = false } = {}) {
  const weight = view.traffic?.desired ?? 0;
  const height = tall ? 20 : 12;
  const name = weight ? `${percent(weight)} to the canary` : "all traffic to the stable version";
  const stretched = { viewBox: `0 0 100 ${height}`, preserveAspectRatio: "none" };
  return s(
    "svg",
    { class: "bar-of-shares", ...stretched, role: "img", "aria-label": name },
    s("rect", { class: "stable", width: 100, height }),
    s("rect", { class: "canary", x: 100 - weight, width: weight, height }),
    ...hatches(weight, height),
  );
}

function hatches(weight, height) {
  const found = [];
  for (let x = 100 - weight + 1; x < 100; x += 2) found.push(s("rect", { class: "hatch", x, width: 0.7, height }));
  return found;
}

/** Whether a step is `done`, `now`, `taken-back` or `to-come`; `entered` are the names of those with traffic so far. */
export function stateOf(view, index, entered = []) {
  const run = view.run;
  if (!run || (run.outcome && !run.stable)) return "to-come"; // a first version goes through none
  if (run.outcome === "promoted" || ["Switching", "Baking", "Finishing"].includes(run.stage)) return "done";
  if (run.stage === "Aborting" || run.outcome) {
    const last = view.steps.findIndex((step) => step.name === entered.at(-1));
    return index < last ? "done" : index === last ? "taken-back" : "to-come";
  }
  const now = view.step?.index ?? -1;
  if (index < now) return "done";
  return index === now && run.stage === "Stepping" ? "now" : "to-come";
}

/** The steps as dots: how far it is, at a glance. */
export function dots(view) {
  const all = view.steps.map((_, index) => stateOf(view, index));
  const done = all.filter((each) => each === "done").length;
  const said = `${done} of ${all.length} steps done`;
  const shown = all.slice(0, 12).map((each) => h("i", { class: each }));
  return h("span", { class: "dots", role: "img", "aria-label": said, title: said }, shown);
}

/** Since when it is as it is. */
export function since(view) {
  const run = view.run;
  return (run?.outcome ? (run.endedAt ?? run.since) : run?.startedAt) ?? view.created;
}

/** When its sentence was written, where that is not now: the one that a run ended with is kept. */
export function written({ run, phase }) {
  return run?.outcome && ["Aborted", "Healthy"].includes(phase) ? run.endedAt : null;
}

/** The tab's icon and title: how it is, before anybody looks. */
export function tab(title, band) {
  document.title = title;
  const icon = document.querySelector("link[rel=icon]");
  const name = { "needs you": "needs.svg", moving: "moving.svg" }[band] ?? "quiet.svg";
  const wanted = icon.href.replace(/[^/]+$/, name);
  if (icon.href !== wanted) icon.href = wanted;
}
