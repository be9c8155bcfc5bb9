// The commands: which make sense now, a dialog that says what each leads to, and what became of it.

import { h, keyed, say } from "./dom.js";
import { sentence } from "./stream.js";
import { called, pathOf, span } from "./text.js";

const MORE = ["retry", "undo", "restart"];
const PATIENCE = 10_000; // ms for one try
const PAUSE = 1000; // ms before it is tried again, and longer each time
const TRIES = 7; // of the same command, which has an id and is carried out once: for longer than a takeover takes
const MOVED_ON =
  "The release has moved on meanwhile, and this would now mean something else. Close this, and look again.";
const dialog = document.querySelector("#ask");
const reason = dialog.querySelector("[name=reason]");
const confirm = dialog.querySelector("[data-confirm]");
const more = document.querySelector("[data-more]");
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
  const others = fresh.actions.filter((each) => MORE.includes(each.verb) || each.to === "end");
  keyed(menu, others, { key: nameOf, make: item, update: (element, action) => say(element, action.label) });
  more.hidden = !others.length;
  if (dialog.open) check();
  settle();
}

/** Open the dialog of a command, if it makes sense now. */
export function ask(verb, to = null) {
  const action = find(verb, to);
  if (!action || dialog.open) return;
  const { run, step } = view;
  chosen = { action, run: run?.number ?? null, revision: run?.revision ?? null, step: step?.index ?? null };
  confirm.disabled = false;
  say(dialog.querySelector("#ask-title"), `${action.label}?`);
  say(dialog.querySelector("#ask-text"), action.consequence);
  say(dialog.querySelector("[data-subject]"), subject());
  say(confirm, action.label);
  confirm.classList.toggle("harm", verb === "abort");
  reason.value = sessionStorage.getItem(remembered(verb)) ?? "";
  more.open = false;
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

/** Where the last reason for this command on this Rollout is kept. */
function remembered(verb) {
  return `reason:${view.namespace}/${view.name}:${verb}`;
}

/** A dialog that no longer says what would happen cannot be confirmed. */
function check() {
  const now = find(chosen.action.verb, chosen.action.to ?? null);
  if (now?.label === chosen.action.label && now?.consequence === chosen.action.consequence) return;
  confirm.disabled = true;
  say(dialog.querySelector("#ask-text"), MOVED_ON);
}

async function send() {
  const { action, run, revision, step } = chosen;
  const body = { id: crypto.randomUUID(), reason: reason.value.trim() || null, to: action.to ?? null, run, revision };
  if (["promote", "pause", "resume"].includes(action.verb)) body.step = step;
  sessionStorage.setItem(remembered(action.verb), reason.value.trim());
  dialog.close();
  waiting = { id: body.id, label: action.label, since: Date.now() };
  tell(`Asked: ${action.label}.`, "asked");
  for (let tries = 1; ; tries += 1) {
    const said = await post(action.verb, body);
    if (said === null) return settle();
    const shown = waiting?.id === body.id; // another command may have been asked meanwhile; this one is still tried
    if (said.final || tries === TRIES) {
      if (shown) waiting = null;
      const fate = said.final ? "Not done" : "No answer: it is not known whether it was asked";
      return tell(`${fate}: ${action.label}. ${said.sentence}`, "refused");
    }
    if (shown) tell(`Asked: ${action.label}. No answer yet, asking again: it is done once.`, "asked");
    await new Promise((wake) => setTimeout(wake, tries * PAUSE));
  }
}

/** Ask once: null where it was taken, else a sentence, and whether that is the last word. */
async function post(verb, body) {
  const said = { headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
  try {
    const signal = AbortSignal.timeout(PATIENCE);
    const answer = await fetch(`${pathOf(view)}/${verb}`, { method: "POST", ...said, signal });
    return answer.ok ? null : { final: answer.status < 500, sentence: await sentence(answer) };
  } catch {
    return { final: false, sentence: "The controller cannot be reached." };
  }
}

function settle() {
  if (waiting && view.handled.includes(waiting.id)) done();
}

function done() {
  const refusal = view.refusals.find((each) => each.id === waiting.id);
  if (refusal) tell(`Not done: ${refusal.reason}`, "refused");
  else tell(`Done: ${waiting.label}, after ${took(Date.now() - waiting.since)}.`, "done");
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
// What had the focus may be gone or out of use by now.
dialog.addEventListener("close", () =>
  setTimeout(() => document.activeElement === document.body && document.querySelector("main").focus()),
);
document.addEventListener("click", (event) => more.open && !more.contains(event.target) && (more.open = false));
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || !more.open) return;
  more.open = false;
  more.querySelector("summary").focus();
});
