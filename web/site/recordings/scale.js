// The timeline's scale: which times are in view, where they lie, and what zooming and panning make of them. Pure.

import { clockText, DAY_MS, dayStart, HOUR_MS, MINUTE_MS, SECOND_MS, shortDateText } from './times.js';

/** @typedef {import('./types.js').Range} Range */

/** Nearest look: one minute on the whole width. */
export const VIEW_MIN_MS = MINUTE_MS;
/** Widest look: a week. Beyond it, days are chosen in the calendar. */
export const VIEW_MAX_MS = 7 * DAY_MS;
/** One press of a key or button doubles or halves what is seen. */
export const ZOOM_STEP = 2;

/** @param {Range} range */
export function lengthOf({ from, to }) {
  return to - from;
}

/**
 * @param {Range} view
 * @param {number} width pixels
 * @param {number} time
 */
export function xOf(view, width, time) {
  return ((time - view.from) / lengthOf(view)) * width;
}

/**
 * @param {Range} view
 * @param {number} width pixels
 * @param {number} x
 */
export function timeAt(view, width, x) {
  return view.from + (x / Math.max(1, width)) * lengthOf(view);
}

/**
 * A view of this length around a moment.
 * @param {number} time
 * @param {number} length
 * @returns {Range}
 */
export function centred(time, length) {
  return { from: time - length / 2, to: time + length / 2 };
}

/**
 * Keeps the middle of a view inside the limits, so that their edges can be looked at but never lost.
 * @param {Range} view
 * @param {Range} limits
 * @returns {Range}
 */
export function bounded(view, limits) {
  const middle = (view.from + view.to) / 2;
  const shift = Math.min(Math.max(middle, limits.from), limits.to) - middle;
  return { from: view.from + shift, to: view.to + shift };
}

/**
 * Shows `factor` times less (above 1) or more (below 1), with `anchor` staying where it is.
 * @param {Range} view
 * @param {number} factor
 * @param {number} anchor
 * @returns {Range}
 */
export function zoomed(view, factor, anchor) {
  const length = Math.min(Math.max(lengthOf(view) / factor, VIEW_MIN_MS), VIEW_MAX_MS);
  const share = (anchor - view.from) / lengthOf(view);
  const from = anchor - share * length;
  return { from, to: from + length };
}

/**
 * @param {Range} view
 * @param {number} ms to later times if above 0
 * @returns {Range}
 */
export function panned({ from, to }, ms) {
  return { from: from + ms, to: to + ms };
}

/** Playback turns the page at nine tenths of the view, so that it is seen what comes, and goes on at one tenth. */
const FOLLOW_LAST = 0.9;
const FOLLOW_FIRST = 0.1;

/**
 * The view for a playhead that moves by itself: the same one until it is at nine tenths.
 * @param {Range} view
 * @param {number} time
 * @returns {Range}
 */
export function followed(view, time) {
  const share = (time - view.from) / lengthOf(view);
  return share >= 0 && share <= FOLLOW_LAST ? view : panned(view, (share - FOLLOW_FIRST) * lengthOf(view));
}

/**
 * The view for a playhead that was put somewhere: the same one if it is in it, else with it in the middle.
 * @param {Range} view
 * @param {number} time
 * @returns {Range}
 */
export function revealed(view, time) {
  return time >= view.from && time <= view.to ? view : centred(time, lengthOf(view));
}

/** What is beyond the newest is of no use; this share of the view shows that it is the newest. */
const AFTER_NEWEST = 0.05;

/**
 * The view that ends with the newest.
 * @param {number} newest
 * @param {number} length
 * @returns {Range}
 */
export function endingAt(newest, length) {
  const to = newest + length * AFTER_NEWEST;
  return { from: to - length, to };
}

/** Steps between marks of the ruler, each a whole part of the next named one. */
const STEPS_MS = [
  SECOND_MS, 5 * SECOND_MS, 10 * SECOND_MS, 15 * SECOND_MS, 30 * SECOND_MS,
  MINUTE_MS, 2 * MINUTE_MS, 5 * MINUTE_MS, 10 * MINUTE_MS, 15 * MINUTE_MS, 30 * MINUTE_MS,
  HOUR_MS, 2 * HOUR_MS, 3 * HOUR_MS, 6 * HOUR_MS, 12 * HOUR_MS, DAY_MS,
];

/** Room that a label needs: 84 px. */
export const LABEL_PX = 84;

/**
 * The smallest step whose labels have room.
 * @param {number} length of the view
 * @param {number} width pixels
 */
export function tickStep(length, width) {
  const least = (length / Math.max(1, width)) * LABEL_PX;
  return STEPS_MS.find((step) => step >= least) ?? DAY_MS;
}

/**
 * @typedef {object} Tick
 * @property {number} time
 * @property {string} label
 * @property {boolean} day it is midnight, and the label is the date
 */

/**
 * The marks of the ruler: whole steps counted from each local midnight, so that they stay at 6:00 and 12:00 also on the
 * days when the clocks change.
 * @param {Range} view
 * @param {number} width pixels
 * @param {string} [locale]
 * @returns {Tick[]}
 */
export function ticks(view, width, locale) {
  const step = tickStep(lengthOf(view), width);
  const seconds = step < MINUTE_MS;
  /** @type {Tick[]} */
  const marks = [];
  for (let midnight = dayStart(view.from); midnight < view.to; ) {
    const next = dayStart(midnight + DAY_MS + 2 * HOUR_MS);
    const first = Math.max(0, Math.ceil((view.from - midnight) / step));
    for (let n = first; n * step < next - midnight && midnight + n * step < view.to; n += 1) {
      // What is left of a day by a change of clocks is no room for a label.
      if (n > 0 && next - (midnight + n * step) < step / 2) break;
      const time = wallStep(midnight, n * step);
      marks.push({ time, day: n === 0, label: n === 0 ? shortDateText(time, locale) : clockText(time, { seconds, locale }) });
    }
    midnight = next;
  }
  return marks;
}

/**
 * Steps of an hour and more are steps of the clock on the wall: after a change of clocks, noon is still labelled 12:00.
 * @param {number} midnight
 * @param {number} ms
 */
function wallStep(midnight, ms) {
  if (ms % HOUR_MS !== 0) return midnight + ms;
  const date = new Date(midnight);
  return new Date(date.getFullYear(), date.getMonth(), date.getDate(), ms / HOUR_MS).getTime();
}
