// What to ask the server about: a range around the view, wide enough that moving a little needs no new answer. Pure.

import { lengthOf } from './scale.js';
import { HOUR_MS } from './times.js';

/** @typedef {import('./types.js').Range} Range */

/**
 * The range to load for a view, or null if the loaded one has it.
 * @param {Range} view
 * @param {Range | null} loaded
 * @returns {Range | null}
 */
export function rangeToLoad(view, loaded) {
  if (loaded && loaded.from <= view.from && loaded.to >= view.to) return null;
  const margin = Math.max(lengthOf(view), HOUR_MS);
  return {
    from: Math.floor((view.from - margin) / HOUR_MS) * HOUR_MS,
    to: Math.ceil((view.to + margin) / HOUR_MS) * HOUR_MS,
  };
}

/**
 * What is loaded can still change only where it reaches the present.
 * @param {Range | null} loaded
 * @param {number} nowMs
 */
export function canGrow(loaded, nowMs) {
  return loaded !== null && loaded.to > nowMs - HOUR_MS && loaded.from < nowMs;
}
