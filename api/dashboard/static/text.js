// Times, ages and numbers as people read them. All functions are pure.

const LONGEST = 32; // characters of a version's name
// Making a formatter takes much longer than using it.
const TIME = new Intl.DateTimeFormat([], { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
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

/** A sentence whose times of day in UTC (`14:02:10 UTC`) are told in the reader's zone. */
export function local(sentence, now = new Date()) {
  return sentence.replace(/\b(\d\d):(\d\d):(\d\d) UTC\b/g, (_, hours, minutes, seconds) => {
    const at = new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth(), now.getUTCDate(), hours, minutes, seconds));
    return TIME.format(at);
  });
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
