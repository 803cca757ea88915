// One WebRTC session, signalled over the WebSocket with trickled candidates. Where the server takes a microphone, it goes
// the other way in the same session.

import { Peer } from './peer.js';
import { Signalling } from './signalling.js';
import { getStream } from '../control/client.js';
import { codecName } from '../format.js';

/**
 * @typedef {object} SessionHooks
 * @property {(reason: string) => void} onEnd
 * @property {(note: string) => void} onNote what is missing although it plays
 * @property {(line: import('../talk/line.js').TalkLine) => void} [onTalk] the session can carry a microphone
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
  /** Of who talks now. @type {import('../talk/line.js').LineHooks | null} */
  #talk = null;

  /**
   * @param {string} src
   * @param {HTMLVideoElement} video
   * @param {SessionHooks} hooks
   */
  constructor(src, video, { onEnd, onNote, onTalk }) {
    let answered = false;
    const onCandidate = (/** @type {string} */ text) => this.#signalling.send('webrtc/candidate', text);
    const peer = new Peer(video, { onEnd, onCandidate, talks: true });
    this.#peer = peer;
    this.#signalling = new Signalling(src, {
      onOpen: async () => this.#signalling.send('webrtc/offer', await peer.offer()),
      onMessage: async (type, value) => {
        if (type === 'webrtc/candidate') await peer.handleCandidate(value);
        if (type === 'talk' || type === 'error') this.#hearTalk(type, value);
        if (type !== 'webrtc/answer') return;
        try {
          const kinds = await peer.handleAnswer(value);
          answered = true;
          if (peer.takesMicrophone()) onTalk?.({ send: (track, hooks) => this.#send(track, hooks), stop: () => this.#stop() });
          await checkKinds(src, kinds, onNote);
        } catch (error) {
          onEnd(error instanceof Error ? error.message : String(error));
        }
      },
      onEnd: (reason) => {
        // The media has its own connection and may outlive the signalling; before the answer there is none.
        this.#signalled = false;
        this.#talk?.onRefused('the connection to the server was lost');
        if (!answered) onEnd(reason);
      },
    });
  }

  /**
   * @param {MediaStreamTrack} track
   * @param {import('../talk/line.js').LineHooks} hooks
   */
  #send(track, hooks) {
    this.#talk = hooks;
    if (!this.#signalled) {
      hooks.onRefused('the connection to the server was lost');
      return;
    }
    this.#signalling.send('talk', 'on');
    this.#peer.sendMicrophone(track).catch((error) => hooks.onRefused(error.message));
  }

  #stop() {
    this.#talk = null;
    this.#signalling.send('talk', 'off');
    this.#peer.sendMicrophone(null).catch(() => {});
  }

  /**
   * @param {string} type
   * @param {string} value
   */
  #hearTalk(type, value) {
    if (type === 'error') this.#talk?.onRefused(value.replace(/^talk: /, ''));
    else if (value === 'open') this.#talk?.onOpen();
    else if (value === 'closed') this.#talk?.onClosed();
    else if (value.startsWith('waiting ')) this.#talk?.onWaiting(Number(value.slice('waiting '.length)) || 0);
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
 * Missing sound is only noted.
 * @param {string} src
 * @param {Set<string>} kinds
 * @param {(note: string) => void} onNote
 */
export async function checkKinds(src, kinds, onNote) {
  if (kinds.has('video') && kinds.has('audio')) return;
  const tracks = (await getStream(src).catch(() => null))?.tracks ?? [];
  const video = tracks.find(({ kind }) => kind === 'video');
  const audio = tracks.find(({ kind }) => kind === 'audio');
  if (!kinds.has('video') && (video || kinds.size === 0)) {
    throw new Error(`no codec in common for WebRTC${video ? `: the stream has ${codecName(video.codec)}` : ''}`);
  }
  if (!kinds.has('audio') && audio) onNote(`no sound: WebRTC has no ${codecName(audio.codec)}`);
}
