// Thumbnails: which strip of key frames serves a view, and which of its frames a moment. Pure.

import { clipped } from './spans.js';
import { lengthOf } from './scale.js';
import { SECOND_MS } from './times.js';

/**
 * @typedef {import('./types.js').Range} Range
 * @typedef {import('./types.js').Span} Span
 *
 * @typedef {Range & { count: number }} StripPlan
 */

/** Most frames of one strip: 60, what the server gives unasked. */
export const STRIP_FRAMES_MAX = 60;
/** One frame for so many pixels: closer than 20 px, neighbours are not told apart. */
const FRAME_PX = 20;
/** Strips begin at whole eighths of the view, so that a small move needs no new one. */
const GRID_PARTS = 8;
/** Frames further apart than this from what is pointed at deserve a finer look. */
export const FINE_AFTER_MS = 3 * SECOND_MS;

/**
 * The strip for a view, or null if nothing in it is recorded.
 * @param {Range} view
 * @param {number} width pixels
 * @param {Span[]} spans merged
 * @returns {StripPlan | null}
 */
export function stripFor(view, width, spans) {
  const grid = 2 ** Math.round(Math.log2(lengthOf(view) / GRID_PARTS));
  const around = { from: Math.floor(view.from / grid) * grid, to: Math.ceil(view.to / grid) * grid };
  const parts = clipped(spans, around);
  const first = parts[0];
  const last = parts.at(-1);
  if (!first || !last) return null;
  const range = { from: first.from, to: last.to };
  const share = lengthOf(range) / lengthOf(view);
  const wanted = Math.ceil((width / FRAME_PX) * Math.min(1, share));
  return { ...range, count: Math.min(STRIP_FRAMES_MAX, Math.max(2, wanted)) };
}

/**
 * Whether a strip at hand does for a plan: it has all of it (but for what was recorded since), about as finely.
 * @param {StripPlan} strip
 * @param {StripPlan} plan
 */
export function serves(strip, plan) {
  const step = lengthOf(strip) / strip.count;
  const wanted = lengthOf(plan) / plan.count;
  return strip.from <= plan.from + step && strip.to >= plan.to - 2 * step && step <= wanted * 1.5;
}

/**
 * The header `Aqueduct-Times`.
 * @param {string | null} header
 * @returns {number[]}
 */
export function parseTimes(header) {
  const times = (header ?? '').split(',').filter((text) => text.trim() !== '').map(Number);
  return times.every(Number.isFinite) ? times : [];
}

/**
 * The frame that was on screen at a moment: the last one before it; the first, if all are later. -1 if there is none.
 * @param {number[]} times in order
 * @param {number} time
 */
export function frameAt(times, time) {
  const after = times.findIndex((one) => one > time);
  if (after === -1) return times.length - 1;
  return Math.max(0, after - 1);
}

/** Where frame `index` of a strip is looked for: in the middle of its second. @param {number} index */
export function stripSeconds(index) {
  return index + 0.5;
}
