// The recorded runs of a Rollout, newest first.

import { fill, h, keyed } from "./dom.js";
import { ago, called, clock, local, number, percent, span } from "./text.js";

const list = document.querySelector("[data-runs]");

/** Show these runs; one that was unfolded stays so. */
export function drawRuns(runs) {
  if (!runs.length) {
    const none = "No run is recorded yet. Each release is kept here with its steps and its checks.";
    fill(list, h("li", { class: "empty" }, none));
    return;
  }
  list.querySelector(".empty")?.remove();
  keyed(list, runs, { key: (run) => run.number, make: () => h("li", {}), update: draw });
}

/** What a run's version has that the one it replaces has not, as a sentence; null where that is not known. */
export function difference(run) {
  if (!run?.changes) return null;
  return run.changes.length ? `What changed: ${run.changes.join(", ")}.` : "Nothing in the pod template changed.";
}

function draw(element, run) {
  const open = element.querySelector("details")?.open ?? false;
  fill(
    element,
    h(
      "details",
      { open },
      h(
        "summary",
        {},
        h("b", {}, `${run.number}`),
        h("span", { class: "version-of-run" }, run.images[0] ? called({ images: run.images }) : run.revision),
        h("span", { class: `ended ${run.outcome ?? "going"}` }, run.outcome ?? "going on"),
        h("span", { class: "hint" }, when(run)),
      ),
      run.message && h("p", {}, local(run.message, run.endedAt)),
      run.changes && h("p", {}, difference(run)),
      h("ul", { class: "timeline" }, passed(run).map((sentence) => h("li", {}, sentence))),
      run.checks.length > 0 && h("ul", { class: "findings" }, findings(run)),
    ),
  );
}

function when(run) {
  if (!run.endedAt) return run.startedAt ? `since ${ago(run.startedAt)}` : "";
  const took = run.startedAt ? `, took ${span(new Date(run.endedAt) - new Date(run.startedAt))}` : "";
  return `${ago(run.endedAt)}${took}`;
}

/** What happened when, a sentence each. */
function passed(run) {
  const over = run.stable ? ` replaces ${run.stable}` : "";
  const steps = run.steps.map((step) => `${clock(step.at)} ${percent(step.weight)} (${step.name})`);
  const start = run.startedAt && `${clock(run.startedAt)} started: ${run.revision}${over}`;
  return [start, ...steps, run.endedAt && `${clock(run.endedAt)} ${run.outcome}`].filter(Boolean);
}

/** What each check said; with the number where there is but one side, which its message may not have. */
function findings(run) {
  return run.checks.map((check) => {
    const alone = check.stable === null && check.canary !== null;
    return h("li", {}, local(check.message, run.endedAt) + (alone ? ` (${number(check.canary, check.unit)})` : ""));
  });
}
