// How long to wait before the next try. Pure.

/** First wait: 0.5 s, a server restart is often over by then. */
export const DELAY_FIRST_MS = 500;
/** Longest wait: 15 s, so that a page left open comes back soon after the server does. */
export const DELAY_MAX_MS = 15_000;

/**
 * Doubles with each failure; the last quarter is random, so that many pages do not come back at the same moment.
 * @param {number} failures in a row, 1 for the first
 * @param {number} random 0 to 1
 */
export function backoffDelay(failures, random) {
  const whole = Math.min(DELAY_MAX_MS, DELAY_FIRST_MS * 2 ** Math.min(Math.max(failures, 1) - 1, 16));
  return Math.round(whole * (0.75 + 0.25 * random));
}
