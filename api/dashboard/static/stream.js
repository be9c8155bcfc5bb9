// Everything as it is, then each change, for as long as the page is open, whatever happens to the connection.

const SILENT = 20_000; // ms without a byte; the server says something every 5 s
const HIDDEN = 20_000; // ms after which a page that nobody sees gives its connection back: a browser has six
const POLL = 15_000;
const CROWDED = 2000;
const STREAMS = 3; // of a browser's six connections to one place, so that a command always finds one
const WAITS = [250, 500, 1000, 2000, 4000];

/** The events in what has arrived, and what is left of it: `[{event, data}], rest`. */
export function parse(text) {
  const frames = text.split("\n\n");
  const rest = frames.pop();
  return [frames.map(frame).filter((each) => each.data !== ""), rest];
}

function frame(text) {
  const found = { event: "message", data: "" };
  for (const line of text.split("\n")) {
    if (line.startsWith("event:")) found.event = line.slice(6).trim();
    if (line.startsWith("data:")) found.data += line.slice(5).trim();
  }
  return found;
}

/**
 * Follow `url`. `on.opened()` is told each time it begins anew, `on.event(name, data)` each event, `on.alive()` each
 * sign of life, `on.silent(seconds)` how long the cluster has said nothing (null where it is heard), and
 * `on.lost(sentence)` that there will be no sign until it is found again. A page that nobody sees, and one beside too
 * many others, has no stream: now and then it gets `glance.url` and tells `glance.take` what it says, or `glance.gone`
 * that nothing is there any more.
 */
export function follow(url, on, glance) {
  let failures = 0;
  let current = null;
  let away = false;
  let leaving = 0;

  async function stream() {
    if (away) return;
    current = new AbortController();
    const end = read(url, current, on, () => (failures = 0));
    const ended = await end.then(() => "The controller ended the connection.", reason);
    if (away) return;
    on.lost(ended);
    await sleep(WAITS[Math.min(failures++, WAITS.length - 1)]);
  }

  async function run() {
    for (;;) {
      while (away) await look(glance, on, POLL);
      if (!(await alone(stream))) await look(glance, on, CROWDED);
    }
  }

  const seen = () => {
    clearTimeout(leaving);
    if (!document.hidden) away = false;
    else leaving = setTimeout(() => ((away = true), current?.abort("hidden")), HIDDEN);
  };
  document.addEventListener("visibilitychange", seen);
  seen();
  run();
}

/** Do it as one of the few pages of this browser that may have a stream; false where there are enough of them. */
async function alone(body) {
  if (!navigator.locks) return body().then(() => true);
  const once = (lock) => lock && body().then(() => true);
  for (let slot = 0; slot < STREAMS; slot += 1) {
    if (await navigator.locks.request(`stream ${slot}`, { ifAvailable: true }, once)) return true;
  }
  return false;
}

async function read(url, controller, on, began) {
  let watchdog = setTimeout(() => controller.abort("silent"), SILENT);
  try {
    const answer = await fetch(url, { signal: controller.signal, headers: { accept: "text/event-stream" } });
    if (!answer.ok) throw new Refused(await sentence(answer));
    on.opened();
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      clearTimeout(watchdog);
      watchdog = setTimeout(() => controller.abort("silent"), SILENT);
      began();
      on.alive();
      let events;
      [events, rest] = parse(rest + value);
      if (!events.some((each) => each.event === "silent")) on.silent(null);
      for (const each of events) drawn(on.event, each.event, JSON.parse(each.data));
    }
  } finally {
    clearTimeout(watchdog);
  }
}

/** An answer that is a no. */
export class Refused extends Error {}

/** The JSON at `url`; throws Refused with the sentence where the answer is a problem. */
export async function json(url) {
  return (await got(url)).json();
}

async function got(url, signal) {
  const answer = await fetch(url, { signal });
  if (!answer.ok) throw Object.assign(new Refused(await sentence(answer)), { status: answer.status });
  return answer;
}

/** The sentence in an answer that is a problem. */
export async function sentence(answer) {
  try {
    return (await answer.json()).detail;
  } catch {
    return `The controller answered ${answer.status}.`;
  }
}

function reason(error) {
  if (error instanceof Refused) return error.message;
  return error === "silent" ? "The controller says nothing." : "The controller cannot be reached.";
}

/** Do what draws what was heard. A mistake in it is the page's own, and no reason to call the connection lost. */
function drawn(draw, ...heard) {
  try {
    draw(...heard);
  } catch (error) {
    reportError(error);
  }
}

async function glanceAt({ url, take, gone }, on) {
  try {
    const answer = await got(url, AbortSignal.timeout(SILENT));
    const found = await answer.json();
    on.alive();
    on.silent(silence(answer));
    drawn(take, found);
  } catch (error) {
    if (error.status !== 404 || !gone) return on.lost(reason(error));
    on.alive();
    drawn(gone);
  }
}

/** For how long the cluster had said nothing at this answer; null where it is heard. */
function silence(answer) {
  const seconds = answer.headers.get("cluster-silence");
  return seconds === null ? null : Number(seconds);
}

async function look(glance, on, pause) {
  await glanceAt(glance, on);
  const back = new Promise((wake) => document.addEventListener("visibilitychange", wake, { once: true }));
  await Promise.race([sleep(pause), back]);
}

function sleep(milliseconds) {
  return new Promise((wake) => setTimeout(wake, milliseconds));
}
