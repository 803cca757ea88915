// One WebRTC session, signalled over the WebSocket with trickled candidates.

import { Peer } from './peer.js';
import { Signalling } from './signalling.js';
import { getStream } from '../api/client.js';

/**
 * @typedef {object} SessionHooks
 * @property {(reason: string) => void} onEnd
 *
 * What the player asks of every mode. A session is used once.
 * @typedef {object} Session
 * @property {() => Promise<import('./meter.js').Sample>} sample
 * @property {() => boolean} signalled whether the server still holds the line; without it, silence ends the session sooner
 * @property {() => void} close
 */

/** @implements {Session} */
export class WebRtcSession {
  #peer;
  #signalling;
  #signalled = true;

  /**
   * @param {string} src
   * @param {HTMLVideoElement} video
   * @param {SessionHooks} hooks
   */
  constructor(src, video, { onEnd }) {
    let answered = false;
    const peer = new Peer(video, { onEnd, onCandidate: (text) => this.#signalling.send('webrtc/candidate', text) });
    this.#peer = peer;
    this.#signalling = new Signalling(src, {
      onOpen: async () => this.#signalling.send('webrtc/offer', await peer.offer()),
      onMessage: async (type, value) => {
        if (type === 'webrtc/candidate') await peer.handleCandidate(value);
        if (type !== 'webrtc/answer') return;
        try {
          const kinds = await peer.handleAnswer(value);
          answered = true;
          await refuseWithoutVideo(src, kinds);
        } catch (error) {
          onEnd(error instanceof Error ? error.message : String(error));
        }
      },
      onEnd: (reason) => {
        // The media has its own connection and may outlive the signalling; before the answer there is none.
        this.#signalled = false;
        if (!answered) onEnd(reason);
      },
    });
  }

  sample() {
    return this.#peer.sample();
  }

  signalled() {
    return this.#signalled;
  }

  close() {
    this.#signalling.close();
    this.#peer.close();
  }
}

/**
 * Throws if the stream has video but this browser gets none of it (no codec in common): another mode may do better.
 * @param {string} src
 * @param {Set<string>} kinds
 */
export async function refuseWithoutVideo(src, kinds) {
  if (kinds.has('video')) return;
  const stream = await getStream(src).catch(() => null);
  const video = stream?.tracks.find((track) => track.kind === 'video');
  if (video || kinds.size === 0) {
    throw new Error(`no codec in common for WebRTC${video ? `: the stream has ${video.codec}` : ''}`);
  }
}
