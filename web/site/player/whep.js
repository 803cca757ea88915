// One WebRTC session, signalled over HTTP (WHEP): all candidates in the offer, DELETE at the end.

import { Peer } from './peer.js';
import { checkKinds } from './webrtc.js';
import { apiUrl } from '../control/client.js';
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
  constructor(src, video, { onEnd, onNote }) {
    this.#peer = new Peer(video, { onEnd });
    this.#open(src, onNote).catch((error) => onEnd(error.message));
  }

  /**
   * @param {string} src
   * @param {(note: string) => void} onNote
   */
  async #open(src, onNote) {
    await this.#peer.offer();
    const offer = await this.#peer.gathered(GATHER_MS);
    const { answer, session } = await postOffer(apiUrl('webrtc', { src }), offer);
    this.#session = session;
    if (this.#closed) {
      void deleteSession(session);
      return;
    }
    await checkKinds(src, await this.#peer.handleAnswer(answer), onNote);
  }

  sample() {
    return this.#peer.sample();
  }

  signalled() {
    return true;
  }

  close() {
    this.#closed = true;
    void deleteSession(this.#session).then(() => this.#peer.close());
  }
}
