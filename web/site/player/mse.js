// One Media Source session: fragmented MP4 over the WebSocket into a short buffer that is kept at the live edge.
// ManagedMediaSource is what iPhones have instead of MediaSource.

import { LAG_TARGET_S, lagTargetAfterStall, planBuffer } from './live-edge.js';
import { supportedCodecs } from './mse-codecs.js';
import { Signalling } from './signalling.js';
import { mimeCodecs } from '../format.js';

/** Most media waiting to be appended: 16 MiB, half a minute of 4 Mbit/s. More means that the decoder has given up. */
const QUEUE_BYTES_MAX = 16 * 1024 * 1024;
/** A rate is changed only by steps of 0.02, audio clicks otherwise. */
const RATE_STEP = 0.02;

const Source = globalThis.ManagedMediaSource ?? globalThis.MediaSource;

/** @implements {Session} */
export class MseSession {
  #video;
  #onEnd;
  #signalling;
  #source = new Source();
  #objectUrl = '';
  /** @type {SourceBuffer | null} */
  #buffer = null;
  /** @type {ArrayBuffer[]} */
  #queue = [];
  #queueBytes = 0;
  #bytes = 0;
  #freezes = 0;
  #codec = '';
  #lag = 0;
  #lagTarget = LAG_TARGET_S;
  #listeners = new AbortController();

  /**
   * @typedef {import('./webrtc.js').Session} Session
   * @param {string} src
   * @param {HTMLVideoElement} video
   * @param {import('./webrtc.js').SessionHooks} hooks
   */
  constructor(src, video, { onEnd }) {
    this.#video = video;
    this.#onEnd = onEnd;
    // The source opens once it is attached; the server may be asked meanwhile.
    const opened = new Promise((done) => this.#source.addEventListener('sourceopen', done, { once: true }));
    this.#attach();
    this.#signalling = new Signalling(src, {
      onOpen: () => this.#signalling.send('mse', supportedCodecs((mime) => Source.isTypeSupported(mime))),
      onMessage: async (type, mime) => {
        if (type !== 'mse') return;
        await opened;
        this.#begin(mime);
      },
      onBinary: (data) => this.#handleMedia(data),
      onEnd,
    });
  }

  /** Whether this browser has Media Source at all. */
  static supported() {
    return Source !== undefined;
  }

  #attach() {
    const { signal } = this.#listeners;
    const video = this.#video;
    // Safari opens a ManagedMediaSource only on elements that cannot be sent to a television.
    video.disableRemotePlayback = true;
    this.#objectUrl = URL.createObjectURL(/** @type {any} */ (this.#source));
    video.src = this.#objectUrl;
    video.addEventListener('error', () => this.#onEnd(video.error?.message || 'the browser cannot play this'), { signal });
    video.addEventListener('waiting', () => this.#handleStall(), { signal });
  }

  /** @param {string} mime */
  #begin(mime) {
    this.#codec = mimeCodecs(mime);
    try {
      if (this.#buffer) {
        this.#buffer.changeType(mime);
        return;
      }
      const buffer = this.#source.addSourceBuffer(mime);
      this.#buffer = buffer;
      const { signal } = this.#listeners;
      buffer.addEventListener('updateend', () => this.#handleUpdated(), { signal });
      buffer.addEventListener('error', () => this.#onEnd('the browser cannot decode this stream'), { signal });
      this.#appendNext();
    } catch {
      this.#onEnd(`this browser cannot play ${this.#codec || mime}`);
    }
  }

  /** @param {ArrayBuffer} data */
  #handleMedia(data) {
    this.#bytes += data.byteLength;
    this.#queue.push(data);
    this.#queueBytes += data.byteLength;
    if (this.#queueBytes > QUEUE_BYTES_MAX) this.#onEnd('the browser does not keep up with the stream');
    else this.#appendNext();
  }

  #handleUpdated() {
    this.#keepLive();
    this.#appendNext();
  }

  #handleStall() {
    if (this.#video.seeking || this.#video.played.length === 0) return;
    this.#freezes += 1;
    this.#lagTarget = lagTargetAfterStall(this.#lagTarget);
  }

  /** Appends all that waits, as one piece. */
  #appendNext() {
    const buffer = this.#buffer;
    if (!buffer || buffer.updating || this.#queue.length === 0 || this.#source.readyState !== 'open') return;
    const waiting = joined(this.#queue, this.#queueBytes);
    this.#queue = [];
    this.#queueBytes = 0;
    this.#append(buffer, waiting);
  }

  /**
   * @param {SourceBuffer} buffer
   * @param {BufferSource} data
   */
  #append(buffer, data) {
    try {
      buffer.appendBuffer(data);
    } catch (error) {
      this.#onEnd(error instanceof Error ? error.message : String(error));
    }
  }

  #keepLive() {
    const buffer = this.#buffer;
    const video = this.#video;
    if (!buffer || buffer.updating) return;
    const plan = planBuffer({
      ranges: timeRanges(buffer.buffered),
      currentTime: video.currentTime,
      paused: video.paused && video.played.length > 0,
      lagTarget: this.#lagTarget,
    });
    this.#lag = plan.lag;
    if (plan.seekTo !== null && !video.seeking) video.currentTime = plan.seekTo;
    if (Math.abs(video.playbackRate - plan.rate) >= RATE_STEP || plan.rate === 1) video.playbackRate = plan.rate;
    if (plan.dropBefore !== null) buffer.remove(0, plan.dropBefore);
  }

  async sample() {
    const frames = this.#video.getVideoPlaybackQuality?.().totalVideoFrames ?? 0;
    const latencyMs = this.#lag > 0 ? Math.round(this.#lag * 1000) : null;
    return { frames, bytes: this.#bytes, freezes: this.#freezes, codec: this.#codec, latencyMs };
  }

  signalled() {
    return true;
  }

  close() {
    this.#listeners.abort();
    this.#signalling.close();
    this.#queue = [];
    this.#video.playbackRate = 1;
    URL.revokeObjectURL(this.#objectUrl);
  }
}

/**
 * @param {TimeRanges} ranges
 * @returns {[number, number][]}
 */
function timeRanges(ranges) {
  return Array.from({ length: ranges.length }, (_, at) => [ranges.start(at), ranges.end(at)]);
}

/**
 * @param {ArrayBuffer[]} pieces
 * @param {number} length of all together
 * @returns {BufferSource}
 */
function joined(pieces, length) {
  if (pieces.length === 1 && pieces[0]) return pieces[0];
  const whole = new Uint8Array(length);
  let at = 0;
  for (const piece of pieces) {
    whole.set(new Uint8Array(piece), at);
    at += piece.byteLength;
  }
  return whole;
}
