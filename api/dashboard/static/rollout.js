// One Rollout: the sentence first, then what it is made of.

import { ask, offer } from "./asking.js";
import { drawChecks, followPointer } from "./checks.js";
import { connection } from "./connection.js";
import { fill, h, say } from "./dom.js";
import { keys } from "./keys.js";
import { bar, since, stateOf, tab, written } from "./parts.js";
import { difference, drawRuns } from "./runs.js";
import { takeSeries, takeView } from "./series.js";
import { follow, json } from "./stream.js";
import { ago, called, clock, local, pathOf, percent } from "./text.js";

let view = JSON.parse(document.querySelector("#view").textContent);
let runs = [];
const path = pathOf(view);
const $ = (name) => document.querySelector(`[data-${name}]`);

function draw() {
  say($("sentence"), local(view.message, written(view)));
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
  if (place !== announced) say($("news"), local(view.message, written(view)));
  announced = place;
}

const SHARES = {
  desired: "what the controller asked for",
  routed: "what the routers say is in force",
  observed: "what was measured",
};

function traffic() {
  const { stable, canary } = view.revisions;
  const share = view.traffic?.desired ?? 0;
  fill(
    $("traffic"),
    bar(view, { tall: true }),
    h(
      "p",
      { class: "legend" },
      h("span", { class: "stable" }, `stable ${stable ? called(stable) : "–"} ${percent(100 - share)}`),
      canary && h("span", { class: "canary" }, `canary ${called(canary)} ${percent(share)}`),
    ),
    h("dl", { class: "numbers" }, view.traffic && Object.keys(SHARES).map(shareOf)),
  );
}

function shareOf(name) {
  const value = h("dd", { [`data-${name}`]: true }, percent(view.traffic[name]));
  return h("div", { title: SHARES[name] }, h("dt", {}, name), value);
}

function steps() {
  if (!view.steps.length) {
    const edited = "The steps were edited since the run started. They count from the next run.";
    fill($("progress"), h("p", { class: "empty" }, edited));
    return;
  }
  const bakes = view.bake && { name: "bake", bake: view.bake };
  const all = [...view.steps, bakes].filter(Boolean);
  fill($("progress"), h("ol", { class: "steps", "data-steps": true }, all.map((step, index) => stepOf(step, index))));
}

const STATES = { done: "done", now: "going on now", "taken-back": "taken back here", "to-come": "to come" };

function stepOf(step, index) {
  const recorded = runs.find((run) => run.number === view.run?.number)?.steps ?? [];
  const state = step.bake ? stateOfBake() : stateOf(view, index, recorded.map((each) => each.name));
  const now = state === "now" && { "aria-current": "step" };
  const entered = recorded.find((each) => each.name === step.name)?.at;
  const word = state === "now" ? "since" : "from";
  return h(
    "li",
    { "data-state": state, ...now },
    h("b", {}, step.bake ? "bake" : percent(step.weight)),
    h("span", { class: "step-name" }, nameOf(step)),
    h("span", { class: "hint" }, state === "to-come" || !entered ? conditions(step) : `${word} ${clock(entered)}`),
    h("span", { class: "unseen" }, STATES[state]),
  );
}

function nameOf(step) {
  if (step.bake) return `old version warm for ${step.bake}`;
  return step.name === percent(step.weight) ? "" : step.name;
}

function stateOfBake() {
  const stage = view.run?.stage;
  if ((view.run?.outcome === "promoted" && view.run.stable) || stage === "Finishing") return "done";
  return stage === "Baking" ? "now" : "to-come";
}

/** What the step waits for. */
function conditions(step) {
  if (step.bake) return "";
  const limit = step.atMost ? ` (${step.atMost} at most)` : "";
  const proof = step.evidence && `until proved not worse${limit}`;
  return [step.hold && `for ${step.hold}`, proof, step.approval && "until approved"].filter(Boolean).join(", ");
}

function versions() {
  const { stable, canary } = view.revisions;
  const both = [["stable", stable], ["canary", canary]].filter(([, revision]) => revision);
  const recorded = runs.find((run) => run.number === view.run?.number);
  const back = view.run?.outcome === "aborted" && !canary && recorded;
  const known = (canary || back) && difference(recorded);
  const changed = known || (stable && canary ? ofImages(stable, canary) : "");
  const none = "There is no version yet. The first one is here as soon as its pods are made.";
  fill(
    $("versions"),
    ...both.map(([role, revision]) => version(role, revision)),
    back && version("taken back", { name: back.revision, images: back.images }),
    !both.length && h("p", { class: "empty" }, none),
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
    revision.replicas !== undefined && h("span", {}, `${revision.ready} of ${revision.replicas} ready`),
  );
}

/** What is known before the record was read, or where that of the stable version is gone. */
function ofImages(stable, canary) {
  const pairs = canary.images.map((image, index) => [stable.images[index], image]);
  const changes = pairs.filter(([before, after]) => before !== after);
  if (!changes.length) return "What changed: the pod template, with the same images.";
  return `What changed: image ${changes.map(([before, after]) => `${before ?? "none"} → ${after}`).join(", ")}.`;
}

/** What is not in the stream: the charts so far, and the runs. */
async function read() {
  const mine = (reading += 1);
  const heard = await Promise.all(["series", "runs"].map((name) => json(`${path}/${name}`))).catch(() => null);
  if (heard === null || mine !== reading) return; // not heard, something newer was read, or it is gone
  const [series, recorded] = heard;
  takeSeries(series);
  runs = recorded;
  draw();
  drawRuns(runs);
}

let reading = 0;

function gone() {
  reading += 1;
  view = { ...view, actions: [] };
  offer(view);
  say($("sentence"), "This Rollout was deleted. What you see is how it was last.");
}

let told = ""; // the run and step whose record was read last

function take(fresh) {
  view = fresh;
  const more = takeView(view);
  draw();
  const now = `${view.run?.number} ${view.run?.stage} ${view.step?.index} ${view.step?.enteredAt}`;
  if (told !== now || more) ((told = now), read());
}

const link = connection();
keys({ a: () => ask("abort"), p: () => ask("promote") });
followPointer(() => view);
new ResizeObserver(() => drawChecks(view)).observe($("checks"));
setInterval(() => (drawChecks(view), drawRuns(runs)), 5000);
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
  { url: path, take, gone },
);
