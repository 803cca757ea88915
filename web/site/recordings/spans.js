// What is recorded and what is not, as ordered ranges of time. Pure.

import { lengthOf, xOf } from './scale.js';

/**
 * @typedef {import('./types.js').Range} Range
 * @typedef {import('./types.js').Span} Span
 * @typedef {import('./types.js').Gap} Gap
 */

/** Two spans this close are one: it is less than a frame at 5 fps, and no one can watch it. */
export const JOIN_MS = 200;

/**
 * In order, without overlaps; their bytes are added.
 * @param {Span[]} spans
 * @returns {Span[]}
 */
export function mergeSpans(spans) {
  /** @type {Span[]} */
  const merged = [];
  for (const span of spans.toSorted((a, b) => a.from - b.from)) {
    if (!(span.to > span.from)) continue;
    const last = merged.at(-1);
    if (last && span.from - last.to <= JOIN_MS) {
      last.to = Math.max(last.to, span.to);
      last.bytes += span.bytes;
    } else {
      merged.push({ ...span });
    }
  }
  return merged;
}

/**
 * The index of the first range that ends after a moment; the length if none does.
 * @param {Range[]} ranges in order
 * @param {number} time
 */
function firstEndingAfter(ranges, time) {
  let low = 0;
  let high = ranges.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (/** @type {Range} */ (ranges[middle]).to > time) high = middle;
    else low = middle + 1;
  }
  return low;
}

/**
 * The range that a moment is in.
 * @template {Range} T
 * @param {T[]} ranges in order
 * @param {number} time
 * @returns {T | null}
 */
export function rangeAt(ranges, time) {
  const range = ranges[firstEndingAfter(ranges, time)];
  return range && range.from <= time ? range : null;
}

/**
 * The first range that begins after a moment.
 * @template {Range} T
 * @param {T[]} ranges in order
 * @param {number} time
 * @returns {T | null}
 */
export function rangeAfter(ranges, time) {
  const at = firstEndingAfter(ranges, time);
  return [ranges[at], ranges[at + 1]].find((range) => range && range.from > time) ?? null;
}

/**
 * The last range that is over at a moment.
 * @template {Range} T
 * @param {T[]} ranges in order
 * @param {number} time
 * @returns {T | null}
 */
export function rangeBefore(ranges, time) {
  return ranges[firstEndingAfter(ranges, time) - 1] ?? null;
}

/**
 * Everything between the spans within a range, with the reasons that the server knows. It is made of the spans, not of
 * the server's list: what is drawn as recorded and what is drawn as missing can then never lie on top of each other.
 * @param {Span[]} spans merged
 * @param {Gap[]} known in order
 * @param {Range} within
 * @returns {Gap[]}
 */
export function gapsBetween(spans, known, within) {
  /** @type {Gap[]} */
  const gaps = [];
  let from = within.from;
  for (const edge of [...spans, { from: within.to, to: within.to }]) {
    const to = Math.min(edge.from, within.to);
    if (to - from > JOIN_MS) gaps.push({ from, to, why: whyOf(known, { from, to }) });
    from = Math.max(from, edge.to);
  }
  return gaps;
}

/**
 * All the reasons for one gap, each once, in order.
 * @param {Gap[]} known in order
 * @param {Range} gap
 */
function whyOf(known, gap) {
  /** @type {Set<string>} */
  const reasons = new Set();
  for (let at = firstEndingAfter(known, gap.from); at < known.length; at += 1) {
    const one = /** @type {Gap} */ (known[at]);
    if (one.from >= gap.to) break;
    if (one.why) reasons.add(one.why);
  }
  return [...reasons].join('; ') || null;
}

/**
 * The part of each range that lies within another.
 * @param {Range[]} ranges
 * @param {Range} within
 * @returns {Range[]}
 */
export function clipped(ranges, within) {
  return ranges
    .map(({ from, to }) => ({ from: Math.max(from, within.from), to: Math.min(to, within.to) }))
    .filter(({ from, to }) => to > from);
}

/**
 * @param {Range[]} spans merged
 * @param {Range} within
 */
export function recordedMs(spans, within) {
  return clipped(spans, within).reduce((sum, part) => sum + lengthOf(part), 0);
}

/**
 * Bytes of a range, as if each span had the same bit rate from end to end.
 * @param {Span[]} spans merged
 * @param {Range} within
 */
export function bytesWithin(spans, within) {
  let sum = 0;
  for (const span of spans) {
    const part = Math.min(span.to, within.to) - Math.max(span.from, within.from);
    if (part > 0) sum += span.bytes * (part / lengthOf(span));
  }
  return Math.round(sum);
}

/**
 * @template {Range} T
 * @typedef {object} Shape
 * @property {number} left pixels
 * @property {number} width pixels
 * @property {T} first what it stands for
 * @property {number} count how many it stands for
 */

/**
 * What to draw for ranges at a scale: nothing narrower than `least`, and whatever lies less than one pixel apart as one,
 * so that a day with a thousand gaps has no more shapes than the screen has room for.
 * @template {Range} T
 * @param {T[]} ranges in order
 * @param {Range} view
 * @param {number} width pixels
 * @param {number} least pixels
 * @returns {Shape<T>[]}
 */
export function shapes(ranges, view, width, least) {
  /** @type {Shape<T>[]} */
  const drawn = [];
  for (const range of ranges) {
    if (range.to <= view.from || range.from >= view.to) continue;
    const left = Math.max(0, xOf(view, width, range.from));
    const right = Math.min(width, xOf(view, width, range.to));
    const last = drawn.at(-1);
    if (last && left - (last.left + last.width) < 1) {
      last.width = Math.max(last.width, right - last.left);
      last.count += 1;
    } else {
      drawn.push({ left: Math.min(left, width - least), width: Math.max(least, right - left), first: range, count: 1 });
    }
  }
  return drawn;
}
