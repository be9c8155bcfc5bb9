// One Rollout: the sentence first, then what it is made of.

import { ask, offer } from "./asking.js";
import { drawChecks, followPointer, takeSeries, takeView } from "./checks.js";
import { connection } from "./connection.js";
import { fill, h, keyed, say } from "./dom.js";
import { keys } from "./keys.js";
import { bar, since, stateOf, tab } from "./parts.js";
import { follow, json } from "./stream.js";
import { ago, called, clock, local, number, percent, span } from "./text.js";

let view = JSON.parse(document.querySelector("#view").textContent);
let runs = [];
const path = `/api/v1/namespaces/${encodeURIComponent(view.namespace)}/rollouts/${encodeURIComponent(view.name)}`;
const $ = (name) => document.querySelector(`[data-${name}]`);

function draw() {
  say($("sentence"), local(view.message));
  $("sentence").dataset.band = view.band;
  $("sentence").dataset.phase = view.phase ?? "";
  const since_ = since(view);
  say($("since"), view.run ? `${view.run.outcome ?? "started"} ${ago(since_)}` : "");
  announce();
  traffic();
  steps();
  drawChecks(view);
  versions();
  offer(view);
  const share = view.traffic && !view.run?.outcome ? percent(view.traffic.desired) : view.phase?.toLowerCase();
  tab(`${share ?? "new"} · ${view.name}`, view.band);
}

let announced = "";

/** Have it read aloud when the release is somewhere else, and not with each new number. */
function announce() {
  const place = `${view.phase} ${view.step?.index} ${view.conditions[0]?.reason}`;
  if (place !== announced) say($("news"), local(view.message));
  announced = place;
}

function traffic() {
  const shares = view.traffic;
  const told = shares
    ? [["desired", shares.desired, "what the controller asked for"], ["routed", shares.routed, "what the routers say is in force"], ["observed", shares.observed, "what was measured"]]
    : [];
  const serving = view.revisions.stable;
  fill(
    $("traffic"),
    bar(view, { tall: true }),
    h(
      "p",
      { class: "legend" },
      h("span", { class: "stable" }, `stable ${serving ? called(serving) : "–"} ${percent(100 - (shares?.desired ?? 0))}`),
      view.revisions.canary && h("span", { class: "canary" }, `canary ${called(view.revisions.canary)} ${percent(shares?.desired ?? 0)}`),
    ),
    h("dl", { class: "numbers" }, told.map(([name, value, about]) => h("div", { title: about }, h("dt", {}, name), h("dd", { [`data-${name}`]: true }, percent(value))))),
  );
}

function steps() {
  if (!view.steps.length) {
    fill($("progress"), h("p", { class: "empty" }, "The steps were edited since the run started. They count from the next run."));
    return;
  }
  const bakes = view.bake && { name: "bake", bake: view.bake };
  const all = [...view.steps, bakes].filter(Boolean);
  fill($("progress"), h("ol", { class: "steps", "data-steps": true }, all.map((step, index) => stepOf(step, index))));
}

function stepOf(step, index) {
  const recorded = runs.find((run) => run.number === view.run?.number)?.steps ?? [];
  const state = step.bake ? stateOfBake() : stateOf(view, index, recorded.map((each) => each.name));
  const now = state === "now" && { "aria-current": "step" };
  const entered = recorded.find((each) => each.name === step.name)?.at;
  return h(
    "li",
    { "data-state": state, ...now },
    h("b", {}, step.bake ? "bake" : percent(step.weight)),
    h("span", { class: "step-name" }, step.bake ? `old version warm for ${step.bake}` : step.name === percent(step.weight) ? "" : step.name),
    h("span", { class: "hint" }, state === "to-come" || !entered ? conditions(step) : `since ${clock(entered)}`),
    h("span", { class: "unseen" }, { done: "done", now: "going on now", "taken-back": "taken back here", "to-come": "to come" }[state]),
  );
}

function stateOfBake() {
  const stage = view.run?.stage;
  if (view.run?.outcome === "promoted" || stage === "Finishing") return "done";
  return stage === "Baking" ? "now" : "to-come";
}

/** What the step waits for. */
function conditions(step) {
  if (step.bake) return "";
  const limit = step.atMost ? ` (${step.atMost} at most)` : "";
  return [step.hold && `for ${step.hold}`, step.evidence && `until proved not worse${limit}`, step.approval && "until approved"].filter(Boolean).join(", ");
}

