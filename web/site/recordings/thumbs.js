// Pictures of moments without playing: a strip of key frames for the view, and one exact key frame after a rest.
// Owns the strips it has fetched and the hidden videos that decode them.

import { getFrame, getStrip } from './api.js';
import { FINE_AFTER_MS, frameAt, parseTimes, serves, stripFor, stripSeconds } from './strip-plan.js';
import { el } from '../ui/dom.js';

/**
 * @typedef {import('./session.js').Session} Session
 * @typedef {import('./strip-plan.js').StripPlan} StripPlan
 *
 * @typedef {StripPlan & { times: number[], video: HTMLVideoElement, url: string }} Strip
 */

/** Strips kept: 5, the way in from a day to a minute and back. One has some megabytes. */
const STRIPS_MAX = 5;
/** The view must rest this long before a strip is fetched for it. */
const SETTLE_MS = 250;
/** The pointer must rest this long before the exact frame is fetched. */
const FINE_MS = 350;
/** A seek that takes longer is given up; the next wish is served. */
const SEEK_WAIT_MS = 1_500;

export class Thumbs {
  #session;
  /** The newest used last. @type {Strip[]} */
  #strips = [];
  #loading = new AbortController();
  #fine = new AbortController();
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #settle;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #rest;
  /** @type {{ time: number, canvases: HTMLCanvasElement[] } | null} */
  #wish = null;
  /** What was asked for last and is still looked at. @type {{ time: number, canvases: HTMLCanvasElement[] } | null} */
  #last = null;
  #drawing = false;
  /** Rises with each wish, so that a picture that comes late is not drawn over a newer one. */
  #turn = 0;

  /** @param {Session} session */
  constructor(session) {
    this.#session = session;
  }

