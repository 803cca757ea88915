// Plays the recording from any moment: fetches it in windows, joins them, passes over gaps. Two video elements: while
// one plays, the next window is made ready in the other. Owns both, and the requests that are under way.

import { exportUrl, getCodecs, startOf } from './api.js';
import { isIn, isNextDue, planAt, secondsOf, wallOf } from './playback-plan.js';
import { MINUTE_MS, SECOND_MS } from './times.js';
import { adviceFor, cannotPlayText } from './words.js';
import { ServerError, Unreachable } from '../control/client.js';
import { el } from '../ui/dom.js';

/**
 * @typedef {import('./session.js').Session} Session
 * @typedef {import('./playback-plan.js').Movie} Movie
 * @typedef {import('./playback-plan.js').Window} Window
 * @typedef {import('./types.js').Range} Range
 *
 * @typedef {'idle' | 'loading' | 'playing' | 'paused' | 'waiting' | 'ended' | 'failed'} Phase
 *   `idle`: nothing is fetched, `time` is where playing would begin; `waiting`: for the recording to go on;
 *   `ended`: nothing more is recorded
 *
 * @typedef {Movie & { video: HTMLVideoElement, gap: Range | null }} Loaded
 */

/** At the newest end, a piece shorter than 4 s is not fetched: the next look finds more. */
const LIVE_PIECE_MS = 4 * SECOND_MS;
const LIVE_WAIT_MS = 3 * SECOND_MS;
/** A picture that is not there by then is not waited for: iPhones show none before they play. */
const PICTURE_WAIT_MS = 1_500;

/** Emits `change` (phase, speed, sound), `time`, and `skip` (detail: Range) when a gap is passed over. */
export class Deck extends EventTarget {
  videos = [makeVideo(), makeVideo()];
  /** @type {Phase} */
  phase = 'idle';
  error = '';
  #session;
  /** @type {Loaded | null} */
  #movie = null;
  /** @type {Loaded | null} */
  #next = null;
  /** @type {AbortController | null} */
  #preparing = null;
  #run = new AbortController();
  #time = 0;
  #speed = 1;
  #muted = false;

