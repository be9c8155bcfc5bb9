// The checks of a run: what each says, both sides, and how they went, on one time axis with one crosshair.

import { axis, chart, cross, momentAt, readout } from "./chart.js";
import { fill, h, keyed, say } from "./dom.js";
import { local, number } from "./text.js";

const WORDS = {
  pass: "fine",
  regress: "worse",
  notEnoughData: "too little data yet",
  noData: "no data",
  providerDown: "source down",
};
const REPEAT = 15_000;

let series = null; // what the charts are drawn from: the server's, and what was heard since
let moment = null; // of the crosshair
let width = 0;
const list = document.querySelector("[data-checks]");

/** Take the whole series, as after each connection; what this page saw before the server began is kept. */
export function takeSeries(fresh) {
  if (series?.run === fresh.run) {
    for (const line of fresh.checks) {
      const known = series.checks.find((each) => each.name === line.name);
      const first = line.points[0]?.at;
      line.points = [...(known?.points ?? []).filter((each) => !first || each.at < first), ...line.points];
    }
    const first = fresh.weights[0]?.at;
    fresh.weights = [...series.weights.filter((each) => !first || each.at < first), ...fresh.weights];
    const names = new Set(fresh.checks.map((each) => each.name));
    fresh.checks.push(...series.checks.filter((each) => !names.has(each.name)));
  }
  series = fresh;
}

/** Take what a Rollout says now as one more point. */
export function takeView(view, at = new Date().toISOString()) {
  if (!view.run || view.run.stage === "Done") return;
  const { number: run, startedAt } = view.run;
  if (series?.run !== run) series = { run, startedAt, weights: [], checks: [] };
  const weight = view.traffic?.desired;
  if (weight !== undefined && series.weights.at(-1)?.weight !== weight) series.weights.push({ at, weight });
  for (const check of view.checks) add(check, at);
}

function add(check, at) {
  const point = { at, stable: check.stable ?? null, canary: check.canary ?? null, evidence: check.evidence ?? null };
  if (point.stable === null && point.canary === null && point.evidence === null) return;
  let line = series.checks.find((each) => each.name === check.name);
  if (!line) {
    line = { name: check.name, unit: check.unit ?? null, bar: null, ceiling: null, points: [] };
    series.checks.push(line);
  }
  const last = line.points.at(-1);
  const same = last && ["stable", "canary", "evidence"].every((name) => last[name] === point[name]);
  if (!same || Date.parse(at) - Date.parse(last.at) >= REPEAT) line.points.push(point);
}

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
    const some = series?.checks.some((each) => each.points.length > 1);
    element.querySelector(".plot").replaceChildren(...(some ? [axis(span(view), width || 600)] : []));
    return;
  }
  const state = element.querySelector(".state");
  say(state, WORDS[check.state] ?? check.state);
  state.dataset.state = check.state;
  for (const side of ["stable", "canary"]) side_(element, check, side);
  say(element.querySelector(".likelihood"), check.likelihood ?? "–");
  element.querySelector(".likelihood").parentElement.hidden = !check.likelihood;
  say(element.querySelector(".words"), local([sentenceOf(check), check.outlook].filter(Boolean).join("; ")));
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
  const line = series?.checks.find((each) => each.name === check.name);
  if (!line || line.points.length < 2) {
    const told = view.run?.outcome && !line ? "No chart: the controller was started anew since this run." : "";
    fill(place, told && h("p", { class: "empty" }, told));
    return;
  }
  width = Math.max(280, Math.floor(place.clientWidth));
  place.replaceChildren(chart(line, { span: span(view), weights: series.weights, width }));
  point(element, line, view);
}

/** From the first point to now, or to the last one of a run that is over. */
function span(view) {
  const ends = series.checks.flatMap((each) => [each.points[0], each.points.at(-1)]).filter(Boolean);
  const times = ends.map((each) => Date.parse(each.at));
  const to = view.run?.outcome ? Math.max(...times) : Math.max(Date.now(), ...times);
  return [Math.min(...times), to];
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
      const line = series?.checks.find((each) => each.name === element.dataset.check);
      if (line) point(element, line, view());
    }
  };
  list.addEventListener("pointermove", move);
  list.addEventListener("pointerleave", move);
}
