// One try with one mode: from opening the session to its end. Owns the session, the first-frame limit and the
// stall watch; leaves nothing behind when it returns.

import { MseSession } from './mse.js';
import { WebRtcSession } from './webrtc.js';
import { WhepSession } from './whep.js';

/**
 * @typedef {import('./modes.js').Mode} Mode
 * @typedef {import('./meter.js').Sample} Sample
 * @typedef {import('./webrtc.js').Session} Session
 */

/** Counters are read twice a second. */
const SAMPLE_MS = 500;
/** No media for 10 s is the end; cameras that send one frame every few seconds are still well. */
const SILENCE_MAX_MS = 10_000;
/** Without the signalling connection (server gone) 1.5 s of silence is enough. */
const SILENCE_UNSIGNALLED_MAX_MS = 1_500;

/**
 * @typedef {object} Attempt
 * @property {Mode} mode
 * @property {string} src
 * @property {HTMLVideoElement} video
 * @property {number} firstFrameLimitMs
 * @property {AbortSignal} signal ends the try
 * @property {() => void} onFirstFrame
 * @property {(sample: Sample) => void} onSample
 * @property {(note: string) => void} onNote
 * @property {(line: import('../talk/line.js').TalkLine) => void} onTalk
 *
 * @typedef {object} Ended
 * @property {number | null} playedMs from the first frame to the end, or null if there was none
 * @property {string} reason one sentence for people, without a full stop
 */

/**
 * @param {Attempt} attempt
 * @returns {Promise<Ended>}
 */
export function playOnce({ mode, src, video, firstFrameLimitMs, signal, onFirstFrame, onSample, onNote, onTalk }) {
  return new Promise((resolve) => {
    const own = new AbortController();
    /** @type {Session | null} */
    let session = null;
    /** @type {number | null} */
    let firstFrameAt = null;

    const end = (/** @type {string} */ reason) => {
      if (own.signal.aborted) return;
      own.abort();
      clearTimeout(limit);
      clearInterval(sampler);
      session?.close();
      detach(video);
      resolve({ playedMs: firstFrameAt === null ? null : performance.now() - firstFrameAt, reason });
    };
    const handleFirstFrame = () => {
      if (firstFrameAt !== null || own.signal.aborted) return;
      firstFrameAt = performance.now();
      clearTimeout(limit);
      onFirstFrame();
    };

    const limit = setTimeout(end, firstFrameLimitMs, `no picture within ${Math.round(firstFrameLimitMs / 1000)} s`);
    const silence = new SilenceWatch();
    const sampler = setInterval(async () => {
      const sample = await session?.sample().catch(() => null);
      if (!sample || own.signal.aborted) return;
      onSample(sample);
      const limitMs = session?.signalled() ? SILENCE_MAX_MS : SILENCE_UNSIGNALLED_MAX_MS;
      if (silence.lasts(sample.bytes, performance.now()) > limitMs && firstFrameAt !== null) end('the stream fell silent');
    }, SAMPLE_MS);

    signal.addEventListener('abort', () => end('stopped'), { signal: own.signal });
    video.addEventListener('loadeddata', handleFirstFrame, { signal: own.signal });
    try {
      session = open(mode, src, video, { onEnd: end, onNote, onTalk });
    } catch (error) {
      end(error instanceof Error ? error.message : String(error));
    }
  });
}

/**
 * @param {Mode} mode
 * @param {string} src
 * @param {HTMLVideoElement} video
 * @param {import('./webrtc.js').SessionHooks} hooks
 * @returns {Session}
 */
function open(mode, src, video, hooks) {
  const hasWebRtc = 'RTCPeerConnection' in globalThis;
  switch (mode) {
    case 'webrtc':
    case 'whep':
      if (!hasWebRtc) throw new Error('this browser has no WebRTC');
      return mode === 'webrtc' ? new WebRtcSession(src, video, hooks) : new WhepSession(src, video, hooks);
    case 'mse':
      if (!MseSession.supported()) throw new Error('this browser has no Media Source');
      return new MseSession(src, video, hooks);
  }
}

/** Takes the media off the element, so that the next session starts with an empty one. @param {HTMLVideoElement} video */
function detach(video) {
  video.srcObject = null;
  video.removeAttribute('src');
  video.load();
}

/** Says for how long a counter has not moved. */
class SilenceWatch {
  #value = -1;
  #movedAt = 0;

  /**
   * @param {number} value
   * @param {number} nowMs
   */
  lasts(value, nowMs) {
    if (value !== this.#value) {
      this.#value = value;
      this.#movedAt = nowMs;
    }
    return nowMs - this.#movedAt;
  }
}
