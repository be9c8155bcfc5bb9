// One check over time: stable and canary, the share of the traffic behind them, and the evidence towards its bar.

import { s } from "./dom.js";
import { clock, number } from "./text.js";

const HEIGHT = 132;
const TOP = 10; // where the bar for evidence is, on every chart
const HIGHEST = 30; // where the highest value is: below the bar, so that no label covers another
const FOOT = 6;
const LEFT = 44;
const RIGHT = 104;
const LINE_HEIGHT = 14;

/** The smallest of 1, 2 and 5 times a power of ten that is not below `value`; 1 for nothing. */
export function ceilingOf(value) {
  if (!(value > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return Number((([1, 2, 5, 10].find((each) => each * power >= value * (1 - 1e-9)) ?? 10) * power).toPrecision(6));
}

/** How far the evidence is on its way from nothing (1, and anything below) to its bar: 0 to 1. */
export function towards(evidence, bar) {
  return Math.min(1, Math.max(0, Math.log(Math.max(evidence, 1)) / Math.log(bar)));
}

/** Where labels of one line's height go so that they do not overlap, as near as can be to where they belong. */
export function apart(places) {
  const order = places.map((y, index) => ({ y, index })).sort((a, b) => a.y - b.y);
  for (let at = 1; at < order.length; at += 1) order[at].y = Math.max(order[at].y, order[at - 1].y + LINE_HEIGHT);
  let limit = HEIGHT - 2;
  for (const each of order.toReversed()) {
    each.y = Math.min(each.y, limit);
    limit = each.y - LINE_HEIGHT;
  }
  return order.sort((a, b) => a.index - b.index).map((each) => each.y);
}

/** The lowest and the highest of these numbers, and of those to begin with; there may be too many for Math.max. */
export function extent(values, low = Infinity, high = -Infinity) {
  return values.reduce(([least, most], each) => [Math.min(least, each), Math.max(most, each)], [low, high]);
}

/** The scales of a chart of this width: time to x, value to y, and the highest and the least value. */
export function scales({ points, ceiling }, [from, to], width) {
  const values = points.flatMap((each) => [each.stable, each.canary]).filter((each) => each !== null);
  const [low, high] = extent(values, 0, 0);
  const least = low < 0 ? -ceilingOf(-low) : 0;
  const top = low < 0 && !high ? 0 : ceilingOf(ceiling && ceiling <= 4 * high ? Math.max(high, ceiling) : high);
  return {
    top,
    least,
    x: (time) => LEFT + ((Date.parse(time) - from) / Math.max(to - from, 1)) * (width - LEFT - RIGHT),
    y: (value) => HEIGHT - FOOT - ((value - least) / (top - least)) * (HEIGHT - FOOT - HIGHEST),
  };
}

/** The path through the points that have a number; it stops where there is none. */
export function path(points, side, x, y) {
  let pen = "M";
  let text = "";
  for (const each of points) {
    if (each[side] === null) pen = "M";
    else {
      text += `${pen}${x(each.at).toFixed(1)} ${y(each[side]).toFixed(1)}`;
      pen = "L";
    }
  }
  return text;
}

/** The drawing of one check: `line` is its part of a series, `span` the time to show in ms, `weights` the shares. */
export function chart(line, { span, weights, width }) {
  const { x, y, top, least } = scales(line, span, width);
  const right = width - RIGHT;
  const last = line.points.at(-1);
  const evidence = (value) => HEIGHT - FOOT - towards(value, line.bar) * (HEIGHT - FOOT - TOP);
  const proof = line.bar && line.points.some((each) => each.evidence !== null);
  const drawing = canvas("chart", width, HEIGHT, { role: "img", "aria-label": described(line) });
  drawing.append(s("path", { class: "share", d: band(weights, x, span[1], right) }));
  drawing.append(s("path", { class: "axis", d: `M${LEFT} ${HEIGHT - FOOT}H${right}` }));
  drawing.append(label(LEFT - 6, y(top) + 4, number(top, line.unit), "end"));
  drawing.append(label(LEFT - 6, HEIGHT - FOOT, least ? number(least, line.unit) : "0", "end"));
  const marks = [];
  if (line.ceiling && line.ceiling <= top) {
    drawing.append(s("path", { class: "ceiling", d: `M${LEFT} ${y(line.ceiling)}H${right}` }));
    marks.push({ y: y(line.ceiling), text: `limit ${number(line.ceiling, line.unit)}`, kind: "limit" });
  }
  if (proof) {
    drawing.append(s("path", { class: "bar", d: `M${LEFT} ${TOP}H${right}` }));
    drawing.append(s("path", { class: "evidence", d: path(line.points, "evidence", x, evidence) }));
    marks.push({ y: TOP, text: "taken back", kind: "proof" });
    if (last.evidence !== null) marks.push({ y: evidence(last.evidence), text: "evidence", kind: "" });
  }
  for (const side of ["stable", "canary"]) {
    drawing.append(s("path", { class: `line ${side}`, d: path(line.points, side, x, y) }));
    if (last?.[side] !== null && last) {
      drawing.append(s("circle", { class: `dot ${side}`, cx: x(last.at), cy: y(last[side]), r: 2.5 }));
      marks.push({ y: y(last[side]), text: `${side} ${number(last[side], line.unit)}`, kind: side });
    }
  }
  const places = apart(marks.map((each) => each.y + 4));
  marks.forEach((each, index) => drawing.append(label(right + 8, places[index], each.text, "start", each.kind)));
  drawing.append(s("path", { class: "cross", d: "" }));
  return drawing;
}

function canvas(name, width, height, attributes) {
  return s("svg", { class: name, width, height, viewBox: `0 0 ${width} ${height}`, ...attributes });
}

/** The times below the charts. */
export function axis([from, to], width) {
  const drawing = canvas("chart times", width, 18, { "aria-hidden": "true" });
  const places = width < 480 ? [0, 1] : [0, 0.5, 1];
  for (const part of places) {
    const anchor = part === 0 ? "start" : part === 1 ? "end" : "middle";
    drawing.append(label(LEFT + part * (width - LEFT - RIGHT), 13, clock(from + part * (to - from)), anchor));
  }
  return drawing;
}

/** The moment under the pointer, in ms; null beside the chart. */
export function momentAt(offset, [from, to], width) {
  const part = (offset - LEFT) / (width - LEFT - RIGHT);
  return part < 0 || part > 1 ? null : from + part * (to - from);
}

/** Move the crosshair of a drawing to a moment, or hide it. */
export function cross(drawing, moment, [from, to], width) {
  const x = LEFT + ((moment - from) / Math.max(to - from, 1)) * (width - LEFT - RIGHT);
  drawing.querySelector(".cross").setAttribute("d", moment === null ? "" : `M${x.toFixed(1)} ${TOP}V${HEIGHT - FOOT}`);
}

/** What a line says at a moment: `13:46:10: stable 0.5 %, canary 0.4 %, evidence 1.2 of 100`. */
export function readout(line, moment) {
  const point = line.points.findLast((each) => Date.parse(each.at) <= moment);
  if (!point) return "";
  const proven = point.evidence !== null && line.bar;
  const proof = proven ? `, evidence ${number(point.evidence)} of ${number(line.bar)}` : "";
  const [stable, canary] = [point.stable, point.canary].map((value) => number(value, line.unit));
  return `${clock(point.at)}: stable ${stable}, canary ${canary}${proof}`;
}

function described(line) {
  const last = line.points.at(-1);
  const seen = line.points.map((each) => each.canary).filter((each) => each !== null);
  const most = seen.length ? extent(seen)[1] : null;
  const [stable, canary, highest] = [last?.stable, last?.canary, most].map((value) => number(value, line.unit));
  return `${line.name} over the run: canary ${canary} now and ${highest} at most, stable ${stable} now`;
}

/** The canary's desired share as a band behind everything: the whole height is 100 %. */
function band(weights, x, to, right) {
  if (!weights.length) return "";
  const y = (weight) => HEIGHT - FOOT - (weight / 100) * (HEIGHT - FOOT - TOP);
  let text = `M${Math.max(LEFT, x(weights[0].at)).toFixed(1)} ${HEIGHT - FOOT}`;
  weights.forEach((each, index) => {
    const until = index + 1 < weights.length ? x(weights[index + 1].at) : right;
    text += `V${y(each.weight).toFixed(1)}H${Math.min(right, Math.max(LEFT, until)).toFixed(1)}`;
  });
  return `${text}V${HEIGHT - FOOT}Z`;
}

function label(x, y, text, anchor, kind = "") {
  return s("text", { class: `label ${kind}`, x, y, "text-anchor": anchor }, text);
}

