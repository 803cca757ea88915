// What is sent in one session: a producer for each device that is on. Owns the producers; tracks belong to OwnMedia.

import { cameraEncodings, pickCodec, screenEncodings } from './encodings.js';

/**
 * @typedef {import('./session.js').Session} Session
 * @typedef {import('./session.js').Producer} Producer
 * @typedef {import('./roster.js').Source} Source
 */

export class Sending {
  /** @type {Map<Source, Producer>} */
  #producers = new Map();
  #session;

  /** @param {Session} session */
  constructor(session) {
    this.#session = session;
  }

  /** @param {Source} source */
  producer(source) {
    return this.#producers.get(source) ?? null;
  }

  /** The source of one of our producers, by its id. @param {string} id */
  sourceOf(id) {
    return [...this.#producers].find(([, producer]) => producer.id === id)?.[0] ?? null;
  }

  /**
   * Starts sending; what is sent of this source already is replaced.
   * @param {Source} source
   * @param {MediaStreamTrack} track
   * @param {import('./encodings.js').Codec} chosen of the camera
   */
  async start(source, track, chosen) {
    await this.stop(source);
    const { width = 0, height = 0 } = track.getSettings();
    const appData = track.kind === 'video' ? { source, width, height } : { source };
    const producer = await this.#session.produce({ track, appData, ...this.#options(source, height || 720, chosen) });
    this.#producers.set(source, producer);
  }

  /** @param {Source} source */
  async stop(source) {
    const producer = this.#producers.get(source);
    this.#producers.delete(source);
    if (producer) await this.#session.closeProducer(producer);
  }

  /** It was closed by the server. @param {string} id */
  drop(id) {
    const source = this.sourceOf(id);
    if (!source) return null;
    this.#producers.get(source)?.close();
    this.#producers.delete(source);
    return source;
  }

  /**
   * @param {Source} source
   * @param {boolean} paused
   */
  async setPaused(source, paused) {
    const producer = this.#producers.get(source);
    if (producer && producer.paused !== paused) await this.#session.setProducerPaused(producer, paused);
  }

  /**
   * Another device of the same kind: the others see the same producer go on.
   * @param {Source} source
   * @param {MediaStreamTrack} track
   */
  async replace(source, track) {
    await this.#producers.get(source)?.replaceTrack({ track });
  }

  /**
   * @param {Source} source
   * @param {number} height
   * @param {import('./encodings.js').Codec} chosen
   * @returns {Omit<Parameters<Session['produce']>[0], 'track' | 'appData'>}
   */
  #options(source, height, chosen) {
    if (source === 'microphone') return { codecOptions: { opusDtx: true, opusFec: true } };
    if (source === 'screenAudio') return { codecOptions: { opusStereo: true } };
    const picked = pickCodec(this.#session.videoCodecs, source === 'screen' ? 'vp8' : chosen);
    const encodings = source === 'screen' ? screenEncodings() : cameraEncodings(picked.chosen, height);
    return { encodings, codec: picked.codec, codecOptions: { videoGoogleStartBitrate: 1000 } };
  }
}
