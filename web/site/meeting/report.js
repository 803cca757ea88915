// Statistics of all tiles, once a second while somebody looks at them, and the page's state as a value for tests.

import { lookAtReceived, lookAtSent, tileStats } from './stats.js';

/**
 * @typedef {import('./stats.js').TileStats} TileStats
 * @typedef {import('./stats.js').Look} Look
 *
 * @typedef {object} TileReport
 * @property {string} key
 * @property {string} peerId
 * @property {string} name
 * @property {string} source
 * @property {boolean} own
 * @property {boolean} muted
 * @property {boolean} hasPicture
 * @property {boolean} speaking
 * @property {import('./roster.js').Layers | null} current
 * @property {{ paused: boolean, layers: import('./roster.js').Layers | null } | null} asked
 * @property {TileStats | null} stats
 *
 * @typedef {object} Report
 * @property {import('./call.js').Phase} phase
 * @property {string} room
 * @property {string[]} connections states of the transports
 * @property {number} comebacks
 * @property {TileReport[]} tiles
 * @property {string[]} chat
 */

export class Statistics {
  /** @type {Map<string, Look>} */
  #before = new Map();
  /** @type {Map<string, TileStats>} */
  #now = new Map();
  #call;

  /** @param {import('./call.js').Call} call */
  constructor(call) {
    this.#call = call;
  }

  /** Looks at every picture once. */
  async look() {
    const { session } = this.#call;
    const tiles = this.#call.tiles();
    await Promise.all(
      tiles.map(async ({ key, own, source, picture }) => {
        const producer = own ? this.#call.producer(source) : null;
        const consumer = picture ? session?.consumer(picture.id) : null;
        const from = producer ?? consumer;
        if (!from || from.closed) return void this.#now.delete(key);
        const reports = await from.getStats().catch(() => null);
        if (!reports) return;
        const look = own ? lookAtSent(reports.values(), performance.now()) : lookAtReceived(reports.values(), performance.now());
        this.#now.set(key, tileStats(this.#before.get(key) ?? null, look));
        this.#before.set(key, look);
      }),
    );
    const keys = new Set(tiles.map(({ key }) => key));
    for (const key of [...this.#before.keys()]) if (!keys.has(key)) this.#before.delete(key);
    for (const key of [...this.#now.keys()]) if (!keys.has(key)) this.#now.delete(key);
  }

  /** @param {string} key of a tile */
  of(key) {
    return this.#now.get(key) ?? null;
  }

  /** @returns {Report} */
  report() {
    const call = this.#call;
    const speaker = call.session?.roster.speaker ?? null;
    return {
      phase: call.phase,
      room: call.room,
      connections: call.session?.connectionStates ?? [],
      comebacks: call.comebacks,
      chat: call.chat.lines.map(({ name, text }) => `${name}: ${text}`),
      tiles: call.tiles().map((tile) => ({
        key: tile.key,
        peerId: tile.peerId,
        name: tile.name,
        source: tile.source,
        own: tile.own,
        muted: tile.muted,
        hasPicture: tile.track !== null && !tile.pictureOff,
        speaking: tile.peerId === speaker,
        current: tile.picture?.current ?? null,
        asked: tile.picture ? (call.receiving?.asked(tile.picture.id) ?? null) : null,
        stats: this.of(tile.key),
      })),
    };
  }
}

/**
 * The layer that a tile shows, for people: "2 of 3", or the sizes that are sent.
 * @param {import('./roster.js').Tile} tile
 * @param {TileStats} stats
 */
export function layerText(tile, stats) {
  if (tile.own) return stats.sending.join(', ');
  const { picture } = tile;
  if (!picture?.current) return '';
  const { spatialLayer, temporalLayer } = picture.current;
  return `${spatialLayer + 1} of ${picture.counts.spatial}, T${temporalLayer + 1} of ${picture.counts.temporal}`;
}