function versions() {
  const { stable, canary } = view.revisions;
  const both = [["stable", stable], ["canary", canary]].filter(([, revision]) => revision);
  const changed = stable && canary ? difference(stable, canary) : "";
  fill(
    $("versions"),
    ...both.map(([role, revision]) => version(role, revision)),
    !both.length && h("p", { class: "empty" }, "There is no version yet. The first one is here as soon as its pods are made."),
    changed && h("p", { class: "changed" }, changed),
  );
}

function version(role, revision) {
  return h(
    "div",
    { class: "version" },
    h("span", { class: `role ${role}` }, role),
    h("b", {}, called(revision)),
    h("code", { title: revision.images.join(", ") }, revision.name),
    h("span", {}, `${revision.ready} of ${revision.replicas} ready`),
  );
}

function difference(stable, canary) {
  const changes = canary.images.map((image, index) => [stable.images[index], image]).filter(([before, after]) => before !== after);
  if (!changes.length) return "What changed: the pod template, with the same images.";
  return `What changed: image ${changes.map(([before, after]) => `${before ?? "none"} → ${after}`).join(", ")}.`;
}

function history() {
  const list = $("runs");
  if (!runs.length) fill(list, h("li", { class: "empty" }, "No run is recorded yet. Each release is kept here with its steps and its checks."));
  else {
    list.querySelector(".empty")?.remove();
    keyed(list, runs, { key: (run) => run.number, make: () => h("li", {}), update: (element, run) => past(element, run) });
  }
}

function past(element, run) {
  const open = element.querySelector("details")?.open ?? false;
  const took = run.startedAt && run.endedAt ? `, took ${span(new Date(run.endedAt) - new Date(run.startedAt))}` : "";
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
        h("span", { class: "hint" }, run.endedAt ? `${ago(run.endedAt)}${took}` : run.startedAt ? `since ${ago(run.startedAt)}` : ""),
      ),
      run.message && h("p", {}, local(run.message)),
      h("ul", { class: "timeline" }, run.startedAt && h("li", {}, `${clock(run.startedAt)} started: ${run.revision}${run.stable ? ` replaces ${run.stable}` : ""}`), run.steps.map((step) => h("li", {}, `${clock(step.at)} ${percent(step.weight)} (${step.name})`)), run.endedAt && h("li", {}, `${clock(run.endedAt)} ${run.outcome}`)),
      run.checks.length > 0 && h("ul", { class: "findings" }, run.checks.map((check) => h("li", {}, `${local(check.message)}${check.stable !== null && check.canary !== null ? "" : check.canary === null ? "" : ` (${number(check.canary, check.unit)})`}`))),
    ),
  );
}

/** What is not in the stream: the charts so far, and the runs. */
async function read() {
  const mine = (reading += 1);
  const [series, recorded] = await Promise.all(["series", "runs"].map((name) => json(`${path}/${name}`)));
  if (mine !== reading) return; // something newer was read, or it is gone
  takeSeries(series);
  runs = recorded;
  draw();
  history();
}

let reading = 0;

function gone() {
  reading += 1;
  say($("sentence"), "This Rollout was deleted. What you see is how it was last.");
  document.querySelectorAll("[data-verb]").forEach((button) => (button.disabled = true));
}

let told = ""; // the run and step whose record was read last

function take(fresh) {
  view = fresh;
  takeView(view);
  draw();
  const now = `${view.run?.number} ${view.run?.stage} ${view.step?.index} ${view.step?.enteredAt}`;
  if (told !== now) ((told = now), read().catch(() => {}));
}

const link = connection();
keys({ a: () => ask("abort"), p: () => ask("promote") });
followPointer(() => view);
new ResizeObserver(() => drawChecks(view)).observe($("checks"));
setInterval(() => (drawChecks(view), history()), 5000);
draw();
follow(
  `${path}/events`,
  {
    ...link,
    opened: () => (told = ""),
    event(name, data) {
      if (name === "rollout") take(data);
      if (name === "deleted") gone();
      if (name === "silent") link.silent(data.seconds);
    },
  },
  async (signal) => {
    try {
      take(await json(path, signal));
      link.alive();
    } catch (error) {
      if (error.status === 404) gone();
      else throw error;
    }
  },
);
