// The fleet: what needs a person, what moves, and what is quiet.

import { connection } from "./connection.js";
import { h, keyed, say } from "./dom.js";
import { keys } from "./keys.js";
import { bar, dots, since, tab, written } from "./parts.js";
import { follow } from "./stream.js";
import { ago, local, span } from "./text.js";

const MANY = 200;
const BANDS = ["needs you", "moving", "quiet"];
const rollouts = new Map();
const search = document.querySelector("#q");
const namespaces = document.querySelector("#namespace");
const bands = new Map([...document.querySelectorAll("[data-band]")].map((each) => [each.dataset.band, each]));
let seen = new Set(); // those that were told since the connection began
let synced = false;
let drawing = false;

const keyOf = (view) => `${view.namespace}/${view.name}`;

/** Whether a Rollout is what is looked for: every word is somewhere in its names, versions or sentence. */
function wanted(view, words, namespace) {
  if (namespace && view.namespace !== namespace) return false;
  const images = [view.revisions.stable, view.revisions.canary].flatMap((each) => each?.images ?? []);
  const text = [view.name, view.namespace, view.phase, view.message, ...images].join(" ").toLowerCase();
  return words.every((word) => text.includes(word));
}

/** What went wrong before what only waits. */
function rank(view) {
  return ["Aborted", "Stalled"].includes(view.phase) ? 0 : 1;
}

function draw() {
  drawing = false;
  const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
  const kept = held();
  const found = [...rollouts.values()].filter((view) => wanted(view, words, namespaces.value));
  found.sort((a, b) => rank(a) - rank(b) || (keyOf(a) < keyOf(b) ? -1 : 1));
  for (const band of BANDS) {
    const section = bands.get(band);
    const views = found.filter((view) => (kept.get(keyOf(view)) ?? view.band) === band);
    say(section.querySelector("[data-count]"), String(views.length));
    section.hidden = band !== "quiet" && !views.length;
    const rows = section.querySelector("[data-rows]");
    const open = section.open ?? true;
    keyed(rows, open ? views : [], { key: keyOf, make: row, update });
  }
  offer();
  summary(found);
}

/** The bands in which rows stay for now, because the pointer or the focus is on them. */
function held() {
  const under = document.querySelectorAll("[data-rollout]:hover, [data-rollout]:focus-within");
  return new Map([...under].map((each) => [each.dataset.rollout, each.closest("[data-band]").dataset.band]));
}

/** Draw with the next picture; where there are many, a few times a second. */
function soon() {
  if (drawing || !synced) return;
  drawing = true;
  setTimeout(() => requestAnimationFrame(draw), rollouts.size > MANY ? 250 : 0);
}

function row(view) {
  const link = `/rollouts/${encodeURIComponent(view.namespace)}/${encodeURIComponent(view.name)}`;
  return h(
    "li",
    { class: "row", "data-rollout": keyOf(view) },
    h("a", { class: "name", href: link }, h("b", {}, view.name), " ", h("span", { class: "place" }, view.namespace)),
    h("span", { class: "cell-bar" }),
    h("span", { class: "cell-dots" }),
    h("span", { class: "words" }),
    h("time", { class: "age" }),
  );
}

function update(element, view) {
  const now = new Date();
  const age = span(now - new Date(since(view)));
  if (element.view === view && element.age === age) return; // most of a thousand rows
  element.age = age;
  say(element.querySelector(".age"), age);
  element.querySelector(".age").title = ago(since(view), now);
  if (element.view === view) return;
  element.view = view;
  element.dataset.phase = view.phase ?? "";
  element.querySelector(".cell-bar").replaceChildren(bar(view));
  element.querySelector(".cell-dots").replaceChildren(view.run?.outcome ? "" : dots(view));
  say(element.querySelector(".words"), local(view.message, written(view), now));
}

function offer() {
  const names = [...new Set(["", namespaces.value, ...[...rollouts.values()].map((view) => view.namespace)])].sort();
  const make = (name) => h("option", { value: name }, name || "all namespaces");
  keyed(namespaces, names, { key: (name) => name, make });
}

function summary(found) {
  const count = (band) => found.filter((view) => view.band === band).length;
  const needing = `${count("needs you")} ${count("needs you") === 1 ? "needs" : "need"} you`;
  const parts = [needing, `${count("moving")} moving`, `${count("quiet")} quiet`];
  const told = rollouts.size
    ? found.length ? parts.join(" · ") : "Nothing matches. Clear the search to see all."
    : synced
      ? "There is no Rollout yet. As soon as one is applied, it appears here."
      : "Waiting for the list of Rollouts …";
  say(document.querySelector("[data-summary]"), told);
  const urgent = BANDS.find((band) => count(band)) ?? "quiet";
  tab(count("needs you") ? `${needing} · Rollouts` : "Rollouts", urgent);
}

/** Where all is quiet, and not much, there is nothing to fold away. */
function greet() {
  const calm = [...rollouts.values()].every((view) => view.band === "quiet");
  if (!synced && rollouts.size <= 20 && calm) quiet.open = true;
  synced = true;
}

function remember() {
  const query = new URLSearchParams();
  if (search.value) query.set("q", search.value);
  if (namespaces.value) query.set("namespace", namespaces.value);
  history.replaceState(null, "", query.size ? `?${query}` : location.pathname);
  soon();
}

const query = new URLSearchParams(location.search);
const namespace = query.get("namespace");
if (namespace) namespaces.append(h("option", { value: namespace, "data-key": namespace }, namespace));
namespaces.value = namespace ?? "";
search.value = query.get("q") ?? "";
search.addEventListener("input", remember);
namespaces.addEventListener("change", remember);
const quiet = bands.get("quiet");
quiet.open = sessionStorage.getItem("quiet") === "open";
quiet.addEventListener("toggle", () => (sessionStorage.setItem("quiet", quiet.open ? "open" : "closed"), soon()));
document.addEventListener("pointerout", soon);
document.addEventListener("focusout", soon);
setInterval(soon, 10_000);
keys({ "/": () => search.focus() });

const link = connection();
follow(
  "/api/v1/events",
  {
    ...link,
    opened: () => (seen = new Set()),
    event(name, data) {
      if (name === "rollout") (rollouts.set(keyOf(data), data), seen.add(keyOf(data)));
      if (name === "deleted") rollouts.delete(keyOf(data));
      if (name === "synced") {
        for (const key of rollouts.keys()) if (!seen.has(key)) rollouts.delete(key);
        greet();
      }
      if (name === "silent") link.silent(data.seconds);
      soon();
    },
  },
  {
    url: "/api/v1/rollouts",
    take(views) {
      rollouts.clear();
      for (const view of views) rollouts.set(keyOf(view), view);
      greet();
      draw();
    },
  },
);
