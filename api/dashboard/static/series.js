// What the charts are drawn from: the server's series, and what this page heard since. Times are the server's.

import { extent } from "./chart.js";

const REPEAT = 15_000; // ms after which a number is a point again though it did not change
const KEPT = 240; // points of one line, as many as the server keeps: a page may be open for days

let series = null;
let ahead = null; // ms by which the server's clock is ahead of this browser's; null until it was told

/** Take the whole series, as after each connection; what this page saw before the server began is kept. */
export function takeSeries(fresh) {
  learn(Date.parse(fresh.now));
  if (series?.run === fresh.run) keepOlder(fresh);
  fresh.checks.forEach(thin);
  series = fresh;
}

/**
 * Take what a Rollout says now as one more point; true where a check is new here. The server knows more of that one:
 * where its limit and its bar are.
 */
export function takeView(view, at = new Date(now()).toISOString()) {
  if (!view.run || view.run.stage === "Done") return false;
  const { number: run, startedAt } = view.run;
  if (series?.run !== run) series = { run, startedAt, weights: [], checks: [] };
  const weight = view.traffic?.desired;
  if (weight !== undefined && series.weights.at(-1)?.weight !== weight) {
    series.weights = [...series.weights.slice(-KEPT), { at, weight }];
  }
  const known = series.checks.length;
  for (const check of view.checks) add(check, at);
  return series.checks.length > known;
}

/** What is drawn of one check; undefined where nothing is known. */
export function lineOf(check) {
  return series?.checks.find((each) => each.name === check);
}

/** Whether there is anything to draw. */
export function drawable() {
  return Boolean(series?.checks.some((each) => each.points.length > 1));
}

/** The shares of the canary over time. */
export function weights() {
  return series.weights;
}

/** From the first point to now, or to the last one of a run that is over. */
export function span(view) {
  const ends = series.checks.flatMap((each) => [each.points[0], each.points.at(-1)]).filter(Boolean);
  const [first, last] = extent(ends.map((each) => Date.parse(each.at)));
  return [first, view.run?.outcome ? last : Math.max(now(), last)];
}

/** The time on the server, so that a browser whose clock is wrong draws on the same axis. */
function now() {
  return Date.now() + (ahead ?? 0);
}

function learn(time) {
  const told = time - Date.now();
  if (ahead === null && series) move(told); // it has this page's own points only, in this browser's time
  ahead = told;
}

function move(milliseconds) {
  const places = [series.weights, ...series.checks.map((each) => each.points)].flat();
  for (const each of places) each.at = new Date(Date.parse(each.at) + milliseconds).toISOString();
}

function keepOlder(fresh) {
  for (const line of fresh.checks) {
    line.points = [...before(lineOf(line.name)?.points ?? [], line.points), ...line.points];
  }
  fresh.weights = [...before(series.weights, fresh.weights), ...fresh.weights];
  const names = new Set(fresh.checks.map((each) => each.name));
  fresh.checks = [...fresh.checks, ...series.checks.filter((each) => !names.has(each.name))];
}

/** Those that were before the first of the others. */
function before(known, others) {
  return others.length ? known.filter((each) => each.at < others[0].at) : known;
}

function add(check, at) {
  const point = { at, stable: check.stable ?? null, canary: check.canary ?? null, evidence: check.evidence ?? null };
  if (point.stable === null && point.canary === null && point.evidence === null) return;
  let line = lineOf(check.name);
  if (!line) {
    line = { name: check.name, unit: check.unit ?? null, bar: null, ceiling: null, points: [] };
    series.checks.push(line);
  }
  const last = line.points.at(-1);
  const same = last && ["stable", "canary", "evidence"].every((name) => last[name] === point[name]);
  if (!same || Date.parse(at) - Date.parse(last.at) >= REPEAT) line.points.push(point);
  thin(line);
}

/** When there are too many, every second of the older ones goes, so that new ones stay dense. */
function thin(line) {
  while (line.points.length > KEPT) {
    line.points = line.points.filter((_, index) => index % 2 === 0 || index >= KEPT / 2);
  }
}
