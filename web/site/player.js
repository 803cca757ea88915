// <aqueduct-player src="name" mode="webrtc,mse">: plays one live stream and keeps it playing.
//
// It tries the modes in turn, stays with the one that gives a picture, and starts again, with growing pauses, when
// the stream ends. Attributes: `src` the stream's name; `mode` a comma list of webrtc, whep and mse; `bare` leaves the
// controls away. Events: `stats` (detail: PlayerStats) twice a second and at each change. Needs css/player.css.

import { backoffDelay } from './backoff.js';
import { playOnce } from './player/attempt.js';
import { Controls } from './player/controls.js';
import { explain } from './player/explain.js';
import { Meter } from './player/meter.js';
import { attemptOrder, FIRST_FRAME_LAST_MS, FIRST_FRAME_NEXT_MS, parseModes } from './player/modes.js';
import { statsAtStart } from './player/state.js';
import { TalkButton } from './talk/button.js';

/**
 * @typedef {import('./player/modes.js').Mode} Mode
 * @typedef {import('./player/meter.js').Sample} Sample
 * @typedef {import('./player/state.js').PlayerStats} PlayerStats
 */

/** Playing for 10 s makes a stream healthy: the pause before the next try is short again. */
const HEALTHY_MS = 10_000;

export class StreamPlayer extends HTMLElement {
  static observedAttributes = ['src', 'mode'];

  /** The video element, for whoever needs more than the controls give. */
  video = document.createElement('video');

  #stats = statsAtStart();
  /** Counters of the sessions before this one. */
  #before = { frames: 0, freezes: 0 };
  /** @type {Mode | null} */
  #worked = null;
  /** @type {AbortController | null} */
  #run = null;
  /** @type {(() => void) | null} */
  #skipWait = null;
  /** @type {Controls | null} */
  #controls = null;
  /** @type {TalkButton | null} */
  #talk = null;

  /** How it goes; a new object with each change. */
  get stats() {
    return this.#stats;
  }

  connectedCallback() {
    if (!this.video.isConnected) this.#build();
    addEventListener('pagehide', this.#stop);
    addEventListener('pageshow', this.#resume);
    this.restart();
  }

  disconnectedCallback() {
    removeEventListener('pagehide', this.#stop);
    removeEventListener('pageshow', this.#resume);
    this.#stop();
  }

  /**
   * @param {string} name
   * @param {string | null} before
   * @param {string | null} now
   */
  attributeChangedCallback(name, before, now) {
    if (before === now || !this.isConnected) return;
    if (name === 'src' || name === 'mode') this.#worked = null;
    this.restart();
  }

  /** Drops what plays and starts at once. */
  restart() {
    this.#run?.abort();
    this.#run = new AbortController();
    const src = this.getAttribute('src');
    this.#talk?.watch(src);
    if (src) void this.#play(src, this.#run.signal);
    else this.#set({ phase: 'idle', error: 'No stream is chosen.' });
  }

  /** Ends the pause before the next try. */
  retryNow() {
    this.#skipWait?.();
  }

  /** Ends the session in an orderly way, also while the page is being left. */
  #stop = () => {
    this.#run?.abort();
    this.#run = null;
    this.#talk?.watch(null);
    this.#set({ phase: 'idle', mode: null });
  };

  /** The page came back from the browser's cache. @param {PageTransitionEvent} event */
  #resume = (event) => {
    if (event.persisted) this.restart();
  };

  #build() {
    const video = this.video;
    video.autoplay = true;
    video.playsInline = true;
    video.muted = true;
    this.append(video);
    if (!this.hasAttribute('bare')) {
      this.#controls = new Controls(this);
      this.#talk = new TalkButton(this);
    }
    // `autoplay` fails in silence; asking tells whether a click is needed.
    video.addEventListener('loadedmetadata', () => {
      video.play().catch((error) => error.name === 'NotAllowedError' && this.#controls?.askForClick());
    });
    video.addEventListener('resize', () => this.#set({ width: video.videoWidth, height: video.videoHeight }));
  }

  /**
   * Tries, plays and pauses until `signal` says stop.
   * @param {string} src
   * @param {AbortSignal} signal
   */
  async #play(src, signal) {
    let failures = 0;
    while (!signal.aborted) {
      const startedAt = performance.now();
      let reason = '';
      const modes = attemptOrder(parseModes(this.getAttribute('mode')), this.#worked);
      for (const [at, mode] of modes.entries()) {
        const last = at === modes.length - 1;
        const ended = await this.#tryMode(src, mode, last, startedAt, signal);
        if (signal.aborted) return;
        reason = ended.reason;
        if (ended.playedMs === null) continue;
        if (ended.playedMs > HEALTHY_MS) failures = 0;
        break;
      }
      failures += 1;
      const error = await explain(src, reason);
      if (signal.aborted) return;
      this.#set({ phase: 'waiting', mode: null, error, note: '', fps: null, bitrate: null, latencyMs: null });
      await this.#pause(backoffDelay(failures, Math.random()), signal);
    }
  }

  /**
   * @param {string} src
   * @param {Mode} mode
   * @param {boolean} last
   * @param {number} startedAt
   * @param {AbortSignal} signal
   */
  async #tryMode(src, mode, last, startedAt, signal) {
    const meter = new Meter();
    // A message stays until the first frame: a picture or the same message again, never a flicker between.
    this.#set({ phase: 'connecting', mode, firstFrameMs: null, codec: '', note: '' });
    const ended = await playOnce({
      mode,
      src,
      video: this.video,
      firstFrameLimitMs: last ? FIRST_FRAME_LAST_MS : FIRST_FRAME_NEXT_MS,
      signal,
      onFirstFrame: () => this.#handleFirstFrame(mode, startedAt),
      onSample: (sample) => this.#handleSample(sample, meter),
      onNote: (note) => this.#set({ note }),
      onTalk: (line) => this.#talk?.setLine(line),
    });
    this.#talk?.setLine(null);
    this.#before = { frames: this.#stats.framesDecoded, freezes: this.#stats.freezes };
    return ended;
  }

  /**
   * @param {Mode} mode
   * @param {number} startedAt
   */
  #handleFirstFrame(mode, startedAt) {
    this.#worked = mode;
    this.#talk?.look();
    const { videoWidth: width, videoHeight: height } = this.video;
    this.#set({ phase: 'playing', firstFrameMs: Math.round(performance.now() - startedAt), width, height, error: null });
  }

  /**
   * @param {Sample} sample
   * @param {Meter} meter
   */
  #handleSample(sample, meter) {
    meter.handleSample(sample, performance.now());
    const { videoWidth: width, videoHeight: height } = this.video;
    const { codec, latencyMs } = sample;
    const framesDecoded = this.#before.frames + sample.frames;
    const freezes = this.#before.freezes + sample.freezes;
    this.#set({ ...meter.rates(), framesDecoded, freezes, width, height, codec, latencyMs });
  }

  /** @param {Partial<PlayerStats>} change */
  #set(change) {
    this.#stats = { ...this.#stats, ...change };
    this.#controls?.show(this.#stats);
    this.dispatchEvent(new CustomEvent('stats', { detail: this.#stats }));
  }

  /**
   * @param {number} ms
   * @param {AbortSignal} signal
   */
  #pause(ms, signal) {
    return new Promise((done) => {
      this.#skipWait = () => done(null);
      setTimeout(done, ms, null);
      signal.addEventListener('abort', () => done(null), { once: true });
    });
  }
}

customElements.define('aqueduct-player', StreamPlayer);
