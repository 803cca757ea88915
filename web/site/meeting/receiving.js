// Tells the server what is worth sending to us: nothing for a tile that cannot be seen, and the layer that its size needs.
// Owns what was asked for last. One object per session.

import { preferredLayers, sameLayers } from './layers.js';

/**
 * @typedef {import('./layers.js').Layers} Layers
 * @typedef {import('./layers.js').Quality} Quality
 * @typedef {import('./roster.js').Medium} Medium
 * @typedef {{ paused: boolean, layers: Layers | null }} Asked
 * @typedef {(method: string, data: object) => Promise<unknown>} Request
 */

/** Resizing a window asks many times a second; the server is asked at most every 300 ms for one picture. */
export const ASK_EVERY_MS = 300;

export class Receiving {
  /** @type {Map<string, Asked & { wish: (Asked & { layers: Layers }) | null, timer: ReturnType<typeof setTimeout> | undefined }>} */
  #asked = new Map();
  #request;

  /** @param {Request} request */
  constructor(request) {
    this.#request = request;
  }

  /**
   * How a picture is seen now.
   * @param {Medium} medium
   * @param {{ visible: boolean, height: number, quality: Quality }} view height in device pixels
   */
  show(medium, { visible, height, quality }) {
    const asked = this.#asked.get(medium.id) ?? { paused: false, layers: null, wish: null, timer: undefined };
    this.#asked.set(medium.id, asked);
    const current = asked.layers?.spatialLayer ?? null;
    const layers = preferredLayers({ height, sentHeight: medium.sentHeight, counts: medium.counts, quality, current });
    asked.wish = { paused: !visible, layers };
    if (asked.timer !== undefined) return;
    this.#ask(medium, asked);
    asked.timer = setTimeout(() => {
      asked.timer = undefined;
      if (this.#asked.get(medium.id) === asked) this.#ask(medium, asked);
    }, ASK_EVERY_MS);
  }

  /** What was asked for last. @param {string} id of the consumer @returns {Asked | null} */
  asked(id) {
    const asked = this.#asked.get(id);
    return asked ? { paused: asked.paused, layers: asked.layers } : null;
  }

  /** Forgets all pictures but these. @param {Set<string>} ids */
  keep(ids) {
    for (const [id, { timer }] of this.#asked) {
      if (ids.has(id)) continue;
      clearTimeout(timer);
      this.#asked.delete(id);
    }
  }

  close() {
    this.keep(new Set());
  }

  /**
   * @param {Medium} medium
   * @param {Asked & { wish: (Asked & { layers: Layers }) | null }} asked
   */
  #ask(medium, asked) {
    const { wish } = asked;
    if (!wish) return;
    const consumerId = medium.id;
    const layered = medium.counts.spatial > 1 || medium.counts.temporal > 1;
    // A picture that cannot be seen keeps its layers until it can.
    if (layered && !wish.paused && !sameLayers(wish.layers, asked.layers)) {
      asked.layers = wish.layers;
      this.#send('setConsumerPreferredLayers', { consumerId, ...wish.layers });
    }
    if (wish.paused !== asked.paused) {
      asked.paused = wish.paused;
      this.#send(wish.paused ? 'pauseConsumer' : 'resumeConsumer', { consumerId });
    }
  }

  /**
   * @param {string} method
   * @param {object} data
   */
  #send(method, data) {
    // Refused where the picture is gone already; a lost connection is noticed elsewhere.
    this.#request(method, data).catch(() => {});
  }
}