  /** Forgets the pictures: another stream is chosen. */
  reset() {
    this.cancel();
    this.#loading.abort();
    clearTimeout(this.#settle);
    for (const strip of this.#strips.splice(0)) drop(strip);
  }

  /** Fetches a strip for the view, once it rests. @param {number} width of the timeline */
  prepare(width) {
    clearTimeout(this.#settle);
    this.#settle = setTimeout(() => void this.#fetchStrip(width), SETTLE_MS);
  }

  /**
   * Draws the picture of a moment, as well as it is known, and better after a rest.
   * @param {number} time
   * @param {HTMLCanvasElement[]} canvases
   * @param {{ exact?: boolean }} [how] exact: the true key frame at once
   */
  draw(time, canvases, { exact = false } = {}) {
    this.#fine.abort();
    this.#turn += 1;
    clearTimeout(this.#rest);
    this.#wish = { time, canvases };
    void this.#serve();
    const near = this.#nearest(time);
    // Until the right picture is there, the one from elsewhere is seen to be old.
    if (!near) for (const canvas of canvases) canvas.dataset.stale = '';
    if (near && Math.abs(near.at - time) < FINE_AFTER_MS && !exact) return;
    this.#fine = new AbortController();
    const { signal } = this.#fine;
    this.#rest = setTimeout(() => void this.#fetchFrame(time, canvases, signal), exact ? 0 : FINE_MS);
  }

  /** Nothing more is wanted. */
  cancel() {
    this.#turn += 1;
    this.#wish = null;
    this.#last = null;
    this.#fine.abort();
    clearTimeout(this.#rest);
  }

  /** @param {number} width */
  async #fetchStrip(width) {
    const { data, view } = this.#session;
    const plan = data && stripFor(view, width, data.timeline.spans);
    if (!data || !plan || this.#strips.some((strip) => serves(strip, plan))) return;
    this.#loading.abort();
    this.#loading = new AbortController();
    const { signal } = this.#loading;
    try {
      const { movie, times } = await getStrip(data.stream, plan, signal);
      const url = URL.createObjectURL(movie);
      const strip = { ...plan, times: parseTimes(times), video: hiddenVideo(url), url };
      await loaded(strip.video, signal);
      if (strip.times.length === 0) return drop(strip);
      this.#strips.push(strip);
      for (const old of this.#strips.splice(0, this.#strips.length - STRIPS_MAX)) drop(old);
      if (this.#last) this.draw(this.#last.time, this.#last.canvases);
    } catch {
      // Without pictures the timeline still tells what is recorded; playing tells what is wrong.
    }
  }

  /** The strip and frame closest before a moment. @param {number} time */
  #nearest(time) {
    let best = null;
    for (const strip of this.#strips) {
      if (time < strip.from || time > strip.to + FINE_AFTER_MS) continue;
      const index = frameAt(strip.times, time);
      const at = strip.times[index] ?? 0;
      if (!best || Math.abs(at - time) < Math.abs(best.at - time)) best = { strip, index, at };
    }
    return best;
  }

  /** Draws the newest wish, again and again until there is none: wishes in between are passed over. */
  async #serve() {
    if (this.#drawing) return;
    this.#drawing = true;
    while (this.#wish) {
      const { time, canvases } = this.#wish;
      const turn = this.#turn;
      this.#last = this.#wish;
      this.#wish = null;
      const near = this.#nearest(time);
      if (!near) continue;
      const { video } = near.strip;
      const seconds = stripSeconds(near.index);
      if (Math.abs(video.currentTime - seconds) > 0.1) {
        video.currentTime = seconds;
        await seeked(video);
      }
      // A wish that came meanwhile is for about the same place; nothing at all means that nobody looks any more.
      if (turn === this.#turn || this.#wish) paint(video, canvases);
    }
    this.#drawing = false;
  }

  /**
   * @param {number} time
   * @param {HTMLCanvasElement[]} canvases
   * @param {AbortSignal} signal
   */
  async #fetchFrame(time, canvases, signal) {
    const { data } = this.#session;
    if (!data) return;
    let url = '';
    try {
      const frame = await getFrame(data.stream, time, signal);
      url = URL.createObjectURL(frame.movie);
      const video = hiddenVideo(url);
      await loaded(video, signal);
      if (!signal.aborted) paint(video, canvases);
      release(video);
    } catch {
      // As with strips.
    }
    URL.revokeObjectURL(url);
  }
}

/** @param {string} url */
function hiddenVideo(url) {
  const video = el('video', { muted: true, playsinline: true, preload: 'auto' });
  video.muted = true;
  video.src = url;
  return video;
}

/** @param {HTMLVideoElement} video */
function release(video) {
  video.removeAttribute('src');
  video.load();
}

/** @param {Strip} strip */
function drop(strip) {
  release(strip.video);
  URL.revokeObjectURL(strip.url);
}

/**
 * @param {HTMLVideoElement} video
 * @param {AbortSignal} signal
 * @returns {Promise<void>}
 */
function loaded(video, signal) {
  return new Promise((resolve, reject) => {
    video.addEventListener('loadeddata', () => resolve(), { once: true });
    video.addEventListener('error', () => reject(video.error), { once: true });
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
}

/**
 * @param {HTMLVideoElement} video
 * @returns {Promise<void>}
 */
function seeked(video) {
  return new Promise((resolve) => {
    video.addEventListener('seeked', () => resolve(), { once: true });
    setTimeout(resolve, SEEK_WAIT_MS);
  });
}

/**
 * @param {HTMLVideoElement} video
 * @param {HTMLCanvasElement[]} canvases
 */
function paint(video, canvases) {
  if (video.videoWidth === 0) return;
  for (const canvas of canvases) {
    const width = Math.min(video.videoWidth, Number(canvas.dataset.width) || video.videoWidth);
    canvas.width = width;
    canvas.height = Math.round((width / video.videoWidth) * video.videoHeight);
    canvas.getContext('2d')?.drawImage(video, 0, 0, canvas.width, canvas.height);
    canvas.dataset.painted = '';
    delete canvas.dataset.stale;
  }
}
