// Turns counters, read twice a second, into rates. Pure: time comes in as an argument.

/**
 * Counters of one session since its start.
 * @typedef {object} Sample
 * @property {number} frames decoded
 * @property {number} bytes received
 * @property {number} freezes
 * @property {string} codec for people
 * @property {number | null} latencyMs estimate
 */

/** Rates are taken over the last 2 s: steady enough to read, quick enough to be true. */
const WINDOW_MS = 2_000;

export class Meter {
  /** @type {{ atMs: number, frames: number, bytes: number }[]} */
  #window = [];

  /**
   * @param {Sample} sample
   * @param {number} nowMs
   */
  handleSample({ frames, bytes }, nowMs) {
    this.#window.push({ atMs: nowMs, frames, bytes });
    while (this.#window.length > 2 && nowMs - (this.#window[0]?.atMs ?? nowMs) > WINDOW_MS) this.#window.shift();
  }

  /** Frames a second and bits a second, or null before there are two samples. */
  rates() {
    const first = this.#window[0];
    const last = this.#window.at(-1);
    if (!first || !last || last.atMs <= first.atMs) return { fps: null, bitrate: null };
    const seconds = (last.atMs - first.atMs) / 1000;
    return { fps: (last.frames - first.frames) / seconds, bitrate: ((last.bytes - first.bytes) * 8) / seconds };
  }
}
