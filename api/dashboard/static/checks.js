// The checks of a run: what each says, both sides, and how they went, on one time axis with one crosshair.

import { axis, chart, cross, momentAt, readout } from "./chart.js";
import { fill, h, keyed, say } from "./dom.js";
import { drawable, lineOf, span, weights } from "./series.js";
import { local, number } from "./text.js";

const WORDS = {
  pass: "fine",
  regress: "worse",
  notEnoughData: "too little data yet",
  noData: "no data",
  providerDown: "source down",
};

const SUSPICIOUS = 20; // evidence from which a step is not left

let moment = null; // of the crosshair
let width = 0;
const list = document.querySelector("[data-checks]");

/** Draw the checks of this view. */
export function drawChecks(view) {
  if (!view.checks.length) {
    fill(list, h("p", { class: "empty" }, empty(view)));
    return;
  }
  list.querySelector(".empty")?.remove();
  const rows = [...view.checks, { name: "\ntimes" }];
  keyed(list, rows, { key: (each) => each.name, make, update: (element, check) => update(element, check, view) });
}

function empty(view) {
  const moving = view.run && !view.run.outcome;
  if (moving && view.run.stage === "Initial") return "The first version has nothing to be compared with.";
  if (moving) return "As soon as the new version gets traffic, each check is here with both versions side by side.";
  return "With the next release, each check is here with both versions side by side.";
}

function make(check) {
  if (check.name === "\ntimes") return h("div", { class: "check times" }, h("div", { class: "plot" }));
  return h(
    "article",
    { class: "check", "data-check": check.name },
    h("header", {}, h("h3", {}, check.name), h("span", { class: "state" })),
    h(
      "dl",
      { class: "sides" },
      h("div", {}, h("dt", { class: "stable" }, "stable"), h("dd", { "data-side": "stable" })),
      h("div", {}, h("dt", { class: "canary" }, "canary"), h("dd", { "data-side": "canary" })),
      h("div", {}, h("dt", {}, "by chance"), h("dd", { class: "likelihood" })),
    ),
    h("p", { class: "words" }),
    h("div", { class: "plot" }),
    h("p", { class: "readout" }),
  );
}

function update(element, check, view) {
  if (check.name === "\ntimes") {
    element.querySelector(".plot").replaceChildren(...(drawable() ? [axis(span(view), width || 600)] : []));
    return;
  }
  const state = element.querySelector(".state");
  const suspicious = check.state === "notEnoughData" && check.evidence >= SUSPICIOUS;
  say(state, suspicious ? "suspicious" : (WORDS[check.state] ?? check.state));
  state.dataset.state = suspicious ? "suspicious" : check.state;
  for (const side of ["stable", "canary"]) side_(element, check, side);
  say(element.querySelector(".likelihood"), check.likelihood ?? "–");
  element.querySelector(".likelihood").parentElement.hidden = !check.likelihood;
  const words = [sentenceOf(check), check.outlook].filter(Boolean).join("; ");
  say(element.querySelector(".words"), local(words, view.run?.endedAt));
  plot(element, check, view);
}

/** A check's sentence without its name, which stands above it. */
function sentenceOf(check) {
  const prefix = `${check.name}: `;
  return check.message.startsWith(prefix) ? check.message.slice(prefix.length) : check.message;
}

function side_(element, check, side) {
  const requests = side === "canary" ? check.requests : check.stableRequests;
  const bad = side === "canary" ? check.bad : check.stableBad;
  const place = element.querySelector(`[data-side=${side}]`);
  const counted = requests ? `${(bad ?? 0).toLocaleString("en")} of ${requests.toLocaleString("en")}` : "";
  fill(place, h("b", {}, number(check[side], check.unit)), counted && h("span", { class: "counted" }, counted));
}

function plot(element, check, view) {
  const place = element.querySelector(".plot");
  const line = lineOf(check.name);
  if (!line || line.points.length < 2) {
    const told = view.run?.outcome && !line ? "No chart: the controller was started anew since this run." : "";
    fill(place, told && h("p", { class: "empty" }, told));
    return;
  }
  width = Math.max(280, Math.floor(place.clientWidth));
  place.replaceChildren(chart(line, { span: span(view), weights: weights(), width }));
  point(element, line, view);
}

function point(element, line, view) {
  const drawing = element.querySelector("svg");
  if (drawing) cross(drawing, moment, span(view), width);
  say(element.querySelector(".readout"), moment === null ? "" : readout(line, moment));
}

/** Have the crosshair follow the pointer on all charts at once; `view()` is what is drawn. */
export function followPointer(view) {
  const move = (event) => {
    const under = event.type !== "pointerleave" && event.target.closest?.("[data-check] .plot");
    const left = under && under.getBoundingClientRect().left;
    const next = under ? momentAt(event.clientX - left, span(view()), width) : null;
    if (next === moment) return;
    moment = next;
    for (const element of list.querySelectorAll("[data-check]")) {
      const line = lineOf(element.dataset.check);
      if (line) point(element, line, view());
    }
  };
  list.addEventListener("pointermove", move);
  list.addEventListener("pointerleave", move);
}
