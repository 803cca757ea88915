// Which transport to try, in which order, and for how long. Pure.

/** @typedef {'webrtc' | 'whep' | 'mse'} Mode */

/** What each mode is called on screen. @type {Record<Mode, string>} */
export const MODE_NAMES = { webrtc: 'WebRTC', whep: 'WebRTC (WHEP)', mse: 'MSE' };

/** @type {Mode[]} */
export const MODES_DEFAULT = ['webrtc', 'mse'];

/** Time to the first frame while another mode is left to try: 3 s. */
export const FIRST_FRAME_NEXT_MS = 3_000;
/** Time to the first frame for the last mode: 15 s; a source started by this very reader may take that long. */
export const FIRST_FRAME_LAST_MS = 15_000;

/**
 * @param {string | null} text a comma list; unknown and repeated names are left out
 * @returns {Mode[]}
 */
export function parseModes(text) {
  const known = (text ?? '')
    .split(',')
    .map((name) => name.trim().toLowerCase())
    .filter((name) => Object.hasOwn(MODE_NAMES, name));
  const modes = /** @type {Mode[]} */ ([...new Set(known)]);
  return modes.length > 0 ? modes : MODES_DEFAULT;
}

/**
 * The mode that worked last goes first, so that a reconnect does not wait for one that will fail again.
 * @param {Mode[]} modes
 * @param {Mode | null} worked
 * @returns {Mode[]}
 */
export function attemptOrder(modes, worked) {
  return worked && modes.includes(worked) ? [worked, ...modes.filter((mode) => mode !== worked)] : modes;
}
