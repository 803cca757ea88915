// Events on the timeline: which come next, and which stand so close that they are one mark. Pure.

import { xOf } from './scale.js';
import { SECOND_MS } from './times.js';

/**
 * @typedef {import('./types.js').Mark} Mark
 * @typedef {import('./types.js').Gap} Gap
 * @typedef {import('./types.js').Range} Range
 */

/** Going to an event shows this much of what led to it. */
export const LEAD_MS = 5 * SECOND_MS;

/** "Previous", pressed within this time after arriving, means the one before: playback has gone on by then. */
const AGAIN_MS = 2 * SECOND_MS;

/**
 * Where a jump to something goes: a little before it.
 * @param {{ from: number }} mark
 */
export function landing({ from }) {
  return from - LEAD_MS;
}

/**
 * @template {{ from: number }} T
 * @param {T[]} marks in order
 * @param {number} time
 * @returns {T | null}
 */
export function markAfter(marks, time) {
  return marks.find((mark) => landing(mark) > time + SECOND_MS / 2) ?? null;
}

/**
 * @template {{ from: number }} T
 * @param {T[]} marks in order
 * @param {number} time
 * @returns {T | null}
 */
export function markBefore(marks, time) {
  return marks.findLast((mark) => landing(mark) < time - AGAIN_MS) ?? null;
}

/** Marks closer than this are drawn as one: 10 px, the width of a mark. */
export const MARK_PX = 10;

/**
 * @typedef {object} Cluster
 * @property {number} x pixels
 * @property {Mark[]} marks
 */

/**
 * @param {Mark[]} marks in order
 * @param {Range} view
 * @param {number} width pixels
 * @returns {Cluster[]}
 */
export function clusters(marks, view, width) {
  /** @type {Cluster[]} */
  const found = [];
  for (const mark of marks) {
    if (mark.from < view.from || mark.from > view.to) continue;
    const x = xOf(view, width, mark.from);
    const last = found.at(-1);
    if (last && x - last.x < MARK_PX) last.marks.push(mark);
    else found.push({ x, marks: [mark] });
  }
  return found;
}
