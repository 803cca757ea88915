// Which piece of the recording to fetch for playing from a moment, and how the movie's time stands to the clock's. Pure.

import { rangeAfter, rangeAt } from './spans.js';
import { MINUTE_MS, SECOND_MS } from './times.js';

/**
 * @typedef {import('./types.js').Range} Range
 * @typedef {import('./types.js').Span} Span
 *
 * @typedef {Range & { kind: 'window', at: number, gap: Range | null }} Window
 *   `at`: where to begin to play; `gap`: what was passed over to get there
 * @typedef {{ kind: 'end', last: number | null }} End nothing more is recorded; `last` is where it ends
 *
 * @typedef {object} Movie a window as it was fetched
 * @property {number} startsAt the clock's time of its first frame: the key frame at or before what was asked for
 * @property {number} to where the window ends
 */

/**
 * Longest piece fetched at once: 20 minutes. The head of an MP4 has some 100 bytes a second of media; of 20 minutes it
 * comes within one round trip or two, of an hour it would be felt with each jump.
 */
export const WINDOW_MS = 20 * MINUTE_MS;

/** Less than this before the end of a span is its end: there may be no frame any more. */
export const END_SLACK_MS = 150;

/** The next piece is made ready when this much of the present one is left, in time of the person who watches. */
export const PREPARE_MS = 15 * SECOND_MS;

/**
 * @param {Span[]} spans merged
 * @param {number} time
 * @returns {Window | End}
 */
export function planAt(spans, time) {
  const here = rangeAt(spans, time);
  if (here && here.to - time > END_SLACK_MS) {
    return { kind: 'window', at: time, from: time, to: Math.min(here.to, time + WINDOW_MS), gap: null };
  }
  const next = rangeAfter(spans, time);
  if (!next) return { kind: 'end', last: spans.at(-1)?.to ?? null };
  const gap = { from: here?.to ?? time, to: next.from };
  return { kind: 'window', at: next.from, from: next.from, to: Math.min(next.to, next.from + WINDOW_MS), gap };
}

/**
 * The clock's time of a position in a movie.
 * @param {Movie} movie
 * @param {number} seconds
 */
export function wallOf(movie, seconds) {
  return movie.startsAt + seconds * SECOND_MS;
}

/**
 * The position in a movie of a clock's time.
 * @param {Movie} movie
 * @param {number} time
 */
export function secondsOf(movie, time) {
  return Math.max(0, (time - movie.startsAt) / SECOND_MS);
}

/**
 * Whether a moment can be played from this movie, without fetching another.
 * @param {Movie} movie
 * @param {number} time
 */
export function isIn(movie, time) {
  return time >= movie.startsAt && time < movie.to - END_SLACK_MS;
}

/**
 * Whether it is time to make the next piece ready.
 * @param {Movie} movie
 * @param {number} time
 * @param {number} speed
 */
export function isNextDue(movie, time, speed) {
  return movie.to - time <= PREPARE_MS * speed;
}

/** Speeds offered. Beyond 8 browsers drop more than they show. */
export const SPEEDS = [0.5, 1, 2, 4, 8];
