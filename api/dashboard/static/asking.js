// The commands: which make sense now, a dialog that says what each leads to, and what became of it.

import { h, keyed, say } from "./dom.js";
import { Refused, sentence } from "./stream.js";
import { called, span } from "./text.js";

const ORDER = ["retry", "undo", "restart"];
const dialog = document.querySelector("#ask");
const reason = dialog.querySelector("[name=reason]");
const confirm = dialog.querySelector("[data-confirm]");
const outcome = document.querySelector("[data-outcome]");
const menu = document.querySelector("[data-menu]");
const buttons = new Map([...document.querySelectorAll("button[data-verb]")].map((each) => [each.dataset.verb, each]));
let view = null; // as it was drawn last
let chosen = null; // what the open dialog is about
let waiting = null; // what was asked and is not done yet

/** Offer what makes sense in this state; a dialog that is open stays about what it was opened for. */
export function offer(fresh) {
  view = fresh;
  for (const [verb, button] of buttons) {
    const action = find(verb);
    button.disabled = !action;
    button.title = action?.label ?? "Not possible now";
    const long = button.querySelector(".long");
    if (long) say(long, action?.label ?? "Promote");
  }
  buttons.get("resume").hidden = !find("resume");
  buttons.get("pause").hidden = Boolean(find("resume"));
  const more = fresh.actions.filter((each) => ORDER.includes(each.verb) || each.to === "end");
  keyed(menu, more, { key: nameOf, make: item, update: (element, action) => say(element, action.label) });
  document.querySelector("[data-more]").hidden = !more.length;
  if (waiting && fresh.handled.includes(waiting.id)) done();
}

/** Open the dialog of a command, if it makes sense now. */
export function ask(verb, to = null) {
  const action = find(verb, to);
  if (!action || dialog.open) return;
  chosen = { action, run: view.run?.number, revision: view.run?.revision, step: view.step?.index };
  say(dialog.querySelector("#ask-title"), `${action.label}?`);
  say(dialog.querySelector("#ask-text"), action.consequence);
  say(dialog.querySelector("[data-subject]"), subject());
  say(confirm, action.label);
  confirm.classList.toggle("harm", verb === "abort");
  reason.value = sessionStorage.getItem(`reason:${verb}`) ?? "";
  document.querySelector("[data-more]").open = false;
  dialog.showModal();
  confirm.focus();
}

function find(verb, to = null) {
  return view?.actions.find((each) => each.verb === verb && (each.to ?? null) === to);
}

function nameOf(action) {
  return `${action.verb} ${action.to ?? ""}`;
}

function item(action) {
  const button = h("button", { class: "item", type: "button", "data-verb": action.verb, "data-to": action.to ?? null });
  button.addEventListener("click", () => ask(action.verb, action.to ?? null));
  return button;
}

/** Which revisions it is about. */
function subject() {
  const { stable, canary } = view.revisions;
  const named = (role, revision) => revision && `${role} ${called(revision)} (${revision.name})`;
  return [named("new", canary), named("stable", stable)].filter(Boolean).join(" · ");
}

async function send() {
  const { action, run, revision, step } = chosen;
  const moving = view.run && !view.run.outcome;
  const body = { id: crypto.randomUUID(), reason: reason.value.trim() || null, to: action.to ?? null };
  if (moving && ["promote", "abort", "pause", "resume"].includes(action.verb)) Object.assign(body, { run, revision });
  if (moving && action.verb === "promote") body.step = step ?? null;
  sessionStorage.setItem(`reason:${action.verb}`, reason.value.trim());
  dialog.close();
  waiting = { id: body.id, label: action.label, since: Date.now() };
  tell(`Asked: ${action.label}.`, "asked");
  try {
    const path = `/api/v1/namespaces/${encodeURIComponent(view.namespace)}/rollouts/${encodeURIComponent(view.name)}/${action.verb}`;
    const answer = await fetch(path, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });
    if (!answer.ok) throw new Refused(await sentence(answer));
    if (view.handled.includes(body.id)) done();
  } catch (error) {
    if (waiting?.id === body.id) waiting = null;
    tell(error instanceof Refused ? `Not done: ${error.message}` : "Not sent: the controller cannot be reached. Nothing was asked.", "refused");
  }
}

function done() {
  if (!waiting) return;
  tell(`Done: ${waiting.label}, after ${took(Date.now() - waiting.since)}.`, "done");
  waiting = null;
}

function took(milliseconds) {
  return milliseconds < 10_000 ? `${(milliseconds / 1000).toFixed(1)} s` : span(milliseconds);
}

function tell(text, kind) {
  outcome.dataset.kind = kind;
  say(outcome, text);
}

for (const [verb, button] of buttons) button.addEventListener("click", () => ask(verb));
confirm.addEventListener("click", send);
dialog.querySelector("[data-cancel]").addEventListener("click", () => dialog.close());
