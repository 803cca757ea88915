// The marks A and B of an export, and what lies between them. Pure.

import { bytesWithin, clipped, recordedMs } from './spans.js';
import { dayKey, MINUTE_MS } from './times.js';

/**
 * @typedef {import('./types.js').Range} Range
 * @typedef {import('./types.js').Span} Span
 *
 * @typedef {object} Marks
 * @property {number | null} a
 * @property {number | null} b
 */

/** One mark alone stands for this much after A, or before B. */
export const DEFAULT_MS = MINUTE_MS;

/**
 * Sets one mark; another that would then be on the wrong side goes away.
 * @param {Marks} marks
 * @param {'a' | 'b'} which
 * @param {number} time
 * @returns {Marks}
 */
export function withMark(marks, which, time) {
  if (which === 'a') return { a: time, b: marks.b !== null && marks.b > time ? marks.b : null };
  return { a: marks.a !== null && marks.a < time ? marks.a : null, b: time };
}

/**
 * The range that the marks mean, or null without any.
 * @param {Marks} marks
 * @returns {Range | null}
 */
export function markedRange({ a, b }) {
  if (a !== null && b !== null) return { from: a, to: b };
  if (a !== null) return { from: a, to: a + DEFAULT_MS };
  return b !== null ? { from: b - DEFAULT_MS, to: b } : null;
}

/**
 * @typedef {object} Estimate
 * @property {number} recordedMs
 * @property {number} bytes
 * @property {number} gaps gaps inside that the file will not have
 */

/**
 * @param {Span[]} spans merged
 * @param {Range} range
 * @returns {Estimate}
 */
export function estimate(spans, range) {
  const parts = clipped(spans, range);
  return { recordedMs: recordedMs(spans, range), bytes: bytesWithin(spans, range), gaps: Math.max(0, parts.length - 1) };
}

/**
 * A file name that sorts by time and is valid everywhere: door_talk_2026-11-29_10-03-21.mp4.
 * @param {string} stream
 * @param {number} from
 */
export function fileName(stream, from) {
  const date = new Date(from);
  const clock = [date.getHours(), date.getMinutes(), date.getSeconds()].map((n) => String(n).padStart(2, '0')).join('-');
  return `${stream.replaceAll(/[^\p{L}\p{N}._-]+/gu, '_')}_${dayKey(from)}_${clock}.mp4`;
}
