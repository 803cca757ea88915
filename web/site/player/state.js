// What a player is doing and how it goes, as values.

/** @typedef {import('./modes.js').Mode} Mode */

/**
 * `connecting` → `playing` at the first frame → `waiting` when it ends or fails → `connecting` at the next try.
 * `idle` before and after all that.
 * @typedef {'idle' | 'connecting' | 'playing' | 'waiting'} Phase
 *
 * @typedef {object} PlayerStats
 * @property {Phase} phase
 * @property {Mode | null} mode the mode that plays or is being tried
 * @property {number | null} firstFrameMs from the start of the try, all modes included, to the first frame
 * @property {number} framesDecoded since the page was opened, all sessions together
 * @property {number} freezes since the page was opened
 * @property {number} width pixels, 0 before the first frame
 * @property {number} height pixels
 * @property {number | null} fps
 * @property {number | null} bitrate bit/s
 * @property {number | null} latencyMs estimate
 * @property {string} codec for people
 * @property {string} note what is missing although it plays: "no sound: …"
 * @property {string | null} error why it does not play now
 */

/** @returns {PlayerStats} */
export function statsAtStart() {
  return {
    phase: 'idle', mode: null, firstFrameMs: null, framesDecoded: 0, freezes: 0, width: 0, height: 0,
    fps: null, bitrate: null, latencyMs: null, codec: '', note: '', error: null,
  };
}
