// Times, ages and numbers as people read them. All functions are pure.

const LONGEST = 32; // characters of a version's name
// Making a formatter takes much longer than using it.
const TIME = new Intl.DateTimeFormat([], { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const TIMES = new RegExp(`\\b(?:(\\d{1,2}) (${MONTHS.join("|")}) )?(\\d\\d):(\\d\\d):(\\d\\d) UTC\\b`, "g");
const DAY = new Intl.DateTimeFormat([], { day: "numeric", month: "short" });

/** `14:02:10` in the reader's zone, with the date where it is another day than `now`. */
export function clock(time, now = new Date()) {
  const at = new Date(time);
  const text = TIME.format(at);
  if (at.toDateString() === now.toDateString()) return text;
  return `${DAY.format(at)} ${text}`;
}

/** `12 s`, `4 min`, `3 h`, `5 d`: how long ago, or how long. */
export function span(milliseconds) {
  const seconds = Math.max(0, Math.round(milliseconds / 1000));
  if (seconds < 100) return `${seconds} s`;
  if (seconds < 100 * 60) return `${Math.round(seconds / 60)} min`;
  if (seconds < 48 * 3600) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86400)} d`;
}

/** `14:02:10, 4 min ago`. */
export function ago(time, now = new Date()) {
  return time ? `${clock(time, now)}, ${span(now - new Date(time))} ago` : "";
}

/**
 * A sentence whose times in UTC (`14:02:10 UTC`, `30 Nov 14:02:10 UTC`) are told in the reader's zone, as `clock` does.
 * A time without a day is one of the day on which the sentence was written; null where that is now.
 */
export function local(sentence, written = null, now = new Date()) {
  const at = new Date(written ?? now);
  const year = at.getUTCFullYear();
  return sentence.replace(TIMES, (_, day, month, ...time) => {
    const on = (...date) => Date.UTC(...date, ...time.slice(0, 3));
    if (!month) return clock(on(year, at.getUTCMonth(), at.getUTCDate()), now);
    return clock(nearest([year - 1, year, year + 1].map((each) => on(each, MONTHS.indexOf(month), day)), at), now);
  });
}

/** The moment that is meant where a sentence names no year. */
function nearest(times, at) {
  return times.reduce((best, each) => (Math.abs(each - at) < Math.abs(best - at) ? each : best));
}

/** Three digits and the unit: `0.412 %`, `12.3`; a dash where there is no number. */
export function number(value, unit) {
  if (value === null || value === undefined) return "–";
  const many = Math.abs(value) >= 1000;
  const digits = many ? Math.round(value).toLocaleString("en") : String(Number(value.toPrecision(3)));
  return unit ? `${digits} ${unit}` : digits;
}

/** A share of the traffic: `25 %`. */
export function percent(value) {
  return value === null || value === undefined ? "–" : `${Number(value.toFixed(1))} %`;
}

/** Where the API has a Rollout. */
export function pathOf({ namespace, name }) {
  return `/api/v1/namespaces/${encodeURIComponent(namespace)}/rollouts/${encodeURIComponent(name)}`;
}

/** What people call a revision: the end of its image's name, as much of it as people compare; else its own name. */
export function called(revision) {
  const image = revision.images?.[0];
  if (!image) return revision.name;
  const [name, digest] = image.slice(image.lastIndexOf("/") + 1).split("@");
  if (digest) return `${name}@${digest.slice(digest.indexOf(":") + 1).slice(0, 7)}`;
  return name.length <= LONGEST ? name : `${name.slice(0, LONGEST - 1)}…`;
}