  /** @param {Session} session */
  constructor(session) {
    super();
    this.#session = session;
    for (const video of this.videos) {
      video.addEventListener('ended', () => video === this.#movie?.video && this.#handleEnd());
      video.addEventListener('error', () => video === this.#movie?.video && void this.#handleRefusal(video));
      video.addEventListener('play', () => video === this.#movie?.video && this.#set('playing'));
      // A video that ends pauses first; only a pause in its middle is somebody's wish.
      video.addEventListener('pause', () => video === this.#movie?.video && !video.ended && this.phase === 'playing' && this.#set('paused'));
    }
  }

  /** The clock's time of the picture. */
  get time() {
    const movie = this.#movie;
    return movie && (this.phase === 'playing' || this.phase === 'paused') ? wallOf(movie, movie.video.currentTime) : this.#time;
  }

  /** Whether the picture moves or is meant to. */
  get isRunning() {
    return this.phase === 'playing' || this.phase === 'loading' || this.phase === 'waiting';
  }

  /** The video on screen, if a window is loaded. */
  get video() {
    return this.phase === 'idle' ? null : (this.#movie?.video ?? null);
  }

  get speed() {
    return this.#speed;
  }

  set speed(speed) {
    this.#speed = speed;
    for (const video of this.videos) {
      // The default is what a video has after it loads the next window.
      video.defaultPlaybackRate = speed;
      video.playbackRate = speed;
    }
    this.dispatchEvent(new Event('change'));
  }

  get muted() {
    return this.#muted;
  }

  set muted(muted) {
    this.#muted = muted;
    for (const video of this.videos) video.muted = muted;
    this.dispatchEvent(new Event('change'));
  }

  toggle() {
    if (this.isRunning) this.pause();
    else this.play();
  }

  play() {
    void this.seek(this.phase === 'ended' ? this.#session.time : this.time, true);
  }

  pause() {
    const movie = this.#movie;
    if (this.phase === 'playing' && movie) {
      movie.video.pause();
      return;
    }
    // While loading or waiting: stays at the moment that was asked for.
    this.#stop();
    this.#set('idle');
  }

  /**
   * Goes to a moment. Without playing, nothing is fetched unless the moment is in the window at hand.
   * @param {number} time
   * @param {boolean} [play]
   */
  async seek(time, play = this.isRunning) {
    const movie = this.#movie;
    this.#run.abort();
    this.#run = new AbortController();
    this.#time = time;
    if (movie && isIn(movie, time) && !movie.video.error) {
      movie.video.currentTime = secondsOf(movie, time);
      this.#set(play ? 'playing' : 'paused');
      if (play) void this.#start(movie);
      else movie.video.pause();
      this.dispatchEvent(new Event('time'));
      return;
    }
    movie?.video.pause();
    this.#forgetNext();
    this.#set(play ? 'loading' : 'idle');
    this.dispatchEvent(new Event('time'));
    if (play) await this.#load(time, this.#run.signal);
  }

  /** Forgets everything: another stream is chosen. @param {number} time */
  reset(time) {
    this.#stop();
    this.#time = time;
    this.#set('idle');
  }

  /** Once for each frame on screen: tells the time, and sees to the next window. */
  tick() {
    const movie = this.#movie;
    if (this.phase !== 'playing' || !movie) return;
    this.#time = this.time;
    this.dispatchEvent(new Event('time'));
    if (isNextDue(movie, this.#time, this.#speed)) void this.#prepare(movie);
  }

  /**
   * @param {number} time
   * @param {AbortSignal} signal
   */
  async #load(time, signal) {
    try {
      const plan = await this.#plan(time);
      if (signal.aborted) return;
      if (plan.kind === 'end') return this.#waitOrEnd(time);
      const spare = this.#movie?.video === this.videos[0] ? this.videos[1] : this.videos[0];
      const loaded = await this.#fetch(plan, /** @type {HTMLVideoElement} */ (spare), signal);
      if (!signal.aborted) await this.#show(loaded);
    } catch (error) {
      if (!signal.aborted) await this.#fail(error, time);
    }
  }

  /**
   * What to play from a moment. At the end of a recording that goes on, a short rest is the end for now.
   * @param {number} time
   */
  async #plan(time) {
    const spans = (await this.#session.data?.spansFrom(time)) ?? [];
    const plan = planAt(spans, time);
    const isNewest = plan.kind === 'window' && plan.to === spans.at(-1)?.to;
    if (isNewest && this.#session.isRecording && plan.to - plan.at < LIVE_PIECE_MS) return /** @type {const} */ ({ kind: 'end', last: plan.to });
    return plan;
  }

  /**
   * Loads a window into a video and puts it at its beginning.
   * @param {Window} plan
   * @param {HTMLVideoElement} video
   * @param {AbortSignal} signal
   * @returns {Promise<Loaded>}
   */
  async #fetch(plan, video, signal) {
    const url = exportUrl(this.#session.data?.stream ?? '', plan);
    const startsAt = (await startOf(url, signal)) ?? plan.from;
    signal.throwIfAborted();
    const movie = { startsAt, to: plan.to, video, gap: plan.gap };
    video.src = url.href;
    video.preload = 'auto';
    video.load();
    await happens(video, 'loadedmetadata', signal);
    const seconds = secondsOf(movie, plan.at);
    if (seconds > 0) {
      video.currentTime = seconds;
      await Promise.race([happens(video, 'seeked', signal), sleep(PICTURE_WAIT_MS)]);
    } else if (video.readyState < HTMLMediaElement.HAVE_CURRENT_DATA) {
      await Promise.race([happens(video, 'loadeddata', signal), sleep(PICTURE_WAIT_MS)]);
    }
    return movie;
  }

  /** Puts a loaded window on screen and plays it. @param {Loaded} movie */
  async #show(movie) {
    const before = this.#movie?.video;
    this.#movie = movie;
    if (before !== movie.video) before?.pause();
    this.#next = null;
    if (movie.gap) this.dispatchEvent(new CustomEvent('skip', { detail: movie.gap }));
    this.#set('playing');
    await this.#start(movie);
  }

  /** @param {Loaded} movie */
  async #start(movie) {
    movie.video.muted = this.#muted;
    movie.video.playbackRate = this.#speed;
    try {
      await movie.video.play();
    } catch (error) {
      if (this.#movie !== movie || this.phase !== 'playing') return;
      // Without a click on the page, browsers play only what makes no sound.
      if (error instanceof DOMException && error.name === 'NotAllowedError' && !this.#muted) {
        this.muted = true;
        await this.#start(movie);
      } else if (!movie.video.error) {
        this.#set('paused');
      }
    }
  }

  /** Makes the window after this one ready in the other video. @param {Loaded} movie */
  async #prepare(movie) {
    if (this.#preparing || this.#next) return;
    const preparing = new AbortController();
    this.#preparing = preparing;
    try {
      const plan = await this.#plan(movie.to);
      if (plan.kind === 'window' && !preparing.signal.aborted && this.#movie === movie) {
        const spare = movie.video === this.videos[0] ? this.videos[1] : this.videos[0];
        const next = await this.#fetch(plan, /** @type {HTMLVideoElement} */ (spare), preparing.signal);
        if (!preparing.signal.aborted && this.#movie === movie) this.#next = next;
      } else if (plan.kind === 'end') {
        // Looked at again in a while, not with each frame; the window has at least as long to go.
        await sleep(LIVE_WAIT_MS);
      }
    } catch {
      // Tried again when the window is at its end; then an error is shown.
      await sleep(LIVE_WAIT_MS);
    }
    if (this.#preparing !== preparing) return;
    this.#preparing = null;
    if (this.#movie === movie && movie.video.ended && this.phase === 'loading') this.#handleEnd();
  }

  #handleEnd() {
    const movie = this.#movie;
    if (!movie) return;
    this.#time = movie.to;
    if (this.#next) {
      void this.#show(this.#next);
      return;
    }
    this.#set('loading');
    // What is under way comes sooner than what is begun anew.
    if (this.#preparing) return;
    this.#run.abort();
    this.#run = new AbortController();
    void this.#load(movie.to, this.#run.signal);
  }

  /** @param {number} time */
  #waitOrEnd(time) {
    if (!this.#session.isRecording || Date.now() - time > MINUTE_MS) {
      this.#set('ended');
      return;
    }
    this.#set('waiting');
    const { signal } = this.#run;
    setTimeout(() => !signal.aborted && void this.#load(time, signal), LIVE_WAIT_MS);
  }

  /** @param {HTMLVideoElement} video */
  async #handleRefusal(video) {
    const at = this.#time;
    await this.#fail(video.error ?? new Error('the browser gave the movie up'), at);
  }

  /**
   * @param {unknown} error
   * @param {number} time
   */
  async #fail(error, time) {
    const { signal } = this.#run;
    const text = await this.#explain(error, time);
    if (signal.aborted) return;
    this.#stop();
    this.#time = time;
    this.error = text;
    this.#set('failed');
  }

  /**
   * @param {unknown} error
   * @param {number} time
   */
  async #explain(error, time) {
    if (error instanceof ServerError) {
      const message = error.status === 404 ? 'Nothing is recorded at this moment' : error.message;
      return adviceFor({ status: error.status, message });
    }
    if (error instanceof Unreachable) return `${error.message} Check the server and the network, then play again.`;
    const refused = error instanceof MediaError && error.code !== MediaError.MEDIA_ERR_NETWORK;
    if (!refused) return 'The connection broke while loading. Play again to go on from here.';
    const stream = this.#session.data?.stream ?? '';
    return cannotPlayText(await getCodecs(stream, { from: time, to: time + SECOND_MS }).catch(() => ''));
  }

  #forgetNext() {
    this.#preparing?.abort();
    this.#preparing = null;
    this.#next = null;
  }

  #stop() {
    this.#run.abort();
    this.#run = new AbortController();
    this.#forgetNext();
    this.#movie = null;
    for (const video of this.videos) {
      video.removeAttribute('src');
      video.load();
    }
  }

  /** @param {Phase} phase */
  #set(phase) {
    this.phase = phase;
    this.dispatchEvent(new Event('change'));
  }
}

function makeVideo() {
  return el('video', { playsinline: true, preload: 'auto', class: 'stage-video', tabindex: '-1' });
}

/** @param {number} ms */
function sleep(ms) {
  return new Promise((done) => setTimeout(done, ms));
}

/**
 * @param {HTMLVideoElement} video
 * @param {string} kind
 * @param {AbortSignal} signal
 * @returns {Promise<void>}
 */
function happens(video, kind, signal) {
  return new Promise((resolve, reject) => {
    video.addEventListener(kind, () => resolve(), { once: true, signal });
    video.addEventListener('error', () => reject(video.error), { once: true, signal });
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
}
