// One WebRTC session, signalled over HTTP (WHEP): all candidates in the offer, DELETE at the end.

import { Peer } from './peer.js';
import { refuseWithoutVideo } from './webrtc.js';
import { apiUrl } from '../api/client.js';
import { deleteSession, postOffer } from '../http-signalling.js';

/** Longest wait for own candidates: 1 s; host candidates are known within milliseconds. */
const GATHER_MS = 1_000;

/** @implements {Session} */
export class WhepSession {
  #peer;
  /** @type {URL | null} */
  #session = null;
  #closed = false;

  /**
   * @typedef {import('./webrtc.js').Session} Session
   * @param {string} src
   * @param {HTMLVideoElement} video
   * @param {import('./webrtc.js').SessionHooks} hooks
   */
  constructor(src, video, { onEnd }) {
    this.#peer = new Peer(video, { onEnd });
    this.#open(src).catch((error) => onEnd(error.message));
  }

  /** @param {string} src */
  async #open(src) {
    await this.#peer.offer();
    const offer = await this.#peer.gathered(GATHER_MS);
    const { answer, session } = await postOffer(apiUrl('webrtc', { src }), offer);
    this.#session = session;
    if (this.#closed) {
      deleteSession(session);
      return;
    }
    await refuseWithoutVideo(src, await this.#peer.handleAnswer(answer));
  }

  sample() {
    return this.#peer.sample();
  }

  signalled() {
    return true;
  }

  close() {
    this.#closed = true;
    deleteSession(this.#session);
    this.#peer.close();
  }
}
